/*
 * take.c
 *	  A ticket becomes a case, or a further source of one.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "fmgr.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/names.h"
#include "casework/report.h"
#include "hosts/jsonread.h"
#include "hosts/run.h"
#include "hosts/show.h"
#include "hosts/take.h"
#include "hosts/vouch.h"

int64
ticket_case(const Binding *b, const char *ticket, int *event_seq)
{
	static KeptPlan plan = {.sql = "SELECT t.case_id, t.event_seq FROM triage.host_tickets t"
								   " WHERE t.relation = $1 AND t.ticket = $2",
							.nargs = 2,
							.types = {REGCLASSOID, TEXTOID}};
	Datum			args[2] = {ObjectIdGetDatum(b->relation), CStringGetTextDatum(ticket)};
	OwnerSwitch		sw;
	int64			case_id = 0;

	*event_seq = 0;
	host_owner_begin(&sw);
	if (host_run(&plan, args, NULL, SPI_OK_SELECT) == 1)
	{
		case_id = triage_result_int(0, 1, 0);
		*event_seq = triage_result_int(0, 2, 0);
	}
	host_owner_end(&sw);
	return case_id;
}

static void
put_text(Datum *values, char *nulls, int i, const char *text)
{
	values[i] = text != NULL ? CStringGetTextDatum(text) : (Datum) 0;
	nulls[i] = text != NULL ? ' ' : 'n';
}

/* ---- a further source ---- */

/*
 * The case that a reference names, where it still takes sources; 0 = none.
 * It is a case's own number, or what another channel called it.
 */
static int64
referred_case(const char *channel, const char *reference)
{
	static KeptPlan plan = {
		.sql =
			"SELECT x.case_id FROM (SELECT coalesce(c.merged_into, c.case_id) AS case_id FROM triage.cases c"
			" WHERE c.case_id = (SELECT coalesce((SELECT r.case_id FROM triage.case_refs r WHERE r.channel = $1"
			" AND r.external_ref = $2), CASE WHEN $2 ~ '^[0-9]{8}-[0-9]{6,18}$'"
			" THEN pg_catalog.substr($2, 10)::bigint END))"
			" AND (c.number = $2 OR EXISTS (SELECT 1 FROM triage.case_refs r WHERE r.channel = $1"
			" AND r.external_ref = $2 AND r.case_id = c.case_id))) x"
			" JOIN triage.cases m ON m.case_id = x.case_id"
			" JOIN triage.transitions t ON t.verb = 'add_source' AND t.from_status = m.status",
		.nargs = 2,
		.types = {TEXTOID, TEXTOID}};
	Datum args[2] = {CStringGetTextDatum(channel), CStringGetTextDatum(reference)};

	return host_run(&plan, args, NULL, SPI_OK_SELECT) == 1 ? triage_result_int(0, 1, 0) : 0;
}

static void
add_source(int64 case_id, const char *channel, const char *ref, const HostEvent *e)
{
	static KeptPlan plan = {.sql = "SELECT (triage.add_source($1, $2, $3, $4, $5, $6)).case_id",
							.nargs = 6,
							.types = {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}};
	Datum			args[6] = {Int64GetDatum(case_id)};
	char			nulls[6] = {' '};

	put_text(args, nulls, 1, channel);
	put_text(args, nulls, 2, e->body);
	put_text(args, nulls, 3, e->reporter);
	put_text(args, nulls, 4, e->contact);
	put_text(args, nulls, 5, ref);
	host_run(&plan, args, nulls, SPI_OK_SELECT);
}

/* ---- a new case ---- */

static void
put_argument(FunctionCallInfo fcinfo, int i, const char *text)
{
	fcinfo->args[i].value = text != NULL ? CStringGetTextDatum(text) : (Datum) 0;
	fcinfo->args[i].isnull = text == NULL;
}

/* report(), called as the function it is: no plan, no executor.  Returns the case's row. */
static Datum
report(const char *channel, const char *ref, const HostEvent *e, ReportTaken *taken)
{
	LOCAL_FCINFO(fcinfo, REPORT_ARGS);
	Point place = e->location;

	InitFunctionCallInfoData(*fcinfo, NULL, REPORT_ARGS, InvalidOid, NULL, NULL);
	for (int i = 0; i < REPORT_ARGS; i++)
		put_argument(fcinfo, i, NULL);
	put_argument(fcinfo, REPORT_CHANNEL, channel);
	put_argument(fcinfo, REPORT_BODY, e->body);
	put_argument(fcinfo, REPORT_AREA, e->area);
	fcinfo->args[REPORT_LOCATION].value = PointPGetDatum(&place);
	fcinfo->args[REPORT_LOCATION].isnull = !e->located;
	put_argument(fcinfo, REPORT_ADDRESS, e->address);
	put_argument(fcinfo, REPORT_REPORTER, e->reporter);
	put_argument(fcinfo, REPORT_CONTACT, e->contact);
	put_argument(fcinfo, REPORT_REF, ref);
	fcinfo->args[REPORT_REPORTED_AT].value = TimestampTzGetDatum(e->reported_at);
	fcinfo->args[REPORT_REPORTED_AT].isnull = e->reported_at == 0;
	put_argument(fcinfo, REPORT_TYPE, e->case_type);
	fcinfo->args[REPORT_ATTRS].value = e->attrs ? JsonbPGetDatum(e->attrs) : (Datum) 0;
	fcinfo->args[REPORT_ATTRS].isnull = e->attrs == NULL;
	return report_take(fcinfo, taken);
}

/* Our row of the ticket; the source is the one that bears its reference. */
static void
put_ticket(const Binding *b, const char *ticket, int64 case_id, const char *channel, const char *ref)
{
	static KeptPlan plan = {
		.sql =
			"INSERT INTO triage.host_tickets (relation, ticket, case_id, source_seq)"
			" VALUES ($1, $2, $3, coalesce((SELECT max(s.seq) FROM triage.case_sources s WHERE s.case_id = $3"
			" AND s.channel = $4 AND s.external_ref = $5), 1)) ON CONFLICT DO NOTHING",
		.nargs = 5,
		.types = {REGCLASSOID, TEXTOID, INT8OID, TEXTOID, TEXTOID}};
	Datum args[5] = {ObjectIdGetDatum(b->relation), CStringGetTextDatum(ticket), Int64GetDatum(case_id),
					 CStringGetTextDatum(channel), CStringGetTextDatum(ref)};

	host_run(&plan, args, NULL, SPI_OK_INSERT);
}

/* As owner, vouched for.  fresh = nobody can have told of the ticket before. */
static int64
take_in(Binding *b, const HostEvent *e, const char *channel, const char *ref, bool fresh, bool show,
		bool *shown)
{
	ReportTaken taken = {.unclaimed = fresh};
	HostDoc		d;
	Datum		row = 0;
	Writer	   *w;

	if (e->reference != NULL)
		taken.case_id = referred_case(e->reference_channel ? e->reference_channel : channel, e->reference);
	if (taken.case_id != 0)
		add_source(taken.case_id, channel, ref, e);
	else
		row = report(channel, ref, e, &taken);
	if (taken.is_new && show)
	{
		host_doc_new(row, taken.due_at, ticket_wants_words(b), &d);
		ticket_show_new(b, e->ticket, &d);
		w = writer_open();
		put_new_ticket(w, b, e->ticket, &d, true);
		writer_close(w);
		*shown = true;
	}
	else
		put_ticket(b, e->ticket, taken.case_id, channel, ref);
	return taken.case_id;
}

const char *
ticket_ref(const Binding *b, const HostEvent *e)
{
	/* a channel that has references of its own must not meet ours */
	if (e->channel == NULL || strcmp(e->channel, b->channel) == 0)
		return e->ticket;
	return psprintf("%s:%s", get_rel_name(b->relation), e->ticket);
}

int64
ticket_take_in(Binding *b, const HostEvent *e, bool fresh, bool show, bool *shown)
{
	const char *channel = e->channel ? e->channel : b->channel;
	const char *ref = ticket_ref(b, e);
	int			seq;
	int64		case_id;
	OwnerSwitch sw;

	*shown = false;
	case_id = fresh ? 0 : ticket_case(b, e->ticket, &seq);
	if (case_id != 0)
		return case_id;
	host_vouch_begin(b, e->by);
	host_owner_begin(&sw);
	case_id = take_in(b, e, channel, ref, fresh, fresh && show, shown);
	host_owner_end(&sw);
	host_vouch_end();
	return case_id;
}

/* ---- errors ---- */

void
host_error(const Binding *b, const char *stage, const char *ticket, int64 case_id, int sqlerrcode,
		   const char *message, Jsonb *more)
{
	static KeptPlan plan = {
		.sql = "INSERT INTO triage.intake_errors (at, case_id, stage, sqlstate, message, payload)"
			   " VALUES ($1, $2, $3, $4, $5, $6)",
		.nargs = 6,
		.types = {TIMESTAMPTZOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, JSONBOID}};
	JsonBuild	p = {0};
	OwnerSwitch sw;
	Datum		args[6];
	char		nulls[6] = {' ', case_id != 0 ? ' ' : 'n', ' ', ' ', ' ', ' '};

	jb_object(&p, NULL);
	jb_text(&p, "relation",
			quote_qualified_identifier(get_namespace_name(get_rel_namespace(b->relation)),
									   get_rel_name(b->relation)));
	jb_text(&p, "ticket", ticket);
	if (more != NULL)
		jb_jsonb(&p, "row", more);
	jb_end_object(&p);
	args[0] = TimestampTzGetDatum(triage_clock());
	args[1] = Int64GetDatum(case_id);
	args[2] = CStringGetTextDatum(stage);
	args[3] = CStringGetTextDatum(unpack_sql_state(sqlerrcode));
	args[4] = CStringGetTextDatum(message);
	args[5] = JsonbPGetDatum(jb_finish(&p));
	host_owner_begin(&sw);
	host_run(&plan, args, nulls, SPI_OK_INSERT);
	host_owner_end(&sw);
}
