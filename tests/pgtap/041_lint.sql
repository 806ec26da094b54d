-- lint(): each finding seeded and found; the Zhejiang pack has no errors.
-- Source: sql/37_lint.sql
BEGIN;
SELECT plan(60);

SELECT is_empty($$SELECT * FROM triage.lint() WHERE severity = 'error'$$, 'the Zhejiang pack has no errors');
SELECT is_empty($$SELECT * FROM triage.lint() WHERE severity <> 'info' AND item <> 'calendars'$$, 'and no warnings but those about calendars');
SELECT is_empty($$SELECT * FROM triage.lint() WHERE hint IS NULL OR message IS NULL OR code IS NULL
	OR severity NOT IN ('error', 'warning', 'info')$$, 'every finding says what, where and what to do');

CREATE TEMP TABLE known AS SELECT * FROM triage.lint();

-- what lint() says beyond what it said of the pack alone
CREATE FUNCTION pg_temp.found(item text, code text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(l.severity || ': ' || l.message, '; ' ORDER BY l.message)
	FROM (SELECT * FROM triage.lint() EXCEPT SELECT * FROM known) l WHERE l.item = $1 AND l.code = $2 $$;
-- one at a time, taken back again: NULL = found as expected
CREATE FUNCTION pg_temp.seed(change text, item text, code text, expected text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	have	text;
BEGIN
	BEGIN
		EXECUTE change;
		have := pg_temp.found(item, code);
		RAISE EXCEPTION USING ERRCODE = 'UNDO1', MESSAGE = 'undo';
	EXCEPTION WHEN SQLSTATE 'UNDO1' THEN
		NULL;
	END;
	RETURN NEXT is(have, expected, concat_ws(' ', item, code, expected));
END
$$;

-- codes that lead nowhere
SELECT pg_temp.seed($$INSERT INTO triage.areas (code, parent, zh, level) VALUES ('a1', 'NOPE', 'x', 'town')$$,
	'areas', 'a1', 'error: column "parent": there is no area "NOPE"');
SELECT pg_temp.seed($$INSERT INTO triage.area_names (area, name) VALUES ('NOPE', 'xx')$$,
	'area_names', 'NOPE/xx', 'error: column "area": there is no area "NOPE"');
SELECT pg_temp.seed($$UPDATE triage.departments SET area = 'NOPE' WHERE code = 'T_MED'$$,
	'departments', 'T_MED', 'error: column "area": there is no area "NOPE"');
SELECT pg_temp.seed($$UPDATE triage.departments SET superior = 'NOPE' WHERE code = 'T_MED'$$,
	'departments', 'T_MED', 'error: column "superior": there is no kind of department "NOPE"');
SELECT pg_temp.seed($$UPDATE triage.departments SET endpoint = 'NOPE' WHERE code = 'T_MED'$$,
	'departments', 'T_MED', 'error: column "endpoint": there is no endpoint "NOPE"');
SELECT pg_temp.seed($$INSERT INTO triage.endpoints (code, url, active) VALUES ('off', 'http://localhost/', false);
	UPDATE triage.departments SET endpoint = 'off' WHERE code = 'T_MED'$$,
	'departments', 'T_MED', 'warning: column "endpoint": endpoint "off" is retired');
SELECT pg_temp.seed($$UPDATE triage.channels SET area = 'NOPE' WHERE code = '110'$$,
	'channels', '110', 'error: column "area": there is no area "NOPE"');
SELECT pg_temp.seed($$UPDATE triage.channels SET department = 'NOPE' WHERE code = '110'$$,
	'channels', '110', 'error: column "department": there is no department or kind "NOPE"');
SELECT pg_temp.seed($$UPDATE triage.channels SET endpoint = 'NOPE' WHERE code = '110'$$,
	'channels', '110', 'error: column "endpoint": there is no endpoint "NOPE"');
SELECT pg_temp.seed($$UPDATE triage.case_types SET parent = 'NOPE' WHERE code = 'N101'$$,
	'case_types', 'N101', 'error: column "parent": there is no case type "NOPE"');
SELECT pg_temp.seed($$INSERT INTO triage.terms (case_type, kind, term) VALUES ('NOPE', 'escalate', 'x')$$,
	'terms', 'NOPE/escalate/x', 'error: column "case_type": there is no case type "NOPE"');
SELECT pg_temp.seed($$UPDATE triage.routes SET case_type = 'NOPE' WHERE code = 'N502.model'$$,
	'routes', 'N502.model', 'error: column "case_type": there is no case type "NOPE"');
SELECT pg_temp.seed($$UPDATE triage.routes SET area = 'NOPE' WHERE code = 'N502.model'$$,
	'routes', 'N502.model', 'error: column "area": there is no area "NOPE"');
SELECT pg_temp.seed($$INSERT INTO triage.route_parties (route, seq, relation, duty) VALUES ('NOPE', 1, 'T_PS', 'lead')$$,
	'route_parties', 'NOPE/1', 'error: column "route": there is no route "NOPE"');
SELECT pg_temp.seed($$INSERT INTO triage.route_parties (route, seq, department, duty) VALUES ('P101', 9, 'NOPE', 'assist')$$,
	'route_parties', 'P101/9', 'error: column "department": there is no department "NOPE"');
SELECT pg_temp.seed($$INSERT INTO triage.route_parties (route, seq, relation, duty) VALUES ('P101', 9, 'NOPE', 'assist')$$,
	'route_parties', 'P101/9', 'error: column "relation": there is no kind of department "NOPE"');
SELECT pg_temp.seed($$INSERT INTO triage.calendar_hours (calendar, weekday, opens, closes) VALUES ('NOPE', 1, '08:00', '09:00')$$,
	'calendar_hours', 'NOPE/1/08:00:00', 'error: column "calendar": there is no calendar "NOPE"');
SELECT pg_temp.seed($$INSERT INTO triage.calendar_days (calendar, day, kind) VALUES ('NOPE', '2030-01-01', 'closed')$$,
	'calendar_days', 'NOPE/2030-01-01', 'error: column "calendar": there is no calendar "NOPE"');
SELECT pg_temp.seed($$INSERT INTO triage.policies (code, stage, case_type, amount, unit) VALUES ('p1', 'accept', 'NOPE', 1, 'h')$$,
	'policies', 'p1', 'error: column "case_type": there is no case type "NOPE"');
SELECT pg_temp.seed($$INSERT INTO triage.policies (code, stage, area, amount, unit) VALUES ('p1', 'accept', 'NOPE', 1, 'h')$$,
	'policies', 'p1', 'error: column "area": there is no area "NOPE"');
SELECT pg_temp.seed($$INSERT INTO triage.policies (code, stage, case_type, amount, unit, calendar) VALUES ('p1', 'accept', 'N101', 1, 'wh', 'NOPE')$$,
	'policies', 'p1', 'error: column "calendar": there is no calendar "NOPE"');
SELECT pg_temp.seed($$INSERT INTO triage.policies (code, stage, case_type, amount, unit, ladder) VALUES ('p1', 'accept', 'N101', 1, 'h', 'NOPE')$$,
	'policies', 'p1', 'error: column "ladder": there is no ladder with steps "NOPE"');
SELECT pg_temp.seed($$UPDATE triage.case_types SET active = false, pack = NULL WHERE code = 'P101'$$,
	'routes', 'P101', 'warning: column "case_type": case type "P101" is retired');
SELECT pg_temp.seed($$UPDATE triage.case_types SET active = false WHERE code = 'P101'$$,
	'routes', 'P101', 'error: column "case_type": case type "P101" is retired');
SELECT pg_temp.seed($$INSERT INTO triage.terms (case_type, kind, term, active) VALUES ('NOPE', 'escalate', 'x', false)$$,
	'terms', 'NOPE/escalate/x', NULL);
SELECT pg_temp.seed($$UPDATE triage.outcomes SET pack = 'nobody' WHERE code = 'resolved'$$,
	'outcomes', 'nobody', 'warning: 1 rows say they are of pack "nobody", which is not in triage.packs');

-- cycles
SELECT pg_temp.seed($$UPDATE triage.areas SET parent = '330784' WHERE code = '33'$$, 'areas', '3307', 'error: its parents lead back to itself');
SELECT pg_temp.seed($$UPDATE triage.areas SET parent = '330784' WHERE code = '33'$$, 'areas', '330702', NULL);
SELECT pg_temp.seed($$UPDATE triage.case_types SET parent = 'N101' WHERE code = 'N1'$$, 'case_types', 'N1', 'error: its parents lead back to itself');
SELECT pg_temp.seed($$UPDATE triage.departments SET superior = 'T_PS' WHERE code = 'PLC'$$, 'departments', 'PSB',
	'error: the superiors of kind "PSB" lead back to itself');

-- routes
SELECT pg_temp.seed($$UPDATE triage.route_parties SET active = false WHERE route = 'P101'$$, 'routes', 'P101', 'error: the route has no lead');
SELECT pg_temp.seed($$INSERT INTO triage.route_parties (route, seq, relation, duty) VALUES ('P101', 9, 'PSB', 'lead')$$,
	'route_parties', 'P101/9', 'error: route "P101" has a second lead');
SELECT pg_temp.seed($$UPDATE triage.routes SET active = false WHERE code IN ('P101', 'FALLBACK')$$,
	'case_types', 'P101', 'warning: no route reaches this case type; its cases go to the governance centre');
SELECT pg_temp.seed($$UPDATE triage.routes SET active = false WHERE code = 'P101'$$,
	'case_types', 'P101', 'info: no route names this case type; its cases go where all others go');
SELECT pg_temp.seed($$UPDATE triage.routes SET active = false WHERE code = 'FALLBACK'; UPDATE triage.routes SET condition = 'danger' WHERE code = 'P101'$$,
	'case_types', 'P101', 'info: reached by routes with a condition or an area only; other cases go to the governance centre');
SELECT pg_temp.seed($$UPDATE triage.routes SET active = false WHERE code = 'FALLBACK'; UPDATE triage.routes SET area = '330784' WHERE code = 'P101'$$,
	'case_types', 'P101', 'info: reached by routes with a condition or an area only; other cases go to the governance centre');
SELECT pg_temp.seed($$UPDATE triage.routes SET condition = '1 = 1' WHERE code = 'P101'$$, 'case_types', 'P101', NULL);
SELECT pg_temp.seed($$INSERT INTO triage.routes (code, case_type, precedence) VALUES ('above', 'P1', 5)$$,
	'routes', 'P101', 'warning: never reached: route "above" always comes first');
SELECT pg_temp.seed($$INSERT INTO triage.routes (code, precedence) VALUES ('above', 5)$$,
	'routes', 'N307.330784', 'warning: never reached: route "above" always comes first');
SELECT pg_temp.seed($$INSERT INTO triage.routes (code, area, precedence) VALUES ('above', '3307', 5)$$,
	'routes', 'N307.330784', 'warning: never reached: route "above" always comes first');
SELECT pg_temp.seed($$INSERT INTO triage.routes (code, area, precedence) VALUES ('above', '330702', 5)$$, 'routes', 'N307.330784', NULL);
SELECT pg_temp.seed($$INSERT INTO triage.routes (code, case_type, precedence, condition) VALUES ('above', 'P1', 5, 'danger')$$, 'routes', 'P101', NULL);
SELECT pg_temp.seed($$INSERT INTO triage.routes (code, case_type, condition) VALUES ('above', 'P101', '2 > 1')$$,
	'routes', 'P101', 'warning: never reached: route "above" always comes first');
SELECT pg_temp.seed($$UPDATE triage.routes SET condition = '1 > 2' WHERE code = 'N502.model'$$,
	'routes', 'N502.model', 'warning: never applies: its condition is false for all cases');
SELECT pg_temp.seed($$INSERT INTO triage.routes (code, case_type) VALUES ('other', 'P101')$$, 'routes', 'other',
	'error: the route has no lead; error: ties with route "P101": same precedence, case type and area, both without condition');
SELECT pg_temp.seed($$INSERT INTO triage.routes (code, case_type) VALUES ('other', 'P101')$$, 'routes', 'P101',
	'error: ties with route "other": same precedence, case type and area, both without condition');
SELECT pg_temp.seed($$INSERT INTO triage.routes (code, case_type, condition) SELECT 'other', case_type, condition FROM triage.routes WHERE code = 'N502.model'$$,
	'routes', 'N502.model', 'error: ties with route "other": same precedence, case type and area, and conditions that hold together');
SELECT pg_temp.seed($$INSERT INTO triage.routes (code, case_type, condition) VALUES ('other', 'N502', 'danger')$$,
	'routes', 'other', 'error: the route has no lead; info: where its condition and that of route "N502.model" hold together, the order of their codes decides');
SELECT pg_temp.seed($$ALTER TABLE triage.routes DISABLE TRIGGER check_condition;
	UPDATE triage.routes SET condition = 'attrs @? ''$.a''' WHERE code = 'N502.model'$$, 'routes', 'N502.model',
	'error: condition: operator "@?" is not allowed in a condition (At character 7 of the condition.)');
SELECT pg_temp.seed($$UPDATE triage.departments SET active = false WHERE kind = 'SGC_C'$$,
	'departments', 'SGC_C', 'error: there is no governance centre: no active department of kind "SGC_C"');

-- terms
SELECT pg_temp.seed($$INSERT INTO triage.terms (case_type, kind, term) VALUES ('P101', 'include', '甲乙丙'), ('P101', 'exclude', '甲乙丙')$$,
	'terms', 'P101/include/甲乙丙', 'warning: the term both includes and excludes its case type');
SELECT pg_temp.seed($$INSERT INTO triage.terms (case_type, kind, term) VALUES ('P101', 'include', '甲乙丙'), ('N101', 'include', '甲乙丙')$$,
	'terms', '甲乙丙', 'info: the term includes several case types: N101, P101');

-- time, channels
SELECT pg_temp.seed($$UPDATE triage.calendars SET timezone = 'Asia/Nowhere' WHERE code = 'cn_24h'$$,
	'calendars', 'cn_24h', 'error: column "timezone": the server knows no time zone "Asia/Nowhere"');
SELECT pg_temp.seed($$INSERT INTO triage.calendars (code, zh, en, timezone) VALUES ('old', 'x', 'x', 'UTC');
	INSERT INTO triage.calendar_days (calendar, day, kind) VALUES ('old', '2001-05-01', 'closed')$$,
	'calendars', 'old', 'warning: its special days end on 2001-05-01; later holidays count as working days');
SELECT pg_temp.seed($$UPDATE triage.policies SET active = false WHERE stage = 'ring_back'$$,
	'policies', 'ring_back/2', 'warning: stage "ring_back" has no limit for cases of priority 2');
SELECT pg_temp.seed($$UPDATE triage.policies SET danger = true WHERE stage = 'ring_back'; UPDATE triage.policies SET urban = true WHERE stage = 'ring_back'$$,
	'policies', 'ring_back/2',
	'warning: stage "ring_back" has no limit for cases of priority 2 that are rural and not dangerous, or rural and dangerous, or urban and not dangerous');
SELECT pg_temp.seed($$UPDATE triage.channels SET confirm_danger = false WHERE kind = 'written'$$,
	'channels', '12345_web', 'warning: a written channel where danger is not confirmed by a person first');

SELECT * FROM finish();
ROLLBACK;
