/*
 * ngrams.c
 *	  Cuts a folded text into the features that a classifier weighs.
 */
#include "text/ngrams.h"
#include "text/utf8.h"

/* what a feature is of, so that the same characters in another role are another feature */
enum
{
	ROLE_UNIT,
	ROLE_PAIR,
	ROLE_LEAD_UNIT,
	ROLE_LEAD_PAIR,
	ROLE_STRETCH,
	ROLE_NAMED
};

/* weights found by cross-validation on messages of citizens */
#define LEAD_VALUE	  2.0f
#define STRETCH_VALUE 2.0f

#define STRETCH_MIN 2
#define STRETCH_MAX 7

/* digits from which a number may be somebody's */
#define PRIVATE_DIGITS 5
/* an address or a number with separators is not longer than this, bytes */
#define LOOK_AHEAD 96

#define CODE_PRIVATE 1

typedef struct Unit
{
	uint32_t code;	/* code point, CODE_PRIVATE, or the hash of a word with its top bit set */
	uint32_t start; /* bytes of the text */
	uint32_t end;
} Unit;

static uint64_t
mix(uint64_t h)
{
	h ^= h >> 33;
	h *= UINT64_C(0xFF51AFD7ED558CCD);
	h ^= h >> 33;
	h *= UINT64_C(0xC4CEB9FE1A85EC53);
	return h ^ h >> 33;
}

static uint32_t
key_of(int role, uint32_t a, uint32_t b)
{
	uint32_t key = (uint32_t) (mix(mix((uint64_t) a << 32 | b) + role * UINT64_C(0x9E3779B97F4A7C15)) >> 32);

	return key != 0 ? key : 1;
}

uint32_t
ngram_named(int space, const char *name, size_t len)
{
	uint64_t h = space;

	for (size_t i = 0; i < len; i++)
		h = mix(h * 257 + (unsigned char) name[i]);
	return key_of(ROLE_NAMED, (uint32_t) (h >> 32), (uint32_t) h);
}

static bool
is_digit(unsigned char c)
{
	return (unsigned) (c - '0') < 10 || c == '*';
}

/* Where an e-mail address that begins here ends; 0 = none begins here. */
static size_t
email_end(const char *text, size_t i, size_t len)
{
	size_t stop = len - i > LOOK_AHEAD ? i + LOOK_AHEAD : len;

	while (i < stop && (ascii_is_word(text[i]) || (text[i] != '\0' && strchr("._%+*-", text[i]) != NULL)))
		i++;
	if (i + 1 >= stop || text[i] != '@' || !(ascii_is_word(text[i + 1]) || text[i + 1] == '*'))
		return 0;
	for (i++; i < stop && (ascii_is_word(text[i]) || text[i] == '.' || text[i] == '-' || text[i] == '*'); i++)
		;
	return i;
}

/* Where a number that begins here ends, single separators between its digits included. */
static size_t
number_end(const char *text, size_t i, size_t len, int *digits)
{
	size_t stop = len - i > LOOK_AHEAD ? i + LOOK_AHEAD : len;

	*digits = 0;
	while (i < stop)
	{
		if (is_digit(text[i]))
			++*digits;
		else if (i + 1 >= stop || text[i] == '\0' || strchr(" -.()/", text[i]) == NULL ||
				 !is_digit(text[i + 1]))
			break;
		i++;
	}
	return i;
}

/* The unit that an ASCII letter, digit or star begins. */
static void
read_word(const char *text, size_t len, Unit *u)
{
	size_t	 i = u->start;
	uint64_t h = 0;
	int		 digits = 0;
	int		 letters = 0;
	size_t	 end = email_end(text, i, len);

	if (end == 0 && is_digit(text[i]))
	{
		end = number_end(text, i, len, &digits);
		if (digits < PRIVATE_DIGITS)
			end = 0;
	}
	if (end != 0)
	{
		/* letters that stand at it belong to it ("310…7X") */
		while (end < len && ascii_is_word(text[end]))
			end++;
		u->code = CODE_PRIVATE;
		u->end = (uint32_t) end;
		return;
	}
	for (digits = 0; i < len && (ascii_is_word(text[i]) || text[i] == '*'); i++)
	{
		h = mix(h * 257 + (unsigned char) text[i]);
		if (is_digit(text[i]))
			digits++;
		else
			letters++;
	}
	u->end = (uint32_t) i;
	/* a number, or letters and digits mixed as on plates */
	if (digits >= PRIVATE_DIGITS || (digits >= 3 && letters > 0 && digits + letters >= 5))
		u->code = CODE_PRIVATE;
	else if (i - u->start == 1)
		u->code = (unsigned char) text[u->start];
	else
		u->code = (uint32_t) h | 0x80000000;
}

/* 〇零一二三四五六七八九幺: the digits of numbers that are read out */
static bool
is_numeral(uint32_t cp)
{
	static const uint16_t numerals[] = {0x3007, 0x96F6, 0x4E00, 0x4E8C, 0x4E09, 0x56DB,
										0x4E94, 0x516D, 0x4E03, 0x516B, 0x4E5D, 0x5E7A};

	for (size_t i = 0; i < sizeof(numerals) / sizeof(numerals[0]); i++)
		if (numerals[i] == cp)
			return true;
	return false;
}

/* The unit that anything else begins. */
static void
read_character(const char *text, size_t len, Unit *u)
{
	size_t	 i = u->start;
	int		 length;
	int		 numerals = 0;
	uint32_t cp = utf8_decode(utf8_load_upto8(text + i, text + len), &length);

	u->code = cp == UTF8_BAD ? CODE_PRIVATE + 1 : cp;
	u->end = (uint32_t) (i + length);
	while (is_numeral(cp))
	{
		numerals++;
		i += length;
		cp = i < len ? utf8_decode(utf8_load_upto8(text + i, text + len), &length) : UTF8_BAD;
	}
	if (numerals >= PRIVATE_DIGITS)
	{
		u->code = CODE_PRIVATE;
		u->end = (uint32_t) i;
	}
}

/* Does a unit end a stretch?  Folding made full-width forms ASCII; U+3000-303F is CJK punctuation. */
static bool
is_break(uint32_t code)
{
	if (code < 0x80)
		return code > CODE_PRIVATE && !ascii_is_word((unsigned char) code);
	return code >= 0x3000 && code <= 0x303F;
}

static uint32_t
put(Feature *out, uint32_t n, uint32_t key, float value, uint32_t start, uint32_t end)
{
	out[n] = (Feature){key, value, start, end - start};
	return n + 1;
}

uint32_t
ngrams_of(const char *text, size_t len, Feature *out)
{
	uint32_t n = 0;
	uint32_t units = 0;
	Unit	 last = {0, 0, 0};
	uint32_t stretch = 0; /* hash of the units since the last break */
	uint32_t stretch_start = 0;
	int		 stretch_units = 0;
	size_t	 i = 0;

	if (len > UINT32_MAX)
		len = UINT32_MAX;
	while (true)
	{
		Unit u = {' ', (uint32_t) i, (uint32_t) i + 1};

		if (i >= len || units >= NGRAM_MAX_UNITS)
			u.end = u.start;
		else if (ascii_is_word(text[i]) || text[i] == '*')
			read_word(text, len, &u);
		else if (text[i] != ' ')
			read_character(text, len, &u);
		if (is_break(u.code))
		{
			if (stretch_units >= STRETCH_MIN && stretch_units <= STRETCH_MAX)
				n = put(out, n, key_of(ROLE_STRETCH, stretch, 0), STRETCH_VALUE, stretch_start, u.start);
			stretch_units = 0;
		}
		if (u.end == u.start)
			return n;
		i = u.end;
		if (u.code == ' ')
			continue;
		if (!is_break(u.code))
		{
			if (stretch_units++ == 0)
			{
				stretch = 0;
				stretch_start = u.start;
			}
			stretch = key_of(ROLE_STRETCH, stretch, u.code);
		}
		n = put(out, n, key_of(ROLE_UNIT, u.code, 0), 1.0f, u.start, u.end);
		if (units > 0)
			n = put(out, n, key_of(ROLE_PAIR, last.code, u.code), 1.0f, last.start, u.end);
		if (units < NGRAM_LEAD_UNITS)
		{
			n = put(out, n, key_of(ROLE_LEAD_UNIT, u.code, 0), LEAD_VALUE, u.start, u.end);
			if (units > 0)
				n = put(out, n, key_of(ROLE_LEAD_PAIR, last.code, u.code), LEAD_VALUE, last.start, u.end);
		}
		last = u;
		units++;
	}
}
