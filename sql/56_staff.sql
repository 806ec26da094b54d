/*
 * Who is on duty: modes, shifts, and the people who come.
 *
 * Source: extension/worktime/roster.c (shifts), extension/rulebook/duty.c
 * (which of them count, who stands in), extension/casework/staff.c (who works
 * on a case).
 */

-- ---- modes ----

CREATE FUNCTION triage.mode_in_force(area text, at timestamptz DEFAULT NULL) RETURNS text
	LANGUAGE c STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_mode_in_force';
COMMENT ON FUNCTION triage.mode_in_force(text, timestamptz) IS
	'The mode (值班模式) in force in an area at an instant (NULL = now): of several the highest rank, then that of the smallest area; NULL = an ordinary day. area NULL: what is in force everywhere. Errors: TR003 unknown area.
Source: extension/rulebook/duty.c';

CREATE FUNCTION triage.set_mode(mode text, area text, until timestamptz, reason text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	shown_at	timestamptz := triage.clock();
	place		text := coalesce(set_mode.area, '');
	missing		text := CASE WHEN set_mode.mode IS NULL THEN 'mode' WHEN set_mode.until IS NULL THEN 'until' WHEN set_mode.reason IS NULL THEN 'reason' END;
	me			record;
BEGIN
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION 'argument "%" must not be null', missing
			USING ERRCODE = 'TR003', DETAIL = 'A mode is set for an area until a time, for a reason.', HINT = format('Give a value for "%s".', missing);
	END IF;
	IF NOT EXISTS (SELECT FROM triage.modes m WHERE m.code = set_mode.mode AND m.active) THEN
		RAISE EXCEPTION 'mode "%" does not exist', set_mode.mode
			USING ERRCODE = 'TR003', DETAIL = 'There is no active row with this code in triage.modes.', HINT = 'Use a code listed in triage.modes, or add it there.';
	END IF;
	IF place <> '' AND NOT EXISTS (SELECT FROM triage.areas a WHERE a.code = place AND a.active) THEN
		RAISE EXCEPTION 'area "%" does not exist', place
			USING ERRCODE = 'TR003', DETAIL = 'There is no active row with this code in triage.areas.', HINT = 'Use a code listed in triage.areas; NULL is everywhere.';
	END IF;
	-- by its sight: the centre of the area; where no members are named, who may change rules
	SELECT * INTO me FROM triage.sight();
	IF NOT EXISTS (SELECT FROM triage.members) THEN
		PERFORM triage.require_admin();
	ELSIF NOT EXISTS (SELECT FROM triage.members m WHERE m.role = triage.actor() AND m.active AND m.duty IN ('centre', 'admin'))
		OR NOT (me.everywhere OR coalesce(place = ANY (me.areas), false)) THEN
		RAISE EXCEPTION 'set_mode is not yours to do there'
			USING ERRCODE = 'TR002', DETAIL = 'It is up to: centre of the area.', HINT = 'triage.members says who acts for whom.';
	END IF;
	IF btrim(set_mode.reason) = '' OR octet_length(set_mode.reason) > 10000 THEN
		RAISE EXCEPTION 'argument "reason" must say something'
			USING ERRCODE = 'TR005', DETAIL = 'It is blank, or longer than 10000 bytes.', HINT = 'Say in a sentence why.';
	END IF;
	IF NOT isfinite(set_mode.until) OR set_mode.until > shown_at + interval '1 year' THEN
		RAISE EXCEPTION 'argument "until" lies too far ahead'
			USING ERRCODE = 'TR005', DETAIL = 'A mode lasts a year at most.', HINT = 'Give the time at which it is over; it can be set again.';
	END IF;

	-- the one that is in force there ends, whatever follows
	UPDATE triage.mode_periods p SET until = greatest(shown_at, p.since + interval '1 microsecond')
		WHERE p.mode = set_mode.mode AND p.area = place AND p.until > shown_at AND p.since <= shown_at;
	IF set_mode.until > shown_at THEN
		INSERT INTO triage.mode_periods AS p (mode, area, since, until, reason, set_by)
			VALUES (set_mode.mode, place, shown_at, set_mode.until, set_mode.reason, triage.actor())
			ON CONFLICT ON CONSTRAINT mode_periods_pkey DO UPDATE SET until = excluded.until, reason = excluded.reason, set_by = excluded.set_by;
	ELSIF NOT FOUND THEN
		RAISE EXCEPTION 'mode "%" is not in force there', set_mode.mode
			USING ERRCODE = 'TR001', DETAIL = 'A time that has passed ends a mode.', HINT = 'Give a time to come to set it.';
	END IF;
END
$$;
COMMENT ON FUNCTION triage.set_mode(text, text, timestamptz, text) IS
	'Sets a mode (启动模式: typhoon, exam week, a big event) for an area (NULL = everywhere) from now until a time; an until that has passed ends it. It is the fact "mode" of route conditions, chooses policies and shifts that name it, and stands in every decision taken meanwhile; clocks that run stay as they are. Raises the rulebook version.
For the centre of the area; while no members are named, for who may change rules. Errors: TR001 nothing to end, TR002, TR003 unknown mode or area, TR005 blank reason or more than a year ahead.';

-- ---- shifts ----

CREATE FUNCTION triage.duty_shifts(department text, at timestamptz DEFAULT NULL, chair boolean DEFAULT false)
	RETURNS TABLE (roster text, team text, skill text, shift_start timestamptz, shift_end timestamptz, mode text)
	LANGUAGE c STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_duty_shifts';
COMMENT ON FUNCTION triage.duty_shifts(text, timestamptz, boolean) IS
	'The rows of triage.rosters that are on at an instant (NULL = now) for a department, in order of their codes; chair: whose turn the chair is (轮值主管), team = that department. While a mode is in force for which the department has shifts, these alone count. Errors: TR003 unknown department.
Source: extension/rulebook/duty.c';

CREATE FUNCTION triage.local_date(at timestamptz) RETURNS date
	LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	RETURN (local_date.at AT TIME ZONE coalesce((SELECT c.timezone FROM triage.calendars c WHERE c.active ORDER BY c.code LIMIT 1), 'UTC'))::date;
COMMENT ON FUNCTION triage.local_date(timestamptz) IS
	'The date of an instant where the calendars are (the first of them by code), whatever the session''s time zone.';

CREATE FUNCTION triage.on_duty(department text, at timestamptz DEFAULT NULL, skill text DEFAULT NULL)
	RETURNS TABLE (team text, shift_start timestamptz, shift_end timestamptz, mode text)
	LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT s.team, s.shift_start, s.shift_end, s.mode
	FROM triage.duty_shifts(on_duty.department, on_duty.at) s
	WHERE on_duty.skill IS NULL OR s.skill = on_duty.skill
		OR s.skill IS NULL AND EXISTS (SELECT FROM triage.staff p
			WHERE p.department = on_duty.department AND (p.team = s.team OR p.team IS NULL) AND on_duty.skill = ANY (p.skills)
				AND p.kind <> 'volunteer' AND p.active @> triage.local_date(s.shift_start))
	ORDER BY s.shift_start, s.team
$$;
COMMENT ON FUNCTION triage.on_duty(text, timestamptz, text) IS
	'谁在值班: the teams of a department on duty at an instant (NULL = now), with their shift, which may have begun the day before, and the mode it is for. skill: only teams whose shift names it, or that have people with it. No rows: nobody; a department without a roster has none either and counts as always there. Errors: TR003 unknown department.';

-- ---- what the columns mean ----

COMMENT ON TABLE triage.modes IS 'What may be in force beside the ordinary (值班模式): typhoon 台风, exam week 考试周, a big event 大型活动. set_mode() puts one in force; routes (fact "mode"), policies and rosters may depend on it.';
COMMENT ON COLUMN triage.modes.code IS 'Code of the mode.';
COMMENT ON COLUMN triage.modes.zh IS 'Name in Chinese.';
COMMENT ON COLUMN triage.modes.en IS 'Name in English.';
COMMENT ON COLUMN triage.modes.rank IS 'Of several modes in force at one place the highest rank counts; alike: that of the smallest area, then by code.';
COMMENT ON COLUMN triage.modes.basis IS 'Where it comes from: notes of the domain, D = default, not official.';
COMMENT ON TABLE triage.mode_periods IS 'When and where a mode was in force, is, or will be. Written by set_mode(); rules like any other, so that a decision can be read later, but brought by no pack.';
COMMENT ON COLUMN triage.mode_periods.mode IS 'modes.code.';
COMMENT ON COLUMN triage.mode_periods.area IS 'areas.code, with areas inside; empty = everywhere.';
COMMENT ON COLUMN triage.mode_periods.since IS 'From this instant on.';
COMMENT ON COLUMN triage.mode_periods.until IS 'Until just before this one; ending a mode early moves it.';
COMMENT ON COLUMN triage.mode_periods.reason IS 'Why, as given.';
COMMENT ON COLUMN triage.mode_periods.set_by IS 'Role that set it.';
COMMENT ON COLUMN triage.policies.mode IS 'modes.code: the limit holds only while this mode is in force, and then goes before all limits without a mode; NULL = whatever is in force. The mode at the clock''s start counts.';

COMMENT ON TABLE triage.rosters IS 'Shifts (值班排班): a row is one shift of a team of a department on the days it names. A shift belongs to the day on which it starts, also after midnight. A department with shifts and none on now is off duty: who stands in for it is named in its place. One without rows is always there.';
COMMENT ON COLUMN triage.rosters.code IS 'Code of the shift.';
COMMENT ON COLUMN triage.rosters.department IS 'departments.code.';
COMMENT ON COLUMN triage.rosters.duty IS 'duty 值班 | chair 轮值主管: whose turn it is to take the chair of joint meetings of this department (SEED3); chairs do not make a department be on duty.';
COMMENT ON COLUMN triage.rosters.team IS 'Name of the team, as in staff.team; of a chair the departments.code whose turn it is.';
COMMENT ON COLUMN triage.rosters.skill IS 'Skill tag (技能标签) that this shift is for; NULL = whatever comes.';
COMMENT ON COLUMN triage.rosters.starts IS 'Time of day, by the calendar''s zone.';
COMMENT ON COLUMN triage.rosters.ends IS 'Time of day; not after starts: on the next day, so that the same time twice is 24 hours.';
COMMENT ON COLUMN triage.rosters.days IS 'every 每日 | workday 工作日: days on which the calendar opens, make-up days among them | rest 休息日: weekends and holidays.';
COMMENT ON COLUMN triage.rosters.weekdays IS 'Digits of the weekdays on which it may start, 1 = Monday.';
COMMENT ON COLUMN triage.rosters.calendar IS 'calendars.code: zone, working days and holidays.';
COMMENT ON COLUMN triage.rosters.turn_lasts IS 'How long a turn (轮值) is where several take turns: day, week (from Monday) or month.';
COMMENT ON COLUMN triage.rosters.cycle IS 'How many take turns; 1 = no turns.';
COMMENT ON COLUMN triage.rosters.turn IS 'Whose turn this row is, 0 to cycle - 1; turn 0 holds valid_from.';
COMMENT ON COLUMN triage.rosters.valid_from IS 'First day on which it may start; turns are counted from it.';
COMMENT ON COLUMN triage.rosters.valid_until IS 'Last day on which it may start; NULL = until it is changed.';
COMMENT ON COLUMN triage.rosters.mode IS 'modes.code: only while this mode is in force at the department''s area, and then in place of the shifts without a mode; NULL = otherwise.';
COMMENT ON COLUMN triage.rosters.substitute IS 'departments.code or kind (the unit for the case''s area) that stands in when nobody is on duty; the first of the department''s rows that names one counts; NULL = the unit above.';
COMMENT ON COLUMN triage.rosters.basis IS 'Where it comes from: notes of the domain, D = default, not official.';

COMMENT ON TABLE triage.staff IS 'People (人员): who works on cases, with place, rank in the grid and skills. Apart from logins (members): a person need not log in. Brought by no pack; no rule of decision reads it. Rows are ended in column active, not deleted, while assignments name them.';
COMMENT ON COLUMN triage.staff.staff_id IS 'Number of the person.';
COMMENT ON COLUMN triage.staff.name IS 'Name.';
COMMENT ON COLUMN triage.staff.login IS 'Role by which the person logs in; NULL = does not. Who accepts a case by this role is named as its person.';
COMMENT ON COLUMN triage.staff.department IS 'departments.code the person belongs to; only volunteers have none.';
COMMENT ON COLUMN triage.staff.area IS 'areas.code the person works in; NULL = wherever the department does.';
COMMENT ON COLUMN triage.staff.grid_level IS 'Rank in the three-level grid (SEED4): 3 = village staff, first on the spot; 2 = members of the squadron; 1 = heads. NULL = not of the grid.';
COMMENT ON COLUMN triage.staff.kind IS 'duty 值班人员 | mediator 调解员 | agent 代办员 | officer 干部、警长 | volunteer 志愿者.';
COMMENT ON COLUMN triage.staff.team IS 'rosters.team with whose shifts the person is on duty; NULL = with every shift of the department.';
COMMENT ON COLUMN triage.staff.skills IS 'Skill tags (技能标签), for example labour, property, drones.';
COMMENT ON COLUMN triage.staff.active IS 'Days on which the person is there; ended, not deleted.';
COMMENT ON INDEX triage.staff_department_idx IS 'People of a department.';
COMMENT ON INDEX triage.staff_login_idx IS 'The person behind a role.';
COMMENT ON SEQUENCE triage.staff_staff_id_seq IS 'Numbers of people.';

-- ---- people ----

CREATE FUNCTION triage.assign_staff(case_id bigint, staff_id bigint, duty text DEFAULT NULL, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_assign_staff';
COMMENT ON FUNCTION triage.assign_staff(bigint, bigint, text, text) IS
	'指派人员: names the person who works on a case. duty NULL: for the part of the person''s department, by that department; duty agent 代办员: as the citizen''s agent beside the assignees (SEED1), by anyone who works with the case; the agent''s department then takes part with duty agent. Naming another person replaces the one before; the events keep both. Who accepts by a role that triage.staff knows is named by that. Errors: TR001, TR002, TR003 nobody of that number there today, a volunteer, or another duty.
Source: extension/casework/staff.c';

INSERT INTO triage.transitions (verb, from_status, to_status, level, duty, needs)
	SELECT 'assign_staff', s.status, NULL, 'assignment', 'anyone', 'staff_id'
	FROM unnest(ARRAY['dispatched', 'accepted', 'in_progress', 'return_requested', 'suspended', 'review', 'callback']) s(status);

/*
 * How far an area lies from others in the tree of areas: steps up to what
 * holds both, and down again.  All areas of the same county, and what holds it.
 */
CREATE FUNCTION triage.area_steps(area text) RETURNS TABLE (code text, steps int)
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH RECURSIVE up (code, parent, level, steps) AS (
		SELECT a.code, a.parent, a.level, 0 FROM triage.areas a WHERE a.code = area_steps.area
		UNION ALL
		SELECT a.code, a.parent, a.level, u.steps + 1 FROM up u JOIN triage.areas a ON a.code = u.parent WHERE u.steps < 20
	), down (code, steps) AS (
		SELECT u.code, u.steps FROM up u
		UNION ALL
		-- nothing below a province or city but what lies on the way up
		SELECT a.code, d.steps + 1 FROM down d JOIN triage.areas a ON a.parent = d.code
		WHERE d.steps < 20 AND a.level NOT IN ('city', 'county') AND NOT EXISTS (SELECT FROM up u WHERE u.code = a.code)
	)
	SELECT d.code, min(d.steps) FROM down d GROUP BY d.code
$$;
COMMENT ON FUNCTION triage.area_steps(text) IS
	'Areas by how far they lie from one in the tree: steps up to the area that holds both, and down again. The areas of its county and those above it; others have no row.';

CREATE FUNCTION triage.suggest_staff(case_id bigint, skill text DEFAULT NULL, max_rows int DEFAULT 5)
	RETURNS TABLE (staff_id bigint, score double precision, reason jsonb)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET jit = off	-- its plans are kept: see extension/README.md, Plans that are kept
AS $$
#variable_conflict error
DECLARE
	k			triage.cases;
	shown_at	timestamptz := triage.clock();
	wanted		text[];
	level		int;
BEGIN
	IF NOT triage.may_see(suggest_staff.case_id) THEN
		RAISE EXCEPTION 'case % does not exist', coalesce(suggest_staff.case_id::text, 'null')
			USING ERRCODE = 'TR003', DETAIL = 'There is no such case among those you work with.',
				  HINT = 'Check the number; triage.board() and triage.inbox() list the cases you may see.';
	END IF;
	IF suggest_staff.max_rows IS NULL OR suggest_staff.max_rows NOT BETWEEN 1 AND 1000 THEN
		RAISE EXCEPTION 'argument "max_rows" is out of range'
			USING ERRCODE = 'TR003', DETAIL = 'It says how many people are named.', HINT = 'Give a number from 1 to 1000.';
	END IF;
	SELECT * INTO k FROM triage.cases c WHERE c.case_id = suggest_staff.case_id;
	-- asked for, else what the route wants, else what the case is about
	wanted := CASE WHEN suggest_staff.skill IS NOT NULL THEN ARRAY[suggest_staff.skill] ELSE coalesce(
		(SELECT array_agg(DISTINCT p.skill) FROM triage.route_parties p
			WHERE p.active AND p.skill IS NOT NULL AND p.route = (SELECT d.route FROM triage.decisions d WHERE d.case_id = k.case_id ORDER BY d.seq DESC LIMIT 1)),
		(SELECT ARRAY[t.code, t.parent] FROM triage.case_types t WHERE t.code = k.case_type), '{}') END;
	-- the rank of the grid that it was passed up to
	level := (SELECT substring(e.data ->> 'to_level' FROM '^grid_([123])$')::int
		FROM triage.events e WHERE e.case_id = k.case_id AND e.verb = 'escalate' ORDER BY e.seq DESC LIMIT 1);
	RETURN QUERY
	WITH place AS MATERIALIZED (
		SELECT s.code, s.steps FROM triage.area_steps(k.area) s
	), part AS MATERIALIZED (
		SELECT a.department, bool_or(a.duty = 'lead') AS leads FROM triage.assignments a
		WHERE a.case_id = k.case_id AND a.status NOT IN ('done', 'withdrawn') GROUP BY a.department
	), candidate AS MATERIALIZED (
		SELECT p.*, (SELECT array_agg(w.x ORDER BY w.x) FROM unnest(wanted) w (x) WHERE w.x = ANY (p.skills)) AS fits,
			coalesce(l.steps, CASE WHEN p.area IS NULL OR k.area IS NULL THEN 6 END) AS steps, t.leads
		FROM triage.staff p
		LEFT JOIN place l ON l.code = p.area
		LEFT JOIN part t ON t.department = p.department
		WHERE p.kind <> 'volunteer' AND p.active @> triage.local_date(shown_at)
			AND (t.department IS NOT NULL OR l.code IS NOT NULL OR p.area IS NULL AND EXISTS (SELECT FROM triage.departments d
				LEFT JOIN place dl ON dl.code = d.area WHERE d.code = p.department AND d.active AND (d.area IS NULL OR dl.code IS NOT NULL)))
			AND (suggest_staff.skill IS NULL OR suggest_staff.skill = ANY (p.skills))
	), duty AS MATERIALIZED (
		-- asked once for each department; one without a roster is always there
		SELECT d.code, d.rostered, CASE WHEN d.rostered THEN ARRAY(SELECT s.team FROM triage.duty_shifts(d.code, shown_at) s) END AS teams
		FROM (SELECT c.code, EXISTS (SELECT FROM triage.rosters r WHERE r.department = c.code AND r.active AND r.duty = 'duty') AS rostered
			FROM triage.departments c WHERE c.active AND c.code IN (SELECT x.department FROM candidate x)) d
	), load AS MATERIALIZED (
		SELECT w.staff_id, count(*) AS n
		FROM triage.assignments a JOIN triage.assignment_staff w ON w.case_id = a.case_id AND w.seq = a.seq
		WHERE a.status NOT IN ('done', 'withdrawn') AND a.department IN (SELECT d.code FROM duty d) AND a.case_id <> k.case_id
		GROUP BY w.staff_id
	), judged AS (
		SELECT c.staff_id, jsonb_strip_nulls(jsonb_build_object(
			'skill', CASE WHEN c.fits IS NOT NULL THEN jsonb_build_object('is', c.fits, 'by', 4) END,
			'department', CASE WHEN c.leads IS NOT NULL THEN jsonb_build_object('is', c.department, 'by', CASE WHEN c.leads THEN 3 ELSE 2 END) END,
			'on_duty', CASE WHEN NOT d.rostered THEN NULL
				WHEN d.teams = '{}' OR NOT coalesce(c.team = ANY (d.teams), true) THEN jsonb_build_object('is', false, 'by', -4)
				ELSE jsonb_build_object('is', true, 'by', 1) END,
			'area', jsonb_build_object('is', c.area, 'steps', c.steps, 'by', greatest(3 - 0.5 * c.steps, 0)),
			'grid_level', CASE WHEN c.grid_level IS NOT NULL THEN jsonb_build_object('is', c.grid_level, 'by', CASE c.grid_level WHEN level THEN 2 ELSE 0.25 * c.grid_level END) END,
			'load', CASE WHEN o.n > 0 THEN jsonb_build_object('is', o.n, 'by', -0.5 * o.n) END)) AS why
		FROM candidate c
		JOIN duty d ON d.code = c.department
		LEFT JOIN load o ON o.staff_id = c.staff_id
	)
	SELECT j.staff_id, s.total, j.why || jsonb_build_object('name', p.name, 'kind', p.kind, 'department', coalesce(j.why -> 'department', '{}') || jsonb_build_object('is', p.department))
	FROM judged j
	JOIN triage.staff p ON p.staff_id = j.staff_id
	CROSS JOIN LATERAL (SELECT sum((w.value ->> 'by')::double precision) AS total FROM jsonb_each(j.why) w) s
	ORDER BY s.total DESC, j.staff_id
	LIMIT suggest_staff.max_rows;
END
$$;
COMMENT ON FUNCTION triage.suggest_staff(bigint, text, int) IS
	'推荐人员: people for a case, the best first. skill: only who has it; else skills that the route wants or that are the case''s type or group count. Volunteers are not among them: see helpers().
score = sum of the "by" in reason {name, kind, skill, department, on_duty, area, grid_level, load}: skill 4; department leads 3, takes part 2; on duty 1, its shift is off -4 (no roster: nothing); area 3 less half a step in the tree of areas; grid level 3 (first on the spot) 0.75 to level 1 0.25, but 2 for the level the case was passed up to; half a point off for each other open assignment. The weights are defaults, not official. Errors: TR003 unknown case, max_rows out of range.';

CREATE FUNCTION triage.helpers(area text, skills text[] DEFAULT NULL)
	RETURNS TABLE (staff_id bigint, name text, has text[])
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	places	text[] := triage.areas_below(helpers.area);
BEGIN
	IF places IS NULL THEN
		RAISE EXCEPTION 'argument "area" must not be null'
			USING ERRCODE = 'TR003', DETAIL = 'Helpers are looked for in an area.', HINT = 'Give a code listed in triage.areas.';
	END IF;
	RETURN QUERY
	SELECT p.staff_id, p.name, h.has
	FROM triage.staff p
	CROSS JOIN LATERAL (SELECT ARRAY(SELECT DISTINCT s.x FROM unnest(p.skills) s (x) WHERE helpers.skills IS NULL OR s.x = ANY (helpers.skills) ORDER BY 1) AS has) h
	WHERE p.kind = 'volunteer' AND p.active @> triage.local_date(triage.clock())
		AND (p.area IS NULL OR p.area = ANY (places) OR p.area IN (WITH RECURSIVE up (code, parent) AS (
				SELECT a.code, a.parent FROM triage.areas a WHERE a.code = helpers.area
				UNION
				SELECT a.code, a.parent FROM up u JOIN triage.areas a ON a.code = u.parent)
			SELECT u.code FROM up u))
		AND (coalesce(cardinality(helpers.skills), 0) = 0 OR h.has <> '{}')
	ORDER BY cardinality(h.has) DESC, p.staff_id;
END
$$;
COMMENT ON FUNCTION triage.helpers(text, text[]) IS
	'志愿者: volunteers of an area, of areas inside it and of those that hold it, apart from who is on duty; those with most of the wanted skills first. has = which of the wanted skills (skills NULL: all of theirs). Errors: TR003 unknown or null area.';

-- ---- how much there is to do, where, and who could ----

CREATE FUNCTION triage.town_cases(since timestamptz, until timestamptz, area text)
	RETURNS TABLE (town text, case_id bigint, case_type text, case_group text)
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	me		record;
	places	text[] := triage.areas_below(town_cases.area);
BEGIN
	IF town_cases.since IS NULL OR town_cases.until IS NULL OR NOT (town_cases.since < town_cases.until) OR NOT isfinite(town_cases.since) OR NOT isfinite(town_cases.until) THEN
		RAISE EXCEPTION 'arguments "since" and "until" are no period'
			USING ERRCODE = 'TR003', DETAIL = 'One is null or infinite, or until is not after since.', HINT = 'Give two times, the earlier one first.';
	END IF;
	SELECT * INTO me FROM triage.sight();
	RETURN QUERY
	WITH RECURSIVE inside (code, town) AS (
		SELECT a.code, a.code FROM triage.areas a WHERE a.level = 'town'
		UNION
		SELECT a.code, i.town FROM inside i JOIN triage.areas a ON a.parent = i.code
	)
	SELECT i.town, c.case_id, c.case_type, t.parent
	FROM triage.cases c
	JOIN inside i ON i.code = c.area
	LEFT JOIN triage.case_types t ON t.code = c.case_type
	WHERE c.reported_at >= town_cases.since AND c.reported_at < town_cases.until AND c.kind = 'incident' AND c.status NOT IN ('merged', 'void')
		AND (places IS NULL OR c.area = ANY (places)) AND (me.everywhere OR c.area = ANY (me.areas));
END
$$;
COMMENT ON FUNCTION triage.town_cases(timestamptz, timestamptz, text) IS
	'Internal: incidents of a period by town, of the areas the actor sees; merged and void ones left out. Error: TR003.';

CREATE FUNCTION triage.town_classes(since timestamptz, until timestamptz, bounds numeric[] DEFAULT '{5,20}')
	RETURNS TABLE (area text, zh text, cases bigint, per_day numeric, class int)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
BEGIN
	IF bounds IS NULL OR cardinality(bounds) NOT BETWEEN 1 AND 10 OR array_position(bounds, NULL) IS NOT NULL
		OR bounds <> ARRAY(SELECT DISTINCT b.x FROM unnest(bounds) b (x) ORDER BY b.x) THEN
		RAISE EXCEPTION 'argument "bounds" must be 1 to 10 ascending numbers'
			USING ERRCODE = 'TR003', DETAIL = 'They are the daily means at which the next class begins.', HINT = 'For instance {5,20}.';
	END IF;
	RETURN QUERY
	SELECT a.code, a.zh, n.cases, round(n.per_day, 2), width_bucket(n.per_day, bounds) + 1
	FROM (SELECT t.town, count(*) AS cases, count(*) * 86400 / extract(epoch FROM until - since) AS per_day
		FROM triage.town_cases(since, until, NULL) t GROUP BY t.town) n
	JOIN triage.areas a ON a.code = n.town
	ORDER BY n.per_day DESC, a.code;
END
$$;
COMMENT ON FUNCTION triage.town_classes(timestamptz, timestamptz, numeric[]) IS
	'乡镇分类: towns by the daily mean of their incidents, the busiest first; class 1 = below the first bound, and so on up: the basis for choosing how a town is on duty (SEED0: night force, two shifts, three shifts). The bounds are defaults, not official. Towns without incidents, and those the actor''s centre does not see, have no row. Error: TR003.';

CREATE FUNCTION triage.top_problems(since timestamptz, until timestamptz, area text DEFAULT NULL, max_rows int DEFAULT 5)
	RETURNS TABLE (area_code text, rank int, case_type text, zh text, cases bigint, share numeric)
	LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT r.town, r.rank, r.case_type, t.zh, r.cases, r.share
	FROM (SELECT n.town, n.case_type, count(*) AS cases,
			round(count(*) / sum(count(*)) OVER (PARTITION BY n.town), 4) AS share,
			row_number() OVER (PARTITION BY n.town ORDER BY count(*) DESC, n.case_type)::int AS rank
		FROM triage.town_cases(top_problems.since, top_problems.until, top_problems.area) n WHERE n.case_type IS NOT NULL GROUP BY n.town, n.case_type) r
	LEFT JOIN triage.case_types t ON t.code = r.case_type
	WHERE r.rank <= top_problems.max_rows
	ORDER BY r.town, r.rank
$$;
COMMENT ON FUNCTION triage.top_problems(timestamptz, timestamptz, text, int) IS
	'高发事项: the most frequent case types of each town (area NULL = all that the actor''s centre sees), with their share of its incidents of known type, 0 to 1. Error: TR003.';

CREATE FUNCTION triage.training_gaps(since timestamptz, until timestamptz, area text DEFAULT NULL, per_person numeric DEFAULT 20)
	RETURNS TABLE (area_code text, skill text, cases bigint, people bigint)
	LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH RECURSIVE inside (code, town) AS (
		SELECT a.code, a.code FROM triage.areas a WHERE a.level = 'town'
		UNION
		SELECT a.code, i.town FROM inside i JOIN triage.areas a ON a.parent = i.code
	), wanted AS (
		-- what the route asks for, else the type itself
		SELECT n.town, coalesce(p.skill, n.case_type) AS skill, n.case_group, count(DISTINCT n.case_id) AS cases
		FROM triage.town_cases(training_gaps.since, training_gaps.until, training_gaps.area) n
		LEFT JOIN LATERAL (SELECT d.route FROM triage.decisions d WHERE d.case_id = n.case_id ORDER BY d.seq DESC LIMIT 1) d ON true
		LEFT JOIN triage.route_parties p ON p.route = d.route AND p.active AND p.skill IS NOT NULL
		WHERE n.case_type IS NOT NULL
		GROUP BY 1, 2, 3
	), summed AS (
		SELECT w.town, w.skill, sum(w.cases)::bigint AS cases, array_agg(w.case_group) || w.skill AS any_of
		FROM wanted w GROUP BY w.town, w.skill
	), counted AS (
		SELECT w.town, w.skill, w.cases, (SELECT count(*) FROM triage.staff s
			LEFT JOIN triage.departments d ON d.code = s.department
			JOIN inside i ON i.code = coalesce(s.area, d.area) AND i.town = w.town
			WHERE s.kind <> 'volunteer' AND s.active @> triage.local_date(triage.clock()) AND s.skills && w.any_of) AS people
		FROM summed w
	)
	SELECT c.town, c.skill, c.cases, c.people FROM counted c
	WHERE c.people = 0 OR c.cases > training_gaps.per_person * c.people
	ORDER BY c.cases DESC, c.town, c.skill
$$;
COMMENT ON FUNCTION triage.training_gaps(timestamptz, timestamptz, text, numeric) IS
	'培训缺口: skills that the incidents of a period asked for in a town (of the route''s parties, else the case type) and that nobody of the town''s staff has, or too few: more than per_person cases for each. Volunteers do not count. The number is a default, not official. Error: TR003.';

COMMENT ON TABLE triage.assignment_staff IS 'Who works on it (承办人): the person now named for an assignment, by assign_staff() or because he signed for it. Earlier ones stand in the events.';
COMMENT ON COLUMN triage.assignment_staff.case_id IS 'cases.case_id.';
COMMENT ON COLUMN triage.assignment_staff.seq IS 'assignments.seq.';
COMMENT ON COLUMN triage.assignment_staff.staff_id IS 'staff.staff_id.';
COMMENT ON COLUMN triage.assignment_staff.since IS 'When he was named, or signed.';
COMMENT ON COLUMN triage.assignment_staff.named_by IS 'Role that named him.';
