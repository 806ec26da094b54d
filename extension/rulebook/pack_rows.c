/*
 * pack_rows.c
 *	  Checks rows of a rule pack before they are written.
 *
 * Rows are checked here, not by the failing INSERT, because an error must name
 * the file and the line, and because catching an error costs a subtransaction
 * for everything that was written before it.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"

#include "base/catalog.h"
#include "base/names.h"
#include "rulebook/condition.h"
#include "rulebook/pack.h"

PG_FUNCTION_INFO_V1(triage_check_rows);

/* A column and how its values are read. */
typedef struct Column
{
	Form_pg_attribute att;
	Oid				  element; /* type of a list's elements, InvalidOid = no list */
	FmgrInfo		  input;
	Oid				  ioparam;
	bool			  by_server; /* not the document's to say */
} Column;

typedef struct Checker
{
	PackPlace		place;
	Relation		rel;
	int				ncolumns;
	Column		   *columns; /* by attribute; att = NULL for dropped ones */
	int				nchecks;
	ExprState	  **checks;
	EState		   *estate;
	TupleTableSlot *slot;
	int				condition; /* index of the column that holds a condition, -1 = none */
	int				active;	   /* index of the column "active", -1 = none */
} Checker;

static void
checker_open(Checker *c, bool complete)
{
	TupleDesc desc;

	c->rel = table_open(triage_relid(c->place.relation), AccessShareLock);
	desc = RelationGetDescr(c->rel);
	c->ncolumns = desc->natts;
	c->columns = palloc0(desc->natts * sizeof(Column));
	c->condition = c->active = -1;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		const char		 *name = NameStr(att->attname);
		Column			 *col = &c->columns[i];
		Oid				  input;

		if (att->attisdropped)
			continue;
		col->att = att;
		col->element = get_element_type(att->atttypid);
		getTypeInputInfo(OidIsValid(col->element) ? col->element : att->atttypid, &input, &col->ioparam);
		fmgr_info(input, &col->input);
		col->by_server = strcmp(name, "configured_by") == 0 || strcmp(name, "loaded_at") == 0;
		if (strcmp(name, "active") == 0)
			c->active = i;
		if (strcmp(name, "condition") == 0 && strcmp(c->place.relation, "routes") == 0)
			c->condition = i;
	}
	if (!complete)
		return;
	c->estate = CreateExecutorState();
	c->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	if (desc->constr != NULL)
	{
		c->nchecks = desc->constr->num_check;
		c->checks = palloc(Max(c->nchecks, 1) * sizeof(ExprState *));
		for (int i = 0; i < c->nchecks; i++)
			c->checks[i] = ExecPrepareExpr(stringToNode(desc->constr->check[i].ccbin), c->estate);
	}
}

static void
checker_close(Checker *c)
{
	if (c->estate != NULL)
	{
		ExecDropSingleTupleTableSlot(c->slot);
		FreeExecutorState(c->estate);
	}
	table_close(c->rel, AccessShareLock);
}

static const char *
json_kind(const JsonbValue *v)
{
	switch (v->type)
	{
		case jbvString:
			return "text";
		case jbvNumeric:
			return "a number";
		case jbvBool:
			return "true or false";
		case jbvBinary:
			return JsonContainerIsArray(v->val.binary.data) ? "a list" : "an object";
		default:
			return "null";
	}
}

/* May a column of this type be written as this kind of JSON value?  Text may stand for anything. */
static bool
json_fits(Oid type, const JsonbValue *v)
{
	if (v->type == jbvString)
		return true;
	if (v->type == jbvNumeric)
		return type == INT4OID || type == INT8OID || type == INT2OID || type == NUMERICOID ||
			   type == FLOAT8OID || type == FLOAT4OID;
	return v->type == jbvBool && type == BOOLOID;
}

static void
refuse_kind(const Checker *c, const Column *col, const JsonbValue *v, Jsonb *row, bool in_list)
{
	const char *name = NameStr(col->att->attname);
	char	   *wanted = in_list || !OidIsValid(col->element)
							 ? format_type_be(OidIsValid(col->element) ? col->element : col->att->atttypid)
							 : "a list";

	pack_refuse(&c->place, row,
				psprintf("column \"%s\"%s must be %s, not %s", name, in_list ? " in its list" : "", wanted,
						 json_kind(v)),
				OidIsValid(col->element) ? "Write a list as [\"a\", \"b\"], in a CSV file as a|b."
										 : "Write texts, dates and times in quotes.");
}

static Datum
scalar(const Checker *c, Column *col, const JsonbValue *v, Jsonb *row)
{
	MemoryContext  mcxt = CurrentMemoryContext;
	volatile Datum value = 0;
	char		  *text;

	if (v->type == jbvString)
		text = pnstrdup(v->val.string.val, v->val.string.len);
	else if (v->type == jbvBool)
		text = v->val.boolean ? "true" : "false";
	else
		text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));
	PG_TRY();
	{
		value = InputFunctionCall(&col->input, text, col->ioparam, col->att->atttypmod);
	}
	PG_CATCH();
	{
		pack_refuse_caught(&c->place, row, psprintf("column \"%s\"", NameStr(col->att->attname)),
						   psprintf("The column is of type %s.", format_type_be(col->att->atttypid)), mcxt);
	}
	PG_END_TRY();
	return value;
}

static Datum
list(const Checker *c, Column *col, const JsonbValue *v, Jsonb *row)
{
	JsonbIterator	  *it = JsonbIteratorInit(v->val.binary.data);
	JsonbValue		   e;
	int				   n = 0;
	int				   max = JsonContainerSize(v->val.binary.data);
	Datum			  *items = palloc(Max(max, 1) * sizeof(Datum));
	JsonbIteratorToken token;
	int16			   len;
	bool			   byval;
	char			   align;

	(void) JsonbIteratorNext(&it, &e, true);
	while ((token = JsonbIteratorNext(&it, &e, true)) == WJB_ELEM)
	{
		if (!json_fits(col->element, &e))
			refuse_kind(c, col, &e, row, true);
		items[n++] = scalar(c, col, &e, row);
	}
	get_typlenbyvalalign(col->element, &len, &byval, &align);
	return PointerGetDatum(construct_array(items, n, col->element, len, byval, align));
}

static Column *
find_column(const Checker *c, const JsonbValue *key)
{
	for (int i = 0; i < c->ncolumns; i++)
	{
		Column *col = &c->columns[i];

		if (col->att != NULL && (int) strlen(NameStr(col->att->attname)) == key->val.string.len &&
			memcmp(NameStr(col->att->attname), key->val.string.val, key->val.string.len) == 0)
			return col;
	}
	return NULL;
}

/* Read the values of a row; columns it does not name are null. */
static void
read_row(Checker *c, Jsonb *row, bool complete, Datum *values, bool *nulls)
{
	JsonbIterator	  *it;
	JsonbIteratorToken token;
	JsonbValue		   v;
	Column			  *col = NULL;

	for (int i = 0; i < c->ncolumns; i++)
		nulls[i] = true;
	it = JsonbIteratorInit(&row->root);
	(void) JsonbIteratorNext(&it, &v, true);
	while ((token = JsonbIteratorNext(&it, &v, true)) == WJB_KEY || token == WJB_VALUE)
	{
		int i;

		if (token == WJB_KEY)
		{
			col = find_column(c, &v);
			if (col == NULL)
				pack_refuse(&c->place, row,
							psprintf("there is no column \"%.*s\"", v.val.string.len, v.val.string.val),
							psprintf("A row's keys are columns of table %s.%s.", TRIAGE_SCHEMA,
									 c->place.relation));
			else if (col->by_server && !complete)
				pack_refuse(&c->place, row,
							psprintf("column \"%s\" is set by the server", NameStr(col->att->attname)),
							"Leave it out.");
			continue;
		}
		if (v.type == jbvNull)
			continue;
		i = col - c->columns;
		if (OidIsValid(col->element))
		{
			if (v.type != jbvBinary || !JsonContainerIsArray(v.val.binary.data))
				refuse_kind(c, col, &v, row, false);
			values[i] = list(c, col, &v, row);
		}
		else
		{
			if (!json_fits(col->att->atttypid, &v))
				refuse_kind(c, col, &v, row, false);
			values[i] = scalar(c, col, &v, row);
		}
		nulls[i] = false;
	}
}

static void
check_condition(const Checker *c, Jsonb *row, Datum condition)
{
	MemoryContext mcxt = CurrentMemoryContext;

	PG_TRY();
	{
		condition_free(condition_compile(TextDatumGetCString(condition), mcxt));
	}
	PG_CATCH();
	{
		pack_refuse_caught(&c->place, row, "condition", NULL, mcxt);
	}
	PG_END_TRY();
}

/* What the table will ask of a row, asked before it is written. */
static void
check_complete_row(Checker *c, Jsonb *row, Datum *values, bool *nulls)
{
	ExprContext *econtext = GetPerTupleExprContext(c->estate);

	for (int i = 0; i < c->ncolumns; i++)
		if (c->columns[i].att != NULL && c->columns[i].att->attnotnull && nulls[i])
			pack_refuse(&c->place, row,
						psprintf("column \"%s\" must not be empty", NameStr(c->columns[i].att->attname)),
						"Give it a value, or leave the row out.");

	ExecClearTuple(c->slot);
	memcpy(c->slot->tts_values, values, c->ncolumns * sizeof(Datum));
	memcpy(c->slot->tts_isnull, nulls, c->ncolumns * sizeof(bool));
	ExecStoreVirtualTuple(c->slot);
	econtext->ecxt_scantuple = c->slot;
	for (int i = 0; i < c->nchecks; i++)
		if (!ExecCheck(c->checks[i], econtext))
		{
			ConstrCheck *check = &RelationGetDescr(c->rel)->constr->check[i];
			Node		*expr = stringToNode(check->ccbin);

			pack_refuse(&c->place, row,
						psprintf("check \"%s\" is not met: %s", check->ccname,
								 deparse_expression(
									 expr, deparse_context_for(c->place.relation, RelationGetRelid(c->rel)),
									 false, false)),
						"Correct the row, or leave it out.");
		}
	ResetPerTupleExprContext(c->estate);

	/* a retired route keeps what it had */
	if (c->condition >= 0 && !nulls[c->condition] &&
		(c->active < 0 || nulls[c->active] || DatumGetBool(values[c->active])))
		check_condition(c, row, values[c->condition]);
}

/*
 * check_rows(relation, rows, complete, pack, in_file, numbers): raise TR004
 * for the first of the rows, a JSON array, that is broken.  Given rows need
 * be of the right shape and types only; complete ones, as they will stand in
 * the table, must also meet its constraints.  numbers[i] says where the i-th
 * row stands; null = by its position.
 */
Datum
triage_check_rows(PG_FUNCTION_ARGS)
{
	Checker		   c;
	Jsonb		  *rows;
	bool		   complete = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	int			   nnumbers = 0;
	Datum		  *numbers = NULL;
	bool		  *number_nulls = NULL;
	JsonbIterator *it;
	JsonbValue	   v;
	MemoryContext  row_mcxt;
	Datum		  *values;
	bool		  *nulls;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_VOID();
	memset(&c, 0, sizeof(c));
	c.place.relation = text_to_cstring(PG_GETARG_TEXT_PP(0));
	rows = PG_GETARG_JSONB_P(1);
	c.place.pack = PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3));
	c.place.in_file = !PG_ARGISNULL(4) && PG_GETARG_BOOL(4);
	if (!PG_ARGISNULL(5))
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(5), INT4OID, sizeof(int32), true, TYPALIGN_INT, &numbers,
						  &number_nulls, &nnumbers);
	if (!JB_ROOT_IS_ARRAY(rows) || JB_ROOT_IS_SCALAR(rows))
		pack_refuse(&c.place, NULL, "the rows must be a JSON array", "Write [{\"code\": ...}, ...].");

	checker_open(&c, complete);
	values = palloc(c.ncolumns * sizeof(Datum));
	nulls = palloc(c.ncolumns * sizeof(bool));
	row_mcxt = AllocSetContextCreate(CurrentMemoryContext, "pg_triage checked row", ALLOCSET_DEFAULT_SIZES);
	it = JsonbIteratorInit(&rows->root);
	(void) JsonbIteratorNext(&it, &v, true);
	for (int n = 0; JsonbIteratorNext(&it, &v, true) == WJB_ELEM; n++)
	{
		MemoryContext mcxt = MemoryContextSwitchTo(row_mcxt);
		Jsonb		 *row = JsonbValueToJsonb(&v);

		CHECK_FOR_INTERRUPTS();
		c.place.number = n < nnumbers && !number_nulls[n] ? DatumGetInt32(numbers[n]) : n + 1;
		if (v.type != jbvBinary || !JsonContainerIsObject(v.val.binary.data))
			pack_refuse(&c.place, row, psprintf("a row must be an object, not %s", json_kind(&v)),
						"Write {\"column\": value, ...}.");
		read_row(&c, row, complete, values, nulls);
		if (complete)
			check_complete_row(&c, row, values, nulls);
		MemoryContextSwitchTo(mcxt);
		MemoryContextReset(row_mcxt);
	}
	checker_close(&c);
	PG_RETURN_VOID();
}
