-- The whole life of a case: returns, whistles, levels, police, other systems,
-- waiting, review, return call, reopening, voiding, the record.
-- Source: extension/casework/returns.c, calls.c, police.c, waiting.c, ending.c, dossier.c, clocks.c, sql/33_handling.sql
\ir include/helpers.psql
BEGIN;
\ir include/small.psql
INSERT INTO triage.policies (code, stage, priority, amount, unit, calendar, ladder) VALUES
	('rr.u2', 'return_request', 2, 15, 'min', NULL, NULL), ('rr', 'return_request', NULL, 1, 'wd', 'office', NULL),
	('return', 'return', NULL, 30, 'min', NULL, 'triage'), ('whistle', 'whistle', NULL, 30, 'min', NULL, 'standard'),
	('hand_over', 'hand_over', NULL, 10, 'min', NULL, 'standard'), ('review', 'review', NULL, 1, 'wd', 'office', 'triage'),
	('redo', 'redo', NULL, 1, 'wd', 'office', 'standard'), ('call_back', 'call_back', NULL, 1, 'wd', 'office', 'triage'),
	('suspended', 'suspended', NULL, 30, 'd', NULL, 'triage');
UPDATE triage.channels SET department = 'ENV' WHERE code = 'v12345';
UPDATE triage.case_types SET callback = 'required' WHERE code = 'LEAK';
COMMIT;

\set file t140
\set roles 'centre boss op town team env water ps both'
CREATE FUNCTION pg_temp.shows(r triage.cases) RETURNS text LANGUAGE sql AS $$ SELECT r.status || ' ' || r.event_seq $$;
\ir include/parties.psql
INSERT INTO triage.members (role, duty, department, area) VALUES ('t140_both', 'centre', 'TOWN11', 'Z');

-- the running and paused clocks only
CREATE FUNCTION pg_temp.running(id bigint) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
	SELECT string_agg(concat_ws(' ', k.stage || coalesce('/' || k.assignment_seq, ''), nullif(k.state, 'running'), to_char(k.due_at, 'MM-DD HH24:MI')), ', '
		ORDER BY k.clock_id) FROM triage.clocks k WHERE k.case_id = id AND k.state IN ('running', 'paused')
$$;
-- who leads, and whether exactly one does
CREATE FUNCTION pg_temp.lead(id bigint) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
	SELECT string_agg(a.department, ', ') || CASE WHEN bool_and(a.department = c.lead) THEN '' ELSE ' but ' || c.lead END
	FROM triage.cases c JOIN triage.assignments a USING (case_id) WHERE case_id = id AND a.duty = 'lead' AND a.status NOT IN ('done', 'withdrawn') GROUP BY c.lead
$$;
CREATE FUNCTION pg_temp.data(id bigint, v text) RETURNS jsonb LANGUAGE sql SECURITY DEFINER AS $$
	SELECT e.data FROM triage.events e WHERE e.case_id = id AND e.verb = v ORDER BY e.seq DESC LIMIT 1
$$;
CREATE FUNCTION pg_temp.new(body text, area text DEFAULT 'Z11') RETURNS bigint LANGUAGE sql AS $$
	SELECT (triage.report('v110', new.body, new.area, reporter => 'Li', contact => '13800000000')).case_id
$$;

SET triage.now = '2026-03-02 10:00+08';		-- a Monday

-- ---- returns ----
SELECT pg_temp.new('水管漏水') AS c \gset
SELECT number AS n FROM triage.cases WHERE case_id = :c \gset
SELECT is(pg_temp.lead(:c), 'TOWN11', 'the town leads');
SELECT is(pg_temp.does(t.who, format(t.verb, :c)), replace(t.expected, '#', :'n'), t.what)
FROM (VALUES
	('t140_town', 'request_return(%s, NULL)', 'TR003 argument "reason" must not be null', 'a return needs a reason'),
	('t140_town', 'request_return(%s, '' '')', 'TR005 argument "reason" must say something', 'that says something'),
	('t140_centre', 'request_return(%s, ''x'')', 'TR002 request_return is not yours to do in case #', 'only the lead returns'),
	('t140_town', 'request_return(%s, ''x'', ''NOPE'')', 'TR003 department "NOPE" does not exist', 'the proper unit exists'),
	('t140_centre', 'decide_return(%s, true)', 'TR001 decide_return is not allowed for case # in state "dispatched"', 'nothing to decide yet'),
	('t140_town', 'request_return(%s, ''x'', ''TOWN11'')', 'TR001 case # cannot be returned to "TOWN11" itself', 'to somebody else'),
	('t140_town', 'request_return(%s, ''not ours'', ''WATER'')', 'return_requested 2', 'the lead returns it'),
	('t140_town', 'accept(%s)', 'TR001 accept is not allowed for case # in state "return_requested"', 'meanwhile it is not accepted'),
	('t140_town', 'decide_return(%s, true)', 'TR002 decide_return is not yours to do in case #', 'the lead does not decide'),
	('t140_centre', 'decide_return(%s, true, ''TOWN11'')', 'TR001 case # cannot be returned to "TOWN11" itself', 'nor is it approved to who returns it'),
	('t140_centre', 'decide_return(%s, NULL)', 'TR003 argument "approve" must not be null', 'yes or no'),
	('t140_centre', 'decide_return(%s, true)', 'dispatched 4', 'approved: to the unit the lead named')) t(who, verb, expected, what);
SELECT is(pg_temp.parties(:c), 'TOWN11 lead withdrawn, WATER lead offered', 'the old lead is out');
SELECT is(pg_temp.running(:c), 'accept/2 03-02 10:30, feedback/2 03-02 11:00, resolve 03-02 15:00', 'the new one has time of its own');
SELECT is(pg_temp.does('t140_water', format('request_return(%s, ''not ours either'', ''ENV'')', :c)), 'return_requested 5', 'a second return');
SELECT is(pg_temp.does('t140_centre', format('decide_return(%s, false)', :c)), 'TR001 case ' || :'n' || ' was returned before: a joint meeting decides', 'a meeting decides on it');
SELECT is(pg_temp.does('t140_centre', format('confer(%s, ''{}'')', :c)), 'TR003 argument "departments" must name 1 to 20 departments', 'of somebody');
SELECT is(pg_temp.does('t140_centre', format('confer(%s, ''{WATER,ENV}'', due_at => ''2026-03-05'')', :c)), 'TR005 argument "due_at" does not fit', 'a due time belongs to a decision');
SELECT is(pg_temp.does('t140_centre', format('confer(%s, ''{WATER,ENV}'', ''水务局牵头'')', :c)), 'return_requested 6', 'the meeting');
SELECT is(pg_temp.does('t140_centre', format('decide_return(%s, false)', :c)), 'accepted 7', 'denied: the lead must work');
SELECT is(pg_temp.parties(:c), 'TOWN11 lead withdrawn, WATER lead accepted', 'which has accepted by that');
SELECT is((SELECT concat_ws(' ', r.case_type, r.area, r.department, r.decision, r.review_on) FROM triage.rulings r WHERE r.case_id = :c), 'LEAK Z11 WATER 水务局牵头 2027-03-02', 'the ruling is kept');
SELECT lives_ok(format('SELECT * FROM triage.apply_pack(%L)', (SELECT r.route || '{"pack": {"code": "rulings", "version": "1", "zh": "会商裁定", "en": "Rulings"}}' FROM triage.rulings r WHERE r.case_id = :c)), 'and can be made a route');
SELECT pg_temp.new('水管漏水') AS c2 \gset
SELECT is(pg_temp.does('t140_centre', format('transfer(%s, ''WATER'')', :c2)), 'TR001 transfer is not allowed for case ' || (SELECT number FROM triage.cases WHERE case_id = :c2) || ' in state "dispatched"', 'no passing down yet');
SELECT is(pg_temp.does('t140_town', format('request_return(%s, ''x'', ''WATER'')', :c2)), 'return_requested 2', 'the same kind again');
SELECT is(pg_temp.does('t140_centre', format('decide_return(%s, true)', :c2)), 'dispatched 4', 'to the water bureau');
SELECT matches(pg_temp.does('t140_water', format('request_return(%s, ''x'')', :c2)), '^TR001 a ruling binds "WATER"', 'which the ruling binds');
SELECT pg_temp.new('吵架') AS c3 \gset
SET triage.now = '2026-03-02 10:16+08';
SELECT matches(pg_temp.does('t140_town', format('request_return(%s, ''x'')', :c3)), '^TR001 it is too late to return', 'U2: a return is asked for within 15 minutes');
SELECT is(pg_temp.does('t140_town', format('arrive(%s)', :c3)), 'in_progress 2', 'on the scene');
SELECT matches(pg_temp.does('t140_town', format('request_return(%s, ''x'')', :c3)), '^TR001 request_return is not allowed', 'nobody returns from there');
SET triage.now = '2026-03-02 10:00+08';

-- ---- whistles ----
SELECT pg_temp.new('广场舞噪音') AS c \gset
SELECT is(pg_temp.does('t140_town', format('accept(%s)', :c)), 'accepted 2', 'accepted');
SELECT is(pg_temp.does('t140_team', format('whistle(%s, ''{WATER}'', ''x'')', :c)), 'TR003 case ' || :c || ' does not exist', 'who takes no part does not whistle');
SELECT is(pg_temp.does('t140_town', format('whistle(%s, ''{WATER}'', ''x'', ''-1 hour'')', :c)), 'TR005 argument "within" must lie between 0 and 30 days', 'a time that makes sense');
SELECT is(pg_temp.does('t140_town', format('whistle(%s, ''{WATER}'', ''来一趟'')', :c)), 'accepted 3', 'a whistle');
SELECT matches(pg_temp.parties(:c), 'WATER assist offered', 'the unit called takes part');
SELECT matches(pg_temp.running(:c), 'whistle/3 03-02 10:30', 'with time to answer');
SELECT matches(pg_temp.does('t140_town', format('whistle(%s, ''{WATER}'', ''again'')', :c)), '^TR001 "WATER" has been called', 'the second only after the first was answered or is late');
SELECT matches(pg_temp.does('t140_env', format('answer_whistle(%s, ''ENV'', ''x'')', :c)), '^TR001 nobody waits for an answer of "ENV"', 'who was not called does not answer');
SET triage.now = '2026-03-02 10:31+08';
SELECT is(pg_temp.does('t140_town', format('whistle(%s, ''{WATER}'', ''again'')', :c)), 'accepted 4', 'late: the second whistle');
SELECT is(pg_temp.data(:c, 'whistle') -> 'calls' -> 0 ->> 'called', 'CENTRE', 'goes to the unit above');
SELECT is((SELECT to_char(k.due_at, 'MM-DD HH24:MI') FROM triage.clocks k WHERE k.case_id = :c AND k.stage = 'whistle' ORDER BY k.clock_id DESC LIMIT 1), '03-03 10:31', 'which has 24 hours');
SELECT is(pg_temp.does('t140_water', format('answer_whistle(%s, ''WATER'', ''到了'')', :c)), 'accepted 5', 'the unit answers, late');
SELECT is(pg_temp.data(:c, 'answer_whistle') ->> 'in_time', 'false', 'the event says so');
SELECT is(pg_temp.does('t140_boss', format('answer_whistle(%s, ''CENTRE'')', :c)), 'accepted 6', 'the one above too');
SELECT is(pg_temp.does('t140_town', format('whistle(%s, ''{WATER}'', ''third'')', :c)), 'accepted 7', 'the third');
SELECT is(pg_temp.does('t140_centre', format('answer_whistle(%s, ''CENTRE1'')', :c)), 'accepted 8', 'answered');
SELECT matches(pg_temp.does('t140_town', format('whistle(%s, ''{WATER}'', ''fourth'')', :c)), '^TR001 "WATER" has been called 3 times', 'three and no more');
SELECT matches(pg_temp.does('t140_town', format('resolve(%s, ''resolved'', ''做完了'')', :c)), '^TR005 case .* cannot be resolved while assists are open', 'those called block the result');
SELECT is(pg_temp.does('t140_town', format('release_assist(%s, ''WATER'', ''x'')', :c)), 'TR002 release_assist is not yours to do in case ' || (SELECT number FROM triage.cases WHERE case_id = :c), 'the lead does not let them go');
SELECT is(pg_temp.does('t140_centre', format('release_assist(%s, ''TOWN11'', ''x'')', :c)), 'TR003 department "TOWN11" does not assist in case ' || (SELECT number FROM triage.cases WHERE case_id = :c), 'the lead is no assist');
SELECT is(pg_temp.does('t140_centre', format('release_assist(%s, %L, ''not needed'')', :c, d)), 'accepted ' || e, 'the centre does: ' || d) FROM (VALUES ('WATER', 10), ('ENV', 12), ('CENTRE', 14), ('CENTRE1', 16)) v(d, e);
INSERT INTO triage.stock_phrases (phrase) VALUES ('已联系相关部门'), ('正在协商'), ('双方正在协商') ON CONFLICT DO NOTHING;
SELECT matches(pg_temp.does('t140_town', format('resolve(%s, ''resolved'', ''已联系相关部门，双方正在协商。'')', :c)), '^TR005 the result of case .* says nothing', 'stock phrases are no result');
SELECT is(triage.stock_only('已联系相关部门，由其拆除音响，居民确认'), NULL, 'with a result beside them they are fine');
SELECT is(pg_temp.does('t140_town', format('resolve(%s, ''resolved'', ''做完了'')', :c)), 'review 17', 'now the lead can resolve');

SELECT pg_temp.new('水管漏水') AS w \gset
SELECT pg_temp.does('t140_town', format('accept(%s)', :w)) \g /dev/null
SELECT is(pg_temp.does('t140_town', format('whistle(%s, ''{WATER,WATER}'', ''x'')', :w)), 'TR003 argument "departments" names department "WATER" twice', 'nobody is called twice at once');
SELECT is(pg_temp.does('t140_town', format('whistle(%s, ''{WATER,ENV}'', ''x'')', :w)), 'accepted 3', 'two are called');
SET triage.now = '2026-03-02 11:40+08';
SELECT is(pg_temp.does('t140_town', format('whistle(%s, ''{WATER,ENV}'', ''x'')', :w)), 'accepted 4', 'both late: the one unit above both is called');
SELECT is((SELECT count(*) - count(DISTINCT a.department) FROM triage.assignments a WHERE a.case_id = :w AND a.status <> 'withdrawn'), 0::bigint, 'no unit takes part twice');
SET triage.now = '2026-03-02 10:31+08';

-- ---- review and return call ----
SELECT is(pg_temp.running(:c), 'review 03-03 17:00', 'the review has a limit');
SELECT is(pg_temp.does('t140_centre', format('review(%s, NULL)', :c)), 'TR003 argument "pass" must not be null', 'yes or no');
SELECT is(pg_temp.does('t140_centre', format('review(%s, false)', :c)), 'TR003 argument "fault" must not be null', 'a fault is named');
SELECT is(pg_temp.does('t140_centre', format('review(%s, false, ''bad'')', :c)), 'TR003 "bad" is no fault', 'from the list');
SELECT matches(pg_temp.does('t140_both', format('review(%s, true)', :c)), '^TR002 review of case .* is not for those who handled it', 'not by the lead''s own people');
SELECT is(pg_temp.does('t140_centre', format('review(%s, false, ''too_brief'')', :c)), 'in_progress 18', 'sent back');
SELECT is(pg_temp.running(:c), 'redo/1 03-03 17:00', 'with a day to do it again');
SELECT is(pg_temp.does('t140_town', format('resolve(%s, ''resolved'', ''详细说明'')', :c)), 'review 19', 'done again');
SELECT is((SELECT k.state FROM triage.clocks k WHERE k.case_id = :c AND k.stage = 'redo'), 'met', 'in time');
SELECT is(pg_temp.does('t140_centre', format('call_back(%s, ''satisfied'')', :c)), 'TR001 call_back is not allowed for case ' || (SELECT number FROM triage.cases WHERE case_id = :c) || ' in state "review"', 'no call before the review');
SELECT is(pg_temp.does('t140_centre', format('review(%s, true)', :c)), 'callback 20', 'passed');
SELECT is(pg_temp.does('t140_centre', format('call_back(%s, ''happy'')', :c)), 'TR003 "happy" is no result', 'a result of the list');
SELECT matches(pg_temp.does('t140_both', format('call_back(%s, ''satisfied'')', :c)), '^TR002 call_back of case .* is not for those', 'the handler does not call');
SELECT is(pg_temp.does('t140_centre', format('call_back(%s, ''dissatisfied'', ''还是吵'')', :c)), 'dispatched 22', 'not satisfied: a second handling');
SELECT is(pg_temp.lead(:c), 'TOWN11', 'by the same lead');
SELECT is(pg_temp.does('t140_town', format('accept(%s)', :c)) || ', ' || pg_temp.does('t140_town', format('resolve(%s, ''resolved'', ''又做一遍'')', :c)) || ', ' || pg_temp.does('t140_centre', format('review(%s, true)', :c)),
	'accepted 23, review 24, callback 25', 'once more');
SELECT is(pg_temp.does('t140_centre', format('call_back(%s, ''dissatisfied'')', :c)), 'callback 26', 'a second time it stays');
SELECT matches(pg_temp.does('t140_centre', format('close_case(%s, ''unreasonable'')', :c)), '^TR005 the citizen of case .* is not satisfied', 'who called does not close it');
SELECT matches(pg_temp.does('t140_boss', format('close_case(%s)', :c)), '^TR005 the citizen', 'nor anybody without a reason');
SELECT matches(pg_temp.running(:c), '^review ', 'whose decision is due');
BEGIN;
SELECT is(pg_temp.does('t140_centre', format('reopen(%s, ''处理不到位'')', :c)), 'dispatched 27', 'or it is handled once more');
ROLLBACK;
SELECT is(pg_temp.does('t140_boss', format('close_case(%s, ''unreasonable'')', :c)), 'closed 28', 'a second person does, with one');
SELECT is((SELECT string_agg(b.result, ' ' ORDER BY b.seq) FROM triage.callbacks b WHERE b.case_id = :c), 'dissatisfied dissatisfied', 'the calls are on record');

-- ---- not reached ----
SET triage.now = '2026-03-02 10:00+08';
SELECT pg_temp.new('吵架') AS c \gset
SELECT pg_temp.does('t140_town', format('accept(%s)', :c)), pg_temp.does('t140_town', format('resolve(%s, ''resolved'', ''劝开了'')', :c)), pg_temp.does('t140_centre', format('review(%s, true)', :c)) \g /dev/null
SELECT is(pg_temp.does('t140_centre', format('close_case(%s)', :c)), 'TR005 nobody has called the citizen of case ' || (SELECT number FROM triage.cases WHERE case_id = :c) || ' back', 'a return call that is due is made or excused');
BEGIN;
SELECT is(pg_temp.does('t140_centre', format('close_case(%s, ''匿名报警'')', :c)) || ' ' || (pg_temp.data(:c, 'close_case') ->> 'return_call'), 'closed 6 not made', 'excused in words');
ROLLBACK;
SELECT is(pg_temp.does('t140_centre', format('call_back(%s, ''unreachable'')', :c)), 'callback ' || e, 'try ' || e - 4) FROM generate_series(5, 7) e;
SET triage.now = '2026-03-03 10:00+08';
SELECT is(pg_temp.does('t140_centre', format('call_back(%s, ''unreachable'')', :c)), 'closed 10', 'three tries on two days: closed');
SELECT is(pg_temp.data(:c, 'close_case') ->> 'return_call', 'not_reached', 'as not reached');

-- ---- reopening ----
SELECT is(pg_temp.does('t140_centre', format('reopen(%s, NULL)', :c)), 'TR003 argument "reason" must not be null', 'reopening needs a reason');
SELECT is(pg_temp.does('t140_centre', format('reopen(%s, ''又吵了'')', :c)), 'dispatched 11', 'reopened');
SELECT is((SELECT concat_ws(' ', c.closed_at, pg_temp.lead(c.case_id)) FROM triage.cases c WHERE c.case_id = :c), 'TOWN11', 'its lead has it again');
SELECT is(pg_temp.running(:c), 'accept/3 03-03 10:03, feedback/3 03-03 11:00, arrive/3 03-03 10:15, resolve 03-06 10:00', 'with new limits');
SELECT pg_temp.does('t140_town', format('accept(%s)', :c)), pg_temp.does('t140_town', format('resolve(%s, ''resolved'', ''劝开了'')', :c)), pg_temp.does('t140_centre', format('close_case(%s)', :c)) \g /dev/null
SET triage.now = '2026-04-03 10:00+08';
SELECT matches(pg_temp.does('t140_centre', format('reopen(%s, ''late'')', :c)), '^TR001 case .* was closed more than 30 days ago', 'not after 30 days');

-- ---- suspension ----
SET triage.now = '2026-03-02 10:00+08';
SELECT pg_temp.new('广场舞噪音') AS c \gset
SELECT pg_temp.does('t140_town', format('accept(%s)', :c)) \g /dev/null
SELECT is(pg_temp.running(:c), 'feedback/1 03-02 11:00, assist/2 03-02 10:20, resolve 03-04 17:00', 'what runs');
SELECT is(pg_temp.does('t140_centre', format('suspend(%s, ''等施工'', %L)', :c, d)), 'TR005 the review date does not fit', 'no: ' || d) FROM unnest('{2026-03-02 09:00+08,2026-04-02 10:00+08,infinity}'::text[]) d;
SELECT matches(pg_temp.does('t140_town', format('suspend(%s, ''x'', ''2026-03-09 10:00+08'')', :c)), '^TR002', 'only the centre');
SET triage.now = '2026-03-02 10:30+08';
SELECT is(pg_temp.does('t140_centre', format('suspend(%s, ''等施工'', ''2026-03-09 10:00+08'')', :c)), 'suspended 3', 'suspended');
SELECT is(pg_temp.running(:c), 'feedback/1 paused 03-02 11:00, assist/2 paused 03-02 10:20, resolve paused 03-04 17:00, suspended 03-09 10:00', 'clocks stand still, the review date runs');
SET triage.now = '2026-03-04 09:00+08';
SELECT is(pg_temp.does('t140_centre', format('resume(%s)', :c)), 'in_progress 6', 'resumed');
SELECT is(pg_temp.running(:c), 'feedback/1 03-04 09:30, assist/2 03-02 10:20, resolve 03-06 15:30', 'what was left is left: 30 minutes, nothing, 21.5 working hours');
SELECT is((SELECT string_agg(concat_ws(' ', s.segment, s.state, s.work), ', ' ORDER BY s.segment) FROM triage.clock_segments s JOIN triage.clocks k USING (case_id, clock_id) WHERE s.case_id = :c AND k.stage = 'resolve'),
	'1 running 00:30:00, 2 paused 14:30:00', 'segments tell the story');

-- ---- extension ----
SELECT pg_temp.new('水管漏水') AS c \gset
SELECT pg_temp.does('t140_town', format('accept(%s)', :c)) \g /dev/null
SELECT matches(pg_temp.does('t140_town', format('request_extension(%s, ''1 day'', ''x'')', :c)), '^TR001 it is too late', 'a limit of four hours cannot be extended');
SELECT pg_temp.new('广场舞噪音') AS c \gset
SELECT pg_temp.does('t140_town', format('accept(%s)', :c)) \g /dev/null
SELECT is(pg_temp.does('t140_town', format('request_extension(%s, %L, ''x'')', :c, d)), 'TR005 an extension must be longer than nothing and at most 10 working days', 'no: ' || d) FROM unnest('{11 days,0,-1 day,100 years}'::text[]) d;
SELECT matches(pg_temp.does('t140_centre', format('decide_extension(%s, true)', :c)), '^TR001 nobody asked', 'nothing to decide');
SELECT is(pg_temp.does('t140_town', format('request_extension(%s, ''3 days'', ''要等材料'')', :c)), 'accepted 3', 'asked');
SELECT matches(pg_temp.does('t140_town', format('request_extension(%s, ''3 days'', ''x'')', :c)), '^TR001', 'once');
SELECT matches(pg_temp.does('t140_town', format('decide_extension(%s, true)', :c)), '^TR002', 'the lead does not grant');
SELECT is(pg_temp.does('t140_centre', format('decide_extension(%s, true)', :c)), 'accepted 6', 'granted');
SELECT matches(pg_temp.running(:c), 'resolve 03-12 17:00', 'three working days more, over a weekend');
SELECT matches(pg_temp.verbs(:c), 'retime inform decide_extension$', 'the citizen is told');
SELECT matches(pg_temp.does('t140_town', format('request_extension(%s, ''1 day'', ''x'')', :c)), '^TR001 case .* has been extended before', 'no second one');
SET triage.now = '2026-03-02 10:00+08';
SELECT pg_temp.new('广场舞噪音') AS c \gset
SELECT pg_temp.does('t140_both', format('accept(%s)', :c)), pg_temp.does('t140_both', format('request_extension(%s, ''3 days'', ''x'')', :c)) \g /dev/null
SELECT is(pg_temp.does('t140_both', format('decide_extension(%s, true)', :c)), 'TR002 who asked for an extension does not grant it', 'nor the same person in another role');

-- ---- police ----
SELECT pg_temp.new('广场舞噪音') AS c \gset
SELECT is(pg_temp.does('t140_env', format('to_police(%s, ''动手了'')', :c)), 'dispatched 4', 'anybody in the case calls the police');
SELECT is(pg_temp.decided(:c), 'dispatched NOISE joint U1 danger Z11 TOWN11 noise terms', 'U1, joint');
SELECT is(pg_temp.parties(:c), 'TOWN11 lead offered, ENV assist offered, PS11 on_scene offered', 'the civil lead stays');
SELECT matches(pg_temp.does('t140_town', format('release_by_police(%s, ''x'')', :c)), '^TR002 release_by_police is not yours', 'only the police go');
SELECT is(pg_temp.does('t140_ps', format('release_by_police(%s, ''误会'')', :c)), 'dispatched 5', 'they go');
SELECT is(pg_temp.parties(:c), 'TOWN11 lead offered, ENV assist offered, PS11 on_scene done', 'the rest stays');
SELECT pg_temp.new('随便说说') AS c \gset
SELECT is(pg_temp.does('t140_op', format('to_police(%s, ''有人拿刀'')', :c)), 'dispatched 2', 'from triage');
SELECT is(pg_temp.lead(:c), 'PS11', 'the police lead');
SELECT is(pg_temp.does('t140_ps', format('accept(%s)', :c)), 'accepted 3', 'they accept');
SELECT is(pg_temp.does('t140_ps', format('release_by_police(%s, ''没有刀'')', :c)), 'dispatched 4', 'and hand it back');
SELECT is(pg_temp.lead(:c), 'CENTRE1', 'to the centre, since no rule names a lead');
SELECT pg_temp.new('广场舞噪音') AS c \gset
SELECT pg_temp.does('t140_town', format('to_police(%s, ''x'')', :c)) \g /dev/null
SELECT is(pg_temp.does('t140_ps', format('keep_by_police(%s, ''顺手办了'')', :c)), 'dispatched 7', 'the police keep what is not theirs');
SELECT is(pg_temp.lead(:c), 'PS11', 'and lead it');

SELECT pg_temp.new('广场舞噪音') AS c \gset
SELECT pg_temp.does('t140_town', format('to_police(%s, ''x'')', :c)), pg_temp.does('t140_town', format('request_return(%s, ''x'')', :c)) \g /dev/null
SELECT is(pg_temp.does('t140_ps', format('keep_by_police(%s, ''我们办'')', :c)) || ' ' || pg_temp.lead(:c), 'dispatched 8 PS11', 'also what the lead wants to return');
SELECT ok(pg_temp.running(:c) !~ 'return', 'then there is nothing to decide');
SET ROLE t140_ps;
SELECT is((SELECT string_agg(v.verb, ' ' ORDER BY v.verb) FROM triage.allowed_verbs(:c) v WHERE v.verb ~ 'police|whistle|escalate'), 'escalate keep_by_police release_by_police to_police whistle', 'they are told what they may do');
RESET ROLE;
SET ROLE t140_town;
SELECT is((SELECT count(*) FROM triage.allowed_verbs(:c) v WHERE v.verb ~ 'by_police|whistle'), 0::bigint, 'the town, which is out of it, is not');
RESET ROLE;

-- ---- other systems ----
SELECT pg_temp.new('水管漏水') AS c \gset
SELECT is(pg_temp.does('t140_op', format('hand_over(%s, ''nope'', ''x'')', :c)), 'TR003 channel "nope" does not exist', 'to a channel that exists');
SELECT is(pg_temp.does('t140_op', format('hand_over(%s, ''grid'', ''x'')', :c)), 'TR003 channel "grid" has no department to hand a case over to', 'and has somebody');
SELECT matches(pg_temp.does('t140_op', format('take_back(%s, ''x'')', :c)), '^TR001 case .* has not been handed over', 'nothing to take back');
SELECT is(pg_temp.does('t140_op', format('hand_over(%s, ''v12345'', ''咨询类'')', :c)), 'dispatched 3', 'handed over');
SELECT is(pg_temp.lead(:c), 'ENV', 'the channel''s department leads');
SELECT matches(pg_temp.running(:c), 'hand_over/2 03-02 10:10', 'on a clock');
SELECT is(pg_temp.does('t140_env', format('accept(%s)', :c)), 'accepted 4', 'until it accepts');
SELECT is((SELECT k.state FROM triage.clocks k WHERE k.case_id = :c AND k.stage = 'hand_over'), 'met', 'in time');
SELECT is(pg_temp.does('t140_op', format('take_back(%s, ''弄错了'')', :c)), 'dispatched 6', 'taken back');
SELECT pg_temp.new('水管漏水') AS c2 \gset
SELECT pg_temp.does('t140_op', format('hand_over(%s, ''v12345'', ''咨询类'')', :c2)), pg_temp.does('t140_env', format('request_return(%s, ''不归我们'')', :c2)), pg_temp.does('t140_centre', format('decide_return(%s, false)', :c2)) \g /dev/null
SELECT ok(pg_temp.running(:c2) !~ 'hand_over', 'who must keep it has acknowledged by that');
SELECT is(pg_temp.lead(:c), 'TOWN11', 'to whom the rules name');
SELECT pg_temp.new('随便说说') AS c \gset
SELECT is(pg_temp.does('t140_op', format('hand_over(%s, ''v12345'', ''政策咨询'')', :c)) || ' ' || pg_temp.lead(:c), 'dispatched 2 ENV', 'from triage');

-- ---- levels ----
SELECT pg_temp.new('水管漏水') AS c \gset
SELECT is(pg_temp.does('t140_town', format('escalate(%s, ''解决不了'')', :c)), 'dispatched 3', 'from the town to the department');
SELECT is(pg_temp.data(:c, 'escalate') ->> 'from_level', 'town', 'the event keeps the level that could not');
SELECT is(pg_temp.lead(:c), 'CENTRE1', 'the unit above leads');
SELECT is(pg_temp.does('t140_centre', format('escalate(%s, ''x'')', :c)) || ' ' || (pg_temp.data(:c, 'escalate') ->> 'to_level'), 'dispatched 4 county_meeting', 'the county''s meeting');
SELECT is(pg_temp.does('t140_centre', format('escalate(%s, ''x'')', :c)) || ' ' || (pg_temp.data(:c, 'escalate') ->> 'to_level'), 'dispatched 5 leader', 'the leader');
SELECT matches(pg_temp.does('t140_boss', format('escalate(%s, ''x'')', :c)), '^TR00[12]', 'nobody is above');

-- ---- voiding ----
SELECT pg_temp.new('广场舞噪音') AS c \gset
SELECT is(pg_temp.does('t140_centre', format('void_case(%s, ''because'')', :c)), 'TR003 "because" is no reason', 'a reason of the list');
SELECT is(pg_temp.does('t140_centre', format('void_case(%s, ''prank'')', :c)), 'void 2', 'void');
SELECT is(pg_temp.running(:c), NULL, 'nothing runs');
SELECT matches(pg_temp.does('t140_centre', format('reopen(%s, ''x'')', :c)), '^TR001', 'and nothing follows');
SELECT pg_temp.new('有人持刀') AS c \gset
SELECT is(pg_temp.does('t140_centre', format('void_case(%s, ''prank'')', :c)), 'dispatched 2', 'danger: the first only asks');
SELECT matches(pg_temp.does('t140_centre', format('void_case(%s, ''prank'')', :c)), '^TR002 case .* is dangerous', 'the same person twice is one');
SELECT is(pg_temp.does('t140_boss', format('void_case(%s, ''prank'')', :c)), 'void 3', 'a second person voids');

-- ---- pressure and record ----
SELECT pg_temp.new('广场舞噪音') AS c \gset
SELECT is(pg_temp.does('t140_op', format('urge(%s)', :c)) || pg_temp.does('t140_op', format('urge(%s, ''快点'')', :c)), 'dispatched 2dispatched 3', 'urged twice');
SELECT is(pg_temp.data(:c, 'urge') ->> 'nth', '2', 'counted');
SELECT matches(pg_temp.does('t140_op', format('supervise(%s)', :c)), '^TR002', 'supervision is the centre''s');
SELECT is(pg_temp.does('t140_centre', format('supervise(%s)', :c)), 'dispatched 4', 'supervised');
SELECT is(pg_temp.does('t140_town', format('add_evidence(%s, ''photo'', ''https://files/1.jpg'', ''\x00'')', :c)), 'TR005 argument "sha256" must have 32 bytes', 'a digest is a digest');
SELECT is(pg_temp.does('t140_town', format('add_evidence(%s, ''photo'', ''https://files/1.jpg'', sha256(''x''), ''image/jpeg'', ''2026-03-02 09:59+08'', ''(120,28.9)'')', :c)), 'dispatched 5', 'evidence');
SELECT is((SELECT concat_ws(' ', v.seq, v.event_seq, v.kind, v.mime, v.location, v.by) FROM triage.evidence v WHERE v.case_id = :c), '1 5 photo image/jpeg (120,28.9) t140_town', 'is on record');
SELECT is(pg_temp.does('t140_op', format('correct(%s, ''status'', ''closed'', ''x'')', :c)), 'TR003 field "status" cannot be corrected', 'only listed fields');
SELECT is(pg_temp.does('t140_op', format('correct(%s, ''contact'', ''13900000000'', ''号码记错'')', :c)), 'dispatched 6', 'corrected');
SELECT is((SELECT concat_ws(' ', x.field, x.old_value, x.new_value, c.contact, s.contact) FROM triage.corrections x JOIN triage.cases c USING (case_id) JOIN triage.case_sources s USING (case_id) WHERE c.case_id = :c AND s.seq = 1),
	'contact 13800000000 13900000000 13900000000 13900000000', 'the old value is kept');
SET ROLE t140_op;
SELECT ok(EXISTS (SELECT 1 FROM triage.caller('139-0000-0000') k WHERE k.case_id = :c), 'the caller is found by it');
RESET ROLE;
SELECT is(pg_temp.data(:c, 'correct') - 'personal', '{"field": "contact", "reason": "号码记错"}', 'but no number in the history');
SELECT matches(pg_temp.does('t140_op', format('correct(%s, ''location'', ''nowhere'', ''x'')', :c)), '^22P02', 'a place that is none');
SELECT is(pg_temp.does('t140_op', format('correct(%s, ''location'', ''(28.9,120)'', ''x'')', :c)), 'TR005 location is not a place on earth', 'nor one on earth');
SELECT is(pg_temp.does('t140_op', format('correct(%s, ''reporter'', ''Li'' || chr(7), ''x'')', :c)), 'TR005 a reference or reporter holds a control character', 'a name that intake would refuse');
SET ROLE t140_town;
SELECT results_eq(format('SELECT * FROM triage.reveal_contact(%s, ''回电'')', :c), $$VALUES ('Li', '13900000000')$$, 'who works the case sees the caller');
RESET ROLE;
SELECT is(pg_temp.data(:c, 'reveal_contact'), '{"reason": "回电"}', 'and the look is on record');
SELECT is(pg_temp.does('t140_water', format('urge(%s)', :c)), 'TR003 case ' || :c || ' does not exist', 'others see nothing');
SET triage.request_id = 'r1';
SELECT is(pg_temp.does('t140_op', format('urge(%s)', :c)), 'dispatched 8', 'a request');
SELECT is(pg_temp.does('t140_op', format('urge(%s)', :c)), 'dispatched 8', 'repeated is one');
RESET triage.request_id;

SELECT * FROM finish();
DROP OWNED BY t140_centre, t140_boss, t140_op, t140_town, t140_team, t140_env, t140_water, t140_ps, t140_both;
DROP ROLE t140_centre, t140_boss, t140_op, t140_town, t140_team, t140_env, t140_water, t140_ps, t140_both;
