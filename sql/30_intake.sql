/*
 * Intake for those who call functions, and what can be read about a decision.
 */

CREATE FUNCTION triage.report(channel text, body text, area text DEFAULT NULL, location point DEFAULT NULL,
		address text DEFAULT NULL, reporter text DEFAULT NULL, contact text DEFAULT NULL, external_ref text DEFAULT NULL,
		reported_at timestamptz DEFAULT NULL, case_type text DEFAULT NULL, attrs jsonb DEFAULT NULL)
	RETURNS triage.cases
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_report';
COMMENT ON FUNCTION triage.report(text, text, text, point, text, text, text, text, timestamptz, text, jsonb) IS
	'Takes in one report (受理): decides, dispatches and returns the case. A reference that the channel has used returns the case that has it; a burst of one sensor (channel with fold_window, same reporter) returns the case it belongs to, and so does a repeat on a channel whose rule in repeat_rules folds. A repeat is linked to the cases it repeats, counts as the fact repeats and may be more urgent, as its rule says. The citizen''s token stands once in attrs.token; reporter and contact are NULL in what is returned unless the actor''s role may read those columns. attrs may say confidential: true (保密), and complains_about: the code of the unit complained about (投诉对象), whose people then never see who reports. Errors: TR003 unknown code or null channel, TR005 nothing to read, no caller where one is needed, implausible time.';

CREATE FUNCTION triage.preview(channel text, body text, area text DEFAULT NULL, at timestamptz DEFAULT NULL,
		location point DEFAULT NULL, address text DEFAULT NULL, case_type text DEFAULT NULL, attrs jsonb DEFAULT NULL)
	RETURNS jsonb
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_preview';
COMMENT ON FUNCTION triage.preview(text, text, text, timestamptz, point, text, text, jsonb) IS
	'What report() would decide, by the same code, without writing anything: status, case_type, nature, priority, danger, area, lead, parties, reason, facts, candidates, rulebook_version. "at" is the time it is asked for, NULL = now. Fit to be called with each letter typed: a body that is empty yet is no error. Other errors as report().';

CREATE FUNCTION triage.find_place(q text, area text DEFAULT NULL, max_rows int DEFAULT 10)
	RETURNS TABLE (code text, name text, location point, score double precision)
	LANGUAGE c STABLE PARALLEL UNSAFE ROWS 10
	AS 'MODULE_PATHNAME', 'triage_find_place';
COMMENT ON FUNCTION triage.find_place(text, text, int) IS
	'Places as they are typed (地点联想): areas by code, name, alias or pinyin initials (short), best first. Several words: the last names the place, the others what is around it (西山 大塘); a whole address finds the names in it. name = with the areas around it up to the county, and the alias that was found; location = middle of its outline, NULL where none is known; score 0 to 1, halved outside "area" (areas.code). An empty q finds nothing. Errors: TR003 null q, unknown area, max_rows not between 1 and 100; TR005 q too long.
Source: extension/rulebook/type_ahead.c';

CREATE FUNCTION triage.suggest_type(prefix text, max_rows int DEFAULT 10)
	RETURNS TABLE (case_type text, zh text, en text)
	LANGUAGE c STABLE PARALLEL UNSAFE ROWS 10
	AS 'MODULE_PATHNAME', 'triage_suggest_type';
COMMENT ON FUNCTION triage.suggest_type(text, int) IS
	'Case types as they are typed (类别联想): by code, name in Chinese or English, pinyin initials (short), or a word of triage.terms, best first; groups are left out. An empty prefix finds nothing. Errors: TR003 null prefix, max_rows not between 1 and 100; TR005 prefix too long.
Source: extension/rulebook/type_ahead.c';

CREATE FUNCTION triage.add_source(case_id bigint, channel text, body text DEFAULT NULL, reporter text DEFAULT NULL,
		contact text DEFAULT NULL, external_ref text DEFAULT NULL, confidential boolean DEFAULT false, note text DEFAULT NULL)
	RETURNS triage.cases
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_add_source';
COMMENT ON FUNCTION triage.add_source(bigint, text, text, text, text, text, boolean, text) IS
	'A further report of the same matter: kept as a source, counted, and told the result; attrs.token holds its token once. Errors: TR001 closed case, TR003 unknown case or channel, TR005 the case has triage.max_sources (1000) reports, 54000 a body of more than 8 MB, 23505 the reference belongs to another case.';

CREATE FUNCTION triage.explain_json(case_id bigint) RETURNS jsonb
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET jit = off	-- its plans are kept: see extension/README.md, Plans that are kept
AS $$
#variable_conflict error
DECLARE
	result	jsonb;
BEGIN
	IF NOT triage.may_see(explain_json.case_id) THEN
		RAISE EXCEPTION 'case % does not exist', coalesce(explain_json.case_id::text, 'null')
			USING ERRCODE = 'TR003', DETAIL = 'There is no such case among those you work with.',
				  HINT = 'Check the number; triage.board() and triage.inbox() list the cases you may see.';
	END IF;
	SELECT jsonb_build_object('case_id', c.case_id, 'number', c.number, 'status', c.status, 'lead', c.lead,
			'decisions', (SELECT jsonb_agg(jsonb_build_object('seq', d.seq, 'at', d.at, 'rulebook_version', d.rulebook_version,
					'rulebook_digest', encode(d.rulebook_digest, 'hex'), 'route', d.route, 'case_type', d.case_type,
					'reason', d.reason, 'facts', d.facts, 'candidates', d.candidates) ORDER BY d.seq)
				FROM triage.decisions d WHERE d.case_id = c.case_id),
			'same_matter', triage.same_matter(c.case_id))
		INTO result FROM triage.cases c WHERE c.case_id = explain_json.case_id;
	RETURN result;
END
$$;
COMMENT ON FUNCTION triage.explain_json(bigint) IS
	'Why a case was decided as it was: every decision on record with its facts, candidates, route and rulebook version; and under same_matter the cases suggested as the same and those linked. Reads the record, never decides again. Error: TR003 unknown case.';

CREATE FUNCTION triage.explain(case_id bigint) RETURNS text
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	j	jsonb := triage.explain_json(explain.case_id);
	d	jsonb;
	r	text;
BEGIN
	r := format('案件 Case %s  状态 status %s  牵头 lead %s', j->>'number', j->>'status', coalesce(j->>'lead', '-'));
	FOR d IN SELECT e.v FROM jsonb_array_elements(j->'decisions') WITH ORDINALITY e(v, n) ORDER BY e.n LOOP
		r := r || format(E'\n第%s次判定 Decision %s (规则版本 rulebook %s)', d->>'seq', d->>'seq', d->>'rulebook_version');
		r := r || format(E'\n  理由 reason:   %s', d->>'reason');
		r := r || format(E'\n  类别 type:     %s %s  性质 nature %s  紧急 priority U%s  危险 danger %s  把握 confidence %s/1000',
			coalesce(d->>'case_type', '-'),
			coalesce((SELECT t.zh FROM triage.case_types t WHERE t.code = d->>'case_type'), ''),
			d#>>'{facts,nature}', d#>>'{facts,priority}', d#>>'{facts,danger}', d#>>'{facts,confidence}');
		r := r || format(E'\n  词语 terms:    %s', coalesce((SELECT string_agg(format('%s→%s(%s %s)', h.v->>0, h.v->>1, h.v->>2, h.v->>3), '、' ORDER BY h.n)
			FROM jsonb_array_elements(d#>'{facts,hits}') WITH ORDINALITY h(v, n)), '无 none'));
		IF d#>'{facts,silenced}' IS NOT NULL THEN
			r := r || (SELECT string_agg(format(E'\n  不计 silenced: %s→%s (%s %s)', s.v->>0, s.v->>1, s.v->>2, s.v->>3), '' ORDER BY s.n)
				FROM jsonb_array_elements(d#>'{facts,silenced}') WITH ORDINALITY s(v, n));
		END IF;
		IF d#>'{facts,model}' IS NOT NULL THEN
			r := r || format(E'\n  模型 model:    %s v%s  概率 p %s/1000  领先 margin %s  次选 runner-up %s  涉警 police %s/1000  依据 n-grams %s',
				d#>>'{facts,model,name}', d#>>'{facts,model,version}', d#>>'{facts,model,p}', d#>>'{facts,model,margin}',
				coalesce(d#>>'{facts,model,runner_up}', '-'), d#>>'{facts,model,police}',
				coalesce((SELECT string_agg(format('%s(%s)', g.v->>0, g.v->>1), '、' ORDER BY g.n)
					FROM jsonb_array_elements(d#>'{facts,model,ngrams}') WITH ORDINALITY g(v, n)), '无 none'));
		END IF;
		r := r || format(E'\n  候选 likely:   %s', coalesce((SELECT string_agg(format('%s %s (%s)', k.v->>'case_type', k.v->>'zh', k.v->>'score'), '; ' ORDER BY k.n)
			FROM jsonb_array_elements(d->'candidates') WITH ORDINALITY k(v, n)), '无 none'));
		r := r || format(E'\n  地点 place:    %s %s (%s%s)', coalesce(d#>>'{facts,place,area}', '-'),
			coalesce((SELECT a.zh FROM triage.areas a WHERE a.code = d#>>'{facts,place,area}'), ''), d#>>'{facts,place,by}',
			coalesce(': ' || (d#>>'{facts,place,name}'), '') || coalesce('; 把握 confidence ' || (d#>>'{facts,place,confidence}') || '/1000', '')
			|| coalesce('; 可能 one of: ' || (SELECT string_agg(x.v || ' ' || coalesce(a.zh, ''), ', ' ORDER BY x.n)
				FROM jsonb_array_elements_text(d#>'{facts,place,among}') WITH ORDINALITY x(v, n) LEFT JOIN triage.areas a ON a.code = x.v), '')
			|| coalesce('; 不一致 but by ' || (d#>>'{facts,place,against,by}') || ': ' || (d#>>'{facts,place,against,area}') || ' '
				|| coalesce((SELECT a.zh FROM triage.areas a WHERE a.code = d#>>'{facts,place,against,area}'), ''), ''));
		r := r || format(E'\n  规则 route:    %s', coalesce(d->>'route', '-'));
		IF d#>'{facts,passed}' IS NOT NULL THEN
			r := r || (SELECT string_agg(format(E'\n  未用 passed:   %s (%s)', p.v->>'route', p.v->>'because'), '' ORDER BY p.n)
				FROM jsonb_array_elements(d#>'{facts,passed}') WITH ORDINALITY p(v, n));
		END IF;
		IF d#>>'{facts,mode}' IS NOT NULL THEN
			r := r || format(E'\n  模式 mode:     %s %s', d#>>'{facts,mode}', coalesce((SELECT m.zh FROM triage.modes m WHERE m.code = d#>>'{facts,mode}'), ''));
		END IF;
		IF d#>'{facts,roster}' IS NOT NULL THEN
			r := r || (SELECT string_agg(format(E'\n  值班 roster:   %s %s %s', k.v->>'unit', k.v->>'duty',
					CASE WHEN (k.v->>'on_duty')::boolean THEN format('在岗 on duty: %s', k.v->>'team')
						 ELSE format('无人值班 off duty, 代为承办 in its place: %s', k.v->>'instead') END
					|| coalesce('; 至 until ' || (k.v->>'until'), '') || coalesce('; 下一班 back at ' || (k.v->>'back_at'), '')), '' ORDER BY k.n)
				FROM jsonb_array_elements(d#>'{facts,roster}') WITH ORDINALITY k(v, n));
		END IF;
		IF d#>>'{facts,route_error}' IS NOT NULL THEN
			r := r || format(E'\n  规则错误 rule error: %s', d#>>'{facts,route_error}');
		END IF;
	END LOOP;
	RETURN r || coalesce((SELECT string_agg(format(E'\n疑似同一事项 may be the same as %s  %s  %s', x.v->>'number', x.v->>'score',
				(SELECT string_agg(format('%s %s%s', p.key, coalesce(p.value->>'likeness', p.value->>'meters', p.value->>'is', p.value->>'days', ''),
					CASE p.key WHEN 'place' THEN ' m' WHEN 'time' THEN ' d' ELSE '' END), ', ' ORDER BY (p.value->>'by')::numeric DESC, p.key)
				 FROM jsonb_each(x.v->'reason') p)), '' ORDER BY x.n)
			FROM jsonb_array_elements(j#>'{same_matter,suggested}') WITH ORDINALITY x(v, n)), '')
		|| coalesce((SELECT string_agg(format(E'\n关联 %s %s %s (%s)', CASE WHEN (x.v->>'back')::boolean THEN 'linked by' ELSE 'linked to' END,
				x.v->>'number', x.v->>'kind', coalesce('规则 rule ' || (x.v->>'rule') || ' v' || (x.v->>'rule_version'), '人工 by a person')), '' ORDER BY x.n)
			FROM jsonb_array_elements(j#>'{same_matter,linked}') WITH ORDINALITY x(v, n)), '');
END
$$;
COMMENT ON FUNCTION triage.explain(bigint) IS
	'explain_json() in words, Chinese and English, for reading. Error: TR003 unknown case.';

CREATE FUNCTION triage.status_by_token(token text)
	RETURNS TABLE (number text, status text, words_zh text, words_en text, updated_at timestamptz)
	LANGUAGE sql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT own.number, w.s, w.zh, w.en, e.at
	FROM triage.case_sources src
	JOIN triage.cases own ON own.case_id = src.case_id
	-- what was merged goes the way of the case it was merged into
	JOIN triage.cases c ON c.case_id = coalesce(own.merged_into, own.case_id)
	JOIN triage.events e ON e.case_id = c.case_id AND e.seq = c.event_seq
	CROSS JOIN LATERAL (SELECT
		CASE WHEN c.status IN ('new', 'triage') THEN 'received'
			 WHEN c.status IN ('dispatched', 'accepted', 'in_progress', 'return_requested') THEN 'in hand'
			 WHEN c.status IN ('review', 'callback') THEN 'being checked'
			 WHEN c.status = 'suspended' THEN 'waiting'
			 ELSE 'finished' END) k(s)
	CROSS JOIN LATERAL (SELECT k.s,
		CASE k.s WHEN 'received' THEN '您反映的事项已收到，正在安排。'
				 WHEN 'in hand' THEN '您反映的事项已转交' || coalesce((SELECT d.zh FROM triage.departments d WHERE d.code = c.lead), '责任单位') || '办理。'
				 WHEN 'being checked' THEN '您反映的事项已办理，正在核实结果。'
				 WHEN 'waiting' THEN '您反映的事项因客观原因暂缓，到期会再研究。'
				 ELSE '您反映的事项已办结' || coalesce('：' || (SELECT o.zh FROM triage.outcomes o WHERE o.code = c.outcome), '') || '。' END,
		CASE k.s WHEN 'received' THEN 'Your report has arrived and is being assigned.'
				 WHEN 'in hand' THEN 'Your report is being handled by: ' || coalesce((SELECT d.en FROM triage.departments d WHERE d.code = c.lead), 'the responsible unit') || '.'
				 WHEN 'being checked' THEN 'Your report has been handled; the result is being checked.'
				 WHEN 'waiting' THEN 'Your report has to wait for an outside reason; it will be looked at again.'
				 ELSE 'Your report is finished' || coalesce(': ' || (SELECT o.en FROM triage.outcomes o WHERE o.code = c.outcome), '') || '.' END) w(s, zh, en)
	WHERE src.token = sha256(convert_to(lower(regexp_replace(status_by_token.token, '[^0-9A-Fa-f]', '', 'g')), 'UTF8'))
$$;
COMMENT ON FUNCTION triage.status_by_token(text) IS
	'What a citizen may know of his report, from any channel, by the token report() gave him (spaces and dashes do not matter): number, a word, a sentence in Chinese and in English, time of the last change. An unknown token gives no row.';

CREATE FUNCTION triage.may_see(case_id bigint) RETURNS boolean
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_may_see';
COMMENT ON FUNCTION triage.may_see(bigint) IS
	'Does the case exist and may the actor see it? By triage.members; while no member is named everybody who may call functions sees all.';

CREATE FUNCTION triage.chain(case_id bigint)
	RETURNS TABLE (seq int, parent_seq int, department text, person text, duty text, since timestamptz, until timestamptz, own_time interval)
	LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET jit = off	-- its plans are kept: see extension/README.md, Plans that are kept
AS $$
#variable_conflict error
DECLARE
	shown_until	timestamptz := triage.clock();
BEGIN
	IF NOT triage.may_see(chain.case_id) THEN
		RAISE EXCEPTION 'case % does not exist', coalesce(chain.case_id::text, 'null')
			USING ERRCODE = 'TR003', DETAIL = 'There is no such case among those you work with.',
				  HINT = 'Check the number; triage.board() and triage.inbox() list the cases you may see.';
	END IF;
	RETURN QUERY
	WITH kase AS (
		SELECT c.* FROM triage.cases c WHERE c.case_id = chain.case_id
	), part AS (
		-- whoever took the call is the first link
		SELECT 0 AS seq, NULL::int AS parent_seq, coalesce(ch.department, k.channel) AS department,
			(SELECT e.actor FROM triage.events e WHERE e.case_id = k.case_id AND e.seq = 1) AS person,
			'intake'::text AS duty, least(k.reported_at, k.received_at) AS since,
			(SELECT min(a.offered_at) FROM triage.assignments a WHERE a.case_id = k.case_id) AS until
		FROM kase k LEFT JOIN triage.channels ch ON ch.code = k.channel
		UNION ALL
		SELECT a.seq, coalesce(a.parent_seq, 0), a.department,
			coalesce((SELECT s.name FROM triage.assignment_staff p JOIN triage.staff s ON s.staff_id = p.staff_id
				WHERE p.case_id = a.case_id AND p.seq = a.seq), (SELECT e.actor FROM triage.events e WHERE e.case_id = a.case_id AND (e.data->>'assignment')::int = a.seq
				ORDER BY e.seq DESC LIMIT 1)),
			a.duty, a.offered_at, a.done_at
		FROM triage.assignments a WHERE a.case_id = chain.case_id
	)
	SELECT p.seq, p.parent_seq, p.department, p.person, p.duty, p.since, p.until,
		-- own time: until it ended, or until it was handed on
		coalesce((SELECT min(x.since) FROM part x WHERE x.parent_seq = p.seq AND x.since > p.since), p.until, shown_until) - p.since
	FROM part p ORDER BY p.seq;
END
$$;
COMMENT ON FUNCTION triage.chain(bigint) IS
	'Every hand-over of a case: unit, the person named for it (assign_staff(), or who signed by a role that triage.staff knows), else the role that acted last for it, duty, time in, time out (NULL = still has it) and the time the matter lay with it before it was passed on or done. seq 0 is the channel that took the report. Error: TR003 unknown case.';

CREATE FUNCTION triage.count_terms(body text) RETURNS int
	LANGUAGE c STABLE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_count_terms';
COMMENT ON FUNCTION triage.count_terms(text) IS
	'How often terms of the rulebook occur in a text once it is folded: the matcher alone, for tests of coverage and speed.';

CREATE FUNCTION triage.rulebook_timing() RETURNS TABLE (what text, ms double precision, bytes bigint)
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'triage_rulebook_timing';
COMMENT ON FUNCTION triage.rulebook_timing() IS
	'Builds the rulebook anew, aside, and tells what it took: the whole from rows to ready, and the term matcher alone; milliseconds and bytes of memory.';

-- ---- the words of a ticket, for bindings to ticket systems ----------------------

CREATE FUNCTION triage.html_text(html text) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'triage_html_text';
COMMENT ON FUNCTION triage.html_text(text) IS
	'Internal, for bindings to ticket systems: the words of an HTML page. Tags, comments, scripts and styles go, blocks leave a line feed, entities become characters; what is no HTML stays. Never longer than its argument.
Source: extension/text/html.c';

CREATE FUNCTION triage.mail_text(body text, encoding text) RETURNS text
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'triage_mail_text';
COMMENT ON FUNCTION triage.mail_text(text, text) IS
	'Internal, for bindings to ticket systems: a body as mail carries it (RFC 2045), decoded. encoding, in either case: quoted-printable, base64, none, 7bit, 8bit. What is not properly encoded stays; bytes that are no UTF-8 become "?". Never longer than its argument. Error: TR003 another encoding.
Source: extension/text/quoted.c';
