/*
 * writer.c
 *	  Writes rows of our own operational tables in batches.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "commands/sequence.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "base/catalog.h"
#include "base/compat.h"
#include "casework/writer.h"

#define SLOTS		256			  /* rows of one table written at a time */
#define FLUSH_BYTES (1024 * 1024) /* buffered values that are worth a flush */

typedef struct TargetInfo
{
	const char *table;
	int			ncolumns;
	const char *columns[WRITER_MAX_COLUMNS];
} TargetInfo;

static const TargetInfo targets[TARGET_COUNT] = {
	[TO_CASES] = {"cases", 0, {NULL}},
	[TO_SOURCES] = {"case_sources",
					SRC_COLUMNS,
					{"case_id", "seq", "channel", "external_ref", "reporter", "contact", "contact_key",
					 "language", "confidential", "reported_at", "body", "token", "digest_key"}},
	[TO_DECISIONS] = {"decisions",
					  DEC_COLUMNS,
					  {"case_id", "seq", "at", "rulebook_version", "rulebook_digest", "route", "case_type",
					   "facts", "candidates", "reason"}},
	[TO_ASSIGNMENTS] = {"assignments",
						ASG_COLUMNS,
						{"case_id", "seq", "department", "duty", "parent_seq", "status", "offered_at",
						 "due_at"}},
	[TO_CLOCKS] = {"clocks",
				   CLK_COLUMNS,
				   {"case_id", "clock_id", "assignment_seq", "stage", "state", "policy", "policy_version",
					"calendar", "calendar_version", "amount", "unit", "ladder", "next_step", "occurrence",
					"started_at", "due_at", "next_step_at"}},
	[TO_EVENTS] = {"events", EVT_COLUMNS, {"case_id", "seq", "at", "actor", "verb", "data", "hash", "pos"}},
	[TO_DELIVERIES] = {"deliveries",
					   DLV_COLUMNS,
					   {"case_id", "delivery_id", "endpoint", "event_seq", "type", "state", "attempts",
						"created_at", "next_attempt_at", "payload"}},
	[TO_REFS] = {"case_refs", REF_COLUMNS, {"channel", "external_ref", "case_id"}},
	[TO_SEGMENTS] = {"clock_segments",
					 SEG_COLUMNS,
					 {"case_id", "clock_id", "segment", "state", "started_at", "ended_at", "work",
					  "policy_version", "calendar_version"}},
	[TO_STEPS] = {"clock_steps",
				  STP_COLUMNS,
				  {"case_id", "clock_id", "step", "occurrence", "colour", "action", "department", "due_at",
				   "fired_at", "lateness", "collapsed"}},
	[TO_TICKETS] = {"host_tickets",
					TKT_COLUMNS,
					{"relation", "ticket", "case_id", "source_seq", "event_seq", "shown"}},
};

typedef struct OpenTarget
{
	Relation		rel; /* NULL until a row comes */
	ResultRelInfo  *info;
	AttrNumber		attnum[WRITER_MAX_COLUMNS];
	List		   *defaults; /* of columns that are not ours */
	int				nslots;	  /* filled */
	int				made;	  /* created */
	TupleTableSlot *slots[SLOTS];
} OpenTarget;

struct Writer
{
	MemoryContext owner;  /* all that lives as long as the writer */
	MemoryContext values; /* emptied by each flush */
	EState		 *estate;
	CommandId	  cid;
	OpenTarget	  open[TARGET_COUNT];
};

Writer *
writer_open(void)
{
	MemoryContext mcxt;
	MemoryContext old;
	Writer		 *w;

	/* the executor would have asked */
	PreventCommandIfReadOnly("writing cases");
	mcxt = AllocSetContextCreate(CurrentMemoryContext, "pg_triage writer", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(mcxt);
	w = palloc0(sizeof(Writer));
	w->owner = mcxt;
	w->values = AllocSetContextCreate(mcxt, "pg_triage writer values", ALLOCSET_DEFAULT_SIZES);
	w->estate = CreateExecutorState();
	w->cid = GetCurrentCommandId(true);
	MemoryContextSwitchTo(old);
	return w;
}

MemoryContext
writer_context(Writer *w)
{
	return w->values;
}

/* A column that this installation added to one of our tables and gave a default. */
typedef struct AddedColumn
{
	AttrNumber attnum;
	ExprState *value;
} AddedColumn;

static void
find_added(OpenTarget *t, const TargetInfo *info)
{
	TupleDesc desc = RelationGetDescr(t->rel);

	for (AttrNumber a = 1; a <= desc->natts; a++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, a - 1);
		bool			  ours = !att->atthasdef || att->attisdropped;
		AddedColumn		 *c;

		for (int i = 0; i < info->ncolumns && !ours; i++)
			ours = t->attnum[i] == a;
		if (ours)
			continue;
		if (att->attgenerated)
			ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
							errmsg("generated column \"%s\" in \"%s\" cannot be filled",
								   NameStr(att->attname), RelationGetRelationName(t->rel)),
							errhint("Use a view, or a column with a default.")));
		c = palloc(sizeof(AddedColumn));
		c->attnum = a;
		c->value = ExecInitExpr(expression_planner((Expr *) build_column_default(t->rel, a)), NULL);
		t->defaults = lappend(t->defaults, c);
	}
}

static void
target_open(Writer *w, Target target)
{
	OpenTarget		 *t = &w->open[target];
	const TargetInfo *info = &targets[target];
	MemoryContext	  old = MemoryContextSwitchTo(w->owner);

	t->rel = table_open(triage_relid(info->table), RowExclusiveLock);
	t->info = makeNode(ResultRelInfo);
	InitResultRelInfo(t->info, t->rel, 0, NULL, 0);
	ExecOpenIndices(t->info, false);
	for (int i = 0; i < info->ncolumns; i++)
		t->attnum[i] = triage_attnum(t->rel, info->columns[i]);
	/* a whole row has its values already */
	if (info->ncolumns > 0)
		find_added(t, info);
	MemoryContextSwitchTo(old);
}

static void
fill_added(Writer *w, const OpenTarget *t, TupleTableSlot *slot)
{
	MemoryContext old = MemoryContextSwitchTo(w->values);
	ListCell	 *lc;

	foreach(lc, t->defaults)
	{
		AddedColumn *c = lfirst(lc);

		slot->tts_values[c->attnum - 1] =
			ExecEvalExpr(c->value, GetPerTupleExprContext(w->estate), &slot->tts_isnull[c->attnum - 1]);
	}
	MemoryContextSwitchTo(old);
}

static void
check_not_null(const OpenTarget *t, TupleTableSlot *slot)
{
	TupleDesc desc = RelationGetDescr(t->rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attnotnull && slot->tts_isnull[i])
			ereport(ERROR, (errcode(ERRCODE_NOT_NULL_VIOLATION),
							errmsg("null value in column \"%s\" of \"%s\"", NameStr(att->attname),
								   RelationGetRelationName(t->rel))));
	}
}

/* Does the predicate only ask which columns are null?  Those of our own partial indexes mostly do. */
static bool
asks_nulls_only(const List *predicate)
{
	ListCell *lc;

	foreach(lc, predicate)
	{
		const NullTest *test = lfirst(lc);

		if (!IsA(test, NullTest) || !IsA(test->arg, Var) || ((Var *) test->arg)->varattno <= 0)
			return false;
	}
	return true;
}

/* Such a predicate of a row, without the expression that the executor would compile for it. */
static bool
nulls_are_so(const List *predicate, TupleTableSlot *slot)
{
	ListCell *lc;

	foreach(lc, predicate)
	{
		const NullTest *test = lfirst(lc);

		if (slot_attisnull(slot, ((Var *) test->arg)->varattno) != (test->nulltesttype == IS_NULL))
			return false;
	}
	return true;
}

/*
 * Entries of all rows in one index, then in the next: what the index's upper
 * pages bring into the processor's cache is used while it is there.
 */
static void
index_flush(Writer *w, OpenTarget *t, Relation index, IndexInfo *info)
{
	IndexUniqueCheck check = index->rd_index->indisunique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO;
	ExprContext		*econtext = GetPerTupleExprContext(w->estate);
	bool			 nulls_only = asks_nulls_only(info->ii_Predicate);
	Datum			 values[INDEX_MAX_KEYS];
	bool			 isnull[INDEX_MAX_KEYS];
	MemoryContext	 old;

	if (!info->ii_ReadyForInserts)
		return;
	if (!nulls_only && info->ii_PredicateState == NULL)
		info->ii_PredicateState = ExecPrepareQual(info->ii_Predicate, w->estate);
	old = MemoryContextSwitchTo(GetPerTupleMemoryContext(w->estate));
	for (int i = 0; i < t->nslots; i++)
	{
		TupleTableSlot *slot = t->slots[i];

		econtext->ecxt_scantuple = slot;
		if (nulls_only ? nulls_are_so(info->ii_Predicate, slot) : ExecQual(info->ii_PredicateState, econtext))
		{
			FormIndexDatum(info, slot, w->estate, values, isnull);
			index_insert(index, values, isnull, &slot->tts_tid, t->rel, check, false, info);
		}
		ResetPerTupleExprContext(w->estate);
	}
	MemoryContextSwitchTo(old);
}

static void
target_flush(Writer *w, OpenTarget *t)
{
	if (t->nslots == 0)
		return;
	/* no bulk-insert state: its ring of buffers would have us write and flush pages in the citizen's transaction */
	table_multi_insert(t->rel, t->slots, t->nslots, w->cid, 0, NULL);
	for (int i = 0; i < t->info->ri_NumIndices; i++)
		index_flush(w, t, t->info->ri_IndexRelationDescs[i], t->info->ri_IndexRelationInfo[i]);
	for (int i = 0; i < t->nslots; i++)
		ExecClearTuple(t->slots[i]);
	t->nslots = 0;
}

static void
flush_all(Writer *w)
{
	MemoryContext old = MemoryContextSwitchTo(w->owner);

	for (int i = 0; i < TARGET_COUNT; i++)
		target_flush(w, &w->open[i]);
	MemoryContextSwitchTo(old);
	MemoryContextReset(w->values);
}

/* The next slot of a target, empty. */
static TupleTableSlot *
next_slot(Writer *w, Target target)
{
	OpenTarget *t = &w->open[target];

	if (t->rel == NULL)
		target_open(w, target);
	if (t->nslots == SLOTS)
	{
		/* values of all tables share one context, so only this one is written now */
		MemoryContext old = MemoryContextSwitchTo(w->owner);

		target_flush(w, t);
		MemoryContextSwitchTo(old);
	}
	if (t->nslots == t->made)
	{
		MemoryContext old = MemoryContextSwitchTo(w->owner);

		t->slots[t->made++] = table_slot_create(t->rel, NULL);
		MemoryContextSwitchTo(old);
	}
	return ExecClearTuple(t->slots[t->nslots++]);
}

void
writer_put_whole(Writer *w, Target target, const Datum *values, const bool *isnull)
{
	TupleTableSlot *slot = next_slot(w, target);
	int				natts = slot->tts_tupleDescriptor->natts;

	memcpy(slot->tts_values, values, natts * sizeof(Datum));
	memcpy(slot->tts_isnull, isnull, natts * sizeof(bool));
	ExecStoreVirtualTuple(slot);
	check_not_null(&w->open[target], slot);
}

void
writer_put(Writer *w, Target target, const Row *row)
{
	OpenTarget	   *t = &w->open[target];
	TupleTableSlot *slot = next_slot(w, target);

	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts * sizeof(bool));
	for (int i = 0; i < targets[target].ncolumns; i++)
	{
		slot->tts_values[t->attnum[i] - 1] = row->values[i];
		slot->tts_isnull[t->attnum[i] - 1] = row->isnull[i];
	}
	if (target == TO_EVENTS)
	{
		slot->tts_values[t->attnum[EVT_POS] - 1] =
			Int64GetDatum(nextval_internal(triage_relid("events_pos_seq"), false));
		slot->tts_isnull[t->attnum[EVT_POS] - 1] = false;
	}
	if (t->defaults != NIL)
		fill_added(w, t, slot);
	ExecStoreVirtualTuple(slot);
	check_not_null(t, slot);
}

void
writer_flush_some(Writer *w)
{
	CHECK_FOR_INTERRUPTS();
	if (MemoryContextMemAllocated(w->values, true) > FLUSH_BYTES)
		flush_all(w);
}

void
writer_close(Writer *w)
{
	flush_all(w);
	for (int i = 0; i < TARGET_COUNT; i++)
	{
		OpenTarget *t = &w->open[i];

		if (t->rel == NULL)
			continue;
		table_finish_bulk_insert(t->rel, 0);
		for (int s = 0; s < t->made; s++)
			ExecDropSingleTupleTableSlot(t->slots[s]);
		ExecCloseIndices(t->info);
		table_close(t->rel, NoLock);
	}
	FreeExecutorState(w->estate);
	MemoryContextDelete(w->owner);
	CommandCounterIncrement();
}

void
row_init(Row *row)
{
	memset(row->isnull, true, sizeof(row->isnull));
	memset(row->values, 0, sizeof(row->values));
}

void
row_set(Row *row, int column, Datum value)
{
	row->values[column] = value;
	row->isnull[column] = false;
}

void
row_text(Row *row, int column, const char *value)
{
	if (value != NULL)
		row_set(row, column, CStringGetTextDatum(value));
}

void
row_bytes(Row *row, int column, const void *bytes, size_t len)
{
	bytea *b = palloc(VARHDRSZ + len);

	SET_VARSIZE(b, VARHDRSZ + len);
	memcpy(VARDATA(b), bytes, len);
	row_set(row, column, PointerGetDatum(b));
}

void
row_int(Row *row, int column, int value)
{
	row_set(row, column, Int32GetDatum(value));
}

void
row_int64(Row *row, int column, int64 value)
{
	row_set(row, column, Int64GetDatum(value));
}

void
row_time(Row *row, int column, TimestampTz at)
{
	if (!TIMESTAMP_NOT_FINITE(at))
		row_set(row, column, TimestampTzGetDatum(at));
}
