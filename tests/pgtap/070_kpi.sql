-- Counting: what each figure counts, that past periods stand still, the sources' numbers.
-- Source: sql/42_kpi.sql; domain notes 5.
BEGIN;

SELECT plan(94);

-- ---- a small world, with codes of its own ----

INSERT INTO triage.calendars (code, zh, en, timezone) VALUES ('a_kpi', 'x', 'x', 'Asia/Shanghai');
INSERT INTO triage.calendar_hours (calendar, weekday, opens, closes) VALUES ('a_kpi', 1, '08:00', '17:00');
INSERT INTO triage.areas (code, parent, zh, level) VALUES
	('k', NULL, '县', 'county'), ('k1', 'k', '甲镇', 'town'), ('k11', 'k1', '甲村', 'village'), ('k2', 'k', '乙镇', 'town');
INSERT INTO triage.departments (code, kind, zh, en, level, area, superior) VALUES
	('k_ps', 'T_PS', '派出所', 'Police station', 'town', 'k', 'PSB'),
	('k_psb', 'PSB', '公安局', 'Police bureau', 'county', 'k', NULL),
	('k_110', 'P110', '接警中心', 'Call centre', 'county', 'k', 'PSB'),
	('k_lock', 'LOCK', '开锁', 'Locksmith', 'social', 'k', 'PSB'),
	('k_city', 'CITY', '城管', 'City management', 'county', 'k', NULL);
INSERT INTO triage.channels (code, zh, en, kind, department, confirm_danger, needs_caller, allows_anonymous) VALUES
	('k110', 'x', 'x', 'voice', 'k_110', false, true, true),
	('k12345', 'x', 'x', 'voice', 'k_city', false, true, true),
	('kgrid', 'x', 'x', 'grid', 'k_city', false, false, true);
INSERT INTO triage.case_types (code, parent, zh, en, nature, priority) VALUES
	('group', NULL, 'x', 'x', 'undetermined', 3), ('plain', 'group', 'x', 'x', 'nonpolice', 3);

SET LOCAL triage.now = '2025-06-01 12:00+08';

-- a case whose type is the scenario's name, so that each can be looked at by itself
CREATE FUNCTION pg_temp.kase(scenario text, at timestamptz, report jsonb DEFAULT '{}', kind text DEFAULT 'incident') RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	id	bigint;
	d	jsonb := '{"channel": "k110", "status": "dispatched", "nature": "nonpolice", "priority": 3, "danger": false, "area": "k11", "lead": "k_city"}'
		|| jsonb_build_object('case_type', scenario) || report;
BEGIN
	INSERT INTO triage.cases (number, kind, channel, reported_at, received_at, area, case_type, nature, priority, danger, status, lead,
		dispatched_at, report_count, event_seq, rulebook_version, attrs)
	VALUES ('k', kind, d->>'channel', at, at, d->>'area', scenario, d->>'nature', (d->>'priority')::int, (d->>'danger')::boolean,
		d->>'status', d->>'lead', at, 1, 1, 1, '{}')
	RETURNING case_id INTO id;
	INSERT INTO triage.events (case_id, seq, at, actor, verb, data, hash) VALUES (id, 1, at, 'x', 'report', jsonb_strip_nulls(d), '\x00');
	RETURN id;
END
$$;

CREATE FUNCTION pg_temp.event(id bigint, at timestamptz, verb text, data jsonb DEFAULT '{}') RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO triage.events (case_id, seq, at, actor, verb, data, hash)
		SELECT $1, max(e.seq) + 1, $2, 'x', $3, $4, '\x00' FROM triage.events e WHERE e.case_id = $1
	RETURNING case_id
$$;

CREATE FUNCTION pg_temp.limit(id bigint, stage text, start timestamptz, due timestamptz, state text DEFAULT 'running', stopped timestamptz DEFAULT NULL)
RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO triage.clocks (case_id, clock_id, assignment_seq, stage, state, policy, policy_version, amount, unit, next_step, occurrence,
			started_at, due_at, stopped_at)
		SELECT $1, coalesce(max(k.clock_id), 0) + 1, 1, $2, $5, 'x', 1, 1, 'min', 0, 0, $3, $4, $6 FROM triage.clocks k WHERE k.case_id = $1
	RETURNING case_id
$$;

-- the figures of one scenario that count anything, in the catalogue's order
CREATE FUNCTION pg_temp.figures(scenario text, since timestamptz DEFAULT '2025-03-01 00:00+08', until timestamptz DEFAULT '2025-04-01 00:00+08')
RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(split_part(f.kpi, '@', 1) || ' ' || f.numerator || coalesce('/' || f.denominator, ''), ', ' ORDER BY x.ord), 'none')
	FROM triage.kpi($2, $3, '{case_type}') f JOIN triage.kpi_formulas x ON x.id = f.kpi
	WHERE f.keys->>'case_type' = $1 AND (f.denominator > 0 OR (f.denominator IS NULL AND f.numerator > 0))
$$;

-- ---- the one place where counts become a rate; counts of the sources, not what they print ----

SELECT is(triage.rate(33957, 47386), 71.66, 'Yongkang, diverted');
SELECT is(triage.rate(33397, 33957), 98.35, 'Yongkang, resolved');
SELECT is(triage.rate(6013, 6024), 99.82, 'Shengzhou, printed 99.13');
SELECT is(triage.rate(1500, 2000), 75.00, 'one mediator of Wucheng, printed 94.5');
SELECT is(triage.rate(2573, 5333), 48.25, 'Wenling, diverted');
SELECT is(triage.rate(1, 800), 0.13, 'a half is rounded away from zero');
SELECT is(triage.rate(9223372036854775807, 9223372036854775807), 100.00, 'no overflow');
SELECT is(triage.rate(0, 0), NULL, 'nothing out of nothing is no rate');
SELECT is(triage.rate(0, 7), 0.00, 'nothing out of something is zero');
SELECT is(triage.rate(NULL, 7), NULL, 'unknown stays unknown');

-- ---- scenarios ----

DO $$
DECLARE
	d	CONSTANT timestamptz := '2025-03-10 08:00+08';
	m	CONSTANT interval := '1 minute';
	c	bigint;
	f	CONSTANT jsonb := '{"department": "k_city", "assignment": 1, "duty": "lead"}';
BEGIN
	-- everything in time, to the end
	c := pg_temp.kase('plain', d);
	PERFORM pg_temp.limit(c, 'accept', d, d + 30 * m), pg_temp.limit(c, 'feedback', d, d + 300 * m), pg_temp.limit(c, 'arrive', d, d + 60 * m),
		pg_temp.limit(c, 'resolve', d, d + 3000 * m);
	PERFORM pg_temp.event(c, d + 30 * m, 'accept', f);
	PERFORM pg_temp.event(c, d + 50 * m, 'arrive', f);
	PERFORM pg_temp.event(c, d + 300 * m, 'feed_back', f);
	PERFORM pg_temp.event(c, d + 400 * m, 'resolve', f || '{"outcome": "resolved", "settled": true}');
	PERFORM pg_temp.event(c, d + 500 * m, 'inform', '{"source_seq": 1}');
	PERFORM pg_temp.event(c, d + 500 * m, 'close_case', '{"outcome": "resolved"}');

	-- everything late; the police came instead; passed down; not settled; nobody told
	c := pg_temp.kase('late', d);
	PERFORM pg_temp.limit(c, 'accept', d, d + 30 * m), pg_temp.limit(c, 'feedback', d, d + 300 * m), pg_temp.limit(c, 'arrive', d, d + 60 * m),
		pg_temp.limit(c, 'resolve', d, d + 3000 * m);
	PERFORM pg_temp.event(c, d + 24 * m, 'step', '{"clock_id": 1}');
	PERFORM pg_temp.event(c, d + 30 * m, 'step', '{"clock_id": 1}');
	PERFORM pg_temp.event(c, d + 31 * m, 'accept', f);
	PERFORM pg_temp.event(c, d + 60 * m, 'police_backup', '{"department": "k_ps", "clock_id": 3}');
	PERFORM pg_temp.limit(c, 'arrive', d + 60 * m, d + 70 * m);
	PERFORM pg_temp.event(c, d + 60 * m, 'step', '{"clock_id": 3}');
	PERFORM pg_temp.event(c, d + 61 * m, 'arrive', '{"department": "k_ps", "assignment": 2, "duty": "backup"}');
	PERFORM pg_temp.event(c, d + 62 * m, 'arrive', '{"department": "k_x", "assignment": 3, "duty": "on_scene"}');
	PERFORM pg_temp.event(c, d + 100 * m, 'transfer', '{"department": "k_y"}');
	PERFORM pg_temp.event(c, d + 301 * m, 'feed_back', f);
	PERFORM pg_temp.event(c, d + 3001 * m, 'resolve', f || '{"outcome": "withdrawn", "settled": false}');
	PERFORM pg_temp.event(c, d + 3002 * m, 'close_case');

	-- others than the lead do not accept or feed back for it; the first unit on the scene counts
	c := pg_temp.kase('others', d);
	PERFORM pg_temp.limit(c, 'accept', d, d + 30 * m), pg_temp.limit(c, 'feedback', d, d + 300 * m), pg_temp.limit(c, 'arrive', d, d + 60 * m);
	PERFORM pg_temp.event(c, d + 10 * m, 'accept', '{"department": "k_x", "assignment": 2, "duty": "assist"}');
	PERFORM pg_temp.event(c, d + 20 * m, 'arrive', '{"department": "k_z", "assignment": 3, "duty": "on_scene"}');
	PERFORM pg_temp.event(c, d + 90 * m, 'feed_back', '{"department": "k_x", "assignment": 2, "duty": "assist"}');

	-- the lead arrives and thereby accepts; its result is feedback too
	c := pg_temp.kase('implied', d);
	PERFORM pg_temp.limit(c, 'accept', d, d + 30 * m), pg_temp.limit(c, 'feedback', d, d + 300 * m), pg_temp.limit(c, 'arrive', d, d + 60 * m);
	PERFORM pg_temp.event(c, d + 20 * m, 'arrive', f);
	PERFORM pg_temp.event(c, d + 100 * m, 'resolve', f || '{"settled": true}');

	-- done in time, written down late
	c := pg_temp.kase('happened', d);
	PERFORM pg_temp.limit(c, 'accept', d, d + 30 * m);
	PERFORM pg_temp.event(c, d + 200 * m, 'accept', f || '{"happened_at": "2025-03-10T00:20:00.000000Z"}');

	-- closed although nobody went; the arrive limit fell away with it, in time
	c := pg_temp.kase('unvisited', d);
	PERFORM pg_temp.limit(c, 'arrive', d, d + 600 * m, 'cancelled', d + 50 * m);
	PERFORM pg_temp.event(c, d + 10 * m, 'accept', f);
	PERFORM pg_temp.event(c, d + 40 * m, 'resolve', f || '{"settled": true}');
	PERFORM pg_temp.event(c, d + 50 * m, 'inform');
	PERFORM pg_temp.event(c, d + 50 * m, 'close_case');
	-- one that had run out before it fell away is late
	c := pg_temp.kase('cancelled late', d);
	PERFORM pg_temp.limit(c, 'arrive', d, d + 60 * m, 'cancelled', d + 61 * m);

	-- settled, then reopened; settled, then sent back; sent back, then settled
	c := pg_temp.kase('reopened', d);
	PERFORM pg_temp.event(c, d + 1 * m, 'accept', f);
	PERFORM pg_temp.event(c, d + 2 * m, 'resolve', f || '{"settled": true}');
	PERFORM pg_temp.event(c, d + 3 * m, 'close_case');
	PERFORM pg_temp.event(c, d + 4 * m, 'reopen');
	c := pg_temp.kase('sent back', d);
	PERFORM pg_temp.event(c, d + 2 * m, 'resolve', f || '{"settled": true}');
	PERFORM pg_temp.event(c, d + 3 * m, 'review', '{"pass": false, "fault": "too_brief"}');
	c := pg_temp.kase('redone', d);
	PERFORM pg_temp.event(c, d + 2 * m, 'resolve', f || '{"settled": true}');
	PERFORM pg_temp.event(c, d + 3 * m, 'review', '{"pass": false, "fault": "wrong"}');
	PERFORM pg_temp.event(c, d + 4 * m, 'resolve', f || '{"settled": true}');
	PERFORM pg_temp.event(c, d + 5 * m, 'review', '{"pass": true}');

	-- extended; on the books; on the books after the limit
	c := pg_temp.kase('extended', d);
	PERFORM pg_temp.limit(c, 'resolve', d, d + 9000 * m);
	PERFORM pg_temp.event(c, d + 10 * m, 'decide_extension',
		jsonb_build_object('approve', true, 'clock_id', 1, 'was_due_at', d + 3000 * m, 'due_at', d + 9000 * m));
	PERFORM pg_temp.event(c, d + 4000 * m, 'resolve', f || '{"settled": true}');
	c := pg_temp.kase('extended beyond', d);
	PERFORM pg_temp.limit(c, 'resolve', d, '2025-04-20 00:00+08');
	PERFORM pg_temp.event(c, d + 10 * m, 'decide_extension',
		jsonb_build_object('approve', true, 'clock_id', 1, 'was_due_at', d + 3000 * m, 'due_at', '2025-04-20 00:00+08'));
	c := pg_temp.kase('suspended', d);
	PERFORM pg_temp.limit(c, 'accept', d, d + 30 * m), pg_temp.limit(c, 'resolve', d, d + 3000 * m, 'paused');
	PERFORM pg_temp.event(c, d + 1 * m, 'accept', f);
	PERFORM pg_temp.event(c, d + 10 * m, 'suspend');
	c := pg_temp.kase('suspended late', d);
	PERFORM pg_temp.limit(c, 'resolve', d, d + 3000 * m, 'paused');
	PERFORM pg_temp.event(c, d + 3001 * m, 'suspend');

	-- the desk: answered; waiting; waiting, then sent out; handed over; to the police; void; merged; merged by mistake
	c := pg_temp.kase('answered', d, '{"channel": "k12345", "status": "triage", "nature": "undetermined", "lead": "k_x"}');
	PERFORM pg_temp.event(c, d + 2 * m, 'inform');
	PERFORM pg_temp.event(c, d + 2 * m, 'answer', '{"outcome": "answered"}');
	c := pg_temp.kase('pending', d, '{"status": "triage", "nature": "undetermined"}');
	c := pg_temp.kase('desk', d, '{"status": "triage", "nature": "undetermined", "lead": "k_x"}');
	PERFORM pg_temp.limit(c, 'triage', d, d + 5 * m, 'met', d + 3 * m);
	PERFORM pg_temp.event(c, d + 3 * m, 'dispatch', '{"department": "k_city", "nature": "nonpolice", "case_type": "desk", "area": "k2", "priority": 2, "danger": true}');
	PERFORM pg_temp.limit(c, 'accept', d + 3 * m, d + 33 * m, 'met', d + 33 * m);
	PERFORM pg_temp.event(c, d + 33 * m, 'accept', f);
	c := pg_temp.kase('handed over', d, '{"status": "triage", "nature": "undetermined"}');
	PERFORM pg_temp.event(c, d + 3 * m, 'hand_over', '{"department": "k_hotline"}');
	c := pg_temp.kase('to police', d, '{"status": "triage", "nature": "undetermined"}');
	PERFORM pg_temp.event(c, d + 3 * m, 'to_police', '{"department": "k_ps"}');
	c := pg_temp.kase('void', d);
	PERFORM pg_temp.limit(c, 'accept', d, d + 30 * m);
	PERFORM pg_temp.event(c, d + 3 * m, 'void_case');
	c := pg_temp.kase('merged', d);
	PERFORM pg_temp.event(c, d + 3 * m, 'merge', '{"into_case": 1}');
	c := pg_temp.kase('unmerged', d);
	PERFORM pg_temp.event(c, d + 3 * m, 'merge', '{"into_case": 1}');
	PERFORM pg_temp.event(c, d + 4 * m, 'unmerge');
	c := pg_temp.kase('swallowed another', d);
	PERFORM pg_temp.event(c, d + 3 * m, 'merge', '{"from_case": 1}');

	-- natures and leads
	PERFORM pg_temp.kase('police', d, '{"nature": "police", "lead": "k_ps"}'), pg_temp.kase('police diverted', d, '{"nature": "police"}'),
		pg_temp.kase('kept by police', d, '{"lead": "k_psb"}'), pg_temp.kase('kept by 110', d, '{"lead": "k_110"}'),
		pg_temp.kase('locksmith', d, '{"lead": "k_lock"}'), pg_temp.kase('joint', d, '{"nature": "joint"}'),
		pg_temp.kase('grid', d, '{"channel": "kgrid"}'), pg_temp.kase('task', d, '{}', 'task');
	c := pg_temp.kase('grid closed', d, '{"channel": "kgrid"}');
	PERFORM pg_temp.event(c, d + 3 * m, 'close_case');

	-- sent on to another lead later: the first decision is what counts
	c := pg_temp.kase('twice', d);
	PERFORM pg_temp.limit(c, 'accept', d, d + 30 * m, 'cancelled', d + 10 * m);
	PERFORM pg_temp.event(c, d + 10 * m, 'dispatch', '{"department": "k_ps", "nature": "police"}');
	PERFORM pg_temp.limit(c, 'accept', d + 10 * m, d + 40 * m);

	-- at the edges of March, local time
	PERFORM pg_temp.kase('last of February', '2025-02-28 23:59:59.999999+08'), pg_temp.kase('first of March', '2025-03-01 00:00+08'),
		pg_temp.kase('last of March', '2025-03-31 23:59:59.999999+08'), pg_temp.kase('first of April', '2025-04-01 00:00+08');
	-- called in February, sent out in March; again in March, first in February
	c := pg_temp.kase('carried over', '2025-02-28 23:00+08', '{"status": "triage", "nature": "undetermined"}');
	PERFORM pg_temp.event(c, '2025-03-01 01:00+08', 'dispatch', '{"department": "k_city", "nature": "nonpolice"}');
	c := pg_temp.kase('carried over twice', '2025-02-27 23:00+08', '{"status": "triage", "nature": "undetermined"}');
	PERFORM pg_temp.event(c, '2025-02-28 01:00+08', 'dispatch', '{"department": "k_city", "nature": "nonpolice"}');
	PERFORM pg_temp.event(c, '2025-03-01 01:00+08', 'dispatch', '{"department": "k_city", "nature": "nonpolice"}');
	-- entered in March, called years ago
	c := pg_temp.kase('entered late', d);
	UPDATE triage.cases SET reported_at = '2019-01-01' WHERE case_id = c;
	-- what happens in April is not known in March
	c := pg_temp.kase('accepted after', '2025-03-31 20:00+08');
	PERFORM pg_temp.limit(c, 'accept', '2025-03-31 20:00+08', '2025-03-31 20:30+08', 'missed', '2025-04-01 09:00+08');
	PERFORM pg_temp.event(c, '2025-04-01 09:00+08', 'accept', f);
	c := pg_temp.kase('recorded after', '2025-03-31 20:00+08');
	PERFORM pg_temp.limit(c, 'accept', '2025-03-31 20:00+08', '2025-03-31 20:30+08', 'met', '2025-03-31 20:10+08');
	PERFORM pg_temp.event(c, '2025-04-01 09:00+08', 'accept', f || '{"happened_at": "2025-03-31T12:10:00Z"}');
	c := pg_temp.kase('due after', '2025-03-31 20:00+08');
	PERFORM pg_temp.limit(c, 'accept', '2025-03-31 20:00+08', '2025-04-01 00:00+08');
	c := pg_temp.kase('accepted before due after', '2025-03-31 20:00+08');
	PERFORM pg_temp.limit(c, 'accept', '2025-03-31 20:00+08', '2025-04-01 00:00+08', 'met', '2025-03-31 20:01+08');
	PERFORM pg_temp.event(c, '2025-03-31 20:01+08', 'accept', f);
	-- running now
	c := pg_temp.kase('now', '2025-06-01 11:00+08');
	PERFORM pg_temp.limit(c, 'accept', '2025-06-01 11:00+08', '2025-06-01 11:30+08'), pg_temp.limit(c, 'feedback', '2025-06-01 11:00+08', '2025-06-01 13:00+08');
END
$$;

SELECT is(pg_temp.figures('plain'), 'reported 1, alarms 1, dispatched 1, diverted 1, diversion_rate_a 1/1, diversion_rate_b 1/1, resolution_rate 1/1, '
	'on_time_acceptance 1/1, on_time_arrival 1/1, on_time_feedback 1/1, on_time_closing 1/1, on_time_closing_strict 1/1, closing_rate 1/1, reply_rate 1/1, '
	'accepted 1, on_scene 1, closed 1', 'everything in time, to the very minute');
SELECT is(pg_temp.figures('late'), 'reported 1, alarms 1, dispatched 1, diverted 1, diversion_rate_a 1/1, diversion_rate_b 1/1, resolution_rate 0/1, '
	'on_time_acceptance 0/1, on_time_arrival 0/1, on_time_feedback 0/1, on_time_closing 0/1, on_time_closing_strict 0/1, closing_rate 1/1, reply_rate 0/1, '
	'accepted 1, on_scene 1, closed 1, police_backup 1, transferred 1, steps_fired 3, late_clocks 4', 'everything late by a minute; police backup does not arrive for the team');
SELECT is(pg_temp.figures('others'), 'reported 1, alarms 1, dispatched 1, diverted 1, diversion_rate_a 1/1, diversion_rate_b 1/1, resolution_rate 0/1, '
	'on_time_acceptance 0/1, on_time_arrival 1/1, on_time_feedback 0/1, on_scene 1, late_clocks 2', 'who else does something');
SELECT is(pg_temp.figures('implied'), 'reported 1, alarms 1, dispatched 1, diverted 1, diversion_rate_a 1/1, diversion_rate_b 1/1, resolution_rate 1/1, '
	'on_time_acceptance 1/1, on_time_arrival 1/1, on_time_feedback 1/1, closing_rate 0/1, accepted 1, on_scene 1', 'arriving accepts, resolving feeds back');
SELECT matches(pg_temp.figures('happened'), 'on_time_acceptance 1/1', 'when it happened counts, not when it was written down');
SELECT is(pg_temp.figures('unvisited'), 'reported 1, alarms 1, dispatched 1, diverted 1, diversion_rate_a 1/1, diversion_rate_b 1/1, resolution_rate 1/1, '
	'closing_rate 1/1, reply_rate 1/1, accepted 1, closed 1, closed_unvisited 1', 'closed although nobody went');
SELECT matches(pg_temp.figures('cancelled late'), 'on_time_arrival 0/1, late_clocks 1$', 'a limit that fell away after it had run out');
SELECT matches(pg_temp.figures('reopened'), 'resolution_rate 0/1, closing_rate 0/1, accepted 1$', 'reopened is neither resolved nor closed');
SELECT matches(pg_temp.figures('sent back'), 'resolution_rate 0/1$', 'sent back by the review is not resolved');
SELECT matches(pg_temp.figures('redone'), 'resolution_rate 1/1$', 'resolved again is resolved');
SELECT matches(pg_temp.figures('extended'), 'on_time_closing 1/1, on_time_closing_strict 0/1$', 'an extension counts, and is shown without too');
SELECT matches(pg_temp.figures('extended beyond'), 'resolution_rate 0/1, on_time_closing_strict 0/1$', 'extended beyond the period: only the first limit has run out');
SELECT matches(pg_temp.figures('suspended'), 'on_time_acceptance 1/1, closing_rate 0/1, accepted 1$', 'on the books no limit runs out; what was met before stays met');
SELECT matches(pg_temp.figures('suspended late'), 'on_time_closing 0/1, on_time_closing_strict 0/1, late_clocks 1$', 'suspending a late case does not make it less late');
SELECT is(pg_temp.figures('answered'), 'reported 1, answered 1, diversion_rate_a 0/1, reply_rate 1/1, closed 1', 'answered at the desk');
SELECT is(pg_temp.figures('pending'), 'reported 1, alarms 1, triage_pending 1, diversion_rate_b 0/1', 'waiting at the desk');
SELECT is(pg_temp.figures('desk'), 'reported 1, alarms 1, dispatched 1, diverted 1, diversion_rate_a 1/1, diversion_rate_b 1/1, resolution_rate 0/1, '
	'on_time_acceptance 1/1, closing_rate 0/1, accepted 1', 'sent out by the desk: its limits begin there');
SELECT is(pg_temp.figures('handed over'), 'reported 1, alarms 1, dispatched 1, diverted 1, diversion_rate_a 1/1, diversion_rate_b 1/1, resolution_rate 0/1', 'handed over to the hotline');
SELECT is(pg_temp.figures('to police'), 'reported 1, alarms 1, dispatched 1, diversion_rate_b 0/1', 'to the police');
SELECT is(pg_temp.figures('void'), 'reported 1, voided 1', 'void is in no rate');
SELECT is(pg_temp.figures('merged'), 'reported 1, merged 1', 'merged is in no rate');
SELECT matches(pg_temp.figures('unmerged'), 'reported 1, alarms 1, dispatched 1', 'restored counts again');
SELECT matches(pg_temp.figures('swallowed another'), 'reported 1, alarms 1, dispatched 1', 'the surviving case counts');
SELECT is(pg_temp.figures('police'), 'reported 1, alarms 1, dispatched 1, diversion_rate_b 0/1', 'a police matter');
SELECT is(pg_temp.figures('police diverted'), 'reported 1, alarms 1, dispatched 1, police_diverted 1, diversion_rate_b 0/1', 'a police matter diverted is an alarm, not a success');
SELECT is(pg_temp.figures('kept by police'), 'reported 1, alarms 1, dispatched 1, diversion_rate_a 0/1, diversion_rate_b 0/1', 'non-police, kept by the bureau');
SELECT is(pg_temp.figures('kept by 110'), 'reported 1, alarms 1, dispatched 1, diversion_rate_a 0/1, diversion_rate_b 0/1', 'non-police, kept by a unit of the bureau');
SELECT matches(pg_temp.figures('locksmith'), 'diversion_rate_a 1/1', 'a service registered with the bureau is not the police');
SELECT is(pg_temp.figures('joint'), 'reported 1, alarms 1, dispatched 1, joint 1, diversion_rate_b 0/1', 'joint is not diverted');
SELECT is(pg_temp.figures('grid'), 'reported 1, dispatched 1, diverted 1, diversion_rate_a 1/1, resolution_rate 0/1', 'what the grid reports is no alarm');
SELECT matches(pg_temp.figures('grid closed'), 'resolution_rate 0/1, closed 1$', 'nobody to reply to');
SELECT is(pg_temp.figures('task'), 'none', 'a task is no incident');
SELECT is(pg_temp.figures('twice'), 'reported 1, alarms 1, dispatched 1, diverted 1, diversion_rate_a 1/1, diversion_rate_b 1/1, resolution_rate 0/1', 'the first decision counts, and its limits');

-- ---- where a case belongs, and what is known ----

SELECT is(pg_temp.figures('last of February'), 'none', 'since is the first instant');
SELECT matches(pg_temp.figures('first of March'), '^reported 1,', 'and belongs to the period');
SELECT matches(pg_temp.figures('last of March'), '^reported 1,', 'until the last instant');
SELECT is(pg_temp.figures('first of April'), 'none', 'until itself is out');
SELECT is(pg_temp.figures('carried over'), 'dispatched 1, diverted 1, diversion_rate_a 1/1, resolution_rate 0/1', 'called in February, sent out in March: March');
SELECT is(pg_temp.figures('carried over', '2025-02-01 00:00+08', '2025-03-01 00:00+08'), 'reported 1, alarms 1, triage_pending 1, diversion_rate_b 0/1', 'February: called');
SELECT is(pg_temp.figures('carried over twice'), 'none', 'sent out again in March: counted in February');
SELECT matches(pg_temp.figures('entered late'), '^reported 1,', 'a report entered late belongs to the period of its entry');
SELECT is(pg_temp.figures('entered late', '2018-12-01', '2019-02-01'), 'none', 'so the old period stands');
SELECT matches(pg_temp.figures('accepted after'), 'on_time_acceptance 0/1, late_clocks 1$', 'accepted after the period: not accepted');
SELECT matches(pg_temp.figures('recorded after'), 'on_time_acceptance 0/1, late_clocks 1$', 'recorded after the period: not known');
SELECT matches(pg_temp.figures('due after'), 'resolution_rate 0/1$', 'a limit that runs out at until has not run out before it');
SELECT matches(pg_temp.figures('accepted before due after'), 'resolution_rate 0/1, closing_rate 0/1, accepted 1$', 'nor is it met before');
SELECT matches(pg_temp.figures('accepted before due after', '2025-03-01 00:00+08', '2025-04-01 00:00:01+08'), 'on_time_acceptance 1/1', 'a second later it is');
SELECT matches(pg_temp.figures('now', '2025-06-01 00:00+08', '2025-07-01 00:00+08'), 'on_time_acceptance 0/1, late_clocks 1$', 'a period that goes on is judged as of now');

-- ---- a past period stands still whatever comes later ----

CREATE TEMP TABLE before AS
SELECT 'all' AS what, f.keys, f.kpi, f.numerator, f.denominator, f.value FROM triage.kpi('2025-03-01 00:00+08', '2025-04-01 00:00+08') f
UNION ALL
SELECT 'keys', f.keys, f.kpi, f.numerator, f.denominator, f.value
FROM triage.kpi('2025-03-01 00:00+08', '2025-04-01 00:00+08', '{channel,area,town,department,case_type,case_group,nature,priority,danger,day,week,month}') f;
CREATE TEMP VIEW after AS
SELECT 'all' AS what, f.keys, f.kpi, f.numerator, f.denominator, f.value FROM triage.kpi('2025-03-01 00:00+08', '2025-04-01 00:00+08') f
UNION ALL
SELECT 'keys', f.keys, f.kpi, f.numerator, f.denominator, f.value
FROM triage.kpi('2025-03-01 00:00+08', '2025-04-01 00:00+08', '{channel,area,town,department,case_type,case_group,nature,priority,danger,day,week,month}') f;

SELECT set_eq('TABLE before', 'TABLE after', 'the same call gives the same result');

CREATE TEMP TABLE cohort AS SELECT c.case_id FROM triage.cases c WHERE c.received_at < '2025-04-01 00:00+08';
DO $$
DECLARE
	v	text;
	at	timestamptz := '2025-04-01 00:00+08';
	f	CONSTANT jsonb := '{"department": "k_ps", "assignment": 9, "duty": "lead", "nature": "police", "area": "k2", "case_type": "other",
		"settled": true, "pass": false, "into_case": 1, "happened_at": "2025-03-05T00:00:00Z"}';
BEGIN
	-- limits are moved, before anything stops them; from then on the table shows another time
	PERFORM pg_temp.event(k.case_id, at, 'decide_extension', jsonb_build_object('clock_id', k.clock_id, 'was_due_at', k.due_at,
			'due_at', k.due_at + interval '90 days'))
	FROM triage.clocks k WHERE k.stopped_at IS NULL AND k.case_id IN (TABLE cohort);
	PERFORM pg_temp.event(k.case_id, at, 'recompute', jsonb_build_object('clock_id', k.clock_id, 'was_due_at', k.due_at + interval '90 days',
			'due_at', '2030-01-01 00:00Z'))
	FROM triage.clocks k WHERE k.stopped_at IS NULL AND k.case_id IN (TABLE cohort);
	UPDATE triage.clocks k SET due_at = '2030-01-01 00:00Z' WHERE k.stopped_at IS NULL AND k.case_id IN (TABLE cohort);
	-- every verb, on every case
	FOREACH v IN ARRAY ARRAY['dispatch', 'answer', 'accept', 'arrive', 'feed_back', 'finish', 'resolve', 'inform', 'close_case', 'reopen', 'review',
		'transfer', 'suspend', 'resume', 'police_backup', 'step', 'hand_over', 'to_police', 'reclassify', 'set_area', 'unmerge', 'merge', 'void_case'] LOOP
		PERFORM pg_temp.event(c.case_id, at, v, f) FROM cohort c;
		at := at + interval '1 hour';
	END LOOP;
	-- and all that can change in the tables
	UPDATE triage.cases c SET area = 'k2', case_type = 'other', nature = 'police', priority = 1, danger = true, status = 'merged', lead = 'k_ps',
		outcome = 'x', dispatched_at = '2025-05-01', closed_at = '2025-05-01', report_count = 7, merged_into = 1, contact = NULL, reported_at = '2025-04-02'
	WHERE c.case_id IN (TABLE cohort);
	UPDATE triage.clocks k SET state = 'cancelled', stopped_at = '2025-04-01 00:00+08' WHERE k.stopped_at IS NULL AND k.case_id IN (TABLE cohort);
	INSERT INTO triage.clocks (case_id, clock_id, stage, state, policy, policy_version, amount, unit, next_step, occurrence, started_at, due_at)
	SELECT c.case_id, 100, 'accept', 'running', 'x', 1, 1, 'min', 0, 0, '2025-04-01 00:00+08', '2025-04-01 00:01+08' FROM cohort c;
	PERFORM pg_temp.kase('plain', '2025-04-03');
END
$$;

SELECT set_eq('TABLE before', 'TABLE after', 'and after all later work still does');
SELECT cmp_ok((SELECT count(*) FROM before), '>', 500::bigint, 'that were not few figures');
SET LOCAL triage.now = '2027-01-01';
SELECT set_eq('TABLE before', 'TABLE after', 'and years later');
SELECT isnt_empty($$SELECT * FROM triage.kpi('2025-04-01 00:00+08', '2025-05-01 00:00+08') f WHERE f.numerator > 0$$, 'April has the work of April');
SELECT is((SELECT f.counted_at FROM triage.kpi('2025-03-01', '2025-03-02') f LIMIT 1), '2027-01-01'::timestamptz, 'the time of count is told');

-- ---- keys ----

SET LOCAL TimeZone = 'America/New_York';
SET LOCAL DateStyle = 'SQL, DMY';
SELECT set_eq('TABLE before', 'TABLE after', 'the session''s time zone and date style do not matter');
SELECT results_eq($$SELECT f.keys, f.numerator FROM triage.kpi('2025-02-28 00:00+08', '2025-03-02 00:00+08', '{day}') f WHERE f.kpi = 'reported@1'$$,
	$$VALUES ('{"day": "2025-02-28"}'::jsonb, 2::bigint), ('{"day": "2025-03-01"}', 1)$$, 'days are local days of the calendar');
SELECT results_eq($$SELECT f.keys, f.numerator FROM triage.kpi('2025-02-28 00:00+08', '2025-03-02 00:00+08', '{month}') f WHERE f.kpi = 'dispatched@1'$$,
	$$VALUES ('{"month": "2025-02"}'::jsonb, 2::bigint), ('{"month": "2025-03"}', 2)$$, 'each figure by the time it is counted by');
SELECT results_eq($$SELECT f.keys, f.numerator FROM triage.kpi('2025-02-28 00:00+08', '2025-03-02 00:00+08', '{week}') f WHERE f.kpi = 'reported@1'$$,
	$$VALUES ('{"week": "2025-02-24"}'::jsonb, 3::bigint)$$, 'a week is named by its Monday');
RESET TimeZone;
RESET DateStyle;
SELECT results_eq($$SELECT f.keys FROM triage.kpi('2025-03-10 08:00+08', '2025-03-10 08:00:01+08', '{danger,priority,town,case_group,department,nature,channel,area}') f
		WHERE f.kpi = 'reported@1' AND f.numerator > 0 AND f.keys->>'case_group' = 'group'$$,
	$$VALUES ('{"danger": false, "priority": 3, "town": "k1", "case_group": "group", "department": "k_city", "nature": "nonpolice", "channel": "k110", "area": "k11"}'::jsonb)$$,
	'what the keys hold');
SELECT results_eq($$SELECT f.keys FROM triage.kpi('2025-03-01 00:00+08', '2025-04-01 00:00+08', '{case_type,danger,priority,town,department,nature,area}') f
		WHERE f.kpi = 'dispatched@1' AND f.keys->>'case_type' = 'desk'$$,
	$$VALUES ('{"case_type": "desk", "danger": true, "priority": 2, "town": "k2", "department": "k_city", "nature": "nonpolice", "area": "k2"}'::jsonb)$$,
	'a case that waited has the keys of its first decision');
SELECT is((SELECT f.keys FROM triage.kpi('2025-03-10 08:00+08', '2025-03-10 08:00:01+08', '{case_group,channel,case_group}') f
		WHERE f.kpi = 'answered@1' AND f.numerator = 0 AND f.keys->>'channel' = 'kgrid'), '{"channel": "kgrid", "case_group": null}',
	'unknown is null, and naming a key twice is naming it once');
SELECT set_eq($$SELECT f.kpi, sum(f.numerator) AS n, sum(f.denominator) AS d FROM triage.kpi('2025-03-01 00:00+08', '2025-04-01 00:00+08', '{day,channel,nature}') f GROUP BY 1$$,
	$$SELECT f.kpi, f.numerator::numeric, f.denominator::numeric FROM triage.kpi('2025-03-01 00:00+08', '2025-04-01 00:00+08') f$$, 'groups add up to the whole');
SELECT is((SELECT sum(f.numerator) FROM (SELECT * FROM triage.kpi('2025-02-01 00:00+08', '2025-03-01 00:00+08')
			UNION ALL SELECT * FROM triage.kpi('2025-03-01 00:00+08', '2025-04-01 00:00+08')) f WHERE f.kpi = 'reported@1'),
	(SELECT f.numerator::numeric FROM triage.kpi('2025-02-01 00:00+08', '2025-04-01 00:00+08') f WHERE f.kpi = 'reported@1'),
	'adjoining periods share no case and lose none');

-- ---- form ----

SELECT is((SELECT count(*) FROM triage.kpi('1999-01-01', '1999-01-02') f WHERE f.keys = '{}' AND f.numerator = 0
		AND CASE f.unit WHEN 'percent' THEN f.denominator = 0 AND f.value IS NULL ELSE f.denominator IS NULL AND f.value = 0 END),
	(SELECT count(*) FROM triage.kpi_formulas), 'a period without cases has all figures: rates without value, counts of zero');
SELECT is_empty($$SELECT * FROM triage.kpi('1999-01-01', '1999-01-02', '{channel}')$$, 'and no groups');
SELECT results_eq($$SELECT f.kpi FROM triage.kpi('2025-03-01', '2025-03-02') f$$, $$SELECT x.id COLLATE "default" FROM triage.kpi_formulas x ORDER BY x.ord$$, 'the figures are those of the catalogue, in its order');
SELECT is_empty($$SELECT * FROM triage.kpi('2025-03-01', '2025-04-01', '{channel}') f WHERE f.formula IS NULL OR f.version <> 1 OR f.counted_at IS NULL
	OR f.numerator > f.denominator OR (f.unit = 'percent' AND f.value IS DISTINCT FROM triage.rate(f.numerator, f.denominator))$$,
	'every figure has formula, version and time of count, and no rate is above 100');
SELECT results_eq($$SELECT f.kpi FROM triage.kpi('2025-03-01', '2025-03-02', NULL) f$$, $$SELECT f.kpi FROM triage.kpi('2025-03-01', '2025-03-02') f$$, 'by NULL is no key');

CREATE FUNCTION pg_temp.refusal(since timestamptz, until timestamptz, by text[] DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state	text;
	message text;
	detail	text;
	hint	text;
BEGIN
	PERFORM triage.kpi(since, until, by);
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN state || ' ' || message || CASE WHEN detail = '' OR hint = '' THEN ' INCOMPLETE' ELSE '' END || CASE WHEN hint LIKE 'Use any%' THEN ' | ' || hint ELSE '' END;
END
$$;
SELECT is(pg_temp.refusal(NULL, '2025-03-01'), 'TR003 argument "since" must not be null', 'since null');
SELECT is(pg_temp.refusal('2025-03-01', NULL), 'TR003 argument "until" must not be null', 'until null');
SELECT is(pg_temp.refusal('2025-03-01', '2025-03-01'), 'TR003 the period is empty', 'no time at all');
SELECT is(pg_temp.refusal('2025-03-02', '2025-03-01'), 'TR003 the period is empty', 'the wrong way round');
SELECT is(pg_temp.refusal('-infinity', 'infinity', '{month,month}'), 'none', 'all there is');
SELECT is(pg_temp.refusal('2025-03-01', '2025-03-02', '{channel,"a'', 1); DROP"}'),
	'TR003 key "a'', 1); DROP" does not exist | Use any of: channel, area, town, department, case_type, case_group, nature, priority, danger, day, week, month.', 'unknown key');
SELECT is(pg_temp.refusal('2025-03-01', '2025-03-02', ARRAY[NULL]::text[]),
	'TR003 key "null" does not exist | Use any of: channel, area, town, department, case_type, case_group, nature, priority, danger, day, week, month.', 'key null');

-- ---- who sees what ----

CREATE ROLE kpi_town;
CREATE ROLE kpi_police;
CREATE ROLE kpi_nobody;
CREATE ROLE kpi_centre;
GRANT USAGE ON SCHEMA triage TO kpi_town, kpi_police, kpi_nobody, kpi_centre;
GRANT EXECUTE ON FUNCTION triage.kpi(timestamptz, timestamptz, text[]) TO kpi_town, kpi_police, kpi_nobody, kpi_centre;
CREATE FUNCTION pg_temp.seen(role text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n	bigint;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	SELECT f.numerator INTO n FROM triage.kpi('2025-09-01', '2025-10-01') f WHERE f.kpi = 'reported@1';
	RESET ROLE;
	RETURN n;
END
$$;
SELECT count(pg_temp.kase('seen', '2025-09-05', jsonb_build_object('area', a))) AS made FROM unnest(ARRAY['k', 'k1', 'k11', 'k11', 'k2', 'k2']) a \gset
INSERT INTO triage.assignments (case_id, seq, department, duty, status, offered_at)
SELECT c.case_id, 1, 'k_ps', 'assist', 'offered', '2025-09-05' FROM triage.cases c WHERE c.case_type = 'seen' AND c.area = 'k2';
SELECT is(pg_temp.seen('kpi_nobody'), 6::bigint, 'while nobody is a member everybody counts all');
INSERT INTO triage.members (role, duty, department, area) VALUES ('kpi_town', 'centre', '', 'k1'), ('kpi_police', 'handler', 'k_ps', ''), ('kpi_centre', 'centre', '', '');
SELECT is(pg_temp.seen('kpi_centre'), 6::bigint, 'the centre counts all');
SELECT is(pg_temp.seen('kpi_town'), 3::bigint, 'a town what lies in it');
SELECT is(pg_temp.seen('kpi_police'), 2::bigint, 'a handler what his department takes part in');
SELECT is(pg_temp.seen('kpi_nobody'), 0::bigint, 'nobody else anything');
DELETE FROM triage.members m WHERE m.role ^@ 'kpi_';

-- ---- Yongkang, April 2023 to July 2024: its counts as cases ----

SET LOCAL session_replication_role = replica;	-- rows as they are, and fast
INSERT INTO triage.cases (case_id, number, channel, reported_at, received_at, nature, priority, danger, status, report_count, event_seq, rulebook_version, attrs)
SELECT 900000000 + i, 'y', 'k110', '2023-04-01', '2023-04-01', 'nonpolice', 3, false, 'closed', 1, 1, 1, '{}' FROM generate_series(1, 47386) i;
INSERT INTO triage.events (case_id, seq, at, actor, verb, data, hash)
SELECT 900000000 + i, 1, '2023-04-01 00:00+08'::timestamptz + i * interval '14 minutes', 'x', 'report', jsonb_build_object('channel', 'k110',
	'status', 'dispatched', 'nature', 'nonpolice', 'lead', CASE WHEN i <= 33957 THEN 'k_city' ELSE 'k_ps' END), '\x00'::bytea
FROM generate_series(1, 47386) i
UNION ALL
SELECT 900000000 + i, 2, '2023-04-01 01:00+08'::timestamptz + i * interval '14 minutes', 'x', 'resolve', '{"settled": true}', '\x00' FROM generate_series(1, 33397) i;
SET LOCAL session_replication_role = origin;
SELECT results_eq($$SELECT f.kpi, f.numerator, f.denominator, f.value FROM triage.kpi('2023-04-01 00:00+08', '2024-08-01 00:00+08') f
		WHERE f.kpi IN ('diversion_rate_a@1', 'diversion_rate_b@1', 'resolution_rate@1')$$,
	$$VALUES ('diversion_rate_a@1', 33957::bigint, 47386::bigint, 71.66), ('diversion_rate_b@1', 33957, 47386, 71.66), ('resolution_rate@1', 33397, 33957, 98.35)$$,
	'71.66 % diverted and 98.35 % resolved, counted from events');
INSERT INTO triage.events (case_id, seq, at, actor, verb, data, hash)
SELECT pg_temp.kase('robbery', '2023-05-01', '{"nature": "police", "lead": "k_ps"}'), 2, '2023-05-01', 'x', 'note', '{}', '\x00' FROM generate_series(1, 100);
SELECT results_eq($$SELECT f.kpi, f.denominator FROM triage.kpi('2023-04-01 00:00+08', '2024-08-01 00:00+08') f WHERE f.kpi IN ('diversion_rate_a@1', 'diversion_rate_b@1')$$,
	$$VALUES ('diversion_rate_a@1', 47386::bigint), ('diversion_rate_b@1', 47486)$$, 'police matters are alarms, but not divertible');

-- ---- what the catalog says of our functions ----

SELECT is((SELECT string_agg(format('%s %s %s %s', p.proname, p.provolatile, p.proparallel, p.proconfig[1]), E'\n' ORDER BY p.proname)
	FROM pg_proc p WHERE p.pronamespace = 'triage'::regnamespace AND p.proname IN ('kpi', 'rate', 'local_timezone')
		AND obj_description(p.oid, 'pg_proc') IS NOT NULL),
	E'kpi s r search_path=pg_catalog, pg_temp\nlocal_timezone s s search_path=pg_catalog, pg_temp\nrate i s search_path=pg_catalog, pg_temp',
	'volatility, parallel safety, search path, comment');
SELECT is_empty($$SELECT 1 FROM pg_extension e WHERE e.extname = 'pg_triage' AND 'triage.kpi_formulas'::regclass = ANY (e.extconfig)$$,
	'the catalogue is not dumped');

SELECT * FROM finish();
ROLLBACK;
