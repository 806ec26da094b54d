/*
 * ending.c
 *	  Review, return call, reopening, voiding.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/names.h"
#include "casework/clocks.h"
#include "casework/redecide.h"
#include "casework/tasks.h"
#include "casework/verbs.h"

PG_FUNCTION_INFO_V1(triage_review);
PG_FUNCTION_INFO_V1(triage_call_back);
PG_FUNCTION_INFO_V1(triage_reopen);
PG_FUNCTION_INFO_V1(triage_void_case);

/* ---- review ---- */

Datum
triage_review(PG_FUNCTION_ARGS)
{
	static const char *const faults[] = {"stage_only", "too_brief", "wrong", NULL};
	Act						 act;
	bool					 pass;
	char					*fault = NULL;

	need_argument(fcinfo, 1, "pass");
	pass = PG_GETARG_BOOL(1);
	if (!pass)
		fault = verb_word(fcinfo, 2, "fault", faults);
	act_begin_verb(&act, fcinfo, "review", 3);
	if (!act.repeated)
	{
		Assignment *lead = act_lead(&act);

		verb_check_independent(&act);
		act_stop_clocks(&act, "review", 0, act.now, false);
		jb_bool(&act.data, "pass", pass);
		jb_text(&act.data, "fault", fault);
		jb_text(&act.data, "department", act.c.lead);
		if (pass)
		{
			act_set_status(&act, "callback");
			clock_start(&act, 0, STAGE_CALL_BACK);
		}
		else
		{
			act_set_status(&act, "in_progress");
			clock_start(&act, lead ? lead->seq : 0, STAGE_REDO);
			if (lead != NULL)
				verb_tell(&act, verb_department(&act, lead->department), "sent_back", "lead");
		}
	}
	PG_RETURN_DATUM(act_end(&act));
}

/* ---- return call ---- */

static void
record_call(Act *act, const char *result, const char *body)
{
	static KeptPlan plan = {.sql = "INSERT INTO triage.callbacks (case_id, seq, at, actor, result, body)"
								   " SELECT $1, coalesce(pg_catalog.max(b.seq), 0) + 1, $2, $3, $4, $5"
								   " FROM triage.callbacks b WHERE b.case_id = $1",
							.nargs = 5,
							.types = {INT8OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID}};
	Datum			args[5] = {Int64GetDatum(act->c.case_id), TimestampTzGetDatum(act->happened),
							   CStringGetTextDatum(act->actor), CStringGetTextDatum(result),
					   body ? CStringGetTextDatum(body) : (Datum) 0};

	triage_run(&plan, args, body ? NULL : "    n", SPI_OK_INSERT);
}

/* Three tries on two days are enough (D); the case is then closed as not reached, never as satisfied. */
static bool
tried_enough(Act *act)
{
	static KeptPlan plan = {
		.sql =
			"SELECT pg_catalog.count(*), pg_catalog.count(DISTINCT (b.at AT TIME ZONE coalesce($2, 'UTC'))::date)"
			" FROM triage.callbacks b WHERE b.case_id = $1 AND b.result = 'unreachable'"
			" AND b.at >= coalesce((SELECT pg_catalog.max(e.at) FROM triage.events e WHERE e.case_id = $1"
			" AND e.verb = 'review'), '-infinity')",
		.nargs = 2,
		.types = {INT8OID, TEXTOID}};
	const Calendar *local = act->book->local_calendar;
	Datum			args[2] = {Int64GetDatum(act->c.case_id),
					   local ? CStringGetTextDatum(pg_get_timezone_name(local->zone)) : (Datum) 0};

	return triage_run(&plan, args, local ? NULL : " n", SPI_OK_SELECT) == 1 &&
		   triage_result_int(0, 1, 0) >= 3 && triage_result_int(0, 2, 0) >= 2;
}

static void
close_after_call(Act *act, const char *result)
{
	char	 *outcome = NULL;
	char	 *body = verb_last_result(act, &outcome);
	JsonBuild b = {0};

	act_stop_clocks(act, "call_back", 0, act->happened, false);
	verb_end_case(act, "closed", act->now);
	act_inform_channels(act, "result", body, outcome);
	tasks_follow_up(act, outcome);
	jb_object(&b, NULL);
	jb_text(&b, "outcome", outcome);
	jb_text(&b, "return_call", result);
	jb_end_object(&b);
	act_event(act, "close_case", jb_finish(&b));
}

/* The lead handles it a second time, with limits from now on. */
static void
handle_again(Act *act)
{
	char *lead = act->c.lead ? pstrdup(act->c.lead) : NULL;

	for (int i = 0; i < act->nassignments; i++)
		if (act->assignments[i].live)
			act_set_assignment(act, &act->assignments[i], "done");
	act_stop_clocks(act, NULL, -1, act->now, true);
	redispatch(act, lead, NULL, 0);
}

Datum
triage_call_back(PG_FUNCTION_ARGS)
{
	static const char *const results[] = {"satisfied", "dissatisfied", "unreachable", NULL};
	Act						 act;
	char					*result = verb_word(fcinfo, 1, "result", results);
	char					*body = text_argument(fcinfo, 2);

	act_begin_verb(&act, fcinfo, "call_back", 3);
	if (!act.repeated)
	{
		verb_check_independent(&act);
		record_call(&act, result, body);
		jb_text(&act.data, "result", result);
		jb_text(&act.data, "body", body);
		if (strcmp(result, "satisfied") == 0)
			close_after_call(&act, result);
		else if (strcmp(result, "unreachable") == 0)
		{
			if (tried_enough(&act))
				close_after_call(&act, "not_reached");
		}
		else
		{
			act_stop_clocks(&act, "call_back", 0, act.happened, false);
			/* once by itself; after that a second person decides */
			if (verb_count(&act, "second_handling") == 0)
			{
				JsonBuild b = {0};

				jb_object(&b, NULL);
				jb_text(&b, "department", act.c.lead);
				jb_text(&b, "because", "dissatisfied");
				jb_end_object(&b);
				act_event(&act, "second_handling", jb_finish(&b));
				handle_again(&act);
			}
			else
				clock_start(&act, 0, STAGE_REVIEW);
		}
	}
	PG_RETURN_DATUM(act_end(&act));
}

/* ---- reopening ---- */

#define REOPEN_DAYS 30

Datum
triage_reopen(PG_FUNCTION_ARGS)
{
	Act	  act;
	char *reason = verb_need_text(fcinfo, 1, "reason");

	act_begin_verb(&act, fcinfo, "reopen", 2);
	if (!act.repeated)
	{
		TimestampTz closed = case_isnull(&act.row, act.att, CASE_CLOSED_AT)
								 ? act.now
								 : DatumGetTimestampTz(case_value(&act.row, act.att, CASE_CLOSED_AT));
		int			nth = verb_count(&act, "reopen") + 1;

		if (act.now > closed + REOPEN_DAYS * USECS_PER_DAY)
			ereport(ERROR, (errcode(TRIAGE_ERRCODE_STATE),
							errmsg("case %s was closed more than %d days ago", act.c.number, REOPEN_DAYS),
							errdetail("It was closed at %s.", timestamptz_to_str(closed)),
							errhint("Report the matter anew; triage.link_case() ties the two together.")));
		case_set_null(&act.row, act.att, CASE_CLOSED_AT);
		jb_text(&act.data, "reason", reason);
		jb_int(&act.data, "nth", nth);
		handle_again(&act);
		/* the third time a leader takes charge (包案) */
		if (nth >= 3)
		{
			Department *centre = book_centre(act.book, act_area(&act));
			Department *leader = book_superior(act.book, centre, act_area(&act));

			jb_text(&act.data, "leader", leader ? leader->code : centre->code);
			verb_tell(&act, leader ? leader : centre, "take_charge", NULL);
		}
	}
	PG_RETURN_DATUM(act_end(&act));
}

/* ---- voiding ---- */

/* Who asked for it before; NULL = nobody. */
static char *
asked_before(Act *act)
{
	static KeptPlan plan = {.sql = "SELECT e.actor FROM triage.events e WHERE e.case_id = $1"
								   " AND e.verb = 'void_requested' ORDER BY e.seq DESC LIMIT 1",
							.nargs = 1,
							.types = {INT8OID}};
	Datum			args[1] = {Int64GetDatum(act->c.case_id)};

	return triage_read(&plan, args, NULL) == 1 ? triage_result_text(0, 1) : NULL;
}

Datum
triage_void_case(PG_FUNCTION_ARGS)
{
	static const char *const reasons[] = {"prank", "test", "mistake", "withdrawn", NULL};
	Act						 act;
	char					*reason = verb_word(fcinfo, 1, "reason", reasons);

	act_begin_verb(&act, fcinfo, "void_case", 2);
	if (!act.repeated)
	{
		char *before = act.c.danger ? asked_before(&act) : NULL;

		jb_text(&act.data, "reason", reason);
		if (before != NULL && strcmp(before, act.actor) == 0)
			ereport(ERROR,
					(errcode(TRIAGE_ERRCODE_RIGHTS),
					 errmsg("case %s is dangerous: a second person voids it", act.c.number),
					 errdetail("You asked for it yourself."), errhint("Have a colleague look at it.")));
		if (act.c.danger && before == NULL)
			act.verb = "void_requested";
		else
			verb_end_case(&act, "void", act.now);
	}
	PG_RETURN_DATUM(act_end(&act));
}
