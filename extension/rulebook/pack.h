/*
 * pack.h
 *	  Where a row of a rule pack stands, and how it is refused.
 */
#ifndef TRIAGE_RULEBOOK_PACK_H
#define TRIAGE_RULEBOOK_PACK_H

#include "utils/jsonb.h"

/* Where a row of a pack or document stands, for messages. */
typedef struct PackPlace
{
	const char *pack;	  /* NULL = the rules of the installation itself */
	const char *relation; /* table, and name of its file */
	bool		in_file;
	int			number; /* line of the file, or position in the document's array, from 1 */
} PackPlace;

/* Raise TR004: the row (may be NULL) is refused for this reason; hint may be NULL. */
extern void pack_refuse(const PackPlace *place, Jsonb *row, const char *reason, const char *hint);

/*
 * In a PG_CATCH block: raise what was caught as a refusal if the row is to
 * blame, else as it is.  `what` stands before the reason; nothing of the failed
 * work goes on, so no subtransaction is needed.
 */
extern void pack_refuse_caught(const PackPlace *place, Jsonb *row, const char *what, const char *hint,
							   MemoryContext mcxt);

#endif
