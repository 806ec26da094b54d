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
#include "casework/redecide.h"

static Department *
known_department(Book *book, const char *code, int len)
{
	Department *d = book_department(book, code, len);

	if (d == NULL)
		ereport(ERROR,
				(errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("department \"%.*s\" does not exist", len, code),
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
					 errhint("List department codes.")));
		t = DatumGetTextPP(items[i]);
		if (!party_add(d, known_department(book, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t)), DUTY_ASSIST))
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many departments in one case"),
					 errdetail("At most %d can take part from the start.", MAX_PARTIES)));
	}
}

static void
report_of_case(Act *act, Report *r)
{
	memset(r, 0, sizeof(Report));
	r->channel = book_channel(act->book, act->c.channel, strlen(act->c.channel));
	if (r->channel == NULL)
		ereport(ERROR,
				(errcode(TRIAGE_ERRCODE_UNKNOWN),
				 errmsg("channel \"%s\" of case %s is no longer active", act->c.channel, act->c.number),
				 errhint("Activate it in triage.channels again.")));
	r->body = act->c.body;
	r->body_len = r->body ? strlen(r->body) : 0;
	r->address = act->c.address;
	r->address_len = r->address ? strlen(r->address) : 0;
	r->area = act_area(act);
	r->has_location = !case_isnull(&act->row, act->att, CASE_LOCATION);
	r->at = act->now;
	r->attrs = DatumGetJsonbP(case_value(&act->row, act->att, CASE_ATTRS));
	/* a person has looked: the likeliest type will do */
	r->min_confidence = 0;
	r->police_share = 1;
	r->confirmed = true;
	r->given_type = act_type(act);
}

/* Danger brings the police, whoever leads; confirm_danger() takes it back. */
static void
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
	party_add(d, lead, DUTY_LEAD);
	if (d->nature == NATURE_UNDETERMINED)
		d->nature = d->type								   ? d->type->nature
					: strcmp(lead->kind, KIND_POLICE) == 0 ? NATURE_POLICE
														   : NATURE_NONPOLICE;
}

static void
case_from_decision(Act *act, const Decision *d)
{
	CaseRow *row = &act->row;

	case_set_text(row, act->att, CASE_AREA, d->area ? d->area->code : NULL);
	case_set_text(row, act->att, CASE_CASE_TYPE, d->type ? d->type->code : NULL);
	case_set_text(row, act->att, CASE_NATURE, nature_names[d->nature]);
	case_set(row, act->att, CASE_PRIORITY, Int32GetDatum(d->priority));
	case_set(row, act->att, CASE_DANGER, BoolGetDatum(d->danger));
	case_set(row, act->att, CASE_DISPATCHED_AT, TimestampTzGetDatum(act->now));
	case_set(row, act->att, CASE_RULEBOOK_VERSION, Int64GetDatum(act->book->version));
	act_set_status(act, "dispatched");
	act_set_lead(act, d->parties[0].department->code);
	case_facts(row, act->att, &act->c);
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
	records_clock(act->w, act->book, act->c.case_id, &act->at, centre ? centre->seq : 0, type, STAGE_TRIAGE,
				  act->c.priority, false, act_area(act), act->now);
}

void
redispatch(Act *act, const char *department, ArrayType *assists, int parent_seq)
{
	Report	 report;
	Decision d;

	report_of_case(act, &report);
	decide(act->book, &report, &d);
	/* danger that was seen at intake stays: only a person's verb takes it back */
	if (act->c.danger && !d.danger)
	{
		d.danger = true;
		d.priority = 1;
	}
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
	records_decision(act->w, act->book, act->c.case_id, act->at.decision_seq + 1, &report, &d, act->now);
	records_dispatch(act->w, act->book, &act->c, &d, act->now, parent_seq, &act->at, act->at.event_seq + 1);
	jb_text(&act->data, "department", act->c.lead);
	jb_text(&act->data, "case_type", act->c.case_type);
	jb_text(&act->data, "nature", act->c.nature);
	jb_int(&act->data, "priority", act->c.priority);
	jb_bool(&act->data, "danger", act->c.danger);
	jb_text(&act->data, "route", d.route ? d.route->code : NULL);
	jb_text(&act->data, "by", department != NULL ? "person" : "rules");
}
