/*
 * The workers of this database start right after this transaction commits.
 */
CREATE FUNCTION triage.start_workers_at_commit() RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_start_workers_at_commit';
COMMENT ON FUNCTION triage.start_workers_at_commit() IS
	'Starts timekeeper and courier of this database once the transaction has committed, unless they run.';
REVOKE ALL ON FUNCTION triage.start_workers_at_commit() FROM PUBLIC;

SELECT triage.start_workers_at_commit();
