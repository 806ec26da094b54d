/*
 * fuzz_model.c
 *	  libFuzzer target: loading a model from bytes, and classifying with it.
 *
 * The first byte says how: the bytes themselves as a model, or a sound model
 * with some of its bytes replaced and its checksum made anew, so that the
 * checks behind the checksum are reached.  The laws are those of the unit test.
 */
#define MODEL_FUZZ
#include "../unit/test_model.c"

/*
 * Input: a byte that says how; then either bytes of a model, or a byte n, n
 * triples of an offset (2 bytes) and a value, and a text.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char	 *sound[2];
	static size_t sound_len[2];
	size_t		  n;
	char		 *block;
	int			  which;

	if (size < 2)
		return 0;
	which = data[0] & 1;
	if (data[0] & 2)
	{
		(void) open_lawfully(data + 1, size - 1, "漏水", strlen("漏水"));
		return 0;
	}
	if (sound[which] == NULL)
		sound[which] = small_model(which, &sound_len[which]);
	n = data[1];
	if (size < 2 + 3 * n)
		return 0;
	block = malloc(sound_len[which]);
	memcpy(block, sound[which], sound_len[which]);
	for (size_t i = 0; i < n; i++)
	{
		const uint8_t *at = data + 2 + 3 * i;

		block[((size_t) at[0] << 8 | at[1]) % sound_len[which]] = (char) at[2];
	}
	model_seal(block, sound_len[which]);
	(void) open_lawfully(block, sound_len[which], (const char *) data + 2 + 3 * n, size - 2 - 3 * n);
	free(block);
	return 0;
}
