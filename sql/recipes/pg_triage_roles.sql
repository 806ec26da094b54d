/*
 * Roles for an installation, as a recipe: run it once, as a superuser, in the
 * database that dispatches; change what does not fit.
 *
 *	psql -d DATABASE -f "$(pg_config --sharedir)/extension/pg_triage_roles.sql"
 *
 * The roles below hold privileges and cannot log in.  Who logs in is granted
 * one of them, and named in triage.members, which says for whom he acts:
 *
 *	CREATE ROLE wang LOGIN;  GRANT triage_handler TO wang;
 *	INSERT INTO triage.members (role, duty, department) VALUES ('wang', 'handler', 'TOWN.330784001');
 *
 * Row security shows each the cases that triage.may_see() shows him.  Nobody
 * here may read reporter and contact in the tables: triage.reveal_contact()
 * shows them and leaves an event.
 */
DO $$
DECLARE
	r	text;
BEGIN
	FOREACH r IN ARRAY ARRAY['triage_reader', 'triage_operator', 'triage_handler', 'triage_centre', 'triage_admin', 'triage_reporter', 'triage_loader'] LOOP
		IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
			EXECUTE format('CREATE ROLE %I NOLOGIN', r);
		END IF;
		EXECUTE format('GRANT USAGE ON SCHEMA triage TO %I', r);
	END LOOP;
END
$$;

-- ---- what everybody at a desk may read ----

GRANT SELECT ON triage.areas, triage.area_names, triage.departments, triage.case_types, triage.channels, triage.outcomes, triage.policies,
	triage.policy_steps, triage.calendars, triage.calendar_hours, triage.calendar_days, triage.transitions, triage.packs TO triage_reader;
GRANT SELECT ON triage.decisions, triage.assignments, triage.clocks, triage.clock_segments, triage.clock_steps, triage.events, triage.links,
	triage.suggestions, triage.callbacks, triage.evidence, triage.rulings TO triage_reader;
GRANT SELECT (case_id, number, kind, channel, external_ref, reported_at, received_at, body, area, address, location, case_type, nature, priority,
	danger, status, lead, colour, event_colour, confidence, outcome, merged_into, dispatched_at, closed_at, report_count, event_seq,
	rulebook_version, attrs) ON triage.cases TO triage_reader;
GRANT SELECT (case_id, seq, channel, external_ref, language, confidential, reported_at, body) ON triage.case_sources TO triage_reader;
GRANT EXECUTE ON FUNCTION triage.actor, triage.acts_as_owner, triage.clock, triage.may_see, triage.inbox, triage.board, triage.overdue, triage.risk_list, triage.gaps,
	triage.chain, triage.changes, triage.explain, triage.explain_json, triage.work_order, triage.allowed_verbs, triage.similar, triage.find_place,
	triage.suggest_type, triage.verify_history, triage.on_duty, triage.duty_shifts, triage.mode_in_force, triage.same_matter,
	triage.add_worktime, triage.worktime_between, triage.next_opening TO triage_reader;
GRANT triage_reader TO triage_operator, triage_handler, triage_centre, triage_admin;

-- ---- duties ----

-- 接线员: takes calls
GRANT EXECUTE ON FUNCTION triage.report, triage.preview, triage.add_source, triage.append_text, triage.similar_to, triage.caller, triage.answer,
	triage.to_police, triage.urge, triage.link_case, triage.correct, triage.confirm_danger, triage.call_back, triage.hand_over,
	triage.set_area, triage.reclassify, triage.reveal_contact TO triage_operator;

-- 承办单位: works on cases
GRANT EXECUTE ON FUNCTION triage.accept, triage.arrive, triage.feed_back, triage.finish, triage.resolve, triage.request_return, triage.transfer,
	triage.whistle, triage.answer_whistle, triage.to_police, triage.release_by_police, triage.keep_by_police, triage.escalate, triage.urge,
	triage.request_extension, triage.acknowledge, triage.add_evidence, triage.append_text, triage.reveal_contact, triage.open_task, triage.assign_staff
	TO triage_handler;

-- 中心: dispatches, decides, closes
GRANT EXECUTE ON FUNCTION triage.dispatch, triage.decide_return, triage.decide_extension, triage.confer, triage.release_assist, triage.review,
	triage.close_case, triage.reopen, triage.void_case, triage.suspend, triage.resume, triage.supervise, triage.take_back, triage.merge,
	triage.unmerge, triage.police_audit, triage.kpi, triage.anonymise, triage.suggest_staff, triage.helpers,
	triage.town_classes, triage.top_problems, triage.training_gaps TO triage_centre;
GRANT triage_operator, triage_handler TO triage_centre;

-- 管理员: operates the installation; its rules (load_pack(), apply_pack(), lint()) are changed by who owns the extension
GRANT EXECUTE ON FUNCTION triage.health, triage.start_workers, triage.stop_workers, triage.seal, triage.export_case, triage.replay_delivery,
	triage.replay_deliveries, triage.cancel_delivery, triage.set_secret, triage.reapply_policy, triage.retry_intake, triage.set_mode, triage.tick
	TO triage_admin;
GRANT SELECT ON triage.deliveries, triage.quarantine, triage.intake_errors, triage.endpoints, triage.members, triage.seals TO triage_admin;
GRANT INSERT, UPDATE, DELETE ON triage.members TO triage_admin;
GRANT triage_centre TO triage_admin;

-- ---- systems ----

-- a system that writes reports as rows: by column, so that it can choose neither a case's id nor its state, lead or decision
GRANT INSERT (channel, external_ref, reported_at, reporter, contact, body, area, address, location, case_type, attrs)
	ON triage.cases TO triage_reporter;
GRANT EXECUTE ON FUNCTION triage.report, triage.status_by_token TO triage_reporter;

-- bulk loads by COPY, which the server refuses where row security applies: it writes reports and reads nothing
ALTER ROLE triage_loader BYPASSRLS;
GRANT INSERT (channel, external_ref, reported_at, reporter, contact, body, area, address, location, case_type, attrs)
	ON triage.cases TO triage_loader;

/*
 * A front end with one pooled login for all its users signs for them:
 *
 *	CREATE ROLE web LOGIN;  GRANT triage_centre TO web;
 *	postgresql.conf:  triage.claim_roles = 'web'
 *	                  triage.claim_secret = '(32 random bytes or more)'
 *	per transaction:  SET LOCAL triage.actor = 'wang;1790000000;HEX'
 *
 * where 1790000000 is when the claim ends (seconds since 1970) and HEX is
 * encode(hmac-sha256('wang;1790000000', secret), 'hex').  'wang' is then what
 * triage.members and the history know; it need not be a database role.  BYPASSRLS
 * is an attribute: who shall COPY logs in as a role that has it himself.
 */
