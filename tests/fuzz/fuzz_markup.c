/*
 * fuzz_markup.c
 *	  libFuzzer target: the words of HTML and of mail bodies.
 *
 *		clang -g -O1 -fsanitize=fuzzer,address,undefined -Iextension \
 *			tests/fuzz/fuzz_markup.c extension/text/[*].c
 *
 * The laws are those of the unit test.
 */
#define TEXT_FUZZ
#include "../unit/test_markup.c"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_laws((const char *) data, size);
	return 0;
}
