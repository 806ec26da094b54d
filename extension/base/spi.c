/*
 * spi.c
 *	  Kept plans and the switch to the owner of our tables.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "base/catalog.h"
#include "base/spi.h"

#define OWNER_PATH	  "pg_catalog, pg_temp"
#define OWNER_CONTEXT (SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS)

void
triage_owner_begin(OwnerSwitch *sw)
{
	Oid owner = triage_owner();

	GetUserIdAndSecContext(&sw->user, &sw->context);
	sw->guc_level = 0;
	/* within an owner's part there is nothing to change */
	if (sw->user != owner || (sw->context & OWNER_CONTEXT) != OWNER_CONTEXT)
		SetUserIdAndSecContext(owner, sw->context | OWNER_CONTEXT);
	if (strcmp(namespace_search_path, OWNER_PATH) != 0)
	{
		sw->guc_level = NewGUCNestLevel();
		(void) set_config_option("search_path", OWNER_PATH, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
								 0, false);
	}
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

void
triage_owner_end(OwnerSwitch *sw)
{
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	if (sw->guc_level > 0)
		AtEOXact_GUC(true, sw->guc_level);
	SetUserIdAndSecContext(sw->user, sw->context);
}

/* The plan that is kept is made here, for tables that will have grown. */
static void
plan_for_large_tables(SPIPlanPtr plan)
{
	int			level = NewGUCNestLevel();
	CachedPlan *made;

	(void) set_config_option("enable_seqscan", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
	/* a plan that must read a table from end to end all the same looks dear enough to be compiled */
	(void) set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	made = SPI_plan_get_cached_plan(plan);
	if (made != NULL)
		ReleaseCachedPlan(made, CurrentResourceOwner);
	AtEOXact_GUC(true, level);
}

SPIPlanPtr
triage_keep(const char *sql, int nargs, Oid *types)
{
	SPIPlanPtr plan = SPI_prepare_cursor(sql, nargs, types, CURSOR_OPT_GENERIC_PLAN);

	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed (%s): %s", SPI_result_code_string(SPI_result), sql);
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_keepplan failed");
	plan_for_large_tables(plan);
	return plan;
}

int
triage_execute(SPIPlanPtr plan, Datum *values, const char *nulls, bool read_only)
{
	/* a table was changed or analyzed: it is planned anew */
	if (!SPI_plan_is_valid(plan))
		plan_for_large_tables(plan);
	return SPI_execute_plan(plan, values, nulls, read_only, 0);
}

uint64
triage_run(KeptPlan *kept, Datum *values, const char *nulls, int expect)
{
	int rc;

	if (kept->plan == NULL)
		kept->plan = triage_keep(kept->sql, kept->nargs, kept->types);
	rc = triage_execute(kept->plan, values, nulls, false);
	if (rc != expect)
		elog(ERROR, "unexpected SPI result %s for: %s", SPI_result_code_string(rc), kept->sql);
	return SPI_processed;
}

uint64
triage_read(KeptPlan *kept, Datum *values, const char *nulls)
{
	return triage_run(kept, values, nulls, SPI_OK_SELECT);
}

uint64
triage_peek(KeptPlan *kept, Datum *values, const char *nulls)
{
	int rc;

	if (kept->plan == NULL)
		kept->plan = triage_keep(kept->sql, kept->nargs, kept->types);
	rc = triage_execute(kept->plan, values, nulls, true);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "unexpected SPI result %s for: %s", SPI_result_code_string(rc), kept->sql);
	return SPI_processed;
}

Datum
triage_result(uint64 row, int col, bool *isnull)
{
	Assert(row < SPI_tuptable->numvals);
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col, isnull);
}

char *
triage_result_text(uint64 row, int col)
{
	bool  isnull;
	Datum d = triage_result(row, col, &isnull);

	return isnull ? NULL : TextDatumGetCString(d);
}

int64
triage_result_int(uint64 row, int col, int64 if_null)
{
	bool  isnull;
	Datum d = triage_result(row, col, &isnull);

	if (isnull)
		return if_null;
	return SPI_gettypeid(SPI_tuptable->tupdesc, col) == INT8OID ? DatumGetInt64(d) : DatumGetInt32(d);
}
