/*
 * minhash.c
 *	  Shingles, signatures and likeness of texts.
 */
#include "text/minhash.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "text/utf8.h"

/* the first so many units tell what a report is about ... */
#define LEAD_UNITS 32
/* ... and each of their shingles counts so many times */
#define LEAD_COUNT 4
/* digits in a row that are somebody's number */
#define PERSONAL_DIGITS 7

static uint32_t
mix(uint32_t h)
{
	h ^= h >> 16;
	h *= 0x85ebca6bU;
	h ^= h >> 13;
	h *= 0xc2b2ae35U;
	return h ^ h >> 16;
}

/* ---- units ---- */

typedef enum UnitKind
{
	UNIT_NONE, /* parts its neighbours */
	UNIT_LETTER,
	UNIT_DIGIT,
	UNIT_SINGLE /* a unit by itself */
} UnitKind;

static UnitKind
kind_of(uint32_t cp)
{
	if (cp < 0x80)
	{
		if (cp >= '0' && cp <= '9')
			return UNIT_DIGIT;
		return cp >= 'a' && cp <= 'z' ? UNIT_LETTER : UNIT_NONE;
	}
	/* Latin, Greek, Cyrillic and other scripts with blanks; the punctuation of Latin-1 is none of them */
	if (cp < 0x2000)
		return cp >= 0xc0 && cp != 0xd7 && cp != 0xf7 ? UNIT_LETTER : UNIT_NONE;
	/* general punctuation, symbols, CJK punctuation, what full-width forms leave after folding */
	if (cp < 0x3040 || cp == UTF8_BAD || (cp >= 0xe000 && cp < 0xf900) || (cp >= 0xfe10 && cp < 0x10000))
		return cp >= 0x2e80 && cp < 0x3000 ? UNIT_SINGLE : UNIT_NONE;
	return UNIT_SINGLE;
}

typedef struct UnitReader
{
	const char *at;
	const char *end;
} UnitReader;

/* The next unit's hash; false at the end.  *joined: does it touch the one before? */
static bool
next_unit(UnitReader *r, uint32_t *hash, bool *joined)
{
	*joined = true;
	while (r->at < r->end)
	{
		int		 len;
		uint32_t h = 0x9747b28cU;
		UnitKind kind = kind_of(utf8_decode(utf8_load_upto8(r->at, r->end), &len));
		int		 n = 0;

		if (kind == UNIT_NONE)
		{
			/* a blank alone parts Han characters no more than it parts words */
			*joined = *joined && *r->at == ' ';
			r->at += len;
			continue;
		}
		do
		{
			for (int i = 0; i < len; i++)
				h = (h ^ (unsigned char) r->at[i]) * 0x01000193U;
			r->at += len;
			n++;
		} while (kind != UNIT_SINGLE && r->at < r->end &&
				 kind_of(utf8_decode(utf8_load_upto8(r->at, r->end), &len)) == kind);
		if (kind == UNIT_DIGIT && n >= PERSONAL_DIGITS)
		{
			*joined = false;
			continue;
		}
		*hash = mix(h);
		return true;
	}
	return false;
}

/* ---- features ---- */

static int
by_hash(const void *a, const void *b)
{
	uint32_t x = ((const TextFeature *) a)->hash;
	uint32_t y = ((const TextFeature *) b)->hash;

	return x < y ? -1 : x > y;
}

int
text_features(const char *folded, size_t len, TextFeature *out)
{
	UnitReader r = {folded, folded + len};
	uint32_t   before = 0;
	uint32_t   unit;
	bool	   joined;
	int		   units = 0;
	int		   n = 0;
	int		   distinct = 0;

	while (n < MAX_FEATURES && next_unit(&r, &unit, &joined))
	{
		if (units > 0 && joined)
		{
			out[n].hash = mix(before * 31 + unit);
			out[n].count = units <= LEAD_UNITS ? LEAD_COUNT : 1;
			n++;
		}
		before = unit;
		units++;
	}
	if (n > 1)
		qsort(out, n, sizeof(TextFeature), by_hash);
	for (int i = 0; i < n; i++)
	{
		if (distinct > 0 && out[distinct - 1].hash == out[i].hash)
			out[distinct - 1].count += out[i].count;
		else
			out[distinct++] = out[i];
	}
	return distinct;
}

/* What a feature counts for by its occurrences. */
static double
occurrences(const TextFeature *f)
{
	/* 1 + ln(count) of the commonest */
	static const double common[] = {0,		1.0,	1.6931, 2.0986, 2.3863, 2.6094, 2.7918, 2.9459, 3.0794,
									3.1972, 3.3026, 3.3979, 3.4849, 3.5649, 3.6391, 3.7081, 3.7726};

	return f->count < sizeof(common) / sizeof(common[0]) ? common[f->count] : 1.0 + log((double) f->count);
}

/* ---- signature ---- */

typedef struct Ranked
{
	double	 rank;
	uint32_t hash;
} Ranked;

static int
by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *) a;
	uint32_t y = *(const uint32_t *) b;

	return x < y ? -1 : x > y;
}

/*
 * Every feature draws a number by its hash, exponentially distributed with its
 * occurrences as rate; the smallest are the sample.  The draw of a feature is
 * the same in every text, so that texts alike draw alike.
 */
int
text_signature(const TextFeature *features, int n, uint32_t *out)
{
	Ranked kept[SIGNATURE_SIZE] = {{0}};
	int	   nkept = 0;

	for (int i = 0; i < n; i++)
	{
		double u = ((double) mix(features[i].hash ^ 0x5bd1e995U) + 0.5) / 4294967296.0;
		Ranked r = {-log(u) / occurrences(&features[i]), features[i].hash};
		int	   at;

		if (nkept == SIGNATURE_SIZE && r.rank >= kept[nkept - 1].rank)
			continue;
		at = nkept < SIGNATURE_SIZE ? nkept++ : nkept - 1;
		for (; at > 0 && kept[at - 1].rank > r.rank; at--)
			kept[at] = kept[at - 1];
		kept[at] = r;
	}
	for (int i = 0; i < nkept; i++)
		out[i] = kept[i].hash;
	if (nkept > 1)
		qsort(out, nkept, sizeof(uint32_t), by_number);
	return nkept;
}

/* ---- weights ---- */

/*
 * The value: four bytes of mark, which also tell the byte order, texts, n, a
 * checksum over the rest; the hashes; the counts.
 */
#define WEIGHTS_MARK 0x31575451U

static uint32_t
load32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t
load16(const char *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t
checksum(const char *bytes, size_t len)
{
	uint32_t h = 0x811c9dc5U;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char) bytes[i]) * 0x01000193U;
	return mix(h);
}

/* The smallest count with which no more than MAX_WEIGHTS features are left. */
static uint32_t
least_count(const uint32_t *hashes, size_t n)
{
	size_t	 at_count[65] = {0}; /* how many features occur so often; the last: as often or more */
	size_t	 sum = 0;
	uint32_t least = 65;

	for (size_t i = 0, j; i < n; i = j)
	{
		for (j = i; j < n && hashes[j] == hashes[i];)
			j++;
		at_count[j - i < 64 ? j - i : 64]++;
	}
	while (least > 2 && sum + at_count[least - 1] <= MAX_WEIGHTS)
		sum += at_count[--least];
	return least;
}

size_t
text_weights_make(uint32_t *hashes, size_t n, uint32_t texts, char *out)
{
	uint32_t least;
	uint32_t kept = 0;
	uint32_t mark = WEIGHTS_MARK;
	uint32_t sum;
	char	*counts;

	if (n > 1)
		qsort(hashes, n, sizeof(uint32_t), by_number);
	least = least_count(hashes, n);
	/* hashes are compacted in place first: where the counts begin depends on how many there are */
	for (int pass = 0; pass < 2; pass++)
	{
		uint32_t at = 0;

		counts = out + 16 + (size_t) 4 * kept;
		for (size_t i = 0, j; i < n; i = j)
		{
			uint16_t count;

			for (j = i; j < n && hashes[j] == hashes[i];)
				j++;
			if (j - i < least || (pass == 0 && at == MAX_WEIGHTS))
				continue;
			if (pass == 1)
			{
				count = j - i < UINT16_MAX ? (uint16_t) (j - i) : UINT16_MAX;
				memcpy(out + 16 + (size_t) 4 * at, &hashes[i], 4);
				memcpy(counts + (size_t) 2 * at, &count, 2);
			}
			at++;
			if (pass == 1 && at == kept)
				break;
		}
		kept = at;
	}
	sum = checksum(out + 16, (size_t) 6 * kept);
	memcpy(out, &mark, 4);
	memcpy(out + 4, &texts, 4);
	memcpy(out + 8, &kept, 4);
	memcpy(out + 12, &sum, 4);
	return TEXT_WEIGHTS_SIZE(kept);
}

static double
weight_of(uint32_t texts, uint32_t count)
{
	double weight = log(((double) texts + 1.0) / ((double) count + 0.5));

	return weight > 0.01 ? weight : 0.01;
}

bool
text_weights_read(FeatureWeights *w, const char *value, size_t len)
{
	memset(w, 0, sizeof(*w));
	if (len < 16 || load32(value) != WEIGHTS_MARK || load32(value + 8) > MAX_WEIGHTS ||
		len != TEXT_WEIGHTS_SIZE(load32(value + 8)) || load32(value + 12) != checksum(value + 16, len - 16))
		return false;
	w->texts = load32(value + 4);
	w->n = load32(value + 8);
	w->hashes = value + 16;
	w->counts = value + 16 + (size_t) 4 * w->n;
	for (uint32_t i = 0, bits = 0; bits <= 4096; bits++)
	{
		while (i < w->n && load32(w->hashes + (size_t) 4 * i) >> 20 < bits)
			i++;
		w->first[bits] = i;
	}
	for (int i = 0; i < 256; i++)
		w->weight[i] = (float) weight_of(w->texts, i);
	return true;
}

uint32_t
text_weights_count(const FeatureWeights *w, uint32_t hash)
{
	uint32_t low = w->first[hash >> 20];
	uint32_t high = w->first[(hash >> 20) + 1];

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (load32(w->hashes + (size_t) 4 * middle) < hash)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < w->n && load32(w->hashes + (size_t) 4 * low) == hash)
		return load16(w->counts + (size_t) 2 * low);
	return 1;
}

double
text_weight(const FeatureWeights *w, uint32_t hash)
{
	uint32_t count;

	if (w->texts < 2)
		return 1.0;
	count = text_weights_count(w, hash);
	return count < 256 ? w->weight[count] : weight_of(w->texts, count);
}

/* ---- likeness ---- */

static double
length_of(const FeatureWeights *w, const TextFeature *f, int n)
{
	double sum = 0;

	for (int i = 0; i < n; i++)
	{
		double x = occurrences(&f[i]) * text_weight(w, f[i].hash);

		sum += x * x;
	}
	return sqrt(sum);
}

double
text_cosine(const FeatureWeights *w, const TextFeature *a, int na, const TextFeature *b, int nb)
{
	double product = 0;
	double lengths;

	for (int i = 0, j = 0; i < na && j < nb;)
	{
		if (a[i].hash < b[j].hash)
			i++;
		else if (a[i].hash > b[j].hash)
			j++;
		else
		{
			double x = text_weight(w, a[i].hash);

			product += occurrences(&a[i++]) * occurrences(&b[j++]) * x * x;
		}
	}
	if (product <= 0)
		return 0;
	lengths = length_of(w, a, na) * length_of(w, b, nb);
	return product >= lengths ? 1.0 : product / lengths;
}
