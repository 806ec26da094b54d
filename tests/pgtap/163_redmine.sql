-- The Redmine driver on tables of Redmine's shape: what it finds missing, what
-- it writes, what a journal entry means.  Redmine itself: tests/hosts/redmine.t.
-- Source: sql/63_redmine.sql, sql/63_redmine_attach.sql, extension/hosts/kept.c
\ir include/helpers.psql
BEGIN;
\ir include/small.psql
INSERT INTO triage.channels (code, zh, en, kind, confirm_danger, needs_caller, allows_anonymous) VALUES ('redmine', '红', 'Redmine', 'host', true, false, true);
COMMIT;

SELECT is(pg_temp.refusal($$SELECT * FROM triage.attach_redmine()$$), 'TR003 Redmine''s tables were not found', 'without Redmine there is nothing to attach to');

CREATE ROLE t163_host;
CREATE SCHEMA t163 AUTHORIZATION t163_host;
SET ROLE t163_host;
SET search_path = t163;
CREATE TABLE issues (id serial PRIMARY KEY, tracker_id int NOT NULL, project_id int NOT NULL, subject varchar NOT NULL DEFAULT '', description text, due_date date,
	category_id int, status_id int NOT NULL, assigned_to_id int, priority_id int NOT NULL, fixed_version_id int, author_id int NOT NULL, lock_version int NOT NULL DEFAULT 0,
	created_on timestamp, updated_on timestamp, start_date date, parent_id int, root_id int, lft int, rgt int, is_private boolean NOT NULL DEFAULT false, closed_on timestamp);
CREATE TABLE journals (id serial PRIMARY KEY, journalized_id int NOT NULL, journalized_type varchar(30) NOT NULL, user_id int NOT NULL, notes text,
	created_on timestamp NOT NULL, updated_on timestamp, private_notes boolean NOT NULL DEFAULT false);
CREATE TABLE journal_details (id serial PRIMARY KEY, journal_id int NOT NULL, property varchar(30) NOT NULL, prop_key varchar(30) NOT NULL, old_value text, value text);
CREATE TABLE issue_relations (id serial PRIMARY KEY, issue_from_id int NOT NULL, issue_to_id int NOT NULL, relation_type varchar NOT NULL, delay int, UNIQUE (issue_from_id, issue_to_id));
CREATE TABLE issue_statuses (id serial PRIMARY KEY, name varchar(30), is_closed boolean NOT NULL DEFAULT false, position int);
CREATE TABLE issue_categories (id serial PRIMARY KEY, project_id int NOT NULL, name varchar(60));
CREATE TABLE enumerations (id serial PRIMARY KEY, name varchar(30), position int, type varchar, active boolean NOT NULL DEFAULT true);
CREATE TABLE projects (id serial PRIMARY KEY, name varchar, description text, is_public boolean NOT NULL DEFAULT true, parent_id int, created_on timestamp, updated_on timestamp,
	identifier varchar, status int NOT NULL DEFAULT 1, lft int, rgt int);
CREATE TABLE enabled_modules (id serial PRIMARY KEY, project_id int, name varchar NOT NULL);
CREATE TABLE projects_trackers (project_id int NOT NULL, tracker_id int NOT NULL);
CREATE TABLE trackers (id serial PRIMARY KEY, name varchar(30), position int);
CREATE TABLE users (id serial PRIMARY KEY, login varchar NOT NULL DEFAULT '', firstname varchar(30) NOT NULL DEFAULT '', lastname varchar(255) NOT NULL DEFAULT '',
	admin boolean NOT NULL DEFAULT false, status int NOT NULL DEFAULT 1, language varchar(5), created_on timestamp, updated_on timestamp, type varchar, mail_notification varchar NOT NULL DEFAULT '');
CREATE TABLE groups_users (group_id int NOT NULL, user_id int NOT NULL);
CREATE TABLE members (id serial PRIMARY KEY, user_id int NOT NULL, project_id int NOT NULL, created_on timestamp);
CREATE TABLE member_roles (id serial PRIMARY KEY, member_id int NOT NULL, role_id int NOT NULL, inherited_from int);
CREATE TABLE roles (id serial PRIMARY KEY, name varchar(30), position int, assignable boolean, builtin int);
CREATE TABLE email_addresses (id serial PRIMARY KEY, user_id int NOT NULL, address varchar NOT NULL, is_default boolean NOT NULL DEFAULT false);
CREATE TABLE settings (id serial PRIMARY KEY, name varchar(255), value text);
CREATE TABLE custom_fields (id serial PRIMARY KEY, type varchar(30), name varchar(30));
CREATE TABLE custom_values (id serial PRIMARY KEY, customized_type varchar(30), customized_id int, custom_field_id int, value text);
CREATE TABLE time_entries (id serial PRIMARY KEY, project_id int NOT NULL, issue_id int);
INSERT INTO issue_statuses (name, is_closed, position) VALUES ('新建', false, 1), ('进行中', false, 2), ('已解决', false, 3), ('反馈', false, 4), ('已关闭', true, 5), ('已拒绝', true, 6);
INSERT INTO enumerations (name, position, type) VALUES ('低', 1, 'IssuePriority'), ('普通', 2, 'IssuePriority'), ('高', 3, 'IssuePriority');
INSERT INTO trackers (name, position) VALUES ('诉求', 1), ('任务', 2);
INSERT INTO projects (name, identifier, lft, rgt) VALUES ('受理', 'intake', 5, 6), ('东门街道办', 'town11', 3, 4), ('环保', 'env', 7, 8);
INSERT INTO enabled_modules (project_id, name) SELECT p.id, 'issue_tracking' FROM projects p;
INSERT INTO projects_trackers SELECT p.id, 1 FROM projects p;
INSERT INTO projects_trackers VALUES (1, 2);
INSERT INTO users (login, firstname, lastname, type) VALUES ('li', '李', '四', 'User'), ('zhang', '张', '三', 'User'), ('huan', '环', '保', 'User'), ('', '', '值班组', 'Group'), ('gone', 'g', 'g', 'User');
UPDATE users SET status = 3 WHERE login = 'gone';
INSERT INTO groups_users VALUES (4, 2);
INSERT INTO roles (name, position, assignable, builtin) VALUES ('办事员', 1, true, 0);
INSERT INTO members (user_id, project_id) VALUES (4, 2), (2, 2), (3, 3);
INSERT INTO issue_categories (project_id, name) VALUES (1, '扰民'), (2, '扰民'), (1, '环保');
INSERT INTO custom_fields (type, name) VALUES ('IssueCustomField', '电话');
RESET search_path;
RESET ROLE;

-- ---- what is missing ----
CREATE FUNCTION pg_temp.plan(mapping text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', a.item, a.state), ', ') FROM triage.attach_redmine(mapping::jsonb, dry_run => true) a
	WHERE a.state IN ('missing', 'problem') AND a.item !~ 'other departments'
$$;
SELECT is(pg_temp.plan('{}'), 'user triage missing', 'in Redmine''s own data only our user is missing, by Chinese names too');
SELECT is(pg_temp.plan('{"bot": "li", "departments": {"ENV": "nowhere", "TOWN": {"project": "town11", "assignee": "gone"}, "WATER": {"category": "x"}, "NOPE": "intake", "PSB": 7}}'),
	'department ENV project missing, department PSB problem, department NOPE problem, department TOWN assignee missing, department WATER category missing', 'departments');
SELECT is(pg_temp.plan('{"bot": "li", "statuses": {"accepted": "x"}, "verbs": {"新建": "x", "y": "accept"}, "outcome": "x", "outcomes": {"z": "resolved"}}'),
	'status for accepted missing, verb of status y problem, verb of status 新建 problem, outcome of status z problem, outcome x missing', 'statuses');
SELECT is(pg_temp.plan('{"bot": "li", "priorities": {"1": "x"}, "projects": ["x"], "trackers": ["x"], "fields": {"contact": "x", "x": "电话"}, "timezone": "x", "move": "x", "assists": "x", "contact": "x"}'),
	'assists problem, contact problem, move problem, priority U1 problem, project x problem, tracker x problem, field x problem, field contact problem, timezone problem', 'values');
SELECT is(pg_temp.refusal($$SELECT * FROM triage.attach_redmine('{"bot": "nobody"}')$$), 'TR003 Redmine is not ready to be attached: user nobody is missing', 'attaching raises what a dry run lists');
SELECT is(pg_temp.refusal($$SELECT * FROM triage.attach_redmine('[]')$$), 'TR003 argument "mapping" must be a JSON object', 'the mapping is an object');
SELECT is(pg_temp.refusal($$SELECT * FROM triage.attach_redmine('{"schema": "public"}')$$), 'TR003 Redmine''s tables were not found', 'a schema without them');
DO $$
DECLARE
	t	text;
BEGIN
	CREATE SCHEMA t163_copy;
	FOR t IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 't163'::regnamespace AND c.relkind = 'r' LOOP
		EXECUTE format('CREATE TABLE t163_copy.%1$I (LIKE t163.%1$I)', t);
	END LOOP;
END
$$;
SELECT is(pg_temp.refusal($$SELECT * FROM triage.attach_redmine()$$), 'TR003 several schemas hold Redmine''s tables', 'of two it does not choose one');
SELECT is((SELECT count(*) > 0 FROM triage.attach_redmine('{"schema": "t163"}', dry_run => true)), true, 'but takes the one that is named');
ALTER TABLE t163_copy.issues DROP COLUMN lock_version;
SELECT is((SELECT p #>> '{m,derived,schema}' FROM triage.redmine_plan_start('{}') p), 't163', 'nor one that lacks a column');
DROP SCHEMA t163_copy CASCADE;
CREATE ROLE t163_dba;
GRANT USAGE ON SCHEMA triage, t163 TO t163_dba;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA triage TO t163_dba;
GRANT SELECT ON ALL TABLES IN SCHEMA triage TO t163_dba;
SET ROLE t163_dba;
SELECT is((SELECT count(*) FROM triage.redmine_plan_rights(triage.redmine_plan_start('{}')) p, jsonb_array_elements(p -> 'items') i WHERE i.value ->> 2 LIKE 'GRANT%'), 24::bigint,
	'a role without rights is told the grants it needs');
RESET ROLE;
DROP OWNED BY t163_dba;
DROP ROLE t163_dba;

-- ---- attached ----
SELECT is((SELECT string_agg(concat_ws(' ', a.item, a.state), ', ') FROM triage.attach_redmine('{"create": true, "trackers": ["诉求"], "contact": "author", "fields": {"contact": "电话"},
	"departments": {"TOWN": {"project": "town11", "assignee": "值班组"}, "ENV": {"project": "env", "assignee": "huan"}, "T_SQUAD": {"project": "squad", "assignee": "zhang"}}}') a WHERE a.state = 'created'),
	'user triage created, department T_SQUAD project created, department T_SQUAD member created, privileges created, trigger created, trigger created', 'what is missing is made');
SELECT is((SELECT string_agg(format('%s %s-%s', p.identifier, p.lft, p.rgt), ', ' ORDER BY p.lft) FROM t163.projects p), 'squad 1-2, town11 5-6, intake 7-8, env 9-10',
	'a project stands in the order of names');
CREATE FUNCTION pg_temp.issue(subject text, more text DEFAULT '') RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	made	int;
BEGIN
	EXECUTE format('INSERT INTO t163.issues (tracker_id, project_id, subject, description, status_id, priority_id, author_id, created_on, updated_on, start_date)
		VALUES (1, 1, %L, %L, 1, 2, 1, clock_timestamp() AT TIME ZONE ''Asia/Kathmandu'', clock_timestamp() AT TIME ZONE ''Asia/Kathmandu'', current_date) RETURNING id', subject, more) INTO made;
	UPDATE t163.issues i SET root_id = i.id, lft = 1, rgt = 2, lock_version = 1 WHERE i.id = made;
	RETURN made;
END
$$;
-- an entry of a person's: notes, and [[key, old, new], ...]
CREATE FUNCTION pg_temp.entry(issue int, who text, notes text, details jsonb DEFAULT '[]', private boolean DEFAULT false) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	j	int;
	d	jsonb;
BEGIN
	FOR d IN SELECT e.value FROM jsonb_array_elements(details) e LOOP
		EXECUTE format('UPDATE t163.issues SET %I = %L, lock_version = lock_version + 1 WHERE id = %s', d ->> 0, d ->> 2, issue);
	END LOOP;
	INSERT INTO t163.journals (journalized_id, journalized_type, user_id, notes, created_on, private_notes)
		SELECT issue, 'Issue', u.id, notes, localtimestamp, private FROM t163.users u WHERE u.login = who RETURNING id INTO j;
	INSERT INTO t163.journal_details (journal_id, property, prop_key, old_value, value)
		SELECT j, 'attr', e.value ->> 0, e.value ->> 1, e.value ->> 2 FROM jsonb_array_elements(details) e;
END
$$;
CREATE FUNCTION pg_temp.verbs_of(issue int) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.verbs(h.case_id) FROM triage.host_tickets h WHERE h.ticket = issue::text
$$;
CREATE FUNCTION pg_temp.stands(issue int) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', p.identifier, u.login || u.lastname, s.name, e.name, i.category_id, i.tracker_id, 'v' || i.lock_version) FROM t163.issues i
	JOIN t163.projects p ON p.id = i.project_id JOIN t163.issue_statuses s ON s.id = i.status_id JOIN t163.enumerations e ON e.id = i.priority_id
	LEFT JOIN t163.users u ON u.id = i.assigned_to_id WHERE i.id = issue
$$;

SELECT pg_temp.issue('东门街道广场舞噪音', '夜里') AS one \gset
SELECT is(pg_temp.stands(:one), 'town11 值班组 新建 低 1 v2', 'a new issue is with the department of that kind, its version raised');
SELECT is((SELECT string_agg(concat_ws(' ', d.prop_key, d.old_value, d.value), ', ' ORDER BY d.id) FROM t163.journals j JOIN t163.journal_details d ON d.journal_id = j.id WHERE j.journalized_id = :one),
	format('project_id 1 2, assigned_to_id 4, due_date %s, priority_id 2 1', (SELECT i.due_date FROM t163.issues i WHERE i.id = :one)), 'with its entry');
SELECT is((SELECT j.updated_on = j.created_on FROM t163.journals j WHERE j.journalized_id = :one), true, 'that does not look edited');
SELECT is((SELECT b.mapping ->> 'offset_minutes' FROM triage.bindings b), '345', 'in the time that Redmine writes, also of a zone of three quarters');
SELECT ok((SELECT j.created_on BETWEEN i.created_on AND i.created_on + interval '1 minute' FROM t163.issues i JOIN t163.journals j ON j.journalized_id = i.id WHERE i.id = :one), 'as the entry shows');
INSERT INTO t163.issues (tracker_id, project_id, subject, status_id, priority_id, author_id, created_on) VALUES (2, 1, '另一类', 1, 2, 1, now()), (1, 1, '关闭的', 5, 2, 1, now());
SELECT is((SELECT count(*) FROM triage.host_tickets), 1::bigint, 'an issue of another tracker or a closed one is none of ours');

-- ---- what entries mean ----
SELECT pg_temp.entry(:one, 'li', '补充：东门小学旁', '[]') \g /dev/null
SELECT pg_temp.entry(:one, 'huan', '别的部门', '[]') \g /dev/null
SELECT pg_temp.entry(:one, 'zhang', '内部', '[]', true) \g /dev/null
SELECT is(pg_temp.verbs_of(:one), 'report append_text accept', 'the author adds, a stranger does nothing, a private note of the department accepts and is no feedback');
SELECT pg_temp.entry(:one, 'zhang', '已劝离', '[]') \g /dev/null
SELECT pg_temp.entry(:one, 'zhang', NULL, '[["status_id", "1", "2"]]') \g /dev/null
SELECT pg_temp.entry(:one, 'zhang', '已约定时间', '[["status_id", "2", "3"]]') \g /dev/null
SELECT is(pg_temp.verbs_of(:one), 'report append_text accept feed_back finish resolve', 'a note is feedback, resolving ends the part of who assists');
SELECT pg_temp.entry(:one, 'zhang', '又响了', '[["status_id", "3", "2"]]') \g /dev/null
SELECT is(pg_temp.verbs_of(:one), 'report append_text accept feed_back finish resolve review', 'opened again before it is closed: not passed');
SELECT is((SELECT c.status FROM triage.cases c JOIN triage.host_tickets h USING (case_id) WHERE h.ticket = :'one'), 'in_progress', 'and goes on');
SELECT pg_temp.entry(:one, 'zhang', '好了', '[["status_id", "2", "5"]]') \g /dev/null
SELECT is((SELECT c.status FROM triage.cases c JOIN triage.host_tickets h USING (case_id) WHERE h.ticket = :'one'), 'closed', 'closing resolves and closes');
SELECT is(pg_temp.stands(:one) ~ '已关闭', true, 'the issue stays closed');
SELECT pg_temp.entry(:one, 'zhang', '再来', '[["status_id", "5", "1"]]') \g /dev/null
SELECT is((SELECT c.status FROM triage.cases c JOIN triage.host_tickets h USING (case_id) WHERE h.ticket = :'one'), 'dispatched', 'and is reopened');

SELECT pg_temp.issue('东门街道广场舞噪音') AS two \gset
SELECT pg_temp.entry(:two, 'zhang', '不属于我们', '[["status_id", "1", "6"]]') \g /dev/null
SELECT is((SELECT c.status FROM triage.cases c JOIN triage.host_tickets h USING (case_id) WHERE h.ticket = :'two'), 'return_requested', 'rejecting asks to return it');
SELECT pg_temp.issue('东门街道吵架纠纷') AS three \gset
SELECT pg_temp.entry(:three, 'zhang', '环保的事', '[["project_id", "2", "3"]]') \g /dev/null
SELECT is((SELECT pg_temp.parties(h.case_id) FROM triage.host_tickets h WHERE h.ticket = :'three'), 'TOWN11 lead accepted, TEAM11 on_scene offered, ENV assist offered', 'moving it passes it on');
SELECT is(split_part(pg_temp.stands(:three), ' ', 1), 'env', 'and it stays where it was put');
SELECT is((SELECT string_agg(e.stage || ' ' || e.message, E'\n') FROM triage.intake_errors e), NULL::text, 'no error');

-- ---- where it must not go ----
UPDATE t163.projects SET is_public = false WHERE identifier = 'town11';
SELECT pg_temp.issue('东门街道广场舞噪音') AS four \gset
SELECT is((SELECT split_part(pg_temp.stands(:four), ' ', 1) || ' ' || (j.notes ~ '不公开') FROM t163.journals j WHERE j.journalized_id = :four), 'intake true', 'not out of its author''s sight');
UPDATE t163.projects SET is_public = true WHERE identifier = 'town11';
DELETE FROM t163.enabled_modules WHERE project_id = 2;
SELECT pg_temp.issue('东门街道广场舞噪音') AS five \gset
SELECT is(split_part(pg_temp.stands(:five), ' ', 1), 'intake', 'not where no issues are');
INSERT INTO t163.enabled_modules (project_id, name) VALUES (2, 'issue_tracking');
UPDATE t163.users SET status = 3 WHERE lastname = '值班组';
SELECT pg_temp.issue('东门街道广场舞噪音') AS six \gset
SELECT is(pg_temp.stands(:six), 'town11 新建 低 1 v2', 'not to somebody who is locked');
SELECT is(triage.host_missing('t163.issues') ~ '^the person or group of department \S+ is locked or gone$', true, '... which health() tells');
UPDATE t163.users SET status = 1 WHERE lastname = '值班组';
SELECT is(triage.host_missing('t163.issues'), NULL::text, '... no longer when they are back');

-- ---- relations ----
SELECT triage.link_case(a.case_id, b.case_id) FROM triage.host_tickets a, triage.host_tickets b WHERE a.ticket = :'six' AND b.ticket = :'four' \g /dev/null
SELECT triage.tick() \g /dev/null
SELECT triage.tick() \g /dev/null
SELECT is((SELECT count(*) FROM t163.issue_relations), 0::bigint, 'no relation between projects where Redmine has none');
SELECT is((SELECT count(*) FROM t163.journals j WHERE j.journalized_id = :six AND j.notes ~ ('#' || :four)), 1::bigint, 'words, once');
INSERT INTO t163.settings (name, value) VALUES ('cross_project_issue_relations', '1');
SELECT triage.link_case(a.case_id, b.case_id) FROM triage.host_tickets a, triage.host_tickets b WHERE a.ticket = :'six' AND b.ticket = :'five' \g /dev/null
SELECT triage.tick() \g /dev/null
SELECT is((SELECT string_agg(concat_ws(' ', r.issue_from_id, r.relation_type, r.issue_to_id), ', ') FROM t163.issue_relations r), format('%s relates %s', :six, :five), 'a relation where it has');
SELECT is((SELECT count(*) FROM t163.journal_details d WHERE d.property = 'relation'), 2::bigint, 'in both histories');

-- ---- private notes, categories, the centre's choice ----
SELECT is((SELECT string_agg(a.item, ', ') FROM triage.attach_redmine('{"private_notes": true, "move": "request_return", "assists": "wait", "departments": {"TOWN": {"category": "扰民"}, "ENV": {"category": "环保"}}}') a WHERE a.state = 'problem'), NULL::text,
	'attached another way: departments are categories');
SELECT pg_temp.issue('东门街道广场舞噪音') AS seven \gset
SELECT is(pg_temp.stands(:seven), 'intake 新建 低 1 1 v2', 'the category is set, the project stays');
SELECT is((SELECT string_agg(concat_ws(' ', j.private_notes, j.notes IS NOT NULL, (SELECT count(*) FROM t163.journal_details d WHERE d.journal_id = j.id)), ', ' ORDER BY j.id) FROM t163.journals j WHERE j.journalized_id = :seven),
	'f f 3, t t 0', 'what changed is for all, the words are private');
SELECT pg_temp.entry(:seven, 'zhang', '归环保', '[["category_id", "1", "3"]]') \g /dev/null
SELECT is((SELECT c.status || ' ' || (e.data ->> 'proper_department') FROM triage.cases c JOIN triage.host_tickets h USING (case_id) JOIN triage.events e USING (case_id) WHERE h.ticket = :'seven' AND e.verb = 'request_return'),
	'return_requested ENV', 'another category asks the centre');

-- ---- what was there before, words in fields of Redmine's own ----
INSERT INTO t163.issues (tracker_id, project_id, subject, status_id, priority_id, author_id, created_on, updated_on, start_date)
	SELECT 1, 1, '东门街道广场舞噪音 ' || n, CASE n WHEN 3 THEN 5 ELSE 1 END, 2, 1, t.t, t.t, t.t::date
	FROM generate_series(1, 4) n, LATERAL (SELECT clock_timestamp() AT TIME ZONE 'Asia/Kathmandu' - n * interval '2 hours') t(t);
SELECT is((SELECT count(*) FROM triage.host_tickets h JOIN t163.issues i ON i.id = h.ticket::int WHERE i.subject ~ ' [0-9]$'), 3::bigint, 'issues with an older date come in too');
SELECT is((SELECT string_agg((extract(epoch FROM clock_timestamp() - c.reported_at) / 3600)::int::text, ' ' ORDER BY c.reported_at DESC) FROM triage.cases c JOIN triage.host_tickets h USING (case_id)
	JOIN t163.issues i ON i.id = h.ticket::int WHERE i.subject ~ ' [0-9]$'), '2 4 8', 'reported when they were made');
ALTER TABLE t163.issues DISABLE TRIGGER USER;
INSERT INTO t163.issues (tracker_id, project_id, subject, status_id, priority_id, author_id, created_on, updated_on, start_date, lft, rgt)
	SELECT 1, 1, '东门街道吵架 ' || n, CASE n WHEN 3 THEN 5 ELSE 1 END, 2, 1, t.t, t.t, t.t::date, 1, 2
	FROM generate_series(1, 50) n, LATERAL (SELECT clock_timestamp() AT TIME ZONE 'Asia/Kathmandu' - n * interval '1 hour') t(t);
INSERT INTO t163.custom_values (customized_type, customized_id, custom_field_id, value) SELECT 'Issue', i.id, 1, '13900000009' FROM t163.issues i WHERE i.subject = '东门街道吵架 1';
ALTER TABLE t163.issues ENABLE TRIGGER USER;
SELECT is((SELECT string_agg(a.item, ', ') FROM triage.attach_redmine('{"fields": {"contact": "电话"}, "departments": {"TOWN": {"project": "town11"}}}', backfill => '24 hours 30 minutes') a WHERE a.state = 'problem'), NULL::text, 'attached with a back-fill');
SELECT triage.tick() \g /dev/null
SELECT is((SELECT concat_ws(' ', b.backfill_state, count(*)) FROM triage.bindings b, triage.host_tickets h JOIN t163.issues i ON i.id = h.ticket::int WHERE i.subject ~ '^东门街道吵架 [0-9]+$' GROUP BY b.backfill_state), 'done 23',
	'the open issues of the last day and a half hour');
SELECT is((SELECT count(*) FROM t163.issues i WHERE i.subject ~ '^东门街道吵架 [0-9]+$' AND i.project_id = 2), 23::bigint, 'are where they belong');
SELECT is((SELECT c.contact FROM triage.cases c JOIN triage.host_tickets h USING (case_id) JOIN t163.issues i ON i.id = h.ticket::int WHERE i.subject = '东门街道吵架 1'), '13900000009', 'a custom field tells the caller''s number');

-- ---- Redmine changes ----
ALTER TABLE t163.issues DROP COLUMN lock_version;
INSERT INTO t163.issues (tracker_id, project_id, subject, status_id, priority_id, author_id, created_on) VALUES (1, 1, '东门街道广场舞噪音', 1, 2, 1, localtimestamp) RETURNING id AS eight \gset
SELECT is((SELECT i.project_id FROM t163.issues i WHERE i.id = :eight), 1, 'a column that we write is gone: the issue stays as it was made');
SELECT is((SELECT count(*) FROM triage.intake_errors e WHERE e.message ~ 'lock_version') + (SELECT count(*) FROM triage.host_queue q WHERE q.last_error ~ 'lock_version'), 1::bigint, 'and it is told why');

-- ---- kept_row() ----
SELECT is(triage.kept_row('SELECT to_jsonb($1::int + $2::int)', '1', '2'), '3'::jsonb, 'kept_row() runs a statement');
SELECT is(triage.kept_row('SELECT to_jsonb($1::int + $2::int)', '1', NULL), NULL::jsonb, 'a null');
SELECT is(pg_temp.refusal($$SELECT triage.kept_row('SELECT 1', 'x')$$), '42804 the statement must return one column of type jsonb', 'which returns jsonb');
SELECT is(pg_temp.refusal($$SELECT triage.kept_row('SELECT to_jsonb(1/0)', 'x')$$), '22012 division by zero', 'its error is its own');
SELECT is(pg_temp.refusal($$SELECT triage.kept_row('SELECT to_jsonb(1)', VARIADIC array_fill('x'::text, ARRAY[33]))$$), '54023 a kept statement has at most 32 values', 'not without end');
CREATE ROLE t163_low;
GRANT USAGE ON SCHEMA triage, t163 TO t163_low;
GRANT EXECUTE ON FUNCTION triage.kept_row(text, text[]) TO t163_low;
SELECT is(triage.kept_row('SELECT to_jsonb(count(*)) FROM t163.users WHERE id > $1::int', '0') > '0', true, 'somebody may read a table');
SET ROLE t163_low;
SELECT is(pg_temp.refusal($$SELECT triage.kept_row('SELECT to_jsonb(count(*)) FROM t163.users WHERE id > $1::int', '0')$$), '42501 permission denied for table users', 'his plan gives another nothing');
RESET ROLE;
DROP OWNED BY t163_low;
DROP ROLE t163_low;

SELECT ok(triage.detach('t163.issues'), 'detach()');
DROP SCHEMA t163 CASCADE;
DROP OWNED BY t163_host;
DROP ROLE t163_host;
SELECT * FROM finish();
