-- Statements that a session keeps were planned when it began, perhaps on the
-- day the system was installed: they must not read whole tables later.
-- Source: extension/base/spi.c, extension/hosts/show.c; functions with SET enable_seqscan
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

-- all that is done and asked all day; board(), kpi() and the like do read everything
CREATE FUNCTION pg_temp.day(n int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	c	bigint;
BEGIN
	c := (triage.report('v110', '东门街道广场舞噪音', reporter => 'r' || n, contact => '138' || (10000000 + n), external_ref => 'ref ' || n)).case_id;
	PERFORM triage.accept(c, 'TOWN11'), triage.arrive(c, 'TOWN11'), triage.feed_back(c, 'TOWN11', '到了');
	PERFORM triage.add_source(c, 'v110', 'again', 'q' || n, '139');
	PERFORM triage.accept(c, 'ENV'), triage.finish(c, 'ENV', '好');
	PERFORM triage.explain(c), triage.explain_json(c), triage.allowed_verbs(c), triage.work_order(c), triage.export_case(c), triage.same_matter(c);
	PERFORM count(*) FROM triage.chain(c);
	PERFORM count(*) FROM triage.inbox('TOWN11');
	PERFORM count(*) FROM triage.inbox('TOWN11', now(), 5);
	PERFORM count(*) FROM triage.overdue('Z11');
	PERFORM count(*) FROM triage.caller('138' || (10000000 + n));
	PERFORM count(*) FROM triage.changes(0, 10);
	PERFORM count(*) FROM triage.suggest_staff(c);
	PERFORM count(*) FROM triage.verify_history(c);
	PERFORM triage.resolve(c, 'resolved', '已到现场劝止，双方同意十点后不再播放');
	INSERT INTO t088.tk (id, body) VALUES (n, '东门街道噪音');
	PERFORM triage.accept(currval('triage.cases_case_id_seq'), 'TOWN11');
END
$$;
-- often enough for a plan to be kept
SELECT pg_temp.day(n) FROM generate_series(1, 10) n \g /dev/null
SELECT triage.tick() \g /dev/null
INSERT INTO triage.cases (channel, body, reporter, area) SELECT 'v110', '东门街道噪音 ' || i, 'r', 'Z12' FROM generate_series(1, 2000) i;
INSERT INTO t088.tk (id, body) SELECT i, '东门街道噪音' FROM generate_series(100, 700) i;
SELECT pg_stat_force_next_flush() \g /dev/null
BEGIN;
SELECT pg_temp.day(20) \g /dev/null
SELECT triage.tick() \g /dev/null
CREATE TEMP TABLE scans AS SELECT s.relname, s.seq_scan, s.seq_tup_read, s.idx_scan FROM pg_stat_xact_user_tables s WHERE s.schemaname IN ('triage', 't088');
COMMIT;
SELECT is((SELECT string_agg(format('%s %s of %s rows', s.relname, s.seq_scan, s.seq_tup_read), ', ' ORDER BY s.relname) FROM scans s WHERE s.seq_tup_read > 500), NULL,
	'no table that has grown is read from end to end');
SELECT cmp_ok((SELECT count(*) FROM scans s WHERE s.idx_scan > 0 AND s.relname IN ('cases', 'assignments', 'clocks', 'events', 'decisions', 'case_sources', 'tk')), '=', 7::bigint, 'all are read by their keys');
SELECT * FROM finish();
