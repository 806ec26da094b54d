/*
 * learned.h
 *	  The part a learned model takes in a decision.
 */
#ifndef TRIAGE_RULEBOOK_LEARNED_H
#define TRIAGE_RULEBOOK_LEARNED_H

#include "rulebook/decide.h"

/*
 * Let the model in use (or the report's opinion) weigh in after the terms were
 * ranked.  false: there is
 * none, or it cannot be read (a warning says so, once), and the decision is
 * as it was.  true: type, candidates, confidence and verdict are set anew
 * from both, and d->learned says what the model said.
 */
extern bool
learned_weigh(Book *book, const Report *report, const char *folded, size_t len, uint32 nhits, Decision *d);

#endif
