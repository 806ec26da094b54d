-- Where a report is from: code, coordinates, names, channel; how sure, and what says otherwise.
-- Source: extension/rulebook/place.c, boundary.c
\ir include/helpers.psql
BEGIN;
\ir include/small.psql
COMMIT;
-- by day: a route of the small rulebook holds at night alone
SET triage.now = '2026-03-02 10:00+08';
CREATE ROLE t130_op;
GRANT USAGE ON SCHEMA triage TO t130_op;
GRANT EXECUTE ON FUNCTION triage.preview, triage.report, triage.explain, triage.set_area, triage.append_text TO t130_op;

-- 'area by name confidence [among] [against]' of a preview
CREATE FUNCTION pg_temp.place(channel text, body text, area text DEFAULT NULL, location point DEFAULT NULL, address text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', coalesce(f->>'area', '-'), f->>'by', f->>'name', f->>'confidence', 'among ' || (f->>'among'), 'against ' || (f#>>'{against,by}') || ' ' || (f#>>'{against,area}'))
	FROM (SELECT triage.preview(channel, body, area, location => location, address => address)#>'{facts,place}') p(f)
$$;
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN ' || query; END $$;
SET ROLE t130_op;

-- ---- names ----
SELECT is(pg_temp.place(t.channel, t.body, address => t.address), t.expected, t.what)
FROM (VALUES
	('v110', '噪音', NULL, '- none 0', 'nothing tells'),
	('grid', '噪音', NULL, 'Z11 channel 300', 'the channel''s area'),
	('v110', '金都社区噪音', NULL, 'Z112 text 金都社区 900', 'a name'),
	('v110', '噪音', '金都社区3幢', 'Z112 address 金都社区 900', 'in the address'),
	('v110', '石桥村噪音', '金都社区3幢', 'Z112 address 金都社区 900', 'the address comes before the text'),
	('v110', '石桥村噪音', '3幢', 'Z122 text 石桥村 900', 'an address without a name leaves it to the text'),
	('v110', '大塘村噪音', NULL, 'Z text 大塘村 500 among ["Z111", "Z121", "Z211"]', 'a name that three villages have: the city around them'),
	('web2', '大塘村噪音', NULL, 'Z211 text 大塘村 800', 'the channel''s area tells which'),
	('web1', '大塘村噪音', NULL, 'Z1 text 大塘村 500 among ["Z111", "Z121"]', 'or leaves two'),
	('grid', '大塘村噪音', NULL, 'Z111 text 大塘村 800', 'a smaller one tells'),
	('v110', '西山镇大塘村噪音', NULL, 'Z121 text 大塘村 800', 'another name in the text tells'),
	('v110', '乙丑县的大塘村噪音', NULL, 'Z211 text 大塘村 800', 'also from further up'),
	('web1', '乙丑县南湖镇大塘村', NULL, 'Z1 text 大塘村 500 among ["Z111", "Z121"]', 'the channel''s area comes first'),
	('v110', '石桥村东噪音', NULL, 'Z212 text 石桥村东 900', 'the longest name counts'),
	('v110', '西山镇政府门口', NULL, 'Z12 text 西山镇 900', 'a town'),
	('v110', 'STONE　bridge is loud', NULL, 'Z122 text stone bridge 900', 'an alias, folded'),
	('v110', '金都社区和石桥村之间', NULL, 'Z112 text 金都社区 500 among ["Z112", "Z122"]', 'two places: the longer name, and not sure'),
	('v110', NULL, NULL, '- none 0', 'a silent call')) t(channel, body, address, expected, what);
SELECT is(pg_temp.place('v110', '石桥村', 'Z11'), 'Z11 given 1000', 'a code that is given counts before all names');

-- ---- roads and house numbers ----
RESET ROLE;
INSERT INTO triage.area_names (area, name, kind, houses) VALUES ('Z111', '解放路', 'road', '1-99 odd, 200, 300-'), ('Z112', '解放路', 'road', '2-98 even,201');
SELECT is(pg_temp.refusal(format('INSERT INTO triage.area_names (area, name, kind, houses) VALUES (''Z112'', ''x路'', ''road'', %L)', h)) ^@ '23514', true, 'no list of houses: ' || h)
FROM unnest(ARRAY['', 'odd', '1--2', '1 - 2', '999999', '1,', '1;2', '1 oddly', '-1', repeat('1,', 300) || '1']) h;
SET ROLE t130_op;
SELECT is(pg_temp.place('v110', t.body), t.expected, t.body)
FROM (VALUES ('解放路１７号噪音', 'Z111 text 解放路 900'), ('解放路18号', 'Z112 text 解放路 900'), ('解放路 98号', 'Z112 text 解放路 900'), ('解放路200号', 'Z111 text 解放路 900'),
	('解放路201号', 'Z112 text 解放路 900'), ('解放路3000弄', 'Z111 text 解放路 900'), ('解放路202号', '- none 0'), ('解放路0号', '- none 0'), ('解放路123456号', 'Z11 text 解放路 500 among ["Z111", "Z112"]'),
	('解放路口', 'Z11 text 解放路 500 among ["Z111", "Z112"]'), ('解放路18号和解放路17号', 'Z11 text 解放路 500 among ["Z111", "Z112"]'), ('解放路202号金都社区', 'Z112 text 金都社区 900'),
	('解放路17号金都社区', 'Z111 text 解放路 900')) t(body, expected);

-- ---- coordinates ----
RESET ROLE;
-- Z1 is the square 0..10, Z11 its left half, Z12 its right; Z111 lies in Z11; Z2 has two parts and a hole in one; Z21 fills the hole
UPDATE triage.areas a SET boundary = v.b::polygon FROM (VALUES
	('Z1', '(0,0),(10,0),(10,10),(0,10)'), ('Z11', '(0,0),(5,0),(5,10),(0,10)'), ('Z12', '(5,0),(10,0),(10,10),(5,10)'), ('Z111', '(1,1),(2,1),(2,2),(1,2)'),
	('Z2', '(20,0),(30,0),(30,10),(20,10),(20,0),(24,4),(24,6),(26,6),(26,4),(24,4),(20,0),(40,0),(45,0),(45,5),(40,5),(40,0),(20,0)'),
	('Z21', '(24,4),(26,4),(26,6),(24,6)')) v(code, b) WHERE a.code = v.code;
SET ROLE t130_op;
SELECT is(pg_temp.place('v110', t.body, location => t.location::point, address => t.address), t.expected, concat_ws(' ', t.location, t.body, t.address))
FROM (VALUES
	('噪音', '3,3', NULL, 'Z11 coordinates 950'),
	('噪音', '1.5,1.5', NULL, 'Z111 coordinates 950'),
	('噪音', '7,3', NULL, 'Z12 coordinates 950'),
	('噪音', '5,3', NULL, 'Z12 coordinates 950'),
	('噪音', '22,5', NULL, 'Z2 coordinates 950'),
	('噪音', '42,2', NULL, 'Z2 coordinates 950'),
	('噪音', '35,2', NULL, '- none 0'),
	('噪音', '25,5', NULL, 'Z21 coordinates 950'),
	('噪音', '-50,-50', NULL, '- none 0'),
	('金都社区噪音', '-50,-50', NULL, 'Z112 text 金都社区 900'),
	('金都社区噪音', '3,3', NULL, 'Z112 coordinates 金都社区 950'),
	('甲子县噪音', '3,3', NULL, 'Z11 coordinates 甲子县 950'),
	('大塘村噪音', '7,3', NULL, 'Z121 coordinates 大塘村 950'),
	('石桥村噪音', '3,3', NULL, 'Z11 coordinates 600 against text Z122'),
	('噪音', '3,3', '西山镇', 'Z11 coordinates 600 against address Z12'),
	('金都社区和东门街道噪音', '22,5', NULL, 'Z2 coordinates 600 against text Z112')) t(body, location, address, expected);
SELECT is(pg_temp.place('v110', '噪音', 'Z1', '3,3'), 'Z1 given 1000', 'a code and coordinates inside it');
SELECT is(pg_temp.place('v110', '噪音', 'Z12', '3,3'), 'Z12 given 600 against coordinates Z11', 'a code against the coordinates: the code, and it is recorded');
SELECT is(pg_temp.place('grid', '噪音', NULL, '7,3'), 'Z12 coordinates 950', 'coordinates come before the channel''s area');
SELECT is((triage.preview('v110', '噪音', location => '3,3')->>'lead'), 'TOWN11', 'and the case goes there');
-- every point of a common border has one owner
SELECT is((SELECT count(DISTINCT pg_temp.place('v110', '噪音', location => point(x / 4.0, y / 4.0))) FROM generate_series(0, 39) x, generate_series(0, 39) y), 3::bigint, 'three areas share a square');
SELECT is((SELECT count(*) FROM generate_series(0, 39) x, generate_series(0, 39) y WHERE pg_temp.place('v110', '噪音', location => point(x / 4.0, y / 4.0)) = '- none 0'), 0::bigint, 'without a gap');

-- ---- the image of the rules says the same as the tables ----
BEGIN;
RESET ROLE;
UPDATE triage.areas SET en = 'touched' WHERE code = 'Z';
SELECT is(pg_temp.place('v110', '解放路18号', location => '3,3'), 'Z112 coordinates 解放路 950', 'uncommitted rules are read from the tables');
ROLLBACK;
\setenv T130_DATABASE :DBNAME
\set image `psql -XAtq -d "$T130_DATABASE" -c "SET ROLE t130_op" -c "SELECT triage.preview('v110', '解放路18号', location => '3,3')#>'{facts,place}'"`
SELECT is(:'image'::jsonb, '{"by": "coordinates", "area": "Z112", "name": "解放路", "confidence": 950}'::jsonb, 'a new session reads the image');

-- ---- hostile ----
SET ROLE t130_op;
SELECT is(pg_temp.refusal(format('SELECT triage.preview(''v110'', ''x'', location => %L)', p)), 'TR005 location is not a place on earth', p || ' is refused')
FROM unnest(ARRAY['(NaN,3)', '(3,NaN)', '(Infinity,3)', '(3,-Infinity)', '(181,3)', '(3,91)', '(1e300,1e300)', '(30.27,120.15)']) p;
SELECT is(pg_temp.refusal($$SELECT triage.report('v110', 'x', reporter => 'r', location => '(NaN,3)')$$), 'TR005 location is not a place on earth', 'by report() too');
DO $$
DECLARE
	h	text;
BEGIN
	PERFORM triage.preview('v110', 'x', location => '(30.27,120.15)');
EXCEPTION WHEN SQLSTATE 'TR005' THEN
	GET STACKED DIAGNOSTICS h = PG_EXCEPTION_HINT;
	PERFORM set_config('t130.hint', h, false);
END
$$;
SELECT matches(current_setting('t130.hint'), 'swapped', 'latitude before longitude is recognised');
SELECT is(pg_temp.place('v110', '噪音', NULL, '(180,90)'), '- none 0', 'the edge of the world');
SELECT is(pg_temp.place('v110', repeat('大塘村', 20000)), 'Z text 大塘村 500 among ["Z111", "Z121", "Z211"]', 'a text of nothing but names');
RESET ROLE;
SELECT is(pg_temp.refusal(format('UPDATE triage.areas SET boundary = %s WHERE code = ''Z2''', b)) ^@ '23514', true, what)
FROM (VALUES ($$'(0,0),(1,1)'$$, 'two points are no outline'), ($$'(0,0),(1,1),(200,1)'$$, 'an outline off the earth'), ($$'(0,0),(1,1),(NaN,1)'$$, 'with NaN'), ($$'(0,0),(1,1),(Infinity,1)'$$, 'with infinity'),
	($$(SELECT ('(' || string_agg(format('(%s,%s)', cos(g), sin(g)), ',') || ')')::polygon FROM generate_series(1, 10001) g)$$, 'with more than 10,000 points')) t(b, what);
UPDATE triage.areas SET boundary = (SELECT ('(' || string_agg(format('(%s,%s)', 100 + cos(g * 2 * pi() / 10000), sin(g * 2 * pi() / 10000)), ',' ORDER BY g) || ')')::polygon FROM generate_series(1, 10000) g) WHERE code = 'Z2';
SELECT is(pg_temp.place('v110', '噪音', NULL, '(100.5,0.5)') || pg_temp.place('v110', '噪音', NULL, '(100.8,0.8)'), 'Z2 coordinates 950- none 0', '10,000 points are an outline');
-- the same question in SQL
SELECT is((SELECT string_agg(a.code, ' ' ORDER BY a.code) FROM triage.areas a WHERE a.boundary @> point '(1.5,1.5)'), 'Z1 Z11 Z111', 'areas.boundary answers SQL too');
SET enable_seqscan = off;
SELECT matches((SELECT string_agg(p, ' ') FROM pg_temp.plan($$SELECT a.code FROM triage.areas a WHERE a.boundary @> polygon '(1.5,1.5),(1.6,1.6),(1.5,1.6)'$$) p), 'areas_boundary_idx', 'by its index');
RESET enable_seqscan;

-- ---- what is kept, and shown ----
SELECT case_id AS c FROM triage.report('v110', '石桥村噪音', location => '3,3', reporter => 'r') \gset
SELECT is((SELECT d.facts->'place' FROM triage.decisions d WHERE d.case_id = :c), '{"by": "coordinates", "area": "Z11", "confidence": 600, "against": {"by": "text", "area": "Z122"}}'::jsonb, 'a contradiction is on record');
SELECT matches(triage.explain(:c), 'Z11 东门街道 \(coordinates; 把握 confidence 600/1000; 不一致 but by text: Z122 石桥村\)', 'explain() shows it');
SELECT case_id AS c FROM triage.report('v110', '大塘村噪音', reporter => 'r') \gset
SELECT matches(triage.explain(:c), 'Z 测试市 \(text: 大塘村; 把握 confidence 500/1000; 可能 one of: Z111 大塘村, Z121 大塘村, Z211 大塘村\)', 'and what it could have been');
SELECT is((SELECT r.area || ' ' || r.lead FROM triage.append_text(:c, '在西山镇') r), 'Z121 ENV', 'more words tell which');
SELECT is((SELECT string_agg(d.facts#>>'{place,area}', ' ' ORDER BY d.seq) FROM triage.decisions d WHERE d.case_id = :c), 'Z Z121', 'both are on record');
SELECT is((SELECT r.area FROM triage.set_area(:c, 'Z111') r), 'Z111', 'a person knows better');
SELECT is((SELECT r.area FROM triage.append_text(:c, '不对，是乙丑县') r), 'Z111', 'and is not overruled');
SELECT is((SELECT d.facts->'place' FROM triage.decisions d WHERE d.case_id = :c ORDER BY d.seq DESC LIMIT 1), '{"by": "given", "area": "Z111", "confidence": 1000}'::jsonb, 'given');
SELECT case_id AS c FROM triage.report('v110', '大塘村噪音', location => '7,3', reporter => 'r') \gset
SELECT is((SELECT r.area FROM triage.reclassify(:c, 'LEAK') r), 'Z121', 'another type leaves the place');
SELECT is((SELECT d.facts->'place'->>'by' FROM triage.decisions d WHERE d.case_id = :c AND d.seq = 2), 'kept', 'as it was found');
-- rows of INSERT are placed alike; a trigger of the installation that moves the row is heard
INSERT INTO triage.cases (channel, body, location, reporter) VALUES ('v110', '噪音', '1.5,1.5', 'r') RETURNING area AS a \gset
SELECT is(:'a'::text, 'Z111', 'INSERT');
CREATE FUNCTION pg_temp.move() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.location := '7,3'; RETURN NEW; END $$;
CREATE TRIGGER zzz_move BEFORE INSERT ON triage.cases FOR EACH ROW EXECUTE FUNCTION pg_temp.move();
SELECT case_id AS c FROM triage.report('v110', '噪音', location => '3,3', reporter => 'r') \gset
SELECT is((SELECT c.area || ' ' || c.lead FROM triage.cases c WHERE c.case_id = :c), 'Z12 ENV', 'a location that a later trigger changes is placed anew');
SELECT * FROM finish();
