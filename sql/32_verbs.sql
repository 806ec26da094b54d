/*
 * What people do with a case.  The table says what is legal, act.c carries
 * it out; every verb returns the case as it then is.
 */

INSERT INTO triage.transitions (verb, from_status, to_status, level, duty, needs) VALUES
	('dispatch',	'triage',		'dispatched',	'case',			'centre',	'department, or none for the rules'),
	('confirm_danger', 'triage',	NULL,			'case',			'centre',	'confirmed'),
	('answer',		'triage',		'closed',		'case',			'desk',		'body'),
	('reclassify',	'triage',		'dispatched',			'case',			'desk',		'case_type'),
	('reclassify',	'dispatched',	NULL,			'case',			'desk',		'case_type'),
	('reclassify',	'accepted',		NULL,			'case',			'centre',	'case_type'),
	('reclassify',	'in_progress',	NULL,			'case',			'centre',	'case_type'),
	('set_area',	'triage',		NULL,			'case',			'desk',		'area'),
	('set_area',	'dispatched',	NULL,			'case',			'desk',		'area'),
	('set_area',	'accepted',		NULL,			'case',			'centre',	'area'),
	('set_area',	'in_progress',	NULL,			'case',			'centre',	'area'),
	('accept',		'dispatched',	'accepted',		'assignment',	'party',	NULL),
	('accept',		'accepted',		NULL,			'assignment',	'party',	NULL),
	('accept',		'in_progress',	NULL,			'assignment',	'party',	NULL),
	('arrive',		'dispatched',	'in_progress',	'assignment',	'party',	NULL),
	('arrive',		'accepted',		'in_progress',	'assignment',	'party',	NULL),
	('arrive',		'in_progress',	NULL,			'assignment',	'party',	NULL),
	('feed_back',	'accepted',		'in_progress',	'assignment',	'party',	'body'),
	('feed_back',	'in_progress',	NULL,			'assignment',	'party',	'body'),
	('finish',		'dispatched',	NULL,			'assignment',	'party',	NULL),
	('finish',		'accepted',		NULL,			'assignment',	'party',	NULL),
	('finish',		'in_progress',	NULL,			'assignment',	'party',	NULL),
	('transfer',	'accepted',		NULL,			'assignment',	'party',	'department'),
	('transfer',	'in_progress',	NULL,			'assignment',	'party',	'department'),
	('resolve',		'accepted',		'review',		'case',			'lead',		'outcome, body'),
	('resolve',		'in_progress',	'review',		'case',			'lead',		'outcome, body'),
	('close_case',	'review',		'closed',		'case',			'centre',	NULL);

INSERT INTO triage.transitions (verb, from_status, to_status, level, duty, needs)
	SELECT v.verb, s.status, NULL, 'case', v.duty, v.needs
	FROM (VALUES ('acknowledge', 'anyone', NULL), ('add_source', 'anyone', 'channel'), ('append_text', 'anyone', 'body')) v(verb, duty, needs),
		 unnest(ARRAY['triage', 'dispatched', 'accepted', 'in_progress', 'return_requested', 'suspended', 'review', 'callback']) s(status);

CREATE FUNCTION triage.dispatch(case_id bigint, department text DEFAULT NULL, assists text[] DEFAULT NULL, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_dispatch';
COMMENT ON FUNCTION triage.dispatch(bigint, text, text[], text) IS
	'派单: a person sends a case that waits in triage. department NULL = by the rules, now that a person has looked. assists are added to those of the rules. Errors: TR001 wrong state, TR002 not the centre, TR003 unknown case or department, TR005 the rules name nobody.';

CREATE FUNCTION triage.confirm_danger(case_id bigint, confirmed boolean, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_confirm_danger';
COMMENT ON FUNCTION triage.confirm_danger(bigint, boolean, text) IS
	'核实危险: a person has looked at a case in triage that words made dangerous. true = it is dispatched by the rules, police with it; false = it is not, the case waits on with its type''s own urgency. Errors: TR001 not in triage or not dangerous, TR002, TR003.';

CREATE FUNCTION triage.answer(case_id bigint, body text, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_answer';
COMMENT ON FUNCTION triage.answer(bigint, text, text) IS
	'当场答复: settled on the phone, no field work; closes the case with outcome "answered" and tells the channel. Errors: TR001 not in triage, TR002, TR003, TR005 empty body.';

CREATE FUNCTION triage.reclassify(case_id bigint, case_type text, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_reclassify';
COMMENT ON FUNCTION triage.reclassify(bigint, text, text) IS
	'改类: a person says what the matter is; it is decided again with that type, and the first decision stays on record. A case in triage is sent on by the rules. Where another department leads now, the old lead and those who came with it are called off (deliveries "withdrawn"; who is on the scene stays), the new ones are offered the case with limits of their own, status dispatched. Where the lead stays, its running clocks get the new type''s limits from their own start. The event (from, to) and the decision (verdict given) are what train() learns from. The desk (operator, centre) until somebody accepts, then the centre. Errors: TR001 wrong state or accepted by the police, TR002, TR003 unknown case or type.';

CREATE FUNCTION triage.set_area(case_id bigint, area text, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_set_area';
COMMENT ON FUNCTION triage.set_area(bigint, text, text) IS
	'改址: a person says where the matter is; type, urgency and danger stay, the parties are those of that area, as reclassify() moves them. A case in triage stays there, at the centre of that area. Who may: as reclassify(). Errors: TR001 wrong state or accepted by the police, TR002, TR003 unknown case or area.';

CREATE FUNCTION triage.append_text(case_id bigint, body text, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_append_text';
COMMENT ON FUNCTION triage.append_text(bigint, text, text) IS
	'补充: further words of the same report, put behind the body (event: begins_at, characters). While nobody has accepted and no person has named the lead, the whole text is decided again and the case follows, unless the new decision is unsure and the case is under way; decided_again in the event tells. Later the words are only added. Danger in them is never passed over: the case becomes U1 and the police join; where the channel wants danger confirmed, or it is in doubt, the centre gets a delivery "danger". Those who have the case get a delivery "updated". Errors: TR001 wrong state, TR003, TR005 nothing to read.';

CREATE FUNCTION triage.accept(case_id bigint, department text DEFAULT NULL, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_accept';
COMMENT ON FUNCTION triage.accept(bigint, text, text) IS
	'签收: a department signs for the case; stops its accept clock. department NULL = the actor''s only one in this case. SET LOCAL triage.happened_at tells when. Errors: TR001 wrong state or accepted before, TR002, TR003.';

CREATE FUNCTION triage.arrive(case_id bigint, department text DEFAULT NULL, location point DEFAULT NULL, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_arrive';
COMMENT ON FUNCTION triage.arrive(bigint, text, point, text) IS
	'到场: a team is on the scene (location: x = longitude, y = latitude); accepts too where that was not done, stops the arrive clock, and withdraws a police backup that has not arrived. Errors: TR001, TR002, TR003.';

CREATE FUNCTION triage.feed_back(case_id bigint, department text DEFAULT NULL, body text DEFAULT NULL, attrs jsonb DEFAULT NULL, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_feed_back';
COMMENT ON FUNCTION triage.feed_back(bigint, text, text, jsonb, text) IS
	'反馈: a department reports in writing how the matter stands; stops its feedback clock. Errors: TR001 not accepted yet, TR002, TR003, TR005 empty body.';

CREATE FUNCTION triage.finish(case_id bigint, department text DEFAULT NULL, body text DEFAULT NULL, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_finish';
COMMENT ON FUNCTION triage.finish(bigint, text, text, text) IS
	'协办完成: an assisting department has done its part; the lead can resolve when all have. Errors: TR001 the lead itself or wrong state, TR002, TR003.';

CREATE FUNCTION triage.transfer(case_id bigint, department text, reason text DEFAULT NULL, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_transfer';
COMMENT ON FUNCTION triage.transfer(bigint, text, text, text) IS
	'转办: a party that has accepted passes work down to another unit, at most three deep; it stays answerable, the unit gets a clock of its own. Errors: TR001 wrong state, too deep or takes part already, TR002, TR003.';

CREATE FUNCTION triage.resolve(case_id bigint, outcome text, body text, attrs jsonb DEFAULT NULL, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_resolve';
COMMENT ON FUNCTION triage.resolve(bigint, text, text, jsonb, text) IS
	'办结: the lead''s result, with an outcome of triage.outcomes and the attributes it requires in attrs. All assists must have finished. The case goes to review. Errors: TR001 not accepted or wrong state, TR002, TR003 unknown outcome, TR005 what is missing, or a body of stock phrases (triage.stock_phrases).';

CREATE FUNCTION triage.close_case(case_id bigint, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_close_case';
COMMENT ON FUNCTION triage.close_case(bigint, text) IS
	'销号: the centre takes the case off the list and sends one unified feedback (统一反馈) to every channel that contributed. Where the return call is due it was made, or the note says why nobody need; a dissatisfied citizen''s case is closed by a second person, with a note. Errors: TR001 wrong state, TR002, TR003, TR005 without a result or a call.';

CREATE FUNCTION triage.acknowledge(case_id bigint, clock_id int DEFAULT NULL, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_acknowledge';
COMMENT ON FUNCTION triage.acknowledge(bigint, int, text) IS
	'知悉: somebody has taken notice of a case''s alarm; steps that repeat stop repeating. clock_id NULL = all running clocks. Errors: TR001 nothing to acknowledge, TR003.';

CREATE FUNCTION triage.allowed_verbs(case_id bigint)
	RETURNS TABLE (verb text, department text, needs text)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET jit = off	-- its plans are kept: see extension/README.md, Plans that are kept
AS $$
#variable_conflict error
DECLARE
	me		text := triage.actor();
	open	boolean := NOT EXISTS (SELECT 1 FROM triage.members m);
	mine	text[];
	centre	boolean;
	desk	boolean;
BEGIN
	IF NOT triage.may_see(allowed_verbs.case_id) THEN
		RAISE EXCEPTION 'case % does not exist', coalesce(allowed_verbs.case_id::text, 'null')
			USING ERRCODE = 'TR003', DETAIL = 'There is no such case among those you work with.',
				  HINT = 'Check the number; triage.board() and triage.inbox() list the cases you may see.';
	END IF;
	SELECT coalesce(array_agg(m.department) FILTER (WHERE m.department <> ''), '{}'), coalesce(bool_or(m.duty IN ('centre', 'admin')), false),
			coalesce(bool_or(m.duty IN ('centre', 'admin', 'operator')), false)
		INTO mine, centre, desk FROM triage.members m WHERE m.role = me AND m.active;
	RETURN QUERY
	WITH part AS MATERIALIZED (
		SELECT a.*, open OR a.department = ANY (mine) AS is_mine FROM triage.assignments a
		WHERE a.case_id = allowed_verbs.case_id AND a.status NOT IN ('done', 'withdrawn')
	), clock AS MATERIALIZED (
		SELECT k.stage, k.assignment_seq, k.acknowledged_at FROM triage.clocks k WHERE k.case_id = allowed_verbs.case_id AND k.state = 'running'
	), said AS MATERIALIZED (
		-- what some verbs answer to
		SELECT count(*) FILTER (WHERE e.verb = 'hand_over') > count(*) FILTER (WHERE e.verb = 'take_back') AS handed_over,
			(array_agg(e.verb ORDER BY e.seq DESC) FILTER (WHERE e.verb IN ('request_extension', 'decide_extension')))[1] = 'request_extension' AS asked,
			count(*) FILTER (WHERE e.verb = 'decide_extension' AND e.data ->> 'approve' = 'true') > 0 AS extended
		FROM triage.events e WHERE e.case_id = allowed_verbs.case_id AND e.verb IN ('hand_over', 'take_back', 'request_extension', 'decide_extension')
	)
	SELECT t.verb, p.department, t.needs
	FROM triage.cases c
	JOIN triage.transitions t ON t.from_status = c.status
	CROSS JOIN said s
	LEFT JOIN part p ON t.level = 'assignment' AND p.is_mine
		AND CASE t.verb WHEN 'accept' THEN p.accepted_at IS NULL
						WHEN 'arrive' THEN p.arrived_at IS NULL
						WHEN 'feed_back' THEN p.accepted_at IS NOT NULL
						WHEN 'transfer' THEN p.accepted_at IS NOT NULL
						WHEN 'finish' THEN p.duty <> 'lead'
						WHEN 'answer_whistle' THEN EXISTS (SELECT 1 FROM clock k WHERE k.stage = 'whistle' AND k.assignment_seq = p.seq)
						ELSE true END
	WHERE c.case_id = allowed_verbs.case_id
		AND (t.level = 'case' OR p.seq IS NOT NULL)
		AND (open OR CASE t.duty WHEN 'anyone' THEN true
						WHEN 'centre' THEN centre
						WHEN 'desk' THEN desk
						WHEN 'lead' THEN c.lead = ANY (mine)
						ELSE EXISTS (SELECT 1 FROM part x WHERE x.is_mine) END)
		AND CASE t.verb WHEN 'resolve' THEN EXISTS (SELECT 1 FROM part x WHERE x.duty = 'lead' AND x.accepted_at IS NOT NULL)
						WHEN 'request_return' THEN EXISTS (SELECT 1 FROM part x WHERE x.duty = 'lead' AND x.arrived_at IS NULL)
						WHEN 'release_assist' THEN EXISTS (SELECT 1 FROM part x WHERE x.duty <> 'lead')
						WHEN 'release_by_police' THEN EXISTS (SELECT 1 FROM part x JOIN triage.departments d ON d.code = x.department WHERE x.is_mine AND d.kind IN ('T_PS', 'PSB'))
						WHEN 'keep_by_police' THEN EXISTS (SELECT 1 FROM part x JOIN triage.departments d ON d.code = x.department WHERE x.is_mine AND d.kind IN ('T_PS', 'PSB'))
						WHEN 'confirm_danger' THEN c.danger
						WHEN 'take_back' THEN s.handed_over
						WHEN 'request_extension' THEN NOT coalesce(s.asked, false) AND NOT s.extended AND EXISTS (SELECT 1 FROM clock k WHERE k.stage = 'resolve')
						WHEN 'decide_extension' THEN coalesce(s.asked, false)
						WHEN 'acknowledge' THEN EXISTS (SELECT 1 FROM clock k WHERE k.acknowledged_at IS NULL)
						ELSE true END
	ORDER BY t.verb, p.seq;
END
$$;
COMMENT ON FUNCTION triage.allowed_verbs(bigint) IS
	'The verbs that are legal for the actor in the case''s present state, for which department, and what each needs. Error: TR003 unknown case.';
