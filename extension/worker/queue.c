/*
 * queue.c
 *	  The courier's view of triage.deliveries.
 *
 * There is one courier in a database, so a lease is no lock between couriers:
 * it is what others see of a transfer under way, and counts the attempt.
 * Its columns (state, attempts, leased_until) stand in no index, so that a
 * claim is a HOT update; only done_at takes a row out of the queue's index.
 *
 * Row locks of others are never waited for.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "base/clock.h"
#include "base/guc.h"
#include "base/spi.h"
#include "worker/queue.h"
#include "worker/turn.h"
#include "worktime/backoff.h"

/*
 * How long a lease holds if the courier that took it never came back and the
 * next one did not see it; far beyond any transfer.
 */
#define LEASE_USECS USECS_PER_HOUR

/* Endpoints with unfinished deliveries, one index probe each, however long their queues. */
#define WAITING                                                                                              \
	"WITH RECURSIVE waiting(endpoint) AS ("                                                                  \
	"(SELECT d.endpoint FROM triage.deliveries d WHERE d.done_at IS NULL ORDER BY d.endpoint LIMIT 1)"       \
	" UNION ALL "                                                                                            \
	"SELECT (SELECT d.endpoint FROM triage.deliveries d WHERE d.done_at IS NULL AND d.endpoint > w.endpoint" \
	" ORDER BY d.endpoint LIMIT 1) FROM waiting w WHERE w.endpoint IS NOT NULL)"

/* ---------- arrays ---------- */

static Datum
array_of(Datum *values, bool *nulls, int n, Oid type)
{
	int	 dim = n;
	int	 lower = 1;
	bool byval = type == INT4OID || type == INT8OID || type == TIMESTAMPTZOID;
	int	 len = type == INT4OID ? 4 : type == UUIDOID ? UUID_LEN : byval ? 8 : -1;
	char align = type == UUIDOID ? TYPALIGN_CHAR : type == INT4OID || !byval ? TYPALIGN_INT : TYPALIGN_DOUBLE;

	return PointerGetDatum(construct_md_array(values, nulls, 1, &dim, &lower, type, len, byval, align));
}

/* ---------- claim ---------- */

static void
read_secrets(Receiver *r, uint64 row, int col)
{
	bool   isnull;
	Datum  array = triage_result(row, col, &isnull);
	Datum *values;
	int	   n;

	r->nsecrets = 0;
	if (isnull)
		return;
	deconstruct_array(DatumGetArrayTypeP(array), BYTEAOID, -1, false, TYPALIGN_INT, &values, NULL, &n);
	for (int i = 0; i < n && r->nsecrets < RECEIVER_SECRETS; i++)
	{
		bytea *secret = DatumGetByteaPP(values[i]);
		int	   len = Min(VARSIZE_ANY_EXHDR(secret), SECRET_LEN);

		memcpy(r->secret[r->nsecrets], VARDATA_ANY(secret), len);
		r->secret_len[r->nsecrets++] = len;
	}
}

/* Read the rows of the endpoints that were just claimed for. */
static void
read_endpoints(Datum *codes, int n)
{
	static KeptPlan plan = {
		.sql =
			"SELECT e.code, e.url, e.timeout_ms, e.max_attempts, e.retry_base_ms,"
			" (SELECT array_agg(s.secret ORDER BY s.seq DESC) FROM triage.endpoint_secrets s"
			" WHERE s.endpoint = e.code AND (s.valid_until IS NULL OR s.valid_until > clock_timestamp())), e.auth"
			" FROM triage.endpoints e WHERE e.code = ANY ($1)",
		.nargs = 1,
		.types = {TEXTARRAYOID}};
	Datum  args[1] = {array_of(codes, NULL, n, TEXTOID)};
	uint64 found = triage_read(&plan, args, NULL);

	for (uint64 i = 0; i < found; i++)
	{
		Receiver *r = share_receiver(triage_result_text(i, 1));
		char	 *auth;

		if (r->url != NULL)
			pfree(r->url);
		r->url = MemoryContextStrdup(TopMemoryContext, triage_result_text(i, 2));
		r->timeout_ms = (int) triage_result_int(i, 3, 10000);
		r->max_attempts = (int) triage_result_int(i, 4, 1);
		r->retry_base_ms = (int) triage_result_int(i, 5, 1000);
		read_secrets(r, i, 6);
		auth = triage_result_text(i, 7);
		strlcpy(r->auth, auth ? auth : "", sizeof(r->auth));
	}
}

/* The endpoint's address, with the path of a request behind its own. */
static char *
full_url(const char *url, const char *path)
{
	size_t len = strcspn(url, "?#");

	if (path == NULL)
		return pstrdup(url);
	while (len > 0 && url[len - 1] == '/')
		len--;
	return psprintf("%.*s/%s", (int) len, url, path);
}

/* A row of the claim's result. */
static Flight *
make_flight(SPITupleTable *table, uint64 row, Receiver *r, MemoryContext mcxt)
{
	bool	   isnull;
	char	  *method = SPI_getvalue(table->vals[row], table->tupdesc, 6);
	char	  *url = full_url(r->url, SPI_getvalue(table->vals[row], table->tupdesc, 7));
	TupleDesc  desc = table->tupdesc;
	HeapTuple  tuple = table->vals[row];
	pg_uuid_t *id = DatumGetUUIDP(SPI_getbinval(tuple, desc, 2, &isnull));
	text	  *payload = DatumGetTextPP(SPI_getbinval(tuple, desc, 5, &isnull));
	size_t	   body_len = VARSIZE_ANY_EXHDR(payload);
	size_t	   url_len = strlen(url);
	Flight	  *f = MemoryContextAlloc(mcxt, offsetof(Flight, text) + body_len + 1 + url_len + 1);

	memset(f, 0, offsetof(Flight, text));
	f->case_id = DatumGetInt64(SPI_getbinval(tuple, desc, 1, &isnull));
	f->id = *id;
	f->attempts = DatumGetInt32(SPI_getbinval(tuple, desc, 4, &isnull));
	f->receiver = r;
	strlcpy(f->id_text, DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(id))),
			sizeof(f->id_text));
	memcpy(f->text, VARDATA_ANY(payload), body_len);
	f->text[body_len] = '\0';
	memcpy(f->text + body_len + 1, url, url_len + 1);
	strlcpy(f->method, method ? method : "", sizeof(f->method));
	f->request.method = f->method;
	f->request.tag = f;
	f->request.url = f->text + body_len + 1;
	f->request.body = f->text;
	f->request.body_len = body_len;
	f->request.id = f->id_text;
	f->request.timeout_ms = r->timeout_ms;
	return f;
}

/* The flights of the claim's rows; their endpoints' rows are read first. */
static void
take_off(uint64 n, MemoryContext mcxt, dlist_head *flights)
{
	SPITupleTable *table = SPI_tuptable;
	Receiver	 **receivers = palloc(sizeof(Receiver *) * n);
	Datum		  *codes = palloc(sizeof(Datum) * n);
	int			   ncodes = 0;

	for (uint64 i = 0; i < n; i++)
	{
		char *code = triage_result_text(i, 3);

		/* they come in runs of one endpoint, or nearly so */
		receivers[i] =
			i > 0 && strcmp(receivers[i - 1]->code, code) == 0 ? receivers[i - 1] : share_receiver(code);
		if (!receivers[i]->listed)
			codes[ncodes++] = CStringGetTextDatum(code);
		receivers[i]->listed = true;
	}
	for (uint64 i = 0; i < n; i++)
		receivers[i]->listed = false;
	read_endpoints(codes, ncodes);
	for (uint64 i = 0; i < n; i++)
		if (receivers[i]->url != NULL)
			dlist_push_tail(flights, &make_flight(table, i, receivers[i], mcxt)->node);
}

/*
 * picked: of each endpoint as much as there is room for, those first that are
 * due longest; of all, the first of each endpoint before the second of any.
 * What comes before in the same case is asked by state, not done_at: the
 * queue's index, which looks empty in the statistics of a quiet hour, must not
 * be chosen for that.  A row that somebody changes meanwhile is not found by
 * its ctid any more, and left for the next claim.
 */
#define CLAIM(lock)                                                                                   \
	WAITING                                                                                           \
	", room AS MATERIALIZED (SELECT e.code, coalesce(k.room, $3) AS room FROM waiting w"              \
	" JOIN triage.endpoints e ON e.code = w.endpoint"                                                 \
	" LEFT JOIN unnest($1::text[], $2::int[]) k(code, room) ON k.code = e.code"                       \
	" WHERE e.active AND coalesce(k.room, $3) > 0 AND octet_length(e.code) < $8 AND " TRIAGE_NOT_HELD \
	"), picked AS MATERIALIZED (SELECT c.at, row_number() OVER (PARTITION BY r.code) AS turn"         \
	" FROM room r CROSS JOIN LATERAL ("                                                               \
	"SELECT d.ctid AS at FROM triage.deliveries d"                                                    \
	" WHERE d.endpoint = r.code AND d.done_at IS NULL AND d.next_attempt_at <= $4"                    \
	" AND (d.state = 'queued' OR d.leased_until <= $5)"                                               \
	" AND NOT EXISTS (SELECT FROM triage.deliveries p WHERE p.case_id = d.case_id"                    \
	" AND p.endpoint = d.endpoint AND p.state IN ('queued', 'leased')"                                \
	" AND (p.event_seq, p.delivery_id) < (d.event_seq, d.delivery_id))"                               \
	" ORDER BY d.next_attempt_at LIMIT r.room" lock ") c)"                                            \
	" UPDATE triage.deliveries d SET state = 'leased', attempts = d.attempts + 1, leased_until = $6"  \
	" FROM (SELECT p.at FROM picked p ORDER BY p.turn LIMIT $7) p WHERE d.ctid = p.at"                \
	" RETURNING d.case_id, d.delivery_id, d.endpoint, d.attempts, d.payload, d.method, d.path"
#define CLAIM_TYPES                                                                                   \
	{                                                                                                 \
		TEXTARRAYOID, INT4ARRAYOID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, \
			INT4OID                                                                                   \
	}

int
queue_claim(const Rooms *rooms, int most, bool careful, MemoryContext mcxt, dlist_head *flights)
{
	static KeptPlan plain = {.sql = CLAIM(""), .nargs = 8, .types = CLAIM_TYPES};
	static KeptPlan past_locks = {.sql = CLAIM(" FOR NO KEY UPDATE OF d SKIP LOCKED"),
								  .nargs = 8,
								  .types = CLAIM_TYPES};
	TimestampTz		real = GetCurrentTimestamp();
	Datum		   *codes = palloc(sizeof(Datum) * (rooms->n + 1));
	Datum		   *room = palloc(sizeof(Datum) * (rooms->n + 1));
	Datum			args[8];
	uint64			n;

	for (int i = 0; i < rooms->n; i++)
	{
		codes[i] = CStringGetTextDatum(rooms->codes[i]);
		room[i] = Int32GetDatum(rooms->rooms[i]);
	}
	args[0] = array_of(codes, NULL, rooms->n, TEXTOID);
	args[1] = array_of(room, NULL, rooms->n, INT4OID);
	args[2] = Int32GetDatum(rooms->others);
	args[3] = TimestampTzGetDatum(triage_clock());
	args[4] = TimestampTzGetDatum(real);
	args[5] = TimestampTzGetDatum(real + LEASE_USECS);
	args[6] = Int32GetDatum(most);
	args[7] = Int32GetDatum(RECEIVER_CODE_LEN);
	n = triage_run(careful ? &past_locks : &plain, args, NULL, SPI_OK_UPDATE_RETURNING);
	if (n > 0)
		take_off(n, mcxt, flights);
	return (int) n;
}

TimestampTz
queue_next_due(void)
{
	static KeptPlan plan = {.sql = WAITING
							" SELECT min(n.at) FROM waiting w JOIN triage.endpoints e ON e.code = w.endpoint"
							" CROSS JOIN LATERAL (SELECT d.next_attempt_at AS at FROM triage.deliveries d"
							" WHERE d.endpoint = e.code AND d.done_at IS NULL AND d.next_attempt_at > $1"
							" ORDER BY d.next_attempt_at LIMIT 1) n WHERE e.active",
							.nargs = 1,
							.types = {TIMESTAMPTZOID}};
	Datum			args[1] = {TimestampTzGetDatum(triage_clock())};
	bool			isnull;
	Datum			at;

	triage_read(&plan, args, NULL);
	at = triage_result(0, 1, &isnull);
	return isnull ? DT_NOEND : DatumGetTimestampTz(at);
}

/* ---------- record ---------- */

typedef struct Record
{
	Datum *case_ids, *ids, *states, *dones, *nexts, *statuses, *errors;
	bool  *no_done, *no_next, *no_status, *no_error;
} Record;

static int64
retry_after(const Flight *f)
{
	int64 ms = backoff_ms(f->attempts, f->receiver->retry_base_ms, triage_retry_cap,
						  pg_prng_uint32(&pg_global_prng_state));

	/* what the receiver asks for counts, within the administrator's limit */
	return Max(ms, Min(f->result.retry_after_ms, triage_retry_cap));
}

static void
record_one(Record *r, int i, const Flight *f, TimestampTz now)
{
	const NetResult *result = &f->result;
	bool			 again = result->outcome == NET_RETRY && f->attempts < f->receiver->max_attempts;

	r->case_ids[i] = Int64GetDatum(f->case_id);
	r->ids[i] = UUIDPGetDatum(&f->id);
	r->states[i] = CStringGetTextDatum(result->outcome == NET_DELIVERED ? "delivered"
									   : again							? "queued"
																		: "dead");
	r->no_done[i] = again;
	r->dones[i] = TimestampTzGetDatum(now);
	r->no_next[i] = !again;
	r->nexts[i] = TimestampTzGetDatum(again ? now + retry_after(f) * 1000 : 0);
	r->no_status[i] = result->status == 0;
	r->statuses[i] = Int32GetDatum(result->status);
	r->no_error[i] = result->error[0] == '\0';
	r->errors[i] = r->no_error[i] ? (Datum) 0 : CStringGetTextDatum(result->error);
}

#define RECORD(source, returning)                                                     \
	"UPDATE triage.deliveries d SET state = r.state, done_at = r.done_at,"            \
	" next_attempt_at = coalesce(r.next_at, d.next_attempt_at), leased_until = NULL," \
	" last_status = r.status, last_error = r.error FROM (" source                     \
	") r WHERE d.case_id = r.case_id AND d.delivery_id = r.delivery_id AND d.state = 'leased'" returning
#define RESULTS                                                                                                 \
	"unnest($1::bigint[], $2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::int[], $7::text[])" \
	" u(case_id, delivery_id, state, done_at, next_at, status, error)"

/* Of the first n flights, those whose rows still await a result: somebody holds a lock on them. */
static void
keep_unsettled(dlist_head *flights, int n, Datum case_ids, Datum ids)
{
	static KeptPlan plan = {
		.sql = "SELECT d.delivery_id FROM unnest($1::bigint[], $2::uuid[]) u(case_id, delivery_id)"
			   " JOIN triage.deliveries d ON d.case_id = u.case_id AND d.delivery_id = u.delivery_id"
			   " WHERE d.state = 'leased'",
		.nargs = 2,
		.types = {INT8ARRAYOID, UUIDARRAYOID}};
	Datum	   args[2] = {case_ids, ids};
	uint64	   left = triage_read(&plan, args, NULL);
	dlist_iter iter;

	dlist_foreach(iter, flights)
	{
		Flight *f = dlist_container(Flight, node, iter.cur);

		if (n-- == 0)
			break;
		for (uint64 i = 0; i < left; i++)
		{
			bool	   isnull;
			pg_uuid_t *id = DatumGetUUIDP(triage_result(i, 1, &isnull));

			if (memcmp(id, &f->id, sizeof(*id)) == 0)
				f->settled = false;
		}
	}
}

void
queue_record(dlist_head *flights, int n, bool careful)
{
	static KeptPlan plain = {.sql = RECORD("SELECT * FROM " RESULTS, ""),
							 .nargs = 7,
							 .types = {INT8ARRAYOID, UUIDARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID,
									   TIMESTAMPTZARRAYOID, INT4ARRAYOID, TEXTARRAYOID}};
	static KeptPlan past_locks = {
		.sql = RECORD("SELECT u.* FROM " RESULTS " JOIN triage.deliveries l ON l.case_id = u.case_id"
					  " AND l.delivery_id = u.delivery_id FOR NO KEY UPDATE OF l SKIP LOCKED",
					  ""),
		.nargs = 7,
		.types = {INT8ARRAYOID, UUIDARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID,
				  INT4ARRAYOID, TEXTARRAYOID}};
	TimestampTz now = triage_clock();
	Datum	   *values = palloc(sizeof(Datum) * n * 7);
	bool	   *nulls = palloc(sizeof(bool) * n * 4);
	Record r = {values,			values + n, values + 2 * n, values + 3 * n, values + 4 * n, values + 5 * n,
				values + 6 * n, nulls,		nulls + n,		nulls + 2 * n,	nulls + 3 * n};
	Datum  args[7];
	dlist_iter iter;
	int		   i = 0;

	dlist_foreach(iter, flights)
	{
		if (i == n)
			break;
		record_one(&r, i++, dlist_container(Flight, node, iter.cur), now);
		dlist_container(Flight, node, iter.cur)->settled = true;
	}
	args[0] = array_of(r.case_ids, NULL, n, INT8OID);
	args[1] = array_of(r.ids, NULL, n, UUIDOID);
	args[2] = array_of(r.states, NULL, n, TEXTOID);
	args[3] = array_of(r.dones, r.no_done, n, TIMESTAMPTZOID);
	args[4] = array_of(r.nexts, r.no_next, n, TIMESTAMPTZOID);
	args[5] = array_of(r.statuses, r.no_status, n, INT4OID);
	args[6] = array_of(r.errors, r.no_error, n, TEXTOID);
	triage_run(careful ? &past_locks : &plain, args, NULL, SPI_OK_UPDATE);
	if (careful)
		keep_unsettled(flights, n, args[0], args[1]);
}

/* ---------- now and then ---------- */

void
queue_release(void)
{
	static KeptPlan plan = {
		.sql = "UPDATE triage.deliveries d SET state = 'queued', leased_until = NULL"
			   " FROM (SELECT l.case_id, l.delivery_id FROM triage.deliveries l"
			   " WHERE l.done_at IS NULL AND l.state = 'leased' FOR NO KEY UPDATE SKIP LOCKED) l"
			   " WHERE d.case_id = l.case_id AND d.delivery_id = l.delivery_id",
		.nargs = 0};

	triage_run(&plan, NULL, NULL, SPI_OK_UPDATE);
}

void
queue_defer(void)
{
	static KeptPlan plan = {
		.sql = "UPDATE triage.deliveries d SET next_attempt_at = l.next_attempt_at"
			   " FROM (SELECT b.case_id, b.delivery_id, h.next_attempt_at FROM triage.deliveries b"
			   " CROSS JOIN LATERAL (SELECT p.delivery_id, p.next_attempt_at FROM triage.deliveries p"
			   " WHERE p.case_id = b.case_id AND p.endpoint = b.endpoint AND p.state IN ('queued', 'leased')"
			   " ORDER BY p.event_seq, p.delivery_id LIMIT 1) h"
			   " WHERE b.done_at IS NULL AND b.state = 'queued' AND b.next_attempt_at <= $1"
			   " AND h.next_attempt_at > $1 AND h.delivery_id <> b.delivery_id"
			   " FOR NO KEY UPDATE OF b SKIP LOCKED) l"
			   " WHERE d.case_id = l.case_id AND d.delivery_id = l.delivery_id",
		.nargs = 1,
		.types = {TIMESTAMPTZOID}};
	Datum args[1] = {TimestampTzGetDatum(triage_clock())};

	triage_run(&plan, args, NULL, SPI_OK_UPDATE);
}
