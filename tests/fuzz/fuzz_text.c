/*
 * fuzz_text.c
 *	  libFuzzer target: the laws of folding and of the matcher, with text and
 *	  terms made from the fuzzer's bytes.
 *
 *		clang -g -O1 -fsanitize=fuzzer,address,undefined -Iextension \
 *			tests/fuzz/fuzz_text.c extension/text/[*].c
 *
 * The laws and the oracle are those of the unit test.
 */
#include "../unit/text_laws.h"

#define MOST_TERMS 24

/*
 * Input: a byte n; n pairs of offset and length, which cut the terms out of
 * what follows (so that they occur in it); the text.  Text and terms are
 * searched both as they are and folded.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TermText	terms[MOST_TERMS];
	TermText	folded_terms[MOST_TERMS];
	uint32_t	n;
	uint32_t	n_folded = 0;
	const char *text;
	size_t		len;
	char	   *folded;
	size_t		folded_len;
	bool		asks;

	if (size < 1)
		return 0;
	n = data[0] % (MOST_TERMS + 1);
	if (size < 1 + 2 * (size_t) n + 1)
		return 0;
	text = (const char *) data + 1 + 2 * n;
	len = size - 1 - 2 * n;

	folded = fold_lawfully(text, len, &folded_len, &asks);
	for (uint32_t i = 0; i < n; i++)
	{
		size_t from = data[1 + 2 * i] % len;
		size_t most = len - from;
		size_t term_len = 1 + data[2 + 2 * i] % (most < 40 ? most : 40);

		terms[i].bytes = exact_copy(text + from, term_len);
		terms[i].len = (uint32_t) term_len;
		folded_terms[n_folded].bytes = fold_lawfully(text + from, term_len, &term_len, &asks);
		folded_terms[n_folded].len = (uint32_t) term_len;
		if (term_len > 0)
			n_folded++;
		else
			free((char *) folded_terms[n_folded].bytes);
	}

	find_lawfully(terms, n, text, len);
	find_lawfully(folded_terms, n_folded, folded, folded_len);

	for (uint32_t i = 0; i < n; i++)
		free((char *) terms[i].bytes);
	for (uint32_t i = 0; i < n_folded; i++)
		free((char *) folded_terms[i].bytes);
	free(folded);
	return 0;
}
