/*
 * mapping.c
 *	  Compiles a mapping against the columns of its table.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/names.h"
#include "hosts/guard.h"
#include "hosts/jsonread.h"
#include "hosts/mapping.h"

const char *const read_names[READ_FIELDS] = {"channel",		"reporter",	 "contact",	  "area",
											 "address",		"case_type", "reference", "reference_channel",
											 "reported_at", "by"};
const char *const write_names[WRITE_FIELDS] = {"department", "due",	   "status",	"priority",
											   "assignee",	 "number", "case_type", "comment"};

typedef struct Compile
{
	Relation rel;
	List   **items;
} Compile;

/* ---- findings ---- */

static void
add_item(Compile *c, const char *item, int sqlerrcode, const char *detail, const char *hint)
{
	MapItem *i = palloc0(sizeof(MapItem));

	i->item = item;
	i->problem = sqlerrcode != 0;
	i->sqlerrcode = sqlerrcode;
	i->detail = detail;
	i->hint = hint;
	*c->items = lappend(*c->items, i);
}

void
mapping_raise(const List *items, Relation rel)
{
	ListCell *cell;

	foreach(cell, items)
	{
		const MapItem *i = lfirst(cell);

		if (i->problem)
			ereport(ERROR,
					(errcode(i->sqlerrcode), errmsg("%s: %s", i->item, i->detail),
					 errdetail("It is said by the mapping of table \"%s\".", RelationGetRelationName(rel)),
					 errhint("%s", i->hint)));
	}
}

static const char *
columns_of(Relation rel)
{
	StringInfoData s;

	initStringInfo(&s);
	for (int i = 0; i < RelationGetDescr(rel)->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), i);

		if (!att->attisdropped)
			appendStringInfo(&s, "%s%s", s.len > 0 ? ", " : "", NameStr(att->attname));
	}
	return s.data;
}

/* Find a column by name; false: it is not there, which is a problem. */
static bool
find_column(Compile *c, const char *item, const char *name, HostColumn *column)
{
	TupleDesc desc = RelationGetDescr(c->rel);

	memset(column, 0, sizeof(HostColumn));
	for (int i = 0; name != NULL && i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || strcmp(NameStr(att->attname), name) != 0)
			continue;
		column->name = pstrdup(name);
		column->attno = att->attnum;
		column->typmod = att->atttypmod;
		column->type = getBaseTypeAndTypmod(att->atttypid, &column->typmod);
		return true;
	}
	if (name == NULL)
		add_item(c, item, TRIAGE_ERRCODE_RULE, "it names no column",
				 "Give the name of a column, or an object with \"column\".");
	else
		add_item(c, item, TRIAGE_ERRCODE_UNKNOWN, psprintf("column \"%s\" does not exist", name),
				 psprintf("The table has: %s.", columns_of(c->rel)));
	return false;
}

static void
note_column(Compile *c, const char *item, const HostColumn *column)
{
	add_item(c, item, 0,
			 psprintf("column %s %s", quote_identifier(column->name), format_type_be(column->type)), NULL);
}

static void
wrong_type(Compile *c, const char *item, const HostColumn *column, const char *wanted)
{
	add_item(c, item, TRIAGE_ERRCODE_RULE,
			 psprintf("column \"%s\" has type %s", column->name, format_type_be(column->type)),
			 psprintf("It must be %s.", wanted));
}

static bool
has_category(Oid type, char wanted)
{
	char category;
	bool preferred;

	get_type_category_preferred(type, &category, &preferred);
	return category == wanted;
}

static bool
is_time(Oid type)
{
	return type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID;
}

static bool
is_key_type(Oid type)
{
	return is_time(type) || type == UUIDOID || type == INT2OID || type == INT4OID || type == INT8OID ||
		   type == NUMERICOID || has_category(type, TYPCATEGORY_STRING) ||
		   has_category(type, TYPCATEGORY_ENUM);
}

/* ---- values ---- */

typedef struct TryValue
{
	const HostColumn *column;
	const char		 *value;
	char			 *canonical; /* as it will be read */
	MemoryContext	  mcxt;
} TryValue;

static void
try_value(void *arg)
{
	TryValue	 *t = arg;
	Oid			  input, param;
	Datum		  value;
	MemoryContext old;

	getTypeInputInfo(t->column->type, &input, &param);
	value = OidInputFunctionCall(input, unconstify(char *, t->value), param, t->column->typmod);
	old = MemoryContextSwitchTo(t->mcxt);
	t->canonical = value_text(t->column->type, value);
	MemoryContextSwitchTo(old);
}

/* A value must be such as the column takes; returns it as it will be read from there. */
static const char *
check_value(Compile *c, const char *item, const HostColumn *column, const char *value)
{
	TryValue t = {column, value, NULL, CurrentMemoryContext};
	Guarding g;

	if (column->attno == 0)
		return value;
	if (value == NULL)
	{
		add_item(c, item, TRIAGE_ERRCODE_RULE, psprintf("a value for column \"%s\" is null", column->name),
				 "Give a text, a number or a boolean.");
		return value;
	}
	g = guard_run(try_value, &t, 0);
	if (g.done)
		return t.canonical;
	add_item(c, item, TRIAGE_ERRCODE_RULE,
			 psprintf("\"%s\" is no value of column \"%s\": %s", value, column->name, g.message),
			 psprintf("The column has type %s.", format_type_with_typemod(column->type, column->typmod)));
	return value;
}

static void
read_values(Compile *c, JsonbContainer *values, Field *f)
{
	JsonbIterator	  *it;
	JsonbIteratorToken token;
	JsonbValue		   v;
	int				   room = 8;

	if (values == NULL || !JsonContainerIsObject(values))
		return;
	f->values = palloc(room * sizeof(ValuePair));
	it = JsonbIteratorInit(values);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			if (f->nvalues == room)
				f->values = repalloc(f->values, (room *= 2) * sizeof(ValuePair));
			f->values[f->nvalues].from = pnstrdup(v.val.string.val, v.val.string.len);
		}
		else if (token == WJB_VALUE)
			f->values[f->nvalues++].to = jr_string(&v);
	}
}

const char *
field_map(const Field *f, const char *value)
{
	if (f->nvalues == 0 && f->otherwise == NULL)
		return value;
	for (int i = 0; value != NULL && i < f->nvalues; i++)
		if (strcmp(f->values[i].from, value) == 0)
			return f->values[i].to;
	return f->otherwise;
}

/* ---- fields ---- */

static bool
read_format(Compile *c, const char *item, const char *format, TextFormat *out)
{
	static const char *const names[] = {"plain", "html", "quoted-printable", "base64"};

	*out = FORMAT_PLAIN;
	for (int i = 0; format != NULL && i < (int) lengthof(names); i++)
		if (pg_strcasecmp(format, names[i]) == 0)
		{
			*out = (TextFormat) i;
			return true;
		}
	if (format == NULL)
		return true;
	add_item(c, item, TRIAGE_ERRCODE_RULE, psprintf("format \"%s\" does not exist", format),
			 "It is one of plain, html, quoted-printable, base64.");
	return false;
}

/* A JSON value that says where a field comes from: see mapping.h. */
static void
read_field(Compile *c, const char *item, const JsonbValue *v, bool word_is_constant, Field *f)
{
	JsonbContainer *o;
	const char	   *name;

	memset(f, 0, sizeof(Field));
	f->name = 'c';
	if (v == NULL)
		return;
	if (v->type != jbvBinary || !JsonContainerIsObject(v->val.binary.data))
	{
		if (word_is_constant)
			f->constant = jr_string(v);
		else if (find_column(c, item, jr_string(v), &f->column))
			note_column(c, item, &f->column);
		return;
	}
	o = v->val.binary.data;
	f->otherwise = jr_text(o, "default");
	read_values(c, jr_container(o, "values"), f);
	(void) read_format(c, item, jr_text(o, "format"), &f->format);
	name = jr_text(o, "name");
	if (name != NULL && strcmp(name, "code") != 0 && strcmp(name, "zh") != 0 && strcmp(name, "en") != 0)
		add_item(c, item, TRIAGE_ERRCODE_RULE, psprintf("name \"%s\" does not exist", name),
				 "It is one of code, zh, en.");
	else if (name != NULL)
		f->name = name[0];
	f->constant = jr_text(o, "value");
	if (f->constant == NULL && find_column(c, item, jr_text(o, "column"), &f->column))
		note_column(c, item, &f->column);
}

static void
read_texts(Compile *c, JsonbContainer *doc, Mapping *m)
{
	JsonbValue		  *v = jr_get(doc, "text");
	JsonbIterator	  *it;
	JsonbIteratorToken token;
	JsonbValue		   element;

	m->texts = palloc0(sizeof(Field));
	if (v == NULL)
	{
		add_item(c, "text", TRIAGE_ERRCODE_RULE, "it is missing",
				 "Name the column, or an array of columns, that tells what is reported.");
		return;
	}
	if (v->type != jbvBinary || JsonContainerIsObject(v->val.binary.data))
		read_field(c, "text", v, false, &m->texts[m->ntexts++]);
	else
	{
		m->texts = palloc0(JsonContainerSize(v->val.binary.data) * sizeof(Field));
		it = JsonbIteratorInit(v->val.binary.data);
		while ((token = JsonbIteratorNext(&it, &element, true)) != WJB_DONE)
			if (token == WJB_ELEM)
				read_field(c, "text", &element, false, &m->texts[m->ntexts++]);
	}
	for (int i = 0; i < m->ntexts; i++)
		if (m->texts[i].column.attno != 0 && !has_category(m->texts[i].column.type, TYPCATEGORY_STRING))
			wrong_type(c, "text", &m->texts[i].column, "a text type");
}

static void
read_facts(Compile *c, JsonbContainer *doc, Mapping *m)
{
	for (int i = 0; i < READ_FIELDS; i++)
		read_field(c, read_names[i], jr_get(doc, read_names[i]),
				   i == READ_CHANNEL || i == READ_REFERENCE_CHANNEL, &m->read[i]);
	if (m->read[READ_CHANNEL].column.attno == 0 && m->read[READ_CHANNEL].constant == NULL)
		add_item(c, "channel", TRIAGE_ERRCODE_RULE, "it is missing",
				 "Name a channel of triage.channels, for example one of kind host.");
	if (m->read[READ_REPORTED_AT].column.attno != 0 && !is_time(m->read[READ_REPORTED_AT].column.type))
		wrong_type(c, "reported_at", &m->read[READ_REPORTED_AT].column, "a date or a timestamp");
}

static void
read_place(Compile *c, JsonbContainer *doc, Mapping *m)
{
	List *names = jr_strings(doc, "location");
	int	  n = list_length(names);

	if (n == 0)
		return;
	if (n > 2)
	{
		add_item(c, "location", TRIAGE_ERRCODE_RULE, "it names more than two columns",
				 "Name one column of type point, or longitude and latitude.");
		return;
	}
	for (int i = 0; i < n; i++)
	{
		if (!find_column(c, "location", list_nth(names, i), &m->place[i]))
			continue;
		note_column(c, "location", &m->place[i]);
		if (n == 1 ? m->place[i].type != POINTOID : !has_category(m->place[i].type, TYPCATEGORY_NUMERIC))
			wrong_type(c, "location", &m->place[i], n == 1 ? "point, or name two numbers" : "a number");
	}
}

static void
read_attrs(Compile *c, JsonbContainer *doc, Mapping *m)
{
	JsonbContainer	  *o = jr_container(doc, "attrs");
	JsonbIterator	  *it;
	JsonbIteratorToken token;
	JsonbValue		   v;

	if (o == NULL || !JsonContainerIsObject(o))
		return;
	m->attrs = palloc0(JsonContainerSize(o) * sizeof(NamedColumn));
	it = JsonbIteratorInit(o);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			m->attrs[m->nattrs].name = pnstrdup(v.val.string.val, v.val.string.len);
		else if (token == WJB_VALUE && find_column(c, "attrs", jr_string(&v), &m->attrs[m->nattrs].column))
			note_column(c, "attrs", &m->attrs[m->nattrs++].column);
	}
}

static const char **
string_array(List *list, int *n)
{
	const char **a = palloc0(Max(list_length(list), 1) * sizeof(char *));
	ListCell	*cell;

	*n = 0;
	foreach(cell, list)
		a[(*n)++] = lfirst(cell);
	return a;
}

/* Elements of an array of objects, as containers. */
static List *
objects_of(Compile *c, JsonbContainer *doc, const char *key)
{
	JsonbValue		  *v = jr_get(doc, key);
	List			  *list = NIL;
	JsonbIterator	  *it;
	JsonbIteratorToken token;
	JsonbValue		   element;

	if (v == NULL)
		return NIL;
	if (v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data))
	{
		add_item(c, key, TRIAGE_ERRCODE_RULE, "it is no array", "Give an array of objects with \"column\".");
		return NIL;
	}
	it = JsonbIteratorInit(v->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &element, true)) != WJB_DONE)
		if (token == WJB_ELEM && element.type == jbvBinary)
			list = lappend(list, element.val.binary.data);
	return list;
}

static void
read_tests(Compile *c, JsonbContainer *doc, const char *key, Tests *tests)
{
	List	 *list = objects_of(c, doc, key);
	ListCell *cell;

	tests->tests = palloc0(Max(list_length(list), 1) * sizeof(Test));
	foreach(cell, list)
	{
		JsonbContainer *o = lfirst(cell);
		Test		   *t = &tests->tests[tests->n++];

		if (!find_column(c, key, jr_text(o, "column"), &t->column))
			continue;
		note_column(c, key, &t->column);
		t->negated = jr_get(o, "not") != NULL;
		t->on_null = jr_get(o, "null") != NULL;
		if (t->on_null)
			t->negated = !jr_bool(o, "null", true);
		else
			t->values = string_array(jr_strings(o, t->negated ? "not" : "value"), &t->nvalues);
		if (!t->on_null && t->nvalues == 0)
			add_item(c, key, TRIAGE_ERRCODE_RULE,
					 psprintf("the test of column \"%s\" names no value", t->column.name),
					 "Give \"value\", \"not\" or \"null\".");
		for (int i = 0; i < t->nvalues; i++)
			t->values[i] = check_value(c, key, &t->column, t->values[i]);
	}
}

/* Each column is written once, and never one of the key. */
static void
check_writes(Compile *c, const Mapping *m)
{
	for (int i = 0; i < WRITE_FIELDS; i++)
	{
		const HostColumn *column = &m->write[i].column;
		const char		 *item = psprintf("write.%s", write_names[i]);

		for (int k = 0; k < i && column->attno != 0; k++)
			if (m->write[k].column.attno == column->attno)
				add_item(c, item, TRIAGE_ERRCODE_RULE,
						 psprintf("column \"%s\" is written by %s already", column->name, write_names[k]),
						 "Give each its own column.");
		for (int k = 0; k < m->nkeys && column->attno != 0; k++)
			if (m->keys[k].attno == column->attno)
				add_item(c, item, TRIAGE_ERRCODE_RULE,
						 psprintf("column \"%s\" is part of the key", column->name), "Give another column.");
	}
}

static void
read_writes(Compile *c, JsonbContainer *doc, Mapping *m)
{
	JsonbContainer	  *o = jr_container(doc, "write");
	JsonbIterator	  *it;
	JsonbIteratorToken token;
	JsonbValue		   v;

	for (int i = 0; i < WRITE_FIELDS; i++)
	{
		Field	   *f = &m->write[i];
		const char *item = psprintf("write.%s", write_names[i]);

		read_field(c, item, jr_get(o, write_names[i]), false, f);
		for (int k = 0; k < f->nvalues; k++)
			(void) check_value(c, item, &f->column, f->values[k].to);
		if (f->otherwise != NULL)
			(void) check_value(c, item, &f->column, f->otherwise);
		if (i == WRITE_DUE && f->column.attno != 0 && !is_time(f->column.type) &&
			!has_category(f->column.type, TYPCATEGORY_STRING))
			wrong_type(c, item, &f->column, "a date, a timestamp or a text type");
	}
	check_writes(c, m);
	if (o == NULL || !JsonContainerIsObject(o))
		return;
	it = JsonbIteratorInit(o);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		bool known = token != WJB_KEY;

		for (int i = 0; i < WRITE_FIELDS && !known; i++)
			known = (int) strlen(write_names[i]) == v.val.string.len &&
					strncmp(write_names[i], v.val.string.val, v.val.string.len) == 0;
		if (!known)
			add_item(c, "write", TRIAGE_ERRCODE_RULE,
					 psprintf("\"%.*s\" is nothing that can be written", v.val.string.len, v.val.string.val),
					 "It is one of department, due, status, priority, assignee, number, case_type, comment.");
	}
}

static void
read_changes(Compile *c, JsonbContainer *doc, Mapping *m)
{
	static const char *const verbs[] = {"accept",	   "arrive",	 "feed_back", "finish", "resolve",
										"transfer",	   "suspend",	 "resume",	  "reopen", "request_return",
										"append_text", "close_case", "void_case", "urge"};
	List					*list = objects_of(c, doc, "changes");
	ListCell				*cell;

	m->changes = palloc0(Max(list_length(list), 1) * sizeof(Change));
	foreach(cell, list)
	{
		JsonbContainer *o = lfirst(cell);
		Change		   *ch = &m->changes[m->nchanges++];
		bool			known = false;

		if (find_column(c, "changes", jr_text(o, "column"), &ch->column))
			note_column(c, "changes", &ch->column);
		ch->values = string_array(jr_strings(o, "value"), &ch->nvalues);
		for (int i = 0; i < ch->nvalues; i++)
			ch->values[i] = check_value(c, "changes", &ch->column, ch->values[i]);
		ch->verb = jr_text(o, "verb");
		for (int i = 0; ch->verb != NULL && i < (int) lengthof(verbs); i++)
			known |= strcmp(ch->verb, verbs[i]) == 0;
		if (!known)
			add_item(
				c, "changes", TRIAGE_ERRCODE_UNKNOWN,
				psprintf("verb \"%s\" does not exist", ch->verb ? ch->verb : ""),
				"It is one of accept, arrive, feed_back, finish, resolve, transfer, suspend, resume, reopen, "
				"request_return, append_text, close_case, void_case, urge.");
		read_field(c, "changes.department", jr_get(o, "department"), true, &ch->department);
		read_field(c, "changes.body", jr_get(o, "body"), false, &ch->body);
		read_field(c, "changes.reason", jr_get(o, "reason"), false, &ch->reason);
		read_field(c, "changes.outcome", jr_get(o, "outcome"), true, &ch->outcome);
		read_field(c, "changes.note", jr_get(o, "note"), false, &ch->note);
	}
}

/* ---- the key ---- */

static List *
primary_key(Relation rel)
{
	Oid		 index = triage_primary_key_index(rel);
	List	*names = NIL;
	Relation ind;

	if (!OidIsValid(index))
		return NIL;
	ind = relation_open(index, AccessShareLock);
	for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(ind); i++)
		names = lappend(names, get_attname(RelationGetRelid(rel), ind->rd_index->indkey.values[i], false));
	relation_close(ind, AccessShareLock);
	return names;
}

void
mapping_keys(JsonbContainer *doc, Relation rel, Mapping *m, List **items)
{
	Compile	  c = {rel, items};
	List	 *names = jr_strings(doc, "key");
	ListCell *cell;

	if (names == NIL)
		names = primary_key(rel);
	if (names == NIL)
		add_item(&c, "key", TRIAGE_ERRCODE_RULE, "the table has no primary key",
				 "Name the columns that tell its rows apart as \"key\".");
	m->keys = palloc0(Max(list_length(names), 1) * sizeof(HostColumn));
	foreach(cell, names)
	{
		HostColumn *k = &m->keys[m->nkeys++];

		if (!find_column(&c, "key", lfirst(cell), k))
			continue;
		note_column(&c, "key", k);
		if (!is_key_type(k->type))
			wrong_type(&c, "key", k, "a number, text, uuid, date or timestamp");
	}
}

/* ---- all of it ---- */

static void
check_words(Compile *c, JsonbContainer *doc)
{
	static const char *const known[] = {"text",	 "location", "attrs",	 "key",	 "filter", "open",
										"write", "changes",	 "timezone", "hook", "runs_as"};
	JsonbIterator			*it = JsonbIteratorInit(doc);
	JsonbIteratorToken		 token;
	JsonbValue				 v;

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		char *word;
		bool  found = false;

		if (token != WJB_KEY)
			continue;
		word = pnstrdup(v.val.string.val, v.val.string.len);
		for (int i = 0; i < (int) lengthof(known); i++)
			found |= strcmp(word, known[i]) == 0;
		for (int i = 0; i < READ_FIELDS; i++)
			found |= strcmp(word, read_names[i]) == 0;
		if (!found)
			add_item(c, word, TRIAGE_ERRCODE_RULE, "no mapping has this key",
					 "See the comment on triage.attach() for what a mapping may say.");
	}
}

Mapping *
mapping_compile(JsonbContainer *doc, Relation rel, List **items)
{
	Compile	 c = {rel, items};
	Mapping *m = palloc0(sizeof(Mapping));

	if (!JsonContainerIsObject(doc))
	{
		add_item(&c, "mapping", TRIAGE_ERRCODE_RULE, "it is no object", "Give a JSON object.");
		return m;
	}
	check_words(&c, doc);
	mapping_keys(doc, rel, m, items);
	read_texts(&c, doc, m);
	read_facts(&c, doc, m);
	read_place(&c, doc, m);
	read_attrs(&c, doc, m);
	read_tests(&c, doc, "filter", &m->filter);
	read_tests(&c, doc, "open", &m->open);
	read_writes(&c, doc, m);
	read_changes(&c, doc, m);
	m->timezone = jr_text(doc, "timezone");
	return m;
}
