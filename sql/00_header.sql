\echo Use "CREATE EXTENSION pg_triage" to load this file. \quit

SET LOCAL search_path TO pg_catalog, pg_temp;

DO $$
BEGIN
	IF current_setting('server_encoding') <> 'UTF8' THEN
		RAISE EXCEPTION 'pg_triage needs a database with encoding UTF8, this one has %', current_setting('server_encoding')
			USING ERRCODE = 'feature_not_supported',
				  HINT = 'Create the database with: CREATE DATABASE name ENCODING ''UTF8'' TEMPLATE template0.';
	END IF;
END
$$;

CREATE SCHEMA triage;
COMMENT ON SCHEMA triage IS 'pg_triage: dispatch of citizens'' incidents (非警务事项分流): rules, cases, clocks, deliveries, counts';
