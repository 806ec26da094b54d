-- What people do with a case: legal steps, refusals, rights, feedback.
-- Source: extension/casework/act.c, verbs.c, rights.c, sql/32_verbs.sql
\ir include/helpers.psql
BEGIN;
\ir include/small.psql
COMMIT;

\set file t050
\set roles 'centre op town team env med other far'
CREATE FUNCTION pg_temp.shows(r triage.cases) RETURNS text LANGUAGE sql AS $$ SELECT r.status || ' ' || r.event_seq $$;
\ir include/parties.psql
GRANT SELECT ON ALL TABLES IN SCHEMA triage TO t050_centre, t050_op, t050_town, t050_team, t050_env, t050_med, t050_other, t050_far;

SET triage.now = '2026-03-02 10:00+08';

-- ---- a plain case from end to end: U3 with an assist ----
SELECT case_id AS c, number AS n FROM triage.report('v110', '广场舞噪音', 'Z11', reporter => 'Li', external_ref => 'A1') \gset
SELECT is(pg_temp.parties(:c), 'TOWN11 lead offered, ENV assist offered', 'dispatched');
SELECT is(pg_temp.does(t.who, format(t.verb, :c)), replace(t.expected, '#', :'n'), t.what)
FROM (VALUES
	('t050_town', 'feed_back(%s, NULL, ''x'')', 'TR001 feed_back is not allowed for case # in state "dispatched"', 'no feedback before accept'),
	('t050_town', 'resolve(%s, ''resolved'', ''x'')', 'TR001 resolve is not allowed for case # in state "dispatched"', 'no result before accept'),
	('t050_town', 'transfer(%s, ''MED11'')', 'TR001 transfer is not allowed for case # in state "dispatched"', 'no passing down before accept'),
	('t050_centre', 'close_case(%s)', 'TR001 close_case is not allowed for case # in state "dispatched"', 'no closing without feedback'),
	('t050_centre', 'dispatch(%s)', 'TR001 dispatch is not allowed for case # in state "dispatched"', 'no second dispatch'),
	('t050_op', 'answer(%s, ''x'')', 'TR001 answer is not allowed for case # in state "dispatched"', 'no answer once dispatched'),
	('t050_other', 'accept(%s)', 'TR003 case ' || :c || ' does not exist', 'a case of others does not exist'),
	('t050_far', 'accept(%s)', 'TR003 case ' || :c || ' does not exist', 'nor for the centre of another area'),
	('t050_team', 'accept(%s)', 'TR003 case ' || :c || ' does not exist', 'nor for a department that takes no part'),
	('t050_centre', 'accept(%s)', 'TR002 accept is not yours to do in case #', 'the centre sees it but does not accept'),
	('t050_town', 'accept(%s, ''PS11'')', 'TR003 department "PS11" does not take part in case #', 'a department that takes no part'),
	('t050_town', 'accept(%s)', 'accepted 2', 'the lead accepts'),
	('t050_town', 'accept(%s)', 'TR001 department "TOWN11" has accepted case # already', 'once'),
	('t050_town', 'finish(%s)', 'TR001 the lead of case # does not finish a part, it resolves the case', 'the lead has no part to finish'),
	('t050_env', 'feed_back(%s, body => ''x'')', 'TR001 department "ENV" has not accepted case #', 'an assist that has not accepted'),
	('t050_env', 'resolve(%s, ''resolved'', ''x'')', 'TR002 resolve is not yours to do in case #', 'an assist does not resolve'),
	('t050_env', 'transfer(%s, ''MED11'')', 'TR001 department "ENV" has not accepted case #', 'nor pass down'),
	('t050_town', 'feed_back(%s)', 'TR005 feed_back needs a body', 'feedback needs words'),
	('t050_town', 'feed_back(%s, body => '' '')', 'TR005 feed_back needs a body', 'not blanks'),
	('t050_town', 'feed_back(%s, body => ''我们去了'')', 'in_progress 3', 'feedback'),
	('t050_town', 'arrive(%s)', 'in_progress 4', 'arrive'),
	('t050_town', 'arrive(%s)', 'TR001 department "TOWN11" is on the scene of case # already', 'once'),
	('t050_town', 'resolve(%s, NULL, ''x'')', 'TR003 argument "outcome" must not be null', 'a result needs an outcome'),
	('t050_town', 'resolve(%s, ''nope'', ''x'')', 'TR003 outcome "nope" does not exist', 'that exists'),
	('t050_town', 'resolve(%s, ''resolved'', '''')', 'TR005 resolve needs a body', 'and words'),
	('t050_town', 'resolve(%s, ''mediated'', ''x'')', 'TR005 outcome "mediated" of case # needs more', 'and what the outcome requires'),
	('t050_town', 'resolve(%s, ''mediated'', ''x'', ''{"parties": "a, b", "amount": null}'')', 'TR005 outcome "mediated" of case # needs more', 'null is nothing'),
	('t050_town', 'resolve(%s, ''resolved'', ''x'', ''[1]'')', 'TR005 attrs must be a JSON object', 'attrs is an object'),
	('t050_town', 'resolve(%s, ''resolved'', ''x'')', 'TR005 case # cannot be resolved while assists are open', 'open assists block'),
	('t050_env', 'finish(%s, body => ''测过了'')', 'in_progress 5', 'the assist finishes, which accepts too'),
	('t050_env', 'finish(%s)', 'TR002 finish is not yours to do in case #', 'once'),
	('t050_centre', 'close_case(%s)', 'TR001 close_case is not allowed for case # in state "in_progress"', 'no closing without a result'),
	('t050_town', 'resolve(%s, ''mediated'', ''双方和解'', ''{"parties": "a, b", "amount": 100}'')', 'review 6', 'resolved: review'),
	('t050_town', 'close_case(%s)', 'TR002 close_case is not yours to do in case #', 'the lead does not close its own case'),
	('t050_op', 'close_case(%s)', 'TR002 close_case is not yours to do in case #', 'nor an operator'),
	('t050_town', 'feed_back(%s, body => ''x'')', 'TR001 feed_back is not allowed for case # in state "review"', 'no more feedback'),
	('t050_centre', 'close_case(%s)', 'closed 8', 'closed: one feedback and the closing'),
	('t050_centre', 'close_case(%s)', 'TR001 close_case is not allowed for case # in state "closed"', 'once'),
	('t050_centre', 'add_source(%s, ''v110'')', 'TR001 add_source is not allowed for case # in state "closed"', 'nothing is added to it'),
	('t050_centre', 'acknowledge(%s)', 'TR001 acknowledge is not allowed for case # in state "closed"', 'nothing to acknowledge'),
	('t050_centre', 'close_case(NULL)', 'TR003 argument "case_id" must not be null', 'no case named'),
	('t050_centre', 'close_case(-1)', 'TR003 case -1 does not exist', 'no such case')) t(who, verb, expected, what);
SELECT is(pg_temp.verbs(:c), 'report accept feed_back arrive finish resolve inform close_case', 'what happened, in order');
SELECT is(pg_temp.parties(:c), 'TOWN11 lead done, ENV assist done', 'all parts are done');
SELECT is(pg_temp.clocks(:c), 'accept/1 met 03-02 10:30, feedback/1 met 03-02 11:00, assist/2 met 03-02 10:20, resolve met 03-04 17:00', 'all clocks are met');
SELECT is((SELECT concat_ws(' ', c.status, c.outcome, c.closed_at, c.lead) FROM triage.cases c WHERE c.case_id = :c), 'closed mediated 2026-03-02 10:00:00+08 TOWN11', 'the case says how it ended');
SELECT is((SELECT string_agg(concat_ws(' ', d.endpoint, d.type, d.payload::jsonb#>>'{data,external_ref}', d.payload::jsonb#>>'{data,event,result}'), ', ') FROM triage.deliveries d WHERE d.case_id = :c AND d.type = 'result'), 'e_110 result A1 双方和解', 'the channel is told the result');

-- ---- nobody acts for a department that is not his ----
SELECT case_id AS c, number AS n FROM triage.report('v110', '广场舞噪音', 'Z11', reporter => 'Li') \gset
SELECT is(pg_temp.does('t050_env', format('accept(%s, ''TOWN11'')', :c)), 'TR002 you do not act for department "TOWN11" in case ' || :'n', 'an assist does not accept for the lead');
SELECT triage.accept(:c, 'TOWN11') FROM (SELECT set_config('role', 't050_town', true)) r WHERE pg_temp.parties(:c) ^@ 'TOWN11 lead offered' \g /dev/null
SELECT is(pg_temp.does('t050_env', format('feed_back(%s, ''TOWN11'', ''forged'')', :c)) ^@ 'TR002', true, 'nor feed back for it');
SELECT is(pg_temp.does('t050_env', format('arrive(%s, ''TOWN11'')', :c)) ^@ 'TR002', true, 'nor arrive');
SELECT is(pg_temp.does('t050_town', format('finish(%s, ''ENV'')', :c)) ^@ 'TR002', true, 'nor does the lead finish an assist''s part');

-- ---- same refusal for hidden and missing ----
CREATE FUNCTION pg_temp.all_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	m	text; d	text; h	text;
BEGIN
	EXECUTE statement;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	RETURN concat_ws('|', SQLSTATE, regexp_replace(m, '-?\d+', 'N'), d, h);
END
$$;
SET ROLE t050_other;
SELECT is(pg_temp.all_of(format(t.f, :c)), pg_temp.all_of(format(t.f, -1)), 'hidden and missing are the same to ' || t.f)
FROM (VALUES ('SELECT triage.accept(%s)'), ('SELECT triage.explain(%s)'), ('SELECT triage.explain_json(%s)'), ('SELECT triage.chain(%s)'), ('SELECT triage.allowed_verbs(%s)'), ('SELECT triage.add_source(%s, ''v110'')'), ('SELECT triage.acknowledge(%s)')) t(f);
SELECT is(triage.may_see(:c), false, 'may_see() hidden');
RESET ROLE;

-- ---- request ids ----
SELECT case_id AS c FROM triage.report('v110', '广场舞噪音', 'Z11', reporter => 'Li') \gset
SET ROLE t050_town;
BEGIN;
SET LOCAL triage.request_id = 'r-1';
SELECT is((triage.accept(:c)).event_seq, 2, 'a request');
SELECT is((triage.accept(:c)).event_seq, 2, 'sent again: the same row');
SELECT is((triage.resolve(:c, 'nope', 'x')).event_seq, 2, 'whatever it asks');
COMMIT;
SELECT is(pg_temp.verbs(:c), 'report accept', 'and no further event');
BEGIN;
SELECT set_config('triage.request_id', repeat('x', 201), true) \g /dev/null
SELECT is(pg_temp.refusal(format('SELECT triage.arrive(%s)', :c)), 'TR003 triage.request_id is too long', 'too long a request id');
ROLLBACK;
RESET ROLE;

-- ---- when it happened ----
SET triage.now = '2026-03-02 11:00+08';
SET ROLE t050_town;
SET triage.happened_at = '2026-03-02 09:59+08';
SELECT is(pg_temp.refusal(format('SELECT triage.arrive(%s)', :c)), 'TR005 triage.happened_at is out of bounds', 'not before the case came in');
SET triage.happened_at = '2026-03-02 11:01+08';
SELECT is(pg_temp.refusal(format('SELECT triage.arrive(%s)', :c)), 'TR005 triage.happened_at is out of bounds', 'not in the future');
SET triage.happened_at = '2026-03-02 10:40+08';
SELECT triage.feed_back(:c, body => '十点四十分到达') \g /dev/null
RESET triage.happened_at;
SELECT is((SELECT concat_ws(' ', k.state, k.stopped_at) FROM triage.clocks k WHERE k.case_id = :c AND k.stage = 'feedback'), 'met 2026-03-02 10:40:00+08', 'a clock stops when the thing happened');
SELECT is((SELECT concat_ws(' ', e.at, (e.data->>'happened_at')::timestamptz) FROM triage.events e WHERE e.case_id = :c AND e.verb = 'feed_back'), '2026-03-02 11:00:00+08 2026-03-02 10:40:00+08', 'both times are kept');
RESET ROLE;
SELECT is((SELECT string_agg(concat_ws(' ', g.clock_id, g.state, g.started_at::time, g.ended_at::time, g.work), ', ' ORDER BY g.clock_id) FROM triage.clock_segments g WHERE g.case_id = :c),
	'1 running 10:00:00 10:00:00 00:00:00, 2 running 10:00:00 10:40:00 00:40:00', 'segments with their work time');
SET triage.now = '2026-03-02 12:00+08';
SELECT is(pg_temp.does('t050_env', format('finish(%s)', :c)), 'in_progress 4', 'late');
SELECT is((SELECT k.state FROM triage.clocks k WHERE k.case_id = :c AND k.stage = 'assist'), 'missed', 'a clock that stops late is missed');
SET triage.now = '2026-03-05 12:00+08';
BEGIN;
SET LOCAL triage.happened_at = '2026-03-02 13:00+08';
SET LOCAL ROLE t050_town;
SELECT is(pg_temp.refusal(format('SELECT triage.arrive(%s)', :c)), 'TR005 triage.happened_at is out of bounds', 'not longer ago than triage.max_back');
ROLLBACK;

-- ---- Yongkang story: 110 -> centre -> team -> community mediation -> one feedback ----
SET triage.now = '2026-03-02 08:00+08';
SELECT case_id AS c FROM triage.report('v110', '金都社区车库出事，说不清', reporter => '王', contact => '13800000000', external_ref => 'Y110') \gset
SET triage.now = '2026-03-02 08:02+08';
SELECT is(pg_temp.does('t050_centre', format('dispatch(%s, ''TEAM11'', note => ''车库漏水纠纷'')', :c)), 'dispatched 2', 'Yongkang: the centre sends the team');
SET triage.now = '2026-03-02 08:05+08';
SELECT is(pg_temp.does('t050_team', format('arrive(%s, location => point(120.1, 28.9))', :c)), 'in_progress 3', 'Yongkang: on the scene after three minutes');
SELECT is(pg_temp.does('t050_centre', format('add_source(%s, ''v12345'', ''车库'', ''李'', external_ref => ''Y12345'')', :c)), 'in_progress 4', 'Yongkang: a second channel');
SELECT is(pg_temp.does('t050_centre', format('add_source(%s, ''v12345'', ''车库'', ''李'', external_ref => ''A1'')', :c)), 'in_progress 5', 'Yongkang: a reference is the channel''s own');
SELECT is(pg_temp.does('t050_centre', format('add_source(%s, ''v110'', external_ref => ''A1'')', :c)), '23505 reference "A1" of channel "v110" belongs to another case', 'Yongkang: and belongs to one case');
SET triage.now = '2026-03-02 08:30+08';
SELECT is(pg_temp.does('t050_team', format('transfer(%s, ''MED11'', ''请调解'')', :c)), 'in_progress 6', 'Yongkang: the team passes it to mediation');
SELECT is(pg_temp.does('t050_team', format('transfer(%s, ''MED11'')', :c)) ^@ 'TR001 department "MED11" takes part in case', true, 'Yongkang: once');
SELECT is(pg_temp.does('t050_team', format('transfer(%s, ''NOPE'')', :c)), 'TR003 department "NOPE" does not exist', 'Yongkang: to one that exists');
SELECT is(pg_temp.does('t050_team', format('resolve(%s, ''resolved'', ''x'')', :c)) ^@ 'TR005 case', true, 'Yongkang: not resolved while mediation is open');
SET triage.now = '2026-03-02 09:30+08';
SELECT is(pg_temp.does('t050_med', format('finish(%s, body => ''已签协议'')', :c)), 'in_progress 7', 'Yongkang: mediated');
SET triage.now = '2026-03-02 09:40+08';
SELECT is(pg_temp.does('t050_team', format('resolve(%s, ''mediated'', ''车库漏水，双方签协议'', ''{"parties": "王、物业", "amount": 2000}'')', :c)), 'review 8', 'Yongkang: resolved');
SET triage.now = '2026-03-02 09:50+08';
SELECT is(pg_temp.does('t050_centre', format('close_case(%s)', :c)), 'closed 12', 'Yongkang: closed, three references informed');
SET ROLE t050_centre;
SELECT is((SELECT string_agg(concat_ws(' ', h.seq, coalesce(h.parent_seq::text, '-'), h.department, h.person, h.duty, to_char(h.since, 'HH24:MI'), to_char(h.until, 'HH24:MI'), h.own_time), ', ' ORDER BY h.seq) FROM triage.chain(:c) h),
	'0 - v110 postgres intake 08:00 08:00 00:00:00, 1 0 CENTRE1 t050_centre lead 08:00 08:02 00:02:00, 2 1 TEAM11 t050_team lead 08:02 09:50 00:28:00, 3 2 MED11 t050_med assist 08:30 09:30 01:00:00',
	'Yongkang: the chain of custody with own times and persons, also who dispatched for the centre');
RESET ROLE;
SELECT is((SELECT string_agg(concat_ws(' ', d.endpoint, d.type, d.payload::jsonb#>>'{data,external_ref}', d.payload::jsonb#>>'{data,event,outcome}'), ', ' ORDER BY d.event_seq) FROM triage.deliveries d WHERE d.case_id = :c AND d.type = 'result'),
	'e_110 result Y110 mediated, e_12345 result Y12345 mediated, e_12345 result A1 mediated', 'Yongkang: one feedback answers every channel under every reference it knows');
SELECT is((SELECT c.report_count FROM triage.cases c WHERE c.case_id = :c), 3, 'Yongkang: three reports');
SELECT is((SELECT count(*) FROM triage.deliveries d WHERE d.case_id = :c AND (d.payload ~ '13800000000' OR d.payload ~ '王[^、]')), 0::bigint, 'Yongkang: names and numbers of callers do not go out');

-- ---- triage desk ----
SET triage.now = '2026-03-02 10:00+08';
SELECT case_id AS c FROM triage.report('v110', '说不清', 'Z11', reporter => 'r') \gset
SELECT is(pg_temp.does('t050_op', format('dispatch(%s)', :c)) ^@ 'TR002 dispatch is not yours to do in case', true, 'an operator does not dispatch');
SELECT is(pg_temp.does('t050_centre', format('dispatch(%s)', :c)) ^@ 'TR005 the rules name no department for case', true, 'by the rules: they name nobody');
SELECT is(pg_temp.does('t050_centre', format('dispatch(%s, ''NOPE'')', :c)), 'TR003 department "NOPE" does not exist', 'to no department');
SELECT is(pg_temp.does('t050_centre', format('dispatch(%s, ''ENV'', ARRAY[''NOPE''])', :c)), 'TR003 department "NOPE" does not exist', 'with an assist that is none');
SELECT is(pg_temp.does('t050_op', format('answer(%s, '''')', :c)), 'TR005 answer needs a body', 'an answer needs words');
SELECT is(pg_temp.does('t050_op', format('answer(%s, ''已告知'')', :c)), 'closed 3', 'an operator answers');
SELECT is((SELECT c.outcome || ' ' || pg_temp.clocks(c.case_id) FROM triage.cases c WHERE c.case_id = :c), 'answered triage/1 met 03-02 10:05', 'answered');
SELECT case_id AS c FROM triage.report('web', '有人持刀', 'Z11', reporter => 'r') \gset
SELECT is(pg_temp.does('t050_centre', format('dispatch(%s)', :c)), 'dispatched 2', 'danger confirmed: by the rules');
SELECT is(pg_temp.parties(:c), 'CENTRE1 lead done, PS11 lead offered', 'the police lead');
SELECT is((SELECT count(*) FROM triage.assignments a WHERE a.case_id = :c AND a.duty = 'lead' AND a.status NOT IN ('done', 'withdrawn')), 1::bigint, 'one live lead');
SELECT is(pg_temp.refusal(format($$INSERT INTO triage.assignments VALUES (%s, 99, 'ENV', 'lead', NULL, 'offered', now())$$, :c)) ^@ '23505', true, 'a second live lead is impossible');
SELECT is((SELECT string_agg(d.seq || ' ' || (d.facts->>'verdict'), ', ' ORDER BY d.seq) FROM triage.decisions d WHERE d.case_id = :c), '1 confirm_danger, 2 given', 'both decisions are on record');
SELECT case_id AS c FROM triage.report('web', '煤气泄漏', 'Z11', reporter => 'r') \gset
SELECT is(pg_temp.does('t050_centre', format('dispatch(%s, ''WATER'', ARRAY[''ENV''])', :c)), 'dispatched 2', 'danger, and a person names the lead');
SELECT is((SELECT c.nature || ' ' || c.danger || ' ' || pg_temp.parties(c.case_id) FROM triage.cases c WHERE c.case_id = :c), 'joint true CENTRE1 lead done, WATER lead offered, PS11 on_scene offered, ENV assist offered', 'police take part in a dangerous (joint) case also when a person names the lead');
SELECT case_id AS c FROM triage.report('v110', '邻居吵架', 'Z11', reporter => 'r') \gset
SELECT is(pg_temp.does('t050_team', format('acknowledge(%s, 3)', :c)), 'dispatched 2', 'taking notice of one clock');
SELECT is(pg_temp.does('t050_team', format('acknowledge(%s, 3)', :c)) ^@ 'TR001 case', true, 'once');
SELECT is(pg_temp.does('t050_town', format('acknowledge(%s)', :c)), 'dispatched 3', 'and of the others');
SELECT is((SELECT count(*) FROM triage.clocks k WHERE k.case_id = :c AND k.acknowledged_at IS NULL), 0::bigint, 'all acknowledged');
SELECT is(pg_temp.does('t050_team', format('finish(%s)', :c)), 'dispatched 4', 'a team that never came reports its part done');
SELECT is((SELECT k.state FROM triage.clocks k WHERE k.case_id = :c AND k.stage = 'arrive'), 'cancelled', 'its arrive clock is not met without arrival');

-- ---- a person looks at danger ----
SELECT case_id AS c, number AS n FROM triage.report('web', '有人持刀', 'Z11', reporter => 'r') \gset
SELECT is(pg_temp.does(t.who, format(t.verb, :c)), replace(t.expected, '#', :'n'), t.what)
FROM (VALUES
	('t050_op', 'confirm_danger(%s, true)', 'TR002 confirm_danger is not yours to do in case #', 'an operator does not confirm danger'),
	('t050_other', 'confirm_danger(%s, true)', 'TR003 case ' || :c || ' does not exist', 'nor does a stranger'),
	('t050_centre', 'confirm_danger(%s, NULL)', 'TR003 argument "confirmed" must not be null', 'danger is confirmed or not'),
	('t050_centre', 'confirm_danger(%s, true)', 'dispatched 2', 'danger confirmed'),
	('t050_centre', 'confirm_danger(%s, true)', 'TR001 confirm_danger is not allowed for case # in state "dispatched"', 'once')) t(who, verb, expected, what);
SELECT is((SELECT concat_ws(' ', c.nature, 'U' || c.priority, c.danger, c.lead) FROM triage.cases c WHERE c.case_id = :c), 'police U1 t PS11', 'confirmed: the police have it');
SELECT is(pg_temp.parties(:c), 'CENTRE1 lead done, PS11 lead offered', 'confirmed: from the centre');
SELECT is(pg_temp.clocks(:c), 'triage/1 met 03-02 10:01, accept/2 running 03-02 10:01, feedback/2 running 03-02 11:00, arrive/2 running 03-02 10:05, resolve running 03-03 10:00', 'confirmed: its clocks run');
SELECT is((SELECT string_agg(d.seq || ' ' || (d.facts->>'verdict'), ', ' ORDER BY d.seq) FROM triage.decisions d WHERE d.case_id = :c), '1 confirm_danger, 2 given', 'confirmed: both decisions are on record');
SELECT is((SELECT e.data->>'confirmed' FROM triage.events e WHERE e.case_id = :c AND e.verb = 'confirm_danger'), 'true', 'confirmed: so says the event');
SELECT case_id AS c, number AS n FROM triage.report('web', '邻居纠纷，扬言报复', 'Z11', reporter => 'r') \gset
SELECT is((SELECT concat_ws(' ', c.status, 'U' || c.priority, c.danger) FROM triage.cases c WHERE c.case_id = :c), 'triage U1 t', 'a quarrel with a threat');
SET triage.now = '2026-03-02 10:00:30+08';
SELECT is(pg_temp.does('t050_centre', format('confirm_danger(%s, false, ''只是气话'')', :c)), 'triage 2', 'no danger: it waits on');
SELECT is((SELECT concat_ws(' ', c.case_type, 'U' || c.priority, c.danger, c.lead) FROM triage.cases c WHERE c.case_id = :c), 'QUARREL U2 f CENTRE1', 'no danger: with its type''s own urgency');
SELECT is(pg_temp.clocks(:c), 'triage/1 met 03-02 10:01, triage/1 running 03-02 10:05', 'no danger: on the ordinary clock');
SELECT is((SELECT concat_ws(' ', e.data->>'confirmed', e.data->>'note') FROM triage.events e WHERE e.case_id = :c AND e.verb = 'confirm_danger'), 'false 只是气话', 'no danger: the event says so, and why');
SELECT is(pg_temp.does('t050_centre', format('confirm_danger(%s, true)', :c)), 'TR001 case ' || :'n' || ' is not marked as dangerous', 'no danger: nothing left to confirm');
SET triage.now = '2026-03-02 10:00+08';

-- ---- every verb in every state ----
-- a case in a state, as people bring it there; states that no verb leads to yet are set
CREATE FUNCTION pg_temp.case_in(wanted text, verb text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	id			bigint;
	natural_way	text[] := ARRAY['dispatched', 'accepted', 'in_progress', 'review', 'closed'];
	reached		int := array_position(natural_way, wanted);
BEGIN
	IF reached IS NULL AND wanted = 'triage' THEN
		RETURN (triage.report('web', '有人持刀', 'Z11', reporter => 'walk')).case_id;
	END IF;
	-- an assist where the verb is an assist's, else none, because it would be in the way of the result
	id := (triage.report('v110', CASE WHEN verb IN ('accept', 'arrive', 'finish') THEN '噪音' ELSE '漏水' END, 'Z11', reporter => 'walk')).case_id;
	-- what runs still is acknowledged, also where the result has ended all clocks
	IF reached IS NULL OR (verb = 'acknowledge' AND wanted = 'review') THEN
		UPDATE triage.cases SET status = wanted WHERE case_id = id;
		RETURN id;
	END IF;
	IF reached >= 2 THEN
		PERFORM triage.accept(id, 'TOWN11');
	END IF;
	IF reached >= 3 THEN
		PERFORM triage.feed_back(id, 'TOWN11', 'x');
	END IF;
	IF reached >= 4 THEN
		IF verb IN ('accept', 'arrive', 'finish') THEN
			PERFORM triage.finish(id, 'ENV');
		END IF;
		PERFORM triage.resolve(id, 'resolved', 'x');
	END IF;
	IF reached >= 5 THEN
		PERFORM triage.close_case(id);
	END IF;
	RETURN id;
END
$$;

-- where a verb in a state does not do what triage.transitions says
CREATE FUNCTION pg_temp.walk(verb text, arguments text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	state	text;
	id		bigint;
	t		triage.transitions;
	before	triage.cases;
	after	triage.cases;
	e		text;
	listed	boolean;
BEGIN
	FOREACH state IN ARRAY ARRAY['new', 'triage', 'dispatched', 'accepted', 'in_progress', 'return_requested', 'suspended', 'review', 'callback', 'closed', 'merged', 'void'] LOOP
		id := pg_temp.case_in(state, walk.verb);
		SELECT * INTO before FROM triage.cases c WHERE c.case_id = id;
		IF before.status <> state THEN
			RETURN NEXT format('%s: the case is in state %s', state, before.status);
			CONTINUE;
		END IF;
		SELECT * INTO t FROM triage.transitions x WHERE x.verb = walk.verb AND x.from_status = state;
		listed := EXISTS (SELECT 1 FROM triage.allowed_verbs(id) a WHERE a.verb = walk.verb);
		-- the case follows its lead, who has accepted in the later states
		e := pg_temp.refusal(format('SELECT triage.%I(%s, %s)', walk.verb, id, CASE WHEN walk.verb = 'accept' AND state = 'dispatched' THEN '''TOWN11''' ELSE arguments END));
		SELECT * INTO after FROM triage.cases c WHERE c.case_id = id;
		IF t.verb IS NULL AND e IS DISTINCT FROM format('TR001 %s is not allowed for case %s in state "%s"', walk.verb, before.number, state) THEN
			RETURN NEXT format('%s: %s', state, coalesce(e, 'allowed'));
		ELSIF t.verb IS NOT NULL AND e IS NOT NULL THEN
			RETURN NEXT format('%s: %s', state, e);
		END IF;
		IF listed <> (t.verb IS NOT NULL) THEN
			RETURN NEXT format('%s: allowed_verbs() %s it', state, CASE WHEN listed THEN 'lists' ELSE 'omits' END);
		END IF;
		IF e IS NOT NULL AND after::text <> before::text THEN
			RETURN NEXT format('%s: refused, and the case has changed', state);
		ELSIF e IS NULL AND (after.status, after.event_seq > before.event_seq) <> (coalesce(t.to_status, state), true) THEN
			RETURN NEXT format('%s: it is %s after %s events', state, after.status, after.event_seq);
		END IF;
		IF after.status NOT IN ('closed', 'merged', 'void')
			AND 1 <> (SELECT count(*) FROM triage.assignments a WHERE a.case_id = id AND a.duty = 'lead' AND a.status NOT IN ('done', 'withdrawn')) THEN
			RETURN NEXT format('%s: not one live lead', state);
		END IF;
	END LOOP;
END
$$;

CREATE TEMP TABLE arguments (verb text, arguments text);
INSERT INTO arguments VALUES ('dispatch', $$'ENV'$$), ('confirm_danger', 'false'), ('answer', $$'x'$$), ('accept', $$'ENV'$$), ('arrive', $$'ENV'$$), ('feed_back', $$'TOWN11', 'x'$$),
	('finish', $$'ENV'$$), ('transfer', $$'MED11'$$), ('resolve', $$'resolved', 'x'$$), ('close_case', 'NULL'), ('acknowledge', 'NULL'), ('reclassify', $$'NOISE'$$), ('set_area', $$'Z11'$$), ('append_text', $$'x'$$), ('add_source', $$'v110'$$),
	('link_case', '(SELECT min(c.case_id) FROM triage.cases c)');
-- those that need more of a case than its state are walked in 140_handling.sql 142_merge_tasks.sql 144_record.sql and 150_staff.sql
SELECT set_eq('SELECT t.verb FROM triage.transitions t', $$SELECT a.verb FROM arguments a UNION SELECT unnest('{request_return,decide_return,release_assist,whistle,answer_whistle,confer,escalate,
	hand_over,take_back,to_police,release_by_police,keep_by_police,suspend,resume,request_extension,decide_extension,review,call_back,reopen,void_case,urge,supervise,add_evidence,correct,reveal_contact,merge,unmerge,open_task,anonymise,assign_staff}'::text[])$$,
	'every verb of triage.transitions is tried, here or there');
BEGIN;
DELETE FROM triage.members;
SELECT is((SELECT string_agg(w, '; ') FROM pg_temp.walk(a.verb, a.arguments) w
	WHERE a.verb <> 'close_case' OR w !~ '^callback: TR005 case .* cannot be closed without the lead''s result'), NULL::text, a.verb || ' in every state') FROM arguments a ORDER BY a.verb;
ROLLBACK;

-- ---- append only, also for superusers ----
SELECT is(pg_temp.refusal(format(s.s, t.t)), '0A000 ' || CASE WHEN s.s ~ 'TRUNC' THEN format('table "triage.%s" must not be truncated', t.t) ELSE format('rows of "triage.%s" are not changed or deleted', t.t) END, format(s.s, t.t))
FROM (VALUES ('events', 'at'), ('decisions', 'at'), ('clock_steps', 'fired_at'), ('clock_segments', 'ended_at'), ('rule_history', 'version')) t(t, c),
	LATERAL (VALUES ('DELETE FROM triage.%s'), ('UPDATE triage.%s SET ' || t.c || ' = ' || t.c), ('TRUNCATE triage.%s')) s(s);
SELECT is(pg_temp.refusal('TRUNCATE triage.' || t.t || ' CASCADE'), '0A000 table "triage.' || t.t || '" must not be truncated', 'TRUNCATE ' || t.t)
FROM (VALUES ('cases'), ('case_refs'), ('case_sources'), ('assignments'), ('clocks'), ('deliveries'), ('links'), ('quarantine'), ('intake_errors'), ('rulebook'), ('terms'), ('areas'), ('policies')) t(t);
-- ---- nothing went back in time, every case has one lead ----
SELECT is((SELECT count(*) FROM triage.events e JOIN triage.events p ON p.case_id = e.case_id AND p.seq = e.seq - 1 WHERE e.at < p.at), 0::bigint, 'no event before the one before it');
SELECT is((SELECT count(*) FROM triage.cases c WHERE c.status <> 'closed' AND 1 <> (SELECT count(*) FROM triage.assignments a WHERE a.case_id = c.case_id AND a.duty = 'lead' AND a.status NOT IN ('done', 'withdrawn'))), 0::bigint, 'every open case has one live lead');

SELECT * FROM finish();
DROP OWNED BY t050_centre, t050_op, t050_town, t050_team, t050_env, t050_med, t050_other, t050_far;
DROP ROLE t050_centre, t050_op, t050_town, t050_team, t050_env, t050_med, t050_other, t050_far;
