-- Rights in the tables: row security, columns, masked results, confidence, claims of pooled logins, the recipe of roles.
-- Source: sql/70_row_security.sql, sql/recipes/pg_triage_roles.sql, extension/casework/rights.c, extension/base/claim.c
\ir include/helpers.psql
BEGIN;
\ir include/small.psql
COMMIT;
SET triage.now = '2026-03-02 10:00+08';
CREATE ROLE t152_team LOGIN; CREATE ROLE t152_env; CREATE ROLE t152_centre1; CREATE ROLE t152_all; CREATE ROLE t152_stranger; CREATE ROLE t152_hotline; CREATE ROLE t152_loads BYPASSRLS;
CREATE ROLE t152_web LOGIN;

-- ---- an installation without members: grants alone ----
SELECT is((SELECT relrowsecurity FROM pg_class WHERE oid = 'triage.cases'::regclass), false, 'before the first member cases are open to whom they are granted');
SELECT is((SELECT h.state || ' ' || h.value FROM triage.health() h WHERE h.item = 'row_security'), 'notice off', 'health() says so');
GRANT USAGE ON SCHEMA triage TO t152_loads, t152_stranger;
GRANT INSERT (channel, body, area, reporter, contact) ON triage.cases TO t152_loads, t152_stranger;
SET ROLE t152_stranger;
COPY triage.cases (channel, body, area, reporter, contact) FROM stdin;
v110	广场舞噪音	Z11	Li	13800000000
\.
RESET ROLE;
SELECT is((SELECT count(*) FROM triage.cases), 1::bigint, 'whoever may insert may COPY');

-- ---- the recipe ----
\cd sql/recipes
\i pg_triage_roles.sql
\cd ../..
GRANT triage_handler TO t152_team, t152_env;
GRANT triage_centre TO t152_centre1;
GRANT triage_admin TO t152_all;
GRANT triage_reporter TO t152_hotline;
GRANT triage_centre TO t152_web;
INSERT INTO triage.members (role, duty, department, area) VALUES ('t152_team', 'handler', 'TOWN11', ''), ('t152_env', 'handler', 'WATER', ''),
	('t152_centre1', 'centre', 'CENTRE1', 'Z1'), ('t152_all', 'admin', '', ''), ('wang', 'handler', 'TOWN11', ''), ('li', 'handler', 'TOWN12', '');
SELECT is((SELECT relrowsecurity FROM pg_class WHERE oid = 'triage.cases'::regclass), true, 'with the first member it is on');
SELECT is((SELECT h.state || ' ' || h.value FROM triage.health() h WHERE h.item = 'row_security'), 'ok on', 'and health() is content');

SELECT c.case_id AS a FROM triage.cases c \gset
SELECT (triage.report('v110', '有人持刀', 'Z12', reporter => 'Wang', contact => '13900000000')).case_id AS b \gset
SELECT (triage.report('v110', '随便说说', 'Z21', reporter => 'Zhao', contact => '13700000000')).case_id AS c \gset
SELECT (triage.report('v110', '随便说说', NULL, reporter => 'Sun', contact => '13600000000')).case_id AS d \gset

CREATE FUNCTION pg_temp.seen(relation text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r	text;
BEGIN
	EXECUTE format('SELECT string_agg(DISTINCT case_id::text, '','') FROM triage.%I', relation) INTO r;
	RETURN coalesce(r, '');
END
$$;
CREATE TEMP TABLE may (role text, cases text);
INSERT INTO may VALUES ('t152_team', :'a'), ('t152_env', ''), ('t152_centre1', concat_ws(',', :'a', :'b', :'d')),
	('t152_all', concat_ws(',', :'a', :'b', :'c', :'d'));
GRANT SELECT ON may TO PUBLIC;
SET ROLE t152_team;
SELECT is(pg_temp.seen(t), :'a', 'a handler sees in ' || t || ' the cases of his department') FROM unnest(ARRAY['cases', 'assignments', 'clocks', 'events', 'decisions', 'case_sources']) t;
RESET ROLE; SET ROLE t152_env;
SELECT is(pg_temp.seen(t), '', 'who takes part in none sees nothing in ' || t) FROM unnest(ARRAY['cases', 'assignments', 'clocks', 'events', 'decisions', 'case_sources']) t;
RESET ROLE; SET ROLE t152_centre1;
SELECT is(pg_temp.seen(t), concat_ws(',', :'a', :'b', :'d'), 'a centre sees in ' || t || ' the cases of its area, and those without a place')
	FROM unnest(ARRAY['cases', 'assignments', 'clocks', 'events', 'decisions', 'case_sources']) t;
SELECT is((SELECT string_agg(c.case_id::text, ',' ORDER BY c.case_id) FROM generate_series(:a, :d) g JOIN triage.cases c ON c.case_id = g WHERE triage.may_see(c.case_id)),
	pg_temp.seen('cases'), 'the same that may_see() says');
RESET ROLE; SET ROLE t152_all;
SELECT is(pg_temp.seen('cases'), concat_ws(',', :'a', :'b', :'c', :'d'), 'who has no area sees all');
SELECT is(pg_temp.seen('deliveries') <> '', true, 'an administrator deliveries too');
SELECT is((triage.seal('2026-03-01')).heads, 4::bigint, 'and seals');
SELECT is((SELECT count(*) FROM triage.verify_history()), 0::bigint, 'verifies');
SELECT is((triage.export_case(:c) -> 'case' ->> 'case_id')::bigint, :c::bigint, 'exports');
RESET ROLE; SET ROLE t152_centre1;
SELECT matches(pg_temp.refusal('SELECT triage.verify_history()'), '^TR002 verify_history is not yours to do', 'a centre does not');
RESET ROLE;

-- every table with a case in it is guarded
SELECT is((SELECT string_agg(k.relname, ', ' ORDER BY k.relname) FROM pg_class k JOIN pg_attribute t ON t.attrelid = k.oid AND t.attname = 'case_id' AND NOT t.attisdropped
	WHERE k.relnamespace = 'triage'::regnamespace AND k.relkind = 'r' AND NOT k.relrowsecurity), NULL::text, 'no table of cases is without row security');
SELECT is((SELECT string_agg(k.relname, ', ') FROM pg_class k WHERE k.relnamespace = 'triage'::regnamespace AND k.relkind = 'v'
	AND k.relname IN ('my_parts', 'my_cases', 'complained_about') AND NOT coalesce(k.reloptions @> ARRAY['security_barrier=true'], false)), NULL::text, 'the views are barriers');

-- ---- what is granted too much does not help ----
GRANT SELECT, INSERT, UPDATE, DELETE ON triage.events, triage.assignments, triage.contact_secret TO t152_env;
GRANT UPDATE, DELETE ON triage.cases TO t152_env;
SET ROLE t152_env;
SELECT is(pg_temp.refusal(format('INSERT INTO triage.assignments (case_id, seq, department, duty, status, offered_at) VALUES (%s, 99, ''WATER'', ''assist'', ''offered'', now())', :a)),
	'42501 new row violates row-level security policy for table "assignments"', 'nobody writes himself into a case');
CREATE FUNCTION pg_temp.touched(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n	bigint;
BEGIN
	EXECUTE statement;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN n;
END
$$;
SELECT is(pg_temp.touched('UPDATE triage.cases SET status = ''closed'''), 0::bigint, 'an update finds no row');
SELECT is(pg_temp.touched('DELETE FROM triage.cases'), 0::bigint, 'a delete neither');
SELECT is((SELECT count(*) FROM triage.contact_secret), 0::bigint, 'the secret stays one');
-- a function of one's own in the WHERE clause sees only rows that may be seen
CREATE TEMP TABLE leaked (body text);
CREATE FUNCTION pg_temp.leak(t text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN INSERT INTO leaked VALUES (t); RETURN true; END $$;
SELECT count(*) FROM triage.cases c WHERE pg_temp.leak(c.body) \g /dev/null
SELECT is((SELECT count(*) FROM leaked), 0::bigint, 'a leaky condition learns nothing');
RESET ROLE;

-- ---- columns ----
SET ROLE t152_team;
SELECT is(pg_temp.refusal('SELECT contact FROM triage.cases'), '42501 permission denied for table cases', 'contacts are in no table for a handler');
SELECT is(pg_temp.refusal('SELECT contact FROM triage.case_sources'), '42501 permission denied for table case_sources', 'nor among the sources');
SELECT is((SELECT (r.reporter, r.contact)::text FROM triage.accept(:a) r), '(,)', 'what a verb returns hides the caller');
SELECT results_eq(format('SELECT * FROM triage.reveal_contact(%s, ''回电'')', :a), $$VALUES ('Li', '13800000000')$$, 'reveal_contact() shows him');
RESET ROLE;
SELECT is(pg_temp.verbs(:a), 'report accept reveal_contact', 'and the look is on record');
SET ROLE t152_hotline;
SELECT is(pg_temp.refusal('INSERT INTO triage.cases (channel, body, status) VALUES (''v110'', ''x'', ''closed'')'), '42501 permission denied for table cases', 'a reporter forges no status');
SELECT is(pg_temp.refusal('INSERT INTO triage.cases (channel, body, lead) VALUES (''v110'', ''x'', ''ENV'')'), '42501 permission denied for table cases', 'nor a lead');
SELECT is(pg_temp.refusal('INSERT INTO triage.cases (case_id, channel, body) VALUES (99999, ''v110'', ''x'')'), '42501 permission denied for table cases', 'nor a number');
SELECT is(pg_temp.refusal('INSERT INTO triage.decisions VALUES (1)'), '42501 permission denied for table decisions', 'nor a decision');
INSERT INTO triage.cases (channel, body, area, reporter) VALUES ('v110', '广场舞噪音', 'Z11', 'Qian');
SELECT is((SELECT (r.status, r.reporter, r.contact)::text FROM triage.report('v110', '广场舞噪音', 'Z11', reporter => 'Wu', contact => '13500000000') r), '(dispatched,,)',
	'who reports gets his case back, without what he may not read');
SELECT is(pg_temp.refusal('SELECT count(*) FROM triage.cases'), '42501 permission denied for table cases', 'and reads none');
RESET ROLE;
SELECT is((SELECT string_agg(c.lead, ',') FROM triage.cases c WHERE c.reporter IN ('Qian', 'Wu')), 'TOWN11,TOWN11', 'both were taken in');
SET ROLE t152_stranger;
SELECT is(pg_temp.refusal($$COPY triage.cases (channel, body) FROM '/dev/null'$$) ^@ '42501', true, 'COPY from a file is for those who may read files');
RESET ROLE;
SET ROLE t152_loads;
COPY triage.cases (channel, body, area, reporter, contact) FROM stdin;
v110	广场舞噪音	Z11	Zhou	13400000000
\.
RESET ROLE;
SELECT is((SELECT c.lead FROM triage.cases c WHERE c.reporter = 'Zhou'), 'TOWN11', 'a loader''s COPY goes through intake');

-- ---- in confidence ----
SELECT (triage.report('v110', '广场舞噪音，街道办不作为', 'Z11', reporter => 'Chen', contact => '13300000000', attrs => '{"complains_about": "TOWN11"}')).case_id AS e \gset
SELECT (triage.report('v110', '广场舞噪音', 'Z11', reporter => 'He', contact => '13200000000', attrs => '{"confidential": true}')).case_id AS f \gset
SELECT results_eq('SELECT s.case_id, s.confidential FROM triage.case_sources s WHERE s.case_id IN (' || :e || ',' || :f || ',' || :a || ') ORDER BY 1',
	format('VALUES (%s::bigint, false), (%s, true), (%s, true)', :a, :e, :f), 'who complains about a unit, or says so, is a source in confidence');
SET ROLE t152_all;
SELECT (triage.add_source(:e, 'v12345', '我也反映', 'Gu', '13100000000')).status \g /dev/null
RESET ROLE;
GRANT SELECT (reporter, contact) ON triage.cases TO t152_team;
SET ROLE t152_team;
SELECT results_eq(format('SELECT s.case_id, s.seq FROM triage.case_sources s WHERE s.case_id IN (%s, %s) ORDER BY 1, 2', :e, :f),
	format('VALUES (%s::bigint, 2), (%s::bigint, 1)', :e, :f), 'the unit complained about does not see that source; another''s confidence it keeps');
SELECT results_eq(format('SELECT * FROM triage.reveal_contact(%s, ''回电'')', :e), $$VALUES ('Gu', '13100000000')$$, 'nor is he revealed to it');
SELECT is((SELECT (r.reporter, r.contact)::text FROM triage.accept(:e) r), '(,)', 'nor by a verb, whatever its role may read');
SELECT is((SELECT (r.reporter, r.contact)::text FROM triage.accept(:f) r), '(He,13200000000)', 'which elsewhere counts');
RESET ROLE;
SET ROLE t152_centre1;
SELECT is((SELECT count(*) FROM triage.reveal_contact(:e, '核实')), 2::bigint, 'the centre sees both');
RESET ROLE;
SELECT is((SELECT count(*) FROM triage.deliveries d WHERE d.payload LIKE '%13300000000%' OR d.payload LIKE '%Chen%'), 0::bigint, 'no payload names a caller');
SELECT is((SELECT count(*) FROM triage.events e WHERE e.data::text ~ '13[0-9]{9}'), 0::bigint, 'no event either');

-- ---- one login for many ----
ALTER SYSTEM SET triage.claim_roles = 't152_web';
ALTER SYSTEM SET triage.claim_secret = '0123456789abcdef0123456789abcdef';
SELECT pg_reload_conf() \g /dev/null
-- HMAC-SHA256 by its definition (RFC 2104), for a key of one block at most
CREATE FUNCTION pg_temp.xored(key bytea, with_byte int) RETURNS bytea LANGUAGE sql AS $$
	SELECT string_agg(set_byte('\x00'::bytea, 0, CASE WHEN i < length(key) THEN get_byte(key, i) ELSE 0 END # with_byte), ''::bytea ORDER BY i) FROM generate_series(0, 63) i
$$;
CREATE FUNCTION pg_temp.claim(name text, seconds int DEFAULT 60, key bytea DEFAULT '0123456789abcdef0123456789abcdef') RETURNS text LANGUAGE sql AS $$
	SELECT m || ';' || encode(sha256(pg_temp.xored(key, 92) || sha256(pg_temp.xored(key, 54) || convert_to(m, 'UTF8'))), 'hex')
	FROM (SELECT name || ';' || (extract(epoch FROM now())::bigint + seconds)) s(m)
$$;
DO $$ BEGIN FOR i IN 1..500 LOOP EXIT WHEN current_setting('triage.claim_roles') = 't152_web'; PERFORM pg_sleep(0.01); END LOOP; END $$;
SET ROLE t152_web;
SELECT is(triage.actor(), 't152_web', 'without a claim a pooled login acts for itself');
SELECT is(pg_temp.seen('cases'), '', 'which sees nothing');
SELECT set_config('triage.actor', pg_temp.claim('wang'), false) \g /dev/null
SELECT is(triage.actor(), 'wang', 'a signed claim names who acts');
SELECT is((SELECT count(*) > 0 AND bool_and(c.lead = 'TOWN11') FROM triage.cases c), true, 'rows are his');
SELECT is((SELECT r.status FROM triage.feed_back(:a, body => '去看了') r), 'in_progress', 'so are verbs');
SELECT matches(pg_temp.refusal('SELECT triage.accept(' || :b || ')'), '^TR003 case', 'others'' cases are not');
SELECT set_config('triage.actor', pg_temp.claim('postgres'), false) \g /dev/null
SELECT is(triage.acts_as_owner(), false, 'a claim lends no owner''s rights');
SELECT is(pg_temp.refusal(t.q), 'TR002 the claim in triage.actor is not good', t.what) FROM (VALUES
	('SELECT triage.actor() FROM set_config(''triage.actor'', ''wang'', false)', 'an unsigned claim'),
	(format('SELECT triage.actor() FROM set_config(''triage.actor'', %L, false)', pg_temp.claim('wang', -1)), 'one past its time'),
	(format('SELECT triage.actor() FROM set_config(''triage.actor'', %L, false)', pg_temp.claim('wang', key => 'another key of thirty-two bytes..')), 'one signed with another key'),
	(format('SELECT triage.actor() FROM set_config(''triage.actor'', %L, false)', replace(pg_temp.claim('wang'), 'wang', 'li')), 'one with another name'),
	(format('SELECT triage.actor() FROM set_config(''triage.actor'', %L, false)', pg_temp.claim(repeat('w', 200))), 'a name too long')) t(q, what);
RESET ROLE;
SELECT set_config('triage.actor', pg_temp.claim('li'), false) \g /dev/null
SET ROLE t152_team;
SELECT is(pg_temp.refusal('SELECT triage.actor()'), 'TR002 the claim in triage.actor is not good', 'a role that is not listed may not claim');
SELECT matches(pg_temp.refusal('SHOW triage.claim_secret'), '^42501', 'the secret is not shown');
RESET ROLE;
RESET triage.actor;
SELECT is((SELECT e.actor FROM triage.events e WHERE e.case_id = :a AND e.verb = 'feed_back'), 'wang', 'the history names who acted');
ALTER SYSTEM RESET triage.claim_roles;
ALTER SYSTEM RESET triage.claim_secret;
SELECT pg_reload_conf() \g /dev/null

-- ---- and open again ----
DELETE FROM triage.members;
SELECT is((SELECT relrowsecurity FROM pg_class WHERE oid = 'triage.cases'::regclass), false, 'without members it is off again');
SELECT * FROM finish();
DROP OWNED BY t152_team, t152_env, t152_centre1, t152_all, t152_stranger, t152_hotline, t152_loads, t152_web, triage_reader, triage_operator, triage_handler, triage_centre, triage_admin, triage_reporter, triage_loader;
DROP ROLE t152_team, t152_env, t152_centre1, t152_all, t152_stranger, t152_hotline, t152_loads, t152_web, triage_reader, triage_operator, triage_handler, triage_centre, triage_admin, triage_reporter, triage_loader;
