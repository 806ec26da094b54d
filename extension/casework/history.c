/*
 * history.c
 *	  The hash chain over the events of a case.
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "casework/history.h"

PG_FUNCTION_INFO_V1(triage_event_hash);
PG_FUNCTION_INFO_V1(triage_personal_digest);

static void
put_u32(StringInfo s, uint32 v)
{
	v = pg_hton32(v);
	appendBinaryStringInfo(s, (const char *) &v, sizeof(v));
}

static void
put_u64(StringInfo s, uint64 v)
{
	v = pg_hton64(v);
	appendBinaryStringInfo(s, (const char *) &v, sizeof(v));
}

static void
put_bytes(StringInfo s, const char *bytes, int len)
{
	put_u32(s, len);
	appendBinaryStringInfo(s, bytes, len);
}

static void
put_scalar(StringInfo s, char tag, const JsonbValue *v)
{
	switch (v->type)
	{
		case jbvNull:
			appendStringInfoChar(s, 'n');
			break;
		case jbvBool:
			appendStringInfoChar(s, v->val.boolean ? 't' : 'f');
			break;
		case jbvNumeric:
		{
			char *text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));

			appendStringInfoChar(s, 'd');
			put_bytes(s, text, strlen(text));
			pfree(text);
			break;
		}
		case jbvString:
			appendStringInfoChar(s, tag);
			put_bytes(s, v->val.string.val, v->val.string.len);
			break;
		default:
			elog(ERROR, "unexpected jsonb value in an event");
	}
}

static void
put_data(StringInfo s, Jsonb *data)
{
	JsonbIterator	  *it = JsonbIteratorInit(&data->root);
	JsonbIteratorToken token;
	JsonbValue		   v;

	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		switch (token)
		{
			case WJB_BEGIN_OBJECT:
				appendStringInfoChar(s, '{');
				break;
			case WJB_END_OBJECT:
				appendStringInfoChar(s, '}');
				break;
			case WJB_BEGIN_ARRAY:
				appendStringInfoChar(s, '[');
				break;
			case WJB_END_ARRAY:
				appendStringInfoChar(s, ']');
				break;
			case WJB_KEY:
				put_scalar(s, 'k', &v);
				break;
			default:
				put_scalar(s, 's', &v);
		}
	}
}

void
history_hash(const unsigned char *previous, int64 case_id, int seq, TimestampTz at, const char *actor,
			 const char *verb, Jsonb *data, unsigned char *hash)
{
	static const unsigned char zeros[HISTORY_HASH_LEN];
	StringInfoData			   s;
	StringInfoData			   walked;
	pg_cryptohash_ctx		  *ctx;

	initStringInfo(&walked);
	put_data(&walked, data);
	initStringInfo(&s);
	appendStringInfoChar(&s, 1);
	appendBinaryStringInfo(&s, (const char *) (previous ? previous : zeros), HISTORY_HASH_LEN);
	put_u64(&s, case_id);
	put_u32(&s, seq);
	put_u64(&s, at);
	put_bytes(&s, actor, strlen(actor));
	put_bytes(&s, verb, strlen(verb));
	put_bytes(&s, walked.data, walked.len);
	/* personal fields: their digest stands in data (history_personal) */
	put_u32(&s, 0);

	ctx = pg_cryptohash_create(PG_SHA256);
	if (pg_cryptohash_init(ctx) < 0 || pg_cryptohash_update(ctx, (const uint8 *) s.data, s.len) < 0 ||
		pg_cryptohash_final(ctx, hash, HISTORY_HASH_LEN) < 0)
		elog(ERROR, "could not compute SHA-256 of an event");
	pg_cryptohash_free(ctx);
	pfree(s.data);
	pfree(walked.data);
}

static void
put_personal(StringInfo s, const char *value)
{
	appendStringInfoChar(s, value != NULL);
	if (value != NULL)
		put_bytes(s, value, strlen(value));
}

void
history_personal(const unsigned char *key, const char *reporter, const char *contact, const char *body,
				 char *hex)
{
	uint8		   digest[PG_SHA256_DIGEST_LENGTH];
	pg_hmac_ctx	  *ctx = pg_hmac_create(PG_SHA256);
	StringInfoData s;

	initStringInfo(&s);
	put_personal(&s, reporter);
	put_personal(&s, contact);
	put_personal(&s, body);
	if (ctx == NULL || pg_hmac_init(ctx, key, PERSONAL_KEY_LEN) < 0 ||
		pg_hmac_update(ctx, (const uint8 *) s.data, s.len) < 0 ||
		pg_hmac_final(ctx, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute the digest of a report");
	pg_hmac_free(ctx);
	pfree(s.data);
	hex_encode((const char *) digest, PERSONAL_HEX_LEN / 2, hex);
	hex[PERSONAL_HEX_LEN] = '\0';
}

/* personal_digest(key, reporter, contact, body): for verify_history() and for verbs that change one of them */
Datum
triage_personal_digest(PG_FUNCTION_ARGS)
{
	bytea *key = PG_ARGISNULL(0) ? NULL : PG_GETARG_BYTEA_PP(0);
	char  *fields[3];
	char   hex[PERSONAL_HEX_LEN + 1];

	if (key == NULL || VARSIZE_ANY_EXHDR(key) != PERSONAL_KEY_LEN)
		PG_RETURN_NULL();
	for (int i = 0; i < 3; i++)
		fields[i] = PG_ARGISNULL(i + 1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(i + 1));
	history_personal((unsigned char *) VARDATA_ANY(key), fields[0], fields[1], fields[2], hex);
	PG_RETURN_TEXT_P(cstring_to_text(hex));
}

/* event_hash(previous, case_id, seq, at, actor, verb, data): for verify_history() */
Datum
triage_event_hash(PG_FUNCTION_ARGS)
{
	bytea *previous = PG_ARGISNULL(0) ? NULL : PG_GETARG_BYTEA_PP(0);
	bytea *result = palloc(VARHDRSZ + HISTORY_HASH_LEN);

	for (int i = 1; i < 7; i++)
		if (PG_ARGISNULL(i))
			PG_RETURN_NULL();
	if (previous != NULL && VARSIZE_ANY_EXHDR(previous) != HISTORY_HASH_LEN)
		PG_RETURN_NULL();
	SET_VARSIZE(result, VARHDRSZ + HISTORY_HASH_LEN);
	history_hash(previous ? (unsigned char *) VARDATA_ANY(previous) : NULL, PG_GETARG_INT64(1),
				 PG_GETARG_INT32(2), PG_GETARG_TIMESTAMPTZ(3), text_to_cstring(PG_GETARG_TEXT_PP(4)),
				 text_to_cstring(PG_GETARG_TEXT_PP(5)), PG_GETARG_JSONB_P(6),
				 (unsigned char *) VARDATA(result));
	PG_RETURN_BYTEA_P(result);
}
