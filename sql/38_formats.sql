/*
 * Payload formats: what a delivery's body looks like.
 *
 * endpoints.format is 'cloudevents' (built in) or the name schema.function of
 * a function (event jsonb) RETURNS text.  The event is the CloudEvents object
 * that the built-in format would send.
 */

CREATE FUNCTION triage.run_format(endpoint text, event jsonb) RETURNS text
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'triage_run_format';
COMMENT ON FUNCTION triage.run_format(text, jsonb) IS
	'Internal: the body of a delivery of this event to this endpoint, by endpoints.format. A configured function runs with the rights of endpoints.configured_by, in a security-restricted operation, read-only, search_path pg_catalog, one second at most. Errors: TR003 unknown endpoint, 42883 no such function (jsonb) returns text, 42704 the role is gone, 22004 it returned null, 54000 too slow, 55000 it is set aside because it caught its time limit and went on (until the endpoint''s format is set again; health() names it), and its own. Intake turns them into a warning and sends CloudEvents.';

-- who configured a format is who it runs as, so nobody may write another name there
CREATE FUNCTION triage.note_configured_by() RETURNS trigger
	LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF TG_OP = 'UPDATE' AND NEW.format = OLD.format AND NEW.configured_by IS NOT DISTINCT FROM OLD.configured_by THEN
		RETURN NEW;
	END IF;
	-- whoever's rights let the row be written, not who stands behind a definer's function or a cascade;
	-- a superuser who restores a dump keeps the names in it
	IF NEW.configured_by IS NULL
		OR (TG_OP = 'UPDATE' AND NEW.configured_by = OLD.configured_by)
		OR NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = current_user AND r.rolsuper)
	THEN
		NEW.configured_by := current_user;
	END IF;
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION triage.note_configured_by() IS
	'Row trigger of triage.endpoints: writes the current user, by whose rights the row is written, into configured_by when the row is made or its format changes. Only a superuser may give another name.';

CREATE TRIGGER configured_by BEFORE INSERT OR UPDATE ON triage.endpoints
	FOR EACH ROW EXECUTE FUNCTION triage.note_configured_by();

-- a format that was set aside gets another chance when somebody sets it, to the same name even
CREATE FUNCTION triage.trust_format() RETURNS trigger
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	DELETE FROM triage.local_state l WHERE l.key = 'format:' || OLD.code;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION triage.trust_format() IS
	'Row trigger of triage.endpoints: a format that was set aside is tried again once the endpoint''s format was set.';
CREATE TRIGGER trust_format AFTER UPDATE OF format OR DELETE ON triage.endpoints
	FOR EACH ROW EXECUTE FUNCTION triage.trust_format();
COMMENT ON TRIGGER trust_format ON triage.endpoints IS 'Sets aside no longer what was set anew.';

CREATE FUNCTION triage.format_plain(event jsonb) RETURNS text
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	RETURN concat_ws(E'\n',
		concat_ws(' ', format_plain.event #>> '{data,number}', substr(format_plain.event ->> 'type', length('pg_triage.') + 1),
			format_plain.event ->> 'time'),
		concat_ws(' ', coalesce(format_plain.event #>> '{data,case_type_zh}', format_plain.event #>> '{data,case_type}'),
			'U' || (format_plain.event #>> '{data,priority}'), format_plain.event #>> '{data,status}'),
		concat_ws(' ', coalesce(format_plain.event #>> '{data,area_zh}', format_plain.event #>> '{data,area}'),
			format_plain.event #>> '{data,address}'),
		nullif(format_plain.event #>> '{data,body}', ''))
		|| E'\n';
COMMENT ON FUNCTION triage.format_plain(jsonb) IS
	'A payload format in a few lines of text, for receivers that only show messages (短信, group chats), and an example of how to write one: event is the CloudEvents object of the built-in format. Use: UPDATE triage.endpoints SET format = ''triage.format_plain''.';
