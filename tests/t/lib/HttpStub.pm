package HttpStub;

# Stands in for the HTTP interface of another system, at a free port of this
# machine: logs each request as a line of JSON, answers {} with the status it
# was told.  Ends with the test.

use strict;
use warnings;

use IO::Socket::INET;
use JSON::PP;
use POSIX ();

my $json = JSON::PP->new->canonical;

# folder: for its two files.  Answers 200 until told otherwise.
sub new
{
	my ($class, $folder, $name) = @_;
	my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', ReuseAddr => 1) or die "no port: $!";
	my $self = bless { port => $listener->sockport, log => "$folder/$name.log", answers => "$folder/$name.answers", owner => $$ }, $class;

	put($self->{log}, '>', '');
	$self->answer(200);
	$self->{pid} = fork // die "fork: $!";
	if ($self->{pid} == 0)
	{
		$self->serve($_) while $_ = $listener->accept;
		POSIX::_exit(0);
	}
	return $self;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!);
	kill KILL => $self->{pid} if $self->{pid} && $self->{owner} == $$;
	return;
}

sub port { return $_[0]{port} }

# The status of each of the next requests; the last one is that of all that follow.
sub answer { my ($self, @statuses) = @_; return put($self->{answers}, '>', "@statuses") }

# What was asked so far: {method, path, header: {lower-case name: value}, body}, bytes.
sub requests { my ($self) = @_; return map { $json->decode($_) } get($self->{log}) }

sub put { my ($name, $how, $text) = @_; open my $f, $how, $name or die "$name: $!"; print $f $text; return close $f }
sub get { my ($name) = @_; open my $f, '<', $name or die "$name: $!"; return <$f> }

sub serve
{
	my ($self, $c) = @_;
	my %r;
	my $line = <$c> // return;

	@r{qw(method path)} = $line =~ /^(\S+) (\S+)/;
	while (($line = <$c> // '') =~ /^([\w-]+):\s*(.*?)\r?$/) { $r{header}{ lc $1 } = $2 }
	read $c, $r{body}, $r{header}{'content-length'} // 0;
	my ($status, @later) = split ' ', join '', get($self->{answers});
	$self->answer(@later) if @later;
	put($self->{log}, '>>', $json->encode(\%r) . "\n");
	print $c "HTTP/1.1 $status x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
	return close $c;
}

1;
