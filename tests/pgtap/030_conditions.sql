-- Route conditions: what is let through, what is refused and where, what they mean.
-- Source: extension/rulebook/condition.c, condition_check.c, condition_sql.c
BEGIN;

-- NULL when the condition is fine, else 'message @place', place = character in the condition or -
CREATE FUNCTION pg_temp.refusal(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state	text;
	message text;
	detail	text;
	hint	text;
BEGIN
	PERFORM triage.check_condition(condition);
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	IF state <> 'TR004' OR detail = '' OR hint = '' THEN
		RETURN format('NOT AS AGREED: %s %s | %s | %s', state, message, detail, hint);
	END IF;
	RETURN message || ' @' || coalesce(substring(detail FROM '^At character (\d+) of the condition\.'), '-');
END
$$;

CREATE TEMP TABLE accepted (n int GENERATED ALWAYS AS IDENTITY, condition text);
INSERT INTO accepted (condition) VALUES
	('true'),
	('null'),
	($$case_type ^@ 'C07' and priority <= 2$$),
	($$channel in ('110', '12345') and not danger$$),
	($$priority not in (1, 2)$$),
	($$weekday in (6, 7) or not workday and in_worktime is not true$$),
	($$local_time between '22:00' and '23:59:59.5'$$),
	($$local_time not between '08:00' and '24:00'$$),
	($$local_date in ('2026-10-01', '2026-10-02')$$),
	($$local_date = any (array['2026-10-01'::date, '2026-10-02'])$$),
	($$local_date - date '2026-01-01' < 30 and local_date + 7 > '2026-01-01'$$),
	($$extract(hour from local_time) >= 22 and extract(dow from local_date) = 0$$),
	($$(attrs->>'age')::int > 60 and (attrs->>'sum')::numeric > 60.5$$),
	($$attrs ? 'x' and attrs @> '{"a": 1}' and attrs #>> '{a,b}' = 'c' and attrs #> '{a}' is not null$$),
	($$attrs ?| array['a', 'b'] and attrs ?& '{a,b}' and attrs->0->>'k' = 'v'$$),
	($$case when jsonb_typeof(attrs->'age') = 'number' then (attrs->>'age')::int > 60 else false end$$),
	($$case priority when 1 then true when 2 then danger end$$),
	($$coalesce(area, '') = '' or nullif(area, 'x') is null or greatest(priority, repeats) > 3$$),
	($$danger is true and workday is not unknown and area is distinct from area_level$$),
	($$area like '3301%' and area not like '%9' and case_type ilike 'c%'$$),
	($$area like any (array['x%', 'y%']) and area not like all ('{x%,y%}')$$),
	($$area ~ '^3301(06|08)\d{6,12}$' and area !~* 'x'$$),
	($$area = any ('{a,b}') and area <> all (array['c', 'd'])$$),
	($$lower(area) = 'x' and left(area, 2) = '33' and right(area, 1) = '1' and length(area) > 3 and strpos(area, 'x') > 0$$),
	($$starts_with(area, '33')$$),
	($$priority + 1 * 2 - 3 / 1 % 2 > -priority$$),
	($$confidence * 2 <= 1.5 and priority * 1.5::float8 > 2$$),
	($$priority > '1' and repeats::bigint < 3000000000 and body_length::text = '12'$$),
	($$priority operator(pg_catalog.=) 1 and pg_catalog.lower(area) = 'x'$$),
	($$area = E'a\'b' or area = U&'\4E2D' or area = '中'$$),
	($$has_location and nature = 'nonpolice' and case_group = 'C' -- a comment$$),
	(repeat('(', 900) || 'danger' || repeat(')', 900)),
	(repeat('not ', 199) || 'danger'),
	('danger or ' || repeat(' ', 1984) || 'danger'),
	('area = ''' || repeat('中', 1991) || '''');

CREATE TEMP TABLE refused (n int GENERATED ALWAYS AS IDENTITY, condition text, why text);
INSERT INTO refused (condition, why) VALUES
	-- more than an expression
	('', 'condition has no expression @1'),
	('  -- nothing', 'condition has no expression @1'),
	('true from pg_class', 'condition must be one expression @11'),
	('true where true', 'condition must be one expression @12'),
	('true group by 1', 'condition must be one expression @15'),
	('true order by 1', 'condition must be one expression @15'),
	('true limit 1', 'condition must be one expression @12'),
	('true for update', 'condition must be one expression @-'),
	('distinct true', 'condition must be one expression @-'),
	('true, false', 'condition must be one expression @7'),
	('true as x', 'condition must be one expression @1'),
	('true) , (true', 'syntax error at or near ")" @5'),
	('true; select 1', 'syntax error at or near ";" @5'),
	('lower(area', 'syntax error at end of input @11'),
	($$area = 'x$$, $$unterminated quoted string at or near "'x" @8$$),
	-- not boolean
	('priority', 'condition must be boolean, not integer @1'),
	('lower(area)', 'condition must be boolean, not text @1'),
	-- not facts
	('channell = 1', 'there is no fact "channell" @1'),
	($$area = '中' and 中 = 1$$, 'there is no fact "中" @16'),
	('cases.area = 1', 'there is no fact "cases.area" @1'),
	('*', 'there is no fact "*" @1'),
	('cases.* is null', 'there is no fact "cases.*" @1'),
	('pg_class is null', 'there is no fact "pg_class" @1'),
	('ctid is null', 'there is no fact "ctid" @1'),
	('xmin = 1', 'there is no fact "xmin" @1'),
	('$1', 'a parameter is not allowed in a condition @1'),
	('danger and current_user = area', 'a value of the session or the clock is not allowed in a condition @12'),
	-- subqueries, aggregates, windows, sets, rows
	('danger or exists (select 1)', 'a subquery is not allowed in a condition @11'),
	('(select true)', 'a subquery is not allowed in a condition @1'),
	($$area = any (select 'a')$$, 'a subquery is not allowed in a condition @6'),
	('count(*) > 1', 'function "count" is not allowed in a condition @1'),
	('danger and sum(priority) over () > 1', 'function "sum" is not allowed in a condition @12'),
	('length(area) over () > 1', 'aggregates and window functions are not allowed in a condition @1'),
	('length(distinct area) > 1', 'aggregates and window functions are not allowed in a condition @1'),
	('lower(variadic array[area]) = area', 'aggregates and window functions are not allowed in a condition @1'),
	('1 = generate_series(1, 2)', 'function "generate_series" is not allowed in a condition @5'),
	($$(area, channel) = ('a', 'b')$$, 'a row is not allowed in a condition @1'),
	($$attrs['a'] = '1'$$, 'a subscript or a field is not allowed in a condition @1'),
	($$area collate "de_DE" = 'x'$$, 'COLLATE is not allowed in a condition @1'),
	-- functions that allocate, wait, look around, or change
	($$length(repeat('x', 1000000000)) > 0$$, 'function "repeat" is not allowed in a condition @8'),
	('lpad(area, 1000) is null', 'function "lpad" is not allowed in a condition @1'),
	('array_fill(1, array[1000000]) is null', 'function "array_fill" is not allowed in a condition @1'),
	('concat(area, area) is null', 'function "concat" is not allowed in a condition @1'),
	($$area || 'x' = 'y'$$, 'operator "||" is not allowed in a condition @6'),
	('area || 1 is null', 'operator "||" is not allowed in a condition @6'),
	('2 ^ 1000 > 1', 'operator "^" is not allowed in a condition @3'),
	('pg_sleep(1) is null', 'function "pg_sleep" is not allowed in a condition @1'),
	('lo_get(1) is null', 'function "lo_get" is not allowed in a condition @1'),
	($$'pg_class'::regclass is null$$, 'type "regclass" is not allowed in a condition @13'),
	('1::regtype is null', 'type "regtype" is not allowed in a condition @4'),
	($$has_table_privilege('pg_class', 'select')$$, 'function "has_table_privilege" is not allowed in a condition @1'),
	('triage.clock() is null', 'function "triage.clock" is not allowed in a condition @1'),
	('public.lower(area) = area', 'function "public.lower" is not allowed in a condition @1'),
	('priority operator(public.=) 1', 'operator "public.=" is not allowed in a condition @10'),
	($$attrs @? '$.a'$$, 'operator "@?" is not allowed in a condition @7'),
	($$attrs::text ~ 'x'$$, 'cast from jsonb to text is not allowed in a condition @1'),
	('priority * 1.5 > 2', 'operator "*" is not allowed between numeric and numeric @10'),
	($$area::varchar = 'x'$$, 'type "varchar" is not allowed in a condition @7'),
	('area::char(3) is null', 'type "bpchar" is not allowed in a condition @7'),
	('confidence::numeric(3) > 1', 'type "numeric" takes no length or precision in a condition @13'),
	($$B'1' = B'1'$$, 'bit strings are not allowed in a condition @1'),
	('null is null', 'a value of type unknown is not allowed in a condition @1'),
	($$area similar to 'x'$$, 'SIMILAR TO is not allowed in a condition @6'),
	('priority between symmetric 2 and 1', 'BETWEEN SYMMETRIC is not allowed in a condition @10'),
	('xmlelement(name x) is null', 'this construct is not allowed in a condition @1'),
	('attrs is json', NULL),
	-- what the clock or a setting decides
	('local_date > now()', 'function "now" is not allowed in a condition @14'),
	('local_date > current_date', 'a value of the session or the clock is not allowed in a condition @14'),
	($$local_date > 'today'$$, '"today" is not a fixed date @14'),
	($$local_date > ' Today '$$, '" Today " is not a fixed date @14'),
	($$local_date > date 'now'$$, '"now" is not a fixed date @19'),
	($$local_date > 'yesterday'::date$$, '"yesterday" is not a fixed date @14'),
	($$local_date < cast('tomorrow' as date)$$, '"tomorrow" is not a fixed date @19'),
	($$local_date > E'to\144ay'$$, '"today" is not a fixed date @14'),
	($$local_date > U&'t\006Fday'$$, '"today" is not a fixed date @14'),
	($$local_date in ('2026-10-01', 'today')$$, '"today" is not a fixed date @30'),
	($$local_date between '2026-10-01' and 'today'$$, '"today" is not a fixed date @37'),
	($$local_date > coalesce(local_date, 'today')$$, '"today" is not a fixed date @35'),
	($$local_date > case when danger then local_date else 'today' end$$, '"today" is not a fixed date @52'),
	($$greatest(local_date, 'now') > local_date$$, '"now" is not a fixed date @22'),
	($$nullif(local_date, 'now') is null$$, '"now" is not a fixed date @20'),
	($$local_date is distinct from 'now'$$, '"now" is not a fixed date @29'),
	($$local_date = any ('{2026-10-01,today}')$$, 'dates and times may not stand in an array literal @19'),
	($$local_date = any (array['2026-10-01'::date, 'today'])$$, '"today" is not a fixed date @45'),
	($$local_date > date('today')$$, 'function "date" is not allowed in a condition @14'),
	($$local_date > 'today'::text::date$$, 'cast from text to date is not allowed in a condition @14'),
	($$(attrs->>'d')::date = local_date$$, 'cast from text to date is not allowed in a condition @2'),
	($$local_date::text = 'x'$$, 'cast from date to text is not allowed in a condition @1'),
	($$local_time::text = 'x'$$, 'cast from time without time zone to text is not allowed in a condition @1'),
	($$local_date > 'epoch'$$, '"epoch" is not a fixed date @14'),
	($$local_date < 'infinity'$$, '"infinity" is not a fixed date @14'),
	($$local_date = '01/02/2026'$$, '"01/02/2026" is not a fixed date @14'),
	($$local_date = '2026-02-30'$$, 'date/time field value out of range: "2026-02-30" @14'),
	($$local_time > 'now'$$, '"now" is not a fixed time of day @14'),
	($$local_time > 'allballs'$$, '"allballs" is not a fixed time of day @14'),
	($$local_time > '08:00+08'$$, '"08:00+08" is not a fixed time of day @14'),
	($$local_time > '8:00 pm'$$, '"8:00 pm" is not a fixed time of day @14'),
	($$local_date >= timestamptz '2026-01-02 08:00'$$, 'type "timestamptz" is not allowed in a condition @15'),
	($$local_date >= '2026-01-02 08:00'::timestamp$$, 'type "timestamp" is not allowed in a condition @35'),
	($$local_time + interval '1 hour' > '08:00'$$, 'type "interval" is not allowed in a condition @14'),
	($$local_date + local_time is null$$, 'operator "+" is not allowed between date and time without time zone @12'),
	($$extract(hour from now()) > 1$$, 'function "now" is not allowed in a condition @19'),
	($$date_part('hour', local_time) > 1$$, 'function "date_part" is not allowed in a condition @1'),
	($$extract(hour from local_date) > 1$$, 'unit "hour" not supported for type date @9'),
	-- wrong types and values
	('channel = 110', 'operator does not exist: text = integer @9'),
	($$priority > 'x'$$, 'invalid input syntax for type integer: "x" @12'),
	($$attrs @> '{'$$, 'invalid input syntax for type json @10'),
	('1 / 0 > priority', 'division by zero @-'),
	-- patterns
	($$area ~ '('$$, 'invalid regular expression: parentheses () not balanced @8'),
	($$area ~ (attrs->>'p')$$, 'a pattern must be a constant @9'),
	('area like area_level', 'a pattern must be a constant @11'),
	('area like any (array[area_level])', 'a pattern must be a constant @22'),
	($$area ~ any (array['x', 'y'])$$, 'regular expressions may not stand in an array @13'),
	($$area ~ all ('{x,y}')$$, 'regular expressions may not stand in an array @13'),
	($$area like 'x\'$$, 'LIKE pattern ends with a backslash @11'),
	($$area like any ('{"x\\\\\\"}')$$, 'LIKE pattern ends with a backslash @16'),
	($$area ~ '(.*)(.*)\1\2b'$$, 'back-references and look-around are not allowed in a condition @8'),
	($$area ~ '(?!x)a'$$, 'back-references and look-around are not allowed in a condition @8'),
	($$area ~ '((a{1,50}){50})'$$, 'repeat counts of the regular expression multiply to more than 100 @8'),
	('area ~ ''' || repeat('(a?)+', 61) || '''', 'regular expression is longer than 300 characters @8'),
	-- size
	(repeat('not ', 200) || 'danger', 'condition has more than 200 nodes @801'),
	('priority in (' || (SELECT string_agg(i::text, ',') FROM generate_series(1, 199) i) || ')', 'condition has more than 200 nodes @698'),
	(repeat('(', 60) || 'danger' || repeat(' between true and true)', 60), 'condition has more than 200 nodes @61'),
	('danger or ' || repeat(' ', 1985) || 'danger', 'condition is longer than 2000 characters @-'),
	('area = ''' || repeat('中', 1992) || '''', 'condition is longer than 2000 characters @-');

CREATE TEMP TABLE tried (n int GENERATED ALWAYS AS IDENTITY, condition text, facts jsonb, result boolean);
INSERT INTO tried (condition, facts, result) VALUES
	-- every fact
	($$channel = '110'$$, '{"channel": "110"}', true),
	($$case_type = 'C0703'$$, '{"case_type": "C0703"}', true),
	($$case_group = 'C07'$$, '{"case_group": "C07"}', true),
	($$nature = 'joint'$$, '{"nature": "joint"}', true),
	('priority = 2', '{"priority": 2}', true),
	('danger', '{"danger": true}', true),
	($$area = '330106'$$, '{"area": "330106"}', true),
	($$area_level = 'street'$$, '{"area_level": "street"}', true),
	($$local_time = '08:30'$$, '{"local_time": "08:30:00"}', true),
	($$local_date = '2026-10-01'$$, '{"local_date": "2026-10-01"}', true),
	('weekday = 7', '{"weekday": 7}', true),
	('workday', '{"workday": true}', true),
	('in_worktime', '{"in_worktime": true}', true),
	('has_location', '{"has_location": true}', true),
	('repeats = 3', '{"repeats": 3}', true),
	('confidence = 0.5', '{"confidence": 0.5}', true),
	('body_length = 12', '{"body_length": 12}', true),
	($$attrs->>'a' = 'x'$$, '{"attrs": {"a": "x"}}', true),
	-- null is false, and AND, OR and NOT have three values
	('null', '{}', false),
	('danger', '{}', false),
	('not danger', '{}', false),
	('danger is null', '{}', true),
	('danger is not true', '{}', true),
	('danger or priority = 1', '{"priority": 1}', true),
	('danger and priority = 1', '{"priority": 1}', false),
	('priority in (1, null)', '{"priority": 2}', false),
	('priority in (1, null)', '{"priority": 1}', true),
	('priority not in (1, null)', '{"priority": 2}', false),
	('area = null', '{}', false),
	('area is distinct from null', '{"area": "x"}', true),
	($$attrs->>'none' = 'x'$$, '{"attrs": {}}', false),
	('danger', '{"danger": null}', false),
	-- what we write out ourselves
	('priority between 2 and 3', '{"priority": 2}', true),
	('priority between 2 and 3', '{"priority": 4}', false),
	('priority not between 2 and 3', '{"priority": 4}', true),
	('priority not between 2 and 3', '{"priority": 3}', false),
	('priority not in (1, 2)', '{"priority": 3}', true),
	('priority not in (1, 2)', '{"priority": 2}', false),
	('case priority + 1 when 2 then danger when 3 then not danger else null end', '{"priority": 2, "danger": false}', true),
	('case priority + 1 when 2 then danger when 3 then not danger else null end', '{"priority": 9, "danger": false}', false),
	-- operators bind as in SQL
	('danger or workday and in_worktime', '{"danger": true, "workday": false, "in_worktime": false}', true),
	('2 + 3 * 2 = 8 and -7 % 4 = -3 and 7 / 2 = 3', '{}', true),
	-- text is compared byte by byte, whatever the database's collation
	($$'B' < 'a' and area < 'a' and (attrs->>'x') < 'a'$$, '{"area": "B", "attrs": {"x": "B"}}', true),
	($$lower(area) = 'é' or lower(area) = 'x'$$, '{"area": "É"}', false),
	($$area ilike 'x%' and lower(area) = 'xy'$$, '{"area": "XY"}', true),
	-- lists short, and long enough to be hashed
	($$area = any ('{a,b,c}')$$, '{"area": "c"}', true),
	($$area in ('a','b','c','d','e','f','g','h','i','j','k')$$, '{"area": "k"}', true),
	($$area in ('a','b','c','d','e','f','g','h','i','j','k')$$, '{"area": "x"}', false),
	($$area not in ('a','b','c','d','e','f','g','h','i','j','k')$$, '{"area": "x"}', true),
	($$priority in (1,2,3,4,5,6,7,8,9,10,11)$$, '{}', false),
	-- times
	($$local_time >= '22:00' or local_time < '06:00'$$, '{"local_time": "23:15"}', true),
	($$extract(hour from local_time) = 23 and extract(isodow from local_date) = 4$$, '{"local_time": "23:15", "local_date": "2026-10-01"}', true),
	($$local_date - date '2026-09-28' = 3$$, '{"local_date": "2026-10-01"}', true),
	-- attributes
	($$attrs @> '{"a": [1]}' and attrs ? 'a' and attrs #>> '{a,1}' = '2'$$, '{"attrs": {"a": [1, 2]}}', true),
	($$(attrs->>'age')::int > 60 and (attrs->'age')::float8 < 71.5$$, '{"attrs": {"age": 71}}', true),
	($$case when jsonb_typeof(attrs->'age') = 'number' then (attrs->>'age')::int > 60 end$$, '{"attrs": {"age": "old"}}', false),
	-- patterns
	($$area like '33%6' and area ^@ '33' and area ~ '^\d+$' and area !~ '7'$$, '{"area": "330106"}', true),
	($$area like any (array['x%', '33%'])$$, '{"area": "330106"}', true);

SELECT plan(((SELECT count(*) FROM accepted) + (SELECT count(*) FROM refused) + (SELECT count(*) FROM tried) + 28)::int);

SELECT is(pg_temp.refusal(condition), NULL, 'accepted: ' || left(condition, 100)) FROM accepted ORDER BY n;

SELECT CASE WHEN why IS NULL THEN isnt(pg_temp.refusal(condition), NULL, 'refused: ' || condition)
	ELSE is(pg_temp.refusal(condition), why, 'refused: ' || left(condition, 100)) END
FROM refused ORDER BY n;

SELECT is(triage.try_condition(condition, facts), result, left(condition, 100) || ' of ' || facts) FROM tried ORDER BY n;

-- no condition, no facts
SELECT lives_ok('SELECT triage.check_condition(NULL)', 'no condition is a fine condition');
SELECT is(triage.try_condition(NULL, '{}'), true, 'no condition always applies');
SELECT is(triage.try_condition('danger is null', NULL), true, 'NULL facts are no facts');
SELECT is(triage.try_condition('danger is null'), true, 'facts have a default');

-- evaluation errors are the server's own
SELECT throws_ok($$SELECT triage.try_condition('1 / priority > 0', '{"priority": 0}')$$, '22012', NULL, 'division by zero passes through');
SELECT throws_ok($$SELECT triage.try_condition('priority + 2000000000 > 0', '{"priority": 2000000000}')$$, '22003', NULL, 'overflow passes through');
SELECT throws_ok($$SELECT triage.try_condition('(attrs->>''a'')::int > 0', '{"attrs": {"a": "x"}}')$$, '22P02', NULL, 'a bad cast passes through');
SELECT is(triage.try_condition('danger', '{"danger": true}'), true, 'and leaves nothing behind');

-- facts as jsonb
SELECT throws_ok($$SELECT triage.try_condition('true', '{"colour": 1}')$$, 'TR003', 'there is no fact "colour"', 'unknown fact');
SELECT throws_ok($$SELECT triage.try_condition('true', '{"priority": "1"}')$$, '22023', 'fact "priority" must be of type integer', 'fact of another type');
SELECT throws_ok($$SELECT triage.try_condition('true', '{"local_date": "today"}')$$, '22023', 'fact "local_date" must be of type date', 'facts do not move either');
SELECT throws_ok($$SELECT triage.try_condition('true', '{"attrs": "x"}')$$, '22023', 'fact "attrs" must be of type jsonb', 'attributes are an object');
SELECT throws_ok($$SELECT triage.try_condition('true', '[1]')$$, '22023', 'facts must be a JSON object', 'facts are an object');

-- The session does not matter: settings
SET LOCAL standard_conforming_strings = off;
SET LOCAL escape_string_warning = off;
SET LOCAL array_nulls = off;
SET LOCAL transform_null_equals = on;
SET LOCAL DateStyle = 'German, DMY';
SET LOCAL TimeZone = 'Pacific/Apia';
SET LOCAL IntervalStyle = sql_standard;
SELECT is(triage.try_condition($c$area = 'a\'$c$, $j${"area": "a\\"}$j$), true, 'standard_conforming_strings does not matter');
SELECT is(triage.try_condition($c$area = any ('{a,NULL}')$c$, '{"area": "NULL"}'), false, 'array_nulls does not matter');
SELECT is(triage.try_condition('area = null', '{}'), false, 'transform_null_equals does not matter');
SELECT is(triage.try_condition($c$local_date = '2026-02-01'$c$, '{"local_date": "2026-02-01"}'), true, 'DateStyle does not matter');
SELECT is(pg_temp.refusal('area = ''x'), $$unterminated quoted string at or near "'x" @8$$, 'a refusal under such settings');
SELECT is(current_setting('standard_conforming_strings') || current_setting('array_nulls'), 'offoff', 'and they are as before');
RESET standard_conforming_strings;
RESET escape_string_warning;
RESET array_nulls;
RESET transform_null_equals;
RESET DateStyle;
RESET TimeZone;
RESET IntervalStyle;

-- The session does not matter: names.  Each of these would make the condition true, or have it refused.
-- (The function loses its search path for the while: the intake has none either.)
CREATE SCHEMA evil;
CREATE FUNCTION evil.yes(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION evil.yes(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION evil.yes(date, date) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR evil.^@ (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.yes);
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.yes);
CREATE OPERATOR evil.= (LEFTARG = int, RIGHTARG = int, FUNCTION = evil.yes);
CREATE OPERATOR evil.>= (LEFTARG = date, RIGHTARG = date, FUNCTION = evil.yes);
CREATE OPERATOR evil.<= (LEFTARG = date, RIGHTARG = date, FUNCTION = evil.yes);
CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'evil'$$;
CREATE DOMAIN evil.text AS pg_catalog.text CHECK (VALUE = 'evil');
ALTER FUNCTION triage.try_condition(text, jsonb) RESET search_path;
SET LOCAL search_path = evil, pg_catalog, public;
-- pgTAP itself would stumble over these operators: so first note down, then test
CREATE TEMP TABLE under_evil AS
SELECT c, triage.try_condition(c, '{"area": "zz", "priority": 3, "local_date": "2030-01-01"}') AS result
FROM unnest(ARRAY[
	$$area ^@ 'a'$$,
	$$area in ('a', 'b')$$,
	$$area = any (array['a'])$$,
	'case priority when 1 then true end',
	$$local_date between '2026-01-01' and '2026-01-02'$$,
	$$lower(area) = 'evil'$$,
	$$'a'::text = area$$,
	$$nullif(area, 'x') is null$$]::pg_catalog.text[]) c;
RESET search_path;
SELECT is(result, false, 'search_path does not matter: ' || c) FROM under_evil;
ALTER FUNCTION triage.try_condition(text, jsonb) SET search_path = pg_catalog, pg_temp;

-- what the catalog says of our functions
SELECT is((SELECT string_agg(format('%s %s %s %s', proname, provolatile, proparallel, array_to_string(proconfig, ';')), E'\n' ORDER BY proname)
	FROM pg_proc WHERE pronamespace = 'triage'::regnamespace AND proname IN ('check_condition', 'try_condition')),
	E'check_condition s u search_path=pg_catalog, pg_temp\ntry_condition s u search_path=pg_catalog, pg_temp',
	'volatility, parallel safety, search path');

SELECT * FROM finish();
ROLLBACK;
