/*
 * intake_row.c
 *	  From a row of triage.cases to a report, from a decision back to the row,
 *	  and to all rows that follow from it; for report() the row itself too,
 *	  without an INSERT.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_index.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "base/actor.h"
#include "base/catalog.h"
#include "base/clock.h"
#include "casework/intake_row.h"
#include "casework/repeats.h"

void
intake_row_report(Book *book, CaseRow *row, const AttrNumber *att, TimestampTz now, Report *r)
{
	PreviewArgs a = {0};

	a.channel = case_text(row, att, CASE_CHANNEL);
	a.body = case_text(row, att, CASE_BODY);
	a.area = case_text(row, att, CASE_AREA);
	a.case_type = case_text(row, att, CASE_CASE_TYPE);
	a.address = case_text(row, att, CASE_ADDRESS);
	a.location = case_location(row, att);
	a.at = now;
	a.attrs = case_isnull(row, att, CASE_ATTRS) ? NULL : DatumGetJsonbP(case_value(row, att, CASE_ATTRS));
	intake_preview(book, &a, r);
	intake_check_ref(case_text(row, att, CASE_EXTERNAL_REF));
	intake_check_caller(r->channel, case_text(row, att, CASE_REPORTER), case_text(row, att, CASE_CONTACT));
}

char *
intake_number(const Book *book, int64 case_id, TimestampTz at)
{
	struct pg_tm tm;

	book_wall_clock(book, at, &tm);
	return psprintf("%04d%02d%02d-%06lld", tm.tm_year, tm.tm_mon, tm.tm_mday, (long long) case_id);
}

void
intake_row_decided(CaseRow *row, const AttrNumber *att, const Book *book, const Decision *d, TimestampTz now)
{
	case_set_text(row, att, CASE_AREA, d->area ? d->area->code : NULL);
	case_set_text(row, att, CASE_CASE_TYPE, d->type ? d->type->code : NULL);
	case_set_text(row, att, CASE_NATURE, nature_names[d->nature]);
	case_set(row, att, CASE_PRIORITY, Int32GetDatum(d->priority));
	case_set(row, att, CASE_DANGER, BoolGetDatum(d->danger));
	case_set_text(row, att, CASE_STATUS, d->dispatched ? "dispatched" : "triage");
	case_set_text(row, att, CASE_LEAD, d->parties[0].department->code);
	case_set(row, att, CASE_CONFIDENCE, Float8GetDatum(d->confidence));
	if (d->dispatched)
		case_set(row, att, CASE_DISPATCHED_AT, TimestampTzGetDatum(now));
	else
		case_set_null(row, att, CASE_DISPATCHED_AT);
	case_set(row, att, CASE_RULEBOOK_VERSION, Int64GetDatum(book->version));
}

void
intake_row_basics(CaseRow *row, const AttrNumber *att, const Book *book, TimestampTz now)
{
	int64 case_id;

	if (case_isnull(row, att, CASE_ID))
		ereport(ERROR, (errcode(ERRCODE_NOT_NULL_VIOLATION), errmsg("case_id must not be null"),
						errhint("Leave the column out: it is numbered by itself.")));
	case_id = DatumGetInt64(case_value(row, att, CASE_ID));
	if (case_isnull(row, att, CASE_REPORTED_AT))
		case_set(row, att, CASE_REPORTED_AT, TimestampTzGetDatum(now));
	intake_check_reported_at(DatumGetTimestampTz(case_value(row, att, CASE_REPORTED_AT)), now);
	case_set(row, att, CASE_RECEIVED_AT, TimestampTzGetDatum(now));
	case_set_text(row, att, CASE_NUMBER, intake_number(book, case_id, now));
	case_set(row, att, CASE_REPORT_COUNT, Int32GetDatum(1));
	case_set(row, att, CASE_EVENT_SEQ, Int32GetDatum(1));
	case_set_null(row, att, CASE_COLOUR);
	case_set_null(row, att, CASE_CLOSED_AT);
	case_set_null(row, att, CASE_OUTCOME);
	case_set_null(row, att, CASE_MERGED_INTO);
	case_set_null(row, att, CASE_EVENT_COLOUR);
	case_set_text(row, att, CASE_KIND, "incident");
	if (case_isnull(row, att, CASE_ATTRS))
		case_set(row, att, CASE_ATTRS, DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
}

/* The reference is taken with the case, where it was not before. */
static void
claim_reference(Writer *w, const CaseFacts *c)
{
	Row row;

	if (c->external_ref == NULL)
		return;
	row_init(&row);
	row_text(&row, REF_CHANNEL, c->channel);
	row_text(&row, REF_EXTERNAL_REF, c->external_ref);
	row_int64(&row, REF_CASE_ID, c->case_id);
	writer_put(w, TO_REFS, &row);
}

TimestampTz
intake_row_follow(Writer *w, Book *book, const CaseRow *row, const AttrNumber *att, const Report *r,
				  const Decision *d, TimestampTz now, const char *actor, const NextCase *coming)
{
	CaseFacts c;

	case_facts(row, att, &c);
	if (coming == NULL || !coming->claimed)
		claim_reference(w, &c);
	return records_new_case(w, book, &c, r, d, now, actor, coming ? coming->token : NULL);
}

/* ---- without an INSERT ---- */

/* Does any trigger but our two fire for an INSERT, or do ours not? */
static bool
has_own_triggers(const TriggerDesc *desc)
{
	int ours = 0;

	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
	{
		const Trigger *t = &desc->triggers[i];

		if (!TRIGGER_FOR_INSERT(t->tgtype))
			continue;
		if (t->tgenabled != TRIGGER_FIRES_ON_ORIGIN ||
			strncmp(t->tgname, "zz_intake_", strlen("zz_intake_")) != 0)
			return true;
		ours++;
	}
	return ours != 2;
}

static bool
has_own_columns(TupleDesc desc)
{
	int n = 0;

	for (int i = 0; i < desc->natts; i++)
		n += !TupleDescAttr(desc, i)->attisdropped;
	return n != CASE_COLUMNS;
}

/* The writer checks unique keys alone. */
static bool
has_exclusions(Relation rel)
{
	List	 *indexes = RelationGetIndexList(rel);
	ListCell *lc;
	bool	  found = false;

	foreach(lc, indexes)
	{
		HeapTuple t = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)));

		if (!HeapTupleIsValid(t))
			continue;
		found |= ((Form_pg_index) GETSTRUCT(t))->indisexclusion;
		ReleaseSysCache(t);
	}
	list_free(indexes);
	return found;
}

/* Is the table as the extension made it, and ours to write by row security? */
static bool
is_as_made(Relation rel)
{
	TupleDesc desc = RelationGetDescr(rel);

	return rel->rd_rel->relkind == RELKIND_RELATION && !rel->rd_rel->relispartition &&
		   rel->rd_rel->relowner == GetUserId() && !rel->rd_rel->relforcerowsecurity &&
		   rel->rd_rules == NULL && SessionReplicationRole == SESSION_REPLICATION_ROLE_ORIGIN &&
		   !has_own_triggers(rel->trigdesc) && !has_own_columns(desc) && desc->constr != NULL &&
		   desc->constr->num_check == 1 && !has_exclusions(rel);
}

bool
intake_row_put(Book *book, CaseRow *row, NextCase *coming)
{
	Relation		  rel = table_open(triage_relid("cases"), RowExclusiveLock);
	const AttrNumber *att = case_attnums(rel);
	bool			  as_made = is_as_made(rel);
	TimestampTz		  now = triage_clock();
	Report			  report;
	Decision		  d;
	Writer			 *w;

	table_close(rel, NoLock);
	if (!as_made)
		return false;
	intake_row_basics(row, att, book, now);
	intake_row_report(book, row, att, now, &report);
	report.repeats_of = coming->repeats ? repeats_count : NULL;
	report.repeats_arg = coming->repeats;
	decide(book, &report, &d);
	intake_row_decided(row, att, book, &d, now);
	w = writer_open();
	writer_put_whole(w, TO_CASES, row->values, row->isnull);
	coming->due_at = intake_row_follow(w, book, row, att, &report, &d, now, triage_actor_name(), coming);
	writer_close(w);
	return true;
}
