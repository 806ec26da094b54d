/*
 * mapping.h
 *	  The mapping of a table that is read and written as it says ("kind
 *	  table"), compiled against the table's columns.
 *
 *	text		 column, or an array of columns and {"column", "format"};
 *				 format is plain (default), html, quoted-printable, base64
 *	channel		 code of triage.channels, or {"column", "values", "default"}
 *	reporter, contact, area, address, case_type, reference, reported_at, by
 *				 column, {"column", "values", "default"} or {"value"}
 *	reference_channel  code of the channel that gave the reference, or as channel
 *	location	 column of type point, or [longitude, latitude]
 *	attrs		 {"name": column, ...} for conditions of routes
 *	key			 columns; default: the primary key
 *	filter		 array of {"column", "value": v | [v, ...]}, {"column", "not": v | [...]},
 *				 {"column", "null": boolean}; all must hold
 *	open		 the same: which old rows a back-fill takes in
 *	write		 {"department", "due", "status", "priority", "assignee", "number",
 *				 "case_type", "comment": column or {"column", "values", "default", "name"}};
 *				 name is code (default), zh or en
 *	changes		 array of {"column", "value": v | [v, ...] (missing = any change),
 *				 "verb", "department", "body", "reason", "outcome", "note"}
 *	timezone	 of columns without one; default: TimeZone when attaching
 *	hook		 row (default) or commit
 */
#ifndef TRIAGE_HOSTS_MAPPING_H
#define TRIAGE_HOSTS_MAPPING_H

#include "utils/jsonb.h"
#include "utils/rel.h"

typedef enum TextFormat
{
	FORMAT_PLAIN,
	FORMAT_HTML,
	FORMAT_QUOTED,
	FORMAT_BASE64
} TextFormat;

typedef struct HostColumn
{
	const char *name;
	AttrNumber	attno; /* 0 = none */
	Oid			type;  /* domains: the type below */
	int32		typmod;
} HostColumn;

typedef struct ValuePair
{
	const char *from;
	const char *to;
} ValuePair;

/* Where a value comes from, or goes to. */
typedef struct Field
{
	HostColumn	column;	  /* attno 0: constant, or nothing at all */
	const char *constant; /* NULL = none */
	int			nvalues;
	ValuePair  *values;
	const char *otherwise; /* for what is not among the values; NULL = none */
	char		name;	   /* of departments and types: 'c' code, 'z' Chinese, 'e' English */
	TextFormat	format;
} Field;

typedef enum ReadField
{
	READ_CHANNEL,
	READ_REPORTER,
	READ_CONTACT,
	READ_AREA,
	READ_ADDRESS,
	READ_CASE_TYPE,
	READ_REFERENCE,
	READ_REFERENCE_CHANNEL,
	READ_REPORTED_AT,
	READ_BY,
	READ_FIELDS
} ReadField;

typedef enum WriteField
{
	WRITE_DEPARTMENT,
	WRITE_DUE,
	WRITE_STATUS,
	WRITE_PRIORITY,
	WRITE_ASSIGNEE,
	WRITE_NUMBER,
	WRITE_CASE_TYPE,
	WRITE_COMMENT,
	WRITE_FIELDS
} WriteField;

extern const char *const read_names[READ_FIELDS];
extern const char *const write_names[WRITE_FIELDS];

/* A test of a column; all of a list must hold. */
typedef struct Test
{
	HostColumn	 column;
	bool		 on_null; /* null itself is asked for */
	bool		 negated;
	int			 nvalues;
	const char **values;
} Test;

typedef struct Tests
{
	int	  n;
	Test *tests;
} Tests;

/* A change that means a verb. */
typedef struct Change
{
	HostColumn	 column;
	int			 nvalues; /* 0 = any change to something */
	const char **values;
	const char	*verb;
	Field		 department;
	Field		 body;
	Field		 reason;
	Field		 outcome;
	Field		 note;
} Change;

typedef struct NamedColumn
{
	const char *name;
	HostColumn	column;
} NamedColumn;

typedef struct Mapping
{
	int			 nkeys;
	HostColumn	*keys;
	int			 ntexts;
	Field		*texts;
	Field		 read[READ_FIELDS];
	HostColumn	 place[2]; /* a point, or longitude and latitude */
	int			 nattrs;
	NamedColumn *attrs;
	Tests		 filter;
	Tests		 open;
	Field		 write[WRITE_FIELDS];
	int			 nchanges;
	Change		*changes;
	const char	*timezone;
} Mapping;

/* What was found when a mapping was compiled. */
typedef struct MapItem
{
	const char *item;
	bool		problem;
	int			sqlerrcode;
	const char *detail;
	const char *hint;
} MapItem;

/*
 * Compile in the current context.  Every column and problem is added to
 * *items (List of MapItem); with a problem the result is of no use.
 */
extern Mapping *mapping_compile(JsonbContainer *doc, Relation rel, List **items);

/* The key columns alone, for a kind with a driver: mapping.key, else the primary key. */
extern void mapping_keys(JsonbContainer *doc, Relation rel, Mapping *m, List **items);

/* Raise the first problem of the list as an error. */
extern void mapping_raise(const List *items, Relation rel);

/* A value as the field's map has it; NULL = leave it alone. */
extern const char *field_map(const Field *f, const char *value);

/* A value as mappings name it: as its type writes it, but true and false in full, times in ISO, with a zone in UTC. */
extern char *value_text(Oid type, Datum value);

#endif
