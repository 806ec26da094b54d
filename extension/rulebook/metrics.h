/*
 * metrics.h
 *	  How good guesses of classes are, as numbers and as jsonb.
 */
#ifndef TRIAGE_RULEBOOK_METRICS_H
#define TRIAGE_RULEBOOK_METRICS_H

#include "base/json.h"

typedef struct Guess
{
	int32 truth;
	int32 guess;	  /* -1 = none */
	float confidence; /* 0..1 */
	bool  decided;	  /* would go to a department without a person */
} Guess;

/*
 * The whole of it under a key: n, accuracy, macro_f1, decided, coverage at a
 * precision, calibration; with details also per_class and confusion.  Sorts
 * the guesses.
 */
extern void metrics_put(JsonBuild *b, const char *key, Guess *guesses, uint32 n, const char *const *names,
						uint32 nclasses, bool details);

extern double metrics_accuracy(const Guess *guesses, uint32 n);
extern double metrics_macro_f1(const Guess *guesses, uint32 n, uint32 nclasses);
/* Largest share of the surest guesses of which at least `precision` are right.  Sorts the guesses. */
extern double metrics_coverage(Guess *guesses, uint32 n, double precision);

#endif
