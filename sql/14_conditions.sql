/*
 * Trying out route conditions.
 *
 * Source: extension/rulebook/condition.c, which says what a condition may
 * hold, and condition_sql.c.
 */

CREATE FUNCTION triage.check_condition(condition text) RETURNS void
	LANGUAGE c STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'triage_condition_check';
COMMENT ON FUNCTION triage.check_condition(text) IS
	'Compiles a route condition as the rulebook does and throws the result away.
Returns nothing when it is fine; NULL stands for no condition and is fine.
Errors: TR004 with the reason, the place ("At character n of the condition.", and as internal position) and what to write instead.
Source: extension/rulebook/condition.c';

CREATE FUNCTION triage.try_condition(condition text, facts jsonb DEFAULT '{}') RETURNS boolean
	LANGUAGE c STABLE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'triage_condition_eval';
COMMENT ON FUNCTION triage.try_condition(text, jsonb) IS
	'Does a route with this condition apply to these facts?  Unknown counts as no; no condition (NULL) as yes.
Facts, each null when it is not given: channel, case_type, case_group, nature text; priority int; danger boolean; area, area_level text;
local_time time ("08:30"); local_date date ("2026-10-01"); weekday int (1 = Monday); workday, in_worktime, has_location boolean;
repeats int; confidence double precision; body_length int; mode text; attrs jsonb (an object).
Errors: TR004 as check_condition(); TR003 a fact that does not exist; 22023 a fact of another type; what evaluation itself raises
(22012 division by zero, 22003 out of range, 22P02 a cast of an attribute that is no number): the intake then sends the case to the accountable fallback.
Source: extension/rulebook/condition_sql.c';
