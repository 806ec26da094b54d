/*
 * Request Tracker 5: what its rows mean, and how a case is shown in them.
 *
 * RT inserts the ticket first and completes it later in the same transaction,
 * and tells everything else in rows of "transactions", its history; so the
 * trigger is a deferred one there.  Times are UTC without zone in whole
 * seconds.  Nothing here raises what is the host's business: what cannot be
 * shown is said in a comment on the ticket.
 *
 * mapping, as attach_rt() completes it (what a DBA gives is told there):
 *	schema		 of RT's tables
 *	organization of RT's own URIs, fsck.com-rt://ORGANIZATION/ticket/ID
 *	bot, nobody, system, privileged
 *				 ids of users; the last is a group
 *	departments	 {"CODE": {"queue": id, "owner": id, "group": id}}; owner, group may be missing
 *	default		 the same, for departments that are not in it; may be missing
 *	intake		 [ids of queues]; missing = new tickets of all queues are taken in
 *	priority	 {"1": n, …, "4": n, "overdue": n}
 *	statuses	 {"lifecycle": {"new": s, "open": s, "stalled": s, "resolved": s, "rejected": s}}
 *	verbs		 {"status": "verb" or null}
 *	fields		 {"reference": id, "area": id, "address": id, "case_type": id, "outcome": id} of custom fields
 *	reference_channel  code of the channel whose references stand in that field
 *	close		 true: a resolved ticket closes the case, no review
 *	assists		 wait: assists are to be finished before (attach() tells); missing = whoever resolves answers for them
 *	stale		 interval: how old an agent's form may be
 */

-- ---- reading ----------------------------------------------------------------------

CREATE FUNCTION triage.rt_text(schema text, txn bigint) RETURNS text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	part	record;
	words	text;
BEGIN
	-- mail is a tree of parts; files have names, the plain words come before the page
	SELECT * INTO part FROM jsonb_to_record(triage.kept_row(format($q$
		SELECT to_jsonb(x) FROM (SELECT left(a.content, 262144) AS content, coalesce(a.contentencoding, 'none') AS encoding, a.contenttype ILIKE 'text/html%%' AS html
			FROM %I.attachments a
			WHERE a.transactionid = $1::bigint AND coalesce(a.filename, '') = '' AND a.content <> ''
				AND (a.contenttype ILIKE 'text/plain%%' OR a.contenttype ILIKE 'text/html%%')
				AND coalesce(a.contentencoding, 'none') IN ('none', 'quoted-printable', 'base64')
			ORDER BY 3, a.id LIMIT 1) x$q$, rt_text.schema), rt_text.txn::text)) x(content text, encoding text, html boolean);
	words := triage.mail_text(part.content, part.encoding);
	-- editors leave empty paragraphs behind
	RETURN nullif(btrim(CASE WHEN part.html THEN triage.html_text(words) ELSE words END, E' \t\r\n\u00A0\u3000'), '');
END
$$;
COMMENT ON FUNCTION triage.rt_text(text, bigint) IS
	'Internal: the words of one row of RT''s history, decoded (quoted-printable and base64 as RT stores what is not ASCII), of a page without its tags. The first 262,144 characters of the first part that is no file; NULL = none, or stored outside the database.';

CREATE FUNCTION triage.rt_field(schema text, ticket int, field int) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	result	text;
BEGIN
	IF rt_field.field IS NULL THEN
		RETURN NULL;
	END IF;
	EXECUTE format($q$SELECT nullif(btrim(coalesce(v.content, v.largecontent)), '') FROM %I.objectcustomfieldvalues v
		WHERE v.objecttype = 'RT::Ticket' AND v.objectid = $1 AND v.customfield = $2 AND v.disabled = 0
		ORDER BY v.sortorder, v.id LIMIT 1$q$, rt_field.schema) INTO result USING rt_field.ticket, rt_field.field;
	RETURN result;
END
$$;
COMMENT ON FUNCTION triage.rt_field(text, int, int) IS 'Internal: the value of a custom field of an RT ticket; NULL = none, or no such field.';

CREATE FUNCTION triage.rt_new_ticket(schema text, mapping jsonb, ticket int, txn bigint) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	fields	jsonb := rt_new_ticket.mapping -> 'fields';
	t		record;
	words	text;
	outcome	jsonb;
BEGIN
	SELECT * INTO t FROM jsonb_to_record(triage.kept_row(format($q$
		SELECT to_jsonb(x) FROM (SELECT t.queue, t.subject, t.created, t.type, t.status,
				coalesce(nullif(u.realname, ''), u.name) AS reporter, coalesce(nullif(u.mobilephone, ''), nullif(u.emailaddress, '')) AS contact
			FROM %1$I.tickets t
			LEFT JOIN %1$I.groups g ON g.instance = t.id AND g.domain = 'RT::Ticket-Role' AND g.name = 'Requestor'
			LEFT JOIN %1$I.groupmembers m ON m.groupid = g.id
			LEFT JOIN %1$I.users u ON u.id = m.memberid
			WHERE t.id = $1::int ORDER BY m.id LIMIT 1) x$q$, rt_new_ticket.schema), rt_new_ticket.ticket::text))
		x(queue int, subject text, created timestamp, type text, status text, reporter text, contact text);
	-- reminders and approvals are rows of the same table
	IF t.type IS DISTINCT FROM 'ticket' OR t.status = 'deleted'
		OR NOT coalesce(rt_new_ticket.mapping -> 'intake' @> to_jsonb(t.queue), true)
	THEN
		RETURN NULL;
	END IF;
	words := triage.rt_text(rt_new_ticket.schema, rt_new_ticket.txn);
	outcome := jsonb_strip_nulls(jsonb_build_object('event', 'create', 'ticket', rt_new_ticket.ticket::text,
		'reporter', t.reporter, 'contact', t.contact, 'reported_at', t.created AT TIME ZONE 'UTC'));
	-- the subject says it in short; where the text begins with it, it is not said twice
	outcome := outcome || jsonb_build_object('body', CASE
		WHEN coalesce(t.subject, '') IN ('', 'No Subject', '(No subject given)') THEN coalesce(words, '')
		WHEN words IS NULL THEN t.subject
		WHEN starts_with(words, t.subject) THEN words
		ELSE t.subject || E'\n' || words END);
	IF fields IS NULL THEN
		RETURN outcome;
	END IF;
	RETURN outcome || jsonb_strip_nulls((SELECT jsonb_object_agg(f.key, triage.rt_field(rt_new_ticket.schema, rt_new_ticket.ticket, f.value::int))
			FROM jsonb_each_text(fields) f WHERE f.key <> 'outcome')
		|| jsonb_build_object('reference_channel', rt_new_ticket.mapping ->> 'reference_channel'));
END
$$;
COMMENT ON FUNCTION triage.rt_new_ticket(text, jsonb, int, bigint) IS
	'Internal: a new RT ticket as an event of rt_read(); txn is its row Create in the history. NULL = not to be taken in.';

CREATE FUNCTION triage.rt_put_back(schema text, mapping jsonb, ticket int, field text, txn bigint) RETURNS boolean
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	result	boolean;
BEGIN
	-- "last" is our own last change of the field, "before" the one before it
	EXECUTE format($q$
		SELECT n.newvalue IS NOT DISTINCT FROM last.oldvalue AND n.created <= last.created + $5
			AND last.newvalue IS DISTINCT FROM before.newvalue
		FROM %1$I.transactions n,
			LATERAL (SELECT b.id, b.oldvalue, b.newvalue, b.created FROM %1$I.transactions b WHERE b.objecttype = 'RT::Ticket' AND b.objectid = $1
				AND b.creator = $2 AND b.type = 'Set' AND b.field = $3 AND b.id < n.id ORDER BY b.id DESC LIMIT 1) last
			LEFT JOIN LATERAL (SELECT b.newvalue FROM %1$I.transactions b WHERE b.objecttype = 'RT::Ticket' AND b.objectid = $1
				AND b.creator = $2 AND b.type = 'Set' AND b.field = $3 AND b.id < last.id ORDER BY b.id DESC LIMIT 1) before ON true
		WHERE n.id = $4$q$, rt_put_back.schema)
		INTO result USING rt_put_back.ticket, (rt_put_back.mapping ->> 'bot')::int, rt_put_back.field, rt_put_back.txn,
			coalesce((rt_put_back.mapping ->> 'stale')::interval, interval '15 minutes');
	RETURN coalesce(result, false);
END
$$;
COMMENT ON FUNCTION triage.rt_put_back(text, jsonb, int, text, bigint) IS
	'Internal: whether this change of a field puts back what stood before our last change of it, by a form that was opened before (RT saves all fields of a form, also those nobody touched). Once only: who does it again means it.';

CREATE FUNCTION triage.rt_read(relation regclass, mapping jsonb, source_table text, "row" jsonb, old_row jsonb) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	n		record;
	who		int;
	s		text := rt_read.mapping ->> 'schema';
	t		record;
	verb	text;
	verbs	jsonb := '[]';
	said	text;
	show	boolean := false;
	party	jsonb;
	closed	text[];
BEGIN
	SELECT r.id, r.objecttype, r.objectid, r.type, r.field, r.oldvalue, r.newvalue, r.creator INTO n
		FROM jsonb_to_record(rt_read."row") r(id bigint, objecttype text, objectid int, type text, field text, oldvalue text, newvalue text, creator int);
	IF n.objecttype <> 'RT::Ticket' OR n.creator = (rt_read.mapping ->> 'bot')::int OR rt_read.old_row IS NOT NULL THEN
		RETURN NULL;
	ELSIF n.type = 'Create' THEN
		RETURN triage.rt_new_ticket(s, rt_read.mapping, n.objectid, n.id);
	ELSIF n.type NOT IN ('Status', 'Set', 'Correspond', 'Comment', 'AddLink') THEN
		RETURN NULL;
	END IF;

	-- what RT does by itself it does because of somebody
	EXECUTE format($q$
		SELECT t.id, t.effectiveid, t.ismerged, t.queue, t.owner, t.type, q.lifecycle,
			coalesce(nullif(u.id, $3), last.creator, $3) AS who, coalesce(lu.name, u.name) AS name,
			EXISTS (SELECT FROM %1$I.groupmembers m WHERE m.groupid = $4 AND m.memberid = coalesce(nullif(u.id, $3), last.creator)) AS agent
		FROM %1$I.tickets t
		LEFT JOIN %1$I.queues q ON q.id = t.queue
		LEFT JOIN %1$I.users u ON u.id = $2
		LEFT JOIN LATERAL (SELECT x.creator FROM %1$I.transactions x WHERE $2 = $3 AND x.objecttype = 'RT::Ticket' AND x.objectid = t.id
			AND x.creator NOT IN ($3, $5) ORDER BY x.id DESC LIMIT 1) last ON true
		LEFT JOIN %1$I.users lu ON lu.id = last.creator
		WHERE t.id = $1$q$, s)
		INTO t USING n.objectid, n.creator, (rt_read.mapping ->> 'system')::int, (rt_read.mapping ->> 'privileged')::int, (rt_read.mapping ->> 'bot')::int;
	IF t.type IS DISTINCT FROM 'ticket' THEN
		RETURN NULL;
	END IF;
	who := t.who;
	party := jsonb_strip_nulls(jsonb_build_object('department', triage.host_queue_department(rt_read.mapping, t.queue)));

	IF n.type IN ('Correspond', 'Comment') THEN
		said := triage.rt_text(s, n.id);
		IF said IS NULL THEN
			RETURN NULL;
		ELSIF NOT t.agent THEN
			-- the citizen adds something
			verbs := jsonb_build_array(jsonb_build_object('verb', 'append_text', 'body', said));
		ELSIF t.owner IN (who, (rt_read.mapping ->> 'nobody')::int) OR n.type = 'Correspond' THEN
			verbs := jsonb_build_array(party || jsonb_build_object('verb', 'feed_back', 'body', said));
		END IF;
	ELSIF n.type = 'Set' AND n.field = 'Owner' THEN
		show := triage.rt_put_back(s, rt_read.mapping, n.objectid, n.field, n.id);
		-- taking is signing for it; being given it is not
		IF n.newvalue = n.creator::text AND NOT show THEN
			verbs := jsonb_build_array(party || '{"verb": "accept"}');
		END IF;
	ELSIF n.type = 'Set' AND n.field IN ('Queue', 'Due', 'Priority') THEN
		show := triage.rt_put_back(s, rt_read.mapping, n.objectid, n.field, n.id);
		IF n.field = 'Queue' AND NOT show THEN
			IF party ? 'department' THEN
				verbs := jsonb_build_array(party || jsonb_build_object('verb', 'transfer',
					'reason', coalesce(triage.rt_last_words(s, n.objectid, who, n.id), '在 RT 中转入该队列 moved to this queue in RT')));
			ELSIF coalesce(rt_read.mapping -> 'intake' @> to_jsonb(t.queue), false) THEN
				verbs := jsonb_build_array(jsonb_build_object('verb', 'request_return',
					'reason', coalesce(triage.rt_last_words(s, n.objectid, who, n.id), '在 RT 中退回受理队列 put back into the intake queue in RT')));
			END IF;
		END IF;
	ELSIF n.type = 'Status' THEN
		closed := ARRAY(SELECT coalesce(l.value ->> k.k, k.k) FROM unnest('{resolved,rejected}'::text[]) k(k)
			LEFT JOIN jsonb_each(rt_read.mapping -> 'statuses') l ON l.key = t.lifecycle) || '{deleted}'::text[];
		said := triage.rt_last_words(s, n.objectid, CASE WHEN t.agent THEN who END, n.id);
		IF n.oldvalue = ANY (closed) AND n.newvalue <> ALL (closed) THEN
			verbs := jsonb_build_array(jsonb_build_object('verb', 'reopen', 'reason', coalesce(said, '在 RT 中重新打开 reopened in RT')));
		ELSE
			verb := rt_read.mapping -> 'verbs' ->> n.newvalue;
			IF verb = 'resolve' THEN
				verbs := jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('verb', 'resolve', 'body', said,
					'outcome', coalesce(triage.rt_field(s, n.objectid, (rt_read.mapping -> 'fields' ->> 'outcome')::int), 'resolved'))));
				IF (rt_read.mapping ->> 'close')::boolean THEN
					verbs := verbs || '[{"verb": "close_case"}]';
				END IF;
			ELSIF verb = 'accept' THEN
				verbs := jsonb_build_array(party || '{"verb": "accept"}');
			ELSIF verb IS NOT NULL THEN
				verbs := jsonb_build_array(jsonb_build_object('verb', verb,
					'reason', coalesce(said, format('在 RT 中设为 %s set to %s in RT', n.newvalue, n.newvalue))));
			END IF;
		END IF;
	ELSIF n.type = 'AddLink' AND n.field = 'MergedInto' AND t.ismerged = 1 AND t.effectiveid <> t.id THEN
		verbs := jsonb_build_array(jsonb_build_object('verb', 'merge', 'into', t.effectiveid::text));
	END IF;

	IF verbs = '[]' AND NOT show THEN
		RETURN NULL;
	END IF;
	RETURN jsonb_build_object('event', 'change', 'ticket', n.objectid::text, 'by', t.name, 'verbs', verbs, 'show', show);
END
$$;
COMMENT ON FUNCTION triage.rt_read(regclass, jsonb, text, jsonb, jsonb) IS
	'Driver of Request Tracker: what a row of its history means. Create = a new ticket; of agents: taking it or opening it = accept, a reply, or a comment of the owner = feed_back, a status as the mapping says, reopening = reopen, another department''s queue = transfer, an intake queue = request_return; a merge = merge; the citizen''s reply = append_text. Our own rows mean nothing. "show" = an outdated form wrote old values back.';

CREATE FUNCTION triage.rt_last_words(schema text, ticket int, who int, before bigint) RETURNS text
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	txn		bigint;
BEGIN
	EXECUTE format($q$SELECT max(x.id) FROM %I.transactions x WHERE x.objecttype = 'RT::Ticket' AND x.objectid = $1
		AND x.type IN ('Comment', 'Correspond') AND x.id < $2 AND x.creator = coalesce($3, x.creator)$q$, rt_last_words.schema)
		INTO txn USING rt_last_words.ticket, rt_last_words.before, rt_last_words.who;
	RETURN triage.rt_text(rt_last_words.schema, txn);
END
$$;
COMMENT ON FUNCTION triage.rt_last_words(text, int, int, bigint) IS
	'Internal: what this user (NULL = anybody) said last on an RT ticket before this row of its history; NULL = nothing.';

-- ---- writing ----------------------------------------------------------------------

CREATE FUNCTION triage.rt_pick_owner(schema text, party jsonb, queue int) RETURNS int
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
BEGIN
	IF rt_pick_owner.party ->> 'owner' IS NULL AND rt_pick_owner.party ->> 'group' IS NULL THEN
		RETURN NULL;
	END IF;
	-- RT checks this right when somebody is made owner in its own pages, nobody does here
	RETURN triage.kept_row(format($q$
		SELECT to_jsonb(u.id) FROM %1$I.users u JOIN %1$I.principals p ON p.id = u.id AND p.disabled = 0
		WHERE u.id IN (SELECT $1::int UNION ALL SELECT m.memberid FROM %1$I.cachedgroupmembers m WHERE $1 IS NULL AND m.groupid = $2::int AND m.disabled = 0)
			AND EXISTS (SELECT FROM %1$I.acl a JOIN %1$I.cachedgroupmembers c ON c.groupid = a.principalid AND c.memberid = u.id AND c.disabled = 0
				WHERE a.rightname IN ('OwnTicket', 'SuperUser')
					AND (a.objecttype = 'RT::System' OR (a.objecttype = 'RT::Queue' AND a.objectid = $3::int)))
		ORDER BY (SELECT count(*) FROM %1$I.tickets t WHERE t.owner = u.id AND t.status NOT IN ('resolved', 'rejected', 'deleted')), u.id
		LIMIT 1$q$, rt_pick_owner.schema), rt_pick_owner.party ->> 'owner', rt_pick_owner.party ->> 'group', rt_pick_owner.queue::text)::int;
END
$$;
COMMENT ON FUNCTION triage.rt_pick_owner(text, jsonb, int) IS
	'Internal: who shall own a department''s RT ticket: its person, or the member of its group with the fewest open tickets; only who may own tickets of that queue and is not disabled. NULL = nobody.';

CREATE FUNCTION triage.rt_set_owner(schema text, mapping jsonb, ticket int, owner int, at timestamp) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
BEGIN
	-- the role group has one member, and a row in the cache of memberships for itself and for him
	PERFORM triage.kept_row(format($q$
		WITH g AS (SELECT g.id FROM %1$I.groups g WHERE g.instance = $1::int AND g.domain = 'RT::Ticket-Role' AND g.name = 'Owner'),
			gone AS (DELETE FROM %1$I.groupmembers m USING g WHERE m.groupid = g.id AND m.memberid <> $2::int),
			uncached AS (DELETE FROM %1$I.cachedgroupmembers c USING g WHERE c.groupid = g.id AND c.memberid NOT IN (g.id, $2::int)),
			cached AS (INSERT INTO %1$I.cachedgroupmembers (id, groupid, memberid, via, immediateparentid, disabled)
				SELECT i.id, g.id, $2::int, i.id, g.id, 0 FROM g, LATERAL (SELECT nextval('%1$I.cachedgroupmembers_id_seq') AS id WHERE g.id IS NOT NULL) i
				WHERE NOT EXISTS (SELECT FROM %1$I.cachedgroupmembers c WHERE c.groupid = g.id AND c.memberid = $2::int))
		INSERT INTO %1$I.groupmembers (groupid, memberid, creator, created, lastupdatedby, lastupdated)
			SELECT g.id, $2::int, $3::int, $4::timestamp, $3::int, $4::timestamp FROM g ON CONFLICT DO NOTHING$q$, rt_set_owner.schema),
		rt_set_owner.ticket::text, rt_set_owner.owner::text, rt_set_owner.mapping ->> 'bot', rt_set_owner.at::text);
END
$$;
COMMENT ON FUNCTION triage.rt_set_owner(text, jsonb, int, int, timestamp) IS
	'Internal: makes a user the one member of an RT ticket''s role group Owner; tickets.owner is the caller''s.';

CREATE FUNCTION triage.rt_uri(mapping jsonb, ticket int) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	RETURN 'fsck.com-rt://' || (rt_uri.mapping ->> 'organization') || '/ticket/' || rt_uri.ticket;
COMMENT ON FUNCTION triage.rt_uri(jsonb, int) IS 'Internal: the URI by which RT''s links name a ticket.';

CREATE FUNCTION triage.rt_link(schema text, mapping jsonb, ticket int, target int, type text, at timestamp) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	base	text := triage.rt_uri(rt_link.mapping, rt_link.ticket);
	goal	text := triage.rt_uri(rt_link.mapping, rt_link.target);
	reverse	text := CASE rt_link.type WHEN 'RefersTo' THEN 'ReferredToBy' WHEN 'MemberOf' THEN 'HasMember' ELSE rt_link.type END;
BEGIN
	-- a merged ticket points to the surviving one for itself too; both sides tell of it in their history
	RETURN triage.kept_row(format($q$
		WITH l AS (INSERT INTO %1$I.links (base, target, type, localbase, localtarget, creator, created, lastupdatedby, lastupdated)
				SELECT $1, $2, $3, CASE WHEN $3 = 'MergedInto' THEN $5::int ELSE $4::int END, $5::int, $6::int, $7::timestamp, $6::int, $7::timestamp
				WHERE EXISTS (SELECT FROM %1$I.tickets t WHERE t.id = $5::int)
					AND NOT EXISTS (SELECT FROM %1$I.links o WHERE o.base = $2 AND o.target = $1 AND o.type = $3)
				ON CONFLICT DO NOTHING RETURNING 1),
			h AS (INSERT INTO %1$I.transactions (objecttype, objectid, type, field, newvalue, creator, created)
				SELECT 'RT::Ticket', v.id, 'AddLink', v.field, v.value, $6::int, $7::timestamp
				FROM l, (VALUES ($4::int, $3, $2), ($5::int, $8, CASE WHEN $3 = 'MergedInto' THEN $2 ELSE $1 END)) v(id, field, value) RETURNING 1)
		SELECT to_jsonb(count(*) > 0) FROM h$q$, rt_link.schema),
		base, goal, rt_link.type, rt_link.ticket::text, rt_link.target::text, rt_link.mapping ->> 'bot', rt_link.at::text, reverse)::boolean;
END
$$;
COMMENT ON FUNCTION triage.rt_link(text, jsonb, int, int, text, timestamp) IS
	'Internal: links an RT ticket to another (RefersTo, MemberOf, MergedInto), with the entry in both histories; false = they are linked already, either way, or the other is gone.';

CREATE FUNCTION triage.rt_merge(schema text, mapping jsonb, ticket int, target int, at timestamp) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	base	text := triage.rt_uri(rt_merge.mapping, rt_merge.ticket);
	goal	text := triage.rt_uri(rt_merge.mapping, rt_merge.target);
	bot		int := (rt_merge.mapping ->> 'bot')::int;
BEGIN
	-- as RT's own merge: links, then people, then what was merged into it before
	EXECUTE format($q$DELETE FROM %1$I.links l WHERE (l.target = $1 AND (l.base = $2 OR EXISTS (SELECT FROM %1$I.links o WHERE o.base = l.base AND o.target = $2 AND o.type = l.type)))
		OR (l.base = $1 AND (l.target = $2 OR EXISTS (SELECT FROM %1$I.links o WHERE o.base = $2 AND o.target = l.target AND o.type = l.type)))$q$, rt_merge.schema)
		USING base, goal;
	EXECUTE format($q$UPDATE %I.links l SET base = CASE WHEN l.base = $1 THEN $2 ELSE l.base END, localbase = CASE WHEN l.base = $1 THEN $4 ELSE l.localbase END,
			target = CASE WHEN l.target = $1 THEN $2 ELSE l.target END, localtarget = CASE WHEN l.localtarget = $3 THEN $4 ELSE l.localtarget END
		WHERE l.base = $1 OR l.target = $1$q$, rt_merge.schema)
		USING base, goal, rt_merge.ticket, rt_merge.target;
	EXECUTE format($q$
		WITH who AS (SELECT DISTINCT mine.id AS groupid, m.memberid FROM %1$I.groups theirs
				JOIN %1$I.groupmembers m ON m.groupid = theirs.id
				JOIN %1$I.groups mine ON mine.instance = $2 AND mine.domain = theirs.domain AND mine.name = theirs.name
				WHERE theirs.instance = $1 AND theirs.domain = 'RT::Ticket-Role' AND theirs.name IN ('Requestor', 'Cc', 'AdminCc')
					AND NOT EXISTS (SELECT FROM %1$I.groupmembers o WHERE o.groupid = mine.id AND o.memberid = m.memberid)),
			joined AS (INSERT INTO %1$I.groupmembers (groupid, memberid, creator, created, lastupdatedby, lastupdated)
				SELECT w.groupid, w.memberid, $3, $4, $3, $4 FROM who w),
			ids AS MATERIALIZED (SELECT nextval('%1$I.cachedgroupmembers_id_seq') AS id, w.groupid, w.memberid FROM who w)
		INSERT INTO %1$I.cachedgroupmembers (id, groupid, memberid, via, immediateparentid, disabled)
			SELECT i.id, i.groupid, i.memberid, i.id, i.groupid, 0 FROM ids i$q$, rt_merge.schema)
		USING rt_merge.ticket, rt_merge.target, bot, rt_merge.at;
	EXECUTE format('UPDATE %I.tickets t SET effectiveid = $2, ismerged = 1, lastupdated = $3, lastupdatedby = $4 WHERE t.effectiveid = $1', rt_merge.schema)
		USING rt_merge.ticket, rt_merge.target, rt_merge.at, bot;
	EXECUTE format('UPDATE %I.tickets t SET lastupdated = $2, lastupdatedby = $3 WHERE t.id = $1', rt_merge.schema)
		USING rt_merge.target, rt_merge.at, bot;
	PERFORM triage.rt_link(rt_merge.schema, rt_merge.mapping, rt_merge.ticket, rt_merge.target, 'MergedInto', rt_merge.at);
END
$$;
COMMENT ON FUNCTION triage.rt_merge(text, jsonb, int, int, timestamp) IS
	'Internal: merges an RT ticket into another as RT does it: its links and watchers move, it shows the other from then on.';

CREATE FUNCTION triage.rt_status(mapping jsonb, lifecycle text, status text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	RETURN (rt_status.mapping -> 'statuses' -> rt_status.lifecycle) ->> CASE
		WHEN rt_status.status IN ('new', 'triage', 'dispatched') THEN 'new'
		WHEN rt_status.status IN ('accepted', 'in_progress') THEN 'open'
		WHEN rt_status.status = 'suspended' THEN 'stalled'
		WHEN rt_status.status IN ('review', 'callback', 'closed') THEN 'resolved'
		WHEN rt_status.status = 'void' THEN 'rejected' END;
COMMENT ON FUNCTION triage.rt_status(jsonb, text, text) IS
	'Internal: the status of an RT ticket for the status of its case, in the words of its queue''s lifecycle; NULL = the status is left alone: while a return is decided, and where the mapping does not know the lifecycle.';

CREATE FUNCTION triage.rt_write(relation regclass, mapping jsonb, ticket text, doc jsonb) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	s		text := rt_write.mapping ->> 'schema';
	bot		int := (rt_write.mapping ->> 'bot')::int;
	nobody	int := (rt_write.mapping ->> 'nobody')::int;
	id		int := rt_write.ticket::int;
	party	jsonb := coalesce(rt_write.mapping -> 'departments' -> (rt_write.doc ->> 'department'), rt_write.mapping -> 'default');
	first	boolean := coalesce((rt_write.doc ->> 'first')::boolean, false);
	at		timestamp;
	t		record;
	lifecycle text;		-- of the queue it shall be in
	ours	jsonb := '{}';		-- what we wrote last
	theirs	jsonb := '{}';		-- fields that somebody changed since, by an outdated form
	queue	int;
	owner	int;
	due		timestamp;
	priority int;
	status	text;
	moved	boolean;
	changes	jsonb := '[]';
	said	text := rt_write.doc ->> 'comment';
	link	record;
	touched	boolean := false;
BEGIN
	SELECT * INTO t FROM jsonb_to_record(triage.kept_row(format($q$
		WITH t AS MATERIALIZED (SELECT t.effectiveid, t.queue, t.owner, t.priority, t.status, t.due FROM %1$I.tickets t WHERE t.id = $1::int FOR UPDATE)
		SELECT to_jsonb(x) FROM (SELECT t.*, q.lifecycle, g.name AS target_name, g.disabled AS target_disabled, g.lifecycle AS target_lifecycle
			FROM t LEFT JOIN %1$I.queues q ON q.id = t.queue LEFT JOIN %1$I.queues g ON g.id = coalesce($2::int, t.queue)) x$q$, s), id::text, party ->> 'queue'))
		x(effectiveid int, queue int, owner int, priority int, status text, due timestamp, lifecycle text, target_name text, target_disabled int, target_lifecycle text);
	-- gone, thrown away, or shown as another ticket by now: there is nothing to write on
	IF t.queue IS NULL OR t.effectiveid <> id OR t.status = 'deleted' THEN
		RETURN;
	END IF;
	-- not before an agent's change that this one follows
	at := date_trunc('second', clock_timestamp() AT TIME ZONE 'UTC');
	IF rt_write.doc ->> 'merged_into' IS NOT NULL AND rt_write.doc ->> 'merged_into' <> rt_write.ticket THEN
		PERFORM triage.rt_merge(s, rt_write.mapping, id, (rt_write.doc ->> 'merged_into')::int, at);
		RETURN;
	END IF;

	-- ---- what it shall be ----
	IF NOT first THEN
		EXECUTE format($q$
			SELECT coalesce(jsonb_object_agg(x.field, x.value), '{}')
			FROM (SELECT o.field, coalesce((array_agg(o.newvalue ORDER BY o.id DESC) FILTER (WHERE o.creator = $2))[1], (array_agg(o.oldvalue ORDER BY o.id))[1]) AS value
				FROM %1$I.transactions o
				WHERE o.objecttype = 'RT::Ticket' AND o.objectid = $1 AND o.type = 'Set' AND o.field IN ('Queue', 'Owner', 'Due', 'Priority')
				GROUP BY o.field) x WHERE x.value IS NOT NULL$q$, s)
			INTO ours USING id, bot;
		-- what nobody ever changed is as we found it right
		ours := jsonb_build_object('Queue', t.queue::text, 'Priority', t.priority::text,
			'Due', to_char(coalesce(t.due, timestamp '1970-01-01'), 'YYYY-MM-DD HH24:MI:SS')) || ours;
		EXECUTE format($q$
			SELECT coalesce(jsonb_object_agg(x.field, true), '{}') FROM (SELECT DISTINCT ON (o.field) o.field, o.id, o.creator FROM %1$I.transactions o
				WHERE o.objecttype = 'RT::Ticket' AND o.objectid = $1 AND o.type = 'Set' AND o.field IN ('Queue', 'Owner', 'Due', 'Priority')
				ORDER BY o.field, o.id DESC) x
			WHERE x.creator <> $2 AND triage.rt_put_back(%1$L, $3, $1, x.field, x.id)$q$, s)
			INTO theirs USING id, bot, rt_write.mapping;
	END IF;

	queue := coalesce((party ->> 'queue')::int, t.queue);
	lifecycle := t.target_lifecycle;
	IF t.target_name IS NULL OR t.target_disabled <> 0 THEN
		said := concat_ws(E'\n\n', said, format('队列 %s 已停用或不存在，工单留在原队列；请系统管理员重新执行 attach_rt()。Queue %s is disabled or gone, so the ticket stays where it is; an administrator should call attach_rt() again.',
			coalesce(t.target_name, queue::text), coalesce(t.target_name, queue::text)));
		queue := t.queue;
		lifecycle := t.lifecycle;
	END IF;
	moved := first OR ours ->> 'Queue' IS DISTINCT FROM queue::text;
	-- where we want what we wanted before, an agent's own change stands
	IF NOT moved AND NOT theirs ? 'Queue' THEN
		queue := t.queue;
		lifecycle := t.lifecycle;
	END IF;
	owner := CASE WHEN theirs ? 'Owner' THEN (ours ->> 'Owner')::int ELSE t.owner END;
	IF rt_write.doc ->> 'department' IS NOT NULL AND (first OR (moved AND queue <> t.queue)) THEN
		owner := coalesce(triage.rt_pick_owner(s, party, queue), CASE WHEN queue <> t.queue THEN nobody ELSE t.owner END);
		IF owner IN (nobody, t.owner) AND (party ->> 'owner' IS NOT NULL OR party ->> 'group' IS NOT NULL) AND owner IS DISTINCT FROM (party ->> 'owner')::int
			AND triage.rt_pick_owner(s, party, queue) IS NULL
		THEN
			said := concat_ws(E'\n\n', said, '对应人员已停用，或在该队列没有 OwnTicket 权限，故未指定负责人。The mapped person is disabled or lacks the right OwnTicket in this queue, so nobody was made owner.');
		END IF;
	END IF;
	due := coalesce(date_trunc('second', (rt_write.doc ->> 'due_at')::timestamptz AT TIME ZONE 'UTC'), timestamp '1970-01-01');
	IF NOT first AND NOT theirs ? 'Due' AND ours ->> 'Due' IS NOT DISTINCT FROM to_char(due, 'YYYY-MM-DD HH24:MI:SS') THEN
		due := coalesce(t.due, timestamp '1970-01-01');
	END IF;
	priority := greatest((rt_write.mapping -> 'priority' ->> (rt_write.doc ->> 'priority'))::int,
		CASE WHEN rt_write.doc ->> 'colour' = 'red' THEN (rt_write.mapping -> 'priority' ->> 'overdue')::int END, 0);
	IF rt_write.doc ->> 'priority' IS NULL OR (NOT first AND NOT theirs ? 'Priority' AND ours ->> 'Priority' IS NOT DISTINCT FROM priority::text) THEN
		priority := t.priority;
	END IF;
	status := coalesce(triage.rt_status(rt_write.mapping, lifecycle, rt_write.doc ->> 'status'), t.status);
	-- an agent's "stalled" is work under way too
	IF rt_write.doc ->> 'status' IN ('accepted', 'in_progress') AND t.status = rt_write.mapping -> 'statuses' -> lifecycle ->> 'stalled' THEN
		status := t.status;
	END IF;

	-- ---- what differs ----
	IF queue <> t.queue THEN
		changes := changes || jsonb_build_array(jsonb_build_array('Set', 'Queue', t.queue::text, queue::text));
	END IF;
	IF owner <> t.owner THEN
		PERFORM triage.rt_set_owner(s, rt_write.mapping, id, owner, at);
		changes := changes || jsonb_build_array(jsonb_build_array('Set', 'Owner', t.owner::text, owner::text),
			jsonb_build_array('SetWatcher', 'Owner', t.owner::text, owner::text));
	END IF;
	IF due IS DISTINCT FROM coalesce(t.due, timestamp '1970-01-01') THEN
		changes := changes || jsonb_build_array(jsonb_build_array('Set', 'Due', to_char(coalesce(t.due, timestamp '1970-01-01'), 'YYYY-MM-DD HH24:MI:SS'),
			to_char(due, 'YYYY-MM-DD HH24:MI:SS')));
	END IF;
	IF priority <> t.priority THEN
		changes := changes || jsonb_build_array(jsonb_build_array('Set', 'Priority', t.priority::text, priority::text));
	END IF;
	IF status <> t.status THEN
		changes := changes || jsonb_build_array(jsonb_build_array('Status', 'Status', t.status, status));
	END IF;
	IF theirs <> '{}' AND changes <> '[]' THEN
		said := concat_ws(E'\n\n', said, '保存的表单是在分派之前打开的，写回了旧值，已恢复；确需更改请再改一次。A form that was opened before the dispatch put old values back; they are restored. If the change was meant, make it again.');
	END IF;
	IF said IS NOT NULL THEN
		changes := changes || jsonb_build_array(jsonb_build_array('Comment', NULL, NULL, NULL, 'No Subject', said));
	END IF;
	IF rt_write.doc ->> 'inform' IS NOT NULL THEN
		changes := changes || jsonb_build_array(jsonb_build_array('Correspond', NULL, NULL, NULL, 'No Subject', rt_write.doc ->> 'inform'));
	END IF;
	FOR link IN SELECT (l.value ->> 'ticket')::int AS other, CASE WHEN l.value ->> 'kind' = 'part_of' THEN 'MemberOf' ELSE 'RefersTo' END AS type
		FROM jsonb_array_elements(coalesce(rt_write.doc -> 'links', '[]')) l WHERE l.value ->> 'ticket' <> rt_write.ticket
	LOOP
		touched := triage.rt_link(s, rt_write.mapping, id, link.other, link.type, at) OR touched;
	END LOOP;
	IF changes = '[]' AND NOT touched THEN
		RETURN;
	END IF;

	-- ---- written ----
	PERFORM triage.kept_row(format($q$
		WITH h AS (INSERT INTO %1$I.transactions (objecttype, objectid, type, field, oldvalue, newvalue, data, creator, created)
				SELECT 'RT::Ticket', $1::int, c.value ->> 0, c.value ->> 1, c.value ->> 2, c.value ->> 3, c.value ->> 4, $2::int, $3::timestamp
				FROM jsonb_array_elements($4::jsonb) WITH ORDINALITY c(value, n) ORDER BY c.n RETURNING id, type),
			words AS (INSERT INTO %1$I.attachments (transactionid, parent, messageid, subject, contenttype, contentencoding, content, headers, creator, created)
				SELECT h.id, 0, 'triage-' || h.id || '@' || $5, '', 'text/plain', 'none', c.value ->> 5,
					E'Content-Type: text/plain; charset="utf-8"\nX-RT-Original-Encoding: utf-8\n', $2::int, $3::timestamp
				FROM h JOIN jsonb_array_elements($4::jsonb) c(value) ON c.value ->> 0 = h.type AND c.value ->> 5 IS NOT NULL)
		UPDATE %1$I.tickets t SET queue = $6::int, owner = $7::int, due = $8::timestamp, priority = $9::int, status = $10,
			started = CASE WHEN $10 = $11 AND coalesce(t.started, timestamp '1970-01-01') <= timestamp '1970-01-02' THEN $3::timestamp ELSE t.started END,
			resolved = CASE WHEN $10 = $12 AND t.status <> $12 THEN $3::timestamp ELSE t.resolved END,
			told = CASE WHEN $13::boolean THEN $3::timestamp ELSE t.told END,
			lastupdated = $3::timestamp, lastupdatedby = $2::int WHERE t.id = $1::int$q$, s),
		id::text, bot::text, at::text, changes::text, rt_write.mapping ->> 'organization', queue::text, owner::text, due::text, priority::text, status,
		rt_write.mapping -> 'statuses' -> lifecycle ->> 'open', rt_write.mapping -> 'statuses' -> lifecycle ->> 'resolved', (rt_write.doc ->> 'inform' IS NOT NULL)::text);
END
$$;
COMMENT ON FUNCTION triage.rt_write(regclass, jsonb, text, jsonb) IS
	'Driver of Request Tracker: makes a ticket look like its case, with an entry in its history for all that changed: queue and owner of the department, due (whole seconds, UTC), priority (overdue = the mapping''s highest), status of the queue''s lifecycle, links, a merge, "comment" as a comment for agents, "inform" as a reply the citizen sees (RT sends no mail for it). What we wrote before and an agent changed since stays as he has it, unless an outdated form did it.';

-- ---- back-fill ---------------------------------------------------------------------

CREATE FUNCTION triage.rt_open(relation regclass, mapping jsonb, since timestamptz, after text, max_rows int)
	RETURNS TABLE (ticket text, doc jsonb)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
BEGIN
	RETURN QUERY EXECUTE format($q$
		SELECT t.id::text, triage.rt_new_ticket(%1$L, $1, t.id, (SELECT min(x.id) FROM %1$I.transactions x
			WHERE x.objecttype = 'RT::Ticket' AND x.objectid = t.id AND x.type = 'Create'))
		FROM %1$I.tickets t JOIN %1$I.queues q ON q.id = t.queue
		WHERE t.type = 'ticket' AND t.effectiveid = t.id AND t.created >= $2 AND t.id > $3 AND t.status <> 'deleted'
			AND t.status NOT IN (coalesce($1 -> 'statuses' -> q.lifecycle ->> 'resolved', 'resolved'), coalesce($1 -> 'statuses' -> q.lifecycle ->> 'rejected', 'rejected'))
		ORDER BY t.id LIMIT $4$q$, rt_open.mapping ->> 'schema')
		USING rt_open.mapping, rt_open.since AT TIME ZONE 'UTC', coalesce(rt_open.after::int, 0), rt_open.max_rows;
END
$$;
COMMENT ON FUNCTION triage.rt_open(regclass, jsonb, timestamptz, text, int) IS
	'Driver of Request Tracker, for the back-fill: open tickets made at "since" or later with ids above "after", in order, as rt_read() would tell of them; doc NULL = not to be taken in.';
