/*
 * Row security: what the functions show is also all that the tables show.
 *
 * Whoever is granted SELECT on a table reads the rows of the cases that
 * triage.may_see() would show him, by triage.members; nobody but the owner
 * changes rows, whatever he is granted, except that a role with INSERT on
 * triage.cases may report.  The owner of the tables, for whom all functions
 * work, is not bound by it.
 *
 * The actor's areas and departments are worked out once a query (each
 * sub-select below is an InitPlan), the rest is indexes.  Two views of the
 * owner's let a policy of one table ask another without asking its policy.
 *
 * COPY FROM is refused by the server where row security applies.  On
 * triage.cases it is therefore switched on with the first row of
 * triage.members, until which all would pass it anyway; from then on a role
 * for bulk loads needs BYPASSRLS and INSERT, and nothing else
 * (pg_triage_roles.sql makes one).
 */

CREATE VIEW triage.my_parts WITH (security_barrier) AS
	SELECT a.case_id FROM triage.assignments a
	WHERE a.department = ANY ((SELECT s.departments FROM triage.sight() s)::text[]);
COMMENT ON VIEW triage.my_parts IS
	'Internal, for row security: the cases in which a department of the actor''s takes or took part, once for each part.';
COMMENT ON COLUMN triage.my_parts.case_id IS 'cases.case_id.';

CREATE VIEW triage.my_cases WITH (security_barrier) AS
	SELECT c.case_id FROM triage.cases c
	WHERE c.area = ANY ((SELECT s.areas FROM triage.sight() s)::text[])
		OR (c.area IS NULL AND (SELECT s.areas <> '{}' FROM triage.sight() s))
		OR EXISTS (SELECT 1 FROM triage.my_parts p WHERE p.case_id = c.case_id);
COMMENT ON VIEW triage.my_cases IS
	'Internal, for row security: the cases that the actor may see by area or department; who sees everything needs no list.';
COMMENT ON COLUMN triage.my_cases.case_id IS 'cases.case_id.';

CREATE VIEW triage.complained_about WITH (security_barrier) AS
	SELECT c.case_id FROM triage.cases c
	WHERE c.attrs ? 'complains_about'
		AND c.attrs ->> 'complains_about' = ANY ((SELECT s.departments FROM triage.sight() s)::text[]);
COMMENT ON VIEW triage.complained_about IS
	'Internal, for row security: the cases whose reporter complains about a department of the actor''s (attrs.complains_about).';
COMMENT ON COLUMN triage.complained_about.case_id IS 'cases.case_id.';

CREATE POLICY seen ON triage.cases FOR SELECT
	USING ((SELECT s.everywhere FROM triage.sight() s)
		OR area = ANY ((SELECT s.areas FROM triage.sight() s)::text[])
		OR (area IS NULL AND (SELECT s.areas <> '{}' FROM triage.sight() s))
		OR EXISTS (SELECT 1 FROM triage.my_parts p WHERE p.case_id = cases.case_id));
-- what a report may say for itself is a matter of column privileges and of intake
CREATE POLICY reported ON triage.cases FOR INSERT WITH CHECK (true);

CREATE FUNCTION triage.guard_cases() RETURNS trigger
	LANGUAGE plpgsql VOLATILE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	closed	boolean := EXISTS (SELECT 1 FROM triage.members m);
BEGIN
	IF closed <> (SELECT c.relrowsecurity FROM pg_class c WHERE c.oid = 'triage.cases'::regclass) THEN
		IF closed THEN
			ALTER TABLE triage.cases ENABLE ROW LEVEL SECURITY;
		ELSE
			ALTER TABLE triage.cases DISABLE ROW LEVEL SECURITY;
		END IF;
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION triage.guard_cases() IS
	'Trigger: row security of triage.cases is on while triage.members has rows. The first member therefore waits until nobody reads or writes cases.';
CREATE TRIGGER guard_cases AFTER INSERT OR DELETE ON triage.members FOR EACH STATEMENT EXECUTE FUNCTION triage.guard_cases();
ALTER TABLE triage.members ENABLE ALWAYS TRIGGER guard_cases;

-- the rows that belong to a case go with it
DO $$
DECLARE
	part	text;
BEGIN
	FOREACH part IN ARRAY ARRAY['case_refs', 'decisions', 'assignments', 'assignment_staff', 'clocks', 'clock_segments', 'clock_steps', 'events', 'deliveries',
		'links', 'suggestions', 'case_signatures', 'signatures_due', 'callbacks', 'evidence', 'corrections', 'rulings', 'quarantine', 'sealed_heads',
		'host_tickets', 'host_queue']
	LOOP
		EXECUTE format('ALTER TABLE triage.%I ENABLE ROW LEVEL SECURITY', part);
		EXECUTE format('CREATE POLICY seen ON triage.%1$I FOR SELECT USING ((SELECT s.everywhere FROM triage.sight() s)'
			' OR EXISTS (SELECT 1 FROM triage.my_cases m WHERE m.case_id = %1$I.case_id))', part);
	END LOOP;
END
$$;

-- a report made in confidence is not for those it complains about
ALTER TABLE triage.case_sources ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON triage.case_sources FOR SELECT
	USING (((SELECT s.everywhere FROM triage.sight() s)
			OR EXISTS (SELECT 1 FROM triage.my_cases m WHERE m.case_id = case_sources.case_id))
		AND NOT (confidential AND EXISTS (SELECT 1 FROM triage.complained_about a WHERE a.case_id = case_sources.case_id)));

-- for administrators, and for the owner's functions alone
ALTER TABLE triage.intake_errors ENABLE ROW LEVEL SECURITY;
CREATE POLICY operated ON triage.intake_errors FOR SELECT
	USING ((SELECT s.everywhere FROM triage.sight() s));
ALTER TABLE triage.contact_secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE triage.endpoint_secrets ENABLE ROW LEVEL SECURITY;

GRANT SELECT ON triage.my_parts, triage.my_cases, triage.complained_about TO PUBLIC;
COMMENT ON POLICY seen ON triage.cases IS 'What triage.may_see() shows: all while nobody is named in triage.members, else by area and department.';
COMMENT ON POLICY reported ON triage.cases IS 'Whoever has INSERT may report; columns decide what he may say.';
COMMENT ON POLICY seen ON triage.case_sources IS 'As the case; what was said in confidence not to the unit complained about.';
COMMENT ON POLICY operated ON triage.intake_errors IS 'For who sees everything.';
COMMENT ON TRIGGER guard_cases ON triage.members IS 'Row security of triage.cases goes on with the first member.';
