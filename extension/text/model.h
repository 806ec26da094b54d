/*
 * model.h
 *	  A linear classifier of texts as one value, and its use.
 *
 * Pure C: no server headers, no global state, no allocation.
 *
 * A model has classes, which may stand in groups, and weights of features
 * (ngrams.h).  It stores hashes and weights, no text but the names of its
 * classes.  It is one block of bytes, read in place:
 *
 *	 ModelHeader, ModelNode[classes + groups], ModelSlot[slots],
 *	 ModelEntry[entries], names
 *
 * in the byte order of the machine that made it.  model_open() looks at every
 * number by which the rest finds its way, so that no bytes, whoever wrote
 * them, lead outside the block.
 */
#ifndef TRIAGE_TEXT_MODEL_H
#define TRIAGE_TEXT_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/ngrams.h"

#define MODEL_MAGIC	  "TRIAGEML"
#define MODEL_ORDER	  0x01020304
#define MODEL_FORMAT  1
#define MODEL_CLASSES 4096 /* at most, groups included */

typedef struct ModelHeader
{
	char	 magic[8];
	uint32_t order;	   /* MODEL_ORDER as the writing machine stores it */
	uint32_t format;   /* of this layout and of the features */
	uint32_t checksum; /* CRC-32C of all that follows this field */
	uint32_t len;	   /* of the whole */
	uint32_t nclasses;
	uint32_t ngroups;
	uint32_t nslots; /* a power of two */
	uint32_t nentries;
	uint32_t names_len;
	uint32_t nexamples; /* it was trained with */
	float	 sharpness; /* turns scores of classes (within their group) into probabilities */
	float	 group_sharpness;
} ModelHeader;

/* A class, or behind the classes a group. */
typedef struct ModelNode
{
	uint32_t name; /* offset among the names */
	uint32_t name_len;
	int32_t	 group; /* index of the class's group, -1 = none */
	uint32_t nexamples;
	float	 scale; /* weight of an entry = scale * its number */
	float	 bias;
} ModelNode;

/* A feature: found by its key, by linear probing from the key's low bits. */
typedef struct ModelSlot
{
	uint32_t key; /* 0 = free */
	uint32_t first;
	uint32_t count;	 /* its entries */
	float	 rarity; /* inverse document frequency */
} ModelSlot;

typedef struct ModelEntry
{
	uint16_t node;
	int16_t	 weight;
} ModelEntry;

/* Where things are in a block that was found sound. */
typedef struct Model
{
	const ModelHeader *header;
	const ModelNode	  *nodes;
	const ModelSlot	  *slots;
	const ModelEntry  *entries;
	const char		  *names;
	uint32_t		   nclasses;
	uint32_t		   nnodes;
} Model;

/* What one classification needs; the caller's, of model_scratch_size() bytes, all zero at first. */
typedef struct ModelScratch
{
	uint32_t  ntouched;
	float	  known; /* share of the last text's features that the model knows */
	float	  norm;
	float	 *counts;  /* by slot; zero between uses */
	uint32_t *firsts;  /* by slot: a feature of the text that has this key */
	uint32_t *touched; /* slots of the features of the last text */
	float	 *scores;  /* by node */
} ModelScratch;

/* A feature of the text and what it did. */
typedef struct ModelReason
{
	uint32_t start; /* bytes of the text */
	uint32_t len;
	float	 weight; /* for the class, against the other one */
} ModelReason;

/* Features that a text and its named features have together at most. */
#define MODEL_MAX_FEATURES (NGRAM_MAX_FEATURES + 4096)

/*
 * Read a block; it must be aligned to 8 bytes and stay where it is.  Returns
 * NULL, or what is wrong with it, in words that follow "the model ...".
 */
extern const char *model_open(const void *bytes, size_t len, Model *m);

/* Set the checksum of a block that is complete otherwise. */
extern void model_seal(void *bytes, size_t len);

extern size_t		 model_scratch_size(const Model *m);
extern ModelScratch *model_scratch_init(const Model *m, void *memory);

/* Probability of each class for a text with these features; p holds nclasses and sums to 1. */
extern void
model_classify(const Model *m, ModelScratch *scratch, const Feature *features, uint32_t n, float *p);

/*
 * Why class a and not b (b < 0: of itself): the n-grams of the text classified
 * last that spoke most for it, best first, not more than max; returns how many.
 */
extern int model_reasons(const Model *m, const ModelScratch *scratch, const Feature *features, int a, int b,
						 ModelReason *out, int max);

/* Scores to probabilities, as model_classify() does it; groups = NULL: none. */
extern void model_probabilities(const float *scores, const int32_t *groups, uint32_t nclasses,
								uint32_t ngroups, float sharpness, float group_sharpness, float *p);

#endif
