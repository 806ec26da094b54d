/*
 * evaluate.c
 *	  triage.evaluate(): how good a classifier would be, before it is used.
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/actor.h"
#include "base/catalog.h"
#include "base/guc.h"
#include "base/names.h"
#include "rulebook/decide.h"
#include "rulebook/examples.h"
#include "rulebook/metrics.h"
#include "rulebook/stored.h"
#include "rulebook/traits.h"

PG_FUNCTION_INFO_V1(triage_evaluate);

/* Everything that is guessed about the examples that are tested. */
typedef struct Trial
{
	Examples	 x;
	StoredModel *stored; /* NULL = models are trained here */
	uint32		*tested; /* examples */
	uint32		 ntested;
	float		*p;		/* by tested example: probability of each class */
	const char **names; /* of the examples' classes, then of those only the model has */
	uint32		 nnames;
	uint32		 nfolds;
} Trial;

static void
check_arguments(int folds, const char *model, const char *split_column)
{
	if (!triage_acts_as_owner())
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_RIGHTS), errmsg("models are for administrators"),
						errdetail("Role \"%s\" is not a member of the role that owns the rules.",
								  triage_actor_name()),
						errhint("Ask an administrator, or have the owner's role granted.")));
	if (folds < 2 || folds > 100)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("folds must be between 2 and 100, not %d", folds),
						errhint("With 5 folds each text is tested by a model of the other four fifths.")));
	if (model != NULL && split_column != NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a stored model needs no split"),
						errhint("Give either model or split_column.")));
}

/* Each example by a model of the other folds; the sharpness, too, is of the other folds. */
static void
cross_validate(Trial *t, uint32 nfolds, uint32 *folds)
{
	const FitClasses *c = &t->x.classes;
	uint32			  nnodes = c->nclasses + c->ngroups;
	float			 *scores;
	float			 *sharpness = palloc(nfolds * 2 * sizeof(float));

	if (!fit_cross(t->x.set, c, nfolds, folds, &scores))
		examples_too_many(&t->x);
	for (uint32 f = 0; f < nfolds; f++)
		fit_sharpness(t->x.set, c, folds, nfolds > 1 ? f : FIT_NO_FOLD, scores, &sharpness[2 * f],
					  &sharpness[2 * f + 1]);
	for (uint32 i = 0; i < t->ntested; i++)
	{
		uint32 x = t->tested[i];

		CHECK_FOR_INTERRUPTS();
		model_probabilities(scores + (size_t) x * nnodes, c->groups, c->nclasses, c->ngroups,
							sharpness[2 * folds[x]], sharpness[2 * folds[x] + 1],
							t->p + (size_t) i * t->nnames);
	}
	t->nfolds = nfolds;
}

/* Each example by the stored model. */
static void
ask_stored(Trial *t)
{
	const Model *m = &t->stored->model;
	Feature		*features = palloc(MODEL_MAX_FEATURES * sizeof(Feature));
	float		*p = palloc(m->nclasses * sizeof(float));
	uint32		*place = palloc(m->nclasses * sizeof(uint32));

	for (uint32 c = 0; c < m->nclasses; c++)
		for (place[c] = 0;
			 strncmp(t->names[place[c]], m->names + m->nodes[c].name, m->nodes[c].name_len) != 0 ||
			 t->names[place[c]][m->nodes[c].name_len] != '\0';
			 place[c]++)
			;
	for (uint32 i = 0; i < t->ntested; i++)
	{
		uint32 x = t->tested[i];
		uint32 hits = book_find_terms(t->x.book, t->x.texts[x], t->x.text_lens[x]);
		uint32 n = traits_of(t->x.book, t->x.texts[x], t->x.text_lens[x], hits, features);

		CHECK_FOR_INTERRUPTS();
		model_classify(m, t->stored->scratch, features, n, p);
		for (uint32 c = 0; c < m->nclasses; c++)
			t->p[(size_t) i * t->nnames + place[c]] = p[c];
	}
}

/* Names of the examples' classes, then those that only the stored model knows. */
static void
name_classes(Trial *t)
{
	const Model *m = t->stored == NULL ? NULL : &t->stored->model;
	uint32		 n = t->x.classes.nclasses;

	t->names = palloc((n + (m == NULL ? 0 : m->nclasses)) * sizeof(char *));
	memcpy(t->names, t->x.classes.names, n * sizeof(char *));
	t->nnames = n;
	for (uint32 c = 0; m != NULL && c < m->nclasses; c++)
	{
		char *name = pnstrdup(m->names + m->nodes[c].name, m->nodes[c].name_len);
		bool  known = false;

		for (uint32 i = 0; i < n && !known; i++)
			known = strcmp(t->names[i], name) == 0;
		if (!known)
			t->names[t->nnames++] = name;
	}
}

/* The likeliest class of each. */
static Guess *
guess_by_model(const Trial *t)
{
	Guess *guesses = MemoryContextAllocHuge(CurrentMemoryContext, Max(t->ntested, 1) * sizeof(Guess));

	for (uint32 i = 0; i < t->ntested; i++)
	{
		const float *p = t->p + (size_t) i * t->nnames;
		Guess		*g = &guesses[i];

		*g = (Guess){fit_set_class(t->x.set, t->tested[i]), 0, p[0], false};
		for (uint32 c = 1; c < t->nnames; c++)
			if (p[c] > g->confidence)
			{
				g->guess = c;
				g->confidence = p[c];
			}
		g->decided = g->confidence >= triage_model_confidence;
	}
	return guesses;
}

/*
 * What would be decided about the same texts on a written channel: by the
 * terms alone, or by terms and model.
 */
static Guess *
guess_by_rules(const Trial *t, bool with_model)
{
	Guess	*guesses = MemoryContextAllocHuge(CurrentMemoryContext, Max(t->ntested, 1) * sizeof(Guess));
	Channel	 channel = {.code = "", .zh = "", .kind = CHANNEL_WRITTEN, .confirm_danger = true};
	Report	 report = {.channel = &channel,
					   .min_confidence = triage_min_confidence,
					   .police_share = triage_police_share,
					   .model_confidence = triage_model_confidence,
					   .model_police = triage_model_police,
					   .terms_only = !with_model};
	float	*opinion = palloc0(Max(t->x.book->ntypes, 1) * sizeof(float));
	Decision d;

	for (uint32 i = 0; i < t->ntested; i++)
	{
		uint32 x = t->tested[i];
		Guess *g = &guesses[i];

		CHECK_FOR_INTERRUPTS();
		for (uint32 c = 0; with_model && c < t->x.classes.nclasses; c++)
			opinion[t->x.types[c]->index] = t->p[(size_t) i * t->nnames + c];
		report.opinion = with_model ? opinion : NULL;
		memset(&d, 0, sizeof(d));
		d.body_chars = pg_mbstrlen_with_len(t->x.texts[x], t->x.text_lens[x]);
		classify(t->x.book, &report, t->x.texts[x], t->x.text_lens[x], &d);
		*g = (Guess){fit_set_class(t->x.set, x), -1, d.confidence, d.dispatched};
		for (uint32 c = 0; d.type != NULL && c < t->x.classes.nclasses && g->guess < 0; c++)
			if (t->x.types[c] == d.type)
				g->guess = c;
	}
	return guesses;
}

/* Tests of texts that have nothing like them among those learned from. */
static void
put_unlike(JsonBuild *b, const Trial *t, const Guess *guesses, const uint32 *folds)
{
	bool  *alike = fit_alike(t->x.set, t->x.n, folds);
	Guess *unlike = MemoryContextAllocHuge(CurrentMemoryContext, Max(t->ntested, 1) * sizeof(Guess));
	uint32 n = 0;

	for (uint32 i = 0; i < t->ntested; i++)
		if (!alike[t->tested[i]])
			unlike[n++] = guesses[i];
	jb_object(b, "unlike");
	jb_int(b, "n", n);
	jb_real(b, "accuracy", metrics_accuracy(unlike, n));
	jb_real(b, "macro_f1", metrics_macro_f1(unlike, n, t->nnames));
	jb_end_object(b);
}

static void
put_data(JsonBuild *b, const Trial *t)
{
	jb_int(b, "rows", t->x.rows);
	jb_int(b, "no_text", t->x.no_text);
	jb_int(b, "no_class", t->x.no_class);
	jb_int(b, "examples", t->x.n);
	jb_int(b, "tested", t->ntested);
	jb_int(b, "classes", t->x.classes.nclasses);
	jb_int(b, "groups", t->x.classes.ngroups);
	if (t->stored != NULL)
	{
		jb_text(b, "model_name", t->stored->name);
		jb_int(b, "model_version", t->stored->version);
	}
	else
		jb_int(b, "folds", t->nfolds);
}

static Jsonb *
run_trial(Trial *t, uint32 nfolds)
{
	JsonBuild b = {0};
	uint32	  n = t->x.n;
	uint32	 *folds = t->x.folds;
	Guess	 *guesses;

	if (t->x.folds != NULL)
		nfolds = t->x.nsplits;
	else
	{
		folds = MemoryContextAllocHuge(CurrentMemoryContext, fit_set_size(t->x.set) * sizeof(uint32));
		nfolds = Min(nfolds, n);
		fit_folds(t->x.set, n, nfolds, folds);
	}
	t->tested = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(uint32));
	for (uint32 i = 0; i < n; i++)
		if (folds[i] != FIT_NO_FOLD)
			t->tested[t->ntested++] = i;
	name_classes(t);
	t->p =
		MemoryContextAllocHuge(CurrentMemoryContext, Max((size_t) t->ntested * t->nnames, 1) * sizeof(float));
	memset(t->p, 0, (size_t) t->ntested * t->nnames * sizeof(float));
	if (t->stored != NULL)
		ask_stored(t);
	else
		cross_validate(t, nfolds, folds);
	guesses = guess_by_model(t);
	jb_object(&b, NULL);
	put_data(&b, t);
	if (t->stored == NULL)
		put_unlike(&b, t, guesses, folds);
	metrics_put(&b, "model", guesses, t->ntested, t->names, t->nnames, true);
	if (t->x.are_types)
	{
		metrics_put(&b, "terms", guess_by_rules(t, false), t->ntested, t->names, t->nnames, false);
		metrics_put(&b, "combined", guess_by_rules(t, true), t->ntested, t->names, t->nnames, false);
	}
	jb_end_object(&b);
	return jb_finish(&b);
}

/* evaluate(query text, folds int, model text, split_column text) returns jsonb */
Datum
triage_evaluate(PG_FUNCTION_ARGS)
{
	char		  *query = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	int			   nfolds = PG_ARGISNULL(1) ? 5 : PG_GETARG_INT32(1);
	char		  *model = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	char		  *split = PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3));
	ExamplesWanted wanted = {query, split, true, true};
	MemoryContext  old = CurrentMemoryContext;
	MemoryContext  work = AllocSetContextCreate(old, "pg_triage evaluation", ALLOCSET_DEFAULT_SIZES);
	Trial		   t = {0};
	Jsonb		  *result;

	check_arguments(nfolds, model, split);
	MemoryContextSwitchTo(work);
	if (model != NULL)
		t.stored = stored_model_read(model, 0);
	examples_read(&t.x, book_acquire(), &wanted);
	result = run_trial(&t, nfolds);
	book_release(t.x.book);
	MemoryContextSwitchTo(old);
	result = (Jsonb *) DatumGetPointer(PointerGetDatum(PG_DETOAST_DATUM_COPY(JsonbPGetDatum(result))));
	MemoryContextDelete(work);
	PG_RETURN_JSONB_P(result);
}
