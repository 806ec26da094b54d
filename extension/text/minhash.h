/*
 * minhash.h
 *	  What a text is about, as numbers that can be compared and indexed.
 *
 * Pure C: no server headers, no global state, no allocation.
 *
 * A folded text is cut into units: a Han character (or another of a script
 * without blanks), a run of letters, a run of digits.  Two neighbouring units
 * are a shingle; anything else between them parts them.  A feature is the hash
 * of a shingle with its number of occurrences; those among the first units
 * count more, because what a report is about stands at its beginning.  Runs of
 * seven digits and more, which are telephone and identity numbers, are no
 * units: no number of a person gets into a signature.
 *
 * The signature is a sample of the features, taken by their hashes (bottom-k
 * MinHash, weighted by occurrences): texts that have features in common have
 * numbers of their signatures in common, whatever else they hold, and a
 * signature depends on its own text alone.  An index over the numbers finds
 * candidates; text_cosine() then compares all features, rare ones counting
 * more as FeatureWeights says.
 *
 * Bytes are taken as they are: what is no valid UTF-8 parts units.
 */
#ifndef TRIAGE_TEXT_MINHASH_H
#define TRIAGE_TEXT_MINHASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct TextFeature
{
	uint32_t hash;
	uint32_t count; /* occurrences, those at the beginning several times */
} TextFeature;

#define MAX_FEATURES   2048 /* of one text; later ones are left out */
#define SIGNATURE_SIZE 48	/* numbers at most */

/* The features of a folded text, ascending by hash, each once; returns how many.  out holds MAX_FEATURES. */
extern int text_features(const char *folded, size_t len, TextFeature *out);

/* The signature, ascending; returns how many numbers.  out holds SIGNATURE_SIZE. */
extern int text_signature(const TextFeature *features, int n, uint32_t *out);

/*
 * In how many of so many texts a feature occurs, for those that occur often.
 * Views into one value made by text_weights_make(), which outlives it.
 */
typedef struct FeatureWeights
{
	uint32_t	texts; /* counted; 0 = nothing is known, all weigh the same */
	uint32_t	n;
	const char *hashes;		 /* n times four bytes, ascending */
	const char *counts;		 /* n times two bytes */
	uint32_t	first[4097]; /* where the hashes with these twelve leading bits begin */
	float		weight[256]; /* of a feature that so many texts have */
} FeatureWeights;

#define MAX_WEIGHTS 131072

/* Bytes of the value that holds n features. */
#define TEXT_WEIGHTS_SIZE(n) (16 + (size_t) 6 * (n))

/*
 * Make the value from all features of so many texts, hashes in any order, one
 * entry for each text that has the feature; the array is sorted in place.
 * What occurs once is left out, and the rarest where there are more than
 * MAX_WEIGHTS.  out holds TEXT_WEIGHTS_SIZE(MAX_WEIGHTS); returns the bytes used.
 */
extern size_t text_weights_make(uint32_t *hashes, size_t n, uint32_t texts, char *out);

/* Read a value; false, and nothing is known, when it is damaged or of another kind. */
extern bool text_weights_read(FeatureWeights *w, const char *value, size_t len);

/* How many of the counted texts have the feature; 1 for one that is not listed. */
extern uint32_t text_weights_count(const FeatureWeights *w, uint32_t hash);

/* What a feature weighs: ln((texts + 1) / (count + 1/2)), 1 when nothing is known. */
extern double text_weight(const FeatureWeights *w, uint32_t hash);

/* How alike two texts are, 0 to 1; both ascending by hash. */
extern double
text_cosine(const FeatureWeights *w, const TextFeature *a, int na, const TextFeature *b, int nb);

#endif
