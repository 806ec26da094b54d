/*
 * classify.c
 *	  What kind of matter a text speaks of, by the terms of the rulebook.
 *
 * Rules, in the order of the domain notes:
 * 1. a term of a priority-1 type (danger) wins over every other match;
 * 2. an exclude term silences its type's terms in the same sentence; danger
 *    is never silenced, it goes to a person;
 * 3. the lengths of all hits decide, a hit inside a longer one does not
 *    count; equal: the more urgent type, else a person.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "rulebook/decide.h"

const char *const verdict_names[] = {"given", "terms", "danger",		 "silent",			"no_match",
									 "tie",	  "weak",  "confirm_danger", "doubtful_danger", NULL};

#define IS_DANGER(type) ((type)->priority == 1)

/* Does a sentence end at this byte?  Folding made full-width ! ? ; ASCII; 。 is E3 80 82. */
static bool
sentence_ends(const char *text, size_t len, size_t i)
{
	unsigned char c = text[i];

	if (c == '!' || c == '?' || c == ';')
		return true;
	return c == 0xE3 && i + 2 < len && (unsigned char) text[i + 1] == 0x80 &&
		   (unsigned char) text[i + 2] == 0x82;
}

static uint32
find_hits(Book *book, const char *folded, size_t len)
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

/* Marks in a hit's fate */
typedef enum Fate
{
	COUNTS,
	COVERED, /* inside a longer hit */
	SILENCED /* beside an exclude term of its type */
} Fate;

/*
 * Hits come in order of start, longer first: one is inside a longer one
 * exactly when an earlier hit reaches as far and is not the same bytes.
 */
static void
mark_covered(const Book *book, uint32 n, Fate *fate)
{
	uint32 reach = 0;
	uint32 reach_start = 0;

	for (uint32 i = 0; i < n; i++)
	{
		const TermHit *h = &book->hits[i];

		fate[i] = COUNTS;
		if (i > 0 && h->end <= reach && !(h->start == reach_start && h->end == reach))
			fate[i] = COVERED;
		/* only terms that count for something cover others */
		else if (book->terms[h->id].kind == TERM_INCLUDE)
		{
			reach = h->end;
			reach_start = h->start;
		}
	}
}

/*
 * Hits come in order of start, so those of one sentence stand together: first
 * its exclude terms leave their mark on their types, then the marked types'
 * terms fall silent.  The marks are numbers that never come again.
 */
static void
silence_sentence(Book *book, uint32 from, uint32 to, Fate *fate)
{
	uint32 mark = ++book->last_mark;
	bool   any = false;

	for (uint32 i = from; i < to; i++)
	{
		const Term *t = &book->terms[book->hits[i].id];

		if (t->kind == TERM_EXCLUDE)
		{
			book->marks[t->type->index] = mark;
			any = true;
		}
	}
	for (uint32 i = from; any && i < to; i++)
	{
		const Term *t = &book->terms[book->hits[i].id];

		if (t->kind == TERM_INCLUDE && fate[i] == COUNTS && book->marks[t->type->index] == mark)
			fate[i] = SILENCED;
	}
}

static void
mark_silenced(Book *book, const char *text, size_t len, uint32 n, Fate *fate)
{
	uint32 first = 0;
	size_t at = 0;

	for (uint32 i = 0; i < n; i++)
	{
		bool ended = false;

		for (; at < book->hits[i].start; at++)
			ended |= sentence_ends(text, len, at);
		if (ended)
		{
			silence_sentence(book, first, i, fate);
			first = i;
		}
	}
	silence_sentence(book, first, n, fate);
}

static void
keep_hit(Decision *d, Term *term)
{
	if (d->nhits >= MAX_KEPT_HITS)
		return;
	for (int i = 0; i < d->nhits; i++)
		if (d->hits[i] == term)
			return;
	d->hits[d->nhits++] = term;
}

static bool
is_candidate(const Decision *d, const CaseType *type)
{
	for (int i = 0; i < d->ncandidates; i++)
		if (d->candidates[i].type == type)
			return true;
	return type == d->type;
}

/* Better: higher score, then the more urgent type, then the code (so that the order is one). */
static bool
better(const Candidate *a, const Candidate *b)
{
	if (a->score != b->score)
		return a->score > b->score;
	if (a->type->priority != b->type->priority)
		return a->type->priority < b->type->priority;
	/* of two dangers the police's own comes first; the codes make the order one */
	if ((a->type->nature == NATURE_POLICE) != (b->type->nature == NATURE_POLICE))
		return a->type->nature == NATURE_POLICE;
	return strcmp(a->type->code, b->type->code) < 0;
}

static void
offer(Decision *d, CaseType *type, int score)
{
	Candidate c = {type, score};
	int		  i;

	if (d->ncandidates < MAX_CANDIDATES)
		d->ncandidates++;
	else if (!better(&c, &d->candidates[MAX_CANDIDATES - 1]))
		return;
	for (i = d->ncandidates - 1; i > 0 && better(&c, &d->candidates[i - 1]); i--)
		d->candidates[i] = d->candidates[i - 1];
	d->candidates[i] = c;
}

typedef struct Tally
{
	bool danger;   /* a danger term counts */
	bool doubtful; /* one was silenced */
	bool ordinary; /* a type that is no mere fallback matched */
} Tally;

/* Sum the scores by type; a term counts as often as it stands: what is said again is meant. */
static Tally
sum_scores(Book *book, uint32 n, const Fate *fate, CaseType **touched, int *ntouched)
{
	Tally tally = {false, false, false};

	for (uint32 i = 0; i < n; i++)
	{
		Term *t = &book->terms[book->hits[i].id];

		if (t->kind != TERM_INCLUDE)
			continue;
		if (fate[i] != COUNTS)
		{
			/* inside a longer term ("fire drill") it is another word; beside an exclude term a person must look */
			if (IS_DANGER(t->type) && fate[i] == SILENCED)
				tally.doubtful = true;
			continue;
		}
		if (book->scores[t->type->index] == 0)
			touched[(*ntouched)++] = t->type;
		book->scores[t->type->index] += t->weight;
		tally.danger |= IS_DANGER(t->type);
		tally.ordinary |= !t->type->fallback;
	}
	return tally;
}

static void
rank(Book *book, const Tally *tally, CaseType **touched, int ntouched, Decision *d)
{
	for (int i = 0; i < ntouched; i++)
	{
		CaseType *t = touched[i];

		/* danger beats every category; a fallback counts only when alone */
		if ((!tally->danger || IS_DANGER(t)) && (!t->fallback || !tally->ordinary))
			offer(d, t, book->scores[t->index]);
	}
	for (int i = 0; i < ntouched; i++)
		book->scores[touched[i]->index] = 0;
}

/* An escalate term of the type chosen makes it dangerous and brings the police in. */
static void
check_escalation(Book *book, uint32 n, Decision *d)
{
	for (uint32 i = 0; i < n; i++)
	{
		Term *t = &book->terms[book->hits[i].id];

		if (t->kind == TERM_ESCALATE && t->type == d->type)
		{
			keep_hit(d, t);
			d->escalated = true;
		}
	}
}

/* How sure: the winner's share, less when little was found.  Scores in half characters. */
static double
confidence_of(const Decision *d)
{
	double first = d->candidates[0].score;
	double second = d->ncandidates > 1 ? d->candidates[1].score : 0;

	return first / (first + second) * (first / (first + 1.0));
}

static void
judge(const Report *report, const Tally *tally, Decision *d)
{
	bool equal = d->ncandidates > 1 && d->candidates[0].score == d->candidates[1].score;
	bool urgent = equal && d->candidates[0].type->priority < d->candidates[1].type->priority;

	if (d->ncandidates == 0)
	{
		d->verdict = tally->doubtful ? VERDICT_DOUBTFUL_DANGER : VERDICT_NO_MATCH;
		return;
	}
	d->confidence = confidence_of(d);
	if (tally->danger)
	{
		/* danger waits for nobody: of two as likely the first is taken and the police go too */
		d->verdict = VERDICT_DANGER;
		d->escalated = equal;
	}
	else if (tally->doubtful)
		d->verdict = VERDICT_DOUBTFUL_DANGER;
	else if (equal && !urgent)
		d->verdict = VERDICT_TIE;
	else if (!urgent && d->confidence < report->min_confidence)
		d->verdict = VERDICT_WEAK;
	else
		d->verdict = VERDICT_TERMS;
	/* the likeliest type stands even when a person must confirm it */
	d->type = d->candidates[0].type;
}

/* Nature, priority and danger follow from type and verdict. */
static void
settle(const Report *report, const Tally *tally, Decision *d)
{
	bool decided = d->verdict == VERDICT_GIVEN || d->verdict == VERDICT_TERMS || d->verdict == VERDICT_DANGER;

	d->danger = tally->danger || tally->doubtful || d->escalated || (d->type != NULL && IS_DANGER(d->type));
	if (decided && d->danger && report->channel->confirm_danger && !report->confirmed)
	{
		d->verdict = VERDICT_CONFIRM_DANGER;
		decided = false;
	}
	d->dispatched = decided;
	d->priority = d->danger ? 1 : d->type != NULL ? d->type->priority : 3;
	if (!decided)
		d->nature = NATURE_UNDETERMINED;
	else if (d->danger && d->type->nature == NATURE_NONPOLICE)
	{
		/* police stand beside the department: joint */
		d->nature = NATURE_JOINT;
		d->escalated = true;
	}
	else
		d->nature = d->type->nature;
}

void
classify(Book *book, const Report *report, const char *folded, size_t len, Decision *d)
{
	uint32	   n = folded == NULL ? 0 : find_hits(book, folded, len);
	Fate	  *fate = palloc(Max(n, 1) * sizeof(Fate));
	CaseType **touched = palloc(Max(n, 1) * sizeof(CaseType *));
	int		   ntouched = 0;
	Tally	   tally;

	mark_covered(book, n, fate);
	mark_silenced(book, folded, len, n, fate);
	tally = sum_scores(book, n, fate, touched, &ntouched);
	rank(book, &tally, touched, ntouched, d);
	if (report->given_type != NULL)
	{
		d->type = report->given_type;
		d->verdict = VERDICT_GIVEN;
		d->confidence = 1.0;
		/* a person chose the type knowing the words */
		tally.doubtful = false;
		if (report->confirmed)
			tally.danger = false;
	}
	else if (folded == NULL)
		d->verdict = VERDICT_SILENT;
	else
		judge(report, &tally, d);
	for (uint32 i = 0; i < n; i++)
	{
		Term *t = &book->terms[book->hits[i].id];

		if (t->kind == TERM_INCLUDE &&
			((fate[i] == COUNTS && is_candidate(d, t->type)) || IS_DANGER(t->type)))
			keep_hit(d, t);
	}
	if (d->type != NULL)
		check_escalation(book, n, d);
	settle(report, &tally, d);
	pfree(touched);
	pfree(fate);
}
