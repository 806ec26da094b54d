/*
 * Counting: rates and counts of a period, from events and clocks.
 *
 * What makes a past period's figures stand still:
 *  - A case belongs to the period in which its call was recorded (event 1) or
 *    in which it was first decided (sent out or answered), by the server's
 *    recording time events.at, half-open: since <= at < until.  So every case
 *    belongs to exactly one of adjoining periods, and a call entered late
 *    (reported_at long ago) to that of its entry.
 *  - Everything is judged as known at "until": events from then on do not
 *    count.  A case sent out in the period and accepted after it is not
 *    accepted; whether its limit was due is judged at until.  What was done
 *    in time but recorded after until counts as not done.  A due time that
 *    was moved after until is taken as it was before.
 *  - Keys come from the events too: channel, area, type and so on as they were
 *    when the case was first decided, not as they are now.
 *  - events.at is set by the server and never goes back within a case.  Only a
 *    verb whose transaction is still open at until can come in later; so count
 *    a period when it is some seconds over.
 * Configuration is read as it is today: who is police, which channel has
 * callers, which town an area lies in, and the calendar's time zone; so is
 * what the actor may see.
 *
 * What is expected of events, beside verb and at: seq 1 {status, channel,
 * area, case_type, nature, priority, danger, lead}; dispatch {department,
 * nature, ...}, which may repeat any of these; accept, arrive, feed_back,
 * resolve {duty, happened_at when it differs}; resolve {settled}; review
 * {pass}; merge {into_case} on the case that goes.  Whatever moves a due time
 * says so in an event for each clock: {clock_id, was_due_at, due_at}, as
 * recompute.c does; decide_extension that of the resolve clock.
 */

-- Rows lie in the order of these times, so this is small: it finds a period's rows among years of them.
CREATE INDEX events_at_idx ON triage.events USING brin (at, pos) WITH (autosummarize = on);
COMMENT ON INDEX triage.events_at_idx IS 'Finds the events of a period, for kpi(), and the newest, for changes(). Costs a report nothing that could be measured, a b-tree over pos one to two microseconds an event.';
CREATE INDEX clocks_started_idx ON triage.clocks USING brin (started_at);
COMMENT ON INDEX triage.clocks_started_idx IS 'Finds the clocks that started in a period, for kpi().';

-- What each figure means.  Comes with the code that counts, so it is not dumped.
CREATE TABLE triage.kpi_formulas (
	kpi				text	COLLATE "C" NOT NULL,
	version			int		NOT NULL CHECK (version > 0),
	id				text	COLLATE "C" NOT NULL UNIQUE GENERATED ALWAYS AS (kpi || '@' || version::text) STORED,
	ord				int		NOT NULL UNIQUE,
	zh				text	NOT NULL,
	en				text	NOT NULL,
	unit			text	COLLATE "C" NOT NULL CHECK (unit IN ('percent', 'count')),
	counted_by		text	COLLATE "C" NOT NULL CHECK (counted_by IN ('report', 'decision')),
	numerator_zh	text	NOT NULL,
	numerator_en	text	NOT NULL,
	denominator_zh	text,
	denominator_en	text,
	basis			text	NOT NULL,
	PRIMARY KEY (kpi, version),
	CHECK ((unit = 'percent') = (denominator_zh IS NOT NULL AND denominator_en IS NOT NULL))
);
COMMENT ON TABLE triage.kpi_formulas IS
	'What each figure of kpi() means: name and version (together the id), unit (percent or count), by which time cases belong to a period (recording of the report, or of the first decision), what numerator and denominator count, and on what basis (F.. = source, S = seed, D = our definition). Belongs to the extension; a changed formula gets a new version.';
COMMENT ON COLUMN triage.kpi_formulas.kpi IS 'Name of the figure.';
COMMENT ON COLUMN triage.kpi_formulas.version IS 'Version of the formula; a changed one gets the next.';
COMMENT ON COLUMN triage.kpi_formulas.id IS 'name@version, what kpi() returns as kpi.';
COMMENT ON COLUMN triage.kpi_formulas.ord IS 'Order in which kpi() lists the figures.';
COMMENT ON COLUMN triage.kpi_formulas.zh IS 'Name in Chinese.';
COMMENT ON COLUMN triage.kpi_formulas.en IS 'Name in English.';
COMMENT ON COLUMN triage.kpi_formulas.unit IS 'percent (two decimals) or count.';
COMMENT ON COLUMN triage.kpi_formulas.counted_by IS 'Whose recording time puts a case into a period: its report or its first decision (sent out or answered).';
COMMENT ON COLUMN triage.kpi_formulas.numerator_zh IS 'What the numerator counts, in Chinese.';
COMMENT ON COLUMN triage.kpi_formulas.numerator_en IS 'What the numerator counts, in English.';
COMMENT ON COLUMN triage.kpi_formulas.denominator_zh IS 'What the denominator counts, in Chinese; null for counts.';
COMMENT ON COLUMN triage.kpi_formulas.denominator_en IS 'What the denominator counts, in English; null for counts.';
COMMENT ON COLUMN triage.kpi_formulas.basis IS 'Basis: F.. = source, S = seed, D = our definition.';

INSERT INTO triage.kpi_formulas (kpi, version, ord, zh, en, unit, counted_by, numerator_zh, numerator_en, denominator_zh, denominator_en, basis) VALUES
	('reported', 1, 1, '受理量', 'Reported', 'count', 'report', '期内受理的事项', 'incidents reported', NULL, NULL, 'D'),
	('alarms', 1, 2, '警情量', 'Alarms', 'count', 'report', '经公安渠道受理的有效事项', 'valid incidents that came by a channel of the police', NULL, NULL, 'F02 D'),
	('voided', 1, 3, '无效报告', 'Void', 'count', 'report', '认定无效的事项', 'incidents declared void', NULL, NULL, 'D'),
	('merged', 1, 4, '并入其他事项', 'Merged', 'count', 'report', '并入其他事项的事项', 'incidents merged into another', NULL, NULL, 'F80 D'),
	('triage_pending', 1, 5, '待研判', 'Waiting for triage', 'count', 'report', '尚未分派也未答复的有效事项', 'valid incidents neither sent out nor answered', NULL, NULL, 'D'),
	('answered', 1, 6, '当场答复', 'Answered at once', 'count', 'decision', '当场答复办结的事项', 'incidents answered at the desk', NULL, NULL, 'F61 D'),
	('dispatched', 1, 7, '派单量', 'Dispatched', 'count', 'decision', '已派单的有效事项', 'valid incidents sent out', NULL, NULL, 'D'),
	('joint', 1, 8, '联动处置', 'Joint', 'count', 'decision', '公安与职能部门联动处置的派单事项', 'dispatched incidents that police and civil units handle together', NULL, NULL, 'F06 F42'),
	('diverted', 1, 9, '分流量', 'Diverted', 'count', 'decision', '派给非公安单位的非警务事项', 'non-police incidents sent to a unit other than the police', NULL, NULL, 'F35'),
	('police_diverted', 1, 10, '警务事项误分流', 'Police matters diverted', 'count', 'decision', '派给非公安单位的警务事项(应为零)', 'police incidents sent to a unit other than the police (should be none)', NULL, NULL, 'F92 D'),
	('diversion_rate_a', 1, 11, '分流率(甲)', 'Diversion rate A', 'percent', 'decision', '派给非公安单位的非警务事项', 'non-police incidents sent to a unit other than the police',
		'可分流的非警务事项：全部已派单的非警务事项和当场答复的事项', 'divertible incidents: all non-police incidents sent out, to whomever, and those answered at the desk', 'F35 S0'),
	('diversion_rate_b', 1, 12, '分流率(乙)', 'Diversion rate B', 'percent', 'report', '警情中已派给非公安单位的非警务事项', 'alarms that were non-police and sent to a unit other than the police',
		'全部有效警情', 'all valid alarms', 'F35 D'),
	('resolution_rate', 1, 13, '化解处置率', 'Resolution rate', 'percent', 'decision', '分流事项中已化解处置的', 'diverted incidents resolved with an outcome that settles the matter, not sent back since',
		'分流事项', 'diverted incidents', 'S0'),
	('on_time_acceptance', 1, 14, '按时签收率', 'On-time acceptance', 'percent', 'decision', '牵头单位按时签收的', 'of these, accepted by the lead within the limit',
		'签收时限已到的派单事项', 'dispatched incidents whose accept limit has run out', 'D'),
	('on_time_arrival', 1, 15, '按时到场率', 'On-time arrival', 'percent', 'decision', '首个到场单位按时到场的', 'of these, reached within the limit by the first unit sent, police backup left aside',
		'到场时限已到的派单事项', 'dispatched incidents that need somebody on the scene, arrive limit run out', 'D'),
	('on_time_feedback', 1, 16, '按时反馈率', 'On-time feedback', 'percent', 'decision', '牵头单位按时反馈的', 'of these, fed back or resolved by the lead within the limit',
		'反馈时限已到的派单事项', 'dispatched incidents whose feedback limit has run out', 'D'),
	('on_time_closing', 1, 17, '按时办结率', 'On-time closing', 'percent', 'decision', '按时办结的(含批准延期)', 'of these, resolved within the limit, granted extensions included',
		'办结时限已到的派单事项', 'dispatched incidents whose resolve limit has run out', 'D'),
	('on_time_closing_strict', 1, 18, '按原定时限办结率', 'On-time closing without extensions', 'percent', 'decision', '按原定时限办结的(不含延期)', 'of these, resolved within the limit first set',
		'原定办结时限已到的派单事项', 'dispatched incidents whose resolve limit, as first set, has run out', 'D'),
	('closing_rate', 1, 19, '办结率', 'Closing rate', 'percent', 'decision', '已签收事项中已结案销号的', 'of these, closed and not reopened since',
		'已签收的派单事项', 'dispatched incidents that the lead accepted', 'S1 D'),
	('reply_rate', 1, 20, '回复率', 'Reply rate', 'percent', 'decision', '已向来访来电人或来源渠道反馈结果的', 'of these, the caller or his channel was told the result',
		'来自有报告人的渠道、已结案的事项', 'closed incidents, answered ones included, from channels that have a caller', 'S4 D'),
	('accepted', 1, 21, '签收量', 'Accepted', 'count', 'decision', '牵头单位已签收的派单事项', 'dispatched incidents that the lead accepted', NULL, NULL, 'D'),
	('on_scene', 1, 22, '到场量', 'On the scene', 'count', 'decision', '已到场的派单事项', 'dispatched incidents that a unit reached', NULL, NULL, 'D'),
	('closed', 1, 23, '结案量', 'Closed', 'count', 'decision', '已结案的事项(含当场答复)', 'incidents closed, answered ones included', NULL, NULL, 'D'),
	('closed_unvisited', 1, 24, '未到场即结案', 'Closed unvisited', 'count', 'decision', '应到场而未到场即结案的事项', 'incidents closed although somebody had to go and nobody arrived', NULL, NULL, 'F92 D'),
	('police_backup', 1, 25, '公安增援', 'Police backup', 'count', 'decision', '无人按时到场、启动公安增援的事项', 'dispatched incidents for which police backup was called', NULL, NULL, 'S0'),
	('transferred', 1, 26, '转办', 'Passed down', 'count', 'decision', '向下转办的次数', 'times a lead passed work down, in dispatched incidents', NULL, NULL, 'D'),
	('steps_fired', 1, 27, '催督办次数', 'Ladder steps fired', 'count', 'decision', '已触发的提醒、催办、督办', 'reminders, urges and further ladder steps fired in the period for dispatched incidents', NULL, NULL, 'F88 D'),
	('late_clocks', 1, 28, '超时限数', 'Late clocks', 'count', 'decision', '签收、到场、反馈、办结时限已到而未按时完成的个数', 'accept, arrive, feedback and resolve limits that ran out unmet, in dispatched incidents', NULL, NULL, 'F88 D');

CREATE FUNCTION triage.rate(numerator bigint, denominator bigint) RETURNS numeric
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	RETURN round(100.0 * numerator / nullif(denominator, 0), 2);
COMMENT ON FUNCTION triage.rate(bigint, bigint) IS
	'A rate in percent with two decimals, halves rounded away from zero: rate(33957, 47386) = 71.66. NULL when the denominator is 0 or an argument is null. The one place where counts become a rate. Source: domain notes 5.';

CREATE FUNCTION triage.local_timezone() RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	RETURN coalesce((
		SELECT k.timezone FROM triage.calendars k
			CROSS JOIN LATERAL (SELECT count(*) > 0 AS some, count(*) FILTER (WHERE h.weekday = 7) > 0 AS sundays
				FROM triage.calendar_hours h WHERE h.calendar = k.code AND h.active) hours
		WHERE k.active
		ORDER BY hours.some DESC, hours.sundays, k.code
		LIMIT 1), 'UTC');
COMMENT ON FUNCTION triage.local_timezone() IS
	'Time zone of local days: that of the first active calendar by code that has hours, one that is closed on Sundays before one that is not (the calendar that also dates case numbers); without hours the first calendar''s; without calendars UTC. Does not depend on the session.';

CREATE TYPE triage.case_course AS (
	called_at	timestamptz,
	report		jsonb,
	decision	int,
	decided_at	timestamptz,
	decided_by	text,
	decided		jsonb,
	accepted	timestamptz,
	arrived		timestamptz,
	fed_back	timestamptz,
	resolved	timestamptz,
	settled		boolean,
	closed		int,
	reopened	int,
	merged		boolean,
	void		boolean,
	told		boolean,
	backup		boolean,
	transfers	bigint,
	steps		bigint,
	suspended	timestamptz,
	first_due	timestamptz
);
COMMENT ON TYPE triage.case_course IS
	'What the events of a period did to one case. called_at and report: recording time and data of event 1, null when it is of another period; decision, decided_at, decided_by, decided: number, time, verb and data of the first event that sent out or answered; accepted, arrived, fed_back, resolved: when the lead (arrived: anybody but police backup) first did; settled: resolved so, and not otherwise, reopened or sent back since; closed, reopened: number of the last such event; merged: into another case, still; void, told (the caller), backup (police); transfers, steps: how many; suspended: since when off the books, at the end; first_due: the limit before the first extension.';
CREATE FUNCTION triage.course_step(internal, seq int, at timestamptz, verb text, data jsonb) RETURNS internal
	AS 'MODULE_PATHNAME', 'triage_course_step' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION triage.course_step(internal, int, timestamptz, text, jsonb) IS 'Internal: adds an event to the state of triage.course().';
CREATE FUNCTION triage.course_final(internal) RETURNS triage.case_course
	AS 'MODULE_PATHNAME', 'triage_course_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION triage.course_final(internal) IS 'Internal: the result of triage.course().';
CREATE AGGREGATE triage.course(seq int, at timestamptz, verb text, data jsonb) (
	SFUNC = triage.course_step, STYPE = internal, SSPACE = 600, FINALFUNC = triage.course_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE triage.course(int, timestamptz, text, jsonb) IS
	'What happened to one case, from its events in any order (their seq, at, verb, data); null when they neither report nor decide it. See triage.case_course.';

CREATE TYPE triage.case_limits AS (
	accept		timestamptz,
	arrive		timestamptz,
	feedback	timestamptz,
	resolve		timestamptz,
	scene		boolean
);
COMMENT ON TYPE triage.case_limits IS
	'The earliest due time of a case''s clocks, by stage; null where there is none. scene: there is a clock of stage arrive, due or not.';
CREATE FUNCTION triage.limits_step(internal, stage text, due timestamptz) RETURNS internal
	AS 'MODULE_PATHNAME', 'triage_limits_step' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION triage.limits_step(internal, text, timestamptz) IS 'Internal: adds a clock to the state of triage.limits().';
CREATE FUNCTION triage.limits_final(internal) RETURNS triage.case_limits
	AS 'MODULE_PATHNAME', 'triage_limits_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION triage.limits_final(internal) IS 'Internal: the result of triage.limits().';
CREATE AGGREGATE triage.limits(stage text, due timestamptz) (
	SFUNC = triage.limits_step, STYPE = internal, SSPACE = 64, FINALFUNC = triage.limits_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE triage.limits(text, timestamptz) IS
	'The limits of one case, from its clocks'' stage and due time (null: the limit fell away); null without clocks. See triage.case_limits.';

CREATE FUNCTION triage.kpi(since timestamptz, until timestamptz, by text[] DEFAULT '{}')
	RETURNS TABLE (keys jsonb, kpi text, numerator bigint, denominator bigint, value numeric,
		formula text, version int, unit text, counted_at timestamptz)
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	-- sorting and merging is what stays linear when estimates are wrong; compiling costs more than it saves
	SET enable_nestloop = off
	SET enable_hashagg = off
	SET jit = off
AS $$
#variable_conflict error
DECLARE
	known CONSTANT text[] := ARRAY['channel', 'area', 'town', 'department', 'case_type', 'case_group', 'nature', 'priority',
		'danger', 'day', 'week', 'month'];
	further CONSTANT text[] := ARRAY['area', 'case_type', 'priority', 'danger'];	-- read only when asked for
	now		timestamptz := triage.clock();
	zone	text := triage.local_timezone();
	k		text;
	cols	text[] := '{}';		-- what cases are first grouped by
	pairs	text[] := '{}';		-- how keys are made of that
	timed	boolean := coalesce(kpi.by && ARRAY['day', 'week', 'month'], false);
	police	text[];
	alarm	text[];
	caller	text[];
	me		text := triage.actor();
	open	boolean := NOT EXISTS (SELECT 1 FROM triage.members m);
	areas	text[];				-- what the actor may see, unless that is everything
	units	text[];
	-- how long before its recording something may have happened
	back	interval := coalesce(current_setting('triage.max_back', true)::interval, '1 day');
BEGIN
	IF kpi.since IS NULL OR kpi.until IS NULL THEN
		RAISE EXCEPTION 'argument "%" must not be null', CASE WHEN kpi.since IS NULL THEN 'since' ELSE 'until' END
			USING ERRCODE = 'TR003', DETAIL = 'A period needs a beginning and an end.',
				  HINT = 'Call triage.kpi(since => ..., until => ...); until itself is not in the period.';
	ELSIF kpi.since >= kpi.until THEN
		RAISE EXCEPTION 'the period is empty'
			USING ERRCODE = 'TR003', DETAIL = format('since is %s, until is %s.', kpi.since, kpi.until),
				  HINT = 'since must be earlier than until.';
	END IF;
	FOREACH k IN ARRAY coalesce(kpi.by, '{}') LOOP
		IF k IS NULL OR k <> ALL (known) THEN
			RAISE EXCEPTION 'key "%" does not exist', coalesce(k, 'null')
				USING ERRCODE = 'TR003', DETAIL = 'Figures cannot be broken down by it.',
					  HINT = format('Use any of: %s.', array_to_string(known, ', '));
		END IF;
		cols := cols || CASE k WHEN 'town' THEN ARRAY['area'] WHEN 'case_group' THEN ARRAY['case_type']
			WHEN 'day' THEN '{}' WHEN 'week' THEN '{}' WHEN 'month' THEN '{}' ELSE ARRAY[k] END;
		pairs := pairs || (quote_literal(k) || ', ' || CASE k
			WHEN 'town' THEN '(SELECT t.town FROM town t WHERE t.area = g.area)'
			WHEN 'case_group' THEN '(SELECT ct.parent FROM triage.case_types ct WHERE ct.code = g.case_type)'
			WHEN 'day' THEN 'to_char(o.day::timestamp, ''YYYY-MM-DD'')'
			WHEN 'week' THEN 'to_char(date_trunc(''week'', o.day::timestamp), ''YYYY-MM-DD'')'
			WHEN 'month' THEN 'to_char(o.day::timestamp, ''YYYY-MM'')'
			ELSE 'g.' || k END);
	END LOOP;
	IF timed THEN
		cols := cols || ARRAY['called_on', 'decided_on'];
	END IF;
	SELECT coalesce(array_agg(DISTINCT c.c), '{}') INTO cols FROM unnest(cols) c(c);

	-- police are: the police stations, the bureau above them, and its other units
	SELECT coalesce(array_agg(d.code), '{}') INTO police
	FROM triage.departments d
	WHERE d.kind = 'T_PS' OR EXISTS (SELECT 1 FROM triage.departments s
		WHERE s.kind = 'T_PS' AND (d.kind = s.superior OR (d.superior = s.superior AND d.level <> 'social')));
	SELECT coalesce(array_agg(c.code) FILTER (WHERE c.department = ANY (police)), '{}'),
		   coalesce(array_agg(c.code) FILTER (WHERE c.needs_caller), '{}')
		INTO alarm, caller FROM triage.channels c;

	-- the same sight as may_see(), for all cases at once
	IF NOT open AND NOT EXISTS (SELECT 1 FROM triage.members m WHERE m.active AND m.role = me
			AND m.duty NOT IN ('handler', 'head') AND m.area = '') THEN
		WITH RECURSIVE seen(code) AS (
			SELECT m.area FROM triage.members m WHERE m.active AND m.role = me AND m.duty NOT IN ('handler', 'head')
			UNION
			SELECT a.code FROM seen s JOIN triage.areas a ON a.parent = s.code
		)
		SELECT coalesce(array_agg(s.code), '{}') INTO areas FROM seen s;
		SELECT coalesce(array_agg(m.department), '{}') INTO units FROM triage.members m
		WHERE m.active AND m.role = me AND m.department <> '';
	END IF;

	RETURN QUERY EXECUTE format($q$
	WITH RECURSIVE town(area, town) AS (
		SELECT a.code, a.code FROM triage.areas a WHERE a.level = 'town'
		UNION
		SELECT a.code, t.town FROM town t JOIN triage.areas a ON a.parent = t.area AND a.level <> 'town'
	), done AS (
		-- what happened in the period, by case; extension/casework/course.c says which events count as what
		SELECT e.case_id, triage.course(e.seq, e.at, e.verb, e.data) AS course
		FROM triage.events e
		WHERE e.at >= $1 AND e.at < $2
		GROUP BY e.case_id
		OFFSET 0
	), looked_up AS (
		-- the report of a case called earlier, and whether that was decided before
		SELECT d.case_id, d.course, (d.course).called_at AS called_at, (d.course).decision AS decision,
			CASE WHEN (d.course).called_at IS NULL THEN (SELECT e.data FROM triage.events e WHERE e.case_id = d.case_id AND e.seq = 1)
				ELSE (d.course).report END AS report,
			CASE WHEN (d.course).called_at IS NULL THEN EXISTS (SELECT 1 FROM triage.events e WHERE e.case_id = d.case_id
				AND e.seq < (d.course).decision AND e.verb IN ('dispatch', 'answer', 'hand_over', 'to_police')) ELSE false END AS decided_before,
			(SELECT c.kind FROM triage.cases c WHERE c.case_id = d.case_id AND %1$s) AS kind
		FROM done d
		WHERE (d.course).called_at IS NOT NULL OR (d.course).decision IS NOT NULL
		OFFSET 0
	), base AS (
		SELECT d.case_id, d.called_at IS NOT NULL AS called,
			%7$s
			o.decided_at, o.verb,
			d.report->>'channel' AS channel,
			coalesce(o.data->>'nature', CASE o.verb WHEN 'hand_over' THEN 'nonpolice' WHEN 'to_police' THEN 'police' END,
				d.report->>'nature') AS nature,
			coalesce(o.data->>'department', o.data->>'lead', d.report->>'lead') AS department,
			%6$s
			(d.course).accepted AS accepted, (d.course).arrived AS arrived, (d.course).fed_back AS fed_back,
			(d.course).resolved AS resolved, (d.course).settled AS settled, (d.course).merged AS merged, (d.course).void AS void,
			(d.course).told AS told, (d.course).backup AS backup, (d.course).transfers AS transfers, (d.course).steps AS steps,
			coalesce(greatest((d.course).closed, CASE o.verb WHEN 'answer' THEN d.decision END) > coalesce((d.course).reopened, 0), false) AS closed,
			(d.course).suspended AS suspended, (d.course).first_due AS first_due
		FROM looked_up d
		CROSS JOIN LATERAL (SELECT d.called_at IS NOT NULL AND d.report->>'status' = 'dispatched') s(at_once)
		CROSS JOIN LATERAL (SELECT CASE WHEN s.at_once THEN NULL ELSE (d.course).decided END,
			CASE WHEN s.at_once THEN d.called_at ELSE (d.course).decided_at END,
			CASE WHEN s.at_once THEN 'dispatch' ELSE (d.course).decided_by END) o(data, decided_at, verb)
		WHERE d.kind = 'incident' AND NOT d.decided_before AND (d.called_at IS NOT NULL OR d.report->>'status' IS DISTINCT FROM 'dispatched')
		OFFSET 0
	), limits AS (
		-- of what started together; a limit that fell away in time is none
		SELECT k.case_id, k.started_at, triage.limits(k.stage,
			CASE WHEN k.state = 'cancelled' AND k.stopped_at < $2 AND k.stopped_at <= k.due THEN NULL ELSE k.due END) AS of
		FROM (
			SELECT k.case_id, k.stage, k.state, k.started_at, k.stopped_at,
				CASE WHEN $2 < $3 AND (k.stopped_at IS NULL OR k.stopped_at >= $5)
					-- it ran on after the period, so it may have been moved after it
					THEN coalesce((
						SELECT (e.data->>'was_due_at')::timestamptz
						FROM triage.events e
						WHERE e.case_id = k.case_id AND e.at >= $2 AND e.data ? 'was_due_at' AND (e.data->>'clock_id')::int = k.clock_id
						ORDER BY e.seq LIMIT 1), k.due_at)
					ELSE k.due_at END AS due
			FROM triage.clocks k
			WHERE k.started_at >= $1 AND k.started_at < $2 AND k.stage IN ('accept', 'arrive', 'feedback', 'resolve')
			OFFSET 0) k
		GROUP BY k.case_id, k.started_at
		OFFSET 0
	), judged AS (
		SELECT b.*, s.valid, s.sent, s.valid AND b.verb = 'answer' AS answered,
			s.sent AND b.department <> ALL ($6) AS civil,
			CASE WHEN s.sent THEN (l.of).accept END AS accept_due,
			CASE WHEN s.sent THEN (l.of).arrive END AS arrive_due,
			CASE WHEN s.sent THEN (l.of).feedback END AS feedback_due,
			CASE WHEN s.sent THEN (l.of).resolve END AS resolve_due,
			coalesce((l.of).scene, false) AS scene,
			-- a limit has run out by the first; one not met only if the case was not on the books before
			least($2, $3) AS at_end, least($2, $3, b.suspended) AS at_pause
		FROM base b
		-- only the clocks that the first decision started
		LEFT JOIN limits l ON l.case_id = b.case_id AND l.started_at = b.decided_at
		CROSS JOIN LATERAL (SELECT NOT b.void AND NOT b.merged, NOT b.void AND NOT b.merged AND b.verb <> 'answer') s(valid, sent)
		OFFSET 0
	), due AS (
		SELECT j.*,
			j.accept_due < CASE WHEN j.accepted IS NULL THEN j.at_pause ELSE j.at_end END AS accept_out,
			j.arrive_due < CASE WHEN j.arrived IS NULL THEN j.at_pause ELSE j.at_end END AS arrive_out,
			j.feedback_due < CASE WHEN j.fed_back IS NULL THEN j.at_pause ELSE j.at_end END AS feedback_out,
			j.resolve_due < CASE WHEN j.resolved IS NULL THEN j.at_pause ELSE j.at_end END AS resolve_out,
			CASE WHEN j.resolve_due IS NOT NULL THEN coalesce(j.first_due, j.resolve_due) END
				< CASE WHEN j.resolved IS NULL THEN j.at_pause ELSE j.at_end END AS strict_out,
			j.accepted <= j.accept_due AS accept_met, j.arrived <= j.arrive_due AS arrive_met,
			j.fed_back <= j.feedback_due AS feedback_met, j.resolved <= j.resolve_due AS resolve_met,
			j.resolved <= coalesce(j.first_due, j.resolve_due) AS strict_met
		FROM judged j
		OFFSET 0
	), g AS (
		SELECT %2$s
			count(*) FILTER (WHERE c.called) AS reported,
			count(*) FILTER (WHERE c.called AND c.valid AND c.channel = ANY ($7)) AS alarms,
			count(*) FILTER (WHERE c.called AND c.valid AND c.channel = ANY ($7) AND c.civil AND c.nature = 'nonpolice') AS alarms_diverted,
			count(*) FILTER (WHERE c.called AND c.void) AS voided,
			count(*) FILTER (WHERE c.called AND c.merged AND NOT c.void) AS merged,
			count(*) FILTER (WHERE c.called AND c.valid AND c.verb IS NULL) AS pending,
			count(*) FILTER (WHERE c.answered) AS answered,
			count(*) FILTER (WHERE c.sent) AS sent,
			count(*) FILTER (WHERE c.sent AND c.nature = 'joint') AS joint,
			count(*) FILTER (WHERE c.sent AND c.nature = 'nonpolice') AS nonpolice,
			count(*) FILTER (WHERE c.civil AND c.nature = 'nonpolice') AS diverted,
			count(*) FILTER (WHERE c.civil AND c.nature = 'nonpolice' AND c.settled) AS diverted_settled,
			count(*) FILTER (WHERE c.civil AND c.nature = 'police') AS police_diverted,
			count(*) FILTER (WHERE c.accept_out) AS accept_out,
			count(*) FILTER (WHERE c.accept_out AND c.accept_met) AS accept_met,
			count(*) FILTER (WHERE c.arrive_out) AS arrive_out,
			count(*) FILTER (WHERE c.arrive_out AND c.arrive_met) AS arrive_met,
			count(*) FILTER (WHERE c.feedback_out) AS feedback_out,
			count(*) FILTER (WHERE c.feedback_out AND c.feedback_met) AS feedback_met,
			count(*) FILTER (WHERE c.resolve_out) AS resolve_out,
			count(*) FILTER (WHERE c.resolve_out AND c.resolve_met) AS resolve_met,
			count(*) FILTER (WHERE c.strict_out) AS strict_out,
			count(*) FILTER (WHERE c.strict_out AND c.strict_met) AS strict_met,
			count(*) FILTER (WHERE c.sent AND c.accepted IS NOT NULL) AS accepted,
			count(*) FILTER (WHERE c.sent AND c.accepted IS NOT NULL AND c.closed) AS accepted_closed,
			count(*) FILTER (WHERE c.sent AND c.arrived IS NOT NULL) AS on_scene,
			count(*) FILTER (WHERE (c.sent OR c.answered) AND c.closed) AS closed,
			count(*) FILTER (WHERE (c.sent OR c.answered) AND c.closed AND c.channel = ANY ($8)) AS callers,
			count(*) FILTER (WHERE (c.sent OR c.answered) AND c.closed AND c.channel = ANY ($8) AND c.told) AS callers_told,
			count(*) FILTER (WHERE c.sent AND c.closed AND c.scene AND c.arrived IS NULL) AS unvisited,
			count(*) FILTER (WHERE c.sent AND c.backup) AS backup,
			coalesce(sum(c.transfers) FILTER (WHERE c.sent), 0)::bigint AS transfers,
			coalesce(sum(c.steps) FILTER (WHERE c.sent), 0)::bigint AS steps
		FROM due c
		GROUP BY (%3$s)
	), figure AS (
		SELECT jsonb_build_object(%4$s) AS keys, f.kpi, sum(f.n)::bigint AS n, sum(f.d)::bigint AS d
		FROM g
		CROSS JOIN LATERAL (VALUES
			('reported', g.reported, NULL::bigint),
			('alarms', g.alarms, NULL),
			('voided', g.voided, NULL),
			('merged', g.merged, NULL),
			('triage_pending', g.pending, NULL),
			('answered', g.answered, NULL),
			('dispatched', g.sent, NULL),
			('joint', g.joint, NULL),
			('diverted', g.diverted, NULL),
			('police_diverted', g.police_diverted, NULL),
			('diversion_rate_a', g.diverted, g.nonpolice + g.answered),
			('diversion_rate_b', g.alarms_diverted, g.alarms),
			('resolution_rate', g.diverted_settled, g.diverted),
			('on_time_acceptance', g.accept_met, g.accept_out),
			('on_time_arrival', g.arrive_met, g.arrive_out),
			('on_time_feedback', g.feedback_met, g.feedback_out),
			('on_time_closing', g.resolve_met, g.resolve_out),
			('on_time_closing_strict', g.strict_met, g.strict_out),
			('closing_rate', g.accepted_closed, g.accepted),
			('reply_rate', g.callers_told, g.callers),
			('accepted', g.accepted, NULL),
			('on_scene', g.on_scene, NULL),
			('closed', g.closed, NULL),
			('closed_unvisited', g.unvisited, NULL),
			('police_backup', g.backup, NULL),
			('transferred', g.transfers, NULL),
			('steps_fired', g.steps, NULL),
			('late_clocks', g.accept_out - g.accept_met + g.arrive_out - g.arrive_met + g.feedback_out - g.feedback_met
				+ g.resolve_out - g.resolve_met, NULL)) f(kpi, n, d)
		JOIN triage.kpi_formulas x ON x.kpi = f.kpi AND x.version = 1
		%5$s
		GROUP BY 1, 2
	)
	SELECT k.keys, x.id, coalesce(f.n, 0), CASE x.unit WHEN 'percent' THEN coalesce(f.d, 0) END,
		CASE x.unit WHEN 'percent' THEN triage.rate(f.n, f.d) ELSE coalesce(f.n, 0) END,
		x.numerator_en || coalesce(' / ' || x.denominator_en, ''), x.version, x.unit, $3
	FROM (SELECT DISTINCT f.keys FROM figure f) k
	CROSS JOIN triage.kpi_formulas x
	LEFT JOIN figure f ON f.keys = k.keys AND f.kpi = x.kpi
	ORDER BY k.keys, x.ord
	$q$,
		CASE WHEN areas IS NULL THEN 'true' ELSE '(c.area = ANY ($9) OR EXISTS (SELECT 1 FROM triage.assignments a'
			' WHERE a.case_id = c.case_id AND a.department = ANY ($10)))' END,
		array_to_string(cols || ''::text, ', '),
		array_to_string(cols, ', '),
		array_to_string(pairs, ', '),
		CASE WHEN timed THEN 'CROSS JOIN LATERAL (SELECT CASE x.counted_by WHEN ''report'' THEN g.called_on ELSE g.decided_on END) o(day)'
			' WHERE o.day IS NOT NULL' ELSE '' END,
		(SELECT string_agg(format('coalesce(o.data->>%1$L, d.report->>%1$L)::%2$s AS %1$I,', c.c,
			CASE c.c WHEN 'priority' THEN 'int' WHEN 'danger' THEN 'boolean' ELSE 'text' END), ' ') FROM unnest(cols) c(c) WHERE c.c = ANY (further)),
		CASE WHEN timed THEN '(d.called_at AT TIME ZONE $4)::date AS called_on, (o.decided_at AT TIME ZONE $4)::date AS decided_on,' ELSE '' END)
	USING kpi.since, kpi.until, now, zone, kpi.until - back, police, alarm, caller, areas, units;
END
$$;
COMMENT ON FUNCTION triage.kpi(timestamptz, timestamptz, text[]) IS
	'Rates and counts of the incidents of a period, since <= time < until, by the server''s recording time of the report or of the first decision (counted_by in triage.kpi_formulas); tasks, visits and campaigns are left out. Judged as known at until (or now, when until is in the future): what is recorded from then on does not count and a due time moved since is taken as it was, so the same call for a past period gives the same result after later work. A limit counts once it has run out, met or not; void and merged incidents are in no rate.
One row per group and figure: keys (the values of "by"), kpi = id with version such as diversion_rate_a@1, numerator, denominator (null for counts), value (percent with two decimals, null when the denominator is 0; for counts the count itself), formula in words, version, unit (percent, count), counted_at. Without "by" there is always one group, with it those that have cases.
by: channel, area, town, department (the lead first decided), case_type, case_group, nature, priority, danger as first decided; day (YYYY-MM-DD), week (its Monday), month (YYYY-MM), local dates of the time a case is counted by, in local_timezone(), whatever the session''s TimeZone. Counts what the actor may see by triage.members.
Errors: TR003 since or until is null, since not before until, unknown key. Source: domain notes 5 (formulas F35, S0, S1, S4; the rest D).';
