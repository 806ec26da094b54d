/*
 * traits.c
 *	  What a classifier knows a text by: its n-grams and the terms of the
 *	  rulebook that stand in it.
 *
 * A term counts as itself, as a term of its case type and as one of the
 * type's parent; terms that speak for, against and urgently for a type apart.
 * So what one type's words mean is learned once, also for words that no
 * example has.  Names of features are texts and codes: they mean the same
 * under every version of the rules.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "rulebook/traits.h"

/* name spaces of ngram_named() */
enum
{
	NAMES_TERM,
	NAMES_INCLUDE,
	NAMES_EXCLUDE,
	NAMES_ESCALATE
};

/* Found by cross-validation: a term's weight in half characters, as a feature of its type. */
#define TYPE_VALUE 0.25f
#define TERM_VALUE 1.0f

typedef struct TermTraits
{
	uint32 own;
	uint32 type;
	uint32 parent; /* 0 = the type has none */
} TermTraits;

static TermTraits *
traits_make(Book *book)
{
	TermTraits *traits = MemoryContextAllocHuge(book->mcxt, (Max(book->nterms, 1)) * sizeof(TermTraits));

	for (int i = 0; i < book->nterms; i++)
	{
		const Term	   *term = &book->terms[i];
		TermTraits	   *t = &traits[i];
		const CaseType *type;

		memset(t, 0, sizeof(TermTraits));
		if (term->kind == TERM_CONTEXT)
			continue;
		type = term_type(book, term);
		t->own = ngram_named(NAMES_TERM, term_text(book, term), term->len);
		t->type = ngram_named(NAMES_INCLUDE + term->kind, type->code, strlen(type->code));
		if (type->parent != NULL)
			t->parent =
				ngram_named(NAMES_INCLUDE + term->kind, type->parent->code, strlen(type->parent->code));
	}
	return traits;
}

static uint32
put(Feature *out, uint32 n, uint32 key, float value)
{
	if (key != 0 && n < MODEL_MAX_FEATURES)
		out[n++] = (Feature){key, value, 0, 0};
	return n;
}

uint32
traits_of(Book *book, const char *folded, size_t len, uint32 nhits, Feature *out)
{
	uint32 n = ngrams_of(folded, len, out);

	StaticAssertStmt(NAMES_EXCLUDE - NAMES_INCLUDE == TERM_EXCLUDE &&
						 NAMES_ESCALATE - NAMES_INCLUDE == TERM_ESCALATE,
					 "name spaces in the order of the kinds of terms");
	if (book->traits == NULL)
		book->traits = traits_make(book);
	for (uint32 i = 0; i < nhits; i++)
	{
		const TermHit	 *h = &book->hits[i];
		const TermTraits *t = &book->traits[h->id];
		float			  value = TYPE_VALUE * book->terms[h->id].weight;

		/* hits of the same words, for several types, stand together: the words count once */
		if (i == 0 || h[-1].start != h->start || h[-1].end != h->end)
			n = put(out, n, t->own, TERM_VALUE);
		n = put(out, n, t->type, value);
		n = put(out, n, t->parent, value);
	}
	return n;
}
