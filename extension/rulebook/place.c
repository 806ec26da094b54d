/*
 * place.c
 *	  Where a report is from.
 *
 * In this order: the area that the reporter names by its code; the smallest
 * area whose outline holds the coordinates; the names in the address, then in
 * the text; the channel's area.  Where coordinates are given the names may
 * say it closer (an area inside); names that say something else are recorded
 * and change nothing, because whoever comes goes to the caller first.
 *
 * Names.  All names of all areas are searched in one pass; a name inside a
 * longer one does not count.  A road may stand for an area by its house
 * numbers only: with a number of others behind it, it does not count.  Of the
 * areas named, the one that agrees best is taken: it lies within the context
 * (the coordinates' area, else the channel's), a house number points to it,
 * other names in the text are above it, it is small, its name is long.  When
 * a name means several areas and nothing tells them apart, the smallest area
 * that holds them all is the answer.  What else it could have been is kept.
 */
#include "postgres.h"

#include <limits.h>

#include "rulebook/decide.h"

const char *const place_by_names[] = {"none",	 "given",		"address", "text",
									  "channel", "coordinates", "kept",	   NULL};

/* How sure a place is, in thousandths (default, not official). */
#define SURE_GIVEN		 1000
#define SURE_COORDINATES 950
#define SURE_NAME		 900 /* one name, or several of which one lies in the other */
#define SURE_CONTEXT	 800 /* of several areas of this name, the one that the context tells */
#define SURE_AGAINST	 600 /* another sign says otherwise */
#define SURE_AMBIGUOUS	 500 /* nothing tells, or another name says as much */
#define SURE_CHANNEL	 300

/* ---- house numbers ---- */

/* A house number, at most 5 digits, behind a road's name; -1 = none. */
static int
house_number(const char *text, size_t len, size_t at)
{
	int number = 0;
	int digits = 0;

	if (at < len && text[at] == ' ')
		at++;
	for (; at < len && text[at] >= '0' && text[at] <= '9'; at++)
	{
		if (++digits > 5)
			return -1;
		number = number * 10 + (text[at] - '0');
	}
	return digits > 0 ? number : -1;
}

/* Is the number in a list as area_names.houses has it: "1-99 odd, 40, 100-"? */
static bool
houses_hold(const char *houses, int number)
{
	while (houses != NULL)
	{
		char *end;
		long  from = strtol(houses, &end, 10);
		long  to = from;
		bool  side = true;

		if (*end == '-')
		{
			char *open_end = end + 1;

			to = strtol(open_end, &end, 10);
			if (end == open_end)
				to = INT_MAX;
		}
		if (strncmp(end, " odd", 4) == 0)
			side = number % 2 == 1;
		else if (strncmp(end, " even", 5) == 0)
			side = number % 2 == 0;
		if (number >= from && number <= to && side)
			return true;
		houses = strchr(end, ',');
		if (houses != NULL)
			houses++;
	}
	return false;
}

/* Does the name at this place of the text count? */
static bool
is_meant(const Book *book, Named *n, const char *text, size_t len, size_t end)
{
	const char *houses = place_note(book, n->place->houses);
	int			number;

	if (houses == NULL)
		return true;
	number = house_number(text, len, end);
	n->house = number >= 0 && houses_hold(houses, number);
	return number < 0 || n->house;
}

/* ---- names ---- */

static void
count_support(Named *named, int n)
{
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++)
			if (named[j].area != named[i].area && area_within(named[i].area, named[j].area))
				named[i].support++;
}

int
place_names(Book *book, const char *folded, size_t len, Named *named)
{
	TermHit hits[MAX_NAMED];
	uint32	n = Min(terms_find(book_place_matcher(book), folded, len, hits, MAX_NAMED), MAX_NAMED);
	uint32	reach = 0;
	uint32	reach_start = 0;
	int		count = 0;

	for (uint32 i = 0; i < n; i++)
	{
		/* in order of start, longer first: see classify.c */
		if (hits[i].end <= reach && !(hits[i].start == reach_start && hits[i].end == reach))
			continue;
		reach = hits[i].end;
		reach_start = hits[i].start;
		named[count].place = &book->places[hits[i].id];
		named[count].area = place_area(book, named[count].place);
		named[count].support = 0;
		named[count].house = false;
		count += is_meant(book, &named[count], folded, len, hits[i].end);
	}
	count_support(named, count);
	return count;
}

/* > 0: a agrees better than b with what else is known */
static int
rank(const Named *a, const Named *b, const Area *context)
{
	int diff = (int) area_within(a->area, context) - (int) area_within(b->area, context);

	if (diff == 0)
		diff = (int) a->house - (int) b->house;
	if (diff == 0)
		diff = a->support - b->support;
	if (diff == 0)
		diff = a->area->depth - b->area->depth;
	return diff;
}

static int
compare(const Named *a, const Named *b, const Area *context)
{
	int diff = rank(a, b, context);

	return diff != 0 ? diff : (int) a->place->len - (int) b->place->len;
}

static Area *
common_area(Area *a, Area *b)
{
	while (a != b && a != NULL && b != NULL)
	{
		if (a->depth > b->depth)
			a = a->parent;
		else if (b->depth > a->depth)
			b = b->parent;
		else
		{
			a = a->parent;
			b = b->parent;
		}
	}
	return a == b ? a : NULL;
}

/* In order of codes, so that the order of rows in a table does not show; more than there is room for go. */
static void
add_possible(Decision *d, Area *area)
{
	int at = 0;

	while (at < d->nplaces && strcmp(d->places[at]->code, area->code) < 0)
		at++;
	if (at == MAX_PLACES || (at < d->nplaces && d->places[at] == area))
		return;
	d->nplaces = Min(d->nplaces + 1, MAX_PLACES);
	memmove(&d->places[at + 1], &d->places[at], (d->nplaces - 1 - at) * sizeof(Area *));
	d->places[at] = area;
}

static bool
same_name(const Book *book, const PlaceName *a, const PlaceName *b)
{
	return a->len == b->len && memcmp(place_text(book, a), place_text(book, b), a->len) == 0;
}

/* The area that the names in a text mean, with how sure and among which; false when there is none. */
static bool
find_in_text(Book *book, const char *folded, size_t len, Area *context, Decision *d)
{
	Named  named[MAX_NAMED];
	int	   n = place_names(book, folded, len, named);
	Named *best = NULL;
	bool   told = false;

	d->nplaces = 0;
	d->place_name = NULL;
	if (n == 0)
		return false;
	for (int i = 0; i < n; i++)
		if (best == NULL || compare(&named[i], best, context) > 0)
			best = &named[i];
	d->area = best->area;
	d->place_name = place_text(book, best->place);
	add_possible(d, d->area);
	for (int i = 0; i < n; i++)
	{
		if (named[i].area == best->area)
			continue;
		if (rank(&named[i], best, context) == 0)
		{
			add_possible(d, named[i].area);
			if (compare(&named[i], best, context) == 0)
				d->area = common_area(d->area, named[i].area);
		}
		else
			told |= same_name(book, named[i].place, best->place);
	}
	if (d->nplaces == 1)
		d->nplaces = 0;
	d->place_sure = d->nplaces > 0 ? SURE_AMBIGUOUS : told ? SURE_CONTEXT : SURE_NAME;
	return d->area != NULL;
}

static bool
find_by_names(Book *book, const Report *report, const char *folded, size_t len, Area *context, Decision *d)
{
	d->place_by = PLACE_ADDRESS;
	if (report->address != NULL)
	{
		size_t address_len;
		char  *address = book_fold(report->address, report->address_len, &address_len);

		if (address != NULL && find_in_text(book, address, address_len, context, d))
			return true;
	}
	d->place_by = PLACE_TEXT;
	return folded != NULL && find_in_text(book, folded, len, context, d);
}

/* ---- all signs together ---- */

static bool
agree(const Area *a, const Area *b)
{
	return area_within(a, b) || area_within(b, a);
}

/* The point lies in `area`; what the names say may be closer, the same, or something else. */
static void
settle_located(Area *area, Decision *d)
{
	if (d->area != NULL && d->nplaces == 0 && !agree(d->area, area))
	{
		d->against = d->area;
		d->against_by = d->place_by;
	}
	if (d->area == NULL || d->nplaces > 0 || !area_within(d->area, area))
		d->area = area;
	if (d->against != NULL)
		d->place_name = NULL;
	d->nplaces = 0;
	d->place_by = PLACE_COORDINATES;
	d->place_sure = d->against != NULL ? SURE_AGAINST : SURE_COORDINATES;
}

static void
settle_given(Book *book, const Report *report, Decision *d)
{
	Area *area = report->location == NULL ? NULL : boundary_find(book, report->location);

	d->area = report->area;
	d->place_by = report->area_kept ? PLACE_KEPT : PLACE_GIVEN;
	d->place_sure = SURE_GIVEN;
	if (area != NULL && !agree(area, d->area))
	{
		d->place_sure = SURE_AGAINST;
		d->against = area;
		d->against_by = PLACE_COORDINATES;
	}
}

void
place_decide(Book *book, const Report *report, const char *folded, size_t len, Decision *d)
{
	Area *context = report->channel->area;
	Area *located;

	if (report->area != NULL)
	{
		settle_given(book, report, d);
		return;
	}
	located = report->location == NULL ? NULL : boundary_find(book, report->location);
	if (!find_by_names(book, report, folded, len, located ? located : context, d) && located == NULL)
	{
		d->area = context;
		d->nplaces = 0;
		d->place_name = NULL;
		d->place_by = context != NULL ? PLACE_CHANNEL : PLACE_NONE;
		d->place_sure = context != NULL ? SURE_CHANNEL : 0;
	}
	else if (located != NULL)
		settle_located(located, d);
}
