/*
 * fit_set.c
 *	  The examples a model is trained with: their features, their folds.
 */
#include "text/fit_internal.h"

#include <stdlib.h>
#include <string.h>

/* Work between two calls of poll(), in features looked at. */
#define POLL_EVERY (1 << 20)

/* ---- memory and patience ---- */

void *
fit_take(FitSet *set, size_t size)
{
	if (size > set->host.max_bytes - set->held)
		return NULL;
	set->held += size;
	return set->host.alloc(set->host.arg, size);
}

void
fit_give(FitSet *set, void *memory, size_t size)
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
	char *more = fit_take(set, 2 * n * size);

	if (more == NULL)
		return false;
	memcpy(more, *array, n * size);
	memset(more + n * size, 0, n * size);
	fit_give(set, *array, n * size);
	*array = more;
	return true;
}

void
fit_worked(const FitSet *set, uint32_t amount)
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

uint64_t
fit_spread(uint64_t h)
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

		set->chunk = fit_take(set, more);
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

		e->content += fit_spread(features[i].key);
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
	fit_worked(set, n);
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
		draws[i] = (Draw){fit_spread(set->examples[i].content), set->examples[i].class_index, i};
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
		draws[x] = (Draw){fit_spread(x), 0, x};
		for (uint32_t i = 0, first = 1; i < e->ncells; i++)
		{
			uint64_t hash = fit_spread(set->keys[e->cells[i].feature]);

			if (texts[e->cells[i].feature] < 2 || texts[e->cells[i].feature] > RARE ||
				(!first && hash > draws[x].hash))
				continue;
			draws[x].hash = hash;
			first = 0;
		}
		fit_worked(set, e->ncells);
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
