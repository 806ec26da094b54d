/*
 * fit.c
 *	  Trains a model (model.h) from examples.
 *
 * A support vector machine with squared hinge loss for each class against the
 * others, found by coordinate descent in the dual (Hsieh and others 2008), on
 * features scaled by how much more often the class has them than the others
 * (Wang and Manning 2012).  Same examples in the same order, same model.
 */
#include "text/fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* found by cross-validation on messages of citizens */
#define COST	   2.0f	 /* of an error */
#define SMOOTHING  0.05f /* of the ratio of a class's to the others' features */
#define MIN_TEXTS  2	 /* a feature of fewer texts is not learned: it may be somebody's name */
#define MAX_ROUNDS 40
#define TOLERANCE  0.02f

/* what a model holds at most: 16 bytes a slot, 4 an entry */
#define MAX_FEATURES 390000
#define MAX_ENTRIES	 3000000

/* Work between two calls of poll(), in features looked at. */
#define POLL_EVERY (1 << 20)

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

/* ---- memory and patience ---- */

static void *
take(FitSet *set, size_t size)
{
	if (size > set->host.max_bytes - set->held)
		return NULL;
	set->held += size;
	return set->host.alloc(set->host.arg, size);
}

static void
give(FitSet *set, void *memory, size_t size)
{
	if (memory == NULL)
		return;
	set->held -= size;
	set->host.release(set->host.arg, memory);
}

/* An array of twice the size, the new half zero; the old one stays when there is no room. */
static bool
widen(FitSet *set, void **array, uint32_t n, size_t size)
{
	char *more = take(set, 2 * n * size);

	if (more == NULL)
		return false;
	memcpy(more, *array, n * size);
	memset(more + n * size, 0, n * size);
	give(set, *array, n * size);
	*array = more;
	return true;
}

static void
worked(const FitSet *set, uint32_t amount)
{
	FitSet *s = (FitSet *) set;

	s->work += amount;
	if (s->work >= POLL_EVERY)
	{
		s->work = 0;
		s->host.poll(s->host.arg);
	}
}

/* ---- examples ---- */

#define FIRST_SIZE 1024
#define CHUNK_SIZE ((size_t) 1 << 20)

FitSet *
fit_set_new(const FitHost *host)
{
	FitSet *set = host->alloc(host->arg, sizeof(FitSet));

	memset(set, 0, sizeof(FitSet));
	set->host = *host;
	set->max_examples = set->max_features = FIRST_SIZE;
	set->index_size = 4 * FIRST_SIZE;
	set->examples = host->alloc(host->arg, FIRST_SIZE * sizeof(Example));
	set->keys = host->alloc(host->arg, FIRST_SIZE * sizeof(uint32_t));
	set->seen = host->alloc(host->arg, FIRST_SIZE * sizeof(uint32_t));
	set->place = host->alloc(host->arg, FIRST_SIZE * sizeof(uint32_t));
	set->index = host->alloc(host->arg, set->index_size * sizeof(uint32_t));
	set->buffer = host->alloc(host->arg, MODEL_MAX_FEATURES * sizeof(Cell));
	memset(set->seen, 0, FIRST_SIZE * sizeof(uint32_t));
	memset(set->index, 0, set->index_size * sizeof(uint32_t));
	set->held = FIRST_SIZE * (sizeof(Example) + 7 * sizeof(uint32_t)) + MODEL_MAX_FEATURES * sizeof(Cell);
	if (set->held > set->host.max_bytes)
		set->host.max_bytes = set->held;
	return set;
}

static bool
widen_features(FitSet *set)
{
	uint32_t n = set->max_features;

	if (n >= UINT32_MAX / 8 || !widen(set, (void **) &set->keys, n, sizeof(uint32_t)) ||
		!widen(set, (void **) &set->seen, n, sizeof(uint32_t)) ||
		!widen(set, (void **) &set->place, n, sizeof(uint32_t)) ||
		!widen(set, (void **) &set->index, set->index_size, sizeof(uint32_t)))
		return false;
	set->max_features = 2 * n;
	set->index_size *= 2;
	memset(set->index, 0, set->index_size * sizeof(uint32_t));
	for (uint32_t f = 0; f < set->nfeatures; f++)
	{
		uint32_t i = set->keys[f] & (set->index_size - 1);

		while (set->index[i] != 0)
			i = (i + 1) & (set->index_size - 1);
		set->index[i] = f + 1;
	}
	return true;
}

/* The number of a key; keys are hashes already. */
static uint32_t
feature_of(FitSet *set, uint32_t key)
{
	uint32_t i = key & (set->index_size - 1);

	while (set->index[i] != 0)
	{
		if (set->keys[set->index[i] - 1] == key)
			return set->index[i] - 1;
		i = (i + 1) & (set->index_size - 1);
	}
	set->index[i] = set->nfeatures + 1;
	set->keys[set->nfeatures] = key;
	return set->nfeatures++;
}

static uint64_t
spread(uint64_t h)
{
	h = (h + 1) * UINT64_C(0x9E3779B97F4A7C15);
	h ^= h >> 29;
	h *= UINT64_C(0xBF58476D1CE4E5B9);
	return h ^ h >> 32;
}

static Cell *
take_cells(FitSet *set, uint32_t n)
{
	size_t size = n * sizeof(Cell);
	Cell  *cells;

	if (size > set->chunk_left)
	{
		size_t more = size > CHUNK_SIZE ? size : CHUNK_SIZE;

		set->chunk = take(set, more);
		set->chunk_left = set->chunk == NULL ? 0 : more;
	}
	if (set->chunk == NULL)
		return NULL;
	cells = (Cell *) set->chunk;
	set->chunk += size;
	set->chunk_left -= size;
	return cells;
}

bool
fit_set_add(FitSet *set, const Feature *features, uint32_t n, uint32_t class_index)
{
	uint32_t ncells = 0;
	Example *e;

	if (n > MODEL_MAX_FEATURES)
		n = MODEL_MAX_FEATURES;
	while (set->max_features - set->nfeatures < n)
		if (!widen_features(set))
			return false;
	if (set->nexamples == set->max_examples)
	{
		if (set->nexamples >= UINT32_MAX / 4 ||
			!widen(set, (void **) &set->examples, set->nexamples, sizeof(Example)))
			return false;
		set->max_examples *= 2;
	}
	e = &set->examples[set->nexamples];
	e->content = 0;
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t f = feature_of(set, features[i].key);

		e->content += spread(features[i].key);
		if (set->seen[f] != set->nexamples + 1)
		{
			set->seen[f] = set->nexamples + 1;
			set->place[f] = ncells;
			set->buffer[ncells++] = (Cell){f, 0};
		}
		set->buffer[set->place[f]].value += features[i].value;
	}
	e->cells = take_cells(set, ncells);
	if (e->cells == NULL)
		return false;
	memcpy(e->cells, set->buffer, ncells * sizeof(Cell));
	e->ncells = ncells;
	e->class_index = class_index;
	set->nexamples++;
	worked(set, n);
	return true;
}

void
fit_set_renumber(FitSet *set, const uint32_t *new_number)
{
	for (uint32_t i = 0; i < set->nexamples; i++)
		set->examples[i].class_index = new_number[set->examples[i].class_index];
}

uint32_t
fit_set_size(const FitSet *set)
{
	return set->nexamples;
}

uint32_t
fit_set_class(const FitSet *set, uint32_t example)
{
	return set->examples[example].class_index;
}

/* ---- folds ---- */

typedef struct Draw
{
	uint64_t hash;
	uint32_t class_index;
	uint32_t example;
} Draw;

static int
compare_draws(const void *a, const void *b)
{
	const Draw *x = a;
	const Draw *y = b;

	if (x->class_index != y->class_index)
		return x->class_index < y->class_index ? -1 : 1;
	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

void
fit_folds(const FitSet *set, uint32_t n, uint32_t nfolds, uint32_t *folds)
{
	Draw	*draws = set->host.alloc(set->host.arg, (n + 1) * sizeof(Draw));
	uint32_t next = 0;

	for (uint32_t i = 0; i < n; i++)
		draws[i] = (Draw){spread(set->examples[i].content), set->examples[i].class_index, i};
	qsort(draws, n, sizeof(Draw), compare_draws);
	for (uint32_t i = 0; i < n; i++)
	{
		if (i > 0 && compare_draws(&draws[i - 1], &draws[i]) != 0)
			next++;
		folds[draws[i].example] = next % nfolds;
	}
	for (uint32_t i = n; i < set->nexamples; i++)
		folds[i] = FIT_NO_FOLD;
	set->host.release(set->host.arg, draws);
}

static int
compare_hashes(const void *a, const void *b)
{
	const Draw *x = a;
	const Draw *y = b;

	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

/* Features of at most this many texts tell which texts are alike. */
#define RARE 20

/* For each example the smallest hash of its rare features: alike texts mostly have the same. */
static void
sample_rare(const FitSet *set, uint32_t n, Draw *draws)
{
	uint32_t *texts = set->host.alloc(set->host.arg, (set->nfeatures + 1) * sizeof(uint32_t));

	memset(texts, 0, set->nfeatures * sizeof(uint32_t));
	for (uint32_t x = 0; x < n; x++)
		for (uint32_t i = 0; i < set->examples[x].ncells; i++)
			texts[set->examples[x].cells[i].feature]++;
	for (uint32_t x = 0; x < n; x++)
	{
		const Example *e = &set->examples[x];

		/* without any it is like no other */
		draws[x] = (Draw){spread(x), 0, x};
		for (uint32_t i = 0, first = 1; i < e->ncells; i++)
		{
			uint64_t hash = spread(set->keys[e->cells[i].feature]);

			if (texts[e->cells[i].feature] < 2 || texts[e->cells[i].feature] > RARE ||
				(!first && hash > draws[x].hash))
				continue;
			draws[x].hash = hash;
			first = 0;
		}
		worked(set, e->ncells);
	}
	set->host.release(set->host.arg, texts);
}

bool *
fit_alike(const FitSet *set, uint32_t n, const uint32_t *folds)
{
	Draw *draws = set->host.alloc(set->host.arg, (n + 1) * sizeof(Draw));
	bool *alike = set->host.alloc(set->host.arg, n + 1);

	sample_rare(set, n, draws);
	qsort(draws, n, sizeof(Draw), compare_hashes);
	for (uint32_t first = 0, i = 0; i < n; i++)
	{
		bool mixed = false;

		if (i + 1 < n && draws[i + 1].hash == draws[i].hash)
			continue;
		for (uint32_t k = first; k <= i; k++)
			mixed |= folds[draws[k].example] != folds[draws[first].example];
		for (; first <= i; first++)
			alike[draws[first].example] = mixed;
	}
	set->host.release(set->host.arg, draws);
	return alike;
}

/* ---- one training ---- */

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
static bool
training_begin(Training *t, const FitSet *set, const FitClasses *classes)
{
	size_t n = set->nexamples + 1;
	size_t f = set->nfeatures + 1;
	char  *at;

	memset(t, 0, sizeof(Training));
	t->set = (FitSet *) set;
	t->classes = classes;
	for (uint32_t i = 0; i < set->nexamples; i++)
		t->nvalues += set->examples[i].ncells;
	at = take(t->set, training_bytes(t));
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

static void
training_end(Training *t)
{
	give(t->set, t->values, training_bytes(t));
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
		worked(set, set->nfeatures);
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
		worked(set, e->ncells);
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
		worked(set, 2 * e->ncells);
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
		worked(set, e->ncells);
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
	worked(set, 3 * set->nfeatures);
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

			worked(set, t->set->examples[t->level[k]].ncells);
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
	worked(t->set, e->ncells);
	return score;
}

/* What is done with each class once it is learned. */
typedef void (*Learned)(Training *t, uint32_t node, void *arg);

/* Learn the groups, then in each group its classes; without groups the classes. */
static void
learn_all(Training *t, Learned learned, void *arg)
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

	h.scores = take((FitSet *) set, bytes);
	if (h.scores == NULL)
		return false;
	memset(h.scores, 0, bytes);
	if (!training_begin(&t, set, classes))
		return false;
	for (h.fold = 0; h.fold < nfolds; h.fold++)
	{
		t.nrows = 0;
		for (uint32_t x = 0; x < set->nexamples; x++)
			if (folds[x] != h.fold)
				t.rows[t.nrows++] = x;
		if (t.nrows < set->nexamples)
			learn_all(&t, score_held_out, &h);
	}
	training_end(&t);
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
		worked(set, last - first);
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

/* ---- the model ---- */

typedef struct Entry
{
	uint32_t feature;
	uint32_t node;
	float	 weight;
} Entry;

/* Weights are kept if they can matter; sizes are counted by eighths of an octave. */
#define SIZES 256
#define SIZE_OF(x) \
	((x) < 1e-7f ? 0 : (int) (8 * (log2f(x) + 24)) > SIZES - 1 ? SIZES - 1 : (int) (8 * (log2f(x) + 24)))

typedef struct Collected
{
	Entry	*entries;
	size_t	 n, max;
	int		 least; /* size from which a weight is kept */
	size_t	 sizes[SIZES];
	float	*biases;
	float	*largest; /* by node */
	uint32_t nfeatures;
} Collected;

static int
size_of_weight(const Training *t, uint32_t feature, float weight)
{
	float x = fabsf(weight) * t->rarity[feature];

	return SIZE_OF(x);
}

/* Let go of the smallest weights until a quarter of the room is free. */
static void
drop_smallest(Training *t, Collected *c)
{
	size_t kept = c->n;
	size_t to = 0;

	while (c->least < SIZES - 1 && kept > c->max / 4 * 3)
	{
		kept -= c->sizes[c->least];
		c->sizes[c->least++] = 0;
	}
	for (size_t i = 0; i < c->n; i++)
		if (size_of_weight(t, c->entries[i].feature, c->entries[i].weight) >= c->least)
			c->entries[to++] = c->entries[i];
	c->n = to;
}

static void
collect(Training *t, uint32_t node, void *arg)
{
	Collected *c = arg;

	c->biases[node] = t->bias;
	for (uint32_t f = 0; f < t->set->nfeatures; f++)
	{
		float w = t->weights[f].w;
		int	  size;

		if (w == 0 || t->rarity[f] == 0 || (size = size_of_weight(t, f, w)) < c->least)
			continue;
		if (c->n == c->max)
			drop_smallest(t, c);
		if (size < c->least || c->n == c->max)
			continue;
		c->sizes[size]++;
		c->entries[c->n++] = (Entry){f, node, w};
	}
	worked(t->set, t->set->nfeatures);
}

static uint32_t
count_classes(const Training *t, uint32_t node)
{
	uint32_t n = 0;

	for (uint32_t x = 0; x < t->set->nexamples; x++)
	{
		uint32_t own = t->set->examples[x].class_index;

		n += node < t->classes->nclasses ? own == node
										 : t->classes->groups[own] == (int32_t) (node - t->classes->nclasses);
	}
	return n;
}

/* Header, classes and names; returns where the slots begin. */
static ModelSlot *
write_head(const Training *t, const Collected *c, ModelHeader *h, char *names)
{
	ModelNode *nodes = (ModelNode *) (h + 1);
	uint32_t   nnodes = h->nclasses + h->ngroups;
	uint32_t   at = 0;

	for (uint32_t i = 0; i < nnodes; i++)
	{
		uint32_t len = (uint32_t) strlen(t->classes->names[i]);

		memcpy(names + at, t->classes->names[i], len);
		nodes[i] = (ModelNode){at,
							   len,
							   i < h->nclasses && h->ngroups > 0 ? t->classes->groups[i] : -1,
							   count_classes(t, i),
							   c->largest[i] / INT16_MAX,
							   c->biases[i]};
		at += len;
	}
	return (ModelSlot *) (nodes + nnodes);
}

/* Slots by key, then the entries behind each other, in the order of their features. */
static void
write_weights(Training *t, const Collected *c, ModelHeader *h, ModelSlot *slots)
{
	uint32_t		*slot_of = (void *) t->totals;
	ModelEntry		*entries = (ModelEntry *) (slots + h->nslots);
	const ModelNode *nodes = (const ModelNode *) (h + 1);
	uint32_t		 next = 0;

	memset(slots, 0, h->nslots * sizeof(ModelSlot));
	for (uint32_t f = 0; f < t->set->nfeatures; f++)
	{
		uint32_t i = t->set->keys[f] & (h->nslots - 1);

		if (t->rarity[f] == 0)
			continue;
		while (slots[i].key != 0)
			i = (i + 1) & (h->nslots - 1);
		slots[i] = (ModelSlot){t->set->keys[f], 0, 0, t->rarity[f]};
		slot_of[f] = i;
	}
	for (size_t i = 0; i < c->n; i++)
		slots[slot_of[c->entries[i].feature]].count++;
	for (uint32_t i = 0; i < h->nslots; i++)
	{
		slots[i].first = next;
		next += slots[i].count;
		slots[i].count = 0;
	}
	for (size_t i = 0; i < c->n; i++)
	{
		const Entry *e = &c->entries[i];
		ModelSlot	*slot = &slots[slot_of[e->feature]];

		entries[slot->first + slot->count++] =
			(ModelEntry){(uint16_t) e->node, (int16_t) lrintf(e->weight / nodes[e->node].scale)};
	}
}

static void *
write_model(Training *t, const Collected *c, ModelHeader h, size_t *len)
{
	uint32_t nnodes = h.nclasses + h.ngroups;
	char	*block;
	size_t	 size;

	for (h.nslots = 2; h.nslots < c->nfeatures + c->nfeatures / 3 + 1; h.nslots *= 2)
		;
	for (uint32_t i = 0; i < nnodes; i++)
		h.names_len += (uint32_t) strlen(t->classes->names[i]);
	h.nentries = (uint32_t) c->n;
	size = sizeof(h) + nnodes * sizeof(ModelNode) + h.nslots * sizeof(ModelSlot) +
		   h.nentries * sizeof(ModelEntry) + h.names_len;
	block = take(t->set, size);
	if (block == NULL)
		return NULL;
	h.len = (uint32_t) size;
	memcpy(block, &h, sizeof(h));
	write_weights(t, c, (ModelHeader *) block,
				  write_head(t, c, (ModelHeader *) block, block + size - h.names_len));
	model_seal(block, size);
	*len = size;
	return block;
}

void *
fit_model(const FitSet *set, const FitClasses *classes, float sharpness, float group_sharpness, size_t *len)
{
	ModelHeader h = {.magic = MODEL_MAGIC,
					 .order = MODEL_ORDER,
					 .format = MODEL_FORMAT,
					 .nclasses = classes->nclasses,
					 .ngroups = classes->ngroups,
					 .nexamples = set->nexamples,
					 .sharpness = sharpness,
					 .group_sharpness = group_sharpness};
	uint32_t	nnodes = h.nclasses + h.ngroups;
	Collected	c = {0};
	Training	t;
	void	   *block = NULL;

	if (!training_begin(&t, set, classes))
		return NULL;
	for (t.nrows = 0; t.nrows < set->nexamples; t.nrows++)
		t.rows[t.nrows] = t.nrows;
	c.max = MAX_ENTRIES;
	c.least = 1;
	c.entries = take(t.set, c.max * sizeof(Entry));
	c.biases = take(t.set, 2 * nnodes * sizeof(float));
	if (c.entries != NULL && c.biases != NULL)
	{
		c.largest = c.biases + nnodes;
		memset(c.biases, 0, 2 * nnodes * sizeof(float));
		learn_all(&t, collect, &c);
		for (size_t i = 0; i < c.n; i++)
			if (fabsf(c.entries[i].weight) > c.largest[c.entries[i].node])
				c.largest[c.entries[i].node] = fabsf(c.entries[i].weight);
		for (uint32_t f = 0; f < set->nfeatures; f++)
			c.nfeatures += t.rarity[f] != 0;
		block = write_model(&t, &c, h, len);
	}
	give(t.set, c.biases, 2 * nnodes * sizeof(float));
	give(t.set, c.entries, c.max * sizeof(Entry));
	training_end(&t);
	return block;
}
