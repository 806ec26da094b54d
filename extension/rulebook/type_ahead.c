/*
 * type_ahead.c
 *	  find_place() and suggest_type(): what is meant, while it is typed.
 *
 * Both look through the book from end to end: some ten thousand short names,
 * compared in about a millisecond, need no index that would have to agree
 * with how the book folds and matches.
 *
 * Better is what is equal, then what begins with the letters typed, then what
 * holds them, then what has them in order with others between.  A code or the
 * pinyin initials count like a name.  Of as good ones the shorter comes first.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/geo_decls.h"

#include "base/compat.h"
#include "base/names.h"
#include "rulebook/decide.h"

PG_FUNCTION_INFO_V1(triage_find_place);
PG_FUNCTION_INFO_V1(triage_suggest_type);

#define MAX_QUERY  400 /* bytes, folded */
#define MAX_WORDS  4
#define MAX_ROWS   100
#define ALIEN_HALF 0.5 /* a place outside the given area is worth this much of one inside */

/* how good a match is, 0 = none (default, not official) */
#define EQUAL	   1.0
#define BEGINS	   0.9
#define HOLDS	   0.7
#define SCATTERED  0.4
#define BY_INITIAL 0.9 /* of the same match by name */
#define BY_TERM	   0.7
#define IN_QUERY   0.6 /* the whole name stands in what was typed */

typedef struct Typed
{
	char  *text; /* folded */
	size_t len;
	bool   ascii; /* may be a code or initials */
} Typed;

/* Are the characters of q in the text, in this order? */
static bool
scattered(const char *text, size_t len, const Typed *q)
{
	size_t at = 0;

	for (size_t i = 0; i < q->len;)
	{
		size_t n = 1;

		while (i + n < q->len && (q->text[i + n] & 0xC0) == 0x80)
			n++;
		while (at + n <= len && memcmp(text + at, q->text + i, n) != 0)
			at++;
		if (at + n > len)
			return false;
		at += n;
		i += n;
	}
	return true;
}

/* How well a folded text answers the query, shorter ones a little better. */
static double
match(const char *text, size_t len, const Typed *q, bool loosely)
{
	double base = 0;

	if (len >= q->len)
	{
		if (memcmp(text, q->text, q->len) == 0)
			base = len == q->len ? EQUAL : BEGINS;
		else if (loosely && memmem(text, len, q->text, q->len) != NULL)
			base = HOLDS;
		else if (loosely && q->len > 3 && scattered(text, len, q))
			base = SCATTERED;
	}
	return base == 0 ? 0 : base * 0.95 + 0.05 * q->len / len;
}

/* Codes and initials are found by how they begin, in capitals or not. */
static double
match_code(const char *code, const Typed *q)
{
	size_t len = q->ascii && code != NULL ? strlen(code) : 0;

	if (len < q->len || pg_strncasecmp(code, q->text, q->len) != 0)
		return 0;
	return (len == q->len ? EQUAL : BEGINS) * 0.95 + 0.05 * q->len / len;
}

static char *
read_typed(FunctionCallInfo fcinfo, const char *argument, Typed *q)
{
	text *t;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("argument \"%s\" must not be null", argument),
						errhint("Give what was typed; an empty text finds nothing.")));
	t = PG_GETARG_TEXT_PP(0);
	if (VARSIZE_ANY_EXHDR(t) > 4 * MAX_QUERY)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT), errmsg("argument \"%s\" is too long", argument),
						errdetail("It has %zu bytes, the limit is %d.", (size_t) VARSIZE_ANY_EXHDR(t),
								  4 * MAX_QUERY),
						errhint("Type a few letters of the name.")));
	q->text = book_fold(VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t), &q->len);
	if (q->text == NULL)
		return NULL;
	q->len = Min(q->len, MAX_QUERY);
	q->ascii = true;
	for (size_t i = 0; i < q->len; i++)
		q->ascii &= !IS_HIGHBIT_SET(q->text[i]);
	return q->text;
}

static int
row_limit(FunctionCallInfo fcinfo, int arg)
{
	int rows = PG_ARGISNULL(arg) ? 10 : PG_GETARG_INT32(arg);

	if (rows < 1 || rows > MAX_ROWS)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("argument \"max_rows\" is out of range"),
						errdetail("It is %d.", rows), errhint("Give a number between 1 and %d.", MAX_ROWS)));
	return rows;
}

/* ---- places ---- */

typedef struct Place
{
	Area			*area;
	const PlaceName *name; /* an alias that matched; NULL = its own name or code */
	double			 score;
} Place;

/* Has the area, or one around it, a name that answers? */
static bool
lies_in(const Book *book, const Area *area, const Typed *word)
{
	for (const Area *a = area->parent; a != NULL; a = a->parent)
		if (match(a->zh, strlen(a->zh), word, true) > 0 || match_code(a->initials, word) > 0)
			return true;
	return false;
}

static double
match_name(const Book *book, const PlaceName *p, const Typed *q)
{
	const char *initials = p->is_name ? place_area(book, p)->initials : place_note(book, p->initials);

	return Max(match(place_text(book, p), p->len, q, true), BY_INITIAL * match_code(initials, q));
}

/* The words of a query, split at spaces: the last names the place, the others what is around it. */
static int
split(const Typed *q, Typed *words)
{
	int	   n = 0;
	size_t at = 0;

	while (at < q->len)
	{
		size_t end = at;

		while (end < q->len && q->text[end] != ' ')
			end++;
		if (n == MAX_WORDS)
			return 0;
		words[n] = (Typed){q->text + at, end - at, true};
		for (size_t i = at; i < end; i++)
			words[n].ascii &= !IS_HIGHBIT_SET(q->text[i]);
		n += end > at;
		at = end + 1;
	}
	return n > 1 ? n : 0;
}

static double
match_words(const Book *book, const PlaceName *p, const Typed *words, int n)
{
	double score = n == 0 ? 0 : match_name(book, p, &words[n - 1]);

	for (int i = 0; i < n - 1 && score > 0; i++)
		if (!lies_in(book, place_area(book, p), &words[i]))
			score = 0;
	return score;
}

static void
better(Place *best, const PlaceName *p, double score)
{
	if (score > best->score || (score == best->score && p != NULL && p->is_name))
	{
		best->score = score;
		best->name = p == NULL || p->is_name ? NULL : p;
	}
}

/* Every area with its best match. */
static Place *
match_places(Book *book, const Typed *q)
{
	Place *places = palloc0(Max(book->nareas, 1) * sizeof(Place));
	Named  named[MAX_NAMED];
	int	   n = place_names(book, q->text, q->len, named);
	Typed  words[MAX_WORDS];
	int	   nwords = split(q, words);

	for (int i = 0; i < book->nareas; i++)
	{
		places[i].area = &book->areas[i];
		places[i].score = match_code(book->areas[i].code, q);
	}
	for (int i = 0; i < book->nplaces; i++)
	{
		const PlaceName *p = &book->places[i];
		double			 score = Max(match_name(book, p, q), match_words(book, p, words, nwords));

		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		if (score > 0)
			better(&places[p->area], p, score);
	}
	/* a whole address was typed */
	for (int i = 0; i < n; i++)
	{
		const PlaceName *p = named[i].place;
		double			 score = IN_QUERY + 0.05 * Min(named[i].support, 4) + (named[i].house ? 0.05 : 0);

		better(&places[p->area], p, score);
	}
	return places;
}

/* Best first; then larger areas, then by code. */
static int
by_score(const void *a, const void *b)
{
	const Place *x = a;
	const Place *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	if (x->area->depth != y->area->depth)
		return x->area->depth - y->area->depth;
	return strcmp(x->area->code, y->area->code);
}

/* The name with what tells it from others of the same name: the areas around it up to the county. */
static char *
full_name(const Book *book, const Place *p)
{
	const Area	  *chain[8];
	int			   n = 0;
	StringInfoData s;

	for (const Area *a = p->area; a != NULL && n < (int) lengthof(chain); a = a->parent)
	{
		chain[n++] = a;
		if (strcmp(a->level, "county") == 0 || strcmp(a->level, "city") == 0)
			break;
	}
	initStringInfo(&s);
	while (n > 0)
		appendStringInfoString(&s, chain[--n]->zh);
	if (p->name != NULL)
		appendStringInfo(&s, "(%s)", place_text(book, p->name));
	return s.data;
}

static void
put_place(ReturnSetInfo *rsinfo, Book *book, const Place *p)
{
	Point *centre = boundary_centre(book, p->area);
	Datum  values[4] = {CStringGetTextDatum(p->area->code), CStringGetTextDatum(full_name(book, p)),
						PointPGetDatum(centre), Float8GetDatum(p->score)};
	bool   nulls[4] = {false, false, centre == NULL, false};

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static Area *
context_area(FunctionCallInfo fcinfo, Book *book)
{
	char *code = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	Area *area = code == NULL ? NULL : book_area(book, code, strlen(code));

	if (code != NULL && area == NULL)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("area \"%s\" does not exist", code),
						errhint("Use a code listed in triage.areas, or leave the argument out.")));
	return area;
}

Datum
triage_find_place(PG_FUNCTION_ARGS)
{
	int	  rows = row_limit(fcinfo, 2);
	Book *book = book_acquire();
	Area *context = context_area(fcinfo, book);
	Typed q;

	InitMaterializedSRF(fcinfo, 0);
	if (read_typed(fcinfo, "q", &q) != NULL)
	{
		Place *places = match_places(book, &q);
		int	   n = 0;

		for (int i = 0; i < book->nareas; i++)
		{
			if (places[i].score == 0)
				continue;
			if (!area_within(places[i].area, context))
				places[i].score *= ALIEN_HALF;
			places[n++] = places[i];
		}
		qsort(places, n, sizeof(Place), by_score);
		for (int i = 0; i < Min(n, rows); i++)
			put_place((ReturnSetInfo *) fcinfo->resultinfo, book, &places[i]);
	}
	book_release(book);
	return (Datum) 0;
}

/* ---- case types ---- */

typedef struct Suggestion
{
	CaseType *type;
	double	  score;
} Suggestion;

static double
match_folded(const char *name, const Typed *q)
{
	size_t len;
	char  *folded = name == NULL ? NULL : book_fold(name, strlen(name), &len);
	double score = folded == NULL ? 0 : match(folded, len, q, true);

	if (folded != NULL)
		pfree(folded);
	return score;
}

static Suggestion *
match_types(Book *book, const Typed *q)
{
	Suggestion *s = palloc0(Max(book->ntypes, 1) * sizeof(Suggestion));

	for (int i = 0; i < book->ntypes; i++)
	{
		CaseType *t = &book->types[i];

		s[i].type = t;
		s[i].score = Max(match_code(t->code, q), match_folded(t->zh, q));
		s[i].score = Max(s[i].score, match_folded(t->en, q));
		s[i].score = Max(s[i].score, BY_INITIAL * match_code(t->initials, q));
	}
	/* a word by which texts are known to be of the type */
	for (int i = 0; i < book->nterms; i++)
	{
		const Term *t = &book->terms[i];

		if (t->kind == TERM_INCLUDE)
		{
			Suggestion *mine = &s[t->type];

			mine->score = Max(mine->score, BY_TERM * match(term_text(book, t), t->len, q, false));
		}
	}
	/* groups are no types that a case could have */
	for (int i = 0; i < book->ntypes; i++)
		if (book->types[i].parent != NULL)
			s[book->types[i].parent->index].score = 0;
	return s;
}

static int
by_suggestion(const void *a, const void *b)
{
	const Suggestion *x = a;
	const Suggestion *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return strcmp(x->type->code, y->type->code);
}

Datum
triage_suggest_type(PG_FUNCTION_ARGS)
{
	int	  rows = row_limit(fcinfo, 1);
	Book *book = book_acquire();
	Typed q;

	InitMaterializedSRF(fcinfo, 0);
	if (read_typed(fcinfo, "prefix", &q) != NULL)
	{
		ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
		Suggestion	  *s = match_types(book, &q);

		qsort(s, book->ntypes, sizeof(Suggestion), by_suggestion);
		for (int i = 0; i < Min(book->ntypes, rows) && s[i].score > 0; i++)
		{
			const CaseType *t = s[i].type;
			Datum			values[3] = {CStringGetTextDatum(t->code), CStringGetTextDatum(t->zh),
										 CStringGetTextDatum(t->en)};
			bool			nulls[3] = {false, false, false};

			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		}
	}
	book_release(book);
	return (Datum) 0;
}
