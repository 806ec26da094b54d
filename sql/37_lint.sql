/*
 * What is wrong with rules taken together: what forbids to save a route
 * (triggers) or to apply a pack (rule_errors(), which 36_packs.sql asks), and
 * what lint() tells besides.
 *
 * Single rows are checked in extension/rulebook/pack_rows.c, conditions in
 * condition_check.c.
 */

CREATE FUNCTION triage.timezone_exists(name text) RETURNS boolean
	LANGUAGE c STABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'triage_timezone_exists';
COMMENT ON FUNCTION triage.timezone_exists(text) IS
	'Does the server know this time zone, as calendars use it?
Source: extension/rulebook/pack.c';

CREATE FUNCTION triage.constant_condition(condition text) RETURNS boolean
	LANGUAGE c STABLE STRICT PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'triage_constant_condition';
COMMENT ON FUNCTION triage.constant_condition(text) IS
	'What a route condition says when it says the same of all facts; null when it depends on them.
Errors: TR004 as check_condition().
Source: extension/rulebook/pack.c';

-- ---- what is wrong with rules ---------------------------------------------------

CREATE FUNCTION triage.judge_condition(condition text, OUT problem text, OUT hint text, OUT constant boolean)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	at_place	text;
BEGIN
	judge_condition.constant := triage.constant_condition(judge_condition.condition);
EXCEPTION WHEN SQLSTATE 'TR004' THEN
	GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT, at_place = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	IF at_place <> '' THEN
		problem := format('%s (%s)', problem, at_place);
	END IF;
END
$$;
COMMENT ON FUNCTION triage.judge_condition(text) IS
	'Why a route condition does not compile and what to write instead, or what it says of all facts alike; all null for an ordinary one.';

CREATE FUNCTION triage.conditions_tie(a text, b text) RETURNS boolean
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	always_a	boolean;
	always_b	boolean;
BEGIN
	IF a IS NULL OR b IS NULL THEN
		RETURN a IS NULL AND b IS NULL;
	END IF;
	always_a := (triage.judge_condition(a)).constant;
	always_b := (triage.judge_condition(b)).constant;
	RETURN always_a IS NOT false AND always_b IS NOT false
		AND (a = b OR always_a IS true OR always_b IS true);
END
$$;
COMMENT ON FUNCTION triage.conditions_tie(text, text) IS
	'Do two routes of the same precedence, case type and area with these conditions (null = none) both claim the same cases for certain?  Then nothing but chance would choose.';

CREATE FUNCTION triage.dangling_codes() RETURNS TABLE (severity text, item text, code text, message text, hint text)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	ref		record;
BEGIN
	FOR ref IN
		SELECT v.relation, v.col, v.target, v.noun, triage.rule_code('r', t.keys) AS code,
			   (SELECT string_agg(format('t.%I = r.%I', c.name, v.col), ' OR ') FROM unnest(v.target_cols) c (name)) AS matches
		FROM (VALUES
			('areas', 'parent', 'areas', '{code}'::text[], 'area'),
			('area_names', 'area', 'areas', '{code}', 'area'),
			('departments', 'area', 'areas', '{code}', 'area'),
			('departments', 'superior', 'departments', '{kind}', 'kind of department'),
			('departments', 'endpoint', 'endpoints', '{code}', 'endpoint'),
			('channels', 'area', 'areas', '{code}', 'area'),
			('channels', 'department', 'departments', '{code,kind}', 'department or kind'),
			('channels', 'endpoint', 'endpoints', '{code}', 'endpoint'),
			('case_types', 'parent', 'case_types', '{code}', 'case type'),
			('terms', 'case_type', 'case_types', '{code}', 'case type'),
			('routes', 'case_type', 'case_types', '{code}', 'case type'),
			('routes', 'area', 'areas', '{code}', 'area'),
			('route_parties', 'route', 'routes', '{code}', 'route'),
			('route_parties', 'department', 'departments', '{code}', 'department'),
			('route_parties', 'relation', 'departments', '{kind}', 'kind of department'),
			('calendar_hours', 'calendar', 'calendars', '{code}', 'calendar'),
			('calendar_days', 'calendar', 'calendars', '{code}', 'calendar'),
			('policies', 'case_type', 'case_types', '{code}', 'case type'),
			('policies', 'area', 'areas', '{code}', 'area'),
			('policies', 'calendar', 'calendars', '{code}', 'calendar'),
			('policies', 'ladder', 'policy_steps', '{ladder}', 'ladder with steps'),
			('policies', 'mode', 'modes', '{code}', 'mode'),
			('rosters', 'department', 'departments', '{code}', 'department'),
			('rosters', 'substitute', 'departments', '{code,kind}', 'department or kind'),
			('rosters', 'calendar', 'calendars', '{code}', 'calendar'),
			('rosters', 'mode', 'modes', '{code}', 'mode'),
			('repeat_rules', 'case_type', 'case_types', '{code}', 'case type'),
			('repeat_rules', 'channel', 'channels', '{code}', 'channel'),
			('follow_ups', 'case_type', 'case_types', '{code}', 'case type'),
			('follow_ups', 'outcome', 'outcomes', '{code}', 'outcome'),
			('follow_ups', 'department', 'departments', '{code}', 'department'),
			('follow_ups', 'relation', 'departments', '{kind}', 'kind of department')
		) v (relation, col, target, target_cols, noun)
		JOIN triage.rule_tables() t ON t.relation = v.relation
	LOOP
		RETURN QUERY EXECUTE format($q$
			SELECT CASE WHEN x.foreign_row THEN 'warning' ELSE 'error' END, %1$L, x.code,
				   format(CASE WHEN x.retired THEN 'column "%%s": %%s "%%s" is retired' ELSE 'column "%%s": there is no %%3$s "%%2$s"' END,
						  %2$L, CASE WHEN x.retired THEN %4$L ELSE x.value END, CASE WHEN x.retired THEN x.value ELSE %4$L END),
				   CASE WHEN x.retired THEN 'Retire this row too, name another code, or make the other row active again.'
						ELSE 'Correct the code, or add the row it names to triage.' || %3$L || '.' END
			FROM (SELECT %5$s AS code, r.%2$I::text AS value,
						 EXISTS (SELECT FROM triage.%3$I t WHERE (%6$s) AND NOT t.active) AS retired,
						 EXISTS (SELECT FROM triage.%3$I t WHERE (%6$s) AND NOT t.active AND t.pack IS DISTINCT FROM r.pack) AS foreign_row
				  FROM triage.%1$I r
				  WHERE r.active AND r.%2$I IS NOT NULL
				  AND NOT EXISTS (SELECT FROM triage.%3$I t WHERE (%6$s) AND t.active)) x $q$,
			ref.relation, ref.col, ref.target, ref.noun, ref.code, ref.matches);
	END LOOP;
END
$$;
COMMENT ON FUNCTION triage.dangling_codes() IS
	'Codes of active rules that lead nowhere: rows as lint().  error, but warning when the row they name was retired by somebody else (the installation, another pack).';

CREATE FUNCTION triage.rule_errors() RETURNS TABLE (severity text, item text, code text, message text, hint text)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
BEGIN
	RETURN QUERY SELECT * FROM triage.dangling_codes();

	-- cycles: walk up from every row; UNION ends a walk that turns round
	RETURN QUERY
		WITH RECURSIVE up (start, at) AS (
			SELECT a.code, a.parent FROM triage.areas a WHERE a.active AND a.parent IS NOT NULL
			UNION
			SELECT u.start, a.parent FROM up u JOIN triage.areas a ON a.code = u.at WHERE a.active AND a.parent IS NOT NULL)
		SELECT 'error', 'areas', u.start::text, 'its parents lead back to itself', 'Correct one of the parents: areas are a tree.'
		FROM up u WHERE u.at = u.start;
	RETURN QUERY
		WITH RECURSIVE up (start, at) AS (
			SELECT c.code, c.parent FROM triage.case_types c WHERE c.active AND c.parent IS NOT NULL
			UNION
			SELECT u.start, c.parent FROM up u JOIN triage.case_types c ON c.code = u.at WHERE c.active AND c.parent IS NOT NULL)
		SELECT 'error', 'case_types', u.start::text, 'its parents lead back to itself', 'Correct one of the parents: case types are a tree.'
		FROM up u WHERE u.at = u.start;
	RETURN QUERY
		WITH RECURSIVE step AS (
			SELECT DISTINCT d.kind, d.superior FROM triage.departments d WHERE d.active AND d.superior IS NOT NULL
		), up (start, at) AS (
			SELECT s.kind, s.superior FROM step s
			UNION
			SELECT u.start, s.superior FROM up u JOIN step s ON s.kind = u.at)
		SELECT 'error', 'departments', d.code::text, format('the superiors of kind "%s" lead back to itself', d.kind),
			   'Correct one of the superiors, which are kinds of departments.'
		FROM up u JOIN triage.departments d ON d.kind = u.start AND d.active
		WHERE u.at = u.start AND d.superior IS NOT NULL;

	RETURN QUERY
		SELECT 'error', 'routes', r.code::text, 'the route has no lead', 'Give it one party with duty "lead".'
		FROM triage.routes r
		WHERE r.active AND NOT EXISTS (SELECT FROM triage.route_parties p WHERE p.route = r.code AND p.active AND p.duty = 'lead');
	RETURN QUERY
		SELECT 'error', 'route_parties', concat_ws('/', p.route, p.seq), format('route "%s" has a second lead', p.route),
			   'A route has exactly one party with duty "lead".'
		FROM triage.route_parties p JOIN triage.routes r ON r.code = p.route AND r.active
		WHERE p.active AND p.duty = 'lead'
		AND EXISTS (SELECT FROM triage.route_parties o WHERE o.route = p.route AND o.active AND o.duty = 'lead' AND o.seq < p.seq);

	RETURN QUERY
		SELECT 'error', 'routes', r.code::text, 'condition: ' || j.problem, j.hint
		FROM triage.routes r, LATERAL triage.judge_condition(r.condition) j
		WHERE r.active AND r.condition IS NOT NULL AND j.problem IS NOT NULL;
	RETURN QUERY
		SELECT 'error', 'routes', r.code::text,
			   format('ties with route "%s": same precedence, case type and area%s', o.code,
					  CASE WHEN r.condition IS NULL THEN ', both without condition' ELSE ', and conditions that hold together' END),
			   'Give one of them a higher precedence, or a condition.'
		FROM triage.routes r
		JOIN triage.routes o ON o.precedence = r.precedence AND coalesce(o.case_type, '') = coalesce(r.case_type, '')
			AND coalesce(o.area, '') = coalesce(r.area, '') AND o.code <> r.code AND o.active
			AND (o.condition IS NULL) = (r.condition IS NULL)
		WHERE r.active AND triage.conditions_tie(r.condition, o.condition);

	RETURN QUERY
		SELECT 'error', 'rosters', r.code::text, format('column "team": there is no department "%s"', r.team),
			   'The team of a rotating chair is the department whose turn it is.'
		FROM triage.rosters r
		WHERE r.active AND r.duty = 'chair' AND NOT EXISTS (SELECT FROM triage.departments d WHERE d.code = r.team AND d.active);

	RETURN QUERY
		SELECT 'error', 'calendars', c.code::text, format('column "timezone": the server knows no time zone "%s"', c.timezone),
			   'See the view pg_timezone_names, for instance Asia/Shanghai.'
		FROM triage.calendars c
		WHERE c.active AND NOT triage.timezone_exists(c.timezone);
END
$$;
COMMENT ON FUNCTION triage.rule_errors() IS
	'What is wrong between rows of the rules, each finding at a row (item = table, code = its key): rows as lint(), of which these are a part.
apply_pack() and load_pack() refuse a row that has an error.';

-- ---- refused when saved ---------------------------------------------------------

CREATE INDEX routes_rank_idx ON triage.routes (precedence, coalesce(case_type, ''), coalesce(area, '')) WHERE active;

CREATE FUNCTION triage.check_route_condition() RETURNS trigger
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	verdict	record;
BEGIN
	SELECT * INTO verdict FROM triage.judge_condition(NEW.condition);
	IF verdict.problem IS NOT NULL THEN
		RAISE EXCEPTION 'route "%": condition: %', NEW.code, verdict.problem
			USING ERRCODE = 'TR004', DETAIL = format('The condition: %s', NEW.condition), HINT = verdict.hint;
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION triage.check_route_condition() IS
	'Row trigger of triage.routes: TR004 when an active route''s condition does not compile.';
CREATE TRIGGER check_condition AFTER INSERT OR UPDATE OF condition, active ON triage.routes
	FOR EACH ROW WHEN (NEW.active AND NEW.condition IS NOT NULL)
	EXECUTE FUNCTION triage.check_route_condition();

-- Deferred, so that two routes may change places in one transaction.
CREATE FUNCTION triage.check_route_tie() RETURNS trigger
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	other	text;
BEGIN
	SELECT o.code INTO other
	FROM triage.routes r
	JOIN triage.routes o ON o.precedence = r.precedence AND coalesce(o.case_type, '') = coalesce(r.case_type, '')
		AND coalesce(o.area, '') = coalesce(r.area, '') AND o.code <> r.code AND o.active
		AND (o.condition IS NULL) = (r.condition IS NULL)
	WHERE r.code = NEW.code AND r.active AND triage.conditions_tie(r.condition, o.condition)
	ORDER BY o.code LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'route "%" ties with route "%"', NEW.code, other
			USING ERRCODE = 'TR004',
				  DETAIL = 'Both have the same precedence, case type and area, and nothing else tells them apart.',
				  HINT = 'Give one of them a higher precedence, or a condition.';
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION triage.check_route_tie() IS
	'Deferred constraint trigger of triage.routes: TR004 when at the end of the transaction two routes claim the same cases with the same rank.';
CREATE CONSTRAINT TRIGGER check_tie AFTER INSERT OR UPDATE OF case_type, area, condition, precedence, active ON triage.routes
	DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW WHEN (NEW.active)
	EXECUTE FUNCTION triage.check_route_tie();

-- ---- lint -----------------------------------------------------------------------

CREATE FUNCTION triage.lint() RETURNS TABLE (severity text, item text, code text, message text, hint text)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	SET jit = off
AS $$
#variable_conflict error
DECLARE
	this_year	int := extract(year FROM triage.clock());
	t			record;
BEGIN
	PERFORM triage.require_admin();
	RETURN QUERY SELECT * FROM triage.rule_errors();
	IF NOT EXISTS (SELECT FROM triage.departments d WHERE d.active AND d.kind = 'SGC_C') THEN
		RETURN QUERY SELECT 'error', 'departments', 'SGC_C', 'there is no governance centre: no active department of kind "SGC_C"',
			'Add one: it owns the cases that no route takes.';
	END IF;
	FOR t IN SELECT * FROM triage.rule_tables() LOOP
		RETURN QUERY EXECUTE format('SELECT ''warning'', %1$L, r.pack::text, format(''%%s rows say they are of pack "%%s", which is not in triage.packs'', count(*), r.pack),'
			' ''Load the pack, or set the column pack to null.'''
			' FROM triage.%2$I r WHERE r.pack IS NOT NULL AND NOT EXISTS (SELECT FROM triage.packs p WHERE p.code = r.pack) GROUP BY r.pack',
			t.relation, t.relation);
	END LOOP;

	-- routes: what they reach, and which come first
	RETURN QUERY
		WITH RECURSIVE type_up (code, up) AS (
			SELECT c.code, c.code FROM triage.case_types c WHERE c.active
			UNION
			SELECT u.code, c.parent FROM type_up u JOIN triage.case_types c ON c.code = u.up WHERE c.active AND c.parent IS NOT NULL
		), area_up (code, up) AS (
			SELECT DISTINCT r.area, r.area FROM triage.routes r WHERE r.active AND r.area IS NOT NULL
			UNION
			SELECT u.code, a.parent FROM area_up u JOIN triage.areas a ON a.code = u.up WHERE a.active AND a.parent IS NOT NULL
		), route AS MATERIALIZED (
			SELECT r.code, r.case_type, r.area, r.precedence, r.condition, j.constant, r.condition IS NULL OR j.constant IS true AS always
			FROM triage.routes r LEFT JOIN LATERAL triage.judge_condition(r.condition) j ON r.condition IS NOT NULL
			WHERE r.active
		)
		SELECT CASE WHEN s.n = 0 THEN 'warning' ELSE 'info' END, 'case_types', c.code::text,
			   CASE WHEN s.n = 0 THEN 'no route reaches this case type; its cases go to the governance centre'
					WHEN s.surely THEN 'no route names this case type; its cases go where all others go'
					ELSE 'reached by routes with a condition or an area only; other cases go to the governance centre' END,
			   'Add a route for it or for a type above it.'
		FROM triage.case_types c
		CROSS JOIN LATERAL (
			SELECT count(*) AS n, coalesce(bool_or(r.always AND r.area IS NULL), false) AS surely,
				   coalesce(bool_or(r.always AND r.area IS NULL AND r.case_type IS NOT NULL), false) AS by_name
			FROM route r
			WHERE r.constant IS NOT false
			AND (r.case_type IS NULL OR EXISTS (SELECT FROM type_up u WHERE u.code = c.code AND u.up = r.case_type))) s
		WHERE c.active AND NOT s.by_name
		AND NOT EXISTS (SELECT FROM triage.case_types child WHERE child.parent = c.code AND child.active)
		UNION ALL
		SELECT 'warning', 'routes', r.code::text, format('never reached: route "%s" always comes first', min(q.code)),
			   'Give this route a higher precedence, or the other one a condition.'
		FROM route r
		JOIN route q ON q.always AND q.code <> r.code
			AND (q.precedence > r.precedence
				 OR q.precedence = r.precedence AND q.condition IS NOT NULL AND r.condition IS NULL
					AND q.case_type IS NOT DISTINCT FROM r.case_type AND q.area IS NOT DISTINCT FROM r.area)
			AND (q.case_type IS NULL OR EXISTS (SELECT FROM type_up u WHERE u.code = r.case_type AND u.up = q.case_type))
			AND (q.area IS NULL OR EXISTS (SELECT FROM area_up u WHERE u.code = r.area AND u.up = q.area))
		GROUP BY r.code
		UNION ALL
		SELECT 'warning', 'routes', r.code::text, 'never applies: its condition is false for all cases', 'Correct the condition, or retire the route.'
		FROM route r WHERE r.constant IS false
		UNION ALL
		SELECT 'info', 'routes', r.code::text,
			   format('where its condition and that of route "%s" hold together, the order of their codes decides', q.code),
			   'Give one of them a higher precedence.'
		FROM route r
		JOIN route q ON q.code < r.code AND q.precedence = r.precedence AND q.condition <> r.condition
			AND q.case_type IS NOT DISTINCT FROM r.case_type AND q.area IS NOT DISTINCT FROM r.area
		WHERE r.constant IS NULL AND q.constant IS NULL;

	RETURN QUERY
		SELECT 'warning', 'terms', concat_ws('/', i.case_type, 'include', i.term),
			   'the term both includes and excludes its case type', 'Retire one of the two.'
		FROM triage.terms i
		JOIN triage.terms e ON e.case_type = i.case_type AND e.kind = 'exclude' AND e.term = i.term AND e.active
		WHERE i.kind = 'include' AND i.active;
	RETURN QUERY
		SELECT 'info', 'terms', i.term::text, format('the term includes several case types: %s', string_agg(i.case_type, ', ' ORDER BY i.case_type)),
			   'It does not tell them apart; add longer terms to one of them.'
		FROM triage.terms i
		WHERE i.kind = 'include' AND i.active
		GROUP BY i.term HAVING count(*) > 1;

	RETURN QUERY
		SELECT 'warning', 'context_words', concat_ws('/', w.kind, w.word), 'it stands over danger and police words, but holds none',
			   'Correct the word, or say where else it stands.'
		FROM triage.context_words w
		WHERE w.active AND w.stands = 'over' AND w.kind NOT IN ('plain', 'turn')
		AND NOT EXISTS (SELECT FROM triage.terms i JOIN triage.case_types c ON c.code = i.case_type AND c.active
			WHERE i.active AND i.kind = 'include' AND (c.priority = 1 OR c.nature = 'police') AND strpos(w.word, i.term) > 0);

	-- every stage needs a limit for every case that no policy names
	RETURN QUERY
		SELECT 'warning', 'policies', format('%s/%s', s.stage, p.priority),
			   format('stage "%s" has no limit for cases of priority %s%s', s.stage, p.priority,
					  CASE WHEN count(*) < 4 THEN ' that are ' || string_agg(concat_ws(' and ',
						CASE WHEN u.urban THEN 'urban' ELSE 'rural' END, CASE WHEN d.danger THEN 'dangerous' ELSE 'not dangerous' END),
						', or ' ORDER BY u.urban, d.danger) ELSE '' END),
			   'Add a policy for this stage without case type and area.'
		FROM unnest('{triage,accept,arrive,feedback,resolve,ring_back,assist}'::text[]) s (stage)
		CROSS JOIN generate_series(1, 4) p (priority)
		CROSS JOIN (VALUES (false), (true)) u (urban)
		CROSS JOIN (VALUES (false), (true)) d (danger)
		WHERE NOT EXISTS (SELECT FROM triage.policies x WHERE x.active AND x.stage = s.stage AND x.case_type IS NULL AND x.area IS NULL
						  AND x.mode IS NULL AND coalesce(x.priority, p.priority) = p.priority AND coalesce(x.urban, u.urban) = u.urban
						  AND coalesce(x.danger, d.danger) = d.danger)
		-- nobody arrives where no scene is
		AND (s.stage <> 'arrive' OR EXISTS (SELECT FROM triage.case_types c WHERE c.active AND c.scene AND c.priority = p.priority))
		GROUP BY s.stage, p.priority;

	RETURN QUERY
		SELECT 'warning', 'rosters', r.department::text, format('its shifts end on %s, after that nobody is on duty', max(r.valid_until)),
			   'Add the shifts that follow; without any row the department counts as always there.'
		FROM triage.rosters r
		WHERE r.active AND r.duty = 'duty' AND r.mode IS NULL
		GROUP BY r.department HAVING max(coalesce(r.valid_until, 'infinity')) <= triage.clock()::date + 14;
	RETURN QUERY
		SELECT 'warning', 'rosters', r.code::text, format('nobody of the department has the skill "%s"', r.skill),
			   'Add it to triage.staff.skills of those who come, or correct the shift.'
		FROM triage.rosters r
		WHERE r.active AND r.skill IS NOT NULL AND r.duty = 'duty'
		AND NOT EXISTS (SELECT FROM triage.staff s WHERE s.department = r.department AND r.skill = ANY (s.skills));
	RETURN QUERY
		SELECT 'warning', 'staff', s.staff_id::text, format('column "%s": there is no active %s "%s"', x.col, x.noun, x.value),
			   'Correct the code, or end the row''s time in column active.'
		FROM triage.staff s
		CROSS JOIN LATERAL (VALUES
			('department', 'department', s.department, EXISTS (SELECT FROM triage.departments d WHERE d.code = s.department AND d.active)),
			('area', 'area', s.area, EXISTS (SELECT FROM triage.areas a WHERE a.code = s.area AND a.active)),
			('login', 'role', s.login, EXISTS (SELECT FROM pg_roles l WHERE l.rolname = s.login)),
			('team', 'shift of a team', s.team, EXISTS (SELECT FROM triage.rosters r WHERE r.department = s.department AND r.team = s.team AND r.active)))
			x (col, noun, value, found)
		WHERE x.value IS NOT NULL AND NOT x.found AND s.active && daterange(triage.clock()::date, NULL);

	RETURN QUERY
		SELECT 'warning', 'channels', c.code::text, 'a written channel where danger is not confirmed by a person first',
			   'Set confirm_danger, unless police are to be sent on every written word.'
		FROM triage.channels c WHERE c.active AND c.kind = 'written' AND NOT c.confirm_danger;
	RETURN QUERY
		SELECT 'warning', 'calendars', c.code::text,
			   format('its special days end on %s; later holidays count as working days', max(d.day)),
			   format('Add the holidays and make-up working days of %s to triage.calendar_days.', this_year + 1)
		FROM triage.calendars c JOIN triage.calendar_days d ON d.calendar = c.code AND d.active
		WHERE c.active
		GROUP BY c.code HAVING extract(year FROM max(d.day)) <= this_year;
END
$$;
COMMENT ON FUNCTION triage.lint() IS
	'What is wrong or doubtful in the rules: severity error (the rulebook passes such rows over, or has nobody to send cases to), warning (probably not meant), info.
item = table, code = key of the row joined with "/" (or what else the finding is about), message = what, hint = what to do.  No rows: nothing was found.
Errors: TR002 not an administrator.';
