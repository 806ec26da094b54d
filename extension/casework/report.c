/*
 * report.c
 *	  report(), preview() and add_source(): intake for those who call functions.
 *
 * report() does three things that an INSERT cannot: a reference that was
 * taken returns the case that has it, a burst from one sensor becomes one
 * case with a count, and the citizen gets a token.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/geo_decls.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/catalog.h"
#include "base/clock.h"
#include "base/guc.h"
#include "base/names.h"
#include "casework/act.h"
#include "casework/contact.h"
#include "casework/intake_row.h"
#include "casework/repeats.h"
#include "casework/report.h"
#include "casework/rights.h"

PG_FUNCTION_INFO_V1(triage_report);
PG_FUNCTION_INFO_V1(triage_preview);
PG_FUNCTION_INFO_V1(triage_add_source);

#define TOKEN_BYTES 16

/* A random token in hexadecimal and the digest under which it is stored. */
static char *
new_token(unsigned char *digest)
{
	unsigned char	   random[TOKEN_BYTES];
	char			  *token = palloc(TOKEN_BYTES * 2 + 1);
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);

	if (!pg_strong_random(random, TOKEN_BYTES))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate a random token")));
	for (int i = 0; i < TOKEN_BYTES; i++)
		snprintf(token + 2 * i, 3, "%02x", random[i]);
	if (pg_cryptohash_init(ctx) < 0 ||
		pg_cryptohash_update(ctx, (const uint8 *) token, TOKEN_BYTES * 2) < 0 ||
		pg_cryptohash_final(ctx, digest, HISTORY_HASH_LEN) < 0)
		elog(ERROR, "could not compute the digest of a token");
	pg_cryptohash_free(ctx);
	return token;
}

/* How much of a row its reader gets. */
typedef enum Shown
{
	SHOWN_AS_IS,
	SHOWN_TO_ROLE, /* reporter and contact as the actor's role may read them */
	SHOWN_MASKED   /* what tells that a case exists and how it stands */
} Shown;

/* The row as a composite, with the token in attrs, where it is shown this once. */
static Datum
row_with_token(CaseRow *row, const AttrNumber *att, MemoryContext caller, const char *token, Shown shown)
{
	MemoryContext old = MemoryContextSwitchTo(caller);
	Datum		  result;

	if (shown == SHOWN_MASKED)
		case_row_mask(row, att);
	else if (shown == SHOWN_TO_ROLE)
		rights_hide_caller(row, att);
	if (token != NULL)
	{
		JsonBuild b = {0};

		jb_object(&b, NULL);
		jb_text(&b, "token", token);
		jb_end_object(&b);
		case_set(row, att, CASE_ATTRS,
				 DirectFunctionCall2(jsonb_concat, case_value(row, att, CASE_ATTRS),
									 JsonbPGetDatum(jb_finish(&b))));
	}
	result = case_row_result(row);
	MemoryContextSwitchTo(old);
	return result;
}

/*
 * Take the reference for a new case.  Returns 0 when it is ours now, else the
 * case that has it; waits for a transaction that is just taking it.
 */
static int64
claim(const char *channel, const char *ref, int64 case_id)
{
	static KeptPlan insert = {.sql = "INSERT INTO triage.case_refs (channel, external_ref, case_id)"
									 " VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
							  .nargs = 3,
							  .types = {TEXTOID, TEXTOID, INT8OID}};
	static KeptPlan select = {
		.sql = "SELECT r.case_id FROM triage.case_refs r WHERE r.channel = $1 AND r.external_ref = $2",
		.nargs = 2,
		.types = {TEXTOID, TEXTOID}};
	Datum args[3] = {CStringGetTextDatum(channel), CStringGetTextDatum(ref), Int64GetDatum(case_id)};

	if (triage_run(&insert, args, NULL, SPI_OK_INSERT) == 1)
		return 0;
	if (triage_run(&select, args, NULL, SPI_OK_SELECT) != 1)
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("reference \"%s\" of channel \"%s\" was taken at the same time", ref, channel),
						errhint("Try the transaction again.")));
	return triage_result_int(0, 1, 0);
}

static void
move_ref(const char *channel, const char *ref, int64 case_id)
{
	static KeptPlan plan = {
		.sql = "UPDATE triage.case_refs SET case_id = $3 WHERE channel = $1 AND external_ref = $2",
		.nargs = 3,
		.types = {TEXTOID, TEXTOID, INT8OID}};
	Datum args[3] = {CStringGetTextDatum(channel), CStringGetTextDatum(ref), Int64GetDatum(case_id)};

	triage_run(&plan, args, NULL, SPI_OK_UPDATE);
}

/* ---- further sources of a case ---- */

typedef struct Source
{
	const char *channel;
	const char *external_ref;
	const char *reporter;
	const char *contact;
	const char *body;
	bool		confidential;
	bool		device; /* the reporter is a sensor */
	TimestampTz reported_at;
} Source;

/* The first is the report that opened the case; a task has none, so what is said of it later begins at 2. */
static int
next_source_seq(int64 case_id)
{
	static KeptPlan plan = {
		.sql = "SELECT coalesce(max(s.seq), 1) + 1 FROM triage.case_sources s WHERE s.case_id = $1",
		.nargs = 1,
		.types = {INT8OID}};
	Datum args[1] = {Int64GetDatum(case_id)};

	triage_read(&plan, args, NULL);
	return triage_result_int(0, 1, 1);
}

/* a source's body is no longer than a report's */
static void
check_source_body(const char *body)
{
	if (body != NULL && strlen(body) > REPORT_MAX_BODY)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("the report is too long"),
						errdetail("It has %zu bytes, the limit is %d.", strlen(body), REPORT_MAX_BODY),
						errhint("Keep long documents elsewhere and report what they are about.")));
}

/* Each source is told of the result, in an event of its own. */
static void
check_source_count(const Act *act, int seq)
{
	if (seq > triage_max_sources)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT),
						errmsg("case %s has %d reports, it takes no more", act->c.number, seq - 1),
						errdetail("The limit is triage.max_sources, %d.", triage_max_sources),
						errhint("Report it as a case of its own and link the two, or raise the setting.")));
}

/* Add a source to a locked case; the event says that it came, not what it says. */
static void
put_source(Act *act, const Source *s, const unsigned char *token)
{
	int	 seq = next_source_seq(act->c.case_id);
	int	 count = DatumGetInt32(case_value(&act->row, act->att, CASE_REPORT_COUNT));
	char personal[PERSONAL_HEX_LEN + 1];
	Row	 row;

	check_source_count(act, seq);
	row_init(&row);
	row_int64(&row, SRC_CASE_ID, act->c.case_id);
	row_int(&row, SRC_SEQ, seq);
	row_text(&row, SRC_CHANNEL, s->channel);
	row_text(&row, SRC_EXTERNAL_REF, s->external_ref);
	row_text(&row, SRC_REPORTER, s->reporter);
	row_text(&row, SRC_CONTACT, s->contact);
	row_contact_key(&row, s->contact, s->channel, s->device ? s->reporter : NULL);
	row_set(&row, SRC_CONFIDENTIAL, BoolGetDatum(s->confidential));
	row_time(&row, SRC_REPORTED_AT, s->reported_at);
	row_text(&row, SRC_BODY, s->body);
	if (token != NULL)
		row_bytes(&row, SRC_TOKEN, token, HISTORY_HASH_LEN);
	records_personal(&row, s->reporter, s->contact, s->body, personal);
	writer_put(act->w, TO_SOURCES, &row);
	case_set(&act->row, act->att, CASE_REPORT_COUNT, Int32GetDatum(count + 1));
	jb_int(&act->data, "source_seq", seq);
	jb_text(&act->data, "channel", s->channel);
	jb_text(&act->data, "personal", pstrdup(personal)); /* read when the event is made */
	jb_int(&act->data, "report_count", count + 1);
}

static const Channel *
check_channel(Book *book, const char *code)
{
	const Channel *channel = book_channel(book, code, strlen(code));

	if (channel == NULL)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("channel \"%s\" does not exist", code),
						errdetail("There is no active row with this code in triage.channels."),
						errhint("Use a code listed in triage.channels.")));
	return channel;
}

/*
 * References are claimed before cases are locked, by everybody.  Sight is
 * checked first: a claim tells that a reference is taken.
 */
static void
claim_for_source(int64 case_id, const char *channel, const char *ref)
{
	OwnerSwitch sw;
	Book	   *book;
	int64		other = 0;

	triage_owner_begin(&sw);
	book = book_acquire();
	check_channel(book, channel);
	if (rights_may_see(book, case_id) && rights_case_exists(case_id))
		other = claim(channel, ref, case_id);
	book_release(book);
	triage_owner_end(&sw);
	if (other != 0 && other != case_id)
		ereport(ERROR, (errcode(ERRCODE_UNIQUE_VIOLATION),
						errmsg("reference \"%s\" of channel \"%s\" belongs to another case", ref, channel),
						errhint("Merge the two cases, or leave the reference out.")));
}

Datum
triage_add_source(PG_FUNCTION_ARGS)
{
	Act			  act;
	Source		  s = {0};
	unsigned char digest[HISTORY_HASH_LEN];
	char		 *token = new_token(digest);
	Datum		  result;

	need_argument(fcinfo, 0, "case_id");
	need_argument(fcinfo, 1, "channel");
	s.channel = text_argument(fcinfo, 1);
	s.body = text_argument(fcinfo, 2);
	s.reporter = text_argument(fcinfo, 3);
	s.contact = text_argument(fcinfo, 4);
	s.external_ref = text_argument(fcinfo, 5);
	s.confidential = !PG_ARGISNULL(6) && PG_GETARG_BOOL(6);
	intake_check_ref(s.external_ref);
	check_source_body(s.body);
	if (s.external_ref != NULL)
		claim_for_source(PG_GETARG_INT64(0), s.channel, s.external_ref);
	act_begin(&act, "add_source", PG_GETARG_INT64(0), text_argument(fcinfo, 7));
	if (!act.repeated)
	{
		s.device = check_channel(act.book, s.channel)->kind == CHANNEL_SENSOR;
		s.reported_at = act.now;
		put_source(&act, &s, digest);
	}
	result = act_end(&act);
	if (!act.repeated)
	{
		HeapTupleHeader header = DatumGetHeapTupleHeader(result);
		HeapTupleData	tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};
		CaseRow			row;

		case_row_read(&row, &tuple, act.row.desc);
		result = row_with_token(&row, act.att, CurrentMemoryContext, token, SHOWN_AS_IS);
	}
	PG_RETURN_DATUM(result);
}

/* ---- bursts ---- */

/*
 * The open case that a burst of this sender belongs to, 0 = none: then the
 * burst's mark is set to new_case.  The mark's row lock makes the sender's
 * reports wait for each other.
 */
static int64
burst_case(const Channel *channel, const char *sender, TimestampTz now, int64 new_case)
{
	static KeptPlan select = {.sql = "SELECT r.case_id FROM triage.case_refs r"
									 " WHERE r.channel = $1 AND r.external_ref = $2 FOR UPDATE",
							  .nargs = 2,
							  .types = {TEXTOID, TEXTOID}};
	static KeptPlan usable = {
		.sql =
			"SELECT c.case_id FROM triage.cases c WHERE c.case_id = $1"
			" AND c.status NOT IN ('closed', 'merged', 'void')"
			" AND (SELECT s.reported_at FROM triage.case_sources s WHERE s.case_id = $1 ORDER BY s.seq DESC LIMIT 1) >= $2"
			" FOR NO KEY UPDATE OF c",
		.nargs = 2,
		.types = {INT8OID, TIMESTAMPTZOID}};
	/* a mark that no reporter's reference can be: control characters are refused there */
	char *ref = psprintf("\x01%s", sender);
	Datum args[3] = {CStringGetTextDatum(channel->code), CStringGetTextDatum(ref), Int64GetDatum(new_case)};
	Datum test[2];

	if (claim(channel->code, ref, new_case) == 0)
		return 0;
	if (triage_run(&select, args, NULL, SPI_OK_SELECT) != 1)
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("the burst of \"%s\" was moved at the same time", sender),
						errhint("Try the transaction again.")));
	test[0] = Int64GetDatum(triage_result_int(0, 1, 0));
	test[1] = TimestampTzGetDatum(now - channel->fold_us);
	/* not read-only: the snapshot must be newer than the wait for the mark; locked, so that it stays open */
	if (triage_run(&usable, test, NULL, SPI_OK_SELECT) == 1)
		return DatumGetInt64(test[0]);
	move_ref(channel->code, ref, new_case);
	return 0;
}

static void
fold_into(int64 case_id, const Source *s)
{
	Act act;

	act_begin_inner(&act, "repeat", case_id);
	put_source(&act, s, NULL);
	act_end_inner(&act);
}

/* ---- report ---- */

/* For whatever this installation's triggers, columns and checks are to see. */
static void
insert_case(FunctionCallInfo fcinfo, NextCase *coming, CaseRow *row)
{
	static KeptPlan plan = {.sql =
								"INSERT INTO triage.cases (case_id, channel, body, area, location, address,"
								" reporter, contact, external_ref, reported_at, case_type, attrs)"
								" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING *",
							.nargs = 12,
							.types = {INT8OID, TEXTOID, TEXTOID, TEXTOID, POINTOID, TEXTOID, TEXTOID, TEXTOID,
									  TEXTOID, TIMESTAMPTZOID, TEXTOID, JSONBOID}};
	Datum			values[12];
	char			nulls[12];
	NextCase		before;
	uint64			ninserted;

	values[0] = Int64GetDatum(coming->case_id);
	nulls[0] = ' ';
	for (int i = REPORT_CHANNEL; i <= REPORT_ATTRS; i++)
	{
		values[i + 1] = PG_ARGISNULL(i) ? (Datum) 0 : PG_GETARG_DATUM(i);
		nulls[i + 1] = PG_ARGISNULL(i) ? 'n' : ' ';
	}
	before = intake_next(coming);
	ninserted = triage_run(&plan, values, nulls, SPI_OK_INSERT_RETURNING);
	*coming = intake_next_done(&before);
	if (ninserted != 1)
		ereport(ERROR, (errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION), errmsg("the report was not taken in"),
						errdetail("A trigger of triage.cases dropped the row."),
						errhint("Look for triggers that this installation added to triage.cases.")));
	case_row_read(row, SPI_tuptable->vals[0], SPI_tuptable->tupdesc);
}

/* The row that is to become a case. */
static const AttrNumber *
row_of_report(FunctionCallInfo fcinfo, int64 case_id, CaseRow *row)
{
	static const CaseColumn columns[REPORT_ARGS] = {[REPORT_CHANNEL] = CASE_CHANNEL,
													[REPORT_BODY] = CASE_BODY,
													[REPORT_AREA] = CASE_AREA,
													[REPORT_LOCATION] = CASE_LOCATION,
													[REPORT_ADDRESS] = CASE_ADDRESS,
													[REPORT_REPORTER] = CASE_REPORTER,
													[REPORT_CONTACT] = CASE_CONTACT,
													[REPORT_REF] = CASE_EXTERNAL_REF,
													[REPORT_REPORTED_AT] = CASE_REPORTED_AT,
													[REPORT_TYPE] = CASE_CASE_TYPE,
													[REPORT_ATTRS] = CASE_ATTRS};
	const AttrNumber	   *att = case_row_empty(row);

	case_set(row, att, CASE_ID, Int64GetDatum(case_id));
	for (int i = 0; i < REPORT_ARGS; i++)
		if (!PG_ARGISNULL(i))
			case_set(row, att, columns[i], PG_GETARG_DATUM(i));
	return att;
}

static const AttrNumber *
fetch_case(int64 case_id, CaseRow *row)
{
	static KeptPlan plan = {.sql = "SELECT c.* FROM triage.cases c WHERE c.case_id = $1",
							.nargs = 1,
							.types = {INT8OID}};
	Datum			args[1] = {Int64GetDatum(case_id)};

	if (triage_run(&plan, args, NULL, SPI_OK_SELECT) != 1)
		act_no_such_case(case_id);
	return case_row_read(row, SPI_tuptable->vals[0], SPI_tuptable->tupdesc);
}

static void
source_of_report(FunctionCallInfo fcinfo, Source *s)
{
	s->channel = text_argument(fcinfo, REPORT_CHANNEL);
	s->external_ref = text_argument(fcinfo, REPORT_REF);
	s->reporter = text_argument(fcinfo, REPORT_REPORTER);
	s->contact = text_argument(fcinfo, REPORT_CONTACT);
	s->body = text_argument(fcinfo, REPORT_BODY);
	s->confidential = false;
	s->reported_at =
		PG_ARGISNULL(REPORT_REPORTED_AT) ? triage_clock() : PG_GETARG_TIMESTAMPTZ(REPORT_REPORTED_AT);
}

/* Earlier cases that this report may repeat, as of now. */
static void
find_repeats(FunctionCallInfo fcinfo, Book *book, const Channel *channel, const Source *s, int64 case_id,
			 Repeats *found)
{
	RepeatOf of = {.channel = channel,
				   .case_id = case_id,
				   .reporter = s->reporter,
				   .contact = s->contact,
				   .external_ref = s->external_ref,
				   .location = PG_ARGISNULL(REPORT_LOCATION) ? NULL : PG_GETARG_POINT_P(REPORT_LOCATION),
				   .at = s->reported_at};

	repeats_find(book, &of, found);
}

/*
 * The open case that the channel's rule has the report join, 0 = none.  The
 * type decides, so the report is judged as preview() would.
 */
static int64
joined_case(FunctionCallInfo fcinfo, Book *book, const Channel *channel, const Source *s,
			const Repeats *found)
{
	PreviewArgs a = {0};
	Report		report;
	Decision	d;

	if (found->n == 0 || !repeats_may_fold(book, channel))
		return 0;
	a.channel = s->channel;
	a.body = s->body;
	a.area = text_argument(fcinfo, REPORT_AREA);
	a.address = text_argument(fcinfo, REPORT_ADDRESS);
	a.case_type = text_argument(fcinfo, REPORT_TYPE);
	a.location = PG_ARGISNULL(REPORT_LOCATION) ? NULL : PG_GETARG_POINT_P(REPORT_LOCATION);
	a.at = s->reported_at;
	a.attrs = PG_ARGISNULL(REPORT_ATTRS) ? NULL : PG_GETARG_JSONB_P(REPORT_ATTRS);
	intake_preview(book, &a, &report);
	decide(book, &report, &d);
	return repeats_fold(found, d.type);
}

/* The new case and its links to those it repeats. */
static const AttrNumber *
make_case(FunctionCallInfo fcinfo, Book *book, NextCase *coming, CaseRow *row)
{
	const AttrNumber *att = row_of_report(fcinfo, coming->case_id, row);

	if (!intake_row_put(book, row, coming))
		insert_case(fcinfo, coming, row);
	if (coming->repeats != NULL)
	{
		char *type = case_text(row, att, CASE_CASE_TYPE);

		repeats_link(coming->repeats, coming->case_id,
					 type != NULL ? book_type(book, type, strlen(type)) : NULL, triage_clock());
	}
	return att;
}

/* Can a report of this channel join a case that is there?  Then its reference is claimed before that is locked. */
static bool
may_join(Book *book, const Channel *channel)
{
	return channel->fold_us > 0 || repeats_may_fold(book, channel);
}

Datum
report_take(FunctionCallInfo fcinfo, ReportTaken *taken)
{
	MemoryContext	  caller = CurrentMemoryContext;
	Source			  s;
	NextCase		  coming = {0};
	char			 *token = new_token(coming.token);
	OwnerSwitch		  sw;
	Book			 *book;
	Channel			 *channel;
	int64			  case_id;
	int64			  have = 0;
	bool			  folded = false;
	bool			  masked;
	Repeats			  found = {0};
	CaseRow			  row;
	Datum			  result;
	const AttrNumber *att;

	need_argument(fcinfo, REPORT_CHANNEL, "channel");
	source_of_report(fcinfo, &s);
	intake_check_ref(s.external_ref);
	intake_check_ref(s.reporter);
	triage_owner_begin(&sw);
	book = book_acquire();
	channel = book_channel(book, s.channel, strlen(s.channel));
	s.device = channel != NULL && channel->kind == CHANNEL_SENSOR;
	case_id = nextval_internal(triage_relid("cases_case_id_seq"), false);
	coming.claimed =
		s.external_ref == NULL || channel == NULL || !taken->unclaimed || may_join(book, channel);
	if (s.external_ref != NULL && channel != NULL && coming.claimed)
		have = claim(s.channel, s.external_ref, case_id);
	if (have == 0 && channel != NULL && channel->fold_us > 0 && s.reporter != NULL)
	{
		have = burst_case(channel, s.reporter, triage_clock(), case_id);
		folded = have != 0;
	}
	if (have == 0 && channel != NULL && !TIMESTAMP_NOT_FINITE(s.reported_at))
	{
		find_repeats(fcinfo, book, channel, &s, case_id, &found);
		have = joined_case(fcinfo, book, channel, &s, &found);
		folded = have != 0;
	}
	/* a reference or a sender's name can be guessed: who may not see the case learns only that it is there */
	masked = have != 0 && !rights_may_see(book, have);
	if (folded)
	{
		/* the reference was claimed for a case that will not be: it belongs to the burst's */
		if (s.external_ref != NULL)
			move_ref(s.channel, s.external_ref, have);
		fold_into(have, &s);
	}
	if (have != 0)
		att = fetch_case(have, &row);
	else
	{
		coming.case_id = case_id;
		coming.repeats = found.n > 0 ? &found : NULL;
		att = make_case(fcinfo, book, &coming, &row);
	}
	taken->is_new = have == 0;
	taken->case_id = have != 0 ? have : case_id;
	taken->due_at = coming.due_at;
	book_release(book);
	result =
		row_with_token(&row, att, caller, have != 0 ? NULL : token, masked ? SHOWN_MASKED : SHOWN_TO_ROLE);
	triage_owner_end(&sw);
	return result;
}

Datum
triage_report(PG_FUNCTION_ARGS)
{
	ReportTaken taken = {0};

	PG_RETURN_DATUM(report_take(fcinfo, &taken));
}

/* ---- preview ---- */

static Jsonb *
preview_result(Book *book, const Report *r, const Decision *d)
{
	JsonBuild b = {0};

	jb_object(&b, NULL);
	jb_text(&b, "status", d->dispatched ? "dispatched" : "triage");
	jb_text(&b, "verdict", verdict_names[d->verdict]);
	jb_text(&b, "case_type", d->type ? d->type->code : NULL);
	jb_text(&b, "case_type_zh", d->type ? d->type->zh : NULL);
	jb_text(&b, "nature", nature_names[d->nature]);
	jb_int(&b, "priority", d->priority);
	jb_bool(&b, "danger", d->danger);
	jb_text(&b, "area", d->area ? d->area->code : NULL);
	jb_text(&b, "area_zh", d->area ? d->area->zh : NULL);
	jb_text(&b, "lead", d->parties[0].department->code);
	jb_text(&b, "route", d->route ? d->route->code : NULL);
	jb_array(&b, "parties");
	for (int i = 0; i < d->nparties; i++)
	{
		jb_object(&b, NULL);
		jb_text(&b, "department", d->parties[i].department->code);
		jb_text(&b, "zh", d->parties[i].department->zh);
		jb_text(&b, "duty", duty_names[d->parties[i].duty]);
		jb_end_object(&b);
	}
	jb_end_array(&b);
	jb_text(&b, "reason", decision_reason(d));
	jb_jsonb(&b, "facts", decision_facts(book, r, d));
	jb_jsonb(&b, "candidates", decision_candidates(d));
	jb_int(&b, "rulebook_version", book->version);
	jb_end_object(&b);
	return jb_finish(&b);
}

/* preview(channel, body, area, at, location, address, case_type, attrs) */
Datum
triage_preview(PG_FUNCTION_ARGS)
{
	Book	   *book = book_acquire();
	PreviewArgs a = {0};
	Report		report;
	Decision	d;
	Jsonb	   *result;

	need_argument(fcinfo, 0, "channel");
	a.channel = text_argument(fcinfo, 0);
	a.body = text_argument(fcinfo, 1);
	a.area = text_argument(fcinfo, 2);
	a.at = PG_ARGISNULL(3) ? triage_clock() : PG_GETARG_TIMESTAMPTZ(3);
	a.location = PG_ARGISNULL(4) ? NULL : PG_GETARG_POINT_P(4);
	a.address = text_argument(fcinfo, 5);
	a.case_type = text_argument(fcinfo, 6);
	a.attrs = PG_ARGISNULL(7) ? NULL : PG_GETARG_JSONB_P(7);
	a.unfinished = true;
	intake_preview(book, &a, &report);
	decide(book, &report, &d);
	/* what is not typed yet is no silent call */
	if (d.verdict == VERDICT_SILENT && report.channel->kind != CHANNEL_VOICE)
		d.verdict = VERDICT_NO_MATCH;
	result = preview_result(book, &report, &d);
	book_release(book);
	PG_RETURN_JSONB_P(result);
}
