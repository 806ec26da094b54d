/*
 * worktime_laws.h
 *	  Laws of working time (extension/worktime/calendar.h), random calendars in
 *	  random zones to hold them against, and an oracle that knows nothing of
 *	  days walked or spans clipped: it looks at a wall clock once a minute.
 *
 * For the unit tests and for tests/fuzz/fuzz_worktime.c, whose calendars are
 * made from the fuzzer's bytes.
 */
#ifndef TRIAGE_UNIT_WORKTIME_LAWS_H
#define TRIAGE_UNIT_WORKTIME_LAWS_H

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
#ifndef WINDOW_DAYS
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

#endif
