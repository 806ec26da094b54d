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
 * Do what waits, at most max_jobs, and back-fill at most max_rows, in the
 * present transaction; true = there may be more.  Whatever is locked or fails
 * comes again later.
 */
extern bool hosts_run(TimestampTz now, int max_jobs, int max_rows);

/* Registers what act_end() calls, and the caches. */
extern void hosts_init(void);

#endif
