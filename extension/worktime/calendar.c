/*
 * calendar.c
 *	  Working-time arithmetic over a calendar with opening hours.
 *
 * Everything here is a walk from one local day to the next, turning each day's
 * spans into instants.  The special days are searched once, where the walk
 * begins; after that an index moves along with the day.
 *
 * The laws in calendar.h hold because all functions see the same set of open
 * instants: only span_instants() decides it, and it does not depend on where
 * the walk began.
 */
#include "worktime/calendar.h"

#define USECS_PER_SEC INT64_C(1000000)
#define SECS_PER_DAY  86400
#define USECS_PER_DAY (SECS_PER_DAY * USECS_PER_SEC)

/* The last local day that can begin before WORK_LAST_INSTANT in any zone. */
#define LAST_DAY ((int32_t) (WORK_LAST_INSTANT / USECS_PER_DAY) + 2)

/* How many closed days on end, ten years, make WORK_NEVER. */
#define CLOSED_DAYS_MAX 3653

/* What day_closes() says of a day that is not open at all. */
#define NOT_OPEN INT64_MIN

/* One local day, and what is needed to go on to the next. */
typedef struct DayWalk
{
	const WorkCalendar *cal;
	int32_t				day;
	uint32_t			special; /* first entry of cal->days not before day */
	const WorkSpan	   *spans;	 /* the day's own */
	int					nspans;
	int64_t				begins; /* its first instant ... */
	int64_t				ends;	/* ... and the next day's */
} DayWalk;

/* Functions, not macros: an argument may be a question to the zone. */
static inline int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static inline int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static inline int64_t
within_limits(int64_t at)
{
	return later(WORK_FIRST_INSTANT, earlier(at, WORK_LAST_INSTANT));
}

/* 0 = Monday; day 0 was a Saturday. */
static int
weekday(int32_t day)
{
	int since_saturday = day % 7;

	if (since_saturday < 0)
		since_saturday += 7;
	return (since_saturday + 5) % 7;
}

/* Index of the first special day not before `day`. */
static uint32_t
find_special(const WorkCalendar *cal, int32_t day)
{
	uint32_t low = 0;
	uint32_t high = cal->ndays;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (cal->days[middle].day < day)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Fill in what follows from cal, day, special and begins. */
static void
walk_enter_day(DayWalk *walk)
{
	const WorkCalendar *cal = walk->cal;
	const WorkDay	   *hours = &cal->week[weekday(walk->day)];

	if (walk->special < cal->ndays && cal->days[walk->special].day == walk->day)
		hours = &cal->days[walk->special];
	walk->spans = cal->spans + hours->first;
	walk->nspans = hours->nspans;
	walk->ends = cal->to_utc(cal->arg, walk->day + 1, 0);
}

/* Go on to the next day; false at the end of time. */
static bool
walk_next(DayWalk *walk)
{
	const WorkCalendar *cal = walk->cal;

	if (walk->day >= LAST_DAY)
		return false;
	walk->day++;
	if (walk->special < cal->ndays && cal->days[walk->special].day < walk->day)
		walk->special++;
	walk->begins = walk->ends;
	walk_enter_day(walk);
	return true;
}

/*
 * Begin at the day an instant belongs to.  Returns the instant, moved within
 * the limits.
 *
 * The local date alone does not tell that day: where clocks go back over
 * midnight, yesterday's date is shown again after today has begun.  A day
 * begins once and for all when its midnight is first shown or passed, so we
 * may have to go on from the date shown, but never back.
 */
static int64_t
walk_start(DayWalk *walk, const WorkCalendar *cal, int64_t at)
{
	int32_t sec;

	at = within_limits(at);
	walk->cal = cal;
	cal->to_local(cal->arg, at, &walk->day, &sec);
	walk->special = find_special(cal, walk->day);
	walk->begins = cal->to_utc(cal->arg, walk->day, 0);
	walk_enter_day(walk);
	while (walk->ends <= at && walk_next(walk))
		;
	return at;
}

/*
 * The instant of a local time of the walk's day.  The zone is asked only on
 * days with a jump in them.
 */
static int64_t
instant_of(const DayWalk *walk, int32_t sec)
{
	int64_t at;

	if (sec >= SECS_PER_DAY)
		at = walk->ends;
	else if (sec == 0 || walk->ends - walk->begins == USECS_PER_DAY)
		at = walk->begins + sec * USECS_PER_SEC;
	else
		at = walk->cal->to_utc(walk->cal->arg, walk->day, sec);
	return within_limits(at);
}

/*
 * First and past-the-last instant of the day's i-th span, without what lies
 * before `from`.  False if nothing remains: over already, or swallowed by a
 * jump.
 */
static bool
span_instants(const DayWalk *walk, int i, int64_t from, int64_t *opens, int64_t *closes)
{
	*opens = later(from, instant_of(walk, walk->spans[i].opens));
	*closes = instant_of(walk, walk->spans[i].closes);
	return *opens < *closes;
}

/* The last closing of the walk's day, or NOT_OPEN. */
static int64_t
day_closes(const DayWalk *walk)
{
	int64_t opens;
	int64_t closes;

	for (int i = walk->nspans; --i >= 0;)
	{
		if (span_instants(walk, i, WORK_FIRST_INSTANT, &opens, &closes))
			return closes;
	}
	return NOT_OPEN;
}

int64_t
work_add(const WorkCalendar *cal, int64_t start, int64_t amount)
{
	DayWalk walk;
	int		closed_days = 0;

	if (amount < 0)
		amount = 0;
	start = walk_start(&walk, cal, start);
	do
	{
		for (int i = 0; i < walk.nspans; i++)
		{
			int64_t opens;
			int64_t closes;

			if (!span_instants(&walk, i, start, &opens, &closes))
				continue;
			/* "<=", so that the last of it ends at closing time */
			if (amount <= closes - opens)
				return opens + amount;
			amount -= closes - opens;
			closed_days = 0;
		}
	} while (closed_days++ < CLOSED_DAYS_MAX && walk_next(&walk));
	return WORK_NEVER;
}

int64_t
work_between(const WorkCalendar *cal, int64_t a, int64_t b)
{
	DayWalk walk;
	int64_t total = 0;

	if (b < a)
		return -work_between(cal, b, a);

	a = walk_start(&walk, cal, a);
	do
	{
		for (int i = 0; i < walk.nspans; i++)
		{
			int64_t opens;
			int64_t closes;

			if (span_instants(&walk, i, a, &opens, &closes) && opens < b)
				total += earlier(closes, b) - opens;
		}
	} while (walk.ends < b && walk_next(&walk));
	return total;
}

int64_t
work_next_opening(const WorkCalendar *cal, int64_t at)
{
	return work_add(cal, at, 0);
}

bool
work_is_open(const WorkCalendar *cal, int64_t at)
{
	DayWalk walk;
	int64_t opens;
	int64_t closes;

	/* beyond the limits no span opens == at, as they are all cut to them */
	walk_start(&walk, cal, at);
	for (int i = 0; i < walk.nspans; i++)
	{
		if (span_instants(&walk, i, at, &opens, &closes) && opens == at)
			return true;
	}
	return false;
}

bool
work_is_workday(const WorkCalendar *cal, int64_t at)
{
	DayWalk walk;

	return walk_start(&walk, cal, at) == at && day_closes(&walk) != NOT_OPEN;
}

/*
 * A day counts when its last closing is still ahead of start.  That leaves out
 * closed days and, for a start after hours, the day of start; n counts down on
 * the days that remain.
 */
int64_t
work_add_days(const WorkCalendar *cal, int64_t start, int32_t n)
{
	DayWalk walk;
	int		closed_days = 0;

	start = walk_start(&walk, cal, start);
	do
	{
		int64_t closes = day_closes(&walk);

		if (closes <= start) /* NOT_OPEN too */
			continue;
		if (n <= 0)
			return closes;
		n--;
		closed_days = 0;
	} while (closed_days++ < CLOSED_DAYS_MAX && walk_next(&walk));
	return WORK_NEVER;
}
