/*
 * turn.c
 *	  What all workers of a database have in common.
 *
 * A worker holds two things for as long as it lives: a session lock on the database under a number of ours,
 * which makes it the only one of its kind in the database, and a row in
 * triage.local_state, by which sessions find its latch.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/catalog.h"
#include "base/compat.h"
#include "base/guc.h"
#include "base/names.h"
#include "base/spi.h"
#include "worker/board.h"
#include "worker/turn.h"

/* the database is not asked more often than this, milliseconds */
#define LOOK_MS 200
/* how long a newcomer waits for the one before it to be gone, milliseconds */
#define PATIENCE_MS 1000

static const char *my_name;
static int		   my_lock;
static Oid		   my_extension = InvalidOid; /* the one in which our pid is noted */
static bool		   on_hold = false;
static TimestampTz last_look = 0; /* 0 = look at the next turn */

/* ---------- leaving ---------- */

triage_noreturn static void leave(LeaveReason why);

static void
leave(LeaveReason why)
{
	board_leave(my_lock, why);
	proc_exit(0);
}

/*
 * DROP DATABASE, RENAME, SET TABLESPACE and CREATE DATABASE ... TEMPLATE hold
 * a lock on the database that conflicts with this one, and wait five seconds
 * for others to go.  Needs the lock table only.
 */
static void
leave_if_asked(void)
{
	LOCKTAG tag;

	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, MyDatabaseId, 0);
	if (LockAcquire(&tag, RowExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		leave(LEFT_ASKED);
	LockRelease(&tag, RowExclusiveLock, true);
}

/* ---------- transactions ---------- */

void
worker_begin(const char *activity)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, activity);
}

void
worker_commit(void)
{
	if (ActiveSnapshotSet())
		PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
}

void
worker_recover(MemoryContext mcxt)
{
	HOLD_INTERRUPTS();
	EmitErrorReport();
	AbortCurrentTransaction();
	MemoryContextSwitchTo(mcxt);
	FlushErrorState();
	RESUME_INTERRUPTS();
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
	/* the extension may be gone: that explains any error */
	last_look = 0;
}

/* ---------- looking around ---------- */

static void
note_pid(void)
{
	static KeptPlan note = {.sql =
								"INSERT INTO triage.local_state (key, value, at)"
								" VALUES ($1, $2, pg_catalog.clock_timestamp())"
								" ON CONFLICT (key) DO UPDATE SET value = excluded.value, at = excluded.at",
							.nargs = 2,
							.types = {TEXTOID, TEXTOID}};
	Datum			args[2];
	char			pid[16];

	snprintf(pid, sizeof(pid), "%d", MyProcPid);
	args[0] = CStringGetTextDatum(my_name);
	args[1] = CStringGetTextDatum(pid);
	triage_run(&note, args, NULL, SPI_OK_INSERT);
}

/* Reads hold and stopped; with `note`, writes our pid too.  In a transaction. */
static bool
read_state(bool note)
{
	static KeptPlan read = {.sql = "SELECT coalesce(bool_or(l.key = 'stopped'), false),"
								   " coalesce(bool_or(l.key = 'hold'), false)"
								   " FROM triage.local_state l WHERE l.key IN ('stopped', 'hold')",
							.nargs = 0};
	OwnerSwitch		sw;
	bool			isnull;
	bool			stopped;

	triage_owner_begin(&sw);
	if (triage_read(&read, NULL, NULL) != 1)
		elog(ERROR, "aggregate returned no row");
	stopped = DatumGetBool(triage_result(0, 1, &isnull));
	on_hold = DatumGetBool(triage_result(0, 2, &isnull));
	if (note && !stopped)
		note_pid();
	triage_owner_end(&sw);
	return !stopped;
}

/* Keeps DROP EXTENSION waiting for the rest of this transaction; false: it came first. */
static bool
lock_extension(Oid extension)
{
	LOCKTAG tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ExtensionRelationId, extension, 0);
	if (LockAcquire(&tag, AccessShareLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
		return false;
	AcceptInvalidationMessages();
	return get_extension_oid(TRIAGE_EXTENSION, true) == extension;
}

/*
 * Does this database (still) want a worker of this library?  Leaves if not.
 * With `serving`, sees that our pid is noted; an extension that was dropped
 * and made again since the last look has lost it.
 */
static void
look_around(bool serving)
{
	MemoryContext mcxt = CurrentMemoryContext;
	LeaveReason	  why = LEFT_FAILED;
	bool		  fits = false;
	Oid			  extension;

	worker_begin("pg_triage: looking around");
	extension = get_extension_oid(TRIAGE_EXTENSION, true);
	if (!OidIsValid(extension))
		why = LEFT_ABSENT;
	else if (!lock_extension(extension))
	{
		/* DROP EXTENSION is under way and may yet roll back */
		why = LEFT_ABSENT;
		fits = on_hold = serving;
		serving = false;
	}
	else if (strcmp(triage_installed_version(), TRIAGE_VERSION) != 0)
	{
		why = LEFT_VERSION;
		ereport(
			LOG,
			(errmsg("pg_triage %s: the extension in this database is not version %s, the library is", my_name,
					TRIAGE_VERSION),
			 errhint(
				 "Run ALTER EXTENSION pg_triage UPDATE, or restart the server to load the new library.")));
	}
	else if (!read_state(serving && extension != my_extension))
		why = LEFT_STOPPED;
	else
		fits = true;
	worker_commit();
	MemoryContextSwitchTo(mcxt);
	if (!fits)
		leave(why);
	if (serving)
		my_extension = extension;
	last_look = GetCurrentTimestamp();
}

/*
 * A worker's lock is no advisory lock, which anybody who may connect could
 * hold against it: it stands on the database with a number of ours, where no
 * SQL command reaches.
 */
void
worker_lock_tag(LOCKTAG *tag, int kind)
{
	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId, DatabaseRelationId, MyDatabaseId, TRIAGE_LOCK_CLASS + kind);
	/* of this method's locks the server lets go when a process exits between transactions */
	tag->locktag_lockmethodid = USER_LOCKMETHOD;
}

static void
take_lock(void)
{
	LOCKTAG tag;

	worker_lock_tag(&tag, my_lock);
	/* an old one may be on its way out, and nobody would start another */
	for (int waited = 0; waited <= PATIENCE_MS; waited += 100)
	{
		if (LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL)
			return;
		leave_if_asked();
		(void) worker_wait(100, PGINVALID_SOCKET);
	}
	proc_exit(0);
}

/* ---------- connecting ---------- */

static emit_log_hook_type others_hook = NULL;
static bool				  database_gone = false;

static void
note_missing_database(ErrorData *edata)
{
	if (edata->elevel == FATAL && edata->sqlerrcode == ERRCODE_UNDEFINED_DATABASE)
		database_gone = true;
	if (others_hook != NULL)
		others_hook(edata);
}

/*
 * Ends the process with exit code 0, so that the postmaster forgets the
 * worker: a failure it would try again every few seconds for ever.
 */
static void
give_up(int code, Datum arg)
{
	if (code != 0 && database_gone)
		proc_exit(0);
}

/* The database may have been dropped while the postmaster waited to start us again. */
static void
connect_to(Oid database)
{
	on_proc_exit(give_up, (Datum) 0);
	others_hook = emit_log_hook;
	emit_log_hook = note_missing_database;
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	emit_log_hook = others_hook;
}

/* What a DBA sets for the database's sessions must not bend a worker. */
static void
own_settings(void)
{
	static const char *const settings[][2] = {{"default_transaction_isolation", "read committed"},
											  {"default_transaction_read_only", "off"},
											  {"default_transaction_deferrable", "off"},
											  {"lock_timeout", "0"},
											  {"statement_timeout", "0"},
											  {"row_security", "on"},
											  {"session_replication_role", "origin"}};

	for (int i = 0; i < (int) lengthof(settings); i++)
		SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET, PGC_S_OVERRIDE);
}

void
worker_start(const char *name, int lock, Oid database)
{
	my_name = name;
	my_lock = lock;
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	connect_to(database);
	own_settings();
	pgstat_report_appname(MyBgworkerEntry->bgw_type);

	leave_if_asked();
	/* before the lock, so that a visitor never keeps out the worker that CREATE EXTENSION starts */
	look_around(false);
	take_lock();
	board_enter(my_lock);
	look_around(true);
	ereport(DEBUG1, (errmsg_internal("pg_triage %s works for database %u", name, database)));
}

bool
worker_turn(void)
{
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
	if (RecoveryInProgress())
		return false;
	if (last_look == 0 || TimestampDifferenceExceeds(last_look, GetCurrentTimestamp(), LOOK_MS))
	{
		leave_if_asked();
		look_around(true);
		pgstat_report_stat(true);
	}
	return triage_workers && !on_hold;
}

/* ---------- sleeping ---------- */

static WaitEventSet *events = NULL;
static pgsocket		 events_fd = PGINVALID_SOCKET;

void
worker_forget_fd(void)
{
	if (events != NULL)
		FreeWaitEventSet(events);
	events = NULL;
}

/* Made once: a worker under load comes here thousands of times a second. */
static void
make_events(pgsocket fd)
{
	worker_forget_fd();
	events = triage_create_wait_events(3);
	AddWaitEventToSet(events, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(events, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	if (fd != PGINVALID_SOCKET)
		AddWaitEventToSet(events, WL_SOCKET_READABLE, fd, NULL, NULL);
	events_fd = fd;
}

bool
worker_wait(long ms, pgsocket fd)
{
	static uint32 wait_event = 0;
	WaitEvent	  happened[3];
	bool		  woken = false;
	int			  n;

	if (wait_event == 0)
		wait_event = triage_wait_event("TriageWorkerTurn");
	if (events == NULL || events_fd != fd)
		make_events(fd);
	if (ms < 0 || ms > TRIAGE_TURN_MS - LOOK_MS)
		ms = TRIAGE_TURN_MS - LOOK_MS;
	n = WaitEventSetWait(events, ms, happened, lengthof(happened), wait_event);
	for (int i = 0; i < n; i++)
		if (happened[i].events & WL_LATCH_SET)
		{
			ResetLatch(MyLatch);
			woken = true;
		}
	CHECK_FOR_INTERRUPTS();
	return woken;
}
