/*
 * courier_sql.c
 *	  What the SQL side of the workers needs from C.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "casework/wake.h"

PG_FUNCTION_INFO_V1(triage_wake_courier_at_commit);
PG_FUNCTION_INFO_V1(triage_library_version);

Datum
triage_wake_courier_at_commit(PG_FUNCTION_ARGS)
{
	wake_courier_at_commit();
	PG_RETURN_VOID();
}

Datum
triage_library_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(TRIAGE_VERSION));
}
