-- From report to case: decision, place, route, parties, clocks, record.
-- Source: extension/casework/intake.c, report.c, extension/rulebook/*.c
\ir include/helpers.psql
BEGIN;
\ir include/small.psql
COMMIT;

CREATE ROLE t020_clerk;
GRANT USAGE ON SCHEMA triage TO t020_clerk;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA triage TO t020_clerk;
GRANT SELECT ON ALL TABLES IN SCHEMA triage TO t020_clerk;
GRANT INSERT ON triage.cases TO t020_clerk;
CREATE ROLE t020_nobody;
GRANT USAGE ON SCHEMA triage TO t020_nobody;

-- a Monday morning
SET triage.now = '2026-03-02 10:00+08';

-- ---- who may ----
SET ROLE t020_nobody;
SELECT is(pg_temp.refusal($$SELECT triage.report('v110', 'x')$$), '42501 permission denied for function report', 'report() is not for everybody');
SELECT is(pg_temp.refusal($$INSERT INTO triage.cases (channel, body) VALUES ('v110', 'x')$$), '42501 permission denied for table cases', 'nor is INSERT');
SET ROLE t020_clerk;

-- ---- the same decision by every way in ----
CREATE TEMP TABLE texts (n int, body text);
INSERT INTO texts VALUES (1, '东门街道广场舞噪音'), (2, '西山镇水管爆裂'), (3, '金都社区邻居吵架'), (4, '有人持刀'), (5, '随便说说'), (6, '咨询政策');
CREATE TEMP TABLE ways (way text, n int, decided text);
INSERT INTO ways SELECT 'report', t.n, pg_temp.decided((triage.report('v110', t.body, reporter => 'r')).case_id) FROM texts t ORDER BY t.n;
DO $$
DECLARE
	t	texts;
	id	bigint;
BEGIN
	FOR t IN SELECT * FROM texts LOOP
		INSERT INTO triage.cases (channel, body, reporter) VALUES ('v110', t.body, 'r') RETURNING case_id INTO id;
		INSERT INTO ways VALUES ('insert', t.n, pg_temp.decided(id));
	END LOOP;
END
$$;
INSERT INTO triage.cases (channel, body, reporter, external_ref)
	SELECT 'v110', t.body, 'r', 'select ' || t.n FROM texts t;
INSERT INTO triage.cases (channel, body, reporter, external_ref) VALUES ('v110', '东门街道广场舞噪音', 'r', 'values 1'), ('v110', '西山镇水管爆裂', 'r', 'values 2'),
	('v110', '金都社区邻居吵架', 'r', 'values 3'), ('v110', '有人持刀', 'r', 'values 4'), ('v110', '随便说说', 'r', 'values 5'), ('v110', '咨询政策', 'r', 'values 6');
COPY triage.cases (channel, body, reporter, external_ref) FROM STDIN (FORMAT csv);
v110,东门街道广场舞噪音,r,copy 1
v110,西山镇水管爆裂,r,copy 2
v110,金都社区邻居吵架,r,copy 3
v110,有人持刀,r,copy 4
v110,随便说说,r,copy 5
v110,咨询政策,r,copy 6
\.
INSERT INTO ways SELECT split_part(c.external_ref, ' ', 1), split_part(c.external_ref, ' ', 2)::int, pg_temp.decided(c.case_id) FROM triage.cases c WHERE c.external_ref IS NOT NULL;
SELECT results_eq(
	'SELECT w.n, count(*)::int, min(w.decided) FROM ways w GROUP BY w.n HAVING min(w.decided) = max(w.decided) ORDER BY w.n',
	$$VALUES (1, 5, 'dispatched NOISE nonpolice U3 Z11 TOWN11 noise terms'), (2, 5, 'dispatched BURST nonpolice U2 Z12 TOWN12 g terms'),
		(3, 5, 'dispatched QUARREL nonpolice U2 Z112 TOWN11 quarrel terms'), (4, 5, 'dispatched FIGHT police U1 danger PSB fight danger'),
		(5, 5, 'triage - undetermined U3 CENTRE - no_match'), (6, 5, 'dispatched ASK nonpolice U4 CENTRE ask terms')$$,
	'report(), INSERT, multi-row INSERT, INSERT ... SELECT and COPY decide the same');

-- report() writes its row past the executor: all rows that it makes, without what is each case's own
RESET ROLE;
CREATE FUNCTION pg_temp.written(id bigint) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(x.t || ' ' || (x.r - '{case_id,number,token,digest_key,hash,pos,delivery_id}'::text[]), E'\n' ORDER BY x.t, x.r->'seq', x.r->'clock_id', x.r->>'endpoint')
	FROM (SELECT 'case' AS t, to_jsonb(c) AS r FROM triage.cases c WHERE c.case_id = id
		UNION ALL SELECT 'ref', to_jsonb(f) FROM triage.case_refs f WHERE f.case_id = id
		UNION ALL SELECT 'source', to_jsonb(s) FROM triage.case_sources s WHERE s.case_id = id
		UNION ALL SELECT 'decision', to_jsonb(d) FROM triage.decisions d WHERE d.case_id = id
		UNION ALL SELECT 'assignment', to_jsonb(a) FROM triage.assignments a WHERE a.case_id = id
		UNION ALL SELECT 'clock', to_jsonb(k) FROM triage.clocks k WHERE k.case_id = id
		UNION ALL SELECT 'event', to_jsonb(e) #- '{data,personal}' FROM triage.events e WHERE e.case_id = id
		UNION ALL SELECT 'delivery', to_jsonb(d) || jsonb_build_object('payload', regexp_replace(d.payload, '[0-9a-f]{8}-[0-9a-f-]{27}|[0-9]{8}-[0-9]{6}|"case_id": ?[0-9]+', '', 'g'))
			FROM triage.deliveries d WHERE d.case_id = id) x
$$;
INSERT INTO texts VALUES (7, '邻居纠纷，扬言报复'), (8, '没有打架'), (9, '没有噪音。噪音');
CREATE TEMP TABLE rows_of (way text, n int, written text);
DO $$
DECLARE
	t	texts;
	id	bigint;
BEGIN
	FOR t IN SELECT * FROM texts LOOP
		id := (triage.report('v110', t.body, 'Z11', point(120.1, 28.9), '大街1号', 'r', '+86 13800000000', 'way 1', '2026-03-02 09:59+08', attrs => '{"asked": 1}')).case_id;
		INSERT INTO rows_of VALUES ('report', t.n, pg_temp.written(id));
		-- as if it had never been told
		DELETE FROM triage.case_refs r WHERE r.case_id = id;
		UPDATE triage.case_sources SET contact_key = NULL WHERE case_id = id;
		INSERT INTO triage.cases (channel, body, area, location, address, reporter, contact, external_ref, reported_at, attrs)
			VALUES ('v110', t.body, 'Z11', point(120.1, 28.9), '大街1号', 'r', '+86 13800000000', 'way 1', '2026-03-02 09:59+08', '{"asked": 1}') RETURNING case_id INTO id;
		INSERT INTO rows_of VALUES ('insert', t.n, pg_temp.written(id));
		DELETE FROM triage.case_refs r WHERE r.case_id = id;
		UPDATE triage.case_sources SET contact_key = NULL WHERE case_id = id;
	END LOOP;
END
$$;
SELECT results_eq($$SELECT r.n, r.written FROM rows_of r WHERE r.way = 'report' ORDER BY r.n$$, $$SELECT r.n, r.written FROM rows_of r WHERE r.way = 'insert' ORDER BY r.n$$,
	'report() and INSERT write the same rows');
SELECT is((SELECT count(*)::int FROM rows_of r, regexp_split_to_table(r.written, E'\n') l WHERE r.way = 'report' AND r.n = 1), 11, 'all of them');
SELECT is((SELECT count(DISTINCT split_part(l, ' ', 1)) FROM rows_of r, regexp_split_to_table(r.written, E'\n') l WHERE r.way = 'report'), 8::bigint, 'of all eight tables');

-- what an installation put on the table is asked by report() too
CREATE FUNCTION pg_temp.told() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said	text;
BEGIN
	said := (triage.report('v110', '东门街道噪音', reporter => 'r')).case_type;
	RETURN said;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
BEGIN;
CREATE FUNCTION pg_temp.other() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.body := '西山镇水管爆裂'; RETURN new; END $$;
CREATE TRIGGER own BEFORE INSERT ON triage.cases FOR EACH ROW EXECUTE FUNCTION pg_temp.other();
SELECT is(pg_temp.told(), 'BURST', 'a trigger');
ROLLBACK;
BEGIN;
ALTER TABLE triage.cases ADD CONSTRAINT own CHECK (body NOT LIKE '%噪音%') NOT VALID;
SELECT is(pg_temp.told(), '23514', 'a check');
ROLLBACK;
BEGIN;
ALTER TABLE triage.cases ADD own text DEFAULT 'given';
SELECT is((triage.report('v110', '东门街道噪音', reporter => 'r')).own, 'given', 'a column with a default');
ROLLBACK;
BEGIN;
ALTER TABLE triage.cases ADD CONSTRAINT own FOREIGN KEY (address) REFERENCES triage.departments NOT VALID;
SELECT is((SELECT pg_temp.refusal($$SELECT triage.report('v110', '东门街道噪音', reporter => 'r', address => 'nowhere')$$)) ^@ '23503', true, 'a key');
ROLLBACK;
BEGIN;
ALTER TABLE triage.cases ADD CONSTRAINT own EXCLUDE USING hash (address WITH =) WHERE (address <> '大街1号');
SELECT is((SELECT pg_temp.refusal($$SELECT triage.report('v110', '东门街道噪音', reporter => 'r', address => 'one'), triage.report('v110', '东门街道噪音', reporter => 'r', address => 'one')$$)) ^@ '23P01', true, 'an exclusion');
ROLLBACK;
BEGIN;
CREATE RULE own AS ON INSERT TO triage.cases DO INSTEAD NOTHING;
SELECT isnt(pg_temp.told(), 'NOISE', 'a rule');
ROLLBACK;
BEGIN;
ALTER TABLE triage.cases DISABLE TRIGGER zz_intake_before;
SELECT is(pg_temp.told(), '23502', 'and that ours is off');
ROLLBACK;
SELECT is(pg_temp.told(), 'NOISE', 'without them it is as before');
SET ROLE t020_clerk;
SELECT is((SELECT count(*) FROM triage.case_refs), 18::bigint, 'every reference is taken');
SELECT is((SELECT count(*) FROM triage.cases c WHERE NOT EXISTS (SELECT 1 FROM triage.assignments a WHERE a.case_id = c.case_id AND a.duty = 'lead' AND a.department = c.lead)),
	0::bigint, 'cases.lead is the one lead assignment, however the case came in');
SELECT is(pg_temp.refusal($$INSERT INTO triage.cases (channel, body, reporter, external_ref) VALUES ('v110', '漏水', 'r', 'new'), ('v110', '漏水', 'r', 'copy 1')$$) ^@ '23505 ', true,
	'a taken reference fails the whole INSERT');
SELECT is((SELECT count(*) FROM triage.case_refs r WHERE r.external_ref = 'new'), 0::bigint, 'and nothing of it stays');
SELECT is((SELECT r.number FROM triage.report('v110', '完全不同', reporter => 'z', external_ref => 'copy 1') r),
	(SELECT c.number FROM triage.cases c WHERE c.external_ref = 'copy 1'), 'report() with a taken reference returns the case that has it');

-- ---- normalisation ----
SELECT is(triage.preview('v110', b.body)->>'case_type', 'NOISE', 'folded: ' || b.what)
FROM (VALUES ('upper case', 'KaraOKE bar'), ('full width', 'ＫＡＲＡＯＫＥ'), ('zero width', '广' || U&'\200B' || '场' || U&'\FEFF' || '舞'),
	('NFKC', U&'\24DA' || 'araoke'), ('soft hyphen', 'kara' || U&'\00AD' || 'oke'), ('line feed around', E'\n噪音\n')) b(what, body);

-- ---- danger first, exclusion, longest match, tie ----
SELECT is(concat_ws(' ', p->>'status', coalesce(p->>'case_type', '-'), 'U' || (p->>'priority'), p->>'verdict'), t.expected, t.what)
FROM (VALUES
	('噪音噪音噪音噪音噪音噪音，有人持刀', 'dispatched FIGHT U1 danger', 'danger beats any sum'),
	('没有噪音，水管', 'dispatched LEAK U3 terms', 'an exclude term silences its type in the sentence'),
	('没有噪音。噪音', 'dispatched NOISE U3 terms', 'but not beyond the full stop'),
	('没有噪音！噪音', 'dispatched NOISE U3 terms', 'nor beyond !'),
	('没有噪音？噪音', 'dispatched NOISE U3 terms', 'nor beyond ?'),
	('没有噪音；噪音', 'dispatched NOISE U3 terms', 'nor beyond ;'),
	('没有噪音, 噪音', 'triage - U3 no_match', 'a comma ends no sentence'),
	('没有打架', 'triage FIGHT U1 doubtful_danger', 'danger is never silenced: a person looks'),
	('着火演习，水管', 'triage LEAK U1 doubtful_danger', 'even when something else matches'),
	('着火演习。着火', 'dispatched FIRE U1 danger', 'danger in another sentence counts'),
	('水管爆裂', 'dispatched BURST U2 terms', 'the longest match wins'),
	('水管水管爆裂', 'dispatched BURST U2 terms', 'what it covers does not count, the rest does'),
	('甲事乙事', 'triage TIEA U3 tie', 'a tie goes to a person'),
	('甲事丙事', 'dispatched TIEC U2 terms', 'unless one is more urgent'),
	('投诉', 'dispatched OTHER U3 terms', 'a fallback counts when alone'),
	('投诉投诉投诉噪音', 'dispatched NOISE U3 terms', 'and not beside others')) t(body, expected, what),
	triage.preview('v110', t.body, 'Z11') p;
SELECT is(concat_ws(' ', p->>'status', p->>'priority', p->>'danger', p->>'lead'), 'dispatched 1 true PS11',
	'two danger terms that score the same are dispatched at once on a voice channel')
FROM triage.preview('v110', '着火了，有人持刀', 'Z11') p;
SELECT is((triage.preview('v110', '噪音')#>>'{facts,confidence}')::int, 796, 'confidence of one two-character term');
SELECT is((triage.preview('v110', '噪音漏水丙事')#>>'{facts,confidence}')::int, 394, 'shared among two: less');
SELECT is((triage.preview('v110', '噪音' || repeat('字', 400))#>>'{facts,confidence}')::int, 457, 'and less in a long text: a person decides');
SELECT is(triage.preview('v110', '噪音' || repeat('字', 400))#>>'{facts,verdict}', 'weak', 'which is too little');
SELECT is(concat_ws(' ', p->>'status', p->>'nature', p->>'priority', p->>'lead', p->'parties'), $$dispatched joint 1 TOWN11 [{"zh": "东门街道办", "duty": "lead", "department": "TOWN11"}, {"zh": "东门处置队", "duty": "on_scene", "department": "TEAM11"}, {"zh": "东门派出所", "duty": "on_scene", "department": "PS11"}]$$,
	'an escalate term brings the police in beside the civil lead')
FROM triage.preview('v110', '邻居纠纷，扬言报复', 'Z11') p;
SELECT is(concat_ws(' ', p->>'status', p->>'nature', p->>'lead', jsonb_path_query_array(p->'parties', '$[*].department')), 'dispatched joint WATER ["WATER", "PS11"]', 'so does danger of a civil type')
FROM triage.preview('v110', '煤气泄漏', 'Z11') p;
SELECT is(concat_ws(' ', p->>'status', p->>'verdict', p->>'danger', p->>'priority', p->>'case_type'), 'triage confirm_danger true 1 FIGHT', 'on a written channel a person confirms danger first')
FROM triage.preview('web', '有人持刀', 'Z11') p;

-- ---- place ----
SELECT is(concat_ws(' ', coalesce(p->>'area', '-'), p#>>'{facts,place,by}'), t.expected, t.what)
FROM (VALUES
	('v110', '噪音', 'Z12', NULL, 'Z12 given', 'a code given'),
	('v110', '西山镇噪音', 'Z11', '石桥村', 'Z11 given', 'beats every name'),
	('v110', '西山镇噪音', NULL, '东门街道', 'Z11 address', 'a name in the address beats the text'),
	('v110', '西山镇噪音', NULL, '某处', 'Z12 text', 'the text counts when the address says nothing'),
	('v110', '石桥村东噪音', NULL, NULL, 'Z212 text', 'the longest name'),
	('v110', 'at STONE bridge 噪音', NULL, NULL, 'Z122 text', 'an alias, folded'),
	('v110', '人民路噪音', NULL, NULL, 'Z112 text', 'a road'),
	('web2', '大塘村噪音', NULL, NULL, 'Z211 text', 'one name, three villages: the channel''s area decides'),
	('v12', '大塘村噪音', NULL, NULL, 'Z121 text', 'also for a town''s channel'),
	('web1', '大塘村噪音', NULL, NULL, 'Z1 text', 'two of them in the area: what holds both'),
	('v110', '大塘村噪音', NULL, NULL, 'Z text', 'no context: what holds all'),
	('v110', '西山镇大塘村噪音', NULL, NULL, 'Z121 text', 'a name above it decides'),
	('v12', '噪音', NULL, NULL, 'Z12 channel', 'nothing said: the channel''s area'),
	('v110', '噪音', NULL, NULL, '- none', 'nothing known')) t(channel, body, area, address, expected, what),
	triage.preview(t.channel, t.body, t.area, address => t.address) p;

-- ---- route ----
SELECT is(concat_ws(' ', coalesce(p->>'route', '-'), p->>'lead', p->>'status'), t.expected, t.what)
FROM (VALUES
	('漏水', 'Z11', '10:00', NULL, 'g TOWN11 dispatched', 'the group''s route when the type has none'),
	('噪音', 'Z11', '10:00', NULL, 'noise TOWN11 dispatched', 'the type''s own route first'),
	('噪音', 'Z12', '10:00', NULL, 'noise_z12 ENV dispatched', 'the smaller area'),
	('噪音', 'Z121', '23:00', NULL, 'noise_night TEAM12 dispatched', 'a condition before none; local time of the calendar'),
	('噪音', 'Z12', '23:00', '{"vip":"yes"}', 'noise_vip CENTRE1 dispatched', 'precedence first'),
	('复核', 'Z11', '10:00', '{"n":"5"}', 'check WATER dispatched', 'a condition on an attribute'),
	('复核', 'Z11', '10:00', '{"n":"1"}', '- CENTRE1 dispatched', 'no route holds: the accountable centre'),
	('复核', 'Z11', '10:00', NULL, '- CENTRE1 dispatched', 'a NULL condition does not hold'),
	('无路可走', 'Z21', '10:00', NULL, '- CENTRE dispatched', 'no route at all: the centre above')) t(body, area, at, attrs, expected, what),
	triage.preview('v110', t.body, t.area, ('2026-03-02 ' || t.at || '+08')::timestamptz, attrs => t.attrs::jsonb) p;
SELECT case_id AS c FROM triage.report('v110', '复核', area => 'Z11', reporter => 'r', attrs => '{"n":"x"}') \gset
SELECT is(pg_temp.decided(:c), 'triage CHECK undetermined U3 Z11 CENTRE1 - terms', 'a condition that raises an error: the centre decides, the case is not lost');
SELECT is((SELECT d.facts->>'route_error' FROM triage.decisions d WHERE d.case_id = :c), 'route "check": invalid input syntax for type integer: "x"', 'the reason is recorded');
SELECT is((SELECT e.data->>'route_error' FROM triage.events e WHERE e.case_id = :c), 'route "check": invalid input syntax for type integer: "x"', 'and in the event');

-- ---- parties ----
SELECT case_id AS c FROM triage.report('v110', '学校一键报警', area => 'Z11', reporter => 'r') \gset
SELECT is(pg_temp.parties(:c), 'PS11 lead offered, GATE11 on_scene offered', 'school-gate alarm: station and gate at once');
SELECT is((SELECT count(*) FROM triage.assignments a WHERE a.case_id = :c AND a.duty = 'lead'), 1::bigint, 'exactly one lead');
SELECT is((SELECT string_agg(concat_ws(' ', d.endpoint, d.type, d.state), ', ') FROM triage.deliveries d WHERE d.case_id = :c), 'e_police assigned queued', 'who has an endpoint is told');

-- ---- clocks ----
SELECT is(pg_temp.clocks(r.case_id), t.expected, t.what)
FROM (VALUES
	('v110', '邻居吵架', 'Z11', 'accept/1 running 03-02 10:03, feedback/1 running 03-02 11:00, arrive/2 running 03-02 10:15, resolve running 03-05 10:00', 'U2 in town: minutes and days'),
	('v110', '邻居吵架', 'Z12', 'accept/1 running 03-02 10:03, feedback/1 running 03-02 11:00, arrive/2 running 03-02 10:30, resolve running 03-05 10:00', 'U2 in the country'),
	('v110', '噪音', 'Z11', 'accept/1 running 03-02 10:30, feedback/1 running 03-02 11:00, assist/2 running 03-02 10:20, resolve running 03-04 17:00', 'U3: until the second workday from now closes, an assist'),
	('v110', '水管漏水', 'Z11', 'accept/1 running 03-02 10:30, feedback/1 running 03-02 11:00, resolve running 03-02 15:00', 'four work hours over lunch'),
	('v110', '咨询', 'Z11', 'feedback/1 running 03-02 11:00, resolve running 03-02 12:00', 'hours'),
	('v110', '水管爆裂', 'Z11', 'accept/1 running 03-02 10:03, feedback/1 running 03-02 11:00, arrive/1 running 03-02 10:15, resolve running 03-05 10:00', 'no team named: the lead goes'),
	('v110', '说不清', 'Z11', 'triage/1 running 03-02 10:05', 'undecided'),
	('web', '持刀', 'Z11', 'triage/1 running 03-02 10:01', 'undecided danger'),
	('v110', NULL, 'Z11', 'triage/1 running 03-02 10:05, ring_back/1 running 03-02 10:03', 'silent call')) t(channel, body, area, expected, what),
	triage.report(t.channel, t.body, t.area, reporter => 'r') r;
RESET ROLE;
SET triage.now = '2026-03-13 16:00+08';		-- Friday; Monday is a holiday, Wednesday short
SET ROLE t020_clerk;
SELECT case_id AS c FROM triage.report('v110', '水管漏水', area => 'Z11', reporter => 'r') \gset
SELECT is(pg_temp.clocks(:c), 'accept/1 running 03-13 16:30, feedback/1 running 03-13 17:00, resolve running 03-17 11:00', 'work hours skip weekend and holiday');
SELECT is((SELECT k.next_step_at FROM triage.clocks k WHERE k.case_id = :c AND k.stage = 'resolve'), '2026-03-17 10:12+08'::timestamptz, 'the ladder''s first step at 80 % of the work time');
SELECT case_id AS c FROM triage.report('v110', '噪音', area => 'Z11', reporter => 'r') \gset
SELECT is((SELECT k.due_at FROM triage.clocks k WHERE k.case_id = :c AND k.stage = 'resolve'), '2026-03-18 12:00+08'::timestamptz, 'two workdays skip weekend and holiday; the second is short');
RESET ROLE;
SET triage.now = '2026-03-02 10:00+08';
SET ROLE t020_clerk;

-- ---- event and hash chain ----
RESET ROLE;
\ir include/chain.psql
SELECT case_id AS c FROM triage.report('v110', '邻居吵架', area => 'Z11', reporter => 'r') \gset
SELECT is((SELECT e.hash FROM triage.events e WHERE e.case_id = :c), (SELECT pg_temp.event_hash(e, NULL) FROM triage.events e WHERE e.case_id = :c),
	'the first event''s hash is SHA-256 over the documented bytes');
SELECT is((SELECT e.data - 'personal' FROM triage.events e WHERE e.case_id = :c),
	'{"area": "Z11", "lead": "TOWN11", "parts": [{"duty": "on_scene", "department": "TEAM11"}], "route": "quarrel", "danger": false, "nature": "nonpolice", "status": "dispatched", "channel": "v110", "verdict": "terms", "priority": 2, "case_type": "QUARREL"}'::jsonb,
	'the report event says what was decided, and nothing of the caller');
SELECT triage.accept(:c, note => 'we go: "é" 中') \g /dev/null
SELECT triage.feed_back(:c, body => '到场', attrs => '{"a": [1, 2.50, null, {"b": true}], "": "x"}') \g /dev/null
SELECT is((SELECT count(*) FROM triage.events e WHERE e.case_id = :c AND e.hash = pg_temp.event_hash(e, (SELECT p.hash FROM triage.events p WHERE p.case_id = :c AND p.seq = e.seq - 1))),
	3::bigint, 'and so on along the chain, nested data included');

-- ---- the record ----
SET ROLE t020_clerk;
SELECT case_id AS c FROM triage.report('v110', '东门街道广场舞噪音漏水', reporter => 'r') \gset
SELECT is(pg_temp.decided(:c), 'dispatched NOISE nonpolice U3 Z11 TOWN11 noise terms', 'a case to explain');
SELECT is((SELECT concat_ws('|', d.facts->>'verdict', d.facts->>'channel', d.facts#>>'{place,name}', d.candidates::text, d.reason, d.rulebook_version = b.version, d.rulebook_digest = b.digest) FROM triage.decisions d, triage.rulebook b WHERE d.case_id = :c),
	'terms|v110|东门街道|[{"zh": "噪音", "score": 10, "case_type": "NOISE"}, {"zh": "漏水", "score": 4, "case_type": "LEAK"}]|关键词指向该类别 / the terms found point to this type: 广场舞、噪音、漏水 → NOISE 噪音|t|t',
	'facts, candidates, reason and rulebook of the decision are kept');
SELECT triage.explain(:c) AS before, triage.explain_json(:c) AS json_before \gset
RESET ROLE;
UPDATE triage.terms SET active = false WHERE term = '广场舞';
SET ROLE t020_clerk;
SELECT is(triage.preview('v110', '东门街道广场舞')->>'case_type', NULL::text, 'the next decision knows the change');
SELECT is(triage.explain(:c), :'before'::text, 'explain() reads the record');
SELECT is(triage.explain_json(:c), :'json_before'::jsonb, 'explain_json() too');
RESET ROLE;
UPDATE triage.terms SET active = true WHERE term = '广场舞';
SET ROLE t020_clerk;
SELECT matches(triage.explain(:c), '广场舞→NOISE\(include 6\)', 'with the words that decided');
SELECT is(pg_temp.refusal($$SELECT triage.explain(-1)$$), 'TR003 case -1 does not exist', 'explain() of no case');
SELECT is(pg_temp.refusal($$SELECT triage.explain(NULL)$$), 'TR003 case null does not exist', 'explain(NULL)');

CREATE TEMP TABLE many AS
	SELECT n, (ARRAY['v110', 'web', 'web1', 'grid', 'chat'])[1 + n % 5] AS channel, (ARRAY['噪音', '水管', '持刀', '没有打架', '演习', '吵架，扬言', '甲事', '乙事', '咨询', '随便'])[1 + n % 10]
		|| (ARRAY['', '大塘村', '西山镇', '。着火', '，投诉'])[1 + n / 10] AS body FROM generate_series(0, 49) n;
SELECT is((SELECT count(*) FROM many m, triage.preview(m.channel, m.body) p, triage.report(m.channel, m.body, reporter => 'r') r
		WHERE ROW(p->>'status', p->>'case_type', p->>'nature', p->>'priority', p->>'danger', p->>'area', p->>'lead')
		IS NOT DISTINCT FROM ROW(r.status, r.case_type, r.nature, r.priority::text, r.danger::text, r.area, r.lead)),
	50::bigint, 'preview() says what report() does, fifty texts');
SELECT case_id AS c FROM triage.report('v110', '甲事乙事', area => 'Z11', reporter => 'r') \gset
SELECT is((SELECT c.status || ' ' || c.lead || ' ' || d.candidates::text FROM triage.cases c JOIN triage.decisions d USING (case_id) WHERE c.case_id = :c),
	'triage CENTRE1 [{"zh": "甲", "score": 4, "case_type": "TIEA"}, {"zh": "乙", "score": 4, "case_type": "TIEB"}]', 'unsure: triage, the centre owns it, two best guesses');

-- ---- what a report may hold ----
SELECT is(pg_temp.decided((triage.report('v110', b.body, reporter => 'r')).case_id), 'triage - undetermined U3 CENTRE - silent', 'silent call: ' || b.what)
FROM (VALUES ('null', NULL), ('empty', ''), ('blank', E' \t\n'), ('zero width', U&'\200B\FEFF'), ('control', E'\x01\x02')) b(what, body);
SELECT is(left(pg_temp.refusal(format('SELECT triage.report(%L, %L, reporter => %L)', 'web', b.body, 'r')), 50), 'TR005 a report by channel "web" must have a body', 'elsewhere refused: ' || b.what)
FROM (VALUES ('null', NULL), ('empty', ''), ('blank', E' \t\n'), ('zero width', U&'\200B\FEFF'), ('control', E'\x01\x02'), ('delete character', E'\x7f')) b(what, body);
SELECT is(pg_temp.refusal(format('SELECT triage.report(%L, %L, reporter => %L)', 'web', b.body, 'r')), NULL::text, b.what)
FROM (VALUES ('emoji', '🔥🚒'), ('control characters between', E'\x01\x02 噪音 \x7f'), ('a megabyte', repeat('噪音', 170000)), ('quotes', $$'"\%_;--$$)) b(what, body);
SELECT is(pg_temp.refusal($$SELECT triage.report('nope', '噪音')$$), 'TR003 channel "nope" does not exist', 'unknown channel');
SELECT is(pg_temp.refusal($$SELECT triage.report(NULL, '噪音')$$), 'TR003 argument "channel" must not be null', 'no channel');
SELECT is(pg_temp.refusal($$SELECT triage.report('v110', '噪音', 'nope', reporter => 'r')$$), 'TR003 area "nope" does not exist', 'unknown area');
SELECT is(pg_temp.refusal($$SELECT triage.report('v110', '噪音', case_type => 'nope', reporter => 'r')$$), 'TR003 case type "nope" does not exist', 'unknown case type');
SELECT is(pg_temp.refusal($$SELECT triage.report('v110', '噪音', reporter => 'r', attrs => '[1]')$$), 'TR005 attrs must be a JSON object', 'attrs not an object');
SELECT is(pg_temp.refusal($$SELECT triage.report('v110', '噪音', reporter => 'r', reported_at => '2026-03-02 10:20+08')$$), 'TR005 reported_at lies in the future', 'a future time');
SELECT is(pg_temp.refusal($$SELECT triage.report('v110', '噪音', reporter => 'r', reported_at => '2026-03-02 10:05+08')$$), NULL::text, 'a little ahead is a clock''s difference');
SELECT is(pg_temp.refusal(format('SELECT triage.report(%L, %L, reporter => %L, reported_at => %L)', 'v110', '噪音', 'r', t.at)), 'TR005 reported_at is not a plausible time', 'reported at ' || t.at)
FROM (VALUES ('1970-01-01'), ('infinity'), ('-infinity')) t(at);
SELECT case_id AS c FROM triage.report('v110', '噪音', 'Z11', reporter => 'r', reported_at => '2026-02-27 10:00+08') \gset
SELECT is((SELECT concat_ws(' ', c.reported_at, c.received_at, s.reported_at) FROM triage.cases c JOIN triage.case_sources s USING (case_id) WHERE c.case_id = :c),
	'2026-02-27 10:00:00+08 2026-03-02 10:00:00+08 2026-02-27 10:00:00+08', 'a late entry keeps its true time');
SELECT is((SELECT min(k.started_at) FROM triage.clocks k WHERE k.case_id = :c), '2026-03-02 10:00+08'::timestamptz, 'its clocks start now');
RESET ROLE;
SELECT count(*) FROM triage.tick() \g /dev/null
SELECT is((SELECT count(*) FROM triage.clock_steps s WHERE s.case_id = :c), 0::bigint, 'and no step has fired');
SET ROLE t020_clerk;
SELECT is(pg_temp.refusal($$INSERT INTO triage.cases (channel, body, reporter, status) VALUES ('v110', '噪音', 'r', 'closed')$$), 'TR002 column "status" must not be given', 'status is not an ordinary role''s to give');
INSERT INTO triage.cases (channel, body, reporter, area, lead, nature, priority, danger, confidence, number, colour, report_count, event_seq, closed_at)
	VALUES ('v110', '噪音', 'r', 'Z11', 'WATER', 'police', 1, true, 1, 'forged', 'red', 99, 99, now()) RETURNING case_id AS c \gset
SELECT is((SELECT concat_ws(' ', c.lead, c.nature, c.priority, c.danger, round(c.confidence::numeric, 3), c.number <> 'forged', c.colour IS NULL, c.report_count, c.event_seq, c.closed_at IS NULL) FROM triage.cases c WHERE c.case_id = :c),
	'TOWN11 nonpolice 3 f 0.796 t t 1 1 t', 'decided columns are decided, whatever the INSERT said');
INSERT INTO triage.cases (channel, body, reporter, kind, outcome, merged_into, event_colour)
	VALUES ('v110', '噪音', 'r', 'task', 'resolved', 1, 'red') RETURNING case_id AS c \gset
SELECT is((SELECT concat_ws(' ', c.kind, num_nulls(c.outcome, c.merged_into, c.event_colour)) FROM triage.cases c WHERE c.case_id = :c), 'incident 3', 'nor are kind, outcome, merged_into and event_colour the INSERT''s to say');

-- ---- kinds of channels ----
SELECT is(pg_temp.refusal($$SELECT triage.report('petition', '噪音')$$), 'TR005 a report by channel "petition" needs a caller', 'a channel that needs a caller');
SELECT is(pg_temp.refusal($$SELECT triage.report('petition', '噪音', contact => '13800000000')$$), NULL::text, 'contact will do');
SELECT is(pg_temp.decided((triage.report('grid', '噪音')).case_id), 'dispatched NOISE nonpolice U3 Z11 TOWN11 noise terms', 'a grid worker''s case needs no caller');
SELECT case_id AS c FROM triage.report('sensor', '噪音', reporter => 'S1') \gset
SELECT is((SELECT array_agg((triage.report('sensor', '噪音', reporter => 'S1')).case_id) FROM generate_series(1, 4)), array_fill(:c::bigint, ARRAY[4]), 'a sensor''s burst is one case');
SELECT is((SELECT c.report_count FROM triage.cases c WHERE c.case_id = :c), 5, 'with a count');
SELECT isnt((triage.report('sensor', '噪音', reporter => 'S2')).case_id, :c::bigint, 'another sensor is another case');
RESET ROLE; SET triage.now = '2026-03-02 10:11+08'; SET ROLE t020_clerk;
SELECT isnt((triage.report('sensor', '噪音', reporter => 'S1')).case_id, :c::bigint, 'and so is a later report');
SELECT case_id AS c FROM triage.report('sensor', '噪音', reporter => 'S3', external_ref => 'E1') \gset
SELECT is((SELECT r.case_id FROM triage.report('sensor', '噪音', reporter => 'S3', external_ref => 'E2') r), :c::bigint, 'folded with a reference of its own');
SELECT is(pg_temp.refusal($$SELECT triage.report('sensor', '噪音', reporter => 'S3', external_ref => 'E2')$$), NULL::text, 'sending a folded report again finds its case');
SELECT is((SELECT r.case_id FROM triage.case_refs r WHERE r.external_ref = 'E2'), :c::bigint, 'the folded report''s reference leads to the case');
RESET ROLE; SET triage.now = '2026-03-02 10:00+08'; SET ROLE t020_clerk;

SELECT case_id AS c, number, attrs->>'token' AS token FROM triage.report('chat', '广场舞噪音') \gset
SELECT matches(:'token'::text, '^[0-9a-f]{32}$', 'an anonymous report gets a token');
SELECT is((SELECT s.token FROM triage.case_sources s WHERE s.case_id = :c), sha256(:'token'::bytea), 'only its digest is kept');
SELECT is((SELECT c.attrs FROM triage.cases c WHERE c.case_id = :c), '{}'::jsonb, 'the stored row does not have it');
SELECT is((SELECT concat_ws('|', s.number, s.status, s.words_en) FROM triage.status_by_token(upper(left(:'token', 16)) || ' - ' || substr(:'token', 17)) s),
	:'number' || '|in hand|Your report is being handled by: Town 11.', 'and reads his answer by it');
SELECT is((SELECT count(*) FROM triage.status_by_token('00000000000000000000000000000000')), 0::bigint, 'another token reads nothing');

-- ---- rulebook version and digest ----
RESET ROLE;
SELECT version AS v, digest AS d FROM triage.rulebook \gset
BEGIN;
INSERT INTO triage.terms (case_type, kind, term) VALUES ('NOISE', 'include', '词甲');
INSERT INTO triage.terms (case_type, kind, term) VALUES ('NOISE', 'include', '词乙');
SELECT is((SELECT version FROM triage.rulebook), :v + 1::bigint, 'the version rises once a transaction');
SELECT is(triage.preview('v110', '词甲')->>'case_type', 'NOISE', 'the transaction sees its own rules');
ROLLBACK;
SELECT is(triage.preview('v110', '词甲')->>'case_type', NULL::text, 'rolled back: gone');
SELECT is((SELECT version FROM triage.rulebook), :v::bigint, 'and the version is as before');
BEGIN;
SAVEPOINT s;
INSERT INTO triage.terms (case_type, kind, term) VALUES ('NOISE', 'include', '词甲');
SELECT triage.preview('v110', '词甲') \g /dev/null
ROLLBACK TO s;
SELECT is(triage.preview('v110', '词甲')->>'case_type', NULL::text, 'also to a savepoint, in the same session');
COMMIT;
BEGIN;
INSERT INTO triage.terms (case_type, kind, term) VALUES ('NOISE', 'include', '词甲');
SAVEPOINT s;
INSERT INTO triage.terms (case_type, kind, term) VALUES ('NOISE', 'include', '词乙');
RELEASE s;
INSERT INTO triage.terms (case_type, kind, term) VALUES ('NOISE', 'include', '词丙');
SELECT is((SELECT version FROM triage.rulebook), :v + 1::bigint, 'the version rises once a transaction, also with savepoints');
ROLLBACK;
BEGIN;
INSERT INTO triage.terms (case_type, kind, term) VALUES ('NOISE', 'include', '词甲'), ('LEAK', 'include', '词乙');
SELECT digest AS d1 FROM triage.rulebook \gset
ROLLBACK;
BEGIN;
INSERT INTO triage.terms (case_type, kind, term) VALUES ('LEAK', 'include', '词乙');
INSERT INTO triage.terms (case_type, kind, term) VALUES ('NOISE', 'include', '词丙');
INSERT INTO triage.terms (case_type, kind, term) VALUES ('NOISE', 'include', '词甲');
DELETE FROM triage.terms WHERE term = '词丙';
SELECT is((SELECT digest FROM triage.rulebook), :'d1'::bytea, 'the digest does not depend on the order of changes');
SELECT isnt((SELECT digest FROM triage.rulebook), :'d'::bytea, 'but on the rules');
ROLLBACK;
DO $$
DECLARE
	j	jsonb;
BEGIN
	BEGIN
		PERFORM triage.preview('v110', 'x', 'nope');
	EXCEPTION WHEN OTHERS THEN NULL;
	END;
	INSERT INTO triage.terms (case_type, kind, term) VALUES ('NOISE', 'include', '词甲');
	j := triage.preview('v110', '词甲');
	PERFORM set_config('t020.found', coalesce(j->>'case_type', 'nothing'), false);
	DELETE FROM triage.terms WHERE term = '词甲';
END
$$;
SELECT is(current_setting('t020.found'), 'NOISE', 'a caught error does not freeze the rules until the transaction ends');

-- ---- subtransactions, nested inserts, later triggers ----
SELECT count(*) AS n FROM triage.cases \gset
DO $$
BEGIN
	BEGIN
		INSERT INTO triage.cases (channel, body, reporter, external_ref) VALUES ('v110', '噪音', 'gone', 'gone');
		RAISE EXCEPTION 'no';
	EXCEPTION WHEN raise_exception THEN NULL;
	END;
	INSERT INTO triage.cases (channel, body, reporter, external_ref) VALUES ('v110', '噪音', 'kept', 'kept');
END
$$;
SELECT is((SELECT string_agg(c.reporter, ' ') FROM triage.cases c WHERE c.reporter IN ('gone', 'kept')), 'kept', 'a caught error leaves no case');
SELECT is((SELECT string_agg(r.external_ref, ' ') FROM triage.case_refs r WHERE r.external_ref IN ('gone', 'kept')), 'kept', 'and no reference');
SELECT is((SELECT pg_temp.decided(c.case_id) FROM triage.cases c WHERE c.reporter = 'kept'), 'dispatched NOISE nonpolice U3 CENTRE noise terms', 'what comes after is whole');
DO $$
BEGIN
	BEGIN
		PERFORM triage.report('web', '', reporter => 'r');
	EXCEPTION WHEN OTHERS THEN NULL;
	END;
	INSERT INTO triage.cases (channel, body, reporter, external_ref) VALUES ('v110', '噪音', 'after report', 'after report');
END
$$;
SELECT is((SELECT s.token FROM triage.case_sources s WHERE s.external_ref = 'after report'), NULL::bytea, 'a failed report() leaves no token to the next INSERT');
SELECT is((SELECT count(*) FROM triage.case_refs r WHERE r.external_ref = 'after report'), 1::bigint, 'whose reference is taken');

CREATE FUNCTION pg_temp.nest() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.reporter ^@ 'outer' THEN
		INSERT INTO triage.cases (channel, body, reporter, external_ref) VALUES ('v110', '漏水', 'inner ' || NEW.reporter, 'inner ' || NEW.reporter);
	END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER nest AFTER INSERT ON triage.cases FOR EACH ROW EXECUTE FUNCTION pg_temp.nest();
INSERT INTO triage.cases (channel, body, reporter, area) VALUES ('v110', '噪音', 'outer 1', 'Z12'), ('v110', '东门街道水管爆裂', 'outer 2', NULL);
SELECT is((SELECT string_agg(pg_temp.decided(c.case_id), ', ' ORDER BY c.reporter) FROM triage.cases c WHERE c.reporter ~ 'outer [12]'),
	'dispatched LEAK nonpolice U3 CENTRE g terms, dispatched LEAK nonpolice U3 CENTRE g terms, dispatched NOISE nonpolice U3 Z12 ENV noise_z12 terms, dispatched BURST nonpolice U2 Z11 TOWN11 g terms',
	'an INSERT inside an INSERT: all are decided as alone');
SELECT is(pg_temp.refusal($$SELECT triage.report('v110', '噪音', reporter => 'outer 3', external_ref => 'outer 3')$$), NULL::text, 'report() where a trigger inserts a further case');
SELECT is((SELECT string_agg(r.external_ref, ', ' ORDER BY r.external_ref) FROM triage.case_refs r WHERE r.external_ref ~ 'outer 3'), 'inner outer 3, outer 3', 'both references are taken');
DROP TRIGGER nest ON triage.cases;

CREATE FUNCTION pg_temp.change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	CASE NEW.reporter
		WHEN 'body' THEN NEW.body := '西山镇水管爆裂';
		WHEN 'area' THEN NEW.area := 'Z12';
		WHEN 'attrs' THEN NEW.attrs := '{"vip": "yes"}';
		WHEN 'urgency' THEN NEW.priority := 4; NEW.danger := false;
		WHEN 'drop' THEN RETURN NULL;
		ELSE NULL;
	END CASE;
	RETURN NEW;
END
$$;
CREATE TRIGGER zzz_change BEFORE INSERT ON triage.cases FOR EACH ROW EXECUTE FUNCTION pg_temp.change();
INSERT INTO triage.cases (channel, body, reporter) VALUES ('v110', '东门街道噪音', 'body'), ('v110', '东门街道噪音', 'area'), ('v110', '东门街道噪音', 'attrs'), ('v110', '东门街道有人持刀', 'urgency');
SELECT is((SELECT pg_temp.decided(c.case_id) FROM triage.cases c WHERE c.reporter = t.reporter), t.expected, t.what)
FROM (VALUES ('body', 'dispatched BURST nonpolice U2 Z12 TOWN12 g terms', 'a later trigger changed the body: decided anew from it'),
	('area', 'dispatched NOISE nonpolice U3 Z12 ENV noise_z12 terms', 'a later trigger changed the area: the type is still found by the words'),
	('attrs', 'dispatched NOISE nonpolice U3 Z11 CENTRE1 noise_vip terms', 'a later trigger changed attrs that a route asks for'),
	('urgency', 'dispatched FIGHT police U1 danger Z11 PS11 fight danger', 'a later trigger changed what is ours to decide: row and decision agree')) t(reporter, expected, what);
SELECT is((SELECT pg_temp.parties(c.case_id) ^@ (c.lead || ' lead') FROM triage.cases c WHERE c.reporter = t.r), true, 'row and assignments agree: ' || t.r) FROM (VALUES ('body'), ('area'), ('attrs')) t(r);
SELECT is(pg_temp.refusal($$SELECT triage.report('v110', '噪音', reporter => 'drop')$$), '09000 the report was not taken in', 'a trigger that drops the row: report() says so');
INSERT INTO triage.cases (channel, body, reporter) VALUES ('v110', '噪音', 'drop'), ('v110', '噪音', 'stays');
SELECT is((SELECT count(*) FROM triage.cases c WHERE c.reporter IN ('drop', 'stays')), 1::bigint, 'INSERT goes on without it');
DROP TRIGGER zzz_change ON triage.cases;

-- ---- restored rows ----
INSERT INTO triage.cases (case_id, number, channel, reported_at, received_at, body, nature, priority, danger, status, lead, report_count, event_seq, rulebook_version, attrs)
	VALUES (900001, 'OLD-1', 'gone_channel', '2020-01-01', '2020-01-01', '老案', 'police', 2, false, 'closed', 'OLD', 7, 12, 3, '{"a": 1}');
SELECT is((SELECT concat_ws(' ', c.number, c.channel, c.status, c.lead, c.report_count, c.event_seq, c.rulebook_version, c.attrs) FROM triage.cases c WHERE c.case_id = 900001),
	'OLD-1 gone_channel closed OLD 7 12 3 {"a": 1}', 'a row loaded with its state is taken as it is');
SELECT is((SELECT count(*) FROM triage.events e WHERE e.case_id = 900001), 0::bigint, 'nothing follows from it');
SELECT is((SELECT l.key FROM triage.local_state l WHERE l.key = 'hold'), 'hold', 'and the database is on hold');

-- a statement inside another one must not make it forget what it took as it was, nor whose reference it claimed
CREATE FUNCTION pg_temp.nests() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.reporter = 'nests' THEN
		PERFORM triage.report('v110', '噪音', reporter => 'inner', external_ref => 'inner ' || NEW.case_id);
	END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER zzz_nests BEFORE INSERT ON triage.cases FOR EACH ROW EXECUTE FUNCTION pg_temp.nests();
INSERT INTO triage.cases (case_id, number, channel, reported_at, received_at, body, reporter, nature, priority, danger, status, lead, report_count, event_seq, rulebook_version, attrs)
	SELECT 900000 + i, 'OLD-' || i, 'gone_channel', '2020-01-01', '2020-01-01', '老案', r, 'police', 2, false, 'closed', 'OLD', 1, 12, 3, '{}'
	FROM (VALUES (2, 'quiet'), (3, 'nests'), (4, 'quiet')) v (i, r);
SELECT is((SELECT count(*) FROM triage.events e WHERE e.case_id BETWEEN 900002 AND 900004), 0::bigint, 'rows loaded with their state stay so although a trigger takes in others meanwhile');
SELECT is((SELECT count(*) FROM triage.events e JOIN triage.cases c USING (case_id) WHERE c.reporter = 'inner'), 1::bigint, 'and the other is a case of its own');
SELECT lives_ok($$SELECT triage.report('v110', '噪音', reporter => 'nests', external_ref => 'outer')$$, 'report() while a trigger calls report()');
SELECT is((SELECT count(s.token) FROM triage.case_sources s JOIN triage.cases c USING (case_id) WHERE c.reporter IN ('inner', 'nests')
	AND (c.external_ref = 'outer' OR c.external_ref LIKE 'inner %')), 3::bigint, 'each has its own token');
DROP TRIGGER zzz_nests ON triage.cases;

-- ---- columns that this installation adds ----
ALTER TABLE triage.assignments ADD COLUMN extra_note text NOT NULL DEFAULT 'x' || length('abc');
INSERT INTO triage.cases (channel, body, reporter) VALUES ('v110', '东门街道广场舞噪音', 'defaults');
SELECT is((SELECT DISTINCT a.extra_note FROM triage.assignments a JOIN triage.cases c USING (case_id) WHERE c.reporter = 'defaults'), 'x3', 'a column added to our tables gets its default');
ALTER TABLE triage.assignments DROP COLUMN extra_note;

-- ---- a text cannot hold a session up ----
SELECT clock_timestamp() AS t0 \gset
SELECT triage.preview('v110', repeat('着火', 200) || repeat('字', 10000) || '。' || repeat('演习', 200)) \g /dev/null
SELECT cmp_ok(extract(epoch FROM clock_timestamp() - :'t0'::timestamptz), '<', 1.0, '31 kB of danger and exclude terms take less than a second');
SELECT clock_timestamp() AS t0 \gset
SELECT triage.preview('v110', repeat('着火。演习。', 10000)) \g /dev/null
SELECT cmp_ok(extract(epoch FROM clock_timestamp() - :'t0'::timestamptz), '<', 1.0, 'nor 360 kB of them one after another');

SELECT * FROM finish();
DROP OWNED BY t020_clerk, t020_nobody;
DROP ROLE t020_clerk, t020_nobody;
