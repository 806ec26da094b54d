/*
 * worktime_sql.c
 *	  Working-time arithmetic for SQL.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/names.h"
#include "rulebook/book.h"

PG_FUNCTION_INFO_V1(triage_add_worktime);
PG_FUNCTION_INFO_V1(triage_worktime_between);
PG_FUNCTION_INFO_V1(triage_next_opening);

static void
need(FunctionCallInfo fcinfo, int arg, const char *name)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("argument \"%s\" must not be null", name),
						errhint("Give a value for \"%s\".", name)));
}

static Calendar *
calendar_argument(FunctionCallInfo fcinfo, int arg, Book *book)
{
	char	 *code;
	Calendar *c;

	need(fcinfo, arg, "calendar");
	code = text_to_cstring(PG_GETARG_TEXT_PP(arg));
	c = book_calendar(book, code, strlen(code));
	if (c == NULL)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("calendar \"%s\" does not exist", code),
						errhint("Use a code listed in triage.calendars.")));
	return c;
}

static TimestampTz
time_argument(FunctionCallInfo fcinfo, int arg, const char *name)
{
	TimestampTz at;

	need(fcinfo, arg, name);
	at = PG_GETARG_TIMESTAMPTZ(arg);
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
						errmsg("argument \"%s\" must be a finite time", name)));
	return at;
}

Datum
triage_add_worktime(PG_FUNCTION_ARGS)
{
	TimestampTz start = time_argument(fcinfo, 0, "start");
	Interval   *amount;
	int64		us;
	Book	   *book;
	int64		at;

	need(fcinfo, 1, "amount");
	amount = PG_GETARG_INTERVAL_P(1);
	if (amount->month != 0 || amount->day < 0 || amount->time < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"amount\" must be an amount of working time"),
						errdetail("Months have no length in working time, and it must not be negative."),
						errhint("Give hours, for example interval '12 hours'.")));
	if (amount->day > 36600 || amount->time > INT64_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_INTERVAL_FIELD_OVERFLOW), errmsg("argument \"amount\" is out of range"),
				 errdetail("It must be less than a century."),
				 errhint("Give hours, for example interval '12 hours'.")));
	us = amount->time + amount->day * USECS_PER_DAY;
	book = book_acquire();
	at = work_add(&calendar_argument(fcinfo, 2, book)->work, start, us);
	book_release(book);
	if (at == WORK_NEVER)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(at);
}

Datum
triage_worktime_between(PG_FUNCTION_ARGS)
{
	TimestampTz a = time_argument(fcinfo, 0, "a");
	TimestampTz b = time_argument(fcinfo, 1, "b");
	Book	   *book = book_acquire();
	Interval   *result = palloc0(sizeof(Interval));

	result->time = work_between(&calendar_argument(fcinfo, 2, book)->work, a, b);
	book_release(book);
	PG_RETURN_INTERVAL_P(result);
}

Datum
triage_next_opening(PG_FUNCTION_ARGS)
{
	TimestampTz at = time_argument(fcinfo, 0, "at");
	Book	   *book = book_acquire();
	int64		opening = work_next_opening(&calendar_argument(fcinfo, 1, book)->work, at);

	book_release(book);
	if (opening == WORK_NEVER)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(opening);
}
