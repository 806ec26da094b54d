/*
 * calendars.c
 *	  Makes calendars for the working-time arithmetic out of their rows.
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "pgtime.h"
#include "utils/datetime.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "rulebook/load.h"

typedef struct CalendarHours
{
	int		 weekday; /* 1 = Monday */
	WorkSpan span;
} CalendarHours;

typedef struct CalendarDay
{
	int32	 day;
	int		 as_weekday; /* 0 = closed or own hours */
	WorkSpan span;		 /* opens < 0 = none */
} CalendarDay;

/* seconds between the two epochs */
#define EPOCH_SHIFT ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

static void *
enlarge(MemoryContext mcxt, void *array, int n, size_t size)
{
	if (array == NULL)
		return MemoryContextAlloc(mcxt, 16 * size);
	if (n >= 16 && (n & (n - 1)) == 0)
		return repalloc(array, n * 2 * size);
	return array;
}

void
calendar_add_hours(Book *book, Calendar *c, int weekday, int opens, int closes)
{
	c->hours = enlarge(book->mcxt, c->hours, c->nhours, sizeof(CalendarHours));
	c->hours[c->nhours++] = (CalendarHours){weekday, {opens, closes}};
}

void
calendar_add_day(Book *book, Calendar *c, int32 day, int as_weekday, int opens, int closes)
{
	c->days = enlarge(book->mcxt, c->days, c->ndays, sizeof(CalendarDay));
	c->days[c->ndays++] = (CalendarDay){day, as_weekday, {opens, closes}};
}

/*
 * The first instant at which the local clock shows day+sec or anything later
 * (calendar.h): of an hour shown twice the first, of an hour skipped the jump.
 * The server's own DetermineTimeZoneOffset() chooses otherwise there.
 */
static int64
zone_to_utc(void *arg, int32 day, int32 sec)
{
	pg_tz	 *zone = arg;
	int64	  local = (int64) day * SECS_PER_DAY + sec;
	pg_time_t before = (pg_time_t) (local + EPOCH_SHIFT - SECS_PER_DAY);
	pg_time_t boundary;
	long	  off_before, off_after;
	int		  dst_before, dst_after;
	int		  found;
	int64	  jump;

	found = pg_next_dst_boundary(&before, &off_before, &dst_before, &boundary, &off_after, &dst_after, zone);
	jump = (int64) boundary - EPOCH_SHIFT;
	if (found <= 0 || local - off_before < jump)
		local -= off_before;
	else if (local - off_after >= jump)
		local -= off_after;
	else
		local = jump;
	return local * USECS_PER_SEC;
}

static void
zone_to_local(void *arg, int64 at, int32 *day, int32 *sec)
{
	int64		  s = at / USECS_PER_SEC - (at % USECS_PER_SEC < 0 ? 1 : 0);
	pg_time_t	  t = (pg_time_t) (s + EPOCH_SHIFT);
	struct pg_tm *tm = pg_localtime(&t, (pg_tz *) arg);
	int64		  local = s + (tm != NULL ? tm->tm_gmtoff : 0);

	*day = (int32) (local / SECS_PER_DAY);
	*sec = (int32) (local % SECS_PER_DAY);
	if (*sec < 0)
	{
		*sec += SECS_PER_DAY;
		(*day)--;
	}
}

static int
by_weekday(const void *a, const void *b)
{
	const CalendarHours *x = a;
	const CalendarHours *y = b;

	if (x->weekday != y->weekday)
		return x->weekday - y->weekday;
	return x->span.opens - y->span.opens;
}

static int
by_day(const void *a, const void *b)
{
	const CalendarDay *x = a;
	const CalendarDay *y = b;

	return x->day < y->day ? -1 : x->day > y->day ? 1 : 0;
}

/* Append a span; one that overlaps its predecessor on the same day is joined to it. */
static void
put_span(WorkSpan *spans, int *nspans, WorkDay *day, WorkSpan span)
{
	WorkSpan *last = day->nspans > 0 ? &spans[*nspans - 1] : NULL;

	if (last != NULL && span.opens <= last->closes)
	{
		last->closes = Max(last->closes, span.closes);
		return;
	}
	spans[(*nspans)++] = span;
	day->nspans++;
}

static void
link_calendar(Book *book, Calendar *c)
{
	WorkSpan *spans = MemoryContextAlloc(book->mcxt, (c->nhours + c->ndays + 1) * sizeof(WorkSpan));
	WorkDay	 *days = MemoryContextAllocZero(book->mcxt, (c->ndays + 1) * sizeof(WorkDay));
	int		  nspans = 0;
	int		  h = 0;

	if (c->nhours > 0)
		qsort(c->hours, c->nhours, sizeof(CalendarHours), by_weekday);
	if (c->ndays > 0)
		qsort(c->days, c->ndays, sizeof(CalendarDay), by_day);
	for (int w = 0; w < 7; w++)
	{
		c->work.week[w].first = nspans;
		c->work.week[w].nspans = 0;
		for (; h < c->nhours && c->hours[h].weekday == w + 1; h++)
			put_span(spans, &nspans, &c->work.week[w], c->hours[h].span);
	}
	for (int i = 0; i < c->ndays; i++)
	{
		CalendarDay *d = &c->days[i];

		if (d->as_weekday > 0)
			days[i] = c->work.week[d->as_weekday - 1];
		else
		{
			days[i].first = nspans;
			if (d->span.opens >= 0)
				put_span(spans, &nspans, &days[i], d->span);
		}
		days[i].day = d->day;
	}
	c->work.days = days;
	c->work.ndays = c->ndays;
	c->work.spans = spans;
	c->work.to_utc = zone_to_utc;
	c->work.to_local = zone_to_local;
	c->work.arg = c->zone;
}

void
link_calendars(Book *book)
{
	for (int i = 0; i < book->ncalendars; i++)
	{
		Calendar *c = &book->calendars[i];

		link_calendar(book, c);
		/* the first by code that has opening hours on some days only gives local working time */
		if (c->nhours > 0 &&
			(book->local_calendar == NULL || strcmp(c->code, book->local_calendar->code) < 0 ||
			 book->local_calendar->work.week[6].nspans > 0) &&
			(book->local_calendar == NULL || c->work.week[6].nspans == 0))
			book->local_calendar = c;
	}
}

void
book_wall_clock(const Book *book, TimestampTz at, struct pg_tm *tm)
{
	const WorkCalendar *c = book->local_calendar ? &book->local_calendar->work : NULL;
	int32				day = at / USECS_PER_DAY;
	int32				sec = at % USECS_PER_DAY / USECS_PER_SEC;

	if (c != NULL)
		c->to_local(c->arg, at, &day, &sec);
	j2date(day + POSTGRES_EPOCH_JDATE, &tm->tm_year, &tm->tm_mon, &tm->tm_mday);
	tm->tm_hour = sec / 3600;
	tm->tm_min = sec / 60 % 60;
	tm->tm_sec = sec % 60;
}
