/*
 * calendar.h
 *	  Working-time arithmetic over a calendar with opening hours.
 *
 * Pure C: no server headers, no global state, no allocation.  Instants are
 * microseconds since 2000-01-01 00:00 UTC (the server's timestamptz), days
 * are days since 2000-01-01 (the server's date), times of day are seconds
 * since local midnight, 0 to 86400.  The two zone callbacks translate between
 * local wall-clock and UTC, so that daylight saving lives with the caller.
 *
 * A span is open from the instant its opening time is first shown to the
 * instant its closing time is first shown, and counts the time that really
 * passes in between.  So a shift over the spring jump is an hour shorter and
 * one over the autumn jump an hour longer; the repeated hour belongs to
 * whatever was open just before the clocks went back.  A span that closes at
 * 86400 and one that opens at 0 on the next day are one stretch.
 *
 * Laws, for instants a, b, c and amounts n, m > 0, where no result is
 * WORK_NEVER (tests/unit/test_worktime.c holds them against random calendars):
 *
 *		work_between(a, b) + work_between(b, c) == work_between(a, c)
 *		work_between(a, work_add(a, n)) == n
 *		work_add(work_add(a, n), m) == work_add(a, n + m)
 *		work_add(a, work_between(a, b)) <= b	when work_between(a, b) > 0,
 *				and == b when work was going on just before b, that is in
 *				(opens, closes]: the time used up by Friday's closing is not
 *				used up again on Monday's opening
 *		a <= b implies work_add(a, n) <= work_add(b, n)
 */
#ifndef TRIAGE_WORKTIME_CALENDAR_H
#define TRIAGE_WORKTIME_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

/* Opening hours [opens, closes) of one weekday or one special day. */
typedef struct WorkSpan
{
	int32_t opens;	/* 0 to 86399 */
	int32_t closes; /* > opens; 86400 = midnight at the end */
} WorkSpan;

/* A day that differs from its weekday.  nspans = 0: closed. */
typedef struct WorkDay
{
	int32_t	 day;
	uint16_t first; /* index into spans */
	uint16_t nspans;
} WorkDay;

/*
 * The caller checks the order of days and spans; nothing here does.
 *
 * to_utc gives the first instant at which the local clock shows day+sec or
 * anything later: the first of two in autumn, the jump's end for a time that
 * spring leaves out.  It is asked for sec < 86400 only, about once a day
 * walked; the times within a day of exactly 24 hours are taken to lie at their
 * distance from midnight.  (No zone jumps there and back within one day.)
 */
typedef struct WorkCalendar
{
	WorkDay			week[7]; /* Monday first; their day field is unused */
	const WorkDay  *days;	 /* ascending by day, each day once */
	uint32_t		ndays;
	const WorkSpan *spans; /* ascending and disjoint within a day; may touch */

	int64_t (*to_utc)(void *arg, int32_t day, int32_t sec);
	/* local day and second of an instant */
	void (*to_local)(void *arg, int64_t at, int32_t *day, int32_t *sec);
	void *arg;
} WorkCalendar;

/* Results that do not exist: ten years on end without an opening, or too late. */
#define WORK_NEVER INT64_MAX

/*
 * Four hundred years to either side of 2000 nothing is open any more.  This
 * bounds every walk (the worst is some milliseconds) and keeps all sums far
 * from overflow, whatever instants and amounts come in, infinities included.
 */
#define WORK_LAST_INSTANT  (INT64_C(146097) * 86400 * 1000000)
#define WORK_FIRST_INSTANT (-WORK_LAST_INSTANT)

/*
 * The first instant at which `amount` microseconds of working time have passed
 * since start: a closing time rather than the next opening.  With amount = 0
 * (or less) it is the moment work can begin: start when open, else the next
 * opening.
 */
extern int64_t work_add(const WorkCalendar *cal, int64_t start, int64_t amount);

/* Working time in microseconds between a and b; negative when b is before a. */
extern int64_t work_between(const WorkCalendar *cal, int64_t a, int64_t b);

/* The first instant >= at that lies in opening hours. */
extern int64_t work_next_opening(const WorkCalendar *cal, int64_t at);

/*
 * Is the instant within opening hours?  Is its local day a working day at all,
 * that is open for any time (a span that the spring jump swallows is none)?
 */
extern bool work_is_open(const WorkCalendar *cal, int64_t at);
extern bool work_is_workday(const WorkCalendar *cal, int64_t at);

/*
 * The instant at which n working days (n >= 0) have passed, by the offices'
 * own rule: the end of the n-th working day after the day of start, where a
 * start on a closed day or after closing counts as the next working day.
 * With hours 9:00-12:00 and 14:00-17:30 on weekdays:
 *
 *		start				n = 0				n = 1
 *		Monday  7:00		Monday  17:30		Tuesday 17:30
 *		Monday 10:00		Monday  17:30		Tuesday 17:30
 *		Friday 17:30		Monday  17:30		Tuesday 17:30	(just closed)
 *		Friday 18:30		Monday  17:30		Tuesday 17:30
 *		Sunday 12:00		Monday  17:30		Tuesday 17:30
 *
 * Days are local calendar days, for shifts over midnight too; the end is the
 * day's last closing, midnight for a span that closes at 86400.
 */
extern int64_t work_add_days(const WorkCalendar *cal, int64_t start, int32_t n);

#endif
