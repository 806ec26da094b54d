/*
 * queue.c
 *	  What is done for tickets after the transaction that wants it: a case
 *	  changed and its tickets must follow; a ticket could not be taken in, in
 *	  time or for somebody's lock.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/names.h"
#include "casework/act.h"
#include "casework/wake.h"
#include "hosts/backfill.h"
#include "hosts/guard.h"
#include "hosts/queue.h"
#include "hosts/run.h"
#include "hosts/show.h"
#include "hosts/take.h"
#include "hosts/work.h"

/* a ticket that somebody has locked comes again after this long; what failed, doubling, up to the longest */
#define LOCKED_AGAIN  (USECS_PER_SEC)
#define FAILED_AGAIN  (10 * USECS_PER_SEC)
#define BROKEN_AGAIN  (60 * USECS_PER_SEC)
#define LONGEST_AGAIN (3600 * USECS_PER_SEC)
/* then people must look */
#define MAX_TRIES 12
/* the worker has other things to do, milliseconds */
#define JOB_MS 30000

static Oid		   busy_relation = InvalidOid;
static const char *busy_ticket = NULL;

void
ticket_busy(Oid relation, const char *ticket)
{
	busy_relation = ticket != NULL ? relation : InvalidOid;
	busy_ticket = ticket;
}

/* ---- into the queue ---- */

/*
 * A case changed, in this transaction: its tickets and those of cases merged
 * into it are to follow.  Called by act_end() as owner, connected to SPI.
 */
static void
case_changed(const Act *act)
{
	static KeptPlan plan = {
		.sql =
			"INSERT INTO triage.host_queue (relation, ticket, case_id, job, at, retry_at)"
			" SELECT t.relation, t.ticket, t.case_id, 'show', $2, $2 FROM triage.host_tickets t"
			" WHERE (t.case_id = $1 OR t.case_id = ANY (ARRAY(SELECT l.linked_case FROM triage.links l"
			" WHERE l.case_id = $1 AND l.kind = 'duplicate')))"
			" AND (t.relation, t.ticket) IS DISTINCT FROM ($3, $4)"
			" AND NOT EXISTS (SELECT 1 FROM triage.bindings b WHERE b.relation = t.relation AND b.state = 'off')",
		.nargs = 4,
		.types = {INT8OID, TIMESTAMPTZOID, REGCLASSOID, TEXTOID}};
	Datum args[4];
	char  nulls[4] = {' ', ' ', busy_ticket ? ' ' : 'n', busy_ticket ? ' ' : 'n'};

	if (!bindings_any())
		return;
	args[0] = Int64GetDatum(act->c.case_id);
	args[1] = TimestampTzGetDatum(triage_clock());
	args[2] = ObjectIdGetDatum(busy_relation);
	args[3] = busy_ticket ? CStringGetTextDatum(busy_ticket) : (Datum) 0;
	if (host_run(&plan, args, nulls, SPI_OK_INSERT) > 0)
		wake_timekeeper_at_commit(triage_clock());
}

void
host_enqueue(const Binding *b, const char *ticket, int64 case_id, const char *job, Jsonb *payload)
{
	static KeptPlan plan = {
		.sql = "INSERT INTO triage.host_queue (relation, ticket, case_id, job, payload, at, retry_at)"
			   " VALUES ($1, $2, $3, $4, $5, $6, $6)",
		.nargs = 6,
		.types = {REGCLASSOID, TEXTOID, INT8OID, TEXTOID, JSONBOID, TIMESTAMPTZOID}};
	Datum		args[6] = {ObjectIdGetDatum(b->relation),
					   ticket ? CStringGetTextDatum(ticket) : (Datum) 0,
						   Int64GetDatum(case_id),
						   CStringGetTextDatum(job),
					   payload ? JsonbPGetDatum(payload) : (Datum) 0,
						   TimestampTzGetDatum(triage_clock())};
	char		nulls[6] = {' ', ticket ? ' ' : 'n', case_id != 0 ? ' ' : 'n', ' ', payload ? ' ' : 'n', ' '};
	OwnerSwitch sw;

	host_owner_begin(&sw);
	host_run(&plan, args, nulls, SPI_OK_INSERT);
	host_owner_end(&sw);
	wake_timekeeper_at_commit(triage_clock());
}

/* ---- out of it ---- */

typedef struct Job
{
	int64		queue_id;
	Oid			relation;
	const char *ticket;
	int64		case_id;
	const char *job;
	Jsonb	   *payload;
	int			tries;
	Shown		shown;
	const char *broken; /* the binding; then it waits for it */
	bool		done;	/* with another one */
} Job;

static int
claim_jobs(TimestampTz now, int max, Job **jobs)
{
	static KeptPlan plan = {
		.sql =
			"SELECT q.queue_id, q.relation, q.ticket, q.case_id, q.job, q.payload, q.tries FROM triage.host_queue q"
			" WHERE q.retry_at <= $1 ORDER BY q.retry_at, q.queue_id LIMIT $2 FOR UPDATE SKIP LOCKED",
		.nargs = 2,
		.types = {TIMESTAMPTZOID, INT8OID}};
	Datum args[2] = {TimestampTzGetDatum(now), Int64GetDatum((int64) max)};
	int	  n = host_run(&plan, args, NULL, SPI_OK_SELECT);

	*jobs = palloc0(Max(n, 1) * sizeof(Job));
	for (int i = 0; i < n; i++)
	{
		Job	 *j = &(*jobs)[i];
		bool  isnull;
		Datum d;

		j->queue_id = triage_result_int(i, 1, 0);
		j->relation = DatumGetObjectId(triage_result(i, 2, &isnull));
		j->ticket = triage_result_text(i, 3);
		j->case_id = triage_result_int(i, 4, 0);
		j->job = triage_result_text(i, 5);
		d = triage_result(i, 6, &isnull);
		j->payload = isnull ? NULL : DatumGetJsonbPCopy(d);
		j->tries = triage_result_int(i, 7, 0);
	}
	return n;
}

static void
delete_job(int64 queue_id)
{
	static KeptPlan plan = {.sql = "DELETE FROM triage.host_queue WHERE queue_id = $1",
							.nargs = 1,
							.types = {INT8OID}};
	Datum			args[1] = {Int64GetDatum(queue_id)};

	host_run(&plan, args, NULL, SPI_OK_DELETE);
}

static void
retry_job(const Job *j, TimestampTz at, int tries, const char *error)
{
	static KeptPlan plan = {
		.sql = "UPDATE triage.host_queue SET retry_at = $2, tries = $3, last_error = coalesce($4, last_error)"
			   " WHERE queue_id = $1",
		.nargs = 4,
		.types = {INT8OID, TIMESTAMPTZOID, INT4OID, TEXTOID}};
	Datum args[4] = {Int64GetDatum(j->queue_id), TimestampTzGetDatum(at), Int32GetDatum(tries),
					 error ? CStringGetTextDatum(error) : (Datum) 0};
	char  nulls[4] = {' ', ' ', ' ', error ? ' ' : 'n'};

	host_run(&plan, args, nulls, SPI_OK_UPDATE);
}

static void
do_job(void *arg)
{
	Job		*j = arg;
	Binding *b = binding_of(j->relation);

	j->shown = SHOWN_DONE;
	if (b == NULL || b->off)
		return;
	binding_note(b);
	j->broken = b->problem;
	if (j->broken != NULL)
		return;
	if (strcmp(j->job, "show") == 0)
		j->shown = ticket_show(b, j->ticket, NULL, false);
	else
		j->shown = host_redo(b, j->ticket, j->payload);
}

/* It will not become better by itself. */
static void
give_up(const Job *j, const Guarding *g)
{
	Binding *b = binding_of(j->relation);

	if (b != NULL)
		host_error(b, psprintf("host:%s", j->job), j->ticket, j->case_id, g->sqlerrcode, g->message,
				   j->payload);
	delete_job(j->queue_id);
}

static void
run_job(Job *j, TimestampTz now)
{
	Guarding g = guard_run(do_job, j, JOB_MS);

	if (g.done && j->broken != NULL)
		retry_job(j, now + BROKEN_AGAIN, j->tries, pstrdup(j->broken));
	else if (g.done && j->shown != SHOWN_LOCKED)
		delete_job(j->queue_id);
	else if (g.done)
		retry_job(j, now + LOCKED_AGAIN, j->tries, NULL);
	else if (g.passing && j->tries < MAX_TRIES)
		retry_job(j, now + Min(FAILED_AGAIN << Min(j->tries, 10), LONGEST_AGAIN), j->tries + 1, g.message);
	else
		give_up(j, &g);
}

/* A later job shows the ticket as it is now, so it does the work of all. */
static void
drop_doubles(Job *jobs, int n)
{
	for (int i = 0; i < n; i++)
	{
		bool show = strcmp(jobs[i].job, "show") == 0;

		for (int k = i + 1; k < n && show && !jobs[i].done; k++)
			jobs[i].done = strcmp(jobs[k].job, "show") == 0 && jobs[k].relation == jobs[i].relation &&
						   strcmp(jobs[k].ticket, jobs[i].ticket) == 0;
		if (jobs[i].done)
			delete_job(jobs[i].queue_id);
	}
}

/*
 * Here the host's own deferred triggers would run at commit, with our rights
 * (before PostgreSQL 18): have them run at once, with those of the binding.
 * What the caller's transaction has left to do is done first, with his.
 */
static void
fire_at_once(void)
{
	MemoryContext caller = CurrentMemoryContext;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "SET CONSTRAINTS failed");
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	MemoryContextSwitchTo(caller);
}

/* Is there anything to do?  One index entry, and the few bindings. */
static bool
anything(TimestampTz now)
{
	static KeptPlan plan = {
		.sql =
			"SELECT 1 WHERE EXISTS (SELECT 1 FROM triage.host_queue q WHERE q.retry_at <= $1)"
			" OR EXISTS (SELECT 1 FROM triage.bindings b WHERE b.backfill_state = 'running' AND b.state = 'active')",
		.nargs = 1,
		.types = {TIMESTAMPTZOID}};
	Datum		args[1] = {TimestampTzGetDatum(now)};
	OwnerSwitch sw;
	bool		found;

	host_owner_begin(&sw);
	found = host_run(&plan, args, NULL, SPI_OK_SELECT) > 0;
	host_owner_end(&sw);
	return found;
}

bool
hosts_run(TimestampTz now, int max_jobs, int max_rows)
{
	OwnerSwitch sw;
	Job		   *jobs;
	bool		more;
	int			n;

	if (!bindings_any() || !anything(now))
		return false;
	fire_at_once();
	host_owner_begin(&sw);
	n = claim_jobs(now, max_jobs, &jobs);
	drop_doubles(jobs, n);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!jobs[i].done)
			run_job(&jobs[i], now);
	}
	more = backfill_run(max_rows);
	host_owner_end(&sw);
	return more || n == max_jobs;
}

void
hosts_init(void)
{
	bindings_init();
	act_changed_hook = case_changed;
}
