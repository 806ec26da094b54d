/*
 * ticket.h
 *	  What a host's row says, whichever way it was read.
 */
#ifndef TRIAGE_HOSTS_TICKET_H
#define TRIAGE_HOSTS_TICKET_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "datatype/timestamp.h"
#include "utils/geo_decls.h"

#include "hosts/binding.h"

typedef struct HostVerb
{
	const char *verb;
	const char *department;
	const char *body;
	const char *reason;
	const char *outcome;
	const char *note;
	const char *review_at; /* suspend */
	const char *into;	   /* merge: the other ticket */
} HostVerb;

/* What happened to a ticket; NULL = not said. */
typedef struct HostEvent
{
	bool		change; /* false: it is new */
	const char *ticket;
	const char *body;
	bool		html;
	const char *channel;
	const char *reporter;
	const char *contact;
	const char *reference;
	const char *reference_channel;
	const char *area;
	const char *address;
	const char *case_type;
	bool		located;
	Point		location;
	TimestampTz reported_at; /* 0 = not said */
	Jsonb	   *attrs;
	const char *by;
	int			nverbs;
	HostVerb   *verbs;
	const char *refused; /* words of what ticket_follow() could not do */
} HostEvent;

/* Text of a ticket that is read; what comes behind is left out. */
#define TICKET_MAX_TEXT (256 * 1024)

/* The event that a driver's read function told. */
extern void ticket_from_json(Jsonb *doc, HostEvent *e);

/* A row of kind table, new.  Its values are output with the current user's rights. */
extern void ticket_from_row(const Mapping *m, HeapTuple row, TupleDesc desc, HostEvent *e);
/* The verbs that the change from old to row means; false = none. */
extern bool ticket_changes(const Mapping *m, HeapTuple old, HeapTuple row, TupleDesc desc, HostEvent *e);
/* Do all tests hold? */
extern bool ticket_passes(const Tests *tests, HeapTuple row, TupleDesc desc);
/* Did a column change that a change, or the filter, is about?  Raises nothing. */
extern bool ticket_concerned(const Mapping *m, HeapTuple old, HeapTuple row, TupleDesc desc);

/* The key as text: one value as it is, several as a JSON array. */
extern char *ticket_key(const Mapping *m, HeapTuple row, TupleDesc desc);
/* Its values again, for the columns of m->keys. */
extern void ticket_key_values(const Mapping *m, const char *ticket, Datum *values, Oid *types);

/* A text as a value of the column's type; a time, in the mapping's zone where the column has none. */
extern Datum column_value(const HostColumn *column, const char *value);
extern Datum column_time(const Mapping *m, const HostColumn *column, TimestampTz at);

#endif
