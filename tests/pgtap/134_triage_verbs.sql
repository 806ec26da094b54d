-- Verbs that decide again: another type, another area, more words.
-- Source: extension/casework/corrections.c, redirect.c, retime.c, sql/32_verbs.sql
\ir include/helpers.psql
\ir include/chain.psql
BEGIN;
\ir include/small.psql
UPDATE triage.departments SET endpoint = 'e_12345' WHERE code = 'ENV';
COMMIT;

\set file t134
\set roles 'centre op town ps team far'
CREATE FUNCTION pg_temp.shows(r triage.cases) RETURNS text LANGUAGE sql AS $$ SELECT concat_ws(' ', r.status, r.lead, coalesce(r.case_type, '-'), 'U' || r.priority, CASE WHEN r.danger THEN 'danger' END, r.nature, r.area, r.event_seq) $$;
\ir include/parties.psql

-- 'endpoint type@event ...' of a case's deliveries
CREATE FUNCTION pg_temp.told(id bigint) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
	SELECT string_agg(d.endpoint || ' ' || d.type || '@' || d.event_seq, ', ' ORDER BY d.event_seq, d.endpoint, d.type) FROM triage.deliveries d WHERE d.case_id = id
$$;
-- 'type verdict place-by, ...' of a case's decisions
CREATE FUNCTION pg_temp.decisions(id bigint) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
	SELECT string_agg(concat_ws(' ', coalesce(d.case_type, '-'), d.facts->>'verdict', d.facts#>>'{place,area}', d.facts#>>'{place,by}'), ', ' ORDER BY d.seq) FROM triage.decisions d WHERE d.case_id = id
$$;
CREATE FUNCTION pg_temp.last_event(id bigint) RETURNS jsonb LANGUAGE sql SECURITY DEFINER AS $$
	SELECT e.data - 'set' - 'parts' FROM triage.events e WHERE e.case_id = id ORDER BY e.seq DESC LIMIT 1
$$;

SET triage.now = '2026-03-02 10:00+08';

-- ---- the lead stays: parties go, limits follow from their own start ----
SELECT case_id AS c, number AS n FROM triage.report('v110', '广场舞噪音', 'Z11', reporter => 'Li') \gset
SET triage.now = '2026-03-02 10:10+08';
SELECT is(pg_temp.does('t134_op', format('reclassify(%s, ''LEAK'', ''heard again'')', :c)), 'dispatched TOWN11 LEAK U3 nonpolice Z11 4', 'the desk says what it is; the same department leads');
SELECT is(pg_temp.parties(:c), 'TOWN11 lead offered, ENV assist withdrawn', 'who is not named any more is called off');
SELECT is(pg_temp.clocks(:c), 'accept/1 running 03-02 10:30, feedback/1 running 03-02 11:00, assist/2 cancelled 03-02 10:20, resolve running 03-02 15:00', 'four working hours from the dispatch, not from the correction');
SELECT is(pg_temp.told(:c), 'e_12345 assigned@1, e_12345 withdrawn@2', 'its system is told');
SELECT is(pg_temp.decisions(:c), 'NOISE terms Z11 given, LEAK given Z11 given', 'both decisions are on record');
SELECT is(pg_temp.last_event(:c), '{"by": "rules", "to": "LEAK", "area": "Z11", "from": "NOISE", "note": "heard again", "route": "g", "danger": false, "nature": "nonpolice", "priority": 3, "case_type": "LEAK", "department": "TOWN11", "was_department": "TOWN11"}'::jsonb, 'the correction, as training reads it');
SELECT is((SELECT e.data FROM triage.events e WHERE e.case_id = :c AND e.verb = 'retime'), '{"stage": "resolve", "clock_id": 4, "was_due_at": "2026-03-04T09:00:00.000000Z", "due_at": "2026-03-02T07:00:00.000000Z", "because": "reclassify"}'::jsonb, 'a due time that moved is told');
SET ROLE t134_op;
SELECT matches(triage.explain(:c), '(?s)Decision 1 .*NOISE.*Decision 2 .*LEAK', 'explain() shows them in order');
RESET ROLE;
SELECT is(pg_temp.does('t134_op', format('reclassify(%s, ''LEAK'')', :c)), 'dispatched TOWN11 LEAK U3 nonpolice Z11 5', 'the same again moves nothing');

-- ---- the lead changes ----
SET triage.now = '2026-03-02 10:12+08';
SELECT is(pg_temp.does('t134_op', format('reclassify(%s, ''FIGHT'')', :c)), 'dispatched PS11 FIGHT U1 danger police Z11 7', 'another department leads');
SELECT is(pg_temp.parties(:c), 'TOWN11 lead withdrawn, ENV assist withdrawn, PS11 lead offered', 'one live lead');
SELECT is(pg_temp.clocks(:c), 'accept/1 cancelled 03-02 10:30, feedback/1 cancelled 03-02 11:00, assist/2 cancelled 03-02 10:20, resolve cancelled 03-02 15:00, accept/3 running 03-02 10:13, feedback/3 running 03-02 11:12, arrive/3 running 03-02 10:17, resolve running 03-03 10:12', 'with limits of its own');
SELECT is(pg_temp.told(:c), 'e_12345 assigned@1, e_12345 withdrawn@2, e_police assigned@7', 'and is told');
SELECT is((SELECT c.dispatched_at FROM triage.cases c WHERE c.case_id = :c), '2026-03-02 10:12+08'::timestamptz, 'dispatched anew');
SELECT is(pg_temp.does('t134_op', format('set_area(%s, ''Z12'')', :c)), 'dispatched PS12 FIGHT U1 danger police Z12 9', 'another place: the station there');
SELECT is(pg_temp.decisions(:c), 'NOISE terms Z11 given, LEAK given Z11 given, LEAK given Z11 given, FIGHT given Z11 given, FIGHT given Z12 given', 'a type that a person gave stays given');
SELECT is(pg_temp.told(:c), 'e_12345 assigned@1, e_12345 withdrawn@2, e_police assigned@7, e_police withdrawn@8', 'the old station is called off');
SELECT is(pg_temp.last_event(:c) - 'note', '{"by": "rules", "to": "Z12", "area": "Z12", "from": "Z11", "route": "fight", "danger": true, "nature": "police", "priority": 1, "case_type": "FIGHT", "department": "PS12", "was_department": "PS11"}'::jsonb, 'from where to where');

-- ---- what the police have accepted ----
SELECT case_id AS c, number AS n FROM triage.report('v110', '有人打架', 'Z11', reporter => 'Li') \gset
SELECT is(pg_temp.does('t134_op', format('reclassify(%s, ''QUARREL'')', :c)), 'dispatched TOWN11 QUARREL U2 nonpolice Z11 3', 'before they accept, a person''s word that it is a quarrel sends it to the town');
SELECT is(pg_temp.last_event(:c)->>'was_danger', 'true', 'the event says that danger was taken back');
SELECT case_id AS c, number AS n FROM triage.report('v110', '有人打架', 'Z11', reporter => 'Li') \gset
SELECT is(pg_temp.does('t134_ps', format('accept(%s)', :c)), 'accepted PS11 FIGHT U1 danger police Z11 2', 'accepted');
SELECT is(pg_temp.does('t134_centre', format('reclassify(%s, ''QUARREL'')', :c)), 'TR001 the police have accepted case ' || :'n' || ': it does not leave them by reclassify', 'afterwards it does not leave them');
SELECT is(pg_temp.does('t134_centre', format('reclassify(%s, ''FIRE'')', :c)), 'accepted PS11 FIRE U1 danger joint Z11 3', 'what they lead all the same may be corrected');
SELECT is(pg_temp.parties(:c), 'PS11 lead accepted, TEAM11 on_scene offered', 'and who joins is offered his part');

-- ---- who is on the scene stays; who was called in later stays with his lead ----
SELECT case_id AS c, number AS n FROM triage.report('v110', '邻居吵架纠纷', 'Z11', reporter => 'Li') \gset
SELECT is(pg_temp.does('t134_team', format('arrive(%s)', :c)), 'in_progress TOWN11 QUARREL U2 nonpolice Z11 2', 'the team is there');
SELECT is(pg_temp.does('t134_town', format('accept(%s)', :c)), 'in_progress TOWN11 QUARREL U2 nonpolice Z11 3', 'the town has accepted');
SET triage.now = '2026-03-02 10:13+08';
SELECT is(pg_temp.does('t134_town', format('transfer(%s, ''MED11'')', :c)), 'in_progress TOWN11 QUARREL U2 nonpolice Z11 4', 'and called the mediators');
SELECT is(pg_temp.does('t134_op', format('reclassify(%s, ''NOISE'')', :c)), 'TR002 reclassify is not yours to do in case ' || :'n', 'once accepted it is the centre that corrects');
SELECT is(pg_temp.does('t134_op', format('set_area(%s, ''Z12'')', :c)), 'TR002 set_area is not yours to do in case ' || :'n', 'the place too');
SELECT is(pg_temp.does('t134_centre', format('reclassify(%s, ''NOISE'')', :c)), 'in_progress TOWN11 NOISE U3 nonpolice Z11 6', 'the centre');
SELECT is(pg_temp.parties(:c), 'TOWN11 lead accepted, TEAM11 on_scene on_scene, MED11 assist offered, ENV assist offered', 'nobody who works on it is called off');
SELECT is(pg_temp.does('t134_centre', format('reclassify(%s, ''ASK'')', :c)), 'dispatched CENTRE1 ASK U4 nonpolice Z11 10', 'another lead');
SELECT is(pg_temp.parties(:c), 'TOWN11 lead withdrawn, TEAM11 on_scene on_scene, MED11 assist withdrawn, ENV assist withdrawn, CENTRE1 lead offered', 'the old lead''s helpers go with it, but not the team that stands there');
SELECT is((SELECT count(*) FROM triage.clocks k JOIN triage.assignments a ON a.case_id = k.case_id AND a.seq = k.assignment_seq
	WHERE k.state = 'running' AND a.status IN ('done', 'withdrawn')), 0::bigint, 'no clock runs for who is not in it');

-- ---- a stage that the type has not ----
SELECT case_id AS c FROM triage.report('v110', '噪音', 'Z11', reporter => 'Li', case_type => 'LOOSE') \gset
SELECT is(pg_temp.does('t134_op', format('reclassify(%s, ''ASK'')', :c)) ^@ 'dispatched CENTRE1 ASK U4', true, 'the centre leads both');
SELECT is(pg_temp.clocks(:c), 'accept/1 cancelled 03-02 10:43, feedback/1 running 03-02 11:13, resolve running 03-02 12:13', 'a limit that the type does not know falls away');
SELECT is(pg_temp.does('t134_op', format('reclassify(%s, ''LOOSE'')', :c)) ^@ 'dispatched CENTRE1 LOOSE U3', true, 'and back');
SELECT is(pg_temp.clocks(:c), 'accept/1 cancelled 03-02 10:43, feedback/1 running 03-02 11:13, resolve running 03-04 17:00, accept/1 running 03-02 10:43', 'one that it knows begins');

-- ---- triage ----
SELECT case_id AS c, number AS n FROM triage.report('v110', '说不清楚的事', 'Z11', reporter => 'Li') \gset
SELECT is(pg_temp.does('t134_op', format('set_area(%s, ''Z2'')', :c)), 'triage CENTRE - U3 undetermined Z2 3', 'another county: its centre looks at it');
SELECT is(pg_temp.parties(:c), 'CENTRE1 lead withdrawn, CENTRE lead offered', 'which is told');
SELECT is(pg_temp.clocks(:c), 'triage/1 cancelled 03-02 10:18, triage/2 running 03-02 10:18', 'and has its own five minutes');
SELECT is(pg_temp.decisions(:c), '- no_match Z11 given, - kept Z2 given', 'the type was not asked again');
SELECT is(pg_temp.does('t134_op', format('set_area(%s, ''Z12'')', :c)), 'triage CENTRE1 - U3 undetermined Z12 5', 'and back');
SELECT is(pg_temp.does('t134_op', format('reclassify(%s, ''NOISE'')', :c)), 'dispatched ENV NOISE U3 nonpolice Z12 7', 'with a type it is sent on');
SELECT is(pg_temp.verbs(:c), 'report withdraw set_area withdraw set_area dispatch reclassify', 'which is a dispatch to those who count');
SELECT is((SELECT e.data->>'department' || ' ' || (e.data->>'area') FROM triage.events e WHERE e.case_id = :c AND e.verb = 'dispatch'), 'ENV Z12', 'with lead and area');
SET ROLE t134_op;
SELECT is((SELECT k.numerator FROM triage.kpi('2026-03-02 10:13+08', '2026-03-02 10:14+08', '{area}') k WHERE k.kpi = 'dispatched@1' AND k.keys->>'area' = 'Z12'), 1::bigint, 'and kpi() counts it there');
RESET ROLE;
SELECT case_id AS c, number AS n FROM triage.report('web1', '有人打架', 'Z11', reporter => 'Li') \gset
SELECT is(pg_temp.does('t134_op', format('set_area(%s, ''Z12'')', :c)), 'triage CENTRE1 FIGHT U1 danger undetermined Z12 2', 'danger that waits for a person goes on waiting');
SELECT is(pg_temp.decisions(:c), 'FIGHT confirm_danger Z11 given, FIGHT kept Z12 given', 'its type is not a person''s yet');
SELECT is(pg_temp.does('t134_op', format('reclassify(%s, ''FIGHT'')', :c)), 'dispatched PS12 FIGHT U1 danger police Z12 4', 'a person has looked: the police go');

-- ---- refusals ----
SELECT case_id AS c, number AS n FROM triage.report('v110', '广场舞噪音', 'Z11', reporter => 'Li') \gset
SELECT is(pg_temp.does(t.who, format(t.verb, :c)), replace(t.expected, '#', :'n'), t.verb || ' by ' || t.who)
FROM (VALUES
	('t134_op', 'reclassify(%s, ''NOPE'')', 'TR003 case type "NOPE" does not exist'),
	('t134_op', 'reclassify(%s, NULL)', 'TR003 argument "case_type" must not be null'),
	('t134_op', 'reclassify(NULL, ''LEAK'')', 'TR003 argument "case_id" must not be null'),
	('t134_op', 'reclassify(-1, ''LEAK'')', 'TR003 case -1 does not exist'),
	('t134_op', 'set_area(%s, ''NOPE'')', 'TR003 area "NOPE" does not exist'),
	('t134_op', 'set_area(%s, NULL)', 'TR003 argument "area" must not be null'),
	('t134_op', 'append_text(%s, NULL)', 'TR005 append_text needs a body'),
	('t134_op', 'append_text(%s, '' '')', 'TR005 append_text needs a body'),
	('t134_op', 'append_text(%s, U&''\200B\200B'')', 'TR005 append_text needs a body'),
	('t134_town', 'reclassify(%s, ''LEAK'')', 'TR002 reclassify is not yours to do in case #'),
	('t134_town', 'set_area(%s, ''Z12'')', 'TR002 set_area is not yours to do in case #'),
	('t134_far', 'reclassify(%s, ''LEAK'')', 'TR003 case ' || :c || ' does not exist'),
	('t134_far', 'set_area(%s, ''Z21'')', 'TR003 case ' || :c || ' does not exist'),
	('t134_far', 'append_text(%s, ''x'')', 'TR003 case ' || :c || ' does not exist')) t(who, verb, expected);
SELECT is(pg_temp.verbs(:c), 'report', 'a refusal leaves nothing behind');
SET ROLE t134_op;
SELECT is((SELECT string_agg(v.verb || coalesce(' ' || v.needs, ''), ', ' ORDER BY v.verb) FROM triage.allowed_verbs(:c) v WHERE v.verb IN ('reclassify', 'set_area', 'append_text')), 'append_text body, reclassify case_type, set_area area', 'allowed_verbs() offers them to the desk');
SET ROLE t134_town;
SELECT is((SELECT string_agg(v.verb, ' ' ORDER BY v.verb) FROM triage.allowed_verbs(:c) v WHERE v.verb IN ('reclassify', 'set_area', 'append_text')), 'append_text', 'to the lead only what is his');
RESET ROLE;
DELETE FROM triage.members;
SELECT triage.accept(:c, 'TOWN11'), triage.finish(:c, 'ENV'), triage.resolve(:c, 'resolved', 'done') \g /dev/null
SELECT is(pg_temp.refusal(format('SELECT triage.%s(%s, %L)', t.verb, :c, t.arg)), format('TR001 %s is not allowed for case %s in state "review"', t.verb, :'n'), t.verb || ' in review')
FROM (VALUES ('reclassify', 'LEAK'), ('set_area', 'Z12')) t(verb, arg);
SELECT is((triage.append_text(:c, '还有一点')).status, 'review', 'words may come as long as it is open');
SELECT triage.close_case(:c) \g /dev/null
SELECT is(pg_temp.refusal(format('SELECT triage.append_text(%s, ''x'')', :c)), format('TR001 append_text is not allowed for case %s in state "closed"', :'n'), 'and not afterwards');

-- ---- request ids ----
SELECT case_id AS c FROM triage.report('v110', '广场舞噪音', 'Z11', reporter => 'Li') \gset
BEGIN;
SET LOCAL triage.request_id = 'q1';
SELECT is((triage.reclassify(:c, 'FIGHT')).event_seq, 4, 'a request');
SELECT is((triage.reclassify(:c, 'FIGHT')).event_seq, 4, 'sent twice');
SET LOCAL triage.request_id = 'q2';
SELECT is((triage.set_area(:c, 'Z12')).event_seq, 6, 'another');
SELECT is((triage.set_area(:c, 'Z12')).event_seq, 6, 'twice');
SET LOCAL triage.request_id = 'q3';
SELECT is((triage.append_text(:c, '快来')).event_seq, 7, 'and another');
SELECT is((triage.append_text(:c, '快来')).body, E'广场舞噪音\n快来', 'twice: the words stand once');
COMMIT;

-- ---- append_text ----
SELECT case_id AS c FROM triage.report('v110', '你好', 'Z11', reporter => 'Li') \gset
SELECT is((SELECT concat_ws(' ', r.status, r.lead, r.case_type, r.event_seq, r.body) FROM triage.append_text(:c, '广场舞噪音') r), E'dispatched TOWN11 NOISE 3 你好\n广场舞噪音', 'words that say what it is send it on');
SELECT is(pg_temp.verbs(:c), 'report dispatch append_text', 'as a dispatch');
SELECT is(pg_temp.last_event(:c) - ARRAY['by', 'area', 'route', 'danger', 'nature', 'priority', 'case_type', 'personal'], '{"begins_at": 3, "characters": 5, "department": "TOWN11", "was_department": "CENTRE1", "decided_again": true}'::jsonb, 'the event tells which words are new');
SELECT is(pg_temp.decisions(:c), '- no_match Z11 given, NOISE terms Z11 given', 'the first decision stays');
SELECT is((SELECT r.lead || ' ' || r.case_type FROM triage.append_text(:c, '其实是煤气泄漏！煤气泄漏！') r), 'WATER GAS', 'nobody has accepted: decided again');
SELECT is(pg_temp.parties(:c), 'CENTRE1 lead done, TOWN11 lead withdrawn, ENV assist withdrawn, WATER lead offered, PS11 on_scene offered', 'danger brings the police');
SELECT is(pg_temp.last_event(:c)->>'from', 'NOISE', 'from which type');
SELECT triage.accept(:c, 'WATER') \g /dev/null
SELECT is((SELECT r.lead || ' ' || r.case_type || ' ' || r.event_seq FROM triage.append_text(:c, '广场舞噪音噪音噪音噪音噪音噪音噪音') r), 'WATER GAS 8', 'once somebody has accepted, words are only added');
SELECT is(pg_temp.last_event(:c)->>'decided_again', NULL, 'nothing was decided');
SELECT matches(pg_temp.told(:c), 'e_police updated@8', 'those who have it are told');
-- silent call
SELECT case_id AS c FROM triage.report('v110', NULL, 'Z11', contact => '13900000000') \gset
SELECT is((SELECT r.status || ' ' || r.case_type || ' ' || r.body FROM triage.append_text(:c, '噪音') r), 'dispatched NOISE 噪音', 'rung back: the words are the report''s');
SELECT is(pg_temp.clocks(:c) ^@ 'triage/1 met 03-02 10:18, ring_back/1 met 03-02 10:16', true, 'in time');
-- what is less sure recalls nothing
SELECT case_id AS c FROM triage.report('v110', '甲事丙事', 'Z11', reporter => 'Li') \gset
SELECT is((SELECT r.status || ' ' || r.lead || ' ' || r.case_type FROM triage.append_text(:c, '甲事乙事乙事') r), 'dispatched TOWN11 TIEC', 'an unsure decision recalls no order');
SELECT is(pg_temp.decisions(:c), 'TIEC terms Z11 given, TIEA tie Z11 given', 'but is on record');
SELECT is(pg_temp.last_event(:c)->>'decided_again', 'false', 'as one that was not followed');
-- a person's word stands
SELECT case_id AS c FROM triage.report('v110', '说不清楚', 'Z11', reporter => 'Li') \gset
SELECT triage.dispatch(:c, 'MED11') \g /dev/null
SELECT is((SELECT r.lead FROM triage.append_text(:c, '广场舞噪音') r), 'MED11', 'whom a person named stays lead');
SELECT is((SELECT r.lead || ' ' || r.case_type FROM triage.reclassify(:c, 'NOISE') r), 'TOWN11 NOISE', 'until a person says otherwise');
SELECT is((SELECT r.case_type FROM triage.append_text(:c, '漏水漏水漏水') r), 'NOISE', 'a type that a person gave stays');
-- nobody knows what it is: it stays with whom a person named
SELECT case_id AS c FROM triage.report('v110', '说不清楚', 'Z11', reporter => 'Li') \gset
SELECT triage.dispatch(:c, 'MED11') \g /dev/null
SELECT is((SELECT concat_ws(' ', r.status, r.lead, r.area, r.case_type, r.nature) FROM triage.set_area(:c, 'Z12') r), 'dispatched MED11 Z12 nonpolice', 'another place alone moves nothing that rules cannot place');
SELECT is(pg_temp.parties(:c), 'CENTRE1 lead done, MED11 lead offered', 'nobody is called off');
-- a rule that fails leaves it to the centre
SELECT case_id AS c FROM triage.report('v110', '广场舞噪音', 'Z11', reporter => 'Li', attrs => '{"n": "x"}') \gset
SELECT is((SELECT concat_ws(' ', r.status, r.lead, r.case_type, r.nature) FROM triage.reclassify(:c, 'CHECK') r), 'dispatched CENTRE1 CHECK nonpolice', 'a rule that fails: the centre has it');
SELECT isnt((SELECT d.facts->>'route_error' FROM triage.decisions d WHERE d.case_id = :c AND d.seq = 2), NULL, 'and the record says why');
-- the desk's verbs are of now
SET triage.now = '2026-03-02 10:14+08';
SELECT triage.reclassify(:c, 'NOISE') \g /dev/null
SET triage.now = '2026-03-02 10:15+08';
SET triage.happened_at = '2026-03-02 10:13+08';
SELECT triage.reclassify(:c, 'FIGHT') \g /dev/null
RESET triage.happened_at;
SET triage.now = '2026-03-02 10:13+08';
SELECT is((SELECT count(*) FROM triage.assignments a WHERE a.case_id = :c AND a.done_at < a.offered_at), 0::bigint, 'nobody was called off before he was called');
-- danger that comes later
SELECT case_id AS c FROM triage.report('v110', '广场舞噪音', 'Z11', reporter => 'Li') \gset
SELECT triage.accept(:c, 'TOWN11') \g /dev/null
SET triage.now = '2026-03-02 10:20+08';
SELECT is((SELECT concat_ws(' ', r.status, r.lead, r.case_type, r.nature, 'U' || r.priority, r.danger) FROM triage.append_text(:c, '现在打架了') r), 'accepted TOWN11 NOISE joint U1 t', 'danger in later words: U1, joint, the lead stays');
SELECT is(pg_temp.parties(:c), 'TOWN11 lead accepted, ENV assist offered, PS11 on_scene offered', 'and the police join');
SELECT is(pg_temp.clocks(:c), 'accept/1 met 03-02 10:43, feedback/1 running 03-02 11:13, assist/2 running 03-02 10:33, resolve running 03-03 10:13, arrive/3 running 03-02 10:25', 'with U1 limits');
SELECT is((SELECT e.data FROM triage.events e WHERE e.case_id = :c AND e.verb = 'danger'), '{"confirmed": true, "terms": ["打架"]}'::jsonb, 'by which words');
SELECT is((triage.append_text(:c, '还在打架')).event_seq, 6, 'once');
SELECT case_id AS c FROM triage.report('chat', '邻居吵架纠纷', 'Z11', reporter => 'Li') \gset
SELECT triage.accept(:c, 'TOWN11') \g /dev/null
SELECT is((SELECT concat_ws(' ', r.lead, 'U' || r.priority, r.danger) FROM triage.append_text(:c, '他扬言要动手') r), 'TOWN11 U2 f', 'where a person confirms danger nothing is sent by itself');
SELECT is((SELECT e.data FROM triage.events e WHERE e.case_id = :c AND e.verb = 'danger'), '{"confirmed": false, "terms": ["扬言"]}'::jsonb, 'but the event stands');
SELECT matches(pg_temp.told(:c), 'e_centre danger@3', 'and the centre is told');
SELECT case_id AS c FROM triage.report('web1', '有人打架', 'Z11', reporter => 'Li') \gset
SELECT triage.confirm_danger(:c, false) \g /dev/null
SELECT is((SELECT concat_ws(' ', r.status, 'U' || r.priority, r.danger) FROM triage.append_text(:c, '是小孩玩闹') r), 'triage U3 f', 'danger that a person denied does not come back by itself');
SELECT is((SELECT concat_ws(' ', r.status, 'U' || r.priority, r.danger) FROM triage.append_text(:c, '真的持刀了') r), 'triage U1 t', 'but by new words it does');
SELECT is((triage.confirm_danger(:c, true)).status, 'dispatched', 'and can be confirmed');

-- ---- a clock that a person moved is only brought forward ----
CREATE FUNCTION pg_temp.due(id bigint, stage text) RETURNS text LANGUAGE sql AS $$
	SELECT to_char(k.due_at, 'MM-DD HH24:MI') FROM triage.clocks k WHERE k.case_id = id AND k.stage = due.stage AND k.state = 'running'
$$;
SET triage.now = '2026-03-02 10:13+08';
SELECT case_id AS c FROM triage.report('v110', '邻居吵架纠纷', 'Z11', reporter => 'Li') \gset
SELECT triage.accept(:c, 'TOWN11'), triage.feed_back(:c, 'TOWN11', '在办') \g /dev/null
SELECT is(pg_temp.due(:c, 'resolve'), '03-05 10:13', 'three days');
SET triage.now = '2026-03-03 10:13+08';
SELECT triage.suspend(:c, '等待鉴定', '2026-03-20') \g /dev/null
SET triage.now = '2026-03-04 10:13+08';
SELECT triage.resume(:c) \g /dev/null
SELECT is(pg_temp.due(:c, 'resolve'), '03-06 10:13', 'it stood still for a day');
SELECT triage.whistle(:c, '{WATER}', '漏水', interval '7 hours') \g /dev/null
SELECT pg_temp.due(:c, 'whistle') AS whistle \gset
SELECT is((triage.reclassify(:c, 'NOISE')).lead, 'TOWN11', 'another type');
SELECT is(pg_temp.due(:c, 'resolve'), '03-06 10:13', 'does not take the pause away');
SELECT is((triage.append_text(:c, '现在打架了')).priority, 1, 'danger');
SELECT is(pg_temp.due(:c, 'resolve'), '03-05 10:13', 'brings the limit forward, from when it went on');
SELECT is(pg_temp.due(:c, 'whistle'), :'whistle', 'what a person set for others stays');
SELECT matches(pg_temp.parties(:c), 'WATER [a-z]+ offered', 'whom the lead whistled for stays with it');

-- ---- whatever the order ----
-- A live case has exactly one live lead, clocks run for live assignments only, the chain is whole.
CREATE FUNCTION pg_temp.unsound(id bigint) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', c.case_id, c.status, x.what), '; ') FROM triage.cases c CROSS JOIN LATERAL (
		SELECT 'leads: ' || count(*) FROM triage.assignments a WHERE a.case_id = c.case_id AND a.duty = 'lead' AND a.status NOT IN ('done', 'withdrawn') HAVING count(*) <> 1
		UNION ALL SELECT 'lead is not ' || c.lead FROM triage.assignments a WHERE a.case_id = c.case_id AND a.duty = 'lead' AND a.status NOT IN ('done', 'withdrawn') AND a.department <> c.lead
		UNION ALL SELECT 'twice ' || a.department FROM triage.assignments a WHERE a.case_id = c.case_id AND a.status NOT IN ('done', 'withdrawn') GROUP BY a.department HAVING count(*) > 1
		UNION ALL SELECT 'clock ' || k.clock_id FROM triage.clocks k WHERE k.case_id = c.case_id AND k.state = 'running' AND k.assignment_seq IS NOT NULL
			AND NOT EXISTS (SELECT FROM triage.assignments a WHERE a.case_id = c.case_id AND a.seq = k.assignment_seq AND a.status NOT IN ('done', 'withdrawn'))
		UNION ALL SELECT 'resolve clocks: ' || count(*) FROM triage.clocks k WHERE k.case_id = c.case_id AND k.state = 'running' AND k.stage = 'resolve' HAVING count(*) <> (c.status NOT IN ('triage', 'suspended'))::int
		UNION ALL SELECT 'clock ' || k.stage || ' twice' FROM triage.clocks k WHERE k.case_id = c.case_id AND k.state = 'running' GROUP BY k.stage, k.assignment_seq HAVING count(*) > 1
		UNION ALL SELECT 'accepted and timed' FROM triage.clocks k JOIN triage.assignments a ON a.case_id = k.case_id AND a.seq = k.assignment_seq
			WHERE k.case_id = c.case_id AND k.state = 'running' AND k.stage = 'accept' AND a.accepted_at IS NOT NULL
		UNION ALL SELECT 'priority ' || c.priority FROM triage.clocks k JOIN triage.policies p ON p.code = k.policy WHERE k.case_id = c.case_id AND k.state = 'running' AND p.priority <> c.priority
		UNION ALL SELECT 'events' FROM triage.events e WHERE e.case_id = c.case_id HAVING count(*) <> c.event_seq OR max(e.seq) <> c.event_seq
		UNION ALL SELECT 'decision' FROM triage.decisions d WHERE d.case_id = c.case_id HAVING count(*) <> max(d.seq)) x(what)
	WHERE c.case_id = id
$$;
CREATE FUNCTION pg_temp.play(seed double precision) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	bodies	text[] := ARRAY['广场舞噪音', '你好', '有人打架', '邻居吵架纠纷', '甲事乙事', '着火了', '漏水', '咨询', '复核'];
	words	text[] := ARRAY['噪音', '打架', '没有打架', '扬言', '漏水漏水', '谢谢', '大塘村', '乙事'];
	types	text[] := ARRAY['NOISE', 'LEAK', 'FIGHT', 'FIRE', 'QUARREL', 'ASK', 'GAS', 'LOOSE', 'TIEC', 'CHECK'];
	areas	text[] := ARRAY['Z11', 'Z12', 'Z2', 'Z', 'Z111', 'Z211'];
	c		bigint;
	e		text;
	dept	text;
	done	int := 0;
BEGIN
	PERFORM setseed(play.seed);
	FOR i IN 1..10 LOOP
		PERFORM set_config('triage.now', (timestamptz '2026-03-03 08:00+08' + i * interval '1 hour')::text, false);
		INSERT INTO triage.cases (case_id, channel, body, area, reporter)
			VALUES (1000000 + (play.seed * 100000)::int + i, (ARRAY['v110', 'web1', 'chat', 'v12'])[1 + floor(random() * 4)], bodies[1 + floor(random() * 9)],
				CASE WHEN random() < 0.7 THEN areas[1 + floor(random() * 6)] END, 'r') RETURNING case_id INTO c;
		FOR j IN 1..14 LOOP
			PERFORM set_config('triage.now', (timestamptz '2026-03-03 08:00+08' + i * interval '1 hour' + j * interval '2 minutes')::text, false);
			SELECT a.department INTO dept FROM triage.assignments a WHERE a.case_id = c AND a.status NOT IN ('done', 'withdrawn') ORDER BY random() LIMIT 1;
			e := pg_temp.refusal(CASE floor(random() * 15)
				WHEN 0 THEN format('SELECT triage.reclassify(%s, %L)', c, types[1 + floor(random() * 10)])
				WHEN 1 THEN format('SELECT triage.set_area(%s, %L)', c, areas[1 + floor(random() * 6)])
				WHEN 2 THEN format('SELECT triage.append_text(%s, %L)', c, words[1 + floor(random() * 8)])
				WHEN 3 THEN format('SELECT triage.dispatch(%s)', c)
				WHEN 4 THEN format('SELECT triage.accept(%s, %L)', c, dept)
				WHEN 5 THEN format('SELECT triage.arrive(%s, %L)', c, dept)
				WHEN 6 THEN format('SELECT triage.dispatch(%s, ''MED11'', ''{ENV}'')', c)
				WHEN 7 THEN format('SELECT triage.request_return(%s, ''not ours'')', c)
				WHEN 8 THEN format('SELECT triage.decide_return(%s, %L, ''TOWN12'')', c, random() < 0.6)
				WHEN 9 THEN format('SELECT triage.to_police(%s, ''x'')', c)
				WHEN 10 THEN format('SELECT triage.release_by_police(%s, ''x'')', c)
				WHEN 11 THEN format('SELECT triage.suspend(%s, ''x'', %L)', c, '2026-03-20')
				WHEN 12 THEN format('SELECT triage.resume(%s)', c)
				WHEN 13 THEN format('SELECT triage.transfer(%s, ''MED11'')', c)
				ELSE format('SELECT triage.finish(%s, %L)', c, dept) END);
			IF e !~ '^TR00[1235]' THEN
				RETURN e;
			END IF;
			done := done + (e IS NULL)::int;
			IF pg_temp.unsound(c) IS NOT NULL THEN
				RETURN format('case %s: %s after %s', c, pg_temp.unsound(c), pg_temp.verbs(c));
			END IF;
		END LOOP;
	END LOOP;
	RETURN CASE WHEN done < 40 THEN 'hardly anything happened: ' || done END;
END
$$;
SELECT is(pg_temp.play(s / 10.0), NULL, 'seed ' || s) FROM generate_series(1, 6) s;
-- time passes: every step of every clock fires, nothing is set aside
SET triage.now = '2026-04-30 10:00+08';
SELECT triage.tick(max_cases => 100000) \g /dev/null
SELECT is((SELECT count(*) FROM triage.quarantine), 0::bigint, 'the timekeeper finds nothing wrong with moved clocks');
SELECT is((SELECT string_agg(concat_ws(' ', e.case_id, e.seq), ', ') FROM triage.events e LEFT JOIN triage.events p ON p.case_id = e.case_id AND p.seq = e.seq - 1
	WHERE e.case_id > 1000000 AND e.case_id % 5 = 0 AND (e.hash <> pg_temp.event_hash(e, p.hash) OR e.at < p.at)), NULL, 'every hash follows from the one before, and time never goes back');
SELECT * FROM finish();
