/*
 * fuzz_worktime.c
 *	  libFuzzer target: the laws of working time, with a calendar, a zone and
 *	  instants made from the fuzzer's bytes.
 *
 *		clang -g -O1 -fsanitize=fuzzer,address,undefined -Iextension \
 *			tests/fuzz/fuzz_worktime.c extension/worktime/[*].c
 *
 * The laws, the oracle and the making of calendars are those of the unit tests.
 */
#define WINDOW_DAYS 8
#include "../unit/worktime_laws.h"
#include "worktime/backoff.h"

/* Limits and infinities: nothing to compare with, only nothing to break. */
static void
check_extremes(Chance *chance, const Made *made)
{
	const WorkCalendar	*cal = &made->cal;
	static const int64_t edges[] = {INT64_MIN, WORK_FIRST_INSTANT, WORK_LAST_INSTANT, INT64_MAX};
	int64_t				 a = edges[draw(chance, lengthof(edges))] / (1 + draw(chance, 2));
	int64_t				 b = random_instant(chance, made);
	int64_t				 n = INT64_MAX - draw(chance, 2);

	LAW(work_add(cal, a, n) == WORK_NEVER);
	LAW(work_add_days(cal, a, INT32_MAX) == WORK_NEVER);
	LAW(work_between(cal, a, b) == -work_between(cal, b, a));
}

static void
check_backoff(Chance *chance)
{
	int64_t a = (int64_t) draw_bits(chance, 4) << draw(chance, 32);
	int64_t b = (int64_t) draw_bits(chance, 4) << draw(chance, 32);
	int64_t n = (int32_t) draw_bits(chance, 4);
	int64_t wait = backoff_ms((int) n, a, b, draw_bits(chance, 4));

	LAW(wait >= 1);
	LAW(wait / 5 <= (b < 1 ? 1 : b) / 4);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Chance		chance = {0, data, size};
	static Made made;
	int			kind = (int) draw(&chance, 16);

	random_calendar(&chance, &made, kind % 2 == 0 ? 60 : 1);

	/* each answer of "never" walks ten years, the limits centuries: seldom */
	if (kind == 1)
		check_extremes(&chance, &made);
	else if (opens_weekly(&made.cal) || kind == 2)
		check_laws(&chance, &made, 4);
	if (kind % 4 == 0)
		check_against_oracle(&chance, &made, 4);
	check_backoff(&chance);
	if (laws_broken > 0)
		abort();
	return 0;
}
