/*
 * retime.c
 *	  Running clocks of a case whose type, area or urgency changed.
 *
 * A clock keeps its start, so a correction neither gives nor takes time that
 * has passed.  One that a person moved (resumed, extended) is only brought
 * forward, counted from when it last went on.  Steps that were fired stay
 * fired; of another ladder those come next whose numbers lie behind.  Clocks
 * of what the desk has to do itself (returns, whistles, reviews) stay.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "casework/retime.h"
#include "casework/wake.h"

typedef struct Timed
{
	Clock	   *clock;
	const char *policy;
	int			amount;
	const char *unit;
	const char *ladder;
	int			next_step; /* index into the ladder */
	int			occurrence;
	int			last_fired; /* number of the last step that fired, 0 = none */
	bool		moved;		/* paused or extended before */
} Timed;

static Timed *
read_timed(Act *act, int *n)
{
	static KeptPlan plan = {
		.sql = "SELECT k.clock_id, k.policy, k.ladder, k.next_step, k.occurrence,"
			   " (SELECT pg_catalog.max(s.step) FROM triage.clock_steps s"
			   " WHERE s.case_id = k.case_id AND s.clock_id = k.clock_id),"
			   " k.resumed_at IS NOT NULL OR k.extended_by IS NOT NULL, k.amount, k.unit"
			   " FROM triage.clocks k WHERE k.case_id = $1 AND k.state = 'running' ORDER BY k.clock_id",
		.nargs = 1,
		.types = {INT8OID}};
	Datum  args[1] = {Int64GetDatum(act->c.case_id)};
	int	   rows = triage_run(&plan, args, NULL, SPI_OK_SELECT);
	Timed *timed = palloc0(Max(rows, 1) * sizeof(Timed));

	bool isnull;

	*n = 0;
	for (int i = 0; i < rows; i++)
	{
		Timed *t = &timed[*n];
		int	   id = triage_result_int(i, 1, 0);

		for (int j = 0; j < act->nclocks; j++)
			if (act->clocks[j].clock_id == id)
				t->clock = &act->clocks[j];
		if (t->clock == NULL || !t->clock->running)
			continue;
		t->policy = triage_result_text(i, 2);
		t->ladder = triage_result_text(i, 3);
		t->next_step = triage_result_int(i, 4, 0);
		t->occurrence = triage_result_int(i, 5, 0);
		t->last_fired = triage_result_int(i, 6, 0);
		t->moved = DatumGetBool(triage_result(i, 7, &isnull));
		t->amount = triage_result_int(i, 8, 0);
		t->unit = triage_result_text(i, 9);
		(*n)++;
	}
	return timed;
}

static Stage
stage_of(const char *name)
{
	for (int i = 0; stage_names[i] != NULL; i++)
		if (strcmp(stage_names[i], name) == 0)
			return (Stage) i;
	elog(ERROR, "unexpected stage \"%s\" of a clock", name);
}

/* The step that comes next under the new policy, and when; DT_NOEND = none. */
static TimestampTz
next_step(Timed *t, const Policy *p, TimestampTz due)
{
	const Ladder   *ladder = p->ladder;
	const Calendar *calendar = p->unit >= UNIT_WORK_HOUR ? p->calendar : NULL;

	if (t->ladder == NULL || ladder == NULL || strcmp(t->ladder, ladder->code) != 0)
	{
		t->next_step = 0;
		t->occurrence = 0;
		while (ladder != NULL && t->next_step < ladder->nsteps &&
			   ladder->steps[t->next_step].step <= t->last_fired)
			t->next_step++;
	}
	if (ladder == NULL || t->next_step >= ladder->nsteps)
		return DT_NOEND;
	return ladder_step_at(&ladder->steps[t->next_step], t->clock->started_at, due, calendar);
}

static void
write_clock(Act *act, const Timed *t, const Policy *p, TimestampTz due, TimestampTz step)
{
	static KeptPlan plan = {
		.sql =
			"UPDATE triage.clocks SET policy = $3, policy_version = $4, calendar = $5, calendar_version = $6,"
			" amount = $7, unit = $8, ladder = $9, next_step = $10, occurrence = $11, due_at = $12,"
			/* a step that repeats keeps its own rhythm */
			" next_step_at = CASE WHEN $11 > 0 THEN next_step_at ELSE $13 END, colour = $14"
			" WHERE case_id = $1 AND clock_id = $2",
		.nargs = 14,
		.types = {INT8OID, INT4OID, TEXTOID, INT8OID, TEXTOID, INT4OID, INT4OID, TEXTOID, TEXTOID, INT4OID,
				  INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID}};
	const Calendar *c = p->unit >= UNIT_WORK_HOUR ? p->calendar : NULL;
	const Clock	   *k = t->clock;
	char			nulls[14];
	Datum			args[14] = {Int64GetDatum(act->c.case_id),
								Int32GetDatum(k->clock_id),
								CStringGetTextDatum(p->code),
								Int64GetDatum(act->book->version),
						c ? CStringGetTextDatum(c->code) : (Datum) 0,
								Int32GetDatum(c ? c->version : 0),
								Int32GetDatum(p->amount),
								CStringGetTextDatum(unit_names[p->unit]),
						p->ladder ? CStringGetTextDatum(p->ladder->code) : (Datum) 0,
								Int32GetDatum(t->next_step),
								Int32GetDatum(t->occurrence),
								TimestampTzGetDatum(due),
								TimestampTzGetDatum(step),
						k->colour ? CStringGetTextDatum(k->colour) : (Datum) 0};

	memset(nulls, ' ', sizeof(nulls));
	nulls[4] = nulls[5] = c ? ' ' : 'n';
	nulls[8] = p->ladder ? ' ' : 'n';
	nulls[12] = TIMESTAMP_IS_NOEND(step) ? 'n' : ' ';
	nulls[13] = k->colour ? ' ' : 'n';
	triage_run(&plan, args, nulls, SPI_OK_UPDATE);
}

static void
retime_clock(Act *act, Timed *t, Policy *p)
{
	Clock	   *k = t->clock;
	Calendar   *calendar = p->unit >= UNIT_WORK_HOUR ? p->calendar : NULL;
	TimestampTz was = k->due_at;
	TimestampTz due = limit_add(t->moved ? k->runs_since : k->started_at, p->amount, p->unit, calendar);
	TimestampTz step;
	JsonBuild	b = {0};

	if (t->moved)
		due = Min(due, was);
	step = next_step(t, p, due);
	/* what is no longer late loses the colour of lateness */
	if (due > was && due > act->now)
		k->colour = NULL;
	k->due_at = due;
	k->policy_version = act->book->version;
	k->calendar = calendar ? calendar->code : NULL;
	write_clock(act, t, p, due, step);
	if (!TIMESTAMP_IS_NOEND(step))
		wake_timekeeper_at_commit(step);
	if (due == was)
		return;
	jb_object(&b, NULL);
	jb_int(&b, "clock_id", k->clock_id);
	jb_text(&b, "stage", k->stage);
	jb_time(&b, "was_due_at", was);
	jb_time(&b, "due_at", due);
	jb_text(&b, "because", act->verb);
	jb_end_object(&b);
	act_event(act, "retime", jb_finish(&b));
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Does the policy time a clock otherwise than the clock was started with? */
static bool
times_otherwise(const Policy *p, const Timed *t)
{
	const Calendar *c = p->unit >= UNIT_WORK_HOUR ? p->calendar : NULL;

	return strcmp(p->code, t->policy) != 0 || p->amount != t->amount ||
		   strcmp(unit_names[p->unit], t->unit) != 0 || !same_text(c ? c->code : NULL, t->clock->calendar) ||
		   !same_text(p->ladder ? p->ladder->code : NULL, t->ladder);
}

void
retime_by_policy(Act *act, const char *policy, RetimeTold tell, void *arg)
{
	int	   n;
	Timed *timed = read_timed(act, &n);

	for (int i = 0; i < n; i++)
	{
		Clock	   *k = timed[i].clock;
		Stage		stage = stage_of(k->stage);
		TimestampTz was = k->due_at;
		Policy	   *p;

		if (stage > STAGE_ASSIST)
			continue;
		p = policy_for(act->book, act_type(act), stage, act->c.priority, act->c.danger, act_area(act),
					   k->started_at);
		/* a stage that nothing times any more is left to run out: nobody asked for it to be called off */
		if (p == NULL || !times_otherwise(p, &timed[i]) ||
			(policy != NULL && strcmp(policy, p->code) != 0 && strcmp(policy, timed[i].policy) != 0))
			continue;
		retime_clock(act, &timed[i], p);
		tell(arg, act->c.case_id, k, was, k->due_at);
	}
}

void
retime_clocks(Act *act)
{
	CaseType *type = act_type(act);
	Area	 *area = act_area(act);
	int		  n;
	Timed	 *timed = read_timed(act, &n);

	for (int i = 0; i < n; i++)
	{
		Clock  *k = timed[i].clock;
		Stage	stage = stage_of(k->stage);
		Policy *p = policy_for(act->book, type, stage, act->c.priority, act->c.danger, area, k->started_at);

		if (stage > STAGE_ASSIST)
			continue;
		if (p == NULL)
			act_stop_clocks(act, k->stage, k->assignment_seq, act->now, true);
		/* a policy that was edited meanwhile leaves running clocks alone */
		else if (strcmp(p->code, timed[i].policy) != 0)
			retime_clock(act, &timed[i], p);
	}
}

bool
had_clock(Act *act, int assignment_seq, Stage stage)
{
	static KeptPlan plan = {
		.sql = "SELECT 1 FROM triage.clocks k WHERE k.case_id = $1 AND coalesce(k.assignment_seq, 0) = $2"
			   " AND k.stage = $3 AND k.state <> 'cancelled' LIMIT 1",
		.nargs = 3,
		.types = {INT8OID, INT4OID, TEXTOID}};
	Datum args[3] = {Int64GetDatum(act->c.case_id), Int32GetDatum(assignment_seq),
					 CStringGetTextDatum(stage_names[stage])};

	return triage_run(&plan, args, NULL, SPI_OK_SELECT) > 0;
}
