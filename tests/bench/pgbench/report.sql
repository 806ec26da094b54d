\set r random(1, 100000)
SELECT triage.report('12345', body, area => area, reporter => 'reporter', contact => '13800000000') FROM tx WHERE id = :r;
