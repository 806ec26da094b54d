/*
 * police.c
 *	  Into the hands of the police and out of them.
 *
 * Violence, a threat or a weapon brings the police at any moment and by
 * anyone (F06 F07); what they hold leaves them only by their own word.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/names.h"
#include "casework/clocks.h"
#include "casework/redecide.h"
#include "casework/redirect.h"
#include "casework/retime.h"
#include "casework/rights.h"
#include "casework/verbs.h"

PG_FUNCTION_INFO_V1(triage_to_police);
PG_FUNCTION_INFO_V1(triage_release_by_police);
PG_FUNCTION_INFO_V1(triage_keep_by_police);

static Department *
station(Act *act)
{
	Area	   *area = act_area(act) ? act_area(act) : act->book->root_area;
	Department *police = book_unit(act->book, KIND_POLICE, area);

	if (police == NULL)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_RULE), errmsg("no police station is configured"),
						errdetail("There is no active department of kind \"%s\" for the area of case %s.",
								  KIND_POLICE, act->c.number),
						errhint("Add it to triage.departments.")));
	return police;
}

static bool
is_police(const Act *act, const char *department)
{
	Department *d = department ? book_department(act->book, department, strlen(department)) : NULL;

	return d != NULL && (strcmp(d->kind, KIND_POLICE) == 0 || strcmp(d->kind, "PSB") == 0);
}

/* The police's part in the case for which the actor acts; TR002 when the actor is no policeman of it. */
static Assignment *
own_police_part(Act *act)
{
	Assignment *found = NULL;

	for (int i = 0; i < act->nassignments; i++)
	{
		Assignment *a = &act->assignments[i];

		if (a->live && is_police(act, a->department) && rights_acts_for(act, a->department) &&
			(found == NULL || strcmp(a->duty, "lead") == 0))
			found = a;
	}
	if (found == NULL)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_RIGHTS),
						errmsg("%s is not yours to do in case %s", act->verb, act->c.number),
						errdetail("It is up to the police who take part in the case."),
						errhint("triage.chain(%lld) lists who takes part.", (long long) act->c.case_id)));
	return found;
}

static void
mark_urgent(Act *act)
{
	case_set(&act->row, act->att, CASE_DANGER, BoolGetDatum(true));
	case_set(&act->row, act->att, CASE_PRIORITY, Int32GetDatum(1));
	if (strcmp(act->c.nature, "police") != 0)
		case_set_text(&act->row, act->att, CASE_NATURE, "joint");
	case_facts(&act->row, act->att, &act->c);
}

Datum
triage_to_police(PG_FUNCTION_ARGS)
{
	Act	  act;
	char *reason = verb_need_text(fcinfo, 1, "reason");

	act_begin_verb(&act, fcinfo, "to_police", 2);
	if (!act.repeated)
	{
		Department *police = station(&act);
		Assignment *lead = act_lead(&act);

		jb_text(&act.data, "reason", reason);
		jb_text(&act.data, "police", police->code);
		jb_text(&act.data, "was_nature", act.c.nature);
		if (strcmp(act.c.status, "triage") == 0)
		{
			int centre_seq = act_leave_triage(&act);

			case_set_text(&act.row, act.att, CASE_NATURE, "police");
			mark_urgent(&act);
			redispatch(&act, police->code, NULL, centre_seq);
		}
		else
		{
			mark_urgent(&act);
			retime_clocks(&act);
			if (act_part(&act, police->code) == NULL)
				records_party(act.w, act.book, &act.c, act_type(&act), act_area(&act), police, DUTY_ON_SCENE,
							  lead ? lead->seq : 0, act.now, &act.at, act.at.event_seq + 1);
			else
				verb_tell(&act, police, "updated", NULL);
		}
	}
	PG_RETURN_DATUM(act_end(&act));
}

/* The case goes on without the police: to whom the rules name, else to the centre. */
static void
hand_back(Act *act, Assignment *part)
{
	Report		report;
	Decision	d;
	CaseType   *type = act_type(act);
	Department *centre = book_centre(act->book, act_area(act));

	act_set_assignment(act, part, "done");
	act_stop_clocks(act, NULL, part->seq, act->happened, false);
	case_set(&act->row, act->att, CASE_DANGER, BoolGetDatum(false));
	case_set(&act->row, act->att, CASE_PRIORITY,
			 Int32GetDatum(type != NULL && type->priority > 1 ? type->priority : 2));
	case_set_text(&act->row, act->att, CASE_NATURE, "nonpolice");
	case_facts(&act->row, act->att, &act->c);
	report_of_case(act, &report);
	decide(act->book, &report, &d);
	if (d.dispatched && !is_police(act, d.parties[0].department->code))
		reroute(act, d.parties[0].department->code, NULL);
	else
		reroute(act, centre->code, NULL);
}

Datum
triage_release_by_police(PG_FUNCTION_ARGS)
{
	Act	  act;
	char *reason = verb_need_text(fcinfo, 1, "reason");

	act_begin_verb(&act, fcinfo, "release_by_police", 2);
	if (!act.repeated)
	{
		Assignment *part = own_police_part(&act);

		verb_put_party(&act, part);
		jb_text(&act.data, "reason", reason);
		if (strcmp(part->duty, "lead") == 0)
			hand_back(&act, part);
		else
		{
			act_set_assignment(&act, part, "done");
			act_stop_clocks(&act, NULL, part->seq, act.happened, true);
		}
	}
	PG_RETURN_DATUM(act_end(&act));
}

Datum
triage_keep_by_police(PG_FUNCTION_ARGS)
{
	Act	  act;
	char *reason = verb_need_text(fcinfo, 1, "reason");

	act_begin_verb(&act, fcinfo, "keep_by_police", 2);
	if (!act.repeated)
	{
		Assignment *part = own_police_part(&act);
		const char *was = act.c.lead;

		if (strcmp(part->duty, "lead") != 0)
		{
			char *code = pstrdup(part->department);

			act_set_assignment(&act, part, "done");
			act_stop_clocks(&act, NULL, part->seq, act.happened, true);
			reroute(&act, code, NULL);
			jb_text(&act.data, "was_department", was);
		}
		else
			verb_put_party(&act, part);
		jb_text(&act.data, "reason", reason);
	}
	PG_RETURN_DATUM(act_end(&act));
}
