# What every part of the benchmark uses: psql, pgbench, medians and the table.
package Bench;
use strict;
use warnings;
use Exporter 'import';
use File::Path 'make_path';
use IPC::Open2;
use Time::HiRes qw(time sleep);

our @EXPORT = qw(note row skip summary median percentile psql value timed timed_cpu pgbench wait_for new_database drop_database
  load_pack server_setting with_endpoint dir tmp seconds reps full time sleep);

my (@missed, $met, $headed);

sub dir { return $ENV{BENCH_DIR} }
sub tmp { return $ENV{BENCH_TMP} }
sub seconds { return $ENV{BENCH_SECONDS} || 5 }
sub reps { return $ENV{BENCH_REPS} || 3 }
sub full { return $ENV{FULL} }

# ---- the table ----

sub note { print "  $_[0]\n"; return }

sub skip
{
	my ($what, $why) = @_;
	heading();
	printf "%-44s skipped: %s\n", $what, $why;
	return;
}

sub heading
{
	return if $headed++;
	printf "%-44s %12s %12s %8s  %-15s %-12s %s\n", 'what', 'ours', 'peer', 'ratio', '(min - max)', 'goal', '';
	print '-' x 112, "\n";
	return;
}

sub median
{
	my @s = sort { $a <=> $b } @_;
	return @s % 2 ? $s[$#s / 2] : ($s[@s / 2 - 1] + $s[@s / 2]) / 2;
}

sub percentile
{
	my ($p, @s) = @_;
	@s = sort { $a <=> $b } @s;
	my $n = int($p / 100 * @s);
	return $s[$n > $#s ? $#s : $n];
}

sub figure
{
	my ($v) = @_;
	return sprintf(abs $v >= 1000 ? '%.0f' : abs $v >= 100 ? '%.1f' : abs $v >= 10 ? '%.2f' : '%.3f', $v);
}

# row(what => 'text', unit => 'ms', ours => [..], peer => [..], peer_name => 'a3', goal => '>= 0.80')
# With a peer the goal is for the ratio of the same repetition, else for ours.
sub row
{
	my %r = @_;
	my @ours = @{$r{ours}};
	my @peer = @{$r{peer} || []};
	my $judged = median(@ours);
	my ($ratio, $verdict) = ('', '');
	my @spread = @ours;

	heading();
	if (@peer)
	{
		@spread = map { $ours[$_] / $peer[$_] } 0 .. ($#ours < $#peer ? $#ours : $#peer);
		$judged = median(@spread);
		$ratio = figure($judged);
	}
	@spread = sort { $a <=> $b } @spread;
	my $goal = $r{goal} || '';
	if (my ($op, $limit) = $goal =~ /^([<>])= ([\d.]+)/)
	{
		my $ok = $op eq '>' ? $judged >= $limit : $judged <= $limit;
		$verdict = $ok ? 'ok' : 'NOT';
		$ok ? $met++ : push @missed, $r{what};
	}
	my $unit = $r{unit} ? " $r{unit}" : '';
	printf "%-44s %12s %12s %8s  %-15s %-12s %s\n", $r{what}, figure(median(@ours)) . $unit,
	  @peer ? figure(median(@peer)) . $unit : '', $ratio, @spread > 1 ? '(' . figure($spread[0]) . ' - ' . figure($spread[-1]) . ')' : '',
	  $goal, $verdict;
	return;
}

sub summary
{
	printf "\n%d of %d goals met%s\n", $met || 0, ($met || 0) + @missed,
	  @missed ? '; NOT met: ' . join('; ', @missed) : '';
	return;
}

# ---- the server ----

sub run_psql
{
	my ($db, @args) = @_;
	open my $out, '-|', 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $db, @args or die "psql: $!";
	my $text = do { local $/; <$out> };
	close $out or die "psql failed in database $db: @args\n";
	return $text // '';
}

sub psql
{
	my ($db, $sql) = @_;
	my $file = tmp() . '/script.sql';
	open my $f, '>', $file or die "$file: $!";
	print $f "SET client_min_messages = warning;\n$sql\n";
	close $f or die $!;
	return run_psql($db, '-f', $file);
}

sub value
{
	my ($db, $sql) = @_;
	my $text = psql($db, "$sql;");
	chomp $text;
	return $text;
}

# Milliseconds of the last statement, after what prepares it.
sub timed
{
	my ($db, $before, $sql) = @_;
	my $text = psql($db, "$before\n\\timing on\n$sql");
	my @ms = $text =~ /^Time: ([\d.]+) ms/mg or die "no time in: $text\n";
	return $ms[-1];
}

# The same in seconds, and the processor time that the server's process took: what
# else the machine does hardly touches it.
sub timed_cpu
{
	my ($db, $before, $sql) = @_;
	my $file = tmp() . '/timed.sql';
	open my $f, '>', $file or die "$file: $!";
	print $f "$before\nSET client_min_messages = log;\nSET log_statement_stats = on;\n\\timing on\n$sql\n";
	close $f or die $!;
	my $text = `psql -XqAt -v ON_ERROR_STOP=1 -d $db -f '$file' 2>&1`;
	die "psql failed: $text\n" if $? != 0;
	my @ms = $text =~ /^Time: ([\d.]+) ms/mg;
	my @cpu = map { [$_ =~ /^!\s+([\d.]+) s user, ([\d.]+) s system/] } grep { /^!\s+[\d.]+ s user/ } split /\n/, $text;
	die "no figures in: $text\n" unless @ms && @cpu;
	return ($ms[-1] / 1000, $cpu[-1][0] + $cpu[-1][1]);
}

# Transactions per second of one script, of the folder or made by the benchmark itself.
sub pgbench
{
	my ($db, $script, $seconds) = @_;
	my ($file) = grep { -e } map { "$_/$script.sql" } tmp(), dir() . '/pgbench';
	my $errors = tmp() . '/pgbench.err';
	my $text = `pgbench -n -M prepared -c 4 -j 2 -T $seconds -f '$file' $db 2>'$errors'`;
	my ($tps) = $text =~ /^tps = ([\d.]+)/m;
	return $tps if $? == 0 && $tps;
	system 'head', '-5', $errors;
	die "pgbench failed with $script\n";
}

sub wait_for
{
	my ($seconds, $test) = @_;
	my $end = time() + $seconds;
	while (time() < $end)
	{
		my $got = $test->();
		return $got if $got;
		sleep 0.1;
	}
	return;
}

sub server_setting
{
	my ($name, $value) = @_;
	my $before = value('postgres', 'SELECT pg_conf_load_time()');
	psql('postgres', "ALTER SYSTEM SET $name = '$value';\nSELECT pg_reload_conf();");
	wait_for(10, sub { value('postgres', "SELECT pg_conf_load_time() > '$before'") eq 't' }) or die "$name was not read\n";
	return;
}

sub new_database
{
	my ($db) = @_;
	psql('postgres', "CREATE DATABASE $db;");
	psql($db, "CREATE EXTENSION pg_triage;");
	return;
}

sub drop_database
{
	my ($db) = @_;
	psql('postgres', "DROP DATABASE $db WITH (FORCE);");
	return;
}

sub load_pack
{
	my ($db) = @_;
	return value($db, q{SELECT count(*) FROM triage.load_pack('zhejiang')});
}

# One endpoint for all departments, so that every case has something to send.
sub with_endpoint
{
	my ($db, $url) = @_;
	psql($db, "INSERT INTO triage.endpoints (code, url) VALUES ('bench', '$url');
UPDATE triage.departments SET endpoint = 'bench';");
	return;
}

1;
