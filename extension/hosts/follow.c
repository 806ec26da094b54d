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
	bool  accepted; /* by its lead */
} Standing;

static void
read_standing(int64 case_id, Standing *st)
{
	static KeptPlan plan = {
		.sql = "SELECT c.status, EXISTS (SELECT 1 FROM triage.assignments a WHERE a.case_id = c.case_id"
			   " AND a.duty = 'lead' AND a.accepted_at IS NOT NULL AND a.status NOT IN ('done', 'withdrawn'))"
			   " FROM triage.cases c WHERE c.case_id = $1",
		.nargs = 1,
		.types = {INT8OID}};
	Datum args[1] = {Int64GetDatum(case_id)};
	bool  isnull;

	if (host_run(&plan, args, NULL, SPI_OK_SELECT) != 1)
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
		return h->department == NULL && (st->accepted || strcmp(st->status, "dispatched") != 0);
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

static void
do_verb(void *arg)
{
	Doing	   *d = arg;
	OwnerSwitch sw;
	Standing	st;

	host_vouch_begin(d->b, d->by);
	host_owner_begin(&sw);
	read_standing(d->case_id, &st);
	if (strcmp(d->h->verb, "merge") == 0)
		merge(d->b, d->case_id, d->h);
	else if (!is_said_already(&st, d->h))
	{
		VerbCall *call = call_of(d->h->verb);

		if (call->accepts_first && !st.accepted && strcmp(st.status, "dispatched") == 0)
			call_verb(call_of("accept"), d->case_id, &(HostVerb){.verb = "accept"});
		call_verb(call, d->case_id, d->h);
	}
	host_owner_end(&sw);
	host_vouch_end();
}

void
ticket_follow(const Binding *b, int64 case_id, const HostEvent *e)
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
	}
}
