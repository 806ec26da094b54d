# Workers: when they start, leave and come back; the courier: what becomes of
# deliveries, whatever receivers, crashes and other sessions do.
# Source: extension/worker/, sql/40_courier.sql, design "Workers", "The outbox is durable and ordered"
use strict;
use warnings;

use Digest::SHA qw(hmac_sha256_base64);
use IO::Socket::INET;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $src = $ENV{TRIAGE_SRC} or die "run by tests/tools/cluster";
my $tmp = $PostgreSQL::Test::Utils::tmp_check;

sub node
{
	my ($name, $conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
	# crash tests need the restart that Cluster.pm turns off
	$node->append_conf('postgresql.conf', "fsync = off\nrestart_after_crash = on\nmax_worker_processes = 16\n$conf");
	$node->start;
	return $node;
}

# Query for the number of a database's workers.
sub alive
{
	my ($db) = @_;
	return "SELECT count(*) FROM pg_stat_activity WHERE datname = '$db'
		AND backend_type IN ('pg_triage timekeeper', 'pg_triage courier')";
}

# Both workers of a database are there (or none is).
sub workers_ok
{
	my ($node, $db, $n, $name) = @_;
	ok($node->poll_query_until('template1', alive($db), $n), $name);
	return;
}

sub pid_of
{
	my ($node, $db, $kind) = @_;
	return $node->safe_psql('template1', "SELECT pid FROM pg_stat_activity WHERE datname = '$db' AND backend_type = 'pg_triage $kind'");
}

sub kill_hard
{
	my ($node, $db, $kind) = @_;
	my $pid = pid_of($node, $db, $kind);
	my $log = -s $node->logfile;
	kill 'KILL', $pid or die "kill: $!";
	# by the log: a psql that is refused leaves its input unread, of which IPC::Run dies
	ok($node->wait_for_log(qr/all server processes terminated; reinitializing.*database system is ready to accept connections/s, $log),
		"the server comes back after kill -9 of the $kind");
	return;
}

# ---- starting and leaving, with preload ------------------------------------------

my $node = node('preload', "shared_preload_libraries = 'pg_triage'\n");
$node->safe_psql('postgres', 'CREATE DATABASE rolled_back');
$node->safe_psql('rolled_back', 'BEGIN; CREATE EXTENSION pg_triage; ROLLBACK');
$node->safe_psql('postgres', 'CREATE EXTENSION pg_triage');
workers_ok($node, 'postgres', 2, 'workers start after COMMIT of CREATE EXTENSION');
is($node->safe_psql('postgres', alive('rolled_back')), 0, 'none start after ROLLBACK');
is($node->safe_psql('postgres', q{SELECT string_agg(item || ' ' || state, ', ' ORDER BY item) FROM triage.health_workers()}),
	'clock ok, courier ok, launcher ok, timekeeper ok, version ok', 'health() finds them');

kill_hard($node, 'postgres', 'courier');
workers_ok($node, 'postgres', 2, 'both come back');
my $old = pid_of($node, 'postgres', 'timekeeper');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($old)");
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_triage timekeeper' AND pid <> $old"),
	'a terminated worker is started again');

$node->safe_psql('postgres', 'CREATE DATABASE one');
$node->safe_psql('one', 'CREATE EXTENSION pg_triage');
workers_ok($node, 'one', 2, 'workers of a second database');
$node->safe_psql('postgres', 'ALTER DATABASE one RENAME TO two');
workers_ok($node, 'two', 2, 'ALTER DATABASE RENAME with workers alive, and they come back');
$node->safe_psql('postgres', 'CREATE DATABASE three TEMPLATE two');
workers_ok($node, 'three', 2, 'CREATE DATABASE TEMPLATE, and the launcher finds the copy');
$node->safe_psql('postgres', 'DROP DATABASE two');
is($node->safe_psql('postgres', alive('two')), 0, 'DROP DATABASE with workers alive');

$node->safe_psql('three', 'DROP EXTENSION pg_triage');
workers_ok($node, 'three', 0, 'DROP EXTENSION: they leave');
$node->safe_psql('three', 'CREATE EXTENSION pg_triage; DROP EXTENSION pg_triage');
$node->safe_psql('three', 'CREATE EXTENSION pg_triage');
workers_ok($node, 'three', 2, 'made again at once: they work');
ok($node->poll_query_until('three', q{SELECT triage.worker_pid('timekeeper') IS NOT NULL AND triage.worker_pid('courier') IS NOT NULL}),
	'and can be found by sessions');

# as one that has not told yet that it runs, because it is just starting
$node->safe_psql('three', "DELETE FROM triage.local_state WHERE key = 'courier'");
is($node->safe_psql('three', 'SELECT triage.stop_workers()'), 't', 'stop_workers() says that they ran');
is($node->safe_psql('three', alive('three')), 0, 'and they are gone');
$node->restart;
workers_ok($node, 'postgres', 2, 'after a restart the workers of another database run');
is($node->safe_psql('three', alive('three')), 0, 'those that were stopped do not');
is($node->safe_psql('three', 'SELECT triage.start_workers()'), 't', 'start_workers()');
workers_ok($node, 'three', 2, 'starts them');
$node->safe_psql('postgres', 'DROP DATABASE three');

$node->append_conf('postgresql.conf', "triage.databases = 'none'\n");
$node->restart;
$node->append_conf('postgresql.conf', "triage.databases = 'none, postgres'\n");
$node->reload;
workers_ok($node, 'postgres', 2, 'triage.databases names the database, and a reload is enough');

# ---- without preload ---------------------------------------------------------------

my $lazy = node('lazy', '');
$lazy->safe_psql('postgres', 'CREATE DATABASE rolled_back');
$lazy->safe_psql('rolled_back', 'BEGIN; CREATE EXTENSION pg_triage; ROLLBACK');
$lazy->safe_psql('postgres', 'CREATE EXTENSION pg_triage');
workers_ok($lazy, 'postgres', 2, 'without preload: workers after COMMIT');
is($lazy->safe_psql('postgres', alive('rolled_back')), 0, 'none after ROLLBACK');
kill_hard($lazy, 'postgres', 'timekeeper');
workers_ok($lazy, 'postgres', 2, 'both come back');
$lazy->restart;
$lazy->safe_psql('postgres', 'SELECT triage.wake_courier_at_commit()');
workers_ok($lazy, 'postgres', 2, 'after a restart the first session with work starts them');

$lazy->append_conf('postgresql.conf', "log_min_messages = debug1\n");
$lazy->reload;
$lazy->safe_psql('postgres', 'SELECT triage.stop_workers()');
my $start = -s $lazy->logfile;
$lazy->safe_psql('postgres', 'SELECT triage.wake_courier_at_commit()');
is($lazy->safe_psql('postgres', 'SELECT triage.start_workers()'), 't', 'stopped, and started again');
workers_ok($lazy, 'postgres', 2, 'they run');
my $starts = () = slurp_file($lazy->logfile, $start) =~ /(?<!un)registering background worker "pg_triage timekeeper/g;
is($starts, 1, 'a session with work did not start what was stopped');

# one that is to be started again soon finds its database dropped
$start = -s $lazy->logfile;
$lazy->safe_psql('template1', 'SELECT pg_terminate_backend(' . pid_of($lazy, 'postgres', 'timekeeper') . ')');
$lazy->safe_psql('template1', 'DROP DATABASE postgres');
is($lazy->safe_psql('template1', alive('postgres')), 0, 'DROP DATABASE with workers alive');
ok($lazy->wait_for_log(qr/unregistering background worker "pg_triage timekeeper/, $start), 'a failed worker of a dropped database is given up');
$lazy->stop;

# ---- a receiver ----------------------------------------------------------------------

system('cc', '-O1', '-D_GNU_SOURCE', "$src/tests/tools/receiver.c", '-o', "$tmp/receiver") == 0 or die 'the receiver does not compile';
my $log = "$tmp/receiver.log";
my $receiver = IPC::Run::start([ "$tmp/receiver", '--port-file', "$tmp/port", '--log', $log ], '>', '/dev/null');
for (1 .. 200)
{
	last if -s "$tmp/port";
	usleep(50_000);
}
chomp(my $port = slurp_file("$tmp/port"));

# Lines of the receiver's log for an endpoint's path, as lists of fields.
sub arrivals
{
	my ($path) = @_;
	return grep { $_->[1] eq $path } map { [ split /\t/ ] } split /\n/, slurp_file($log);
}

my $next_case = 1;

sub endpoint
{
	my ($code, $path, %set) = @_;
	my $url = $path =~ /^http/ ? $path : "http://127.0.0.1:$port$path";
	my %row = (max_attempts => 3, retry_base_ms => 20, timeout_ms => 5000, %set);
	$node->safe_psql('postgres', "INSERT INTO triage.endpoints (code, url, max_attempts, retry_base_ms, timeout_ms)
		VALUES ('$code', '$url', $row{max_attempts}, $row{retry_base_ms}, $row{timeout_ms})");
	return;
}

# SQL that queues n deliveries, each of a case of its own or all of one.
sub queue_sql
{
	my ($code, $n, $one_case) = @_;
	my $first = $next_case;
	$next_case += $one_case ? 1 : $n;
	my $case = $one_case ? $first : "$first + g - 1";
	return "INSERT INTO triage.deliveries (case_id, delivery_id, endpoint, event_seq, type, state, created_at, next_attempt_at, payload)
		SELECT $case, gen_random_uuid(), '$code', g, 'assigned', 'queued', clock_timestamp(), clock_timestamp(), '{\"n\":' || g || '}'
		FROM generate_series(1, $n) g; SELECT triage.wake_courier_at_commit();";
}

sub settled
{
	my ($code) = @_;
	return $node->poll_query_until('postgres', "SELECT bool_and(done_at IS NOT NULL) FROM triage.deliveries WHERE endpoint = '$code'");
}

# "state attempts status" of an endpoint's deliveries, each kind once
sub outcome
{
	my ($code) = @_;
	settled($code) or return 'not settled';
	return $node->safe_psql('postgres', "SELECT string_agg(DISTINCT concat_ws(' ', state, attempts, coalesce(last_status::text, 'none')), ', ')
		FROM triage.deliveries WHERE endpoint = '$code'");
}

sub send_to
{
	my ($code, $path, %set) = @_;
	endpoint($code, $path, %set);
	$node->safe_psql('postgres', queue_sql($code, 1));
	return outcome($code);
}

sub set_conf
{
	my ($db_setting, $value) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET $db_setting = '$value'");
	$node->reload;
	return;
}

# ---- outcomes ---------------------------------------------------------------------------

endpoint('early', '/early');
$node->safe_psql('postgres', queue_sql('early', 1));
is($node->safe_psql('postgres', q{SELECT state FROM triage.health() WHERE item = 'networks'}), 'bad', 'no network is allowed: health() says so');
is($node->safe_psql('postgres', q{SELECT state FROM triage.deliveries}), 'queued', 'and deliveries wait');
set_conf('triage.allowed_networks', '127.0.0.0/8');
is(outcome('early'), 'delivered 1 200', 'they go out when one is');

is(send_to('flaky', '/flaky?n=1'), 'delivered 2 200', 'a failure, then success');
is(send_to('failing', '/status/500'), 'dead 3 500', 'always failing: dead after max_attempts');
is(send_to('gone', '/status/410'), 'dead 1 410', 'a refusal is final');
is(send_to('redirect', '/redirect'), 'dead 1 302', 'redirects are not followed');
is(scalar(arrivals('/ok')), 0, 'indeed not');
is(send_to('never', '/never', max_attempts => 2, timeout_ms => 200), 'dead 2 none', 'no answer');
is(send_to('close', '/close', max_attempts => 2), 'dead 2 none', 'connection closed without a word');
is(send_to('drip', '/drip', max_attempts => 1, timeout_ms => 300), 'dead 1 200', 'an answer without end, slowly');
is(send_to('big', '/big?n=10737418240', max_attempts => 1), 'dead 1 200', 'an answer of 10 GB is cut off');
is(send_to('nobody', 'http://127.0.0.1:1/', max_attempts => 2), 'dead 2 none', 'nobody listens');
is(send_to('outside', 'http://10.255.255.1/'), 'dead 1 none', 'an address outside the allowed networks is not called');
like($node->safe_psql('postgres', q{SELECT last_error FROM triage.deliveries WHERE endpoint = 'outside'}), qr/allowed/, 'and says why');
is(send_to('https', "https://127.0.0.1:$port/x", max_attempts => 1), 'dead 1 none', 'no TLS there');
SKIP:
{
	my @files = ("$tmp/bad.pem", "$tmp/bad.key");
	skip 'no openssl command', 2 if system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
		  . " -out $files[0] -keyout $files[1] >'$tmp/openssl.log' 2>&1") != 0;
	my $tls_port = PostgreSQL::Test::Cluster::get_free_port();
	my $tls = IPC::Run::start([ 'openssl', 's_server', '-www', '-quiet', '-accept', "127.0.0.1:$tls_port", '-cert', $files[0], '-key', $files[1] ],
		'<', '/dev/null', '>', '/dev/null', '2>', '/dev/null');
	for (1 .. 200)
	{
		last if IO::Socket::INET->new(PeerAddr => "127.0.0.1:$tls_port");
		usleep(50_000);
	}
	is(send_to('untrusted', "https://127.0.0.1:$tls_port/x"), 'dead 1 none', 'a certificate that nobody vouches for: nothing is sent');
	like($node->safe_psql('postgres', q{SELECT last_error FROM triage.deliveries WHERE endpoint = 'untrusted'}), qr/certificate/i, 'and says why');
	$tls->kill_kill;
}
is(send_to('later', '/retry-after/1', max_attempts => 2), 'dead 2 429', 'Retry-After');
is($node->safe_psql('postgres', q{SELECT done_at - created_at >= interval '1 second' FROM triage.deliveries WHERE endpoint = 'later'}),
	't', 'is waited for');
unlike($node->safe_psql('postgres', q{SELECT string_agg(value, ' ') FROM triage.health()}), qr/n=10737418240/, 'health() shows no query strings');

# ---- dead letters -----------------------------------------------------------------------

my $dead = $node->safe_psql('postgres', q{SELECT delivery_id FROM triage.deliveries WHERE endpoint = 'failing'});
is($node->safe_psql('postgres', q{SELECT state FROM triage.health() WHERE item = 'endpoint failing'}), 'warning', 'health() shows dead letters');
$node->safe_psql('postgres', "UPDATE triage.endpoints SET url = 'http://127.0.0.1:$port/mended' WHERE code = 'failing'");
$node->safe_psql('postgres', "SELECT triage.replay_delivery('$dead')");
is(outcome('failing'), 'delivered 1 200', 'a replayed dead letter arrives');
is((arrivals('/mended'))[0][2], $dead, 'under the same id');
is($node->safe_psql('postgres', q{SELECT triage.replay_deliveries('never', '-infinity', 'infinity')}), 1, 'replay_deliveries() counts');
is(outcome('never'), 'dead 2 none', 'and they are tried anew');
my (undef, undef, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT triage.cancel_delivery('$dead')");
like($err, qr/TR001/, 'what is delivered cannot be cancelled');

# ---- order, fairness --------------------------------------------------------------------

endpoint('order', '/flaky?n=1&o');
$node->safe_psql('postgres', queue_sql('order', 6, 1));
is(outcome('order'), 'delivered 2 200', 'six deliveries of one case, each failing once');
my @ids = split /\n/, $node->safe_psql('postgres', q{SELECT delivery_id FROM triage.deliveries WHERE endpoint = 'order' ORDER BY event_seq});
is_deeply([ map { $_->[2] } arrivals('/flaky?n=1&o') ], [ map { ($_, $_) } @ids ], 'arrive in order, no one before the one before it');

endpoint('slow', '/slow?ms=3000', timeout_ms => 20000);
endpoint('fast', '/fast');
$node->safe_psql('postgres', queue_sql('slow', 200));
ok($node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM triage.deliveries WHERE endpoint = 'slow' AND state = 'leased'}), 'a slow receiver is busy');
$node->safe_psql('postgres', queue_sql('fast', 50));
is(outcome('fast'), 'delivered 1 200', 'a fast one beside it');
is($node->safe_psql('postgres', q{SELECT max(done_at - created_at) < interval '1 second' FROM triage.deliveries WHERE endpoint = 'fast'}), 't',
	'does not wait for it');
is($node->safe_psql('postgres', q{SELECT count(*) > 0 FROM triage.deliveries WHERE endpoint = 'slow' AND done_at IS NULL}), 't', 'which is busy still');

# ---- somebody holds a lock on a delivery ------------------------------------------------

endpoint('locked', '/slow?ms=300');
$node->safe_psql('postgres', queue_sql('locked', 2));
$node->poll_query_until('postgres', q{SELECT count(*) = 2 FROM triage.deliveries WHERE endpoint = 'locked' AND state <> 'queued'});
my ($in, $said) = ('', '');
my $other = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$said, IPC::Run::timeout(60));
$in .= "BEGIN; SELECT 'locked' FROM (SELECT FROM triage.deliveries WHERE endpoint = 'locked' AND event_seq = 1 FOR UPDATE) l;\n";
$other->pump until $said =~ /locked/;
endpoint('free', '/free');
$node->safe_psql('postgres', queue_sql('free', 20));
is(outcome('free'), 'delivered 1 200', 'a locked delivery does not hold up others');
ok($node->poll_query_until('postgres', q{SELECT state = 'delivered' FROM triage.deliveries WHERE endpoint = 'locked' AND event_seq = 2}), 'nor its neighbour');
$in .= "COMMIT;\n\\q\n";
$other->finish;
ok(settled('locked'), 'its own result is written when the lock is gone');
is(scalar(arrivals('/slow?ms=300')), 2, 'and nothing was sent twice');

# ---- signatures -------------------------------------------------------------------------

sub signatures_ok
{
	my ($path, $name, @secrets) = @_;
	my (undef, undef, $id, $at, $signature) = @{ (arrivals($path))[-1] };
	my @expected = map { my $mac = hmac_sha256_base64("$id.$at.{\"n\":1}", $_); $mac .= '=' while length($mac) % 4; "v1,$mac" } @secrets;
	is($signature, @expected ? join(' ', @expected) : '-', $name);
	return;
}

my ($first, $second, $third) = map { $_ x 32 } qw(a b c);
send_to('signed', '/signed');
signatures_ok('/signed', 'unsigned without a secret');
for my $step ([ $first, '', 'signed', $first ], [ $second, ", clock_timestamp() + interval '1 hour'", 'with both while the old secret is valid', $second, $first ],
	[ $third, '', 'with the new one alone when the old ones have ended', $third ])
{
	my ($secret, $until, $name, @secrets) = @$step;
	$node->safe_psql('postgres', sprintf("SELECT triage.set_secret('signed', convert_to('%s', 'UTF8')%s);", $secret, $until) . queue_sql('signed', 1));
	settled('signed');
	signatures_ok('/signed', $name, @secrets);
}

# ---- hold, moved clock ------------------------------------------------------------------

endpoint('held', '/held');
$node->safe_psql('postgres', q{BEGIN; INSERT INTO triage.local_state VALUES ('hold', 'test', clock_timestamp());} . queue_sql('held', 3)
	  . q{UPDATE triage.deliveries SET state = 'leased', leased_until = 'infinity' WHERE endpoint = 'held' AND event_seq = 2; COMMIT});
my $then = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
ok($node->poll_query_until('postgres', "SELECT state_change > timestamptz '$then' + interval '3 seconds' FROM pg_stat_activity
	WHERE backend_type = 'pg_triage courier'"), 'on hold the courier takes its turns');
is(scalar(arrivals('/held')), 0, 'and sends nothing');
$node->safe_psql('postgres', 'SELECT triage.start_workers()');
ok(settled('held'), 'start_workers() ends the hold, and what a dump brought as leased goes out too');

set_conf('triage.allowed_networks', '127.0.0.1/32, 10.0.0.0/8');
set_conf('triage.now', '2031-01-01 00:00:00+00');
endpoint('demo', '/demo');
endpoint('real', 'http://10.255.255.1/');
$node->safe_psql('postgres', queue_sql('demo', 1) . queue_sql('real', 1));
is(outcome('demo'), 'delivered 1 200', 'moved clock: this machine is called');
is(outcome('real'), 'dead 1 none', 'no other is, though its network is allowed');
set_conf('triage.now', '');
set_conf('triage.allowed_networks', '127.0.0.0/8');

# ---- crashes between enqueue and delivery ---------------------------------------------------

for my $how ('immediate restart', 'kill -9', 'fast restart')
{
	(my $code = $how) =~ s/\W//g;
	my $path = "/slow?ms=100&$code";
	endpoint($code, $path);
	$node->safe_psql('postgres', queue_sql($code, 400));
	$node->poll_query_until('postgres', "SELECT count(*) BETWEEN 1 AND 399 FROM triage.deliveries WHERE endpoint = '$code' AND state = 'delivered'");
	if ($how eq 'kill -9')
	{
		kill_hard($node, 'postgres', 'courier');
	}
	else
	{
		$node->stop($how =~ /immediate/ ? 'immediate' : 'fast');
		$node->start;
	}
	ok(settled($code), "$how in mid-transfer: all are settled");
	is($node->safe_psql('postgres', "SELECT count(*) FROM triage.deliveries WHERE endpoint = '$code' AND state = 'delivered'"), 400, 'as delivered');
	my %seen;
	$seen{ $_->[2] }++ for arrivals($path);
	is(scalar(keys %seen), 400, 'and each has arrived');
	my $twice = grep { $_ > 1 } values %seen;
	cmp_ok($twice, '<=', 128, "some twice ($twice), no more than were under way");
	my $known = $node->safe_psql('postgres', "SELECT count(*) FROM triage.deliveries WHERE endpoint = '$code' AND delivery_id::text IN ("
		  . join(',', map { "'$_'" } keys %seen) . ')');
	is($known, 400, 'under their ids');
}

$node->stop;
$receiver->kill_kill;
done_testing();
