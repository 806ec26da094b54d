/*
 * returns.c
 *	  A lead that says the case is not its: request, review, ruling.
 *
 * Domain notes 4, rows 8 to 10: only the lead, with a reason, soon after the
 * offer and before it has arrived.  The centre decides.  The second return of
 * one case is decided by a joint meeting, whose ruling binds the same kind of
 * matter in the same area until its review date.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/names.h"
#include "casework/clocks.h"
#include "casework/redecide.h"
#include "casework/redirect.h"
#include "casework/verbs.h"

PG_FUNCTION_INFO_V1(triage_request_return);
PG_FUNCTION_INFO_V1(triage_decide_return);
PG_FUNCTION_INFO_V1(triage_release_assist);

/* A meeting has ruled that this department does this kind of thing here. */
static void
check_ruling(Act *act, const Assignment *lead)
{
	static KeptPlan plan = {
		.sql =
			"SELECT r.case_id, r.review_on::text FROM triage.rulings r WHERE r.case_type = $1 AND r.area = $2"
			" AND r.department = $3 AND r.review_on > $4::date LIMIT 1",
		.nargs = 4,
		.types = {TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}};
	Datum args[4] = {(Datum) 0, (Datum) 0, CStringGetTextDatum(lead->department),
					 TimestampTzGetDatum(act->now)};

	if (act->c.case_type == NULL || act->c.area == NULL)
		return;
	args[0] = CStringGetTextDatum(act->c.case_type);
	args[1] = CStringGetTextDatum(act->c.area);
	if (triage_read(&plan, args, NULL) > 0)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_STATE),
						errmsg("a ruling binds \"%s\" in case %s", lead->department, act->c.number),
						errdetail("A joint meeting decided so in case_id %lld, until %s.",
								  (long long) triage_result_int(0, 1, 0), triage_result_text(0, 2)),
						errhint("Ask the centre to review the ruling; the case is to be worked on.")));
}

static void
check_return_in_time(Act *act, const Assignment *lead)
{
	TimestampTz until = clock_limit(act, STAGE_RETURN_REQUEST, lead->offered_at);

	if (lead->arrived)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_STATE),
						errmsg("\"%s\" has arrived in case %s and cannot return it", lead->department,
							   act->c.number),
						errdetail("Who is on the scene stays until a joint meeting rules otherwise."),
						errhint("Call in the proper unit with triage.whistle(), or ask for a meeting.")));
	if (act->now > until)
		ereport(ERROR,
				(errcode(TRIAGE_ERRCODE_STATE), errmsg("it is too late to return case %s", act->c.number),
				 errdetail("A return could be asked for until %s.", timestamptz_to_str(until)),
				 errhint("Call in the proper unit with triage.whistle(), or ask for a meeting.")));
}

/* It is to go to somebody else. */
static void
check_not_itself(Act *act, const char *department, const Assignment *lead)
{
	if (department != NULL && strcmp(department, lead->department) == 0)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_STATE),
						errmsg("case %s cannot be returned to \"%s\" itself", act->c.number, department),
						errdetail("It leads the case and says that another unit should."),
						errhint("Name another department; a return that is not justified is denied.")));
}

Datum
triage_request_return(PG_FUNCTION_ARGS)
{
	Act	  act;
	char *reason = verb_need_text(fcinfo, 1, "reason");
	char *proper = text_argument(fcinfo, 2);

	act_begin_verb(&act, fcinfo, "request_return", 3);
	if (!act.repeated)
	{
		Assignment *lead = act_lead(&act);

		if (lead == NULL)
			elog(ERROR, "case %s has no lead", act.c.number);
		if (proper != NULL)
			(void) verb_department(&act, proper);
		check_not_itself(&act, proper, lead);
		check_return_in_time(&act, lead);
		check_ruling(&act, lead);
		act_set_assignment(&act, lead, "return_requested");
		act_set_status(&act, act.to_status);
		clock_start(&act, 0, STAGE_RETURN);
		verb_put_party(&act, lead);
		jb_text(&act.data, "reason", reason);
		jb_text(&act.data, "proper_department", proper);
		jb_int(&act.data, "nth", verb_count(&act, "request_return") + 1);
		verb_tell(&act, book_centre(act.book, act_area(&act)), "return_requested", "centre");
	}
	PG_RETURN_DATUM(act_end(&act));
}

/* Who was named as proper in the request that is being decided. */
static char *
proper_department(Act *act)
{
	static KeptPlan plan = {
		.sql = "SELECT e.data ->> 'proper_department' FROM triage.events e"
			   " WHERE e.case_id = $1 AND e.verb = 'request_return' ORDER BY e.seq DESC LIMIT 1",
		.nargs = 1,
		.types = {INT8OID}};
	Datum args[1] = {Int64GetDatum(act->c.case_id)};

	return triage_read(&plan, args, NULL) == 1 ? triage_result_text(0, 1) : NULL;
}

/* The decision of the meeting that was held on the present return; NULL = none was. */
static char *
meeting_decision(Act *act)
{
	static KeptPlan plan = {
		.sql = "SELECT e.data ->> 'decision' FROM triage.events e WHERE e.case_id = $1 AND e.verb = 'confer'"
			   " AND e.data ? 'decision' AND e.seq > (SELECT pg_catalog.max(r.seq) FROM triage.events r"
			   " WHERE r.case_id = $1 AND r.verb = 'request_return') ORDER BY e.seq DESC LIMIT 1",
		.nargs = 1,
		.types = {INT8OID}};
	Datum args[1] = {Int64GetDatum(act->c.case_id)};

	return triage_read(&plan, args, NULL) == 1 ? triage_result_text(0, 1) : NULL;
}

/* Kept so that the next such matter is not argued over again; `route` is a document for apply_pack(). */
static void
keep_ruling(Act *act, const char *decision)
{
	static KeptPlan plan = {
		.sql =
			"INSERT INTO triage.rulings (case_id, seq, at, actor, case_type, area, department, decision, review_on, route)"
			" SELECT $1, $2, $3, $4, $5, $6, $7, $8, ($3 + interval '1 year')::date,"
			" pg_catalog.jsonb_build_object('routes', pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object("
			"'code', 'ruling.' || $1::text, 'case_type', $5, 'area', $6, 'precedence', 10, 'zh', $8, 'en', $8)),"
			" 'route_parties', pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object("
			"'route', 'ruling.' || $1::text, 'seq', 1, 'department', $7, 'duty', 'lead')))",
		.nargs = 8,
		.types = {INT8OID, INT4OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}};
	Datum args[8];

	if (act->c.case_type == NULL || act->c.area == NULL)
		return;
	args[0] = Int64GetDatum(act->c.case_id);
	args[1] = Int32GetDatum(act->at.event_seq + 1);
	args[2] = TimestampTzGetDatum(act->now);
	args[3] = CStringGetTextDatum(act->actor);
	args[4] = CStringGetTextDatum(act->c.case_type);
	args[5] = CStringGetTextDatum(act->c.area);
	args[6] = CStringGetTextDatum(act->c.lead);
	args[7] = CStringGetTextDatum(decision);
	triage_run(&plan, args, NULL, SPI_OK_INSERT);
}

Datum
triage_decide_return(PG_FUNCTION_ARGS)
{
	Act	  act;
	char *department = text_argument(fcinfo, 2);

	need_argument(fcinfo, 1, "approve");
	act_begin_verb(&act, fcinfo, "decide_return", 3);
	if (!act.repeated)
	{
		bool		approve = PG_GETARG_BOOL(1);
		Assignment *lead = act_lead(&act);
		int			nth = verb_count(&act, "request_return");
		char	   *decision = meeting_decision(&act);

		if (lead == NULL)
			elog(ERROR, "case %s has no lead", act.c.number);
		if (nth >= 2 && decision == NULL)
			ereport(ERROR, (errcode(TRIAGE_ERRCODE_STATE),
							errmsg("case %s was returned before: a joint meeting decides", act.c.number),
							errdetail("This is return number %d.", nth),
							errhint("Hold it with triage.confer(), giving the decision, then decide.")));
		if (department == NULL)
			department = proper_department(&act);
		if (approve)
			check_not_itself(&act, department, lead);
		act_stop_clocks(&act, "return", 0, act.now, false);
		jb_bool(&act.data, "approve", approve);
		jb_text(&act.data, "was_department", lead->department);
		jb_int(&act.data, "assignment", lead->seq);
		if (approve)
			reroute(&act, department, lead->department);
		else
		{
			act_set_assignment(&act, lead, "accepted");
			act_stop_clocks(&act, "accept", lead->seq, act.now, false);
			act_stop_clocks(&act, "hand_over", lead->seq, act.now, false);
			act_set_status(&act, "accepted");
			verb_tell(&act, verb_department(&act, lead->department), "return_denied", "lead");
		}
		if (decision != NULL)
			keep_ruling(&act, decision);
	}
	PG_RETURN_DATUM(act_end(&act));
}

Datum
triage_release_assist(PG_FUNCTION_ARGS)
{
	Act	  act;
	char *code = text_argument(fcinfo, 1);
	char *reason = verb_need_text(fcinfo, 2, "reason");

	need_argument(fcinfo, 1, "department");
	act_begin_verb(&act, fcinfo, "release_assist", 3);
	if (!act.repeated)
	{
		Assignment *found = NULL;

		for (int i = 0; i < act.nassignments; i++)
		{
			Assignment *a = &act.assignments[i];

			if (a->live && strcmp(a->department, code) == 0 && strcmp(a->duty, "lead") != 0)
				found = a;
		}
		if (found == NULL)
			ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN),
							errmsg("department \"%s\" does not assist in case %s", code, act.c.number),
							errdetail("Its part has ended, it leads, or it never had one."),
							errhint("triage.chain(%lld) lists who takes part.", (long long) act.c.case_id)));
		withdraw_party(&act, found, reason);
		verb_put_party(&act, found);
		jb_text(&act.data, "reason", reason);
	}
	PG_RETURN_DATUM(act_end(&act));
}
