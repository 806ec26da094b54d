/*
 * Every change of a configuration table raises the rulebook's version once
 * per transaction, keeps the old rows, and tells every session.
 *
 * The digest does not depend on the order of changes: it is the sum of the
 * rows' digests, so two databases with the same rules have the same one.
 */

CREATE FUNCTION triage.invalidate_rulebook() RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_invalidate_rulebook';
COMMENT ON FUNCTION triage.invalidate_rulebook() IS
	'Tells every session at commit that its compiled rulebook is stale. Called by the configuration triggers.';

CREATE FUNCTION triage.is_own_xid(written xid) RETURNS boolean
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'triage_is_own_xid';
COMMENT ON FUNCTION triage.is_own_xid(xid) IS
	'Was a row with this xmin written by the present transaction or one of its subtransactions?';

-- 128 bits of the row's SHA-256, as a number, so that they can be summed
CREATE FUNCTION triage.rule_weight(relation text, rule jsonb) RETURNS numeric
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	RETURN (SELECT get_byte(h.d, 0) * 5192296858534827628530496329220096::numeric
				 + (('x' || substr(encode(h.d, 'hex'), 3, 14))::bit(56)::bigint)::numeric * 72057594037927936::numeric
				 + ('x' || substr(encode(h.d, 'hex'), 17, 14))::bit(56)::bigint
			FROM (SELECT sha256(convert_to(relation || rule::text, 'UTF8')) AS d) h);
COMMENT ON FUNCTION triage.rule_weight(text, jsonb) IS
	'The share of one configuration row in the rulebook''s digest: 120 bits of a SHA-256 as a number.';

CREATE FUNCTION triage.config_changed() RETURNS trigger
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	-- the digest is made of rows as text: one session's habits must not change it
	SET DateStyle = 'ISO, YMD' SET IntervalStyle = 'postgres' SET TimeZone = 'UTC' SET extra_float_digits = 1
AS $$
DECLARE
	modulus CONSTANT numeric := 340282366920938463463374607431768211456;	-- 2^128
	delta	numeric := 0;
	book	triage.rulebook;
	old_sum	numeric;
	hex		text;
	raised	boolean;
BEGIN
	-- one writer of rules at a time; the first makes the row, and of two first ones one waits for the other
	INSERT INTO triage.rulebook (version, digest, at)
		SELECT 1, '\x00000000000000000000000000000000', triage.clock() WHERE NOT EXISTS (SELECT FROM triage.rulebook)
		ON CONFLICT DO NOTHING;
	raised := FOUND;
	SELECT * INTO STRICT book FROM triage.rulebook b FOR UPDATE;
	IF NOT raised THEN
		-- this transaction's own version already?
		SELECT triage.is_own_xid(b.xmin) INTO raised FROM triage.rulebook b;
	END IF;
	IF NOT raised THEN
		book.version := book.version + 1;
	END IF;
	IF TG_OP IN ('UPDATE', 'DELETE') THEN
		INSERT INTO triage.rule_history (relation, version, row)
			SELECT TG_TABLE_NAME, book.version, to_jsonb(o) FROM old_rows o;
		SELECT delta - coalesce(sum(triage.rule_weight(TG_TABLE_NAME, to_jsonb(o))), 0) INTO delta FROM old_rows o;
	END IF;
	IF TG_OP IN ('UPDATE', 'INSERT') THEN
		SELECT delta + coalesce(sum(triage.rule_weight(TG_TABLE_NAME, to_jsonb(n))), 0) INTO delta FROM new_rows n;
	END IF;
	old_sum := ('x' || substr(encode(book.digest, 'hex'), 1, 14))::bit(56)::bigint::numeric * 4722366482869645213696::numeric
			 + ('x' || substr(encode(book.digest, 'hex'), 15, 14))::bit(56)::bigint::numeric * 65536
			 + ('x' || substr(encode(book.digest, 'hex'), 29, 4))::bit(16)::int;
	delta := mod(mod(old_sum + delta, modulus) + modulus, modulus);
	hex := lpad(to_hex(div(delta, 4722366482869645213696::numeric)::bigint), 14, '0')
		|| lpad(to_hex(mod(div(delta, 65536), 72057594037927936::numeric)::bigint), 14, '0')
		|| lpad(to_hex(mod(delta, 65536)::int), 4, '0');
	UPDATE triage.rulebook SET version = book.version, digest = decode(hex, 'hex'), at = triage.clock();
	PERFORM triage.invalidate_rulebook();
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION triage.config_changed() IS
	'Statement trigger of every configuration table: raises the rulebook version once per transaction, updates its digest, keeps old rows in rule_history, tells every session.';

DO $$
DECLARE
	t	text;
BEGIN
	FOREACH t IN ARRAY ARRAY['areas', 'area_names', 'departments', 'channels', 'case_types', 'terms', 'context_words', 'routes',
		'route_parties', 'calendars', 'calendar_hours', 'calendar_days', 'modes', 'mode_periods', 'policies', 'policy_steps', 'endpoints',
		'outcomes', 'repeat_rules', 'follow_ups', 'stock_phrases', 'rosters']
	LOOP
		EXECUTE format('CREATE TRIGGER config_insert AFTER INSERT ON triage.%I REFERENCING NEW TABLE AS new_rows'
			' FOR EACH STATEMENT EXECUTE FUNCTION triage.config_changed()', t);
		EXECUTE format('CREATE TRIGGER config_update AFTER UPDATE ON triage.%I REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'
			' FOR EACH STATEMENT EXECUTE FUNCTION triage.config_changed()', t);
		EXECUTE format('CREATE TRIGGER config_delete AFTER DELETE ON triage.%I REFERENCING OLD TABLE AS old_rows'
			' FOR EACH STATEMENT EXECUTE FUNCTION triage.config_changed()', t);
		EXECUTE format('CREATE TRIGGER config_truncate BEFORE TRUNCATE ON triage.%I'
			' FOR EACH STATEMENT EXECUTE FUNCTION triage.refuse_truncate()', t);
	END LOOP;
END
$$;

CREATE FUNCTION triage.store_image() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_store_image';
COMMENT ON FUNCTION triage.store_image() IS
	'Deferred trigger: when a change of the rules commits, stores the one value from which new sessions read all rules.';
CREATE CONSTRAINT TRIGGER store_image AFTER INSERT OR UPDATE ON triage.rulebook
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION triage.store_image();

/*
 * A restored dump fills the configuration tables one by one, so the row is
 * there when its own turn comes: it keeps the digest, which the tables
 * themselves made, and goes on from the dumped version.
 */
CREATE FUNCTION triage.restore_rulebook() RETURNS trigger
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	UPDATE triage.rulebook b SET version = greatest(b.version, NEW.version + 1);
	IF FOUND THEN
		RETURN NULL;
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION triage.restore_rulebook() IS
	'Row trigger of triage.rulebook: a dumped row that comes when the row exists raises its version instead.';
CREATE TRIGGER restore_rulebook BEFORE INSERT ON triage.rulebook
	FOR EACH ROW EXECUTE FUNCTION triage.restore_rulebook();

/*
 * Other hours or days make another calendar: its version rises, once in a
 * transaction, and the timekeeper moves the clocks that run by it.
 */
CREATE FUNCTION triage.calendar_changed() RETURNS trigger
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	codes	text[];
BEGIN
	-- what a dump's script sets first: a restore in parallel may bring calendars before their hours, which their dumped version counts already
	IF current_setting('row_security') = 'off' AND current_setting('check_function_bodies') = 'off' THEN
		RETURN NULL;
	END IF;
	IF TG_OP = 'INSERT' THEN
		SELECT array_agg(DISTINCT n.calendar) INTO codes FROM new_rows n;
	ELSIF TG_OP = 'DELETE' THEN
		SELECT array_agg(DISTINCT o.calendar) INTO codes FROM old_rows o;
	ELSE
		SELECT array_agg(DISTINCT c.code) INTO codes
			FROM (SELECT o.calendar FROM old_rows o UNION SELECT n.calendar FROM new_rows n) c(code);
	END IF;
	UPDATE triage.calendars c SET version = c.version + 1
		WHERE c.code = ANY (codes) AND NOT triage.is_own_xid(c.xmin);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION triage.calendar_changed() IS
	'Statement trigger of calendar_hours and calendar_days: raises the version of the calendars concerned, once per transaction; not while a dump is restored.';

DO $$
DECLARE
	t	text;
BEGIN
	FOREACH t IN ARRAY ARRAY['calendar_hours', 'calendar_days'] LOOP
		EXECUTE format('CREATE TRIGGER calendar_insert AFTER INSERT ON triage.%I REFERENCING NEW TABLE AS new_rows'
			' FOR EACH STATEMENT EXECUTE FUNCTION triage.calendar_changed()', t);
		EXECUTE format('CREATE TRIGGER calendar_update AFTER UPDATE ON triage.%I REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'
			' FOR EACH STATEMENT EXECUTE FUNCTION triage.calendar_changed()', t);
		EXECUTE format('CREATE TRIGGER calendar_delete AFTER DELETE ON triage.%I REFERENCING OLD TABLE AS old_rows'
			' FOR EACH STATEMENT EXECUTE FUNCTION triage.calendar_changed()', t);
	END LOOP;
END
$$;
