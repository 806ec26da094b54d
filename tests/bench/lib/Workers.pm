# What the sections about workers share.
package Workers;
use strict;
use warnings;
use Exporter 'import';
use Bench;

our @EXPORT = qw(workers_on workers_off worker_pid own_memory);

sub workers_on { server_setting('triage.workers', 'on'); return }
sub workers_off { server_setting('triage.workers', 'off'); return }

# The worker of this database; nothing if there is none within five seconds.
sub worker_pid
{
	my ($db, $kind) = @_;
	return wait_for(5, sub {
		return value('postgres', "SELECT pid FROM pg_stat_activity WHERE datname = '$db' AND backend_type = 'pg_triage $kind'");
	});
}

# Megabytes that a process has for itself, without shared buffers.
sub own_memory
{
	my ($pid) = @_;
	open my $f, '<', "/proc/$pid/status" or return;
	my ($kb) = join('', <$f>) =~ /^RssAnon:\s+(\d+)/m;
	return $kb / 1000;
}

1;
