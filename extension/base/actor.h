/*
 * actor.h
 *	  Who acts: the one answer that verbs and row policies use.
 */
#ifndef TRIAGE_BASE_ACTOR_H
#define TRIAGE_BASE_ACTOR_H

/*
 * In a security-restricted operation or in a configured function the current
 * user, else the outer user: SET ROLE works, and a SECURITY
 * DEFINER wrapper neither lends nor loses rights.
 */
extern Oid triage_actor(void);

/* Its name, palloc'd. */
extern char *triage_actor_name(void);

/* Configured functions (payload formats) run between these two. */
extern void triage_enter_configured(void);
extern void triage_leave_configured(void);

#endif
