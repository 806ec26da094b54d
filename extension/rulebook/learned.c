/*
 * learned.c
 *	  The part a learned model takes in a decision.
 *
 * The model gives each case type a probability, the terms give each of their
 * candidates a share of what they scored; what counts is their weighted mean.
 * The less of a text the model knows, the less it is heard.  So a type that
 * it never saw can still be found by its terms, and the other way round.
 * Danger that terms name is decided before the model is asked, and danger that
 * only the model sees goes to a person.
 *
 * The model of this session is read when it is first needed and kept as long
 * as the rules name the same one, however often other rules change.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/catalog.h"
#include "rulebook/context.h"
#include "rulebook/learned.h"
#include "rulebook/stored.h"
#include "rulebook/traits.h"

/* Found by cross-validation on labelled messages. */
#define MODEL_SHARE 0.5f
/* Share of a text's features that a model should know to be heard in full; of usual texts it knows half. */
#define MODEL_KNOWS 0.3f
/* What the terms leave open: half characters on the side of "something else". */
#define TERMS_OPEN 4.0f

/* The model of this session, or why there is none. */
static struct
{
	MemoryContext mcxt;	  /* NULL = nothing read yet */
	StoredModel	 *stored; /* NULL = it is not sound */
	char		  digest[80];
	Oid			  relid; /* of triage.model_versions: an extension created anew has other models */
	uint64		  serial;
	Feature		 *features;
	float		 *p; /* by class */
} kept;

/* Which case types the classes of the model are, in one book. */
typedef struct ModelTypes
{
	uint64	   serial; /* of the model */
	CaseType **types;  /* by class; NULL = there is no such type any more */
	float	  *p;	   /* by type */
} ModelTypes;

static void
read_model(const Book *book)
{
	MemoryContext old;
	const char	 *wrong;

	if (kept.mcxt != NULL)
		MemoryContextDelete(kept.mcxt);
	kept.stored = NULL;
	kept.mcxt = AllocSetContextCreate(TopMemoryContext, "pg_triage model", ALLOCSET_DEFAULT_SIZES);
	/* nothing until it is read: an error on the way must not leave half of it */
	kept.digest[0] = '\0';
	kept.serial++;
	old = MemoryContextSwitchTo(kept.mcxt);
	kept.stored = stored_model_try(book->model, book->model_version, &wrong);
	if (kept.stored == NULL)
		ereport(WARNING, (errcode(ERRCODE_DATA_CORRUPTED),
						  errmsg("model \"%s\" version %d %s", book->model, book->model_version, wrong),
						  errdetail("Reports are decided by terms alone."),
						  errhint("Use another version with triage.use_model(), or train again.")));
	else
	{
		kept.features = palloc(MODEL_MAX_FEATURES * sizeof(Feature));
		kept.p = palloc(kept.stored->model.nclasses * sizeof(float));
	}
	MemoryContextSwitchTo(old);
	strlcpy(kept.digest, book->model_digest, sizeof(kept.digest));
	kept.relid = triage_relid("model_versions");
}

/* The model that the rules name; NULL = none that can be used. */
static StoredModel *
model_of(const Book *book)
{
	if (kept.mcxt == NULL || strcmp(kept.digest, book->model_digest) != 0 ||
		kept.relid != triage_relid("model_versions"))
		read_model(book);
	return kept.stored;
}

static ModelTypes *
types_of(Book *book, const Model *m)
{
	ModelTypes *t = book->model_types;

	if (t != NULL && t->serial == kept.serial)
		return t;
	t = book->model_types = MemoryContextAllocZero(book->mcxt, sizeof(ModelTypes));
	t->types = MemoryContextAlloc(book->mcxt, m->nclasses * sizeof(CaseType *));
	t->p = MemoryContextAlloc(book->mcxt, Max(book->ntypes, 1) * sizeof(float));
	for (uint32 c = 0; c < m->nclasses; c++)
		t->types[c] = book_type(book, m->names + m->nodes[c].name, m->nodes[c].name_len);
	t->serial = kept.serial;
	return t;
}

/* Probability of each case type by model and terms together; p may be the model's array itself. */
static void
combine(const Book *book, const float *model, const Decision *d, float *p)
{
	float total = TERMS_OPEN;

	for (int i = 0; i < d->ncandidates; i++)
		total += d->candidates[i].score;
	for (int i = 0; i < book->ntypes; i++)
		p[i] = MODEL_SHARE * model[i];
	for (int i = 0; i < d->ncandidates; i++)
		p[d->candidates[i].type->index] += (1 - MODEL_SHARE) * d->candidates[i].score / total;
}

/* The likeliest types as candidates; their scores are thousandths. */
static void
rank_types(Book *book, const float *p, Decision *d)
{
	d->ncandidates = 0;
	for (int i = 0; i < book->ntypes; i++)
	{
		int score = (int) (p[i] * 1000 + 0.5f);
		int k;

		if (score == 0 ||
			(d->ncandidates == MAX_CANDIDATES && score <= d->candidates[MAX_CANDIDATES - 1].score))
			continue;
		for (k = d->ncandidates < MAX_CANDIDATES ? d->ncandidates++ : MAX_CANDIDATES - 1;
			 k > 0 && d->candidates[k - 1].score < score; k--)
			d->candidates[k] = d->candidates[k - 1];
		d->candidates[k] = (Candidate){&book->types[i], score};
	}
}

/* What police matters and those that the police share in have together. */
static float
police_of(const Book *book, const float *p)
{
	float sum = 0;

	for (int i = 0; i < book->ntypes; i++)
		if (book->types[i].nature == NATURE_POLICE || book->types[i].nature == NATURE_JOINT)
			sum += p[i];
	return sum;
}

static void
judge(const Report *report, float police, Decision *d)
{
	d->type = d->candidates[0].type;
	d->confidence = Min(d->candidates[0].score / 1000.0, 1.0);
	/* no word of danger was found */
	if (IS_DANGER(d->type))
		d->verdict = VERDICT_MODEL_DANGER;
	else if (d->confidence < report->model_confidence)
		d->verdict = VERDICT_WEAK;
	else if (d->type->nature == NATURE_NONPOLICE && police > report->model_police)
		d->verdict = VERDICT_POLICE_DOUBT;
	else
		d->verdict = VERDICT_MODEL;
}

/* The same characters may have spoken in several roles: their weights are added up. */
static void
note_gram(Learned *l, const char *folded, const ModelReason *reason)
{
	const char *text = folded + reason->start;
	uint32		len = Min(reason->len, sizeof(l->grams[0].text));

	while (len < reason->len && len > 0 && (text[len] & 0xC0) == 0x80)
		len--;
	for (int i = 0; i < l->ngrams; i++)
		if (l->grams[i].len == len && memcmp(l->grams[i].text, text, len) == 0)
		{
			l->grams[i].weight += reason->weight;
			return;
		}
	if (l->ngrams == MAX_GRAMS)
		return;
	l->grams[l->ngrams].weight = reason->weight;
	l->grams[l->ngrams].len = len;
	memcpy(l->grams[l->ngrams++].text, text, len);
}

/* What is kept for explain(): the n-grams that spoke for the winner against the runner-up. */
static void
note(const Book *book, const ModelTypes *t, const char *folded, float police, Decision *d)
{
	const Model *m = &kept.stored->model;
	Learned		*l = &d->learned[0];
	ModelReason	 reasons[3 * MAX_GRAMS];
	int			 n;
	int			 winner = -1;
	int			 other = -1;

	d->nlearned = 1;
	memset(l, 0, sizeof(Learned));
	l->model = book->model;
	l->version = book->model_version;
	l->police = police;
	for (uint32 c = 0; c < m->nclasses; c++)
		if (t->types[c] == d->type)
			winner = c;
		else if (other < 0 || kept.p[c] > kept.p[other])
			other = c;
	if (winner >= 0)
		l->p = kept.p[winner];
	if (other >= 0)
	{
		l->runner_up = t->types[other];
		l->runner_up_p = kept.p[other];
	}
	if (winner < 0)
		return;
	n = model_reasons(m, kept.stored->scratch, kept.features, winner, other, reasons, lengthof(reasons));
	for (int i = 0; i < n; i++)
		note_gram(l, folded, &reasons[i]);
}

/* Terms and model together: candidates, type, confidence, verdict; returns the share of police matters. */
static float
settle(Book *book, const Report *report, const float *model, float *p, Decision *d)
{
	float police;

	combine(book, model, d, p);
	police = police_of(book, p);
	rank_types(book, p, d);
	if (d->ncandidates == 0)
		d->verdict = VERDICT_NO_MATCH;
	else
		judge(report, police, d);
	return police;
}

/* Probabilities of the model in use, by type; NULL = there is none. */
static ModelTypes *
ask(Book *book, const char *folded, size_t len, uint32 nhits)
{
	StoredModel *stored = book->model == NULL ? NULL : model_of(book);
	ModelTypes	*t;
	uint32		 n;
	float		 heard;

	if (stored == NULL)
		return NULL;
	t = types_of(book, &stored->model);
	n = traits_of(book, folded, len, nhits, kept.features);
	model_classify(&stored->model, stored->scratch, kept.features, n, kept.p);
	heard = Min(stored->scratch->known / MODEL_KNOWS, 1.0f);
	memset(t->p, 0, book->ntypes * sizeof(float));
	for (uint32 c = 0; c < stored->model.nclasses; c++)
		if (t->types[c] != NULL)
			t->p[t->types[c]->index] = heard * kept.p[c];
	return t;
}

bool
learned_weigh(Book *book, const Report *report, const char *folded, size_t len, uint32 nhits, Decision *d)
{
	ModelTypes *t;
	float		police;

	if (report->opinion != NULL)
	{
		float *p = palloc(Max(book->ntypes, 1) * sizeof(float));

		settle(book, report, report->opinion, p, d);
		pfree(p);
		return true;
	}
	t = ask(book, folded, len, nhits);
	if (t == NULL)
		return false;
	police = settle(book, report, t->p, t->p, d);
	if (d->type != NULL)
		note(book, t, folded, police, d);
	return true;
}
