/*
 * work.c
 *	  From a row of a host's table to what must be done.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "base/json.h"
#include "base/names.h"
#include "hosts/jsonread.h"
#include "hosts/run.h"
#include "hosts/take.h"
#include "hosts/work.h"

#define MAX_KEYS 16

static char *
table_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid));
}

/* ---- drivers ---- */

static SPIPlanPtr
keep_reader(Binding *b, Oid rowtype)
{
	char *name = quote_qualified_identifier(TRIAGE_SCHEMA, psprintf("%s_read", b->kind));
	Oid	  types[5] = {REGCLASSOID, JSONBOID, TEXTOID, rowtype, rowtype};
	if (b->reader != NULL && b->reader_type == rowtype)
		return b->reader;
	if (b->reader != NULL)
	{
		SPI_freeplan(b->reader);
		b->reader = NULL;
	}
	b->reader =
		triage_keep(rowtype == JSONBOID
						? psprintf("SELECT %s($1, $2, $3, $4, $5)", name)
						: psprintf("SELECT %s($1, $2, $3, pg_catalog.to_jsonb($4), pg_catalog.to_jsonb($5))",
								   name),
					5, types);
	b->reader_type = rowtype;
	return b->reader;
}

/* Ask the driver; NULL = nothing to do.  row, old: composite values, or jsonb; old may be 0. */
static Jsonb *
ask_driver(Binding *b, const char *table, Oid rowtype, Datum row, Datum old)
{
	MemoryContext caller = CurrentMemoryContext;
	Datum	 args[5] = {ObjectIdGetDatum(b->relation), JsonbPGetDatum(b->mapping), CStringGetTextDatum(table),
						row, old};
	char	 nulls[5] = {' ', ' ', ' ', ' ', old != 0 ? ' ' : 'n'};
	HostRole role;
	Jsonb	*doc = NULL;
	bool	 isnull;
	Datum	 d;

	host_role_begin(&role, b);
	if (triage_execute(keep_reader(b, rowtype), args, nulls, false) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "unexpected result of the driver's read function");
	d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	MemoryContextSwitchTo(caller);
	if (!isnull)
		doc = DatumGetJsonbPCopy(d);
	host_role_end(&role);
	return doc;
}

/* {"table", "row", "old"}: for the driver, when it is asked again */
static Jsonb *
row_payload(const HostRow *r)
{
	Oid	  type = r->desc->tdtypeid;
	Oid	  types[3] = {TEXTOID, type, type};
	Datum args[3] = {CStringGetTextDatum(table_name(r->relid)), heap_copy_tuple_as_datum(r->row, r->desc),
					 r->old ? heap_copy_tuple_as_datum(r->old, r->desc) : (Datum) 0};
	char  nulls[3] = {' ', ' ', r->old ? ' ' : 'n'};
	MemoryContext caller = CurrentMemoryContext;
	OwnerSwitch	  sw;
	bool		  isnull;
	Jsonb		 *payload;

	host_owner_begin(&sw);
	if (SPI_execute_with_args(
			"SELECT pg_catalog.jsonb_build_object('table', $1, 'row', pg_catalog.to_jsonb($2),"
			" 'old', pg_catalog.to_jsonb($3))",
			3, types, args, nulls, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not make a row's payload");
	MemoryContextSwitchTo(caller);
	payload = DatumGetJsonbPCopy(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	host_owner_end(&sw);
	return payload;
}

/* A change as a driver would tell it. */
static Jsonb *
event_payload(const HostEvent *e)
{
	JsonBuild b = {0};

	jb_object(&b, NULL);
	jb_text(&b, "event", "change");
	jb_text(&b, "ticket", e->ticket);
	jb_text(&b, "by", e->by);
	jb_array(&b, "verbs");
	for (int i = 0; i < e->nverbs; i++)
	{
		const HostVerb *h = &e->verbs[i];

		jb_object(&b, NULL);
		jb_text(&b, "verb", h->verb);
		jb_text(&b, "department", h->department);
		jb_text(&b, "body", h->body);
		jb_text(&b, "reason", h->reason);
		jb_text(&b, "outcome", h->outcome);
		jb_text(&b, "note", h->note);
		jb_text(&b, "review_at", h->review_at);
		jb_text(&b, "into", h->into);
		jb_end_object(&b);
	}
	jb_end_array(&b);
	jb_end_object(&b);
	return jb_finish(&b);
}

Jsonb *
host_payload(const Binding *b, const HostRow *r, const HostEvent *e, Jsonb *doc)
{
	if (doc != NULL)
		return doc;
	if (b->generic)
		return e->change && e->ticket != NULL ? event_payload(e) : NULL;
	return row_payload(r);
}

/* ---- kind table ---- */

/* The ticket's row as it is now; false = it is gone. */
static bool
fetch_row(Binding *b, const char *ticket, HostRow *r)
{
	MemoryContext  caller = CurrentMemoryContext;
	Datum		   values[MAX_KEYS];
	Oid			   types[MAX_KEYS];
	StringInfoData s;
	HostRole	   role;
	bool		   found;

	ticket_key_values(b->map, ticket, values, types);
	initStringInfo(&s);
	appendStringInfo(&s, "SELECT t FROM %s t WHERE", table_name(b->relation));
	for (int i = 0; i < b->map->nkeys; i++)
		appendStringInfo(&s, "%s t.%s = $%d", i > 0 ? " AND" : "", quote_identifier(b->map->keys[i].name),
						 i + 1);
	host_role_begin(&role, b);
	if (SPI_execute_with_args(s.data, b->map->nkeys, types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "unexpected SPI result");
	MemoryContextSwitchTo(caller);
	found = SPI_processed == 1;
	if (found)
	{
		bool			isnull;
		HeapTupleHeader h = DatumGetHeapTupleHeaderCopy(
			SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));

		r->relid = b->relation;
		r->desc = lookup_rowtype_tupdesc_copy(HeapTupleHeaderGetTypeId(h), HeapTupleHeaderGetTypMod(h));
		r->row = palloc0(sizeof(HeapTupleData));
		r->row->t_len = HeapTupleHeaderGetDatumLength(h);
		r->row->t_data = h;
		r->old = NULL;
	}
	host_role_end(&role);
	return found;
}

/* The event of a row of kind table. */
static bool
read_generic(HostSource *source, const HostRow *r, HostEvent *e)
{
	const Mapping *m = source->map;
	Binding		  *b = source->binding;
	HostRow		   now;
	int			   shown;

	e->ticket = ticket_key(m, r->row, r->desc);
	if (r->old != NULL && ticket_case(b, e->ticket, &shown) != 0)
		return ticket_changes(m, r->old, r->row, r->desc, e);
	/* a row that comes into the filter only now is new to us */
	if (r->old != NULL && (m->filter.n == 0 || ticket_passes(&m->filter, r->old, r->desc)))
		return false;
	if (b->at_commit)
	{
		/* what the transaction has made of it since */
		if (!fetch_row(b, e->ticket, &now) || !ticket_passes(&b->map->filter, now.row, now.desc))
			return false;
		ticket_from_row(b->map, now.row, now.desc, e);
		return true;
	}
	if (!ticket_passes(&m->filter, r->row, r->desc))
		return false;
	ticket_from_row(m, r->row, r->desc, e);
	return true;
}

/* ---- both ---- */

bool
host_concerned(const HostRow *r)
{
	HostSource *source = host_source_known(r->relid);

	if (source == NULL)
		return true;
	if (source->binding == NULL || source->binding->off)
		return false;
	if (!source->binding->generic || source->binding->problem != NULL)
		return true;
	return ticket_concerned(source->map, r->old, r->row, r->desc);
}

bool
host_read(HostSource *source, const HostRow *r, HostEvent *e, Jsonb **doc)
{
	Binding *b = source->binding;

	*doc = NULL;
	memset(e, 0, sizeof(HostEvent));
	if (b->generic)
		return read_generic(source, r, e);
	*doc = ask_driver(b, table_name(r->relid), r->desc->tdtypeid, heap_copy_tuple_as_datum(r->row, r->desc),
					  r->old ? heap_copy_tuple_as_datum(r->old, r->desc) : (Datum) 0);
	if (*doc == NULL)
		return false;
	ticket_from_json(*doc, e);
	return true;
}

int64
host_do(Binding *b, HostEvent *e, bool fresh, bool show, bool *shown)
{
	int	  seq;
	int64 case_id;

	*shown = false;
	if (!e->change)
		return ticket_take_in(b, e, fresh, show, shown);
	case_id = ticket_case(b, e->ticket, &seq);
	if (case_id != 0)
	{
		ticket_busy(b->relation, e->ticket);
		PG_TRY();
		{
			ticket_follow(b, case_id, e);
		}
		PG_FINALLY();
		{
			ticket_busy(InvalidOid, NULL);
		}
		PG_END_TRY();
	}
	return case_id;
}

Shown
host_redo(Binding *b, const char *ticket, Jsonb *payload)
{
	HostEvent e = {0};
	HostRow	  r;
	bool	  shown;

	if (b->problem != NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("the binding is broken: %s", b->problem),
						errhint("Mend the table or attach it again.")));
	if (payload != NULL && jr_get(&payload->root, "event") != NULL)
		ticket_from_json(payload, &e);
	else if (payload != NULL && jr_get(&payload->root, "table") != NULL)
	{
		Jsonb *row = jr_jsonb(&payload->root, "row");
		Jsonb *old = jr_jsonb(&payload->root, "old");
		Jsonb *doc = ask_driver(b, jr_text(&payload->root, "table"), JSONBOID, JsonbPGetDatum(row),
								old ? JsonbPGetDatum(old) : (Datum) 0);

		if (doc == NULL)
			return SHOWN_DONE;
		ticket_from_json(doc, &e);
	}
	else
	{
		if (ticket == NULL || !b->generic || !fetch_row(b, ticket, &r))
			return SHOWN_GONE;
		if (!ticket_passes(&b->map->filter, r.row, r.desc))
			return SHOWN_DONE;
		ticket_from_row(b->map, r.row, r.desc, &e);
	}
	if (host_do(b, &e, false, false, &shown) == 0)
		return SHOWN_DONE;
	return ticket_show(b, e.ticket, e.refused, false);
}
