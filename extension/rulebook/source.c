/*
 * source.c
 *	  Rows of the configuration tables, from the tables or from their image.
 *
 * Layout of an image: ImageHeader, then for each table its rows, for each
 * column a 4-byte length (-1 = null), the bytes, a terminator, and padding to
 * 4.  It is this server's own scratch, not an exchange format: another server
 * version, another library version or a wrong checksum make it void.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/catalog.h"
#include "base/spi.h"
#include "rulebook/book.h"
#include "rulebook/source.h"

PG_FUNCTION_INFO_V1(triage_store_image);

typedef struct TableInfo
{
	const char *name;
	bool		has_active;
	const char *columns[SOURCE_MAX_COLUMNS];
} TableInfo;

static const TableInfo tables[] = {
	[FROM_AREAS] = {"areas", true, {"code", "parent", "zh", "level", "urban"}},
	[FROM_DEPARTMENTS] = {"departments", true, {"code", "kind", "zh", "superior", "endpoint", "area"}},
	[FROM_CHANNELS] = {"channels",
					   true,
					   {"code", "zh", "kind", "area", "department", "endpoint", "confirm_danger",
						"needs_caller", "allows_anonymous", "fold_window"}},
	[FROM_CASE_TYPES] = {"case_types",
						 true,
						 {"code", "parent", "zh", "nature", "priority", "scene", "fallback"}},
	[FROM_TERMS] = {"terms", true, {"case_type", "kind", "term"}},
	[FROM_CONTEXT_WORDS] = {"context_words", true, {"kind", "word", "stands", "reach", "scope"}},
	[FROM_AREA_NAMES] = {"area_names", true, {"area", "name"}},
	[FROM_ROUTES] = {"routes", true, {"code", "case_type", "area", "condition", "precedence", "zh"}},
	[FROM_ROUTE_PARTIES] = {"route_parties", true, {"route", "seq", "department", "relation", "duty"}},
	[FROM_CALENDARS] = {"calendars", true, {"code", "timezone", "version"}},
	[FROM_CALENDAR_HOURS] = {"calendar_hours", true, {"calendar", "weekday", "opens", "closes"}},
	[FROM_CALENDAR_DAYS] = {"calendar_days", true, {"calendar", "day", "as_weekday", "opens", "closes"}},
	[FROM_POLICIES] = {"policies",
					   true,
					   {"code", "stage", "case_type", "priority", "area", "urban", "danger", "amount", "unit",
						"calendar", "ladder"}},
	[FROM_POLICY_STEPS] = {"policy_steps",
						   true,
						   {"ladder", "step", "percent", "or_late_amount", "or_late_unit", "colour", "action",
							"target", "repeat_every", "repeat_danger", "zh", "en"}},
	[FROM_ENDPOINTS] = {"endpoints", true, {"code", "format"}},
	[FROM_OUTCOMES] = {"outcomes", true, {"code", "zh", "settled", "requires"}},
	[FROM_RULEBOOK] = {"rulebook", false, {"version", "digest"}},
	[FROM_IMAGE] = {"rulebook_image", false, {"version", "image"}},
};

#define IMAGE_MAGIC	 0x74626f6b /* "tbok" */
#define IMAGE_FORMAT 2

typedef struct ImageHeader
{
	uint32 magic;
	uint32 format;
	uint32 server; /* PG_VERSION_NUM: another server folds text otherwise */
	uint32 tables;
	uint64 len;		 /* of the whole */
	uint64 checksum; /* over all that follows the header */
	uint32 offset[IMAGE_TABLES];
	uint32 rows[IMAGE_TABLES];
} ImageHeader;

/* ---- reading ---- */

void
reader_open(Reader *r, const Source *source, FromTable table)
{
	const TableInfo *info = &tables[table];

	memset(r, 0, sizeof(Reader));
	while (r->ncolumns < SOURCE_MAX_COLUMNS && info->columns[r->ncolumns] != NULL)
		r->ncolumns++;
	if (source->image != NULL)
	{
		const ImageHeader *header = (const ImageHeader *) source->image;

		r->next = source->image + header->offset[table];
		r->rows_left = header->rows[table];
		return;
	}
	r->rel = table_open(triage_relid(info->name), AccessShareLock);
	for (int i = 0; i < r->ncolumns; i++)
		r->attnum[i] = triage_attnum(r->rel, info->columns[i]);
	r->active = info->has_active ? triage_attnum(r->rel, "active") : 0;
	r->slot = table_slot_create(r->rel, NULL);
	r->scan = table_beginscan(r->rel, source->snapshot, 0, NULL);
}

static bool
next_from_image(Reader *r)
{
	if (r->rows_left == 0)
		return false;
	r->rows_left--;
	for (int i = 0; i < r->ncolumns; i++)
	{
		int32 len;

		memcpy(&len, r->next, sizeof(len));
		r->next += sizeof(len);
		r->len[i] = len;
		r->bytes[i] = len < 0 ? NULL : r->next;
		if (len >= 0)
			r->next += INTALIGN(len + 1);
	}
	return true;
}

bool
reader_next(Reader *r)
{
	if (r->rel == NULL)
		return next_from_image(r);
	while (table_scan_getnextslot(r->scan, ForwardScanDirection, r->slot))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(r->slot);
		if (r->active == 0 || DatumGetBool(r->slot->tts_values[r->active - 1]))
			return true;
	}
	return false;
}

void
reader_close(Reader *r)
{
	if (r->rel == NULL)
		return;
	table_endscan(r->scan);
	ExecDropSingleTupleTableSlot(r->slot);
	table_close(r->rel, AccessShareLock);
}

static Datum
datum(const Reader *r, int c)
{
	return r->slot->tts_values[r->attnum[c] - 1];
}

bool
col_is_null(const Reader *r, int c)
{
	return r->rel == NULL ? r->bytes[c] == NULL : r->slot->tts_isnull[r->attnum[c] - 1];
}

int
col_int(const Reader *r, int c, int if_null)
{
	int32 v;

	if (col_is_null(r, c))
		return if_null;
	if (r->rel != NULL)
		return DatumGetInt32(datum(r, c));
	memcpy(&v, r->bytes[c], sizeof(v));
	return v;
}

int64
col_int64(const Reader *r, int c)
{
	int64 v;

	if (col_is_null(r, c))
		return 0;
	if (r->rel != NULL)
		return DatumGetInt64(datum(r, c));
	memcpy(&v, r->bytes[c], sizeof(v));
	return v;
}

bool
col_bool(const Reader *r, int c)
{
	if (col_is_null(r, c))
		return false;
	return r->rel != NULL ? DatumGetBool(datum(r, c)) : r->bytes[c][0] != 0;
}

int
col_tristate(const Reader *r, int c)
{
	return col_is_null(r, c) ? -1 : col_bool(r, c);
}

int64
col_interval_us(const Reader *r, int c)
{
	Interval i;

	if (col_is_null(r, c))
		return 0;
	if (r->rel != NULL)
		i = *DatumGetIntervalP(datum(r, c));
	else
		memcpy(&i, r->bytes[c], sizeof(i));
	return i.time + i.day * USECS_PER_DAY + (int64) i.month * DAYS_PER_MONTH * USECS_PER_DAY;
}

const char *
col_bytes(const Reader *r, int c, int *len)
{
	text *t;

	if (col_is_null(r, c))
		return NULL;
	if (r->rel == NULL)
	{
		*len = r->len[c];
		return r->bytes[c];
	}
	t = DatumGetTextPP(datum(r, c));
	*len = VARSIZE_ANY_EXHDR(t);
	return VARDATA_ANY(t);
}

char *
col_text(const Reader *r, Arena *arena, int c)
{
	int			len;
	const char *bytes = col_bytes(r, c, &len);

	/* an image's strings are terminated and live as long as the book */
	if (bytes == NULL || r->rel == NULL)
		return unconstify(char *, bytes);
	return arena_copy(arena, bytes, len);
}

int
col_word(const Reader *r, int c, const char *const *words)
{
	int			len;
	const char *bytes = col_bytes(r, c, &len);

	for (int i = 0; bytes != NULL && words[i] != NULL; i++)
		if (strncmp(words[i], bytes, len) == 0 && words[i][len] == '\0')
			return i;
	/* the tables' checks do not let this happen */
	elog(ERROR, "unexpected word in the configuration: %.*s", bytes ? len : 4, bytes ? bytes : "null");
}

/* In an image a list is its items, each with a terminator. */
const char **
col_text_list(const Reader *r, Arena *arena, int c, int *n)
{
	const char **list;

	*n = 0;
	if (r->rel != NULL)
	{
		Datum *items;
		bool  *nulls;

		deconstruct_array(DatumGetArrayTypeP(datum(r, c)), TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls,
						  n);
		list = MemoryContextAlloc(arena->mcxt, Max(*n, 1) * sizeof(char *));
		for (int i = 0; i < *n; i++)
			list[i] = nulls[i] ? "" : MemoryContextStrdup(arena->mcxt, TextDatumGetCString(items[i]));
		return list;
	}
	for (int i = 0; i < r->len[c]; i++)
		*n += r->bytes[c][i] == '\0';
	list = MemoryContextAlloc(arena->mcxt, Max(*n, 1) * sizeof(char *));
	for (int i = 0, at = 0; i < *n; i++)
	{
		list[i] = r->bytes[c] + at;
		at += strlen(list[i]) + 1;
	}
	return list;
}

/* ---- the image ---- */

static void
put_value(StringInfo s, const void *bytes, int32 len)
{
	appendBinaryStringInfo(s, (const char *) &len, sizeof(len));
	if (len < 0)
		return;
	appendBinaryStringInfo(s, bytes, len);
	for (int i = len; i < (int) INTALIGN(len + 1); i++)
		appendStringInfoChar(s, '\0');
}

static void
put_list(StringInfo s, Datum array)
{
	StringInfoData list;
	Datum		  *items;
	bool		  *nulls;
	int			   n;

	initStringInfo(&list);
	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		appendStringInfoString(&list, nulls[i] ? "" : TextDatumGetCString(items[i]));
		appendStringInfoChar(&list, '\0');
	}
	put_value(s, list.data, list.len);
}

static void
put_column(StringInfo s, const Reader *r, int c)
{
	Oid			type = TupleDescAttr(RelationGetDescr(r->rel), r->attnum[c] - 1)->atttypid;
	Datum		d = datum(r, c);
	int			len;
	const char *bytes;

	if (col_is_null(r, c))
	{
		put_value(s, NULL, -1);
		return;
	}
	switch (type)
	{
		case TEXTOID:
			bytes = col_bytes(r, c, &len);
			put_value(s, bytes, len);
			break;
		case TEXTARRAYOID:
			put_list(s, d);
			break;
		case BOOLOID:
			put_value(s, DatumGetBool(d) ? "\1" : "\0", 1);
			break;
		case INT4OID:
		case DATEOID:
			put_value(s, &(int32){DatumGetInt32(d)}, sizeof(int32));
			break;
		case INT8OID:
		case TIMEOID:
			put_value(s, &(int64){DatumGetInt64(d)}, sizeof(int64));
			break;
		case INTERVALOID:
			put_value(s, DatumGetIntervalP(d), sizeof(Interval));
			break;
		default:
			elog(ERROR, "unexpected column type %u in the configuration", type);
	}
}

static void
image_make(Snapshot snapshot, StringInfo s)
{
	Source		source = {snapshot, NULL, 0};
	ImageHeader header = {IMAGE_MAGIC, IMAGE_FORMAT, PG_VERSION_NUM, IMAGE_TABLES, 0, 0, {0}, {0}};

	initStringInfo(s);
	appendBinaryStringInfo(s, (const char *) &header, sizeof(header));
	for (int t = 0; t < IMAGE_TABLES; t++)
	{
		Reader r;

		header.offset[t] = s->len;
		reader_open(&r, &source, t);
		while (reader_next(&r))
		{
			for (int c = 0; c < r.ncolumns; c++)
				put_column(s, &r, c);
			header.rows[t]++;
		}
		reader_close(&r);
	}
	header.len = s->len;
	header.checksum =
		hash_bytes_extended((unsigned char *) s->data + sizeof(header), s->len - sizeof(header), 0);
	memcpy(s->data, &header, sizeof(header));
}

/* Is this the image of a book, whole and by a server like this one? */
static bool
image_is_sound(const char *image, size_t len)
{
	ImageHeader header;

	if (len < sizeof(header))
		return false;
	memcpy(&header, image, sizeof(header));
	return header.magic == IMAGE_MAGIC && header.format == IMAGE_FORMAT && header.server == PG_VERSION_NUM &&
		   header.tables == IMAGE_TABLES && header.len == len &&
		   header.checksum ==
			   hash_bytes_extended((const unsigned char *) image + sizeof(header), len - sizeof(header), 0);
}

const char *
image_fetch(Snapshot snapshot, int64 version, MemoryContext mcxt, size_t *len)
{
	Source		source = {snapshot, NULL, 0};
	Reader		r;
	const char *image = NULL;

	reader_open(&r, &source, FROM_IMAGE);
	if (reader_next(&r) && col_int64(&r, 0) == version)
	{
		int			n;
		const char *bytes = col_bytes(&r, 1, &n);
		char	   *copy = MemoryContextAlloc(mcxt, n);

		memcpy(copy, bytes, n);
		if (image_is_sound(copy, n))
		{
			*len = n;
			image = copy;
		}
	}
	reader_close(&r);
	return image;
}

/*
 * Deferred trigger on triage.rulebook: when a change of the rules commits,
 * its image is stored, once however many statements changed them.
 */
Datum
triage_store_image(PG_FUNCTION_ARGS)
{
	static KeptPlan current = {.sql = "SELECT b.version, i.version IS NOT DISTINCT FROM b.version"
									  " AND i.digest IS NOT DISTINCT FROM b.digest, b.digest"
									  " FROM triage.rulebook b LEFT JOIN triage.rulebook_image i ON true",
							   .nargs = 0};
	static KeptPlan store = {
		.sql = "INSERT INTO triage.rulebook_image AS i (version, digest, image) VALUES ($1, $2, $3)"
			   " ON CONFLICT (one) DO UPDATE SET version = $1, digest = $2, image = $3",
		.nargs = 3,
		.types = {INT8OID, BYTEAOID, BYTEAOID}};
	OwnerSwitch sw;
	bool		isnull;

	triage_owner_begin(&sw);
	if (triage_run(&current, NULL, NULL, SPI_OK_SELECT) == 1 && !DatumGetBool(triage_result(0, 2, &isnull)))
	{
		Datum		   args[3];
		StringInfoData s;
		Snapshot	   snapshot = RegisterSnapshot(GetLatestSnapshot());
		bytea		  *value;

		args[0] = triage_result(0, 1, &isnull);
		args[1] = triage_result(0, 3, &isnull);
		image_make(snapshot, &s);
		UnregisterSnapshot(snapshot);
		value = palloc(VARHDRSZ + s.len);
		SET_VARSIZE(value, VARHDRSZ + s.len);
		memcpy(VARDATA(value), s.data, s.len);
		args[2] = PointerGetDatum(value);
		triage_run(&store, args, NULL, SPI_OK_INSERT);
	}
	triage_owner_end(&sw);
	return PointerGetDatum(NULL);
}
