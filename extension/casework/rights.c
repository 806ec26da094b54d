/*
 * rights.c
 *	  Who may see and do what.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "base/actor.h"
#include "base/catalog.h"
#include "base/names.h"
#include "base/spi.h"
#include "casework/rights.h"

PG_FUNCTION_INFO_V1(triage_may_see);

/* Nobody is named yet, or our own code answers for who acts. */
static bool
is_open(void)
{
	static KeptPlan plan = {.sql = "SELECT 1 FROM triage.members m LIMIT 1", .nargs = 0};

	return triage_is_vouched() || triage_read(&plan, NULL, NULL) == 0;
}

bool
rights_are_open(Act *act)
{
	return is_open();
}

/*
 * The centre's people see the cases of their areas, the others those that
 * their department takes part in.
 */
bool
rights_may_see(Book *book, int64 case_id)
{
	static KeptPlan plan = {
		.sql = "SELECT c.area, m.duty, m.area, m.department = ANY (ARRAY(SELECT a.department"
			   " FROM triage.assignments a WHERE a.case_id = $1))"
			   " FROM triage.cases c, triage.members m WHERE c.case_id = $1 AND m.role = $2 AND m.active",
		.nargs = 2,
		.types = {INT8OID, TEXTOID}};
	Datum  args[2] = {Int64GetDatum(case_id), CStringGetTextDatum(triage_actor_name())};
	uint64 n;
	bool   isnull;

	if (is_open())
		return true;
	n = triage_read(&plan, args, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		char *area = triage_result_text(i, 1);
		char *duty = triage_result_text(i, 2);
		char *scope = triage_result_text(i, 3);

		if (DatumGetBool(triage_result(i, 4, &isnull)))
			return true;
		if (strcmp(duty, "handler") == 0 || strcmp(duty, "head") == 0)
			continue;
		/* a case whose place is not known is everybody's at the centre */
		if (scope[0] == '\0' || area == NULL ||
			(book_area(book, scope, strlen(scope)) != NULL &&
			 area_within(book_area(book, area, strlen(area)), book_area(book, scope, strlen(scope)))))
			return true;
	}
	return false;
}

bool
rights_case_exists(int64 case_id)
{
	static KeptPlan plan = {.sql = "SELECT 1 FROM triage.cases c WHERE c.case_id = $1",
							.nargs = 1,
							.types = {INT8OID}};
	Datum			args[1] = {Int64GetDatum(case_id)};

	return triage_read(&plan, args, NULL) == 1;
}

/* Has the actor one of the centre's duties? */
static bool
is_centre(bool operators_too)
{
	static KeptPlan plan = {
		.sql = "SELECT 1 FROM triage.members m WHERE m.role = $1 AND m.active"
			   " AND (m.duty IN ('centre', 'admin') OR ($2 AND m.duty = 'operator')) LIMIT 1",
		.nargs = 2,
		.types = {TEXTOID, BOOLOID}};
	Datum args[2] = {CStringGetTextDatum(triage_actor_name()), BoolGetDatum(operators_too)};

	return triage_read(&plan, args, NULL) > 0;
}

static bool
is_member_of(const char *department)
{
	static KeptPlan plan = {.sql = "SELECT 1 FROM triage.members m WHERE m.role = $1 AND m.department = $2"
								   " AND m.active LIMIT 1",
							.nargs = 2,
							.types = {TEXTOID, TEXTOID}};
	Datum			args[2] = {CStringGetTextDatum(triage_actor_name()), CStringGetTextDatum(department)};

	return triage_read(&plan, args, NULL) > 0;
}

bool
rights_acts_for(Act *act, const char *department)
{
	return is_open() || is_member_of(department);
}

bool
rights_complained_about(const CaseRow *row, const AttrNumber *att)
{
	Jsonb *attrs = DatumGetJsonbP(case_value(row, att, CASE_ATTRS));
	char  *department = jb_get_text(attrs, REPORT_COMPLAINS_ABOUT);

	return department != NULL && is_member_of(department);
}

void
rights_hide_caller(CaseRow *row, const AttrNumber *att)
{
	static const CaseColumn personal[] = {CASE_REPORTER, CASE_CONTACT};
	Oid						cases = triage_relid("cases");
	Oid						role = triage_actor();
	bool					whole = pg_class_aclcheck(cases, role, ACL_SELECT) == ACLCHECK_OK;
	bool					about = rights_complained_about(row, att);

	for (int i = 0; i < (int) lengthof(personal); i++)
		if (about ||
			(!whole && pg_attribute_aclcheck(cases, att[personal[i]], role, ACL_SELECT) != ACLCHECK_OK))
			case_set_null(row, att, personal[i]);
}

void
rights_check_duty(Act *act)
{
	bool may;

	if (is_open())
		return;
	if (strcmp(act->duty, "anyone") == 0)
		may = true;
	else if (strcmp(act->duty, "centre") == 0)
		may = is_centre(false);
	else if (strcmp(act->duty, "desk") == 0)
		may = is_centre(true);
	else if (strcmp(act->duty, "lead") == 0)
		may = act->c.lead != NULL && is_member_of(act->c.lead);
	else
	{
		may = false;
		for (int i = 0; i < act->nassignments && !may; i++)
			may = act->assignments[i].live && is_member_of(act->assignments[i].department);
	}
	if (!may)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_RIGHTS),
						errmsg("%s is not yours to do in case %s", act->verb, act->c.number),
						errdetail("It is up to: %s.", act->duty),
						errhint("triage.members says who acts for whom.")));
}

Datum
triage_may_see(PG_FUNCTION_ARGS)
{
	OwnerSwitch sw;
	Book	   *book;
	bool		may = false;

	if (PG_ARGISNULL(0))
		PG_RETURN_BOOL(false);
	triage_owner_begin(&sw);
	book = book_acquire();
	may = rights_may_see(book, PG_GETARG_INT64(0)) && rights_case_exists(PG_GETARG_INT64(0));
	book_release(book);
	triage_owner_end(&sw);
	PG_RETURN_BOOL(may);
}
