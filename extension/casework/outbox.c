/*
 * outbox.c
 *	  What goes out: payloads fixed when the event happens.
 *
 * The built-in format is a CloudEvents 1.0 JSON event whose data say what
 * happened to which case.  Names and numbers of callers are never part of it.
 * Other formats are SQL functions (event jsonb) returns text, named in
 * endpoints.format; they run as the role that configured the endpoint, in a
 * security-restricted operation.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "common/pg_prng.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base/actor.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/names.h"
#include "base/spi.h"
#include "casework/format_call.h"
#include "casework/outbox.h"
#include "casework/wake.h"

/* UUID version 7: time first, so that new ids meet in the index's last pages. */
static pg_uuid_t *
new_delivery_id(void)
{
	pg_uuid_t *id = palloc(sizeof(pg_uuid_t));
	uint64	   ms = (uint64) (GetCurrentTimestamp() / 1000) + (uint64) 946684800 * 1000;
	uint64	   random = pg_prng_uint64(&pg_global_prng_state);
	uint32	   more = pg_prng_uint32(&pg_global_prng_state);

	for (int i = 0; i < 6; i++)
		id->data[i] = (ms >> (40 - 8 * i)) & 0xff;
	memcpy(&id->data[6], &random, 8);
	memcpy(&id->data[12], &more, 4);
	id->data[6] = (id->data[6] & 0x0f) | 0x70;
	id->data[8] = (id->data[8] & 0x3f) | 0x80;
	return id;
}

static void
put_text(StringInfo s, const char *key, const char *value)
{
	if (value == NULL)
		return;
	if (s->data[s->len - 1] != '{')
		appendStringInfoChar(s, ',');
	appendStringInfoChar(s, '"');
	appendStringInfoString(s, key);
	appendStringInfoString(s, "\":");
	triage_json_string(s, value);
}

static void
put_raw(StringInfo s, const char *key, const char *value)
{
	appendStringInfo(s, ",\"%s\":%s", key, value);
}

/* All parties that this endpoint serves, when it is told of several at once. */
static void
put_parties(StringInfo s, const char *endpoint, const Decision *together)
{
	bool first = true;

	appendStringInfoString(s, ",\"parties\":[");
	for (int i = 0; i < together->nparties; i++)
	{
		const Department *d = together->parties[i].department;

		if (d->endpoint == NULL || strcmp(d->endpoint, endpoint) != 0)
			continue;
		appendStringInfoString(s, first ? "{" : ",{");
		put_text(s, "department", d->code);
		put_text(s, "duty", duty_names[together->parties[i].duty]);
		appendStringInfoChar(s, '}');
		first = false;
	}
	appendStringInfoChar(s, ']');
}

/* The data member: what happened to which case. */
static void
put_data(StringInfo s, Book *book, const CaseFacts *c, const Notice *n)
{
	CaseType *type = c->case_type ? book_type(book, c->case_type, strlen(c->case_type)) : NULL;
	Area	 *area = c->area ? book_area(book, c->area, strlen(c->area)) : NULL;
	char	  buf[40];

	appendStringInfoChar(s, '{');
	put_text(s, "number", c->number);
	snprintf(buf, sizeof(buf), INT64_FORMAT, c->case_id);
	put_raw(s, "case_id", buf);
	put_text(s, "channel", c->channel);
	put_text(s, "external_ref", c->external_ref);
	put_text(s, "reported_at", triage_iso_time(c->reported_at, buf));
	put_text(s, "status", c->status);
	put_text(s, "nature", c->nature);
	snprintf(buf, sizeof(buf), "%d", c->priority);
	put_raw(s, "priority", buf);
	put_raw(s, "danger", c->danger ? "true" : "false");
	put_text(s, "case_type", c->case_type);
	put_text(s, "case_type_zh", type ? type->zh : NULL);
	put_text(s, "area", c->area);
	put_text(s, "area_zh", area ? area->zh : NULL);
	put_text(s, "address", c->address);
	put_text(s, "body", c->body);
	put_text(s, "lead", c->lead);
	put_text(s, "department", n->department);
	put_text(s, "duty", n->duty);
	if (n->together != NULL)
		put_parties(s, n->endpoint, n->together);
	if (n->extra != NULL)
		put_raw(s, "event", JsonbToCString(NULL, &n->extra->root, VARSIZE(n->extra)));
	appendStringInfoChar(s, '}');
}

static char *
cloudevent(Book *book, const CaseFacts *c, const char *id, TimestampTz at, const Notice *n)
{
	StringInfoData s;
	char		   buf[40];

	initStringInfo(&s);
	appendStringInfo(&s, "{\"specversion\":\"1.0\",\"id\":\"%s\",\"type\":\"pg_triage.%s\"", id, n->type);
	put_text(&s, "source", "/pg_triage");
	put_text(&s, "subject", c->number);
	put_text(&s, "time", triage_iso_time(at, buf));
	put_text(&s, "datacontenttype", "application/json");
	appendStringInfoString(&s, ",\"data\":");
	put_data(&s, book, c, n);
	appendStringInfoChar(&s, '}');
	return s.data;
}

/*
 * No citizen is to wait for this format again.  Whoever is at it already may
 * finish first: health() needs to name it once.
 */
static void
set_format_aside(const Endpoint *e)
{
	static KeptPlan plan = {
		.sql = "INSERT INTO triage.local_state (key, value, at)"
			   " SELECT 'format:' || $1, 'caught its time limit and went on', pg_catalog.clock_timestamp()"
			   " WHERE pg_catalog.pg_try_advisory_xact_lock($2, pg_catalog.hashtext($1))"
			   " ON CONFLICT (key) DO NOTHING",
		.nargs = 2,
		.types = {TEXTOID, INT4OID}};
	OwnerSwitch sw;
	Datum		args[2] = {CStringGetTextDatum(e->code), Int32GetDatum(TRIAGE_LOCK_CLASS)};

	triage_owner_begin(&sw);
	triage_run(&plan, args, NULL, SPI_OK_INSERT);
	triage_owner_end(&sw);
}

/*
 * Run a configured format.  Its failure must not lose the case or the
 * delivery: the built-in format goes out instead and says so.
 */
static char *
format_by_function(Book *book, const Endpoint *e, char *event)
{
	static KeptPlan call = {.sql = "SELECT triage.run_format($1, $2::jsonb)",
							.nargs = 2,
							.types = {TEXTOID, TEXTOID}};
	MemoryContext	mcxt = CurrentMemoryContext;
	ResourceOwner	owner = CurrentResourceOwner;
	char *volatile result = event;
	volatile bool failed = false;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		OwnerSwitch sw;
		Datum		args[2];

		triage_owner_begin(&sw);
		args[0] = CStringGetTextDatum(e->code);
		args[1] = CStringGetTextDatum(event);
		if (triage_read(&call, args, NULL) == 1)
		{
			char *text = triage_result_text(0, 1);

			if (text != NULL)
				result = MemoryContextStrdup(mcxt, text);
		}
		triage_owner_end(&sw);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData *err;

		MemoryContextSwitchTo(mcxt);
		err = CopyErrorData();
		RollbackAndReleaseCurrentSubTransaction();
		CurrentResourceOwner = owner;
		if (err->sqlerrcode == ERRCODE_QUERY_CANCELED || err->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
			ReThrowError(err);
		FlushErrorState();
		ereport(WARNING, (errmsg("format of endpoint \"%s\" failed: %s", e->code, err->message),
						  errhint("The event goes out as a CloudEvents event instead.")));
		FreeErrorData(err);
		failed = true;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(mcxt);
	CurrentResourceOwner = owner;
	if (failed && format_ran_away())
		set_format_aside(e);
	return result;
}

void
outbox_put(Writer *w, Book *book, const CaseFacts *c, int event_seq, TimestampTz at, const Notice *n)
{
	Endpoint	 *e = n->endpoint ? book_endpoint(book, n->endpoint, strlen(n->endpoint)) : NULL;
	MemoryContext old;
	pg_uuid_t	 *id;
	char		 *payload;
	Row			  row;

	if (e == NULL)
		return;
	old = MemoryContextSwitchTo(writer_context(w));
	id = new_delivery_id();
	payload = cloudevent(book, c, DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(id))), at, n);
	if (strcmp(e->format, "cloudevents") != 0)
		payload = format_by_function(book, e, payload);
	row_init(&row);
	row_int64(&row, DLV_CASE_ID, c->case_id);
	row_set(&row, DLV_DELIVERY_ID, UUIDPGetDatum(id));
	row_text(&row, DLV_ENDPOINT, e->code);
	row_int(&row, DLV_EVENT_SEQ, event_seq);
	row_text(&row, DLV_TYPE, n->type);
	row_text(&row, DLV_STATE, "queued");
	row_int(&row, DLV_ATTEMPTS, 0);
	row_time(&row, DLV_CREATED_AT, at);
	row_time(&row, DLV_NEXT_ATTEMPT_AT, at);
	row_text(&row, DLV_PAYLOAD, payload);
	writer_put(w, TO_DELIVERIES, &row);
	MemoryContextSwitchTo(old);
	wake_courier_at_commit();
}
