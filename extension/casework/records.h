/*
 * records.h
 *	  The rows that follow from a decision: source, decision, assignments,
 *	  clocks, event, deliveries.
 */
#ifndef TRIAGE_CASEWORK_RECORDS_H
#define TRIAGE_CASEWORK_RECORDS_H

#include "casework/writer.h"
#include "rulebook/decide.h"

/* attrs of a report: the department it complains about (投诉对象), which then does not learn who reports */
#define REPORT_COMPLAINS_ABOUT "complains_about"

/* What the rows need to know of their case.  Strings may be NULL where the column may. */
typedef struct CaseFacts
{
	int64		case_id;
	const char *number;
	const char *channel;
	const char *external_ref;
	const char *reporter;
	const char *contact;
	const char *body;
	const char *address;
	const char *status;
	const char *lead;
	const char *case_type;
	const char *nature;
	const char *area;
	int			priority;
	bool		danger;
	bool		confidential; /* the first report */
	TimestampTz reported_at;
} CaseFacts;

/* A party that was offered a part. */
typedef struct Joined
{
	int			seq;
	int			parent_seq; /* 0 = none */
	const char *department;
	Duty		duty;
	TimestampTz due_at; /* as written; DT_NOEND = none */
} Joined;

/* A clock that was started. */
typedef struct Started
{
	int			assignment_seq; /* 0 = the case's own */
	TimestampTz due_at;
} Started;

/* Where the next rows of a case go on counting. */
typedef struct Counters
{
	int assignment_seq; /* last used, 0 = none */
	int clock_id;
	int event_seq;
	int decision_seq;
	int lead_seq; /* assignment of a lead that was offered now, 0 = none was */

	TimestampTz case_due;	 /* when the case itself is due, for a lead that is offered now; 0 = not known */
	TimestampTz resolve_due; /* of the clocks started now, 0 = none: that of the whole matter ... */
	TimestampTz latest_due;	 /* ... and the last of all */

	bool  list_joined; /* keep the lists below; they live as long as the writer */
	List *joined;	   /* of Joined */
	List *started;	   /* of Started */
} Counters;

/*
 * All rows of a new case; token = NULL or 32 bytes, the digest of the citizen's
 * token.  Returns when the matter is due: by its resolve clock, else by the
 * last of its clocks; 0 = it has none.
 */
extern TimestampTz
records_new_case(Writer *w, Book *book, const CaseFacts *c, const Report *r, const Decision *d,
				 TimestampTz now, const char *actor, const unsigned char *token);

/* Give a source's row its key; the digest of what it says of persons is left in hex (history.h), for its event. */
extern void
records_personal(Row *row, const char *reporter, const char *contact, const char *body, char *hex);

/* The decision's row alone. */
extern void records_decision(Writer *w, Book *book, int64 case_id, int seq, const Report *r,
							 const Decision *d, TimestampTz now);

/* Assignments of all parties with their clocks and deliveries, and the clocks of the case. */
extern void records_dispatch(Writer *w, Book *book, const CaseFacts *c, const Decision *d, TimestampTz now,
							 int parent_seq, Counters *at, int event_seq);

/* Nobody decided yet: the centre (the decision's first party) owns the case and the clock; others are told only. */
extern void records_triage(Writer *w, Book *book, const CaseFacts *c, const Decision *d, TimestampTz now,
						   int parent_seq, Counters *at, int event_seq);

/* One more party of a case that runs already. */
extern void records_party(Writer *w, Book *book, const CaseFacts *c, const CaseType *type, const Area *area,
						  Department *department, Duty duty, int parent_seq, TimestampTz now, Counters *at,
						  int event_seq);

/* A part of a case, or the case itself, that clocks time. */
typedef struct TimedPart
{
	int64			case_id;
	int				assignment_seq; /* 0 = the case itself */
	const CaseType *type;
	const Area	   *area;
	int				priority;
	bool			danger;
} TimedPart;

/* A clock; returns when it is due.  Without a policy for the stage there is none: DT_NOEND. */
extern TimestampTz
records_clock(Writer *w, Book *book, const TimedPart *t, Counters *at, Stage stage, TimestampTz start);

/* The same with a due time that somebody named; without a policy it has no ladder. */
extern void records_clock_until(Writer *w, Book *book, const TimedPart *t, Counters *at, Stage stage,
								TimestampTz start, TimestampTz due);

/* An event; previous = hash of the one before, NULL for the first; the new hash is left in `hash`. */
extern void records_event(Writer *w, int64 case_id, int seq, TimestampTz at, const char *actor,
						  const char *verb, Jsonb *data, const unsigned char *previous, unsigned char *hash);

#endif
