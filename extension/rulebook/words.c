/*
 * words.c
 *	  What texts are searched for: terms, context words, names of places.
 *
 * Their texts stand in one pool, which the arrays count from; matchers are
 * built once it does not move any more.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "rulebook/load.h"
#include "rulebook/source.h"

const char *const context_names[] = {"negation", "figure",	"drill", "supposed", "question",
									 "past",	 "present", "plain", "turn",	 NULL};

/* An array of the book that grows while its rows come. */
typedef struct Rows
{
	char  *base;
	size_t size; /* of a row */
	int	   n;
	int	   room;
} Rows;

typedef struct Words
{
	Book		  *book;
	StringInfoData pool; /* in the book's context; its first byte is nobody's, so that 0 means none */
	Rows		   terms;
	Rows		   places;
} Words;

/* One more row, all zero. */
static void *
add_row(Words *w, Rows *rows)
{
	if (rows->n == rows->room)
	{
		rows->room = rows->room == 0 ? 256 : rows->room * 2;
		rows->base = rows->base == NULL ? MemoryContextAllocHuge(w->book->mcxt, rows->room * rows->size)
										: repalloc_huge(rows->base, rows->room * rows->size);
	}
	return memset(rows->base + rows->n++ * rows->size, 0, rows->size);
}

static uint32
pool_put(Words *w, const char *text, size_t len)
{
	uint32 at = w->pool.len;

	appendBinaryStringInfo(&w->pool, text, len);
	appendStringInfoChar(&w->pool, '\0');
	return at;
}

/* The folded text of a column, put into the pool; false when nothing is left of it. */
static bool
pool_folded(Words *w, const char *bytes, int len, uint32 *at, size_t *folded_len)
{
	char *folded = book_fold(bytes, len, folded_len);

	if (folded == NULL)
		return false;
	*at = pool_put(w, folded, *folded_len);
	pfree(folded);
	return true;
}

/* Half characters: a Han character counts 2, an ASCII one 1. */
static int
weight_of(const char *folded, size_t len)
{
	int weight = 0;

	for (size_t i = 0; i < len; i++)
		weight += IS_HIGHBIT_SET(folded[i]) ? ((folded[i] & 0xC0) == 0xC0 ? 2 : 0) : 1;
	return weight;
}

/* A term of the text in column c; NULL when folding leaves nothing of it. */
static Term *
add_term(Words *w, const Reader *r, int c)
{
	int			len;
	const char *bytes = col_bytes(r, c, &len);
	size_t		folded_len;
	uint32		at;
	Term	   *t;

	if (!pool_folded(w, bytes, len, &at, &folded_len))
		return NULL;
	/* the tables' checks keep them far shorter */
	if (folded_len > PG_UINT16_MAX / 2)
		elog(ERROR, "unexpected length of a term: %zu bytes", folded_len);
	t = add_row(w, &w->terms);
	t->text = at;
	t->len = folded_len;
	return t;
}

static void
load_terms(Words *w, const Source *source)
{
	static const char *const kinds[] = {"include", "exclude", "escalate", NULL};
	Reader					 r;

	reader_open(&r, source, FROM_TERMS);
	while (reader_next(&r))
	{
		int			len;
		const char *bytes = col_bytes(&r, 0, &len);
		CaseType   *type = book_type(w->book, bytes, len);
		Term	   *t = type == NULL ? NULL : add_term(w, &r, 2);

		if (t == NULL)
			continue;
		t->type = type->index;
		t->kind = col_word(&r, 1, kinds);
		t->weight = weight_of(w->pool.data + t->text, t->len);
	}
	reader_close(&r);
}

static void
load_context_words(Words *w, const Source *source)
{
	static const char *const stands[] = {"before", "after", "around", "over", NULL};
	static const char *const scopes[] = {"clause", "sentence", NULL};
	Reader					 r;

	reader_open(&r, source, FROM_CONTEXT_WORDS);
	while (reader_next(&r))
	{
		Term *t = add_term(w, &r, 1);

		if (t == NULL)
			continue;
		t->type = -1;
		t->kind = TERM_CONTEXT;
		t->context = col_word(&r, 0, context_names);
		t->stands = col_word(&r, 2, stands);
		t->reach = col_int(&r, 3, 0);
		t->whole_sentence = col_word(&r, 4, scopes) == 1;
	}
	reader_close(&r);
}

static PlaceName *
add_place(Words *w, const Area *area, const char *bytes, int len, bool is_name)
{
	size_t	   folded_len;
	uint32	   at;
	PlaceName *p;

	if (!pool_folded(w, bytes, len, &at, &folded_len))
		return NULL;
	p = add_row(w, &w->places);
	p->area = area - w->book->areas;
	p->text = at;
	p->len = folded_len;
	p->is_name = is_name;
	return p;
}

static uint32
pool_note(Words *w, const Reader *r, int c)
{
	int			len;
	const char *bytes = col_bytes(r, c, &len);

	return bytes == NULL ? 0 : pool_put(w, bytes, len);
}

static void
load_places(Words *w, const Source *source)
{
	Book  *book = w->book;
	Reader r;

	for (int i = 0; i < book->nareas; i++)
		add_place(w, &book->areas[i], book->areas[i].zh, strlen(book->areas[i].zh), true);
	reader_open(&r, source, FROM_AREA_NAMES);
	while (reader_next(&r))
	{
		int			len;
		const char *bytes = col_bytes(&r, 0, &len);
		Area	   *area = book_area(book, bytes, len);
		PlaceName  *p;

		if (area == NULL)
			continue;
		bytes = col_bytes(&r, 1, &len);
		p = add_place(w, area, bytes, len, false);
		if (p == NULL)
			continue;
		p->initials = pool_note(w, &r, 2);
		p->houses = pool_note(w, &r, 3);
	}
	reader_close(&r);
}

/* What was grown for more rows than came is given back. */
static void *
fit(Rows *rows)
{
	return rows->n == 0 ? NULL : repalloc_huge(rows->base, rows->n * rows->size);
}

void
load_words(Book *book, const Source *source)
{
	Words		  w = {.book = book, .terms.size = sizeof(Term), .places.size = sizeof(PlaceName)};
	MemoryContext old = MemoryContextSwitchTo(book->mcxt);

	initStringInfo(&w.pool);
	MemoryContextSwitchTo(old);
	appendStringInfoChar(&w.pool, '\0');
	load_terms(&w, source);
	load_context_words(&w, source);
	load_places(&w, source);
	book->nterms = w.terms.n;
	book->terms = fit(&w.terms);
	book->nplaces = w.places.n;
	book->places = fit(&w.places);
	book->pool = repalloc(w.pool.data, w.pool.len);
	book->pool_len = w.pool.len;
	book->term_matcher = term_matcher_build(book, book_alloc, book);
}

/* ---- matchers ---- */

/* Turns are looked for between a context word and a term only. */
#define IS_TURN(t) ((t)->kind == TERM_CONTEXT && (t)->context == CONTEXT_TURN)

void
collect_turns(Book *book)
{
	book->nturns = 0;
	for (int i = 0; i < book->nterms; i++)
		book->nturns += IS_TURN(&book->terms[i]);
	book->turns = MemoryContextAlloc(book->mcxt, Max(book->nturns, 1) * sizeof(Term *));
	for (int i = 0, n = 0; n < book->nturns; i++)
		if (IS_TURN(&book->terms[i]))
			book->turns[n++] = &book->terms[i];
}

TermMatcher *
term_matcher_build(const Book *book, TermAlloc alloc, void *arg)
{
	TermText	*texts = palloc_extended(Max(book->nterms, 1) * sizeof(TermText), MCXT_ALLOC_HUGE);
	TermMatcher *m;

	for (int i = 0; i < book->nterms; i++)
	{
		const Term *t = &book->terms[i];

		texts[i] = (TermText){term_text(book, t), IS_TURN(t) ? 0 : t->len};
	}
	m = terms_build(texts, book->nterms, alloc, arg);
	pfree(texts);
	return m;
}

TermMatcher *
place_matcher_build(const Book *book, TermAlloc alloc, void *arg)
{
	TermText	*texts = palloc_extended(Max(book->nplaces, 1) * sizeof(TermText), MCXT_ALLOC_HUGE);
	TermMatcher *m;

	for (int i = 0; i < book->nplaces; i++)
		texts[i] = (TermText){place_text(book, &book->places[i]), book->places[i].len};
	m = terms_build(texts, book->nplaces, alloc, arg);
	pfree(texts);
	return m;
}

/* Places are searched only where the area is not given: their matcher is made when first needed. */
const TermMatcher *
book_place_matcher(Book *book)
{
	if (book->place_matcher == NULL)
		book->place_matcher = place_matcher_build(book, book_alloc, book);
	return book->place_matcher;
}
