-- Whoever operates the installation: who may, and that changes made by others are seen.
-- Source: sql/40_courier.sql, extension/base/catalog.c
\ir include/helpers.psql
BEGIN;
\ir include/small.psql
COMMIT;

CREATE ROLE t085_admin;
CREATE ROLE t085_handler;
CREATE ROLE t085_owner;
GRANT USAGE ON SCHEMA triage TO t085_admin, t085_handler, t085_owner;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA triage TO t085_admin, t085_handler, t085_owner;

-- ---- operations are for administrators once there are members ----

INSERT INTO triage.endpoints (code, url) VALUES ('e085', 'http://127.0.0.1:1/');
INSERT INTO triage.deliveries (case_id, delivery_id, endpoint, event_seq, type, state, created_at, next_attempt_at, payload, done_at)
	VALUES (1, '00000000-0000-4000-8000-000000000085', 'e085', 1, 'x', 'dead', now(), now(), 'x', now());
CREATE TEMP TABLE operation(call) AS VALUES
	($$SELECT triage.set_secret('e085', convert_to(repeat('s', 32), 'UTF8'))$$),
	($$SELECT triage.replay_delivery('00000000-0000-4000-8000-000000000085')$$),
	($$SELECT triage.cancel_delivery('00000000-0000-4000-8000-000000000085')$$),
	($$SELECT triage.replay_deliveries('e085', '-infinity', 'infinity')$$),
	($$SELECT triage.stop_workers(false)$$),
	($$SELECT triage.start_workers()$$);
GRANT SELECT ON operation TO t085_admin, t085_handler, t085_owner;

SET ROLE t085_handler;
SELECT is(pg_temp.refusal(o.call), NULL, 'without members EXECUTE is enough: ' || o.call) FROM operation o;
RESET ROLE;
INSERT INTO triage.members (role, duty, department, area) VALUES ('t085_admin', 'admin', '', ''), ('t085_handler', 'handler', 'TOWN11', '');
SET ROLE t085_handler;
SELECT matches(pg_temp.refusal(o.call), '^TR002 (?!.*NO HINT)', 'with members a handler may not: ' || o.call) FROM operation o;
RESET ROLE;
SET ROLE t085_admin;
SELECT is(pg_temp.refusal(o.call), NULL, 'an administrator may: ' || o.call) FROM operation o;
RESET ROLE;
UPDATE triage.members SET active = false WHERE role = 't085_admin';
SET ROLE t085_admin;
SELECT matches(pg_temp.refusal(o.call), '^TR002 ', 'not any more: ' || o.call) FROM operation o;
RESET ROLE;
SELECT is(pg_temp.refusal(o.call), NULL, 'a superuser may: ' || o.call) FROM operation o;

-- ---- INSERT for a role: what the README grants lets nobody choose a case's id ----

CREATE ROLE t085_writer;
GRANT USAGE ON SCHEMA triage TO t085_writer;
GRANT INSERT (channel, external_ref, reported_at, reporter, contact, body, area, address, location, case_type, attrs) ON triage.cases TO t085_writer;
SET ROLE t085_writer;
SELECT is(pg_temp.refusal($$INSERT INTO triage.cases (channel, body, area, reporter) VALUES ('v110', '水管漏水', 'Z11', 'r085')$$), NULL, 'a report by INSERT');
SELECT matches(pg_temp.refusal($$INSERT INTO triage.cases (case_id, channel, body, area, reporter) VALUES (1000000000, 'v110', '水管漏水', 'Z11', 'r')$$), '^42501 ', 'not with an id');
SELECT matches(pg_temp.refusal($$INSERT INTO triage.cases (status, channel, body, area, reporter) VALUES ('closed', 'v110', '水管漏水', 'Z11', 'r')$$), '^42501 ', 'nor with a state');
RESET ROLE;
SELECT is((SELECT count(*) FROM triage.cases c WHERE c.reporter = 'r085' AND c.lead IS NOT NULL), 1::bigint, 'which is a case like others');

-- ---- the owner of the tables changes ----

GRANT CREATE ON SCHEMA triage TO t085_owner;
SET ROLE t085_owner;
SELECT matches(pg_temp.refusal('SELECT triage.tick(triage.clock() + interval ''1 day'')'), '^TR002', 'tick() ahead of time is not for everybody');
RESET ROLE;
DO $$
DECLARE
	t	regclass;
BEGIN
	FOR t IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'triage'::regnamespace AND c.relkind = 'r' LOOP
		EXECUTE format('ALTER TABLE %s OWNER TO t085_owner', t);
	END LOOP;
END
$$;
SET ROLE t085_owner;
SELECT is(pg_temp.refusal('SELECT triage.tick(triage.clock() + interval ''1 day'')'), NULL, 'who owns the tables now may, in a session that knew the old owner');
RESET ROLE;

SELECT * FROM finish();
