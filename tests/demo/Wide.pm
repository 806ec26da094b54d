package Wide;

# Text tables for a terminal whose Chinese characters take two columns.
#
# Every function takes and returns decoded characters, not bytes: decode
# input first and set the ":encoding(UTF-8)" layer on the output handle.
# Colour sequences (ESC [ ... m) take no column and are never cut in two.
# Core Perl only.

use strict;
use warnings;
use utf8;

use Exporter 'import';
our @EXPORT_OK = qw(width pad clip table);

# Columns of a character that Unicode calls ambiguous, such as “ ” and ….
# Terminals set up for Chinese may need 2.
our $AMBIGUOUS = 1;

my $COLOUR = qr/\e\[[0-9;]*m/;

# Columns of one character.  Combining marks, format characters, the vowels
# and finals of conjoining Hangul and control characters take none; the soft
# hyphen, formally a format character, shows in most terminals.
sub _columns
{
	my ($char) = @_;

	return 1 if $char eq "\x{AD}";
	return 0 if $char =~ /[\p{Mn}\p{Me}\p{Cf}\p{Cc}\x{1160}-\x{11FF}]/;
	return 2 if $char =~ /[\p{East_Asian_Width=W}\p{East_Asian_Width=F}]/;
	return $AMBIGUOUS if $char =~ /\p{East_Asian_Width=A}/;
	return 1;
}

# Columns that the string takes.
sub width
{
	my ($string) = @_;
	my $cols = 0;

	return 0 unless defined $string;
	$string =~ s/$COLOUR//g;
	return length $string if $string =~ /\A[\x20-\x7E]*\z/;
	$cols += _columns($_) for split //, $string;
	return $cols;
}

# The string with blanks added up to that many columns: behind it ("l", the
# default), before it ("r") or on both sides ("c").  A longer one stays whole.
sub pad
{
	my ($string, $cols, $align) = @_;

	$string = '' unless defined $string;
	$align  = 'l' unless defined $align;

	my $blanks = $cols - width($string);
	return $string if $blanks <= 0;

	my $left = $align eq 'r' ? $blanks : $align eq 'c' ? int($blanks / 2) : 0;
	return (' ' x $left) . $string . (' ' x ($blanks - $left));
}

# The string cut to at most that many columns, with … where something is
# missing.  Since a wide character is not halved, the result may be one
# column short.  Colour sequences behind the cut are kept, so that a colour
# switched on is also switched off.
sub clip
{
	my ($string, $cols) = @_;

	return '' unless defined $string;
	return $string if width($string) <= $cols;

	my $mark = '…';
	my $room = $cols - width($mark);
	my $full = 0;
	my $out  = '';

	($mark, $room) = ('', $cols) if $room < 0;
	while ($string =~ /\G(?:($COLOUR)|(.))/gs)
	{
		if (defined $1)
		{
			$out .= $1;
			next;
		}
		next if $full;

		my $char = $2;
		my $need = _columns($char);

		if ($need > $room)
		{
			$out .= $mark;
			$full = 1;
			next;
		}
		$out .= $char;
		$room -= $need;
	}
	return $out;
}

# A table as text, each line ended by a newline.  \@aligns holds "l", "r" or
# "c" for each column, "l" where it says nothing; without \@header (undef) the
# head and its rule are left out.  A missing cell is empty; line breaks and
# other control characters within a cell become blanks.
sub table
{
	my ($header, $rows, $aligns) = @_;
	my @lines = map { [ map { _cell($_) } @$_ ] } ($header ? $header : ()), @{ $rows || [] };
	my @cols;
	my $text = '';

	for my $line (@lines)
	{
		for my $i (0 .. $#$line)
		{
			my $need = width($line->[$i]);
			$cols[$i] = $need if !defined $cols[$i] || $cols[$i] < $need;
		}
	}

	for my $n (0 .. $#lines)
	{
		$text .= _line($lines[$n], \@cols, $aligns);
		$text .= join('  ', map { '-' x $_ } @cols) . "\n" if $header && $n == 0;
	}
	return $text;
}

# One cell, safe to print on one line.
sub _cell
{
	my ($cell) = @_;

	return '' unless defined $cell;
	$cell =~ s/\r\n/ /g;
	$cell =~ s/$COLOUR(*SKIP)(*FAIL)|\p{Cc}/ /g;
	return $cell;
}

# One line of the table, without blanks at its end.
sub _line
{
	my ($cells, $cols, $aligns) = @_;
	my $line = join '  ', map { pad($cells->[$_], $cols->[$_], ($aligns || [])->[$_]) } 0 .. $#$cols;

	$line =~ s/ +\z//;
	return "$line\n";
}

1;
