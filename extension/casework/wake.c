/*
 * wake.c
 *	  Wakes the workers when a transaction commits that gave them work.
 *
 * Each worker keeps its pid in triage.local_state.  A session that has work
 * for one looks the pid up before it commits (once, while the pid lives) and
 * sets the worker's latch after the commit is visible.  A pid that died in
 * between costs nothing but time: workers look around every two seconds.
 *
 * Without shared_preload_libraries no launcher exists: then the first such
 * session after a restart of the server also starts the workers, unless they
 * were stopped.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/catalog.h"
#include "base/clock.h"
#include "base/compat.h"
#include "base/guc.h"
#include "base/names.h"
#include "casework/wake.h"

PG_FUNCTION_INFO_V1(triage_start_workers_at_commit);

typedef struct WorkerRef
{
	const char *key;
	int			pid;	/* last known, 0 = unknown */
	bool		wanted; /* this transaction has work for it */
} WorkerRef;

static WorkerRef   timekeeper = {TRIAGE_TIMEKEEPER, 0, false};
static WorkerRef   courier = {TRIAGE_COURIER, 0, false};
static bool		   start_wanted = false;
static TimestampTz last_start = 0;
static TimestampTz last_lookup = 0;

/*
 * A session looks for missing workers' pids at most this often, and tries to
 * start them at most this often, the more seldom the longer it is in vain.
 */
#define LOOKUP_PAUSE		(USECS_PER_SEC)
#define START_PAUSE			(10 * USECS_PER_SEC)
#define START_LONGEST_PAUSE (600 * USECS_PER_SEC)

static int64 start_pause = START_PAUSE;

void
wake_timekeeper_at_commit(TimestampTz at)
{
	/* later steps are seen by the worker's own turn */
	if (!timekeeper.wanted && !TIMESTAMP_NOT_FINITE(at))
	{
		int64 ms = triage_clock_wait_ms(at);

		timekeeper.wanted = ms >= 0 && ms <= TRIAGE_TURN_MS;
	}
}

void
wake_courier_at_commit(void)
{
	courier.wanted = true;
}

void
start_workers_at_commit(void)
{
	start_wanted = true;
}

static bool
is_alive(const WorkerRef *w)
{
	PGPROC *proc = w->pid != 0 ? BackendPidGetProc(w->pid) : NULL;

	return proc != NULL && proc->databaseId == MyDatabaseId;
}

/* A value of triage.local_state as now committed, NULL = no such row. */
static char *
read_state(const char *state_key)
{
	Relation	rel = table_open(triage_relid("local_state"), AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tup;
	Oid			index = triage_primary_key_index(rel);
	char	   *found = NULL;

	ScanKeyInit(&key, triage_attnum(rel, "key"), BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(state_key));
	scan = systable_beginscan(rel, index, OidIsValid(index), snapshot, 1, &key);
	tup = systable_getnext(scan);
	if (HeapTupleIsValid(tup))
	{
		bool  isnull;
		Datum value = heap_getattr(tup, triage_attnum(rel, "value"), RelationGetDescr(rel), &isnull);

		found = isnull ? pstrdup("") : TextDatumGetCString(value);
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	return found;
}

static void
look_up(WorkerRef *w)
{
	char *pid = read_state(w->key);

	w->pid = pid != NULL ? atoi(pid) : 0;
}

/* Before the commit, while tables can still be read. */
static void
before_commit(void)
{
	bool missing = (timekeeper.wanted && !is_alive(&timekeeper)) || (courier.wanted && !is_alive(&courier));
	TimestampTz now;

	if (!missing || !triage_workers || IsBinaryUpgrade)
		return;
	now = GetCurrentTimestamp();
	if (now - last_lookup < LOOKUP_PAUSE)
		return;
	last_lookup = now;
	look_up(&timekeeper);
	look_up(&courier);
	if (!process_shared_preload_libraries_done)
		return;
	if (is_alive(&timekeeper) && is_alive(&courier))
		start_pause = START_PAUSE;
	else if (now - last_start > start_pause && read_state("stopped") == NULL)
	{
		/* if the last time was of no use, the next will hardly be: there may be no free slot */
		if (last_start != 0)
			start_pause = Min(start_pause * 2, START_LONGEST_PAUSE);
		last_start = now;
		start_wanted = true;
	}
}

static void
register_worker(const char *name)
{
	BackgroundWorker worker = {0};

	snprintf(worker.bgw_name, BGW_MAXLEN, "pg_triage %s for database %u", name, MyDatabaseId);
	snprintf(worker.bgw_type, BGW_MAXLEN, "pg_triage %s", name);
	snprintf(worker.bgw_function_name, BGW_MAXLEN, "triage_%s_main", name);
	strlcpy(worker.bgw_library_name, TRIAGE_LIBRARY, BGW_MAXLEN);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	/* exit code 0 ends it for good, anything else is a failure worth another try */
	worker.bgw_restart_time = 5;
	worker.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId);
	if (!RegisterDynamicBackgroundWorker(&worker, NULL))
		ereport(WARNING, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						  errmsg("could not start the pg_triage %s", name),
						  errhint("You may need to increase \"max_worker_processes\".")));
}

/* After the commit is visible to others.  Nothing here may fail or read a table. */
static void
after_commit(void)
{
	WorkerRef *workers[] = {&timekeeper, &courier};

	for (int i = 0; i < 2; i++)
	{
		PGPROC *proc = workers[i]->wanted && workers[i]->pid != 0 ? BackendPidGetProc(workers[i]->pid) : NULL;

		if (proc != NULL && proc->databaseId == MyDatabaseId)
			SetLatch(&proc->procLatch);
	}
	if (start_wanted && triage_workers && !IsBinaryUpgrade)
	{
		register_worker(TRIAGE_TIMEKEEPER);
		register_worker(TRIAGE_COURIER);
	}
}

static void
forget(void)
{
	timekeeper.wanted = courier.wanted = start_wanted = false;
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			before_commit();
			break;
		case XACT_EVENT_COMMIT:
			after_commit();
			forget();
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			forget();
			break;
		default:
			break;
	}
}

void
wake_init(void)
{
	RegisterXactCallback(at_transaction_end, NULL);
}

Datum
triage_start_workers_at_commit(PG_FUNCTION_ARGS)
{
	start_workers_at_commit();
	PG_RETURN_VOID();
}
