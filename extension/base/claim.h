/*
 * claim.h
 *	  Whom a pooled login speaks for.
 *
 * A front end with one login for all its users says in each transaction who
 * acts: SET LOCAL triage.actor = 'name;expires;signature', expires in seconds
 * since 1970, signature = hex(HMAC-SHA256(triage.claim_secret,
 * 'name;expires')).  Only roles listed in triage.claim_roles may do so.
 */
#ifndef TRIAGE_BASE_CLAIM_H
#define TRIAGE_BASE_CLAIM_H

/*
 * The name in the claim that is in force, valid until the setting changes;
 * NULL = no claim is made.  TR002 when it is not the role's to make, badly
 * signed, or past its time.
 */
extern const char *triage_claimed_name(Oid role);

#endif
