/*
 * fit_internal.h
 *	  What the files that train a model share: the examples and one training.
 */
#ifndef TRIAGE_TEXT_FIT_INTERNAL_H
#define TRIAGE_TEXT_FIT_INTERNAL_H

#include "text/fit.h"

typedef struct Cell
{
	uint32_t feature;
	float	 value;
} Cell;

typedef struct Example
{
	Cell	*cells;
	uint32_t ncells;
	uint32_t class_index;
	uint64_t content; /* hash of all features: the same for the same text */
} Example;

struct FitSet
{
	FitHost	  host;
	size_t	  held; /* bytes */
	Example	 *examples;
	uint32_t  nexamples, max_examples;
	uint32_t *keys; /* of the features */
	uint32_t  nfeatures, max_features;
	uint32_t *index; /* open addressing: feature + 1, 0 = free */
	uint32_t  index_size;
	uint32_t *seen;	 /* by feature: last example that has it, + 1 */
	uint32_t *place; /* by feature: its cell there */
	Cell	 *buffer;
	char	 *chunk; /* cells are cut from it */
	size_t	  chunk_left;
	uint32_t  work;
};

/* Memory of the host, counted; NULL: no more within max_bytes. */
extern void *fit_take(FitSet *set, size_t size);
extern void	 fit_give(FitSet *set, void *memory, size_t size);
/* Tell of features looked at: polls from time to time. */
extern void fit_worked(const FitSet *set, uint32_t amount);

/* A hash of a number. */
extern uint64_t fit_spread(uint64_t h);

/* Weight of a feature for the class being learned, and the square of its scale. */
typedef struct Weight
{
	float w;
	float scale2;
} Weight;

typedef struct Training
{
	FitSet			 *set;
	const FitClasses *classes;
	uint32_t		  nrows; /* examples trained with */
	uint32_t		 *rows;
	float			 *rarity; /* by feature; 0 = not learned */
	float			**values; /* by example: of its cells, length 1; also of those not trained with */
	size_t			  nvalues;
	float			 *block;
	/* one level: rows of it, with their labels */
	uint32_t  nlevel;
	uint32_t *level;
	uint32_t *order;
	float	 *totals; /* by feature, over the level */
	float	 *alpha;  /* by place in level */
	float	 *length; /* the same */
	Weight	 *weights;
	float	  bias;
} Training;

/* What is done with each class once it is learned. */
typedef void (*Learned)(Training *t, uint32_t node, void *arg);

/* All arrays of a training in one piece; false: no memory.  The caller fills rows and nrows. */
extern bool fit_training_begin(Training *t, const FitSet *set, const FitClasses *classes);
extern void fit_training_end(Training *t);
/* Learn the groups, then in each group its classes; without groups the classes. */
extern void fit_learn_all(Training *t, Learned learned, void *arg);

#endif
