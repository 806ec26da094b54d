/*
 * decide.c
 *	  The one path from a report to a decision, used by intake, preview and
 *	  by every verb that decides again.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "mb/pg_wchar.h"

#include "rulebook/context.h"
#include "rulebook/decide.h"
#include "rulebook/duty.h"

/* A repeat may be more urgent, but what threatens nobody never becomes U1 by it. */
static void
count_repeats(const Report *report, Decision *d)
{
	bool raise = false;

	if (report->repeats_of == NULL)
		return;
	d->repeats = report->repeats_of(report->repeats_arg, d->type, &raise);
	if (raise && d->priority > 2)
	{
		d->priority--;
		d->raised = true;
	}
}

void
decide(Book *book, const Report *report, Decision *d)
{
	size_t len = 0;
	char  *folded = report->body == NULL ? NULL : book_fold(report->body, report->body_len, &len);

	memset(d, 0, sizeof(Decision));
	d->book = book;
	d->text_digest = folded ? hash_bytes_extended((const unsigned char *) folded, len, 0) : 0;
	d->body_chars = report->body ? pg_mbstrlen_with_len(report->body, report->body_len) : 0;
	place_decide(book, report, folded, len, d);
	classify(book, report, folded, len, d);
	count_repeats(report, d);
	d->mode = mode_in_force(book, d->area, report->at);
	if (d->dispatched)
		route_choose(book, report, d);
	if (d->route_error != NULL)
		d->dispatched = false;
	if (!d->dispatched)
	{
		d->route = NULL;
		d->nparties = 0;
		d->nduty_checks = 0;
		d->nature = NATURE_UNDETERMINED;
		party_add(d, book_centre(book, d->area), DUTY_LEAD);
		/* a voice is waiting: while a person makes out what was meant, the police know already */
		if (d->verdict == VERDICT_DOUBTFUL_DANGER && !channel_weighs_context(report->channel))
			party_add(d, book_unit(book, KIND_POLICE, d->area ? d->area : book->root_area), DUTY_BACKUP);
	}
	if (folded != NULL)
		pfree(folded);
}

void *
decision_pack(const Decision *d, MemoryContext mcxt)
{
	size_t fixed = offsetof(Decision, parties);
	size_t parties = d->nparties * sizeof(d->parties[0]);
	size_t hits = d->nhits * sizeof(d->hits[0]);
	size_t passed = d->npassed * sizeof(d->passed[0]);
	size_t silenced = d->nsilenced * sizeof(d->silenced[0]);
	size_t learned = d->nlearned * sizeof(d->learned[0]);
	size_t duty = d->nduty_checks * sizeof(d->duty_checks[0]);
	char  *packed = MemoryContextAlloc(mcxt, fixed + parties + hits + passed + silenced + learned + duty);

	memcpy(packed, d, fixed);
	memcpy(packed + fixed, d->parties, parties);
	memcpy(packed + fixed + parties, d->hits, hits);
	memcpy(packed + fixed + parties + hits, d->passed, passed);
	memcpy(packed + fixed + parties + hits + passed, d->silenced, silenced);
	memcpy(packed + fixed + parties + hits + passed + silenced, d->learned, learned);
	memcpy(packed + fixed + parties + hits + passed + silenced + learned, d->duty_checks, duty);
	if (d->route_error != NULL)
	{
		char *copy = MemoryContextStrdup(mcxt, d->route_error);

		memcpy(packed + offsetof(Decision, route_error), &copy, sizeof(copy));
	}
	return packed;
}

void
decision_unpack(const void *packed, Decision *d)
{
	const char *at = (const char *) packed + offsetof(Decision, parties);

	memcpy(d, packed, offsetof(Decision, parties));
	memcpy(d->parties, at, d->nparties * sizeof(d->parties[0]));
	at += d->nparties * sizeof(d->parties[0]);
	memcpy(d->hits, at, d->nhits * sizeof(d->hits[0]));
	at += d->nhits * sizeof(d->hits[0]);
	memcpy(d->passed, at, d->npassed * sizeof(d->passed[0]));
	at += d->npassed * sizeof(d->passed[0]);
	memcpy(d->silenced, at, d->nsilenced * sizeof(d->silenced[0]));
	at += d->nsilenced * sizeof(d->silenced[0]);
	memcpy(d->learned, at, d->nlearned * sizeof(d->learned[0]));
	at += d->nlearned * sizeof(d->learned[0]);
	memcpy(d->duty_checks, at, d->nduty_checks * sizeof(d->duty_checks[0]));
}
