/*
 * reapply.c
 *	  Running clocks take over limits that were changed after they started.
 *
 * A policy that is edited leaves running clocks alone; this is the asking.
 * A dry run does all of it, case by case, in subtransactions that are undone.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "base/names.h"
#include "base/spi.h"
#include "casework/retime.h"

PG_FUNCTION_INFO_V1(triage_reapply_policy);

typedef struct Told
{
	ReturnSetInfo *result;
	int64		   n;
} Told;

static void
tell(void *arg, int64 case_id, const Clock *k, TimestampTz was, TimestampTz due)
{
	Told *told = arg;
	Datum values[4] = {Int64GetDatum(case_id), Int32GetDatum(k->clock_id), TimestampTzGetDatum(was),
					   TimestampTzGetDatum(due)};
	bool  isnull[4] = {false};

	tuplestore_putvalues(told->result->setResult, told->result->setDesc, values, isnull);
	told->n++;
}

/* Cases with a clock that runs, by number; they change under way only by others, who then decided by the new rules. */
static int64 *
running_cases(int *n)
{
	static KeptPlan plan = {.sql = "SELECT DISTINCT k.case_id FROM triage.clocks k WHERE k.state = 'running'"
								   " ORDER BY k.case_id",
							.nargs = 0};
	OwnerSwitch		sw;
	MemoryContext	caller = CurrentMemoryContext;
	int64		   *cases;

	triage_owner_begin(&sw);
	*n = triage_read(&plan, NULL, NULL);
	cases = MemoryContextAllocHuge(caller, Max(*n, 1) * sizeof(int64));
	for (int i = 0; i < *n; i++)
		cases[i] = triage_result_int(i, 1, 0);
	triage_owner_end(&sw);
	return cases;
}

static void
reapply(int64 case_id, const char *policy, Told *told)
{
	Act	  act;
	int64 before = told->n;

	act_begin_inner(&act, "reapply_policy", case_id);
	retime_by_policy(&act, policy, tell, told);
	if (told->n == before)
	{
		act_leave_inner(&act);
		return;
	}
	/* an event for each clock tells all */
	act.quiet = true;
	act_end_inner(&act);
}

/* Everything, and then nothing: what it would do is known. */
static void
rehearse(int64 case_id, const char *policy, Told *told)
{
	MemoryContext mcxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(mcxt);
	reapply(case_id, policy, told);
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(mcxt);
	CurrentResourceOwner = owner;
}

static void
check_policy(const char *code)
{
	OwnerSwitch sw;
	Book	   *book;
	bool		known = code == NULL;

	triage_owner_begin(&sw);
	book = book_acquire();
	for (int i = 0; i < book->npolicies && !known; i++)
		known = strcmp(book->policies[i].code, code) == 0;
	book_release(book);
	triage_owner_end(&sw);
	if (!known)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("policy \"%s\" does not exist", code),
						errdetail("There is no active row with this code in triage.policies."),
						errhint("Use a code listed in triage.policies, or leave it out for all.")));
}

/* reapply_policy(policy, dry_run); who may is checked by its SQL wrapper */
Datum
triage_reapply_policy(PG_FUNCTION_ARGS)
{
	char		 *policy = text_argument(fcinfo, 0);
	bool		  dry_run = PG_ARGISNULL(1) || PG_GETARG_BOOL(1);
	Told		  told = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	MemoryContext mcxt;
	int64		 *cases;
	int			  n;

	InitMaterializedSRF(fcinfo, 0);
	check_policy(policy);
	cases = running_cases(&n);
	mcxt = AllocSetContextCreate(CurrentMemoryContext, "pg_triage reapply", ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(mcxt);

		CHECK_FOR_INTERRUPTS();
		if (dry_run)
			rehearse(cases[i], policy, &told);
		else
			reapply(cases[i], policy, &told);
		MemoryContextSwitchTo(old);
		MemoryContextReset(mcxt);
	}
	return (Datum) 0;
}
