/*
 * pack.c
 *	  Rule packs: reads their files, checks rows before they are written, and
 *	  says where a broken one stands.  What becomes of the rows is decided in
 *	  sql/36_packs.sql.
 *
 * Rows are checked here, not by the failing INSERT, because an error must name
 * the file and the line, and because catching an error costs a subtransaction
 * for everything that was written before it.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "access/table.h"
#include "catalog/pg_type.h"
#include "commands/copy.h"
#include "commands/copyfrom_internal.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "pgtime.h"
#include "storage/fd.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"

#include "base/actor.h"
#include "base/catalog.h"
#include "base/names.h"
#include "rulebook/condition.h"

PG_FUNCTION_INFO_V1(triage_pack_tables);
PG_FUNCTION_INFO_V1(triage_pack_rows);
PG_FUNCTION_INFO_V1(triage_check_rows);
PG_FUNCTION_INFO_V1(triage_refuse_row);
PG_FUNCTION_INFO_V1(triage_require_admin);
PG_FUNCTION_INFO_V1(triage_timezone_exists);
PG_FUNCTION_INFO_V1(triage_constant_condition);

#define MAX_PACK_NAME 40

/* Where a row of a pack or document stands, for messages. */
typedef struct Place
{
	const char *pack;	  /* NULL = the rules of the installation itself */
	const char *relation; /* table, and name of its file */
	bool		in_file;
	int			number; /* line of the file, or position in the document's array, from 1 */
} Place;

/* ---- refusing -------------------------------------------------------------- */

/* 'pack "zhejiang": terms.csv line 17' */
static char *
place_name(const Place *place)
{
	StringInfoData s;

	initStringInfo(&s);
	if (place->pack != NULL)
		appendStringInfo(&s, "pack \"%s\": ", place->pack);
	else
		appendStringInfoString(&s, "rules: ");
	appendStringInfoString(&s, place->relation);
	if (place->in_file)
		appendStringInfoString(&s, ".csv");
	if (place->number > 0)
		appendStringInfo(&s, " %s %d", place->in_file ? "line" : "row", place->number);
	return s.data;
}

static void refuse(const Place *place, Jsonb *row, const char *reason, const char *hint);

static void
refuse(const Place *place, Jsonb *row, const char *reason, const char *hint)
{
	ereport(ERROR, (errcode(TRIAGE_ERRCODE_RULE), errmsg("%s: %s", place_name(place), reason),
					row == NULL ? errdetail("Nothing was changed.")
								: errdetail("The row: %s", JsonbToCString(NULL, &row->root, VARSIZE(row))),
					hint == NULL ? 0 : errhint("%s", hint)));
}

/*
 * In a PG_CATCH block: raise what was caught as a refusal if the row is to
 * blame, else as it is.  `what` stands before the reason; nothing of the failed
 * work goes on, so no subtransaction is needed.
 */
static void
refuse_caught(const Place *place, Jsonb *row, const char *what, const char *hint, MemoryContext mcxt);

static void
refuse_caught(const Place *place, Jsonb *row, const char *what, const char *hint, MemoryContext mcxt)
{
	ErrorData *e;
	char	  *reason;

	MemoryContextSwitchTo(mcxt);
	e = CopyErrorData();
	if (ERRCODE_TO_CATEGORY(e->sqlerrcode) != ERRCODE_DATA_EXCEPTION && e->sqlerrcode != TRIAGE_ERRCODE_RULE)
		PG_RE_THROW();
	FlushErrorState();
	reason = what == NULL ? e->message : psprintf("%s: %s", what, e->message);
	if (e->sqlerrcode == TRIAGE_ERRCODE_RULE && e->detail != NULL)
		reason = psprintf("%s (%s)", reason, e->detail);
	refuse(place, row, reason, e->hint != NULL ? e->hint : hint);
}

/* refuse_row(pack, relation, number, in_file, row, reason, hint): the same for sql/36_packs.sql */
Datum
triage_refuse_row(PG_FUNCTION_ARGS)
{
	Place  place = {0};
	Jsonb *row = PG_ARGISNULL(4) ? NULL : PG_GETARG_JSONB_P(4);

	place.pack = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	place.relation = PG_ARGISNULL(1) ? "?" : text_to_cstring(PG_GETARG_TEXT_PP(1));
	place.number = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT32(2);
	place.in_file = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);
	refuse(&place, row, PG_ARGISNULL(5) ? "broken row" : text_to_cstring(PG_GETARG_TEXT_PP(5)),
		   PG_ARGISNULL(6) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(6)));
	PG_RETURN_VOID();
}

/* Rules are the administrators' business: superusers and members of the role that owns our tables. */
static void
require_admin(void)
{
	if (!triage_is_admin(triage_actor()))
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_RIGHTS), errmsg("rules are for administrators"),
						errdetail("Role \"%s\" is not a member of the role that owns the rules.",
								  triage_actor_name()),
						errhint("Ask an administrator, or have the owner's role granted.")));
}

Datum
triage_require_admin(PG_FUNCTION_ARGS)
{
	require_admin();
	PG_RETURN_VOID();
}

/* ---- files ----------------------------------------------------------------- */

/* Names become parts of a path: nothing but [a-z0-9_]{1,40}. */
static char *
name_arg(FunctionCallInfo fcinfo, int arg, const char *what)
{
	char  *name = PG_ARGISNULL(arg) ? pstrdup("") : text_to_cstring(PG_GETARG_TEXT_PP(arg));
	size_t len = strlen(name);

	if (len == 0 || len > MAX_PACK_NAME || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != len)
		ereport(ERROR,
				(errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("\"%s\" is no name of a %s", name, what),
				 errdetail("Such a name has 1 to %d characters of a-z, 0-9 and _.", MAX_PACK_NAME),
				 errhint("Packs are folders in SHAREDIR/extension/pg_triage, their tables are files in "
						 "them; other rules are applied with triage.apply_pack(jsonb).")));
	return name;
}

static void
pack_path(char *path, const char *pack, const char *relation)
{
	char share[MAXPGPATH];

	get_share_path(my_exec_path, share);
	snprintf(path, MAXPGPATH, "%s/extension/pg_triage/%s%s%s%s", share, pack, relation ? "/" : "",
			 relation ? relation : "", relation ? ".csv" : "");
}

/* pack_tables(pack): the names of the pack's files, without .csv */
Datum
triage_pack_tables(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char		  *pack = name_arg(fcinfo, 0, "pack");
	char		   path[MAXPGPATH];
	DIR			  *dir;
	struct dirent *entry;

	require_admin();
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	pack_path(path, pack, NULL);
	dir = AllocateDir(path);
	if (dir == NULL && errno == ENOENT)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("there is no pack \"%s\"", pack),
						errdetail("Folder \"%s\" does not exist.", path),
						errhint("Install the pack's files there, or use triage.apply_pack(jsonb).")));
	while ((entry = ReadDir(dir, path)) != NULL)
	{
		int	  len = strlen(entry->d_name) - 4;
		Datum value;
		bool  null = false;

		if (len <= 0 || strcmp(entry->d_name + len, ".csv") != 0)
			continue;
		value = PointerGetDatum(cstring_to_text_with_len(entry->d_name, len));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &value, &null);
	}
	FreeDir(dir);
	return (Datum) 0;
}

/* A file of a pack while it is read. */
typedef struct PackFile
{
	Place		  place;
	Relation	  rel;
	CopyFromState copy;
	int			  ncolumns;
	AttrNumber	 *columns; /* of the table, by field */
	bool		 *lists;   /* is the field a list, by field */
} PackFile;

/* Read one record; place.number becomes the line it starts on. */
static bool
next_record(PackFile *file, char ***fields, int *nfields)
{
	MemoryContext mcxt = CurrentMemoryContext;
	volatile bool more = false;

	file->place.number = file->copy->cur_lineno + 1;
	PG_TRY();
	{
		more = NextCopyFromRawFields(file->copy, fields, nfields);
	}
	PG_CATCH();
	{
		refuse_caught(&file->place, NULL, NULL,
					  "Save the file as CSV in UTF-8, with cells that hold commas, quotes or line breaks "
					  "in double quotes.",
					  mcxt);
	}
	PG_END_TRY();
	return more;
}

/* The first record names the columns. */
static void
read_header(PackFile *file)
{
	TupleDesc desc = RelationGetDescr(file->rel);
	char	**fields;
	int		  nfields;

	if (!next_record(file, &fields, &nfields))
		refuse(&file->place, NULL, "the file is empty",
			   "Give the names of the columns in the first line, or remove the file.");
	file->ncolumns = nfields;
	file->columns = palloc0(nfields * sizeof(AttrNumber));
	file->lists = palloc0(nfields * sizeof(bool));
	for (int i = 0; i < nfields; i++)
	{
		const char *name = fields[i] == NULL ? "" : fields[i];

		/* spreadsheets write a byte order mark */
		if (i == 0 && strncmp(name, "\xEF\xBB\xBF", 3) == 0)
			name += 3;
		for (int a = 0; a < desc->natts; a++)
		{
			Form_pg_attribute att = TupleDescAttr(desc, a);

			if (!att->attisdropped && strcmp(NameStr(att->attname), name) == 0)
			{
				file->columns[i] = a + 1;
				file->lists[i] = OidIsValid(get_element_type(att->atttypid));
			}
		}
		if (file->columns[i] == 0)
			refuse(&file->place, NULL, psprintf("there is no column \"%s\"", name),
				   psprintf("The first line names columns of table %s.%s.", TRIAGE_SCHEMA,
							file->place.relation));
		for (int j = 0; j < i; j++)
			if (file->columns[j] == file->columns[i])
				refuse(&file->place, NULL, psprintf("column \"%s\" is named twice", name),
					   "Remove one of the two columns.");
	}
}

static void
push_string(JsonbParseState **state, JsonbIteratorToken token, const char *text, size_t len)
{
	JsonbValue v;

	v.type = jbvString;
	v.val.string.val = unconstify(char *, text);
	v.val.string.len = len;
	pushJsonbValue(state, token, &v);
}

/* "a|b" as an array of texts */
static void
push_list(JsonbParseState **state, const char *text)
{
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	while (*text != '\0')
	{
		size_t len = strcspn(text, "|");

		push_string(state, WJB_ELEM, text, len);
		text += len + (text[len] == '|');
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static Jsonb *
row_as_json(const PackFile *file, char **fields)
{
	JsonbParseState *state = NULL;
	JsonbValue		 null = {.type = jbvNull};

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < file->ncolumns; i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(file->rel), file->columns[i] - 1);

		push_string(&state, WJB_KEY, NameStr(att->attname), strlen(NameStr(att->attname)));
		if (fields[i] == NULL)
			pushJsonbValue(&state, WJB_VALUE, &null);
		else if (file->lists[i])
			push_list(&state, fields[i]);
		else
			push_string(&state, WJB_VALUE, fields[i], strlen(fields[i]));
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/*
 * pack_rows(pack, relation): the rows of one file of an installed pack, with
 * the line each starts on.  A file that is not there has none.  The server's
 * own COPY takes the CSV apart; empty cells are null, quoted empty ones ''.
 */
Datum
triage_pack_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	PackFile	   file;
	MemoryContext  row_mcxt;
	char		   path[MAXPGPATH];
	struct stat	   st;
	char		 **fields;
	int			   nfields;

	require_admin();
	memset(&file, 0, sizeof(file));
	file.place.pack = name_arg(fcinfo, 0, "pack");
	file.place.relation = name_arg(fcinfo, 1, "table");
	file.place.in_file = true;
	InitMaterializedSRF(fcinfo, 0);
	pack_path(path, file.place.pack, file.place.relation);
	if (stat(path, &st) != 0 && errno == ENOENT)
		return (Datum) 0;

	file.rel = table_open(triage_relid(file.place.relation), AccessShareLock);
	file.copy = BeginCopyFrom(NULL, file.rel, NULL, path, false, NULL, NIL,
							  list_make2(makeDefElem("format", (Node *) makeString("csv"), -1),
										 makeDefElem("encoding", (Node *) makeString("UTF8"), -1)));
	read_header(&file);
	row_mcxt = AllocSetContextCreate(CurrentMemoryContext, "pg_triage pack row", ALLOCSET_DEFAULT_SIZES);
	while (next_record(&file, &fields, &nfields))
	{
		MemoryContext mcxt = MemoryContextSwitchTo(row_mcxt);
		bool		  empty = true;
		Datum		  values[2];
		bool		  nulls[2] = {false, false};

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < nfields; i++)
			empty = empty && fields[i] == NULL;
		if (!empty) /* spreadsheets leave empty lines */
		{
			if (nfields != file.ncolumns)
				refuse(&file.place, NULL,
					   psprintf("the line has %d cells, the first line names %d columns", nfields,
								file.ncolumns),
					   "Put cells that hold commas in double quotes.");
			values[0] = Int32GetDatum(file.place.number);
			values[1] = JsonbPGetDatum(row_as_json(&file, fields));
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		}
		MemoryContextSwitchTo(mcxt);
		MemoryContextReset(row_mcxt);
	}
	EndCopyFrom(file.copy);
	table_close(file.rel, AccessShareLock);
	return (Datum) 0;
}

/* ---- rows ------------------------------------------------------------------ */

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
	Place			place;
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

	refuse(&c->place, row,
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
		refuse_caught(&c->place, row, psprintf("column \"%s\"", NameStr(col->att->attname)),
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
				refuse(&c->place, row,
					   psprintf("there is no column \"%.*s\"", v.val.string.len, v.val.string.val),
					   psprintf("A row's keys are columns of table %s.%s.", TRIAGE_SCHEMA,
								c->place.relation));
			else if (col->by_server && !complete)
				refuse(&c->place, row,
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
		refuse_caught(&c->place, row, "condition", NULL, mcxt);
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
			refuse(&c->place, row,
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

			refuse(&c->place, row,
				   psprintf("check \"%s\" is not met: %s", check->ccname,
							deparse_expression(
								expr, deparse_context_for(c->place.relation, RelationGetRelid(c->rel)), false,
								false)),
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
		refuse(&c.place, NULL, "the rows must be a JSON array", "Write [{\"code\": ...}, ...].");

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
			refuse(&c.place, row, psprintf("a row must be an object, not %s", json_kind(&v)),
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

/* ---- for lint -------------------------------------------------------------- */

Datum
triage_timezone_exists(PG_FUNCTION_ARGS)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));

	PG_RETURN_BOOL(strlen(name) <= TZ_STRLEN_MAX && pg_tzset(name) != NULL);
}

/* constant_condition(condition): what it says of all facts alike; null = it
 * depends on them */
Datum
triage_constant_condition(PG_FUNCTION_ARGS)
{
	Condition *condition = condition_compile(text_to_cstring(PG_GETARG_TEXT_PP(0)), CurrentMemoryContext);
	bool	   value = false;
	bool	   constant = condition_is_constant(condition, &value);

	condition_free(condition);
	if (!constant)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(value);
}
