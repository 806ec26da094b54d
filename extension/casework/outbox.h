/*
 * outbox.h
 *	  What goes out: payloads fixed when the event happens.
 */
#ifndef TRIAGE_CASEWORK_OUTBOX_H
#define TRIAGE_CASEWORK_OUTBOX_H

#include "casework/records.h"

/*
 * Queue a delivery to an endpoint code; NULL or an endpoint that is not in
 * the book queues nothing.  `type` is the event's name ("assigned",
 * "feedback", "step" ...); department and duty name the receiver where there
 * is one; extra is an object of further facts or NULL.
 */
extern void outbox_put(Writer *w, Book *book, const CaseFacts *c, const char *endpoint, const char *type,
					   int event_seq, TimestampTz at, const char *department, const char *duty, Jsonb *extra);

#endif
