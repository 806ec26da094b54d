/*
 * clocks.c
 *	  Starting, pausing, resuming and extending clocks.
 *
 * A paused clock keeps in paused_at and paused_step_at when it stood still
 * and when its next step would have come.  Resumed, both due time and step
 * are as far ahead as they were, counted in the clock's own time: working
 * time for a limit in working hours or days.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "casework/clocks.h"
#include "casework/wake.h"

TimedPart
act_timed_part(const Act *act, int assignment_seq)
{
	return (TimedPart){.case_id = act->c.case_id,
					   .assignment_seq = assignment_seq,
					   .type = act_type(act),
					   .area = act_area(act),
					   .priority = act->c.priority,
					   .danger = act->c.danger};
}

void
clock_start(Act *act, int assignment_seq, Stage stage)
{
	MemoryContext old = MemoryContextSwitchTo(writer_context(act->w));
	TimedPart	  timed = act_timed_part(act, assignment_seq);

	records_clock(act->w, act->book, &timed, &act->at, stage, act->now);
	MemoryContextSwitchTo(old);
}

void
clock_start_until(Act *act, int assignment_seq, Stage stage, TimestampTz due)
{
	TimedPart timed = act_timed_part(act, assignment_seq);

	records_clock_until(act->w, act->book, &timed, &act->at, stage, act->now, due);
}

TimestampTz
clocks_part_due(const Act *act, int assignment_seq, bool leads)
{
	TimestampTz due = DT_NOEND;
	ListCell   *lc;

	for (int i = 0; i < act->nclocks; i++)
	{
		const Clock *k = &act->clocks[i];

		if (k->running && (k->assignment_seq == assignment_seq || (leads && k->assignment_seq == 0)))
			due = Min(due, k->due_at);
	}
	foreach(lc, act->at.started)
	{
		const Started *s = lfirst(lc);

		if (s->assignment_seq == assignment_seq || (leads && s->assignment_seq == 0))
			due = Min(due, s->due_at);
	}
	return due;
}

int
clocks_next_due(const Act *act, PartDue *parts)
{
	int		  n = 0;
	ListCell *lc;

	for (int i = 0; i < act->nassignments; i++)
	{
		const Assignment *a = &act->assignments[i];
		TimestampTz		  due;

		if (!a->live)
			continue;
		due = clocks_part_due(act, a->seq, strcmp(a->duty, "lead") == 0);
		if (due != a->due_at)
			parts[n++] = (PartDue){a->seq, due};
	}
	foreach(lc, act->at.joined)
	{
		const Joined *j = lfirst(lc);
		TimestampTz	  due = clocks_part_due(act, j->seq, j->duty == DUTY_LEAD);

		if (due != j->due_at)
			parts[n++] = (PartDue){j->seq, due};
	}
	return n;
}

void
clocks_write_next_due(int64 case_id, const PartDue *parts, int n)
{
	static KeptPlan plan = {.sql =
								"UPDATE triage.assignments SET due_at = $3 WHERE case_id = $1 AND seq = $2",
							.nargs = 3,
							.types = {INT8OID, INT4OID, TIMESTAMPTZOID}};

	for (int i = 0; i < n; i++)
	{
		Datum args[3] = {Int64GetDatum(case_id), Int32GetDatum(parts[i].assignment_seq),
						 TimestampTzGetDatum(parts[i].due_at)};

		triage_run(&plan, args, TIMESTAMP_IS_NOEND(parts[i].due_at) ? "  n" : NULL, SPI_OK_UPDATE);
	}
}

Clock *
clock_running(Act *act, const char *stage, int assignment_seq)
{
	for (int i = 0; i < act->nclocks; i++)
	{
		Clock *k = &act->clocks[i];

		if (k->running && strcmp(k->stage, stage) == 0 &&
			(assignment_seq < 0 || k->assignment_seq == assignment_seq))
			return k;
	}
	return NULL;
}

TimestampTz
clock_limit(Act *act, Stage stage, TimestampTz start)
{
	Policy *p =
		policy_for(act->book, act_type(act), stage, act->c.priority, act->c.danger, act_area(act), start);

	if (p == NULL)
		return DT_NOEND;
	return limit_add(start, p->amount, p->unit, p->unit >= UNIT_WORK_HOUR ? p->calendar : NULL);
}

static void
tell_moved(Act *act, const Clock *k, TimestampTz was)
{
	JsonBuild b = {0};

	if (k->due_at == was)
		return;
	jb_object(&b, NULL);
	jb_int(&b, "clock_id", k->clock_id);
	jb_text(&b, "stage", k->stage);
	jb_time(&b, "was_due_at", was);
	jb_time(&b, "due_at", k->due_at);
	jb_text(&b, "because", act->verb);
	jb_end_object(&b);
	act_event(act, "retime", jb_finish(&b));
}

void
clocks_pause(Act *act)
{
	static KeptPlan plan = {.sql = "UPDATE triage.clocks SET state = 'paused', paused_at = $3,"
								   " paused_step_at = next_step_at, next_step_at = NULL"
								   " WHERE case_id = $1 AND clock_id = $2",
							.nargs = 3,
							.types = {INT8OID, INT4OID, TIMESTAMPTZOID}};

	for (int i = 0; i < act->nclocks; i++)
	{
		Clock *k = &act->clocks[i];
		Datum  args[3] = {Int64GetDatum(act->c.case_id), Int32GetDatum(k->clock_id),
						  TimestampTzGetDatum(act->now)};

		if (!k->running)
			continue;
		triage_run(&plan, args, NULL, SPI_OK_UPDATE);
		act_put_segment(act, k, "running", k->segment, k->runs_since, Max(act->now, k->runs_since));
		k->running = false;
	}
}

/* As far ahead of now as `at` was of the moment the clock stood still; what was past stays where it was. */
static TimestampTz
shifted(const Calendar *calendar, TimestampTz at, TimestampTz paused, TimestampTz now)
{
	int64 moved;

	if (at <= paused)
		return at;
	if (calendar == NULL)
		return now + (at - paused);
	moved = work_add(&calendar->work, now, work_between(&calendar->work, paused, at));
	return moved == WORK_NEVER ? now + (at - paused) : moved;
}

static void
write_resumed(Act *act, const Clock *k, TimestampTz step)
{
	static KeptPlan plan = {
		.sql = "UPDATE triage.clocks SET state = 'running', due_at = $3, next_step_at = $4, paused_at = NULL,"
			   " paused_step_at = NULL, resumed_at = $5, segment = $6 WHERE case_id = $1 AND clock_id = $2",
		.nargs = 6,
		.types = {INT8OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID}};
	Datum args[6] = {Int64GetDatum(act->c.case_id),	 Int32GetDatum(k->clock_id),
					 TimestampTzGetDatum(k->due_at), TimestampTzGetDatum(step),
					 TimestampTzGetDatum(act->now),	 Int32GetDatum(k->segment)};

	triage_run(&plan, args, TIMESTAMP_IS_NOEND(step) ? "   n  " : NULL, SPI_OK_UPDATE);
	if (!TIMESTAMP_IS_NOEND(step))
		wake_timekeeper_at_commit(step);
}

static void
resume_clock(Act *act, Clock *k, TimestampTz paused, TimestampTz step)
{
	Calendar   *calendar = act_calendar(act, k);
	TimestampTz was = k->due_at;

	act_put_segment(act, k, "paused", k->segment + 1, paused, Max(act->now, paused));
	k->segment += 2;
	k->runs_since = act->now;
	k->due_at = shifted(calendar, was, paused, act->now);
	k->running = true;
	if (!TIMESTAMP_IS_NOEND(step))
		step = shifted(calendar, step, paused, act->now);
	write_resumed(act, k, step);
	tell_moved(act, k, was);
}

void
clocks_resume(Act *act)
{
	static KeptPlan plan = {
		.sql = "SELECT k.clock_id, coalesce(k.assignment_seq, 0), k.stage, k.calendar, k.policy_version,"
			   " k.started_at, k.due_at, k.paused_at, k.paused_step_at, coalesce(k.segment, 1), k.colour"
			   " FROM triage.clocks k WHERE k.case_id = $1 AND k.state = 'paused' ORDER BY k.clock_id",
		.nargs = 1,
		.types = {INT8OID}};
	Datum		   args[1] = {Int64GetDatum(act->c.case_id)};
	int			   n = triage_run(&plan, args, NULL, SPI_OK_SELECT);
	SPITupleTable *rows = SPI_tuptable;
	Clock		  *all = palloc0((act->nclocks + n + 1) * sizeof(Clock));
	bool		   isnull;

	memcpy(all, act->clocks, act->nclocks * sizeof(Clock));
	act->clocks = all;
	for (int i = 0; i < n; i++)
	{
		Clock	   *k = &act->clocks[act->nclocks++];
		TimestampTz paused;
		TimestampTz step;

		SPI_tuptable = rows;
		k->clock_id = triage_result_int(i, 1, 0);
		k->assignment_seq = triage_result_int(i, 2, 0);
		k->stage = triage_result_text(i, 3);
		k->calendar = triage_result_text(i, 4);
		k->policy_version = triage_result_int(i, 5, 0);
		k->started_at = DatumGetTimestampTz(triage_result(i, 6, &isnull));
		k->due_at = DatumGetTimestampTz(triage_result(i, 7, &isnull));
		paused = DatumGetTimestampTz(triage_result(i, 8, &isnull));
		step = DatumGetTimestampTz(triage_result(i, 9, &isnull));
		if (isnull)
			step = DT_NOEND;
		k->segment = triage_result_int(i, 10, 1);
		k->colour = triage_result_text(i, 11);
		resume_clock(act, k, paused, step);
	}
}

void
clock_extend(Act *act, Clock *k, TimestampTz due, const Interval *by)
{
	static KeptPlan read = {.sql = "SELECT k.ladder, k.next_step, k.occurrence FROM triage.clocks k"
								   " WHERE k.case_id = $1 AND k.clock_id = $2",
							.nargs = 2,
							.types = {INT8OID, INT4OID}};
	static KeptPlan write = {.sql = "UPDATE triage.clocks SET due_at = $3, extended_by = $4, colour = NULL,"
									" next_step_at = CASE WHEN $6 THEN next_step_at ELSE $5 END"
									" WHERE case_id = $1 AND clock_id = $2",
							 .nargs = 6,
							 .types = {INT8OID, INT4OID, TIMESTAMPTZOID, INTERVALOID, TIMESTAMPTZOID,
									   BOOLOID}};
	Datum			args[6] = {Int64GetDatum(act->c.case_id),
							   Int32GetDatum(k->clock_id),
							   TimestampTzGetDatum(due),
							   IntervalPGetDatum(by),
							   (Datum) 0,
							   (Datum) 0};
	TimestampTz		was = k->due_at;
	TimestampTz		step = DT_NOEND;
	char		   *code;
	Ladder		   *ladder;
	int				next;

	if (triage_read(&read, args, NULL) != 1)
		elog(ERROR, "clock %d of case %lld vanished", k->clock_id, (long long) act->c.case_id);
	code = triage_result_text(0, 1);
	next = triage_result_int(0, 2, 0);
	args[5] = BoolGetDatum(triage_result_int(0, 3, 0) > 0);
	ladder = code ? book_ladder(act->book, code, strlen(code)) : NULL;
	if (ladder != NULL && next < ladder->nsteps)
		step = ladder_step_at(&ladder->steps[next], k->started_at, due, act_calendar(act, k));
	args[4] = TimestampTzGetDatum(step);
	triage_run(&write, args, TIMESTAMP_IS_NOEND(step) ? "    n " : NULL, SPI_OK_UPDATE);
	if (!TIMESTAMP_IS_NOEND(step))
		wake_timekeeper_at_commit(step);
	k->due_at = due;
	k->colour = NULL;
	tell_moved(act, k, was);
}
