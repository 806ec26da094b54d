/*
 * decide.h
 *	  From a report to a decision: what it is, where, whose, by when.
 *
 * The same facts and the same book give the same decision.  Nothing here
 * reads the clock, a table or a setting other than what Report brings.
 */
#ifndef TRIAGE_RULEBOOK_DECIDE_H
#define TRIAGE_RULEBOOK_DECIDE_H

#include "rulebook/book.h"
#include "utils/jsonb.h"

/* What is known about a report before anything is decided. */
typedef struct Report
{
	Channel		*channel;
	const char	*body; /* as received; may be NULL on voice channels */
	size_t		 body_len;
	const char	*address; /* may be NULL */
	size_t		 address_len;
	Area		*area;		 /* given by the reporter; NULL = find it */
	bool		 area_kept;	 /* area is what an earlier decision of this case found */
	CaseType	*given_type; /* chosen by an operator; NULL = find it */
	const Point *location;	 /* x = longitude, y = latitude, on earth; may be NULL */
	/* how many earlier reports one of this type repeats, and does that make it more urgent?  NULL = none */
	int (*repeats_of)(void *arg, const CaseType *type, bool *raise);
	void	   *repeats_arg;
	TimestampTz at;				  /* when the clocks start */
	Jsonb	   *attrs;			  /* may be NULL */
	double		min_confidence;	  /* below it a person decides */
	double		police_share;	  /* share of police terms above which a person decides */
	double		model_confidence; /* probability below which a person decides, where a model takes part */
	/* probability of police matters above which a person looks at what would go to a department */
	double		 model_police;
	bool		 terms_only; /* ask no model */
	const float *opinion;	 /* by type: what to take for the model's word; NULL = ask the model in use */
	bool		 confirmed;	 /* a person has looked: danger needs no second look */
	/* it has signed for this case already: whatever its roster says, it is not off duty for it; NULL = none */
	const char *at_work;
} Report;

#define MAX_PARTIES		24
#define MAX_CANDIDATES	3
#define MAX_KEPT_HITS	16
#define MAX_PASSED		12
#define MAX_SILENCED	8
#define MAX_PLACES		4
#define MAX_GRAMS		5
#define MAX_DUTY_CHECKS 8

typedef struct Party
{
	Department *department;
	Duty		duty;
} Party;

typedef struct Candidate
{
	CaseType *type;
	int		  score; /* half characters */
} Candidate;

/* A term of danger or police that did not count, and the exclude term or context word that did it. */
typedef struct Silenced
{
	const Term *term;
	const Term *by;
} Silenced;

/* What the roster of a party's unit said. */
typedef struct DutyCheck
{
	Department *department;
	Department *substitute; /* who was named in its stead; NULL = it is on duty */
	Duty		duty;
	const char *team; /* on duty; lives in the book; NULL = none */
	TimestampTz
		until; /* end of the team's shift; or, off duty, when somebody is next (DT_NOEND = not soon) */
} DutyCheck;

/* What a learned model said. */
typedef struct Learned
{
	const char *model; /* lives in the book */
	int			version;
	float		p;		   /* of the type decided, by the model alone */
	float		police;	   /* of all police and joint matters, with the terms */
	CaseType   *runner_up; /* NULL = none, or a type that is gone */
	float		runner_up_p;
	int			ngrams;
	struct
	{
		float weight;
		uint8 len;
		char  text[24]; /* of the report, not the model */
	} grams[MAX_GRAMS]; /* that spoke most for the type against the runner-up */
} Learned;

typedef enum Verdict
{
	VERDICT_GIVEN,			 /* an operator said so */
	VERDICT_TERMS,			 /* terms decide */
	VERDICT_DANGER,			 /* a danger term decides */
	VERDICT_SILENT,			 /* nobody spoke: ring back */
	VERDICT_NO_MATCH,		 /* no term found */
	VERDICT_TIE,			 /* two types as likely and as urgent */
	VERDICT_WEAK,			 /* confidence below the setting */
	VERDICT_CONFIRM_DANGER,	 /* danger on a channel where a person looks first */
	VERDICT_DOUBTFUL_DANGER, /* a danger term beside an exclude term or context word */
	VERDICT_POLICE_DOUBT,	 /* no police matter by the score, but police terms speak loudly too */
	VERDICT_MODEL,			 /* terms and model decide */
	VERDICT_MODEL_DANGER,	 /* the model sees danger that no term names */
	VERDICT_KEPT			 /* the type stays as an earlier decision of this case found it */
} Verdict;

extern const char *const verdict_names[];

typedef enum PlaceBy
{
	PLACE_NONE,
	PLACE_GIVEN,
	PLACE_ADDRESS,
	PLACE_TEXT,
	PLACE_CHANNEL,
	PLACE_COORDINATES,
	PLACE_KEPT /* as an earlier decision of this case found it */
} PlaceBy;

extern const char *const place_by_names[];

/* Why a route that stood before the winner was not taken. */
typedef struct PassedRoute
{
	Route *route;
	bool   failed; /* its condition raised an error */
} PassedRoute;

typedef struct Decision
{
	const Book *book; /* in which all that follows lies */

	Verdict	  verdict;
	bool	  dispatched; /* false: status triage */
	CaseType *type;		  /* NULL when a person must decide and nothing is likely */
	Nature	  nature;
	int		  priority;
	bool	  danger;
	bool	  escalated; /* an escalate term raised it: police are added */
	int		  repeats;	 /* earlier reports of the same person, place, reference or sensor */
	bool	  raised;	 /* they made it more urgent by one */
	double	  confidence;

	Area	   *area; /* NULL = unknown */
	PlaceBy		place_by;
	const char *place_name; /* what was found in the text; lives in the book */
	int			place_sure; /* thousandths, see place.c */
	int			nplaces;	/* areas that the name may mean alike; 0 = it means one */
	Area	   *places[MAX_PLACES];
	PlaceBy		against_by; /* another sign of the place says otherwise; PLACE_NONE = none does */
	Area	   *against;

	const DutyMode *mode;		 /* in force there and then; NULL = none */
	Route		   *route;		 /* NULL when not dispatched */
	char		   *route_error; /* message of a condition that failed, palloc'd */

	uint64 text_digest; /* of the folded text */
	int	   body_chars;

	int		  ncandidates;
	int		  nhits;
	int		  npassed;
	int		  nparties;
	int		  nsilenced;
	int		  nlearned; /* 1 = a model took part */
	int		  nduty_checks;
	Candidate candidates[MAX_CANDIDATES];

	/* only as much of these is kept by decision_pack() as is used */
	Party		parties[MAX_PARTIES]; /* lead first; in triage only the centre */
	const Term *hits[MAX_KEPT_HITS];
	PassedRoute passed[MAX_PASSED];
	Silenced	silenced[MAX_SILENCED];
	Learned		learned[1];
	DutyCheck	duty_checks[MAX_DUTY_CHECKS];
} Decision;

/* Decide; raises TR004 only when no governance centre is configured at all. */
extern void decide(Book *book, const Report *report, Decision *d);

/* A decision in as little memory as it needs, and back. */
extern void *decision_pack(const Decision *d, MemoryContext mcxt);
extern void	 decision_unpack(const void *packed, Decision *d);

/* classify.c: fills type, nature, priority, danger, candidates, hits, verdict, confidence, dispatched */
extern void classify(Book *book, const Report *report, const char *folded, size_t len, Decision *d);

/* place.c: fills area and what is known of it */
extern void place_decide(Book *book, const Report *report, const char *folded, size_t len, Decision *d);

/* A name found in a text. */
typedef struct Named
{
	const PlaceName *place;
	Area			*area;	  /* of the place */
	int				 support; /* other names in the text that lie above this area */
	bool			 house;	  /* a house number stands behind it, and is meant */
} Named;

#define MAX_NAMED 64

/* The names in a folded text, none inside a longer one, at most MAX_NAMED; returns their number. */
extern int place_names(Book *book, const char *folded, size_t len, Named *named);

/* route.c: chooses the route and names the parties; needs area and classification */
extern void route_choose(Book *book, const Report *report, Decision *d);
/* adds a department unless it takes part already; false when there is no room */
extern bool party_add(Decision *d, Department *department, Duty duty);

/* limits.c */
typedef struct ClockLimit
{
	Policy	   *policy;
	TimestampTz due_at;
	int			next_step;	  /* index into the ladder */
	TimestampTz next_step_at; /* DT_NOEND = no step */
} ClockLimit;

/* The policy for a stage that starts at an instant; NULL = the stage is not timed. */
extern Policy *policy_for(Book *book, const CaseType *type, Stage stage, int priority, bool danger,
						  const Area *area, TimestampTz at);
extern void	   limit_start(Policy *policy, TimestampTz start, ClockLimit *limit);
/* start + amount in a unit; saturates instead of overflowing */
extern TimestampTz limit_add(TimestampTz start, int amount, LimitUnit unit, const Calendar *calendar);
/* When a step of a ladder is due for a clock. */
extern TimestampTz
ladder_step_at(const LadderStep *step, TimestampTz start, TimestampTz due, const Calendar *calendar);

/* record.c: what is stored of a decision */
extern Jsonb *decision_facts(const Book *book, const Report *report, const Decision *d);
extern Jsonb *decision_candidates(const Decision *d);
extern char	 *decision_reason(const Decision *d);

#endif
