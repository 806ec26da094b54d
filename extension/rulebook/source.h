/*
 * source.h
 *	  Rows of the configuration tables, from the tables or from their image
 *	  (image.h).
 */
#ifndef TRIAGE_RULEBOOK_SOURCE_H
#define TRIAGE_RULEBOOK_SOURCE_H

#include "executor/tuptable.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "rulebook/arena.h"

typedef enum FromTable
{
	FROM_AREAS,
	FROM_DEPARTMENTS,
	FROM_CHANNELS,
	FROM_CASE_TYPES,
	FROM_TERMS,
	FROM_CONTEXT_WORDS,
	FROM_AREA_NAMES,
	FROM_BOUNDARIES,
	FROM_ROUTES,
	FROM_ROUTE_PARTIES,
	FROM_CALENDARS,
	FROM_CALENDAR_HOURS,
	FROM_CALENDAR_DAYS,
	FROM_MODES,
	FROM_MODE_PERIODS,
	FROM_ROSTERS,
	FROM_POLICIES,
	FROM_POLICY_STEPS,
	FROM_ENDPOINTS,
	FROM_OUTCOMES,
	FROM_MODEL_IN_USE,
	FROM_RULEBOOK,
	FROM_IMAGE
} FromTable;
#define IMAGE_TABLES (FROM_MODEL_IN_USE + 1)

#define SOURCE_MAX_COLUMNS 17

typedef struct Source
{
	Snapshot	snapshot;
	const char *image; /* NULL = read the tables; lives as long as the book */
} Source;

typedef struct Reader
{
	/* from a table */
	Relation				  rel; /* NULL when reading the image */
	struct TableScanDescData *scan;
	TupleTableSlot			 *slot;
	AttrNumber				  attnum[SOURCE_MAX_COLUMNS];
	AttrNumber				  active; /* 0 = the table has no such column */
	/* from the image */
	const char *next;
	uint32		rows_left;
	const char *bytes[SOURCE_MAX_COLUMNS]; /* NULL = null */
	int			len[SOURCE_MAX_COLUMNS];
	int			ncolumns;
} Reader;

extern void reader_open(Reader *r, const Source *source, FromTable table);
extern bool reader_next(Reader *r);
extern void reader_close(Reader *r);

/* Columns of the present row, by their place in the table's list in source.c. */
extern bool			col_is_null(const Reader *r, int c);
extern int			col_int(const Reader *r, int c, int if_null); /* int4, date */
extern int64		col_int64(const Reader *r, int c);			  /* int8, time, timestamptz; 0 for null */
extern bool			col_bool(const Reader *r, int c);			  /* false for null */
extern int			col_tristate(const Reader *r, int c);		  /* -1 for null */
extern int64		col_interval_us(const Reader *r, int c);
extern const char  *col_bytes(const Reader *r, int c, int *len); /* text, bytea; where they lie */
extern char		   *col_text(const Reader *r, Arena *arena, int c);
extern int			col_word(const Reader *r, int c, const char *const *words);
extern const char **col_text_list(const Reader *r, Arena *arena, int c, int *n);

/* For the maker of images, who reads tables: the value itself and its type. */
/* The points of a polygon, as pairs of doubles at any address; live as long as the book. */
extern const char *col_polygon(const Reader *r, Arena *arena, int c, int *npoints);
extern Datum	   col_datum(const Reader *r, int c);
extern Oid		   col_type(const Reader *r, int c);

#endif
