/*
 * report.h
 *	  report() for callers in C: the SQL function itself, with its arguments by name.
 */
#ifndef TRIAGE_CASEWORK_REPORT_H
#define TRIAGE_CASEWORK_REPORT_H

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

/* Returns the case's row as a composite value; needs no function lookup. */
extern Datum triage_report(PG_FUNCTION_ARGS);

#endif
