/*
 * timekeeper.c
 *	  Sleeps until the earliest due step, fires what is due, sleeps again.
 *
 * tick() is the same code as one SQL call, for pg_cron, for tests, and where
 * nothing may be preloaded.
 */
#include "worker/timekeeper.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/actor.h"
#include "base/catalog.h"
#include "base/clock.h"
#include "base/names.h"
#include "base/spi.h"
#include "casework/recompute.h"
#include "casework/signature.h"
#include "casework/steps.h"
#include "hosts/queue.h"
#include "worker/turn.h"

PG_FUNCTION_INFO_V1(triage_tick);

/* cases fired, or found locked, between two looks at what else there is to do */
#define BATCH 1024
/* a transaction's subtransactions stay below the 64 that every reader's snapshot holds */
#define COMMIT_EVERY 32

/* cases looked after in one transaction after intake; due steps come in between */
#define SIGN_BATCH	 256
#define SIGN_AT_ONCE 10000 /* by one tick() */

/* tickets of other systems looked after in one transaction, and by one tick() */
#define HOST_BATCH	 32
#define HOST_ROWS	 250 /* back-filled */
#define HOST_AT_ONCE 10000
/* a back-fill goes on for this long before new cases have their turn, milliseconds */
#define HOST_SHARE_MS 1000

/* a case locked by somebody else is tried again after this long, doubling */
#define SKIP_FIRST_MS	20
#define SKIP_LONGEST_MS 1000

/* what a turn keeps lives here, across its transactions */
static MemoryContext turn_context = NULL;

static void
begin(const char *activity)
{
	worker_begin(activity);
	MemoryContextSwitchTo(turn_context);
}

static void
commit_and_go_on(void)
{
	worker_commit();
	begin("firing due steps");
}

/*
 * A restore may have put the database on hold since worker_turn() looked; what
 * is due now may be its rows.
 */
static bool
is_held(void)
{
	static KeptPlan plan = {.sql = "SELECT 1 WHERE NOT (" TRIAGE_NOT_HELD ")", .nargs = 0};
	OwnerSwitch		sw;
	bool			held;

	triage_owner_begin(&sw);
	held = triage_run(&plan, NULL, NULL, SPI_OK_SELECT) > 0;
	triage_owner_end(&sw);
	return held;
}

/* What follows intake, in a transaction of its own; true = there may be more. */
static bool
sign_new_cases(TimestampTz now)
{
	int n = 0;

	begin("looking after new cases");
	if (!is_held())
		n = signatures_run(now, SIGN_BATCH);
	worker_commit();
	return n == SIGN_BATCH;
}

/* Tickets follow their cases, a transaction a batch, for a while; true = there may be more. */
static bool
follow_cases(TimestampTz now)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), HOST_SHARE_MS);
	bool		more;

	do
	{
		more = false;
		begin("keeping tickets up to date");
		if (!is_held())
			more = hosts_run(now, HOST_BATCH, HOST_ROWS);
		worker_commit();
	} while (more && GetCurrentTimestamp() < until);
	return more;
}

/* One turn's work; returns milliseconds to sleep. */
static long
turn(StepPass *pass, long *skip_ms)
{
	StepStats	stats;
	OwnerSwitch sw;
	TimestampTz now = triage_clock();
	TimestampTz next;
	int64		ms;
	int			moved = 0;
	bool		more;

	begin("looking for due steps");
	/* a new calendar may bring a deadline forward */
	if (!is_held())
		moved = recompute_clocks(now, RECOMPUTE_AT_ONCE);
	triage_owner_begin(&sw);
	next = steps_next_due(now);
	triage_owner_end(&sw);
	memset(&stats, 0, sizeof(stats));
	if (next <= now && is_held())
		next = DT_NOEND;
	if (next <= now)
	{
		steps_run(pass, now, BATCH, BATCH, COMMIT_EVERY, commit_and_go_on, &stats);
		next = stats.next_due;
	}
	worker_commit();
	if (stats.more || moved == RECOMPUTE_AT_ONCE)
		return 0;
	/* agents look at the tickets: these wait for no backlog of the other kind, nor that for a back-fill */
	more = follow_cases(now);
	if (sign_new_cases(now) || more)
		return 0;
	if (next <= now)
	{
		/* what is left of the due steps is locked: no use in spinning */
		long wait = *skip_ms;

		*skip_ms = Min(*skip_ms * 2, SKIP_LONGEST_MS);
		return wait;
	}
	*skip_ms = SKIP_FIRST_MS;
	ms = TIMESTAMP_IS_NOEND(next) ? TRIAGE_TURN_MS : triage_clock_wait_ms(next);
	return ms < 0 ? TRIAGE_TURN_MS : (long) Min(ms, TRIAGE_TURN_MS);
}

static long
guarded_turn(StepPass *pass, long *skip_ms)
{
	volatile long wait = TRIAGE_TURN_MS;

	MemoryContextSwitchTo(turn_context);
	PG_TRY();
	{
		wait = turn(pass, skip_ms);
	}
	PG_CATCH();
	{
		worker_recover(turn_context);
	}
	PG_END_TRY();
	MemoryContextReset(turn_context);
	return wait;
}

void
triage_timekeeper_main(Datum arg)
{
	StepPass pass;
	long	 skip_ms = SKIP_FIRST_MS;

	steps_pass_begin(&pass);
	worker_start(TRIAGE_TIMEKEEPER, TRIAGE_LOCK_TIMEKEEPER, DatumGetObjectId(arg));
	turn_context = AllocSetContextCreate(TopMemoryContext, "pg_triage timekeeper", ALLOCSET_DEFAULT_SIZES);
	for (;;)
	{
		long wait = TRIAGE_TURN_MS;

		if (worker_turn())
			wait = guarded_turn(&pass, &skip_ms);
		worker_wait(wait, PGINVALID_SOCKET);
	}
}

static void
check_tick(FunctionCallInfo fcinfo, TimestampTz at)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("tick() needs isolation level READ COMMITTED"),
				 errdetail("It must see what other sessions just committed."),
				 errhint("Call it in a transaction of its own: BEGIN ISOLATION LEVEL READ COMMITTED.")));
	if (at > triage_clock() + USECS_PER_SEC && !triage_acts_as_owner())
		ereport(ERROR,
				(errcode(TRIAGE_ERRCODE_RIGHTS), errmsg("tick() at a time to come is for administrators"),
				 errhint("Leave \"at\" out.")));
}

Datum
triage_tick(PG_FUNCTION_ARGS)
{
	TimestampTz	   at = PG_ARGISNULL(0) ? triage_clock() : PG_GETARG_TIMESTAMPTZ(0);
	int			   max_cases = PG_ARGISNULL(1) ? 10000 : PG_GETARG_INT32(1);
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	StepStats	   stats;
	StepPass	   pass;
	Datum		   values[7];
	bool		   nulls[7] = {false};

	if (max_cases < 1 || max_cases > 1000000)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("argument \"max_cases\" is out of range"),
						errhint("Give a number from 1 to 1000000.")));
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("argument \"at\" must be a finite time"),
						errhint("Leave it out for now.")));
	check_tick(fcinfo, at);
	InitMaterializedSRF(fcinfo, 0);
	steps_pass_begin(&pass);
	steps_run(&pass, at, max_cases, INT_MAX, 0, NULL, &stats);
	if (signatures_run(at, SIGN_AT_ONCE) == SIGN_AT_ONCE)
		stats.more = true;
	if (hosts_run(at, HOST_AT_ONCE, HOST_AT_ONCE))
		stats.more = true;
	values[0] = Int32GetDatum(stats.fired);
	values[1] = Int32GetDatum(stats.late);
	values[2] = Int32GetDatum(stats.skipped);
	values[3] = Int32GetDatum(stats.quarantined);
	values[4] = Int32GetDatum(stats.recomputed);
	values[5] = TimestampTzGetDatum(stats.next_due);
	nulls[5] = TIMESTAMP_IS_NOEND(stats.next_due);
	values[6] = BoolGetDatum(stats.more);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	return (Datum) 0;
}
