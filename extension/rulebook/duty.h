/*
 * duty.h
 *	  Who is on duty: modes in force, shifts of a department, who stands in.
 *
 * A department without a roster is always there.  One that has shifts is on
 * duty while one of them is; while a mode is in force for which it has
 * shifts, these alone count.
 */
#ifndef TRIAGE_RULEBOOK_DUTY_H
#define TRIAGE_RULEBOOK_DUTY_H

#include "rulebook/book.h"

/* One row of triage.rosters. */
typedef struct DutyShift
{
	const char *code;
	const char *department_code;
	const char *team;
	const char *skill; /* NULL = whatever comes */
	const char *calendar_code;
	const char *mode_code;
	const char *substitute; /* code or kind of who stands in; NULL = the unit above */
	bool		chair;
	Calendar   *calendar;
	DutyMode   *mode; /* NULL = whenever no mode has shifts of its own */
	Shift		when;
} DutyShift;

typedef struct OnDuty
{
	const DutyShift *shift;
	ShiftTime		 time;
} OnDuty;

/* The mode in force in an area (NULL = unknown): the highest rank, then the smallest area, then by code; NULL = none. */
extern const DutyMode *mode_in_force(const Book *book, const Area *area, TimestampTz at);
/* The same where a department has its seat. */
extern const DutyMode *department_mode(const Book *book, const Department *department, TimestampTz at);

/* Up to `max` of those on duty, in order of their codes; with chair = true whose turn the chair is. */
extern int
duty_find(const Book *book, const Department *department, TimestampTz at, bool chair, OnDuty *found, int max);

/*
 * Is somebody of the department on duty who has the skill (NULL = any)?  Sets
 * who, or else next: when somebody is again, DT_NOEND = not within a month.
 */
extern bool duty_covers(const Book *book, const Department *department, const char *skill, TimestampTz at,
						OnDuty *who, TimestampTz *next);

/* Who stands in for a department that is off duty, and is on duty itself or the last resort; may be the department. */
extern Department *duty_substitute(Book *book, Department *department, Area *area, TimestampTz at);

#endif
