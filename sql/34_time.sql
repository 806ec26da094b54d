/*
 * Time: the ladder's steps, and working time.
 */

CREATE FUNCTION triage.tick(at timestamptz DEFAULT NULL, max_cases int DEFAULT 10000)
	RETURNS TABLE (fired int, late int, skipped int, quarantined int, recomputed int, next_due timestamptz, more boolean)
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_tick';
COMMENT ON FUNCTION triage.tick(timestamptz, int) IS
	'Fires the ladder steps that are due at "at" (NULL = now; the future is for administrators), what the timekeeper does all the time: for pg_cron and where no worker runs. fired = steps recorded, late = of these more than a second late, skipped = cases locked by others, quarantined = cases set aside because a step failed, recomputed = clocks moved by a new calendar, next_due = the earliest step to come, more = call again. Needs READ COMMITTED (0A000).';

CREATE FUNCTION triage.add_worktime(start timestamptz, amount interval, calendar text) RETURNS timestamptz
	LANGUAGE c STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_add_worktime';
COMMENT ON FUNCTION triage.add_worktime(timestamptz, interval, text) IS
	'The instant at which that much working time of the calendar has passed since start; amount in hours and smaller units (days count 24 hours of working time), not negative. NULL when the calendar has no opening within ten years. Error: TR003 unknown calendar or null argument.';

CREATE FUNCTION triage.worktime_between(a timestamptz, b timestamptz, calendar text) RETURNS interval
	LANGUAGE c STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_worktime_between';
COMMENT ON FUNCTION triage.worktime_between(timestamptz, timestamptz, text) IS
	'Working time of the calendar between two instants, in hours and smaller units so that it adds up; negative when b is before a. Error: TR003 unknown calendar or null argument.';

CREATE FUNCTION triage.next_opening(at timestamptz, calendar text) RETURNS timestamptz
	LANGUAGE c STABLE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_next_opening';
COMMENT ON FUNCTION triage.next_opening(timestamptz, text) IS
	'The first instant from "at" on that lies in the calendar''s opening hours; NULL = none within ten years. Error: TR003 unknown calendar or null argument.';
