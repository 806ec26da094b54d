# Made-up terms and reports, the same on every run: Han characters by Zipf's law,
# punctuation, some telephone numbers, full-width letters, and planted terms.
package Texts;
use strict;
use warnings;
use utf8;
use Encode ();

# GB2312's Han characters in a random order: the common ones of a made-up language
sub characters
{
	my @c;
	for my $hi (0xB0 .. 0xD7)
	{
		for my $lo (0xA1 .. 0xFE)
		{
			my $c = Encode::decode('euc-cn', chr($hi) . chr($lo));
			push @c, $c if length($c) == 1 && $c ne "\x{FFFD}";
		}
	}
	for my $i (reverse 1 .. $#c)
	{
		my $j = int rand($i + 1);
		@c[$i, $j] = @c[$j, $i];
	}
	return @c;
}

# A table from which a uniform draw is a draw with weights 1 / (rank + shift)^power.
sub weighted
{
	my ($shift, $power, @c) = @_;
	my ($sum, $done, @table) = (0, 0);
	$sum += 1 / ($_ + $shift)**$power for 0 .. $#c;
	for my $i (0 .. $#c)
	{
		$done += 1 / ($i + $shift)**$power;
		push @table, $c[$i] while @table < 65536 * $done / $sum;
	}
	return @table;
}

my (@common, @rare);

sub start
{
	my ($seed) = @_;
	srand $seed;
	my @c = characters();
	@common = weighted(20, 0.9, @c);
	@rare = weighted(60, 0.5, @c);
	return;
}

my @syllables = qw(ga le no ro ad wa ter fi re pa rk ing ill eg al tra sh ho pi pe el ec tri ci ty la mp dog bu si ness con str uct ion);
my @lengths = ((2) x 45, (3) x 20, (4) x 25, (5) x 6, (6) x 4);

# n different terms of 2-6 characters, one in ten English
sub terms
{
	my ($n, %seen) = @_;
	my @terms;
	while (@terms < $n)
	{
		my $t =
			rand() < 0.1
		  ? join '', map { $syllables[rand @syllables] } 1 .. 2 + int rand 3
		  : join '', map { $rare[rand @rare] } 1 .. $lengths[rand @lengths];
		next if $seen{$t}++;
		push @terms, $t;
	}
	return @terms;
}

# A text of 50-300 characters around the given terms.
sub text
{
	my @terms = @_;
	my $n = 50 + int rand 251;
	my $t = join '', map { $common[rand @common] } 1 .. $n;
	for (my $p = 12 + int rand 19; $p < $n; $p += 25)
	{
		substr $t, $p, 1, ('，', '。', '；', '、')[rand 4];
	}
	substr $t, rand($n - 20), 11, sprintf('%011d', rand 1e11) if rand() < 0.3;
	substr $t, rand($n - 20), 4, 'Ａ座１２' if rand() < 0.1;
	for my $term (@terms)
	{
		my $l = length $term;
		substr $t, rand($n - $l), $l, $term if $l < $n;
	}
	return $t;
}

1;
