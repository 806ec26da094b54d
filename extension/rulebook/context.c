/*
 * context.c
 *	  The fates of the terms found in a text: covered, silenced, or counting.
 *
 * Context words are terms of the one matcher, so that they cost no second
 * pass.  From each context word or exclude term the neighbours within its
 * reach are looked at; texts without such words, and those without danger or
 * police terms, pay for nothing but a look at the kinds of their terms.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "rulebook/context.h"

/* How far an exclude term reaches, in characters: across commas, and within its clause. */
#define EXCLUDE_REACH		 8
#define EXCLUDE_CLAUSE_REACH 40

#define MOST_BYTES_A_CHARACTER 4

/* A term has 100 characters at most; folding never makes it longer. */
#define MOST_TERM_BYTES 400

typedef enum Break
{
	BREAK_NONE,
	BREAK_CLAUSE,
	BREAK_SENTENCE
} Break;

bool
channel_weighs_context(const Channel *channel)
{
	return channel->confirm_danger && channel->kind != CHANNEL_VOICE;
}

/* ---- finding ---- */

uint32
book_find_terms(Book *book, const char *folded, size_t len)
{
	uint32 n = terms_find(book->term_matcher, folded, len, book->hits, book->max_hits);

	if (n > book->max_hits)
	{
		uint32 max = n + n / 2;

		book->hits = repalloc_huge(book->hits, (Size) max * sizeof(TermHit));
		book->max_hits = max;
		n = terms_find(book->term_matcher, folded, len, book->hits, book->max_hits);
	}
	return n;
}

/*
 * Hits come in order of start, longer first: one is inside a longer one
 * exactly when an earlier hit reaches as far and is not the same bytes.  Terms
 * that speak for a type cover all others; a context word covers shorter
 * context words ("whether or not" is no "not").  Returns whether anything may
 * be silenced.
 */
static bool
mark_covered(Reading *r)
{
	uint32 reach = 0, reach_start = 0;
	uint32 context_reach = 0, context_start = 0;
	bool   any = false;

	for (uint32 i = 0; i < r->n; i++)
	{
		const TermHit *h = &r->book->hits[i];
		TermKind	   kind = r->book->terms[h->id].kind;

		r->fate[i] = COUNTS;
		if (h->end <= reach && !(h->start == reach_start && h->end == reach))
		{
			r->fate[i] = COVERED;
			continue;
		}
		if (kind == TERM_INCLUDE)
		{
			reach = h->end;
			reach_start = h->start;
		}
		else if (kind == TERM_CONTEXT)
		{
			if (h->end <= context_reach && !(h->start == context_start && h->end == context_reach))
			{
				r->fate[i] = HIDDEN;
				continue;
			}
			context_reach = h->end;
			context_start = h->start;
			any = true;
		}
		else if (kind == TERM_EXCLUDE)
			any = true;
	}
	return any;
}

/* ---- distance ---- */

/*
 * What ends between two places of the text, and how many characters they are
 * apart.  Folding made full-width , ! ? ; ASCII; 。 is E3 80 82.  A full stop
 * ends a sentence where a space follows.
 */
static Break
between(const Reading *r, uint32 from, uint32 to, int *characters)
{
	Break found = BREAK_NONE;

	*characters = 0;
	for (uint32 i = from; i < to; i++)
	{
		unsigned char c = r->text[i];

		*characters += (c & 0xC0) != 0x80;
		if (c == '!' || c == '?' || c == ';' || (c == '.' && i + 1 < r->len && r->text[i + 1] == ' ') ||
			(c == 0xE3 && i + 2 < r->len && (unsigned char) r->text[i + 1] == 0x80 &&
			 (unsigned char) r->text[i + 2] == 0x82))
			found = BREAK_SENTENCE;
		else if (c == ',' && found == BREAK_NONE)
			found = BREAK_CLAUSE;
	}
	return found;
}

/* Does a word that turns the talk ("but") stand between? */
static bool
turns(const Reading *r, uint32 from, uint32 to)
{
	for (int i = 0; i < r->book->nturns; i++)
	{
		const Term *t = r->book->turns[i];

		for (uint32 at = from; at + t->len <= to; at++)
			if (memcmp(r->text + at, term_text(r->book, t), t->len) == 0)
				return true;
	}
	return false;
}

/* The bytes between two spans; false when they overlap. */
static bool
gap(const TermHit *a, const TermHit *b, uint32 *from, uint32 *to)
{
	*from = Min(a->end, b->end);
	*to = Max(a->start, b->start);
	return *from <= *to;
}

/* ---- silencing ---- */

static bool
exclude_reaches(const Reading *r, const TermHit *exclude, const TermHit *h)
{
	uint32 from, to;
	int	   characters;
	Break  b;

	if (!gap(exclude, h, &from, &to))
		return true;
	if (to - from > EXCLUDE_CLAUSE_REACH * MOST_BYTES_A_CHARACTER)
		return false;
	b = between(r, from, to, &characters);
	return b == BREAK_NONE ? characters <= EXCLUDE_CLAUSE_REACH
						   : b == BREAK_CLAUSE && characters <= EXCLUDE_REACH;
}

static bool
context_reaches(const Reading *r, const Term *word, const TermHit *at, const TermHit *h)
{
	uint32 from, to;
	int	   characters;
	Break  b;

	if (h->start >= at->start && h->end <= at->end)
		return true; /* a part of the word */
	if (word->stands == STANDS_OVER || (word->stands == STANDS_BEFORE && h->end <= at->end) ||
		(word->stands == STANDS_AFTER && h->start >= at->start))
		return false;
	if (!gap(at, h, &from, &to))
		return true; /* they share a character: nothing stands between */
	if (to - from > (uint32) word->reach * MOST_BYTES_A_CHARACTER)
		return false;
	b = between(r, from, to, &characters);
	return characters <= word->reach && (b == BREAK_NONE || (b == BREAK_CLAUSE && word->whole_sentence)) &&
		   !turns(r, from, to);
}

/*
 * Whom a context word concerns.  The past of a theft is still a matter of the
 * police; that of a danger is not one any more.
 */
static bool
concerns(const Reading *r, ContextKind kind, const Term *t)
{
	const CaseType *type = term_type(r->book, t);

	if (t->kind == TERM_ESCALATE || IS_DANGER(type))
		return true;
	return type->nature == NATURE_POLICE && kind != CONTEXT_PAST;
}

/* The one word that stays when several silence: what is no danger at all before what may be one. */
static bool
is_stronger(const Term *word, const Term *by)
{
	return by == NULL ||
		   (by->kind == TERM_CONTEXT && word->kind == TERM_CONTEXT && word->context < by->context);
}

/*
 * A word inside an include term ("prone to catch fire") says nothing of other
 * terms, but of an escalate term inside the same.
 */
static void
silence(Reading *r, uint32 from, uint32 i, bool *present)
{
	const TermHit *at = &r->book->hits[from];
	const Term	  *word = &r->book->terms[at->id];
	const TermHit *h = &r->book->hits[i];
	const Term	  *t = &r->book->terms[h->id];

	if (t->kind == TERM_INCLUDE ? r->fate[i] == COVERED || r->fate[from] == COVERED
								: t->kind != TERM_ESCALATE || r->fate[from] > r->fate[i])
		return;
	if (word->kind == TERM_EXCLUDE)
	{
		if (t->kind == TERM_INCLUDE && t->type == word->type && exclude_reaches(r, at, h) &&
			is_stronger(word, r->by[i]))
			r->by[i] = word;
	}
	else if (concerns(r, word->context, t) && context_reaches(r, word, at, h))
	{
		if (word->context == CONTEXT_PRESENT)
			present[i] = true;
		else if (is_stronger(word, r->by[i]))
			r->by[i] = word;
	}
}

static uint32
bytes_of_reach(const Term *word)
{
	int characters = word->kind == TERM_EXCLUDE	   ? EXCLUDE_CLAUSE_REACH
					 : word->stands == STANDS_OVER ? 0
												   : word->reach;

	return (uint32) characters * MOST_BYTES_A_CHARACTER;
}

/* Look at the neighbours of one word: those that begin inside or behind it, then those before it. */
static void
look_around(Reading *r, uint32 i, bool *present)
{
	const TermHit *hits = r->book->hits;
	const Term	  *word = &r->book->terms[hits[i].id];
	uint32		   reach = bytes_of_reach(word);

	CHECK_FOR_INTERRUPTS();
	for (uint32 j = i + 1; j < r->n && hits[j].start <= hits[i].end + reach; j++)
		silence(r, i, j, present);
	for (uint32 j = i; j > 0 && hits[i].start - hits[j - 1].start <= reach + MOST_TERM_BYTES; j--)
		silence(r, i, j - 1, present);
}

/* Is there a term that a context word may concern? */
static bool
has_police_terms(const Reading *r)
{
	for (uint32 i = 0; i < r->n; i++)
	{
		const Term *t = &r->book->terms[r->book->hits[i].id];

		if ((t->kind == TERM_ESCALATE || (t->kind == TERM_INCLUDE && r->fate[i] == COUNTS)) &&
			concerns(r, CONTEXT_NEGATION, t))
			return true;
	}
	return false;
}

/* "It burnt last year and burns again now": what is present is neither past nor supposed. */
static bool
yields_to_present(const Term *by)
{
	return by->kind == TERM_CONTEXT && (by->context == CONTEXT_PAST || by->context == CONTEXT_SUPPOSED ||
										by->context == CONTEXT_QUESTION);
}

/* "Did not hit anybody": the escalate term "hit" is silenced with the longer term that holds it. */
static void
silence_inside(Reading *r)
{
	const TermHit *holder = NULL;
	const Term	  *by = NULL;

	for (uint32 i = 0; i < r->n; i++)
	{
		const TermHit *h = &r->book->hits[i];
		const Term	  *t = &r->book->terms[h->id];

		if (t->kind == TERM_INCLUDE && r->fate[i] == SILENCED && concerns(r, CONTEXT_NEGATION, t))
		{
			holder = h;
			by = r->by[i];
		}
		else if (t->kind == TERM_ESCALATE && r->by[i] == NULL && holder != NULL &&
				 h->start >= holder->start && h->end <= holder->end)
		{
			r->by[i] = by;
			r->fate[i] = SILENCED;
		}
	}
}

static void
mark_silenced(Reading *r, bool *present)
{
	bool police = has_police_terms(r);

	for (uint32 i = 0; i < r->n; i++)
	{
		const Term *t = &r->book->terms[r->book->hits[i].id];

		if (t->kind == TERM_EXCLUDE
				? r->fate[i] == COUNTS
				: police && t->kind == TERM_CONTEXT && t->context != CONTEXT_PLAIN && r->fate[i] <= COVERED)
			look_around(r, i, present);
	}
	for (uint32 i = 0; i < r->n; i++)
	{
		if (r->by[i] != NULL && present[i] && yields_to_present(r->by[i]))
			r->by[i] = NULL;
		if (r->by[i] != NULL)
			r->fate[i] = SILENCED;
	}
	silence_inside(r);
}

void
reading_make(Reading *r, Book *book, const char *folded, size_t len)
{
	bool *present;

	r->book = book;
	r->text = folded;
	r->len = len;
	r->by = NULL;
	r->n = folded == NULL ? 0 : book_find_terms(book, folded, len);
	r->fate = palloc(Max(r->n, 1) * sizeof(Fate));
	if (!mark_covered(r))
		return;
	r->by = palloc0(r->n * sizeof(Term *));
	present = palloc0(r->n * sizeof(bool));
	mark_silenced(r, present);
	pfree(present);
}

void
reading_free(Reading *r)
{
	pfree(r->fate);
	if (r->by != NULL)
		pfree(r->by);
}
