/*
 * test_net.c
 *	  The HTTP module against a real receiver on this machine, as TAP.
 *
 *		cc tests/unit/test_net.c extension/net/{http,slot,outcome,sign,sockets,turns,url}.c \
 *			-Iextension -lcurl -lcrypto -o test_net
 *		test_net [receiver]
 *
 * The receiver is the program made of tests/tools/receiver.c: the argument,
 * else $RECEIVER, else build/receiver.  The openssl command, if there, serves
 * as an https receiver.
 */
#include <sys/resource.h>

#include "net_driver.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* ---------- answers ---------- */

static void
test_outcomes(const Receiver *r)
{
	static const struct
	{
		int		   status;
		NetOutcome outcome;
	} statuses[] = {
		{200, NET_DELIVERED}, {201, NET_DELIVERED}, {202, NET_DELIVERED}, {204, NET_DELIVERED},
		{299, NET_DELIVERED}, {300, NET_REFUSED},	{304, NET_REFUSED},	  {307, NET_REFUSED},
		{400, NET_REFUSED},	  {401, NET_REFUSED},	{404, NET_REFUSED},	  {407, NET_REFUSED},
		{408, NET_RETRY},	  {410, NET_REFUSED},	{425, NET_RETRY},	  {429, NET_RETRY},
		{500, NET_RETRY},	  {502, NET_RETRY},		{503, NET_RETRY},	  {599, NET_RETRY},
	};
	Net		 *net = open_net("127.0.0.0/8", 4);
	NetResult got;
	char	  path[40], error[40];
	int		  i;

	for (i = 0; i < lengthof(statuses); i++)
	{
		snprintf(path, sizeof(path), "/status/%d", statuses[i].status);
		snprintf(error, sizeof(error), statuses[i].outcome == NET_DELIVERED ? "" : "HTTP %d",
				 statuses[i].status);
		expect(call_path(net, r, path), statuses[i].outcome, statuses[i].status, error, path);
	}
	expect(call_path(net, r, "/ok"), NET_DELIVERED, 200, "", "/ok");
	expect(call_path(net, r, "/redirect"), NET_REFUSED, 302, "redirects are not followed", "redirect");
	expect(call_path(net, r, "/slow?ms=200"), NET_DELIVERED, 200, "", "slow");
	expect(call_path(net, r, "/flaky?n=2"), NET_RETRY, 503, "HTTP 503", "flaky, first");
	expect(call_path(net, r, "/flaky?n=2"), NET_RETRY, 503, "HTTP 503", "flaky, second");
	expect(call_path(net, r, "/flaky?n=2"), NET_DELIVERED, 200, "", "flaky, third");
	expect(call_path(net, r, "/close"), NET_RETRY, 0, "Empty reply", "closed without an answer");
	expect(call_path(net, r, "/big"), NET_RETRY, 200, "answer longer than 1000 bytes", "a body without end");
	expect(call_path(net, r, "/big?n=10000000000"), NET_RETRY, 200, "answer longer than 1000 bytes",
		   "10 GB announced");
	expect(call_path(net, r, "/big?n=1000"), NET_DELIVERED, 200, "", "a body of just the limit");
	expect(call_path(net, r, "/big?n=1001"), NET_RETRY, 200, "answer longer than 1000 bytes",
		   "one byte more");
	expect(call_path(net, r, "/headers"), NET_RETRY, 200, "bytes of headers", "headers without end");
	expect(call_path(net, r, "/ok"), NET_DELIVERED, 200, "", "and still works");

	got = call_path(net, r, "/retry-after/7");
	ok(got.outcome == NET_RETRY && got.retry_after_ms == 7000, "Retry-After in seconds");
	got = call_path(net, r, "/retry-after/9999999999");
	ok(got.retry_after_ms == 86400000, "Retry-After capped at a day");
	got = call_path(net, r, "/retry-after/-5");
	ok(got.retry_after_ms == -1, "Retry-After below zero");
	got = call_path(net, r, "/retry-after/soon");
	ok(got.retry_after_ms == -1, "Retry-After that is no number");
	got = call_path(net, r, "/retry-after-date/30");
	ok(got.retry_after_ms >= 27000 && got.retry_after_ms <= 31000, "Retry-After as a date: %lld ms",
	   (long long) got.retry_after_ms);
	got = call_path(net, r, "/retry-after-date/-30");
	ok(got.retry_after_ms == -1, "Retry-After as a date that is past");
	got = call_path(net, r, "/retry-after-date/999999");
	ok(got.retry_after_ms == 86400000, "Retry-After as a date, capped");
	got = call_path(net, r, "/ok");
	ok(got.retry_after_ms == -1, "Retry-After does not linger in the handle");
	api->close(net);
}

static void
test_timeouts(const Receiver *r)
{
	Net		  *net = open_net("127.0.0.0/8", 4);
	NetRequest request;
	NetResult  got;
	char	   url[100];
	double	   t = now_ms();

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/never", r->port);
	request = request_for(url);
	request.timeout_ms = 300;
	got = call(net, request);
	t = now_ms() - t;
	expect(got, NET_RETRY, 0, "timed out", "a receiver that never answers");
	ok(t >= 299 && t < 2000, "after its time: %.0f ms", t);

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/drip", r->port);
	request = request_for(url);
	request.timeout_ms = 1500;
	t = now_ms();
	got = call(net, request);
	t = now_ms() - t;
	expect(got, NET_RETRY, 200, "timed out", "a receiver that drips");
	ok(t >= 1499 && t < 4000, "after its time: %.0f ms", t);

	/* the connect timeout of open_net() is 500 ms, the name takes 3 s */
	longest_progress_ms = 0;
	t = now_ms();
	got = call(net, request_for("http://slow.test/"));
	t = now_ms() - t;
	expect(got, NET_RETRY, 0, "timed out", "a name server that is slow");
	ok(t >= 499 && t < 2500, "after its time: %.0f ms", t);
	ok(longest_progress_ms < 500, "progress() does not wait for it: %.1f ms at most", longest_progress_ms);

	request = request_for("http://slow.test/");
	api->submit(net, &request);
	api->progress(net);
	sleep_ms(20);
	api->progress(net);
	t = now_ms();
	api->close(net);
	t = now_ms() - t;
	ok(t < 500, "nor does close(): %.1f ms", t);
}

static void
test_addresses(const Receiver *r)
{
	Net		   *nothing = open_net("", 2);
	Net		   *local = open_net("127.0.0.0/8", 2);
	Net		   *six = open_net("::/0", 2);
	const char *refusal = "address not in triage.allowed_networks";
	char		url[200];
	NetResult	got;

	expect(call_path(nothing, r, "/ok"), NET_REFUSED, 0, refusal, "an empty list");
	expect(call_path(local, r, "/ok"), NET_DELIVERED, 200, "", "a listed address");
	expect(call(local, request_for("http://10.0.0.1/")), NET_REFUSED, 0, refusal, "an address not listed");
	expect(call(local, request_for("http://[::1]:1/")), NET_REFUSED, 0, refusal,
		   "an IPv6 address not listed");
	expect(call(local, request_for("http://167772161/")), NET_REFUSED, 0, refusal, "10.0.0.1 as one number");
	expect(call(local, request_for("http://0x0a.0.0.1/")), NET_REFUSED, 0, refusal,
		   "10.0.0.1 in hexadecimal");
	expect(call(local, request_for("http://0/")), NET_REFUSED, 0, refusal, "the address 0");
	expect(call(local, request_for("http://inside.test/")), NET_REFUSED, 0, refusal,
		   "a name that points inside");
	snprintf(url, sizeof(url), "http://here.test:%d/ok", r->port);
	expect(call(local, request_for(url)), NET_DELIVERED, 200, "", "a name that points to a listed address");
	snprintf(url, sizeof(url), "http://mapped.test:%d/ok", r->port);
	expect(call(six, request_for(url)), NET_REFUSED, 0, refusal, "IPv4 dressed as IPv6");
	expect(call(local, request_for(url)), NET_DELIVERED, 200, "",
		   "the same, where its IPv4 address is listed");
	snprintf(url, sizeof(url), "http://both.test:%d/ok", r->port);
	expect(call(local, request_for(url)), NET_DELIVERED, 200, "", "of two addresses, the listed one");

	got = call(local, request_for("http://127.0.0.1:1/hook?token=geheim"));
	expect(got, NET_RETRY, 0, "onnect", "a closed port");
	ok(!strstr(got.error, "geheim") && !strstr(got.error, "hook"), "no token in the error: %s", got.error);
	got = call(local, request_for("http://none.test/hook?token=geheim"));
	expect(got, NET_RETRY, 0, "none.test", "a name that does not exist");
	ok(!strstr(got.error, "geheim") && !strstr(got.error, "hook"), "no token in the error: %s", got.error);
	expect(call(local, request_for("http://user:geheim@127.0.0.1/")), NET_REFUSED, 0, "user name",
		   "a password");
	expect(call(local, request_for("ftp://127.0.0.1/")), NET_REFUSED, 0, "http://", "another protocol");
	api->close(nothing);
	api->close(local);
	api->close(six);
}

/* What stands on the wire, read from the receiver's log. */
static void
test_request(const Receiver *r)
{
	Net		  *net = open_net("127.0.0.0/8", 2);
	NetRequest request;
	char	   url[100], line[1000] = "", last[1000] = "";
	FILE	  *log;

	expect(call_path(net, r, "/wire?x=1"), NET_DELIVERED, 200, "", "a request");
	log = fopen(r->log, "r");
	while (log && fgets(line, sizeof(line), log))
		strcpy(last, line);
	if (log)
		fclose(log);
	is_text(strchr(last, '\t') ? strchr(last, '\t') : last,
			"\t/wire?x=1\tmsg_1\t1614265330\tv1,abc\t8\t{\"a\":\\t1}\n", "its headers and body");

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/ok", r->port);
	request = request_for(url);
	request.id = "a\r\nX-Evil: 1";
	expect(call(net, request), NET_REFUSED, 0, "header", "a line break in a header");
	request = request_for(url);
	request.content_type = request.signature = request.body = NULL;
	request.body_len = 0;
	expect(call(net, request), NET_DELIVERED, 200, "", "no signature, type and body");
	api->close(net);
}

static int
count_descriptors(void)
{
	int n = 0;
	int fd;

	for (fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

/* Connections to a receiver: other descriptors come and go with the resolver's threads. */
static int
count_connections(const Receiver *r)
{
	int n = 0;
	int fd;

	for (fd = 0; fd < 1024; fd++)
	{
		struct sockaddr_in peer = {0};
		socklen_t		   len = sizeof(peer);

		n += getpeername(fd, (struct sockaddr *) &peer, &len) == 0 && peer.sin_family == AF_INET &&
			 ntohs(peer.sin_port) == r->port;
	}
	return n;
}

static long
resident_kb(void)
{
	long  size = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fscanf(f, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Many at once: every one has its own result, and descriptors stay within the limit. */
static void
test_many(const Receiver *r, int requests, int connections)
{
	Net			  *net = open_net("127.0.0.0/8", connections);
	NetRequest	   request;
	NetResult	   result;
	unsigned char *seen = calloc(requests, 1);
	char		   url[100];
	int			   i, left, got = 0, delivered = 0, twice = 0, most = 0;
	int			   before = count_descriptors();
	double		   t = now_ms();
	struct rlimit  old, few;

	getrlimit(RLIMIT_NOFILE, &old);
	few = old;
	few.rlim_cur = before + connections + 8;
	setrlimit(RLIMIT_NOFILE, &few);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/ok", r->port);
	request = request_for(url);
	for (i = 0; i < requests; i++)
	{
		request.tag = seen + i;
		if (!api->submit(net, &request))
			bail_out("submit failed");
	}
	do
	{
		struct pollfd waits = {.fd = api->fd(net), .events = POLLIN};

		left = api->progress(net);
		for (; api->take(net, &result); got++)
		{
			twice += (*(unsigned char *) result.tag)++;
			delivered += result.outcome == NET_DELIVERED;
			if (got % 500 == 0 && count_descriptors() > most)
				most = count_descriptors();
		}
		poll(&waits, 1, left ? (int) api->timeout_ms(net) : 0);
	} while (left > 0);
	t = now_ms() - t;
	ok(got == requests && delivered == requests && twice == 0,
	   "%d requests, %d connections: %d delivered, %.0f/s", requests, connections, delivered,
	   requests / t * 1e3);
	ok(most - before <= connections, "%d descriptors at most", most - before);
	ok(api->timeout_ms(net) != 0, "nothing left to do");
	api->close(net);
	ok(count_descriptors() <= before, "no descriptor left open");
	setrlimit(RLIMIT_NOFILE, &old);
	free(seen);
}

static void
test_memory(const Receiver *r)
{
	Net		  *net = open_net("127.0.0.0/8", 16);
	NetResult *results = calloc(500, sizeof(NetResult));
	NetRequest request;
	char	   url[100];
	long	   before = 0;
	int		   batch, i, got = 0;

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/ok", r->port);
	request = request_for(url);
	for (batch = 0; batch < 40; batch++)
	{
		for (i = 0; i < 500; i++)
			api->submit(net, &request);
		got += drive(net, results, 500);
		if (batch == 4)
			before = resident_kb();
	}
	/* the sanitizer keeps freed memory for a while */
	ok(got == 20000 && (SANITIZED || resident_kb() - before < 512), "memory after 20,000 requests: %+ld kB",
	   resident_kb() - before);
	free(results);
	api->close(net);
}

/* A slow receiver with a long queue does not delay a fast one; hosts share few connections. */
static void
test_turns(const Receiver *slow, const Receiver *fast)
{
	NetLimits  limits = {.max_connections = 8, .max_per_host = 4, .max_response = 1000, .allow = "127.0.0.1"};
	char	   error[200], slow_url[100], fast_url[100];
	Net		  *net = api->open(&limits, error, sizeof(error));
	NetRequest request;
	NetResult  result, results[300];
	double	   t;
	int		   i;

	snprintf(slow_url, sizeof(slow_url), "http://127.0.0.1:%d/slow?ms=100", slow->port);
	snprintf(fast_url, sizeof(fast_url), "http://127.0.0.1:%d/ok", fast->port);
	request = request_for(slow_url);
	for (i = 0; i < 40; i++)
		api->submit(net, &request);
	api->progress(net);
	request = request_for(fast_url);
	request.tag = &result;
	t = now_ms();
	api->submit(net, &request);
	drive(net, &result, 1);
	ok(result.tag == &result, "the fast receiver is served beside 40 requests to the slow one: %.1f ms",
	   now_ms() - t);
	t = now_ms();
	ok(drive(net, results, 40) == 40, "the slow ones arrive too");
	t = now_ms() - t;
	ok(t > 850, "no more than four of them at once: %.0f ms", t);
	api->close(net);

	net = open_net("127.0.0.1", 1);
	for (i = 0; i < 300; i++)
	{
		snprintf(slow_url, sizeof(slow_url), "http://127.0.0.1:%d/ok", (i % 2 ? slow : fast)->port);
		if (call(net, request_for(slow_url)).outcome != NET_DELIVERED)
			break;
	}
	ok(i == 300, "two hosts take turns on one connection");
	api->close(net);
}

/* Connections kept for one host give way to those another host needs: the limit holds for both together. */
static void
test_kept_connections(const Receiver *one, const Receiver *two)
{
	Net		  *net = open_net("127.0.0.1", 8);
	NetRequest request;
	NetResult  results[8];
	char	   url[100];
	int		   i;

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/slow?ms=500", one->port);
	request = request_for(url);
	for (i = 0; i < 8; i++)
		api->submit(net, &request);
	ok(drive(net, results, 8) == 8 && count_connections(one) == 8, "8 connections are kept");
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/slow?ms=500", two->port);
	request = request_for(url);
	for (i = 0; i < 8; i++)
		api->submit(net, &request);
	for (i = 0; i < 40 && count_connections(two) < 8; i++)
	{
		api->progress(net);
		sleep_ms(10);
	}
	i = count_connections(one);
	ok(i == 0 && drive(net, results, 8) == 8 && count_connections(two) == 8,
	   "and closed for 8 to another host: %d are left", i);
	api->close(net);
}

/* The receiver goes away while a connection is kept, and comes back. */
static void
test_restart(void)
{
	Receiver	  r = start_receiver(0);
	Net			 *net = open_net("127.0.0.1", 2);
	struct pollfd waits = {.fd = api->fd(net), .events = POLLIN};

	expect(call_path(net, &r, "/ok"), NET_DELIVERED, 200, "", "before");
	stop_receiver(&r);
	poll(&waits, 1, 1000);
	api->progress(net);
	ok(poll(&waits, 1, 0) == 0, "a kept connection that was closed does not keep us awake");
	expect(call_path(net, &r, "/ok"), NET_RETRY, 0, "onnect", "meanwhile");
	r = start_receiver(r.port);
	expect(call_path(net, &r, "/ok"), NET_DELIVERED, 200, "", "afterwards");
	api->close(net);
	stop_receiver(&r);
}

/* Close in the middle; the sanitizers tell what was forgotten. */
static void
test_close(const Receiver *r)
{
	Net		  *net = open_net("127.0.0.1", 4);
	NetRequest request;
	char	   urls[3][100];
	int		   i;

	snprintf(urls[0], sizeof(urls[0]), "http://127.0.0.1:%d/ok", r->port);
	snprintf(urls[1], sizeof(urls[1]), "http://127.0.0.1:%d/never", r->port);
	snprintf(urls[2], sizeof(urls[2]), "nonsense");
	for (i = 0; i < 30; i++)
	{
		request = request_for(urls[i % 3]);
		api->submit(net, &request);
	}
	for (i = 0; i < 5; i++)
	{
		ok(api->progress(net) > 0, "under way");
		sleep_ms(2);
	}
	api->close(net);
	api->close(open_net("", 1));
}

/* ---------- https ---------- */

static char certificate[100], private_key[100];

/* A server that says the same to everyone; the openssl command answers what stands on its standard input. */
static bool
make_certificate(const char *name)
{
	char command[500];

	snprintf(certificate, sizeof(certificate), "%s/cert.pem", folder);
	snprintf(private_key, sizeof(private_key), "%s/key.pem", folder);
	snprintf(command, sizeof(command),
			 "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=%s "
			 "-addext subjectAltName=DNS:%s -out %s -keyout %s >/dev/null 2>&1",
			 name, name, certificate, private_key);
	return system(command) == 0;
}

static NetResult
call_https(const char *name, const char *ca_file)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	NetLimits limits = {.max_connections = 1, .max_response = 1000, .allow = "127.0.0.1", .ca_file = ca_file};
	char	  error[200], url[100], address[40];
	char	 *argv[] = {"openssl",	 "s_server", "-quiet",	  "-accept",  address, "-cert",
						certificate, "-key",	 private_key, "-naccept", "1",	   NULL};
	Receiver  spare = start_receiver(0); /* finds a free port */
	Net		 *net = api->open(&limits, error, sizeof(error));
	NetResult got = {.outcome = NET_RETRY};
	double	  end = now_ms() + 10000;
	int		  in, out;
	pid_t	  pid;

	stop_receiver(&spare);
	snprintf(address, sizeof(address), "127.0.0.1:%d", spare.port);
	snprintf(url, sizeof(url), "https://%s:%d/", name, spare.port);
	pid = start(argv, &in, &out);
	if (write(in, text, strlen(text)) < 0)
		bail_out("openssl s_server");
	/* it needs a moment to listen */
	do
	{
		sleep_ms(50);
		got = call(net, request_for(url));
	} while (strstr(got.error, "Failed to connect") && now_ms() < end);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(in);
	close(out);
	api->close(net);
	return got;
}

static void
test_https(void)
{
	if (!make_certificate("here.test"))
	{
		ok(true, "https # SKIP no openssl command");
		return;
	}
	expect(call_https("here.test", NULL), NET_REFUSED, 0, "certificate", "a self-signed certificate");
	expect(call_https("here.test", certificate), NET_DELIVERED, 200, "", "the same, trusted");
	expect(call_https("other.test", certificate), NET_REFUSED, 0, "other.test",
		   "trusted, but for another name");
}

int
main(int argc, char **argv)
{
	Receiver one, two;
	char	 command[200];

	receiver_program = argc > 1 ? argv[1] : getenv("RECEIVER");
	if (receiver_program == NULL)
		receiver_program = "build/receiver";
	signal(SIGPIPE, SIG_IGN); /* as the server has it */
	setenv("http_proxy", "http://127.0.0.1:1/", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1/", 1);
	if (mkdtemp(folder) == NULL)
		bail_out("no temporary folder");

	one = start_receiver(0);
	two = start_receiver(0);
	test_outcomes(&one);
	test_timeouts(&one);
	test_addresses(&one);
	test_request(&one);
	test_many(&one, 10000, 64);
	test_many(&one, 300, 1);
	test_many(&one, 2000, 200);
	test_memory(&one);
	test_turns(&one, &two);
	test_kept_connections(&one, &two);
	test_restart();
	test_close(&one);
	test_https();
	ok(resolver_calls > 0 && !resolver_saw_signals, "no signal can reach the resolver's threads");
	stop_receiver(&one);
	stop_receiver(&two);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (system(command) != 0)
		printf("# %s is left\n", folder);
	return tap_end();
}
