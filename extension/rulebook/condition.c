/*
 * condition.c
 *	  Compiles and evaluates route conditions.
 *
 * The server's parser, parse analysis and expression executor do the work;
 * condition_check.c decides what reaches them.  Three things make that
 * necessary.  Rules are written by administrators of an authority, not of the
 * server.  A decision must come out the same in every session.  And intake
 * runs in a citizen's transaction, so nothing slow or large may stand in a
 * rule.
 *
 * The order of steps is what makes it safe, because each server phase already
 * executes something:
 *
 * 1. Raw parsing executes nothing.
 * 2. Parse analysis runs type input functions on literals ('now'::date) and
 *	  looks up operators, functions and types by search_path.  So before it,
 *	  condition_check_raw() checks the statement's shape (the grammar for
 *	  expressions also takes "true FROM pg_class"), refuses every construct
 *	  and every name that is not listed, and qualifies the listed names with
 *	  pg_catalog.  A user's operator of the same name is then out of reach, in
 *	  any session, without touching the settings.  Constructs for which parse
 *	  analysis would make up unqualified names (BETWEEN, simple CASE) are
 *	  written out.
 * 3. Planning folds constants, that is, executes functions (repeat('x', 1e9)
 *	  would run here).  So before it, condition_check_expr() checks every
 *	  node's type and every function's OID against a list of what is
 *	  immutable, small and quick, refuses date literals that move with the
 *	  clock, and replaces the database's collation by "C".
 *
 * Date and time literals are let through in one form only, which no setting
 * of the session reads differently; so neither TimeZone nor DateStyle need
 * fixing while compiling.
 *
 * A compiled condition refers to functions, operators and types of pg_catalog
 * by OID, all of them pinned, and to nothing else.  None of these can change
 * while the server runs, so a condition needs no invalidation of its own: it
 * goes when its rulebook goes.  Only the text is ever stored, as node trees
 * do not survive a major upgrade.
 */
#include "postgres.h"

#include <ctype.h>

#include "access/tupdesc.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_node.h"
#include "parser/parser.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "base/names.h"
#include "rulebook/condition.h"
#include "rulebook/condition_check.h"

struct Condition
{
	MemoryContext mcxt; /* holds all of it */
	ExprState	 *state;
	ExprContext	 *econtext;
	int			  nodes;
	uint32		  facts_used;
	bool		  is_constant;
	bool		  constant;
};

const FactInfo fact_info[FACT_COUNT] = {
	[FACT_CHANNEL] = {"channel", TEXTOID},
	[FACT_CASE_TYPE] = {"case_type", TEXTOID},
	[FACT_CASE_GROUP] = {"case_group", TEXTOID},
	[FACT_NATURE] = {"nature", TEXTOID},
	[FACT_PRIORITY] = {"priority", INT4OID},
	[FACT_DANGER] = {"danger", BOOLOID},
	[FACT_AREA] = {"area", TEXTOID},
	[FACT_AREA_LEVEL] = {"area_level", TEXTOID},
	[FACT_LOCAL_TIME] = {"local_time", TIMEOID},
	[FACT_LOCAL_DATE] = {"local_date", DATEOID},
	[FACT_WEEKDAY] = {"weekday", INT4OID},
	[FACT_WORKDAY] = {"workday", BOOLOID},
	[FACT_IN_WORKTIME] = {"in_worktime", BOOLOID},
	[FACT_HAS_LOCATION] = {"has_location", BOOLOID},
	[FACT_REPEATS] = {"repeats", INT4OID},
	[FACT_CONFIDENCE] = {"confidence", FLOAT8OID},
	[FACT_BODY_LENGTH] = {"body_length", INT4OID},
	[FACT_ATTRS] = {"attrs", JSONBOID},
	[FACT_MODE] = {"mode", TEXTOID},
};

/* facts_used is a uint32 */
StaticAssertDecl(FACT_COUNT <= 32, "too many facts for a bitmap");

/* ---- facts ---------------------------------------------------------------- */

int
fact_find(const char *name)
{
	for (int i = 0; i < FACT_COUNT; i++)
	{
		if (strcmp(name, fact_info[i].name) == 0)
			return i;
	}
	return -1;
}

static bool
is_digits(const char *text, const char *form)
{
	for (; *form != '\0'; text++, form++)
	{
		if (*form == '9' ? !isdigit((unsigned char) *text) : *text != *form)
			return false;
	}
	return true;
}

bool
fact_text_is_fixed(Oid type, const char *text)
{
	if (type == DATEOID)
		return strlen(text) == 10 && is_digits(text, "9999-99-99");
	if (type != TIMEOID || !is_digits(text, "99:99"))
		return false;
	text += 5;
	if (text[0] == '\0')
		return true;
	if (!is_digits(text, ":99"))
		return false;
	text += 3;
	return text[0] == '\0' || (text[0] == '.' && strlen(text) >= 2 && strlen(text) <= 7 &&
							   strspn(text + 1, "0123456789") == strlen(text + 1));
}

/* ---- compiling ------------------------------------------------------------ */

/* kept for the session: scratch memory of compiling and of evaluating, and the row of facts */
static MemoryContext   compile_mcxt = NULL;
static MemoryContext   eval_mcxt = NULL;
static TupleTableSlot *fact_slot = NULL;

/* Set up what all conditions share.  Safe to be left by an error half-way. */
static void
init_shared(void)
{
	MemoryContext old;
	TupleDesc	  desc;

	if (fact_slot != NULL)
		return;
	if (compile_mcxt == NULL)
		compile_mcxt =
			AllocSetContextCreate(TopMemoryContext, "triage condition compile", ALLOCSET_DEFAULT_SIZES);
	if (eval_mcxt == NULL)
		eval_mcxt = AllocSetContextCreate(TopMemoryContext, "triage condition eval", ALLOCSET_SMALL_SIZES);

	old = MemoryContextSwitchTo(TopMemoryContext);
	desc = CreateTemplateTupleDesc(FACT_COUNT);
	for (int i = 0; i < FACT_COUNT; i++)
		TupleDescInitEntry(desc, i + 1, fact_info[i].name, fact_info[i].type, -1, 0);
	fact_slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	fact_slot->tts_nvalid = FACT_COUNT;
	fact_slot->tts_flags &= ~TTS_FLAG_EMPTY;
	MemoryContextSwitchTo(old);
}

/* Parse analysis asks here what a name stands for: a column of our one row of facts. */
static Node *
fact_reference(ParseState *pstate, ColumnRef *ref)
{
	int	 fact = fact_find(strVal(linitial(ref->fields)));
	Oid	 type = fact_info[fact].type;
	Var *var = makeVar(1, fact + 1, type, -1, type == TEXTOID ? C_COLLATION_OID : InvalidOid, 0);

	var->location = ref->location;
	return (Node *) var;
}

static Condition *
compile(const char *source, MemoryContext parent)
{
	MemoryContext	  old;
	MemoryContext	  mcxt;
	ConditionChecker *c;
	Node			 *expr;
	Condition		 *condition;

	init_shared();
	/* an error may have left something; this also drops a condition that was not finished */
	MemoryContextReset(compile_mcxt);
	old = MemoryContextSwitchTo(compile_mcxt);

	c = palloc(sizeof(ConditionChecker));
	c->nodes = 0;
	c->nliterals = 0;
	c->facts_used = 0;
	c->pstate = make_parsestate(NULL);
	c->pstate->p_sourcetext = source;
	c->pstate->p_pre_columnref_hook = fact_reference;

	if (strlen(source) > CONDITION_MAX_CHARS && pg_mbstrlen(source) > CONDITION_MAX_CHARS)
		condition_refuse(c, -1, "Split the rule into several routes.",
						 "condition is longer than %d characters", CONDITION_MAX_CHARS);

	expr = condition_check_raw(c, raw_parser(source, RAW_PARSE_PLPGSQL_EXPR));

	expr = transformExpr(c->pstate, expr, EXPR_KIND_CHECK_CONSTRAINT);
	if (exprType(expr) != BOOLOID && exprType(expr) != UNKNOWNOID)
		condition_refuse(c, exprLocation(expr), "Compare the value with something.",
						 "condition must be boolean, not %s", format_type_be(exprType(expr)));
	expr = coerce_to_boolean(c->pstate, expr, "condition");
	assign_expr_collations(c->pstate, expr);
	condition_check_expr(c, expr);

	expr = (Node *) expression_planner((Expr *) expr);
	/* long lists are looked up by hash */
	convert_saop_to_hashed_saop(expr);

	/*
	 * Now that nothing is wrong with it, move it into its own context.  The
	 * expression goes along, as the executor's steps point into it.
	 */
	mcxt = AllocSetContextCreate(compile_mcxt, "triage condition", ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(mcxt);
	condition = palloc0(sizeof(Condition));
	condition->mcxt = mcxt;
	condition->nodes = c->nodes;
	condition->facts_used = c->facts_used;
	expr = copyObject(expr);
	if (IsA(expr, Const))
	{
		condition->is_constant = true;
		condition->constant = !((Const *) expr)->constisnull && DatumGetBool(((Const *) expr)->constvalue);
	}
	condition->state = ExecInitExpr((Expr *) expr, NULL);

	/*
	 * CreateStandaloneExprContext() would give each condition an 8 kB block of
	 * its own for temporary values.  Conditions do not nest, so all share one.
	 */
	condition->econtext = makeNode(ExprContext);
	condition->econtext->ecxt_scantuple = fact_slot;
	condition->econtext->ecxt_per_query_memory = mcxt;
	condition->econtext->ecxt_per_tuple_memory = eval_mcxt;

	MemoryContextSetParent(mcxt, parent);
	MemoryContextSwitchTo(old);
	MemoryContextReset(compile_mcxt);
	return condition;
}

/*
 * A position in an error that is raised while we compile is one in the
 * condition, not in the statement that the client sent.
 */
static void
position_callback(void *arg)
{
	int position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery((const char *) arg);
	}
}

/* A copy of the text from which `word` is gone. */
static char *
without(const char *text, const char *word)
{
	StringInfoData s;
	const char	  *found;

	initStringInfo(&s);
	while ((found = strstr(text, word)) != NULL)
	{
		appendBinaryStringInfo(&s, text, found - text);
		text = found + strlen(word);
	}
	appendStringInfoString(&s, text);
	return s.data;
}

/*
 * Called in PG_CATCH: raise the error again, as TR004 if the condition is to
 * blame for it.
 */
static void
rethrow(void)
{
	ErrorData *edata = CopyErrorData();

	switch (ERRCODE_TO_CATEGORY(edata->sqlerrcode))
	{
		case MAKE_SQLSTATE('2', '2', '0', '0', '0'): /* 'abc'::int, 1/0 of constants, a bad pattern */
		case MAKE_SQLSTATE('4', '2', '0', '0', '0'): /* syntax, no such operator */
		case ERRCODE_FEATURE_NOT_SUPPORTED:
		case ERRCODE_PROGRAM_LIMIT_EXCEEDED:
			edata->sqlerrcode = TRIAGE_ERRCODE_RULE;
			break;
		default:
			if (edata->sqlerrcode != TRIAGE_ERRCODE_RULE)
				PG_RE_THROW();
	}

	/* names were qualified by us, nobody wrote that */
	edata->message = without(edata->message, "pg_catalog.");

	/* lint and front ends show texts only, so the place goes there too */
	if (edata->internalpos > 0)
		edata->detail = psprintf("At character %d of the condition.%s%s", edata->internalpos,
								 edata->detail ? " " : "", edata->detail ? edata->detail : "");
	else if (edata->detail == NULL)
		edata->detail = pstrdup("In the condition as a whole.");
	if (edata->hint == NULL)
		edata->hint = pstrdup(CONDITION_HINT);
	FlushErrorState();
	ReThrowError(edata);
}

Condition *
condition_compile(const char *source, MemoryContext parent)
{
	MemoryContext		 caller = CurrentMemoryContext;
	ErrorContextCallback callback;
	Condition *volatile condition = NULL;
	volatile int guc_level = 0;

	callback.callback = position_callback;
	callback.arg = unconstify(char *, source);
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	/*
	 * The only settings that reach what we let through.  Changing a setting
	 * costs more than all the rest, and nobody has these two off; so look
	 * first.
	 */
	if (!standard_conforming_strings || !Array_nulls)
	{
		guc_level = NewGUCNestLevel();
		(void) set_config_option("standard_conforming_strings", "on", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
		(void) set_config_option("array_nulls", "on", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
								 false);
	}

	PG_TRY();
	{
		condition = compile(source, parent);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		if (guc_level > 0)
			AtEOXact_GUC(false, guc_level);
		rethrow();
	}
	PG_END_TRY();

	if (guc_level > 0)
		AtEOXact_GUC(true, guc_level);
	error_context_stack = callback.previous;
	return condition;
}

void
condition_free(Condition *condition)
{
	if (condition != NULL)
		MemoryContextDelete(condition->mcxt);
}

/* ---- evaluating ----------------------------------------------------------- */

bool
condition_eval(Condition *condition, const Facts *facts)
{
	Datum value;
	bool  isnull;

	/* the executor only reads them, so the caller's arrays serve as the row */
	fact_slot->tts_values = (Datum *) facts->value;
	fact_slot->tts_isnull = (bool *) facts->isnull;

	value = ExecEvalExprSwitchContext(condition->state, condition->econtext, &isnull);
	/* what an error leaves is dropped by the next evaluation */
	MemoryContextReset(eval_mcxt);
	return !isnull && DatumGetBool(value);
}

int
condition_node_count(const Condition *condition)
{
	return condition->nodes;
}

uint32
condition_facts_used(const Condition *condition)
{
	return condition->facts_used;
}

bool
condition_is_constant(const Condition *condition, bool *value)
{
	*value = condition->constant;
	return condition->is_constant;
}
