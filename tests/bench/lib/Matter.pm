# Which cases are about the same matter?  similar_to() by text, by place and
# type, by all, and caller(), with 100,000 cases in the window (FULL=1: a
# million).  Made-up texts of four sentences each out of 20,000, in a town
# whose cases crowd its middle, of 60 days; one caller in a hundred cases.
package Matter;
use strict;
use warnings;
use Bench;
use Texts;

my $DB = 'bench_matter';

sub sentences
{
	my $file = tmp() . '/sentences';
	Texts::start(7);
	open my $f, '>:encoding(UTF-8)', $file or die "$file: $!";
	for (1 .. 20_000)
	{
		my $t = Texts::text();
		$t =~ s/[^\p{Han}]//g;
		print $f substr($t, 0, 12 + int rand 14), "\n";
	}
	close $f or die $!;
	return $file;
}

sub set_up
{
	my ($cases) = @_;
	my $file = sentences();

	new_database($DB);
	load_pack($DB);
	psql($DB, "SELECT setseed(0.5);
INSERT INTO triage.local_state (key, value, at) VALUES ('stopped', 'bench', now());
SELECT FROM triage.report('110', '开始', contact => '13800000000');
CREATE TABLE sentence (n int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, t text);
\\copy sentence (t) FROM '$file'
CREATE TABLE type AS SELECT row_number() OVER () AS n, t.code FROM triage.case_types t WHERE NOT EXISTS (SELECT FROM triage.case_types c WHERE c.parent = t.code);
CREATE FUNCTION words() RETURNS text LANGUAGE sql VOLATILE AS \$\$
	SELECT string_agg(s.t, '，') FROM (SELECT 1 + floor(random() * 20000)::int AS n FROM generate_series(1, 4)) x JOIN sentence s USING (n) \$\$;
INSERT INTO triage.cases (number, channel, reported_at, received_at, contact, body, area, location, case_type, nature, priority, danger, status,
		report_count, event_seq, rulebook_version, attrs)
	SELECT 'b' || g, '110', now() - random() * interval '60 days', now() - interval '2 days', (13800000000 + floor(random() * $cases / 100))::text, words(), '330784001',
		point(120 + (random() + random() + random()) * 0.1, 28.9 + (random() + random() + random()) * 0.1),
		(SELECT t.code FROM type t WHERE t.n = 1 + g % (SELECT count(*) FROM type)), 'nonpolice', 3, false, 'dispatched', 1, 1, 1, '{}'
	FROM generate_series(1, $cases) g;
INSERT INTO triage.case_sources (case_id, seq, channel, contact, contact_key, reported_at)
	SELECT c.case_id, 1, c.channel, c.contact, triage.contact_key(c.contact), c.reported_at FROM triage.cases c WHERE c.number ^@ 'b';
DELETE FROM triage.local_state WHERE key = 'hold';");
	return;
}

# Milliseconds of each of n calls about other cases, a little changed
sub calls
{
	my ($n, $call) = @_;

	return split /\n/, psql($DB, "CREATE TEMP TABLE took (ms float8);
DO \$\$
DECLARE
	c		record;
	began	timestamptz;
BEGIN
	PERFORM 1 FROM triage.similar_to('开始', location => '120.1,29.0');
	FOR c IN SELECT k.body, k.location, k.case_type, k.contact FROM triage.cases k TABLESAMPLE BERNOULLI (5) WHERE k.number ^@ 'b' ORDER BY random() LIMIT $n LOOP
		began := clock_timestamp();
		PERFORM 1 FROM $call;
		INSERT INTO took SELECT extract(epoch FROM clock_timestamp() - began) * 1000;
	END LOOP;
END
\$\$;
SELECT ms FROM took;");
}

sub measure
{
	my $cases = full() ? 1_000_000 : 100_000;

	set_up($cases);
	my $began = time;
	psql($DB, "CREATE PROCEDURE sign() LANGUAGE plpgsql AS \$\$ BEGIN WHILE (SELECT t.more FROM triage.tick() t) LOOP COMMIT; END LOOP; END \$\$;
CALL sign(); VACUUM ANALYZE;
-- what the index has still to sort in is searched too
UPDATE triage.case_signatures s SET signature = s.signature WHERE s.case_id IN (SELECT x.case_id FROM triage.case_signatures x ORDER BY x.case_id DESC LIMIT 45);");
	note(sprintf '%d cases signed in %d s', $cases, time - $began);
	for my $a (
		[ 'similar_to(), text', q{triage.similar_to(substr(c.body, 5))} ],
		[ 'similar_to(), place and type', 'triage.similar_to(NULL, location => c.location, case_type => c.case_type)' ],
		[ 'similar_to(), all', q{triage.similar_to(substr(c.body, 5), '330784001', c.location, NULL, c.case_type, c.contact)} ],
		[ 'caller()', 'triage.caller(c.contact)' ])
	{
		my (@p50, @p95, @most);
		for (1 .. reps())
		{
			my @ms = calls(500, $a->[1]);
			push @p50, percentile(50, @ms);
			push @p95, percentile(95, @ms);
			push @most, percentile(100, @ms);
		}
		row(what => "$a->[0], p95", unit => 'ms', ours => \@p95, goal => '<= 10');
		row(what => '  median', unit => 'ms', ours => \@p50);
		row(what => '  longest', unit => 'ms', ours => \@most);
	}
	note(value($DB, q{SELECT string_agg(x.r || ' ' || pg_size_pretty(pg_total_relation_size(('triage.' || x.r)::regclass)), ', ') FROM (VALUES ('case_signatures'), ('text_weights')) x(r)})
		. ', ' . value($DB, q{SELECT string_agg(i.indexrelid::regclass || ' ' || pg_size_pretty(pg_relation_size(i.indexrelid)), ', ') FROM pg_index i WHERE i.indrelid = 'triage.case_signatures'::regclass}));
	drop_database($DB);
	return;
}

1;
