/*
 * follow.c
 *	  What a host's user does to a ticket becomes verbs of its case.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/names.h"
#include "hosts/guard.h"
#include "hosts/jsonread.h"
#include "hosts/run.h"
#include "hosts/take.h"
#include "hosts/vouch.h"

typedef struct VerbCall
{
	const char *verb;
	bool		accepts_first; /* whoever does this has taken the case */
	KeptPlan	plan;		   /* case_id, department, body, reason, outcome, note, review_at */
} VerbCall;

#define VERB_ARGS                                                            \
	{                                                                        \
		INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID \
	}
#define VERB_PLAN(call)                                                    \
	{                                                                      \
		.sql = "SELECT (" call ").case_id", .nargs = 7, .types = VERB_ARGS \
	}

static VerbCall calls[] = {
	{"accept", false, VERB_PLAN("triage.accept($1, $2, note => $6)")},
	{"arrive", false, VERB_PLAN("triage.arrive($1, $2, note => $6)")},
	{"feed_back", true, VERB_PLAN("triage.feed_back($1, $2, coalesce($3, $4), note => $6)")},
	{"finish", false, VERB_PLAN("triage.finish($1, $2, $3, note => $6)")},
	{"resolve", true,
	 VERB_PLAN("triage.resolve($1, coalesce($5, 'resolved'), coalesce($3, $4), note => $6)")},
	{"transfer", true, VERB_PLAN("triage.transfer($1, $2, coalesce($4, $3), note => $6)")},
	{"suspend", true, VERB_PLAN("triage.suspend($1, coalesce($4, $3), $7, note => $6)")},
	{"resume", false, VERB_PLAN("triage.resume($1, note => $6)")},
	{"reopen", false, VERB_PLAN("triage.reopen($1, coalesce($4, $3), note => $6)")},
	{"request_return", false, VERB_PLAN("triage.request_return($1, coalesce($4, $3), $2, note => $6)")},
	{"append_text", false, VERB_PLAN("triage.append_text($1, coalesce($3, $4), note => $6)")},
	{"close_case", false, VERB_PLAN("triage.close_case($1, note => $6)")},
	{"void_case", false, VERB_PLAN("triage.void_case($1, coalesce($4, $3), note => $6)")},
	{"urge", false, VERB_PLAN("triage.urge($1, note => $6)")},
	/* a review that is not passed, by whoever opens again what was resolved */
	{"send_back", false,
	 VERB_PLAN("triage.review($1, false, coalesce($5, 'stage_only'), note => coalesce($6, $4, $3))")},
};

/* Taken up again before it was closed: the result is not accepted. */
static VerbCall not_passed = {"review", false,
							  VERB_PLAN("triage.review($1, false, 'wrong', coalesce($4, $3, $6))")};
static VerbCall not_satisfied = {"call_back", false,
								 VERB_PLAN("triage.call_back($1, 'dissatisfied', coalesce($4, $3, $6))")};

static VerbCall *
call_of(const char *verb)
{
	for (int i = 0; i < (int) lengthof(calls); i++)
		if (strcmp(calls[i].verb, verb) == 0)
			return &calls[i];
	ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("verb \"%s\" cannot come from a ticket", verb),
					errhint("See the comment on triage.attach() for those that can.")));
}

/* How the case and its lead stand. */
typedef struct Standing
{
	char *status;
	bool  accepted; /* by the department that acts; where none is named, by the lead */
} Standing;

static void
read_standing(int64 case_id, const char *department, Standing *st)
{
	static KeptPlan plan = {
		.sql = "SELECT c.status, EXISTS (SELECT 1 FROM triage.assignments a WHERE a.case_id = c.case_id"
			   " AND CASE WHEN $2 IS NULL THEN a.duty = 'lead' ELSE a.department = $2 END"
			   " AND a.accepted_at IS NOT NULL AND a.status NOT IN ('done', 'withdrawn'))"
			   " FROM triage.cases c WHERE c.case_id = $1",
		.nargs = 2,
		.types = {INT8OID, TEXTOID}};
	Datum args[2] = {Int64GetDatum(case_id), department ? CStringGetTextDatum(department) : (Datum) 0};
	bool  isnull;

	if (host_run(&plan, args, department ? "  " : " n", SPI_OK_SELECT) != 1)
		ereport(ERROR,
				(errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("case %lld does not exist", (long long) case_id)));
	st->status = triage_result_text(0, 1);
	st->accepted = DatumGetBool(triage_result(0, 2, &isnull));
}

/* Would the verb only say again what is so already? */
static bool
is_said_already(const Standing *st, const HostVerb *h)
{
	if (strcmp(h->verb, "accept") == 0)
		return st->accepted || (h->department == NULL && strcmp(st->status, "dispatched") != 0);
	if (strcmp(h->verb, "resolve") == 0)
		return strcmp(st->status, "review") == 0 || strcmp(st->status, "callback") == 0 ||
			   strcmp(st->status, "closed") == 0;
	if (strcmp(h->verb, "close_case") == 0)
		return strcmp(st->status, "closed") == 0;
	if (strcmp(h->verb, "send_back") == 0)
		return strcmp(st->status, "review") != 0;
	if (strcmp(h->verb, "resume") == 0)
		return strcmp(st->status, "suspended") != 0;
	if (strcmp(h->verb, "suspend") == 0)
		return strcmp(st->status, "suspended") == 0;
	if (strcmp(h->verb, "reopen") == 0)
		return strcmp(st->status, "dispatched") == 0 || strcmp(st->status, "accepted") == 0 ||
			   strcmp(st->status, "in_progress") == 0;
	return false;
}

static void
call_verb(VerbCall *call, int64 case_id, const HostVerb *h)
{
	const char *texts[5] = {h->department, h->body, h->reason, h->outcome, h->note};
	Datum		args[7] = {Int64GetDatum(case_id)};
	char		nulls[7] = {' '};

	for (int i = 0; i < 5; i++)
	{
		args[i + 1] = texts[i] ? CStringGetTextDatum(texts[i]) : (Datum) 0;
		nulls[i + 1] = texts[i] ? ' ' : 'n';
	}
	nulls[6] = h->review_at ? ' ' : 'n';
	args[6] = h->review_at ? DirectFunctionCall3(timestamptz_in, CStringGetDatum(h->review_at),
												 ObjectIdGetDatum(TIMESTAMPTZOID), Int32GetDatum(-1))
						   : (Datum) 0;
	host_run(&call->plan, args, nulls, SPI_OK_SELECT);
}

/*
 * Those who assist have no ticket of their own to finish their part in, so
 * whoever resolves the ticket answers for them too; unless the mapping says
 * {"assists": "wait"}.
 */
static void
finish_assists(int64 case_id)
{
	static KeptPlan plan = {
		.sql =
			"SELECT (triage.finish($1, a.department, $2)).case_id FROM triage.assignments a"
			" WHERE a.case_id = $1 AND a.duty IN ('assist', 'expert') AND a.status NOT IN ('done', 'withdrawn')",
		.nargs = 2,
		.types = {INT8OID, TEXTOID}};
	Datum args[2] = {Int64GetDatum(case_id), CStringGetTextDatum("随工单一并办结 settled with the ticket")};

	host_run(&plan, args, NULL, SPI_OK_SELECT);
}

static bool
assists_wait(const Binding *b)
{
	char *how = jr_text(&b->mapping->root, "assists");

	return how != NULL && strcmp(how, "wait") == 0;
}

/* The other ticket's case is merged into this one's, or the other way round, as the verb says. */
static void
merge(const Binding *b, int64 case_id, const HostVerb *h)
{
	static KeptPlan plan = {.sql = "SELECT (triage.merge($1, $2, $3)).case_id",
							.nargs = 3,
							.types = {INT8OID, INT8OID, TEXTOID}};
	int				shown;
	int64			into = h->into ? ticket_case(b, h->into, &shown) : 0;
	Datum			args[3] = {Int64GetDatum(case_id), Int64GetDatum(into),
					   h->note ? CStringGetTextDatum(h->note) : (Datum) 0};
	char			nulls[3] = {' ', ' ', h->note ? ' ' : 'n'};

	if (into == 0)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("the ticket to merge into has no case"),
						errhint("Take it in first.")));
	if (into != case_id)
		host_run(&plan, args, nulls, SPI_OK_SELECT);
}

typedef struct Doing
{
	const Binding  *b;
	int64			case_id;
	const HostVerb *h;
	const char	   *by;
} Doing;

/* What must come before the verb, and the verb. */
static void
act(const Doing *d, const Standing *st)
{
	VerbCall   *call = call_of(d->h->verb);
	const char *acts_for = strcmp(d->h->verb, "transfer") == 0 ? NULL : d->h->department;

	if (call->accepts_first && !st->accepted)
		call_verb(call_of("accept"), d->case_id, &(HostVerb){.verb = "accept", .department = acts_for});
	if (strcmp(d->h->verb, "resolve") == 0 && !assists_wait(d->b))
		finish_assists(d->case_id);
	if (strcmp(d->h->verb, "reopen") == 0 && strcmp(st->status, "review") == 0)
		call = &not_passed;
	else if (strcmp(d->h->verb, "reopen") == 0 && strcmp(st->status, "callback") == 0)
		call = &not_satisfied;
	call_verb(call, d->case_id, d->h);
}

static void
do_verb(void *arg)
{
	Doing	   *d = arg;
	OwnerSwitch sw;
	Standing	st;

	host_vouch_begin(d->b, d->by);
	host_owner_begin(&sw);
	read_standing(d->case_id, strcmp(d->h->verb, "transfer") == 0 ? NULL : d->h->department, &st);
	if (strcmp(d->h->verb, "merge") == 0)
		merge(d->b, d->case_id, d->h);
	else if (!is_said_already(&st, d->h))
		act(d, &st);
	host_owner_end(&sw);
	host_vouch_end();
}

/* Why a verb was not carried out, for who meant it. */
static char *
refusal(const HostVerb *h, const Guarding *g)
{
	static const struct
	{
		int			code;
		const char *zh;
	} words[] = {{TRIAGE_ERRCODE_STATE, "当前状态下不能办理"},
				 {TRIAGE_ERRCODE_RIGHTS, "无权办理"},
				 {TRIAGE_ERRCODE_UNKNOWN, "缺少内容或代码不存在"},
				 {TRIAGE_ERRCODE_CONTENT, "未达到办理要求"}};
	const char *zh = "出错";

	for (int i = 0; i < (int) lengthof(words); i++)
		if (words[i].code == g->sqlerrcode)
			zh = words[i].zh;
	return psprintf("未生效 Not done (%s): %s. %s", h->verb, zh, g->message);
}

void
ticket_follow(const Binding *b, int64 case_id, HostEvent *e)
{
	for (int i = 0; i < e->nverbs; i++)
	{
		Doing	 d = {b, case_id, &e->verbs[i], e->by};
		Guarding g = guard_run(do_verb, &d, 0);

		if (g.done)
			continue;
		/* what may work in a moment is tried again as a whole, by whoever called */
		if (g.passing)
			ereport(ERROR, (errcode(g.sqlerrcode), errmsg("%s", g.message)));
		host_error(b, psprintf("host:%s", e->verbs[i].verb), e->ticket, case_id, g.sqlerrcode, g.message,
				   NULL);
		e->refused = e->refused ? psprintf("%s\n%s", e->refused, refusal(&e->verbs[i], &g))
								: refusal(&e->verbs[i], &g);
	}
}
