/*
 * Znuny (and OTRS 6): read by trigger, written through its generic interface.
 *
 * Znuny keeps tickets in a cache on disk that does not learn of a change by
 * SQL.  So the writing half makes a request of the operation TicketUpdate,
 * which the courier posts to the binding's endpoint.  The interface asks for
 * a login in each request; it is a query string of the endpoint's url, which
 * health() and payloads do not show.
 *
 * Znuny creates a ticket without a transaction around it: ticket, history,
 * then the article.  The first row of article_data_mime has it whole; later
 * rows there are what people say, rows of ticket_history what they do.
 *
 * Written against Znuny's public schema and tested on tables of that shape
 * with a stub of its interface; not tested with Znuny itself.
 *
 * mapping, as attach_znuny() completes it: schema, endpoint, channel, bot
 * (id), departments {"CODE": {"queue": id, "owner": id}}, default (the same),
 * intake [ids of queues], states {"open", "closed": id}, state_types
 * {"name of state": type}, priorities {"1": id, …}, due_field, close.
 */

-- ---- from Znuny -----------------------------------------------------------------

CREATE FUNCTION triage.znuny_words(article jsonb) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	RETURN nullif(btrim(CASE WHEN znuny_words.article ->> 'a_content_type' ILIKE 'text/html%'
		THEN triage.html_text(left(znuny_words.article ->> 'a_body', 262144)) ELSE left(znuny_words.article ->> 'a_body', 262144) END, E' \t\r\n\u00A0\u3000'), '');
COMMENT ON FUNCTION triage.znuny_words(jsonb) IS 'Internal: the words of a row of Znuny''s article_data_mime, the first 262,144 characters; NULL = none.';

CREATE FUNCTION triage.znuny_said(mapping jsonb, ticket bigint, who int) RETURNS text
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	RETURN triage.znuny_words(triage.kept_row(format('SELECT to_jsonb(m) FROM %1$I.article a JOIN %1$I.article_data_mime m ON m.article_id = a.id'
		' WHERE a.ticket_id = $1::bigint AND a.create_by = $2::int ORDER BY a.id DESC LIMIT 1', znuny_said.mapping ->> 'schema'),
		znuny_said.ticket::text, znuny_said.who::text));
COMMENT ON FUNCTION triage.znuny_said(jsonb, bigint, int) IS 'Internal: what this Znuny user said last on a ticket; NULL = nothing.';

CREATE FUNCTION triage.znuny_article(mapping jsonb, mime jsonb) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	m		jsonb := znuny_article.mapping;
	words	text := triage.znuny_words(znuny_article.mime);
	t		record;
	verb	jsonb;
BEGIN
	SELECT * INTO t FROM jsonb_to_record(triage.kept_row(format('SELECT to_jsonb(x) FROM (SELECT a.ticket_id, a.create_by, s.name AS sender, a.is_visible_for_customer AS visible,'
		' EXISTS (SELECT FROM %1$I.article o WHERE o.ticket_id = a.ticket_id AND o.id < a.id) AS later,'
		' t.title, t.queue_id, t.user_id, t.customer_user_id, t.create_time, y.name AS type, u.login'
		' FROM %1$I.article a JOIN %1$I.ticket t ON t.id = a.ticket_id JOIN %1$I.article_sender_type s ON s.id = a.article_sender_type_id'
		' JOIN %1$I.ticket_state z ON z.id = t.ticket_state_id JOIN %1$I.ticket_state_type y ON y.id = z.type_id LEFT JOIN %1$I.users u ON u.id = a.create_by'
		' WHERE a.id = $1::bigint) x', m ->> 'schema'), znuny_article.mime ->> 'article_id'))
		x(ticket_id bigint, create_by int, sender text, visible int, later boolean, title text, queue_id int, user_id int, customer_user_id text, create_time timestamp, type text, login text);
	IF t.ticket_id IS NULL OR t.create_by = (m ->> 'bot')::int THEN
		RETURN NULL;
	ELSIF NOT t.later THEN
		IF t.type IN ('closed', 'removed', 'merged') OR NOT coalesce(m -> 'intake' @> to_jsonb(t.queue_id), true) THEN
			RETURN NULL;
		END IF;
		RETURN jsonb_strip_nulls(jsonb_build_object('event', 'create', 'ticket', t.ticket_id::text, 'by', t.login,
			'reporter', coalesce(nullif(t.customer_user_id, ''), znuny_article.mime ->> 'a_from'), 'contact', nullif(znuny_article.mime ->> 'a_from', ''),
			'body', CASE WHEN coalesce(t.title, '') = '' OR starts_with(words, t.title) THEN coalesce(words, '') ELSE concat_ws(E'\n', t.title, words) END));
	ELSIF words IS NULL THEN
		RETURN NULL;
	END IF;
	verb := CASE WHEN t.sender = 'customer' THEN jsonb_build_object('verb', 'append_text', 'body', words)
		WHEN t.sender = 'agent' AND (t.visible = 1 OR t.create_by = t.user_id) THEN jsonb_strip_nulls(jsonb_build_object('verb', 'feed_back', 'body', words,
			'department', triage.host_queue_department(m, t.queue_id))) END;
	RETURN CASE WHEN verb IS NOT NULL THEN jsonb_build_object('event', 'change', 'ticket', t.ticket_id::text, 'by', t.login, 'verbs', jsonb_build_array(verb)) END;
END
$$;
COMMENT ON FUNCTION triage.znuny_article(jsonb, jsonb) IS
	'Internal: what a new row of article_data_mime means. The first of its ticket: a report; the customer''s: append_text; an agent''s that the customer sees, or its owner''s: feed_back; our own: nothing.';

CREATE FUNCTION triage.znuny_history(mapping jsonb, entry jsonb) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	m		jsonb := znuny_history.mapping;
	ticket	text := znuny_history.entry ->> 'ticket_id';
	who		int := (znuny_history.entry ->> 'create_by')::int;
	words	text := znuny_history.entry ->> 'name';
	target	text;
	was		text;
	type	text;
	t		record;
	verbs	jsonb;
BEGIN
	IF who = (m ->> 'bot')::int THEN
		RETURN NULL;
	END IF;
	SELECT * INTO t FROM jsonb_to_record(triage.kept_row(format('SELECT to_jsonb(x) FROM (SELECT'
		' (SELECT h.name FROM %1$I.ticket_history_type h WHERE h.id = $1::int) AS kind, (SELECT u.login FROM %1$I.users u WHERE u.id = $2::int) AS login,'
		' (SELECT z.name FROM %1$I.ticket_state z WHERE z.id = $3::int) AS state) x', m ->> 'schema'),
		znuny_history.entry ->> 'history_type_id', who::text, znuny_history.entry ->> 'state_id')) x(kind text, login text, state text);
	target := triage.host_queue_department(m, (znuny_history.entry ->> 'queue_id')::int);
	CASE t.kind
		WHEN 'Move' THEN
			IF target IS NOT NULL THEN
				verbs := jsonb_build_array(jsonb_build_object('verb', 'transfer', 'department', target, 'reason', coalesce(triage.znuny_said(m, ticket::bigint, who), '在 Znuny 中转入该队列 moved to this queue in Znuny')));
			ELSIF m -> 'intake' @> to_jsonb((znuny_history.entry ->> 'queue_id')::int) THEN
				verbs := jsonb_build_array(jsonb_build_object('verb', 'request_return', 'reason', coalesce(triage.znuny_said(m, ticket::bigint, who), '在 Znuny 中退回受理队列 put back into the intake queue in Znuny')));
			END IF;
		WHEN 'OwnerUpdate' THEN
			IF (znuny_history.entry ->> 'owner_id')::int = who THEN
				verbs := jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('verb', 'accept', 'department', target)));
			END IF;
		WHEN 'StateUpdate' THEN
			-- "%%old%%new%%"
			was := m -> 'state_types' ->> split_part(words, '%%', 2);
			type := m -> 'state_types' ->> coalesce(nullif(split_part(words, '%%', 3), ''), t.state);
			IF was = 'closed' AND type IN ('new', 'open') THEN
				verbs := jsonb_build_array(jsonb_build_object('verb', 'reopen', 'reason', coalesce(triage.znuny_said(m, ticket::bigint, who), '在 Znuny 中重新打开 reopened in Znuny')));
			ELSIF type = 'open' THEN
				verbs := jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('verb', 'accept', 'department', target)));
			ELSIF type = 'closed' THEN
				verbs := jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('verb', 'resolve', 'outcome', 'resolved', 'body', triage.znuny_said(m, ticket::bigint, who))))
					|| CASE WHEN (m ->> 'close')::boolean THEN '[{"verb": "close_case"}]'::jsonb ELSE '[]' END;
			END IF;
		WHEN 'Merged' THEN
			-- "Merged Ticket (number/id) to (number/id)", in the history of both
			IF substring(words FROM '\(\d+/(\d+)\) to') = ticket THEN
				verbs := jsonb_build_array(jsonb_build_object('verb', 'merge', 'into', substring(words FROM 'to \(\d+/(\d+)\)')));
			END IF;
		ELSE NULL;
	END CASE;
	RETURN CASE WHEN verbs IS NOT NULL THEN jsonb_build_object('event', 'change', 'ticket', ticket, 'by', t.login, 'verbs', verbs) END;
END
$$;
COMMENT ON FUNCTION triage.znuny_history(jsonb, jsonb) IS
	'Internal: what a new row of ticket_history means: Move transfer (back to an intake queue: request_return), OwnerUpdate to oneself accept, StateUpdate by the type of the state accept, resolve or reopen, Merged merge; our own: nothing.';

CREATE FUNCTION triage.znuny_read(relation regclass, mapping jsonb, source_table text, "row" jsonb, old_row jsonb) RETURNS jsonb
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	RETURN CASE WHEN znuny_read.old_row IS NOT NULL THEN NULL
		WHEN znuny_read."row" ? 'a_body' THEN triage.znuny_article(znuny_read.mapping, znuny_read."row")
		ELSE triage.znuny_history(znuny_read.mapping, znuny_read."row") END;
COMMENT ON FUNCTION triage.znuny_read(regclass, jsonb, text, jsonb, jsonb) IS
	'Driver of Znuny: what a new row of article_data_mime or ticket_history means; NULL = nothing.';

CREATE FUNCTION triage.znuny_open(relation regclass, mapping jsonb, since timestamptz, after text, max_rows int)
	RETURNS TABLE (ticket text, doc jsonb)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
BEGIN
	RETURN QUERY EXECUTE format('SELECT t.id::text, triage.znuny_article($1, (SELECT to_jsonb(d) FROM %1$I.article a JOIN %1$I.article_data_mime d ON d.article_id = a.id WHERE a.ticket_id = t.id ORDER BY a.id LIMIT 1))'
		' FROM %1$I.ticket t JOIN %1$I.ticket_state z ON z.id = t.ticket_state_id JOIN %1$I.ticket_state_type y ON y.id = z.type_id'
		' WHERE t.id > $2 AND t.create_time >= $3 AND y.name NOT IN (''closed'', ''removed'', ''merged'') ORDER BY t.id LIMIT $4', znuny_open.mapping ->> 'schema')
		USING znuny_open.mapping, coalesce(znuny_open.after::bigint, 0), znuny_open.since AT TIME ZONE 'UTC', znuny_open.max_rows;
END
$$;
COMMENT ON FUNCTION triage.znuny_open(regclass, jsonb, timestamptz, text, int) IS
	'Driver of Znuny, for the back-fill: open tickets made since then, in the order of their ids behind "after"; doc NULL = to be passed over.';

-- ---- to Znuny -------------------------------------------------------------------

CREATE FUNCTION triage.znuny_send(relation regclass, ticket text, case_id bigint, body jsonb) RETURNS void
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
	INSERT INTO triage.deliveries (case_id, delivery_id, endpoint, event_seq, type, state, created_at, next_attempt_at, payload)
	SELECT c.case_id, gen_random_uuid(), b.mapping ->> 'endpoint', c.event_seq, 'pg_triage.znuny', 'queued', triage.clock(), triage.clock(),
		(znuny_send.body || jsonb_build_object('TicketID', znuny_send.ticket::bigint))::text
	FROM triage.bindings b, triage.cases c WHERE b.relation = znuny_send.relation AND b.kind = 'znuny' AND c.case_id = znuny_send.case_id;
	SELECT triage.wake_courier_at_commit();
$$;
COMMENT ON FUNCTION triage.znuny_send(regclass, text, bigint, jsonb) IS
	'Internal: queues a request of TicketUpdate for the endpoint of the binding; the requests of one case go in order.';

CREATE FUNCTION triage.znuny_request(mapping jsonb, doc jsonb, shown jsonb) RETURNS jsonb
	LANGUAGE sql STABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	RETURN (WITH d AS (SELECT znuny_request.doc AS d, nullif(znuny_request.shown, 'null') AS s, znuny_request.mapping AS m,
				coalesce(znuny_request.mapping -> 'departments' -> (znuny_request.doc ->> 'department'), znuny_request.mapping -> 'default') AS party,
				CASE WHEN znuny_request.doc ->> 'status' IN ('accepted', 'in_progress') THEN 'open'
					WHEN znuny_request.doc ->> 'status' IN ('closed', 'review', 'callback') THEN 'closed' END AS state,
				CASE WHEN znuny_request.doc ->> 'colour' = 'red' THEN '1' ELSE znuny_request.doc ->> 'priority' END AS priority)
		SELECT jsonb_strip_nulls(jsonb_build_object(
			'Ticket', nullif(jsonb_strip_nulls(jsonb_build_object(
				'QueueID', CASE WHEN d.d ->> 'department' IS DISTINCT FROM d.s ->> 'department' THEN d.party -> 'queue' END,
				'OwnerID', CASE WHEN d.d ->> 'department' IS DISTINCT FROM d.s ->> 'department' THEN d.party -> 'owner' END,
				'StateID', CASE WHEN d.d ->> 'status' IS DISTINCT FROM d.s ->> 'status' THEN d.m -> 'states' -> d.state END,
				'PriorityID', CASE WHEN d.d ->> 'priority' IS DISTINCT FROM d.s ->> 'priority' OR d.d ->> 'colour' = 'red' THEN d.m -> 'priorities' -> d.priority END)), '{}'),
			'DynamicField', CASE WHEN d.m ->> 'due_field' IS NOT NULL AND d.d ->> 'due_at' IS DISTINCT FROM d.s ->> 'due_at' AND d.d ->> 'due_at' IS NOT NULL
				THEN jsonb_build_array(jsonb_build_object('Name', d.m ->> 'due_field', 'Value', to_char((d.d ->> 'due_at')::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'))) END,
			'Article', CASE WHEN d.d ->> 'comment' IS NOT NULL OR d.d ->> 'merged_into' IS NOT NULL THEN jsonb_build_object('CommunicationChannel', 'Internal', 'SenderType', 'agent', 'IsVisibleForCustomer', 0,
				'Subject', '分派 Triage ' || (d.d ->> 'number'), 'ContentType', 'text/plain; charset=utf8',
				'Body', concat_ws(E'\n', d.d ->> 'comment', '并入工单 merged into ticket id ' || (d.d ->> 'merged_into'))) END)) FROM d);
COMMENT ON FUNCTION triage.znuny_request(jsonb, jsonb, jsonb) IS
	'A payload format for Znuny''s generic interface (operation TicketUpdate): what doc, as of host_doc(), has that shown, as of host_tickets.shown, had not: {"Ticket": {"QueueID", "OwnerID", "StateID", "PriorityID"}, "DynamicField", "Article": an internal note}. What agents set themselves stands until the case changes in that respect; overdue (red) is the priority of U1. {} = nothing.';

CREATE FUNCTION triage.znuny_write(relation regclass, mapping jsonb, ticket text, doc jsonb) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	body	jsonb := triage.znuny_request(znuny_write.mapping, znuny_write.doc,
		CASE WHEN (znuny_write.doc ->> 'first')::boolean THEN NULL ELSE nullif(triage.host_shown(znuny_write.relation, znuny_write.ticket, NULL) -> 'shown', 'null') END);
BEGIN
	IF body <> '{}' THEN
		PERFORM triage.znuny_send(znuny_write.relation, znuny_write.ticket, (znuny_write.doc ->> 'case_id')::bigint, body);
	END IF;
	IF znuny_write.doc ->> 'inform' IS NOT NULL THEN
		PERFORM triage.znuny_send(znuny_write.relation, znuny_write.ticket, (znuny_write.doc ->> 'case_id')::bigint, jsonb_build_object('Article', jsonb_build_object('CommunicationChannel', 'Internal',
			'SenderType', 'agent', 'IsVisibleForCustomer', 1, 'Subject', '办理结果 Result ' || (znuny_write.doc ->> 'number'), 'ContentType', 'text/plain; charset=utf8', 'Body', znuny_write.doc ->> 'inform')));
	END IF;
END
$$;
COMMENT ON FUNCTION triage.znuny_write(regclass, jsonb, text, jsonb) IS
	'Driver of Znuny: one request with what the case changed and an internal note with the words; the result for the citizen as an article he sees.';

CREATE FUNCTION triage.znuny_missing(relation regclass, mapping jsonb) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	said	text;
BEGIN
	EXECUTE format($q$
		WITH target AS (SELECT t.key, (t.value ->> 'queue')::int AS queue, (t.value ->> 'owner')::int AS owner
				FROM (SELECT * FROM jsonb_each(coalesce($1 -> 'departments', '{}')) UNION ALL SELECT 'default', $1 -> 'default' WHERE $1 ? 'default') t),
			found AS (SELECT 1 AS nr, format('agent %%s, in whose name tickets are changed, is not valid or gone', coalesce((SELECT u.login FROM %1$I.users u WHERE u.id = b.id), b.id::text)) AS what
				FROM (VALUES (($1 ->> 'bot')::int)) b(id) WHERE NOT EXISTS (SELECT FROM %1$I.users u WHERE u.id = b.id AND u.valid_id = 1)
				UNION SELECT 2, format('queue %%s is not valid or gone, for %%s', coalesce(q.name, t.queue::text), string_agg(t.key, ', ' ORDER BY t.key))
				FROM target t LEFT JOIN %1$I.queue q ON q.id = t.queue WHERE coalesce(q.valid_id, 0) <> 1 GROUP BY t.queue, q.name
				UNION SELECT 3, format('agent %%s is not valid or gone, for %%s', coalesce(u.login, t.owner::text), string_agg(t.key, ', ' ORDER BY t.key))
				FROM target t LEFT JOIN %1$I.users u ON u.id = t.owner WHERE t.owner IS NOT NULL AND coalesce(u.valid_id, 0) <> 1 GROUP BY t.owner, u.login
				UNION SELECT 4, format('queue %%s, whose tickets are taken in, is not valid or gone', coalesce(q.name, i.value))
				FROM jsonb_array_elements_text(coalesce($1 -> 'intake', '[]')) i LEFT JOIN %1$I.queue q ON q.id = i.value::int WHERE coalesce(q.valid_id, 0) <> 1
				UNION SELECT 5, format('ticket state %%s is not valid or gone', coalesce(z.name, s.value))
				FROM jsonb_each_text(coalesce($1 -> 'states', '{}')) s LEFT JOIN %1$I.ticket_state z ON z.id = s.value::int WHERE coalesce(z.valid_id, 0) <> 1
				UNION SELECT 6, format('priority %%s is not valid or gone', coalesce(p.name, s.value))
				FROM jsonb_each_text(coalesce($1 -> 'priorities', '{}')) s LEFT JOIN %1$I.ticket_priority p ON p.id = s.value::int WHERE coalesce(p.valid_id, 0) <> 1)
		SELECT string_agg(f.what, '; ' ORDER BY f.nr, f.what) FROM found f$q$, znuny_missing.mapping ->> 'schema') INTO said USING znuny_missing.mapping;
	RETURN said;
END
$$;
COMMENT ON FUNCTION triage.znuny_missing(regclass, jsonb) IS
	'Driver of Znuny, for health(): what the completed mapping names and Znuny has no longer: the agent who writes, queues, owners, the states and priorities that requests set. NULL = nothing.';

-- ---- attaching --------------------------------------------------------------------

CREATE FUNCTION triage.znuny_complete(mapping jsonb, OUT complete jsonb, OUT report jsonb)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	given	jsonb := coalesce(znuny_complete.mapping, '{}');
	s		text := triage.host_schema('Znuny', '{ticket,article,article_data_mime,ticket_history,ticket_history_type,ticket_state,ticket_state_type,ticket_priority,article_sender_type,queue,users}',
				given ->> 'schema');
	know	jsonb;
	r		record;
	named	int;
	total	int;
BEGIN
	PERFORM triage.host_check_keys(given, '{schema,endpoint,bot,channel,departments,default,intake,priorities,due_field,close,assists}');
	-- all names at once: lower-case name => id
	EXECUTE format($q$SELECT jsonb_build_object(
			'queues', (SELECT coalesce(jsonb_object_agg(lower(q.name), q.id), '{}') FROM %1$I.queue q WHERE q.valid_id = 1),
			'users', (SELECT coalesce(jsonb_object_agg(lower(u.login), u.id), '{}') FROM %1$I.users u WHERE u.valid_id = 1),
			'priorities', (SELECT coalesce(jsonb_object_agg(lower(p.name), p.id), '{}') FROM %1$I.ticket_priority p WHERE p.valid_id = 1),
			'state_types', (SELECT coalesce(jsonb_object_agg(z.name, y.name), '{}') FROM %1$I.ticket_state z JOIN %1$I.ticket_state_type y ON y.id = z.type_id),
			'states', (SELECT coalesce(jsonb_object_agg(x.type, x.id), '{}') FROM (SELECT DISTINCT ON (y.name) y.name AS type, z.id FROM %1$I.ticket_state z
				JOIN %1$I.ticket_state_type y ON y.id = z.type_id WHERE z.valid_id = 1 AND y.name IN ('open', 'closed') ORDER BY y.name, z.id) x))$q$, s) INTO know;
	complete := jsonb_build_object('schema', s, 'hook', 'row', 'events', 'insert', 'channel', coalesce(given ->> 'channel', 'znuny'), 'endpoint', given ->> 'endpoint',
		'bot', know -> 'users' -> lower(coalesce(given ->> 'bot', '')), 'states', know -> 'states', 'state_types', know -> 'state_types',
		'close', coalesce((given ->> 'close')::boolean, false), 'assists', coalesce(given ->> 'assists', 'finish'), 'due_field', given ->> 'due_field');
	report := jsonb_build_array(jsonb_build_array('schema ' || s, 'ok', NULL));
	report := report || jsonb_build_array(
		CASE WHEN complete ->> 'bot' IS NULL THEN jsonb_build_array('user ' || coalesce(given ->> 'bot', ''), 'missing', 'The agent in whose name requests are made, with rw in all queues: {"bot": "login"}.')
			ELSE jsonb_build_array('user ' || (given ->> 'bot'), 'ok', NULL) END,
		CASE WHEN EXISTS (SELECT FROM triage.endpoints e WHERE e.code = given ->> 'endpoint' AND e.active) THEN jsonb_build_array('endpoint ' || (given ->> 'endpoint'), 'ok', NULL)
			ELSE jsonb_build_array('endpoint ' || coalesce(given ->> 'endpoint', ''), 'missing', 'A row of triage.endpoints with the url of a web service whose route takes POST to TicketUpdate: https://HOST/znuny/nph-genericinterface.pl/Webservice/NAME/TicketUpdate?UserLogin=…&Password=….') END);
	FOR r IN SELECT u.u, coalesce(given -> 'priorities' ->> u.u, u.name) AS name FROM (VALUES ('1', '5 very high'), ('2', '4 high'), ('3', '3 normal'), ('4', '2 low')) u(u, name) LOOP
		IF know -> 'priorities' ? lower(r.name) THEN
			complete := jsonb_set(jsonb_build_object('priorities', '{}'::jsonb) || complete, ARRAY['priorities', r.u], know -> 'priorities' -> lower(r.name));
		ELSE
			report := report || jsonb_build_array(jsonb_build_array('priority ' || r.u, 'missing', format('Znuny has no priority %s: {"priorities": {"%s": "name"}}.', r.name, r.u)));
		END IF;
	END LOOP;
	FOR r IN SELECT d.key, d.value, CASE WHEN jsonb_typeof(d.value) = 'string' THEN d.value #>> '{}' ELSE d.value ->> 'queue' END AS queue
		FROM (SELECT * FROM jsonb_each(coalesce(given -> 'departments', '{}')) UNION ALL SELECT 'default', given -> 'default' WHERE given ? 'default') d ORDER BY 1
	LOOP
		IF r.key <> 'default' AND NOT EXISTS (SELECT FROM triage.departments d WHERE r.key IN (d.code, d.kind)) THEN
			report := report || jsonb_build_array(jsonb_build_array('department ' || r.key, 'problem', 'triage.departments has no such code or kind.'));
		ELSIF NOT know -> 'queues' ? coalesce(lower(r.queue), '') THEN
			report := report || jsonb_build_array(jsonb_build_array('department ' || r.key, 'missing', format('Znuny has no valid queue %s.', r.queue)));
		ELSIF r.value ->> 'owner' IS NOT NULL AND NOT know -> 'users' ? lower(r.value ->> 'owner') THEN
			report := report || jsonb_build_array(jsonb_build_array('department ' || r.key, 'missing', format('Znuny has no valid agent %s.', r.value ->> 'owner')));
		ELSE
			report := report || jsonb_build_array(jsonb_build_array('department ' || r.key, 'ok', NULL));
		END IF;
	END LOOP;
	FOR r IN SELECT i.name FROM jsonb_array_elements_text(coalesce(given -> 'intake', '[]')) i(name) WHERE NOT know -> 'queues' ? lower(i.name) LOOP
		report := report || jsonb_build_array(jsonb_build_array('intake ' || r.name, 'missing', 'No such valid queue.'));
	END LOOP;
	IF given ? 'intake' THEN
		complete := complete || jsonb_build_object('intake', (SELECT coalesce(jsonb_agg(know -> 'queues' -> lower(i.name)), '[]') FROM jsonb_array_elements_text(given -> 'intake') i(name)));
	END IF;
	SELECT complete || jsonb_build_object('departments', coalesce(jsonb_object_agg(x.code, x.entry) FILTER (WHERE x.entry IS NOT NULL), '{}')), count(*), count(x.entry) INTO complete, total, named
		FROM (SELECT d.code, coalesce(
				(SELECT jsonb_strip_nulls(jsonb_build_object('queue', know -> 'queues' -> lower(CASE WHEN jsonb_typeof(v.v) = 'string' THEN v.v #>> '{}' ELSE v.v ->> 'queue' END),
					'owner', know -> 'users' -> lower(v.v ->> 'owner'))) FROM (SELECT coalesce(given -> 'departments' -> d.code, given -> 'departments' -> d.kind) AS v) v WHERE v.v IS NOT NULL),
				(SELECT jsonb_build_object('queue', know -> 'queues' -> lower(n.n)) FROM unnest(ARRAY[d.zh, d.en, d.code]) WITH ORDINALITY n(n, o) WHERE know -> 'queues' ? lower(n.n) ORDER BY n.o LIMIT 1)) AS entry
			FROM triage.departments d WHERE d.active) x;
	IF given ? 'default' THEN
		complete := complete || jsonb_build_object('default', jsonb_strip_nulls(jsonb_build_object(
			'queue', know -> 'queues' -> lower(CASE WHEN jsonb_typeof(given -> 'default') = 'string' THEN given ->> 'default' ELSE given -> 'default' ->> 'queue' END),
			'owner', know -> 'users' -> lower(given -> 'default' ->> 'owner'))));
	END IF;
	report := report || jsonb_build_array(jsonb_build_array('departments', CASE WHEN named = 0 AND NOT given ? 'default' THEN 'missing' ELSE 'ok' END,
		format('%s of %s have a queue; tickets of the others %s.', named, total, CASE WHEN given ? 'default' THEN 'share the default' ELSE 'stay where they come in' END)));
	complete := jsonb_strip_nulls(complete);
END
$$;
COMMENT ON FUNCTION triage.znuny_complete(jsonb) IS
	'Internal: looks up in Znuny what a mapping names; complete = with ids, for the driver; report = [[item, ok | missing | problem, what to do], …].';

CREATE FUNCTION triage.attach_znuny(mapping jsonb DEFAULT '{}', backfill interval DEFAULT NULL, dry_run boolean DEFAULT false)
	RETURNS TABLE (item text, state text, detail text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	looked	record;
	p		jsonb;
	s		text;
BEGIN
	PERFORM triage.require_admin();
	looked := triage.znuny_complete(attach_znuny.mapping);
	p := triage.host_channel(triage.host_plan(looked.complete, looked.report), '工单系统 Znuny', 'Znuny', attach_znuny.dry_run);
	s := quote_ident(looked.complete ->> 'schema');
	RETURN QUERY SELECT a.item, a.state, a.detail FROM triage.host_attach('znuny', 'Znuny', p, s || '.ticket', ARRAY[s || '.article_data_mime', s || '.ticket_history'],
		attach_znuny.backfill, attach_znuny.dry_run) a;
END
$$;
COMMENT ON FUNCTION triage.attach_znuny(jsonb, interval, boolean) IS
	'Attaches to the Znuny whose tables are in this database: its new tickets are taken in, and the courier tells Znuny what became of them by its generic interface. Written against Znuny''s public schema, tested with a stub of its interface. mapping: endpoint (triage.endpoints, required): url of a web service with the operation TicketUpdate on POST, TicketID in the body, the login as query string · bot (required): the login in it · departments {"code or kind": "queue" | {"queue", "owner": "login"}}; a department that is not named has the queue of its Chinese name, English name or code · default: the same for all others · intake ["queue"]: only tickets made there are taken in; moved back there = request_return · priorities {"1": "5 very high", "2": "4 high", "3": "3 normal", "4": "2 low"} · due_field: a dynamic field of date and time (UTC) for the deadline · close: closed = closed, without review · assists "wait": closing waits for those who assist · channel (znuny) · schema.
backfill: also tickets open now and made since then. dry_run: only tell. Errors: TR002 not an administrator, TR003 no tables of Znuny here, unknown keys, or something is missing (the first is named, all are in the detail).';
