-- A governance database of somebody's own: Chinese names, a key of two
-- columns, a partition a month, rows of before; HTML, codes of its own, an
-- owner who is no superuser; and mappings that do not fit.
-- Source: extension/hosts/mapping.c, ticket.c, attach.c, backfill.c
\ir include/helpers.psql
BEGIN;
\ir include/small.psql
INSERT INTO triage.channels (code, zh, en, kind, confirm_danger, needs_caller, allows_anonymous) VALUES
	('gov', '治理', 'governance', 'host', true, false, true), ('gov2', '治理二', 'governance 2', 'host', true, false, true);
COMMIT;
SET triage.now = '2026-03-02 10:00+08';

-- the town's application owns its tables; another role looks after the plug-in
CREATE ROLE t162_app;
CREATE ROLE t162_plugin;
GRANT USAGE ON SCHEMA triage TO t162_plugin;
GRANT EXECUTE ON FUNCTION triage.attach(regclass, jsonb, interval, boolean), triage.detach(regclass) TO t162_plugin;
CREATE SCHEMA 治理 AUTHORIZATION t162_app;
SET ROLE t162_app;
CREATE TABLE 治理.单位 (编号 int PRIMARY KEY, 名称 text);
INSERT INTO 治理.单位 VALUES (11, '东门'), (12, '西山'), (99, '其他');
CREATE TABLE 治理.工单 (
	区划		text		NOT NULL,
	编号		text		NOT NULL,
	登记时间	timestamp	NOT NULL DEFAULT '2026-03-02 09:30',
	标题		text,
	内容		text,
	来源		text		DEFAULT '电话',
	来电人		text,
	电话		text,
	经度		double precision,
	纬度		double precision,
	状态		smallint	NOT NULL DEFAULT 0,
	承办单位	int			REFERENCES 治理.单位,
	办理期限	date,
	等级		text,
	受理号		text,
	处理意见	text,
	已删除		boolean		NOT NULL DEFAULT false,
	PRIMARY KEY (区划, 编号, 登记时间)
) PARTITION BY RANGE (登记时间);
CREATE TABLE 治理.工单_02 PARTITION OF 治理.工单 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
-- a partition that came from elsewhere: its columns stand in another order, one was dropped
CREATE TABLE 治理.工单_03 (旧列 int, 编号 text NOT NULL, 区划 text NOT NULL, 内容 text, 标题 text, 登记时间 timestamp NOT NULL DEFAULT '2026-03-02 09:30',
	来源 text DEFAULT '电话', 来电人 text, 电话 text, 经度 double precision, 纬度 double precision, 状态 smallint NOT NULL DEFAULT 0, 承办单位 int, 办理期限 date, 等级 text,
	受理号 text, 处理意见 text, 已删除 boolean NOT NULL DEFAULT false);
ALTER TABLE 治理.工单_03 DROP COLUMN 旧列;
ALTER TABLE 治理.工单 ATTACH PARTITION 治理.工单_03 FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
-- what was there before
INSERT INTO 治理.工单 (区划, 编号, 登记时间, 标题, 内容, 状态, 已删除)
	SELECT 'Z11', to_char(n, 'FM00000'), '2026-02-20'::timestamp + n * interval '1 minute', '东门街道', '广场舞噪音' || n, CASE WHEN n % 10 = 0 THEN 9 ELSE 0 END, n % 7 = 0 FROM generate_series(1, 900) n;
GRANT USAGE ON SCHEMA 治理 TO t162_plugin;
RESET ROLE;

CREATE FUNCTION pg_temp.mapping() RETURNS jsonb LANGUAGE sql AS $$ SELECT '{
	"channel": {"column": "来源", "values": {"电话": "gov", "网格员": "grid"}, "default": "gov"},
	"text": ["标题", {"column": "内容", "format": "html"}], "reporter": "来电人", "contact": "电话", "location": ["经度", "纬度"], "reported_at": "登记时间", "timezone": "Asia/Shanghai",
	"area": {"column": "区划", "values": {"Z11": "Z11", "Z12": "Z12"}}, "attrs": {"vip": "等级"},
	"filter": [{"column": "已删除", "value": false}], "open": [{"column": "状态", "not": ["8", "9"]}],
	"write": {"department": {"column": "承办单位", "values": {"TOWN11": "11", "TOWN12": "12"}, "default": "99"}, "due": "办理期限", "number": "受理号", "comment": "处理意见",
		"status": {"column": "状态", "values": {"triage": 1, "dispatched": 2, "accepted": 3, "in_progress": 4, "review": 8, "closed": 9}}},
	"changes": [{"column": "状态", "value": 3, "verb": "accept"}, {"column": "承办单位", "verb": "transfer", "department": {"column": "承办单位", "values": {"12": "TOWN12"}}, "reason": {"value": "改派"}}]}'::jsonb
$$;
GRANT EXECUTE ON FUNCTION pg_temp.mapping() TO t162_plugin;
CREATE FUNCTION pg_temp.attach(m jsonb) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.refusal(format('SELECT count(*) FROM triage.attach(''治理.工单'', %L)', m)) $$;

-- ---- who may ----
SET ROLE t162_plugin;
SELECT is((SELECT string_agg(concat_ws(' ', a.item, a.detail), '; ') FROM triage.attach('治理.工单', pg_temp.mapping(), dry_run => true) a WHERE a.state = 'problem'),
	'privileges role "t162_plugin" has no SELECT privilege on "治理"."工单". GRANT SELECT ON "治理"."工单" TO t162_plugin;'
	'; privileges role "t162_plugin" has no UPDATE privilege on "治理"."工单". GRANT UPDATE ON "治理"."工单" TO t162_plugin;'
	'; privileges role "t162_plugin" has no TRIGGER privilege on "治理"."工单". GRANT TRIGGER ON "治理"."工单" TO t162_plugin;'
	'; privileges role "t162_plugin" has no TRIGGER privilege on "治理"."工单_02". GRANT TRIGGER ON "治理"."工单_02" TO t162_plugin;'
	'; privileges role "t162_plugin" has no TRIGGER privilege on "治理"."工单_03". GRANT TRIGGER ON "治理"."工单_03" TO t162_plugin;', 'a dry run names what the role lacks, and how to grant it');
SELECT is(pg_temp.attach(pg_temp.mapping()), '42501 privileges: role "t162_plugin" has no SELECT privilege on "治理"."工单"', 'without it nothing is attached');
SET ROLE t162_app;
GRANT SELECT, UPDATE, TRIGGER ON 治理.工单 TO t162_plugin;
GRANT TRIGGER ON 治理.工单_02, 治理.工单_03 TO t162_plugin;
RESET ROLE;

-- ---- mappings that do not fit ----
SELECT is(pg_temp.attach(m.m), m.refusal, m.what) FROM (VALUES
	('[]'::jsonb, 'TR004 channel: it is missing', 'no object'),
	('{"channel": "gov"}', 'TR004 text: it is missing', 'no text'),
	(pg_temp.mapping() || '{"text": "内荣"}', 'TR003 text: column "内荣" does not exist', 'a text column that is not there'),
	(pg_temp.mapping() || '{"text": ["标题", "状态"]}', 'TR004 text: column "状态" has type smallint', 'a text that is a number'),
	(pg_temp.mapping() || '{"text": {"column": "标题", "format": "pdf"}}', 'TR004 text: format "pdf" does not exist', 'an unknown format'),
	(pg_temp.mapping() || '{"channel": "nowhere"}', 'TR003 channel: channel "nowhere" does not exist', 'an unknown channel'),
	(pg_temp.mapping() || '{"channel": {"column": "来源"}}', 'TR004 channel: it is missing', 'a channel from a column without default'),
	(pg_temp.mapping() || '{"reported_at": "标题"}', 'TR004 reported_at: column "标题" has type text', 'a time that is text'),
	(pg_temp.mapping() || '{"location": "经度"}', 'TR004 location: column "经度" has type double precision', 'half a place'),
	(pg_temp.mapping() || '{"location": ["经度", "标题"]}', 'TR004 location: column "标题" has type text', 'a place in words'),
	(pg_temp.mapping() || '{"hook": "later"}', 'TR004 hook: "later" is no moment', 'an unknown moment'),
	(pg_temp.mapping() || '{"txt": "标题"}', 'TR004 txt: no mapping has this key', 'an unknown key'),
	(pg_temp.mapping() || '{"write": {"color": "等级"}}', 'TR004 write: "color" is nothing that can be written', 'an unknown thing to write'),
	(pg_temp.mapping() || '{"write": {"due": "承办单位"}}', 'TR004 write.due: column "承办单位" has type integer', 'a due time that is a number'),
	(pg_temp.mapping() || '{"write": {"status": {"column": "状态", "values": {"closed": "办结"}}}}', 'TR004 write.status: "办结" is no value of column "状态": invalid input syntax for type smallint: "办结"', 'a status that the column cannot hold'),
	(pg_temp.mapping() || '{"write": {"status": "处理意见", "department": "处理意见"}}', 'TR004 write.status: column "处理意见" is written by department already', 'two things in one column'),
	(pg_temp.mapping() || '{"write": {"number": "编号"}}', 'TR004 write.number: column "编号" is part of the key', 'a key overwritten'),
	(pg_temp.mapping() || '{"write": {"department": {"column": "承办单位", "name": "pinyin"}}}', 'TR004 write.department: name "pinyin" does not exist', 'an unknown kind of name'),
	(pg_temp.mapping() || '{"changes": [{"column": "状态", "value": "3", "verb": "explode"}]}', 'TR003 changes: verb "explode" does not exist', 'an unknown verb'),
	(pg_temp.mapping() || '{"changes": [{"column": "状态", "value": "三", "verb": "accept"}]}', 'TR004 changes: "三" is no value of column "状态": invalid input syntax for type smallint: "三"', 'a change that cannot be'),
	(pg_temp.mapping() || '{"filter": [{"column": "状态"}]}', 'TR004 filter: the test of column "状态" names no value', 'a test of nothing'),
	(pg_temp.mapping() || '{"filter": {"column": "状态"}}', 'TR004 filter: it is no array', 'a test outside an array'),
	(pg_temp.mapping() || '{"key": ["编号", "经度"]}', 'TR004 key: column "经度" has type double precision', 'a key of fractions'),
	(pg_temp.mapping() || '{"runs_as": "t162_nobody"}', '42704 role "t162_nobody" does not exist', 'an unknown role')) m(m, refusal, what);
SELECT is((SELECT count(*) FROM triage.bindings), 0::bigint, 'none of them left anything');
SELECT is(pg_temp.refusal($$SELECT triage.attach('治理.工单_03', '{}')$$), '42809 "工单_03" is a partition', 'no partition by itself');
SELECT is(pg_temp.refusal($$SELECT triage.attach('pg_tables', '{}')$$), '42809 "pg_tables" is no table', 'no view');
SELECT is(pg_temp.refusal($$SELECT triage.attach('triage.cases', '{}')$$), '42809 "cases" belongs to pg_triage', 'no table of ours');
CREATE TEMP TABLE gone (id int PRIMARY KEY, body text);
SELECT is(pg_temp.refusal($$SELECT triage.attach('gone', '{}')$$), '42809 "gone" is a temporary table', 'no temporary table');
SELECT is(pg_temp.refusal($$SELECT triage.bind('治理.工单', 'jira', '{}')$$), 'TR003 there is no driver for kind "jira"', 'no server that nobody wrote a driver for');
CREATE TABLE 治理.无键 (内容 text);
SELECT is(pg_temp.refusal($$SELECT triage.attach('治理.无键', '{"channel": "gov", "text": "内容"}')$$), 'TR004 key: the table has no primary key', 'no table whose rows nothing tells apart');

-- ---- attached by the plug-in's role ----
SET ROLE t162_plugin;
SELECT is(pg_temp.attach(pg_temp.mapping()), NULL::text, 'attached');
RESET ROLE;
SELECT is((SELECT concat_ws(' ', b.runs_as, b.mapping->>'key') FROM triage.bindings b), 't162_plugin ["区划", "编号", "登记时间"]', 'it runs as who attached it; the key is the primary key');
SELECT is(pg_temp.refusal($$SELECT triage.attach('治理.无键', '{"channel": "gov", "text": "内容", "key": "内容"}')$$), 'TR004 channel: channel "gov" serves another table', 'a channel serves one table');
SET ROLE t162_app;
INSERT INTO 治理.工单 (区划, 编号, 标题, 内容, 来电人, 电话) VALUES ('Z12', '2026-1', '水管', '<p>水管<i>爆裂</i>&nbsp;西山镇</p>', '李', '13900000002');
INSERT INTO 治理.工单 (区划, 编号, 内容, 来源) VALUES ('Z11', '网"1', '广场舞噪音', '网格员');
INSERT INTO 治理.工单 (区划, 编号, 内容, 已删除) VALUES ('Z11', '2026-2', '广场舞噪音', true);
RESET ROLE;
SELECT is((SELECT concat_ws(' | ', g.承办单位, g.办理期限, g.状态, g.受理号 = c.number, c.channel, c.area, c.case_type, c.reported_at) FROM 治理.工单 g JOIN triage.host_tickets t ON t.ticket = '["Z12", "2026-1", "2026-03-02T09:30:00"]'
	JOIN triage.cases c USING (case_id) WHERE g.编号 = '2026-1'), '12 | 2026-03-05 | 2 | t | gov | Z12 | BURST | 2026-03-02 09:30:00+08', 'a row of a partition with other columns');
SELECT is((SELECT concat_ws(' | ', t.ticket, c.channel, c.external_ref, g.承办单位) FROM triage.cases c JOIN triage.host_tickets t USING (case_id), 治理.工单 g WHERE c.channel = 'grid' AND g.编号 = '网"1'),
	'["Z11", "网\"1", "2026-03-02T09:30:00"] | grid | 工单:["Z11", "网\"1", "2026-03-02T09:30:00"] | 11', 'a channel of its own says so in the reference');
SELECT is((SELECT concat_ws(' | ', g.状态, g.受理号) FROM 治理.工单 g WHERE g.编号 = '2026-2'), '0', 'what the filter leaves out stays alone');
SET ROLE t162_app;
UPDATE 治理.工单 SET 已删除 = false WHERE 编号 = '2026-2';
RESET ROLE;
SELECT is((SELECT concat_ws(' | ', g.状态, g.承办单位) FROM 治理.工单 g WHERE g.编号 = '2026-2'), '2 | 11', 'until it comes in');
SET ROLE t162_app;
UPDATE 治理.工单 SET 状态 = 3 WHERE 编号 = '2026-2';
UPDATE 治理.工单 SET 承办单位 = 12 WHERE 编号 = '2026-2';
RESET ROLE;
SELECT is((SELECT string_agg(e.verb || ' ' || split_part(e.actor, '/', 1) || coalesce(' ' || (e.data->>'department'), '') || coalesce(' ' || (e.data->>'reason'), ''), ', ' ORDER BY e.seq) FROM triage.events e JOIN triage.host_tickets t USING (case_id) WHERE t.ticket ~ '2026-2'),
	'report table, accept table TOWN11, transfer table TOWN12 改派', 'the number 12 in the column is town 12 here');
-- the application makes its partitions as ever
SET triage.now = '2026-04-02 10:00+08';
SET ROLE t162_app;
CREATE TABLE 治理.工单_04 PARTITION OF 治理.工单 FOR VALUES FROM ('2026-04-01') TO ('2026-05-01');
INSERT INTO 治理.工单 (区划, 编号, 登记时间, 内容) VALUES ('Z11', '4-1', '2026-04-02 09:00', '广场舞噪音');
RESET ROLE;
SELECT is((SELECT concat_ws(' | ', g.状态, g.承办单位) FROM 治理.工单 g WHERE g.编号 = '4-1'), '2 | 11', 'a new partition has the trigger');
SET ROLE t162_app;
ALTER TABLE 治理.工单 DETACH PARTITION 治理.工单_04;
INSERT INTO 治理.工单_04 (区划, 编号, 登记时间, 内容) VALUES ('Z11', '4-2', '2026-04-02 09:00', '广场舞噪音');
DROP TABLE 治理.工单_04;
RESET ROLE;
SET triage.now = '2026-03-02 10:00+08';

-- ---- rows of before ----
SET ROLE t162_plugin;
SELECT count(*) FROM triage.attach('治理.工单', pg_temp.mapping(), backfill => '30 days') \g /dev/null
RESET ROLE;
SELECT is((SELECT b.backfill_state FROM triage.bindings b), 'running', 'a back-fill begins');
-- an agent is at work on one of them
SELECT triage.tick() \g /dev/null
SELECT is((SELECT concat_ws(' ', b.backfill_state, b.backfill_done) FROM triage.bindings b), 'done ' || (SELECT count(*) FROM 治理.工单_02 g WHERE NOT g.已删除 AND g.状态 NOT IN (8, 9) OR g.受理号 IS NOT NULL), 'and ends');
SELECT is((SELECT count(*) FROM 治理.工单_02 g WHERE (g.受理号 IS NOT NULL) <> (NOT g.已删除 AND g.编号::int % 10 <> 0)), 0::bigint, 'all that are open, and no others');
SELECT is((SELECT count(*) FROM triage.host_tickets t JOIN triage.cases c USING (case_id) WHERE c.external_ref <> t.ticket AND c.channel = 'gov'), 0::bigint, 'each its own case');
SELECT is((SELECT count(*) FROM 治理.工单_02 g JOIN triage.cases c ON c.number = g.受理号 WHERE c.body <> E'东门街道\n广场舞噪音' || g.编号::int), 0::bigint, 'with its own words');
SELECT is((SELECT string_agg(DISTINCT concat_ws(' ', g.承办单位, g.状态), ', ') FROM 治理.工单_02 g WHERE g.受理号 IS NOT NULL), '11 2', 'shown in the row');
SELECT is((SELECT string_agg(concat_ws(' ', e.stage, e.message), '; ') FROM triage.intake_errors e), NULL::text, 'without an error');

-- rows that cannot be read any more
SET ROLE t162_plugin;
SELECT count(*) FROM triage.attach('治理.工单', pg_temp.mapping(), backfill => '30 days') \g /dev/null
SET ROLE t162_app;
REVOKE SELECT ON 治理.工单 FROM t162_plugin;
RESET ROLE;
SELECT triage.tick() \g /dev/null
SELECT is((SELECT b.backfill_state FROM triage.bindings b) || (SELECT string_agg(concat_ws(' ', '', e.stage, e.sqlstate, e.message), '; ') FROM triage.intake_errors e),
	'failed host:backfill 38000 permission denied for table 工单', 'a back-fill that cannot read says why and stops');
SELECT is((SELECT h.state FROM triage.health() h WHERE h.item ~ '^host '), 'warning', 'and health() shows it');
DELETE FROM triage.intake_errors;

-- ---- detached ----
SELECT ok(pg_temp.refusal($$SET ROLE t162_app; SELECT triage.detach('治理.工单')$$) ^@ '42501', 'who may not execute it detaches nothing');
RESET ROLE;
SET ROLE t162_plugin;
SELECT ok(triage.detach('治理.工单'), 'who attached it detaches it, though the table is another''s');
RESET ROLE;
SELECT is((SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = '治理'::regnamespace AND NOT t.tgisinternal), 0::bigint, 'no partition has a trigger left');

-- ---- at commit: the row is completed by later statements ----
SET ROLE t162_app;
CREATE TABLE 治理.分步 (id int PRIMARY KEY, 内容 text, 单位 text, 期限 timestamptz);
RESET ROLE;
SELECT count(*) FROM triage.attach('治理.分步', '{"channel": "gov2", "text": "内容", "hook": "commit", "write": {"department": "单位", "due": "期限"}}') \g /dev/null
SET ROLE t162_app;
BEGIN;
INSERT INTO 治理.分步 (id) VALUES (1), (2), (3);
UPDATE 治理.分步 SET 内容 = '东门街道噪音' WHERE id < 3;
DELETE FROM 治理.分步 WHERE id = 3;
SELECT is((SELECT count(*) FROM 治理.分步 WHERE 单位 IS NOT NULL), 0::bigint, 'hook commit: nothing before');
COMMIT;
SELECT is((SELECT string_agg(concat_ws(' ', f.id, f.单位), ', ' ORDER BY f.id) FROM 治理.分步 f), '1 TOWN11, 2 TOWN11', 'and all of it at commit');
RESET ROLE;
SELECT is((SELECT count(*) FROM triage.intake_errors), 0::bigint, 'a row that was deleted before is no error');
SELECT ok(triage.detach('治理.分步'), 'detached');

SET client_min_messages = error;
DROP SCHEMA 治理 CASCADE;
DROP OWNED BY t162_plugin, t162_app;
DROP ROLE t162_plugin, t162_app;
SELECT * FROM finish();
