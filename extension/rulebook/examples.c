/*
 * examples.c
 *	  Texts with their classes, read from a query, as a classifier is trained
 *	  with.
 *
 * The query is read by a cursor, a batch at a time; a text is cut into its
 * features at once and not kept.  Classes are numbered in the order they come
 * and put into the order of their names at the end.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/guc.h"
#include "base/names.h"
#include "base/spi.h"
#include "rulebook/examples.h"
#include "rulebook/traits.h"

#define BATCH 500

/* A type that a person chose or let stand: given or corrected by a person, or never doubted until the case was closed. */
static const char *const confirmed_cases =
	"SELECT c.body, c.case_type FROM triage.cases c"
	" WHERE c.body IS NOT NULL AND c.case_type IS NOT NULL AND c.status NOT IN ('void', 'merged')"
	" AND (c.status = 'closed' OR EXISTS (SELECT FROM triage.decisions d WHERE d.case_id = c.case_id"
	" AND d.facts->>'verdict' = 'given' AND d.case_type = c.case_type))"
	" ORDER BY c.case_id";

/* A name met among the rows: of a class or of a part of the split. */
typedef struct NameEntry
{
	char  *name; /* key */
	uint32 number;
} NameEntry;

typedef struct Names
{
	HTAB  *table;
	char **names; /* by number */
	uint32 n, max;
} Names;

/* What reading needs besides what it leaves behind. */
typedef struct ExampleScan
{
	Examples	 *x;
	MemoryContext mcxt;
	MemoryContext row;
	Names		  classes;
	Names		  splits;
	int			  split_at; /* column, 0 = none */
	bool		  keep_texts;
	uint32		  max; /* examples there is room for in the arrays */
	Feature		 *features;
} ExampleScan;

static uint32
hash_name(const void *key, Size keysize)
{
	return string_hash(*(char *const *) key, NAMEDATALEN * 1000);
}

static int
match_names(const void *a, const void *b, Size keysize)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

static void
names_begin(Names *names, MemoryContext mcxt)
{
	HASHCTL ctl = {0};

	ctl.keysize = sizeof(char *);
	ctl.entrysize = sizeof(NameEntry);
	ctl.hash = hash_name;
	ctl.match = match_names;
	ctl.hcxt = mcxt;
	memset(names, 0, sizeof(Names));
	names->table =
		hash_create("pg_triage names", 256, &ctl, HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
	names->max = 64;
	names->names = MemoryContextAlloc(mcxt, names->max * sizeof(char *));
}

/* The number of a name; a new one gets the next. */
static uint32
name_number(Names *names, char *name, MemoryContext mcxt)
{
	bool	   found;
	NameEntry *entry = hash_search(names->table, &name, HASH_ENTER, &found);

	if (found)
		return entry->number;
	if (names->n == MODEL_CLASSES / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("more than %d classes", MODEL_CLASSES / 2),
				 errhint("Is the second column of the query really a class?")));
	if (names->n == names->max)
	{
		names->max *= 2;
		names->names = repalloc(names->names, names->max * sizeof(char *));
	}
	entry->name = MemoryContextStrdup(mcxt, name);
	entry->number = names->n;
	names->names[names->n] = entry->name;
	return names->n++;
}

void
examples_too_many(const Examples *x)
{
	ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("the examples need more memory than is allowed"),
					errdetail(INT64_FORMAT " rows were read.", x->rows),
					errhint("Raise triage.train_memory, or let the query give fewer or newer rows.")));
}

static void *
host_alloc(void *mcxt, size_t size)
{
	return MemoryContextAllocHuge(mcxt, size);
}

static void
host_release(void *mcxt, void *memory)
{
	pfree(memory);
}

static void
host_poll(void *mcxt)
{
	CHECK_FOR_INTERRUPTS();
}

static void
check_columns(ExampleScan *r, TupleDesc desc, const ExamplesWanted *wanted)
{
	static const char *const what[] = {"the text", "the class"};

	if (desc->natts < 2 || (desc->natts > 2 && wanted->split_column == NULL))
		ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
						errmsg("the query must give two columns, not %d", desc->natts),
						errhint("The first is the text, the second its case type or class.")));
	for (int i = 0; i < 2; i++)
	{
		Oid	 type = getBaseType(SPI_gettypeid(desc, i + 1));
		char category;
		bool preferred;

		get_type_category_preferred(type, &category, &preferred);
		if (category != TYPCATEGORY_STRING && category != TYPCATEGORY_UNKNOWN)
			ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
							errmsg("column %d of the query must be %s, of type text, not %s", i + 1, what[i],
								   format_type_be(type)),
							errhint("Cast it, or give the columns in the order text, class.")));
	}
	if (wanted->split_column == NULL)
		return;
	r->split_at = SPI_fnumber(desc, wanted->split_column);
	if (r->split_at <= 0)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN),
						errmsg("the query gives no column \"%s\"", wanted->split_column),
						errdetail("It is to say which rows are learned from and which are tested."),
						errhint("Name a column of the query as split_column.")));
}

/* Arrays by example grow together. */
static void
make_room(ExampleScan *r, uint32 example)
{
	Examples *x = r->x;

	if (example < r->max)
		return;
	r->max = r->max == 0 ? 1024 : 2 * r->max;
	if (r->split_at > 0)
		x->folds = x->folds == NULL ? MemoryContextAllocHuge(r->mcxt, r->max * sizeof(uint32))
									: repalloc_huge(x->folds, r->max * sizeof(uint32));
	if (!r->keep_texts)
		return;
	x->texts = x->texts == NULL ? MemoryContextAllocHuge(r->mcxt, r->max * sizeof(char *))
								: repalloc_huge(x->texts, r->max * sizeof(char *));
	x->text_lens = x->text_lens == NULL ? MemoryContextAllocHuge(r->mcxt, r->max * sizeof(uint32))
										: repalloc_huge(x->text_lens, r->max * sizeof(uint32));
}

static void
add_row(ExampleScan *r, HeapTuple tuple, TupleDesc desc)
{
	Examples *x = r->x;
	char	 *body = SPI_getvalue(tuple, desc, 1);
	char	 *name = SPI_getvalue(tuple, desc, 2);
	uint32	  example = fit_set_size(x->set);
	size_t	  len = 0;
	char	 *folded;
	uint32	  n;

	x->rows++;
	if (name == NULL || *name == '\0')
	{
		x->no_class++;
		return;
	}
	folded = body == NULL ? NULL : book_fold(body, strlen(body), &len);
	if (folded == NULL)
	{
		x->no_text++;
		return;
	}
	make_room(r, example);
	n = traits_of(x->book, folded, len, book_find_terms(x->book, folded, len), r->features);
	if (!fit_set_add(x->set, r->features, n, name_number(&r->classes, name, r->mcxt)))
		examples_too_many(x);
	if (r->split_at > 0)
	{
		char *part = SPI_getvalue(tuple, desc, r->split_at);

		x->folds[example] = part == NULL ? FIT_NO_FOLD : name_number(&r->splits, part, r->mcxt);
	}
	if (r->keep_texts)
	{
		x->texts[example] = MemoryContextStrdup(r->mcxt, folded);
		x->text_lens[example] = len;
	}
}

static void
read_rows(ExampleScan *r, const ExamplesWanted *wanted)
{
	Portal portal = SPI_cursor_open_with_args(NULL, wanted->query != NULL ? wanted->query : confirmed_cases,
											  0, NULL, NULL, NULL, true, 0);

	check_columns(r, portal->tupDesc, wanted);
	while (true)
	{
		SPI_cursor_fetch(portal, true, BATCH);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			MemoryContext old = MemoryContextSwitchTo(r->row);

			CHECK_FOR_INTERRUPTS();
			add_row(r, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
			MemoryContextSwitchTo(old);
			MemoryContextReset(r->row);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
}

/* Are all classes case types? */
static bool
are_types(const ExampleScan *r)
{
	for (uint32 i = 0; i < r->classes.n; i++)
		if (book_type(r->x->book, r->classes.names[i], strlen(r->classes.names[i])) == NULL)
			return false;
	return true;
}

/* A text of our own making as an example of a type; never tested. */
static void
add_made(ExampleScan *r, const CaseType *type, const char *body, int body_len)
{
	Examples *x = r->x;
	size_t	  len;
	char	 *folded = book_fold(body, body_len, &len);
	uint32	  n;

	if (folded == NULL)
		return;
	n = traits_of(x->book, folded, len, book_find_terms(x->book, folded, len), r->features);
	make_room(r, fit_set_size(x->set));
	if (r->split_at > 0)
		x->folds[fit_set_size(x->set)] = FIT_NO_FOLD;
	if (!fit_set_add(x->set, r->features, n,
					 name_number(&r->classes, unconstify(char *, type->code), r->mcxt)))
		examples_too_many(x);
}

/*
 * Each term that speaks for a type, with the type's name, and then all of them
 * together: so every word of the rules stands in two texts and is learned.
 */
static void
add_terms_of(ExampleScan *r, const CaseType *type)
{
	const Book	  *book = r->x->book;
	StringInfoData all;

	initStringInfo(&all);
	for (int i = 0; i < book->nterms; i++)
	{
		const Term *t = &book->terms[i];

		if (t->kind != TERM_INCLUDE || term_type(book, t) != type)
			continue;
		add_made(r, type, psprintf("%.*s，%s", (int) t->len, term_text(book, t), type->zh),
				 t->len + strlen("，") + strlen(type->zh));
		appendBinaryStringInfo(&all, term_text(book, t), t->len);
		appendStringInfoString(&all, "，");
	}
	if (all.len > 0)
		add_made(r, type, all.data, all.len);
}

static void
add_terms(ExampleScan *r)
{
	for (int i = 0; i < r->x->book->ntypes; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(r->row);

		CHECK_FOR_INTERRUPTS();
		add_terms_of(r, &r->x->book->types[i]);
		MemoryContextSwitchTo(old);
		MemoryContextReset(r->row);
	}
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Classes in the order of their names, so that the order of rows does not matter. */
static void
sort_classes(ExampleScan *r)
{
	Examples *x = r->x;
	char	**sorted = MemoryContextAlloc(r->mcxt, Max(r->classes.n, 1) * sizeof(char *));
	uint32	 *new_number = palloc(Max(r->classes.n, 1) * sizeof(uint32));

	memcpy(sorted, r->classes.names, r->classes.n * sizeof(char *));
	qsort(sorted, r->classes.n, sizeof(char *), compare_names);
	for (uint32 i = 0; i < r->classes.n; i++)
		new_number[name_number(&r->classes, sorted[i], r->mcxt)] = i;
	fit_set_renumber(x->set, new_number);
	x->classes.nclasses = r->classes.n;
	x->classes.names = (const char *const *) sorted;
	x->types = MemoryContextAlloc(r->mcxt, Max(r->classes.n, 1) * sizeof(CaseType *));
	for (uint32 i = 0; i < r->classes.n; i++)
		x->types[i] = book_type(x->book, sorted[i], strlen(sorted[i]));
}

/* Groups are the parents of the types; a type without one is a group by itself. */
static void
find_groups(ExampleScan *r)
{
	Examples	*x = r->x;
	uint32		 n = x->classes.nclasses;
	int32		*groups = MemoryContextAlloc(r->mcxt, n * sizeof(int32));
	const char **names = MemoryContextAlloc(r->mcxt, 2 * n * sizeof(char *));
	uint32		 ngroups = 0;

	memcpy(names, x->classes.names, n * sizeof(char *));
	for (uint32 i = 0; i < n; i++)
	{
		const CaseType *t = x->types[i]->parent != NULL ? x->types[i]->parent : x->types[i];

		groups[i] = -1;
		for (uint32 g = 0; g < ngroups && groups[i] < 0; g++)
			if (strcmp(names[n + g], t->code) == 0)
				groups[i] = g;
		if (groups[i] >= 0)
			continue;
		groups[i] = ngroups;
		names[n + ngroups++] = t->code;
	}
	/* one group, or as many as classes, say nothing */
	if (ngroups < 2 || ngroups == n)
		return;
	x->classes.names = names;
	x->classes.groups = groups;
	x->classes.ngroups = ngroups;
}

/*
 * Parts "train" and "test" (or false and true) are what they say; else every
 * part is tested with what the other parts teach.
 */
static void
settle_splits(ExampleScan *r)
{
	Examples *x = r->x;
	uint32	  test = FIT_NO_FOLD;
	bool	  given = r->splits.n > 0;

	for (uint32 i = 0; i < r->splits.n; i++)
	{
		if (strcmp(r->splits.names[i], "test") == 0 || strcmp(r->splits.names[i], "t") == 0)
			test = i;
		else if (strcmp(r->splits.names[i], "train") != 0 && strcmp(r->splits.names[i], "f") != 0)
			given = false;
	}
	x->nsplits = r->splits.n;
	if (!given || test == FIT_NO_FOLD)
		return;
	x->nsplits = 1;
	for (uint32 i = 0; i < x->n; i++)
		x->folds[i] = x->folds[i] == test ? 0 : FIT_NO_FOLD;
}

static void
check_amount(const ExampleScan *r)
{
	const Examples *x = r->x;

	if (r->classes.n >= 2)
		return;
	ereport(
		ERROR,
		(errcode(TRIAGE_ERRCODE_CONTENT),
		 errmsg(r->classes.n == 0 ? "there is nothing to learn from" : "there is only one class to learn"),
		 errdetail(INT64_FORMAT " rows were read; " INT64_FORMAT " had no text and " INT64_FORMAT
								" no class.",
				   x->rows, x->no_text, x->no_class),
		 errhint("A classifier needs texts of at least two classes; a few dozen of each make it useful.")));
}

void
examples_read(Examples *x, Book *book, const ExamplesWanted *wanted)
{
	MemoryContext mcxt = CurrentMemoryContext;
	FitHost		  host = {host_alloc, host_release, host_poll, mcxt, (size_t) triage_train_memory << 20};
	ExampleScan	  r = {0};
	OwnerSwitch	  sw;

	memset(x, 0, sizeof(Examples));
	x->book = book;
	x->set = fit_set_new(&host);
	r.x = x;
	r.mcxt = mcxt;
	r.keep_texts = wanted->keep_texts;
	r.row = AllocSetContextCreate(mcxt, "pg_triage example", ALLOCSET_DEFAULT_SIZES);
	r.features = palloc(MODEL_MAX_FEATURES * sizeof(Feature));
	names_begin(&r.classes, mcxt);
	names_begin(&r.splits, mcxt);
	/* our own query as the owner; a query of the caller's with his own rights */
	if (wanted->query == NULL)
		triage_owner_begin(&sw);
	else if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	read_rows(&r, wanted);
	if (wanted->query == NULL)
		triage_owner_end(&sw);
	else
		SPI_finish();
	x->n = fit_set_size(x->set);
	check_amount(&r);
	x->are_types = are_types(&r);
	if (x->are_types)
		add_terms(&r);
	sort_classes(&r);
	if (r.split_at > 0)
		settle_splits(&r);
	if (wanted->group_first && x->are_types)
		find_groups(&r);
}
