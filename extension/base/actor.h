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

/*
 * The name that rights and history know, palloc'd: of who is vouched for;
 * else of who a pooled login speaks for by a signed claim (triage.actor);
 * else of the role.  TR002 for a claim that is not good.
 */
extern char *triage_actor_name(void);

/*
 * Between these two our own code answers for somebody who is no role here, an
 * agent of an attached ticket server: the name must outlive the stretch.
 */
extern void triage_vouch_begin(const char *name);
extern void triage_vouch_end(void);
extern bool triage_is_vouched(void);

/* Does it act as the owner of our tables or a superuser, and for itself: no claim lends that? */
extern bool triage_acts_as_owner(void);

/* Configured functions (payload formats) run between these two. */
extern void triage_enter_configured(void);
extern void triage_leave_configured(void);

#endif
