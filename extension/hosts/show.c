/*
 * show.c
 *	  A ticket follows its case.
 *
 * The ticket is locked before the case is read: whoever changes both has the
 * ticket first, so what is written here is never older than what he wrote.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "base/json.h"
#include "base/names.h"
#include "hosts/doc.h"
#include "hosts/queue.h"
#include "hosts/run.h"
#include "hosts/show.h"
#include "hosts/ticket.h"
#include "hosts/take.h"

#define MAX_KEYS 16

static const char *
table_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid));
}

/* " WHERE k1 = $1 AND k2 = $2" */
static void
put_key_test(StringInfo s, const Mapping *m)
{
	for (int i = 0; i < m->nkeys; i++)
		appendStringInfo(s, "%s t.%s = $%d", i == 0 ? " WHERE" : " AND", quote_identifier(m->keys[i].name),
						 i + 1);
}

static void
check_result(int rc, int expect)
{
	if (rc != expect)
		elog(ERROR, "unexpected SPI result %s", SPI_result_code_string(rc));
}

/* ---- lock ---- */

static SPIPlanPtr
lock_plan(Binding *b, bool wait, Oid *types)
{
	SPIPlanPtr	  *plan = wait ? &b->lock : &b->lock_free;
	StringInfoData s;

	if (*plan != NULL)
		return *plan;
	initStringInfo(&s);
	appendStringInfo(&s, "SELECT 1 FROM %s t", table_name(b->relation));
	put_key_test(&s, b->map);
	appendStringInfo(&s, " FOR NO KEY UPDATE OF t%s", wait ? "" : " SKIP LOCKED");
	return *plan = triage_keep(s.data, b->map->nkeys, types);
}

static Shown
lock_ticket(Binding *b, const char *ticket, bool wait)
{
	Datum		  values[MAX_KEYS];
	Oid			  types[MAX_KEYS];
	MemoryContext caller = CurrentMemoryContext;
	Shown		  result = SHOWN_DONE;

	ticket_key_values(b->map, ticket, values, types);
	check_result(triage_execute(lock_plan(b, wait, types), values, NULL, false), SPI_OK_SELECT);
	MemoryContextSwitchTo(caller);
	if (SPI_processed == 0)
		result = SHOWN_GONE;
	if (SPI_processed == 0 && !wait)
	{
		StringInfoData s;

		initStringInfo(&s);
		appendStringInfo(&s, "SELECT 1 FROM %s t", table_name(b->relation));
		put_key_test(&s, b->map);
		check_result(SPI_execute_with_args(s.data, b->map->nkeys, types, values, NULL, false, 1),
					 SPI_OK_SELECT);
		MemoryContextSwitchTo(caller);
		if (SPI_processed > 0)
			result = SHOWN_LOCKED;
	}
	return result;
}

/* ---- write: kind table ---- */

static const char *
named(const Field *f, const char *code, const char *zh, const char *en)
{
	return f->name == 'z' && zh ? zh : f->name == 'e' && en ? en : code;
}

/* What goes into a column; NULL = leave it as it is. */
static const char *
write_text(WriteField field, const Field *f, const HostDoc *d)
{
	switch (field)
	{
		case WRITE_DEPARTMENT:
			return f->nvalues > 0 || f->otherwise
					   ? field_map(f, d->department)
					   : named(f, d->department, d->department_zh, d->department_en);
		case WRITE_ASSIGNEE:
			return f->nvalues > 0 || f->otherwise ? field_map(f, d->department) : d->department;
		case WRITE_CASE_TYPE:
			return f->nvalues > 0 || f->otherwise ? field_map(f, d->case_type)
												  : named(f, d->case_type, d->type_zh, d->type_en);
		case WRITE_STATUS:
			return field_map(f, d->status);
		case WRITE_PRIORITY:
			return field_map(f, psprintf("%d", d->priority));
		case WRITE_NUMBER:
			return d->number;
		case WRITE_COMMENT:
			return d->comment;
		default:
			return NULL;
	}
}

static void
make_write_plan(Binding *b, Oid *types)
{
	const Mapping *m = b->map;
	StringInfoData set, test;
	int			   n = m->nkeys;

	initStringInfo(&set);
	initStringInfo(&test);
	appendStringInfo(&set, "UPDATE %s t SET ", table_name(b->relation));
	for (int i = 0; i < WRITE_FIELDS; i++)
	{
		const char *column;

		if (m->write[i].column.attno == 0)
			continue;
		column = quote_identifier(m->write[i].column.name);
		types[n++] = m->write[i].column.type;
		appendStringInfo(&set, "%s%s = coalesce($%d, t.%s)", n > m->nkeys + 1 ? ", " : "", column, n, column);
		appendStringInfo(&test, "%s t.%s IS DISTINCT FROM coalesce($%d, t.%s)", n > m->nkeys + 1 ? " OR" : "",
						 column, n, column);
	}
	put_key_test(&set, m);
	appendStringInfo(&set, " AND (%s)", test.data);
	b->write = triage_keep(set.data, n, types);
}

static bool
writes_anything(const Mapping *m)
{
	for (int i = 0; i < WRITE_FIELDS; i++)
		if (m->write[i].column.attno != 0)
			return true;
	return false;
}

static void
write_row(Binding *b, const char *ticket, const HostDoc *d)
{
	const Mapping *m = b->map;
	MemoryContext  caller = CurrentMemoryContext;
	Datum		   values[MAX_KEYS + WRITE_FIELDS];
	Oid			   types[MAX_KEYS + WRITE_FIELDS];
	char		   nulls[MAX_KEYS + WRITE_FIELDS];
	int			   n = m->nkeys;

	ticket_key_values(m, ticket, values, types);
	memset(nulls, ' ', sizeof(nulls));
	for (int i = 0; i < WRITE_FIELDS; i++)
	{
		const Field *f = &m->write[i];
		const char	*text;

		if (f->column.attno == 0)
			continue;
		if (i == WRITE_DUE)
		{
			nulls[n] = d->due_at != 0 ? ' ' : 'n';
			values[n] = d->due_at != 0 ? column_time(m, &f->column, d->due_at) : (Datum) 0;
		}
		else
		{
			text = write_text((WriteField) i, f, d);
			nulls[n] = text ? ' ' : 'n';
			values[n] = text ? column_value(&f->column, text) : (Datum) 0;
		}
		n++;
	}
	if (b->write == NULL)
		make_write_plan(b, types);
	host_writing_begin();
	check_result(triage_execute(b->write, values, nulls, false), SPI_OK_UPDATE);
	host_writing_end();
	MemoryContextSwitchTo(caller);
}

/* ---- write: by a driver ---- */

static void
write_by_driver(Binding *b, const char *ticket, const HostDoc *d)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid			  types[4] = {REGCLASSOID, JSONBOID, TEXTOID, JSONBOID};
	Datum args[4] = {ObjectIdGetDatum(b->relation), JsonbPGetDatum(b->mapping), CStringGetTextDatum(ticket),
					 JsonbPGetDatum(host_doc_json(d, b->relation))};

	if (b->write == NULL)
		b->write =
			triage_keep(psprintf("SELECT %s($1, $2, $3, $4)",
								 quote_qualified_identifier(TRIAGE_SCHEMA, psprintf("%s_write", b->kind))),
						4, types);
	host_writing_begin();
	check_result(triage_execute(b->write, args, NULL, false), SPI_OK_SELECT);
	host_writing_end();
	MemoryContextSwitchTo(caller);
}

/* ---- show ---- */

static Jsonb *
shown_json(const HostDoc *d)
{
	JsonBuild b = {0};

	jb_object(&b, NULL);
	jb_text(&b, "department", d->department);
	jb_text(&b, "status", d->status);
	jb_int(&b, "priority", d->priority);
	if (d->due_at != 0)
		jb_time(&b, "due_at", d->due_at);
	jb_end_object(&b);
	return jb_finish(&b);
}

void
put_new_ticket(Writer *w, const Binding *b, const char *ticket, const HostDoc *d, bool shown)
{
	Row row;

	row_init(&row);
	row_set(&row, TKT_RELATION, ObjectIdGetDatum(b->relation));
	row_text(&row, TKT_TICKET, ticket);
	row_int64(&row, TKT_CASE_ID, d->case_id);
	row_int(&row, TKT_SOURCE_SEQ, 1);
	row_int(&row, TKT_EVENT_SEQ, shown ? d->event_seq : 0);
	row_set(&row, TKT_SHOWN, JsonbPGetDatum(shown_json(d)));
	writer_put(w, TO_TICKETS, &row);
}

static void
note_shown(const Binding *b, const char *ticket, const HostDoc *d)
{
	static KeptPlan plan = {.sql = "UPDATE triage.host_tickets SET event_seq = $3, shown = $4"
								   " WHERE relation = $1 AND ticket = $2",
							.nargs = 4,
							.types = {REGCLASSOID, TEXTOID, INT4OID, JSONBOID}};
	Datum args[4] = {ObjectIdGetDatum(b->relation), CStringGetTextDatum(ticket), Int32GetDatum(d->event_seq),
					 JsonbPGetDatum(shown_json(d))};
	OwnerSwitch sw;

	host_owner_begin(&sw);
	host_run(&plan, args, NULL, SPI_OK_UPDATE);
	host_owner_end(&sw);
}

bool
ticket_wants_words(const Binding *b)
{
	return !b->generic || b->map->write[WRITE_COMMENT].column.attno != 0 ||
		   b->map->write[WRITE_DEPARTMENT].name == 'e';
}

static void
write_ticket(Binding *b, const char *ticket, const HostDoc *d)
{
	HostRole role;

	host_role_begin(&role, b);
	if (b->generic)
		write_row(b, ticket, d);
	else
		write_by_driver(b, ticket, d);
	host_role_end(&role);
}

void
ticket_show_new(Binding *b, const char *ticket, const HostDoc *d)
{
	if (!b->generic || writes_anything(b->map))
		write_ticket(b, ticket, d);
}

void
tickets_show_new(Binding *b, int n, const HostEvent *events, const HostDoc *docs, bool *shown)
{
	bool writes = !b->generic || writes_anything(b->map);

	for (int i = 0; i < n; i++)
	{
		HostRole role;
		Shown	 lock = SHOWN_DONE;

		CHECK_FOR_INTERRUPTS();
		if (writes)
		{
			host_role_begin(&role, b);
			lock = lock_ticket(b, events[i].ticket, false);
			host_role_end(&role);
		}
		shown[i] = lock == SHOWN_DONE;
		if (lock == SHOWN_LOCKED)
			host_enqueue(b, events[i].ticket, docs[i].case_id, "show", NULL);
		if (lock == SHOWN_DONE && writes)
			write_ticket(b, events[i].ticket, &docs[i]);
	}
}

Shown
ticket_show(Binding *b, const char *ticket, const char *more, bool wait)
{
	HostRole role;
	HostDoc	 d;
	Shown	 result = SHOWN_DONE;
	int		 since;
	int64	 case_id;

	if (b->off || b->problem != NULL || (b->generic && !writes_anything(b->map)))
		return SHOWN_DONE;
	host_role_begin(&role, b);
	result = lock_ticket(b, ticket, wait);
	host_role_end(&role);
	if (result != SHOWN_DONE)
		return result;
	case_id = ticket_case(b, ticket, &since);
	if (case_id == 0 || !host_doc_read(case_id, since, psprintf("%s/", b->kind), &d))
		return SHOWN_DONE;
	if (more != NULL)
		d.comment = d.comment ? psprintf("%s\n%s", d.comment, more) : more;
	write_ticket(b, ticket, &d);
	note_shown(b, ticket, &d);
	return SHOWN_DONE;
}
