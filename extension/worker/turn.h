/*
 * turn.h
 *	  What all workers of a database have in common: coming to life, being the
 *	  only one of their kind, and asking each turn whether they may go on.
 */
#ifndef TRIAGE_WORKER_TURN_H
#define TRIAGE_WORKER_TURN_H

#include "postgres.h"

#include "storage/latch.h"

/*
 * First thing in a worker's main function: signals, connection to the
 * database given as main argument, one of its kind (session advisory lock of
 * our class and `lock`), pid into triage.local_state under `name`.  Does not
 * return when this process is not needed: extension absent, another worker
 * of the kind alive (exit 0), in which case the launcher tries again later.
 */
extern void worker_start(const char *name, int lock, Oid database);

/*
 * Once a turn, outside any transaction: interrupts, configuration reload, and
 * whether the database wants us gone (DROP DATABASE and the like: a
 * conditional lock on our own database), the extension was dropped, or has
 * another version than this library: then the process exits with 0.  Returns
 * false when the worker must be idle this turn: triage.workers off, database
 * on hold, recovery.
 */
extern bool worker_turn(void);

/* Sleep until the latch is set, `fd` (PGINVALID_SOCKET = none) is readable, or `ms` have passed; never longer than TRIAGE_TURN_MS. */
extern void worker_wait(long ms, pgsocket fd);

/* A transaction of a worker: statement time, activity, snapshot; statistics reported at its end. */
extern void worker_begin(const char *activity);
extern void worker_commit(void);
/* After an error was caught: report it to the log, abort, go on. */
extern void worker_recover(MemoryContext mcxt);

#endif
