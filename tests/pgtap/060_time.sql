-- Ladders fire once, poisoned cases step aside, working time adds up.
-- Source: extension/casework/steps.c, extension/worker/timekeeper.c, extension/rulebook/worktime_sql.c
\ir include/helpers.psql
BEGIN;
\ir include/small.psql
COMMIT;

CREATE ROLE t060_cron;
GRANT USAGE ON SCHEMA triage TO t060_cron;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA triage TO t060_cron;
GRANT SELECT ON ALL TABLES IN SCHEMA triage TO t060_cron;

-- 'step/occurrence action department lateness, ...' of one stage
CREATE FUNCTION pg_temp.steps(id bigint, of_stage text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', s.step || '/' || s.occurrence, coalesce(s.colour, '-'), s.action, coalesce(s.department, '-'), s.lateness, CASE WHEN s.collapsed THEN 'collapsed' END), ', ' ORDER BY s.step, s.occurrence)
	FROM triage.clock_steps s JOIN triage.clocks k USING (case_id, clock_id) WHERE s.case_id = id AND k.stage = of_stage
$$;
-- fires as the cron role at a time of the moved clock, returns 'fired late skipped quarantined more'
CREATE FUNCTION pg_temp.tick_at(t text, max_cases int DEFAULT 10000) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r	record;
BEGIN
	PERFORM set_config('triage.now', t, false);
	SET LOCAL ROLE t060_cron;
	SELECT * INTO r FROM triage.tick(NULL, max_cases);
	RESET ROLE;
	RETURN concat_ws(' ', r.fired, r.late, r.skipped, r.quarantined, r.more);
END
$$;

-- ---- a ladder, step by step: U3, accept 30 min ----
SET triage.now = '2026-03-02 10:00:00+08';
SELECT case_id AS c FROM triage.report('v110', '水管漏水', 'Z11', reporter => 'r') \gset
SELECT is((SELECT next_due FROM triage.tick()), '2026-03-02 10:24+08'::timestamptz, 'nothing due; the first will be at 80 % of the accept time');
SELECT is(pg_temp.tick_at('2026-03-02 10:23:59+08'), '0 0 0 0 f', 'not yet');
SELECT is(pg_temp.tick_at('2026-03-02 10:24:00+08'), '1 0 0 0 f', 'blue');
SELECT is((SELECT c.colour FROM triage.cases c WHERE c.case_id = :c), 'blue', 'the case shows it');
SELECT is(pg_temp.tick_at('2026-03-02 10:24:00+08'), '0 0 0 0 f', 'a second tick fires nothing');
SELECT is(pg_temp.tick_at('2026-03-02 10:30:30+08'), '2 2 0 0 f', 'yellow: urge and escalate, half a minute late; red is not yet due');
SELECT is(pg_temp.tick_at('2026-03-02 10:45:00+08'), '1 0 0 0 f', 'red at 150 %');
SELECT is(pg_temp.steps(:c, 'accept'), '1/0 blue remind TOWN11 00:00:00, 2/0 yellow urge TOWN11 00:00:30, 3/0 yellow escalate CENTRE1 00:00:30, 4/0 red supervise CENTRE1 00:00:00',
	'each step once, with its lateness; the superior and the centre');
SELECT is((SELECT c.colour FROM triage.cases c WHERE c.case_id = :c), 'red', 'the case is red');
SELECT is((SELECT concat_ws(' ', k.state, k.colour, k.next_step_at IS NULL) FROM triage.clocks k WHERE k.case_id = :c AND k.stage = 'accept'), 'running red t', 'overdue and running, no step left');
SELECT is(pg_temp.verbs(:c), 'report step step step step', 'an event a step');
SELECT is((SELECT string_agg(d.type, ' ' ORDER BY d.event_seq) FROM triage.deliveries d WHERE d.case_id = :c AND d.endpoint = 'e_centre'), 'escalate supervise', 'who has an endpoint is told');
SELECT triage.accept(:c) \g /dev/null
SELECT is((SELECT concat_ws(' ', k.state, k.stopped_at) FROM triage.clocks k WHERE k.case_id = :c AND k.stage = 'accept'), 'missed 2026-03-02 10:45:00+08', 'stopped late: missed');
SELECT is((SELECT c.colour FROM triage.cases c WHERE c.case_id = :c), NULL::text, 'the colour is that of the clocks that run');

-- ---- the keeper was away: late, not lost ----
SET triage.now = '2026-03-02 10:00:00+08';
SELECT case_id AS c FROM triage.report('v110', '水管漏水', 'Z11', reporter => 'r') \gset
SELECT triage.accept(:c) \g /dev/null
SELECT pg_temp.tick_at('2026-03-02 20:00+08') \g /dev/null
SELECT matches(pg_temp.steps(:c, 'feedback'), '^1/0 blue remind TOWN11 09:12:00 collapsed, 2/0 yellow urge TOWN11 09:00:00( collapsed)?, 3/0 yellow escalate CENTRE1 09:00:00, 4/0 red supervise CENTRE1 08:30:00$',
	'all steps on record with their lateness, old notices collapsed');

-- ---- two teams late at once: the police are called once ----
SET triage.now = '2026-03-03 09:00:00+08';
SELECT case_id AS c FROM triage.report('v110', '邻居吵架', 'Z11', reporter => 'r') \gset
SELECT triage.accept(:c) \g /dev/null
UPDATE triage.assignments SET duty = 'on_scene' WHERE case_id = :c AND seq = 2;
INSERT INTO triage.assignments (case_id, seq, department, duty, parent_seq, status, offered_at) VALUES (:c, 3, 'TEAM12', 'on_scene', 1, 'offered', '2026-03-03 09:00:00+08');
INSERT INTO triage.clocks SELECT (jsonb_populate_record(k, '{"clock_id": 90, "assignment_seq": 3}')).* FROM triage.clocks k WHERE k.case_id = :c AND k.stage = 'arrive' AND k.assignment_seq = 2;
SELECT pg_temp.tick_at('2026-03-03 09:15:00+08') \g /dev/null
SELECT is((SELECT count(*) FROM triage.assignments a WHERE a.case_id = :c AND a.department = 'PS11'), 1::bigint, 'one part for the police');

-- ---- police follow when the team is late ----
SET triage.now = '2026-03-03 10:00:00+08';
SELECT case_id AS c FROM triage.report('v110', '邻居吵架', 'Z11', reporter => 'r') \gset
SELECT triage.accept(:c) \g /dev/null
SELECT pg_temp.tick_at('2026-03-03 10:14:59+08') \g /dev/null
SELECT is(pg_temp.parties(:c), 'TOWN11 lead accepted, TEAM11 on_scene offered', 'before the limit');
SELECT pg_temp.tick_at('2026-03-03 10:15:00+08') \g /dev/null
SELECT is(pg_temp.parties(:c), 'TOWN11 lead accepted, TEAM11 on_scene offered, PS11 backup offered', 'at the limit: police are an additional party');
SELECT is((SELECT c.lead FROM triage.cases c WHERE c.case_id = :c), 'TOWN11', 'the civil lead stays');
SELECT is((SELECT count(*) FROM triage.clocks k WHERE k.case_id = :c AND k.assignment_seq = 3 AND k.stage = 'arrive' AND k.state = 'running'), 1::bigint, 'with a clock of its own');
SELECT is((SELECT string_agg(d.type, ' ') FROM triage.deliveries d WHERE d.case_id = :c AND d.endpoint = 'e_police'), 'assigned', 'and told once');
SET triage.now = '2026-03-03 10:16:00+08';
SELECT triage.arrive(:c, 'TEAM11') \g /dev/null
SELECT is(pg_temp.parties(:c), 'TOWN11 lead accepted, TEAM11 on_scene on_scene, PS11 backup withdrawn', 'the team is there first: backup withdrawn');
SELECT is((SELECT string_agg(k.state, ' ' ORDER BY k.clock_id) FROM triage.clocks k WHERE k.case_id = :c AND k.stage = 'arrive'), 'missed cancelled', 'its clock cancelled, the team''s missed');
SELECT is((SELECT string_agg(d.type, ' ' ORDER BY d.event_seq) FROM triage.deliveries d WHERE d.case_id = :c AND d.endpoint = 'e_police'), 'assigned withdrawn', 'the station is told');
SELECT pg_temp.tick_at('2026-03-03 10:40:00+08') \g /dev/null
SELECT is(pg_temp.parties(:c), 'TOWN11 lead accepted, TEAM11 on_scene on_scene, PS11 backup withdrawn', 'and nobody comes again');
SET triage.now = '2026-03-03 11:00:00+08';
SELECT case_id AS c FROM triage.report('v110', '邻居吵架', 'Z11', reporter => 'r') \gset
SELECT triage.accept(:c) \g /dev/null
SELECT triage.resolve(:c, 'resolved', '已调解') \g /dev/null
SELECT pg_temp.tick_at('2026-03-03 11:16:00+08') \g /dev/null
SELECT is(pg_temp.parties(:c), 'TOWN11 lead accepted, TEAM11 on_scene offered', 'no police for a case that is resolved and in review');

-- ---- triage ladder: the commander is alerted until somebody takes notice ----
SET triage.now = '2026-03-04 10:00:00+08';
SELECT case_id AS c FROM triage.report('web', '有人持刀', 'Z11', reporter => 'r') \gset
SELECT case_id AS calm FROM triage.report('web', '说不清', 'Z11', reporter => 'r') \gset
SELECT pg_temp.tick_at('2026-03-04 10:01:00+08') \g /dev/null
SELECT pg_temp.tick_at('2026-03-04 10:02:00+08') \g /dev/null
SELECT pg_temp.tick_at('2026-03-04 10:05:00+08') \g /dev/null
SELECT is(pg_temp.steps(:c, 'triage'), '1/0 yellow alert CENTRE1 00:00:00, 1/1 yellow alert CENTRE1 00:00:00, 1/2 yellow alert CENTRE1 00:02:00', 'danger: alerted every minute, missed repetitions are one');
SET triage.now = '2026-03-04 10:05:30+08';
SELECT triage.acknowledge(:c) \g /dev/null
SELECT pg_temp.tick_at('2026-03-04 10:06:00+08') \g /dev/null
SELECT is(pg_temp.steps(:c, 'triage'), '1/0 yellow alert CENTRE1 00:00:00, 1/1 yellow alert CENTRE1 00:00:00, 1/2 yellow alert CENTRE1 00:02:00', 'once acknowledged no further alert');
SELECT pg_temp.tick_at('2026-03-04 10:20:00+08') \g /dev/null
SELECT is(pg_temp.steps(:calm, 'triage'), '1/0 yellow alert CENTRE1 00:00:00', 'without danger: once');
BEGIN;
INSERT INTO triage.policy_steps (ladder, step, percent, colour, action, target, zh, en) VALUES ('triage', 2, 150, 'red', 'escalate', 'superior', '上报', 'escalate');
SET LOCAL triage.now = '2026-03-04 12:00:00+08';
SELECT case_id AS c FROM triage.report('web', '有人持刀', 'Z11', reporter => 'r') \gset
SELECT count(*) FROM generate_series(60, 300, 30) s, triage.tick('2026-03-04 12:00:00+08'::timestamptz + s * interval '1 second') \g /dev/null
SELECT is((SELECT count(*) FROM triage.clock_steps s WHERE s.case_id = :c AND s.action = 'alert'), 5::bigint, 'the alert repeats every minute although a later step follows');
ROLLBACK;

-- ---- the calendar changes while clocks run ----
UPDATE triage.clocks SET state = 'cancelled', next_step_at = NULL WHERE state = 'running';
SET triage.now = '2026-03-09 10:00:00+08';		-- a Monday
SELECT case_id AS c FROM triage.report('v110', '噪音', 'Z11', reporter => 'r') \gset
SELECT case_id AS accepted FROM triage.report('v110', '水管漏水', 'Z11', reporter => 'r') \gset
SELECT triage.accept(:accepted) \g /dev/null
SELECT triage.feed_back(:accepted, body => 'x') \g /dev/null
SELECT is(pg_temp.clocks(:c), 'accept/1 running 03-09 10:30, feedback/1 running 03-09 11:00, assist/2 running 03-09 10:20, resolve running 03-11 17:00', 'two workdays: Wednesday');
SELECT (SELECT array_agg(k.next_step_at ORDER BY k.clock_id) FROM triage.clocks k WHERE k.case_id = :c AND k.stage <> 'resolve') AS others,
	(SELECT c.version FROM triage.calendars c WHERE c.code = 'office') AS version \gset
SELECT triage.tick() \g /dev/null
INSERT INTO triage.calendar_days (calendar, day, kind, note) VALUES ('office', '2026-03-10', 'closed', '台风'), ('office', '2026-03-14', 'closed', '台风');
UPDATE triage.calendar_days SET note = '台风停工' WHERE note = '台风' AND day = '2026-03-14';
SELECT is((SELECT c.version FROM triage.calendars c WHERE c.code = 'office'), :version + 2, 'its version rises, once a transaction');
SELECT is((SELECT k.due_at FROM triage.clocks k WHERE k.case_id = :c AND k.stage = 'resolve'), '2026-03-11 17:00+08'::timestamptz, 'nothing moves in the transaction itself');
SET triage.now = '2026-03-09 10:01:00+08';
SELECT is((SELECT concat_ws(' ', t.fired, t.recomputed, t.more) FROM triage.tick() t), '0 2 f', 'tick() moves the clocks that run by it');
SELECT is((SELECT concat_ws(' ', t.fired, t.recomputed, t.more) FROM triage.tick() t), '0 0 f', 'once');
SELECT is((SELECT concat_ws(' ', k.due_at, k.next_step_at, k.calendar_version - :version) FROM triage.clocks k WHERE k.case_id = :c AND k.stage = 'resolve'), '2026-03-12 17:00:00+08 2026-03-12 11:36:00+08 2',
	'due moves by the closed day, and the ladder with it');
SELECT is((SELECT k.due_at FROM triage.clocks k WHERE k.case_id = :c AND k.stage = 'resolve'), triage.add_worktime('2026-03-12 08:00+08', '8h', 'office'), 'to the close of the second workday');
SELECT is((SELECT array_agg(k.next_step_at ORDER BY k.clock_id) FROM triage.clocks k WHERE k.case_id = :c AND k.stage <> 'resolve'), :'others'::timestamptz[], 'clocks without a calendar stay');
SELECT is((SELECT string_agg(concat_ws(' ', e.verb, e.data->>'clock_id', (e.data->>'was_due_at')::timestamptz, (e.data->>'due_at')::timestamptz), ', ') FROM triage.events e WHERE e.case_id = :c AND e.seq > 1),
	'recompute 4 2026-03-11 17:00:00+08 2026-03-12 17:00:00+08', 'an event tells what moved');
SELECT is(pg_temp.verbs(:accepted), 'report accept feed_back', 'no event where due stays: four work hours from Monday morning');
SELECT is((SELECT k.calendar_version - :version FROM triage.clocks k WHERE k.case_id = :accepted AND k.stage = 'resolve'), 2, 'but the clock knows the version it was measured by');
DELETE FROM triage.calendar_days WHERE note ^@ '台风';
SELECT is((SELECT t.recomputed FROM triage.tick() t), 2, 'the closed days are taken back');
SELECT is((SELECT k.due_at FROM triage.clocks k WHERE k.case_id = :c AND k.stage = 'resolve'), '2026-03-11 17:00+08'::timestamptz, 'and due is what it was');
SELECT triage.accept(:c, 'TOWN11') FROM (SELECT FROM triage.tick()) t \g /dev/null
SELECT triage.finish(:c, 'ENV') \g /dev/null
SELECT triage.resolve(:c, 'resolved', 'x') \g /dev/null
INSERT INTO triage.calendar_days (calendar, day, kind) VALUES ('office', '2026-03-10', 'closed');
SELECT is((SELECT t.recomputed FROM triage.tick() t), 1, 'a clock that has stopped is not moved any more');
SELECT is((SELECT concat_ws(' ', k.state, k.due_at) FROM triage.clocks k WHERE k.case_id = :c AND k.stage = 'resolve'), 'met 2026-03-11 17:00:00+08', 'it was judged by the calendar of its time');

-- ---- more to do than asked for ----
UPDATE triage.clocks SET next_step_at = NULL;
SET triage.now = '2026-03-05 10:00:00+08';
SELECT case_id AS a FROM triage.report('v110', '邻居吵架', 'Z11', reporter => 'r') \gset
SET triage.now = '2026-03-05 10:30:00+08';
SELECT case_id AS b FROM triage.report('v110', '邻居吵架', 'Z11', reporter => 'r') \gset
SELECT is((string_to_array(pg_temp.tick_at('2026-03-05 11:30:00+08', 1), ' '))[5], 't', 'max_cases 1 of two due: more');
SELECT is((string_to_array(pg_temp.tick_at('2026-03-05 11:30:00+08', 1), ' '))[5], 'f', 'then no more');

-- ---- a poisoned case ----
UPDATE triage.clocks SET next_step_at = NULL;
SET triage.now = '2026-03-06 10:00:00+08';
SELECT case_id AS bad FROM triage.report('v110', '水管漏水', 'Z11', reporter => 'r') \gset
SELECT case_id AS good FROM triage.report('v110', '水管漏水', 'Z11', reporter => 'r') \gset
CREATE TEMP TABLE kept AS SELECT * FROM triage.events e WHERE e.case_id = :bad;
ALTER TABLE triage.events DISABLE TRIGGER append_only;
DELETE FROM triage.events e WHERE e.case_id = :bad;
ALTER TABLE triage.events ENABLE TRIGGER append_only;
SELECT is(pg_temp.refusal($$SELECT pg_temp.tick_at('2026-03-06 10:24:00+08')$$), NULL::text, 'a case that fails is set aside, tick() goes on');
SELECT is((SELECT concat_ws(' ', q.tries, q.sqlstate, q.retry_at, q.reason) FROM triage.quarantine q WHERE q.case_id = :bad), format('1 XX001 2026-03-06 10:24:30+08 case %s has no event 1', :bad), 'with the reason and the time of the next try');
SELECT is(pg_temp.steps(:good, 'accept'), '1/0 blue remind TOWN11 00:00:00', 'the others fire');
SELECT is(pg_temp.refusal($$SELECT pg_temp.tick_at('2026-03-06 10:24:10+08')$$), NULL::text, 'not tried again too early');
SELECT is((SELECT q.tries FROM triage.quarantine q WHERE q.case_id = :bad), 1, 'still one try');
SELECT is(pg_temp.refusal($$SELECT pg_temp.tick_at('2026-03-06 10:24:30+08')$$), NULL::text, 'tried again later');
SELECT is((SELECT concat_ws(' ', q.tries, q.retry_at) FROM triage.quarantine q WHERE q.case_id = :bad), '2 2026-03-06 10:25:30+08', 'and waits twice as long');
INSERT INTO triage.events SELECT * FROM kept;
SELECT is(pg_temp.refusal($$SELECT pg_temp.tick_at('2026-03-06 10:26:00+08')$$), NULL::text, 'mended');
SELECT is(pg_temp.steps(:bad, 'accept'), '1/0 blue remind TOWN11 00:02:00', 'its step is late, not lost');
SELECT is((SELECT count(*) FROM triage.quarantine), 0::bigint, 'and it is no longer aside');

-- ---- refusals ----
SET triage.now = '2026-03-06 11:00:00+08';
SET ROLE t060_cron;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT is(pg_temp.refusal('SELECT triage.tick()'), '0A000 tick() needs isolation level READ COMMITTED', 'not in REPEATABLE READ');
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT is(pg_temp.refusal('SELECT triage.tick()'), '0A000 tick() needs isolation level READ COMMITTED', 'nor in SERIALIZABLE');
ROLLBACK;
SELECT is(pg_temp.refusal($$SELECT triage.tick('2026-03-06 12:00+08')$$), 'TR002 tick() at a time to come is for administrators', 'the future is for administrators');
SELECT is(pg_temp.refusal($$SELECT triage.tick(max_cases => 0)$$), 'TR003 argument "max_cases" is out of range', 'max_cases 0');
SELECT is(pg_temp.refusal($$SET triage.now = '2030-01-01'$$), '42501 permission denied to set parameter "triage.now"', 'the clock is not an ordinary role''s to move');
RESET ROLE;
SELECT is(pg_temp.refusal($$SELECT triage.tick('2026-03-06 12:00+08')$$), NULL::text, 'an administrator may look ahead');
SELECT is(pg_temp.refusal($$SELECT triage.tick('infinity')$$) ~ '^(TR|22)', true, 'an infinite time is refused as such');
-- ---- moved clock ----
SELECT is(triage.clock(), '2026-03-06 11:00+08'::timestamptz, 'a moved clock stands');
SELECT set_config('triage.now_since', (clock_timestamp() - interval '10 seconds')::text, false), set_config('triage.time_scale', '60', false) \g /dev/null
SELECT ok(triage.clock() BETWEEN '2026-03-06 11:10+08' AND '2026-03-06 11:30+08', 'or runs faster from where it was set');
RESET triage.now_since; RESET triage.time_scale;

-- ---- events never go back in time ----
SELECT case_id AS c FROM triage.report('v110', '水管漏水', 'Z11', reporter => 'r') \gset
SET triage.now = '2026-03-06 10:30:00+08';
SELECT triage.accept(:c) \g /dev/null
SELECT is((SELECT min(e.at) || ' ' || max(e.at) FROM triage.events e WHERE e.case_id = :c), '2026-03-06 11:00:00+08 2026-03-06 11:00:00+08', 'though the clock does');

-- ---- working time ----
SET ROLE t060_cron;
SELECT is(triage.add_worktime(t.a::timestamptz, t.amount::interval, 'office'), t.b::timestamptz, 'add_worktime ' || t.a || ' ' || t.amount)
FROM (VALUES ('2026-03-02 10:00', '1h', '2026-03-02 11:00'), ('2026-03-02 11:00', '2h', '2026-03-02 14:00'), ('2026-03-02 10:00', '0', '2026-03-02 10:00'), ('2026-03-02 07:00', '1 min', '2026-03-02 08:01'),
	('2026-03-13 16:00', '2h', '2026-03-17 09:00'), ('2026-03-17 16:00', '2h', '2026-03-18 11:00'), ('2026-03-20 16:00', '1 day', '2026-03-24 16:00')) t(a, amount, b);
SELECT is(triage.worktime_between('2026-03-13 16:00', '2026-03-18 11:00', 'office'), '10:00'::interval, 'worktime_between over weekend, holiday and a short day');
SELECT is(triage.worktime_between('2026-03-20 16:00', '2026-03-23 08:00', 'office'), '9:00'::interval, 'a worked Saturday has the hours of a Friday');
SELECT is(triage.worktime_between('2026-03-18 11:00', '2026-03-13 16:00', 'office'), '-10:00'::interval, 'negative backwards');
SELECT is(triage.next_opening(t.a::timestamptz, 'office'), t.b::timestamptz, 'next_opening ' || t.a)
FROM (VALUES ('2026-03-02 10:00', '2026-03-02 10:00'), ('2026-03-02 12:00', '2026-03-02 13:00'), ('2026-03-13 17:00', '2026-03-17 08:00'), ('2026-03-18 09:00', '2026-03-18 10:00')) t(a, b);
SELECT setseed(0.42) \g /dev/null
CREATE TEMP TABLE amounts AS SELECT '2026-02-01'::timestamptz + random() * interval '80 days' AS a, make_interval(secs => floor(random() * 300000)) AS amount FROM generate_series(1, 200);
SELECT is((SELECT count(*) FROM amounts x WHERE triage.worktime_between(x.a, triage.add_worktime(x.a, x.amount, 'office'), 'office') = x.amount), 200::bigint, 'worktime_between(a, add_worktime(a, x)) = x, 200 random values');
SELECT is((SELECT count(*) FROM amounts x, triage.next_opening(x.a, 'office') o WHERE o >= x.a AND triage.worktime_between(x.a, o, 'office') = '0'), 200::bigint, 'no working time before the next opening');
SELECT is(triage.add_worktime('2026-03-02 10:00', '1h', 'night'), NULL::timestamptz, 'a calendar that never opens');
SELECT is(triage.next_opening('2026-03-02 10:00', 'night'), NULL::timestamptz, 'nor is there an opening');
SELECT is(triage.worktime_between('2026-03-02 10:00', '2026-03-05', 'night'), '0'::interval, 'nor any time');
SELECT is(pg_temp.refusal(t.s), t.e, t.s)
FROM (VALUES ($$SELECT triage.add_worktime('2026-03-02', '1h', 'nope')$$, 'TR003 calendar "nope" does not exist'), ($$SELECT triage.next_opening('2026-03-02', NULL)$$, 'TR003 argument "calendar" must not be null'),
	($$SELECT triage.add_worktime(NULL, '1h', 'office')$$, 'TR003 argument "start" must not be null'), ($$SELECT triage.add_worktime('2026-03-02', NULL, 'office')$$, 'TR003 argument "amount" must not be null'),
	($$SELECT triage.worktime_between('2026-03-02', NULL, 'office')$$, 'TR003 argument "b" must not be null'), ($$SELECT triage.add_worktime('2026-03-02', '1 month', 'office')$$, '22023 argument "amount" must be an amount of working time'),
	($$SELECT triage.add_worktime('2026-03-02', '-1h', 'office')$$, '22023 argument "amount" must be an amount of working time'), ($$SELECT triage.next_opening('infinity', 'office')$$, '22008 argument "at" must be a finite time')) t(s, e);
SELECT is(triage.add_worktime('2026-03-02', '106751992 days', 'office'), NULL::timestamptz, 'an amount beyond 64 bits of microseconds is not taken for negative')
WHERE pg_temp.refusal($$SELECT triage.add_worktime('2026-03-02', '106751992 days', 'office')$$) IS NULL;
SELECT is(pg_temp.refusal($$SELECT triage.add_worktime('2026-03-02', '106751992 days', 'office')$$) IS DISTINCT FROM '22023 argument "amount" must be an amount of working time', true, 'nor refused as negative');
RESET ROLE;

SELECT * FROM finish();
DROP OWNED BY t060_cron;
DROP ROLE t060_cron;
