/*
 * repeats.c
 *	  Rules of repeats and the earlier cases they apply to.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/catalog.h"
#include "base/spi.h"
#include "casework/contact.h"
#include "casework/repeats.h"

static const char *const by_names[] = {"person", "place", "reference", "sensor", "matter", NULL};

/* earlier cases of one kind that count */
#define MOST_EARLIER 20
/* a case is linked to so many of those it repeats, the newest of each kind */
#define MOST_LINKS 5

/* ---- the rules ---- */

typedef struct RuleSet
{
	MemoryContext mcxt; /* NULL = nothing is kept */
	int64		  version;
	unsigned char digest[16];
	int			  n;
	RepeatRule	 *rules; /* by code */
} RuleSet;

static RuleSet kept_rules;

static RepeatBy
by_of(const char *name)
{
	for (int i = 0; by_names[i] != NULL; i++)
		if (strcmp(by_names[i], name) == 0)
			return (RepeatBy) i;
	elog(ERROR, "unexpected kind of repeat rule \"%s\"", name);
}

static void
read_rule(uint64 row, RepeatRule *r)
{
	bool isnull;

	r->code = triage_result_text(row, 1);
	r->by = by_of(triage_result_text(row, 2));
	r->case_type = triage_result_text(row, 3);
	r->channel = triage_result_text(row, 4);
	r->days = triage_result_int(row, 5, 1);
	r->radius_m = triage_result_int(row, 6, 0);
	r->min_score = DatumGetFloat8(triage_result(row, 7, &isnull));
	r->same_group = DatumGetBool(triage_result(row, 8, &isnull));
	r->kind = triage_result_text(row, 9);
	r->raise_at = triage_result_int(row, 10, 0);
	r->fold = DatumGetBool(triage_result(row, 11, &isnull));
}

/* The rules as of the book's version, read anew when it changed. */
static const RuleSet *
the_rules(Book *book)
{
	static KeptPlan plan = {.sql = "SELECT r.code, r.same, r.case_type, r.channel, r.days, r.radius_m,"
								   " coalesce(r.min_score, 0), r.same_group, r.kind, r.raise_at, r.fold"
								   " FROM triage.repeat_rules r WHERE r.active ORDER BY r.code",
							.nargs = 0};
	RuleSet			fresh = {0};
	MemoryContext	old;

	if (kept_rules.mcxt != NULL && kept_rules.version == book->version &&
		memcmp(kept_rules.digest, book->digest, sizeof(kept_rules.digest)) == 0)
		return &kept_rules;
	triage_read(&plan, NULL, NULL);
	fresh.mcxt = AllocSetContextCreate(CurrentMemoryContext, "pg_triage repeat rules", ALLOCSET_SMALL_SIZES);
	fresh.version = book->version;
	memcpy(fresh.digest, book->digest, sizeof(fresh.digest));
	fresh.n = SPI_processed;
	old = MemoryContextSwitchTo(fresh.mcxt);
	fresh.rules = palloc0(Max(fresh.n, 1) * sizeof(RepeatRule));
	for (int i = 0; i < fresh.n; i++)
		read_rule(i, &fresh.rules[i]);
	MemoryContextSwitchTo(old);
	if (kept_rules.mcxt != NULL)
		MemoryContextDelete(kept_rules.mcxt);
	MemoryContextSetParent(fresh.mcxt, TopMemoryContext);
	kept_rules = fresh;
	return &kept_rules;
}

/* How near a rule is to the case: its channel first, then the depth of its type; -1 = it does not hold. */
static int
nearness(const RepeatRule *r, const CaseType *type, const char *channel)
{
	int near = 0;

	if (r->channel != NULL)
	{
		if (channel == NULL || strcmp(r->channel, channel) != 0)
			return -1;
		near = 1000;
	}
	if (r->case_type == NULL)
		return near;
	for (const CaseType *t = type; t != NULL; t = t->parent)
		if (strcmp(t->code, r->case_type) == 0)
			return near + 1 + t->depth;
	return -1;
}

const RepeatRule *
repeat_rule(Book *book, RepeatBy by, const CaseType *type, const char *channel)
{
	const RuleSet	 *set = the_rules(book);
	const RepeatRule *best = NULL;
	int				  best_near = -1;

	for (int i = 0; i < set->n; i++)
	{
		int near = set->rules[i].by == by ? nearness(&set->rules[i], type, channel) : -1;

		if (near > best_near)
		{
			best = &set->rules[i];
			best_near = near;
		}
	}
	return best;
}

/* The longest window and the widest circle of a kind's rules; false = there is none. */
static bool
reach_of(Book *book, RepeatBy by, int *days, int *radius_m)
{
	const RuleSet *set = the_rules(book);

	*days = *radius_m = 0;
	for (int i = 0; i < set->n; i++)
		if (set->rules[i].by == by)
		{
			*days = Max(*days, set->rules[i].days);
			*radius_m = Max(*radius_m, set->rules[i].radius_m);
		}
	return *days > 0;
}

bool
repeats_may_fold(Book *book, const Channel *channel)
{
	const RuleSet *set = the_rules(book);

	for (int i = 0; i < set->n; i++)
		if (set->rules[i].fold && strcmp(set->rules[i].channel, channel->code) == 0)
			return true;
	return false;
}

/* ---- earlier cases ---- */

static const CaseType *
type_of(Book *book, const char *code)
{
	return code != NULL ? book_type(book, code, strlen(code)) : NULL;
}

/* Rows of (case_id, case_type, at, open, location). */
static void
take(Repeats *found, RepeatBy by, const Point *from, int radius_m)
{
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(found->earlier));
	bool		  isnull;

	for (uint64 i = 0; i < SPI_processed && found->n < MOST_EARLIER * REPEAT_BY_COUNT; i++)
	{
		Earlier e = {0};

		e.case_id = triage_result_int(i, 1, 0);
		e.by = by;
		e.type = type_of(found->book, triage_result_text(i, 2));
		e.at = DatumGetTimestampTz(triage_result(i, 3, &isnull));
		e.open = DatumGetBool(triage_result(i, 4, &isnull));
		if (from != NULL)
		{
			Datum there = triage_result(i, 5, &isnull);

			if (isnull || (e.meters = meters_between(from, DatumGetPointP(there))) > radius_m)
				continue;
		}
		found->earlier[found->n++] = e;
	}
	MemoryContextSwitchTo(old);
}

/*
 * Is there a row of another case with this value?  Hardly ever, so it is asked
 * first, by one look into an index and without an executor.  true = may be.
 */
static bool
may_be_there(const char *table, const char *column, const char *index_name, RegProcedure equals, Datum value,
			 int64 case_id)
{
	Relation	rel = table_open(triage_relid(table), AccessShareLock);
	Oid			index = get_relname_relid(index_name, RelationGetNamespace(rel));
	AttrNumber	att = triage_attnum(rel, "case_id");
	Snapshot	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tup;
	bool		found = !OidIsValid(index);

	ScanKeyInit(&key, triage_attnum(rel, column), BTEqualStrategyNumber, equals, value);
	/* without its index it is left to the planner */
	scan = systable_beginscan(rel, index, !found, snapshot, 1, &key);
	while (!found && HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		bool isnull;

		found = DatumGetInt64(heap_getattr(tup, att, RelationGetDescr(rel), &isnull)) != case_id;
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	return found;
}

#define NOT_GONE "c.status NOT IN ('merged', 'void')"
#define STANDING "c.status NOT IN ('closed', 'merged', 'void')"

static void
find_by_key(Repeats *found, RepeatBy by, const RepeatOf *of, const unsigned char *key, int days)
{
	static KeptPlan plan = {
		.sql = "SELECT c.case_id, c.case_type, s.reported_at, " STANDING " FROM triage.case_sources s"
			   " CROSS JOIN LATERAL (SELECT x.* FROM triage.cases x WHERE x.case_id = s.case_id LIMIT 1) c"
			   " WHERE s.contact_key = $1 AND s.reported_at >= $2 AND s.reported_at <= $3 AND s.case_id <> $4"
			   " AND (s.reported_at < $3 OR s.case_id < $4) AND " NOT_GONE
			   " ORDER BY s.reported_at DESC LIMIT 20",
		.nargs = 4,
		.types = {BYTEAOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID}};
	bytea *value = palloc(VARHDRSZ + CONTACT_KEY_LEN);
	Datum  args[4] = {PointerGetDatum(value), TimestampTzGetDatum(of->at - days * USECS_PER_DAY),
					  TimestampTzGetDatum(of->at), Int64GetDatum(of->case_id)};

	SET_VARSIZE(value, VARHDRSZ + CONTACT_KEY_LEN);
	memcpy(VARDATA(value), key, CONTACT_KEY_LEN);
	if (!may_be_there("case_sources", "contact_key", "case_sources_contact_idx", F_BYTEAEQ, args[0],
					  of->case_id))
		return;
	triage_read(&plan, args, NULL);
	take(found, by, NULL, 0);
}

/*
 * The same reference on another channel.  The limits of one row, which the
 * keys hold to anyhow, keep the server from joining tables from end to end: a
 * plan that was made while they were empty would do that for ever.
 */
static void
find_by_reference(Repeats *found, const RepeatOf *of, int days)
{
	static KeptPlan plan = {
		.sql =
			"SELECT c.case_id, c.case_type, c.reported_at, " STANDING " FROM triage.channels h"
			" CROSS JOIN LATERAL (SELECT x.case_id FROM triage.case_refs x"
			" WHERE x.channel = h.code AND x.external_ref = $1 LIMIT 1) r"
			" CROSS JOIN LATERAL (SELECT x.* FROM triage.cases x WHERE x.case_id = r.case_id LIMIT 1) c"
			" WHERE c.reported_at >= $2 AND c.case_id <> $4 AND (c.reported_at, c.case_id) < ($3, $4) AND " NOT_GONE
			" ORDER BY c.reported_at DESC LIMIT 20",
		.nargs = 4,
		.types = {TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID}};
	Datum args[4] = {CStringGetTextDatum(of->external_ref),
					 TimestampTzGetDatum(of->at - days * USECS_PER_DAY), TimestampTzGetDatum(of->at),
					 Int64GetDatum(of->case_id)};

	triage_read(&plan, args, NULL);
	take(found, BY_REFERENCE, NULL, 0);
}

static void
find_by_place(Repeats *found, const RepeatOf *of, int days, int radius_m)
{
	static KeptPlan plan = {
		.sql =
			"SELECT c.case_id, c.case_type, c.reported_at, " STANDING ", c.location"
			" FROM pg_catalog.unnest($1) u(cell) CROSS JOIN LATERAL (SELECT s.case_id"
			" FROM triage.case_signatures s WHERE s.cell = u.cell AND s.reported_at >= $2 AND s.reported_at <= $3"
			" ORDER BY s.reported_at DESC LIMIT 50) s"
			" CROSS JOIN LATERAL (SELECT x.* FROM triage.cases x WHERE x.case_id = s.case_id LIMIT 1) c"
			" WHERE (c.reported_at, c.case_id) < ($3, $4) AND " NOT_GONE " ORDER BY c.reported_at DESC",
		.nargs = 4,
		.types = {INT8ARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID}};
	int64 cells[MAX_CELLS];
	int	  n = grid_cells(of->location, radius_m, cells, MAX_CELLS);
	Datum values[MAX_CELLS];
	Datum args[4];

	for (int i = 0; i < n; i++)
		values[i] = Int64GetDatum(cells[i]);
	args[0] = PointerGetDatum(construct_array(values, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, 'd'));
	args[1] = TimestampTzGetDatum(of->at - days * USECS_PER_DAY);
	args[2] = TimestampTzGetDatum(of->at);
	args[3] = Int64GetDatum(of->case_id);
	triage_read(&plan, args, NULL);
	take(found, BY_PLACE, of->location, radius_m);
}

void
repeats_find(Book *book, const RepeatOf *of, Repeats *found)
{
	unsigned char key[CONTACT_KEY_LEN];
	int			  days, radius_m;

	memset(found, 0, sizeof(Repeats));
	found->book = book;
	found->channel = of->channel;
	found->at = of->at;
	found->earlier = palloc(MOST_EARLIER * REPEAT_BY_COUNT * sizeof(Earlier));
	if (of->contact != NULL && reach_of(book, BY_PERSON, &days, &radius_m) &&
		contact_key(of->contact, false, key))
		find_by_key(found, BY_PERSON, of, key, days);
	if (of->contact == NULL && of->reporter != NULL && of->channel->kind == CHANNEL_SENSOR &&
		reach_of(book, BY_SENSOR, &days, &radius_m) &&
		sender_key(of->channel->code, of->reporter, false, key))
		find_by_key(found, BY_SENSOR, of, key, days);
	if (of->external_ref != NULL && reach_of(book, BY_REFERENCE, &days, &radius_m) &&
		may_be_there("case_refs", "external_ref", "case_refs_reference_idx", F_TEXTEQ,
					 CStringGetTextDatum(of->external_ref), of->case_id))
		find_by_reference(found, of, days);
	if (of->location != NULL && point_is_place(of->location) && reach_of(book, BY_PLACE, &days, &radius_m))
		find_by_place(found, of, days, radius_m);
}

/* ---- judging ---- */

static bool
same_group(const CaseType *a, const CaseType *b)
{
	if (a == NULL || b == NULL)
		return false;
	return a == b || a->parent == b || b->parent == a || (a->parent != NULL && a->parent == b->parent);
}

/* The rules that hold for a case of this type, one of each kind. */
typedef struct Held
{
	const RepeatRule *rules[REPEAT_BY_COUNT];
} Held;

static void
hold(const Repeats *found, const CaseType *type, Held *held)
{
	for (int by = 0; by < REPEAT_BY_COUNT; by++)
		held->rules[by] = repeat_rule(found->book, by, type, found->channel->code);
}

/* The rule by which a case of this type repeats this earlier one, NULL = it does not. */
static const RepeatRule *
rule_of(const Repeats *found, const Held *held, const Earlier *e, const CaseType *type)
{
	const RepeatRule *r = held->rules[e->by];

	if (r == NULL || e->at < found->at - r->days * USECS_PER_DAY ||
		(e->by == BY_PLACE && e->meters > r->radius_m) || (r->same_group && !same_group(e->type, type)))
		return NULL;
	return r;
}

/* Has this case been met before in the list, by another kind or source? */
static bool
met_before(const Repeats *found, const Held *held, int i, const CaseType *type)
{
	for (int j = 0; j < i; j++)
		if (found->earlier[j].case_id == found->earlier[i].case_id &&
			rule_of(found, held, &found->earlier[j], type) != NULL)
			return true;
	return false;
}

int
repeats_count(void *arg, const CaseType *type, bool *raise)
{
	const Repeats *found = arg;
	Held		   held;
	int			   n = 0;
	int			   raise_at = 0;

	hold(found, type, &held);
	for (int i = 0; i < found->n; i++)
	{
		const RepeatRule *r = rule_of(found, &held, &found->earlier[i], type);

		if (r == NULL || met_before(found, &held, i, type))
			continue;
		n++;
		if (r->raise_at > 0 && (raise_at == 0 || r->raise_at < raise_at))
			raise_at = r->raise_at;
	}
	/* the case itself counts: the third report is the second repeat */
	*raise = raise_at > 0 && n + 1 >= raise_at;
	return n;
}

int64
repeats_fold(const Repeats *found, const CaseType *type)
{
	Held held;

	hold(found, type, &held);
	for (int i = 0; i < found->n; i++)
	{
		const RepeatRule *r = rule_of(found, &held, &found->earlier[i], type);

		if (r != NULL && r->fold && found->earlier[i].open)
			return found->earlier[i].case_id;
	}
	return 0;
}

int
repeats_link(const Repeats *found, int64 case_id, const CaseType *type, TimestampTz now)
{
	static KeptPlan plan = {
		.sql = "INSERT INTO triage.links (case_id, linked_case, kind, at, rule, rule_version)"
			   " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
		.nargs = 6,
		.types = {INT8OID, INT8OID, TEXTOID, TIMESTAMPTZOID, TEXTOID, INT8OID}};
	Held held;
	int	 of_kind[REPEAT_BY_COUNT] = {0};
	int	 n = 0;

	hold(found, type, &held);
	for (int i = 0; i < found->n; i++)
	{
		const Earlier	 *e = &found->earlier[i];
		const RepeatRule *r = rule_of(found, &held, e, type);
		Datum			  args[6];

		if (r == NULL || met_before(found, &held, i, type) || ++of_kind[e->by] > MOST_LINKS)
			continue;
		args[0] = Int64GetDatum(case_id);
		args[1] = Int64GetDatum(e->case_id);
		args[2] = CStringGetTextDatum(r->kind);
		args[3] = TimestampTzGetDatum(now);
		args[4] = CStringGetTextDatum(r->code);
		args[5] = Int64GetDatum(found->book->version);
		n += triage_run(&plan, args, NULL, SPI_OK_INSERT);
	}
	return n;
}
