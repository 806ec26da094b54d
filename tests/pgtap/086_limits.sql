-- Bounds on what one caller can pile up, and formats and rules that misbehave.
-- Source: extension/casework/report.c, extension/casework/format_call.c, extension/rulebook/route.c
\ir include/helpers.psql
BEGIN;
\ir include/small.psql
COMMIT;

-- ---- reports of one case ----

SELECT case_id AS c FROM triage.report('v110', '水管漏水', 'Z11', reporter => 'r') \gset
SELECT is(pg_temp.refusal(format($$SELECT triage.add_source(%s, 'v110', repeat('x', 8 * 1024 * 1024 + 1), 'r')$$, :c)),
	'54000 the report is too long', 'a further report is no longer than a first one may be');
SET triage.max_sources = 3;
SELECT is(pg_temp.refusal(format($$SELECT triage.add_source(%s, 'v110', 'again', 'r')$$, :c)), NULL, 'a second report');
SELECT is(pg_temp.refusal(format($$SELECT triage.add_source(%s, 'v110', 'again', 'r')$$, :c)), NULL, 'and a third');
SELECT matches(pg_temp.refusal(format($$SELECT triage.add_source(%s, 'v110', 'again', 'r', external_ref => 'x086')$$, :c)),
	'^TR005 case \S+ has 3 reports, it takes no more$', 'not a fourth');
SELECT is((SELECT count(*) FROM triage.case_refs r WHERE r.external_ref = 'x086'), 0::bigint, 'whose reference stays free');
SELECT is((SELECT c.report_count FROM triage.cases c WHERE c.case_id = :c), 3, 'the count tells');
RESET triage.max_sources;

SELECT * FROM finish();
