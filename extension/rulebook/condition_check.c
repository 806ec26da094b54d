/*
 * condition_check.c
 *	  Decides what may stand in a route condition, once it is understood.
 *
 * The lists here and in condition_raw.c are the whole of what is allowed;
 * everything else is refused, also what a later server version may add.
 * condition.c says why there are two passes and what each must have done
 * before the server's next step.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "nodes/nodeFuncs.h"
#include "regex/regex.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "rulebook/condition_check.h"

/*
 * The functions behind operators, casts and calls.  All are strict, internal,
 * immutable built-ins whose cost and result are bounded by their arguments.
 * numeric has no "*", "/" and "%": two long numbers multiply in seconds.
 * Casts between text and date or time are absent, since they follow the
 * session's settings when the condition runs.
 */
/* clang-format off */
static const Oid functions[] = {
	/* boolean */
	F_BOOLEQ, F_BOOLNE, F_BOOLLT, F_BOOLLE, F_BOOLGT, F_BOOLGE, F_BOOL_INT4, F_INT4_BOOL, F_TEXT_BOOL,
	/* integers */
	F_INT4EQ, F_INT4NE, F_INT4LT, F_INT4LE, F_INT4GT, F_INT4GE,
	F_INT4PL, F_INT4MI, F_INT4MUL, F_INT4DIV, F_INT4MOD, F_INT4UM, F_INT4UP,
	F_INT8EQ, F_INT8NE, F_INT8LT, F_INT8LE, F_INT8GT, F_INT8GE,
	F_INT8PL, F_INT8MI, F_INT8MUL, F_INT8DIV, F_INT8MOD, F_INT8UM, F_INT8UP,
	F_INT48EQ, F_INT48NE, F_INT48LT, F_INT48LE, F_INT48GT, F_INT48GE,
	F_INT48PL, F_INT48MI, F_INT48MUL, F_INT48DIV,
	F_INT84EQ, F_INT84NE, F_INT84LT, F_INT84LE, F_INT84GT, F_INT84GE,
	F_INT84PL, F_INT84MI, F_INT84MUL, F_INT84DIV,
	F_INT4_INT8, F_INT8_INT4,
	/* other numbers */
	F_FLOAT8EQ, F_FLOAT8NE, F_FLOAT8LT, F_FLOAT8LE, F_FLOAT8GT, F_FLOAT8GE,
	F_FLOAT8PL, F_FLOAT8MI, F_FLOAT8MUL, F_FLOAT8DIV, F_FLOAT8UM, F_FLOAT8UP,
	F_NUMERIC_EQ, F_NUMERIC_NE, F_NUMERIC_LT, F_NUMERIC_LE, F_NUMERIC_GT, F_NUMERIC_GE,
	F_NUMERIC_ADD, F_NUMERIC_SUB, F_NUMERIC_UMINUS, F_NUMERIC_UPLUS,
	F_INT4_FLOAT8, F_INT4_NUMERIC, F_INT8_FLOAT8, F_INT8_NUMERIC, F_FLOAT8_INT4, F_FLOAT8_INT8,
	F_FLOAT8_NUMERIC, F_NUMERIC_INT4, F_NUMERIC_INT8, F_NUMERIC_FLOAT8,
	/* text */
	F_TEXTEQ, F_TEXTNE, F_TEXT_LT, F_TEXT_LE, F_TEXT_GT, F_TEXT_GE,
	F_STARTS_WITH, F_STRPOS, F_LEFT, F_RIGHT, F_LENGTH_TEXT, F_LOWER_TEXT,
	F_TEXTLIKE, F_TEXTNLIKE, F_TEXTICLIKE, F_TEXTICNLIKE,
	F_TEXTREGEXEQ, F_TEXTREGEXNE, F_TEXTICREGEXEQ, F_TEXTICREGEXNE,
	/* date and time of day */
	F_DATE_EQ, F_DATE_NE, F_DATE_LT, F_DATE_LE, F_DATE_GT, F_DATE_GE, F_DATE_MI, F_DATE_PLI, F_DATE_MII,
	F_TIME_EQ, F_TIME_NE, F_TIME_LT, F_TIME_LE, F_TIME_GT, F_TIME_GE,
	F_EXTRACT_TEXT_DATE, F_EXTRACT_TEXT_TIME,
	/* jsonb: -> ->> #> #>> ? ?| ?& @> <@ and the rest */
	F_JSONB_OBJECT_FIELD, F_JSONB_ARRAY_ELEMENT, F_JSONB_OBJECT_FIELD_TEXT, F_JSONB_ARRAY_ELEMENT_TEXT,
	F_JSONB_EXTRACT_PATH, F_JSONB_EXTRACT_PATH_TEXT, F_JSONB_EXISTS, F_JSONB_EXISTS_ANY, F_JSONB_EXISTS_ALL,
	F_JSONB_CONTAINS, F_JSONB_CONTAINED, F_JSONB_EQ, F_JSONB_NE, F_JSONB_TYPEOF,
	F_BOOL_JSONB, F_INT4_JSONB, F_INT8_JSONB, F_FLOAT8_JSONB, F_NUMERIC_JSONB,
};
/* clang-format on */

/* Conversions that have no function but go through the types' text form, as (from, to). */
static const Oid text_casts[][2] = {
	{TEXTOID, BOOLOID},	   {TEXTOID, INT4OID}, {TEXTOID, INT8OID}, {TEXTOID, FLOAT8OID},
	{TEXTOID, NUMERICOID}, {INT4OID, TEXTOID}, {INT8OID, TEXTOID},
};

/* of how many pieces a regular expression may come to consist by its repeat counts */
#define REGEX_MAX_COPIES 100
#define REGEX_MAX_CHARS	 300

static void
check_type(ConditionChecker *c, Oid type, int location)
{
	switch (type)
	{
		case BOOLOID:
		case INT4OID:
		case INT8OID:
		case FLOAT8OID:
		case NUMERICOID:
		case TEXTOID:
		case DATEOID:
		case TIMEOID:
		case JSONBOID:
		case BOOLARRAYOID:
		case INT4ARRAYOID:
		case INT8ARRAYOID:
		case FLOAT8ARRAYOID:
		case NUMERICARRAYOID:
		case TEXTARRAYOID:
		case DATEARRAYOID:
		case TIMEARRAYOID:
			return;
		default:
			condition_refuse(c, location, condition_type_hint(),
							 "a value of type %s is not allowed in a condition", format_type_be(type));
	}
}

/*
 * A constant.  When it is a date or time of day, the type's input function
 * has run on the literal already, and 'today' has become a date that looks
 * like any other.  So look at how it was written.
 */
static void
check_const(ConditionChecker *c, Const *con)
{
	if (con->consttype == DATEARRAYOID || con->consttype == TIMEARRAYOID)
		condition_refuse(c, con->location, "Write the elements apart: IN ('2026-10-01', '2026-10-02').",
						 "dates and times may not stand in an array literal");
	if ((con->consttype != DATEOID && con->consttype != TIMEOID) || con->constisnull)
		return;

	for (int i = 0; i < c->nliterals; i++)
	{
		if (c->literals[i].location != con->location)
			continue;
		if (fact_text_is_fixed(con->consttype, c->literals[i].text))
			return;
		condition_refuse(c, con->location, CONDITION_DATE_HINT, "\"%s\" is not a fixed %s",
						 c->literals[i].text, con->consttype == DATEOID ? "date" : "time of day");
	}
	condition_refuse(c, con->location, CONDITION_DATE_HINT, "this is not a fixed date or time of day");
}

static bool
is_regex(Oid function)
{
	return function == F_TEXTREGEXEQ || function == F_TEXTREGEXNE || function == F_TEXTICREGEXEQ ||
		   function == F_TEXTICREGEXNE;
}

static bool
is_like(Oid function)
{
	return function == F_TEXTLIKE || function == F_TEXTNLIKE || function == F_TEXTICLIKE ||
		   function == F_TEXTICNLIKE;
}

static void
check_like_pattern(ConditionChecker *c, const char *pattern, int location)
{
	size_t len = strlen(pattern);
	size_t backslashes = 0;

	while (backslashes < len && pattern[len - 1 - backslashes] == '\\')
		backslashes++;
	if (backslashes % 2 == 1)
		condition_refuse(c, location, "Double the backslash, or put behind it what it shall quote.",
						 "LIKE pattern ends with a backslash");
}

/*
 * A regular expression is compiled here, to find its mistakes when the rule
 * is saved and not when it is used; the server caches the result, so nothing
 * is lost.  Refused is what makes compiling or matching slow: long ones
 * (2,000 characters took up to 0.4 s), large repeat counts, which multiply
 * when nested, and what cannot be matched in one pass (three back-references
 * took 15 s over 200 characters).
 */
static void
check_regex(ConditionChecker *c, Oid function, Const *con)
{
	int				   flags = REG_ADVANCED | REG_NOSUB; /* as the operators do, to meet in the cache */
	ParseCallbackState at;
	regex_t			  *re;
	const char		  *pattern = TextDatumGetCString(con->constvalue);
	double			   copies = 1;

	if (pg_mbstrlen(pattern) > REGEX_MAX_CHARS)
		condition_refuse(c, con->location, "Compare with a list of values, or split the pattern.",
						 "regular expression is longer than %d characters", REGEX_MAX_CHARS);

	/* roughly: in brackets or quoted a brace is no count, but refusing that harms nobody */
	for (const char *p = pattern; (p = strchr(p, '{')) != NULL; p++)
	{
		char *end;
		long  low = strtol(p + 1, &end, 10);
		long  high = *end == ',' ? strtol(end + 1, NULL, 10) : 0;

		copies *= Max(Max(low, high), 1);
	}
	if (copies > REGEX_MAX_COPIES)
		condition_refuse(c, con->location, "Use * or +, or check length() beside it.",
						 "repeat counts of the regular expression multiply to more than %d",
						 REGEX_MAX_COPIES);

	if (function == F_TEXTICREGEXEQ || function == F_TEXTICREGEXNE)
		flags |= REG_ICASE;
	setup_parser_errposition_callback(&at, c->pstate, con->location);
	re = RE_compile_and_cache(DatumGetTextPP(con->constvalue), flags, C_COLLATION_OID);
	cancel_parser_errposition_callback(&at);
	if (re->re_info & (REG_UBACKREF | REG_ULOOKAROUND))
		condition_refuse(c, con->location, "Join several patterns with AND, OR and NOT.",
						 "back-references and look-around are not allowed in a condition");
}

/*
 * Patterns must be constants: the attributes come from citizens, and some
 * patterns take for ever.
 */
static void
check_pattern(ConditionChecker *c, Oid function, Node *pattern)
{
	Const *con = (Const *) pattern;

	if (IsA(pattern, ArrayExpr))
	{
		ListCell *lc;

		if (!is_like(function))
			condition_refuse(c, exprLocation(pattern), "Write one pattern with alternatives: 'a|b'.",
							 "regular expressions may not stand in an array");
		foreach(lc, ((ArrayExpr *) pattern)->elements)
			check_pattern(c, function, lfirst(lc));
		return;
	}
	if (!IsA(pattern, Const))
		condition_refuse(c, exprLocation(pattern), "Write the pattern as a plain string.",
						 "a pattern must be a constant");
	if (con->constisnull)
		return;
	if (con->consttype == TEXTARRAYOID && is_like(function))
	{
		Datum *values;
		bool  *nulls;
		int	   n;

		deconstruct_array(DatumGetArrayTypeP(con->constvalue), TEXTOID, -1, false, TYPALIGN_INT, &values,
						  &nulls, &n);
		for (int i = 0; i < n; i++)
		{
			if (!nulls[i])
				check_like_pattern(c, TextDatumGetCString(values[i]), con->location);
		}
		return;
	}
	if (con->consttype == TEXTARRAYOID)
		condition_refuse(c, con->location, "Write one pattern with alternatives: 'a|b'.",
						 "regular expressions may not stand in an array");
	if (is_like(function))
		check_like_pattern(c, TextDatumGetCString(con->constvalue), con->location);
	else
		check_regex(c, function, con);
}

/* extract(hour FROM local_date) is found out only by running it: do so once, with any value. */
static void
check_extract(ConditionChecker *c, Oid function, Node *field)
{
	ParseCallbackState at;

	if (!IsA(field, Const))
		condition_refuse(c, exprLocation(field), "Write: extract(hour FROM local_time).",
						 "the field of extract must be a constant");
	if (((Const *) field)->constisnull)
		return;
	setup_parser_errposition_callback(&at, c->pstate, exprLocation(field));
	if (function == F_EXTRACT_TEXT_DATE)
		(void) OidFunctionCall2(function, ((Const *) field)->constvalue, DateADTGetDatum(0));
	else
		(void) OidFunctionCall2(function, ((Const *) field)->constvalue, TimeADTGetDatum(0));
	cancel_parser_errposition_callback(&at);
}

/* What an allowed function asks of its arguments, beyond their types. */
static void
check_function(ConditionChecker *c, Oid function, List *args)
{
	if (is_regex(function) || is_like(function))
		check_pattern(c, function, lsecond(args));
	else if (function == F_EXTRACT_TEXT_DATE || function == F_EXTRACT_TEXT_TIME)
		check_extract(c, function, linitial(args));
}

static bool
is_allowed(Oid function)
{
	for (int i = 0; i < (int) lengthof(functions); i++)
	{
		if (functions[i] == function)
			return true;
	}
	return false;
}

static void
check_operator(ConditionChecker *c, OpExpr *op)
{
	if (is_allowed(op->opfuncid))
		check_function(c, op->opfuncid, op->args);
	else if (list_length(op->args) == 1)
		condition_refuse(c, op->location, "Compare numbers, text, dates or times of day.",
						 "operator \"%s\" is not allowed for %s", get_opname(op->opno),
						 format_type_be(exprType(linitial(op->args))));
	else
		condition_refuse(
			c, op->location,
			"Compare numbers, text, dates or times of day; numbers with a fraction are multiplied as float8.",
			"operator \"%s\" is not allowed between %s and %s", get_opname(op->opno),
			format_type_be(exprType(linitial(op->args))), format_type_be(exprType(lsecond(op->args))));
}

static void
refuse_cast(ConditionChecker *c, Node *node, Node *arg)
{
	condition_refuse(c, exprLocation(node), "Compare the value as what it is, or as text.",
					 "cast from %s to %s is not allowed in a condition", format_type_be(exprType(arg)),
					 format_type_be(exprType(node)));
}

/*
 * Check an analysed expression before anything of it is executed.  What is
 * not named here does not pass.  Also replaces the database's collation by
 * "C", as in our tables: decisions must not depend on the operating system.
 */
static bool
check_expr(Node *node, void *context)
{
	ConditionChecker *c = context;

	if (node == NULL)
		return false;

	switch (nodeTag(node))
	{
		case T_List:
		case T_CaseWhen:
			/* parts of others, without a type */
			return expression_tree_walker(node, check_expr, context);

		case T_Var:
			c->facts_used |= (uint32) 1 << (((Var *) node)->varattno - 1);
			break;

		case T_Const:
			check_const(c, (Const *) node);
			break;

		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
			check_operator(c, (OpExpr *) node);
			break;

		case T_ScalarArrayOpExpr:
		{
			ScalarArrayOpExpr *op = (ScalarArrayOpExpr *) node;

			if (!is_allowed(op->opfuncid))
				condition_refuse(c, op->location, "Compare single values.",
								 "operator \"%s\" is not allowed with an array in a condition",
								 get_opname(op->opno));
			check_function(c, op->opfuncid, op->args);
			break;
		}

		case T_FuncExpr:
		{
			FuncExpr *call = (FuncExpr *) node;

			if (is_allowed(call->funcid))
				check_function(c, call->funcid, call->args);
			else if (call->funcformat == COERCE_IMPLICIT_CAST || call->funcformat == COERCE_EXPLICIT_CAST)
				refuse_cast(c, node, linitial(call->args));
			else
				condition_refuse(c, call->location,
								 "length, left, right, lower, strpos take text; extract takes date or time.",
								 "function \"%s\" is not allowed with these arguments",
								 get_func_name(call->funcid));
			break;
		}

		case T_CoerceViaIO:
		{
			CoerceViaIO *cast = (CoerceViaIO *) node;
			Oid			 from = exprType((Node *) cast->arg);
			bool		 found = false;

			for (int i = 0; i < (int) lengthof(text_casts); i++)
				found |= text_casts[i][0] == from && text_casts[i][1] == cast->resulttype;
			if (!found)
				refuse_cast(c, node, (Node *) cast->arg);
			break;
		}

		case T_BoolExpr:
		case T_CaseExpr:
		case T_ArrayExpr:
		case T_CoalesceExpr:
		case T_MinMaxExpr:
		case T_NullTest:
		case T_BooleanTest:
			break;

		default:
			condition_refuse(c, exprLocation(node), "Use simpler comparisons.",
							 "this construct is not allowed in a condition");
	}

	check_type(c, exprType(node), exprLocation(node));
	if (exprCollation(node) == DEFAULT_COLLATION_OID)
		exprSetCollation(node, C_COLLATION_OID);
	if (exprInputCollation(node) == DEFAULT_COLLATION_OID)
		exprSetInputCollation(node, C_COLLATION_OID);
	return expression_tree_walker(node, check_expr, context);
}

void
condition_check_expr(ConditionChecker *c, Node *expr)
{
	(void) check_expr(expr, c);
}
