/*
 * source.h
 *	  Rows of the configuration tables, from the tables or from their image.
 *
 * An image is one value in triage.rulebook_image that holds what a book needs
 * of all tables, as of one rulebook version.  It is stored when a change of
 * the rules commits.  A new session reads it instead of fifteen tables, whose
 * catalog entries alone cost it more than the rows; when the image is missing
 * or of another version, it reads the tables.
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
	FROM_ROUTES,
	FROM_ROUTE_PARTIES,
	FROM_CALENDARS,
	FROM_CALENDAR_HOURS,
	FROM_CALENDAR_DAYS,
	FROM_POLICIES,
	FROM_POLICY_STEPS,
	FROM_ENDPOINTS,
	FROM_OUTCOMES,
	FROM_RULEBOOK,
	FROM_IMAGE
} FromTable;
#define IMAGE_TABLES (FROM_OUTCOMES + 1)

#define SOURCE_MAX_COLUMNS 12

typedef struct Source
{
	Snapshot	snapshot;
	const char *image; /* NULL = read the tables; lives as long as the book */
	size_t		image_len;
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
extern int64		col_int64(const Reader *r, int c);			  /* int8, time; 0 for null */
extern bool			col_bool(const Reader *r, int c);			  /* false for null */
extern int			col_tristate(const Reader *r, int c);		  /* -1 for null */
extern int64		col_interval_us(const Reader *r, int c);
extern const char  *col_bytes(const Reader *r, int c, int *len); /* text, bytea; where they lie */
extern char		   *col_text(const Reader *r, Arena *arena, int c);
extern int			col_word(const Reader *r, int c, const char *const *words);
extern const char **col_text_list(const Reader *r, Arena *arena, int c, int *n);

/* The image as stored, copied into mcxt, when it is sound and of this version; else NULL. */
extern const char *image_fetch(Snapshot snapshot, int64 version, MemoryContext mcxt, size_t *len);

#endif
