/*
 * signature.c
 *	  Signs cases after intake, links repeats and suggests duplicates.
 *
 * Intake does none of this: the timekeeper and tick() follow it.  A case
 * without a row in case_signatures is one that waits.  They are looked for
 * from a low mark on, kept in local_state: below it all are signed.  Numbers
 * are drawn before transactions commit, so the mark moves to where the numbers
 * were only when every transaction that ran then has ended; and once a day all
 * cases are looked through, for numbers that came from elsewhere.
 *
 * A row lock on the mark keeps a second worker or tick() away.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/geo_decls.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/spi.h"
#include "casework/act.h"
#include "casework/signature.h"
#include "casework/similar.h"

/* numbers drawn by transactions that have not written yet lie this near below the highest */
#define MARGIN 256
/* cases that wait: more come from a bulk load, whose duplicates nobody is shown unasked */
#define BULK 2000
/* older cases are being restored or copied, not reported */
#define FRESH_US (INT64CONST(24) * USECS_PER_HOUR)
/* shown to the operator at most */
#define MOST_SUGGESTED 3
/* texts that are counted for the weights, and cases that make it worth while */
#define COUNTED_TEXTS 8192
#define FIRST_COUNT	  50

/* ---- the mark ---- */

typedef struct Mark
{
	int64 from;	 /* where the next look begins: at low, or where a look through all has come to */
	int64 low;	 /* all cases up to here are signed */
	int64 next;	 /* so they are up to here when ... */
	int64 xid;	 /* ... no transaction before this one runs any more */
	int64 swept; /* day of the last look through all cases, days since 2000 */
	int64 texts; /* signatures of texts made so far */
} Mark;

static bool
parse_mark(const char *value, Mark *mark)
{
	long long from, low, next, xid, swept, n;

	memset(mark, 0, sizeof(Mark));
	if (value == NULL ||
		sscanf(value, "%lld %lld %lld %lld %lld %lld", &from, &low, &next, &xid, &swept, &n) != 6)
		return false;
	*mark = (Mark){from, low, next, xid, swept, n};
	return true;
}

static void
read_mark(Mark *mark)
{
	static KeptPlan plan = {.sql = "SELECT s.value FROM triage.local_state s WHERE s.key = 'signed'",
							.nargs = 0};

	parse_mark(triage_run(&plan, NULL, NULL, SPI_OK_SELECT) == 1 ? triage_result_text(0, 1) : NULL, mark);
}

/* false: somebody else has it */
static bool
lock_mark(Mark *mark)
{
	static KeptPlan make = {.sql = "INSERT INTO triage.local_state (key, value, at)"
								   " VALUES ('signed', '0 0 0 0 0 0', pg_catalog.clock_timestamp())"
								   " ON CONFLICT (key) DO NOTHING",
							.nargs = 0};
	static KeptPlan take = {.sql = "SELECT s.value FROM triage.local_state s WHERE s.key = 'signed'"
								   " FOR UPDATE SKIP LOCKED",
							.nargs = 0};
	static KeptPlan look = {.sql = "SELECT 1 FROM triage.local_state s WHERE s.key = 'signed'", .nargs = 0};

	if (triage_run(&look, NULL, NULL, SPI_OK_SELECT) == 0)
		triage_run(&make, NULL, NULL, SPI_OK_INSERT);
	if (triage_run(&take, NULL, NULL, SPI_OK_SELECT) != 1)
		return false;
	(void) parse_mark(triage_result_text(0, 1), mark);
	return true;
}

static void
write_mark(const Mark *mark)
{
	static KeptPlan plan = {.sql =
								"UPDATE triage.local_state SET value = $1, at = pg_catalog.clock_timestamp()"
								" WHERE key = 'signed'",
							.nargs = 1,
							.types = {TEXTOID}};
	Datum			args[1] = {
				  CStringGetTextDatum(psprintf("%lld %lld %lld %lld %lld %lld", (long long) mark->from,
											   (long long) mark->low, (long long) mark->next, (long long) mark->xid,
											   (long long) mark->swept, (long long) mark->texts))};

	triage_run(&plan, args, NULL, SPI_OK_UPDATE);
}

/* Everything that waits above the mark was signed: move it as far as may be. */
static void
move_mark(Mark *mark)
{
	static KeptPlan plan = {
		.sql =
			"SELECT coalesce((SELECT max(c.case_id) FROM triage.cases c), 0),"
			" pg_catalog.pg_snapshot_xmin(s.s)::text::bigint, pg_catalog.pg_snapshot_xmax(s.s)::text::bigint"
			" FROM (SELECT pg_catalog.pg_current_snapshot()) s(s)",
		.nargs = 0};
	int64 highest, xmin;

	triage_run(&plan, NULL, NULL, SPI_OK_SELECT);
	highest = Max(triage_result_int(0, 1, 0) - MARGIN, 0);
	xmin = triage_result_int(0, 2, 0);
	if (mark->next > mark->low && xmin >= mark->xid)
		mark->low = mark->next;
	if (highest > mark->next && mark->next <= mark->low)
	{
		mark->next = highest;
		mark->xid = triage_result_int(0, 3, 0);
	}
}

/* ---- one case ---- */

typedef struct Waiting
{
	int64		case_id;
	TimestampTz received_at;
	bool		standing;
	int			priority;
	char	   *channel;
	char	   *contact;
	char	   *external_ref;
} Waiting;

static int
find_waiting(int64 low, int max, Waiting **out)
{
	static KeptPlan plan = {
		.sql =
			"SELECT c.case_id, c.received_at, c.status NOT IN ('closed', 'merged', 'void'), c.priority, c.channel,"
			" c.contact, c.external_ref FROM triage.cases c WHERE c.case_id > $1"
			" AND NOT EXISTS (SELECT 1 FROM triage.case_signatures s WHERE s.case_id = c.case_id)"
			" ORDER BY c.case_id LIMIT $2",
		.nargs = 2,
		.types = {INT8OID, INT8OID}};
	Datum args[2] = {Int64GetDatum(low), Int64GetDatum(max)};
	int	  n = triage_run(&plan, args, NULL, SPI_OK_SELECT);
	bool  isnull;

	*out = palloc(Max(n, 1) * sizeof(Waiting));
	for (int i = 0; i < n; i++)
	{
		Waiting *w = &(*out)[i];

		w->case_id = triage_result_int(i, 1, 0);
		w->received_at = DatumGetTimestampTz(triage_result(i, 2, &isnull));
		w->standing = DatumGetBool(triage_result(i, 3, &isnull));
		w->priority = triage_result_int(i, 4, 4);
		w->channel = triage_result_text(i, 5);
		w->contact = triage_result_text(i, 6);
		w->external_ref = triage_result_text(i, 7);
	}
	SPI_freetuptable(SPI_tuptable);
	return n;
}

#define SIGNATURE_TYPES                                                   \
	{                                                                     \
		INT8OID, TIMESTAMPTZOID, TEXTOID, INT8OID, POINTOID, INT4ARRAYOID \
	}

/* Write the case's signature, or, when it has one, write it anew; returns the number of rows. */
static uint64
put_signature(const Matter *m, bool anew)
{
	static KeptPlan insert = {
		.sql =
			"INSERT INTO triage.case_signatures (case_id, reported_at, case_type, cell, location, signature)"
			" VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
		.nargs = 6,
		.types = SIGNATURE_TYPES};
	static KeptPlan update = {
		.sql = "UPDATE triage.case_signatures SET reported_at = $2, case_type = $3, cell = $4, location = $5,"
			   " signature = $6 WHERE case_id = $1",
		.nargs = 6,
		.types = SIGNATURE_TYPES};
	Datum numbers[SIGNATURE_SIZE];
	Point place = m->location;
	Datum args[6] = {Int64GetDatum(m->case_id), TimestampTzGetDatum(m->at)};
	char  nulls[6] = {' ', ' ', 'n', 'n', 'n', 'n'};

	if (m->type != NULL)
	{
		args[2] = CStringGetTextDatum(m->type->code);
		nulls[2] = ' ';
	}
	if (m->located)
	{
		args[3] = Int64GetDatum(grid_cell(&place));
		args[4] = PointPGetDatum(&place);
		nulls[3] = nulls[4] = ' ';
	}
	if (m->nsignature > 0)
	{
		for (int i = 0; i < m->nsignature; i++)
			numbers[i] = Int32GetDatum((int32) m->signature[i]);
		args[5] = PointerGetDatum(construct_array(numbers, m->nsignature, INT4OID, sizeof(int32), true, 'i'));
		nulls[5] = ' ';
	}
	return triage_run(anew ? &update : &insert, args, nulls, anew ? SPI_OK_UPDATE : SPI_OK_INSERT);
}

static int
count_links(int64 case_id)
{
	static KeptPlan plan = {.sql = "SELECT count(*) FROM triage.links l WHERE l.case_id = $1"
								   " AND l.rule IS NOT NULL",
							.nargs = 1,
							.types = {INT8OID}};
	Datum			args[1] = {Int64GetDatum(case_id)};

	triage_run(&plan, args, NULL, SPI_OK_SELECT);
	return triage_result_int(0, 1, 0);
}

/* The case was taken in without knowing of the repeats: it becomes more urgent now. */
static void
raise_priority(int64 case_id, int repeats)
{
	Act act;

	/* who holds the case just now is at work on it */
	if (!act_try_begin_inner(&act, "raise", case_id))
		return;
	if (act.c.priority > 2 && !act.c.danger)
	{
		act.c.priority--;
		case_set(&act.row, act.att, CASE_PRIORITY, Int32GetDatum(act.c.priority));
		jb_text(&act.data, "because", "repeats");
		jb_int(&act.data, "repeats", repeats);
		jb_int(&act.data, "priority", act.c.priority);
	}
	else
		act.quiet = true;
	act_end_inner(&act);
}

static void
link_repeats(Book *book, const Waiting *w, const Matter *m, TimestampTz now)
{
	Repeats	 found;
	Channel *channel = book_channel(book, w->channel, strlen(w->channel));
	RepeatOf of = {channel,	   m->case_id,		m->reporter,
				   w->contact, w->external_ref, m->located ? &m->location : NULL,
				   m->at};
	bool	 raise = false;
	int		 before, n;

	/* a channel that was retired meanwhile */
	if (channel == NULL)
		return;
	repeats_find(book, &of, &found);
	n = found.n > 0 ? repeats_count(&found, m->type, &raise) : 0;
	if (n == 0)
		return;
	before = count_links(m->case_id);
	if (repeats_link(&found, m->case_id, m->type, now) > 0 && raise && w->standing && before == 0)
		raise_priority(m->case_id, n);
}

static void
suggest(Book *book, const Matter *m, TimestampTz now)
{
	static KeptPlan plan = {
		.sql = "INSERT INTO triage.suggestions (case_id, linked_case, score, reason, rule, rule_version, at)"
			   " VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7) ON CONFLICT DO NOTHING",
		.nargs = 7,
		.types = {INT8OID, INT8OID, FLOAT8OID, TEXTOID, TEXTOID, INT8OID, TIMESTAMPTZOID}};
	const RepeatRule *rule = repeat_rule(book, BY_MATTER, m->type, NULL);
	Similar			  found[MOST_SUGGESTED];
	int				  n;

	if (rule == NULL)
		return;
	n = similar_find(book, m, rule, found, MOST_SUGGESTED);
	for (int i = 0; i < n && found[i].score >= rule->min_score; i++)
	{
		Datum args[7] = {Int64GetDatum(m->case_id),		  Int64GetDatum(found[i].case_id),
						 Float8GetDatum(found[i].score),  CStringGetTextDatum(found[i].reason),
						 CStringGetTextDatum(rule->code), Int64GetDatum(book->version),
						 TimestampTzGetDatum(now)};

		triage_run(&plan, args, NULL, SPI_OK_INSERT);
	}
}

/* ---- weights of text ---- */

/* Count anew when there are twice as many cases as last time. */
static void
count_texts(int64 cases, TimestampTz now)
{
	static KeptPlan last = {.sql = "SELECT w.cases, w.version FROM triage.text_weights w", .nargs = 0};
	static KeptPlan texts = {
		.sql = "SELECT pg_catalog.left(c.body, " CppAsString2(
			SIMILAR_CHARS) ") FROM triage.cases c"
						   " WHERE c.body IS NOT NULL ORDER BY c.case_id DESC LIMIT " CppAsString2(
							   COUNTED_TEXTS),
		.nargs = 0};
	static KeptPlan store = {
		.sql = "INSERT INTO triage.text_weights AS w (version, at, cases, value) VALUES ($1, $2, $3, $4)"
			   " ON CONFLICT (one) DO UPDATE SET version = $1, at = $2, cases = $3, value = $4",
		.nargs = 4,
		.types = {INT8OID, TIMESTAMPTZOID, INT8OID, BYTEAOID}};
	bool	known = triage_run(&last, NULL, NULL, SPI_OK_SELECT) == 1;
	int64	before = known ? triage_result_int(0, 1, 0) : 0;
	int64	version = known ? triage_result_int(0, 2, 0) : 0;
	size_t	room = 65536;
	size_t	n = 0;
	uint64	ntexts;
	uint32 *hashes;
	bytea  *value;
	Datum	args[4];

	if (cases < FIRST_COUNT || cases < 2 * before)
		return;
	ntexts = triage_run(&texts, NULL, NULL, SPI_OK_SELECT);
	hashes = palloc(room * sizeof(uint32));
	for (uint64 i = 0; i < ntexts; i++)
	{
		Matter m = {0};
		char  *body = triage_result_text(i, 1);

		CHECK_FOR_INTERRUPTS();
		matter_text(&m, body);
		pfree(body);
		if (n + m.nfeatures > room)
		{
			room = Max(room * 2, n + m.nfeatures);
			hashes = repalloc_huge(hashes, room * sizeof(uint32));
		}
		for (int f = 0; f < m.nfeatures; f++)
			hashes[n++] = m.features[f].hash;
		if (m.features != NULL)
			pfree(m.features);
	}
	value = palloc(VARHDRSZ + TEXT_WEIGHTS_SIZE(MAX_WEIGHTS));
	SET_VARSIZE(value, VARHDRSZ + text_weights_make(hashes, n, ntexts, VARDATA(value)));
	args[0] = Int64GetDatum(version + 1);
	args[1] = TimestampTzGetDatum(now);
	args[2] = Int64GetDatum(cases);
	args[3] = PointerGetDatum(value);
	triage_run(&store, args, NULL, SPI_OK_INSERT);
	pfree(hashes);
}

/* ---- the run ---- */

/* In a context of its own: a batch must not add up.  Has the case a text? */
static bool
look_after(Book *book, const Waiting *w, TimestampTz now, bool bulk)
{
	MemoryContext mcxt =
		AllocSetContextCreate(CurrentMemoryContext, "pg_triage signature", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	OwnerSwitch	  sw;
	Matter		  m;
	bool		  text = false;

	triage_owner_begin(&sw);
	MemoryContextSwitchTo(mcxt);
	if (matter_of_case(book, w->case_id, &m))
	{
		put_signature(&m, false);
		text = m.nsignature > 0;
		if (w->received_at >= now - FRESH_US)
		{
			link_repeats(book, w, &m, now);
			if (w->standing && !bulk)
				suggest(book, &m, now);
		}
	}
	triage_owner_end(&sw);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(mcxt);
	return text;
}

void
signature_due(int64 case_id)
{
	static KeptPlan plan = {.sql = "INSERT INTO triage.signatures_due (case_id) VALUES ($1)"
								   " ON CONFLICT DO NOTHING",
							.nargs = 1,
							.types = {INT8OID}};
	Datum			args[1] = {Int64GetDatum(case_id)};

	triage_run(&plan, args, NULL, SPI_OK_INSERT);
}

/* One that is not signed yet is signed as it now is, with all others. */
static void
renew(Book *book, int64 case_id, bool standing, TimestampTz now)
{
	static KeptPlan forget = {.sql = "DELETE FROM triage.suggestions s WHERE s.case_id = $1",
							  .nargs = 1,
							  .types = {INT8OID}};
	Datum			args[1] = {Int64GetDatum(case_id)};
	Matter			m;

	if (!matter_of_case(book, case_id, &m) || put_signature(&m, true) == 0 || !standing)
		return;
	triage_run(&forget, args, NULL, SPI_OK_DELETE);
	suggest(book, &m, now);
}

/* Sign anew what changed; returns how many.  A verb that is just putting one back has it to itself. */
static int
renew_due(Book *book, TimestampTz now, int max)
{
	static KeptPlan plan = {
		.sql = "DELETE FROM triage.signatures_due d USING triage.cases c WHERE c.case_id = d.case_id"
			   " AND d.case_id = ANY (ARRAY(SELECT x.case_id FROM triage.signatures_due x"
			   " ORDER BY x.case_id LIMIT $1 FOR UPDATE SKIP LOCKED))"
			   " RETURNING d.case_id, c.status NOT IN ('closed', 'merged', 'void')",
		.nargs = 1,
		.types = {INT8OID}};
	Datum		   args[1] = {Int64GetDatum((int64) max)};
	int			   n = triage_run(&plan, args, NULL, SPI_OK_DELETE_RETURNING);
	SPITupleTable *due = SPI_tuptable;
	bool		   isnull;

	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		renew(book, DatumGetInt64(SPI_getbinval(due->vals[i], due->tupdesc, 1, &isnull)),
			  DatumGetBool(SPI_getbinval(due->vals[i], due->tupdesc, 2, &isnull)), now);
	}
	return n;
}

/* Do many more wait than are taken now? */
static bool
is_bulk(int64 low)
{
	static KeptPlan plan = {
		.sql = "SELECT count(*) FROM (SELECT 1 FROM triage.cases c WHERE c.case_id > $1"
			   " AND NOT EXISTS (SELECT 1 FROM triage.case_signatures s WHERE s.case_id = c.case_id)"
			   " LIMIT " CppAsString2(BULK) ") x",
		.nargs = 1,
		.types = {INT8OID}};
	Datum args[1] = {Int64GetDatum(low)};

	triage_run(&plan, args, NULL, SPI_OK_SELECT);
	return triage_result_int(0, 1, 0) >= BULK;
}

static bool
anything_to_do(const Mark *mark, int64 today)
{
	static KeptPlan plan = {
		.sql = "SELECT 1 WHERE EXISTS (SELECT 1 FROM triage.cases c WHERE c.case_id > $1"
			   " AND NOT EXISTS (SELECT 1 FROM triage.case_signatures s WHERE s.case_id = c.case_id))"
			   " OR (SELECT max(c.case_id) FROM triage.cases c) > $2"
			   " OR EXISTS (SELECT 1 FROM triage.signatures_due)",
		.nargs = 2,
		.types = {INT8OID, INT8OID}};
	Datum args[2] = {Int64GetDatum(mark->from), Int64GetDatum(mark->low + MARGIN)};

	return mark->swept != today || triage_run(&plan, args, NULL, SPI_OK_SELECT) > 0;
}

int
signatures_run(TimestampTz now, int max_cases)
{
	int64		today = GetCurrentTimestamp() / USECS_PER_DAY;
	OwnerSwitch sw;
	Book	   *book;
	Mark		mark, before;
	Waiting	   *waiting;
	int			n = 0;
	int			renewed = 0;

	triage_owner_begin(&sw);
	read_mark(&mark);
	if (anything_to_do(&mark, today) && lock_mark(&mark))
	{
		before = mark;
		if (mark.swept != today)
			mark.from = 0;
		mark.swept = today;
		n = find_waiting(mark.from, max_cases, &waiting);
		book = book_acquire();
		if (n > 0)
		{
			bool bulk = n >= BULK || (n == max_cases && is_bulk(mark.from));

			for (int i = 0; i < n; i++)
			{
				CHECK_FOR_INTERRUPTS();
				mark.texts += look_after(book, &waiting[i], now, bulk);
			}
			count_texts(mark.texts, now);
		}
		renewed = renew_due(book, now, max_cases);
		book_release(book);
		if (n == max_cases)
			mark.from = waiting[n - 1].case_id;
		else
		{
			move_mark(&mark);
			mark.from = mark.low;
		}
		if (memcmp(&mark, &before, sizeof(Mark)) != 0)
			write_mark(&mark);
	}
	triage_owner_end(&sw);
	return Max(n, renewed);
}
