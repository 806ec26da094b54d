/*
 * The peers: what somebody without the extension would have, in plain tables.
 *
 *	a2cte	all rows of a case written by hand in one statement, nothing decided
 *	a2rt	the same in a transaction of six statements
 *	a3		a trigger in PL/pgSQL that classifies by 300 regular expressions of
 *			ten words each and writes the same rows
 *	a3all	a3 with all the words that the rulebook has, ten to an expression: what
 *			ours looks for
 *	b2_set	a2cte for many rows at once
 *
 * They write seven rows a case.  What as many rows as ours cost by hand is in
 * by_hand.sql (a2full, b2_full).
 *
 * tx (id, area_id, area, body) and further (n, case_type, term) are there
 * already.
 */
CREATE SCHEMA peer;
SET search_path = peer, public;

DO $$
DECLARE
	t	text;
BEGIN
	FOREACH t IN ARRAY ARRAY['c2', 'c3', 'c4'] LOOP
		EXECUTE format('CREATE TABLE %I (case_id bigserial PRIMARY KEY, reported_at timestamptz NOT NULL DEFAULT now(),'
			' area_id int NOT NULL, reporter text, phone text, title text, body text NOT NULL,'
			' status smallint NOT NULL DEFAULT 0, category_id int, dept_id int)', t);
		EXECUTE format('CREATE INDEX ON %I (reported_at)', t);
		EXECUTE format('CREATE INDEX ON %I (area_id, status)', t);
	END LOOP;
END
$$;

CREATE TABLE assignment (tab smallint, case_id bigint, seq int, dept_id int NOT NULL, rule_id int, score int,
	assigned_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (tab, case_id, seq));
CREATE TABLE deadline (tab smallint, case_id bigint, kind smallint, due timestamptz NOT NULL,
	state smallint NOT NULL DEFAULT 0, PRIMARY KEY (tab, case_id, kind));
CREATE INDEX ON deadline (due) WHERE state = 0;
CREATE TABLE outbox (id bigserial PRIMARY KEY, tab smallint, case_id bigint NOT NULL, dept_id int NOT NULL,
	payload jsonb NOT NULL, created timestamptz NOT NULL DEFAULT now(), next_at timestamptz NOT NULL DEFAULT now(),
	attempts int NOT NULL DEFAULT 0, state smallint NOT NULL DEFAULT 0);
CREATE INDEX ON outbox (next_at) WHERE state = 0;
CREATE TABLE event (event_id bigserial PRIMARY KEY, tab smallint, case_id bigint NOT NULL,
	at timestamptz NOT NULL DEFAULT now(), kind smallint NOT NULL, detail jsonb);
CREATE INDEX ON event (case_id);

-- 300 rules of ten words for 60 categories, and where each goes by area and time of day
CREATE TABLE rule (rule_id int PRIMARY KEY, category_id int NOT NULL, weight int NOT NULL, pattern text NOT NULL);
INSERT INTO rule
	SELECT (n - 1) % 300 + 1, ((n - 1) % 300) % 60 + 1, 10 + ((n - 1) % 300) % 7, string_agg(term, '|')
	FROM further WHERE n <= 3000 GROUP BY (n - 1) % 300;
CREATE TABLE rule_all (LIKE rule INCLUDING ALL);
INSERT INTO rule_all
	SELECT row_number() OVER (), case_type % 60 + 1, 10 + n % 7, string_agg(regexp_replace(term, '([^[:alnum:]])', '\\\1', 'g'), '|')
	FROM (SELECT dense_rank() OVER (ORDER BY t.case_type) AS case_type, t.term, row_number() OVER (PARTITION BY t.case_type ORDER BY t.term) / 10 AS n
		FROM triage.terms t WHERE t.kind = 'include' AND t.active) w GROUP BY case_type, n;
CREATE TABLE route (category_id int, area_id int, from_t time, to_t time, prio int, dept_id int);
INSERT INTO route
	SELECT c, a, f, f + interval '8 hours' - interval '1 us', 10, (c * 7 + a * 3 + extract(hour FROM f)::int) % 200 + 1
	FROM generate_series(1, 60) c, generate_series(1, 20) a, unnest(ARRAY['00:00', '08:00', '16:00']::time[]) f;
CREATE INDEX ON route (category_id, area_id, from_t);

CREATE FUNCTION route_of(p_cat int, p_area int, p_at timestamptz) RETURNS int LANGUAGE sql STABLE AS $$
	SELECT dept_id FROM peer.route
	WHERE category_id = p_cat AND area_id = p_area AND from_t <= p_at::time AND to_t >= p_at::time
	ORDER BY prio DESC LIMIT 1
$$;

CREATE FUNCTION a3() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	r	record;
	d	int;
	tab	int := substr(TG_TABLE_NAME, 2);
BEGIN
	IF TG_TABLE_NAME = 'c4' THEN
		SELECT rule_id, category_id, weight INTO r FROM peer.rule_all WHERE NEW.body ~ pattern
			ORDER BY weight DESC, rule_id LIMIT 1;
	ELSE
		SELECT rule_id, category_id, weight INTO r FROM peer.rule WHERE NEW.body ~ pattern
			ORDER BY weight DESC, rule_id LIMIT 1;
	END IF;
	IF r.rule_id IS NULL THEN
		r.category_id := 1;
	END IF;
	d := coalesce(peer.route_of(r.category_id, NEW.area_id, NEW.reported_at), 1);
	INSERT INTO peer.assignment (tab, case_id, seq, dept_id, rule_id, score)
		VALUES (tab, NEW.case_id, 1, d, r.rule_id, r.weight);
	INSERT INTO peer.deadline (tab, case_id, kind, due)
		VALUES (tab, NEW.case_id, 1, NEW.reported_at + interval '1 hour'),
			(tab, NEW.case_id, 2, NEW.reported_at + interval '4 hours'),
			(tab, NEW.case_id, 3, NEW.reported_at + interval '3 days');
	INSERT INTO peer.outbox (tab, case_id, dept_id, payload)
		VALUES (tab, NEW.case_id, d, jsonb_build_object('case', NEW.case_id, 'dept', d, 'category', r.category_id));
	INSERT INTO peer.event (tab, case_id, kind, detail)
		VALUES (tab, NEW.case_id, 1, jsonb_build_object('rule', r.rule_id, 'score', r.weight));
	RETURN NULL;
END
$$;
CREATE TRIGGER a3 AFTER INSERT ON c3 FOR EACH ROW EXECUTE FUNCTION a3();
CREATE TRIGGER a3 AFTER INSERT ON c4 FOR EACH ROW EXECUTE FUNCTION a3();
ANALYZE;
