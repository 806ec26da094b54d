/*
 * history.h
 *	  The hash chain over the events of a case.
 */
#ifndef TRIAGE_CASEWORK_HISTORY_H
#define TRIAGE_CASEWORK_HISTORY_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

#define HISTORY_HASH_LEN 32

/*
 * SHA-256 over: version byte 1, previous hash (zeros for the first event),
 * case_id (8 bytes, big-endian like all numbers), seq (4), at (8, microseconds
 * since 2000-01-01 UTC), then actor, verb, data and digest of personal fields,
 * each with its length (4) in front.  data is walked in the order jsonb
 * stores it, a tag byte and a length before each value, numbers as numeric
 * text, so that no output format decides.
 */
extern void history_hash(const unsigned char *previous, int64 case_id, int seq, TimestampTz at,
						 const char *actor, const char *verb, Jsonb *data, unsigned char *hash);

#endif
