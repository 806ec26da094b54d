/*
 * bench_http.c
 *	  The HTTP module against a bare loop over curl_multi_perform(), which is the floor.
 *
 *		cc -O2 tests/bench/bench_http.c extension/net/{http,slot,outcome,sign,sockets,turns,url}.c \
 *			-Iextension -lcurl -lcrypto -o bench_http
 *		RECEIVER=build/receiver bench_http [requests [connections [milliseconds]]]
 *
 * Both send the same requests over the same number of connections to the same
 * receiver, in turns, five times; the ratio is that of each turn, so what else
 * the machine does meanwhile hits both.  The bare loop sends a URL, two fixed
 * header lines and a body; the module also signs, writes the webhook headers,
 * checks the URL and queues.  With milliseconds, the receiver waits that long.
 *
 * All requests are submitted to the module at once: waiting is its own work.
 */
#include <curl/curl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "net/net.h"

#define TURNS	  5
#define BODY_SIZE 230

static char body[BODY_SIZE + 1];

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static double
cpu(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return used.ru_utime.tv_sec + used.ru_stime.tv_sec +
		   (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

static long
resident_kb(void)
{
	long  size = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL || fscanf(f, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void
die(const char *what)
{
	fprintf(stderr, "bench_http: %s\n", what);
	exit(1);
}

/* Start the receiver; it ends when our end of its standard input closes. */
static int
start_receiver(const char *program)
{
	int	  in[2], out[2];
	char  text[32] = "";
	pid_t pid;

	if (pipe(in) != 0 || pipe(out) != 0 || (pid = fork()) < 0)
		die("cannot start the receiver");
	if (pid == 0)
	{
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		execl(program, program, "--stdin-exit", (char *) NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	if (read(out[0], text, sizeof(text) - 1) <= 0)
		die("the receiver does not start: set RECEIVER to the program");
	return atoi(text);
}

/* ---------- the floor ---------- */

static size_t
swallow(char *data, size_t one, size_t length, void *arg)
{
	(void) data;
	(void) arg;
	return one * length;
}

static CURL *
bare_handle(const char *url, struct curl_slist *lines)
{
	CURL *easy = curl_easy_init();

	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, lines);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
	return easy;
}

static int
bare(const char *url, int requests, int connections)
{
	CURLM			  *multi = curl_multi_init();
	struct curl_slist *lines = curl_slist_append(NULL, "Content-Type: application/json");
	int				   sent, done = 0, ok = 0, running, left;
	CURLMsg			  *message;

	lines = curl_slist_append(lines, "Expect:");
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long) connections);
	for (sent = 0; sent < connections && sent < requests; sent++)
		curl_multi_add_handle(multi, bare_handle(url, lines));
	while (done < requests)
	{
		curl_multi_perform(multi, &running);
		while ((message = curl_multi_info_read(multi, &left)))
		{
			CURL *easy = message->easy_handle;
			long  status = 0;

			curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
			ok += status == 200;
			done++;
			curl_multi_remove_handle(multi, easy);
			if (sent < requests && ++sent)
				curl_multi_add_handle(multi, easy);
			else
				curl_easy_cleanup(easy);
		}
		if (done < requests)
			curl_multi_poll(multi, NULL, 0, 1000, NULL);
	}
	curl_multi_cleanup(multi);
	curl_slist_free_all(lines);
	return ok;
}

/* ---------- the module ---------- */

typedef struct Signed
{
	char id[40];
	char signature[64];
} Signed;

static int
module(const char *url, int requests, int connections)
{
	NetLimits limits = {.max_connections = connections, .max_response = 65536, .allow = "127.0.0.0/8"};
	char	  error[200];
	Net		 *net = net_http_api.open(&limits, error, sizeof(error));
	Signed	 *texts = calloc(requests, sizeof(Signed));
	NetResult result;
	int		  i, ok = 0, left;

	if (net == NULL || texts == NULL)
		die(error);
	for (i = 0; i < requests; i++)
	{
		NetRequest request = {.url = url,
							  .content_type = "application/json",
							  .body = body,
							  .body_len = BODY_SIZE,
							  .id = texts[i].id,
							  .timestamp = 1614265330,
							  .signature = texts[i].signature,
							  .timeout_ms = 30000};

		snprintf(texts[i].id, sizeof(texts[i].id), "00000000-0000-7000-8000-%012d", i);
		net_http_api.sign((const unsigned char *) "0123456789abcdef01234567", 24, texts[i].id,
						  request.timestamp, body, BODY_SIZE, texts[i].signature, sizeof(texts[i].signature));
		net_http_api.submit(net, &request);
	}
	for (;;)
	{
		struct pollfd waits = {.fd = net_http_api.fd(net), .events = POLLIN};

		left = net_http_api.progress(net);
		while (net_http_api.take(net, &result))
			ok += result.outcome == NET_DELIVERED;
		if (left == 0)
			break;
		poll(&waits, 1, (int) net_http_api.timeout_ms(net));
	}
	net_http_api.close(net);
	free(texts);
	return ok;
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return x < y ? -1 : x > y;
}

int
main(int argc, char **argv)
{
	int			requests = argc > 1 ? atoi(argv[1]) : 20000;
	int			connections = argc > 2 ? atoi(argv[2]) : 64;
	int			ms = argc > 3 ? atoi(argv[3]) : 0;
	const char *receiver = getenv("RECEIVER");
	char		url[100];
	double		ratios[TURNS];
	int			turn;

	memset(body, 'x', BODY_SIZE);
	memcpy(body, "{\"a\":\"", 6);
	memcpy(body + BODY_SIZE - 2, "\"}", 2);
	curl_global_init(CURL_GLOBAL_ALL);
	snprintf(url, sizeof(url), ms ? "http://127.0.0.1:%d/slow?ms=%d" : "http://127.0.0.1:%d/ok",
			 start_receiver(receiver ? receiver : "build/receiver"), ms);
	for (turn = 0; turn < TURNS; turn++)
	{
		double t0 = now(), c0 = cpu(), t1, c1, t2, c2;
		int	   ok_bare, ok_module;

		ok_bare = bare(url, requests, connections);
		t1 = now();
		c1 = cpu();
		ok_module = module(url, requests, connections);
		t2 = now();
		c2 = cpu();
		ratios[turn] = (t1 - t0) / (t2 - t1);
		printf("bare %6.0f/s (%.1f us cpu)  module %6.0f/s (%.1f us cpu)  ratio %.2f  rss %ld kB\n",
			   requests / (t1 - t0), (c1 - c0) / requests * 1e6, requests / (t2 - t1),
			   (c2 - c1) / requests * 1e6, ratios[turn], resident_kb());
		if (ok_bare != requests || ok_module != requests)
			die("some requests failed");
	}
	qsort(ratios, TURNS, sizeof(double), by_size);
	printf("module / bare libcurl, %d requests, %d connections, %d ms: %.2f (%.2f to %.2f)\n", requests,
		   connections, ms, ratios[TURNS / 2], ratios[0], ratios[TURNS - 1]);
	return 0;
}
