/*
 * Rule packs: rules that come as a set, from files or as a JSON document.
 *
 * Source: extension/rulebook/pack.c reads files and checks single rows; here
 * rows are compared with the tables and written; 37_lint.sql checks them together.
 *
 * Whose row is it?  The column "pack" says.  A pack changes its own rows only:
 * a row with the same key that belongs to the installation itself (pack is
 * null) or to another pack wins, is left alone and reported as 'kept'.  So an
 * installation that wants to differ from a pack sets pack to null together
 * with its change.  What a row of a document does not name stays as it is in
 * the table ("endpoint" of a department that a pack brought), apart from
 * "active", which means true when it is not named.
 */

-- ---- parts written in C -------------------------------------------------------

CREATE FUNCTION triage.require_admin() RETURNS void
	LANGUAGE c STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'triage_require_admin';
COMMENT ON FUNCTION triage.require_admin() IS
	'Returns when the actor is a superuser or a member of the role that owns the rules; else TR002.
Source: extension/rulebook/pack.c';

CREATE FUNCTION triage.pack_tables(pack text) RETURNS SETOF text
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'triage_pack_tables';
COMMENT ON FUNCTION triage.pack_tables(text) IS
	'Names of the files of an installed pack, without ".csv".  Reads SHAREDIR/extension/pg_triage/<pack> only.
Errors: TR002 not an administrator; TR003 no such pack, or no name of one.
Source: extension/rulebook/pack.c';

CREATE FUNCTION triage.pack_rows(pack text, relation text) RETURNS TABLE (line int, "row" jsonb)
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'triage_pack_rows';
COMMENT ON FUNCTION triage.pack_rows(text, text) IS
	'Rows of one CSV file of an installed pack, each with the line it starts on.  The first line names columns of the table.
Values are texts, null for empty cells; lists ("a|b") are arrays.  A file that is not there has no rows; empty lines are passed over.
Errors: TR002 not an administrator; TR003 no name of a pack or table; TR004 with file and line: unknown column, another number of cells, no CSV, not UTF-8.
Source: extension/rulebook/pack.c';

CREATE FUNCTION triage.check_rows(relation text, rows jsonb, complete boolean, pack text, in_file boolean, numbers int[]) RETURNS void
	LANGUAGE c STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'triage_check_rows';
COMMENT ON FUNCTION triage.check_rows(text, jsonb, boolean, text, boolean, int[]) IS
	'Returns when the rows, a JSON array of objects, fit the table: columns, kinds of JSON, types; with complete also NOT NULL, checks and conditions.
Errors: TR004 for the first broken row, as refuse_row().
Source: extension/rulebook/pack.c';

CREATE FUNCTION triage.refuse_row(pack text, relation text, number int, in_file boolean, "row" jsonb, reason text, hint text) RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'triage_refuse_row';
COMMENT ON FUNCTION triage.refuse_row(text, text, int, boolean, jsonb, text, text) IS
	'Raises TR004: pack "zhejiang": terms.csv line 17: <reason>, or terms row 17 of a document; the row in DETAIL.
Source: extension/rulebook/pack.c';

-- ---- the tables -----------------------------------------------------------------

CREATE FUNCTION triage.rule_tables(
		OUT relation text, OUT keys text[], OUT columns text[], OUT default_columns text[], OUT defaults text[])
	RETURNS SETOF record
	LANGUAGE sql STABLE PARALLEL SAFE ROWS 16
	SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
	SELECT c.relname::text,
		   (SELECT array_agg(a.attname::text ORDER BY array_position(i.indkey::int2[], a.attnum))
			FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
			WHERE i.indrelid = c.oid AND i.indisprimary),
		   x.columns, x.default_columns, x.defaults
	FROM pg_class c
	JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgname = 'config_insert'
	CROSS JOIN LATERAL (
		SELECT array_agg(a.attname::text ORDER BY a.attnum) AS columns,
			   array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attnotnull AND a.atthasdef) AS default_columns,
			   array_agg(pg_get_expr(d.adbin, d.adrelid) ORDER BY a.attnum) FILTER (WHERE a.attnotnull AND a.atthasdef) AS defaults
		FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) x
	WHERE c.relnamespace = 'triage'::regnamespace AND x.columns @> ARRAY['pack', 'active']
	ORDER BY c.oid;
END;
COMMENT ON FUNCTION triage.rule_tables() IS
	'The tables whose rows packs bring: those of this schema with the trigger config_insert and the columns pack and active, in the order they were made.
Key columns, all columns, and columns that are NOT NULL with a default, with the default''s expression.';

CREATE FUNCTION triage.rule_code(alias text, keys text[]) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	RETURN (SELECT format('concat_ws(''/'', %s)', string_agg(format('(%s).%I', rule_code.alias, k.name), ', ' ORDER BY k.n))
			FROM unnest(rule_code.keys) WITH ORDINALITY k (name, n));
COMMENT ON FUNCTION triage.rule_code(text, text[]) IS
	'SQL text of the expression by which messages name a row: its key''s values joined with "/".  alias is SQL text, keys are column names.';

-- ---- applying -------------------------------------------------------------------

CREATE FUNCTION triage.write_packs(rows jsonb, pack text, lines int[]) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	in_file	boolean := lines IS NOT NULL;
	twice	int;
	changes	jsonb;
BEGIN
	PERFORM triage.check_rows('packs', rows, false, pack, in_file, lines);
	PERFORM triage.check_rows('packs', jsonb_agg(r.value || jsonb_build_object('loaded_at', triage.clock()) ORDER BY r.n), true,
							  pack, in_file, lines)
		FROM jsonb_array_elements(rows) WITH ORDINALITY r (value, n);
	SELECT min(x.n) INTO twice
		FROM (SELECT r.n, row_number() OVER (PARTITION BY r.value ->> 'code' ORDER BY r.n) AS k
			  FROM jsonb_array_elements(rows) WITH ORDINALITY r (value, n)) x
		WHERE x.k > 1;
	IF twice IS NOT NULL THEN
		PERFORM triage.refuse_row(pack, 'packs', coalesce(lines[twice], twice), in_file, rows -> (twice - 1),
								  'a pack with this code stands above', 'Leave one of the two out.');
	END IF;

	WITH new AS (
		INSERT INTO triage.packs AS p (code, version, zh, en, loaded_at, note)
			SELECT r.code, r.version, r.zh, r.en, triage.clock(), r.note
			FROM jsonb_populate_recordset(NULL::triage.packs, rows) r
		ON CONFLICT (code) DO UPDATE
			SET version = excluded.version, zh = excluded.zh, en = excluded.en, loaded_at = excluded.loaded_at, note = excluded.note
			WHERE (p.version, p.zh, p.en, p.note) IS DISTINCT FROM (excluded.version, excluded.zh, excluded.en, excluded.note)
		RETURNING p.*
	), pair AS (
		-- the table as it was when the statement began
		SELECT n.code, to_jsonb(o) - 'loaded_at' AS was, to_jsonb(n) - 'loaded_at' AS will
		FROM new n LEFT JOIN triage.packs o ON o.code = n.code
	)
	SELECT jsonb_agg(jsonb_build_object('item', 'packs', 'code', x.code, 'change', CASE WHEN x.was IS NULL THEN 'insert' ELSE 'update' END,
				'detail', CASE WHEN x.was IS NULL THEN jsonb_build_object('will', x.will) ELSE
					(SELECT jsonb_build_object('was', jsonb_object_agg(w.key, x.was -> w.key), 'will', jsonb_object_agg(w.key, w.value))
					 FROM jsonb_each(x.will) w WHERE w.value IS DISTINCT FROM x.was -> w.key) END) ORDER BY x.code)
		INTO changes FROM pair x;
	RETURN coalesce(changes, '[]');
END
$$;
COMMENT ON FUNCTION triage.write_packs(jsonb, text, int[]) IS
	'Part of write_rules(): the packs themselves.';

CREATE FUNCTION triage.write_table(t record, rows jsonb, pack text, mode text, lines int[]) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	in_file	boolean := lines IS NOT NULL;
	fill	text;
	matches	text;
	key_values	text;
	found	record;
BEGIN
	PERFORM triage.check_rows(t.relation, rows, false, pack, in_file, lines);
	IF mode = 'own' AND rows = '[]' THEN
		RETURN '[]';
	END IF;

	-- values for columns that must have one; a calendar's version never goes back
	SELECT string_agg(format('%L, CASE WHEN %s END', d.name,
			CASE WHEN t.relation = 'calendars' AND d.name = 'version' THEN
					format('(m.was ->> %1$L)::int > coalesce((m.row ->> %1$L)::int, 0) THEN m.was -> %1$L'
						   ' WHEN m.row ->> %1$L IS NULL THEN to_jsonb(%2$s)', d.name, d.expr)
				 WHEN d.name = 'active' THEN format('m.row ->> %L IS NULL THEN to_jsonb(%s)', d.name, d.expr)
				 ELSE format('m.row ->> %1$L IS NULL AND (m.was IS NULL OR m.row ? %1$L) THEN to_jsonb(%2$s)', d.name, d.expr)
			END), ', ')
		INTO fill FROM unnest(t.default_columns, t.defaults) d (name, expr);
	SELECT string_agg(format('(g.typed).%1$I = e.%1$I', k.name), ' AND '), string_agg(format('(g.typed).%I', k.name), ', ')
		INTO matches, key_values FROM unnest(t.keys) k (name);

	EXECUTE format($q$
		WITH given AS MATERIALIZED (
			SELECT g.n::int AS n, g.row, typed
			FROM jsonb_array_elements($1) WITH ORDINALITY g (row, n), LATERAL jsonb_populate_record(NULL::triage.%1$I, g.row) typed
		), matched AS MATERIALIZED (
			SELECT g.n, g.row, e AS old, to_jsonb(e) AS was, e.pack AS owner,
				   CASE WHEN g.n IS NULL THEN %2$s ELSE %3$s END AS code,
				   first_value(g.n) OVER (PARTITION BY %7$s ORDER BY g.n) AS first_n
			FROM given g FULL JOIN triage.%1$I e ON %4$s
			WHERE g.n IS NOT NULL OR e.active AND ($3 = 'whole' OR $3 = 'pack' AND e.pack = $2)
		), compared AS MATERIALIZED (
			SELECT m.n, m.code, m.owner, m.was, m.row,
				   CASE WHEN m.n IS NULL THEN m.was || '{"active": false}'
						ELSE to_jsonb(jsonb_populate_record(m.old, m.row
							|| jsonb_build_object('pack', CASE WHEN $3 = 'whole' THEN m.row -> 'pack' ELSE to_jsonb($2) END)
							|| jsonb_strip_nulls(jsonb_build_object(%5$s)))) END AS will,
				   m.first_n
			FROM matched m
		), judged AS MATERIALIZED (
			SELECT c.*,
				   CASE WHEN c.was IS NULL THEN 'insert'
						WHEN $3 = 'pack' AND c.owner IS DISTINCT FROM $2 THEN 'kept'
						WHEN c.will = c.was THEN 'same'
						WHEN (c.was -> 'active')::boolean AND NOT (c.will -> 'active')::boolean THEN 'retire'
						ELSE 'update' END AS change
			FROM compared c
		)
		SELECT jsonb_agg(j.will ORDER BY j.n) FILTER (WHERE j.change IN ('insert', 'update', 'retire')) AS wills,
			   array_agg(coalesce(($4)[j.n], j.n) ORDER BY j.n) FILTER (WHERE j.change IN ('insert', 'update', 'retire')) AS numbers,
			   min(j.n) FILTER (WHERE j.n > j.first_n) AS twice,
			   (array_agg(j.first_n ORDER BY j.n) FILTER (WHERE j.n > j.first_n))[1] AS first_n,
			   min(j.n) FILTER (WHERE $3 <> 'whole' AND j.row ? 'pack' AND j.row ->> 'pack' IS DISTINCT FROM $2) AS stray,
			   min(j.n) FILTER (WHERE $3 = 'whole' AND j.row ->> 'pack' IS NOT NULL
								AND NOT EXISTS (SELECT FROM triage.packs p WHERE p.code = j.row ->> 'pack')) AS unknown,
			   jsonb_agg(jsonb_build_object('item', %6$L, 'code', j.code, 'change', j.change, 'detail',
					CASE WHEN j.change = 'insert' THEN jsonb_build_object('will', jsonb_strip_nulls(j.will) - 'pack')
						 ELSE CASE WHEN j.change = 'kept' THEN jsonb_build_object('pack', j.owner) ELSE '{}' END ||
							 (SELECT coalesce(jsonb_build_object('was', jsonb_object_agg(w.key, j.was -> w.key),
																 'will', jsonb_object_agg(w.key, w.value)), '{}')
							  FROM jsonb_each(j.will) w
							  WHERE w.value IS DISTINCT FROM j.was -> w.key AND (w.key <> 'pack' OR j.change <> 'kept')
							  HAVING count(*) > 0) END) ORDER BY j.code COLLATE "C") FILTER (WHERE j.change <> 'same') AS changes
		FROM judged j $q$,
		t.relation, triage.rule_code('e', t.keys), triage.rule_code('g.typed', t.keys), matches, fill, t.relation, key_values)
		INTO found USING rows, pack, mode, lines;

	IF found.stray IS NOT NULL THEN
		PERFORM triage.refuse_row(pack, t.relation, coalesce(lines[found.stray], found.stray), in_file, rows -> (found.stray - 1),
			CASE WHEN pack IS NULL THEN 'column "pack": a document without "pack" or "packs" holds the installation''s own rows'
				 ELSE 'column "pack": the row is not of this pack' END, 'Leave the column out.');
	ELSIF found.unknown IS NOT NULL THEN
		PERFORM triage.refuse_row(pack, t.relation, found.unknown, in_file, rows -> (found.unknown - 1),
			format('column "pack": there is no pack "%s"', rows -> (found.unknown - 1) ->> 'pack'), 'Add it under "packs".');
	END IF;
	PERFORM triage.check_rows(t.relation, found.wills, true, pack, in_file, found.numbers);
	IF found.twice IS NOT NULL THEN
		PERFORM triage.refuse_row(pack, t.relation, coalesce(lines[found.twice], found.twice), in_file, rows -> (found.twice - 1),
			format('the key (%s) is that of %s %s', array_to_string(t.keys, ', '), CASE WHEN in_file THEN 'line' ELSE 'row' END,
				   coalesce(lines[found.first_n], found.first_n)), 'Leave one of the two out.');
	END IF;

	-- the statement triggers fire even for no rows, and would raise the version
	IF found.wills IS NOT NULL THEN
		EXECUTE format('INSERT INTO triage.%1$I (%2$s) SELECT %2$s FROM jsonb_populate_recordset(NULL::triage.%1$I, $1) r'
			' ON CONFLICT (%3$s) DO UPDATE SET %4$s',
			t.relation,
			(SELECT string_agg(quote_ident(c.name), ', ') FROM unnest(t.columns) c (name)),
			(SELECT string_agg(quote_ident(k.name), ', ') FROM unnest(t.keys) k (name)),
			(SELECT string_agg(format('%1$I = excluded.%1$I', c.name), ', ') FROM unnest(t.columns) c (name) WHERE c.name <> ALL (t.keys)))
			USING found.wills;
	END IF;
	RETURN coalesce(found.changes, '[]');
END
$$;
COMMENT ON FUNCTION triage.write_table(record, jsonb, text, text, int[]) IS
	'Part of write_rules(): the rows of one table (t = its row of rule_tables()), compared and then written in one statement.';

CREATE FUNCTION triage.write_rules(doc jsonb, lines jsonb) RETURNS jsonb
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	-- compiling the statements costs more than running them
	SET jit = off
	-- values are compared and read back as JSON
	SET DateStyle = 'ISO, YMD'
	SET IntervalStyle = 'postgres'
	SET extra_float_digits = 1
AS $$
#variable_conflict error
DECLARE
	mode	text := CASE WHEN doc ? 'packs' THEN 'whole' WHEN doc ? 'pack' THEN 'pack' ELSE 'own' END;
	pack	text := CASE WHEN mode = 'pack' THEN doc -> 'pack' ->> 'code' END;
	known	text[];
	unknown	text;
	tables	record;
	changes	jsonb := '[]';
	broken	record;
	numbers	int[];
BEGIN
	SELECT array_agg(r.relation) INTO known FROM triage.rule_tables() r;
	SELECT min(k.key) INTO unknown FROM jsonb_object_keys(doc) k (key) WHERE k.key <> ALL (known || '{pack,packs}'::text[]);
	IF unknown IS NOT NULL OR doc ?& '{pack,packs}' THEN
		RAISE EXCEPTION '%', CASE WHEN unknown IS NULL THEN 'rules: the document has both "pack" and "packs"'
								  ELSE format('rules: there is no table "%s"', unknown) END
			USING ERRCODE = 'TR004', DETAIL = 'Nothing was changed.',
				  HINT = format('A document has the keys pack (or packs), %s.', array_to_string(known, ', '));
	END IF;

	-- one at a time; intake goes on with the old rules meanwhile
	LOCK TABLE triage.packs IN SHARE ROW EXCLUSIVE MODE;
	IF mode <> 'own' THEN
		changes := triage.write_packs(CASE mode WHEN 'whole' THEN doc -> 'packs' ELSE jsonb_build_array(doc -> 'pack') END, pack,
									  CASE WHEN lines IS NOT NULL THEN ARRAY(SELECT l.n::int FROM jsonb_array_elements_text(lines -> 'packs') l (n)) END);
	END IF;
	FOR tables IN SELECT * FROM triage.rule_tables() LOOP
		numbers := NULL;
		IF lines IS NOT NULL THEN
			numbers := ARRAY(SELECT l.n::int FROM jsonb_array_elements_text(coalesce(lines -> tables.relation, '[]')) l (n));
		END IF;
		changes := changes || triage.write_table(tables, coalesce(doc -> tables.relation, '[]'), pack, mode, numbers);
	END LOOP;

	IF changes @? '$[*] ? (@.change != "kept")' THEN
		-- the first row in the document's order that is wrong beside the others
		FOR tables IN
			SELECT r.*, f.codes FROM triage.rule_tables() r
			JOIN (SELECT e.item, array_agg(e.code) AS codes FROM triage.rule_errors() e WHERE e.severity = 'error' GROUP BY e.item) f
				ON f.item = r.relation
			WHERE doc ? r.relation
		LOOP
			EXECUTE format('SELECT g.n::int AS n, g.row, %2$s AS code'
				' FROM jsonb_array_elements($1) WITH ORDINALITY g (row, n), LATERAL jsonb_populate_record(NULL::triage.%1$I, g.row) typed'
				' JOIN triage.%1$I e ON %2$s = %3$s AND ($3 <> ''pack'' OR e.pack = $4)'
				' WHERE %2$s = ANY ($2) ORDER BY g.n LIMIT 1',
				tables.relation, triage.rule_code('typed', tables.keys), triage.rule_code('e', tables.keys))
				INTO broken USING doc -> tables.relation, tables.codes, mode, pack;
			IF broken.n IS NOT NULL THEN
				PERFORM triage.refuse_row(pack, tables.relation, coalesce((lines -> tables.relation -> (broken.n - 1))::int, broken.n),
										  lines IS NOT NULL, broken.row, e.message, e.hint)
					FROM triage.rule_errors() e
					WHERE e.severity = 'error' AND e.item = tables.relation AND e.code = broken.code
					LIMIT 1;
			END IF;
		END LOOP;
		UPDATE triage.packs p SET loaded_at = triage.clock() WHERE p.code = pack;
	END IF;
	RETURN changes;
END
$$;
COMMENT ON FUNCTION triage.write_rules(jsonb, jsonb) IS
	'Applies a document of rules and returns the changes as a JSON array, or raises TR004.  lines: {"terms": [2, 3, ...]} when the rows come from files.
Catches no error, so that all is one (sub)transaction and the rulebook''s version rises once.  Part of apply_pack() and load_pack().';

CREATE FUNCTION triage.run_rules(doc jsonb, lines jsonb, dry_run boolean)
	RETURNS TABLE (item text, code text, change text, detail jsonb)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	changes	jsonb;
BEGIN
	IF dry_run THEN
		-- a dry run does everything and takes it back: it finds what a real one would
		BEGIN
			changes := triage.write_rules(doc, lines);
			RAISE EXCEPTION USING ERRCODE = 'TRDRY', MESSAGE = 'dry run';
		EXCEPTION WHEN SQLSTATE 'TRDRY' THEN
			NULL;
		END;
	ELSE
		changes := triage.write_rules(doc, lines);
	END IF;
	RETURN QUERY SELECT c.* FROM jsonb_to_recordset(changes) c (item text, code text, change text, detail jsonb);
END
$$;
COMMENT ON FUNCTION triage.run_rules(jsonb, jsonb, boolean) IS
	'write_rules(), in a dry run taken back.  Part of apply_pack() and load_pack().';

CREATE FUNCTION triage.apply_pack(doc jsonb, dry_run boolean DEFAULT true)
	RETURNS TABLE (item text, code text, change text, detail jsonb)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
BEGIN
	PERFORM triage.require_admin();
	IF doc IS NULL OR dry_run IS NULL THEN
		RAISE EXCEPTION 'argument "%" must not be null', CASE WHEN doc IS NULL THEN 'doc' ELSE 'dry_run' END
			USING ERRCODE = 'TR003', DETAIL = 'It says what to apply.', HINT = 'See the comment on function triage.apply_pack.';
	END IF;
	IF jsonb_typeof(doc) <> 'object' THEN
		RAISE EXCEPTION 'rules: the document must be an object, not %', jsonb_typeof(doc)
			USING ERRCODE = 'TR004', DETAIL = 'Nothing was changed.',
				  HINT = 'For instance {"pack": {"code": "ours", "version": "1", "zh": "...", "en": "..."}, "terms": [{"case_type": ...}]}.';
	END IF;
	RETURN QUERY SELECT r.* FROM triage.run_rules(doc, NULL, dry_run) r;
END
$$;
COMMENT ON FUNCTION triage.apply_pack(jsonb, boolean) IS
	'Applies a document of rules, all of it or nothing; dry_run (the default) only shows what would change.
Document: an object whose keys are tables, each with an array of rows: {"pack": {"code", "version", "zh", "en", "note"}, "areas": [...], "terms": [{"case_type": "N101", "kind": "include", "term": "..."}], ...}.
With "pack" it holds all rows of this pack: those it no longer names are retired; rows of the same key that belong to the installation itself (pack is null) or to another pack win and are left alone.
With "packs" (an array) it is a whole rulebook as dump_pack() gives it: rows name their pack themselves, everything it does not name is retired.
With neither it adds to and changes the installation''s own rows, taking over those of packs, and retires nothing but rows with "active": false.
A column that a row does not name keeps its value (a new row: the default), "active" means true; null in a column that must have a value is its default.
Returns a row per difference: item = table, code = key joined with "/", change = insert | update | retire | kept; detail = {"was": {...}, "will": {...}} with the columns that differ, for kept rows also whose row won ("pack").
Errors: TR002 not an administrator; TR003 an argument is null; TR004 the first broken row, as pack "ours": terms row 17: <reason>, the row in DETAIL.';

CREATE FUNCTION triage.load_pack(pack text, dry_run boolean DEFAULT false)
	RETURNS TABLE (item text, code text, change text, detail jsonb)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	files	text[];
	file	text;
	rows	jsonb;
	numbers	jsonb;
	doc		jsonb := '{}';
	lines	jsonb := '{}';
BEGIN
	PERFORM triage.require_admin();
	IF pack IS NULL OR dry_run IS NULL THEN
		RAISE EXCEPTION 'argument "%" must not be null', CASE WHEN pack IS NULL THEN 'pack' ELSE 'dry_run' END
			USING ERRCODE = 'TR003', DETAIL = 'It says what to load.', HINT = 'For instance triage.load_pack(''zhejiang'').';
	END IF;
	files := ARRAY(SELECT f.name FROM triage.pack_tables(pack) f (name) ORDER BY f.name COLLATE "C");
	SELECT min(f.name) INTO file FROM unnest(files) f (name)
		WHERE f.name <> 'packs' AND NOT EXISTS (SELECT FROM triage.rule_tables() t WHERE t.relation = f.name);
	IF file IS NOT NULL THEN
		PERFORM triage.refuse_row(pack, file, 0, true, NULL, format('there is no table "%s"', file),
								  'Rename the file to the table whose rows it holds, or remove it.');
	END IF;

	FOREACH file IN ARRAY ARRAY['packs'] || files LOOP
		CONTINUE WHEN doc ? file;
		SELECT coalesce(jsonb_agg(r."row" ORDER BY r.line), '[]'), coalesce(jsonb_agg(r.line ORDER BY r.line), '[]')
			INTO rows, numbers FROM triage.pack_rows(pack, file) r;
		doc := doc || jsonb_build_object(file, rows);
		lines := lines || jsonb_build_object(file, numbers);
	END LOOP;
	IF jsonb_array_length(doc -> 'packs') <> 1 OR doc #>> '{packs,0,code}' IS DISTINCT FROM pack THEN
		PERFORM triage.refuse_row(pack, 'packs', 0, true, doc #> '{packs,0}', format('it must hold one row, with code "%s"', pack),
								  'The file says what pack this is: code,version,zh,en,note.');
	END IF;
	doc := (doc - 'packs') || jsonb_build_object('pack', doc #> '{packs,0}');
	RETURN QUERY SELECT r.* FROM triage.run_rules(doc, lines, dry_run) r;
END
$$;
COMMENT ON FUNCTION triage.load_pack(text, boolean) IS
	'Loads an installed rule pack, all of it or nothing: the CSV files of SHAREDIR/extension/pg_triage/<pack>, one a table, named after it; packs.csv says what pack it is.
The first line of a file names columns; empty cells are null, lists are a|b.  Other packs and changes go in with apply_pack(jsonb).
Rows and results are those of apply_pack() with a document that has "pack": rows that the pack no longer brings are retired, rows of the installation itself win.
Loading the same pack again changes nothing and leaves the rulebook''s version as it is.
Errors: TR002 not an administrator; TR003 no such pack; TR004 the first broken row, as pack "zhejiang": terms.csv line 17: <reason>, the row in DETAIL.';

CREATE FUNCTION triage.dump_pack(pack text DEFAULT NULL) RETURNS jsonb
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	SET jit = off
	SET DateStyle = 'ISO, YMD'
	SET IntervalStyle = 'postgres'
	SET extra_float_digits = 1
AS $$
#variable_conflict error
DECLARE
	t		record;
	rows	jsonb;
	doc		jsonb;
BEGIN
	PERFORM triage.require_admin();
	IF pack IS NULL THEN
		SELECT jsonb_build_object('packs', coalesce(jsonb_agg(to_jsonb(p) - 'loaded_at' ORDER BY p.code), '[]')) INTO doc
			FROM triage.packs p;
	ELSE
		SELECT jsonb_build_object('pack', to_jsonb(p) - 'loaded_at') INTO doc FROM triage.packs p WHERE p.code = dump_pack.pack;
		IF NOT FOUND THEN
			RAISE EXCEPTION 'there is no pack "%"', pack
				USING ERRCODE = 'TR003', DETAIL = 'No pack of this code was loaded.',
					  HINT = 'See SELECT code FROM triage.packs; NULL dumps all rules.';
		END IF;
	END IF;
	FOR t IN SELECT * FROM triage.rule_tables() LOOP
		EXECUTE format('SELECT jsonb_agg(to_jsonb(r) - ''configured_by'' - $2 ORDER BY %2$s) FROM triage.%1$I r'
			' WHERE $1 IS NULL OR r.pack = $1', t.relation, (SELECT string_agg(format('r.%I', k.name), ', ') FROM unnest(t.keys) k (name)))
			INTO rows USING pack, CASE WHEN pack IS NULL THEN '{}'::text[] ELSE '{pack}' END;
		IF rows IS NOT NULL THEN
			doc := doc || jsonb_build_object(t.relation, rows);
		END IF;
	END LOOP;
	RETURN doc;
END
$$;
COMMENT ON FUNCTION triage.dump_pack(text) IS
	'The rules as the document that apply_pack() takes, retired rows too.  NULL: all rules, under "packs", each row with its pack; else the rows of one pack, under "pack".
Applied to a database without rules it gives the same triage.rulebook.digest.  Without secrets, and without endpoints'' configured_by, which the server sets.
Errors: TR002 not an administrator; TR003 no such pack.';
