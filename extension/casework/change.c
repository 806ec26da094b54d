/*
 * change.c
 *	  What an act changed, as its last event tells it.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/timestamp.h"

#include "casework/change.h"

typedef enum Kind
{
	KIND_TEXT,
	KIND_INT,
	KIND_BOOL,
	KIND_TIME
} Kind;

static const struct
{
	CaseColumn	column;
	const char *name;
	Kind		kind;
} told[] = {{CASE_AREA, "area", KIND_TEXT},
			{CASE_LEAD, "lead", KIND_TEXT},
			{CASE_COLOUR, "colour", KIND_TEXT},
			{CASE_DANGER, "danger", KIND_BOOL},
			{CASE_NATURE, "nature", KIND_TEXT},
			{CASE_STATUS, "status", KIND_TEXT},
			{CASE_OUTCOME, "outcome", KIND_TEXT},
			{CASE_PRIORITY, "priority", KIND_INT},
			{CASE_CASE_TYPE, "case_type", KIND_TEXT},
			{CASE_CLOSED_AT, "closed_at", KIND_TIME},
			{CASE_REPORT_COUNT, "report_count", KIND_INT},
			{CASE_DISPATCHED_AT, "dispatched_at", KIND_TIME}};

void
change_begin(Act *act)
{
	StaticAssertStmt(lengthof(told) <= lengthof(act->was), "room for the columns that events tell");
	for (int i = 0; i < (int) lengthof(told); i++)
	{
		act->was_null[i] = case_isnull(&act->row, act->att, told[i].column);
		act->was[i] = case_value(&act->row, act->att, told[i].column);
	}
	for (int i = 0; i < act->nassignments; i++)
	{
		act->assignments[i].was_status = act->assignments[i].status;
		act->assignments[i].was_duty = act->assignments[i].duty;
		act->assignments[i].was_accepted = act->assignments[i].accepted;
	}
	act->at.list_joined = true;
}

static bool
column_changed(const Act *act, int i)
{
	Form_pg_attribute att = TupleDescAttr(act->row.desc, act->att[told[i].column] - 1);
	bool			  isnull = case_isnull(&act->row, act->att, told[i].column);

	if (isnull || act->was_null[i])
		return isnull != act->was_null[i];
	return !datum_image_eq(act->was[i], case_value(&act->row, act->att, told[i].column), att->attbyval,
						   att->attlen);
}

static bool
part_changed(const Assignment *a)
{
	return strcmp(a->status, a->was_status) != 0 || a->accepted != a->was_accepted ||
		   strcmp(a->duty, a->was_duty) != 0;
}

bool
change_any(const Act *act)
{
	if (act->at.joined != NIL)
		return true;
	for (int i = 0; i < act->nassignments; i++)
		if (part_changed(&act->assignments[i]))
			return true;
	for (int i = 0; i < (int) lengthof(told); i++)
		if (column_changed(act, i))
			return true;
	return false;
}

static void
put_column(Act *act, JsonBuild *b, int i)
{
	Datum v = case_value(&act->row, act->att, told[i].column);

	if (case_isnull(&act->row, act->att, told[i].column))
		jb_null(b, told[i].name);
	else if (told[i].kind == KIND_TEXT)
		jb_text(b, told[i].name, TextDatumGetCString(v));
	else if (told[i].kind == KIND_INT)
		jb_int(b, told[i].name, DatumGetInt32(v));
	else if (told[i].kind == KIND_BOOL)
		jb_bool(b, told[i].name, DatumGetBool(v));
	else
		jb_time(b, told[i].name, DatumGetTimestampTz(v));
}

static void
put_moved(JsonBuild *b, const Assignment *a)
{
	bool says_so = strcmp(a->status, "accepted") == 0 || strcmp(a->status, "on_scene") == 0;

	jb_object(b, NULL);
	jb_int(b, "seq", a->seq);
	if (strcmp(a->duty, a->was_duty) != 0)
		jb_text(b, "duty", a->duty);
	jb_text(b, "status", a->status);
	if (a->accepted && !a->was_accepted && !says_so)
		jb_bool(b, "accepted", true);
	jb_end_object(b);
}

static void
put_joined(JsonBuild *b, const Joined *j)
{
	jb_object(b, NULL);
	if (j->parent_seq > 0)
		jb_int(b, "by", j->parent_seq);
	jb_int(b, "seq", j->seq);
	jb_text(b, "duty", duty_names[j->duty]);
	jb_text(b, "status", "offered");
	jb_text(b, "department", j->department);
	jb_end_object(b);
}

void
change_put(Act *act, JsonBuild *b)
{
	bool	  any = false;
	ListCell *lc;

	for (int i = 0; i < (int) lengthof(told); i++)
	{
		if (!column_changed(act, i))
			continue;
		if (!any)
			jb_object(b, "set");
		any = true;
		put_column(act, b, i);
	}
	if (any)
		jb_end_object(b);
	any = act->at.joined != NIL;
	for (int i = 0; i < act->nassignments && !any; i++)
		any = part_changed(&act->assignments[i]);
	if (!any)
		return;
	jb_array(b, "parts");
	for (int i = 0; i < act->nassignments; i++)
		if (part_changed(&act->assignments[i]))
			put_moved(b, &act->assignments[i]);
	foreach(lc, act->at.joined)
		put_joined(b, lfirst(lc));
	jb_end_array(b);
}
