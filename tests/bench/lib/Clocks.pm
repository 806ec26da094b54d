# The timekeeper: a million open clocks, of which 50 fall due each second.
package Clocks;
use strict;
use warnings;
use Bench;
use Workers;

my $DB = 'bench_clocks';
my $CLOCKS = 1_000_000;
my $PER_SECOND = 50;
my $SECONDS = 20;
# time for writing the last of the rows and waking up
my $AHEAD = 4;

# Cases that will have something due, with the event that begins their history;
# of the others only the clock, for nothing else of them is looked at.
sub set_up
{
	my $due = $PER_SECOND * $SECONDS;

	new_database($DB);
	load_pack($DB);
	with_endpoint($DB, 'http://127.0.0.1:9/');
	psql($DB, "SET session_replication_role = replica;
INSERT INTO triage.cases (case_id, number, channel, reported_at, received_at, body, nature, priority, danger, status,
		lead, report_count, event_seq, rulebook_version, attrs)
	SELECT g, 'bench-' || g, '12345', now(), now(), 'bench', 'nonpolice', 3, false, 'dispatched',
		(SELECT min(code) FROM triage.departments), 1, 1, 1, '{}'
	FROM generate_series(1, $due) g;
INSERT INTO triage.events (case_id, seq, at, actor, verb, data, hash)
	SELECT g, 1, now(), 'bench', 'report', '{}', sha256('') FROM generate_series(1, $due) g;
INSERT INTO triage.clocks (case_id, clock_id, stage, state, policy, policy_version, amount, unit, ladder, next_step,
		occurrence, started_at, due_at, next_step_at)
	SELECT g, 1, 'resolve', 'running', 'bench', 1, 5, 'd', 'standard', 0, 0, now(), now() + interval '5 days',
		now() + interval '1 day' + g * interval '1 second'
	FROM generate_series($due + 1, $CLOCKS) g;
VACUUM ANALYZE;
CHECKPOINT;");
	return;
}

sub fall_due
{
	my $due = $PER_SECOND * $SECONDS;

	# one transaction a second later than now, so that nothing is late from the start
	psql($DB, "SET session_replication_role = replica;
INSERT INTO triage.clocks (case_id, clock_id, stage, state, policy, policy_version, amount, unit, ladder, next_step,
		occurrence, started_at, due_at, next_step_at)
	SELECT g, 1, 'resolve', 'running', 'bench', 1, 5, 'd', 'standard', 0, 0, now(), now() + interval '5 days',
		now() + interval '$AHEAD seconds' + g * interval '1 second' / $PER_SECOND
	FROM generate_series(1, $due) g;
DELETE FROM triage.local_state WHERE key = 'hold';");
	wait_for($AHEAD + $SECONDS + 20, sub {
		sleep 1;
		return value($DB, 'SELECT count(*) FROM triage.clock_steps') >= $due;
	});
	return;
}

sub lateness
{
	my ($what, $sql) = @_;
	my @ms = split /\n/, psql($DB, "$sql;");
	row(what => "$what p50", unit => 'ms', ours => [percentile(50, @ms)], goal => '<= 2');
	row(what => "$what p99", unit => 'ms', ours => [percentile(99, @ms)], goal => '<= 10');
	note(sprintf '%d of %d steps, slowest %.1f ms', scalar @ms, $PER_SECOND * $SECONDS, percentile(100, @ms));
	return;
}

sub measure
{
	set_up();
	workers_on();
	if (worker_pid($DB, 'timekeeper'))
	{
		sleep 3;
		fall_due();
		lateness('lateness as recorded,', q{SELECT extract(epoch FROM lateness) * 1000 FROM triage.clock_steps});
		# a turn has one time for all it fires; the event has the time at which it came to that case
		lateness('due to event written,', q{SELECT extract(epoch FROM e.at - s.due_at) * 1000 FROM triage.clock_steps s
			JOIN triage.events e ON e.case_id = s.case_id AND e.verb = 'step'});
	}
	else
	{
		skip('clocks', 'no timekeeper runs');
	}
	workers_off();
	drop_database($DB);
	return;
}

1;
