\set r random(1, 100000)
SELECT triage.report('12345', body, area => area, reporter => 'reporter', contact => '138' || lpad(:r::text, 8, '0')) FROM tx WHERE id = :r;
