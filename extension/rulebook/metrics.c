/*
 * metrics.c
 *	  How good guesses of classes are, as numbers and as jsonb.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "rulebook/metrics.h"

typedef struct ClassCount
{
	uint32 right;
	uint32 real;
	uint32 guessed;
} ClassCount;

static bool
is_right(const Guess *g)
{
	return g->guess == g->truth;
}

double
metrics_accuracy(const Guess *guesses, uint32 n)
{
	uint32 right = 0;

	for (uint32 i = 0; i < n; i++)
		right += is_right(&guesses[i]);
	return n > 0 ? (double) right / n : 0;
}

static ClassCount *
count_classes(const Guess *guesses, uint32 n, uint32 nclasses)
{
	ClassCount *counts = palloc0(Max(nclasses, 1) * sizeof(ClassCount));

	for (uint32 i = 0; i < n; i++)
	{
		counts[guesses[i].truth].real++;
		counts[guesses[i].truth].right += is_right(&guesses[i]);
		if (guesses[i].guess >= 0)
			counts[guesses[i].guess].guessed++;
	}
	return counts;
}

static double
ratio(double part, double whole)
{
	return whole > 0 ? part / whole : 0;
}

static double
f1_of(const ClassCount *c)
{
	return ratio(2.0 * c->right, (double) c->real + c->guessed);
}

/* Mean over the classes that occur. */
double
metrics_macro_f1(const Guess *guesses, uint32 n, uint32 nclasses)
{
	ClassCount *counts = count_classes(guesses, n, nclasses);
	double		sum = 0;
	uint32		real = 0;

	for (uint32 c = 0; c < nclasses; c++)
	{
		if (counts[c].real == 0)
			continue;
		sum += f1_of(&counts[c]);
		real++;
	}
	pfree(counts);
	return ratio(sum, real);
}

static int
surest_first(const void *a, const void *b)
{
	const Guess *x = a;
	const Guess *y = b;

	if ((x->guess < 0) != (y->guess < 0))
		return x->guess < 0 ? 1 : -1;
	if (x->confidence != y->confidence)
		return x->confidence > y->confidence ? -1 : 1;
	/* among the equally sure the wrong ones first: no order of rows flatters */
	return (int) is_right(x) - (int) is_right(y);
}

double
metrics_coverage(Guess *guesses, uint32 n, double precision)
{
	uint32 right = 0;
	uint32 best = 0;

	qsort(guesses, n, sizeof(Guess), surest_first);
	for (uint32 i = 0; i < n && guesses[i].guess >= 0; i++)
	{
		right += is_right(&guesses[i]);
		if (right >= precision * (i + 1))
			best = i + 1;
	}
	return ratio(best, n);
}

/* The confidence from which that share is decided: what to set as a threshold; NaN = none. */
static double
confidence_at(const Guess *guesses, uint32 n, double coverage)
{
	uint32 last = (uint32) rint(coverage * n);

	return last == 0 ? NAN : guesses[last - 1].confidence;
}

static void
put_coverage(JsonBuild *b, Guess *guesses, uint32 n)
{
	static const double precisions[] = {0.90, 0.95, 0.98, 0.99};

	jb_array(b, "coverage");
	for (size_t i = 0; i < lengthof(precisions); i++)
	{
		double coverage = metrics_coverage(guesses, n, precisions[i]);

		jb_object(b, NULL);
		jb_real(b, "precision", precisions[i]);
		jb_real(b, "coverage", coverage);
		jb_real(b, "confidence", confidence_at(guesses, n, coverage));
		jb_end_object(b);
	}
	jb_end_array(b);
}

/* Guesses by tenths of confidence, and the mean distance between confidence and accuracy. */
static void
put_calibration(JsonBuild *b, const Guess *guesses, uint32 n)
{
	struct
	{
		uint32 n, right;
		double confidence;
	} bins[10] = {0};
	double error = 0;
	uint32 guessed = 0;

	for (uint32 i = 0; i < n; i++)
	{
		int bin = Min((int) (guesses[i].confidence * 10), 9);

		if (guesses[i].guess < 0)
			continue;
		guessed++;
		bins[bin].n++;
		bins[bin].right += is_right(&guesses[i]);
		bins[bin].confidence += guesses[i].confidence;
	}
	for (int i = 0; i < 10; i++)
		error += fabs(bins[i].confidence - bins[i].right);
	jb_object(b, "calibration");
	jb_real(b, "error", ratio(error, guessed));
	jb_array(b, "bins");
	for (int i = 0; i < 10; i++)
	{
		if (bins[i].n == 0)
			continue;
		jb_object(b, NULL);
		jb_real(b, "from", i / 10.0);
		jb_int(b, "n", bins[i].n);
		jb_real(b, "confidence", bins[i].confidence / bins[i].n);
		jb_real(b, "accuracy", (double) bins[i].right / bins[i].n);
		jb_end_object(b);
	}
	jb_end_array(b);
	jb_end_object(b);
}

static void
put_classes(JsonBuild *b, const Guess *guesses, uint32 n, const char *const *names, uint32 nclasses)
{
	ClassCount *counts = count_classes(guesses, n, nclasses);

	jb_array(b, "per_class");
	for (uint32 c = 0; c < nclasses; c++)
	{
		if (counts[c].real == 0 && counts[c].guessed == 0)
			continue;
		jb_object(b, NULL);
		jb_text(b, "class", names[c]);
		jb_int(b, "n", counts[c].real);
		jb_real(b, "precision", counts[c].guessed > 0 ? ratio(counts[c].right, counts[c].guessed) : NAN);
		jb_real(b, "recall", counts[c].real > 0 ? ratio(counts[c].right, counts[c].real) : NAN);
		jb_real(b, "f1", f1_of(&counts[c]));
		jb_end_object(b);
	}
	jb_end_array(b);
	pfree(counts);
}

static int
by_confusion(const void *a, const void *b)
{
	const Guess *x = a;
	const Guess *y = b;

	if (x->truth != y->truth)
		return x->truth < y->truth ? -1 : 1;
	return x->guess < y->guess ? -1 : x->guess > y->guess;
}

/* Rows [class, taken for, n], the right ones too: the table without its zeros. */
static void
put_confusion(JsonBuild *b, Guess *guesses, uint32 n, const char *const *names)
{
	qsort(guesses, n, sizeof(Guess), by_confusion);
	jb_array(b, "confusion");
	for (uint32 i = 0, first = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i + 1 < n && by_confusion(&guesses[i], &guesses[i + 1]) == 0)
			continue;
		jb_object(b, NULL);
		jb_text(b, "class", names[guesses[i].truth]);
		jb_text(b, "as", guesses[i].guess < 0 ? NULL : names[guesses[i].guess]);
		jb_int(b, "n", i + 1 - first);
		jb_end_object(b);
		first = i + 1;
	}
	jb_end_array(b);
}

void
metrics_put(JsonBuild *b, const char *key, Guess *guesses, uint32 n, const char *const *names,
			uint32 nclasses, bool details)
{
	uint32 decided = 0;
	uint32 decided_right = 0;

	for (uint32 i = 0; i < n; i++)
	{
		decided += guesses[i].decided;
		decided_right += guesses[i].decided && is_right(&guesses[i]);
	}
	jb_object(b, key);
	jb_int(b, "n", n);
	jb_real(b, "accuracy", metrics_accuracy(guesses, n));
	jb_real(b, "macro_f1", metrics_macro_f1(guesses, n, nclasses));
	jb_real(b, "decided", ratio(decided, n));
	jb_real(b, "decided_accuracy", decided > 0 ? ratio(decided_right, decided) : NAN);
	put_coverage(b, guesses, n);
	put_calibration(b, guesses, n);
	if (details)
	{
		put_classes(b, guesses, n, names, nclasses);
		put_confusion(b, guesses, n, names);
	}
	jb_end_object(b);
}
