/*
 * clocks.h
 *	  What verbs do to running clocks beside stopping them.
 */
#ifndef TRIAGE_CASEWORK_CLOCKS_H
#define TRIAGE_CASEWORK_CLOCKS_H

#include "casework/act.h"

/* A clock from now on, for an assignment (0 = the case itself); none when no policy times the stage. */
extern void clock_start(Act *act, int assignment_seq, Stage stage);
extern void clock_start_until(Act *act, int assignment_seq, Stage stage, TimestampTz due);

/* What a clock of this act would time. */
extern TimedPart act_timed_part(const Act *act, int assignment_seq);

/* The earliest of the clocks that now run for a part, for the lead also of the case's own; DT_NOEND = none runs. */
extern TimestampTz clocks_part_due(const Act *act, int assignment_seq, bool leads);

/* A part's next deadline, which its assignment says; DT_NOEND = none. */
typedef struct PartDue
{
	int			assignment_seq;
	TimestampTz due_at;
} PartDue;

/*
 * The live parts whose next deadline is another after the act than their rows
 * say; room for all parts.  Asked before the act's rows are written, written
 * after.
 */
extern int	clocks_next_due(const Act *act, PartDue *parts);
extern void clocks_write_next_due(int64 case_id, const PartDue *parts, int n);

/* The running clock of a stage; assignment_seq -1 = any.  NULL when there is none. */
extern Clock *clock_running(Act *act, const char *stage, int assignment_seq);

/*
 * All running clocks stand still, and go on: what was left of each limit, in
 * its own kind of time, is left again.  An event "retime" {clock_id,
 * was_due_at, due_at} for each clock that moved.
 */
extern void clocks_pause(Act *act);
extern void clocks_resume(Act *act);

/* A person grants more time. */
extern void clock_extend(Act *act, Clock *k, TimestampTz due, const Interval *by);

/* The policy's limit for a stage counted from `start`; DT_NOEND when nothing times it. */
extern TimestampTz clock_limit(Act *act, Stage stage, TimestampTz start);

#endif
