/*
 * backoff.h
 *	  Waiting time before the next attempt of a delivery.  Pure C.
 */
#ifndef TRIAGE_WORKTIME_BACKOFF_H
#define TRIAGE_WORKTIME_BACKOFF_H

#include <stdint.h>

/*
 * Milliseconds to wait after `attempts` failed attempts (>= 1): base doubling
 * up to cap, with a quarter up or down taken from `random` (any 32 bits), so
 * that many deliveries to one endpoint do not return in step.  The quarter is
 * taken after the cap, because a long outage leaves every delivery at the cap:
 * the longest wait is 1.25 caps.  Arguments below 1 count as 1.
 */
extern int64_t backoff_ms(int attempts, int64_t base_ms, int64_t cap_ms, uint32_t random);

#endif
