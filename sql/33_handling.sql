/*
 * The verbs of a case's whole life beyond the plain way: returns, calls to
 * others, police, other systems, waiting, review, return call, reopening,
 * voiding, the record.  Rules: domain notes 4, rows 3 to 22.
 */

INSERT INTO triage.transitions (verb, from_status, to_status, level, duty, needs) VALUES
	('request_return',	'dispatched',		'return_requested',	'case',	'lead',		'reason'),
	('request_return',	'accepted',			'return_requested',	'case',	'lead',		'reason'),
	('decide_return',	'return_requested',	'dispatched',		'case',	'centre',	'approve'),
	('confer',			'return_requested',	NULL,				'case',	'centre',	'departments'),
	('take_back',		'dispatched',		NULL,				'case',	'desk',		'reason'),
	('take_back',		'accepted',			'dispatched',		'case',	'desk',		'reason'),
	('take_back',		'in_progress',		'dispatched',		'case',	'desk',		'reason'),
	('hand_over',		'triage',			'dispatched',		'case',	'desk',		'channel, reason'),
	('hand_over',		'dispatched',		NULL,				'case',	'desk',		'channel, reason'),
	('hand_over',		'accepted',			'dispatched',		'case',	'centre',	'channel, reason'),
	('hand_over',		'in_progress',		'dispatched',		'case',	'centre',	'channel, reason'),
	('to_police',		'triage',			'dispatched',		'case',	'anyone',	'reason'),
	('suspend',			'accepted',			'suspended',		'case',	'centre',	'reason, review_at'),
	('suspend',			'in_progress',		'suspended',		'case',	'centre',	'reason, review_at'),
	('resume',			'suspended',		'in_progress',		'case',	'centre',	NULL),
	('request_extension', 'accepted',		NULL,				'case',	'lead',		'by, reason'),
	('request_extension', 'in_progress',	NULL,				'case',	'lead',		'by, reason'),
	('decide_extension', 'accepted',		NULL,				'case',	'centre',	'approve'),
	('decide_extension', 'in_progress',		NULL,				'case',	'centre',	'approve'),
	('review',			'review',			NULL,				'case',	'centre',	'pass, or fault'),
	('call_back',		'callback',			NULL,				'case',	'centre',	'result'),
	('close_case',		'callback',			'closed',			'case',	'centre',	NULL),
	('reopen',			'callback',			'dispatched',		'case',	'centre',	'reason'),
	('reopen',			'closed',			'dispatched',		'case',	'centre',	'reason'),
	('void_case',		'triage',			'void',				'case',	'centre',	'reason'),
	('void_case',		'dispatched',		'void',				'case',	'centre',	'reason'),
	('void_case',		'accepted',			'void',				'case',	'centre',	'reason'),
	('void_case',		'in_progress',		'void',				'case',	'centre',	'reason');

INSERT INTO triage.transitions (verb, from_status, to_status, level, duty, needs)
	SELECT v.verb, s.status, NULL, v.level, v.duty, v.needs
	FROM (VALUES ('whistle', 'case', 'party', 'departments, reason'), ('answer_whistle', 'assignment', 'party', 'department'),
			('escalate', 'case', 'party', 'reason'), ('confer', 'case', 'centre', 'departments'),
			('release_assist', 'case', 'centre', 'department, reason')) v(verb, level, duty, needs),
		 unnest(ARRAY['dispatched', 'accepted', 'in_progress']) s(status);
INSERT INTO triage.transitions (verb, from_status, to_status, level, duty, needs)
	SELECT v.verb, s.status, NULL, 'case', v.duty, v.needs
	FROM (VALUES ('to_police', 'anyone', 'reason'), ('release_by_police', 'party', 'reason'), ('keep_by_police', 'party', 'reason')) v(verb, duty, needs),
		 unnest(ARRAY['dispatched', 'accepted', 'in_progress', 'return_requested']) s(status);
INSERT INTO triage.transitions (verb, from_status, to_status, level, duty, needs)
	SELECT v.verb, s.status, NULL, 'case', v.duty, v.needs
	FROM (VALUES ('urge', 'desk', NULL), ('supervise', 'centre', NULL), ('add_evidence', 'anyone', 'kind, uri, sha256'),
			('correct', 'desk', 'field, value, reason'), ('reveal_contact', 'anyone', 'reason')) v(verb, duty, needs),
		 unnest(ARRAY['triage', 'dispatched', 'accepted', 'in_progress', 'return_requested', 'suspended', 'review', 'callback']) s(status);
INSERT INTO triage.transitions (verb, from_status, to_status, level, duty, needs) VALUES
	('reveal_contact',	'closed',			NULL,				'case',	'centre',	'reason'),
	('add_evidence',	'closed',			NULL,				'case',	'centre',	'kind, uri, sha256');

INSERT INTO triage.transitions (verb, from_status, to_status, level, duty, needs)
	SELECT 'merge', s.status, NULL, 'case', 'centre', 'into_case'
	FROM unnest(ARRAY['triage', 'dispatched', 'accepted', 'in_progress', 'return_requested']) s(status);
INSERT INTO triage.transitions (verb, from_status, to_status, level, duty, needs) VALUES
	('unmerge',	'merged',	NULL,	'case',	'centre',	NULL);
INSERT INTO triage.transitions (verb, from_status, to_status, level, duty, needs)
	SELECT 'open_task', s.status, NULL, 'case', 'desk', 'kind, department, body'
	FROM unnest(ARRAY['triage', 'dispatched', 'accepted', 'in_progress', 'return_requested', 'suspended', 'review', 'callback', 'closed']) s(status);

-- what else they do, for readers; tests/pgtap/146_model.sql holds the verbs to it
WITH stage AS (
	SELECT '{accept,arrive,assist,feedback,resolve}'::text[] AS offered, '{triage,ring_back}'::text[] AS waiting,
		'{accept,arrive,assist,feedback,resolve,hand_over,whistle,redo,return}'::text[] AS work, '{review,call_back,arrive}'::text[] AS ending
)
UPDATE triage.transitions t SET
	-- words of a case that waits are decided with the rest; a place alone sends nothing on
	leads_to = CASE WHEN v.verb = 'answer_whistle' AND t.from_status = 'in_progress' THEN '{}' WHEN (v.verb = 'append_text') = (t.from_status = 'triage') OR v.verb NOT IN ('append_text', 'set_area') THEN array_remove(v.leads_to, t.from_status) ELSE '{}' END, starts = v.starts, stops = v.stops
FROM stage s CROSS JOIN LATERAL (VALUES
	('dispatch',			'{}'::text[],	s.offered,							s.waiting),
	('confirm_danger',		'{dispatched}',	s.offered || '{triage}',			s.waiting),
	('answer',				'{}',			'{}',								s.waiting),
	('reclassify',			'{dispatched}',	s.offered || '{triage,ring_back}',	s.work || s.waiting),
	('set_area',			'{dispatched}',	s.offered || '{triage,ring_back}',	s.work || s.waiting),
	('append_text',			'{dispatched}',	s.offered || '{triage,ring_back}',	s.work || s.waiting),
	-- a lead that was off duty when the case came takes it over from who stood in
	('accept',				'{}',			'{feedback}',						'{accept,assist,feedback,hand_over}'),
	('arrive',				'{}',			'{feedback}',						'{accept,arrive,assist,feedback,hand_over,whistle}'),
	('feed_back',			'{}',			'{}',								'{feedback}'),
	('finish',				'{}',			'{}',								s.work),
	('transfer',			'{}',			'{assist}',							'{}'),
	('resolve',				'{}',			'{review}',							s.work),
	('close_case',			'{}',			'{}',								s.ending),
	('request_return',		'{}',			'{return}',							'{}'),
	('decide_return',		'{accepted}',	s.offered,							s.work),
	('release_assist',		'{}',			'{}',								s.work),
	('whistle',				'{}',			'{assist,whistle}',					'{whistle}'),
	('answer_whistle',		'{accepted}',	'{}',								'{accept,hand_over,whistle}'),
	('escalate',			'{dispatched}',	s.offered,							s.work),
	('hand_over',			'{dispatched}',	s.offered || '{hand_over}',			s.work || s.waiting),
	('take_back',			'{dispatched}',	s.offered,							s.work),
	('to_police',			'{}',			s.offered,							s.work || s.waiting),
	('release_by_police',	'{dispatched}',	s.offered,							s.work),
	('keep_by_police',		'{dispatched}',	s.offered,							s.work),
	('suspend',				'{}',			'{suspended}',						'{}'),
	('resume',				'{}',			'{}',								'{suspended}'),
	('review',				'{callback,in_progress}', '{call_back,redo}',		'{review}'),
	('call_back',			'{closed,dispatched}', s.offered || '{review}',		s.ending),
	('reopen',				'{}',			s.offered,							s.ending),
	('void_case',			'{}',			'{}',								s.work || s.waiting),
	('merge',				'{merged}',		'{}',								'{}'),
	('unmerge',				'{triage,dispatched,accepted,in_progress,return_requested}', '{}', '{}')) v(verb, leads_to, starts, stops)
WHERE v.verb = t.verb;

-- ---- what is no result ----

CREATE FUNCTION triage.stock_only(body text) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	p		text;
	rest	text := stock_only.body;
	found	text;
BEGIN
	-- longer ones first: they hold shorter ones
	FOR p IN SELECT s.phrase FROM triage.stock_phrases s WHERE s.active AND strpos(stock_only.body, s.phrase) > 0 ORDER BY char_length(s.phrase) DESC, s.phrase LOOP
		rest := replace(rest, p, '');
		found := concat_ws(', ', found, p);
	END LOOP;
	IF found IS NULL OR char_length(regexp_replace(rest, '[[:space:][:punct:]，。、；：！？…（）“”]', '', 'g')) >= 4 THEN
		RETURN NULL;
	END IF;
	RETURN found;
END
$$;
COMMENT ON FUNCTION triage.stock_only(text) IS
	'The stock phrases of a text that says hardly anything beside them (fewer than four characters); NULL when it says something. Source: F42.';

-- ---- returns ----

CREATE FUNCTION triage.request_return(case_id bigint, reason text, proper_department text DEFAULT NULL, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_request_return';
COMMENT ON FUNCTION triage.request_return(bigint, text, text, text) IS
	'退单: the lead says the case is not its, with a reason and the proper unit; soon after the offer (stage return_request) and before it has arrived. The centre decides on a clock. Errors: TR001 wrong state, too late, arrived, or bound by a ruling; TR002 not the lead; TR003; TR005 blank reason. Source: F61 F62 F80.';

CREATE FUNCTION triage.decide_return(case_id bigint, approve boolean, department text DEFAULT NULL, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_decide_return';
COMMENT ON FUNCTION triage.decide_return(bigint, boolean, text, text) IS
	'退单审核: the centre decides on a return. Approved: the case goes to department, else to the unit the lead named, else by the rules; denied: the lead must work. A second return needs a joint meeting (confer with a decision) first; its ruling is kept in triage.rulings, binds the department for this type and area, and is offered there as a route. Errors: TR001 wrong state or no meeting, TR002, TR003, TR005 the rules name nobody else. Source: F08 F80.';

CREATE FUNCTION triage.release_assist(case_id bigint, department text, reason text, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_release_assist';
COMMENT ON FUNCTION triage.release_assist(bigint, text, text, text) IS
	'解除协办: the centre lets an assisting department go, so that the lead can resolve. Errors: TR001, TR002, TR003 it does not assist, TR005 blank reason.';

-- ---- calling others ----

CREATE FUNCTION triage.whistle(case_id bigint, departments text[], reason text, within interval DEFAULT NULL, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_whistle';
COMMENT ON FUNCTION triage.whistle(bigint, text[], text, interval, text) IS
	'吹哨: who takes part calls departments that owe an answer, 30 minutes for U1 and U2, else 24 hours, or within. The second whistle for a department goes to the unit above it (24 hours), the third to the centre; each only after the one before was answered or is late. Errors: TR001 wrong state, too early, or three already; TR002; TR003; TR005. Source: F70 F72.';

CREATE FUNCTION triage.answer_whistle(case_id bigint, department text, body text DEFAULT NULL, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_answer_whistle';
COMMENT ON FUNCTION triage.answer_whistle(bigint, text, text, text) IS
	'报到: a department that was called answers; it has accepted by that. Errors: TR001 nobody waits for it, TR002, TR003.';

CREATE FUNCTION triage.confer(case_id bigint, departments text[], decision text DEFAULT NULL, due_at timestamptz DEFAULT NULL, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_confer';
COMMENT ON FUNCTION triage.confer(bigint, text[], text, timestamptz, text) IS
	'会商: a joint meeting under the department whose turn the chair is at the governance centre (轮值主管, triage.rosters), else under the centre itself, with the departments present, its decision and until when it is carried out. Errors: TR001, TR002, TR003, TR005 a due time without decision or in the past. Source: F80.';

CREATE FUNCTION triage.escalate(case_id bigint, reason text, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_escalate';
COMMENT ON FUNCTION triage.escalate(bigint, text, text) IS
	'逐级上报: one level up: grid_3, grid_2, grid_1, town, department, county_meeting, leader. The event keeps the level that could not solve it (from_level). Errors: TR001 wrong state or nobody above, TR002, TR003, TR005. Source: S0 S4.';

CREATE FUNCTION triage.hand_over(case_id bigint, channel text, reason text, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_hand_over';
COMMENT ON FUNCTION triage.hand_over(bigint, text, text, text) IS
	'移交: to the system behind another channel (12345, 119, 120): the channel''s department leads, on a clock until it accepts. Errors: TR001, TR002, TR003 unknown channel or one without a department, TR005. Source: F04 F08.';

CREATE FUNCTION triage.take_back(case_id bigint, reason text, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_take_back';
COMMENT ON FUNCTION triage.take_back(bigint, text, text) IS
	'收回: a case that was handed over comes back, to whom the rules name or else to the centre. Errors: TR001 it was not handed over, TR002, TR003, TR005.';

-- ---- police ----

CREATE FUNCTION triage.to_police(case_id bigint, reason text, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_to_police';
COMMENT ON FUNCTION triage.to_police(bigint, text, text) IS
	'转警情: violence, a threat or a weapon; anyone who sees the case, at any moment. U1, danger; from triage the police lead, else they join and the civil lead stays for the rest. Errors: TR001 closed, TR003, TR004 no police station configured, TR005. Source: F05 F06 F07.';

CREATE FUNCTION triage.release_by_police(case_id bigint, reason text, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_release_by_police';
COMMENT ON FUNCTION triage.release_by_police(bigint, text, text) IS
	'公安退出: the police who take part hand the case back; where they lead, the rules name the next lead, or the centre takes it. Errors: TR001, TR002 not the police of this case, TR003, TR005.';

CREATE FUNCTION triage.keep_by_police(case_id bigint, reason text, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_keep_by_police';
COMMENT ON FUNCTION triage.keep_by_police(bigint, text, text) IS
	'公安自留: the police who take part keep a matter that is not theirs by duty and lead it. It stays among the divertible. Errors: TR001, TR002 not the police of this case, TR003, TR005. Source: SEED1.';

-- ---- waiting ----

CREATE FUNCTION triage.suspend(case_id bigint, reason text, review_at timestamptz, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_suspend';
COMMENT ON FUNCTION triage.suspend(bigint, text, timestamptz, text) IS
	'挂账: the centre puts a case on the books because of an obstacle, with a review date at most 30 days ahead. Its clocks stand still; it stays among the open ones. Errors: TR001, TR002, TR003, TR005 blank reason or a date that does not fit. Source: F82; 30 days are a default.';

CREATE FUNCTION triage.resume(case_id bigint, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_resume';
COMMENT ON FUNCTION triage.resume(bigint, text) IS
	'恢复办理: the clocks of a suspended case go on with what was left of them; an event "retime" for each. Errors: TR001, TR002, TR003.';

CREATE FUNCTION triage.request_extension(case_id bigint, by interval, reason text, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_request_extension';
COMMENT ON FUNCTION triage.request_extension(bigint, interval, text, text) IS
	'申请延期: the lead asks for more time to resolve, once, at most 10 working days (days count as working days where the limit does), at least one working day before the limit. Errors: TR001 too late, asked or granted before; TR002; TR003; TR005. Source: F61 F62.';

CREATE FUNCTION triage.decide_extension(case_id bigint, approve boolean, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_decide_extension';
COMMENT ON FUNCTION triage.decide_extension(bigint, boolean, text) IS
	'延期审批: another person than who asked grants or denies the extension; granted, the citizen is told. Errors: TR001 nobody asked, TR002 the same person or not the centre, TR003. Source: F61 F62.';

-- ---- ending ----

CREATE FUNCTION triage.review(case_id bigint, pass boolean, fault text DEFAULT NULL, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_review';
COMMENT ON FUNCTION triage.review(bigint, boolean, text, text) IS
	'审核: the centre, independent of the lead, looks at the result. Passed: the return call is due; not: fault stage_only 阶段性答复 | too_brief 过于简单 | wrong 不实, and the lead does it again on a clock. Errors: TR001, TR002 the lead itself, TR003 fault missing or unknown. Source: F42.';

CREATE FUNCTION triage.call_back(case_id bigint, result text, body text DEFAULT NULL, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_call_back';
COMMENT ON FUNCTION triage.call_back(bigint, text, text, text) IS
	'回访: somebody independent of the handler calls the citizen: satisfied closes the case; unreachable closes it, as not reached, after three tries on two days; dissatisfied sends it to the lead a second time, once, after that a second person decides (close_case with a note, or reopen). Errors: TR001, TR002, TR003 unknown result. Source: F62 F63; the tries are a default.';

CREATE FUNCTION triage.reopen(case_id bigint, reason text, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_reopen';
COMMENT ON FUNCTION triage.reopen(bigint, text, text) IS
	'重启: a closed case comes up again within 30 days, or a case whose citizen is not satisfied; its last lead gets it with new limits. The third time a leader takes charge (包案) and is told. Errors: TR001 not closed or too long ago, TR002, TR003, TR005. Source: F33; 30 days are a default.';

CREATE FUNCTION triage.void_case(case_id bigint, reason text, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_void_case';
COMMENT ON FUNCTION triage.void_case(bigint, text, text) IS
	'作废: no real matter: prank 恶作剧 | test 测试 | mistake 误报 | withdrawn 撤回. A dangerous case takes two persons: the first call only asks (event void_requested). Errors: TR001, TR002 the same person twice, TR003 unknown reason.';

-- ---- pressure and record ----

CREATE FUNCTION triage.urge(case_id bigint, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_urge';
COMMENT ON FUNCTION triage.urge(bigint, text) IS '催办: the desk presses the lead, which is told; the event counts (nth). Errors: TR001, TR002, TR003.';

CREATE FUNCTION triage.supervise(case_id bigint, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_supervise';
COMMENT ON FUNCTION triage.supervise(bigint, text) IS '督办: the centre''s leader presses the lead, which is told; the event counts (nth). Errors: TR001, TR002, TR003.';

CREATE FUNCTION triage.add_evidence(case_id bigint, kind text, uri text, sha256 bytea, mime text DEFAULT NULL, taken_at timestamptz DEFAULT NULL, location point DEFAULT NULL, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_add_evidence';
COMMENT ON FUNCTION triage.add_evidence(bigint, text, text, bytea, text, timestamptz, point, text) IS
	'取证: a reference to a photo, recording or document that lies elsewhere, with its SHA-256 (32 bytes). Errors: TR001, TR003, TR005.';

CREATE FUNCTION triage.correct(case_id bigint, field text, value text, reason text, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_correct';
COMMENT ON FUNCTION triage.correct(bigint, text, text, text, text) IS
	'更正: the desk corrects reporter, contact, address or location ("(x,y)"); the old value is kept in triage.corrections. value NULL empties the field. Errors: TR001, TR002, TR003 another field, TR005.';

CREATE FUNCTION triage.reveal_contact(case_id bigint, reason text)
	RETURNS TABLE (reporter text, contact text) LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_reveal_contact';
COMMENT ON FUNCTION triage.reveal_contact(bigint, text) IS
	'查看联系方式: reporter and contact of each report, the first first, for those who work the case; leaves an event with the reason. A report made in confidence (attrs.confidential, or one that names in attrs.complains_about the unit it complains about) is not shown to who acts for that unit. Errors: TR001, TR002, TR003, TR005 blank reason.';

-- ---- the same matter, and what follows ----

CREATE FUNCTION triage.merge(case_id bigint, into_case bigint, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_merge';
COMMENT ON FUNCTION triage.merge(bigint, bigint, text) IS
	'并案: the case is merged into another and stands still as it is; the surviving case keeps its clocks, counts the other''s reports and answers for them all, also to their channels. Returns the surviving case. Errors: TR001 wrong state, U1 with U4, or a case with cases merged into it; TR002; TR003. Source: F80.';

CREATE FUNCTION triage.unmerge(case_id bigint, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_unmerge';
COMMENT ON FUNCTION triage.unmerge(bigint, text) IS
	'撤销并案: a merged case goes on exactly as it stood, clocks and due times included. Returns it. Errors: TR001 not merged, TR002, TR003.';

CREATE FUNCTION triage.open_task(parent bigint, kind text, department text, body text, due_at timestamptz DEFAULT NULL, note text DEFAULT NULL)
	RETURNS triage.cases LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'triage_open_task';
COMMENT ON FUNCTION triage.open_task(bigint, text, text, text, timestamptz, text) IS
	'任务: a case without a caller that belongs to another one (link part_of): task 任务 | visit 走访 | campaign 专项行动, for a department, with assignment, clocks and history as any case; kpi() counts incidents only. due_at NULL = the limit of the case''s type. Returns the task. Errors: TR001, TR002, TR003 unknown kind or department, TR005 due in the past or no words.';
