/*
 * courier_sql.c
 *	  What the SQL side of the workers needs from C.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "base/names.h"
#include "casework/wake.h"
#include "worker/turn.h"

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

PG_FUNCTION_INFO_V1(triage_keep_out_worker);

Datum
triage_keep_out_worker(PG_FUNCTION_ARGS)
{
	int		kind = PG_GETARG_INT32(0);
	LOCKTAG tag;

	if (kind != TRIAGE_LOCK_TIMEKEEPER && kind != TRIAGE_LOCK_COURIER)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("there is no worker of kind %d", kind)));
	worker_lock_tag(&tag, kind);
	/* each holds its lock while it lives */
	PG_RETURN_BOOL(LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL);
}
