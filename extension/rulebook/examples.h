/*
 * examples.h
 *	  Texts with their classes, read from a query, as a classifier is trained
 *	  with.
 */
#ifndef TRIAGE_RULEBOOK_EXAMPLES_H
#define TRIAGE_RULEBOOK_EXAMPLES_H

#include "base/compat.h"
#include "rulebook/book.h"
#include "text/fit.h"

typedef struct Examples
{
	Book	  *book;
	FitSet	  *set;
	FitClasses classes;	  /* names in the order of their bytes; groups of the rulebook or none */
	CaseType **types;	  /* by class; NULL = no case type has this code */
	bool	   are_types; /* every class is a case type */
	uint32	   n;		  /* examples of the query; behind them in the set stand terms of the rules */
	int64	   rows;	  /* read */
	int64	   no_text;	  /* left out: no text, or nothing in it */
	int64	   no_class;  /* left out: no class */
	uint32	   nsplits;
	uint32	  *folds; /* from the split column, by example; NULL without one */
	char	 **texts; /* folded, by example; NULL unless asked for */
	uint32	  *text_lens;
} Examples;

typedef struct ExamplesWanted
{
	const char *query;		  /* NULL = the confirmed cases */
	const char *split_column; /* NULL = none */
	bool		group_first;
	bool		keep_texts;
} ExamplesWanted;

/*
 * Where all classes are case types, each term of the rules is an example of
 * its type, too, so that types of few or no texts are known; such examples
 * are learned from, never tested.
 *
 * Read all rows the query gives, with the rights and the search path of
 * whoever calls; NULL reads the confirmed cases.  Memory is of the current
 * context, not more than triage.train_memory.  Errors: 42601 and 42804 for
 * queries that do not give texts and classes, TR005 for data that nothing can
 * be learned from, 53200 for more than there is memory for.
 */
extern void examples_read(Examples *x, Book *book, const ExamplesWanted *wanted);

/* Raises the error for data that needs more memory than triage.train_memory. */
triage_noreturn extern void examples_too_many(const Examples *x);

#endif
