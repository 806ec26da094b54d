/*
 * json.c
 *	  Short forms for building a jsonb object value by value.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/numeric.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "base/json.h"

static void
push_key(JsonBuild *b, const char *key)
{
	JsonbValue v;

	if (key == NULL)
		return;
	v.type = jbvString;
	v.val.string.val = unconstify(char *, key);
	v.val.string.len = strlen(key);
	pushJsonbValue(&b->state, WJB_KEY, &v);
}

/* A value stands behind its key in an object, as an element in an array. */
static void
push_value(JsonBuild *b, const char *key, JsonbValue *v)
{
	push_key(b, key);
	pushJsonbValue(&b->state, key != NULL ? WJB_VALUE : WJB_ELEM, v);
}

void
jb_object(JsonBuild *b, const char *key)
{
	push_key(b, key);
	pushJsonbValue(&b->state, WJB_BEGIN_OBJECT, NULL);
}

void
jb_array(JsonBuild *b, const char *key)
{
	push_key(b, key);
	pushJsonbValue(&b->state, WJB_BEGIN_ARRAY, NULL);
}

void
jb_end_object(JsonBuild *b)
{
	b->result = pushJsonbValue(&b->state, WJB_END_OBJECT, NULL);
}

void
jb_end_array(JsonBuild *b)
{
	b->result = pushJsonbValue(&b->state, WJB_END_ARRAY, NULL);
}

void
jb_text_n(JsonBuild *b, const char *key, const char *value, int len)
{
	JsonbValue v;

	v.type = jbvString;
	v.val.string.val = unconstify(char *, value);
	v.val.string.len = len;
	push_value(b, key, &v);
}

void
jb_text(JsonBuild *b, const char *key, const char *value)
{
	if (value != NULL)
		jb_text_n(b, key, value, strlen(value));
}

void
jb_int(JsonBuild *b, const char *key, int64 value)
{
	JsonbValue v;

	v.type = jbvNumeric;
	v.val.numeric = int64_to_numeric(value);
	push_value(b, key, &v);
}

void
jb_bool(JsonBuild *b, const char *key, bool value)
{
	JsonbValue v;

	v.type = jbvBool;
	v.val.boolean = value;
	push_value(b, key, &v);
}

void
jb_time(JsonBuild *b, const char *key, TimestampTz value)
{
	char buf[40];

	jb_text(b, key, pstrdup(triage_iso_time(value, buf)));
}

void
jb_jsonb(JsonBuild *b, const char *key, Jsonb *value)
{
	JsonbValue v;

	v.type = jbvBinary;
	v.val.binary.data = &value->root;
	v.val.binary.len = VARSIZE(value) - VARHDRSZ;
	push_value(b, key, &v);
}

Jsonb *
jb_finish(JsonBuild *b)
{
	return JsonbValueToJsonb(b->result);
}

char *
triage_iso_time(TimestampTz at, char *buf)
{
	/* split by hand: the general routine looks the zone up each time */
	int64 day = at / USECS_PER_DAY;
	int64 us = at % USECS_PER_DAY;
	int	  year, month, mday;

	if (us < 0)
	{
		us += USECS_PER_DAY;
		day--;
	}
	j2date((int) day + POSTGRES_EPOCH_JDATE, &year, &month, &mday);
	snprintf(buf, 40, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", year, month, mday, (int) (us / USECS_PER_HOUR),
			 (int) (us / USECS_PER_MINUTE % 60), (int) (us / USECS_PER_SEC % 60), (int) (us % USECS_PER_SEC));
	return buf;
}
