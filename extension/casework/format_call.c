/*
 * format_call.c
 *	  Runs a configured payload format.
 *
 * A format is a function (event jsonb) returns text that somebody named in
 * triage.endpoints.  It runs inside a citizen's transaction, so it gets no
 * rights but those of whoever configured it, may not write, and has a time
 * limit.  Whatever goes wrong is an error here; outbox.c sends the built-in
 * format instead.
 *
 * The time limit is a cancel, which the function may catch.  It is then
 * cancelled again and again; whatever it returns in the end is refused, and
 * outbox.c sets it aside: a row "format:ENDPOINT" in triage.local_state, until
 * somebody sets the endpoint's format again.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "storage/latch.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "base/actor.h"
#include "base/names.h"
#include "base/spi.h"
#include "casework/format_call.h"

PG_FUNCTION_INFO_V1(triage_run_format);

/* a citizen waits for it */
#define FORMAT_MS 1000
/* who catches the cancel gets another after this long, milliseconds */
#define AGAIN_MS 50

static TimeoutId			 limit_id = MAX_TIMEOUTS;
static volatile sig_atomic_t limit_reached = false;
static bool					 ran_away = false; /* the last one went on after a cancel */

static void
at_limit(void)
{
	limit_reached = true;
	QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

static void
begin_limit(void)
{
	if (limit_id == MAX_TIMEOUTS)
		limit_id = RegisterTimeout(USER_TIMEOUT, at_limit);
	limit_reached = false;
	ran_away = false;
	enable_timeout_every(limit_id, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), FORMAT_MS), AGAIN_MS);
}

static void
end_limit(void)
{
	disable_timeout(limit_id, false);
	/* it came too late to stop the format and must not stop anything else */
	if (limit_reached)
		QueryCancelPending = false;
}

bool
format_ran_away(void)
{
	return ran_away;
}

static void
refuse_set_aside(const char *format, const char *why)
{
	if (why != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("format %s is set aside", format),
				 errdetail("It %s.", why), errhint("Mend it, then set the endpoint's format again.")));
}

/* format and configured_by of an endpoint, in the caller's context. */
static void
read_endpoint(const char *code, char **format, char **configured_by)
{
	static KeptPlan plan = {.sql = "SELECT e.format, e.configured_by, l.value FROM triage.endpoints e"
								   " LEFT JOIN triage.local_state l ON l.key = 'format:' || e.code"
								   " WHERE e.code = $1",
							.nargs = 1,
							.types = {TEXTOID}};
	MemoryContext	caller = CurrentMemoryContext;
	MemoryContext	spi;
	Datum			args[1];

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	args[0] = CStringGetTextDatum(code);
	if (triage_read(&plan, args, NULL) != 1)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("endpoint \"%s\" does not exist", code),
						errhint("triage.endpoints lists them.")));
	spi = MemoryContextSwitchTo(caller);
	*format = triage_result_text(0, 1);
	*configured_by = triage_result_text(0, 2);
	refuse_set_aside(*format, triage_result_text(0, 3));
	MemoryContextSwitchTo(spi);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}

static Oid
role_of(const char *endpoint, const char *configured_by)
{
	Oid role = configured_by ? get_role_oid(configured_by, true) : InvalidOid;

	if (!OidIsValid(role))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("the role that configured endpoint \"%s\" does not exist", endpoint),
						errdetail("Its format would run with the rights of role \"%s\".",
								  configured_by ? configured_by : ""),
						errhint("Set the endpoint's format again, as a role that may run it.")));
	return role;
}

/* "SELECT schema.name($1)", as the role that is to run it. */
static char *
call_text(const char *format)
{
	List *names = textToQualifiedNameList(cstring_to_text(format));
	Oid	  argtypes[1] = {JSONBOID};
	Oid	  function = list_length(names) == 2 ? LookupFuncName(names, 1, argtypes, true) : InvalidOid;

	if (!OidIsValid(function) || get_func_rettype(function) != TEXTOID || get_func_retset(function) ||
		get_func_prokind(function) != PROKIND_FUNCTION)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
						errmsg("format function %s(jsonb) returns text does not exist", format),
						errhint("A format is \"cloudevents\" or schema.function of such a function.")));
	return psprintf("SELECT %s($1)",
					quote_qualified_identifier(strVal(linitial(names)), strVal(lsecond(names))));
}

static char *
run(const char *format, Datum event)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid			  types[1] = {JSONBOID};
	char		 *result = NULL;
	char		 *call = call_text(format);
	bool		  isnull;
	Datum		  value;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute_with_args(call, 1, types, &event, NULL, true, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "unexpected result of: %s", call);
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (!isnull)
		result = MemoryContextStrdup(caller, TextDatumGetCString(value));
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	if (result == NULL)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("format %s returned null", format)));
	return result;
}

/*
 * With the rights of `role` and no others: a restricted operation, read-only,
 * a fixed search path.  The caller's (sub)transaction undoes all of it when
 * an error passes through.
 */
static char *
run_as(Oid role, const char *format, Datum event)
{
	Oid	  user;
	int	  context;
	int	  guc_level;
	bool  read_only = XactReadOnly;
	char *result;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(role, (context & ~(SECURITY_NOFORCE_RLS | SECURITY_LOCAL_USERID_CHANGE)) |
									 SECURITY_RESTRICTED_OPERATION);
	guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	/* not by its setting, which 16 and later refuse to save and restore; an abort restores it too */
	XactReadOnly = true;
	triage_enter_configured();
	result = run(format, event);
	triage_leave_configured();
	XactReadOnly = read_only;
	AtEOXact_GUC(true, guc_level);
	SetUserIdAndSecContext(user, context);
	return result;
}

static void
too_slow(const char *format)
{
	ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					errmsg("format %s took longer than %d ms", format, FORMAT_MS),
					ran_away ? errdetail("It caught the cancel and went on.") : 0));
}

static char *
run_in_time(Oid role, const char *format, Datum event)
{
	char *volatile result = NULL;

	begin_limit();
	PG_TRY();
	{
		result = run_as(role, format, event);
	}
	PG_CATCH();
	{
		bool ours = limit_reached && geterrcode() == ERRCODE_QUERY_CANCELED;

		triage_leave_configured();
		ran_away = limit_reached && !ours;
		end_limit();
		if (!limit_reached)
			PG_RE_THROW();
		/* a cancel of ours is no cancel of the citizen's statement */
		FlushErrorState();
		too_slow(format);
	}
	PG_END_TRY();
	ran_away = limit_reached;
	end_limit();
	if (ran_away)
		too_slow(format);
	return result;
}

Datum
triage_run_format(PG_FUNCTION_ARGS)
{
	char  *code;
	char  *format;
	char  *configured_by;
	Jsonb *event;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN),
						errmsg("argument \"%s\" must not be null", PG_ARGISNULL(0) ? "endpoint" : "event"),
						errhint("triage.run_format() is called by pg_triage itself.")));
	code = text_to_cstring(PG_GETARG_TEXT_PP(0));
	event = PG_GETARG_JSONB_P(1);
	read_endpoint(code, &format, &configured_by);
	if (strcmp(format, "cloudevents") == 0)
		PG_RETURN_TEXT_P(cstring_to_text(JsonbToCString(NULL, &event->root, VARSIZE(event))));
	PG_RETURN_TEXT_P(
		cstring_to_text(run_in_time(role_of(code, configured_by), format, JsonbPGetDatum(event))));
}
