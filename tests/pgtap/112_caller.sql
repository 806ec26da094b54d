-- Callers: digests of contacts at every way in, and what is known of a caller.
-- Source: extension/casework/contact.c, extension/text/contact.c, sql/52_same_matter.sql
\ir include/helpers.psql
BEGIN;
\ir include/small.psql
COMMIT;

CREATE ROLE t112_desk; CREATE ROLE t112_far; CREATE ROLE t112_team;
GRANT USAGE ON SCHEMA triage TO t112_desk, t112_far, t112_team;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA triage TO t112_desk, t112_far, t112_team;
SET triage.now = '2026-03-02 10:00+08';

SELECT is(triage.contact_key('13800000001'), NULL::bytea, 'no key before the first contact');
SELECT is_empty($$SELECT * FROM triage.caller('13800000001')$$, 'nobody is known');
SELECT is((SELECT count(*) FROM triage.contact_secret), 0::bigint, 'asking makes none');

-- ---- every way in ----
CREATE TEMP TABLE made (name text, case_id bigint);
GRANT SELECT ON made TO PUBLIC;
BEGIN;
SELECT FROM triage.report('v110', '水管漏水', 'Z11', contact => '13800000001');
SELECT is((SELECT count(DISTINCT s.contact_key) FROM triage.case_sources s), 1::bigint, 'the first contact makes the key');
ROLLBACK;
SELECT is((SELECT count(*) FROM triage.contact_secret), 0::bigint, 'which goes with its transaction');
INSERT INTO made SELECT 'report', r.case_id FROM triage.report('v110', '水管漏水', 'Z11', reporter => '王', contact => '+86 138-0000-0001') r;
INSERT INTO triage.cases (channel, body, area, contact) VALUES ('v110', '噪音', 'Z12', '１３８　００００　０００１'), ('v110', '噪音', 'Z12', NULL);
INSERT INTO made SELECT 'insert', c.case_id FROM triage.cases c WHERE c.contact LIKE '１%';
INSERT INTO made SELECT 'other', r.case_id FROM triage.report('v110', '水管漏水', 'Z11', contact => '13800000002') r;
SELECT FROM triage.add_source((SELECT m.case_id FROM made m WHERE m.name = 'other'), 'v12345', '也是我', contact => '0086 13800000001', confidential => true);
COPY triage.cases (channel, body, area, contact) FROM stdin;
v110	持刀打架	Z11	(0579) 8712 3456
v110	水管漏水	Z11	   
\.
SELECT is((SELECT count(*) FROM triage.contact_secret), 1::bigint, 'one key');
SELECT is((SELECT count(*) FROM triage.case_sources s WHERE s.contact_key = triage.contact_key('138 0000 0001')), 3::bigint, 'one person, however the number is written and the report comes');
SELECT is((SELECT count(*) FROM triage.case_sources s WHERE s.contact_key IS NULL), 2::bigint, 'no contact, no digest');
SELECT is((SELECT count(*) FROM triage.case_sources s WHERE octet_length(s.contact_key) <> 16), 0::bigint, 'sixteen bytes');
SELECT is((SELECT count(*) FROM triage.case_sources s WHERE s.contact_key = sha256(convert_to('n13800000001', 'UTF8')) OR strpos(encode(s.contact_key, 'escape'), '138') > 0), 0::bigint, 'that nobody can make who has not the key');
SELECT is(pg_temp.refusal('SET ROLE t112_desk; SELECT * FROM triage.contact_secret') ^@ '42501', true, 'which nobody reads');
RESET ROLE;

-- ---- caller() ----
CREATE FUNCTION pg_temp.known(number text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', m.name, c.status, c.calls_30d, array_to_string(c.flags, '+')), ', ' ORDER BY m.name) FROM triage.caller(number) c JOIN made m USING (case_id)
$$;
SET ROLE t112_desk;
SELECT is(pg_temp.known('0138 0000 0001'), 'insert dispatched 3 open+repeat_caller, other dispatched 3 open+repeat_caller+confidential, report dispatched 3 open+repeat_caller', 'a caller''s cases, also those he joined');
SELECT is((SELECT array_agg(c.flags) FROM triage.caller('+86 579 87123456') c)::text, '{{open,danger}}', 'a landline with its area code; danger');
SELECT is_empty($$SELECT * FROM triage.caller('87123456')$$, 'without it another number');
SELECT is_empty($$SELECT * FROM triage.caller('   ')$$, 'nobody is known by blanks');
SELECT is(pg_temp.refusal('SELECT * FROM triage.caller(NULL)'), 'TR003 argument "contact" must not be null', 'null');
RESET ROLE;
UPDATE triage.cases c SET status = 'closed', closed_at = '2026-03-02 10:00+08' FROM made m WHERE m.case_id = c.case_id AND m.name = 'insert';
SELECT is((SELECT c.flags::text FROM triage.caller('13800000001') c JOIN made m USING (case_id) WHERE m.name = 'insert'), '{repeat_caller}', 'a closed case is not open');
SET triage.now = '2026-05-02 10:00+08';
SELECT is((SELECT array_agg(DISTINCT c.calls_30d) FROM triage.caller('13800000001') c), ARRAY[0], 'thirty days later nothing counts');

-- the last ten, and older ones that are open
SET triage.now = '2026-05-03 10:00+08';
INSERT INTO triage.cases (channel, body, area, contact) SELECT 'v110', '噪音', 'Z12', '13800000001' FROM generate_series(1, 12);
UPDATE triage.cases c SET status = 'closed', closed_at = triage.clock() WHERE c.received_at > '2026-05-01';
SELECT is((SELECT count(*) FROM triage.caller('13800000001')), 12::bigint, 'the last ten and two older open ones');
SELECT ok((SELECT bool_and(x.ok) FROM (SELECT c.reported_at <= lag(c.reported_at) OVER () OR row_number() OVER () = 1 AS ok FROM triage.caller('13800000001') c) x), 'newest first');
SELECT is((SELECT array_agg(DISTINCT c.calls_30d) FROM triage.caller('13800000001') c), ARRAY[12], 'all are counted');

-- ---- who sees what ----
INSERT INTO triage.members (role, duty, department, area) VALUES ('t112_desk', 'operator', '', 'Z11'), ('t112_far', 'centre', '', 'Z2');
INSERT INTO triage.members (role, duty, department) SELECT DISTINCT 't112_team', 'handler', a.department
	FROM triage.assignments a JOIN triage.cases c USING (case_id) WHERE c.received_at > '2026-05-01' AND a.duty = 'lead';
SET ROLE t112_desk;
SELECT is(pg_temp.known('13800000001'), 'other dispatched 0 open+confidential, report dispatched 0 open', 'an operator knows his area''s cases, and counts those');
SET ROLE t112_far;
SELECT is_empty($$SELECT * FROM triage.caller('13800000001')$$, 'another area''s centre does not know him');
SET ROLE t112_team;
SELECT is((SELECT array_agg(DISTINCT c.calls_30d) FROM triage.caller('13800000001') c), ARRAY[12], 'a department knows him by its own cases');
RESET ROLE;

-- the index serves it
SET enable_seqscan = off;
CREATE FUNCTION pg_temp.plan_of(q text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || q; END $$;
SELECT ok((SELECT bool_or(p LIKE '%case_sources_contact_idx%') AND NOT bool_or(p LIKE '%Sort%') FROM pg_temp.plan_of($$SELECT s.case_id FROM triage.case_sources s WHERE s.contact_key = '\x00' ORDER BY s.reported_at DESC LIMIT 1000$$) p), 'by one index, in its order');

SELECT * FROM finish();
