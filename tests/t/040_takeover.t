# Deadlines whatever happens to sessions and servers: locks held for long, a
# standby that takes over, an update of the extension with workers alive.
# Source: extension/casework/steps.c, extension/worker/, design "The timekeeper", "What must be true"
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('keeper');
$node->init(allows_streaming => 1, extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "fsync = off\nmax_worker_processes = 16\nshared_preload_libraries = 'pg_triage'\n");
$node->start;

sub query { return $node->safe_psql('postgres', @_) }

query('CREATE EXTENSION pg_triage');
query("SELECT count(*) FROM triage.load_pack('zhejiang')");

# ---- more cases locked than one look reads ------------------------------------------

query(q{INSERT INTO triage.cases (channel, body, area, reporter) SELECT '110', '外墙渗水', '330784001', 'r' FROM generate_series(1, 1200)});
my ($in, $said) = ('', '');
my $busy = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$said, IPC::Run::timeout(120));
$in .= "BEGIN; SELECT 'locked ' || count(*) FROM (SELECT FROM triage.cases FOR UPDATE) l;\n";
$busy->pump until $said =~ /locked 1200/;
# the locked ones fall due first
query(q{UPDATE triage.clocks SET next_step_at = clock_timestamp() - interval '1 hour' WHERE next_step_at IS NOT NULL});
my $free = query(q{SELECT case_id FROM triage.report('110', '外墙渗水', '330784001', reporter => 'r')});
query("UPDATE triage.clocks SET next_step_at = clock_timestamp() WHERE case_id = $free AND stage = 'accept'");
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM triage.clock_steps WHERE case_id = $free"),
	'a step fires although 1,200 cases with earlier ones are locked');
is(query("SELECT count(*) FROM triage.clock_steps WHERE case_id <> $free"), 0, 'which they still are');
$in .= "COMMIT;\n\\q\n";
$busy->finish;
ok($node->poll_query_until('postgres', 'SELECT count(DISTINCT case_id) = 1201 FROM triage.clock_steps'), 'they come when the locks are gone');

# ---- ALTER EXTENSION UPDATE with workers alive, and back ------------------------------

sub worker_count
{
	my ($of) = @_;
	return $of->safe_psql('template1', q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'postgres'
		AND backend_type IN ('pg_triage timekeeper', 'pg_triage courier')});
}

sub workers_ok
{
	my ($of, $n, $name) = @_;
	ok($of->poll_query_until('template1', q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'postgres'
		AND backend_type IN ('pg_triage timekeeper', 'pg_triage courier')}, $n), $name);
	return;
}

my ($version) = query(q{SELECT extversion FROM pg_extension WHERE extname = 'pg_triage'});
my $next = "${version}.next";
chomp(my $share = `pg_config --sharedir`);
my %scripts = ("$version--$next" => 'ALTER TABLE triage.endpoints ADD COLUMN of_the_next_version int;',
	"$next--$version" => 'ALTER TABLE triage.endpoints DROP COLUMN of_the_next_version;');
SKIP:
{
	skip 'the installation is not ours to write to', 9 unless -w "$share/extension";
	while (my ($name, $sql) = each %scripts)
	{
		append_to_file("$share/extension/pg_triage--$name.sql", $sql);
	}
	workers_ok($node, 2, 'workers run');
	query("ALTER EXTENSION pg_triage UPDATE TO '$next'");
	workers_ok($node, 0, 'those of another version leave by themselves');
	is(query(q{SELECT state FROM triage.health() WHERE item = 'version'}), 'bad', 'health() tells');
	my $case = query(q{SELECT case_id FROM triage.report('110', '外墙渗水', '330784001', reporter => 'r')});
	query("UPDATE triage.clocks SET next_step_at = clock_timestamp() WHERE case_id = $case AND stage = 'accept'");
	is(query("SELECT count(*) FROM triage.assignments WHERE case_id = $case AND status = 'offered'") > 0, 1, 'reports are taken meanwhile');
	query('SELECT triage.start_workers()');
	ok($node->wait_for_log(qr/the extension in this database is not version/), 'a worker that is started looks, and says why it leaves');
	workers_ok($node, 0, 'it is gone');
	is(query("SELECT count(*) FROM triage.clock_steps WHERE case_id = $case"), 0, 'and has done nothing');
	query("ALTER EXTENSION pg_triage UPDATE TO '$version'");
	query('SELECT triage.start_workers()');
	workers_ok($node, 2, 'back at the version of the library they work');
	ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM triage.clock_steps WHERE case_id = $case"), 'and what fell due is not lost');
	unlink map { "$share/extension/pg_triage--$_.sql" } keys %scripts;
}

# ---- a standby takes over ----------------------------------------------------------------

query(q{INSERT INTO triage.endpoints (code, url) VALUES ('e040', 'http://127.0.0.1:1/')});
query(q{UPDATE triage.departments SET endpoint = 'e040' WHERE code LIKE 'VILLAGE.%'});
$node->backup('before');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'before', has_streaming => 1);
$standby->start;
query(q{INSERT INTO triage.cases (channel, body, area, reporter) SELECT '110', '外墙渗水', '330784001', 's' FROM generate_series(1, 50)});
query(q{SELECT count(triage.accept(case_id, lead)) FROM (SELECT c.case_id, c.lead FROM triage.cases c WHERE c.reporter = 's' ORDER BY 1 LIMIT 10) c});
# a step of each fires at the old one, and no other is near
query(q{UPDATE triage.clocks k SET next_step_at = clock_timestamp() FROM triage.cases c WHERE c.case_id = k.case_id AND c.reporter = 's'
	AND k.stage = 'resolve'});
ok($node->poll_query_until('postgres', q{SELECT count(DISTINCT s.case_id) = 50 FROM triage.clock_steps s JOIN triage.cases c USING (case_id)
	WHERE c.reporter = 's'}), 'steps fire at the primary');
my $all = q{SELECT concat_ws(' ', (SELECT count(*) FROM triage.cases), (SELECT count(*) FROM triage.events), (SELECT count(*) FROM triage.clocks),
	(SELECT count(*) FROM triage.assignments), (SELECT count(*) FROM triage.deliveries), (SELECT count(*) FROM triage.clock_steps),
	(SELECT count(*) FROM triage.clocks WHERE next_step_at < clock_timestamp()))};
ok($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM triage.clocks WHERE next_step_at < clock_timestamp()'), 'all that is due');
my $had = query($all);
$node->wait_for_catchup($standby);
is(worker_count($standby), 0, 'no worker runs at a standby');
$node->stop('immediate');
$standby->promote;
workers_ok($standby, 2, 'they do after its promotion');
is($standby->safe_psql('postgres', $all), $had, 'no case, event, clock, delivery or fired step is lost, none is there twice');
$standby->safe_psql('postgres', q{UPDATE triage.clocks k SET next_step_at = clock_timestamp() FROM triage.cases c WHERE c.case_id = k.case_id
	AND c.reporter = 's' AND k.stage = 'feedback' AND k.next_step_at IS NOT NULL});
ok($standby->poll_query_until('postgres', q{SELECT count(*) = 0 FROM triage.clocks WHERE next_step_at <= clock_timestamp()}), 'deadlines go on');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM (SELECT 1 FROM triage.clock_steps GROUP BY case_id, clock_id, step, occurrence HAVING count(*) > 1) d}),
	0, 'and no step fires a second time');
is($standby->safe_psql('postgres', q{SELECT count(*) > 0 FROM triage.report('110', '外墙渗水', '330784001', reporter => 'after')}), 't', 'reports are taken');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM triage.verify_history()'), 0, 'the history is whole')
	if $standby->safe_psql('postgres', q{SELECT to_regproc('triage.verify_history') IS NOT NULL}) eq 't';
$standby->stop;
done_testing();
