/*
 * rulebook_sql.c
 *	  What benchmarks and curious administrators ask of the rulebook.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/guc.h"
#include "rulebook/decide.h"

PG_FUNCTION_INFO_V1(triage_count_terms);
PG_FUNCTION_INFO_V1(triage_guess_type);
PG_FUNCTION_INFO_V1(triage_rulebook_timing);
PG_FUNCTION_INFO_V1(triage_is_own_xid);

Datum
triage_count_terms(PG_FUNCTION_ARGS)
{
	text  *body = PG_GETARG_TEXT_PP(0);
	Book  *book = book_acquire();
	size_t len;
	char  *folded = book_fold(VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body), &len);
	uint32 n = 0;

	if (folded != NULL)
	{
		n = terms_find(book->term_matcher, folded, len, book->hits, book->max_hits);
		pfree(folded);
	}
	book_release(book);
	PG_RETURN_INT32((int32) Min(n, INT32_MAX));
}

/* guess_type(body text) returns text: the type that terms and model find likeliest, without place and route */
Datum
triage_guess_type(PG_FUNCTION_ARGS)
{
	text	*body = PG_GETARG_TEXT_PP(0);
	Book	*book = book_acquire();
	Channel	 channel = {.code = "", .zh = "", .kind = CHANNEL_WRITTEN, .confirm_danger = true};
	Report	 report = {.channel = &channel,
					   .min_confidence = triage_min_confidence,
					   .police_share = triage_police_share,
					   .model_confidence = triage_model_confidence,
					   .model_police = triage_model_police};
	Decision d;
	size_t	 len = 0;
	char	*folded = book_fold(VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body), &len);

	memset(&d, 0, sizeof(d));
	d.body_chars = pg_mbstrlen_with_len(VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body));
	classify(book, &report, folded, len, &d);
	if (folded != NULL)
		pfree(folded);
	book_release(book);
	if (d.type == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(d.type->code));
}

static void
put(ReturnSetInfo *rsinfo, const char *what, double ms, int64 bytes)
{
	Datum values[3] = {CStringGetTextDatum(what), Float8GetDatum(ms), Int64GetDatum(bytes)};
	bool  nulls[3] = {false, false, false};

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static void *
count_alloc(void *total, size_t size)
{
	*(int64 *) total += size;
	return MemoryContextAllocHuge(CurrentMemoryContext, size);
}

/* Build the whole rulebook, then the matcher alone, and say what each took. */
Datum
triage_rulebook_timing(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Book		  *book;
	Book		  *fresh;
	TermText	  *texts;
	instr_time	   start, end;
	int64		   bytes = 0;

	InitMaterializedSRF(fcinfo, 0);
	for (int image = 0; image <= 1; image++)
	{
		INSTR_TIME_SET_CURRENT(start);
		fresh = book_build_private(image);
		INSTR_TIME_SET_CURRENT(end);
		INSTR_TIME_SUBTRACT(end, start);
		put(rsinfo, image ? "rulebook from image" : "rulebook from tables", INSTR_TIME_GET_MILLISEC(end),
			MemoryContextMemAllocated(fresh->mcxt, true));
		MemoryContextDelete(fresh->mcxt);
	}

	book = book_acquire();
	texts = MemoryContextAllocHuge(CurrentMemoryContext, Max(book->nterms, 1) * sizeof(TermText));
	for (int i = 0; i < book->nterms; i++)
		texts[i] = (TermText){term_text(book, &book->terms[i]), book->terms[i].len};
	INSTR_TIME_SET_CURRENT(start);
	(void) terms_build(texts, book->nterms, count_alloc, &bytes);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	put(rsinfo, "term matcher", INSTR_TIME_GET_MILLISEC(end), bytes);
	book_release(book);
	return (Datum) 0;
}

/* Did this transaction, or a subtransaction of it, write a row with this xmin? */
Datum
triage_is_own_xid(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(TransactionIdIsCurrentTransactionId(PG_GETARG_TRANSACTIONID(0)));
}
