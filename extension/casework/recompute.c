/*
 * recompute.c
 *	  Running clocks follow a calendar that changed.
 *
 * triage.local_state remembers up to which version each calendar's clocks
 * were moved, so that the search through the clocks happens once a change.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "casework/act.h"
#include "casework/recompute.h"
#include "casework/steps.h"
#include "casework/wake.h"

typedef struct OldClock
{
	int64		case_id;
	int			clock_id;
	int			amount;
	LimitUnit	unit;
	const char *ladder;
	int			next_step;
	int			occurrence;
	TimestampTz started_at;
	bool		moved; /* paused or extended before */
	TimestampTz due_at;
} OldClock;

static LimitUnit
unit_of(const char *name)
{
	for (int i = 0; unit_names[i] != NULL; i++)
		if (strcmp(unit_names[i], name) == 0)
			return (LimitUnit) i;
	elog(ERROR, "unexpected unit \"%s\" of a clock", name);
}

/* The version up to which a calendar's clocks are done. */
static int
done_version(const Calendar *c)
{
	static KeptPlan plan = {.sql = "SELECT s.value FROM triage.local_state s WHERE s.key = 'calendar:' || $1",
							.nargs = 1,
							.types = {TEXTOID}};
	Datum			args[1] = {CStringGetTextDatum(c->code)};

	return triage_read(&plan, args, NULL) == 1 ? atoi(triage_result_text(0, 1)) : 0;
}

/* Done, unless the rules changed a moment ago: a transaction that decided by the old ones may still be open. */
static void
set_done(const Calendar *c, TimestampTz at)
{
	static KeptPlan plan = {
		.sql =
			"INSERT INTO triage.local_state (key, value, at)"
			" SELECT 'calendar:' || $1, $2, $3 WHERE (SELECT b.at FROM triage.rulebook b) < $3 - interval '1 minute'"
			" ON CONFLICT (key) DO UPDATE SET value = $2, at = $3",
		.nargs = 3,
		.types = {TEXTOID, TEXTOID, TIMESTAMPTZOID}};
	Datum args[3] = {CStringGetTextDatum(c->code), CStringGetTextDatum(psprintf("%d", c->version)),
					 TimestampTzGetDatum(at)};

	triage_run(&plan, args, NULL, SPI_OK_INSERT);
}

static OldClock *
read_old(const Calendar *c, TimestampTz at, int max, int *n)
{
	static KeptPlan plan = {
		.sql =
			"SELECT k.case_id, k.clock_id, k.amount, k.unit, k.ladder, k.next_step, k.occurrence,"
			" k.started_at, k.due_at, k.resumed_at IS NOT NULL OR k.extended_by IS NOT NULL"
			" FROM triage.clocks k"
			" WHERE k.state = 'running' AND k.calendar = $1 AND k.calendar_version < $2"
			" AND NOT EXISTS (SELECT 1 FROM triage.quarantine q WHERE q.case_id = k.case_id AND q.retry_at > $4) LIMIT $3",
		.nargs = 4,
		.types = {TEXTOID, INT4OID, INT8OID, TIMESTAMPTZOID}};
	Datum	  args[4] = {CStringGetTextDatum(c->code), Int32GetDatum(c->version), Int64GetDatum((int64) max),
						 TimestampTzGetDatum(at)};
	OldClock *old;
	bool	  isnull;

	*n = triage_run(&plan, args, NULL, SPI_OK_SELECT);
	old = palloc(Max(*n, 1) * sizeof(OldClock));
	for (int i = 0; i < *n; i++)
	{
		old[i].case_id = triage_result_int(i, 1, 0);
		old[i].clock_id = triage_result_int(i, 2, 0);
		old[i].amount = triage_result_int(i, 3, 0);
		old[i].unit = unit_of(triage_result_text(i, 4));
		old[i].ladder = triage_result_text(i, 5);
		old[i].next_step = triage_result_int(i, 6, 0);
		old[i].occurrence = triage_result_int(i, 7, 0);
		old[i].started_at = DatumGetTimestampTz(triage_result(i, 8, &isnull));
		old[i].due_at = DatumGetTimestampTz(triage_result(i, 9, &isnull));
		old[i].moved = DatumGetBool(triage_result(i, 10, &isnull));
	}
	return old;
}

static bool
move_clock(const OldClock *k, const char *calendar_code)
{
	static KeptPlan plan = {
		.sql = "UPDATE triage.clocks SET due_at = $3, calendar_version = $4,"
			   " next_step_at = CASE WHEN next_step_at IS NULL OR $6 THEN next_step_at ELSE $5 END"
			   " WHERE case_id = $1 AND clock_id = $2 AND state = 'running'",
		.nargs = 6,
		.types = {INT8OID, INT4OID, TIMESTAMPTZOID, INT4OID, TIMESTAMPTZOID, BOOLOID}};
	Act			act;
	Calendar   *c;
	Ladder	   *ladder;
	TimestampTz due;
	TimestampTz step;
	Datum		args[6];

	if (!act_try_begin_inner(&act, "recompute", k->case_id))
		return false; /* locked: another turn finds it again */
	c = book_calendar(act.book, calendar_code, strlen(calendar_code));
	ladder = k->ladder ? book_ladder(act.book, k->ladder, strlen(k->ladder)) : NULL;
	/* what a person moved stays where it was put */
	due = c && !k->moved ? limit_add(k->started_at, k->amount, k->unit, c) : k->due_at;
	step = c && ladder && k->next_step < ladder->nsteps
			   ? ladder_step_at(&ladder->steps[k->next_step], k->started_at, due, c)
			   : due;
	args[0] = Int64GetDatum(k->case_id);
	args[1] = Int32GetDatum(k->clock_id);
	args[2] = TimestampTzGetDatum(due);
	args[3] = Int32GetDatum(c ? c->version : INT32_MAX);
	args[4] = TimestampTzGetDatum(step);
	/* a step that repeats keeps its own rhythm */
	args[5] = BoolGetDatum(k->occurrence > 0);
	triage_run(&plan, args, NULL, SPI_OK_UPDATE);
	for (int i = 0; i < act.nclocks; i++)
		if (act.clocks[i].clock_id == k->clock_id)
			act.clocks[i].due_at = due;
	act.quiet = due == k->due_at;
	jb_int(&act.data, "clock_id", k->clock_id);
	jb_time(&act.data, "was_due_at", k->due_at);
	jb_time(&act.data, "due_at", due);
	act_end_inner(&act);
	wake_timekeeper_at_commit(step);
	return true;
}

typedef struct Moving
{
	const OldClock *clock;
	const char	   *calendar;
} Moving;

static bool
move_guarded(void *arg)
{
	Moving *m = arg;

	return move_clock(m->clock, m->calendar);
}

/* the last search of this process that found nothing */
static int64	   searched_version = -1;
static TimestampTz searched_at = 0;

int
recompute_clocks(TimestampTz at, int max)
{
	OwnerSwitch sw;
	Book	   *book;
	int			moved = 0;
	bool		found = false;

	triage_owner_begin(&sw);
	book = book_acquire();
	/* a search that found nothing is repeated once its minute is over, or when the rules change again */
	if (book->version == searched_version && GetCurrentTimestamp() < searched_at + USECS_PER_MINUTE)
		max = 0;
	for (int i = 0; i < book->ncalendars && moved < max; i++)
	{
		Calendar *c = &book->calendars[i];
		OldClock *old;
		int		  n;

		if (done_version(c) >= c->version)
			continue;
		old = read_old(c, at, max - moved, &n);
		for (int j = 0; j < n; j++)
		{
			Moving m = {&old[j], c->code};

			CHECK_FOR_INTERRUPTS();
			moved += steps_guard(old[j].case_id, at, move_guarded, &m) == GUARDED_DONE;
		}
		found |= n > 0;
		if (n == 0)
			set_done(c, at);
	}
	if (max > 0 && !found)
	{
		searched_version = book->version;
		searched_at = GetCurrentTimestamp();
	}
	book_release(book);
	triage_owner_end(&sw);
	return moved;
}
