/*
 * ngrams.h
 *	  Cuts a folded text into the features that a classifier weighs.
 *
 * Pure C: no server headers, no global state, no allocation.
 *
 * A unit is one character, or a word of ASCII letters and digits.  Features
 * are single units and pairs of neighbours; those of the beginning, where
 * people put the subject, count once more as features of their own; and short
 * stretches between spaces or punctuation, which are the words of a text that
 * is written with spaces.  A feature is a 32-bit hash, not a text.
 *
 * Numbers that may belong to a person (telephone, identity card, plate; five
 * digits or more, also with spaces or dashes between, also in Chinese
 * numerals) and e-mail addresses all are one and the same unit, so that a
 * model cannot remember them.
 */
#ifndef TRIAGE_TEXT_NGRAMS_H
#define TRIAGE_TEXT_NGRAMS_H

#include <stddef.h>
#include <stdint.h>

typedef struct Feature
{
	uint32_t key; /* never 0 */
	float	 value;
	uint32_t start; /* the bytes of the text it stands for; nothing for named features */
	uint32_t len;
} Feature;

/* Units of a text that are read; what follows is left out. */
#define NGRAM_MAX_UNITS 4000
/* Units that count as the beginning. */
#define NGRAM_LEAD_UNITS 30
/* Features that one text has at most. */
#define NGRAM_MAX_FEATURES (3 * NGRAM_MAX_UNITS + 2 * NGRAM_LEAD_UNITS)

/* Cut a folded text; out holds NGRAM_MAX_FEATURES.  Returns how many there are. */
extern uint32_t ngrams_of(const char *text, size_t len, Feature *out);

/* Key of a feature that has a name instead of a text, in a name space (0-255) of the caller's. */
extern uint32_t ngram_named(int space, const char *name, size_t len);

#endif
