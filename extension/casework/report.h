/*
 * report.h
 *	  report() for callers in C: the SQL function itself, with its arguments by name.
 */
#ifndef TRIAGE_CASEWORK_REPORT_H
#define TRIAGE_CASEWORK_REPORT_H

#include "datatype/timestamp.h"
#include "fmgr.h"

enum
{
	REPORT_CHANNEL,
	REPORT_BODY,
	REPORT_AREA,
	REPORT_LOCATION,
	REPORT_ADDRESS,
	REPORT_REPORTER,
	REPORT_CONTACT,
	REPORT_REF,
	REPORT_REPORTED_AT,
	REPORT_TYPE,
	REPORT_ATTRS,
	REPORT_ARGS
};

/* What else callers in C tell, and what they are told. */
typedef struct ReportTaken
{
	/* told: nobody is likely to have taken the reference, so try without looking; 23505 where it was taken */
	bool unclaimed;

	bool		is_new; /* the case was made by this report */
	int64		case_id;
	TimestampTz due_at; /* of a new case: when the matter is due, 0 = no clock runs */
} ReportTaken;

/* Returns the case's row as a composite value; needs no function lookup. */
extern Datum report_take(FunctionCallInfo fcinfo, ReportTaken *taken);

#endif
