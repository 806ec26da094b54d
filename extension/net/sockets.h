/*
 * sockets.h
 *	  Many sockets behind one epoll descriptor, with few system calls.  Linux.
 *
 * The owner of the sockets (libcurl) says before and after each transfer which
 * events it wants of a socket.  A connection kept alive would so enter and
 * leave epoll with every request.  Here it stays: "wants nothing" is only
 * noted, and the next "wants input" finds it registered.  Should something
 * happen on it meanwhile (the receiver closes it), it is taken out then.  This
 * is done only for sockets whose closing is reported by net_sockets_close();
 * any other socket is taken out at once.
 */
#ifndef TRIAGE_NET_SOCKETS_H
#define TRIAGE_NET_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#pragma GCC visibility push(hidden)

typedef struct NetSocket NetSocket;

typedef struct NetSockets
{
	int		   epoll_fd; /* -1 = not open */
	NetSocket *entries;	 /* by descriptor */
	int		   n_entries;
} NetSockets;

extern bool net_sockets_init(NetSockets *sockets);
extern void net_sockets_free(NetSockets *sockets);

/* socket(2), close on exec, and close(2) for such a socket.  -1 = failed. */
extern int net_sockets_open(NetSockets *sockets, int family, int type, int protocol);
extern int net_sockets_close(NetSockets *sockets, int fd);

/* Want these events (EPOLLIN, EPOLLOUT, 0 = none) of any descriptor.  false: out of memory. */
extern bool net_sockets_want(NetSockets *sockets, int fd, uint32_t events);

/* The events that have happened and are wanted, without waiting; at most `max`. */
extern int net_sockets_poll(NetSockets *sockets, struct epoll_event *events, int max);

#pragma GCC visibility pop

#endif
