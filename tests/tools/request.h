/*
 * request.h
 *	  The head of an HTTP request, as receiver.c reads it.  Texts point into what
 *	  was read and end without a NUL.
 */
#ifndef TRIAGE_TOOLS_REQUEST_H
#define TRIAGE_TOOLS_REQUEST_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct Header
{
	const char *text;
	size_t		len;
} Header;

typedef struct Request
{
	Header		path, id, timestamp, signature;
	const char *body;
	size_t		body_len;
	bool		close;
} Request;

/* Does the line begin with this header?  Then take its value. */
static bool
header_is(const char *line, size_t len, const char *name, Header *value)
{
	size_t n = strlen(name);

	if (len <= n || line[n] != ':' || strncasecmp(line, name, n) != 0)
		return false;
	for (n++; n < len && (line[n] == ' ' || line[n] == '\t');)
		n++;
	value->text = line + n;
	value->len = len - n;
	return true;
}

/* What is wanted of the lines from head up to end, each with its line break; body is left NULL. */
static void
parse_head(const char *head, const char *end, Request *r)
{
	const char *line = head;
	const char *next;
	Header		value;

	memset(r, 0, sizeof(*r));
	for (; line < end; line = next + 2)
	{
		next = memmem(line, end - line, "\r\n", 2);
		if (line == head)
		{
			const char *from = memchr(line, ' ', next - line);
			const char *to = from ? memchr(from + 1, ' ', next - from - 1) : NULL;

			if (to)
				r->path = (Header){from + 1, (size_t) (to - from - 1)};
		}
		else if (header_is(line, next - line, "content-length", &value))
			r->body_len = strtoull(value.text, NULL, 10);
		else if (header_is(line, next - line, "connection", &value))
			r->close = value.len == 5 && strncasecmp(value.text, "close", 5) == 0;
		else if (!header_is(line, next - line, "webhook-id", &r->id) &&
				 !header_is(line, next - line, "webhook-timestamp", &r->timestamp))
			header_is(line, next - line, "webhook-signature", &r->signature);
	}
}

/* The number after `mark` in the path, or `otherwise`. */
static long long
number_after(const char *path, const char *mark, long long otherwise)
{
	const char *p = strstr(path, mark);

	return p ? atoll(p + strlen(mark)) : otherwise;
}

#endif
