/*
 * catalog.c
 *	  Where the extension's own objects are.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "base/catalog.h"
#include "base/names.h"

typedef struct RelEntry
{
	char name[NAMEDATALEN]; /* key */
	Oid	 relid;
} RelEntry;

static HTAB *rel_cache = NULL;
static Oid	 owner_cache = InvalidOid;

static void
forget(Oid relid)
{
	HASH_SEQ_STATUS seq;
	RelEntry	   *entry;

	if (rel_cache == NULL)
		return;
	hash_seq_init(&seq, rel_cache);
	while ((entry = hash_seq_search(&seq)) != NULL)
		if (entry->relid == relid || !OidIsValid(relid))
		{
			entry->relid = InvalidOid;
			owner_cache = InvalidOid;
		}
}

/* CREATE and DROP EXTENSION both touch the schema's row. */
static void
forget_names(Datum arg, int cacheid, uint32 hashvalue)
{
	forget(InvalidOid);
}

/* One of our tables was altered, dropped or made again, or (InvalidOid) any may have been. */
static void
forget_relation(Datum arg, Oid relid)
{
	forget(relid);
}

static void
make_cache(void)
{
	HASHCTL ctl = {0};

	ctl.keysize = NAMEDATALEN;
	ctl.entrysize = sizeof(RelEntry);
	ctl.hcxt = TopMemoryContext;
	rel_cache = hash_create("pg_triage relations", 64, &ctl, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

Oid
triage_relid(const char *name)
{
	RelEntry *entry;
	bool	  found;

	if (rel_cache == NULL)
		make_cache();
	entry = hash_search(rel_cache, name, HASH_ENTER, &found);
	if (!found)
		entry->relid = InvalidOid;
	if (!OidIsValid(entry->relid))
	{
		Oid schema = get_namespace_oid(TRIAGE_SCHEMA, true);
		Oid relid = OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;

		if (!OidIsValid(relid))
			ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
							errmsg("table \"%s.%s\" does not exist", TRIAGE_SCHEMA, name),
							errhint("Install the extension with CREATE EXTENSION pg_triage.")));
		/* the lookup may have run forget_names(): store what it found last */
		entry->relid = relid;
	}
	return entry->relid;
}

Oid
triage_owner(void)
{
	if (!OidIsValid(owner_cache))
	{
		HeapTuple tup = SearchSysCache1(RELOID, ObjectIdGetDatum(triage_relid("cases")));

		if (!HeapTupleIsValid(tup))
			elog(ERROR, "cache lookup failed for triage.cases");
		owner_cache = ((Form_pg_class) GETSTRUCT(tup))->relowner;
		ReleaseSysCache(tup);
	}
	return owner_cache;
}

char *
triage_installed_version(void)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tup;
	char	   *version = NULL;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum(TRIAGE_EXTENSION));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tup = systable_getnext(scan);
	if (HeapTupleIsValid(tup))
	{
		bool  isnull;
		Datum d = heap_getattr(tup, Anum_pg_extension_extversion, RelationGetDescr(rel), &isnull);

		version = isnull ? pstrdup("") : TextDatumGetCString(d);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return version;
}

bool
triage_is_installed(void)
{
	Oid ext = get_extension_oid(TRIAGE_EXTENSION, true);

	return OidIsValid(ext) && !(creating_extension && CurrentExtensionObject == ext);
}

AttrNumber
triage_attnum(Relation rel, const char *column)
{
	TupleDesc desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && strcmp(NameStr(att->attname), column) == 0)
			return att->attnum;
	}
	ereport(
		ERROR,
		(errcode(ERRCODE_UNDEFINED_COLUMN),
		 errmsg("column \"%s\" of table \"%s.%s\" does not exist", column, TRIAGE_SCHEMA,
				RelationGetRelationName(rel)),
		 errhint(
			 "Bring the extension to the version of its library with ALTER EXTENSION pg_triage UPDATE.")));
}

bool
triage_is_admin(Oid role)
{
	return superuser_arg(role) || has_privs_of_role(role, triage_owner());
}

void
triage_catalog_init(void)
{
	CacheRegisterSyscacheCallback(NAMESPACEOID, forget_names, (Datum) 0);
	CacheRegisterRelcacheCallback(forget_relation, (Datum) 0);
}
