/*
 * context.h
 *	  What the words around a term do to it.
 *
 * A term found in a text is an occurrence; its fate says whether it counts.
 * An occurrence is silenced by
 *
 *	an exclude term of its own case type that stands near, for every type;
 *	a context word (triage.context_words) within whose reach it stands: "no",
 *	"last year", "if", a figure of speech, a question, a drill; only for
 *	danger and for types of the police, because elsewhere the same words are
 *	the matter itself ("there is no street light").
 *
 * What becomes of silenced danger is decided in classify.c.
 */
#ifndef TRIAGE_RULEBOOK_CONTEXT_H
#define TRIAGE_RULEBOOK_CONTEXT_H

#include "rulebook/book.h"

typedef enum Fate
{
	COUNTS,
	COVERED, /* inside a longer occurrence */
	HIDDEN,	 /* a context word inside a longer one */
	SILENCED /* by another term, see Reading.by */
} Fate;

/* The occurrences in one text, book->hits[0..n), and what becomes of each. */
typedef struct Reading
{
	Book		*book;
	const char	*text; /* folded */
	size_t		 len;
	uint32		 n;
	Fate		*fate;
	const Term **by; /* who silenced each; the array is NULL when there is nobody */
} Reading;

/*
 * Channels where words may be weighed: a person confirms their danger first,
 * and nobody waits on the line.
 */
extern bool channel_weighs_context(const Channel *channel);

#define IS_DANGER(type) ((type)->priority == 1)

/* Find the terms in the text (NULL = none) and their fates.  Valid until the book reads another text. */
extern void reading_make(Reading *r, Book *book, const char *folded, size_t len);
extern void reading_free(Reading *r);

#endif
