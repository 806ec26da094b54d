-- police_audit(): what may have been a matter of the police.
-- Source: sql/54_police_audit.sql
\ir include/helpers.psql
\ir include/small.psql

INSERT INTO triage.case_types (code, zh, en, nature, priority) VALUES ('THEFT', '盗窃', 'Theft', 'police', 2);
INSERT INTO triage.terms (case_type, kind, term) VALUES ('THEFT', 'include', '小偷'), ('NOISE', 'include', '半夜唱歌扰民');
INSERT INTO triage.routes (code, case_type) VALUES ('theft', 'THEFT');
INSERT INTO triage.route_parties (route, seq, relation, duty) VALUES ('theft', 1, 'T_PS', 'lead');
INSERT INTO triage.context_words (kind, word, stands, reach, scope) VALUES ('past', '去年', 'before', 40, 'sentence'), ('figure', '打架子鼓', 'over', 0, 'clause');

SELECT has_function('triage', 'police_audit', ARRAY['timestamptz', 'timestamptz'], 'police_audit(since, until)');
SELECT is((p.provolatile, p.proparallel, p.prosecdef, p.proconfig)::text, ('s', 'r', true, ARRAY['search_path=pg_catalog, pg_temp'])::text, 'stable, parallel restricted, security definer, path locked')
FROM pg_proc p WHERE p.oid = 'triage.police_audit'::regproc;

SET triage.now = '2026-03-02 10:00+08';
CREATE TEMP TABLE made (name text PRIMARY KEY, case_id bigint);
GRANT SELECT ON made TO PUBLIC;
INSERT INTO made SELECT 'plain', r.case_id FROM triage.report('web', '半夜有噪音，广场舞噪音', 'Z11', reporter => 'a') r;
INSERT INTO made SELECT 'past', r.case_id FROM triage.report('web', '去年着火，今年水管水管漏水', 'Z11', reporter => 'a') r;
INSERT INTO made SELECT 'figure', r.case_id FROM triage.report('web', '打架子鼓，噪音', 'Z12', reporter => 'a') r;
INSERT INTO made SELECT 'theft', r.case_id FROM triage.report('web', '半夜唱歌扰民，半夜唱歌扰民，怀疑是小偷', 'Z11', reporter => 'a') r;
INSERT INTO made SELECT 'fight', r.case_id FROM triage.report('v110', '打架', 'Z11', reporter => 'a') r;
INSERT INTO made SELECT 'backup', r.case_id FROM triage.report('v110', '水管爆裂', 'Z11', reporter => 'a') r;
INSERT INTO made SELECT 'unclear', r.case_id FROM triage.report('web', '着火', 'Z21', reporter => 'a') r;
INSERT INTO made SELECT 'nowhere', r.case_id FROM triage.report('web', '去年着火，今年有噪音噪音', reporter => 'a') r;
SET triage.now = '2026-03-03 10:00+08';
INSERT INTO made SELECT 'later', r.case_id FROM triage.report('web', '去年打架，现在漏水漏水', 'Z11', reporter => 'a') r;
SET triage.now = '2026-03-02 12:00+08';

CREATE FUNCTION pg_temp.audit(since text DEFAULT '2026-03-02 00:00+08', until text DEFAULT '2026-03-03 00:00+08') RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(m.name || ' ' || a.reason, ', ' ORDER BY m.name, a.reason) FROM triage.police_audit($1::timestamptz, $2::timestamptz) a JOIN made m ON m.case_id = a.case_id
$$;
SELECT is(pg_temp.audit(), 'figure not_counted, nowhere not_counted, past not_counted, theft outweighed', 'words that were not counted, and those that lost');
SELECT is((SELECT a.detail->'words' FROM triage.police_audit('2026-03-02 00:00+08', '2026-03-03 00:00+08') a JOIN made m USING (case_id) WHERE m.name = 'past'),
	'[["着火", "FIRE", "past", "去年"]]'::jsonb, 'which, and why');
SELECT is((SELECT a.detail - 'words' - 'at' FROM triage.police_audit('2026-03-02 00:00+08', '2026-03-03 00:00+08') a JOIN made m USING (case_id) WHERE m.name = 'past') - '{zh,en}'::text[],
	'{"decision": 1, "case_type": "LEAK", "lead": "TOWN11"}'::jsonb, 'of which decision, who has it');
SELECT is((SELECT bool_and(a.detail->>'zh' <> '' AND a.detail->>'en' <> '') FROM triage.police_audit('2026-03-02 00:00+08', '2026-03-03 00:00+08') a), true, 'the reason in Chinese and English');

-- ---- a quiet police word beside another matter, let through by the setting ----
SET triage.police_share = 1;
INSERT INTO made SELECT 'quiet', r.case_id FROM triage.report('web', '半夜唱歌扰民，半夜唱歌扰民，怀疑是小偷', 'Z11', reporter => 'b') r;
RESET triage.police_share;
SELECT is((SELECT c.status || ' ' || c.case_type FROM triage.cases c JOIN made m USING (case_id) WHERE m.name = 'theft'), 'dispatched NOISE', 'a theft word of a tenth does not stop the noise');
SELECT matches(pg_temp.audit(), 'quiet outweighed', 'a police word that counted and lost');
SELECT matches(pg_temp.audit(), 'theft outweighed', 'whatever the setting was');

-- ---- later ----
SELECT c.case_id FROM made m, triage.confirm_danger(m.case_id, true) c WHERE m.name = 'unclear' \g /dev/null
SELECT unalike(pg_temp.audit(), '%unclear%', 'danger that a person confirmed before anybody else had it is no upgrade');
SET triage.now = '2026-03-02 10:30+08';
SELECT triage.tick(NULL, 1000) \g /dev/null
SELECT matches(pg_temp.verbs(m.case_id), 'police_backup', 'nobody came: the police were sent') FROM made m WHERE m.name = 'backup';
SELECT matches(pg_temp.audit(), 'backup upgraded', 'and that is an upgrade');
SELECT is((SELECT a.detail #>> '{events,0,verb}' FROM triage.police_audit('2026-03-02 00:00+08', '2026-03-03 00:00+08') a JOIN made m USING (case_id) WHERE m.name = 'backup'), 'police_backup', 'with its event');
SELECT is((SELECT count(*) FROM triage.police_audit('2026-03-02 00:00+08', '2026-03-03 00:00+08') a JOIN made m USING (case_id) WHERE m.name IN ('plain', 'fight')), 0::bigint, 'nothing of cases without such words, nor of those the police have');

-- ---- the period ----
SELECT is(pg_temp.audit('2026-03-03 00:00+08', '2026-03-04 00:00+08'), 'later not_counted', 'by the time of the report');
SELECT is(pg_temp.audit('2026-03-02 10:00+08', '2026-03-02 10:00:00.000001+08') IS NOT NULL, true, 'since is in the period');
SELECT is(pg_temp.audit('2026-03-01 00:00+08', '2026-03-02 10:00+08'), NULL::text, 'until is not');
SELECT is(pg_temp.refusal(q), w, q) FROM (VALUES
	('SELECT * FROM triage.police_audit(NULL, now())', 'TR003 argument "since" must not be null'),
	('SELECT * FROM triage.police_audit(now(), NULL)', 'TR003 argument "until" must not be null'),
	('SELECT * FROM triage.police_audit(now(), now())', 'TR003 the period is empty')) v(q, w);

-- ---- a short period of many cases is read by the index ----
INSERT INTO triage.cases (channel, body, area, reporter, reported_at) SELECT 'grid', '噪音', 'Z11', 'r', timestamptz '2026-01-01 00:00+08' + g * interval '4 minutes' FROM generate_series(1, 6000) g;
ANALYZE triage.cases;
CREATE FUNCTION pg_temp.plan_of(q text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || q; END $$;
SELECT is((SELECT count(*) FROM pg_temp.plan_of($$SELECT c.case_id FROM triage.cases c WHERE c.reported_at >= '2026-03-02 00:00+08' AND c.reported_at < '2026-03-03 00:00+08'$$) p(l) WHERE p.l ~ 'cases_reported_idx') > 0, true, 'the condition by which it reads cases has an index');

-- ---- rights ----
CREATE ROLE audit_none; CREATE ROLE audit_centre; CREATE ROLE audit_town; CREATE ROLE audit_handler;
GRANT USAGE ON SCHEMA triage TO audit_centre, audit_town, audit_handler, audit_none;
GRANT EXECUTE ON FUNCTION triage.police_audit(timestamptz, timestamptz) TO audit_centre, audit_town, audit_handler;
INSERT INTO triage.members (role, duty, department, area) VALUES ('audit_centre', 'centre', '', ''), ('audit_town', 'centre', '', 'Z12'), ('audit_handler', 'handler', 'TOWN11', '');
SET ROLE audit_none;
SELECT is(pg_temp.refusal('SELECT * FROM triage.police_audit(now() - interval ''1 day'', now())'), '42501 permission denied for function police_audit', 'not granted, not run');
SET ROLE audit_centre;
SELECT is(pg_temp.audit(), 'backup upgraded, figure not_counted, nowhere not_counted, past not_counted, quiet outweighed, theft outweighed', 'a centre sees all');
SET ROLE audit_town;
SELECT is(pg_temp.audit(), 'figure not_counted, nowhere not_counted', 'a town its own, and cases without a place');
SET ROLE audit_handler;
SELECT is(pg_temp.audit(), 'backup upgraded, past not_counted, quiet outweighed, theft outweighed', 'a handler the cases of the department');
RESET ROLE;
DELETE FROM triage.members;
DROP OWNED BY audit_none, audit_centre, audit_town, audit_handler;
DROP ROLE audit_none, audit_centre, audit_town, audit_handler;

SELECT * FROM finish();
