/*
 * spi.h
 *	  SQL from C: plans prepared once and kept, run as the owner of our tables.
 */
#ifndef TRIAGE_BASE_SPI_H
#define TRIAGE_BASE_SPI_H

#include "executor/spi.h"

/* A statement whose plan is kept for the session.  All names in it are qualified. */
typedef struct KeptPlan
{
	const char *sql;
	int			nargs;
	Oid			types[24];
	SPIPlanPtr	plan; /* NULL until first used */
} KeptPlan;

/*
 * Owner switch.  begin() connects to SPI, becomes the owner of our tables
 * with row security out of the way, and locks the search path, as far as that
 * is not so already; end() undoes what it did.  An error undoes them with the (sub)transaction.
 */
typedef struct OwnerSwitch
{
	Oid user;
	int context;
	int guc_level;
} OwnerSwitch;

extern void triage_owner_begin(OwnerSwitch *sw);
extern void triage_owner_end(OwnerSwitch *sw);

/*
 * A statement of tables that grow, planned once for all values and as if they
 * were large already: a plan is kept for the session, and one made while a
 * table was small would read it from end to end for ever.  Connected to SPI.
 */
extern SPIPlanPtr triage_keep(const char *sql, int nargs, Oid *types);
extern int		  triage_execute(SPIPlanPtr plan, Datum *values, const char *nulls, bool read_only);

/* Run a kept plan; nulls = NULL: no argument is null.  Raises an error unless SPI returned `expect`. */
extern uint64 triage_run(KeptPlan *kept, Datum *values, const char *nulls, int expect);
/* The same without moving the command counter on or writing. */
extern uint64 triage_read(KeptPlan *kept, Datum *values, const char *nulls);

/* The same by the active snapshot. */
extern uint64 triage_peek(KeptPlan *kept, Datum *values, const char *nulls);

/* Column of the last result's row by number (1..); text is allocated in the current context. */
extern Datum triage_result(uint64 row, int col, bool *isnull);
extern char *triage_result_text(uint64 row, int col); /* NULL for null */
extern int64 triage_result_int(uint64 row, int col, int64 if_null);

#endif
