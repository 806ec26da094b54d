# What is asked while somebody types: find_place(), suggest_type(), preview().
# The pack with made-up villages until there are 12,000 areas, 1,000 of them
# with an outline; each text typed letter by letter in one session.
package Typing;
use strict;
use warnings;
use Bench;

my $DB = 'bench_typing';
my $AREAS = 12_000;

sub set_up
{
	new_database($DB);
	load_pack($DB);
	psql($DB, "SELECT setseed(0.5);
INSERT INTO triage.areas (code, parent, zh, level, short, boundary)
	SELECT t.code || 'x' || lpad(g::text, 5, '0'), t.code,
		translate(n.a, 'abcdefghijklmnopqrst', '上下东西南北大小石桥塘山王李陈新前后金杨') || '村', 'village', n.a || 'c',
		CASE WHEN g % 11 = 0 THEN polygon(circle(point(120 + random(), 29 + random()), 0.02)) END
	FROM generate_series(1, $AREAS - (SELECT count(*) FROM triage.areas)::int) g
	CROSS JOIN LATERAL (SELECT a.code FROM triage.areas a WHERE a.level = 'town' ORDER BY a.code OFFSET g % 40 LIMIT 1) t
	CROSS JOIN LATERAL (SELECT string_agg(chr(97 + floor(random() * 20)::int), '') AS a FROM generate_series(1, 2 + g % 2)) n;
CREATE TABLE typed (kind text, text text);
INSERT INTO typed SELECT 'place', t FROM unnest(ARRAY['东城街道', '永康市东城街道金都社区3幢', 'dcjd', 'wcqxs', '330784001', '西城 下村', 'zzzz', '上下东西南北']) t;
INSERT INTO typed SELECT 'type', t FROM unnest(ARRAY['噪声扰民', 'zshs', 'N105', 'noise', '漏水', '打架', 'zz']) t;
INSERT INTO typed SELECT 'text', t FROM unnest(ARRAY['永康市东城街道金桂苑3幢地下车库的墙一直在渗水，墙皮脱落，找物业推来推去没人来。',
	'楼下烧烤店半夜还在营业，油烟和噪音影响休息，昨天和老板吵架差点打起来', '有人持刀打架，快来']) t;
VACUUM ANALYZE;");
	return;
}

# Milliseconds of each call, for every beginning of every text.
sub calls
{
	my ($kind, $call) = @_;

	return split /\n/, psql($DB, "CREATE TEMP TABLE took (ms float8);
DO \$\$
DECLARE
	part	text;
	began	timestamptz;
BEGIN
	PERFORM triage.preview('110', '噪音', location => '120.5,29.5');	-- the rules are in memory
	FOR part IN SELECT left(t.text, n) FROM typed t, generate_series(1, char_length(t.text)) n WHERE t.kind = '$kind' ORDER BY t.text, n LOOP
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
	set_up();
	my @asked = (
		[ 'find_place()', 'place', 'triage.find_place(part)' ],
		[ 'find_place() with an area', 'place', q{triage.find_place(part, '330784', 20)} ],
		[ 'suggest_type()', 'type', 'triage.suggest_type(part)' ],
		[ 'preview(), as it is typed', 'text', q{triage.preview('110', part)} ],
		[ 'preview(), located, address typed', 'place', q{triage.preview('110', '噪音', location => '120.5,29.5', address => part)} ]);
	for my $a (@asked)
	{
		my (@p95, @most);
		for (1 .. reps())
		{
			my @ms = calls($a->[1], $a->[2]);
			push @p95, percentile(95, @ms);
			push @most, percentile(100, @ms);
		}
		row(what => "$a->[0], p95", unit => 'ms', ours => \@p95, goal => '<= 20');
		row(what => '  longest', unit => 'ms', ours => \@most);
	}
	note(value($DB, q{SELECT count(*) || ' areas, ' || count(boundary) || ' outlines, ' || (SELECT count(*) FROM triage.area_names) || ' further names, '
		|| (SELECT pg_size_pretty(octet_length(image)::bigint) FROM triage.rulebook_image) || ' image' FROM triage.areas}));
	drop_database($DB);
	return;
}

1;
