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
