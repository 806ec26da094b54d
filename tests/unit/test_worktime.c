/*
 * test_worktime.c
 *	  Examples and laws of working time (extension/worktime/calendar.h,
 *	  backoff.h), as TAP.
 *
 *		cc tests/unit/test_worktime.c extension/worktime/[*].c -Iextension
 *
 * The examples are what an office would say.  The laws are held against random
 * calendars in random zones, and against an oracle that knows nothing of days
 * walked or spans clipped: it looks at a wall clock once a minute.
 *
 * tests/fuzz/fuzz_worktime.c includes this file with WORKTIME_FUZZ defined and
 * holds the same laws with calendars made from the fuzzer's bytes.
 */
#include "worktime/backoff.h"
#include "worktime/calendar.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define lengthof(array) ((int) (sizeof(array) / sizeof((array)[0])))

#define SEC	   INT64_C(1000000)
#define MINUTE (60 * SEC)
#define HOUR   (60 * MINUTE)
#define DAY	   (24 * HOUR)

/* ---------- zones: a list of jumps ---------- */

typedef struct Jump
{
	int64_t at;		/* from this instant on ... */
	int64_t offset; /* ... local = UTC + offset */
} Jump;

typedef struct Zone
{
	Jump jumps[8]; /* ascending; the first at INT64_MIN */
	int	 njumps;
	long asked; /* calls of zone_to_utc */
} Zone;

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* The instant as the wall clock shows it: microseconds since local 2000-01-01. */
static int64_t
wall_clock(const Zone *zone, int64_t at)
{
	int i = zone->njumps - 1;

	while (zone->jumps[i].at > at)
		i--;
	return at + zone->jumps[i].offset;
}

static void
zone_to_local(void *arg, int64_t at, int32_t *day, int32_t *sec)
{
	int64_t wall = wall_clock(arg, at);

	*day = (int32_t) floor_div(wall, DAY);
	*sec = (int32_t) ((wall - *day * DAY) / SEC);
}

/* The first instant that shows the time or a later one. */
static int64_t
zone_to_utc(void *arg, int32_t day, int32_t sec)
{
	Zone   *zone = arg;
	int64_t wall = day * DAY + sec * SEC;
	int		i;

	zone->asked++;
	for (i = 0; i < zone->njumps - 1; i++)
	{
		if (wall - zone->jumps[i].offset < zone->jumps[i + 1].at)
			break;
	}
	if (wall - zone->jumps[i].offset < zone->jumps[i].at)
		return zone->jumps[i].at;
	return wall - zone->jumps[i].offset;
}

/* ---------- a calendar under construction ---------- */

typedef struct Made
{
	WorkCalendar cal;
	Zone		 zone;
	WorkDay		 days[64];
	WorkSpan	 spans[512];
	uint16_t	 nspans;
} Made;

static void
made_init(Made *made, int64_t offset)
{
	memset(made, 0, sizeof(*made));
	made->zone.jumps[0] = (Jump){INT64_MIN, offset};
	made->zone.njumps = 1;
	made->cal.days = made->days;
	made->cal.spans = made->spans;
	made->cal.to_utc = zone_to_utc;
	made->cal.to_local = zone_to_local;
	made->cal.arg = &made->zone;
}

static void
made_jump(Made *made, int64_t at, int64_t offset)
{
	made->zone.jumps[made->zone.njumps++] = (Jump){at, offset};
}

/* The same hours may serve several days; so spans are added, then used. */
static WorkDay
made_hours(Made *made, int nspans, const WorkSpan *spans)
{
	WorkDay hours = {0, made->nspans, (uint16_t) nspans};

	for (int i = 0; i < nspans; i++)
		made->spans[made->nspans++] = spans[i];
	return hours;
}

static void
made_special(Made *made, int32_t day, WorkDay hours)
{
	hours.day = day;
	made->days[made->cal.ndays++] = hours;
}

/* ---------- chance: from a seed, or from a fuzzer's bytes ---------- */

typedef struct Chance
{
	uint64_t	   state; /* not 0: generator */
	const uint8_t *bytes; /* else these, then zeros */
	size_t		   left;
} Chance;

static uint32_t
draw_bits(Chance *chance, int nbytes)
{
	uint32_t bits = 0;

	if (chance->state != 0)
	{
		/* xorshift64* */
		chance->state ^= chance->state >> 12;
		chance->state ^= chance->state << 25;
		chance->state ^= chance->state >> 27;
		return (uint32_t) ((chance->state * UINT64_C(2685821657736338717)) >> 32);
	}
	for (; nbytes > 0 && chance->left > 0; nbytes--, chance->left--)
		bits = bits << 8 | *chance->bytes++;
	return bits;
}

/* 0 .. limit - 1 */
static int64_t
draw(Chance *chance, int64_t limit)
{
	uint64_t bits;

	if (limit <= 256)
		return draw_bits(chance, 1) % limit;
	bits = draw_bits(chance, 4);
	if (limit > UINT32_MAX)
		bits = bits << 32 | draw_bits(chance, 4);
	return (int64_t) (bits % (uint64_t) limit);
}

/* ---------- random calendars ---------- */

/*
 * The days the oracle knows, around a date whose weekday does not matter.  A
 * fuzzer, to be quick, looks at fewer.
 */
#ifdef WORKTIME_FUZZ
#define WINDOW_DAYS 8
#else
#define WINDOW_DAYS 16
#endif
#define WINDOW_MINUTES (WINDOW_DAYS * 1440)
#define WINDOW_FIRST   9500
#define WINDOW_BEGIN   (WINDOW_FIRST * DAY)
#define WINDOW_END	   (WINDOW_BEGIN + WINDOW_DAYS * DAY)

/*
 * Up to three spans; edges like midnight, touching spans and the hours of
 * jumps come often.  `unit` is 60 for spans on whole minutes, or 1.
 */
static WorkDay
random_hours(Chance *chance, Made *made, int unit)
{
	WorkSpan spans[3];
	int		 nspans = 0;
	int32_t	 from = 0;

	for (int wanted = (int) draw(chance, 4); wanted > 0 && from < 86400; wanted--)
	{
		int32_t opens = from;
		int32_t closes;

		if (draw(chance, 3) > 0)
			opens += (int32_t) draw(chance, (86400 - from) / unit) * unit;
		if (draw(chance, 3) == 0)
			opens -= opens % 1800 <= opens - from ? opens % 1800 : 0;
		closes = 86400;
		if (draw(chance, 4) > 0)
			closes = opens + (1 + (int32_t) draw(chance, (86400 - opens) / unit)) * unit;
		spans[nspans++] = (WorkSpan){opens, closes > 86400 ? 86400 : closes};
		from = spans[nspans - 1].closes;
	}
	return made_hours(made, nspans, spans);
}

/* None to two jumps, days apart; a whole day now and then, as on islands. */
static void
random_jumps(Chance *chance, Made *made)
{
	static const int jump_minutes[] = {60, -60, 30, -30, 120, -120, 1440, -1440, 17, -61};
	int				 at_minute = 1440;
	int64_t			 offset = made->zone.jumps[0].offset;

	for (int njumps = (int) draw(chance, 3); njumps > 0; njumps--)
	{
		int jump = jump_minutes[draw(chance, lengthof(jump_minutes))];

		at_minute += (int) draw(chance, 5 * 1440);
		if (draw(chance, 2) == 0) /* on a local hour, with luck midnight */
			at_minute -= at_minute % 60;
		offset += jump * MINUTE;
		made_jump(made, WINDOW_BEGIN + at_minute * MINUTE, offset);
		at_minute += 4 * 1440;
	}
}

static void
random_calendar(Chance *chance, Made *made, int unit)
{
	made_init(made, (draw(chance, 105) - 48) * 15 * MINUTE);
	random_jumps(chance, made);
	for (int i = 0; i < 7; i++)
		made->cal.week[i] = random_hours(chance, made, unit);
	for (int day = -3; day < WINDOW_DAYS + 3; day++)
	{
		int kind = (int) draw(chance, 8);

		if (kind == 0)
			made_special(made, WINDOW_FIRST + day, made_hours(made, 0, NULL));
		else if (kind == 1)
			made_special(made, WINDOW_FIRST + day, random_hours(chance, made, unit));
	}
}

/* An instant of the window, often just at an opening, a closing or a jump. */
static int64_t
random_instant(Chance *chance, const Made *made)
{
	int64_t at = WINDOW_BEGIN + draw(chance, WINDOW_END - WINDOW_BEGIN);
	int		kind = (int) draw(chance, 8);

	if (kind == 0 && made->nspans > 0)
	{
		const WorkSpan *span = &made->spans[draw(chance, made->nspans)];

		at = zone_to_utc((void *) &made->zone, WINDOW_FIRST + (int32_t) draw(chance, WINDOW_DAYS),
						 draw(chance, 2) == 0 ? span->opens : span->closes % 86400);
	}
	else if (kind == 1)
		at = made->zone.jumps[draw(chance, made->zone.njumps)].at;
	else if (kind == 2)
		at -= at % MINUTE;
	if (at < WINDOW_BEGIN || at >= WINDOW_END)
		at = WINDOW_BEGIN;
	return kind < 2 ? at + draw(chance, 3) - 1 : at;
}

/* ---------- the laws ---------- */

static long laws_broken = 0;

static bool
law_holds(bool holds, const char *law, int line, int64_t a, int64_t b, int64_t n)
{
	if (!holds && laws_broken++ < 20)
		printf("# line %d: broken: %s (a=%" PRId64 " b=%" PRId64 " n=%" PRId64 ")\n", line, law, a, b, n);
	return holds;
}

#define LAW(condition) law_holds(condition, #condition, __LINE__, a, b, n)

/* Some day of the week has hours, so an opening is never far. */
static bool
opens_weekly(const WorkCalendar *cal)
{
	for (int i = 0; i < 7; i++)
	{
		if (cal->week[i].nspans > 0)
			return true;
	}
	return false;
}

/* What work_between says of any three instants. */
static void
laws_of_between(const WorkCalendar *cal, int64_t a, int64_t b, int64_t c)
{
	int64_t n = work_between(cal, a, b);

	LAW(work_between(cal, b, a) == -n);
	LAW(n + work_between(cal, b, c) == work_between(cal, a, c));
	LAW(a > b || (n >= 0 && n <= b - a));
	LAW(work_between(cal, a, a + 1) == (work_is_open(cal, a) ? 1 : 0));
	LAW(!work_is_open(cal, a) || work_is_workday(cal, a));
}

/* Adding undoes measuring: a <= b. */
static void
laws_of_inverse(const WorkCalendar *cal, int64_t a, int64_t b)
{
	int64_t n = work_between(cal, a, b);
	int64_t reached = work_add(cal, a, n);

	if (n == 0)
		return;
	LAW(reached <= b);
	LAW(reached == b || !work_is_open(cal, b - 1));
	LAW(work_between(cal, a, reached) == n);
}

/* Measuring undoes adding: a <= b, n > 0. */
static void
laws_of_add(const WorkCalendar *cal, int64_t a, int64_t b, int64_t n, int64_t m)
{
	int64_t reached = work_add(cal, a, n);

	LAW(work_add(cal, b, n) >= reached);
	LAW(work_add(cal, a, n + m) >= reached);
	if (reached == WORK_NEVER)
	{
		LAW(!opens_weekly(cal) || work_between(cal, a, WORK_LAST_INSTANT) < n);
		return;
	}
	LAW(reached >= a + n);
	LAW(work_between(cal, a, reached) == n);
	LAW(work_between(cal, a, reached - 1) == n - 1);
	LAW(work_add(cal, reached, m) == work_add(cal, a, n + m));
}

static void
laws_of_opening(const WorkCalendar *cal, int64_t a)
{
	int64_t b = work_next_opening(cal, a);
	int64_t n = 0;

	LAW(work_add(cal, a, 0) == b);
	LAW(b >= a);
	LAW((b == a) == work_is_open(cal, a));
	if (b == WORK_NEVER)
		return;
	LAW(work_is_open(cal, b));
	LAW(work_between(cal, a, b) == 0);
	LAW(b == a || !work_is_open(cal, b - 1));
}

/* a <= b */
static void
laws_of_days(const WorkCalendar *cal, int64_t a, int64_t b, int32_t n)
{
	int64_t reached = work_add_days(cal, a, n);

	LAW(reached > a);
	LAW(work_add_days(cal, b, n) >= reached);
	LAW((reached == WORK_NEVER) == (work_add_days(cal, a, n + 1) == WORK_NEVER) || !opens_weekly(cal));
	if (reached == WORK_NEVER)
		return;
	LAW(work_add_days(cal, a, n + 1) > reached);
	LAW(work_is_open(cal, reached - 1));
	LAW(work_is_workday(cal, reached - 1));
	/* closing time is after hours: the next day begins the count anew */
	LAW(work_add_days(cal, reached, 0) == work_add_days(cal, a, n + 1));
}

static void
check_laws(Chance *chance, const Made *made, int rounds)
{
	const WorkCalendar *cal = &made->cal;

	for (int i = 0; i < rounds; i++)
	{
		int64_t a = random_instant(chance, made);
		int64_t b = random_instant(chance, made);
		int64_t earlier = a < b ? a : b;
		int64_t later = a < b ? b : a;
		int64_t n = 1 + draw(chance, draw(chance, 2) == 0 ? 2 * DAY : 10);

		laws_of_between(cal, a, b, random_instant(chance, made));
		laws_of_inverse(cal, earlier, later);
		laws_of_add(cal, earlier, later, n, 1 + draw(chance, 9 * HOUR));
		laws_of_opening(cal, a);
		laws_of_days(cal, earlier, later, (int32_t) draw(chance, 12));
	}
}

/* ---------- the oracle: a look at the clock once a minute ---------- */

typedef struct Oracle
{
	bool	open[WINDOW_MINUTES];
	int		day[WINDOW_MINUTES];		/* the local day a minute belongs to */
	int64_t before[WINDOW_MINUTES + 1]; /* open minutes before it */
} Oracle;

static const WorkDay *
oracle_hours(const WorkCalendar *cal, int day)
{
	for (uint32_t i = 0; i < cal->ndays; i++)
	{
		if (cal->days[i].day == day)
			return &cal->days[i];
	}
	/* 2000-01-03 was a Monday */
	return &cal->week[((day - 2) % 7 + 7) % 7];
}

static bool
oracle_sees_open(const Made *made, const WorkDay *hours, int sec)
{
	for (int i = hours->first; i < hours->first + hours->nspans; i++)
	{
		if (sec >= made->spans[i].opens && sec < made->spans[i].closes)
			return true;
	}
	return false;
}

/*
 * A minute belongs to the latest time the wall clock ever showed: while the
 * clock repeats itself in autumn, the time it had already reached stands still.
 * (Jumps lie in the window, so it can begin with no memory.)
 */
static void
oracle_fill(Oracle *oracle, const Made *made)
{
	int64_t		   latest = INT64_MIN;
	const WorkDay *hours = made->cal.week;

	for (int i = 0; i < WINDOW_MINUTES; i++)
	{
		int64_t wall = wall_clock(&made->zone, WINDOW_BEGIN + i * MINUTE);

		latest = wall > latest ? wall : latest;
		oracle->day[i] = (int) floor_div(latest, DAY);
		if (i == 0 || oracle->day[i] != oracle->day[i - 1])
			hours = oracle_hours(&made->cal, oracle->day[i]);
		oracle->open[i] = oracle_sees_open(made, hours, (int) ((latest - oracle->day[i] * DAY) / SEC));
		oracle->before[i + 1] = oracle->before[i] + oracle->open[i];
	}
}

/* Working time from the window's beginning. */
static int64_t
oracle_until(const Oracle *oracle, int64_t at)
{
	int minute = (int) ((at - WINDOW_BEGIN) / MINUTE);

	return oracle->before[minute] * MINUTE + (oracle->open[minute] ? (at - WINDOW_BEGIN) % MINUTE : 0);
}

/* WORK_NEVER: not within the window. */
static int64_t
oracle_add(const Oracle *oracle, int64_t start, int64_t amount)
{
	int64_t at = start;

	while (at < WINDOW_END)
	{
		int		minute = (int) ((at - WINDOW_BEGIN) / MINUTE);
		int64_t rest = MINUTE - (at - WINDOW_BEGIN) % MINUTE;

		if (oracle->open[minute])
		{
			if (amount <= rest)
				return at + amount;
			amount -= rest;
		}
		at += rest;
	}
	return WORK_NEVER;
}

/* The end of the n-th day after, by listing the ends of all working days. */
static int64_t
oracle_add_days(const Oracle *oracle, int64_t start, int n)
{
	for (int i = 0; i < WINDOW_MINUTES; i++)
	{
		bool	last_of_day = oracle->open[i];
		int64_t closes = WINDOW_BEGIN + (i + 1) * MINUTE;

		/* a day the window cuts off may have later minutes: give up */
		for (int j = i + 1; last_of_day; j++)
		{
			if (j == WINDOW_MINUTES)
				return WORK_NEVER;
			if (oracle->day[j] != oracle->day[i])
				break;
			if (oracle->open[j])
				last_of_day = false;
		}
		if (last_of_day && closes > start && n-- == 0)
			return closes;
	}
	return WORK_NEVER;
}

static void
check_against_oracle(Chance *chance, const Made *made, int rounds)
{
	static Oracle		oracle;
	const WorkCalendar *cal = &made->cal;

	oracle_fill(&oracle, made);
	for (int i = 0; i < rounds; i++)
	{
		int64_t a = random_instant(chance, made);
		int64_t b = random_instant(chance, made);
		int64_t n = draw(chance, draw(chance, 2) == 0 ? 3 * DAY : 8 * HOUR);
		int64_t wanted;

		if (a < WINDOW_BEGIN || b < WINDOW_BEGIN)
			continue;
		LAW(work_between(cal, a, b) == oracle_until(&oracle, b) - oracle_until(&oracle, a));
		LAW(work_is_open(cal, a) == oracle.open[(a - WINDOW_BEGIN) / MINUTE]);
		wanted = oracle_add(&oracle, a, n);
		LAW(wanted == WORK_NEVER ? work_add(cal, a, n) > WINDOW_END : work_add(cal, a, n) == wanted);
		n %= 6;
		wanted = oracle_add_days(&oracle, a, (int) n);
		LAW(wanted == WORK_NEVER || work_add_days(cal, a, (int32_t) n) == wanted);
	}
}

#ifndef WORKTIME_FUZZ

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

/* ---------- TAP ---------- */

static int tests_run = 0;
static int tests_failed = 0;

static bool
ok(bool passed, const char *name)
{
	tests_run++;
	if (!passed)
		tests_failed++;
	printf("%sok %d - %s\n", passed ? "" : "not ", tests_run, name);
	return passed;
}

static void
same(int64_t got, int64_t wanted, const char *name)
{
	if (!ok(got == wanted, name))
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
	printf("1..%d\n", tests_run);
	return tests_failed == 0 ? 0 : 1;
}

#endif /* !WORKTIME_FUZZ */
