/*
 * parties.c
 *	  Departments that take part in a case, and channels that hear of its end,
 *	  while an act is under way (act.h).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/names.h"
#include "casework/act.h"
#include "casework/clocks.h"
#include "casework/outbox.h"
#include "casework/rights.h"

Assignment *
act_lead(Act *act)
{
	for (int i = 0; i < act->nassignments; i++)
		if (act->assignments[i].live && strcmp(act->assignments[i].duty, "lead") == 0)
			return &act->assignments[i];
	return NULL;
}

Assignment *
act_part(const Act *act, const char *department)
{
	for (int i = 0; i < act->nassignments; i++)
		if (act->assignments[i].live && strcmp(act->assignments[i].department, department) == 0)
			return &act->assignments[i];
	return NULL;
}

bool
act_takes_part(const Act *act, const char *department)
{
	ListCell *lc;

	foreach(lc, act->at.joined)
		if (strcmp(((Joined *) lfirst(lc))->department, department) == 0)
			return true;
	return act_part(act, department) != NULL;
}

void
act_set_assignment(Act *act, Assignment *a, const char *status)
{
	static KeptPlan plan = {
		.sql =
			"UPDATE triage.assignments SET status = $3,"
			" accepted_at = CASE WHEN $3 IN ('accepted', 'on_scene') THEN coalesce(accepted_at, $4) ELSE accepted_at END,"
			" arrived_at = CASE WHEN $3 = 'on_scene' THEN coalesce(arrived_at, $4) ELSE arrived_at END,"
			" done_at = CASE WHEN $3 IN ('done', 'withdrawn') THEN coalesce(done_at, $4) ELSE done_at END,"
			" due_at = $5"
			" WHERE case_id = $1 AND seq = $2",
		.nargs = 5,
		.types = {INT8OID, INT4OID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
	Datum args[5] = {Int64GetDatum(act->c.case_id), Int32GetDatum(a->seq), CStringGetTextDatum(status),
					 TimestampTzGetDatum(Max(act->happened, a->offered_at))};

	a->status = status;
	a->live = strcmp(status, "done") != 0 && strcmp(status, "withdrawn") != 0;
	a->due_at = a->live ? clocks_part_due(act, a->seq, strcmp(a->duty, "lead") == 0) : DT_NOEND;
	args[4] = TimestampTzGetDatum(a->due_at);
	triage_run(&plan, args, TIMESTAMP_IS_NOEND(a->due_at) ? "    n" : NULL, SPI_OK_UPDATE);
	a->accepted |= strcmp(status, "accepted") == 0 || strcmp(status, "on_scene") == 0;
	a->arrived |= strcmp(status, "on_scene") == 0;
}

int
act_leave_triage(Act *act)
{
	Assignment *centre = act_lead(act);

	act_stop_clocks(act, "triage", -1, act->now, false);
	act_stop_clocks(act, "ring_back", -1, act->now, false);
	if (centre == NULL)
		return 0;
	act_set_assignment(act, centre, "done");
	return centre->seq;
}

Assignment *
act_party(Act *act, const char *department, const char *want_duty)
{
	Assignment *found = NULL;
	bool		several = false;

	for (int i = 0; i < act->nassignments; i++)
	{
		Assignment *a = &act->assignments[i];

		if (!a->live || (department != NULL && strcmp(a->department, department) != 0))
			continue;
		if (department == NULL && !rights_acts_for(act, a->department))
			continue;
		if (want_duty != NULL && strcmp(a->duty, want_duty) == 0)
		{
			found = a;
			several = false;
			break;
		}
		several |= found != NULL && strcmp(found->department, a->department) != 0;
		if (found == NULL || strcmp(a->duty, "lead") == 0)
			found = a;
	}
	if (found == NULL)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN),
						department != NULL ? errmsg("department \"%s\" does not take part in case %s",
													department, act->c.number)
										   : errmsg("you act for no department in case %s", act->c.number),
						errdetail("Its part has ended, or it never had one."),
						errhint("triage.chain(%lld) lists who takes part.", (long long) act->c.case_id)));
	if (department != NULL && !rights_acts_for(act, department))
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_RIGHTS),
						errmsg("you do not act for department \"%s\" in case %s", department, act->c.number),
						errdetail("No active row of triage.members says that you do."),
						errhint("triage.members says who acts for whom.")));
	/* where no members are configured everybody acts for all: the lead is meant */
	if (department == NULL && several && !rights_are_open(act))
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("argument \"department\" is needed"),
						errdetail("You act for more than one department in case %s.", act->c.number),
						errhint("Name the department you act for.")));
	return found;
}

/* ---- results to the channels ---- */

void
act_inform_channels(Act *act, const char *type, const char *body, const char *outcome)
{
	static KeptPlan plan = {
		.sql =
			/* by key for each case, however the server would rather join: OFFSET 0 keeps it from that */
		"SELECT s.channel, pg_catalog.min(s.seq), pg_catalog.count(*), s.external_ref"
		" FROM (SELECT $1 AS case_id UNION ALL SELECT l.linked_case FROM triage.links l"
		" CROSS JOIN LATERAL (SELECT 1 FROM triage.cases x WHERE x.case_id = l.linked_case"
		" AND x.merged_into = $1 OFFSET 0) m WHERE l.case_id = $1 AND l.kind = 'duplicate') k"
		" CROSS JOIN LATERAL (SELECT x.* FROM triage.case_sources x WHERE x.case_id = k.case_id OFFSET 0) s"
		" GROUP BY s.channel, s.external_ref ORDER BY 2",
		.nargs = 1,
		.types = {INT8OID}};
	Datum		   args[1] = {Int64GetDatum(act->c.case_id)};
	int			   n = triage_read(&plan, args, NULL);
	SPITupleTable *rows = SPI_tuptable;

	for (int i = 0; i < n; i++)
	{
		char	 *code;
		Channel	 *channel;
		JsonBuild b = {0};
		Jsonb	 *data;
		CaseFacts c = act->c;

		SPI_tuptable = rows;
		code = triage_result_text(i, 1);
		channel = book_channel(act->book, code, strlen(code));
		c.channel = code;
		c.external_ref = triage_result_text(i, 4);
		jb_object(&b, NULL);
		jb_text(&b, "channel", code);
		jb_int(&b, "source_seq", triage_result_int(i, 2, 1));
		jb_int(&b, "reports", triage_result_int(i, 3, 1));
		jb_text(&b, "endpoint", channel ? channel->endpoint : NULL);
		jb_text(&b, "outcome", outcome);
		jb_text(&b, "result", body);
		jb_end_object(&b);
		data = jb_finish(&b);
		act_event(act, "inform", data);
		if (channel != NULL)
			outbox_put(act->w, act->book, &c, act->at.event_seq, act->now,
					   &(Notice){.endpoint = channel->endpoint, .type = type, .extra = data});
	}
}
