/*
 * fit_model.c
 *	  Writes what was learned as a model.
 *
 * Weights that cannot matter are dropped, the smallest first, until the rest
 * has room; what is left is kept in 16 bits each.
 */
#include "text/fit_internal.h"

#include <math.h>
#include <string.h>

/* weights a model holds at most, of 4 bytes */
/* part of a class's largest weight below which one is dropped */
#define NEGLIGIBLE	0.01f
#define MAX_ENTRIES 3000000

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
	float	   largest = 0;

	c->biases[node] = t->bias;
	for (uint32_t f = 0; f < t->set->nfeatures; f++)
		if (fabsf(t->weights[f].w) * t->rarity[f] > largest)
			largest = fabsf(t->weights[f].w) * t->rarity[f];
	for (uint32_t f = 0; f < t->set->nfeatures; f++)
	{
		float w = t->weights[f].w;
		int	  size;

		/* hundreds of these would have to agree to matter */
		if (fabsf(w) * t->rarity[f] < NEGLIGIBLE * largest || w == 0 || t->rarity[f] == 0 ||
			(size = size_of_weight(t, f, w)) < c->least)
			continue;
		if (c->n == c->max)
			drop_smallest(t, c);
		if (size < c->least || c->n == c->max)
			continue;
		c->sizes[size]++;
		c->entries[c->n++] = (Entry){f, node, w};
	}
	fit_worked(t->set, t->set->nfeatures);
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
	block = fit_take(t->set, size);
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
	ModelHeader h = {.order = MODEL_ORDER,
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

	/* eight letters without an end */
	memcpy(h.magic, MODEL_MAGIC, sizeof(h.magic));
	if (!fit_training_begin(&t, set, classes))
		return NULL;
	for (t.nrows = 0; t.nrows < set->nexamples; t.nrows++)
		t.rows[t.nrows] = t.nrows;
	c.max = MAX_ENTRIES;
	c.least = 1;
	c.entries = fit_take(t.set, c.max * sizeof(Entry));
	c.biases = fit_take(t.set, 2 * nnodes * sizeof(float));
	if (c.entries != NULL && c.biases != NULL)
	{
		c.largest = c.biases + nnodes;
		memset(c.biases, 0, 2 * nnodes * sizeof(float));
		fit_learn_all(&t, collect, &c);
		for (size_t i = 0; i < c.n; i++)
			if (fabsf(c.entries[i].weight) > c.largest[c.entries[i].node])
				c.largest[c.entries[i].node] = fabsf(c.entries[i].weight);
		for (uint32_t f = 0; f < set->nfeatures; f++)
			c.nfeatures += t.rarity[f] != 0;
		block = write_model(&t, &c, h, len);
	}
	fit_give(t.set, c.biases, 2 * nnodes * sizeof(float));
	fit_give(t.set, c.entries, c.max * sizeof(Entry));
	fit_training_end(&t);
	return block;
}
