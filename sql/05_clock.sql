CREATE FUNCTION triage.clock() RETURNS timestamptz
	LANGUAGE c VOLATILE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'triage_sql_clock';
COMMENT ON FUNCTION triage.clock() IS
	'The time that all of pg_triage goes by: clock_timestamp(), or the moved clock of triage.now, triage.now_since and triage.time_scale (superusers, for tests and demonstrations).';

CREATE FUNCTION triage.actor() RETURNS text
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'triage_sql_actor';
COMMENT ON FUNCTION triage.actor() IS
	'Who acts, by the name that triage.members and the history know: the outer user, so that SET ROLE counts and a SECURITY DEFINER wrapper does not; in a configured function or a security-restricted operation the current user; for a role listed in triage.claim_roles the name in triage.actor, which the front end sets in each transaction as ''name;expires;signature'' (expires: seconds since 1970; signature: hex of HMAC-SHA256 over ''name;expires'' with triage.claim_secret); for what an agent did in an attached ticket server ''kind/login''. Errors: TR002 for a claim that is not good; inside a security-restricted operation that called one of our own functions, where it cannot be told.';

CREATE FUNCTION triage.acts_as_owner() RETURNS boolean
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'triage_sql_acts_as_owner';
COMMENT ON FUNCTION triage.acts_as_owner() IS
	'Does the actor act as the owner of the extension''s tables or as a superuser, and for itself? No claim of a pooled login lends that.';

CREATE FUNCTION triage.refuse_truncate() RETURNS trigger
	LANGUAGE plpgsql
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION 'table "triage.%" must not be truncated', TG_TABLE_NAME
		USING ERRCODE = 'feature_not_supported',
			  HINT = 'Retire configuration with UPDATE ... SET active = false; cases and their history stay.';
END
$$;
COMMENT ON FUNCTION triage.refuse_truncate() IS 'Trigger that refuses TRUNCATE on tables of pg_triage.';
