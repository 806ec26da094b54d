/*
 * normalize.c
 *	  Folding of report text; the rules are in normalize.h.
 *
 * Reports are mostly simplified Han characters, which folding copies.  fold()
 * therefore runs over pairs of them eight bytes at a time and looks at other characters
 * one by one, the frequent kinds (ASCII, full-width forms) first.
 *
 * Each character is folded without looking at its neighbours, except that
 * white space collapses.  This is only right because no character accepted
 * here ever combines with another one under NFKC: all that do are left to the
 * server.
 */
#include "text/normalize.h"

#include "text/simplified.h"
#include "text/utf8.h"

/* What fold_rare() answers besides a code point. */
#define FOLD_NOTHING 0x110000 /* the character disappears */
#define FOLD_ASK	 0x110001 /* only the server knows: copy it and say so */

/* ASCII: letters in lower case, white space and control characters a space. */
static const char ascii_fold[] = "                "
								 "                "
								 " !\"#$%&'()*+,-./"
								 "0123456789:;<=>?"
								 "@abcdefghijklmno"
								 "pqrstuvwxyz[\\]^_"
								 "`abcdefghijklmno"
								 "pqrstuvwxyz{|}~ ";

/* Is cp one of the bits set in map, which begins at first? */
static inline bool
in_map(uint32_t cp, uint32_t first, uint64_t map)
{
	return cp - first < 64 && (map >> (cp - first) & 1);
}

#define BIT(cp, first) ((uint64_t) 1 << ((cp) - (first)))

/* U+0080..U+00FF */
static uint32_t
fold_latin1(uint32_t cp)
{
	/* spacing accents, superscripts, ordinals, micro sign and fractions */
	const uint64_t ask = BIT(0xA8, 0xA0) | BIT(0xAA, 0xA0) | BIT(0xAF, 0xA0) | BIT(0xB2, 0xA0) |
						 BIT(0xB3, 0xA0) | BIT(0xB4, 0xA0) | BIT(0xB5, 0xA0) | BIT(0xB8, 0xA0) |
						 BIT(0xB9, 0xA0) | BIT(0xBA, 0xA0) | BIT(0xBC, 0xA0) | BIT(0xBD, 0xA0) |
						 BIT(0xBE, 0xA0);

	if (cp <= 0xA0) /* C1 controls, no-break space */
		return ' ';
	if (cp == 0xAD) /* soft hyphen */
		return FOLD_NOTHING;
	if (in_map(cp, 0xA0, ask))
		return FOLD_ASK;
	if (cp >= 0xC0 && cp <= 0xDE && cp != 0xD7)
		return cp + 0x20;
	return cp;
}

/* U+0100..U+017F: capital and small letter alternate, in two phases. */
static uint32_t
fold_latin_a(uint32_t cp)
{
	switch (cp)
	{
		case 0x130: /* capital I with dot */
			return 'i';
		case 0x131:
		case 0x138:
			return cp;
		case 0x178: /* capital Y with diaeresis */
			return 0xFF;
		case 0x132: /* ligatures and letters with a loose part */
		case 0x133:
		case 0x13F:
		case 0x140:
		case 0x149:
		case 0x17F:
			return FOLD_ASK;
	}
	if ((cp >= 0x139 && cp <= 0x148) || cp >= 0x179)
		return cp + (cp & 1); /* capitals are odd */
	return cp | 1;
}

/* U+0386..U+03CE: modern Greek; the archaic letters around it ask. */
static uint32_t
fold_greek(uint32_t cp)
{
	switch (cp)
	{
		case 0x386:
			return 0x3AC;
		case 0x387: /* ano teleia */
		case 0x38B: /* unassigned */
		case 0x38D:
		case 0x3A2:
			return FOLD_ASK;
		case 0x388:
		case 0x389:
		case 0x38A:
			return cp + 37;
		case 0x38C:
			return 0x3CC;
		case 0x38E:
		case 0x38F:
			return cp + 63;
	}
	if (cp >= 0x391 && cp <= 0x3AB)
		return cp + 0x20;
	return cp;
}

/* U+0400..U+052F */
static uint32_t
fold_cyrillic(uint32_t cp)
{
	if (cp <= 0x40F)
		return cp + 0x50;
	if (cp <= 0x42F)
		return cp + 0x20;
	if (cp <= 0x45F)
		return cp;
	if (cp >= 0x483 && cp <= 0x489) /* combining marks */
		return FOLD_ASK;
	if (cp == 0x482) /* thousands sign */
		return cp;
	if (cp == 0x4C0) /* palochka */
		return 0x4CF;
	if (cp >= 0x4C1 && cp <= 0x4CE)
		return cp + (cp & 1); /* here capitals are odd */
	return cp | 1;
}

/* U+2000..U+206F; fold() itself handles the ellipsis. */
static uint32_t
fold_punctuation(uint32_t cp)
{
	/* forms of more than one character: double low line, leaders, primes */
	const uint64_t ask = BIT(0x2011, 0x2010) | BIT(0x2017, 0x2010) | BIT(0x2024, 0x2010) |
						 BIT(0x2025, 0x2010) | BIT(0x2033, 0x2010) | BIT(0x2034, 0x2010) |
						 BIT(0x2036, 0x2010) | BIT(0x2037, 0x2010) | BIT(0x203C, 0x2010) |
						 BIT(0x203E, 0x2010) | BIT(0x2047, 0x2010) | BIT(0x2048, 0x2010) |
						 BIT(0x2049, 0x2010);

	if (cp <= 0x200A || cp == 0x2028 || cp == 0x2029 || cp == 0x202F || cp == 0x205F)
		return ' ';
	if (cp <= 0x200F || (cp >= 0x202A && cp <= 0x202E) || cp >= 0x2060)
		return FOLD_NOTHING; /* zero width, direction, invisible operators */
	if (in_map(cp, 0x2010, ask) || cp == 0x2057)
		return FOLD_ASK;
	return cp;
}

/* U+3000..U+30FF: CJK punctuation, hiragana, katakana. */
static uint32_t
fold_kana(uint32_t cp)
{
	if (cp == 0x3000)
		return ' ';
	if ((cp >= 0x302A && cp <= 0x302F) ||				  /* tone marks */
		cp == 0x3036 || (cp >= 0x3038 && cp <= 0x303A) || /* circled post,
															 * Hangzhou tens */
		cp == 0x3040 || (cp >= 0x3097 && cp <= 0x309C) || /* voiced marks */
		cp == 0x309F || cp == 0x30FF)					  /* digraphs yori, koto */
		return FOLD_ASK;
	return cp;
}

/* U+4000..U+9FFF: the simplified form of a traditional character, else itself. */
static uint32_t
fold_han(uint32_t cp)
{
	uint64_t traditional = fold_other[cp >> 6];
	uint64_t bit = (uint64_t) 1 << (cp & 63);

	if (!(traditional & bit))
		return cp;
	return simplified_form[simplified_rank[(cp >> 6) - 256] + __builtin_popcountll(traditional & (bit - 1))];
}

/*
 * What becomes of a character outside ASCII: its folded code point, a space,
 * FOLD_NOTHING or FOLD_ASK.  The folded form never needs more bytes.
 */
static uint32_t
fold_rare(uint32_t cp)
{
	if (cp <= 0xFF)
		return fold_latin1(cp);
	if (cp <= 0x17F)
		return fold_latin_a(cp);
	if (cp >= 0x386 && cp <= 0x3CE)
		return fold_greek(cp);
	if (cp >= 0x400 && cp <= 0x52F)
		return fold_cyrillic(cp);
	if (cp == 0x1680) /* ogham space */
		return ' ';
	if (cp >= 0x180B && cp <= 0x180E) /* Mongolian selectors, vowel separator */
		return FOLD_NOTHING;
	if (cp >= 0x2000 && cp <= 0x206F)
		return fold_punctuation(cp);
	if (cp >= 0x2500 && cp <= 0x27BF) /* box drawing, shapes, dingbats */
		return cp;
	if (cp >= 0x3000 && cp <= 0x30FF)
		return fold_kana(cp);
	if (cp >= 0x4000 && cp <= 0x9FFF)
		return fold_han(cp);
	if (cp >= 0x3400 && cp < 0x4000) /* Han, extension A */
		return cp;
	if ((cp >= 0xFE00 && cp <= 0xFE0F) || cp == 0xFEFF ||
		(cp >= 0xE0100 && cp <= 0xE01EF)) /* variation selectors, BOM */
		return FOLD_NOTHING;
	if (cp >= 0xFF01 && cp <= 0xFF5E) /* full-width ASCII */
		return (unsigned char) ascii_fold[cp - 0xFEE0];
	if ((cp >= 0x1F300 && cp <= 0x1F64F) || (cp >= 0x1F680 && cp <= 0x1F6FF) ||
		(cp >= 0x1F900 && cp <= 0x1F9FF) ||									  /* emoji */
		(cp >= 0x20000 && cp <= 0x2EBE0) || (cp >= 0x30000 && cp <= 0x3134A)) /* rare Han */
		return cp;
	return FOLD_ASK;
}

/*
 * Bytes of the characters of three bytes that fold to themselves, two at most,
 * which the word begins with: 6, 3 or 0.  A character's place in the map is
 * its upper ten bits, from lead and first continuation byte, and its lower
 * six; overlong forms and surrogates, which are none, are marked there too.
 */
static inline int
plain_bytes(uint64_t word)
{
	uint32_t first = (uint32_t) word & 0x3F0F;
	uint32_t second = (uint32_t) (word >> 24) & 0x3F0F;
	bool	 other;

	if ((word & 0xC0C0F0) != 0x8080E0)
		return 0;
	first = (first << 6 | first >> 8) & 0x3FF;
	if (fold_other[first] >> (word >> 16 & 63) & 1)
		return 0;
	second = (second << 6 | second >> 8) & 0x3FF;
	other = (word & UINT64_C(0xC0C0F0000000)) != UINT64_C(0x8080E0000000) ||
			(fold_other[second] >> (word >> 40 & 63) & 1);
	return other ? 3 : 6;
}

/* Does the word begin with a full-width form from ! to _, U+FF01..U+FF3F? */
static inline bool
is_wide_ascii(uint64_t word)
{
	return (word & 0xC0FFFF) == 0x80BCEF && (word & 0x3F0000) != 0;
}

/*
 * Fold one character that is neither ASCII nor one of a pair that is copied, advance
 * *in and return the new end of the output, which is at out.
 *
 * A bad byte is copied.  So is an invisible character right behind one: its
 * removal could join the bad byte with what follows to a new character, and
 * folding the result once more would change it.
 */
static char *
fold_one(const char **in, const char *end, char *out, const char *start, bool *ask)
{
	int		 length;
	uint32_t cp = utf8_decode(utf8_load_upto8(*in, end), &length);
	uint32_t folded;

	if (cp == UTF8_BAD)
	{
		*out++ = *(*in)++;
		if (*in >= end || !(**in & 0x80))
			return out;
		cp = utf8_decode(utf8_load_upto8(*in, end), &length);
		if (cp == UTF8_BAD || fold_rare(cp) != FOLD_NOTHING)
			return out;
		folded = cp;
	}
	else if (cp == 0x2026) /* the ellipsis: as long as its three dots */
	{
		memcpy(out, "...", 3);
		*in += 3;
		return out + 3;
	}
	else
		folded = fold_rare(cp);

	if (folded == ' ')
	{
		if (out > start && out[-1] != ' ')
			*out++ = ' ';
	}
	else if (folded == cp || folded == FOLD_ASK)
	{
		*ask |= folded == FOLD_ASK;
		memcpy(out, *in, length);
		out += length;
	}
	else if (folded != FOLD_NOTHING)
		out += utf8_encode(folded, out);
	*in += length;
	return out;
}

/*
 * The one pass behind both public functions.
 *
 * Output never overtakes input, so the eight-byte store needs no room of its
 * own: where eight bytes of input are left, so are eight bytes of output.
 */
static size_t
fold(const char *in, size_t len, char *out, bool *ask)
{
	const char *const end = in + len;
	char *const		  start = out;

	for (;;)
	{
		while (end - in >= 8)
		{
			uint64_t word = utf8_load8(in);

			int n = plain_bytes(word);

			if (n == 0 && is_wide_ascii(word))
			{
				*out++ = ascii_fold[(word >> 16 & 0x3F) + 0x20];
				in += 3;
				continue;
			}
			utf8_store8(out, word);
			in += n;
			out += n;
			if (n < 6)
				break;
		}
		if (in >= end)
			break;

		if (*in & 0x80)
			out = fold_one(&in, end, out, start, ask);
		else
		{
			char c = ascii_fold[(unsigned char) *in++];

			if (c != ' ' || (out > start && out[-1] != ' '))
				*out++ = c;
		}
	}
	if (out > start && out[-1] == ' ')
		out--;
	return out - start;
}

size_t
text_fold(const char *in, size_t len, char *out, bool *needs_nfkc)
{
	*needs_nfkc = false;
	return fold(in, len, out, needs_nfkc);
}

size_t
text_fold_normalized(const char *in, size_t len, char *out)
{
	bool ignored = false;

	return fold(in, len, out, &ignored);
}
