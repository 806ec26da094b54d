# Taking cases in: single rows, many at once, the first of a session.
package Intake;
use strict;
use warnings;
use Encode ();
use Bench;
use Texts;

my $TEXTS = 100_000;
my $FURTHER = 3000;
my $DB = 'bench_intake';

sub utf8_file
{
	my ($name) = @_;
	open my $f, '>:encoding(UTF-8)', tmp() . "/$name" or die "$name: $!";
	return $f;
}

# The pack's terms and 3,000 further ones by case type, as rows of table "further".
sub make_terms
{
	my (%of_type, %seen);
	for (split /\n/, psql($DB, q{SELECT case_type, term FROM triage.terms WHERE kind = 'include' AND active;}))
	{
		my ($type, $term) = split /\|/, Encode::decode('UTF-8', $_);
		push @{$of_type{$type}}, $term;
		$seen{$term} = 1;
	}
	my @types = sort keys %of_type;
	my $out = utf8_file('further.txt');
	my $n = 0;
	for my $term (Texts::terms($FURTHER, %seen))
	{
		my $type = $types[$n++ % @types];
		push @{$of_type{$type}}, $term;
		print $out "$n\t$type\t$term\n";
	}
	close $out or die $!;
	return \%of_type;
}

# Nine texts in ten hold one to three terms of one case type.
sub make_texts
{
	my ($of_type, @areas) = @_;
	my @types = sort keys %$of_type;
	my $out = utf8_file('tx.txt');
	for my $id (1 .. $TEXTS)
	{
		my $terms = $of_type->{$types[rand @types]};
		my @plant = rand() < 0.9 ? map { $terms->[rand @$terms] } 1 .. 1 + int rand 3 : ();
		printf $out "%d\t%d\t%s\t%s\n", $id, $id % 20 + 1, $areas[rand @areas], Texts::text(@plant);
	}
	close $out or die $!;
	return;
}

sub set_up
{
	my $tmp = tmp();
	my $peers = dir() . '/sql/peers.sql';

	new_database($DB);
	load_pack($DB);
	with_endpoint($DB, 'http://127.0.0.1:9/');
	Texts::start(20240601);
	make_texts(make_terms(), split /\n/, psql($DB, q{SELECT code FROM triage.areas
		WHERE active AND level IN ('county', 'town', 'village') ORDER BY code;}));
	psql($DB, qq{CREATE TABLE tx (id int PRIMARY KEY, area_id int NOT NULL, area text COLLATE "C" NOT NULL, body text NOT NULL);
\\copy tx FROM '$tmp/tx.txt'
CREATE TABLE further (n int PRIMARY KEY, case_type text, term text);
\\copy further FROM '$tmp/further.txt'
INSERT INTO triage.terms (case_type, kind, term) SELECT case_type, 'include', term FROM further;
\\copy (SELECT '12345', area, 'reporter', '13800000000', body FROM tx ORDER BY id) TO '$tmp/copy.txt'
\\i $peers
VACUUM ANALYZE;});
	by_hand();
	fewer_notices() if ($ENV{BENCH_NOTICES} // '') eq 'lead';
	note(value($DB, q{SELECT 'rulebook: ' || (SELECT count(*) FROM triage.terms WHERE active) || ' terms, '
		|| (SELECT count(*) FROM triage.areas) || ' areas, ' || (SELECT count(*) FROM triage.routes) || ' routes; '
		|| count(*) || ' texts, mean ' || round(avg(octet_length(body))) || ' bytes' FROM tx}));
	return;
}

# Writes the statements of a2full and b2_full, see sql/by_hand.sql.
sub by_hand
{
	my %chosen = (a2full => 'id = :r', b2_full => 'true');

	psql($DB, q{INSERT INTO triage.cases (channel, area, reporter, contact, body)
SELECT '12345', area, 'reporter', '13800000000', body FROM tx WHERE id <= 1000;
\i } . dir() . '/sql/by_hand.sql');
	for my $name (sort keys %chosen)
	{
		open my $f, '>', tmp() . "/$name.sql" or die "$name: $!";
		print $f "\\set r random(1, 100000)\n" if $name eq 'a2full';
		print $f value($DB, "SELECT hand.statement(hand.typical(), '$chosen{$name}')"), "\n";
		close $f or die $!;
	}
	return;
}

# BENCH_NOTICES=lead: only departments that lead more often than they take part
# otherwise are told: with the Zhejiang pack that is a delivery in every second or third case.
sub fewer_notices
{
	psql($DB, q{BEGIN;
INSERT INTO triage.cases (channel, area, reporter, body) SELECT '12345', area, 'reporter', body FROM tx WHERE id <= 5000;
CREATE TEMP TABLE leads AS SELECT department FROM triage.assignments GROUP BY department
HAVING count(*) FILTER (WHERE duty = 'lead') > count(*) / 2;
UPDATE triage.departments SET endpoint = NULL WHERE code NOT IN (SELECT department FROM leads);
COMMIT;});
	return;
}

# How many rows a case of ours is, by the latest ones; a2cte's is 7 with the case itself.
sub rows_per_case
{
	return value($DB, q{SELECT 'rows per case, ours: case 1, ' || string_agg(t || ' ' || round(n / cases, 2), ', ')
			|| '; ' || (SELECT round(100.0 * avg((status = 'dispatched')::int)) FROM triage.cases) || ' % dispatched'
			|| '; a2cte, a2rt, a3: case 1, assignment 1, deadline 3, outbox 1, event 1'
		FROM (SELECT max(case_id) - 500 AS since, 500.0 AS cases FROM triage.cases) c, LATERAL
			(VALUES ('source', (SELECT count(*) FROM triage.case_sources WHERE case_id > since)),
				('decision', (SELECT count(*) FROM triage.decisions WHERE case_id > since)),
				('assignment', (SELECT count(*) FROM triage.assignments WHERE case_id > since)),
				('clock', (SELECT count(*) FROM triage.clocks WHERE case_id > since)),
				('event', (SELECT count(*) FROM triage.events WHERE case_id > since)),
				('delivery', (SELECT count(*) FROM triage.deliveries WHERE case_id > since))) v (t, n)});
}

# Bytes of write-ahead log that so many cases make.
sub wal_per_case
{
	my ($script) = @_;
	my $before = value($DB, 'SELECT pg_current_wal_insert_lsn()');
	my $cases = 'SELECT (SELECT count(*) FROM triage.cases) + (SELECT count(*) FROM hand.cases) + (SELECT count(*) FROM peer.c2)';
	my $n = -value($DB, $cases);

	pgbench($DB, $script, 1);
	return value($DB, "SELECT pg_current_wal_insert_lsn() - '$before'") / ($n + value($DB, $cases));
}

sub single
{
	my %tps;
	# a2full writes the same rows by hand, the others half as many; a3all looks for the same words, a3 for a third of them
	my %goal = (a2cte => '>= 0.80', a2full => '>= 0.80', a2rt => '>= 1.00', a3 => '>= 20', a3all => '>= 20');

	# also warms everything
	note('write-ahead log per case: ' . join ', ', map { sprintf '%s %.1f kB', $_, wal_per_case($_) / 1000 } qw(ours a2cte a2full));
	note(rows_per_case());
	for my $rep (1 .. reps())
	{
		for my $script (qw(ours a2cte a2rt report a2full a3 a3all))
		{
			psql($DB, 'CHECKPOINT;');
			push @{$tps{$script}}, pgbench($DB, $script, seconds());
		}
	}
	row(what => "single rows, INSERT : $_", unit => '/s', ours => $tps{ours}, peer => $tps{$_}, goal => $goal{$_})
	  for qw(a2cte a2full a2rt a3 a3all);
	row(what => "  floor: a2full : $_", unit => '/s', ours => $tps{a2full}, peer => $tps{$_}) for qw(a2cte a3);
	row(what => 'single rows, report() : a2cte', unit => '/s', ours => $tps{report}, peer => $tps{a2cte});
	return;
}

# A machine that is busy with other things would need half an hour.
my $ENOUGH = 120;

sub batch
{
	my $start = time();
	my %sql = (
		ours => q{INSERT INTO triage.cases (channel, area, reporter, contact, body)
			SELECT '12345', area, 'reporter', '13800000000', body FROM tx;},
		b2_set => '\i ' . dir() . '/sql/b2_set.sql',
		b2_full => '\i ' . tmp() . '/b2_full.sql',
		copy => "COPY triage.cases (channel, area, reporter, contact, body) FROM '" . tmp() . "/copy.txt';");
	my (%s, %cpu);

	for my $rep (1 .. reps())
	{
		for my $what (qw(ours b2_set copy b2_full))
		{
			my ($s, $cpu) = timed_cpu($DB, 'CHECKPOINT;', $sql{$what});
			push @{$s{$what}}, $s;
			push @{$cpu{$what}}, $cpu;
		}
		last if time() - $start > $ENOUGH;
	}
	row(what => '100,000 rows, INSERT ... SELECT : b2_set', unit => 's', ours => $s{ours}, peer => $s{b2_set}, goal => '<= 1.60');
	row(what => '100,000 rows, COPY : b2_set', unit => 's', ours => $s{copy}, peer => $s{b2_set}, goal => '<= 1.60');
	row(what => '100,000 rows, INSERT ... SELECT : b2_full', unit => 's', ours => $s{ours}, peer => $s{b2_full}, goal => '<= 1.60');
	row(what => '100,000 rows, COPY : b2_full', unit => 's', ours => $s{copy}, peer => $s{b2_full}, goal => '<= 1.60');
	row(what => '  floor: b2_full : b2_set', unit => 's', ours => $s{b2_full}, peer => $s{b2_set});
	row(what => "  processor time, INSERT : $_", unit => 's', ours => $cpu{ours}, peer => $cpu{$_}) for qw(b2_set b2_full);
	row(what => '  processor time, COPY : b2_set', unit => 's', ours => $cpu{copy}, peer => $cpu{b2_set});
	return;
}

# Milliseconds by which the first statement of a session is slower than the second.
sub first_minus_second
{
	my ($sql) = @_;
	my @ms = psql($DB, "\\timing on\n$sql\n$sql") =~ /^Time: ([\d.]+) ms/mg;

	die "two times expected, got @ms\n" if @ms != 2;
	return $ms[0] - $ms[1];
}

sub first
{
	my $ours = q{INSERT INTO triage.cases (channel, area, reporter, contact, body)
		SELECT '12345', area, 'reporter', '13800000000', body FROM tx WHERE id = 17;};
	my $file = dir() . '/pgbench/a2cte.sql';
	my $peer = do { local (@ARGV, $/) = $file; <> };
	my (@ours, @peer);

	$peer =~ s/^\\set.*\n//;
	$peer =~ s/:r\b/17/;
	psql($DB, 'CHECKPOINT;');
	for (1 .. 30)
	{
		push @ours, first_minus_second($ours);
		push @peer, first_minus_second($peer);
	}
	row(what => 'first case of a session, over the second', unit => 'ms', ours => \@ours, goal => '<= 5');
	row(what => '  the same of a2cte', unit => 'ms', ours => \@peer);
	return;
}

1;
