/*
 * signature.h
 *	  What is done for a case right after its intake committed: its signature,
 *	  the earlier cases it repeats, the likely duplicates shown to an operator.
 */
#ifndef TRIAGE_CASEWORK_SIGNATURE_H
#define TRIAGE_CASEWORK_SIGNATURE_H

#include "datatype/timestamp.h"

/*
 * Look after at most max_cases cases that nobody has looked after, in the
 * present transaction; returns how many.  Nothing while another session does.
 */
extern int signatures_run(TimestampTz now, int max_cases);

/*
 * The case says something else now, or is of another type or place: whoever
 * signs next is to do so anew, and to look for duplicates anew.  As owner.
 */
extern void signature_due(int64 case_id);

#endif
