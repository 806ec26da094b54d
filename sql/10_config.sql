/*
 * Configuration: the rulebook.  People edit these rows, packs load them.
 *
 * Codes are COLLATE "C", so that order and prefix tests do not depend on the
 * operating system.  There are no foreign keys between these tables (they
 * would cost intake and break dumps): the rulebook compiler and lint() check
 * codes.  "pack" says which rule pack brought a row, NULL = this
 * installation's own.  Rows are retired (active = false), not deleted.
 */

-- the one line that says which version of all rules is in force
CREATE TABLE triage.rulebook (
	one		boolean		NOT NULL DEFAULT true PRIMARY KEY CHECK (one),
	version	bigint		NOT NULL CHECK (version > 0),
	digest	bytea		NOT NULL CHECK (octet_length(digest) = 16),
	at		timestamptz	NOT NULL
);
SELECT pg_extension_config_dump('triage.rulebook', '');

-- what sessions read instead of all tables; this server's own scratch, so it is not dumped
CREATE TABLE triage.rulebook_image (
	one		boolean		NOT NULL DEFAULT true PRIMARY KEY CHECK (one),
	version	bigint		NOT NULL,
	digest	bytea		NOT NULL,
	image	bytea		NOT NULL
);
ALTER TABLE triage.rulebook_image ALTER COLUMN image SET STORAGE EXTERNAL;

CREATE TABLE triage.rule_history (
	relation	text	COLLATE "C" NOT NULL,
	version		bigint	NOT NULL,
	row			jsonb	NOT NULL
);
CREATE INDEX rule_history_idx ON triage.rule_history (relation, version);
SELECT pg_extension_config_dump('triage.rule_history', '');

CREATE TABLE triage.packs (
	code		text	COLLATE "C" NOT NULL PRIMARY KEY CHECK (code ~ '^[a-z0-9_]{1,40}$'),
	version		text	NOT NULL,
	zh			text	NOT NULL,
	en			text	NOT NULL,
	loaded_at	timestamptz	NOT NULL,
	note		text
);
SELECT pg_extension_config_dump('triage.packs', '');

CREATE TABLE triage.areas (
	code		text	COLLATE "C" NOT NULL PRIMARY KEY CHECK (code <> ''),
	parent		text	COLLATE "C" CHECK (parent <> code),
	zh			text	NOT NULL CHECK (zh <> ''),
	en			text,
	level		text	COLLATE "C" NOT NULL
				CHECK (level IN ('province', 'city', 'county', 'town', 'village', 'grid')),
	urban		boolean	NOT NULL DEFAULT false,
	boundary	polygon	CHECK (npoints(boundary) BETWEEN 3 AND 10000 AND box(boundary) <@ box '(180,90),(-180,-90)'),
	short		text	COLLATE "C" CHECK (short ~ '^[a-z0-9]{1,40}$'),
	active		boolean	NOT NULL DEFAULT true,
	pack		text	COLLATE "C"
);
CREATE INDEX areas_boundary_idx ON triage.areas USING gist (boundary) WHERE boundary IS NOT NULL;
SELECT pg_extension_config_dump('triage.areas', '');

CREATE TABLE triage.area_names (
	area		text	COLLATE "C" NOT NULL,
	name		text	COLLATE "C" NOT NULL CHECK (char_length(name) BETWEEN 2 AND 60),
	kind		text	COLLATE "C" NOT NULL DEFAULT 'alias' CHECK (kind IN ('name', 'alias', 'road', 'place')),
	short		text	COLLATE "C" CHECK (short ~ '^[a-z0-9]{1,40}$'),
	houses		text	COLLATE "C" CHECK (houses ~ '^[0-9]{1,5}(-([0-9]{1,5})?)?( odd| even)?(, ?[0-9]{1,5}(-([0-9]{1,5})?)?( odd| even)?)*$'
				AND char_length(houses) <= 500),
	active		boolean	NOT NULL DEFAULT true,
	pack		text	COLLATE "C",
	PRIMARY KEY (area, name)
);
SELECT pg_extension_config_dump('triage.area_names', '');

CREATE TABLE triage.departments (
	code		text	COLLATE "C" NOT NULL PRIMARY KEY CHECK (code <> ''),
	kind		text	COLLATE "C" NOT NULL,
	zh			text	NOT NULL CHECK (zh <> ''),
	en			text	NOT NULL,
	level		text	COLLATE "C" NOT NULL
				CHECK (level IN ('prefecture', 'county', 'town', 'village', 'grid', 'social')),
	area		text	COLLATE "C",
	superior	text	COLLATE "C" CHECK (superior <> kind),
	endpoint	text	COLLATE "C",
	active		boolean	NOT NULL DEFAULT true,
	pack		text	COLLATE "C"
);
SELECT pg_extension_config_dump('triage.departments', '');

CREATE TABLE triage.channels (
	code				text	COLLATE "C" NOT NULL PRIMARY KEY CHECK (code <> ''),
	zh					text	NOT NULL,
	en					text	NOT NULL,
	kind				text	COLLATE "C" NOT NULL
						CHECK (kind IN ('voice', 'written', 'grid', 'sensor', 'model', 'walk_in', 'host')),
	area				text	COLLATE "C",
	department			text	COLLATE "C",
	endpoint			text	COLLATE "C",
	confirm_danger		boolean	NOT NULL,
	needs_caller		boolean	NOT NULL,
	allows_anonymous	boolean	NOT NULL,
	fold_window			interval CHECK (fold_window > interval '0'),
	active				boolean	NOT NULL DEFAULT true,
	pack				text	COLLATE "C"
);
SELECT pg_extension_config_dump('triage.channels', '');

CREATE TABLE triage.case_types (
	code		text	COLLATE "C" NOT NULL PRIMARY KEY CHECK (code <> ''),
	parent		text	COLLATE "C" CHECK (parent <> code),
	zh			text	NOT NULL CHECK (zh <> ''),
	en			text	NOT NULL,
	nature		text	COLLATE "C" NOT NULL CHECK (nature IN ('police', 'nonpolice', 'joint', 'undetermined')),
	priority	int		NOT NULL CHECK (priority BETWEEN 1 AND 4),
	scene		boolean	NOT NULL DEFAULT false,
	fallback	boolean	NOT NULL DEFAULT false,
	callback	text	COLLATE "C" NOT NULL DEFAULT 'none' CHECK (callback IN ('required', 'sample', 'none')),
	short		text	COLLATE "C" CHECK (short ~ '^[a-z0-9]{1,40}$'),
	basis		text,
	active		boolean	NOT NULL DEFAULT true,
	pack		text	COLLATE "C"
);
SELECT pg_extension_config_dump('triage.case_types', '');

CREATE TABLE triage.terms (
	case_type	text	COLLATE "C" NOT NULL,
	kind		text	COLLATE "C" NOT NULL CHECK (kind IN ('include', 'exclude', 'escalate')),
	term		text	COLLATE "C" NOT NULL CHECK (char_length(term) BETWEEN 1 AND 100),
	active		boolean	NOT NULL DEFAULT true,
	pack		text	COLLATE "C",
	PRIMARY KEY (case_type, kind, term)
);
SELECT pg_extension_config_dump('triage.terms', '');

CREATE TABLE triage.context_words (
	kind		text	COLLATE "C" NOT NULL CHECK (kind IN ('negation', 'past', 'supposed', 'figure', 'question', 'drill',
				'present', 'plain', 'turn')),
	word		text	COLLATE "C" NOT NULL CHECK (char_length(word) BETWEEN 1 AND 60),
	stands		text	COLLATE "C" NOT NULL DEFAULT 'before' CHECK (stands IN ('before', 'after', 'around', 'over')),
	reach		int		NOT NULL DEFAULT 4 CHECK (reach BETWEEN 0 AND 60),
	scope		text	COLLATE "C" NOT NULL DEFAULT 'clause' CHECK (scope IN ('clause', 'sentence')),
	active		boolean	NOT NULL DEFAULT true,
	pack		text	COLLATE "C",
	PRIMARY KEY (kind, word)
);
SELECT pg_extension_config_dump('triage.context_words', '');

CREATE TABLE triage.routes (
	code		text	COLLATE "C" NOT NULL PRIMARY KEY CHECK (code <> ''),
	case_type	text	COLLATE "C",
	area		text	COLLATE "C",
	condition	text	CHECK (condition <> ''),
	precedence	int		NOT NULL DEFAULT 0,
	zh			text,
	en			text,
	basis		text,
	active		boolean	NOT NULL DEFAULT true,
	pack		text	COLLATE "C"
);
SELECT pg_extension_config_dump('triage.routes', '');

CREATE TABLE triage.route_parties (
	route		text	COLLATE "C" NOT NULL,
	seq			int		NOT NULL CHECK (seq > 0),
	department	text	COLLATE "C",
	relation	text	COLLATE "C",
	duty		text	COLLATE "C" NOT NULL CHECK (duty IN ('lead', 'assist', 'on_scene', 'backup', 'expert', 'agent')),
	skill		text	COLLATE "C",
	active		boolean	NOT NULL DEFAULT true,
	pack		text	COLLATE "C",
	PRIMARY KEY (route, seq),
	CHECK ((department IS NULL) <> (relation IS NULL))
);
SELECT pg_extension_config_dump('triage.route_parties', '');

CREATE TABLE triage.calendars (
	code		text	COLLATE "C" NOT NULL PRIMARY KEY CHECK (code <> ''),
	zh			text	NOT NULL,
	en			text	NOT NULL,
	timezone	text	NOT NULL,
	version		int		NOT NULL DEFAULT 1 CHECK (version > 0),
	active		boolean	NOT NULL DEFAULT true,
	pack		text	COLLATE "C"
);
SELECT pg_extension_config_dump('triage.calendars', '');

CREATE TABLE triage.calendar_hours (
	calendar	text	COLLATE "C" NOT NULL,
	weekday		int		NOT NULL CHECK (weekday BETWEEN 1 AND 7),
	opens		time	NOT NULL,
	closes		time	NOT NULL,
	active		boolean	NOT NULL DEFAULT true,
	pack		text	COLLATE "C",
	PRIMARY KEY (calendar, weekday, opens),
	CHECK (closes > opens)
);
SELECT pg_extension_config_dump('triage.calendar_hours', '');

CREATE TABLE triage.calendar_days (
	calendar	text	COLLATE "C" NOT NULL,
	day			date	NOT NULL,
	-- closed, or open with the hours of another weekday, or with hours of its own
	kind		text	COLLATE "C" NOT NULL CHECK (kind IN ('closed', 'as_weekday', 'hours')),
	as_weekday	int		CHECK (as_weekday BETWEEN 1 AND 7),
	opens		time,
	closes		time,
	note		text,
	active		boolean	NOT NULL DEFAULT true,
	pack		text	COLLATE "C",
	PRIMARY KEY (calendar, day),
	CHECK ((kind = 'as_weekday') = (as_weekday IS NOT NULL)),
	CHECK ((kind = 'hours') = (opens IS NOT NULL AND closes IS NOT NULL)),
	CHECK (closes > opens)
);
SELECT pg_extension_config_dump('triage.calendar_days', '');

-- what may be in force beside the ordinary: typhoon, exam week, a big event
CREATE TABLE triage.modes (
	code		text	COLLATE "C" NOT NULL PRIMARY KEY CHECK (code <> ''),
	zh			text	NOT NULL CHECK (zh <> ''),
	en			text	NOT NULL,
	rank		int		NOT NULL DEFAULT 0,
	basis		text,
	active		boolean	NOT NULL DEFAULT true,
	pack		text	COLLATE "C"
);
SELECT pg_extension_config_dump('triage.modes', '');

-- when and where one was: written by set_mode(), brought by no pack
CREATE TABLE triage.mode_periods (
	mode		text	COLLATE "C" NOT NULL,
	area		text	COLLATE "C" NOT NULL DEFAULT '',
	since		timestamptz NOT NULL,
	until		timestamptz NOT NULL CHECK (until > since),
	reason		text	NOT NULL,
	set_by		text	NOT NULL,
	PRIMARY KEY (mode, area, since)
);
SELECT pg_extension_config_dump('triage.mode_periods', '');

CREATE TABLE triage.policies (
	code		text	COLLATE "C" NOT NULL PRIMARY KEY CHECK (code <> ''),
	stage		text	COLLATE "C" NOT NULL
				CHECK (stage IN ('triage', 'accept', 'arrive', 'feedback', 'resolve', 'ring_back', 'assist', 'return_request',
					'return', 'whistle', 'hand_over', 'review', 'redo', 'call_back', 'suspended')),
	case_type	text	COLLATE "C",
	priority	int		CHECK (priority BETWEEN 1 AND 4),
	area		text	COLLATE "C",
	urban		boolean,
	danger		boolean,
	mode		text	COLLATE "C",
	amount		int		NOT NULL CHECK (amount BETWEEN 0 AND 100000),
	unit		text	COLLATE "C" NOT NULL CHECK (unit IN ('min', 'h', 'd', 'wh', 'wd')),
	calendar	text	COLLATE "C",
	ladder		text	COLLATE "C",
	basis		text,
	official	boolean	NOT NULL DEFAULT false,
	mark		text,
	active		boolean	NOT NULL DEFAULT true,
	pack		text	COLLATE "C",
	CHECK (unit NOT IN ('wh', 'wd') OR calendar IS NOT NULL)
);
SELECT pg_extension_config_dump('triage.policies', '');

CREATE TABLE triage.policy_steps (
	ladder			text	COLLATE "C" NOT NULL,
	step			int		NOT NULL CHECK (step BETWEEN 1 AND 50),
	percent			int		NOT NULL CHECK (percent BETWEEN 1 AND 1000),
	or_late_amount	int		CHECK (or_late_amount > 0),
	or_late_unit	text	COLLATE "C" CHECK (or_late_unit IN ('min', 'h', 'd', 'wh', 'wd')),
	colour			text	COLLATE "C" CHECK (colour IN ('blue', 'yellow', 'red')),
	action			text	COLLATE "C" NOT NULL
					CHECK (action IN ('remind', 'urge', 'supervise', 'escalate', 'police_backup', 'alert')),
	target			text	COLLATE "C" NOT NULL
					CHECK (target IN ('owner', 'superior', 'centre', 'commander')),
	repeat_every	interval CHECK (repeat_every >= interval '1 second'),
	repeat_danger	boolean	NOT NULL DEFAULT false,
	zh				text	NOT NULL,
	en				text	NOT NULL,
	basis			text,
	active			boolean	NOT NULL DEFAULT true,
	pack			text	COLLATE "C",
	PRIMARY KEY (ladder, step),
	CHECK ((or_late_amount IS NULL) = (or_late_unit IS NULL))
);
SELECT pg_extension_config_dump('triage.policy_steps', '');

CREATE TABLE triage.endpoints (
	code			text	COLLATE "C" NOT NULL PRIMARY KEY CHECK (code <> ''),
	url				text	NOT NULL CHECK (url ~ '^https?://[^/?#@[:space:]]+([/?#][^[:space:]]*)?$'),
	format			text	COLLATE "C" NOT NULL DEFAULT 'cloudevents',
	max_attempts	int		NOT NULL DEFAULT 8 CHECK (max_attempts BETWEEN 1 AND 100),
	timeout_ms		int		NOT NULL DEFAULT 10000 CHECK (timeout_ms BETWEEN 100 AND 600000),
	retry_base_ms	int		NOT NULL DEFAULT 1000 CHECK (retry_base_ms BETWEEN 10 AND 3600000),
	configured_by	text	COLLATE "C",
	active			boolean	NOT NULL DEFAULT true,
	pack			text	COLLATE "C",
	auth			text	COLLATE "C" CHECK (auth IN ('bearer', 'token')),
	-- a token is shown to nobody on the way
	CHECK (auth IS NULL OR url ~ '^(https://|http://(127\.[0-9.]+|localhost|\[::1\])([:/?#]|$))')
);
SELECT pg_extension_config_dump('triage.endpoints', '');

-- write-only: nobody is granted SELECT here, set_secret() fills it
CREATE TABLE triage.endpoint_secrets (
	endpoint	text	COLLATE "C" NOT NULL,
	seq			int		NOT NULL CHECK (seq > 0),
	secret		bytea	NOT NULL CHECK (octet_length(secret) BETWEEN 24 AND 64),
	valid_until	timestamptz,
	PRIMARY KEY (endpoint, seq)
);
SELECT pg_extension_config_dump('triage.endpoint_secrets', '');

CREATE TABLE triage.outcomes (
	code		text	COLLATE "C" NOT NULL PRIMARY KEY CHECK (code <> ''),
	zh			text	NOT NULL,
	en			text	NOT NULL,
	settled		boolean	NOT NULL,
	requires	text[]	NOT NULL DEFAULT '{}',
	basis		text,
	active		boolean	NOT NULL DEFAULT true,
	pack		text	COLLATE "C"
);
SELECT pg_extension_config_dump('triage.outcomes', '');

/*
 * What counts as a repeat (重复) and how far likely duplicates are looked for.
 * The rule of the case's own type, or else of the nearest type above it, or
 * else the one without type holds; one of a channel before one without.
 */
CREATE TABLE triage.repeat_rules (
	code		text	COLLATE "C" NOT NULL PRIMARY KEY CHECK (code <> ''),
	same		text	COLLATE "C" NOT NULL CHECK (same IN ('person', 'place', 'reference', 'sensor', 'matter')),
	case_type	text	COLLATE "C",
	channel		text	COLLATE "C",
	days		int		NOT NULL CHECK (days BETWEEN 1 AND 3660),
	radius_m	int		CHECK (radius_m BETWEEN 1 AND 5000),
	min_score	double precision CHECK (min_score > 0 AND min_score <= 1),
	same_group	boolean	NOT NULL DEFAULT true,
	kind		text	COLLATE "C" NOT NULL DEFAULT 'related' CHECK (kind IN ('related', 'duplicate')),
	raise_at	int		CHECK (raise_at BETWEEN 1 AND 1000),
	fold		boolean	NOT NULL DEFAULT false,
	zh			text	NOT NULL,
	en			text	NOT NULL,
	basis		text,
	active		boolean	NOT NULL DEFAULT true,
	pack		text	COLLATE "C",
	CHECK (same NOT IN ('place', 'matter') OR radius_m IS NOT NULL),
	CHECK (same <> 'matter' OR min_score IS NOT NULL),
	CHECK (NOT fold OR channel IS NOT NULL)
);
SELECT pg_extension_config_dump('triage.repeat_rules', '');

-- words that are no result by themselves ("we have contacted the units concerned")
CREATE TABLE triage.stock_phrases (
	phrase		text	COLLATE "C" NOT NULL PRIMARY KEY CHECK (char_length(phrase) BETWEEN 2 AND 60),
	basis		text,
	active		boolean	NOT NULL DEFAULT true,
	pack		text	COLLATE "C"
);
SELECT pg_extension_config_dump('triage.stock_phrases', '');

-- tasks that are opened when a case is closed
CREATE TABLE triage.follow_ups (
	code		text	COLLATE "C" NOT NULL PRIMARY KEY CHECK (code <> ''),
	case_type	text	COLLATE "C",
	outcome		text	COLLATE "C",
	after		interval NOT NULL CHECK (after > interval '0'),
	department	text	COLLATE "C",
	relation	text	COLLATE "C",
	kind		text	COLLATE "C" NOT NULL DEFAULT 'task' CHECK (kind IN ('task', 'visit')),
	zh			text	NOT NULL,
	en			text	NOT NULL,
	basis		text,
	active		boolean	NOT NULL DEFAULT true,
	pack		text	COLLATE "C",
	CHECK (department IS NULL OR relation IS NULL)
);
SELECT pg_extension_config_dump('triage.follow_ups', '');

/*
 * Shifts.  One row is one shift of a team of a department on the days it
 * names; a shift belongs to the day on which it starts, also after midnight.
 */
CREATE TABLE triage.rosters (
	code		text	COLLATE "C" NOT NULL PRIMARY KEY CHECK (code <> ''),
	department	text	COLLATE "C" NOT NULL,
	duty		text	COLLATE "C" NOT NULL DEFAULT 'duty' CHECK (duty IN ('duty', 'chair')),
	team		text	NOT NULL CHECK (team <> ''),
	skill		text	COLLATE "C",
	starts		time	NOT NULL CHECK (starts < '24:00'),
	ends		time	NOT NULL,
	days		text	COLLATE "C" NOT NULL DEFAULT 'every' CHECK (days IN ('every', 'workday', 'rest')),
	weekdays	text	COLLATE "C" NOT NULL DEFAULT '1234567' CHECK (weekdays ~ '^[1-7]{1,7}$'),
	calendar	text	COLLATE "C" NOT NULL,
	turn_lasts	text	COLLATE "C" NOT NULL DEFAULT 'day' CHECK (turn_lasts IN ('day', 'week', 'month')),
	cycle		int		NOT NULL DEFAULT 1 CHECK (cycle BETWEEN 1 AND 366),
	turn		int		NOT NULL DEFAULT 0,
	valid_from	date	CHECK (isfinite(valid_from)),
	valid_until	date	CHECK (isfinite(valid_until) AND valid_until >= valid_from),
	mode		text	COLLATE "C",
	substitute	text	COLLATE "C",
	basis		text,
	active		boolean	NOT NULL DEFAULT true,
	pack		text	COLLATE "C",
	CHECK (turn >= 0 AND turn < cycle),
	CHECK (cycle = 1 OR valid_from IS NOT NULL)
);
SELECT pg_extension_config_dump('triage.rosters', '');

-- people; no pack brings them, and deciding does not read them
CREATE TABLE triage.staff (
	staff_id	bigint	GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
	name		text	NOT NULL CHECK (name <> ''),
	login		text	COLLATE "C",
	department	text	COLLATE "C",
	area		text	COLLATE "C",
	grid_level	int		CHECK (grid_level BETWEEN 1 AND 3),
	kind		text	COLLATE "C" NOT NULL DEFAULT 'duty'
				CHECK (kind IN ('duty', 'mediator', 'agent', 'officer', 'volunteer')),
	team		text,
	skills		text[]	NOT NULL DEFAULT '{}' CHECK (array_position(skills, NULL) IS NULL),
	active		daterange NOT NULL DEFAULT '[,)',
	CHECK (department IS NOT NULL OR kind = 'volunteer')
);
CREATE INDEX staff_department_idx ON triage.staff (department);
CREATE INDEX staff_login_idx ON triage.staff (login) WHERE login IS NOT NULL;
SELECT pg_extension_config_dump('triage.staff', '');
SELECT pg_extension_config_dump('triage.staff_staff_id_seq', '');

CREATE TABLE triage.members (
	role		text	COLLATE "C" NOT NULL,
	duty		text	COLLATE "C" NOT NULL CHECK (duty IN ('operator', 'centre', 'handler', 'head', 'admin')),
	department	text	COLLATE "C" NOT NULL DEFAULT '',
	area		text	COLLATE "C" NOT NULL DEFAULT '',
	active		boolean	NOT NULL DEFAULT true,
	PRIMARY KEY (role, duty, department, area),
	CHECK (duty NOT IN ('handler', 'head') OR department <> '')
);
SELECT pg_extension_config_dump('triage.members', '');

/*
 * The state machine as data.  One row = a verb is legal from this state.
 * It comes with the extension's code, not with a pack, and is not dumped.
 */
CREATE TABLE triage.transitions (
	verb		text	COLLATE "C" NOT NULL,
	from_status	text	COLLATE "C" NOT NULL,
	to_status	text	COLLATE "C",
	level		text	COLLATE "C" NOT NULL CHECK (level IN ('case', 'assignment')),
	duty		text	COLLATE "C" NOT NULL CHECK (duty IN ('centre', 'desk', 'lead', 'party', 'anyone')),
	needs		text	COLLATE "C",
	leads_to	text[]	NOT NULL DEFAULT '{}',
	starts		text[]	NOT NULL DEFAULT '{}',
	stops		text[]	NOT NULL DEFAULT '{}',
	PRIMARY KEY (verb, from_status)
);
