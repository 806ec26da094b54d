/*
 * actor.c
 *	  Who acts.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/actor.h"
#include "base/names.h"

PG_FUNCTION_INFO_V1(triage_sql_actor);

/* > 0 while a function named in the configuration runs; errors reset it in triage_actor() */
static int configured_depth = 0;
static int configured_nesting = 0;

void
triage_enter_configured(void)
{
	configured_depth++;
	configured_nesting = GetCurrentTransactionNestLevel();
}

void
triage_leave_configured(void)
{
	if (configured_depth > 0)
		configured_depth--;
}

Oid
triage_actor(void)
{
	/* an error that left a configured function also left its (sub)transaction */
	if (configured_depth > 0 && GetCurrentTransactionNestLevel() < configured_nesting)
		configured_depth = 0;
	/* our own switch to the tables' owner, made inside a restricted operation, hides who acts */
	if (InSecurityRestrictedOperation() && InLocalUserIdChange())
		ereport(ERROR,
				(errcode(TRIAGE_ERRCODE_RIGHTS),
				 errmsg("it cannot be told who acts inside a security-restricted operation"),
				 errhint("Call functions of pg_triage directly, not from an index or a materialized view.")));
	if (InSecurityRestrictedOperation() || configured_depth > 0)
		return GetUserId();
	return GetOuterUserId();
}

char *
triage_actor_name(void)
{
	return GetUserNameFromId(triage_actor(), false);
}

Datum
triage_sql_actor(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(triage_actor_name()));
}
