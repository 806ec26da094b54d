-- Whatever goes wrong with us, the host's statement succeeds: bad rules, locks,
-- time, an error table that cannot be written, columns that go away; and a
-- cancel by the user stays one.
-- Source: extension/hosts/guard.c, trigger.c, queue.c, retry.c
\ir include/helpers.psql
BEGIN;
\ir include/small.psql
INSERT INTO triage.channels (code, zh, en, kind, confirm_danger, needs_caller, allows_anonymous) VALUES ('oa', '办公', 'office', 'host', true, false, true);
COMMIT;
SET triage.now = '2026-03-02 10:00+08';
CREATE ROLE t161_host;
CREATE SCHEMA t161 AUTHORIZATION t161_host;
SET ROLE t161_host;
CREATE TABLE t161.tk (id int PRIMARY KEY, body text, dept varchar(20), due timestamptz, status text DEFAULT 'new', no text, remark text, other text);
RESET ROLE;
SELECT triage.attach('t161.tk', '{"channel": "oa", "text": "body", "reference": "other", "write": {"department": "dept", "due": "due", "number": "no",
		"status": {"column": "status", "values": {"dispatched": "assigned", "accepted": "open", "in_progress": "open", "review": "done", "closed": "closed"}}},
	"changes": [{"column": "status", "value": "open", "verb": "accept"}, {"column": "remark", "verb": "feed_back"}, {"column": "status", "value": "done", "verb": "resolve", "body": "remark"}]}') \g /dev/null
-- what became of ticket n: 'case status | column dept | column status'
CREATE FUNCTION pg_temp.ticket(n int) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
	SELECT concat_ws(' | ', coalesce(c.status, 'no case'), coalesce(k.dept, '-'), k.status) FROM t161.tk k
	LEFT JOIN triage.host_tickets t ON t.ticket = k.id::text LEFT JOIN triage.cases c USING (case_id) WHERE k.id = n
$$;
CREATE FUNCTION pg_temp.errors() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
	SELECT string_agg(concat_ws(' ', e.payload->>'ticket', e.stage, e.sqlstate, e.message), '; ' ORDER BY e.error_id) FROM triage.intake_errors e WHERE e.result IS DISTINCT FROM 'done'
$$;

-- ---- what a ticket may say ----
SET ROLE t161_host;
INSERT INTO t161.tk (id, body) VALUES (1, '东门街道广场舞噪音'), (2, NULL), (3, E' \n'), (4, '西山镇水管爆裂');
RESET ROLE;
SELECT is(pg_temp.ticket(1), 'dispatched | TOWN11 | assigned', 'a ticket between bad ones is taken in');
SELECT is(pg_temp.ticket(4), 'dispatched | TOWN12 | assigned', 'and one behind them');
SELECT is(pg_temp.ticket(2), 'no case | - | new', 'a ticket without text stays what it is');
SELECT is(pg_temp.errors(), '2 host:take_in TR005 a report by channel "oa" must have a body; 3 host:take_in TR005 a report by channel "oa" must have a body', 'and is recorded');
SET ROLE t161_host;
UPDATE t161.tk SET body = '东门街道噪音' WHERE id = 2;
RESET ROLE;
SELECT results_eq('SELECT * FROM triage.retry_intake()', 'VALUES (1, 1)', 'retry_intake() takes in what was mended');
SELECT is(pg_temp.ticket(2), 'dispatched | TOWN11 | assigned', 'and shows it');
SELECT is((SELECT string_agg(e.result, '; ' ORDER BY e.error_id) FROM triage.intake_errors e), 'done; failed: a report by channel "oa" must have a body', 'the rows tell what became of it');
SELECT is(pg_temp.refusal('SELECT triage.retry_intake(99999)'), 'TR003 intake error 99999 does not exist', 'an unknown row is refused');
SELECT is(pg_temp.refusal('SELECT triage.retry_intake(max_rows => 0)'), 'TR003 argument "max_rows" is out of range', 'and a senseless number');
SET ROLE t161_host;
DELETE FROM t161.tk WHERE id = 3;
INSERT INTO t161.tk (id, body) VALUES (5, '东门街道噪音' || repeat('字', 7000000)), (6, repeat(E'\u00e4\u4e2d', 100000));
RESET ROLE;
SELECT is((SELECT concat_ws(' ', c.status, c.case_type, octet_length(c.body) BETWEEN 262100 AND 262144) FROM triage.host_tickets t JOIN triage.cases c USING (case_id) WHERE t.ticket = '5'), 'triage NOISE t', 'of 21 MB of text the beginning is read, whole characters');
SELECT is(pg_temp.ticket(6), 'triage | CENTRE | new', 'a text that ends within a character too');

-- ---- our tables and rules ----
CREATE FUNCTION t161.boom() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '%', current_setting('t161.text') USING ERRCODE = current_setting('t161.code'); END $$;
SET t161.text = 'out of order';
SET t161.code = 'XX000';
CREATE FUNCTION t161.boom(ref text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	IF ref = current_setting('t161.ref') THEN
		RAISE EXCEPTION '%', current_setting('t161.text') USING ERRCODE = current_setting('t161.code');
	END IF;
	RETURN ref;
END
$$;
-- by a trigger where rows go in through SQL, by an index where they are written past all triggers
CREATE FUNCTION pg_temp.break_at(t text, n int, col text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('t161.ref', n::text, false);
	EXECUTE CASE WHEN col IS NULL THEN format('CREATE TRIGGER boom BEFORE INSERT OR UPDATE ON triage.%I FOR EACH ROW EXECUTE FUNCTION t161.boom()', t)
		ELSE format('CREATE INDEX boom ON triage.%I (t161.boom(%I))', t, col) END;
	INSERT INTO t161.tk (id, body) VALUES (n, '东门街道噪音');
	EXECUTE CASE WHEN col IS NULL THEN format('DROP TRIGGER boom ON triage.%I', t) ELSE 'DROP INDEX triage.boom' END;
	RETURN pg_temp.ticket(n);
END
$$;
SELECT is(pg_temp.break_at('cases', 10), 'no case | - | new', 'the case cannot be written: the ticket is');
SELECT is(pg_temp.break_at('cases', 9, 'external_ref'), 'no case | - | new', 'nor past all triggers');
SELECT is(pg_temp.break_at('case_refs', 11, 'external_ref'), 'no case | - | new', 'nor its reference');
SELECT is(pg_temp.break_at('host_tickets', 12, 'ticket'), 'no case | - | new', 'nor our row of the ticket');
SELECT is((SELECT count(*) FROM triage.cases c WHERE c.external_ref IN ('9', '10', '11', '12')), 0::bigint, 'then nothing of it is left');
SELECT matches(pg_temp.errors(), '10 host:take_in XX000 out of order; 9 host:take_in XX000 out of order; 11 host:take_in XX000 out of order; 12 host:take_in XX000 out of order$', 'and all is recorded');
SELECT results_eq('SELECT * FROM triage.retry_intake()', 'VALUES (5, 0)', 'all can be retried; a ticket that was deleted is done with');
SELECT is(pg_temp.ticket(12), 'dispatched | TOWN11 | assigned', 'and is there');

-- a ticket of a key that had a case already: the host deleted it and gave its number again
SET ROLE t161_host;
DELETE FROM t161.tk WHERE id = 4;
INSERT INTO t161.tk (id, body) VALUES (4, '东门街道噪音');
RESET ROLE;
SELECT is((SELECT count(*) || ' ' || min(c.body) FROM triage.cases c WHERE c.external_ref = '4'), '1 西山镇水管爆裂', 'a key given again makes no second case');
SELECT is(pg_temp.ticket(4), 'dispatched | TOWN12 | assigned', 'and its ticket shows the one that there is');
SELECT triage.report('oa', '东门街道噪音', external_ref => '94') \g /dev/null
SET ROLE t161_host;
INSERT INTO t161.tk (id, body) VALUES (94, '东门街道噪音');
RESET ROLE;
SELECT is((SELECT count(*) FROM triage.cases c WHERE c.external_ref = '94'), 1::bigint, 'nor does a reference that was reported before');
SELECT is(pg_temp.ticket(94), 'dispatched | TOWN11 | assigned', 'and this ticket shows it too');
SELECT doesnt_match(coalesce(pg_temp.errors(), ''), '(^|; )(4|94) ', 'neither is an error');

-- the error table fails too: the server's log is what is left
CREATE TRIGGER boom BEFORE INSERT ON triage.intake_errors FOR EACH ROW EXECUTE FUNCTION t161.boom();
SELECT is(pg_temp.break_at('cases', 13), 'no case | - | new', 'the case and the record of it cannot be written: the ticket is');
DROP TRIGGER boom ON triage.intake_errors;

-- what may pass by itself is queued
CREATE FUNCTION pg_temp.queue() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
	SELECT string_agg(concat_ws(' ', q.ticket, q.job, q.tries, q.last_error), '; ' ORDER BY q.queue_id) FROM triage.host_queue q
$$;
SET t161.code = '40P01';
SELECT is(pg_temp.break_at('cases', 14), 'no case | - | new', 'a deadlock that is ours: the ticket is written');
SELECT is(pg_temp.queue(), '14 take_in 0', 'and queued');
SELECT triage.tick() \g /dev/null
SELECT is(pg_temp.ticket(14), 'dispatched | TOWN11 | assigned', 'the next turn takes it in');
SELECT is(pg_temp.queue(), NULL::text, 'and the queue is empty');

-- so is having no memory, wherever it runs out
SET t161.code = '53200';
SET t161.text = 'out of memory';
SELECT is(pg_temp.break_at(b.t, b.n, b.col), 'no case | - | new', format('no memory at %s: the ticket is written', b.t))
	FROM (VALUES (1, 'cases', 70, NULL), (2, 'case_refs', 71, 'external_ref'), (3, 'host_tickets', 72, 'ticket')) b(nr, t, n, col) ORDER BY b.nr;
SELECT is(pg_temp.queue(), '70 take_in 0; 71 take_in 0; 72 take_in 0', 'and queued');
-- where there is none for the row of the queue either, the server's log is what is left
CREATE TRIGGER boom BEFORE INSERT ON triage.host_queue FOR EACH ROW EXECUTE FUNCTION t161.boom();
SELECT is(pg_temp.break_at('cases', 73), 'no case | - | new', 'none for the queue either: the ticket is written');
DROP TRIGGER boom ON triage.host_queue;
-- while the case is shown: by a trigger of the host that answers our writing
CREATE TRIGGER boom BEFORE UPDATE ON t161.tk FOR EACH ROW EXECUTE FUNCTION t161.boom();
SET ROLE t161_host;
INSERT INTO t161.tk (id, body) VALUES (74, '东门街道噪音');
RESET ROLE;
DROP TRIGGER boom ON t161.tk;
SELECT is(pg_temp.ticket(74), 'no case | - | new', 'none to show the case in the ticket: it is written');
SELECT is(pg_temp.queue(), '70 take_in 0; 71 take_in 0; 72 take_in 0; 74 take_in 0', 'and waits with the others');
-- while a verb is carried out
CREATE TRIGGER boom BEFORE UPDATE ON triage.cases FOR EACH ROW EXECUTE FUNCTION t161.boom();
SET ROLE t161_host;
UPDATE t161.tk SET status = 'open' WHERE id = 12;
RESET ROLE;
DROP TRIGGER boom ON triage.cases;
SELECT is(pg_temp.ticket(12), 'dispatched | TOWN11 | open', 'none for a verb: the host''s change stands');
SELECT triage.tick() \g /dev/null
SELECT is((SELECT string_agg(pg_temp.ticket(n), ', ' ORDER BY n) FROM unnest('{12,70,71,72,73,74}'::int[]) n),
	'accepted | TOWN11 | open, dispatched | TOWN11 | assigned, dispatched | TOWN11 | assigned, dispatched | TOWN11 | assigned, no case | - | new, dispatched | TOWN11 | assigned', 'the next turn does all that was kept');
SELECT is(pg_temp.queue(), NULL::text, 'and the queue is empty');
SELECT is(pg_temp.errors(), NULL::text, 'none of it needs a person');
SET ROLE t161_host;
DELETE FROM t161.tk WHERE id >= 70;
RESET ROLE;
SET t161.text = 'out of order';
-- an allocation that the server refuses by its size
SET t161.code = '54000';
SELECT is(pg_temp.break_at('cases', 75), 'no case | - | new', 'more than a value can hold: the ticket is written');
SELECT matches(pg_temp.errors(), '75 host:take_in 54000 out of order$', 'and recorded, for it will not pass by itself');
SELECT results_eq('SELECT * FROM triage.retry_intake()', 'VALUES (1, 0)', 'when it was mended it is taken in');
SET ROLE t161_host;
DELETE FROM t161.tk WHERE id = 75;
RESET ROLE;

-- the host's own table refuses what we write: the case stands, the ticket is as it was
SET ROLE t161_host;
ALTER TABLE t161.tk ADD CONSTRAINT no_town11 CHECK (dept <> 'TOWN11') NOT VALID;
INSERT INTO t161.tk (id, body) VALUES (15, '东门街道噪音');
ALTER TABLE t161.tk DROP CONSTRAINT no_town11;
RESET ROLE;
SELECT is(pg_temp.ticket(15), 'dispatched | - | new', 'where only the showing fails the case stands');
SELECT matches(pg_temp.errors(), '15 host:show 23514 new row for relation "tk" violates check constraint "no_town11"$', 'and that is recorded');
SELECT results_eq('SELECT * FROM triage.retry_intake()', 'VALUES (1, 0)', 'it can be shown later');
SELECT is(pg_temp.ticket(15), 'dispatched | TOWN11 | assigned', 'and is');

-- ---- time ----
CREATE FUNCTION t161.slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); RETURN new; END $$;
CREATE FUNCTION t161.slow_twice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	BEGIN PERFORM pg_sleep(30); EXCEPTION WHEN query_canceled THEN PERFORM pg_sleep(30); END;
	RETURN new;
END $$;
SET triage.host_timeout = 100;
CREATE TRIGGER slow BEFORE INSERT ON triage.cases FOR EACH ROW EXECUTE FUNCTION t161.slow();
INSERT INTO t161.tk (id, body) VALUES (20, '东门街道噪音');
SELECT is(pg_temp.ticket(20), 'no case | - | new', 'past triage.host_timeout the ticket is written');
SELECT is(pg_temp.queue(), '20 take_in 0', 'and queued');
DROP TRIGGER slow ON triage.cases;
CREATE TRIGGER slow BEFORE INSERT ON triage.cases FOR EACH ROW EXECUTE FUNCTION t161.slow_twice();
INSERT INTO t161.tk (id, body) VALUES (21, '东门街道噪音');
SELECT is(pg_temp.ticket(21), 'no case | - | new', 'also where somebody catches the cancel');
DROP TRIGGER slow ON triage.cases;
-- a second try has what the first has left of the time: 200 of 500 ms are gone when showing fails, and 400 more are none it has
CREATE SEQUENCE t161.tries;
CREATE FUNCTION t161.slower() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.2 * nextval('t161.tries')); RETURN new; END $$;
CREATE TRIGGER slow BEFORE INSERT ON triage.cases FOR EACH ROW EXECUTE FUNCTION t161.slower();
CREATE TRIGGER boom BEFORE UPDATE ON t161.tk FOR EACH ROW EXECUTE FUNCTION t161.boom();
SET t161.code = 'XX000';
SET triage.host_timeout = 500;
INSERT INTO t161.tk (id, body) VALUES (95, '东门街道噪音');
SELECT is(pg_temp.ticket(95), 'no case | - | new', 'all tries together have triage.host_timeout');
DROP TRIGGER boom ON t161.tk;
DROP TRIGGER slow ON triage.cases;
DELETE FROM t161.tk WHERE id = 95;
DELETE FROM triage.intake_errors e WHERE e.payload ->> 'ticket' = '95';
DELETE FROM triage.host_queue q WHERE q.ticket = '95';
-- the host's own limit is the host's
CREATE TRIGGER slow BEFORE INSERT ON triage.cases FOR EACH ROW EXECUTE FUNCTION t161.slow();
SET triage.host_timeout = 20000;
SET statement_timeout = 100;
\set VERBOSITY sqlstate
\set ON_ERROR_STOP off
INSERT INTO t161.tk (id, body) VALUES (22, '东门街道噪音');
\set ON_ERROR_STOP on
RESET statement_timeout;
SELECT is(:'LAST_ERROR_SQLSTATE' || ' ' || (SELECT count(*) FROM t161.tk WHERE id = 22), '57014 0', 'statement_timeout is the host''s own: it passes through');
DROP TRIGGER slow ON triage.cases;
-- so is a cancel
CREATE FUNCTION t161.cancel() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_cancel_backend(pg_backend_pid()), pg_sleep(30); RETURN new; END $$;
CREATE TRIGGER slow BEFORE INSERT ON triage.cases FOR EACH ROW EXECUTE FUNCTION t161.cancel();
\set ON_ERROR_STOP off
INSERT INTO t161.tk (id, body) VALUES (23, '东门街道噪音');
\set ON_ERROR_STOP on
SELECT is(:'LAST_ERROR_SQLSTATE' || ' ' || (SELECT count(*) FROM t161.tk WHERE id = 23), '57014 0', 'and a cancel by the user his');
DROP TRIGGER slow ON triage.cases;
RESET triage.host_timeout;
SELECT triage.tick() \g /dev/null
SELECT is(pg_temp.ticket(20) || ', ' || pg_temp.ticket(21), 'dispatched | TOWN11 | assigned, dispatched | TOWN11 | assigned', 'what was queued is taken in');

-- ---- verbs that cannot be ----
SET ROLE t161_host;
UPDATE t161.tk SET status = 'open' WHERE id = 1;
UPDATE t161.tk SET status = 'open' WHERE id = 1;
RESET ROLE;
SELECT is((SELECT pg_temp.verbs(t.case_id) FROM triage.host_tickets t WHERE t.ticket = '1'), 'report accept', 'the same again is no verb');
SET ROLE t161_host;
UPDATE t161.tk SET remark = '看过', status = 'done' WHERE id = 2;
UPDATE t161.tk SET remark = '看过', status = 'done' WHERE id = 6;
RESET ROLE;
SELECT is((SELECT pg_temp.verbs(t.case_id) FROM triage.host_tickets t WHERE t.ticket = '2'), 'report accept feed_back finish resolve', 'who reports has taken it, who resolves answers for those who assist');
SELECT is(pg_temp.ticket(2), 'review | TOWN11 | done', 'and the ticket shows how the case stands');
SELECT matches(pg_temp.errors(), '6 host:feed_back TR001 .*6 host:resolve TR001 ', 'what is not possible yet is recorded');
SELECT is(pg_temp.ticket(6), 'triage | CENTRE | done', 'the host''s statement stands');

-- ---- the host goes its way ----
SET ROLE t161_host;
DELETE FROM t161.tk WHERE id = 14;
RESET ROLE;
SELECT triage.accept(t.case_id, 'TOWN11') FROM triage.host_tickets t WHERE t.ticket = '14' \g /dev/null
SELECT triage.tick() \g /dev/null
SELECT is(pg_temp.queue(), NULL::text, 'a ticket that was deleted follows nobody');
-- loops: a trigger of the host that writes whatever we write
SET ROLE t161_host;
CREATE FUNCTION t161.echo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE t161.tk SET remark = coalesce(remark, '') || 'x' WHERE id = new.id AND length(coalesce(remark, '')) < 5; RETURN NULL; END $$;
CREATE TRIGGER echo AFTER UPDATE ON t161.tk FOR EACH ROW EXECUTE FUNCTION t161.echo();
INSERT INTO t161.tk (id, body) VALUES (30, '东门街道噪音');
RESET ROLE;
SELECT is(pg_temp.ticket(30) || ' ' || (SELECT remark FROM t161.tk WHERE id = 30), 'dispatched | TOWN11 | assigned xxxxx', 'the host''s triggers answer our writing');
SELECT is((SELECT pg_temp.verbs(t.case_id) FROM triage.host_tickets t WHERE t.ticket = '30'), 'report', 'which we do not answer again');
SET ROLE t161_host;
DROP TRIGGER echo ON t161.tk;

-- migrations
ALTER TABLE t161.tk ADD COLUMN extra int, ALTER COLUMN dept TYPE text, ALTER COLUMN id TYPE bigint, ALTER COLUMN body TYPE varchar(100000) USING left(body, 1000);
INSERT INTO t161.tk (id, body) VALUES (40, '东门街道噪音');
SELECT is(pg_temp.ticket(40), 'dispatched | TOWN11 | assigned', 'columns that change their type are no trouble');
ALTER TABLE t161.tk RENAME TO tickets_of_old;
INSERT INTO t161.tickets_of_old (id, body) VALUES (41, '东门街道噪音');
SELECT is((SELECT concat_ws(' ', k.dept, k.status) FROM t161.tickets_of_old k WHERE id = 41), 'TOWN11 assigned', 'nor is another name of the table');
ALTER TABLE t161.tickets_of_old RENAME TO tk;
ALTER TABLE t161.tk DROP COLUMN due;
INSERT INTO t161.tk (id, body) VALUES (42, '东门街道噪音');
UPDATE t161.tk SET status = 'open' WHERE id = 41;
RESET ROLE;
SELECT is(pg_temp.ticket(42), 'no case | - | new', 'a column that we write is gone: the host goes on');
SELECT is((SELECT concat_ws(' ', b.state, b.problem) FROM triage.bindings b), 'broken write.due: column "due" does not exist', 'the binding says what is broken');
SELECT is((SELECT concat_ws(' | ', h.state, h.value) FROM triage.health() h WHERE h.item = 'host t161.tk'), 'bad | write.due: column "due" does not exist, 22 tickets, 1 wait', 'and so does health()');
SELECT triage.tick() \g /dev/null
SELECT is(pg_temp.queue(), '42 take_in 0 write.due: column "due" does not exist', 'the ticket waits');
SET ROLE t161_host;
ALTER TABLE t161.tk ADD COLUMN due date;
RESET ROLE;
SET triage.now = '2026-03-02 10:02+08';
SELECT triage.tick() \g /dev/null
SELECT is(pg_temp.ticket(42) || ' ' || (SELECT due FROM t161.tk WHERE id = 42), 'dispatched | TOWN11 | assigned 2026-03-04', 'the column is back, of another type: the ticket is taken in');
SELECT is((SELECT concat_ws(' ', b.state, b.problem) FROM triage.bindings b), 'active', 'and the binding is whole');
DROP ROLE IF EXISTS t161_gone;
UPDATE triage.bindings SET runs_as = 't161_gone';
INSERT INTO t161.tk (id, body) VALUES (43, '东门街道噪音');
SELECT is(pg_temp.ticket(43) || ' ' || (SELECT b.problem FROM triage.bindings b), 'no case | - | new role "t161_gone", as which it runs, does not exist', 'the role that it ran as is gone');
UPDATE triage.bindings SET runs_as = 't161_host';
SET triage.now = '2026-03-02 10:04+08';
SELECT triage.tick() \g /dev/null
SELECT is(pg_temp.ticket(43), 'dispatched | TOWN11 | assigned', 'and is back');
UPDATE triage.bindings SET state = 'off';
INSERT INTO t161.tk (id, body) VALUES (44, '东门街道噪音');
SELECT is(pg_temp.ticket(44), 'no case | - | new', 'a binding that is off does nothing');
UPDATE triage.bindings SET state = 'active';

-- ---- a further source of a case that is there ----
SELECT case_id AS c, number AS no FROM triage.report('v110', '东门街道漏水', reporter => 'r', external_ref => 'P7') \gset
SET ROLE t161_host;
INSERT INTO t161.tk (id, body, other) VALUES (50, '还在漏水', :'no'), (51, '又漏水', 'no such number');
RESET ROLE;
SELECT is((SELECT concat_ws(' ', t.case_id = :c, t.source_seq, k.no = :'no', k.dept) FROM triage.host_tickets t, t161.tk k WHERE t.ticket = '50' AND k.id = 50), 't 2 t TOWN11', 'a ticket that names a case is a further source of it');
SELECT is((SELECT c.report_count FROM triage.cases c WHERE c.case_id = :c), 2, 'and counted');
SELECT is((SELECT t.case_id <> :c FROM triage.host_tickets t WHERE t.ticket = '51'), true, 'one that names nothing we know is a case of its own');
SELECT triage.accept(:c, 'TOWN11') \g /dev/null
SELECT triage.resolve(:c, 'resolved', '水管已修好') \g /dev/null
SELECT triage.close_case(:c) \g /dev/null
SELECT triage.tick() \g /dev/null
SELECT is(pg_temp.ticket(50), 'closed | TOWN11 | closed', 'the ticket follows the case to its end');
SELECT is((SELECT string_agg(e.data->>'channel', ' ' ORDER BY e.seq) FROM triage.events e WHERE e.case_id = :c AND e.verb = 'inform'), 'v110 oa', 'both channels get the result');
SET ROLE t161_host;
INSERT INTO t161.tk (id, body, other) VALUES (52, '还在漏水', :'no');
RESET ROLE;
SELECT is((SELECT t.case_id <> :c FROM triage.host_tickets t WHERE t.ticket = '52'), true, 'a case that is closed takes no more sources');

-- two tickets of one case
SELECT triage.merge((SELECT case_id FROM triage.host_tickets WHERE ticket = '41'), (SELECT case_id FROM triage.host_tickets WHERE ticket = '40')) \g /dev/null
SELECT triage.tick() \g /dev/null
SELECT triage.accept(t.case_id, 'TOWN11') FROM triage.host_tickets t WHERE t.ticket = '40' \g /dev/null
SELECT is((SELECT string_agg(q.ticket, ' ' ORDER BY q.ticket) FROM triage.host_queue q), '40 41', 'what happens to a case is told to tickets of those merged into it');
SELECT triage.tick() \g /dev/null

-- in a stricter transaction
SET ROLE t161_host;
BEGIN ISOLATION LEVEL SERIALIZABLE;
INSERT INTO t161.tk (id, body) VALUES (60, '东门街道噪音');
SAVEPOINT a;
INSERT INTO t161.tk (id, body) VALUES (61, '东门街道噪音');
ROLLBACK TO a;
INSERT INTO t161.tk (id, body) VALUES (62, '东门街道噪音');
COMMIT;
RESET ROLE;
SELECT is((SELECT string_agg(t.ticket, ' ' ORDER BY t.ticket) FROM triage.host_tickets t WHERE t.ticket ^@ '6' AND length(t.ticket) = 2), '60 62', 'savepoints and isolation are the host''s');

SELECT ok(triage.detach('t161.tk'), 'detached');
DROP SCHEMA t161 CASCADE;
DROP ROLE t161_host;
SELECT * FROM finish();
