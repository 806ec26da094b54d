-- The learned classifier: training, what it refuses, roll back, damaged
-- values, evaluation, who may.
-- Source: sql/50_models.sql, extension/rulebook/{train,evaluate,examples,stored,metrics}.c, extension/text/{fit,model,ngrams}.c
\ir include/helpers.psql
\ir include/small.psql
SET triage.now = '2026-03-02 10:00+08';

-- texts that differ in their words, by a generator that is the same everywhere
CREATE TABLE public.letters AS
	SELECT n, k.code AS case_type, format('%s%s，%s%s。', k.words[1 + n % 4], k.words[1 + n / 4 % 4], f.words[1 + n % 5], f.words[1 + n / 5 % 5]) AS body
	FROM generate_series(0, 39) n,
		(VALUES ('NOISE', ARRAY['夜里施工吵得睡不着', '广场舞音响太大', '楼上半夜敲地板', '工地打桩声']),
				('LEAK', ARRAY['水表滴水没人修', '阀门渗出水来', '楼道天花板渗水', '自来水管滴滴答答']),
				('QUARREL', ARRAY['两家为院墙争执', '邻里为停车吵嘴', '摊主和顾客争吵', '兄弟为分家闹翻'])) k(code, words),
		(SELECT ARRAY['请派人看看', '反映多次了', '希望尽快处理', '麻烦登记一下', '谢谢'] AS words) f;
GRANT SELECT ON public.letters TO PUBLIC;
\set letters '\'SELECT body, case_type FROM public.letters\''

-- ---- training ----
CREATE TEMP TABLE made AS SELECT t.* FROM triage.train('m', :letters) t;
SELECT is((SELECT (model, version, in_use, usable, nclasses, classes, examples)::text FROM made), '(m,1,f,t,' || (SELECT cardinality(array_agg(DISTINCT case_type)) || ',"{' || string_agg(DISTINCT case_type, ',' ORDER BY case_type) || '}",120)' FROM triage.terms WHERE kind = 'include'), 'train() returns the row of the new version');
SELECT is((SELECT to_jsonb(m) FROM triage.models m), (SELECT to_jsonb(made) FROM made), 'the same as triage.models shows');
SELECT cmp_ok((SELECT accuracy FROM made), '>', 0.95::double precision, 'what is plain is learned');
SELECT is((SELECT settings - '{query_digest, terms, groups}'::text[] FROM made), '{"rows": 120, "no_text": 0, "no_class": 0, "group_first": true}'::jsonb, 'what it was asked for');
SELECT is((SELECT rulebook_version FROM made), (SELECT version FROM triage.rulebook), 'with the rules of the day');
SELECT is(triage.check_model((SELECT value FROM triage.model_versions)), NULL::text, 'the value is sound');
SELECT is((SELECT t.version FROM triage.train('m', 'SELECT body, case_type FROM public.letters ORDER BY n DESC', false) t), 2, 'the next has the next version');
SELECT is((SELECT (settings->>'groups')::int FROM triage.models WHERE version = 2), 0, 'without groups when told so');
SELECT is((SELECT t.version FROM triage.train('again', :letters) t), 1, 'another name begins at 1');
SELECT is((SELECT count(DISTINCT sha256(v.value)) FROM triage.model_versions v WHERE v.model = 'again' OR v.version = 1), 1::bigint, 'the same examples make the same model');
SELECT ok(NOT EXISTS (SELECT FROM triage.model_versions v WHERE position(convert_to('施工', 'UTF8') IN v.value) > 0), 'which holds no text');

SELECT is((SELECT (settings->>'terms')::bigint FROM made), (SELECT count(*) + count(DISTINCT t.case_type) FROM triage.terms t JOIN triage.case_types k ON k.code = t.case_type WHERE t.kind = 'include'), 'the terms of the rules are learned from as well');
SELECT cmp_ok((SELECT (settings->>'groups')::int FROM made), '<', (SELECT nclasses FROM made), 'and the parents of the types');

-- ---- what nothing can be learned from ----
SELECT is(pg_temp.refusal($$SELECT triage.train('x', 'SELECT ''a''::text, ''NOISE''::text WHERE false')$$), 'TR005 there is nothing to learn from', 'no row');
SELECT is(pg_temp.refusal($$SELECT triage.train('x', 'SELECT ''a b c''::text, ''NOISE''::text')$$), 'TR005 there is only one class to learn', 'one row');
SELECT is(pg_temp.refusal($$SELECT triage.train('x', 'SELECT body, ''NOISE'' FROM public.letters')$$), 'TR005 there is only one class to learn', 'one class');
SELECT is(pg_temp.refusal($$SELECT triage.train('x', 'SELECT ''　 ''::text, case_type FROM public.letters')$$), 'TR005 there is nothing to learn from', 'empty texts');
SELECT is(pg_temp.refusal($$SELECT triage.train('x')$$), 'TR005 there is nothing to learn from', 'no confirmed case');
SELECT is(pg_temp.refusal($$SELECT triage.train(NULL, 'SELECT 1')$$), 'TR003 argument "model" must not be null or empty', 'no name');
SELECT is(pg_temp.refusal($$SELECT triage.train('x', 'SELECT body FROM public.letters')$$), '42601 the query must give two columns, not 1', 'one column');
SELECT is(pg_temp.refusal($$SELECT triage.train('x', 'SELECT n, case_type FROM public.letters')$$), '42804 column 1 of the query must be the text, of type text, not integer', 'no text');
SELECT is(pg_temp.refusal($$SELECT triage.train('x', 'SELECT body, case_type FROM public.nowhere')$$), '42P01 relation "public.nowhere" does not exist', 'a query that fails');
SELECT is(pg_temp.refusal($$SELECT triage.train('x', 'DELETE FROM public.letters RETURNING body, case_type')$$), '0A000 DELETE is not allowed in a non-volatile function', 'no query that writes');
SELECT matches(pg_temp.refusal($$SELECT triage.train('x', 'WITH d AS (DELETE FROM public.letters RETURNING *) SELECT body, case_type FROM d')$$), 'not allowed|read-only|cannot', 'nor one that hides it');
SELECT is(pg_temp.refusal($$SELECT triage.train('x', 'SELECT 1; SELECT 2')$$), '42P11 cannot open multi-query plan as cursor', 'nor several');
SELECT is((SELECT count(*) FROM public.letters), 120::bigint, 'nothing was written');
SELECT is((SELECT settings - '{query_digest, terms, groups}'::text[] FROM triage.train('nulls', $q$SELECT NULLIF(body, body) AS body, case_type FROM public.letters WHERE n < 2
	UNION ALL SELECT body, NULL FROM public.letters WHERE n < 3 UNION ALL SELECT body, case_type FROM public.letters$q$)),
	'{"rows": 135, "no_text": 6, "no_class": 9, "group_first": true}'::jsonb, 'rows without text or class are left out and counted');
SELECT is((SELECT (t.nclasses, t.usable, t.examples)::text FROM triage.train('wide', 'SELECT format(''kind %s of thing %s'', n % 1000, n), ''class '' || n % 1000 FROM generate_series(1, 3000) n') t), '(1000,f,3000)', 'a thousand classes');
SELECT is(pg_temp.refusal($$SELECT triage.train('x', 'SELECT ''text '' || n, ''class '' || n FROM generate_series(1, 3000) n')$$), '54000 more than 2048 classes', 'not any number');
SELECT is((SELECT count(*) FROM triage.model_versions WHERE model = 'x'), 0::bigint, 'what is refused leaves nothing');
SET triage.train_memory = '64MB';
CREATE TABLE public.many AS SELECT n, string_agg(chr(19968 + (hashint4(n * 2000 + k) & 16383)), '') AS body FROM generate_series(1, 1000) n, generate_series(1, 1200) k GROUP BY n;
SELECT is(pg_temp.refusal($$SELECT triage.train('x', 'SELECT body, (n % 2)::text FROM public.many')$$), '53200 the examples need more memory than is allowed', 'memory is bounded');
RESET triage.train_memory;

-- ---- use, roll back, switch off ----
SELECT version AS before FROM triage.rulebook \gset
SELECT is((SELECT (u.model, u.version, u.in_use)::text FROM triage.use_model('m') u), '(m,2,t)', 'use_model() takes the newest');
SELECT is((SELECT version FROM triage.rulebook)::int, :before + 1, 'as a change of the rules');
SELECT is((SELECT u.version FROM triage.use_model('m', 1) u), 1, 'an earlier version is the roll back');
SELECT is((SELECT array_agg(model || version) FROM triage.models WHERE in_use), ARRAY['m1'], 'one is in use');
SELECT lives_ok($$SELECT triage.use_model('m', 1)$$, 'once more');
SELECT is((SELECT version FROM triage.rulebook)::int, :before + 2, 'changes nothing');
SELECT is(pg_temp.refusal($$SELECT triage.use_model('m', 9)$$), 'TR003 there is no model "m" of version 9', 'no such version');
SELECT is(pg_temp.refusal($$SELECT triage.use_model('nobody')$$), 'TR003 there is no model "nobody"', 'no such model');
SELECT is(pg_temp.refusal($$SELECT triage.use_model('wide')$$), 'TR004 model "wide" version 1 cannot decide about reports', 'classes that are no case types');
SELECT is(pg_temp.refusal($$SELECT triage.train('wide2', 'SELECT body, case_type || ''?'' FROM public.letters', activate => true)$$), 'TR004 model "wide2" version 1 cannot decide about reports', 'not by training either');
SELECT is((SELECT array_agg(model || version) FROM triage.models WHERE in_use), ARRAY['m1'], 'the model in use stays');
SELECT is((SELECT (t.version, t.in_use)::text FROM triage.train('m', :letters, activate => true) t), '(3,t)', 'train() may use what it made');
SELECT is((SELECT u.model FROM triage.use_model(NULL) u), NULL::text, 'switched off');
SELECT is((SELECT count(*) FROM triage.models WHERE in_use), 0::bigint, 'none is in use');

-- ---- damaged values: every byte of the head, and some of each part ----
CREATE TEMP TABLE sound AS SELECT value FROM triage.model_versions WHERE model = 'm' AND version = 1;
SELECT is((SELECT count(*) FROM sound, generate_series(0, least(octet_length(value), 400) - 1) at WHERE triage.check_model(set_byte(value, at, get_byte(value, at) # 1)) IS NULL), 0::bigint, 'a bit of the head');
SELECT is((SELECT count(*) FROM sound, generate_series(400, octet_length(value) - 1, 997) at WHERE triage.check_model(set_byte(value, at, get_byte(value, at) # 128)) IS NULL), 0::bigint, 'a bit further on');
SELECT is((SELECT count(*) FROM sound, unnest(ARRAY[0, 1, 10, 60, 64, 1000, octet_length(value) - 1]) n WHERE triage.check_model(substr(value, 1, n)) IS NULL), 0::bigint, 'cut off');
SELECT isnt((SELECT triage.check_model(value || '\x00') FROM sound), NULL::text, 'too long');
SELECT is((SELECT triage.check_model(overlay(value PLACING '\x01020304' FROM 9)) FROM sound),
	CASE WHEN (SELECT get_byte(value, 8) FROM sound) = 4 THEN 'the model was made on a machine with another byte order' END, 'another byte order');
SELECT is((SELECT triage.check_model(set_byte(set_byte(value, 12, 9), 15, 9)) FROM sound), 'the model was made by another version of pg_triage', 'another format');
SELECT is((SELECT triage.check_model(substr(value, 1, 10)) FROM sound), 'the model is cut off', 'said in words');
UPDATE triage.model_versions SET value = set_byte(value, 1000, get_byte(value, 1000) # 1) WHERE model = 'm' AND version = 2;
SELECT is(pg_temp.refusal($$SELECT triage.use_model('m', 2)$$), 'XX001 model "m" version 2 cannot be used: the model is damaged: its checksum does not fit', 'a damaged one cannot be used');
SELECT lives_ok($$SELECT triage.use_model('m', 1)$$, 'another can');
UPDATE triage.model_versions SET value = substr(value, 1, 999) WHERE model = 'wide';
SELECT is(pg_temp.refusal(format('SELECT triage.evaluate(%L, model => ''wide'')', :letters)), 'XX001 the value of model "wide" is damaged: its length is not what it says', 'nor evaluated');

-- ---- cancelled in the middle ----
CREATE FUNCTION pg_temp.cancelled(statement text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN false;
EXCEPTION WHEN query_canceled THEN
	RETURN true;
END
$$;
SET statement_timeout = '200ms';
SELECT ok(pg_temp.cancelled($$SELECT triage.train('m', 'SELECT body, (n % 50)::text FROM public.many')$$), 'a training can be cancelled');
RESET statement_timeout;
SELECT is((SELECT array_agg(model || version) FROM triage.models WHERE in_use), ARRAY['m1'], 'the model in use stays');
SELECT is((SELECT max(version) FROM triage.models WHERE model = 'm'), 3, 'and nothing is left behind');

-- ---- evaluation ----
SELECT triage.evaluate(:letters) AS e \gset
SELECT is((SELECT :'e'::jsonb - 'model' - 'terms' - 'combined' - 'unlike' - 'classes' - 'groups'), '{"rows": 120, "folds": 5, "tested": 120, "examples": 120, "no_text": 0, "no_class": 0}'::jsonb, 'what was evaluated');
SELECT cmp_ok((:'e'::jsonb#>>'{model,accuracy}')::float, '>', 0.95::float, 'the model knows what is plain');
SELECT is((SELECT sum((k->>'n')::int) FROM jsonb_array_elements(:'e'::jsonb#>'{model,confusion}') k), 120::bigint, 'the table of confusions is whole');
SELECT is((SELECT sum((k->>'n')::int) FROM jsonb_array_elements(:'e'::jsonb#>'{model,confusion}') k WHERE k->>'class' = k->>'as'), round((:'e'::jsonb#>>'{model,accuracy}')::numeric * 120)::bigint, 'its diagonal is the accuracy');
SELECT is((SELECT array_agg(k->>'class') FROM jsonb_array_elements(:'e'::jsonb#>'{model,per_class}') k WHERE (k->>'n')::int > 0), ARRAY['LEAK', 'NOISE', 'QUARREL'], 'by class');
SELECT is((SELECT sum((k->>'n')::int) FROM jsonb_array_elements(:'e'::jsonb#>'{model,calibration,bins}') k), 120::bigint, 'by confidence');
SELECT cmp_ok((:'e'::jsonb#>>'{terms,accuracy}')::float, '<', (:'e'::jsonb#>>'{model,accuracy}')::float, 'the terms alone know less');
SELECT is(triage.evaluate('SELECT body, case_type FROM public.letters ORDER BY md5(body)')#>'{model,accuracy}', :'e'::jsonb#>'{model,accuracy}', 'the order of rows does not matter');
SELECT is(triage.evaluate($$SELECT body, case_type, CASE WHEN n < 30 THEN 'train' ELSE 'test' END AS part FROM public.letters$$, split_column => 'part')->'tested', '30', 'a given split');
SELECT is(triage.evaluate($$SELECT body, case_type, n % 3 AS part FROM public.letters$$, split_column => 'part')->'folds', '3', 'parts of one''s own');
SELECT is((SELECT concat_ws(' ', x->>'model_name', x->>'model_version', x#>>'{model,n}') FROM triage.evaluate(:letters, model => 'm') x), 'm 1 120', 'a stored model, the one in use');
SELECT is(triage.evaluate('SELECT body, case_type || ''?'' FROM public.letters')->'terms', NULL::jsonb, 'plain labels, without terms');
SELECT is(pg_temp.refusal(format('SELECT triage.evaluate(%L, 1)', :letters)), '22023 folds must be between 2 and 100, not 1', 'one fold');
SELECT is(pg_temp.refusal(format('SELECT triage.evaluate(%L, model => ''nobody'')', :letters)), 'TR003 there is no model "nobody"', 'no such model');
SELECT is(pg_temp.refusal(format('SELECT triage.evaluate(%L, split_column => ''part'')', :letters)), 'TR003 the query gives no column "part"', 'no such column');
SELECT is(pg_temp.refusal($$SELECT triage.evaluate('SELECT body, ''x'' FROM public.letters')$$), 'TR005 there is only one class to learn', 'one class');

-- ---- who may ----
CREATE ROLE t100_operator;
GRANT USAGE ON SCHEMA triage TO t100_operator;
SET ROLE t100_operator;
SELECT matches(pg_temp.refusal($$SELECT triage.train('m', 'SELECT body, case_type FROM public.letters')$$), '^42501 permission denied for function train', 'nobody trains without a grant');
RESET ROLE;
GRANT EXECUTE ON FUNCTION triage.train, triage.evaluate, triage.use_model TO t100_operator;
SET ROLE t100_operator;
SELECT is(pg_temp.refusal($$SELECT triage.train('m', 'SELECT body, case_type FROM public.letters')$$), 'TR002 models are for administrators', 'nor with one');
SELECT is(pg_temp.refusal($$SELECT triage.evaluate('SELECT body, case_type FROM public.letters')$$), 'TR002 models are for administrators', 'nor evaluates');
SELECT matches(pg_temp.refusal($$SELECT triage.use_model(NULL)$$), '^TR002 ', 'nor switches');
RESET ROLE;
SELECT is((SELECT count(*) FROM triage.models WHERE in_use), 1::bigint, 'the model in use stays');
-- an administrator who is not a superuser; the query has his rights and sees him
CREATE ROLE t100_admin;
DO $$ BEGIN EXECUTE format('GRANT %I TO t100_admin', (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'triage.cases'::regclass)); END $$;
SET ROLE t100_admin;
SELECT is((SELECT t.trained_by FROM triage.train('theirs', $q$SELECT body, case_type FROM public.letters WHERE current_user = 't100_admin'$q$) t), 't100_admin', 'an administrator may, as himself');
RESET ROLE;
DROP OWNED BY t100_admin;
DROP ROLE t100_admin;
DROP OWNED BY t100_operator;
DROP ROLE t100_operator;
SELECT * FROM finish();
