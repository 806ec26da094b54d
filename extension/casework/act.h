/*
 * act.h
 *	  The one door: every change of a case after its intake.
 *
 * act_begin() locks the case, checks that the actor may see it, that the verb
 * is legal in its state and that the actor may do it.  The verb's own code
 * then changes the row in memory and writes rows; act_end() appends the
 * event, writes the case back and returns the row.  Lock order is case,
 * assignment, clock, outbox.
 */
#ifndef TRIAGE_CASEWORK_ACT_H
#define TRIAGE_CASEWORK_ACT_H

#include "base/json.h"
#include "base/spi.h"
#include "casework/caserow.h"
#include "casework/history.h"

typedef struct Assignment
{
	int			seq;
	int			parent_seq; /* 0 = none */
	const char *department;
	const char *duty;
	const char *status;
	bool		live; /* neither done nor withdrawn */
	bool		accepted;
	bool		arrived;
	TimestampTz offered_at;
	TimestampTz due_at;		/* of its row; DT_NOEND = none */
	const char *was_status; /* when the act began */
	const char *was_duty;
	bool		was_accepted;
} Assignment;

typedef struct Clock
{
	int			clock_id;
	int			assignment_seq; /* 0 = the case's own */
	const char *stage;
	const char *calendar; /* NULL = elapsed time */
	int			calendar_version;
	int64		policy_version;
	const char *colour; /* NULL = none yet */
	TimestampTz started_at;
	TimestampTz due_at;
	TimestampTz runs_since; /* start of the segment it is in: the clock's own, or when it was resumed */
	int			segment;	/* its number, from 1 */
	bool		running;
} Clock;

typedef struct Act
{
	const char	 *verb;
	const char	 *note;
	MemoryContext caller; /* where results must live */
	OwnerSwitch	  owner;
	Book		 *book;
	Writer		 *w;
	TimestampTz	  now;
	TimestampTz	  happened; /* in the field; = now unless the caller says otherwise */
	const char	 *actor;

	CaseRow			  row;
	const AttrNumber *att;
	CaseFacts		  c;
	Counters		  at;
	unsigned char	  last_hash[HISTORY_HASH_LEN];
	const char		 *outcome;

	int			nassignments;
	Assignment *assignments;
	int			nclocks;
	Clock	   *clocks; /* those that run */

	/* what change.c compares with */
	Datum was[12];
	bool  was_null[12];

	/* the last event of the act, which waits to hear what the act changed */
	const char *pending_verb; /* NULL = none */
	Jsonb	   *pending_data;

	/* from the transition table */
	const char *to_status; /* NULL = stays */
	const char *duty;	   /* who may */

	bool	  repeated; /* this request was carried out before: nothing to do */
	bool	  another;	/* the case says something else now: it is to be signed anew */
	bool	  quiet;	/* the events it appended itself say all */
	JsonBuild data;		/* the event's data, an open object */
} Act;

/* NULL arguments that must not be: TR003 with the argument's name. */
extern void need_argument(FunctionCallInfo fcinfo, int arg, const char *name);
/* TR003, in the same words for what does not exist and what the actor may not see. */
extern void	 act_no_such_case(int64 case_id);
extern char *text_argument(FunctionCallInfo fcinfo, int arg); /* NULL for null or missing */

/* Words that the verb cannot do without: TR005 when they are null, blank or too long. */
extern char *need_body(FunctionCallInfo fcinfo, int arg, const char *verb);

/* act_begin() with case_id as argument 0 and the note as argument note_arg */
extern void act_begin_verb(Act *act, FunctionCallInfo fcinfo, const char *verb, int note_arg);

/* verb = NULL-terminated name in triage.transitions; "step" and other inner verbs need no transition */
extern void act_begin(Act *act, const char *verb, int64 case_id, const char *note);
extern void act_begin_inner(Act *act, const char *verb, int64 case_id);
extern bool act_try_begin_inner(Act *act, const char *verb, int64 case_id); /* false: locked or gone */
/* Append the event, write the case back, finish; the row as a composite datum in the caller's context. */
extern Datum act_end(Act *act);
extern void	 act_end_inner(Act *act);
extern void	 act_leave_inner(Act *act); /* nothing was changed: only let go */

/* Once more, after a statement of the act's own has set some running. */
extern void act_read_clocks(Act *act);

/* The calendar by which a clock runs; NULL for elapsed time. */
extern Calendar *act_calendar(const Act *act, const Clock *k);

/*
 * Stop running clocks of a stage (NULL = any) and assignment (0 = the case's
 * own, -1 = any).  Met or missed by `at`; cancelled when the matter fell away.
 */
extern void act_stop_clocks(Act *act, const char *stage, int assignment_seq, TimestampTz at, bool cancelled);

/*
 * The stretch of time a clock ran or was paused, measured now, so that later
 * calendars do not judge it again.
 */
extern void
act_put_segment(Act *act, const Clock *k, const char *state, int segment, TimestampTz start, TimestampTz end);

/* The row's columns */
extern void act_set_status(Act *act, const char *status);
extern void act_set_lead(Act *act, const char *department);

/*
 * A further event of the same act, before the verb's own.  It counts at once;
 * the last one of an act is written when the act ends, with what it changed.
 */
extern void act_event(Act *act, const char *verb, Jsonb *data);

/* Called at the end of every act, as owner and connected to SPI, after the case is written; NULL = nobody asks. */
extern void (*act_changed_hook)(const Act *act);

extern Area		*act_area(const Act *act);
extern CaseType *act_type(const Act *act);

/* ---- parties.c ---- */

/*
 * The party that acts: by department code, or, for NULL, the actor's only
 * one in this case.  With want_duty the party with that duty is preferred.
 */
extern Assignment *act_party(Act *act, const char *department, const char *want_duty);
extern Assignment *act_lead(Act *act);
/* The part that a department has and has not ended; NULL when it takes no part. */
extern Assignment *act_part(const Act *act, const char *department);
/* Has it a part, or was it offered one by this very act? */
extern bool act_takes_part(const Act *act, const char *department);

/* What waited at the centre goes on: its clocks stop, its part ends.  Returns the centre's part, 0 = none. */
extern int act_leave_triage(Act *act);

/*
 * Change an assignment's status and stamp the time that belongs to it.  Clocks
 * that stop with it are best stopped before: its next deadline is written with it.
 */
extern void act_set_assignment(Act *act, Assignment *a, const char *status);

/* One result to every channel that contributed, for each reference it knows the matter by; an event for each. */
extern void act_inform_channels(Act *act, const char *type, const char *body, const char *outcome);

#endif
