-- The systems that the casework was built for (domain notes 2.0 to 2.4), one
-- scenario for each that speaks of handling, named after it, acted by people
-- without privileges.  Rosters, staff and volunteers: 150_staff.sql.
-- Source: sql/30_intake.sql, 32_verbs.sql, 33_handling.sql, 46_record.sql
\ir include/helpers.psql
\ir include/replay.psql
\ir include/invariants.psql
BEGIN;
\ir include/small.psql
INSERT INTO triage.departments (code, kind, zh, en, level, area, superior, endpoint) VALUES
	('COMM112', 'VILLAGE', '金都社区', 'Community 112', 'village', 'Z112', 'TOWN', NULL), ('COURT', 'COURT', '法院', 'Court', 'county', 'Z1', 'SGC_C', NULL), ('JUST', 'JUST', '司法所', 'Justice office', 'town', 'Z11', 'TOWN', NULL),
	('ASSOC', 'ASSOC', '行业协会', 'Association', 'social', 'Z1', 'BIZ', NULL), ('BIZ', 'BIZ', '经信局', 'Industry bureau', 'county', 'Z1', 'SGC_C', NULL);
INSERT INTO triage.policies (code, stage, priority, amount, unit, calendar, ladder) VALUES
	('rr', 'return_request', NULL, 1, 'wd', 'office', NULL), ('return', 'return', NULL, 30, 'min', NULL, 'triage'), ('whistle', 'whistle', NULL, 30, 'min', NULL, 'standard'),
	('review', 'review', NULL, 1, 'wd', 'office', 'triage'), ('redo', 'redo', NULL, 1, 'wd', 'office', 'standard'), ('call_back', 'call_back', NULL, 1, 'wd', 'office', 'triage'), ('suspended', 'suspended', NULL, 30, 'd', NULL, 'triage');
INSERT INTO triage.follow_ups (code, case_type, outcome, after, department, relation, kind, zh, en) VALUES
	('f7', 'QUARREL', NULL, '7 days', NULL, 'T_MED', 'visit', '七日回访', 'visit after 7 days'), ('f30', 'QUARREL', NULL, '30 days', NULL, 'T_MED', 'visit', '三十日回访', 'visit after 30 days');
INSERT INTO triage.outcomes (code, zh, en, settled, requires) VALUES ('warned', '首违不罚', 'Warned without penalty', true, '{subject}');
INSERT INTO triage.routes (code, case_type, area, precedence) VALUES ('leak112', 'LEAK', 'Z112', 0);
INSERT INTO triage.route_parties (route, seq, department, relation, duty) VALUES ('leak112', 1, 'CENTRE1', NULL, 'lead');
COMMIT;

-- a role for each department, t148_<code>; the centre's people; an operator
CREATE TEMP TABLE people AS SELECT 't148_' || lower(d.code) AS role, 'handler' AS duty, d.code AS department, '' AS area FROM triage.departments d
	UNION ALL VALUES ('t148_desk', 'centre', 'CENTRE1', 'Z1'), ('t148_boss', 'centre', 'CENTRE', 'Z'), ('t148_op', 'operator', '', ''), ('t148_caller', 'centre', '', 'Z1');
SELECT format('CREATE ROLE %I', p.role), format('GRANT USAGE ON SCHEMA triage TO %I', p.role), format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA triage TO %I', p.role) FROM people p ORDER BY p.role \gexec
INSERT INTO triage.members (role, duty, department, area) SELECT * FROM people;

-- 'status' after a verb called as a role, or the refusal; the new case's id is kept in made
CREATE TEMP TABLE made (id bigint);
CREATE FUNCTION pg_temp.does(who text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r	triage.cases;
	e	text;
BEGIN
	BEGIN
		PERFORM set_config('role', 't148_' || who, true);
		EXECUTE 'SELECT * FROM triage.' || call INTO r;
	EXCEPTION WHEN OTHERS THEN
		e := SQLSTATE || ' ' || SQLERRM;
	END;
	PERFORM set_config('role', 'none', true);
	DELETE FROM made;
	INSERT INTO made VALUES (r.case_id);
	RETURN coalesce(e, r.status);
END
$$;
-- many at once: 'status, status, ...'
CREATE FUNCTION pg_temp.do_all(VARIADIC steps text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said	text;
BEGIN
	FOR i IN 1 .. cardinality(steps) / 2 LOOP
		said := concat_ws(', ', said, pg_temp.does(steps[2 * i - 1], steps[2 * i]));
	END LOOP;
	RETURN said;
END
$$;
CREATE FUNCTION pg_temp.new(body text, area text DEFAULT 'Z11', channel text DEFAULT 'v110', contact text DEFAULT '13800000000') RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.does('op', format('report(%L, %L, %L, reporter => ''Li'', contact => %L)', new.channel, new.body, new.area, new.contact));
	RETURN (SELECT m.id FROM made m);
END
$$;
SET triage.now = '2026-03-02 10:00+08';

-- ==== 2.0 ====
SELECT pg_temp.new('车库水管漏水', 'Z112') AS c \gset
SELECT is(pg_temp.do_all('desk', format('accept(%s, ''CENTRE1'')', :c), 'desk', format('transfer(%s, ''TEAM11'', ''请到现场'')', :c), 'team11', format('arrive(%s)', :c), 'team11', format('transfer(%s, ''COMM112'', ''请社区调解'')', :c),
		'comm112', format('finish(%s, null, ''双方约定一周内修好'')', :c), 'team11', format('finish(%s, null, ''现场已处置'')', :c)),
	'accepted, accepted, in_progress, in_progress, in_progress, in_progress', '110 → centre → street team → community → one feedback: down');
SELECT is((SELECT string_agg(concat_ws(' ', x.seq, x.parent_seq, x.department, x.duty, x.person), ', ' ORDER BY x.seq) FROM triage.assignments a, LATERAL (SELECT a.seq, a.parent_seq, a.department, a.duty,
		(SELECT min(e.actor) FROM triage.events e WHERE e.case_id = :c AND e.verb IN ('accept', 'arrive', 'finish') AND (e.data->>'assignment')::int = a.seq) AS person) x WHERE a.case_id = :c),
	'1 CENTRE1 lead t148_desk, 2 1 TEAM11 assist t148_team11, 3 2 COMM112 assist t148_comm112', '110 → centre → street team → community → one feedback: the chain of custody');
SELECT is(pg_temp.does('op', format('add_source(%s, ''v12345'', ''车库在漏水'', external_ref => ''H1'')', :c)), 'in_progress', 'One matter, three sources: the hotline reports it too');
SELECT is(pg_temp.does('op', format('add_source(%s, ''petition'', ''反映车库漏水'', reporter => ''Li'')', :c)), 'in_progress', 'One matter, three sources: and a petition');
SELECT is(pg_temp.do_all('desk', format('resolve(%s, ''resolved'', ''物业更换阀门，社区回访确认'')', :c), 'boss', format('close_case(%s)', :c)), 'review, closed', '110 → centre → street team → community → one feedback: up');
SELECT is((SELECT string_agg(e.data->>'channel' || ' ' || (e.data->>'result'), ', ' ORDER BY e.seq) FROM triage.events e WHERE e.case_id = :c AND e.verb = 'inform'),
	'v110 物业更换阀门，社区回访确认, v12345 物业更换阀门，社区回访确认, petition 物业更换阀门，社区回访确认', '110 → centre → street team → community → one feedback: one, to every channel');
SELECT is((SELECT c.report_count || ' ' || string_agg(s.channel, ' ' ORDER BY s.seq) FROM triage.cases c JOIN triage.case_sources s USING (case_id) WHERE c.case_id = :c GROUP BY c.report_count), '3 v110 v12345 petition', 'One matter, three sources: the case keeps them');

SELECT pg_temp.new('邻居吵架') AS c \gset
SELECT is((SELECT (t).fired > 0 FROM triage.tick('2026-03-02 10:15+08') t), true, 'Police as reserve: the team is late');
SET triage.now = '2026-03-02 10:16+08';
SELECT is(pg_temp.parties(:c), 'TOWN11 lead offered, TEAM11 on_scene offered, PS11 backup offered', 'Police as reserve: they follow, the lead stays');
SELECT is((SELECT count(*) FROM triage.events e WHERE e.case_id = :c AND e.verb = 'police_backup'), 1::bigint, 'Police as reserve: once, on record');
SELECT is(pg_temp.do_all('team11', format('arrive(%s)', :c)), 'in_progress', 'Police as reserve: the team comes');
SELECT matches(pg_temp.parties(:c), 'PS11 backup withdrawn', 'Police as reserve: and they need not');
SET triage.now = '2026-03-02 10:00+08';

SELECT attrs->>'token' AS token FROM triage.report('v110', '路灯不亮，投诉', 'Z11', reporter => 'Zhou') \gset
SELECT is((SELECT s.status FROM triage.status_by_token(:'token') s), 'in hand', 'One door for citizens: one token, whatever the channel');
SELECT is(pg_temp.does('op', 'report(''grid'', ''发现婚姻纠纷苗头'', ''Z11'')'), 'dispatched', 'Source check: grid staff open a case without a caller');

SELECT pg_temp.new('随便说说') AS c \gset
SET triage.now = '2026-03-02 10:06+08';
SET ROLE t148_desk;
SELECT is((SELECT g.why || ' ' || g.must_decide FROM triage.gaps('Z1') g WHERE g.case_id = :c), 'triage_late CENTRE1', 'Urge departments to fill gaps: who must decide is named');
RESET ROLE;
SELECT is(pg_temp.does('op', format('urge(%s)', :c)), 'triage', 'Urge departments to fill gaps: and pressed');
SET triage.now = '2026-03-02 10:00+08';

-- ==== 2.1 ====
SELECT pg_temp.new('广场舞噪音') AS c \gset
SELECT is(pg_temp.do_all('town11', format('accept(%s)', :c), 'town11', format('whistle(%s, ''{MED11,COURT}'', ''请会同化解'')', :c), 'med11', format('answer_whistle(%s, ''MED11'', ''已到'')', :c), 'med11', format('finish(%s, null, ''已调解'')', :c),
		'court', format('finish(%s, null, ''已释法'')', :c), 'env', format('finish(%s, null, ''已监测'')', :c)), 'accepted, accepted, accepted, accepted, accepted, accepted', 'One-stop county centre: passes between functions without being entered again');
SELECT is(pg_temp.does('town11', format('resolve(%s, ''mediated'', ''签订协议书'', ''{"parties": ["甲", "乙"]}'')', :c)), (SELECT 'TR005 outcome "mediated" of case ' || c.number || ' needs more' FROM triage.cases c WHERE c.case_id = :c), 'Mediation network: an agreement has an amount');
SELECT is(pg_temp.does('town11', format('resolve(%s, ''mediated'', ''签订协议书'', ''{"parties": ["甲", "乙"], "amount": 35000}'')', :c)), 'review', 'Mediation network: agreed');
SELECT is((SELECT e.data->'attrs'->>'amount' FROM triage.events e WHERE e.case_id = :c AND e.verb = 'resolve'), '35000', 'Mediation network: the amount is stored');
SELECT pg_temp.new('水管漏水') AS c \gset
SELECT is(pg_temp.do_all('town11', format('to_police(%s, ''群众求助派出所'')', :c), 'ps11', format('keep_by_police(%s, ''帮帮团先办'')', :c)), 'dispatched, dispatched', 'Police station "help group": takes what is not its duty');
SELECT is((SELECT c.lead || ' ' || c.nature FROM triage.cases c WHERE c.case_id = :c), 'PS11 joint', 'Police station "help group": leads it, and it stays among the divertible');
SELECT is(pg_temp.does('op', 'report(''sensor'', ''校门一键报警'', ''Z11'', reporter => ''gate-7'')'), 'dispatched', 'Safe campus: a machine''s event is a case');
SELECT is(pg_temp.parties((SELECT m.id FROM made m)), 'PS11 lead offered, GATE11 on_scene offered', 'Safe campus: station and gate at once');

-- ==== 2.2 ====
SELECT is((SELECT d.route || ' ' || (d.rulebook_version > 0)::text || ' ' || length(d.rulebook_digest) FROM triage.decisions d WHERE d.case_id = (SELECT m.id FROM made m)), 'alarm true 16', 'Scientific diversion: rule and version of the decision');
SELECT pg_temp.new('两家纠纷') AS c \gset
SELECT is(pg_temp.do_all('team11', format('arrive(%s)', :c), 'town11', format('accept(%s)', :c), 'town11', format('resolve(%s, ''resolved'', ''劝开并约定各退一步'')', :c), 'desk', format('review(%s, true)', :c), 'caller', format('call_back(%s, ''satisfied'')', :c)),
	'in_progress, in_progress, review, callback, closed', '"Second half of the story": closed on the scene');
SELECT is((SELECT string_agg(concat_ws(' ', t.kind, t.lead, t.status, (SELECT k.due_at::date FROM triage.clocks k WHERE k.case_id = t.case_id AND k.stage = 'resolve')), ', ' ORDER BY t.case_id) FROM triage.links l JOIN triage.cases t ON t.case_id = l.case_id WHERE l.linked_case = :c AND l.kind = 'follow_up'),
	'visit MED11 dispatched 2026-04-01, visit MED11 dispatched 2026-03-09', '"Second half of the story": and followed up');
SELECT is(pg_temp.do_all('med11', format('accept(%s)', l.case_id), 'med11', format('resolve(%s, ''resolved'', ''上门回访，双方和好'')', l.case_id), 'desk', format('close_case(%s)', l.case_id)), 'accepted, review, closed', 'Follow-up of disputes: a return visit has owner, clock and end')
	FROM triage.links l WHERE l.linked_case = :c AND l.kind = 'follow_up' ORDER BY l.case_id LIMIT 1;
SELECT is(pg_temp.does('desk', format('reopen(%s, ''又吵起来'')', :c)), 'dispatched', 'Police-source governance: it comes back');
SET ROLE t148_desk;
SELECT ok((SELECT r.why ? 'came_back' FROM triage.risk_list('Z11') r WHERE r.case_id = :c) IS NOT FALSE, 'Data pooling: the risk list of the area is current');
RESET ROLE;

-- ==== 2.3 ====
SELECT pg_temp.new('企业投诉园区物流') AS c \gset
SELECT is(pg_temp.do_all('desk', format('accept(%s, ''CENTRE1'')', :c), 'desk', format('whistle(%s, ''{ASSOC}'', ''请协会研判'')', :c)), 'accepted, accepted', 'Three whistles: to the association');
SELECT matches(pg_temp.does('desk', format('whistle(%s, ''{ASSOC}'', ''再催'')', :c)), '^TR001 "ASSOC" has been called', 'Three whistles: the next only after the former');
SET triage.now = '2026-03-03 10:01+08';
SELECT is(pg_temp.does('desk', format('whistle(%s, ''{ASSOC}'', ''再催'')', :c)), 'accepted', 'Three whistles: unanswered, the second');
SELECT is((SELECT e.data->'calls'->0->>'called' FROM triage.events e WHERE e.case_id = :c AND e.verb = 'whistle' ORDER BY e.seq DESC LIMIT 1), 'BIZ', 'Three whistles: to the department above');
SELECT is((SELECT k.due_at FROM triage.clocks k WHERE k.case_id = :c AND k.stage = 'whistle' AND k.state = 'running' ORDER BY k.clock_id DESC LIMIT 1), '2026-03-04 10:01+08'::timestamptz, 'One-key order: the upper level is the debtor, within 24 hours');
SELECT is(pg_temp.do_all('biz', format('answer_whistle(%s, ''BIZ'', ''派员驻点'')', :c)), 'accepted', 'One-key order: answered');
SELECT is(pg_temp.does('desk', format('confer(%s, ''{BIZ,ASSOC}'', ''由经信局一周内协调'', triage.clock() + interval ''7 days'')', :c)), 'accepted', 'Rotating chair, joint meeting: with participants, decision and due date');
SELECT is((SELECT e.data->>'chair' || ' ' || jsonb_array_length(e.data->'tasks') FROM triage.events e WHERE e.case_id = :c AND e.verb = 'confer'), 'CENTRE1 2', 'Rotating chair, joint meeting: a task for each');
SELECT is((SELECT string_agg(t.lead || ' ' || t.kind, ', ' ORDER BY t.lead) FROM triage.links l JOIN triage.cases t ON t.case_id = l.case_id WHERE l.linked_case = :c AND l.kind = 'part_of'), 'ASSOC task, BIZ task', 'Rotating chair, joint meeting: linked to the case');
SET triage.now = '2026-03-02 10:00+08';
SELECT is(pg_temp.do_all('desk', format('dispatch(%s, ''TOWN11'', ''{ENV,WATER,MED11}'')', pg_temp.new('随便说说'))), 'dispatched', 'One trigger, many responses: sent');
SELECT is(pg_temp.parties(m.id) || ' ' || (SELECT count(DISTINCT k.assignment_seq) FROM triage.clocks k WHERE k.case_id = m.id AND k.state = 'running'), 'CENTRE1 lead done, TOWN11 lead offered, ENV assist offered, WATER assist offered, MED11 assist offered 4', 'One trigger, many responses: each with a clock, one lead') FROM made m;
SELECT pg_temp.new('高空抛物投诉') AS c \gset
SELECT is(pg_temp.do_all('desk', format('open_task(%s, ''campaign'', ''COMM112'', ''张贴告知书'')', :c), 'desk', format('open_task(%s, ''campaign'', ''PS11'', ''联合巡查'')', :c), 'desk', format('open_task(%s, ''task'', ''TOWN11'', ''设立热线'')', :c)), 'dispatched, dispatched, dispatched', 'Falling objects: one case, many small tasks');
SELECT pg_temp.new('断头路投诉') AS c \gset
SELECT is(pg_temp.do_all('desk', format('accept(%s, ''CENTRE1'')', :c), 'boss', format('suspend(%s, ''权属不明'', ''2026-03-20 10:00+08'')', :c)), 'accepted, suspended', 'Community hosts: nobody''s road');
SET ROLE t148_desk;
SELECT is((SELECT g.why FROM triage.gaps('Z1') g WHERE g.case_id = :c), 'suspended', 'Community hosts: no dead end, it stays on the list');
RESET ROLE;
SELECT is((SELECT k.due_at FROM triage.clocks k WHERE k.case_id = :c AND k.stage = 'suspended'), '2026-03-20 10:00+08'::timestamptz, 'Community hosts: with a date to look again');
SELECT is(pg_temp.do_all('boss', format('resume(%s)', :c), 'desk', format('transfer(%s, ''ASSOC'', ''地铁承建方愿意修'')', :c)), 'in_progress, in_progress', 'Community hosts: a helper is found');

-- ==== 2.4 ====
SELECT is(pg_temp.do_all('desk', format('dispatch(%s, ''COMM112'')', pg_temp.new('随便说说'))), 'dispatched', 'Three-level grid response: level 3');
SELECT m.id AS c FROM made m \gset
SELECT is(pg_temp.do_all('comm112', format('accept(%s)', :c), 'comm112', format('escalate(%s, ''劝不住'')', :c), 'comm112', format('escalate(%s, ''涉及多家'')', :c), 'comm112', format('escalate(%s, ''需要街道'')', :c)), 'accepted, accepted, accepted, dispatched', 'Three-level grid response: level 2, level 1, the town');
SELECT is((SELECT string_agg(concat(e.data->>'from_level', '>', e.data->>'to_level'), ' ' ORDER BY e.seq) FROM triage.events e WHERE e.case_id = :c AND e.verb = 'escalate'), 'grid_3>grid_2 grid_2>grid_1 grid_1>town', 'Three-level grid response: who could not solve it is on record');
SELECT is((SELECT c.lead FROM triage.cases c WHERE c.case_id = :c), 'TOWN11', 'Three-level grid response: the town leads now');
SELECT is(pg_temp.do_all('town11', format('accept(%s)', :c), 'town11', format('whistle(%s, ''{PS11,COURT,JUST}'', ''联合调解'')', :c), 'ps11', format('finish(%s)', :c), 'court', format('finish(%s)', :c)), 'accepted, accepted, accepted, accepted', '1+X joint mediation: lead and X assists');
SELECT matches(pg_temp.does('town11', format('resolve(%s, ''resolved'', ''达成和解，当场履行'')', :c)), '^TR005 .* cannot be resolved while assists are open', '1+X joint mediation: the lead may not close while one is open');
SELECT is(pg_temp.do_all('desk', format('release_assist(%s, ''JUST'', ''已不需要'')', :c), 'town11', format('resolve(%s, ''resolved'', ''达成和解，当场履行'')', :c)), 'accepted, review', '1+X joint mediation: unless the centre lets it go');
SELECT pg_temp.new('广场舞噪音') AS c \gset
SELECT is((SELECT (t).fired > 0 FROM triage.tick('2026-03-02 10:16+08') t), true, 'Blue / yellow / red: time passes');
SELECT is((SELECT c.colour FROM triage.cases c WHERE c.case_id = :c), 'blue', 'Blue / yellow / red: near the limit');
SELECT is((SELECT (t).fired > 0 FROM triage.tick('2026-03-02 10:20+08') t), true, 'Blue / yellow / red: more');
SELECT is((SELECT c.colour FROM triage.cases c WHERE c.case_id = :c), 'yellow', 'Blue / yellow / red: at the limit');
SET triage.now = '2026-03-02 10:31+08';
SELECT is(pg_temp.do_all('town11', format('accept(%s)', :c), 'env', format('finish(%s)', :c), 'town11', format('resolve(%s, ''warned'', ''首次违规，当面教育'')', :c)), 'accepted, accepted, ' || (SELECT 'TR005 outcome "warned" of case ' || c.number || ' needs more' FROM triage.cases c WHERE c.case_id = :c), 'First offence no penalty: of whom');
SELECT is(pg_temp.does('town11', format('resolve(%s, ''warned'', ''首次违规，当面教育'', ''{"subject": "91330700"}'')', :c)), 'review', 'First offence no penalty: warned');
SELECT is((SELECT count(*) FROM triage.events e WHERE e.verb = 'resolve' AND e.data->>'outcome' = 'warned' AND e.data->'attrs'->>'subject' = '91330700'), 1::bigint, 'First offence no penalty: counted by subject');
SELECT is(pg_temp.does('op', 'report(''chat'', ''匿名投诉占道'', ''Z11'')'), 'dispatched', 'Micro-service in chat: nobody need give a name');
SELECT ok(k.denominator > 0, 'Loop rates: closing rate by area') FROM triage.kpi('2026-03-02', '2026-03-05') k WHERE k.kpi = 'closing_rate' LIMIT 1;

-- ==== whatever was done ====
SELECT is((SELECT string_agg(b, '; ') FROM pg_temp.broken() b), NULL, 'all that must hold of a case holds');
SELECT is((SELECT string_agg(u, '; ') FROM pg_temp.unlike_history() u), NULL, 'the events give the rows');
SELECT is((SELECT count(*) FROM triage.verify_history()), 0::bigint, 'and no history was rewritten');

SELECT * FROM finish();
SELECT format('DROP OWNED BY %I', p.role), format('DROP ROLE %I', p.role) FROM people p ORDER BY p.role \gexec
