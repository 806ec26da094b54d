/*
 * train.c
 *	  triage.train(): a model from examples, kept as a version of its name.
 *
 * Reading comes first, then fitting, then one short insert: a training that
 * fails or is cancelled leaves nothing behind, and the model in use is
 * another row that it does not touch.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/actor.h"
#include "base/catalog.h"
#include "base/clock.h"
#include "base/names.h"
#include "base/spi.h"
#include "rulebook/examples.h"
#include "rulebook/metrics.h"

PG_FUNCTION_INFO_V1(triage_train);

/* Folds by which a training judges itself and learns how sure it may be. */
#define TRAIN_FOLDS 3

static void
check_admin(void)
{
	if (!triage_acts_as_owner())
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_RIGHTS), errmsg("models are for administrators"),
						errdetail("Role \"%s\" is not a member of the role that owns the rules.",
								  triage_actor_name()),
						errhint("Ask an administrator, or have the owner's role granted.")));
}

static char *
required_name(FunctionCallInfo fcinfo)
{
	char *name = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));

	if (name == NULL || *name == '\0')
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN),
						errmsg("argument \"%s\" must not be null or empty", "model"),
						errdetail("It is the name under which the model's versions are kept."),
						errhint("For instance triage.train('intake').")));
	return name;
}

typedef struct Trained
{
	bytea *value;
	Jsonb *score;
} Trained;

static Jsonb *
score_of(const Examples *x, const float *scores, float sharpness, float group_sharpness, uint32 nfolds)
{
	uint32	  n = x->n;
	uint32	  nnodes = x->classes.nclasses + x->classes.ngroups;
	Guess	 *guesses = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(Guess));
	float	 *p = palloc(x->classes.nclasses * sizeof(float));
	JsonBuild b = {0};

	for (uint32 i = 0; i < n; i++)
	{
		Guess *g = &guesses[i];

		CHECK_FOR_INTERRUPTS();
		model_probabilities(scores + (size_t) i * nnodes, x->classes.groups, x->classes.nclasses,
							x->classes.ngroups, sharpness, group_sharpness, p);
		*g = (Guess){fit_set_class(x->set, i), 0, p[0], false};
		for (uint32 c = 1; c < x->classes.nclasses; c++)
			if (p[c] > g->confidence)
			{
				g->guess = c;
				g->confidence = p[c];
			}
	}
	jb_object(&b, NULL);
	jb_int(&b, "folds", nfolds);
	jb_real(&b, "accuracy", metrics_accuracy(guesses, n));
	jb_real(&b, "macro_f1", metrics_macro_f1(guesses, n, x->classes.nclasses));
	jb_real(&b, "coverage_95", metrics_coverage(guesses, n, 0.95));
	jb_real(&b, "coverage_98", metrics_coverage(guesses, n, 0.98));
	jb_end_object(&b);
	return jb_finish(&b);
}

/* Cross-validate for the held-out score and the sharpness, then fit all. */
static void
fit(const Examples *x, Trained *trained)
{
	uint32	nfolds = Min(TRAIN_FOLDS, x->n);
	uint32 *folds = MemoryContextAllocHuge(CurrentMemoryContext, fit_set_size(x->set) * sizeof(uint32));
	float  *scores;
	float	sharpness, group_sharpness;
	size_t	len;
	void   *block;

	fit_folds(x->set, x->n, nfolds, folds);
	if (!fit_cross(x->set, &x->classes, nfolds, folds, &scores))
		examples_too_many(x);
	fit_sharpness(x->set, &x->classes, folds, FIT_NO_FOLD, scores, &sharpness, &group_sharpness);
	trained->score = score_of(x, scores, sharpness, group_sharpness, nfolds);
	block = fit_model(x->set, &x->classes, sharpness, group_sharpness, &len);
	if (block == NULL)
		examples_too_many(x);
	trained->value = palloc(VARHDRSZ + len);
	SET_VARSIZE(trained->value, VARHDRSZ + len);
	memcpy(VARDATA(trained->value), block, len);
}

static ArrayType *
class_names(const Examples *x)
{
	Datum *names = palloc(x->classes.nclasses * sizeof(Datum));

	for (uint32 i = 0; i < x->classes.nclasses; i++)
		names[i] = CStringGetTextDatum(x->classes.names[i]);
	return construct_array(names, x->classes.nclasses, TEXTOID, -1, false, TYPALIGN_INT);
}

/* What the training was asked for, without what the query says: it may hold texts of citizens. */
static Jsonb *
settings_of(const Examples *x, const char *query, bool group_first)
{
	JsonBuild b = {0};
	uint8	  digest[PG_SHA256_DIGEST_LENGTH];
	char	  hex[2 * 8 + 1];

	jb_object(&b, NULL);
	jb_bool(&b, "group_first", group_first);
	jb_int(&b, "groups", x->classes.ngroups);
	jb_int(&b, "rows", x->rows);
	jb_int(&b, "no_text", x->no_text);
	jb_int(&b, "no_class", x->no_class);
	jb_int(&b, "terms", fit_set_size(x->set) - x->n);
	if (query != NULL)
	{
		pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);

		if (ctx == NULL || pg_cryptohash_init(ctx) < 0 ||
			pg_cryptohash_update(ctx, (const uint8 *) query, strlen(query)) < 0 ||
			pg_cryptohash_final(ctx, digest, sizeof(digest)) < 0)
			elog(ERROR, "could not compute a digest");
		pg_cryptohash_free(ctx);
		for (int i = 0; i < 8; i++)
			sprintf(hex + 2 * i, "%02x", digest[i]);
		jb_text(&b, "query_digest", pstrdup(hex));
	}
	jb_end_object(&b);
	return jb_finish(&b);
}

/* Keep the version and, if asked, use it; returns the row of triage.models. */
static Datum
keep(const char *name, const Examples *x, const Trained *trained, const char *query, bool group_first,
	 bool activate)
{
	/* of two trainings of one name at once the second waits, then has the next number */
	static KeptPlan lock = {.sql = "LOCK TABLE triage.model_versions IN SHARE ROW EXCLUSIVE MODE",
							.nargs = 0};
	static KeptPlan insert = {
		.sql =
			"INSERT INTO triage.model_versions (model, version, value, classes, are_types, examples, trained_at,"
			" trained_by, score, settings, rulebook_version) SELECT $1,"
			" coalesce((SELECT max(v.version) FROM triage.model_versions v WHERE v.model = $1), 0) + 1,"
			" $2, $3, $4, $5, $6, $7, $8, $9, $10 RETURNING version",
		.nargs = 10,
		.types = {TEXTOID, BYTEAOID, TEXTARRAYOID, BOOLOID, INT4OID, TIMESTAMPTZOID, TEXTOID, JSONBOID,
				  JSONBOID, INT8OID}};
	static KeptPlan row = {.sql = "SELECT CASE WHEN $3 THEN triage.use_model($1, $2) ELSE m END"
								  " FROM triage.models m WHERE m.model = $1 AND m.version = $2",
						   .nargs = 3,
						   .types = {TEXTOID, INT4OID, BOOLOID}};
	Datum			values[10] = {CStringGetTextDatum(name),
								  PointerGetDatum(trained->value),
								  PointerGetDatum(class_names(x)),
								  BoolGetDatum(x->are_types),
								  Int32GetDatum(x->n),
								  TimestampTzGetDatum(triage_clock()),
								  CStringGetTextDatum(triage_actor_name()),
								  JsonbPGetDatum(trained->score),
								  JsonbPGetDatum(settings_of(x, query, group_first)),
								  Int64GetDatum(x->book->version)};
	OwnerSwitch		sw;
	bool			isnull;
	Datum			result;

	triage_owner_begin(&sw);
	triage_run(&lock, NULL, NULL, SPI_OK_UTILITY);
	triage_run(&insert, values, NULL, SPI_OK_INSERT_RETURNING);
	values[1] = triage_result(0, 1, &isnull);
	values[2] = BoolGetDatum(activate);
	triage_run(&row, values, NULL, SPI_OK_SELECT);
	result = SPI_datumTransfer(triage_result(0, 1, &isnull), false, -1);
	triage_owner_end(&sw);
	return result;
}

/* train(model text, query text, group_first boolean, activate boolean) returns triage.models */
Datum
triage_train(PG_FUNCTION_ARGS)
{
	char		  *name = required_name(fcinfo);
	char		  *query = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	ExamplesWanted wanted = {query, NULL, PG_ARGISNULL(2) || PG_GETARG_BOOL(2), false};
	MemoryContext  old = CurrentMemoryContext;
	MemoryContext  work = AllocSetContextCreate(old, "pg_triage training", ALLOCSET_DEFAULT_SIZES);
	Book		  *book;
	Examples	   x;
	Trained		   trained;
	Datum		   result;

	check_admin();
	book = book_acquire();
	MemoryContextSwitchTo(work);
	examples_read(&x, book, &wanted);
	fit(&x, &trained);
	MemoryContextSwitchTo(old);
	result = keep(name, &x, &trained, query, wanted.group_first, !PG_ARGISNULL(3) && PG_GETARG_BOOL(3));
	book_release(book);
	MemoryContextDelete(work);
	return result;
}
