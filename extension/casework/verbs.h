/*
 * verbs.h
 *	  What the verbs have in common.
 */
#ifndef TRIAGE_CASEWORK_VERBS_H
#define TRIAGE_CASEWORK_VERBS_H

#include "casework/act.h"
#include "rulebook/decide.h"

/* Who acts, into the event. */
extern void verb_put_party(Act *act, const Assignment *a);
/* The party accepts, if it has not: its clock stops, a lead's case moves on. */
extern void verb_accept_for(Act *act, Assignment *a);
/* TR001 unless it has. */
extern void verb_need_accepted(Act *act, const Assignment *a);
/* All that was left of the work ends; the case is in `status` and closed. */
extern void verb_end_case(Act *act, const char *status, TimestampTz at);
/* Words and outcome of the last result; NULL when nobody gave one. */
extern char *verb_last_result(Act *act, char **outcome);

/* An argument that must say something: TR003 for null, TR005 for blank or too long. */
extern char *verb_need_text(FunctionCallInfo fcinfo, int arg, const char *name);

/* One of a NULL-terminated list of words; TR003 with the list. */
extern char *verb_word(FunctionCallInfo fcinfo, int arg, const char *name, const char *const *words);

extern Department *verb_department(Act *act, const char *code);

/* Of the case's events with this verb. */
extern int verb_count(Act *act, const char *verb);

/* A unit that is told something of the case; NULL unit: nothing. */
extern void verb_tell(Act *act, const Department *unit, const char *type, const char *duty);

/* TR002 when the actor belongs to the department that handled the case. */
extern void verb_check_independent(Act *act);

/* The first report was changed by this verb: its event vouches for what it says now. */
extern void verb_sign_report(Act *act);

#endif
