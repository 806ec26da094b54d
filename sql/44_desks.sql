/*
 * Desks: what waits for a department, what is late, how an area stands.
 *
 * A department's desk is read in the order of its deadlines
 * (assignments_live_idx), an area's from its open cases (cases_open_idx).  Sight is worked out once a
 * call, as two lists; no function runs per row.  Who may see a case is the
 * same as for triage.may_see(): extension/casework/rights.c.
 */

CREATE TYPE triage.inbox_row AS (
	case_id			bigint,
	number			text,
	due_at			timestamptz,	-- the next deadline, NULL = none runs
	remaining		interval,		-- until then; negative = overdue
	colour			text,			-- of that deadline
	stage			text,			-- what is due
	department		text,			-- by whom
	department_zh	text,
	duty			text,
	part_status		text,			-- of that department's part
	status			text,			-- of the case
	kind			text,
	priority		int,
	danger			boolean,
	event_colour	text,
	case_type		text,
	type_zh			text,
	area			text,
	area_zh			text,
	lead			text,
	lead_zh			text,
	channel			text,
	reported_at		timestamptz,
	report_count	int,
	summary			text,			-- the first 60 characters
	likely_same		bigint			-- the case that is most likely the same matter, NULL = none is known
);
COMMENT ON TYPE triage.inbox_row IS
	'A line of a desk: an open case and its next deadline (due_at NULL = none runs; remaining negative = overdue; colour, stage, department, duty and part_status belong to that deadline), with names in Chinese, the first 60 characters of the report, and likely_same, the case_id of the likeliest duplicate that was suggested and that the actor may see.';

CREATE TYPE triage.board_row AS (
	area				text,			-- NULL = place unknown
	area_zh				text,
	parent_zh			text,
	open				int,
	triage				int,
	dispatched			int,
	accepted			int,
	in_progress			int,
	return_requested	int,
	suspended			int,
	review				int,
	callback			int,
	blue				int,
	yellow				int,
	red					int,
	danger				int,
	longest_triage		interval,		-- longest wait of those in triage
	oldest				bigint,			-- case_id
	oldest_at			timestamptz,
	oldest_age			interval
);
COMMENT ON TYPE triage.board_row IS
	'How an area stands: open cases, by status, by colour of their worst deadline, those with danger, the longest wait in triage, and the oldest open case.';

-- the codes of an area and all below it; NULL for NULL
CREATE FUNCTION triage.areas_below(area text) RETURNS text[]
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
BEGIN
	IF areas_below.area IS NULL THEN
		RETURN NULL;
	END IF;
	IF NOT EXISTS (SELECT 1 FROM triage.areas a WHERE a.code = areas_below.area) THEN
		RAISE EXCEPTION 'area "%" does not exist', areas_below.area
			USING ERRCODE = 'TR003', DETAIL = 'There is no row with this code in triage.areas.',
				  HINT = 'Use a code listed in triage.areas, or leave the argument out.';
	END IF;
	-- UNION, not UNION ALL: a ring of parents ends
	RETURN (WITH RECURSIVE below AS (
			SELECT areas_below.area COLLATE "C" AS code
			UNION
			SELECT a.code FROM triage.areas a JOIN below b ON a.parent = b.code
		) SELECT array_agg(b.code) FROM below b);
END
$$;
COMMENT ON FUNCTION triage.areas_below(text) IS
	'The codes of an area and of all areas below it; NULL for NULL. Error: TR003 unknown code.';

/*
 * Sight of the actor as lists.  everywhere: no members are named, or the
 * actor has a centre's duty without an area.
 */
CREATE FUNCTION triage.sight(OUT everywhere boolean, OUT areas text[], OUT departments text[])
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	me	text COLLATE "C" := triage.actor();
BEGIN
	sight.everywhere := NOT EXISTS (SELECT 1 FROM triage.members m)
		OR EXISTS (SELECT 1 FROM triage.members m WHERE m.role = me AND m.active
			AND m.duty NOT IN ('handler', 'head') AND m.area = '');
	sight.areas := ARRAY(WITH RECURSIVE mine AS (
			SELECT a.code FROM triage.areas a JOIN triage.members m ON m.area = a.code
			WHERE m.role = me AND m.active AND m.duty NOT IN ('handler', 'head') AND a.active
			UNION
			SELECT a.code FROM triage.areas a JOIN mine b ON a.parent = b.code WHERE a.active
		) SELECT b.code FROM mine b WHERE NOT sight.everywhere);
	sight.departments := ARRAY(SELECT DISTINCT m.department FROM triage.members m
		WHERE m.role = me AND m.active AND m.department <> '');
END
$$;
COMMENT ON FUNCTION triage.sight() IS
	'What the actor may see, for queries over many cases: everywhere, or the cases of these areas and those in which these departments take part. The same rule as triage.may_see().';

-- The clock by which a part is due next: its own, or the case's own where it leads.
CREATE FUNCTION triage.desk_clock(case_id bigint, seq int) RETURNS int
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT k.clock_id FROM triage.clocks k
	WHERE k.case_id = desk_clock.case_id AND k.state = 'running'
		AND (k.assignment_seq = desk_clock.seq OR (k.assignment_seq IS NULL
			AND EXISTS (SELECT FROM triage.assignments a WHERE a.case_id = desk_clock.case_id AND a.seq = desk_clock.seq AND a.duty = 'lead')))
	ORDER BY k.due_at, k.clock_id LIMIT 1
$$;
COMMENT ON FUNCTION triage.desk_clock(bigint, int) IS
	'A part of desk_rows(): clock_id of the running clock by which a part of a case is due next.';

/*
 * Open cases in which one of the departments has a live part, by its next
 * deadline there, those without one last, behind (after_due, after_case).
 * Read from assignments_live_idx in its order, first what has a deadline, then
 * what has none: a page costs what its rows cost.  Of several parts in a case
 * the one that is due first counts.  me = triage.sight(); places NULL =
 * everywhere, due_before NULL = always.
 */
CREATE FUNCTION triage.desk_of_departments(departments text[], places text[], everywhere boolean, areas text[], own text[],
		due_before timestamptz, after_due timestamptz, after_case bigint, max_rows int)
	RETURNS TABLE (case_id bigint, clock_id int)
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	-- by keys in their order, whatever the statistics say of a department
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
	SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	found_rows	int;
BEGIN
	RETURN QUERY
	SELECT p.case_id, triage.desk_clock(p.case_id, p.seq)
	FROM (SELECT l.case_id, l.seq, l.due_at
		FROM unnest(desk_of_departments.departments) d(code)
		CROSS JOIN LATERAL (
			SELECT a.case_id, a.seq, a.due_at
			FROM triage.assignments a
			JOIN triage.cases c ON c.case_id = a.case_id AND c.status NOT IN ('closed', 'merged', 'void')
			WHERE a.department = d.code AND a.status NOT IN ('done', 'withdrawn')
				AND (a.due_at, a.case_id) > (desk_of_departments.after_due, desk_of_departments.after_case)
				AND a.due_at < coalesce(desk_of_departments.due_before, 'infinity')
				AND (desk_of_departments.places IS NULL OR c.area = ANY (desk_of_departments.places))
				AND (desk_of_departments.everywhere OR d.code = ANY (desk_of_departments.own)
					OR CASE WHEN c.area IS NULL THEN desk_of_departments.areas <> '{}' ELSE c.area = ANY (desk_of_departments.areas) END
					OR EXISTS (SELECT FROM triage.assignments x WHERE x.case_id = a.case_id AND x.department = ANY (desk_of_departments.own)))
				AND NOT EXISTS (SELECT FROM triage.assignments x WHERE x.case_id = a.case_id AND x.status NOT IN ('done', 'withdrawn')
					AND x.department = ANY (desk_of_departments.departments) AND (x.due_at, x.seq) < (a.due_at, a.seq))
			ORDER BY a.due_at, a.case_id
			LIMIT desk_of_departments.max_rows) l
		ORDER BY l.due_at, l.case_id
		LIMIT desk_of_departments.max_rows) p
	ORDER BY p.due_at, p.case_id;
	GET DIAGNOSTICS found_rows = ROW_COUNT;
	IF found_rows = desk_of_departments.max_rows OR desk_of_departments.due_before IS NOT NULL THEN
		RETURN;
	END IF;
	RETURN QUERY
	SELECT l.case_id, NULL::int
	FROM unnest(desk_of_departments.departments) d(code)
	CROSS JOIN LATERAL (
		SELECT a.case_id
		FROM triage.assignments a
		JOIN triage.cases c ON c.case_id = a.case_id AND c.status NOT IN ('closed', 'merged', 'void')
		WHERE a.department = d.code AND a.status NOT IN ('done', 'withdrawn') AND a.due_at IS NULL
			AND a.case_id > CASE WHEN desk_of_departments.after_due = 'infinity' THEN desk_of_departments.after_case ELSE 0 END
			AND (desk_of_departments.places IS NULL OR c.area = ANY (desk_of_departments.places))
			AND (desk_of_departments.everywhere OR d.code = ANY (desk_of_departments.own)
				OR CASE WHEN c.area IS NULL THEN desk_of_departments.areas <> '{}' ELSE c.area = ANY (desk_of_departments.areas) END
				OR EXISTS (SELECT FROM triage.assignments x WHERE x.case_id = a.case_id AND x.department = ANY (desk_of_departments.own)))
			AND NOT EXISTS (SELECT FROM triage.assignments x WHERE x.case_id = a.case_id AND x.status NOT IN ('done', 'withdrawn')
				AND x.department = ANY (desk_of_departments.departments) AND (x.due_at IS NOT NULL OR x.seq < a.seq))
		ORDER BY a.case_id
		LIMIT desk_of_departments.max_rows - found_rows) l
	ORDER BY l.case_id
	LIMIT desk_of_departments.max_rows - found_rows;
END
$$;
COMMENT ON FUNCTION triage.desk_of_departments(text[], text[], boolean, text[], text[], timestamptz, timestamptz, bigint, int) IS
	'A part of desk_rows(): a page of the open cases in which these departments have a live part, with the clock that is due next there, NULL = none runs.';

/* The same of all that a centre sees, by the next deadline of each case: every open case is looked at. */
CREATE FUNCTION triage.desk_of_areas(places text[], everywhere boolean, areas text[], own text[],
		due_before timestamptz, after_due timestamptz, after_case bigint, max_rows int)
	RETURNS TABLE (case_id bigint, clock_id int)
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH candidate AS (
		SELECT c.case_id
		FROM triage.cases c
		WHERE desk_of_areas.everywhere AND desk_of_areas.places IS NULL AND c.status NOT IN ('closed', 'merged', 'void')
		UNION ALL
		SELECT c.case_id
		FROM triage.cases c
		WHERE c.status NOT IN ('closed', 'merged', 'void')
			AND c.area = ANY (CASE WHEN desk_of_areas.everywhere THEN desk_of_areas.places ELSE desk_of_areas.areas END)
		UNION ALL
		-- a case whose place is not known is everybody's at a centre
		SELECT c.case_id
		FROM triage.cases c
		WHERE desk_of_areas.places IS NULL AND NOT desk_of_areas.everywhere
			AND c.status NOT IN ('closed', 'merged', 'void') AND c.area IS NULL
		UNION ALL
		-- a centre's member who also belongs to departments: their cases elsewhere
		SELECT DISTINCT a.case_id
		FROM triage.assignments a
		JOIN triage.cases c ON c.case_id = a.case_id AND c.status NOT IN ('closed', 'merged', 'void')
		WHERE NOT desk_of_areas.everywhere AND a.department = ANY (desk_of_areas.own) AND a.status NOT IN ('done', 'withdrawn')
			AND CASE WHEN c.area IS NULL THEN desk_of_areas.places IS NOT NULL ELSE c.area <> ALL (desk_of_areas.areas) END
	)
	SELECT p.case_id, k.clock_id
	FROM candidate p
	JOIN triage.cases c ON c.case_id = p.case_id
	LEFT JOIN LATERAL (
		SELECT x.due_at, x.clock_id
		FROM triage.clocks x
		WHERE x.case_id = p.case_id AND x.state = 'running'
		ORDER BY x.due_at, x.clock_id LIMIT 1
	) k ON true
	WHERE (desk_of_areas.places IS NULL OR c.area = ANY (desk_of_areas.places))
		AND (desk_of_areas.due_before IS NULL OR k.due_at < desk_of_areas.due_before)
		AND (coalesce(k.due_at, 'infinity'), p.case_id) > (desk_of_areas.after_due, desk_of_areas.after_case)
	ORDER BY coalesce(k.due_at, 'infinity'), p.case_id
	LIMIT desk_of_areas.max_rows;
END
$$;
COMMENT ON FUNCTION triage.desk_of_areas(text[], boolean, text[], text[], timestamptz, timestamptz, bigint, int) IS
	'A part of desk_rows(): a page of all open cases that a centre''s member sees, with the clock that is due next.';

/*
 * One page of open cases by (next deadline, case_id), no deadline last.
 * departments NULL = all that the actor may see, else their live parts only.
 */
CREATE FUNCTION triage.desk_rows(departments text[], areas text[], due_before timestamptz,
		after_due timestamptz, after_case bigint, max_rows int)
	RETURNS SETOF triage.inbox_row
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	-- by keys, row for row: a page is short
	SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan SET jit = off
AS $$
#variable_conflict error
DECLARE
	shown_at	timestamptz := triage.clock();
	me			record := triage.sight();
	parties		text[] := desk_rows.departments;
	first_due	timestamptz := coalesce(desk_rows.after_due, 'infinity');
	first_case	bigint := coalesce(desk_rows.after_case, 0);
	page		bigint[];	-- the cases
	due			int[];		-- the clock of each that is due next, NULL = none
BEGIN
	IF desk_rows.max_rows IS NULL OR desk_rows.max_rows NOT BETWEEN 1 AND 10000 THEN
		RAISE EXCEPTION 'argument "max_rows" is out of range'
			USING ERRCODE = 'TR003', HINT = 'Give a number from 1 to 10000.';
	END IF;
	IF desk_rows.after_due IS NULL AND desk_rows.after_case IS NULL THEN
		first_due := '-infinity';
	END IF;
	-- who belongs to no centre has the cases of his departments, with their deadlines
	IF parties IS NULL AND NOT me.everywhere AND me.areas = '{}' THEN
		parties := me.departments;
	END IF;
	IF parties IS NULL THEN
		SELECT array_agg(t.case_id), array_agg(t.clock_id) INTO page, due
		FROM triage.desk_of_areas(desk_rows.areas, me.everywhere, me.areas, me.departments, desk_rows.due_before,
			first_due, first_case, desk_rows.max_rows) t;
	ELSE
		SELECT array_agg(t.case_id), array_agg(t.clock_id) INTO page, due
		FROM triage.desk_of_departments(parties, desk_rows.areas, me.everywhere, me.areas, me.departments, desk_rows.due_before,
			first_due, first_case, desk_rows.max_rows) t;
	END IF;
	RETURN QUERY
	SELECT c.case_id, c.number::text, k.due_at, k.due_at - shown_at, k.colour::text, k.stage::text,
		a.department::text, d.zh, a.duty::text, a.status::text,
		c.status::text, c.kind::text, c.priority, c.danger, c.event_colour::text, c.case_type::text, t.zh, c.area::text, r.zh,
		c.lead::text, l.zh, c.channel::text, c.reported_at, c.report_count,
		left(btrim(regexp_replace(left(c.body, 300), '\s+', ' ', 'g')), 60),
		(SELECT s.linked_case FROM triage.suggestions s JOIN triage.cases x ON x.case_id = s.linked_case AND x.status NOT IN ('merged', 'void')
			WHERE s.case_id = p.case_id AND triage.may_see(s.linked_case)
			ORDER BY s.score DESC, s.linked_case LIMIT 1)
	FROM unnest(page, due) WITH ORDINALITY p(case_id, clock_id, nth)
	JOIN triage.cases c ON c.case_id = p.case_id
	LEFT JOIN triage.clocks k ON k.case_id = p.case_id AND k.clock_id = p.clock_id
	-- the party whose deadline it is; without one the department's part, else the lead
	LEFT JOIN LATERAL (
		SELECT x.department, x.duty, x.status
		FROM triage.assignments x
		WHERE x.case_id = p.case_id
			AND CASE WHEN k.assignment_seq IS NOT NULL THEN x.seq = k.assignment_seq
					 WHEN x.status IN ('done', 'withdrawn') THEN false
					 WHEN parties IS NOT NULL THEN x.department = ANY (parties)
					 ELSE x.duty = 'lead' END
		ORDER BY x.duty <> 'lead', x.seq LIMIT 1
	) a ON true
	LEFT JOIN triage.departments d ON d.code = a.department
	LEFT JOIN triage.case_types t ON t.code = c.case_type
	LEFT JOIN triage.areas r ON r.code = c.area
	LEFT JOIN triage.departments l ON l.code = c.lead
	ORDER BY p.nth;
END
$$;
COMMENT ON FUNCTION triage.desk_rows(text[], text[], timestamptz, timestamptz, bigint, int) IS
	'What inbox() and overdue() have in common: a page of the open cases that the actor may see, by next deadline and case_id. Error: TR003 max_rows out of range.';

CREATE FUNCTION triage.inbox(department text DEFAULT NULL, after_due timestamptz DEFAULT NULL, after_case bigint DEFAULT NULL,
		max_rows int DEFAULT 100)
	RETURNS SETOF triage.inbox_row
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
BEGIN
	IF inbox.department IS NOT NULL
		AND NOT EXISTS (SELECT 1 FROM triage.departments d WHERE d.code = inbox.department) THEN
		RAISE EXCEPTION 'department "%" does not exist', inbox.department
			USING ERRCODE = 'TR003', DETAIL = 'There is no row with this code in triage.departments.',
				  HINT = 'Use a code listed in triage.departments, or leave the argument out.';
	END IF;
	RETURN QUERY SELECT * FROM triage.desk_rows(
		CASE WHEN inbox.department IS NOT NULL THEN ARRAY[inbox.department] END, NULL, NULL,
		inbox.after_due, inbox.after_case, inbox.max_rows);
END
$$;
COMMENT ON FUNCTION triage.inbox(text, timestamptz, bigint, int) IS
	'待办: open cases in which the department has a part, by its next deadline, those without one last. department NULL = all that the actor may see: a handler''s departments, a centre''s areas, everything while triage.members is empty. For the next page pass the last row''s due_at and case_id as they are, also when due_at is NULL. Errors: TR003 unknown department, max_rows not between 1 and 10000.';

CREATE FUNCTION triage.overdue(area text DEFAULT NULL, max_rows int DEFAULT 100)
	RETURNS SETOF triage.inbox_row
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
BEGIN
	RETURN QUERY SELECT * FROM triage.desk_rows(NULL, triage.areas_below(overdue.area), triage.clock(), NULL, NULL, overdue.max_rows);
END
$$;
COMMENT ON FUNCTION triage.overdue(text, int) IS
	'超时: open cases of the area and all below it (NULL = everywhere the actor may see) with a running deadline that has passed, longest overdue first. Errors: TR003 unknown area, max_rows not between 1 and 10000.';

CREATE FUNCTION triage.board(area text DEFAULT NULL)
	RETURNS SETOF triage.board_row
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	shown_at	timestamptz := triage.clock();
	me			record := triage.sight();
	places		text[] := triage.areas_below(board.area);
	-- within a town its own parts are what one wants to see
	whole		boolean := coalesce((SELECT a.level NOT IN ('town', 'village', 'grid') FROM triage.areas a WHERE a.code = board.area), true);
BEGIN
	RETURN QUERY
	WITH RECURSIVE town AS (
		-- each area counts for the town it lies in, others for themselves
		SELECT a.code, a.code AS root FROM triage.areas a
		WHERE NOT whole OR a.level NOT IN ('village', 'grid') OR a.parent IS NULL
		UNION
		SELECT a.code, t.root FROM triage.areas a JOIN town t ON a.parent = t.code
		WHERE whole AND a.level IN ('village', 'grid')
	), per_area AS MATERIALIZED (
		-- by area first: there are few, and the join with their towns is small
		SELECT c.area, count(*) AS n,
			count(*) FILTER (WHERE c.status = 'triage') AS n_triage,
			count(*) FILTER (WHERE c.status = 'dispatched') AS n_dispatched,
			count(*) FILTER (WHERE c.status = 'accepted') AS n_accepted,
			count(*) FILTER (WHERE c.status = 'in_progress') AS n_in_progress,
			count(*) FILTER (WHERE c.status = 'return_requested') AS n_return,
			count(*) FILTER (WHERE c.status = 'suspended') AS n_suspended,
			count(*) FILTER (WHERE c.status = 'review') AS n_review,
			count(*) FILTER (WHERE c.status = 'callback') AS n_callback,
			count(*) FILTER (WHERE c.colour = 'blue') AS n_blue,
			count(*) FILTER (WHERE c.colour = 'yellow') AS n_yellow,
			count(*) FILTER (WHERE c.colour = 'red') AS n_red,
			count(*) FILTER (WHERE c.danger) AS n_danger,
			min(c.received_at) FILTER (WHERE c.status = 'triage') AS waits_since,
			(array_agg(c.case_id ORDER BY c.reported_at, c.case_id))[1] AS first_case,
			min(c.reported_at) AS first_at
		FROM triage.cases c
		WHERE c.status NOT IN ('closed', 'merged', 'void')
			AND (places IS NULL OR c.area = ANY (places))
			AND (me.everywhere OR c.area = ANY (me.areas) OR (c.area IS NULL AND me.areas <> '{}')
				OR EXISTS (SELECT 1 FROM triage.assignments x WHERE x.case_id = c.case_id AND x.department = ANY (me.departments)))
		GROUP BY c.area
	), counted AS (
		SELECT coalesce(t.root, s.area) AS root, sum(s.n)::int AS n, sum(s.n_triage)::int AS n_triage,
			sum(s.n_dispatched)::int AS n_dispatched, sum(s.n_accepted)::int AS n_accepted,
			sum(s.n_in_progress)::int AS n_in_progress, sum(s.n_return)::int AS n_return,
			sum(s.n_suspended)::int AS n_suspended, sum(s.n_review)::int AS n_review, sum(s.n_callback)::int AS n_callback,
			sum(s.n_blue)::int AS n_blue, sum(s.n_yellow)::int AS n_yellow, sum(s.n_red)::int AS n_red,
			sum(s.n_danger)::int AS n_danger, shown_at - min(s.waits_since) AS waits,
			(array_agg(s.first_case ORDER BY s.first_at, s.first_case))[1] AS first_case, min(s.first_at) AS first_at
		FROM per_area s LEFT JOIN town t ON t.code = s.area
		GROUP BY 1
	)
	SELECT n.root::text, a.zh, p.zh, n.n, n.n_triage, n.n_dispatched, n.n_accepted, n.n_in_progress, n.n_return,
		n.n_suspended, n.n_review, n.n_callback, n.n_blue, n.n_yellow, n.n_red, n.n_danger, n.waits,
		n.first_case, n.first_at, shown_at - n.first_at
	FROM counted n
	LEFT JOIN triage.areas a ON a.code = n.root
	LEFT JOIN triage.areas p ON p.code = a.parent
	ORDER BY n.root NULLS LAST;
END
$$;
COMMENT ON FUNCTION triage.board(text) IS
	'看板: a row for each town (街道、乡镇) with open cases that the actor may see: counts by status, colour and danger, the longest wait in triage, the oldest case. For a town or below: a row for each village. Cases placed only in a county or above have that area''s row, cases without a place a row with area NULL. area NULL = everywhere. Error: TR003 unknown area.';
