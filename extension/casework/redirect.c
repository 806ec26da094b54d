/*
 * redirect.c
 *	  A case that runs follows another decision.
 *
 * Who takes part and is named again stays, with his clocks timed anew; who
 * came with the earlier decision and is not named any more is called off,
 * unless he is on the scene; who is new is offered his part.  Another lead
 * begins with limits of his own, the case's resolve limit among them, and the
 * case is dispatched again.  What police have accepted leaves them only by
 * their own word (domain notes 4: no POLICE to town without a release).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/names.h"
#include "casework/clocks.h"
#include "casework/outbox.h"
#include "casework/redecide.h"
#include "casework/redirect.h"
#include "casework/retime.h"

static void
tell(Act *act, const char *department, const char *duty, const char *type)
{
	Department *unit = book_department(act->book, department, strlen(department));

	if (unit != NULL)
		outbox_put(
			act->w, act->book, &act->c, act->at.event_seq, act->now,
			&(Notice){.endpoint = unit->endpoint, .type = type, .department = department, .duty = duty});
}

void
withdraw_party(Act *act, Assignment *a, const char *because)
{
	JsonBuild data = {0};

	act_set_assignment(act, a, "withdrawn");
	act_stop_clocks(act, NULL, a->seq, act->happened, true);
	jb_object(&data, NULL);
	jb_text(&data, "department", a->department);
	jb_int(&data, "assignment", a->seq);
	jb_text(&data, "because", because);
	jb_end_object(&data);
	act_event(act, "withdraw", jb_finish(&data));
	tell(act, a->department, a->duty, "withdrawn");
}

void
tell_parties_of_change(Act *act, int event_seq)
{
	const char *told[MAX_PARTIES * 2];
	int			ntold = 0;

	for (int i = 0; i < act->nassignments; i++)
	{
		Assignment *a = &act->assignments[i];
		Department *unit = a->live ? book_department(act->book, a->department, strlen(a->department)) : NULL;
		bool		again = unit == NULL || unit->endpoint == NULL || ntold == lengthof(told);

		for (int j = 0; j < ntold && !again; j++)
			again = strcmp(told[j], unit->endpoint) == 0;
		if (again)
			continue;
		told[ntold++] = unit->endpoint;
		outbox_put(act->w, act->book, &act->c, event_seq, act->now,
				   &(Notice){.endpoint = unit->endpoint,
							 .type = "updated",
							 .department = a->department,
							 .duty = a->duty});
	}
}

/* ---- who goes, who stays ---- */

/* Did the assignment come with a decision, or did somebody call the party in later? */
static bool
came_with_decision(Act *act, const Assignment *a)
{
	static KeptPlan plan = {
		.sql = "SELECT 1 FROM triage.assignments a JOIN triage.decisions d ON d.case_id = a.case_id"
			   " AND d.at = a.offered_at WHERE a.case_id = $1 AND a.seq = $2 LIMIT 1",
		.nargs = 2,
		.types = {INT8OID, INT4OID}};
	Datum args[2] = {Int64GetDatum(act->c.case_id), Int32GetDatum(a->seq)};

	return triage_run(&plan, args, NULL, SPI_OK_SELECT) > 0;
}

static bool
is_named(const Decision *d, const char *department)
{
	for (int i = 0; i < d->nparties; i++)
		if (strcmp(d->parties[i].department->code, department) == 0)
			return true;
	return false;
}

/* Those whom a decision did not bring, and those who stand there, are not called off by another one. */
static bool
stays(Act *act, const Assignment *a, bool lead_moves)
{
	if (a->arrived || strcmp(a->duty, "backup") == 0 || strcmp(a->duty, "expert") == 0 ||
		strcmp(a->duty, "agent") == 0)
		return true;
	return !lead_moves && !came_with_decision(act, a);
}

static void
release_parties(Act *act, const Decision *d, bool lead_moves)
{
	const char *new_lead = d->parties[0].department->code;

	for (int i = 0; i < act->nassignments; i++)
	{
		Assignment *a = &act->assignments[i];

		if (!a->live)
			continue;
		if (strcmp(a->duty, "lead") == 0)
		{
			if (lead_moves)
				withdraw_party(act, a, "another department leads");
		}
		else if (lead_moves && strcmp(a->department, new_lead) == 0)
			withdraw_party(act, a, "it leads now");
		else if (!is_named(d, a->department) && !stays(act, a, lead_moves))
			withdraw_party(act, a, "no longer named");
	}
}

static int
offer(Act *act, const Decision *d, const Party *p, int parent_seq)
{
	records_party(act->w, act->book, &act->c, d->type, d->area, p->department, p->duty, parent_seq, act->now,
				  &act->at, act->at.event_seq + 1);
	return act->at.assignment_seq;
}

static void
start_clock(Act *act, const Decision *d, int assignment_seq, Stage stage)
{
	MemoryContext old = MemoryContextSwitchTo(writer_context(act->w));
	TimedPart	  timed = act_timed_part(act, assignment_seq);

	timed.type = d->type;
	timed.area = d->area;
	records_clock(act->w, act->book, &timed, &act->at, stage, act->now);
	MemoryContextSwitchTo(old);
}

/* Must the lead itself go, because somebody must and no team is named? */
static bool
lead_must_go(const Act *act, const Decision *d)
{
	if (d->type == NULL || !d->type->scene)
		return false;
	for (int i = 1; i < d->nparties; i++)
		if (d->parties[i].duty == DUTY_ON_SCENE)
			return false;
	for (int i = 0; i < act->nassignments; i++)
		if (act->assignments[i].live && strcmp(act->assignments[i].duty, "on_scene") == 0)
			return false;
	return true;
}

/* ---- the lead ---- */

static void
check_police_release(Act *act, const Assignment *lead, const Department *to)
{
	Department *from = book_department(act->book, lead->department, strlen(lead->department));

	if (lead->accepted && from != NULL && strcmp(from->kind, KIND_POLICE) == 0 &&
		strcmp(to->kind, KIND_POLICE) != 0)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_STATE),
						errmsg("the police have accepted case %s: it does not leave them by %s",
							   act->c.number, act->verb),
						errdetail("The rules would now send it to \"%s\".", to->code),
						errhint("The police resolve it, or give it back with triage.release_by_police().")));
}

static void
move_lead(Act *act, const Decision *d, int old_seq)
{
	int seq;

	case_is_sent(act, d);
	seq = offer(act, d, &d->parties[0], old_seq);
	if (lead_must_go(act, d))
		start_clock(act, d, seq, STAGE_ARRIVE);
	start_clock(act, d, 0, STAGE_RESOLVE);
}

/* The same lead may get stages to keep that his case had not before, and lose one. */
static void
keep_lead(Act *act, const Decision *d, Assignment *lead)
{
	if (!lead->accepted && !had_clock(act, lead->seq, STAGE_ACCEPT))
		start_clock(act, d, lead->seq, STAGE_ACCEPT);
	if (!had_clock(act, lead->seq, STAGE_FEEDBACK))
		start_clock(act, d, lead->seq, STAGE_FEEDBACK);
	if (!lead_must_go(act, d))
		act_stop_clocks(act, "arrive", lead->seq, act->now, true);
	else if (!lead->arrived && !had_clock(act, lead->seq, STAGE_ARRIVE))
		start_clock(act, d, lead->seq, STAGE_ARRIVE);
	if (!had_clock(act, 0, STAGE_RESOLVE))
		start_clock(act, d, 0, STAGE_RESOLVE);
}

/* The rules name nobody for what the case now is: whoever has it keeps it. */
static void
leave_where_it_is(Act *act, const Decision *d)
{
	const char *nature = act->c.nature;

	case_from_decision(act, d);
	case_set_text(&act->row, act->att, CASE_NATURE, nature);
	act->c.nature = nature;
	retime_clocks(act);
	tell_parties_of_change(act, act->at.event_seq + 1);
}

static void
redirect_running(Act *act, const Decision *d)
{
	Assignment *lead = act_lead(act);
	bool		moves = lead == NULL || strcmp(lead->department, d->parties[0].department->code) != 0;
	int			lead_seq;

	if (lead != NULL && moves)
		check_police_release(act, lead, d->parties[0].department);
	case_from_decision(act, d);
	release_parties(act, d, moves);
	if (moves)
	{
		act_stop_clocks(act, "resolve", 0, act->now, true);
		/* whether the old lead may go is no question any more */
		act_stop_clocks(act, "return", 0, act->now, true);
	}
	retime_clocks(act);
	if (moves)
		move_lead(act, d, lead ? lead->seq : 0);
	else
		keep_lead(act, d, lead);
	lead_seq = moves ? act->at.assignment_seq : lead->seq;
	for (int i = 1; i < d->nparties; i++)
		if (act_part(act, d->parties[i].department->code) == NULL)
			offer(act, d, &d->parties[i], lead_seq);
	tell_parties_of_change(act, act->at.event_seq + 1);
}

/* ---- triage ---- */

/* What waited at the centre is sent on: for the counts an ordinary dispatch. */
static void
send_from_triage(Act *act, const Decision *d)
{
	int		  centre_seq = act_leave_triage(act);
	JsonBuild b = {0};

	case_from_decision(act, d);
	case_is_sent(act, d);
	jb_object(&b, NULL);
	if (centre_seq > 0)
		jb_int(&b, "assignment", centre_seq);
	put_direction(&b, act, d, false);
	jb_end_object(&b);
	act_event(act, "dispatch", jb_finish(&b));
	records_dispatch(act->w, act->book, &act->c, d, act->now, centre_seq, &act->at, act->at.event_seq);
}

/* It waits on, perhaps at another centre. */
static void
stay_in_triage(Act *act, const Decision *d)
{
	Assignment *centre = act_lead(act);
	Department *owner = d->parties[0].department;
	bool		ring_back = clock_running(act, "ring_back", -1) != NULL;
	bool		was_danger = act->c.danger;

	case_from_decision(act, d);
	if (centre != NULL && strcmp(centre->department, owner->code) == 0)
	{
		retime_clocks(act);
		for (int i = 0; i < d->nparties && d->danger && !was_danger; i++)
			tell(act, d->parties[i].department->code, duty_names[d->parties[i].duty], "triage");
		return;
	}
	if (centre != NULL)
		withdraw_party(act, centre, "another centre looks at it");
	act_set_lead(act, owner->code);
	records_triage(act->w, act->book, &act->c, d, act->now, centre ? centre->seq : 0, &act->at,
				   act->at.event_seq + 1);
	if (ring_back && d->verdict != VERDICT_SILENT)
		start_clock(act, d, act->at.assignment_seq, STAGE_RING_BACK);
}

void
redirect(Act *act, const Decision *d)
{
	bool waits = strcmp(act->c.status, "triage") == 0;

	/* a rule that failed is known to name somebody: then it is the centre's */
	if (!waits && !d->dispatched && d->route_error == NULL)
		leave_where_it_is(act, d);
	else if (!waits)
		redirect_running(act, d);
	else if (d->dispatched)
		send_from_triage(act, d);
	else
		stay_in_triage(act, d);
	case_set(&act->row, act->att, CASE_CONFIDENCE, Float8GetDatum(d->confidence));
}

/* ---- danger in later words ---- */

void
raise_danger(Act *act, const Decision *words, bool certain)
{
	Area	   *area = act_area(act);
	Department *police = book_unit(act->book, KIND_POLICE, area ? area : act->book->root_area);
	Department *centre = book_centre(act->book, area);
	JsonBuild	b = {0};

	/* in triage the mark is what makes somebody look at once */
	if (certain || strcmp(act->c.status, "triage") == 0)
	{
		case_set(&act->row, act->att, CASE_DANGER, BoolGetDatum(true));
		case_set(&act->row, act->att, CASE_PRIORITY, Int32GetDatum(1));
		if (certain && strcmp(act->c.nature, "nonpolice") == 0)
			case_set_text(&act->row, act->att, CASE_NATURE, "joint");
		case_facts(&act->row, act->att, &act->c);
		retime_clocks(act);
	}
	jb_object(&b, NULL);
	jb_bool(&b, "confirmed", certain);
	jb_array(&b, "terms");
	for (int i = 0; i < words->nhits; i++)
		jb_text_n(&b, NULL, term_text(words->book, words->hits[i]), words->hits[i]->len);
	jb_end_array(&b);
	jb_end_object(&b);
	act_event(act, "danger", jb_finish(&b));
	if (!certain)
		tell(act, centre->code, "lead", "danger");
	else if (police != NULL && !act_takes_part(act, police->code))
		records_party(act->w, act->book, &act->c, act_type(act), area, police, DUTY_ON_SCENE,
					  act_lead(act) ? act_lead(act)->seq : 0, act->now, &act->at, act->at.event_seq);
}
