/*
 * board.h
 *	  Shared memory in which workers tell the launcher that they live and why
 *	  they left.
 *
 * It exists only where the library was preloaded; without it, all of this does
 * nothing, and nobody asks.
 */
#ifndef TRIAGE_WORKER_BOARD_H
#define TRIAGE_WORKER_BOARD_H

#include "postgres.h"

typedef enum LeaveReason
{
	LEFT_FAILED,  /* an error, a signal; also: never heard of */
	LEFT_ABSENT,  /* no extension in the database */
	LEFT_VERSION, /* extension and library are of different versions */
	LEFT_STOPPED, /* stop_workers() */
	LEFT_ASKED	  /* somebody wants the database for himself */
} LeaveReason;

/* In _PG_init of the postmaster: ask for the memory. */
extern void board_request(void);

/* A worker's own entry; `kind` is its advisory lock's number. */
extern void board_enter(int kind);
/* Say why this process will exit; the entry itself is given up when it does. */
extern void board_leave(int kind, LeaveReason why);

/* The launcher's side.  It is woken when a worker enters or leaves. */
extern void board_set_launcher(void);
extern bool board_is_alive(Oid database, int kind);
/* Why the last one left; takes the note off the board.  LEFT_FAILED when there is none. */
extern LeaveReason board_take_reason(Oid database, int kind);

#endif
