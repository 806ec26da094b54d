/*
 * load.c
 *	  Reads the configuration tables into a book.
 *
 * The tables are scanned directly, all with one snapshot: several queries
 * would each take their own and mix versions, and planning them would cost a
 * new session more than the rows do.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/catalog.h"
#include "rulebook/arena.h"
#include "rulebook/load.h"

#define MAX_COLUMNS 16

/* One configuration table being read. */
typedef struct Reader
{
	Relation	rel;
	TableScanDesc scan;
	TupleTableSlot *slot;
	AttrNumber	attnum[MAX_COLUMNS];
	AttrNumber	active;			/* 0 = the table has no such column */
} Reader;

static void
reader_open(Reader *r, Snapshot snapshot, const char *table, int ncolumns, const char *const *columns,
			bool has_active)
{
	Assert(ncolumns <= MAX_COLUMNS);
	r->rel = table_open(triage_relid(table), AccessShareLock);
	for (int i = 0; i < ncolumns; i++)
		r->attnum[i] = triage_attnum(r->rel, columns[i]);
	r->active = has_active ? triage_attnum(r->rel, "active") : 0;
	r->slot = table_slot_create(r->rel, NULL);
	r->scan = table_beginscan(r->rel, snapshot, 0, NULL);
}

static bool
reader_next(Reader *r)
{
	while (table_scan_getnextslot(r->scan, ForwardScanDirection, r->slot))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(r->slot);
		if (r->active == 0 || DatumGetBool(r->slot->tts_values[r->active - 1]))
			return true;
	}
	return false;
}

static void
reader_close(Reader *r)
{
	table_endscan(r->scan);
	ExecDropSingleTupleTableSlot(r->slot);
	table_close(r->rel, AccessShareLock);
}

static bool
col_is_null(const Reader *r, int col)
{
	return r->slot->tts_isnull[r->attnum[col] - 1];
}

static Datum
col(const Reader *r, int col)
{
	return r->slot->tts_values[r->attnum[col] - 1];
}

static int
col_int(const Reader *r, int c, int if_null)
{
	return col_is_null(r, c) ? if_null : DatumGetInt32(col(r, c));
}

static bool
col_bool(const Reader *r, int c)
{
	return !col_is_null(r, c) && DatumGetBool(col(r, c));
}

/* -1 when null: "any" */
static int
col_tristate(const Reader *r, int c)
{
	return col_is_null(r, c) ? -1 : DatumGetBool(col(r, c));
}

/* Bytes of a text column where they lie (detoasted); NULL for null. */
static const char *
col_bytes(const Reader *r, int c, int *len)
{
	text	   *t;

	if (col_is_null(r, c))
		return NULL;
	t = DatumGetTextPP(col(r, c));
	*len = VARSIZE_ANY_EXHDR(t);
	return VARDATA_ANY(t);
}

static char *
col_text(const Reader *r, Arena *arena, int c)
{
	int			len;
	const char *bytes = col_bytes(r, c, &len);

	return bytes == NULL ? NULL : arena_copy(arena, bytes, len);
}

/* Position of a word in a NULL-terminated list; the tables' checks guarantee it is there. */
static int
col_word(const Reader *r, int c, const char *const *words)
{
	int			len;
	const char *bytes = col_bytes(r, c, &len);

	for (int i = 0; bytes != NULL && words[i] != NULL; i++)
		if (strncmp(words[i], bytes, len) == 0 && words[i][len] == '\0')
			return i;
	elog(ERROR, "unexpected word in column %d of triage.%s", c, RelationGetRelationName(r->rel));
}

static int64
col_interval_us(const Reader *r, int c)
{
	Interval   *i;

	if (col_is_null(r, c))
		return 0;
	i = DatumGetIntervalP(col(r, c));
	return i->time + i->day * USECS_PER_DAY + (int64) i->month * DAYS_PER_MONTH * USECS_PER_DAY;
}

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

#define GROW(book, array, n) \
	((array) = grow((book)->mcxt, (array), (n), sizeof(*(array))), &(array)[(n)++])

static void
load_areas(Book *book, Arena *arena, Snapshot snapshot)
{
	static const char *const columns[] = {"code", "parent", "zh", "level", "urban"};
	Reader		r;

	reader_open(&r, snapshot, "areas", lengthof(columns), columns, true);
	while (reader_next(&r))
	{
		Area	   *a = GROW(book, book->areas, book->nareas);

		a->code = col_text(&r, arena, 0);
		a->parent_code = col_text(&r, arena, 1);
		a->zh = col_text(&r, arena, 2);
		a->level = col_text(&r, arena, 3);
		a->urban = col_bool(&r, 4);
	}
	reader_close(&r);
}

static void
load_departments(Book *book, Arena *arena, Snapshot snapshot)
{
	static const char *const columns[] = {"code", "kind", "zh", "superior", "endpoint", "area"};
	Reader		r;

	reader_open(&r, snapshot, "departments", lengthof(columns), columns, true);
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
load_channels(Book *book, Arena *arena, Snapshot snapshot)
{
	static const char *const columns[] = {"code", "zh", "kind", "area", "department", "endpoint",
		"confirm_danger", "needs_caller", "allows_anonymous", "fold_window"};
	static const char *const kinds[] = {"voice", "written", "grid", "sensor", "model", "walk_in", "host", NULL};
	Reader		r;

	reader_open(&r, snapshot, "channels", lengthof(columns), columns, true);
	while (reader_next(&r))
	{
		Channel    *c = GROW(book, book->channels, book->nchannels);
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
load_case_types(Book *book, Arena *arena, Snapshot snapshot)
{
	static const char *const columns[] = {"code", "parent", "zh", "nature", "priority", "scene", "fallback"};
	Reader		r;

	reader_open(&r, snapshot, "case_types", lengthof(columns), columns, true);
	while (reader_next(&r))
	{
		CaseType   *t = GROW(book, book->types, book->ntypes);

		t->code = col_text(&r, arena, 0);
		t->parent_code = col_text(&r, arena, 1);
		t->zh = col_text(&r, arena, 2);
		t->nature = (Nature) col_word(&r, 3, nature_names);
		t->priority = col_int(&r, 4, 3);
		t->scene = col_bool(&r, 5);
		t->fallback = col_bool(&r, 6);
	}
	reader_close(&r);
}

static void
load_terms(Book *book, Arena *arena, Snapshot snapshot)
{
	static const char *const columns[] = {"case_type", "kind", "term"};
	static const char *const kinds[] = {"include", "exclude", "escalate", NULL};
	Reader		r;

	reader_open(&r, snapshot, "terms", lengthof(columns), columns, true);
	while (reader_next(&r))
	{
		int			len;
		const char *bytes = col_bytes(&r, 0, &len);
		CaseType   *type = book_type(book, bytes, len);
		size_t		folded_len;
		char	   *folded;
		Term	   *t;

		bytes = col_bytes(&r, 2, &len);
		if (type == NULL || (folded = book_fold(bytes, len, &folded_len)) == NULL)
			continue;
		t = GROW(book, book->terms, book->nterms);
		t->type = type;
		t->kind = (TermKind) col_word(&r, 1, kinds);
		t->text = arena_copy(arena, folded, folded_len);
		t->len = folded_len;
		t->weight = 0;
		for (size_t i = 0; i < folded_len; i++)
			t->weight += IS_HIGHBIT_SET(folded[i]) ? ((folded[i] & 0xC0) == 0xC0 ? 2 : 0) : 1;
		pfree(folded);
	}
	reader_close(&r);
}

static void
add_place(Book *book, Arena *arena, Area *area, const char *bytes, int len, bool is_name)
{
	size_t		folded_len;
	char	   *folded = book_fold(bytes, len, &folded_len);
	PlaceName  *p;

	if (folded == NULL)
		return;
	p = GROW(book, book->places, book->nplaces);
	p->area = area;
	p->text = arena_copy(arena, folded, folded_len);
	p->len = folded_len;
	p->is_name = is_name;
	pfree(folded);
}

static void
load_places(Book *book, Arena *arena, Snapshot snapshot)
{
	static const char *const columns[] = {"area", "name"};
	Reader		r;

	for (int i = 0; i < book->nareas; i++)
		add_place(book, arena, &book->areas[i], book->areas[i].zh, strlen(book->areas[i].zh), true);
	reader_open(&r, snapshot, "area_names", lengthof(columns), columns, true);
	while (reader_next(&r))
	{
		int			len;
		const char *bytes = col_bytes(&r, 0, &len);
		Area	   *area = book_area(book, bytes, len);

		if (area == NULL)
			continue;
		bytes = col_bytes(&r, 1, &len);
		add_place(book, arena, area, bytes, len, false);
	}
	reader_close(&r);
}

static void
load_routes(Book *book, Arena *arena, Snapshot snapshot)
{
	static const char *const columns[] = {"code", "case_type", "area", "condition", "precedence", "zh"};
	Reader		r;

	reader_open(&r, snapshot, "routes", lengthof(columns), columns, true);
	while (reader_next(&r))
	{
		Route	   *t = GROW(book, book->routes, book->nroutes);

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
load_route_parties(Book *book, Arena *arena, Snapshot snapshot)
{
	static const char *const columns[] = {"route", "seq", "department", "relation", "duty"};
	Reader		r;

	reader_open(&r, snapshot, "route_parties", lengthof(columns), columns, true);
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
	}
	reader_close(&r);
}

static void
load_calendars(Book *book, Arena *arena, Snapshot snapshot)
{
	static const char *const columns[] = {"code", "timezone", "version"};
	Reader		r;

	reader_open(&r, snapshot, "calendars", lengthof(columns), columns, true);
	while (reader_next(&r))
	{
		char	   *zone = col_text(&r, arena, 1);
		pg_tz	   *tz = pg_tzset(zone);
		Calendar   *c;

		if (tz == NULL)
			continue;			/* lint() names it */
		c = GROW(book, book->calendars, book->ncalendars);
		c->code = col_text(&r, arena, 0);
		c->zone = tz;
		c->version = col_int(&r, 2, 1);
	}
	reader_close(&r);
}

static void
load_calendar_hours(Book *book, Snapshot snapshot)
{
	static const char *const columns[] = {"calendar", "weekday", "opens", "closes"};
	Reader		r;

	reader_open(&r, snapshot, "calendar_hours", lengthof(columns), columns, true);
	while (reader_next(&r))
	{
		int			len;
		const char *bytes = col_bytes(&r, 0, &len);
		Calendar   *c = book_calendar(book, bytes, len);

		if (c != NULL)
			calendar_add_hours(book, c, col_int(&r, 1, 1), DatumGetTimeADT(col(&r, 2)) / USECS_PER_SEC,
							   DatumGetTimeADT(col(&r, 3)) / USECS_PER_SEC);
	}
	reader_close(&r);
}

static void
load_calendar_days(Book *book, Snapshot snapshot)
{
	static const char *const columns[] = {"calendar", "day", "as_weekday", "opens", "closes"};
	Reader		r;

	reader_open(&r, snapshot, "calendar_days", lengthof(columns), columns, true);
	while (reader_next(&r))
	{
		int			len;
		const char *bytes = col_bytes(&r, 0, &len);
		Calendar   *c = book_calendar(book, bytes, len);

		if (c == NULL)
			continue;
		calendar_add_day(book, c, DatumGetDateADT(col(&r, 1)), col_int(&r, 2, 0),
						 col_is_null(&r, 3) ? -1 : (int) (DatumGetTimeADT(col(&r, 3)) / USECS_PER_SEC),
						 col_is_null(&r, 4) ? -1 : (int) (DatumGetTimeADT(col(&r, 4)) / USECS_PER_SEC));
	}
	reader_close(&r);
}

static void
load_policies(Book *book, Arena *arena, Snapshot snapshot)
{
	static const char *const columns[] = {"code", "stage", "case_type", "priority", "area", "urban", "danger",
		"amount", "unit", "calendar", "ladder"};
	Reader		r;

	reader_open(&r, snapshot, "policies", lengthof(columns), columns, true);
	while (reader_next(&r))
	{
		Policy	   *p = GROW(book, book->policies, book->npolicies);

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
load_policy_steps(Book *book, Arena *arena, Snapshot snapshot)
{
	static const char *const columns[] = {"ladder", "step", "percent", "or_late_amount", "or_late_unit", "colour",
		"action", "target", "repeat_every", "repeat_danger", "zh", "en"};
	Reader		r;

	reader_open(&r, snapshot, "policy_steps", lengthof(columns), columns, true);
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
load_endpoints(Book *book, Arena *arena, Snapshot snapshot)
{
	static const char *const columns[] = {"code", "format"};
	Reader		r;

	reader_open(&r, snapshot, "endpoints", lengthof(columns), columns, true);
	while (reader_next(&r))
	{
		Endpoint   *e = GROW(book, book->endpoints, book->nendpoints);

		e->code = col_text(&r, arena, 0);
		e->format = col_text(&r, arena, 1);
	}
	reader_close(&r);
}

static void
load_outcomes(Book *book, Arena *arena, Snapshot snapshot)
{
	static const char *const columns[] = {"code", "zh", "settled", "requires"};
	Reader		r;

	reader_open(&r, snapshot, "outcomes", lengthof(columns), columns, true);
	while (reader_next(&r))
	{
		Outcome    *o = GROW(book, book->outcomes, book->noutcomes);
		Datum	   *items;
		bool	   *nulls;

		o->code = col_text(&r, arena, 0);
		o->zh = col_text(&r, arena, 1);
		o->settled = col_bool(&r, 2);
		deconstruct_array(DatumGetArrayTypeP(col(&r, 3)), TEXTOID, -1, false, TYPALIGN_INT,
						  &items, &nulls, &o->nrequires);
		o->requires = MemoryContextAlloc(book->mcxt, Max(o->nrequires, 1) * sizeof(char *));
		for (int i = 0; i < o->nrequires; i++)
		{
			text	   *t = DatumGetTextPP(items[i]);

			o->requires[i] = arena_copy(arena, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
		}
	}
	reader_close(&r);
}

static void
load_version(Book *book, Snapshot snapshot)
{
	static const char *const columns[] = {"version", "digest"};
	Reader		r;

	reader_open(&r, snapshot, "rulebook", lengthof(columns), columns, false);
	if (reader_next(&r))
	{
		bytea	   *digest = DatumGetByteaPP(col(&r, 1));

		book->version = DatumGetInt64(col(&r, 0));
		memcpy(book->digest, VARDATA_ANY(digest), Min(sizeof(book->digest), VARSIZE_ANY_EXHDR(digest)));
	}
	reader_close(&r);
}

#define INDEX(book, what, n, index) \
	code_index_build(&(book)->index, (book)->what, sizeof(*(book)->what), (book)->n, (book)->mcxt)

void
book_load(Book *book, Snapshot snapshot)
{
	Arena		arena = {book->mcxt, NULL, 0};

	load_version(book, snapshot);
	load_areas(book, &arena, snapshot);
	INDEX(book, areas, nareas, area_index);
	link_areas(book);
	load_departments(book, &arena, snapshot);
	INDEX(book, departments, ndepartments, department_index);
	link_departments(book);
	load_channels(book, &arena, snapshot);
	INDEX(book, channels, nchannels, channel_index);
	load_case_types(book, &arena, snapshot);
	INDEX(book, types, ntypes, type_index);
	link_types(book);
	load_terms(book, &arena, snapshot);
	load_places(book, &arena, snapshot);
	build_matchers(book);
	load_calendars(book, &arena, snapshot);
	INDEX(book, calendars, ncalendars, calendar_index);
	load_calendar_hours(book, snapshot);
	load_calendar_days(book, snapshot);
	link_calendars(book);
	load_policy_steps(book, &arena, snapshot);
	INDEX(book, ladders, nladders, ladder_index);
	load_policies(book, &arena, snapshot);
	INDEX(book, policies, npolicies, policy_index);
	link_policies(book);
	load_routes(book, &arena, snapshot);
	INDEX(book, routes, nroutes, route_index);
	load_route_parties(book, &arena, snapshot);
	link_routes(book);
	load_endpoints(book, &arena, snapshot);
	INDEX(book, endpoints, nendpoints, endpoint_index);
	load_outcomes(book, &arena, snapshot);
	INDEX(book, outcomes, noutcomes, outcome_index);
}
