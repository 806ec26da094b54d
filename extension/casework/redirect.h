/*
 * redirect.h
 *	  A case that runs follows another decision.
 */
#ifndef TRIAGE_CASEWORK_REDIRECT_H
#define TRIAGE_CASEWORK_REDIRECT_H

#include "casework/act.h"
#include "rulebook/decide.h"

/*
 * Area, type and urgency of the case, its parties, clocks and deliveries
 * become those of the decision.  A case in triage is sent on when the
 * decision says so; one that was sent never goes back to triage.  Call it
 * after standing_of(), before anything else is written in this act.
 */
extern void redirect(Act *act, const Decision *d);

/* A party is called off: its clocks are cancelled, its endpoint is told; an event says why. */
extern void withdraw_party(Act *act, Assignment *a, const char *because);

/* Every endpoint of those who take part is told once that the case reads otherwise now. */
extern void tell_parties_of_change(Act *act, int event_seq);

/*
 * Words that came later are dangerous.  Certain: U1, and the police join.
 * Otherwise the centre is asked to look.  An event "danger" says which.
 */
extern void raise_danger(Act *act, const Decision *words, bool certain);

#endif
