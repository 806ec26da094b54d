/*
 * quoted.c
 *	  Text as mail carries it; see quoted.h.
 *
 * Output never overtakes input, so that decoding may be done in place.
 */
#include "text/quoted.h"

#include <stdint.h>

#include "text/utf8.h"

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	/* not allowed by the RFC, but written */
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/*
 * Bytes of the soft line break behind a "=": white space that a relay may
 * have added, and the end of the line.  0 = there is none.  A run of blanks is
 * looked at from its first byte only, at most so many: lines have 76 bytes.
 */
static size_t
soft_break(const char *in, size_t len)
{
	size_t i = 0;

	while (i < len && i < 76 && (in[i] == ' ' || in[i] == '\t'))
		i++;
	if (i == len)
		return i;
	if (in[i] == '\n')
		return i + 1;
	if (in[i] == '\r')
		return i + 1 + (i + 1 < len && in[i + 1] == '\n');
	return 0;
}

size_t
quoted_printable_decode(const char *in, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len;)
	{
		if (in[i] == '=')
		{
			size_t broken = soft_break(in + i + 1, len - i - 1);

			if (broken > 0 || i + 1 == len)
			{
				i += 1 + broken;
				continue;
			}
			if (len - i >= 3 && hex_digit(in[i + 1]) >= 0 && hex_digit(in[i + 2]) >= 0)
			{
				out[n++] = (char) (hex_digit(in[i + 1]) << 4 | hex_digit(in[i + 2]));
				i += 3;
				continue;
			}
		}
		out[n++] = in[i++];
	}
	return n;
}

static int
sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

size_t
base64_decode(const char *in, size_t len, char *out)
{
	uint32_t bits = 0;
	int		 nbits = 0;
	size_t	 n = 0;

	for (size_t i = 0; i < len && in[i] != '='; i++)
	{
		int six = sextet(in[i]);

		if (six < 0)
			continue;
		bits = (bits << 6 | (uint32_t) six) & 0xFFFFFF;
		nbits += 6;
		if (nbits >= 8)
		{
			nbits -= 8;
			out[n++] = (char) (bits >> nbits & 0xFF);
		}
	}
	return n;
}

void
utf8_repair(char *text, size_t len)
{
	for (size_t i = 0; i < len;)
	{
		int length = 1;

		if (text[i] & 0x80)
		{
			uint32_t cp = utf8_decode(utf8_load_upto8(text + i, text + len), &length);

			/* half of a surrogate pair is no character either */
			if (cp == UTF8_BAD || (cp >= 0xD800 && cp <= 0xDFFF))
			{
				text[i] = '?';
				length = 1;
			}
		}
		else if (text[i] == '\0')
			text[i] = '?';
		i += length;
	}
}
