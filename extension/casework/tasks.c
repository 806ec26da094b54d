/*
 * tasks.c
 *	  Tasks: cases without a caller.
 *
 * A task has assignment, clocks, ladder, inbox, rights and history as any
 * case has; only nobody reported it, so it has no source and informs nobody.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "base/names.h"
#include "casework/intake.h"
#include "casework/outbox.h"
#include "casework/rights.h"
#include "casework/tasks.h"
#include "casework/verbs.h"

PG_FUNCTION_INFO_V1(triage_open_task);

static int64
next_id(void)
{
	static KeptPlan plan = {.sql = "SELECT pg_catalog.nextval('triage.cases_case_id_seq')", .nargs = 0};

	if (triage_run(&plan, NULL, NULL, SPI_OK_SELECT) != 1)
		elog(ERROR, "no number for a task");
	return triage_result_int(0, 1, 0);
}

static void
put_case(Act *act, int64 id, const Task *task, const char *number)
{
	static KeptPlan plan = {
		.sql =
			"INSERT INTO triage.cases (case_id, number, kind, channel, reported_at, received_at, body, area, address,"
			" location, case_type, nature, priority, danger, status, lead, confidence, dispatched_at, report_count,"
			" event_seq, rulebook_version, attrs)"
			" SELECT $2, $3, $4, p.channel, $5, $5, $6, p.area, p.address, p.location, p.case_type, 'nonpolice',"
			" greatest(p.priority, 2), false, 'dispatched', $7, 1, $5, 1, 1, $8, '{}'"
			" FROM triage.cases p WHERE p.case_id = $1",
		.nargs = 8,
		.types = {INT8OID, INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, INT8OID}};
	Datum args[8] = {Int64GetDatum(act->c.case_id),
					 Int64GetDatum(id),
					 CStringGetTextDatum(number),
					 CStringGetTextDatum(task->kind),
					 TimestampTzGetDatum(act->now),
					 CStringGetTextDatum(task->body),
					 CStringGetTextDatum(task->department->code),
					 Int64GetDatum(act->book->version)};

	intake_ready(id);
	triage_run(&plan, args, NULL, SPI_OK_INSERT);
	intake_ready(0);
}

static void
put_link(Act *act, int64 id, const char *kind)
{
	static KeptPlan plan = {
		.sql = "INSERT INTO triage.links (case_id, linked_case, kind, at) VALUES ($1, $2, $3, $4)",
		.nargs = 4,
		.types = {INT8OID, INT8OID, TEXTOID, TIMESTAMPTZOID}};
	Datum args[4] = {Int64GetDatum(id), Int64GetDatum(act->c.case_id), CStringGetTextDatum(kind),
					 TimestampTzGetDatum(act->now)};

	triage_run(&plan, args, NULL, SPI_OK_INSERT);
}

/* The rows of the task beside its own: part, clocks, event, delivery. */
static void
put_rows(Act *act, CaseFacts *c, const Task *task)
{
	Counters	  at = {.event_seq = 1};
	CaseType	 *type = act_type(act);
	Area		 *area = act_area(act);
	MemoryContext old = MemoryContextSwitchTo(writer_context(act->w));
	TimedPart	  timed = {.case_id = c->case_id, .type = type, .area = area, .priority = c->priority};
	unsigned char hash[HISTORY_HASH_LEN];
	JsonBuild	  b = {0};

	if (TIMESTAMP_IS_NOEND(task->due_at))
		at.case_due = records_clock(act->w, act->book, &timed, &at, STAGE_RESOLVE, act->now);
	else
	{
		records_clock_until(act->w, act->book, &timed, &at, STAGE_RESOLVE, act->now, task->due_at);
		at.case_due = task->due_at;
	}
	records_party(act->w, act->book, c, type, area, task->department, DUTY_LEAD, 0, act->now, &at, 1);
	jb_object(&b, NULL);
	jb_int(&b, "parent", act->c.case_id);
	jb_text(&b, "kind", task->kind);
	jb_text(&b, "department", task->department->code);
	jb_text(&b, "body", task->body);
	jb_text(&b, "area", c->area);
	jb_text(&b, "case_type", c->case_type);
	jb_int(&b, "priority", c->priority);
	jb_end_object(&b);
	records_event(act->w, c->case_id, 1, act->now, act->actor, "open_task", jb_finish(&b), NULL, hash);
	MemoryContextSwitchTo(old);
}

int64
task_open(Act *act, const Task *task)
{
	CaseFacts c = act->c;

	c.case_id = next_id();
	c.number = intake_number(act->book, c.case_id, act->now);
	c.external_ref = c.reporter = c.contact = NULL;
	c.body = task->body;
	c.status = "dispatched";
	c.nature = "nonpolice";
	c.lead = task->department->code;
	c.priority = Max(act->c.priority, 2);
	c.danger = false;
	c.reported_at = act->now;
	put_case(act, c.case_id, task, c.number);
	put_link(act, c.case_id, task->link);
	put_rows(act, &c, task);
	return c.case_id;
}

/* The task that this request opened when it was carried out before. */
static int64
opened_before(Act *act)
{
	static KeptPlan plan = {.sql =
								"SELECT (e.data ->> 'task')::bigint FROM triage.events e WHERE e.case_id = $1"
								" AND e.verb = 'open_task' AND e.data ->> 'request_id' = $2",
							.nargs = 2,
							.types = {INT8OID, TEXTOID}};
	Datum			args[2] = {Int64GetDatum(act->c.case_id), CStringGetTextDatum(triage_request_id)};

	return triage_read(&plan, args, NULL) == 1 ? triage_result_int(0, 1, 0) : 0;
}

/* The task's own row, for whom may see it; else the case it came from. */
static Datum
row_of(int64 case_id)
{
	static KeptPlan plan = {.sql = "SELECT c.* FROM triage.cases c WHERE c.case_id = $1",
							.nargs = 1,
							.types = {INT8OID}};
	Datum			args[1] = {Int64GetDatum(case_id)};
	MemoryContext	caller = CurrentMemoryContext;
	OwnerSwitch		sw;
	CaseRow			row;
	Datum			result;
	MemoryContext	old;

	triage_owner_begin(&sw);
	if (triage_read(&plan, args, NULL) != 1)
		elog(ERROR, "task %lld vanished", (long long) case_id);
	rights_hide_caller(&row, case_row_read(&row, SPI_tuptable->vals[0], SPI_tuptable->tupdesc));
	old = MemoryContextSwitchTo(caller);
	result = case_row_result(&row);
	MemoryContextSwitchTo(old);
	triage_owner_end(&sw);
	return result;
}

Datum
triage_open_task(PG_FUNCTION_ARGS)
{
	static const char *const kinds[] = {"task", "visit", "campaign", NULL};
	Act						 act;
	Task					 task = {.link = "part_of", .due_at = DT_NOEND};
	char					*department = text_argument(fcinfo, 2);
	char					*note = text_argument(fcinfo, 5);
	int64					 id;
	Datum					 result;

	need_argument(fcinfo, 0, "parent");
	task.kind = verb_word(fcinfo, 1, "kind", kinds);
	need_argument(fcinfo, 2, "department");
	task.body = verb_need_text(fcinfo, 3, "body");
	act_begin(&act, "open_task", PG_GETARG_INT64(0), note);
	if (!act.repeated)
	{
		task.department = verb_department(&act, department);
		if (!PG_ARGISNULL(4))
			task.due_at = PG_GETARG_TIMESTAMPTZ(4);
		if (TIMESTAMP_IS_NOBEGIN(task.due_at) || task.due_at <= act.now)
			ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT), errmsg("a task must be due in the future"),
							errdetail("It is %s now.", timestamptz_to_str(act.now)),
							errhint("Leave due_at out for the limit of the case's type.")));
		id = task_open(&act, &task);
		jb_int(&act.data, "task", id);
		jb_text(&act.data, "kind", task.kind);
		jb_text(&act.data, "department", department);
		if (!TIMESTAMP_IS_NOEND(task.due_at))
			jb_time(&act.data, "due_at", task.due_at);
	}
	else
		id = opened_before(&act);
	result = act_end(&act);
	PG_RETURN_DATUM(id == 0 ? result : row_of(id));
}

void
tasks_follow_up(Act *act, const char *outcome)
{
	static KeptPlan plan = {
		.sql = "SELECT f.department, f.relation, f.kind, $4 + f.after, f.zh FROM triage.follow_ups f"
			   " WHERE f.active AND (f.case_type IS NULL OR f.case_type = $1 OR f.case_type = $2)"
			   " AND (f.outcome IS NULL OR f.outcome = $3) ORDER BY f.code",
		.nargs = 4,
		.types = {TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}};
	CaseType	  *type = act_type(act);
	char		   nulls[5] = "    ";
	Datum		   args[4] = {(Datum) 0, (Datum) 0, (Datum) 0, TimestampTzGetDatum(act->now)};
	Area		  *area = act_area(act) ? act_area(act) : act->book->root_area;
	uint64		   n;
	SPITupleTable *rows;

	nulls[0] = type ? ' ' : 'n';
	nulls[1] = type && type->parent ? ' ' : 'n';
	nulls[2] = outcome ? ' ' : 'n';
	if (type != NULL)
		args[0] = CStringGetTextDatum(type->code);
	if (type != NULL && type->parent != NULL)
		args[1] = CStringGetTextDatum(type->parent->code);
	if (outcome != NULL)
		args[2] = CStringGetTextDatum(outcome);
	n = triage_read(&plan, args, nulls);
	rows = SPI_tuptable;
	for (uint64 i = 0; i < n; i++)
	{
		Task	  task = {.link = "follow_up"};
		JsonBuild b = {0};
		char	 *code;
		char	 *kind;
		bool	  isnull;

		SPI_tuptable = rows;
		code = triage_result_text(i, 1);
		kind = triage_result_text(i, 2);
		task.kind = triage_result_text(i, 3);
		task.due_at = DatumGetTimestampTz(triage_result(i, 4, &isnull));
		task.body = triage_result_text(i, 5);
		task.department = code	 ? book_department(act->book, code, strlen(code))
						  : kind ? book_unit(act->book, kind, area)
								 : NULL;
		if (task.department == NULL)
			task.department = book_centre(act->book, act_area(act));
		jb_object(&b, NULL);
		jb_int(&b, "task", task_open(act, &task));
		jb_text(&b, "kind", task.kind);
		jb_text(&b, "department", task.department->code);
		jb_time(&b, "due_at", task.due_at);
		jb_end_object(&b);
		act_event(act, "follow_up", jb_finish(&b));
	}
}
