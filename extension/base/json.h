/*
 * json.h
 *	  Short forms for building a jsonb object value by value.
 */
#ifndef TRIAGE_BASE_JSON_H
#define TRIAGE_BASE_JSON_H

#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "utils/jsonb.h"

typedef struct JsonBuild
{
	JsonbParseState *state;
	JsonbValue		*result;
} JsonBuild;

/* key = NULL inside arrays and for the outermost value */
extern void	  jb_object(JsonBuild *b, const char *key);
extern void	  jb_array(JsonBuild *b, const char *key);
extern void	  jb_end_object(JsonBuild *b);
extern void	  jb_end_array(JsonBuild *b);
extern void	  jb_text(JsonBuild *b, const char *key, const char *value); /* NULL value: nothing is written */
extern void	  jb_text_n(JsonBuild *b, const char *key, const char *value, int len);
extern void	  jb_int(JsonBuild *b, const char *key, int64 value);
extern void	  jb_real(JsonBuild *b, const char *key, double value); /* four decimals; NaN: null */
extern void	  jb_bool(JsonBuild *b, const char *key, bool value);
extern void	  jb_time(JsonBuild *b, const char *key, TimestampTz value); /* ISO 8601, UTC */
extern void	  jb_null(JsonBuild *b, const char *key);
extern void	  jb_jsonb(JsonBuild *b, const char *key, Jsonb *value);
extern Jsonb *jb_finish(JsonBuild *b);

/* A text of an object's top level, palloc'd; NULL when it is not there or is no text. */
extern char *jb_get_text(Jsonb *object, const char *key);

/* ISO 8601 in UTC with microseconds; buf holds at least 40 bytes */
extern char *triage_iso_time(TimestampTz at, char *buf);

/* Append text as a JSON string; long runs of plain bytes are copied at once. */
extern void triage_json_string(StringInfo s, const char *text);

#endif
