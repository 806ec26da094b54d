/*
 * condition.h
 *	  Route conditions: boolean SQL expressions over a fixed list of facts.
 *
 * A condition is parsed by the server's parser and run by its executor, but
 * only what condition.c lists is let through; see there.  The same text and
 * the same facts give the same answer in every session: neither search_path
 * nor time zone, date style or collation of the session or database matter.
 */
#ifndef TRIAGE_RULEBOOK_CONDITION_H
#define TRIAGE_RULEBOOK_CONDITION_H

#include "utils/palloc.h"

/* What a condition may ask about, in the order of fact_info[]. */
typedef enum FactId
{
	FACT_CHANNEL,
	FACT_CASE_TYPE,
	FACT_CASE_GROUP,
	FACT_NATURE,
	FACT_PRIORITY,
	FACT_DANGER,
	FACT_AREA,
	FACT_AREA_LEVEL,
	FACT_LOCAL_TIME,
	FACT_LOCAL_DATE,
	FACT_WEEKDAY, /* 1 = Monday .. 7 */
	FACT_WORKDAY,
	FACT_IN_WORKTIME,
	FACT_HAS_LOCATION,
	FACT_REPEATS,
	FACT_CONFIDENCE,
	FACT_BODY_LENGTH,
	FACT_ATTRS,
	FACT_MODE
} FactId;
#define FACT_COUNT (FACT_MODE + 1)

typedef struct FactInfo
{
	const char *name;
	Oid			type;
} FactInfo;

extern const FactInfo fact_info[FACT_COUNT];

/* Values of the types in fact_info[]; a fact that is not known is null. */
typedef struct Facts
{
	Datum value[FACT_COUNT];
	bool  isnull[FACT_COUNT];
} Facts;

/* The fact of this name, -1 = there is none. */
extern int fact_find(const char *name);

/*
 * Does the text say one date or time of day for ever, "2026-10-01" or
 * "08:30[:00[.000000]]"?  `type` is date or time.  The server's own input
 * functions also take "today" and the like, and other orders of the parts.
 */
extern bool fact_text_is_fixed(Oid type, const char *text);

#define CONDITION_MAX_CHARS 2000
#define CONDITION_MAX_NODES 200

typedef struct Condition Condition;

/*
 * Compile a condition into a context of its own under `parent`.
 *
 * Whatever is wrong with the text is raised as TR004: what, where (also as
 * internal error position with the text as internal query), and what to write
 * instead.  Other errors (cancel, out of memory) pass through as they are.
 * Needs a transaction, as it reads system catalogs.
 */
extern Condition *condition_compile(const char *source, MemoryContext parent);
extern void		  condition_free(Condition *condition);

/*
 * Do the facts meet the condition?  A null result is false.
 *
 * A condition may fail on its facts: division by zero, overflow, a cast of an
 * attribute that is no number.  Such errors are raised with the server's
 * SQLSTATE; who must not fail calls this in a subtransaction.
 */
extern bool condition_eval(Condition *condition, const Facts *facts);

/* For lint: size, the facts asked for as bits 1 << FactId, and whether it is the same for all facts. */
extern int	  condition_node_count(const Condition *condition);
extern uint32 condition_facts_used(const Condition *condition);
extern bool	  condition_is_constant(const Condition *condition, bool *value);

#endif
