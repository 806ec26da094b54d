/*
 * binding.c
 *	  What triage.bindings says, kept for the session.
 *
 * Entries that became stale are set aside and freed at the end of the
 * transaction: somebody up the stack may still hold one.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/catalog.h"
#include "base/spi.h"
#include "hosts/binding.h"

PG_FUNCTION_INFO_V1(triage_bindings_changed);
PG_FUNCTION_INFO_V1(triage_host_listens);

static HTAB			*sources = NULL; /* relid -> HostSource */
static List			*bindings = NIL; /* of the present generation, in cache_context */
static List			*retired_sources = NIL;
static List			*retired = NIL; /* of earlier ones, until the transaction ends */
static MemoryContext cache_context = NULL;
static bool			 stale = false;
static int			 any = -1; /* bindings_any(), -1 = not known */
static Oid			 bindings_relid = InvalidOid;

/* how many writes of ours are under way, and in which subtransaction level the last began */
static int writing = 0;
static int writing_level = 0;

/* ---- invalidation ---- */

static void
forget_relation(Datum arg, Oid relid)
{
	if (!OidIsValid(relid) || relid == bindings_relid)
	{
		stale = true;
		any = -1;
	}
	else if (sources != NULL && !stale && hash_search(sources, &relid, HASH_FIND, NULL) != NULL)
		stale = true;
	else if (!stale)
	{
		ListCell *cell;

		foreach(cell, bindings)
			stale |= ((Binding *) lfirst(cell))->relation == relid;
	}
}

static void
free_binding(Binding *b)
{
	if (b->lock != NULL)
		SPI_freeplan(b->lock);
	if (b->lock_free != NULL)
		SPI_freeplan(b->lock_free);
	if (b->write != NULL)
		SPI_freeplan(b->write);
	if (b->reader != NULL)
		SPI_freeplan(b->reader);
	MemoryContextDelete(b->mcxt);
}

static void
free_retired(void)
{
	ListCell *cell;

	foreach(cell, retired)
		free_binding(lfirst(cell));
	list_free(retired);
	retired = NIL;
	foreach(cell, retired_sources)
		hash_destroy(lfirst(cell));
	list_free(retired_sources);
	retired_sources = NIL;
}

static void
at_end(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	writing = 0;
	/* what an old snapshot showed holds for this transaction only */
	if (IsolationUsesXactSnapshot())
	{
		stale = true;
		any = -1;
	}
	if (retired != NIL || retired_sources != NIL)
		free_retired();
}

void
bindings_init(void)
{
	CacheRegisterRelcacheCallback(forget_relation, (Datum) 0);
	RegisterXactCallback(at_end, NULL);
}

/* Statement trigger of triage.bindings. */
Datum
triage_bindings_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("this function must be called as a trigger of triage.bindings")));
	CacheInvalidateRelcacheByRelid(RelationGetRelid(((TriggerData *) fcinfo->context)->tg_relation));
	return PointerGetDatum(NULL);
}

static void
begin_cache(void)
{
	HASHCTL ctl = {0};

	if (cache_context == NULL)
		cache_context = AllocSetContextCreate(TopMemoryContext, "pg_triage bindings", ALLOCSET_SMALL_SIZES);
	if (stale && sources != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		retired = list_concat(retired, bindings);
		retired_sources = lappend(retired_sources, sources);
		MemoryContextSwitchTo(old);
		list_free(bindings);
		bindings = NIL;
		sources = NULL;
	}
	stale = false;
	if (sources != NULL)
		return;
	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(HostSource);
	ctl.hcxt = cache_context;
	sources = hash_create("pg_triage host tables", 16, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	bindings_relid = triage_relid("bindings");
}

bool
bindings_any(void)
{
	static KeptPlan plan = {.sql = "SELECT 1 FROM triage.bindings b WHERE b.state <> 'off' LIMIT 1",
							.nargs = 0};
	OwnerSwitch		sw;

	if (any >= 0)
		return any > 0;
	bindings_relid = triage_relid("bindings");
	/* set before the look: an invalidation that comes during it must win */
	any = 0;
	triage_owner_begin(&sw);
	if (triage_run(&plan, NULL, NULL, SPI_OK_SELECT) > 0 && any == 0)
		any = 1;
	triage_owner_end(&sw);
	return any > 0;
}

/* ---- reading ---- */

/* The first problem of a compiled mapping, NULL = none. */
static const char *
first_problem(const List *items)
{
	ListCell *cell;

	foreach(cell, items)
	{
		const MapItem *i = lfirst(cell);

		if (i->problem)
			return psprintf("%s: %s", i->item, i->detail);
	}
	return NULL;
}

static Mapping *
compile_for(Binding *b, Oid relid, const char **problem)
{
	Relation rel = try_relation_open(relid, AccessShareLock);
	Mapping *m = palloc0(sizeof(Mapping));
	List	*items = NIL;

	*problem = NULL;
	if (rel == NULL)
	{
		*problem = "the table is gone";
		return m;
	}
	if (b->generic)
		m = mapping_compile(&b->mapping->root, rel, &items);
	else
		mapping_keys(&b->mapping->root, rel, m, &items);
	*problem = first_problem(items);
	relation_close(rel, AccessShareLock);
	return m;
}

/* The row of SPI's result, in a context of its own. */
static Binding *
read_binding(void)
{
	MemoryContext mcxt = AllocSetContextCreate(cache_context, "pg_triage binding", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(mcxt);
	Binding		 *b = palloc0(sizeof(Binding));
	char		 *noted;
	bool		  isnull;

	b->mcxt = mcxt;
	b->relation = DatumGetObjectId(triage_result(0, 1, &isnull));
	b->kind = triage_result_text(0, 2);
	b->generic = strcmp(b->kind, "table") == 0;
	b->mapping = (Jsonb *) PG_DETOAST_DATUM_COPY(triage_result(0, 3, &isnull));
	b->channel = triage_result_text(0, 4);
	b->at_commit = strcmp(triage_result_text(0, 5), "commit") == 0;
	b->off = strcmp(triage_result_text(0, 6), "off") == 0;
	b->runs_as = triage_result_text(0, 7);
	b->role = get_role_oid(b->runs_as, true);
	b->map = compile_for(b, b->relation, &b->problem);
	if (b->problem == NULL && !OidIsValid(b->role))
		b->problem = psprintf("role \"%s\", as which it runs, does not exist", b->runs_as);
	noted = triage_result_text(0, 8);
	b->noted = b->problem == NULL ? noted == NULL : noted != NULL && strcmp(noted, b->problem) == 0;
	MemoryContextSwitchTo(old);
	return b;
}

static Binding *
cached(Oid relation)
{
	ListCell *cell;

	foreach(cell, bindings)
		if (((Binding *) lfirst(cell))->relation == relation)
			return lfirst(cell);
	return NULL;
}

/* Read the binding that has relid as its ticket table, or among its triggers. */
static Binding *
fetch(Oid relid, bool by_trigger)
{
	static KeptPlan plan = {
		.sql = "SELECT b.relation, b.kind, b.mapping, b.channel, b.hook, b.state, b.runs_as, b.problem"
			   " FROM triage.bindings b"
			   " WHERE b.relation = $1 OR ($2 AND $1 = ANY (b.triggers)) ORDER BY b.relation <> $1 LIMIT 1",
		.nargs = 2,
		.types = {REGCLASSOID, BOOLOID}};
	Datum		args[2] = {ObjectIdGetDatum(relid), BoolGetDatum(by_trigger)};
	OwnerSwitch sw;
	Binding	   *b = NULL;

	triage_owner_begin(&sw);
	if (triage_run(&plan, args, NULL, SPI_OK_SELECT) == 1)
	{
		bool isnull;

		b = cached(DatumGetObjectId(triage_result(0, 1, &isnull)));
		if (b == NULL)
		{
			MemoryContext old;

			b = read_binding();
			old = MemoryContextSwitchTo(cache_context);
			bindings = lappend(bindings, b);
			MemoryContextSwitchTo(old);
		}
	}
	triage_owner_end(&sw);
	return b;
}

Binding *
binding_of(Oid relation)
{
	Binding *b;

	begin_cache();
	b = cached(relation);
	return b != NULL ? b : fetch(relation, false);
}

static Binding *
binding_of_trigger(Oid relid)
{
	Binding	 *b = fetch(relid, true);
	List	 *ancestors;
	ListCell *cell;

	if (b != NULL || !get_rel_relispartition(relid))
		return b;
	ancestors = get_partition_ancestors(relid);
	foreach(cell, ancestors)
		if ((b = fetch(lfirst_oid(cell), true)) != NULL)
			return b;
	return NULL;
}

HostSource *
host_source_known(Oid relid)
{
	return stale || sources == NULL ? NULL : hash_search(sources, &relid, HASH_FIND, NULL);
}

HostSource *
host_source(Oid relid)
{
	HostSource	 *source;
	MemoryContext old;
	const char	 *problem;
	Binding		 *b;

	begin_cache();
	source = hash_search(sources, &relid, HASH_FIND, NULL);
	if (source != NULL)
		return source;
	b = binding_of_trigger(relid);
	/* what was read may be stale already; then it serves this once */
	source = hash_search(sources, &relid, HASH_ENTER, NULL);
	source->binding = b;
	source->map = b != NULL ? b->map : NULL;
	if (b != NULL && b->problem == NULL && b->generic && relid != b->relation)
	{
		old = MemoryContextSwitchTo(b->mcxt);
		source->map = compile_for(b, relid, &problem);
		b->problem = problem;
		b->noted = problem == NULL;
		MemoryContextSwitchTo(old);
	}
	return source;
}

void
binding_note(Binding *b)
{
	static KeptPlan plan = {
		.sql =
			"UPDATE triage.bindings SET state = CASE WHEN $2 IS NULL THEN 'active' ELSE 'broken' END, problem = $2"
			" WHERE relation = (SELECT b.relation FROM triage.bindings b WHERE b.relation = $1 AND b.state <> 'off'"
			" AND b.problem IS DISTINCT FROM $2 FOR UPDATE SKIP LOCKED)",
		.nargs = 2,
		.types = {REGCLASSOID, TEXTOID}};
	Datum args[2] = {ObjectIdGetDatum(b->relation), b->problem ? CStringGetTextDatum(b->problem) : (Datum) 0};
	char  nulls[2] = {' ', b->problem ? ' ' : 'n'};
	OwnerSwitch sw;

	if (b->noted)
		return;
	triage_owner_begin(&sw);
	triage_run(&plan, args, nulls, SPI_OK_UPDATE);
	triage_owner_end(&sw);
}

/* ---- the host's tables ---- */

void
host_role_begin(HostRole *r, const Binding *b)
{
	MemoryContext caller;

	if (!OidIsValid(b->role))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("role \"%s\" does not exist", b->runs_as),
						errhint("Attach table \"%s\" again.", get_rel_name(b->relation))));
	GetUserIdAndSecContext(&r->user, &r->context);
	SetUserIdAndSecContext(b->role, (r->context & ~SECURITY_NOFORCE_RLS) | SECURITY_LOCAL_USERID_CHANGE);
	r->guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	caller = CurrentMemoryContext;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	MemoryContextSwitchTo(caller);
}

void
host_role_end(HostRole *r)
{
	MemoryContext caller = CurrentMemoryContext;

	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	MemoryContextSwitchTo(caller);
	AtEOXact_GUC(true, r->guc_level);
	SetUserIdAndSecContext(r->user, r->context);
}

static bool
is_writing(void)
{
	/* an error that ended a write also ended its (sub)transaction */
	if (writing > 0 && GetCurrentTransactionNestLevel() < writing_level)
		writing = 0;
	return writing > 0;
}

void
host_writing_begin(void)
{
	if (!is_writing())
		writing_level = GetCurrentTransactionNestLevel();
	writing++;
}

void
host_writing_end(void)
{
	if (writing > 0)
		writing--;
}

int
host_writing_depth(void)
{
	return is_writing() ? writing : 0;
}

void
host_writing_restore(int depth)
{
	writing = depth;
}

/* The triggers' WHEN: asked when a row is written, not when a deferred trigger runs. */
Datum
triage_host_listens(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!is_writing());
}
