/*
 * attach_redmine(): looks up in Redmine what a mapping names and plans the
 * binding; what is missing it makes where the mapping says "create".
 *
 * A plan is as in 60_hosts.sql; each redmine_plan_...() adds its items and
 * sets what the driver reads in mapping.derived.
 */

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

CREATE FUNCTION triage.redmine_missing(relation regclass, mapping jsonb) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	said	text;
BEGIN
	EXECUTE format($q$
		WITH target AS (SELECT d.key, (d.value ->> 'project_id')::int AS project, (d.value ->> 'assignee_id')::int AS assignee FROM jsonb_each(coalesce($1 #> '{derived,targets}', '{}')) d),
			found AS (SELECT 1 AS nr, format('user %%s, in whose name issues are changed, is locked or gone', coalesce((SELECT u.login FROM %1$s.users u WHERE u.id = b.id), b.id::text)) AS what
				FROM (VALUES (($1 #>> '{derived,bot_id}')::int)) b(id) WHERE NOT EXISTS (SELECT FROM %1$s.users u WHERE u.id = b.id AND u.status = 1)
				UNION SELECT 2, format('project %%s of department %%s is closed, archived or gone', coalesce(p.identifier, t.project::text), t.key)
				FROM target t LEFT JOIN %1$s.projects p ON p.id = t.project WHERE t.project IS NOT NULL AND coalesce(p.status, 0) <> 1
				UNION SELECT 3, format('the person or group of department %%s is locked or gone', t.key)
				FROM target t LEFT JOIN %1$s.users u ON u.id = t.assignee WHERE t.assignee IS NOT NULL AND coalesce(u.status, 0) <> 1
				UNION SELECT 4, format('project number %%s, whose issues are taken in, is gone', i.value)
				FROM jsonb_array_elements_text(coalesce($1 #> '{derived,project_ids}', '[]')) i WHERE NOT EXISTS (SELECT FROM %1$s.projects p WHERE p.id = i.value::int))
		SELECT string_agg(f.what, '; ' ORDER BY f.nr, f.what) FROM found f$q$, redmine_missing.mapping #>> '{derived,schema}') INTO said USING redmine_missing.mapping;
	RETURN said;
END
$$;
COMMENT ON FUNCTION triage.redmine_missing(regclass, jsonb) IS
	'Driver of Redmine, for health(): what the completed mapping names and Redmine has no longer: the user who writes, projects, persons and groups that are locked, closed or gone. NULL = nothing.';
