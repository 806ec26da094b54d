/*
 * boundary.c
 *	  Which area a point lies in, by the outlines in areas.boundary.
 *
 * An outline is one closed line.  Inside is what a line to the far east
 * crosses it from an odd number of times, so that an outline may go from one
 * part of an area to another and back the same way, and round a hole.  Edges
 * are half-open: of areas that share a border exactly one has each point of
 * it.  The smallest area that holds the point is meant, which also makes an
 * enclave with an outline of its own win over what surrounds it.
 *
 * Outlines are prepared when the first location is asked for: sessions
 * without any pay nothing.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "rulebook/book.h"

static void
prepare(Book *book, Boundary *b)
{
	double twice = 0;

	b->at = MemoryContextAllocHuge(book->mcxt, b->n * sizeof(Point));
	memcpy(b->at, b->points, b->n * sizeof(Point));
	b->box.low = b->box.high = b->at[0];
	for (int i = 0, j = b->n - 1; i < b->n; j = i++)
	{
		const Point *p = &b->at[i];

		twice += (b->at[j].x - p->x) * (b->at[j].y + p->y);
		b->box.low.x = Min(b->box.low.x, p->x);
		b->box.low.y = Min(b->box.low.y, p->y);
		b->box.high.x = Max(b->box.high.x, p->x);
		b->box.high.y = Max(b->box.high.y, p->y);
	}
	b->size = twice < 0 ? -twice / 2 : twice / 2;
}

/* Smallest first; codes make the order one. */
static int
by_size(const void *a, const void *b)
{
	const Boundary *x = a;
	const Boundary *y = b;

	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return strcmp(x->area->code, y->area->code);
}

static void
prepare_all(Book *book)
{
	for (int i = 0; i < book->nboundaries; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (book->boundaries[i].at == NULL)
			prepare(book, &book->boundaries[i]);
	}
	qsort(book->boundaries, book->nboundaries, sizeof(Boundary), by_size);
	book->boundaries_ready = true;
}

static bool
holds(const Boundary *b, const Point *p)
{
	bool inside = false;

	if (p->x < b->box.low.x || p->x > b->box.high.x || p->y < b->box.low.y || p->y > b->box.high.y)
		return false;
	for (int i = 0, j = b->n - 1; i < b->n; j = i++)
	{
		const Point *v = &b->at[i];
		const Point *u = &b->at[j];

		if ((v->y > p->y) != (u->y > p->y) && p->x < (u->x - v->x) * (p->y - v->y) / (u->y - v->y) + v->x)
			inside = !inside;
	}
	return inside;
}

Area *
boundary_find(Book *book, const Point *p)
{
	if (!book->boundaries_ready)
		prepare_all(book);
	for (int i = 0; i < book->nboundaries; i++)
		if (holds(&book->boundaries[i], p))
			return book->boundaries[i].area;
	return NULL;
}

Point *
boundary_centre(Book *book, const Area *area)
{
	if (!book->boundaries_ready)
		prepare_all(book);
	for (int i = 0; i < book->nboundaries; i++)
	{
		const Boundary *b = &book->boundaries[i];
		Point		   *p;

		if (b->area != area)
			continue;
		p = palloc(sizeof(Point));
		p->x = (b->box.low.x + b->box.high.x) / 2;
		p->y = (b->box.low.y + b->box.high.y) / 2;
		return p;
	}
	return NULL;
}
