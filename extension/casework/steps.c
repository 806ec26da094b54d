/*
 * steps.c
 *	  Fires the steps of ladders that fell due.
 *
 * Due cases are read without locks; each is then locked, or left for soon
 * when somebody else has it, its clocks are read anew, and every step that is
 * due is recorded once: the key (case, clock, step, occurrence) is the second
 * net.  A case whose steps fail is set aside with the reason and tried again
 * later; the others go on.
 *
 * When the keeper was away for long, several steps of one clock are due at
 * once.  All are recorded with their lateness, but only the last of each
 * clock sends a notice: old notices help nobody.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/names.h"
#include "casework/act.h"
#include "casework/outbox.h"
#include "casework/recompute.h"
#include "casework/steps.h"
#include "casework/wake.h"

/* a failed case is tried again after this long, doubling with each failure up to 32 times */
#define RETRY_AFTER (30 * USECS_PER_SEC)

/* due cases read by one query */
#define READ_AT_ONCE 1024

typedef struct DueClock
{
	int			clock_id;
	int			assignment_seq;
	const char *stage;
	const char *ladder;
	const char *calendar;
	int			next_step; /* index into the ladder */
	int			occurrence;
	bool		acknowledged;
	const char *colour;
	TimestampTz started_at;
	TimestampTz due_at;
	TimestampTz next_step_at;
} DueClock;

TimestampTz
steps_next_due(TimestampTz now)
{
	static KeptPlan plan = {
		.sql =
			"SELECT k.next_step_at FROM triage.clocks k WHERE k.next_step_at IS NOT NULL"
			" AND NOT EXISTS (SELECT 1 FROM triage.quarantine q WHERE q.case_id = k.case_id AND q.retry_at > $1)"
			" ORDER BY k.next_step_at, k.case_id LIMIT 1",
		.nargs = 1,
		.types = {TIMESTAMPTZOID}};
	Datum args[1] = {TimestampTzGetDatum(now)};
	bool  isnull;

	if (triage_run(&plan, args, NULL, SPI_OK_SELECT) == 0)
		return DT_NOEND;
	return DatumGetTimestampTz(triage_result(0, 1, &isnull));
}

static DueClock *
read_due(int64 case_id, TimestampTz at, int *n)
{
	static KeptPlan plan = {
		.sql =
			"SELECT k.clock_id, k.assignment_seq, k.stage, k.ladder, k.calendar, k.next_step,"
			" k.occurrence, k.acknowledged_at IS NOT NULL, k.colour, k.started_at, k.due_at, k.next_step_at"
			" FROM triage.clocks k WHERE k.case_id = $1 AND k.next_step_at <= $2 ORDER BY k.next_step_at, k.clock_id",
		.nargs = 2,
		.types = {INT8OID, TIMESTAMPTZOID}};
	Datum	  args[2] = {Int64GetDatum(case_id), TimestampTzGetDatum(at)};
	DueClock *due;
	bool	  isnull;

	*n = triage_run(&plan, args, NULL, SPI_OK_SELECT);
	due = palloc0(Max(*n, 1) * sizeof(DueClock));
	for (int i = 0; i < *n; i++)
	{
		due[i].clock_id = triage_result_int(i, 1, 0);
		due[i].assignment_seq = triage_result_int(i, 2, 0);
		due[i].stage = triage_result_text(i, 3);
		due[i].ladder = triage_result_text(i, 4);
		due[i].calendar = triage_result_text(i, 5);
		due[i].next_step = triage_result_int(i, 6, 0);
		due[i].occurrence = triage_result_int(i, 7, 0);
		due[i].acknowledged = DatumGetBool(triage_result(i, 8, &isnull));
		due[i].colour = triage_result_text(i, 9);
		due[i].started_at = DatumGetTimestampTz(triage_result(i, 10, &isnull));
		due[i].due_at = DatumGetTimestampTz(triage_result(i, 11, &isnull));
		due[i].next_step_at = DatumGetTimestampTz(triage_result(i, 12, &isnull));
	}
	return due;
}

/* Who answers for a clock: its party, else the lead. */
static Department *
owner_of(Act *act, const DueClock *k)
{
	for (int i = 0; i < act->nassignments; i++)
		if (act->assignments[i].seq == k->assignment_seq)
			return book_department(act->book, act->assignments[i].department,
								   strlen(act->assignments[i].department));
	return act->c.lead ? book_department(act->book, act->c.lead, strlen(act->c.lead)) : NULL;
}

/* Whom a step concerns. */
static Department *
target_of(Act *act, const DueClock *k, const LadderStep *step)
{
	Department *owner = owner_of(act, k);
	Area	   *area = act_area(act) ? act_area(act) : act->book->root_area;

	if (strcmp(step->target, "superior") == 0 && owner != NULL)
	{
		Department *superior = book_superior(act->book, owner, area);

		return superior ? superior : owner;
	}
	if (strcmp(step->target, "centre") == 0)
		return book_centre(act->book, area);
	if (strcmp(step->target, "commander") == 0)
		return book_unit(act->book, KIND_COMMANDER, area);
	return owner;
}

/* Nobody came in time: police go too; the civil lead stays and stays answerable. */
static Department *
call_police(Act *act, const DueClock *k)
{
	Area	   *area = act_area(act) ? act_area(act) : act->book->root_area;
	Department *police = book_unit(act->book, KIND_POLICE, area);
	JsonBuild	data = {0};

	/* they may take part already, called for another party that did not come */
	if (police == NULL || act_takes_part(act, police->code))
		return NULL;
	jb_object(&data, NULL);
	jb_text(&data, "department", police->code);
	jb_int(&data, "clock_id", k->clock_id);
	jb_text(&data, "because", "nobody arrived in time");
	jb_end_object(&data);
	act_event(act, "police_backup", jb_finish(&data));
	records_party(act->w, act->book, &act->c, act_type(act), act_area(act), police, DUTY_BACKUP,
				  k->assignment_seq, act->now, &act->at, act->at.event_seq);
	return police;
}

static void
record_step(Act *act, const DueClock *k, const LadderStep *step, const Department *target, TimestampTz at,
			bool collapsed)
{
	MemoryContext old = MemoryContextSwitchTo(writer_context(act->w));
	Interval	 *late = palloc0(sizeof(Interval));
	Row			  row;

	late->time = Max(at - k->next_step_at, 0);
	row_init(&row);
	row_int64(&row, STP_CASE_ID, act->c.case_id);
	row_int(&row, STP_CLOCK_ID, k->clock_id);
	row_int(&row, STP_STEP, step->step);
	row_int(&row, STP_OCCURRENCE, k->occurrence);
	row_text(&row, STP_COLOUR, step->colour);
	row_text(&row, STP_ACTION, action_names[step->action]);
	row_text(&row, STP_DEPARTMENT, target ? target->code : NULL);
	row_time(&row, STP_DUE_AT, k->next_step_at);
	row_time(&row, STP_FIRED_AT, at);
	row_set(&row, STP_LATENESS, IntervalPGetDatum(late));
	row_set(&row, STP_COLLAPSED, BoolGetDatum(collapsed));
	writer_put(act->w, TO_STEPS, &row);
	MemoryContextSwitchTo(old);
}

static Jsonb *
step_data(const DueClock *k, const LadderStep *step, const Department *target, TimestampTz at, bool collapsed)
{
	JsonBuild b = {0};

	jb_object(&b, NULL);
	jb_int(&b, "clock_id", k->clock_id);
	jb_text(&b, "stage", k->stage);
	jb_int(&b, "step", step->step);
	jb_int(&b, "occurrence", k->occurrence);
	jb_text(&b, "colour", step->colour);
	jb_text(&b, "action", action_names[step->action]);
	jb_text(&b, "department", target ? target->code : NULL);
	jb_text(&b, "zh", step->zh);
	jb_text(&b, "en", step->en);
	jb_time(&b, "due_at", k->due_at);
	jb_int(&b, "late_ms", Max(at - k->next_step_at, 0) / 1000);
	if (collapsed)
		jb_bool(&b, "collapsed", true);
	jb_end_object(&b);
	return jb_finish(&b);
}

/* When a step comes again: it repeats, and nobody has taken notice. */
static bool
repeats(const Act *act, const DueClock *k, const LadderStep *step)
{
	return step->repeat_us > 0 && !k->acknowledged && (!step->repeat_danger || act->c.danger);
}

static TimestampTz
step_time(Act *act, const DueClock *k, const Ladder *ladder, int i)
{
	Calendar *calendar = k->calendar ? book_calendar(act->book, k->calendar, strlen(k->calendar)) : NULL;

	return i < ladder->nsteps ? ladder_step_at(&ladder->steps[i], k->started_at, k->due_at, calendar)
							  : DT_NOEND;
}

/* The last repetition of a step that was fired. */
static int
last_occurrence(Act *act, const DueClock *k, const Ladder *ladder, int i)
{
	static KeptPlan plan = {.sql = "SELECT coalesce(max(s.occurrence), 0) FROM triage.clock_steps s"
								   " WHERE s.case_id = $1 AND s.clock_id = $2 AND s.step = $3",
							.nargs = 3,
							.types = {INT8OID, INT4OID, INT4OID}};
	Datum			args[3] = {Int64GetDatum(act->c.case_id), Int32GetDatum(k->clock_id),
							   Int32GetDatum(ladder->steps[i].step)};

	triage_run(&plan, args, NULL, SPI_OK_SELECT);
	return triage_result_int(0, 1, 0);
}

/*
 * Move a clock on from what it is firing now: to the next step of its ladder,
 * or to the next repetition of the last step that repeats, whichever comes
 * first.  (next_step, occurrence) with occurrence > 0 is that
 * repetition of that step; how far the ladder has got then follows from the
 * time.  Repetitions that were missed altogether are one; one that is due just
 * now comes still, unless it is what fires.
 */
static void
advance(Act *act, DueClock *k, const Ladder *ladder, TimestampTz at)
{
	int			reached = k->next_step;
	int			again;
	TimestampTz next;

	while (k->occurrence > 0 && step_time(act, k, ladder, reached + 1) <= k->next_step_at)
		reached++;
	next = step_time(act, k, ladder, reached + 1);
	for (again = reached; again >= 0 && !repeats(act, k, &ladder->steps[again]); again--)
		;
	if (again >= 0)
	{
		int64		every = ladder->steps[again].repeat_us;
		TimestampTz first = step_time(act, k, ladder, again);
		int64		n = Max((k->next_step_at - first) / every + 1,
							(Min(at, next) - first) / every + (again == k->next_step));

		if (first + n * every < next)
		{
			/* a number that only grows, whatever is done to the ladder or the calendar meanwhile */
			k->occurrence =
				1 + (again == k->next_step ? k->occurrence : last_occurrence(act, k, ladder, again));
			k->next_step = again;
			k->next_step_at = first + Max(n, 1) * every;
			return;
		}
	}
	k->next_step = reached + 1;
	k->occurrence = 0;
	k->next_step_at = next;
}

static void
save_clock(Act *act, const DueClock *k)
{
	static KeptPlan plan = {
		.sql = "UPDATE triage.clocks SET next_step = $3, occurrence = $4, next_step_at = $5, colour = $6"
			   " WHERE case_id = $1 AND clock_id = $2",
		.nargs = 6,
		.types = {INT8OID, INT4OID, INT4OID, INT4OID, TIMESTAMPTZOID, TEXTOID}};
	bool  none = TIMESTAMP_IS_NOEND(k->next_step_at);
	Datum args[6] = {Int64GetDatum(act->c.case_id),
					 Int32GetDatum(k->clock_id),
					 Int32GetDatum(k->next_step),
					 Int32GetDatum(k->occurrence),
					 TimestampTzGetDatum(k->next_step_at),
					 k->colour ? CStringGetTextDatum(k->colour) : (Datum) 0};
	char  nulls[6] = {' ', ' ', ' ', ' ', none ? 'n' : ' ', k->colour ? ' ' : 'n'};

	triage_run(&plan, args, nulls, SPI_OK_UPDATE);
	for (int i = 0; i < act->nclocks; i++)
		if (act->clocks[i].clock_id == k->clock_id)
			act->clocks[i].colour = k->colour;
	if (!none)
		wake_timekeeper_at_commit(k->next_step_at);
}

static void
fire(Act *act, DueClock *k, const LadderStep *step, TimestampTz at, bool collapsed)
{
	Department *target = step->action == ACTION_POLICE_BACKUP ? call_police(act, k) : target_of(act, k, step);
	Jsonb	   *data = step_data(k, step, target, at, collapsed);

	if (step->colour != NULL)
		k->colour = step->colour;
	record_step(act, k, step, target, at, collapsed);
	act_event(act, "step", data);
	/* the police were told by their assignment */
	if (!collapsed && target != NULL && step->action != ACTION_POLICE_BACKUP)
		outbox_put(act->w, act->book, &act->c, act->at.event_seq, act->now,
				   &(Notice){.endpoint = target->endpoint,
							 .type = action_names[step->action],
							 .department = target->code,
							 .extra = data});
}

static int
fire_clock(Act *act, DueClock *k, TimestampTz at, StepStats *stats)
{
	Ladder *ladder = k->ladder ? book_ladder(act->book, k->ladder, strlen(k->ladder)) : NULL;
	int		fired = 0;

	/* the ladder was retired or shortened: no further step */
	if (ladder == NULL || k->next_step >= ladder->nsteps)
		k->next_step_at = DT_NOEND;
	while (k->next_step_at <= at && !TIMESTAMP_IS_NOEND(k->next_step_at))
	{
		const LadderStep *step = &ladder->steps[k->next_step];
		DueClock		  next = *k;
		bool			  collapsed;

		/* somebody took notice since the last time: the repetition is over */
		if (k->occurrence > 0 && !repeats(act, k, step))
		{
			advance(act, k, ladder, at);
			continue;
		}
		advance(act, &next, ladder, at);
		/* a later step that is due as well tells the same people more */
		collapsed = next.next_step_at <= at && next.next_step_at > k->next_step_at &&
					step->action != ACTION_POLICE_BACKUP && step->action != ACTION_ESCALATE;
		if (at - k->next_step_at > USECS_PER_SEC)
			stats->late++;
		fire(act, k, step, at, collapsed);
		next.colour = k->colour;
		*k = next;
		fired++;
	}
	save_clock(act, k);
	return fired;
}

/* All that is due for one case; false: somebody else has it locked. */
static bool
fire_case(int64 case_id, TimestampTz at, StepStats *stats)
{
	Act		  act;
	DueClock *due;
	int		  n;
	int		  fired = 0;

	if (!act_try_begin_inner(&act, "tick", case_id))
		return false;
	due = read_due(case_id, at, &n);
	for (int i = 0; i < n; i++)
		fired += fire_clock(&act, &due[i], at, stats);
	act.quiet = true;
	act_end_inner(&act);
	stats->fired += fired;
	return true;
}

static void
set_aside(int64 case_id, TimestampTz at, ErrorData *e)
{
	static KeptPlan plan = {
		.sql = "INSERT INTO triage.quarantine AS q (case_id, since, tries, retry_at, sqlstate, reason)"
			   " VALUES ($1, $2, 1, $2 + $3, $4, $5)"
			   " ON CONFLICT (case_id) DO UPDATE SET tries = q.tries + 1,"
			   " retry_at = $2 + $3 * power(2, least(q.tries, 5)),"
			   " sqlstate = $4, reason = $5",
		.nargs = 5,
		.types = {INT8OID, TIMESTAMPTZOID, INTERVALOID, TEXTOID, TEXTOID}};
	OwnerSwitch sw;
	Interval	wait = {.time = RETRY_AFTER};
	Datum		args[5];

	triage_owner_begin(&sw);
	args[0] = Int64GetDatum(case_id);
	args[1] = TimestampTzGetDatum(at);
	args[2] = IntervalPGetDatum(&wait);
	args[3] = CStringGetTextDatum(unpack_sql_state(e->sqlerrcode));
	args[4] = CStringGetTextDatum(e->message ? e->message : "");
	triage_run(&plan, args, NULL, SPI_OK_INSERT);
	triage_owner_end(&sw);
	ereport(WARNING, (errmsg("case %lld is set aside: %s", (long long) case_id, e->message),
					  errhint("triage.quarantine tells when it is tried again.")));
}

/* Is this an accident of concurrency, not a fault of the case? */
static bool
is_collision(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE || sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED ||
		   sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
}

Guarded
steps_guard(int64 case_id, TimestampTz at, bool (*work)(void *), void *arg)
{
	MemoryContext mcxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;
	volatile Guarded result = GUARDED_DONE;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(mcxt);
	PG_TRY();
	{
		if (!work(arg))
			result = GUARDED_LOCKED;
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(mcxt);
		error = CopyErrorData();
		RollbackAndReleaseCurrentSubTransaction();
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED || error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
			ReThrowError(error);
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(mcxt);
	CurrentResourceOwner = owner;
	if (error == NULL)
		return result;
	result = is_collision(error->sqlerrcode) ? GUARDED_LOCKED : GUARDED_FAILED;
	if (result == GUARDED_FAILED)
		set_aside(case_id, at, error);
	FreeErrorData(error);
	return result;
}

typedef struct Firing
{
	int64		case_id;
	TimestampTz at;
	StepStats  *stats;
} Firing;

static bool
fire_guarded(void *arg)
{
	Firing *f = arg;

	return fire_case(f->case_id, f->at, f->stats);
}

static void
run_case(int64 case_id, TimestampTz at, StepStats *stats)
{
	StepStats before = *stats;
	Firing	  f = {case_id, at, stats};
	Guarded	  result = steps_guard(case_id, at, fire_guarded, &f);

	if (result != GUARDED_DONE)
		*stats = before;
	stats->skipped += result == GUARDED_LOCKED;
	stats->quarantined += result == GUARDED_FAILED;
}

typedef struct DueCase
{
	int64		case_id;
	TimestampTz since; /* its earliest step that is due */
} DueCase;

/*
 * Cases with something due, earliest first, from where the pass stands,
 * without those set aside.  Each comes once, at its earliest step.  OFFSET 0
 * keeps the look at a case's other clocks from becoming a join over all.
 */
static DueCase *
due_cases(TimestampTz at, const StepPass *pass, int max, int *n)
{
	static KeptPlan plan = {
		.sql =
			"SELECT k.case_id, k.next_step_at FROM triage.clocks k"
			" WHERE k.next_step_at <= $1 AND (k.next_step_at, k.case_id) > ($2, $3)"
			" AND NOT EXISTS (SELECT 1 FROM triage.quarantine q WHERE q.case_id = k.case_id AND q.retry_at > $1)"
			" AND NOT EXISTS (SELECT 1 FROM triage.clocks e WHERE e.case_id = k.case_id"
			" AND (e.next_step_at, e.clock_id) < (k.next_step_at, k.clock_id) OFFSET 0)"
			" ORDER BY k.next_step_at, k.case_id LIMIT $4",
		.nargs = 4,
		.types = {TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, INT8OID}};
	OwnerSwitch sw;
	Datum args[4] = {TimestampTzGetDatum(at), TimestampTzGetDatum(pass->since), Int64GetDatum(pass->case_id),
					 Int64GetDatum((int64) max)};
	MemoryContext mcxt = CurrentMemoryContext;
	DueCase		 *cases;
	bool		  isnull;

	triage_owner_begin(&sw);
	*n = triage_run(&plan, args, NULL, SPI_OK_SELECT);
	cases = MemoryContextAlloc(mcxt, Max(*n, 1) * sizeof(DueCase));
	for (int i = 0; i < *n; i++)
	{
		cases[i].case_id = triage_result_int(i, 1, 0);
		cases[i].since = DatumGetTimestampTz(triage_result(i, 2, &isnull));
	}
	triage_owner_end(&sw);
	return cases;
}

/* Cases that were set aside and are whole again leave the list. */
static void
release_recovered(TimestampTz at)
{
	static KeptPlan plan = {
		.sql = "DELETE FROM triage.quarantine q WHERE q.retry_at <= $1 AND NOT EXISTS"
			   " (SELECT 1 FROM triage.clocks k WHERE k.case_id = q.case_id AND k.next_step_at <= $1)",
		.nargs = 1,
		.types = {TIMESTAMPTZOID}};
	OwnerSwitch sw;
	Datum		args[1] = {TimestampTzGetDatum(at)};

	triage_owner_begin(&sw);
	triage_run(&plan, args, NULL, SPI_OK_DELETE);
	triage_owner_end(&sw);
}

void
steps_pass_begin(StepPass *pass)
{
	*pass = (StepPass){.since = DT_NOBEGIN, .case_id = PG_INT64_MIN};
}

/*
 * Go on with the pass for at most max_cases cases that are free and
 * max_locked that somebody else has.  False: it is through.
 */
static bool
run_pass(StepPass *pass, TimestampTz at, int max_cases, int max_locked, int commit_every,
		 void (*between)(void), StepStats *stats)
{
	int done = 0;
	int n;

	do
	{
		DueCase *cases = due_cases(at, pass, READ_AT_ONCE, &n);

		for (int i = 0; i < n; i++)
		{
			if (done - stats->skipped >= max_cases || stats->skipped >= max_locked)
				return true;
			CHECK_FOR_INTERRUPTS();
			run_case(cases[i].case_id, at, stats);
			pass->since = cases[i].since;
			pass->case_id = cases[i].case_id;
			if (++done % Max(commit_every, 1) == 0 && commit_every > 0)
				between();
		}
		pfree(cases);
	} while (n == READ_AT_ONCE);
	return false;
}

void
steps_run(StepPass *pass, TimestampTz at, int max_cases, int max_locked, int commit_every,
		  void (*between)(void), StepStats *stats)
{
	OwnerSwitch sw;
	bool		left;

	memset(stats, 0, sizeof(StepStats));
	stats->recomputed = recompute_clocks(at, RECOMPUTE_AT_ONCE);
	left = run_pass(pass, at, max_cases, max_locked, commit_every, between, stats);
	pass->locked |= stats->skipped > 0;
	release_recovered(at);
	triage_owner_begin(&sw);
	stats->next_due = steps_next_due(at);
	triage_owner_end(&sw);
	/* what is due after a whole pass is more work, unless it is locked */
	stats->more = left || (stats->next_due <= at && !pass->locked) || stats->recomputed == RECOMPUTE_AT_ONCE;
	if (!left)
		steps_pass_begin(pass);
}
