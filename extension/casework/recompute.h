/*
 * recompute.h
 *	  Running clocks follow a calendar that changed.
 */
#ifndef TRIAGE_CASEWORK_RECOMPUTE_H
#define TRIAGE_CASEWORK_RECOMPUTE_H

#include "datatype/timestamp.h"

/* clocks moved between two looks at what is due */
#define RECOMPUTE_AT_ONCE 500

/*
 * Move running clocks that were made under an older version of their
 * calendar, at most max of them; returns how many it moved.  Steps that
 * have fired stay fired; time already measured is not touched.
 */
extern int recompute_clocks(TimestampTz at, int max);

#endif
