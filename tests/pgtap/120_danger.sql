-- Danger and police words that do not mean what they say: denied, past,
-- supposed, said only so, asked about, played.  On a voice channel a person
-- looks and the police are told; in writing another type may decide, and what
-- was not counted stays on record.
-- Source: extension/rulebook/context.c, classify.c; rules/zhejiang/context_words.csv
\ir include/helpers.psql

INSERT INTO triage.local_state (key, value, at) VALUES ('stopped', 'tests', now()) ON CONFLICT DO NOTHING;
SET triage.now = '2026-03-02 10:00+08';

-- 'status type nature verdict' of a sentence on a channel
CREATE FUNCTION pg_temp.verdict(channel text, body text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', p->>'status', coalesce(p->>'case_type', '-'), CASE WHEN (p->>'danger')::boolean THEN 'danger' END, p#>>'{facts,verdict}')
	FROM triage.preview(channel, body, '330784001') p
$$;
CREATE FUNCTION pg_temp.silenced(channel text, body text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(DISTINCT format('%s %s %s', s.v->>0, s.v->>2, s.v->>3), ', ' ORDER BY format('%s %s %s', s.v->>0, s.v->>2, s.v->>3))
	FROM jsonb_array_elements(triage.preview(channel, body, '330784001') #> '{facts,silenced}') s(v)
$$;

-- ---- danger that is danger ----
SELECT is(pg_temp.verdict('110', b), w, b) FROM (VALUES
	('楼上着火了，快来人', 'dispatched P406 danger danger'),
	('有人在门口打架', 'dispatched P201 danger danger'),
	('有人持刀伤人', 'dispatched P101 danger danger'),
	('没人管，他们又打起来了', 'dispatched P201 danger danger'),
	('有没有人来啊，着火了', 'dispatched P406 danger danger'),
	('去年就吵过，现在正在打架', 'dispatched P201 danger danger'),
	('没有受伤但起火了', 'dispatched P406 danger danger'),
	('人没有呼吸了', 'dispatched N610 danger danger'),
	('there is a fire in the kitchen', 'dispatched P406 danger danger'),
	('people fighting outside, nobody cares', 'dispatched P201 danger danger')) v(b, w);

-- ---- the same words beside others, spoken: a person, and the police are told ----
SELECT is(pg_temp.verdict('110', b), w, 'spoken: ' || b) FROM (VALUES
	('没有打架，就是楼上太吵', 'triage N201 danger doubtful_danger'),
	('并未起火', 'triage P406 danger doubtful_danger'),
	('去年这里起火过', 'triage P406 danger doubtful_danger'),
	('如果发生爆燃怎么办', 'triage P406 danger doubtful_danger'),
	('他在打架子鼓，吵得睡不着', 'triage N201 danger doubtful_danger'),
	('no fire at all, only smoke coming', 'dispatched P406 danger danger'),
	('there was no gas leak', 'triage N406 danger doubtful_danger')) v(b, w);
SELECT is((SELECT string_agg(concat_ws(' ', d.kind, x.v->>'duty'), ', ' ORDER BY x.n) FROM triage.preview('110', '没有打架，就是楼上太吵', '330784001') p,
	jsonb_array_elements(p->'parties') WITH ORDINALITY x(v, n) JOIN triage.departments d ON d.code = x.v->>'department'), 'SGC_C lead, T_PS backup', 'the centre has it, the police station is told');

INSERT INTO triage.endpoints (code, url) VALUES ('e_centre', 'http://127.0.0.1:1/c'), ('e_police', 'http://127.0.0.1:1/p');
UPDATE triage.departments SET endpoint = CASE kind WHEN 'T_PS' THEN 'e_police' ELSE 'e_centre' END WHERE code IN ('T_PS.330784001', 'SGC_C.330784');
SELECT case_id AS doubt FROM triage.report('110', '没有打架，就是楼上太吵', '330784001') \gset
SELECT is((SELECT string_agg(concat_ws(' ', d.endpoint, d.type), ', ' ORDER BY d.endpoint) FROM triage.deliveries d WHERE d.case_id = :doubt), 'e_centre triage, e_police triage', 'by notice, at once');
SELECT is(pg_temp.parties(:doubt), 'SGC_C.330784 lead offered', 'and have no part to play until a person says so');
SELECT is((triage.confirm_danger(:doubt, false)).status, 'triage', 'the person says it is none: it waits as an ordinary case');
SELECT is((triage.dispatch(:doubt)).lead, 'VILLAGE.330784001', 'and goes where such cases go');
SELECT case_id AS doubt FROM triage.report('110', '并未起火', '330784001') \gset
SELECT matches((triage.confirm_danger(:doubt, true)).lead, '^(FIRE|T_PS|PSB)', 'or that it is one: it goes where the danger goes');
SELECT case_id AS doubt FROM triage.report('message_board', '去年家里起火', '330784001', reporter => 'r') \gset
SELECT is((SELECT string_agg(d.endpoint, ', ') FROM triage.deliveries d WHERE d.case_id = :doubt), 'e_centre', 'in writing a person looks first, the police are not told');

-- ---- in writing: another type decides ----
SELECT is(pg_temp.verdict('message_board', b), w, 'written: ' || b) FROM (VALUES
	-- negation
	('没有打架，就是楼上太吵', 'dispatched N201 terms'),
	('两家没有动手打人，只是为漏水的事扯皮，楼上漏水一直不修', 'dispatched N105 terms'),
	('这次并未起火，可消防通道天天被堵', 'dispatched N501 terms'),
	('楼道电动车充电没有着火，但线拉得到处都是，飞线充电没人管', 'dispatched N502 terms'),
	('no one was assaulted and nobody bitten by a dog, but the stray dogs are everywhere', 'dispatched N308 terms'),
	-- past
	('去年小区起火，消防通道到现在还被堵', 'dispatched N501 terms'),
	('2019年家里起火之后，物业费照收，物业不作为', 'dispatched N104 terms'),
	('前年他在厂里被砸，摔下楼，老板拖欠工资至今', 'dispatched N107 terms'),
	('以前这路口出过车祸，请尽快安装红绿灯', 'dispatched N409 terms'),
	-- supposed
	('消防通道被占，如果发生火灾消防车进不来', 'dispatched N501 terms'),
	('电动车飞线充电，担心会着火', 'dispatched N502 terms'),
	('阳台外墙脱落，瓷砖往下掉，外墙脱落没人修，怕有人被砸伤', 'dispatched N505 terms'),
	('井盖缺失，万一有人掉下去，孩子掉井里怎么办', 'dispatched N401 terms'),
	('路灯不亮，晚上怕遇到抢劫', 'dispatched N403 terms'),
	('路口没有红绿灯，容易发生交通事故', 'dispatched N409 terms'),
	('manhole cover missing, what if a child fell in', 'dispatched N401 terms'),
	-- figures of speech
	('这家理发店乱收费，简直是抢钱', 'dispatched N702 terms'),
	('楼上打架子鼓，噪音扰民', 'dispatched N201 terms'),
	('热得冒烟了，小区停电两天', 'dispatched N405 terms'),
	-- questions, drills, knowledge
	('单位组织火灾演习，广场舞噪音扰民', 'dispatched N202 terms'),
	('建议社区多做防溺水宣传', 'dispatched N904 terms')) v(b, w);

-- ---- in writing, in doubt: a person first ----
SELECT is(pg_temp.verdict('message_board', b), w, 'written, in doubt: ' || b) FROM (VALUES
	('正在着火', 'triage P406 danger confirm_danger'),
	('隔壁天天打架', 'triage P201 danger confirm_danger'),
	('去年他打人，昨天又持刀追我', 'triage P101 danger confirm_danger'),
	('去年家里起火', 'triage P406 danger doubtful_danger'),
	('没有打架', 'triage P201 danger doubtful_danger'),
	('去年他打人', 'triage P201 danger doubtful_danger'),
	-- what only sounds like a supposition: a threat, a fear for somebody, a thing that happened
	('如果再不发工资我就跳楼自杀，老板拖欠工资', 'triage P402 danger confirm_danger'),
	('早晚弄死他，停车位纠纷', 'triage P402 danger confirm_danger'),
	('孩子在学校被同学欺负，担心她自杀', 'triage P402 danger confirm_danger'),
	('楼下起火了怎么办', 'triage P406 danger confirm_danger'),
	('没有任何理由殴打保洁员，垃圾没人清运', 'triage P201 danger confirm_danger'),
	('打架子鼓', 'triage - no_match')) v(b, w);

-- ---- police words that are no danger are not silenced by what only stands near ----
SELECT is(pg_temp.verdict('message_board', b), w, 'a police matter: ' || b) FROM (VALUES
	('家里没人被盗了，报过警', 'dispatched P103 terms'),
	('培训机构诈骗，人跑了，被骗三万', 'dispatched P104 terms'),
	('反诈民警打电话说我被骗了', 'dispatched P104 terms'),
	('去年被骗五万，骗子还没抓到', 'dispatched P104 terms'),
	('防盗门被撬门，家里被盗', 'dispatched P103 terms'),
	('存在聚众赌博，棋牌室赌博', 'dispatched P202 terms')) v(b, w);

-- ---- what was not counted is on record ----
SELECT is(pg_temp.silenced('message_board', b), w, 'on record: ' || b) FROM (VALUES
	('没有打架，就是楼上太吵', '打架 exclude 没有打架'),
	('去年小区起火，消防通道到现在还被堵', '起火 past 去年'),
	('电动车飞线充电，担心会着火', '着火 supposed 担心会'),
	('楼上打架子鼓，噪音扰民', '打架 figure 打架子鼓'),
	('小区路灯不亮', NULL),
	('正在着火', NULL)) v(b, w);
SELECT ok(NOT triage.preview('message_board', '小区路灯不亮')->'facts' ? 'silenced', 'nothing is added where nothing was silenced');
SELECT case_id AS told FROM triage.report('message_board', '去年小区起火，消防通道到现在还被堵', '330784001', reporter => 'r') \gset
SELECT matches(triage.explain(:told), '不计 silenced: 起火→P406 \(past 去年\)', 'explain() shows what was not counted and why');
SELECT matches((SELECT d.reason FROM triage.decisions d WHERE d.case_id = :told), '不计 not counted: 起火 \(去年\)', 'and so does the reason');
SELECT is((SELECT count(*) FROM triage.events e WHERE e.case_id = :told), 1::bigint, 'one event, as ever');

-- ---- an exclude word silences what it stands near, not the row ----
SELECT is(pg_temp.verdict('message_board', b), w, 'near and far: ' || b) FROM (VALUES
	('没有打架。刚才两个人打架', 'triage P201 danger confirm_danger'),
	('昨天说没有打架，后来在楼下停车场旁边的小卖部门口两个人又打架了', 'triage P201 danger confirm_danger')) v(b, w);

-- ---- who looks when police words speak loudly beside another matter ----
SET triage.police_share = 1;
SELECT is(pg_temp.verdict('message_board', '垃圾乱倒没人清运，垃圾堆积，还有小偷'), 'dispatched N302 terms', 'share 1: never a person');
SET triage.police_share = 0.05;
SELECT is(pg_temp.verdict('message_board', '垃圾乱倒没人清运，垃圾堆积，还有小偷'), 'triage N302 police_doubt', 'share 0.05: one word of the police is enough');
SELECT matches(triage.preview('message_board', '垃圾乱倒没人清运，垃圾堆积，还有小偷')->>'reason', '可能涉警', 'and the reason says so');
SELECT is(pg_temp.verdict('message_board', '垃圾乱倒没人清运，垃圾堆积'), 'dispatched N302 terms', 'no word, no doubt');
RESET triage.police_share;
SELECT is(pg_temp.refusal('SET triage.police_share = 1.5') ~ '^22023', true, 'a share is at most 1');

-- ---- the words are rules: they change with the rulebook ----
SELECT version AS before_change FROM triage.rulebook \gset
INSERT INTO triage.context_words (kind, word, stands, reach) VALUES ('figure', '喇叭里喊', 'before', 6);
SELECT is((SELECT version FROM triage.rulebook), :before_change::bigint + 1, 'a new word is a new version of the rules');
SELECT is(pg_temp.verdict('message_board', '喇叭里喊着火了，广场舞噪音'), 'dispatched N202 terms', 'and counts at once');
SELECT is(pg_temp.verdict('message_board', '喇叭里喊，隔壁真的有一个人说着火了'), 'triage P406 danger confirm_danger', 'within its reach and clause only');
UPDATE triage.context_words SET active = false WHERE word = '喇叭里喊';
SELECT is(pg_temp.verdict('message_board', '喇叭里喊着火了，广场舞噪音'), 'triage P406 danger confirm_danger', 'a retired word is none');
SELECT is((SELECT count(*) FROM triage.rule_history h WHERE h.relation = 'context_words' AND h.row->>'word' = '喇叭里喊'), 1::bigint, 'the old row is kept');
SELECT is((SELECT count(*) FROM triage.lint() l WHERE l.item = 'context_words'), 0::bigint, 'lint() finds nothing wrong with the words of the pack');
INSERT INTO triage.context_words (kind, word, stands) VALUES ('figure', '天上掉馅饼', 'over');
SELECT is((SELECT string_agg(l.severity || ' ' || l.code, ', ') FROM triage.lint() l WHERE l.item = 'context_words'), 'warning figure/天上掉馅饼', 'but with one that can silence nothing');
SELECT matches(pg_temp.refusal($$INSERT INTO triage.context_words (kind, word) VALUES ('joke', '哈哈')$$), 'context_words_kind_check', 'only known kinds');
SELECT matches(pg_temp.refusal($$SELECT triage.apply_pack('{"context_words": [{"kind": "past", "word": "从前", "reach": 400}]}', false)$$), '^TR004 rules: context_words row 1', 'packs are checked');
SELECT is((SELECT jsonb_array_length(triage.dump_pack('zhejiang')->'context_words')), (SELECT count(*)::int FROM triage.context_words w WHERE w.pack = 'zhejiang'), 'and dumped');

-- ---- laws over many texts ----
CREATE TEMP TABLE piece AS SELECT row_number() OVER () AS n, t FROM unnest(ARRAY['打架', '着火', '持刀', '小偷', '没有', '去年', '如果', '正在', '演习', '，', '。', '但', '噪音扰民', '路灯不亮', '有没有', '隐患', '打架子鼓', ' fire ', 'no ', '没有打架']) t;
CREATE TEMP TABLE mixed AS
	SELECT k.n, (SELECT string_agg(p.t, '' ORDER BY g.i) FROM generate_series(1, 2 + k.n % 7) g(i) JOIN piece p ON p.n = 1 + ('x' || substr(md5(k.n || '/' || g.i), 1, 6))::bit(24)::int % 20) AS body
	FROM generate_series(1, 400) k(n);
SELECT is((SELECT string_agg(m.body, ' | ') FROM mixed m, triage.preview('110', m.body) p
	WHERE m.body ~ '打架|着火|持刀' AND NOT (p->>'danger')::boolean), NULL::text, 'spoken, no context takes danger away');
SELECT is((SELECT string_agg(m.body, ' | ') FROM mixed m, triage.preview('message_board', m.body) p
	WHERE m.body ~ '打架|着火|持刀' AND p->>'status' = 'dispatched' AND NOT p->'facts' ? 'silenced'), NULL::text, 'written, danger that was let go is on record');
SELECT is((SELECT string_agg(m.body, ' | ') FROM mixed m, triage.preview('message_board', m.body) p WHERE (p->>'danger')::boolean AND p->>'status' = 'dispatched'), NULL::text,
	'written, danger is dispatched by a person only');
SELECT is((SELECT count(*) FROM mixed m WHERE triage.preview('message_board', m.body)->'facts' IS DISTINCT FROM triage.preview('message_board', m.body)->'facts'), 0::bigint, 'the same words are decided the same');
SELECT cmp_ok((SELECT count(*) FROM jsonb_array_elements(triage.preview('message_board', repeat('没有打架去年着火如果', 3000)) #> '{facts,silenced}')), '<=', 8::bigint, 'however long the text, eight silenced words are kept');

SELECT * FROM finish();
