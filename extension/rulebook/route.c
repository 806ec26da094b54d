/*
 * route.c
 *	  Chooses the route of a case and names the parties.
 *
 * Routes of a type are sorted most wanted first (link.c), so the first whose
 * area and condition hold wins.  A condition that fails while running sends
 * the case to the accountable centre, never silently past the rule.
 *
 * A party whose roster has nobody on duty is replaced by who stands in for it.
 * A lead that is off duty takes part as assist, so that it can sign: until it
 * does, its substitute leads (domain notes 3, route TOWN).
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "rulebook/decide.h"
#include "rulebook/duty.h"

bool
party_add(Decision *d, Department *department, Duty duty)
{
	if (department == NULL)
		return true;
	for (int i = 0; i < d->nparties; i++)
		if (d->parties[i].department == department)
			return true;
	if (d->nparties == MAX_PARTIES)
		return false;
	d->parties[d->nparties++] = (Party){department, duty};
	return true;
}

static void
set_fact(Facts *facts, FactId id, Datum value, bool isnull)
{
	facts->value[id] = value;
	facts->isnull[id] = isnull;
}

static void
set_text(Facts *facts, FactId id, const char *value)
{
	set_fact(facts, id, value ? CStringGetTextDatum(value) : (Datum) 0, value == NULL);
}

static void
local_facts(const Book *book, TimestampTz at, Facts *facts)
{
	const Calendar *c = book->local_calendar;
	int32			day, sec;

	if (c == NULL)
		return;
	c->work.to_local(c->work.arg, at, &day, &sec);
	set_fact(facts, FACT_LOCAL_TIME, TimeADTGetDatum((int64) sec * USECS_PER_SEC), false);
	set_fact(facts, FACT_LOCAL_DATE, DateADTGetDatum(day), false);
	/* 2000-01-01 was a Saturday */
	set_fact(facts, FACT_WEEKDAY, Int32GetDatum(((day + 5) % 7 + 7) % 7 + 1), false);
	set_fact(facts, FACT_WORKDAY, BoolGetDatum(work_is_workday(&c->work, at)), false);
	set_fact(facts, FACT_IN_WORKTIME, BoolGetDatum(work_is_open(&c->work, at)), false);
}

static void
collect_facts(const Book *book, const Report *report, const Decision *d, Facts *facts)
{
	for (int i = 0; i < FACT_COUNT; i++)
		set_fact(facts, i, (Datum) 0, true);
	set_text(facts, FACT_CHANNEL, report->channel->code);
	set_text(facts, FACT_CASE_TYPE, d->type ? d->type->code : NULL);
	set_text(facts, FACT_CASE_GROUP, d->type && d->type->parent ? d->type->parent->code : NULL);
	set_text(facts, FACT_NATURE, nature_names[d->nature]);
	set_fact(facts, FACT_PRIORITY, Int32GetDatum(d->priority), false);
	set_fact(facts, FACT_DANGER, BoolGetDatum(d->danger), false);
	set_text(facts, FACT_AREA, d->area ? d->area->code : NULL);
	set_text(facts, FACT_AREA_LEVEL, d->area ? d->area->level : NULL);
	local_facts(book, report->at, facts);
	set_fact(facts, FACT_HAS_LOCATION, BoolGetDatum(report->location != NULL), false);
	set_fact(facts, FACT_REPEATS, Int32GetDatum(d->repeats), false);
	set_fact(facts, FACT_CONFIDENCE, Float8GetDatum(d->confidence), false);
	set_fact(facts, FACT_BODY_LENGTH, Int32GetDatum(d->body_chars), false);
	set_fact(facts, FACT_ATTRS, JsonbPGetDatum(report->attrs), report->attrs == NULL);
	set_text(facts, FACT_MODE, d->mode ? d->mode->code : NULL);
}

/*
 * A condition that does not compile will not for the next case either, until
 * the rules change and with them the book; unless it was for lack of memory
 * or the like.
 */
static void
remember_failure(Book *book, Route *route, const ErrorData *e, const char *message)
{
	if (route->condition == NULL && ERRCODE_TO_CATEGORY(e->sqlerrcode) != ERRCODE_INSUFFICIENT_RESOURCES)
		route->condition_error = MemoryContextStrdup(book->mcxt, message);
}

/*
 * Evaluate a route's condition in a subtransaction, so that its failure is
 * ours to judge.  On error *error is set to the message (in the caller's
 * context) and the result is false.  Cancel and shutdown pass through.
 */
static bool
condition_holds(Book *book, Route *route, const Facts *facts, char **error)
{
	MemoryContext mcxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool holds = false;

	if (route->condition_error != NULL)
	{
		*error = pstrdup(route->condition_error);
		return false;
	}
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(mcxt);
	PG_TRY();
	{
		if (route->condition == NULL)
			route->condition = condition_compile(route->condition_text, book->mcxt);
		holds = condition_eval(route->condition, facts);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData *e;

		MemoryContextSwitchTo(mcxt);
		e = CopyErrorData();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(mcxt);
		CurrentResourceOwner = owner;
		if (e->sqlerrcode == ERRCODE_QUERY_CANCELED || e->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
			ReThrowError(e);
		FlushErrorState();
		*error = psprintf("route \"%s\": %s", route->code, e->message);
		remember_failure(book, route, e, *error);
		FreeErrorData(e);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(mcxt);
	CurrentResourceOwner = owner;
	return holds;
}

static void
pass(Decision *d, Route *route, bool failed)
{
	if (d->npassed < MAX_PASSED)
		d->passed[d->npassed++] = (PassedRoute){route, failed};
}

static Route *
find_route(Book *book, const Report *report, Decision *d)
{
	const CaseType *type = book_rules_of(book, d->type);
	Facts			facts;
	bool			have_facts = false;

	for (int i = 0; i < type->nroutes; i++)
	{
		Route *r = type->routes[i];

		if (!area_within(d->area, r->area))
			continue;
		if (r->condition_text != NULL)
		{
			if (!have_facts)
				collect_facts(book, report, d, &facts);
			have_facts = true;
			if (!condition_holds(book, r, &facts, &d->route_error))
			{
				pass(d, r, d->route_error != NULL);
				if (d->route_error != NULL)
					return NULL;
				continue;
			}
		}
		return r;
	}
	return NULL;
}

static Department *
party_unit(const Book *book, const RouteParty *party, Area *area)
{
	if (party->department != NULL)
		return book_department(book, party->department, strlen(party->department));
	return book_unit(book, party->relation, area);
}

/* Keep what the roster said; the array is ample, and more of it decides nothing. */
static void
note_duty(Decision *d, const DutyCheck *check)
{
	if (d->nduty_checks < MAX_DUTY_CHECKS)
		d->duty_checks[d->nduty_checks++] = *check;
}

/* The unit itself, or who stands in for it now. */
static Department *
unit_on_duty(Book *book, const Report *report, Department *unit, const RouteParty *party, Area *area,
			 Decision *d)
{
	DutyCheck check = {.department = unit, .duty = party->duty};
	OnDuty	  who;

	if (unit == NULL || unit->nshifts == 0 ||
		(report->at_work != NULL && strcmp(report->at_work, unit->code) == 0))
		return unit;
	if (duty_covers(book, unit, party->skill, report->at, &who, &check.until))
	{
		check.team = who.shift->team;
		check.until = who.time.end;
	}
	else
		check.substitute = duty_substitute(book, unit, area, report->at);
	note_duty(d, &check);
	return check.substitute ? check.substitute : unit;
}

void
route_choose(Book *book, const Report *report, Decision *d)
{
	Area	   *area = d->area ? d->area : book->root_area;
	Route	   *route = find_route(book, report, d);
	Department *lead = NULL;
	Department *instead = NULL;

	if (route != NULL && route->parties[0].duty == DUTY_LEAD)
	{
		lead = party_unit(book, &route->parties[0], area);
		instead = unit_on_duty(book, report, lead, &route->parties[0], area, d);
	}
	/* no route, or one whose lead does not exist: the accountable centre owns the case */
	party_add(d, lead != NULL ? instead : book_centre(book, area), DUTY_LEAD);
	if (instead != lead)
		party_add(d, lead, DUTY_ASSIST);
	d->route = route;
	if (route != NULL)
		for (int i = 0; i < route->nparties; i++)
		{
			const RouteParty *p = &route->parties[i];

			if (p->duty != DUTY_LEAD)
				party_add(d, unit_on_duty(book, report, party_unit(book, p, area), p, area, d), p->duty);
		}
	if (d->escalated)
		party_add(d, book_unit(book, KIND_POLICE, area), DUTY_ON_SCENE);
}
