/*
 * duty_sql.c
 *	  Who is on duty, for SQL.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/compat.h"
#include "base/names.h"
#include "rulebook/duty.h"

PG_FUNCTION_INFO_V1(triage_duty_shifts);
PG_FUNCTION_INFO_V1(triage_mode_in_force);

/* More shifts of one department are not on at one time. */
#define MAX_ON_DUTY 200

/* The instant asked about: NULL = now. */
static TimestampTz
instant(FunctionCallInfo fcinfo, int arg)
{
	TimestampTz at = PG_ARGISNULL(arg) ? triage_clock() : PG_GETARG_TIMESTAMPTZ(arg);

	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("argument \"at\" must be a finite time")));
	return at;
}

static Department *
department_argument(FunctionCallInfo fcinfo, Book *book)
{
	char	   *code;
	Department *d;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("argument \"department\" must not be null"),
						errhint("Give a code listed in triage.departments.")));
	code = text_to_cstring(PG_GETARG_TEXT_PP(0));
	d = book_department(book, code, strlen(code));
	if (d == NULL)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("department \"%s\" does not exist", code),
						errdetail("There is no active row with this code in triage.departments."),
						errhint("Use a code listed in triage.departments.")));
	return d;
}

static Datum
text_or_null(const char *text, bool *isnull)
{
	*isnull = text == NULL;
	return text ? CStringGetTextDatum(text) : (Datum) 0;
}

/* duty_shifts(department, at, chair) */
Datum
triage_duty_shifts(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TimestampTz	   at = instant(fcinfo, 1);
	Book		  *book = book_acquire();
	Department	  *d = department_argument(fcinfo, book);
	OnDuty		  *found = palloc(MAX_ON_DUTY * sizeof(OnDuty));
	int			   n = duty_find(book, d, at, !PG_ARGISNULL(2) && PG_GETARG_BOOL(2), found, MAX_ON_DUTY);

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < n; i++)
	{
		const DutyShift *s = found[i].shift;
		Datum			 values[6];
		bool			 nulls[6] = {false};

		values[0] = CStringGetTextDatum(s->code);
		values[1] = CStringGetTextDatum(s->team);
		values[2] = text_or_null(s->skill, &nulls[2]);
		values[3] = TimestampTzGetDatum(found[i].time.start);
		values[4] = TimestampTzGetDatum(found[i].time.end);
		values[5] = text_or_null(s->mode ? s->mode->code : NULL, &nulls[5]);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	book_release(book);
	return (Datum) 0;
}

/* mode_in_force(area, at) */
Datum
triage_mode_in_force(PG_FUNCTION_ARGS)
{
	TimestampTz		at = instant(fcinfo, 1);
	Book		   *book = book_acquire();
	Area		   *area = NULL;
	const DutyMode *mode;
	Datum			result = (Datum) 0;

	if (!PG_ARGISNULL(0))
	{
		char *code = text_to_cstring(PG_GETARG_TEXT_PP(0));

		area = book_area(book, code, strlen(code));
		if (area == NULL)
			ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("area \"%s\" does not exist", code),
							errdetail("There is no active row with this code in triage.areas."),
							errhint("Use a code listed in triage.areas.")));
	}
	mode = mode_in_force(book, area, at);
	if (mode != NULL)
		result = CStringGetTextDatum(mode->code);
	book_release(book);
	if (mode == NULL)
		PG_RETURN_NULL();
	return result;
}
