/*
 * doc.c
 *	  How a case stands, for the ticket that shows it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "base/json.h"
#include "base/names.h"
#include "casework/caserow.h"
#include "hosts/run.h"
#include "rulebook/book.h"
#include "hosts/doc.h"

PG_FUNCTION_INFO_V1(triage_host_doc);

static TimestampTz
result_time(uint64 row, int col)
{
	bool  isnull;
	Datum d = triage_result(row, col, &isnull);

	return isnull ? 0 : DatumGetTimestampTz(d);
}

static bool
read_case(int64 case_id, HostDoc *d)
{
	/* the due time that a ticket shows is that of the whole matter, where one is set */
	static KeptPlan plan = {
		.sql = "SELECT c.number, c.status, c.lead, d.zh, d.en, l.offered_at, c.priority, c.danger, c.colour,"
			   " c.case_type, t.zh, t.en, a.zh, c.outcome, c.merged_into, c.event_seq, k.due_at, e.verb"
			   " FROM triage.cases c"
			   " LEFT JOIN triage.departments d ON d.code = c.lead"
			   " LEFT JOIN triage.assignments l ON l.case_id = c.case_id AND l.duty = 'lead'"
			   " AND l.status NOT IN ('done', 'withdrawn')"
			   " LEFT JOIN triage.case_types t ON t.code = c.case_type"
			   " LEFT JOIN triage.areas a ON a.code = c.area"
			   " LEFT JOIN triage.events e ON e.case_id = c.case_id AND e.seq = c.event_seq"
			   " LEFT JOIN LATERAL (SELECT k.due_at FROM triage.clocks k WHERE k.case_id = c.case_id"
			   " AND k.state = 'running' ORDER BY k.stage <> 'resolve', k.due_at DESC LIMIT 1) k ON true"
			   " WHERE c.case_id = $1",
		.nargs = 1,
		.types = {INT8OID}};
	Datum args[1] = {Int64GetDatum(case_id)};
	bool  isnull;

	memset(d, 0, sizeof(HostDoc));
	if (host_run(&plan, args, NULL, SPI_OK_SELECT) != 1)
		return false;
	d->case_id = case_id;
	d->number = triage_result_text(0, 1);
	d->status = triage_result_text(0, 2);
	d->department = triage_result_text(0, 3);
	d->department_zh = triage_result_text(0, 4);
	d->department_en = triage_result_text(0, 5);
	d->lead_since = result_time(0, 6);
	d->priority = triage_result_int(0, 7, 4);
	d->danger = DatumGetBool(triage_result(0, 8, &isnull));
	d->colour = triage_result_text(0, 9);
	d->case_type = triage_result_text(0, 10);
	d->type_zh = triage_result_text(0, 11);
	d->type_en = triage_result_text(0, 12);
	d->area_zh = triage_result_text(0, 13);
	d->outcome = triage_result_text(0, 14);
	d->merged_into = triage_result_int(0, 15, 0);
	d->event_seq = triage_result_int(0, 16, 0);
	d->due_at = result_time(0, 17);
	d->verb = triage_result_text(0, 18);
	return true;
}

bool
host_doc_read(int64 case_id, int since, const char *own, HostDoc *d)
{
	OwnerSwitch sw;
	bool		found;

	host_owner_begin(&sw);
	found = read_case(case_id, d);
	if (found)
	{
		d->first = since == 0;
		d->comment = host_words(d, since, own);
		d->inform = host_result_words(case_id, since);
	}
	host_owner_end(&sw);
	return found;
}

/* ---- a new case ---- */

/* Names as the book has them. */
static void
put_names(HostDoc *d, const char *area_code)
{
	Book			 *book = book_acquire();
	const Department *lead =
		d->department ? book_department(book, d->department, strlen(d->department)) : NULL;
	const CaseType *type = d->case_type ? book_type(book, d->case_type, strlen(d->case_type)) : NULL;
	const Area	   *area = area_code ? book_area(book, area_code, strlen(area_code)) : NULL;

	if (lead != NULL)
		d->department_zh = pstrdup(lead->zh);
	if (type != NULL)
	{
		d->type_zh = pstrdup(type->zh);
		d->type_en = pstrdup(type->en);
	}
	if (area != NULL)
		d->area_zh = pstrdup(area->zh);
	book_release(book);
}

static int
by_case(const void *a, const void *b)
{
	int64 x = (*(HostDoc *const *) a)->case_id;
	int64 y = (*(HostDoc *const *) b)->case_id;

	return x < y ? -1 : x > y;
}

/* When they are due, in one look. */
static void
put_due(int n, HostDoc *docs)
{
	static KeptPlan plan = {
		.sql =
			"SELECT x.id, k.due_at FROM unnest($1) x(id) CROSS JOIN LATERAL (SELECT k.due_at FROM triage.clocks k"
			" WHERE k.case_id = x.id AND k.state = 'running' ORDER BY k.stage <> 'resolve', k.due_at DESC LIMIT 1) k",
		.nargs = 1,
		.types = {INT8ARRAYOID}};
	Datum	 *ids = palloc(n * sizeof(Datum));
	HostDoc **sorted = palloc(n * sizeof(HostDoc *));
	Datum	  args[1];
	int		  found;

	for (int i = 0; i < n; i++)
	{
		ids[i] = Int64GetDatum(docs[i].case_id);
		sorted[i] = &docs[i];
	}
	qsort(sorted, n, sizeof(HostDoc *), by_case);
	args[0] = PointerGetDatum(construct_array(ids, n, INT8OID, sizeof(int64), true, TYPALIGN_DOUBLE));
	found = host_run(&plan, args, NULL, SPI_OK_SELECT);
	for (int i = 0; i < found; i++)
	{
		HostDoc	  key = {.case_id = triage_result_int(i, 1, 0)};
		HostDoc	 *k = &key;
		HostDoc **d = bsearch(&k, sorted, n, sizeof(HostDoc *), by_case);

		if (d != NULL)
			(*d)->due_at = result_time(i, 2);
	}
}

/* The book knows no English names of departments. */
static void
put_english(HostDoc *d)
{
	static KeptPlan plan = {.sql = "SELECT d.en FROM triage.departments d WHERE d.code = $1",
							.nargs = 1,
							.types = {TEXTOID}};
	Datum			args[1];

	if (d->department == NULL)
		return;
	args[0] = CStringGetTextDatum(d->department);
	if (host_run(&plan, args, NULL, SPI_OK_SELECT) == 1)
		d->department_en = triage_result_text(0, 1);
}

static void
read_new(Datum value, HostDoc *d)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(value);
	HeapTupleData	tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};
	TupleDesc		desc =
		lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	CaseRow			  row;
	const AttrNumber *att = case_row_read(&row, &tuple, desc);

	memset(d, 0, sizeof(HostDoc));
	d->first = true;
	d->case_id = DatumGetInt64(case_value(&row, att, CASE_ID));
	d->number = case_text(&row, att, CASE_NUMBER);
	d->status = case_text(&row, att, CASE_STATUS);
	d->department = case_text(&row, att, CASE_LEAD);
	d->lead_since = DatumGetTimestampTz(case_value(&row, att, CASE_RECEIVED_AT));
	d->priority = DatumGetInt32(case_value(&row, att, CASE_PRIORITY));
	d->danger = DatumGetBool(case_value(&row, att, CASE_DANGER));
	d->case_type = case_text(&row, att, CASE_CASE_TYPE);
	d->event_seq = DatumGetInt32(case_value(&row, att, CASE_EVENT_SEQ));
	d->verb = "report";
	put_names(d, case_text(&row, att, CASE_AREA));
	ReleaseTupleDesc(desc);
}

/* As owner. */
static void
put_words(HostDoc *d)
{
	put_english(d);
	d->comment = host_words(d, 0, NULL);
}

void
host_doc_new(Datum row, TimestampTz due_at, bool words, HostDoc *d)
{
	OwnerSwitch sw;

	read_new(row, d);
	d->due_at = due_at;
	if (!words)
		return;
	host_owner_begin(&sw);
	put_words(d);
	host_owner_end(&sw);
}

void
host_docs_new(int n, const Datum *rows, bool words, HostDoc *docs)
{
	OwnerSwitch sw;

	for (int i = 0; i < n; i++)
		read_new(rows[i], &docs[i]);
	host_owner_begin(&sw);
	put_due(n, docs);
	for (int i = 0; i < n && words; i++)
		put_words(&docs[i]);
	host_owner_end(&sw);
}

static char *
ticket_of(Oid relation, int64 case_id)
{
	static KeptPlan plan = {
		.sql = "SELECT t.ticket FROM triage.host_tickets t WHERE t.case_id = $2 AND t.relation = $1"
			   " ORDER BY t.source_seq LIMIT 1",
		.nargs = 2,
		.types = {REGCLASSOID, INT8OID}};
	Datum args[2] = {ObjectIdGetDatum(relation), Int64GetDatum(case_id)};

	if (case_id == 0 || host_run(&plan, args, NULL, SPI_OK_SELECT) != 1)
		return NULL;
	return triage_result_text(0, 1);
}

static void
put_links(JsonBuild *b, Oid relation, int64 case_id)
{
	static KeptPlan plan = {
		.sql =
			"SELECT DISTINCT t.ticket, l.kind FROM triage.links l JOIN triage.host_tickets t ON t.case_id = l.linked_case"
			" WHERE l.case_id = $2 AND t.relation = $1 ORDER BY 1 LIMIT 100",
		.nargs = 2,
		.types = {REGCLASSOID, INT8OID}};
	Datum args[2] = {ObjectIdGetDatum(relation), Int64GetDatum(case_id)};
	int	  n = host_run(&plan, args, NULL, SPI_OK_SELECT);

	jb_array(b, "links");
	for (int i = 0; i < n; i++)
	{
		jb_object(b, NULL);
		jb_text(b, "ticket", triage_result_text(i, 1));
		jb_text(b, "kind", triage_result_text(i, 2));
		jb_end_object(b);
	}
	jb_end_array(b);
}

Jsonb *
host_doc_json(const HostDoc *d, Oid relation)
{
	JsonBuild	b = {0};
	OwnerSwitch sw;
	Jsonb	   *result;

	host_owner_begin(&sw);
	jb_object(&b, NULL);
	jb_int(&b, "case_id", d->case_id);
	jb_text(&b, "number", d->number);
	jb_bool(&b, "first", d->first);
	jb_text(&b, "department", d->department);
	jb_text(&b, "department_zh", d->department_zh);
	jb_text(&b, "department_en", d->department_en);
	if (d->lead_since != 0)
		jb_time(&b, "lead_since", d->lead_since);
	if (d->due_at != 0)
		jb_time(&b, "due_at", d->due_at);
	jb_text(&b, "status", d->status);
	jb_int(&b, "priority", d->priority);
	jb_bool(&b, "danger", d->danger);
	jb_text(&b, "colour", d->colour);
	jb_text(&b, "case_type", d->case_type);
	jb_text(&b, "type_zh", d->type_zh);
	jb_text(&b, "type_en", d->type_en);
	jb_text(&b, "area_zh", d->area_zh);
	jb_text(&b, "verb", d->verb);
	jb_text(&b, "comment", d->comment);
	jb_text(&b, "merged_into", ticket_of(relation, d->merged_into));
	put_links(&b, relation, d->case_id);
	jb_text(&b, "outcome", d->outcome);
	jb_text(&b, "inform", d->inform);
	jb_end_object(&b);
	result = jb_finish(&b);
	host_owner_end(&sw);
	return result;
}

/* host_doc(case_id, since_event) */
Datum
triage_host_doc(PG_FUNCTION_ARGS)
{
	HostDoc d;

	if (PG_ARGISNULL(0) ||
		!host_doc_read(PG_GETARG_INT64(0), PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1), NULL, &d))
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(host_doc_json(&d, InvalidOid));
}
