/*
 * share.c
 *	  How the courier's connections are shared among endpoints.
 *
 * Three rules, each endpoint by itself:
 *
 * Window.  An endpoint begins with a few connections, gains one with each
 * answer of whatever status, and loses half with each silence (no connection,
 * timeout).  A dead endpoint is thus left with one.
 *
 * Dynamic threshold.  No endpoint holds more than EAGERNESS times the
 * connections that are free.  Alone, one slow endpoint takes most of them; two
 * share; some are always left for the next.
 *
 * Depth.  Beyond its connections an endpoint is given as much as it answers in
 * DEPTH_S, so that a fast one is claimed for in large batches and a slow one
 * has nothing waiting in the HTTP module.
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "worker/share.h"

#define FIRST_WINDOW 8
#define EAGERNESS	 7
#define DEPTH_S		 0.05

static HTAB		  *receivers = NULL;
static int		   connections;
static int		   per_host;
static TimestampTz smoothed_at = 0;

void
share_init(int max_connections, int max_per_host)
{
	connections = max_connections;
	/* one slow host must leave some */
	per_host = Max(1, Min(max_per_host, connections - (connections + EAGERNESS) / (EAGERNESS + 1)));
	if (receivers == NULL)
	{
		HASHCTL ctl = {0};

		ctl.keysize = RECEIVER_CODE_LEN;
		ctl.entrysize = sizeof(Receiver);
		ctl.hcxt = TopMemoryContext;
		receivers = hash_create("pg_triage receivers", 64, &ctl, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	}
}

int
share_per_host(void)
{
	return per_host;
}

Receiver *
share_receiver(const char *code)
{
	bool	  found;
	Receiver *r = hash_search(receivers, code, HASH_ENTER, &found);

	if (!found)
	{
		memset((char *) r + RECEIVER_CODE_LEN, 0, sizeof(*r) - RECEIVER_CODE_LEN);
		r->window = FIRST_WINDOW;
	}
	return r;
}

void
share_answer(Receiver *r, bool spoke)
{
	if (spoke)
		r->window = Min(r->window + 1, per_host);
	else
		r->window = Max(r->window / 2, 1);
	r->answered++;
}

/* Connections that an endpoint may hold now, `free` being left by all. */
static int
connections_for(const Receiver *r, int free)
{
	int window = r ? r->window : FIRST_WINDOW;

	return Max(1, Min(window, EAGERNESS * free));
}

static int
free_connections(void)
{
	HASH_SEQ_STATUS seq;
	Receiver	   *r;
	int				used = 0;

	hash_seq_init(&seq, receivers);
	while ((r = hash_seq_search(&seq)) != NULL)
		used += Min(r->in_flight, r->window);
	return Max(0, connections - used);
}

static void
smooth_rates(void)
{
	TimestampTz		now = GetCurrentTimestamp();
	double			elapsed = (now - smoothed_at) / 1e6;
	HASH_SEQ_STATUS seq;
	Receiver	   *r;

	/* too short a time says nothing */
	if (elapsed < 0.005)
		return;
	hash_seq_init(&seq, receivers);
	while ((r = hash_seq_search(&seq)) != NULL)
	{
		double now_rate = r->answered / elapsed;

		/* an idle second is not slowness: the rate only fades where something is under way */
		if (r->answered > 0 || r->in_flight > 0)
			r->rate = r->rate * 0.6 + now_rate * 0.4;
		r->answered = 0;
	}
	smoothed_at = now;
}

/* With `free` connections unused by all, what an endpoint holds does not count against it. */
static int
depth_of(const Receiver *r, int free)
{
	int own = connections_for(r, free + Min(r->in_flight, r->window));

	return own + (int) (r->rate * DEPTH_S);
}

void
share_rooms(Rooms *rooms, int most)
{
	int				free = free_connections();
	long			known = hash_get_num_entries(receivers);
	HASH_SEQ_STATUS seq;
	Receiver	   *r;

	smooth_rates();
	rooms->n = 0;
	rooms->codes = palloc(sizeof(char *) * (known + 1));
	rooms->rooms = palloc(sizeof(int) * (known + 1));
	rooms->others = Min(most, connections_for(NULL, free));
	hash_seq_init(&seq, receivers);
	while ((r = hash_seq_search(&seq)) != NULL)
	{
		if (r->in_flight == 0 && r->window == FIRST_WINDOW)
			continue;
		rooms->codes[rooms->n] = r->code;
		rooms->rooms[rooms->n++] = Min(most, Max(0, depth_of(r, free) - r->in_flight));
	}
}
