/*
 * duty.c
 *	  Who is on duty: modes in force, shifts of a department, who stands in.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "rulebook/duty.h"
#include "rulebook/load.h"

/* How far ahead the next shift is looked for. */
#define MONTH_AHEAD 31

/* So many stand in for each other before the last is taken as he is. */
#define MAX_SUBSTITUTES 4

/* ---- linking ---- */

static int
by_department(const void *a, const void *b)
{
	const DutyShift *x = a;
	const DutyShift *y = b;
	int				 order = strcmp(x->department_code, y->department_code);

	if (order != 0)
		return order;
	if (x->chair != y->chair)
		return x->chair ? 1 : -1;
	return strcmp(x->code, y->code);
}

/* False: a code of it leads nowhere, it is in no roster; lint() names it. */
static bool
link_shift(Book *book, DutyShift *s)
{
	s->calendar = book_calendar(book, s->calendar_code, strlen(s->calendar_code));
	if (s->mode_code != NULL)
		s->mode = book_mode(book, s->mode_code, strlen(s->mode_code));
	return s->calendar != NULL && (s->mode_code == NULL || s->mode != NULL) &&
		   book_department(book, s->department_code, strlen(s->department_code)) != NULL;
}

void
link_duty(Book *book)
{
	int n = 0;

	for (int i = 0; i < book->nduty_shifts; i++)
		if (link_shift(book, &book->duty_shifts[i]))
			book->duty_shifts[n++] = book->duty_shifts[i];
	book->nduty_shifts = n;
	if (n > 0)
		qsort(book->duty_shifts, n, sizeof(DutyShift), by_department);
	for (int i = 0; i < n; i++)
	{
		DutyShift  *s = &book->duty_shifts[i];
		Department *d = book_department(book, s->department_code, strlen(s->department_code));

		if (s->chair && d->nchairs++ == 0)
			d->chairs = s;
		if (!s->chair && d->nshifts++ == 0)
			d->shifts = s;
	}
}

/* ---- modes ---- */

static bool
goes_before(const ModePeriod *a, const ModePeriod *b)
{
	int da = a->area ? a->area->depth : -1;
	int db = b->area ? b->area->depth : -1;

	if (a->mode->rank != b->mode->rank)
		return a->mode->rank > b->mode->rank;
	if (da != db)
		return da > db;
	return strcmp(a->mode->code, b->mode->code) < 0;
}

const DutyMode *
mode_in_force(const Book *book, const Area *area, TimestampTz at)
{
	const ModePeriod *best = NULL;

	for (int i = 0; i < book->nperiods; i++)
	{
		const ModePeriod *p = &book->periods[i];

		if (p->since <= at && at < p->until && area_within(area, p->area) &&
			(best == NULL || goes_before(p, best)))
			best = p;
	}
	return best ? best->mode : NULL;
}

const DutyMode *
department_mode(const Book *book, const Department *department, TimestampTz at)
{
	return mode_in_force(book, department->area ? department->area : book->root_area, at);
}

/* ---- shifts ---- */

/* The mode whose shifts count: the one in force if the department has some for it. */
static const DutyMode *
mode_of_shifts(const DutyShift *shifts, int n, const DutyMode *in_force)
{
	for (int i = 0; in_force != NULL && i < n; i++)
		if (shifts[i].mode == in_force)
			return in_force;
	return NULL;
}

int
duty_find(const Book *book, const Department *department, TimestampTz at, bool chair, OnDuty *found, int max)
{
	const DutyShift *shifts = chair ? department->chairs : department->shifts;
	int				 n = chair ? department->nchairs : department->nshifts;
	const DutyMode	*mode = mode_of_shifts(shifts, n, department_mode(book, department, at));
	int				 nfound = 0;

	for (int i = 0; i < n && nfound < max; i++)
		if (shifts[i].mode == mode &&
			shift_at(&shifts[i].when, &shifts[i].calendar->work, at, &found[nfound].time))
			found[nfound++].shift = &shifts[i];
	return nfound;
}

static bool
has_skill(const DutyShift *s, const char *skill)
{
	return skill == NULL || s->skill == NULL || strcmp(s->skill, skill) == 0;
}

bool
duty_covers(const Book *book, const Department *department, const char *skill, TimestampTz at, OnDuty *who,
			TimestampTz *next)
{
	const DutyMode *mode =
		mode_of_shifts(department->shifts, department->nshifts, department_mode(book, department, at));

	*next = DT_NOEND;
	for (int i = 0; i < department->nshifts; i++)
	{
		const DutyShift	   *s = &department->shifts[i];
		const WorkCalendar *work;

		if (s->mode != mode || !has_skill(s, skill))
			continue;
		work = &s->calendar->work;
		if (shift_at(&s->when, work, at, &who->time))
		{
			who->shift = s;
			return true;
		}
		if (shift_next(&s->when, work, at, MONTH_AHEAD, &who->time))
			*next = Min(*next, who->time.start);
	}
	return false;
}

/* As the roster says, else the unit above, else the centre. */
static Department *
stands_in(Book *book, Department *department, Area *area)
{
	Department *d = NULL;

	for (int i = 0; i < department->nshifts && d == NULL; i++)
	{
		const char *wanted = department->shifts[i].substitute;

		if (wanted == NULL)
			continue;
		d = book_department(book, wanted, strlen(wanted));
		/* a pack holds a general unit whose code is its kind: the one for the area is meant */
		if (d == NULL || strcmp(d->kind, wanted) == 0)
			d = book_unit(book, wanted, area);
	}
	if (d == NULL)
		d = book_superior(book, department, area);
	return d != NULL ? d : book_centre(book, area);
}

Department *
duty_substitute(Book *book, Department *department, Area *area, TimestampTz at)
{
	Department *d = department;
	OnDuty		who;
	TimestampTz next;

	for (int i = 0; i < MAX_SUBSTITUTES; i++)
	{
		d = stands_in(book, d, area);
		if (d->nshifts == 0 || duty_covers(book, d, NULL, at, &who, &next))
			return d;
	}
	return d;
}
