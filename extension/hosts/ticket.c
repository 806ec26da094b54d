/*
 * ticket.c
 *	  Reads a host's row, or what a driver says of it.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/datum.h"
#include "utils/float.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "base/json.h"
#include "base/names.h"
#include "hosts/jsonread.h"
#include "hosts/ticket.h"
#include "text/html.h"
#include "text/quoted.h"

/* ---- from a driver ---- */

static void
event_error(const char *what)
{
	ereport(ERROR, (errcode(TRIAGE_ERRCODE_RULE), errmsg("the driver's read function returned %s", what),
					errhint("sql/60_hosts.sql says what such a function returns.")));
}

static void
verbs_from_json(JsonbContainer *doc, HostEvent *e)
{
	JsonbContainer	  *list = jr_container(doc, "verbs");
	JsonbIterator	  *it;
	JsonbIteratorToken token;
	JsonbValue		   v;

	if (list == NULL || !JsonContainerIsArray(list))
		event_error("a change without verbs");
	e->verbs = palloc0(Max(JsonContainerSize(list), 1) * sizeof(HostVerb));
	it = JsonbIteratorInit(list);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		JsonbContainer *o;
		HostVerb	   *h;

		if (token != WJB_ELEM || v.type != jbvBinary)
			continue;
		o = v.val.binary.data;
		h = &e->verbs[e->nverbs++];
		h->verb = jr_text(o, "verb");
		if (h->verb == NULL)
			event_error("a verb without its name");
		h->department = jr_text(o, "department");
		h->body = jr_text(o, "body");
		h->reason = jr_text(o, "reason");
		h->outcome = jr_text(o, "outcome");
		h->note = jr_text(o, "note");
		h->review_at = jr_text(o, "review_at");
		h->into = jr_text(o, "into");
	}
}

static Datum
parse(PGFunction input, Oid type, const char *value)
{
	return DirectFunctionCall3(input, CStringGetDatum(value), ObjectIdGetDatum(type), Int32GetDatum(-1));
}

static char *
html_words(const char *html, size_t len)
{
	char  *words = palloc(HTML_TEXT_BOUND(len) + 1);
	size_t n = html_text(html, len, words);

	/* the end of the last block is no word */
	while (n > 0 && (words[n - 1] == '\n' || words[n - 1] == ' '))
		n--;
	words[n] = '\0';
	return words;
}

/* At most TICKET_MAX_TEXT bytes of it, whole characters. */
static char *
clip(const char *text)
{
	size_t len = strlen(text);

	return len <= TICKET_MAX_TEXT ? unconstify(char *, text)
								  : pnstrdup(text, pg_mbcliplen(text, len, TICKET_MAX_TEXT));
}

void
ticket_from_json(Jsonb *doc, HostEvent *e)
{
	JsonbContainer *o = &doc->root;
	char		   *event = jr_text(o, "event");
	char		   *at = jr_text(o, "reported_at");
	char		   *place = jr_text(o, "location");

	memset(e, 0, sizeof(HostEvent));
	e->ticket = jr_text(o, "ticket");
	if (e->ticket == NULL || event == NULL)
	{
		event_error("no ticket or no event");
		return;
	}
	e->by = jr_text(o, "by");
	e->change = strcmp(event, "change") == 0;
	if (e->change)
	{
		verbs_from_json(o, e);
		return;
	}
	e->body = jr_text(o, "body");
	if (e->body != NULL)
		e->body = clip(e->body);
	if (e->body != NULL && jr_bool(o, "html", false))
		e->body = html_words(e->body, strlen(e->body));
	e->channel = jr_text(o, "channel");
	e->reporter = jr_text(o, "reporter");
	e->contact = jr_text(o, "contact");
	e->reference = jr_text(o, "reference");
	e->reference_channel = jr_text(o, "reference_channel");
	e->area = jr_text(o, "area");
	e->address = jr_text(o, "address");
	e->case_type = jr_text(o, "case_type");
	if (at != NULL)
		e->reported_at = DatumGetTimestampTz(parse(timestamptz_in, TIMESTAMPTZOID, at));
	if (place != NULL)
	{
		e->location = *DatumGetPointP(DirectFunctionCall1(point_in, CStringGetDatum(place)));
		e->located = true;
	}
	e->attrs = jr_jsonb(o, "attrs");
}

/* ---- values of a row ---- */

static Datum
value_of(const HostColumn *column, HeapTuple row, TupleDesc desc, bool *isnull)
{
	return heap_getattr(row, column->attno, desc, isnull);
}

static bool
is_stored_text(Oid type)
{
	return type == TEXTOID || type == VARCHAROID || type == BPCHAROID;
}

/* Times in ISO whatever DateStyle says, with a zone in UTC. */
static char *
time_text(Oid type, Datum value)
{
	char	  buf[MAXDATELEN + 1];
	const int utc = 0;

	JsonEncodeDateTime(buf, value, type, &utc);
	return pstrdup(buf);
}

char *
value_text(Oid type, Datum value)
{
	Oid	 output;
	bool varlena;

	if (type == BOOLOID)
		return pstrdup(DatumGetBool(value) ? "true" : "false");
	if (type == DATEOID || type == TIMESTAMPOID || type == TIMESTAMPTZOID)
		return time_text(type, value);
	getTypeOutputInfo(type, &output, &varlena);
	return OidOutputFunctionCall(output, value);
}

/* A column as text, the start of it where it is long; NULL for null. */
static char *
text_of(const HostColumn *column, HeapTuple row, TupleDesc desc)
{
	bool  isnull;
	Datum d;

	if (column->attno == 0)
		return NULL;
	d = value_of(column, row, desc, &isnull);
	if (isnull)
		return NULL;
	if (is_stored_text(column->type))
	{
		struct varlena *v = PG_DETOAST_DATUM_SLICE(d, 0, TICKET_MAX_TEXT);
		const char	   *s = VARDATA_ANY(v);
		int				len = VARSIZE_ANY_EXHDR(v);

		/* the slice may end within a character */
		if (toast_raw_datum_size(d) - VARHDRSZ > (Size) len)
			len = pg_encoding_verifymbstr(PG_UTF8, s, len);
		return pnstrdup(s, len);
	}
	return clip(value_text(column->type, d));
}

/* As its system stored it -> the words. */
static char *
decoded(char *text, TextFormat format)
{
	size_t len = strlen(text);

	switch (format)
	{
		case FORMAT_PLAIN:
			return text;
		case FORMAT_HTML:
			return html_words(text, len);
		case FORMAT_QUOTED:
			len = quoted_printable_decode(text, len, text);
			break;
		case FORMAT_BASE64:
			len = base64_decode(text, len, text);
			break;
	}
	utf8_repair(text, len);
	text[len] = '\0';
	return text;
}

static const char *
field_text(const Field *f, HeapTuple row, TupleDesc desc)
{
	char *text;

	if (f->constant != NULL)
		return f->constant;
	if (f->column.attno == 0)
		return NULL;
	text = text_of(&f->column, row, desc);
	if (text != NULL)
		text = decoded(text, f->format);
	return field_map(f, text);
}

static char *
joined_text(const Mapping *m, HeapTuple row, TupleDesc desc)
{
	StringInfoData s;

	initStringInfo(&s);
	for (int i = 0; i < m->ntexts; i++)
	{
		const char *part = field_text(&m->texts[i], row, desc);

		if (part != NULL && part[0] != '\0')
			appendStringInfo(&s, "%s%s", s.len > 0 ? "\n" : "", part);
	}
	return s.len > 0 ? clip(s.data) : NULL;
}

static TimestampTz
time_of(const Mapping *m, const HostColumn *column, HeapTuple row, TupleDesc desc)
{
	bool  isnull;
	Datum d;
	text *zone = cstring_to_text(m->timezone ? m->timezone : "UTC");

	if (column->attno == 0)
		return 0;
	d = value_of(column, row, desc, &isnull);
	if (isnull)
		return 0;
	if (column->type == TIMESTAMPTZOID)
		return DatumGetTimestampTz(d);
	if (column->type == DATEOID)
		d = DirectFunctionCall1(date_timestamp, d);
	return DatumGetTimestampTz(DirectFunctionCall2(timestamp_zone, PointerGetDatum(zone), d));
}

static double
number_of(const HostColumn *column, HeapTuple row, TupleDesc desc, bool *isnull)
{
	char *text = text_of(column, row, desc);

	*isnull = text == NULL;
	return text != NULL ? DatumGetFloat8(DirectFunctionCall1(float8in, CStringGetDatum(text))) : 0;
}

static void
read_location(const Mapping *m, HeapTuple row, TupleDesc desc, HostEvent *e)
{
	bool  isnull[2];
	Datum d;

	if (m->place[0].attno == 0)
		return;
	if (m->place[1].attno != 0)
	{
		e->location.x = number_of(&m->place[0], row, desc, &isnull[0]);
		e->location.y = number_of(&m->place[1], row, desc, &isnull[1]);
		/* 0, 0 is what systems write that know no place */
		e->located = !isnull[0] && !isnull[1] && (e->location.x != 0 || e->location.y != 0);
		return;
	}
	d = value_of(&m->place[0], row, desc, &isnull[0]);
	e->located = !isnull[0];
	if (e->located)
		e->location = *DatumGetPointP(d);
}

static Jsonb *
read_attrs(const Mapping *m, HeapTuple row, TupleDesc desc)
{
	JsonBuild b = {0};

	if (m->nattrs == 0)
		return NULL;
	jb_object(&b, NULL);
	for (int i = 0; i < m->nattrs; i++)
		jb_text(&b, m->attrs[i].name, text_of(&m->attrs[i].column, row, desc));
	jb_end_object(&b);
	return jb_finish(&b);
}

void
ticket_from_row(const Mapping *m, HeapTuple row, TupleDesc desc, HostEvent *e)
{
	const char *fields[READ_FIELDS];

	memset(e, 0, sizeof(HostEvent));
	e->ticket = ticket_key(m, row, desc);
	e->body = joined_text(m, row, desc);
	for (int i = 0; i < READ_FIELDS; i++)
	{
		fields[i] = i == READ_REPORTED_AT ? NULL : field_text(&m->read[i], row, desc);
		/* what is blank says nothing */
		if (fields[i] != NULL && fields[i][strspn(fields[i], " \t\r\n")] == '\0')
			fields[i] = NULL;
	}
	e->channel = fields[READ_CHANNEL];
	e->reporter = fields[READ_REPORTER];
	e->contact = fields[READ_CONTACT];
	e->area = fields[READ_AREA];
	e->address = fields[READ_ADDRESS];
	e->case_type = fields[READ_CASE_TYPE];
	e->reference = fields[READ_REFERENCE];
	e->reference_channel = fields[READ_REFERENCE_CHANNEL];
	e->by = fields[READ_BY];
	e->reported_at = time_of(m, &m->read[READ_REPORTED_AT].column, row, desc);
	read_location(m, row, desc, e);
	e->attrs = read_attrs(m, row, desc);
}

/* ---- tests and changes ---- */

static bool
among(const char *value, const char **values, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(values[i], value) == 0)
			return true;
	return false;
}

bool
ticket_passes(const Tests *tests, HeapTuple row, TupleDesc desc)
{
	for (int i = 0; i < tests->n; i++)
	{
		const Test *t = &tests->tests[i];
		char	   *value = text_of(&t->column, row, desc);
		bool		holds = t->on_null ? value == NULL : value != NULL && among(value, t->values, t->nvalues);

		if (holds == t->negated)
			return false;
	}
	return true;
}

static bool
differs(const HostColumn *column, HeapTuple old, HeapTuple row, TupleDesc desc)
{
	Form_pg_attribute att;
	bool			  was_null, is_null;
	Datum			  was, is;

	if (column->attno == 0)
		return false;
	att = TupleDescAttr(desc, column->attno - 1);
	was = value_of(column, old, desc, &was_null);
	is = value_of(column, row, desc, &is_null);
	if (was_null || is_null)
		return was_null != is_null;
	return !datum_image_eq(was, is, att->attbyval, att->attlen);
}

bool
ticket_concerned(const Mapping *m, HeapTuple old, HeapTuple row, TupleDesc desc)
{
	for (int i = 0; i < m->nchanges; i++)
		if (differs(&m->changes[i].column, old, row, desc))
			return true;
	for (int i = 0; i < m->filter.n; i++)
		if (differs(&m->filter.tests[i].column, old, row, desc))
			return true;
	return false;
}

bool
ticket_changes(const Mapping *m, HeapTuple old, HeapTuple row, TupleDesc desc, HostEvent *e)
{
	memset(e, 0, sizeof(HostEvent));
	e->change = true;
	e->ticket = ticket_key(m, row, desc);
	e->by = field_text(&m->read[READ_BY], row, desc);
	e->verbs = palloc0(Max(m->nchanges, 1) * sizeof(HostVerb));
	for (int i = 0; i < m->nchanges; i++)
	{
		const Change *c = &m->changes[i];
		char		 *value;
		HostVerb	 *h;

		if (!differs(&c->column, old, row, desc))
			continue;
		value = text_of(&c->column, row, desc);
		if (value == NULL || (c->nvalues > 0 && !among(value, c->values, c->nvalues)))
			continue;
		h = &e->verbs[e->nverbs++];
		h->verb = c->verb;
		h->department = field_text(&c->department, row, desc);
		h->body = field_text(&c->body, row, desc);
		if (h->body == NULL && c->nvalues == 0)
			h->body = value;
		h->reason = field_text(&c->reason, row, desc);
		h->outcome = field_text(&c->outcome, row, desc);
		h->note = field_text(&c->note, row, desc);
	}
	return e->nverbs > 0;
}

/* ---- keys ---- */

char *
ticket_key(const Mapping *m, HeapTuple row, TupleDesc desc)
{
	JsonBuild b = {0};

	if (m->nkeys == 1)
	{
		char *key = text_of(&m->keys[0], row, desc);

		if (key == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the key of the ticket is null")));
		return key;
	}
	jb_array(&b, NULL);
	for (int i = 0; i < m->nkeys; i++)
	{
		char *key = text_of(&m->keys[i], row, desc);

		if (key == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the key of the ticket is null")));
		jb_text(&b, NULL, key);
	}
	jb_end_array(&b);
	{
		Jsonb *j = jb_finish(&b);

		return JsonbToCString(NULL, &j->root, VARSIZE(j));
	}
}

Datum
column_value(const HostColumn *column, const char *value)
{
	Oid input, param;

	getTypeInputInfo(column->type, &input, &param);
	return OidInputFunctionCall(input, unconstify(char *, value), param, column->typmod);
}

Datum
column_time(const Mapping *m, const HostColumn *column, TimestampTz at)
{
	text *zone = cstring_to_text(m->timezone ? m->timezone : "UTC");
	Datum local = DirectFunctionCall2(timestamptz_zone, PointerGetDatum(zone), TimestampTzGetDatum(at));

	switch (column->type)
	{
		case TIMESTAMPTZOID:
			return TimestampTzGetDatum(at);
		case TIMESTAMPOID:
			return local;
		case DATEOID:
			return DirectFunctionCall1(timestamp_date, local);
		default:
			return column_value(column, DatumGetCString(DirectFunctionCall1(timestamp_out, local)));
	}
}

void
ticket_key_values(const Mapping *m, const char *ticket, Datum *values, Oid *types)
{
	List *parts = NIL;

	if (m->nkeys > 1)
	{
		Jsonb	 *j = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(ticket)));
		JsonBuild b = {0};
		Jsonb	 *wrapped;

		/* the reader takes the arrays of objects */
		jb_object(&b, NULL);
		jb_jsonb(&b, "key", j);
		jb_end_object(&b);
		wrapped = jb_finish(&b);
		parts = jr_strings(&wrapped->root, "key");
		if (list_length(parts) != m->nkeys)
			ereport(ERROR,
					(errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("\"%s\" is no key of the ticket table", ticket),
					 errhint("Its key has %d columns.", m->nkeys)));
	}
	for (int i = 0; i < m->nkeys; i++)
	{
		types[i] = m->keys[i].type;
		values[i] = column_value(&m->keys[i], m->nkeys == 1 ? ticket : (const char *) list_nth(parts, i));
	}
}
