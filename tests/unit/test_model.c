/*
 * test_model.c
 *	  Examples and laws of n-grams, of training and of models
 *	  (extension/text/ngrams.c, fit*.c, model.c), as TAP.
 *
 * tests/fuzz/fuzz_model.c includes this file with MODEL_FUZZ defined and holds
 * the laws of loading and classifying with the fuzzer's bytes.
 */
#include "text/fit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define lengthof(array) ((int) (sizeof(array) / sizeof((array)[0])))

/* Break off where a law does not hold: the fuzzer and the sanitizers want the place. */
#define LAW(condition)                                                       \
	do                                                                       \
	{                                                                        \
		if (!(condition))                                                    \
		{                                                                    \
			printf("Bail out! %s:%d: %s\n", __FILE__, __LINE__, #condition); \
			fflush(stdout);                                                  \
			abort();                                                         \
		}                                                                    \
	} while (0)

/* ---- laws ---- */

/* Cut any bytes; returns the features in a block that ends where they end. */
static Feature *
cut_lawfully(const char *bytes, size_t len, uint32_t *n)
{
	static Feature room[NGRAM_MAX_FEATURES + 1];
	char		  *copy = malloc(len > 0 ? len : 1);
	Feature		  *out;

	if (len > 0)
		memcpy(copy, bytes, len);
	*n = ngrams_of(copy, len, room);
	LAW(*n <= NGRAM_MAX_FEATURES);
	for (uint32_t i = 0; i < *n; i++)
	{
		LAW(room[i].key != 0 && room[i].value > 0);
		LAW(room[i].len > 0 && room[i].start <= len && room[i].len <= len - room[i].start);
	}
	out = malloc((*n > 0 ? *n : 1) * sizeof(Feature));
	if (*n > 0)
		memcpy(out, room, *n * sizeof(Feature));
	free(copy);
	return out;
}

/* A text through a sound model: probabilities are ones, reasons point into the text, twice is the same. */
static void
classify_lawfully(const Model *m, const char *text, size_t len)
{
	uint32_t	  n;
	Feature		 *features = cut_lawfully(text, len, &n);
	ModelScratch *scratch = model_scratch_init(m, calloc(1, model_scratch_size(m)));
	float		 *p = malloc(m->nclasses * sizeof(float));
	float		 *again = malloc(m->nclasses * sizeof(float));
	ModelReason	  reasons[5];
	int			  found;

	model_classify(m, scratch, features, n, p);
	for (uint32_t c = 0; c < m->nclasses; c++)
		LAW(p[c] >= 0 && p[c] <= 1.001f);
	found = model_reasons(m, scratch, features, 0, (int) m->nclasses - 1, reasons, lengthof(reasons));
	for (int i = 0; i < found; i++)
		LAW(reasons[i].weight > 0 && reasons[i].start + reasons[i].len <= len &&
			(i == 0 || reasons[i].weight <= reasons[i - 1].weight));
	model_classify(m, scratch, features, n, again);
	LAW(memcmp(p, again, m->nclasses * sizeof(float)) == 0);
	free(again);
	free(p);
	free(scratch);
	free(features);
}

/* Read any bytes as a model, in a block that ends where they end; what is taken for sound is used. */
static const char *
open_lawfully(const void *bytes, size_t len, const char *text, size_t text_len)
{
	void	   *copy = malloc(len > 0 ? len : 1);
	Model		m;
	const char *wrong;

	if (len > 0)
		memcpy(copy, bytes, len);
	wrong = model_open(copy, len, &m);
	if (wrong == NULL)
		classify_lawfully(&m, text, text_len);
	free(copy);
	return wrong;
}

/* ---- a small model ---- */

/* What was allocated and not given back: a training leaves its examples to the owner of the memory. */
typedef struct Block
{
	struct Block *next, *prev;
} Block;

static Block blocks = {&blocks, &blocks};

static void *
test_alloc(void *arg, size_t size)
{
	Block *block = malloc(sizeof(Block) + size);

	(void) arg;
	LAW(block != NULL);
	block->next = blocks.next;
	block->prev = &blocks;
	block->next->prev = block->prev->next = block;
	return block + 1;
}

static void
test_release(void *arg, void *memory)
{
	Block *block = (Block *) memory - 1;

	(void) arg;
	block->next->prev = block->prev;
	block->prev->next = block->next;
	free(block);
}

static void
test_poll(void *arg)
{
	if (arg != NULL)
		++*(int *) arg;
}

static const char *const kinds[3][4] = {{"夜里施工吵得睡不着", "广场舞音响太大声", "楼上半夜敲地板很吵",
										 "工地打桩噪声"},
										{"水管滴水没人修", "阀门渗出水来", "楼道天花板渗水", "自来水管漏水"},
										{"两家为院墙争执", "邻里为停车吵架", "摊主和顾客争吵",
										 "兄弟为分家争执"}};
static const char *const tails[] = {"，请派人看看", "，反映多次了", "，希望处理", "，麻烦登记", "，谢谢"};

static FitSet *
small_set(const FitHost *host)
{
	FitSet *set = fit_set_new(host);

	for (int i = 0; i < 60; i++)
	{
		char	 text[200];
		uint32_t n;
		Feature *f;

		snprintf(text, sizeof(text), "%s%s", kinds[i % 3][i / 3 % 4], tails[i % 5]);
		f = cut_lawfully(text, strlen(text), &n);
		LAW(fit_set_add(set, f, n, (uint32_t) (i % 3)));
		free(f);
	}
	return set;
}

static const char *const names[] = {"noise", "leak", "quarrel", "things", "people"};
static const int32_t	 groups[] = {0, 0, 1};

static void *
small_model(bool grouped, size_t *len)
{
	FitHost	   host = {test_alloc, test_release, test_poll, NULL, (size_t) 1 << 28};
	FitClasses classes = {3, grouped ? 2 : 0, names, grouped ? groups : NULL};

	return fit_model(small_set(&host), &classes, 3, 3, len);
}

#ifndef MODEL_FUZZ

#include "tap.h"

/* ---- n-grams ---- */

/* Do two texts have a feature in common? */
static bool
share(const char *a, const char *b)
{
	uint32_t na, nb;
	Feature *fa = cut_lawfully(a, strlen(a), &na);
	Feature *fb = cut_lawfully(b, strlen(b), &nb);
	bool	 found = false;

	for (uint32_t i = 0; i < na; i++)
		for (uint32_t k = 0; k < nb; k++)
			found |= fa[i].key == fb[k].key;
	free(fa);
	free(fb);
	return found;
}

static bool
same(const char *a, const char *b)
{
	uint32_t na, nb;
	Feature *fa = cut_lawfully(a, strlen(a), &na);
	Feature *fb = cut_lawfully(b, strlen(b), &nb);
	bool	 equal = na == nb;

	for (uint32_t i = 0; equal && i < na; i++)
		equal = fa[i].key == fb[i].key && fa[i].value == fb[i].value;
	free(fa);
	free(fb);
	return equal;
}

static void
test_ngrams(void)
{
	uint32_t n;

	free(cut_lawfully("", 0, &n));
	ok(n == 0, "nothing has no features");
	ok(share("漏水了", "水管"), "a character is a feature");
	ok(!share("漏水了", "噪声"), "others are others");
	ok(share("big dog here", "a dog"), "a word of letters is one unit");
	ok(!share("dogma", "dog"), "its parts are none");
	ok(same("电话13812345678谢", "电话13987654321谢"), "telephone numbers are all the same");
	ok(same("电话138 1234 5678谢", "电话0571-87654321谢"), "with separators too");
	ok(same("身份证33012119800101123x。", "身份证330121198001011234。"), "identity cards");
	ok(same("车牌浙a12345停", "车牌浙b8k765停"), "plates");
	ok(same("邮箱zhang.san@example.com谢", "邮箱li4@mail.cn谢"), "e-mail addresses");
	ok(same("电话一三八零零一三八谢", "电话幺五九五五六六七谢"), "numbers read out");
	ok(same("电话138****5678谢", "电话13812345678谢"), "masked numbers");
	ok(!same("在12楼", "在13楼"), "short numbers tell what is meant");
	ok(ngram_named(1, "N101", 4) != ngram_named(2, "N101", 4), "names have their own spaces");
	ok(ngram_named(1, "N101", 4) != ngram_named(1, "N102", 4), "and differ");
}

static void
test_ngrams_random(void)
{
	static const char *const pieces[] = {"漏", "水", "a",  "1",	   "@",	   ".",	 "*",	 "-",
										 " ",  "。", "一", "\xE6", "\xFF", "\0", "12345"};
	unsigned				 state = 1;
	char					 text[3000];

	for (int round = 0; round < 2000; round++)
	{
		size_t	 len = 0;
		uint32_t n;

		for (int i = 0; i < round % 200; i++)
		{
			const char *piece =
				pieces[((state = state * 1103515245 + 12345) >> 16 & 0x7FFF) % lengthof(pieces)];
			size_t size = strlen(piece) > 0 ? strlen(piece) : 1;

			memcpy(text + len, piece, size);
			len += size;
		}
		free(cut_lawfully(text, len, &n));
	}
	ok(true, "random texts hold the laws");
}

static void
test_ngrams_long(void)
{
	size_t	 len = 6 << 20;
	char	*text = malloc(len);
	uint32_t n;

	/* looks ahead from each of them, as addresses and numbers do */
	for (size_t i = 0; i < len; i++)
		text[i] = "a.1-"[i % 4];
	free(cut_lawfully(text, len, &n));
	for (size_t i = 0; i + 3 <= len; i += 3)
		memcpy(text + i, i % 2 ? "水" : "漏", 3);
	free(cut_lawfully(text, len, &n));
	ok(n > NGRAM_MAX_UNITS && n <= NGRAM_MAX_FEATURES, "of a long text only the beginning is read");
	free(text);
}

/* ---- training ---- */

static int
guess(const Model *m, const char *text, float *sure)
{
	uint32_t	  n;
	Feature		 *f = cut_lawfully(text, strlen(text), &n);
	ModelScratch *scratch = model_scratch_init(m, calloc(1, model_scratch_size(m)));
	float		  p[8];
	float		  sum = 0;
	int			  best = 0;

	model_classify(m, scratch, f, n, p);
	for (uint32_t c = 0; c < m->nclasses; c++)
	{
		sum += p[c];
		if (p[c] > p[best])
			best = (int) c;
	}
	LAW(fabsf(sum - 1) < 1e-4f);
	*sure = p[best];
	free(scratch);
	free(f);
	return best;
}

static void
test_training(void)
{
	for (int grouped = 0; grouped <= 1; grouped++)
	{
		size_t len, again_len;
		void  *block = small_model(grouped, &len);
		void  *again = small_model(grouped, &again_len);
		Model  m;
		float  sure;

		ok(model_open(block, len, &m) == NULL, grouped ? "a model with groups" : "a model without groups");
		ok(guess(&m, "隔壁施工吵得睡不着", &sure) == 0 && sure > 0.5f, "knows noise");
		ok(guess(&m, "厨房水管滴水", &sure) == 1 && sure > 0.5f, "knows leaks");
		ok(guess(&m, "邻里为院墙争执", &sure) == 2 && sure > 0.5f, "knows quarrels");
		(void) guess(&m, "xyz", &sure);
		ok(sure < 0.6f, "and what it does not know");
		ok(len == again_len && memcmp(block, again, len) == 0, "the same again is the same");
		ok(memmem(block, len, "施工", strlen("施工")) == NULL, "it holds no text");
		test_release(NULL, block);
		test_release(NULL, again);
	}
}

static void
test_folds(void)
{
	FitHost	   host = {test_alloc, test_release, test_poll, NULL, (size_t) 1 << 28};
	FitClasses classes = {3, 0, names, NULL};
	FitSet	  *set = small_set(&host);
	uint32_t   folds[60];
	uint32_t   counts[3][3] = {0};
	float	  *scores;
	float	   sharpness, group_sharpness;
	int		   right = 0;
	bool	   even = true;
	bool	  *alike;
	int		   nalike = 0;

	fit_folds(set, 60, 3, folds);
	for (int i = 0; i < 60; i++)
		counts[i % 3][folds[i]]++;
	for (int c = 0; c < 3; c++)
		for (int f = 0; f < 3; f++)
			even &= counts[c][f] >= 5 && counts[c][f] <= 9;
	ok(even, "folds are even in each class");
	ok(fit_cross(set, &classes, 3, folds, &scores), "cross-validation");
	for (int i = 0; i < 60; i++)
	{
		const float *s = scores + 3 * i;

		right += s[i % 3] >= s[0] && s[i % 3] >= s[1] && s[i % 3] >= s[2];
	}
	ok(right >= 50, "learns what is plain");
	fit_sharpness(set, &classes, folds, FIT_NO_FOLD, scores, &sharpness, &group_sharpness);
	ok(sharpness > 0.1f && sharpness <= 30.1f, "how sure it may be");
	alike = fit_alike(set, 60, folds);
	for (int i = 0; i < 60; i++)
		nalike += alike[i];
	ok(nalike > 30, "texts that differ in their tails only are alike");
}

static void
test_memory(void)
{
	int		 polls = 0;
	FitHost	 host = {test_alloc, test_release, test_poll, &polls, (size_t) 1 << 20};
	FitSet	*set = fit_set_new(&host);
	Feature	 f[1000];
	uint32_t i;
	bool	 room = true;

	for (i = 0; room && i < 10000; i++)
	{
		for (uint32_t k = 0; k < 1000; k++)
			f[k] = (Feature){i * 1000 + k + 1, 1, 0, 0};
		room = fit_set_add(set, f, 1000, i % 2);
	}
	ok(!room && i < 1000, "no more than it may have");
	ok(fit_set_size(set) == i - 1, "what was refused is not in it");
	host.max_bytes = (size_t) 1 << 28;
	set = fit_set_new(&host);
	for (i = 0; i < 3000; i++)
	{
		for (uint32_t k = 0; k < 1000; k++)
			f[k] = (Feature){(i * 7 + k) % 5000 + 1, 1, 0, 0};
		LAW(fit_set_add(set, f, 1000, i % 2));
	}
	ok(polls > 0, "whoever waits is asked from time to time");
}

/* ---- damage ---- */

static void
test_damage(void)
{
	const char	*text = "隔壁施工吵得睡不着";
	size_t		 len;
	char		*block = small_model(true, &len);
	ModelHeader *h = (void *) block;
	int			 taken = 0;
	int			 resealed = 0;

	for (size_t i = 0; i < len; i++)
		for (int bit = 0; bit < 8; bit += 7)
		{
			block[i] ^= (char) (1 << bit);
			taken += open_lawfully(block, len, text, strlen(text)) == NULL;
			block[i] ^= (char) (1 << bit);
		}
	ok(taken == 0, "no flipped bit is taken");
	for (size_t n = 0; n < len; n++)
		taken += open_lawfully(block, n, text, strlen(text)) == NULL;
	ok(taken == 0, "no part is taken for the whole");
	/* with a checksum that fits, the laws must hold all the same */
	for (size_t i = 0; i < len; i++)
		for (int bit = 0; bit < 8; bit++)
		{
			uint32_t checksum = h->checksum;

			block[i] ^= (char) (1 << bit);
			model_seal(block, len);
			resealed += open_lawfully(block, len, text, strlen(text)) == NULL;
			block[i] ^= (char) (1 << bit);
			h->checksum = checksum;
		}
	ok(resealed > 0, "with its checksum made anew other weights are other weights, and nothing more");
	h->order = __builtin_bswap32(h->order);
	ok(strstr(open_lawfully(block, len, "", 0), "byte order") != NULL, "another byte order");
	h->order = MODEL_ORDER;
	h->format++;
	ok(strstr(open_lawfully(block, len, "", 0), "version") != NULL, "another format");
	h->format--;
	h->nslots = 3;
	model_seal(block, len);
	ok(strstr(open_lawfully(block, len, "", 0), "features") != NULL, "slots that are no power of two");
	test_release(NULL, block);
}

int
main(void)
{
	test_ngrams();
	test_ngrams_random();
	test_ngrams_long();
	test_training();
	test_folds();
	test_memory();
	test_damage();
	while (blocks.next != &blocks)
		test_release(NULL, blocks.next + 1);
	return tap_end();
}

#endif /* !MODEL_FUZZ */
