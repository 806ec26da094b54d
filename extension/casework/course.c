/*
 * course.c
 *	  What happened to one case in a period: aggregates over its events and
 *	  its clocks.
 *
 * kpi() goes through millions of events; one state filled in one go costs a
 * fraction of some twenty aggregates with a filter each.  Which formulas are
 * made of it is said in sql/42_kpi.sql.
 *
 * The order of the events does not matter: everything kept is a first, a last
 * or a count.  What happened at another time than it was recorded says so in
 * happened_at; that is the time that counts, except for the report and the
 * decision.  Only the lead's (or, of arrivals, anybody's but the backup's)
 * deeds count; events of before there were duties are the lead's.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(triage_course_step);
PG_FUNCTION_INFO_V1(triage_course_final);
PG_FUNCTION_INFO_V1(triage_limits_step);
PG_FUNCTION_INFO_V1(triage_limits_final);

/* seq of the last event of a kind, 0 = none; times DT_NOEND = never */
typedef struct Course
{
	bool		called; /* the report is of the period */
	TimestampTz called_at;
	Datum		report;	  /* data of its event */
	int			decision; /* the first event of the period that decides */
	TimestampTz decided_at;
	Datum		decided_by; /* its verb and data */
	Datum		decided;
	TimestampTz accepted, arrived, fed_back, resolved; /* first */
	int			settled, unsettled;					   /* resolved so; otherwise, reopened or sent back */
	int			closed, reopened;
	int			merged, unmerged;
	int			suspended, resumed;
	TimestampTz suspended_at;
	TimestampTz first_due; /* the limit before the first extension */
	int64		transfers, steps;
	bool		voided, told, backup;
} Course;

/* columns of triage.case_course */
enum
{
	CO_CALLED_AT,
	CO_REPORT,
	CO_DECISION,
	CO_DECIDED_AT,
	CO_DECIDED_BY,
	CO_DECIDED,
	CO_ACCEPTED,
	CO_ARRIVED,
	CO_FED_BACK,
	CO_RESOLVED,
	CO_SETTLED,
	CO_CLOSED,
	CO_REOPENED,
	CO_MERGED,
	CO_VOID,
	CO_TOLD,
	CO_BACKUP,
	CO_TRANSFERS,
	CO_STEPS,
	CO_SUSPENDED,
	CO_FIRST_DUE,
	CO_COUNT
};

/* An event as it comes in. */
typedef struct Seen
{
	int			  seq;
	TimestampTz	  at;
	text		 *verb;
	Datum		  data;
	Jsonb		 *read; /* data unpacked, once somebody asks for it */
	MemoryContext keep; /* where the state lives; the current context is of this event alone */
} Seen;

static bool
has_key(Seen *e, const char *key, JsonbValue *v)
{
	if (e->read == NULL)
		e->read = DatumGetJsonbP(e->data);
	return JB_ROOT_IS_OBJECT(e->read) &&
		   getKeyJsonValueFromContainer(&e->read->root, key, strlen(key), v) != NULL;
}

/* A key with a value that is not null. */
static bool
get(Seen *e, const char *key, JsonbValue *v)
{
	return has_key(e, key, v) && v->type != jbvNull;
}

static Datum
kept(const Seen *e, Datum value)
{
	MemoryContext old = MemoryContextSwitchTo(e->keep);
	Datum		  copy = datumCopy(value, false, -1);

	MemoryContextSwitchTo(old);
	return copy;
}

/* Is data->>key this word?  Of texts and booleans. */
static bool
is(Seen *e, const char *key, const char *word, bool if_missing)
{
	JsonbValue v;

	if (!get(e, key, &v))
		return if_missing;
	if (v.type == jbvBool)
		return strcmp(word, v.val.boolean ? "true" : "false") == 0;
	return v.type == jbvString && v.val.string.len == (int) strlen(word) &&
		   memcmp(v.val.string.val, word, v.val.string.len) == 0;
}

static bool
by_lead(Seen *e)
{
	return is(e, "duty", "lead", true);
}

static TimestampTz
time_of(Seen *e, const char *key, TimestampTz if_missing)
{
	JsonbValue v;
	char	  *text;

	if (!get(e, key, &v) || v.type != jbvString)
		return if_missing;
	text = pnstrdup(v.val.string.val, v.val.string.len);
	return DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(text),
												   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

static TimestampTz
happened(Seen *e)
{
	return time_of(e, "happened_at", e->at);
}

static void
first(TimestampTz *kept, TimestampTz t)
{
	*kept = Min(*kept, t);
}

static void
last(int *kept, int seq)
{
	*kept = Max(*kept, seq);
}

static void
on_report(Course *c, Seen *e)
{
	c->called = true;
	c->called_at = e->at;
	c->report = kept(e, e->data);
}

static void
on_decision(Course *c, Seen *e)
{
	if (c->decision != 0 && c->decision <= e->seq)
		return;
	if (c->decision != 0)
	{
		pfree(DatumGetPointer(c->decided));
		pfree(DatumGetPointer(c->decided_by));
	}
	c->decision = e->seq;
	c->decided_at = e->at;
	c->decided_by = kept(e, PointerGetDatum(e->verb));
	c->decided = kept(e, e->data);
}

static void
on_accept(Course *c, Seen *e)
{
	if (by_lead(e))
		first(&c->accepted, happened(e));
}

/* The lead that arrives has accepted; police backup is not who was to come. */
static void
on_arrive(Course *c, Seen *e)
{
	if (by_lead(e))
		first(&c->accepted, happened(e));
	if (!is(e, "duty", "backup", false))
		first(&c->arrived, happened(e));
}

static void
on_feed_back(Course *c, Seen *e)
{
	if (by_lead(e))
		first(&c->fed_back, happened(e));
}

static void
on_resolve(Course *c, Seen *e)
{
	last(is(e, "settled", "true", false) ? &c->settled : &c->unsettled, e->seq);
	first(&c->fed_back, happened(e));
	first(&c->resolved, happened(e));
}

static void
on_inform(Course *c, Seen *e)
{
	c->told = true;
}

static void
on_close(Course *c, Seen *e)
{
	last(&c->closed, e->seq);
}

static void
on_step(Course *c, Seen *e)
{
	c->steps++;
}

static void
on_reopen(Course *c, Seen *e)
{
	last(&c->reopened, e->seq);
	last(&c->unsettled, e->seq);
}

/* Sent back: what was resolved is not. */
static void
on_review(Course *c, Seen *e)
{
	if (is(e, "pass", "false", false))
		last(&c->unsettled, e->seq);
}

/* The case that goes says into which; the one that stays has an event too. */
static void
on_merge(Course *c, Seen *e)
{
	JsonbValue v;

	if (has_key(e, "into_case", &v))
		last(&c->merged, e->seq);
}

static void
on_unmerge(Course *c, Seen *e)
{
	last(&c->unmerged, e->seq);
}

static void
on_void(Course *c, Seen *e)
{
	c->voided = true;
}

static void
on_backup(Course *c, Seen *e)
{
	c->backup = true;
}

static void
on_transfer(Course *c, Seen *e)
{
	c->transfers++;
}

static void
on_suspend(Course *c, Seen *e)
{
	last(&c->suspended, e->seq);
	c->suspended_at = Max(c->suspended_at, e->at);
}

static void
on_resume(Course *c, Seen *e)
{
	last(&c->resumed, e->seq);
}

static void
on_extension(Course *c, Seen *e)
{
	first(&c->first_due, time_of(e, "was_due_at", DT_NOEND));
}

/* most frequent first */
static const struct
{
	const char *verb;
	void (*note)(Course *, Seen *);
} verbs[] = {
	{"accept", on_accept},		{"arrive", on_arrive},		  {"feed_back", on_feed_back},
	{"resolve", on_resolve},	{"inform", on_inform},		  {"close_case", on_close},
	{"step", on_step},			{"dispatch", on_decision},	  {"answer", on_decision},
	{"hand_over", on_decision}, {"to_police", on_decision},	  {"reopen", on_reopen},
	{"review", on_review},		{"merge", on_merge},		  {"unmerge", on_unmerge},
	{"void_case", on_void},		{"police_backup", on_backup}, {"transfer", on_transfer},
	{"suspend", on_suspend},	{"resume", on_resume},		  {"decide_extension", on_extension},
};

static bool
is_word(const text *t, const char *word)
{
	int len = VARSIZE_ANY_EXHDR(t);

	return strncmp(word, VARDATA_ANY(t), len) == 0 && word[len] == '\0';
}

static void
note(Course *c, Seen *e)
{
	if (e->seq == 1)
	{
		on_report(c, e);
		return;
	}
	for (int i = 0; i < (int) lengthof(verbs); i++)
		if (is_word(e->verb, verbs[i].verb))
		{
			verbs[i].note(c, e);
			return;
		}
}

static Course *
new_course(MemoryContext context)
{
	Course *c = MemoryContextAllocZero(context, sizeof(Course));

	c->accepted = c->arrived = c->fed_back = c->resolved = c->first_due = DT_NOEND;
	c->suspended_at = DT_NOBEGIN;
	return c;
}

/* (state, seq, at, verb, data): the columns of an event, none of them null. */
Datum
triage_course_step(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	Course		 *c;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "triage_course_step called outside of an aggregate");
	c = PG_ARGISNULL(0) ? new_course(context) : (Course *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2) && !PG_ARGISNULL(3) && !PG_ARGISNULL(4))
	{
		Seen e = {.seq = PG_GETARG_INT32(1),
				  .at = PG_GETARG_TIMESTAMPTZ(2),
				  .verb = PG_GETARG_TEXT_PP(3),
				  .data = PG_GETARG_DATUM(4),
				  .keep = context};

		note(c, &e);
	}
	PG_RETURN_POINTER(c);
}

static void
put(Datum *values, bool *nulls, int column, Datum value, bool isnull)
{
	values[column] = value;
	nulls[column] = isnull;
}

static void
put_time(Datum *values, bool *nulls, int column, TimestampTz t)
{
	put(values, nulls, column, TimestampTzGetDatum(t), TIMESTAMP_NOT_FINITE(t));
}

static void
put_seq(Datum *values, bool *nulls, int column, int seq)
{
	put(values, nulls, column, Int32GetDatum(seq), seq == 0);
}

static void
fill(const Course *c, Datum *values, bool *nulls)
{
	bool decided = c->decision != 0;

	memset(nulls, 0, CO_COUNT * sizeof(bool));
	put(values, nulls, CO_CALLED_AT, TimestampTzGetDatum(c->called_at), !c->called);
	put(values, nulls, CO_REPORT, c->report, !c->called);
	put_seq(values, nulls, CO_DECISION, c->decision);
	put(values, nulls, CO_DECIDED_AT, TimestampTzGetDatum(c->decided_at), !decided);
	put(values, nulls, CO_DECIDED_BY, c->decided_by, !decided);
	put(values, nulls, CO_DECIDED, c->decided, !decided);
	put_time(values, nulls, CO_ACCEPTED, c->accepted);
	put_time(values, nulls, CO_ARRIVED, c->arrived);
	put_time(values, nulls, CO_FED_BACK, c->fed_back);
	put_time(values, nulls, CO_RESOLVED, c->resolved);
	values[CO_SETTLED] = BoolGetDatum(c->settled > c->unsettled);
	put_seq(values, nulls, CO_CLOSED, c->closed);
	put_seq(values, nulls, CO_REOPENED, c->reopened);
	values[CO_MERGED] = BoolGetDatum(c->merged > c->unmerged);
	values[CO_VOID] = BoolGetDatum(c->voided);
	values[CO_TOLD] = BoolGetDatum(c->told);
	values[CO_BACKUP] = BoolGetDatum(c->backup);
	values[CO_TRANSFERS] = Int64GetDatum(c->transfers);
	values[CO_STEPS] = Int64GetDatum(c->steps);
	put_time(values, nulls, CO_SUSPENDED, c->suspended > c->resumed ? c->suspended_at : DT_NOBEGIN);
	put_time(values, nulls, CO_FIRST_DUE, c->first_due);
}

/* A row of the aggregate's result type, whose columns are looked up once. */
static Datum
make_row(FunctionCallInfo fcinfo, int natts, Datum *values, bool *nulls)
{
	TupleDesc desc = fcinfo->flinfo->fn_extra;

	if (desc == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE || desc->natts != natts)
			elog(ERROR, "the result of an aggregate has other columns than the library");
		fcinfo->flinfo->fn_extra = desc = BlessTupleDesc(CreateTupleDescCopy(desc));
		MemoryContextSwitchTo(old);
	}
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

/* The state as a row of triage.case_course; null when the case was neither called nor decided. */
Datum
triage_course_final(PG_FUNCTION_ARGS)
{
	Course *c = PG_ARGISNULL(0) ? NULL : (Course *) PG_GETARG_POINTER(0);
	Datum	values[CO_COUNT];
	bool	nulls[CO_COUNT];

	if (c == NULL || (!c->called && c->decision == 0))
		PG_RETURN_NULL();
	fill(c, values, nulls);
	PG_RETURN_DATUM(make_row(fcinfo, CO_COUNT, values, nulls));
}

/* stages whose limits are judged, in the order of triage.case_limits */
static const char *const stages[] = {"accept", "arrive", "feedback", "resolve"};
#define NSTAGES ((int) lengthof(stages))
#define ARRIVE	1

typedef struct Limits
{
	TimestampTz due[NSTAGES]; /* earliest, DT_NOEND = none */
	bool		scene;		  /* somebody has to go */
} Limits;

/* (state, stage, due): of a clock; due is null when the limit fell away. */
Datum
triage_limits_step(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	Limits		 *l;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "triage_limits_step called outside of an aggregate");
	if (PG_ARGISNULL(0))
	{
		l = MemoryContextAllocZero(context, sizeof(Limits));
		for (int i = 0; i < NSTAGES; i++)
			l->due[i] = DT_NOEND;
	}
	else
		l = (Limits *) PG_GETARG_POINTER(0);
	for (int i = 0; !PG_ARGISNULL(1) && i < NSTAGES; i++)
		if (is_word(PG_GETARG_TEXT_PP(1), stages[i]))
		{
			l->scene |= i == ARRIVE;
			if (!PG_ARGISNULL(2))
				first(&l->due[i], PG_GETARG_TIMESTAMPTZ(2));
		}
	PG_RETURN_POINTER(l);
}

/* The state as a row of triage.case_limits. */
Datum
triage_limits_final(PG_FUNCTION_ARGS)
{
	Limits *l;
	Datum	values[NSTAGES + 1];
	bool	nulls[NSTAGES + 1] = {false};

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	l = (Limits *) PG_GETARG_POINTER(0);
	for (int i = 0; i < NSTAGES; i++)
		put_time(values, nulls, i, l->due[i]);
	values[NSTAGES] = BoolGetDatum(l->scene);
	PG_RETURN_DATUM(make_row(fcinfo, NSTAGES + 1, values, nulls));
}
