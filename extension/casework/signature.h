/*
 * signature.h
 *	  What is done for a case right after its intake committed: its signature,
 *	  the earlier cases it repeats, the likely duplicates shown to an operator.
 */
#ifndef TRIAGE_CASEWORK_SIGNATURE_H
#define TRIAGE_CASEWORK_SIGNATURE_H

#include "datatype/timestamp.h"

#include "rulebook/book.h"

/*
 * Look after at most max_cases cases that nobody has looked after, in the
 * present transaction; returns how many.  Nothing while another session does.
 */
extern int signatures_run(TimestampTz now, int max_cases);

/*
 * A signed case now says something else, or is of another type or place: sign
 * it anew, and look for duplicates anew while it stands.  As owner.
 */
extern void signature_renew(Book *book, int64 case_id, bool standing, TimestampTz now);

#endif
