/*
 * jsonread.h
 *	  Short forms for reading values out of a jsonb object.
 */
#ifndef TRIAGE_HOSTS_JSONREAD_H
#define TRIAGE_HOSTS_JSONREAD_H

#include "utils/jsonb.h"

/* A key's value, NULL when it is missing or null.  Also for what is no object: NULL. */
extern JsonbValue *jr_get(JsonbContainer *object, const char *key);
/* A string as it is, a number or boolean as it is written; NULL for others.  palloc'd. */
extern char *jr_string(const JsonbValue *v);
extern char *jr_text(JsonbContainer *object, const char *key);
extern bool	 jr_bool(JsonbContainer *object, const char *key, bool if_missing);
/* The object or array that a key holds, NULL for anything else. */
extern JsonbContainer *jr_container(JsonbContainer *object, const char *key);
/* The same as a value of its own. */
extern Jsonb *jr_jsonb(JsonbContainer *object, const char *key);
/* The strings of an array, or the one string, as a list of char *; NIL when it is missing. */
extern List *jr_strings(JsonbContainer *object, const char *key);

#endif
