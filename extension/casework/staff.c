/*
 * staff.c
 *	  People on a case: who signs, who is named, the agent beside the assignee,
 *	  and the lead that comes back on duty.
 *
 * A person is named by number only, in triage.assignment_staff and in events;
 * assignments are of departments, so intake knows nothing of people.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/names.h"
#include "casework/clocks.h"
#include "casework/records.h"
#include "casework/rights.h"
#include "casework/staff.h"
#include "casework/verbs.h"

PG_FUNCTION_INFO_V1(triage_assign_staff);

static void
name_person(Act *act, int assignment_seq, int64 staff_id)
{
	static KeptPlan plan = {
		.sql = "INSERT INTO triage.assignment_staff (case_id, seq, staff_id, since, named_by)"
			   " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (case_id, seq)"
			   " DO UPDATE SET staff_id = $3, since = $4, named_by = $5",
		.nargs = 5,
		.types = {INT8OID, INT4OID, INT8OID, TIMESTAMPTZOID, TEXTOID}};
	Datum args[5] = {Int64GetDatum(act->c.case_id), Int32GetDatum(assignment_seq), Int64GetDatum(staff_id),
					 TimestampTzGetDatum(act->happened), CStringGetTextDatum(act->actor)};

	triage_run(&plan, args, NULL, SPI_OK_INSERT);
}

void
staff_sign(Act *act, const Assignment *a)
{
	static KeptPlan plan = {
		.sql = "SELECT s.staff_id FROM triage.staff s WHERE s.login = $1"
			   " AND s.department = $2 AND s.active @> triage.local_date($3) ORDER BY s.staff_id LIMIT 1",
		.nargs = 3,
		.types = {TEXTOID, TEXTOID, TIMESTAMPTZOID}};
	Datum args[3] = {CStringGetTextDatum(act->actor), CStringGetTextDatum(a->department),
					 TimestampTzGetDatum(act->happened)};
	int64 staff_id;
	bool  isnull;

	if (triage_read(&plan, args, NULL) != 1)
		return;
	staff_id = DatumGetInt64(triage_result(0, 1, &isnull));
	name_person(act, a->seq, staff_id);
	jb_int(&act->data, "staff_id", staff_id);
}

/* ---- the lead that was off duty ---- */

/* Did the decision in force put `lead` in the place of `department`, for nobody was on duty? */
static bool
stood_in(Act *act, const char *department, const char *lead)
{
	static KeptPlan plan = {
		.sql = "SELECT d.facts -> 'roster' @> pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object("
			   "'unit', $2, 'instead', $3, 'duty', 'lead')) FROM triage.decisions d WHERE d.case_id = $1"
			   " ORDER BY d.seq DESC LIMIT 1",
		.nargs = 3,
		.types = {INT8OID, TEXTOID, TEXTOID}};
	Datum args[3] = {Int64GetDatum(act->c.case_id), CStringGetTextDatum(department),
					 CStringGetTextDatum(lead)};
	bool  isnull;
	Datum yes;

	if (triage_read(&plan, args, NULL) != 1)
		return false;
	yes = triage_result(0, 1, &isnull);
	return !isnull && DatumGetBool(yes);
}

static void
set_duty(Act *act, Assignment *a, const char *duty)
{
	static KeptPlan plan = {.sql = "UPDATE triage.assignments SET duty = $3 WHERE case_id = $1 AND seq = $2",
							.nargs = 3,
							.types = {INT8OID, INT4OID, TEXTOID}};
	Datum args[3] = {Int64GetDatum(act->c.case_id), Int32GetDatum(a->seq), CStringGetTextDatum(duty)};

	triage_run(&plan, args, NULL, SPI_OK_UPDATE);
	a->duty = duty;
}

static void
tell_lead_moved(Act *act, const Assignment *from, const Assignment *to)
{
	JsonBuild b = {0};

	jb_object(&b, NULL);
	jb_text(&b, "department", to->department);
	jb_int(&b, "assignment", to->seq);
	jb_text(&b, "from", from->department);
	jb_int(&b, "from_assignment", from->seq);
	jb_end_object(&b);
	act_event(act, "take_lead", jb_finish(&b));
	verb_tell(act, book_department(act->book, from->department, strlen(from->department)), "withdrawn",
			  "lead");
}

void
staff_take_lead(Act *act, Assignment *a)
{
	Department *unit = book_department(act->book, a->department, strlen(a->department));
	Assignment *lead = act_lead(act);
	bool		must_go;

	/* only who has a roster can have been off duty */
	if (strcmp(a->duty, "assist") != 0 || unit == NULL || unit->nshifts == 0 || lead == NULL ||
		!stood_in(act, a->department, lead->department))
		return;
	must_go = clock_running(act, "arrive", lead->seq) != NULL;
	act_set_assignment(act, lead, lead->accepted ? "done" : "withdrawn");
	act_stop_clocks(act, NULL, lead->seq, act->happened, true);
	act_stop_clocks(act, "assist", a->seq, act->happened, false);
	set_duty(act, a, "lead");
	act_set_lead(act, a->department);
	if (strcmp(act->c.status, "dispatched") == 0)
		act_set_status(act, "accepted");
	clock_start(act, a->seq, STAGE_FEEDBACK);
	if (must_go)
		clock_start(act, a->seq, STAGE_ARRIVE);
	tell_lead_moved(act, lead, a);
}

/* ---- naming a person ---- */

typedef struct Person
{
	int64		staff_id;
	const char *department;
	const char *kind;
	bool		there;
} Person;

static Person
known_person(Act *act, int64 staff_id)
{
	static KeptPlan plan = {.sql = "SELECT s.department, s.kind, s.active @> triage.local_date($2)"
								   " FROM triage.staff s WHERE s.staff_id = $1",
							.nargs = 2,
							.types = {INT8OID, TIMESTAMPTZOID}};
	Datum			args[2] = {Int64GetDatum(staff_id), TimestampTzGetDatum(act->now)};
	Person			p = {.staff_id = staff_id};
	bool			isnull;

	if (triage_read(&plan, args, NULL) == 1)
	{
		p.department = triage_result_text(0, 1);
		p.kind = triage_result_text(0, 2);
		p.there = DatumGetBool(triage_result(0, 3, &isnull));
	}
	if (!p.there || strcmp(p.kind, "volunteer") == 0)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN),
						errmsg("nobody with number %lld can be assigned", (long long) staff_id),
						p.there ? errdetail("Volunteers are apart from those on duty.")
								: errdetail("There is no such person in triage.staff today."),
						errhint("triage.suggest_staff(%lld) names who fits.", (long long) act->c.case_id)));
	return p;
}

/* The agent's part of a department, offered now if it has none. */
static int
agent_part(Act *act, const char *department)
{
	Assignment *lead = act_lead(act);

	for (int i = 0; i < act->nassignments; i++)
		if (act->assignments[i].live && strcmp(act->assignments[i].duty, "agent") == 0 &&
			strcmp(act->assignments[i].department, department) == 0)
			return act->assignments[i].seq;
	records_party(act->w, act->book, &act->c, act_type(act), act_area(act), verb_department(act, department),
				  DUTY_AGENT, lead ? lead->seq : 0, act->now, &act->at, act->at.event_seq + 1);
	return act->at.assignment_seq;
}

/* assign_staff(case_id, staff_id, duty, note) */
Datum
triage_assign_staff(PG_FUNCTION_ARGS)
{
	static const char *const duties[] = {"agent", NULL};
	Act						 act;
	int						 seq;

	need_argument(fcinfo, 1, "staff_id");
	if (!PG_ARGISNULL(2))
		(void) verb_word(fcinfo, 2, "duty", duties);
	act_begin_verb(&act, fcinfo, "assign_staff", 3);
	if (!act.repeated)
	{
		Person p = known_person(&act, PG_GETARG_INT64(1));

		/* the department names its own people, an agent is named by whoever sees the case */
		seq = PG_ARGISNULL(2) ? act_party(&act, p.department, NULL)->seq : agent_part(&act, p.department);
		name_person(&act, seq, p.staff_id);
		jb_text(&act.data, "department", p.department);
		jb_int(&act.data, "assignment", seq);
		jb_text(&act.data, "duty", PG_ARGISNULL(2) ? NULL : "agent");
		jb_int(&act.data, "staff_id", p.staff_id);
	}
	PG_RETURN_DATUM(act_end(&act));
}
