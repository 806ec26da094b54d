/*
 * condition_sql.c
 *	  Conditions from SQL, to try them out.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "base/names.h"
#include "rulebook/condition.h"

PG_FUNCTION_INFO_V1(triage_condition_check);
PG_FUNCTION_INFO_V1(triage_condition_eval);

/* check_condition(condition text): raises TR004 unless the condition is fine; NULL = no condition */
Datum
triage_condition_check(PG_FUNCTION_ARGS)
{
	if (!PG_ARGISNULL(0))
		condition_free(condition_compile(text_to_cstring(PG_GETARG_TEXT_PP(0)), CurrentMemoryContext));
	PG_RETURN_VOID();
}

/* The jsonb type a fact is written as. */
static enum jbvType
json_type(Oid type)
{
	switch (type)
	{
		case BOOLOID:
			return jbvBool;
		case INT4OID:
		case FLOAT8OID:
			return jbvNumeric;
		case JSONBOID:
			return jbvBinary;
		default:
			return jbvString;
	}
}

/* Set a fact from the value of the jsonb key with its name. */
static void
set_fact(Facts *facts, int fact, JsonbValue *v)
{
	Oid	  type = fact_info[fact].type;
	char *text = NULL;
	bool  fits = v->type == json_type(type);
	Datum value;

	if (v->type == jbvNull)
		return;
	if (v->type == jbvString)
		text = pnstrdup(v->val.string.val, v->val.string.len);
	if (type == DATEOID || type == TIMEOID)
		fits = fits && fact_text_is_fixed(type, text);
	if (!fits)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fact \"%s\" must be of type %s", fact_info[fact].name, format_type_be(type)),
				 errdetail("The value is: %s", JsonbToCString(NULL, &JsonbValueToJsonb(v)->root, -1)),
				 errhint("Write dates as \"2026-10-01\", times as \"08:30\", attributes as an object.")));

	switch (type)
	{
		case BOOLOID:
			value = BoolGetDatum(v->val.boolean);
			break;
		case INT4OID:
			value = DirectFunctionCall1(numeric_int4, NumericGetDatum(v->val.numeric));
			break;
		case FLOAT8OID:
			value = DirectFunctionCall1(numeric_float8, NumericGetDatum(v->val.numeric));
			break;
		case DATEOID:
			value = DirectFunctionCall1(date_in, CStringGetDatum(text));
			break;
		case TIMEOID:
			value = DirectFunctionCall3(time_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid),
										Int32GetDatum(-1));
			break;
		case JSONBOID:
			value = JsonbPGetDatum(JsonbValueToJsonb(v));
			break;
		default:
			value = CStringGetTextDatum(text);
			break;
	}
	facts->value[fact] = value;
	facts->isnull[fact] = false;
}

/*
 * try_condition(condition text, facts jsonb): what the condition says of
 * these facts.  Facts that are not given are null.  No condition: true.
 */
Datum
triage_condition_eval(PG_FUNCTION_ARGS)
{
	Facts	   facts;
	Condition *condition;
	bool	   result;

	memset(facts.value, 0, sizeof(facts.value));
	memset(facts.isnull, true, sizeof(facts.isnull));
	if (!PG_ARGISNULL(1))
	{
		Jsonb			  *doc = PG_GETARG_JSONB_P(1);
		JsonbIterator	  *it;
		JsonbIteratorToken token;
		JsonbValue		   v;
		int				   fact = -1;

		if (!JB_ROOT_IS_OBJECT(doc))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("facts must be a JSON object"),
							errdetail("Its keys are the names of facts."),
							errhint("For instance: {\"channel\": \"110\", \"priority\": 2}")));
		it = JsonbIteratorInit(&doc->root);
		(void) JsonbIteratorNext(&it, &v, true);
		while ((token = JsonbIteratorNext(&it, &v, true)) == WJB_KEY || token == WJB_VALUE)
		{
			if (token == WJB_VALUE)
			{
				set_fact(&facts, fact, &v);
				continue;
			}
			fact = fact_find(pnstrdup(v.val.string.val, v.val.string.len));
			if (fact < 0)
				ereport(ERROR,
						(errcode(TRIAGE_ERRCODE_UNKNOWN),
						 errmsg("there is no fact \"%s\"", pnstrdup(v.val.string.val, v.val.string.len)),
						 errdetail("A condition may ask about the facts of a case only."),
						 errhint("See the comment on function triage.try_condition.")));
		}
	}

	if (PG_ARGISNULL(0))
		PG_RETURN_BOOL(true);
	condition = condition_compile(text_to_cstring(PG_GETARG_TEXT_PP(0)), CurrentMemoryContext);
	result = condition_eval(condition, &facts);
	condition_free(condition);
	PG_RETURN_BOOL(result);
}
