# Verbs: each against the same row changes written by hand as one statement;
# the rate over different cases, fifty sessions over one, and an inbox among a
# million cases (FULL=1).
package Verbs;
use strict;
use warnings;
use Bench;

my $DB = 'bench_verbs';
my $CLIENTS = 4;
my $EACH = 250;		# of a verb, for each client, in one repetition
my $BLOCK = 100_000;	# numbers apart

# ---- the peer: what a careful programmer would write instead ----

# The event of a verb and the case's row, which every statement ends with.
sub record
{
	my ($verb, $data, $set) = @_;
	return "
ev AS (INSERT INTO triage.events (case_id, seq, at, actor, verb, data, hash)
	SELECT c.case_id, c.event_seq + 1, now(), current_user, '$verb', $data, sha256(e.hash || convert_to(current_user || '$verb' || ($data)::text, 'UTF8'))
	FROM triage.cases c JOIN triage.events e ON e.case_id = c.case_id AND e.seq = c.event_seq WHERE c.case_id = :id)
UPDATE triage.cases SET event_seq = event_seq + 1$set WHERE case_id = :id RETURNING case_id;\n";
}

sub stop
{
	my ($where) = @_;
	return "k AS (UPDATE triage.clocks SET state = CASE WHEN now() <= due_at THEN 'met' ELSE 'missed' END, stopped_at = now(), next_step_at = NULL
	WHERE case_id = :id AND state = 'running' AND $where RETURNING *),
s AS (INSERT INTO triage.clock_segments (case_id, clock_id, segment, state, started_at, ended_at, work, policy_version)
	SELECT case_id, clock_id, 1, 'running', started_at, now(), now() - started_at, policy_version FROM k),";
}

sub start
{
	my ($stage, $seq) = @_;
	return "n AS (INSERT INTO triage.clocks (case_id, clock_id, assignment_seq, stage, state, policy, policy_version, amount, unit, ladder, next_step, occurrence, started_at, due_at, next_step_at)
	SELECT :id, (SELECT max(x.clock_id) + 1 FROM triage.clocks x WHERE x.case_id = :id), $seq, '$stage', 'running', p.code, 1, p.amount, p.unit, p.ladder, 0, 0, now(), now() + interval '1 day', now() + interval '20 hours'
	FROM triage.policies p WHERE p.stage = '$stage' ORDER BY p.code LIMIT 1),";
}

my $lead = q{(SELECT a.seq FROM triage.assignments a WHERE a.case_id = :id AND a.duty = 'lead' AND a.status NOT IN ('done', 'withdrawn'))};
my $party = q{jsonb_build_object('department', 'D', 'assignment', 1, 'duty', 'lead', 'set', jsonb_build_object('status', 'x'))};
# in the order in which a case meets them: name, ours, theirs
my @verbs = (
	[ 'accept', 'accept(:id, :lead)', sub {
		"WITH a AS (UPDATE triage.assignments SET status = 'accepted', accepted_at = now(), due_at = now() + interval '1 day' WHERE case_id = :id AND seq = $lead),\n" . stop("stage = 'accept' AND assignment_seq = $lead")
			. record('accept', $party, q{, status = 'accepted'}) } ],
	[ 'transfer', q{transfer(:id, 'EEB', '请协助')}, sub {
		"WITH a AS (INSERT INTO triage.assignments (case_id, seq, department, duty, parent_seq, status, offered_at, due_at) SELECT :id, max(x.seq) + 1, 'EEB', 'assist', 1, 'offered', now(), now() + interval '1 day' FROM triage.assignments x WHERE x.case_id = :id),\n"
			. start('assist', '99') . record('transfer', $party, '') } ],
	[ 'finish', q{finish(:id, 'EEB', '已协助')}, sub {
		"WITH a AS (UPDATE triage.assignments SET status = 'done', accepted_at = now(), done_at = now(), due_at = NULL WHERE case_id = :id AND department = 'EEB'),\n" . stop("stage = 'assist'") . record('finish', $party, '') } ],
	[ 'arrive', 'arrive(:id, :lead)', sub {
		"WITH a AS (UPDATE triage.assignments SET status = 'on_scene', arrived_at = now(), due_at = now() + interval '2 days' WHERE case_id = :id AND seq = $lead),\n" . stop("stage = 'arrive' AND assignment_seq = $lead") . record('arrive', $party, q{, status = 'in_progress'}) } ],
	[ 'feed_back', q{feed_back(:id, :lead, '已到现场，正在处置')}, sub {
		"WITH a AS (UPDATE triage.assignments SET due_at = now() + interval '3 days' WHERE case_id = :id AND seq = $lead),\n" . stop("stage = 'feedback' AND assignment_seq = $lead") . record('feed_back', $party, '') } ],
	[ 'resolve', q{resolve(:id, 'resolved', '物业已更换阀门，住户确认不再漏水')}, sub {
		"WITH a AS (UPDATE triage.assignments SET due_at = now() + interval '1 day' WHERE case_id = :id AND seq = $lead),\n" . stop('true') . start('review', 'NULL') . record('resolve', $party, q{, status = 'review', outcome = 'resolved', colour = NULL}) } ],
	[ 'close_case', 'close_case(:id)', sub {
		"WITH a AS (UPDATE triage.assignments SET status = CASE WHEN accepted_at IS NULL THEN 'withdrawn' ELSE 'done' END, done_at = now(), due_at = NULL WHERE case_id = :id AND status NOT IN ('done', 'withdrawn')),\n" . stop('true') . "
inf AS (INSERT INTO triage.events (case_id, seq, at, actor, verb, data, hash)
	SELECT c.case_id, c.event_seq + 2, now(), current_user, 'inform', jsonb_build_object('channel', x.channel, 'result', '办结'), sha256('x') FROM triage.cases c
	JOIN triage.case_sources x USING (case_id) WHERE c.case_id = :id),"
			. record('close_case', $party, q{, status = 'closed', closed_at = now()}) } ]);

# ---- running ----

sub script
{
	my ($name, $sql) = @_;
	my $file = tmp() . "/verb_$name.sql";
	open my $f, '>', $file or die "$file: $!";
	print $f "$sql\n";
	close $f or die $!;
	return $file;
}

# Milliseconds that one took, of those that all clients did.
sub run
{
	my ($file, @options) = @_;
	my $errors = tmp() . '/pgbench.err';
	my $text = `pgbench -n -M prepared -c $CLIENTS -j 2 @options -f '$file' $DB 2>'$errors'`;
	my ($ms) = $text =~ /^latency average = ([\d.]+) ms/m;
	return $ms if $? == 0 && $ms && $text !~ /number of failed transactions: [1-9]/;
	system 'head', '-5', $errors;
	die "pgbench failed with $file\n";
}

sub set_up
{
	new_database($DB);
	load_pack($DB);
	psql($DB, "UPDATE triage.stock_phrases SET active = false;");
	return;
}

# Cases numbered by client, one department each; the workers are off.
sub block
{
	my $n = shift;
	my $first = $n * $BLOCK * ($CLIENTS + 1);
	psql($DB, "INSERT INTO triage.cases (case_id, channel, body, area, reporter)
	SELECT $first + c * $BLOCK + g, '110', '外墙渗水', '330784001', 'r' || g FROM generate_series(0, $CLIENTS - 1) c, generate_series(1, $EACH) g;
-- the lead alone
WITH a AS (UPDATE triage.assignments SET status = 'withdrawn', done_at = now() WHERE duty <> 'lead' AND case_id > $first RETURNING case_id, seq)
UPDATE triage.clocks k SET state = 'cancelled', stopped_at = now(), next_step_at = NULL FROM a WHERE k.case_id = a.case_id AND k.assignment_seq = a.seq;
VACUUM ANALYZE triage.cases, triage.assignments, triage.clocks, triage.events;");
	return $first;
}

sub against_peer
{
	my (%ours, %peer);
	my $n = 0;
	for my $rep (1 .. reps())
	{
		my @side = ([ \%ours, block(++$n) ], [ \%peer, block(++$n) ]);
		my $code = value($DB, "SELECT quote_literal(c.lead) FROM triage.cases c WHERE c.case_id = $side[0][1] + 1");
		for my $v (@verbs)
		{
			my ($name, $call, $by_hand) = @$v;
			my @sql = ("SELECT (triage.$call).case_id;", $by_hand->());
			for my $s ($rep % 2 ? (0, 1) : (1, 0))
			{
				my $sql = $sql[$s];
				$sql =~ s/:lead/$code/g;
				my $file = script("$name$s", "\\set i :i + 1\n\\set id $side[$s][1] + :client_id * $BLOCK + :i\n$sql");
				push @{ $side[$s][0]{$name} }, run($file, "-D i=0 -t $EACH");
			}
		}
	}
	row(what => "$_->[0], as one statement by hand", unit => 'ms', ours => $ours{ $_->[0] }, peer => $peer{ $_->[0] }, goal => '<= 1.50') for @verbs;
	return;
}

# Verbs that can be repeated, over different cases, as fast as four connections go.
sub rate
{
	my $first = block(90);
	my $file = script('rate', "\\set id $first + :client_id * $BLOCK + random(1, $EACH)\nSELECT (triage.urge(:id)).case_id;");
	row(what => 'verbs a second, 4 connections', unit => '/s', ours => [ map { 1000 * $CLIENTS / run($file, '-T ' . seconds()) } 1 .. reps() ], goal => '>= 500');
	note('deadlocks: ' . value($DB, 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()'));
	return;
}

# Everybody wants the same case: one gets it, the others are told TR001 when their turn comes.
sub crowd
{
	my $first = block(91);
	my $id = $first + 1;
	my $lead = value($DB, "SELECT lead FROM triage.cases WHERE case_id = $id");
	psql($DB, "CREATE TABLE crowd (state text, ms float8);
CREATE FUNCTION crowd() RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE
	began	timestamptz := clock_timestamp();
	state	text := 'done';
BEGIN
	BEGIN
		PERFORM triage.accept($id, '$lead');
	EXCEPTION WHEN OTHERS THEN
		state := SQLSTATE;
	END;
	INSERT INTO crowd VALUES (state, extract(epoch FROM clock_timestamp() - began) * 1000);
END \$\$;");
	my $file = script('crowd', 'SELECT crowd();');
	`pgbench -n -c 50 -j 2 -t 1 -f '$file' $DB 2>/dev/null`;
	note('50 sessions over one case: ' . join(', ', split /\n/, psql($DB, "SELECT count(*) || ' ' || state FROM crowd GROUP BY state ORDER BY 1;"))
		. ', the slowest ' . value($DB, 'SELECT round(max(ms)::numeric, 1) FROM crowd') . ' ms');
	return;
}

sub inbox
{
	return skip('inbox() among 1,000,000 cases', 'FULL=1 measures it') if !full();
	drop_database($DB);
	new_database($DB);
	load_pack($DB);
	psql($DB, q{SET triage.now = '2026-03-02 09:00+08';
INSERT INTO triage.cases (channel, body, area, reporter, reported_at)
	SELECT '110', (ARRAY['外墙渗水', '隔壁装修噪音扰民', '小区里有人遛狗不牵绳', '拖欠工资三个月', '占道经营', '邻里纠纷', '路灯不亮',
			'井盖破损', '物业乱收费', '黑车拉客', '饭店油烟扰民', '违章停车'])[1 + g % 12],
		a.codes[1 + g % cardinality(a.codes)], 'r' || g, triage.clock() - (1000000 - g) * interval '20 seconds'
	FROM generate_series(1, 1000000) g, (SELECT array_agg(code ORDER BY md5(code)) FROM triage.areas WHERE active AND level IN ('town', 'village')) a(codes);
-- nineteen of twenty are over, older ones rather
CREATE TEMP TABLE over AS SELECT case_id FROM triage.cases WHERE case_id % 20 <> 0 ORDER BY case_id;
CREATE UNIQUE INDEX ON over (case_id);
UPDATE triage.clocks k SET state = 'met', stopped_at = started_at, next_step_at = NULL FROM over o WHERE o.case_id = k.case_id;
UPDATE triage.assignments a SET status = 'done', done_at = offered_at, due_at = NULL FROM over o WHERE o.case_id = a.case_id;
UPDATE triage.cases c SET status = 'closed', closed_at = received_at FROM over o WHERE o.case_id = c.case_id;
CREATE ROLE bench_handler;
GRANT USAGE ON SCHEMA triage TO bench_handler;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA triage TO bench_handler;
VACUUM ANALYZE;});
	my @busy = split /\n/, psql($DB, q{SELECT department || '|' || count(*) FROM triage.assignments WHERE status NOT IN ('done', 'withdrawn')
		GROUP BY department ORDER BY count(*) DESC, department;});
	for my $which ([ 'the busiest', 0 ], [ 'one of ten', int(@busy / 10) ], [ 'the middle one', int(@busy / 2) ])
	{
		my ($name, $nth) = @$which;
		my ($department, $open) = split /\|/, $busy[$nth];
		psql($DB, "DELETE FROM triage.members; INSERT INTO triage.members (role, duty, department) VALUES ('bench_handler', 'handler', '$department');");
		my @ms = map { timed($DB, "SET ROLE bench_handler;\nSELECT count(*) FROM triage.inbox('$department');", "SELECT count(*) FROM triage.inbox('$department');") } 1 .. 40;
		row(what => "inbox() of 1,000,000 cases, p95, $name: $open open", unit => 'ms', ours => [ percentile(95, @ms) ], goal => '<= 10');
	}
	psql($DB, 'DROP OWNED BY bench_handler; DROP ROLE bench_handler;');
	return;
}

sub measure
{
	set_up();
	against_peer();
	rate();
	crowd();
	inbox();
	drop_database($DB);
	return;
}

1;
