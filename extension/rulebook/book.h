/*
 * book.h
 *	  The compiled rulebook: one version of all configuration, in memory.
 *
 * A book is read-only once built, apart from what is compiled when first
 * reached (conditions) and small memos.  Everything it points to lives in its
 * own memory context.  Rows that are not active, or whose codes lead nowhere,
 * are not in the book; lint() names them.
 */
#ifndef TRIAGE_RULEBOOK_BOOK_H
#define TRIAGE_RULEBOOK_BOOK_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "pgtime.h"
#include "utils/geo_decls.h"
#include "utils/palloc.h"
#include "utils/snapshot.h"

#include "rulebook/condition.h"
#include "text/terms.h"
#include "worktime/calendar.h"
#include "worktime/roster.h"

/* Lookup by code in an array of structs whose first member is the code. */
typedef struct CodeIndex
{
	char  *base;
	size_t stride;
	uint32 mask;
	int32 *slots; /* index into base, -1 = free */
} CodeIndex;

extern void	 code_index_build(CodeIndex *index, void *base, size_t stride, int n, MemoryContext mcxt);
extern void *code_index_find(const CodeIndex *index, const char *code, int len);

typedef enum Nature
{
	NATURE_POLICE,
	NATURE_NONPOLICE,
	NATURE_JOINT,
	NATURE_UNDETERMINED
} Nature;

typedef enum Stage
{
	STAGE_TRIAGE,
	STAGE_ACCEPT,
	STAGE_ARRIVE,
	STAGE_FEEDBACK,
	STAGE_RESOLVE,
	STAGE_RING_BACK,
	STAGE_ASSIST,
	STAGE_RETURN_REQUEST, /* no clock: how long after the offer a return may be asked for */
	STAGE_RETURN,		  /* the centre decides on a return */
	STAGE_WHISTLE,		  /* a unit called for answers */
	STAGE_HAND_OVER,	  /* the other side acknowledges */
	STAGE_REVIEW,		  /* the centre looks at a result */
	STAGE_REDO,			  /* a result that was sent back is done again */
	STAGE_CALL_BACK,	  /* the return call */
	STAGE_SUSPENDED		  /* until the review date of a suspended case */
} Stage;
#define STAGE_COUNT (STAGE_SUSPENDED + 1)

extern const char *const nature_names[];
extern const char *const stage_names[];

typedef struct Area
{
	const char	*code;
	const char	*zh;
	const char	*level;
	const char	*parent_code;
	const char	*initials; /* of its name in pinyin, folded; NULL = not given */
	struct Area *parent;   /* NULL at the root */
	int			 depth;	   /* 0 = root */
	bool		 urban;
} Area;

/* What may be in force beside the ordinary: typhoon, exam week, a big event. */
typedef struct DutyMode
{
	const char *code;
	int			rank; /* of several in force the highest counts */
} DutyMode;

/* When and where a mode was, is or will be in force. */
typedef struct ModePeriod
{
	DutyMode   *mode;
	Area	   *area; /* NULL = everywhere */
	TimestampTz since;
	TimestampTz until;
} ModePeriod;

typedef struct Department
{
	const char		 *code;
	const char		 *kind;
	const char		 *zh;
	const char		 *superior; /* kind, NULL = none */
	const char		 *endpoint;
	const char		 *area_code;
	Area			 *area;
	int				  nshifts; /* who is on duty, see duty.h; 0 = it has no roster and is always there */
	int				  nchairs; /* whose turn it is to take the chair */
	struct DutyShift *shifts;
	struct DutyShift *chairs;
} Department;

typedef enum ChannelKind
{
	CHANNEL_VOICE,
	CHANNEL_WRITTEN,
	CHANNEL_GRID,
	CHANNEL_SENSOR,
	CHANNEL_MODEL,
	CHANNEL_WALK_IN,
	CHANNEL_HOST
} ChannelKind;

typedef struct Channel
{
	const char *code;
	const char *zh;
	ChannelKind kind;
	Area	   *area;
	const char *department; /* code or kind of its desk */
	const char *endpoint;
	bool		confirm_danger;
	bool		needs_caller;
	bool		allows_anonymous;
	int64		fold_us; /* 0 = reports are not folded */
} Channel;

/* Must the citizen be called when the matter is done? */
typedef enum CallBack
{
	CALLBACK_NONE,
	CALLBACK_SAMPLE,
	CALLBACK_REQUIRED
} CallBack;

typedef struct CaseType
{
	const char		*code;
	const char		*zh;
	const char		*en;
	const char		*initials; /* of its name in pinyin, folded; NULL = not given */
	const char		*parent_code;
	struct CaseType *parent;
	int				 index; /* own place in the array: scores are kept by it */
	int				 depth;
	Nature			 nature;
	int				 priority;
	bool			 scene;
	bool			 fallback;
	CallBack		 callback;
	bool			 linked; /* routes and policies are collected when first asked for: book_rules_of() */
	struct Route   **routes; /* own and inherited, best first; see route.c */
	int				 nroutes;
	struct Policy  **policies[STAGE_COUNT]; /* own and inherited by priority, best first */
	int				 npolicies[STAGE_COUNT];
} CaseType;

typedef enum TermKind
{
	TERM_INCLUDE,
	TERM_EXCLUDE,
	TERM_ESCALATE,
	TERM_CONTEXT
} TermKind;

/* What a context word says of a term beside it; of several the first in this order is told. */
typedef enum ContextKind
{
	CONTEXT_NEGATION, /* it is not so */
	CONTEXT_FIGURE,	  /* it is only said so */
	CONTEXT_DRILL,	  /* it is played, taught or shown */
	CONTEXT_SUPPOSED, /* it might be so */
	CONTEXT_QUESTION, /* somebody asks about it */
	CONTEXT_PAST,	  /* it was so */
	CONTEXT_PRESENT,  /* it is so now: takes away the three before */
	CONTEXT_PLAIN,	  /* says nothing: hides shorter context words inside it */
	CONTEXT_TURN	  /* "but": nothing reaches across it; not in the matcher */
} ContextKind;

extern const char *const context_names[];

/* Where a context word stands, seen from the term it concerns. */
typedef enum ContextStands
{
	STANDS_BEFORE,
	STANDS_AFTER,
	STANDS_AROUND, /* before or after */
	STANDS_OVER	   /* holds the term inside itself */
} ContextStands;

/*
 * Terms and place names count from the book's arrays instead of pointing into
 * them: they are most of a book, sessions share them in memory that lies
 * elsewhere in each (shared.h).
 */
typedef struct Term
{
	uint32 text;   /* folded, see term_text() */
	uint16 len;	   /* bytes: a term has 100 characters at most, folding makes 18 of one at most */
	uint16 weight; /* half characters: a Han character counts 2, an ASCII one 1 */
	int32  type;   /* see term_type(); -1 for context words */
	uint8  kind;   /* TermKind */
	/* for context words */
	uint8 context : 4;		  /* ContextKind */
	uint8 stands : 3;		  /* ContextStands */
	bool  whole_sentence : 1; /* reaches across commas */
	uint8 reach;			  /* characters between it and the term */
} Term;

typedef enum Duty
{
	DUTY_LEAD,
	DUTY_ASSIST,
	DUTY_ON_SCENE,
	DUTY_BACKUP,
	DUTY_EXPERT,
	DUTY_AGENT
} Duty;

extern const char *const duty_names[];

typedef struct RouteParty
{
	int			seq;
	const char *department; /* code; NULL when a relation is given */
	const char *relation;	/* kind of unit, found by the case's area */
	const char *skill;		/* wanted of who is on duty; NULL = any */
	Duty		duty;
} RouteParty;

typedef struct Route
{
	const char *code;
	const char *type_code;
	const char *area_code;
	const char *zh;
	const char *condition_text;	 /* NULL = always */
	Condition  *condition;		 /* compiled when first reached */
	const char *condition_error; /* why it cannot be, once that was tried */
	CaseType   *type;			 /* NULL = every type */
	Area	   *area;			 /* NULL = everywhere */
	int			precedence;
	int			nparties;
	RouteParty *parties; /* lead first, then by seq */
} Route;

typedef enum LimitUnit
{
	UNIT_MIN,
	UNIT_HOUR,
	UNIT_DAY,
	UNIT_WORK_HOUR,
	UNIT_WORK_DAY
} LimitUnit;

extern const char *const unit_names[];

typedef struct Calendar
{
	const char	*code;
	int			 version;
	pg_tz		*zone;
	WorkCalendar work;

	/* rows as read; link_calendars() makes `work` of them */
	int					  nhours;
	struct CalendarHours *hours;
	int					  ndays;
	struct CalendarDay	 *days;
} Calendar;

typedef enum StepAction
{
	ACTION_REMIND,
	ACTION_URGE,
	ACTION_SUPERVISE,
	ACTION_ESCALATE,
	ACTION_POLICE_BACKUP,
	ACTION_ALERT
} StepAction;

extern const char *const action_names[];

typedef struct LadderStep
{
	int			step;
	int			percent;
	int			late_amount; /* 0 = percent alone counts */
	LimitUnit	late_unit;
	const char *colour; /* NULL = leaves the colour */
	StepAction	action;
	const char *target;
	int64		repeat_us;	   /* 0 = once */
	bool		repeat_danger; /* repeats for dangerous cases only */
	const char *zh;
	const char *en;
} LadderStep;

typedef struct Ladder
{
	const char *code;
	int			nsteps;
	LadderStep *steps; /* ascending by step */
} Ladder;

typedef struct Policy
{
	const char *code;
	Stage		stage;
	const char *type_code;
	const char *area_code;
	const char *calendar_code;
	const char *ladder_code;
	const char *mode_code;
	Area	   *area;
	DutyMode   *mode;	  /* NULL = in every mode */
	int			priority; /* 0 = any */
	int			urban;	  /* -1 = any */
	int			danger;	  /* -1 = any */
	int			amount;
	LimitUnit	unit;
	Calendar   *calendar; /* NULL for elapsed time */
	Ladder	   *ladder;

	/* memo of the last limit computed: rows of one statement start together */
	TimestampTz memo_start;
	TimestampTz memo_due;
	TimestampTz memo_step;
} Policy;

typedef struct Endpoint
{
	const char *code;
	const char *format;
} Endpoint;

typedef struct Outcome
{
	const char	*code;
	const char	*zh;
	bool		 settled;
	int			 nrequires;
	const char **requires;
} Outcome;

/* A department found by (kind, area). */
typedef struct KindIndex
{
	uint32		 mask;
	Department **slots;
} KindIndex;

typedef struct Book
{
	MemoryContext mcxt;

	int64		  version; /* 0 = nothing configured */
	unsigned char digest[16];

	int		  nareas;
	Area	 *areas;
	CodeIndex area_index;
	Area	 *root_area;

	int			ndepartments;
	Department *departments;
	CodeIndex	department_index;
	KindIndex	kind_index;

	int		  nchannels;
	Channel	 *channels;
	CodeIndex channel_index;

	int		  ntypes;
	CaseType *types;
	CodeIndex type_index;
	CaseType  any_type; /* carries routes and policies for undecided cases */

	const char *pool; /* texts of terms and place names, each terminated */
	size_t		pool_len;

	int			 nterms; /* context words among them */
	const Term	*terms;
	TermMatcher *term_matcher;
	int			 nturns;
	const Term **turns; /* words of kind turn */

	int						nplaces;
	const struct PlaceName *places;
	TermMatcher			   *place_matcher;

	int				 nboundaries;
	struct Boundary *boundaries; /* see boundary.c */
	bool			 boundaries_ready;

	int		  nroutes;
	Route	 *routes;
	CodeIndex route_index;

	int		  npolicies;
	Policy	 *policies;
	CodeIndex policy_index;

	int		  ncalendars;
	Calendar *calendars;
	CodeIndex calendar_index;
	Calendar *local_calendar; /* gives local time and working time for the facts */

	int		  nmodes;
	DutyMode *modes;
	CodeIndex mode_index;

	int			nperiods;
	ModePeriod *periods;

	int				  nduty_shifts; /* by department, those of a chair after the others */
	struct DutyShift *duty_shifts;

	int		  nladders;
	Ladder	 *ladders;
	CodeIndex ladder_index;

	int		  nendpoints;
	Endpoint *endpoints;
	CodeIndex endpoint_index;

	int		  noutcomes;
	Outcome	 *outcomes;
	CodeIndex outcome_index;

	/* scratch of the matcher, grown when a text has more hits */
	TermHit *hits;
	uint32	 max_hits;
	int		*scores; /* by case type, all zero between uses */

	/* the learned model that takes part; NULL = none */
	const char		  *model;
	int				   model_version;
	const char		  *model_digest; /* of its value */
	struct ModelTypes *model_types;	 /* see learned.c; NULL = nobody asked yet */

	struct TermTraits *traits; /* by term, see traits.c; NULL = nobody asked yet */
} Book;

/* A name by which an area is called. */
typedef struct PlaceName
{
	uint32 text; /* folded, see place_text() */
	uint32 len : 31;
	bool   is_name : 1; /* its official name, not an alias */
	int32  area;		/* see place_area() */
	uint32 initials;	/* of an alias, in pinyin, folded; 0 = none, else see place_note() */
	uint32 houses; /* which house numbers of a road are meant, see place.c; 0 = all, else see place_note() */
} PlaceName;

static inline const char *
term_text(const Book *book, const Term *t)
{
	return book->pool + t->text;
}

/* NULL for context words */
static inline CaseType *
term_type(const Book *book, const Term *t)
{
	return t->type < 0 ? NULL : &book->types[t->type];
}

static inline const char *
place_text(const Book *book, const PlaceName *p)
{
	return book->pool + p->text;
}

static inline Area *
place_area(const Book *book, const PlaceName *p)
{
	return &book->areas[p->area];
}

/* A place's initials or houses; NULL when there are none. */
static inline const char *
place_note(const Book *book, uint32 at)
{
	return at == 0 ? NULL : book->pool + at;
}

/* The outline of an area. */
typedef struct Boundary
{
	Area	   *area;
	const char *points; /* n pairs of doubles, x and y, at any address */
	int			n;
	Point	   *at;	  /* the same, aligned; NULL until first needed */
	double		size; /* in square degrees */
	BOX			box;
} Boundary;

/* boundary.c: the smallest area whose outline holds the point; NULL when none does */
extern Area *boundary_find(Book *book, const Point *p);
/* The middle of an area's outline, palloc'd; NULL when it has none. */
extern Point *boundary_centre(Book *book, const Area *area);

/*
 * The newest committed rules, plus this transaction's own.  The book stays
 * as it is until book_release(); at the end of the transaction all holds end
 * by themselves.
 */
extern Book *book_acquire(void);
extern void	 book_release(Book *book);
extern void	 book_init(void);

/* A book of one's own, built anew; the caller deletes its mcxt. */
extern Book *book_build_private(bool use_image);
extern Book *book_build_from_tables(Snapshot snapshot);

/* load.c: fill an empty book from what `snapshot` sees; use_image = false: from the tables themselves */
extern void book_load(Book *book, Snapshot snapshot, bool use_image);

#define book_area(b, code, len)		  ((Area *) code_index_find(&(b)->area_index, (code), (len)))
#define book_department(b, code, len) ((Department *) code_index_find(&(b)->department_index, (code), (len)))
#define book_channel(b, code, len)	  ((Channel *) code_index_find(&(b)->channel_index, (code), (len)))
#define book_type(b, code, len)		  ((CaseType *) code_index_find(&(b)->type_index, (code), (len)))
#define book_route(b, code, len)	  ((Route *) code_index_find(&(b)->route_index, (code), (len)))
#define book_calendar(b, code, len)	  ((Calendar *) code_index_find(&(b)->calendar_index, (code), (len)))
#define book_mode(b, code, len)		  ((DutyMode *) code_index_find(&(b)->mode_index, (code), (len)))
#define book_ladder(b, code, len)	  ((Ladder *) code_index_find(&(b)->ladder_index, (code), (len)))
#define book_endpoint(b, code, len)	  ((Endpoint *) code_index_find(&(b)->endpoint_index, (code), (len)))
#define book_outcome(b, code, len)	  ((Outcome *) code_index_find(&(b)->outcome_index, (code), (len)))

/* What the clock on the wall of the town shows: year, month, day, hour, minute, second; UTC while there is no calendar. */
extern void book_wall_clock(const Book *book, TimestampTz at, struct pg_tm *tm);

/* Is `inner` the area `outer` or a part of it?  outer = NULL: everywhere. */
extern bool area_within(const Area *inner, const Area *outer);

/*
 * The unit of a kind that answers for an area: for the area itself and then
 * each one above it, the kind, then its superior kinds.  NULL when there is
 * none anywhere.
 */
extern Department *book_unit(const Book *book, const char *kind, Area *area);

/* Fill the (kind, area) index; of two units of one kind in one area the first by code counts. */
extern void kind_index_build(Book *book);

/* The unit above a department, NULL at the top. */
extern Department *book_superior(const Book *book, const Department *department, Area *area);

/* The governance centre that owns what nobody else does; raises TR004 when none is configured. */
extern Department *book_centre(const Book *book, Area *area);

#define KIND_CENTRE	   "SGC_C"
#define KIND_COMMANDER "SGC_C"
#define KIND_POLICE	   "T_PS"

/* The type with its routes and policies; NULL = the rules of cases without a type. */
extern const CaseType *book_rules_of(Book *book, const CaseType *type);

/* Find the terms in a folded text: fills book->hits, in the order of terms_find(); returns how many. */
extern uint32 book_find_terms(Book *book, const char *folded, size_t len);

/* The matcher of place names. */
extern const TermMatcher *book_place_matcher(Book *book);

/* Fold text as terms are folded; the result is palloc'd unless it is empty. */
extern char *book_fold(const char *text, size_t len, size_t *folded_len);

#endif
