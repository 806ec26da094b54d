/*
 * kept.c
 *	  kept_row(): statements of drivers, parsed and planned once a session.
 *
 * A driver learns only when it is called what schema its host's tables are
 * in, so its statements are dynamic; PL/pgSQL's EXECUTE would parse and plan
 * them anew for each ticket, which is a third of the work.  The statement runs
 * with the rights of whoever calls, as EXECUTE would: the plan is looked for
 * by role as well as by text.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "base/spi.h"

PG_FUNCTION_INFO_V1(triage_kept_row);

/* Drivers have a few dozen statements; more come from somebody who plays. */
#define KEPT_MOST  200
#define KEPT_NARGS 32

typedef struct KeptKey
{
	Oid	   role;
	int32  nargs;
	uint64 hash; /* of the statement's text */
} KeptKey;

typedef struct Kept
{
	KeptKey	   key;
	char	  *sql;
	SPIPlanPtr plan;
} Kept;

static HTAB *kept_plans = NULL;

/* Connected to SPI.  An entry is made only when its plan is there. */
static SPIPlanPtr
find_plan(const char *sql, int nargs)
{
	Oid		   types[KEPT_NARGS];
	KeptKey	   key = {.role = GetUserId(), .nargs = nargs};
	SPIPlanPtr plan;
	Kept	  *k;
	char	  *copy;

	key.hash = hash_bytes_extended((const unsigned char *) sql, strlen(sql), 0);
	if (kept_plans == NULL)
	{
		HASHCTL ctl = {.keysize = sizeof(KeptKey), .entrysize = sizeof(Kept)};

		kept_plans = hash_create("pg_triage driver statements", 64, &ctl, HASH_ELEM | HASH_BLOBS);
	}
	k = hash_search(kept_plans, &key, HASH_FIND, NULL);
	if (k != NULL && strcmp(k->sql, sql) == 0)
		return k->plan;
	for (int i = 0; i < nargs; i++)
		types[i] = TEXTOID;
	/* nothing is ever thrown out, for it might be running; SPI frees what is not kept */
	if (k != NULL || hash_get_num_entries(kept_plans) >= KEPT_MOST)
		return SPI_prepare(sql, nargs, types);
	copy = MemoryContextStrdup(TopMemoryContext, sql);
	plan = triage_keep(sql, nargs, types);
	k = hash_search(kept_plans, &key, HASH_ENTER, NULL);
	k->sql = copy;
	k->plan = plan;
	return plan;
}

/* The first row's only column; 0 = there is no row, or it is null. */
static Datum
first_value(const char *sql, MemoryContext caller)
{
	bool		  isnull;
	Datum		  d;
	MemoryContext spi;

	if (SPI_tuptable == NULL || SPI_processed == 0)
		return (Datum) 0;
	if (SPI_tuptable->tupdesc->natts != 1 || SPI_gettypeid(SPI_tuptable->tupdesc, 1) != JSONBOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the statement must return one column of type jsonb"), errdetail("It is: %s", sql)));
	d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (isnull)
		return (Datum) 0;
	spi = MemoryContextSwitchTo(caller);
	d = PointerGetDatum(PG_DETOAST_DATUM_COPY(d));
	MemoryContextSwitchTo(spi);
	return d;
}

/* kept_row(statement, VARIADIC values text[]) */
Datum
triage_kept_row(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	char		 *sql = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Datum		 *values;
	bool		 *isnull;
	char		  nulls[KEPT_NARGS];
	int			  n;
	int			  rc;
	Datum		  result;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &values, &isnull, &n);
	if (n > KEPT_NARGS)
		ereport(ERROR, (errcode(ERRCODE_TOO_MANY_ARGUMENTS),
						errmsg("a kept statement has at most %d values", KEPT_NARGS)));
	for (int i = 0; i < n; i++)
		nulls[i] = isnull[i] ? 'n' : ' ';
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	rc = triage_execute(find_plan(sql, n), values, nulls, false);
	if (rc < 0)
		elog(ERROR, "unexpected SPI result %s for: %s", SPI_result_code_string(rc), sql);
	result = first_value(sql, caller);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	if (result == (Datum) 0)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result);
}
