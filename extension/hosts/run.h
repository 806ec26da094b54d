/*
 * run.h
 *	  Kept plans for code whose results outlive the SPI connection: the
 *	  current memory context stays what it was.
 */
#ifndef TRIAGE_HOSTS_RUN_H
#define TRIAGE_HOSTS_RUN_H

#include "base/spi.h"

static inline uint64
host_run(KeptPlan *kept, Datum *values, const char *nulls, int expect)
{
	MemoryContext caller = CurrentMemoryContext;
	uint64		  n = triage_run(kept, values, nulls, expect);

	MemoryContextSwitchTo(caller);
	return n;
}

/* begin and end of the owner's part, the same way */
static inline void
host_owner_begin(OwnerSwitch *sw)
{
	MemoryContext caller = CurrentMemoryContext;

	triage_owner_begin(sw);
	MemoryContextSwitchTo(caller);
}

static inline void
host_owner_end(OwnerSwitch *sw)
{
	MemoryContext caller = CurrentMemoryContext;

	triage_owner_end(sw);
	MemoryContextSwitchTo(caller);
}

#endif
