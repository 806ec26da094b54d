-- A model of the whole casework: legal verbs at random by random people over
-- some dozens of cases while time passes; after every step all that must hold
-- of a case holds, its history is whole, and its events alone give its rows.
-- Then what is illegal: every verb in every state it is not for, and by
-- everybody it is not for.
--
--   MODEL_STEPS=10000 MODEL_SEED=0.5 make test-pgtap FILES=tests/pgtap/146_model.sql
--
-- Without a seed of one's own it is always the same walk, so that a failure is the change's: whatever chance orders is put in an order of its own first.  It goes on beyond the steps until every transition was walked, three times as far at most.
--
-- Source: sql/32_verbs.sql, sql/33_handling.sql, extension/casework/act.c, change.c
\ir include/helpers.psql
\ir include/replay.psql
\ir include/invariants.psql
\set steps `echo "${MODEL_STEPS:-2000}"`
\set seed `echo "${MODEL_SEED:-0.11}"`
BEGIN;
\ir include/small.psql
INSERT INTO triage.policies (code, stage, priority, amount, unit, calendar, ladder) VALUES
	('rr.u2', 'return_request', 2, 15, 'min', NULL, NULL), ('rr', 'return_request', NULL, 2, 'wd', 'office', NULL),
	('return', 'return', NULL, 30, 'min', NULL, 'triage'), ('whistle', 'whistle', NULL, 30, 'min', NULL, 'standard'),
	('hand_over', 'hand_over', NULL, 10, 'min', NULL, 'standard'), ('review', 'review', NULL, 1, 'wd', 'office', 'triage'),
	('redo', 'redo', NULL, 1, 'wd', 'office', 'standard'), ('call_back', 'call_back', NULL, 1, 'wd', 'office', 'triage'),
	('suspended', 'suspended', NULL, 30, 'd', NULL, 'triage'), ('u4.accept', 'accept', 4, 1, 'h', NULL, NULL);
-- long enough to ask for more
UPDATE triage.policies SET amount = 3, unit = 'd' WHERE code = 'u4.resolve';
UPDATE triage.channels SET department = 'ENV' WHERE code = 'v12345';
UPDATE triage.channels SET department = 'T_PS' WHERE code = 'grid';
UPDATE triage.case_types SET callback = 'required' WHERE code = 'LEAK';
INSERT INTO triage.follow_ups (code, case_type, outcome, after, department, relation, kind, zh, en) VALUES
	('f7', 'QUARREL', 'resolved', '7 days', NULL, 'T_MED', 'visit', '七日回访', 'visit after 7 days');
INSERT INTO triage.staff (name, department, kind) SELECT '王' || d.code, d.code, 'duty' FROM triage.departments d ORDER BY d.code;
INSERT INTO triage.staff (name, department, kind) VALUES ('代办一', 'MED11', 'agent'), ('代办二', 'TOWN11', 'agent');
-- who is off duty by day or by night, and leads as soon as it signs
INSERT INTO triage.rosters (code, department, team, starts, ends, calendar, substitute) VALUES
	('model.env', 'ENV', 'office', '08:00', '17:00', 'office', 'TOWN'), ('model.team', 'TEAM11', 'night', '20:00', '08:00', 'office', 'TOWN');
-- two take turns in the chair of the city centre, nobody in the county's
INSERT INTO triage.rosters (code, department, duty, team, starts, ends, calendar) VALUES
	('model.day', 'CENTRE', 'chair', 'ENV', '08:00', '20:00', 'office'), ('model.night', 'CENTRE', 'chair', 'WATER', '20:00', '08:00', 'office');
COMMIT;

-- ---- people ----
CREATE TEMP TABLE people (role text PRIMARY KEY, duty text, department text, area text);
INSERT INTO people SELECT 't146_' || lower(d.code), 'handler', d.code, '' FROM triage.departments d;
INSERT INTO people VALUES ('t146_one', 'centre', 'CENTRE1', 'Z1'), ('t146_two', 'centre', 'CENTRE', 'Z'), ('t146_three', 'admin', '', ''), ('t146_op', 'operator', '', ''), ('t146_op2', 'operator', '', 'Z2');
SELECT format('CREATE ROLE %I', p.role), format('GRANT USAGE ON SCHEMA triage TO %I', p.role), format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA triage TO %I', p.role) FROM people p ORDER BY p.role \gexec
INSERT INTO triage.members (role, duty, department, area) SELECT p.role, p.duty, p.department, p.area FROM people p;

-- ---- how a verb is called ----
CREATE FUNCTION pg_temp.pick(VARIADIC words text[]) RETURNS text LANGUAGE sql AS $$ SELECT words[1 + floor(random() * cardinality(words))::int] $$;
CREATE FUNCTION pg_temp.chance(p float8) RETURNS boolean LANGUAGE sql AS $$ SELECT random() < p $$;
CREATE FUNCTION pg_temp.some_department() RETURNS text LANGUAGE sql AS $$ SELECT (array_agg(d.code ORDER BY d.code))[1 + floor(random() * count(*))::int] FROM triage.departments d $$;
CREATE FUNCTION pg_temp.some_case(wanted text[]) RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$
	SELECT (array_agg(c.case_id ORDER BY c.case_id))[1 + floor(random() * count(*))::int] FROM triage.cases c WHERE c.status = ANY (wanted)
$$;
CREATE FUNCTION pg_temp.some_part(id bigint) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
	SELECT (array_agg(a.department ORDER BY a.seq))[1 + floor(random() * count(*))::int] FROM triage.assignments a WHERE a.case_id = id AND a.duty <> 'lead' AND a.status NOT IN ('done', 'withdrawn')
$$;
-- the call as text: what the verb needs, and at times what it does not
CREATE FUNCTION pg_temp.call_of(verb text, id bigint, department text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	now		timestamptz := triage.clock();
	args	text;
	given	text;
BEGIN
	args := CASE verb
		WHEN 'dispatch' THEN CASE WHEN pg_temp.chance(0.5) THEN format(', %L, %L', pg_temp.some_department(), pg_temp.pick('{}', '{ENV}', '{MED11,WATER}')) ELSE '' END
		WHEN 'confirm_danger' THEN format(', %L', random() < 0.5)
		WHEN 'answer' THEN ', ''窗口周一至周五办理'''
		WHEN 'reclassify' THEN format(', %L', pg_temp.pick('NOISE', 'LEAK', 'QUARREL', 'ASK', 'FIGHT', 'BURST', 'LOOSE', 'FIRE'))
		WHEN 'set_area' THEN format(', %L', pg_temp.pick('Z11', 'Z12', 'Z121', 'Z112', 'Z21'))
		WHEN 'append_text' THEN format(', %L', pg_temp.pick('还在吵', '又漏水了', '他扬言要打人', '没有别的', '着火了', '广场舞噪音很大'))
		WHEN 'add_source' THEN format(', %L, %L', pg_temp.pick('v110', 'v12345', 'web', 'chat'), '同一件事')
		WHEN 'accept' THEN format(', %L', department)
		WHEN 'arrive' THEN format(', %L%s', department, CASE WHEN pg_temp.chance(0.3) THEN ', ''(120.1,28.9)''' ELSE '' END)
		WHEN 'feed_back' THEN format(', %L, ''已到现场查看''', department)
		WHEN 'finish' THEN format(', %L, ''我们的部分完成了''', department)
		WHEN 'transfer' THEN format(', %L, ''由你们办''', pg_temp.some_department())
		WHEN 'resolve' THEN pg_temp.pick(', ''resolved'', ''工作人员到场修好了水管''', ', ''mediated'', ''双方签了协议'', ''{"parties": ["甲", "乙"], "amount": 500}''')
		WHEN 'request_return' THEN format(', ''不属于我们'', %L', CASE WHEN pg_temp.chance(0.5) THEN pg_temp.some_department() END)
		WHEN 'decide_return' THEN format(', %L, %L', random() < 0.5, CASE WHEN pg_temp.chance(0.7) THEN pg_temp.some_department() END)
		WHEN 'release_assist' THEN format(', %L, ''不再需要''', coalesce(pg_temp.some_part(id), 'ENV'))
		WHEN 'whistle' THEN format(', %L, ''请来现场''%s', pg_temp.pick('{WATER}', '{ENV,MED11}', '{TOWN11}', '{PS11}', '{TEAM12,TEAM11,TOWN12}'), CASE WHEN pg_temp.chance(0.3) THEN ', ''2 hours''' ELSE '' END)
		WHEN 'answer_whistle' THEN format(', %L, ''来了''', department)
		WHEN 'confer' THEN format(', %L%s', pg_temp.pick('{ENV,WATER}', '{TOWN11,PS11}'), CASE WHEN pg_temp.chance(0.5) THEN format(', ''由水务局牵头'', %L', CASE WHEN pg_temp.chance(0.3) THEN now + interval '5 days' END) ELSE '' END)
		WHEN 'hand_over' THEN format(', %L, ''不属于本平台''', pg_temp.pick('v12345', 'v12345', 'grid'))
		WHEN 'suspend' THEN format(', ''等待产权确认'', %L', now + random() * interval '29 days' + interval '1 minute')
		WHEN 'request_extension' THEN format(', %L, ''等配件''', pg_temp.pick('1 day', '3 days', '5 hours'))
		WHEN 'decide_extension' THEN format(', %L', random() < 0.6)
		WHEN 'review' THEN CASE WHEN pg_temp.chance(0.7) THEN ', true' ELSE format(', false, %L', pg_temp.pick('stage_only', 'too_brief', 'wrong')) END
		WHEN 'call_back' THEN format(', %L', pg_temp.pick('satisfied', 'dissatisfied', 'unreachable'))
		WHEN 'close_case' THEN pg_temp.pick('', ', ''诉求不合理，已解释''')
		WHEN 'void_case' THEN format(', %L', pg_temp.pick('prank', 'test', 'mistake', 'withdrawn'))
		WHEN 'correct' THEN pg_temp.pick(', ''address'', ''人民路 1 号'', ''听错了''', ', ''contact'', ''13900000000'', ''记错了''', ', ''location'', ''(120.1,28.9)'', ''定位''')
		WHEN 'add_evidence' THEN ', ''photo'', ''https://files/1.jpg'', sha256(''x'')'
		WHEN 'merge' THEN format(', %s', coalesce(pg_temp.some_case('{triage,dispatched,accepted,in_progress}'), 0))
		WHEN 'link_case' THEN format(', %s', coalesce(pg_temp.some_case('{triage,dispatched,accepted,in_progress,closed}'), 0))
		WHEN 'open_task' THEN format(', %L, %L, ''去看一看'', %L', pg_temp.pick('task', 'visit', 'campaign'), pg_temp.some_department(), CASE WHEN pg_temp.chance(0.5) THEN now + interval '3 days' END)
		WHEN 'assign_staff' THEN (SELECT format(', %s%s', s.staff_id, CASE WHEN s.kind = 'agent' THEN ', ''agent''' ELSE '' END) FROM (SELECT * FROM triage.staff ORDER BY staff_id) s
			WHERE s.department = call_of.department OR s.kind = 'agent' ORDER BY random() LIMIT 1)
		ELSE CASE WHEN verb IN ('take_back', 'escalate', 'to_police', 'release_by_police', 'keep_by_police', 'reopen', 'reveal_contact') THEN ', ''情况有变''' ELSE '' END END;
	-- the note is of every verb but these
	IF verb NOT IN ('reveal_contact', 'close_case') AND pg_temp.chance(0.2) THEN
		given := ', note => ''随手一记''';
	END IF;
	RETURN format('SELECT triage.%I(%s%s%s)', verb, id, args, given);
END
$$;

-- ---- a step ----
CREATE TEMP TABLE walked (verb text COLLATE "C", from_status text COLLATE "C", done int NOT NULL DEFAULT 0, refused int NOT NULL DEFAULT 0, PRIMARY KEY (verb, from_status));
INSERT INTO walked SELECT t.verb, t.from_status FROM triage.transitions t;
-- what a verb was seen to do: to the status, to clocks by their stage
CREATE TEMP TABLE seen (verb text, from_status text, to_status text, started text[], stopped text[]);
CREATE TEMP TABLE wrong (step int, who text, call text, what text);
CREATE TEMP TABLE refusals (state text, message text, n int, PRIMARY KEY (state, message));

-- everything that is kept of a case
CREATE FUNCTION pg_temp.print_of(id bigint) RETURNS text LANGUAGE sql AS $$
	SELECT md5(concat_ws('|', (SELECT c::text FROM triage.cases c WHERE c.case_id = id), (SELECT string_agg(a::text, '|' ORDER BY a.seq) FROM triage.assignments a WHERE a.case_id = id),
		(SELECT string_agg(k::text, '|' ORDER BY k.clock_id) FROM triage.clocks k WHERE k.case_id = id), (SELECT count(*) FROM triage.events e WHERE e.case_id = id),
		(SELECT count(*) FROM triage.deliveries d WHERE d.case_id = id), (SELECT count(*) FROM triage.clock_segments s WHERE s.case_id = id), (SELECT count(*) FROM triage.callbacks b WHERE b.case_id = id)))
$$;

/*
 * Calls as somebody; NULL when it was carried out, else SQLSTATE and message.
 * An error of ours must have detail and hint, any other is wrong.
 */
CREATE FUNCTION pg_temp.try(who text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state	text;
	message	text;
	detail	text;
	hint	text;
BEGIN
	PERFORM set_config('role', who, true);
	EXECUTE call;
	PERFORM set_config('role', 'none', true);
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	PERFORM set_config('role', 'none', true);
	message := regexp_replace(regexp_replace(message, '(?<!_)case [^ ]+', '#', 'g'), '"[A-Z0-9_]+"', '"X"', 'g');
	INSERT INTO refusals VALUES (state, message, 1) ON CONFLICT ON CONSTRAINT refusals_pkey DO UPDATE SET n = refusals.n + 1;
	RETURN state || CASE WHEN state ^@ 'TR' AND (detail = '' OR hint = '') THEN ' without detail or hint' ELSE '' END || ' ' || message;
END
$$;

CREATE FUNCTION pg_temp.new_case() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	channel	text := pg_temp.pick('v110', 'v110', 'v12345', 'web', 'grid', 'chat', 'sensor');
	waits	boolean := pg_temp.chance(0.5) AND EXISTS (SELECT 1 FROM walked w WHERE w.done = 0 AND w.from_status = 'triage');
BEGIN
	PERFORM triage.report(CASE WHEN waits THEN 'web' ELSE channel END, CASE WHEN waits THEN pg_temp.pick('随便说说', '有人持刀打架') ELSE pg_temp.pick('广场舞噪音', '水管漏水', '水管爆裂', '邻居吵架', '有人持刀打架', '仓库着火', '煤气泄漏', '咨询政策', '随便说说', '他扬言报复，吵架', '丙事', '无路可走', '校门一键报警') END,
		pg_temp.pick('Z11', 'Z11', 'Z112', 'Z12'), reporter => 'Li' || floor(random() * 1000000), contact => CASE WHEN pg_temp.chance(0.8) THEN '138' || (10000000 + floor(random() * 89999999))::int END);
END
$$;

CREATE FUNCTION pg_temp.pass_time() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('triage.now', (triage.clock() + CASE WHEN pg_temp.chance(0.7) THEN random() * interval '20 minutes' ELSE random() * interval '30 hours' END)::text, false);
	PERFORM * FROM triage.tick();
END
$$;

CREATE TYPE pg_temp.offer AS (verb text, department text);
CREATE TYPE pg_temp.wish AS (verb text, from_status text, case_id bigint);
CREATE TEMP TABLE answers (verb text, upon text);
INSERT INTO answers VALUES ('decide_extension', 'request_extension'), ('answer_whistle', 'whistle'), ('take_back', 'hand_over'), ('release_by_police', 'to_police'), ('keep_by_police', 'to_police');
CREATE TEMP TABLE prepared (case_id bigint, verb text);
CREATE PROCEDURE pg_temp.step(nth int) LANGUAGE plpgsql AS $$
DECLARE
	c		record;
	who		text;
	offered	pg_temp.offer[];
	todo	pg_temp.offer;
	wanted	pg_temp.wish;
	answer	text;
	call	text;
	refusal	text;
	before	text;
	clocks	jsonb;
	ids		bigint[];
BEGIN
	-- each second step goes for a transition that was never walked
	SELECT w.verb, w.from_status, (SELECT p.case_id FROM prepared p JOIN triage.cases x ON x.case_id = p.case_id AND x.status = w.from_status WHERE p.verb = w.verb ORDER BY p.case_id DESC LIMIT 1) AS case_id
		INTO wanted FROM (SELECT * FROM walked ORDER BY verb, from_status) w WHERE w.done = 0 AND nth % 2 = 0 ORDER BY random() LIMIT 1;
	DELETE FROM prepared p WHERE p.case_id = wanted.case_id AND p.verb = wanted.verb;
	-- what it answers to comes first
	IF wanted.case_id IS NULL AND pg_temp.chance(0.7) AND EXISTS (SELECT 1 FROM answers a WHERE a.verb = wanted.verb) THEN
		answer := wanted.verb;
		SELECT a.upon, wanted.from_status, NULL INTO wanted FROM (SELECT * FROM answers ORDER BY verb, upon) a WHERE a.verb = answer ORDER BY random() LIMIT 1;
	END IF;
	-- a case, rarely one that is over
	SELECT x.case_id, x.status INTO c FROM (SELECT * FROM triage.cases ORDER BY case_id) x
		WHERE CASE WHEN wanted.case_id IS NOT NULL THEN x.case_id = wanted.case_id WHEN wanted.verb IS NOT NULL THEN x.status = wanted.from_status WHEN x.status IN ('closed', 'void') THEN pg_temp.chance(0.03) WHEN x.status = 'merged' THEN pg_temp.chance(0.2) ELSE true END
		ORDER BY CASE WHEN wanted.verb IS NOT NULL AND nth % 3 = 0 THEN -x.case_id END, random() LIMIT 1;
	-- somebody who may see it, and of what he may do anything, or what was done least
	FOR who IN SELECT p.role FROM (SELECT * FROM people ORDER BY role) p WHERE EXISTS (SELECT 1 FROM triage.assignments a WHERE a.case_id = c.case_id AND a.department = p.department) OR (p.duty <> 'handler' AND pg_temp.chance(0.7)) ORDER BY random() LOOP
		PERFORM set_config('role', who, true);
		BEGIN
			offered := ARRAY(SELECT ROW (v.verb, v.department)::pg_temp.offer FROM triage.allowed_verbs(c.case_id) v);
		EXCEPTION WHEN SQLSTATE 'TR003' THEN
			offered := '{}';
		END;
		PERFORM set_config('role', 'none', true);
		SELECT o.verb, o.department INTO todo FROM (SELECT f.verb, f.department, w.done, w.refused FROM unnest(offered) f JOIN walked w ON w.verb = f.verb AND w.from_status = c.status ORDER BY f.verb, f.department) o
			WHERE wanted.verb IS NULL OR o.verb = wanted.verb ORDER BY CASE WHEN nth % 3 = 0 THEN o.done + o.refused / 4.0 END,
				random() * CASE WHEN o.verb IN ('accept', 'arrive', 'finish', 'resolve', 'review') THEN 0.2 ELSE 1 END LIMIT 1;
		EXIT WHEN todo.verb IS NOT NULL;
	END LOOP;
	IF todo.verb IS NULL THEN
		RETURN;
	END IF;
	call := pg_temp.call_of(todo.verb, c.case_id, todo.department);
	before := pg_temp.print_of(c.case_id);
	clocks := (SELECT coalesce(jsonb_object_agg(k.clock_id, k.state), '{}') FROM triage.clocks k WHERE k.case_id = c.case_id);
	PERFORM set_config('triage.happened_at', CASE WHEN pg_temp.chance(0.1) THEN (triage.clock() - random() * interval '5 minutes')::text ELSE '' END, true),
		set_config('triage.request_id', CASE WHEN pg_temp.chance(0.1) THEN 'r' || nth ELSE '' END, true);
	refusal := pg_temp.try(who, call);
	IF refusal IS NULL THEN
		INSERT INTO seen SELECT todo.verb, c.status, x.status,
			ARRAY(SELECT DISTINCT k.stage FROM triage.clocks k WHERE k.case_id = c.case_id AND k.state = 'running' AND clocks ->> k.clock_id::text IS DISTINCT FROM 'running' AND (clocks ? k.clock_id::text) IS FALSE ORDER BY 1),
			ARRAY(SELECT DISTINCT k.stage FROM triage.clocks k WHERE k.case_id = c.case_id AND k.stopped_at IS NOT NULL AND clocks ->> k.clock_id::text IN ('running', 'paused') ORDER BY 1)
			FROM triage.cases x WHERE x.case_id = c.case_id;
	END IF;
	IF refusal IS NULL AND current_setting('triage.request_id') <> '' THEN
		-- the same request again is the same
		before := pg_temp.print_of(c.case_id);
		refusal := pg_temp.try(who, call);
		-- who sent the case out of his own sight does not see it again
		IF (refusal IS NOT NULL AND refusal !~ '^TR003 # does not exist') OR pg_temp.print_of(c.case_id) <> before THEN
			INSERT INTO wrong VALUES (nth, who, call, 'repeated: ' || coalesce(refusal, 'something changed'));
		END IF;
		refusal := NULL;
	END IF;
	PERFORM set_config('triage.happened_at', '', true), set_config('triage.request_id', '', true);
	IF answer IS NOT NULL AND refusal IS NULL THEN
		INSERT INTO prepared VALUES (c.case_id, answer);
	END IF;
	UPDATE walked w SET done = w.done + (refusal IS NULL)::int, refused = w.refused + (refusal IS NOT NULL)::int WHERE w.verb = todo.verb AND w.from_status = c.status;
	IF refusal IS NOT NULL AND (refusal !~ '^TR00[1235] ' OR refusal ~ 'without detail or hint') THEN
		INSERT INTO wrong VALUES (nth, who, call, refusal);
	ELSIF refusal IS NOT NULL AND pg_temp.print_of(c.case_id) <> before THEN
		INSERT INTO wrong VALUES (nth, who, call, 'refused, but something changed');
	END IF;
	ids := ARRAY(SELECT c.case_id UNION SELECT x.merged_into FROM triage.cases x WHERE x.case_id = c.case_id AND x.merged_into IS NOT NULL
		UNION SELECT l.case_id FROM triage.links l WHERE l.linked_case = c.case_id AND l.kind = 'duplicate');
	INSERT INTO wrong SELECT nth, who, call, b FROM pg_temp.broken(ids) b;
	INSERT INTO wrong SELECT nth, who, call, u FROM pg_temp.unlike_history(ids) u;
END
$$;

-- a case brought to a state, the centre's own; NULL when a ruling or the like is in the way
CREATE FUNCTION pg_temp.brought_to(status text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	id		bigint := (triage.report('web', CASE WHEN status = 'triage' THEN '随便说说' ELSE '咨询政策' END, 'Z11', reporter => 'Li' || floor(random() * 1000000))).case_id;
	verb	text;
	refusal	text;
BEGIN
	-- no ruling of the walk is to bind whom the case goes to
	DELETE FROM triage.rulings;
	FOREACH verb IN ARRAY CASE status WHEN 'accepted' THEN '{accept}' WHEN 'in_progress' THEN '{accept,feed_back}' WHEN 'return_requested' THEN '{request_return}' WHEN 'suspended' THEN '{accept,suspend}'
		WHEN 'review' THEN '{accept,resolve}' WHEN 'callback' THEN '{accept,resolve,review}' WHEN 'closed' THEN '{accept,resolve,close_case}' WHEN 'merged' THEN '{merge}' WHEN 'void' THEN '{void_case}' ELSE '{}' END::text[]
	LOOP
		refusal := pg_temp.try(CASE WHEN verb IN ('accept', 'feed_back', 'request_return', 'resolve') THEN 't146_centre1' ELSE 't146_two' END,
			format(CASE verb WHEN 'accept' THEN 'SELECT triage.accept(%s)' WHEN 'feed_back' THEN 'SELECT triage.feed_back(%s, body => ''在查'')' WHEN 'request_return' THEN 'SELECT triage.request_return(%s, ''不属于我们'')'
				WHEN 'suspend' THEN 'SELECT triage.suspend(%s, ''等文件'', triage.clock() + interval ''1 day'')' WHEN 'resolve' THEN 'SELECT triage.resolve(%s, ''resolved'', ''已按规定答复本人'')'
				WHEN 'review' THEN 'SELECT triage.review(%s, true)' WHEN 'close_case' THEN 'SELECT triage.close_case(%s)' WHEN 'merge' THEN 'SELECT triage.merge(%s, ' || pg_temp.brought_to('dispatched') || ')'
				ELSE 'SELECT triage.void_case(%s, ''test'')' END, id));
		IF refusal IS NOT NULL THEN
			RETURN NULL;
		END IF;
	END LOOP;
	RETURN (SELECT c.case_id FROM triage.cases c WHERE c.case_id = id AND c.status = brought_to.status);
END
$$;

-- a fresh case for a transition that was never walked, with what the verb answers to
CREATE FUNCTION pg_temp.prepare() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	w	walked;
	id	bigint;
BEGIN
	SELECT * INTO w FROM (SELECT * FROM walked ORDER BY verb, from_status) x WHERE x.done = 0 ORDER BY random() LIMIT 1;
	id := pg_temp.brought_to(w.from_status);
	PERFORM pg_temp.try('t146_' || lower(c.lead), pg_temp.call_of(a.upon, id, c.lead)) FROM answers a, triage.cases c WHERE a.verb = w.verb AND c.case_id = id;
	INSERT INTO prepared SELECT id, w.verb WHERE id IS NOT NULL;
END
$$;

CREATE PROCEDURE pg_temp.model(steps int) LANGUAGE plpgsql AS $$
DECLARE
	standing	int;
BEGIN
	-- as many as were asked for, and then on while a transition waits to be walked
	FOR i IN 1 .. greatest(steps, 2000) * 3 LOOP
		EXIT WHEN i > steps AND NOT EXISTS (SELECT 1 FROM walked w WHERE w.done = 0);
		-- chance alone may leave no case in a state, or only ones that refuse
		IF i > steps AND i % 10 = 0 THEN
			PERFORM pg_temp.prepare();
		END IF;
		SELECT count(*) INTO standing FROM triage.cases c WHERE c.status NOT IN ('closed', 'void', 'merged');
		IF standing < 12 OR (standing < 40 AND pg_temp.chance(0.08)) THEN
			PERFORM pg_temp.new_case();
		END IF;
		IF pg_temp.chance(0.07) THEN
			PERFORM pg_temp.pass_time();
		END IF;
		CALL pg_temp.step(i);
		COMMIT;
		-- all cases, also those that only time has touched
		IF i % 250 = 0 THEN
			INSERT INTO wrong SELECT i, NULL, 'all', b FROM pg_temp.broken() b;
			INSERT INTO wrong SELECT i, NULL, 'all', u FROM pg_temp.unlike_history() u;
			INSERT INTO wrong SELECT i, NULL, 'all', 'history of case ' || v.case_id || ': ' || v.problem FROM triage.verify_history() v;
			COMMIT;
		END IF;
		EXIT WHEN (SELECT count(*) FROM wrong) > 20;
	END LOOP;
END
$$;

SET triage.now = '2026-03-02 10:00+08';
SET jit = off;
SELECT setseed(:seed) \g /dev/null
SELECT diag(format('model: %s steps, seed %s', :'steps', :'seed'));
CALL pg_temp.model(:steps);
INSERT INTO wrong SELECT NULL, NULL, 'all', b FROM pg_temp.broken() b;
INSERT INTO wrong SELECT NULL, NULL, 'all', u FROM pg_temp.unlike_history() u;
INSERT INTO wrong SELECT NULL, NULL, 'all', 'history of case ' || v.case_id || ': ' || v.problem FROM triage.verify_history() v;
SELECT is((SELECT count(*) FROM wrong), 0::bigint, 'whatever is done, what must hold holds, and the events give the rows');
SELECT diag(format('step %s, %s, %s: %s', w.step, w.who, w.call, w.what)) FROM wrong w ORDER BY w.step LIMIT 20;
SELECT diag(format('%s cases, %s events; %s of %s transitions walked', (SELECT count(*) FROM triage.cases), (SELECT count(*) FROM triage.events), count(*) FILTER (WHERE w.done > 0), count(*))) FROM walked w;
SELECT is((SELECT string_agg(concat_ws(' ', w.verb, 'from', w.from_status, 'refused', w.refused), ', ' ORDER BY w.verb, w.from_status) FROM walked w WHERE w.done = 0), NULL,
	'every row of triage.transitions was walked');

SELECT is((SELECT string_agg(DISTINCT concat_ws(' ', s.verb, s.from_status, s.to_status, s.started, s.stopped), ', ') FROM seen s JOIN triage.transitions t ON t.verb = s.verb AND t.from_status = s.from_status
	WHERE NOT ((s.to_status = s.from_status OR s.to_status = ANY (t.leads_to || t.to_status)) AND s.started <@ t.starts AND s.stopped <@ t.stops)), NULL, 'and does to status and clocks what the row says');
SELECT is((SELECT string_agg(t.verb || ' ' || t.from_status, ', ') FROM triage.transitions t, unnest(t.starts || t.stops) g WHERE g NOT IN (SELECT p.stage FROM triage.policies p)), NULL, 'in stages that there are');

-- ---- who had the chair ----

CREATE TEMP TABLE meetings AS SELECT e.case_id, e.seq, e.data->>'chair' AS chair,
		CASE WHEN p.area ^@ 'Z1' THEN 'CENTRE1' WHEN (e.at AT TIME ZONE 'Asia/Shanghai')::time BETWEEN '08:00' AND '19:59:59.999999' THEN 'ENV' ELSE 'WATER' END AS turn
	FROM triage.events e CROSS JOIN LATERAL (SELECT CASE WHEN s.seq = 1 THEN s.data->>'area' ELSE s.data->'set'->>'area' END AS area FROM triage.events s
		WHERE s.case_id = e.case_id AND s.seq < e.seq AND (s.seq = 1 OR s.data->'set' ? 'area') ORDER BY s.seq DESC LIMIT 1) p
	WHERE e.verb = 'confer';
SELECT is((SELECT string_agg(format('case %s event %s: %s instead of %s', m.case_id, m.seq, m.chair, m.turn), ', ') FROM meetings m WHERE m.chair IS DISTINCT FROM m.turn), NULL,
	'the chair of a meeting was the unit whose turn it was');

-- ---- the desks after all that ----

CREATE TEMP TABLE desks AS SELECT d.code AS department, coalesce((SELECT array_agg(p.case_id ORDER BY coalesce(p.due, 'infinity'), p.case_id) FROM (
		SELECT c.case_id, (SELECT min(k.due_at) FROM triage.clocks k WHERE k.case_id = c.case_id AND k.state = 'running'
			AND (k.assignment_seq = ANY (array_agg(a.seq)) OR (bool_or(a.duty = 'lead') AND k.assignment_seq IS NULL))) AS due
		FROM triage.cases c JOIN triage.assignments a ON a.case_id = c.case_id AND a.department = d.code AND a.status NOT IN ('done', 'withdrawn')
		WHERE c.status NOT IN ('closed', 'void', 'merged') GROUP BY c.case_id) p), '{}') AS cases
	FROM triage.departments d;
GRANT SELECT ON desks TO PUBLIC;
-- page by page
CREATE FUNCTION pg_temp.paged(department text, size int) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
	r		record;
	due		timestamptz;
	id		bigint;
	n		int;
	all_of	bigint[] := '{}';
BEGIN
	LOOP
		n := 0;
		FOR r IN SELECT i.case_id, i.due_at FROM triage.inbox(paged.department, due, id, size) i LOOP
			all_of := all_of || r.case_id;
			due := r.due_at;
			id := r.case_id;
			n := n + 1;
		END LOOP;
		EXIT WHEN n < size;
	END LOOP;
	RETURN all_of;
END
$$;
SET ROLE t146_three;
SELECT is((SELECT string_agg(d.department, ' ') FROM desks d WHERE pg_temp.paged(d.department, 1000) <> d.cases), NULL, 'each desk shows its open cases by their next deadlines');
SELECT is((SELECT string_agg(d.department, ' ') FROM desks d WHERE pg_temp.paged(d.department, 3) <> d.cases), NULL, 'and page by page the same');
SELECT cmp_ok((SELECT max(cardinality(d.cases)) FROM desks d), '>', 6, 'of which there are several');
RESET ROLE;

-- ---- what is illegal ----

-- a call that must be refused in these words, and change nothing
CREATE FUNCTION pg_temp.wrongly(who text, verb text, id bigint, department text, expected text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before	text := pg_temp.print_of(id);
	call	text := pg_temp.call_of(verb, id, department);
	refusal	text := pg_temp.try(who, call);
BEGIN
	RETURN CASE WHEN refusal IS NULL THEN format('%s by %s was carried out', call, who)
				-- a merge asks after two cases, of which the other may be the one that is not his
				WHEN refusal !~ CASE WHEN verb = 'merge' AND expected !~ 'TR001' THEN '^TR00[23] ' ELSE expected END THEN format('%s by %s: %s', call, who, refusal)
				WHEN pg_temp.print_of(id) <> before THEN format('%s by %s changed something', call, who) END;
END
$$;
CREATE TEMP TABLE statuses AS SELECT s.status, pg_temp.brought_to(s.status) AS case_id
	FROM unnest('{triage,dispatched,accepted,in_progress,return_requested,suspended,review,callback,closed,merged,void}'::text[]) s(status);
SELECT is((SELECT string_agg(s.status, ', ') FROM statuses s WHERE s.case_id IS NULL), NULL, 'there is a case in every state');
SELECT diag(format('%s verbs in states they are not for', count(*))) FROM (SELECT DISTINCT t.verb FROM triage.transitions t) v CROSS JOIN statuses s
	WHERE NOT EXISTS (SELECT 1 FROM triage.transitions t WHERE t.verb = v.verb AND t.from_status = s.status);
SELECT is(pg_temp.wrongly('t146_three', v.verb, s.case_id, (SELECT c.lead FROM triage.cases c WHERE c.case_id = s.case_id), '^TR001 ' || v.verb || ' is not allowed for # in state'), NULL,
	v.verb || ' is refused in state ' || s.status)
FROM (SELECT DISTINCT t.verb FROM triage.transitions t) v CROSS JOIN statuses s
WHERE NOT EXISTS (SELECT 1 FROM triage.transitions t WHERE t.verb = v.verb AND t.from_status = s.status) ORDER BY v.verb, s.status;

-- by who sees the case but has not the duty; the centre's work by a handler, the parties' by an operator
SELECT is(pg_temp.wrongly(CASE WHEN t.duty IN ('centre', 'desk') THEN coalesce(h.role, 't146_one') ELSE 't146_op' END, t.verb, s.case_id, (SELECT c.lead FROM triage.cases c WHERE c.case_id = s.case_id),
	'^TR002 ' || t.verb || ' is not yours to do in #$'), NULL, format('%s in state %s is up to: %s', t.verb, t.from_status, t.duty))
FROM triage.transitions t JOIN statuses s ON s.status = t.from_status
LEFT JOIN LATERAL (SELECT p.role FROM people p JOIN triage.assignments a ON a.department = p.department AND p.duty = 'handler' WHERE a.case_id = s.case_id ORDER BY a.seq DESC LIMIT 1) h ON true
WHERE t.duty IN ('centre', 'desk', 'lead', 'party') ORDER BY t.verb, t.from_status;

-- to who takes no part a case does not exist, in the words of one that does not
SELECT is(pg_temp.wrongly(p.role, v.verb, s.case_id, 'ENV', '^TR003 # does not exist$'), NULL, v.verb || ' does not tell a stranger of a case')
FROM (SELECT DISTINCT t.verb FROM triage.transitions t) v
CROSS JOIN LATERAL (SELECT max(s.case_id) AS case_id FROM statuses s WHERE EXISTS (SELECT 1 FROM triage.transitions t WHERE t.verb = v.verb AND t.from_status = s.status)) s
CROSS JOIN LATERAL (SELECT p.role FROM people p WHERE p.duty = 'handler' AND NOT EXISTS (SELECT 1 FROM triage.assignments a WHERE a.case_id = s.case_id AND a.department = p.department) ORDER BY p.role LIMIT 1) p
ORDER BY v.verb;
SELECT is(pg_temp.wrongly('t146_three', v.verb, 999999999, 'ENV', '^TR003 # does not exist$'), NULL, v.verb || ' of a case that does not exist') FROM (SELECT DISTINCT t.verb FROM triage.transitions t) v ORDER BY v.verb;

SELECT * FROM finish();
SELECT format('DROP OWNED BY %I', p.role), format('DROP ROLE %I', p.role) FROM people p ORDER BY p.role \gexec
