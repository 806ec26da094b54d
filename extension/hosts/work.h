/*
 * work.h
 *	  From a row of a host's table to what must be done, for the trigger and
 *	  for whoever tries again.
 */
#ifndef TRIAGE_HOSTS_WORK_H
#define TRIAGE_HOSTS_WORK_H

#include "hosts/show.h"
#include "hosts/ticket.h"

/* A row as the host wrote it. */
typedef struct HostRow
{
	Oid		  relid; /* the table that it is in */
	TupleDesc desc;
	HeapTuple row;
	HeapTuple old; /* NULL = it was inserted */
} HostRow;

/* May an update concern us?  Quick, and raises nothing. */
extern bool host_concerned(const HostRow *r);

/*
 * What the row means: fills *e; false = nothing.  *doc = what the driver said,
 * NULL = it said nothing, or there is none.
 */
extern bool host_read(HostSource *source, const HostRow *r, HostEvent *e, Jsonb **doc);

/* What host_redo() needs to do it again; e and doc as far as host_read() came. */
extern Jsonb *host_payload(const Binding *b, const HostRow *r, const HostEvent *e, Jsonb *doc);

/*
 * Take it in, or carry its verbs out; returns the case, 0 = none.  fresh, show
 * and *shown as ticket_take_in() has them.
 */
extern int64 host_do(Binding *b, HostEvent *e, bool fresh, bool show, bool *shown);

/*
 * Do again what was to be done for a ticket: payload says it, in one of two
 * shapes, an event as drivers return it, or {"table", "row", "old"} for the
 * driver; NULL = read the ticket's row anew.
 */
extern Shown host_redo(Binding *b, const char *ticket, Jsonb *payload);

#endif
