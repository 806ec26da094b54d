/*
 * caserow.h
 *	  A row of triage.cases as C sees it.
 */
#ifndef TRIAGE_CASEWORK_CASEROW_H
#define TRIAGE_CASEWORK_CASEROW_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "utils/geo_decls.h"
#include "utils/rel.h"

#include "casework/records.h"

typedef enum CaseColumn
{
	CASE_ID,
	CASE_NUMBER,
	CASE_KIND,
	CASE_CHANNEL,
	CASE_EXTERNAL_REF,
	CASE_REPORTED_AT,
	CASE_RECEIVED_AT,
	CASE_REPORTER,
	CASE_CONTACT,
	CASE_BODY,
	CASE_AREA,
	CASE_ADDRESS,
	CASE_LOCATION,
	CASE_CASE_TYPE,
	CASE_NATURE,
	CASE_PRIORITY,
	CASE_DANGER,
	CASE_STATUS,
	CASE_LEAD,
	CASE_COLOUR,
	CASE_CONFIDENCE,
	CASE_DISPATCHED_AT,
	CASE_CLOSED_AT,
	CASE_REPORT_COUNT,
	CASE_EVENT_SEQ,
	CASE_RULEBOOK_VERSION,
	CASE_ATTRS,
	CASE_OUTCOME,
	CASE_MERGED_INTO,
	CASE_EVENT_COLOUR
} CaseColumn;
#define CASE_COLUMNS (CASE_EVENT_COLOUR + 1)

#define CASE_MAX_ATTRIBUTES 64

/* A row taken apart, with the place of each column we know. */
typedef struct CaseRow
{
	TupleDesc desc;
	Datum	  values[CASE_MAX_ATTRIBUTES];
	bool	  isnull[CASE_MAX_ATTRIBUTES];
} CaseRow;

/* Attribute numbers of the columns; kept for the session, they never move. */
extern const AttrNumber *case_attnums(Relation rel);

/*
 * Take apart a row that SQL gave as "*": it leaves out columns that a DBA
 * dropped, the table's own descriptor does not.  row->desc is the table's.
 */
extern const AttrNumber *case_row_read(CaseRow *row, HeapTuple tuple, TupleDesc from);
/* A row without values, to be filled. */
extern const AttrNumber *case_row_empty(CaseRow *row);
/* The row as a composite value, in the current context. */
extern Datum case_row_result(CaseRow *row);
/* Leave only what tells that a case exists and how it stands. */
extern void case_row_mask(CaseRow *row, const AttrNumber *att);

extern Datum case_value(const CaseRow *row, const AttrNumber *att, CaseColumn column);
extern bool	 case_isnull(const CaseRow *row, const AttrNumber *att, CaseColumn column);
/* palloc'd, NULL for null */
extern char		   *case_text(const CaseRow *row, const AttrNumber *att, CaseColumn column);
extern const Point *case_location(const CaseRow *row, const AttrNumber *att); /* NULL for null */
extern void			case_set(CaseRow *row, const AttrNumber *att, CaseColumn column, Datum value);
extern void			case_set_text(CaseRow *row, const AttrNumber *att, CaseColumn column, const char *value);
extern void			case_set_null(CaseRow *row, const AttrNumber *att, CaseColumn column);

/* What the rows of a case need to know of it. */
extern void case_facts(const CaseRow *row, const AttrNumber *att, CaseFacts *c);

#endif
