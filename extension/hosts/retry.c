/*
 * retry.c
 *	  retry_intake(): another try at what could not be done for a ticket.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/regproc.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "base/clock.h"
#include "base/compat.h"
#include "base/names.h"
#include "hosts/guard.h"
#include "hosts/jsonread.h"
#include "hosts/run.h"
#include "hosts/take.h"
#include "hosts/work.h"

PG_FUNCTION_INFO_V1(triage_retry_intake);
PG_FUNCTION_INFO_V1(triage_host_problem);

typedef struct Retry
{
	int64  error_id;
	char  *stage;
	Jsonb *payload;
	Shown  shown;
} Retry;

static void
retry(void *arg)
{
	Retry	*r = arg;
	char	*table = jr_text(&r->payload->root, "relation");
	char	*ticket = jr_text(&r->payload->root, "ticket");
	List	*names = table ? triage_qualified_name(table) : NIL;
	Oid		 relid = names ? RangeVarGetRelid(makeRangeVarFromNameList(names), NoLock, true) : InvalidOid;
	Binding *b = OidIsValid(relid) ? binding_of(relid) : NULL;

	if (b == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("table %s is not attached", table ? table : ""), errhint("Attach it again.")));
	if (strcmp(r->stage, "host:show") == 0)
		r->shown = ticket_show(b, ticket, NULL, false);
	else
		r->shown = host_redo(b, ticket, jr_jsonb(&r->payload->root, "row"));
}

static void
note(const Retry *r, const char *result)
{
	static KeptPlan plan = {
		.sql = "UPDATE triage.intake_errors SET retried_at = $2, result = $3 WHERE error_id = $1",
		.nargs = 3,
		.types = {INT8OID, TIMESTAMPTZOID, TEXTOID}};
	Datum args[3] = {Int64GetDatum(r->error_id), TimestampTzGetDatum(triage_clock()),
					 CStringGetTextDatum(result)};

	host_run(&plan, args, NULL, SPI_OK_UPDATE);
}

/* The rows to try, locked; those that another session tries are left to it. */
static int
read_errors(FunctionCallInfo fcinfo, int max_rows, Retry **out)
{
	static KeptPlan plan = {
		.sql =
			"SELECT e.error_id, e.stage, e.payload FROM triage.intake_errors e"
			" WHERE CASE WHEN $1 IS NOT NULL THEN e.error_id = $1 ELSE e.result IS DISTINCT FROM 'done' END"
			" AND e.stage ^@ 'host:' ORDER BY e.error_id LIMIT $2 FOR UPDATE SKIP LOCKED",
		.nargs = 2,
		.types = {INT8OID, INT8OID}};
	Datum args[2] = {PG_ARGISNULL(0) ? (Datum) 0 : PG_GETARG_DATUM(0), Int64GetDatum((int64) max_rows)};
	char  nulls[2] = {PG_ARGISNULL(0) ? 'n' : ' ', ' '};
	int	  n = host_run(&plan, args, nulls, SPI_OK_SELECT);

	*out = palloc0(Max(n, 1) * sizeof(Retry));
	for (int i = 0; i < n; i++)
	{
		bool isnull;

		(*out)[i].error_id = triage_result_int(i, 1, 0);
		(*out)[i].stage = triage_result_text(i, 2);
		(*out)[i].payload = DatumGetJsonbPCopy(triage_result(i, 3, &isnull));
	}
	return n;
}

Datum
triage_retry_intake(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int			   max_rows = PG_ARGISNULL(1) ? 1000 : PG_GETARG_INT32(1);
	Datum		   values[2];
	bool		   nulls[2] = {false, false};
	int			   failed = 0;
	OwnerSwitch	   sw;
	Retry		  *rows;
	int			   n;

	if (max_rows < 1 || max_rows > 1000000)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("argument \"max_rows\" is out of range"),
						errhint("Give a number from 1 to 1000000.")));
	InitMaterializedSRF(fcinfo, 0);
	host_owner_begin(&sw);
	n = read_errors(fcinfo, max_rows, &rows);
	if (n == 0 && !PG_ARGISNULL(0))
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN),
						errmsg("intake error %lld does not exist", (long long) PG_GETARG_INT64(0)),
						errhint("triage.intake_errors lists them; stage begins with \"host:\".")));
	for (int i = 0; i < n; i++)
	{
		Guarding g;

		CHECK_FOR_INTERRUPTS();
		g = guard_run(retry, &rows[i], 0);
		if (g.done && rows[i].shown != SHOWN_LOCKED)
			note(&rows[i], "done");
		else
		{
			note(&rows[i], g.done ? "failed: the ticket is locked" : psprintf("failed: %s", g.message));
			failed++;
		}
	}
	host_owner_end(&sw);
	values[0] = Int32GetDatum(n - failed);
	values[1] = Int32GetDatum(failed);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	return (Datum) 0;
}

Datum
triage_host_problem(PG_FUNCTION_ARGS)
{
	Binding *b = PG_ARGISNULL(0) ? NULL : binding_of(PG_GETARG_OID(0));

	if (b == NULL || b->problem == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(b->problem));
}
