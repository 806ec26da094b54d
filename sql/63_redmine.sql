/*
 * Redmine 5 and 6: new issues become cases; project, assignee, due date,
 * priority, status and a journal entry follow the case; what agents do on
 * Redmine's own pages becomes a verb.
 *
 * Redmine has no idea of us: its tables are written as its own code writes
 * them.  What that asks for:
 *	- an issue is complete only at commit: root_id, lft, rgt and lock_version
 *	  come with a second statement, so the triggers are deferred;
 *	- times are stored without zone, in the local time of the Ruby process:
 *	  the offset is read off what Redmine itself has just written;
 *	- lock_version is raised with every change, so that a form opened before
 *	  is told about it and overwrites nothing;
 *	- category and version belong to one project and do not move with the issue;
 *	- a change and its words are one journal entry, private words one of their own.
 *
 * Words: "key" of mapping.departments is a department's code or its kind.
 */

-- ---- what both directions need to know --------------------------------------

CREATE FUNCTION triage.redmine_offset(relation regclass, mapping jsonb, written timestamp) RETURNS int
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	off_by	interval := redmine_offset.written - (clock_timestamp() AT TIME ZONE 'UTC');
	minutes	int := round(extract(epoch FROM off_by) / 900) * 15;
	known	int := (redmine_offset.mapping ->> 'offset_minutes')::int;
BEGIN
	IF redmine_offset.mapping #> '{derived,timezone}' IS NOT NULL THEN
		RETURN round(extract(epoch FROM (clock_timestamp() AT TIME ZONE (redmine_offset.mapping #>> '{derived,timezone}'))
			- (clock_timestamp() AT TIME ZONE 'UTC')) / 60);
	END IF;
	-- written just now, by a clock that shows a quarter of an hour that exists on earth; what seems to be
	-- written by a clock further west is an older row, unless summer time has ended
	IF redmine_offset.written IS NULL OR minutes NOT BETWEEN -720 AND 840
		OR off_by - make_interval(mins => minutes) NOT BETWEEN interval '-5 minutes' AND interval '1 minute'
		OR (minutes < known AND known - minutes NOT IN (30, 60))
	THEN
		RETURN coalesce(known, 0);
	END IF;
	IF minutes IS DISTINCT FROM known THEN
		UPDATE triage.bindings b SET mapping = b.mapping || jsonb_build_object('offset_minutes', minutes)
			WHERE b.relation = (SELECT l.relation FROM triage.bindings l WHERE l.relation = redmine_offset.relation
				AND l.mapping ->> 'offset_minutes' IS DISTINCT FROM minutes::text FOR NO KEY UPDATE SKIP LOCKED);
	END IF;
	RETURN minutes;
END
$$;
COMMENT ON FUNCTION triage.redmine_offset(regclass, jsonb, timestamp) IS
	'Internal, for the Redmine driver: by how many minutes the clock of the Ruby process is ahead of UTC. Taken from mapping.timezone if given, else from a time that Redmine wrote just now (the difference to the real clock, to a quarter of an hour), which is then kept in mapping.offset_minutes of the binding; from there for older times, and for times that would put the clock back by more than summer time does.';

-- ---- from Redmine ------------------------------------------------------------

CREATE FUNCTION triage.redmine_issue(relation regclass, mapping jsonb, id int) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	m			jsonb := redmine_issue.mapping;
	i			record;
	minutes		int;
	made_now	boolean;
	doc			jsonb;
BEGIN
	SELECT * INTO i FROM jsonb_to_record(triage.kept_row(format('SELECT to_jsonb(t) FROM (SELECT i.project_id, i.tracker_id, i.status_id, i.author_id,'
		' i.subject, i.description, i.created_on, u.login, CASE u.type WHEN ''User'' THEN btrim(concat_ws('' '', u.firstname, u.lastname)) END AS author,'
		' (SELECT e.address FROM %1$s.email_addresses e WHERE e.user_id = i.author_id AND e.is_default) AS address'
		' FROM %1$s.issues i LEFT JOIN %1$s.users u ON u.id = i.author_id WHERE i.id = $1::int) t', m #>> '{derived,schema}'), redmine_issue.id::text))
		AS t(project_id int, tracker_id int, status_id int, author_id int, subject text, description text, created_on timestamp, login text, author text,
			address text);
	IF i.subject IS NULL
		OR i.author_id = (m #>> '{derived,bot_id}')::int
		OR (m #> '{derived,project_ids}') @> to_jsonb(i.project_id) IS FALSE
		OR (m #> '{derived,tracker_ids}') @> to_jsonb(i.tracker_id) IS FALSE
		OR (m #> '{derived,closed_ids}') @> to_jsonb(i.status_id)
	THEN
		RETURN NULL;
	END IF;
	minutes := triage.redmine_offset(redmine_issue.relation, m, i.created_on);
	made_now := i.created_on - make_interval(mins => minutes) > (clock_timestamp() AT TIME ZONE 'UTC') - interval '5 minutes';
	doc := jsonb_build_object('event', 'create', 'ticket', redmine_issue.id::text, 'html', false, 'by', nullif(i.login, ''),
		'body', i.subject || coalesce(E'\n' || nullif(i.description, ''), ''),
		'reporter', nullif(i.author, ''),
		-- who writes for others is not the caller of all they tell
		'contact', CASE WHEN m ->> 'contact' = 'author' THEN i.address END,
		-- what comes in now is on the clock of triage
		'reported_at', CASE WHEN NOT made_now THEN (i.created_on - make_interval(mins => minutes)) AT TIME ZONE 'UTC' END);
	IF m #> '{derived,field_ids}' IS NOT NULL THEN
		DECLARE
			field	record;
		BEGIN
			FOR field IN EXECUTE format('SELECT f.key, v.value FROM jsonb_each_text($1) f JOIN %1$s.custom_values v'
				' ON v.customized_type = ''Issue'' AND v.customized_id = $2 AND v.custom_field_id = f.value::int'
				' WHERE v.value <> ''''', m #>> '{derived,schema}') USING m #> '{derived,field_ids}', redmine_issue.id
			LOOP
				doc := doc || jsonb_build_object(field.key, field.value);
			END LOOP;
		END;
	END IF;
	RETURN jsonb_strip_nulls(doc);
END
$$;
COMMENT ON FUNCTION triage.redmine_issue(regclass, jsonb, int) IS
	'Internal, for the Redmine driver: an issue as the document of a new report. NULL: there is no such issue, it is closed, we made it, or mapping.projects or mapping.trackers leave it out.';

CREATE FUNCTION triage.redmine_key_of(m jsonb, project int, category int, assignee int) RETURNS text
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
BEGIN
	RETURN coalesce(m #>> ARRAY['derived', 'category_of', category::text], m #>> ARRAY['derived', 'project_of', project::text],
		m #>> ARRAY['derived', 'assignee_of', assignee::text]);
END
$$;
COMMENT ON FUNCTION triage.redmine_key_of(jsonb, int, int, int) IS
	'Internal, for the Redmine driver: which key of mapping.departments (m = the mapping) an issue''s category, project or assignee stands for; NULL = none, or more than one.';

CREATE FUNCTION triage.redmine_journal(relation regclass, mapping jsonb, new_row jsonb) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	m			jsonb := redmine_journal.mapping;
	ticket		text := redmine_journal.new_row ->> 'journalized_id';
	agent		int := (redmine_journal.new_row ->> 'user_id')::int;
	notes		text := nullif(btrim(redmine_journal.new_row ->> 'notes', E' \t\r\n'), '');
	j			record;
	was			record;
	view		jsonb;
	state		text;
	key_was		text;
	key_is		text;
	party		jsonb;
	department	text;
	target		text;
	change		text;
	reason		text;
	verbs		jsonb := '[]';
	accepted	boolean;
	leads		boolean;
	inside		boolean;
BEGIN
	IF redmine_journal.new_row ->> 'journalized_type' <> 'Issue' OR agent = (m #>> '{derived,bot_id}')::int THEN
		RETURN NULL;
	END IF;
	view := triage.host_standing(redmine_journal.relation, ticket);
	IF view IS NULL THEN
		RETURN NULL;
	END IF;
	state := view ->> 'status';
	-- old values of what this entry changed, new values of the rest
	EXECUTE format('SELECT i.project_id, i.category_id, i.status_id, i.assigned_to_id, i.author_id, u.login,'
		' (SELECT jsonb_object_agg(d.prop_key, jsonb_build_array(d.old_value, d.value)) FROM %1$s.journal_details d'
		' WHERE d.journal_id = $2 AND d.property = ''attr'' AND d.prop_key IN (''project_id'', ''category_id'', ''status_id'', ''assigned_to_id'')) AS changed'
		' FROM %1$s.issues i LEFT JOIN %1$s.users u ON u.id = $3 WHERE i.id = $1', m #>> '{derived,schema}')
		INTO j USING ticket::int, (redmine_journal.new_row ->> 'id')::int, agent;
	IF j.project_id IS NULL THEN
		RETURN NULL;
	END IF;
	SELECT CASE WHEN j.changed ? 'project_id' THEN (j.changed #>> '{project_id,0}')::int ELSE j.project_id END AS project_id,
		CASE WHEN j.changed ? 'category_id' THEN (j.changed #>> '{category_id,0}')::int ELSE j.category_id END AS category_id,
		CASE WHEN j.changed ? 'assigned_to_id' THEN (j.changed #>> '{assigned_to_id,0}')::int ELSE j.assigned_to_id END AS assigned_to_id
		INTO was;
	key_was := triage.redmine_key_of(m, was.project_id, was.category_id, was.assigned_to_id);
	key_is := triage.redmine_key_of(m, j.project_id, j.category_id, j.assigned_to_id);
	IF key_is IS NOT DISTINCT FROM key_was AND j.changed ? 'assigned_to_id' THEN
		-- given to the person or group of another department
		key_is := coalesce(m #>> ARRAY['derived', 'assignee_of', j.changed #>> '{assigned_to_id,1}'], key_is);
	END IF;
	-- whose part in the case the issue is now: the lead's if nothing else is said
	SELECT p.value INTO party FROM jsonb_array_elements(view -> 'parties') WITH ORDINALITY p(value, nr)
		WHERE key_was IN (p.value ->> 'department', p.value ->> 'kind') ORDER BY p.nr LIMIT 1;
	party := coalesce(party, view #> '{parties,0}');
	department := party ->> 'department';
	accepted := coalesce((party ->> 'accepted')::boolean, false);
	leads := party ->> 'duty' = 'lead';
	change := CASE WHEN j.changed ? 'status_id' THEN coalesce(m #>> ARRAY['derived', 'verb_of', j.changed #>> '{status_id,1}'], 'none') END;
	reason := coalesce(notes, 'Redmine #' || ticket || ': ' || coalesce(j.login, '?'));

	-- out of the end again: any open status does
	IF state IN ('closed', 'review', 'callback', 'suspended') AND change IN ('accept', 'start', 'none', 'return')
		AND (m #> '{derived,closed_ids}') @> to_jsonb(j.status_id) IS NOT TRUE
	THEN
		verbs := CASE state
			WHEN 'closed' THEN jsonb_build_array(jsonb_build_object('verb', 'reopen', 'reason', reason))
			WHEN 'review' THEN jsonb_build_array(jsonb_build_object('verb', 'send_back', 'reason', reason))
			WHEN 'suspended' THEN jsonb_build_array(jsonb_build_object('verb', 'resume', 'note', reason))
			ELSE verbs END;
		RETURN jsonb_build_object('event', 'change', 'ticket', ticket, 'by', j.login, 'verbs', verbs);
	END IF;

	-- is the agent one of those who have the issue?
	IF department IS NOT NULL AND (notes IS NOT NULL OR j.changed ? 'assigned_to_id') THEN
		EXECUTE format('SELECT $1 = $2 OR EXISTS (SELECT FROM %1$s.groups_users g WHERE g.group_id = $2 AND g.user_id = $1)'
			' OR EXISTS (SELECT FROM %1$s.members b WHERE b.user_id = $1 AND b.project_id = $3)', m #>> '{derived,schema}')
			INTO inside USING agent, was.assigned_to_id, CASE WHEN m #> ARRAY['derived', 'project_of', was.project_id::text] IS NOT NULL THEN was.project_id END;
		inside := coalesce(inside, false) OR j.assigned_to_id = agent;
	END IF;

	IF key_is IS DISTINCT FROM key_was AND key_is IS NOT NULL AND department IS NOT NULL
		AND state IN ('dispatched', 'accepted', 'in_progress')
	THEN
		target := triage.host_department(key_is, view ->> 'area');
		IF target <> department AND m ->> 'move' = 'request_return' AND state <> 'in_progress' AND leads THEN
			RETURN jsonb_build_object('event', 'change', 'ticket', ticket, 'by', j.login, 'verbs', jsonb_build_array(
				jsonb_build_object('verb', 'request_return', 'reason', reason, 'department', target)));
		END IF;
		-- who takes part already needs no part
		IF target <> department AND NOT EXISTS (SELECT FROM jsonb_array_elements(view -> 'parties') p WHERE p.value ->> 'department' = target) THEN
			IF NOT accepted THEN
				verbs := verbs || jsonb_build_array(jsonb_build_object('verb', 'accept', 'department', department));
			END IF;
			RETURN jsonb_build_object('event', 'change', 'ticket', ticket, 'by', j.login, 'verbs', verbs || jsonb_build_array(
				jsonb_build_object('verb', 'transfer', 'department', target, 'reason', reason)));
		END IF;
	END IF;

	-- taking, starting, answering and ending all sign for it
	IF department IS NOT NULL AND NOT accepted AND state IN ('dispatched', 'accepted', 'in_progress')
		AND (change IN ('accept', 'start', 'resolve', 'close')
			OR (inside AND (j.changed ? 'assigned_to_id' AND j.assigned_to_id IS NOT NULL OR (notes IS NOT NULL AND change IS NULL
				AND agent <> j.author_id))))
	THEN
		verbs := verbs || jsonb_build_array(jsonb_build_object('verb', 'accept', 'department', department));
		accepted := true;
	END IF;

	IF change IN ('resolve', 'close', 'return') AND state IN ('dispatched', 'accepted', 'in_progress') AND department IS NOT NULL THEN
		-- one issue is all that Redmine knows of a case: who ends it has heard those who assist
		IF leads AND NOT (change = 'return' AND state <> 'in_progress') AND m ->> 'assists' IS DISTINCT FROM 'wait' THEN
			verbs := verbs || (SELECT coalesce(jsonb_agg(jsonb_build_object('verb', 'finish', 'department', p.value ->> 'department',
					'body', '随主办部门一并办结 · ended with the lead''s part')), '[]')
				FROM jsonb_array_elements(view -> 'parties') p WHERE p.value ->> 'duty' IN ('assist', 'expert'));
		END IF;
		verbs := verbs || CASE
			WHEN NOT leads AND change <> 'return' THEN jsonb_build_array(jsonb_build_object('verb', 'finish', 'department', department, 'body', reason))
			WHEN change = 'return' AND leads AND state <> 'in_progress' THEN jsonb_build_array(jsonb_build_object('verb', 'request_return', 'reason', reason))
			WHEN change = 'return' AND NOT leads THEN '[]'
			ELSE jsonb_build_array(jsonb_build_object('verb', 'resolve', 'body', reason, 'outcome',
				coalesce(m #>> ARRAY['derived', 'outcome_of', j.changed #>> '{status_id,1}'], m ->> 'outcome', 'resolved'))) END;
		IF change = 'close' AND leads THEN
			verbs := verbs || jsonb_build_array(jsonb_build_object('verb', 'close_case'));
		END IF;
	ELSIF change = 'close' AND state IN ('review', 'callback') THEN
		verbs := verbs || jsonb_build_array(jsonb_build_object('verb', 'close_case'));
	ELSIF notes IS NOT NULL AND (redmine_journal.new_row ->> 'private_notes')::boolean IS NOT TRUE THEN
		IF agent = j.author_id AND agent IS DISTINCT FROM j.assigned_to_id THEN
			IF state <> 'closed' THEN
				verbs := verbs || jsonb_build_array(jsonb_build_object('verb', 'append_text', 'body', notes));
			END IF;
		ELSIF inside AND accepted AND state IN ('dispatched', 'accepted', 'in_progress') THEN
			verbs := verbs || jsonb_build_array(jsonb_build_object('verb', 'feed_back', 'department', department, 'body', notes));
		END IF;
	END IF;
	RETURN CASE WHEN verbs <> '[]' THEN
		jsonb_build_object('event', 'change', 'ticket', ticket, 'by', j.login, 'verbs', verbs) END;
END
$$;
COMMENT ON FUNCTION triage.redmine_journal(regclass, jsonb, jsonb) IS
	'Internal, for the Redmine driver: what a journal entry (row of journals) means. A status with a verb: that verb, and accept before it; an open status again: reopen, review (not passed) or resume; another department''s project, category or person: transfer (or request_return, as mapping.move says); taking or giving it to somebody: accept; public notes: of the author append_text, of those who have it feed_back, of others nothing. NULL = nothing.';

CREATE FUNCTION triage.redmine_read(relation regclass, mapping jsonb, source_table text, new_row jsonb, old_row jsonb) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
BEGIN
	IF redmine_read.old_row IS NOT NULL THEN
		RETURN NULL;	-- what changes in an issue stands in its journal
	END IF;
	IF redmine_read.new_row ? 'journalized_id' THEN
		RETURN triage.redmine_journal(redmine_read.relation, redmine_read.mapping, redmine_read.new_row);
	END IF;
	RETURN triage.redmine_issue(redmine_read.relation, redmine_read.mapping, (redmine_read.new_row ->> 'id')::int);
END
$$;
COMMENT ON FUNCTION triage.redmine_read(regclass, jsonb, text, jsonb, jsonb) IS
	'The Redmine driver''s reading half: what a new row of issues (a report) or journals (verbs) means; NULL = nothing. The issue is read again: the row of the trigger is its first, unfinished version.';

CREATE FUNCTION triage.redmine_open(relation regclass, mapping jsonb, since timestamptz, after text, max_rows int)
	RETURNS TABLE (ticket text, doc jsonb)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	m	jsonb := redmine_open.mapping;
	id	int;
BEGIN
	FOR id IN EXECUTE format('SELECT i.id FROM %1$s.issues i WHERE i.id > $1 AND i.created_on >= $2 AND NOT (to_jsonb(i.status_id) <@ $3)'
		' AND ($4 IS NULL OR to_jsonb(i.project_id) <@ $4) ORDER BY i.id LIMIT $5', m #>> '{derived,schema}')
		USING coalesce(redmine_open.after::int, 0),
			(redmine_open.since AT TIME ZONE 'UTC') + make_interval(mins => triage.redmine_offset(redmine_open.relation, m, NULL)),
			coalesce(m #> '{derived,closed_ids}', '[]'), m #> '{derived,project_ids}', redmine_open.max_rows
	LOOP
		redmine_open.ticket := id::text;
		redmine_open.doc := triage.redmine_issue(redmine_open.relation, m, id);
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION triage.redmine_open(regclass, jsonb, timestamptz, text, int) IS
	'The Redmine driver''s back-fill: open issues made since then, in the order of their ids behind "after"; doc NULL = to be passed over.';

-- ---- to Redmine --------------------------------------------------------------

CREATE FUNCTION triage.redmine_may_move(mapping jsonb, issue int, project int, author int, family boolean, INOUT tracker int,
		INOUT category int, OUT why_not text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	p	record;
BEGIN
	SELECT * INTO p FROM jsonb_to_record(triage.kept_row(format('SELECT to_jsonb(t) FROM (SELECT t.status, t.name,'
		' EXISTS (SELECT FROM %1$s.enabled_modules e WHERE e.project_id = t.id AND e.name = ''issue_tracking'') AS module,'
		' coalesce((SELECT k.tracker_id FROM %1$s.projects_trackers k WHERE k.project_id = t.id AND k.tracker_id = $2::int),'
		' (SELECT k.tracker_id FROM %1$s.projects_trackers k JOIN %1$s.trackers r ON r.id = k.tracker_id WHERE k.project_id = t.id'
		' ORDER BY r.position LIMIT 1)) AS tracker,'
		' (SELECT n.id FROM %1$s.issue_categories c JOIN %1$s.issue_categories n ON n.name = c.name AND n.project_id = t.id'
		' WHERE c.id = $3::int LIMIT 1) AS category,'
		' t.is_public OR EXISTS (SELECT FROM %1$s.members b WHERE b.project_id = t.id AND b.user_id = $4::int)'
		' OR EXISTS (SELECT FROM %1$s.users a WHERE a.id = $4::int AND a.admin) AS known'
		' FROM %1$s.projects t WHERE t.id = $1::int) t', redmine_may_move.mapping #>> '{derived,schema}'),
		redmine_may_move.project::text, redmine_may_move.tracker::text, redmine_may_move.category::text, redmine_may_move.author::text))
		AS t(status int, name text, module boolean, tracker int, category int, known boolean);
	redmine_may_move.tracker := p.tracker;
	redmine_may_move.category := p.category;
	redmine_may_move.why_not := CASE
		WHEN p.status IS NULL THEN '目标项目已不存在 · its project no longer exists'
		WHEN p.status <> 1 THEN format('项目“%1$s”已关闭 · project "%1$s" is closed or archived', p.name)
		WHEN NOT p.module OR p.tracker IS NULL THEN format('项目“%1$s”未启用问题跟踪 · project "%1$s" tracks no issues', p.name)
		WHEN redmine_may_move.family THEN '有父任务或子任务，未移动 · it has a parent or subtasks and stays here'
		WHEN NOT p.known AND (redmine_may_move.mapping ->> 'private_ok')::boolean IS NOT TRUE
			THEN format('项目“%1$s”不公开，作者将看不到，未移动 · project "%1$s" is private, its author would lose sight of it', p.name) END;
END
$$;
COMMENT ON FUNCTION triage.redmine_may_move(jsonb, int, int, int, boolean, int, int) IS
	'Internal, for the Redmine driver: may an issue go to a project? why_not in words, NULL = it may; tracker and category as they are there: its own tracker if the project has it, else the project''s first, and the category of the same name. family: it has a parent or subtasks.';

CREATE FUNCTION triage.redmine_enter(mapping jsonb, issue int, notes text, private boolean, details jsonb, at timestamp) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
BEGIN
	-- from Redmine 5.1 on an entry also tells when it was edited: never, if that is when it was made
	PERFORM triage.kept_row(format('WITH j AS (INSERT INTO %1$s.journals (journalized_id, journalized_type, user_id, notes, created_on, private_notes%2$s)'
		' VALUES ($1::int, ''Issue'', $2::int, $3, $4::timestamp, $5::boolean%3$s) RETURNING id)'
		' INSERT INTO %1$s.journal_details (journal_id, property, prop_key, old_value, value)'
		' SELECT j.id, d.value ->> 0, d.value ->> 1, d.value ->> 2, d.value ->> 3 FROM j, jsonb_array_elements($6::jsonb) d',
		redmine_enter.mapping #>> '{derived,schema}',
		CASE WHEN (redmine_enter.mapping #>> '{derived,edited}')::boolean THEN ', updated_on' ELSE '' END,
		CASE WHEN (redmine_enter.mapping #>> '{derived,edited}')::boolean THEN ', $4::timestamp' ELSE '' END),
		redmine_enter.issue::text, redmine_enter.mapping #>> '{derived,bot_id}', redmine_enter.notes, redmine_enter.at::text,
		redmine_enter.private::text, redmine_enter.details::text);
END
$$;
COMMENT ON FUNCTION triage.redmine_enter(jsonb, int, text, boolean, jsonb, timestamp) IS
	'Internal, for the Redmine driver: one journal entry of the bot; details = [[property, key, old value, new value], ...].';

CREATE FUNCTION triage.redmine_relate(mapping jsonb, issue int, project int, links jsonb, at timestamp, INOUT notes text, INOUT details jsonb)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	l		record;
	made	boolean;
	kind	text;
BEGIN
	FOR l IN EXECUTE format('SELECT o.id, o.project_id, k.value ->> ''kind'' AS kind,'
		' coalesce((SELECT s.value FROM %1$s.settings s WHERE s.name = ''cross_project_issue_relations''), ''0'') = ''1'' AS across'
		' FROM jsonb_array_elements($1) k JOIN %1$s.issues o ON o.id = (k.value ->> ''ticket'')::int'
		' WHERE o.id <> $2 AND NOT EXISTS (SELECT FROM %1$s.issue_relations r WHERE (r.issue_from_id, r.issue_to_id) IN ((o.id, $2), ($2, o.id)))'
		-- told in words before
		' AND NOT EXISTS (SELECT FROM %1$s.journals j WHERE j.journalized_id = $2 AND j.journalized_type = ''Issue'' AND j.user_id = $3'
		' AND j.notes ~ (''#'' || o.id || ''($|[^0-9])''))'
		' ORDER BY o.id', redmine_relate.mapping #>> '{derived,schema}')
		USING redmine_relate.links, redmine_relate.issue, (redmine_relate.mapping #>> '{derived,bot_id}')::int
	LOOP
		kind := CASE l.kind WHEN 'duplicate' THEN 'duplicates' ELSE 'relates' END;
		IF NOT l.across AND l.project_id <> redmine_relate.project THEN
			-- Redmine is set to have no relations between projects: words do
			redmine_relate.notes := concat_ws(E'\n', redmine_relate.notes, format(CASE kind WHEN 'duplicates' THEN '重复事项 · duplicate of: #%s'
				ELSE '相关事项 · related: #%s' END, l.id));
			CONTINUE;
		END IF;
		EXECUTE format('INSERT INTO %1$s.issue_relations (issue_from_id, issue_to_id, relation_type) VALUES ($1, $2, $3)'
			' ON CONFLICT DO NOTHING RETURNING true', redmine_relate.mapping #>> '{derived,schema}')
			INTO made USING redmine_relate.issue, l.id, kind;
		IF made THEN
			redmine_relate.details := redmine_relate.details || jsonb_build_array(jsonb_build_array('relation', kind, NULL, l.id::text));
			PERFORM triage.redmine_enter(redmine_relate.mapping, l.id, NULL, false, jsonb_build_array(jsonb_build_array('relation',
				CASE kind WHEN 'duplicates' THEN 'duplicated' ELSE kind END, NULL, redmine_relate.issue::text)), redmine_relate.at);
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION triage.redmine_relate(jsonb, int, int, jsonb, timestamp, text, jsonb) IS
	'Internal, for the Redmine driver: relations to other issues that are not there yet, each with its entry in both histories (the issue''s own one in details); where Redmine allows none between projects, a line in notes.';

CREATE FUNCTION triage.redmine_write(relation regclass, mapping jsonb, ticket text, doc jsonb) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	m			jsonb := redmine_write.mapping;
	s			text := m #>> '{derived,schema}';
	r			record;		-- the issue as it is
	n			record;		-- as it will be
	known		jsonb := triage.host_shown(redmine_write.relation, redmine_write.ticket, doc ->> 'department');
	shown		jsonb := nullif(known -> 'shown', 'null');
	first		boolean := coalesce((doc ->> 'first')::boolean, false) OR shown IS NULL;
	goes_to		jsonb := coalesce(m #> ARRAY['derived', 'targets', doc ->> 'department'], m #> ARRAY['derived', 'targets', known ->> 'kind']);
	minutes		int;
	now_there	timestamp;
	move		record;
	wanted		jsonb;
	ids			jsonb := m #> '{derived,priority_ids}';
	urgency		int := greatest(coalesce((doc ->> 'priority')::int, 4) - (doc ->> 'colour' IS NOT NULL AND doc ->> 'colour' <> 'blue')::int, 1);
	rank_is		int;
	rank_new	int;
	notes		text := nullif(doc ->> 'comment', '');
	inform		text := nullif(doc ->> 'inform', '');
	private		boolean := coalesce((m ->> 'private_notes')::boolean, false);
	details		jsonb;
	links		jsonb := '[]';
BEGIN
	SELECT * INTO r FROM jsonb_to_record(triage.kept_row(format('SELECT to_jsonb(i) - ''description'' - ''subject'' FROM %s.issues i WHERE i.id = $1::int FOR NO KEY UPDATE', s),
		redmine_write.ticket)) AS t(id int, tracker_id int, project_id int, due_date date, category_id int, status_id int, assigned_to_id int, priority_id int,
		fixed_version_id int, author_id int, created_on timestamp, start_date date, parent_id int, lft int, rgt int, closed_on timestamp);
	IF r.id IS NULL THEN
		RAISE EXCEPTION 'Redmine issue % does not exist any more', redmine_write.ticket
			USING ERRCODE = 'no_data_found', HINT = 'Somebody has deleted it; its case goes on.';
	END IF;
	minutes := triage.redmine_offset(redmine_write.relation, m, CASE WHEN first THEN r.created_on END);
	now_there := (clock_timestamp() AT TIME ZONE 'UTC') + make_interval(mins => minutes);
	n := r;

	-- department: project, category, person; an agent's own choice stands until the lead changes
	IF first OR doc ->> 'department' IS DISTINCT FROM shown ->> 'department' THEN
		IF (goes_to ->> 'project_id')::int <> r.project_id THEN
			SELECT x.why_not, x.tracker, x.category INTO move FROM triage.redmine_may_move(m, r.id, (goes_to ->> 'project_id')::int, r.author_id,
				r.parent_id IS NOT NULL OR r.rgt - r.lft > 1, r.tracker_id, r.category_id) x;
			IF move.why_not IS NULL THEN
				n.project_id := (goes_to ->> 'project_id')::int;
				n.category_id := move.category;
				n.fixed_version_id := NULL;
				n.tracker_id := move.tracker;
				IF NOT first THEN
					EXECUTE format('UPDATE %s.time_entries t SET project_id = $2 WHERE t.issue_id = $1', s) USING r.id, n.project_id;
				END IF;
			ELSE
				notes := concat_ws(E'\n', notes, format('应转 %s：%s', coalesce(doc ->> 'department_zh', doc ->> 'department'), move.why_not));
			END IF;
		END IF;
		IF (goes_to ->> 'category_project')::int = n.project_id THEN
			n.category_id := (goes_to ->> 'category_id')::int;
		END IF;
		IF goes_to ? 'assignee_id' THEN
			n.assigned_to_id := coalesce((triage.kept_row(format('SELECT to_jsonb(u.id) FROM %s.users u WHERE u.id = $1::int AND u.status = 1', s),
				goes_to ->> 'assignee_id') #>> '{}')::int, r.assigned_to_id);
		END IF;
	END IF;

	-- dates and urgency of an issue with subtasks are Redmine's to reckon
	IF coalesce(r.rgt - r.lft, 1) <= 1 THEN
		IF doc ->> 'due_at' IS NOT NULL AND (first OR doc ->> 'due_at' IS DISTINCT FROM shown ->> 'due_at') THEN
			-- a day before the start would be refused by the form
			n.due_date := greatest(((doc ->> 'due_at')::timestamptz AT TIME ZONE 'UTC' + make_interval(mins => minutes))::date, r.start_date);
		END IF;
		wanted := ids -> (urgency - 1);
		rank_is := (m #>> ARRAY['derived', 'priority_rank', r.priority_id::text])::int;
		rank_new := (m #>> ARRAY['derived', 'priority_rank', wanted #>> '{}'])::int;
		-- raised with a reminder, never lowered under an agent's hands unless the case itself was judged anew
		IF wanted IS NOT NULL AND (first OR doc ->> 'priority' IS DISTINCT FROM shown ->> 'priority' OR rank_is IS NULL
			OR (rank_new > rank_is AND doc ->> 'colour' <> 'blue'))
		THEN
			n.priority_id := (wanted #>> '{}')::int;
		END IF;
	END IF;

	-- status: any of those that mean the same will do
	wanted := m #> ARRAY['derived', 'status_ids', doc ->> 'status'];
	IF jsonb_array_length(wanted) > 0 AND NOT wanted @> to_jsonb(r.status_id) AND (first OR doc ->> 'status' IS DISTINCT FROM shown ->> 'status') THEN
		n.status_id := (wanted ->> 0)::int;
	END IF;
	IF n.status_id <> r.status_id AND (m #> '{derived,closed_ids}') @> to_jsonb(n.status_id) THEN
		n.closed_on := now_there;
	END IF;

	details := (SELECT coalesce(jsonb_agg(jsonb_build_array('attr', v.k, v.old, v.new) ORDER BY v.nr), '[]') FROM (VALUES
		(1, 'project_id', r.project_id::text, n.project_id::text), (2, 'tracker_id', r.tracker_id::text, n.tracker_id::text),
		(3, 'category_id', r.category_id::text, n.category_id::text), (4, 'fixed_version_id', r.fixed_version_id::text, n.fixed_version_id::text),
		(5, 'assigned_to_id', r.assigned_to_id::text, n.assigned_to_id::text), (6, 'due_date', r.due_date::text, n.due_date::text),
		(7, 'status_id', r.status_id::text, n.status_id::text), (8, 'priority_id', r.priority_id::text, n.priority_id::text)) v(nr, k, old, new)
		WHERE v.old IS DISTINCT FROM v.new);
	IF (m ->> 'relations')::boolean IS NOT FALSE THEN
		links := CASE jsonb_typeof(doc -> 'links') WHEN 'array' THEN doc -> 'links' ELSE '[]' END;
		IF doc ->> 'merged_into' IS NOT NULL THEN
			links := links || jsonb_build_array(jsonb_build_object('ticket', doc ->> 'merged_into', 'kind', 'duplicate'));
		END IF;
		IF links <> '[]' THEN
			SELECT x.notes, x.details INTO notes, details
				FROM triage.redmine_relate(m, r.id, n.project_id, links, now_there, notes, details) x;
		END IF;
	END IF;
	IF details = '[]' AND notes IS NULL AND inform IS NULL THEN
		RETURN;
	END IF;

	PERFORM triage.kept_row(format('UPDATE %s.issues i SET project_id = $2::int, tracker_id = $3::int, category_id = $4::int, fixed_version_id = $5::int,'
		' assigned_to_id = $6::int, due_date = $7::date, status_id = $8::int, priority_id = $9::int, closed_on = $10::timestamp, updated_on = $11::timestamp,'
		' lock_version = i.lock_version + 1 WHERE i.id = $1::int', s),
		r.id::text, n.project_id::text, n.tracker_id::text, n.category_id::text, n.fixed_version_id::text, n.assigned_to_id::text, n.due_date::text,
		n.status_id::text, n.priority_id::text, n.closed_on::text, now_there::text);
	-- what the citizen may read does not stand in a private entry
	IF inform IS NOT NULL AND NOT private THEN
		notes := concat_ws(E'\n\n', notes, inform);
		inform := NULL;
	END IF;
	IF private AND notes IS NOT NULL THEN
		IF details <> '[]' OR inform IS NOT NULL THEN
			PERFORM triage.redmine_enter(m, r.id, inform, false, details, now_there);
		END IF;
		PERFORM triage.redmine_enter(m, r.id, notes, true, '[]', now_there);
	ELSE
		PERFORM triage.redmine_enter(m, r.id, coalesce(notes, inform), false, details, now_there);
	END IF;
END
$$;
COMMENT ON FUNCTION triage.redmine_write(regclass, jsonb, text, jsonb) IS
	'The Redmine driver''s writing half: makes an issue look like its case (doc as of host_doc()) and changes only what the case changed since it was last shown, so that what agents set themselves stands; one journal entry with the changes and the words, private words in one of their own. Error: P0002 the issue is gone.';

-- ---- attaching -----------------------------------------------------------------

CREATE FUNCTION triage.redmine_plan_start(mapping jsonb) RETURNS jsonb
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	s		text;
	plan	jsonb;
BEGIN
	PERFORM triage.host_check_keys(redmine_plan_start.mapping, '{schema,bot,channel,projects,trackers,departments,priorities,statuses,verbs,outcomes,outcome,move,assists,contact,private_notes,private_ok,relations,timezone,fields,role,create,runs_as}');
	s := triage.host_schema('Redmine', '{issues.lock_version,issues.root_id,journals.private_notes,journal_details.prop_key,issue_relations.relation_type,issue_statuses.is_closed,projects.identifier,enabled_modules.name,projects_trackers.tracker_id,members.project_id,email_addresses.address,custom_values.customized_id,settings.value}',
		redmine_plan_start.mapping ->> 'schema');
	plan := jsonb_build_object('items', '[]'::jsonb, 'stops', false,
		'm', redmine_plan_start.mapping || jsonb_build_object('hook', 'commit', 'events', 'insert', 'derived', jsonb_build_object('schema', quote_ident(s),
			'edited', EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = format('%I.journals', s)::regclass AND a.attname = 'updated_on' AND NOT a.attisdropped))));
	IF plan #>> '{m,assists}' NOT IN ('finish', 'wait') THEN
		plan := triage.host_note(plan, 'assists', 'problem', 'finish or wait', true);
	END IF;
	IF plan #>> '{m,contact}' <> 'author' THEN
		plan := triage.host_note(plan, 'contact', 'problem', 'author, or nothing: a custom field goes into {"fields": {"contact": "..."}}', true);
	END IF;
	IF plan #>> '{m,move}' NOT IN ('transfer', 'request_return') THEN
		plan := triage.host_note(plan, 'move', 'problem', 'transfer or request_return', true);
	END IF;
	RETURN triage.host_note(plan, 'schema', 'ok', s);
END
$$;
COMMENT ON FUNCTION triage.redmine_plan_start(jsonb) IS
	'Internal, for attach_redmine(): finds Redmine''s tables and begins the plan. Errors: TR003 unknown keys in the mapping, no such tables, or tables in several schemas.';

CREATE FUNCTION triage.redmine_plan_rights(plan jsonb) RETURNS jsonb
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	p		jsonb := redmine_plan_rights.plan;
	s		text := p #>> '{m,derived,schema}';
	t		record;
	lacks	text;
BEGIN
	FOR t IN SELECT * FROM (VALUES ('issues', '{SELECT,UPDATE,TRIGGER}'::text[]), ('journals', '{SELECT,INSERT,TRIGGER}'), ('journal_details', '{SELECT,INSERT}'),
		('issue_relations', '{SELECT,INSERT}'), ('time_entries', '{SELECT,UPDATE}'), ('users', '{SELECT}'), ('groups_users', '{SELECT}'), ('email_addresses', '{SELECT}'),
		('projects', '{SELECT}'), ('projects_trackers', '{SELECT}'), ('trackers', '{SELECT}'), ('enabled_modules', '{SELECT}'), ('members', '{SELECT}'),
		('issue_statuses', '{SELECT}'), ('issue_categories', '{SELECT}'), ('enumerations', '{SELECT}'), ('custom_fields', '{SELECT}'), ('custom_values', '{SELECT}'),
		('member_roles', '{SELECT}'), ('roles', '{SELECT}'), ('settings', '{SELECT}')) v(name, needs)
	LOOP
		SELECT string_agg(n, ', ') INTO lacks FROM unnest(t.needs) n WHERE NOT has_table_privilege(format('%s.%I', s, t.name), n);
		IF lacks IS NOT NULL THEN
			p := triage.host_note(p, 'right on ' || t.name, 'missing', format('GRANT %s ON %s.%I TO %I', lacks, s, t.name, current_user), true);
		END IF;
		IF 'INSERT' = ANY (t.needs) AND NOT has_sequence_privilege(pg_get_serial_sequence(format('%s.%I', s, t.name), 'id'), 'USAGE') THEN
			p := triage.host_note(p, 'right on ' || t.name, 'missing',
				format('GRANT USAGE ON SEQUENCE %s TO %I', pg_get_serial_sequence(format('%s.%I', s, t.name), 'id'), current_user), true);
		END IF;
	END LOOP;
	RETURN p;
END
$$;
COMMENT ON FUNCTION triage.redmine_plan_rights(jsonb) IS
	'Internal, for attach_redmine(): which rights on Redmine''s tables the role that attaches lacks, as GRANT statements.';

CREATE FUNCTION triage.redmine_plan_bot(plan jsonb, making boolean) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	p		jsonb := redmine_plan_bot.plan;
	s		text := p #>> '{m,derived,schema}';
	login	text := coalesce(p #>> '{m,bot}', 'triage');
	id		int;
	channel	text := coalesce(p #>> '{m,channel}', 'redmine');
	state	text := 'ok';
BEGIN
	EXECUTE format('SELECT u.id FROM %s.users u WHERE lower(u.login) = lower($1) AND u.type = ''User''', s) INTO id USING login;
	IF id IS NULL AND redmine_plan_bot.making THEN
		-- without a password nobody can log in as it
		EXECUTE format('INSERT INTO %s.users (login, firstname, lastname, language, type, status, mail_notification, created_on, updated_on)'
			' VALUES ($1, ''分派'', ''Triage'', '''', ''User'', 1, ''none'', localtimestamp, localtimestamp) RETURNING id', s) INTO id USING login;
		state := 'created';
	END IF;
	IF id IS NULL THEN
		p := triage.host_note(p, 'user ' || login, 'missing',
			'Administration > Users > New user: a login of this name, which nobody uses; or {"bot": "its login"}, or {"create": true}', true);
	ELSE
		p := triage.host_note(triage.host_derive(p, 'bot_id', to_jsonb(id)), 'user ' || login, state, format('writes the entries, id %s', id));
	END IF;

	state := 'ok';
	IF NOT EXISTS (SELECT FROM triage.channels c WHERE c.code = channel AND c.active) THEN
		state := 'missing';
		IF redmine_plan_bot.making THEN
			INSERT INTO triage.channels (code, zh, en, kind, confirm_danger, needs_caller, allows_anonymous)
				VALUES (channel, 'Redmine 问题', 'Redmine issues', 'host', true, false, true);
			state := 'created';
		END IF;
	END IF;
	p := triage.host_note(p, 'channel ' || channel, state,
		CASE state WHEN 'missing' THEN 'a row of triage.channels of kind host; or {"channel": "its code"}, or {"create": true}' ELSE 'new issues come in by it' END, true);
	RETURN jsonb_set(p, '{m,channel}', to_jsonb(channel));
END
$$;
COMMENT ON FUNCTION triage.redmine_plan_bot(jsonb, boolean) IS
	'Internal, for attach_redmine(): the user we write as and the channel; making = create what is missing.';

CREATE FUNCTION triage.redmine_plan_statuses(plan jsonb) RETURNS jsonb
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	p			jsonb := redmine_plan_statuses.plan;
	s			text := p #>> '{m,derived,schema}';
	by_name		jsonb;		-- name -> id
	closed		jsonb;
	defaults	jsonb;
	x			record;
	ids			jsonb := '{}';
	verbs		jsonb := '{}';
	outcomes	jsonb := '{}';
	usual		text[];
BEGIN
	EXECUTE format('SELECT jsonb_object_agg(t.name, t.id), coalesce(jsonb_agg(t.id) FILTER (WHERE t.is_closed), ''[]'') FROM %s.issue_statuses t', s) INTO by_name, closed;
	-- the names that Redmine's own default data give them
	SELECT array_agg((SELECT v.name FROM unnest(string_to_array(u.names, '|')) WITH ORDINALITY v(name, nr) WHERE by_name ? v.name ORDER BY v.nr LIMIT 1) ORDER BY u.nr) INTO usual
		FROM (VALUES (1, 'New|新建|新建立'), (2, 'In Progress|进行中|實作中'), (3, 'Resolved|已解决|已解決'), (4, 'Feedback|反馈|已回應'), (5, 'Closed|已关闭|已結束'), (6, 'Rejected|已拒绝|已拒絕')) u(nr, names);
	defaults := jsonb_build_object('triage', usual[1:1], 'dispatched', usual[1:1], 'accepted', ARRAY[usual[2], usual[4]], 'in_progress', ARRAY[usual[2], usual[4]],
		'return_requested', ARRAY[usual[6], usual[4], usual[1]], 'suspended', ARRAY[usual[4], usual[2]], 'review', ARRAY[usual[3], usual[5]],
		'callback', ARRAY[usual[3], usual[5]], 'closed', ARRAY[usual[5], usual[6]], 'merged', ARRAY[usual[5], usual[6]], 'void', ARRAY[usual[6], usual[5]]);
	FOR x IN SELECT d.key AS status, coalesce(p #> ARRAY['m', 'statuses', d.key], d.value) AS wanted FROM jsonb_each(defaults) d LOOP
		IF jsonb_typeof(x.wanted) = 'string' THEN
			x.wanted := jsonb_build_array(x.wanted);
		END IF;
		SELECT jsonb_set(ids, ARRAY[x.status], coalesce(jsonb_agg(by_name -> w.value ORDER BY w.nr) FILTER (WHERE by_name ? w.value), '[]')),
			CASE WHEN count(*) FILTER (WHERE w.value IS NOT NULL AND NOT by_name ? w.value) > 0 THEN triage.host_note(p, 'status for ' || x.status, 'missing',
				format('no issue status %s: Administration > Issue statuses, or {"statuses": {"%s": "..."}}', string_agg(quote_literal(w.value), ', ') FILTER (WHERE NOT by_name ? w.value), x.status), true) ELSE p END
			INTO ids, p FROM jsonb_array_elements_text(x.wanted) WITH ORDINALITY w(value, nr);
		IF ids #> ARRAY[x.status, '0'] IS NULL AND p #> ARRAY['m', 'statuses', x.status] IS NULL THEN
			p := triage.host_note(p, 'status for ' || x.status, 'missing', format('the issue keeps the status it has; name one with {"statuses": {"%s": "..."}}', x.status));
		END IF;
	END LOOP;
	FOR x IN SELECT k, v, v IN ('accept', 'resolve', 'close', 'return', 'none') AS known FROM (
			SELECT usual[2] AS k, 'accept' AS v UNION ALL SELECT usual[3], 'resolve' UNION ALL SELECT usual[5], 'close' UNION ALL SELECT usual[6], 'return') u
			WHERE k IS NOT NULL AND NOT coalesce((p #> '{m,verbs}') ? k, false)
		UNION ALL SELECT e.key, e.value, e.value IN ('accept', 'resolve', 'close', 'return', 'none') FROM jsonb_each_text(coalesce(p #> '{m,verbs}', '{}')) e
	LOOP
		IF NOT x.known OR NOT by_name ? x.k THEN
			p := triage.host_note(p, 'verb of status ' || x.k, 'problem', CASE WHEN x.known THEN 'there is no such issue status'
				ELSE 'means accept, resolve, close, return or none, not ' || quote_literal(x.v) END, true);
		ELSE
			verbs := jsonb_set(verbs, ARRAY[by_name ->> x.k], to_jsonb(x.v));
		END IF;
	END LOOP;
	FOR x IN SELECT e.key, e.value, EXISTS (SELECT FROM triage.outcomes o WHERE o.code = e.value AND o.active) AS known
		FROM (SELECT * FROM jsonb_each_text(coalesce(p #> '{m,outcomes}', '{}')) UNION ALL SELECT '', coalesce(p #>> '{m,outcome}', 'resolved')
			UNION ALL SELECT usual[6], 'not_within_duty' WHERE usual[6] IS NOT NULL AND NOT coalesce((p #> '{m,outcomes}') ? usual[6], false)
				AND EXISTS (SELECT FROM triage.outcomes o WHERE o.code = 'not_within_duty')) e
	LOOP
		IF NOT x.known THEN
			p := triage.host_note(p, 'outcome ' || x.value, 'missing', 'resolving needs a row of triage.outcomes: load a rule pack, or name another with {"outcome": "..."}', true);
		ELSIF x.key <> '' AND NOT by_name ? x.key THEN
			p := triage.host_note(p, 'outcome of status ' || x.key, 'problem', 'there is no such issue status', true);
		ELSIF x.key <> '' THEN
			outcomes := jsonb_set(outcomes, ARRAY[by_name ->> x.key], to_jsonb(x.value));
		END IF;
	END LOOP;
	p := triage.host_derive(triage.host_derive(p, 'status_ids', ids), 'closed_ids', closed);
	RETURN triage.host_derive(triage.host_derive(p, 'verb_of', verbs), 'outcome_of', outcomes);
END
$$;
COMMENT ON FUNCTION triage.redmine_plan_statuses(jsonb) IS
	'Internal, for attach_redmine(): which issue statuses stand for a case''s, what setting one means (accept, resolve, close, return, none), and with which outcome it resolves. Names not given are those of Redmine''s default data, English or Chinese.';

CREATE FUNCTION triage.redmine_plan_values(plan jsonb) RETURNS jsonb
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	p		jsonb := redmine_plan_values.plan;
	s		text := p #>> '{m,derived,schema}';
	x		record;
	ids		jsonb := '[]';
	ranks	jsonb;
	fields	jsonb := '{}';
BEGIN
	EXECUTE format('SELECT jsonb_object_agg(e.id, e.position) FROM %s.enumerations e WHERE e.type = ''IssuePriority''', s) INTO ranks;
	p := triage.host_derive(p, 'priority_rank', ranks);
	-- U1 is the highest, each next one the next lower, as far as there are any
	FOR x IN EXECUTE format('SELECT u.u, $1 ->> u.u::text AS name, CASE WHEN $1 ? u.u::text'
		' THEN (SELECT e.id FROM %1$s.enumerations e WHERE e.type = ''IssuePriority'' AND e.active AND e.name = $1 ->> u.u::text)'
		' ELSE (SELECT e.id FROM (SELECT e.id, row_number() OVER (ORDER BY e.position DESC) AS nr FROM %1$s.enumerations e WHERE e.type = ''IssuePriority'' AND e.active) e'
		' WHERE e.nr <= u.u ORDER BY e.nr DESC LIMIT 1) END AS id FROM generate_series(1, 4) u(u) ORDER BY u.u', s) USING coalesce(p #> '{m,priorities}', '{}')
	LOOP
		ids := ids || coalesce(to_jsonb(x.id), 'null');
		IF x.id IS NULL THEN
			p := triage.host_note(p, 'priority U' || x.u, CASE WHEN x.name IS NULL THEN 'missing' ELSE 'problem' END,
				format('no active issue priority %s: Administration > Enumerations', coalesce(quote_literal(x.name), '')), true);
		END IF;
	END LOOP;
	p := triage.host_derive(p, 'priority_ids', ids);
	FOR x IN EXECUTE format('SELECT ''project'' AS what, w.value AS name, t.id FROM jsonb_array_elements_text($1) w LEFT JOIN %1$s.projects t ON w.value IN (t.identifier, t.name)'
		' UNION ALL SELECT ''tracker'', w.value, t.id FROM jsonb_array_elements_text($2) w LEFT JOIN %1$s.trackers t ON t.name = w.value', s)
		USING coalesce(p #> '{m,projects}', '[]'), coalesce(p #> '{m,trackers}', '[]')
	LOOP
		IF x.id IS NULL THEN
			p := triage.host_note(p, x.what || ' ' || x.name, 'problem', format('new issues of it are to be taken in, but there is no such %s', x.what), true);
		ELSE
			p := triage.host_derive(p, x.what || '_ids', coalesce(p #> ARRAY['m', 'derived', x.what || '_ids'], '[]') || to_jsonb(x.id));
		END IF;
	END LOOP;
	FOR x IN EXECUTE format('SELECT e.key, e.value AS name, f.id, e.key = ANY (''{reporter,contact,address,area,reference,case_type}'') AS known FROM jsonb_each_text($1) e'
		' LEFT JOIN %s.custom_fields f ON f.type = ''IssueCustomField'' AND f.name = e.value', s) USING coalesce(p #> '{m,fields}', '{}')
	LOOP
		IF x.id IS NULL OR NOT x.known THEN
			p := triage.host_note(p, 'field ' || x.key, 'problem', CASE WHEN x.known THEN format('there is no custom field %L for issues', x.name)
				ELSE 'is none of reporter, contact, address, area, reference, case_type' END, true);
		ELSE
			fields := jsonb_set(fields, ARRAY[x.key], to_jsonb(x.id));
		END IF;
	END LOOP;
	IF fields <> '{}' THEN
		p := triage.host_derive(p, 'field_ids', fields);
	END IF;
	IF p #>> '{m,timezone}' IS NOT NULL AND NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = p #>> '{m,timezone}') THEN
		p := triage.host_note(p, 'timezone', 'problem', format('there is no time zone %L', p #>> '{m,timezone}'), true);
	ELSIF p #>> '{m,timezone}' IS NOT NULL THEN
		-- what stands in the mapping itself may be the session's, put there for other kinds of tables
		p := triage.host_derive(p, 'timezone', p #> '{m,timezone}');
	ELSE
		p := triage.host_note(p, 'timezone', 'ok', 'is read off the first new issue: that of the process that runs Redmine');
	END IF;
	RETURN p;
END
$$;
COMMENT ON FUNCTION triage.redmine_plan_values(jsonb) IS
	'Internal, for attach_redmine(): priorities, the projects and trackers whose new issues are taken in, custom fields, time zone.';

CREATE FUNCTION triage.redmine_make_project(schema text, identifier text, name text) RETURNS int
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	at	int;
	id	int;
BEGIN
	-- projects are a nested set in the order of their names
	EXECUTE format('LOCK TABLE %s.projects IN SHARE ROW EXCLUSIVE MODE', redmine_make_project.schema);
	EXECUTE format('SELECT coalesce(max(p.rgt) + 1, 1) FROM %s.projects p WHERE p.parent_id IS NULL AND p.name < $1', redmine_make_project.schema)
		INTO at USING redmine_make_project.name;
	EXECUTE format('UPDATE %s.projects SET lft = CASE WHEN lft >= $1 THEN lft + 2 ELSE lft END, rgt = CASE WHEN rgt >= $1 THEN rgt + 2 ELSE rgt END'
		' WHERE lft >= $1 OR rgt >= $1', redmine_make_project.schema) USING at;
	EXECUTE format('INSERT INTO %s.projects (name, description, identifier, is_public, status, created_on, updated_on, lft, rgt)'
		' VALUES ($1, '''', $2, true, 1, localtimestamp, localtimestamp, $3, $3 + 1) RETURNING id', redmine_make_project.schema)
		INTO id USING redmine_make_project.name, redmine_make_project.identifier, at;
	EXECUTE format('INSERT INTO %s.enabled_modules (project_id, name) VALUES ($1, ''issue_tracking'')', redmine_make_project.schema) USING id;
	EXECUTE format('INSERT INTO %1$s.projects_trackers (project_id, tracker_id) SELECT $1, t.id FROM %1$s.trackers t', redmine_make_project.schema) USING id;
	RETURN id;
END
$$;
COMMENT ON FUNCTION triage.redmine_make_project(text, text, text) IS
	'Internal, for attach_redmine(): a public project with issue tracking and all trackers; returns its id.';

CREATE FUNCTION triage.redmine_make_member(schema text, project int, principal int, role text) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	made	boolean;
BEGIN
	-- the members of a group are members by the group's part, as Redmine itself writes it
	EXECUTE format('WITH role AS (SELECT r.id FROM %1$s.roles r WHERE r.builtin = 0 AND r.assignable AND ($3 IS NULL OR r.name = $3) ORDER BY r.position DESC LIMIT 1),'
		' own AS (INSERT INTO %1$s.members (user_id, project_id, created_on) SELECT $2, $1, localtimestamp FROM role RETURNING id),'
		' part AS (INSERT INTO %1$s.member_roles (member_id, role_id) SELECT own.id, role.id FROM own, role RETURNING id, role_id),'
		' theirs AS (INSERT INTO %1$s.members (user_id, project_id, created_on) SELECT g.user_id, $1, localtimestamp FROM %1$s.groups_users g, part'
		'  WHERE g.group_id = $2 AND NOT EXISTS (SELECT FROM %1$s.members m WHERE m.project_id = $1 AND m.user_id = g.user_id) RETURNING id)'
		' INSERT INTO %1$s.member_roles (member_id, role_id, inherited_from)'
		'  SELECT x.id, part.role_id, part.id FROM part, (SELECT id FROM theirs UNION ALL SELECT m.id FROM %1$s.members m JOIN %1$s.groups_users g'
		'   ON g.user_id = m.user_id WHERE g.group_id = $2 AND m.project_id = $1) x', redmine_make_member.schema)
		USING redmine_make_member.project, redmine_make_member.principal, redmine_make_member.role;
	EXECUTE format('SELECT EXISTS (SELECT FROM %s.members m WHERE m.project_id = $1 AND m.user_id = $2)', redmine_make_member.schema)
		INTO made USING redmine_make_member.project, redmine_make_member.principal;
	RETURN made;
END
$$;
COMMENT ON FUNCTION triage.redmine_make_member(text, int, int, text) IS
	'Internal, for attach_redmine(): makes a user or group a member of a project with this role, NULL = the last one that issues may be assigned to; false = there is no such role.';

CREATE FUNCTION triage.redmine_plan_target(plan jsonb, key text, wanted jsonb, making boolean) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	p		jsonb := redmine_plan_target.plan;
	w		jsonb := redmine_plan_target.wanted;
	s		text := p #>> '{m,derived,schema}';
	item	text := 'department ' || key;
	t		record;
	a		record;
	target	jsonb := '{}';
	id		int;
	said	text;
BEGIN
	EXECUTE format('SELECT t.id, t.name, t.status, t.is_public, EXISTS (SELECT FROM %1$s.enabled_modules e WHERE e.project_id = t.id AND e.name = ''issue_tracking'') AS tracks'
		' FROM %1$s.projects t WHERE $1 IN (t.identifier, t.name) ORDER BY t.identifier <> $1 LIMIT 1', s) INTO t USING w ->> 'project';
	id := t.id;
	said := t.name;
	IF id IS NULL AND w ->> 'project' IS NOT NULL THEN
		IF redmine_plan_target.making AND w ->> 'project' ~ '^[a-z][a-z0-9_-]{0,99}$' THEN
			said := coalesce((SELECT d.zh FROM triage.departments d WHERE key IN (d.code, d.kind) ORDER BY d.code <> key, d.code LIMIT 1), w ->> 'project');
			id := triage.redmine_make_project(s, w ->> 'project', said);
			p := triage.host_note(p, item || ' project', 'created', format('%s (%s)', w ->> 'project', said));
		ELSE
			p := triage.host_note(p, item || ' project', 'missing', format('no project %L: Projects > New project, an identifier in lower case; or {"create": true}', w ->> 'project'));
		END IF;
	ELSIF t.status <> 1 OR NOT t.tracks THEN
		p := triage.host_note(p, item || ' project', 'problem', format('project %L is closed or has no issue tracking: its issues stay where they are made', said));
	ELSIF NOT t.is_public AND (p #>> '{m,private_ok}')::boolean IS NOT TRUE THEN
		p := triage.host_note(p, item || ' project', 'problem',
			format('project %L is private: issues of authors who are no members stay where they are made; {"private_ok": true} moves them out of their authors'' sight', said));
	END IF;
	IF id IS NOT NULL THEN
		target := jsonb_build_object('project_id', id);
	END IF;

	IF w ->> 'category' IS NOT NULL THEN
		EXECUTE format('SELECT c.id, c.project_id FROM %1$s.issue_categories c JOIN %1$s.projects j ON j.id = c.project_id'
			' WHERE c.name = $1 AND (c.project_id = $2 OR ($2 IS NULL AND j.status = 1)) ORDER BY c.id', s) INTO a USING w ->> 'category', id;
		IF a.id IS NULL THEN
			p := triage.host_note(p, item || ' category', 'missing', format('no category %L%s: Project > Settings > Issue categories', w ->> 'category', coalesce(' in project ' || said, '')));
		ELSE
			target := target || jsonb_build_object('category_id', a.id, 'category_project', a.project_id);
		END IF;
	END IF;

	IF w ->> 'assignee' IS NOT NULL THEN
		EXECUTE format('SELECT u.id, u.type, u.status, EXISTS (SELECT FROM %1$s.members b WHERE b.user_id = u.id AND b.project_id = $2) AS member,'
			' coalesce((SELECT g.value FROM %1$s.settings g WHERE g.name = ''issue_group_assignment''), ''0'') = ''1'' AS groups_may'
			' FROM %1$s.users u WHERE (u.type = ''User'' AND lower(u.login) = lower($1)) OR (u.type = ''Group'' AND u.lastname = $1) ORDER BY u.type DESC LIMIT 1', s)
			INTO a USING w ->> 'assignee', id;
		IF a.id IS NULL OR a.status <> 1 THEN
			p := triage.host_note(p, item || ' assignee', 'missing', format('no active user or group %L: its issues keep the assignee they have', w ->> 'assignee'));
		ELSE
			target := target || jsonb_build_object('assignee_id', a.id);
			IF a.type = 'Group' AND NOT a.groups_may THEN
				p := triage.host_note(p, item || ' assignee', 'problem', 'Administration > Settings > Issue tracking: allow issue assignment to groups');
			END IF;
			IF id IS NOT NULL AND NOT a.member THEN
				IF redmine_plan_target.making AND triage.redmine_make_member(s, id, a.id, p #>> '{m,role}') THEN
					p := triage.host_note(p, item || ' member', 'created', format('%s in project %s', w ->> 'assignee', said));
				ELSE
					p := triage.host_note(p, item || ' member', 'missing',
						format('%s is no member of project %s and may not be able to work there: Project > Settings > Members; or {"create": true}', w ->> 'assignee', said));
				END IF;
			END IF;
		END IF;
	END IF;
	IF target <> '{}' THEN
		p := jsonb_set(p, ARRAY['m', 'derived', 'targets', key], target);
		p := triage.host_note(p, item, 'ok', concat_ws(', ', 'project ' || said, 'category ' || (w ->> 'category'), 'assignee ' || (w ->> 'assignee')));
	END IF;
	RETURN p;
END
$$;
COMMENT ON FUNCTION triage.redmine_plan_target(jsonb, text, jsonb, boolean) IS
	'Internal, for attach_redmine(): project, category and person of one key of mapping.departments; making = create what is missing.';

CREATE FUNCTION triage.redmine_plan_departments(plan jsonb, making boolean) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	p		jsonb := jsonb_set(redmine_plan_departments.plan, '{m,derived,targets}', '{}');
	given	jsonb := coalesce(redmine_plan_departments.plan #> '{m,departments}', '{}');
	s		text := p #>> '{m,derived,schema}';
	x		record;
	back	record;
BEGIN
	FOR x IN SELECT e.key, CASE WHEN jsonb_typeof(e.value) = 'string' THEN jsonb_build_object('project', e.value) ELSE e.value END AS wanted,
			EXISTS (SELECT FROM triage.departments d WHERE d.active AND e.key IN (d.code, d.kind)) AS known FROM jsonb_each(given) e
	LOOP
		IF NOT x.known THEN
			p := triage.host_note(p, 'department ' || x.key, 'problem', 'no active row of triage.departments has this code or kind', true);
		ELSIF jsonb_typeof(x.wanted) <> 'object' OR EXISTS (SELECT FROM jsonb_object_keys(x.wanted) k WHERE k NOT IN ('project', 'category', 'assignee')) THEN
			p := triage.host_note(p, 'department ' || x.key, 'problem', 'is given as a project, or as {"project", "category", "assignee"}', true);
		ELSE
			p := triage.redmine_plan_target(p, x.key, x.wanted, redmine_plan_departments.making);
		END IF;
	END LOOP;
	-- those not named: a project of the same name or code is theirs
	FOR x IN EXECUTE format('SELECT DISTINCT ON (d.code) d.code, t.identifier FROM triage.departments d JOIN %s.projects t'
		' ON t.identifier = replace(lower(d.code), ''_'', ''-'') OR t.name IN (d.zh, d.en)'
		' WHERE d.active AND t.status = 1 AND NOT $1 ? d.code AND NOT $1 ? d.kind ORDER BY d.code, t.id', s) USING given
	LOOP
		p := triage.redmine_plan_target(p, x.code, jsonb_build_object('project', x.identifier), false);
	END LOOP;
	SELECT count(*) AS n, string_agg(d.code, ', ' ORDER BY d.code) FILTER (WHERE d.nr <= 30) AS codes INTO x
		FROM (SELECT d.code, row_number() OVER (ORDER BY d.code) AS nr FROM triage.departments d
			WHERE d.active AND NOT (p #> '{m,derived,targets}') ? d.code AND NOT (p #> '{m,derived,targets}') ? d.kind AND NOT given ? d.code AND NOT given ? d.kind) d;
	IF x.n > 0 THEN
		p := triage.host_note(p, format('%s other departments', x.n), 'missing', format('%s%s: their issues stay in the project they are made in and the entry names them;'
			' {"departments": {"code or kind": "project"}} gives them one', x.codes, CASE WHEN x.n > 30 THEN ', ...' ELSE '' END));
	END IF;
	-- what a project, category or person stands for when an agent sets it: only what stands for one
	FOR back IN SELECT v.name, v.field, jsonb_object_agg(v.id, v.key) AS map FROM (
			SELECT f.name, f.field, t.value ->> f.field AS id, min(t.key) AS key
			FROM jsonb_each(p #> '{m,derived,targets}') t, (VALUES ('project_of', 'project_id'), ('category_of', 'category_id'), ('assignee_of', 'assignee_id')) f(name, field)
			WHERE t.value ? f.field GROUP BY 1, 2, 3 HAVING count(*) = 1) v GROUP BY 1, 2
	LOOP
		p := triage.host_derive(p, back.name, back.map);
	END LOOP;
	RETURN p;
END
$$;
COMMENT ON FUNCTION triage.redmine_plan_departments(jsonb, boolean) IS
	'Internal, for attach_redmine(): all of mapping.departments, departments whose project is found by name, and what is left.';

CREATE FUNCTION triage.attach_redmine(mapping jsonb DEFAULT '{}', backfill interval DEFAULT NULL, dry_run boolean DEFAULT false)
	RETURNS TABLE (item text, state text, detail text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	p		jsonb;
	s		text;
	making	boolean;
	known	text;
BEGIN
	PERFORM triage.check_admin('attach_redmine');
	p := triage.redmine_plan_start(attach_redmine.mapping);
	s := p #>> '{m,derived,schema}';
	making := coalesce((attach_redmine.mapping ->> 'create')::boolean, false) AND NOT coalesce(attach_redmine.dry_run, false);
	p := triage.redmine_plan_rights(p);
	p := triage.redmine_plan_bot(p, making);
	p := triage.redmine_plan_statuses(p);
	p := triage.redmine_plan_values(p);
	p := triage.redmine_plan_departments(p, making);
	-- the clock of the Ruby process, where it is known from before
	SELECT b.mapping ->> 'offset_minutes' INTO known FROM triage.bindings b WHERE b.relation = (s || '.issues')::regclass;
	IF known IS NOT NULL THEN
		p := jsonb_set(p, '{m,offset_minutes}', known::jsonb);
	END IF;
	RETURN QUERY SELECT a.item, a.state, a.detail FROM triage.host_attach('redmine', 'Redmine', p, s || '.issues', ARRAY[s || '.issues', s || '.journals'],
		attach_redmine.backfill, attach_redmine.dry_run) a;
END
$$;
COMMENT ON FUNCTION triage.attach_redmine(jsonb, interval, boolean) IS
	'Puts the dispatch system under a Redmine 5 or 6 whose tables are in this database: from the next issue on its pages show department (project, category or person), deadline, priority, the reason, reminders and escalation. mapping, all of it optional: schema; bot (login of the user that writes, default triage); channel (default redmine); projects, trackers (whose new issues are taken in; default all); departments {"code or kind": "project" or {"project", "category", "assignee": login or group}} (default: projects of the same name or code); priorities {"1": "Urgent", ...}; statuses {"accepted": "In Progress" or [...], ...}; verbs {"Resolved": "accept|resolve|close|return|none"}; outcome (default resolved), outcomes {"Rejected": "not_within_duty"}; move (transfer or request_return); assists (wait = whoever assists finishes by other ways before an issue can resolve its case; else they finish with it); contact ("author": the author is the caller, by the address he has in Redmine); private_notes, private_ok, relations (booleans); timezone (default: read off the first new issue); fields {"contact|reporter|address|area|reference|case_type": "custom field"}; role; create (true = make bot, channel, projects, memberships that are missing). Rows: item, ok|missing|created|problem, what to do. Errors: TR003 no such tables, unknown keys, or something without which it cannot work (all of it in the detail).';
