/*
 * records.c
 *	  The rows that follow from a decision.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/json.h"
#include "casework/contact.h"
#include "casework/history.h"
#include "casework/outbox.h"
#include "casework/records.h"
#include "casework/wake.h"

void
records_event(Writer *w, int64 case_id, int seq, TimestampTz at, const char *actor, const char *verb,
			  Jsonb *data, const unsigned char *previous, unsigned char *hash)
{
	Row row;

	history_hash(previous, case_id, seq, at, actor, verb, data, hash);
	row_init(&row);
	row_int64(&row, EVT_CASE_ID, case_id);
	row_int(&row, EVT_SEQ, seq);
	row_time(&row, EVT_AT, at);
	row_text(&row, EVT_ACTOR, actor);
	row_text(&row, EVT_VERB, verb);
	row_set(&row, EVT_DATA, JsonbPGetDatum(data));
	row_bytes(&row, EVT_HASH, hash, HISTORY_HASH_LEN);
	writer_put(w, TO_EVENTS, &row);
}

/* policy = NULL: nothing but the limit itself is known */
static void
put_clock(Writer *w, const Book *book, const TimedPart *t, int clock_id, Stage stage, const Policy *policy,
		  const ClockLimit *limit, TimestampTz start)
{
	Row row;

	row_init(&row);
	row_int64(&row, CLK_CASE_ID, t->case_id);
	row_int(&row, CLK_CLOCK_ID, clock_id);
	if (t->assignment_seq > 0)
		row_int(&row, CLK_ASSIGNMENT_SEQ, t->assignment_seq);
	row_text(&row, CLK_STAGE, stage_names[stage]);
	row_text(&row, CLK_STATE, "running");
	row_text(&row, CLK_POLICY, policy ? policy->code : "given");
	row_int64(&row, CLK_POLICY_VERSION, book->version);
	if (policy != NULL && policy->unit >= UNIT_WORK_HOUR && policy->calendar != NULL)
	{
		row_text(&row, CLK_CALENDAR, policy->calendar->code);
		row_int(&row, CLK_CALENDAR_VERSION, policy->calendar->version);
	}
	row_int(&row, CLK_AMOUNT, policy ? policy->amount : (limit->due_at - start) / USECS_PER_MINUTE);
	row_text(&row, CLK_UNIT, unit_names[policy ? policy->unit : UNIT_MIN]);
	row_text(&row, CLK_LADDER, policy && policy->ladder ? policy->ladder->code : NULL);
	row_int(&row, CLK_NEXT_STEP, limit->next_step);
	row_int(&row, CLK_OCCURRENCE, 0);
	row_time(&row, CLK_STARTED_AT, start);
	row_time(&row, CLK_DUE_AT, limit->due_at);
	row_time(&row, CLK_NEXT_STEP_AT, limit->next_step_at);
	writer_put(w, TO_CLOCKS, &row);
	wake_timekeeper_at_commit(limit->next_step_at);
}

static TimestampTz
note_started(Counters *at, int assignment_seq, Stage stage, TimestampTz due)
{
	Started *s;

	if (stage == STAGE_RESOLVE)
		at->resolve_due = due;
	at->latest_due = Max(at->latest_due, due);
	if (at->list_joined)
	{
		s = palloc(sizeof(Started));
		*s = (Started){assignment_seq, due};
		at->started = lappend(at->started, s);
	}
	return due;
}

TimestampTz
records_clock(Writer *w, Book *book, const TimedPart *t, Counters *at, Stage stage, TimestampTz start)
{
	Policy	  *policy = policy_for(book, t->type, stage, t->priority, t->danger, t->area, start);
	ClockLimit limit;

	if (policy == NULL)
		return DT_NOEND;
	limit_start(policy, start, &limit);
	put_clock(w, book, t, ++at->clock_id, stage, policy, &limit, start);
	return note_started(at, t->assignment_seq, stage, limit.due_at);
}

/* When a clock of that stage would be due. */
static TimestampTz
would_be_due(Book *book, const TimedPart *t, Stage stage, TimestampTz start)
{
	Policy	  *policy = policy_for(book, t->type, stage, t->priority, t->danger, t->area, start);
	ClockLimit limit;

	if (policy == NULL)
		return DT_NOEND;
	limit_start(policy, start, &limit);
	return limit.due_at;
}

void
records_clock_until(Writer *w, Book *book, const TimedPart *t, Counters *at, Stage stage, TimestampTz start,
					TimestampTz due)
{
	Policy		 *policy = policy_for(book, t->type, stage, t->priority, t->danger, t->area, start);
	ClockLimit	  limit = {.policy = policy, .due_at = due, .next_step = 0, .next_step_at = DT_NOEND};
	MemoryContext old = MemoryContextSwitchTo(writer_context(w));

	if (policy != NULL && policy->ladder != NULL && policy->ladder->nsteps > 0)
		limit.next_step_at = ladder_step_at(&policy->ladder->steps[0], start, due,
											policy->unit >= UNIT_WORK_HOUR ? policy->calendar : NULL);
	put_clock(w, book, t, ++at->clock_id, stage, policy, &limit, start);
	note_started(at, t->assignment_seq, stage, due);
	MemoryContextSwitchTo(old);
}

static void
list_joined(Counters *at, int seq, const Department *department, Duty duty, int parent_seq, TimestampTz due)
{
	Joined *j = palloc(sizeof(Joined));

	*j = (Joined){seq, parent_seq, department->code, duty, due};
	at->joined = lappend(at->joined, j);
}

static void
put_assignment(Writer *w, int64 case_id, Counters *at, const Department *department, Duty duty,
			   int parent_seq, TimestampTz now, TimestampTz due)
{
	int seq = ++at->assignment_seq;
	Row row;

	if (at->list_joined)
		list_joined(at, seq, department, duty, parent_seq, due);

	row_init(&row);
	row_int64(&row, ASG_CASE_ID, case_id);
	row_int(&row, ASG_SEQ, seq);
	row_text(&row, ASG_DEPARTMENT, department->code);
	row_text(&row, ASG_DUTY, duty_names[duty]);
	if (parent_seq > 0)
		row_int(&row, ASG_PARENT_SEQ, parent_seq);
	row_text(&row, ASG_STATUS, "offered");
	row_time(&row, ASG_OFFERED_AT, now);
	row_time(&row, ASG_DUE_AT, due);
	writer_put(w, TO_ASSIGNMENTS, &row);
}

static inline TimestampTz
earlier(TimestampTz a, TimestampTz b)
{
	return Min(a, b);
}

/* The assignment of a party and the clocks it runs under. */
static void
put_party(Writer *w, Book *book, const CaseFacts *c, const CaseType *type, const Area *area,
		  const Party *party, int parent_seq, TimestampTz now, Counters *at)
{
	TimedPart	timed = {.case_id = c->case_id,
						 .assignment_seq = at->assignment_seq + 1,
						 .type = type,
						 .area = area,
						 .priority = c->priority,
						 .danger = c->danger};
	TimestampTz due = party->duty == DUTY_LEAD && at->case_due != 0 ? at->case_due : DT_NOEND;
	Stage		stage = STAGE_ASSIST;

	if (party->duty == DUTY_LEAD)
	{
		at->lead_seq = timed.assignment_seq;
		due = earlier(due, records_clock(w, book, &timed, at, STAGE_ACCEPT, now));
		stage = STAGE_FEEDBACK;
	}
	else if (party->duty == DUTY_ON_SCENE || party->duty == DUTY_BACKUP)
		stage = STAGE_ARRIVE;
	if (party->duty != DUTY_AGENT)
		due = earlier(due, records_clock(w, book, &timed, at, stage, now));
	put_assignment(w, c->case_id, at, party->department, party->duty, parent_seq, now, due);
}

void
records_party(Writer *w, Book *book, const CaseFacts *c, const CaseType *type, const Area *area,
			  Department *department, Duty duty, int parent_seq, TimestampTz now, Counters *at, int event_seq)
{
	MemoryContext old = MemoryContextSwitchTo(writer_context(w));
	Party		  party = {department, duty};

	put_party(w, book, c, type, area, &party, parent_seq, now, at);
	outbox_put(w, book, c, event_seq, now,
			   &(Notice){.endpoint = department->endpoint,
						 .type = "assigned",
						 .department = department->code,
						 .duty = duty_names[duty]});
	MemoryContextSwitchTo(old);
}

/* An endpoint that serves several of the parties is told once, of all of them. */
static void
tell_parties(Writer *w, Book *book, const CaseFacts *c, const Decision *d, TimestampTz now, int event_seq)
{
	for (int i = 0; i < d->nparties; i++)
	{
		const Department *unit = d->parties[i].department;
		bool			  told = unit->endpoint == NULL;

		for (int j = 0; j < i && !told; j++)
			told = d->parties[j].department->endpoint != NULL &&
				   strcmp(d->parties[j].department->endpoint, unit->endpoint) == 0;
		if (!told)
			outbox_put(w, book, c, event_seq, now,
					   &(Notice){.endpoint = unit->endpoint,
								 .type = "assigned",
								 .department = unit->code,
								 .duty = duty_names[d->parties[i].duty],
								 .together = d});
	}
}

/* The part of the decision's first party, or the case as a whole. */
static TimedPart
timed_by(const CaseFacts *c, const Decision *d, int assignment_seq)
{
	return (TimedPart){.case_id = c->case_id,
					   .assignment_seq = assignment_seq,
					   .type = d->type,
					   .area = d->area,
					   .priority = d->priority,
					   .danger = d->danger};
}

void
records_dispatch(Writer *w, Book *book, const CaseFacts *c, const Decision *d, TimestampTz now,
				 int parent_seq, Counters *at, int event_seq)
{
	MemoryContext old = MemoryContextSwitchTo(writer_context(w));
	int			  lead_seq = at->assignment_seq + 1;
	/* where somebody must go and no team is named, the lead goes */
	bool	  must_go = d->type != NULL && d->type->scene;
	TimedPart lead = timed_by(c, d, lead_seq);
	TimedPart whole = timed_by(c, d, 0);

	at->case_due = would_be_due(book, &whole, STAGE_RESOLVE, now);
	for (int i = 0; i < d->nparties; i++)
		must_go &= d->parties[i].duty != DUTY_ON_SCENE;
	if (must_go)
		at->case_due = earlier(at->case_due, would_be_due(book, &lead, STAGE_ARRIVE, now));
	/* all take part at the lead's call; the lead itself at that of whoever dispatched */
	for (int i = 0; i < d->nparties; i++)
		put_party(w, book, c, d->type, d->area, &d->parties[i], i == 0 ? parent_seq : lead_seq, now, at);
	if (must_go)
		records_clock(w, book, &lead, at, STAGE_ARRIVE, now);
	records_clock(w, book, &whole, at, STAGE_RESOLVE, now);
	tell_parties(w, book, c, d, now, event_seq);
	MemoryContextSwitchTo(old);
}

void
records_triage(Writer *w, Book *book, const CaseFacts *c, const Decision *d, TimestampTz now, int parent_seq,
			   Counters *at, int event_seq)
{
	MemoryContext old = MemoryContextSwitchTo(writer_context(w));
	Department	 *centre = d->parties[0].department;
	TimedPart	  timed = timed_by(c, d, at->assignment_seq + 1);
	TimestampTz	  due;

	due = records_clock(w, book, &timed, at, STAGE_TRIAGE, now);
	if (d->verdict == VERDICT_SILENT)
		due = earlier(due, records_clock(w, book, &timed, at, STAGE_RING_BACK, now));
	put_assignment(w, c->case_id, at, centre, DUTY_LEAD, parent_seq, now, due);
	for (int i = 0; i < d->nparties; i++)
		outbox_put(w, book, c, event_seq, now,
				   &(Notice){.endpoint = d->parties[i].department->endpoint,
							 .type = "triage",
							 .department = d->parties[i].department->code,
							 .duty = duty_names[d->parties[i].duty]});
	MemoryContextSwitchTo(old);
}

void
records_decision(Writer *w, Book *book, int64 case_id, int seq, const Report *r, const Decision *d,
				 TimestampTz now)
{
	Row row;

	row_init(&row);
	row_int64(&row, DEC_CASE_ID, case_id);
	row_int(&row, DEC_SEQ, seq);
	row_time(&row, DEC_AT, now);
	row_int64(&row, DEC_VERSION, book->version);
	row_bytes(&row, DEC_DIGEST, book->digest, sizeof(book->digest));
	row_text(&row, DEC_ROUTE, d->route ? d->route->code : NULL);
	row_text(&row, DEC_CASE_TYPE, d->type ? d->type->code : NULL);
	row_set(&row, DEC_FACTS, JsonbPGetDatum(decision_facts(book, r, d)));
	row_set(&row, DEC_CANDIDATES, JsonbPGetDatum(decision_candidates(d)));
	row_text(&row, DEC_REASON, decision_reason(d));
	writer_put(w, TO_DECISIONS, &row);
}

void
records_personal(Row *row, const char *reporter, const char *contact, const char *body, char *hex)
{
	unsigned char key[PERSONAL_KEY_LEN];

	if (!pg_strong_random(key, sizeof(key)))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate a random key")));
	row_bytes(row, SRC_DIGEST_KEY, key, sizeof(key));
	history_personal(key, reporter, contact, body, hex);
}

/* The first report; its digest is left in personal. */
static void
put_source(Writer *w, const CaseFacts *c, const Channel *channel, const unsigned char *token, char *personal)
{
	Row row;

	row_init(&row);
	row_int64(&row, SRC_CASE_ID, c->case_id);
	row_int(&row, SRC_SEQ, 1);
	row_text(&row, SRC_CHANNEL, c->channel);
	row_text(&row, SRC_EXTERNAL_REF, c->external_ref);
	row_text(&row, SRC_REPORTER, c->reporter);
	row_text(&row, SRC_CONTACT, c->contact);
	row_contact_key(&row, c->contact, c->channel, channel->kind == CHANNEL_SENSOR ? c->reporter : NULL);
	row_set(&row, SRC_CONFIDENTIAL, BoolGetDatum(c->confidential));
	row_time(&row, SRC_REPORTED_AT, c->reported_at);
	/* the first report's words stand in the case itself */
	if (token != NULL)
		row_bytes(&row, SRC_TOKEN, token, HISTORY_HASH_LEN);
	records_personal(&row, c->reporter, c->contact, c->body, personal);
	writer_put(w, TO_SOURCES, &row);
}

/* Who takes part beside the lead: assignments 2, 3 ... at the call of the first. */
static void
put_parties(JsonBuild *b, const Decision *d)
{
	jb_array(b, "parts");
	for (int i = 1; i < d->nparties; i++)
	{
		jb_object(b, NULL);
		jb_text(b, "duty", duty_names[d->parties[i].duty]);
		jb_text(b, "department", d->parties[i].department->code);
		jb_end_object(b);
	}
	jb_end_array(b);
}

static Jsonb *
report_event_data(const CaseFacts *c, const Decision *d, const char *personal)
{
	JsonBuild b = {0};

	/* in the order in which jsonb keeps keys, shorter first: sorting what is sorted costs nothing */
	jb_object(&b, NULL);
	jb_text(&b, "area", c->area);
	jb_text(&b, "lead", c->lead);
	if (d->dispatched && d->nparties > 1)
		put_parties(&b, d);
	jb_text(&b, "route", d->route ? d->route->code : NULL);
	jb_bool(&b, "danger", c->danger);
	jb_text(&b, "nature", c->nature);
	jb_text(&b, "status", c->status);
	jb_text(&b, "channel", c->channel);
	jb_text(&b, "verdict", verdict_names[d->verdict]);
	jb_text(&b, "personal", personal);
	jb_int(&b, "priority", c->priority);
	jb_text(&b, "case_type", c->case_type);
	jb_text(&b, "route_error", d->route_error);
	jb_end_object(&b);
	return jb_finish(&b);
}

TimestampTz
records_new_case(Writer *w, Book *book, const CaseFacts *c, const Report *r, const Decision *d,
				 TimestampTz now, const char *actor, const unsigned char *token)
{
	MemoryContext old = MemoryContextSwitchTo(writer_context(w));
	Counters	  at = {.event_seq = 1, .decision_seq = 1};
	unsigned char hash[HISTORY_HASH_LEN];
	char		  personal[PERSONAL_HEX_LEN + 1];

	put_source(w, c, r->channel, token, personal);
	records_decision(w, book, c->case_id, 1, r, d, now);
	if (d->dispatched)
		records_dispatch(w, book, c, d, now, 0, &at, at.event_seq);
	else
		records_triage(w, book, c, d, now, 0, &at, at.event_seq);
	records_event(w, c->case_id, at.event_seq, now, actor, "report", report_event_data(c, d, personal), NULL,
				  hash);
	MemoryContextSwitchTo(old);
	return at.resolve_due != 0 ? at.resolve_due : at.latest_due;
}
