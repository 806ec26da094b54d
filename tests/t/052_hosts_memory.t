# A backend that really has no memory left: the operating system refuses more
# at ever other places of our work, and the host's statement succeeds each time.
# Source: extension/hosts/guard.c, trigger.c
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('hosts_memory');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "fsync = off\nmax_worker_processes = 24\nshared_preload_libraries = 'pg_triage'\n");
$node->start;
sub query { return $node->safe_psql('postgres', @_) }

query('CREATE EXTENSION pg_triage');
query(q{SELECT count(*) FROM triage.load_pack('zhejiang')});
query('SELECT triage.stop_workers()');
query(q{INSERT INTO triage.channels (code, zh, en, kind, needs_caller, allows_anonymous, confirm_danger) VALUES ('desk', '工单', 'desk', 'host', false, true, true)});
query('CREATE TABLE public.ticket (id int PRIMARY KEY, body text, dept text, words text)');
query(q{SELECT count(*) FROM triage.attach('public.ticket', '{"channel": "desk", "text": "body", "write": {"department": "dept", "comment": "words"}}')});

# One session that may grow by so many kilobytes when it inserts a ticket; the
# SQLSTATE of that.  Before, it has done the same without our trigger, and its
# stack has grown, which is not refused but ends a process.
sub insert_with
{
	my ($id, $more) = @_;
	my $script = <<~"EOF";
		SELECT (repeat('[', 5000) || repeat(']', 5000))::json IS NULL \\g /dev/null
		SET session_replication_role = replica;
		INSERT INTO public.ticket VALUES (-$id, '永康市东城街道外墙渗水');
		RESET session_replication_role;
		SELECT pg_backend_pid() AS pid \\gset
		\\setenv BACKEND :pid
		\\! prlimit --pid \$BACKEND --as=\$((\$(awk '/^VmSize/ {print \$2}' /proc/\$BACKEND/status) * 1024 + $more * 1024))
		INSERT INTO public.ticket VALUES ($id, '永康市东城街道外墙渗水');
		\\echo :SQLSTATE
		EOF
	my ($out, $err);
	IPC::Run::run([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$script, '>', \$out, '2>', \$err, IPC::Run::timeout(120));
	chomp $out;
	return $out;
}

my @sizes = (64, 128, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384, 32768, 65536, 262144);
is_deeply([ map { insert_with($_ + 1, $sizes[$_]) } 0 .. $#sizes ], [ ('00000') x @sizes ], 'the host\'s statement succeeds, whatever memory there is');
is(query('SELECT count(*) FROM public.ticket WHERE id > 0'), scalar @sizes, 'all tickets are there');
my $taken = query('SELECT count(*) FROM triage.host_tickets');
cmp_ok($taken, '>', 0, 'where there was enough they are taken in');
cmp_ok($taken, '<', scalar @sizes, 'where there was not they are not');
my $queued = query(q{SELECT count(*) FROM triage.host_queue});
my $recorded = query(q{SELECT count(*) FROM triage.intake_errors});
my $logged = () = slurp_file($node->logfile) =~ /a row of "ticket" was not taken in/g;
is($taken + $queued + $recorded + $logged, scalar @sizes, "each is taken in ($taken), queued ($queued), recorded ($recorded), or in the server's log ($logged)");
query('SELECT * FROM triage.tick()');
query('SELECT * FROM triage.retry_intake()');
is(query('SELECT count(*) FROM triage.host_tickets'), @sizes - $logged, 'with memory the rest is taken in');
is(query('SELECT count(*), count(DISTINCT case_id) FROM triage.host_tickets'), join('|', (@sizes - $logged) x 2), '... once each');

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC: |TRAP: |was terminated by signal/, 'nothing crashed');
done_testing();
