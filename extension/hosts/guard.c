/*
 * guard.c
 *	  Work inside a host's transaction that must not harm it.
 *
 * The limit is a cancel by a timer of our own.  It is told from a user's
 * cancel by the timer having gone off; a user who cancels within that same
 * moment is overheard once, his statement is not.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "base/actor.h"
#include "hosts/binding.h"
#include "hosts/guard.h"

/* work that catches the cancel gets another after this long, milliseconds */
#define AGAIN_MS 50

static TimeoutId			 limit_id = MAX_TIMEOUTS;
static volatile sig_atomic_t limit_reached = false;
static bool					 limited = false; /* an outer guard's timer runs */

static void
at_limit(void)
{
	limit_reached = true;
	QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

/* true: the timer is ours to end */
static bool
begin_limit(int ms)
{
	/* the outer limit holds for what is inside */
	if (ms <= 0 || limited)
		return false;
	if (limit_id == MAX_TIMEOUTS)
		limit_id = RegisterTimeout(USER_TIMEOUT, at_limit);
	limit_reached = false;
	limited = true;
	enable_timeout_every(limit_id, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms), AGAIN_MS);
	return true;
}

static void
end_limit(void)
{
	disable_timeout(limit_id, false);
	limited = false;
	/* it came too late to stop our work and must not stop the host's */
	if (limit_reached)
		QueryCancelPending = false;
	limit_reached = false;
}

static bool
is_passing(int sqlerrcode)
{
	switch (sqlerrcode)
	{
		case ERRCODE_QUERY_CANCELED:
		case ERRCODE_T_R_SERIALIZATION_FAILURE:
		case ERRCODE_T_R_DEADLOCK_DETECTED:
		case ERRCODE_LOCK_NOT_AVAILABLE:
		case ERRCODE_OUT_OF_MEMORY:
		case ERRCODE_DISK_FULL:
			return true;
		default:
			return false;
	}
}

/* Not ours to hold up: the end of the session, a cancel that is the user's or of the guard around this one. */
static bool
passes_through(int sqlerrcode, bool by_limit)
{
	return sqlerrcode == ERRCODE_ADMIN_SHUTDOWN || sqlerrcode == ERRCODE_CRASH_SHUTDOWN ||
		   (sqlerrcode == ERRCODE_QUERY_CANCELED && !by_limit);
}

Guarding
guard_run(void (*work)(void *), void *arg, int limit_ms)
{
	MemoryContext mcxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	bool		  mine = begin_limit(limit_ms);
	int			  writing = host_writing_depth();
	ErrorData *volatile error = NULL;
	Guarding result = {.done = true};
	bool	 by_limit;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(mcxt);
	PG_TRY();
	{
		work(arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(mcxt);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		/* the next subtransaction is as deep as this one: what it left set would hold there */
		host_writing_restore(writing);
		triage_vouch_end();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(mcxt);
	CurrentResourceOwner = owner;
	by_limit = mine && limit_reached;
	if (mine)
		end_limit();
	if (error == NULL)
		return result;
	if (passes_through(error->sqlerrcode, by_limit))
		ReThrowError(error);
	result.done = false;
	result.sqlerrcode = error->sqlerrcode;
	result.passing = is_passing(error->sqlerrcode);
	result.message = error->message ? error->message : "";
	if (by_limit && error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		result.message = psprintf("it took longer than triage.host_timeout, %d ms", limit_ms);
	return result;
}
