/*
 * change.h
 *	  What an act changed, as its last event tells it.
 *
 * An event holds under "set" the columns of the case that its act gave
 * another value, and under "parts" the assignments it made or moved, so that
 * the events of a case, read in order, give its row and its parts again.
 * Columns that are personal, or words, never stand there.
 *
 *	  set	{column: value}, null for none; times in ISO 8601, UTC
 *	  parts	[{seq, status, accepted?}] of those that moved; accepted = true when
 *			it was stamped without being what the status says;
 *			[{seq, status: "offered", department, duty, by?}] of new ones
 *
 * The times of an assignment are the event's `happened_at`, else its `at`,
 * but never before it was offered.
 */
#ifndef TRIAGE_CASEWORK_CHANGE_H
#define TRIAGE_CASEWORK_CHANGE_H

#include "casework/act.h"

/* The row as it was read; call it before anything is changed. */
extern void change_begin(Act *act);

/* Into an open object. */
extern void change_put(Act *act, JsonBuild *b);

/* Is there anything to put? */
extern bool change_any(const Act *act);

#endif
