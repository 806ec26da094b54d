/*
 * condition_check.h
 *	  What condition.c asks of condition_check.c.  Not for others.
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

/* After raw parsing: the statement's one expression, with all names qualified. */
extern Node *condition_check_raw(ConditionChecker *c, List *parsed);

/* After parse analysis: every node, type and function.  Sets facts_used, and collation "C". */
extern void condition_check_expr(ConditionChecker *c, Node *expr);

#endif
