/*
 * link.c
 *	  Turns rows that were read into one book: parents, orders of preference,
 *	  matchers.  Codes that lead nowhere become NULL; lint() names them.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "rulebook/load.h"

void *
book_alloc(void *book, size_t size)
{
	return MemoryContextAllocHuge(((Book *) book)->mcxt, size);
}

/* Depth by walking up; a chain longer than all rows together is a cycle, which is cut. */
void
link_areas(Book *book)
{
	for (int i = 0; i < book->nareas; i++)
	{
		Area *a = &book->areas[i];

		if (a->parent_code != NULL)
			a->parent = book_area(book, a->parent_code, strlen(a->parent_code));
	}
	for (int i = 0; i < book->nareas; i++)
	{
		Area *a = &book->areas[i];

		for (Area *up = a->parent; up != NULL; up = up->parent)
			if (++a->depth > book->nareas)
			{
				a->parent = NULL;
				a->depth = 0;
				break;
			}
		if (a->parent == NULL && (book->root_area == NULL || strcmp(a->code, book->root_area->code) < 0))
			book->root_area = a;
	}
}

void
link_departments(Book *book)
{
	for (int i = 0; i < book->ndepartments; i++)
	{
		Department *d = &book->departments[i];

		if (d->area_code != NULL)
			d->area = book_area(book, d->area_code, strlen(d->area_code));
	}
	kind_index_build(book);
}

void
link_types(Book *book)
{
	for (int i = 0; i < book->ntypes; i++)
	{
		CaseType *t = &book->types[i];

		t->index = i;
		if (t->parent_code != NULL)
			t->parent = book_type(book, t->parent_code, strlen(t->parent_code));
	}
	for (int i = 0; i < book->ntypes; i++)
	{
		CaseType *t = &book->types[i];

		for (CaseType *up = t->parent; up != NULL; up = up->parent)
			if (++t->depth > book->ntypes)
			{
				t->parent = NULL;
				t->depth = 0;
				break;
			}
	}
	book->any_type.index = -1;
	book->any_type.priority = 3;
	book->any_type.nature = NATURE_UNDETERMINED;
	book->scores = MemoryContextAllocZero(book->mcxt, Max(book->ntypes, 1) * sizeof(int));
}

/* Depth of a rule's case type as far as it concerns `type`: -2 = not at all, -1 = any type. */
static int
type_depth(const Book *book, const CaseType *type, const char *code)
{
	if (code == NULL)
		return -1;
	for (const CaseType *t = type; t != NULL; t = t->parent)
		if (t->code != NULL && strcmp(t->code, code) == 0)
			return t->depth;
	return -2;
}

/* Most wanted first: design "Choosing a route". */
static int
by_preference(const void *a, const void *b)
{
	const Route *x = *(Route *const *) a;
	const Route *y = *(Route *const *) b;
	int			 dx = x->type ? x->type->depth : -1;
	int			 dy = y->type ? y->type->depth : -1;

	if (x->precedence != y->precedence)
		return x->precedence > y->precedence ? -1 : 1;
	if (dx != dy)
		return dx > dy ? -1 : 1;
	dx = x->area ? x->area->depth : -1;
	dy = y->area ? y->area->depth : -1;
	if (dx != dy)
		return dx > dy ? -1 : 1;
	if ((x->condition_text != NULL) != (y->condition_text != NULL))
		return x->condition_text != NULL ? -1 : 1;
	return strcmp(x->code, y->code);
}

/* A route whose type or area is not in the book cannot be meant for every type or area. */
static bool
route_usable(const Route *r)
{
	return (r->type_code == NULL || r->type != NULL) && (r->area_code == NULL || r->area != NULL) &&
		   r->nparties > 0;
}

static void
collect_routes(Book *book, CaseType *type)
{
	int n = 0;

	for (int i = 0; i < book->nroutes; i++)
		if (route_usable(&book->routes[i]) && type_depth(book, type, book->routes[i].type_code) > -2)
			n++;
	type->routes = MemoryContextAlloc(book->mcxt, Max(n, 1) * sizeof(Route *));
	for (int i = 0; i < book->nroutes; i++)
		if (route_usable(&book->routes[i]) && type_depth(book, type, book->routes[i].type_code) > -2)
			type->routes[type->nroutes++] = &book->routes[i];
	qsort(type->routes, type->nroutes, sizeof(Route *), by_preference);
}

static int
party_order(const void *a, const void *b)
{
	const RouteParty *x = a;
	const RouteParty *y = b;

	if ((x->duty == DUTY_LEAD) != (y->duty == DUTY_LEAD))
		return x->duty == DUTY_LEAD ? -1 : 1;
	return x->seq - y->seq;
}

void
link_routes(Book *book)
{
	for (int i = 0; i < book->nroutes; i++)
	{
		Route *r = &book->routes[i];

		if (r->type_code != NULL)
			r->type = book_type(book, r->type_code, strlen(r->type_code));
		if (r->area_code != NULL)
			r->area = book_area(book, r->area_code, strlen(r->area_code));
		if (r->nparties > 0)
			qsort(r->parties, r->nparties, sizeof(RouteParty), party_order);
	}
}

/* More specific first: by mode, type, area, then the number of other things it names. */
static int
policy_rank(const Policy *p)
{
	return (p->priority > 0) + (p->urban >= 0) + (p->danger >= 0);
}

static const Book	  *sorting_book;
static const CaseType *sorting_type;

static int
by_specificity(const void *a, const void *b)
{
	const Policy *x = *(Policy *const *) a;
	const Policy *y = *(Policy *const *) b;
	int			  dx = type_depth(sorting_book, sorting_type, x->type_code);
	int			  dy = type_depth(sorting_book, sorting_type, y->type_code);

	/* what is set for a typhoon goes before whatever is usual */
	if ((x->mode != NULL) != (y->mode != NULL))
		return x->mode != NULL ? -1 : 1;
	if (dx != dy)
		return dx > dy ? -1 : 1;
	dx = x->area ? x->area->depth : -1;
	dy = y->area ? y->area->depth : -1;
	if (dx != dy)
		return dx > dy ? -1 : 1;
	if (policy_rank(x) != policy_rank(y))
		return policy_rank(x) > policy_rank(y) ? -1 : 1;
	return strcmp(x->code, y->code);
}

static bool
policy_usable(const Policy *p)
{
	return (p->area_code == NULL || p->area != NULL) && (p->calendar_code == NULL || p->calendar != NULL) &&
		   (p->mode_code == NULL || p->mode != NULL);
}

static void
collect_policies(Book *book, CaseType *type)
{
	for (int i = 0; i < book->npolicies; i++)
	{
		Policy *p = &book->policies[i];

		if (policy_usable(p) && type_depth(book, type, p->type_code) > -2)
			type->npolicies[p->stage]++;
	}
	for (int s = 0; s < STAGE_COUNT; s++)
	{
		type->policies[s] = MemoryContextAlloc(book->mcxt, Max(type->npolicies[s], 1) * sizeof(Policy *));
		type->npolicies[s] = 0;
	}
	for (int i = 0; i < book->npolicies; i++)
	{
		Policy *p = &book->policies[i];

		if (policy_usable(p) && type_depth(book, type, p->type_code) > -2)
			type->policies[p->stage][type->npolicies[p->stage]++] = p;
	}
	sorting_book = book;
	sorting_type = type;
	for (int s = 0; s < STAGE_COUNT; s++)
		qsort(type->policies[s], type->npolicies[s], sizeof(Policy *), by_specificity);
}

static int
by_step(const void *a, const void *b)
{
	return ((const LadderStep *) a)->step - ((const LadderStep *) b)->step;
}

void
link_policies(Book *book)
{
	for (int i = 0; i < book->nladders; i++)
		qsort(book->ladders[i].steps, book->ladders[i].nsteps, sizeof(LadderStep), by_step);
	for (int i = 0; i < book->npolicies; i++)
	{
		Policy *p = &book->policies[i];

		if (p->area_code != NULL)
			p->area = book_area(book, p->area_code, strlen(p->area_code));
		if (p->calendar_code != NULL)
			p->calendar = book_calendar(book, p->calendar_code, strlen(p->calendar_code));
		if (p->mode_code != NULL)
			p->mode = book_mode(book, p->mode_code, strlen(p->mode_code));
		if (p->ladder_code != NULL)
			p->ladder = book_ladder(book, p->ladder_code, strlen(p->ladder_code));
	}
}

const CaseType *
book_rules_of(Book *book, const CaseType *type)
{
	CaseType *t = type == NULL ? &book->any_type : unconstify(CaseType *, type);

	if (!t->linked)
	{
		collect_routes(book, t);
		collect_policies(book, t);
		t->linked = true;
	}
	return t;
}
