-- Real texts of citizens: whatever they write, it has an owner, a decision on
-- record and clocks that run; the same words are decided the same again.
-- Source: extension/casework/intake.c, extension/rulebook/*.c, rules/zhejiang/
\ir include/helpers.psql

-- ---- the texts, where there are any ----
\set liuyan ''
\set teddy ''
\getenv data TRIAGE_DATA
\if :{?data}
SELECT :'data' || '/zhejiang_liuyan_2026.csv' AS liuyan, :'data' || '/teddy2020_c2_messages.csv' AS teddy \gset
\endif
SELECT coalesce((pg_stat_file(nullif(:'liuyan', ''), true)).size, 0) > 0 AND coalesce((pg_stat_file(nullif(:'teddy', ''), true)).size, 0) > 0 AS found \gset
\if :found
\else
SELECT skip('no sample texts: TRIAGE_DATA is not set', 1);
SELECT * FROM finish();
\q
\endif

INSERT INTO triage.local_state (key, value, at) VALUES ('stopped', 'tests', now()) ON CONFLICT DO NOTHING;
SET triage.now = '2026-03-02 10:00+08';
CREATE TEMP TABLE liuyan (thread_id text, date text, board_level text, district text, subject text, excerpt text, domain text, type text, status text, is_public_security text);
COPY liuyan FROM :'liuyan' (FORMAT csv, HEADER);
CREATE TEMP TABLE teddy (id text, message_no text, user_hash text, created_at text, subject text, text text, level1 text, source text, token_row text);
COPY teddy FROM :'teddy' (FORMAT csv, HEADER);
CREATE TEMP TABLE texts AS
	SELECT row_number() OVER () AS n, t.* FROM (
		SELECT 'liuyan' AS source, 'message_board' AS channel, concat_ws(E'\n', l.subject, l.excerpt) AS body FROM liuyan l
		UNION ALL
		SELECT 'teddy', '12345_web', t.text FROM teddy t) t;
SELECT cmp_ok((SELECT count(*) FROM texts t WHERE t.source = s), '>', 900::bigint, s || ': the texts are there') FROM unnest(ARRAY['liuyan', 'teddy']) s;

-- ---- all are taken in ----
SELECT is((SELECT string_agg(format('text %s: %s', r.n, r.refusal), '; ' ORDER BY r.n) FROM (
		SELECT t.n, pg_temp.refusal(format('SELECT triage.report(%L, %L, reporter => %L, external_ref => %L)', t.channel, t.body, 'r', 'real ' || t.n)) AS refusal FROM texts t) r
	WHERE r.refusal IS NOT NULL), NULL::text, 'every text is taken in');
CREATE TEMP TABLE real AS
	SELECT t.n, t.source, t.channel, t.body, c.case_id FROM texts t JOIN triage.case_refs r ON r.channel = t.channel AND r.external_ref = 'real ' || t.n JOIN triage.cases c ON c.case_id = r.case_id;
SELECT is((SELECT count(DISTINCT r.case_id) FROM real r), (SELECT count(*) FROM texts), 'as a case of its own');
ANALYZE triage.cases, triage.decisions, triage.assignments, triage.clocks, triage.events, real;

SELECT is((SELECT count(*) FROM real r JOIN triage.cases c USING (case_id) WHERE NOT EXISTS (
		SELECT FROM triage.assignments a JOIN triage.departments d ON d.code = a.department
		WHERE a.case_id = c.case_id AND a.duty = 'lead' AND a.status = 'offered' AND a.department = c.lead AND d.active)), 0::bigint, 'every case has an owner');
SELECT is((SELECT count(*) FROM real r JOIN triage.cases c USING (case_id) LEFT JOIN triage.decisions d ON d.case_id = c.case_id AND d.seq = 1
		WHERE d.reason IS NULL OR d.reason = '' OR d.case_type IS DISTINCT FROM c.case_type OR (d.route IS NULL AND c.status = 'dispatched')), 0::bigint, 'a decision with its reason, dispatched by a rule');
SELECT is((SELECT count(*) FROM real r JOIN triage.cases c USING (case_id) WHERE NOT EXISTS (
		SELECT FROM triage.clocks k WHERE k.case_id = c.case_id AND k.state = 'running' AND k.stage = CASE c.status WHEN 'triage' THEN 'triage' ELSE 'resolve' END)), 0::bigint, 'a clock for what comes next');
SELECT is((SELECT count(*) FROM real r JOIN triage.clocks k USING (case_id) WHERE k.due_at <= k.started_at OR k.next_step_at < k.started_at), 0::bigint, 'no clock is overdue at once');
SELECT is((SELECT count(*) FROM real r WHERE 1 <> (SELECT count(*) FROM triage.events e WHERE e.case_id = r.case_id)), 0::bigint, 'and one event');
SELECT is((SELECT count(*) FROM real r JOIN triage.cases c USING (case_id) WHERE c.danger AND (c.status <> 'triage' OR c.priority <> 1)), 0::bigint, 'danger in writing goes to a person first, as U1');
SELECT is((SELECT count(*) FROM real r JOIN triage.cases c USING (case_id) WHERE c.confidence NOT BETWEEN 0 AND 1 OR c.confidence IS NULL), 0::bigint, 'the confidence is one');
SELECT is((SELECT count(*) FROM real r WHERE triage.explain(r.case_id) !~ '第1次判定'), 0::bigint, 'every decision can be explained');

-- ---- the same again ----
SELECT is((SELECT count(*) FROM real r JOIN triage.cases c USING (case_id), triage.preview(r.channel, r.body) p
		WHERE ROW(p->>'status', p->>'case_type', p->>'nature', p->>'priority', p->>'danger', p->>'area', p->>'lead')
		IS DISTINCT FROM ROW(c.status, c.case_type, c.nature, c.priority::text, c.danger::text, c.area, c.lead)), 0::bigint, 'preview() of the same words decides the same');
INSERT INTO triage.cases (channel, body, reporter, external_ref) SELECT r.channel, r.body, 'r', 'again ' || r.n FROM real r ORDER BY r.n DESC;
SELECT is((SELECT count(*) FROM real r JOIN triage.cases c USING (case_id) JOIN triage.decisions d USING (case_id)
		JOIN triage.case_refs x ON x.channel = r.channel AND x.external_ref = 'again ' || r.n JOIN triage.cases c2 ON c2.case_id = x.case_id JOIN triage.decisions d2 ON d2.case_id = x.case_id
		WHERE ROW(c.status, c.case_type, c.nature, c.priority, c.danger, c.area, c.lead, c.confidence, d.route, d.facts, d.candidates, d.reason)
		IS DISTINCT FROM ROW(c2.status, c2.case_type, c2.nature, c2.priority, c2.danger, c2.area, c2.lead, c2.confidence, d2.route, d2.facts, d2.candidates, d2.reason)), 0::bigint,
	'and so does one INSERT of all, in the other order, down to facts and candidates');
SELECT is((SELECT count(*) FROM triage.case_refs x WHERE x.external_ref ~ '^again '), (SELECT count(*) FROM texts), 'of all of them');

-- ---- nobody does anything for two weeks ----
SET triage.now = '2026-03-16 10:00+08';
SELECT sum(t.fired) AS fired, sum(t.quarantined) AS quarantined FROM triage.tick(NULL, 1000000) t \gset
SELECT cmp_ok(:fired, '>=', (SELECT count(*)::int FROM triage.cases), 'the ladders fire');
SELECT is(:quarantined, 0, 'for all of them');
SELECT is((SELECT count(*) FROM triage.cases c WHERE c.lead IS NULL OR c.colour IS NULL), 0::bigint, 'every case still has its owner, and shows that it is late');

SELECT diag(format('%s: %s texts, dispatched by the rules %s %%, danger to be confirmed %s %%, more than one likely %s %%, no term found %s %%, place found %s %%', r.source, count(*),
	round(100.0 * count(*) FILTER (WHERE c.status = 'dispatched') / count(*), 1), round(100.0 * count(*) FILTER (WHERE c.danger) / count(*), 1),
	round(100.0 * count(*) FILTER (WHERE d.facts->>'verdict' IN ('tie', 'weak')) / count(*), 1), round(100.0 * count(*) FILTER (WHERE d.facts->>'verdict' = 'no_match') / count(*), 1),
	round(100.0 * count(c.area) / count(*), 1)))
FROM real r JOIN triage.decisions d ON d.case_id = r.case_id AND d.seq = 1,
	LATERAL (SELECT CASE WHEN d.route IS NULL THEN 'triage' ELSE 'dispatched' END AS status, k.danger, k.area FROM triage.cases k WHERE k.case_id = r.case_id) c
GROUP BY r.source ORDER BY r.source;
SELECT diag(format('verdicts of %s: %s', v.source, string_agg(v.verdict || ' ' || v.n, ', ' ORDER BY v.n DESC)))
FROM (SELECT r.source, d.facts->>'verdict' AS verdict, count(*) AS n FROM real r JOIN triage.decisions d ON d.case_id = r.case_id AND d.seq = 1 GROUP BY 1, 2) v GROUP BY v.source ORDER BY v.source;

SELECT * FROM finish();
