/*
 * text_laws.h
 *	  Laws of folding and of the matcher (extension/text/).  The matcher is held
 *	  against an oracle that compares every term at every byte.
 *
 * For the unit test and for tests/fuzz/fuzz_text.c, whose text is the fuzzer's
 * bytes.
 */
#ifndef TRIAGE_UNIT_TEXT_LAWS_H
#define TRIAGE_UNIT_TEXT_LAWS_H

#include "text/normalize.h"
#include "text/terms.h"
#include "text/utf8.h"

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

/* ---- laws of folding ---- */

/*
 * Fold any bytes; returns the folded copy (*folded_len bytes, to be freed).
 * Holds: no longer than the input; both functions agree; no white space at an
 * end, none doubled, no ASCII capital, no control character; folding once more
 * changes nothing and asks for nothing new.
 */
static char *
fold_lawfully(const char *bytes, size_t len, size_t *folded_len, bool *asks)
{
	char  *in = exact_copy(bytes, len);
	char  *out = exact_copy(bytes, TEXT_FOLD_BOUND(len));
	size_t n = text_fold(in, len, out, asks);
	char  *folded = exact_copy(out, n);
	bool   asks_again;

	LAW(n <= len);
	LAW(text_fold_normalized(in, len, out) == n && memcmp(out, folded, n) == 0);
	for (size_t i = 0; i < n; i++)
	{
		LAW((unsigned char) folded[i] >= ' ' && folded[i] != 0x7F);
		LAW(folded[i] < 'A' || folded[i] > 'Z');
		LAW(folded[i] != ' ' || (i > 0 && i < n - 1 && folded[i - 1] != ' '));
	}
	LAW(text_fold(folded, n, out, &asks_again) == n && memcmp(out, folded, n) == 0);
	LAW(asks_again == *asks);
	free(in);
	free(out);
	*folded_len = n;
	return folded;
}

/* ---- laws of the matcher ---- */

static bool
is_word(const char *text, size_t len, size_t i)
{
	return i < len &&
		   strchr("0123456789abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
				  text[i]) != NULL &&
		   text[i] != '\0';
}

/* Does term stand at text[at], by the words of terms.h? */
static bool
stands_at(const TermText *term, const char *text, size_t len, size_t at)
{
	size_t end = at + term->len;

	if (term->len == 0 || end > len || memcmp(text + at, term->bytes, term->len) != 0)
		return false;
	if (at > 0 && is_word(text, len, at) && is_word(text, len, at - 1))
		return false;
	return !(is_word(text, len, end - 1) && is_word(text, len, end));
}

static int
compare_hits(const TermHit *a, const TermHit *b)
{
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->end != b->end)
		return a->end > b->end ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

static void *
test_alloc(void *arg, size_t size)
{
	*(void **) arg = malloc(size);
	return *(void **) arg;
}

/* A matcher kept as bytes and adopted elsewhere finds the same. */
static void
find_adopted(const TermText *terms, uint32_t n, const char *text, size_t len, const TermHit *hits,
			 uint32_t found)
{
	size_t		 size = 0;
	char		*pool;
	char		*moved;
	TermText	*pooled = malloc((n + 1) * sizeof(TermText));
	TermHit		*again = malloc((found + 1) * sizeof(TermHit));
	void		*memory = NULL;
	void		*head = NULL;
	void		*copy;
	TermMatcher *m;

	for (uint32_t i = 0; i < n; i++)
		size += terms[i].len;
	pool = malloc(size + 1);
	size = 0;
	for (uint32_t i = 0; i < n; i++)
	{
		if (terms[i].len > 0)
			memcpy(pool + size, terms[i].bytes, terms[i].len);
		pooled[i] = (TermText){pool + size, terms[i].len};
		size += terms[i].len;
	}
	m = terms_build(pooled, n, test_alloc, &memory);
	terms_relate(m, pool);
	copy = malloc(terms_size(m));
	memcpy(copy, m, terms_size(m));
	moved = malloc(size + 1);
	memcpy(moved, pool, size);
	LAW(terms_adopt(copy, terms_size(m) - 1, moved, test_alloc, &head) == NULL);
	free(pool);
	size = terms_size(m);
	free(memory);
	m = terms_adopt(copy, size, moved, test_alloc, &head);
	LAW(m != NULL && terms_find(m, text, len, again, found) == found);
	LAW(memcmp(again, hits, found * sizeof(TermHit)) == 0);
	free(head);
	free(copy);
	free(moved);
	free(again);
	free(pooled);
}

/*
 * Find the terms and compare with the oracle: the same number, each hit once
 * and in order, the same beginning when room is short; terms that are no UTF-8
 * never.  Returns the number found.
 */
static uint32_t
find_lawfully(const TermText *terms, uint32_t n, const char *bytes, size_t len)
{
	char		*text = exact_copy(bytes, len);
	void		*memory = NULL;
	TermMatcher *m = terms_build(terms, n, test_alloc, &memory);
	uint32_t	 found = terms_find(m, text, len, NULL, 0);
	TermHit		*hits = malloc((found + 1) * sizeof(TermHit));
	uint32_t	 expected = 0;
	uint32_t	 room = found / 2;

	LAW(m != NULL && (void *) m == memory && hits != NULL);
	LAW(terms_find(m, text, len, hits, found) == found);
	for (uint32_t i = 0; i < found; i++)
	{
		LAW(hits[i].id < n && hits[i].end == hits[i].start + terms[hits[i].id].len);
		LAW(utf8_is_valid(terms[hits[i].id].bytes, terms[hits[i].id].len));
		LAW(stands_at(&terms[hits[i].id], text, len, hits[i].start));
		LAW(i == 0 || compare_hits(&hits[i - 1], &hits[i]) < 0);
	}
	for (uint32_t k = 0; k < n; k++)
	{
		if (!utf8_is_valid(terms[k].bytes, terms[k].len))
			continue;
		for (size_t at = 0; at < len; at++)
			expected += stands_at(&terms[k], text, len, at);
	}
	LAW(found == expected);
	find_adopted(terms, n, text, len, hits, found);

	if (room > 0)
	{
		TermHit *some = malloc(room * sizeof(TermHit));

		LAW(some != NULL && terms_find(m, text, len, some, room) == found);
		LAW(memcmp(some, hits, room * sizeof(TermHit)) == 0);
		free(some);
	}
	free(hits);
	free(memory);
	free(text);
	return found;
}

#endif
