# Deliveries: how many a second, how soon after the commit, and in what memory.
package Courier;
use strict;
use warnings;
use IPC::Open2;
use Bench;
use Workers;

my $DB = 'bench_courier';
my $CONNECTIONS = 64;
my $BODY = 900;

my ($port, $receiver, $log);

sub compile
{
	my ($source, @libs) = @_;
	my ($name) = $source =~ m{([^/]+)\.c$};
	my $program = tmp() . "/$name";
	system(($ENV{CC} || 'cc'), '-O2', '-D_GNU_SOURCE', $source, @libs, '-o', $program) == 0
	  or die "cannot compile $source\n";
	return $program;
}

sub start_receiver
{
	my $program = compile("$ENV{TRIAGE_SRC}/tests/tools/receiver.c");
	$log = tmp() . '/arrivals';
	# it ends with us, when this pipe closes
	open $receiver, '|-', "exec '$program' --stdin-exit --port-file '$log.port' --log '$log' >'$log.out'" or die $!;
	$port = wait_for(10, sub {
		open my $f, '<', "$log.port" or return;
		return scalar <$f>;
	}) or die "the receiver does not start\n";
	chomp $port;
	return;
}

# What came since the given place in the log: lists of [microseconds, path, id].
sub arrivals
{
	my ($from) = @_;
	open my $f, '<', $log or die "$log: $!";
	seek $f, $from, 0;
	return map { [(split /\t/)[0 .. 2]] } grep { /\n\z/ } <$f>;
}

# Run it, wait until so many requests have come, and tell how many came in a second.
sub rate
{
	my ($n, $run) = @_;
	my $from = -s $log || 0;
	my @came;

	$run->();
	wait_for(120, sub { return (@came = arrivals($from)) >= $n }) or die scalar(@came) . " of $n requests came\n";
	return $n / ($came[-1][0] - $came[0][0]) * 1e6;
}

my $next_case = 1_000_000;

# Rows as intake would write them, each of a case of its own.
sub queue
{
	my ($n, $endpoint) = @_;
	my $last = $next_case + $n - 1;
	psql($DB, "INSERT INTO triage.deliveries (case_id, delivery_id, endpoint, event_seq, type, state, created_at,
		next_attempt_at, payload)
	SELECT g, gen_random_uuid(), '$endpoint', 1, 'assigned', 'queued', now(), now(), repeat('x', $BODY)
	FROM generate_series($next_case, $last) g;");
	$next_case += $n;
	return;
}

sub throughput
{
	my ($bare, $endpoint, $path, $n, $goal) = @_;
	my (@ours, @peer);

	for (1 .. reps())
	{
		push @ours, rate($n, sub { queue($n, $endpoint) });
		push @peer, rate($n, sub {
			system($bare, "http://127.0.0.1:$port$path", $n, $CONNECTIONS, $BODY) == 0 or die "curlmulti failed\n";
		});
	}
	row(what => "$n deliveries to $path : bare libcurl", unit => '/s', ours => \@ours, peer => \@peer, goal => $goal);
	return;
}

# One case about every 50 ms; the clock is read as the last thing before the commit.
sub latency
{
	my ($n) = @_;
	my $from = -s $log;
	my (%committed, @ms);
	my $pid = open2(my $out, my $in, 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $DB);

	for (1 .. $n)
	{
		print $in q{INSERT INTO triage.cases (channel, body) VALUES ('12345', 'nothing') RETURNING case_id \;}
		  . q{ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;}, "\n";
		$in->flush;
		chomp(my $case = <$out> // die "psql ended\n");
		chomp($committed{$case} = <$out> // die "psql ended\n");
		sleep 0.045 + rand 0.01;
	}
	close $in;
	waitpid $pid, 0;
	wait_for(10, sub { return arrivals($from) >= $n });
	my %case_of = map { split /\|/ } split /\n/, psql($DB, 'SELECT delivery_id, case_id FROM triage.deliveries
		WHERE case_id < 1000000;');
	for (arrivals($from))
	{
		my $case = $case_of{$_->[2]};
		push @ms, ($_->[0] - $committed{$case}) / 1000 if defined $case && defined $committed{$case};
	}
	die "no delivery of a new case came\n" unless @ms;
	row(what => 'commit to arrival, idle, p50', unit => 'ms', ours => [percentile(50, @ms)], goal => '<= 2');
	row(what => 'commit to arrival, idle, p99', unit => 'ms', ours => [percentile(99, @ms)], goal => '<= 15');
	note(sprintf '%d cases, %d deliveries, fsync included, slowest %.1f ms', $n, scalar @ms, percentile(100, @ms));
	return;
}

sub memory
{
	my ($pid) = @_;
	my $start = own_memory($pid);

	for (1 .. 10)
	{
		rate(10_000, sub { queue(10_000, 'bench') });
	}
	row(what => 'own memory, growth over 100,000', unit => 'MB', ours => [own_memory($pid) - $start], goal => '<= 8');
	note(sprintf 'from %.1f to %.1f MB', $start, own_memory($pid));
	return;
}

sub measure
{
	new_database($DB);
	load_pack($DB);
	workers_on();
	my $pid = worker_pid($DB, 'courier');
	if ($pid)
	{
		start_receiver();
		with_endpoint($DB, "http://127.0.0.1:$port/ok");
		psql($DB, "INSERT INTO triage.endpoints (code, url) VALUES ('slow', 'http://127.0.0.1:$port/slow?ms=50');");
		server_setting('triage.allowed_networks', '127.0.0.0/8');
		my $bare = compile(dir() . '/peer/curlmulti.c', '-lcurl');
		rate(2000, sub { queue(2000, 'bench') });
		throughput($bare, 'bench', '/ok', 10_000, '>= 0.30');
		throughput($bare, 'slow', '/slow?ms=50', 3000, '>= 0.90');
		latency(200);
		full() ? memory($pid) : skip('own memory, growth over 100,000', 'only with FULL=1');
		close $receiver;
		server_setting('triage.allowed_networks', '');
	}
	else
	{
		skip('courier', 'no courier runs');
	}
	workers_off();
	drop_database($DB);
	return;
}

1;
