/*
 * What may have been a matter of the police and was not treated as one: the
 * costly error (domain notes 3.1, 3.4), so somebody reads this list.
 *
 * Everything comes from the record: decisions.facts keeps the words that were
 * found and those that were not counted, events keep what happened later.
 * Cases of the period come from cases_reported_idx, the rest by their keys.
 */

CREATE FUNCTION triage.police_audit(since timestamptz, until timestamptz)
	RETURNS TABLE (case_id bigint, reason text, detail jsonb)
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict error
DECLARE
	me		record := triage.sight();
	alarming text[];
BEGIN
	IF police_audit.since IS NULL OR police_audit.until IS NULL THEN
		RAISE EXCEPTION 'argument "%" must not be null', CASE WHEN police_audit.since IS NULL THEN 'since' ELSE 'until' END
			USING ERRCODE = 'TR003', DETAIL = 'A period needs a beginning and an end.',
				  HINT = 'Call triage.police_audit(since => ..., until => ...); until itself is not in the period.';
	ELSIF police_audit.since >= police_audit.until THEN
		RAISE EXCEPTION 'the period is empty'
			USING ERRCODE = 'TR003', DETAIL = format('since is %s, until is %s.', police_audit.since, police_audit.until),
				  HINT = 'since must be earlier than until.';
	END IF;
	-- retired types too: the record speaks of them
	alarming := ARRAY(SELECT t.code FROM triage.case_types t WHERE t.priority = 1 OR t.nature = 'police');

	RETURN QUERY
	WITH seen AS (
		SELECT c.case_id, c.nature, c.lead
		FROM triage.cases c
		WHERE c.reported_at >= police_audit.since AND c.reported_at < police_audit.until
		AND (me.everywhere OR c.area = ANY (me.areas) OR (c.area IS NULL AND me.areas <> '{}')
			 OR EXISTS (SELECT FROM triage.assignments a WHERE a.case_id = c.case_id AND a.department = ANY (me.departments)))
	), sent AS (
		-- every decision by which a case went to a department as no matter of the police
		SELECT s.case_id, d.seq, d.at, d.case_type, d.facts, s.nature, s.lead
		FROM seen s JOIN triage.decisions d ON d.case_id = s.case_id
		WHERE d.facts->>'nature' = 'nonpolice'
	), first_sent AS (
		SELECT DISTINCT ON (s.case_id) s.case_id, s.seq, s.at, s.nature, s.lead, s.case_type FROM sent s ORDER BY s.case_id, s.seq
	)
	SELECT x.case_id, x.reason, x.detail
	FROM (
		SELECT s.case_id, 'not_counted'::text AS reason, s.seq AS n,
			jsonb_build_object('zh', '出现警情或危险词，因语境未计', 'en', 'danger or police words occurred and were not counted, because of the words around them',
				'decision', s.seq, 'at', s.at, 'case_type', s.case_type, 'lead', s.lead, 'words', s.facts->'silenced') AS detail
		FROM sent s WHERE s.facts ? 'silenced'
		UNION ALL
		SELECT s.case_id, 'outweighed', s.seq,
			jsonb_build_object('zh', '出现警情或危险词，但其他事项胜出', 'en', 'danger or police words occurred, another matter won',
				'decision', s.seq, 'at', s.at, 'case_type', s.case_type, 'lead', s.lead, 'words', w.words)
		FROM sent s
		CROSS JOIN LATERAL (SELECT jsonb_agg(h.v) FROM jsonb_array_elements(s.facts->'hits') h(v)
			WHERE h.v->>1 = ANY (alarming) AND h.v->>2 = 'include') w(words)
		WHERE s.facts ? 'hits' AND w.words IS NOT NULL
		UNION ALL
		SELECT f.case_id, 'upgraded', 1000000,
			jsonb_build_object('zh', '先按非警务分派，后转为涉警', 'en', 'sent as no matter of the police, and became one later',
				'decision', f.seq, 'at', f.at, 'case_type', f.case_type, 'lead', f.lead, 'nature', f.nature, 'events', coalesce(e.events, '[]'),
				'redecided', coalesce(l.redecided, '[]'))
		FROM first_sent f
		LEFT JOIN LATERAL (SELECT jsonb_agg(jsonb_build_object('seq', v.seq, 'verb', v.verb, 'at', v.at) ORDER BY v.seq)
			FROM triage.events v
			WHERE v.case_id = f.case_id AND v.at >= f.at AND v.seq > 1
			AND (v.verb IN ('to_police', 'police_backup', 'danger') OR (v.verb = 'confirm_danger' AND v.data->>'confirmed' = 'true')
				 OR (v.verb = 'reclassify' AND v.data->>'case_type' = ANY (alarming)))) e(events) ON true
		LEFT JOIN LATERAL (SELECT jsonb_agg(jsonb_build_object('decision', d.seq, 'case_type', d.case_type, 'nature', d.facts->>'nature', 'at', d.at) ORDER BY d.seq)
			FROM triage.decisions d
			WHERE d.case_id = f.case_id AND d.seq > f.seq AND d.facts->>'nature' IN ('police', 'joint')) l(redecided) ON true
		WHERE e.events IS NOT NULL OR l.redecided IS NOT NULL OR f.nature IN ('police', 'joint')
	) x
	ORDER BY x.case_id, x.n;
END
$$;
COMMENT ON FUNCTION triage.police_audit(timestamptz, timestamptz) IS
	'Cases reported from since (included) to until (not) that went to a department as no matter of the police and perhaps were one (漏判警情核查), a row per case and reason, of cases the actor may see.
reason: not_counted = danger or police words were silenced by the words around them (triage.context_words, exclude terms); outweighed = they counted, and another matter won; upgraded = the police came in later: to_police, police backup, danger in words that came later (event danger), danger confirmed, reclassified to a danger or police type, or decided anew.
detail: {zh, en: the reason in words, decision: its number, at, case_type, lead: the present one, words: [[word, case_type, ...]] as in decisions.facts, for upgraded instead nature: the present one, events: [{seq, verb, at}], redecided: [{decision, case_type, nature, at}]}.
Domain rules 3.1 and 3.4: a false "no police matter" is the costly error. Errors: TR003 null argument or empty period.';
