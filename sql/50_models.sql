/*
 * The learned classifier: versions of models, which one is in use, training
 * and evaluation.
 *
 * Source: extension/text/fit.c, model.c, ngrams.c; extension/rulebook/train.c,
 * evaluate.c, stored.c, learned.c
 */

CREATE TABLE triage.model_versions (
	model		text	COLLATE "C" NOT NULL CHECK (model ~ '^[^[:cntrl:]]{1,60}$'),
	version		int		NOT NULL CHECK (version > 0),
	value		bytea	NOT NULL,
	classes		text[]	NOT NULL,
	are_types	boolean	NOT NULL,
	examples	int		NOT NULL CHECK (examples > 0),
	trained_at	timestamptz NOT NULL,
	trained_by	text	COLLATE "C" NOT NULL,
	score		jsonb	NOT NULL,
	settings	jsonb	NOT NULL,
	rulebook_version bigint NOT NULL,
	PRIMARY KEY (model, version)
);
-- weights do not compress
ALTER TABLE triage.model_versions ALTER COLUMN value SET STORAGE EXTERNAL;
SELECT pg_extension_config_dump('triage.model_versions', '');

-- one row, or none: the terms alone decide
CREATE TABLE triage.model_in_use (
	one			boolean	NOT NULL DEFAULT true PRIMARY KEY CHECK (one),
	model		text	COLLATE "C" NOT NULL,
	version		int		NOT NULL,
	digest		text	COLLATE "C" NOT NULL
);
SELECT pg_extension_config_dump('triage.model_in_use', '');

-- which model decides is a rule like others: it raises the rulebook's version
CREATE TRIGGER config_insert AFTER INSERT ON triage.model_in_use REFERENCING NEW TABLE AS new_rows
	FOR EACH STATEMENT EXECUTE FUNCTION triage.config_changed();
CREATE TRIGGER config_update AFTER UPDATE ON triage.model_in_use REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
	FOR EACH STATEMENT EXECUTE FUNCTION triage.config_changed();
CREATE TRIGGER config_delete AFTER DELETE ON triage.model_in_use REFERENCING OLD TABLE AS old_rows
	FOR EACH STATEMENT EXECUTE FUNCTION triage.config_changed();
CREATE TRIGGER config_truncate BEFORE TRUNCATE ON triage.model_in_use
	FOR EACH STATEMENT EXECUTE FUNCTION triage.refuse_truncate();

CREATE VIEW triage.models AS
	SELECT v.model, v.version, u.version IS NOT NULL AS in_use, v.are_types AS usable, cardinality(v.classes) AS nclasses,
		v.classes, v.examples, octet_length(v.value) AS bytes, v.trained_at, v.trained_by,
		(v.score->>'accuracy')::double precision AS accuracy, (v.score->>'macro_f1')::double precision AS macro_f1,
		v.score, v.settings, v.rulebook_version
	FROM triage.model_versions v LEFT JOIN triage.model_in_use u ON u.model = v.model AND u.version = v.version;

CREATE FUNCTION triage.train(model text, query text DEFAULT NULL, group_first boolean DEFAULT true, activate boolean DEFAULT false)
	RETURNS triage.models
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_train';

CREATE FUNCTION triage.evaluate(query text DEFAULT NULL, folds int DEFAULT 5, model text DEFAULT NULL, split_column text DEFAULT NULL)
	RETURNS jsonb
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_evaluate';

CREATE FUNCTION triage.check_model(value bytea) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'triage_check_model';

CREATE FUNCTION triage.guess_type(body text) RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_guess_type';

CREATE FUNCTION triage.use_model(model text, version int DEFAULT NULL) RETURNS triage.models
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	chosen	triage.models;
	wrong	text;
BEGIN
	PERFORM triage.require_admin();
	IF use_model.model IS NULL THEN
		IF EXISTS (SELECT FROM triage.model_in_use) THEN
			DELETE FROM triage.model_in_use;
		END IF;
		RETURN NULL;
	END IF;
	SELECT m.* INTO chosen FROM triage.models m
		WHERE m.model = use_model.model AND m.version = coalesce(use_model.version, m.version)
		ORDER BY m.version DESC LIMIT 1;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no model "%"%', use_model.model, coalesce(' of version ' || use_model.version, '')
			USING ERRCODE = 'TR003', DETAIL = 'The model in use has not changed.',
				  HINT = 'The view triage.models lists what there is; triage.train() makes more.';
	END IF;
	SELECT triage.check_model(v.value) INTO wrong FROM triage.model_versions v
		WHERE v.model = chosen.model AND v.version = chosen.version;
	IF wrong IS NOT NULL THEN
		RAISE EXCEPTION 'model "%" version % cannot be used: %', chosen.model, chosen.version, wrong
			USING ERRCODE = 'data_corrupted', DETAIL = 'The model in use has not changed.',
				  HINT = 'Use another version, or train again with triage.train().';
	END IF;
	IF NOT chosen.usable OR EXISTS (SELECT FROM unnest(chosen.classes) k(code)
			WHERE NOT EXISTS (SELECT FROM triage.case_types t WHERE t.code = k.code)) THEN
		RAISE EXCEPTION 'model "%" version % cannot decide about reports', chosen.model, chosen.version
			USING ERRCODE = 'TR004', DETAIL = 'Not all of its classes are case types of the rulebook.',
				  HINT = 'Train with codes of triage.case_types as the second column of the query; evaluate() works with any classes.';
	END IF;
	-- a statement that changes nothing would raise the rulebook's version too
	IF NOT chosen.in_use THEN
		INSERT INTO triage.model_in_use AS u (model, version, digest)
			SELECT v.model, v.version, encode(sha256(v.value), 'hex') FROM triage.model_versions v
				WHERE v.model = chosen.model AND v.version = chosen.version
			ON CONFLICT (one) DO UPDATE SET model = EXCLUDED.model, version = EXCLUDED.version, digest = EXCLUDED.digest;
	END IF;
	SELECT m.* INTO chosen FROM triage.models m WHERE m.model = chosen.model AND m.version = chosen.version;
	RETURN chosen;
END
$$;

COMMENT ON TABLE triage.model_versions IS
	'What triage.train() learned: a row per version of a model, kept until somebody deletes it. Dumped.';
COMMENT ON COLUMN triage.model_versions.model IS 'Name the administrator chose.';
COMMENT ON COLUMN triage.model_versions.version IS '1, 2, ... within the name.';
COMMENT ON COLUMN triage.model_versions.value IS
	'Weights of hashed features, names of classes, checksum, in the byte order of the server (extension/text/model.h). Holds no text of a report; numbers and addresses of people are masked before hashing.';
COMMENT ON COLUMN triage.model_versions.classes IS 'Names of its classes, in the order of their bytes.';
COMMENT ON COLUMN triage.model_versions.are_types IS 'Were all classes case types (事项类别) when it was trained?';
COMMENT ON COLUMN triage.model_versions.examples IS 'Texts it was trained with.';
COMMENT ON COLUMN triage.model_versions.trained_at IS 'When the training ended, by triage.clock().';
COMMENT ON COLUMN triage.model_versions.trained_by IS 'Role that asked for it.';
COMMENT ON COLUMN triage.model_versions.score IS
	'Held-out score: {"folds", "accuracy", "macro_f1", "coverage_95", "coverage_98"}, each text scored by a model of the other folds; coverage_95 = share of the surest texts of which 95 % are right.';
COMMENT ON COLUMN triage.model_versions.settings IS
	'{"group_first", "groups", "rows", "no_text", "no_class", "terms", "query_digest"}: what was asked for, rows read and left out, texts made of the terms of the rules that were learned from as well, first 8 bytes of the SHA-256 of the query (absent = confirmed cases).';
COMMENT ON COLUMN triage.model_versions.rulebook_version IS 'Version of the rules whose terms it was trained with.';
COMMENT ON TABLE triage.model_in_use IS
	'Which model takes part in decisions; no row = terms alone. Set by triage.use_model(). A rule: changing it raises the rulebook''s version. Dumped.';
COMMENT ON COLUMN triage.model_in_use.one IS 'Always true: there is one row at most.';
COMMENT ON COLUMN triage.model_in_use.model IS 'Name in triage.model_versions.';
COMMENT ON COLUMN triage.model_in_use.version IS 'Version of that name.';
COMMENT ON COLUMN triage.model_in_use.digest IS 'SHA-256 of the value, in hexadecimal: sessions that have read this value keep it.';
COMMENT ON VIEW triage.models IS
	'Models of the learned classifier (学习模型), a row per version, the value left out: in_use, usable (all classes were case types), number and names of classes, texts trained with, bytes, when and by whom, held-out accuracy and macro-F1, see triage.model_versions.';
COMMENT ON FUNCTION triage.train(text, text, boolean, boolean) IS
	'Trains a classifier and keeps it as the next version of the name; returns its row of triage.models.
query gives two columns, text and case type (or any class, for experiments), is read with the caller''s rights and may only read. NULL = confirmed cases: those closed, and those whose type a person gave or corrected; the type is the case''s present one, void and merged cases are left out.
Rows without text or class are left out and counted (settings). Where all classes are case types, the terms of the rules are learned from as well, so that the model knows types of which there is no text yet. group_first: the parent of the case type is decided first, then the type within it (where all classes are case types with several parents). activate: use it at once.
Can be cancelled; memory is bounded by triage.train_memory. What fails leaves the model in use as it was. The rows'' order matters to rounding only. Two trainings of one name at once get one version each.
Errors: TR002 not an administrator; TR003 no name; TR005 fewer than two classes; 42601, 42804 the query gives other columns; 54000 more than 2048 classes; 53200 more than triage.train_memory; activate: as use_model().';
COMMENT ON FUNCTION triage.evaluate(text, int, text, text) IS
	'How good a classifier of these examples would be, as jsonb; query as for train(). Each text is guessed by a model that has not seen it: by folds (the same for the same texts), or by the parts that split_column of the query names: "train" and "test" (or false and true) are what they say, else each value is tested with the others; null = learned from only. With model the stored model (in use, else newest) is asked instead.
Shape: rows, no_text, no_class, examples, tested, classes, groups, folds | model_name, model_version; model (alone), and where all classes are case types also terms (the terms of the rulebook alone) and combined (as reports would be decided with the model in use), each {n, accuracy, macro_f1, decided (share that would go to a department without a person), decided_accuracy, coverage: [{precision, coverage, confidence}] (largest share of the surest texts of which at least that part is right, and the confidence from which it begins), calibration: {error, bins: [{from, n, confidence, accuracy}]}, per_class: [{class, n, precision, recall, f1}], confusion: [{class, as, n}]}; unlike: {n, accuracy, macro_f1} of the texts that have none much like them in another fold.
Errors: TR002, TR003 unknown model or split_column, 22023 folds, and as train().';
COMMENT ON FUNCTION triage.use_model(text, int) IS
	'Lets a model take part in decisions from the next statement on, in every session; returns its row. version NULL = the newest; an earlier one = roll back. model NULL = switch off, terms alone decide; returns NULL. Raises the rulebook''s version unless nothing changes.
Errors: TR002 not an administrator; TR003 no such model or version; TR004 its classes are no case types; XX001 its value is damaged. The model in use then stays.';
COMMENT ON FUNCTION triage.guess_type(text) IS
	'The case type that the terms and the model in use find likeliest for a text in writing, without place and route, NULL = none: classification alone, for tests of quality and speed.';
COMMENT ON FUNCTION triage.check_model(bytea) IS
	'What is wrong with the value of a model, NULL = nothing: truncated, changed, of another version or byte order.';

DO $$
DECLARE
	c	record;
BEGIN
	-- what a view's column shows of a table's is said there
	FOR c IN SELECT a.attname, coalesce(col_description('triage.model_versions'::regclass, t.attnum), w.words) AS words
		FROM pg_attribute a
		LEFT JOIN pg_attribute t ON t.attrelid = 'triage.model_versions'::regclass AND t.attname = a.attname
		LEFT JOIN (VALUES ('in_use', 'Does it take part in decisions now?'),
			('usable', 'May use_model() take it? Were all classes case types (事项类别) when it was trained.'),
			('nclasses', 'Number of classes.'), ('bytes', 'Size of the value.'),
			('accuracy', 'Held-out accuracy, 0-1.'), ('macro_f1', 'Held-out F1, mean over the classes, 0-1.')) w (name, words) ON w.name = a.attname
		WHERE a.attrelid = 'triage.models'::regclass AND a.attnum > 0
	LOOP
		EXECUTE format('COMMENT ON COLUMN triage.models.%I IS %L', c.attname, c.words);
	END LOOP;
END
$$;
