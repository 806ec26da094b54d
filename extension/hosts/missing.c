/*
 * missing.c
 *	  What a driver's mapping names in its server and is there no longer: a
 *	  queue that was disabled, the user in whose name we write.  Tickets go on
 *	  without it, so nobody would see; health() asks here.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"

#include "base/names.h"
#include "base/spi.h"
#include "hosts/binding.h"
#include "hosts/guard.h"

/* a check must not hold up who looks at health(), milliseconds */
#define LOOK_MS 5000

PG_FUNCTION_INFO_V1(triage_host_missing);

typedef struct Look
{
	Binding	   *b;
	const char *function;
	const char *said; /* NULL = nothing is missing */
} Look;

static void
look(void *arg)
{
	Look		 *l = arg;
	MemoryContext caller = CurrentMemoryContext;
	Oid			  types[2] = {REGCLASSOID, JSONBOID};
	Datum		  args[2] = {ObjectIdGetDatum(l->b->relation), JsonbPGetDatum(l->b->mapping)};
	HostRole	  role;

	host_role_begin(&role, l->b);
	if (SPI_execute_with_args(psprintf("SELECT %s($1, $2)",
									   quote_qualified_identifier(TRIAGE_SCHEMA, l->function)),
							  2, types, args, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "unexpected SPI result");
	MemoryContextSwitchTo(caller);
	l->said = triage_result_text(0, 1);
	host_role_end(&role);
}

Datum
triage_host_missing(PG_FUNCTION_ARGS)
{
	Look	 l = {.b = PG_ARGISNULL(0) ? NULL : binding_of(PG_GETARG_OID(0))};
	Oid		 types[2] = {REGCLASSOID, JSONBOID};
	Guarding g;

	if (l.b == NULL || l.b->generic || l.b->off || l.b->problem != NULL)
		PG_RETURN_NULL();
	l.function = psprintf("%s_missing", l.b->kind);
	if (!OidIsValid(LookupFuncName(list_make2(makeString(TRIAGE_SCHEMA), makeString(pstrdup(l.function))), 2,
								   types, true)))
		PG_RETURN_NULL();
	g = guard_run(look, &l, LOOK_MS);
	if (!g.done)
		l.said = g.message;
	if (l.said == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(l.said));
}
