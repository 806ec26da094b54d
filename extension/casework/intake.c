/*
 * intake.c
 *	  The triggers by which a row of triage.cases becomes a case.
 *
 * BEFORE ROW computes and changes NEW; it writes nothing and draws no number.
 * AFTER STATEMENT writes all that follows, for all rows at once.  What was
 * decided travels from one to the other in memory, by case_id; a row without
 * an entry, or one that a later trigger changed, is decided again.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "base/actor.h"
#include "base/catalog.h"
#include "base/clock.h"
#include "base/guc.h"
#include "base/names.h"
#include "base/spi.h"
#include "casework/caserow.h"
#include "casework/history.h"
#include "casework/intake_row.h"
#include "casework/repeats.h"
#include "casework/wake.h"

PG_FUNCTION_INFO_V1(triage_intake_before);
PG_FUNCTION_INFO_V1(triage_intake_after);

/* remembered decisions; beyond this rows are decided a second time, which costs less than the memory */
#define MAX_PENDING 131072

typedef struct Pending
{
	int64  case_id;	 /* key */
	uint32 inputs;	 /* digest of what the decision was made from */
	void  *decision; /* packed */
} Pending;

typedef struct Intake
{
	MemoryContext	 mcxt; /* NULL = no statement in progress */
	SubTransactionId subid;
	HTAB			*pending;
	Book			*book;
	TimestampTz		 now; /* one for the whole statement */
} Intake;

static Intake intake;

/*
 * Rows of this transaction that are taken as they came: nothing follows from
 * them.  Kept apart from Intake, which ends with any statement, also one that
 * a trigger runs while rows are being restored.  NULL = none.
 */
static HTAB *restored_rows = NULL;

/* set by report() for the one row it inserts */
static NextCase next;

/* set by open_task() for the one row it inserts: complete, and nothing follows from it here */
static int64 ready_case = 0;

void
intake_ready(int64 case_id)
{
	ready_case = case_id;
}

NextCase
intake_next(const NextCase *coming)
{
	NextCase before = next;

	next = *coming;
	return before;
}

NextCase
intake_next_done(const NextCase *before)
{
	NextCase done = next;

	next = *before;
	return done;
}

static void
intake_end(void)
{
	if (intake.mcxt == NULL)
		return;
	if (intake.book != NULL)
		book_release(intake.book);
	MemoryContextDelete(intake.mcxt);
	memset(&intake, 0, sizeof(intake));
}

static void
intake_begin(void)
{
	HASHCTL		  ctl = {0};
	MemoryContext mcxt;

	if (intake.mcxt != NULL)
		return;
	mcxt = AllocSetContextCreate(TopTransactionContext, "pg_triage intake", ALLOCSET_DEFAULT_SIZES);
	ctl.keysize = sizeof(int64);
	ctl.entrysize = sizeof(Pending);
	ctl.hcxt = mcxt;
	intake.pending = hash_create("pg_triage decisions", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	intake.mcxt = mcxt;
	intake.subid = GetCurrentSubTransactionId();
	intake.now = triage_clock();
	intake.book = book_acquire();
}

static void
at_subabort(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB && intake.mcxt != NULL && intake.subid == mine)
	{
		/* the hold on the book ends with the subtransaction by itself */
		intake.book = NULL;
		intake_end();
	}
}

static void
at_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
	{
		/* the context goes with the transaction, the hold on the book with book.c's own callback */
		memset(&intake, 0, sizeof(intake));
		memset(&next, 0, sizeof(next));
		ready_case = 0;
		restored_rows = NULL;
	}
}

void
intake_init(void)
{
	RegisterSubXactCallback(at_subabort, NULL);
	RegisterXactCallback(at_end, NULL);
	wake_init();
}

/* Digest of what a decision depends on and of what it said, as it stands in the finished row. */
static uint32
inputs_of(const CaseRow *row, const AttrNumber *att)
{
	static const CaseColumn columns[] = {CASE_CHANNEL, CASE_BODY,	CASE_AREA, CASE_CASE_TYPE,
										 CASE_ADDRESS, CASE_STATUS, CASE_LEAD, CASE_NATURE};
	uint32					h = 0;
	Jsonb				   *attrs = DatumGetJsonbP(case_value(row, att, CASE_ATTRS));

	for (int i = 0; i < (int) lengthof(columns); i++)
	{
		text *t;

		if (case_isnull(row, att, columns[i]))
		{
			h = hash_combine(h, 0x5bd1e995);
			continue;
		}
		t = DatumGetTextPP(case_value(row, att, columns[i]));
		h = hash_combine(h, hash_bytes((unsigned char *) VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t)));
	}
	if (!case_isnull(row, att, CASE_LOCATION))
		h = hash_combine(h, hash_bytes((const unsigned char *) case_location(row, att), sizeof(Point)));
	h = hash_combine(h, DatumGetInt32(case_value(row, att, CASE_PRIORITY)));
	h = hash_combine(h, DatumGetBool(case_value(row, att, CASE_DANGER)));
	return hash_combine(h, hash_bytes((unsigned char *) VARDATA(attrs), VARSIZE(attrs) - VARHDRSZ));
}

static void
check_trigger(FunctionCallInfo fcinfo, const char *when, bool ok)
{
	if (!CALLED_AS_TRIGGER(fcinfo) || !ok)
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("this function must be called as a trigger %s on triage.cases", when)));
}

/* Has this installation a row trigger that runs after ours? */
static bool
may_change_later(Relation rel)
{
	TriggerDesc *desc = rel->trigdesc;

	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
		if (TRIGGER_TYPE_MATCHES(desc->triggers[i].tgtype, TRIGGER_TYPE_ROW, TRIGGER_TYPE_BEFORE,
								 TRIGGER_TYPE_INSERT) &&
			strcmp(desc->triggers[i].tgname, "zz_intake_before") > 0)
			return true;
	return false;
}

static void
remember(int64 case_id, const Decision *d, uint32 inputs)
{
	Pending *p;
	bool	 found;

	if (hash_get_num_entries(intake.pending) >= MAX_PENDING)
		return;
	p = hash_search(intake.pending, &case_id, HASH_ENTER, &found);
	p->inputs = inputs;
	p->decision = decision_pack(d, intake.mcxt);
}

static void
remember_restored(int64 case_id)
{
	if (restored_rows == NULL)
	{
		HASHCTL ctl = {.keysize = sizeof(int64), .entrysize = sizeof(int64), .hcxt = TopTransactionContext};

		restored_rows =
			hash_create("pg_triage restored cases", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	hash_search(restored_rows, &case_id, HASH_ENTER, NULL);
}

Datum
triage_intake_before(PG_FUNCTION_ARGS)
{
	TriggerData		 *td = (TriggerData *) fcinfo->context;
	Relation		  rel;
	const AttrNumber *att;
	CaseRow			  row;
	Report			  report;
	Decision		  decision;

	check_trigger(fcinfo, "before insert for each row",
				  td != NULL && TRIGGER_FIRED_BEFORE(td->tg_event) && TRIGGER_FIRED_FOR_ROW(td->tg_event) &&
					  TRIGGER_FIRED_BY_INSERT(td->tg_event));
	rel = td->tg_relation;
	att = case_attnums(rel);
	row.desc = RelationGetDescr(rel);
	heap_deform_tuple(td->tg_trigtuple, row.desc, row.values, row.isnull);
	if (!case_isnull(&row, att, CASE_STATUS))
	{
		if (DatumGetInt64(case_value(&row, att, CASE_ID)) == ready_case)
			return PointerGetDatum(td->tg_trigtuple);
		/* a dump being restored, or a copy from another system: rows as they were */
		if (!triage_acts_as_owner())
			ereport(ERROR,
					(errcode(TRIAGE_ERRCODE_RIGHTS), errmsg("column \"status\" must not be given"),
					 errdetail("Only an administrator may load cases with the state they had elsewhere."),
					 errhint("Leave status, lead and the other decided columns out: intake fills them.")));
		remember_restored(DatumGetInt64(case_value(&row, att, CASE_ID)));
		return PointerGetDatum(td->tg_trigtuple);
	}
	intake_begin();
	intake_row_basics(&row, att, intake.book, intake.now);
	intake_row_report(intake.book, &row, att, intake.now, &report);
	if (next.repeats != NULL && DatumGetInt64(case_value(&row, att, CASE_ID)) == next.case_id)
	{
		report.repeats_of = repeats_count;
		report.repeats_arg = next.repeats;
	}
	decide(intake.book, &report, &decision);
	intake_row_decided(&row, att, intake.book, &decision, intake.now);
	remember(DatumGetInt64(case_value(&row, att, CASE_ID)), &decision,
			 may_change_later(rel) ? inputs_of(&row, att) : 0);
	return PointerGetDatum(heap_form_tuple(row.desc, row.values, row.isnull));
}

/* A trigger behind ours changed what the decision was made from: the row itself must follow. */
static void
correct_row(const CaseRow *row, const AttrNumber *att)
{
	static KeptPlan update = {
		.sql =
			"UPDATE triage.cases SET area = $2, case_type = $3, nature = $4, priority = $5,"
			" danger = $6, status = $7, lead = $8, confidence = $9, dispatched_at = $10 WHERE case_id = $1",
		.nargs = 10,
		.types = {INT8OID, TEXTOID, TEXTOID, TEXTOID, INT4OID, BOOLOID, TEXTOID, TEXTOID, FLOAT8OID,
				  TIMESTAMPTZOID}};
	static const CaseColumn columns[] = {CASE_ID,		  CASE_AREA,		 CASE_CASE_TYPE, CASE_NATURE,
										 CASE_PRIORITY,	  CASE_DANGER,		 CASE_STATUS,	 CASE_LEAD,
										 CASE_CONFIDENCE, CASE_DISPATCHED_AT};
	Datum					values[lengthof(columns)];
	char					nulls[lengthof(columns)];
	OwnerSwitch				sw;

	for (int i = 0; i < (int) lengthof(columns); i++)
	{
		values[i] = case_value(row, att, columns[i]);
		nulls[i] = case_isnull(row, att, columns[i]) ? 'n' : ' ';
	}
	triage_owner_begin(&sw);
	triage_run(&update, values, nulls, SPI_OK_UPDATE);
	triage_owner_end(&sw);
}

/* The row as its reporter gave it: without the place and the type that intake found. */
static void
forget_found(CaseRow *given, const AttrNumber *att, const Decision *before)
{
	char *area = case_text(given, att, CASE_AREA);
	char *type = case_text(given, att, CASE_CASE_TYPE);

	if (before->place_by != PLACE_GIVEN && area != NULL && before->area != NULL &&
		strcmp(area, before->area->code) == 0)
		case_set_null(given, att, CASE_AREA);
	if (before->verdict != VERDICT_GIVEN && type != NULL && before->type != NULL &&
		strcmp(type, before->type->code) == 0)
		case_set_null(given, att, CASE_CASE_TYPE);
}

/* A trigger behind ours changed the row: decide anew, and let the row follow. */
static void
decide_changed(CaseRow *row, const AttrNumber *att, const Decision *before, Report *report, Decision *d)
{
	CaseRow given = *row;

	forget_found(&given, att, before);
	intake_row_report(intake.book, &given, att, intake.now, report);
	decide(intake.book, report, d);
	intake_row_decided(row, att, intake.book, d, intake.now);
	correct_row(row, att);
}

/* The decision of this row was not kept in memory: make it again from what the row holds. */
static void
decide_forgotten(const CaseRow *row, const AttrNumber *att, Report *report, Decision *d)
{
	CaseRow given = *row;
	Area   *area;

	/* terms alone are never wholly sure: a type held for certain was given */
	if (DatumGetFloat8(case_value(row, att, CASE_CONFIDENCE)) < 1.0)
		case_set_null(&given, att, CASE_CASE_TYPE);
	intake_row_report(intake.book, &given, att, intake.now, report);
	area = report->area;
	report->area = NULL;
	decide(intake.book, report, d);
	/* the place may have been given: then the text alone finds another */
	if (d->area != area)
	{
		report->area = area;
		decide(intake.book, report, d);
	}
}

static void
note_hold(void)
{
	static KeptPlan hold = {
		.sql = "INSERT INTO triage.local_state (key, value, at)"
			   " VALUES ('hold', 'cases were loaded with their state', pg_catalog.clock_timestamp())"
			   " ON CONFLICT (key) DO NOTHING",
		.nargs = 0};
	OwnerSwitch sw;

	triage_owner_begin(&sw);
	triage_run(&hold, NULL, NULL, SPI_OK_INSERT);
	triage_owner_end(&sw);
}

/* Everything that follows from one new row; returns false for a restored one. */
static bool
follow_up(Writer *w, CaseRow *row, const AttrNumber *att, const char *actor)
{
	int64		  case_id = DatumGetInt64(case_value(row, att, CASE_ID));
	Pending		 *p = hash_search(intake.pending, &case_id, HASH_FIND, NULL);
	MemoryContext old = MemoryContextSwitchTo(writer_context(w));
	bool		  reported = case_id == next.case_id;
	Report		  report;
	Decision	  d;
	TimestampTz	  due_at;

	if (case_id == ready_case)
	{
		MemoryContextSwitchTo(old);
		return true;
	}
	if (restored_rows != NULL && hash_search(restored_rows, &case_id, HASH_REMOVE, NULL) != NULL)
	{
		MemoryContextSwitchTo(old);
		return false;
	}
	if (p == NULL)
		decide_forgotten(row, att, &report, &d);
	else
	{
		decision_unpack(p->decision, &d);
		if (p->inputs != 0 && p->inputs != inputs_of(row, att))
		{
			Decision before = d;

			decide_changed(row, att, &before, &report, &d);
		}
		else
		{
			memset(&report, 0, sizeof(report));
			report.channel = intake_channel(intake.book, case_text(row, att, CASE_CHANNEL));
			report.at = intake.now;
			if (d.verdict == VERDICT_GIVEN)
				report.given_type = d.type;
		}
	}
	due_at =
		intake_row_follow(w, intake.book, row, att, &report, &d, intake.now, actor, reported ? &next : NULL);
	if (reported)
		next.due_at = due_at;
	MemoryContextSwitchTo(old);
	return true;
}

Datum
triage_intake_after(PG_FUNCTION_ARGS)
{
	TriggerData		 *td = (TriggerData *) fcinfo->context;
	const AttrNumber *att;
	TupleTableSlot	 *slot;
	Writer			 *w;
	char			 *actor;
	bool			  restored = false;

	check_trigger(fcinfo, "after insert for each statement",
				  td != NULL && TRIGGER_FIRED_AFTER(td->tg_event) &&
					  TRIGGER_FIRED_FOR_STATEMENT(td->tg_event) && TRIGGER_FIRED_BY_INSERT(td->tg_event) &&
					  td->tg_newtable != NULL);
	if (tuplestore_tuple_count(td->tg_newtable) == 0)
	{
		intake_end();
		return PointerGetDatum(NULL);
	}
	intake_begin();
	att = case_attnums(td->tg_relation);
	actor = triage_actor_name();
	slot = MakeSingleTupleTableSlot(RelationGetDescr(td->tg_relation), &TTSOpsMinimalTuple);
	w = writer_open();
	tuplestore_rescan(td->tg_newtable);
	while (tuplestore_gettupleslot(td->tg_newtable, true, false, slot))
	{
		CaseRow row;

		slot_getallattrs(slot);
		row.desc = slot->tts_tupleDescriptor;
		memcpy(row.values, slot->tts_values, row.desc->natts * sizeof(Datum));
		memcpy(row.isnull, slot->tts_isnull, row.desc->natts * sizeof(bool));
		restored |= !follow_up(w, &row, att, actor);
		writer_flush_some(w);
	}
	ExecDropSingleTupleTableSlot(slot);
	writer_close(w);
	intake_end();
	if (restored)
		note_hold();
	return PointerGetDatum(NULL);
}
