/*
 * retime.h
 *	  Running clocks of a case whose type, area or urgency changed, or whose
 *	  limits did.
 */
#ifndef TRIAGE_CASEWORK_RETIME_H
#define TRIAGE_CASEWORK_RETIME_H

#include "casework/act.h"

/*
 * Every running clock gets the limit of what the case now is, counted from
 * when the clock started; one that nothing times any more is cancelled.
 * Leaves an event "retime" {clock_id, was_due_at, due_at} for each that moved.
 * Call it before rows of new clocks are made.
 */
extern void retime_clocks(Act *act);

/*
 * The same for clocks that a policy times: those of this one, or all (NULL),
 * whose limit is no longer what it says.  tell() hears of each that moves.
 */
typedef void (*RetimeTold)(void *arg, int64 case_id, const Clock *k, TimestampTz was, TimestampTz due);
extern void retime_by_policy(Act *act, const char *policy, RetimeTold tell, void *arg);

/* Has the assignment (0 = the case itself) a clock of this stage that was not cancelled? */
extern bool had_clock(Act *act, int assignment_seq, Stage stage);

#endif
