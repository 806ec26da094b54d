/*
 * attach.c
 *	  attach(), bind() and detach(): the trigger on the host's table, and the
 *	  row of triage.bindings.
 *
 * The trigger is made with the caller's rights: who may make triggers on a
 * table may attach it.  It is dropped with those of the table's owner, for
 * the TRIGGER privilege does not reach that far.  What the binding does later
 * runs as the caller, but never as a superuser: then as the table's owner, so
 * that triggers of that table gain nothing by our writing.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "base/actor.h"
#include "base/catalog.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/names.h"
#include "hosts/binding.h"
#include "hosts/jsonread.h"
#include "hosts/run.h"
#include "rulebook/book.h"

PG_FUNCTION_INFO_V1(triage_bind);
PG_FUNCTION_INFO_V1(triage_attach);
PG_FUNCTION_INFO_V1(triage_detach);

/* Sorts behind ordinary names, so that the host's own triggers have run. */
#define TRIGGER_NAME "zz_triage_host"

typedef struct Attach
{
	ReturnSetInfo *out;
	Oid			   relid;
	const char	  *kind;
	Jsonb		  *mapping;
	const char	  *channel;
	bool		   at_commit;
	int			   ntriggers;
	Oid			  *triggers;
	Oid			   role; /* runs_as */
	bool		   has_backfill;
	TimestampTz	   backfill_since;
	bool		   dry_run;
	List		  *items;
} Attach;

static void
put_row(Attach *a, const char *item, const char *state, const char *detail)
{
	Datum values[3] = {CStringGetTextDatum(item), CStringGetTextDatum(state),
					   detail ? CStringGetTextDatum(detail) : (Datum) 0};
	bool  nulls[3] = {false, false, detail == NULL};

	tuplestore_putvalues(a->out->setResult, a->out->setDesc, values, nulls);
}

static void
problem(Attach *a, const char *item, int sqlerrcode, const char *detail, const char *hint)
{
	MapItem *i = palloc0(sizeof(MapItem));

	i->item = item;
	i->problem = true;
	i->sqlerrcode = sqlerrcode;
	i->detail = detail;
	i->hint = hint;
	a->items = lappend(a->items, i);
}

static const char *
table_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid));
}

/* ---- checks ---- */

static Oid
owner_of(Oid relid)
{
	HeapTuple tup = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid		  owner;

	if (!HeapTupleIsValid(tup))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("there is no table with OID %u", relid),
						errhint("Give the name of a table.")));
	owner = ((Form_pg_class) GETSTRUCT(tup))->relowner;
	ReleaseSysCache(tup);
	return owner;
}

/* A table that tickets can be in. */
static void
check_table(Attach *a, Oid relid)
{
	char kind = get_rel_relkind(relid);

	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is no table", get_rel_name(relid)),
						errhint("Attach the table that the tickets are stored in.")));
	if (get_rel_persistence(relid) == RELPERSISTENCE_TEMP)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("\"%s\" is a temporary table", get_rel_name(relid)),
						errhint("Attach a table that stays.")));
	if (get_rel_namespace(relid) == get_namespace_oid(TRIAGE_SCHEMA, false))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("\"%s\" belongs to pg_triage", get_rel_name(relid)),
						errhint("Attach a table of another system.")));
	if (get_rel_relispartition(relid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is a partition", get_rel_name(relid)),
				 errhint("Attach the partitioned table.")));
}

static void
check_channel(Attach *a)
{
	static KeptPlan plan = {.sql =
								"SELECT 1 FROM triage.bindings b WHERE b.channel = $1 AND b.relation <> $2",
							.nargs = 2,
							.types = {TEXTOID, REGCLASSOID}};
	Datum			args[2];
	OwnerSwitch		sw;
	Book		   *book;

	if (a->channel == NULL)
	{
		problem(a, "channel", TRIAGE_ERRCODE_RULE, "it is missing",
				"Name a channel of triage.channels, for example one of kind host.");
		return;
	}
	args[0] = CStringGetTextDatum(a->channel);
	args[1] = ObjectIdGetDatum(a->relid);
	host_owner_begin(&sw);
	book = book_acquire();
	if (book_channel(book, a->channel, strlen(a->channel)) == NULL)
		problem(a, "channel", TRIAGE_ERRCODE_UNKNOWN, psprintf("channel \"%s\" does not exist", a->channel),
				"Insert it into triage.channels first, with kind 'host'.");
	else if (host_run(&plan, args, NULL, SPI_OK_SELECT) > 0)
		problem(a, "channel", TRIAGE_ERRCODE_RULE,
				psprintf("channel \"%s\" serves another table", a->channel),
				"Each attached table needs a channel of its own, for its keys are the channel's references.");
	book_release(book);
	host_owner_end(&sw);
}

static void
need_privilege(Attach *a, Oid relid, Oid role, AclMode mode, const char *name)
{
	const char *who = GetUserNameFromId(role, false);

	if (pg_class_aclcheck(relid, role, mode) == ACLCHECK_OK ||
		(mode == ACL_UPDATE && pg_attribute_aclcheck_all(relid, role, mode, ACLMASK_ANY) == ACLCHECK_OK) ||
		(mode == ACL_SELECT && pg_attribute_aclcheck_all(relid, role, mode, ACLMASK_ANY) == ACLCHECK_OK))
		return;
	problem(a, "privileges", ERRCODE_INSUFFICIENT_PRIVILEGE,
			psprintf("role \"%s\" has no %s privilege on %s", who, name, table_name(relid)),
			psprintf("GRANT %s ON %s TO %s;", name, table_name(relid), quote_identifier(who)));
}

/* The server asks it for every partition too. */
static void
need_trigger_privilege(Attach *a, Oid relid)
{
	List	 *all = find_all_inheritors(relid, AccessShareLock, NULL);
	ListCell *cell;

	foreach(cell, all)
		need_privilege(a, lfirst_oid(cell), GetUserId(), ACL_TRIGGER, "TRIGGER");
}

/* The caller, but no superuser: see the head of this file. */
static Oid
role_of(Attach *a)
{
	char *named = jr_text(&a->mapping->root, "runs_as");
	Oid	  caller = triage_actor();
	Oid	  role = caller;

	if (named != NULL)
	{
		role = get_role_oid(named, false);
		if (!is_member_of_role(caller, role))
			ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
							errmsg("you are no member of role \"%s\"", named),
							errhint("Leave \"runs_as\" out of the mapping, or name a role of yours.")));
	}
	else if (superuser_arg(caller))
		role = owner_of(a->relid);
	return role;
}

static void
check_driver(Attach *a, const char *part, int nargs, const Oid *types, bool must)
{
	List *name = list_make2(makeString(TRIAGE_SCHEMA), makeString(psprintf("%s_%s", a->kind, part)));
	Oid	  function = LookupFuncName(name, nargs, types, true);

	if (!OidIsValid(function) && must)
		ereport(ERROR,
				(errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("there is no driver for kind \"%s\"", a->kind),
				 errdetail("Function triage.%s_%s does not exist.", a->kind, part),
				 errhint("Kind table needs none; sql/60_hosts.sql tells what a driver is.")));
}

static void
check_drivers(Attach *a)
{
	static const Oid read_args[] = {REGCLASSOID, JSONBOID, TEXTOID, JSONBOID, JSONBOID};

	if (strcmp(a->kind, "table") != 0)
		check_driver(a, "read", lengthof(read_args), read_args, true);
}

/* The mapping as it is kept: with its key, and with the zone of times that name none. */
static Jsonb *
completed(Attach *a, const Mapping *m)
{
	JsonBuild b = {0};

	jb_object(&b, NULL);
	jb_array(&b, "key");
	for (int i = 0; i < m->nkeys; i++)
		jb_text(&b, NULL, m->keys[i].name);
	jb_end_array(&b);
	if (jr_get(&a->mapping->root, "timezone") == NULL)
		jb_text(&b, "timezone", GetConfigOption("TimeZone", false, false));
	jb_end_object(&b);
	return DatumGetJsonbP(
		DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(jb_finish(&b)), JsonbPGetDatum(a->mapping)));
}

static void
check_mapping(Attach *a)
{
	Relation rel = relation_open(a->relid, AccessShareLock);
	Mapping *m = palloc0(sizeof(Mapping));

	if (strcmp(a->kind, "table") == 0)
		m = mapping_compile(&a->mapping->root, rel, &a->items);
	else
		mapping_keys(&a->mapping->root, rel, m, &a->items);
	relation_close(rel, AccessShareLock);
	if (m->nkeys > 0)
		a->mapping = completed(a, m);
	need_privilege(a, a->relid, a->role, ACL_SELECT, "SELECT");
	if (strcmp(a->kind, "table") != 0 || jr_get(&a->mapping->root, "write") != NULL)
		need_privilege(a, a->relid, a->role, ACL_UPDATE, "UPDATE");
	for (int i = 0; i < a->ntriggers; i++)
		need_trigger_privilege(a, a->triggers[i]);
}

/* ---- making it ---- */

static void
run_command(const char *sql)
{
	int rc = SPI_execute(sql, false, 0);

	if (rc != SPI_OK_UTILITY)
		elog(ERROR, "unexpected SPI result %s for: %s", SPI_result_code_string(rc), sql);
}

static void
drop_trigger(Oid relid)
{
	Oid user;
	int context;

	if (get_rel_relkind(relid) == '\0' || !OidIsValid(get_trigger_oid(relid, TRIGGER_NAME, true)))
		return;
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(owner_of(relid), context | SECURITY_LOCAL_USERID_CHANGE);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	run_command(psprintf("DROP TRIGGER " TRIGGER_NAME " ON %s", table_name(relid)));
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	SetUserIdAndSecContext(user, context);
}

/*
 * No column of the host in WHEN or UPDATE OF: the host's own migrations could
 * not change its type then.  A driver whose host writes down every change in a
 * row of its own asks for inserts alone.
 */
static void
make_trigger(Attach *a, Oid relid)
{
	char *events = jr_text(&a->mapping->root, "events");
	bool  inserts = strcmp(a->kind, "table") != 0 && events != NULL && strcmp(events, "insert") == 0;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	run_command(psprintf("CREATE %sTRIGGER " TRIGGER_NAME " AFTER INSERT%s ON %s%s"
						 " FOR EACH ROW WHEN (triage.host_listens()) EXECUTE FUNCTION triage.host_trigger()",
						 a->at_commit ? "CONSTRAINT " : "", inserts ? "" : " OR UPDATE", table_name(relid),
						 a->at_commit ? " DEFERRABLE INITIALLY DEFERRED" : ""));
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	put_row(a, "trigger", "created", psprintf(TRIGGER_NAME " on %s", table_name(relid)));
}

static Datum
triggers_array(Attach *a)
{
	Datum *d = palloc(a->ntriggers * sizeof(Datum));

	for (int i = 0; i < a->ntriggers; i++)
		d[i] = ObjectIdGetDatum(a->triggers[i]);
	return PointerGetDatum(construct_array(d, a->ntriggers, REGCLASSOID, sizeof(Oid), true, TYPALIGN_INT));
}

static void
store(Attach *a)
{
	static KeptPlan plan = {
		.sql =
			"INSERT INTO triage.bindings AS b (relation, kind, mapping, channel, hook, triggers, state, since, runs_as,"
			" backfill_since, backfill_state)"
			" VALUES ($1, $2, $3, $4, $5, $6, 'active', $7, $8, $9, CASE WHEN $9 IS NULL THEN 'none' ELSE 'running' END)"
			" ON CONFLICT (relation) DO UPDATE SET kind = $2, mapping = $3, channel = $4, hook = $5, triggers = $6,"
			" state = 'active', problem = NULL, runs_as = $8, backfill_since = coalesce($9, b.backfill_since),"
			" backfill_after = CASE WHEN $9 IS NULL THEN b.backfill_after END,"
			" backfill_done = CASE WHEN $9 IS NULL THEN b.backfill_done ELSE 0 END,"
			" backfill_state = CASE WHEN $9 IS NULL THEN b.backfill_state ELSE 'running' END",
		.nargs = 9,
		.types = {REGCLASSOID, TEXTOID, JSONBOID, TEXTOID, TEXTOID, REGCLASSARRAYOID, TIMESTAMPTZOID, TEXTOID,
				  TIMESTAMPTZOID}};
	Datum		args[9] = {ObjectIdGetDatum(a->relid),
						   CStringGetTextDatum(a->kind),
						   JsonbPGetDatum(a->mapping),
						   CStringGetTextDatum(a->channel),
						   CStringGetTextDatum(a->at_commit ? "commit" : "row"),
						   triggers_array(a),
						   TimestampTzGetDatum(triage_clock()),
						   CStringGetTextDatum(GetUserNameFromId(a->role, false)),
						   TimestampTzGetDatum(a->backfill_since)};
	char		nulls[9] = {' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', a->has_backfill ? ' ' : 'n'};
	OwnerSwitch sw;

	host_owner_begin(&sw);
	host_run(&plan, args, nulls, SPI_OK_INSERT);
	host_owner_end(&sw);
}

/* What a driver calls runs with the role's rights: it must reach it. */
static void
grant_driver(Attach *a)
{
	static const char *const helpers[] = {"html_text(text)",
										  "mail_text(text, text)",
										  "kept_row(text, text[])",
										  "host_standing(regclass, text)",
										  "host_department(text, text)",
										  "host_queue_department(jsonb, int)",
										  "host_shown(regclass, text, text)"};
	const char				*role = quote_identifier(GetUserNameFromId(a->role, false));
	OwnerSwitch				 sw;

	if (strcmp(a->kind, "table") == 0 || superuser_arg(a->role))
		return;
	host_owner_begin(&sw);
	run_command(psprintf("GRANT USAGE ON SCHEMA triage TO %s", role));
	for (int i = 0; i < (int) lengthof(helpers); i++)
		run_command(psprintf("GRANT EXECUTE ON FUNCTION triage.%s TO %s", helpers[i], role));
	SPI_execute(
		psprintf("DO $do$ DECLARE f regprocedure; BEGIN"
				 " FOR f IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'triage'::regnamespace"
				 " AND p.proname ^@ %s LOOP EXECUTE format('GRANT EXECUTE ON FUNCTION %%s TO %%s', f, %s);"
				 " END LOOP; END $do$",
				 quote_literal_cstr(psprintf("%s_", a->kind)), quote_literal_cstr(role)),
		false, 0);
	host_owner_end(&sw);
	put_row(a, "privileges", "created", psprintf("functions triage.%s_*() for role %s", a->kind, role));
}

static bool
has_problem(const Attach *a)
{
	ListCell *cell;

	foreach(cell, a->items)
		if (((const MapItem *) lfirst(cell))->problem)
			return true;
	return false;
}

static void
tell_items(Attach *a)
{
	ListCell *cell;

	foreach(cell, a->items)
	{
		const MapItem *i = lfirst(cell);

		put_row(a, i->item, i->problem ? "problem" : "ok",
				i->problem ? psprintf("%s. %s", i->detail, i->hint ? i->hint : "") : i->detail);
	}
}

static void
attach(Attach *a)
{
	Relation rel;
	char	*hook;

	check_table(a, a->relid);
	for (int i = 0; i < a->ntriggers; i++)
		check_table(a, a->triggers[i]);
	/* nobody writes while it is decided what happens to what he writes */
	rel = table_open(a->relid, a->dry_run ? AccessShareLock : ShareRowExclusiveLock);
	hook = jr_text(&a->mapping->root, "hook");
	a->at_commit = hook != NULL && strcmp(hook, "commit") == 0;
	if (hook != NULL && !a->at_commit && strcmp(hook, "row") != 0)
		problem(a, "hook", TRIAGE_ERRCODE_RULE, psprintf("\"%s\" is no moment", hook),
				"It is row or commit.");
	a->role = role_of(a);
	check_drivers(a);
	if (strcmp(a->kind, "table") != 0 || jr_container(&a->mapping->root, "channel") == NULL)
		a->channel = jr_text(&a->mapping->root, "channel");
	else
		a->channel = jr_text(jr_container(&a->mapping->root, "channel"), "default");
	check_channel(a);
	check_mapping(a);
	if (!a->dry_run)
		mapping_raise(a->items, rel);
	tell_items(a);
	put_row(a, "runs_as", "ok", GetUserNameFromId(a->role, false));
	if (!a->dry_run && !has_problem(a))
	{
		store(a);
		grant_driver(a);
		for (int i = 0; i < a->ntriggers; i++)
		{
			drop_trigger(a->triggers[i]);
			make_trigger(a, a->triggers[i]);
		}
	}
	table_close(rel, NoLock);
}

static void
need(FunctionCallInfo fcinfo, int arg, const char *name)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("argument \"%s\" must not be null", name),
						errhint("Give a value for \"%s\".", name)));
}

static void
read_backfill(FunctionCallInfo fcinfo, int arg, Attach *a)
{
	a->has_backfill = !PG_ARGISNULL(arg);
	if (a->has_backfill)
		a->backfill_since = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_mi_interval,
																	TimestampTzGetDatum(triage_clock()),
																	PG_GETARG_DATUM(arg)));
}

/* attach(relation, mapping, backfill, dry_run) */
Datum
triage_attach(PG_FUNCTION_ARGS)
{
	Attach a = {0};

	need(fcinfo, 0, "relation");
	need(fcinfo, 1, "mapping");
	InitMaterializedSRF(fcinfo, 0);
	a.out = (ReturnSetInfo *) fcinfo->resultinfo;
	a.relid = PG_GETARG_OID(0);
	a.kind = "table";
	a.mapping = PG_GETARG_JSONB_P(1);
	a.ntriggers = 1;
	a.triggers = &a.relid;
	read_backfill(fcinfo, 2, &a);
	a.dry_run = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);
	attach(&a);
	return (Datum) 0;
}

/* bind(relation, kind, mapping, triggers, backfill, dry_run): for the attach functions of drivers */
Datum
triage_bind(PG_FUNCTION_ARGS)
{
	Attach a = {0};

	need(fcinfo, 0, "relation");
	need(fcinfo, 1, "kind");
	need(fcinfo, 2, "mapping");
	InitMaterializedSRF(fcinfo, 0);
	a.out = (ReturnSetInfo *) fcinfo->resultinfo;
	a.relid = PG_GETARG_OID(0);
	a.kind = text_to_cstring(PG_GETARG_TEXT_PP(1));
	a.mapping = PG_GETARG_JSONB_P(2);
	a.ntriggers = 1;
	a.triggers = &a.relid;
	if (!PG_ARGISNULL(3))
	{
		Datum *d;

		deconstruct_array(PG_GETARG_ARRAYTYPE_P(3), REGCLASSOID, sizeof(Oid), true, TYPALIGN_INT, &d, NULL,
						  &a.ntriggers);
		a.triggers = palloc(Max(a.ntriggers, 1) * sizeof(Oid));
		for (int i = 0; i < a.ntriggers; i++)
			a.triggers[i] = DatumGetObjectId(d[i]);
	}
	read_backfill(fcinfo, 4, &a);
	a.dry_run = !PG_ARGISNULL(5) && PG_GETARG_BOOL(5);
	attach(&a);
	return (Datum) 0;
}

/* ---- detach ---- */

/* May the caller end what was attached?  Who attached it, or an administrator. */
static void
check_may_detach(const char *runs_as, Oid relid)
{
	Oid caller = triage_actor();
	Oid role = get_role_oid(runs_as, true);

	if (triage_is_admin(caller) || (OidIsValid(role) && has_privs_of_role(caller, role)))
		return;
	ereport(ERROR,
			(errcode(TRIAGE_ERRCODE_RIGHTS), errmsg("table with OID %u was attached by somebody else", relid),
			 errhint("Ask an administrator, or role \"%s\".", runs_as)));
}

Datum
triage_detach(PG_FUNCTION_ARGS)
{
	static KeptPlan select = {.sql =
								  "SELECT b.runs_as, x.t::oid FROM triage.bindings b, unnest(b.triggers) x(t)"
								  " WHERE b.relation = $1",
							  .nargs = 1,
							  .types = {REGCLASSOID}};
	static KeptPlan delete = {.sql = "DELETE FROM triage.bindings WHERE relation = $1",
							  .nargs = 1,
							  .types = {REGCLASSOID}};
	Datum		args[1];
	OwnerSwitch sw;
	Oid		   *triggers;
	char	   *runs_as = NULL;
	int			n;

	need(fcinfo, 0, "relation");
	args[0] = PG_GETARG_DATUM(0);
	host_owner_begin(&sw);
	n = host_run(&select, args, NULL, SPI_OK_SELECT);
	triggers = palloc(Max(n, 1) * sizeof(Oid));
	for (int i = 0; i < n; i++)
	{
		bool isnull;

		runs_as = triage_result_text(i, 1);
		triggers[i] = DatumGetObjectId(triage_result(i, 2, &isnull));
	}
	host_owner_end(&sw);
	if (n == 0)
		PG_RETURN_BOOL(false);
	check_may_detach(runs_as, PG_GETARG_OID(0));
	for (int i = 0; i < n; i++)
		drop_trigger(triggers[i]);
	host_owner_begin(&sw);
	host_run(&delete, args, NULL, SPI_OK_DELETE);
	host_owner_end(&sw);
	PG_RETURN_BOOL(true);
}
