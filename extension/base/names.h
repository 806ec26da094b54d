/*
 * names.h
 *	  Names shared by all floors: SQLSTATEs, schema, lock classes.
 */
#ifndef TRIAGE_BASE_NAMES_H
#define TRIAGE_BASE_NAMES_H

#define TRIAGE_SCHEMA	 "triage"
#define TRIAGE_EXTENSION "pg_triage"

/* not allowed in this state */
#define TRIAGE_ERRCODE_STATE MAKE_SQLSTATE('T', 'R', '0', '0', '1')
/* not this actor's business */
#define TRIAGE_ERRCODE_RIGHTS MAKE_SQLSTATE('T', 'R', '0', '0', '2')
/* unknown code or id, or a missing argument */
#define TRIAGE_ERRCODE_UNKNOWN MAKE_SQLSTATE('T', 'R', '0', '0', '3')
/* bad rule or pack */
#define TRIAGE_ERRCODE_RULE MAKE_SQLSTATE('T', 'R', '0', '0', '4')
/* closing or content requirement not met */
#define TRIAGE_ERRCODE_CONTENT MAKE_SQLSTATE('T', 'R', '0', '0', '5')

/* Workers' locks on their database: sub-object numbers from here on, which no SQL command uses. */
#define TRIAGE_LOCK_CLASS	   0x7400
#define TRIAGE_LOCK_TIMEKEEPER 1
#define TRIAGE_LOCK_COURIER	   2

/* Background workers: their functions in our library, their keys in triage.local_state. */
#define TRIAGE_LIBRARY	  "pg_triage"
#define TRIAGE_TIMEKEEPER "timekeeper"
#define TRIAGE_COURIER	  "courier"
#define TRIAGE_LAUNCHER	  "launcher"

/* An idle worker looks around at least this often, milliseconds. */
#define TRIAGE_TURN_MS 2000

#endif
