-- Places and case types while they are typed.
-- Source: extension/rulebook/type_ahead.c, rules/zhejiang/*.csv (short)
\ir include/helpers.psql

-- ---- the pack brings short codes ----
SELECT is((SELECT count(*) FROM triage.areas a WHERE a.pack = 'zhejiang' AND a.short IS NULL), 0::bigint, 'every area has initials');
SELECT is((SELECT count(*) FROM triage.area_names n WHERE n.pack = 'zhejiang' AND n.short IS NULL), 0::bigint, 'every alias');
SELECT is((SELECT count(*) FROM triage.case_types t WHERE t.pack = 'zhejiang' AND t.short IS NULL), 0::bigint, 'every case type');
SELECT is((SELECT a.short FROM triage.areas a WHERE a.code = '330784001'), 'dcjd', '东城街道');
SELECT is((SELECT f.code FROM triage.find_place('dcjd') f LIMIT 1), '330784001', 'and is found by them');
SELECT is((SELECT s.zh FROM triage.suggest_type('wswz') s LIMIT 1), (SELECT t.zh FROM triage.case_types t WHERE t.short ^@ 'wswz' ORDER BY char_length(t.short) LIMIT 1), 'a type too');

BEGIN;
\ir include/small.psql
UPDATE triage.areas SET short = v.s FROM (VALUES ('Z', 'css'), ('Z1', 'jzx'), ('Z2', 'ycx'), ('Z11', 'dmjd'), ('Z12', 'xsz'), ('Z21', 'nhz'), ('Z111', 'dtc'), ('Z112', 'jdsq'), ('Z121', 'dtc'), ('Z122', 'sqc'), ('Z211', 'dtc'), ('Z212', 'sqcd')) v(c, s) WHERE code = v.c;
UPDATE triage.area_names SET short = 'rml' WHERE name = '人民路';
INSERT INTO triage.area_names (area, name, kind, houses) VALUES ('Z111', '解放路', 'road', '1-99 odd'), ('Z112', '解放路', 'road', '2-98 even');
UPDATE triage.areas SET boundary = '(1,1),(3,1),(3,5),(1,5)' WHERE code = 'Z12';
UPDATE triage.case_types SET short = v.s FROM (VALUES ('G', 'sr'), ('NOISE', 'zy'), ('LEAK', 'ls'), ('BURST', 'bg'), ('QUARREL', 'jf'), ('FIGHT', 'dj')) v(c, s) WHERE code = v.c;
COMMIT;
CREATE ROLE t132_op;
GRANT USAGE ON SCHEMA triage TO t132_op;
GRANT EXECUTE ON FUNCTION triage.find_place, triage.suggest_type TO t132_op;
CREATE FUNCTION pg_temp.found(q text, area text DEFAULT NULL, max_rows int DEFAULT 10) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(f.code, ' ' ORDER BY f.n) FROM triage.find_place(q, area, max_rows) WITH ORDINALITY f(code, name, location, score, n)
$$;
CREATE FUNCTION pg_temp.suggested(q text, max_rows int DEFAULT 10) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(s.case_type, ' ' ORDER BY s.n) FROM triage.suggest_type(q, max_rows) WITH ORDINALITY s(case_type, zh, en, n)
$$;
SET ROLE t132_op;

-- ---- places ----
SELECT is(pg_temp.found(t.q, t.area), t.expected, concat_ws(' in ', quote_literal(t.q), t.area) || ': ' || t.what)
FROM (VALUES
	('', NULL, NULL, 'nothing typed, nothing found'), ('  ', NULL, NULL, 'nor blanks'), ('鑫', NULL, NULL, 'no such letter'), ('zzz', NULL, NULL, 'no such initials'),
	('Z112', NULL, 'Z112', 'a code'), ('z112', NULL, 'Z112', 'in small letters'), ('Z12', NULL, 'Z12 Z121 Z122', 'the code itself, then those that begin with it'),
	('大塘村', NULL, 'Z111 Z121 Z211', 'a name that three have'), ('大塘村', 'Z2', 'Z211 Z111 Z121', 'those of the area first'), ('大塘村', 'Z12', 'Z121 Z111 Z211', 'whichever it is'),
	('石桥', NULL, 'Z122 Z212', 'the shorter name first'), ('桥村', NULL, 'Z122 Z212', 'letters inside a name'), ('石村', NULL, 'Z122 Z212', 'letters with others between'),
	('金都', NULL, 'Z112', 'the beginning'), ('人民路', NULL, 'Z112', 'an alias'), ('stone b', NULL, 'Z122', 'an alias in letters'), ('ＳＴＯＮＥ', NULL, 'Z122', 'full width'),
	('dtc', NULL, 'Z111 Z121 Z211', 'initials'), ('DTC', 'Z21', 'Z211 Z111 Z121', 'in capitals'), ('sq', NULL, 'Z122 Z212', 'the beginning of initials'), ('rml', NULL, 'Z112', 'initials of an alias'),
	('西山 大塘', NULL, 'Z121', 'words: the place last, what is around it first'), ('ycx dtc', NULL, 'Z211', 'in initials too'), ('乙丑 西山 大塘', NULL, NULL, 'all of them must hold'),
	('甲子县西山镇大塘村3号', NULL, 'Z121 Z12 Z111 Z1 Z211', 'a whole address'), ('解放路18号', NULL, 'Z112', 'a house number tells'), ('解放路', 'Z1', 'Z111 Z112', 'without it both'),
	('%', NULL, NULL, 'a sign that means something elsewhere'), ('_', NULL, NULL, 'another'), ('''', NULL, NULL, 'a quote'), (E'\\', NULL, NULL, 'a backslash')) t(q, area, expected, what);
SELECT is((SELECT string_agg(concat_ws('|', f.code, f.name, f.location), ', ') FROM triage.find_place('西山') f), 'Z12|甲子县西山镇|(2,3)', 'named with what is around it; where it is');
SELECT is((SELECT f.name FROM triage.find_place('人民路') f), '甲子县东门街道金都社区(人民路)', 'and with the alias that was found');
SELECT is((SELECT string_agg(f.name, ', ') FROM triage.find_place('dtc') f), '甲子县东门街道大塘村, 甲子县西山镇大塘村, 乙丑县南湖镇大塘村', 'places of one name are told apart');
SELECT is((SELECT bool_and(f.score > 0 AND f.score <= 1) FROM unnest(ARRAY['大', 'z', 'Z1', '大塘村', '甲子县西山镇大塘村']) q, triage.find_place(q) f), true, 'scores lie between 0 and 1');
SELECT is((SELECT count(*) FROM unnest(ARRAY['大', '村', 'Z', 'd']) q, LATERAL (SELECT f.score, lag(f.score) OVER (ORDER BY f.n) AS before FROM triage.find_place(q) WITH ORDINALITY f(c, m, l, score, n)) s WHERE s.score > s.before), 0::bigint, 'best first');
SELECT is(pg_temp.found('Z', max_rows => 3), 'Z Z1 Z2', 'as many rows as asked for');
SELECT is(pg_temp.found('大塘村', max_rows => NULL), 'Z111 Z121 Z211', 'NULL: ten');

-- ---- case types ----
SELECT is(pg_temp.suggested(t.q), t.expected, quote_literal(t.q) || ': ' || t.what)
FROM (VALUES
	('', NULL, 'nothing typed'), ('zz', NULL, 'no such thing'), ('NOISE', 'NOISE', 'a code'), ('noi', 'NOISE', 'its beginning, in small letters'), ('噪', 'NOISE', 'a name'),
	('zy', 'NOISE', 'initials'), ('Burst P', 'BURST', 'the English name'), ('leak', 'LEAK GAS', 'a word in it'), ('打', 'FIGHT', 'beginning'),
	('架', 'FIGHT', 'inside'), ('水管', 'LEAK BURST', 'terms: what texts are known by'), ('city', NULL, 'a group is no type'), ('tie', 'TIEA TIEB TIEC', 'ties by code')) t(q, expected, what);
SELECT is((SELECT concat_ws('|', s.case_type, s.zh, s.en) FROM triage.suggest_type('zy') s), 'NOISE|噪音|Noise', 'with its names');
SELECT is(pg_temp.suggested('t', 2), 'TIEA TIEB', 'as many rows as asked for');

-- ---- refusals ----
SELECT is(pg_temp.refusal(t.statement), t.expected, t.statement)
FROM (VALUES
	('SELECT triage.find_place(NULL)', 'TR003 argument "q" must not be null'), ('SELECT triage.suggest_type(NULL)', 'TR003 argument "prefix" must not be null'),
	('SELECT triage.find_place(''x'', ''NOPE'')', 'TR003 area "NOPE" does not exist'), ('SELECT triage.find_place(''x'', NULL, 0)', 'TR003 argument "max_rows" is out of range'),
	('SELECT triage.find_place(''x'', NULL, 101)', 'TR003 argument "max_rows" is out of range'), ('SELECT triage.suggest_type(''x'', -1)', 'TR003 argument "max_rows" is out of range')) t(statement, expected);
SELECT is(pg_temp.refusal('SELECT triage.find_place(repeat(''塘'', 1000))'), 'TR005 argument "q" is too long', 'a novel');
SELECT is(pg_temp.refusal('SELECT triage.suggest_type(repeat(''x'', 2000))'), 'TR005 argument "prefix" is too long', 'another');
SELECT is(pg_temp.refusal(format('SELECT triage.find_place(%L)', q)), NULL, 'no harm: ' || left(q, 20)) FROM unnest(ARRAY[repeat('a ', 500), repeat('大塘村', 100), U&'\200B\0301', E'\x01\x02', repeat('()', 100)]) q;
RESET ROLE;
SELECT is(pg_temp.refusal(format('UPDATE triage.areas SET short = %L WHERE code = ''Z''', s)) ^@ '23514', true, 'no initials: ' || s) FROM unnest(ARRAY['', 'DTC', 'd c', '大', repeat('a', 41)]) s;
CREATE ROLE t132_none;
GRANT USAGE ON SCHEMA triage TO t132_none;
SET ROLE t132_none;
SELECT is(pg_temp.refusal('SELECT triage.find_place(''x'')') ^@ '42501', true, 'only who was granted it');
RESET ROLE;

-- ---- preview() of what is only half typed ----
SELECT is((SELECT string_agg(coalesce(triage.preview('v110', left('西山镇广场舞', n))->>'area', '-') || ' ' || coalesce(triage.preview('v110', left('西山镇广场舞', n))->>'case_type', '-'), ', ' ORDER BY n) FROM generate_series(1, 6) n),
	'- -, - -, Z12 -, Z12 -, Z12 -, Z12 NOISE', 'letter by letter');
SELECT is(triage.preview('v110', t.body)->>'verdict', 'silent', 'an empty voice is a silent call: ' || coalesce(quote_literal(t.body), 'NULL')) FROM (VALUES (''), (' '), (NULL)) t(body);
SELECT is(triage.preview('web', t.body)->>'verdict', 'no_match', 'words that are still to be typed are no error: ' || coalesce(quote_literal(t.body), 'NULL')) FROM (VALUES (''), (NULL), (U&'\200B')) t(body);
SELECT is((SELECT count(*) FROM triage.cases) + (SELECT count(*) FROM triage.events), 0::bigint, 'nothing was written');
SELECT * FROM finish();
