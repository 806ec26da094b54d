/*
 * load.c
 *	  Reads the configuration into a book.
 *
 * All tables are scanned directly, with one snapshot: several queries would
 * each take their own and mix versions.  Where an image of this version is
 * stored, it is read instead (image.h).
 */
#include "postgres.h"

#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "rulebook/arena.h"
#include "rulebook/duty.h"
#include "rulebook/image.h"
#include "rulebook/load.h"
#include "rulebook/source.h"

/* Make room for one more element in a growing array of a book. */
static void *
grow(MemoryContext mcxt, void *array, int n, size_t size)
{
	if (array == NULL)
		return MemoryContextAllocZero(mcxt, 64 * size);
	if (n >= 64 && (n & (n - 1)) == 0)
	{
		array = repalloc(array, n * 2 * size);
		memset((char *) array + n * size, 0, n * size);
	}
	return array;
}

#define GROW(book, array, n) ((array) = grow((book)->mcxt, (array), (n), sizeof(*(array))), &(array)[(n)++])

static void
load_areas(Book *book, Arena *arena, const Source *source)
{
	Reader r;

	reader_open(&r, source, FROM_AREAS);
	while (reader_next(&r))
	{
		Area *a = GROW(book, book->areas, book->nareas);

		a->code = col_text(&r, arena, 0);
		a->parent_code = col_text(&r, arena, 1);
		a->zh = col_text(&r, arena, 2);
		a->level = col_text(&r, arena, 3);
		a->urban = col_bool(&r, 4);
		a->initials = col_text(&r, arena, 5);
	}
	reader_close(&r);
}

static void
load_departments(Book *book, Arena *arena, const Source *source)
{
	Reader r;

	reader_open(&r, source, FROM_DEPARTMENTS);
	while (reader_next(&r))
	{
		Department *d = GROW(book, book->departments, book->ndepartments);

		d->code = col_text(&r, arena, 0);
		d->kind = col_text(&r, arena, 1);
		d->zh = col_text(&r, arena, 2);
		d->superior = col_text(&r, arena, 3);
		d->endpoint = col_text(&r, arena, 4);
		d->area_code = col_text(&r, arena, 5);
	}
	reader_close(&r);
}

static void
load_channels(Book *book, Arena *arena, const Source *source)
{
	static const char *const kinds[] = {"voice", "written", "grid", "sensor",
										"model", "walk_in", "host", NULL};
	Reader					 r;

	reader_open(&r, source, FROM_CHANNELS);
	while (reader_next(&r))
	{
		Channel	   *c = GROW(book, book->channels, book->nchannels);
		int			len;
		const char *area = col_bytes(&r, 3, &len);

		c->code = col_text(&r, arena, 0);
		c->zh = col_text(&r, arena, 1);
		c->kind = (ChannelKind) col_word(&r, 2, kinds);
		c->area = area == NULL ? NULL : book_area(book, area, len);
		c->department = col_text(&r, arena, 4);
		c->endpoint = col_text(&r, arena, 5);
		c->confirm_danger = col_bool(&r, 6);
		c->needs_caller = col_bool(&r, 7);
		c->allows_anonymous = col_bool(&r, 8);
		c->fold_us = col_interval_us(&r, 9);
	}
	reader_close(&r);
}

static void
load_case_types(Book *book, Arena *arena, const Source *source)
{
	static const char *const callbacks[] = {"none", "sample", "required", NULL};
	Reader					 r;

	reader_open(&r, source, FROM_CASE_TYPES);
	while (reader_next(&r))
	{
		CaseType *t = GROW(book, book->types, book->ntypes);

		t->code = col_text(&r, arena, 0);
		t->parent_code = col_text(&r, arena, 1);
		t->zh = col_text(&r, arena, 2);
		t->nature = (Nature) col_word(&r, 3, nature_names);
		t->priority = col_int(&r, 4, 3);
		t->scene = col_bool(&r, 5);
		t->fallback = col_bool(&r, 6);
		t->en = col_text(&r, arena, 7);
		t->initials = col_text(&r, arena, 8);
		t->callback = (CallBack) col_word(&r, 9, callbacks);
	}
	reader_close(&r);
}

static void
load_boundaries(Book *book, Arena *arena, const Source *source)
{
	Reader r;

	reader_open(&r, source, FROM_BOUNDARIES);
	while (reader_next(&r))
	{
		int			len;
		const char *code = col_bytes(&r, 0, &len);
		Area	   *area = book_area(book, code, len);
		Boundary   *b;

		if (area == NULL || col_is_null(&r, 1))
			continue;
		b = GROW(book, book->boundaries, book->nboundaries);
		b->area = area;
		b->points = col_polygon(&r, arena, 1, &b->n);
	}
	reader_close(&r);
}

static void
load_routes(Book *book, Arena *arena, const Source *source)
{
	Reader r;

	reader_open(&r, source, FROM_ROUTES);
	while (reader_next(&r))
	{
		Route *t = GROW(book, book->routes, book->nroutes);

		t->code = col_text(&r, arena, 0);
		t->type_code = col_text(&r, arena, 1);
		t->area_code = col_text(&r, arena, 2);
		t->condition_text = col_text(&r, arena, 3);
		t->precedence = col_int(&r, 4, 0);
		t->zh = col_text(&r, arena, 5);
	}
	reader_close(&r);
}

static void
load_route_parties(Book *book, Arena *arena, const Source *source)
{
	Reader r;

	reader_open(&r, source, FROM_ROUTE_PARTIES);
	while (reader_next(&r))
	{
		int			len;
		const char *bytes = col_bytes(&r, 0, &len);
		Route	   *route = book_route(book, bytes, len);
		RouteParty *p;

		if (route == NULL)
			continue;
		/* a handful each */
		if (route->nparties % 4 == 0)
		{
			RouteParty *more = MemoryContextAlloc(book->mcxt, (route->nparties + 4) * sizeof(RouteParty));

			if (route->nparties > 0)
				memcpy(more, route->parties, route->nparties * sizeof(RouteParty));
			route->parties = more;
		}
		p = &route->parties[route->nparties++];
		p->seq = col_int(&r, 1, 1);
		p->department = col_text(&r, arena, 2);
		p->relation = col_text(&r, arena, 3);
		p->duty = (Duty) col_word(&r, 4, duty_names);
		p->skill = col_text(&r, arena, 5);
	}
	reader_close(&r);
}

static void
load_calendars(Book *book, Arena *arena, const Source *source)
{
	Reader r;

	reader_open(&r, source, FROM_CALENDARS);
	while (reader_next(&r))
	{
		char	 *zone = col_text(&r, arena, 1);
		pg_tz	 *tz = pg_tzset(zone);
		Calendar *c;

		if (tz == NULL)
			continue; /* lint() names it */
		c = GROW(book, book->calendars, book->ncalendars);
		c->code = col_text(&r, arena, 0);
		c->zone = tz;
		c->version = col_int(&r, 2, 1);
	}
	reader_close(&r);
}

static void
load_calendar_hours(Book *book, const Source *source)
{
	Reader r;

	reader_open(&r, source, FROM_CALENDAR_HOURS);
	while (reader_next(&r))
	{
		int			len;
		const char *bytes = col_bytes(&r, 0, &len);
		Calendar   *c = book_calendar(book, bytes, len);

		if (c != NULL)
			calendar_add_hours(book, c, col_int(&r, 1, 1), col_int64(&r, 2) / USECS_PER_SEC,
							   col_int64(&r, 3) / USECS_PER_SEC);
	}
	reader_close(&r);
}

static void
load_calendar_days(Book *book, const Source *source)
{
	Reader r;

	reader_open(&r, source, FROM_CALENDAR_DAYS);
	while (reader_next(&r))
	{
		int			len;
		const char *bytes = col_bytes(&r, 0, &len);
		Calendar   *c = book_calendar(book, bytes, len);

		if (c == NULL)
			continue;
		calendar_add_day(book, c, col_int(&r, 1, 0), col_int(&r, 2, 0),
						 col_is_null(&r, 3) ? -1 : (int) (col_int64(&r, 3) / USECS_PER_SEC),
						 col_is_null(&r, 4) ? -1 : (int) (col_int64(&r, 4) / USECS_PER_SEC));
	}
	reader_close(&r);
}

static void
load_modes(Book *book, Arena *arena, const Source *source)
{
	Reader r;

	reader_open(&r, source, FROM_MODES);
	while (reader_next(&r))
	{
		DutyMode *m = GROW(book, book->modes, book->nmodes);

		m->code = col_text(&r, arena, 0);
		m->rank = col_int(&r, 1, 0);
	}
	reader_close(&r);
}

/* A period of a mode or area that is gone was in force nowhere. */
static void
load_mode_periods(Book *book, const Source *source)
{
	Reader r;

	reader_open(&r, source, FROM_MODE_PERIODS);
	while (reader_next(&r))
	{
		int			len;
		const char *bytes = col_bytes(&r, 0, &len);
		ModePeriod	p = {.mode = book_mode(book, bytes, len)};

		bytes = col_bytes(&r, 1, &len);
		p.area = len == 0 ? NULL : book_area(book, bytes, len);
		p.since = col_int64(&r, 2);
		p.until = col_int64(&r, 3);
		if (p.mode != NULL && (len == 0 || p.area != NULL))
			*GROW(book, book->periods, book->nperiods) = p;
	}
	reader_close(&r);
}

static void
load_rosters(Book *book, Arena *arena, const Source *source)
{
	static const char *const duties[] = {"duty", "chair", NULL};
	static const char *const days[] = {"every", "workday", "rest", NULL};
	static const char *const turns[] = {"day", "week", "month", NULL};
	Reader					 r;

	reader_open(&r, source, FROM_ROSTERS);
	while (reader_next(&r))
	{
		DutyShift  *s = GROW(book, book->duty_shifts, book->nduty_shifts);
		int			len;
		const char *weekdays = col_bytes(&r, 8, &len);

		s->code = col_text(&r, arena, 0);
		s->department_code = col_text(&r, arena, 1);
		s->chair = col_word(&r, 2, duties) == 1;
		s->team = col_text(&r, arena, 3);
		s->skill = col_text(&r, arena, 4);
		s->when.starts = col_int64(&r, 5) / USECS_PER_SEC;
		s->when.ends = col_int64(&r, 6) / USECS_PER_SEC;
		s->when.days = (ShiftDays) col_word(&r, 7, days);
		s->when.weekdays = 0;
		for (int i = 0; i < len; i++)
			s->when.weekdays |= 1 << (weekdays[i] - '1');
		s->calendar_code = col_text(&r, arena, 9);
		s->when.turn_lasts = (ShiftTurn) col_word(&r, 10, turns);
		s->when.cycle = col_int(&r, 11, 1);
		s->when.turn = col_int(&r, 12, 0);
		s->when.first_day = col_int(&r, 13, SHIFT_FIRST_DAY);
		s->when.last_day = col_int(&r, 14, SHIFT_LAST_DAY);
		s->mode_code = col_text(&r, arena, 15);
		s->substitute = col_text(&r, arena, 16);
	}
	reader_close(&r);
}

static void
load_policies(Book *book, Arena *arena, const Source *source)
{
	Reader r;

	reader_open(&r, source, FROM_POLICIES);
	while (reader_next(&r))
	{
		Policy *p = GROW(book, book->policies, book->npolicies);

		p->code = col_text(&r, arena, 0);
		p->stage = (Stage) col_word(&r, 1, stage_names);
		p->type_code = col_text(&r, arena, 2);
		p->priority = col_int(&r, 3, 0);
		p->area_code = col_text(&r, arena, 4);
		p->urban = col_tristate(&r, 5);
		p->danger = col_tristate(&r, 6);
		p->amount = col_int(&r, 7, 0);
		p->unit = (LimitUnit) col_word(&r, 8, unit_names);
		p->calendar_code = col_text(&r, arena, 9);
		p->ladder_code = col_text(&r, arena, 10);
		p->mode_code = col_text(&r, arena, 11);
		p->memo_start = DT_NOBEGIN;
	}
	reader_close(&r);
}

/* The ladder of a code, made when first met. */
static Ladder *
ladder_for(Book *book, const char *code)
{
	for (int i = 0; i < book->nladders; i++)
		if (strcmp(book->ladders[i].code, code) == 0)
			return &book->ladders[i];
	GROW(book, book->ladders, book->nladders)->code = code;
	return &book->ladders[book->nladders - 1];
}

static void
load_policy_steps(Book *book, Arena *arena, const Source *source)
{
	Reader r;

	reader_open(&r, source, FROM_POLICY_STEPS);
	while (reader_next(&r))
	{
		Ladder	   *ladder = ladder_for(book, col_text(&r, arena, 0));
		LadderStep *s = GROW(book, ladder->steps, ladder->nsteps);

		s->step = col_int(&r, 1, 1);
		s->percent = col_int(&r, 2, 100);
		s->late_amount = col_int(&r, 3, 0);
		s->late_unit = col_is_null(&r, 4) ? UNIT_MIN : (LimitUnit) col_word(&r, 4, unit_names);
		s->colour = col_text(&r, arena, 5);
		s->action = (StepAction) col_word(&r, 6, action_names);
		s->target = col_text(&r, arena, 7);
		s->repeat_us = col_interval_us(&r, 8);
		s->repeat_danger = col_bool(&r, 9);
		s->zh = col_text(&r, arena, 10);
		s->en = col_text(&r, arena, 11);
	}
	reader_close(&r);
}

static void
load_endpoints(Book *book, Arena *arena, const Source *source)
{
	Reader r;

	reader_open(&r, source, FROM_ENDPOINTS);
	while (reader_next(&r))
	{
		Endpoint *e = GROW(book, book->endpoints, book->nendpoints);

		e->code = col_text(&r, arena, 0);
		e->format = col_text(&r, arena, 1);
	}
	reader_close(&r);
}

static void
load_outcomes(Book *book, Arena *arena, const Source *source)
{
	Reader r;

	reader_open(&r, source, FROM_OUTCOMES);
	while (reader_next(&r))
	{
		Outcome *o = GROW(book, book->outcomes, book->noutcomes);

		o->code = col_text(&r, arena, 0);
		o->zh = col_text(&r, arena, 1);
		o->settled = col_bool(&r, 2);
		o->requires = col_text_list(&r, arena, 3, &o->nrequires);
	}
	reader_close(&r);
}

static void
load_model_in_use(Book *book, Arena *arena, const Source *source)
{
	Reader r;

	reader_open(&r, source, FROM_MODEL_IN_USE);
	if (reader_next(&r))
	{
		book->model = col_text(&r, arena, 0);
		book->model_version = col_int(&r, 1, 0);
		book->model_digest = col_text(&r, arena, 2);
	}
	reader_close(&r);
}

static void
load_version(Book *book, const Source *source)
{
	Reader r;

	reader_open(&r, source, FROM_RULEBOOK);
	if (reader_next(&r))
	{
		int			len;
		const char *digest = col_bytes(&r, 1, &len);

		book->version = col_int64(&r, 0);
		memcpy(book->digest, digest, Min((int) sizeof(book->digest), len));
	}
	reader_close(&r);
}

#define INDEX(book, what, n, index) \
	code_index_build(&(book)->index, (book)->what, sizeof(*(book)->what), (book)->n, (book)->mcxt)

void
book_load(Book *book, Snapshot snapshot, bool use_image)
{
	Arena  arena = {book->mcxt, NULL, 0};
	Source source = {snapshot, NULL};

	load_version(book, &source);
	if (use_image)
		source.image = image_get(book, snapshot);
	load_areas(book, &arena, &source);
	INDEX(book, areas, nareas, area_index);
	link_areas(book);
	load_departments(book, &arena, &source);
	INDEX(book, departments, ndepartments, department_index);
	link_departments(book);
	load_channels(book, &arena, &source);
	INDEX(book, channels, nchannels, channel_index);
	load_case_types(book, &arena, &source);
	INDEX(book, types, ntypes, type_index);
	link_types(book);
	if (source.image != NULL)
		image_adopt(source.image, book);
	else
	{
		load_words(book, &source);
	}
	load_boundaries(book, &arena, &source);
	collect_turns(book);
	book->max_hits = 256;
	book->hits = MemoryContextAlloc(book->mcxt, book->max_hits * sizeof(TermHit));
	load_calendars(book, &arena, &source);
	INDEX(book, calendars, ncalendars, calendar_index);
	load_calendar_hours(book, &source);
	load_calendar_days(book, &source);
	link_calendars(book);
	load_modes(book, &arena, &source);
	INDEX(book, modes, nmodes, mode_index);
	load_mode_periods(book, &source);
	load_rosters(book, &arena, &source);
	link_duty(book);
	load_policy_steps(book, &arena, &source);
	INDEX(book, ladders, nladders, ladder_index);
	load_policies(book, &arena, &source);
	INDEX(book, policies, npolicies, policy_index);
	link_policies(book);
	load_routes(book, &arena, &source);
	INDEX(book, routes, nroutes, route_index);
	load_route_parties(book, &arena, &source);
	link_routes(book);
	load_model_in_use(book, &arena, &source);
	load_endpoints(book, &arena, &source);
	INDEX(book, endpoints, nendpoints, endpoint_index);
	load_outcomes(book, &arena, &source);
	INDEX(book, outcomes, noutcomes, outcome_index);
}
