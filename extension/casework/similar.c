/*
 * similar.c
 *	  Which cases may be about the same matter?
 *
 * Candidates come from indexes, a bounded number of each: by rare numbers of
 * the text's signature, by cells of the grid around the place (those of the
 * same type apart, so that another type's flood does not hide them), by the
 * caller's digest; where neither text nor place is known, the newest open
 * cases of the area.  A first score from their signatures alone picks those
 * whose cases are read and scored in full.
 *
 * The score is a sum of what speaks for and against, as a logistic function of
 * it between 0 and 1.  The sizes for place, type, time and state were chosen
 * by two-fold cross validation on pairs that staff had marked; those for text
 * on a few dozen pairs that readers had found to be of one matter, without.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/json.h"
#include "base/spi.h"
#include "casework/similar.h"

/* ---- what speaks for and against ---- */

#define BASE			 (-1.0)
#define PLACE_HERE		 1.5	/* at the same spot ... */
#define PLACE_PER_METER	 0.01	/* ... and less by this for each meter */
#define PLACE_LEAST		 (-6.0) /* however far */
#define AREA_SAME		 0.3	/* places are not known, areas are */
#define AREA_NEAR		 (-1.0) /* one contains the other, or both lie in one */
#define AREA_OTHER		 (-2.5)
#define TYPE_SAME		 0.5
#define TYPE_GROUP		 (-0.2)
#define TYPE_OTHER		 (-3.0)
#define TYPE_BESIDE_TEXT 0.03 /* what a type counts beside texts, which say it better */
#define TIME_BESIDE_TEXT 0.1  /* and time: people write of one matter for months */
#define TIME_FACTOR		 2.0  /* times ln(1 + days / 30) */
#define TIME_DAYS		 30.0
#define CLOSED_BEFORE	 (-1.6)
#define TEXT_FACTOR		 10.0 /* times (likeness - TEXT_MIDDLE) */
#define TEXT_MIDDLE		 0.30
#define REPORTER_SAME	 1.0

/* ---- how many are looked at ---- */

#define TEXT_BUDGET	 800  /* index entries by text, as the weights foretell */
#define LEAST_PROBES 6	  /* numbers of the signature that are looked up in any case */
#define MOST_PROBES	 20	  /* and at most */
#define PLACE_ALL	 600  /* by place, of any type */
#define PLACE_TYPE	 1200 /* by place, of the same type */
#define MOST_ROWS	 8000
#define BESIDE_TEXT	 2	/* by place, this many times fewer where the text finds its own */
#define FULL_SCORES	 40 /* that are scored in full, and more when more are asked for */

#define DEFAULT_DAYS   90
#define DEFAULT_RADIUS 500

/* ---- weights of text ---- */

static struct
{
	int64		   version; /* 0 = none */
	int64		   cases;
	char		  *value;
	FeatureWeights weights;
} kept;

const FeatureWeights *
similar_weights(int64 *cases)
{
	static KeptPlan version = {.sql = "SELECT w.version FROM triage.text_weights w", .nargs = 0};
	static KeptPlan value = {.sql = "SELECT w.version, w.cases, w.value FROM triage.text_weights w",
							 .nargs = 0};
	int64			now = triage_read(&version, NULL, NULL) == 1 ? triage_result_int(0, 1, 0) : 0;

	if (now != kept.version || now == 0)
	{
		if (kept.value != NULL)
			pfree(kept.value);
		memset(&kept, 0, sizeof(kept));
		if (now != 0 && triage_read(&value, NULL, NULL) == 1)
		{
			bool   isnull;
			bytea *bytes = DatumGetByteaPP(triage_result(0, 3, &isnull));
			size_t len = VARSIZE_ANY_EXHDR(bytes);

			kept.value = MemoryContextAlloc(TopMemoryContext, Max(len, 1));
			memcpy(kept.value, VARDATA_ANY(bytes), len);
			/* one that is damaged counts for nothing: all parts of texts weigh the same */
			(void) text_weights_read(&kept.weights, kept.value, len);
			kept.cases = triage_result_int(0, 2, 0);
			kept.version = triage_result_int(0, 1, 0);
		}
	}
	if (cases != NULL)
		*cases = kept.cases;
	return &kept.weights;
}

void
matter_text(Matter *m, const char *body)
{
	static TextFeature features[MAX_FEATURES];
	size_t			   len = 0;
	char			  *folded = body != NULL ? book_fold(body, strlen(body), &len) : NULL;

	m->features = NULL;
	m->nfeatures = m->nsignature = 0;
	if (folded == NULL)
		return;
	m->nfeatures = text_features(folded, len, features);
	pfree(folded);
	if (m->nfeatures == 0)
		return;
	m->features = palloc(m->nfeatures * sizeof(TextFeature));
	memcpy(m->features, features, m->nfeatures * sizeof(TextFeature));
	m->nsignature = text_signature(m->features, m->nfeatures, m->signature);
}

/* ---- candidates ---- */

typedef struct Found
{
	int64  case_id;
	double score; /* first score */
} Found;

typedef struct Search
{
	Book				 *book;
	const Matter		 *m;
	const FeatureWeights *weights;
	TimestampTz			  since;
	int					  radius_m;
	double				  all_weight; /* of the matter's signature */
	int					  n;
	Found				 *found;
} Search;

static double
place_score(double meters)
{
	return Max(PLACE_HERE - PLACE_PER_METER * meters, PLACE_LEAST);
}

static double
time_score(const Matter *m, TimestampTz at, bool texts)
{
	double days = fabs((double) (m->at - at)) / USECS_PER_DAY;
	double x = -TIME_FACTOR * log1p(days / TIME_DAYS);

	return texts ? x * TIME_BESIDE_TEXT : x;
}

static double
type_score(const CaseType *a, const CaseType *b, bool texts)
{
	double x;

	if (a == NULL || b == NULL)
		return 0;
	if (a == b)
		x = TYPE_SAME;
	else if (a->parent == b || b->parent == a || (a->parent != NULL && a->parent == b->parent))
		x = TYPE_GROUP;
	else
		x = TYPE_OTHER;
	return texts ? x * TYPE_BESIDE_TEXT : x;
}

/* The share of the matter's signature that another has too, by weight. */
static double
common_share(const Search *s, Datum signature)
{
	ArrayType	*array = DatumGetArrayTypeP(signature);
	const int32 *theirs = (const int32 *) ARR_DATA_PTR(array);
	int			 n = ARR_NDIM(array) == 1 && !ARR_HASNULL(array) ? ARR_DIMS(array)[0] : 0;
	double		 common = 0;

	/* both ascend as unsigned numbers */
	for (int i = 0, j = 0; i < s->m->nsignature && j < n;)
	{
		if (s->m->signature[i] < (uint32) theirs[j])
			i++;
		else if (s->m->signature[i] > (uint32) theirs[j])
			j++;
		else
		{
			common += text_weight(s->weights, s->m->signature[i]);
			i++;
			j++;
		}
	}
	return s->all_weight > 0 ? common / s->all_weight : 0;
}

static const CaseType *
type_of(Book *book, const char *code)
{
	return code != NULL ? book_type(book, code, strlen(code)) : NULL;
}

/* Rows of (case_id, reported_at, case_type, location, signature). */
static void
take_signatures(Search *s)
{
	const Matter *m = s->m;

	for (uint64 i = 0; i < SPI_processed && s->n < MOST_ROWS; i++)
	{
		bool   isnull;
		int64  case_id = triage_result_int(i, 1, 0);
		Datum  at = triage_result(i, 2, &isnull);
		double score = 0;
		bool   texts = false;
		Datum  value;

		if (case_id == m->case_id)
			continue;
		value = triage_result(i, 5, &isnull);
		if (!isnull && m->nsignature > 0)
		{
			score += TEXT_FACTOR * (common_share(s, value) - TEXT_MIDDLE);
			texts = true;
		}
		value = triage_result(i, 4, &isnull);
		if (!isnull && m->located)
			score += place_score(meters_between(&m->location, DatumGetPointP(value)));
		score += time_score(m, DatumGetTimestampTz(at), texts);
		score += type_score(m->type, type_of(s->book, triage_result_text(i, 3)), texts);
		s->found[s->n++] = (Found){case_id, score};
	}
	CHECK_FOR_INTERRUPTS();
}

#define SIGNATURE_COLUMNS "s.case_id, s.reported_at, s.case_type, s.location, s.signature"

/* The rarest numbers of the signature, as many as the budget of index entries allows. */
static int
choose_probes(const Search *s, int64 cases, Datum *probes)
{
	const Matter *m = s->m;
	uint32		  count[SIGNATURE_SIZE];
	int			  order[SIGNATURE_SIZE];
	double		  entries = 0;
	int			  n = 0;

	for (int i = 0; i < m->nsignature; i++)
	{
		int at = i;

		count[i] = text_weights_count(s->weights, m->signature[i]);
		for (; at > 0 && count[order[at - 1]] > count[i]; at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
	for (; n < Min(m->nsignature, MOST_PROBES); n++)
	{
		/* a text that has it keeps it in its signature about once in four */
		if (s->weights->texts > 0)
			entries += (double) count[order[n]] / s->weights->texts * cases / 4;
		if (entries > TEXT_BUDGET && n >= LEAST_PROBES)
			break;
		probes[n] = Int32GetDatum((int32) m->signature[order[n]]);
	}
	return n;
}

static void
find_by_text(Search *s, int64 cases)
{
	static KeptPlan plan = {.sql = "SELECT " SIGNATURE_COLUMNS " FROM triage.case_signatures s"
								   " WHERE s.signature && $1 AND s.signature IS NOT NULL"
								   " AND s.reported_at >= $2 AND s.reported_at <= $3 LIMIT 3000",
							.nargs = 3,
							.types = {INT4ARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
	Datum			probes[SIGNATURE_SIZE];
	int				n = choose_probes(s, cases, probes);
	Datum			args[3];

	if (n == 0)
		return;
	args[0] = PointerGetDatum(construct_array(probes, n, INT4OID, sizeof(int32), true, 'i'));
	args[1] = TimestampTzGetDatum(s->since);
	args[2] = TimestampTzGetDatum(s->m->until);
	triage_read(&plan, args, NULL);
	take_signatures(s);
}

static void
find_by_place(Search *s)
{
	static KeptPlan all = {
		.sql = "SELECT " SIGNATURE_COLUMNS " FROM pg_catalog.unnest($1) u(cell)"
			   " CROSS JOIN LATERAL (SELECT x.* FROM triage.case_signatures x WHERE x.cell = u.cell"
			   " AND x.reported_at >= $2 AND x.reported_at <= $3 ORDER BY x.reported_at DESC LIMIT $4) s",
		.nargs = 4,
		.types = {INT8ARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID}};
	static KeptPlan typed = {
		.sql =
			"SELECT " SIGNATURE_COLUMNS " FROM pg_catalog.unnest($1) u(cell)"
			" CROSS JOIN LATERAL (SELECT x.* FROM triage.case_signatures x WHERE x.case_type = $5 AND x.cell = u.cell"
			" AND x.reported_at >= $2 AND x.reported_at <= $3 ORDER BY x.reported_at DESC LIMIT $4) s",
		.nargs = 5,
		.types = {INT8ARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, TEXTOID}};
	int64 cells[MAX_CELLS];
	Datum values[MAX_CELLS];
	int	  n = grid_cells(&s->m->location, s->radius_m, cells, MAX_CELLS);
	int	  share = s->m->nsignature > 0 ? BESIDE_TEXT : 1;
	Datum args[5];

	for (int i = 0; i < n; i++)
		values[i] = Int64GetDatum(cells[i]);
	args[0] = PointerGetDatum(construct_array(values, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, 'd'));
	args[1] = TimestampTzGetDatum(s->since);
	args[2] = TimestampTzGetDatum(s->m->until);
	args[3] = Int64GetDatum(Max(10, PLACE_ALL / share / n));
	triage_read(&all, args, NULL);
	take_signatures(s);
	if (s->m->type == NULL)
		return;
	args[3] = Int64GetDatum(Max(20, PLACE_TYPE / share / n));
	args[4] = CStringGetTextDatum(s->m->type->code);
	triage_read(&typed, args, NULL);
	take_signatures(s);
}

static void
find_by_caller(Search *s)
{
	static KeptPlan plan = {
		.sql =
			"SELECT " SIGNATURE_COLUMNS
			" FROM (SELECT k.case_id FROM triage.case_sources k WHERE k.contact_key = $1 AND k.reported_at <= $3"
			" AND k.reported_at >= $2 ORDER BY k.reported_at DESC LIMIT 50) k"
			" JOIN triage.case_signatures s ON s.case_id = k.case_id",
		.nargs = 3,
		.types = {BYTEAOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
	bytea *value = palloc(VARHDRSZ + CONTACT_KEY_LEN);
	Datum args[3] = {PointerGetDatum(value), TimestampTzGetDatum(s->since), TimestampTzGetDatum(s->m->until)};

	SET_VARSIZE(value, VARHDRSZ + CONTACT_KEY_LEN);
	memcpy(VARDATA(value), s->m->key, CONTACT_KEY_LEN);
	triage_read(&plan, args, NULL);
	take_signatures(s);
}

/* Nothing but area and type is known. */
static void
find_by_area(Search *s)
{
	static KeptPlan plan = {
		.sql =
			"SELECT c.case_id, c.reported_at, c.case_type, NULL::point, NULL::int[] FROM triage.cases c"
			" WHERE c.area = $1 AND c.status NOT IN ('closed', 'merged', 'void')"
			" AND c.reported_at >= $2 AND c.reported_at <= $3 ORDER BY c.area DESC, c.case_id DESC LIMIT 1000",
		.nargs = 3,
		.types = {TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
	Datum args[3] = {CStringGetTextDatum(s->m->area->code), TimestampTzGetDatum(s->since),
					 TimestampTzGetDatum(s->m->until)};

	triage_read(&plan, args, NULL);
	take_signatures(s);
}

/* ---- the full score ---- */

typedef struct Parts
{
	double		text, place, area, type, time, closed, reporter;
	double		likeness, meters, days;
	bool		texts, located, areas, types;
	bool		was_open;
	bool		same_reporter;
	const char *area_word;
	const char *type_word;
} Parts;

static void
judge_area(const Area *a, const Area *b, Parts *p)
{
	if (a == NULL || b == NULL)
		return;
	p->areas = true;
	if (a == b)
	{
		p->area = AREA_SAME;
		p->area_word = "same";
	}
	else if (area_within(a, b) || area_within(b, a) || (a->parent != NULL && a->parent == b->parent))
	{
		p->area = AREA_NEAR;
		p->area_word = "near";
	}
	else
	{
		p->area = AREA_OTHER;
		p->area_word = "other";
	}
}

static bool
same_caller(const Matter *m, const char *reporter, const char *contact)
{
	unsigned char key[CONTACT_KEY_LEN];

	if (m->has_key)
		return contact_key(contact, false, key) && memcmp(key, m->key, CONTACT_KEY_LEN) == 0;
	return m->reporter != NULL && reporter != NULL && strcmp(m->reporter, reporter) == 0;
}

/* Row of (case_id, number, reported_at, case_type, area, location, closed_at, reporter, contact, body). */
static void
judge(const Search *s, uint64 row, Parts *p)
{
	const Matter *m = s->m;
	bool		  isnull;
	Datum		  value;
	TimestampTz	  at = DatumGetTimestampTz(triage_result(row, 3, &isnull));
	char		 *area = triage_result_text(row, 5);
	char		 *body = m->features != NULL ? triage_result_text(row, 10) : NULL;

	memset(p, 0, sizeof(Parts));
	if (body != NULL)
	{
		Matter other = {0};

		matter_text(&other, body);
		if (other.features != NULL)
		{
			p->texts = true;
			p->likeness = text_cosine(s->weights, m->features, m->nfeatures, other.features, other.nfeatures);
			p->text = TEXT_FACTOR * (p->likeness - TEXT_MIDDLE);
			pfree(other.features);
		}
		pfree(body);
	}
	value = triage_result(row, 6, &isnull);
	if (!isnull && m->located && point_is_place(DatumGetPointP(value)))
	{
		p->located = true;
		p->meters = meters_between(&m->location, DatumGetPointP(value));
		p->place = place_score(p->meters);
	}
	else
		judge_area(m->area, area ? book_area(s->book, area, strlen(area)) : NULL, p);
	if (m->type != NULL)
	{
		const CaseType *type = type_of(s->book, triage_result_text(row, 4));

		p->types = type != NULL;
		p->type = type_score(m->type, type, p->texts);
		p->type_word = type == m->type ? "same" : p->type > TYPE_OTHER * TYPE_BESIDE_TEXT ? "group" : "other";
	}
	p->days = fabs((double) (m->at - at)) / USECS_PER_DAY;
	p->time = time_score(m, at, p->texts);
	value = triage_result(row, 7, &isnull);
	p->was_open = isnull || DatumGetTimestampTz(value) > m->at;
	p->closed = p->was_open ? 0 : CLOSED_BEFORE;
	p->same_reporter = same_caller(m, triage_result_text(row, 8), triage_result_text(row, 9));
	p->reporter = p->same_reporter ? REPORTER_SAME : 0;
}

static double
score_of(const Parts *p)
{
	double sum = BASE + p->text + p->place + p->area + p->type + p->time + p->closed + p->reporter;

	return 1.0 / (1.0 + exp(-sum));
}

static char *
reason_of(const Parts *p)
{
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfo(&s, "{\"time\": {\"days\": %.1f, \"by\": %.2f}", p->days, p->time);
	if (p->texts)
		appendStringInfo(&s, ", \"text\": {\"likeness\": %.3f, \"by\": %.2f}", p->likeness, p->text);
	if (p->located)
		appendStringInfo(&s, ", \"place\": {\"meters\": %.0f, \"by\": %.2f}", p->meters, p->place);
	if (p->areas)
		appendStringInfo(&s, ", \"area\": {\"is\": \"%s\", \"by\": %.2f}", p->area_word, p->area);
	if (p->types)
		appendStringInfo(&s, ", \"type\": {\"is\": \"%s\", \"by\": %.2f}", p->type_word, p->type);
	if (!p->was_open)
		appendStringInfo(&s, ", \"closed\": {\"by\": %.2f}", p->closed);
	if (p->same_reporter)
		appendStringInfo(&s, ", \"reporter\": {\"by\": %.2f}", p->reporter);
	appendStringInfoChar(&s, '}');
	return s.data;
}

/* ---- search ---- */

static int
by_case(const void *a, const void *b)
{
	const Found *x = a;
	const Found *y = b;

	return x->case_id < y->case_id ? -1 : x->case_id > y->case_id;
}

/* best first; of equals the newer, which is the likelier */
static int
by_first_score(const void *a, const void *b)
{
	const Found *x = a;
	const Found *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return -by_case(a, b);
}

static int
by_score(const void *a, const void *b)
{
	const Similar *x = a;
	const Similar *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	if (x->reported_at != y->reported_at)
		return x->reported_at > y->reported_at ? -1 : 1;
	return x->case_id > y->case_id ? -1 : x->case_id < y->case_id;
}

/* Each case once, the likeliest first, at most so many. */
static void
keep_best(Search *s, int max)
{
	int n = 0;

	qsort(s->found, s->n, sizeof(Found), by_case);
	for (int i = 0; i < s->n; i++)
		if (n == 0 || s->found[n - 1].case_id != s->found[i].case_id)
			s->found[n++] = s->found[i];
	qsort(s->found, n, sizeof(Found), by_first_score);
	s->n = Min(n, max);
}

static int
score_in_full(Search *s, MemoryContext result, Similar *out, int max)
{
	static KeptPlan plan = {
		.sql =
			"SELECT c.case_id, c.number, c.reported_at, c.case_type, c.area, c.location, c.closed_at,"
			" c.reporter, c.contact, pg_catalog.left(c.body, " CppAsString2(
				SIMILAR_CHARS) ")"
							   " FROM triage.cases c WHERE c.case_id = ANY ($1) AND c.status NOT IN ('merged', 'void')",
		.nargs = 1,
		.types = {INT8ARRAYOID}};
	Datum	*ids = palloc(Max(s->n, 1) * sizeof(Datum));
	Similar *all;
	Parts	*parts;
	Datum	 args[1];
	int		 n;

	for (int i = 0; i < s->n; i++)
		ids[i] = Int64GetDatum(s->found[i].case_id);
	args[0] = PointerGetDatum(construct_array(ids, s->n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, 'd'));
	n = triage_read(&plan, args, NULL);
	all = palloc0(Max(n, 1) * sizeof(Similar));
	parts = palloc(Max(n, 1) * sizeof(Parts));
	for (int i = 0; i < n; i++)
	{
		bool isnull;

		judge(s, i, &parts[i]);
		all[i].case_id = triage_result_int(i, 1, 0);
		all[i].reported_at = DatumGetTimestampTz(triage_result(i, 3, &isnull));
		all[i].number = triage_result_text(i, 2);
		all[i].open = parts[i].was_open;
		all[i].score = score_of(&parts[i]);
		all[i].reason = (char *) &parts[i];
	}
	qsort(all, n, sizeof(Similar), by_score);
	n = Min(n, max);
	MemoryContextSwitchTo(result);
	for (int i = 0; i < n; i++)
	{
		out[i] = all[i];
		out[i].number = pstrdup(all[i].number);
		out[i].reason = reason_of((const Parts *) all[i].reason);
	}
	return n;
}

int
similar_find(Book *book, const Matter *m, const RepeatRule *rule, Similar *out, int max)
{
	MemoryContext result = CurrentMemoryContext;
	MemoryContext mcxt = AllocSetContextCreate(result, "pg_triage similar", ALLOCSET_DEFAULT_SIZES);
	Search		  s = {.book = book, .m = m};
	int64		  cases;
	int			  n;

	MemoryContextSwitchTo(mcxt);
	s.weights = similar_weights(&cases);
	s.since = m->at - (rule ? rule->days : DEFAULT_DAYS) * USECS_PER_DAY;
	s.radius_m = rule ? rule->radius_m : DEFAULT_RADIUS;
	s.found = palloc(MOST_ROWS * sizeof(Found));
	for (int i = 0; i < m->nsignature; i++)
		s.all_weight += text_weight(s.weights, m->signature[i]);
	if (m->nsignature > 0)
		find_by_text(&s, cases);
	if (m->located)
		find_by_place(&s);
	if (m->has_key)
		find_by_caller(&s);
	if (m->nsignature == 0 && !m->located && m->area != NULL)
		find_by_area(&s);
	keep_best(&s, Max(FULL_SCORES, max));
	n = score_in_full(&s, result, out, max);
	MemoryContextSwitchTo(result);
	MemoryContextDelete(mcxt);
	return n;
}
