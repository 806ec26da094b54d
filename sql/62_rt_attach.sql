/*
 * attach_rt(): looks up in Request Tracker what a mapping names, tells what is
 * missing and completes the mapping as 62_rt.sql reads it.
 *
 * RT's rows are only read here.  What is missing in them is made by RT's own
 * tool, from the file that rt_initialdata() writes.
 */

CREATE FUNCTION triage.rt_schema(schema text) RETURNS text
	LANGUAGE sql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	RETURN triage.host_schema('Request Tracker', '{tickets,transactions,attachments,queues,cachedgroupmembers,objectcustomfieldvalues}', rt_schema.schema);
COMMENT ON FUNCTION triage.rt_schema(text) IS 'Internal: host_schema() for RT.';

CREATE FUNCTION triage.rt_party(schema text, named jsonb) RETURNS TABLE (queue int, disabled boolean, lifecycle text, sla boolean,
		owner int, owner_may boolean, team int, team_may boolean)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
BEGIN
	RETURN QUERY EXECUTE format($q$
		SELECT q.id, q.disabled <> 0, q.lifecycle::text, q.sladisabled = 0,
			u.id, triage.rt_pick_owner(%1$L, jsonb_build_object('owner', u.id), q.id) IS NOT NULL,
			g.id, triage.rt_pick_owner(%1$L, jsonb_build_object('group', g.id), q.id) IS NOT NULL
		FROM (VALUES (1)) one(n)
		LEFT JOIN %1$I.queues q ON lower(q.name) = lower($1)
		LEFT JOIN %1$I.users u ON lower(u.name) = lower($2)
		LEFT JOIN %1$I.groups g ON g.domain = 'UserDefined' AND lower(g.name) = lower($3)$q$, rt_party.schema)
		USING CASE WHEN jsonb_typeof(rt_party.named) = 'string' THEN rt_party.named #>> '{}' ELSE rt_party.named ->> 'queue' END,
			rt_party.named ->> 'owner', rt_party.named ->> 'group';
END
$$;
COMMENT ON FUNCTION triage.rt_party(text, jsonb) IS
	'Internal: what a department''s entry in the mapping names in RT, one row: ids (NULL = there is none of that name), and whether the person, or anybody of the group, may own tickets of the queue.';

CREATE FUNCTION triage.rt_complete(mapping jsonb, OUT complete jsonb, OUT report jsonb)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	given	jsonb := coalesce(rt_complete.mapping, '{}');
	s		text := triage.rt_schema(given ->> 'schema');
	me		text := current_user;
	known	jsonb;
	r		record;
	p		record;
	parties	jsonb := '{}';
	entry	jsonb;
	names	jsonb := '{}';		-- queue name => id
	total	int := 0;
	named	int := 0;
	make	text := 'Let RT''s own tool make it: psql -XAtc "SELECT triage.rt_initialdata(''<this mapping>'')" > triage.pl; rt-setup-database-5 --action insert --skip-create --datafile triage.pl; then attach again.';
BEGIN
	PERFORM triage.host_check_keys(given, '{schema,organization,bot,channel,departments,default,intake,priority,statuses,verbs,fields,reference_channel,close,assists,stale}');
	report := jsonb_build_array(jsonb_build_array('schema ' || s, 'ok', NULL));

	-- ---- may we? ----
	FOR r IN SELECT v.relation, v.rights, CASE WHEN v.relation LIKE '%\_seq' THEN has_sequence_privilege(me, format('%I.%I', s, v.relation), 'USAGE')
				ELSE (SELECT bool_and(has_table_privilege(me, format('%I.%I', s, v.relation), x.x)) FROM regexp_split_to_table(v.rights, ', ') x(x)) END AS may
		FROM (VALUES ('tickets', 'SELECT, UPDATE'), ('transactions', 'SELECT, INSERT, TRIGGER'), ('attachments', 'SELECT, INSERT'), ('queues', 'SELECT'),
				('users', 'SELECT'), ('principals', 'SELECT'), ('acl', 'SELECT'), ('groups', 'SELECT'), ('groupmembers', 'SELECT, INSERT, DELETE'),
				('cachedgroupmembers', 'SELECT, INSERT, DELETE'), ('links', 'SELECT, INSERT, UPDATE, DELETE'), ('customfields', 'SELECT'),
				('objectcustomfieldvalues', 'SELECT'), ('transactions_id_seq', 'USAGE'), ('attachments_id_seq', 'USAGE'), ('groupmembers_id_seq', 'USAGE'),
				('cachedgroupmembers_id_seq', 'USAGE'), ('links_id_seq', 'USAGE')) v(relation, rights)
	LOOP
		IF to_regclass(format('%I.%I', s, r.relation)) IS NULL THEN
			report := report || jsonb_build_array(jsonb_build_array('table ' || r.relation, 'problem', 'RT''s table is not there; this is written for RT 5.'));
			RETURN;
		ELSIF NOT r.may THEN
			report := report || jsonb_build_array(jsonb_build_array('rights on ' || r.relation, 'missing',
				format('GRANT %s ON %s %I.%I TO %I;', r.rights, CASE WHEN r.relation LIKE '%\_seq' THEN 'SEQUENCE' ELSE 'TABLE' END, s, r.relation, me)));
		END IF;
	END LOOP;
	IF EXISTS (SELECT FROM jsonb_array_elements(report) e WHERE e.value ->> 1 = 'missing') THEN
		RETURN;
	END IF;

	-- ---- who are they? ----
	EXECUTE format($q$SELECT jsonb_build_object(
			'bot', (SELECT u.id FROM %1$I.users u WHERE lower(u.name) = lower($1)),
			'nobody', (SELECT u.id FROM %1$I.users u WHERE lower(u.name) = 'nobody'),
			'system', (SELECT u.id FROM %1$I.users u WHERE lower(u.name) = 'rt_system'),
			'privileged', (SELECT g.id FROM %1$I.groups g WHERE g.domain = 'SystemInternal' AND g.name = 'Privileged'),
			'organization', coalesce($2, (SELECT substring(l.base FROM '^fsck\.com-rt://([^/]+)/ticket/') FROM %1$I.links l WHERE l.base LIKE 'fsck.com-rt://%%' ORDER BY l.id DESC LIMIT 1),
				(SELECT substring(a.messageid FROM '^<?rt-5[^@]*@([^>]+)>?$') FROM %1$I.attachments a WHERE a.messageid ~ '^<?rt-5[^@]*@' ORDER BY a.id DESC LIMIT 1)))$q$, s)
		INTO known USING coalesce(given ->> 'bot', 'router-bot'), given ->> 'organization';
	complete := known || jsonb_build_object('schema', s, 'hook', 'commit', 'events', 'insert', 'channel', coalesce(given ->> 'channel', 'rt'),
		'stale', coalesce(given ->> 'stale', '15 minutes'), 'close', coalesce((given ->> 'close')::boolean, false), 'assists', coalesce(given ->> 'assists', 'finish'),
		'priority', '{"1": 100, "2": 75, "3": 50, "4": 25, "overdue": 100}'::jsonb || coalesce(given -> 'priority', '{}'),
		'verbs', '{"open": "accept", "resolved": "resolve", "rejected": "request_return"}'::jsonb || coalesce(given -> 'verbs', '{}'),
		'statuses', '{"default": {"new": "new", "open": "open", "stalled": "stalled", "resolved": "resolved", "rejected": "rejected"}}'::jsonb || coalesce(given -> 'statuses', '{}'));
	PERFORM (complete ->> 'stale')::interval;
	report := report || jsonb_build_array(
		CASE WHEN known ->> 'bot' IS NULL THEN jsonb_build_array('user ' || coalesce(given ->> 'bot', 'router-bot'), 'missing', 'The RT user in whose name tickets are changed. ' || make)
			ELSE jsonb_build_array('user ' || coalesce(given ->> 'bot', 'router-bot'), 'ok', NULL) END,
		CASE WHEN known ->> 'organization' IS NULL THEN jsonb_build_array('organization', 'missing', 'No ticket tells it yet: name it as $Organization of RT_SiteConfig.pm has it, {"organization": "…"}.')
			ELSE jsonb_build_array('organization ' || (known ->> 'organization'), 'ok', NULL) END);

	-- ---- departments ----
	FOR r IN SELECT k.key, NOT EXISTS (SELECT FROM triage.departments d WHERE k.key IN (d.code, d.kind)) AS unknown
		FROM jsonb_object_keys(coalesce(given -> 'departments', '{}')) k(key)
	LOOP
		IF r.unknown THEN
			report := report || jsonb_build_array(jsonb_build_array('department ' || r.key, 'problem', 'triage.departments has no such code or kind.'));
		END IF;
	END LOOP;
	-- each thing that is named is looked at once
	FOR r IN SELECT e.named, min(e.what) AS what FROM (
			SELECT d.value AS named, 'department ' || d.key AS what FROM jsonb_each(coalesce(given -> 'departments', '{}')) d
			UNION ALL SELECT given -> 'default', 'default' WHERE given ? 'default') e GROUP BY e.named ORDER BY 2
	LOOP
		SELECT * INTO p FROM triage.rt_party(s, r.named);
		entry := jsonb_strip_nulls(jsonb_build_object('queue', p.queue, 'owner', p.owner, 'group', p.team));
		parties := parties || jsonb_build_object(r.named::text, entry);
		report := report || jsonb_build_array(
			CASE WHEN p.queue IS NULL THEN jsonb_build_array(r.what, 'missing', format('Queue %s does not exist. ', coalesce(r.named ->> 'queue', r.named #>> '{}')) || make)
				WHEN p.disabled THEN jsonb_build_array(r.what, 'problem', format('Queue %s is disabled; enable it in RT or name another.', coalesce(r.named ->> 'queue', r.named #>> '{}')))
				WHEN NOT complete -> 'statuses' ? p.lifecycle THEN jsonb_build_array(r.what, 'problem', format('Its queue has the lifecycle %s. Name its statuses: {"statuses": {"%s": {"new": …, "open": …, "stalled": …, "resolved": …, "rejected": …}}}.', p.lifecycle, p.lifecycle))
				WHEN r.named ->> 'owner' IS NOT NULL AND p.owner IS NULL THEN jsonb_build_array(r.what, 'missing', format('User %s does not exist in RT.', r.named ->> 'owner'))
				WHEN r.named ->> 'group' IS NOT NULL AND p.team IS NULL THEN jsonb_build_array(r.what, 'missing', format('Group %s does not exist in RT. ', r.named ->> 'group') || make)
				WHEN p.owner IS NOT NULL AND NOT p.owner_may THEN jsonb_build_array(r.what, 'problem', format('User %s is disabled or lacks the right OwnTicket in the queue; grant it in RT.', r.named ->> 'owner'))
				WHEN p.team IS NOT NULL AND NOT p.team_may THEN jsonb_build_array(r.what, 'problem', format('Nobody of group %s has the right OwnTicket in the queue; add members and grant it in RT.', r.named ->> 'group'))
				ELSE jsonb_build_array(r.what, 'ok', CASE WHEN p.sla THEN 'Note: SLA is on in this queue, so RT computes Due anew at each reply and replaces ours; better turn it off there.' END) END);
	END LOOP;
	EXECUTE format('SELECT coalesce(jsonb_object_agg(lower(q.name), q.id), ''{}'') FROM %I.queues q WHERE q.disabled = 0', s) INTO names;
	SELECT coalesce(jsonb_object_agg(x.code, x.entry) FILTER (WHERE x.entry IS NOT NULL), '{}'), count(*), count(x.entry) INTO entry, total, named
		FROM (SELECT d.code, coalesce(parties -> (given -> 'departments' -> d.code)::text, parties -> (given -> 'departments' -> d.kind)::text,
				(SELECT jsonb_build_object('queue', names -> lower(n.n)) FROM unnest(ARRAY[d.zh, d.en, d.code]) WITH ORDINALITY n(n, o) WHERE names ? lower(n.n) ORDER BY n.o LIMIT 1)) AS entry
			FROM triage.departments d WHERE d.active) x;
	complete := complete || jsonb_build_object('departments', entry) || jsonb_strip_nulls(jsonb_build_object('default', parties -> (given -> 'default')::text));
	report := report || jsonb_build_array(jsonb_build_array('departments', CASE WHEN named = 0 AND NOT given ? 'default' THEN 'missing' ELSE 'ok' END,
		format('%s of %s have a queue: named in the mapping, or a queue of their name. %s', named, total,
			CASE WHEN named = total THEN '' WHEN given ? 'default' THEN 'The others share the default.' ELSE 'Tickets of the others stay in the queue they came in; {"default": "queue"} gives them one.' END)));

	-- ---- the rest that is named ----
	FOR r IN SELECT i.name, names -> lower(i.name) AS id FROM jsonb_array_elements_text(coalesce(given -> 'intake', '[]')) i(name) LOOP
		report := report || jsonb_build_array(jsonb_build_array('intake ' || r.name, CASE WHEN r.id IS NULL THEN 'missing' ELSE 'ok' END,
			CASE WHEN r.id IS NULL THEN 'No such queue, or it is disabled. ' || make END));
	END LOOP;
	IF given ? 'intake' THEN
		complete := complete || jsonb_build_object('intake', (SELECT coalesce(jsonb_agg(names -> lower(i.name)), '[]') FROM jsonb_array_elements_text(given -> 'intake') i(name)));
	END IF;
	FOR r IN SELECT f.key, f.value FROM jsonb_each_text(coalesce(given -> 'fields', '{}')) f LOOP
		EXECUTE format('SELECT c.id, count(*) OVER () AS n FROM %I.customfields c WHERE lower(c.name) = lower($1) AND c.lookuptype = ''RT::Queue-RT::Ticket'' AND c.disabled = 0 ORDER BY c.id LIMIT 1', s)
			INTO p USING r.value;
		IF r.key NOT IN ('reference', 'area', 'address', 'case_type', 'outcome') THEN
			report := report || jsonb_build_array(jsonb_build_array('field ' || r.key, 'problem', 'Fields may tell reference, area, address, case_type, outcome.'));
		ELSIF p.id IS NULL THEN
			report := report || jsonb_build_array(jsonb_build_array('field ' || r.key, 'missing', format('RT has no custom field %s for tickets that is enabled.', r.value)));
		ELSE
			complete := jsonb_set(jsonb_build_object('fields', '{}'::jsonb) || complete, ARRAY['fields', r.key], to_jsonb(p.id));
		END IF;
	END LOOP;
	IF given -> 'fields' ? 'reference' THEN
		IF EXISTS (SELECT FROM triage.channels c WHERE c.code = given ->> 'reference_channel') THEN
			complete := complete || jsonb_build_object('reference_channel', given ->> 'reference_channel');
		ELSE
			report := report || jsonb_build_array(jsonb_build_array('reference_channel', 'missing', 'Name the channel (triage.channels) whose references stand in that field.'));
		END IF;
	END IF;
END
$$;
COMMENT ON FUNCTION triage.rt_complete(jsonb) IS
	'Internal: looks up in RT what a mapping names; complete = with ids, for rt_read() and rt_write(); report = [[item, ok | missing | problem, what to do], …].';

CREATE FUNCTION triage.attach_rt(mapping jsonb DEFAULT '{}', backfill interval DEFAULT NULL, dry_run boolean DEFAULT false)
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
	looked := triage.rt_complete(attach_rt.mapping);
	p := triage.host_plan(looked.complete, looked.report);
	-- without rights on RT's tables no more is known of it
	IF looked.complete IS NOT NULL THEN
		p := triage.host_channel(p, '工单系统 RT', 'Request Tracker', attach_rt.dry_run);
	END IF;
	s := quote_ident(looked.complete ->> 'schema');
	RETURN QUERY SELECT a.item, a.state, a.detail FROM triage.host_attach('rt', 'Request Tracker', p, s || '.tickets', ARRAY[s || '.transactions'],
		attach_rt.backfill, attach_rt.dry_run) a;
END
$$;
COMMENT ON FUNCTION triage.attach_rt(jsonb, interval, boolean) IS
	'Attaches to the Request Tracker 5 whose tables are in this database: from then on its new tickets are taken in, and each shows its case. All keys of mapping are optional:
departments {"code or kind": "queue" | {"queue", "owner": "user", "group": "name"}}: which queue is a department''s, and who owns its tickets (the person, or the member of the group with the fewest open ones); a department that is not named has the queue of its Chinese name, English name or code · default: the same for all others · intake ["queue"]: only tickets made there are taken in; moved back there = request_return · bot: the RT user who writes (router-bot) · organization: $Organization of RT, where no ticket tells it · priority {"1": 100, "2": 75, "3": 50, "4": 25, "overdue": 100} · statuses {"lifecycle": {"new", "open", "stalled", "resolved", "rejected": its words}} · verbs {"status": verb or null} (open accept, resolved resolve, rejected request_return) · fields {"reference" | "area" | "address" | "case_type" | "outcome": "custom field"} and reference_channel: the same matter may come by that channel too · close: resolved = closed, without review · assists "wait": a ticket is resolved only when those who assist have finished (else who resolves answers for them) · stale "15 minutes": older forms do not put values back by mistake · channel (rt) · schema.
backfill: also tickets open now and made since then. dry_run: only tell. Runs as the caller, who needs the rights it lists. Errors: TR002 not an administrator, TR003 no tables of RT here, unknown keys, or something is missing (the first is named, all are in the detail).';

CREATE FUNCTION triage.rt_initialdata(mapping jsonb DEFAULT '{}') RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	given	jsonb := coalesce(rt_initialdata.mapping, '{}');
	s		text := triage.rt_schema(given ->> 'schema');
	queues	text;
	users	text;
	groups	text;
	rights	text;
BEGIN
	PERFORM triage.require_admin();
	EXECUTE format($q$
		WITH q AS (SELECT DISTINCT n.name FROM (
				SELECT CASE WHEN jsonb_typeof(v.value) = 'string' THEN v.value #>> '{}' ELSE v.value ->> 'queue' END AS name
					FROM (SELECT d.value FROM jsonb_each(coalesce($1 -> 'departments', '{}')) d UNION ALL SELECT $1 -> 'default') v
				UNION ALL SELECT i.value FROM jsonb_array_elements_text(coalesce($1 -> 'intake', '[]')) i(value)) n
				WHERE n.name <> '' AND NOT EXISTS (SELECT FROM %1$I.queues q WHERE lower(q.name) = lower(n.name))),
			g AS (SELECT DISTINCT v.value ->> 'group' AS name
				FROM (SELECT d.value FROM jsonb_each(coalesce($1 -> 'departments', '{}')) d UNION ALL SELECT $1 -> 'default') v
				WHERE v.value ->> 'group' <> '' AND NOT EXISTS (SELECT FROM %1$I.groups q WHERE q.domain = 'UserDefined' AND lower(q.name) = lower(v.value ->> 'group')))
		SELECT (SELECT string_agg(format(E'\t{Name => ''%%s''},\n', regexp_replace(q.name, '([\\''])', '\\\1', 'g')), '' ORDER BY q.name) FROM q),
			(SELECT format(E'\t{Name => ''%%s'', RealName => ''pg_triage'', Privileged => 1},\n', regexp_replace($2, '([\\''])', '\\\1', 'g'))
				WHERE NOT EXISTS (SELECT FROM %1$I.users u WHERE lower(u.name) = lower($2))),
			(SELECT string_agg(format(E'\t{Domain => ''UserDefined'', Name => ''%%s''},\n', regexp_replace(g.name, '([\\''])', '\\\1', 'g')), '' ORDER BY g.name) FROM g),
			(SELECT string_agg(format(E'\t{GroupDomain => ''UserDefined'', GroupId => ''%%s'', Right => ''%%s''},\n', regexp_replace(g.name, '([\\''])', '\\\1', 'g'), r.r), '' ORDER BY g.name, r.r)
				FROM g, unnest('{SeeQueue,ShowTicket,ShowTicketComments,CommentOnTicket,ReplyToTicket,ModifyTicket,OwnTicket,TakeTicket,ReassignTicket}'::text[]) r(r))$q$, s)
		INTO queues, users, groups, rights USING given, coalesce(given ->> 'bot', 'router-bot');
	RETURN E'use utf8;\n' || format(E'our @Queues = (\n%s);\nour @Users = (\n%s);\nour @Groups = (\n%s);\nour @ACL = (\n%s);\n1;', queues, users, groups, rights);
END
$$;
COMMENT ON FUNCTION triage.rt_initialdata(jsonb) IS
	'What a mapping for attach_rt() names and RT lacks, as a file for RT''s own tool: queues, the user who writes, groups with the rights an agent needs. Use: psql -XAtc "SELECT triage.rt_initialdata(…)" > triage.pl; rt-setup-database-5 --action insert --skip-create --datafile triage.pl. Errors: TR002 not an administrator, TR003 no tables of RT here.';

CREATE FUNCTION triage.rt_missing(relation regclass, mapping jsonb) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	said	text;
BEGIN
	EXECUTE format($q$
		WITH wanted AS (SELECT DISTINCT (d.value ->> 'queue')::int AS queue, true AS target FROM jsonb_each(coalesce($1 -> 'departments', '{}')) d
				UNION SELECT ($1 #>> '{default,queue}')::int, true UNION SELECT i.value::int, false FROM jsonb_array_elements_text(coalesce($1 -> 'intake', '[]')) i),
			found AS (SELECT 1 AS nr, format('user %%s, in whose name tickets are changed, is disabled or gone', coalesce((SELECT u.name FROM %1$I.users u WHERE u.id = b.id), b.id::text)) AS what
				FROM (VALUES (($1 ->> 'bot')::int)) b(id) WHERE NOT EXISTS (SELECT FROM %1$I.users u WHERE u.id = b.id AND NOT EXISTS (SELECT FROM %1$I.principals p WHERE p.id = u.id AND p.disabled <> 0))
				UNION SELECT 2, CASE WHEN q.id IS NULL THEN format('queue number %%s is gone', w.queue) WHEN q.disabled <> 0 THEN format('queue %%s is disabled', q.name)
					ELSE format('queue %%s has the lifecycle %%s, whose statuses the mapping does not name', q.name, q.lifecycle) END
				FROM wanted w LEFT JOIN %1$I.queues q ON q.id = w.queue
				WHERE w.queue IS NOT NULL AND (q.id IS NULL OR q.disabled <> 0 OR (w.target AND NOT $1 -> 'statuses' ? q.lifecycle)))
		SELECT string_agg(f.what, '; ' ORDER BY f.nr, f.what) FROM found f$q$, rt_missing.mapping ->> 'schema') INTO said USING rt_missing.mapping;
	RETURN said;
END
$$;
COMMENT ON FUNCTION triage.rt_missing(regclass, jsonb) IS
	'Driver of Request Tracker, for health(): what the completed mapping names and RT has no longer: the user who writes, queues that are gone, disabled, or of a lifecycle whose statuses are not known. NULL = nothing.';
