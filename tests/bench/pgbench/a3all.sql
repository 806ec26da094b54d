\set r random(1, 100000)
INSERT INTO peer.c4 (area_id, reporter, phone, title, body, category_id) SELECT area_id, 'reporter', '13800000000', 'title', body, 3 FROM tx WHERE id = :r;
