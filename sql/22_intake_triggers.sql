/*
 * From row to case.  The name sorts behind ordinary trigger names, so that
 * an installation's own BEFORE triggers have set the row before it is read.
 */
CREATE FUNCTION triage.intake_before() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_intake_before';
COMMENT ON FUNCTION triage.intake_before() IS
	'Row trigger of triage.cases: normalises, places, classifies and routes the new row; writes nothing.';

CREATE FUNCTION triage.intake_after() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_intake_after';
COMMENT ON FUNCTION triage.intake_after() IS
	'Statement trigger of triage.cases: writes source, decision, assignments, clocks, event and deliveries of all new rows.';

CREATE TRIGGER zz_intake_before BEFORE INSERT ON triage.cases
	FOR EACH ROW EXECUTE FUNCTION triage.intake_before();
CREATE TRIGGER zz_intake_after AFTER INSERT ON triage.cases
	REFERENCING NEW TABLE AS new_cases
	FOR EACH STATEMENT EXECUTE FUNCTION triage.intake_after();

/*
 * Rows of a dump: the cases' set the hold, but a parallel restore may be done
 * with deliveries first, and what is committed may be sent.  pg_dump empties
 * the search path; nobody else does.
 */
CREATE FUNCTION triage.hold_restored() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO triage.local_state (key, value, at) VALUES ('hold', 'deliveries were loaded', clock_timestamp())
		ON CONFLICT (key) DO NOTHING;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION triage.hold_restored() IS
	'Statement trigger of triage.deliveries: a restore puts the database on hold, whichever table it loads first.';
CREATE TRIGGER hold_restored BEFORE INSERT ON triage.deliveries
	FOR EACH STATEMENT WHEN (pg_catalog.current_setting('search_path') IN ('', '""'))
	EXECUTE FUNCTION triage.hold_restored();
COMMENT ON TRIGGER hold_restored ON triage.deliveries IS 'Of rows that a restore loads; intake''s own writer fires no triggers here.';

-- history is appended to, never changed
CREATE FUNCTION triage.refuse_rewrite() RETURNS trigger
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION 'rows of "triage.%" are not changed or deleted', TG_TABLE_NAME
		USING ERRCODE = 'feature_not_supported',
			  DETAIL = 'They are the history of cases.',
			  HINT = 'Record what is new with a verb; it appends an event.';
END
$$;
COMMENT ON FUNCTION triage.refuse_rewrite() IS 'Trigger that refuses UPDATE and DELETE on tables that hold history.';

DO $$
DECLARE
	t	text;
BEGIN
	FOREACH t IN ARRAY ARRAY['events', 'decisions', 'clock_steps', 'clock_segments', 'rule_history']
	LOOP
		EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON triage.%I'
			' FOR EACH STATEMENT EXECUTE FUNCTION triage.refuse_rewrite()', t);
	END LOOP;
	FOREACH t IN ARRAY ARRAY['cases', 'case_refs', 'case_sources', 'decisions', 'assignments', 'assignment_staff', 'clocks', 'clock_segments',
		'clock_steps', 'events', 'deliveries', 'links', 'callbacks', 'evidence', 'corrections', 'rulings', 'quarantine', 'intake_errors', 'rule_history', 'rulebook']
	LOOP
		EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON triage.%I'
			' FOR EACH STATEMENT EXECUTE FUNCTION triage.refuse_truncate()', t);
	END LOOP;
END
$$;
