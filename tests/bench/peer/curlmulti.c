/*
 * curlmulti.c
 *	  The floor for the courier: libcurl's multi interface and nothing else.
 *
 *		cc -O2 tests/bench/peer/curlmulti.c -lcurl -o curlmulti
 *		curlmulti URL REQUESTS CONNECTIONS BODY_BYTES
 *
 * Posts the same body again and again, reads nothing from anywhere and writes
 * nothing down.  The receiver's log says how fast it was.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t
swallow(char *data, size_t one, size_t length, void *arg)
{
	(void) data;
	(void) arg;
	return one * length;
}

static CURL *
new_handle(const char *url, const char *body, struct curl_slist *lines)
{
	CURL *easy = curl_easy_init();

	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, lines);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
	return easy;
}

/* One transfer has ended; true: it went well. */
static int
went_well(CURL *easy)
{
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	return status == 200;
}

static int
send_all(CURLM *multi, const char *url, const char *body, struct curl_slist *lines, int requests,
		 int connections)
{
	int		 sent, done = 0, ok = 0, running, left;
	CURLMsg *message;

	for (sent = 0; sent < connections && sent < requests; sent++)
		curl_multi_add_handle(multi, new_handle(url, body, lines));
	while (done < requests)
	{
		curl_multi_perform(multi, &running);
		while ((message = curl_multi_info_read(multi, &left)))
		{
			CURL *easy = message->easy_handle;

			ok += went_well(easy);
			done++;
			curl_multi_remove_handle(multi, easy);
			if (sent < requests)
			{
				curl_multi_add_handle(multi, easy);
				sent++;
			}
			else
				curl_easy_cleanup(easy);
		}
		if (done < requests)
			curl_multi_poll(multi, NULL, 0, 1000, NULL);
	}
	return ok;
}

int
main(int argc, char **argv)
{
	int				   requests = argc > 4 ? atoi(argv[2]) : 0;
	int				   connections = argc > 4 ? atoi(argv[3]) : 0;
	int				   size = argc > 4 ? atoi(argv[4]) : 0;
	struct curl_slist *lines = curl_slist_append(NULL, "Content-Type: application/json");
	char			  *body = calloc(1, size + 1);
	CURLM			  *multi;
	int				   ok;

	if (requests < 1 || connections < 1 || size < 1 || body == NULL)
	{
		fprintf(stderr, "usage: curlmulti URL REQUESTS CONNECTIONS BODY_BYTES\n");
		return 2;
	}
	memset(body, 'x', size);
	lines = curl_slist_append(lines, "Expect:");
	curl_global_init(CURL_GLOBAL_ALL);
	multi = curl_multi_init();
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long) connections);
	ok = send_all(multi, argv[1], body, lines, requests, connections);
	curl_multi_cleanup(multi);
	curl_slist_free_all(lines);
	free(body);
	return ok == requests ? 0 : 1;
}
