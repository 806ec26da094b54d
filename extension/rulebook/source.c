/*
 * source.c
 *	  Rows of the configuration tables, from the tables or from their image.
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/geo_decls.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/catalog.h"
#include "rulebook/image.h"
#include "rulebook/source.h"

typedef struct TableInfo
{
	const char *name;
	bool		has_active;
	const char *columns[SOURCE_MAX_COLUMNS];
} TableInfo;

static const TableInfo tables[] = {
	[FROM_AREAS] = {"areas", true, {"code", "parent", "zh", "level", "urban", "short"}},
	[FROM_DEPARTMENTS] = {"departments", true, {"code", "kind", "zh", "superior", "endpoint", "area"}},
	[FROM_CHANNELS] = {"channels",
					   true,
					   {"code", "zh", "kind", "area", "department", "endpoint", "confirm_danger",
						"needs_caller", "allows_anonymous", "fold_window"}},
	[FROM_CASE_TYPES] = {"case_types",
						 true,
						 {"code", "parent", "zh", "nature", "priority", "scene", "fallback", "en", "short",
						  "callback"}},
	[FROM_TERMS] = {"terms", true, {"case_type", "kind", "term"}},
	[FROM_CONTEXT_WORDS] = {"context_words", true, {"kind", "word", "stands", "reach", "scope"}},
	[FROM_AREA_NAMES] = {"area_names", true, {"area", "name", "short", "houses"}},
	[FROM_BOUNDARIES] = {"areas", true, {"code", "boundary"}},
	[FROM_ROUTES] = {"routes", true, {"code", "case_type", "area", "condition", "precedence", "zh"}},
	[FROM_ROUTE_PARTIES] = {"route_parties",
							true,
							{"route", "seq", "department", "relation", "duty", "skill"}},
	[FROM_CALENDARS] = {"calendars", true, {"code", "timezone", "version"}},
	[FROM_CALENDAR_HOURS] = {"calendar_hours", true, {"calendar", "weekday", "opens", "closes"}},
	[FROM_CALENDAR_DAYS] = {"calendar_days", true, {"calendar", "day", "as_weekday", "opens", "closes"}},
	[FROM_MODES] = {"modes", true, {"code", "rank"}},
	[FROM_MODE_PERIODS] = {"mode_periods", false, {"mode", "area", "since", "until"}},
	[FROM_ROSTERS] = {"rosters",
					  true,
					  {"code", "department", "duty", "team", "skill", "starts", "ends", "days", "weekdays",
					   "calendar", "turn_lasts", "cycle", "turn", "valid_from", "valid_until", "mode",
					   "substitute"}},
	[FROM_POLICIES] = {"policies",
					   true,
					   {"code", "stage", "case_type", "priority", "area", "urban", "danger", "amount", "unit",
						"calendar", "ladder", "mode"}},
	[FROM_POLICY_STEPS] = {"policy_steps",
						   true,
						   {"ladder", "step", "percent", "or_late_amount", "or_late_unit", "colour", "action",
							"target", "repeat_every", "repeat_danger", "zh", "en"}},
	[FROM_ENDPOINTS] = {"endpoints", true, {"code", "format"}},
	[FROM_OUTCOMES] = {"outcomes", true, {"code", "zh", "settled", "requires"}},
	[FROM_MODEL_IN_USE] = {"model_in_use", false, {"model", "version", "digest"}},
	[FROM_RULEBOOK] = {"rulebook", false, {"version", "digest"}},
	[FROM_IMAGE] = {"rulebook_image", false, {"version", "digest", "image"}},
};

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

Datum
col_datum(const Reader *r, int c)
{
	return r->slot->tts_values[r->attnum[c] - 1];
}

Oid
col_type(const Reader *r, int c)
{
	return TupleDescAttr(RelationGetDescr(r->rel), r->attnum[c] - 1)->atttypid;
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
		return DatumGetInt32(col_datum(r, c));
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
		return DatumGetInt64(col_datum(r, c));
	memcpy(&v, r->bytes[c], sizeof(v));
	return v;
}

bool
col_bool(const Reader *r, int c)
{
	if (col_is_null(r, c))
		return false;
	return r->rel != NULL ? DatumGetBool(col_datum(r, c)) : r->bytes[c][0] != 0;
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
		i = *DatumGetIntervalP(col_datum(r, c));
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
	t = DatumGetTextPP(col_datum(r, c));
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

const char *
col_polygon(const Reader *r, Arena *arena, int c, int *npoints)
{
	const POLYGON *p;

	if (r->rel == NULL)
	{
		*npoints = r->len[c] / sizeof(Point);
		return r->bytes[c];
	}
	p = DatumGetPolygonP(col_datum(r, c));
	*npoints = p->npts;
	return arena_copy(arena, (const char *) p->p, p->npts * sizeof(Point));
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

		deconstruct_array(DatumGetArrayTypeP(col_datum(r, c)), TEXTOID, -1, false, TYPALIGN_INT, &items,
						  &nulls, n);
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
