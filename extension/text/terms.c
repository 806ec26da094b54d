/*
 * terms.c
 *	  Many terms, one pass: a filter over character pairs, then sorted buckets.
 *
 * The key of a term is its first two characters, or its only one; there is a
 * table for each kind of key.  A table holds
 *
 *	filter	two bits per key in one word of a bitmap: says "perhaps a term
 *			begins here" for about one pair in a hundred that begins none
 *	bucket	the keys' hash to a run of entries
 *	entry	the terms, each run in byte order
 *
 * A block of text first runs through the filter, which writes down candidates
 * without branching on the outcome; only then are the candidates looked up.
 * Apart, the two loops mispredict less and their cache misses overlap.
 *
 * Of all terms with which the text at some place begins, each is a prefix of
 * the next longer one.  So every entry knows the longest other term that it
 * begins with, its parent, and one binary search gives them all: the last
 * entry not behind the text, then its ancestors, longest first.  A thousand
 * terms that begin with the same two characters cost ten comparisons.
 */
#include "text/terms.h"

#include <stdlib.h>

#include "text/utf8.h"

/* Bytes of text filtered at a time; the candidates take 16 bytes of stack for each. */
#define BLOCK_BYTES 512

/* A term's bytes that stand in its entry: four Han characters. */
#define KEPT_BYTES 12

#define NO_PARENT UINT32_MAX

typedef struct Entry
{
	uint64_t first;	 /* bytes 0..7 as a big-endian number, 0 after the end */
	uint64_t place;	 /* where the caller's bytes lie, counted from the matcher's origin */
	uint32_t second; /* bytes 8..11 likewise */
	uint32_t len;
	uint32_t id;
	uint32_t parent; /* entry of the longest proper or equal prefix */
} Entry;

typedef struct Table
{
	uint64_t *filter;
	uint32_t *bucket; /* first entry of each; one more closes the last */
	Entry	 *entry;
	uint32_t  n;
	uint32_t  bucket_mask;
	uint32_t  filter_shift; /* 64 - log2 of the filter's words */
} Table;

struct TermMatcher
{
	Table  pairs;	/* terms of two and more characters */
	Table  singles; /* terms of one */
	size_t size;
	/* what places count from: 0 as built; where the terms' bytes lie when moved (terms_relate) */
	uint64_t origin;
	bool	 suspicious; /* some of the terms may be no UTF-8 */
};

/* A place in the text where a term may begin. */
typedef struct Candidate
{
	uint32_t at;   /* twice the offset in the block, plus 1 for singles */
	uint32_t hash; /* bucket bits of the key's hash */
} Candidate;

/* The bytes of an entry's term. */
static inline const char *
bytes_of(const Entry *e, uint64_t origin)
{
	return (const char *) (uintptr_t) (origin + e->place);
}

/* Where hits go; found counts on when the array is full. */
typedef struct Sink
{
	TermHit *hits;
	uint32_t max;
	uint64_t found;
} Sink;

/* ---- keys ---- */

/* Keep the lowest n (1 to 8) bytes of a word. */
static inline uint64_t
keep_bytes(uint64_t word, int n)
{
	return word & (UINT64_MAX >> (64 - 8 * n));
}

/*
 * Key of the two characters a word begins with: their bytes, eight at most.
 * *first is the length of the first.  At the end of a text the zeros of
 * utf8_load_upto8() stand for the second; no term is found by that, because
 * look_up() compares lengths.
 */
static inline uint64_t
pair_key(uint64_t word, int *first)
{
	*first = utf8_length(word);
	return keep_bytes(word, *first + utf8_length(word >> (8 * *first)));
}

/*
 * The top bits choose a filter word, some below two bits in it, others a
 * bucket.  A product's bit depends only on the key's bits up to its own, so
 * the last character is first brought down to where it reaches them all.
 */
static inline uint64_t
key_hash(uint64_t key)
{
	return (key ^ key >> 29) * UINT64_C(0x9E3779B97F4A7C15);
}

static inline uint32_t
hash_bucket(uint64_t hash)
{
	return (uint32_t) (hash >> 24);
}

static inline uint64_t
hash_bits(uint64_t hash)
{
	return (uint64_t) 1 << (hash >> 30 & 63) | (uint64_t) 1 << (hash >> 36 & 63);
}

/* ---- building ---- */

/* A loaded word as a number that compares like its bytes. */
static inline uint64_t
big_endian8(uint64_t word)
{
	return __builtin_bswap64(word);
}

/* The table a term belongs to and its key there; NULL if it is never found. */
static Table *
term_table(TermMatcher *m, const TermText *term, uint64_t *key)
{
	uint64_t word;
	int		 first;

	if (term->len == 0 || (m->suspicious && !utf8_is_valid(term->bytes, term->len)))
		return NULL;
	word = utf8_load_upto8(term->bytes, term->bytes + term->len);
	*key = pair_key(word, &first);
	if (term->len > (uint32_t) first)
		return &m->pairs;
	*key = keep_bytes(word, first);
	return &m->singles;
}

/* The power of two that is at least so many, and 2^31 at most. */
static uint32_t
power_of_two(uint64_t least)
{
	uint32_t size = 1;

	while (size < least && size < (UINT32_C(1) << 31))
		size *= 2;
	return size;
}

/* One bucket more than the mask counts, in whole words of eight bytes. */
static size_t
bucket_bytes(const Table *t)
{
	return (((size_t) t->bucket_mask + 3) & ~(size_t) 1) * sizeof(uint32_t);
}

/* Set the sizes for t->n terms; returns the bytes its arrays take. */
static size_t
table_layout(Table *t)
{
	uint32_t words = power_of_two((uint64_t) t->n / 4);

	if (words < 16)
		words = 16;
	t->filter_shift = 64 - __builtin_ctz(words);
	t->bucket_mask = power_of_two(t->n) - 1;
	return (size_t) words * sizeof(uint64_t) + t->n * sizeof(Entry) + bucket_bytes(t);
}

static size_t
filter_bytes(const Table *t)
{
	return ((size_t) 1 << (64 - t->filter_shift)) * sizeof(uint64_t);
}

/* Give the arrays their places in memory; returns the first byte behind them. */
static char *
table_place(Table *t, char *memory)
{
	t->filter = (uint64_t *) memory;
	memory += filter_bytes(t);
	t->entry = (Entry *) memory;
	memory += t->n * sizeof(Entry);
	t->bucket = (uint32_t *) memory;
	return memory + bucket_bytes(t);
}

static void
table_clear(Table *t)
{
	memset(t->filter, 0, filter_bytes(t));
	memset(t->bucket, 0, bucket_bytes(t));
}

/* Order of bytes; the same text twice: higher number first (see climb()). */
static int
compare_entries(const void *left, const void *right)
{
	const Entry *a = left;
	const Entry *b = right;

	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	if (a->second != b->second)
		return a->second < b->second ? -1 : 1;
	if (a->len > KEPT_BYTES && b->len > KEPT_BYTES)
	{
		uint32_t shorter = a->len < b->len ? a->len : b->len;
		int order = memcmp(bytes_of(a, 0) + KEPT_BYTES, bytes_of(b, 0) + KEPT_BYTES, shorter - KEPT_BYTES);

		if (order != 0)
			return order;
	}
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return a->id > b->id ? -1 : a->id < b->id;
}

static bool
begins_with(const Entry *e, const Entry *prefix)
{
	return prefix->len <= e->len && memcmp(bytes_of(e, 0), bytes_of(prefix, 0), prefix->len) == 0;
}

/* Sort one bucket's entries [from, to) and link each to its parent. */
static void
bucket_finish(Entry *entry, uint32_t from, uint32_t to)
{
	if (to - from > 8)
		qsort(entry + from, to - from, sizeof(Entry), compare_entries);
	else
		for (uint32_t i = from + 1; i < to; i++)
		{
			Entry	 moving = entry[i];
			uint32_t j = i;

			for (; j > from && compare_entries(&entry[j - 1], &moving) > 0; j--)
				entry[j] = entry[j - 1];
			entry[j] = moving;
		}

	for (uint32_t i = from; i < to; i++)
	{
		uint32_t parent = i > from ? i - 1 : NO_PARENT;

		while (parent != NO_PARENT && !begins_with(&entry[i], &entry[parent]))
			parent = entry[parent].parent;
		entry[i].parent = parent;
	}
}

static void
entry_fill(Entry *e, const TermText *term, uint32_t id)
{
	const char *end = term->bytes + term->len;

	e->first = big_endian8(utf8_load_upto8(term->bytes, end));
	e->second = 0;
	if (term->len > 8)
		e->second = big_endian8(utf8_load_upto8(term->bytes + 8, end)) >> 32;
	e->place = (uintptr_t) term->bytes;
	e->len = term->len;
	e->id = id;
}

/*
 * Distribute the terms over their buckets by counting: bucket[b] is first the
 * size of b, then its end, and filling from behind leaves its beginning there.
 */
static void
fill_tables(TermMatcher *m, const TermText *terms, uint32_t n)
{
	Table	*both[2] = {&m->pairs, &m->singles};
	uint64_t key;

	for (uint32_t i = 0; i < n; i++)
	{
		Table	*t = term_table(m, &terms[i], &key);
		uint64_t hash;

		if (t == NULL)
			continue;
		hash = key_hash(key);
		t->filter[hash >> t->filter_shift] |= hash_bits(hash);
		t->bucket[hash_bucket(hash) & t->bucket_mask]++;
	}
	for (int k = 0; k < 2; k++)
		for (uint32_t b = 1; b <= both[k]->bucket_mask + 1; b++)
			both[k]->bucket[b] += both[k]->bucket[b - 1];
	for (uint32_t i = n; i-- > 0;)
	{
		Table	*t = term_table(m, &terms[i], &key);
		uint32_t b;

		if (t == NULL)
			continue;
		b = hash_bucket(key_hash(key)) & t->bucket_mask;
		entry_fill(&t->entry[--t->bucket[b]], &terms[i], i);
	}
	for (int k = 0; k < 2; k++)
		for (uint32_t b = 0; b <= both[k]->bucket_mask; b++)
			bucket_finish(both[k]->entry, both[k]->bucket[b], both[k]->bucket[b + 1]);
}

TermMatcher *
terms_build(const TermText *terms, uint32_t n, TermAlloc alloc, void *arg)
{
	TermMatcher	 plan;
	TermMatcher *m;
	uint64_t	 key;
	char		*memory;
	bool		 all_sound = true;

	memset(&plan, 0, sizeof(plan));
	plan.suspicious = true;
	for (uint32_t i = 0; i < n; i++)
	{
		Table *t = term_table(&plan, &terms[i], &key);

		if (t != NULL)
			t->n++;
		else
			all_sound = false;
	}
	plan.suspicious = !all_sound;
	plan.size = sizeof(plan);
	plan.size += table_layout(&plan.pairs);
	plan.size += table_layout(&plan.singles);

	m = alloc(arg, plan.size);
	if (m == NULL)
		return NULL;
	*m = plan;
	memory = table_place(&m->pairs, (char *) (m + 1));
	table_place(&m->singles, memory);
	table_clear(&m->pairs);
	table_clear(&m->singles);
	fill_tables(m, terms, n);
	return m;
}

void
terms_relate(TermMatcher *m, const char *pool)
{
	uint64_t by = (uintptr_t) pool - m->origin;

	for (uint32_t i = 0; i < m->pairs.n; i++)
		m->pairs.entry[i].place -= by;
	for (uint32_t i = 0; i < m->singles.n; i++)
		m->singles.entry[i].place -= by;
	m->origin = (uintptr_t) pool;
}

/* Can a table of these sizes have been laid out by table_layout()? */
static bool
table_is_sound(const Table *t)
{
	Table again = {.n = t->n};

	(void) table_layout(&again);
	return again.filter_shift == t->filter_shift && again.bucket_mask == t->bucket_mask;
}

TermMatcher *
terms_adopt(const void *block, size_t size, const char *pool, TermAlloc alloc, void *arg)
{
	const TermMatcher *stored = block;
	TermMatcher		  *m;
	TermMatcher		   head;

	if (size < sizeof(TermMatcher))
		return NULL;
	head = *stored;
	if (head.size != size || !table_is_sound(&head.pairs) || !table_is_sound(&head.singles) ||
		sizeof(TermMatcher) + table_layout(&head.pairs) + table_layout(&head.singles) != size)
		return NULL;
	m = alloc(arg, sizeof(TermMatcher));
	if (m == NULL)
		return NULL;
	*m = head;
	/* the arrays are only read from now on */
	table_place(&m->singles, table_place(&m->pairs, (char *) (uintptr_t) (stored + 1)));
	m->origin = (uintptr_t) pool;
	return m;
}

size_t
terms_size(const TermMatcher *m)
{
	return m->size;
}

/* ---- finding ---- */

/* What a text has at some place, in the form of an entry. */
typedef struct Here
{
	const char *text;
	size_t		at;
	size_t		len; /* of the whole text */
	uint64_t	first;
	uint32_t	second;
} Here;

/*
 * Does the entry come behind the text in byte order?  If not, *common is the
 * number of bytes with which both begin; an entry's zeros are never counted.
 */
static inline bool
comes_behind(const Entry *e, uint64_t origin, const Here *here, uint32_t *common)
{
	size_t	 left = here->len - here->at;
	uint32_t shorter = e->len < left ? e->len : (uint32_t) left;
	uint32_t same = KEPT_BYTES;

	if (e->first != here->first)
	{
		if (e->first > here->first)
			return true;
		same = __builtin_clzll(e->first ^ here->first) / 8;
	}
	else if (e->second != here->second)
	{
		if (e->second > here->second)
			return true;
		same = 8 + __builtin_clz(e->second ^ here->second) / 8;
	}
	else
	{
		const char *text = here->text + here->at;
		const char *bytes = bytes_of(e, origin);

		while (same < shorter && bytes[same] == text[same])
			same++;
		if (same < shorter)
		{
			*common = same;
			return (unsigned char) bytes[same] > (unsigned char) text[same];
		}
		if (e->len > left)
			return true;
	}
	*common = same < shorter ? same : shorter;
	return false;
}

/* Report the entry and its ancestors as far as the text begins with them. */
static void
climb(const Table *t, uint32_t i, uint32_t common, const Here *here, Sink *sink)
{
	const char *text = here->text;

	for (; i != NO_PARENT; i = t->entry[i].parent)
	{
		const Entry *e = &t->entry[i];
		size_t		 end = here->at + e->len;

		if (e->len > common)
			continue;
		/* ASCII words are whole words; the filter saw to the beginning */
		if (end < here->len && ascii_is_word(text[end]) && ascii_is_word(text[end - 1]))
			continue;
		if (sink->found < sink->max)
		{
			TermHit *hit = &sink->hits[sink->found];

			hit->start = (uint32_t) here->at;
			hit->end = (uint32_t) end;
			hit->id = e->id;
		}
		sink->found++;
	}
}

/* Look in entries [from, to), one bucket, for the terms that begin here. */
static void
look_up(const Table *t, uint64_t origin, uint32_t from, uint32_t to, Here *here, Sink *sink)
{
	const char *text = here->text + here->at;
	const char *end = here->text + here->len;
	uint32_t	best = NO_PARENT;
	uint32_t	best_common = 0;

	here->first = big_endian8(utf8_load_upto8(text, end));
	here->second = 0;
	if (end - text > 8)
		here->second = big_endian8(utf8_load_upto8(text + 8, end)) >> 32;

	while (from < to)
	{
		uint32_t middle = from + (to - from) / 2;
		uint32_t common = 0;

		if (comes_behind(&t->entry[middle], origin, here, &common))
			to = middle;
		else
		{
			best = middle;
			best_common = common;
			from = middle + 1;
		}
	}
	climb(t, best, best_common, here, sink);
}

/*
 * Append the place to the candidates if the table may hold a term with the
 * key; returns their number.  The write always happens, the count decides.
 */
static inline uint32_t
note(const Table *t, uint64_t key, uint32_t at, Candidate *candidates, uint32_t n)
{
	uint64_t hash = key_hash(key);
	uint64_t word = t->filter[hash >> t->filter_shift];

	candidates[n].at = at;
	candidates[n].hash = hash_bucket(hash);
	return n + (uint32_t) (word >> (hash >> 30 & 63) & word >> (hash >> 36 & 63) & 1);
}

/*
 * Write down the candidates among the characters of text[*at .. stop); *at
 * moves behind the last of them.  Returns their number.
 *
 * with_singles is constant at each call, so the usual matcher without
 * one-character terms pays nothing for them.
 */
static inline uint32_t
filter_block(const TermMatcher *m, const char *text, size_t len, size_t *at, size_t stop,
			 Candidate *candidates, const bool with_singles)
{
	const Table	 pairs = m->pairs; /* copies, which no store can change */
	const Table	 singles = m->singles;
	const size_t base = *at;
	size_t		 p = base;
	uint32_t	 n = 0;

	while (p < stop)
	{
		uint64_t word = 0;
		uint64_t key;
		int		 length;

		/* runs of two and more Han, kana or other three-byte characters */
		for (; p < stop && len - p >= 8; p += 3)
		{
			word = utf8_load8(text + p);
			if ((word & UINT64_C(0xC0C0F0C0C0F0)) != UINT64_C(0x8080E08080E0))
				break;
			n = note(&pairs, word & UINT64_C(0xFFFFFFFFFFFF), (uint32_t) (p - base) * 2, candidates, n);
			if (with_singles)
				n = note(&singles, word & 0xFFFFFF, (uint32_t) (p - base) * 2 + 1, candidates, n);
		}
		if (p >= stop)
			break;

		/* one character, in the last bytes or beside another kind */
		word = utf8_load_upto8(text + p, text + len);
		key = pair_key(word, &length);
		if (!ascii_is_word(word) || p == 0 || !ascii_is_word(text[p - 1]))
		{
			n = note(&pairs, key, (uint32_t) (p - base) * 2, candidates, n);
			if (with_singles)
				n = note(&singles, keep_bytes(word, length), (uint32_t) (p - base) * 2 + 1, candidates, n);
		}
		p += length;
	}
	*at = p;
	return n;
}

uint32_t
terms_find(const TermMatcher *m, const char *text, size_t len, TermHit *hits, uint32_t max)
{
	Candidate candidates[BLOCK_BYTES * 2 + 1];
	Sink	  sink = {hits, max, 0};
	Here	  here = {text, 0, len, 0, 0};
	size_t	  at = 0;

	while (at < len)
	{
		size_t	 base = at;
		size_t	 stop = len - at > BLOCK_BYTES ? at + BLOCK_BYTES : len;
		uint32_t n;

		if (m->singles.n > 0)
			n = filter_block(m, text, len, &at, stop, candidates, true);
		else
			n = filter_block(m, text, len, &at, stop, candidates, false);

		for (uint32_t i = 0; i < n; i++)
		{
			const Table *t = candidates[i].at & 1 ? &m->singles : &m->pairs;
			uint32_t	 b = candidates[i].hash & t->bucket_mask;

			here.at = base + candidates[i].at / 2;
			look_up(t, m->origin, t->bucket[b], t->bucket[b + 1], &here, &sink);
		}
	}
	return sink.found < UINT32_MAX ? (uint32_t) sink.found : UINT32_MAX;
}
