/*
 * clock.h
 *	  The one clock that all code reads.
 */
#ifndef TRIAGE_BASE_CLOCK_H
#define TRIAGE_BASE_CLOCK_H

#include "datatype/timestamp.h"

/*
 * The time now.  With triage.now set it is that time, moved on by the real
 * time since triage.now_since, multiplied by triage.time_scale.
 */
extern TimestampTz triage_clock(void);

/* Is the clock moved?  Then nothing may be sent beyond this machine. */
extern bool triage_clock_is_moved(void);

/* Real milliseconds until the clock shows `at`; 0 = it does already, -1 = never (the clock stands still). */
extern int64 triage_clock_wait_ms(TimestampTz at);

/* Parse a timestamptz setting; false when it is empty.  Raises an error for anything else. */
extern bool triage_setting_time(const char *name, const char *value, TimestampTz *at);

#endif
