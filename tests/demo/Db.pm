package Db;

# A psql that stays: SQL goes in by a pipe, rows come back as decoded text.
# DBI is no core module.

use strict;
use warnings;
use utf8;

use Encode ();
use IPC::Open2 ();

# separators that no text of ours holds
my ($FIELD, $ROW, $NULL) = ("\x1f", "\x1e", "\x1d");

sub connect
{
	my ($class, $database, $log) = @_;
	my $self = bless { calls => 0 }, $class;
	my ($from, $to);

	# errors are reported by psql's variables; its standard error goes to the log
	open my $saved, '>&', \*STDERR or die "cannot keep standard error: $!\n";
	open STDERR, '>>', $log or die "cannot write $log: $!\n";
	$self->{pid} = IPC::Open2::open2($from, $to, 'psql', '-XqAt', '-F', $FIELD, '-R', $ROW,
		'-P', "null=$NULL", '-v', 'VERBOSITY=terse', '-d', $database);
	open STDERR, '>&', $saved or die;
	binmode $_ for $from, $to;
	$to->autoflush(1);
	@$self{qw(from to)} = ($from, $to);
	return $self;
}

# Rows as references to arrays; undef = null.  Dies with a Db::Error.
sub rows
{
	my ($self, $sql, @values) = @_;
	my $mark = 'done-' . ++$self->{calls};
	my $answer = '';
	my $to = $self->{to};

	$sql =~ s/\?/@values ? quote(shift @values) : '?'/ge;
	print $to Encode::encode('UTF-8', $sql), ";\n\\echo '$ROW'$mark :ERROR :ROW_COUNT :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE\n"
		or die "psql went away\n";
	my ($failed, $count, $state, $message);

	until (($failed, $count, $state, $message) = $answer =~ /$ROW$mark (\S+) (\S+) (\S+) ?([^\n]*)\n\z/)
	{
		sysread($self->{from}, $answer, 65536, length $answer) or die "psql went away\n";
	}
	die bless { state => $state, message => Encode::decode('UTF-8', $message) }, 'Db::Error' if $failed eq 'true';
	$answer =~ s/\n?$ROW$mark [^\n]*\n\z//;
	# one row with one empty field looks like no row
	return $count ? [ [''] ] : [] if $answer eq '';
	return [ map { [ map { $_ eq $NULL ? undef : $_ } split /$FIELD/, $_, -1 ] }
			split /$ROW/, Encode::decode('UTF-8', $answer), -1 ];
}

sub row
{
	my $self = shift;
	my $rows = $self->rows(@_);

	return @$rows ? @{ $rows->[0] } : ();
}

sub value { return (row(@_))[0] }

sub is_true { return (value(@_) || 'f') eq 't' }

# A literal.  Standard strings: only the quote needs doubling.
sub quote
{
	my ($value) = @_;

	return 'NULL' unless defined $value;
	$value =~ tr/\0//d;
	$value =~ s/'/''/g;
	return "'$value'";
}

sub disconnect
{
	my ($self) = @_;

	close $self->{to};
	waitpid $self->{pid}, 0;
	return;
}

package Db::Error;

use overload '""' => sub { my ($self) = @_; return "$self->{state}: $self->{message}" };

1;
