-- Desks: inbox, overdue, board, and who sees what on them.
BEGIN;
SET client_min_messages = warning;
SET timezone = 'Asia/Shanghai';
SET triage.now = '2026-06-15 09:00+08';
SELECT plan(49);

-- ---- shape ----------------------------------------------------------------------

SELECT has_type('triage', 'inbox_row', 'inbox_row is a type');
SELECT has_type('triage', 'board_row', 'board_row is a type');
SELECT is(p.proargnames[1:4], ARRAY['department', 'after_due', 'after_case', 'max_rows'], 'inbox: argument names')
FROM pg_proc p WHERE p.oid = 'triage.inbox'::regproc;
SELECT is(p.proargnames[1:2], ARRAY['area', 'max_rows'], 'overdue: argument names')
FROM pg_proc p WHERE p.oid = 'triage.overdue'::regproc;
SELECT is(p.proargnames[1:1], ARRAY['area'], 'board: argument name')
FROM pg_proc p WHERE p.oid = 'triage.board'::regproc;
SELECT is((p.provolatile, p.proparallel, p.prosecdef, p.proconfig)::text, ('s', 'r', true, ARRAY['search_path=pg_catalog, pg_temp'])::text,
	p.proname || ': stable, parallel restricted, security definer, path locked')
FROM pg_proc p WHERE p.oid IN ('triage.inbox'::regproc, 'triage.overdue'::regproc, 'triage.board'::regproc) ORDER BY p.proname;
SELECT is_empty('SELECT * FROM triage.inbox()', 'inbox of an empty system');
SELECT is_empty('SELECT * FROM triage.board()', 'board of an empty system');
SELECT is_empty('SELECT * FROM triage.overdue()', 'overdue of an empty system');

-- ---- cases: a leak in Dongcheng, water in Jiangnan, the same in Guzhu (Wucheng), one unclear ------

CREATE TEMP TABLE made (name text, case_id bigint);
INSERT INTO made SELECT 'leak', r.case_id FROM triage.report('110', E'外墙渗水漏水，\n\n  卫生间漏水，墙面渗水' || repeat('很久了', 40), '330784001',
	reporter => '王', contact => '13800000001', reported_at => '2026-06-15 08:59+08') r;
INSERT INTO made SELECT 'village', r.case_id FROM triage.report('110', '外墙渗水漏水，卫生间漏水，墙面渗水', '330784001001', reporter => '李') r;
INSERT INTO made SELECT 'town2', r.case_id FROM triage.report('110', '外墙渗水漏水，卫生间漏水，墙面渗水', '330784003', reporter => '周') r;
INSERT INTO made SELECT 'other', r.case_id FROM triage.report('110', '外墙渗水漏水，卫生间漏水，墙面渗水', '330702006', reporter => '赵') r;
INSERT INTO made SELECT 'unsure', r.case_id FROM triage.report('110', '你们过来看看就知道了', '330784001', reporter => '钱') r;
INSERT INTO made SELECT 'nowhere', r.case_id FROM triage.report('110', '你们过来看看就知道了', reporter => '孙') r;

CREATE FUNCTION pg_temp.id(name text) RETURNS bigint LANGUAGE sql AS 'SELECT m.case_id FROM made m WHERE m.name = $1';
CREATE FUNCTION pg_temp.names(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r	text;
BEGIN
	EXECUTE format('SELECT string_agg(m.name, '','' ORDER BY q.n) FROM (SELECT s.case_id, row_number() OVER () AS n FROM (%s) s) q JOIN made m USING (case_id)', query)
		INTO r;
	RETURN coalesce(r, '');
END
$$;

SELECT is(pg_temp.names('SELECT * FROM triage.inbox()'), 'unsure,nowhere,leak,village,town2,other',
	'inbox of everybody: by next deadline, then case');
SELECT is(pg_temp.names($$SELECT * FROM triage.inbox('VILLAGE.330784001')$$), 'leak,village', 'inbox of a department');
SELECT is(pg_temp.names($$SELECT * FROM triage.inbox('T_SQUAD.330784003')$$), 'town2', 'inbox of a team');
SELECT is((SELECT (i.stage, i.duty, i.part_status, i.remaining)::text FROM triage.inbox('VILLAGE.330784003') i), '(accept,lead,offered,00:30:00)',
	'a lead''s next deadline is to accept');
SELECT is((SELECT (i.stage, i.duty, i.remaining)::text FROM triage.inbox('T_SQUAD.330784003') i), '(arrive,on_scene,04:00:00)',
	'a team''s is to arrive');
SELECT is((SELECT (i.type_zh, i.area_zh, i.lead_zh, i.department_zh, i.status, i.priority, i.danger)::text FROM triage.inbox('T_SQUAD.330784003') i),
	(SELECT (t.zh, a.zh, l.zh, d.zh, 'dispatched', 3, false)::text
		FROM triage.case_types t, triage.areas a, triage.departments l, triage.departments d
		WHERE t.code = 'N105' AND a.code = '330784003' AND l.code = 'VILLAGE.330784003' AND d.code = 'T_SQUAD.330784003'),
	'names in Chinese');
SELECT is((SELECT i.summary FROM triage.inbox() i WHERE i.case_id = pg_temp.id('leak')), left('外墙渗水漏水， 卫生间漏水，墙面渗水' || repeat('很久了', 40), 60),
	'the text is cut at 60 characters, blanks folded');

-- pages
SELECT is(pg_temp.names('SELECT * FROM triage.inbox(max_rows => 2)'), 'unsure,nowhere', 'first page');
SELECT is(pg_temp.names(format('SELECT * FROM triage.inbox(NULL, %L, %s, 3)',
	(SELECT i.due_at FROM triage.inbox(max_rows => 2) i ORDER BY i.due_at DESC, i.case_id DESC LIMIT 1), pg_temp.id('nowhere'))), 'leak,village,town2', 'second page');
WITH RECURSIVE page AS (
	SELECT 1 AS n, (SELECT i FROM triage.inbox(NULL, NULL, NULL, 1) i) AS r
	UNION ALL
	SELECT p.n + 1, (SELECT i FROM triage.inbox(NULL, (p.r).due_at, (p.r).case_id, 1) i) FROM page p WHERE p.r IS DISTINCT FROM NULL AND p.n < 20
)
SELECT is(string_agg(m.name, ',' ORDER BY p.n), 'unsure,nowhere,leak,village,town2,other', 'one by one: all, none twice')
FROM page p JOIN made m ON m.case_id = (p.r).case_id;
SELECT throws_ok('SELECT * FROM triage.inbox(max_rows => 0)', 'TR003', NULL, 'no page of nothing');
SELECT throws_ok('SELECT * FROM triage.inbox(max_rows => NULL)', 'TR003', NULL, 'max_rows must not be null');
SELECT throws_ok('SELECT * FROM triage.overdue(max_rows => 10001)', 'TR003', NULL, 'nor too many');
SELECT throws_ok($$SELECT * FROM triage.inbox('nobody')$$, 'TR003', 'department "nobody" does not exist', 'unknown department');
SELECT throws_ok($$SELECT * FROM triage.board('nowhere')$$, 'TR003', 'area "nowhere" does not exist', 'unknown area');
SELECT throws_ok($$SELECT * FROM triage.overdue('nowhere')$$, 'TR003', 'area "nowhere" does not exist', 'unknown area, overdue');

-- ---- the board ---------------------------------------------------------------------

SELECT results_eq('SELECT b.area, b.open, b.triage, b.dispatched FROM triage.board() b',
	$$VALUES ('330702006', 1, 0, 1), ('330784001', 3, 1, 2), ('330784003', 1, 0, 1), (NULL, 1, 1, 0)$$, 'board: villages count for their town');
SELECT results_eq($$SELECT b.area, b.parent_zh, b.oldest, b.oldest_age FROM triage.board('330784001') b WHERE b.area = '330784001'$$,
	$$SELECT '330784001', '永康市', pg_temp.id('leak'), interval '1 minute'$$, 'oldest by the time of the report');
SELECT results_eq($$SELECT b.area, b.open FROM triage.board('330784001') b$$, $$VALUES ('330784001', 2), ('330784001001', 1)$$,
	'board of a town: its villages');
SELECT results_eq($$SELECT b.area FROM triage.board('330784') b$$, $$VALUES ('330784001'), ('330784003')$$, 'board of a county: its towns');

-- ---- time goes by -------------------------------------------------------------------

SET triage.now = '2026-06-15 09:40+08';
SELECT is(pg_temp.names('SELECT * FROM triage.overdue()'), 'unsure,nowhere,leak,village,town2,other', 'what is overdue, longest first');
SELECT is(pg_temp.names($$SELECT * FROM triage.overdue('330784003')$$), 'town2', 'overdue in a town');
SELECT is((SELECT o.remaining FROM triage.overdue('330784003') o), interval '-10 minutes', 'remaining is negative');
SELECT lives_ok('SELECT triage.tick()', 'steps fire');
SELECT isnt((SELECT o.colour FROM triage.overdue('330784003') o), NULL, 'the deadline has a colour');
SELECT is((SELECT b.blue + b.yellow + b.red FROM triage.board('330702') b), 1, 'so has the board');
SELECT is((SELECT b.longest_triage FROM triage.board('330784') b WHERE b.area = '330784001'), interval '40 minutes', 'longest wait in triage');
SELECT lives_ok($$SELECT triage.accept(pg_temp.id('town2'), 'VILLAGE.330784003')$$, 'the lead accepts');
SELECT is(pg_temp.names('SELECT * FROM triage.overdue()'), 'unsure,nowhere,leak,village,other', 'no longer overdue');
SELECT lives_ok($$SELECT triage.answer(pg_temp.id('nowhere'), '已答复')$$, 'one is answered');
SELECT is(pg_temp.names('SELECT * FROM triage.inbox()'), 'unsure,leak,village,other,town2', 'closed cases are on no desk');

-- ---- who sees what --------------------------------------------------------------------

CREATE ROLE desk_handler;
CREATE ROLE desk_centre;
CREATE ROLE desk_stranger;
GRANT USAGE ON SCHEMA triage TO desk_handler, desk_centre, desk_stranger;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA triage TO desk_handler, desk_centre, desk_stranger;
GRANT SELECT ON made TO desk_handler, desk_centre, desk_stranger;
INSERT INTO triage.members (role, duty, department, area) VALUES
	('desk_handler', 'handler', 'VILLAGE.330784003', ''),
	('desk_centre', 'centre', 'SGC_C.330702', '330784001');

SET ROLE desk_handler;
SELECT results_eq('SELECT i.case_id, i.department FROM triage.inbox() i', $$SELECT pg_temp.id('town2'), 'VILLAGE.330784003'$$,
	'a handler has his department''s cases');
SELECT is(pg_temp.names($$SELECT * FROM triage.inbox('T_SQUAD.330784001')$$) || pg_temp.names($$SELECT * FROM triage.overdue('330784001')$$), '',
	'and no others');
SELECT results_eq('SELECT b.area, b.open FROM triage.board() b', $$VALUES ('330784003', 1)$$, 'his board as well');
RESET ROLE;
SET ROLE desk_centre;
SELECT is((SELECT array_agg(i.case_id ORDER BY i.case_id) FROM triage.inbox() i), ARRAY[pg_temp.id('leak'), pg_temp.id('village'), pg_temp.id('unsure')],
	'a centre has its areas'' cases, villages included');
SELECT is(pg_temp.names($$SELECT * FROM triage.inbox('VILLAGE.330784001')$$), 'leak,village', 'it may look at a department of its area');
RESET ROLE;
SET ROLE desk_stranger;
SELECT is((SELECT count(*) FROM triage.inbox()) + (SELECT count(*) FROM triage.overdue()) + (SELECT count(*) FROM triage.board()), 0::bigint,
	'who belongs nowhere sees nothing');
RESET ROLE;
-- the same answer as may_see(), case by case
CREATE TEMP TABLE seen (role name, case_id bigint);
DO $$
DECLARE
	r	name;
BEGIN
	GRANT ALL ON seen TO PUBLIC;
	FOREACH r IN ARRAY ARRAY['desk_handler', 'desk_centre', 'desk_stranger'] LOOP
		EXECUTE format('SET LOCAL ROLE %I', r);
		INSERT INTO seen SELECT r, m.case_id FROM made m WHERE triage.may_see(m.case_id) AND m.name <> 'nowhere'
			EXCEPT SELECT r, i.case_id FROM triage.inbox() i;
		RESET ROLE;
	END LOOP;
END
$$;
SELECT is_empty('SELECT * FROM seen', 'inbox() shows what may_see() allows');

SELECT * FROM finish();
ROLLBACK;
