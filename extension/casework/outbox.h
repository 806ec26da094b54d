/*
 * outbox.h
 *	  What goes out: payloads fixed when the event happens.
 */
#ifndef TRIAGE_CASEWORK_OUTBOX_H
#define TRIAGE_CASEWORK_OUTBOX_H

#include "casework/records.h"

/* What is to be told to an endpoint. */
typedef struct Notice
{
	const char	   *endpoint;	/* code; NULL, or one that is not in the book: nothing is queued */
	const char	   *type;		/* the event's name: "assigned", "result", "remind" ... */
	const char	   *department; /* the receiver behind the endpoint, or NULL */
	const char	   *duty;
	Jsonb		   *extra;	  /* an object of further facts, or NULL */
	const Decision *together; /* all parties of this decision that the endpoint serves are named, or NULL */
} Notice;

extern void
outbox_put(Writer *w, Book *book, const CaseFacts *c, int event_seq, TimestampTz at, const Notice *n);

#endif
