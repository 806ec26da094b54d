-- Limits that were changed: running clocks take them over when asked, and only then.
-- Source: extension/casework/reapply.c, retime.c
\ir include/helpers.psql
BEGIN;
\ir include/small.psql
COMMIT;
CREATE ROLE t062_admin; CREATE ROLE t062_handler;
GRANT USAGE ON SCHEMA triage TO t062_admin, t062_handler;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA triage TO t062_admin, t062_handler;
SET triage.now = '2026-03-02 10:00+08';
SELECT (triage.report('v110', '广场舞噪音', 'Z11', reporter => 'Chen')).case_id AS a \gset
SELECT (triage.report('v110', '广场舞噪音', 'Z11', reporter => 'Wang')).case_id AS b \gset
SELECT (triage.report('v110', '广场舞噪音', 'Z12', reporter => 'Li')).case_id AS c \gset
SELECT (triage.accept(:b)).status, (triage.suspend(:b, '等配件', '2026-03-09 10:00+08')).status \g /dev/null
SELECT pg_temp.clocks(:a) AS before, pg_temp.clocks(:b) AS before_b \gset

UPDATE triage.policies SET amount = 4 WHERE code = 'u3.resolve';
SELECT is(pg_temp.clocks(:a), :'before', 'a limit that changes leaves running clocks alone');
INSERT INTO triage.members (role, duty, department) VALUES ('t062_admin', 'admin', ''), ('t062_handler', 'handler', 'TOWN11');
SET ROLE t062_handler;
SELECT is(pg_temp.refusal('SELECT * FROM triage.reapply_policy()'), 'TR002 reapply_policy is not yours to do', 'it is for administrators');
RESET ROLE; SET ROLE t062_admin;
SELECT is(pg_temp.refusal($$SELECT * FROM triage.reapply_policy('nope')$$), 'TR003 policy "nope" does not exist', 'of policies that exist');
SELECT results_eq('SELECT r.case_id, r.old_due, r.new_due FROM triage.reapply_policy() r', format($$SELECT x.id, '2026-03-04 17:00+08'::timestamptz, '2026-03-06 17:00+08'::timestamptz FROM (VALUES (%s::bigint), (%s)) x(id)$$, :a, :c),
	'asked, it shows which clocks would move; what stands still is left alone');
SELECT is(pg_temp.clocks(:a), :'before', 'and moves none');
SELECT is_empty($$SELECT * FROM triage.reapply_policy('u2.resolve', false)$$, 'another policy is another matter');
SELECT is((SELECT count(*) FROM triage.reapply_policy('u3.resolve', false)), 2::bigint, 'it moves them');
SELECT is_empty('SELECT * FROM triage.reapply_policy(NULL, false)', 'once');
RESET ROLE;
SELECT is(pg_temp.clocks(:a), replace(:'before', 'resolve running 03-04 17:00', 'resolve running 03-06 17:00'), 'the other clocks of the case stay');
SELECT is(pg_temp.verbs(:a), 'report retime', 'the history has an event for it');
SELECT is((SELECT e.actor || ' ' || (e.data ->> 'because') FROM triage.events e WHERE e.case_id = :a AND e.verb = 'retime'), 't062_admin reapply_policy', 'with who asked');
SELECT is(pg_temp.clocks(:b), :'before_b', 'a suspended case has no running clock');

-- a shorter limit may lie behind: the ladder goes on from what was fired
SET triage.now = '2026-03-05 10:00+08';
SELECT count(*) FROM triage.tick() \g /dev/null
UPDATE triage.policies SET amount = 1 WHERE code = 'u3.resolve';
SET ROLE t062_admin;
SELECT is((SELECT count(*) FROM triage.reapply_policy(dry_run => false) r WHERE r.new_due = '2026-03-03 17:00+08'), 2::bigint, 'a shorter limit counts from the same start');
RESET ROLE;
SELECT count(*) FROM triage.tick() \g /dev/null
SELECT is((SELECT k.colour FROM triage.clocks k WHERE k.case_id = :a AND k.stage = 'resolve'), 'red', 'what is late by it is late at once');
SELECT is((SELECT count(*) FROM (SELECT 1 FROM triage.clock_steps s GROUP BY s.case_id, s.clock_id, s.step, s.occurrence HAVING count(*) > 1) x), 0::bigint, 'no step fires twice');
SET ROLE t062_admin;
SELECT is((SELECT count(*) FROM triage.verify_history(:a)), 0::bigint, 'and the history is whole');
RESET ROLE;
SELECT * FROM finish();
DROP OWNED BY t062_admin, t062_handler;
DROP ROLE t062_admin, t062_handler;
