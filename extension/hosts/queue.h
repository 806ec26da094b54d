/*
 * queue.h
 *	  What is done for tickets after the transaction that wants it.
 */
#ifndef TRIAGE_HOSTS_QUEUE_H
#define TRIAGE_HOSTS_QUEUE_H

#include "datatype/timestamp.h"

#include "hosts/ticket.h"

/* A job about a ticket, written as owner; payload may be NULL. */
extern void
host_enqueue(const Binding *b, const char *ticket, int64 case_id, const char *job, Jsonb *payload);

/*
 * Do what waits, at most max jobs, in the present transaction; returns how
 * many were done.  Whatever is locked or fails comes again later.
 */
extern int hosts_run(TimestampTz now, int max);

/* Registers what act_end() calls, and the caches. */
extern void hosts_init(void);

#endif
