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

$node->stop;
done_testing();
