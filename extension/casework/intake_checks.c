/*
 * intake_checks.c
 *	  Everything that a reporter can get wrong.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "base/names.h"
#include "casework/intake.h"

/* A code that a report brings must be in the book. */
static void *
known_code(void *found, const char *what, const char *code, const char *table)
{
	if (found == NULL)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("%s \"%s\" does not exist", what, code),
						errdetail("There is no active row with this code in triage.%s.", table),
						errhint("Use a code listed in triage.%s, or leave the argument out.", table)));
	return found;
}

Channel *
intake_channel(Book *book, const char *code)
{
	if (code == NULL)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("argument \"channel\" must not be null"),
						errdetail("The rules decide by the channel a report comes by."),
						errhint("Name the channel the report came by, a code listed in triage.channels.")));
	if (book->nchannels == 0)
		ereport(ERROR,
				(errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("channel \"%s\" does not exist", code),
				 errdetail("No channel is configured at all."),
				 errhint("Load a rule pack first, for example SELECT * FROM triage.load_pack('zhejiang').")));
	return known_code(book_channel(book, code, strlen(code)), "channel", code, "channels");
}

void
intake_check_caller(const Channel *channel, const char *reporter, const char *contact)
{
	if (channel->needs_caller && !channel->allows_anonymous && reporter == NULL && contact == NULL)
		ereport(
			ERROR,
			(errcode(TRIAGE_ERRCODE_CONTENT),
			 errmsg("a report by channel \"%s\" needs a caller", channel->code),
			 errdetail(
				 "Neither reporter nor contact is given and the channel does not allow anonymous reports."),
			 errhint("Give reporter or contact.")));
}

/* Text that has nothing in it to read is no text: NULL. */
static const char *
check_body(const Channel *channel, const char *body, bool unfinished, size_t *len)
{
	size_t folded_len = 0;
	char  *folded;

	*len = body ? strlen(body) : 0;
	if (*len > REPORT_MAX_BODY)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("the report is too long"),
						errdetail("It has %zu bytes, the limit is %d.", *len, REPORT_MAX_BODY),
						errhint("Keep long documents elsewhere and report what they are about.")));
	/* most bodies begin with something to read; fold only those that may have nothing */
	if (*len > 0 && ((unsigned char) body[0] > ' ' && (unsigned char) body[0] < 0x7f))
		return body;
	folded = *len > 0 ? book_fold(body, Min(*len, 4096), &folded_len) : NULL;
	if (folded == NULL && *len > 4096)
		folded = book_fold(body, *len, &folded_len);
	if (folded != NULL)
	{
		pfree(folded);
		return body;
	}
	if (channel->kind != CHANNEL_VOICE && !unfinished)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT),
						errmsg("a report by channel \"%s\" must have a body", channel->code),
						errdetail("The body is empty or holds no readable character."),
						errhint("Only voice channels take silent calls.")));
	*len = 0;
	return NULL;
}

void
intake_check_reported_at(TimestampTz at, TimestampTz now)
{
	/* 2000-01-01: earlier times are clocks that were never set */
	if (TIMESTAMP_NOT_FINITE(at) || at < 0)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT), errmsg("reported_at is not a plausible time"),
						errdetail("It lies before the year 2000 or is infinite."),
						errhint("Give the time at which the citizen reported, or leave it out for now.")));
	if (at > now + (TimestampTz) triage_max_ahead * USECS_PER_SEC)
		ereport(
			ERROR,
			(errcode(TRIAGE_ERRCODE_CONTENT), errmsg("reported_at lies in the future"),
			 errdetail("It is %s, the clock shows %s.", timestamptz_to_str(at),
					   pstrdup(timestamptz_to_str(now))),
			 errhint(
				 "Set the reporting system's clock; triage.max_ahead is the difference that is tolerated.")));
}

#define MAX_REF 1000

void
intake_check_ref(const char *ref)
{
	if (ref == NULL)
		return;
	for (const char *c = ref; *c != '\0'; c++)
		if ((unsigned char) *c < ' ')
			ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT),
							errmsg("a reference or reporter holds a control character"),
							errdetail("Names and references are one line of readable text."),
							errhint("Use printable characters only.")));
	if (strlen(ref) > MAX_REF)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT), errmsg("a reference or reporter is too long"),
						errdetail("It has %zu bytes, the limit is %d.", strlen(ref), MAX_REF),
						errhint("Refer by a number or a short name.")));
}

const Point *
intake_check_location(const Point *p)
{
	/* comparisons with NaN are false */
	if (p == NULL || point_is_place(p))
		return p;
	ereport(ERROR,
			(errcode(TRIAGE_ERRCODE_CONTENT), errmsg("location is not a place on earth"),
			 errdetail("It is (%g,%g).", p->x, p->y),
			 point_is_place(&(Point){p->y, p->x})
				 ? errhint("Longitude and latitude seem to be swapped: x is the longitude, y the latitude.")
				 : errhint("Give degrees (WGS84), x = longitude and y = latitude, or leave it out.")));
}

static Jsonb *
check_attrs(Jsonb *attrs)
{
	if (attrs != NULL && !JB_ROOT_IS_OBJECT(attrs))
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT), errmsg("attrs must be a JSON object"),
						errdetail("Route conditions read its keys."),
						errhint("For example {\"subject\": \"water leak\"}.")));
	return attrs;
}

/* The report that a row or a preview makes; checks everything a reporter can get wrong. */
void
intake_preview(Book *book, const PreviewArgs *a, Report *r)
{
	memset(r, 0, sizeof(Report));
	r->channel = intake_channel(book, a->channel);
	r->body = check_body(r->channel, a->body, a->unfinished, &r->body_len);
	if (a->area != NULL)
		r->area = known_code(book_area(book, a->area, strlen(a->area)), "area", a->area, "areas");
	if (a->case_type != NULL)
		r->given_type = known_code(book_type(book, a->case_type, strlen(a->case_type)), "case type",
								   a->case_type, "case_types");
	r->address = a->address;
	r->address_len = a->address ? strlen(a->address) : 0;
	r->location = intake_check_location(a->location);
	if (TIMESTAMP_NOT_FINITE(a->at) || a->at < 0)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_CONTENT), errmsg("the time is not a plausible one"),
						errdetail("It lies before the year 2000 or is infinite."),
						errhint("Leave it out for now.")));
	r->at = a->at;
	r->attrs = check_attrs(a->attrs);
	r->min_confidence = triage_min_confidence;
	r->police_share = triage_police_share;
	r->model_confidence = triage_model_confidence;
	r->model_police = triage_model_police;
}
