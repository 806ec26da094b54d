/*
 * limits.c
 *	  Which policy times a stage, and when it and its ladder's steps are due.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "rulebook/decide.h"
#include "rulebook/duty.h"

/* no limit reaches further than this many microseconds: a century */
#define LONGEST (INT64CONST(100) * 366 * USECS_PER_DAY)

static bool
policy_fits(const Policy *p, const CaseType *type, int priority, bool danger, const Area *area,
			const DutyMode *mode)
{
	if (p->mode != NULL && p->mode != mode)
		return false;
	/* a type's own limits are those of its ordinary urgency; raised cases take the urgency's */
	if (p->type_code != NULL && p->priority == 0 && priority != type->priority)
		return false;
	return (p->priority == 0 || p->priority == priority) && (p->danger < 0 || p->danger == (int) danger) &&
		   (p->urban < 0 || p->urban == (area == NULL || area->urban)) && area_within(area, p->area);
}

Policy *
policy_for(Book *book, const CaseType *type, Stage stage, int priority, bool danger, const Area *area,
		   TimestampTz at)
{
	const DutyMode *mode = mode_in_force(book, area, at);

	type = book_rules_of(book, type);
	for (int i = 0; i < type->npolicies[stage]; i++)
		if (policy_fits(type->policies[stage][i], type, priority, danger, area, mode))
			return type->policies[stage][i];
	return NULL;
}

TimestampTz
limit_add(TimestampTz start, int amount, LimitUnit unit, const Calendar *calendar)
{
	/* without a calendar a working hour or day is as long as any */
	static const int64 length[] = {USECS_PER_MINUTE, USECS_PER_HOUR, USECS_PER_DAY, USECS_PER_HOUR,
								   USECS_PER_DAY};
	int64			   span = Min((int64) amount * length[unit], LONGEST);
	int64			   at;

	if (calendar == NULL || unit < UNIT_WORK_HOUR)
		return start + span;
	if (unit == UNIT_WORK_HOUR)
		at = work_add(&calendar->work, start, span);
	else
		at = work_add_days(&calendar->work, start, amount);
	/* a calendar that never opens must not hold a case for ever */
	if (at == WORK_NEVER)
		return start + span;
	return at;
}

TimestampTz
ladder_step_at(const LadderStep *step, TimestampTz start, TimestampTz due, const Calendar *calendar)
{
	TimestampTz at;

	if (step->percent == 100)
		at = due;
	else if (calendar != NULL)
	{
		int64 all = work_between(&calendar->work, start, due);

		at = work_add(&calendar->work, start, all / 100 * step->percent);
		if (at == WORK_NEVER)
			at = due;
	}
	else
		at = start + (due - start) / 100 * step->percent;
	if (step->late_amount > 0)
		at = Min(at, limit_add(due, step->late_amount, step->late_unit, calendar));
	return at;
}

void
limit_start(Policy *policy, TimestampTz start, ClockLimit *limit)
{
	Calendar *calendar = policy->unit >= UNIT_WORK_HOUR ? policy->calendar : NULL;

	if (policy->memo_start != start)
	{
		policy->memo_start = start;
		policy->memo_due = limit_add(start, policy->amount, policy->unit, calendar);
		policy->memo_step =
			policy->ladder == NULL || policy->ladder->nsteps == 0
				? DT_NOEND
				: ladder_step_at(&policy->ladder->steps[0], start, policy->memo_due, calendar);
	}
	limit->policy = policy;
	limit->due_at = policy->memo_due;
	limit->next_step = 0;
	limit->next_step_at = policy->memo_step;
}
