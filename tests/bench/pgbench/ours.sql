\set r random(1, 100000)
INSERT INTO triage.cases (channel, area, reporter, contact, body) SELECT '12345', area, 'reporter', '138' || lpad(:r::text, 8, '0'), body FROM tx WHERE id = :r;
