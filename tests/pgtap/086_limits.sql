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

-- ---- a payload format that catches its time limit ----

CREATE FUNCTION public.f086_stubborn(event jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 3 LOOP
		BEGIN
			PERFORM pg_sleep(10);
		EXCEPTION WHEN query_canceled THEN
			NULL;
		END;
	END LOOP;
	RETURN 'stubborn';
END
$$;
UPDATE triage.endpoints SET format = 'public.f086_stubborn' WHERE code = 'e_centre';
SET client_min_messages = error;
SELECT case_id AS c4 FROM triage.report('v110', '无路可走', 'Z11', reporter => 'r') \gset
SELECT case_id AS c5 FROM triage.report('v110', '无路可走', 'Z11', reporter => 'r') \gset
SET client_min_messages = warning;
SELECT is((SELECT string_agg(DISTINCT (d.payload ^@ '{"specversion"')::text, ' ') FROM triage.deliveries d
	WHERE d.endpoint = 'e_centre' AND d.case_id IN (:c4, :c5)), 'true', 'what it returned is refused, the built-in format goes out');
SELECT is((SELECT concat_ws(' ', h.state, h.value) FROM triage.health() h WHERE h.item = 'format of e_centre'),
	'bad public.f086_stubborn is set aside, it caught its time limit and went on', 'health() names it, and nobody waits for it again');
SELECT matches(pg_temp.refusal($$SELECT triage.run_format('e_centre', '{}')$$), '^55000 format public.f086_stubborn is set aside$', 'it is refused');
CREATE OR REPLACE FUNCTION public.f086_stubborn(event jsonb) RETURNS text LANGUAGE sql RETURN 'mended';
UPDATE triage.endpoints SET format = format WHERE code = 'e_centre';
SELECT is(triage.run_format('e_centre', '{}'), 'mended', 'set again, it is tried again');
SELECT is((SELECT count(*) FROM triage.health() h WHERE h.item = 'format of e_centre'), 0::bigint, 'and health() is content');

SELECT * FROM finish();
