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
