/*
 * Under a ticket table of another system: its new rows become cases, what
 * happens to a case is written back into its row, what agents do to the row
 * becomes a verb.
 *
 * attach() serves any table with a key ("kind table": read and written by C
 * as its mapping says).  For a known server ("kind" rt, redmine, ...) a pair
 * of functions, its driver, is called in place of that:
 *
 *	triage.KIND_read(relation regclass, mapping jsonb, source_table text, row jsonb, old_row jsonb) returns jsonb
 *		what a row that was inserted or changed in one of the binding's tables
 *		(source_table, schema.name) means; NULL = nothing.  See host_trigger().
 *	triage.KIND_write(relation regclass, mapping jsonb, ticket text, doc jsonb) returns void
 *		makes the ticket look like the case.  See host_doc().
 *	triage.KIND_open(relation regclass, mapping jsonb, since timestamptz, after text, max_rows int)
 *			returns table (ticket text, doc jsonb)
 *		for the back-fill: open tickets made at "since" or later, in the order
 *		of their keys behind "after" (NULL = from the start); doc as of KIND_read.
 *
 * Drivers run with the rights of bindings.runs_as and a locked search path.
 */

CREATE TABLE triage.bindings (
	relation		regclass NOT NULL PRIMARY KEY,
	kind			text	COLLATE "C" NOT NULL CHECK (kind ~ '^[a-z][a-z0-9_]{0,30}$'),
	mapping			jsonb	NOT NULL,
	channel			text	COLLATE "C" NOT NULL,
	hook			text	COLLATE "C" NOT NULL CHECK (hook IN ('row', 'commit')),
	triggers		regclass[] NOT NULL,
	state			text	COLLATE "C" NOT NULL CHECK (state IN ('active', 'broken', 'off')),
	problem			text,
	since			timestamptz NOT NULL,
	runs_as			text	NOT NULL,
	backfill_since	timestamptz,
	backfill_after	text,
	backfill_done	bigint	NOT NULL DEFAULT 0,
	backfill_state	text	COLLATE "C" NOT NULL DEFAULT 'none' CHECK (backfill_state IN ('none', 'running', 'done', 'failed'))
);
SELECT pg_extension_config_dump('triage.bindings', '');

CREATE TABLE triage.host_tickets (
	relation		regclass NOT NULL,
	ticket			text	COLLATE "C" NOT NULL,
	case_id			bigint	NOT NULL,
	source_seq		int		NOT NULL,
	event_seq		int		NOT NULL DEFAULT 0,
	shown			jsonb,
	PRIMARY KEY (relation, ticket)
);
ALTER TABLE triage.host_tickets ALTER shown SET STATISTICS 0;	-- never asked for by its value
CREATE INDEX host_tickets_case_idx ON triage.host_tickets (case_id);
SELECT pg_extension_config_dump('triage.host_tickets', '');

CREATE TABLE triage.host_queue (
	queue_id		bigint	GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	relation		regclass NOT NULL,
	ticket			text	COLLATE "C",
	case_id			bigint,
	job				text	COLLATE "C" NOT NULL CHECK (job IN ('take_in', 'change', 'show')),
	payload			jsonb,
	at				timestamptz NOT NULL,
	tries			int		NOT NULL DEFAULT 0,
	retry_at		timestamptz NOT NULL,
	last_error		text
);
CREATE INDEX host_queue_retry_idx ON triage.host_queue (retry_at, queue_id);
SELECT pg_extension_config_dump('triage.host_queue', '');
SELECT pg_extension_config_dump('triage.host_queue_queue_id_seq', '');

CREATE FUNCTION triage.bindings_changed() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_bindings_changed';
-- how far a back-fill is concerns no session
CREATE TRIGGER bindings_changed AFTER INSERT OR DELETE
	OR UPDATE OF relation, kind, mapping, channel, hook, triggers, state, problem, runs_as ON triage.bindings
	FOR EACH STATEMENT EXECUTE FUNCTION triage.bindings_changed();

CREATE FUNCTION triage.host_trigger() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_host_trigger';

CREATE FUNCTION triage.host_listens() RETURNS boolean
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_host_listens';

CREATE FUNCTION triage.host_doc(case_id bigint, since_event int DEFAULT 0) RETURNS jsonb
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_host_doc';

CREATE FUNCTION triage.kept_row(statement text, VARIADIC "values" text[]) RETURNS jsonb
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_kept_row';

-- ---- what drivers look up and plan before they attach ----
--
-- A plan is one jsonb: "m" the mapping with "derived" (what its names stand for),
-- "items" [[item, state, detail, forbids to attach], ...], "stops" whether one does.

CREATE FUNCTION triage.host_note(plan jsonb, item text, state text, detail text, stops boolean DEFAULT false) RETURNS jsonb
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	RETURN jsonb_set(plan, '{items}', (plan -> 'items') || jsonb_build_array(jsonb_build_array(item, state, detail,
		stops AND state IN ('missing', 'problem'))))
		|| CASE WHEN stops AND state IN ('missing', 'problem') THEN '{"stops": true}'::jsonb ELSE '{}' END;
COMMENT ON FUNCTION triage.host_note(jsonb, text, text, text, boolean) IS
	'Internal, for attach_rt() and the like: a plan with one more item.';

CREATE FUNCTION triage.host_derive(plan jsonb, key text, value jsonb) RETURNS jsonb
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	RETURN jsonb_set(plan, ARRAY['m', 'derived', key], coalesce(value, 'null'));
COMMENT ON FUNCTION triage.host_derive(jsonb, text, jsonb) IS
	'Internal, for attach_rt() and the like: a plan with mapping.derived.key set.';

CREATE FUNCTION triage.host_plan(complete jsonb, report jsonb) RETURNS jsonb
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	RETURN jsonb_build_object('m', host_plan.complete,
		'items', (SELECT jsonb_agg(e.value || to_jsonb(e.value ->> 1 <> 'ok') ORDER BY e.n) FROM jsonb_array_elements(host_plan.report) WITH ORDINALITY e(value, n)),
		'stops', EXISTS (SELECT FROM jsonb_array_elements(host_plan.report) e WHERE e.value ->> 1 <> 'ok'));
COMMENT ON FUNCTION triage.host_plan(jsonb, jsonb) IS
	'Internal, for attach_rt() and the like: a plan of a completed mapping and a report [[item, state, detail], ...] in which all that is not ok forbids to attach.';

CREATE FUNCTION triage.host_check_keys(mapping jsonb, known text[]) RETURNS void
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	unknown	text;
BEGIN
	IF jsonb_typeof(host_check_keys.mapping) IS DISTINCT FROM 'object' THEN
		RAISE EXCEPTION 'argument "mapping" must be a JSON object' USING ERRCODE = 'TR003',
			HINT = format('It may have the keys %s.', array_to_string(host_check_keys.known, ', '));
	END IF;
	SELECT string_agg(k.key, ', ' ORDER BY k.key) INTO unknown FROM jsonb_object_keys(host_check_keys.mapping) k(key) WHERE k.key <> ALL (host_check_keys.known);
	IF unknown IS NOT NULL THEN
		RAISE EXCEPTION 'the mapping has keys that mean nothing: %', unknown USING ERRCODE = 'TR003',
			HINT = format('Known are %s.', array_to_string(host_check_keys.known, ', '));
	END IF;
END
$$;
COMMENT ON FUNCTION triage.host_check_keys(jsonb, text[]) IS
	'Internal, for attach_rt() and the like: lets a mapping pass that is an object with no other keys than these. Error: TR003.';

CREATE FUNCTION triage.host_schema(product text, marks text[], schema text DEFAULT NULL) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	found	text[];
BEGIN
	found := ARRAY(SELECT n.nspname::text FROM pg_namespace n
		WHERE (host_schema.schema IS NULL OR n.nspname = host_schema.schema)
			AND NOT EXISTS (SELECT FROM unnest(host_schema.marks) m(mark)
				WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p') AND c.relname = split_part(m.mark, '.', 1)
					AND (m.mark !~ '\.' OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped AND a.attname = split_part(m.mark, '.', 2)))))
		ORDER BY n.nspname);
	IF cardinality(found) = 0 THEN
		RAISE EXCEPTION '%''s tables were not found', host_schema.product USING ERRCODE = 'TR003',
			DETAIL = coalesce('Schema ' || quote_ident(host_schema.schema) || ' does not hold', 'No schema of this database holds')
				|| ' all of ' || array_to_string(host_schema.marks, ', ') || '.',
			HINT = format('Create the extension in %1$s''s own database and call this there; {"schema": "..."} in the mapping tells which of its schemas is meant.', host_schema.product);
	ELSIF cardinality(found) > 1 THEN
		RAISE EXCEPTION 'several schemas hold %''s tables', host_schema.product USING ERRCODE = 'TR003',
			DETAIL = array_to_string(found, ', '), HINT = 'Name one in the mapping: {"schema": "..."}.';
	END IF;
	RETURN found[1];
END
$$;
COMMENT ON FUNCTION triage.host_schema(text, text[], text) IS
	'Internal, for attach_rt() and the like: the schema that a product''s tables are in, by marks ("table" or "table.column") that only they have together; schema = look in this one only. Errors: TR003 none, or several.';

-- ---- what drivers ask, with the owner's rights ----

CREATE FUNCTION triage.host_standing(relation regclass, ticket text) RETURNS jsonb
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET jit = off	-- its plans are kept: see extension/README.md, Plans that are kept
AS $$
#variable_conflict error
BEGIN
	RETURN (SELECT jsonb_build_object('case_id', c.case_id, 'status', c.status, 'lead', c.lead, 'area', c.area, 'shown', h.shown,
		'parties', (SELECT coalesce(jsonb_agg(jsonb_build_object('department', a.department, 'kind', d.kind, 'duty', a.duty,
				'accepted', a.accepted_at IS NOT NULL) ORDER BY a.duty <> 'lead', a.seq DESC), '[]')
			FROM triage.assignments a LEFT JOIN triage.departments d ON d.code = a.department
			WHERE a.case_id = c.case_id AND a.status NOT IN ('done', 'withdrawn')))
	FROM triage.host_tickets h JOIN triage.cases c ON c.case_id = h.case_id
	WHERE h.relation = host_standing.relation AND h.ticket = host_standing.ticket);
END
$$;
COMMENT ON FUNCTION triage.host_standing(regclass, text) IS
	'Internal, for drivers: the case of a ticket as {case_id, status, lead, area, shown, parties: [{department, kind, duty, accepted}]}, lead first; NULL when it has none.';

CREATE FUNCTION triage.host_department(key text, area text) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
BEGIN
	RETURN (WITH RECURSIVE up(code, parent, far) AS (
		SELECT a.code, a.parent, 0 FROM triage.areas a WHERE a.code = host_department.area
		UNION ALL
		SELECT a.code, a.parent, up.far + 1 FROM up JOIN triage.areas a ON a.code = up.parent WHERE up.far < 10
	)
	SELECT d.code FROM triage.departments d LEFT JOIN up ON up.code = d.area
	WHERE d.active AND (d.code = host_department.key
		OR (d.kind = host_department.key AND (up.code IS NOT NULL OR host_department.area IS NULL)))
	ORDER BY d.code <> host_department.key, up.far, d.code LIMIT 1);
END
$$;
COMMENT ON FUNCTION triage.host_department(text, text) IS
	'Internal, for drivers: the department that a key of mapping.departments means for an area: that of this code, else the nearest one of this kind, going up from the area. NULL = none.';

CREATE FUNCTION triage.host_queue_department(mapping jsonb, queue int) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	RETURN (SELECT min(d.key) FROM jsonb_each(host_queue_department.mapping -> 'departments') d
		WHERE (d.value ->> 'queue')::int = host_queue_department.queue HAVING count(*) = 1);
COMMENT ON FUNCTION triage.host_queue_department(jsonb, int) IS
	'Internal, for drivers: the department whose queue this is by mapping.departments {"CODE": {"queue": id}}; NULL = nobody''s, or several departments share it.';

CREATE FUNCTION triage.host_shown(relation regclass, ticket text, department text) RETURNS jsonb
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET jit = off	-- its plans are kept: see extension/README.md, Plans that are kept
AS $$
#variable_conflict error
BEGIN
	RETURN (SELECT jsonb_build_object('shown', (SELECT h.shown FROM triage.host_tickets h
			WHERE h.relation = host_shown.relation AND h.ticket = host_shown.ticket),
		'kind', (SELECT d.kind FROM triage.departments d WHERE d.code = host_shown.department)));
END
$$;
COMMENT ON FUNCTION triage.host_shown(regclass, text, text) IS
	'Internal, for drivers: what was written into the ticket last (shown) and the kind of a department.';

CREATE FUNCTION triage.bind(relation regclass, kind text, mapping jsonb, triggers regclass[] DEFAULT NULL,
		backfill interval DEFAULT NULL, dry_run boolean DEFAULT false)
	RETURNS TABLE (item text, state text, detail text)
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_bind';

CREATE FUNCTION triage.attach(relation regclass, mapping jsonb, backfill interval DEFAULT NULL, dry_run boolean DEFAULT false)
	RETURNS TABLE (item text, state text, detail text)
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_attach';

-- ---- how drivers attach ----

CREATE FUNCTION triage.host_channel(plan jsonb, zh text, en text, dry_run boolean) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	via		text := host_channel.plan #>> '{m,channel}';
BEGIN
	IF EXISTS (SELECT FROM triage.channels c WHERE c.code = via)
		OR ((host_channel.plan ->> 'stops')::boolean AND NOT coalesce(host_channel.dry_run, false))
	THEN
		RETURN host_channel.plan;
	END IF;
	IF NOT coalesce(host_channel.dry_run, false) THEN
		INSERT INTO triage.channels (code, zh, en, kind, confirm_danger, needs_caller, allows_anonymous)
			VALUES (via, host_channel.zh, host_channel.en, 'host', true, false, true);
	END IF;
	RETURN triage.host_note(host_channel.plan, 'channel ' || via, CASE WHEN host_channel.dry_run THEN 'missing' ELSE 'created' END,
		'A channel for reports that come as tickets; attaching makes it.');
END
$$;
COMMENT ON FUNCTION triage.host_channel(jsonb, text, text, boolean) IS
	'Internal, for attach_rt() and the like: makes the channel of a plan if there is none, unless the plan stops; dry_run = only notes it. zh, en = its names.';

CREATE FUNCTION triage.host_attach(kind text, product text, plan jsonb, relation text, triggers text[], backfill interval, dry_run boolean)
	RETURNS TABLE (item text, state text, detail text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	only_told boolean := coalesce(host_attach.dry_run, false);
	bad		record;
BEGIN
	IF (host_attach.plan ->> 'stops')::boolean AND NOT only_told THEN
		SELECT (array_agg(i.value ORDER BY i.n))[1] AS first, string_agg(format('%s: %s', i.value ->> 0, i.value ->> 2), E'\n' ORDER BY i.n) AS listed INTO bad
			FROM jsonb_array_elements(host_attach.plan -> 'items') WITH ORDINALITY i(value, n) WHERE (i.value ->> 3)::boolean;
		RAISE EXCEPTION '% is not ready to be attached: % is %', host_attach.product, bad.first ->> 0,
			CASE bad.first ->> 1 WHEN 'missing' THEN 'missing' ELSE 'not as it must be' END
			USING ERRCODE = 'TR003', DETAIL = bad.listed, HINT = format('triage.attach_%s(mapping, dry_run => true) lists all without an error.', host_attach.kind);
	END IF;
	RETURN QUERY SELECT i.value ->> 0, i.value ->> 1, i.value ->> 2 FROM jsonb_array_elements(host_attach.plan -> 'items') WITH ORDINALITY i(value, n) ORDER BY i.n;
	IF NOT (host_attach.plan ->> 'stops')::boolean THEN
		RETURN QUERY SELECT b.item, b.state, b.detail FROM triage.bind(host_attach.relation::regclass, host_attach.kind, host_attach.plan -> 'm',
			host_attach.triggers::regclass[], host_attach.backfill, only_told) b;
	END IF;
END
$$;
COMMENT ON FUNCTION triage.host_attach(text, text, jsonb, text, text[], interval, boolean) IS
	'Internal, the end of attach_rt() and the like: refuses a plan that stops, else tells its items and binds; relation and triggers are names as in SQL. Error: TR003, naming the first item and all of them in the detail; and those of bind().';

CREATE FUNCTION triage.detach(relation regclass) RETURNS boolean
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_detach';

CREATE FUNCTION triage.retry_intake(error_id bigint DEFAULT NULL, max_rows int DEFAULT 1000)
	RETURNS TABLE (retried int, failed int)
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_retry_intake';

CREATE FUNCTION triage.host_problem(relation regclass) RETURNS text
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_host_problem';

CREATE FUNCTION triage.host_missing(relation regclass) RETURNS text
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_host_missing';
COMMENT ON FUNCTION triage.host_missing(regclass) IS
	'What the mapping of an attached server names and the server has no longer, as its driver''s function KIND_missing(relation, mapping) tells; NULL = nothing, or there is no such driver. Asked by health(). Source: extension/hosts/missing.c';

CREATE FUNCTION triage.health_hosts() RETURNS TABLE (item text, state text, value text, hint text)
	LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'host ' || b.relation::text,
		CASE WHEN b.state = 'off' THEN 'off' WHEN b.problem IS NOT NULL THEN 'bad'
			WHEN b.waiting > 1000 OR b.failed > 0 OR b.backfill_state = 'failed' OR b.missing IS NOT NULL THEN 'warning' WHEN b.backfill_state = 'running' THEN 'notice' ELSE 'ok' END,
		concat_ws(', ', b.problem, b.missing, format('%s tickets', b.tickets), format('%s wait', b.waiting),
			CASE WHEN b.backfill_state <> 'none' THEN format('back-fill %s, %s rows', b.backfill_state, b.backfill_done) END),
		CASE WHEN b.problem IS NOT NULL THEN 'New tickets wait in triage.host_queue. Mend the table, or attach it again with another mapping; then they are taken in.'
			WHEN b.backfill_state = 'failed' THEN 'See triage.intake_errors; mend the cause, then call triage.attach() again with backfill.'
			WHEN b.failed > 0 THEN 'See triage.intake_errors; mend the cause, then call triage.retry_intake().'
			WHEN b.waiting > 1000 THEN 'Does the timekeeper run? Or call triage.tick() from a scheduler.'
			WHEN b.missing IS NOT NULL THEN 'Tickets come in all the same. Mend it in the server, or attach again with another mapping.' END
	FROM (SELECT b.*, triage.host_problem(b.relation) AS problem, triage.host_missing(b.relation) AS missing,
			(SELECT count(*) FROM triage.host_tickets t WHERE t.relation = b.relation) AS tickets,
			(SELECT count(*) FROM triage.host_queue q WHERE q.relation = b.relation) AS waiting,
			(SELECT count(*) FROM triage.host_queue q WHERE q.relation = b.relation AND q.tries > 2) AS failed
		FROM (SELECT b.relation, b.state, b.backfill_state, b.backfill_done FROM triage.bindings b) b) b
$$;

CREATE FUNCTION triage.health() RETURNS TABLE (item text, state text, value text, hint text)
	LANGUAGE sql VOLATILE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT * FROM triage.health_workers()
	UNION ALL SELECT * FROM triage.health_deliveries()
	UNION ALL SELECT * FROM triage.health_cases()
	UNION ALL SELECT * FROM triage.health_hosts()
$$;
COMMENT ON FUNCTION triage.health() IS
	'How the installation is: one row an item. state is ok | notice | warning | bad | off; value says what is, hint what to do (NULL = nothing). Items: version, launcher, timekeeper, courier, workers, hold, stopped, format of ENDPOINT, clock, networks, endpoint CODE, rulebook, quarantine, intake_errors, steps, calendar CODE, row_security, host TABLE. Shows no secrets and no query strings of urls.';

-- ---- what they are ----

COMMENT ON TABLE triage.bindings IS 'Attached ticket tables (外接工单表). Made by attach(), ended by detach(); a row a table.';
COMMENT ON COLUMN triage.bindings.relation IS 'The ticket table.';
COMMENT ON COLUMN triage.bindings.kind IS 'table = read and written as mapping says; else the name of a driver: rt | redmine | zammad | znuny.';
COMMENT ON COLUMN triage.bindings.mapping IS 'What attach() was given, with the key''s columns and the zone of times that have none; see the comment on attach().';
COMMENT ON COLUMN triage.bindings.channel IS 'channels.code of its cases; the tickets'' keys are that channel''s references, so no other table has it.';
COMMENT ON COLUMN triage.bindings.hook IS 'row = a ticket is read as soon as its row is written; commit = when its transaction commits.';
COMMENT ON COLUMN triage.bindings.triggers IS 'Tables that have the trigger zz_triage_host.';
COMMENT ON COLUMN triage.bindings.state IS 'active | broken = the table no longer fits the mapping | off = nothing is done (set by an administrator).';
COMMENT ON COLUMN triage.bindings.problem IS 'What is broken; NULL = nothing. health() looks anew.';
COMMENT ON COLUMN triage.bindings.since IS 'When it was attached.';
COMMENT ON COLUMN triage.bindings.runs_as IS 'Role that reads and writes the host''s tables: who attached them; the table''s owner where that was a superuser; or what the mapping says.';
COMMENT ON COLUMN triage.bindings.backfill_since IS 'Back-fill: open tickets made since then are taken in; NULL = none.';
COMMENT ON COLUMN triage.bindings.backfill_after IS 'Back-fill: key of the last ticket looked at; NULL = none yet.';
COMMENT ON COLUMN triage.bindings.backfill_done IS 'Back-fill: tickets taken in so far.';
COMMENT ON COLUMN triage.bindings.backfill_state IS 'none | running | done | failed = the rows could not be read: see triage.intake_errors, then attach() again with backfill.';
COMMENT ON TRIGGER bindings_changed ON triage.bindings IS 'Makes every session read the bindings anew.';

COMMENT ON TABLE triage.host_tickets IS 'Which case a ticket of an attached table belongs to (工单与事项). A ticket that was deleted keeps its row.';
COMMENT ON COLUMN triage.host_tickets.relation IS 'bindings.relation.';
COMMENT ON COLUMN triage.host_tickets.ticket IS 'Key of the ticket as text; of several columns: their values as a JSON array.';
COMMENT ON COLUMN triage.host_tickets.case_id IS 'Its case; several tickets may have one case.';
COMMENT ON COLUMN triage.host_tickets.source_seq IS 'case_sources.seq that it is.';
COMMENT ON COLUMN triage.host_tickets.event_seq IS 'Event up to which the ticket shows the case; 0 = nothing yet.';
COMMENT ON COLUMN triage.host_tickets.shown IS 'What was last written: department, status, priority, due_at; NULL = nothing yet.';
COMMENT ON INDEX triage.host_tickets_case_idx IS 'Tickets of a case that changed.';

COMMENT ON TABLE triage.host_queue IS 'What is still to be done for tickets of attached tables; the timekeeper and tick() do it.';
COMMENT ON COLUMN triage.host_queue.queue_id IS 'Identity.';
COMMENT ON COLUMN triage.host_queue.relation IS 'bindings.relation.';
COMMENT ON COLUMN triage.host_queue.ticket IS 'Key of the ticket; NULL = payload tells.';
COMMENT ON COLUMN triage.host_queue.case_id IS 'The case; NULL = none yet.';
COMMENT ON COLUMN triage.host_queue.job IS 'take_in = the ticket is new | change = somebody changed it | show = its case changed.';
COMMENT ON COLUMN triage.host_queue.payload IS 'What is to be done: an event as drivers tell it, or a row for the driver {"table", "row", "old"}; NULL = read the ticket. May hold personal data.';
COMMENT ON COLUMN triage.host_queue.at IS 'When it was put here.';
COMMENT ON COLUMN triage.host_queue.tries IS 'Failures so far.';
COMMENT ON COLUMN triage.host_queue.retry_at IS 'When it is tried next.';
COMMENT ON COLUMN triage.host_queue.last_error IS 'Why it failed last; NULL = it has not.';
COMMENT ON INDEX triage.host_queue_retry_idx IS 'What is to be tried next.';
COMMENT ON SEQUENCE triage.host_queue_queue_id_seq IS 'Numbers jobs.';

COMMENT ON FUNCTION triage.bindings_changed() IS 'Statement trigger of triage.bindings: tells every session.';
COMMENT ON FUNCTION triage.host_trigger() IS
	'Row trigger that attach() puts on a host''s table: takes a new ticket in, carries out what a change means, shows the case in the ticket. Never raises an error of ours; what fails goes to triage.host_queue or triage.intake_errors. At most triage.host_timeout (2 s); past it the ticket is queued. A cancel by the user passes through.';
COMMENT ON FUNCTION triage.host_listens() IS
	'WHEN of the trigger that attach() makes: false while pg_triage itself writes in this session. Everybody may call it, for it is evaluated with the rights of whoever writes a row.';
COMMENT ON FUNCTION triage.host_doc(bigint, int) IS
	'How a case stands, as write functions of drivers get it: {"case_id", "number", "first", "department", "department_zh", "department_en", "lead_since", "due_at", "status", "priority" 1-4, "danger", "colour", "case_type", "type_zh", "type_en", "area_zh", "verb", "comment", "merged_into", "links": [{"ticket", "kind"}], "outcome", "inform"}; keys without a value are missing. due_at is when the matter must be resolved (else the latest running clock); comment = words for the ticket''s history since event since_event, 0 = the decision and its deadlines; inform = the result for the citizen, once; merged_into and links name tickets of the same table. NULL = no such case.';
COMMENT ON FUNCTION triage.kept_row(text, text[]) IS
	'Internal, for drivers: runs a statement ($1, $2, ... are the values, as text) with the caller''s rights, as EXECUTE would, but parses and plans it once a session. Returns the first row, which must be one column of type jsonb; NULL = no row, or the statement returns none. Errors: 42804 another column, 54023 more than 32 values, and the statement''s own.';
COMMENT ON FUNCTION triage.bind(regclass, text, jsonb, regclass[], interval, boolean) IS
	'attach() for a known server, called by attach_rt() and the like: kind = its driver (functions triage.KIND_read and KIND_write), triggers = the tables that tell of tickets (NULL = relation itself); mapping = {"channel", "hook", "key", "runs_as", "events": "insert" (no trigger on updates), ...} with whatever the driver keeps there. Other arguments, rows and errors as attach().';
COMMENT ON FUNCTION triage.attach(regclass, jsonb, interval, boolean) IS
	'Puts pg_triage under a ticket table (挂接工单表): new rows become cases, cases are shown in their rows, changes of rows become verbs. Returns what was checked and made: state ok | missing | created | problem. dry_run = only check. Attaching again replaces the mapping. backfill = take in open rows that old, by the timekeeper; bindings.backfill_done tells how far it is.
mapping: {"channel": code or {"column", "values", "default"}, "text": column or [column or {"column", "format": plain | html | quoted-printable | base64}, ...], "reporter", "contact", "area", "address", "case_type", "reference", "reported_at", "by": column, {"column", "values": {from: to}, "default"} or {"value"}, "reference_channel": code, "location": point column or [longitude, latitude], "attrs": {name: column}, "key": [column, ...], "filter", "open": [{"column", "value" | "not": v or [v, ...]} or {"column", "null": boolean}, ...], "write": {"department", "due", "status", "priority", "assignee", "number", "case_type", "comment": column or {"column", "values", "default", "name": code | zh | en}}, "changes": [{"column", "value": v or [v, ...], "verb", "department", "body", "reason", "outcome", "note"}, ...], "timezone", "hook": row | commit, "runs_as": role}. A value that is not among "values" and has no default leaves the column as it is. A reference that is a case''s number, or a reference of reference_channel, makes the ticket a further source of that case.
Errors: TR003 unknown column, channel or verb, TR004 what does not fit, 42501 missing privilege, 42809 no table; the hint says what to do. Who may: whoever may execute it and has TRIGGER on the table; it needs USAGE on schema triage too.
Source: extension/hosts/attach.c, mapping.h';
COMMENT ON FUNCTION triage.detach(regclass) IS
	'Takes pg_triage away from a table: trigger and binding go, the table stays as it is; cases and triage.host_tickets are kept. false = it was not attached. Error: TR002 it was attached by somebody else.';
COMMENT ON FUNCTION triage.retry_intake(bigint, int) IS
	'Tries again what could not be done for tickets of attached tables: the row of triage.intake_errors, NULL = the oldest max_rows of those that have not succeeded. Result and time stand in the row. Error: TR003 no such row, max_rows not between 1 and 1000000.';
COMMENT ON FUNCTION triage.host_problem(regclass) IS
	'Why an attached table no longer fits its mapping; NULL = it does, or it is not attached.';
COMMENT ON FUNCTION triage.health_hosts() IS 'The part of health() that tells about attached tables.';
