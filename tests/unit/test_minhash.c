/*
 * test_minhash.c
 *	  Examples and laws of text signatures and of contacts' normal form
 *	  (extension/text/minhash.c, contact.c), as TAP.
 *
 * tests/fuzz/fuzz_minhash.c includes this file with MINHASH_FUZZ defined and
 * holds the same laws with the fuzzer's bytes.
 */
#include "text/contact.h"
#include "text/minhash.h"
#include "text/normalize.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* A copy that ends where its block ends, so that reading on is noticed. */
static char *
exact_copy(const char *bytes, size_t len)
{
	char *copy = malloc(len > 0 ? len : 1);

	LAW(copy != NULL);
	if (len > 0)
		memcpy(copy, bytes, len);
	return copy;
}

static const FeatureWeights unknown;

/*
 * Features of any bytes: ascending, each once.  The signature: ascending, each
 * a feature, no more than there are; a text is wholly like itself and likeness
 * is mutual.
 */
static int
features_lawfully(const char *bytes, size_t len, TextFeature *f)
{
	char	*in = exact_copy(bytes, len);
	uint32_t sig[SIGNATURE_SIZE];
	int		 n = text_features(in, len, f);
	int		 k = text_signature(f, n, sig);

	LAW(n >= 0 && n <= MAX_FEATURES);
	for (int i = 0; i < n; i++)
		LAW(f[i].count > 0 && (i == 0 || f[i - 1].hash < f[i].hash));
	LAW(k == (n < SIGNATURE_SIZE ? n : SIGNATURE_SIZE));
	for (int i = 0, j = 0; i < k; i++)
	{
		LAW(i == 0 || sig[i - 1] < sig[i]);
		while (j < n && f[j].hash < sig[i])
			j++;
		LAW(j < n && f[j].hash == sig[i]);
	}
	LAW(n == 0 || text_cosine(&unknown, f, n, f, n) > 0.999);
	free(in);
	return n;
}

/* The form begins with its kind and has no blank; a number's form is its own form. */
static size_t
contact_lawfully(const char *bytes, size_t len, char *form)
{
	char  *in = exact_copy(bytes, len);
	size_t n = contact_form(in, len, form);

	LAW(n <= MAX_CONTACT && n != 1);
	if (n > 0)
	{
		char   again[MAX_CONTACT];
		size_t m;

		LAW(form[0] == 'n' || form[0] == 't');
		LAW(memchr(form, ' ', n) == NULL);
		if (form[0] == 'n')
		{
			for (size_t i = 1; i < n; i++)
				LAW(form[i] >= '0' && form[i] <= '9');
			m = contact_form(form + 1, n - 1, again);
			LAW(m > 0 && again[0] == 'n');
		}
	}
	free(in);
	return n;
}

/* Any value is read or refused; what is read can be searched. */
static void
weights_lawfully(const char *value, size_t len)
{
	char		  *in = exact_copy(value, len);
	FeatureWeights w;

	if (text_weights_read(&w, in, len))
		for (uint32_t h = 0; h < 3; h++)
			LAW(text_weight(&w, h * 0x7fffffffU) > 0);
	else
		LAW(w.texts == 0 && w.n == 0 && text_weight(&w, 1) == 1.0);
	free(in);
}

#ifndef MINHASH_FUZZ

#include "tap.h"

static int
features_of(const char *text, TextFeature *f)
{
	size_t len = strlen(text);
	char  *folded = malloc(TEXT_FOLD_BOUND(len) + 1);
	bool   asks;
	int	   n = features_lawfully(folded, text_fold(text, len, folded, &asks), f);

	free(folded);
	return n;
}

static double
likeness(const char *a, const char *b)
{
	static TextFeature fa[MAX_FEATURES], fb[MAX_FEATURES];
	int				   na = features_of(a, fa);
	int				   nb = features_of(b, fb);
	double			   x = text_cosine(&unknown, fa, na, fb, nb);

	LAW(fabs(x - text_cosine(&unknown, fb, nb, fa, na)) < 1e-12);
	LAW(x >= 0 && x <= 1);
	return x;
}

static int
common_numbers(const char *a, const char *b)
{
	static TextFeature f[MAX_FEATURES];
	uint32_t		   sa[SIGNATURE_SIZE], sb[SIGNATURE_SIZE];
	int				   na = text_signature(f, features_of(a, f), sa);
	int				   nb = text_signature(f, features_of(b, f), sb);
	int				   common = 0;

	for (int i = 0; i < na; i++)
		for (int j = 0; j < nb; j++)
			common += sa[i] == sb[j];
	return common;
}

static void
test_features(void)
{
	static TextFeature f[MAX_FEATURES];
	const char		  *leak = "江南街道望春路18号路面冒水，水管爆裂，请尽快处理";
	const char		  *leak2 = "望春路18号水管爆裂，水一直往路面冒，没人来处理";
	const char		  *dance = "广场舞音响太吵，晚上十点还不停，老人小孩都睡不着";
	char			  *longest = malloc(200001);

	ok(features_of("", f) == 0, "nothing in an empty text");
	ok(features_of("水", f) == 0, "one unit makes no shingle");
	ok(features_of("漏水", f) == 1, "two make one");
	ok(features_of("漏水漏水", f) == 2, "漏水 and 水漏, each once");
	ok(features_of("漏，水", f) == 0, "punctuation parts");
	ok(features_of("漏 水", f) == 1, "a blank does not");
	ok(features_of("water leak", f) == 1, "words are units");
	ok(features_of("电话13812345678打不通", f) == features_of("电话，打不通", f),
	   "a telephone number is no unit");
	ok(features_of("18号", f) == 1, "a house number is");
	ok(likeness("ＷＡＴＥＲ Leak here", "water leak HERE") > 0.999, "after folding");
	ok(likeness(leak, leak2) > 0.4, "two reports of one leak");
	ok(likeness(leak, dance) < 0.1, "a leak and a dance");
	ok(common_numbers(leak, leak2) > 3, "signatures meet");
	ok(common_numbers(leak, dance) == 0, "signatures of other matters do not");
	ok(common_numbers(leak, leak) > 10, "a signature meets itself");
	memset(longest, 'a', 200000);
	for (int i = 3; i < 200000; i += 4)
		longest[i] = " x1 "[i / 4 % 4];
	longest[200000] = '\0';
	ok(features_of(longest, f) <= MAX_FEATURES, "a long text has an end");
	free(longest);
	ok(features_lawfully("\xe6\xb0\xff\xc3", 4, f) == 0, "bytes that are no text");
}

static void
test_weights(void)
{
	uint32_t	   hashes[] = {7, 5, 7, 9, 5, 7, 4000000000U};
	char		  *value = malloc(TEXT_WEIGHTS_SIZE(MAX_WEIGHTS));
	uint32_t	  *many = malloc(sizeof(uint32_t) * 600000);
	FeatureWeights w;
	size_t		   len = text_weights_make(hashes, 7, 10, value);

	ok(len == TEXT_WEIGHTS_SIZE(2), "what occurs once is not kept");
	ok(text_weights_read(&w, value, len) && w.texts == 10, "a value is read back");
	ok(text_weights_count(&w, 7) == 3 && text_weights_count(&w, 5) == 2, "with its counts");
	ok(text_weights_count(&w, 9) == 1 && text_weights_count(&w, 1) == 1, "others count once");
	ok(text_weight(&w, 9) > text_weight(&w, 5) && text_weight(&w, 5) > text_weight(&w, 7),
	   "rare ones weigh more");
	weights_lawfully(value, len);
	weights_lawfully(value, len - 1);
	for (size_t i = 0; i < len; i++)
	{
		value[i] ^= 0x20;
		/* the number of texts is not summed */
		if (i < 4 || i >= 8)
			LAW(!text_weights_read(&w, value, len));
		value[i] ^= 0x20;
	}
	ok(true, "a damaged value is refused wherever the damage is");
	ok(text_weights_make(hashes, 0, 0, value) == TEXT_WEIGHTS_SIZE(0) &&
		   text_weights_read(&w, value, TEXT_WEIGHTS_SIZE(0)) && text_weight(&w, 3) == 1.0,
	   "no texts, nothing known");
	for (int i = 0; i < 600000; i++)
		many[i] = i < 400000 ? (uint32_t) i / 2 : 1000000 + (uint32_t) i / 4;
	len = text_weights_make(many, 600000, 1000, value);
	ok(text_weights_read(&w, value, len) && w.n == 50000 && text_weights_count(&w, 1100010) == 4 &&
		   text_weights_count(&w, 3) == 1,
	   "the rarest go when there are too many");
	free(many);
	free(value);
}

static void
test_contacts(void)
{
	static const char *const pairs[][2] = {
		{"13812345678", "n13812345678"},
		{"+86 138-1234-5678", "n13812345678"},
		{"0086 13812345678", "n13812345678"},
		{"86-13812345678", "n13812345678"},
		{"１３８１２３４５６７８", "n13812345678"},
		{"013812345678", "n13812345678"},
		{"0579-87123456", "n057987123456"},
		{"(0579) 8712 3456", "n057987123456"},
		{"+86 579 87123456", "n057987123456"},
		{"+86 (0)579 87123456", "n057987123456"},
		{"0086-579-87123456", "n057987123456"},
		{"+86 10 62345678", "n01062345678"},
		{"010-62345678转801", "n01062345678"},
		{"010-62345678 ext. 801", "n01062345678"},
		{"87123456", "n87123456"},
		{"86123456", "n86123456"},
		{"12345", "n12345"},
		{"+44 20 7946 0958", "n442079460958"},
		{"Wang@Example.com ", "twang@example.com"},
		{"微信：小王", "t微信:小王"},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
	{
		size_t len = strlen(pairs[i][0]);
		char  *folded = malloc(TEXT_FOLD_BOUND(len) + 1);
		char   form[MAX_CONTACT + 1];
		bool   asks;
		size_t n = contact_lawfully(folded, text_fold(pairs[i][0], len, folded, &asks), form);

		form[n] = '\0';
		ok(strcmp(form, pairs[i][1]) == 0, "%s", pairs[i][0]);
		if (strcmp(form, pairs[i][1]) != 0)
			printf("# have %s, want %s\n", form, pairs[i][1]);
		free(folded);
	}
	ok(contact_lawfully("  ", 2, (char[MAX_CONTACT]){0}) == 0, "blanks are nobody's");
}

int
main(void)
{
	test_features();
	test_weights();
	test_contacts();
	return tap_end();
}

#endif
