/*
 * vouch.h
 *	  Verbs that come from a host are done by whoever did them there: the
 *	  binding was made by an administrator and vouches for its users.
 */
#ifndef TRIAGE_HOSTS_VOUCH_H
#define TRIAGE_HOSTS_VOUCH_H

#include "hosts/binding.h"

/* `by` = the host's login, NULL = the role of the session.  An error ends it with the (sub)transaction. */
extern void host_vouch_begin(const Binding *b, const char *by);
extern void host_vouch_end(void);

#endif
