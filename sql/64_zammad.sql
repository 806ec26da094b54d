/*
 * Zammad: read by trigger, written through its REST interface.
 *
 * Zammad keeps tickets in caches, a search index and browsers, none of which
 * learns of a change by SQL.  So the driver's writing half makes a request,
 * PUT /api/v1/tickets/ID, which the courier sends to the binding's endpoint,
 * with the token of a Zammad user (the bot) that only the courier reads.
 * What that user does comes back through the triggers and is passed over.
 *
 * Written against Zammad's public schema and tested on tables of that shape
 * and a stub of its interface; not tested with Zammad itself.
 */

-- ---- from Zammad -------------------------------------------------------------

CREATE FUNCTION triage.zammad_report(mapping jsonb, ticket int, article jsonb) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	m	jsonb := zammad_report.mapping;
	t	record;
BEGIN
	SELECT * INTO t FROM jsonb_to_record(triage.kept_row(format('SELECT to_jsonb(x) FROM (SELECT t.title, t.group_id, t.state_id, t.created_at,'
		' nullif(btrim(concat_ws('' '', u.firstname, u.lastname)), '''') AS name, coalesce(nullif(u.mobile, ''''), nullif(u.phone, '''')) AS phone, u.email, c.login'
		' FROM %1$s.tickets t LEFT JOIN %1$s.users u ON u.id = t.customer_id LEFT JOIN %1$s.users c ON c.id = t.created_by_id WHERE t.id = $1::int) x',
		m #>> '{derived,schema}'), zammad_report.ticket::text))
		AS x(title text, group_id int, state_id int, created_at timestamp, name text, phone text, email text, login text);
	IF t.group_id IS NULL
		OR (m #> '{derived,group_ids}') @> to_jsonb(t.group_id) IS FALSE
		OR (m #> '{derived,closed_ids}') @> to_jsonb(t.state_id)
	THEN
		RETURN NULL;
	END IF;
	RETURN jsonb_strip_nulls(jsonb_build_object('event', 'create', 'ticket', zammad_report.ticket::text, 'by', t.login,
		'html', zammad_report.article ->> 'content_type' = 'text/html',
		'body', concat_ws(CASE zammad_report.article ->> 'content_type' WHEN 'text/html' THEN '<br>' ELSE E'\n' END,
			CASE zammad_report.article ->> 'content_type' WHEN 'text/html' THEN replace(replace(replace(t.title, '&', '&amp;'), '<', '&lt;'), '>', '&gt;') ELSE t.title END,
			nullif(zammad_report.article ->> 'body', '')),
		'reporter', t.name, 'contact', coalesce(t.phone, CASE WHEN m ->> 'contact' = 'email' THEN t.email END),
		-- Zammad's times are UTC; what comes in now is on the clock of triage
		'reported_at', CASE WHEN t.created_at < (clock_timestamp() AT TIME ZONE 'UTC') - interval '5 minutes' THEN t.created_at AT TIME ZONE 'UTC' END));
END
$$;
COMMENT ON FUNCTION triage.zammad_report(jsonb, int, jsonb) IS
	'Internal, for the Zammad driver: a ticket with its first article as the document of a new report; NULL: it is gone, closed, or mapping.groups leaves it out.';

CREATE FUNCTION triage.zammad_article(relation regclass, mapping jsonb, article jsonb) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	m		jsonb := zammad_article.mapping;
	a		jsonb := zammad_article.article;
	ticket	text := a ->> 'ticket_id';
	words	text := nullif(btrim(CASE a ->> 'content_type' WHEN 'text/html' THEN triage.html_text(a ->> 'body') ELSE a ->> 'body' END, E' \t\r\n'), '');
	i		record;
	view	jsonb;
	verb	jsonb;
BEGIN
	IF (a ->> 'created_by_id')::int = (m #>> '{derived,bot_id}')::int THEN
		RETURN NULL;
	END IF;
	SELECT * INTO i FROM jsonb_to_record(triage.kept_row(format('SELECT to_jsonb(x) FROM (SELECT'
		' EXISTS (SELECT FROM %1$s.ticket_articles o WHERE o.ticket_id = $1::int AND o.id < $2::int) AS later,'
		' (SELECT s.name FROM %1$s.ticket_article_senders s WHERE s.id = $3::int) AS sender,'
		' (SELECT u.login FROM %1$s.users u WHERE u.id = $4::int) AS login) x', m #>> '{derived,schema}'), ticket, a ->> 'id', a ->> 'sender_id', a ->> 'created_by_id'))
		AS x(later boolean, sender text, login text);
	IF NOT i.later THEN
		RETURN triage.zammad_report(m, ticket::int, a);
	END IF;
	view := triage.host_standing(zammad_article.relation, ticket);
	IF view IS NULL OR words IS NULL OR i.sender = 'System' THEN
		RETURN NULL;
	END IF;
	verb := CASE
		WHEN i.sender = 'Customer' AND view ->> 'status' <> 'closed' THEN jsonb_build_object('verb', 'append_text', 'body', words)
		WHEN i.sender = 'Agent' AND (a ->> 'internal')::boolean IS NOT TRUE AND view ->> 'status' IN ('dispatched', 'accepted', 'in_progress')
			THEN jsonb_build_object('verb', 'feed_back', 'department', view ->> 'lead', 'body', words) END;
	RETURN CASE WHEN verb IS NOT NULL THEN jsonb_build_object('event', 'change', 'ticket', ticket, 'by', i.login, 'verbs', jsonb_build_array(verb)) END;
END
$$;
COMMENT ON FUNCTION triage.zammad_article(regclass, jsonb, jsonb) IS
	'Internal, for the Zammad driver: what a new article means. The first of its ticket: a report; the customer''s: append_text; an agent''s that is not internal: feed_back; our own: nothing.';

CREATE FUNCTION triage.zammad_change(relation regclass, mapping jsonb, was jsonb, now jsonb) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	m		jsonb := zammad_change.mapping;
	w		jsonb := zammad_change.was;
	n		jsonb := zammad_change.now;
	ticket	text := n ->> 'id';
	change	text := CASE WHEN w ->> 'state_id' <> n ->> 'state_id' THEN coalesce(m #>> ARRAY['derived', 'verb_of', n ->> 'state_id'], 'none') END;
	view	jsonb;
	state	text;
	lead	text;
	target	text;
	who		text;
	reason	text;
	verbs	jsonb := '[]';
BEGIN
	-- Zammad touches its tickets for many reasons that are not ours
	IF (n ->> 'updated_by_id')::int = (m #>> '{derived,bot_id}')::int
		OR (change IS NULL AND w ->> 'group_id' = n ->> 'group_id' AND w ->> 'owner_id' = n ->> 'owner_id')
	THEN
		RETURN NULL;
	END IF;
	view := triage.host_standing(zammad_change.relation, ticket);
	IF view IS NULL THEN
		RETURN NULL;
	END IF;
	state := view ->> 'status';
	lead := view ->> 'lead';
	who := triage.kept_row(format('SELECT to_jsonb(u.login) FROM %s.users u WHERE u.id = $1::int', m #>> '{derived,schema}'), n ->> 'updated_by_id') #>> '{}';
	reason := format('Zammad %s: %s', coalesce(n ->> 'number', ticket), coalesce(who, '?'));
	IF w ->> 'group_id' <> n ->> 'group_id' AND state IN ('dispatched', 'accepted', 'in_progress') THEN
		target := triage.host_department(m #>> ARRAY['derived', 'group_of', n ->> 'group_id'], view ->> 'area');
		IF NOT EXISTS (SELECT FROM jsonb_array_elements(view -> 'parties') p WHERE p.value ->> 'department' = target) THEN
			verbs := verbs || jsonb_build_array(jsonb_build_object('verb', 'transfer', 'department', target, 'reason', reason));
		END IF;
	ELSIF change IN ('accept', 'none') AND state = 'closed' THEN
		verbs := verbs || jsonb_build_array(jsonb_build_object('verb', 'reopen', 'reason', reason));
	ELSIF change IN ('accept', 'none') AND state = 'review' THEN
		verbs := verbs || jsonb_build_array(jsonb_build_object('verb', 'send_back', 'reason', reason));
	ELSIF change = 'accept' AND state = 'suspended' THEN
		verbs := verbs || jsonb_build_array(jsonb_build_object('verb', 'resume', 'note', reason));
	ELSIF change = 'suspend' AND n ->> 'pending_time' IS NOT NULL THEN
		verbs := verbs || jsonb_build_array(jsonb_build_object('verb', 'suspend', 'reason', reason,
			'review_at', to_jsonb((n ->> 'pending_time')::timestamp AT TIME ZONE 'UTC')));
	ELSIF change IN ('resolve', 'close') AND state IN ('dispatched', 'accepted', 'in_progress') THEN
		-- one ticket is all that Zammad knows of a case: those who assist end with it
		verbs := verbs || jsonb_build_array(jsonb_build_object('verb', 'accept')) || (SELECT coalesce(jsonb_agg(jsonb_build_object('verb', 'finish',
				'department', p.value ->> 'department', 'body', '随主办部门一并办结 · ended with the lead''s part')), '[]')
			FROM jsonb_array_elements(view -> 'parties') p WHERE p.value ->> 'duty' IN ('assist', 'expert'))
			|| jsonb_build_array(jsonb_build_object('verb', 'resolve', 'body', reason, 'outcome', coalesce(m ->> 'outcome', 'resolved')));
	ELSIF change = 'accept' OR (w ->> 'owner_id' <> n ->> 'owner_id' AND (n ->> 'owner_id')::int <> 1) THEN
		verbs := verbs || jsonb_build_array(jsonb_build_object('verb', 'accept'));
	END IF;
	IF change = 'close' THEN
		verbs := verbs || jsonb_build_array(jsonb_build_object('verb', 'close_case'));
	END IF;
	RETURN CASE WHEN verbs <> '[]' THEN jsonb_build_object('event', 'change', 'ticket', ticket, 'by', who, 'verbs', verbs) END;
END
$$;
COMMENT ON FUNCTION triage.zammad_change(regclass, jsonb, jsonb, jsonb) IS
	'Internal, for the Zammad driver: what a changed row of tickets means: another group transfer; a state what mapping.verbs says (open again: reopen, send_back, resume); an owner accept. NULL = nothing, or we did it.';

CREATE FUNCTION triage.zammad_read(relation regclass, mapping jsonb, source_table text, new_row jsonb, old_row jsonb) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
BEGIN
	RETURN CASE
		WHEN zammad_read.new_row ? 'content_type' THEN
			CASE WHEN zammad_read.old_row IS NULL THEN triage.zammad_article(zammad_read.relation, zammad_read.mapping, zammad_read.new_row) END
		-- a new ticket has no words yet: its first article tells of it
		WHEN zammad_read.old_row IS NOT NULL THEN
			triage.zammad_change(zammad_read.relation, zammad_read.mapping, zammad_read.old_row, zammad_read.new_row) END;
END
$$;
COMMENT ON FUNCTION triage.zammad_read(regclass, jsonb, text, jsonb, jsonb) IS
	'The Zammad driver''s reading half: what a new row of ticket_articles or a changed one of tickets means; NULL = nothing.';

CREATE FUNCTION triage.zammad_open(relation regclass, mapping jsonb, since timestamptz, after text, max_rows int)
	RETURNS TABLE (ticket text, doc jsonb)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	m	jsonb := zammad_open.mapping;
	x	record;
BEGIN
	FOR x IN EXECUTE format('SELECT t.id, (SELECT to_jsonb(a) FROM %1$s.ticket_articles a WHERE a.ticket_id = t.id ORDER BY a.id LIMIT 1) AS article'
		' FROM %1$s.tickets t WHERE t.id > $1 AND t.created_at >= $2 AND NOT (to_jsonb(t.state_id) <@ $3)'
		' AND ($4 IS NULL OR to_jsonb(t.group_id) <@ $4) ORDER BY t.id LIMIT $5', m #>> '{derived,schema}')
		USING coalesce(zammad_open.after::int, 0), zammad_open.since AT TIME ZONE 'UTC', coalesce(m #> '{derived,closed_ids}', '[]'),
			m #> '{derived,group_ids}', zammad_open.max_rows
	LOOP
		zammad_open.ticket := x.id::text;
		zammad_open.doc := triage.zammad_report(m, x.id, x.article);
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION triage.zammad_open(regclass, jsonb, timestamptz, text, int) IS
	'The Zammad driver''s back-fill: open tickets made since then, in the order of their ids behind "after"; doc NULL = to be passed over.';

-- ---- to Zammad ----------------------------------------------------------------

CREATE FUNCTION triage.zammad_send(relation regclass, ticket text, case_id bigint, body jsonb) RETURNS uuid
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	id	uuid;
BEGIN
	INSERT INTO triage.deliveries (case_id, delivery_id, endpoint, event_seq, type, state, created_at, next_attempt_at, payload, method, path)
		SELECT c.case_id, gen_random_uuid(), b.mapping ->> 'endpoint', c.event_seq, 'pg_triage.zammad', 'queued', triage.clock(), triage.clock(),
			zammad_send.body::text, 'PUT', 'api/v1/tickets/' || zammad_send.ticket::int
		FROM triage.bindings b, triage.cases c
		WHERE b.relation = zammad_send.relation AND b.kind = 'zammad' AND c.case_id = zammad_send.case_id
		RETURNING delivery_id INTO id;
	PERFORM triage.wake_courier_at_commit();
	RETURN id;
END
$$;
COMMENT ON FUNCTION triage.zammad_send(regclass, text, bigint, jsonb) IS
	'Internal, for the Zammad driver: queues PUT api/v1/tickets/TICKET with this body for the endpoint of the binding; about one case requests go in order. Returns the delivery''s id; NULL: no such binding or case.';

CREATE FUNCTION triage.zammad_write(relation regclass, mapping jsonb, ticket text, doc jsonb) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	m		jsonb := zammad_write.mapping;
	known	jsonb := triage.host_shown(zammad_write.relation, zammad_write.ticket, doc ->> 'department');
	shown	jsonb := nullif(known -> 'shown', 'null');
	first	boolean := coalesce((doc ->> 'first')::boolean, false) OR shown IS NULL;
	goes_to	jsonb := coalesce(m #> ARRAY['derived', 'targets', doc ->> 'department'], m #> ARRAY['derived', 'targets', known ->> 'kind']);
	urgency	int := greatest(coalesce((doc ->> 'priority')::int, 4) - (doc ->> 'colour' IS NOT NULL AND doc ->> 'colour' <> 'blue')::int, 1);
	wanted	jsonb := m #> ARRAY['derived', 'state_ids', doc ->> 'status'];
	t		record;
	words	text := nullif(doc ->> 'comment', '');
	inform	text := nullif(doc ->> 'inform', '');
	body	jsonb := '{}';
BEGIN
	SELECT * INTO t FROM jsonb_to_record(triage.kept_row(format('SELECT to_jsonb(x) FROM (SELECT t.group_id, t.owner_id, t.state_id, t.priority_id'
		' FROM %s.tickets t WHERE t.id = $1::int) x', m #>> '{derived,schema}'), zammad_write.ticket)) AS x(group_id int, owner_id int, state_id int, priority_id int);
	IF t.group_id IS NULL THEN
		RAISE EXCEPTION 'Zammad ticket % does not exist any more', zammad_write.ticket
			USING ERRCODE = 'no_data_found', HINT = 'Somebody has deleted it; its case goes on.';
	END IF;
	-- an agent's own choice stands until the case changes in that respect
	IF first OR doc ->> 'department' IS DISTINCT FROM shown ->> 'department' THEN
		IF (goes_to ->> 'group_id')::int <> t.group_id THEN
			body := body || jsonb_build_object('group_id', (goes_to ->> 'group_id')::int);
		END IF;
		IF (goes_to ->> 'owner_id')::int <> t.owner_id THEN
			body := body || jsonb_build_object('owner_id', (goes_to ->> 'owner_id')::int);
		END IF;
	END IF;
	IF (first OR doc ->> 'status' IS DISTINCT FROM shown ->> 'status') AND jsonb_array_length(wanted) > 0 AND NOT wanted @> to_jsonb(t.state_id) THEN
		body := body || jsonb_build_object('state_id', wanted -> 0);
	END IF;
	IF (first OR doc ->> 'priority' IS DISTINCT FROM shown ->> 'priority' OR doc ->> 'colour' <> 'blue')
		AND (m #>> ARRAY['derived', 'priority_ids', (urgency - 1)::text])::int <> t.priority_id
	THEN
		body := body || jsonb_build_object('priority_id', m #> ARRAY['derived', 'priority_ids', (urgency - 1)::text]);
	END IF;
	IF m ->> 'due_attribute' IS NOT NULL AND doc ->> 'due_at' IS DISTINCT FROM shown ->> 'due_at' THEN
		body := body || jsonb_build_object(m ->> 'due_attribute', to_char((doc ->> 'due_at')::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'));
	END IF;
	IF doc ->> 'merged_into' IS NOT NULL AND words IS NOT NULL THEN
		words := concat_ws(E'\n', words, '并入工单 · merged into ticket id ' || (doc ->> 'merged_into'));
	END IF;
	IF words IS NOT NULL THEN
		body := body || jsonb_build_object('article', jsonb_build_object('subject', doc ->> 'number', 'body', words, 'type', 'note', 'internal', true, 'content_type', 'text/plain'));
	END IF;
	IF body <> '{}' THEN
		PERFORM triage.zammad_send(zammad_write.relation, zammad_write.ticket, (doc ->> 'case_id')::bigint, body);
	END IF;
	IF inform IS NOT NULL THEN
		PERFORM triage.zammad_send(zammad_write.relation, zammad_write.ticket, (doc ->> 'case_id')::bigint, jsonb_build_object('article',
			jsonb_build_object('subject', doc ->> 'number', 'body', inform, 'type', 'note', 'internal', false, 'content_type', 'text/plain')));
	END IF;
END
$$;
COMMENT ON FUNCTION triage.zammad_write(regclass, jsonb, text, jsonb) IS
	'The Zammad driver''s writing half: one request with what the case changed and an internal note with the words; the result for the citizen as a note he may read. Error: P0002 the ticket is gone.';

CREATE FUNCTION triage.zammad_missing(relation regclass, mapping jsonb) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	said	text;
BEGIN
	EXECUTE format($q$
		WITH d AS (SELECT $1 -> 'derived' AS d),
			target AS (SELECT t.key, (t.value ->> 'group_id')::int AS group_id, (t.value ->> 'owner_id')::int AS owner_id FROM d, jsonb_each(coalesce(d.d -> 'targets', '{}')) t),
			state AS (SELECT DISTINCT i.value::int AS id FROM d, jsonb_each(coalesce(d.d -> 'state_ids', '{}')) s, jsonb_array_elements_text(s.value) WITH ORDINALITY i(value, nr) WHERE i.nr = 1),
			found AS (SELECT 1 AS nr, format('user %%s, in whose name tickets are changed, is not active or gone', coalesce((SELECT u.login FROM %1$s.users u WHERE u.id = b.id), b.id::text)) AS what
				FROM d, LATERAL (SELECT (d.d ->> 'bot_id')::int) b(id) WHERE NOT EXISTS (SELECT FROM %1$s.users u WHERE u.id = b.id AND u.active)
				UNION SELECT 2, format('group %%s is not active or gone, for %%s', coalesce(g.name, t.group_id::text), string_agg(t.key, ', ' ORDER BY t.key))
				FROM target t LEFT JOIN %1$s.groups g ON g.id = t.group_id WHERE g.active IS NOT TRUE GROUP BY t.group_id, g.name
				UNION SELECT 3, format('user %%s is not active or gone, for %%s', coalesce(u.login, t.owner_id::text), string_agg(t.key, ', ' ORDER BY t.key))
				FROM target t LEFT JOIN %1$s.users u ON u.id = t.owner_id WHERE t.owner_id IS NOT NULL AND u.active IS NOT TRUE GROUP BY t.owner_id, u.login
				UNION SELECT 4, format('group %%s, whose tickets are taken in, is not active or gone', coalesce(g.name, i.value))
				FROM d, jsonb_array_elements_text(coalesce(d.d -> 'group_ids', '[]')) i LEFT JOIN %1$s.groups g ON g.id = i.value::int WHERE g.active IS NOT TRUE
				UNION SELECT 5, format('ticket state %%s is not active or gone', coalesce(z.name, s.id::text)) FROM state s LEFT JOIN %1$s.ticket_states z ON z.id = s.id WHERE z.active IS NOT TRUE
				UNION SELECT 6, format('ticket priority %%s is not active or gone', coalesce(p.name, i.value))
				FROM d, jsonb_array_elements_text(coalesce(d.d -> 'priority_ids', '[]')) i LEFT JOIN %1$s.ticket_priorities p ON p.id = i.value::int WHERE p.active IS NOT TRUE)
		SELECT string_agg(f.what, '; ' ORDER BY f.nr, f.what) FROM found f$q$, zammad_missing.mapping #>> '{derived,schema}') INTO said USING zammad_missing.mapping;
	RETURN said;
END
$$;
COMMENT ON FUNCTION triage.zammad_missing(regclass, jsonb) IS
	'Driver of Zammad, for health(): what the completed mapping names and Zammad has no longer: the user who writes, groups, owners, the states and priorities that requests set. NULL = nothing.';

-- ---- attaching -----------------------------------------------------------------

CREATE FUNCTION triage.zammad_check_endpoint(code text) RETURNS text
	LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
		WHEN e.code IS NULL THEN format('INSERT INTO triage.endpoints (code, url, auth) VALUES (%L, ''https://zammad.example'', ''token'')', zammad_check_endpoint.code)
		WHEN NOT e.active THEN 'endpoint is not active'
		WHEN e.auth IS NULL THEN format('UPDATE triage.endpoints SET auth = ''token'' WHERE code = %L', zammad_check_endpoint.code)
		WHEN NOT EXISTS (SELECT FROM triage.endpoint_secrets s WHERE s.endpoint = e.code AND (s.valid_until IS NULL OR s.valid_until > clock_timestamp()))
			THEN format('its token, of the bot, with right ticket.agent: SELECT triage.set_secret(%L, ''...''::bytea)', zammad_check_endpoint.code) END
	FROM (SELECT) one LEFT JOIN triage.endpoints e ON e.code = zammad_check_endpoint.code
$$;
COMMENT ON FUNCTION triage.zammad_check_endpoint(text) IS
	'Internal, for attach_zammad(): what an endpoint lacks for requests to Zammad, NULL = nothing. Tells of a secret only whether there is one.';

CREATE FUNCTION triage.zammad_names(schema text, relation text, names jsonb) RETURNS jsonb
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	found	jsonb;
BEGIN
	EXECUTE format('SELECT jsonb_object_agg(w.name, t.id) FROM jsonb_array_elements_text($1) w(name) LEFT JOIN %s.%I t ON t.name = w.name',
		zammad_names.schema, zammad_names.relation) INTO found USING zammad_names.names;
	RETURN coalesce(found, '{}');
END
$$;
COMMENT ON FUNCTION triage.zammad_names(text, text, jsonb) IS
	'Internal, for attach_zammad(): the ids of names in one of Zammad''s tables, {name: id or null}.';

CREATE FUNCTION triage.zammad_plan_states(plan jsonb) RETURNS jsonb
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	p		jsonb := zammad_plan_states.plan;
	s		text := p #>> '{m,derived,schema}';
	by_type	jsonb;		-- type of state -> ids
	ids		jsonb := '{}';
	verbs	jsonb := '{}';
	x		record;
	named	jsonb;
BEGIN
	EXECUTE format('SELECT jsonb_object_agg(y.name, y.ids) FROM (SELECT k.name, jsonb_agg(t.id ORDER BY t.id) AS ids FROM %1$s.ticket_states t'
		' JOIN %1$s.ticket_state_types k ON k.id = t.state_type_id GROUP BY k.name) y', s) INTO by_type;
	-- a pending state wants a time with it, so none is set by itself
	FOR x IN SELECT v.status, v.types, p #> ARRAY['m', 'states', v.status] AS wanted FROM (VALUES ('triage', '{new,open}'::text[]), ('dispatched', '{new,open}'), ('accepted', '{open,"pending reminder"}'),
		('in_progress', '{open,"pending reminder"}'), ('suspended', '{}'), ('review', '{open,closed}'), ('callback', '{open,closed}'), ('closed', '{closed}'), ('merged', '{closed,merged}'), ('void', '{closed}')) v(status, types)
	LOOP
		IF x.wanted IS NULL THEN
			ids := jsonb_set(ids, ARRAY[x.status], (SELECT coalesce(jsonb_agg(e.value ORDER BY t.nr), '[]') FROM unnest(x.types) WITH ORDINALITY t(name, nr), jsonb_array_elements(by_type -> t.name) e));
		ELSE
			named := triage.zammad_names(s, 'ticket_states', jsonb_build_array(x.wanted));
			ids := jsonb_set(ids, ARRAY[x.status], (SELECT jsonb_agg(e.value) FROM jsonb_each(named) e));
			IF named @> jsonb_build_object(x.wanted #>> '{}', NULL) THEN
				p := triage.host_note(p, 'state for ' || x.status, 'problem', format('there is no ticket state %s', x.wanted), true);
			END IF;
		END IF;
	END LOOP;
	FOR x IN SELECT t.value AS id, v.verb FROM (VALUES ('open', 'accept'), ('closed', 'resolve')) v(type, verb), jsonb_array_elements_text(by_type -> v.type) t LOOP
		verbs := jsonb_set(verbs, ARRAY[x.id], to_jsonb(x.verb));
	END LOOP;
	FOR x IN SELECT e.key, e.value, triage.zammad_names(s, 'ticket_states', jsonb_build_array(e.key)) ->> e.key AS id FROM jsonb_each_text(coalesce(p #> '{m,verbs}', '{}')) e LOOP
		IF x.id IS NULL OR x.value NOT IN ('accept', 'resolve', 'close', 'suspend', 'none') THEN
			p := triage.host_note(p, 'verb of state ' || x.key, 'problem', CASE WHEN x.id IS NULL THEN 'there is no such ticket state'
				ELSE 'means accept, resolve, close, suspend or none, not ' || quote_literal(x.value) END, true);
		ELSE
			verbs := jsonb_set(verbs, ARRAY[x.id], to_jsonb(x.value));
		END IF;
	END LOOP;
	p := triage.host_derive(triage.host_derive(p, 'state_ids', ids), 'verb_of', verbs);
	RETURN triage.host_derive(p, 'closed_ids', coalesce(by_type -> 'closed', '[]') || coalesce(by_type -> 'merged', '[]') || coalesce(by_type -> 'removed', '[]'));
END
$$;
COMMENT ON FUNCTION triage.zammad_plan_states(jsonb) IS
	'Internal, for attach_zammad(): which ticket states stand for a case''s, and what setting one means; by their types where mapping.states and mapping.verbs say nothing.';

CREATE FUNCTION triage.zammad_plan_values(plan jsonb) RETURNS jsonb
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	p		jsonb := zammad_plan_values.plan;
	s		text := p #>> '{m,derived,schema}';
	names	jsonb;
	ids		jsonb := '[]';
	x		record;
	id		int;
	lacks	text := triage.zammad_check_endpoint(p #>> '{m,endpoint}');
BEGIN
	p := triage.host_note(p, 'endpoint ' || (p #>> '{m,endpoint}'), CASE WHEN lacks IS NULL THEN 'ok' ELSE 'missing' END, lacks, true);
	EXECUTE format('SELECT u.id FROM %s.users u WHERE lower(u.login) = lower($1)', s) INTO id USING p #>> '{m,bot}';
	p := triage.host_note(triage.host_derive(p, 'bot_id', to_jsonb(id)), 'user ' || coalesce(p #>> '{m,bot}', ''), CASE WHEN id IS NULL THEN 'missing' ELSE 'ok' END,
		CASE WHEN id IS NULL THEN 'whose token the endpoint has: {"bot": "its login"}; an agent with access to all groups' END, true);
	p := triage.host_note(p, 'channel ' || (p #>> '{m,channel}'), CASE WHEN EXISTS (SELECT FROM triage.channels c WHERE c.code = p #>> '{m,channel}' AND c.active) THEN 'ok' ELSE 'missing' END,
		'a row of triage.channels of kind host by which tickets come in', true);
	-- as Zammad is delivered: 1 low, 2 normal, 3 high
	FOR x IN SELECT v.u, coalesce(p #>> ARRAY['m', 'priorities', v.u], v.name) AS name FROM (VALUES ('1', '3 high'), ('2', '3 high'), ('3', '2 normal'), ('4', '1 low')) v(u, name) LOOP
		names := triage.zammad_names(s, 'ticket_priorities', jsonb_build_array(x.name));
		ids := ids || (names -> x.name);
		IF names ->> x.name IS NULL THEN
			p := triage.host_note(p, 'priority U' || x.u, 'missing', format('there is no ticket priority %L: {"priorities": {"%s": "..."}}', x.name, x.u), true);
		END IF;
	END LOOP;
	p := triage.host_derive(p, 'priority_ids', ids);
	IF p #> '{m,groups}' IS NOT NULL THEN
		names := triage.zammad_names(s, 'groups', p #> '{m,groups}');
		FOR x IN SELECT e.key FROM jsonb_each_text(names) e WHERE e.value IS NULL LOOP
			p := triage.host_note(p, 'group ' || x.key, 'problem', 'new tickets of it are to be taken in, but there is no such group', true);
		END LOOP;
		p := triage.host_derive(p, 'group_ids', (SELECT jsonb_agg(e.value) FROM jsonb_each(names) e));
	END IF;
	IF NOT EXISTS (SELECT FROM triage.outcomes o WHERE o.code = coalesce(p #>> '{m,outcome}', 'resolved') AND o.active) THEN
		p := triage.host_note(p, 'outcome ' || coalesce(p #>> '{m,outcome}', 'resolved'), 'missing', 'resolving needs a row of triage.outcomes: load a rule pack, or {"outcome": "..."}', true);
	END IF;
	IF p #>> '{m,due_attribute}' IS NOT NULL AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = format('%s.tickets', s)::regclass
		AND a.attname = p #>> '{m,due_attribute}' AND a.attnum > 0 AND NOT a.attisdropped)
	THEN
		p := triage.host_note(p, 'due_attribute', 'missing', format('Objects > Ticket > New attribute %s, of format date and time', p #>> '{m,due_attribute}'), true);
	END IF;
	RETURN p;
END
$$;
COMMENT ON FUNCTION triage.zammad_plan_values(jsonb) IS
	'Internal, for attach_zammad(): endpoint with its token, bot, channel, priorities, groups whose tickets are taken in, the attribute for the deadline.';

CREATE FUNCTION triage.zammad_plan_departments(plan jsonb) RETURNS jsonb
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	p		jsonb := jsonb_set(zammad_plan_departments.plan, '{m,derived,targets}', '{}');
	s		text := p #>> '{m,derived,schema}';
	x		record;
	ids		record;
BEGIN
	FOR x IN EXECUTE format('SELECT e.key, CASE WHEN jsonb_typeof(e.value) = ''string'' THEN jsonb_build_object(''group'', e.value) ELSE e.value END AS wanted, true AS named'
			' FROM jsonb_each($1) e UNION ALL SELECT d.code, jsonb_build_object(''group'', g.name), false FROM triage.departments d JOIN %s.groups g ON g.name IN (d.zh, d.en, d.code)'
			' WHERE d.active AND NOT $1 ? d.code AND NOT $1 ? d.kind ORDER BY 1', s) USING coalesce(p #> '{m,departments}', '{}')
	LOOP
		IF NOT EXISTS (SELECT FROM triage.departments d WHERE d.active AND x.key IN (d.code, d.kind)) THEN
			p := triage.host_note(p, 'department ' || x.key, 'problem', 'no active row of triage.departments has this code or kind', true);
			CONTINUE;
		END IF;
		EXECUTE format('SELECT (SELECT g.id FROM %1$s.groups g WHERE g.name = $1 AND g.active) AS group_id,'
			' (SELECT u.id FROM %1$s.users u WHERE lower(u.login) = lower($2) AND u.active) AS owner_id', s) INTO ids USING x.wanted ->> 'group', x.wanted ->> 'owner';
		IF ids.group_id IS NULL THEN
			p := triage.host_note(p, 'department ' || x.key, 'missing', format('no active group %L: Manage > Groups', x.wanted ->> 'group'));
		ELSE
			p := jsonb_set(p, ARRAY['m', 'derived', 'targets', x.key], jsonb_strip_nulls(jsonb_build_object('group_id', ids.group_id, 'owner_id', ids.owner_id)));
			p := triage.host_note(p, 'department ' || x.key, 'ok', concat_ws(', ', 'group ' || (x.wanted ->> 'group'), 'owner ' || (x.wanted ->> 'owner')));
		END IF;
		IF x.wanted ? 'owner' AND ids.owner_id IS NULL THEN
			p := triage.host_note(p, 'department ' || x.key || ' owner', 'missing', format('no active user %L', x.wanted ->> 'owner'));
		END IF;
	END LOOP;
	RETURN triage.host_derive(p, 'group_of', (SELECT coalesce(jsonb_object_agg(v.id, v.key), '{}') FROM (SELECT t.value ->> 'group_id' AS id, min(t.key) AS key
		FROM jsonb_each(p #> '{m,derived,targets}') t GROUP BY 1 HAVING count(*) = 1) v));
END
$$;
COMMENT ON FUNCTION triage.zammad_plan_departments(jsonb) IS
	'Internal, for attach_zammad(): group and owner of each department, named or found by its name.';

CREATE FUNCTION triage.attach_zammad(mapping jsonb DEFAULT '{}', backfill interval DEFAULT NULL, dry_run boolean DEFAULT false)
	RETURNS TABLE (item text, state text, detail text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	s		text;
	p		jsonb;
BEGIN
	PERFORM triage.check_admin('attach_zammad');
	PERFORM triage.host_check_keys(attach_zammad.mapping, '{schema,endpoint,bot,channel,groups,departments,priorities,states,verbs,outcome,contact,due_attribute,runs_as}');
	s := quote_ident(triage.host_schema('Zammad', '{tickets.group_id,tickets.owner_id,tickets.state_id,tickets.updated_by_id,tickets.pending_time,ticket_articles.content_type,ticket_articles.sender_id,ticket_articles.internal,ticket_article_senders.name,ticket_states.state_type_id,ticket_state_types.name,ticket_priorities.name,groups.name,users.mobile}',
		attach_zammad.mapping ->> 'schema'));
	p := jsonb_build_object('items', '[]'::jsonb, 'stops', false, 'm', '{"endpoint": "zammad", "channel": "zammad"}'::jsonb || attach_zammad.mapping
		|| jsonb_build_object('hook', 'commit', 'derived', jsonb_build_object('schema', s)));
	p := triage.zammad_plan_values(triage.host_note(p, 'schema', 'ok', s));
	p := triage.zammad_plan_departments(triage.zammad_plan_states(p));
	RETURN QUERY SELECT a.item, a.state, a.detail FROM triage.host_attach('zammad', 'Zammad', p, s || '.tickets', ARRAY[s || '.tickets', s || '.ticket_articles'],
		attach_zammad.backfill, attach_zammad.dry_run) a;
END
$$;
COMMENT ON FUNCTION triage.attach_zammad(jsonb, interval, boolean) IS
	'Puts the dispatch system under a Zammad whose tables are in this database (schema-tested: on tables of its shape and a stub of its interface). It is read by triggers and written through its REST interface, by the courier. mapping: endpoint (code in triage.endpoints: Zammad''s address, auth token, the bot''s token by set_secret(); default zammad); bot (login of that user; needed); schema; channel (default zammad); groups (whose new tickets are taken in; default all); departments {"code or kind": "group" or {"group", "owner": login}} (default: groups of the same name); priorities {"1": "3 high", ...}; states {"closed": "closed", ...}; verbs {"state": "accept|resolve|close|suspend|none"} (default: open accept, closed resolve); outcome (default resolved); contact ("email": customers without telephone are known by it); due_attribute (a date-and-time attribute of tickets that gets the deadline). Rows and errors as attach_redmine().';
