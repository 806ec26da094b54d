# Dump and restore while workers run: what comes back, and that a restored
# system does nothing until somebody says so; DROP EXTENSION.
# Source: sql/10_config.sql, sql/20_operational.sql, extension/casework/intake.c
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $src = $ENV{TRIAGE_SRC} or die "run by tests/tools/cluster";
my $tmp = $PostgreSQL::Test::Utils::tmp_check;
my $node = PostgreSQL::Test::Cluster->new('dump');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "fsync = off\nmax_worker_processes = 24\nshared_preload_libraries = 'pg_triage'
triage.allowed_networks = '127.0.0.0/8'\n");
$node->start;

# ---- a receiver --------------------------------------------------------------------

system('cc', '-O1', '-D_GNU_SOURCE', "$src/tests/tools/receiver.c", '-o', "$tmp/dump_receiver") == 0 or die 'the receiver does not compile';
my $log = "$tmp/dump_receiver.log";
my $receiver = IPC::Run::start([ "$tmp/dump_receiver", '--port-file', "$tmp/dump_port", '--log', $log ], '>', '/dev/null');
for (1 .. 200)
{
	last if -s "$tmp/dump_port";
	usleep(50_000);
}
chomp(my $port = slurp_file("$tmp/dump_port"));

sub arrivals
{
	my ($path) = @_;
	return scalar(grep { (split /\t/)[1] eq $path } split /\n/, slurp_file($log));
}

sub query { return $node->safe_psql(@_) }

# ---- a system at work ----------------------------------------------------------------

query('postgres', 'CREATE DATABASE source TEMPLATE template0');
query('source', 'CREATE EXTENSION pg_triage');
query('source', "SELECT count(*) FROM triage.load_pack('zhejiang')");
query('source', <<"EOS");
INSERT INTO triage.endpoints (code, url, retry_base_ms) VALUES ('works', 'http://127.0.0.1:$port/works', 1000), ('closed', 'http://127.0.0.1:1/closed', 3600000);
UPDATE triage.channels SET endpoint = 'works' WHERE code = '110';
UPDATE triage.departments SET endpoint = 'closed' WHERE code = 'T_PS.330784001';
UPDATE triage.departments SET endpoint = 'works' WHERE code = 'T_SQUAD.330784001';
INSERT INTO triage.terms (case_type, kind, term) VALUES ('N105', 'include', '量子纠缠'), ('N105', 'include', '薛定谔');
UPDATE triage.terms SET active = false WHERE term = '薛定谔';
SELECT triage.set_secret('works', convert_to(repeat('s', 32), 'UTF8'));
EOS
# one closed, with its token; one dangerous and late, with a step fired; the rest comes while the dump runs
my $token = query('source', "SELECT attrs->>'token' FROM triage.report('110', '永康市东城街道外墙渗水', reporter => '王', contact => '13800000000', external_ref => 'D1')");
query('source', <<'EOS');
INSERT INTO triage.staff (name, department, skills) VALUES ('王五', 'T_SQUAD.330784001', '{leaks,drones}');
SELECT triage.assign_staff(r.case_id, s.staff_id) FROM triage.case_refs r, triage.staff s;
SELECT triage.set_mode('exam_week', '330784001', triage.clock() + interval '1 day', '中考');
EOS
query('source', <<'EOS');
SELECT triage.arrive(a.case_id, a.department) FROM triage.assignments a WHERE a.duty IN ('lead', 'on_scene') ORDER BY a.seq;
SELECT triage.finish(a.case_id, a.department) FROM triage.assignments a WHERE a.duty = 'assist' ORDER BY a.seq;
SELECT triage.resolve(r.case_id, 'resolved', '修好了') FROM triage.case_refs r;
SELECT triage.close_case(r.case_id) FROM triage.case_refs r;
EOS
query('source', <<'EOS');
SELECT set_config('triage.now', (clock_timestamp() - interval '50 seconds')::text, false);
SELECT triage.report('110', '永康市东城街道有人持刀伤人', reporter => '李', external_ref => 'D2');
EOS
ok($node->poll_query_until('source', 'SELECT count(*) > 0 FROM triage.clock_steps'), 'the timekeeper of the source works');
ok($node->poll_query_until('source', q{SELECT count(*) FILTER (WHERE state = 'delivered') > 0 AND count(*) FILTER (WHERE endpoint = 'closed' AND attempts = 1) > 0 FROM triage.deliveries}),
	'and so does its courier; some deliveries wait');

open my $calls, '>', "$tmp/calls.sql" or die $!;
print $calls "SELECT triage.report('110', '有人没带钥匙', reporter => 'r$_', external_ref => 'C$_');\n" for 1 .. 2000;
close $calls or die $!;
my $caller = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('source'), '-f', "$tmp/calls.sql" ], '>', '/dev/null', IPC::Run::timeout(300));
ok($node->poll_query_until('source', q{SELECT count(*) > 20 FROM triage.cases}), 'calls come in');

# ---- dumps -----------------------------------------------------------------------------

my $digest = query('source', "SELECT encode(digest, 'hex') FROM triage.rulebook");
my $version = query('source', 'SELECT version FROM triage.rulebook');
my @connection = ('-d', $node->connstr('source'));
command_ok([ 'pg_dump', '-f', "$tmp/plain.sql", @connection ], 'pg_dump while calls come in');
command_ok([ 'pg_dump', '-Fc', '-f', "$tmp/custom.dump", @connection ], 'a second time');
command_ok([ 'pg_dump', '-Fd', '-j', '3', '-f', "$tmp/folder.dump", @connection ], 'in parallel');
command_ok([ 'pg_dump', '--inserts', '--rows-per-insert=500', '-f', "$tmp/inserts.sql", @connection ], 'as INSERTs');
command_ok([ 'pg_dump', '--schema-only', '-f', "$tmp/schema.sql", @connection ], 'without data');
$caller->finish;
unlike(slurp_file("$tmp/plain.sql"), qr/^COPY triage\.(?:local_state|rulebook_image|transitions) /m, 'what belongs to the server or the code is not in it');

# ---- restores ----------------------------------------------------------------------------

# A dump as text, without what is another each time: the rulebook's own row goes on from the old version.
sub lines_of
{
	my ($text) = @_;
	$text =~ s/^COPY triage\.rulebook .*?^\\\.$//ms;
	$text =~ s/^INSERT INTO triage\.rulebook VALUES.*?;$//ms;
	return [ grep { !/^(?:--|\\(?:un)?restrict|SET |SELECT pg_catalog\.set_config|$)/ } split /\n/, $text ];
}

sub command_output
{
	my @command = @_;
	my ($out, $err);
	IPC::Run::run(\@command, '>', \$out, '2>', \$err) or die "@command: $err";
	return $out;
}

# Everything of the dump is in the restored database.
sub same_as
{
	my ($db, $text, $what) = @_;
	my $have = lines_of(command_output('pg_dump', '-d', $node->connstr($db)));
	my $want = lines_of($text);
	my %seen;
	$seen{$_}++ for @$want;
	$seen{$_}-- for @$have;
	my @other = map { sprintf '%s %s', $seen{$_} > 0 ? 'lost' : 'new', substr($_, 0, 150) } grep { $seen{$_} } sort keys %seen;
	splice @other, 5 if @other > 5;
	is_deeply(\@other, [], $what);
	return;
}

sub whole_ok
{
	my ($db, $what) = @_;
	is(query($db, q{SELECT concat_ws(' ', count(*) > 20,
			count(*) FILTER (WHERE c.event_seq <> (SELECT max(e.seq) FROM triage.events e WHERE e.case_id = c.case_id)),
			count(*) FILTER (WHERE NOT EXISTS (SELECT FROM triage.decisions d WHERE d.case_id = c.case_id)),
			count(*) FILTER (WHERE NOT EXISTS (SELECT FROM triage.clocks k WHERE k.case_id = c.case_id)),
			count(*) FILTER (WHERE NOT EXISTS (SELECT FROM triage.case_refs r WHERE r.case_id = c.case_id)),
			count(*) FILTER (WHERE NOT EXISTS (SELECT FROM triage.case_sources s WHERE s.case_id = c.case_id)),
			(SELECT count(*) FROM triage.case_refs r WHERE NOT EXISTS (SELECT FROM triage.cases x WHERE x.case_id = r.case_id)))
		FROM triage.cases c}), 't 0 0 0 0 0 0', "$what: every case is whole");
	is(query($db, "SELECT encode(digest, 'hex') FROM triage.rulebook"), $digest, "$what: the rulebook's digest is the same");
	cmp_ok(query($db, 'SELECT version FROM triage.rulebook'), '>', $version, "$what: its version goes on");
	is(query($db, q{SELECT triage.preview('110', '量子纠缠')->>'case_type', triage.preview('110', '薛定谔')->>'case_type'}), 'N105|', "$what: and it decides");
	is(query($db, q{SELECT state FROM triage.health() WHERE item = 'hold'}), 'bad', "$what: on hold, and health() says so");
	return;
}

my %restore = (
	plain => [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$tmp/plain.sql" ],
	single => [ 'psql', '-Xq', '-1', '-v', 'ON_ERROR_STOP=1', '-f', "$tmp/plain.sql" ],
	inserts => [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$tmp/inserts.sql" ],
	custom => [ 'pg_restore', '-e', "$tmp/custom.dump" ],
	parallel => [ 'pg_restore', '-e', '-j', '4', "$tmp/folder.dump" ]);
my %text = (
	plain => slurp_file("$tmp/plain.sql"), single => slurp_file("$tmp/plain.sql"),
	custom => command_output('pg_restore', '-f', '-', "$tmp/custom.dump"), parallel => command_output('pg_restore', '-f', '-', "$tmp/folder.dump"));
for my $db (sort keys %restore)
{
	query('postgres', "CREATE DATABASE $db TEMPLATE template0");
	my ($command, @arguments) = @{ $restore{$db} };
	# several first writers of rules at once: config_changed() does not expect them yet
	my $restored = run_log([ $command, '-d', $node->connstr($db), @arguments ]);
	ok($restored, "$db: restored");
	next if !$restored;
	whole_ok($db, $db);
	same_as($db, $text{$db}, "$db: dumped again it is the same") if defined $text{$db};
}

# what is done first in a parallel restore is chance; here it is what could be sent
query('postgres', 'CREATE DATABASE first TEMPLATE template0');
query('first', 'CREATE EXTENSION pg_triage');
command_ok([ 'pg_restore', '-e', '-a', '-n', 'triage', '-t', 'deliveries', '-d', $node->connstr('first'), "$tmp/custom.dump" ], 'deliveries before all else');
is(query('first', q{SELECT concat_ws(' ', (SELECT count(*) > 0 FROM triage.deliveries), (SELECT state FROM triage.health() WHERE item = 'hold'))}), 't bad', 'on hold by themselves');

# ---- on hold -----------------------------------------------------------------------------

my $db = 'plain';
is(query($db, "SELECT status FROM triage.status_by_token('$token')"), 'finished', 'a citizen finds his report by the old token');
is(query($db, q{SELECT string_agg(DISTINCT state, ' ') FROM triage.deliveries WHERE endpoint = 'closed'}), 'queued', 'deliveries that waited wait');
my $steps = query($db, 'SELECT count(*) FROM triage.clock_steps');
query($db, "UPDATE triage.endpoints SET url = 'http://127.0.0.1:$port/restored' WHERE code = 'closed';
	UPDATE triage.deliveries SET next_attempt_at = clock_timestamp() - interval '1 minute' WHERE endpoint = 'closed';
	UPDATE triage.clocks SET next_step_at = clock_timestamp() - interval '1 minute' WHERE next_step_at IS NOT NULL");
my $ids = query($db, 'SELECT max(case_id) FROM triage.cases');
is(query($db, 'SELECT count(*) - (SELECT count(*) FROM triage.events) FROM triage.changes(0, 100000) c WHERE c.case_id IS NOT NULL'), 0, 'changes() tells all that was');
my $cursor = query($db, 'SELECT max(c.cursor) FROM triage.changes(0, 100000) c');
my $new = query($db, q{SELECT case_id FROM triage.report('110', '永康市东城街道有人持刀伤人', reporter => '李', external_ref => 'D3')});
cmp_ok($new, '>', $ids, 'a new report goes on from the old numbers');
is(query($db, "SELECT c.case_id || ' ' || c.verb FROM triage.changes($cursor) c"), "$new report", 'who followed changes() on the old system goes on here');
is(query($db, q{SELECT r.case_id FROM triage.case_refs c, triage.report('110', '又是我', external_ref => 'D2') r WHERE c.external_ref = 'D2' AND r.case_id <> c.case_id}), '', 'an old reference leads to the old case');
is(query($db, q{SELECT status FROM triage.case_refs c, triage.accept(c.case_id, 'T_PS.330784001') WHERE c.external_ref = 'D2'}), 'accepted', 'people go on with old cases');
my $then = query($db, 'SELECT clock_timestamp()');
ok($node->poll_query_until('postgres', "SELECT count(*) = 2 AND bool_and(state_change > timestamptz '$then' + interval '3 seconds') FROM pg_stat_activity
	WHERE datname = '$db' AND backend_type IN ('pg_triage timekeeper', 'pg_triage courier')"), 'both workers take their turns');
is(query($db, 'SELECT count(*) FROM triage.clock_steps'), $steps, 'no step fires');
is(query($db, q{SELECT count(*) FROM triage.deliveries WHERE endpoint = 'closed' AND (state <> 'queued' OR attempts > 1)}), 0, 'no delivery is touched');
is(arrivals('/restored'), 0, 'and nothing arrives');

is(query($db, 'SELECT triage.start_workers()'), 't', 'start_workers()');
ok($node->poll_query_until($db, "SELECT count(*) > $steps FROM triage.clock_steps"), 'steps fire');
ok($node->poll_query_until($db, q{SELECT bool_and(state = 'delivered') FROM triage.deliveries WHERE endpoint = 'closed'}), 'deliveries go out');
cmp_ok(arrivals('/restored'), '>=', 2, 'also the old ones');
is(query($db, q{SELECT count(*) FROM triage.quarantine}), 0, 'no case is set aside');
is(query($db, q{SELECT count(*) FROM triage.health() WHERE item = 'hold'}), 0, 'the hold is over');

# ---- DROP EXTENSION ------------------------------------------------------------------------

my $left = q{SELECT concat_ws(' ', (SELECT count(*) FROM pg_namespace WHERE nspname !~ '^pg_(temp|toast)'), (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_type),
	(SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_attrdef), (SELECT count(*) FROM pg_description), (SELECT count(*) FROM pg_depend),
	(SELECT count(*) FROM pg_init_privs), (SELECT count(*) FROM pg_event_trigger))};
query('postgres', 'CREATE DATABASE empty TEMPLATE template0');
my $empty = query('empty', $left);
for my $drop ($db, 'custom')
{
	query($drop, 'DROP EXTENSION pg_triage');
	is(query($drop, $left), $empty, "$drop: DROP EXTENSION leaves nothing behind");
	ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = '$drop' AND backend_type ~ '^pg_triage'"), "$drop: its workers leave");
}
query($db, 'CREATE EXTENSION pg_triage');
is(query($db, 'SELECT count(*) FROM triage.cases'), 0, 'made again it is empty');

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC: |TRAP: |was terminated by signal/, 'nothing crashed');
$receiver->kill_kill;
done_testing();
