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

/*
 * A case that runs goes to a department that a person names, or (NULL) to
 * whom the rules name; who takes part already stays as redirect.h says.
 * `instead` = the department that is to be left, which the rules must not name
 * again (TR005), or NULL.
 */
extern void reroute(Act *act, const char *department, const char *instead);

/* Words that looked dangerous are not: the case waits on with its type's own urgency and a new triage clock. */
extern void clear_danger(Act *act);

/* How the decision in force came about. */
typedef struct Standing
{
	bool type_given;	/* a person chose the type, or sent the case on with it */
	bool area_given;	/* a person named the area */
	bool by_person;		/* a person named the lead */
	bool danger_denied; /* a person has looked: what seemed dangerous is not */
} Standing;

extern void standing_of(Act *act, Standing *s);

/* The case as a report: its type and area count as given, a person has looked. */
extern void report_of_case(Act *act, Report *r);

/* Danger brings the police, whoever leads. */
extern void add_police(Act *act, Decision *d);

/* Whatever was decided, the case waits at the centre of its area. */
extern void leave_to_centre(Act *act, Decision *d);

/* The case's row takes area, type, nature, priority and danger of a decision. */
extern void case_from_decision(Act *act, const Decision *d);
/* The case lies with the decision's lead, from now on. */
extern void case_is_sent(Act *act, const Decision *d);

/* Where the case goes, as events say it; kpi() counts by these. */
extern void put_direction(JsonBuild *b, const Act *act, const Decision *d, bool by_person);

#endif
