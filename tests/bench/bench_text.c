/*
 * bench_text.c
 *	  Speed of folding and matching on synthetic reports.
 *
 *	cc -O2 -Iextension tests/bench/bench_text.c extension/text/[a-z]*.c -o bench_text
 *	./bench_text [repetitions]
 *
 * Texts and keywords are generated, the same on every run: 100,000 texts of
 * 50-300 characters drawn by Zipf's law from the Han block, a punctuation mark
 * every 25 characters (half of them full-width), some telephone numbers, 1-3
 * keywords planted in nine of ten.  Keywords have 2-6 characters, one in ten
 * is English.
 *
 * The measurements are interleaved: every repetition takes each of them once.
 * MB are 10^6 bytes of input; find alone counts folded text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "text/normalize.h"
#include "text/terms.h"

#define TEXTS	 100000
#define KEYWORDS 100000
#define HAN		 6700
#define MAX_REPS 25

static const uint32_t sizes[] = {300, 3000, 30000, 100000};

#define SIZES ((int) (sizeof(sizes) / sizeof(sizes[0])))

typedef struct Corpus
{
	char  *bytes;
	size_t begin[TEXTS + 1];
} Corpus;

static Corpus	raw;
static Corpus	folded;
static TermText keyword[KEYWORDS];
static char	   *keyword_bytes;
static char		han[HAN][3];

/* ---- chance ---- */

static uint64_t chance_state = 20240601;

static uint32_t
chance(uint32_t below)
{
	chance_state = chance_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t) (((chance_state >> 32) * below) >> 32);
}

/* Zipf-like weights 1 / (rank + shift)^exponent, cumulated to 2^31. */
static void
zipf_fill(uint32_t *cumulated, double shift, int half_power)
{
	static double sum[HAN];
	double		  total = 0;

	for (int i = 0; i < HAN; i++)
	{
		double x = i + shift;
		double root = x;

		/* square root by Newton, so that no -lm is needed */
		for (int k = 0; k < 40; k++)
			root = (root + x / root) / 2;
		total += half_power ? 1 / root : 1 / x;
		sum[i] = total;
	}
	for (int i = 0; i < HAN; i++)
		cumulated[i] = (uint32_t) (sum[i] / total * 2147483647.0);
}

static const char *
zipf_char(const uint32_t *cumulated)
{
	uint32_t x = chance(2147483647);
	int		 from = 0;
	int		 to = HAN - 1;

	while (from < to)
	{
		int middle = (from + to) / 2;

		if (cumulated[middle] < x)
			from = middle + 1;
		else
			to = middle;
	}
	return han[from];
}

/* ---- data ---- */

/* 6700 characters of U+4E00..U+9FFF that fold to themselves, in random order of frequency. */
static void
make_han(void)
{
	uint32_t cp = 0x4E00;

	for (int i = 0; i < HAN; cp += 2)
	{
		char form[3];
		bool asks;

		han[i][0] = (char) (0xE0 | cp >> 12);
		han[i][1] = (char) (0x80 | (cp >> 6 & 0x3F));
		han[i][2] = (char) (0x80 | (cp & 0x3F));
		i += text_fold(han[i], 3, form, &asks) == 3 && memcmp(form, han[i], 3) == 0;
	}
	for (int i = HAN - 1; i > 0; i--)
	{
		char swap[3];
		int	 j = chance(i + 1);

		memcpy(swap, han[i], 3);
		memcpy(han[i], han[j], 3);
		memcpy(han[j], swap, 3);
	}
}

static char *
make_english(char *out)
{
	static const char *const syllables[] = {"ga",  "le", "no",	"ro",	"ad",  "wa",  "ter", "fi", "re",
											"pa",  "rk", "ing", "ill",	"eg",  "al",  "tra", "sh", "ho",
											"pi",  "pe", "el",	"ec",	"tri", "ci",  "ty",	 "la", "mp",
											"dog", "bu", "si",	"ness", "con", "str", "uct", "ion"};

	for (int n = 2 + chance(3); n > 0; n--)
	{
		const char *s = syllables[chance(sizeof(syllables) / sizeof(syllables[0]))];

		memcpy(out, s, strlen(s));
		out += strlen(s);
	}
	return out;
}

static void
make_keywords(const uint32_t *weights)
{
	static const int lengths[] = {2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 5, 6};
	char			*out = keyword_bytes = malloc(KEYWORDS * 24);

	for (int i = 0; i < KEYWORDS; i++)
	{
		char *begin = out;

		if (chance(10) == 0)
			out = make_english(out);
		else
			for (int n = lengths[chance(20)]; n > 0; n--, out += 3)
				memcpy(out, zipf_char(weights), 3);
		keyword[i].bytes = begin;
		keyword[i].len = (uint32_t) (out - begin);
	}
}

static char *
make_text(char *out, const uint32_t *weights)
{
	static const char marks[4][4] = {"，", "。", "；", "、"};
	int				  length = 50 + chance(251);
	int				  next_mark = 12 + chance(18);
	int				  keywords = chance(10) < 9 ? 1 + chance(3) : 0;
	int				  digits_at = chance(10) < 3 ? (int) chance(length) : -1;

	for (int i = 0; i < length; i++)
	{
		if (i == next_mark)
		{
			memcpy(out, marks[chance(4)], 3);
			out += 3;
			next_mark += 25;
		}
		else if (i == digits_at)
			for (int d = 0; d < 11; d++, i++)
				*out++ = (char) ('0' + chance(10));
		else if (keywords > 0 && chance(length) < 3)
		{
			const TermText *k = &keyword[chance(chance(5) < 4 ? 3000 : 300)];

			memcpy(out, k->bytes, k->len);
			out += k->len;
			i += k->len / 3;
			keywords--;
		}
		else
		{
			memcpy(out, zipf_char(weights), 3);
			out += 3;
		}
	}
	return out;
}

static void
make_data(void)
{
	static uint32_t text_weights[HAN];
	static uint32_t keyword_weights[HAN];
	char		   *out;

	make_han();
	zipf_fill(text_weights, 20, 0);
	zipf_fill(keyword_weights, 60, 1);
	make_keywords(keyword_weights);

	raw.bytes = out = malloc((size_t) TEXTS * 1100);
	for (int i = 0; i < TEXTS; i++)
	{
		raw.begin[i] = out - raw.bytes;
		out = make_text(out, text_weights);
	}
	raw.begin[TEXTS] = out - raw.bytes;
	folded.bytes = malloc(raw.begin[TEXTS]);
}

/* ---- measuring ---- */

typedef struct Series
{
	double value[MAX_REPS];
	int	   n;
} Series;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void
add(Series *s, double value)
{
	int i = s->n++;

	for (; i > 0 && s->value[i - 1] > value; i--)
		s->value[i] = s->value[i - 1];
	s->value[i] = value;
}

static void
print(const char *what, const Series *s, const char *unit)
{
	printf("  %-10s %8.1f  (%.1f-%.1f) %s\n", what, s->value[s->n / 2], s->value[0], s->value[s->n - 1],
		   unit);
}

static void *
bench_alloc(void *arg, size_t size)
{
	(void) arg;
	return malloc(size);
}

static double
fold_all(void)
{
	double start = now();
	char  *out = folded.bytes;
	bool   ask;

	for (int i = 0; i < TEXTS; i++)
	{
		folded.begin[i] = out - folded.bytes;
		out += text_fold(raw.bytes + raw.begin[i], raw.begin[i + 1] - raw.begin[i], out, &ask);
		if (ask)
			abort();
	}
	folded.begin[TEXTS] = out - folded.bytes;
	return raw.begin[TEXTS] / (now() - start) / 1e6;
}

static double
find_all(const TermMatcher *m, uint64_t *found)
{
	double	start = now();
	TermHit hits[256];

	*found = 0;
	for (int i = 0; i < TEXTS; i++)
		*found +=
			terms_find(m, folded.bytes + folded.begin[i], folded.begin[i + 1] - folded.begin[i], hits, 256);
	return folded.begin[TEXTS] / (now() - start) / 1e6;
}

static double
both_all(const TermMatcher *m, uint64_t *found)
{
	double	start = now();
	TermHit hits[256];
	char	text[2048];
	bool	ask;

	*found = 0;
	for (int i = 0; i < TEXTS; i++)
	{
		size_t len = text_fold(raw.bytes + raw.begin[i], raw.begin[i + 1] - raw.begin[i], text, &ask);

		*found += terms_find(m, text, len, hits, 256);
	}
	return raw.begin[TEXTS] / (now() - start) / 1e6;
}

int
main(int argc, char **argv)
{
	int		 reps = argc > 1 ? atoi(argv[1]) : 5;
	Series	 fold = {0};
	Series	 find[SIZES] = {0};
	Series	 both[SIZES] = {0};
	Series	 build[SIZES] = {0};
	size_t	 bytes[SIZES] = {0};
	uint64_t found[SIZES] = {0};

	if (reps < 1 || reps > MAX_REPS)
		reps = 5;
	make_data();
	fold_all();
	for (int r = 0; r < reps; r++)
	{
		add(&fold, fold_all());
		for (int k = 0; k < SIZES; k++)
		{
			double		 start = now();
			TermMatcher *m = terms_build(keyword, sizes[k], bench_alloc, NULL);
			uint64_t	 again;

			add(&build[k], (now() - start) * 1e3);
			bytes[k] = terms_size(m);
			add(&find[k], find_all(m, &found[k]));
			add(&both[k], both_all(m, &again));
			if (again != found[k])
				abort();
			free(m);
		}
	}

	printf("%d texts, %.1f MB, mean %.0f bytes; median (min-max) of %d\n", TEXTS, raw.begin[TEXTS] / 1e6,
		   (double) raw.begin[TEXTS] / TEXTS, reps);
	print("fold", &fold, "MB/s");
	for (int k = 0; k < SIZES; k++)
	{
		printf("%u terms, %.2f MB, %llu hits\n", sizes[k], bytes[k] / 1e6, (unsigned long long) found[k]);
		print("build", &build[k], "ms");
		print("find", &find[k], "MB/s");
		print("fold+find", &both[k], "MB/s");
	}
	return 0;
}
