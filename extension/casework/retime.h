/*
 * retime.h
 *	  Running clocks of a case whose type, area or urgency changed.
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

/* Has the assignment (0 = the case itself) a clock of this stage that was not cancelled? */
extern bool had_clock(Act *act, int assignment_seq, Stage stage);

#endif
