/*
 * similar_sql.c
 *	  similar() and similar_to() for SQL callers.
 *
 * The search runs as the owner over all cases; what is returned is what the
 * actor may see, so more are ranked than were asked for.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/names.h"
#include "casework/act.h"
#include "casework/rights.h"
#include "casework/similar.h"

PG_FUNCTION_INFO_V1(triage_similar);
PG_FUNCTION_INFO_V1(triage_similar_to);

#define MOST_ROWS 100
/* ranked for an actor who may not see all */
#define SPARE 200

static int
rows_argument(FunctionCallInfo fcinfo, int arg)
{
	int max = PG_ARGISNULL(arg) ? 10 : PG_GETARG_INT32(arg);

	if (max < 1 || max > MOST_ROWS)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("argument \"max_rows\" is out of range"),
						errhint("Give a number from 1 to %d.", MOST_ROWS)));
	return max;
}

static void
put_row(ReturnSetInfo *rsinfo, const Similar *s)
{
	Datum values[4];
	bool  nulls[4] = {false};

	values[0] = Int64GetDatum(s->case_id);
	values[1] = CStringGetTextDatum(s->number);
	/* four digits say all there is to know */
	values[2] = Float8GetDatum((double) (int64) (s->score * 10000 + 0.5) / 10000);
	values[3] = DirectFunctionCall1(jsonb_in, CStringGetDatum(s->reason));
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* Rank, and hand on what the actor may see; as owner. */
static void
rank(FunctionCallInfo fcinfo, Book *book, const Matter *m, int max)
{
	ReturnSetInfo	 *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const RepeatRule *rule = repeat_rule(book, BY_MATTER, m->type, NULL);
	Similar			 *found;
	int				  n, given = 0;
	int				  want = rights_are_open(NULL) ? max : max + SPARE;

	found = palloc(want * sizeof(Similar));
	n = similar_find(book, m, rule, found, want);
	for (int i = 0; i < n && given < max; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (want != max && !rights_may_see(book, found[i].case_id))
			continue;
		put_row(rsinfo, &found[i]);
		given++;
	}
}

static void *
known(void *found, const char *what, const char *code, const char *table)
{
	if (found == NULL)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("%s \"%s\" does not exist", what, code),
						errdetail("There is no active row with this code in triage.%s.", table),
						errhint("Use a code listed in triage.%s, or leave the argument out.", table)));
	return found;
}

static void
set_place(Matter *m, const Point *p)
{
	m->located = p != NULL && point_is_place(p);
	if (m->located)
		m->location = *p;
}

/* similar_to(body, area, location, at, case_type, reporter, max_rows) */
Datum
triage_similar_to(PG_FUNCTION_ARGS)
{
	Matter		m = {0};
	char	   *area = text_argument(fcinfo, 1);
	char	   *type = text_argument(fcinfo, 4);
	char	   *body = text_argument(fcinfo, 0);
	int			max = rows_argument(fcinfo, 6);
	OwnerSwitch sw;
	Book	   *book;

	InitMaterializedSRF(fcinfo, 0);
	m.at = PG_ARGISNULL(3) ? triage_clock() : PG_GETARG_TIMESTAMPTZ(3);
	if (TIMESTAMP_NOT_FINITE(m.at))
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("argument \"at\" must be a finite time"),
						errhint("Leave it out for now.")));
	m.until = m.at;
	m.reporter = text_argument(fcinfo, 5);
	set_place(&m, PG_ARGISNULL(2) ? NULL : PG_GETARG_POINT_P(2));
	triage_owner_begin(&sw);
	book = book_acquire();
	if (area != NULL)
		m.area = known(book_area(book, area, strlen(area)), "area", area, "areas");
	if (type != NULL)
		m.type = known(book_type(book, type, strlen(type)), "case type", type, "case_types");
	m.has_key = contact_key(m.reporter, false, m.key);
	matter_text(&m, body);
	rank(fcinfo, book, &m, max);
	book_release(book);
	triage_owner_end(&sw);
	return (Datum) 0;
}

/* Fill a matter from a case; false = there is none.  As owner. */
bool
matter_of_case(Book *book, int64 case_id, Matter *m)
{
	static KeptPlan plan = {
		.sql = "SELECT c.reported_at, c.case_type, c.area, c.location, c.reporter, c.contact,"
			   " pg_catalog.left(c.body, " CppAsString2(
				   SIMILAR_CHARS) ")"
								  " FROM triage.cases c WHERE c.case_id = $1",
		.nargs = 1,
		.types = {INT8OID}};
	Datum args[1] = {Int64GetDatum(case_id)};
	bool  isnull;
	char *code, *contact;
	Datum value;

	memset(m, 0, sizeof(Matter));
	if (triage_read(&plan, args, NULL) != 1)
		return false;
	m->case_id = case_id;
	m->at = DatumGetTimestampTz(triage_result(0, 1, &isnull));
	m->until = m->at;
	code = triage_result_text(0, 2);
	m->type = code != NULL ? book_type(book, code, strlen(code)) : NULL;
	code = triage_result_text(0, 3);
	m->area = code != NULL ? book_area(book, code, strlen(code)) : NULL;
	value = triage_result(0, 4, &isnull);
	set_place(m, isnull ? NULL : DatumGetPointP(value));
	m->reporter = triage_result_text(0, 5);
	contact = triage_result_text(0, 6);
	matter_text(m, triage_result_text(0, 7));
	m->has_key = contact_key(contact, false, m->key);
	return true;
}

/* similar(case_id, max_rows) */
Datum
triage_similar(PG_FUNCTION_ARGS)
{
	Matter		m;
	int			max = rows_argument(fcinfo, 1);
	OwnerSwitch sw;
	Book	   *book;
	int64		case_id;

	need_argument(fcinfo, 0, "case_id");
	case_id = PG_GETARG_INT64(0);
	InitMaterializedSRF(fcinfo, 0);
	triage_owner_begin(&sw);
	book = book_acquire();
	if (!rights_may_see(book, case_id) || !matter_of_case(book, case_id, &m))
		act_no_such_case(case_id);
	/* also what was reported since */
	m.until = Max(m.at, triage_clock());
	rank(fcinfo, book, &m, max);
	book_release(book);
	triage_owner_end(&sw);
	return (Datum) 0;
}
