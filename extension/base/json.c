/*
 * json.c
 *	  Short forms for building a jsonb object value by value.
 */
#include "postgres.h"

#include <math.h>

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
jb_real(JsonBuild *b, const char *key, double value)
{
	JsonbValue v;

	v.type = jbvNull;
	if (fabs(value) < 1e14)
	{
		v.type = jbvNumeric;
		v.val.numeric = int64_div_fast_to_numeric((int64) rint(value * 10000), 4);
	}
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
jb_null(JsonBuild *b, const char *key)
{
	JsonbValue v;

	v.type = jbvNull;
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

/* n digits and what stands behind them; printf costs ten times as much */
static void
put_digits(char *buf, int value, int n, char then)
{
	buf[n] = then;
	while (n > 0)
	{
		buf[--n] = '0' + value % 10;
		value /= 10;
	}
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
	put_digits(buf, year, 4, '-');
	put_digits(buf + 5, month, 2, '-');
	put_digits(buf + 8, mday, 2, 'T');
	put_digits(buf + 11, us / USECS_PER_HOUR, 2, ':');
	put_digits(buf + 14, us / USECS_PER_MINUTE % 60, 2, ':');
	put_digits(buf + 17, us / USECS_PER_SEC % 60, 2, '.');
	put_digits(buf + 20, us % USECS_PER_SEC, 6, 'Z');
	buf[27] = '\0';
	return buf;
}

void
triage_json_string(StringInfo s, const char *text)
{
	appendStringInfoChar(s, '"');
	while (*text != '\0')
	{
		const char *run = text;

		while ((unsigned char) *text >= ' ' && *text != '"' && *text != '\\')
			text++;
		appendBinaryStringInfo(s, run, text - run);
		if (*text == '\0')
			break;
		if (*text == '"' || *text == '\\')
		{
			appendStringInfoChar(s, '\\');
			appendStringInfoChar(s, *text);
		}
		else
			appendStringInfo(s, "\\u%04x", (unsigned char) *text);
		text++;
	}
	appendStringInfoChar(s, '"');
}

char *
jb_get_text(Jsonb *object, const char *key)
{
	JsonbValue	v;
	JsonbValue *found = NULL;

	if (JB_ROOT_IS_OBJECT(object) && JB_ROOT_COUNT(object) > 0)
		found = getKeyJsonValueFromContainer(&object->root, key, strlen(key), &v);
	if (found == NULL || found->type != jbvString)
		return NULL;
	return pnstrdup(found->val.string.val, found->val.string.len);
}
