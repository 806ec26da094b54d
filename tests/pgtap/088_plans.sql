-- Statements that a session keeps were planned when it began, perhaps on the
-- day the system was installed: they must not read whole tables later.
-- Source: extension/base/spi.c, extension/hosts/show.c
\ir include/helpers.psql
BEGIN;
\ir include/small.psql
INSERT INTO triage.channels (code, zh, en, kind, confirm_danger, needs_caller, allows_anonymous) VALUES ('desk', '工单', 'desk', 'host', false, false, true);
CREATE SCHEMA t088;
CREATE TABLE t088.tk (id int PRIMARY KEY, body text, dept text, due timestamptz, status text);
COMMIT;
SELECT triage.attach('t088.tk', '{"channel": "desk", "text": ["body"], "write": {"department": "dept", "due": "due", "status": "status"}}') \g /dev/null
INSERT INTO t088.tk (id, body) VALUES (0, '东门街道噪音');
-- they are small, and known to be
VACUUM ANALYZE;

CREATE FUNCTION pg_temp.day(n int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	c	bigint;
BEGIN
	c := (triage.report('v110', '东门街道广场舞噪音', reporter => 'r' || n, contact => '138' || (10000000 + n), external_ref => 'ref ' || n)).case_id;
	PERFORM triage.accept(c, 'TOWN11'), triage.arrive(c, 'TOWN11'), triage.feed_back(c, 'TOWN11', '到了');
	PERFORM triage.add_source(c, 'v110', 'again', 'q' || n, '139');
	PERFORM triage.accept(c, 'ENV'), triage.finish(c, 'ENV', '好');
	PERFORM triage.resolve(c, 'resolved', '已到现场劝止，双方同意十点后不再播放');
	INSERT INTO t088.tk (id, body) VALUES (n, '东门街道噪音');
	PERFORM triage.accept(currval('triage.cases_case_id_seq'), 'TOWN11');
END
$$;
SELECT pg_temp.day(n) FROM generate_series(1, 10) n \g /dev/null
SELECT triage.tick() \g /dev/null
SELECT pg_stat_force_next_flush() \g /dev/null
CREATE TEMP TABLE scans AS SELECT s.relname, s.seq_scan FROM pg_stat_xact_user_tables s WHERE false;
BEGIN;
SELECT pg_temp.day(20) \g /dev/null
SELECT triage.tick() \g /dev/null
INSERT INTO scans SELECT s.relname, s.seq_scan FROM pg_stat_xact_user_tables s WHERE s.schemaname IN ('triage', 't088');
COMMIT;
SELECT is((SELECT string_agg(format('%s %s', s.relname, s.seq_scan), ', ' ORDER BY s.relname) FROM scans s WHERE s.seq_scan > 0 AND s.relname IN
	('cases', 'case_refs', 'case_sources', 'case_signatures', 'decisions', 'assignments', 'clocks', 'clock_steps', 'events', 'deliveries', 'links', 'suggestions', 'host_tickets', 'tk')),
	NULL, 'no table that grows is read from end to end');
SELECT isnt((SELECT sum(1) FROM scans s WHERE s.relname IN ('cases', 'tk')), NULL, 'though they were read');
SELECT * FROM finish();
