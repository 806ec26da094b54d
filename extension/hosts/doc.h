/*
 * doc.h
 *	  How a case stands, for the ticket that shows it.
 */
#ifndef TRIAGE_HOSTS_DOC_H
#define TRIAGE_HOSTS_DOC_H

#include "hosts/binding.h"

typedef struct HostDoc
{
	int64		case_id;
	const char *number;
	bool		first;
	const char *status;
	const char *department;
	const char *department_zh;
	const char *department_en;
	TimestampTz lead_since; /* 0 = nobody leads */
	TimestampTz due_at;		/* 0 = no clock runs */
	int			priority;
	bool		danger;
	const char *colour;
	const char *case_type;
	const char *type_zh;
	const char *type_en;
	const char *area_zh;
	const char *outcome;
	int64		merged_into; /* 0 = none */
	int			event_seq;
	const char *verb;	 /* of the last event */
	const char *comment; /* words for the ticket's history, NULL = nothing new to say */
	const char *inform;	 /* the result for the citizen, NULL = none since */
} HostDoc;

/*
 * Read a case as it stands, as its owner's role, with what happened after
 * event `since` in words (0 = all: the decision and its deadlines).  Events
 * whose actor begins with `own`, "kind/", came from the ticket and are not
 * told.  False: no such case.
 */
extern bool host_doc_read(int64 case_id, int since, const char *own, HostDoc *d);

/*
 * The same of cases that are new: rows as report() returns them.  words = with
 * the comment, and names in English.  due_at = when the one is due, 0 = never;
 * of many it is looked up.
 */
extern void host_doc_new(Datum row, TimestampTz due_at, bool words, HostDoc *d);
extern void host_docs_new(int n, const Datum *rows, bool words, HostDoc *docs);

/* As drivers get it; relation = of the tickets that links and merged_into name, InvalidOid = none. */
extern Jsonb *host_doc_json(const HostDoc *d, Oid relation);

/* The words, see host_doc_read(); called with SPI connected as owner. */
extern const char *host_words(const HostDoc *d, int since, const char *own);
extern const char *host_result_words(int64 case_id, int since);

#endif
