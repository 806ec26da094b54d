-- History that holds, sealing, anonymising, what leaves, what needs eyes.
-- Source: sql/46_record.sql, extension/casework/history.c, dossier.c
\ir include/helpers.psql
BEGIN;
\ir include/small.psql
COMMIT;
CREATE ROLE t144_centre; CREATE ROLE t144_town; CREATE ROLE t144_env;
GRANT USAGE ON SCHEMA triage TO t144_centre, t144_town, t144_env;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA triage TO t144_centre, t144_town, t144_env;
SET triage.now = '2026-03-02 10:00+08';
SELECT (triage.report('v110', '广场舞噪音', 'Z11', reporter => 'Li', contact => '13800000000')).case_id AS a \gset
SELECT (triage.report('v110', '有人持刀', 'Z11', reporter => 'Wang')).case_id AS b \gset
SELECT (triage.report('v110', '随便说说', 'Z11', reporter => 'Zhao')).case_id AS c \gset
SELECT (triage.report('v110', '咨询政策', 'Z11', reporter => 'Qian')).case_id AS d \gset
SELECT (triage.accept(:a, 'TOWN11')).status, (triage.finish(:a, 'ENV', '测过')).status, (triage.resolve(:a, 'resolved', '劝停了')).status \g /dev/null
INSERT INTO triage.members (role, duty, department, area) VALUES ('t144_centre', 'centre', 'CENTRE1', 'Z1'), ('t144_town', 'handler', 'TOWN11', ''), ('t144_env', 'handler', 'ENV', '');

-- ---- history ----
SELECT is((SELECT count(*) FROM triage.verify_history()), 0::bigint, 'an untouched history is whole');
SELECT is((triage.seal('2026-03-01')).heads, 4::bigint, 'a seal covers all cases');
SELECT is(pg_temp.refusal($$SELECT triage.seal('2026-03-01')$$), 'TR001 day 2026-03-01 is sealed', 'once');
SELECT is(pg_temp.refusal($$SELECT triage.seal('2027-03-01')$$), 'TR005 day 2027-03-01 lies in the future', 'not ahead');
SET ROLE t144_town;
SELECT is((SELECT count(*) FROM triage.verify_history(:a)), 0::bigint, 'who sees a case may ask about it');
SELECT is(pg_temp.refusal('SELECT triage.verify_history(' || :c || ')'), 'TR003 case ' || :c || ' does not exist', 'others'' cases do not exist');
SELECT matches(pg_temp.refusal('SELECT triage.verify_history()'), '^TR002', 'all cases are for administrators');
SELECT matches(pg_temp.refusal('SELECT triage.seal()'), '^TR002', 'so is sealing');
RESET ROLE;
SET ROLE t144_centre;
SELECT (triage.urge(:b)).status \g /dev/null
RESET ROLE;
SELECT is((triage.seal('2026-03-02')).heads, 1::bigint, 'the next one what has changed since');
SELECT is((SELECT s.previous FROM triage.seals s WHERE s.day = '2026-03-02'), (SELECT s.root FROM triage.seals s WHERE s.day = '2026-03-01'), 'and names the one before');
SELECT is((SELECT s.root FROM triage.seals s WHERE s.day = '2026-03-02'), (SELECT sha256(int8send(h.case_id) || int4send(h.seq) || h.hash) FROM triage.sealed_heads h WHERE h.day = '2026-03-02'), 'the root of one is its leaf');

-- what a superuser does with triggers off shows
CREATE FUNCTION pg_temp.tampered(statement text) RETURNS SETOF triage.history_problem LANGUAGE plpgsql AS $$
DECLARE
	found	triage.history_problem[];
BEGIN
	BEGIN
		SET LOCAL session_replication_role = replica;
		EXECUTE statement;
		found := ARRAY(SELECT v FROM triage.verify_history() v);
		RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZZZZ';
	EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN NULL;
	END;
	RETURN QUERY SELECT (f).* FROM unnest(found) f;
END
$$;
SELECT results_eq(format('SELECT * FROM pg_temp.tampered(%L)', t.s), t.expected, t.what)
FROM (VALUES
	(format('UPDATE triage.events SET actor = ''nobody'' WHERE case_id = %s AND seq = 2', :a), format($$VALUES (%s::bigint, 2, 'the event is not what was written, or the one before it is not')$$, :a), 'another actor'),
	(format('UPDATE triage.events SET data = data || ''{"x": 1}'' WHERE case_id = %s AND seq = 3', :a), format($$VALUES (%s::bigint, 3, 'the event is not what was written, or the one before it is not')$$, :a), 'other words'),
	(format('UPDATE triage.events SET at = at - interval ''1 second'' WHERE case_id = %s AND seq = 1', :d), format($$VALUES (%s::bigint, 1, 'the event is not what was written, or the one before it is not')$$, :d), 'another time'),
	(format('DELETE FROM triage.events WHERE case_id = %s AND seq = 2', :a), format($$VALUES (%1$s::bigint, 3, 'an event is missing before this one'), (%1$s, 3, 'the event is not what was written, or the one before it is not')$$, :a), 'an event taken out'),
	(format('DELETE FROM triage.events WHERE case_id = %s AND seq = 4; UPDATE triage.cases SET event_seq = 3 WHERE case_id = %1$s', :a), format($$VALUES (%s::bigint, 4, 'the event that was sealed on 2026-03-01 is missing or another')$$, :a), 'a tail cut off neatly'),
	(format('DELETE FROM triage.events WHERE case_id = %s; DELETE FROM triage.cases WHERE case_id = %1$s', :d), format($$VALUES (%s::bigint, 1, 'the case that was sealed on 2026-03-01 is missing')$$, :d), 'a whole case gone'),
	(format('UPDATE triage.cases SET body = ''nothing much'' WHERE case_id = %s', :b), format($$VALUES (%s::bigint, 1, 'the report is not what was written')$$, :b), 'other words of the citizen'),
	(format('UPDATE triage.cases SET reporter = ''Li'' WHERE case_id = %s', :b), format($$VALUES (%s::bigint, 1, 'the report is not what was written')$$, :b), 'another reporter in the case'),
	(format('UPDATE triage.case_sources SET contact = ''13800000001'' WHERE case_id = %s', :a), format($$VALUES (%s::bigint, 1, 'the report is not what was written')$$, :a), 'another contact among the sources'),
	(format('UPDATE triage.case_sources SET digest_key = NULL WHERE case_id = %s', :a), format($$VALUES (%s::bigint, 1, 'the report cannot be checked: its key is gone, and it was not anonymised')$$, :a), 'a key taken away'),
	(format('DELETE FROM triage.case_sources WHERE case_id = %s', :a), format($$VALUES (%s::bigint, 1, 'the report cannot be checked: its key is gone, and it was not anonymised')$$, :a), 'the whole source')) t(s, expected, what);
SELECT is((SELECT count(*) FROM triage.verify_history(since_case => :b, max_cases => 1)), 0::bigint, 'in batches');
-- what verbs change they vouch for anew
SET ROLE t144_centre;
SELECT (triage.append_text(:b, '补充：在北门')).status, (triage.correct(:b, 'contact', '13811112222', '听错了')).status,
	(triage.add_source(:b, 'v12345', '同一件事', 'Sun', '13700000000')).status \g /dev/null
SELECT is((SELECT count(*) FROM triage.verify_history(:b)), 0::bigint, 'an addition, a correction and a further source are vouched for');
RESET ROLE;
SELECT is((SELECT string_agg(e.verb, ' ' ORDER BY e.seq) FROM triage.events e WHERE e.case_id = :b AND e.data ? 'personal'), 'report append_text correct add_source', 'each by its event');
SELECT results_eq(format('SELECT * FROM pg_temp.tampered(%L)', format('UPDATE triage.case_sources SET body = ''another'' WHERE case_id = %s AND seq = 2', :b)),
	format($$SELECT %s::bigint, e.seq, 'the report is not what was written' FROM triage.events e WHERE e.case_id = %1$s AND e.verb = 'add_source'$$, :b), 'a further source is guarded as well');

-- ---- personal data ----
SET ROLE t144_centre;
SELECT matches(pg_temp.refusal('SELECT triage.anonymise(' || :a || ')'), '^TR001', 'only what is closed');
SELECT (triage.close_case(:a)).status \g /dev/null
SELECT is((triage.anonymise(:a)).event_seq, 7, 'anonymised');
RESET ROLE;
SELECT is((SELECT concat_ws(' ', c.reporter, c.contact, s.reporter, s.contact, c.body) FROM triage.cases c JOIN triage.case_sources s USING (case_id) WHERE c.case_id = :a), '广场舞噪音', 'nobody is left');
SET ROLE t144_centre;
SELECT is((triage.anonymise(:a, true)).body, NULL, 'nor, when asked, the words');
SELECT is((SELECT count(*) FROM triage.verify_history(:a)), 0::bigint, 'the history is whole');
RESET ROLE;
UPDATE triage.deliveries SET state = 'delivered', done_at = now() WHERE case_id = :b;
SELECT ok(bool_and(d.payload ~ '持刀'), 'what went out holds the words') FROM triage.deliveries d WHERE d.case_id = :b;
BEGIN;
UPDATE triage.cases SET status = 'closed' WHERE case_id = :b;
SET LOCAL ROLE t144_centre;
SELECT (triage.anonymise(:b, true)).status \g /dev/null
RESET ROLE;
SELECT ok(bool_and(d.payload !~ '持刀'), 'and no more') FROM triage.deliveries d WHERE d.case_id = :b;
ROLLBACK;

-- ---- what leaves ----
SET ROLE t144_town;
SELECT is(pg_temp.refusal('SELECT triage.work_order(' || :c || ')'), 'TR003 case ' || :c || ' does not exist', 'a work order of another''s case');
SELECT matches(pg_temp.refusal('SELECT triage.export_case(' || :a || ')'), '^TR002', 'exports are for administrators');
RESET ROLE;
SET ROLE t144_centre;
SELECT is((SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(triage.work_order(:b)) k), '{area,body,case_id,case_type,channel,danger,deadlines,lead,number,parties,priority,reason,reported_at,reports,status}'::text[], 'what a unit needs');
SELECT ok(triage.work_order(:b)::text !~ 'Wang', 'and no caller');
RESET ROLE;
SELECT is((SELECT concat_ws(' ', x->'case'->>'case_id', jsonb_array_length(x->'events'), jsonb_array_length(x->'case_sources')) FROM triage.export_case(:b) x), :b || ' 5 2', 'an export holds all');

-- ---- what needs eyes ----
SET ROLE t144_centre;
SELECT is((SELECT string_agg(r.case_id || ' ' || r.score, ', ') FROM triage.risk_list() r), :b || ' 7', 'danger, pressure and a further report');
SELECT is((SELECT count(*) FROM triage.risk_list('Z2')), 0::bigint, 'elsewhere nothing');
SELECT is((SELECT string_agg(g.case_id || ' ' || g.why || ' ' || g.must_decide, ', ') FROM triage.gaps() g), :d || ' fallback CENTRE1', 'the centre has it for want of anybody else');
RESET ROLE;
SET triage.now = '2026-03-02 10:06+08';
SET ROLE t144_centre;
SELECT is((SELECT string_agg(g.case_id || ' ' || g.why || ' ' || g.must_decide || ' ' || g.age, ', ' ORDER BY g.case_id) FROM triage.gaps() g), :c || ' triage_late CENTRE1 00:01:00, ' || :d || ' fallback CENTRE1 00:06:00', 'triage is late');
RESET ROLE;
SET ROLE t144_env;
SELECT is((SELECT count(*) FROM triage.gaps()) + (SELECT count(*) FROM triage.risk_list()), 0::bigint, 'a handler sees none of it');
RESET ROLE;

SELECT * FROM finish();
DROP OWNED BY t144_centre, t144_town, t144_env;
DROP ROLE t144_centre, t144_town, t144_env;
