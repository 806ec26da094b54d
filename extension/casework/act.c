/*
 * act.c
 *	  The one door: locking, sight, transitions, event and write-back.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/actor.h"
#include "base/catalog.h"
#include "base/clock.h"
#include "base/guc.h"
#include "base/names.h"
#include "casework/clocks.h"
#include "casework/act.h"
#include "casework/change.h"
#include "casework/rights.h"
#include "casework/signature.h"

void
need_argument(FunctionCallInfo fcinfo, int arg, const char *name)
{
	if (arg >= PG_NARGS() || PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("argument \"%s\" must not be null", name),
				 errdetail("The verb cannot do without it."), errhint("Give a value for \"%s\".", name)));
}

char *
text_argument(FunctionCallInfo fcinfo, int arg)
{
	return arg >= PG_NARGS() || PG_ARGISNULL(arg) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

/* what a verb says may be long, but not a novel */
#define MAX_TEXT (1024 * 1024)

char *
need_body(FunctionCallInfo fcinfo, int arg, const char *verb)
{
	char *body = text_argument(fcinfo, arg);

	if (body == NULL || strspn(body, " \t\r\n") == strlen(body))
		ereport(ERROR,
				(errcode(TRIAGE_ERRCODE_CONTENT), errmsg("%s needs a body", verb),
				 errdetail("It is null or blank."), errhint("Say what was done and with what result.")));
	if (body != NULL && strlen(body) > MAX_TEXT)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT), errmsg("the body is too long"),
						errdetail("It has %zu bytes, the limit is %d.", strlen(body), MAX_TEXT),
						errhint("Keep documents elsewhere and refer to them.")));
	return body;
}

void
act_no_such_case(int64 case_id)
{
	ereport(ERROR,
			(errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("case %lld does not exist", (long long) case_id),
			 errdetail("There is no such case among those you work with."),
			 errhint("Check the number; triage.board() and triage.inbox() list the cases you may see.")));
}

Area *
act_area(const Act *act)
{
	return act->c.area ? book_area(act->book, act->c.area, strlen(act->c.area)) : NULL;
}

CaseType *
act_type(const Act *act)
{
	return act->c.case_type ? book_type(act->book, act->c.case_type, strlen(act->c.case_type)) : NULL;
}

/* ---- reading ---- */

static KeptPlan lock_case = {.sql = "SELECT c.* FROM triage.cases c WHERE c.case_id = $1 FOR NO KEY UPDATE",
							 .nargs = 1,
							 .types = {INT8OID}};
static KeptPlan try_lock_case = {
	.sql = "SELECT c.* FROM triage.cases c WHERE c.case_id = $1 FOR NO KEY UPDATE SKIP LOCKED",
	.nargs = 1,
	.types = {INT8OID}};

static bool
read_case(Act *act, int64 case_id, bool wait)
{
	Datum args[1] = {Int64GetDatum(case_id)};

	if (triage_run(wait ? &lock_case : &try_lock_case, args, NULL, SPI_OK_SELECT) == 0)
		return false;
	act->att = case_row_read(&act->row, SPI_copytuple(SPI_tuptable->vals[0]), SPI_tuptable->tupdesc);
	case_facts(&act->row, act->att, &act->c);
	act->at.event_seq = DatumGetInt32(case_value(&act->row, act->att, CASE_EVENT_SEQ));
	return true;
}

static void
read_assignments(Act *act)
{
	static KeptPlan plan = {
		.sql =
			"SELECT a.seq, a.department, a.duty, a.parent_seq, a.status,"
			" a.accepted_at IS NOT NULL, a.arrived_at IS NOT NULL, a.offered_at, coalesce(a.due_at, 'infinity')"
			" FROM triage.assignments a WHERE a.case_id = $1 ORDER BY a.seq FOR NO KEY UPDATE",
		.nargs = 1,
		.types = {INT8OID}};
	Datum args[1] = {Int64GetDatum(act->c.case_id)};
	bool  isnull;

	act->nassignments = triage_run(&plan, args, NULL, SPI_OK_SELECT);
	act->assignments = palloc0(Max(act->nassignments, 1) * sizeof(Assignment));
	for (int i = 0; i < act->nassignments; i++)
	{
		Assignment *a = &act->assignments[i];

		a->seq = triage_result_int(i, 1, 0);
		a->department = triage_result_text(i, 2);
		a->duty = triage_result_text(i, 3);
		a->parent_seq = triage_result_int(i, 4, 0);
		a->status = triage_result_text(i, 5);
		a->accepted = DatumGetBool(triage_result(i, 6, &isnull));
		a->arrived = DatumGetBool(triage_result(i, 7, &isnull));
		a->offered_at = DatumGetTimestampTz(triage_result(i, 8, &isnull));
		a->due_at = DatumGetTimestampTz(triage_result(i, 9, &isnull));
		a->live = strcmp(a->status, "done") != 0 && strcmp(a->status, "withdrawn") != 0;
		act->at.assignment_seq = Max(act->at.assignment_seq, a->seq);
	}
}

void
act_read_clocks(Act *act)
{
	static KeptPlan plan = {
		.sql = "SELECT k.clock_id, k.assignment_seq, k.stage, k.state, k.calendar,"
			   " k.calendar_version, k.policy_version, k.colour, k.started_at, k.due_at,"
			   " coalesce(k.resumed_at, k.started_at), coalesce(k.segment, 1)"
			   " FROM triage.clocks k WHERE k.case_id = $1 ORDER BY k.clock_id FOR NO KEY UPDATE",
		.nargs = 1,
		.types = {INT8OID}};
	Datum args[1] = {Int64GetDatum(act->c.case_id)};
	int	  n = triage_run(&plan, args, NULL, SPI_OK_SELECT);
	bool  isnull;

	act->clocks = palloc0(Max(n, 1) * sizeof(Clock));
	act->nclocks = 0;
	for (int i = 0; i < n; i++)
	{
		Clock *k = &act->clocks[act->nclocks];

		act->at.clock_id = Max(act->at.clock_id, (int) triage_result_int(i, 1, 0));
		if (strcmp(triage_result_text(i, 4), "running") != 0)
			continue;
		k->clock_id = triage_result_int(i, 1, 0);
		k->assignment_seq = triage_result_int(i, 2, 0);
		k->stage = triage_result_text(i, 3);
		k->calendar = triage_result_text(i, 5);
		k->calendar_version = triage_result_int(i, 6, 0);
		k->policy_version = triage_result_int(i, 7, 0);
		k->colour = triage_result_text(i, 8);
		k->started_at = DatumGetTimestampTz(triage_result(i, 9, &isnull));
		k->due_at = DatumGetTimestampTz(triage_result(i, 10, &isnull));
		k->runs_since = DatumGetTimestampTz(triage_result(i, 11, &isnull));
		k->segment = triage_result_int(i, 12, 1);
		k->running = true;
		act->nclocks++;
	}
}

/* The chain goes on from the last event; time within a case never goes back. */
static void
read_last_event(Act *act)
{
	static KeptPlan plan = {
		.sql = "SELECT e.hash, e.at, (SELECT coalesce(max(d.seq), 0) FROM triage.decisions d"
			   " WHERE d.case_id = $1) FROM triage.events e WHERE e.case_id = $1 AND e.seq = $2",
		.nargs = 2,
		.types = {INT8OID, INT4OID}};
	Datum  args[2] = {Int64GetDatum(act->c.case_id), Int32GetDatum(act->at.event_seq)};
	bool   isnull;
	bytea *hash;

	if (triage_read(&plan, args, NULL) != 1)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("case %lld has no event %d", (long long) act->c.case_id, act->at.event_seq),
						errhint("The case's history is damaged; restore it from a backup.")));
	hash = DatumGetByteaPP(triage_result(0, 1, &isnull));
	memcpy(act->last_hash, VARDATA_ANY(hash), HISTORY_HASH_LEN);
	act->now = Max(triage_clock(), DatumGetTimestampTz(triage_result(0, 2, &isnull)));
	act->at.decision_seq = triage_result_int(0, 3, 0);
}

/* ---- checks ---- */

/* The statuses from which a verb is legal, for the hint. */
static char *
legal_from(const char *verb)
{
	static KeptPlan plan = {.sql = "SELECT pg_catalog.string_agg(t.from_status, ', ' ORDER BY t.from_status)"
								   " FROM triage.transitions t WHERE t.verb = $1",
							.nargs = 1,
							.types = {TEXTOID}};
	Datum			args[1] = {CStringGetTextDatum(verb)};
	char		   *list = triage_read(&plan, args, NULL) == 1 ? triage_result_text(0, 1) : NULL;

	return list ? list : pstrdup("none");
}

static void
check_transition(Act *act)
{
	static KeptPlan plan = {.sql = "SELECT t.to_status, t.duty FROM triage.transitions t"
								   " WHERE t.verb = $1 AND t.from_status = $2",
							.nargs = 2,
							.types = {TEXTOID, TEXTOID}};
	Datum			args[2] = {CStringGetTextDatum(act->verb), CStringGetTextDatum(act->c.status)};

	if (triage_read(&plan, args, NULL) != 1)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_STATE),
						errmsg("%s is not allowed for case %s in state \"%s\"", act->verb, act->c.number,
							   act->c.status),
						errdetail("It is allowed in: %s.", legal_from(act->verb)),
						errhint("triage.allowed_verbs(%lld) lists what is possible now.",
								(long long) act->c.case_id)));
	act->to_status = triage_result_text(0, 1);
	act->duty = triage_result_text(0, 2);
}

/* Has this request been carried out before? */
static bool
seen_request(Act *act)
{
	static KeptPlan plan = {.sql = "SELECT 1 FROM triage.events e WHERE e.case_id = $1"
								   " AND e.data ->> 'request_id' = $2 LIMIT 1",
							.nargs = 2,
							.types = {INT8OID, TEXTOID}};
	Datum			args[2];

	if (triage_request_id == NULL || triage_request_id[0] == '\0')
		return false;
	if (strlen(triage_request_id) > 200)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("triage.request_id is too long"),
						errdetail("It has %zu bytes, the limit is 200.", strlen(triage_request_id)),
						errhint("Use at most 200 bytes, for example a UUID.")));
	args[0] = Int64GetDatum(act->c.case_id);
	args[1] = CStringGetTextDatum(triage_request_id);
	return triage_read(&plan, args, NULL) > 0;
}

/* When the thing happened in the field. */
static void
read_happened(Act *act)
{
	TimestampTz at;
	TimestampTz received = DatumGetTimestampTz(case_value(&act->row, act->att, CASE_RECEIVED_AT));

	act->happened = act->now;
	if (!triage_setting_time("triage.happened_at", triage_happened_at, &at))
		return;
	if (at > act->now || at < received || at < act->now - (TimestampTz) triage_max_back * USECS_PER_SEC)
		ereport(ERROR,
				(errcode(TRIAGE_ERRCODE_CONTENT), errmsg("triage.happened_at is out of bounds"),
				 errdetail("It must lie between the case's intake and now, at most triage.max_back ago."),
				 errhint("Correct the time, or reset triage.happened_at to use the present.")));
	act->happened = at;
}

static void
start_event_data(Act *act)
{
	jb_object(&act->data, NULL);
	jb_text(&act->data, "note", act->note);
	if (triage_request_id != NULL && triage_request_id[0] != '\0')
		jb_text(&act->data, "request_id", triage_request_id);
}

/* ---- begin and end ---- */

static void
open_act(Act *act, const char *verb)
{
	memset(act, 0, sizeof(Act));
	act->verb = verb;
	act->caller = CurrentMemoryContext;
	act->actor = triage_actor_name();
	triage_owner_begin(&act->owner);
	act->book = book_acquire();
}

static void
load_act(Act *act)
{
	read_assignments(act);
	act_read_clocks(act);
	read_last_event(act);
	act->happened = act->now;
	act->w = writer_open();
	change_begin(act);
}

void
act_begin(Act *act, const char *verb, int64 case_id, const char *note)
{
	open_act(act, verb);
	act->note = note;
	/* sight comes before any lock is taken, so that waiting tells nobody anything */
	if (!rights_may_see(act->book, case_id) || !read_case(act, case_id, true))
		act_no_such_case(case_id);
	load_act(act);
	read_happened(act);
	start_event_data(act);
	act->repeated = seen_request(act);
	if (!act->repeated)
	{
		check_transition(act);
		rights_check_duty(act);
	}
}

void
act_begin_verb(Act *act, FunctionCallInfo fcinfo, const char *verb, int note_arg)
{
	char *note = text_argument(fcinfo, note_arg);

	need_argument(fcinfo, 0, "case_id");
	if (note != NULL && strlen(note) > MAX_TEXT)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT), errmsg("the note is too long"),
						errdetail("It has %zu bytes, the limit is %d.", strlen(note), MAX_TEXT),
						errhint("Keep documents elsewhere and refer to them.")));
	act_begin(act, verb, PG_GETARG_INT64(0), note);
}

void
act_begin_inner(Act *act, const char *verb, int64 case_id)
{
	open_act(act, verb);
	if (!read_case(act, case_id, true))
		act_no_such_case(case_id);
	load_act(act);
	jb_object(&act->data, NULL);
}

bool
act_try_begin_inner(Act *act, const char *verb, int64 case_id)
{
	open_act(act, verb);
	if (!read_case(act, case_id, false))
	{
		book_release(act->book);
		triage_owner_end(&act->owner);
		return false;
	}
	load_act(act);
	jb_object(&act->data, NULL);
	return true;
}

/* The worst colour of the clocks that run is the case's. */
static const char *
worst_colour(const Act *act)
{
	static const char *const order[] = {"red", "yellow", "blue"};

	for (int o = 0; o < (int) lengthof(order); o++)
		for (int i = 0; i < act->nclocks; i++)
			if (act->clocks[i].running && act->clocks[i].colour != NULL &&
				strcmp(act->clocks[i].colour, order[o]) == 0)
				return order[o];
	return NULL;
}

static void
write_case(Act *act)
{
	static KeptPlan plan = {
		.sql = "UPDATE triage.cases SET area = $2, case_type = $3, nature = $4, priority = $5,"
			   " danger = $6, status = $7, lead = $8, colour = $9, confidence = $10, dispatched_at = $11,"
			   " closed_at = $12, report_count = $13, event_seq = $14, rulebook_version = $15, attrs = $16,"
			   " outcome = $17 WHERE case_id = $1",
		.nargs = 17,
		.types = {INT8OID, TEXTOID, TEXTOID, TEXTOID, INT4OID, BOOLOID, TEXTOID, TEXTOID, TEXTOID, FLOAT8OID,
				  TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, INT4OID, INT8OID, JSONBOID, TEXTOID}};
	static const CaseColumn columns[] = {CASE_ID,			CASE_AREA,			CASE_CASE_TYPE,
										 CASE_NATURE,		CASE_PRIORITY,		CASE_DANGER,
										 CASE_STATUS,		CASE_LEAD,			CASE_COLOUR,
										 CASE_CONFIDENCE,	CASE_DISPATCHED_AT, CASE_CLOSED_AT,
										 CASE_REPORT_COUNT, CASE_EVENT_SEQ,		CASE_RULEBOOK_VERSION,
										 CASE_ATTRS,		CASE_OUTCOME};
	Datum					values[lengthof(columns)];
	char					nulls[lengthof(columns)];
	int						n = lengthof(columns);

	case_set(&act->row, act->att, CASE_EVENT_SEQ, Int32GetDatum(act->at.event_seq));
	for (int i = 0; i < n; i++)
	{
		values[i] = case_value(&act->row, act->att, columns[i]);
		nulls[i] = case_isnull(&act->row, act->att, columns[i]) ? 'n' : ' ';
	}
	triage_run(&plan, values, nulls, SPI_OK_UPDATE);
}

void (*act_changed_hook)(const Act *act) = NULL;

static void
write_pending(Act *act)
{
	MemoryContext old = MemoryContextSwitchTo(writer_context(act->w));
	unsigned char hash[HISTORY_HASH_LEN];

	if (act->pending_verb != NULL)
	{
		records_event(act->w, act->c.case_id, act->at.event_seq, act->now, act->actor, act->pending_verb,
					  act->pending_data, act->last_hash, hash);
		memcpy(act->last_hash, hash, HISTORY_HASH_LEN);
	}
	act->pending_verb = NULL;
	MemoryContextSwitchTo(old);
}

/* What the act changed stands in its own event, or in the last of those that say all. */
static void
finish_events(Act *act)
{
	JsonBuild b = {0};

	if (!act->quiet)
	{
		change_put(act, &act->data);
		if (act->happened != act->now)
			jb_time(&act->data, "happened_at", act->happened);
		jb_end_object(&act->data);
		act_event(act, act->verb, jb_finish(&act->data));
	}
	else if (act->pending_verb != NULL && change_any(act))
	{
		jb_object(&b, NULL);
		change_put(act, &b);
		jb_end_object(&b);
		act->pending_data =
			DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(act->pending_data),
											   JsonbPGetDatum(jb_finish(&b))));
	}
	write_pending(act);
}

static void
close_act(Act *act)
{
	PartDue *parts;
	int		 nparts;

	case_set_text(&act->row, act->att, CASE_COLOUR, worst_colour(act));
	if (act->outcome != NULL)
		case_set_text(&act->row, act->att, CASE_OUTCOME, act->outcome);
	finish_events(act);
	parts = palloc((act->nassignments + list_length(act->at.joined) + 1) * sizeof(PartDue));
	nparts = clocks_next_due(act, parts);
	writer_close(act->w);
	clocks_write_next_due(act->c.case_id, parts, nparts);
	write_case(act);
	if (act->another)
		signature_due(act->c.case_id);
	if (act_changed_hook != NULL)
		act_changed_hook(act);
	book_release(act->book);
}

/* The row as it now stands, as a composite value. */
static Datum
result_row(Act *act)
{
	static KeptPlan	  plan = {.sql = "SELECT c.* FROM triage.cases c WHERE c.case_id = $1",
							  .nargs = 1,
							  .types = {INT8OID}};
	Datum			  args[1] = {Int64GetDatum(act->c.case_id)};
	MemoryContext	  old;
	CaseRow			  row;
	const AttrNumber *att;
	Datum			  result;

	if (triage_read(&plan, args, NULL) != 1)
		elog(ERROR, "case %lld vanished", (long long) act->c.case_id);
	att = case_row_read(&row, SPI_tuptable->vals[0], SPI_tuptable->tupdesc);
	rights_hide_caller(&row, att);
	old = MemoryContextSwitchTo(act->caller);
	result = case_row_result(&row);
	MemoryContextSwitchTo(old);
	return result;
}

Datum
act_end(Act *act)
{
	Datum result;

	if (act->repeated)
	{
		writer_close(act->w);
		book_release(act->book);
	}
	else
		close_act(act);
	result = result_row(act);
	triage_owner_end(&act->owner);
	return result;
}

void
act_end_inner(Act *act)
{
	close_act(act);
	triage_owner_end(&act->owner);
}

void
act_leave_inner(Act *act)
{
	writer_close(act->w);
	book_release(act->book);
	triage_owner_end(&act->owner);
}

/* ---- changes ---- */

void
act_event(Act *act, const char *verb, Jsonb *data)
{
	write_pending(act);
	act->at.event_seq++;
	act->pending_verb = verb;
	act->pending_data = data;
}

void
act_set_status(Act *act, const char *status)
{
	act->c.status = status;
	case_set_text(&act->row, act->att, CASE_STATUS, status);
}

void
act_set_lead(Act *act, const char *department)
{
	act->c.lead = department;
	case_set_text(&act->row, act->att, CASE_LEAD, department);
}

Calendar *
act_calendar(const Act *act, const Clock *k)
{
	return k->calendar ? book_calendar(act->book, k->calendar, strlen(k->calendar)) : NULL;
}

void
act_put_segment(Act *act, const Clock *k, const char *state, int segment, TimestampTz start, TimestampTz end)
{
	Calendar	 *calendar = act_calendar(act, k);
	MemoryContext old = MemoryContextSwitchTo(writer_context(act->w));
	Interval	 *work = palloc0(sizeof(Interval));
	Row			  row;

	work->time = calendar ? work_between(&calendar->work, start, end) : end - start;
	row_init(&row);
	row_int64(&row, SEG_CASE_ID, act->c.case_id);
	row_int(&row, SEG_CLOCK_ID, k->clock_id);
	row_int(&row, SEG_SEGMENT, segment);
	row_text(&row, SEG_STATE, state);
	row_time(&row, SEG_STARTED_AT, start);
	row_time(&row, SEG_ENDED_AT, end);
	row_set(&row, SEG_WORK, IntervalPGetDatum(work));
	row_int64(&row, SEG_POLICY_VERSION, k->policy_version);
	if (calendar != NULL)
		row_int(&row, SEG_CALENDAR_VERSION, calendar->version);
	writer_put(act->w, TO_SEGMENTS, &row);
	MemoryContextSwitchTo(old);
}

void
act_stop_clocks(Act *act, const char *stage, int assignment_seq, TimestampTz at, bool cancelled)
{
	static KeptPlan plan = {.sql = "UPDATE triage.clocks SET state = $3, stopped_at = $4, next_step_at = NULL"
								   " WHERE case_id = $1 AND clock_id = $2",
							.nargs = 4,
							.types = {INT8OID, INT4OID, TEXTOID, TIMESTAMPTZOID}};

	for (int i = 0; i < act->nclocks; i++)
	{
		Clock	   *k = &act->clocks[i];
		TimestampTz end = Max(at, k->started_at);
		Datum		args[4];

		if (!k->running || (stage != NULL && strcmp(k->stage, stage) != 0) ||
			(assignment_seq >= 0 && k->assignment_seq != assignment_seq))
			continue;
		args[0] = Int64GetDatum(act->c.case_id);
		args[1] = Int32GetDatum(k->clock_id);
		args[2] = CStringGetTextDatum(cancelled ? "cancelled" : end <= k->due_at ? "met" : "missed");
		args[3] = TimestampTzGetDatum(end);
		triage_run(&plan, args, NULL, SPI_OK_UPDATE);
		act_put_segment(act, k, "running", k->segment, k->runs_since, Max(end, k->runs_since));
		k->running = false;
	}
}
