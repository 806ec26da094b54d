/*
 * pg_triage.c
 *	  Entry point of the library: starts the floors from the ground up.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "base/catalog.h"
#include "base/guc.h"
#include "casework/intake.h"
#include "hosts/queue.h"
#include "rulebook/book.h"
#include "rulebook/shared.h"
#include "worker/launcher.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	triage_guc_init();
	triage_catalog_init();
	book_init();
	if (process_shared_preload_libraries_in_progress)
		shared_request();
	intake_init();
	hosts_init();
	launcher_register();
}
