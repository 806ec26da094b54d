/*
 * calls.c
 *	  Calling others: whistles, joint meetings, the level above, other systems.
 *
 * A whistle (吹哨) calls a unit that owes an answer.  The first goes to the
 * unit itself, the second to the unit above it, the third to the centre; each
 * only after the one before was answered or timed out (domain notes 2 and 4).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/names.h"
#include "casework/clocks.h"
#include "casework/outbox.h"
#include "casework/redecide.h"
#include "casework/rights.h"
#include "casework/tasks.h"
#include "casework/verbs.h"
#include "rulebook/duty.h"

PG_FUNCTION_INFO_V1(triage_whistle);
PG_FUNCTION_INFO_V1(triage_answer_whistle);
PG_FUNCTION_INFO_V1(triage_confer);
PG_FUNCTION_INFO_V1(triage_escalate);
PG_FUNCTION_INFO_V1(triage_hand_over);
PG_FUNCTION_INFO_V1(triage_take_back);

#define MAX_CALLED 20
#define LAST_RANK  3

/* Codes of an array argument, each known and named once; TR003 for null, none or too many. */
static int
departments_argument(Act *act, FunctionCallInfo fcinfo, int arg, const char *name, Department **found)
{
	Datum *items;
	bool  *nulls;
	int	   n;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(arg), TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &n);
	if (n == 0 || n > MAX_CALLED)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN),
						errmsg("argument \"%s\" must name 1 to %d departments", name, MAX_CALLED),
						errdetail("It names %d.", n), errhint("List department codes.")));
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("argument \"%s\" must not contain null", name),
					 errdetail("Element %d is null.", i + 1), errhint("List department codes.")));
		found[i] = verb_department(act, TextDatumGetCString(items[i]));
		for (int j = 0; j < i; j++)
			if (found[j] == found[i])
				ereport(ERROR,
						(errcode(TRIAGE_ERRCODE_UNKNOWN),
						 errmsg("argument \"%s\" names department \"%s\" twice", name, found[i]->code),
						 errdetail("Each is called once at a time."), errhint("Name each department once.")));
	}
	return n;
}

/* ---- whistles ---- */

typedef struct Whistle
{
	int	  rank; /* of the last one for this unit, 0 = none yet */
	char *unit; /* who was called then */
} Whistle;

static Whistle
last_whistle(Act *act, const char *department)
{
	static KeptPlan plan = {
		.sql =
			"SELECT (x.call ->> 'rank')::int, x.call ->> 'called' FROM triage.events e,"
			" pg_catalog.jsonb_array_elements(e.data -> 'calls') x(call)"
			" WHERE e.case_id = $1 AND e.verb = 'whistle' AND x.call ->> 'for' = $2 ORDER BY e.seq DESC LIMIT 1",
		.nargs = 2,
		.types = {INT8OID, TEXTOID}};
	Datum	args[2] = {Int64GetDatum(act->c.case_id), CStringGetTextDatum(department)};
	Whistle w = {0, NULL};

	if (triage_read(&plan, args, NULL) == 1)
	{
		w.rank = triage_result_int(0, 1, 0);
		w.unit = triage_result_text(0, 2);
	}
	return w;
}

static void
check_rank(Act *act, const Department *d, const Whistle *last)
{
	Assignment *a = last->unit ? act_part(act, last->unit) : NULL;
	Clock	   *k = a ? clock_running(act, "whistle", a->seq) : NULL;

	if (k != NULL && k->due_at > act->now)
		ereport(ERROR,
				(errcode(TRIAGE_ERRCODE_STATE),
				 errmsg("\"%s\" has been called in case %s and has time to answer", d->code, act->c.number),
				 errdetail("Whistle %d is due at %s.", last->rank, timestamptz_to_str(k->due_at)),
				 errhint("Wait for the answer, or whistle again when it is late.")));
	if (last->rank >= LAST_RANK)
		ereport(ERROR,
				(errcode(TRIAGE_ERRCODE_STATE),
				 errmsg("\"%s\" has been called %d times in case %s", d->code, LAST_RANK, act->c.number),
				 errdetail("The third whistle went to the governance centre: there is none after it."),
				 errhint("Take it further with triage.escalate() or triage.confer().")));
}

/* The unit that owes the answer at this rank. */
static Department *
debtor(Act *act, Department *d, int rank)
{
	Area	   *area = act_area(act);
	Department *above = rank > 1 ? book_superior(act->book, d, area) : NULL;

	if (rank == 1)
		return d;
	if (rank == 2 && above != NULL)
		return above;
	return book_centre(act->book, area);
}

/* The unit takes part from now on, if it did not, and answers by `due`. */
static int
call_unit(Act *act, Department *unit, TimestampTz due)
{
	Assignment *a = act_part(act, unit->code);
	int			seq = a ? a->seq : 0;
	Assignment *caller = act_lead(act);

	if (a == NULL)
	{
		records_party(act->w, act->book, &act->c, act_type(act), act_area(act), unit, DUTY_ASSIST,
					  caller ? caller->seq : 0, act->now, &act->at, act->at.event_seq + 1);
		seq = act->at.assignment_seq;
	}
	else
	{
		act_stop_clocks(act, "whistle", seq, act->now, false);
		verb_tell(act, unit, "whistle", a->duty);
	}
	if (TIMESTAMP_IS_NOEND(due))
		clock_start(act, seq, STAGE_WHISTLE);
	else
		clock_start_until(act, seq, STAGE_WHISTLE, due);
	return seq;
}

/* Until when an answer is due: as asked, 24 hours for a unit above, else the policy's (DT_NOEND). */
static TimestampTz
answer_due(Act *act, FunctionCallInfo fcinfo, int arg, int rank)
{
	Interval *within = PG_ARGISNULL(arg) ? NULL : PG_GETARG_INTERVAL_P(arg);
	int64	  us;

	if (within == NULL)
		return rank > 1 ? act->now + 24 * USECS_PER_HOUR : DT_NOEND;
	us = within->time + within->day * USECS_PER_DAY + (int64) within->month * DAYS_PER_MONTH * USECS_PER_DAY;
	if (us <= 0 || us > 30 * USECS_PER_DAY)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT),
						errmsg("argument \"within\" must lie between 0 and 30 days"),
						errdetail("An answer is owed within that time."),
						errhint("Leave it out for the limit of the policy.")));
	return act->now + us;
}

Datum
triage_whistle(PG_FUNCTION_ARGS)
{
	Act			act;
	char	   *reason = verb_need_text(fcinfo, 2, "reason");
	Department *called[MAX_CALLED];
	Department *units[MAX_CALLED];
	Whistle		last[MAX_CALLED];
	int			seqs[MAX_CALLED];
	int			n;

	need_argument(fcinfo, 1, "departments");
	act_begin_verb(&act, fcinfo, "whistle", 4);
	if (!act.repeated)
	{
		n = departments_argument(&act, fcinfo, 1, "departments", called);
		for (int i = 0; i < n; i++)
		{
			last[i] = last_whistle(&act, called[i]->code);
			check_rank(&act, called[i], &last[i]);
			units[i] = debtor(&act, called[i], last[i].rank + 1);
		}
		jb_text(&act.data, "reason", reason);
		jb_array(&act.data, "calls");
		for (int i = 0; i < n; i++)
		{
			int rank = last[i].rank + 1;
			int same = 0;

			/* two departments may have one unit above them: it is called once */
			while (units[same] != units[i])
				same++;
			seqs[i] = same < i ? seqs[same] : call_unit(&act, units[i], answer_due(&act, fcinfo, 3, rank));
			jb_object(&act.data, NULL);
			jb_text(&act.data, "for", called[i]->code);
			jb_text(&act.data, "called", units[i]->code);
			jb_int(&act.data, "rank", rank);
			jb_int(&act.data, "assignment", seqs[i]);
			jb_end_object(&act.data);
		}
		jb_end_array(&act.data);
	}
	PG_RETURN_DATUM(act_end(&act));
}

Datum
triage_answer_whistle(PG_FUNCTION_ARGS)
{
	Act	  act;
	char *department = text_argument(fcinfo, 1);
	char *body = text_argument(fcinfo, 2);

	need_argument(fcinfo, 1, "department");
	act_begin_verb(&act, fcinfo, "answer_whistle", 3);
	if (!act.repeated)
	{
		Assignment *a = act_party(&act, department, NULL);
		Clock	   *k = clock_running(&act, "whistle", a->seq);

		if (k == NULL)
			ereport(ERROR,
					(errcode(TRIAGE_ERRCODE_STATE),
					 errmsg("nobody waits for an answer of \"%s\" in case %s", a->department, act.c.number),
					 errdetail("It was not called, or has answered."),
					 errhint(
						 "triage.clocks lists what runs; triage.feed_back() reports without being asked.")));
		verb_put_party(&act, a);
		jb_bool(&act.data, "in_time", k != NULL && act.happened <= k->due_at);
		act_stop_clocks(&act, "whistle", a->seq, act.happened, false);
		verb_accept_for(&act, a);
		jb_text(&act.data, "body", body);
	}
	PG_RETURN_DATUM(act_end(&act));
}

/* ---- joint meetings ---- */

/* A decision with a due time is a task for each department. */
static void
open_decided(Act *act, Department **present, int n, const char *decision, TimestampTz due_at)
{
	jb_array(&act->data, "tasks");
	for (int i = 0; i < n; i++)
		jb_int(&act->data, NULL,
			   task_open(act, &(Task){.kind = "task",
									  .link = "part_of",
									  .department = present[i],
									  .body = decision,
									  .due_at = due_at}));
	jb_end_array(&act->data);
}

/* The department whose turn it is to take the chair at the centre; where none takes turns, the centre. */
static Department *
chair_on_turn(Act *act, Department *centre)
{
	OnDuty		turn;
	Department *d = NULL;

	if (duty_find(act->book, centre, act->now, true, &turn, 1) == 1)
		d = book_department(act->book, turn.shift->team, strlen(turn.shift->team));
	return d != NULL ? d : centre;
}

Datum
triage_confer(PG_FUNCTION_ARGS)
{
	Act			act;
	char	   *decision = text_argument(fcinfo, 2);
	Department *present[MAX_CALLED];
	int			n;

	need_argument(fcinfo, 1, "departments");
	act_begin_verb(&act, fcinfo, "confer", 4);
	if (!act.repeated)
	{
		Department *chair = chair_on_turn(&act, book_centre(act.book, act_area(&act)));

		n = departments_argument(&act, fcinfo, 1, "departments", present);
		if (decision != NULL)
			decision = verb_need_text(fcinfo, 2, "decision");
		if (!PG_ARGISNULL(3) && (decision == NULL || PG_GETARG_TIMESTAMPTZ(3) <= act.now))
			ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT), errmsg("argument \"due_at\" does not fit"),
							errdetail("It must lie in the future and belongs to a decision."),
							errhint("Give the decision with it, or leave it out.")));
		jb_text(&act.data, "chair", chair->code);
		jb_array(&act.data, "departments");
		for (int i = 0; i < n; i++)
			jb_text(&act.data, NULL, present[i]->code);
		jb_end_array(&act.data);
		jb_text(&act.data, "decision", decision);
		if (!PG_ARGISNULL(3))
			jb_time(&act.data, "due_at", PG_GETARG_TIMESTAMPTZ(3));
		if (!PG_ARGISNULL(3))
			open_decided(&act, present, n, decision, PG_GETARG_TIMESTAMPTZ(3));
		for (int i = 0; i < n; i++)
			verb_tell(&act, present[i], "confer", NULL);
	}
	PG_RETURN_DATUM(act_end(&act));
}

/* ---- the level above ---- */

static const char *const levels[] = {"grid_3",	   "grid_2",		 "grid_1", "town",
									 "department", "county_meeting", "leader", NULL};

static int
level_by_name(const char *name)
{
	for (int i = 0; levels[i] != NULL; i++)
		if (strcmp(levels[i], name) == 0)
			return i;
	return 0;
}

/* Where the case stands: as the last escalation left it, else by the kind of its lead. */
static int
present_level(Act *act)
{
	static KeptPlan plan = {
		.sql =
			"SELECT coalesce((SELECT e.data ->> 'to_level' FROM triage.events e WHERE e.case_id = $1"
			" AND e.verb = 'escalate' ORDER BY e.seq DESC LIMIT 1), (SELECT CASE"
			" WHEN d.level IN ('village', 'social', 'grid') THEN 'grid_3' WHEN d.level = 'town' THEN 'town'"
			" ELSE 'department' END FROM triage.departments d WHERE d.code = $2))",
		.nargs = 2,
		.types = {INT8OID, TEXTOID}};
	Datum args[2] = {Int64GetDatum(act->c.case_id), CStringGetTextDatum(act->c.lead ? act->c.lead : "")};
	char *name = triage_read(&plan, args, NULL) == 1 ? triage_result_text(0, 1) : NULL;

	return name ? level_by_name(name) : 0;
}

/* Who leads at a level; NULL = the lead stays (another rank of the same grid). */
static Department *
unit_of_level(Act *act, int level)
{
	Area	   *area = act_area(act);
	Department *lead = act->c.lead ? book_department(act->book, act->c.lead, strlen(act->c.lead)) : NULL;
	Department *centre = book_centre(act->book, area);
	Department *above;

	if (strcmp(levels[level], "town") == 0)
		return book_unit(act->book, "TOWN", area);
	if (strcmp(levels[level], "department") == 0)
	{
		above = lead ? book_superior(act->book, lead, area) : NULL;
		return above ? above : centre;
	}
	if (strcmp(levels[level], "county_meeting") == 0)
		return centre;
	if (strcmp(levels[level], "leader") == 0)
	{
		above = book_superior(act->book, centre, area);
		return above ? above : centre;
	}
	return NULL;
}

Datum
triage_escalate(PG_FUNCTION_ARGS)
{
	Act	  act;
	char *reason = verb_need_text(fcinfo, 1, "reason");

	act_begin_verb(&act, fcinfo, "escalate", 2);
	if (!act.repeated)
	{
		int			level = present_level(&act);
		const char *was = act.c.lead;
		Department *unit;

		if (levels[level + 1] == NULL)
			ereport(ERROR, (errcode(TRIAGE_ERRCODE_STATE),
							errmsg("case %s is with the leader: there is no level above", act.c.number),
							errdetail("It was escalated through every level."),
							errhint("A leader decides; hold a meeting with triage.confer().")));
		unit = unit_of_level(&act, level + 1);
		jb_text(&act.data, "from_level", levels[level]);
		jb_text(&act.data, "to_level", levels[level + 1]);
		jb_text(&act.data, "was_department", was);
		jb_text(&act.data, "reason", reason);
		if (unit != NULL && (was == NULL || strcmp(unit->code, was) != 0))
			reroute(&act, unit->code, NULL);
		else
			verb_tell(&act, unit ? unit : was ? verb_department(&act, was) : NULL, "escalated", "lead");
	}
	PG_RETURN_DATUM(act_end(&act));
}

/* ---- other systems ---- */

/* The unit behind a channel: its department by code, or by kind for the case's area. */
static Department *
unit_of_channel(Act *act, const Channel *channel)
{
	Department *d = NULL;
	Area	   *area = act_area(act) ? act_area(act) : act->book->root_area;

	if (channel->department != NULL)
	{
		d = book_department(act->book, channel->department, strlen(channel->department));
		if (d == NULL)
			d = book_unit(act->book, channel->department, area);
	}
	if (d == NULL)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN),
						errmsg("channel \"%s\" has no department to hand a case over to", channel->code),
						errdetail("Its department is not set, or none of that kind serves the case's area."),
						errhint("Set triage.channels.department.")));
	return d;
}

/* Back to whom the rules name; where that is who has it, to the centre. */
static void
take_from(Act *act, const char *was)
{
	Report	 report;
	Decision d;

	report_of_case(act, &report);
	decide(act->book, &report, &d);
	if (d.dispatched && strcmp(d.parties[0].department->code, was) != 0)
		reroute(act, NULL, was);
	else
		reroute(act, book_centre(act->book, act_area(act))->code, NULL);
}

Datum
triage_hand_over(PG_FUNCTION_ARGS)
{
	Act	  act;
	char *code = text_argument(fcinfo, 1);
	char *reason = verb_need_text(fcinfo, 2, "reason");

	need_argument(fcinfo, 1, "channel");
	act_begin_verb(&act, fcinfo, "hand_over", 3);
	if (!act.repeated)
	{
		Channel	   *channel = book_channel(act.book, code, strlen(code));
		Department *to;

		if (channel == NULL)
			ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("channel \"%s\" does not exist", code),
							errdetail("There is no active row with this code in triage.channels."),
							errhint("Use a code listed in triage.channels.")));
		to = unit_of_channel(&act, channel);
		if (act.c.lead != NULL && strcmp(act.c.lead, to->code) == 0)
			ereport(ERROR, (errcode(TRIAGE_ERRCODE_STATE),
							errmsg("case %s lies with \"%s\" already", act.c.number, to->code),
							errdetail("That is whom channel \"%s\" would hand it over to.", channel->code),
							errhint("triage.chain(%lld) lists who takes part.", (long long) act.c.case_id)));
		jb_text(&act.data, "channel", channel->code);
		jb_text(&act.data, "reason", reason);
		jb_text(&act.data, "was_department", act.c.lead);
		if (strcmp(act.c.status, "triage") == 0)
			redispatch(&act, to->code, NULL, act_leave_triage(&act));
		else
			reroute(&act, to->code, NULL);
		/* the lead's part is the one just offered */
		clock_start(&act, act.at.lead_seq, STAGE_HAND_OVER);
		if (channel->endpoint != NULL &&
			(to->endpoint == NULL || strcmp(channel->endpoint, to->endpoint) != 0))
			outbox_put(act.w, act.book, &act.c, act.at.event_seq, act.now,
					   &(Notice){.endpoint = channel->endpoint,
								 .type = "handed_over",
								 .department = to->code});
	}
	PG_RETURN_DATUM(act_end(&act));
}

Datum
triage_take_back(PG_FUNCTION_ARGS)
{
	Act	  act;
	char *reason = verb_need_text(fcinfo, 1, "reason");

	act_begin_verb(&act, fcinfo, "take_back", 2);
	if (!act.repeated)
	{
		char *was = pstrdup(act.c.lead ? act.c.lead : "");

		if (verb_count(&act, "hand_over") <= verb_count(&act, "take_back"))
			ereport(ERROR,
					(errcode(TRIAGE_ERRCODE_STATE), errmsg("case %s has not been handed over", act.c.number),
					 errdetail("There is nothing to take back, or it came back already."),
					 errhint("triage.transfer() and triage.dispatch() move cases between departments.")));
		jb_text(&act.data, "reason", reason);
		jb_text(&act.data, "was_department", was);
		take_from(&act, was);
	}
	PG_RETURN_DATUM(act_end(&act));
}
