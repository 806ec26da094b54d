\set r random(1, 100000)
WITH c AS (INSERT INTO peer.c2 (area_id, reporter, phone, title, body, category_id)
		SELECT area_id, 'reporter', '13800000000', 'title', body, 3 FROM tx WHERE id = :r
		RETURNING case_id, reported_at),
	a AS (INSERT INTO peer.assignment (tab, case_id, seq, dept_id, rule_id, score) SELECT 2, case_id, 1, 7, 1, 1 FROM c),
	d AS (INSERT INTO peer.deadline (tab, case_id, kind, due) SELECT 2, case_id, k, reported_at + i
		FROM c, (VALUES (1, interval '1 hour'), (2, interval '4 hours'), (3, interval '3 days')) v (k, i)),
	o AS (INSERT INTO peer.outbox (tab, case_id, dept_id, payload)
		SELECT 2, case_id, 7, jsonb_build_object('case', case_id, 'dept', 7, 'category', 3) FROM c)
INSERT INTO peer.event (tab, case_id, kind, detail)
	SELECT 2, case_id, 1, jsonb_build_object('rule', 1, 'score', 1) FROM c;
