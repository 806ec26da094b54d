-- The part a learned model takes in decisions: it weighs in after the terms,
-- never against danger, says why, and is not missed when it is damaged.
-- Source: extension/rulebook/{learned,classify,stored,traits,record}.c, sql/50_models.sql
\ir include/helpers.psql
\ir include/small.psql
SET triage.now = '2026-03-02 10:00+08';

CREATE TABLE public.letters AS
	SELECT n, k.code AS case_type, format('%s%s，%s。', k.words[1 + n % 4], k.words[1 + n / 4 % 4], f.words[1 + n % 5]) AS body
	FROM generate_series(0, 39) n,
		(VALUES ('NOISE', ARRAY['夜里施工吵得睡不着', '音响太大声', '楼上半夜敲地板', '工地打桩声']),
				('LEAK', ARRAY['水表滴水没人修', '阀门渗出水来', '楼道天花板渗水', '自来水滴滴答答']),
				('QUARREL', ARRAY['两家为院墙争执', '邻里为停车吵嘴', '摊主和顾客争吵', '兄弟为分家闹翻']),
				('FIGHT', ARRAY['几个人抡棍子追人', '拳打脚踢见血了', '酒后动手推搡', '抄家伙要拼命'])) k(code, words),
		(SELECT ARRAY['请派人看看', '反映多次了', '希望尽快处理', '麻烦登记一下', '谢谢'] AS words) f;
\set letters '\'SELECT body, case_type FROM public.letters\''
CREATE FUNCTION pg_temp.say(body text, channel text DEFAULT 'v110') RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', p->>'status', coalesce(p->>'case_type', '-'), p->>'nature', p#>>'{facts,verdict}', p#>>'{facts,model,name}', p#>>'{facts,model,version}')
	FROM triage.preview(channel, body, 'Z11') p
$$;

-- ---- cold start: no model, terms alone ----
SELECT is(pg_temp.say('楼上半夜施工吵得睡不着'), 'triage - undetermined no_match', 'without a model nobody knows it');
SELECT is((triage.preview('v110', '小区广场舞', 'Z11'))#>'{facts,model}', NULL::jsonb, 'and no model is mentioned');

-- ---- with a model ----
SELECT is((SELECT t.in_use FROM triage.train('m', :letters, activate => true) t), true, 'trained and used');
SELECT is(pg_temp.say('楼上半夜施工吵得睡不着'), 'dispatched NOISE nonpolice model m 1', 'the model knows it');
SELECT is(pg_temp.say('小区广场舞音响太大声'), 'dispatched NOISE nonpolice model m 1', 'terms and model together');
SELECT is(pg_temp.say('咨询一下'), 'dispatched ASK nonpolice model m 1', 'a type that no text was there for, by its terms');
SELECT is(pg_temp.say('楼道着火了，夜里施工吵得睡不着，音响太大声'), 'dispatched FIRE joint danger', 'danger that terms name is not asked of a model');
SELECT is(pg_temp.say('持刀，夜里施工吵得睡不着'), 'dispatched FIGHT police danger', 'nor that of the police');
SELECT matches(pg_temp.say('消防演习着火'), '^triage FIRE undetermined doubtful_danger', 'nor danger in doubt');
SELECT is(pg_temp.say('几个人抡棍子追人，拳打脚踢见血了'), 'triage FIGHT undetermined model_danger m 1', 'danger that only the model sees goes to a person');
SELECT is(pg_temp.say('zzz yyy'), 'triage - undetermined no_match', 'a text of which it knows nothing, too');
SELECT matches(pg_temp.say('zzz yyy xxx www vvv uuu ttt 敲'), '^triage \w+ undetermined weak m 1', 'or next to nothing');
SELECT is((SELECT (triage.preview('v110', '楼上半夜施工吵得睡不着', 'Z11', case_type => 'LEAK'))#>>'{facts,verdict}'), 'given', 'what a person says stands');

-- ---- thresholds ----
SET triage.model_confidence = 0.99;
SELECT matches(pg_temp.say('楼上半夜施工吵得睡不着'), '^triage NOISE undetermined weak', 'less sure than asked for');
RESET triage.model_confidence;
SET triage.model_police = 0;
SELECT matches(pg_temp.say('楼上半夜施工吵得睡不着'), '^triage NOISE undetermined police_doubt', 'possibly of the police');
RESET triage.model_police;

-- ---- on record ----
INSERT INTO triage.cases (channel, body, area) SELECT 'v110', '楼上半夜施工吵得睡不着', 'Z11' FROM generate_series(1, 3);
SELECT is((SELECT count(*) FROM triage.decisions d WHERE d.facts#>>'{model,name}' = 'm' AND d.facts#>>'{model,version}' = '1' AND d.case_type = 'NOISE'), 3::bigint, 'each row of a statement keeps what the model said');
SELECT is((SELECT count(DISTINCT (d.facts, d.candidates)) FROM triage.decisions d), 1::bigint, 'the same for the same words');
CREATE TEMP TABLE told AS SELECT d.facts->'model' AS m, d.candidates, d.rulebook_version FROM triage.decisions d LIMIT 1;
SELECT is((SELECT count(*) FROM told, jsonb_array_elements(m->'ngrams') g WHERE strpos('楼上半夜施工吵得睡不着', g->>0) = 0), 0::bigint, 'the n-grams are of the text');
SELECT cmp_ok((SELECT jsonb_array_length(m->'ngrams') FROM told), '>', 0, 'there are some');
SELECT cmp_ok((SELECT (m->>'margin')::int FROM told), '>', 0, 'with the margin');
SELECT ok((SELECT m->>'runner_up' <> 'NOISE' FROM told), 'before the runner-up');
SELECT is((SELECT candidates#>>'{0,case_type}' FROM told), 'NOISE', 'the candidates are those of both');
SELECT is((SELECT rulebook_version FROM told), (SELECT version FROM triage.rulebook), 'under the rules that name the model');
SELECT matches((SELECT triage.explain(case_id) FROM triage.cases LIMIT 1), '模型 model:    m v1  概率 p \d+/1000  领先 margin \d+  次选 runner-up \w+  涉警 police \d+/1000  依据 n-grams .+\(\d+\)', 'explain() tells it');

-- ---- another version, other rules, none ----
SELECT is((SELECT t.version FROM triage.train('m', $q$SELECT body, CASE case_type WHEN 'NOISE' THEN 'ASK' ELSE case_type END FROM public.letters$q$, activate => true) t), 2, 'a second version');
SELECT is(pg_temp.say('楼上半夜施工吵得睡不着'), 'dispatched ASK nonpolice model m 2', 'decides from the next statement on');
SELECT lives_ok($$SELECT triage.use_model('m', 1)$$, 'rolled back');
SELECT is(pg_temp.say('楼上半夜施工吵得睡不着'), 'dispatched NOISE nonpolice model m 1', 'the first decides again');
INSERT INTO triage.terms (case_type, kind, term) VALUES ('LEAK', 'include', '滴答');
SELECT is(pg_temp.say('楼上半夜施工吵得睡不着'), 'dispatched NOISE nonpolice model m 1', 'other rules change, the model stays');
UPDATE triage.case_types SET active = false WHERE code = 'NOISE';
SELECT matches(pg_temp.say('楼上半夜施工吵得睡不着'), '^triage (?!NOISE)', 'a type that was retired is not decided');
UPDATE triage.case_types SET active = true WHERE code = 'NOISE';
SELECT is((SELECT m.model FROM triage.use_model(NULL) m), NULL::text, 'switched off');
SELECT is(pg_temp.say('楼上半夜施工吵得睡不着'), 'triage - undetermined no_match', 'the terms alone again');

-- ---- confirmed cases ----
SELECT is(pg_temp.refusal($$SELECT triage.train('c')$$), 'TR005 there is nothing to learn from', 'what a model decided and nobody confirmed is not learned from');
SELECT count(*) FROM public.letters l, triage.report('v110', l.body, 'Z11', case_type => l.case_type, reporter => 'r', external_ref => l.case_type || l.n) \g /dev/null
SELECT is((SELECT t.examples FROM triage.train('c') t), 160, 'types that a person gave are');
SELECT is((SELECT e->'examples' FROM triage.evaluate() e), '160', 'and evaluated');
SELECT case_id AS noise FROM triage.cases WHERE external_ref = 'NOISE0' \gset
SELECT lives_ok(format($$SELECT triage.reclassify(%s, 'QUARREL')$$, :noise), 'a correction');
SELECT is((SELECT (k->>'n')::int FROM triage.evaluate() e, jsonb_array_elements(e#>'{model,per_class}') k WHERE k->>'class' = 'QUARREL'), 41, 'is learned from');
UPDATE triage.cases SET status = 'void' WHERE case_id = :noise;
SELECT is((SELECT e->'examples' FROM triage.evaluate() e), '159', 'what was void is not');

-- ---- a damaged model in use ----
SELECT lives_ok($$SELECT triage.use_model('m', 2)$$, 'the second version, not yet read');
UPDATE triage.model_versions SET value = set_byte(value, 700, get_byte(value, 700) # 4) WHERE model = 'm' AND version = 2;
SET client_min_messages = error;
SELECT is(pg_temp.say('楼上半夜施工吵得睡不着'), 'triage - undetermined no_match', 'a damaged one is refused, the terms decide');
SELECT is(pg_temp.say('小区广场舞'), 'dispatched NOISE nonpolice terms', 'and no report is lost');
SELECT lives_ok($$SELECT triage.use_model('m', 1)$$, 'the roll back');
SELECT is(pg_temp.say('楼上半夜施工吵得睡不着'), 'dispatched NOISE nonpolice model m 1', 'brings the model back');
SELECT lives_ok($$SELECT triage.use_model('c')$$, 'another, not yet read');
DELETE FROM triage.model_versions WHERE model = 'c';
SELECT is(pg_temp.say('小区广场舞'), 'dispatched NOISE nonpolice terms', 'one that is gone is missed by nobody');
SELECT * FROM finish();
