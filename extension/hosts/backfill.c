/*
 * backfill.c
 *	  Takes in the open tickets that were there before a table was attached.
 *
 * A batch is one INSERT into triage.cases; where that fails, each ticket is
 * taken in by itself, so that a bad one stops nobody.  Where it has come to
 * stands in the binding, in the order of the tickets' keys.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/geo_decls.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "base/json.h"
#include "base/names.h"
#include "hosts/backfill.h"
#include "hosts/guard.h"
#include "hosts/queue.h"
#include "hosts/run.h"
#include "hosts/show.h"
#include "hosts/take.h"
#include "hosts/vouch.h"

#define BATCH	 250
#define MAX_KEYS 16

typedef struct Backfill
{
	Binding	   *b;
	TimestampTz since;
	const char *after; /* key of the last ticket looked at, NULL = none */
	int			seen;  /* rows of this batch */
	int			n;	   /* of these, to be taken in */
	HostEvent  *events;
	int			taken;
	const char *last; /* key of the batch's last row */
} Backfill;

/* ---- reading ---- */

/* The rows behind `after`, in the order of the key. */
static char *
batch_query(const Backfill *f)
{
	const Mapping	 *m = f->b->map;
	const HostColumn *at = &m->read[READ_REPORTED_AT].column;
	StringInfoData	  s, keys;

	initStringInfo(&keys);
	for (int i = 0; i < m->nkeys; i++)
		appendStringInfo(&keys, "%st.%s", i > 0 ? ", " : "", quote_identifier(m->keys[i].name));
	initStringInfo(&s);
	appendStringInfo(&s, "SELECT t FROM %s t WHERE true",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(f->b->relation)),
												get_rel_name(f->b->relation)));
	if (at->attno != 0)
		appendStringInfo(&s, " AND t.%s >= $1", quote_identifier(at->name));
	if (f->after != NULL)
	{
		appendStringInfo(&s, " AND (%s) > (", keys.data);
		for (int i = 0; i < m->nkeys; i++)
			appendStringInfo(&s, "%s$%d", i > 0 ? ", " : "", i + 2);
		appendStringInfoChar(&s, ')');
	}
	appendStringInfo(&s, " ORDER BY %s LIMIT %d", keys.data, BATCH);
	return s.data;
}

/* `since` as the column has it. */
static Datum
since_value(const Backfill *f, Oid *type)
{
	const HostColumn *at = &f->b->map->read[READ_REPORTED_AT].column;

	*type = at->attno != 0 ? at->type : TIMESTAMPTZOID;
	return at->attno != 0 ? column_time(f->b->map, at, f->since) : TimestampTzGetDatum(f->since);
}

static void
read_row(Backfill *f, Datum value)
{
	const Mapping  *m = f->b->map;
	HeapTupleHeader h = DatumGetHeapTupleHeader(value);
	HeapTupleData	row = {.t_len = HeapTupleHeaderGetDatumLength(h), .t_data = h};
	TupleDesc		desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(h), HeapTupleHeaderGetTypMod(h));

	f->last = ticket_key(m, &row, desc);
	if (ticket_passes(&m->filter, &row, desc) && ticket_passes(&m->open, &row, desc))
		ticket_from_row(m, &row, desc, &f->events[f->n++]);
	ReleaseTupleDesc(desc);
}

static void
read_table(Backfill *f)
{
	MemoryContext caller = CurrentMemoryContext;
	Datum		  values[MAX_KEYS + 1];
	Oid			  types[MAX_KEYS + 1];
	int			  nargs = 1;
	HostRole	  role;

	values[0] = since_value(f, &types[0]);
	if (f->after != NULL)
	{
		ticket_key_values(f->b->map, f->after, values + 1, types + 1);
		nargs += f->b->map->nkeys;
	}
	host_role_begin(&role, f->b);
	if (SPI_execute_with_args(batch_query(f), nargs, types, values, NULL, false, BATCH) != SPI_OK_SELECT)
		elog(ERROR, "unexpected SPI result");
	MemoryContextSwitchTo(caller);
	f->seen = SPI_processed;
	for (int i = 0; i < f->seen; i++)
	{
		bool isnull;

		CHECK_FOR_INTERRUPTS();
		read_row(f, SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
	}
	host_role_end(&role);
}

static void
read_driver(Backfill *f)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid			  types[5] = {REGCLASSOID, JSONBOID, TIMESTAMPTZOID, TEXTOID, INT4OID};
	Datum		  args[5] = {ObjectIdGetDatum(f->b->relation), JsonbPGetDatum(f->b->mapping),
							 TimestampTzGetDatum(f->since), f->after ? CStringGetTextDatum(f->after) : (Datum) 0,
							 Int32GetDatum(BATCH)};
	char		  nulls[5] = {' ', ' ', ' ', f->after ? ' ' : 'n', ' '};
	HostRole	  role;

	host_role_begin(&role, f->b);
	if (SPI_execute_with_args(psprintf("SELECT o.ticket, o.doc FROM %s($1, $2, $3, $4, $5) o",
									   quote_qualified_identifier(TRIAGE_SCHEMA,
																  psprintf("%s_open", f->b->kind))),
							  5, types, args, nulls, false, BATCH) != SPI_OK_SELECT)
		elog(ERROR, "unexpected SPI result");
	MemoryContextSwitchTo(caller);
	f->seen = SPI_processed;
	for (int i = 0; i < f->seen; i++)
	{
		bool  isnull;
		Datum doc;

		f->last = triage_result_text(i, 1);
		doc = triage_result(i, 2, &isnull);
		if (!isnull)
			ticket_from_json(DatumGetJsonbPCopy(doc), &f->events[f->n++]);
	}
	host_role_end(&role);
}

static void
read_batch(void *arg)
{
	Backfill *f = arg;

	f->events = palloc0(BATCH * sizeof(HostEvent));
	if (f->b->generic)
		read_table(f);
	else
		read_driver(f);
}

/* ---- those that have a case ---- */

static ArrayType *
text_array(const Backfill *f, const char *(*get)(const HostEvent *, void *), void *arg)
{
	Datum *d = palloc(Max(f->n, 1) * sizeof(Datum));
	bool  *isnull = palloc(Max(f->n, 1) * sizeof(bool));
	int	   lbound = 1;
	int	   n = f->n;

	for (int i = 0; i < f->n; i++)
	{
		const char *text = get(&f->events[i], arg);

		isnull[i] = text == NULL;
		d[i] = text ? CStringGetTextDatum(text) : (Datum) 0;
	}
	return construct_md_array(d, isnull, 1, &n, &lbound, TEXTOID, -1, false, TYPALIGN_INT);
}

static const char *
get_ticket(const HostEvent *e, void *arg)
{
	return e->ticket;
}

/* Leave out what was taken in by the trigger meanwhile. */
static void
drop_known(Backfill *f)
{
	static KeptPlan plan = {
		.sql = "SELECT x.n FROM unnest($2) WITH ORDINALITY x(ticket, n) WHERE EXISTS (SELECT 1"
			   " FROM triage.host_tickets t WHERE t.relation = $1 AND t.ticket = x.ticket)"
			   " ORDER BY x.n",
		.nargs = 2,
		.types = {REGCLASSOID, TEXTARRAYOID}};
	Datum args[2] = {ObjectIdGetDatum(f->b->relation), PointerGetDatum(text_array(f, get_ticket, NULL))};
	int	  known, next = 0, kept = 0;

	if (f->n == 0)
		return;
	known = host_run(&plan, args, NULL, SPI_OK_SELECT);
	for (int i = 0; i < f->n; i++)
	{
		if (next < known && triage_result_int(next, 1, 0) == i + 1)
			next++;
		else
			f->events[kept++] = f->events[i];
	}
	f->n = kept;
}

/* ---- all at once ---- */

static const char *
get_channel(const HostEvent *e, void *arg)
{
	return e->channel ? e->channel : ((const Binding *) arg)->channel;
}

static const char *
get_ref(const HostEvent *e, void *arg)
{
	return ticket_ref(arg, e);
}

static const char *
get_body(const HostEvent *e, void *arg)
{
	return e->body;
}

static const char *
get_area(const HostEvent *e, void *arg)
{
	return e->area;
}

static const char *
get_place(const HostEvent *e, void *arg)
{
	return e->located ? DatumGetCString(DirectFunctionCall1(point_out, PointPGetDatum(&e->location))) : NULL;
}

static const char *
get_address(const HostEvent *e, void *arg)
{
	return e->address;
}

static const char *
get_reporter(const HostEvent *e, void *arg)
{
	return e->reporter;
}

static const char *
get_contact(const HostEvent *e, void *arg)
{
	return e->contact;
}

static const char *
get_type(const HostEvent *e, void *arg)
{
	return e->case_type;
}

static const char *
get_attrs(const HostEvent *e, void *arg)
{
	return e->attrs ? JsonbToCString(NULL, &e->attrs->root, VARSIZE(e->attrs)) : NULL;
}

static const char *
get_time(const HostEvent *e, void *arg)
{
	char buf[40];

	return e->reported_at != 0 ? pstrdup(triage_iso_time(e->reported_at, buf)) : NULL;
}

static const char *(*const getters[])(const HostEvent *, void *) = {get_channel, get_body,	  get_area,
																	get_place,	 get_address, get_reporter,
																	get_contact, get_ref,	  get_time,
																	get_type,	 get_attrs};
#define GETTERS ((int) lengthof(getters))

/* One statement for all; what it returns is in the order of the events. */
static int
insert_cases(const Backfill *f)
{
	static KeptPlan plan = {
		.sql =
			"WITH new AS (INSERT INTO triage.cases (channel, body, area, location, address, reporter, contact,"
			" external_ref, reported_at, case_type, attrs)"
			" SELECT x.channel, x.body, x.area, x.location::point, x.address, x.reporter, x.contact, x.ref,"
			" x.at::timestamptz, x.type, coalesce(x.attrs::jsonb, '{}')"
			" FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
			" x(channel, body, area, location, address, reporter, contact, ref, at, type, attrs) RETURNING *)"
			" SELECT n.case_id, n FROM new n ORDER BY n.case_id",
		.nargs = GETTERS,
		.types = {TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
				  TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID}};
	Datum args[GETTERS];

	for (int i = 0; i < GETTERS; i++)
		args[i] = PointerGetDatum(text_array(f, getters[i], f->b));
	return host_run(&plan, args, NULL, SPI_OK_SELECT);
}

/* Rows of ours for those tickets, and what they show. */
static void
put_tickets(const Backfill *f, const HostDoc *docs, const bool *shown)
{
	Writer *w = writer_open();

	for (int i = 0; i < f->n; i++)
		put_new_ticket(w, f->b, f->events[i].ticket, &docs[i], shown[i]);
	writer_close(w);
}

static void
take_together(void *arg)
{
	Backfill   *f = arg;
	OwnerSwitch sw;
	Datum	   *rows = palloc(f->n * sizeof(Datum));
	HostDoc	   *docs = palloc(f->n * sizeof(HostDoc));
	bool	   *shown = palloc(f->n * sizeof(bool));
	int			n;

	host_vouch_begin(f->b, NULL);
	host_owner_begin(&sw);
	n = insert_cases(f);
	/* a trigger of this installation may have dropped rows: then one by one tells which */
	if (n != f->n)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION), errmsg("not all reports were taken in")));
	for (int i = 0; i < n; i++)
	{
		bool isnull;

		rows[i] = PointerGetDatum(DatumGetHeapTupleHeaderCopy(triage_result(i, 2, &isnull)));
	}
	host_docs_new(n, rows, ticket_wants_words(f->b), docs);
	tickets_show_new(f->b, n, f->events, docs, shown);
	put_tickets(f, docs, shown);
	host_owner_end(&sw);
	host_vouch_end();
	f->taken = f->n;
}

/* ---- one by one ---- */

typedef struct Single
{
	Binding			*b;
	const HostEvent *e;
} Single;

static void
take_single(void *arg)
{
	Single *s = arg;
	bool	shown;

	if (ticket_take_in(s->b, s->e, false, false, &shown) != 0)
		host_enqueue(s->b, s->e->ticket, 0, "show", NULL);
}

static void
take_apart(Backfill *f)
{
	f->taken = 0;
	for (int i = 0; i < f->n; i++)
	{
		Single	 s = {f->b, &f->events[i]};
		Guarding g;

		CHECK_FOR_INTERRUPTS();
		g = guard_run(take_single, &s, 0);
		if (g.done)
			f->taken++;
		else
			host_error(f->b, "host:take_in", f->events[i].ticket, 0, g.sqlerrcode, g.message, NULL);
	}
}

/* Those with a reference may be further sources: they go one by one. */
static bool
has_references(const Backfill *f)
{
	for (int i = 0; i < f->n; i++)
		if (f->events[i].reference != NULL)
			return true;
	return false;
}

/* ---- the run ---- */

static void
note_progress(const Backfill *f, const char *state, const char *problem)
{
	static KeptPlan plan = {
		.sql =
			"UPDATE triage.bindings SET backfill_after = coalesce($2, backfill_after), backfill_done = backfill_done + $3,"
			" backfill_state = $4 WHERE relation = $1",
		.nargs = 4,
		.types = {REGCLASSOID, TEXTOID, INT8OID, TEXTOID}};
	Datum args[4] = {ObjectIdGetDatum(f->b->relation), f->last ? CStringGetTextDatum(f->last) : (Datum) 0,
					 Int64GetDatum((int64) f->taken), CStringGetTextDatum(state)};
	char  nulls[4] = {' ', f->last ? ' ' : 'n', ' ', ' '};

	host_run(&plan, args, nulls, SPI_OK_UPDATE);
	if (problem != NULL)
		host_error(f->b, "host:backfill", f->after, 0, ERRCODE_EXTERNAL_ROUTINE_EXCEPTION, problem, NULL);
}

/* One batch; false: there is none left. */
static bool
run_batch(Backfill *f)
{
	Guarding g = guard_run(read_batch, f, 0);

	if (!g.done)
	{
		/* it stands still until somebody has seen to it */
		f->last = NULL;
		note_progress(f, "failed", g.message);
		return false;
	}
	drop_known(f);
	if (has_references(f))
		take_apart(f);
	else if (f->n > 0)
	{
		g = guard_run(take_together, f, 0);
		if (!g.done)
			take_apart(f);
	}
	note_progress(f, f->seen < BATCH ? "done" : "running", NULL);
	return f->seen == BATCH;
}

/* The binding whose turn it is, locked; false = none, or another session has it. */
static bool
claim(Backfill *f)
{
	static KeptPlan plan = {
		.sql = "SELECT b.relation, b.backfill_since, b.backfill_after FROM triage.bindings b"
			   " WHERE b.backfill_state = 'running' AND b.state = 'active' ORDER BY b.since LIMIT 1"
			   " FOR UPDATE SKIP LOCKED",
		.nargs = 0};
	bool isnull;
	Oid	 relation;

	memset(f, 0, sizeof(Backfill));
	if (host_run(&plan, NULL, NULL, SPI_OK_SELECT) != 1)
		return false;
	relation = DatumGetObjectId(triage_result(0, 1, &isnull));
	f->since = DatumGetTimestampTz(triage_result(0, 2, &isnull));
	f->after = triage_result_text(0, 3);
	f->b = binding_of(relation);
	return f->b != NULL && f->b->problem == NULL;
}

bool
backfill_run(int max)
{
	MemoryContext mcxt =
		AllocSetContextCreate(CurrentMemoryContext, "pg_triage back-fill", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	int			  done = 0;
	Backfill	  f;

	while (done < max && claim(&f))
	{
		CHECK_FOR_INTERRUPTS();
		(void) run_batch(&f);
		done += Max(f.seen, 1);
		MemoryContextReset(mcxt);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
	return done >= max;
}
