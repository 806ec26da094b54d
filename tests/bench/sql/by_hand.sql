/*
 * The floor: the very rows of a case of ours, written by hand in one statement
 * and without a thought, into copies of our tables with all their indexes,
 * checks and storage, but without our triggers.
 *
 *	hand.typical()		a case with the usual number of rows
 *	hand.statement(of, chosen)	that statement with the words of an existing
 *			case; the text and the place of each new case come from the rows of
 *			tx for which the second argument is true
 */
CREATE SCHEMA hand;

DO $$
DECLARE
	t	text;
	o	text[];
	c	record;
BEGIN
	FOREACH t IN ARRAY ARRAY['cases', 'case_sources', 'decisions', 'assignments', 'clocks', 'events', 'deliveries'] LOOP
		EXECUTE format('CREATE TABLE hand.%I (LIKE triage.%1$I INCLUDING ALL)', t);
		FOR c IN SELECT attname, attstattarget FROM pg_attribute WHERE attrelid = ('triage.' || t)::regclass AND attnum > 0 AND attstattarget >= 0 LOOP
			EXECUTE format('ALTER TABLE hand.%I ALTER %I SET STATISTICS %s', t, c.attname, c.attstattarget);
		END LOOP;
		SELECT reloptions INTO o FROM pg_class WHERE oid = ('triage.' || t)::regclass AND reloptions IS NOT NULL;
		CONTINUE WHEN NOT FOUND;
		EXECUTE format('ALTER TABLE hand.%I SET (%s)', t, array_to_string(o, ', '));
	END LOOP;
END
$$;

CREATE FUNCTION hand.typical() RETURNS bigint LANGUAGE sql AS $$
	WITH size AS (SELECT c.case_id, ARRAY[(SELECT count(*) FROM triage.assignments a WHERE a.case_id = c.case_id),
			(SELECT count(*) FROM triage.clocks k WHERE k.case_id = c.case_id),
			(SELECT count(*) FROM triage.deliveries d WHERE d.case_id = c.case_id)] AS rows
		FROM triage.cases c WHERE status = 'dispatched')
	SELECT max(case_id) FROM size WHERE rows = (SELECT mode() WITHIN GROUP (ORDER BY rows) FROM size)
$$;

-- A value of a row as it stands in the statement: what differs from case to case is taken from c.
CREATE FUNCTION hand.expression(name text, type text, value text, reported timestamptz) RETURNS text LANGUAGE sql AS $$
	SELECT CASE
		WHEN name IN ('case_id', 'area', 'body') AND value IS NOT NULL THEN 'c.' || name
		WHEN name = 'number' THEN format('%L || c.case_id', left(value, 9) || '00')
		WHEN name = 'contact' THEN $q$'138' || lpad((c.case_id % 100000)::text, 8, '0')$q$
		WHEN name = 'contact_key' THEN 'decode(md5(c.case_id::text), ''hex'')'
		WHEN name = 'delivery_id' THEN 'gen_random_uuid()'
		-- pgbench would take :false for a variable of its own
		WHEN name = 'payload' THEN quote_literal(replace(value, '":', '": '))
		WHEN name = 'pos' THEN $q$nextval('hand.events_pos_seq')$q$
		WHEN type = 'timestamp with time zone' AND value IS NOT NULL THEN format('now() + interval %L', value::timestamptz - reported)
		ELSE format('%L::%s', value, type) END
$$;

-- One row of the case as a SELECT from c, which stands for the case.
CREATE FUNCTION hand.one_row(t text, r jsonb, reported timestamptz) RETURNS text LANGUAGE sql AS $$
	SELECT 'SELECT ' || string_agg(hand.expression(attname, format_type(atttypid, NULL), r ->> attname, reported), ', ' ORDER BY attnum) || ' FROM c'
	FROM pg_attribute WHERE attrelid = ('hand.' || t)::regclass AND attnum > 0 AND NOT attisdropped
$$;

CREATE FUNCTION hand.rows(t text, of bigint, reported timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	selects	text;
BEGIN
	EXECUTE format('SELECT string_agg(hand.one_row($3, to_jsonb(r), $2), '' UNION ALL '') FROM triage.%I r WHERE case_id = $1', t)
		INTO selects USING of, reported, t;
	RETURN format('INSERT INTO hand.%I %s', t, selects);
END
$$;

CREATE FUNCTION hand.statement(of bigint, chosen text) RETURNS text LANGUAGE sql AS $$
	SELECT format('WITH c AS (SELECT nextval(''hand.cases_case_id_seq'') AS case_id, area, body FROM tx WHERE %s), ', chosen)
		|| string_agg(CASE WHEN t = 'events' THEN '' ELSE 'w' || n || ' AS (' END || hand.rows(t, of, reported_at)
			|| CASE WHEN t = 'events' THEN '' ELSE ')' END, CASE WHEN t = 'events' THEN ' ' ELSE ', ' END ORDER BY n) || ';'
	FROM unnest(ARRAY['cases', 'case_sources', 'decisions', 'assignments', 'clocks', 'deliveries', 'events']) WITH ORDINALITY u (t, n),
		triage.cases WHERE case_id = of
$$;
