/*
 * slot.h
 *	  One easy handle of libcurl, used for one request after the other.  Whoever
 *	  has it sets limits, allow and sockets, zeroes the rest and blocks signals
 *	  (http.c) around every call.  Memory is the C library's.
 */
#ifndef TRIAGE_NET_SLOT_H
#define TRIAGE_NET_SLOT_H

#include <stdbool.h>
#include <stddef.h>

#include <curl/curl.h>

#include "net/net.h"
#include "net/sockets.h"
#include "net/turns.h"
#include "net/url.h"

#define SLOT_HEADER_LINES 6

typedef struct Slot
{
	struct Slot		 *next_free;
	const NetLimits	 *limits;
	const NetAllow	 *allow;
	NetSockets		 *sockets;
	CURL			 *easy; /* NULL until first used */
	NetJob			 *job;	/* NULL = free */
	size_t			  header_bytes;
	size_t			  body_bytes;
	int				  addresses_refused;
	int				  addresses_tried;
	bool			  header_too_long;
	bool			  body_too_long;
	struct curl_slist lines[SLOT_HEADER_LINES];
	char			 *line_text; /* what they point into */
	size_t			  line_text_size;
	char			  error[CURL_ERROR_SIZE];
} Slot;

/* Make the handle if there is none; false = out of memory, or the library refused an option that protects. */
extern bool slot_open(Slot *slot);
extern void slot_close(Slot *slot);

/* Everything of a request into the handle; the request must live until the transfer ends.  false = out of memory. */
extern bool slot_set_request(Slot *slot, const NetRequest *request);

/* The result of a transfer without a status, or with a 2xx whose body did not end. */
extern void slot_judge_failure(NetResult *result, const Slot *slot, CURLcode code);

#endif
