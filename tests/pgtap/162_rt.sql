-- The driver of Request Tracker on tables of RT's shape: what it finds
-- missing, what a row of the history means, what it writes.  RT itself:
-- tests/hosts/rt_driver.t, tests/hosts/rt.t.
-- Source: sql/62_rt.sql, sql/62_rt_attach.sql
\ir include/helpers.psql
BEGIN;
\ir include/small.psql
COMMIT;

SELECT is(pg_temp.refusal($$SELECT * FROM triage.attach_rt()$$), 'TR003 Request Tracker''s tables were not found', 'without RT there is nothing to attach to');

-- as schema.Pg of RT 5.0 makes them, without what nobody here reads
CREATE ROLE t162_host;
CREATE SCHEMA t162 AUTHORIZATION t162_host;
SET ROLE t162_host;
SET search_path = t162;
CREATE SEQUENCE attachments_id_seq; CREATE SEQUENCE transactions_id_seq; CREATE SEQUENCE links_id_seq; CREATE SEQUENCE groupmembers_id_seq;
CREATE SEQUENCE cachedgroupmembers_id_seq; CREATE SEQUENCE tickets_id_seq; CREATE SEQUENCE groups_id_seq START 100;
CREATE TABLE tickets (id int PRIMARY KEY DEFAULT nextval('tickets_id_seq'), effectiveid int NOT NULL DEFAULT 0, ismerged smallint, queue int NOT NULL DEFAULT 0, type varchar(16), owner int NOT NULL DEFAULT 0,
	subject varchar(200) DEFAULT '[no subject]', priority int NOT NULL DEFAULT 0, status varchar(64), sla varchar(64), told timestamp, starts timestamp, started timestamp, due timestamp, resolved timestamp,
	lastupdatedby int NOT NULL DEFAULT 0, lastupdated timestamp, creator int NOT NULL DEFAULT 0, created timestamp);
CREATE TABLE transactions (id bigint PRIMARY KEY DEFAULT nextval('transactions_id_seq'), objecttype varchar(255) NOT NULL, objectid int NOT NULL DEFAULT 0, timetaken int NOT NULL DEFAULT 0, type varchar(20), field varchar(255),
	oldvalue varchar(255), newvalue varchar(255), data varchar(255), creator int NOT NULL DEFAULT 0, created timestamp);
CREATE INDEX ON transactions (objecttype, objectid);
CREATE TABLE attachments (id bigint PRIMARY KEY DEFAULT nextval('attachments_id_seq'), transactionid bigint NOT NULL, parent bigint NOT NULL DEFAULT 0, messageid varchar(160), subject varchar(255), filename varchar(255),
	contenttype varchar(80), contentencoding varchar(80), content text, headers text, creator int NOT NULL DEFAULT 0, created timestamp);
CREATE TABLE queues (id serial PRIMARY KEY, name varchar(200) NOT NULL, lifecycle varchar(32) DEFAULT 'default', sladisabled int NOT NULL DEFAULT 1, disabled int NOT NULL DEFAULT 0);
CREATE TABLE users (id int PRIMARY KEY, name varchar(200) NOT NULL, emailaddress varchar(120), realname varchar(120), mobilephone varchar(30));
CREATE TABLE principals (id int PRIMARY KEY, principaltype varchar(16) NOT NULL, disabled int NOT NULL DEFAULT 0);
CREATE TABLE groups (id int PRIMARY KEY DEFAULT nextval('groups_id_seq'), name varchar(200), domain varchar(64), instance int);
CREATE TABLE groupmembers (id int PRIMARY KEY DEFAULT nextval('groupmembers_id_seq'), groupid int NOT NULL, memberid int NOT NULL, creator int NOT NULL DEFAULT 0, created timestamp, lastupdatedby int NOT NULL DEFAULT 0, lastupdated timestamp,
	UNIQUE (groupid, memberid));
CREATE TABLE cachedgroupmembers (id int PRIMARY KEY DEFAULT nextval('cachedgroupmembers_id_seq'), groupid int, memberid int, via int, immediateparentid int, disabled int NOT NULL DEFAULT 0);
CREATE TABLE acl (id serial PRIMARY KEY, principaltype varchar(25) NOT NULL, principalid int NOT NULL, rightname varchar(25) NOT NULL, objecttype varchar(25) NOT NULL, objectid int NOT NULL DEFAULT 0);
CREATE TABLE links (id int PRIMARY KEY DEFAULT nextval('links_id_seq'), base varchar(240), target varchar(240), type varchar(20) NOT NULL, localtarget int NOT NULL DEFAULT 0, localbase int NOT NULL DEFAULT 0,
	lastupdatedby int NOT NULL DEFAULT 0, lastupdated timestamp, creator int NOT NULL DEFAULT 0, created timestamp, UNIQUE (base, target, type));
CREATE TABLE customfields (id serial PRIMARY KEY, name varchar(200), lookuptype varchar(255), disabled int NOT NULL DEFAULT 0);
CREATE TABLE objectcustomfieldvalues (id serial PRIMARY KEY, customfield int NOT NULL, objecttype varchar(255), objectid int NOT NULL, sortorder int NOT NULL DEFAULT 0, content varchar(255), largecontent text, disabled int NOT NULL DEFAULT 0);
INSERT INTO users VALUES (1, 'RT_System', NULL, NULL, NULL), (6, 'Nobody', NULL, NULL, NULL), (20, 'li', 'li@desk.test', NULL, NULL), (21, 'zhang', 'zhang@desk.test', NULL, NULL), (22, 'wang', 'wang@desk.test', NULL, NULL), (23, 'cit', 'cit@desk.test', '李四', '13800000001');
INSERT INTO principals SELECT u.id, 'User' FROM users u;
INSERT INTO groups VALUES (4, 'Privileged', 'SystemInternal', 0), (50, '处置组', 'UserDefined', 0), (51, '无权组', 'UserDefined', 0);
INSERT INTO groupmembers (groupid, memberid) VALUES (4, 21), (4, 22), (50, 21), (50, 22);
INSERT INTO cachedgroupmembers (groupid, memberid, immediateparentid) VALUES (50, 21, 50), (50, 22, 50);
INSERT INTO acl (principaltype, principalid, rightname, objecttype) VALUES ('Group', 50, 'OwnTicket', 'RT::System');
INSERT INTO queues (name, lifecycle) VALUES ('受理', 'default'), ('东门街道办', 'default'), ('环保', 'default'), ('订单', 'orders'), ('停用', 'default'), ('水务局', 'default');
UPDATE queues SET disabled = 1 WHERE name = '停用';
INSERT INTO customfields (name, lookuptype) VALUES ('110编号', 'RT::Queue-RT::Ticket');
RESET search_path;
RESET ROLE;

-- ---- what is missing ----
CREATE FUNCTION pg_temp.plan(mapping text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', a.item, a.state), ', ') FROM triage.attach_rt(mapping::jsonb, dry_run => true) a WHERE a.state IN ('missing', 'problem')
$$;
SELECT is(pg_temp.plan('{}'), 'user router-bot missing, organization missing, channel rt missing', 'in RT''s own data our user is missing, and the name of its URIs');
SELECT is(pg_temp.plan('{"organization": "desk.test", "bot": "wang", "departments": {"ENV": "nowhere", "TOWN": {"queue": "东门街道办", "owner": "nobody at all"}, "NOPE": "受理", "PSB": "停用", "WATER": "订单",
	"T_SQUAD": {"queue": "受理", "owner": "li"}, "T_MED": {"queue": "受理", "group": "无权组"}}}'),
	'department NOPE problem, department ENV missing, department PSB problem, department TOWN missing, department T_MED problem, department T_SQUAD problem, department WATER problem, channel rt missing', 'departments');
SELECT is(pg_temp.plan('{"organization": "desk.test", "bot": "wang", "intake": ["x"], "fields": {"reference": "x", "y": "110编号"}}'),
	'intake x missing, field y problem, field reference missing, reference_channel missing, channel rt missing', 'values');
SELECT is(pg_temp.refusal($$SELECT * FROM triage.attach_rt('{"organization": "desk.test"}')$$), 'TR003 Request Tracker is not ready to be attached: user router-bot is missing', 'attaching raises what a dry run lists');
SELECT is(pg_temp.refusal($$SELECT * FROM triage.attach_rt('{"queue": 1}', dry_run => true)$$), 'TR003 the mapping has keys that mean nothing: queue', 'a key that means nothing');
SELECT is(pg_temp.refusal($$SELECT * FROM triage.attach_rt('[]')$$), 'TR003 argument "mapping" must be a JSON object', 'the mapping is an object');
SELECT is(pg_temp.refusal($$SELECT * FROM triage.attach_rt('{"schema": "public"}')$$), 'TR003 Request Tracker''s tables were not found', 'a schema without them');
SELECT is(triage.rt_initialdata('{"departments": {"ENV": {"queue": "it''s \\ new", "group": "新组"}}, "default": "受理"}'),
	E'use utf8;\nour @Queues = (\n\t{Name => ''it\\''s \\\\ new''},\n);\nour @Users = (\n\t{Name => ''router-bot'', RealName => ''pg_triage'', Privileged => 1},\n);\nour @Groups = (\n\t{Domain => ''UserDefined'', Name => ''新组''},\n);\nour @ACL = (\n'
	|| (SELECT string_agg(E'\t{GroupDomain => ''UserDefined'', GroupId => ''新组'', Right => ''' || r || E'''},\n', '' ORDER BY r)
		FROM unnest('{SeeQueue,ShowTicket,ShowTicketComments,CommentOnTicket,ReplyToTicket,ModifyTicket,OwnTicket,TakeTicket,ReassignTicket}'::text[]) r) || E');\n1;', 'what RT''s own tool is to make, quoted for Perl');
CREATE ROLE t162_dba;
GRANT USAGE ON SCHEMA triage, t162 TO t162_dba;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA triage TO t162_dba;
GRANT SELECT ON ALL TABLES IN SCHEMA triage TO t162_dba;
SET ROLE t162_dba;
SELECT is((SELECT count(*) FROM triage.rt_complete('{}') c, jsonb_array_elements(c.report) e WHERE e.value ->> 2 LIKE 'GRANT%'), 18::bigint, 'a role without rights is told the grants it needs');
SELECT is(pg_temp.refusal($$SELECT * FROM triage.attach_rt()$$), 'TR002 rules are for administrators', 'and is none of those who may');
RESET ROLE;
DROP OWNED BY t162_dba;
DROP ROLE t162_dba;

-- ---- attached ----
INSERT INTO t162.users VALUES (30, 'router-bot');
SELECT is((SELECT string_agg(concat_ws(' ', a.item, a.state), ', ') FROM triage.attach_rt('{"organization": "desk.test", "intake": ["受理"], "departments": {"TOWN": {"queue": "东门街道办", "group": "处置组"}, "ENV": "环保", "WATER": "停用后"},
	"fields": {"reference": "110编号"}, "reference_channel": "v110"}', dry_run => true) a WHERE a.state <> 'ok'), 'department WATER missing, channel rt missing', 'one is still missing');
SELECT is((SELECT string_agg(concat_ws(' ', a.item, a.state), ', ') FROM triage.attach_rt('{"organization": "desk.test", "intake": ["受理"], "departments": {"TOWN": {"queue": "东门街道办", "group": "处置组"}, "ENV": "环保"}}') a WHERE a.state = 'created'),
	'channel rt created, privileges created, trigger created', 'attached');

-- as RT does it; the text goes as it is stored
CREATE FUNCTION pg_temp.ticket(subject text, content text, type text DEFAULT 'text/plain', encoding text DEFAULT 'none', queue int DEFAULT 1) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	made	int;
	x		bigint;
	g		int;
BEGIN
	INSERT INTO t162.tickets (queue, type, subject, status, creator, created, due) VALUES (queue, 'ticket', subject, 'new', 23, date_trunc('second', clock_timestamp() AT TIME ZONE 'UTC'), '1970-01-01') RETURNING id INTO made;
	UPDATE t162.tickets t SET effectiveid = t.id WHERE t.id = made;
	INSERT INTO t162.groups (name, domain, instance) VALUES ('Requestor', 'RT::Ticket-Role', made) RETURNING id INTO g;
	INSERT INTO t162.groupmembers (groupid, memberid) VALUES (g, 23);
	INSERT INTO t162.transactions (objecttype, objectid, type, creator) VALUES ('RT::Group', g, 'Create', 23);
	INSERT INTO t162.groups (name, domain, instance) VALUES ('Owner', 'RT::Ticket-Role', made) RETURNING id INTO g;
	INSERT INTO t162.groupmembers (groupid, memberid) VALUES (g, 6);
	INSERT INTO t162.cachedgroupmembers (groupid, memberid, immediateparentid) VALUES (g, g, g), (g, 6, g);
	UPDATE t162.tickets t SET owner = 6 WHERE t.id = made;
	INSERT INTO t162.transactions (objecttype, objectid, type, creator, created) VALUES ('RT::Ticket', made, 'Create', 23, clock_timestamp() AT TIME ZONE 'UTC') RETURNING id INTO x;
	INSERT INTO t162.attachments (transactionid, contenttype, contentencoding, content, filename) VALUES (x, 'text/plain', 'none', '附件 打架', 'a.txt'), (x, type, encoding, content, NULL);
	RETURN made;
END
$$;
-- what somebody does: a row of the history, with the change or the words
CREATE FUNCTION pg_temp.act(ticket int, who int, type text, field text, value text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	was		text;
	x		bigint;
BEGIN
	IF type IN ('Set', 'Status') THEN
		EXECUTE format('SELECT %I FROM t162.tickets WHERE id = %s', lower(field), ticket) INTO was;
		EXECUTE format('UPDATE t162.tickets SET %I = %L WHERE id = %s', lower(field), value, ticket);
	END IF;
	INSERT INTO t162.transactions (objecttype, objectid, type, field, oldvalue, newvalue, creator, created)
		VALUES ('RT::Ticket', ticket, type, field, was, CASE WHEN type IN ('Set', 'Status') THEN value END, who, date_trunc('second', clock_timestamp() AT TIME ZONE 'UTC')) RETURNING id INTO x;
	IF type IN ('Comment', 'Correspond') THEN
		INSERT INTO t162.attachments (transactionid, contenttype, contentencoding, content) VALUES (x, 'text/plain', 'none', value);
	END IF;
END
$$;
CREATE FUNCTION pg_temp.case_of(ticket int) RETURNS bigint LANGUAGE sql AS $$ SELECT h.case_id FROM triage.host_tickets h WHERE h.ticket = case_of.ticket::text $$;
CREATE FUNCTION pg_temp.stands(ticket int) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', q.name, u.name, t.status, t.priority, CASE WHEN t.due > '2020-01-01' THEN 'due' END) FROM t162.tickets t JOIN t162.queues q ON q.id = t.queue JOIN t162.users u ON u.id = t.owner WHERE t.id = stands.ticket
$$;

SELECT pg_temp.ticket('东门街道广场舞噪音', '夜里') AS one \gset
SELECT is(pg_temp.stands(:one), '东门街道办 zhang new ' || (SELECT (ARRAY[100, 75, 50, 25])[c.priority] FROM triage.cases c WHERE c.case_id = pg_temp.case_of(:one)) || ' due', 'a new ticket is in the queue of the department of that kind, with who has least to do');
SELECT is((SELECT c.body || ' ' || c.reporter || ' ' || c.contact FROM triage.cases c WHERE c.case_id = pg_temp.case_of(:one)), E'东门街道广场舞噪音\n夜里 李四 13800000001', 'its words, and whose they are');
SELECT is((SELECT string_agg(concat_ws(' ', x.type, x.field), ', ' ORDER BY x.id) FROM t162.transactions x WHERE x.objecttype = 'RT::Ticket' AND x.objectid = :one AND x.creator = 30),
	'Set Queue, Set Owner, SetWatcher Owner, Set Due, Set Priority, Comment', 'all of it in its history');
SELECT is((SELECT string_agg(m.memberid::text, ' ') || ' ' || (SELECT count(*) FROM t162.cachedgroupmembers c WHERE c.groupid = g.id) FROM t162.groups g JOIN t162.groupmembers m ON m.groupid = g.id
	WHERE g.instance = :one AND g.name = 'Owner' GROUP BY g.id), '21 2', 'the owner is the one member of his role group, and in its cache');
SELECT ok((SELECT t.due = date_trunc('second', t.due) AND t.lastupdated = date_trunc('second', t.lastupdated) FROM t162.tickets t WHERE t.id = :one), 'in whole seconds');
SELECT is((SELECT c.body FROM triage.cases c WHERE c.case_id = pg_temp.case_of(pg_temp.ticket('x', '<p>东门街道广场舞&nbsp;噪音</p>', 'text/html'))), NULL::text, 'not before the commit');
SELECT is((SELECT c.body FROM triage.cases c ORDER BY c.case_id DESC LIMIT 1), E'x\n东门街道广场舞\u00A0噪音', 'a page');
SELECT pg_temp.ticket('', E'=E4=B8=9C=E9=97=A8=E8=A1=97=E9=81=93=\n=E5=99=AA=E9=9F=B3', encoding => 'quoted-printable') \g /dev/null
SELECT is((SELECT c.body FROM triage.cases c ORDER BY c.case_id DESC LIMIT 1), '东门街道噪音', 'quoted-printable');
SELECT pg_temp.ticket('东门街道噪音', 'x', encoding => 'external') \g /dev/null
SELECT is((SELECT c.body FROM triage.cases c ORDER BY c.case_id DESC LIMIT 1), '东门街道噪音', 'words that are stored elsewhere');
SELECT is(pg_temp.case_of(pg_temp.ticket('东门街道广场舞噪音', 'x', queue => 3)), NULL::bigint, 'another queue');
SELECT is((SELECT count(*) FROM triage.intake_errors), 0::bigint, 'no error');

-- ---- what agents do ----
SELECT pg_temp.act(:one, 21, 'Comment', NULL, '已出发') \g /dev/null
SELECT pg_temp.act(:one, 22, 'Comment', NULL, '别人的话') \g /dev/null
SELECT pg_temp.act(:one, 23, 'Correspond', NULL, '还在响') \g /dev/null
SELECT pg_temp.act(:one, 21, 'Status', 'Status', 'open') \g /dev/null
SELECT is(pg_temp.verbs(pg_temp.case_of(:one)), 'report accept feed_back append_text', 'the owner''s comment is feedback, a stranger''s nothing, the citizen adds');
SELECT is(pg_temp.stands(:one) ~ 'open', true, 'the ticket is open');
SELECT pg_temp.act(:one, 21, 'Correspond', NULL, '已劝离，约定晚八点前结束') \g /dev/null
SELECT pg_temp.act(:one, 21, 'Status', 'Status', 'resolved') \g /dev/null
SELECT is((SELECT c.status || ' ' || c.outcome || ' ' || (SELECT e.data ->> 'body' FROM triage.events e WHERE e.case_id = c.case_id AND e.verb = 'resolve') FROM triage.cases c WHERE c.case_id = pg_temp.case_of(:one)),
	'review resolved 已劝离，约定晚八点前结束', 'resolved, with his last words; who assists has finished');
SELECT pg_temp.act(:one, 21, 'Status', 'Status', 'open') \g /dev/null
SELECT is((SELECT c.status FROM triage.cases c WHERE c.case_id = pg_temp.case_of(:one)), 'in_progress', 'opened again before it is closed: not passed');
SELECT pg_temp.ticket('东门街道广场舞噪音', '二') AS two \gset
SELECT pg_temp.act(:two, 22, 'Status', 'Status', 'rejected') \g /dev/null
SELECT is((SELECT c.status FROM triage.cases c WHERE c.case_id = pg_temp.case_of(:two)), 'return_requested', 'rejected: to be returned');
SELECT pg_temp.ticket('东门街道广场舞噪音', '三') AS three \gset
SELECT pg_temp.act(:three, 22, 'Set', 'Owner', '22') \g /dev/null
SELECT is((SELECT c.status FROM triage.cases c WHERE c.case_id = pg_temp.case_of(:three)), 'accepted', 'taken: accepted');
SELECT pg_temp.act(:three, 22, 'Set', 'Queue', '6') \g /dev/null
SELECT is((SELECT string_agg(a.department, ' ' ORDER BY a.seq) FROM triage.assignments a WHERE a.case_id = pg_temp.case_of(:three) AND a.department = 'WATER'), 'WATER', 'moved to the queue that bears a department''s name: passed on');
SELECT is(pg_temp.stands(:three) ~ '水务局 wang', true, 'and there it stays');
SELECT is((SELECT string_agg(e.stage || ' ' || e.message, E'\n') FROM triage.intake_errors e), NULL::text, 'no error');

-- ---- an outdated form ----
SELECT pg_temp.ticket('东门街道广场舞噪音', '四') AS four \gset
SELECT pg_temp.stands(:four) AS stood \gset
SELECT pg_temp.act(:four, 22, 'Set', 'Queue', '1'), pg_temp.act(:four, 22, 'Set', 'Priority', '0') \g /dev/null
SELECT is(pg_temp.stands(:four), :'stood', 'old values that a form puts back are restored');
SELECT pg_temp.act(:four, 22, 'Set', 'Queue', '1') \g /dev/null
SELECT is((SELECT c.status || ' ' || split_part(pg_temp.stands(:four), ' ', 1) FROM triage.cases c WHERE c.case_id = pg_temp.case_of(:four)), 'return_requested 受理', 'the second time it is meant');
SELECT pg_temp.act(:two, 22, 'Set', 'Priority', '7') \g /dev/null
SELECT triage.urge(pg_temp.case_of(:two)) \g /dev/null
SELECT triage.tick() \g /dev/null
SELECT is(pg_temp.stands(:two) ~ ' 7 ', true, 'what an agent sets himself stands');

-- ---- bad days ----
UPDATE t162.principals SET disabled = 1 WHERE id IN (21, 22);
SELECT pg_temp.ticket('东门街道广场舞噪音', '五') AS five \gset
SELECT is((SELECT split_part(pg_temp.stands(:five), ' ', 2) || ' ' || bool_or(a.content ~ 'OwnTicket') FROM t162.attachments a JOIN t162.transactions x ON x.id = a.transactionid WHERE x.objectid = :five AND x.creator = 30), 'Nobody true', 'nobody may own it: told on the ticket');
UPDATE t162.principals SET disabled = 0;
UPDATE t162.queues SET disabled = 1 WHERE name = '东门街道办';
SELECT pg_temp.ticket('东门街道广场舞噪音', '六') AS six \gset
SELECT is((SELECT split_part(pg_temp.stands(:six), ' ', 1) || ' ' || bool_or(a.content ~ 'attach_rt') FROM t162.attachments a JOIN t162.transactions x ON x.id = a.transactionid WHERE x.objectid = :six AND x.creator = 30), '受理 true', 'a queue that is disabled: told on the ticket');
SELECT is((SELECT h.state || ' ' || h.value FROM triage.health() h WHERE h.item = 'host t162.tickets') ^@ 'warning queue 东门街道办 is disabled, ', true, '... which health() tells');
UPDATE t162.queues SET disabled = 0, name = '东门' WHERE name = '东门街道办';
SELECT is(split_part(pg_temp.stands(pg_temp.ticket('东门街道广场舞噪音', '七')), ' ', 1), '受理', 'within its transaction a ticket is as it was made');
SELECT is((SELECT split_part(pg_temp.stands(max(t.id)), ' ', 1) FROM t162.tickets t), '东门', 'a queue that is renamed is found');
SELECT is(triage.host_missing('t162.tickets'), NULL::text, '... and nothing is missing');
ALTER TABLE t162.users RENAME COLUMN mobilephone TO mobile;
SELECT pg_temp.ticket('东门街道广场舞噪音', '八') AS eight \gset
SELECT is(pg_temp.stands(:eight) || ' ' || (SELECT count(*) FROM triage.intake_errors), '受理 Nobody new 0 1', 'a column that is gone: the ticket is there, and so is the error');
ALTER TABLE t162.users RENAME COLUMN mobile TO mobilephone;
SELECT is((SELECT r.retried || ' ' || r.failed FROM triage.retry_intake() r), '1 0', 'taken in when it is back');

-- ---- links and merges ----
SELECT triage.link_case(pg_temp.case_of(:five), pg_temp.case_of(:six)), triage.merge(pg_temp.case_of(:eight), pg_temp.case_of(:six)) \g /dev/null
SELECT triage.tick() \g /dev/null
SELECT triage.tick() \g /dev/null
SELECT is((SELECT string_agg(concat_ws(' ', l.localbase, l.type, l.localtarget), ', ' ORDER BY l.type) FROM t162.links l WHERE l.base LIKE '%/' || :five OR l.type = 'MergedInto'),
	format('%s MergedInto %s, %s RefersTo %s', :six, :six, :five, :six), 'a link, a merge');
SELECT is((SELECT t.effectiveid || ' ' || t.ismerged FROM t162.tickets t WHERE t.id = :eight), :'six' || ' 1', 'the one ticket shows the other');

-- ---- the open ones of before ----
SELECT is((SELECT count(*) FROM triage.rt_open('t162.tickets', (SELECT b.mapping FROM triage.bindings b), '2000-01-01', :'five', 2)), 2::bigint, 'open tickets in batches');
SELECT is((SELECT count(*) FROM triage.rt_open('t162.tickets', (SELECT b.mapping FROM triage.bindings b), '2000-01-01', NULL, 100) o WHERE o.ticket IN (:'two', :'eight')), 0::bigint, 'none that is closed or merged');

SELECT ok(triage.detach('t162.tickets'), 'detach()');
DROP SCHEMA t162 CASCADE;
DROP OWNED BY t162_host;
DROP ROLE t162_host;
SELECT * FROM finish();
