/*
 * All privileges in one place, by name.
 *
 * Nobody but the owner may do anything until a DBA grants it: EXECUTE on
 * functions is taken from PUBLIC, tables are closed as tables are.  What a
 * front end needs is in the README; triage.members then says who acts for
 * whom.  Triggers run without EXECUTE being asked.
 */

REVOKE ALL ON SCHEMA triage FROM PUBLIC;

DO $$
DECLARE
	f	regprocedure;
BEGIN
	FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'triage'::regnamespace LOOP
		EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
	END LOOP;
END
$$;

-- whoever may write a row has its checks evaluated; it reads nothing but its arguments
GRANT EXECUTE ON FUNCTION triage.case_is_sound(text, text, int, text, text, text, double precision, int, int) TO PUBLIC;
-- row security asks it for whoever reads a table; it tells each his own areas and departments
GRANT EXECUTE ON FUNCTION triage.sight() TO PUBLIC;

-- asked for each row that somebody writes into an attached table, with his rights
GRANT EXECUTE ON FUNCTION triage.host_listens() TO PUBLIC;
-- a new partition of an attached table gets the trigger with the rights of whoever makes it; it does nothing elsewhere
GRANT EXECUTE ON FUNCTION triage.host_trigger() TO PUBLIC;
