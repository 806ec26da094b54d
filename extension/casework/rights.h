/*
 * rights.h
 *	  Who may see and do what.
 *
 * triage.members says for whom a role acts.  While it is empty the SQL
 * privileges on the functions alone decide ("open"): an installation begins
 * that way and closes the door by naming its first member.
 */
#ifndef TRIAGE_CASEWORK_RIGHTS_H
#define TRIAGE_CASEWORK_RIGHTS_H

#include "casework/act.h"

/* May the actor see this case at all?  Takes no lock; false for cases that do not exist. */
extern bool rights_may_see(Book *book, int64 case_id);
extern bool rights_case_exists(int64 case_id);
/* TR002 unless the actor has the duty that the transition asks for. */
extern void rights_check_duty(Act *act);
/* Does the actor act for this department? */
extern bool rights_acts_for(Act *act, const char *department);
extern bool rights_are_open(Act *act);

/*
 * Take the reporter and his contact out of a row to be shown, unless the
 * actor's role may read those columns and is not complained about.
 */
extern void rights_hide_caller(CaseRow *row, const AttrNumber *att);
/* Does the reporter complain about a department that the actor acts for? */
extern bool rights_complained_about(const CaseRow *row, const AttrNumber *att);

#endif
