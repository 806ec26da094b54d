/*
 * fit.h
 *	  Trains a model (model.h) from examples.
 *
 * Pure C: no server headers, no global state; memory comes from the caller.
 */
#ifndef TRIAGE_TEXT_FIT_H
#define TRIAGE_TEXT_FIT_H

#include "text/model.h"

/*
 * What fitting needs of its caller.  alloc() returns memory aligned to 8
 * bytes, never NULL.  poll() is called every few milliseconds; it and alloc()
 * may leave by a longjmp: whoever does so frees all that alloc() gave.
 */
typedef struct FitHost
{
	void *(*alloc)(void *arg, size_t size);
	void (*release)(void *arg, void *memory);
	void (*poll)(void *arg);
	void  *arg;
	size_t max_bytes; /* of memory held at a time */
} FitHost;

typedef struct FitSet FitSet;

/* Examples; the host is copied. */
extern FitSet *fit_set_new(const FitHost *host);
/* Add one; features of the same key are added up.  false: no memory left within max_bytes. */
extern bool fit_set_add(FitSet *set, const Feature *features, uint32_t n, uint32_t class_index);
/* Give the classes other numbers: new_number[old]. */
extern void		fit_set_renumber(FitSet *set, const uint32_t *new_number);
extern uint32_t fit_set_size(const FitSet *set);
extern uint32_t fit_set_class(const FitSet *set, uint32_t example);

/* Classes by index; their names are used by fit_model() only. */
typedef struct FitClasses
{
	uint32_t		   nclasses;
	uint32_t		   ngroups; /* 0 = classes stand alone */
	const char *const *names;	/* of the classes, then of the groups */
	const int32_t	  *groups;	/* of each class; NULL when ngroups is 0 */
} FitClasses;

#define FIT_NO_FOLD UINT32_MAX

/*
 * Fold of each of the first n examples, 0 .. nfolds - 1; the others get none.  Depends on the examples alone, not
 * on their order; the same text always gets the same fold, and each class is
 * spread evenly.
 */
extern void fit_folds(const FitSet *set, uint32_t n, uint32_t nfolds, uint32_t *folds);

/*
 * Scores of each example by a model that was trained without its fold: classes
 * then groups, by row.  An example whose fold is FIT_NO_FOLD trains all models
 * and is scored by none.  false: no memory left.
 */
extern bool fit_cross(const FitSet *set, const FitClasses *classes, uint32_t nfolds, const uint32_t *folds,
					  float **scores);

/*
 * Which of the first n examples have a text much like theirs in another fold
 * (most of those that share half of what they say are found): an array from
 * alloc().
 */
extern bool *fit_alike(const FitSet *set, uint32_t n, const uint32_t *folds);

/* What turns scores of held-out examples into probabilities; those of fold `but` are left out. */
extern void fit_sharpness(const FitSet *set, const FitClasses *classes, const uint32_t *folds, uint32_t but,
						  const float *scores, float *sharpness, float *group_sharpness);

/* A model of all examples, as one block from alloc(); NULL: no memory left. */
extern void *
fit_model(const FitSet *set, const FitClasses *classes, float sharpness, float group_sharpness, size_t *len);

#endif
