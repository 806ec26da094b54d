/*
 * condition_check.h
 *	  What condition.c asks of condition_raw.c and condition_check.c.  Not for
 *	  others.
 */
#ifndef TRIAGE_RULEBOOK_CONDITION_CHECK_H
#define TRIAGE_RULEBOOK_CONDITION_CHECK_H

#include "parser/parse_node.h"

#include "base/names.h"
#include "rulebook/condition.h"

/* A string literal of the condition, to find out later what a date was written as. */
typedef struct ConditionLiteral
{
	int			location;
	const char *text;
} ConditionLiteral;

typedef struct ConditionChecker
{
	ParseState		*pstate;
	int				 nodes;
	uint32			 facts_used;
	int				 nliterals;
	ConditionLiteral literals[CONDITION_MAX_NODES];
} ConditionChecker;

/* Raise TR004 at a place in the condition; the message's format comes last. */
#define condition_refuse(c, location, hint, ...)                                            \
	ereport(ERROR, (errcode(TRIAGE_ERRCODE_RULE), errmsg(__VA_ARGS__), errhint("%s", hint), \
					parser_errposition((c)->pstate, (location))))

/* for whatever has no better hint */
#define CONDITION_HINT \
	"A condition compares facts with constants, for instance: case_type ^@ 'C07' and priority <= 2."

#define CONDITION_DATE_HINT \
	"Write dates as '2026-10-01' and times of day as '08:30' or '08:30:00', and compare them with local_date and local_time."

/* After raw parsing: the statement's one expression, with all names qualified. */
extern Node *condition_check_raw(ConditionChecker *c, List *parsed);

/* The types that may be named, as a hint. */
extern char *condition_type_hint(void);

/* After parse analysis: every node, type and function.  Sets facts_used, and collation "C". */
extern void condition_check_expr(ConditionChecker *c, Node *expr);

#endif
