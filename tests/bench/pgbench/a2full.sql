\set r random(1, 100000)
WITH t AS (SELECT area_id, body FROM tx WHERE id = :r),
	c AS (INSERT INTO peer.c2 (area_id, reporter, phone, title, body, category_id)
		SELECT area_id, 'reporter', '13800000000', 'title', body, 3 FROM t
		RETURNING case_id, reported_at, body),
	s AS (INSERT INTO peer.source (case_id, seq, channel, reporter, contact, reported_at)
		SELECT case_id, 1, '12345', 'reporter', '13800000000', reported_at FROM c),
	n AS (INSERT INTO peer.decision (case_id, seq, facts, candidates, reason)
		SELECT case_id, 1, jsonb_build_object('hits', jsonb_build_array('a', 'b'), 'priority', 3, 'place', 'x'),
			jsonb_build_array('a', 'b', 'c'), 'terms' FROM c),
	a AS (INSERT INTO peer.assignment (tab, case_id, seq, dept_id, rule_id, score)
		SELECT 2, case_id, g, 7, 1, 1 FROM c, generate_series(1, 4) g),
	d AS (INSERT INTO peer.deadline (tab, case_id, kind, due)
		SELECT 2, case_id, k, reported_at + k * interval '1 hour' FROM c, generate_series(1, 6) k),
	o AS (INSERT INTO peer.outbox (tab, case_id, dept_id, payload)
		SELECT 2, case_id, 7, jsonb_build_object('case', case_id, 'dept', 7, 'category', 3, 'body', body)
		FROM c, generate_series(1, 4))
INSERT INTO peer.event (tab, case_id, kind, detail)
	SELECT 2, case_id, 1, jsonb_build_object('rule', 1, 'score', 1) FROM c;
