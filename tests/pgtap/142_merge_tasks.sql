-- Merging and its undoing; tasks, follow-ups, decisions of a meeting.
-- Source: extension/casework/merge.c, tasks.c, sql/33_handling.sql
\ir include/helpers.psql
BEGIN;
\ir include/small.psql
INSERT INTO triage.follow_ups (code, case_type, outcome, after, department, relation, kind, zh, en) VALUES
	('f7', 'QUARREL', 'resolved', '7 days', NULL, 'T_MED', 'visit', '七日回访', 'visit after 7 days'),
	('f30', 'QUARREL', 'mediated', '30 days', 'ENV', NULL, 'visit', '三十日回访', 'visit after 30 days'),
	('g', 'G', NULL, '30 days', 'ENV', NULL, 'task', '复查', 'look again');
COMMIT;
\set file t142
\set roles 'centre town far'
CREATE FUNCTION pg_temp.shows(r triage.cases) RETURNS text LANGUAGE sql AS $$ SELECT r.case_id || ' ' || r.status $$;
\ir include/parties.psql
-- everything of a case that undoing a merge must bring back
CREATE FUNCTION pg_temp.state(id bigint) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
	SELECT concat_ws(' | ', c.status, c.lead, c.report_count, c.merged_into, pg_temp.parties(id),
		(SELECT string_agg(concat_ws(' ', k.stage, k.state, k.due_at, k.next_step, k.next_step_at), ', ' ORDER BY k.clock_id) FROM triage.clocks k WHERE k.case_id = id))
	FROM triage.cases c WHERE c.case_id = id
$$;
CREATE FUNCTION pg_temp.new(body text, ref text DEFAULT NULL, channel text DEFAULT 'v110') RETURNS bigint LANGUAGE sql AS $$
	SELECT (triage.report(new.channel, new.body, 'Z11', reporter => 'Li' || random(), external_ref => new.ref)).case_id
$$;
SET triage.now = '2026-03-02 10:00+08';

-- ---- merging ----
SELECT pg_temp.new('广场舞噪音', 'A') AS a \gset
SELECT (triage.report('v12345', '广场舞噪音很大', 'Z11', reporter => 'Wang', external_ref => 'B')) AS r \gset
SELECT max(case_id) AS b FROM triage.cases \gset
SELECT pg_temp.new('咨询政策') AS ask \gset
SELECT pg_temp.new('有人持刀') AS knife \gset
SELECT pg_temp.state(:b) AS before, pg_temp.state(:a) AS before_a \gset
SELECT is(pg_temp.does(t.who, format(t.verb, :a, :b, :ask, :knife)), t.expected, t.what)
FROM (VALUES
	('t142_centre', 'merge(%2$s, NULL)', 'TR003 argument "into_case" must not be null', 'into what'),
	('t142_centre', 'merge(%2$s, %2$s)', 'TR003 a case cannot be merged into itself', 'not into itself'),
	('t142_centre', 'merge(%2$s, 999999)', 'TR003 case 999999 does not exist', 'into one that exists'),
	('t142_far', 'merge(%2$s, %1$s)', 'TR003 case ' || :a || ' does not exist', 'others see neither')) t(who, verb, expected, what);
SELECT matches(pg_temp.does('t142_town', format('merge(%s, %s)', :b, :a)), '^TR002', 'the lead does not merge');
SELECT matches(pg_temp.does('t142_centre', format('merge(%s, %s)', :ask, :knife)), '^TR001 case .* is U4 and case .* is U1', 'not across U1 and U4');
SELECT matches(pg_temp.does('t142_centre', format('unmerge(%s)', :b)), '^TR001', 'nothing to undo yet');
SELECT is(pg_temp.does('t142_centre', format('merge(%s, %s, ''同一件事'')', :b, :a)), :a || ' dispatched', 'merged: the surviving case comes back');
SELECT is((SELECT concat_ws(' ', c.status, c.merged_into) FROM triage.cases c WHERE c.case_id = :b), 'merged ' || :a, 'the other is merged');
SELECT is((SELECT c.report_count FROM triage.cases c WHERE c.case_id = :a), 2, 'which counts its reports');
SELECT is((SELECT string_agg(DISTINCT k.state, ' ') FROM triage.clocks k WHERE k.case_id = :b), 'paused', 'its clocks stand still');
SELECT is((SELECT (t).fired FROM triage.tick('2026-04-01 10:00+08') t) > 0, true, 'time goes on elsewhere');
SELECT is((SELECT count(*) FROM triage.clock_steps s WHERE s.case_id = :b), 0::bigint, 'but not in it');
SELECT matches(pg_temp.does('t142_centre', format('merge(%s, %s)', :a, :knife)), '^TR001 other cases have been merged into', 'no chains');
SELECT pg_temp.new('广场舞噪音') AS c \gset
SELECT matches(pg_temp.does('t142_centre', format('merge(%s, %s)', :c, :b)), '^TR001 merge is not allowed', 'not into a merged one');
SELECT matches(pg_temp.does('t142_town', format('accept(%s)', :b)), '^TR001', 'a merged case is not worked on');
SELECT is((SELECT s.status FROM triage.status_by_token((SELECT (:'r'::triage.cases).attrs->>'token')) s), 'in hand', 'its citizen learns how the surviving case stands');
SELECT is(pg_temp.does('t142_centre', format('unmerge(%s)', :b)), :b || ' dispatched', 'undone');
SELECT is(pg_temp.state(:b), :'before', 'exactly as it was');
SELECT is((SELECT c.report_count FROM triage.cases c WHERE c.case_id = :a), 1, 'and counts for itself again');
SELECT is((SELECT count(*) FROM triage.links l WHERE :a IN (l.case_id, l.linked_case) AND l.kind = 'duplicate' AND l.rule IS NULL), 0::bigint, 'the tie is gone');
SELECT is(pg_temp.does('t142_centre', format('merge(%s, %s)', :b, :a)), :a || ' dispatched', 'merged again');
SELECT pg_temp.does('t142_town', format('accept(%s)', :a)), pg_temp.does('t142_centre', format('release_assist(%s, ''ENV'', ''x'')', :a)), pg_temp.does('t142_town', format('resolve(%s, ''resolved'', ''劝停了'')', :a)) \g /dev/null
SELECT is(pg_temp.does('t142_centre', format('close_case(%s)', :a)), :a || ' closed', 'closed');
SELECT results_eq(format($$SELECT e.data->>'channel' FROM triage.events e WHERE e.case_id = %s AND e.verb = 'inform' ORDER BY 1$$, :a), $$VALUES ('v110'), ('v12345')$$, 'both channels get the one feedback');

-- ---- tasks ----
SELECT is((SELECT concat_ws(' ', c.kind, c.lead, c.status, c.body) FROM triage.cases c JOIN triage.links l ON l.case_id = c.case_id WHERE l.linked_case = :a AND l.kind = 'follow_up'), 'task ENV dispatched 复查', 'closing opened the follow-up of the group');
SELECT pg_temp.new('吵架') AS q \gset
SELECT is(pg_temp.does(t.who, format(t.verb, :q)), t.expected, t.what)
FROM (VALUES
	('t142_centre', 'open_task(NULL, ''visit'', ''ENV'', ''x'')', 'TR003 argument "parent" must not be null', 'a task belongs to a case'),
	('t142_centre', 'open_task(%s, ''party'', ''ENV'', ''x'')', 'TR003 "party" is no kind', 'kinds are listed'),
	('t142_centre', 'open_task(%s, ''visit'', ''NOPE'', ''x'')', 'TR003 department "NOPE" does not exist', 'the department exists'),
	('t142_centre', 'open_task(%s, ''visit'', ''ENV'', '' '')', 'TR005 argument "body" must say something', 'it says what to do'),
	('t142_centre', 'open_task(%s, ''visit'', ''ENV'', ''x'', ''2020-01-01'')', 'TR005 a task must be due in the future', 'in the future')) t(who, verb, expected, what);
SELECT matches(pg_temp.does('t142_town', format('open_task(%s, ''visit'', ''ENV'', ''x'')', :q)), '^TR002', 'the desk opens tasks');
SELECT matches(pg_temp.does('t142_centre', format('open_task(%s, ''visit'', ''TOWN11'', ''上门走访'', ''2026-03-09 12:00+08'')', :q)), 'dispatched$', 'a task');
SELECT max(case_id) AS t FROM triage.cases \gset
SELECT is((SELECT concat_ws(' ', c.kind, c.lead, c.area, c.case_type, c.nature, c.contact, (SELECT count(*) FROM triage.case_sources s WHERE s.case_id = c.case_id)) FROM triage.cases c WHERE c.case_id = :t), 'visit TOWN11 Z11 QUARREL nonpolice 0', 'a case without a caller');
SELECT is(pg_temp.clocks(:t), 'resolve running 03-09 12:00, accept/1 running 03-02 10:03, feedback/1 running 03-02 11:00', 'on clocks');
SELECT is(pg_temp.does('t142_town', format('accept(%s)', :t)) || ', ' || pg_temp.does('t142_town', format('resolve(%s, ''resolved'', ''去过了'')', :t)) || ', ' || pg_temp.does('t142_centre', format('close_case(%s)', :t)), format('%1$s accepted, %1$s review, %1$s closed', :t), 'handled as any case');
SELECT is((SELECT l.kind || ' ' || l.linked_case FROM triage.links l WHERE l.case_id = :t AND l.kind = 'part_of'), 'part_of ' || :q, 'part of the case it came from');
SET triage.request_id = 'once';
SELECT is(pg_temp.does('t142_centre', format('open_task(%s, ''task'', ''ENV'', ''x'')', :q)), pg_temp.does('t142_centre', format('open_task(%s, ''task'', ''ENV'', ''x'')', :q)), 'a request repeated opens one');
RESET triage.request_id;
SELECT matches(pg_temp.does('t142_centre', format('confer(%s, ''{ENV,WATER}'', ''分头整改'', ''2026-03-10 12:00+08'')', :q)), 'dispatched$', 'a meeting decides');
SELECT is((SELECT string_agg(c.lead || ' ' || c.body, ', ' ORDER BY c.case_id) FROM triage.cases c JOIN triage.links l USING (case_id) WHERE l.linked_case = :q AND l.kind = 'part_of' AND c.body = '分头整改'), 'ENV 分头整改, WATER 分头整改', 'a task for each');
SELECT pg_temp.does('t142_town', format('accept(%s)', :q)), pg_temp.does('t142_town', format('resolve(%s, ''resolved'', ''劝开了'')', :q)), pg_temp.does('t142_centre', format('close_case(%s)', :q)) \g /dev/null
SELECT is((SELECT string_agg(concat_ws(' ', c.kind, c.lead, to_char(k.due_at, 'MM-DD')), ', ') FROM triage.cases c JOIN triage.links l USING (case_id) JOIN triage.clocks k ON k.case_id = c.case_id AND k.stage = 'resolve' WHERE l.linked_case = :q AND l.kind = 'follow_up'), 'visit MED11 03-09', 'seven days after, by the mediators of the area');
CREATE FUNCTION pg_temp.figures() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(concat_ws(' ', k.kpi, k.numerator, k.denominator), ', ' ORDER BY k.kpi) FROM triage.kpi('2026-03-01', '2026-03-03') k $$;
SET ROLE t142_centre;
SELECT pg_temp.figures() AS figures \gset
SELECT (triage.report('v110', '咨询政策', 'Z11', reporter => 'Li')).case_id AS ask \gset
SELECT isnt(pg_temp.figures(), :'figures', 'an alarm more counts');
SELECT pg_temp.figures() AS figures \gset
SELECT (triage.open_task(:ask, 'task', 'ENV', 'x')).case_id \g /dev/null
SELECT is(pg_temp.figures(), :'figures', 'a task more does not');
RESET ROLE;

-- ---- a late one comes back as late as it was ----
SET triage.now = '2026-03-02 10:00+08';
SELECT pg_temp.new('广场舞噪音') AS a \gset
SELECT pg_temp.new('水管漏水') AS b \gset
SELECT (triage.tick('2026-03-02 10:40+08')).fired > 0 \g /dev/null
SET triage.now = '2026-03-02 10:41+08';
SELECT pg_temp.does('t142_centre', format('merge(%s, %s)', :b, :a)), pg_temp.does('t142_centre', format('unmerge(%s)', :b)) \g /dev/null
SELECT is((SELECT c.colour FROM triage.cases c WHERE c.case_id = :b), 'yellow', 'with its colour');

-- ---- what a citizen says of a task is not the task's own words ----
SET ROLE t142_centre;
SELECT (triage.open_task(:a, 'visit', 'ENV', '去看看')).case_id AS task \gset
SELECT is((triage.add_source(:task, 'v110', '我也要说', reporter => 'Sun', contact => '13700000000')).report_count, 2, 'a task may be reported on');
RESET ROLE;
SELECT is((SELECT concat_ws(' ', s.seq, s.body) FROM triage.case_sources s WHERE s.case_id = :task), '2 我也要说', 'as a second word');
SET ROLE t142_centre;
SELECT is((SELECT count(*) FROM triage.verify_history(:task)), 0::bigint, 'and the history vouches for it');
RESET ROLE;

SELECT * FROM finish();
DROP OWNED BY t142_centre, t142_town, t142_far;
DROP ROLE t142_centre, t142_town, t142_far;
