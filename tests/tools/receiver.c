/*
 * receiver.c
 *	  A small HTTP/1.1 receiver of webhooks, for tests, benchmarks and the demo.  Linux, no libraries.
 *
 *		cc -O2 -D_GNU_SOURCE tests/tools/receiver.c -o receiver
 *		receiver [--port N] [--port-file FILE] [--log FILE] [--log-bodies] [--stdin-exit]
 *
 * Listens on 127.0.0.1, on a free port unless told, and prints it as one line.
 * Answers by path:
 *
 *		/slow?ms=N			200 after N milliseconds
 *		/status/NNN			that status
 *		/never				nothing, for ever
 *		/drip				200 and one byte of body a second, without end
 *		/big				200 and a body without end; /big?n=N announces N bytes and sends them
 *		/headers			200 and header lines without end
 *		/close				closes the connection without a word
 *		/redirect			302 to /ok
 *		/flaky?n=K			503 the first K times for each webhook-id, then 200
 *		/retry-after/N		429 with "Retry-After: N"; /retry-after-date/N the same as an HTTP date
 *		anything else		200
 *
 * Logs a line for each request when it has arrived whole, fields separated by
 * tabs: microseconds since 1970, path with query, webhook-id, webhook-timestamp,
 * webhook-signature, length of the body and, with --log-bodies, the body with
 * backslash, tab, newline and return written as \\ \t \n \r.  An absent header is
 * "-".  The line is in the file before the answer is on the wire.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "request.h"

#define MAX_REQUEST	  (64 * 1024 * 1024)
#define FILL_SIZE	  (64 * 1024)
#define FLAKY_BUCKETS 65536

/* What a connection does when its answer is on the wire. */
typedef enum After
{
	AFTER_NEXT,	   /* reads the next request */
	AFTER_CLOSE,   /* closes */
	AFTER_SILENCE, /* stays as it is */
	AFTER_FILL,	   /* sends `fill_left` bytes of filling */
	AFTER_DRIP	   /* sends a byte a second */
} After;

typedef struct Connection
{
	int		 fd;
	uint32_t events;  /* registered in epoll */
	bool	 waiting; /* for a timer, or for ever: no further request is read */
	After	 after;
	bool	 fill_headers;
	uint64_t fill_left;
	int64_t	 due_us;  /* of its timer */
	int		 heap_at; /* in the heap of timers, -1 = not there */
	char	*in;
	size_t	 in_len, in_size;
	char	 out[512];
	size_t	 out_len, out_sent;
} Connection;

typedef struct Flaky
{
	struct Flaky *next;
	int			  seen;
	char		  id[];
} Flaky;

static int					 epoll_fd;
static int					 log_fd = -1;
static bool					 log_bodies;
static char					*log_buffer;
static size_t				 log_len, log_size;
static Connection		   **heap; /* timers, earliest first */
static int					 heap_len, heap_size;
static Connection		   **closed; /* freed when no event can name them any more */
static int					 closed_len, closed_size;
static Flaky				*flaky[FLAKY_BUCKETS];
static char					 filling[FILL_SIZE];
static char					 header_filling[FILL_SIZE];
static volatile sig_atomic_t stop;
static char					 stdin_mark; /* its address stands for standard input in epoll */

static void advance(Connection *c);

static void
die(const char *what)
{
	fprintf(stderr, "receiver: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *
grow(void *old, size_t size)
{
	void *p = realloc(old, size);

	if (p == NULL)
		die("out of memory");
	return p;
}

static int64_t
clock_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---------- timers: a binary heap of connections ---------- */

static void
heap_put(int at, Connection *c)
{
	heap[at] = c;
	c->heap_at = at;
}

/* Move a connection to its place, from `at` upwards or downwards. */
static void
heap_sift(int at, Connection *c)
{
	while (at > 0 && heap[(at - 1) / 2]->due_us > c->due_us)
	{
		heap_put(at, heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	for (;;)
	{
		int child = 2 * at + 1;

		if (child + 1 < heap_len && heap[child + 1]->due_us < heap[child]->due_us)
			child++;
		if (child >= heap_len || heap[child]->due_us >= c->due_us)
			break;
		heap_put(at, heap[child]);
		at = child;
	}
	heap_put(at, c);
}

static void
timer_set(Connection *c, int64_t delay_us)
{
	c->due_us = clock_us(CLOCK_MONOTONIC) + delay_us;
	if (heap_len == heap_size)
		heap = grow(heap, (heap_size = heap_size ? 2 * heap_size : 64) * sizeof(*heap));
	heap_len++;
	heap_sift(heap_len - 1, c);
}

static void
timer_clear(Connection *c)
{
	int			at = c->heap_at;
	Connection *last;

	if (at < 0)
		return;
	c->heap_at = -1;
	last = heap[--heap_len];
	if (last != c)
		heap_sift(at, last);
}

/* ---------- log ---------- */

static void
log_flush(void)
{
	size_t done = 0;

	while (log_fd >= 0 && done < log_len)
	{
		ssize_t n = write(log_fd, log_buffer + done, log_len - done);

		if (n < 0 && errno != EINTR)
			die("log file");
		done += n > 0 ? (size_t) n : 0;
	}
	log_len = 0;
}

static void
log_bytes(const char *text, size_t len)
{
	if (log_len + len > log_size)
		log_buffer = grow(log_buffer, log_size = 2 * (log_len + len));
	memcpy(log_buffer + log_len, text, len);
	log_len += len;
}

static void
log_field(const Header *h)
{
	log_bytes("\t", 1);
	log_bytes(h->len ? h->text : "-", h->len ? h->len : 1);
}

static void
log_body(const Request *r)
{
	size_t i;

	log_bytes("\t", 1);
	for (i = 0; i < r->body_len; i++)
		switch (r->body[i])
		{
			case '\\':
				log_bytes("\\\\", 2);
				break;
			case '\t':
				log_bytes("\\t", 2);
				break;
			case '\n':
				log_bytes("\\n", 2);
				break;
			case '\r':
				log_bytes("\\r", 2);
				break;
			default:
				log_bytes(r->body + i, 1);
		}
}

static void
log_request(const Request *r)
{
	char text[32];

	if (log_fd < 0)
		return;
	log_bytes(text, snprintf(text, sizeof(text), "%lld", (long long) clock_us(CLOCK_REALTIME)));
	log_field(&r->path);
	log_field(&r->id);
	log_field(&r->timestamp);
	log_field(&r->signature);
	log_bytes(text, snprintf(text, sizeof(text), "\t%zu", r->body_len));
	if (log_bodies)
		log_body(r);
	log_bytes("\n", 1);
}

/* ---------- answers ---------- */

static void
answer(Connection *c, int status, const char *extra, const char *body)
{
	c->out_sent = 0;
	c->out_len = snprintf(c->out, sizeof(c->out),
						  "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\n%sContent-Length: %zu\r\n\r\n%s",
						  status, status < 300 ? "OK" : "No", extra, strlen(body), body);
}

/* Send a head whose body comes some other way. */
static void
answer_head(Connection *c, After after, uint64_t length)
{
	c->out_sent = 0;
	c->after = after;
	c->fill_left = length;
	if (length == UINT64_MAX)
		c->out_len = snprintf(c->out, sizeof(c->out), "HTTP/1.1 200 OK\r\n");
	else
		c->out_len = snprintf(c->out, sizeof(c->out), "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n",
							  (unsigned long long) length);
	if (!c->fill_headers)
		c->out_len += snprintf(c->out + c->out_len, sizeof(c->out) - c->out_len, "\r\n");
}

/* How many times was this id seen before? */
static int
flaky_seen(const Header *id)
{
	uint32_t hash = 2166136261u;
	Flaky	*f;
	size_t	 i;

	for (i = 0; i < id->len; i++)
		hash = (hash ^ (unsigned char) id->text[i]) * 16777619u;
	for (f = flaky[hash % FLAKY_BUCKETS]; f; f = f->next)
		if (strlen(f->id) == id->len && (id->len == 0 || memcmp(f->id, id->text, id->len) == 0))
			return f->seen++;
	f = grow(NULL, sizeof(Flaky) + id->len + 1);
	if (id->len > 0)
		memcpy(f->id, id->text, id->len);
	f->id[id->len] = '\0';
	f->seen = 1;
	f->next = flaky[hash % FLAKY_BUCKETS];
	flaky[hash % FLAKY_BUCKETS] = f;
	return 0;
}

static void
answer_retry_after(Connection *c, const char *rest)
{
	char extra[100];

	if (strncmp(rest, "-date/", 6) == 0)
	{
		time_t	  then = time(NULL) + atol(rest + 6);
		struct tm parts;

		strftime(extra, sizeof(extra), "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime_r(&then, &parts));
	}
	else
		snprintf(extra, sizeof(extra), "Retry-After: %.20s\r\n", rest + 1);
	answer(c, 429, extra, "later\n");
}

static void
respond(Connection *c, const Request *r)
{
	char path[200];

	snprintf(path, sizeof(path), "%.*s", (int) r->path.len, r->path.text);
	c->after = r->close ? AFTER_CLOSE : AFTER_NEXT;
	c->fill_headers = strcmp(path, "/headers") == 0;
	if (strncmp(path, "/status/", 8) == 0)
		answer(c, atoi(path + 8), "", "status\n");
	else if (strncmp(path, "/slow", 5) == 0)
	{
		answer(c, 200, "", "slow\n");
		c->waiting = true;
		timer_set(c, 1000 * number_after(path, "ms=", 1000));
	}
	else if (strcmp(path, "/never") == 0)
		c->waiting = true;
	else if (strcmp(path, "/drip") == 0)
		answer_head(c, AFTER_DRIP, 1000000);
	else if (strncmp(path, "/big", 4) == 0)
		answer_head(c, AFTER_FILL, number_after(path, "n=", -1));
	else if (c->fill_headers)
		answer_head(c, AFTER_FILL, UINT64_MAX);
	else if (strcmp(path, "/close") == 0)
		c->after = AFTER_CLOSE;
	else if (strcmp(path, "/redirect") == 0)
		answer(c, 302, "Location: /ok\r\n", "");
	else if (strncmp(path, "/flaky", 6) == 0 && flaky_seen(&r->id) < number_after(path, "n=", 1))
		answer(c, 503, "", "flaky\n");
	else if (strncmp(path, "/retry-after", 12) == 0 && path[12])
		answer_retry_after(c, path + 12);
	else
		answer(c, 200, "", "ok\n");
}

/* ---------- requests ---------- */

/* Take one whole request from what was read; false: not there yet. */
static bool
take_request(Connection *c, bool *too_long)
{
	char   *blank = c->in_len ? memmem(c->in, c->in_len, "\r\n\r\n", 4) : NULL;
	Request r;
	size_t	used;

	*too_long = blank == NULL && c->in_len > FILL_SIZE;
	if (blank == NULL)
		return false;
	parse_head(c->in, blank + 2, &r);
	*too_long = r.body_len > MAX_REQUEST;
	used = blank + 4 - c->in;
	if (*too_long || c->in_len - used < r.body_len)
		return false;
	r.body = c->in + used;
	used += r.body_len;
	log_request(&r);
	respond(c, &r);
	memmove(c->in, c->in + used, c->in_len - used);
	c->in_len -= used;
	return true;
}

/* ---------- connections ---------- */

static void
hang_up(Connection *c)
{
	timer_clear(c);
	close(c->fd);
	c->fd = -1;
	free(c->in);
	c->in = NULL;
	if (closed_len == closed_size)
		closed = grow(closed, (closed_size = closed_size ? 2 * closed_size : 64) * sizeof(*closed));
	closed[closed_len++] = c;
}

static void
want(Connection *c, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = c};

	if (c->events != events)
		epoll_ctl(epoll_fd, c->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &e);
	c->events = events;
}

/* Send the answer; false: the socket is full, or the connection gone. */
static bool
send_out(Connection *c)
{
	log_flush();
	while (c->out_sent < c->out_len || (c->after == AFTER_FILL && c->fill_left > 0))
	{
		bool   head = c->out_sent < c->out_len;
		size_t len = head ? c->out_len - c->out_sent : c->fill_left < FILL_SIZE ? c->fill_left : FILL_SIZE;
		const char *data = head ? c->out + c->out_sent : c->fill_headers ? header_filling : filling;
		ssize_t		n = send(c->fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
		{
			want(c, EPOLLOUT);
			return false;
		}
		if (n < 0)
		{
			hang_up(c);
			return false;
		}
		if (head)
			c->out_sent += n;
		else
			c->fill_left -= n;
		/* an endless body must not keep the other connections waiting */
		if (!head && c->fill_left > 0)
		{
			want(c, EPOLLOUT);
			return false;
		}
	}
	return true;
}

/* Go on with a connection as far as it goes: send, then the next request. */
static void
advance(Connection *c)
{
	bool too_long;

	while (!c->waiting)
	{
		if (!send_out(c))
			return;
		c->out_len = c->out_sent = 0;
		if (c->after == AFTER_DRIP)
		{
			c->out[0] = 'd';
			c->out_len = 1;
			c->waiting = true;
			timer_set(c, 1000000);
			break;
		}
		if (c->after == AFTER_CLOSE)
		{
			hang_up(c);
			return;
		}
		c->after = AFTER_NEXT;
		if (!take_request(c, &too_long))
		{
			if (too_long)
			{
				hang_up(c);
				return;
			}
			break;
		}
	}
	want(c, EPOLLIN);
}

static void
receive(Connection *c)
{
	ssize_t n;

	if (c->in_len == c->in_size)
		c->in = grow(c->in, c->in_size = c->in_size ? 2 * c->in_size : 2048);
	n = recv(c->fd, c->in + c->in_len, c->in_size - c->in_len, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 || c->in_len + n > 2 * (size_t) MAX_REQUEST)
	{
		hang_up(c);
		return;
	}
	c->in_len += n;
	advance(c);
}

static void
welcome(int listener)
{
	int one = 1;
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
	{
		Connection *c = calloc(1, sizeof(Connection));

		if (c == NULL)
			die("out of memory");
		c->fd = fd;
		c->heap_at = -1;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		want(c, EPOLLIN);
	}
}

static void
run_timers(void)
{
	int64_t now = clock_us(CLOCK_MONOTONIC);

	while (heap_len > 0 && heap[0]->due_us <= now)
	{
		Connection *c = heap[0];

		timer_clear(c);
		c->waiting = false;
		advance(c);
	}
}

/* ---------- beginning and end ---------- */

static int
listen_on(int port, int *port_got)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	socklen_t		   len = sizeof(address);
	int				   fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int				   one = 1;
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *) &address, len) != 0 || listen(fd, 4096) != 0)
		die("cannot listen");
	getsockname(fd, (struct sockaddr *) &address, &len);
	*port_got = ntohs(address.sin_port);
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
	return fd;
}

/* A file with the port, there in whole or not at all. */
static void
write_port(const char *name, int port)
{
	char  temporary[4096];
	FILE *f;

	printf("%d\n", port);
	fflush(stdout);
	if (name == NULL)
		return;
	snprintf(temporary, sizeof(temporary), "%s.new", name);
	f = fopen(temporary, "w");
	if (f == NULL || fprintf(f, "%d\n", port) < 0 || fclose(f) != 0 || rename(temporary, name) != 0)
		die("port file");
}

static void
on_signal(int signal_number)
{
	(void) signal_number;
	stop = 1;
}

/* End with the parent, and when standard input ends. */
static void
watch_stdin(void)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = &stdin_mark};

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &e) != 0)
		die("--stdin-exit needs a pipe or a terminal as standard input");
}

static void
stdin_event(void)
{
	char	scratch[256];
	ssize_t n = read(0, scratch, sizeof(scratch));

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		stop = 1;
}

static void
serve(int listener)
{
	struct epoll_event events[512];

	while (!stop)
	{
		int64_t left = heap_len > 0 ? heap[0]->due_us - clock_us(CLOCK_MONOTONIC) : -1;
		int		timeout = heap_len == 0	   ? -1
						  : left <= 0	   ? 0
						  : left < 1000000 ? (int) ((left + 999) / 1000)
										   : 1000;
		int		n = epoll_wait(epoll_fd, events, 512, timeout);
		int		i;

		for (i = 0; i < n; i++)
		{
			Connection *c = events[i].data.ptr;

			if (c == NULL)
				welcome(listener);
			else if ((void *) c == &stdin_mark)
				stdin_event();
			else if (c->fd < 0)
				continue;
			else if (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP))
				receive(c);
			else
				advance(c);
		}
		run_timers();
		log_flush();
		while (closed_len > 0)
			free(closed[--closed_len]);
	}
}

int
main(int argc, char **argv)
{
	const char		*port_file = NULL;
	int				 port = 0;
	bool			 stdin_exit = false;
	int				 listener;
	int				 i;
	struct sigaction on_stop = {.sa_handler = on_signal};
	struct rlimit	 files;

	for (i = 1; i < argc; i++)
	{
		if (strcmp(argv[i], "--port") == 0 && i + 1 < argc)
			port = atoi(argv[++i]);
		else if (strcmp(argv[i], "--port-file") == 0 && i + 1 < argc)
			port_file = argv[++i];
		else if (strcmp(argv[i], "--log") == 0 && i + 1 < argc)
		{
			log_fd = open(argv[++i], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
			if (log_fd < 0)
				die(argv[i]);
		}
		else if (strcmp(argv[i], "--log-bodies") == 0)
			log_bodies = true;
		else if (strcmp(argv[i], "--stdin-exit") == 0)
			stdin_exit = true;
		else
		{
			fprintf(stderr, "usage: receiver [--port N] [--port-file FILE] [--log FILE] [--log-bodies] "
							"[--stdin-exit]\n");
			return 2;
		}
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
	{
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	memset(filling, 'x', sizeof(filling));
	for (i = 0; i < FILL_SIZE; i += 32)
		memcpy(header_filling + i, "x-header: abcdefghijklmnopqrst\r\n", 32);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	sigaction(SIGTERM, &on_stop, NULL);
	sigaction(SIGINT, &on_stop, NULL);
	if (stdin_exit)
		watch_stdin();
	listener = listen_on(port, &port);
	write_port(port_file, port);
	serve(listener);
	return 0;
}
