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

/*
 * What a report says of persons is no part of the history, so that it can be
 * removed; its digest is: HMAC-SHA256 of reporter, contact and body (each with
 * a byte 1 and its length in front, a byte 0 for NULL) under a random key of the report's own, which
 * anonymise() destroys.  The first 16 bytes, in hexadecimal.
 */
#define PERSONAL_KEY_LEN 16
#define PERSONAL_HEX_LEN 32

/* hex has room for PERSONAL_HEX_LEN + 1 */
extern void history_personal(const unsigned char *key, const char *reporter, const char *contact,
							 const char *body, char *hex);

#endif
