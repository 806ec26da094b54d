/*
 * outcome.c
 *	  What an answer, or the lack of one, means for a delivery.
 */
#include <stdio.h>
#include <string.h>

#include "net/outcome.h"

#define MAX_RETRY_AFTER_S 86400

void
net_judge_status(NetResult *result, int64_t retry_after_s)
{
	int status = result->status;

	if (status >= 200 && status < 300)
	{
		result->outcome = NET_DELIVERED;
		result->error[0] = '\0';
		return;
	}
	if (status == 408 || status == 425 || status == 429 || status >= 500)
		result->outcome = NET_RETRY;
	else
		result->outcome = NET_REFUSED;
	snprintf(result->error, sizeof(result->error), "HTTP %d%s", status,
			 status < 400 ? ": redirects are not followed" : "");
	if (retry_after_s > MAX_RETRY_AFTER_S)
		retry_after_s = MAX_RETRY_AFTER_S;
	if (retry_after_s > 0)
		result->retry_after_ms = 1000 * retry_after_s;
}

void
net_judge_failure(NetResult *result, NetOutcome outcome, const char *text, const char *general)
{
	size_t i;

	if (general && (text[0] == '\0' || strchr(text, '?') || strstr(text, "://")))
		text = general;
	for (i = 0; i < sizeof(result->error) - 1 && text[i]; i++)
		result->error[i] = text[i] < ' ' || text[i] > '~' ? '?' : text[i];
	result->error[i] = '\0';
	result->outcome = outcome;
}
