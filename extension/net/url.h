/*
 * url.h
 *	  Which addresses may be called: the text of a URL, and the networks.  Pure C.
 *
 * Two nets, for two dangers.  net_check_url() tells a person who writes an
 * endpoint what is wrong with it.  It does not protect: names resolve to
 * whatever their owner likes, and to something else a second later.  What
 * protects is net_allow_match() on the address about to be connected to.
 */
#ifndef TRIAGE_NET_URL_H
#define TRIAGE_NET_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#pragma GCC visibility push(hidden)

/* One network.  IPv4 is kept as ::ffff:a.b.c.d with 96 added to its prefix. */
typedef struct NetNetwork
{
	unsigned char address[16];
	int			  prefix;
	bool		  is_v4;
} NetNetwork;

typedef struct NetAllow
{
	NetNetwork *networks;
	size_t		count;
} NetAllow;

/*
 * Parse "10.0.0.0/8, 192.0.2.7, ::1/128"; an address without prefix is one
 * host; "" is nothing.  false: malformed or out of memory, error says which
 * network, and *allow is empty.
 */
extern bool net_allow_parse(const char *text, NetAllow *allow, char *error, size_t error_size);

extern void net_allow_free(NetAllow *allow);

/*
 * Does the address lie in one of the networks?  An IPv4-mapped IPv6 address is
 * the IPv4 address it stands for, so ::/0 does not open IPv4.  Families other
 * than IPv4 and IPv6 never match.
 */
extern bool net_allow_match(const NetAllow *allow, const struct sockaddr *address, size_t address_len);

/* NULL = fine, else a constant that says why the url cannot be called. */
extern const char *net_check_url(const char *url);

/* Length of "scheme://host:port" at the start of a url that net_check_url() accepts. */
extern size_t net_url_origin(const char *url);

#pragma GCC visibility pop

#endif
