/*
 * utf8.h
 *	  Reading UTF-8 fast and without trust: words of bytes, lengths, code points.
 *
 * Shared by the folding and the matcher so that both cut a text into the same
 * characters.  A byte that begins no complete sequence is a character of its
 * own ("bad byte"); nothing here reads at or beyond the given end.
 */
#ifndef TRIAGE_TEXT_UTF8_H
#define TRIAGE_TEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__) && defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define UTF8_BIG_ENDIAN 1
#else
#define UTF8_BIG_ENDIAN 0
#endif

/* No code point: what utf8_decode() says of a bad byte. */
#define UTF8_BAD UINT32_MAX

/* Eight bytes as a number whose lowest byte is the first one in memory. */
static inline uint64_t
utf8_load8(const char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
#if UTF8_BIG_ENDIAN
	word = __builtin_bswap64(word);
#endif
	return word;
}

static inline uint32_t
utf8_load4(const char *p)
{
	uint32_t word;

	memcpy(&word, p, sizeof(word));
#if UTF8_BIG_ENDIAN
	word = __builtin_bswap32(word);
#endif
	return word;
}

/*
 * The same where fewer than eight bytes may be left: zeros stand for the rest.
 * Pieces that overlap bring the same bytes to the same places.
 */
static inline uint64_t
utf8_load_upto8(const char *p, const char *end)
{
	const unsigned char *u = (const unsigned char *) p;
	size_t				 n = end - p;

	if (n >= 8)
		return utf8_load8(p);
	if (n >= 4)
		return utf8_load4(p) | (uint64_t) utf8_load4(p + n - 4) << (8 * (n - 4));
	if (n == 0)
		return 0;
	return u[0] | (uint32_t) u[n / 2] << (8 * (n / 2)) | (uint32_t) u[n - 1] << (8 * (n - 1));
}

static inline void
utf8_store8(char *p, uint64_t word)
{
#if UTF8_BIG_ENDIAN
	word = __builtin_bswap64(word);
#endif
	memcpy(p, &word, sizeof(word));
}

/*
 * Bytes of the character that a word loaded by utf8_load8() begins with.
 *
 * The zeros beyond the end of a text are no continuation bytes, so a sequence
 * cut off by the end is a bad byte.  Overlong forms are not told apart here:
 * where to cut does not depend on them.
 */
static inline int
utf8_length(uint64_t word)
{
	if ((word & 0x80) == 0)
		return 1;
	if ((word & 0xC0C0F0) == 0x8080E0)
		return 3;
	if ((word & 0xC0E0) == 0x80C0)
		return 2;
	if ((word & 0xC0C0C0F8) == 0x808080F0)
		return 4;
	return 1;
}

/*
 * The code point a word begins with, and its length; UTF8_BAD and 1 for a bad
 * byte, overlong forms and values beyond Unicode included.
 */
static inline uint32_t
utf8_decode(uint64_t word, int *length)
{
	uint32_t b0 = word & 0xFF;
	uint32_t b1 = word >> 8 & 0x3F;
	uint32_t b2 = word >> 16 & 0x3F;
	uint32_t b3 = word >> 24 & 0x3F;
	uint32_t cp = UTF8_BAD;

	*length = utf8_length(word);
	switch (*length)
	{
		case 1:
			return b0 < 0x80 ? b0 : UTF8_BAD;
		case 2:
			cp = (b0 & 0x1F) << 6 | b1;
			if (cp >= 0x80)
				return cp;
			break;
		case 3:
			cp = (b0 & 0x0F) << 12 | b1 << 6 | b2;
			if (cp >= 0x800)
				return cp;
			break;
		case 4:
			cp = (b0 & 0x07) << 18 | b1 << 12 | b2 << 6 | b3;
			if (cp >= 0x10000 && cp <= 0x10FFFF)
				return cp;
			break;
	}
	*length = 1;
	return UTF8_BAD;
}

/* Is every byte part of a well-formed character? */
static inline bool
utf8_is_valid(const char *p, size_t len)
{
	const char *end = p + len;
	int			length;

	for (; p < end; p += length)
		if (utf8_decode(utf8_load_upto8(p, end), &length) == UTF8_BAD)
			return false;
	return true;
}

/* Write a code point of at most three bytes; returns the bytes written. */
static inline int
utf8_encode(uint32_t cp, char *out)
{
	if (cp < 0x80)
	{
		out[0] = (char) cp;
		return 1;
	}
	if (cp < 0x800)
	{
		out[0] = (char) (0xC0 | cp >> 6);
		out[1] = (char) (0x80 | (cp & 0x3F));
		return 2;
	}
	out[0] = (char) (0xE0 | cp >> 12);
	out[1] = (char) (0x80 | (cp >> 6 & 0x3F));
	out[2] = (char) (0x80 | (cp & 0x3F));
	return 3;
}

/* Is the byte an ASCII letter or digit?  Not isalnum(): that asks the locale. */
static inline bool
ascii_is_word(unsigned char byte)
{
	return (unsigned) (byte - '0') < 10 || (unsigned) ((byte | 0x20) - 'a') < 26;
}

#endif
