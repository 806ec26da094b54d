package Csv;

# RFC 4180: reads decoded text; keeps the line on which each record begins.

use strict;
use warnings;

# [line, fields] for every record; a stray quote ends in { error => ... } as third.
sub parse
{
	my ($text) = @_;
	my @records;
	my $line = 1;

	$text =~ s/\A\x{FEFF}//;
	pos($text) = 0;
	while (pos($text) < length $text)
	{
		my $begins = $line;
		my @fields;
		my $error;

		while (1)
		{
			if ($text =~ /\G"((?:[^"]++|"")*+)"/gc)
			{
				my $field = $1;

				$line += ($field =~ tr/\n//);
				$field =~ s/""/"/g;
				push @fields, $field;
				$error = 'text after a closing quote' if $text =~ /\G[^,\r\n]+/gc;
			}
			else
			{
				$error = 'a quote is not closed' if $text =~ /\G"/;
				$text =~ /\G([^,\r\n]*)/gc;
				push @fields, $1;
				$error ||= 'a quote inside a field without quotes' if $1 =~ /"/;
			}
			next if $text =~ /\G,/gc;
			$text =~ /\G(?:\r\n|\n|\r|\z)/gc;
			$line++;
			last;
		}
		# an empty line is no record
		next if @fields == 1 && $fields[0] eq '';
		push @records, [ $begins, \@fields, $error ];
	}
	return \@records;
}

1;
