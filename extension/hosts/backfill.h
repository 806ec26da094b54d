/*
 * backfill.h
 *	  Takes in the open tickets that were there before a table was attached.
 */
#ifndef TRIAGE_HOSTS_BACKFILL_H
#define TRIAGE_HOSTS_BACKFILL_H

#include "postgres.h"

/*
 * Take in at most max tickets of bindings with a back-fill under way, in the
 * present transaction; true = there are more.  Call as owner.
 */
extern bool backfill_run(int max);

#endif
