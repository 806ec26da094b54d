/*
 * turns.c
 *	  Requests that wait for their turn.
 */
#include <stdlib.h>
#include <strings.h>

#include "net/turns.h"
#include "net/url.h"

struct NetHost
{
	NetHost *next_in_bucket;
	NetHost *next_ready;
	bool	 ready; /* is in the list of ready hosts */
	int		 running;
	NetQueue waiting;
	uint32_t hash;
	size_t	 origin_len;
	char	 origin[]; /* lower case, not terminated */
};

void
net_queue_push(NetQueue *queue, NetJob *job)
{
	job->next = NULL;
	if (queue->tail)
		queue->tail->next = job;
	else
		queue->head = job;
	queue->tail = job;
}

NetJob *
net_queue_pop(NetQueue *queue)
{
	NetJob *job = queue->head;

	if (job)
	{
		queue->head = job->next;
		if (queue->head == NULL)
			queue->tail = NULL;
	}
	return job;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c + 32) : c;
}

/* The host of a url, made if there is none; NULL = out of memory. */
static NetHost *
host_of(NetTurns *turns, const char *url)
{
	size_t	  length = net_url_origin(url);
	uint32_t  hash = 2166136261u; /* FNV-1a */
	NetHost	 *host;
	NetHost **bucket;
	size_t	  i;

	for (i = 0; i < length; i++)
		hash = (hash ^ (unsigned char) lower(url[i])) * 16777619u;
	bucket = &turns->buckets[hash % NET_HOST_BUCKETS];
	for (host = *bucket; host; host = host->next_in_bucket)
		if (host->hash == hash && host->origin_len == length && strncasecmp(host->origin, url, length) == 0)
			return host;

	host = calloc(1, sizeof(NetHost) + length);
	if (host == NULL)
		return NULL;
	host->hash = hash;
	host->origin_len = length;
	for (i = 0; i < length; i++)
		host->origin[i] = lower(url[i]);
	host->next_in_bucket = *bucket;
	*bucket = host;
	return host;
}

static void
forget_host(NetTurns *turns, NetHost *host)
{
	NetHost **link = &turns->buckets[host->hash % NET_HOST_BUCKETS];

	while (*link != host)
		link = &(*link)->next_in_bucket;
	*link = host->next_in_bucket;
	free(host);
}

/* A job came or went: let the host queue up for its turn, or forget it when idle. */
static void
host_changed(NetTurns *turns, NetHost *host)
{
	if (host->ready)
		return;
	if (host->waiting.head && host->running < turns->max_per_host)
	{
		host->ready = true;
		host->next_ready = NULL;
		if (turns->ready_tail)
			turns->ready_tail->next_ready = host;
		else
			turns->ready_head = host;
		turns->ready_tail = host;
	}
	else if (host->waiting.head == NULL && host->running == 0)
		forget_host(turns, host);
}

bool
net_turns_add(NetTurns *turns, NetJob *job)
{
	job->host = host_of(turns, job->request.url);
	if (job->host == NULL)
		return false;
	net_queue_push(&job->host->waiting, job);
	turns->waiting++;
	host_changed(turns, job->host);
	return true;
}

NetJob *
net_turns_next(NetTurns *turns)
{
	NetHost *host = turns->ready_head;
	NetJob	*job;

	if (host == NULL)
		return NULL;
	turns->ready_head = host->next_ready;
	if (turns->ready_head == NULL)
		turns->ready_tail = NULL;
	host->ready = false;

	job = net_queue_pop(&host->waiting);
	turns->waiting--;
	host->running++;
	host_changed(turns, host); /* to the end of the list, if it has more */
	return job;
}

void
net_turns_done(NetTurns *turns, NetJob *job)
{
	job->host->running--;
	host_changed(turns, job->host);
	job->host = NULL;
}

void
net_turns_free(NetTurns *turns)
{
	NetJob *job;
	int		i;

	for (i = 0; i < NET_HOST_BUCKETS; i++)
		while (turns->buckets[i])
		{
			NetHost *host = turns->buckets[i];

			turns->buckets[i] = host->next_in_bucket;
			while ((job = net_queue_pop(&host->waiting)))
				free(job);
			free(host);
		}
}
