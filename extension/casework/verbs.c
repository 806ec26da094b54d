/*
 * verbs.c
 *	  The verbs of a plain case, each a few lines behind the one door.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/geo_decls.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "base/names.h"
#include "casework/act.h"
#include "casework/outbox.h"
#include "casework/redecide.h"
#include "casework/redirect.h"
#include "casework/clocks.h"
#include "casework/rights.h"
#include "casework/staff.h"
#include "casework/tasks.h"
#include "casework/verbs.h"

PG_FUNCTION_INFO_V1(triage_dispatch);
PG_FUNCTION_INFO_V1(triage_answer);
PG_FUNCTION_INFO_V1(triage_accept);
PG_FUNCTION_INFO_V1(triage_arrive);
PG_FUNCTION_INFO_V1(triage_feed_back);
PG_FUNCTION_INFO_V1(triage_finish);
PG_FUNCTION_INFO_V1(triage_resolve);
PG_FUNCTION_INFO_V1(triage_close_case);
PG_FUNCTION_INFO_V1(triage_acknowledge);
PG_FUNCTION_INFO_V1(triage_transfer);
PG_FUNCTION_INFO_V1(triage_confirm_danger);

void
verb_put_party(Act *act, const Assignment *a)
{
	jb_text(&act->data, "department", a->department);
	jb_int(&act->data, "assignment", a->seq);
	jb_text(&act->data, "duty", a->duty);
}

void
verb_accept_for(Act *act, Assignment *a)
{
	if (a->accepted)
		return;
	act_stop_clocks(act, "accept", a->seq, act->happened, false);
	/* the other side has acknowledged */
	act_stop_clocks(act, "hand_over", a->seq, act->happened, false);
	act_set_assignment(act, a, "accepted");
	if (strcmp(a->duty, "lead") == 0 && strcmp(act->c.status, "dispatched") == 0)
		act_set_status(act, "accepted");
}

Datum
triage_accept(PG_FUNCTION_ARGS)
{
	Act	  act;
	char *department = text_argument(fcinfo, 1);

	act_begin_verb(&act, fcinfo, "accept", 2);
	if (!act.repeated)
	{
		Assignment *a = act_party(&act, department, NULL);

		if (a->accepted)
			ereport(ERROR,
					(errcode(TRIAGE_ERRCODE_STATE),
					 errmsg("department \"%s\" has accepted case %s already", a->department, act.c.number),
					 errdetail("A part is accepted once."),
					 errhint("Send a repeated request with the same triage.request_id to have it ignored.")));
		verb_accept_for(&act, a);
		staff_take_lead(&act, a);
		verb_put_party(&act, a);
		staff_sign(&act, a);
	}
	PG_RETURN_DATUM(act_end(&act));
}

char *
verb_need_text(FunctionCallInfo fcinfo, int arg, const char *name)
{
	char *words;

	need_argument(fcinfo, arg, name);
	words = text_argument(fcinfo, arg);
	if (strspn(words, " \t\r\n") == strlen(words) || strlen(words) > 100000)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT), errmsg("argument \"%s\" must say something", name),
						errdetail("It is blank, or longer than 100000 bytes."),
						errhint("Give it in a sentence; it stands in the case's history.")));
	return words;
}

char *
verb_word(FunctionCallInfo fcinfo, int arg, const char *name, const char *const *words)
{
	char		  *given;
	StringInfoData list;

	need_argument(fcinfo, arg, name);
	given = text_argument(fcinfo, arg);
	initStringInfo(&list);
	for (int i = 0; words[i] != NULL; i++)
	{
		if (strcmp(words[i], given) == 0)
			return given;
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", words[i]);
	}
	ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("\"%s\" is no %s", given, name),
					errdetail("It is one of: %s.", list.data), errhint("Use one of these words.")));
	return NULL;
}

Department *
verb_department(Act *act, const char *code)
{
	Department *d = book_department(act->book, code, strlen(code));

	if (d == NULL)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("department \"%s\" does not exist", code),
						errdetail("There is no active row with this code in triage.departments."),
						errhint("Use a code listed in triage.departments.")));
	return d;
}

int
verb_count(Act *act, const char *verb)
{
	static KeptPlan plan = {
		.sql = "SELECT pg_catalog.count(*) FROM triage.events e WHERE e.case_id = $1 AND e.verb = $2",
		.nargs = 2,
		.types = {INT8OID, TEXTOID}};
	Datum args[2] = {Int64GetDatum(act->c.case_id), CStringGetTextDatum(verb)};

	return triage_read(&plan, args, NULL) == 1 ? triage_result_int(0, 1, 0) : 0;
}

void
verb_tell(Act *act, const Department *unit, const char *type, const char *duty)
{
	if (unit != NULL)
		outbox_put(
			act->w, act->book, &act->c, act->at.event_seq, act->now,
			&(Notice){.endpoint = unit->endpoint, .type = type, .department = unit->code, .duty = duty});
}

void
verb_check_independent(Act *act)
{
	if (!rights_are_open(act) && act->c.lead != NULL && rights_acts_for(act, act->c.lead))
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_RIGHTS),
						errmsg("%s of case %s is not for those who handled it", act->verb, act->c.number),
						errdetail("You act for \"%s\", which leads the case.", act->c.lead),
						errhint("Somebody of the centre who is independent of the lead does it.")));
}

/* The civil team is there: police who were called in its stead, and are not, need not come. */
static void
withdraw_backup(Act *act)
{
	for (int i = 0; i < act->nassignments; i++)
	{
		Assignment *b = &act->assignments[i];

		if (b->live && !b->arrived && strcmp(b->duty, "backup") == 0)
			withdraw_party(act, b, "the team arrived first");
	}
}

Datum
triage_arrive(PG_FUNCTION_ARGS)
{
	Act	  act;
	char *department = text_argument(fcinfo, 1);

	act_begin_verb(&act, fcinfo, "arrive", 3);
	if (!act.repeated)
	{
		Assignment *a = act_party(&act, department, "on_scene");
		bool		backup = strcmp(a->duty, "backup") == 0;
		bool		signs;

		if (a->arrived)
			ereport(ERROR,
					(errcode(TRIAGE_ERRCODE_STATE),
					 errmsg("department \"%s\" is on the scene of case %s already", a->department,
							act.c.number),
					 errdetail("A part arrives once."),
					 errhint("Send a repeated request with the same triage.request_id to have it ignored.")));
		signs = !a->accepted;
		verb_accept_for(&act, a);
		staff_take_lead(&act, a);
		act_stop_clocks(&act, "arrive", a->seq, act.happened, false);
		act_set_assignment(&act, a, "on_scene");
		act_set_status(&act, "in_progress");
		if (!backup)
			withdraw_backup(&act);
		verb_put_party(&act, a);
		if (signs)
			staff_sign(&act, a);
		if (!PG_ARGISNULL(2))
		{
			Point *p = PG_GETARG_POINT_P(2);

			jb_text(&act.data, "location", psprintf("(%.6f,%.6f)", p->x, p->y));
		}
	}
	PG_RETURN_DATUM(act_end(&act));
}

void
verb_need_accepted(Act *act, const Assignment *a)
{
	if (!a->accepted)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_STATE),
						errmsg("department \"%s\" has not accepted case %s", a->department, act->c.number),
						errdetail("Its part is %s.", a->status),
						errhint("Call triage.accept() or triage.arrive() first.")));
}

Datum
triage_feed_back(PG_FUNCTION_ARGS)
{
	Act	  act;
	char *department = text_argument(fcinfo, 1);
	char *body;

	body = need_body(fcinfo, 2, "feed_back");
	act_begin_verb(&act, fcinfo, "feed_back", 4);
	if (!act.repeated)
	{
		Assignment *a = act_party(&act, department, NULL);

		verb_need_accepted(&act, a);
		act_stop_clocks(&act, "feedback", a->seq, act.happened, false);
		act_set_status(&act, "in_progress");
		verb_put_party(&act, a);
		jb_text(&act.data, "body", body);
		if (!PG_ARGISNULL(3))
			jb_jsonb(&act.data, "attrs", PG_GETARG_JSONB_P(3));
	}
	PG_RETURN_DATUM(act_end(&act));
}

Datum
triage_finish(PG_FUNCTION_ARGS)
{
	Act	  act;
	char *department = text_argument(fcinfo, 1);
	char *body = text_argument(fcinfo, 2);

	act_begin_verb(&act, fcinfo, "finish", 3);
	if (!act.repeated)
	{
		Assignment *a = act_party(&act, department, department == NULL ? "assist" : NULL);

		if (strcmp(a->duty, "lead") == 0)
			ereport(ERROR,
					(errcode(TRIAGE_ERRCODE_STATE),
					 errmsg("the lead of case %s does not finish a part, it resolves the case", act.c.number),
					 errdetail("Only those who assist finish a part of their own."),
					 errhint("Call triage.resolve() with an outcome.")));
		/* who reports his part done has, by that, also accepted it */
		verb_accept_for(&act, a);
		act_set_assignment(&act, a, "done");
		act_stop_clocks(&act, "assist", a->seq, act.happened, false);
		/* a team that never went has not arrived by finishing */
		act_stop_clocks(&act, NULL, a->seq, act.happened, true);
		verb_put_party(&act, a);
		jb_text(&act.data, "body", body);
	}
	PG_RETURN_DATUM(act_end(&act));
}

/* Assists that have not answered, as a list; NULL when there are none. */
static char *
open_assists(Act *act)
{
	StringInfoData s;

	initStringInfo(&s);
	for (int i = 0; i < act->nassignments; i++)
	{
		Assignment *a = &act->assignments[i];

		if (a->live && (strcmp(a->duty, "assist") == 0 || strcmp(a->duty, "expert") == 0))
			appendStringInfo(&s, "%s%s", s.len > 0 ? ", " : "", a->department);
	}
	return s.len > 0 ? s.data : NULL;
}

/* Attributes that the outcome asks for and that are not given. */
static char *
missing_attributes(const Outcome *outcome, Jsonb *attrs)
{
	StringInfoData s;

	initStringInfo(&s);
	for (int i = 0; i < outcome->nrequires; i++)
	{
		JsonbValue	buf;
		JsonbValue *v = attrs == NULL ? NULL
									  : getKeyJsonValueFromContainer(&attrs->root, outcome->requires[i],
																	 strlen(outcome->requires[i]), &buf);

		if (v == NULL || v->type == jbvNull)
			appendStringInfo(&s, "%s%s", s.len > 0 ? ", " : "", outcome->requires[i]);
	}
	return s.len > 0 ? s.data : NULL;
}

static Outcome *
known_outcome(Book *book, const char *code)
{
	Outcome *outcome = book_outcome(book, code, strlen(code));

	if (outcome == NULL)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("outcome \"%s\" does not exist", code),
						errdetail("There is no active row with this code in triage.outcomes."),
						errhint("Use a code listed in triage.outcomes.")));
	return outcome;
}

static void
check_outcome(Act *act, const Outcome *outcome, Jsonb *attrs)
{
	char *list;

	if (attrs != NULL && !JB_ROOT_IS_OBJECT(attrs))
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT), errmsg("attrs must be a JSON object"),
						errdetail("The outcome's attributes are keys of it."),
						errhint("For example {\"amount\": 1000}.")));
	list = missing_attributes(outcome, attrs);
	if (list != NULL)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT),
						errmsg("outcome \"%s\" of case %s needs more", outcome->code, act->c.number),
						errdetail("Missing in attrs: %s.", list),
						errhint("Give them in attrs, for example {\"%s\": ...}.", outcome->requires[0])));
}

/* What was left of the case's work ends with it. */
static void
end_assignments(Act *act)
{
	for (int i = 0; i < act->nassignments; i++)
	{
		Assignment *a = &act->assignments[i];

		if (a->live)
			act_set_assignment(act, a, a->accepted ? "done" : "withdrawn");
	}
}

void
verb_sign_report(Act *act)
{
	static KeptPlan plan = {
		.sql =
			"SELECT triage.personal_digest(s.digest_key, c.reporter, c.contact, c.body) FROM triage.cases c"
			" JOIN triage.case_sources s ON s.case_id = c.case_id AND s.seq = 1 WHERE c.case_id = $1",
		.nargs = 1,
		.types = {INT8OID}};
	Datum args[1] = {Int64GetDatum(act->c.case_id)};

	CommandCounterIncrement();
	if (triage_read(&plan, args, NULL) == 1)
		jb_text(&act->data, "personal", triage_result_text(0, 1));
}

/* "We have contacted the units concerned" is no result. */
static void
check_says_something(Act *act, const char *body)
{
	static KeptPlan plan = {.sql = "SELECT triage.stock_only($1)", .nargs = 1, .types = {TEXTOID}};
	Datum			args[1] = {CStringGetTextDatum(body)};
	char		   *phrases = triage_read(&plan, args, NULL) == 1 ? triage_result_text(0, 1) : NULL;

	if (phrases != NULL)
		ereport(ERROR,
				(errcode(TRIAGE_ERRCODE_CONTENT), errmsg("the result of case %s says nothing", act->c.number),
				 errdetail("Beside stock phrases hardly anything stands in it: %s.", phrases),
				 errhint("Say who did what, when, and with what result.")));
}

Datum
triage_resolve(PG_FUNCTION_ARGS)
{
	Act	   act;
	char  *outcome_code;
	char  *body;
	Jsonb *attrs = PG_ARGISNULL(3) ? NULL : PG_GETARG_JSONB_P(3);

	need_argument(fcinfo, 1, "outcome");
	outcome_code = text_argument(fcinfo, 1);
	body = need_body(fcinfo, 2, "resolve");
	act_begin_verb(&act, fcinfo, "resolve", 4);
	if (!act.repeated)
	{
		Outcome	   *outcome = known_outcome(act.book, outcome_code);
		Assignment *lead = act_lead(&act);
		char	   *open = open_assists(&act);

		check_outcome(&act, outcome, attrs);
		check_says_something(&act, body);
		if (lead == NULL)
			elog(ERROR, "case %s has no lead", act.c.number);
		verb_need_accepted(&act, lead);
		if (open != NULL)
			ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT),
							errmsg("case %s cannot be resolved while assists are open", act.c.number),
							errdetail("Not finished: %s.", open),
							errhint("Each of them calls triage.finish() for its part.")));
		act_stop_clocks(&act, "feedback", lead->seq, act.happened, false);
		act_stop_clocks(&act, "resolve", 0, act.happened, false);
		act_stop_clocks(&act, "redo", lead->seq, act.happened, false);
		/* who has not come need not come any more */
		act_stop_clocks(&act, NULL, -1, act.happened, true);
		act_set_status(&act, act.to_status);
		act.outcome = outcome->code;
		verb_put_party(&act, lead);
		jb_text(&act.data, "outcome", outcome->code);
		jb_bool(&act.data, "settled", outcome->settled);
		jb_text(&act.data, "body", body);
		if (attrs != NULL)
			jb_jsonb(&act.data, "attrs", attrs);
		clock_start(&act, 0, STAGE_REVIEW);
	}
	PG_RETURN_DATUM(act_end(&act));
}

void
verb_end_case(Act *act, const char *status, TimestampTz at)
{
	end_assignments(act);
	act_stop_clocks(act, NULL, -1, at, true);
	act_set_status(act, status);
	case_set(&act->row, act->att, CASE_CLOSED_AT, TimestampTzGetDatum(act->now));
}

char *
verb_last_result(Act *act, char **outcome)
{
	static KeptPlan plan = {
		.sql =
			"SELECT e.data ->> 'body', e.data ->> 'outcome'"
			" FROM triage.events e WHERE e.case_id = $1 AND e.verb IN ('resolve', 'answer') ORDER BY e.seq DESC LIMIT 1",
		.nargs = 1,
		.types = {INT8OID}};
	Datum args[1] = {Int64GetDatum(act->c.case_id)};

	if (triage_read(&plan, args, NULL) != 1)
		return NULL;
	*outcome = triage_result_text(0, 2);
	return triage_result_text(0, 1);
}

/*
 * From review the centre may close at once: that is its review, and the event
 * says that no return call was made.  Once the call is due it is made or
 * excused in words, and a dissatisfied citizen's case is closed only by a
 * second person, with a reason.
 */
static void
check_return_call(Act *act)
{
	/* of an earlier round the answer says nothing */
	static KeptPlan plan = {
		.sql = "SELECT e.data ->> 'result', e.actor FROM triage.events e WHERE e.case_id = $1"
			   " AND e.verb = 'call_back' AND e.seq > (SELECT pg_catalog.max(r.seq) FROM triage.events r"
			   " WHERE r.case_id = $1 AND r.verb = 'review') ORDER BY e.seq DESC LIMIT 1",
		.nargs = 1,
		.types = {INT8OID}};
	Datum	  args[1] = {Int64GetDatum(act->c.case_id)};
	CaseType *type = act_type(act);
	bool	  is_due = strcmp(act->c.status, "callback") == 0;
	char	 *result = is_due && triage_read(&plan, args, NULL) == 1 ? triage_result_text(0, 1) : NULL;

	if (result != NULL && strcmp(result, "dissatisfied") == 0)
	{
		char *by = triage_result_text(0, 2);

		if (act->note == NULL || by == NULL || strcmp(by, act->actor) == 0)
			ereport(
				ERROR,
				(errcode(TRIAGE_ERRCODE_CONTENT),
				 errmsg("the citizen of case %s is not satisfied", act->c.number),
				 errdetail(
					 "Only somebody else than who made the return call may close it, with a note that says why."),
				 errhint("Reopen the case, or have a second person close it.")));
	}
	if (result == NULL && is_due && act->note == NULL)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT),
						errmsg("nobody has called the citizen of case %s back", act->c.number),
						errdetail("The return call is due and was not made."),
						errhint("Call with triage.call_back(), or give a note that says why nobody need.")));
	if (result == NULL && (is_due || (type != NULL && type->callback == CALLBACK_REQUIRED)))
		jb_text(&act->data, "return_call", "not made");
}

Datum
triage_close_case(PG_FUNCTION_ARGS)
{
	Act act;

	act_begin_verb(&act, fcinfo, "close_case", 1);
	if (!act.repeated)
	{
		char *outcome = NULL;
		char *body = verb_last_result(&act, &outcome);

		if (body == NULL)
			ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT),
							errmsg("case %s cannot be closed without the lead's result", act.c.number),
							errdetail("No event \"resolve\" or \"answer\" stands in its history."),
							errhint("The lead calls triage.resolve() first.")));
		check_return_call(&act);
		act_stop_clocks(&act, "review", 0, act.now, false);
		verb_end_case(&act, "closed", act.now);
		act_inform_channels(&act, "result", body, outcome);
		tasks_follow_up(&act, outcome);
		jb_text(&act.data, "outcome", outcome);
	}
	PG_RETURN_DATUM(act_end(&act));
}

Datum
triage_answer(PG_FUNCTION_ARGS)
{
	Act	  act;
	char *body = need_body(fcinfo, 1, "answer");

	act_begin_verb(&act, fcinfo, "answer", 2);
	if (!act.repeated)
	{
		act_stop_clocks(&act, "triage", -1, act.now, false);
		act_stop_clocks(&act, "ring_back", -1, act.now, false);
		verb_end_case(&act, "closed", act.now);
		act.outcome = "answered";
		act_inform_channels(&act, "result", body, "answered");
		jb_text(&act.data, "outcome", "answered");
		jb_text(&act.data, "body", body);
	}
	PG_RETURN_DATUM(act_end(&act));
}

Datum
triage_dispatch(PG_FUNCTION_ARGS)
{
	Act		   act;
	char	  *department = text_argument(fcinfo, 1);
	ArrayType *assists = PG_ARGISNULL(2) ? NULL : PG_GETARG_ARRAYTYPE_P(2);

	act_begin_verb(&act, fcinfo, "dispatch", 3);
	if (!act.repeated)
	{
		int centre_seq = act_leave_triage(&act);

		if (centre_seq > 0)
			jb_int(&act.data, "assignment", centre_seq);
		redispatch(&act, department, assists, centre_seq);
	}
	PG_RETURN_DATUM(act_end(&act));
}

Datum
triage_acknowledge(PG_FUNCTION_ARGS)
{
	static KeptPlan plan = {
		.sql =
			"UPDATE triage.clocks SET acknowledged_at = $3"
			" WHERE case_id = $1 AND (clock_id = $2 OR $2 IS NULL) AND state = 'running' AND acknowledged_at IS NULL"
			" RETURNING clock_id",
		.nargs = 3,
		.types = {INT8OID, INT4OID, TIMESTAMPTZOID}};
	Act act;

	act_begin_verb(&act, fcinfo, "acknowledge", 2);
	if (!act.repeated)
	{
		Datum  args[3] = {Int64GetDatum(act.c.case_id), PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1),
						  TimestampTzGetDatum(act.now)};
		uint64 n = triage_run(&plan, args, PG_ARGISNULL(1) ? " n " : "   ", SPI_OK_UPDATE_RETURNING);

		if (n == 0)
			ereport(ERROR,
					(errcode(TRIAGE_ERRCODE_STATE),
					 errmsg("case %s has no running clock to acknowledge", act.c.number),
					 errdetail("None runs, or all were acknowledged before, or the clock_id is another."),
					 errhint("triage.clocks lists the clocks of the case.")));
		jb_array(&act.data, "clocks");
		for (uint64 i = 0; i < n; i++)
			jb_int(&act.data, NULL, triage_result_int(i, 1, 0));
		jb_end_array(&act.data);
	}
	PG_RETURN_DATUM(act_end(&act));
}

#define MAX_DEPTH 3

static int
depth_of(const Act *act, int seq)
{
	int depth = 0;

	for (int i = 0; i < act->nassignments && seq > 0; i++)
	{
		int parent = 0;

		for (int j = 0; j < act->nassignments; j++)
			if (act->assignments[j].seq == seq)
				parent = act->assignments[j].parent_seq;
		depth++;
		seq = parent;
	}
	return depth;
}

/* Pass work down: who passes it stays answerable, the unit below gets a part with its own clock. */
Datum
triage_transfer(PG_FUNCTION_ARGS)
{
	Act	  act;
	char *code = text_argument(fcinfo, 1);
	char *reason = text_argument(fcinfo, 2);

	need_argument(fcinfo, 1, "department");
	act_begin_verb(&act, fcinfo, "transfer", 3);
	if (!act.repeated)
	{
		Department *to = verb_department(&act, code);
		Assignment *from = rights_are_open(&act) ? act_lead(&act) : act_party(&act, NULL, NULL);

		if (from == NULL)
			elog(ERROR, "case %s has no lead", act.c.number);
		if (act_part(&act, code) != NULL)
			ereport(ERROR, (errcode(TRIAGE_ERRCODE_STATE),
							errmsg("department \"%s\" takes part in case %s already", code, act.c.number),
							errdetail("A unit has one part at a time."),
							errhint("triage.chain(%lld) lists who takes part.", (long long) act.c.case_id)));
		verb_need_accepted(&act, from);
		if (depth_of(&act, from->seq) >= MAX_DEPTH)
			ereport(ERROR,
					(errcode(TRIAGE_ERRCODE_STATE),
					 errmsg("case %s has been passed down %d times already", act.c.number, MAX_DEPTH),
					 errdetail("Work is passed down that deep and no deeper, so that somebody does it."),
					 errhint("Whoever has it now must see to it.")));
		jb_text(&act.data, "department", to->code);
		jb_text(&act.data, "by", from->department);
		jb_int(&act.data, "assignment", from->seq);
		jb_text(&act.data, "reason", reason);
		records_party(act.w, act.book, &act.c, act_type(&act), act_area(&act), to, DUTY_ASSIST, from->seq,
					  act.now, &act.at, act.at.event_seq + 1);
	}
	PG_RETURN_DATUM(act_end(&act));
}

/*
 * A person has looked at a case that words made dangerous.  Confirmed: it goes
 * where the rules say, police with it.  Not: it waits on as an ordinary one.
 */
Datum
triage_confirm_danger(PG_FUNCTION_ARGS)
{
	Act act;

	need_argument(fcinfo, 1, "confirmed");
	act_begin_verb(&act, fcinfo, "confirm_danger", 2);
	if (!act.repeated)
	{
		bool		confirmed = PG_GETARG_BOOL(1);
		Assignment *centre = act_lead(&act);

		if (!act.c.danger)
			ereport(ERROR, (errcode(TRIAGE_ERRCODE_STATE),
							errmsg("case %s is not marked as dangerous", act.c.number),
							errdetail("There is nothing to confirm or to deny."),
							errhint("Send it on with triage.dispatch().")));
		jb_bool(&act.data, "confirmed", confirmed);
		if (centre != NULL)
			jb_int(&act.data, "assignment", centre->seq);
		if (confirmed)
		{
			act_stop_clocks(&act, "triage", -1, act.now, false);
			if (centre != NULL)
				act_set_assignment(&act, centre, "done");
			redispatch(&act, NULL, NULL, centre ? centre->seq : 0);
		}
		else
			clear_danger(&act);
	}
	PG_RETURN_DATUM(act_end(&act));
}
