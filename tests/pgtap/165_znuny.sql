-- The driver of Znuny on tables of Znuny's shape, with a stub of its generic
-- interface that does what the requests ask for, as the user who writes.
-- Source: sql/65_znuny.sql
\ir include/helpers.psql
BEGIN;
\ir include/small.psql
COMMIT;

SELECT is(pg_temp.refusal($$SELECT * FROM triage.attach_znuny()$$), 'TR003 Znuny''s tables were not found', 'without Znuny there is nothing to attach to');

\ir include/znuny.psql

-- ---- what is missing ----
CREATE FUNCTION pg_temp.plan(mapping text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', a.item, a.state), ', ') FROM triage.attach_znuny(mapping::jsonb, dry_run => true) a WHERE a.state IN ('missing', 'problem')
$$;
INSERT INTO triage.endpoints (code, url) VALUES ('znuny', 'http://127.0.0.1:1/Webservice/Triage/TicketUpdate?UserLogin=triage&Password=secret');
SELECT is(pg_temp.plan('{}'), 'user  missing, endpoint  missing, channel znuny missing', 'a user who writes and where requests go must be named');
SELECT is(pg_temp.plan('{"bot": "triage", "endpoint": "znuny", "departments": {"ENV": "nowhere", "TOWN": {"queue": "东门街道办", "owner": "gone"}, "NOPE": "受理", "PSB": "停用"}, "priorities": {"1": "x"}, "intake": ["x"]}'),
	'priority 1 missing, department ENV missing, department NOPE problem, department PSB missing, department TOWN missing, intake x missing, channel znuny missing', 'names');
SELECT is(pg_temp.refusal($$SELECT * FROM triage.attach_znuny('{"x": 1, "bot": "triage", "y": 2}', dry_run => true)$$), 'TR003 the mapping has keys that mean nothing: x, y', 'keys that mean nothing are refused');
SELECT is(pg_temp.refusal($$SELECT * FROM triage.attach_znuny('{"bot": "triage"}')$$), 'TR003 Znuny is not ready to be attached: endpoint  is missing', 'attaching raises what a dry run lists');
SELECT is((SELECT string_agg(concat_ws(' ', a.item, a.state), ', ') FROM triage.attach_znuny('{"bot": "triage", "endpoint": "znuny", "intake": ["受理"], "due_field": "Deadline", "departments": {"TOWN": {"queue": "东门街道办", "owner": "zhang"}}}') a WHERE a.state = 'created'),
	'channel znuny created, privileges created, trigger created, trigger created', 'attached');

-- ---- Znuny: what its people do, and its generic interface ----
CREATE FUNCTION pg_temp.note(ticket bigint, who int, sender text, visible int, body text, type text DEFAULT 'text/plain; charset=utf-8') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	made	bigint;
BEGIN
	INSERT INTO znuny.article (ticket_id, article_sender_type_id, is_visible_for_customer, create_by) SELECT ticket, s.id, visible, who FROM znuny.article_sender_type s WHERE s.name = sender RETURNING id INTO made;
	INSERT INTO znuny.article_data_mime (article_id, a_from, a_subject, a_body, a_content_type, create_by) VALUES (made, 'cit@desk.test', 's', body, type, who);
END
$$;
CREATE FUNCTION pg_temp.ticket(title text, body text, type text DEFAULT 'text/plain; charset=utf-8', queue int DEFAULT 1) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	made	bigint;
BEGIN
	INSERT INTO znuny.ticket (tn, title, queue_id, ticket_priority_id, ticket_state_id, customer_user_id, create_by) VALUES (nextval('znuny.ticket_id_seq')::text, title, queue, 3, 1, 'cit', 1) RETURNING id INTO made;
	INSERT INTO znuny.ticket_history (name, history_type_id, ticket_id, queue_id, owner_id, priority_id, state_id, create_by) VALUES ('%%1%%x', 1, made, queue, 1, 3, 1, 1);
	PERFORM pg_temp.note(made, 1, 'customer', 1, body, type);
	RETURN made;
END
$$;
CREATE FUNCTION pg_temp.act(ticket bigint, who int, kind text, field text, value int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	was	int;
BEGIN
	EXECUTE format('SELECT %I FROM znuny.ticket WHERE id = %s', field, ticket) INTO was;
	EXECUTE format('UPDATE znuny.ticket SET %I = %s, change_by = %s WHERE id = %s', field, value, who, ticket);
	INSERT INTO znuny.ticket_history (name, history_type_id, ticket_id, queue_id, owner_id, priority_id, state_id, create_by)
		SELECT CASE kind WHEN 'StateUpdate' THEN format('%%%%%s%%%%%s%%%%', (SELECT z.name FROM znuny.ticket_state z WHERE z.id = was), (SELECT z.name FROM znuny.ticket_state z WHERE z.id = value)) ELSE '%%x%%' || was END,
			h.id, t.id, t.queue_id, t.user_id, t.ticket_priority_id, t.ticket_state_id, who FROM znuny.ticket t, znuny.ticket_history_type h WHERE t.id = ticket AND h.name = kind;
END
$$;
-- TicketUpdate of all that is queued, in order; what was asked for, in short
CREATE FUNCTION pg_temp.served() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	d		record;
	asked	text;
BEGIN
	FOR d IN SELECT q.delivery_id, q.payload::jsonb AS p FROM triage.deliveries q WHERE q.endpoint = 'znuny' AND q.state = 'queued' ORDER BY q.created_at, q.event_seq LOOP
		IF d.p -> 'Ticket' ? 'QueueID' THEN PERFORM pg_temp.act((d.p ->> 'TicketID')::bigint, 2, 'Move', 'queue_id', (d.p #>> '{Ticket,QueueID}')::int); END IF;
		IF d.p -> 'Ticket' ? 'OwnerID' THEN PERFORM pg_temp.act((d.p ->> 'TicketID')::bigint, 2, 'OwnerUpdate', 'user_id', (d.p #>> '{Ticket,OwnerID}')::int); END IF;
		IF d.p -> 'Ticket' ? 'StateID' THEN PERFORM pg_temp.act((d.p ->> 'TicketID')::bigint, 2, 'StateUpdate', 'ticket_state_id', (d.p #>> '{Ticket,StateID}')::int); END IF;
		IF d.p -> 'Ticket' ? 'PriorityID' THEN PERFORM pg_temp.act((d.p ->> 'TicketID')::bigint, 2, 'PriorityUpdate', 'ticket_priority_id', (d.p #>> '{Ticket,PriorityID}')::int); END IF;
		IF d.p ? 'Article' THEN PERFORM pg_temp.note((d.p ->> 'TicketID')::bigint, 2, 'agent', (d.p #>> '{Article,IsVisibleForCustomer}')::int, d.p #>> '{Article,Body}'); END IF;
		UPDATE triage.deliveries SET state = 'delivered', done_at = now() WHERE delivery_id = d.delivery_id;
		asked := concat_ws('; ', asked, concat_ws(' ', d.p ->> 'TicketID', (SELECT string_agg(k || '=' || v, ' ' ORDER BY k) FROM jsonb_each_text(d.p -> 'Ticket') t(k, v)),
			(SELECT string_agg(f ->> 'Name', ' ') FROM jsonb_array_elements(d.p -> 'DynamicField') f), CASE d.p #>> '{Article,IsVisibleForCustomer}' WHEN '1' THEN 'reply' WHEN '0' THEN 'note' END));
	END LOOP;
	RETURN asked;
END
$$;
CREATE FUNCTION pg_temp.case_of(ticket bigint) RETURNS bigint LANGUAGE sql AS $$ SELECT h.case_id FROM triage.host_tickets h WHERE h.ticket = case_of.ticket::text $$;

SELECT pg_temp.ticket('东门街道广场舞噪音', '夜里') AS one \gset
SELECT is((SELECT c.body || ' ' || c.reporter || ' ' || c.contact FROM triage.cases c WHERE c.case_id = pg_temp.case_of(:one)), E'东门街道广场舞噪音\n夜里 cit cit@desk.test', 'a new ticket is taken in with its first article');
SELECT is((SELECT d.payload ~ 'secret' FROM triage.deliveries d WHERE d.endpoint = 'znuny'), false, 'the login stands in no payload');
SELECT is(pg_temp.served(), format('%s OwnerID=3 PriorityID=%s QueueID=2 Deadline note', :one, (SELECT (ARRAY[5, 4, 3, 2])[c.priority] FROM triage.cases c WHERE c.case_id = pg_temp.case_of(:one))), 'one request moves it to its department, says why and by when');
SELECT is(pg_temp.served(), NULL::text, 'what it did comes back as nothing');
SELECT is(pg_temp.verbs(pg_temp.case_of(:one)), 'report', 'neither as a verb');
SELECT pg_temp.ticket('', '<p>东门街道<b>噪音</b></p>', 'text/html; charset=utf-8') AS page, pg_temp.ticket('东门街道广场舞噪音', 'x', queue => 3) AS other \gset
SELECT is((SELECT c.body FROM triage.cases c WHERE c.case_id = pg_temp.case_of(:page)), '东门街道噪音', 'a page');
SELECT is(pg_temp.case_of(:other), NULL::bigint, 'another queue');
SELECT pg_temp.served() \g /dev/null

SELECT pg_temp.act(:one, 3, 'StateUpdate', 'ticket_state_id', 4), pg_temp.note(:one, 3, 'agent', 0, '已出发'), pg_temp.note(:one, 1, 'customer', 1, '还在响'), pg_temp.note(:one, 1, 'agent', 0, '旁人') \g /dev/null
SELECT is(pg_temp.verbs(pg_temp.case_of(:one)), 'report accept feed_back append_text', 'opened, the owner''s note, the customer''s words, a stranger''s note');
SELECT pg_temp.served() \g /dev/null
SELECT pg_temp.note(:one, 3, 'agent', 1, '已劝离，约定晚八点前结束'), pg_temp.act(:one, 3, 'StateUpdate', 'ticket_state_id', 2) \g /dev/null
SELECT is((SELECT c.status || ' ' || (SELECT e.data ->> 'body' FROM triage.events e WHERE e.case_id = c.case_id AND e.verb = 'resolve') FROM triage.cases c WHERE c.case_id = pg_temp.case_of(:one)), 'review 已劝离，约定晚八点前结束', 'closed: resolved with the last words');
SELECT pg_temp.served() \g /dev/null
SELECT triage.review(pg_temp.case_of(:one), true) \g /dev/null
SELECT triage.tick() \g /dev/null
SELECT pg_temp.served() \g /dev/null
SELECT pg_temp.act(:one, 3, 'StateUpdate', 'ticket_state_id', 4) \g /dev/null
SELECT isnt((SELECT c.status FROM triage.cases c WHERE c.case_id = pg_temp.case_of(:one)), 'closed', 'opened again');

SELECT pg_temp.ticket('东门街道广场舞噪音', '二') AS two \gset
SELECT pg_temp.served() \g /dev/null
SELECT pg_temp.act(:two, 3, 'OwnerUpdate', 'user_id', 3) \g /dev/null
SELECT is((SELECT c.status FROM triage.cases c WHERE c.case_id = pg_temp.case_of(:two)), 'accepted', 'taken');
SELECT pg_temp.act(:two, 3, 'Move', 'queue_id', 3) \g /dev/null
SELECT is((SELECT string_agg(a.department, ' ') FROM triage.assignments a WHERE a.case_id = pg_temp.case_of(:two) AND a.department = 'WATER'), 'WATER', 'moved to the queue that bears a department''s English name: passed on');
SELECT is(position('QueueID' IN coalesce(pg_temp.served(), '')), 0, 'and it is not moved back');
SELECT pg_temp.ticket('东门街道广场舞噪音', '三') AS three \gset
SELECT pg_temp.served() \g /dev/null
SELECT pg_temp.act(:three, 3, 'Move', 'queue_id', 1) \g /dev/null
SELECT is((SELECT c.status FROM triage.cases c WHERE c.case_id = pg_temp.case_of(:three)), 'return_requested', 'moved back to the intake queue: to be returned');
SELECT is((SELECT string_agg(e.stage || ' ' || e.message, E'\n') FROM triage.intake_errors e), NULL::text, 'no error');
SELECT is((SELECT string_agg(o.ticket, ' ' ORDER BY o.ticket::int) FROM triage.znuny_open('znuny.ticket', (SELECT b.mapping FROM triage.bindings b), '2000-01-01', :'one', 100) o WHERE o.doc IS NOT NULL), :'three',
	'the open ones of before, where they are to be taken in');

SELECT is(triage.host_missing('znuny.ticket'), NULL::text, 'nothing is missing');
UPDATE znuny.users SET valid_id = 2 WHERE login IN ('triage', 'zhang');
UPDATE znuny.queue SET valid_id = 2, name = name || ' x' WHERE id IN (1, 2);
UPDATE znuny.ticket_priority SET valid_id = 2 WHERE name = '2 low';
SELECT is(triage.host_missing('znuny.ticket'), 'agent triage, in whose name tickets are changed, is not valid or gone; queue 东门街道办 x is not valid or gone, for TOWN11, TOWN12; agent zhang is not valid or gone, for TOWN11, TOWN12; queue 受理 x, whose tickets are taken in, is not valid or gone; priority 2 low is not valid or gone', 'health() is told what went');
UPDATE znuny.users SET valid_id = 1 WHERE login IN ('triage', 'zhang');
UPDATE znuny.queue SET valid_id = 1 WHERE id IN (1, 2);
UPDATE znuny.ticket_priority SET valid_id = 1;
SELECT is(triage.host_missing('znuny.ticket'), NULL::text, 'it is back; another name is no matter');

SELECT ok(triage.detach('znuny.ticket'), 'detach()');
DROP SCHEMA znuny CASCADE;
DROP OWNED BY znuny_host;
DROP ROLE znuny_host;
SELECT * FROM finish();
