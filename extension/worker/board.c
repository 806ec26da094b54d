/*
 * board.c
 *	  Shared memory in which workers tell the launcher that they live and why
 *	  they left.
 *
 * A crash of any process makes the postmaster build shared memory anew, so an
 * entry with a pid belongs to a living process or to one on its way out.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "storage/spin.h"

#include "worker/board.h"

typedef struct Entry
{
	Oid			database; /* InvalidOid = free */
	int			kind;
	int			pid; /* 0 = gone */
	LeaveReason why;
} Entry;

typedef struct Board
{
	slock_t mutex;
	Latch  *launcher; /* NULL = none runs */
	int		size;
	Entry	entries[FLEXIBLE_ARRAY_MEMBER];
} Board;

static Board	  *board = NULL;
static Entry	  *mine = NULL;
static LeaveReason my_reason = LEFT_FAILED;

static shmem_request_hook_type next_request_hook = NULL;
static shmem_startup_hook_type next_startup_hook = NULL;

/* Notes of those that left stay until the launcher reads them, so twice the workers. */
static int
board_size(void)
{
	return 2 * max_worker_processes;
}

static Size
board_bytes(void)
{
	return offsetof(Board, entries) + board_size() * sizeof(Entry);
}

static void
request_memory(void)
{
	if (next_request_hook)
		next_request_hook();
	RequestAddinShmemSpace(board_bytes());
}

static void
make_board(void)
{
	bool found;

	if (next_startup_hook)
		next_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	board = ShmemInitStruct("pg_triage workers", board_bytes(), &found);
	if (!found)
	{
		memset(board, 0, board_bytes());
		SpinLockInit(&board->mutex);
		board->size = board_size();
	}
	LWLockRelease(AddinShmemInitLock);
}

void
board_request(void)
{
	next_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	next_startup_hook = shmem_startup_hook;
	shmem_startup_hook = make_board;
}

/* Under the mutex: the entry, or with `make` a free one; NULL = none. */
static Entry *
find(Oid database, int kind, bool make)
{
	Entry *usable = NULL;

	for (int i = 0; i < board->size; i++)
	{
		Entry *e = &board->entries[i];

		if (e->database == database && e->kind == kind)
			return e;
		if (!OidIsValid(e->database) || (e->pid == 0 && usable == NULL))
			usable = e;
	}
	if (!make || usable == NULL)
		return NULL;
	usable->database = database;
	usable->kind = kind;
	usable->pid = 0;
	usable->why = LEFT_FAILED;
	return usable;
}

static void
wake_launcher(void)
{
	Latch *latch;

	SpinLockAcquire(&board->mutex);
	latch = board->launcher;
	SpinLockRelease(&board->mutex);
	if (latch != NULL)
		SetLatch(latch);
}

static void
give_up_entry(int code, Datum arg)
{
	SpinLockAcquire(&board->mutex);
	mine->pid = 0;
	mine->why = my_reason;
	SpinLockRelease(&board->mutex);
	wake_launcher();
}

void
board_enter(int kind)
{
	if (board == NULL || mine != NULL)
		return;
	SpinLockAcquire(&board->mutex);
	mine = find(MyDatabaseId, kind, true);
	if (mine != NULL)
		mine->pid = MyProcPid;
	SpinLockRelease(&board->mutex);
	if (mine == NULL)
		return;
	before_shmem_exit(give_up_entry, (Datum) 0);
	wake_launcher();
}

void
board_leave(int kind, LeaveReason why)
{
	Entry *e;

	my_reason = why;
	if (board == NULL || mine != NULL)
		return;
	/* left before it entered: leave a note, unless another one lives */
	SpinLockAcquire(&board->mutex);
	e = find(MyDatabaseId, kind, true);
	if (e != NULL && e->pid == 0)
		e->why = why;
	SpinLockRelease(&board->mutex);
	wake_launcher();
}

static void
forget_launcher(int code, Datum arg)
{
	SpinLockAcquire(&board->mutex);
	board->launcher = NULL;
	SpinLockRelease(&board->mutex);
}

void
board_set_launcher(void)
{
	SpinLockAcquire(&board->mutex);
	board->launcher = MyLatch;
	SpinLockRelease(&board->mutex);
	before_shmem_exit(forget_launcher, (Datum) 0);
}

bool
board_is_alive(Oid database, int kind)
{
	Entry *e;
	bool   alive;

	SpinLockAcquire(&board->mutex);
	e = find(database, kind, false);
	alive = e != NULL && e->pid != 0;
	SpinLockRelease(&board->mutex);
	return alive;
}

LeaveReason
board_take_reason(Oid database, int kind)
{
	Entry	   *e;
	LeaveReason why = LEFT_FAILED;

	SpinLockAcquire(&board->mutex);
	e = find(database, kind, false);
	if (e != NULL && e->pid == 0)
	{
		why = e->why;
		memset(e, 0, sizeof(*e));
	}
	SpinLockRelease(&board->mutex);
	return why;
}
