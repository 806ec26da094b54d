/*
 * place.c
 *	  Which area a text speaks of.
 *
 * Every name of every area is searched in one pass.  A name inside a longer
 * one does not count.  Of the areas named, the one that agrees best is taken:
 * it lies within the context (the channel's area), other names in the text
 * are above it, its own name is long, it is small.  When the same name means
 * several areas and nothing tells them apart, the smallest area that holds
 * them all is the answer.
 */
#include "postgres.h"

#include "rulebook/decide.h"

const char *const place_by_names[] = {"none", "given", "address", "text", "channel", "kept", NULL};

typedef struct Named
{
	PlaceName *place;
	int		   support; /* other names in the text that lie above this area */
} Named;

#define MAX_NAMED 64

static int
collect(Book *book, const char *folded, size_t len, Named *named)
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
		named[count++] = (Named){&book->places[hits[i].id], 0};
	}
	return count;
}

static void
count_support(Named *named, int n)
{
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++)
			if (named[j].place->area != named[i].place->area &&
				area_within(named[i].place->area, named[j].place->area))
				named[i].support++;
}

/* > 0: a agrees better than b */
static int
compare(const Named *a, const Named *b, const Area *context)
{
	int diff = (int) area_within(a->place->area, context) - (int) area_within(b->place->area, context);

	if (diff == 0)
		diff = a->support - b->support;
	if (diff == 0)
		diff = a->place->area->depth - b->place->area->depth;
	if (diff == 0)
		diff = (int) a->place->len - (int) b->place->len;
	return diff;
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

Area *
place_find(Book *book, const char *folded, size_t len, Area *context, const char **name)
{
	Named  named[MAX_NAMED];
	int	   n = collect(book, folded, len, named);
	Named *best = NULL;
	Area  *area;

	if (n == 0)
		return NULL;
	count_support(named, n);
	for (int i = 0; i < n; i++)
		if (best == NULL || compare(&named[i], best, context) > 0)
			best = &named[i];
	area = best->place->area;
	for (int i = 0; i < n; i++)
		if (compare(&named[i], best, context) == 0)
			area = common_area(area, named[i].place->area);
	*name = best->place->text;
	return area;
}
