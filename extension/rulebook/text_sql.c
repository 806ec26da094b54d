/*
 * text_sql.c
 *	  Words of a ticket as its system stores it, for SQL: HTML, quoted-printable,
 *	  base64.  Bindings to ticket systems call these; ordinary reports are text
 *	  and are taken as they are.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/names.h"
#include "text/html.h"
#include "text/quoted.h"

PG_FUNCTION_INFO_V1(triage_html_text);
PG_FUNCTION_INFO_V1(triage_mail_text);

/* html_text(html): see extension/text/html.h */
Datum
triage_html_text(PG_FUNCTION_ARGS)
{
	text  *html = PG_GETARG_TEXT_PP(0);
	size_t len = VARSIZE_ANY_EXHDR(html);
	text  *words = palloc(VARHDRSZ + HTML_TEXT_BOUND(len));

	SET_VARSIZE(words, VARHDRSZ + html_text(VARDATA_ANY(html), len, VARDATA(words)));
	PG_RETURN_TEXT_P(words);
}

/* mail_text(body, encoding): see extension/text/quoted.h; what is no UTF-8 afterwards is repaired */
Datum
triage_mail_text(PG_FUNCTION_ARGS)
{
	text  *body = PG_GETARG_TEXT_PP(0);
	char  *encoding = text_to_cstring(PG_GETARG_TEXT_PP(1));
	size_t len = VARSIZE_ANY_EXHDR(body);
	text  *words;

	if (pg_strcasecmp(encoding, "none") == 0 || pg_strcasecmp(encoding, "7bit") == 0 ||
		pg_strcasecmp(encoding, "8bit") == 0)
		PG_RETURN_TEXT_P(body);
	words = palloc(VARHDRSZ + QUOTED_BOUND(len));
	if (pg_strcasecmp(encoding, "quoted-printable") == 0)
		len = quoted_printable_decode(VARDATA_ANY(body), len, VARDATA(words));
	else if (pg_strcasecmp(encoding, "base64") == 0)
		len = base64_decode(VARDATA_ANY(body), len, VARDATA(words));
	else
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("encoding \"%s\" does not exist", encoding),
						errhint("It is one of none, 7bit, 8bit, quoted-printable, base64.")));
	utf8_repair(VARDATA(words), len);
	SET_VARSIZE(words, VARHDRSZ + len);
	PG_RETURN_TEXT_P(words);
}
