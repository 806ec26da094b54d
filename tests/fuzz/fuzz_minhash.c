/*
 * fuzz_minhash.c
 *	  libFuzzer target: the laws of signatures, of stored weights and of
 *	  contacts' normal form, with the fuzzer's bytes, as they are and folded.
 *
 * The laws are those of the unit test.
 */
#define MINHASH_FUZZ
#include "../unit/test_minhash.c"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static TextFeature whole[MAX_FEATURES], half[MAX_FEATURES];
	const char		  *text = (const char *) data;
	char			  *folded = malloc(TEXT_FOLD_BOUND(size) + 1);
	char			   form[MAX_CONTACT];
	bool			   asks;
	size_t			   len = text_fold(text, size, folded, &asks);
	int				   n = features_lawfully(text, size, whole);
	int				   m = features_lawfully(folded, len / 2, half);
	double			   x = text_cosine(&unknown, whole, n, half, m);

	LAW(x >= 0 && x <= 1);
	contact_lawfully(text, size, form);
	contact_lawfully(folded, len, form);
	weights_lawfully(text, size);
	free(folded);
	return 0;
}
