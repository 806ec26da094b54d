/*
 * merge.c
 *	  Two cases that are one matter, and the way back.
 *
 * The surviving case keeps its clocks and gets the other's reports: their
 * count, their channels, and the one feedback.  The merged case stands still
 * as it is, clocks and parties included, so that unmerge() can set it going
 * exactly as it was.  A chain of merges is refused, so nothing has to be
 * followed further than one step.  Cases are locked in ascending order.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/names.h"
#include "casework/redirect.h"
#include "casework/rights.h"
#include "casework/verbs.h"
#include "casework/wake.h"

PG_FUNCTION_INFO_V1(triage_merge);
PG_FUNCTION_INFO_V1(triage_unmerge);

/* Both, or neither: TR003 in the words of a case that is not there. */
static void
lock_both(int64 a, int64 b)
{
	static KeptPlan plan = {
		.sql =
			"SELECT 1 FROM triage.cases c WHERE c.case_id IN ($1, $2) ORDER BY c.case_id FOR NO KEY UPDATE",
		.nargs = 2,
		.types = {INT8OID, INT8OID}};
	Datum		args[2] = {Int64GetDatum(a), Int64GetDatum(b)};
	OwnerSwitch sw;
	Book	   *book;

	triage_owner_begin(&sw);
	book = book_acquire();
	if (rights_may_see(book, a) && rights_may_see(book, b))
		triage_run(&plan, args, NULL, SPI_OK_SELECT);
	book_release(book);
	triage_owner_end(&sw);
}

static bool
has_merged(int64 case_id)
{
	static KeptPlan plan = {
		.sql = "SELECT 1 FROM triage.links l JOIN triage.cases c ON c.case_id = l.linked_case"
			   " WHERE l.case_id = $1 AND l.kind = 'duplicate' AND c.merged_into = $1 LIMIT 1",
		.nargs = 1,
		.types = {INT8OID}};
	Datum args[1] = {Int64GetDatum(case_id)};

	return triage_read(&plan, args, NULL) > 0;
}

static void
check_mergeable(Act *into, Act *from)
{
	static const char *const open[] = {"triage",	  "dispatched",		  "accepted",
									   "in_progress", "return_requested", NULL};
	bool					 is_open = false;

	for (int i = 0; open[i] != NULL; i++)
		is_open |= strcmp(open[i], from->c.status) == 0;
	if (!is_open)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_STATE),
						errmsg("case %s is %s and cannot be merged", from->c.number, from->c.status),
						errdetail("Only a case that is being worked on is merged into another."),
						errhint("triage.link_case() ties cases together without merging them.")));
	if ((from->c.priority == 1 && into->c.priority == 4) || (from->c.priority == 4 && into->c.priority == 1))
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_STATE),
						errmsg("case %s is U%d and case %s is U%d: they are not one matter", from->c.number,
							   from->c.priority, into->c.number, into->c.priority),
						errdetail("The most and the least urgent are never merged."),
						errhint("triage.link_case() ties cases together without merging them.")));
	if (has_merged(from->c.case_id))
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_STATE),
						errmsg("other cases have been merged into case %s", from->c.number),
						errdetail("A merged case is not merged on."),
						errhint("Merge the other way round, or unmerge those first.")));
}

/* ---- clocks that stand still without having been paused ---- */

static void
hold_clocks(int64 case_id)
{
	static KeptPlan plan = {
		.sql = "UPDATE triage.clocks SET state = 'paused', paused_step_at = next_step_at, next_step_at = NULL"
			   " WHERE case_id = $1 AND state = 'running'",
		.nargs = 1,
		.types = {INT8OID}};
	Datum args[1] = {Int64GetDatum(case_id)};

	triage_run(&plan, args, NULL, SPI_OK_UPDATE);
}

/* Those that a suspension paused have paused_at and stay paused. */
static void
release_clocks(int64 case_id)
{
	static KeptPlan plan = {
		.sql =
			"UPDATE triage.clocks SET state = 'running', next_step_at = paused_step_at, paused_step_at = NULL"
			" WHERE case_id = $1 AND state = 'paused' AND paused_at IS NULL RETURNING next_step_at",
		.nargs = 1,
		.types = {INT8OID}};
	Datum  args[1] = {Int64GetDatum(case_id)};
	uint64 n = triage_run(&plan, args, NULL, SPI_OK_UPDATE_RETURNING);

	for (uint64 i = 0; i < n; i++)
	{
		bool  isnull;
		Datum at = triage_result(i, 1, &isnull);

		if (!isnull)
			wake_timekeeper_at_commit(DatumGetTimestampTz(at));
	}
}

static void
set_merged_into(int64 case_id, int64 into)
{
	static KeptPlan plan = {.sql = "UPDATE triage.cases SET merged_into = nullif($2, 0) WHERE case_id = $1",
							.nargs = 2,
							.types = {INT8OID, INT8OID}};
	Datum			args[2] = {Int64GetDatum(case_id), Int64GetDatum(into)};

	triage_run(&plan, args, NULL, SPI_OK_UPDATE);
}

static int
report_count(const Act *act)
{
	return DatumGetInt32(case_value(&act->row, act->att, CASE_REPORT_COUNT));
}

static void
add_reports(Act *act, int n)
{
	case_set(&act->row, act->att, CASE_REPORT_COUNT, Int32GetDatum(Max(report_count(act) + n, 1)));
}

static void
tie(int64 into, int64 from, TimestampTz at)
{
	static KeptPlan plan = {.sql = "INSERT INTO triage.links (case_id, linked_case, kind, at)"
								   " VALUES ($1, $2, 'duplicate', $3) ON CONFLICT DO NOTHING",
							.nargs = 3,
							.types = {INT8OID, INT8OID, TIMESTAMPTZOID}};
	Datum			args[3] = {Int64GetDatum(into), Int64GetDatum(from), TimestampTzGetDatum(at)};

	triage_run(&plan, args, NULL, SPI_OK_INSERT);
}

/* ---- the verbs ---- */

/* The merged case's side: it stands still from now on. */
static void
put_away(Act *from, Act *into)
{
	hold_clocks(from->c.case_id);
	set_merged_into(from->c.case_id, into->c.case_id);
	jb_int(&from->data, "into_case", into->c.case_id);
	jb_text(&from->data, "into_number", into->c.number);
	jb_text(&from->data, "was_status", from->c.status);
	jb_text(&from->data, "by", from->actor);
	tell_parties_of_change(from, from->at.event_seq + 1);
	act_set_status(from, "merged");
}

Datum
triage_merge(PG_FUNCTION_ARGS)
{
	Act	  into;
	Act	  from;
	int64 from_id;
	int64 into_id;

	need_argument(fcinfo, 0, "case_id");
	need_argument(fcinfo, 1, "into_case");
	from_id = PG_GETARG_INT64(0);
	into_id = PG_GETARG_INT64(1);
	if (from_id == into_id)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("a case cannot be merged into itself"),
						errdetail("Both arguments name the same case."), errhint("Give two cases.")));
	lock_both(from_id, into_id);
	act_begin(&into, "merge", into_id, text_argument(fcinfo, 2));
	if (!into.repeated)
	{
		MemoryContext mine = CurrentMemoryContext;
		char		 *from_number;
		int			  reports;

		act_begin(&from, "merge", from_id, text_argument(fcinfo, 2));
		check_mergeable(&into, &from);
		/* what belongs to the act within goes with it */
		from_number = MemoryContextStrdup(mine, from.c.number);
		reports = report_count(&from);
		tie(into_id, from_id, into.now);
		put_away(&from, &into);
		act_end_inner(&from);
		add_reports(&into, reports);
		into.verb = "merged_in";
		jb_int(&into.data, "from_case", from_id);
		jb_text(&into.data, "from_number", from_number);
		jb_int(&into.data, "reports", reports);
	}
	PG_RETURN_DATUM(act_end(&into));
}

/* Where the case stood when it was merged. */
static char *
status_before(Act *act)
{
	static KeptPlan plan = {.sql = "SELECT e.data ->> 'was_status' FROM triage.events e WHERE e.case_id = $1"
								   " AND e.verb = 'merge' ORDER BY e.seq DESC LIMIT 1",
							.nargs = 1,
							.types = {INT8OID}};
	Datum			args[1] = {Int64GetDatum(act->c.case_id)};

	return triage_read(&plan, args, NULL) == 1 ? triage_result_text(0, 1) : NULL;
}

static int64
merged_into(int64 case_id)
{
	static KeptPlan plan = {.sql = "SELECT c.merged_into FROM triage.cases c WHERE c.case_id = $1",
							.nargs = 1,
							.types = {INT8OID}};
	Datum			args[1] = {Int64GetDatum(case_id)};
	OwnerSwitch		sw;
	int64			into = 0;

	triage_owner_begin(&sw);
	if (triage_read(&plan, args, NULL) == 1)
		into = triage_result_int(0, 1, 0);
	triage_owner_end(&sw);
	return into;
}

Datum
triage_unmerge(PG_FUNCTION_ARGS)
{
	static KeptPlan untie = {.sql = "DELETE FROM triage.links WHERE case_id = $1 AND linked_case = $2"
									" AND kind = 'duplicate'",
							 .nargs = 2,
							 .types = {INT8OID, INT8OID}};
	Act				act;
	Act				into;
	int64			case_id;
	int64			into_id;

	need_argument(fcinfo, 0, "case_id");
	case_id = PG_GETARG_INT64(0);
	into_id = merged_into(case_id);
	if (into_id != 0)
		lock_both(case_id, into_id);
	act_begin_verb(&act, fcinfo, "unmerge", 1);
	if (!act.repeated)
	{
		char *status = status_before(&act);
		Datum args[2] = {Int64GetDatum(into_id), Int64GetDatum(case_id)};

		if (status == NULL || into_id == 0)
			ereport(ERROR, (errcode(TRIAGE_ERRCODE_STATE),
							errmsg("case %s was not merged by triage.merge()", act.c.number),
							errdetail("No event says where it stood before."),
							errhint("Its history says how it came to be merged.")));
		release_clocks(case_id);
		act_read_clocks(&act);
		set_merged_into(case_id, 0);
		act_set_status(&act, status);
		triage_run(&untie, args, NULL, SPI_OK_DELETE);
		act_begin_inner(&into, "unmerged", into_id);
		add_reports(&into, -report_count(&act));
		jb_int(&into.data, "from_case", case_id);
		act_end_inner(&into);
		jb_int(&act.data, "from_case", into_id);
	}
	PG_RETURN_DATUM(act_end(&act));
}
