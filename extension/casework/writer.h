/*
 * writer.h
 *	  Writes rows of our own operational tables in batches.
 *
 * Intake writes about ten rows for each case.  Going through the executor
 * would cost more than the rows: plan start-up, expression trees, a check
 * constraint parsed anew for each statement.  The writer does what COPY does:
 * heap inserts of many rows at a time, then their index entries.  It is for
 * rows whose values this code made itself, which is why it runs neither
 * triggers nor check or exclusion constraints; NOT NULL and unique keys hold
 * as ever, a deferrable key at once.
 */
#ifndef TRIAGE_CASEWORK_WRITER_H
#define TRIAGE_CASEWORK_WRITER_H

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "utils/palloc.h"

typedef enum Target
{
	TO_CASES, /* whole rows */
	TO_SOURCES,
	TO_DECISIONS,
	TO_ASSIGNMENTS,
	TO_CLOCKS,
	TO_EVENTS,
	TO_DELIVERIES,
	TO_REFS,
	TO_SEGMENTS,
	TO_STEPS,
	TO_TICKETS
} Target;
#define TARGET_COUNT (TO_TICKETS + 1)

/* Columns of each target, in the order of the writer's arrays. */
enum SourceColumn
{
	SRC_CASE_ID,
	SRC_SEQ,
	SRC_CHANNEL,
	SRC_EXTERNAL_REF,
	SRC_REPORTER,
	SRC_CONTACT,
	SRC_CONTACT_KEY,
	SRC_LANGUAGE,
	SRC_CONFIDENTIAL,
	SRC_REPORTED_AT,
	SRC_BODY,
	SRC_TOKEN,
	SRC_DIGEST_KEY,
	SRC_COLUMNS
};
enum DecisionColumn
{
	DEC_CASE_ID,
	DEC_SEQ,
	DEC_AT,
	DEC_VERSION,
	DEC_DIGEST,
	DEC_ROUTE,
	DEC_CASE_TYPE,
	DEC_FACTS,
	DEC_CANDIDATES,
	DEC_REASON,
	DEC_COLUMNS
};
enum AssignmentColumn
{
	ASG_CASE_ID,
	ASG_SEQ,
	ASG_DEPARTMENT,
	ASG_DUTY,
	ASG_PARENT_SEQ,
	ASG_STATUS,
	ASG_OFFERED_AT,
	ASG_DUE_AT,
	ASG_COLUMNS
};
enum ClockColumn
{
	CLK_CASE_ID,
	CLK_CLOCK_ID,
	CLK_ASSIGNMENT_SEQ,
	CLK_STAGE,
	CLK_STATE,
	CLK_POLICY,
	CLK_POLICY_VERSION,
	CLK_CALENDAR,
	CLK_CALENDAR_VERSION,
	CLK_AMOUNT,
	CLK_UNIT,
	CLK_LADDER,
	CLK_NEXT_STEP,
	CLK_OCCURRENCE,
	CLK_STARTED_AT,
	CLK_DUE_AT,
	CLK_NEXT_STEP_AT,
	CLK_COLUMNS
};
enum EventColumn
{
	EVT_CASE_ID,
	EVT_SEQ,
	EVT_AT,
	EVT_ACTOR,
	EVT_VERB,
	EVT_DATA,
	EVT_HASH,
	EVT_POS, /* drawn by the writer, not before the table is locked: changes() relies on it */
	EVT_COLUMNS
};
enum DeliveryColumn
{
	DLV_CASE_ID,
	DLV_DELIVERY_ID,
	DLV_ENDPOINT,
	DLV_EVENT_SEQ,
	DLV_TYPE,
	DLV_STATE,
	DLV_ATTEMPTS,
	DLV_CREATED_AT,
	DLV_NEXT_ATTEMPT_AT,
	DLV_PAYLOAD,
	DLV_COLUMNS
};
enum RefColumn
{
	REF_CHANNEL,
	REF_EXTERNAL_REF,
	REF_CASE_ID,
	REF_COLUMNS
};
enum SegmentColumn
{
	SEG_CASE_ID,
	SEG_CLOCK_ID,
	SEG_SEGMENT,
	SEG_STATE,
	SEG_STARTED_AT,
	SEG_ENDED_AT,
	SEG_WORK,
	SEG_POLICY_VERSION,
	SEG_CALENDAR_VERSION,
	SEG_COLUMNS
};
enum StepColumn
{
	STP_CASE_ID,
	STP_CLOCK_ID,
	STP_STEP,
	STP_OCCURRENCE,
	STP_COLOUR,
	STP_ACTION,
	STP_DEPARTMENT,
	STP_DUE_AT,
	STP_FIRED_AT,
	STP_LATENESS,
	STP_COLLAPSED,
	STP_COLUMNS
};
enum TicketColumn
{
	TKT_RELATION,
	TKT_TICKET,
	TKT_CASE_ID,
	TKT_SOURCE_SEQ,
	TKT_EVENT_SEQ,
	TKT_SHOWN,
	TKT_COLUMNS
};
#define WRITER_MAX_COLUMNS 20

typedef struct Writer Writer;

/* A row being filled: value() calls first, then writer_put(). */
typedef struct Row
{
	Datum values[WRITER_MAX_COLUMNS];
	bool  isnull[WRITER_MAX_COLUMNS];
} Row;

extern Writer *writer_open(void);
/*
 * Values that are pointers must live until the next flush; allocate them in
 * writer_context(), which a flush empties.
 */
extern MemoryContext writer_context(Writer *w);
extern void			 writer_put(Writer *w, Target target, const Row *row);
/* A row as the table has it, every column by its attribute number. */
extern void writer_put_whole(Writer *w, Target target, const Datum *values, const bool *isnull);
/* Write what is buffered when there is enough of it to be worth it. */
extern void writer_flush_some(Writer *w);
/* Write everything, close the tables, make the rows visible to later commands. */
extern void writer_close(Writer *w);

extern void row_init(Row *row); /* all null */
extern void row_set(Row *row, int column, Datum value);
extern void row_text(Row *row, int column, const char *value); /* NULL = null */
extern void row_bytes(Row *row, int column, const void *bytes, size_t len);
extern void row_int(Row *row, int column, int value);
extern void row_int64(Row *row, int column, int64 value);
extern void row_time(Row *row, int column, TimestampTz at);

#endif
