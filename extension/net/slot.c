/*
 * slot.c
 *	  One request on one easy handle of libcurl: what is sent, what of the
 *	  answer is taken, and whom it may speak to.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/outcome.h"
#include "net/slot.h"

#ifdef TRIAGE_VERSION
#define USER_AGENT "pg_triage/" TRIAGE_VERSION
#else
#define USER_AGENT "pg_triage"
#endif

#define DEFAULT_TIMEOUT_MS	 30000L
#define MAX_HEADER_BYTES	 (64 * 1024) /* of an answer, all its lines together */
#define MAX_CONNECTION_AGE_S 300L		 /* then a name is looked up anew */

/* ---------- what curl calls ---------- */

/*
 * CURLOPT_OPENSOCKETFUNCTION: the one place where a connection begins.  The
 * name has been resolved, and this very address will be connected to: what is
 * not allowed here is never spoken to, whatever the name server says.
 */
static curl_socket_t
open_socket(void *slot_arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	Slot *slot = slot_arg;
	int	  fd;

	(void) purpose;
	if (!net_allow_match(slot->allow, &address->addr, address->addrlen))
	{
		slot->addresses_refused++;
		return CURL_SOCKET_BAD;
	}
	slot->addresses_tried++;
	fd = net_sockets_open(slot->sockets, address->family, address->socktype, address->protocol);
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* CURLOPT_CLOSESOCKETFUNCTION: a connection may outlive the slot that opened it, hence the sockets. */
static int
close_socket(void *sockets_arg, curl_socket_t fd)
{
	return net_sockets_close(sockets_arg, fd);
}

/* CURLOPT_HEADERFUNCTION: count, so that endless headers end. */
static size_t
header_arrived(char *data, size_t one, size_t length, void *slot_arg)
{
	Slot *slot = slot_arg;

	(void) data;
	(void) one;
	slot->header_bytes += length;
	if (slot->header_bytes <= MAX_HEADER_BYTES)
		return length;
	slot->header_too_long = true;
	return 0; /* fewer than given: curl ends the transfer */
}

/* CURLOPT_WRITEFUNCTION: nobody reads the body, but it must end within the limit. */
static size_t
body_arrived(char *data, size_t one, size_t length, void *slot_arg)
{
	Slot *slot = slot_arg;

	(void) data;
	(void) one;
	slot->body_bytes += length;
	if (slot->body_bytes <= slot->limits->max_response)
		return length;
	slot->body_too_long = true;
	return 0;
}

/* ---------- the handle ---------- */

/* Options that protect.  All of them must be accepted, or the handle is not used. */
static bool
set_fences(CURL *easy, const char *ca_file)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	if (curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK ||
		curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https") != CURLE_OK)
		return false;
#else
	if (curl_easy_setopt(easy, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS) != CURLE_OK ||
		curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS) != CURLE_OK)
		return false;
#endif
	return curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
		   /* "" = none, not even from the environment */
		   curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
		   (ca_file == NULL || curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file) == CURLE_OK) &&
		   curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
}

/* What stays the same for every request of a handle. */
static bool
set_constants(Slot *slot)
{
	CURL *easy = slot->easy;

#if LIBCURL_VERSION_NUM >= 0x075700
	/* else a transfer that times out in the resolver waits for the resolver's thread */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
	/* one transfer a connection: that is what the limits count */
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, MAX_CONNECTION_AGE_S);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, USER_AGENT);
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, slot->limits->connect_timeout_ms);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, slot->error);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_arrived);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header_arrived);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, slot);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, slot->sockets);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, slot);
	return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
		   set_fences(easy, slot->limits->ca_file);
}

bool
slot_open(Slot *slot)
{
	if (slot->easy != NULL)
		return true;
	slot->easy = curl_easy_init();
	if (slot->easy == NULL)
		return false;
	if (set_constants(slot))
		return true;
	curl_easy_cleanup(slot->easy);
	slot->easy = NULL;
	return false;
}

void
slot_close(Slot *slot)
{
	curl_easy_cleanup(slot->easy);
	free(slot->line_text);
}

/* ---------- the request and its end ---------- */

/*
 * Write the header lines into memory of the slot.  struct curl_slist is public
 * and curl only reads the list, so its nodes need no allocation of their own.
 */
static bool
set_headers(Slot *slot, const NetRequest *request)
{
	const char *type =
		request->content_type && request->content_type[0] ? request->content_type : "application/json";
	const char *names[SLOT_HEADER_LINES] = {"Content-Type: ",	   "webhook-id: ",	  "webhook-timestamp: ",
											"webhook-signature: ", "Authorization: ", "Expect:"};
	const char *values[SLOT_HEADER_LINES] = {
		type, request->id, NULL, request->signature, request->authorization, NULL};
	char			   timestamp[24];
	size_t			   size = 0;
	char			  *p;
	struct curl_slist *previous = NULL;
	int				   i;

	snprintf(timestamp, sizeof(timestamp), "%" PRId64, request->timestamp);
	values[2] = timestamp;
	for (i = 0; i < SLOT_HEADER_LINES; i++)
		size += strlen(names[i]) + (values[i] ? strlen(values[i]) : 0) + 1;
	if (size > slot->line_text_size)
	{
		p = realloc(slot->line_text, size + 256);
		if (p == NULL)
			return false;
		slot->line_text = p;
		slot->line_text_size = size + 256;
	}
	p = slot->line_text;
	for (i = 0; i < SLOT_HEADER_LINES; i++)
	{
		struct curl_slist *line = &slot->lines[i];

		if (i < SLOT_HEADER_LINES - 1 && (values[i] == NULL || values[i][0] == '\0'))
			continue; /* absent, not empty */
		line->data = p;
		line->next = NULL;
		p = stpcpy(stpcpy(p, names[i]), values[i] ? values[i] : "") + 1;
		if (previous)
			previous->next = line;
		previous = line;
	}
	return curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, &slot->lines[0]) == CURLE_OK;
}

bool
slot_set_request(Slot *slot, const NetRequest *request)
{
	CURL *easy = slot->easy;

	slot->header_bytes = 0;
	slot->body_bytes = 0;
	slot->addresses_refused = 0;
	slot->addresses_tried = 0;
	slot->header_too_long = false;
	slot->body_too_long = false;
	slot->error[0] = '\0';
	return curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK &&
		   /* a body goes with it as with POST, under another name */
		   curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST,
							request->method && request->method[0] ? request->method : NULL) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body_len ? request->body : "") == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body_len) == CURLE_OK &&
		   curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
							request->timeout_ms > 0 ? request->timeout_ms : DEFAULT_TIMEOUT_MS) == CURLE_OK &&
		   set_headers(slot, request);
}

/* Will the same request fail in the same way tomorrow? */
static bool
is_final(CURLcode code)
{
	return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_ISSUER_ERROR ||
		   code == CURLE_SSL_INVALIDCERTSTATUS || code == CURLE_URL_MALFORMAT ||
		   code == CURLE_UNSUPPORTED_PROTOCOL;
}

void
slot_judge_failure(NetResult *result, const Slot *slot, CURLcode code)
{
	char text[100];

	if (slot->header_too_long)
	{
		snprintf(text, sizeof(text), "answer has more than %d bytes of headers", MAX_HEADER_BYTES);
		net_judge_failure(result, NET_RETRY, text, NULL);
	}
	else if (slot->body_too_long)
	{
		snprintf(text, sizeof(text), "answer longer than %zu bytes", slot->limits->max_response);
		net_judge_failure(result, NET_RETRY, text, NULL);
	}
	else if (slot->addresses_refused > 0 && slot->addresses_tried == 0)
		net_judge_failure(result, NET_REFUSED, "address not in triage.allowed_networks", NULL);
	else
		net_judge_failure(result, is_final(code) ? NET_REFUSED : NET_RETRY, slot->error,
						  curl_easy_strerror(code));
}
