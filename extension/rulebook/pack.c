/*
 * pack.c
 *	  Rule packs: reads their files and says where a broken row stands.
 *	  pack_rows.c checks rows; what becomes of them is decided in
 *	  sql/36_packs.sql.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "access/table.h"
#include "commands/copy.h"
#include "commands/copyfrom_internal.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "pgtime.h"
#include "storage/fd.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "base/actor.h"
#include "base/catalog.h"
#include "base/names.h"
#include "rulebook/condition.h"
#include "rulebook/pack.h"

PG_FUNCTION_INFO_V1(triage_pack_tables);
PG_FUNCTION_INFO_V1(triage_pack_rows);
PG_FUNCTION_INFO_V1(triage_refuse_row);
PG_FUNCTION_INFO_V1(triage_require_admin);
PG_FUNCTION_INFO_V1(triage_timezone_exists);
PG_FUNCTION_INFO_V1(triage_constant_condition);

#define MAX_PACK_NAME 40

/* ---- refusing -------------------------------------------------------------- */

/* 'pack "zhejiang": terms.csv line 17' */
static char *
place_name(const PackPlace *place)
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

void
pack_refuse(const PackPlace *place, Jsonb *row, const char *reason, const char *hint)
{
	ereport(ERROR, (errcode(TRIAGE_ERRCODE_RULE), errmsg("%s: %s", place_name(place), reason),
					row == NULL ? errdetail("Nothing was changed.")
								: errdetail("The row: %s", JsonbToCString(NULL, &row->root, VARSIZE(row))),
					hint == NULL ? 0 : errhint("%s", hint)));
}

void
pack_refuse_caught(const PackPlace *place, Jsonb *row, const char *what, const char *hint, MemoryContext mcxt)
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
	pack_refuse(place, row, reason, e->hint != NULL ? e->hint : hint);
}

/* refuse_row(pack, relation, number, in_file, row, reason, hint): the same for sql/36_packs.sql */
Datum
triage_refuse_row(PG_FUNCTION_ARGS)
{
	PackPlace place = {0};
	Jsonb	 *row = PG_ARGISNULL(4) ? NULL : PG_GETARG_JSONB_P(4);

	place.pack = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	place.relation = PG_ARGISNULL(1) ? "?" : text_to_cstring(PG_GETARG_TEXT_PP(1));
	place.number = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT32(2);
	place.in_file = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);
	pack_refuse(&place, row, PG_ARGISNULL(5) ? "broken row" : text_to_cstring(PG_GETARG_TEXT_PP(5)),
				PG_ARGISNULL(6) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(6)));
	PG_RETURN_VOID();
}

/* Rules are the administrators' business: superusers and members of the role that owns our tables. */
static void
require_admin(void)
{
	if (!triage_acts_as_owner())
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
	PackPlace	  place;
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
		pack_refuse_caught(
			&file->place, NULL, NULL,
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
		pack_refuse(&file->place, NULL, "the file is empty",
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
			pack_refuse(&file->place, NULL, psprintf("there is no column \"%s\"", name),
						psprintf("The first line names columns of table %s.%s.", TRIAGE_SCHEMA,
								 file->place.relation));
		for (int j = 0; j < i; j++)
			if (file->columns[j] == file->columns[i])
				pack_refuse(&file->place, NULL, psprintf("column \"%s\" is named twice", name),
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
				pack_refuse(&file.place, NULL,
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
