/*
 * corrections.c
 *	  Verbs that decide a case again: another type, another area, more words.
 *
 * The first decision stays on record; each of these adds one, and
 * triage.explain() shows them in order.  What a person says is kept as given:
 * the events (from, to) and the decisions with verdict "given" are what the
 * classifier learns from.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "base/names.h"
#include "casework/act.h"
#include "casework/intake.h"
#include "casework/redecide.h"
#include "casework/redirect.h"
#include "casework/verbs.h"

PG_FUNCTION_INFO_V1(triage_reclassify);
PG_FUNCTION_INFO_V1(triage_set_area);
PG_FUNCTION_INFO_V1(triage_append_text);

/* The desk's verbs happen when they are called, whatever triage.happened_at says. */
static void
begin(Act *act, FunctionCallInfo fcinfo, const char *verb)
{
	act_begin_verb(act, fcinfo, verb, 2);
	act->happened = act->now;
}

static bool
in_triage(const Act *act)
{
	return strcmp(act->c.status, "triage") == 0;
}

static void
put_change(Act *act, const char *from, const char *to, const char *department)
{
	jb_text(&act->data, "from", from);
	jb_text(&act->data, "to", to);
	jb_text(&act->data, "was_department", department);
}

static void
record(Act *act, const Report *report, const Decision *d)
{
	records_decision(act->w, act->book, act->c.case_id, ++act->at.decision_seq, report, d, act->now);
	act->another = true;
}

static CaseType *
known_type(Book *book, const char *code)
{
	CaseType *type = book_type(book, code, strlen(code));

	if (type == NULL)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("case type \"%s\" does not exist", code),
						errdetail("There is no active row with this code in triage.case_types."),
						errhint("Use a code listed in triage.case_types; triage.suggest_type() finds one.")));
	return type;
}

static Area *
known_area(Book *book, const char *code)
{
	Area *area = book_area(book, code, strlen(code));

	if (area == NULL)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("area \"%s\" does not exist", code),
						errdetail("There is no active row with this code in triage.areas."),
						errhint("Use a code listed in triage.areas; triage.find_place() finds one.")));
	return area;
}

/* ---- reclassify ---- */

Datum
triage_reclassify(PG_FUNCTION_ARGS)
{
	Act	  act;
	char *code = text_argument(fcinfo, 1);

	need_argument(fcinfo, 1, "case_type");
	begin(&act, fcinfo, "reclassify");
	if (!act.repeated)
	{
		CaseType   *type = known_type(act.book, code);
		const char *from = act.c.case_type;
		const char *was = act.c.lead;
		bool		was_danger = act.c.danger;
		Standing	standing;
		Report		report;
		Decision	d;

		standing_of(&act, &standing);
		report_of_case(&act, &report);
		report.given_type = type;
		report.area_kept = !standing.area_given;
		decide(act.book, &report, &d);
		if (d.dispatched)
			add_police(&act, &d);
		else if (!in_triage(&act))
			d.nature = type->nature;
		redirect(&act, &d);
		record(&act, &report, &d);
		put_change(&act, from, type->code, was);
		if (was_danger && !d.danger)
			jb_bool(&act.data, "was_danger", true);
		put_direction(&act.data, &act, &d, false);
	}
	PG_RETURN_DATUM(act_end(&act));
}

/* ---- set_area ---- */

/* The same matter at another place: type, urgency and danger are not asked again. */
static void
decide_place(Act *act, Area *area, const Standing *standing, Report *report, Decision *d)
{
	report_of_case(act, report);
	report->area = area;
	decide(act->book, report, d);
	d->danger = act->c.danger;
	d->priority = act->c.priority;
	if (in_triage(act))
		leave_to_centre(act, d);
	else if (d->dispatched)
		add_police(act, d);
	if (standing->type_given)
		return;
	report->given_type = NULL;
	d->verdict = VERDICT_KEPT;
	d->confidence = case_isnull(&act->row, act->att, CASE_CONFIDENCE)
						? 0
						: DatumGetFloat8(case_value(&act->row, act->att, CASE_CONFIDENCE));
}

Datum
triage_set_area(PG_FUNCTION_ARGS)
{
	Act	  act;
	char *code = text_argument(fcinfo, 1);

	need_argument(fcinfo, 1, "area");
	begin(&act, fcinfo, "set_area");
	if (!act.repeated)
	{
		Area	   *area = known_area(act.book, code);
		const char *from = act.c.area;
		const char *was = act.c.lead;
		Standing	standing;
		Report		report;
		Decision	d;

		standing_of(&act, &standing);
		decide_place(&act, area, &standing, &report, &d);
		redirect(&act, &d);
		record(&act, &report, &d);
		put_change(&act, from, area->code, was);
		put_direction(&act.data, &act, &d, false);
	}
	PG_RETURN_DATUM(act_end(&act));
}

/* ---- append_text ---- */

/*
 * The words go behind those that are there.  The event tells where they
 * begin, so that the first report's own words can still be told.
 */
static void
append_body(Act *act, const char *body)
{
	static KeptPlan plan = {.sql = "UPDATE triage.cases SET body = $2 WHERE case_id = $1",
							.nargs = 2,
							.types = {INT8OID, TEXTOID}};
	const char	   *was = act->c.body ? act->c.body : "";
	size_t			folded_len;
	char		   *whole;
	Datum			args[2];

	if (book_fold(body, strlen(body), &folded_len) == NULL)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT), errmsg("append_text needs a body"),
						errdetail("It holds no readable character."), errhint("Say what is new.")));
	if (strlen(was) + strlen(body) + 1 > REPORT_MAX_BODY)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("the report is too long"),
						errdetail("With the addition it would have %zu bytes, the limit is %d.",
								  strlen(was) + strlen(body) + 1, REPORT_MAX_BODY),
						errhint("Keep long documents elsewhere and refer to them.")));
	whole = psprintf("%s%s%s", was, was[0] != '\0' ? "\n" : "", body);
	jb_int(&act->data, "begins_at", pg_mbstrlen(whole) - pg_mbstrlen(body));
	jb_int(&act->data, "characters", pg_mbstrlen(body));
	args[0] = Int64GetDatum(act->c.case_id);
	args[1] = CStringGetTextDatum(whole);
	triage_run(&plan, args, NULL, SPI_OK_UPDATE);
	case_set_text(&act->row, act->att, CASE_BODY, whole);
	act->another = true;
	case_facts(&act->row, act->att, &act->c);
}

/* Has somebody accepted, or a person decided, so that rules do not redirect the case by themselves? */
static bool
is_settled(Act *act, const Standing *standing)
{
	if (standing->by_person || standing->danger_denied ||
		(!in_triage(act) && strcmp(act->c.status, "dispatched") != 0))
		return true;
	for (int i = 0; i < act->nassignments; i++)
		if (act->assignments[i].live && act->assignments[i].accepted)
			return true;
	return false;
}

static void
decide_whole(Act *act, const Standing *standing, Report *report, Decision *d)
{
	report_of_case(act, report);
	if (!standing->type_given)
		report->given_type = NULL;
	if (!standing->area_given)
		report->area = NULL;
	report->confirmed = false;
	report->min_confidence = triage_min_confidence;
	report->police_share = triage_police_share;
	report->model_confidence = triage_model_confidence;
	report->model_police = triage_model_police;
	decide(act->book, report, d);
	/* danger that was seen stays: only a person's verb takes it back */
	if (act->c.danger && !d->danger)
	{
		d->danger = true;
		d->priority = 1;
		if (in_triage(act))
			leave_to_centre(act, d);
	}
	if (d->dispatched)
		add_police(act, d);
}

/* Nobody has accepted: the whole text is decided again. */
static void
decide_anew(Act *act, const Standing *standing)
{
	Report	 report;
	Decision d;
	bool	 was_danger = act->c.danger;
	bool	 follow;

	decide_whole(act, standing, &report, &d);
	/* a decision that is not sure recalls no order */
	follow = in_triage(act) || d.dispatched;
	if (follow)
	{
		jb_text(&act->data, "from", act->c.case_type);
		jb_text(&act->data, "was_department", act->c.lead);
		redirect(act, &d);
		put_direction(&act->data, act, &d, false);
	}
	else
	{
		if (d.danger && !was_danger)
			raise_danger(act, &d, false);
		tell_parties_of_change(act, act->at.event_seq + 1);
	}
	record(act, &report, &d);
	jb_bool(&act->data, "decided_again", follow);
}

/* Somebody is at it: only danger that the new words bring changes anything. */
static void
look_for_danger(Act *act, const char *body)
{
	Report	 report;
	Decision d;

	report_of_case(act, &report);
	report.body = body;
	report.body_len = strlen(body);
	report.confirmed = false;
	report.min_confidence = triage_min_confidence;
	report.given_type = NULL;
	decide(act->book, &report, &d);
	/* words that are dangerous in matters of this type only */
	if (!d.danger && act_type(act) != NULL)
	{
		report.given_type = act_type(act);
		decide(act->book, &report, &d);
		if (!d.escalated)
			d.danger = false;
	}
	if (d.danger && !act->c.danger)
		raise_danger(act, &d, d.dispatched && !in_triage(act));
	tell_parties_of_change(act, act->at.event_seq + 1);
}

Datum
triage_append_text(PG_FUNCTION_ARGS)
{
	Act	  act;
	char *body = need_body(fcinfo, 1, "append_text");

	begin(&act, fcinfo, "append_text");
	if (!act.repeated)
	{
		Standing standing;

		standing_of(&act, &standing);
		append_body(&act, body);
		verb_sign_report(&act);
		if (is_settled(&act, &standing))
			look_for_danger(&act, body);
		else
			decide_anew(&act, &standing);
	}
	PG_RETURN_DATUM(act_end(&act));
}
