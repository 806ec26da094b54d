/*
 * redecide.c
 *	  A decision made anew for a case that exists.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "base/names.h"
#include "casework/clocks.h"
#include "casework/redecide.h"
#include "casework/redirect.h"
#include "casework/repeats.h"

static Department *
known_department(Book *book, const char *code, int len)
{
	Department *d = book_department(book, code, len);

	if (d == NULL)
		ereport(ERROR,
				(errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("department \"%.*s\" does not exist", len, code),
				 errdetail("There is no active row with this code in triage.departments."),
				 errhint("Use a code listed in triage.departments.")));
	return d;
}

static void
add_assists(Book *book, ArrayType *assists, Decision *d)
{
	Datum *items;
	bool  *nulls;
	int	   n;

	if (assists == NULL)
		return;
	deconstruct_array(assists, TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		text *t;

		if (nulls[i])
			ereport(ERROR,
					(errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("argument \"assists\" must not contain null"),
					 errdetail("Element %d is null.", i + 1), errhint("List department codes.")));
		t = DatumGetTextPP(items[i]);
		if (!party_add(d, known_department(book, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t)), DUTY_ASSIST))
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many departments in one case"),
					 errdetail("At most %d can take part from the start.", MAX_PARTIES)));
	}
}

/* How the decision in force came about. */
void
standing_of(Act *act, Standing *s)
{
	static KeptPlan plan = {
		.sql = "SELECT d.facts ? 'given_type', d.facts #>> '{place,by}' = 'given',"
			   " (SELECT e.data ->> 'by' = 'person' FROM triage.events e WHERE e.case_id = $1"
			   " AND e.data ->> 'by' IN ('person', 'rules') ORDER BY e.seq DESC LIMIT 1),"
			   " (SELECT e.data ->> 'confirmed' = 'false' FROM triage.events e WHERE e.case_id = $1"
			   " AND e.verb = 'confirm_danger' ORDER BY e.seq DESC LIMIT 1)"
			   " FROM triage.decisions d WHERE d.case_id = $1 ORDER BY d.seq DESC LIMIT 1",
		.nargs = 1,
		.types = {INT8OID}};
	Datum		args[1] = {Int64GetDatum(act->c.case_id)};
	bool *const facts[] = {&s->type_given, &s->area_given, &s->by_person, &s->danger_denied};
	bool		isnull;

	memset(s, 0, sizeof(Standing));
	if (triage_read(&plan, args, NULL) != 1)
		return; /* a restored case may have no decision on record */
	for (int i = 0; i < (int) lengthof(facts); i++)
	{
		Datum v = triage_result(0, i + 1, &isnull);

		*facts[i] = !isnull && DatumGetBool(v);
	}
}

/* What it repeats counts now as it did at intake. */
static void
repeats_of_case(const Act *act, Report *r)
{
	RepeatOf of = {.channel = r->channel,
				   .case_id = act->c.case_id,
				   .reporter = act->c.reporter,
				   .contact = act->c.contact,
				   .external_ref = act->c.external_ref,
				   .location = r->location,
				   .at = act->c.reported_at};
	Repeats *found = palloc(sizeof(Repeats));

	repeats_find(act->book, &of, found);
	if (found->n == 0)
		return;
	r->repeats_of = repeats_count;
	r->repeats_arg = found;
}

void
report_of_case(Act *act, Report *r)
{
	memset(r, 0, sizeof(Report));
	r->channel = book_channel(act->book, act->c.channel, strlen(act->c.channel));
	if (r->channel == NULL)
		ereport(ERROR,
				(errcode(TRIAGE_ERRCODE_UNKNOWN),
				 errmsg("channel \"%s\" of case %s is no longer active", act->c.channel, act->c.number),
				 errdetail("The rules decide by the channel the case came by."),
				 errhint("Activate it in triage.channels again.")));
	r->body = act->c.body;
	r->body_len = r->body ? strlen(r->body) : 0;
	r->address = act->c.address;
	r->address_len = r->address ? strlen(r->address) : 0;
	r->area = act_area(act);
	r->location = case_location(&act->row, act->att);
	r->at = act->now;
	r->attrs = DatumGetJsonbP(case_value(&act->row, act->att, CASE_ATTRS));
	/* a person has looked: the likeliest type will do */
	r->min_confidence = 0;
	r->police_share = 1;
	r->model_confidence = 0;
	r->model_police = 1;
	r->confirmed = true;
	r->given_type = act_type(act);
	if (act_lead(act) != NULL && act_lead(act)->accepted)
		r->at_work = act_lead(act)->department;
	repeats_of_case(act, r);
}

void
add_police(Act *act, Decision *d)
{
	Area *area = d->area ? d->area : act->book->root_area;

	if (!d->danger || d->nature == NATURE_POLICE)
		return;
	party_add(d, book_unit(act->book, KIND_POLICE, area), DUTY_ON_SCENE);
	if (d->nature == NATURE_NONPOLICE)
		d->nature = NATURE_JOINT;
}

/* The person names the department: it leads, whatever the rules would say. */
static void
decide_by_person(Act *act, Department *lead, Decision *d)
{
	d->dispatched = true;
	d->route = NULL;
	d->npassed = 0;
	d->nparties = 0;
	d->nduty_checks = 0;
	party_add(d, lead, DUTY_LEAD);
	if (d->nature == NATURE_UNDETERMINED)
		d->nature = d->type								   ? d->type->nature
					: strcmp(lead->kind, KIND_POLICE) == 0 ? NATURE_POLICE
														   : NATURE_NONPOLICE;
}

void
leave_to_centre(Act *act, Decision *d)
{
	d->dispatched = false;
	d->route = NULL;
	d->nparties = 0;
	d->nduty_checks = 0;
	d->nature = NATURE_UNDETERMINED;
	party_add(d, book_centre(act->book, d->area), DUTY_LEAD);
}

void
case_from_decision(Act *act, const Decision *d)
{
	CaseRow *row = &act->row;

	case_set_text(row, act->att, CASE_AREA, d->area ? d->area->code : NULL);
	case_set_text(row, act->att, CASE_CASE_TYPE, d->type ? d->type->code : NULL);
	case_set_text(row, act->att, CASE_NATURE, nature_names[d->nature]);
	case_set(row, act->att, CASE_PRIORITY, Int32GetDatum(d->priority));
	case_set(row, act->att, CASE_DANGER, BoolGetDatum(d->danger));
	case_set(row, act->att, CASE_RULEBOOK_VERSION, Int64GetDatum(act->book->version));
	case_facts(row, act->att, &act->c);
}

void
case_is_sent(Act *act, const Decision *d)
{
	case_set(&act->row, act->att, CASE_DISPATCHED_AT, TimestampTzGetDatum(act->now));
	act_set_status(act, "dispatched");
	act_set_lead(act, d->parties[0].department->code);
}

void
put_direction(JsonBuild *b, const Act *act, const Decision *d, bool by_person)
{
	jb_text(b, "department", act->c.lead);
	jb_text(b, "case_type", act->c.case_type);
	jb_text(b, "nature", act->c.nature);
	jb_int(b, "priority", act->c.priority);
	jb_bool(b, "danger", act->c.danger);
	jb_text(b, "area", act->c.area);
	jb_text(b, "route", d->route ? d->route->code : NULL);
	jb_text(b, "by", by_person ? "person" : "rules");
}

void
clear_danger(Act *act)
{
	CaseType   *type = act_type(act);
	Assignment *centre = act_lead(act);

	case_set(&act->row, act->att, CASE_DANGER, BoolGetDatum(false));
	case_set(&act->row, act->att, CASE_PRIORITY,
			 Int32GetDatum(type && type->priority > 1 ? type->priority : 3));
	case_facts(&act->row, act->att, &act->c);
	act_stop_clocks(act, "triage", -1, act->now, false);
	clock_start(act, centre ? centre->seq : 0, STAGE_TRIAGE);
}

/* Danger that was seen at intake stays: only a person's verb takes it back. */
static void
decide_anew(Act *act, Report *report, Decision *d)
{
	report_of_case(act, report);
	decide(act->book, report, d);
	if (act->c.danger && !d->danger)
	{
		d->danger = true;
		d->priority = 1;
	}
}

void
redispatch(Act *act, const char *department, ArrayType *assists, int parent_seq)
{
	Report	 report;
	Decision d;

	decide_anew(act, &report, &d);
	if (department != NULL)
		decide_by_person(act, known_department(act->book, department, strlen(department)), &d);
	else if (!d.dispatched)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT),
						errmsg("the rules name no department for case %s", act->c.number),
						errdetail("%s", decision_reason(&d)),
						errhint("Name the department, or set the case type first.")));
	add_police(act, &d);
	add_assists(act->book, assists, &d);
	case_from_decision(act, &d);
	case_is_sent(act, &d);
	records_decision(act->w, act->book, act->c.case_id, ++act->at.decision_seq, &report, &d, act->now);
	records_dispatch(act->w, act->book, &act->c, &d, act->now, parent_seq, &act->at, act->at.event_seq + 1);
	put_direction(&act->data, act, &d, department != NULL);
}

void
reroute(Act *act, const char *department, const char *instead)
{
	Report	 report;
	Decision d;

	decide_anew(act, &report, &d);
	if (department != NULL)
		decide_by_person(act, known_department(act->book, department, strlen(department)), &d);
	else if (!d.dispatched || (instead != NULL && strcmp(d.parties[0].department->code, instead) == 0))
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT),
						errmsg("the rules name no other department for case %s", act->c.number),
						errdetail("%s", decision_reason(&d)), errhint("Name the department.")));
	add_police(act, &d);
	redirect(act, &d);
	records_decision(act->w, act->book, act->c.case_id, ++act->at.decision_seq, &report, &d, act->now);
	put_direction(&act->data, act, &d, department != NULL);
}
