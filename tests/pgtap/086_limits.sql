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

-- ---- a condition that cannot be compiled, as a restore from another version may bring ----

SET session_replication_role = replica;
UPDATE triage.routes SET condition = 'pg_sleep(1) IS NULL' WHERE code = 'g';
SET session_replication_role = origin;
UPDATE triage.routes SET precedence = precedence WHERE code = 'fire';
SELECT case_id AS c1 FROM triage.report('v110', '水管漏水', 'Z11', reporter => 'r') \gset
SELECT case_id AS c2 FROM triage.report('v110', '水管漏水', 'Z11', reporter => 'r') \gset
SELECT is(pg_temp.parties(:c1), 'CENTRE1 lead offered', 'the case goes to the accountable centre');
SELECT matches(triage.explain(:c1), 'pg_sleep', 'which is said');
SELECT is(pg_temp.parties(:c2), 'CENTRE1 lead offered', 'the next one too');
SELECT is((SELECT d.reason FROM triage.decisions d WHERE d.case_id = :c2), (SELECT d.reason FROM triage.decisions d WHERE d.case_id = :c1), 'for the same reason');
UPDATE triage.routes SET condition = NULL WHERE code = 'g';
SELECT case_id AS c3 FROM triage.report('v110', '水管漏水', 'Z11', reporter => 'r') \gset
SELECT is(pg_temp.parties(:c3), pg_temp.parties(:c), 'a mended condition is seen at once');

SELECT * FROM finish();
