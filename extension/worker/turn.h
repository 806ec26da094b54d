/*
 * turn.h
 *	  What all workers of a database have in common: coming to life, being the
 *	  only one of their kind, and asking each turn whether they may go on.
 */
#ifndef TRIAGE_WORKER_TURN_H
#define TRIAGE_WORKER_TURN_H

#include "postgres.h"

#include "storage/latch.h"
#include "storage/lock.h"

/*
 * First thing in a worker's main function: signals, connection to the
 * database given as main argument, one of its kind (session lock that
 * worker_lock_tag() names), pid into triage.local_state under `name`.  Does not
 * return when this process is not needed: extension absent or of another
 * version, stopped, another worker of the kind alive (exit 0); the launcher
 * tries again later.
 */
extern void worker_start(const char *name, int lock, Oid database);

/*
 * Once a turn, outside any transaction: interrupts, configuration reload, and
 * whether the database wants us gone (DROP DATABASE and the like: a
 * conditional lock on our own database), the extension was dropped, or has
 * another version than this library, or stop_workers() was called: then the
 * process exits with 0.  Returns false when the worker must be idle this turn:
 * triage.workers off, database on hold, recovery.
 *
 * The tables are read five times a second at most.  A statement that takes work must
 * therefore look itself that triage.local_state has no row 'hold' or
 * 'stopped': TRIAGE_NOT_HELD.
 */
extern bool worker_turn(void);
#define TRIAGE_NOT_HELD "NOT EXISTS (SELECT FROM triage.local_state l WHERE l.key IN ('hold', 'stopped'))"

/*
 * Sleep until the latch is set, `fd` (PGINVALID_SOCKET = none) is readable, or
 * `ms` have passed (-1 = whenever); never as long as TRIAGE_TURN_MS.  Returns
 * whether the latch was set, that is, whether somebody may have left work.
 */
extern bool worker_wait(long ms, pgsocket fd);
/* Before a descriptor that worker_wait() knows is closed. */
extern void worker_forget_fd(void);

/* A transaction of a worker: statement time, activity, snapshot; statistics reported at its end. */
extern void worker_begin(const char *activity);
extern void worker_commit(void);
/* In PG_CATCH, after an error: report it to the log, abort, go on. */
extern void worker_recover(MemoryContext mcxt);

/* The lock that a worker of this kind holds in this database while it lives. */
extern void worker_lock_tag(LOCKTAG *tag, int kind);

#endif
