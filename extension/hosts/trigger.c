/*
 * trigger.c
 *	  The one trigger of all hosts.
 *
 * Nothing of ours may harm the host's transaction: the work is done in
 * subtransactions, its time is bounded, and whatever goes wrong becomes a
 * row of host_queue (when it may work later) or of intake_errors.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "hosts/guard.h"
#include "hosts/queue.h"
#include "hosts/take.h"
#include "hosts/work.h"

PG_FUNCTION_INFO_V1(triage_host_trigger);

typedef struct Firing
{
	HostRow		r;
	HostSource *source;
	HostEvent	e;
	Jsonb	   *doc;
	bool		fresh;	 /* the row is new, and nobody is likely to have told of its ticket before */
	bool		apart;	 /* take in without showing: that failed */
	bool		read;	 /* e says what the row means */
	bool		taken;	 /* the ticket has a case */
	bool		to_show; /* which it does not show yet */
	Guarding	failed;
} Firing;

/*
 * What does the row mean, and do it.  A new ticket shows its case at once, in
 * the same subtransaction.
 */
static void
take(void *arg)
{
	Firing	*f = arg;
	Binding *b;
	bool	 shown = false;

	f->taken = false;
	f->source = host_source(f->r.relid);
	b = f->source->binding;
	if (b == NULL || b->off)
		return;
	if (b->problem != NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("%s", b->problem)));
	/* mended meanwhile */
	binding_note(b);
	if (!f->read && !host_read(f->source, &f->r, &f->e, &f->doc))
		return;
	f->read = true;
	f->taken = host_do(b, &f->e, f->fresh && f->e.reference == NULL, !f->apart, &shown) != 0;
	f->to_show = f->taken && !shown;
}

static void
show(void *arg)
{
	Firing *f = arg;

	(void) ticket_show(f->source->binding, f->e.ticket, f->e.refused, true);
}

/* What could not be done is kept for later, or for people. */
static void
keep_failure(void *arg)
{
	Firing	   *f = arg;
	Binding	   *b = f->source ? f->source->binding : host_source(f->r.relid)->binding;
	const char *job = f->taken ? "show" : f->e.change ? "change" : "take_in";
	Jsonb	   *payload;

	if (b == NULL)
		return;
	if (b->problem != NULL)
		binding_note(b);
	/* what came new while a binding was broken is taken in when it is whole again; what changed is seen then */
	if (b->problem != NULL && f->r.old != NULL)
		return;
	payload = f->taken ? NULL : host_payload(b, &f->r, &f->e, f->doc);
	if (f->e.ticket == NULL && b->generic && b->map->nkeys > 0 && b->map->keys[0].attno != 0)
		f->e.ticket = ticket_key(b->map, f->r.row, f->r.desc);
	if (f->failed.passing || b->problem != NULL)
		host_enqueue(b, f->e.ticket, 0, job, payload);
	else
		host_error(b, psprintf("host:%s", job), f->e.ticket, 0, f->failed.sqlerrcode, f->failed.message,
				   payload);
}

static void
fail(Firing *f, Guarding g)
{
	Guarding kept;

	f->failed = g;
	kept = guard_run(keep_failure, f, 0);
	if (!kept.done)
		ereport(LOG, (errmsg("a row of \"%s\" was not taken in: %s", get_rel_name(f->r.relid), g.message),
					  errdetail("Nor could this be recorded: %s.", kept.message),
					  errhint("Take in what is missing with triage.attach(..., backfill => ...).")));
}

/* All of it together has triage.host_timeout: do this in what is left since start. */
static Guarding
in_time(void (*work)(void *), Firing *f, TimestampTz start)
{
	long left = triage_host_timeout;

	if (triage_host_timeout > 0)
		left -= TimestampDifferenceMilliseconds(start, GetCurrentTimestamp());
	if (triage_host_timeout > 0 && left <= 0)
		return (
			Guarding){.passing = true, .sqlerrcode = ERRCODE_QUERY_CANCELED, .message = "no time was left"};
	return guard_run(work, f, left);
}

static void
fire(Firing *f)
{
	TimestampTz start = GetCurrentTimestamp();
	Guarding	g;

	f->fresh = f->r.old == NULL;
	g = in_time(take, f, start);
	/* somebody has: a ticket of the same key was there before, or its reference came another way */
	if (!g.done && f->fresh && g.sqlerrcode == ERRCODE_UNIQUE_VIOLATION)
	{
		f->fresh = false;
		g = in_time(take, f, start);
	}
	/* where only the showing fails the case is to stand all the same */
	if (!g.done && f->read && !f->e.change && !g.passing)
	{
		Guarding alone;

		f->apart = true;
		alone = in_time(take, f, start);
		if (!alone.done)
			f->taken = false;
	}
	else if (g.done && f->to_show)
		g = in_time(show, f, start);
	else if (!g.done)
		f->taken = false;
	if (!g.done)
		fail(f, g);
}

Datum
triage_host_trigger(PG_FUNCTION_ARGS)
{
	TriggerData *td = (TriggerData *) fcinfo->context;
	Firing		 f = {0};

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(td->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(td->tg_event) ||
		!(TRIGGER_FIRED_BY_INSERT(td->tg_event) || TRIGGER_FIRED_BY_UPDATE(td->tg_event)))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("this function must be called as a row trigger after insert or update"),
						errhint("triage.attach() makes the trigger.")));
	f.r.relid = RelationGetRelid(td->tg_relation);
	f.r.desc = RelationGetDescr(td->tg_relation);
	f.r.row = TRIGGER_FIRED_BY_INSERT(td->tg_event) ? td->tg_trigtuple : td->tg_newtuple;
	f.r.old = TRIGGER_FIRED_BY_INSERT(td->tg_event) ? NULL : td->tg_trigtuple;
	/* most updates are none of our business: no subtransaction for them */
	if (f.r.old == NULL || host_concerned(&f.r))
		fire(&f);
	return PointerGetDatum(NULL);
}
