\set r random(1, 100000)
BEGIN;
INSERT INTO peer.c2 (area_id, reporter, phone, title, body, category_id) SELECT area_id, 'reporter', '13800000000', 'title', body, 3 FROM tx WHERE id = :r RETURNING case_id \gset
INSERT INTO peer.assignment (tab, case_id, seq, dept_id, rule_id, score) VALUES (2, :case_id, 1, 7, 1, 1);
INSERT INTO peer.deadline (tab, case_id, kind, due) VALUES (2, :case_id, 1, now() + interval '1 hour'), (2, :case_id, 2, now() + interval '4 hours'), (2, :case_id, 3, now() + interval '3 days');
INSERT INTO peer.outbox (tab, case_id, dept_id, payload) VALUES (2, :case_id, 7, jsonb_build_object('case', :case_id::int, 'dept', 7, 'category', 3));
INSERT INTO peer.event (tab, case_id, kind, detail) VALUES (2, :case_id, 1, jsonb_build_object('rule', 1, 'score', 1));
COMMIT;
