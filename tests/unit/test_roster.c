/*
 * test_roster.c
 *	  Examples and laws of shifts (extension/worktime/roster.h), as TAP.
 *
 *		cc tests/unit/test_roster.c extension/worktime/[*].c -Iextension
 *
 * Zones, calendars and chance are those of worktime_laws.h.
 */
#define WINDOW_DAYS 8
/* the laws of calendars are not ours to hold */
#pragma GCC diagnostic ignored "-Wunused-function"
#include "tap.h"
#include "worktime_laws.h"
#include "worktime/roster.h"

#define CLOCK(h, m) ((h) *3600 + (m) *60)
#define ALL_WEEK	0x7f

/* 2026-03-02, a Monday */
#define MONDAY 9557

/* 1 January 2026 and 29 February 2028, in days since 2000 */
#define DAY_2026 9497
#define LEAP_DAY 10286

static const Shift every_day = {.starts = 0,
								.ends = 86400,
								.weekdays = ALL_WEEK,
								.first_day = SHIFT_FIRST_DAY,
								.last_day = SHIFT_LAST_DAY,
								.cycle = 1};

static Shift
shift_from(int32_t starts, int32_t ends)
{
	Shift shift = every_day;

	shift.starts = starts;
	shift.ends = ends;
	return shift;
}

/* On duty at that time of day, UTC+8? */
static bool
on(const Shift *shift, const Made *made, int32_t day, int32_t sec)
{
	ShiftTime time;

	return shift_at(shift, &made->cal, zone_to_utc((void *) &made->zone, day, sec), &time);
}

/* Weekdays are worked, the first days of the Spring Festival are not, a Saturday is made up. */
static void
office(Made *made)
{
	static const WorkSpan hours[] = {{CLOCK(8, 30), CLOCK(17, 30)}};
	WorkDay				  work;

	made_init(made, 8 * HOUR);
	work = made_hours(made, 1, hours);
	for (int i = 0; i < 5; i++)
		made->cal.week[i] = work;
	made_special(made, MONDAY + 1, made_hours(made, 0, NULL));
	made_special(made, MONDAY + 5, work);
}

static void
test_night_shift_over_midnight(void)
{
	static Made made;
	Shift		night = shift_from(CLOCK(22, 0), CLOCK(8, 30));
	ShiftTime	time;

	office(&made);
	ok(!on(&night, &made, MONDAY, CLOCK(21, 59)) && on(&night, &made, MONDAY, CLOCK(22, 0)),
	   "from ten in the evening");
	ok(on(&night, &made, MONDAY + 1, CLOCK(8, 29)) && !on(&night, &made, MONDAY + 1, CLOCK(8, 30)),
	   "to half past eight");
	ok(shift_at(&night, &made.cal, zone_to_utc(&made.zone, MONDAY + 1, CLOCK(3, 0)), &time) &&
		   time.start == zone_to_utc(&made.zone, MONDAY, CLOCK(22, 0)) &&
		   time.end - time.start == 10 * HOUR + 30 * MINUTE,
	   "in the small hours it is the shift of the day before");
	night.weekdays = 1 << 4;
	ok(on(&night, &made, MONDAY + 5, CLOCK(4, 0)) && !on(&night, &made, MONDAY + 4, CLOCK(4, 0)),
	   "Friday's night shift ends on Saturday morning");
	night.weekdays = ALL_WEEK;
	night.last_day = MONDAY;
	ok(on(&night, &made, MONDAY + 1, CLOCK(4, 0)) && !on(&night, &made, MONDAY + 1, CLOCK(23, 0)),
	   "the last day it is valid on it still lasts until morning");
	ok(shift_next(&night, &made.cal, zone_to_utc(&made.zone, MONDAY, CLOCK(12, 0)), 7, &time) &&
		   time.start == zone_to_utc(&made.zone, MONDAY, CLOCK(22, 0)),
	   "the next one is tonight");
	ok(!shift_next(&night, &made.cal, zone_to_utc(&made.zone, MONDAY, CLOCK(22, 0)), 30, &time),
	   "after the last there is none");
}

static void
test_holidays(void)
{
	static Made made;
	Shift		work = shift_from(CLOCK(8, 30), CLOCK(17, 30));
	Shift		rest = work;

	office(&made);
	work.days = SHIFT_WORKDAYS;
	rest.days = SHIFT_REST_DAYS;
	ok(on(&work, &made, MONDAY, CLOCK(9, 0)) && !on(&rest, &made, MONDAY, CLOCK(9, 0)), "a Monday is worked");
	ok(!on(&work, &made, MONDAY + 1, CLOCK(9, 0)) && on(&rest, &made, MONDAY + 1, CLOCK(9, 0)),
	   "a holiday is not");
	ok(on(&work, &made, MONDAY + 5, CLOCK(9, 0)) && !on(&rest, &made, MONDAY + 5, CLOCK(9, 0)),
	   "a Saturday that is made up is");
	ok(!on(&work, &made, MONDAY + 6, CLOCK(9, 0)) && on(&rest, &made, MONDAY + 6, CLOCK(9, 0)),
	   "Sunday is a rest day");
}

static void
test_turns(void)
{
	static Made made;
	Shift		a = every_day;
	bool		right = true;

	office(&made);
	a.cycle = 3;
	a.first_day = MONDAY;
	for (int i = 0; i < 12; i++)
		right = right && on(&a, &made, MONDAY + i, CLOCK(12, 0)) == (i % 3 == 0);
	ok(right, "every third day");
	a.turn = 2;
	ok(!on(&a, &made, MONDAY, 0) && on(&a, &made, MONDAY + 2, 0), "and the third of three");
	a.turn_lasts = TURN_WEEK;
	a.first_day = MONDAY + 3; /* a Thursday: its week counts */
	ok(!on(&a, &made, MONDAY + 13, 0) && on(&a, &made, MONDAY + 14, 0) && on(&a, &made, MONDAY + 20, 0) &&
		   !on(&a, &made, MONDAY + 21, 0),
	   "weeks begin on Monday");
	a.turn_lasts = TURN_MONTH;
	a.cycle = 2;
	a.turn = 1;
	a.first_day = DAY_2026;
	ok(!on(&a, &made, DAY_2026 + 30, 0) && on(&a, &made, DAY_2026 + 31, 0) &&
		   on(&a, &made, DAY_2026 + 58, 0) && !on(&a, &made, DAY_2026 + 59, 0),
	   "months are months: February of two, to its 28th");
	ok(on(&a, &made, LEAP_DAY, 0) && !on(&a, &made, LEAP_DAY + 1, 0), "or its 29th");
	ok(!on(&a, &made, DAY_2026 - 1, 0), "not before the first");
}

static void
test_clock_changes(void)
{
	static Made made;
	Shift		night = shift_from(CLOCK(22, 0), CLOCK(6, 0));
	Shift		hour = shift_from(CLOCK(2, 0), CLOCK(3, 0));
	ShiftTime	time;

	made_init(&made, HOUR);
	made_jump(&made, MONDAY * DAY + HOUR, 2 * HOUR);	/* Monday 2:00 -> 3:00 */
	made_jump(&made, (MONDAY + 30) * DAY + HOUR, HOUR); /* 3:00 -> 2:00 */
	ok(shift_of_day(&night, &made.cal, MONDAY - 1, &time) && time.end - time.start == 7 * HOUR,
	   "the spring night is an hour shorter");
	ok(shift_of_day(&night, &made.cal, MONDAY + 29, &time) && time.end - time.start == 9 * HOUR,
	   "the autumn night is an hour longer");
	ok(!shift_of_day(&hour, &made.cal, MONDAY, &time),
	   "what lies in the hour that is left out does not take place");
	ok(shift_of_day(&hour, &made.cal, MONDAY + 30, &time) && time.end - time.start == 2 * HOUR,
	   "in the hour shown twice the same shift stays");
}

/* ---------- laws ---------- */

static Shift
random_shift(Chance *chance)
{
	static const int32_t edges[] = {0, CLOCK(1, 59), CLOCK(2, 0), CLOCK(2, 30), CLOCK(3, 0), CLOCK(23, 59)};
	Shift				 shift = every_day;

	shift.starts = draw(chance, 2) ? edges[draw(chance, lengthof(edges))] : (int32_t) draw(chance, 86400);
	shift.ends = draw(chance, 2) ? edges[draw(chance, lengthof(edges))] : (int32_t) draw(chance, 86401);
	shift.weekdays = draw(chance, 2) ? ALL_WEEK : (uint8_t) draw(chance, 128);
	shift.days = (ShiftDays) draw(chance, 3);
	if (draw(chance, 2))
		shift.first_day = WINDOW_FIRST + (int32_t) draw(chance, WINDOW_DAYS);
	if (draw(chance, 4) == 0)
		shift.last_day = WINDOW_FIRST + (int32_t) draw(chance, WINDOW_DAYS);
	if (shift.first_day != SHIFT_FIRST_DAY && draw(chance, 2))
	{
		shift.turn_lasts = (ShiftTurn) draw(chance, 3);
		shift.cycle = 1 + (int32_t) draw(chance, 4);
		shift.turn = (int32_t) draw(chance, shift.cycle);
	}
	return shift;
}

/* Who is on duty is whose shift, of whatever day, holds the instant; the next is the least start after it. */
static void
laws_of_shift(Chance *chance, const Made *made)
{
	Shift	  shift = random_shift(chance);
	ShiftTime at_time = {0, 0};
	ShiftTime next_time = {0, 0};

	for (int i = 0; i < 20; i++)
	{
		int64_t	  a = random_instant(chance, made);
		int64_t	  b = INT64_MAX; /* next start */
		int64_t	  n = 0;
		ShiftTime time;
		bool	  is_on = shift_at(&shift, &made->cal, a, &at_time);
		bool	  is_next = shift_next(&shift, &made->cal, a, 10, &next_time);
		int		  holds = 0;

		for (int32_t day = WINDOW_FIRST - 4; day < WINDOW_FIRST + WINDOW_DAYS + 14; day++)
		{
			if (!shift_of_day(&shift, &made->cal, day, &time))
				continue;
			LAW(time.start < time.end);
			if (time.start <= a && a < time.end)
			{
				holds++;
				LAW(is_on && at_time.start == time.start && at_time.end == time.end);
			}
			if (time.start > a && time.start < b)
				b = time.start;
		}
		LAW(holds == (is_on ? 1 : 0));
		LAW(!is_next || next_time.start == b);
		/* ten days ahead reach six for certain, jumps of a day included */
		LAW(is_next || b > a + 6 * DAY);
	}
}

/* Shifts that follow each other round the clock: always exactly one. */
static void
laws_of_rota(Chance *chance, const Made *made)
{
	Shift	shifts[6];
	int		nshifts = 1 + (int) draw(chance, lengthof(shifts));
	int32_t cuts[lengthof(shifts)];

	for (int i = 0; i < nshifts; i++)
	{
		int32_t cut = draw(chance, 2) ? (int32_t) draw(chance, 24) * 3600 : (int32_t) draw(chance, 86400);
		int		at = i;

		for (; at > 0 && cuts[at - 1] > cut; at--)
			cuts[at] = cuts[at - 1];
		cuts[at] = cut;
	}
	for (int i = 0; i < nshifts; i++)
	{
		/* two cuts alike would make one shift of 24 hours beside the others */
		if (i > 0 && cuts[i] == cuts[i - 1])
			return;
		shifts[i] = shift_from(cuts[i], cuts[(i + 1) % nshifts]);
	}
	for (int i = 0; i < 40; i++)
	{
		int64_t	  a = random_instant(chance, made);
		int64_t	  b = nshifts;
		int64_t	  n = 0;
		ShiftTime time;

		for (int s = 0; s < nshifts; s++)
			n += shift_at(&shifts[s], &made->cal, a, &time);
		LAW(n == 1);
	}
}

static void
test_laws(int calendars)
{
	Chance		chance = {UINT64_C(20261122), NULL, 0};
	static Made made;

	for (int i = 0; i < calendars; i++)
	{
		random_calendar(&chance, &made, 60);
		laws_of_shift(&chance, &made);
	}
	ok(laws_broken == 0, "on duty is whose shift holds the instant, the next is the first to start");
	laws_broken = 0;
	for (int i = 0; i < calendars; i++)
	{
		random_calendar(&chance, &made, 60);
		laws_of_rota(&chance, &made);
	}
	ok(laws_broken == 0, "round the clock there is always exactly one, over every change of clocks");
}

static void
test_extremes(void)
{
	static Made made;
	ShiftTime	time;

	office(&made);
	ok(!shift_at(&every_day, &made.cal, INT64_MAX, &time) &&
		   !shift_at(&every_day, &made.cal, INT64_MIN, &time) &&
		   !shift_next(&every_day, &made.cal, INT64_MAX, 10, &time),
	   "at the ends of time nobody is on duty");
	ok(!shift_of_day(&every_day, &made.cal, INT32_MAX, &time) &&
		   !shift_of_day(&every_day, &made.cal, INT32_MIN, &time),
	   "nor on days that no date has");
}

int
main(void)
{
	const char *calendars = getenv("WORKTIME_CALENDARS");

	test_night_shift_over_midnight();
	test_holidays();
	test_turns();
	test_clock_changes();
	test_extremes();
	test_laws(calendars != NULL ? atoi(calendars) : 4000);
	return tap_end();
}
