/*
 * test_worktime.c
 *	  Examples and laws of working time (extension/worktime/calendar.h,
 *	  backoff.h), as TAP.
 *
 *		cc tests/unit/test_worktime.c extension/worktime/[*].c -Iextension
 *
 * The examples are what an office would say; the laws are in worktime_laws.h.
 */
#include "tap.h"
#include "worktime_laws.h"
#include "worktime/backoff.h"

/* ---------- dates for people ---------- */

/* Days since 2000-01-01, by counting years from March. */
static int32_t
date(int year, int month, int day)
{
	int y = month > 2 ? year : year - 1;
	int m = (month + 9) % 12;

	return (int32_t) (y * 365 + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 + day - 1 - 730425);
}

static int64_t
utc(int32_t day, int hour, int minute)
{
	return day * DAY + hour * HOUR + minute * MINUTE;
}

/* A local time of the calendar's zone; hour may be 24. */
static int64_t
local(const Made *made, int32_t day, int hour, int minute)
{
	int32_t sec = hour * 3600 + minute * 60;

	return zone_to_utc((void *) &made->zone, day + sec / 86400, sec % 86400);
}

static void
same(int64_t got, int64_t wanted, const char *name)
{
	if (!ok(got == wanted, "%s", name))
		printf("# got %" PRId64 " us, wanted %" PRId64 " us (%.6f h more)\n", got, wanted,
			   ((double) got - (double) wanted) / HOUR);
}

/* ---------- examples ---------- */

static const WorkSpan office_hours[] = {{9 * 3600, 12 * 3600}, {14 * 3600, 17 * 3600 + 1800}};

static void
make_office(Made *made, int64_t offset)
{
	WorkDay weekday;

	made_init(made, offset);
	weekday = made_hours(made, 2, office_hours);
	for (int i = 0; i < 5; i++)
		made->cal.week[i] = weekday;
}

/*
 * 2026: Spring Festival from Sunday 15 to Monday 23 February, worked for on
 * Saturday 14 and Saturday 28; mornings only on Tuesday 10 March.
 */
static void
make_china(Made *made)
{
	WorkDay full;
	WorkDay half;
	WorkDay closed;

	make_office(made, 8 * HOUR);
	full = made->cal.week[0];
	half = made_hours(made, 1, office_hours);
	closed = made_hours(made, 0, NULL);
	made_special(made, date(2026, 2, 14), full);
	for (int day = 15; day <= 23; day++)
		made_special(made, date(2026, 2, day), closed);
	made_special(made, date(2026, 2, 28), full);
	made_special(made, date(2026, 3, 10), half);
}

/* Clocks go forward on 29 March 2026 and back on 25 October, at 01:00 UTC. */
static void
make_summer_time(Made *made)
{
	made_jump(made, utc(date(2026, 3, 29), 1, 0), 2 * HOUR);
	made_jump(made, utc(date(2026, 10, 25), 1, 0), 1 * HOUR);
}

static void
make_every_day(Made *made, int64_t offset, int nspans, const WorkSpan *spans)
{
	WorkDay hours;

	made_init(made, offset);
	hours = made_hours(made, nspans, spans);
	for (int i = 0; i < 7; i++)
		made->cal.week[i] = hours;
}

static void
test_office(void)
{
	Made				made;
	const WorkCalendar *cal = &made.cal;
	int32_t				mon = date(2026, 1, 5);
	int32_t				fri = date(2026, 1, 9);

	make_china(&made);
	same(work_add(cal, local(&made, mon, 10, 0), 1 * HOUR), local(&made, mon, 11, 0),
		 "an hour in the morning");
	same(work_add(cal, local(&made, mon, 11, 30), 1 * HOUR), local(&made, mon, 14, 30), "an hour over noon");
	same(work_add(cal, local(&made, mon, 11, 0), 1 * HOUR), local(&made, mon, 12, 0),
		 "used up at closing time");
	same(work_add(cal, local(&made, mon, 11, 0), 1 * HOUR + 1), local(&made, mon, 14, 0) + 1,
		 "a microsecond more is after noon");
	same(work_add(cal, local(&made, mon, 7, 0), 1 * HOUR), local(&made, mon, 10, 0), "before opening");
	same(work_add(cal, local(&made, fri, 17, 0), 1 * HOUR), local(&made, fri + 3, 9, 30), "over the weekend");
	same(work_add(cal, local(&made, mon, 9, 0), 5 * (6 * HOUR + 30 * MINUTE)), local(&made, fri, 17, 30),
		 "a week's work is used up on Friday");
	same(work_add(cal, local(&made, mon, 10, 0), 0), local(&made, mon, 10, 0), "adding nothing while open");
	same(work_add(cal, local(&made, mon, 12, 0), 0), local(&made, mon, 14, 0),
		 "adding nothing at noon goes to the next opening");
	same(work_add(cal, local(&made, mon, 10, 0), -5), local(&made, mon, 10, 0),
		 "less than nothing is nothing");
	same(work_next_opening(cal, local(&made, fri, 17, 30)), local(&made, fri + 3, 9, 0),
		 "Friday's closing time, next opening is Monday");
	same(work_between(cal, local(&made, mon, 0, 0), local(&made, mon + 7, 0, 0)), 32 * HOUR + 30 * MINUTE,
		 "hours of a week");
	same(work_between(cal, local(&made, mon, 16, 0), local(&made, mon, 10, 0)), -4 * HOUR,
		 "measured backwards");
	ok(work_is_open(cal, local(&made, mon, 9, 0)), "open from opening time");
	ok(!work_is_open(cal, local(&made, mon, 9, 0) - 1), "not before");
	ok(!work_is_open(cal, local(&made, mon, 12, 0)), "closed at closing time");
	ok(work_is_workday(cal, local(&made, mon, 23, 59)), "Monday night is of a working day");
	ok(!work_is_workday(cal, local(&made, mon - 1, 10, 0)), "Sunday is not a working day");
}

static void
test_spring_festival(void)
{
	Made				made;
	const WorkCalendar *cal = &made.cal;
	int32_t				sat = date(2026, 2, 14);
	int32_t				tue = date(2026, 2, 24);

	make_china(&made);
	ok(work_is_workday(cal, local(&made, sat, 8, 0)), "make-up Saturday is a working day");
	ok(!work_is_workday(cal, local(&made, date(2026, 2, 18), 10, 0)), "a Wednesday of the festival is not");
	ok(!work_is_workday(cal, local(&made, date(2026, 2, 21), 10, 0)), "nor the Saturday in it");
	same(work_add(cal, local(&made, sat - 1, 17, 0), 1 * HOUR), local(&made, sat, 9, 30),
		 "Friday evening goes on on the make-up Saturday");
	same(work_add(cal, local(&made, sat, 17, 0), 1 * HOUR), local(&made, tue, 9, 30),
		 "make-up Saturday goes on after the festival");
	same(work_next_opening(cal, local(&made, date(2026, 2, 17), 0, 0)), local(&made, tue, 9, 0),
		 "New Year's Day: next opening");
	same(work_between(cal, local(&made, sat, 17, 0), local(&made, tue, 10, 0)), 1 * HOUR + 30 * MINUTE,
		 "work over the festival");
	same(work_between(cal, local(&made, date(2026, 3, 10), 0, 0), local(&made, date(2026, 3, 11), 0, 0)),
		 3 * HOUR, "half day");
	same(work_add(cal, local(&made, date(2026, 3, 10), 11, 0), 2 * HOUR),
		 local(&made, date(2026, 3, 11), 10, 0), "over the half day's afternoon");
}

static void
test_working_days(void)
{
	Made				made;
	const WorkCalendar *cal = &made.cal;
	int32_t				mon = date(2026, 1, 5);
	int32_t				fri = date(2026, 1, 9);
	int32_t				sat = date(2026, 2, 14);

	make_china(&made);
	same(work_add_days(cal, local(&made, mon, 10, 0), 0), local(&made, mon, 17, 30), "Monday 10:00 + 0 days");
	same(work_add_days(cal, local(&made, mon, 10, 0), 1), local(&made, mon + 1, 17, 30),
		 "Monday 10:00 + 1 day");
	same(work_add_days(cal, local(&made, mon, 7, 0), 1), local(&made, mon + 1, 17, 30),
		 "Monday before opening + 1 day");
	same(work_add_days(cal, local(&made, mon, 13, 0), 1), local(&made, mon + 1, 17, 30),
		 "Monday noon + 1 day");
	same(work_add_days(cal, local(&made, mon, 10, 0), 5), local(&made, mon + 7, 17, 30),
		 "Monday 10:00 + 5 days");
	same(work_add_days(cal, local(&made, fri, 17, 29), 1), local(&made, fri + 3, 17, 30),
		 "Friday 17:29 + 1 day");
	same(work_add_days(cal, local(&made, fri, 17, 30), 1), local(&made, fri + 4, 17, 30),
		 "Friday 17:30 + 1 day");
	same(work_add_days(cal, local(&made, fri, 18, 30), 1), local(&made, fri + 4, 17, 30),
		 "Friday 18:30 + 1 day");
	same(work_add_days(cal, local(&made, fri, 18, 30), 0), local(&made, fri + 3, 17, 30),
		 "Friday 18:30 + 0 days");
	same(work_add_days(cal, local(&made, fri + 2, 12, 0), 1), local(&made, fri + 4, 17, 30),
		 "Sunday + 1 day");
	same(work_add_days(cal, local(&made, mon, 10, 0), -3), local(&made, mon, 17, 30),
		 "less than no days is none");
	same(work_add_days(cal, local(&made, sat - 1, 10, 0), 1), local(&made, sat, 17, 30),
		 "make-up Saturday counts");
	same(work_add_days(cal, local(&made, sat, 10, 0), 1), local(&made, date(2026, 2, 24), 17, 30),
		 "the festival does not");
	same(work_add_days(cal, local(&made, sat + 2, 10, 0), 5), local(&made, date(2026, 3, 2), 17, 30),
		 "begun in the festival, the second Saturday counts");
	same(work_add_days(cal, local(&made, date(2026, 3, 9), 10, 0), 1), local(&made, date(2026, 3, 10), 12, 0),
		 "a half day ends at noon");
	same(work_add_days(cal, local(&made, date(2026, 3, 10), 12, 0), 1),
		 local(&made, date(2026, 3, 12), 17, 30), "after the half day's closing");
}

static void
test_night_shift(void)
{
	static const WorkSpan night[] = {{0, 8 * 3600 + 1800}, {22 * 3600, 86400}};
	Made				  made;
	const WorkCalendar	 *cal = &made.cal;
	int32_t				  day = date(2026, 6, 1);
	int32_t				  spring = date(2026, 3, 28);
	int32_t				  autumn = date(2026, 10, 24);

	make_every_day(&made, 1 * HOUR, 2, night);
	make_summer_time(&made);
	same(work_add(cal, local(&made, day, 21, 0), 10 * HOUR), local(&made, day + 1, 8, 0),
		 "a night is one stretch");
	same(work_add(cal, local(&made, day, 23, 0), 1 * HOUR), local(&made, day, 24, 0), "used up at midnight");
	same(work_add(cal, local(&made, day, 23, 0), 1 * HOUR + 1), local(&made, day, 24, 0) + 1,
		 "and on without a gap");
	same(work_add(cal, local(&made, day, 24, 0), 0), local(&made, day, 24, 0), "midnight is open");
	same(work_add(cal, local(&made, day, 8, 30), 1), local(&made, day, 22, 0) + 1, "over the day");
	same(work_between(cal, local(&made, day, 12, 0), local(&made, day + 1, 12, 0)), 10 * HOUR + 30 * MINUTE,
		 "hours of a night");
	same(work_add_days(cal, local(&made, day, 12, 0), 0), local(&made, day, 24, 0),
		 "the day ends at midnight");
	same(work_add_days(cal, local(&made, day, 24, 0), 0), local(&made, day + 1, 24, 0),
		 "midnight is of the new day");
	same(work_between(cal, local(&made, spring, 12, 0), local(&made, spring + 1, 12, 0)),
		 9 * HOUR + 30 * MINUTE, "the night clocks go forward");
	same(work_add(cal, local(&made, spring, 22, 0), 5 * HOUR), local(&made, spring + 1, 4, 0),
		 "adding over the spring jump");
	same(work_between(cal, local(&made, autumn, 12, 0), local(&made, autumn + 1, 12, 0)),
		 11 * HOUR + 30 * MINUTE, "the night clocks go back");
	same(work_add(cal, local(&made, autumn, 22, 0), 6 * HOUR), local(&made, autumn + 1, 3, 0),
		 "adding over the autumn jump");
}

static void
test_jump_inside_hours(void)
{
	static const WorkSpan early[] = {{2 * 3600, 2 * 3600 + 1800}, {2 * 3600 + 2700, 4 * 3600}};
	static const WorkSpan lost[] = {{2 * 3600, 3 * 3600}};
	Made				  made;
	const WorkCalendar	 *cal = &made.cal;
	int32_t				  spring = date(2026, 3, 29);
	int32_t				  autumn = date(2026, 10, 25);

	make_every_day(&made, 1 * HOUR, 2, early);
	make_summer_time(&made);
	same(work_next_opening(cal, utc(spring, 0, 0)), utc(spring, 1, 0),
		 "a time left out opens at the jump's end");
	same(work_between(cal, utc(spring, 0, 0), utc(spring, 12, 0)), 1 * HOUR,
		 "what spring leaves of the hours");
	same(work_between(cal, utc(autumn, 0, 0), utc(autumn, 0, 45)), 30 * MINUTE,
		 "the first 2:00 to 2:30 is open");
	ok(work_is_open(cal, utc(autumn, 1, 10)), "the repeated hour is of the span open before");
	same(work_between(cal, utc(autumn, 0, 0), utc(autumn, 12, 0)), 2 * HOUR + 45 * MINUTE,
		 "what autumn makes of the hours");

	make_every_day(&made, 1 * HOUR, 1, lost);
	make_summer_time(&made);
	ok(!work_is_workday(cal, utc(spring, 12, 0)), "no working day when the jump takes all its hours");
	same(work_add_days(cal, utc(spring - 1, 0, 0), 1), utc(spring + 1, 1, 0), "nor does it count as one");
	same(work_between(cal, utc(spring, 0, 0), utc(spring + 1, 0, 0)), 0, "nor is there work");
}

static void
test_jump_at_midnight(void)
{
	static const WorkSpan night[] = {{0, 3600}, {82800, 86400}};
	Made				  made;
	const WorkCalendar	 *cal = &made.cal;
	int32_t				  day = date(2026, 10, 18);

	/* no 0:00 to 1:00 on the 18th, as Brazil did it */
	make_every_day(&made, -3 * HOUR, 2, night);
	made_jump(&made, utc(day, 3, 0), -2 * HOUR);
	same(work_between(cal, utc(day - 1, 12, 0), utc(day, 12, 0)), 1 * HOUR, "spring at midnight");
	same(work_add(cal, utc(day, 2, 30), 1 * HOUR), utc(day + 1, 1, 30), "adding over it");

	/* back from 0:01 to 23:01 of the day before, as Newfoundland did it */
	make_every_day(&made, -3 * HOUR, 2, night);
	made_jump(&made, utc(day, 3, 1), -4 * HOUR);
	same(work_between(cal, utc(day - 1, 12, 0), utc(day, 12, 0)), 3 * HOUR, "autumn over midnight");
	ok(work_is_open(cal, utc(day, 3, 30)), "yesterday's date shown again is still today");
	same(work_add(cal, utc(day, 3, 30), 90 * MINUTE), utc(day, 5, 0), "adding from within it");

	/* no 18th at all, as Samoa did it */
	make_office(&made, -11 * HOUR);
	for (int i = 5; i < 7; i++)
		made.cal.week[i] = made.cal.week[0];
	made_jump(&made, utc(day, 11, 0), 13 * HOUR);
	same(work_add_days(cal, utc(day, 0, 0), 1), utc(day + 1, 4, 30), "a day that never was does not count");
	same(work_add(cal, utc(day, 4, 0), 1 * HOUR), utc(day, 20, 30), "nor has it hours");
}

static void
test_always_open(void)
{
	static const WorkSpan all_day[] = {{0, 86400}};
	static const WorkSpan quarters[] = {{0, 21600}, {21600, 43200}, {43200, 64800}, {64800, 86400}};
	Made				  made;
	const WorkCalendar	 *cal = &made.cal;
	int64_t				  at = utc(date(2026, 3, 28), 13, 37) + 123456;

	make_every_day(&made, 1 * HOUR, 1, all_day);
	make_summer_time(&made);
	same(work_add(cal, at, 400 * DAY + 1), at + 400 * DAY + 1, "24 hours: adding is adding, over both jumps");
	same(work_between(cal, at, at + 4000 * DAY), 4000 * DAY,
		 "24 hours: measuring is subtracting, beyond ten years");
	same(work_add(cal, at, 0), at, "24 hours: always open");
	same(work_add_days(cal, at, 0), utc(date(2026, 3, 28), 23, 0), "24 hours: the day ends at midnight");
	same(work_add_days(cal, at, 5000), utc(date(2026, 3, 28) + 5000, 23, 0),
		 "24 hours: days beyond ten years");

	make_every_day(&made, 1 * HOUR, 4, quarters);
	make_summer_time(&made);
	same(work_add(cal, at, 400 * DAY + 1), at + 400 * DAY + 1, "touching spans are one");
}

static void
test_never(void)
{
	static const WorkSpan all_day[] = {{0, 86400}};
	Made				  made;
	const WorkCalendar	 *cal = &made.cal;
	int32_t				  day = date(2026, 1, 1);

	made_init(&made, 0);
	same(work_next_opening(cal, day * DAY), WORK_NEVER, "never open: no opening");
	same(work_add(cal, day * DAY, 1), WORK_NEVER, "never open: no adding");
	same(work_add_days(cal, day * DAY, 0), WORK_NEVER, "never open: no day");
	same(work_between(cal, INT64_MIN, INT64_MAX), 0, "never open: no work");

	made_special(&made, day + 3650, made_hours(&made, 1, all_day));
	same(work_next_opening(cal, day * DAY), (day + 3650) * DAY, "an opening almost ten years ahead");
	same(work_next_opening(cal, (day - 10) * DAY), WORK_NEVER, "more than ten years ahead");
	same(work_add(cal, day * DAY, DAY), (day + 3651) * DAY, "all of its time");
	same(work_add(cal, day * DAY, DAY + 1), WORK_NEVER, "and no more");
	same(work_add_days(cal, day * DAY, 1), WORK_NEVER, "one day is all there is");
}

static void
test_extremes(void)
{
	static const WorkSpan all_day[] = {{0, 86400}};
	Made				  made;
	const WorkCalendar	 *cal = &made.cal;
	int64_t				  last = WORK_LAST_INSTANT;

	make_every_day(&made, 14 * HOUR, 1, all_day);
	same(work_between(cal, INT64_MIN, INT64_MAX), 2 * last, "from minus infinity to infinity");
	same(work_between(cal, INT64_MAX, INT64_MIN), -2 * last, "and back");
	same(work_add(cal, INT64_MIN, 0), -last, "from minus infinity");
	same(work_add(cal, INT64_MIN, 2 * last), last, "all the time there is");
	same(work_add(cal, INT64_MIN, 2 * last + 1), WORK_NEVER, "more than there is");
	same(work_add(cal, 0, INT64_MAX), WORK_NEVER, "the longest amount");
	same(work_add(cal, INT64_MAX, 1), WORK_NEVER, "from infinity");
	same(work_add(cal, last, 0), WORK_NEVER, "from the last instant");
	same(work_add_days(cal, 0, INT32_MAX), WORK_NEVER, "the most days");
	same(work_add_days(cal, INT64_MAX, 0), WORK_NEVER, "days from infinity");
	ok(!work_is_open(cal, INT64_MIN) && !work_is_open(cal, last) && work_is_open(cal, last - 1),
	   "open within the limits only");
	ok(!work_is_workday(cal, INT64_MAX) && !work_is_workday(cal, INT64_MIN), "no working day beyond them");
}

/* Speed by what decides it and does not depend on the machine. */
static void
test_zone_questions(void)
{
	Made				made;
	const WorkCalendar *cal = &made.cal;
	int64_t				at;

	make_china(&made);
	at = local(&made, date(2026, 1, 5), 10, 0);
	made.zone.asked = 0;
	work_add(cal, at, 5 * (6 * HOUR + 30 * MINUTE));
	ok(made.zone.asked <= 9, "five working days ask the zone once a day");
	made.zone.asked = 0;
	work_between(cal, at, at + 3653 * DAY);
	ok(made.zone.asked <= 3655, "ten years too");
}

static void
test_backoff(void)
{
	bool   in_range = true;
	bool   spread_low = false;
	bool   spread_high = false;
	Chance chance = {1, NULL, 0};

	same(backoff_ms(1, 1000, 60000, 0), 750, "first wait, lowest");
	same(backoff_ms(1, 1000, 60000, UINT32_MAX), 1250, "first wait, highest");
	same(backoff_ms(1, 1000, 60000, UINT32_MAX / 2), 1000, "first wait, middle");
	same(backoff_ms(3, 1000, 60000, 0), 3000, "third wait is four times");
	same(backoff_ms(7, 1000, 60000, 0), 45000, "the seventh is at the cap");
	same(backoff_ms(INT32_MAX, 1000, 60000, UINT32_MAX), 75000, "and stays there, spread");
	same(backoff_ms(5, 90000, 60000, 0), 45000, "a base beyond the cap");
	same(backoff_ms(INT32_MIN, 1000, 60000, 0), 750, "no attempts is one");
	same(backoff_ms(1, INT64_MIN, INT64_MIN, 5), 1, "never less than a millisecond");
	ok(backoff_ms(INT32_MAX, INT64_MAX, INT64_MAX, UINT32_MAX) > INT64_MAX / 2, "no overflow");
	ok(backoff_ms(INT32_MAX, 1, INT64_MAX, UINT32_MAX) > INT64_MAX / 2, "no overflow by doubling");
	for (int i = 0; i < 10000; i++)
	{
		int64_t wait = backoff_ms(4, 1000, 60000, draw_bits(&chance, 4));

		in_range = in_range && wait >= 6000 && wait <= 10000;
		spread_low = spread_low || wait < 6100;
		spread_high = spread_high || wait > 9900;
	}
	ok(in_range && spread_low && spread_high, "a quarter up and down is used, and no more");
}

/* WORKTIME_CALENDARS in the environment asks for more, or fewer. */
static void
test_laws(int calendars)
{
	Chance		chance = {UINT64_C(20260214), NULL, 0};
	static Made made;

	for (int i = 0; i < calendars; i++)
	{
		random_calendar(&chance, &made, 60);
		check_laws(&chance, &made, 10);
		check_against_oracle(&chance, &made, 40);
	}
	ok(laws_broken == 0, "laws and oracle, spans on whole minutes");
	laws_broken = 0;
	for (int i = 0; i < calendars; i++)
	{
		random_calendar(&chance, &made, 1);
		check_laws(&chance, &made, 20);
	}
	ok(laws_broken == 0, "laws, spans on any second");
}

int
main(void)
{
	const char *calendars = getenv("WORKTIME_CALENDARS");

	test_office();
	test_spring_festival();
	test_working_days();
	test_night_shift();
	test_jump_inside_hours();
	test_jump_at_midnight();
	test_always_open();
	test_never();
	test_extremes();
	test_zone_questions();
	test_backoff();
	test_laws(calendars != NULL ? atoi(calendars) : 1000);
	return tap_end();
}
