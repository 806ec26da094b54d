/*
 * backoff.c
 *	  Waiting time before the next attempt of a delivery.
 */
#include "worktime/backoff.h"

/* A cap beyond this leaves no room for the quarter on top. */
#define LONGEST_CAP_MS (INT64_MAX / 2)

/* base doubled attempts - 1 times, not beyond cap.  At most 63 turns. */
static int64_t
doubled(int attempts, int64_t base_ms, int64_t cap_ms)
{
	int64_t delay = base_ms;

	while (--attempts > 0 && delay < cap_ms)
		delay = delay > cap_ms / 2 ? cap_ms : delay * 2;
	return delay < cap_ms ? delay : cap_ms;
}

/*
 * Map 32 random bits evenly to 0 .. limit - 1: the upper half of their
 * product, in two steps because the product can need more than 64 bits.
 */
static int64_t
scaled(uint32_t random, int64_t limit)
{
	uint64_t high = (uint64_t) limit >> 32;
	uint64_t low = (uint64_t) limit & UINT32_MAX;

	return (int64_t) (high * random + ((low * random) >> 32));
}

int64_t
backoff_ms(int attempts, int64_t base_ms, int64_t cap_ms, uint32_t random)
{
	int64_t delay;
	int64_t quarter;

	if (attempts < 1)
		attempts = 1;
	if (base_ms < 1)
		base_ms = 1;
	if (cap_ms < 1)
		cap_ms = 1;
	if (cap_ms > LONGEST_CAP_MS)
		cap_ms = LONGEST_CAP_MS;

	delay = doubled(attempts, base_ms, cap_ms);
	quarter = delay / 4;
	return delay - quarter + scaled(random, 2 * quarter + 1);
}
