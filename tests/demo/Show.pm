package Show;

# What the demo prints: headings, tables, a line that counts.  Colours and the
# line that counts only on a terminal.

use strict;
use warnings;
use utf8;

use Exporter 'import';
use Wide ();

our @EXPORT_OK = qw(heading say_line note table paint colour_of short_time);

my $tty = -t STDOUT && ($ENV{TERM} || '') ne 'dumb';
my $counting = 0;
my %code = (red => 31, green => 32, yellow => 33, blue => 34, bold => 1, dim => 2);

sub is_terminal { return $tty }

sub paint
{
	my ($name, $text) = @_;

	return $tty && $code{$name} ? "\e[$code{$name}m$text\e[0m" : $text;
}

# the colours of deadlines, in words
sub colour_of
{
	my ($colour) = @_;
	my %zh = (blue => '蓝', yellow => '黄', red => '红');

	return '' unless $colour;
	return paint($colour, "$zh{$colour} $colour");
}

sub say_line
{
	counted();
	print @_, "\n";
	return;
}

sub heading
{
	my ($zh, $en) = @_;

	say_line();
	say_line(paint('bold', "== $zh  $en"));
	return;
}

sub note
{
	say_line(paint('dim', "   $_")) for map { split /\n/ } @_;
	return;
}

# Columns as [name, align, widest]; widest undef = as it comes.
sub table
{
	my ($columns, $rows) = @_;
	my @clipped;

	for my $row (@$rows)
	{
		push @clipped, [ map { defined $columns->[$_][2] ? Wide::clip($row->[$_], $columns->[$_][2]) : $row->[$_] } 0 .. $#$columns ];
	}
	my $text = Wide::table([ map { $_->[0] } @$columns ], \@clipped, [ map { $_->[1] || 'l' } @$columns ]);

	counted();
	print map { "   $_\n" } split /\n/, $text;
	return;
}

# A line that is written over by the next one; nothing where it cannot be.
sub counting
{
	my ($text) = @_;

	return 0 unless $tty;
	print "\r\e[K", Wide::clip($text, 100);
	$counting = 1;
	return 1;
}

sub counted
{
	print "\r\e[K" if $counting;
	$counting = 0;
	return;
}

sub short_time
{
	my ($interval) = @_;

	return '' unless defined $interval && length $interval;
	$interval =~ s/\.\d+//;
	$interval =~ s/(\d+) days?/$1d/;
	return $interval;
}

1;
