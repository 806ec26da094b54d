/*
 * http.c
 *	  Many HTTP transfers at once on one thread, by libcurl.
 *
 * submit: a NetJob waits its turn (turns.h) -> progress: on a Slot, to curl ->
 * judged, in the done queue -> take.
 *
 * A Slot (slot.h) is one easy handle, used again and again.  There are
 * max_connections of them, and nothing waits inside curl: a request that waits
 * costs half a kilobyte and no descriptor.  All sockets of curl are in one
 * epoll descriptor (sockets.h), which the caller waits on.
 *
 * Every call that can start a thread of libcurl runs with signals blocked; see
 * block_signals.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

#include "net/net.h"
#include "net/outcome.h"
#include "net/sign.h"
#include "net/slot.h"
#include "net/sockets.h"
#include "net/turns.h"
#include "net/url.h"

#define DEFAULT_CONNECT_TIMEOUT_MS 10000L
#define EVENTS_AT_ONCE			   256
#define ROUNDS_AT_ONCE			   3 /* finish and start again, before progress() returns */

struct Net
{
	CURLM	  *multi;
	NetSockets sockets;
	NetLimits  limits;
	NetAllow   allow;
	int64_t	   deadline_us; /* when curl wants to be called without an event, -1 = never */
	Slot	  *slots;
	Slot	  *free_slots; /* the last one used first: its memory is warm */
	int		   running;	   /* jobs on slots */
	NetTurns   turns;	   /* jobs that wait */
	NetQueue   done;
};

static int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/*
 * libcurl's resolver thread inherits the signal mask of its creator.  Without
 * this, the kernel may choose that thread to run a handler of the server
 * (SIGUSR1, SIGTERM), which reads and writes the process's state and knows of
 * one thread only.  A signal that comes meanwhile waits until the mask is put
 * back.  Faults stay deliverable, for the tools that catch them.
 */
static void
block_signals(sigset_t *saved)
{
	sigset_t blocked;

	sigfillset(&blocked);
	sigdelset(&blocked, SIGSEGV);
	sigdelset(&blocked, SIGBUS);
	sigdelset(&blocked, SIGFPE);
	sigdelset(&blocked, SIGILL);
	sigdelset(&blocked, SIGABRT);
	sigdelset(&blocked, SIGTRAP);
	pthread_sigmask(SIG_SETMASK, &blocked, saved);
}

static void
restore_signals(const sigset_t *saved)
{
	pthread_sigmask(SIG_SETMASK, saved, NULL);
}

/* ---------- what curl calls ---------- */

/* CURLMOPT_SOCKETFUNCTION: curl says which events it wants of a socket. */
static int
socket_wanted(CURL *easy, curl_socket_t fd, int what, void *net_arg, void *socket_arg)
{
	Net		*net = net_arg;
	uint32_t events = 0;

	(void) easy;
	(void) socket_arg;
	if (what != CURL_POLL_REMOVE)
		events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
	return net_sockets_want(&net->sockets, fd, events) ? 0 : -1;
}

/* CURLMOPT_TIMERFUNCTION.  curl rounds up, and so do we: called too early, it would not ask again. */
static int
timer_wanted(CURLM *multi, long timeout_ms, void *net_arg)
{
	Net *net = net_arg;

	(void) multi;
	net->deadline_us = timeout_ms < 0 ? -1 : now_us() + (int64_t) timeout_ms * 1000;
	return 0;
}

/* ---------- slots ---------- */

/* A slot with a handle; NULL = out of memory.  There is a free one whenever fewer than max_connections run. */
static Slot *
slot_take(Net *net)
{
	Slot *slot = net->free_slots;

	if (!slot_open(slot))
		return NULL;
	net->free_slots = slot->next_free;
	return slot;
}

static void
slot_give_back(Net *net, Slot *slot)
{
	slot->job = NULL;
	slot->next_free = net->free_slots;
	net->free_slots = slot;
}

/* ---------- running ---------- */

/* Take a running job off its slot and off curl, and judge it. */
static void
finish(Net *net, Slot *slot, CURLcode code)
{
	NetJob	  *job = slot->job;
	NetResult *result = &job->result;
	long	   status = 0;
	curl_off_t retry_after = 0;

	curl_multi_remove_handle(net->multi, slot->easy);
	curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
	result->status = status >= 200 ? (int) status : 0;
	if (result->status >= 300 || (result->status >= 200 && code == CURLE_OK))
	{
		curl_easy_getinfo(slot->easy, CURLINFO_RETRY_AFTER, &retry_after);
		net_judge_status(result, retry_after);
	}
	else
		slot_judge_failure(result, slot, code);

	slot_give_back(net, slot);
	net->running--;
	net_turns_done(&net->turns, job);
	net_queue_push(&net->done, job);
}

/* Put a job on a slot.  What fails before curl has it is a result too. */
static void
start(Net *net, NetJob *job)
{
	Slot *slot = slot_take(net);

	net->running++;
	if (slot && slot_set_request(slot, &job->request) &&
		curl_multi_add_handle(net->multi, slot->easy) == CURLM_OK)
	{
		slot->job = job;
		return;
	}
	if (slot)
		slot_give_back(net, slot);
	net_judge_failure(&job->result, NET_RETRY, "out of memory", NULL);
	net->running--;
	net_turns_done(&net->turns, job);
	net_queue_push(&net->done, job);
}

/* Start waiting jobs as far as the limits go. */
static bool
start_waiting(Net *net)
{
	bool	any = false;
	NetJob *job;

	while (net->running < net->limits.max_connections && (job = net_turns_next(&net->turns)))
	{
		start(net, job);
		any = true;
	}
	return any;
}

static void
collect(Net *net)
{
	CURLMsg *message;
	int		 left;

	while ((message = curl_multi_info_read(net->multi, &left)))
	{
		/* the message dies in curl_multi_remove_handle() */
		CURLcode code = message->data.result;
		char	*slot = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
		finish(net, (Slot *) slot, code);
	}
}

/*
 * curl_multi_socket_action() fails only when curl is out of memory or one of
 * our callbacks was.  Then no transfer can be trusted to end: end them all.
 */
static void
action(Net *net, int fd, int events)
{
	int		  running;
	CURLMcode code = curl_multi_socket_action(net->multi, fd, events, &running);
	int		  i;

	if (code == CURLM_OK || code == CURLM_BAD_SOCKET)
		return;
	collect(net);
	for (i = 0; i < net->limits.max_connections; i++)
		if (net->slots[i].job)
			finish(net, &net->slots[i], CURLE_OUT_OF_MEMORY);
}

/* Tell curl what happened on its sockets.  One batch: the rest keeps the descriptor readable. */
static void
serve_sockets(Net *net)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int				   n = net_sockets_poll(&net->sockets, events, EVENTS_AT_ONCE);
	int				   i;

	for (i = 0; i < n; i++)
		action(net, events[i].data.fd,
			   (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
				   (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
				   (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0));
}

/* Let curl do what was due by time; that includes the first step of every transfer. */
static void
serve_timer(Net *net)
{
	long again = -1;

	if (net->deadline_us < 0 || now_us() < net->deadline_us)
		return;
	net->deadline_us = -1;
	action(net, CURL_SOCKET_TIMEOUT, 0);
	/* curl reports a timer only when it changed: never be left without one */
	if (net->deadline_us < 0 && curl_multi_timeout(net->multi, &again) == CURLM_OK && again >= 0)
		timer_wanted(net->multi, again, net);
}

/* ---------- the interface ---------- */

static int
http_progress(Net *net)
{
	sigset_t saved;
	int		 round = 0;

	block_signals(&saved);
	serve_sockets(net);
	do
	{
		serve_timer(net);
		collect(net);
	} while (start_waiting(net) && ++round < ROUNDS_AT_ONCE);
	restore_signals(&saved);
	return net->running + net->turns.waiting;
}

static long
http_timeout_ms(Net *net)
{
	int64_t left;

	if (net->turns.ready_head && net->running < net->limits.max_connections)
		return 0;
	if (net->deadline_us < 0)
		return -1;
	left = net->deadline_us - now_us();
	return left <= 0 ? 0 : (long) ((left + 999) / 1000);
}

static int
http_fd(const Net *net)
{
	return net->sockets.epoll_fd;
}

/* Header values are written as they are, so none may end its line. */
static bool
fit_for_header(const char *value)
{
	for (; value && *value; value++)
		if (*value < ' ' || *value > '~')
			return false;
	return true;
}

static bool
http_submit(Net *net, const NetRequest *request)
{
	NetJob	   *job = calloc(1, sizeof(NetJob));
	const char *reason = net_check_url(request->url);

	if (job == NULL)
		return false;
	job->request = *request;
	job->result.tag = request->tag;
	job->result.retry_after_ms = -1;
	if (reason == NULL && !(fit_for_header(request->content_type) && fit_for_header(request->id) &&
							fit_for_header(request->signature) && fit_for_header(request->authorization)))
		reason = "a header holds characters other than printable ASCII";
	if (reason)
	{
		net_judge_failure(&job->result, NET_REFUSED, reason, NULL);
		net_queue_push(&net->done, job);
		return true;
	}
	if (net_turns_add(&net->turns, job))
		return true;
	free(job);
	return false;
}

static bool
http_take(Net *net, NetResult *result)
{
	NetJob *job = net_queue_pop(&net->done);

	if (job == NULL)
		return false;
	*result = job->result;
	free(job);
	return true;
}

/* The easy handles go first: their connections belong to the multi handle and are closed with it. */
static void
http_close(Net *net)
{
	sigset_t saved;
	NetJob	*job;
	int		 i;

	block_signals(&saved);
	for (i = 0; net->slots && i < net->limits.max_connections; i++)
	{
		Slot *slot = &net->slots[i];

		if (slot->job)
			curl_multi_remove_handle(net->multi, slot->easy);
		slot_close(slot);
		free(slot->job);
	}
	curl_multi_cleanup(net->multi);
	restore_signals(&saved);

	while ((job = net_queue_pop(&net->done)))
		free(job);
	net_turns_free(&net->turns);
	net_sockets_free(&net->sockets);
	net_allow_free(&net->allow);
	free((char *) net->limits.ca_file);
	free(net->slots);
	free(net);
}

/* What the library at hand must be able to do; NULL = it is. */
static const char *
check_library(void)
{
	const curl_version_info_data *info;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return "libcurl cannot be initialized";
	info = curl_version_info(CURLVERSION_NOW);
	if (!(info->features & CURL_VERSION_ASYNCHDNS))
		return "libcurl was built to block while it resolves names";
	if (!(info->features & CURL_VERSION_SSL))
		return "libcurl was built without TLS";
	return NULL;
}

static bool
set_multi(Net *net)
{
	CURLM *multi = net->multi = curl_multi_init();
	long   max = net->limits.max_connections;

	return multi && curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_wanted) == CURLM_OK &&
		   curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, net) == CURLM_OK &&
		   curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer_wanted) == CURLM_OK &&
		   curl_multi_setopt(multi, CURLMOPT_TIMERDATA, net) == CURLM_OK &&
		   curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long) CURLPIPE_NOTHING) == CURLM_OK &&
		   /* kept-alive connections count too; with both set, an idle one gives way to a new one */
		   curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, max) == CURLM_OK &&
		   curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, max) == CURLM_OK;
}

/* Copy the limits with their defaults filled in. */
static bool
set_limits(Net *net, const NetLimits *limits)
{
	net->limits = *limits;
	net->limits.allow = NULL;
	net->limits.ca_file = NULL;
	if (limits->max_per_host < 1)
		net->limits.max_per_host = limits->max_connections;
	net->turns.max_per_host = net->limits.max_per_host;
	if (limits->connect_timeout_ms < 1)
		net->limits.connect_timeout_ms = DEFAULT_CONNECT_TIMEOUT_MS;
	if (limits->ca_file && limits->ca_file[0])
		return (net->limits.ca_file = strdup(limits->ca_file)) != NULL;
	return true;
}

static bool
open_all(Net *net, const NetLimits *limits)
{
	int i;

	net->slots = calloc(limits->max_connections, sizeof(Slot));
	if (net->slots == NULL || !net_sockets_init(&net->sockets) || !set_multi(net))
		return false;
	for (i = limits->max_connections - 1; i >= 0; i--)
	{
		net->slots[i].limits = &net->limits;
		net->slots[i].allow = &net->allow;
		net->slots[i].sockets = &net->sockets;
		slot_give_back(net, &net->slots[i]);
	}
	return true;
}

static Net *
http_open(const NetLimits *limits, char *error, size_t error_size)
{
	const char *reason = check_library();
	Net		   *net;

	if (reason == NULL && (limits->max_connections < 1 || limits->max_connections > 10000))
		reason = "max_connections must be 1 to 10000";
	if (reason)
	{
		snprintf(error, error_size, "%s", reason);
		return NULL;
	}
	net = calloc(1, sizeof(Net));
	if (net)
	{
		net->sockets.epoll_fd = -1;
		net->deadline_us = -1;
		if (!net_allow_parse(limits->allow ? limits->allow : "", &net->allow, error, error_size))
		{
			http_close(net);
			return NULL;
		}
		if (set_limits(net, limits) && open_all(net, limits))
			return net;
		http_close(net);
	}
	snprintf(error, error_size, "out of memory or descriptors");
	return NULL;
}

const NetApi net_http_api = {
	.version = NET_API_VERSION,
	.open = http_open,
	.close = http_close,
	.fd = http_fd,
	.timeout_ms = http_timeout_ms,
	.submit = http_submit,
	.progress = http_progress,
	.take = http_take,
	.sign = net_sign,
	.check_url = net_check_url,
};
