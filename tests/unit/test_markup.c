/*
 * test_markup.c
 *	  The words of HTML and of mail bodies: examples, and laws over random input.
 *
 * Inputs and outputs lie in blocks of exactly their size, so that the address
 * sanitizer sees any byte read or written outside them.  fuzz_markup.c
 * includes this file for its laws.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/html.h"
#include "text/quoted.h"
#include "text/utf8.h"

#define lengthof(array) ((int) (sizeof(array) / sizeof((array)[0])))
#define LAW(condition)                                                              \
	do                                                                              \
	{                                                                               \
		if (!(condition))                                                           \
		{                                                                           \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                \
		}                                                                           \
	} while (0)

typedef size_t (*Reading)(const char *in, size_t len, char *out);

static char *
exact_copy(const char *bytes, size_t len)
{
	char *copy = malloc(len > 0 ? len : 1);

	if (len > 0)
		memcpy(copy, bytes, len);
	return copy;
}

/* Run one of the functions; its output is never longer, and the same again. */
static char *
read_lawfully(Reading reading, const char *bytes, size_t len, size_t *out_len)
{
	char  *in = exact_copy(bytes, len);
	char  *out = malloc(len > 0 ? len : 1);
	char  *again = malloc(len > 0 ? len : 1);
	size_t n = reading(in, len, out);

	LAW(n <= len);
	LAW(reading(in, len, again) == n && memcmp(out, again, n) == 0);
	free(again);
	free(in);
	*out_len = n;
	return out;
}

static bool
holds(const char *bytes, size_t len, const char *set)
{
	for (size_t i = 0; i < len; i++)
		if (strchr(set, bytes[i]) != NULL && bytes[i] != '\0')
			return true;
	return false;
}

/* What holds for all bytes. */
static void
check_laws(const char *bytes, size_t len)
{
	size_t n, m;
	char  *out = read_lawfully(html_text, bytes, len, &n);
	char  *place;

	if (utf8_is_valid(bytes, len))
		LAW(utf8_is_valid(out, n));
	if (!holds(bytes, len, "<&\r\n"))
		LAW(n == len && memcmp(out, bytes, n) == 0);
	free(out);

	out = read_lawfully(quoted_printable_decode, bytes, len, &n);
	if (!holds(bytes, len, "="))
		LAW(n == len && memcmp(out, bytes, n) == 0);
	/* in place it is the same */
	place = exact_copy(bytes, len);
	LAW(quoted_printable_decode(place, len, place) == n && memcmp(place, out, n) == 0);
	free(place);
	place = exact_copy(out, n);
	utf8_repair(place, n);
	LAW(utf8_is_valid(place, n) && memchr(place, '\0', n) == NULL);
	if (utf8_is_valid(out, n) && memchr(out, '\0', n) == NULL && memchr(out, 0xED, n) == NULL)
		LAW(memcmp(place, out, n) == 0);
	free(place);
	free(out);

	out = read_lawfully(base64_decode, bytes, len, &n);
	place = exact_copy(bytes, len);
	m = base64_decode(place, len, place);
	LAW(m == n && memcmp(place, out, n) == 0);
	free(place);
	free(out);
}

#ifndef TEXT_FUZZ

#include "tap.h"

typedef struct Example
{
	const char *in;
	const char *out;
	const char *what;
} Example;

static void
check_examples(Reading reading, const Example *examples, int n)
{
	for (int i = 0; i < n; i++)
	{
		size_t len;
		char  *out = read_lawfully(reading, examples[i].in, strlen(examples[i].in), &len);
		bool   good = len == strlen(examples[i].out) && memcmp(out, examples[i].out, len) == 0;

		ok(good, "%s", examples[i].what);
		if (!good)
			printf("# got \"%.*s\"\n", (int) len, out);
		free(out);
	}
}

static const Example html_examples[] = {
	{"", "", "html: nothing"},
	{"路灯不亮", "路灯不亮", "html: plain text"},
	{"<p>路灯不亮</p>\n<p>请<b>尽快</b>修</p>", "路灯不亮\n请尽快修\n",
	 "html: a paragraph ends a line, bold does not"},
	{"a<br>b<BR/>c", "a\nb\nc", "html: line breaks"},
	{"<div><div><p>x</p></div></div><p>y", "x\ny", "html: blocks in blocks part once"},
	{"<table><tr><td>甲</td><td>乙</td></tr></table>", "甲 乙\n", "html: cells are parted by a space"},
	{"K&uuml;che &amp; Bad&nbsp;1 &lt;2&gt; &quot;x&quot; &hellip;",
	 "Küche & Bad\xC2\xA0"
	 "1 <2> \"x\" …",
	 "html: named entities"},
	{"&Agrave;&yuml;&times;&euro;&ldquo;&le;", "Àÿ×€“≤", "html: first and last of the tables"},
	{"&#20013;&#x56FD;&#X1F600;&#65", "中国😀A", "html: numbers, also without semicolon"},
	{"&#0;&#xD800;&#x110000;&#99999999999;", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD",
	 "html: numbers that are no characters"},
	{"&#150;&#x80;", "–€", "html: numbers of Windows-1252"},
	{"R&D & co &unknown; &#; &#x; &amp", "R&D & co &unknown; &#; &#x; &amp", "html: what is no entity stays"},
	{"&amp;lt;b&amp;gt;", "&lt;b&gt;", "html: escaped once is read once"},
	{"a < b und c > d, 3<4", "a < b und c > d, 3<4", "html: comparisons stay"},
	{"<", "<", "html: a lone bracket"},
	{"x <b", "x <b", "html: a tag that never ends stays"},
	{"a<!-- x > y -->b<!---->c", "abc", "html: comments go"},
	{"a<!-- b <i>c</i>", "a<!-- b c", "html: a comment that never ends stays"},
	{"<!DOCTYPE html><?xml version=\"1.0\"?>x", "x", "html: declarations go"},
	{"<a title=\"x > y\" href='z>'>链接</a>", "链接", "html: brackets in quoted values"},
	{"<a title=don't>one</a> it's", "one it's", "html: an apostrophe begins no quoted value"},
	{"<a title=\"open>one</a>", "one", "html: a quote that never closes"},
	{"<style>p { color: red }</style>a<SCRIPT type=x>if (a<b) alert('着火');</script >b", "ab",
	 "html: styles and scripts go"},
	{"<script>着火了", "着火了", "html: a script that never ends is text"},
	{"line\r\nline", "line  line", "html: line feeds of the source are spaces"},
	{"<pfoo>x</pfoo><scriptx>y", "xy", "html: only whole names count"},
};

static const Example quoted_examples[] = {
	{"", "", "quoted: nothing"},
	{"f=C3=BCr", "für", "quoted: bytes"},
	{"=E8=B7=AF=E7=81=AF=e4=b8=8d=e4=ba=ae", "路灯不亮", "quoted: digits in either case"},
	{"long =\nline=\r\n and=  \n more", "long line and more",
	 "quoted: soft line breaks, with blanks a relay added"},
	{"end=", "end", "quoted: a break at the end"},
	{"end= ", "end", "quoted: and with a blank"},
	{"a = b, 1+1=2, =XY, =4", "a = b, 1+1=2, =XY, =4", "quoted: what is not encoded stays"},
	{"=3D=3d41", "==41", "quoted: read once"},
};

static const Example base64_examples[] = {
	{"", "", "base64: nothing"},
	{"6Lev54Gv5LiN5Lqu", "路灯不亮", "base64: text"},
	{"6Lev\r\n54Gv\n5LiN 5Lqu", "路灯不亮", "base64: lines"},
	{"YQ==", "a", "base64: one byte"},
	{"YWI=ignored", "ab", "base64: padding ends it"},
	{"YW", "a", "base64: padding that is missing"},
	{"_-8", "\xFF\xEF", "base64: the other alphabet"},
};

static uint64_t chance_state = 88172645463325252;

static uint32_t
chance(uint32_t below)
{
	chance_state ^= chance_state << 13;
	chance_state ^= chance_state >> 7;
	chance_state ^= chance_state << 17;
	return (uint32_t) ((chance_state >> 32) % below);
}

static const char *const pieces[] = {
	"<",
	">",
	"</",
	"<p>",
	"<a ",
	"=\"",
	"\"",
	"='",
	"'",
	"=",
	"=\n",
	"=\r\n",
	"=C3",
	"=BC",
	"&",
	"&#",
	"&#x",
	"&lt;",
	"&auml;",
	";",
	"<!--",
	"-->",
	"<script",
	"</script>",
	"<style>",
	"</style>",
	"x",
	"中",
	" ",
	"\t",
	"\n",
	"\r",
	"9",
	"F",
	"\xFF",
	"\xE4\xB8",
	"\xED\xA0\x80",
	"<td>",
	"<?",
	"<!",
};

static void
test_random(void)
{
	char bytes[512];

	for (int i = 0; i < 200000; i++)
	{
		size_t len = 0;

		for (int n = chance(30); n > 0; n--)
		{
			const char *piece = pieces[chance(lengthof(pieces))];

			memcpy(bytes + len, piece, strlen(piece));
			len += strlen(piece);
		}
		check_laws(bytes, len);
	}
	ok(true, "the laws hold for random pieces");
	for (int i = 0; i < 50000; i++)
	{
		size_t len = chance(60);

		for (size_t k = 0; k < len; k++)
			bytes[k] = (char) chance(256);
		check_laws(bytes, len);
	}
	ok(true, "and for random bytes");
}

/* Inputs on which searching again and again would never come to an end: a megabyte each. */
static void
test_hostile(void)
{
	static const char *const units[] = {"<a ",		"<a =\"",	 "<a ='\">", "<!--", "<!-- >",	  "<script>",
										"<style><", "&",		 "&#",		 "&#x1", "&aaaaaaaa", "=",
										"= ",		"=\t\t\t\t", "<a =\">'", "</"};
	size_t					 size = 1000000;
	char					*big = malloc(size);

	for (int u = 0; u < lengthof(units); u++)
	{
		size_t n;

		for (size_t i = 0; i < size; i++)
			big[i] = units[u][i % strlen(units[u])];
		free(read_lawfully(html_text, big, size, &n));
		free(read_lawfully(quoted_printable_decode, big, size, &n));
	}
	free(big);
	ok(true, "a megabyte of anything is read to its end");
}

int
main(void)
{
	check_examples(html_text, html_examples, lengthof(html_examples));
	check_examples(quoted_printable_decode, quoted_examples, lengthof(quoted_examples));
	check_examples(base64_decode, base64_examples, lengthof(base64_examples));
	test_random();
	test_hostile();
	return tap_end();
}

#endif /* !TEXT_FUZZ */
