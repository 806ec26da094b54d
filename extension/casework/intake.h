/*
 * intake.h
 *	  How reports become cases.
 */
#ifndef TRIAGE_CASEWORK_INTAKE_H
#define TRIAGE_CASEWORK_INTAKE_H

#include "casework/history.h"
#include "casework/repeats.h"
#include "rulebook/decide.h"

extern void intake_init(void);

/* A case's number: day and id. */
extern char *intake_number(const Book *book, int64 case_id, TimestampTz at);

/* ---- what a reporter can get wrong (intake_checks.c) ---- */

/* The channel of this code; TR003. */
extern Channel *intake_channel(Book *book, const char *code);

/* TR005 for a report without caller where the channel needs one. */
extern void intake_check_caller(const Channel *channel, const char *reporter, const char *contact);

/* TR005 for a time that cannot be: `now` is the clock's. */
extern void intake_check_reported_at(TimestampTz at, TimestampTz now);

/* References and names stand in indexes: TR005 for what is too long or holds control characters; NULL is fine. */
extern void intake_check_ref(const char *ref);

/* TR005 for what is no place on earth; the point itself, NULL is fine. */
extern const Point *intake_check_location(const Point *p);

/* Bytes that a report may have, and what is added to it later. */
#define REPORT_MAX_BODY (8 * 1024 * 1024)

/* What preview() is asked, as it is asked. */
typedef struct PreviewArgs
{
	const char	*channel;
	const char	*body;
	const char	*area;
	const char	*address;
	const char	*case_type;
	const Point *location; /* x = longitude, y = latitude; may be NULL */
	TimestampTz	 at;
	Jsonb		*attrs;
	bool		 unfinished; /* still being typed: the body may be missing */
} PreviewArgs;

/* The report that intake would make of it, with the same checks. */
extern void intake_preview(Book *book, const PreviewArgs *a, Report *r);

/* The case that is inserted next as it is: its maker has written, or writes, all that belongs to it. */
extern void intake_ready(int64 case_id);

/* The case that report() inserts next. */
typedef struct NextCase
{
	int64		  case_id;				   /* 0 = none */
	unsigned char token[HISTORY_HASH_LEN]; /* digest of the citizen's, for its source */
	Repeats		 *repeats; /* what it may repeat, NULL = nothing; kept by the caller until the row is in */
	bool		  claimed; /* its reference is taken already */
	TimestampTz	  due_at;  /* left here: when the matter is due, 0 = no clock runs */
} NextCase;

/* Returns what stood there, for intake_next_done() after the insert: a trigger may report too. */
extern NextCase intake_next(const NextCase *coming);

/* Returns what became of the next case. */
extern NextCase intake_next_done(const NextCase *before);

#endif
