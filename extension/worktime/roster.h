/*
 * roster.h
 *	  Shifts: who is on duty when, over midnight, holidays and clock changes.
 *
 * Pure C, like calendar.h, whose instants, days, times of day and zone
 * callbacks it uses.  A shift belongs to the local day on which it starts,
 * also for the part of it that lies after midnight: Friday's night shift is
 * Friday's until Saturday morning.
 *
 * A shift is on duty from the instant at which its start is first shown to the
 * instant at which its end is first shown.  So shifts that hand over to each
 * other on the wall clock do so at one instant, whatever the clocks do
 * meanwhile: the night of the spring jump is an hour shorter, that of the
 * autumn jump an hour longer, and a shift that lies wholly in the hour that
 * spring leaves out does not take place.
 *
 * Laws (tests/unit/test_roster.c holds them against random rosters):
 *
 *		shift_at(at) is true exactly when some day's shift_of_day() holds at
 *		shifts that follow each other round the clock, the same every day,
 *				leave no gap and never overlap
 *		shift_next(at) is the first start after at
 */
#ifndef TRIAGE_WORKTIME_ROSTER_H
#define TRIAGE_WORKTIME_ROSTER_H

#include "worktime/calendar.h"

/* On which days, by the calendar: a rest day is one on which it does not open. */
typedef enum ShiftDays
{
	SHIFT_EVERY_DAY,
	SHIFT_WORKDAYS,
	SHIFT_REST_DAYS
} ShiftDays;

/* What a turn lasts where several take turns. */
typedef enum ShiftTurn
{
	TURN_DAY,
	TURN_WEEK, /* from Monday */
	TURN_MONTH
} ShiftTurn;

#define SHIFT_FIRST_DAY INT32_MIN
#define SHIFT_LAST_DAY	INT32_MAX

typedef struct Shift
{
	int32_t	  starts;	/* 0 to 86399 */
	int32_t	  ends;		/* 0 to 86400; not after starts: on the next day */
	uint8_t	  weekdays; /* bit 0 = Monday */
	ShiftDays days;
	int32_t	  first_day; /* the days on which it may start ... */
	int32_t	  last_day;	 /* ... from and to, both included */
	/* of `cycle` who take turns it is the one with number `turn`, 0 in the turn that holds first_day */
	ShiftTurn turn_lasts;
	int32_t	  cycle; /* 1 = takes no turns */
	int32_t	  turn;
} Shift;

/* From start until just before end. */
typedef struct ShiftTime
{
	int64_t start;
	int64_t end;
} ShiftTime;

/* The shift that starts on a day; false when none does. */
extern bool shift_of_day(const Shift *shift, const WorkCalendar *cal, int32_t day, ShiftTime *time);

/* Is it on duty at an instant, and with which start and end? */
extern bool shift_at(const Shift *shift, const WorkCalendar *cal, int64_t at, ShiftTime *time);

/* The first start after an instant, looked for at most `days` days ahead; false when there is none. */
extern bool shift_next(const Shift *shift, const WorkCalendar *cal, int64_t at, int days, ShiftTime *time);

#endif
