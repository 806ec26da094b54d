/*
 * intake_row.h
 *	  What the ways into triage.cases have in common: the triggers, for whoever
 *	  inserts, and report(), which writes its row itself.
 */
#ifndef TRIAGE_CASEWORK_INTAKE_ROW_H
#define TRIAGE_CASEWORK_INTAKE_ROW_H

#include "casework/caserow.h"
#include "casework/intake.h"

/* Columns that intake alone fills, whatever the row said; TR005 for a time that cannot be. */
extern void intake_row_basics(CaseRow *row, const AttrNumber *att, const Book *book, TimestampTz now);

/* The report that the row makes; every error that its reporter can make. */
extern void intake_row_report(Book *book, CaseRow *row, const AttrNumber *att, TimestampTz now, Report *r);

/* Write the decision into the row. */
extern void
intake_row_decided(CaseRow *row, const AttrNumber *att, const Book *book, const Decision *d, TimestampTz now);

/*
 * All rows that follow from a finished one.  coming = what report() told of
 * it, NULL for an INSERT.  Returns when the matter is due, 0 = no clock runs.
 */
extern TimestampTz
intake_row_follow(Writer *w, Book *book, const CaseRow *row, const AttrNumber *att, const Report *r,
				  const Decision *d, TimestampTz now, const char *actor, const NextCase *coming);

/*
 * Write the case of a report and all that follows from it, as an INSERT would
 * whose triggers are ours alone; the row is finished, coming->due_at set.
 * Returns false, and has done nothing, where it takes an INSERT: the table has
 * triggers, rules, columns or checks of this installation.
 */
extern bool intake_row_put(Book *book, CaseRow *row, NextCase *coming);

#endif
