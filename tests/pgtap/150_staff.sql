-- Who is on duty and who comes: shifts over midnight, holidays and modes, who
-- stands in for a unit that is off duty, the rotating chair, people.
-- Source: extension/worktime/roster.c, rulebook/duty.c, route.c, casework/staff.c, sql/56_staff.sql, rules/zhejiang/rosters.csv
\ir include/helpers.psql
\ir include/replay.psql

CREATE ROLE t150_nobody;
GRANT USAGE ON SCHEMA triage TO t150_nobody;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA triage TO t150_nobody;

-- 'team start-end mode, ...' on duty
CREATE FUNCTION pg_temp.duty(department text, at timestamptz DEFAULT NULL, skill text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', d.team, to_char(d.shift_start, 'MM-DD HH24:MI') || '-' || to_char(d.shift_end, 'MM-DD HH24:MI'), d.mode), ', ' ORDER BY d.shift_start, d.team)
	FROM triage.on_duty(duty.department, duty.at, duty.skill) d
$$;

-- ---- 三种值班模式 three duty modes by town volume ----
SET ROLE t150_nobody;
SELECT is(pg_temp.duty(t.department, t.at::timestamptz), t.expected, t.what)
FROM (VALUES
	('T_SQUAD.330784001', '2026-03-02 08:29:59+08', '东城夜班（执法队员＋机关干部） 03-01 20:30-03-02 08:30', 'Dongcheng: 24-hour two shifts, the night one to half past eight'),
	('T_SQUAD.330784001', '2026-03-02 08:30+08', '东城白班（执法队员＋机关干部） 03-02 08:30-03-02 20:30', 'and the day one from then'),
	('T_SQUAD.330784106', '2026-03-02 22:00+08', '前仓夜间（综合执法力量） 03-02 22:00-03-03 08:30', 'Qiancang: night shift over midnight, its begin'),
	('T_SQUAD.330784106', '2026-03-03 03:00+08', '前仓夜间（综合执法力量） 03-02 22:00-03-03 08:30', 'and after midnight the same'),
	('T_SQUAD.330784108', '2026-03-02 07:59+08', '古山早班（三队三所） 03-02 00:00-03-02 08:00', 'Gushan: the first of three shifts'),
	('T_SQUAD.330784108', '2026-03-02 15:59+08', '古山中班（三队三所） 03-02 08:00-03-02 16:00', 'the second'),
	('T_SQUAD.330784108', '2026-03-02 23:59+08', '古山晚班（三队三所） 03-02 16:00-03-03 00:00', 'the third'),
	('TOWN.330784001', '2026-03-02 12:00+08', NULL, 'a unit without a roster has nobody in it')) t(department, at, expected, what);
SELECT is((SELECT count(*) FROM generate_series('2026-02-01 00:00+08'::timestamptz, '2026-03-03 00:00+08', '13 minutes') t, unnest('{T_SQUAD.330784001,T_SQUAD.330784106,T_SQUAD.330784108}'::text[]) u
	WHERE (SELECT count(*) FROM triage.on_duty(u, t)) <> 1), 0::bigint, 'in a month with the Spring Festival there is always exactly one of each, every 13 minutes');
-- ---- 轮值主管 rotating chair ----
SELECT is((SELECT string_agg(s.team, ' ' ORDER BY t) FROM generate_series('2026-01-31 12:00+08'::timestamptz, '2026-06-01 12:00+08', '1 month') t, triage.duty_shifts('SGC_C.330784', t, true) s),
	'PETITION.330784 JUS.330784 HRSS.330784 PETITION.330784 JUS.330784', 'the chair goes round by month');
SELECT is(pg_temp.duty('SGC_C.330784', '2026-03-02 12:00+08'), NULL, 'and is no duty');
SELECT is(pg_temp.refusal(t.statement), t.expected, t.expected)
FROM (VALUES
	('SELECT * FROM triage.on_duty(NULL)', 'TR003 argument "department" must not be null'),
	('SELECT * FROM triage.on_duty(''NOPE'')', 'TR003 department "NOPE" does not exist'),
	('SELECT * FROM triage.on_duty(''TOWN.330784001'', ''infinity'')', '22008 argument "at" must be a finite time'),
	('SELECT triage.mode_in_force(''NOPE'')', 'TR003 area "NOPE" does not exist'),
	('SELECT triage.set_mode(''typhoon'', ''330784'', ''2030-01-01'', ''x'')', 'TR002 rules are for administrators')) t(statement, expected);
RESET ROLE;

-- ---- a small world ----
BEGIN;
\ir include/small.psql
INSERT INTO triage.modes (code, zh, en, rank) VALUES ('typhoon', '台风', 'Typhoon', 2), ('exam', '考试周', 'Exam week', 1);
INSERT INTO triage.rosters (code, department, team, starts, ends, days, weekdays, calendar, mode, substitute, skill) VALUES
	('team11.night', 'TEAM11', 'night', '22:00', '08:30', 'every', '1234567', 'office', NULL, 'TOWN', NULL),
	('team11.typhoon', 'TEAM11', 'all hands', '00:00', '00:00', 'every', '1234567', 'office', 'typhoon', NULL, NULL),
	('env.work', 'ENV', 'office', '08:00', '17:00', 'workday', '1234567', 'office', NULL, 'TOWN', NULL),
	('env.noise', 'ENV', 'meter', '17:00', '22:00', 'rest', '1234567', 'office', NULL, NULL, 'noise'),
	('water.off', 'WATER', 'spring', '08:00', '17:00', 'every', '1234567', 'office', NULL, NULL, NULL);
UPDATE triage.rosters SET valid_until = '2026-03-02' WHERE code = 'water.off';
INSERT INTO triage.rosters (code, department, duty, team, starts, ends, calendar, turn_lasts, cycle, turn, valid_from) VALUES
	('chair.1', 'CENTRE1', 'chair', 'ENV', '00:00', '00:00', 'office', 'week', 2, 0, '2026-03-02'),
	('chair.2', 'CENTRE1', 'chair', 'WATER', '00:00', '00:00', 'office', 'week', 2, 1, '2026-03-02');
INSERT INTO triage.routes (code, case_type, area, condition, precedence) VALUES ('typhoon_leak', 'LEAK', NULL, $$mode = 'typhoon'$$, 5);
INSERT INTO triage.route_parties (route, seq, department, relation, duty) VALUES ('typhoon_leak', 1, NULL, 'T_SQUAD', 'lead');
INSERT INTO triage.policies (code, stage, priority, amount, unit, ladder, mode) VALUES ('typhoon.accept', 'accept', NULL, 2, 'min', 'standard', 'typhoon');
\set file t150
\set roles 'centre town team env'
CREATE FUNCTION pg_temp.shows(r triage.cases) RETURNS text LANGUAGE sql AS $$ SELECT r.status || ' ' || r.event_seq || ' ' || r.lead $$;
\ir include/parties.psql
INSERT INTO triage.members (role, duty, department, area) VALUES (session_user, 'centre', '', '');
COMMIT;

CREATE FUNCTION pg_temp.running(id bigint) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
	SELECT string_agg(concat_ws(' ', k.stage || coalesce('/' || k.assignment_seq, ''), to_char(k.due_at, 'MM-DD HH24:MI')), ', ' ORDER BY k.clock_id)
	FROM triage.clocks k WHERE k.case_id = id AND k.state = 'running'
$$;
CREATE FUNCTION pg_temp.roster(id bigint) RETURNS jsonb LANGUAGE sql SECURITY DEFINER AS $$
	SELECT d.facts->'roster' FROM triage.decisions d WHERE d.case_id = id ORDER BY d.seq DESC LIMIT 1
$$;
CREATE FUNCTION pg_temp.data(id bigint, v text) RETURNS jsonb LANGUAGE sql SECURITY DEFINER AS $$
	SELECT e.data FROM triage.events e WHERE e.case_id = id AND e.verb = v ORDER BY e.seq DESC LIMIT 1
$$;
CREATE FUNCTION pg_temp.new(body text, area text DEFAULT 'Z11') RETURNS bigint LANGUAGE sql AS $$
	SELECT (triage.report('v110', new.body, new.area, reporter => 'Li', contact => '13800000000')).case_id
$$;
SELECT is((SELECT string_agg(concat_ws(' ', l.item, l.code, l.message), '; ' ORDER BY l.code) FROM triage.lint() l WHERE l.item IN ('rosters', 'modes', 'staff')),
	'rosters WATER its shifts end on 2026-03-02, after that nobody is on duty; rosters env.noise nobody of the department has the skill "noise"', 'lint() names a roster that ends and a skill that nobody has');

-- ---- off duty: who stands in ----
SET triage.now = '2026-03-02 10:00+08';		-- a Monday
SELECT pg_temp.new('吵架') AS c \gset
SELECT is(pg_temp.parties(:c), 'TOWN11 lead offered', 'by day the team is off duty: the town, which leads, stands in');
SELECT is(pg_temp.roster(:c), '[{"unit": "TEAM11", "duty": "on_scene", "on_duty": false, "instead": "TOWN11", "back_at": "2026-03-02T14:00:00.000000Z"}]', 'the decision keeps what the roster said');
SELECT matches(pg_temp.running(:c), 'arrive/1 03-02 10:15', 'somebody must go: the town');
SELECT matches((SELECT reason FROM triage.decisions WHERE case_id = :c), 'TEAM11 无人值班，由 TOWN11 代为承办 / TEAM11 is off duty, TOWN11 stands in$', 'and the reason says so');
SELECT matches(triage.explain(:c), '值班 roster:   TEAM11 on_scene 无人值班 off duty, 代为承办 in its place: TOWN11; 下一班 back at 2026-03-02T14', 'explain() shows it');
SET triage.now = '2026-03-02 22:00+08';
SELECT pg_temp.new('吵架') AS c \gset
SELECT is(pg_temp.parties(:c), 'TOWN11 lead offered, TEAM11 on_scene offered', 'at night the team goes');
SELECT is(pg_temp.roster(:c), '[{"unit": "TEAM11", "duty": "on_scene", "on_duty": true, "team": "night", "until": "2026-03-03T00:30:00.000000Z"}]', 'with its shift');
SELECT pg_temp.new('水管漏水') AS c \gset
SELECT is(pg_temp.roster(:c), NULL, 'units without a roster leave nothing in the decision');

-- the lead is off duty: the town leads until it signs
SELECT pg_temp.new('广场舞噪音', 'Z12') AS c \gset
SELECT is(pg_temp.parties(:c), 'TEAM12 lead offered', 'night noise in town 12: a team without roster leads');
UPDATE triage.routes SET active = false WHERE code = 'noise_night';
SELECT pg_temp.new('广场舞噪音', 'Z12') AS c \gset
SELECT is(pg_temp.parties(:c), 'TOWN12 lead offered, ENV assist offered', 'the bureau is off duty at night: its town leads, it may sign');
SELECT is(pg_temp.roster(:c)#>>'{0,back_at}', '2026-03-03T00:00:00.000000Z', 'it is back in the morning');
SELECT is((SELECT lead FROM triage.cases WHERE case_id = :c), 'TOWN12', 'one lead');
SELECT is((SELECT pg_temp.roster(pg_temp.new('广场舞噪音', 'Z12')) #>> '{0,back_at}' FROM set_config('triage.now', '2026-03-14 10:00+08', false)), '2026-03-14T09:00:00.000000Z',
	'on a Saturday it is the evening''s shift that is next');
SET triage.now = '2026-03-16 10:00+08';
SELECT is(pg_temp.roster(pg_temp.new('广场舞噪音', 'Z12')) #>> '{0,on_duty}', 'false', 'on a holiday nobody is there by day, Monday though it is');
SET triage.now = '2026-03-21 10:00+08';
SELECT is(pg_temp.roster(pg_temp.new('广场舞噪音', 'Z12')) #>> '{0,on_duty}', 'true', 'on a Saturday that is made up they are');
SET triage.now = '2026-03-02 22:05+08';
SELECT pg_temp.new('煤气泄漏') AS c2 \gset
SELECT is(pg_temp.parties(:c2), 'CENTRE lead offered, WATER assist offered, PS11 on_scene offered', 'a roster that names no substitute: the unit above');
UPDATE triage.rosters SET department = 'CENTRE1' WHERE code = 'water.off';
SELECT pg_temp.new('煤气泄漏') AS c2 \gset
SELECT is(pg_temp.parties(:c2), 'WATER lead offered, PS11 on_scene offered', 'without a roster the bureau is always there');

-- ---- same facts, same decision ----
SELECT is((triage.preview('v12', '广场舞噪音', at => '2026-03-03 00:30+08'))->'facts'->'roster', (triage.preview('v12', '广场舞噪音', at => '2026-03-03 00:30+08'))->'facts'->'roster', 'asked twice: the same');
SELECT is((triage.preview('v12', '广场舞噪音', at => '2026-03-03 09:00+08'))->>'lead', 'ENV', 'the instant of the report decides, not the clock');

-- ---- modes ----
SELECT is(pg_temp.refusal(format('SELECT triage.set_mode(%s)', t.arguments)), t.expected, t.expected)
FROM (VALUES
	('NULL, ''Z1'', ''2026-03-04'', ''x''', 'TR003 argument "mode" must not be null'),
	('''typhoon'', ''Z1'', NULL, ''x''', 'TR003 argument "until" must not be null'),
	('''typhoon'', ''Z1'', ''2026-03-04'', NULL', 'TR003 argument "reason" must not be null'),
	('''typhoon'', ''Z1'', ''2026-03-04'', '' ''', 'TR005 argument "reason" must say something'),
	('''flood'', ''Z1'', ''2026-03-04'', ''x''', 'TR003 mode "flood" does not exist'),
	('''typhoon'', ''NOPE'', ''2026-03-04'', ''x''', 'TR003 area "NOPE" does not exist'),
	('''typhoon'', ''Z1'', ''infinity'', ''x''', 'TR005 argument "until" lies too far ahead'),
	('''typhoon'', ''Z1'', ''2026-03-01'', ''x''', 'TR001 mode "typhoon" is not in force there')) t(arguments, expected);
SET ROLE t150_town;
SELECT is(pg_temp.refusal('SELECT triage.set_mode(''typhoon'', ''Z11'', ''2026-03-04'', ''x'')'), 'TR002 set_mode is not yours to do there', 'a handler sets no mode');
SET ROLE t150_centre;
SELECT is(pg_temp.refusal('SELECT triage.set_mode(''typhoon'', ''Z2'', ''2026-03-04'', ''x'')'), 'TR002 set_mode is not yours to do there', 'the centre sets it in its own area only');
SELECT is(pg_temp.refusal('SELECT triage.set_mode(''typhoon'', NULL, ''2026-03-04'', ''x'')'), 'TR002 set_mode is not yours to do there', 'not everywhere');
SELECT is(pg_temp.refusal('SELECT triage.set_mode(''typhoon'', ''Z1'', ''2026-03-01'', ''x'')'), 'TR001 mode "typhoon" is not in force there', 'nothing to end');
SELECT triage.set_mode('exam', 'Z11', '2026-03-05 00:00+08', '模拟考') \g /dev/null
SELECT triage.set_mode('typhoon', 'Z1', '2026-03-04 00:00+08', '台风三号') \g /dev/null
SELECT is((SELECT string_agg(coalesce(triage.mode_in_force(t.area, t.at::timestamptz), '-'), ' ') FROM (VALUES ('Z111', NULL), ('Z12', NULL), ('Z2', NULL), ('Z111', '2026-03-04 00:00+08'), ('Z111', '2026-03-05 00:00+08'), ('Z12', '2026-03-02 22:00+08')) t(area, at)),
	'typhoon typhoon - exam - -', 'inside the area, the highest rank, from then until just before its end');
RESET ROLE;
SET triage.now = '2026-03-02 23:00+08';
SELECT pg_temp.new('水管漏水') AS c3 \gset
SELECT is(pg_temp.decided(:c3), 'dispatched LEAK nonpolice U3 Z11 TEAM11 typhoon_leak terms', 'a fact in rules: the route of the mode');
SELECT is((SELECT facts->>'mode' FROM triage.decisions WHERE case_id = :c3), 'typhoon', 'kept with the decision');
SELECT is(pg_temp.roster(:c3)#>>'{0,team}', 'all hands', 'in rosters: its shifts in place of the others');
SELECT matches(pg_temp.running(:c3), 'accept/1 03-02 23:02', 'in policies: its limit before all others');
SELECT matches(triage.explain(:c3), '模式 mode:     typhoon 台风', 'explain() shows it');
SELECT is(pg_temp.duty('TEAM11', '2026-03-03 12:00+08'), 'all hands 03-03 00:00-03-04 00:00 typhoon', 'and on_duty() says what for');
SELECT is((triage.preview('v12', '水管漏水', 'Z21'))->>'route', 'g', 'elsewhere it is an ordinary day');
SET ROLE t150_centre;
SELECT triage.set_mode('typhoon', 'Z1', '2026-03-02 22:59+08', '解除') \g /dev/null
RESET ROLE;
SELECT is(triage.mode_in_force('Z11'), 'exam', 'ended early');
SELECT is((SELECT string_agg(concat_ws(' ', p.mode, p.area, p.since, p.until, p.set_by), ', ' ORDER BY p.mode) FROM triage.mode_periods p),
	'exam Z11 2026-03-02 22:05:00+08 2026-03-05 00:00:00+08 t150_centre, typhoon Z1 2026-03-02 22:05:00+08 2026-03-02 23:00:00+08 t150_centre', 'what was in force when stays known');
SELECT is((SELECT string_agg(l.code, ', ') FROM triage.lint() l WHERE l.severity = 'error' AND l.item IN ('rosters', 'modes', 'policies', 'routes') AND l.code <> 'noise_night'), NULL, 'no errors');
SELECT is((triage.preview('v12', '水管漏水', 'Z11', at => '2026-03-02 22:30+08'))->>'route', 'typhoon_leak', 'a decision about that time still comes out as it did');
SELECT is(triage.try_condition('mode = ''exam''', '{"mode": "exam"}'), true, 'the fact can be tried');

-- ---- what rows are refused ----
SELECT matches(pg_temp.refusal(t.statement), t.expected, t.expected)
FROM (VALUES
	($$INSERT INTO triage.rosters (code, department, team, starts, ends, calendar) VALUES ('x', 'ENV', 'x', '24:00', '01:00', 'office')$$, '^23514 .*rosters_starts_check'),
	($$INSERT INTO triage.rosters (code, department, team, starts, ends, calendar, weekdays) VALUES ('x', 'ENV', 'x', '00:00', '01:00', 'office', '8')$$, '^23514 .*rosters_weekdays_check'),
	($$INSERT INTO triage.rosters (code, department, team, starts, ends, calendar, cycle, turn) VALUES ('x', 'ENV', 'x', '00:00', '01:00', 'office', 2, 2)$$, '^23514 .*rosters_check'),
	($$INSERT INTO triage.rosters (code, department, team, starts, ends, calendar, cycle) VALUES ('x', 'ENV', 'x', '00:00', '01:00', 'office', 2)$$, '^23514 .*rosters_check'),
	($$SELECT * FROM triage.apply_pack('{"rosters": [{"code": "x", "department": "NOPE", "team": "x", "starts": "00:00", "ends": "01:00", "calendar": "office"}]}')$$, '^TR004 rules: rosters row 1: column "department": there is no department "NOPE"'),
	($$SELECT * FROM triage.apply_pack('{"rosters": [{"code": "x", "department": "ENV", "duty": "chair", "team": "x", "starts": "00:00", "ends": "01:00", "calendar": "office"}]}')$$, '^TR004 rules: rosters row 1: column "team": there is no department "x"'),
	($$SELECT * FROM triage.apply_pack('{"policies": [{"code": "x", "stage": "accept", "amount": 1, "unit": "min", "mode": "NOPE"}]}')$$, '^TR004 rules: policies row 1: column "mode": there is no mode "NOPE"')) t(statement, expected);

-- ---- rotating chair of a joint meeting ----
SELECT pg_temp.new('广场舞噪音') AS c4 \gset
SELECT is(pg_temp.does('t150_town', format('accept(%s)', :c4)), 'accepted 2 TOWN11', 'a case in hand');
SELECT is(pg_temp.does('t150_centre', format('confer(%s, ''{WATER,TOWN11}'')', :c4)), 'accepted 3 TOWN11', 'a meeting');
SET triage.now = '2026-03-09 09:00+08';
SELECT is(pg_temp.does('t150_centre', format('confer(%s, ''{WATER,TOWN11}'')', :c4)), 'accepted 4 TOWN11', 'another, a week later');
SELECT is((SELECT string_agg(e.data->>'chair', ' ' ORDER BY e.seq) FROM triage.events e WHERE e.case_id = :c4 AND e.verb = 'confer'), 'ENV WATER', 'the chair is the unit whose turn it is');

-- ---- TOWN leads until the lead signs ----
SET triage.now = '2026-03-02 22:00+08';
SELECT pg_temp.new('广场舞噪音', 'Z12') AS c \gset
INSERT INTO triage.members (role, duty, department) VALUES ('t150_town', 'handler', 'TOWN12');
SELECT is(pg_temp.does('t150_town', format('accept(%s, ''TOWN12'')', :c)), 'accepted 2 TOWN12', 'the town signs at night');
SELECT is(pg_temp.running(:c), 'feedback/1 03-02 23:00, assist/2 03-02 22:20, resolve 03-05 17:00', 'and works against its limits');
SET triage.now = '2026-03-03 08:05+08';
SELECT is(pg_temp.does('t150_env', format('accept(%s)', :c)), 'accepted 4 ENV', 'in the morning the bureau signs and leads');
SELECT is(pg_temp.parties(:c), 'TOWN12 lead done, ENV lead accepted', 'the town has done its part');
SELECT is(pg_temp.verbs(:c), 'report accept take_lead accept', 'the history says how');
SELECT is((SELECT e.data - 'at' FROM triage.events e WHERE e.case_id = :c AND e.verb = 'take_lead'), '{"department": "ENV", "assignment": 2, "from": "TOWN12", "from_assignment": 1}', 'from whom to whom');
SELECT is(pg_temp.running(:c), 'resolve 03-05 17:00, feedback/2 03-03 09:05', 'with limits of its own, the case''s stays');
SELECT is((SELECT count(*) FROM triage.verify_history(:c)), 0::bigint, 'the chain holds');
SET triage.now = '2026-03-03 23:00+08';
SELECT is(pg_temp.does('t150_centre', format('set_area(%s, ''Z12'')', :c)) , 'accepted 5 ENV', 'decided again at night it stays with who has signed');
SELECT is(pg_temp.roster(:c), NULL, 'whatever its roster says');
SELECT pg_temp.new('广场舞噪音', 'Z12') AS c \gset
SET triage.now = '2026-03-03 23:01+08';
SELECT is(pg_temp.does('t150_env', format('arrive(%s)', :c)), 'in_progress 3 ENV', 'who goes there leads too');
SELECT is(pg_temp.parties(:c), 'TOWN12 lead withdrawn, ENV lead on_scene', 'a town that had not signed is called off');
SELECT pg_temp.new('广场舞噪音', 'Z11') AS c \gset
SELECT is(pg_temp.parties(:c), 'TOWN11 lead offered', 'an assist that is off duty: the lead does it too');
SET triage.now = '2026-03-04 09:00+08';
SELECT pg_temp.new('广场舞噪音', 'Z11') AS c \gset
SELECT is(pg_temp.does('t150_env', format('accept(%s)', :c)), 'dispatched 2 TOWN11', 'an assist on duty that signs does not lead');

-- ---- people ----
INSERT INTO triage.staff (name, login, department, area, grid_level, kind, team, skills, active) VALUES
	('张三', 't150_town', 'TOWN11', 'Z11', 2, 'duty', NULL, '{NOISE}', '[,)'),
	('李四', NULL, 'TOWN11', 'Z111', 3, 'duty', NULL, '{}', '[,)'),
	('王五', NULL, 'TEAM11', 'Z11', 2, 'duty', 'night', '{NOISE}', '[,)'),
	('老娘舅甲', NULL, 'MED11', 'Z11', NULL, 'mediator', NULL, '{neighbours,labour}', '[,)'),
	('老娘舅乙', NULL, 'MED11', 'Z11', NULL, 'mediator', NULL, '{neighbours}', '[,)'),
	('代办员丙', 't150_nobody', 'MED11', 'Z11', NULL, 'agent', NULL, '{}', '[,)'),
	('退休', NULL, 'TOWN11', 'Z11', 1, 'duty', NULL, '{neighbours}', '[,2026-01-01)'),
	('远方', NULL, 'TOWN12', 'Z12', 2, 'duty', NULL, '{NOISE}', '[,)'),
	('红管家', NULL, NULL, 'Z111', NULL, 'volunteer', NULL, '{neighbours,drones}', '[,)'),
	('志愿者', NULL, NULL, 'Z1', NULL, 'volunteer', NULL, '{drones}', '[,)'),
	('外县', NULL, NULL, 'Z2', NULL, 'volunteer', NULL, '{drones}', '[,)');
-- number of a person, name of a number
CREATE FUNCTION pg_temp.no(name text) RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$ SELECT s.staff_id FROM triage.staff s WHERE s.name = no.name $$;
CREATE FUNCTION pg_temp.chain(id bigint) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', c.department, c.person, c.duty), ', ' ORDER BY c.seq) FROM triage.chain(id) c WHERE c.seq > 0
$$;
CREATE FUNCTION pg_temp.suggested(id bigint, skill text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', s.reason->>'name', s.score), ', ' ORDER BY s.score DESC, s.staff_id) FROM triage.suggest_staff(id, suggested.skill, 10) s
$$;

-- accept() by a role that triage.staff knows
SELECT pg_temp.new('广场舞噪音', 'Z111') AS c \gset
SELECT is(pg_temp.does('t150_town', format('accept(%s)', :c)), 'accepted 2 TOWN11', 'the town accepts');
SELECT is(pg_temp.chain(:c), 'TOWN11 张三 lead, ENV assist', 'chain() names who signed');
SELECT is(pg_temp.data(:c, 'accept')->'staff_id', to_jsonb(pg_temp.no('张三')), 'by number in the history');
SELECT is(pg_temp.does('t150_env', format('accept(%s)', :c)), 'accepted 3 TOWN11', 'the bureau accepts');
SELECT is(pg_temp.chain(:c), 'TOWN11 张三 lead, ENV t150_env assist', 'a role that nobody is behind stays a role');
SELECT is(pg_temp.does(t.who, format('assign_staff(%s, %s)', :c, t.arguments)), t.expected, t.what)
FROM (VALUES
	('t150_town', 'NULL', 'TR003 argument "staff_id" must not be null', 'naming somebody needs a number'),
	('t150_town', '999', 'TR003 nobody with number 999 can be assigned', 'of somebody'),
	('t150_town', pg_temp.no('退休')::text, format('TR003 nobody with number %s can be assigned', pg_temp.no('退休')), 'who is there today'),
	('t150_town', pg_temp.no('红管家')::text, format('TR003 nobody with number %s can be assigned', pg_temp.no('红管家')), 'volunteers are separate from duty staff'),
	('t150_town', pg_temp.no('王五') || ', ''lead''', 'TR003 "lead" is no duty', 'or an agent'),
	('t150_env', pg_temp.no('李四')::text, 'TR002 you do not act for department "TOWN11" in case ' || (SELECT number FROM triage.cases WHERE case_id = :c), 'the department names its own people'),
	('t150_town', pg_temp.no('老娘舅甲')::text, 'TR003 department "MED11" does not take part in case ' || (SELECT number FROM triage.cases WHERE case_id = :c), 'who take part'),
	('t150_nobody', pg_temp.no('李四')::text, 'TR003 case ' || :c || ' does not exist', 'strangers see no case'),
	('t150_town', pg_temp.no('李四')::text, 'accepted 4 TOWN11', 'another person takes over')) t(who, arguments, expected, what);
SELECT is(pg_temp.chain(:c), 'TOWN11 李四 lead, ENV t150_env assist', 'chain() follows');
-- ---- 代办员 agents ("citizen orders, agent runs") ----
SELECT is(pg_temp.does('t150_town', format('assign_staff(%s, %s, ''agent'', ''老人不便出门'')', :c, pg_temp.no('代办员丙'))), 'accepted 5 TOWN11', 'an agent besides the assignee');
SELECT is(pg_temp.parties(:c), 'TOWN11 lead accepted, ENV assist accepted, MED11 agent offered', 'takes part as agent');
SELECT is(pg_temp.chain(:c), 'TOWN11 李四 lead, ENV t150_env assist, MED11 代办员丙 agent', 'by name');
SELECT is(pg_temp.running(:c) !~ '/3', true, 'without a limit');
SELECT is(pg_temp.refusal(format('SELECT triage.chain(%s)', :c)), NULL, 'seen by the desk');
INSERT INTO triage.members (role, duty, department) VALUES ('t150_nobody', 'handler', 'MED11');
SET ROLE t150_nobody;
SELECT is(pg_temp.chain(:c), 'TOWN11 李四 lead, ENV t150_env assist, MED11 代办员丙 agent', 'agent sees progress');
RESET ROLE;
SELECT is(pg_temp.does('t150_nobody', format('accept(%s)', :c)), 'accepted 6 TOWN11', 'and signs');
SELECT is(pg_temp.does('t150_town', format('assign_staff(%s, %s, ''agent'')', :c, pg_temp.no('老娘舅乙'))), 'accepted 7 TOWN11', 'another agent of the same unit');
SELECT is(pg_temp.parties(:c), 'TOWN11 lead accepted, ENV assist accepted, MED11 agent accepted', 'in the same part');
SELECT is(pg_temp.does('t150_env', format('finish(%s, ''ENV'', ''measured'')', :c)), 'accepted 8 TOWN11', 'the assist is done');
SELECT is(pg_temp.does('t150_town', format('resolve(%s, ''resolved'', ''音量已调低，双方认可'')', :c)), 'review 9 TOWN11', 'an agent does not hold up the result');
SELECT is((SELECT count(*) FROM triage.verify_history(:c)), 0::bigint, 'the chain holds');

-- ---- choose mediator by skill tag and load ----
SELECT pg_temp.new('吵架', 'Z111') AS c \gset
SELECT is(pg_temp.suggested(:c, 'neighbours'), '老娘舅甲 6.5, 老娘舅乙 6', 'by load: one of them is an agent above; who has left is not there');
SELECT is((SELECT (triage.assign_staff(x, pg_temp.no('老娘舅甲'), 'agent')).status FROM (SELECT pg_temp.new('吵架', 'Z112') AS x) n), 'dispatched', 'the free one gets a case');
SELECT is(pg_temp.suggested(:c, 'neighbours'), '老娘舅甲 6, 老娘舅乙 6', 'alike: by number');
SELECT is((SELECT (triage.assign_staff(x, pg_temp.no('老娘舅甲'), 'agent')).status FROM (SELECT pg_temp.new('吵架', 'Z112') AS x) n), 'dispatched', 'and another');
SELECT is(pg_temp.suggested(:c, 'neighbours'), '老娘舅乙 6, 老娘舅甲 5.5', 'the other one has less to do');
SELECT is(pg_temp.suggested(:c, 'labour'), '老娘舅甲 5.5', 'by skill tag');
SELECT is(pg_temp.suggested(:c, 'NOPE'), NULL, 'nobody has it');
SELECT is((SELECT s.reason - 'name' FROM triage.suggest_staff(:c, 'labour', 1) s), '{"kind": "mediator", "area": {"is": "Z11", "steps": 1, "by": 2.5}, "skill": {"is": ["labour"], "by": 4}, "load": {"is": 2, "by": -1}, "department": {"is": "MED11"}}', 'and why');
-- ---- suggest_staff: who fits a case ----
SELECT pg_temp.new('广场舞噪音', 'Z111') AS c \gset
SELECT is(pg_temp.suggested(:c), '张三 10, 李四 6.25, 远方 6, 王五 3, 代办员丙 2.5, 老娘舅乙 2, 老娘舅甲 1.5', 'skill by type, its department, near, free; not who is off duty');
SELECT is(pg_temp.does('t150_town', format('accept(%s)', :c)), 'accepted 2 TOWN11', 'three-level grid response: the town accepts');
UPDATE triage.departments SET level = 'village' WHERE code = 'TOWN11';
SELECT is(pg_temp.does('t150_town', format('escalate(%s, ''劝阻无效'')', :c)), 'accepted 3 TOWN11', 'and passes it up from level 3');
SELECT is(pg_temp.data(:c, 'escalate')->>'to_level', 'grid_2', 'to level 2');
SELECT is((SELECT jsonb_object_agg(s.reason->>'name', s.reason#>'{grid_level,by}') FROM triage.suggest_staff(:c, max_rows => 10) s WHERE s.reason ? 'grid_level'),
	'{"张三": 2, "远方": 2, "王五": 2, "李四": 0.75}', 'where staff of that level come first');
UPDATE triage.departments SET level = 'town' WHERE code = 'TOWN11';
SELECT is(pg_temp.refusal(format('SELECT * FROM triage.suggest_staff(%s, max_rows => 0)', :c)), 'TR003 argument "max_rows" is out of range', 'rows within reason');
SET ROLE t150_team;
SELECT is(pg_temp.refusal(format('SELECT * FROM triage.suggest_staff(%s)', :c)), 'TR003 case ' || :c || ' does not exist', 'not for who does not see the case');
RESET ROLE;
SELECT is(pg_temp.duty('TEAM11', '2026-03-03 23:00+08', 'NOISE'), 'night 03-03 22:00-03-04 08:30', 'who is on duty now for this place and skill is one query: 王五''s team');
SELECT is(pg_temp.duty('TEAM11', '2026-03-03 23:00+08', 'labour'), NULL, 'nobody of it has that');
SELECT is(pg_temp.duty('ENV', '2026-03-14 18:00+08', 'noise'), 'meter 03-14 17:00-03-14 22:00', 'or a shift for it');

-- ---- volunteers are separate from duty staff ----
SELECT is((SELECT string_agg(h.name || ' ' || h.has::text, ', ') FROM triage.helpers('Z111') h), '红管家 {drones,neighbours}, 志愿者 {drones}', 'helpers of an area and of what holds it');
SELECT is((SELECT string_agg(h.name || ' ' || h.has::text, ', ') FROM triage.helpers('Z1', '{neighbours}') h), '红管家 {neighbours}', 'by skill, inside it too');
SELECT is(pg_temp.refusal('SELECT * FROM triage.helpers(NULL)'), 'TR003 argument "area" must not be null', 'of some area');
SELECT is(pg_temp.refusal('SELECT * FROM triage.helpers(''NOPE'')'), 'TR003 area "NOPE" does not exist', 'that exists');
SELECT matches(pg_temp.refusal('INSERT INTO triage.staff (name) VALUES (''x'')'), '^23514 .*staff_check', 'only volunteers belong to no department');

-- ---- town class by mean daily count, top problems, training gaps ----
SELECT is((SELECT string_agg(concat_ws(' ', t.area, t.zh, t.cases, t.per_day, t.class), ', ') FROM triage.town_classes('2026-03-02 00:00+08', '2026-03-04 00:00+08', '{2,4}') t),
	(SELECT string_agg(concat_ws(' ', a.code, a.zh, a.n, round(a.n / 2.0, 2), CASE WHEN a.n < 4 THEN 1 WHEN a.n < 8 THEN 2 ELSE 3 END), ', ' ORDER BY a.n DESC)
		FROM (SELECT t.code, t.zh, count(*) AS n FROM triage.areas t JOIN triage.cases c ON c.area ^@ t.code WHERE t.level = 'town'
			AND c.reported_at >= '2026-03-02 00:00+08' AND c.reported_at < '2026-03-04 00:00+08' GROUP BY t.code) a), 'towns by daily mean, villages counted with them');
SELECT is((SELECT count(DISTINCT class) FROM triage.town_classes('2026-03-02 00:00+08', '2026-03-04 00:00+08', '{2,4}') t) > 1, true, 'of more than one class');
SELECT is((SELECT string_agg(concat_ws(' ', p.rank, p.case_type, p.zh, p.cases > 0, p.share > 0), ', ') FROM triage.top_problems('2026-03-02 00:00+08', '2026-03-05 00:00+08', 'Z12', 2) p), '1 NOISE 噪音 t t', 'top problems by area');
SELECT is((SELECT string_agg(concat_ws(' ', g.area_code, g.skill, g.people), ', ' ORDER BY g.area_code, g.skill) FROM triage.training_gaps('2026-03-02 00:00+08', '2026-03-05 00:00+08') g),
	'Z11 GAS 0, Z11 LEAK 0, Z11 QUARREL 0', 'training gap list: what comes and nobody can');
SELECT is((SELECT string_agg(concat_ws(' ', g.area_code, g.skill, g.people), ', ' ORDER BY g.area_code, g.skill) FROM triage.training_gaps('2026-03-02 00:00+08', '2026-03-05 00:00+08', 'Z12', 0.5) g),
	'Z12 NOISE 1', 'or too few for it');
SELECT is(pg_temp.refusal(t.statement), t.expected, t.expected)
FROM (VALUES
	('SELECT * FROM triage.town_classes(NULL, now())', 'TR003 arguments "since" and "until" are no period'),
	('SELECT * FROM triage.top_problems(now(), now())', 'TR003 arguments "since" and "until" are no period'),
	('SELECT * FROM triage.training_gaps(''-infinity'', now())', 'TR003 arguments "since" and "until" are no period'),
	('SELECT * FROM triage.town_classes(''2026-01-01'', ''2026-02-01'', ''{5,1}'')', 'TR003 argument "bounds" must be 1 to 10 ascending numbers')) t(statement, expected);
SET ROLE t150_town;
SELECT is((SELECT count(*) FROM triage.town_classes('2026-03-02 00:00+08', '2026-03-04 00:00+08')), 0::bigint, 'these are for centres');
RESET ROLE;

SELECT is((SELECT string_agg(u, '; ') FROM pg_temp.unlike_history() u), NULL, 'replaying the events gives the rows, also where a lead was taken over');

-- ---- who may read what ----
GRANT SELECT ON triage.assignment_staff, triage.staff, triage.rosters TO t150_nobody, t150_team;
SET ROLE t150_nobody;
SELECT is((SELECT count(DISTINCT case_id) FROM triage.assignment_staff), 3::bigint, 'a handler reads of people on his own cases');
SET ROLE t150_team;
SELECT is((SELECT count(*) FROM triage.assignment_staff), 0::bigint, 'and of no others');
SELECT is(pg_temp.refusal('UPDATE triage.staff SET login = current_user'), '42501 permission denied for table staff', 'nobody makes himself another person');
SELECT is(pg_temp.refusal('UPDATE triage.rosters SET ends = ''12:00'''), '42501 permission denied for table rosters', 'or changes the roster');
RESET ROLE;

SELECT * FROM finish();
