/*
 * words.c
 *	  What is written into a ticket's history, in Chinese and English.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "hosts/run.h"
#include "hosts/doc.h"
#include "hosts/jsonread.h"
#include "rulebook/book.h"

typedef struct Word
{
	const char *code;
	const char *zh;
	const char *en;
} Word;

static const Word stages[] = {{"triage", "分流", "triage"},
							  {"accept", "签收", "accept"},
							  {"arrive", "到场", "arrive"},
							  {"feedback", "反馈", "feed back"},
							  {"resolve", "办结", "resolve"},
							  {"ring_back", "回拨", "ring back"},
							  {"assist", "协办", "assist"},
							  {"return_request", "退件审核", "decide on the return"},
							  {NULL, NULL, NULL}};

/* Acts that people who look at the ticket should read of; others show in its fields. */
static const Word acts[] = {{"dispatch", "派单", "dispatched"},
							{"accept", "签收", "accepted"},
							{"arrive", "到场", "on the scene"},
							{"feed_back", "反馈", "feedback"},
							{"finish", "协办完成", "assist finished"},
							{"resolve", "办结", "resolved"},
							{"review", "审核", "reviewed"},
							{"close_case", "销号", "closed"},
							{"call_back", "回访", "called back"},
							{"answer", "当场答复", "answered"},
							{"reopen", "重办", "reopened"},
							{"void_case", "作废", "void"},
							{"suspend", "挂起", "suspended"},
							{"resume", "恢复", "resumed"},
							{"transfer", "转办", "passed on"},
							{"request_return", "申请退件", "return requested"},
							{"decide_return", "退件审核", "return decided"},
							{"whistle", "吹哨", "called together"},
							{"answer_whistle", "报到", "answered the call"},
							{"urge", "催办", "urged"},
							{"supervise", "督办", "supervised"},
							{"escalate", "升级", "escalated"},
							{"to_police", "转警", "to the police"},
							{"police_backup", "派出所跟进", "police follow up"},
							{"merge", "并案", "merged"},
							{"unmerge", "撤销并案", "merge undone"},
							{"append_text", "补充", "added"},
							{"add_source", "重复来件", "reported again"},
							{"reclassify", "改类", "another type"},
							{"set_area", "改址", "another place"},
							{"hand_over", "移交", "handed over"},
							{"confirm_danger", "确认危险", "danger confirmed"},
							{"request_extension", "申请延期", "extension requested"},
							{"decide_extension", "延期审核", "extension decided"},
							{NULL, NULL, NULL}};

static const Word *
word_of(const Word *words, const char *code)
{
	for (; words->code != NULL; words++)
		if (code != NULL && strcmp(words->code, code) == 0)
			return words;
	return NULL;
}

/* "2026-03-02 10:30", by the clock on the wall of the town. */
static char *
local_time(const Book *book, TimestampTz at)
{
	struct pg_tm tm;

	book_wall_clock(book, at, &tm);
	return psprintf("%04d-%02d-%02d %02d:%02d", tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min);
}

static const char *
department_words(Book *book, const char *code)
{
	const Department *d = code != NULL ? book_department(book, code, strlen(code)) : NULL;

	return d != NULL ? psprintf("%s %s", d->zh, d->code) : code;
}

/* ---- at first ---- */

static void
put_parties(StringInfo s, Book *book, int64 case_id)
{
	static KeptPlan plan = {
		.sql =
			"SELECT a.duty, d.zh, d.en FROM triage.assignments a JOIN triage.departments d ON d.code = a.department"
			" WHERE a.case_id = $1 AND a.status NOT IN ('done', 'withdrawn') ORDER BY a.duty <> 'lead', a.seq",
		.nargs = 1,
		.types = {INT8OID}};
	Datum args[1] = {Int64GetDatum(case_id)};
	int	  n = host_run(&plan, args, NULL, SPI_OK_SELECT);

	for (int i = 0; i < n; i++)
	{
		bool lead = strcmp(triage_result_text(i, 1), "lead") == 0;

		appendStringInfo(s, "%s%s %s",
						 lead						   ? "\n主办 Lead: "
						 : i == 0 || (i == 1 && n > 1) ? "\n协同 With: "
													   : ", ",
						 triage_result_text(i, 2), triage_result_text(i, 3));
	}
}

static void
put_deadlines(StringInfo s, Book *book, int64 case_id)
{
	static KeptPlan plan = {.sql = "SELECT k.stage, min(k.due_at) FROM triage.clocks k WHERE k.case_id = $1"
								   " AND k.state = 'running' GROUP BY k.stage ORDER BY 2",
							.nargs = 1,
							.types = {INT8OID}};
	Datum			args[1] = {Int64GetDatum(case_id)};
	int				n = host_run(&plan, args, NULL, SPI_OK_SELECT);

	for (int i = 0; i < n; i++)
	{
		char	   *stage = triage_result_text(i, 1);
		const Word *w = word_of(stages, stage);
		bool		isnull;

		appendStringInfo(s, "%s%s %s %s", i == 0 ? "\n期限 Deadlines: " : "; ", w ? w->zh : stage,
						 w ? w->en : "", local_time(book, DatumGetTimestampTz(triage_result(i, 2, &isnull))));
	}
}

static void
put_reason(StringInfo s, int64 case_id)
{
	static KeptPlan plan = {
		.sql = "SELECT d.reason FROM triage.decisions d WHERE d.case_id = $1 ORDER BY d.seq DESC LIMIT 1",
		.nargs = 1,
		.types = {INT8OID}};
	Datum args[1] = {Int64GetDatum(case_id)};

	if (host_run(&plan, args, NULL, SPI_OK_SELECT) == 1)
		appendStringInfo(s, "\n依据 Reason: %s", triage_result_text(0, 1));
}

static char *
first_words(Book *book, const HostDoc *d)
{
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfo(&s, "智能分流 Triage %s\n类别 Type: %s %s · U%d%s", d->number,
					 d->type_zh ? d->type_zh : "未定", d->type_en ? d->type_en : "undecided", d->priority,
					 d->danger ? " · 涉险 danger" : "");
	if (d->area_zh != NULL)
		appendStringInfo(&s, "\n地点 Place: %s", d->area_zh);
	put_parties(&s, book, d->case_id);
	put_deadlines(&s, book, d->case_id);
	put_reason(&s, d->case_id);
	return s.data;
}

/* ---- later ---- */

static void
put_step(StringInfo s, Book *book, JsonbContainer *data)
{
	char	   *stage = jr_text(data, "stage");
	char	   *due = jr_text(data, "due_at");
	const Word *w = word_of(stages, stage);
	const char *whom = department_words(book, jr_text(data, "department"));
	char	   *zh = jr_text(data, "zh");
	char	   *en = jr_text(data, "en");

	if (jr_bool(data, "collapsed", false))
		return;
	appendStringInfo(s, "%s%s %s: %s %s", s->len > 0 ? "\n" : "", zh ? zh : "", en ? en : "", w ? w->zh : "",
					 w ? w->en : (stage ? stage : ""));
	if (due != NULL)
		appendStringInfo(s, ", 期限 due %s",
						 local_time(book, DatumGetTimestampTz(
											  DirectFunctionCall3(timestamptz_in, CStringGetDatum(due),
																  ObjectIdGetDatum(TIMESTAMPTZOID),
																  Int32GetDatum(-1)))));
	if (whom != NULL)
		appendStringInfo(s, " → %s", whom);
}

static void
put_act(StringInfo s, Book *book, const char *verb, JsonbContainer *data)
{
	static const char *const texts[] = {"body", "reason", "decision", "result", "note"};
	const Word				*w = word_of(acts, verb);
	const char				*whom = department_words(book, jr_text(data, "department"));

	if (w == NULL)
		return;
	appendStringInfo(s, "%s%s %s", s->len > 0 ? "\n" : "", w->zh, w->en);
	if (whom != NULL)
		appendStringInfo(s, " · %s", whom);
	for (int i = 0; i < (int) lengthof(texts); i++)
	{
		char *text = jr_text(data, texts[i]);

		if (text != NULL)
			appendStringInfo(s, ": %s", text);
	}
}

static char *
later_words(Book *book, const HostDoc *d, int since, const char *own)
{
	static KeptPlan plan = {
		.sql = "SELECT e.verb, e.data FROM triage.events e WHERE e.case_id = $1 AND e.seq > $2"
			   " AND ($3 IS NULL OR NOT pg_catalog.starts_with(e.actor, $3)) ORDER BY e.seq LIMIT 100",
		.nargs = 3,
		.types = {INT8OID, INT4OID, TEXTOID}};
	Datum		   args[3] = {Int64GetDatum(d->case_id), Int32GetDatum(since),
					  own ? CStringGetTextDatum(own) : (Datum) 0};
	char		   nulls[3] = {' ', ' ', own ? ' ' : 'n'};
	int			   n = host_run(&plan, args, nulls, SPI_OK_SELECT);
	SPITupleTable *rows = SPI_tuptable;
	StringInfoData s;

	initStringInfo(&s);
	for (int i = 0; i < n; i++)
	{
		char  *verb;
		bool   isnull;
		Jsonb *data;

		SPI_tuptable = rows;
		verb = triage_result_text(i, 1);
		data = DatumGetJsonbP(triage_result(i, 2, &isnull));
		if (strcmp(verb, "step") == 0)
			put_step(&s, book, &data->root);
		else
			put_act(&s, book, verb, &data->root);
	}
	return s.len > 0 ? s.data : NULL;
}

const char *
host_words(const HostDoc *d, int since, const char *own)
{
	Book	   *book = book_acquire();
	const char *words = since == 0 ? first_words(book, d) : later_words(book, d, since, own);

	book_release(book);
	return words;
}

const char *
host_result_words(int64 case_id, int since)
{
	static KeptPlan plan = {
		.sql = "SELECT e.data ->> 'result' FROM triage.events e WHERE e.case_id = $1 AND e.seq > $2"
			   " AND e.verb = 'inform' AND e.data ->> 'result' IS NOT NULL ORDER BY e.seq DESC LIMIT 1",
		.nargs = 2,
		.types = {INT8OID, INT4OID}};
	Datum args[2] = {Int64GetDatum(case_id), Int32GetDatum(since)};

	if (since == 0 || host_run(&plan, args, NULL, SPI_OK_SELECT) != 1)
		return NULL;
	return triage_result_text(0, 1);
}
