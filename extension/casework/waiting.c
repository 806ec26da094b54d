/*
 * waiting.c
 *	  Suspension and extension: more time, with a reason and an end.
 *
 * Domain notes 4, rows 15 and 16: the centre alone suspends (挂账), to a
 * review date at most 30 days ahead, and the case stays among the open ones;
 * a lead asks once for at most ten working days more, at least one working
 * day before the limit, and somebody else grants it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/names.h"
#include "casework/clocks.h"
#include "casework/verbs.h"

PG_FUNCTION_INFO_V1(triage_suspend);
PG_FUNCTION_INFO_V1(triage_resume);
PG_FUNCTION_INFO_V1(triage_request_extension);
PG_FUNCTION_INFO_V1(triage_decide_extension);

#define MAX_SUSPENDED_DAYS 30
#define MAX_EXTENSION_DAYS 10

Datum
triage_suspend(PG_FUNCTION_ARGS)
{
	Act			act;
	char	   *reason = verb_need_text(fcinfo, 1, "reason");
	TimestampTz until;

	need_argument(fcinfo, 2, "review_at");
	until = PG_GETARG_TIMESTAMPTZ(2);
	act_begin_verb(&act, fcinfo, "suspend", 3);
	if (!act.repeated)
	{
		if (TIMESTAMP_NOT_FINITE(until) || until <= act.now ||
			until > act.now + MAX_SUSPENDED_DAYS * USECS_PER_DAY)
			ereport(ERROR,
					(errcode(TRIAGE_ERRCODE_CONTENT), errmsg("the review date does not fit"),
					 errdetail("It must lie in the future, at most %d days ahead.", MAX_SUSPENDED_DAYS),
					 errhint("Suspend again at the review when the obstacle remains.")));
		clocks_pause(&act);
		act_set_status(&act, act.to_status);
		clock_start_until(&act, 0, STAGE_SUSPENDED, until);
		jb_text(&act.data, "reason", reason);
		jb_time(&act.data, "review_at", until);
	}
	PG_RETURN_DATUM(act_end(&act));
}

Datum
triage_resume(PG_FUNCTION_ARGS)
{
	Act act;

	act_begin_verb(&act, fcinfo, "resume", 1);
	if (!act.repeated)
	{
		act_stop_clocks(&act, "suspended", 0, act.now, false);
		clocks_resume(&act);
		act_set_status(&act, act.to_status);
	}
	PG_RETURN_DATUM(act_end(&act));
}

/* ---- extension ---- */

typedef struct Request
{
	bool	  pending;
	bool	  granted; /* one was granted before */
	char	 *by;	   /* actor of the last request */
	Interval *amount;
} Request;

static void
read_request(Act *act, Request *r)
{
	static KeptPlan plan = {
		.sql =
			"SELECT e.verb, e.actor, (e.data ->> 'by')::interval, e.data ->> 'approve' FROM triage.events e"
			" WHERE e.case_id = $1 AND e.verb IN ('request_extension', 'decide_extension') ORDER BY e.seq",
		.nargs = 1,
		.types = {INT8OID}};
	Datum  args[1] = {Int64GetDatum(act->c.case_id)};
	uint64 n = triage_read(&plan, args, NULL);

	memset(r, 0, sizeof(Request));
	for (uint64 i = 0; i < n; i++)
	{
		bool isnull;

		r->pending = strcmp(triage_result_text(i, 1), "request_extension") == 0;
		if (r->pending)
		{
			r->by = triage_result_text(i, 2);
			r->amount = DatumGetIntervalP(triage_result(i, 3, &isnull));
		}
		else
			r->granted |= strcmp(triage_result_text(i, 4), "true") == 0;
	}
}

/* Days are working days where the limit is in working time. */
static TimestampTz
extended(const Calendar *calendar, TimestampTz due, const Interval *by)
{
	int64 days = by->day + (int64) by->month * DAYS_PER_MONTH;

	due = limit_add(due, Min(days, 1000), calendar ? UNIT_WORK_DAY : UNIT_DAY, calendar);
	if (by->time == 0)
		return due;
	return calendar ? work_add(&calendar->work, due, by->time) : due + by->time;
}

static Clock *
resolve_clock(Act *act)
{
	Clock *k = clock_running(act, "resolve", 0);

	if (k == NULL)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_STATE),
						errmsg("case %s has no limit that could be extended", act->c.number),
						errdetail("Its clock \"resolve\" does not run."),
						errhint("triage.clocks lists what runs.")));
	return k;
}

static void
check_amount(const Calendar *calendar, TimestampTz due, const Interval *by)
{
	TimestampTz wanted;

	if (by->month < 0 || by->day < 0 || by->time < 0 || by->month > 12 || by->day > 1000 ||
		by->time > 1000 * USECS_PER_DAY || (by->month == 0 && by->day == 0 && by->time == 0))
		wanted = DT_NOEND;
	else
		wanted = extended(calendar, due, by);
	if (wanted > limit_add(due, MAX_EXTENSION_DAYS, calendar ? UNIT_WORK_DAY : UNIT_DAY, calendar))
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT),
						errmsg("an extension must be longer than nothing and at most %d %s",
							   MAX_EXTENSION_DAYS, calendar ? "working days" : "days"),
						errdetail("The limit that runs is %s.", timestamptz_to_str(due)),
						errhint("Give \"by\" as an interval, for example '5 days'.")));
}

Datum
triage_request_extension(PG_FUNCTION_ARGS)
{
	Act		  act;
	Interval *by;
	char	 *reason;

	need_argument(fcinfo, 1, "by");
	by = PG_GETARG_INTERVAL_P(1);
	reason = verb_need_text(fcinfo, 2, "reason");
	act_begin_verb(&act, fcinfo, "request_extension", 3);
	if (!act.repeated)
	{
		Clock	   *k = resolve_clock(&act);
		Calendar   *calendar = act_calendar(&act, k);
		Request		before;
		TimestampTz latest = limit_add(act.now, 1, calendar ? UNIT_WORK_DAY : UNIT_DAY, calendar);

		read_request(&act, &before);
		check_amount(calendar, k->due_at, by);
		if (before.pending || before.granted)
			ereport(ERROR, (errcode(TRIAGE_ERRCODE_STATE),
							errmsg("case %s has %s", act.c.number,
								   before.pending ? "a request for extension that nobody decided yet"
												  : "been extended before"),
							errdetail("A limit is extended once."),
							errhint("Ask the centre to suspend the case when an obstacle remains.")));
		if (latest > k->due_at)
			ereport(ERROR, (errcode(TRIAGE_ERRCODE_STATE),
							errmsg("it is too late to ask for an extension of case %s", act.c.number),
							errdetail("The limit is %s; it is asked for a %s before.",
									  timestamptz_to_str(k->due_at), calendar ? "working day" : "day"),
							errhint("Report how the matter stands with triage.feed_back().")));
		jb_text(&act.data, "by", DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(by))));
		jb_text(&act.data, "reason", reason);
		jb_int(&act.data, "clock_id", k->clock_id);
		verb_tell(&act, book_centre(act.book, act_area(&act)), "extension_requested", "centre");
	}
	PG_RETURN_DATUM(act_end(&act));
}

Datum
triage_decide_extension(PG_FUNCTION_ARGS)
{
	Act	 act;
	bool approve;

	need_argument(fcinfo, 1, "approve");
	approve = PG_GETARG_BOOL(1);
	act_begin_verb(&act, fcinfo, "decide_extension", 2);
	if (!act.repeated)
	{
		Request request;

		read_request(&act, &request);
		if (!request.pending)
			ereport(ERROR, (errcode(TRIAGE_ERRCODE_STATE),
							errmsg("nobody asked for an extension of case %s", act.c.number),
							errdetail("No request waits for a decision."),
							errhint("The lead calls triage.request_extension().")));
		if (strcmp(request.by, act.actor) == 0)
			ereport(ERROR,
					(errcode(TRIAGE_ERRCODE_RIGHTS), errmsg("who asked for an extension does not grant it"),
					 errdetail("Case %s, asked for by \"%s\".", act.c.number, request.by),
					 errhint("Another person of the centre decides.")));
		jb_bool(&act.data, "approve", approve);
		if (approve)
		{
			Clock *k = resolve_clock(&act);

			clock_extend(&act, k, extended(act_calendar(&act, k), k->due_at, request.amount), request.amount);
			jb_time(&act.data, "due_at", k->due_at);
			/* the citizen is told (F61) */
			act_inform_channels(&act, "extended", NULL, NULL);
		}
		else if (act.c.lead != NULL)
			verb_tell(&act, verb_department(&act, act.c.lead), "extension_denied", "lead");
	}
	PG_RETURN_DATUM(act_end(&act));
}
