/*
 * similar.h
 *	  Cases that may be about the same matter, ranked.
 */
#ifndef TRIAGE_CASEWORK_SIMILAR_H
#define TRIAGE_CASEWORK_SIMILAR_H

#include "casework/contact.h"
#include "casework/repeats.h"
#include "text/minhash.h"

/* What of a body is compared, characters: the rest of a long one adds nothing. */
#define SIMILAR_CHARS 4000

/* What is looked for: any part may be missing. */
typedef struct Matter
{
	int64			case_id;  /* left out of the answer; 0 = none */
	TextFeature	   *features; /* NULL = no text */
	int				nfeatures;
	uint32			signature[SIGNATURE_SIZE];
	int				nsignature;
	bool			located;
	Point			location;
	const Area	   *area;
	const CaseType *type;
	TimestampTz		at;		  /* when it was reported */
	TimestampTz		until;	  /* cases reported later are left out */
	const char	   *reporter; /* NULL = not known */
	bool			has_key;
	unsigned char	key[CONTACT_KEY_LEN];
} Matter;

typedef struct Similar
{
	int64		case_id;
	char	   *number;
	TimestampTz reported_at;
	bool		open; /* when the matter was reported */
	double		score;
	char	   *reason; /* JSON text */
} Similar;

/* Features and signature of a text, NULL = none; in the current context. */
extern void matter_text(Matter *m, const char *body);

/* Fill it from a case, what was reported later left out; false = there is no such case.  As owner. */
extern bool matter_of_case(Book *book, int64 case_id, Matter *m);

/*
 * The likeliest max cases, best first, in the current context; rule NULL =
 * nobody set how far to look: 90 days, 500 m.  Call as owner, with SPI
 * connected.
 */
extern int similar_find(Book *book, const Matter *m, const RepeatRule *rule, Similar *out, int max);

/* How often parts of texts occur, as last counted. */
extern const FeatureWeights *similar_weights(int64 *cases);

#endif
