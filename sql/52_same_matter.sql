/*
 * The same matter: likely duplicates, repeats, links, callers.
 *
 * Source: extension/casework/similar.c ranks, repeats.c knows the rules,
 * signature.c does what follows intake, contact.c makes keyed digests.
 */

CREATE TYPE triage.similar_row AS (
	case_id	bigint,
	number	text,
	score	double precision,	-- 0 to 1
	reason	jsonb				-- what speaks for and against, each with "by": its share in the sum behind the score
);
COMMENT ON TYPE triage.similar_row IS
	'A case that may be about the same matter: score 0 to 1, and in reason what speaks for (by > 0) and against it: text {likeness 0-1}, place {meters}, area and type {is: same|near|group|other}, time {days}, closed (before that time), reporter (the same). The score is the logistic function of their sum less 1.';

CREATE FUNCTION triage.similar_to(body text, area text DEFAULT NULL, location point DEFAULT NULL, at timestamptz DEFAULT NULL,
		case_type text DEFAULT NULL, reporter text DEFAULT NULL, max_rows int DEFAULT 10)
	RETURNS SETOF triage.similar_row
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10
	AS 'MODULE_PATHNAME', 'triage_similar_to';
COMMENT ON FUNCTION triage.similar_to(text, text, point, timestamptz, text, text, int) IS
	'Which earlier cases may be the matter of a report that is being taken? (疑似同一事项) Best first, of those the actor may see, closed ones too. Any argument may be null: by text alone, by place and type alone, by all. "at" (NULL = now) is when it is reported: later cases are left out and a case counts as open if it was then. reporter: a contact, or a name. How far back and around: the "matter" rule of triage.repeat_rules for the type, else 90 days and 500 m. A case is found once the timekeeper or tick() has looked after it. Errors: TR003 unknown area or type, max_rows not 1 to 100.';

CREATE FUNCTION triage.similar(case_id bigint, max_rows int DEFAULT 10)
	RETURNS SETOF triage.similar_row
	LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10
	AS 'MODULE_PATHNAME', 'triage_similar';
COMMENT ON FUNCTION triage.similar(bigint, int) IS
	'Which other cases may be the same matter as this one, earlier and later? As similar_to(). Errors: TR003 unknown case, max_rows not 1 to 100.';

CREATE FUNCTION triage.contact_key(contact text) RETURNS bytea
	LANGUAGE c STABLE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_contact_key';
COMMENT ON FUNCTION triage.contact_key(text) IS
	'The digest by which reports of one contact are found: the first 16 bytes of HMAC-SHA256 of its normal form (+86 and 0086, blanks, dashes, brackets, extensions and full-width digits do not matter; a landline with its area code) under this database''s key. NULL when nobody can be known by it or no contact was ever taken in. For the owner''s functions.';

CREATE FUNCTION triage.caller(contact text)
	RETURNS TABLE (case_id bigint, number text, reported_at timestamptz, case_type text, status text, calls_30d int, flags text[])
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET jit = off	-- its plans are kept: see extension/README.md, Plans that are kept
AS $$
#variable_conflict error
DECLARE
	shown_at	timestamptz := triage.clock();
	me			record;
	known_by	bytea;
BEGIN
	IF caller.contact IS NULL THEN
		RAISE EXCEPTION 'argument "contact" must not be null'
			USING ERRCODE = 'TR003', HINT = 'Give the number that calls.';
	END IF;
	known_by := triage.contact_key(caller.contact);
	IF known_by IS NULL THEN
		RETURN;
	END IF;
	me := triage.sight();
	RETURN QUERY
	WITH report AS MATERIALIZED (
		SELECT s.case_id, s.reported_at FROM triage.case_sources s
		WHERE s.contact_key = known_by
		ORDER BY s.reported_at DESC LIMIT 1000
	), mine AS MATERIALIZED (
		SELECT c.case_id, c.number, c.reported_at, c.case_type, c.status, c.danger, r.calls,
			c.status NOT IN ('closed', 'merged', 'void') AS standing,
			row_number() OVER (ORDER BY c.reported_at DESC, c.case_id DESC) AS place
		FROM (SELECT x.case_id, count(*) FILTER (WHERE x.reported_at > shown_at - interval '30 days') AS calls
			  FROM report x GROUP BY x.case_id) r
		JOIN triage.cases c ON c.case_id = r.case_id
		WHERE me.everywhere OR c.area = ANY (me.areas) OR (c.area IS NULL AND me.areas <> '{}')
			-- no EXISTS here and below: one may be turned into a look through the whole table
			OR (SELECT true FROM triage.assignments a WHERE a.case_id = c.case_id AND a.department = ANY (me.departments) LIMIT 1)
	)
	SELECT m.case_id, m.number::text, m.reported_at, m.case_type::text, m.status::text, t.calls,
		array_remove(ARRAY[
			CASE WHEN m.standing THEN 'open' END,
			CASE WHEN m.danger THEN 'danger' END,
			CASE WHEN t.calls >= 3 THEN 'repeat_caller' END,
			CASE WHEN (SELECT true FROM triage.events e WHERE e.case_id = m.case_id
				AND (e.verb = 'reopen' OR (e.verb = 'call_back' AND e.data ->> 'result' = 'dissatisfied')) LIMIT 1) THEN 'dissatisfied' END,
			CASE WHEN (SELECT true FROM triage.case_sources s WHERE s.case_id = m.case_id AND s.contact_key = known_by
				AND s.confidential LIMIT 1) THEN 'confidential' END], NULL)
	FROM mine m CROSS JOIN (SELECT coalesce(sum(x.calls), 0)::int AS calls FROM mine x) t
	WHERE m.standing OR m.place <= 10
	ORDER BY m.place;
END
$$;
COMMENT ON FUNCTION triage.caller(text) IS
	'来电人: what is known of a caller while the telephone rings, of cases the actor may see: his open cases and the last ten, newest first. calls_30d = his reports of the last 30 days, the same in each row. flags: open | danger (the case) | repeat_caller (three or more in 30 days) | dissatisfied (reopened, or so at the return call) | confidential (he asked for it). The number may be written in any way, see contact_key(); of a caller with more than 1,000 reports the newest count. No rows: nobody known. Error: TR003 null.';

INSERT INTO triage.transitions (verb, from_status, to_status, level, duty, needs)
	SELECT 'link_case', s.status, NULL, 'case', 'anyone', 'other_case, kind'
	FROM unnest(ARRAY['triage', 'dispatched', 'accepted', 'in_progress', 'return_requested', 'suspended', 'review', 'callback', 'closed']) s(status);

CREATE FUNCTION triage.link_case(case_id bigint, other_case bigint, kind text DEFAULT 'related', note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_link_case';
COMMENT ON FUNCTION triage.link_case(bigint, bigint, text, text) IS
	'关联: a person ties a case to another: duplicate (of the other) | related | follow_up (to the other) | part_of (the other). Both stay as they are; merging is another verb. Errors: TR001 void or merged, or tied so already; TR003 unknown case, the case itself, unknown kind.';

CREATE FUNCTION triage.same_matter(case_id bigint) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET jit = off	-- its plans are kept: see extension/README.md, Plans that are kept
AS $$
#variable_conflict error
BEGIN
	IF NOT triage.may_see(same_matter.case_id) THEN
		RETURN NULL;
	END IF;
	RETURN jsonb_build_object(
		'suggested', (SELECT coalesce(jsonb_agg(jsonb_build_object('case_id', c.case_id, 'number', c.number,
				'score', round(s.score::numeric, 2), 'reason', s.reason, 'rule', s.rule, 'rule_version', s.rule_version)
				ORDER BY s.score DESC, c.case_id), '[]')
			FROM triage.suggestions s JOIN triage.cases c ON c.case_id = s.linked_case
			WHERE s.case_id = same_matter.case_id AND triage.may_see(s.linked_case)),
		'linked', (SELECT coalesce(jsonb_agg(jsonb_build_object('case_id', c.case_id, 'number', c.number, 'kind', l.kind,
				'back', l.back, 'rule', l.rule, 'rule_version', l.rule_version) ORDER BY c.case_id DESC), '[]')
			FROM (SELECT x.linked_case AS other, x.kind, false AS back, x.rule, x.rule_version FROM triage.links x
					WHERE x.case_id = same_matter.case_id
				  UNION ALL
				  SELECT x.case_id, x.kind, true, x.rule, x.rule_version FROM triage.links x
					WHERE x.linked_case = same_matter.case_id) l
			JOIN triage.cases c ON c.case_id = l.other
			WHERE triage.may_see(l.other)));
END
$$;
COMMENT ON FUNCTION triage.same_matter(bigint) IS
	'Part of explain_json(): cases suggested as the same matter, with score and reason, and cases linked (back = the other names this one), each with the rule that found it and the rulebook version it stood in; of those the actor may see. NULL for a case he may not see.';
