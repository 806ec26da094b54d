/*
 * sockets.c
 *	  Many sockets behind one epoll descriptor, with few system calls.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/sockets.h"

struct NetSocket
{
	bool	 ours;		 /* opened by net_sockets_open() */
	uint32_t registered; /* events epoll has, 0 = not in epoll */
	uint32_t wanted;	 /* events the owner wants, 0 = none */
};

bool
net_sockets_init(NetSockets *sockets)
{
	sockets->entries = NULL;
	sockets->n_entries = 0;
	sockets->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return sockets->epoll_fd >= 0;
}

void
net_sockets_free(NetSockets *sockets)
{
	if (sockets->epoll_fd >= 0)
		close(sockets->epoll_fd);
	free(sockets->entries);
}

/* The entry of a descriptor; NULL = out of memory. */
static NetSocket *
entry_of(NetSockets *sockets, int fd)
{
	if (fd >= sockets->n_entries)
	{
		int		   size = fd < 64 ? 128 : fd * 2;
		NetSocket *grown = realloc(sockets->entries, size * sizeof(NetSocket));

		if (grown == NULL)
			return NULL;
		memset(grown + sockets->n_entries, 0, (size - sockets->n_entries) * sizeof(NetSocket));
		sockets->entries = grown;
		sockets->n_entries = size;
	}
	return &sockets->entries[fd];
}

/* Bring epoll to `events` for a descriptor; 0 takes it out. */
static bool
set_registered(NetSockets *sockets, int fd, NetSocket *entry, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};
	int				   rc;

	if (entry->registered == events)
		return true;
	if (events == 0)
		rc = epoll_ctl(sockets->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	else
	{
		rc = epoll_ctl(sockets->epoll_fd, entry->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
		/* closed without a word and its number used again: set the record straight */
		if (rc != 0 && errno == ENOENT)
			rc = epoll_ctl(sockets->epoll_fd, EPOLL_CTL_ADD, fd, &event);
		else if (rc != 0 && errno == EEXIST)
			rc = epoll_ctl(sockets->epoll_fd, EPOLL_CTL_MOD, fd, &event);
	}
	entry->registered = rc == 0 ? events : 0;
	return rc == 0 || events == 0;
}

int
net_sockets_open(NetSockets *sockets, int family, int type, int protocol)
{
	int		   fd = socket(family, type | SOCK_CLOEXEC, protocol);
	NetSocket *entry;

	if (fd < 0)
		return -1;
	entry = entry_of(sockets, fd);
	if (entry == NULL)
	{
		close(fd);
		return -1;
	}
	*entry = (NetSocket){.ours = true};
	return fd;
}

int
net_sockets_close(NetSockets *sockets, int fd)
{
	if (fd < sockets->n_entries)
	{
		set_registered(sockets, fd, &sockets->entries[fd], 0);
		sockets->entries[fd] = (NetSocket){0};
	}
	return close(fd);
}

bool
net_sockets_want(NetSockets *sockets, int fd, uint32_t events)
{
	NetSocket *entry = entry_of(sockets, fd);

	if (entry == NULL)
		return false;
	entry->wanted = events;
	if (events == 0 && entry->ours)
		return true;
	return set_registered(sockets, fd, entry, events);
}

int
net_sockets_poll(NetSockets *sockets, struct epoll_event *events, int max)
{
	int n = epoll_wait(sockets->epoll_fd, events, max, 0);
	int kept = 0;
	int i;

	for (i = 0; i < n; i++)
	{
		int		   fd = events[i].data.fd;
		NetSocket *entry = &sockets->entries[fd];

		if (entry->wanted == 0)
			set_registered(sockets, fd, entry, 0);
		else
			events[kept++] = events[i];
	}
	return kept;
}
