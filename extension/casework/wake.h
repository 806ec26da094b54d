/*
 * wake.h
 *	  Wakes the workers when a transaction commits that gave them work.
 */
#ifndef TRIAGE_CASEWORK_WAKE_H
#define TRIAGE_CASEWORK_WAKE_H

#include "datatype/timestamp.h"

/* A step falls due at `at` (DT_NOEND: none): the timekeeper may have to wake earlier. */
extern void wake_timekeeper_at_commit(TimestampTz at);
/* A delivery was queued. */
extern void wake_courier_at_commit(void);
/* Start workers for this database once this transaction has committed. */
extern void start_workers_at_commit(void);

extern void wake_init(void);

#endif
