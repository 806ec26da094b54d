/*
 * turns.h
 *	  Requests that wait for their turn.  Pure C.
 *
 * A host here is one scheme, host name and port.  Hosts take turns, one
 * request each, so a thousand requests to a slow receiver do not delay the one
 * to a fast receiver; and no host has more than max_per_host running.
 */
#ifndef TRIAGE_NET_TURNS_H
#define TRIAGE_NET_TURNS_H

#include "net/net.h"

#pragma GCC visibility push(hidden)

typedef struct NetHost NetHost;

/* One request, later its result. */
typedef struct NetJob
{
	struct NetJob *next;
	NetHost		  *host;
	NetRequest	   request;
	NetResult	   result;
} NetJob;

typedef struct NetQueue
{
	NetJob *head;
	NetJob *tail;
} NetQueue;

#define NET_HOST_BUCKETS 256

/* All zero is a valid beginning, but for max_per_host. */
typedef struct NetTurns
{
	int		 max_per_host;
	int		 waiting; /* jobs */
	NetHost *buckets[NET_HOST_BUCKETS];
	NetHost *ready_head; /* hosts that have a waiting job and may run it */
	NetHost *ready_tail;
} NetTurns;

extern void	   net_queue_push(NetQueue *queue, NetJob *job);
extern NetJob *net_queue_pop(NetQueue *queue); /* NULL = empty */

/* Let a job wait; its url has passed net_check_url().  false: out of memory, the job stays the caller's. */
extern bool net_turns_add(NetTurns *turns, NetJob *job);

/* The next job to run, NULL = none may; net_turns_done() must follow for it, and may free its host. */
extern NetJob *net_turns_next(NetTurns *turns);
extern void	   net_turns_done(NetTurns *turns, NetJob *job);

/* Frees what waits.  Jobs that run are the caller's. */
extern void net_turns_free(NetTurns *turns);

#pragma GCC visibility pop

#endif
