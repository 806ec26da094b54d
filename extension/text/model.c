/*
 * model.c
 *	  A linear classifier of texts as one value, and its use.
 *
 * The value of a feature is how often it occurs times its rarity, all values
 * of a text together have length 1.  The score of a class is its bias and the
 * sum of values times weights.  Within its group, or among all where there is
 * none, a class's probability is exp(sharpness * score) by the sum of these.
 */
#include "text/model.h"

#include <math.h>
#include <string.h>

/* ---- checksum ---- */

static uint32_t
crc32c(const unsigned char *p, size_t len)
{
	uint32_t table[256];
	uint32_t crc = UINT32_MAX;

	for (uint32_t i = 0; i < 256; i++)
	{
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0x82F63B78 : 0);
	}
	for (size_t i = 0; i < len; i++)
		crc = crc >> 8 ^ table[(crc ^ p[i]) & 0xFF];
	return ~crc;
}

#define SEALED_FROM offsetof(ModelHeader, len)

static uint32_t
checksum_of(const void *bytes, size_t len)
{
	return crc32c((const unsigned char *) bytes + SEALED_FROM, len - SEALED_FROM);
}

void
model_seal(void *bytes, size_t len)
{
	((ModelHeader *) bytes)->checksum = checksum_of(bytes, len);
}

/* ---- reading a block ---- */

static const char *
check_header(const ModelHeader *h, size_t len)
{
	uint64_t needed;

	if (memcmp(h->magic, MODEL_MAGIC, sizeof(h->magic)) != 0)
		return "does not begin as a model does";
	if (h->order == __builtin_bswap32(MODEL_ORDER))
		return "was made on a machine with another byte order";
	if (h->order != MODEL_ORDER)
		return "is damaged: its byte order mark is wrong";
	if (h->format != MODEL_FORMAT)
		return "was made by another version of pg_triage";
	if (h->len != len)
		return "is damaged: its length is not what it says";
	if (h->checksum != checksum_of(h, len))
		return "is damaged: its checksum does not fit";
	if (h->nclasses < 1 || h->nclasses > MODEL_CLASSES || h->ngroups > MODEL_CLASSES - h->nclasses)
		return "is damaged: its number of classes is wrong";
	if (h->nslots < 2 || (h->nslots & (h->nslots - 1)) != 0)
		return "is damaged: its number of features is wrong";
	needed = sizeof(ModelHeader) + (uint64_t) (h->nclasses + h->ngroups) * sizeof(ModelNode) +
			 (uint64_t) h->nslots * sizeof(ModelSlot) + (uint64_t) h->nentries * sizeof(ModelEntry) +
			 h->names_len;
	if (needed != len)
		return "is damaged: its parts do not add up";
	if (!isfinite(h->sharpness) || h->sharpness <= 0 || !isfinite(h->group_sharpness) ||
		h->group_sharpness <= 0)
		return "is damaged: its sharpness is no number";
	return NULL;
}

static const char *
check_nodes(const Model *m)
{
	const ModelHeader *h = m->header;

	for (uint32_t i = 0; i < m->nnodes; i++)
	{
		const ModelNode *node = &m->nodes[i];

		if (node->name > h->names_len || node->name_len > h->names_len - node->name)
			return "is damaged: a class has no name";
		if (memchr(m->names + node->name, '\0', node->name_len) != NULL)
			return "is damaged: a class has a wrong name";
		/* with groups every class is in one, a group in none */
		if (i < m->nclasses && h->ngroups > 0 ? node->group < 0 || (uint32_t) node->group >= h->ngroups
											  : node->group != -1)
			return "is damaged: a class is in no group";
		if (!isfinite(node->scale) || !isfinite(node->bias))
			return "is damaged: a weight is no number";
	}
	return NULL;
}

static const char *
check_weights(const Model *m)
{
	const ModelHeader *h = m->header;
	uint32_t		   used = 0;

	for (uint32_t i = 0; i < h->nslots; i++)
	{
		const ModelSlot *slot = &m->slots[i];

		used += slot->key != 0;
		if (slot->first > h->nentries || slot->count > h->nentries - slot->first)
			return "is damaged: a feature has no weights";
		if (!isfinite(slot->rarity) || slot->rarity < 0 || slot->rarity > 1000)
			return "is damaged: a feature's rarity is no number";
	}
	if (used == h->nslots)
		return "is damaged: it has too many features";
	for (uint32_t i = 0; i < h->nentries; i++)
		if (m->entries[i].node >= m->nnodes)
			return "is damaged: a weight belongs to no class";
	return NULL;
}

const char *
model_open(const void *bytes, size_t len, Model *m)
{
	const char *at = bytes;
	const char *wrong;

	if (len < sizeof(ModelHeader))
		return "is cut off";
	m->header = bytes;
	wrong = check_header(m->header, len);
	if (wrong != NULL)
		return wrong;
	m->nclasses = m->header->nclasses;
	m->nnodes = m->nclasses + m->header->ngroups;
	at += sizeof(ModelHeader);
	m->nodes = (const ModelNode *) at;
	at += m->nnodes * sizeof(ModelNode);
	m->slots = (const ModelSlot *) at;
	at += (size_t) m->header->nslots * sizeof(ModelSlot);
	m->entries = (const ModelEntry *) at;
	m->names = at + (size_t) m->header->nentries * sizeof(ModelEntry);
	wrong = check_nodes(m);
	return wrong != NULL ? wrong : check_weights(m);
}

/* ---- classifying ---- */

size_t
model_scratch_size(const Model *m)
{
	return sizeof(ModelScratch) + (size_t) m->header->nslots * (sizeof(float) + sizeof(uint32_t)) +
		   MODEL_MAX_FEATURES * sizeof(uint32_t) + m->nnodes * sizeof(float);
}

ModelScratch *
model_scratch_init(const Model *m, void *memory)
{
	ModelScratch *s = memory;

	s->counts = (float *) (s + 1);
	s->firsts = (void *) (s->counts + m->header->nslots);
	s->touched = s->firsts + m->header->nslots;
	s->scores = (void *) (s->touched + MODEL_MAX_FEATURES);
	s->ntouched = 0;
	return s;
}

static const ModelSlot *
find_slot(const Model *m, uint32_t key)
{
	uint32_t mask = m->header->nslots - 1;
	uint32_t i = key & mask;

	while (m->slots[i].key != key)
	{
		if (m->slots[i].key == 0)
			return NULL;
		i = (i + 1) & mask;
	}
	return &m->slots[i];
}

/* features whose places in memory are asked for in advance */
#define AHEAD 8

/* Count the features that the model knows, each under its slot. */
static void
count_features(const Model *m, ModelScratch *s, const Feature *features, uint32_t n)
{
	for (uint32_t i = 0; i < s->ntouched; i++)
		s->counts[s->touched[i]] = 0;
	s->ntouched = 0;
	s->known = 0;
	if (n > MODEL_MAX_FEATURES)
		n = MODEL_MAX_FEATURES;
	for (uint32_t i = 0; i < n; i++)
	{
		const ModelSlot *slot;
		uint32_t		 at;

		/* keys lie all over: let the next ones come while this one is counted */
		if (i + AHEAD < n)
		{
			at = features[i + AHEAD].key & (m->header->nslots - 1);
			__builtin_prefetch(&m->slots[at]);
			__builtin_prefetch(&s->counts[at]);
		}
		slot = features[i].key == 0 ? NULL : find_slot(m, features[i].key);
		if (slot == NULL || !(features[i].value > 0))
			continue;
		s->known++;
		at = (uint32_t) (slot - m->slots);
		if (s->counts[at] == 0)
		{
			s->firsts[at] = i;
			s->touched[s->ntouched++] = at;
		}
		s->counts[at] += features[i].value;
	}
	s->known /= n > 0 ? n : 1;
}

/* exp(sharpness * score) of each by the sum of those that belong together; part_of = NULL: all do. */
static void
share(const float *scores, const int32_t *part_of, uint32_t n, uint32_t nparts, float sharpness, float *p)
{
	float best[MODEL_CLASSES];
	float sum[MODEL_CLASSES];

	for (uint32_t g = 0; g < nparts; g++)
	{
		best[g] = -INFINITY;
		sum[g] = 0;
	}
	for (uint32_t c = 0; c < n; c++)
	{
		uint32_t g = part_of == NULL ? 0 : (uint32_t) part_of[c];

		if (scores[c] > best[g])
			best[g] = scores[c];
	}
	for (uint32_t c = 0; c < n; c++)
	{
		uint32_t g = part_of == NULL ? 0 : (uint32_t) part_of[c];

		p[c] = expf(sharpness * (scores[c] - best[g]));
		sum[g] += p[c];
	}
	for (uint32_t c = 0; c < n; c++)
		p[c] /= sum[part_of == NULL ? 0 : part_of[c]];
}

void
model_probabilities(const float *scores, const int32_t *groups, uint32_t nclasses, uint32_t ngroups,
					float sharpness, float group_sharpness, float *p)
{
	float of_group[MODEL_CLASSES];

	if (ngroups == 0)
	{
		share(scores, NULL, nclasses, 1, sharpness, p);
		return;
	}
	share(scores + nclasses, NULL, ngroups, 1, group_sharpness, of_group);
	share(scores, groups, nclasses, ngroups, sharpness, p);
	for (uint32_t c = 0; c < nclasses; c++)
		p[c] *= of_group[groups[c]];
}

void
model_classify(const Model *m, ModelScratch *s, const Feature *features, uint32_t n, float *p)
{
	int32_t groups[MODEL_CLASSES];
	float	squares = 0;

	count_features(m, s, features, n);
	for (uint32_t i = 0; i < m->nnodes; i++)
	{
		s->scores[i] = 0;
		groups[i] = m->nodes[i].group;
	}
	for (uint32_t i = 0; i < s->ntouched; i++)
	{
		const ModelSlot	 *slot = &m->slots[s->touched[i]];
		float			  value = s->counts[s->touched[i]] * slot->rarity;
		const ModelEntry *e = m->entries + slot->first;

		if (i + AHEAD < s->ntouched)
			__builtin_prefetch(&m->entries[m->slots[s->touched[i + AHEAD]].first]);
		squares += value * value;
		for (uint32_t k = 0; k < slot->count; k++)
			s->scores[e[k].node] += value * e[k].weight;
	}
	s->norm = squares > 0 ? 1 / sqrtf(squares) : 0;
	for (uint32_t i = 0; i < m->nnodes; i++)
	{
		float score = m->nodes[i].bias + s->scores[i] * s->norm * m->nodes[i].scale;

		s->scores[i] = isfinite(score) ? score : 0;
	}
	model_probabilities(s->scores, groups, m->nclasses, m->header->ngroups, m->header->sharpness,
						m->header->group_sharpness, p);
}

/* ---- why ---- */

/* What a slot's feature adds to the score of a class. */
static float
weight_for(const Model *m, const ModelSlot *slot, int node)
{
	for (uint32_t k = 0; node >= 0 && k < slot->count; k++)
	{
		const ModelEntry *e = &m->entries[slot->first + k];

		if (e->node == node)
			return e->weight * m->nodes[node].scale;
	}
	return 0;
}

static int
group_node(const Model *m, int c)
{
	return c < 0 || m->nodes[c].group < 0 ? -1 : (int) m->nclasses + m->nodes[c].group;
}

int
model_reasons(const Model *m, const ModelScratch *s, const Feature *features, int a, int b, ModelReason *out,
			  int max)
{
	int n = 0;
	/* classes of different groups are told apart by their groups */
	bool by_group = group_node(m, a) >= 0 && (b < 0 || group_node(m, a) != group_node(m, b));
	int	 left = by_group ? group_node(m, a) : a;
	int	 right = by_group ? group_node(m, b) : b;

	for (uint32_t i = 0; i < s->ntouched; i++)
	{
		uint32_t		 at = s->touched[i];
		const ModelSlot *slot = &m->slots[at];
		const Feature	*f = &features[s->firsts[at]];
		ModelReason		 r = {f->start, f->len, 0};
		int				 k;

		r.weight =
			s->counts[at] * slot->rarity * s->norm * (weight_for(m, slot, left) - weight_for(m, slot, right));
		if (f->len == 0 || !(r.weight > 0) || (n == max && r.weight <= out[n - 1].weight))
			continue;
		for (k = n < max ? n++ : n - 1; k > 0 && out[k - 1].weight < r.weight; k--)
			out[k] = out[k - 1];
		out[k] = r;
	}
	return n;
}
