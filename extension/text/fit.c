/*
 * fit.c
 *	  Trains a model (model.h) from examples.
 *
 * A support vector machine with squared hinge loss for each class against the
 * others, found by coordinate descent in the dual (Hsieh and others 2008), on
 * features scaled by how much more often the class has them than the others
 * (Wang and Manning 2012).  Same examples in the same order, same model.
 */
#include "text/fit_internal.h"

#include <math.h>
#include <string.h>

/* found by cross-validation on messages of citizens */
#define COST	   2.0f	 /* of an error */
#define SMOOTHING  0.05f /* of the ratio of a class's to the others' features */
#define MIN_TEXTS  2	 /* a feature of fewer texts is not learned: it may be somebody's name */
#define MAX_ROUNDS 40
#define TOLERANCE  0.1f

/* features a model holds at most, of 16 bytes */
#define MAX_FEATURES 390000

/* ---- one training ---- */

static uint32_t
node_of(const Training *t, uint32_t row, bool groups)
{
	uint32_t c = t->set->examples[row].class_index;

	return groups ? t->classes->nclasses + (uint32_t) t->classes->groups[c] : c;
}

static size_t
training_bytes(const Training *t)
{
	size_t n = t->set->nexamples + 1;
	size_t f = t->set->nfeatures + 1;

	return n * (3 * sizeof(uint32_t) + 2 * sizeof(float) + sizeof(float *)) + t->nvalues * sizeof(float) +
		   f * (2 * sizeof(float) + sizeof(Weight)) + 64;
}

/* All arrays of a training in one piece; false: no memory. */
bool
fit_training_begin(Training *t, const FitSet *set, const FitClasses *classes)
{
	size_t n = set->nexamples + 1;
	size_t f = set->nfeatures + 1;
	char  *at;

	memset(t, 0, sizeof(Training));
	t->set = (FitSet *) set;
	t->classes = classes;
	for (uint32_t i = 0; i < set->nexamples; i++)
		t->nvalues += set->examples[i].ncells;
	at = fit_take(t->set, training_bytes(t));
	if (at == NULL)
		return false;
	t->values = (float **) at;
	t->weights = (Weight *) (t->values + n);
	t->rarity = (float *) (t->weights + f);
	t->totals = t->rarity + f;
	t->alpha = t->totals + f;
	t->length = t->alpha + n;
	t->rows = (void *) (t->length + n);
	t->level = t->rows + n;
	t->order = t->level + n;
	t->block = (void *) (t->order + n);
	return true;
}

void
fit_training_end(Training *t)
{
	fit_give(t->set, t->values, training_bytes(t));
}

/* Raise the number of texts a feature must be in until there are few enough features. */
static uint32_t
least_texts(const FitSet *set, const uint32_t *texts)
{
	for (uint32_t least = MIN_TEXTS;; least++)
	{
		uint32_t n = 0;

		for (uint32_t f = 0; f < set->nfeatures; f++)
			n += texts[f] >= least;
		fit_worked(set, set->nfeatures);
		if (n <= MAX_FEATURES)
			return least;
	}
}

/* Rarity of features among the rows trained with, then the values of all examples. */
static void
weigh_features(Training *t)
{
	const FitSet *set = t->set;
	uint32_t	 *texts = (void *) t->totals;
	uint32_t	  least;
	float		 *next = t->block;

	memset(texts, 0, set->nfeatures * sizeof(uint32_t));
	for (uint32_t r = 0; r < t->nrows; r++)
	{
		const Example *e = &set->examples[t->rows[r]];

		for (uint32_t i = 0; i < e->ncells; i++)
			texts[e->cells[i].feature]++;
		fit_worked(set, e->ncells);
	}
	least = least_texts(set, texts);
	for (uint32_t f = 0; f < set->nfeatures; f++)
		t->rarity[f] = texts[f] < least ? 0 : logf((1.0f + t->nrows) / (1.0f + texts[f])) + 1;
	for (uint32_t x = 0; x < set->nexamples; x++)
	{
		const Example *e = &set->examples[x];
		float		   squares = 0;

		t->values[x] = next;
		for (uint32_t i = 0; i < e->ncells; i++)
		{
			next[i] = e->cells[i].value * t->rarity[e->cells[i].feature];
			squares += next[i] * next[i];
		}
		for (uint32_t i = 0; squares > 0 && i < e->ncells; i++)
			next[i] /= sqrtf(squares);
		next += e->ncells;
		fit_worked(set, 2 * e->ncells);
	}
}

/* The rows of one level, those of a group or (-1) all, and the sum of their values. */
static void
begin_level(Training *t, int32_t group)
{
	const FitSet *set = t->set;

	t->nlevel = 0;
	memset(t->totals, 0, set->nfeatures * sizeof(float));
	for (uint32_t r = 0; r < t->nrows; r++)
	{
		const Example *e = &set->examples[t->rows[r]];
		const float	  *v = t->values[t->rows[r]];

		if (group >= 0 && t->classes->groups[e->class_index] != group)
			continue;
		t->level[t->nlevel++] = t->rows[r];
		for (uint32_t i = 0; i < e->ncells; i++)
			t->totals[e->cells[i].feature] += v[i];
		fit_worked(set, e->ncells);
	}
}

/* How much more often a class has a feature than the others have, as a logarithm, squared. */
static void
scale_features(Training *t, uint32_t node, bool groups)
{
	const FitSet *set = t->set;
	Weight		 *w = t->weights;
	float		  all = 0;
	float		  own = 0;
	float		  shift;

	memset(w, 0, set->nfeatures * sizeof(Weight));
	for (uint32_t k = 0; k < t->nlevel; k++)
	{
		const Example *e = &set->examples[t->level[k]];
		const float	  *v = t->values[t->level[k]];

		if (node_of(t, t->level[k], groups) != node)
			continue;
		for (uint32_t i = 0; i < e->ncells; i++)
			w[e->cells[i].feature].w += v[i];
	}
	for (uint32_t f = 0; f < set->nfeatures; f++)
	{
		own += w[f].w + SMOOTHING;
		all += t->totals[f] + 2 * SMOOTHING;
	}
	shift = logf((all - own) / own);
	for (uint32_t f = 0; f < set->nfeatures; f++)
	{
		float others = t->totals[f] - w[f].w;
		float ratio;

		if (t->totals[f] > 0)
		{
			ratio = logf((w[f].w + SMOOTHING) / ((others > 0 ? others : 0) + SMOOTHING)) + shift;
			w[f].scale2 = ratio * ratio;
		}
		w[f].w = 0;
	}
	fit_worked(set, 3 * set->nfeatures);
}

static uint32_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t) (*state >> 32);
}

/* Projected gradient of one row; the step that its alpha takes is done. */
static float
step(Training *t, uint32_t k, float sign)
{
	const Example *e = &t->set->examples[t->level[k]];
	const float	  *v = t->values[t->level[k]];
	Weight		  *w = t->weights;
	float		   score = t->bias;
	float		   gradient, next, change;

	for (uint32_t i = 0; i < e->ncells; i++)
		score += w[e->cells[i].feature].w * v[i];
	gradient = sign * score - 1 + t->alpha[k] * (0.5f / COST);
	if (t->alpha[k] == 0 && gradient > 0)
		return gradient;
	next = t->alpha[k] - gradient / (t->length[k] + 0.5f / COST);
	next = next > 0 ? next : 0;
	change = (next - t->alpha[k]) * sign;
	t->alpha[k] = next;
	t->bias += change;
	for (uint32_t i = 0; i < e->ncells; i++)
		w[e->cells[i].feature].w += change * v[i] * w[e->cells[i].feature].scale2;
	return gradient;
}

/* Learn one class (or group) of the level: weights and bias of scores. */
static void
learn(Training *t, uint32_t node, bool groups)
{
	const FitSet *set = t->set;
	uint64_t	  state = UINT64_C(88172645463325252);
	uint32_t	  active = t->nlevel;
	bool		  whole = true; /* this round looks at all rows */

	scale_features(t, node, groups);
	t->bias = 0;
	for (uint32_t k = 0; k < t->nlevel; k++)
	{
		const Example *e = &set->examples[t->level[k]];
		const float	  *v = t->values[t->level[k]];

		t->order[k] = k;
		t->alpha[k] = 0;
		t->length[k] = 1;
		for (uint32_t i = 0; i < e->ncells; i++)
			t->length[k] += v[i] * v[i] * t->weights[e->cells[i].feature].scale2;
	}
	for (int round = 0; round < MAX_ROUNDS; round++)
	{
		float worst = 0;

		for (uint32_t i = active; i > 1; i--)
		{
			uint32_t j = next_random(&state) % i;
			uint32_t k = t->order[j];

			t->order[j] = t->order[i - 1];
			t->order[i - 1] = k;
		}
		for (uint32_t i = 0; i < active; i++)
		{
			uint32_t k = t->order[i];
			float	 g = step(t, k, node_of(t, t->level[k], groups) == node ? 1.0f : -1.0f);

			fit_worked(set, t->set->examples[t->level[k]].ncells);
			if (t->alpha[k] == 0 && g > 0)
			{
				/* far on the right side: left out until the others are settled */
				if (g > 0.1f)
				{
					t->order[i--] = t->order[--active];
					t->order[active] = k;
				}
			}
			else if (fabsf(g) > worst)
				worst = fabsf(g);
		}
		if (worst > TOLERANCE)
			whole = false;
		else if (whole)
			break;
		else
		{
			active = t->nlevel;
			whole = true;
		}
	}
}

/* ---- cross-validation ---- */

static float
score_of(const Training *t, uint32_t example)
{
	const Example *e = &t->set->examples[example];
	const float	  *v = t->values[example];
	float		   score = t->bias;

	for (uint32_t i = 0; i < e->ncells; i++)
		score += t->weights[e->cells[i].feature].w * v[i];
	fit_worked(t->set, e->ncells);
	return score;
}

/* Learn the groups, then in each group its classes; without groups the classes. */
void
fit_learn_all(Training *t, Learned learned, void *arg)
{
	const FitClasses *c = t->classes;

	weigh_features(t);
	begin_level(t, -1);
	for (uint32_t node = 0; node < (c->ngroups > 0 ? c->ngroups : c->nclasses); node++)
	{
		learn(t, c->ngroups > 0 ? c->nclasses + node : node, c->ngroups > 0);
		learned(t, c->ngroups > 0 ? c->nclasses + node : node, arg);
	}
	for (uint32_t g = 0; g < c->ngroups; g++)
	{
		begin_level(t, (int32_t) g);
		for (uint32_t node = 0; node < c->nclasses; node++)
		{
			if (c->groups[node] != (int32_t) g)
				continue;
			learn(t, node, false);
			learned(t, node, arg);
		}
	}
}

typedef struct HeldOut
{
	uint32_t		fold;
	const uint32_t *folds;
	float		   *scores;
	uint32_t		nnodes;
} HeldOut;

static void
score_held_out(Training *t, uint32_t node, void *arg)
{
	HeldOut *h = arg;

	for (uint32_t x = 0; x < t->set->nexamples; x++)
		if (h->folds[x] == h->fold)
			h->scores[(size_t) x * h->nnodes + node] = score_of(t, x);
}

bool
fit_cross(const FitSet *set, const FitClasses *classes, uint32_t nfolds, const uint32_t *folds,
		  float **scores)
{
	HeldOut	 h = {0, folds, NULL, classes->nclasses + classes->ngroups};
	size_t	 bytes = ((size_t) set->nexamples * h.nnodes + 1) * sizeof(float);
	Training t;

	h.scores = fit_take((FitSet *) set, bytes);
	if (h.scores == NULL)
		return false;
	memset(h.scores, 0, bytes);
	if (!fit_training_begin(&t, set, classes))
		return false;
	for (h.fold = 0; h.fold < nfolds; h.fold++)
	{
		t.nrows = 0;
		for (uint32_t x = 0; x < set->nexamples; x++)
			if (folds[x] != h.fold)
				t.rows[t.nrows++] = x;
		if (t.nrows < set->nexamples)
			fit_learn_all(&t, score_held_out, &h);
	}
	fit_training_end(&t);
	*scores = h.scores;
	return true;
}

/* ---- probabilities ---- */

/* Mean negative log probability of the right class (or group) at a sharpness. */
static double
loss_at(const FitSet *set, const FitClasses *c, const uint32_t *folds, uint32_t but, const float *scores,
		bool of_groups, float sharpness)
{
	uint32_t nnodes = c->nclasses + c->ngroups;
	uint32_t first = of_groups ? c->nclasses : 0;
	uint32_t last = of_groups ? nnodes : c->nclasses;
	double	 loss = 0;
	uint32_t n = 0;

	for (uint32_t x = 0; x < set->nexamples; x++)
	{
		uint32_t	 own = set->examples[x].class_index;
		const float *s = scores + (size_t) x * nnodes;
		double		 sum = 0;
		uint32_t	 right = of_groups ? c->nclasses + (uint32_t) c->groups[own] : own;

		if (folds[x] == but || folds[x] == FIT_NO_FOLD)
			continue;
		for (uint32_t k = first; k < last; k++)
			if (of_groups || c->ngroups == 0 || c->groups[k] == c->groups[own])
				sum += exp(sharpness * (double) (s[k] - s[right]));
		loss += log(sum);
		n++;
		fit_worked(set, last - first);
	}
	return n > 0 ? loss / n : 0;
}

/* The loss has one minimum over the logarithm of the sharpness: golden section. */
static float
best_sharpness(const FitSet *set, const FitClasses *c, const uint32_t *folds, uint32_t but,
			   const float *scores, bool of_groups)
{
	double low = log(0.1);
	double high = log(30.0);

	for (int i = 0; i < 18; i++)
	{
		double a = high - 0.618 * (high - low);
		double b = low + 0.618 * (high - low);

		if (loss_at(set, c, folds, but, scores, of_groups, (float) exp(a)) <
			loss_at(set, c, folds, but, scores, of_groups, (float) exp(b)))
			high = b;
		else
			low = a;
	}
	return (float) exp((low + high) / 2);
}

void
fit_sharpness(const FitSet *set, const FitClasses *classes, const uint32_t *folds, uint32_t but,
			  const float *scores, float *sharpness, float *group_sharpness)
{
	*sharpness = best_sharpness(set, classes, folds, but, scores, false);
	*group_sharpness = classes->ngroups > 0 ? best_sharpness(set, classes, folds, but, scores, true) : 1.0f;
}
