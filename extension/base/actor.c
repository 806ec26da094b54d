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
#include "base/catalog.h"
#include "base/claim.h"
#include "base/names.h"

PG_FUNCTION_INFO_V1(triage_sql_actor);
PG_FUNCTION_INFO_V1(triage_sql_acts_as_owner);

/* > 0 while a function named in the configuration runs; errors reset it in triage_actor() */
static int configured_depth = 0;
static int configured_nesting = 0;

/* whom our own code answers for, and the nesting in which it began to */
static const char *vouched_name = NULL;
static int		   vouched_nesting = 0;

void
triage_vouch_begin(const char *name)
{
	vouched_name = name;
	vouched_nesting = GetCurrentTransactionNestLevel();
}

void
triage_vouch_end(void)
{
	vouched_name = NULL;
}

bool
triage_is_vouched(void)
{
	/* an error that left the stretch also left its (sub)transaction */
	if (vouched_name != NULL && GetCurrentTransactionNestLevel() < vouched_nesting)
		vouched_name = NULL;
	return vouched_name != NULL && configured_depth == 0;
}

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

/* Whom the role speaks for; NULL = for itself. */
static const char *
spoken_for(Oid role)
{
	if (triage_is_vouched())
		return vouched_name;
	if (configured_depth > 0 || InSecurityRestrictedOperation())
		return NULL;
	return triage_claimed_name(role);
}

char *
triage_actor_name(void)
{
	Oid			role = triage_actor();
	const char *other = spoken_for(role);

	return other != NULL ? pstrdup(other) : GetUserNameFromId(role, false);
}

bool
triage_acts_as_owner(void)
{
	Oid role = triage_actor();

	return triage_is_admin(role) && spoken_for(role) == NULL;
}

Datum
triage_sql_actor(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(triage_actor_name()));
}

Datum
triage_sql_acts_as_owner(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(triage_acts_as_owner());
}
