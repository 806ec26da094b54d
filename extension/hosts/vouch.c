/*
 * vouch.c
 *	  Who acts when a host's user does something.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "base/actor.h"
#include "hosts/vouch.h"

void
host_vouch_begin(const Binding *b, const char *by)
{
	/* the name must live as long as the vouching */
	triage_vouch_begin(psprintf("%s/%s", b->kind, by ? by : GetUserNameFromId(GetOuterUserId(), false)));
}

void
host_vouch_end(void)
{
	triage_vouch_end();
}
