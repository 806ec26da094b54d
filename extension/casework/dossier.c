/*
 * dossier.c
 *	  What is done to the record of a case: pressure, evidence, corrections,
 *	  a look at the caller.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/geo_decls.h"
#include "utils/timestamp.h"

#include "base/names.h"
#include "casework/intake.h"
#include "casework/rights.h"
#include "casework/verbs.h"

PG_FUNCTION_INFO_V1(triage_urge);
PG_FUNCTION_INFO_V1(triage_supervise);
PG_FUNCTION_INFO_V1(triage_add_evidence);
PG_FUNCTION_INFO_V1(triage_correct);
PG_FUNCTION_INFO_V1(triage_reveal_contact);
PG_FUNCTION_INFO_V1(triage_anonymise);

/* ---- pressure ---- */

static Datum
press(FunctionCallInfo fcinfo, const char *verb, const char *type)
{
	Act act;

	act_begin_verb(&act, fcinfo, verb, 1);
	if (!act.repeated)
	{
		jb_int(&act.data, "nth", verb_count(&act, verb) + 1);
		jb_text(&act.data, "department", act.c.lead);
		if (act.c.lead != NULL)
			verb_tell(&act, book_department(act.book, act.c.lead, strlen(act.c.lead)), type, "lead");
	}
	return act_end(&act);
}

Datum
triage_urge(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(press(fcinfo, "urge", "urged"));
}

Datum
triage_supervise(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(press(fcinfo, "supervise", "supervised"));
}

/* ---- evidence ---- */

enum EvidenceArgument
{
	ARG_KIND = 1,
	ARG_URI,
	ARG_SHA256,
	ARG_MIME,
	ARG_TAKEN_AT,
	ARG_LOCATION,
	ARG_EVIDENCE_NOTE
};

static void
put_evidence(Act *act, FunctionCallInfo fcinfo)
{
	static KeptPlan plan = {
		.sql =
			"INSERT INTO triage.evidence (case_id, seq, event_seq, at, by, kind, uri, sha256, mime, taken_at, location)"
			" SELECT $1, coalesce(pg_catalog.max(v.seq), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10"
			" FROM triage.evidence v WHERE v.case_id = $1",
		.nargs = 10,
		.types = {INT8OID, INT4OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, BYTEAOID, TEXTOID,
				  TIMESTAMPTZOID, POINTOID}};
	Datum args[10] = {Int64GetDatum(act->c.case_id), Int32GetDatum(act->at.event_seq + 1),
					  TimestampTzGetDatum(act->now), CStringGetTextDatum(act->actor)};
	char  nulls[11] = "          ";

	for (int i = ARG_KIND; i <= ARG_LOCATION; i++)
	{
		args[3 + i] = PG_ARGISNULL(i) ? (Datum) 0 : PG_GETARG_DATUM(i);
		nulls[3 + i] = PG_ARGISNULL(i) ? 'n' : ' ';
	}
	triage_run(&plan, args, nulls, SPI_OK_INSERT);
}

Datum
triage_add_evidence(PG_FUNCTION_ARGS)
{
	Act	  act;
	char *kind = verb_need_text(fcinfo, ARG_KIND, "kind");
	char *uri = verb_need_text(fcinfo, ARG_URI, "uri");

	need_argument(fcinfo, ARG_SHA256, "sha256");
	if (VARSIZE_ANY_EXHDR(PG_GETARG_BYTEA_PP(ARG_SHA256)) != 32)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT), errmsg("argument \"sha256\" must have 32 bytes"),
						errdetail("It has %zu.", VARSIZE_ANY_EXHDR(PG_GETARG_BYTEA_PP(ARG_SHA256))),
						errhint("Give the SHA-256 of the file, as bytea.")));
	if (strlen(kind) > 100 || strlen(uri) > 2000)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT), errmsg("kind or uri is too long"),
						errdetail("The limits are 100 and 2000 bytes."),
						errhint("Evidence is a reference; the file itself lies elsewhere.")));
	act_begin_verb(&act, fcinfo, "add_evidence", ARG_EVIDENCE_NOTE);
	if (!act.repeated)
	{
		put_evidence(&act, fcinfo);
		jb_text(&act.data, "kind", kind);
		jb_text(&act.data, "uri", uri);
		jb_text(&act.data, "sha256",
				DatumGetCString(DirectFunctionCall1(byteaout, PG_GETARG_DATUM(ARG_SHA256))));
	}
	PG_RETURN_DATUM(act_end(&act));
}

/* ---- corrections ---- */

typedef struct Field
{
	const char *name;
	const char *update; /* sets the column from $2; a bad value is the type's own error */
	bool		personal;
} Field;

#define SET_FIELD(field, cast) "UPDATE triage.cases SET " field " = $2" cast " WHERE case_id = $1"
/* the first source is the case's own */
#define SET_SOURCE(field) \
	"WITH s AS (UPDATE triage.case_sources SET " field " WHERE case_id = $1 AND seq = 1) "

static const Field fields[] = {{"reporter", SET_SOURCE("reporter = $2") SET_FIELD("reporter", ""), true},
							   {"contact",
								SET_SOURCE("contact = $2, contact_key = triage.contact_key($2)")
									SET_FIELD("contact", ""),
								true},
							   {"address", SET_FIELD("address", ""), false},
							   {"location", SET_FIELD("location", "::point"), false},
							   {NULL, NULL, false}};

static int
known_field(const char *name)
{
	for (int i = 0; fields[i].name != NULL; i++)
		if (strcmp(fields[i].name, name) == 0)
			return i;
	ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("field \"%s\" cannot be corrected", name),
					errdetail("It is one of: reporter, contact, address, location."),
					errhint("Type and place are corrected with triage.reclassify() and triage.set_area().")));
	return -1;
}

/* The old value is kept beside the history, not in it: it may be personal. */
static void
keep_old(Act *act, const char *field, const char *value, const char *reason)
{
	static KeptPlan plan = {
		.sql =
			"INSERT INTO triage.corrections (case_id, seq, event_seq, at, actor, field, old_value, new_value, reason)"
			" SELECT $1, coalesce((SELECT pg_catalog.max(x.seq) FROM triage.corrections x WHERE x.case_id = $1), 0) + 1,"
			" $2, $3, $4, $5, pg_catalog.to_jsonb(c) ->> $5, $6, $7 FROM triage.cases c WHERE c.case_id = $1",
		.nargs = 7,
		.types = {INT8OID, INT4OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}};
	Datum args[7] = {Int64GetDatum(act->c.case_id), Int32GetDatum(act->at.event_seq + 1),
					 TimestampTzGetDatum(act->now), CStringGetTextDatum(act->actor),
					 CStringGetTextDatum(field),	value ? CStringGetTextDatum(value) : (Datum) 0,
					 CStringGetTextDatum(reason)};

	triage_run(&plan, args, value ? NULL : "     n ", SPI_OK_INSERT);
}

Datum
triage_correct(PG_FUNCTION_ARGS)
{
	static KeptPlan plans[lengthof(fields)];
	Act				act;
	int				f;
	char		   *value = text_argument(fcinfo, 2);
	char		   *reason = verb_need_text(fcinfo, 3, "reason");

	need_argument(fcinfo, 1, "field");
	f = known_field(text_argument(fcinfo, 1));
	if (value != NULL && strlen(value) > 1000)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT), errmsg("the value is too long"),
						errdetail("The limit is 1000 bytes."), errhint("Give the field's value alone.")));
	if (value != NULL && fields[f].personal)
		intake_check_ref(value);
	if (value != NULL && strcmp(fields[f].name, "location") == 0)
		(void) intake_check_location(DatumGetPointP(DirectFunctionCall1(point_in, CStringGetDatum(value))));
	act_begin_verb(&act, fcinfo, "correct", 4);
	if (!act.repeated)
	{
		Datum args[2] = {Int64GetDatum(act.c.case_id), value ? CStringGetTextDatum(value) : (Datum) 0};

		plans[f].sql = fields[f].update;
		plans[f].nargs = 2;
		plans[f].types[0] = INT8OID;
		plans[f].types[1] = TEXTOID;
		keep_old(&act, fields[f].name, value, reason);
		triage_run(&plans[f], args, value ? NULL : " n", SPI_OK_UPDATE);
		jb_text(&act.data, "field", fields[f].name);
		jb_text(&act.data, "reason", reason);
		act.another = strcmp(fields[f].name, "location") == 0;
		if (fields[f].personal)
			verb_sign_report(&act);
		else
			jb_text(&act.data, "value", value);
	}
	PG_RETURN_DATUM(act_end(&act));
}

/* ---- the caller ---- */

/* Each report's, the first first; those made in confidence not to the unit complained about. */
static void
put_callers(Act *act, ReturnSetInfo *result, bool confidential_too)
{
	static KeptPlan plan = {.sql = "SELECT s.reporter, s.contact FROM triage.case_sources s"
								   " WHERE s.case_id = $1 AND ($2 OR NOT s.confidential) ORDER BY s.seq",
							.nargs = 2,
							.types = {INT8OID, BOOLOID}};
	Datum			args[2] = {Int64GetDatum(act->c.case_id), BoolGetDatum(confidential_too)};
	uint64			n = triage_read(&plan, args, NULL);

	for (uint64 i = 0; i < n; i++)
	{
		Datum values[2];
		bool  isnull[2];

		for (int c = 0; c < 2; c++)
			values[c] = triage_result(i, c + 1, &isnull[c]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, isnull);
	}
}

Datum
triage_reveal_contact(PG_FUNCTION_ARGS)
{
	Act	  act;
	char *reason = verb_need_text(fcinfo, 1, "reason");

	InitMaterializedSRF(fcinfo, 0);
	act_begin_verb(&act, fcinfo, "reveal_contact", 2);
	put_callers(&act, (ReturnSetInfo *) fcinfo->resultinfo, !rights_complained_about(&act.row, act.att));
	if (!act.repeated)
		jb_text(&act.data, "reason", reason);
	(void) act_end(&act);
	return (Datum) 0;
}

/*
 * The history never held who reported, but a digest under a key that goes now:
 * removing both leaves the chain whole.
 */
Datum
triage_anonymise(PG_FUNCTION_ARGS)
{
	static KeptPlan plan = {
		.sql =
			"WITH s AS (UPDATE triage.case_sources SET reporter = NULL, contact = NULL, contact_key = NULL, digest_key = NULL,"
			" body = CASE WHEN $2 THEN NULL ELSE body END WHERE case_id = $1),"
			" x AS (UPDATE triage.corrections SET old_value = NULL, new_value = NULL WHERE case_id = $1"
			" AND field IN ('reporter', 'contact')), g AS (DELETE FROM triage.case_signatures WHERE case_id = $1 AND $2),"
			/* what still waits to go out is told as it happened */
			" p AS (UPDATE triage.deliveries SET payload = '{}' WHERE case_id = $1 AND $2 AND done_at IS NOT NULL)"
			" UPDATE triage.cases SET reporter = NULL, contact = NULL, body = CASE WHEN $2 THEN NULL ELSE body END,"
			" address = CASE WHEN $2 THEN NULL ELSE address END WHERE case_id = $1",
		.nargs = 2,
		.types = {INT8OID, BOOLOID}};
	Act	 act;
	bool with_body = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);

	act_begin_verb(&act, fcinfo, "anonymise", 2);
	if (!act.repeated)
	{
		Datum args[2] = {Int64GetDatum(act.c.case_id), BoolGetDatum(with_body)};

		triage_run(&plan, args, NULL, SPI_OK_UPDATE);
		jb_bool(&act.data, "with_body", with_body);
	}
	PG_RETURN_DATUM(act_end(&act));
}
