/*
 * classify.c
 *	  What kind of matter a text speaks of, by the terms of the rulebook.
 *
 * Rules, in the order of the domain notes:
 * 1. a term of a priority-1 type (danger) wins over every other match;
 * 2. an exclude term silences its type's terms near it, a context word those
 *	  of danger and police (context.c).  Silenced danger is never simply
 *	  dropped: on channels of the spoken kind a person looks and the police
 *	  are told; where danger is confirmed by a person anyway, another type may
 *	  decide, and the silenced words stay on record;
 * 3. the lengths of all hits decide, a hit inside a longer one does not
 *	  count; equal: the more urgent type, else a person;
 * 4. what is decided as no police matter while words of the police speak
 *	  loudly too goes to a person (setting triage.police_share).
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "rulebook/context.h"
#include "rulebook/decide.h"
#include "rulebook/learned.h"

const char *const verdict_names[] = {
	"given",		  "terms",			 "danger",		 "silent", "no_match",	   "tie",  "weak",
	"confirm_danger", "doubtful_danger", "police_doubt", "model",  "model_danger", "kept", NULL};

static void
keep_hit(Decision *d, const Term *term)
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

/*
 * Characters of text that weigh as much as half a character found, up to so
 * many (settled on real messages: default, not official).
 */
#define LENGTH_A_POINT 80.0
#define LENGTH_COUNTS  300

/* What a silenced term counts when the police's share is reckoned. */
#define SILENCED_COUNTS 0.25

typedef struct Tally
{
	bool danger;   /* a danger term counts */
	bool silenced; /* one was silenced */
	bool doubtful; /* and a person must say what it means */
	bool ordinary; /* a type that is no mere fallback matched */
	bool told;	   /* silenced danger is told, denied or feared, not a figure, a drill or a question */
	int	 police;   /* score of the likeliest police matter */
	int	 silent;   /* score of silenced terms of the police that are told */
} Tally;

static bool
is_told(const Term *by)
{
	return by->kind != TERM_CONTEXT ||
		   (by->context != CONTEXT_FIGURE && by->context != CONTEXT_DRILL && by->context != CONTEXT_QUESTION);
}

/* What was silenced stays on record. */
static void
note_silenced(Decision *d, const Term *term, const Term *by)
{
	for (int i = 0; i < d->nsilenced; i++)
		if (d->silenced[i].term == term && d->silenced[i].by == by)
			return;
	if (d->nsilenced < MAX_SILENCED)
		d->silenced[d->nsilenced++] = (Silenced){term, by};
}

/* As far as it speaks of danger or the police. */
static void
tally_silenced(Tally *tally, const Term *term, const Term *by, Decision *d)
{
	const CaseType *type = term_type(d->book, term);

	if (IS_DANGER(type))
	{
		tally->silenced = true;
		tally->told |= is_told(by);
	}
	else if (type->nature != NATURE_POLICE)
		return;
	if (is_told(by) && type->nature == NATURE_POLICE)
		tally->silent += term->weight;
	note_silenced(d, term, by);
}

/* Sum the scores by type; a term counts as often as it stands: what is said again is meant. */
static Tally
sum_scores(const Reading *r, CaseType **touched, int *ntouched, Decision *d)
{
	Book *book = r->book;
	Tally tally = {0};

	for (uint32 i = 0; i < r->n; i++)
	{
		const Term *t = &book->terms[book->hits[i].id];
		CaseType   *type;

		if (t->kind != TERM_INCLUDE)
			continue;
		/* inside a longer term ("fire drill") it is another word */
		if (r->fate[i] == SILENCED)
			tally_silenced(&tally, t, r->by[i], d);
		if (r->fate[i] != COUNTS)
			continue;
		type = term_type(book, t);
		if (book->scores[t->type] == 0)
			touched[(*ntouched)++] = type;
		book->scores[t->type] += t->weight;
		tally.danger |= IS_DANGER(type);
		tally.ordinary |= !type->fallback;
		if (type->nature == NATURE_POLICE)
			tally.police = Max(tally.police, book->scores[t->type]);
	}
	return tally;
}

/*
 * Does silenced danger leave doubt?  Where words are weighed, another type
 * settles it, and figures of speech, drills and questions raise none.  With
 * nothing else to go by, the silenced danger is the likeliest matter.
 */
static void
weigh_silenced(const Reading *r, const Channel *channel, CaseType **touched, int *ntouched, Tally *tally)
{
	Book *book = r->book;
	bool  settled = tally->ordinary || (channel_weighs_context(channel) && !tally->told);

	if (!tally->silenced || tally->danger)
		return;
	tally->doubtful = !settled || !channel_weighs_context(channel);
	for (uint32 i = 0; i < r->n && !settled; i++)
	{
		const Term *t = &book->terms[book->hits[i].id];

		if (t->kind != TERM_INCLUDE || r->fate[i] != SILENCED || !IS_DANGER(term_type(book, t)))
			continue;
		if (book->scores[t->type] == 0)
			touched[(*ntouched)++] = term_type(book, t);
		book->scores[t->type] += Max(t->weight / 2, 1);
	}
	tally->ordinary |= !settled;
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

/*
 * An escalate term of the type chosen makes it dangerous and brings the police
 * in.  Where words are weighed, a silenced one does not.
 */
static void
check_escalation(const Reading *r, const Channel *channel, Decision *d)
{
	bool weighed = channel_weighs_context(channel);

	for (uint32 i = 0; i < r->n; i++)
	{
		const Term *t = &r->book->terms[r->book->hits[i].id];

		if (t->kind != TERM_ESCALATE || term_type(r->book, t) != d->type)
			continue;
		if (r->fate[i] == SILENCED && weighed)
			note_silenced(d, t, r->by[i]);
		else
		{
			keep_hit(d, t);
			d->escalated = true;
		}
	}
}

/*
 * How sure: the winner's share, less when little was found, and when it is
 * little for so long a text: one word that decides a sentence on the telephone
 * is one of many in a letter.  Scores in half characters.
 */
static double
confidence_of(const Decision *d)
{
	double first = d->candidates[0].score;
	double second = d->ncandidates > 1 ? d->candidates[1].score : 0;
	double length = Min(d->body_chars, LENGTH_COUNTS) / LENGTH_A_POINT;

	return first / (first + second) * (first / (first + 1.0 + length));
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

/*
 * A false "no police matter" is the costly error: what was decided as one
 * goes to a person when the words of a police matter have a large share.
 */
static void
doubt_police(const Report *report, const Tally *tally, int score, Decision *d)
{
	double police = tally->police + SILENCED_COUNTS * tally->silent;

	if ((d->verdict == VERDICT_TERMS || d->verdict == VERDICT_MODEL) && d->type->nature == NATURE_NONPOLICE &&
		police > 0 && police > report->police_share * (police + score))
		d->verdict = VERDICT_POLICE_DOUBT;
}

/* Nature, priority and danger follow from type and verdict. */
static void
settle(const Report *report, const Tally *tally, Decision *d)
{
	bool decided = d->verdict == VERDICT_GIVEN || d->verdict == VERDICT_TERMS ||
				   d->verdict == VERDICT_DANGER || d->verdict == VERDICT_MODEL;

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

/* The words that decided, or that somebody who looks must see. */
static void
keep_hits(const Reading *r, Decision *d)
{
	for (uint32 i = 0; i < r->n; i++)
	{
		const Term	   *t = &r->book->terms[r->book->hits[i].id];
		const CaseType *type = term_type(r->book, t);

		if (t->kind == TERM_INCLUDE &&
			((r->fate[i] == COUNTS && is_candidate(d, type)) || (r->fate[i] != SILENCED && IS_DANGER(type))))
			keep_hit(d, t);
	}
}

void
classify(Book *book, const Report *report, const char *folded, size_t len, Decision *d)
{
	Reading	   r;
	CaseType **touched;
	int		   ntouched = 0;
	Tally	   tally;

	reading_make(&r, book, folded, len);
	touched = palloc(Max(r.n, 1) * sizeof(CaseType *));
	tally = sum_scores(&r, touched, &ntouched, d);
	weigh_silenced(&r, report->channel, touched, &ntouched, &tally);
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
	{
		int score = d->ncandidates > 0 ? d->candidates[0].score : 0;

		/* what terms say of danger stands before anything a model says */
		if (tally.danger || tally.doubtful || report->terms_only ||
			!learned_weigh(book, report, folded, len, r.n, d))
			judge(report, &tally, d);
		doubt_police(report, &tally, score, d);
	}
	keep_hits(&r, d);
	if (d->type != NULL)
		check_escalation(&r, report->channel, d);
	settle(report, &tally, d);
	pfree(touched);
	reading_free(&r);
}
