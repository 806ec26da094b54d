/*
 * launcher.c
 *	  Starts and restarts the workers of every database.
 *
 * The launcher is connected to no database: it reads pg_database and cannot
 * know where the extension is.  So it sends a timekeeper; one that finds no
 * extension leaves and says so.  CREATE EXTENSION starts workers by itself
 * (casework/wake.c); they enter the board as well, so the launcher knows them.
 *
 * A worker of a database is in one of four conditions:
 *	 alive		its pid is on the board
 *	 starting	registered by us, and not stopped yet
 *	 resting	tried again at next_try: the delay depends on why the last one left
 *	 unknown	never tried: next_try is 0
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/names.h"
#include "worker/board.h"
#include "worker/launcher.h"

PGDLLEXPORT void triage_launcher_main(Datum main_arg);

#define LIST_MS	  5000	/* pg_database is read this often */
#define ABSENT_MS 60000 /* a database without the extension is tried this often */
#define ASKED_MS  2000	/* after somebody wanted the database for himself */
#define FIRST_MS  1000	/* after a failure, doubling ... */
#define LAST_MS	  60000 /* ... up to this */
#define PROVEN_MS 60000 /* a worker that lived so long starts over at FIRST_MS */

enum
{
	TIMEKEEPER,
	COURIER,
	KINDS
};

static const struct
{
	const char *name;
	int			lock;
} kinds[KINDS] = {
	[TIMEKEEPER] = {TRIAGE_TIMEKEEPER, TRIAGE_LOCK_TIMEKEEPER},
	[COURIER] = {TRIAGE_COURIER, TRIAGE_LOCK_COURIER},
};

typedef struct Worker
{
	BackgroundWorkerHandle *handle; /* registered by us and not known to have stopped */
	bool					alive;	/* at the last look */
	TimestampTz				since;	/* when it came alive */
	TimestampTz				next_try;
	int						delay_ms; /* of the next failure */
} Worker;

typedef struct Database
{
	Oid	   oid; /* key */
	bool   listed;
	bool   has_extension; /* as far as is known */
	Worker workers[KINDS];
} Database;

static HTAB *databases = NULL;

/* ---------- the list ---------- */

static bool
is_wanted(const char *name)
{
	char *list = pstrdup(triage_databases);
	List *names;

	if (strcmp(list, "*") == 0)
		return true;
	if (!SplitIdentifierString(list, ',', &names))
	{
		ereport(LOG, (errcode(ERRCODE_SYNTAX_ERROR),
					  errmsg("setting \"triage.databases\" is not a list of names")));
		return false;
	}
	for (int i = 0; i < list_length(names); i++)
		if (strcmp(list_nth(names, i), name) == 0)
			return true;
	return false;
}

/* Refresh `databases` from pg_database; what is gone there is gone here. */
static void
read_databases(void)
{
	HASH_SEQ_STATUS seq;
	Database	   *db;
	Relation		rel;
	TableScanDesc	scan;
	HeapTuple		tup;

	hash_seq_init(&seq, databases);
	while ((db = hash_seq_search(&seq)) != NULL)
		db->listed = false;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while (HeapTupleIsValid(tup = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tup);
		bool			 found;

		/* -2 marks what an interrupted DROP DATABASE left */
		if (form->datistemplate || !form->datallowconn || form->datconnlimit == -2 ||
			!is_wanted(NameStr(form->datname)))
			continue;
		db = hash_search(databases, &form->oid, HASH_ENTER, &found);
		if (!found)
		{
			memset(db, 0, sizeof(*db));
			db->oid = form->oid;
		}
		db->listed = true;
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();

	hash_seq_init(&seq, databases);
	while ((db = hash_seq_search(&seq)) != NULL)
	{
		if (db->listed)
			continue;
		for (int kind = 0; kind < KINDS; kind++)
			if (db->workers[kind].handle != NULL)
				pfree(db->workers[kind].handle);
		hash_search(databases, &db->oid, HASH_REMOVE, NULL);
	}
}

/* ---------- one worker ---------- */

static void
launch(Database *db, int kind)
{
	Worker			*w = &db->workers[kind];
	BackgroundWorker worker = {0};
	MemoryContext	 old = MemoryContextSwitchTo(TopMemoryContext);

	snprintf(worker.bgw_name, BGW_MAXLEN, "pg_triage %s for database %u", kinds[kind].name, db->oid);
	snprintf(worker.bgw_type, BGW_MAXLEN, "pg_triage %s", kinds[kind].name);
	snprintf(worker.bgw_function_name, BGW_MAXLEN, "triage_%s_main", kinds[kind].name);
	strlcpy(worker.bgw_library_name, TRIAGE_LIBRARY, sizeof(worker.bgw_library_name));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = ObjectIdGetDatum(db->oid);
	worker.bgw_notify_pid = MyProcPid;
	if (!RegisterDynamicBackgroundWorker(&worker, &w->handle))
	{
		w->handle = NULL;
		w->next_try = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LAST_MS);
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("could not start the pg_triage %s for database %u", kinds[kind].name, db->oid),
				 errhint("You may need to increase \"max_worker_processes\": pg_triage takes one, and "
						 "two for each database it is in.")));
	}
	MemoryContextSwitchTo(old);
}

/* A worker is gone: when is it to be tried again? */
static void
rest(Database *db, int kind)
{
	Worker	   *w = &db->workers[kind];
	TimestampTz now = GetCurrentTimestamp();
	int			ms;

	switch (board_take_reason(db->oid, kinds[kind].lock))
	{
		case LEFT_ABSENT:
		case LEFT_VERSION:
		case LEFT_STOPPED:
			db->has_extension = false;
			ms = ABSENT_MS;
			break;
		case LEFT_ASKED:
			ms = ASKED_MS;
			break;
		default:
			if (w->delay_ms == 0 || (w->alive && TimestampDifferenceExceeds(w->since, now, PROVEN_MS)))
				w->delay_ms = FIRST_MS;
			ms = w->delay_ms;
			w->delay_ms = Min(w->delay_ms * 2, LAST_MS);
			break;
	}
	w->alive = false;
	w->next_try = TimestampTzPlusMilliseconds(now, ms);
}

/* Bring one worker's condition up to date; returns milliseconds until it needs another look, -1 = none. */
static long
supervise(Database *db, int kind)
{
	Worker	   *w = &db->workers[kind];
	TimestampTz now = GetCurrentTimestamp();
	bool		was_tried = w->alive || w->handle != NULL;
	bool		stopped = true;
	pid_t		pid;

	if (w->handle != NULL)
	{
		BgwHandleStatus status = GetBackgroundWorkerPid(w->handle, &pid);

		stopped = status == BGWH_STOPPED || status == BGWH_POSTMASTER_DIED;
		if (stopped)
		{
			pfree(w->handle);
			w->handle = NULL;
		}
	}
	if (board_is_alive(db->oid, kinds[kind].lock))
	{
		if (!w->alive)
			w->since = now;
		w->alive = true;
		db->has_extension = true;
		return -1;
	}
	if (!stopped)
		return -1;
	if (was_tried)
		rest(db, kind);
	/* one visitor is enough to find out whether the extension is there */
	if (!triage_workers || (kind != TIMEKEEPER && !db->has_extension))
		return -1;
	if (w->next_try > now)
		return TimestampDifferenceMilliseconds(now, w->next_try);
	launch(db, kind);
	return -1;
}

/* ---------- the launcher itself ---------- */

static bool
is_visiting(const Database *db)
{
	return !db->has_extension && db->workers[TIMEKEEPER].handle != NULL;
}

/* One round over all databases; unknown ones are visited one after another. */
static long
round_of_all(void)
{
	HASH_SEQ_STATUS seq;
	Database	   *db;
	long			wait = LIST_MS;
	bool			visiting = false;

	hash_seq_init(&seq, databases);
	while ((db = hash_seq_search(&seq)) != NULL)
	{
		bool known = db->has_extension || db->workers[TIMEKEEPER].handle != NULL ||
					 board_is_alive(db->oid, kinds[TIMEKEEPER].lock);

		if (!known && visiting)
		{
			wait = Min(wait, 100);
			continue;
		}
		for (int kind = 0; kind < KINDS; kind++)
		{
			long ms = supervise(db, kind);

			if (ms >= 0)
				wait = Min(wait, ms);
		}
		visiting |= is_visiting(db);
	}
	return wait;
}

void
triage_launcher_main(Datum main_arg)
{
	HASHCTL		  ctl = {0};
	MemoryContext turn;
	TimestampTz	  last_list = 0;
	uint32		  wait_event = triage_wait_event("TriageLauncher");

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgstat_report_appname(MyBgworkerEntry->bgw_type);
	board_set_launcher();

	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(Database);
	ctl.hcxt = TopMemoryContext;
	databases = hash_create("pg_triage databases", 32, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	turn = AllocSetContextCreate(TopMemoryContext, "pg_triage launcher", ALLOCSET_DEFAULT_SIZES);

	for (;;)
	{
		TimestampTz now = GetCurrentTimestamp();
		long		wait;

		MemoryContextSwitchTo(turn);
		MemoryContextReset(turn);
		if (last_list == 0 || TimestampDifferenceExceeds(last_list, now, LIST_MS))
		{
			read_databases();
			last_list = now;
		}
		MemoryContextSwitchTo(turn);
		wait = round_of_all();
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, wait, wait_event);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			last_list = 0;
		}
	}
}

void
launcher_register(void)
{
	BackgroundWorker worker = {0};

	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	board_request();
	snprintf(worker.bgw_name, BGW_MAXLEN, "pg_triage launcher");
	snprintf(worker.bgw_type, BGW_MAXLEN, "pg_triage launcher");
	snprintf(worker.bgw_function_name, BGW_MAXLEN, "triage_launcher_main");
	strlcpy(worker.bgw_library_name, TRIAGE_LIBRARY, sizeof(worker.bgw_library_name));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = 5;
	RegisterBackgroundWorker(&worker);
}
