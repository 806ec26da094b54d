-- The same matter: signatures after intake, similar cases, repeats by rule,
-- suggestions, links, and who sees which of it.
-- Source: extension/casework/similar.c, repeats.c, signature.c, link.c, sql/52_same_matter.sql
\ir include/helpers.psql
BEGIN;
\ir include/small.psql
COMMIT;

CREATE ROLE t110_desk; CREATE ROLE t110_far; CREATE ROLE t110_nobody;
GRANT USAGE ON SCHEMA triage TO t110_desk, t110_far, t110_nobody;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA triage TO t110_desk, t110_far;
INSERT INTO triage.channels (code, zh, en, kind, confirm_danger, needs_caller, allows_anonymous) VALUES ('probe', '探头', 'Sensor', 'sensor', false, false, true);

INSERT INTO triage.case_types (code, parent, zh, en, nature, priority)
	SELECT 'GX', NULL, '其他组', 'Other group', 'nonpolice', 4 UNION ALL SELECT 'X1', 'GX', '其他', 'Other', 'nonpolice', 4;
\set leak LEAK

CREATE TEMP TABLE made (name text, case_id bigint);
GRANT SELECT, INSERT ON made TO PUBLIC;
CREATE FUNCTION pg_temp.id(name text) RETURNS bigint LANGUAGE sql AS 'SELECT m.case_id FROM made m WHERE m.name = $1';
-- 'name name ...' of similar cases, best first
CREATE FUNCTION pg_temp.names(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r	text;
BEGIN
	EXECUTE format('SELECT string_agg(m.name, '' '' ORDER BY q.n) FROM (SELECT s.case_id, row_number() OVER () AS n FROM (%s) s) q JOIN made m USING (case_id)', query) INTO r;
	RETURN coalesce(r, '');
END
$$;

SET triage.now = '2026-03-02 10:00+08';

-- ---- nothing there yet ----
SET ROLE t110_desk;
SELECT is_empty($$SELECT * FROM triage.similar_to('水管漏水', location => '(120.1,28.9)', reporter => '13800000000')$$, 'nothing is similar in an empty system');
SELECT is_empty($$SELECT * FROM triage.similar_to(NULL)$$, 'nor to nothing');
RESET ROLE;

-- ---- by text ----
INSERT INTO made SELECT 'leak', r.case_id FROM triage.report('v110', '东门街道人民路18号门口水管爆裂，路面冒水，请尽快处理', reporter => 'a') r;
INSERT INTO made SELECT 'dance', r.case_id FROM triage.report('v110', '东门广场舞音响太吵，晚上十点还不停', reporter => 'b') r;
SELECT is_empty($$SELECT * FROM triage.similar_to('人民路18号水管爆裂')$$, 'a case is found once somebody looked after it');
SELECT is((SELECT count(*) FROM triage.tick()), 1::bigint, 'tick() does where no worker runs');
SELECT is((SELECT count(*) FROM triage.case_signatures s JOIN triage.cases c USING (case_id) WHERE s.reported_at = c.reported_at AND s.signature IS NOT NULL AND s.location IS NULL), 2::bigint, 'a signature each');
SET ROLE t110_desk;
SELECT is(pg_temp.names($$SELECT * FROM triage.similar_to('水管爆裂，水从人民路18号流到路面')$$), 'leak', 'the same matter in other words, and no other');
SELECT is(pg_temp.names($$SELECT * FROM triage.similar_to('ＸＹＺ 卖报纸')$$), '', 'another text has nothing in common');
SELECT ok((SELECT s.score > 0.5 AND s.reason #> '{text,likeness}' IS NOT NULL AND s.reason #> '{time,days}' = '0.0' FROM triage.similar_to('人民路18号水管爆裂') s), 'with score and reason');
SELECT ok((SELECT abs(s.score - 1 / (1 + exp(1 - (SELECT sum((p.value ->> 'by')::float8) FROM jsonb_each(s.reason) p)))) < 0.005 FROM triage.similar_to('人民路18号水管爆裂', 'Z112', reporter => 'a') s),
	'the score is the logistic function of what the reason sums up');
SELECT is(pg_temp.names($$SELECT * FROM triage.similar_to('人民路18号水管爆裂', at => '2026-03-01 10:00+08')$$), '', 'what is reported later is left out');
SELECT is(pg_temp.names($$SELECT * FROM triage.similar_to('人民路18号水管爆裂', at => '2026-09-01 10:00+08')$$), '', 'what is too old as well');
RESET ROLE;

-- ---- by place and type; as of a time ----
INSERT INTO made SELECT 'here', r.case_id FROM triage.report('v110', NULL, location => '(120.1000,28.9000)', case_type => :'leak', reporter => 'c') r;
INSERT INTO made SELECT 'near', r.case_id FROM triage.report('v110', NULL, location => '(120.1008,28.9000)', case_type => :'leak', reporter => 'd') r;
INSERT INTO made SELECT 'other', r.case_id FROM triage.report('v110', NULL, location => '(120.1000,28.9000)', case_type => 'X1', reporter => 'e') r;
INSERT INTO made SELECT 'far', r.case_id FROM triage.report('v110', NULL, location => '(120.2000,28.9000)', case_type => :'leak', reporter => 'f') r;
INSERT INTO made SELECT 'pole', r.case_id FROM triage.report('v110', NULL, location => '(180,90)', case_type => :'leak', reporter => 'g') r;
SELECT is((SELECT count(*) FROM triage.tick()), 1::bigint, 'looked after');
SET ROLE t110_desk;
SELECT is(pg_temp.names(format('SELECT * FROM triage.similar_to(NULL, location => %L, case_type => %L)', '(120.1,28.9)', :'leak')), 'here near other', 'by place and type: nearer and of the type first');
SELECT is((SELECT round((s.reason #>> '{place,meters}')::numeric) FROM triage.similar_to(NULL, location => '(120.1,28.9)') s WHERE s.case_id = pg_temp.id('near')), 78::numeric, 'meters on the globe');
SELECT is(pg_temp.names($$SELECT * FROM triage.similar_to(NULL, location => '(-180,90)')$$), '', 'at the edge of the map');
SELECT is(pg_temp.names(format('SELECT * FROM triage.similar_to(NULL, location => %L)', '(NaN,28.9)')), '', 'no place at all');
SELECT is(pg_temp.names(format('SELECT * FROM triage.similar(%s)', pg_temp.id('here'))), 'near other', 'similar() of a case, which is not similar to itself');
SELECT is(pg_temp.names(format('SELECT * FROM triage.similar(%s, 1)', pg_temp.id('here'))), 'near', 'as many as were asked for');
RESET ROLE;
UPDATE triage.cases c SET closed_at = '2026-03-02 10:00+08', status = 'closed' WHERE c.case_id = pg_temp.id('here');
SELECT is(pg_temp.names(format('SELECT * FROM triage.similar_to(NULL, location => %L, case_type => %L, at => %L)', '(120.1,28.9)', :'leak', '2026-03-02 11:00+08')), 'near here other', 'a closed one comes later');
SELECT ok((SELECT s.reason ? 'closed' FROM triage.similar_to(NULL, location => '(120.1,28.9)', at => '2026-03-02 11:00+08') s WHERE s.case_id = pg_temp.id('here')), 'and says why');
UPDATE triage.cases c SET status = 'void' WHERE c.case_id = pg_temp.id('here');
SELECT is(pg_temp.names(format('SELECT * FROM triage.similar_to(NULL, location => %L, case_type => %L)', '(120.1,28.9)', :'leak')), 'near other', 'a void one never');

-- ---- by area and type alone ----
INSERT INTO made SELECT 'area', r.case_id FROM triage.report('v110', NULL, area => 'Z122', case_type => :'leak', reporter => 'i') r;
SELECT is((SELECT count(*) FROM triage.tick()), 1::bigint, 'looked after');
SELECT is(pg_temp.names(format('SELECT * FROM triage.similar_to(NULL, %L, case_type => %L)', 'Z122', :'leak')), 'area', 'by area and type');

-- ---- refusals ----
SET ROLE t110_desk;
SELECT is(pg_temp.refusal($$SELECT * FROM triage.similar_to('x', 'nope')$$), 'TR003 area "nope" does not exist', 'unknown area');
SELECT is(pg_temp.refusal($$SELECT * FROM triage.similar_to('x', case_type => 'nope')$$), 'TR003 case type "nope" does not exist', 'unknown type');
SELECT is(pg_temp.refusal($$SELECT * FROM triage.similar_to('x', max_rows => 0)$$), 'TR003 argument "max_rows" is out of range', 'no rows');
SELECT is(pg_temp.refusal($$SELECT * FROM triage.similar_to('x', at => 'infinity')$$), 'TR003 argument "at" must be a finite time', 'no time');
SELECT is(pg_temp.refusal($$SELECT * FROM triage.similar(0)$$), 'TR003 case 0 does not exist', 'unknown case');
SELECT is(pg_temp.refusal($$SELECT * FROM triage.similar(NULL)$$), 'TR003 argument "case_id" must not be null', 'no case');
SET ROLE t110_nobody;
SELECT is(pg_temp.refusal($$SELECT * FROM triage.similar_to('x')$$) ^@ '42501', true, 'without privilege');
RESET ROLE;

-- ---- repeats by rule ----
INSERT INTO triage.repeat_rules (code, same, days, raise_at, zh, en) VALUES ('person', 'person', 30, 3, '同一人', 'the same person');
INSERT INTO triage.repeat_rules (code, same, days, radius_m, zh, en) VALUES ('place', 'place', 30, 50, '同一地点', 'the same place');
INSERT INTO triage.repeat_rules (code, same, days, same_group, zh, en) VALUES ('ref', 'reference', 30, false, '同一编号', 'the same reference'), ('probe', 'sensor', 7, true, '同一设备', 'the same device');
SELECT version AS v FROM triage.rulebook \gset
CREATE FUNCTION pg_temp.links(id bigint) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
	SELECT string_agg(concat_ws(' ', m.name, l.kind, l.rule), ', ' ORDER BY m.name) FROM triage.links l JOIN made m ON m.case_id = l.linked_case WHERE l.case_id = id
$$;
CREATE FUNCTION pg_temp.repeats(id bigint) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
	SELECT concat_ws(' ', d.facts -> 'repeats', d.facts ->> 'raised', 'U' || c.priority) FROM triage.decisions d JOIN triage.cases c USING (case_id) WHERE d.case_id = id AND d.seq = 1
$$;
INSERT INTO made SELECT 'p1', r.case_id FROM triage.report('v110', '水管漏水', 'Z11', contact => '+86 138-0000-0001') r;
INSERT INTO made SELECT 'p2', r.case_id FROM triage.report('v110', '水管漏水了', 'Z11', contact => '13800000001') r;
INSERT INTO made SELECT 'x1', r.case_id FROM triage.report('v110', '别的事', 'Z11', contact => '13800000001', case_type => 'X1') r;
INSERT INTO made SELECT 'p3', r.case_id FROM triage.report('v110', '水管还在漏水', 'Z11', contact => '1380000 0001') r;
INSERT INTO made SELECT 'q1', r.case_id FROM triage.report('v110', '水管漏水', 'Z11', contact => '13800000002') r;
SELECT is(pg_temp.links(pg_temp.id('p1')), NULL::text, 'the first report repeats nothing');
SELECT is(pg_temp.links(pg_temp.id('p2')), 'p1 related person', 'the second of a contact does');
SELECT is(pg_temp.links(pg_temp.id('x1')), NULL::text, 'one of another group of types does not');
SELECT is(pg_temp.links(pg_temp.id('p3')), 'p1 related person, p2 related person', 'the third repeats two');
SELECT is(pg_temp.links(pg_temp.id('q1')), NULL::text, 'another contact repeats nothing');
SELECT is((SELECT array_agg(DISTINCT l.rule_version) FROM triage.links l), ARRAY[:v]::bigint[], 'the link names the rulebook version of its rule');
SELECT is((SELECT array_agg(pg_temp.repeats(pg_temp.id(n))) FROM unnest(ARRAY['p1', 'p2', 'p3']) n)::text,
	(SELECT format('{U%1$s,"1 U%1$s","2 true U%2$s"}', t.priority, t.priority - 1) FROM triage.case_types t WHERE t.code = :'leak'), 'the decision keeps the count; the third is more urgent by one');
INSERT INTO made SELECT 'late', r.case_id FROM triage.report('v110', '水管漏水', 'Z11', contact => '13800000001', reported_at => '2026-01-02 10:00+08') r;
SELECT is(pg_temp.links(pg_temp.id('late')), NULL::text, 'one that was made earlier repeats nothing that came after it');

-- a route may use the count
INSERT INTO triage.routes (code, case_type, condition, precedence) VALUES ('again', :'leak', 'repeats >= 1', 99);
INSERT INTO triage.route_parties (route, seq, department, duty) VALUES ('again', 1, 'ENV', 'lead');
INSERT INTO made SELECT 'p4', r.case_id FROM triage.report('v110', '水管漏水', 'Z11', contact => '13800000002') r;
SELECT is((SELECT c.lead FROM triage.cases c WHERE c.case_id = pg_temp.id('p4')), 'ENV', 'a route''s condition reads repeats');
DELETE FROM triage.route_parties WHERE route = 'again';
DELETE FROM triage.routes WHERE code = 'again';

-- place, reference, sensor
INSERT INTO made SELECT 'spot1', r.case_id FROM triage.report('v110', '水管漏水', 'Z12', '(120.5,28.5)', reporter => 'j') r;
SELECT is((SELECT count(*) FROM triage.tick()), 1::bigint, 'looked after');
INSERT INTO made SELECT 'spot2', r.case_id FROM triage.report('v12345', '水管漏水', 'Z12', '(120.5003,28.5)', reporter => 'k') r;
INSERT INTO made SELECT 'spot3', r.case_id FROM triage.report('v12345', '水管漏水', 'Z12', '(120.51,28.5)', reporter => 'k') r;
SELECT is(pg_temp.links(pg_temp.id('spot2')), 'spot1 related place', 'the same place, by another person and channel');
SELECT is(pg_temp.links(pg_temp.id('spot3')), NULL::text, 'not a kilometre away');
INSERT INTO made SELECT 'r1', r.case_id FROM triage.report('v110', '水管漏水', 'Z12', external_ref => 'R-1', reporter => 'l') r;
INSERT INTO made SELECT 'r2', r.case_id FROM triage.report('v12345', '别的', 'Z12', external_ref => 'R-1', reporter => 'm') r;
SELECT is(pg_temp.links(pg_temp.id('r2')), 'r1 related ref', 'the same reference on another channel');
SELECT is((SELECT r.case_id FROM triage.report('v110', '水管漏水', 'Z12', external_ref => 'R-1', reporter => 'l') r), pg_temp.id('r1'), 'on the same channel it is the same case');
INSERT INTO made SELECT 's1', r.case_id FROM triage.report('probe', '水管漏水', 'Z12', reporter => 'D-7') r;
INSERT INTO made SELECT 's2', r.case_id FROM triage.report('probe', '水管漏水', 'Z12', reporter => 'D-7') r;
INSERT INTO made SELECT 's3', r.case_id FROM triage.report('probe', '水管漏水', 'Z12', reporter => 'D-8') r;
SELECT is(pg_temp.links(pg_temp.id('s2')), 's1 related probe', 'the same device');
SELECT is(pg_temp.links(pg_temp.id('s3')), NULL::text, 'not another one');

-- the nearest rule holds; retired rules do not
INSERT INTO triage.repeat_rules (code, same, case_type, days, kind, zh, en) VALUES ('leak', 'person', :'leak', 30, 'duplicate', '漏水', 'leaks');
INSERT INTO made SELECT 'p5', r.case_id FROM triage.report('v110', '水管漏水', 'Z11', contact => '13800000002') r;
SELECT is(pg_temp.links(pg_temp.id('p5')), 'p4 duplicate leak, q1 duplicate leak', 'a rule of the type comes before one of all');
UPDATE triage.repeat_rules SET active = false WHERE code IN ('leak', 'person');
INSERT INTO made SELECT 'p6', r.case_id FROM triage.report('v110', '水管漏水', 'Z11', contact => '13800000002') r;
SELECT is(pg_temp.links(pg_temp.id('p6')), NULL::text, 'retired rules find nothing');
SELECT is((SELECT h.row ->> 'same' FROM triage.rule_history h WHERE h.relation = 'repeat_rules' AND h.row ->> 'code' = 'leak'), 'person', 'what a rule was is kept');
UPDATE triage.repeat_rules SET active = true WHERE code = 'person';

-- rows by INSERT: after the commit, by tick()
INSERT INTO triage.cases (channel, body, area, contact) VALUES ('v110', '水管漏水', 'Z11', '13800000009'), ('v110', '水管又漏水', 'Z11', '138 0000 0009'), ('v110', '水管漏水第三次', 'Z11', '0086-13800000009');
INSERT INTO made SELECT 'i' || row_number() OVER (ORDER BY c.case_id), c.case_id FROM triage.cases c WHERE c.contact LIKE '%9';
SELECT is(pg_temp.links(pg_temp.id('i2')), NULL::text, 'rows by INSERT are not searched for at once');
SELECT is((SELECT count(*) FROM triage.tick()), 1::bigint, 'but after the commit');
SELECT is(pg_temp.links(pg_temp.id('i1')), NULL::text, 'the first repeats nothing');
SELECT is(pg_temp.links(pg_temp.id('i3')), 'i1 related person, i2 related person', 'the third two');
SELECT is((SELECT string_agg('U' || c.priority, ' ' ORDER BY c.case_id) FROM triage.cases c JOIN made m USING (case_id) WHERE m.name IN ('i1', 'i3')),
	(SELECT format('U%s U%s', t.priority, t.priority - 1) FROM triage.case_types t WHERE t.code = :'leak'), 'and is more urgent by one');
SELECT is(pg_temp.verbs(pg_temp.id('i3')), 'report raise', 'which its history says');
CREATE TEMP TABLE before_again AS SELECT count(*) FROM triage.links;
DELETE FROM triage.case_signatures;
UPDATE triage.local_state SET value = '0 0 0 0 0 0' WHERE key = 'signed';
SELECT is((SELECT count(*) FROM triage.tick()), 1::bigint, 'all are signed anew');
SELECT is((SELECT count(*) FROM triage.case_signatures), (SELECT count(*) FROM triage.cases), 'every case');
SELECT is(pg_temp.verbs(pg_temp.id('i3')), 'report raise', 'raised once');

-- a channel may fold
INSERT INTO triage.repeat_rules (code, same, channel, days, fold, zh, en) VALUES ('web', 'person', 'web', 30, true, '网上重复', 'repeats by web');
INSERT INTO made SELECT 'w1', r.case_id FROM triage.report('web', '水管漏水', 'Z11', contact => 'li@example.com') r;
SELECT is((SELECT r.case_id FROM triage.report('web', '水管还是漏水', 'Z11', contact => 'LI@example.com') r), pg_temp.id('w1'), 'a repeat on a channel that folds joins the case');
SELECT is((SELECT c.report_count || ' ' || (SELECT count(*) FROM triage.case_sources s WHERE s.case_id = c.case_id) FROM triage.cases c WHERE c.case_id = pg_temp.id('w1')), '2 2', 'and is counted');
SELECT isnt((SELECT r.case_id FROM triage.report('web', '别的事', 'Z11', contact => 'li@example.com', case_type => 'X1') r), pg_temp.id('w1'), 'another matter of the same person does not');
SELECT is(pg_temp.refusal($$INSERT INTO triage.repeat_rules (code, same, days, fold, zh, en) VALUES ('all', 'person', 30, true, 'x', 'x')$$) ^@ '23514', true, 'only a rule with a channel folds');

-- ---- suggestions ----
INSERT INTO triage.repeat_rules (code, same, days, radius_m, min_score, zh, en) VALUES ('matter', 'matter', 90, 1000, 0.6, '疑似', 'likely');
INSERT INTO made SELECT 'm1', r.case_id FROM triage.report('v110', '西山镇石桥村桥头路灯不亮，晚上走路看不见', reporter => 'n') r;
INSERT INTO made SELECT 'm2', r.case_id FROM triage.report('v12345', '石桥村桥头路灯不亮好几天了', reporter => 'o') r;
INSERT INTO made SELECT 'm3', r.case_id FROM triage.report('v12345', '办事大厅窗口态度差', reporter => 'p') r;
SELECT is((SELECT count(*) FROM triage.tick()), 1::bigint, 'looked after');
SELECT is((SELECT string_agg(m.name || ' ' || s.rule, ', ') FROM triage.suggestions s JOIN made m ON m.case_id = s.linked_case WHERE s.case_id = pg_temp.id('m2')), 'm1 matter', 'a likely duplicate is suggested to the later case');
SELECT is((SELECT count(*) FROM triage.suggestions s WHERE s.case_id IN (pg_temp.id('m1'), pg_temp.id('m3'))), 0::bigint, 'not to the earlier, nor where none is likely');
SELECT is(pg_temp.links(pg_temp.id('m2')), NULL::text, 'and nothing is tied unasked');
SELECT is((SELECT c.status FROM triage.cases c WHERE c.case_id = pg_temp.id('m2')), (SELECT c.status FROM triage.cases c WHERE c.case_id = pg_temp.id('m1')), 'nor merged');
SET ROLE t110_desk;
SELECT is((SELECT triage.explain_json(pg_temp.id('m2')) #>> '{same_matter,suggested,0,case_id}'), pg_temp.id('m1')::text, 'explain_json() shows it');
SELECT matches(triage.explain(pg_temp.id('m2')), '疑似同一事项 may be the same as [0-9-]+  0\.[0-9]+  text 0\.', 'explain() says why');

SELECT is((SELECT i.likely_same FROM triage.inbox(max_rows => 1000) i WHERE i.case_id = pg_temp.id('m2')), pg_temp.id('m1'), 'the desk shows it');
SELECT is((SELECT i.likely_same FROM triage.inbox(max_rows => 1000) i WHERE i.case_id = pg_temp.id('m3')), NULL::bigint, 'and none where there is none');
RESET ROLE;
-- what a case says later counts as soon as somebody looked after it, and costs the verb no search
SELECT (triage.append_text(pg_temp.id('m3'), '西山镇石桥村桥头路灯不亮，晚上走路看不见')).status \g /dev/null
SELECT is((SELECT count(*) FROM triage.signatures_due), 1::bigint, 'an addition waits to be signed');
SELECT is((SELECT count(*) FROM triage.tick()), 1::bigint, 'looked after');
SELECT is((SELECT count(*) FROM triage.signatures_due), 0::bigint, 'once');
SELECT is((SELECT bool_or(s.linked_case = pg_temp.id('m1')) FROM triage.suggestions s WHERE s.case_id = pg_temp.id('m3')), true, 'an addition is compared with the others');
SELECT is(pg_temp.names(format('SELECT * FROM triage.similar(%s)', pg_temp.id('m1'))) LIKE '%m3%', true, 'and found by them');
SELECT (triage.reclassify(pg_temp.id('m3'), 'X1')).status \g /dev/null
SELECT count(*) FROM triage.tick() \g /dev/null
SELECT is((SELECT s.case_type FROM triage.case_signatures s WHERE s.case_id = pg_temp.id('m3')), 'X1', 'so is another type');
SET ROLE t110_desk;

-- ---- link_case ----
SELECT is((SELECT c.case_id FROM triage.link_case(pg_temp.id('m2'), pg_temp.id('m1'), 'duplicate', '同一盏灯') c), pg_temp.id('m2'), 'a person ties the two');
SELECT is(pg_temp.links(pg_temp.id('m2')), 'm1 duplicate', 'without a rule');
SELECT is((SELECT triage.explain_json(pg_temp.id('m1')) #>> '{same_matter,linked,0,back}'), 'true', 'seen from the other too');
SELECT matches(pg_temp.refusal(format('SELECT triage.link_case(%s, %s, ''duplicate'')', pg_temp.id('m2'), pg_temp.id('m1'))), '^TR001 case .* is linked with case [0-9]+ in this way already$', 'once');
SELECT matches(pg_temp.refusal(format('SELECT triage.link_case(%s, %s)', pg_temp.id('m2'), pg_temp.id('m2'))), '^TR003 case .* cannot be linked with itself$', 'not with itself');
SELECT is(pg_temp.refusal(format('SELECT triage.link_case(%s, 0)', pg_temp.id('m2'))), 'TR003 case 0 does not exist', 'not with nothing');
SELECT is(pg_temp.refusal(format('SELECT triage.link_case(%s, %s, ''cousin'')', pg_temp.id('m2'), pg_temp.id('m1'))), 'TR003 kind of link "cousin" does not exist', 'in no other way');
SELECT is(pg_temp.refusal(format('SELECT triage.link_case(%s, NULL)', pg_temp.id('m2'))), 'TR003 argument "other_case" must not be null', 'null');
RESET ROLE;
SELECT is(pg_temp.verbs(pg_temp.id('m2')), 'report link_case', 'the history has it');

-- ---- who sees what ----
INSERT INTO triage.members (role, duty, department, area) VALUES ('t110_desk', 'centre', '', 'Z1'), ('t110_far', 'centre', '', 'Z2');
SET ROLE t110_desk;
SELECT is(pg_temp.names($$SELECT * FROM triage.similar_to('石桥村桥头路灯不亮')$$) LIKE '%m1%', true, 'a centre finds its area''s cases');
SET ROLE t110_far;
SELECT is(pg_temp.names($$SELECT * FROM triage.similar_to('石桥村桥头路灯不亮')$$), '', 'another one does not');
SELECT is(pg_temp.names(format('SELECT * FROM triage.similar_to(NULL, location => %L)', '(120.5,28.5)')), '', 'nor by place');
SELECT is(pg_temp.refusal(format('SELECT * FROM triage.similar(%s)', pg_temp.id('m1'))), format('TR003 case %s does not exist', pg_temp.id('m1')), 'nor by case');
SELECT is(pg_temp.refusal(format('SELECT triage.link_case(%s, %s)', pg_temp.id('m1'), pg_temp.id('m2'))), format('TR003 case %s does not exist', pg_temp.id('m1')), 'and ties nothing');
SELECT is(triage.same_matter(pg_temp.id('m2')), NULL::jsonb, 'nor reads what was found');
RESET ROLE;
DELETE FROM triage.members;

-- ---- many ----
INSERT INTO triage.cases (channel, body, area) SELECT 'v110', format('第%s号楼电梯坏了，%s', n, md5(n::text)), 'Z11' FROM generate_series(1, 2100) n;
SELECT is((SELECT t.more FROM triage.tick() t), false, 'a bulk load is looked after');
SELECT is((SELECT count(*) FROM triage.cases c WHERE NOT EXISTS (SELECT FROM triage.case_signatures s WHERE s.case_id = c.case_id)), 0::bigint, 'wholly');
SELECT ok((SELECT w.cases > 2000 AND octet_length(w.value) > 1000 FROM triage.text_weights w), 'and what is rare is counted anew');
UPDATE triage.text_weights SET value = 'damaged', version = version + 1;
SELECT is(pg_temp.names($$SELECT * FROM triage.similar_to('人民路18号门口水管爆裂，路面冒水', max_rows => 1)$$), 'leak', 'damaged weights weigh nothing');

SELECT * FROM finish();
