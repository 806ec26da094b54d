/*
 * redecide.h
 *	  A decision made anew for a case that exists.
 */
#ifndef TRIAGE_CASEWORK_REDECIDE_H
#define TRIAGE_CASEWORK_REDECIDE_H

#include "utils/array.h"

#include "casework/act.h"

/*
 * Send a case to where a person says, or (department NULL) where the rules
 * say once a person has looked.  Writes decision, assignments, clocks and
 * deliveries; status, lead and nature of the case follow.
 */
extern void redispatch(Act *act, const char *department, ArrayType *assists, int parent_seq);

/* Words that looked dangerous are not: the case waits on with its type's own urgency and a new triage clock. */
extern void clear_danger(Act *act);

#endif
