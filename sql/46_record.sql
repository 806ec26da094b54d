/*
 * The record of a case: is its history whole, what is it about for others,
 * what leaves it.
 */

-- ---- history ----

CREATE TABLE triage.seals (
	day			date	NOT NULL PRIMARY KEY,
	at			timestamptz NOT NULL,
	heads		bigint	NOT NULL,
	root		bytea	NOT NULL,
	previous	bytea
);
COMMENT ON TABLE triage.seals IS 'One root over the newest events of all cases that changed since the seal before (封存). Whoever keeps a root elsewhere can prove later that no history was cut off or rewritten. Written by seal().';
COMMENT ON COLUMN triage.seals.day IS 'The day that is sealed, by the local calendar.';
COMMENT ON COLUMN triage.seals.at IS 'When.';
COMMENT ON COLUMN triage.seals.heads IS 'How many cases it covers; their heads stand in sealed_heads.';
COMMENT ON COLUMN triage.seals.root IS 'Merkle root, 32 bytes: SHA-256 of pairs over the leaves in order of case_id, an odd one with itself; a leaf is SHA-256 of case_id and seq as 8-byte and 4-byte big-endian numbers and the event''s hash.';
COMMENT ON COLUMN triage.seals.previous IS 'root of the seal before, NULL = the first.';
SELECT pg_extension_config_dump('triage.seals', '');

CREATE TABLE triage.sealed_heads (
	case_id		bigint	NOT NULL,
	day			date	NOT NULL,
	seq			int		NOT NULL,
	hash		bytea	NOT NULL,
	PRIMARY KEY (case_id, day)
);
COMMENT ON TABLE triage.sealed_heads IS 'The newest event of each case that a seal covers. Written by seal(), read by verify_history().';
COMMENT ON COLUMN triage.sealed_heads.case_id IS 'cases.case_id.';
COMMENT ON COLUMN triage.sealed_heads.day IS 'seals.day.';
COMMENT ON COLUMN triage.sealed_heads.seq IS 'events.seq of its newest event then.';
COMMENT ON COLUMN triage.sealed_heads.hash IS 'events.hash of it.';
SELECT pg_extension_config_dump('triage.sealed_heads', '');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON triage.sealed_heads FOR EACH STATEMENT EXECUTE FUNCTION triage.refuse_rewrite();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON triage.sealed_heads FOR EACH STATEMENT EXECUTE FUNCTION triage.refuse_truncate();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON triage.seals FOR EACH STATEMENT EXECUTE FUNCTION triage.refuse_rewrite();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON triage.seals FOR EACH STATEMENT EXECUTE FUNCTION triage.refuse_truncate();

CREATE TYPE triage.history_problem AS (case_id bigint, seq int, problem text);
COMMENT ON TYPE triage.history_problem IS 'What is wrong with the history of a case: seq = the event (NULL = the case as a whole).';

CREATE FUNCTION triage.event_hash(previous bytea, case_id bigint, seq int, at timestamptz, actor text, verb text, data jsonb) RETURNS bytea
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'triage_event_hash';
COMMENT ON FUNCTION triage.event_hash(bytea, bigint, int, timestamptz, text, text, jsonb) IS
	'The hash that an event must have after the event with the hash previous (NULL for the first): SHA-256, 32 bytes. Source: extension/casework/history.c';

CREATE FUNCTION triage.personal_digest(key bytea, reporter text, contact text, body text) RETURNS text
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'triage_personal_digest';
COMMENT ON FUNCTION triage.personal_digest(bytea, text, text, text) IS
	'What the history keeps of a report instead of its words and names: the first 16 bytes, in hexadecimal, of HMAC-SHA256 under the source''s key; NULL for a NULL key. Source: extension/casework/history.h';

CREATE FUNCTION triage.verify_history(case_id bigint DEFAULT NULL, since_case bigint DEFAULT NULL, max_cases int DEFAULT NULL)
	RETURNS SETOF triage.history_problem
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET jit = off	-- its plans are kept: see extension/README.md, Plans that are kept
AS $$
#variable_conflict error
BEGIN
	IF verify_history.case_id IS NULL THEN
		PERFORM triage.check_admin('verify_history');
	ELSIF NOT triage.may_see(verify_history.case_id) THEN
		RAISE EXCEPTION 'case % does not exist', verify_history.case_id
			USING ERRCODE = 'TR003', DETAIL = 'There is no such case among those you work with.',
				  HINT = 'Check the number; triage.board() and triage.inbox() list the cases you may see.';
	END IF;
	RETURN QUERY
	WITH batch AS (
		SELECT c.case_id, c.event_seq FROM triage.cases c
		WHERE (verify_history.case_id IS NULL OR c.case_id = verify_history.case_id)
			AND (since_case IS NULL OR c.case_id >= since_case)
		ORDER BY c.case_id LIMIT max_cases
	), walked AS (
		SELECT e.case_id, e.seq, e.hash, e.at,
			lag(e.at) OVER w AS at_before, lag(e.seq) OVER w AS seq_before,
			triage.event_hash(lag(e.hash) OVER w, e.case_id, e.seq, e.at, e.actor, e.verb, e.data) AS must_be
		FROM batch b JOIN triage.events e ON e.case_id = b.case_id
		WINDOW w AS (PARTITION BY e.case_id ORDER BY e.seq)
	), tail AS (
		SELECT k.case_id, max(k.seq) AS seq FROM walked k GROUP BY k.case_id
	)
	SELECT k.case_id, k.seq, 'an event is missing before this one' FROM walked k WHERE k.seq <> coalesce(k.seq_before, 0) + 1
	UNION ALL
	SELECT k.case_id, k.seq, 'the event is not what was written, or the one before it is not' FROM walked k WHERE k.hash <> k.must_be
	UNION ALL
	SELECT k.case_id, k.seq, 'the event is older than the one before it' FROM walked k WHERE k.at < k.at_before
	UNION ALL
	SELECT b.case_id, NULL, format('the case counts %s events, its history ends with %s', b.event_seq, coalesce(t.seq, 0))
	FROM batch b LEFT JOIN tail t ON t.case_id = b.case_id WHERE b.event_seq IS DISTINCT FROM t.seq
	UNION ALL
	SELECT b.case_id, h.seq, format('the event that was sealed on %s is missing or another', h.day)
	FROM batch b JOIN triage.sealed_heads h ON h.case_id = b.case_id
	LEFT JOIN triage.events e ON e.case_id = h.case_id AND e.seq = h.seq
	WHERE e.hash IS DISTINCT FROM h.hash
	UNION ALL
	-- the last event that vouched for a report, which the case's own row holds when it is the first
	SELECT p.case_id, p.seq, CASE WHEN s.digest_key IS NOT NULL THEN 'the report is not what was written'
		ELSE 'the report cannot be checked: its key is gone, and it was not anonymised' END
	FROM (SELECT DISTINCT ON (e.case_id, n.source) e.case_id, n.source, e.seq, e.data ->> 'personal' AS personal
		FROM batch b JOIN triage.events e ON e.case_id = b.case_id
		CROSS JOIN LATERAL (SELECT coalesce((e.data ->> 'source_seq')::int, 1)) n(source)
		WHERE e.data ? 'personal' ORDER BY e.case_id, n.source, e.seq DESC) p
	JOIN triage.cases c ON c.case_id = p.case_id
	LEFT JOIN triage.case_sources s ON s.case_id = p.case_id AND s.seq = p.source
	WHERE triage.personal_digest(s.digest_key, s.reporter, s.contact, CASE WHEN p.source = 1 THEN c.body ELSE s.body END)
			IS DISTINCT FROM p.personal
		OR (p.source = 1 AND (c.reporter IS DISTINCT FROM s.reporter OR c.contact IS DISTINCT FROM s.contact))
	GROUP BY p.case_id, p.seq, s.digest_key
	HAVING s.digest_key IS NOT NULL OR NOT EXISTS (SELECT 1 FROM triage.events a WHERE a.case_id = p.case_id AND a.verb = 'anonymise')
	UNION ALL
	-- a case of which nothing is left
	SELECT h.case_id, h.seq, format('the case that was sealed on %s is missing', h.day)
	FROM triage.sealed_heads h
	WHERE (verify_history.case_id IS NULL OR h.case_id = verify_history.case_id)
		AND (since_case IS NULL OR h.case_id >= since_case) AND max_cases IS NULL
		AND NOT EXISTS (SELECT 1 FROM triage.cases c WHERE c.case_id = h.case_id)
	ORDER BY 1, 2 NULLS LAST;
END
$$;
COMMENT ON FUNCTION triage.verify_history(bigint, bigint, int) IS
	'Is the history whole (校验)? No rows = it is. One case for whom may see it; all cases, or a batch of max_cases from since_case on, for administrators. Cases that were loaded without their events show too, and reports whose reporter, contact or body is not what an event vouched for. Errors: TR002, TR003.';

CREATE FUNCTION triage.seal(day date DEFAULT NULL) RETURNS triage.seals
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	made	triage.seals;
	level	bytea[];
BEGIN
	PERFORM triage.check_admin('seal');
	made.at := triage.clock();
	made.day := coalesce(seal.day, (made.at AT TIME ZONE coalesce((SELECT c.timezone FROM triage.calendars c WHERE c.active ORDER BY c.code LIMIT 1), 'UTC'))::date);
	IF made.day > made.at::date + 1 THEN
		RAISE EXCEPTION 'day % lies in the future', made.day
			USING ERRCODE = 'TR005', DETAIL = 'A seal covers what has happened.', HINT = 'Leave the day out for today.';
	END IF;
	-- one seal at a time
	LOCK TABLE triage.seals IN EXCLUSIVE MODE;
	IF EXISTS (SELECT 1 FROM triage.seals s WHERE s.day >= made.day) THEN
		RAISE EXCEPTION 'day % is sealed', made.day
			USING ERRCODE = 'TR001', DETAIL = format('The last seal is of %s.', (SELECT max(s.day) FROM triage.seals s)),
				  HINT = 'triage.seals holds its root.';
	END IF;
	INSERT INTO triage.sealed_heads (case_id, day, seq, hash)
		SELECT c.case_id, made.day, e.seq, e.hash
		FROM triage.cases c
		JOIN triage.events e ON e.case_id = c.case_id AND e.seq = c.event_seq
		LEFT JOIN LATERAL (SELECT h.seq FROM triage.sealed_heads h WHERE h.case_id = c.case_id ORDER BY h.day DESC LIMIT 1) last ON true
		WHERE last.seq IS DISTINCT FROM e.seq;
	SELECT count(*), array_agg(sha256(int8send(h.case_id) || int4send(h.seq) || h.hash) ORDER BY h.case_id)
		INTO made.heads, level FROM triage.sealed_heads h WHERE h.day = made.day;
	WHILE cardinality(level) > 1 LOOP
		level := ARRAY(SELECT sha256(level[i] || coalesce(level[i + 1], level[i])) FROM generate_series(1, cardinality(level), 2) i ORDER BY i);
	END LOOP;
	made.root := coalesce(level[1], sha256(''));
	made.previous := (SELECT s.root FROM triage.seals s ORDER BY s.day DESC LIMIT 1);
	INSERT INTO triage.seals SELECT (made).*;
	RETURN made;
END
$$;
COMMENT ON FUNCTION triage.seal(date) IS
	'Seals (封存) a day: the newest event of every case that changed since the seal before, under one root. Keep the root elsewhere: verify_history() then shows also a tail that was cut off. Once a day, for administrators; day NULL = today. Errors: TR001 sealed already, TR002, TR005 a day in the future.';

-- ---- personal data ----

CREATE FUNCTION triage.anonymise(case_id bigint, with_body boolean DEFAULT false, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_anonymise';
COMMENT ON FUNCTION triage.anonymise(bigint, boolean, text) IS
	'匿名化: removes reporter and contact of a closed case from the case, its sources and its corrections, with with_body also what was reported, in payloads that went out too; the history stays whole: it held but a digest under a key that goes now. Errors: TR001 not closed, TR002 not the centre, TR003.';

INSERT INTO triage.transitions (verb, from_status, to_status, level, duty, needs) VALUES
	('anonymise',	'closed',	NULL,	'case',	'centre',	NULL),
	('anonymise',	'void',		NULL,	'case',	'centre',	NULL);

-- ---- what leaves ----

CREATE FUNCTION triage.work_order(case_id bigint) RETURNS jsonb
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET jit = off	-- its plans are kept: see extension/README.md, Plans that are kept
AS $$
#variable_conflict error
BEGIN
	IF NOT triage.may_see(work_order.case_id) THEN
		RAISE EXCEPTION 'case % does not exist', coalesce(work_order.case_id::text, 'null')
			USING ERRCODE = 'TR003', DETAIL = 'There is no such case among those you work with.',
				  HINT = 'Check the number; triage.board() and triage.inbox() list the cases you may see.';
	END IF;
	RETURN (SELECT jsonb_strip_nulls(jsonb_build_object(
		'number', c.number, 'case_id', c.case_id, 'status', c.status, 'priority', 'U' || c.priority, 'danger', c.danger,
		'reported_at', c.reported_at, 'channel', c.channel, 'reports', c.report_count,
		'case_type', jsonb_build_object('code', c.case_type, 'zh', t.zh, 'en', t.en),
		'area', jsonb_build_object('code', c.area, 'zh', a.zh), 'address', c.address, 'location', c.location::text, 'body', c.body,
		'lead', jsonb_build_object('code', c.lead, 'zh', d.zh, 'en', d.en),
		'parties', (SELECT jsonb_agg(jsonb_build_object('seq', p.seq, 'department', p.department, 'zh', u.zh, 'duty', p.duty, 'status', p.status,
				'by', p.parent_seq) ORDER BY p.seq)
			FROM triage.assignments p LEFT JOIN triage.departments u ON u.code = p.department WHERE p.case_id = c.case_id),
		'deadlines', (SELECT jsonb_agg(jsonb_build_object('stage', k.stage, 'assignment', k.assignment_seq, 'due_at', k.due_at, 'state', k.state,
				'colour', k.colour) ORDER BY k.due_at, k.clock_id)
			FROM triage.clocks k WHERE k.case_id = c.case_id AND k.state IN ('running', 'paused')),
		'reason', (SELECT e.reason FROM triage.decisions e WHERE e.case_id = c.case_id ORDER BY e.seq DESC LIMIT 1),
		'linked', (SELECT jsonb_agg(jsonb_build_object('case_id', l.linked_case, 'kind', l.kind)) FROM triage.links l WHERE l.case_id = c.case_id)))
		FROM triage.cases c
		LEFT JOIN triage.case_types t ON t.code = c.case_type
		LEFT JOIN triage.areas a ON a.code = c.area
		LEFT JOIN triage.departments d ON d.code = c.lead
		WHERE c.case_id = work_order.case_id);
END
$$;
COMMENT ON FUNCTION triage.work_order(bigint) IS
	'派单: what a unit needs to work on a case, as one document: words, place, type, parties, deadlines, why it came to them; no caller (see reveal_contact()). Error: TR003 unknown case.';

CREATE FUNCTION triage.export_case(case_id bigint) RETURNS jsonb
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET jit = off	-- its plans are kept: see extension/README.md, Plans that are kept
AS $$
#variable_conflict error
DECLARE
	doc		jsonb;
	part	text;
	rows	jsonb;
BEGIN
	PERFORM triage.check_admin('export_case');
	SELECT jsonb_build_object('format', 'pg_triage case 1', 'case', to_jsonb(c)) INTO doc FROM triage.cases c WHERE c.case_id = export_case.case_id;
	IF doc IS NULL THEN
		RAISE EXCEPTION 'case % does not exist', coalesce(export_case.case_id::text, 'null')
			USING ERRCODE = 'TR003', DETAIL = 'There is no such case.', HINT = 'Check the number.';
	END IF;
	FOREACH part IN ARRAY ARRAY['case_sources', 'decisions', 'assignments', 'assignment_staff', 'clocks', 'clock_segments', 'clock_steps', 'events', 'deliveries',
		'links', 'callbacks', 'evidence', 'corrections', 'rulings']
	LOOP
		EXECUTE format('SELECT coalesce(jsonb_agg(to_jsonb(t)), ''[]'') FROM triage.%I t WHERE t.case_id = $1', part) INTO rows USING export_case.case_id;
		doc := doc || jsonb_build_object(part, rows);
	END LOOP;
	RETURN doc;
END
$$;
COMMENT ON FUNCTION triage.export_case(bigint) IS
	'导出: everything that is kept of one case, personal data included, as one document: a key for each table. For administrators. Errors: TR002, TR003.';

-- ---- what needs eyes ----

CREATE TYPE triage.risk_row AS (case_id bigint, number text, score numeric, why jsonb, area text, lead text, status text, reported_at timestamptz);
COMMENT ON TYPE triage.risk_row IS 'An open case that may go wrong: score = sum of the weights in why.';

CREATE FUNCTION triage.risk_list(area text DEFAULT NULL) RETURNS SETOF triage.risk_row
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	me		record;
	places	text[] := triage.areas_below(risk_list.area);
BEGIN
	SELECT * INTO me FROM triage.sight();
	RETURN QUERY
	SELECT r.case_id, r.number, (SELECT sum(w.value::numeric) FROM jsonb_each_text(r.why) w), r.why, r.area, r.lead, r.status, r.reported_at
	FROM (
		SELECT c.case_id, c.number, c.area, c.lead, c.status, c.reported_at,
			jsonb_strip_nulls(jsonb_build_object(
				'danger', CASE WHEN c.danger THEN 5 END,
				'overdue', CASE c.colour WHEN 'red' THEN 4 WHEN 'yellow' THEN 2 END,
				'reports', nullif(least(c.report_count - 1, 5), 0),
				'returned', CASE WHEN c.status = 'return_requested' THEN 2 END,
				'suspended', CASE WHEN c.status = 'suspended' THEN 1 END,
				'pressed', (SELECT nullif(least(count(*), 3), 0) FROM triage.events e WHERE e.case_id = c.case_id AND e.verb IN ('urge', 'supervise')),
				'came_back', (SELECT nullif(2 * count(*), 0) FROM triage.events e WHERE e.case_id = c.case_id AND e.verb IN ('reopen', 'second_handling')))) AS why
		FROM triage.cases c
		WHERE c.status NOT IN ('closed', 'merged', 'void')
			AND (c.danger OR c.colour IN ('yellow', 'red') OR c.report_count > 1 OR c.status IN ('return_requested', 'suspended'))
			AND (places IS NULL OR c.area = ANY (places))
			AND (me.everywhere OR c.area = ANY (me.areas) OR (c.area IS NULL AND me.areas <> '{}')
				OR EXISTS (SELECT 1 FROM triage.assignments a WHERE a.case_id = c.case_id AND a.department = ANY (me.departments)))
	) r
	ORDER BY 3 DESC, r.case_id;
END
$$;
COMMENT ON FUNCTION triage.risk_list(text) IS
	'风险清单: open cases that may go wrong, the worst first: danger 5, red 4, yellow 2, a point for each further report (5 at most) and each urge or supervision (3 at most), returned 2, suspended 1, came back 2 each. The weights are defaults, not official. Error: TR003 unknown area.';

CREATE TYPE triage.gap_row AS (case_id bigint, number text, why text, since timestamptz, age interval, danger boolean, must_decide text);
COMMENT ON TYPE triage.gap_row IS 'A case without an undisputed owner: why triage_late | return_requested | fallback | suspended, since when, and which department must decide.';

CREATE FUNCTION triage.gaps(area text DEFAULT NULL) RETURNS SETOF triage.gap_row
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	me		record;
	places	text[] := triage.areas_below(gaps.area);
	now		timestamptz := triage.clock();
BEGIN
	SELECT * INTO me FROM triage.sight();
	RETURN QUERY
	SELECT g.case_id, g.number, g.why, g.since, now - g.since, g.danger, g.lead
	FROM (
		SELECT c.case_id, c.number, c.danger, c.area,
			CASE WHEN c.status = 'return_requested' THEN (SELECT a.department FROM triage.assignments a WHERE a.case_id = c.case_id AND a.duty = 'lead'
					AND a.status NOT IN ('done', 'withdrawn')) ELSE c.lead END AS lead,
			CASE WHEN c.status = 'triage' AND k.due_at < now THEN 'triage_late'
				 WHEN c.status = 'return_requested' THEN 'return_requested'
				 WHEN c.status = 'suspended' THEN 'suspended'
				 WHEN c.status IN ('dispatched', 'accepted') AND d.kind = 'SGC_C' THEN 'fallback' END AS why,
			coalesce(CASE WHEN c.status = 'triage' THEN k.due_at END,
				(SELECT max(e.at) FROM triage.events e WHERE e.case_id = c.case_id AND e.verb IN ('request_return', 'suspend')), c.dispatched_at, c.received_at) AS since
		FROM triage.cases c
		LEFT JOIN triage.departments d ON d.code = c.lead
		LEFT JOIN LATERAL (SELECT min(x.due_at) AS due_at FROM triage.clocks x WHERE x.case_id = c.case_id AND x.stage = 'triage' AND x.state = 'running') k ON true
		WHERE c.status IN ('triage', 'return_requested', 'suspended', 'dispatched', 'accepted')
			AND (places IS NULL OR c.area = ANY (places))
			AND (me.everywhere OR c.area = ANY (me.areas) OR (c.area IS NULL AND me.areas <> '{}')
				OR EXISTS (SELECT 1 FROM triage.assignments a WHERE a.case_id = c.case_id AND a.department = ANY (me.departments)))
	) g
	WHERE g.why IS NOT NULL
	ORDER BY g.danger DESC, g.since, g.case_id;
END
$$;
COMMENT ON FUNCTION triage.gaps(text) IS
	'无主事项: cases without an undisputed owner, dangerous and oldest first: past the triage limit, returned and not decided, with the governance centre for want of anybody else, suspended. must_decide is the department whose move it is. Source: F80 F83. Error: TR003 unknown area.';
