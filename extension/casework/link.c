/*
 * link.c
 *	  link_case(): a person ties two cases.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/names.h"
#include "casework/act.h"
#include "casework/rights.h"

PG_FUNCTION_INFO_V1(triage_link_case);

static void
check_kind(const char *kind)
{
	static const char *const kinds[] = {"duplicate", "related", "follow_up", "part_of"};

	for (int i = 0; i < (int) lengthof(kinds); i++)
		if (strcmp(kind, kinds[i]) == 0)
			return;
	ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("kind of link \"%s\" does not exist", kind),
					errdetail("A link says how two cases belong together."),
					errhint("Use duplicate, related, follow_up or part_of.")));
}

static bool
put_link(const Act *act, int64 other, const char *kind)
{
	static KeptPlan plan = {.sql = "INSERT INTO triage.links (case_id, linked_case, kind, at)"
								   " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
							.nargs = 4,
							.types = {INT8OID, INT8OID, TEXTOID, TIMESTAMPTZOID}};
	Datum			args[4] = {Int64GetDatum(act->c.case_id), Int64GetDatum(other), CStringGetTextDatum(kind),
							   TimestampTzGetDatum(act->now)};

	return triage_run(&plan, args, NULL, SPI_OK_INSERT) == 1;
}

/* link_case(case_id, other_case, kind, note) */
Datum
triage_link_case(PG_FUNCTION_ARGS)
{
	Act	  act;
	int64 other;
	char *kind = text_argument(fcinfo, 2);

	need_argument(fcinfo, 0, "case_id");
	need_argument(fcinfo, 1, "other_case");
	need_argument(fcinfo, 2, "kind");
	check_kind(kind);
	other = PG_GETARG_INT64(1);
	act_begin(&act, "link_case", PG_GETARG_INT64(0), text_argument(fcinfo, 3));
	if (!act.repeated)
	{
		if (!rights_may_see(act.book, other) || !rights_case_exists(other))
			act_no_such_case(other);
		if (other == act.c.case_id)
			ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN),
							errmsg("case %s cannot be linked with itself", act.c.number),
							errdetail("Both arguments name the same case."), errhint("Name another case.")));
		if (!put_link(&act, other, kind))
			ereport(ERROR, (errcode(TRIAGE_ERRCODE_STATE),
							errmsg("case %s is linked with case %lld in this way already", act.c.number,
								   (long long) other),
							errdetail("A link of one kind stands once."),
							errhint("triage.explain_json() lists the links of a case.")));
		jb_int(&act.data, "other_case", other);
		jb_text(&act.data, "kind", kind);
	}
	PG_RETURN_DATUM(act_end(&act));
}
