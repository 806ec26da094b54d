/*
 * book.c
 *	  Keeps the compiled rulebook of this session and knows when it is stale.
 *
 * A statement trigger on each configuration table changes triage.rulebook and
 * with it sends a relation invalidation; every session hears it when it next
 * takes a lock.  The callback only counts.  A book is built with one latest
 * snapshot over all tables, whatever the isolation level of the transaction:
 * intake uses the newest committed rules plus the transaction's own.  When
 * the count moved during the build, the build is done again.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/unicode_norm.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/catalog.h"
#include "rulebook/book.h"
#include "text/normalize.h"

PG_FUNCTION_INFO_V1(triage_invalidate_rulebook);

static Book	 *current = NULL;
static Oid	  watched_relid = InvalidOid;
static uint64 generation = 0; /* moves with every invalidation that may concern us */
static uint64 built_generation = 0;

/*
 * Holds on the current book, by the subtransaction that took them: an error
 * skips releases, so the end of the (sub)transaction lets go instead.
 */
#define MAX_HOLDS 64
static SubTransactionId holds[MAX_HOLDS];
static int				nholds = 0;

static void
rulebook_changed(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == watched_relid)
		generation++;
}

/* A book of what `snapshot` sees. */
static Book *
book_build(Snapshot snapshot, bool use_image)
{
	MemoryContext mcxt = AllocSetContextCreate(CacheMemoryContext ? CacheMemoryContext : TopMemoryContext,
											   "pg_triage rulebook", ALLOCSET_DEFAULT_SIZES);
	MemoryContext work =
		AllocSetContextCreate(CurrentMemoryContext, "pg_triage rulebook build", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(work);
	Book		 *book = MemoryContextAllocZero(mcxt, sizeof(Book));

	book->mcxt = mcxt;
	PG_TRY();
	{
		book_load(book, snapshot, use_image);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		MemoryContextDelete(mcxt);
		PG_RE_THROW();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
	return book;
}

Book *
book_build_private(bool use_image)
{
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	Book	*book = book_build(snapshot, use_image);

	UnregisterSnapshot(snapshot);
	return book;
}

Book *
book_build_from_tables(Snapshot snapshot)
{
	return book_build(snapshot, false);
}

Book *
book_acquire(void)
{
	Oid relid;

	AcceptInvalidationMessages();
	relid = triage_relid("rulebook");
	if (relid != watched_relid)
	{
		watched_relid = relid;
		generation++;
	}
	/* a statement in progress keeps the rules it began with */
	while (current == NULL || (built_generation != generation && nholds == 0))
	{
		uint64 before = generation;
		Book  *book = book_build_private(true);

		if (current != NULL)
			MemoryContextDelete(current->mcxt);
		current = book;
		built_generation = before;
	}
	if (nholds == MAX_HOLDS)
		elog(ERROR, "too many holds on the rulebook");
	holds[nholds++] = GetCurrentSubTransactionId();
	return current;
}

void
book_release(Book *book)
{
	Assert(nholds > 0 && book == current);
	if (nholds > 0)
		nholds--;
}

static void
end_of_subtransaction(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	/* ids grow: what is not smaller was taken inside */
	while (event == SUBXACT_EVENT_ABORT_SUB && nholds > 0 && holds[nholds - 1] >= mine)
		nholds--;
}

static void
end_of_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		nholds = 0;
}

/* A character that nothing before it is changed by: a text may be cut in front of it. */
static bool
stands_alone(pg_wchar c)
{
	return c < 0x300 || (c >= 0x4E00 && c <= 0x9FFF);
}

/* characters normalised at once: the server's sorting of combining marks takes their number squared */
#define PIECE_WANTED 128
#define PIECE_MOST	 256

/*
 * The server's NFKC, piece by piece.  Pieces end in front of a character that
 * stands alone, or, in a text made of marks, where they must.
 */
static char *
normalize_nfkc(const char *in, size_t len, size_t *out_len)
{
	StringInfoData s;
	pg_wchar	   piece[PIECE_MOST + 1];
	size_t		   i = 0;

	initStringInfo(&s);
	while (i < len)
	{
		int		  n = 0;
		pg_wchar *normal;

		CHECK_FOR_INTERRUPTS();
		while (i < len && n < PIECE_MOST)
		{
			pg_wchar c = utf8_to_unicode((const unsigned char *) in + i);

			if (n >= PIECE_WANTED && stands_alone(c))
				break;
			piece[n++] = c;
			i += pg_utf_mblen((const unsigned char *) in + i);
		}
		piece[n] = 0;
		normal = unicode_normalize(UNICODE_NFKC, piece);
		for (pg_wchar *c = normal; *c != 0; c++)
		{
			unsigned char utf8[8];

			unicode_to_utf8(*c, utf8);
			appendBinaryStringInfo(&s, (char *) utf8, pg_utf_mblen(utf8));
		}
		pfree(normal);
	}
	*out_len = s.len;
	return s.data;
}

char *
book_fold(const char *text, size_t len, size_t *folded_len)
{
	char *out = palloc(TEXT_FOLD_BOUND(len) + 1);
	bool  needs_nfkc = false;

	*folded_len = text_fold(text, len, out, &needs_nfkc);
	if (needs_nfkc)
	{
		/* what folding wrote, not what came in: it has removed invisible characters that part a letter from its mark */
		size_t at;
		char  *bytes = normalize_nfkc(out, *folded_len, &at);

		pfree(out);
		out = palloc(TEXT_FOLD_BOUND(at) + 1);
		*folded_len = text_fold_normalized(bytes, at, out);
		pfree(bytes);
	}
	if (*folded_len == 0)
	{
		pfree(out);
		return NULL;
	}
	out[*folded_len] = '\0';
	return out;
}

void
book_init(void)
{
	CacheRegisterRelcacheCallback(rulebook_changed, (Datum) 0);
	RegisterXactCallback(end_of_transaction, NULL);
	RegisterSubXactCallback(end_of_subtransaction, NULL);
}

/* For the configuration triggers: every session hears of it at commit, this one at once. */
Datum
triage_invalidate_rulebook(PG_FUNCTION_ARGS)
{
	CacheInvalidateRelcacheByRelid(triage_relid("rulebook"));
	PG_RETURN_VOID();
}
