/*
 * caserow.c
 *	  A row of triage.cases as C sees it.
 */
#include "postgres.h"

#include <limits.h>

#include "access/htup_details.h"
#include "access/table.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/catalog.h"
#include "base/json.h"
#include "casework/caserow.h"

static const char *const column_names[CASE_COLUMNS] = {
	"case_id",	   "number",		   "kind",		 "channel",		  "external_ref", "reported_at",
	"received_at", "reporter",		   "contact",	 "body",		  "area",		  "address",
	"location",	   "case_type",		   "nature",	 "priority",	  "danger",		  "status",
	"lead",		   "colour",		   "confidence", "dispatched_at", "closed_at",	  "report_count",
	"event_seq",   "rulebook_version", "attrs",		 "outcome",		  "merged_into",  "event_colour"};

const AttrNumber *
case_attnums(Relation rel)
{
	static AttrNumber att[CASE_COLUMNS];
	static Oid		  relid = InvalidOid;

	/* asked each time: columns may have been added since */
	if (RelationGetDescr(rel)->natts > CASE_MAX_ATTRIBUTES)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("triage.cases has more than %d columns", CASE_MAX_ATTRIBUTES),
						errhint("Keep further facts in attrs, or in a table of your own.")));
	if (relid != RelationGetRelid(rel))
	{
		for (int i = 0; i < CASE_COLUMNS; i++)
			att[i] = triage_attnum(rel, column_names[i]);
		relid = RelationGetRelid(rel);
	}
	return att;
}

const AttrNumber *
case_row_empty(CaseRow *row)
{
	Relation		  rel = table_open(triage_relid("cases"), AccessShareLock);
	const AttrNumber *att = case_attnums(rel);

	row->desc = CreateTupleDescCopy(RelationGetDescr(rel));
	table_close(rel, AccessShareLock);
	memset(row->values, 0, row->desc->natts * sizeof(Datum));
	memset(row->isnull, true, row->desc->natts * sizeof(bool));
	return att;
}

const AttrNumber *
case_row_read(CaseRow *row, HeapTuple tuple, TupleDesc from)
{
	const AttrNumber *att = case_row_empty(row);
	Datum			  values[CASE_MAX_ATTRIBUTES];
	bool			  isnull[CASE_MAX_ATTRIBUTES];
	int				  next = 0;

	if (from->natts > CASE_MAX_ATTRIBUTES)
		elog(ERROR, "unexpected columns in a row of triage.cases");
	heap_deform_tuple(tuple, from, values, isnull);
	for (int i = 0; i < row->desc->natts; i++)
	{
		if (TupleDescAttr(row->desc, i)->attisdropped || next >= from->natts)
			continue;
		row->values[i] = values[next];
		row->isnull[i] = isnull[next++];
	}
	return att;
}

Datum
case_row_result(CaseRow *row)
{
	return HeapTupleGetDatum(heap_form_tuple(row->desc, row->values, row->isnull));
}

void
case_row_mask(CaseRow *row, const AttrNumber *att)
{
	static const CaseColumn hidden[] = {CASE_REPORTER,	 CASE_CONTACT,	CASE_BODY,	  CASE_AREA,
										CASE_ADDRESS,	 CASE_LOCATION, CASE_LEAD,	  CASE_CASE_TYPE,
										CASE_CONFIDENCE, CASE_ATTRS,	CASE_OUTCOME, CASE_MERGED_INTO};

	for (int i = 0; i < (int) lengthof(hidden); i++)
		case_set_null(row, att, hidden[i]);
}

Datum
case_value(const CaseRow *row, const AttrNumber *att, CaseColumn column)
{
	return row->values[att[column] - 1];
}

bool
case_isnull(const CaseRow *row, const AttrNumber *att, CaseColumn column)
{
	return row->isnull[att[column] - 1];
}

char *
case_text(const CaseRow *row, const AttrNumber *att, CaseColumn column)
{
	return case_isnull(row, att, column) ? NULL : TextDatumGetCString(case_value(row, att, column));
}

const Point *
case_location(const CaseRow *row, const AttrNumber *att)
{
	return case_isnull(row, att, CASE_LOCATION) ? NULL : DatumGetPointP(case_value(row, att, CASE_LOCATION));
}

void
case_set(CaseRow *row, const AttrNumber *att, CaseColumn column, Datum value)
{
	row->values[att[column] - 1] = value;
	row->isnull[att[column] - 1] = false;
}

void
case_set_text(CaseRow *row, const AttrNumber *att, CaseColumn column, const char *value)
{
	if (value == NULL)
		case_set_null(row, att, column);
	else
		case_set(row, att, column, CStringGetTextDatum(value));
}

void
case_set_null(CaseRow *row, const AttrNumber *att, CaseColumn column)
{
	row->values[att[column] - 1] = (Datum) 0;
	row->isnull[att[column] - 1] = true;
}

/* A report is made in confidence when it says so, or when it complains about a unit. */
static bool
is_confidential(Jsonb *attrs)
{
	JsonbValue	v;
	JsonbValue *said;

	if (JB_ROOT_COUNT(attrs) == 0)
		return false;
	said = getKeyJsonValueFromContainer(&attrs->root, "confidential", strlen("confidential"), &v);
	return (said != NULL && said->type == jbvBool && said->val.boolean) ||
		   jb_get_text(attrs, REPORT_COMPLAINS_ABOUT) != NULL;
}

void
case_facts(const CaseRow *row, const AttrNumber *att, CaseFacts *c)
{
	c->case_id = DatumGetInt64(case_value(row, att, CASE_ID));
	c->number = case_text(row, att, CASE_NUMBER);
	c->channel = case_text(row, att, CASE_CHANNEL);
	c->external_ref = case_text(row, att, CASE_EXTERNAL_REF);
	c->reporter = case_text(row, att, CASE_REPORTER);
	c->contact = case_text(row, att, CASE_CONTACT);
	c->confidential = is_confidential(DatumGetJsonbP(case_value(row, att, CASE_ATTRS)));
	c->body = case_text(row, att, CASE_BODY);
	c->address = case_text(row, att, CASE_ADDRESS);
	c->status = case_text(row, att, CASE_STATUS);
	c->lead = case_text(row, att, CASE_LEAD);
	c->case_type = case_text(row, att, CASE_CASE_TYPE);
	c->nature = case_text(row, att, CASE_NATURE);
	c->area = case_text(row, att, CASE_AREA);
	c->priority = DatumGetInt32(case_value(row, att, CASE_PRIORITY));
	c->danger = DatumGetBool(case_value(row, att, CASE_DANGER));
	c->reported_at = DatumGetTimestampTz(case_value(row, att, CASE_REPORTED_AT));
}

PG_FUNCTION_INFO_V1(triage_case_is_sound);

/* NULL words pass: NOT NULL is another check. */
static void
check_word(FunctionCallInfo fcinfo, int arg, const char *column, const char *const *words)
{
	text *t;

	if (PG_ARGISNULL(arg))
		return;
	t = PG_GETARG_TEXT_PP(arg);
	for (; *words != NULL; words++)
		if (strlen(*words) == VARSIZE_ANY_EXHDR(t) &&
			memcmp(*words, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t)) == 0)
			return;
	ereport(ERROR, (errcode(ERRCODE_CHECK_VIOLATION),
					errmsg("column \"%s\" of a case cannot be \"%s\"", column, text_to_cstring(t))));
}

static void
check_range(FunctionCallInfo fcinfo, int arg, const char *column, int least, int most)
{
	if (!PG_ARGISNULL(arg) && (PG_GETARG_INT32(arg) < least || PG_GETARG_INT32(arg) > most))
		ereport(ERROR, (errcode(ERRCODE_CHECK_VIOLATION),
						errmsg("column \"%s\" of a case cannot be %d", column, PG_GETARG_INT32(arg))));
}

Datum
triage_case_is_sound(PG_FUNCTION_ARGS)
{
	static const char *const kinds[] = {"incident", "task", "visit", "campaign", NULL};
	static const char *const statuses[] = {"new",		  "triage",			  "dispatched", "accepted",
										   "in_progress", "return_requested", "suspended",	"review",
										   "callback",	  "closed",			  "merged",		"void",
										   NULL};
	static const char *const colours[] = {"blue", "yellow", "red", NULL};

	check_word(fcinfo, 0, "kind", kinds);
	check_word(fcinfo, 1, "nature", nature_names);
	check_range(fcinfo, 2, "priority", 1, 4);
	check_word(fcinfo, 3, "status", statuses);
	check_word(fcinfo, 4, "colour", colours);
	check_word(fcinfo, 5, "event_colour", colours);
	if (!PG_ARGISNULL(6) && !(PG_GETARG_FLOAT8(6) >= 0 && PG_GETARG_FLOAT8(6) <= 1))
		ereport(ERROR, (errcode(ERRCODE_CHECK_VIOLATION),
						errmsg("column \"confidence\" of a case must lie between 0 and 1")));
	check_range(fcinfo, 7, "report_count", 1, INT_MAX);
	check_range(fcinfo, 8, "event_seq", 0, INT_MAX);
	PG_RETURN_BOOL(true);
}
