/*
 * What has changed, for a screen that follows: a cursor over the events of
 * all cases that misses none of them, however late it is committed.
 *
 * An event has a position (events.pos), a number of one sequence, drawn when
 * it is written.  Positions come in the order of drawing, commits in any: a
 * reader who goes by the highest number seen would miss what an earlier number
 * brings later.  So a gap is passed only when nobody can fill it any more.
 *
 * Who can?  The writer draws a position while it holds ROW EXCLUSIVE on
 * triage.events (extension/casework/writer.c; so does an INSERT), and the lock
 * stays until its transaction ends, prepared ones included.  Let n be the
 * sequence's value, read first; L the transactions that hold the lock, read
 * next; R what is visible after that.  A position up to n was drawn before n
 * was read, under a lock that was held then.  Its transaction is in L, or it
 * released the lock before L was read; the server makes a transaction visible
 * before it releases its locks, so its event is in R, unless it was rolled
 * back.  Hence, when L is empty, R has every event up to n that will ever be;
 * and when all of an L have ended, so has what is read after that.
 *
 * Without a gap in R up to n nobody need be asked.  With one, those of the
 * first L are waited for, a moment (a verb takes about a millisecond), then R
 * is read again; if one of them still runs, what lies before the gap is given
 * and the rest comes later.  Nobody waits for us, and no lock is taken beyond
 * the reader's own.  A transaction without an event stops nothing, however
 * long it runs.
 *
 * It follows that the answer needs snapshots of its own (READ COMMITTED) and
 * the lock table (not a standby).  The sequence is dumped with the events: a
 * cursor holds over dump and restore.
 */

CREATE FUNCTION triage.changes(after bigint DEFAULT 0, max_rows int DEFAULT 1000)
	RETURNS TABLE (cursor bigint, case_id bigint, seq int, verb text, at timestamptz)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER ROWS 100
	SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET jit = off	-- its plans are kept: see extension/README.md, Plans that are kept
AS $$
#variable_conflict error
DECLARE
	look	bigint;						-- positions looked at in this call
	apart	CONSTANT bigint := 1000;	-- that pass without a row for the actor until he is told how far
	tries	CONSTANT int := 20;			-- of five milliseconds each
	me		record;
	upto	bigint;		-- all positions to here are to be looked at
	sound	bigint;		-- all to here are known
	writers	text[];
	last	bigint := changes.after;
	shown	int := 0;
BEGIN
	IF changes.after IS NULL OR changes.after < 0 THEN
		RAISE EXCEPTION 'argument "after" must not be null or negative'
			USING ERRCODE = 'TR003', DETAIL = 'It is the cursor of the last row that was read.', HINT = 'Begin with 0.';
	END IF;
	IF changes.max_rows IS NULL OR changes.max_rows NOT BETWEEN 1 AND 100000 THEN
		RAISE EXCEPTION 'argument "max_rows" is out of range'
			USING ERRCODE = 'TR003', DETAIL = 'It is 1 to 100000.', HINT = 'Leave it out for 1000.';
	END IF;
	IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') OR pg_is_in_recovery() THEN
		RAISE EXCEPTION 'changes() needs a primary server and isolation level READ COMMITTED'
			USING ERRCODE = '0A000', DETAIL = 'It must see what other sessions just committed, and who is still writing.',
				  HINT = 'Call it in a transaction of its own on the primary.';
	END IF;
	SELECT * INTO me FROM triage.sight();
	look := greatest(10000, 10 * changes.max_rows);
	SELECT least(CASE WHEN s.is_called THEN s.last_value ELSE 0 END, changes.after + look) INTO upto FROM triage.events_pos_seq s;
	sound := triage.known_to(changes.after, upto);
	FOR i IN 1 .. tries LOOP
		EXIT WHEN sound >= upto;
		IF writers IS NULL THEN
			writers := triage.event_writers();
		ELSE
			PERFORM pg_sleep(0.005);
			-- one that was prepared meanwhile goes by another name
			writers := ARRAY(SELECT w FROM unnest(triage.event_writers()) w WHERE w = ANY (writers) OR w ^@ '-1/');
		END IF;
		-- none of them is left: what is missing now was rolled back
		IF cardinality(writers) = 0 THEN
			sound := upto;
		ELSE
			sound := triage.known_to(changes.after, upto);
		END IF;
	END LOOP;
	FOR cursor, case_id, seq, verb, at IN
		SELECT e.pos, e.case_id, e.seq, e.verb, e.at
		FROM triage.events e JOIN triage.cases c ON c.case_id = e.case_id
		WHERE e.pos > changes.after AND e.pos <= sound
			AND (me.everywhere OR c.area = ANY (me.areas) OR (c.area IS NULL AND me.areas <> '{}')
				OR EXISTS (SELECT 1 FROM triage.assignments a WHERE a.case_id = c.case_id AND a.department = ANY (me.departments)))
		ORDER BY e.pos LIMIT changes.max_rows
	LOOP
		last := cursor;
		shown := shown + 1;
		RETURN NEXT;
	END LOOP;
	IF shown < changes.max_rows AND sound - last >= apart THEN
		cursor := sound;
		case_id := NULL;
		seq := NULL;
		verb := NULL;
		at := NULL;
		RETURN NEXT;
	END IF;
END
$$;
COMMENT ON FUNCTION triage.changes(bigint, int) IS
	'动态: the events of cases the actor may see, oldest first, after a cursor (0 = from the beginning): read on with the cursor of the last row. Misses none, even when an event with a smaller cursor is committed later; repeats none. A last row without a case says how far there was nothing for the actor. What a transaction that still runs may bring, and what came after it, waits until it has ended. A cursor holds over dump and restore. Errors: TR003 a null or negative cursor, max_rows not 1 to 100000; 0A000 on a standby, or in REPEATABLE READ and SERIALIZABLE.';

CREATE FUNCTION triage.known_to(after bigint, upto bigint) RETURNS bigint
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	-- before the first gap; a gap at the end shows as a last position short of upto
	SELECT coalesce((SELECT p.pos FROM (
			SELECT e.pos, lead(e.pos, 1, CASE WHEN e.pos = $2 THEN $2 + 1 END) OVER (ORDER BY e.pos) AS next
			FROM (SELECT $1 AS pos UNION ALL SELECT x.pos FROM triage.events x WHERE x.pos > $1 AND x.pos <= $2) e) p
		WHERE p.next IS DISTINCT FROM p.pos + 1 ORDER BY p.pos LIMIT 1), $2)
$$;
COMMENT ON FUNCTION triage.known_to(bigint, bigint) IS
	'Internal, for changes(): the last position before the first gap among the visible events after one position up to another.';

CREATE FUNCTION triage.event_writers() RETURNS text[]
	LANGUAGE sql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(array_agg(DISTINCT l.virtualtransaction), '{}') FROM pg_locks l
	WHERE l.locktype = 'relation' AND l.relation = 'triage.events'::regclass AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
		AND l.granted AND l.mode NOT IN ('AccessShareLock', 'RowShareLock') AND l.pid IS DISTINCT FROM pg_backend_pid()
$$;
COMMENT ON FUNCTION triage.event_writers() IS
	'Internal, for changes(): the transactions that may have written an event which is not visible yet, as pg_locks names them.';
