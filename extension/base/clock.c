/*
 * clock.c
 *	  The real clock, or the moved one of tests and demonstrations.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/guc.h"
#include "base/names.h"

PG_FUNCTION_INFO_V1(triage_sql_clock);

bool
triage_setting_time(const char *name, const char *value, TimestampTz *at)
{
	if (value == NULL || value[0] == '\0')
		return false;
	*at = DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(value),
												  ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	if (TIMESTAMP_NOT_FINITE(*at))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("setting \"%s\" must be a finite time", name)));
	return true;
}

/*
 * Settings are strings; parsing one costs more than reading the clock.  Keep
 * the last value parsed.  The guc machinery allocates a new string for a new
 * value, but may reuse an address: so the text is compared, not the pointer.
 */
typedef struct ParsedTime
{
	char		text[64];
	TimestampTz at;
	bool		set;
} ParsedTime;

static bool
parsed_setting(ParsedTime *cache, const char *name, const char *value, TimestampTz *at)
{
	if (value == NULL || value[0] == '\0')
		return false;
	if (!cache->set || strcmp(cache->text, value) != 0)
	{
		triage_setting_time(name, value, &cache->at);
		strlcpy(cache->text, value, sizeof(cache->text));
		cache->set = strlen(value) < sizeof(cache->text);
	}
	*at = cache->at;
	return true;
}

static bool
moved_clock(TimestampTz *now, TimestampTz *since)
{
	static ParsedTime now_cache;
	static ParsedTime since_cache;

	if (!parsed_setting(&now_cache, "triage.now", triage_now, now))
		return false;
	if (!parsed_setting(&since_cache, "triage.now_since", triage_now_since, since))
		*since = 0;
	return true;
}

bool
triage_clock_is_moved(void)
{
	return triage_now != NULL && triage_now[0] != '\0';
}

TimestampTz
triage_clock(void)
{
	TimestampTz now;
	TimestampTz since;

	if (!moved_clock(&now, &since))
		return GetCurrentTimestamp();
	if (since == 0)
		return now;
	return now + (TimestampTz) ((double) (GetCurrentTimestamp() - since) * triage_time_scale);
}

int64
triage_clock_wait_ms(TimestampTz at)
{
	TimestampTz now = triage_clock();
	double		ms;

	if (at <= now)
		return 0;
	ms = (double) (at - now) / 1000.0;
	if (triage_clock_is_moved())
	{
		if (triage_now_since == NULL || triage_now_since[0] == '\0')
			return -1;
		ms /= triage_time_scale;
	}
	/* round up: waking a little early would mean waking twice */
	return ms > 1e12 ? (int64) 1e12 : (int64) ms + 1;
}

Datum
triage_sql_clock(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(triage_clock());
}
