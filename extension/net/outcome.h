/*
 * outcome.h
 *	  What an answer, or the lack of one, means for a delivery.  Pure C.
 */
#ifndef TRIAGE_NET_OUTCOME_H
#define TRIAGE_NET_OUTCOME_H

#include "net/net.h"

#pragma GCC visibility push(hidden)

/* Fill outcome, error and retry_after_ms from result->status; retry_after_s as received, 0 = absent. */
extern void net_judge_status(NetResult *result, int64_t retry_after_s);

/*
 * Fill outcome and error of a request that failed.  Words of the library come
 * with `general`, which replaces them when they are empty or quote a URL, which
 * may hold a token; our own words come with NULL.  Bytes that came from the net
 * are made harmless: the text goes into a table.
 */
extern void net_judge_failure(NetResult *result, NetOutcome outcome, const char *text, const char *general);

#pragma GCC visibility pop

#endif
