/*
 * record.c
 *	  What is kept of a decision: facts, candidates, reason.
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/json.h"
#include "rulebook/decide.h"

static const char *const kind_names[] = {"include", "exclude", "escalate"};

static void
put_hits(JsonBuild *b, const Decision *d)
{
	if (d->nhits == 0)
		return;
	jb_array(b, "hits");
	for (int i = 0; i < d->nhits; i++)
	{
		const Term *t = d->hits[i];

		jb_array(b, NULL);
		jb_text_n(b, NULL, term_text(d->book, t), t->len);
		jb_text(b, NULL, term_type(d->book, t)->code);
		jb_text(b, NULL, kind_names[t->kind]);
		jb_int(b, NULL, t->weight);
		jb_end_array(b);
	}
	jb_end_array(b);
}

/* Why danger or police words did not count: [word, case type, why, the word beside it] */
static void
put_silenced(JsonBuild *b, const Decision *d)
{
	if (d->nsilenced == 0)
		return;
	jb_array(b, "silenced");
	for (int i = 0; i < d->nsilenced; i++)
	{
		const Term *t = d->silenced[i].term;
		const Term *by = d->silenced[i].by;

		jb_array(b, NULL);
		jb_text_n(b, NULL, term_text(d->book, t), t->len);
		jb_text(b, NULL, term_type(d->book, t)->code);
		jb_text(b, NULL, by->kind == TERM_CONTEXT ? context_names[by->context] : kind_names[by->kind]);
		jb_text_n(b, NULL, term_text(d->book, by), by->len);
		jb_end_array(b);
	}
	jb_end_array(b);
}

/* What the model said; probabilities in thousandths, weights of n-grams in thousandths of a score. */
static void
put_learned(JsonBuild *b, const Decision *d)
{
	const Learned *l = &d->learned[0];

	if (d->nlearned == 0)
		return;
	jb_object(b, "model");
	jb_text(b, "name", l->model);
	jb_int(b, "version", l->version);
	jb_int(b, "p", (int64) (l->p * 1000 + 0.5));
	jb_int(b, "police", (int64) (l->police * 1000 + 0.5));
	if (l->runner_up != NULL)
		jb_text(b, "runner_up", l->runner_up->code);
	jb_int(b, "margin", (int64) rint((l->p - l->runner_up_p) * 1000));
	jb_array(b, "ngrams");
	for (int i = 0; i < l->ngrams; i++)
	{
		jb_array(b, NULL);
		jb_text_n(b, NULL, l->grams[i].text, l->grams[i].len);
		jb_int(b, NULL, (int64) (l->grams[i].weight * 1000 + 0.5));
		jb_end_array(b);
	}
	jb_end_array(b);
	jb_end_object(b);
}

static void
put_passed(JsonBuild *b, const Decision *d)
{
	if (d->npassed == 0)
		return;
	jb_array(b, "passed");
	for (int i = 0; i < d->npassed; i++)
	{
		jb_object(b, NULL);
		jb_text(b, "route", d->passed[i].route->code);
		jb_text(b, "because", d->passed[i].failed ? "condition failed" : "condition false");
		jb_end_object(b);
	}
	jb_end_array(b);
}

/* What rosters said of the parties: who is on duty until when, or who was named instead and when somebody is back. */
static void
put_duty(JsonBuild *b, const Decision *d)
{
	if (d->nduty_checks == 0)
		return;
	jb_array(b, "roster");
	for (int i = 0; i < d->nduty_checks; i++)
	{
		const DutyCheck *k = &d->duty_checks[i];

		jb_object(b, NULL);
		jb_text(b, "unit", k->department->code);
		jb_text(b, "duty", duty_names[k->duty]);
		jb_bool(b, "on_duty", k->substitute == NULL);
		jb_text(b, "team", k->team);
		if (k->substitute != NULL)
			jb_text(b, "instead", k->substitute->code);
		if (k->until != DT_NOEND)
			jb_time(b, k->substitute ? "back_at" : "until", k->until);
		jb_end_object(b);
	}
	jb_end_array(b);
}

static void
put_place(JsonBuild *b, const Decision *d)
{
	jb_object(b, "place");
	jb_text(b, "by", place_by_names[d->place_by]);
	if (d->area != NULL)
		jb_text(b, "area", d->area->code);
	jb_text(b, "name", d->place_name);
	jb_int(b, "confidence", d->place_sure);
	if (d->nplaces > 0)
	{
		jb_array(b, "among");
		for (int i = 0; i < d->nplaces; i++)
			jb_text(b, NULL, d->places[i]->code);
		jb_end_array(b);
	}
	if (d->against != NULL)
	{
		jb_object(b, "against");
		jb_text(b, "by", place_by_names[d->against_by]);
		jb_text(b, "area", d->against->code);
		jb_end_object(b);
	}
	jb_end_object(b);
}

static void
put_time(JsonBuild *b, const Book *book, TimestampTz at)
{
	const Calendar *c = book->local_calendar;
	struct pg_tm	tm;

	if (c == NULL)
		return;
	book_wall_clock(book, at, &tm);
	jb_text(b, "local_time",
			psprintf("%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour,
					 tm.tm_min, tm.tm_sec));
	jb_bool(b, "in_worktime", work_is_open(&c->work, at));
}

Jsonb *
decision_facts(const Book *book, const Report *report, const Decision *d)
{
	JsonBuild b = {0};
	char	  digest[20];

	snprintf(digest, sizeof(digest), "%016llx", (unsigned long long) d->text_digest);
	jb_object(&b, NULL);
	jb_text(&b, "channel", report->channel->code);
	jb_text(&b, "verdict", verdict_names[d->verdict]);
	jb_text(&b, "nature", nature_names[d->nature]);
	jb_int(&b, "priority", d->priority);
	jb_bool(&b, "danger", d->danger);
	if (d->escalated)
		jb_bool(&b, "escalated", true);
	if (d->repeats > 0)
		jb_int(&b, "repeats", d->repeats);
	if (d->raised)
		jb_bool(&b, "raised", true);
	jb_int(&b, "confidence", (int64) (d->confidence * 1000 + 0.5));
	jb_int(&b, "body_length", d->body_chars);
	jb_text(&b, "text_digest", digest);
	put_hits(&b, d);
	put_silenced(&b, d);
	put_learned(&b, d);
	put_place(&b, d);
	put_time(&b, book, report->at);
	if (report->given_type != NULL)
		jb_text(&b, "given_type", report->given_type->code);
	if (d->mode != NULL)
		jb_text(&b, "mode", d->mode->code);
	put_passed(&b, d);
	put_duty(&b, d);
	jb_text(&b, "route_error", d->route_error);
	jb_end_object(&b);
	return jb_finish(&b);
}

Jsonb *
decision_candidates(const Decision *d)
{
	JsonBuild b = {0};

	jb_array(&b, NULL);
	for (int i = 0; i < d->ncandidates; i++)
	{
		jb_object(&b, NULL);
		jb_text(&b, "case_type", d->candidates[i].type->code);
		jb_text(&b, "zh", d->candidates[i].type->zh);
		jb_int(&b, "score", d->candidates[i].score);
		jb_end_object(&b);
	}
	jb_end_array(&b);
	return jb_finish(&b);
}

/* One sentence in Chinese and one in English for each verdict. */
static const char *const reasons[][2] = {
	[VERDICT_GIVEN] = {"由受理人员指定类别", "the type was given by a person"},
	[VERDICT_TERMS] = {"关键词指向该类别", "the terms found point to this type"},
	[VERDICT_DANGER] = {"出现危险词，优先处置", "a danger term wins over every other match"},
	[VERDICT_SILENT] = {"来电无声或中断，需回拨", "silent or dropped call, ring back"},
	[VERDICT_NO_MATCH] = {"未命中关键词，需人工研判", "no term found, a person decides"},
	[VERDICT_TIE] = {"两类得分相同，需人工研判", "two types score the same, a person decides"},
	[VERDICT_WEAK] = {"把握不足，需人工研判", "not sure enough, a person decides"},
	[VERDICT_CONFIRM_DANGER] = {"书面渠道出现危险词，需人工确认",
								"danger on a written channel, a person confirms first"},
	[VERDICT_DOUBTFUL_DANGER] = {"危险词含义存疑，需人工确认",
								 "a danger term in doubtful context, a person decides"},
	[VERDICT_POLICE_DOUBT] = {"可能涉警，需人工确认", "possibly a police matter, a person decides"},
	[VERDICT_MODEL] = {"关键词与学习模型指向该类别", "the terms and the model point to this type"},
	[VERDICT_MODEL_DANGER] = {"模型认为可能有危险，需人工确认",
							  "the model sees danger that no term names, a person decides"},
	[VERDICT_KEPT] = {"类别沿用此前判定", "the type stays as decided before"},
};

static void
put_term(StringInfo s, const Decision *d, const Term *t)
{
	appendBinaryStringInfo(s, term_text(d->book, t), t->len);
}

char *
decision_reason(const Decision *d)
{
	StringInfoData s;

	initStringInfo(&s);
	if (d->route_error != NULL)
		appendStringInfo(&s, "规则出错，转中心研判 / a rule failed, the centre decides: %s", d->route_error);
	else
		appendStringInfo(&s, "%s / %s", reasons[d->verdict][0], reasons[d->verdict][1]);
	for (int i = 0; i < d->nhits; i++)
	{
		appendStringInfoString(&s, i > 0 ? "、" : ": ");
		put_term(&s, d, d->hits[i]);
	}
	for (int i = 0; i < d->nsilenced; i++)
	{
		appendStringInfoString(&s, i > 0 ? "、" : "; 不计 not counted: ");
		put_term(&s, d, d->silenced[i].term);
		appendStringInfoString(&s, " (");
		put_term(&s, d, d->silenced[i].by);
		appendStringInfoString(&s, ")");
	}
	if (d->type != NULL)
		appendStringInfo(&s, " → %s %s", d->type->code, d->type->zh);
	for (int i = 0; i < d->nduty_checks; i++)
		if (d->duty_checks[i].substitute != NULL)
			appendStringInfo(&s, "; %s 无人值班，由 %s 代为承办 / %s is off duty, %s stands in",
							 d->duty_checks[i].department->code, d->duty_checks[i].substitute->code,
							 d->duty_checks[i].department->code, d->duty_checks[i].substitute->code);
	return s.data;
}
