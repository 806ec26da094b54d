/*
 * html.c
 *	  The words of an HTML page; the rules are in html.h.
 *
 * This is no HTML parser: it knows where tags end and which of them part
 * words.  Three searches may run to the end of the input and find nothing:
 * that of a ">", of a comment's end and of an element's end tag.  Each that
 * failed is never made again, and quotes in tags are heeded only while the
 * work spent on them stays in proportion to the input.
 */
#include "text/html.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "text/utf8.h"

/* Longest entity name known, and longest number with all its leading zeros. */
#define MOST_NAME	8
#define MOST_DIGITS 12

#define REPLACEMENT 0xFFFD

typedef struct Page
{
	const char *in;
	const char *end;
	char	   *start; /* of the output */
	char	   *out;
	size_t		quote_work; /* bytes that may still be spent on quotes */
	bool		no_tag_end;
	bool		no_comment_end;
	bool		no_script_end;
	bool		no_style_end;
} Page;

/* ---- entities ---- */

typedef struct Entity
{
	char	 name[MOST_NAME + 1];
	uint16_t cp;
} Entity;

/* HTML 4, those that people and mail programs write; the letters of Latin-1 are below. */
static const Entity entities[] = {
	{"amp", '&'},		{"lt", '<'},		{"gt", '>'},	   {"quot", '"'},	   {"apos", '\''},
	{"nbsp", 0xA0},		{"ensp", 0x2002},	{"emsp", 0x2003},  {"thinsp", 0x2009}, {"zwnj", 0x200C},
	{"zwj", 0x200D},	{"ndash", 0x2013},	{"mdash", 0x2014}, {"lsquo", 0x2018},  {"rsquo", 0x2019},
	{"sbquo", 0x201A},	{"ldquo", 0x201C},	{"rdquo", 0x201D}, {"bdquo", 0x201E},  {"bull", 0x2022},
	{"hellip", 0x2026}, {"permil", 0x2030}, {"prime", 0x2032}, {"lsaquo", 0x2039}, {"rsaquo", 0x203A},
	{"euro", 0x20AC},	{"trade", 0x2122},	{"larr", 0x2190},  {"uarr", 0x2191},   {"rarr", 0x2192},
	{"darr", 0x2193},	{"minus", 0x2212},	{"le", 0x2264},	   {"ge", 0x2265},	   {"ne", 0x2260},
	{"asymp", 0x2248},	{"infin", 0x221E},	{"alpha", 0x3B1},  {"beta", 0x3B2},	   {"gamma", 0x3B3},
	{"delta", 0x3B4},	{"mu", 0x3BC},		{"pi", 0x3C0},	   {"omega", 0x3C9},   {"Omega", 0x3A9},
	{"OElig", 0x152},	{"oelig", 0x153},	{"Scaron", 0x160}, {"scaron", 0x161},  {"Yuml", 0x178},
};

/* U+00A1..U+00FF in order */
static const char latin1[95][MOST_NAME + 1] = {
	"iexcl",  "cent",	"pound",  "curren", "yen",	  "brvbar", "sect",	  "uml",	"copy",	  "ordf",
	"laquo",  "not",	"shy",	  "reg",	"macr",	  "deg",	"plusmn", "sup2",	"sup3",	  "acute",
	"micro",  "para",	"middot", "cedil",	"sup1",	  "ordm",	"raquo",  "frac14", "frac12", "frac34",
	"iquest", "Agrave", "Aacute", "Acirc",	"Atilde", "Auml",	"Aring",  "AElig",	"Ccedil", "Egrave",
	"Eacute", "Ecirc",	"Euml",	  "Igrave", "Iacute", "Icirc",	"Iuml",	  "ETH",	"Ntilde", "Ograve",
	"Oacute", "Ocirc",	"Otilde", "Ouml",	"times",  "Oslash", "Ugrave", "Uacute", "Ucirc",  "Uuml",
	"Yacute", "THORN",	"szlig",  "agrave", "aacute", "acirc",	"atilde", "auml",	"aring",  "aelig",
	"ccedil", "egrave", "eacute", "ecirc",	"euml",	  "igrave", "iacute", "icirc",	"iuml",	  "eth",
	"ntilde", "ograve", "oacute", "ocirc",	"otilde", "ouml",	"divide", "oslash", "ugrave", "uacute",
	"ucirc",  "uuml",	"yacute", "thorn",	"yuml",
};

/* What numbers 128 to 159 mean to browsers: Windows-1252. */
static const uint16_t windows[32] = {0x20AC, 0x81,	 0x201A, 0x192,	 0x201E, 0x2026, 0x2020, 0x2021,
									 0x2C6,	 0x2030, 0x160,	 0x2039, 0x152,	 0x8D,	 0x17D,	 0x8F,
									 0x90,	 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
									 0x2DC,	 0x2122, 0x161,	 0x203A, 0x153,	 0x9D,	 0x17E,	 0x178};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static bool
is_letter(char c)
{
	return lower(c) >= 'a' && lower(c) <= 'z';
}

/* No character needs more bytes than the shortest entity for it. */
static void
put_character(Page *p, uint32_t cp)
{
	if (cp < 0x80)
		*p->out++ = (char) cp;
	else if (cp < 0x10000)
		p->out += utf8_encode(cp, p->out);
	else
	{
		*p->out++ = (char) (0xF0 | cp >> 18);
		*p->out++ = (char) (0x80 | (cp >> 12 & 0x3F));
		*p->out++ = (char) (0x80 | (cp >> 6 & 0x3F));
		*p->out++ = (char) (0x80 | (cp & 0x3F));
	}
}

/* "&#20013;", "&#x4E2D;", also without the semicolon; p->in is behind "&#". */
static bool
take_number(Page *p)
{
	const char *at = p->in;
	bool		hex = at < p->end && lower(*at) == 'x';
	uint32_t	cp = 0;
	int			digits = 0;

	for (at += hex; at < p->end && digits <= MOST_DIGITS; at++, digits++)
	{
		char	 c = lower(*at);
		uint32_t digit;

		if (is_digit(c))
			digit = c - '0';
		else if (hex && c >= 'a' && c <= 'f')
			digit = c - 'a' + 10;
		else
			break;
		cp = cp > 0x110000 ? cp : cp * (hex ? 16 : 10) + digit;
	}
	if (digits == 0 || digits > MOST_DIGITS)
		return false;
	if (cp >= 0x80 && cp < 0xA0)
		cp = windows[cp - 0x80];
	/* two bytes and a digit are enough for the replacement's three */
	put_character(p, cp == 0 || cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF) ? REPLACEMENT : cp);
	p->in = at + (at < p->end && *at == ';');
	return true;
}

static uint32_t
entity_named(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
		if (strlen(entities[i].name) == len && memcmp(entities[i].name, name, len) == 0)
			return entities[i].cp;
	for (size_t i = 0; i < sizeof(latin1) / sizeof(latin1[0]); i++)
		if (strlen(latin1[i]) == len && memcmp(latin1[i], name, len) == 0)
			return 0xA1 + (uint32_t) i;
	return 0;
}

/* p->in is at "&"; what is no entity stays. */
static void
take_entity(Page *p)
{
	const char *amp = p->in++;
	const char *at = p->in;
	uint32_t	cp = 0;

	if (at < p->end && *at == '#')
	{
		p->in++;
		if (take_number(p))
			return;
	}
	else
	{
		while (at < p->end && at - p->in <= MOST_NAME && (is_letter(*at) || is_digit(*at)))
			at++;
		if (at < p->end && *at == ';')
			cp = entity_named(p->in, at - p->in);
		if (cp != 0)
		{
			p->in = at + 1;
			put_character(p, cp);
			return;
		}
	}
	p->in = amp + 1;
	*p->out++ = '&';
}

/* ---- tags ---- */

static const char *
find_byte(const char *from, const char *end, char c)
{
	return from < end ? memchr(from, c, end - from) : NULL;
}

/* Does this stand here, letters in either case? */
static bool
begins_with(const char *at, const char *end, const char *word)
{
	for (; *word != '\0'; at++, word++)
		if (at >= end || lower(*at) != *word)
			return false;
	return true;
}

/*
 * The ">" that ends a tag: the first one outside quoted values, and where
 * quotes do not come out even the first of all.  NULL when there is none at
 * all.  A quote elsewhere ("don't") begins nothing.
 */
static const char *
tag_end(Page *p)
{
	const char *at = p->in;

	while (p->quote_work > 0 && at < p->end && *at != '>')
	{
		const char *closing = NULL;

		p->quote_work--;
		if ((*at == '"' || *at == '\'') && at[-1] == '=')
		{
			closing = find_byte(at + 1, p->end, *at);
			if (closing == NULL)
				p->quote_work = 0; /* they never will */
			else
				p->quote_work -=
					(size_t) (closing - at) < p->quote_work ? (size_t) (closing - at) : p->quote_work;
		}
		at = closing != NULL ? closing + 1 : at + 1;
	}
	if (p->quote_work > 0 && at < p->end)
		return at;
	at = find_byte(p->in, p->end, '>');
	p->no_tag_end = at == NULL;
	return at;
}

static bool
is_one_of(const char *name, size_t len, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strlen(*list) == len && begins_with(name, name + len, *list))
			return true;
	return false;
}

/* A word ends here, once. */
static void
part(Page *p, char with)
{
	while (with == '\n' && p->out > p->start && p->out[-1] == ' ')
		p->out--;
	if (p->out > p->start && p->out[-1] != '\n' && (with == '\n' || p->out[-1] != with))
		*p->out++ = with;
}

/* Go behind the end tag of an element whose content is no text; without one the content stays. */
static void
skip_element(Page *p, const char *closing, bool *never)
{
	const char *at = p->in;

	while (!*never && (at = find_byte(at, p->end, '<')) != NULL)
	{
		if (begins_with(at, p->end, closing))
		{
			const char *end = find_byte(at, p->end, '>');

			p->in = end != NULL ? end + 1 : p->end;
			return;
		}
		at++;
	}
	*never = true;
}

/* p->in is at "<" and a letter or "/" and a letter. */
static bool
take_tag(Page *p)
{
	static const char *const blocks[] = {"p",		   "div",  "br",	   "li",	  "ul",		"ol",
										 "table",	   "tr",   "h1",	   "h2",	  "h3",		"h4",
										 "h5",		   "h6",   "dl",	   "dt",	  "dd",		"hr",
										 "blockquote", "pre",  "section",  "article", "header", "footer",
										 "title",	   "form", "textarea", NULL};
	static const char *const cells[] = {"td", "th", "option", NULL};
	const char				*tag = p->in;
	const char				*end;
	bool					 closes = tag[1] == '/';
	const char				*name = tag + 1 + closes;
	size_t					 len = 0;

	p->in = name;
	end = p->no_tag_end ? NULL : tag_end(p);
	if (end == NULL)
	{
		p->in = tag;
		return false;
	}
	while (name + len < end && (is_letter(name[len]) || is_digit(name[len])))
		len++;
	p->in = end + 1;
	if (is_one_of(name, len, blocks))
		part(p, '\n');
	else if (is_one_of(name, len, cells))
		part(p, ' ');
	else if (!closes && len == 6 && begins_with(name, end, "script"))
		skip_element(p, "</script", &p->no_script_end);
	else if (!closes && len == 5 && begins_with(name, end, "style"))
		skip_element(p, "</style", &p->no_style_end);
	return true;
}

/* "<!-- ... -->", "<!DOCTYPE ...>", "<?xml ...>"; p->in is at "<". */
static bool
take_declaration(Page *p)
{
	const char *at = p->in;

	if (begins_with(at, p->end, "<!--"))
	{
		at += 4;
		while (!p->no_comment_end && (at = find_byte(at, p->end, '>')) != NULL)
		{
			if (at[-1] == '-' && at[-2] == '-' && at - p->in >= 6)
			{
				p->in = at + 1;
				return true;
			}
			at++;
		}
		p->no_comment_end = true;
		return false;
	}
	at = p->no_tag_end ? NULL : find_byte(at, p->end, '>');
	if (at == NULL)
	{
		p->no_tag_end = true;
		return false;
	}
	p->in = at + 1;
	return true;
}

static bool
take_markup(Page *p)
{
	const char *next = p->in + 1;

	if (next >= p->end)
		return false;
	if (is_letter(*next) || (*next == '/' && next + 1 < p->end && is_letter(next[1])))
		return take_tag(p);
	return (*next == '!' || *next == '?') && take_declaration(p);
}

size_t
html_text(const char *in, size_t len, char *out)
{
	Page p = {.in = in, .end = in + len, .start = out, .out = out, .quote_work = 8 * len + 64};

	while (p.in < p.end)
	{
		if (*p.in == '&')
			take_entity(&p);
		else if (*p.in == '<' && take_markup(&p))
			continue;
		else
		{
			char c = *p.in++;

			*p.out++ = c == '\n' || c == '\r' ? ' ' : c;
		}
	}
	return p.out - p.start;
}
