-- What the extension installs: tables, functions, comments, privileges, what
-- a dump takes along; and that the Zhejiang rules bring a call to its owner.
-- Source: sql/*.sql, rules/zhejiang/
\ir include/helpers.psql

-- ---- tables ----
-- The columns that others build on.  What is not there yet is told, not failed.
CREATE TEMP TABLE promised_tables (name text, key text, columns text);
INSERT INTO promised_tables VALUES
	('cases', 'case_id', 'case_id bigint, number text, kind text, channel text, external_ref text, reported_at timestamptz, reporter text, contact text, body text, area text, address text, location point, case_type text, nature text, priority int, danger boolean, status text, lead text, colour text, event_colour text, confidence float8, merged_into bigint, closed_at timestamptz, attrs jsonb'),
	('assignments', 'case_id, seq', 'case_id bigint, seq int, department text, duty text, parent_seq int, status text, offered_at timestamptz, accepted_at timestamptz, arrived_at timestamptz, done_at timestamptz'),
	('clocks', 'case_id, clock_id', 'case_id bigint, clock_id int, assignment_seq int, stage text, started_at timestamptz, due_at timestamptz, next_step_at timestamptz, stopped_at timestamptz, state text, colour text, policy_version bigint, calendar_version int'),
	('clock_segments', 'case_id, clock_id, segment', 'case_id bigint, clock_id int, state text, started_at timestamptz, ended_at timestamptz, work interval'),
	('clock_steps', 'case_id, clock_id, step, occurrence', 'case_id bigint, clock_id int, step int, occurrence int, fired_at timestamptz'),
	('events', 'case_id, seq', 'case_id bigint, seq int, at timestamptz, actor text, verb text, data jsonb, hash bytea'),
	('deliveries', 'case_id, delivery_id', 'case_id bigint, delivery_id uuid, endpoint text, event_seq int, state text, attempts int, next_attempt_at timestamptz, last_status int, last_error text'),
	('links', 'case_id, linked_case, kind', 'case_id bigint, linked_case bigint, kind text, rule text, rule_version bigint'),
	('suggestions', 'case_id, linked_case', 'case_id bigint, linked_case bigint, score float8, reason jsonb, rule text, rule_version bigint, at timestamptz'),
	('case_signatures', 'case_id', 'case_id bigint, reported_at timestamptz, cell bigint, location point, signature int[]'),
	('repeat_rules', 'code', 'code text, same text, case_type text, channel text, days int, radius_m int, min_score float8, kind text, raise_at int, fold bool'),
	('case_sources', 'case_id, seq', 'case_id bigint, seq int, channel text, external_ref text, reporter text, contact text, contact_key bytea, language text, confidential boolean, reported_at timestamptz, body text, token bytea'),
	('decisions', 'case_id, seq', 'case_id bigint, seq int, at timestamptz, rulebook_version bigint, route text, case_type text, facts jsonb, candidates jsonb, reason text, follow_up_on date'),
	('quarantine', 'case_id', 'case_id bigint, reason text'),
	('callbacks', 'case_id, ', 'case_id bigint'),
	('evidence', 'case_id, seq', 'case_id bigint, seq int, event_seq int, kind text, uri text, sha256 bytea, bytes bigint, mime text, taken_at timestamptz, location point, by text'),
	('case_refs', 'channel, external_ref', 'channel text, external_ref text, case_id bigint'),
	('intake_errors', 'error_id', 'error_id bigint, at timestamptz'),
	('seals', 'day', 'day date'),
	('bindings', 'relation', 'relation regclass, kind text, mapping jsonb, channel text, hook text, state text, problem text, since timestamptz, runs_as text'),
	('host_tickets', 'relation, ticket', 'relation regclass, ticket text, case_id bigint, source_seq int, shown jsonb'),
	('host_queue', 'queue_id', 'queue_id bigint, relation regclass, ticket text, case_id bigint, job text, payload jsonb, at timestamptz, tries int, retry_at timestamptz, last_error text'),
	('local_state', 'key', 'key text, value text'),
	('rulebook', 'one', 'version bigint, digest bytea, at timestamptz'),
	('rule_history', NULL, 'relation text, version bigint, row jsonb'),
	('transitions', 'verb, from_status', 'verb text, from_status text, to_status text'),
	('route_parties', 'route, seq', 'route text, department text, relation text, duty text, skill text'),
	('staff', 'staff_id', 'staff_id bigint, name text, login text, department text, area text, grid_level int, kind text, skills text[], active daterange'),
	('assignment_staff', 'case_id, seq', 'case_id bigint, seq int, staff_id bigint, since timestamptz, named_by text'),
	('follow_ups', 'code', 'case_type text, outcome text, after interval, department text, kind text'),
	('area_names', 'area, name', 'area text, name text'), ('terms', 'case_type, kind, term', 'case_type text, kind text, term text'),
	('context_words', 'kind, word', 'kind text, word text, stands text, reach int, scope text'),
	('policy_steps', 'ladder, step', 'ladder text, step int'), ('calendar_hours', 'calendar, weekday, opens', 'calendar text, weekday int, opens time, closes time'),
	('calendar_days', 'calendar, day', 'calendar text, day date'), ('members', 'role, ', 'role text, duty text, department text, area text'),
	('rosters', 'code', 'code text, department text, duty text, team text, skill text, starts time, ends time, days text, weekdays text, calendar text, cycle int, turn int, valid_from date, valid_until date, mode text, substitute text'),
	('modes', 'code', 'code text, zh text, en text, rank int'), ('mode_periods', 'mode, area, since', 'mode text, area text, since timestamptz, until timestamptz, reason text, set_by text'), ('rulings', NULL, ''),
	('channels', 'code', 'code text, kind text'), ('areas', 'code', 'code text, parent text, zh text, en text'), ('departments', 'code', 'code text, kind text, zh text, en text'),
	('case_types', 'code', 'code text, nature text, priority int'), ('routes', 'code', 'code text, condition text, precedence int'), ('policies', 'code', 'code text'),
	('calendars', 'code', 'code text, version int'), ('outcomes', 'code', 'code text'), ('endpoints', 'code', 'code text, url text, format text'), ('packs', 'code', 'code text, version text');

SELECT diag('not there yet: ' || string_agg('triage.' || p.name, ', ')) FROM promised_tables p WHERE to_regclass('triage.' || p.name) IS NULL;
-- columns of a table that are missing or of another type
CREATE FUNCTION pg_temp.not_as_promised(name text, columns text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(c.c, ', ') FROM regexp_split_to_table(nullif(columns, ''), ', ') c(c)
	WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass('triage.' || name) AND a.attnum > 0 AND NOT a.attisdropped
		AND a.attname = split_part(c.c, ' ', 1) AND a.atttypid = to_regtype(split_part(c.c, ' ', 2)))
$$;
SELECT is(pg_temp.not_as_promised(p.name, p.columns), NULL::text, 'columns of triage.' || p.name) FROM promised_tables p WHERE to_regclass('triage.' || p.name) IS NOT NULL;
SELECT is((SELECT string_agg(a.attname, ', ' ORDER BY k.n) FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k(attnum, n), pg_attribute a
		WHERE i.indrelid = to_regclass('triage.' || p.name) AND i.indisprimary AND a.attrelid = i.indrelid AND a.attnum = k.attnum) ^@ p.key, true, 'key of triage.' || p.name)
FROM promised_tables p WHERE to_regclass('triage.' || p.name) IS NOT NULL AND p.key IS NOT NULL;
SELECT is((SELECT string_agg(i.indexrelid::regclass::text, ', ') FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
		WHERE c.relnamespace = 'triage'::regnamespace AND (i.indisunique OR i.indisprimary) AND c.relname NOT IN ('case_refs', 'host_tickets', 'host_queue')
		AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'case_id' AND a.attnum <> ALL (i.indkey))),
	'triage.case_sources_token_idx, triage.deliveries_id_idx, triage.intake_errors_pkey', 'what belongs to a case has the case in every key but these');
SELECT is((SELECT string_agg(c.relname, ', ') FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'case_id' AND a.attnum <> 1
		WHERE c.relnamespace = 'triage'::regnamespace AND c.relkind = 'r' AND c.relname NOT IN ('case_refs', 'intake_errors', 'host_tickets', 'host_queue')), NULL::text, 'and first of its columns');
SELECT is((SELECT count(*) FROM pg_constraint k WHERE k.connamespace = 'triage'::regnamespace AND k.contype = 'f'), 0::bigint, 'no foreign keys');
SELECT is((SELECT string_agg(DISTINCT c.relname || '.' || a.attname, ', ') FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE c.relnamespace = 'triage'::regnamespace AND c.relkind = 'r' AND a.attname IN ('code', 'channel', 'area', 'department', 'case_type', 'calendar', 'endpoint', 'lead', 'status', 'state', 'verb')
		AND a.atttypid = 'text'::regtype AND a.attcollation <> (SELECT o.oid FROM pg_collation o WHERE o.collname = 'C' AND o.collnamespace = 'pg_catalog'::regnamespace)), NULL::text, 'codes are COLLATE "C"');
SELECT is((SELECT string_agg(c.relname || '.' || a.attname, ', ') FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
		WHERE c.relnamespace = 'triage'::regnamespace AND c.relkind = 'r' AND a.atttypid = 'timestamp'::regtype), NULL::text, 'times know their zone');
SELECT is((SELECT string_agg(DISTINCT t.verb, ', ') FROM triage.transitions t WHERE NOT EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'triage'::regnamespace AND p.proname = t.verb
		AND (p.prorettype = 'triage.cases'::regtype OR t.verb = 'reveal_contact') AND p.proargnames[1] IN ('case_id', 'parent'))), NULL::text, 'every verb of the state machine is a function');

-- ---- functions ----
-- Front ends call these by name and by argument name.
CREATE TEMP TABLE promised_functions (name text, arguments text, result text);
INSERT INTO promised_functions VALUES
	('report', 'channel text, body text, area text default null, location point default null, address text default null, reporter text default null, contact text default null, external_ref text default null, reported_at timestamptz default null, case_type text default null, attrs jsonb default null', 'triage.cases'),
	('preview', 'channel text, body text, area text default null, at timestamptz default null, location point default null, address text default null, case_type text default null, attrs jsonb default null', 'jsonb'),
	('explain', 'case_id bigint', 'text'),
	('explain_json', 'case_id bigint', 'jsonb'),
	('append_text', 'case_id bigint, body text, note text default null', 'triage.cases'),
	('add_source', 'case_id bigint, channel text, body text default null, reporter text default null, contact text default null, external_ref text default null, confidential boolean default false, note text default null', 'triage.cases'),
	('status_by_token', 'token text', 'table(number text, status text, words_zh text, words_en text, updated_at timestamptz)'),
	('caller', 'contact text', 'table(case_id bigint, number text, reported_at timestamptz, case_type text, status text, calls_30d int, flags text[])'),
	('find_place', 'q text, area text default null, max_rows int default 10', 'table(code text, name text, location point, score double precision)'),
	('suggest_type', 'prefix text, max_rows int default 10', 'table(case_type text, zh text, en text)'),
	('dispatch', 'case_id bigint, department text default null, assists text[] default null, note text default null', 'triage.cases'),
	('reclassify', 'case_id bigint, case_type text, note text default null', 'triage.cases'),
	('set_area', 'case_id bigint, area text, note text default null', 'triage.cases'),
	('confirm_danger', 'case_id bigint, confirmed boolean, note text default null', 'triage.cases'),
	('answer', 'case_id bigint, body text, note text default null', 'triage.cases'),
	('hand_over', 'case_id bigint, channel text, reason text, note text default null', 'triage.cases'),
	('take_back', 'case_id bigint, reason text, note text default null', 'triage.cases'),
	('accept', 'case_id bigint, department text default null, note text default null', 'triage.cases'),
	('arrive', 'case_id bigint, department text default null, location point default null, note text default null', 'triage.cases'),
	('feed_back', 'case_id bigint, department text default null, body text default null, attrs jsonb default null, note text default null', 'triage.cases'),
	('finish', 'case_id bigint, department text default null, body text default null, note text default null', 'triage.cases'),
	('resolve', 'case_id bigint, outcome text, body text, attrs jsonb default null, note text default null', 'triage.cases'),
	('request_return', 'case_id bigint, reason text, proper_department text default null, note text default null', 'triage.cases'),
	('decide_return', 'case_id bigint, approve boolean, department text default null, note text default null', 'triage.cases'),
	('transfer', 'case_id bigint, department text, reason text default null, note text default null', 'triage.cases'),
	('whistle', 'case_id bigint, departments text[], reason text, within interval default null, note text default null', 'triage.cases'),
	('answer_whistle', 'case_id bigint, department text, body text default null, note text default null', 'triage.cases'),
	('to_police', 'case_id bigint, reason text, note text default null', 'triage.cases'),
	('release_by_police', 'case_id bigint, reason text, note text default null', 'triage.cases'),
	('keep_by_police', 'case_id bigint, reason text, note text default null', 'triage.cases'),
	('escalate', 'case_id bigint, reason text, note text default null', 'triage.cases'),
	('release_assist', 'case_id bigint, department text, reason text, note text default null', 'triage.cases'),
	('open_task', 'parent bigint, kind text, department text, body text, due_at timestamptz default null, note text default null', 'triage.cases'),
	('review', 'case_id bigint, pass boolean, fault text default null, note text default null', 'triage.cases'),
	('call_back', 'case_id bigint, result text, body text default null, note text default null', 'triage.cases'),
	('close_case', 'case_id bigint, note text default null', 'triage.cases'),
	('reopen', 'case_id bigint, reason text, note text default null', 'triage.cases'),
	('void_case', 'case_id bigint, reason text, note text default null', 'triage.cases'),
	('suspend', 'case_id bigint, reason text, review_at timestamptz, note text default null', 'triage.cases'),
	('resume', 'case_id bigint, note text default null', 'triage.cases'),
	('request_extension', 'case_id bigint, by interval, reason text, note text default null', 'triage.cases'),
	('decide_extension', 'case_id bigint, approve boolean, note text default null', 'triage.cases'),
	('urge', 'case_id bigint, note text default null', 'triage.cases'),
	('supervise', 'case_id bigint, note text default null', 'triage.cases'),
	('confer', 'case_id bigint, departments text[], decision text default null, due_at timestamptz default null, note text default null', 'triage.cases'),
	('acknowledge', 'case_id bigint, clock_id int default null, note text default null', 'triage.cases'),
	('correct', 'case_id bigint, field text, value text, reason text, note text default null', 'triage.cases'),
	('reveal_contact', 'case_id bigint, reason text', 'table(reporter text, contact text)'),
	('add_evidence', 'case_id bigint, kind text, uri text, sha256 bytea, mime text default null, taken_at timestamptz default null, location point default null, note text default null', 'triage.cases'),
	('chain', 'case_id bigint', 'table(seq int, parent_seq int, department text, person text, duty text, since timestamptz, until timestamptz, own_time interval)'),
	('work_order', 'case_id bigint', 'jsonb'),
	('changes', 'after bigint default 0, max_rows int default 1000', 'table(cursor bigint, case_id bigint, seq int, verb text, at timestamptz)'),
	('similar', 'case_id bigint, max_rows int default 10', 'setof triage.similar_row'),
	('similar_to', 'body text, area text default null, location point default null, at timestamptz default null, case_type text default null, reporter text default null, max_rows int default 10', 'setof triage.similar_row'),
	('merge', 'case_id bigint, into_case bigint, note text default null', 'triage.cases'),
	('unmerge', 'case_id bigint, note text default null', 'triage.cases'),
	('link_case', 'case_id bigint, other_case bigint, kind text default ''related'', note text default null', 'triage.cases'),
	('inbox', 'department text default null, after_due timestamptz default null, after_case bigint default null, max_rows int default 100', 'setof triage.inbox_row'),
	('board', 'area text default null', 'setof triage.board_row'),
	('overdue', 'area text default null, max_rows int default 100', 'setof triage.inbox_row'),
	('risk_list', 'area text default null', 'setof triage.risk_row'),
	('gaps', 'area text default null', 'setof triage.gap_row'),
	('suggest_staff', 'case_id bigint, skill text default null, max_rows int default 5', 'table(staff_id bigint, score double precision, reason jsonb)'),
	('helpers', 'area text, skills text[] default null', 'table(staff_id bigint, name text, has text[])'),
	('allowed_verbs', 'case_id bigint', 'table(verb text, department text, needs text)'),
	('tick', 'at timestamptz default null, max_cases int default 10000', 'table(fired int, late int, skipped int, quarantined int, recomputed int, next_due timestamptz, more boolean)'),
	('reapply_policy', 'policy text default null, dry_run boolean default true', 'table(case_id bigint, clock_id int, old_due timestamptz, new_due timestamptz)'),
	('on_duty', 'department text, at timestamptz default null, skill text default null', 'table(team text, shift_start timestamptz, shift_end timestamptz, mode text)'),
	('set_mode', 'mode text, area text, until timestamptz, reason text', 'void'),
	('add_worktime', 'start timestamptz, amount interval, calendar text', 'timestamptz'),
	('worktime_between', 'a timestamptz, b timestamptz, calendar text', 'interval'),
	('next_opening', 'at timestamptz, calendar text', 'timestamptz'),
	('load_pack', 'pack text, dry_run boolean default false', 'table(item text, code text, change text, detail jsonb)'),
	('apply_pack', 'doc jsonb, dry_run boolean default true', 'table(item text, code text, change text, detail jsonb)'),
	('dump_pack', 'pack text default null', 'jsonb'),
	('lint', '', 'table(severity text, item text, code text, message text, hint text)'),
	('what_if', 'doc jsonb, since timestamptz, until timestamptz', 'table(case_id bigint, what text, was jsonb, would_be jsonb)'),
	('train', 'model text, query text default null, group_first boolean default true, activate boolean default false', 'triage.models'),
	('evaluate', 'query text default null, folds int default 5, model text default null, split_column text default null', 'jsonb'),
	('use_model', 'model text, version int default null', 'triage.models'),
	('police_audit', 'since timestamptz, until timestamptz', 'table(case_id bigint, reason text, detail jsonb)'),
	('kpi', 'since timestamptz, until timestamptz, by text[] default ''{}''', 'table(keys jsonb, kpi text, numerator bigint, denominator bigint, value numeric, formula text, version int, unit text, counted_at timestamptz)'),
	('ranking', 'week date default null, area text default null', 'table(rank int, department text, score numeric, detail jsonb)'),
	('hotspots', 'since timestamptz, until timestamptz, case_type text default null, cell_m int default 500', 'table(location point, n bigint, usual numeric, score numeric)'),
	('trend', 'since timestamptz, until timestamptz, unit text default ''day'', by text[] default ''{}''', 'table(at timestamptz, keys jsonb, n bigint)'),
	('report_html', 'since timestamptz, until timestamptz, area text default null', 'text'),
	('attach', 'relation regclass, mapping jsonb, backfill interval default null, dry_run boolean default false', 'table(item text, state text, detail text)'),
	('detach', 'relation regclass', 'boolean'),
	('attach_rt', 'mapping jsonb default ''{}'', backfill interval default null, dry_run boolean default false', 'table(item text, state text, detail text)'),
	('attach_redmine', 'mapping jsonb default ''{}'', backfill interval default null, dry_run boolean default false', 'table(item text, state text, detail text)'),
	('attach_zammad', 'mapping jsonb default ''{}'', backfill interval default null, dry_run boolean default false', 'table(item text, state text, detail text)'),
	('attach_znuny', 'mapping jsonb default ''{}'', backfill interval default null, dry_run boolean default false', 'table(item text, state text, detail text)'),
	('retry_intake', 'error_id bigint default null, max_rows int default 1000', 'table(retried int, failed int)'),
	('health', '', 'table(item text, state text, value text, hint text)'),
	('start_workers', '', 'boolean'),
	('stop_workers', 'wait boolean default true', 'boolean'),
	('verify_history', 'case_id bigint default null, since_case bigint default null, max_cases int default null', 'setof triage.history_problem'),
	('seal', 'day date default null', 'triage.seals'),
	('anonymise', 'case_id bigint, with_body boolean default false, note text default null', 'triage.cases'),
	('export_case', 'case_id bigint', 'jsonb'),
	('replay_delivery', 'delivery uuid', 'triage.deliveries'),
	('replay_deliveries', 'endpoint text, since timestamptz, until timestamptz', 'int'),
	('cancel_delivery', 'delivery uuid, note text default null', 'triage.deliveries'),
	('set_secret', 'endpoint text, secret bytea, valid_until_old timestamptz default null', 'void'),
	('actor', '', 'text'),
	('clock', '', 'timestamptz');
SELECT diag('not there yet: ' || string_agg(p.name || '()', ', ')) FROM promised_functions p WHERE to_regproc('triage.' || p.name) IS NULL;
-- the promise as the catalog would say it
CREATE SCHEMA promised;
DO $$
DECLARE
	p	promised_functions;
BEGIN
	FOR p IN SELECT * FROM promised_functions f WHERE to_regproc('triage.' || f.name) IS NOT NULL LOOP
		EXECUTE format('CREATE FUNCTION promised.%I(%s) RETURNS %s LANGUAGE plpgsql AS ''BEGIN END''', p.name, p.arguments, p.result);
	END LOOP;
END
$$;
SELECT is(format('(%s) returns %s', pg_get_function_arguments(f.oid),
		-- a row may gain columns at its end
		CASE WHEN pg_get_function_result(f.oid) ^@ (left(pg_get_function_result(p.oid), -1) || ',') THEN pg_get_function_result(p.oid) ELSE pg_get_function_result(f.oid) END),
	format('(%s) returns %s', pg_get_function_arguments(p.oid), pg_get_function_result(p.oid)), 'triage.' || p.proname)
FROM pg_proc p JOIN pg_proc f ON f.proname = p.proname AND f.pronamespace = 'triage'::regnamespace WHERE p.pronamespace = 'promised'::regnamespace ORDER BY p.proname COLLATE "C";
SELECT is((SELECT string_agg(f.proname, ', ') FROM pg_proc p JOIN pg_proc f USING (proname) WHERE p.pronamespace = 'promised'::regnamespace AND f.pronamespace = 'triage'::regnamespace
		AND f.prorettype = 'triage.cases'::regtype AND (f.proisstrict OR f.provolatile <> 'v' OR f.proparallel <> 'u')), NULL::text, 'what changes a case is volatile, parallel unsafe and not strict');
SET client_min_messages = error;
DROP SCHEMA promised CASCADE;
SET client_min_messages = warning;
SELECT is((SELECT string_agg(n, ', ') FROM (SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'triage'::regnamespace GROUP BY p.proname HAVING count(*) > 1) o(n)), NULL::text, 'no name is overloaded');
SELECT is((SELECT string_agg(p.oid::regprocedure::text, ', ') FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace = 'triage'::regnamespace
		AND (l.lanname IN ('sql', 'plpgsql') OR p.prosecdef) AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false)), NULL::text, 'the search path of every SQL and PL/pgSQL function is locked');

-- ---- comments ----
SELECT is((SELECT string_agg(p.oid::regprocedure::text, ', ') FROM pg_proc p WHERE p.pronamespace = 'triage'::regnamespace AND coalesce(obj_description(p.oid, 'pg_proc'), '') = ''), NULL::text, 'every function has a comment');
SELECT is((SELECT string_agg(c.relname, ', ') FROM pg_class c WHERE c.relnamespace = 'triage'::regnamespace
		AND CASE c.relkind WHEN 'c' THEN obj_description(c.reltype, 'pg_type')
			-- what belongs to a key is explained with its table
			WHEN 'i' THEN CASE WHEN EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid) THEN 'key' ELSE obj_description(c.oid, 'pg_class') END
			ELSE obj_description(c.oid, 'pg_class') END IS NULL), NULL::text, 'every table, view, sequence, index and row type');
SELECT is((SELECT string_agg(c.relname || '.' || a.attname, ', ') FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relnamespace = 'triage'::regnamespace AND c.relkind IN ('r', 'v') AND col_description(c.oid, a.attnum) IS NULL), NULL::text, 'every column');
SELECT is((SELECT string_agg(c.relname || '.' || t.tgname, ', ') FROM pg_class c JOIN pg_trigger t ON t.tgrelid = c.oid
		WHERE c.relnamespace = 'triage'::regnamespace AND NOT t.tgisinternal AND obj_description(t.oid, 'pg_trigger') IS NULL), NULL::text, 'every trigger');
SELECT isnt(obj_description('triage'::regnamespace, 'pg_namespace'), NULL::text, 'the schema');
SELECT isnt((SELECT obj_description(e.oid, 'pg_extension') FROM pg_extension e WHERE e.extname = 'pg_triage'), NULL::text, 'and the extension');

-- ---- privileges ----
SELECT is((SELECT string_agg(p.oid::regprocedure::text, ', ') FROM pg_proc p WHERE p.pronamespace = 'triage'::regnamespace
		AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x WHERE x.grantee = 0) AND p.proname NOT IN ('case_is_sound', 'sight', 'host_listens', 'host_trigger')),
	NULL::text, 'PUBLIC may execute no function, but what runs for whoever writes a case or a row of an attached table, and what row security asks');
SELECT is((SELECT string_agg(c.relname, ', ' ORDER BY c.relname) FROM pg_class c WHERE c.relnamespace = 'triage'::regnamespace
		AND EXISTS (SELECT FROM aclexplode(c.relacl) x WHERE x.grantee = 0)), 'complained_about, my_cases, my_parts', 'PUBLIC has no privilege on any table, but on the views that row security asks');
SELECT is((SELECT string_agg(c.relname || '.' || a.attname, ', ') FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'triage'::regnamespace
		AND EXISTS (SELECT FROM aclexplode(a.attacl) x WHERE x.grantee = 0)), NULL::text, 'nor on any column');
SELECT is((SELECT count(*) FROM pg_namespace n, aclexplode(n.nspacl) x WHERE n.nspname = 'triage' AND x.grantee = 0), 0::bigint, 'nor on the schema');
CREATE ROLE t010_nobody;
GRANT USAGE ON SCHEMA triage TO t010_nobody;
SELECT is((SELECT string_agg(c.relname, ', ') FROM pg_class c WHERE c.relnamespace = 'triage'::regnamespace AND c.relkind IN ('r', 'v', 'S')
		AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege('t010_nobody', c.oid, 'SELECT, USAGE, UPDATE') ELSE has_table_privilege('t010_nobody', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') END
		AND c.relname NOT IN ('my_cases', 'complained_about', 'my_parts')), NULL::text, 'a role without grants sees nothing');
SELECT is((SELECT string_agg(p.oid::regprocedure::text, ', ') FROM pg_proc p WHERE p.pronamespace = 'triage'::regnamespace AND has_function_privilege('t010_nobody', p.oid, 'EXECUTE')
		AND p.proname NOT IN ('case_is_sound', 'sight', 'host_listens', 'host_trigger')), NULL::text, 'and does nothing');
DROP OWNED BY t010_nobody;
DROP ROLE t010_nobody;

-- ---- what a dump takes along ----
SELECT is((SELECT string_agg(c.relname, ', ' ORDER BY c.relname) FROM pg_class c, pg_extension e WHERE e.extname = 'pg_triage' AND c.relnamespace = 'triage'::regnamespace
		AND c.relkind IN ('r', 'S') AND c.oid <> ALL (e.extconfig) AND c.relname !~ '^kpi'),
	'case_signatures, local_state, rulebook_image, signatures_due, text_weights, transitions', 'a dump holds all tables and sequences but what belongs to the server or to the code');
SELECT is((SELECT string_agg(DISTINCT x, ', ') FROM pg_extension e, unnest(e.extcondition) x WHERE e.extname = 'pg_triage' AND x <> ''), NULL::text, 'whole tables');
SELECT is((SELECT string_agg(c.relname, ', ') FROM pg_class c WHERE c.relnamespace = 'triage'::regnamespace
		AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
		AND c.relkind IN ('r', 'v', 'm')), NULL::text, 'every table belongs to the extension');

-- ---- the Zhejiang rules, end to end ----
SELECT is((SELECT string_agg(concat_ws(' ', l.item, l.code, l.message), '; ') FROM triage.lint() l WHERE l.severity = 'error'), NULL::text, 'the pack has no errors');
INSERT INTO triage.local_state (key, value, at) VALUES ('stopped', 'tests', now());
SET triage.now = '2026-03-02 10:00+08';
-- type, nature, priority, kind of the lead @ its area, status
CREATE FUNCTION pg_temp.outcome_of(p jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', coalesce(p->>'case_type', '-'), p->>'nature', 'U' || (p->>'priority'), CASE WHEN (p->>'danger')::boolean THEN 'danger' END, d.kind || coalesce('@' || d.area, ''), p->>'status')
	FROM triage.departments d WHERE d.code = p->>'lead'
$$;
SELECT is(pg_temp.outcome_of(triage.preview(t.channel, t.body)), t.expected, t.channel || ': ' || t.body)
FROM (VALUES
	('110', '永康市东城街道金都社区地下车库漏水，车被泡了', 'N105 nonpolice U3 VILLAGE@330784001 dispatched'),
	('12345', '永康市东城街道，楼上卫生间漏水，天花板都湿了', 'N105 nonpolice U3 VILLAGE@330784001 dispatched'),
	('12345_web', '永康市东城街道某小区物业公司乱收物业费，业委会不管', 'N104 nonpolice U3 HOUSE@330784 dispatched'),
	('110', '永康市东城街道有人持刀伤人', 'P101 police U1 danger T_PS@330784001 dispatched'),
	('chat', '永康市东城街道有人持刀伤人', 'P101 undetermined U1 danger SGC_C@330784 triage'),
	('110', '有人没带钥匙', 'N604 nonpolice U3 LOCK@33 dispatched'),
	('110', '永康市化工厂着火了', 'P406 joint U1 danger FIRE@330784 dispatched'),
	('110', '永康市东城街道有老人走失', 'P404 police U1 danger T_PS@330784001 dispatched'),
	('110', '喂', '- undetermined U3 SGC_C@33 triage')) t(channel, body, expected);
SELECT case_id AS c FROM triage.report('110', '永康市东城街道金都社区地下车库漏水，和物业吵起来了', reporter => '王', external_ref => 'Z1') \gset
SELECT is((SELECT a.status FROM triage.assignments a JOIN triage.departments d ON d.code = a.department WHERE a.case_id = :c AND a.duty = 'on_scene' AND d.kind = 'T_SQUAD' AND d.area = '330784001'), 'offered', 'a leak: the town''s squad goes');
SELECT is((SELECT string_agg(k.stage, ' ' ORDER BY k.stage) FROM (SELECT DISTINCT k.stage FROM triage.clocks k WHERE k.case_id = :c AND k.state = 'running') k), 'accept arrive assist feedback resolve', 'a leak: all clocks run');
SELECT triage.arrive(:c, a.department) FROM triage.assignments a WHERE a.case_id = :c AND a.duty IN ('lead', 'on_scene') \g /dev/null
SELECT triage.finish(:c, a.department) FROM triage.assignments a WHERE a.case_id = :c AND a.duty NOT IN ('lead', 'on_scene') \g /dev/null
SELECT matches(pg_temp.refusal(format('SELECT triage.resolve(%s, ''mediated'', ''双方签协议'', ''{"parties": "王、物业"}'')', :c)), '^TR005 outcome "mediated" of case \S+ needs more$', 'a leak: an agreement names its amount and risk');
SELECT triage.resolve(:c, 'mediated', '双方签协议', '{"parties": "王、物业", "amount": 2000, "risk_level": "low"}') \g /dev/null
SELECT triage.close_case(:c) \g /dev/null
SELECT is((SELECT concat_ws(' ', c.status, c.outcome, (SELECT count(*) FROM triage.clocks k WHERE k.case_id = c.case_id AND k.state = 'running')) FROM triage.cases c WHERE c.case_id = :c), 'closed mediated 0', 'a leak: mediated and closed');

-- what callers say and who they are is in no statistics, which other roles' plans could betray
ANALYZE triage.cases, triage.case_sources, triage.decisions, triage.events, triage.deliveries;
SELECT is((SELECT string_agg(DISTINCT tablename || '.' || attname, ', ') FROM pg_stats WHERE schemaname = 'triage'
		AND attname IN ('body', 'reporter', 'contact', 'address', 'attrs', 'facts', 'candidates', 'reason', 'data', 'payload', 'token', 'digest_key')
		AND tablename IN ('cases', 'case_sources', 'decisions', 'events', 'deliveries')), NULL::text, 'ANALYZE keeps nothing of what callers say');
SELECT ok(EXISTS (SELECT FROM pg_stats WHERE schemaname = 'triage' AND tablename = 'cases' AND attname = 'status'), 'but of what is asked for');
SELECT * FROM finish();
