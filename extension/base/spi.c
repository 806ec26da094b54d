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

int
triage_indexes_begin(void)
{
	int level = NewGUCNestLevel();

	(void) set_config_option("enable_seqscan", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
	/* a plan that must read a table from end to end all the same looks dear enough to be compiled */
	(void) set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return level;
}

void
triage_indexes_end(int guc_level)
{
	AtEOXact_GUC(true, guc_level);
}

static void
prepare(KeptPlan *kept)
{
	SPIPlanPtr plan = SPI_prepare(kept->sql, kept->nargs, kept->types);

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed (%s): %s", SPI_result_code_string(SPI_result), kept->sql);
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_keepplan failed");
	kept->plan = plan;
}

uint64
triage_run(KeptPlan *kept, Datum *values, const char *nulls, int expect)
{
	int rc;

	if (kept->plan == NULL)
		prepare(kept);
	rc = SPI_execute_plan(kept->plan, values, nulls, false, 0);
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
		prepare(kept);
	rc = SPI_execute_plan(kept->plan, values, nulls, true, 0);
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
