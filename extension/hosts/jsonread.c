/*
 * jsonread.c
 *	  Short forms for reading values out of a jsonb object.
 */
#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "hosts/jsonread.h"

JsonbValue *
jr_get(JsonbContainer *object, const char *key)
{
	JsonbValue *v;

	if (object == NULL || !JsonContainerIsObject(object))
		return NULL;
	v = getKeyJsonValueFromContainer(object, key, strlen(key), NULL);
	return v == NULL || v->type == jbvNull ? NULL : v;
}

char *
jr_string(const JsonbValue *v)
{
	if (v == NULL)
		return NULL;
	switch (v->type)
	{
		case jbvString:
			return pnstrdup(v->val.string.val, v->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));
		case jbvBool:
			return pstrdup(v->val.boolean ? "true" : "false");
		default:
			return NULL;
	}
}

char *
jr_text(JsonbContainer *object, const char *key)
{
	return jr_string(jr_get(object, key));
}

bool
jr_bool(JsonbContainer *object, const char *key, bool if_missing)
{
	JsonbValue *v = jr_get(object, key);

	return v != NULL && v->type == jbvBool ? v->val.boolean : if_missing;
}

JsonbContainer *
jr_container(JsonbContainer *object, const char *key)
{
	JsonbValue *v = jr_get(object, key);

	return v != NULL && v->type == jbvBinary ? v->val.binary.data : NULL;
}

Jsonb *
jr_jsonb(JsonbContainer *object, const char *key)
{
	JsonbValue *v = jr_get(object, key);

	return v == NULL ? NULL : JsonbValueToJsonb(v);
}

List *
jr_strings(JsonbContainer *object, const char *key)
{
	JsonbValue		  *v = jr_get(object, key);
	List			  *list = NIL;
	JsonbIterator	  *it;
	JsonbValue		   element;
	JsonbIteratorToken token;

	if (v == NULL)
		return NIL;
	if (v->type != jbvBinary)
		return list_make1(jr_string(v));
	it = JsonbIteratorInit(v->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &element, true)) != WJB_DONE)
		if (token == WJB_ELEM &&
			(element.type == jbvString || element.type == jbvNumeric || element.type == jbvBool))
			list = lappend(list, jr_string(&element));
	return list;
}
