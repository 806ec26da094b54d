/*
 * courier.c
 *	  Sends what waits in triage.deliveries.
 *
 * One round: move transfers on; when enough of them have ended, or new work
 * may have come, one transaction writes their results down and leases the next
 * deliveries; then those are handed to the HTTP module.  Nothing is sent inside
 * a transaction, and nothing is sent whose lease is not committed.
 *
 * A delivery is sent at least once: what a crash leaves leased is released by
 * the next courier and goes out again under the same webhook-id.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/ilist.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/inet.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "base/clock.h"
#include "base/guc.h"
#include "base/names.h"
#include "base/spi.h"
#include "net/net.h"
#include "worker/queue.h"
#include "worker/share.h"
#include "worker/turn.h"

PGDLLEXPORT void triage_courier_main(Datum main_arg);

#define RECORD_MOST 512	 /* results written in one transaction */
#define RECORD_US	5000 /* a result waits no longer for company, unless transactions are slow */
#define SLOW_CLAIM_US \
	20000 /* a claim that takes longer for 100 rows met many deliveries that wait behind others */
#define DEFER_PAUSE (5 * USECS_PER_SEC)
#define FIRST_PAUSE 100 /* after an error, milliseconds, doubling ... */
#define LAST_PAUSE	60000
#define LOOK_US		USECS_PER_SEC /* the queue is looked at even if nobody says so, at the next turn after this */
#define ASIDE_MS	1000		  /* rows locked by others are tried again */

static const NetApi *api;

static struct
{
	MemoryContext turn;	   /* reset each round */
	MemoryContext flights; /* one chunk each */

	Net		   *net;		/* NULL = nothing may be sent */
	char	   *settings;	/* that it was opened with */
	TimestampTz settled_at; /* when the settings were read last */

	dlist_head	claimed; /* leased, not submitted yet */
	int			in_air;	 /* submitted and not taken back yet */
	dlist_head	landed;	 /* with their results, oldest first */
	int			nlanded;
	dlist_head	aside; /* with their results, their rows locked by somebody */
	TimestampTz aside_at;

	bool		may_claim;	   /* as of this round */
	bool		work_may_wait; /* claim at the next occasion */
	bool		release;	   /* leases that are not ours may be there */
	bool		careful;	   /* the last transaction met a lock */
	TimestampTz next_due;	   /* by triage.clock() */
	TimestampTz claimed_at;
	TimestampTz deferred_at;
	TimestampTz paused_until; /* after an error */
	int			pause_ms;
	int64		cycle_us; /* what the last transaction took */
} me;

/* ---------- where it may send ---------- */

/* The part of a network that lies on this machine; false: none. */
static bool
loopback_part(const char *network, StringInfo out)
{
	static const char *const loopbacks[] = {"127.0.0.0/8", "::1/128"};
	Datum					 given = DirectFunctionCall1(inet_in, CStringGetDatum(network));
	bool					 any = false;

	for (int i = 0; i < (int) lengthof(loopbacks); i++)
	{
		Datum own = DirectFunctionCall1(inet_in, CStringGetDatum(loopbacks[i]));
		Datum part;

		if (DatumGetBool(DirectFunctionCall2(network_subeq, given, own)))
			part = given;
		else if (DatumGetBool(DirectFunctionCall2(network_sup, given, own)))
			part = own;
		else
			continue;
		appendStringInfo(out, "%s%s", out->len > 0 ? "," : "",
						 TextDatumGetCString(DirectFunctionCall1(network_show, part)));
		any = true;
	}
	return any;
}

/* triage.allowed_networks; while the clock is moved, what of it lies on this machine. */
static char *
allowed_networks(void)
{
	StringInfoData s;
	List		  *networks;

	if (!triage_clock_is_moved())
		return triage_allowed_networks;
	initStringInfo(&s);
	if (SplitGUCList(pstrdup(triage_allowed_networks), ',', &networks))
		for (int i = 0; i < list_length(networks); i++)
			loopback_part(list_nth(networks, i), &s);
	return s.data;
}

/* Only now: a courier that may not send anything needs no TLS libraries. */
static void
load_api(void)
{
	const NetApi *loaded;

	if (api != NULL)
		return;
	loaded = ((NetApiFunction) load_external_function("$libdir/pg_triage_net", NET_API_SYMBOL, true, NULL))();
	if (loaded->version != NET_API_VERSION)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("pg_triage_net.so is of another version than pg_triage.so"),
						errhint("Restart the server, so that it loads both as they are installed now.")));
	api = loaded;
}

static void
close_net(void)
{
	if (me.net == NULL)
		return;
	worker_forget_fd();
	api->close(me.net);
	me.net = NULL;
}

static void
open_net(const char *allow)
{
	NetLimits limits = {0};
	char	  error[200];

	load_api();
	limits.max_connections = triage_courier_connections;
	limits.max_per_host = share_per_host();
	limits.connect_timeout_ms = triage_connect_timeout;
	limits.max_response = (size_t) triage_max_response * 1024;
	limits.allow = allow;
	me.net = api->open(&limits, error, sizeof(error));
	if (me.net == NULL)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIG_FILE_ERROR), errmsg("the pg_triage courier cannot send: %s", error),
				 errhint("Check triage.allowed_networks and the other settings of the courier.")));
}

/* Its own function for the sake of PG_TRY; an unreadable list allows nothing. */
static char *
allowed_or_nothing(void)
{
	char *volatile allow = NULL;

	PG_TRY();
	{
		allow = allowed_networks();
	}
	PG_CATCH();
	{
		worker_recover(me.turn);
	}
	PG_END_TRY();
	return allow ? allow : pstrdup("");
}

/*
 * See that the HTTP module goes by the settings as they are now.  Returns
 * false while nothing may be claimed: no network is allowed, or transfers that
 * began under other settings have to end first.
 */
static bool
settle_net(void)
{
	char *allow;
	char *settings;

	if (me.settings != NULL && me.settled_at == PgReloadTime)
		return me.net != NULL;
	allow = allowed_or_nothing();
	settings = psprintf("%d %d %d %d %s", triage_courier_connections, triage_courier_per_host,
						triage_connect_timeout, triage_max_response, allow);
	if (me.settings == NULL || strcmp(me.settings, settings) != 0)
	{
		if (me.in_air > 0)
			return false;
		close_net();
		share_init(triage_courier_connections, triage_courier_per_host);
		if (allow[0] != '\0')
			open_net(allow);
		if (me.settings != NULL)
			pfree(me.settings);
		me.settings = MemoryContextStrdup(TopMemoryContext, settings);
		me.work_may_wait = true;
	}
	me.settled_at = PgReloadTime;
	return me.net != NULL;
}

/* ---------- taking off and landing ---------- */

/* What an interface wants to see instead of a signature: the newest secret, a token. */
static void
authorize(Flight *f)
{
	const Receiver *r = f->receiver;
	const char	   *scheme = strcmp(r->auth, "token") == 0 ? "Token token=" : "Bearer ";

	if (r->nsecrets > 0)
		snprintf(f->signature, sizeof(f->signature), "%s%.*s", scheme, r->secret_len[0],
				 (const char *) r->secret[0]);
	f->request.authorization = f->signature;
}

/* A signature for each secret in force, the newest first. */
static void
sign(Flight *f)
{
	const Receiver *r = f->receiver;
	int				len = 0;

	f->request.signature = f->signature;
	for (int i = 0; i < r->nsecrets; i++)
	{
		char one[64];

		if (!api->sign(r->secret[i], r->secret_len[i], f->id_text, f->request.timestamp, f->request.body,
					   f->request.body_len, one, sizeof(one)))
			continue;
		len += snprintf(f->signature + len, sizeof(f->signature) - len, "%s%s", len > 0 ? " " : "", one);
	}
}

static void
land(Flight *f)
{
	f->finished = GetCurrentTimestamp();
	dlist_push_tail(&me.landed, &f->node);
	me.nlanded++;
}

/* Hand over what was claimed. */
static void
submit(void)
{
	int64 now = (int64) time(NULL);

	while (!dlist_is_empty(&me.claimed))
	{
		Flight *f = dlist_container(Flight, node, dlist_pop_head_node(&me.claimed));

		f->receiver->in_flight++;
		f->request.timestamp = now;
		if (f->receiver->auth[0] != '\0')
			authorize(f);
		else
			sign(f);
		if (api->submit(me.net, &f->request))
			me.in_air++;
		else
		{
			f->result.outcome = NET_RETRY;
			f->result.retry_after_ms = -1;
			strlcpy(f->result.error, "out of memory", sizeof(f->result.error));
			land(f);
		}
	}
}

static void
take_landed(void)
{
	NetResult result;

	if (me.net == NULL)
		return;
	api->progress(me.net);
	while (api->take(me.net, &result))
	{
		Flight *f = result.tag;

		f->result = result;
		me.in_air--;
		/* a status is an answer, whatever it says; so is our own refusal */
		share_answer(f->receiver, result.status != 0 || result.outcome == NET_REFUSED);
		land(f);
	}
}

/* ---------- the transaction between ---------- */

/* Results and claim in one transaction; what was claimed is in me.claimed. */
static void
write_and_claim(bool claim)
{
	OwnerSwitch sw;
	Rooms		rooms;
	TimestampTz before;
	int			claimed;

	worker_begin("pg_triage: deliveries");
	triage_owner_begin(&sw);
	if (me.nlanded > 0)
		queue_record(&me.landed, Min(me.nlanded, RECORD_MOST), me.careful);
	if (claim)
	{
		if (me.release)
			queue_release();
		before = GetCurrentTimestamp();
		share_rooms(&rooms, triage_courier_batch);
		claimed = queue_claim(&rooms, triage_courier_batch, me.careful, me.flights, &me.claimed);
		if (claimed == 0)
			me.next_due = queue_next_due();
		if (GetCurrentTimestamp() - before > SLOW_CLAIM_US * (1 + claimed / 100) &&
			before - me.deferred_at > DEFER_PAUSE)
		{
			queue_defer();
			me.deferred_at = before;
		}
	}
	triage_owner_end(&sw);
	/* a lease that is lost is only taken again; results are not to be lost */
	if (me.nlanded == 0)
		(void) set_config_option("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL,
								 true, 0, false);
	worker_commit();
}

static void
forget_settled(void)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &me.landed)
	{
		Flight *f = dlist_container(Flight, node, iter.cur);

		if (f->settled)
		{
			f->receiver->in_flight--;
			me.nlanded--;
			dlist_delete(iter.cur);
			pfree(f);
		}
	}
}

/* Somebody holds locks on the rows of the first results: let others go first, and come back. */
static void
set_aside(int n)
{
	while (n-- > 0)
	{
		dlist_push_tail(&me.aside, dlist_pop_head_node(&me.landed));
		me.nlanded--;
	}
	me.aside_at = GetCurrentTimestamp();
}

static void
take_back_aside(void)
{
	if (dlist_is_empty(&me.aside) ||
		!TimestampDifferenceExceeds(me.aside_at, GetCurrentTimestamp(), ASIDE_MS))
		return;
	while (!dlist_is_empty(&me.aside))
	{
		dlist_push_head(&me.landed, dlist_pop_head_node(&me.aside));
		me.nlanded++;
	}
}

static void
after_success(bool claim, int written)
{
	int before = me.nlanded;

	forget_settled();
	written -= before - me.nlanded;
	if (written > 0)
		set_aside(written);
	else if (dlist_is_empty(&me.aside))
		me.careful = false;
	me.pause_ms = 0;
	if (claim)
	{
		me.release = false;
		me.work_may_wait = false;
		me.claimed_at = GetCurrentTimestamp();
	}
	submit();
}

static void
after_error(void)
{
	dlist_iter iter;

	while (!dlist_is_empty(&me.claimed))
		pfree(dlist_container(Flight, node, dlist_pop_head_node(&me.claimed)));
	dlist_foreach(iter, &me.landed)
		dlist_container(Flight, node, iter.cur)->settled = false;
	me.careful = true;
	me.work_may_wait = true;
	me.pause_ms = me.pause_ms == 0 ? FIRST_PAUSE : Min(me.pause_ms * 2, LAST_PAUSE);
	me.paused_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), me.pause_ms);
}

static void
cycle(bool claim)
{
	TimestampTz	  before = GetCurrentTimestamp();
	int			  written = Min(me.nlanded, RECORD_MOST);
	volatile bool failed = false;

	PG_TRY();
	{
		write_and_claim(claim);
	}
	PG_CATCH();
	{
		worker_recover(me.turn);
		failed = true;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(me.turn);
	if (failed)
		after_error();
	else
		after_success(claim, written);
	me.cycle_us = GetCurrentTimestamp() - before;
}

/* ---------- the loop ---------- */

static bool
results_are_due(TimestampTz now)
{
	Flight *oldest;

	if (me.nlanded == 0)
		return false;
	oldest = dlist_container(Flight, node, dlist_head_node(&me.landed));
	/* as many on their way as are written: the receivers are busy meanwhile */
	return me.nlanded >= RECORD_MOST || me.nlanded >= me.in_air ||
		   now - oldest->finished > Max(RECORD_US, 2 * me.cycle_us);
}

static bool
claim_is_due(TimestampTz now)
{
	return me.work_may_wait || now - me.claimed_at > LOOK_US ||
		   (me.next_due != DT_NOEND && triage_clock_wait_ms(me.next_due) == 0);
}

static long
wait_ms(TimestampTz now)
{
	int64 ms = TRIAGE_TURN_MS;

	if (me.net != NULL)
	{
		long net_ms = api->timeout_ms(me.net);

		if (net_ms >= 0)
			ms = Min(ms, net_ms);
	}
	if (me.paused_until > now)
		return Min(ms, TimestampDifferenceMilliseconds(now, me.paused_until));
	if (me.nlanded > 0)
		ms = results_are_due(now) ? 0 : Min(ms, RECORD_US / 1000);
	if (!dlist_is_empty(&me.aside))
		ms = Min(ms, ASIDE_MS);
	if (me.may_claim && me.work_may_wait)
		ms = 0;
	if (me.may_claim && me.next_due != DT_NOEND)
	{
		int64 due_ms = triage_clock_wait_ms(me.next_due);

		if (due_ms >= 0)
			ms = Min(ms, due_ms);
	}
	return ms;
}

static void
one_round(void)
{
	bool		active = worker_turn();
	TimestampTz now;

	MemoryContextReset(me.turn);
	/* what came with a restored dump while we were idle may say "leased" */
	if (!active)
		me.release = true;
	me.may_claim = settle_net() && active && !(me.release && me.in_air + me.nlanded > 0);
	take_landed();
	take_back_aside();
	now = GetCurrentTimestamp();
	if (me.paused_until <= now && (results_are_due(now) || (me.may_claim && claim_is_due(now))))
	{
		cycle(me.may_claim);
		take_landed();
		now = GetCurrentTimestamp();
	}
	if (worker_wait(wait_ms(now), me.net ? api->fd(me.net) : PGINVALID_SOCKET))
		me.work_may_wait = true;
}

static void
set_for_session(const char *name, const char *value)
{
	SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

void
triage_courier_main(Datum main_arg)
{
	worker_start(TRIAGE_COURIER, TRIAGE_LOCK_COURIER, DatumGetObjectId(main_arg));
	/* a queue is read through its index, whatever the statistics of its emptiest hour say */
	set_for_session("enable_seqscan", "off");
	set_for_session("enable_bitmapscan", "off");
	set_for_session("enable_hashjoin", "off");
	set_for_session("enable_mergejoin", "off");
	set_for_session("jit", "off");
	set_for_session("plan_cache_mode", "force_generic_plan");
	/* nobody's lock on a delivery holds up the others */
	set_for_session("lock_timeout", "200ms");

	me.turn = AllocSetContextCreate(TopMemoryContext, "pg_triage courier", ALLOCSET_DEFAULT_SIZES);
	me.flights =
		AllocSetContextCreate(TopMemoryContext, "pg_triage deliveries in flight", ALLOCSET_DEFAULT_SIZES);
	dlist_init(&me.landed);
	dlist_init(&me.aside);
	dlist_init(&me.claimed);
	me.release = true;
	me.next_due = DT_NOEND;
	MemoryContextSwitchTo(me.turn);
	for (;;)
		one_round();
}
