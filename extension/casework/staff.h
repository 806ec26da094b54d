/*
 * staff.h
 *	  People on a case: who signs, and the lead that comes back on duty.
 */
#ifndef TRIAGE_CASEWORK_STAFF_H
#define TRIAGE_CASEWORK_STAFF_H

#include "casework/act.h"

/* A department has just accepted its part: the person behind the actor's role, if triage.staff knows one, is named. */
extern void staff_sign(Act *act, const Assignment *a);

/*
 * A unit that would lead had somebody been on duty has just accepted: it leads
 * now, and who stood in for it has done its part.  Any other unit: nothing.
 */
extern void staff_take_lead(Act *act, Assignment *a);

#endif
