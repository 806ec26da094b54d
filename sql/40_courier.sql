/*
 * Operating the workers and the outbox.
 */

CREATE FUNCTION triage.wake_courier_at_commit() RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_wake_courier_at_commit';
COMMENT ON FUNCTION triage.wake_courier_at_commit() IS
	'Internal: the courier looks at its queue once this transaction has committed.';

CREATE FUNCTION triage.library_version() RETURNS text
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'triage_library_version';
COMMENT ON FUNCTION triage.library_version() IS
	'Version of the library that this session has loaded, for example 0.1.0; health() compares it with the extension''s.';

CREATE FUNCTION triage.worker_pid(kind text) RETURNS int
	LANGUAGE sql VOLATILE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT a.pid FROM pg_stat_activity a JOIN triage.local_state l ON l.key = worker_pid.kind AND l.value = a.pid::text
	WHERE a.datname = current_database() AND a.backend_type = 'pg_triage ' || worker_pid.kind
$$;
COMMENT ON FUNCTION triage.worker_pid(text) IS
	'Process id of this database''s timekeeper or courier (the argument); NULL = it does not run.';

CREATE FUNCTION triage.check_admin(operation text) RETURNS void
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	me	text := triage.actor();
BEGIN
	IF EXISTS (SELECT FROM triage.members)
		AND NOT EXISTS (SELECT FROM triage.members m WHERE m.role = me AND m.duty = 'admin' AND m.active)
		AND NOT triage.acts_as_owner()
	THEN
		RAISE EXCEPTION '% is not yours to do', check_admin.operation
			USING ERRCODE = 'TR002', DETAIL = format('It is up to administrators, which %s is not.', quote_ident(me)),
				  HINT = 'triage.members says who is: rows with duty admin. The owner of the extension and superusers may too.';
	END IF;
END
$$;
COMMENT ON FUNCTION triage.check_admin(text) IS
	'Internal: lets those pass who may operate the installation. While triage.members is empty that is whoever may execute the operation (the argument, its name); from then on members with duty admin, the owner of the tables and superusers. Error: TR002.';

-- ---- limits -------------------------------------------------------------------

CREATE FUNCTION triage.retime_clocks(policy text, dry_run boolean)
	RETURNS TABLE (case_id bigint, clock_id int, old_due timestamptz, new_due timestamptz)
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_reapply_policy';
COMMENT ON FUNCTION triage.retime_clocks(text, boolean) IS
	'Internal: the work of reapply_policy(), without asking who calls.';

CREATE FUNCTION triage.reapply_policy(policy text DEFAULT NULL, dry_run boolean DEFAULT true)
	RETURNS TABLE (case_id bigint, clock_id int, old_due timestamptz, new_due timestamptz)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
BEGIN
	PERFORM triage.check_admin('reapply_policy');
	RETURN QUERY SELECT r.case_id, r.clock_id, r.old_due, r.new_due FROM triage.retime_clocks(reapply_policy.policy, reapply_policy.dry_run) r;
END
$$;
COMMENT ON FUNCTION triage.reapply_policy(text, boolean) IS
	'重新计时: running clocks take over limits that were changed after they started, which they do not by themselves: clocks of this policy, or that it would time now; NULL = all. A row for each clock that moves, with its due time before and after; the clock keeps its start, steps that fired stay fired, one that was paused or extended is only brought forward; the history has an event retime. dry_run (the default) shows the same and changes nothing. Locks the cases it looks at until the transaction ends. For administrators. Errors: TR002, TR003 unknown policy.';

-- ---- workers ------------------------------------------------------------------

CREATE FUNCTION triage.start_workers() RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
BEGIN
	PERFORM triage.check_admin('start_workers');
	DELETE FROM triage.local_state l WHERE l.key IN ('hold', 'stopped');
	IF NOT current_setting('triage.workers')::boolean THEN
		RETURN false;
	END IF;
	IF triage.worker_pid('timekeeper') IS NULL OR triage.worker_pid('courier') IS NULL THEN
		PERFORM triage.start_workers_at_commit();
	END IF;
	PERFORM triage.wake_courier_at_commit();
	RETURN true;
END
$$;
COMMENT ON FUNCTION triage.start_workers() IS
	'Lets timekeeper and courier work: ends a hold (after a restore) or stop_workers(), and starts those that do not run once this transaction has committed. Returns false when triage.workers is off, so that none will run. Error: TR002 not an administrator.';

CREATE FUNCTION triage.keep_out_worker(kind int) RETURNS boolean
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_keep_out_worker';
COMMENT ON FUNCTION triage.keep_out_worker(int) IS
	'Internal: where no worker of this kind (1 = timekeeper, 2 = courier) of this database runs, keeps all out until the transaction ends; false = one runs.';

CREATE FUNCTION triage.stop_workers(wait boolean DEFAULT true) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	running	boolean := triage.worker_pid('timekeeper') IS NOT NULL OR triage.worker_pid('courier') IS NOT NULL;
BEGIN
	PERFORM triage.check_admin('stop_workers');
	INSERT INTO triage.local_state (key, value, at)
		VALUES ('stopped', 'by ' || triage.actor(), clock_timestamp())
		ON CONFLICT (key) DO UPDATE SET value = excluded.value, at = excluded.at;
	-- without waiting they see the row within two seconds of its commit
	IF stop_workers.wait THEN
		FOR nr IN 1 .. 2 LOOP
			-- one that is just starting can be told to go only once it is there to be seen
			WHILE NOT triage.keep_out_worker(nr) LOOP
				PERFORM pg_stat_clear_snapshot();
				PERFORM pg_terminate_backend(a.pid) FROM pg_stat_activity a
					WHERE a.datname = current_database() AND a.backend_type = 'pg_triage ' || (ARRAY['timekeeper', 'courier'])[nr];
				PERFORM pg_sleep(0.02);
			END LOOP;
		END LOOP;
	END IF;
	RETURN running;
END
$$;
COMMENT ON FUNCTION triage.stop_workers(boolean) IS
	'Stops timekeeper and courier of this database until start_workers(), also over restarts of the server. wait = true: they are gone when it returns; else they leave within two seconds of the commit. Deliveries under way go out again later under the same id. Returns whether any was running. Error: TR002 not an administrator.';

-- ---- deliveries ---------------------------------------------------------------

CREATE FUNCTION triage.set_secret(endpoint text, secret bytea, valid_until_old timestamptz DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
BEGIN
	PERFORM triage.check_admin('set_secret');
	-- one rotation of an endpoint at a time
	PERFORM FROM triage.endpoints e WHERE e.code = set_secret.endpoint FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'endpoint "%" does not exist', coalesce(set_secret.endpoint, 'null')
			USING ERRCODE = 'TR003', HINT = 'Insert it into triage.endpoints first.';
	END IF;
	IF set_secret.secret IS NULL THEN
		RAISE EXCEPTION 'argument "secret" must not be null'
			USING ERRCODE = 'TR003', HINT = 'Give 24 to 64 random bytes.';
	END IF;
	IF octet_length(set_secret.secret) NOT BETWEEN 24 AND 64 THEN
		RAISE EXCEPTION 'a secret has 24 to 64 bytes, not %', octet_length(set_secret.secret)
			USING ERRCODE = 'TR005', DETAIL = 'Standard Webhooks asks for that.',
				  HINT = 'The text "whsec_..." holds the bytes in base64: decode(substr(text, 7), ''base64'').';
	END IF;
	UPDATE triage.endpoint_secrets s
		SET valid_until = least(s.valid_until, coalesce(set_secret.valid_until_old, clock_timestamp()))
		WHERE s.endpoint = set_secret.endpoint;
	INSERT INTO triage.endpoint_secrets (endpoint, seq, secret)
		SELECT set_secret.endpoint, coalesce(max(s.seq), 0) + 1, set_secret.secret
		FROM triage.endpoint_secrets s WHERE s.endpoint = set_secret.endpoint;
	DELETE FROM triage.endpoint_secrets s WHERE s.endpoint = set_secret.endpoint AND s.valid_until <= clock_timestamp();
END
$$;
COMMENT ON FUNCTION triage.set_secret(text, bytea, timestamptz) IS
	'Sets the key that deliveries to an endpoint are signed with (HMAC-SHA256, Standard Webhooks): 24 to 64 bytes, never shown again. Until valid_until_old (real time) deliveries carry a signature of the old key too, the newest three at most; NULL = the old key ends now. An endpoint without a key gets unsigned deliveries. Errors: TR002 not an administrator, TR003 unknown endpoint or null, TR005 length.';

CREATE FUNCTION triage.delivery_to_change(delivery uuid) RETURNS triage.deliveries
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	found_row	triage.deliveries;
BEGIN
	SELECT * INTO found_row FROM triage.deliveries d WHERE d.delivery_id = delivery_to_change.delivery FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'delivery % does not exist', coalesce(delivery_to_change.delivery::text, 'null')
			USING ERRCODE = 'TR003', HINT = 'triage.deliveries lists them; delivery_id is what the receiver sees as webhook-id.';
	END IF;
	RETURN found_row;
END
$$;
COMMENT ON FUNCTION triage.delivery_to_change(uuid) IS 'Internal: the row of a delivery, locked. Error: TR003 unknown.';

CREATE FUNCTION triage.replay_delivery(delivery uuid) RETURNS triage.deliveries
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	d	triage.deliveries;
BEGIN
	PERFORM triage.check_admin('replay_delivery');
	d := triage.delivery_to_change(replay_delivery.delivery);
	IF d.done_at IS NULL THEN
		RAISE EXCEPTION 'delivery % is % already', replay_delivery.delivery, d.state
			USING ERRCODE = 'TR001', DETAIL = format('Its next attempt is due at %s.', d.next_attempt_at),
				  HINT = 'Only what is delivered, dead or cancelled can be sent again.';
	END IF;
	UPDATE triage.deliveries t
		SET state = 'queued', attempts = 0, next_attempt_at = triage.clock(), leased_until = NULL, done_at = NULL
		WHERE t.case_id = d.case_id AND t.delivery_id = d.delivery_id
		RETURNING t.* INTO d;
	PERFORM triage.wake_courier_at_commit();
	RETURN d;
END
$$;
COMMENT ON FUNCTION triage.replay_delivery(uuid) IS
	'Sends a delivery again that is delivered, dead or cancelled: same payload, same webhook-id, attempts counted anew. Returns the row. Errors: TR001 it is queued or under way, TR002 not an administrator, TR003 unknown.';

CREATE FUNCTION triage.replay_deliveries(endpoint text, since timestamptz, until timestamptz) RETURNS int
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	n	int;
BEGIN
	PERFORM triage.check_admin('replay_deliveries');
	IF replay_deliveries.since IS NULL OR replay_deliveries.until IS NULL THEN
		RAISE EXCEPTION 'argument "%" must not be null', CASE WHEN replay_deliveries.since IS NULL THEN 'since' ELSE 'until' END
			USING ERRCODE = 'TR003', HINT = 'Give the time in which the deliveries died, for example when the endpoint was down.';
	END IF;
	PERFORM FROM triage.endpoints e WHERE e.code = replay_deliveries.endpoint;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'endpoint "%" does not exist', coalesce(replay_deliveries.endpoint, 'null')
			USING ERRCODE = 'TR003', HINT = 'triage.endpoints lists them.';
	END IF;
	UPDATE triage.deliveries d
		SET state = 'queued', attempts = 0, next_attempt_at = triage.clock(), leased_until = NULL, done_at = NULL
		WHERE d.endpoint = replay_deliveries.endpoint AND d.state = 'dead' AND d.last_error IS NOT NULL
		AND d.done_at >= replay_deliveries.since AND d.done_at < replay_deliveries.until;
	GET DIAGNOSTICS n = ROW_COUNT;
	PERFORM triage.wake_courier_at_commit();
	RETURN n;
END
$$;
COMMENT ON FUNCTION triage.replay_deliveries(text, timestamptz, timestamptz) IS
	'Sends again what died for an endpoint from since up to, not including, until (deliveries.done_at, by triage.clock()). Returns how many. Errors: TR002 not an administrator, TR003 unknown endpoint or null.';

CREATE FUNCTION triage.cancel_delivery(delivery uuid, note text DEFAULT NULL) RETURNS triage.deliveries
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	d	triage.deliveries;
BEGIN
	PERFORM triage.check_admin('cancel_delivery');
	d := triage.delivery_to_change(cancel_delivery.delivery);
	IF d.state IN ('delivered', 'cancelled') THEN
		RAISE EXCEPTION 'delivery % is % already', cancel_delivery.delivery, d.state
			USING ERRCODE = 'TR001', HINT = 'Only what is queued, under way or dead can be cancelled.';
	END IF;
	UPDATE triage.deliveries t
		SET state = 'cancelled', done_at = triage.clock(), leased_until = NULL,
			last_error = concat_ws(': ', 'cancelled by ' || triage.actor(), cancel_delivery.note)
		WHERE t.case_id = d.case_id AND t.delivery_id = d.delivery_id
		RETURNING t.* INTO d;
	-- what waited behind it need not wait for its next attempt
	UPDATE triage.deliveries t SET next_attempt_at = triage.clock()
		WHERE t.case_id = d.case_id AND t.endpoint = d.endpoint AND t.state = 'queued' AND t.attempts = 0
		AND t.next_attempt_at > triage.clock();
	PERFORM triage.wake_courier_at_commit();
	RETURN d;
END
$$;
COMMENT ON FUNCTION triage.cancel_delivery(uuid, text) IS
	'Gives a delivery up that is queued, under way or dead; one under way may still arrive. note is kept in last_error. Later ones of the case go on. Returns the row. Errors: TR001 it is delivered or cancelled, TR002 not an administrator, TR003 unknown.';

-- ---- health -------------------------------------------------------------------

CREATE FUNCTION triage.health_workers() RETURNS TABLE (item text, state text, value text, hint text)
	LANGUAGE sql VOLATILE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'version', CASE WHEN e.extversion = triage.library_version() THEN 'ok' ELSE 'bad' END,
		format('extension %s, library %s', e.extversion, triage.library_version()),
		CASE WHEN e.extversion <> triage.library_version()
			THEN 'Run ALTER EXTENSION pg_triage UPDATE; restart the server if the library is the older one.' END
	FROM pg_extension e WHERE e.extname = 'pg_triage'
	UNION ALL
	SELECT 'launcher', CASE WHEN p.loaded AND a.pid IS NULL THEN 'bad' WHEN p.loaded THEN 'ok' ELSE 'notice' END,
		CASE WHEN a.pid IS NOT NULL THEN 'pid ' || a.pid WHEN p.loaded THEN 'does not run' ELSE 'not preloaded' END,
		CASE WHEN NOT p.loaded THEN 'Workers start with the first session that needs them after a restart. Add pg_triage to shared_preload_libraries to have them at once.'
			WHEN a.pid IS NULL THEN 'Look into the server log; max_worker_processes may be used up.' END
	FROM (SELECT 'pg_triage' = ANY (regexp_split_to_array(current_setting('shared_preload_libraries'), '[ ",]+')) AS loaded) p
		LEFT JOIN pg_stat_activity a ON a.backend_type = 'pg_triage launcher'
	UNION ALL
	SELECT k.kind, CASE WHEN w.pid IS NOT NULL THEN 'ok' WHEN s.wanted THEN 'bad' ELSE 'off' END,
		coalesce('pid ' || w.pid, 'does not run'),
		CASE WHEN w.pid IS NULL AND s.wanted THEN 'Call triage.start_workers(); if that does not help, look into the server log.' END
	FROM (VALUES ('timekeeper'), ('courier')) k(kind), LATERAL (SELECT triage.worker_pid(k.kind) AS pid) w,
		(SELECT current_setting('triage.workers')::boolean
			AND NOT EXISTS (SELECT FROM triage.local_state l WHERE l.key = 'stopped') AS wanted) s
	UNION ALL
	SELECT 'workers', 'off', 'triage.workers is off', 'Set it on in postgresql.conf and reload.'
	WHERE NOT current_setting('triage.workers')::boolean
	UNION ALL
	SELECT l.key, CASE l.key WHEN 'hold' THEN 'bad' ELSE 'off' END, format('%s, since %s', l.value, l.at),
		CASE l.key WHEN 'hold' THEN 'Nothing fires and nothing is sent. If the system that the data came from is no longer alive, call triage.start_workers().'
			ELSE 'Call triage.start_workers() to go on.' END
	FROM triage.local_state l WHERE l.key IN ('hold', 'stopped')
	UNION ALL
	SELECT 'format of ' || e.code, 'bad', format('%s is set aside, it %s', e.format, l.value),
		'CloudEvents go out instead. Mend the function, then set the endpoint''s format again: UPDATE triage.endpoints SET format = format WHERE code = ...'
	FROM triage.local_state l JOIN triage.endpoints e ON l.key = 'format:' || e.code
	UNION ALL
	SELECT 'clock', CASE WHEN c.moved THEN 'notice' ELSE 'ok' END,
		CASE WHEN c.moved THEN 'moved to ' || triage.clock() ELSE 'real' END,
		CASE WHEN c.moved THEN 'For tests and demonstrations: deliveries go to this machine only. Reset triage.now to go by the real clock.' END
	FROM (SELECT current_setting('triage.now') <> '' AS moved) c
$$;
COMMENT ON FUNCTION triage.health_workers() IS 'The part of health() that tells about workers and the clock.';

CREATE FUNCTION triage.health_deliveries() RETURNS TABLE (item text, state text, value text, hint text)
	LANGUAGE sql VOLATILE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
	WITH now AS MATERIALIZED (
		SELECT triage.clock() AS at
	), waiting AS (
		SELECT d.endpoint, count(*) FILTER (WHERE d.state = 'queued') AS queued, count(*) FILTER (WHERE d.state = 'leased') AS leased,
			min(d.created_at) AS oldest
		FROM triage.deliveries d WHERE d.done_at IS NULL GROUP BY d.endpoint
	), failed AS (
		SELECT d.endpoint, count(*) AS dead, max(d.done_at) AS last
		FROM triage.deliveries d WHERE d.done_at IS NOT NULL AND d.last_error IS NOT NULL AND d.state = 'dead' GROUP BY d.endpoint
	), both_of AS (
		SELECT coalesce(w.endpoint, f.endpoint) AS endpoint, coalesce(w.queued, 0) AS queued, coalesce(w.leased, 0) AS leased,
			w.oldest, coalesce(f.dead, 0) AS dead, f.last
		FROM waiting w FULL JOIN failed f ON f.endpoint = w.endpoint
	)
	SELECT 'networks', CASE WHEN current_setting('triage.allowed_networks') <> '' THEN 'ok'
			WHEN EXISTS (SELECT FROM triage.endpoints e WHERE e.active) THEN 'bad' ELSE 'notice' END,
		coalesce(nullif(current_setting('triage.allowed_networks'), ''), 'none allowed'),
		CASE WHEN current_setting('triage.allowed_networks') = ''
			THEN 'Nothing is sent. Set triage.allowed_networks to the networks of your receivers and reload.' END
	UNION ALL
	SELECT 'endpoint ' || coalesce(e.code, b.endpoint),
		CASE WHEN e.code IS NULL THEN 'bad'
			WHEN NOT e.active AND b.queued > 0 THEN 'bad'
			WHEN NOT e.active THEN 'off'
			WHEN now.at - b.oldest > interval '15 minutes' THEN 'bad'
			WHEN b.dead > 0 THEN 'warning'
			ELSE 'ok' END,
		concat_ws(', ', format('queued %s', coalesce(b.queued, 0)), format('leased %s', coalesce(b.leased, 0)),
			format('dead %s', coalesce(b.dead, 0)), 'oldest waits ' || date_trunc('second', now.at - b.oldest),
			regexp_replace(e.url, '[?#].*$', '')),
		CASE WHEN e.code IS NULL THEN 'It is not in triage.endpoints: insert it, or cancel its deliveries.'
			WHEN NOT e.active AND b.queued > 0 THEN 'The endpoint is not active: its deliveries wait.'
			WHEN now.at - b.oldest > interval '15 minutes' THEN 'See last_error in triage.deliveries; is the receiver up and in triage.allowed_networks?'
			WHEN b.dead > 0 THEN format('Last one died at %s. When the cause is gone: triage.replay_deliveries().', b.last) END
	FROM now CROSS JOIN (triage.endpoints e FULL JOIN both_of b ON b.endpoint = e.code)
$$;
COMMENT ON FUNCTION triage.health_deliveries() IS 'The part of health() that tells about endpoints; urls without their query strings.';

CREATE FUNCTION triage.health_cases() RETURNS TABLE (item text, state text, value text, hint text)
	LANGUAGE sql VOLATILE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'rulebook', CASE WHEN b.version IS NULL THEN 'bad' ELSE 'ok' END, coalesce('version ' || b.version, 'none'),
		CASE WHEN b.version IS NULL THEN 'Load a pack, for example SELECT * FROM triage.load_pack(''zhejiang'').' END
	FROM (SELECT max(r.version) AS version FROM triage.rulebook r) b
	UNION ALL
	SELECT 'quarantine', CASE WHEN q.n > 0 THEN 'bad' ELSE 'ok' END, q.n || ' cases',
		CASE WHEN q.n > 0 THEN 'Their due steps failed; see triage.quarantine for the reasons. They are tried again.' END
	FROM (SELECT count(*) AS n FROM triage.quarantine) q
	UNION ALL
	SELECT 'intake_errors', CASE WHEN i.n > 0 THEN 'warning' ELSE 'ok' END, i.n || ' to be tried again',
		CASE WHEN i.n > 0 THEN 'See triage.intake_errors; mend the cause, then call triage.retry_intake().' END
	FROM (SELECT count(*) AS n FROM triage.intake_errors e WHERE e.result IS DISTINCT FROM 'done') i
	UNION ALL
	SELECT 'steps', CASE WHEN s.late > interval '1 minute' THEN 'bad' WHEN s.late > interval '10 seconds' THEN 'warning' ELSE 'ok' END,
		CASE WHEN s.due IS NULL THEN 'none due' WHEN s.late > interval '0' THEN 'late by ' || s.late ELSE 'next at ' || s.due END,
		CASE WHEN s.late > interval '10 seconds' THEN 'Does the timekeeper run? Or call triage.tick() from a scheduler.' END
	FROM (SELECT m.due, triage.clock() - m.due AS late
		FROM (SELECT min(c.next_step_at) AS due FROM triage.clocks c WHERE c.next_step_at IS NOT NULL) m) s
	UNION ALL
	SELECT 'calendar ' || c.code, CASE WHEN d.last IS NULL OR d.last < (triage.clock() + interval '60 days')::date THEN 'warning' ELSE 'ok' END,
		coalesce('holidays known until ' || d.last, 'no holidays known'),
		CASE WHEN d.last IS NULL OR d.last < (triage.clock() + interval '60 days')::date
			THEN 'Add the holidays and make-up days to come to triage.calendar_days, or load a newer pack.' END
	FROM triage.calendars c LEFT JOIN LATERAL (SELECT max(y.day) AS last FROM triage.calendar_days y
		WHERE y.calendar = c.code AND y.active) d ON true
	WHERE c.active
	UNION ALL
	SELECT 'row_security', CASE WHEN g.wanted AND NOT g.there THEN 'bad' WHEN g.wanted THEN 'ok' ELSE 'notice' END,
		CASE WHEN g.there THEN 'on' ELSE 'off' END,
		CASE WHEN g.wanted AND NOT g.there THEN 'Its trigger was disabled while triage.members was loaded: DELETE and INSERT one of its rows again.'
			 WHEN NOT g.wanted THEN 'While triage.members is empty the privileges on tables and functions alone decide.' END
	FROM (SELECT EXISTS (SELECT 1 FROM triage.members) AS wanted,
		(SELECT k.relrowsecurity FROM pg_class k WHERE k.oid = 'triage.cases'::regclass) AS there) g
$$;
COMMENT ON FUNCTION triage.health_cases() IS 'The part of health() that tells about rules, cases and calendars.';
