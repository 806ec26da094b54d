package Hosts;

# What the tests with real ticket servers have in common: processes, ports,
# HTTP, databases, waiting, and a browser.
#
# A test runs inside tests/tools/cluster (see tests/hosts/run), as an
# unprivileged user; the cluster ends whatever a test leaves running.  Logs
# and screenshots go to TRIAGE_OUT.

use strict;
use warnings;
use utf8;

use DBI;
use Encode ();
use Exporter 'import';
use HTTP::Tiny;
use IO::Socket::INET;
use IPC::Open2 ();
use JSON::PP ();
use POSIX ();
use Time::HiRes ();

our @EXPORT_OK = qw(out_dir free_port spawn stop run_ok wait_until http json_http db make_database extension
	median now_ms write_file read_file);

my %running;		# pid => name
my $json = JSON::PP->new->utf8->canonical->allow_nonref;

$ENV{TRIAGE_TMP} or die "use 'make test-hosts': these tests need the cluster that it makes\n";

sub out_dir { return $ENV{TRIAGE_OUT} }

sub write_file
{
	my ($name, $text) = @_;
	open my $f, '>:encoding(UTF-8)', $name or die "$name: $!\n";
	print $f $text;
	close $f or die "$name: $!\n";
	return $name;
}

sub read_file
{
	my ($name) = @_;
	open my $f, '<:encoding(UTF-8)', $name or return '';
	local $/;
	return scalar <$f>;
}

# ---- processes ----------------------------------------------------------------

sub free_port
{
	my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die "no free port: $!\n";
	return $s->sockport;
}

# A server in the background, in a process group of its own; its output goes
# to <name>.log.  Returns the pid.
sub spawn
{
	my ($name, $env, @command) = @_;
	my $log = out_dir() . "/$name.log";
	my $pid = fork // die "fork: $!\n";

	if ($pid == 0)
	{
		POSIX::setsid();
		open STDIN, '<', '/dev/null';
		open STDOUT, '>>', $log;
		open STDERR, '>&', \*STDOUT;
		@ENV{ keys %$env } = values %$env;
		{ exec @command };
		print "cannot run $command[0]: $!\n";
		POSIX::_exit(127);
	}
	$running{$pid} = $name;
	return $pid;
}

sub stop
{
	my ($pid) = @_;
	return unless delete $running{$pid};
	kill TERM => $pid;
	for (1 .. 100)
	{
		return if waitpid($pid, POSIX::WNOHANG()) != 0;
		Time::HiRes::sleep(0.05);
	}
	kill KILL => -$pid;
	waitpid $pid, 0;
	return;
}

END
{
	my $status = $?;
	stop($_) for keys %running;
	$? = $status;
}
$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP);

# Runs a program to its end; dies with what it said when it fails.  $env may hold INPUT.
sub run_ok
{
	my ($env, @command) = @_;
	my %env = %{ $env // {} };
	my $input = delete $env{INPUT};
	my $file = "$ENV{TMPDIR}/run.$$";
	my $in = '/dev/null';

	$in = write_file("$file.in", $input) if defined $input;
	my $pid = fork // die "fork: $!\n";
	if ($pid == 0)
	{
		open STDIN, '<', $in;
		open STDOUT, '>', $file;
		open STDERR, '>&', \*STDOUT;
		@ENV{ keys %env } = values %env;
		{ exec @command };
		print "cannot run $command[0]: $!\n";
		POSIX::_exit(127);
	}
	waitpid $pid, 0;
	my ($status, $said) = ($?, read_file($file));
	unlink $file, "$file.in";
	die "'@command' ended with status " . ($status >> 8) . ":\n$said" if $status != 0;
	return $said;
}

# Polls until the code returns something true, which is returned; dies after the limit.
sub wait_until
{
	my ($code, $what, $limit) = @_;
	my $end = Time::HiRes::time() + ($limit // 60);

	while (1)
	{
		my $result = $code->();
		return $result if $result;
		die "waited in vain for: $what\n" if Time::HiRes::time() > $end;
		Time::HiRes::sleep(0.1);
	}
}

sub now_ms { return 1000 * Time::HiRes::time() }

sub median
{
	my @sorted = sort { $a <=> $b } @_;
	return @sorted ? ($sorted[ $#sorted / 2 ] + $sorted[ @sorted / 2 ]) / 2 : undef;
}

# ---- HTTP -----------------------------------------------------------------------

my $agent = HTTP::Tiny->new(timeout => 60, max_redirect => 0);

# (status, body as text).  $option: headers, content (text), raw (bytes).
sub http
{
	my ($method, $url, $option) = @_;
	my %request = (headers => $option->{headers} // {});

	$request{content} = $option->{raw} // Encode::encode('UTF-8', $option->{content})
		if defined $option->{raw} || defined $option->{content};
	my $r = $agent->request($method, $url, \%request);
	return ($r->{status}, Encode::decode('UTF-8', $r->{content}));
}

# JSON there and back: (status, data, body as text).
sub json_http
{
	my ($method, $url, $headers, $data) = @_;
	my %option = (headers => { 'Content-Type' => 'application/json', %{ $headers // {} } });

	$option{raw} = $json->encode($data) if defined $data;
	my ($status, $body) = http($method, $url, \%option);
	my $answer = eval { $json->decode(Encode::encode('UTF-8', $body)) };
	return ($status, $answer, $body);
}

# ---- databases ------------------------------------------------------------------

# A DBI handle of the cluster's superuser (or of user => name).
sub db
{
	my ($name, %option) = @_;
	return DBI->connect("dbi:Pg:dbname=$name;host=127.0.0.1;port=$ENV{PGPORT};options=-cclient_min_messages=warning", $option{user} // $ENV{PGUSER}, '',
		{ RaiseError => 1, PrintError => 0, AutoCommit => 1, pg_enable_utf8 => 1, %{ $option{dbi} // {} } });
}

sub make_database
{
	my ($name, %option) = @_;
	my $admin = db('postgres');
	my $owner = $option{owner} // $ENV{PGUSER};

	$admin->do(qq{CREATE ROLE "$owner" LOGIN}) unless $admin->selectrow_array('SELECT 1 FROM pg_roles WHERE rolname = ?', undef, $owner);
	$admin->do(qq{CREATE DATABASE "$name" OWNER "$owner" TEMPLATE } . ($option{template} // q{template0 ENCODING 'UTF8'}));
	$admin->disconnect;
	return;
}

# The extension with the pack of rules in a database.
sub extension
{
	my ($dbh) = @_;
	$dbh->do('CREATE EXTENSION pg_triage');
	$dbh->selectrow_array(q{SELECT count(*) FROM triage.load_pack('zhejiang')});
	return;
}

# ---- the browser ------------------------------------------------------------------

package Browser;

# One Chromium; each person has a window and cookies of his own.
#
#   my $bob = Browser->new('bob');
#   $bob->goto($url); $bob->fill('#id', 'text'); $bob->follow('input[type=submit]');
#   ok($bob->shows('words')); $bob->shot('name');

my ($to, $from, $pid, $shots) = (undef, undef, undef, 0);

sub start
{
	local $ENV{NODE_PATH} = "$ENV{TRIAGE_TMP}/add/node_modules";
	$pid = IPC::Open2::open2($from, $to, 'node', "$ENV{TRIAGE_SRC}/tests/hosts/browser.mjs");
	$to->autoflush(1);
	return;
}

sub new
{
	my ($class, $who) = @_;
	start() unless $pid;
	return bless { who => $who }, $class;
}

sub call
{
	my ($self, $verb, %values) = @_;

	print $to $json->encode({ %values, verb => $verb, who => $self->{who} }), "\n";
	my $line = <$from> // die "the browser went away\n";
	my $answer = $json->decode($line);
	die "browser, $verb " . join(' ', map { $_ // '' } values %values) . ": $answer->{error}\n" if defined $answer->{error};
	return $answer->{ok};
}

sub goto
{
	my ($self, $url, $referer) = @_;
	return $self->call('goto', url => $url, $referer ? (referer => $referer) : ());
}
sub url { return $_[0]->call('url') }
sub fill { return $_[0]->call('fill', selector => $_[1], text => $_[2]) }
sub choose { return $_[0]->call('choose', selector => $_[1], value => $_[2]) }
sub click { return $_[0]->call('click', selector => $_[1]) }
sub follow { return $_[0]->call('follow', selector => $_[1]) }
sub upload { return $_[0]->call('upload', selector => $_[1], file => $_[2]) }
sub wait_for { return $_[0]->call('wait', selector => $_[1]) }
sub shows { return $_[0]->call('shows', text => $_[1], $_[2] ? (timeout => 1000 * $_[2]) : ()) }
sub text { return $_[0]->call('text', $_[1] ? (selector => $_[1]) : ()) }
sub value { return $_[0]->call('value', selector => $_[1]) }
sub count { return $_[0]->call('count', selector => $_[1]) }
sub eval_js { return $_[0]->call('eval', script => $_[1]) }
sub type_in_frame { return $_[0]->call('frame', frame => $_[1], text => $_[2]) }

# A numbered picture of the whole page, kept with the artefacts.
sub shot
{
	my ($self, $name) = @_;
	return $self->call('shot', file => sprintf('%s/%02d-%s.png', $ENV{TRIAGE_OUT}, ++$shots, $name));
}

END
{
	my $status = $?;
	if ($pid)
	{
		close $to;
		waitpid $pid, 0;
	}
	$? = $status;
}

1;
