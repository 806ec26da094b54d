/*
 * roster.c
 *	  Shifts: who is on duty when, over midnight, holidays and clock changes.
 *
 * Everything asks shift_of_day() about the few days that matter, so that all
 * answers agree.
 */
#include "worktime/roster.h"

#define SECS_PER_DAY 86400

/* A day number that no sum of days leaves. */
#define DAY_LIMIT 150000

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

/* Months since March of year 0, for the proleptic Gregorian day. */
static int64_t
month_number(int32_t day)
{
	/* days since 0000-03-01, in years that begin in March (Howard Hinnant's method) */
	int64_t days = (int64_t) day + 730425;
	int64_t era = floor_div(days, 146097);
	int64_t of_era = days - era * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);

	return (era * 400 + year) * 12 + (5 * of_year + 2) / 153;
}

/* Which turn a day lies in, counted from anywhere. */
static int64_t
turn_number(ShiftTurn lasts, int32_t day)
{
	if (lasts == TURN_MONTH)
		return month_number(day);
	/* day 0 was a Saturday; weeks begin on Monday */
	return lasts == TURN_WEEK ? floor_div((int64_t) day + 5, 7) : day;
}

static bool
has_turn(const Shift *shift, int32_t day)
{
	int64_t since;

	if (shift->cycle <= 1)
		return true;
	since = turn_number(shift->turn_lasts, day) - turn_number(shift->turn_lasts, shift->first_day);
	return since - floor_div(since, shift->cycle) * shift->cycle == shift->turn;
}

/* 0 = Monday */
static int
weekday(int32_t day)
{
	int64_t since_monday = (int64_t) day + 5;

	return (int) (since_monday - floor_div(since_monday, 7) * 7);
}

static bool
starts_on(const Shift *shift, const WorkCalendar *cal, int32_t day)
{
	if (day < shift->first_day || day > shift->last_day || day < -DAY_LIMIT || day > DAY_LIMIT)
		return false;
	if ((shift->weekdays & 1 << weekday(day)) == 0 || !has_turn(shift, day))
		return false;
	return shift->days == SHIFT_EVERY_DAY ||
		   work_is_workday(cal, cal->to_utc(cal->arg, day, 0)) == (shift->days == SHIFT_WORKDAYS);
}

bool
shift_of_day(const Shift *shift, const WorkCalendar *cal, int32_t day, ShiftTime *time)
{
	if (!starts_on(shift, cal, day))
		return false;
	time->start = cal->to_utc(cal->arg, day, shift->starts);
	if (shift->ends <= shift->starts)
		time->end = cal->to_utc(cal->arg, day + 1, shift->ends);
	else if (shift->ends >= SECS_PER_DAY)
		time->end = cal->to_utc(cal->arg, day + 1, 0);
	else
		time->end = cal->to_utc(cal->arg, day, shift->ends);
	return time->start < time->end;
}

/*
 * Yesterday's shift may last until now.  Tomorrow's may have begun where
 * clocks went back over midnight: the date shown is not the last that began.
 */
bool
shift_at(const Shift *shift, const WorkCalendar *cal, int64_t at, ShiftTime *time)
{
	int32_t day;
	int32_t sec;

	if (at < WORK_FIRST_INSTANT || at > WORK_LAST_INSTANT)
		return false;
	cal->to_local(cal->arg, at, &day, &sec);
	for (int32_t d = day + 1; d >= day - 1; d--)
		if (shift_of_day(shift, cal, d, time) && time->start <= at && at < time->end)
			return true;
	return false;
}

bool
shift_next(const Shift *shift, const WorkCalendar *cal, int64_t at, int days, ShiftTime *time)
{
	int32_t day;
	int32_t sec;

	if (at < WORK_FIRST_INSTANT || at > WORK_LAST_INSTANT)
		return false;
	cal->to_local(cal->arg, at, &day, &sec);
	for (int32_t d = day - 1; d <= day + days; d++)
		if (shift_of_day(shift, cal, d, time) && time->start > at)
			return true;
	return false;
}
