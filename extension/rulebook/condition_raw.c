/*
 * condition_raw.c
 *	  Decides what may stand in a route condition, as it was written.
 *
 * Before parse analysis: which constructs, operators, functions and types may
 * be named, and all of them qualified, so that analysis finds the server's
 * own.  What the names then turned out to mean is condition_check.c's to say.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_type.h"
#include "utils/builtins.h"

#include "rulebook/condition_check.h"

/*
 * Operators by name.  "||" is not among them: nothing in a condition builds
 * text that is longer than what it was given.
 */
/* clang-format off */
static const char *const operator_names[] = {
	"=", "<>", "<", "<=", ">", ">=", "+", "-", "*", "/", "%",
	"~~", "!~~", "~~*", "!~~*", "^@", "~", "!~", "~*", "!~*",
	"->", "->>", "#>", "#>>", "?", "?|", "?&", "@>", "<@",
};
/* clang-format on */

static const char *const function_names[] = {
	"extract", "jsonb_typeof", "left", "length", "lower", "right", "starts_with", "strpos",
};

/* Types by the names the grammar makes of them ("int" is int4, "boolean" is bool). */
static const char *const type_names[] = {
	"bool", "date", "float8", "int4", "int8", "jsonb", "numeric", "text", "time",
};

static Node *check_raw(ConditionChecker *c, Node *node);

static bool
is_listed(const char *name, const char *const *list, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (strcmp(name, list[i]) == 0)
			return true;
	}
	return false;
}

static char *
list_hint(const char *what, const char *const *list, int n)
{
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfo(&s, "The %s are:", what);
	for (int i = 0; i < n; i++)
		appendStringInfo(&s, " %s", list[i]);
	return s.data;
}

static char *
fact_hint(void)
{
	const char *names[FACT_COUNT];

	for (int i = 0; i < FACT_COUNT; i++)
		names[i] = fact_info[i].name;
	return list_hint("facts", names, FACT_COUNT);
}

/*
 * The name in `names` if it is in the list, bare or in pg_catalog, qualified
 * with pg_catalog; NIL if not.
 */
static List *
qualified(List *names, const char *const *list, int n)
{
	if (list_length(names) > 2 || !is_listed(strVal(llast(names)), list, n))
		return NIL;
	if (list_length(names) == 2)
		return strcmp(strVal(linitial(names)), "pg_catalog") == 0 ? names : NIL;
	return list_make2(makeString("pg_catalog"), linitial(names));
}

static List *
pg_catalog_name(const char *name)
{
	return list_make2(makeString("pg_catalog"), makeString(unconstify(char *, name)));
}

/*
 * n nodes more, the first of them at `node`.  Raised before anything is done
 * for them, so that work and recursion stay bounded.
 */
static void
count_nodes(ConditionChecker *c, int n, Node *node)
{
	c->nodes += n;
	if (c->nodes > CONDITION_MAX_NODES)
		condition_refuse(c, exprLocation(node),
						 "Split the rule, or compare with a list: area = any ('{a,b,c}') counts as three.",
						 "condition has more than %d nodes", CONDITION_MAX_NODES);
}

static List *
check_raw_list(ConditionChecker *c, List *list)
{
	ListCell *lc;

	foreach(lc, list)
		lfirst(lc) = check_raw(c, lfirst(lc));
	return list;
}

/*
 * A copy of an operand that was checked already, for where it stands twice.
 * It counts again: nested BETWEENs double each time, 90 of them fit into
 * 2,000 characters.
 */
static Node *
again(ConditionChecker *c, Node *node, int nodes)
{
	count_nodes(c, nodes, node);
	return copyObject(node);
}

static Node *
check_raw_operator(ConditionChecker *c, A_Expr *a)
{
	switch (a->kind)
	{
		case AEXPR_OP:
		case AEXPR_OP_ANY:
		case AEXPR_OP_ALL:
		case AEXPR_DISTINCT:
		case AEXPR_NOT_DISTINCT:
		case AEXPR_NULLIF:
		case AEXPR_LIKE:
		case AEXPR_ILIKE:
		{
			List *name = qualified(a->name, operator_names, lengthof(operator_names));

			if (name == NIL)
				condition_refuse(c, a->location,
								 list_hint("operators", operator_names, lengthof(operator_names)),
								 "operator \"%s\" is not allowed in a condition", NameListToString(a->name));
			a->name = name;
			if (a->lexpr != NULL)
				a->lexpr = check_raw(c, a->lexpr);
			a->rexpr = check_raw(c, a->rexpr);
			return (Node *) a;
		}

		case AEXPR_IN:
		{
			/*
			 * Parse analysis knows NOT IN by its unqualified name only, so it
			 * is written as NOT (x IN ...), which means the same.
			 */
			bool negated = strcmp(strVal(llast(a->name)), "<>") == 0;

			a->name = pg_catalog_name("=");
			a->lexpr = check_raw(c, a->lexpr);
			a->rexpr = (Node *) check_raw_list(c, castNode(List, a->rexpr));
			if (!negated)
				return (Node *) a;
			return (Node *) makeBoolExpr(NOT_EXPR, list_make1(a), a->location);
		}

		case AEXPR_BETWEEN:
		case AEXPR_NOT_BETWEEN:
		{
			bool  negated = a->kind == AEXPR_NOT_BETWEEN;
			List *bounds = castNode(List, a->rexpr);
			int	  before = c->nodes;
			Node *left = check_raw(c, a->lexpr);
			Node *left2 = again(c, left, c->nodes - before + 1);
			Node *low = check_raw(c, linitial(bounds));
			Node *high = check_raw(c, lsecond(bounds));

			low =
				(Node *) makeA_Expr(AEXPR_OP, pg_catalog_name(negated ? "<" : ">="), left, low, a->location);
			high = (Node *) makeA_Expr(AEXPR_OP, pg_catalog_name(negated ? ">" : "<="), left2, high,
									   a->location);
			return (Node *) makeBoolExpr(negated ? OR_EXPR : AND_EXPR, list_make2(low, high), a->location);
		}

		default:
			condition_refuse(c, a->location, "Use BETWEEN, LIKE or ~ instead.",
							 "%s is not allowed in a condition",
							 a->kind == AEXPR_SIMILAR ? "SIMILAR TO" : NameListToString(a->name));
			return NULL;
	}
}

static Node *
check_raw_case(ConditionChecker *c, CaseExpr *e)
{
	int		  before = c->nodes;
	Node	 *arg = NULL;
	int		  arg_nodes;
	ListCell *lc;

	if (e->arg != NULL)
		arg = check_raw(c, (Node *) e->arg);
	arg_nodes = c->nodes - before + 1;

	/* CASE x WHEN y is CASE WHEN x = y */
	foreach(lc, e->args)
	{
		CaseWhen *when = lfirst_node(CaseWhen, lc);
		Node	 *test = check_raw(c, (Node *) when->expr);

		if (arg != NULL)
			test = (Node *) makeA_Expr(AEXPR_OP, pg_catalog_name("="), again(c, arg, arg_nodes), test,
									   when->location);
		when->expr = (Expr *) test;
		when->result = (Expr *) check_raw(c, (Node *) when->result);
	}
	e->arg = NULL;
	if (e->defresult != NULL)
		e->defresult = (Expr *) check_raw(c, (Node *) e->defresult);
	return (Node *) e;
}

char *
condition_type_hint(void)
{
	return list_hint("types", type_names, lengthof(type_names));
}

static void
check_raw_type(ConditionChecker *c, TypeName *type)
{
	List *name = type->names != NIL ? qualified(type->names, type_names, lengthof(type_names)) : NIL;

	if (name == NIL || type->setof || type->pct_type)
		condition_refuse(c, type->location, condition_type_hint(),
						 "type \"%s\" is not allowed in a condition", TypeNameToString(type));
	if (type->typmods != NIL)
		condition_refuse(c, type->location, "Write the type without its length or precision.",
						 "type \"%s\" takes no length or precision in a condition",
						 strVal(llast(type->names)));
	type->names = name;
}

static void
refuse_construct(ConditionChecker *c, Node *node)
{
	int			location = exprLocation(node);
	const char *what = "this construct";
	const char *hint = CONDITION_HINT;

	switch (nodeTag(node))
	{
		case T_SubLink:
			location = ((SubLink *) node)->location;
			what = "a subquery";
			break;
		case T_A_Indirection:
			location = exprLocation(((A_Indirection *) node)->arg);
			what = "a subscript or a field";
			hint = "Read attributes by attrs ->> 'name'.";
			break;
		case T_SQLValueFunction:
			what = "a value of the session or the clock";
			hint = CONDITION_DATE_HINT;
			break;
		case T_ParamRef:
			what = "a parameter";
			break;
		case T_CollateClause:
			what = "COLLATE";
			hint = "Text is always compared byte by byte.";
			break;
		case T_RowExpr:
			what = "a row";
			break;
		default:
			break;
	}
	condition_refuse(c, location, hint, "%s is not allowed in a condition", what);
}

/*
 * Check a raw expression before parse analysis, and return it with all names
 * qualified.  What is not named here does not pass.
 */
static Node *
check_raw(ConditionChecker *c, Node *node)
{
	count_nodes(c, 1, node);

	switch (nodeTag(node))
	{
		case T_A_Const:
		{
			A_Const *con = (A_Const *) node;

			if (con->isnull)
				break;
			if (IsA(&con->val, BitString))
				condition_refuse(c, con->location, "Use text or numbers.",
								 "bit strings are not allowed in a condition");
			if (IsA(&con->val, String))
			{
				/* there are no more literals than nodes */
				c->literals[c->nliterals].location = con->location;
				c->literals[c->nliterals++].text = con->val.sval.sval;
			}
			break;
		}

		case T_ColumnRef:
		{
			ColumnRef *ref = (ColumnRef *) node;

			if (list_length(ref->fields) != 1 || !IsA(linitial(ref->fields), String) ||
				fact_find(strVal(linitial(ref->fields))) < 0)
				condition_refuse(c, ref->location, fact_hint(), "there is no fact \"%s\"",
								 NameListToString(ref->fields));
			break;
		}

		case T_A_Expr:
			return check_raw_operator(c, (A_Expr *) node);

		case T_BoolExpr:
			check_raw_list(c, ((BoolExpr *) node)->args);
			break;

		case T_FuncCall:
		{
			FuncCall *call = (FuncCall *) node;
			List	 *name = qualified(call->funcname, function_names, lengthof(function_names));

			if (name == NIL)
				condition_refuse(c, call->location,
								 list_hint("functions", function_names, lengthof(function_names)),
								 "function \"%s\" is not allowed in a condition",
								 NameListToString(call->funcname));
			if (call->agg_order != NIL || call->agg_filter != NULL || call->over != NULL ||
				call->agg_within_group || call->agg_star || call->agg_distinct || call->func_variadic)
				condition_refuse(c, call->location, "Write the function with its arguments only.",
								 "aggregates and window functions are not allowed in a condition");
			call->funcname = name;
			check_raw_list(c, call->args);
			break;
		}

		case T_TypeCast:
		{
			TypeCast *cast = (TypeCast *) node;

			check_raw_type(c, cast->typeName);
			cast->arg = check_raw(c, cast->arg);
			break;
		}

		case T_CaseExpr:
			return check_raw_case(c, (CaseExpr *) node);

		case T_CoalesceExpr:
			check_raw_list(c, ((CoalesceExpr *) node)->args);
			break;

		case T_MinMaxExpr:
			check_raw_list(c, ((MinMaxExpr *) node)->args);
			break;

		case T_A_ArrayExpr:
			check_raw_list(c, ((A_ArrayExpr *) node)->elements);
			break;

		case T_NullTest:
		{
			NullTest *test = (NullTest *) node;

			test->arg = (Expr *) check_raw(c, (Node *) test->arg);
			break;
		}

		case T_BooleanTest:
		{
			BooleanTest *test = (BooleanTest *) node;

			test->arg = (Expr *) check_raw(c, (Node *) test->arg);
			break;
		}

		default:
			refuse_construct(c, node);
	}
	return node;
}

/*
 * The one expression of the statement.  raw_parser() reads an expression as a
 * SELECT without that word, so that FROM, WHERE, GROUP BY and further columns
 * get through.
 */
static Node *
single_expression(ConditionChecker *c, List *parsed)
{
	SelectStmt *stmt = castNode(SelectStmt, linitial_node(RawStmt, parsed)->stmt);
	SelectStmt *plain = makeNode(SelectStmt);
	ResTarget  *target;

	if (stmt->targetList == NIL)
		condition_refuse(c, 0, "A route without a condition always applies; leave the condition out then.",
						 "condition has no expression");
	if (list_length(stmt->targetList) > 1)
		condition_refuse(c, exprLocation(((ResTarget *) lsecond(stmt->targetList))->val),
						 "Join the parts with AND or OR.", "condition must be one expression");

	/* compared as a whole: fields that a later server version adds are looked at too */
	plain->targetList = stmt->targetList;
	plain->limitOption = stmt->limitOption;
	if (!equal(plain, stmt))
	{
		void *clauses[] = {stmt->fromClause,   stmt->whereClause, stmt->groupClause, stmt->havingClause,
						   stmt->windowClause, stmt->sortClause,  stmt->limitOffset, stmt->limitCount};
		int	  location = -1;

		for (int i = 0; i < (int) lengthof(clauses) && location < 0; i++)
			location = exprLocation((Node *) clauses[i]);
		condition_refuse(c, location, "Write the expression alone, without FROM, WHERE or other clauses.",
						 "condition must be one expression");
	}

	target = linitial_node(ResTarget, stmt->targetList);
	if (target->name != NULL || target->indirection != NIL)
		condition_refuse(c, exprLocation(target->val), "Write the expression alone, without a name for it.",
						 "condition must be one expression");
	return target->val;
}

Node *
condition_check_raw(ConditionChecker *c, List *parsed)
{
	return check_raw(c, single_expression(c, parsed));
}
