/*
 * catalog.h
 *	  OIDs of what the extension owns, looked up by name once and forgotten
 *	  when the schema changes.
 */
#ifndef TRIAGE_BASE_CATALOG_H
#define TRIAGE_BASE_CATALOG_H

#include "utils/rel.h"

/* OID of a table of ours; raises an error when the extension is not there. */
extern Oid triage_relid(const char *name);
/* Owner of our tables: internal writes run as this role. */
extern Oid triage_owner(void);
/* Is the extension installed in this database (and not just being created)? */
extern bool triage_is_installed(void);
/* extversion of the installed extension, palloc'd; NULL = not installed */
extern char *triage_installed_version(void);
/* Attribute number of a column that must exist. */
extern AttrNumber triage_attnum(Relation rel, const char *column);
/* Member of the role that owns our tables, or superuser? */
extern bool triage_is_admin(Oid role);

extern void triage_catalog_init(void);

#endif
