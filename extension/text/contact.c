/*
 * contact.c
 *	  Normal form of telephone numbers and other addresses.
 */
#include "text/contact.h"

#include <stdbool.h>
#include <string.h>

/* the least digits of a number, and the most (E.164, with a prefix to dial out) */
#define LEAST_DIGITS 5
#define MOST_DIGITS	 20

static bool
starts(const char *at, const char *end, const char *word)
{
	size_t n = strlen(word);

	return (size_t) (end - at) >= n && memcmp(at, word, n) == 0;
}

/* What may stand between the digits of a number; returns its bytes, 0 = something else. */
static size_t
separator(const char *at, const char *end)
{
	static const char *const words[] = {" ", "-", ".", "(", ")", "/", "–", "—", "‐", "‑", "一", "－"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (starts(at, end, words[i]))
			return strlen(words[i]);
	return 0;
}

static bool
extension_follows(const char *at, const char *end)
{
	return starts(at, end, "转") || starts(at, end, "轉") || starts(at, end, "ext") || starts(at, end, "x") ||
		   starts(at, end, "#") || starts(at, end, "分机");
}

/* The digits of a number, *plus when it began with +; 0 = it is none. */
static size_t
read_digits(const char *at, const char *end, char *digits, bool *plus)
{
	size_t n = 0;

	*plus = false;
	while (at < end)
	{
		size_t skip = separator(at, end);

		if (*at >= '0' && *at <= '9')
		{
			if (n == MOST_DIGITS)
				return 0;
			digits[n++] = *at++;
		}
		else if (skip > 0)
			at += skip;
		else if (*at == '+' && n == 0 && !*plus)
		{
			*plus = true;
			at++;
		}
		else if (n >= LEAST_DIGITS && extension_follows(at, end))
			break;
		else
			return 0;
	}
	return n >= LEAST_DIGITS ? n : 0;
}

static bool
is_mobile(const char *d, size_t n)
{
	return n == 11 && d[0] == '1' && d[1] >= '3';
}

/* Area code without its 0 (10, 2x, or three digits) and seven or eight digits. */
static bool
is_landline(const char *d, size_t n)
{
	return d[0] != '0' && d[0] != '1' ? n >= 9 && n <= 11 : n == 10 && d[1] == '0';
}

size_t
contact_form(const char *folded, size_t len, char *out)
{
	const char *end = folded + len;
	char		digits[MOST_DIGITS];
	const char *d = digits;
	bool		plus;
	size_t		n = read_digits(folded, end, digits, &plus);
	size_t		used = 1;

	if (n > 0)
	{
		size_t code = !plus && n > 4 && memcmp(d, "0086", 4) == 0 ? 4
					  : n > 2 && memcmp(d, "86", 2) == 0		  ? 2
																  : 0;
		/* an 86 that no code is: a local number beginning with it */
		const char *rest = d + code;
		size_t		nrest = n - code;

		out[0] = 'n';
		if (code > 0 && nrest > 1 && rest[0] == '0' && is_landline(rest + 1, nrest - 1))
		{
			rest++;
			nrest--;
		}
		if (code > 0 && is_mobile(rest, nrest))
		{
			d = rest;
			n = nrest;
		}
		else if (code > 0 && (plus || code == 4 || n > 11) && is_landline(rest, nrest))
		{
			out[used++] = '0';
			d = rest;
			n = nrest;
		}
		/* 0 before a mobile number is how one dials it from elsewhere */
		else if (d[0] == '0' && is_mobile(d + 1, n - 1))
		{
			d++;
			n--;
		}
		memcpy(out + used, d, n);
		return used + n;
	}
	out[0] = 't';
	for (const char *at = folded; at < end && used < MAX_CONTACT; at++)
		if (*at != ' ')
			out[used++] = *at;
	return used > 1 ? used : 0;
}
