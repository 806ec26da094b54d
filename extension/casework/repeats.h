/*
 * repeats.h
 *	  What counts as a repeat: the rules of triage.repeat_rules, and the
 *	  earlier cases of the same person, place, reference or sensor.
 *
 * Earlier cases are looked up before a case is decided, by indexes; which of
 * them the new one repeats depends on its type, so that is judged afterwards.
 */
#ifndef TRIAGE_CASEWORK_REPEATS_H
#define TRIAGE_CASEWORK_REPEATS_H

#include "rulebook/decide.h"
#include "utils/geo_decls.h"

typedef enum RepeatBy
{
	BY_PERSON,
	BY_PLACE,
	BY_REFERENCE,
	BY_SENSOR,
	BY_MATTER /* no repeat: a likely duplicate */
} RepeatBy;
#define REPEAT_BY_COUNT (BY_MATTER + 1)

typedef struct RepeatRule
{
	const char *code;
	RepeatBy	by;
	const char *case_type; /* NULL = every */
	const char *channel;   /* NULL = every */
	int			days;
	int			radius_m; /* 0 = none */
	double		min_score;
	bool		same_group; /* only cases of the same group of types */
	const char *kind;		/* of the link */
	int			raise_at;	/* from so many repeats on the case is more urgent, 0 = never */
	bool		fold;		/* the report goes to the earlier case, none is made */
} RepeatRule;

/* The rule that holds for a case, NULL = none.  Lives until the rulebook changes. */
extern const RepeatRule *repeat_rule(Book *book, RepeatBy by, const CaseType *type, const char *channel);

/* Who and what a report comes from. */
typedef struct RepeatOf
{
	const Channel *channel;
	int64		   case_id; /* of the case itself, left out */
	const char	  *reporter;
	const char	  *contact;
	const char	  *external_ref;
	const Point	  *location; /* NULL = not known */
	TimestampTz	   at;		 /* earlier ones only */
} RepeatOf;

typedef struct Earlier
{
	int64			case_id;
	RepeatBy		by;
	const CaseType *type;
	TimestampTz		at;
	double			meters; /* by place */
	bool			open;
} Earlier;

typedef struct Repeats
{
	Book		  *book;
	const Channel *channel;
	TimestampTz	   at;
	int			   n;
	Earlier		  *earlier; /* newest first within each kind */
} Repeats;

/* Look them up, in the current context.  Call as owner, with SPI connected. */
extern void repeats_find(Book *book, const RepeatOf *of, Repeats *found);

/* Report.repeats_of: how many cases are repeated; *raise when a rule makes it more urgent. */
extern int repeats_count(void *found, const CaseType *type, bool *raise);

/* The newest open case that the channel's rule says the report belongs to, 0 = none. */
extern int64 repeats_fold(const Repeats *found, const CaseType *type);

/* Has the channel a rule that folds? */
extern bool repeats_may_fold(Book *book, const Channel *channel);

/* Write the links of a case; returns how many were new. */
extern int repeats_link(const Repeats *found, int64 case_id, const CaseType *type, TimestampTz now);

/* Great-circle distance in meters. */
extern double meters_between(const Point *a, const Point *b);
/* Is this a place on Earth? */
extern bool point_is_place(const Point *p);

/*
 * Cells of the grid over the Earth by which places are indexed, about 280 m
 * high: that of a place, and those that a circle touches.
 */
extern int64 grid_cell(const Point *p);
extern int	 grid_cells(const Point *p, int radius_m, int64 *cells, int max);
#define MAX_CELLS 441

#endif
