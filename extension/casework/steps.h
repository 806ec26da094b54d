/*
 * steps.h
 *	  Fires the steps of ladders that fell due: remind, urge, supervise,
 *	  escalate, call in the police, alert.
 */
#ifndef TRIAGE_CASEWORK_STEPS_H
#define TRIAGE_CASEWORK_STEPS_H

#include "datatype/timestamp.h"

typedef struct StepStats
{
	int			fired;		 /* steps recorded */
	int			late;		 /* of these, more than a second after their time */
	int			skipped;	 /* cases locked by somebody else: they come back soon */
	int			quarantined; /* cases set aside because firing failed */
	int			recomputed;	 /* clocks looked at because their calendar changed */
	TimestampTz next_due;	 /* earliest step still to come, DT_NOEND = none */
	bool		more;		 /* due steps were left for another call */
} StepStats;

/*
 * One pass over what is due, earliest first.  A pass leaves behind what
 * somebody else has locked, however much that is, and comes to an end; so the
 * rest is reached although the earliest ones are locked for long.
 */
typedef struct StepPass
{
	TimestampTz since; /* where it stands: everything up to (since, case_id) was looked at */
	int64		case_id;
	bool		locked; /* it has left locked cases behind */
} StepPass;

extern void steps_pass_begin(StepPass *pass);

/*
 * Fire what is due at `at`, each case in its own subtransaction, for at most
 * max_cases cases and max_locked that turn out to be locked; the pass says
 * where to go on when stats->more, and begins anew when it is through.  The
 * caller commits; with commit_every > 0 the function calls between() after so
 * many cases, which may commit and begin anew.
 */
extern void steps_run(StepPass *pass, TimestampTz at, int max_cases, int max_locked, int commit_every,
					  void (*between)(void), StepStats *stats);

/*
 * The earliest step that is to fire, DT_NOEND = none; cases set aside do not
 * count.  Reads one index entry.  Call between triage_owner_begin() and _end().
 */
extern TimestampTz steps_next_due(TimestampTz now);

typedef enum Guarded
{
	GUARDED_DONE,
	GUARDED_LOCKED, /* somebody else has the case, or came in between: soon again */
	GUARDED_FAILED	/* the case is set aside with the reason */
} Guarded;

/*
 * Work on one case in a subtransaction of its own, so that a poisoned one
 * stops nobody else.  work() returns false when the case is locked.
 */
extern Guarded steps_guard(int64 case_id, TimestampTz at, bool (*work)(void *), void *arg);

#endif
