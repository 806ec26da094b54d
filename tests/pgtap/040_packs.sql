-- Rule packs: what a document changes, what it must not, and which broken row is refused with which words.
-- Source: sql/36_packs.sql, extension/rulebook/pack.c
-- Broken files: tests/t/020_packs.t
BEGIN;

CREATE TEMP TABLE mini AS SELECT $${
	"pack": {"code": "mini", "version": "1", "zh": "小包", "en": "Mini"},
	"areas": [
		{"code": "X", "zh": "甲市", "level": "city", "boundary": "((0.1,0.2),(3,0),(3,3.000000000000001))"},
		{"code": "X1", "parent": "X", "zh": "甲县", "level": "county", "urban": true}],
	"area_names": [{"area": "X1", "name": "老甲"}],
	"departments": [
		{"code": "XC", "kind": "XK", "zh": "中心", "en": "Centre", "level": "county", "area": "X"},
		{"code": "XD", "kind": "XL", "zh": "队", "en": "Squad", "level": "town", "area": "X1", "superior": "XK", "endpoint": "xe"}],
	"channels": [{"code": "xw", "zh": "网", "en": "Web", "kind": "written", "department": "XC", "endpoint": "xe", "confirm_danger": true,
				  "needs_caller": false, "allows_anonymous": true, "fold_window": "90 minutes"}],
	"case_types": [
		{"code": "XG", "zh": "组", "en": "Group", "nature": "undetermined", "priority": 3},
		{"code": "XT", "parent": "XG", "zh": "型", "en": "Type", "nature": "nonpolice", "priority": "3"}],
	"terms": [
		{"case_type": "XT", "kind": "include", "term": "稀奇"},
		{"case_type": "XT", "kind": "exclude", "term": "古怪"}],
	"routes": [
		{"code": "XR", "case_type": "XT"},
		{"code": "XR.sensor", "case_type": "XT", "area": "X1", "condition": "channel = 'sensor'", "precedence": 5}],
	"route_parties": [
		{"route": "XR", "seq": 1, "relation": "XK", "duty": "lead"},
		{"route": "XR", "seq": 2, "department": "XD", "duty": "assist"},
		{"route": "XR.sensor", "seq": 1, "department": "XD", "duty": "lead"}],
	"calendars": [{"code": "xcal", "zh": "历", "en": "Calendar", "timezone": "Asia/Shanghai"}],
	"calendar_hours": [{"calendar": "xcal", "weekday": 1, "opens": "08:30", "closes": "12:00"}],
	"calendar_days": [{"calendar": "xcal", "day": "2026-10-01", "kind": "closed"}],
	"policies": [{"code": "x.accept", "stage": "accept", "case_type": "XT", "area": "X1", "amount": 2, "unit": "wh", "calendar": "xcal", "ladder": "xl"}],
	"policy_steps": [{"ladder": "xl", "step": 1, "percent": 80, "action": "remind", "target": "owner", "repeat_every": "1 day 2 hours", "zh": "提醒", "en": "Remind"}],
	"endpoints": [{"code": "xe", "url": "https://example.org/in"}],
	"outcomes": [{"code": "xo", "zh": "好", "en": "Fine", "settled": true, "requires": ["parties", "amount"]}]
}$$::jsonb AS doc;

CREATE FUNCTION pg_temp.mini() RETURNS jsonb LANGUAGE sql AS $$ SELECT doc FROM mini $$;

-- the mini pack with another row, or another value in row n (from 0) of a table
CREATE FUNCTION pg_temp.plus(relation text, added jsonb) RETURNS jsonb LANGUAGE sql AS
	$$ SELECT jsonb_set(doc, ARRAY[relation], doc -> relation || jsonb_build_array(added)) FROM mini $$;
CREATE FUNCTION pg_temp.with_value(path text, value text) RETURNS jsonb LANGUAGE sql AS
	$$ SELECT jsonb_set(doc, path::text[], value::jsonb) FROM mini $$;

-- how a document is refused: message; NULL when it is not
CREATE FUNCTION pg_temp.refusal(doc jsonb, dry_run boolean DEFAULT true, OUT message text) LANGUAGE plpgsql AS $$
DECLARE
	state	text;
	detail	text;
	hint	text;
BEGIN
	PERFORM * FROM triage.apply_pack(doc, dry_run);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	IF state <> 'TR004' OR detail = '' OR hint = '' THEN
		message := format('NOT AS AGREED: %s %s | %s | %s', state, message, detail, hint);
	END IF;
END
$$;

CREATE FUNCTION pg_temp.changes(doc jsonb, dry_run boolean DEFAULT true) RETURNS TABLE (line text) LANGUAGE sql AS
	$$ SELECT concat_ws(' ', change, item, code) FROM triage.apply_pack(doc, dry_run) ORDER BY 1 $$;

CREATE FUNCTION pg_temp.book() RETURNS text LANGUAGE sql AS
	$$ SELECT version || ' ' || encode(digest, 'hex') FROM triage.rulebook $$;

SELECT plan(165);

-- ---- a dry run, a real one, and again

CREATE TEMP TABLE before AS SELECT pg_temp.book() AS book, (SELECT version FROM triage.rulebook) AS version;

PREPARE inserted AS SELECT change, item, count(*) FROM triage.apply_pack(pg_temp.mini()) GROUP BY 1, 2 ORDER BY 2;
SELECT results_eq('inserted', $$VALUES
	('insert', 'area_names', 1::bigint), ('insert', 'areas', 2), ('insert', 'calendar_days', 1), ('insert', 'calendar_hours', 1),
	('insert', 'calendars', 1), ('insert', 'case_types', 2), ('insert', 'channels', 1), ('insert', 'departments', 2),
	('insert', 'endpoints', 1), ('insert', 'outcomes', 1), ('insert', 'packs', 1), ('insert', 'policies', 1),
	('insert', 'policy_steps', 1), ('insert', 'route_parties', 3), ('insert', 'routes', 2), ('insert', 'terms', 2)$$,
	'a dry run shows every row');
SELECT is(pg_temp.book(), (SELECT book FROM before), 'a dry run changes nothing');
SELECT is((SELECT count(*) FROM triage.packs WHERE code = 'mini'), 0::bigint, 'not even the list of packs');

SELECT is((SELECT count(*) FROM triage.apply_pack(pg_temp.mini(), false)), 23::bigint, 'a real one reports the same rows');
SELECT is((SELECT version FROM triage.rulebook), (SELECT version + 1 FROM before), 'the version rises once');
SELECT is((SELECT to_jsonb(t) FROM triage.areas t WHERE code = 'X'),
	'{"code": "X", "parent": null, "zh": "甲市", "en": null, "level": "city", "short": null, "urban": false, "boundary": "((0.1,0.2),(3,0),(3,3.000000000000001))", "active": true, "pack": "mini"}'::jsonb,
	'a row as it stands then: defaults for what it does not name');
SELECT is((SELECT requires FROM triage.outcomes WHERE code = 'xo'), '{parties,amount}'::text[], 'a list');

CREATE TEMP TABLE loaded AS SELECT pg_temp.book() AS book, triage.dump_pack() AS doc, triage.dump_pack('mini') AS mini;
SELECT is_empty($$SELECT * FROM triage.apply_pack(pg_temp.mini(), false)$$, 'the same again: no difference');
SELECT is_empty($$SELECT * FROM triage.load_pack('zhejiang')$$, 'the loaded pack again: no difference');
SELECT is(pg_temp.book(), (SELECT book FROM loaded), 'and neither version nor digest moved');
SET LOCAL IntervalStyle = iso_8601;
SET LOCAL DateStyle = 'German, DMY';
SET LOCAL extra_float_digits = -15;
SELECT is_empty($$SELECT * FROM triage.apply_pack(pg_temp.mini(), false)$$, 'whatever the session''s styles');
SELECT is((SELECT triage.dump_pack('mini') = mini FROM loaded), true, 'a dump does not depend on them');
RESET IntervalStyle;
RESET DateStyle;
RESET extra_float_digits;

-- ---- differences

SELECT is((SELECT jsonb_agg(jsonb_build_object(change, detail)) FROM triage.apply_pack(pg_temp.with_value('{case_types,1,priority}', '2'))),
	'[{"update": {"was": {"priority": 3}, "will": {"priority": 2}}}]'::jsonb, 'an update names the columns that differ');
SELECT is((SELECT jsonb_agg(jsonb_build_object(item, detail)) FROM triage.apply_pack(pg_temp.with_value('{pack,version}', '"2"'))),
	'[{"packs": {"was": {"version": "1"}, "will": {"version": "2"}}}]'::jsonb, 'so does a new version of the pack');
SELECT is((SELECT detail FROM triage.apply_pack(pg_temp.plus('terms', '{"case_type": "XT", "kind": "include", "term": "新"}'))),
	'{"will": {"case_type": "XT", "kind": "include", "term": "新", "active": true}}'::jsonb, 'an insert shows the row');
SELECT results_eq($$SELECT * FROM pg_temp.changes(pg_temp.mini() #- '{terms,0}' #- '{routes,1}' #- '{route_parties,2}')$$,
	ARRAY['retire route_parties XR.sensor/1', 'retire routes XR.sensor', 'retire terms XT/include/稀奇'],
	'rows the pack no longer names are retired');
SELECT results_eq($$SELECT * FROM pg_temp.changes(pg_temp.mini() - 'outcomes' - 'area_names')$$,
	ARRAY['retire area_names X1/老甲', 'retire outcomes xo'], 'also those of tables it no longer names');
SELECT lives_ok($$SELECT triage.apply_pack(pg_temp.mini() - 'outcomes', false)$$, 'apply that');
SELECT is((SELECT active FROM triage.outcomes WHERE code = 'xo'), false, 'retired is not deleted');
SELECT is_empty($$SELECT * FROM triage.apply_pack(pg_temp.mini() - 'outcomes')$$, 'and only once');
SELECT is((SELECT jsonb_agg(jsonb_build_object(change, detail)) FROM triage.apply_pack(pg_temp.mini(), false)),
	'[{"update": {"was": {"active": false}, "will": {"active": true}}}]'::jsonb, 'a row that comes back is active again');
SELECT is((SELECT book FROM loaded) LIKE '%' || (SELECT encode(digest, 'hex') FROM triage.rulebook), true, 'and the digest is what it was');

-- ---- columns a row does not name; null

UPDATE triage.departments SET endpoint = 'xe' WHERE code = 'XC';
UPDATE triage.calendars SET version = 7 WHERE code = 'xcal';
SELECT is_empty($$SELECT * FROM triage.apply_pack(pg_temp.mini(), false)$$, 'what a row does not name stays as the installation set it');
SELECT is_empty($$SELECT * FROM triage.apply_pack(pg_temp.with_value('{calendars,0}',
	'{"code": "xcal", "zh": "历", "en": "Calendar", "timezone": "Asia/Shanghai", "version": 2}'))$$, 'a calendar''s version never goes back');
SELECT is((SELECT detail -> 'will' FROM triage.apply_pack(pg_temp.with_value('{departments,0,endpoint}', 'null'))),
	'{"endpoint": null}'::jsonb, 'null is a value');
SELECT is((SELECT detail -> 'will' FROM triage.apply_pack(pg_temp.with_value('{outcomes,0,requires}', 'null'))),
	'{"requires": []}'::jsonb, 'null where there must be a value is the default');
UPDATE triage.departments SET endpoint = NULL WHERE code = 'XC';
UPDATE triage.calendars SET version = 1 WHERE code = 'xcal';

-- ---- whose row

UPDATE triage.terms SET pack = NULL, active = false WHERE term = '古怪';
SELECT results_eq($$SELECT change, code, detail FROM triage.apply_pack(pg_temp.mini(), false)$$,
	$$VALUES ('kept', 'XT/exclude/古怪', '{"pack": null, "was": {"active": false}, "will": {"active": true}}'::jsonb)$$,
	'the installation''s own row wins');
SELECT is((SELECT active FROM triage.terms WHERE term = '古怪'), false, 'and is left alone');
SELECT results_eq($$SELECT change, code, detail -> 'pack' FROM triage.apply_pack(pg_temp.plus('case_types',
		'{"code": "N101", "zh": "改", "en": "Changed", "nature": "police", "priority": 1}')) WHERE item = 'case_types'$$,
	$$VALUES ('kept', 'N101', '"zhejiang"'::jsonb)$$, 'so does another pack''s');
SELECT is_empty($$SELECT * FROM pg_temp.changes(pg_temp.mini() #- '{terms,1}')$$, 'rows of others are not retired');

-- ---- the installation's own rows

SELECT results_eq($$SELECT change, item, code, detail FROM triage.apply_pack(
		'{"terms": [{"case_type": "XT", "kind": "include", "term": "自家"}], "case_types": [{"code": "XT", "priority": 1}]}', false)$$,
	$$VALUES ('update', 'case_types', 'XT', '{"was": {"pack": "mini", "priority": 3}, "will": {"pack": null, "priority": 1}}'::jsonb),
		('insert', 'terms', 'XT/include/自家', '{"will": {"case_type": "XT", "kind": "include", "term": "自家", "active": true}}')$$,
	'a document without a pack adds and takes over');
SELECT results_eq($$SELECT * FROM pg_temp.changes(pg_temp.mini())$$,
	ARRAY['kept case_types XT', 'kept terms XT/exclude/古怪'], 'the pack does not take it back');
SELECT results_eq($$SELECT * FROM pg_temp.changes('{"terms": [{"case_type": "XT", "kind": "include", "term": "自家", "active": false}]}')$$,
	ARRAY['retire terms XT/include/自家'], 'it retires what it says is not active');

-- ---- dump and back

CREATE TEMP TABLE dump AS SELECT triage.dump_pack() AS doc, triage.dump_pack('mini') AS mini, encode(digest, 'hex') AS digest FROM triage.rulebook;
SELECT is_empty($$SELECT * FROM triage.apply_pack((SELECT doc FROM dump))$$, 'a dump of everything, applied: no difference');
SELECT is_empty($$SELECT * FROM triage.apply_pack((SELECT mini FROM dump)) WHERE change <> 'kept'$$, 'a dump of a pack, applied: no difference');
SELECT is((SELECT array_agg(k ORDER BY k) FROM dump, jsonb_object_keys(mini) k)::text,
	'{area_names,areas,calendar_days,calendar_hours,calendars,case_types,channels,departments,endpoints,outcomes,pack,policies,policy_steps,route_parties,routes,terms}',
	'a pack has its own rows only');
SELECT is((SELECT count(*) FROM dump, jsonb_array_elements(doc -> 'terms') t WHERE t ->> 'pack' IS NULL), 2::bigint, 'everything includes the installation''s own rows');
DO $$
DECLARE
	t	text;
BEGIN
	FOR t IN SELECT relation FROM triage.rule_tables() LOOP
		EXECUTE format('DELETE FROM triage.%I', t);
	END LOOP;
	DELETE FROM triage.packs;
END
$$;
SELECT is((SELECT encode(digest, 'hex') FROM triage.rulebook), repeat('0', 32), 'a database without rules has digest zero');
SELECT isnt_empty($$SELECT triage.apply_pack((SELECT doc FROM dump), false)$$, 'the dump of everything, applied to it');
SELECT is((SELECT encode(digest, 'hex') FROM triage.rulebook), (SELECT digest FROM dump), 'gives the same digest');
SELECT is(triage.dump_pack(), (SELECT doc FROM dump), 'and the same dump');
SELECT isnt_empty($$SELECT triage.apply_pack('{"packs": []}', false)$$, 'a whole rulebook without rows');
SELECT is_empty($$SELECT FROM triage.terms WHERE active UNION ALL SELECT FROM triage.areas WHERE active$$, 'retires everything');
SELECT isnt_empty($$SELECT triage.apply_pack((SELECT doc FROM dump), false)$$, 'and the dump');
SELECT is((SELECT encode(digest, 'hex') FROM triage.rulebook), (SELECT digest FROM dump), 'brings everything back');
SELECT is(pg_temp.refusal('{"packs": [], "outcomes": [{"code": "a", "zh": "b", "en": "c", "settled": true, "pack": "nobody"}]}'),
	'rules: outcomes row 1: column "pack": there is no pack "nobody"', 'a row of a pack that is not there');

-- ---- broken rows

CREATE TEMP TABLE clean AS SELECT pg_temp.book() AS book;
CREATE TEMP TABLE broken (n int GENERATED ALWAYS AS IDENTITY, doc jsonb, why text);
INSERT INTO broken (doc, why) VALUES
	-- shapes
	('[]', 'rules: the document must be an object, not array'),
	('"x"', 'rules: the document must be an object, not string'),
	('null', 'rules: the document must be an object, not null'),
	('{"termz": []}', 'rules: there is no table "termz"'),
	('{"rulebook": []}', 'rules: there is no table "rulebook"'),
	('{"endpoint_secrets": []}', 'rules: there is no table "endpoint_secrets"'),
	('{"pack": {}, "packs": []}', 'rules: the document has both "pack" and "packs"'),
	('{"terms": {}}', 'rules: terms: the rows must be a JSON array'),
	('{"terms": null}', 'rules: terms: the rows must be a JSON array'),
	('{"terms": "x"}', 'rules: terms: the rows must be a JSON array'),
	('{"terms": [["XT", "include", "a"]]}', 'rules: terms row 1: a row must be an object, not a list'),
	('{"terms": [null]}', 'rules: terms row 1: a row must be an object, not null'),
	('{"pack": null}', 'rules: packs row 1: a row must be an object, not null'),
	('{"pack": "mini"}', 'rules: packs row 1: a row must be an object, not text'),
	('{"pack": {"version": "1", "zh": "a", "en": "b"}}', 'rules: packs row 1: column "code" must not be empty'),
	('{"pack": {"code": "Mini", "version": "1", "zh": "a", "en": "b"}}',
		'pack "Mini": packs row 1: check "packs_code_check" is not met: (code ~ ''^[a-z0-9_]{1,40}$''::text)'),
	('{"pack": {"code": "mini", "version": 1, "zh": "a", "en": "b"}}', 'pack "mini": packs row 1: column "version" must be text, not a number'),
	('{"pack": {"code": "mini", "version": "1", "zh": "a", "en": "b", "loaded_at": "2026-01-01"}}',
		'pack "mini": packs row 1: column "loaded_at" is set by the server'),
	('{"packs": {}}', 'rules: packs: the rows must be a JSON array'),
	('{"packs": [{"code": "a", "version": "1", "zh": "a", "en": "b"}, {"code": "a", "version": "2", "zh": "a", "en": "b"}]}',
		'rules: packs row 2: a pack with this code stands above'),
	-- columns and types
	(pg_temp.with_value('{terms,1,termm}', '"x"'), 'pack "mini": terms row 2: there is no column "termm"'),
	(pg_temp.with_value('{terms,1,pack}', '"zhejiang"'), 'pack "mini": terms row 2: column "pack": the row is not of this pack'),
	('{"terms": [{"case_type": "XT", "kind": "include", "term": "a", "pack": "mini"}]}',
		'rules: terms row 1: column "pack": a document without "pack" or "packs" holds the installation''s own rows'),
	(pg_temp.with_value('{endpoints,0,configured_by}', '"postgres"'), 'pack "mini": endpoints row 1: column "configured_by" is set by the server'),
	(pg_temp.with_value('{terms,0,term}', '7'), 'pack "mini": terms row 1: column "term" must be text, not a number'),
	(pg_temp.with_value('{terms,0,term}', '{}'), 'pack "mini": terms row 1: column "term" must be text, not an object'),
	(pg_temp.with_value('{terms,0,term}', '["a"]'), 'pack "mini": terms row 1: column "term" must be text, not a list'),
	(pg_temp.with_value('{case_types,0,priority}', 'true'), 'pack "mini": case_types row 1: column "priority" must be integer, not true or false'),
	(pg_temp.with_value('{case_types,1,priority}', '"soon"'), 'pack "mini": case_types row 2: column "priority": invalid input syntax for type integer: "soon"'),
	(pg_temp.with_value('{case_types,1,priority}', '2.5'), 'pack "mini": case_types row 2: column "priority": invalid input syntax for type integer: "2.5"'),
	(pg_temp.with_value('{case_types,1,priority}', '1e20'), 'pack "mini": case_types row 2: column "priority": value "100000000000000000000" is out of range for type integer'),
	(pg_temp.with_value('{areas,1,urban}', '1'), 'pack "mini": areas row 2: column "urban" must be boolean, not a number'),
	(pg_temp.with_value('{areas,0,boundary}', '"round"'), 'pack "mini": areas row 1: column "boundary": invalid input syntax for type polygon: "round"'),
	(pg_temp.with_value('{calendar_days,0,day}', '"2026-02-30"'), 'pack "mini": calendar_days row 1: column "day": date/time field value out of range: "2026-02-30"'),
	(pg_temp.with_value('{outcomes,0,requires}', '"a|b"'), 'pack "mini": outcomes row 1: column "requires" must be a list, not text'),
	(pg_temp.with_value('{outcomes,0,requires}', '["a", 1]'), 'pack "mini": outcomes row 1: column "requires" in its list must be text, not a number'),
	(pg_temp.with_value('{outcomes,0,requires}', '["a", null]'), 'pack "mini": outcomes row 1: column "requires" in its list must be text, not null'),
	(pg_temp.with_value('{outcomes,0,requires}', '["a", ["b"]]'), 'pack "mini": outcomes row 1: column "requires" in its list must be text, not a list'),
	-- constraints
	(pg_temp.with_value('{terms,1,term}', 'null'), 'pack "mini": terms row 2: column "term" must not be empty'),
	(pg_temp.mini() #- '{terms,0,case_type}', 'pack "mini": terms row 1: column "case_type" must not be empty'),
	(pg_temp.plus('channels', '{"code": "x2", "zh": "a", "en": "b", "kind": "grid", "confirm_danger": false, "allows_anonymous": true}'),
		'pack "mini": channels row 2: column "needs_caller" must not be empty'),
	(pg_temp.with_value('{terms,1,kind}', '"maybe"'),
		'pack "mini": terms row 2: check "terms_kind_check" is not met: (kind = ANY (ARRAY[''include''::text, ''exclude''::text, ''escalate''::text]))'),
	(pg_temp.with_value('{case_types,0,priority}', '5'), 'pack "mini": case_types row 1: check "case_types_priority_check" is not met: ((priority >= 1) AND (priority <= 4))'),
	(pg_temp.with_value('{areas,1,parent}', '"X1"'), 'pack "mini": areas row 2: check "areas_check" is not met: (parent <> code)'),
	(pg_temp.with_value('{route_parties,0,department}', '"XC"'),
		'pack "mini": route_parties row 1: check "route_parties_check" is not met: ((department IS NULL) <> (relation IS NULL))'),
	(pg_temp.with_value('{policies,0,calendar}', 'null'),
		'pack "mini": policies row 1: check "policies_check" is not met: ((unit <> ALL (ARRAY[''wh''::text, ''wd''::text])) OR (calendar IS NOT NULL))'),
	(pg_temp.with_value('{endpoints,0,url}', '"file:///etc/passwd"'),
		'pack "mini": endpoints row 1: check "endpoints_url_check" is not met: (url ~ ''^https?://[^/?#@[:space:]]+([/?#][^[:space:]]*)?$''::text)'),
	-- twice
	(pg_temp.plus('terms', '{"case_type": "XT", "kind": "include", "term": "稀奇"}'), 'pack "mini": terms row 3: the key (case_type, kind, term) is that of row 1'),
	(pg_temp.plus('calendar_hours', '{"calendar": "xcal", "weekday": "1", "opens": "8:30:00", "closes": "13:00"}'),
		'pack "mini": calendar_hours row 2: the key (calendar, weekday, opens) is that of row 1'),
	-- codes that lead nowhere
	(pg_temp.plus('terms', '{"case_type": "NOPE", "kind": "include", "term": "a"}'), 'pack "mini": terms row 3: column "case_type": there is no case type "NOPE"'),
	(pg_temp.with_value('{areas,1,parent}', '"NOPE"'), 'pack "mini": areas row 2: column "parent": there is no area "NOPE"'),
	(pg_temp.with_value('{area_names,0,area}', '"NOPE"'), 'pack "mini": area_names row 1: column "area": there is no area "NOPE"'),
	(pg_temp.with_value('{departments,1,area}', '"NOPE"'), 'pack "mini": departments row 2: column "area": there is no area "NOPE"'),
	(pg_temp.with_value('{departments,1,superior}', '"XC"'), 'pack "mini": departments row 2: column "superior": there is no kind of department "XC"'),
	(pg_temp.with_value('{departments,1,endpoint}', '"NOPE"'), 'pack "mini": departments row 2: column "endpoint": there is no endpoint "NOPE"'),
	(pg_temp.with_value('{channels,0,area}', '"NOPE"'), 'pack "mini": channels row 1: column "area": there is no area "NOPE"'),
	(pg_temp.with_value('{channels,0,department}', '"NOPE"'), 'pack "mini": channels row 1: column "department": there is no department or kind "NOPE"'),
	(pg_temp.with_value('{channels,0,endpoint}', '"NOPE"'), 'pack "mini": channels row 1: column "endpoint": there is no endpoint "NOPE"'),
	(pg_temp.with_value('{case_types,0,parent}', '"NOPE"'), 'pack "mini": case_types row 1: column "parent": there is no case type "NOPE"'),
	(pg_temp.with_value('{routes,0,case_type}', '"NOPE"'), 'pack "mini": routes row 1: column "case_type": there is no case type "NOPE"'),
	(pg_temp.with_value('{routes,1,area}', '"NOPE"'), 'pack "mini": routes row 2: column "area": there is no area "NOPE"'),
	(pg_temp.plus('route_parties', '{"route": "NOPE", "seq": 1, "relation": "XK", "duty": "lead"}'), 'pack "mini": route_parties row 4: column "route": there is no route "NOPE"'),
	(pg_temp.with_value('{route_parties,1,department}', '"NOPE"'), 'pack "mini": route_parties row 2: column "department": there is no department "NOPE"'),
	(pg_temp.with_value('{route_parties,0,relation}', '"NOPE"'), 'pack "mini": route_parties row 1: column "relation": there is no kind of department "NOPE"'),
	(pg_temp.with_value('{calendar_hours,0,calendar}', '"NOPE"'), 'pack "mini": calendar_hours row 1: column "calendar": there is no calendar "NOPE"'),
	(pg_temp.with_value('{calendar_days,0,calendar}', '"NOPE"'), 'pack "mini": calendar_days row 1: column "calendar": there is no calendar "NOPE"'),
	(pg_temp.with_value('{policies,0,case_type}', '"NOPE"'), 'pack "mini": policies row 1: column "case_type": there is no case type "NOPE"'),
	(pg_temp.with_value('{policies,0,area}', '"NOPE"'), 'pack "mini": policies row 1: column "area": there is no area "NOPE"'),
	(pg_temp.with_value('{policies,0,calendar}', '"NOPE"'), 'pack "mini": policies row 1: column "calendar": there is no calendar "NOPE"'),
	(pg_temp.with_value('{policies,0,ladder}', '"NOPE"'), 'pack "mini": policies row 1: column "ladder": there is no ladder with steps "NOPE"'),
	(pg_temp.with_value('{calendars,0,timezone}', '"Asia/Nowhere"'), 'pack "mini": calendars row 1: column "timezone": the server knows no time zone "Asia/Nowhere"'),
	-- a row that the same document retires
	(pg_temp.mini() #- '{endpoints,0}', 'pack "mini": departments row 2: column "endpoint": endpoint "xe" is retired'),
	(pg_temp.with_value('{calendars,0,active}', 'false'), 'pack "mini": calendar_hours row 1: column "calendar": calendar "xcal" is retired'),
	-- cycles
	(jsonb_set(pg_temp.with_value('{areas,0,parent}', '"X1"'), '{areas,1,parent}', '"X"'), 'pack "mini": areas row 1: its parents lead back to itself'),
	(pg_temp.with_value('{case_types,0,parent}', '"XT"'), 'pack "mini": case_types row 1: its parents lead back to itself'),
	(pg_temp.with_value('{departments,0,superior}', '"XL"'), 'pack "mini": departments row 1: the superiors of kind "XK" lead back to itself'),
	-- routes
	(pg_temp.with_value('{route_parties,0,duty}', '"assist"'), 'pack "mini": routes row 1: the route has no lead'),
	(pg_temp.mini() - 'route_parties', 'pack "mini": routes row 1: the route has no lead'),
	(pg_temp.with_value('{route_parties,1,duty}', '"lead"'), 'pack "mini": route_parties row 2: route "XR" has a second lead'),
	(jsonb_set(pg_temp.plus('routes', '{"code": "XR2", "case_type": "XT"}'), '{route_parties,3}', '{"route": "XR2", "seq": 1, "relation": "XK", "duty": "lead"}', true),
		'pack "mini": routes row 1: ties with route "XR2": same precedence, case type and area, both without condition'),
	(pg_temp.with_value('{routes,1,condition}', '"chanel = ''sensor''"'),
		'pack "mini": routes row 2: condition: there is no fact "chanel" (At character 1 of the condition.)');
SELECT is(pg_temp.refusal(doc), why, 'refused: ' || why) FROM broken ORDER BY n;
SELECT is(pg_temp.refusal(doc, false), why, 'for real: ' || why) FROM broken WHERE why ~ 'lead|retired|check "terms' ORDER BY n;
SELECT is(pg_temp.book(), (SELECT book FROM clean), 'all that changed nothing');
SELECT is(triage.dump_pack(), (SELECT doc FROM dump), 'nothing at all');
SELECT throws_matching($$SELECT triage.apply_pack('{"terms": [{"case_type": "XT", "kind": "no", "term": "a"}]}')$$, 'terms row 1', 'also without a pack');
SELECT throws_ok($$SELECT triage.apply_pack(NULL)$$, 'TR003', 'argument "doc" must not be null');
SELECT throws_ok($$SELECT triage.apply_pack('{}', NULL)$$, 'TR003', 'argument "dry_run" must not be null');
SELECT throws_ok($$SELECT triage.load_pack(NULL)$$, 'TR003', 'argument "pack" must not be null');
SELECT throws_ok($$SELECT triage.load_pack('nope')$$, 'TR003', 'there is no pack "nope"');
SELECT throws_ok($$SELECT triage.load_pack('../zhejiang')$$, 'TR003', '"../zhejiang" is no name of a pack');
SELECT throws_ok($$SELECT triage.load_pack('Zhejiang')$$, 'TR003', '"Zhejiang" is no name of a pack');
SELECT throws_ok(format('SELECT triage.load_pack(%L)', repeat('a', 41)), 'TR003', format('"%s" is no name of a pack', repeat('a', 41)));
SELECT throws_ok($$SELECT triage.pack_rows('zhejiang', '../zhejiang/terms')$$, 'TR003', '"../zhejiang/terms" is no name of a table');
SELECT throws_ok($$SELECT triage.dump_pack('nope')$$, 'TR003', 'there is no pack "nope"');

-- a row of the installation that is already broken does not stand in the way
INSERT INTO triage.terms (case_type, kind, term) VALUES ('NOPE', 'include', '自坏');
SELECT is(pg_temp.refusal(pg_temp.with_value('{case_types,0,priority}', '1')), NULL, 'rows of others are not the pack''s fault');
UPDATE triage.case_types SET active = false, pack = NULL WHERE code = 'XT';
SELECT is(pg_temp.refusal(pg_temp.with_value('{case_types,0,priority}', '1')), NULL, 'neither is what the installation retired');

-- ---- refused when saved

SELECT throws_ok($$INSERT INTO triage.routes (code, condition) VALUES ('bad', 'chanel = 1')$$, 'TR004',
	'route "bad": condition: there is no fact "chanel" (At character 1 of the condition.)', 'a condition that does not compile');
SELECT lives_ok($$INSERT INTO triage.routes (code, condition, active) VALUES ('bad', 'chanel = 1', false)$$, 'unless the route is retired');
SELECT throws_ok($$UPDATE triage.routes SET active = true WHERE code = 'bad'$$, 'TR004',
	'route "bad": condition: there is no fact "chanel" (At character 1 of the condition.)', 'then it stays so');
SET CONSTRAINTS ALL IMMEDIATE;
INSERT INTO triage.routes (code, case_type, precedence, condition) VALUES ('t1', 'XG', 3, NULL), ('t2', 'XG', 3, 'danger'), ('t3', 'XG', 3, 'not danger');
SELECT throws_ok($$INSERT INTO triage.routes (code, case_type, precedence) VALUES ('t4', 'XG', 3)$$, 'TR004', 'route "t4" ties with route "t1"', 'a tie');
SELECT throws_ok($$INSERT INTO triage.routes (code, case_type, precedence, condition) VALUES ('t4', 'XG', 3, 'danger')$$, 'TR004',
	'route "t4" ties with route "t2"', 'a tie of two equal conditions');
SELECT throws_ok($$INSERT INTO triage.routes (code, case_type, precedence, condition) VALUES ('t4', 'XG', 3, '1 = 1')$$, 'TR004',
	'route "t4" ties with route "t2"', 'a condition that always holds ties with any other');
SELECT lives_ok($$INSERT INTO triage.routes (code, case_type, precedence, condition) VALUES ('t4', 'XG', 3, '1 = 2')$$, 'one that never holds with none');
SELECT throws_ok($$UPDATE triage.routes SET precedence = 3 WHERE code = 'XR.sensor'; UPDATE triage.routes SET case_type = 'XG', area = NULL, condition = NULL WHERE code = 'XR.sensor'$$,
	'TR004', 'route "XR.sensor" ties with route "t1"', 'a tie by update');
SET CONSTRAINTS ALL DEFERRED;
UPDATE triage.routes SET condition = 'not danger' WHERE code = 't2';
UPDATE triage.routes SET condition = 'danger' WHERE code = 't3';
SELECT lives_ok('SET CONSTRAINTS ALL IMMEDIATE', 'two routes may change places in one transaction');

-- ---- rights

CREATE ROLE somebody;
GRANT USAGE ON SCHEMA triage TO somebody;
GRANT SELECT ON ALL TABLES IN SCHEMA triage TO somebody;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA triage TO somebody;
SET ROLE somebody;
SELECT throws_ok($$SELECT triage.load_pack('zhejiang', true)$$, 'TR002', 'rules are for administrators', 'load_pack');
SELECT throws_ok($$SELECT triage.apply_pack('{}')$$, 'TR002', 'rules are for administrators', 'apply_pack');
SELECT throws_ok($$SELECT triage.dump_pack()$$, 'TR002', 'rules are for administrators', 'dump_pack');
SELECT throws_ok($$SELECT triage.lint()$$, 'TR002', 'rules are for administrators', 'lint');
SELECT throws_ok($$SELECT triage.pack_rows('zhejiang', 'terms')$$, 'TR002', 'rules are for administrators', 'pack_rows');
SELECT throws_ok($$SELECT triage.pack_tables('zhejiang')$$, 'TR002', 'rules are for administrators', 'pack_tables');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
