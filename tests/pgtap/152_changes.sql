-- The cursor over all events: what it shows, to whom, in which order, and how
-- far it says that it has read.  Late commits: tests/isolation/specs/late_commit.spec.
-- Source: sql/58_changes.sql
\ir include/helpers.psql
BEGIN;
\ir include/small.psql
COMMIT;
CREATE ROLE t152_all; CREATE ROLE t152_town; CREATE ROLE t152_env; CREATE ROLE t152_none;
GRANT USAGE ON SCHEMA triage TO t152_all, t152_town, t152_env;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA triage TO t152_all, t152_town, t152_env;
SET triage.now = '2026-03-02 10:00+08';
SELECT (triage.report('v110', '广场舞噪音', 'Z11', reporter => 'Li')).case_id AS a \gset
SELECT (triage.report('v110', '有人持刀', 'Z12', reporter => 'Li')).case_id AS b \gset
INSERT INTO triage.members (role, duty, department, area) VALUES ('t152_all', 'admin', '', ''), ('t152_town', 'handler', 'TOWN11', ''), ('t152_env', 'handler', 'ENV', '');

CREATE FUNCTION pg_temp.seen(after bigint DEFAULT 0, max_rows int DEFAULT 1000) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(coalesce(c.case_id || '/' || c.seq || ' ' || c.verb, 'nothing'), ', ' ORDER BY c.cursor) FROM triage.changes(seen.after, seen.max_rows) c
$$;
SET ROLE t152_all;
SELECT is(pg_temp.seen(), format('%s/1 report, %s/1 report', :a, :b), 'from the beginning');
SELECT max(c.cursor) AS here FROM triage.changes() c \gset
SELECT is(pg_temp.seen(:here), NULL, 'nothing new');
RESET ROLE;
SET ROLE t152_town;
SELECT is(pg_temp.seen(), format('%s/1 report', :a), 'who takes part in one case sees one');
SELECT triage.accept(:a) \g /dev/null
SELECT is(pg_temp.seen(:here), format('%s/2 accept', :a), 'what came since');
RESET ROLE;
SET ROLE t152_env;
SELECT triage.finish(:a) \g /dev/null
RESET ROLE;
SET ROLE t152_all;
SELECT is(pg_temp.seen(:here, 1), format('%s/2 accept', :a), 'a page');
SELECT c.cursor AS next FROM triage.changes(:here, 1) c \gset
SELECT is(pg_temp.seen(:next), format('%s/3 finish', :a), 'and the next');
SELECT results_eq('SELECT c.verb, c.at FROM triage.changes(' || :next || ') c', $$VALUES ('finish', '2026-03-02 10:00+08'::timestamptz)$$, 'with its time');
RESET ROLE;

-- what was rolled back leaves a gap that nobody fills
BEGIN;
SET LOCAL ROLE t152_all;
SELECT triage.urge(:b) FROM generate_series(1, 3) \g /dev/null
ROLLBACK;
SELECT triage.report('v110', '水管漏水', 'Z12', reporter => 'Wu') \g /dev/null
SET ROLE t152_all;
SELECT matches(pg_temp.seen(:next), '^' || :a || '/3 finish, [0-9]+/1 report$', 'past a gap');
RESET ROLE;

-- ---- who sees little is told how far he has read ----
INSERT INTO triage.cases (channel, body, area, reporter, reported_at) SELECT 'v110', '广场舞噪音', 'Z12', 'Li' || g, triage.clock() FROM generate_series(1, 1200) g;
SELECT max(e.pos) AS last, count(*) AS events FROM triage.events e \gset
SET ROLE t152_town;
SELECT is(pg_temp.seen(:next), :a || '/3 finish, nothing', 'a row without a case');
SELECT is((SELECT c.cursor FROM triage.changes(:next) c WHERE c.case_id IS NULL), :last::bigint, 'which says how far');
SELECT is(pg_temp.seen(:last), NULL, 'and nothing after it');
RESET ROLE;
SET ROLE t152_all;
WITH RECURSIVE page AS (
	SELECT 0 AS n, 0::bigint AS cursor, 0::bigint AS read
	UNION ALL
	SELECT p.n + 1, x.cursor, p.read + x.read FROM page p, LATERAL (SELECT max(c.cursor) AS cursor, count(c.case_id) AS read FROM triage.changes(p.cursor, 100) c) x WHERE x.cursor IS NOT NULL
)
SELECT is(max(p.read), :events::bigint, 'page by page, each event once') FROM page p;
RESET ROLE;

-- ---- refusals ----
SELECT is(pg_temp.refusal('SELECT triage.changes(NULL)'), 'TR003 argument "after" must not be null or negative', 'a cursor');
SELECT is(pg_temp.refusal('SELECT triage.changes(-1)'), 'TR003 argument "after" must not be null or negative', 'of some sort');
SELECT is(pg_temp.refusal('SELECT triage.changes(0, 0)'), 'TR003 argument "max_rows" is out of range', 'and some rows');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT is(pg_temp.refusal('SELECT triage.changes()'), '0A000 changes() needs a primary server and isolation level READ COMMITTED', 'not by an old snapshot');
ROLLBACK;
SET ROLE t152_none;
SELECT matches(pg_temp.refusal('SELECT triage.changes()'), '^42501', 'for whom it was granted');
RESET ROLE;

SELECT * FROM finish();
DROP OWNED BY t152_all, t152_town, t152_env, t152_none;
DROP ROLE t152_all, t152_town, t152_env, t152_none;
