# The term matcher as an SQL function, and building the rulebook from rows.
package Terms;
use strict;
use warnings;
use Encode ();
use Bench;
use Texts;

my $DB = 'bench_terms';
my $TEXTS = 20_000;
my @SIZES = (3000, 30_000, 100_000);

sub utf8_file
{
	my ($name) = @_;
	open my $f, '>:encoding(UTF-8)', tmp() . "/$name" or die "$name: $!";
	return $f;
}

sub has_function
{
	my ($name) = @_;
	return value($DB, "SELECT count(*) FROM pg_proc WHERE pronamespace = 'triage'::regnamespace AND proname = '$name'");
}

# 60 case types, 100,000 terms, the texts five times over; whose terms they are does not matter.
sub set_up
{
	my $tmp = tmp();
	my $terms = utf8_file('words.txt');
	my $texts = utf8_file('words_tx.txt');
	my @terms;

	new_database($DB);
	Texts::start(20240601);
	@terms = Texts::terms($SIZES[-1]);
	print $terms "$_\t$terms[$_ - 1]\n" for 1 .. @terms;
	close $terms or die $!;
	for my $id (1 .. $TEXTS)
	{
		my @plant = rand() < 0.9 ? map { $terms[rand() < 0.8 ? rand 3000 : rand 300] } 1 .. 1 + int rand 3 : ();
		print $texts "$id\t", Texts::text(@plant), "\n";
	}
	close $texts or die $!;
	psql($DB, qq{INSERT INTO triage.case_types (code, zh, en, nature, priority)
	SELECT 'T' || g, '类' || g, 'type ' || g, 'nonpolice', 3 FROM generate_series(1, 60) g;
CREATE TABLE words (n int PRIMARY KEY, term text);
\\copy words FROM '$tmp/words.txt'
CREATE TABLE one (id int PRIMARY KEY, body text);
\\copy one FROM '$tmp/words_tx.txt'
CREATE TABLE tx AS SELECT one.* FROM one, generate_series(1, 5);
VACUUM ANALYZE;});
	return;
}

# Replaces the terms of the rulebook by the first n words.
sub use_terms
{
	my ($have, $n) = @_;
	psql($DB, "INSERT INTO triage.terms (case_type, kind, term)
	SELECT 'T' || n % 60 + 1, 'include', term FROM words WHERE n > $have AND n <= $n;
VACUUM ANALYZE triage.terms;");
	return;
}

my $PLAIN = 'SET max_parallel_workers_per_gather = 0; SET jit = off;';

sub megabytes_per_second
{
	my ($table, $call) = @_;
	my $mb = value($DB, "SELECT sum(octet_length(body)) / 1e6 FROM $table");
	# the first call of a session also loads the rulebook
	my $ms = timed($DB, "$PLAIN SELECT sum(triage.count_terms(body)) FROM (SELECT body FROM $table LIMIT 100) s;",
		"SELECT sum($call) FROM $table;");
	return $mb / $ms * 1000;
}

sub matching
{
	my ($n, $goal) = @_;
	my (@ours, @peer, @scan);

	# the peer stops at the first hit and takes long for few texts
	psql($DB, "DROP TABLE IF EXISTS few, likes;
CREATE TABLE few AS SELECT * FROM one WHERE id <= " . (3_000_000 / $n > 300 ? 300 : 3_000_000 / $n) . ";
CREATE TABLE likes AS SELECT array_agg('%' || term || '%' ORDER BY n) AS list FROM words WHERE n <= $n;");
	for my $rep (1 .. reps())
	{
		push @ours, megabytes_per_second('tx', 'triage.count_terms(body)');
		push @scan, megabytes_per_second('tx', 'octet_length(body)');
		push @peer, megabytes_per_second('few', '(body LIKE ANY ((SELECT list FROM likes)::text[]))::int');
	}
	row(what => "matching $n terms, folding included", unit => 'MB/s', ours => \@ours, goal => $goal);
	row(what => '  : LIKE ANY, no folding, first hit', unit => 'MB/s', ours => \@ours, peer => \@peer);
	row(what => '  : octet_length(), the scan alone', unit => 'MB/s', ours => \@ours, peer => \@scan);
	note(value($DB, 'SELECT count(*) || \' texts, mean \' || round(avg(octet_length(body))) || \' bytes, hits per text \'
		|| round(avg(triage.count_terms(body)), 2) FROM one'));
	return;
}

sub building
{
	my ($n, $goal) = @_;
	my (%ms, %bytes);

	for my $rep (1 .. 2 * reps() + 1)
	{
		for (split /\n/, psql($DB, 'SELECT what, ms, bytes FROM triage.rulebook_timing();'))
		{
			my ($what, $ms, $bytes) = split /\|/;
			push @{$ms{$what}}, $ms;
			push @{$bytes{$what}}, $bytes / 1e6;
		}
	}
	my $text = value($DB, 'SELECT sum(octet_length(term)) / 1e6 FROM triage.terms');
	for my $what (sort keys %ms)
	{
		row(what => "building $n terms: $what", unit => 'ms', ours => $ms{$what}, goal => $goal);
		row(what => '  its memory less the terms\' text', unit => 'MB', ours => [map { $_ - $text } @{$bytes{$what}}],
			goal => '<= 5');
	}
	return;
}

# Real reports, where there are any, with the pack's terms: more hits per text.
sub real_texts
{
	my $file = "$ENV{TRIAGE_DATA}/teddy2020_c2_messages.csv";
	my @speed;

	drop_database($DB);
	new_database($DB);
	load_pack($DB);
	my ($header) = do { open my $f, '<', $file or die "$file: $!"; scalar <$f> };
	$header =~ s/\s+$//;
	my $columns = join ', ', map { "$_ text" } split /,/, $header;
	psql($DB, "CREATE TABLE real ($columns);
\\copy real FROM '$file' CSV HEADER
CREATE TABLE one AS SELECT text AS body FROM real;
CREATE TABLE tx AS SELECT one.* FROM one, generate_series(1, 10);
VACUUM ANALYZE;");
	push @speed, megabytes_per_second('tx', 'triage.count_terms(body)') for 1 .. reps();
	row(what => 'matching, the pack, real messages', unit => 'MB/s', ours => \@speed);
	note(value($DB, 'SELECT count(*) || \' texts, mean \' || round(avg(octet_length(body))) || \' bytes, hits per text \'
		|| round(avg(triage.count_terms(body)), 2) FROM one'));
	return;
}

sub measure
{
	my %match_goal = (3000 => '>= 300', 30_000 => '>= 180');
	my %build_goal = (3000 => '<= 10', 100_000 => '<= 50');
	my $have = 0;

	set_up();
	my ($match, $build) = map { has_function($_) } qw(count_terms rulebook_timing);
	skip('matching', 'no function triage.count_terms()') unless $match;
	skip('building', 'no function triage.rulebook_timing()') unless $build;
	for my $n ($match || $build ? @SIZES : ())
	{
		use_terms($have, $n);
		$have = $n;
		matching($n, $match_goal{$n}) if $match && $match_goal{$n};
		building($n, $build_goal{$n}) if $build && $build_goal{$n};
	}
	real_texts() if $match && $ENV{TRIAGE_DATA} && -e "$ENV{TRIAGE_DATA}/teddy2020_c2_messages.csv";
	drop_database($DB);
	return;
}

1;
