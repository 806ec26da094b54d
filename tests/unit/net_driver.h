/*
 * net_driver.h
 *	  Drives the HTTP module (extension/net/) against receivers on this machine.
 *
 * A receiver is the program made of tests/tools/receiver.c.  Nothing outside
 * this machine is asked: names are resolved by a getaddrinfo() of our own,
 * which libcurl finds first.
 */
#ifndef TRIAGE_UNIT_NET_DRIVER_H
#define TRIAGE_UNIT_NET_DRIVER_H

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "net/net.h"
#include "tap.h"

#define lengthof(array) ((int) (sizeof(array) / sizeof((array)[0])))

static const NetApi *api = &net_http_api;
static char			 folder[] = "/tmp/test_net.XXXXXX";

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec * 1e-6;
}

static void
sleep_ms(int ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000L};

	nanosleep(&t, NULL);
}

/* ---------- names ---------- */

static volatile bool resolver_saw_signals; /* a signal could have been delivered to its thread */
static volatile int	 resolver_calls;

static bool
signals_blocked(void)
{
	static const int asked[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGCHLD, SIGQUIT};
	sigset_t		 mask;
	int				 i;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	for (i = 0; i < lengthof(asked); i++)
		if (!sigismember(&mask, asked[i]))
			return false;
	return true;
}

/* Stands before the C library's for every name under .test. */
int
getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
	static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	struct addrinfo plain;
	int				error;

	if (real == NULL)
		*(void **) &real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (name == NULL || strstr(name, ".test") == NULL)
		return real(name, service, hints, result);
	resolver_calls++;
	if (!signals_blocked())
		resolver_saw_signals = true;
	if (strcmp(name, "slow.test") == 0)
		sleep_ms(3000);
	if (strcmp(name, "none.test") == 0 || strcmp(name, "slow.test") == 0)
		return EAI_NONAME;
	if (hints)
		plain = *hints;
	else
		memset(&plain, 0, sizeof(plain));
	plain.ai_family = AF_UNSPEC;
	plain.ai_flags = AI_NUMERICHOST;
	if (strcmp(name, "inside.test") == 0)
		return real("10.11.12.13", service, &plain, result);
	if (strcmp(name, "mapped.test") == 0)
		return real("::ffff:127.0.0.1", service, &plain, result);
	if (strcmp(name, "both.test") == 0)
	{
		error = real("fd00::1", service, &plain, result);
		return error ? error : real("127.0.0.1", service, &plain, &(*result)->ai_next);
	}
	return real("127.0.0.1", service, &plain, result);
}

/* ---------- receivers ---------- */

typedef struct Receiver
{
	pid_t pid;
	int	  port;
	int	  in; /* the writing end of its standard input */
	char  log[100];
} Receiver;

static const char *receiver_program;

/* Start a program with pipes to its standard input and from its standard output. */
static pid_t
start(char *const argv[], int *in, int *out)
{
	int	  to[2], from[2];
	pid_t pid;

	if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0 || (pid = fork()) < 0)
		bail_out("cannot start a program");
	if (pid == 0)
	{
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(to[0], 0);
		dup2(from[1], 1);
		if (strcmp(argv[0], "openssl") == 0 && freopen("/dev/null", "w", stderr) == NULL)
			_exit(127);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	*in = to[1];
	*out = from[0];
	return pid;
}

static Receiver
start_receiver(int port)
{
	static int number;
	Receiver   r;
	char	   text[20];
	char	   answer[20] = "";
	int		   out;
	char	  *argv[] = {
			 (char *) receiver_program, "--stdin-exit", "--port", text, "--log", r.log, "--log-bodies", NULL};

	snprintf(text, sizeof(text), "%d", port);
	snprintf(r.log, sizeof(r.log), "%s/log%d", folder, number++);
	r.pid = start(argv, &r.in, &out);
	if (read(out, answer, sizeof(answer) - 1) <= 0)
		bail_out("the receiver does not start: make build/receiver, or set RECEIVER");
	close(out);
	r.port = atoi(answer);
	return r;
}

static void
stop_receiver(Receiver *r)
{
	close(r->in);
	waitpid(r->pid, NULL, 0);
}

/* ---------- driving the module ---------- */

static double longest_progress_ms;

static Net *
open_net(const char *allow, int max_connections)
{
	NetLimits limits = {.max_connections = max_connections,
						.connect_timeout_ms = 500,
						.max_response = 1000,
						.allow = allow};
	char	  error[200] = "";
	Net		 *net = api->open(&limits, error, sizeof(error));

	if (net == NULL)
		bail_out(error);
	/* cppcheck-suppress returnDanglingLifetime ; open() keeps nothing of it */
	return net;
}

/* Run until the number of results is there; returns how many came. */
static int
drive(Net *net, NetResult *results, int wanted)
{
	double end = now_ms() + 60000;
	int	   got = 0;

	while (got < wanted && now_ms() < end)
	{
		struct pollfd waits = {.fd = api->fd(net), .events = POLLIN};
		double		  t = now_ms();
		int			  left = api->progress(net);
		long		  timeout;

		t = now_ms() - t;
		if (t > longest_progress_ms)
			longest_progress_ms = t;
		while (got < wanted && api->take(net, &results[got]))
			got++;
		timeout = api->timeout_ms(net);
		if (left > 0 && got < wanted)
			poll(&waits, 1, timeout < 0 || timeout > 5000 ? 5000 : (int) timeout);
	}
	return got;
}

static NetRequest
request_for(const char *url)
{
	return (NetRequest){.url = url,
						.content_type = "application/json",
						.body = "{\"a\":\t1}",
						.body_len = 8,
						.id = "msg_1",
						.timestamp = 1614265330,
						.signature = "v1,abc",
						.timeout_ms = 5000};
}

/* One request by itself. */
static NetResult
call(Net *net, NetRequest request)
{
	NetResult result = {.error = "no result"};

	if (!api->submit(net, &request))
		bail_out("submit failed");
	drive(net, &result, 1);
	return result;
}

static NetResult
call_path(Net *net, const Receiver *r, const char *path)
{
	char url[200];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", r->port, path);
	return call(net, request_for(url));
}

static const char *const outcome_names[] = {"delivered", "retry", "refused"};

static void
expect(NetResult got, NetOutcome outcome, int status, const char *error, const char *name)
{
	if (!ok(got.outcome == outcome && got.status == status && strstr(got.error, error) &&
				(error[0] || got.error[0] == '\0'),
			"%s: %s", name, outcome_names[outcome]))
		printf("#   got %s, status %d, error \"%s\"\n", outcome_names[got.outcome], got.status, got.error);
}

#endif
