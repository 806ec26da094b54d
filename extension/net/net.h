/*
 * net.h
 *	  What the courier sees of the HTTP module.  Plain structs in, plain structs out.
 *
 * pg_triage_net.so holds the only code that links libcurl; the courier loads
 * it with load_external_function(), so that no citizen's session carries TLS
 * libraries.  No function here raises an error or calls the server, except
 * where said.  All are called from one thread.
 *
 * Use:
 *
 *		api = ((NetApiFunction) load_external_function("$libdir/pg_triage_net",
 *					NET_API_SYMBOL, true, NULL)) ();
 *		if (api->version != NET_API_VERSION) ... restart the server ...
 *		net = api->open(&limits, error, sizeof(error));
 *		for (;;)
 *		{
 *			while (there is something to send) api->submit(net, &request);
 *			api->progress(net);
 *			while (api->take(net, &result)) ...
 *			wait on the latch and on api->fd(net), at most api->timeout_ms(net)
 *		}
 *
 * Descriptors: three, and one for each connection, max_connections at most, idle
 * ones included.  A name that is being resolved needs two or three instead, and
 * one whose time ran out keeps them until the C library's resolver gives up
 * ("timeout" and "attempts" in resolv.conf).  The descriptor of fd() stays the
 * same from open() to close().
 *
 * Signals: libcurl resolves names on threads.  They are created with every
 * signal blocked, so handlers of the server run on its own thread only.
 * SIGPIPE must be ignored, as it is in every process of the server.
 */
#ifndef TRIAGE_NET_NET_H
#define TRIAGE_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Raise it with every change of a struct below.  The courier's own library may
 * have been loaded at server start and be older than the file of this module.
 */
#define NET_API_VERSION 2

/*
 * Bound once, at open(); nothing of it is needed afterwards.
 *
 * Keep max_per_host lower than max_connections: hosts take turns for the
 * connections, but one slow receiver may hold as many as it is given.
 */
typedef struct NetLimits
{
	int			max_connections;	/* in all, idle ones included */
	int			max_per_host;		/* at once to one scheme, host and port; < 1 = max_connections */
	long		connect_timeout_ms; /* name, TCP and TLS together; < 1 = 10 seconds */
	size_t		max_response; /* bytes of a body that are read; then the transfer is cut off as failed */
	const char *allow;		  /* networks that may be called: "10.0.0.0/8,::1/128"; "" = none */
	const char *ca_file;	  /* trusted certificates (PEM); NULL or "" = those of the system */
} NetLimits;

/*
 * One request.  The module copies nothing: all pointers live until its result
 * was taken, or until close().
 *
 * timeout_ms is for the whole transfer from its start.  Waiting for a
 * connection to come free is not counted, so a caller who holds a lease on the
 * request should not submit much more than max_connections at a time.
 */
typedef struct NetRequest
{
	void	   *tag;	/* given back with the result */
	const char *method; /* "PUT", "PATCH"; NULL or "" = POST */
	const char *url;
	const char *content_type; /* NULL or "" = application/json */
	const char *body;
	size_t		body_len;
	const char *id;			   /* webhook-id */
	int64_t		timestamp;	   /* webhook-timestamp, seconds since 1970 */
	const char *signature;	   /* webhook-signature, "" = no header; may be several with a space between */
	const char *authorization; /* Authorization, NULL or "" = no header; holds a secret */
	long		timeout_ms;	   /* < 1 = 30 seconds */
} NetRequest;

typedef enum NetOutcome
{
	NET_DELIVERED, /* 2xx, and its body ended within max_response */
	NET_RETRY,	   /* might work later: 408, 425, 429, 5xx, network errors, timeouts, answer too long */
	NET_REFUSED	   /* will not work: other 4xx, 3xx, address not allowed, bad url, bad certificate */
} NetOutcome;

/*
 * A status other than 2xx decides by itself, whatever became of its body.  A
 * 2xx whose body was cut off (too long, connection lost, timeout) is NET_RETRY
 * with that status: the receiver may have accepted, and knows the webhook-id.
 */
typedef struct NetResult
{
	void	  *tag;
	NetOutcome outcome;
	int		   status;		   /* HTTP status, 0 = none */
	int64_t	   retry_after_ms; /* from Retry-After, -1 = absent, zero or past; never more than a day */
	char	   error[200];	   /* "" when delivered; printable ASCII; holds no query string and no secret */
} NetResult;

typedef struct Net Net;

typedef struct NetApi
{
	int version; /* NET_API_VERSION; compare it before touching the rest */

	/* NULL: not possible, the reason is in error (a malformed allow list, a limit, a library that cannot) */
	Net *(*open)(const NetLimits *limits, char *error, size_t error_size);
	/* drops whatever is under way or not taken yet; does not wait, not even for a name being resolved */
	void (*close)(Net *net);
	/* a descriptor that becomes readable when progress() has something to do */
	int (*fd)(const Net *net);
	/* milliseconds until progress() must run at the latest, -1 = no limit */
	long (*timeout_ms)(Net *net);
	/* queues; nothing is sent before progress().  false: out of memory, nothing queued */
	bool (*submit)(Net *net, const NetRequest *req);
	/*
	 * Moves all transfers on without blocking; returns how many are under way
	 * or queued.  When 0, all results are there to be taken.
	 */
	int (*progress)(Net *net);
	/* one finished transfer; false: none now */
	bool (*take)(Net *net, NetResult *result);
	/* "v1,<base64 of HMAC-SHA256 over id.timestamp.body>" into out (at least 64 bytes); false: no secret, or out of memory */
	bool (*sign)(const unsigned char *secret, size_t secret_len, const char *id, int64_t timestamp,
				 const char *body, size_t body_len, char *out, size_t out_size);
	/* NULL = the url may be called as far as its text tells, else the reason why not */
	const char *(*check_url)(const char *url);
} NetApi;

/* the one exported symbol of pg_triage_net.so, besides its magic block: a function */
#define NET_API_SYMBOL "triage_net_api"
typedef const NetApi *(*NetApiFunction)(void);

/* what that function returns; for programs linked with http.c itself (unit tests, benchmarks) */
#pragma GCC visibility push(hidden)
extern const NetApi	   net_http_api;
#pragma GCC visibility pop

#endif
