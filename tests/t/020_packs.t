# Rule packs from files: what load_pack() reads, and how broken files are
# refused with file, line and reason, changing nothing.
# Source: sql/36_packs.sql, extension/rulebook/pack.c
use strict;
use warnings;

use File::Path qw(make_path remove_tree);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The private installation belongs to somebody else when root runs the tests:
# a copy of it is ours to write packs into.
my $from = $ENV{TRIAGE_TMP} or die "run by tests/tools/cluster";
my $to = "$PostgreSQL::Test::Utils::tmp_check/installation";
my %dir;
for my $which (qw(bindir pkglibdir sharedir))
{
	chomp($dir{$which} = `pg_config --$which`);
	$dir{$which} =~ s/^\Q$from\E// or die "pg_config does not lead into $from";
	(my $parent = "$to$dir{$which}") =~ s{/[^/]+$}{};
	make_path($parent);
	system('cp', '-a', "$from$dir{$which}", "$parent/") == 0 or die 'cp failed';
}
(my $install_path = "$to$dir{bindir}") =~ s{/bin$}{};
my $packs = "$to$dir{sharedir}/extension/pg_triage";

my $node = PostgreSQL::Test::Cluster->new('packs', install_path => $install_path);
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "fsync = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pg_triage');

my %good = (
	packs => "code,version,zh,en,note\ntiny,1,小包,Tiny,\n",
	areas => "code,parent,zh,en,level,urban\n33,,某省,,province,f\n3301,33,某市,,city,t\n",
	departments => "code,kind,zh,en,level,area,superior\nSGC_C,SGC_C,中心,Centre,county,33,\nPS,PS,所,Station,town,33,SGC_C\n",
	case_types => "code,parent,zh,en,nature,priority\nA,,甲,Group,undetermined,3\nA1,A,乙,Type,nonpolice,2\n",
	terms => "case_type,kind,term\nA1,include,吵闹\nA1,include,打鼓\nA1,exclude,演出\n",
	routes => "code,case_type,area,condition,precedence\nA1,A1,,,0\nA1.x,A1,3301,priority <= 2,0\n",
	route_parties => "route,seq,department,relation,duty\nA1,1,,SGC_C,lead\nA1,2,PS,,assist\nA1.x,1,PS,,lead\n",
	outcomes => "code,zh,en,settled,requires\ndone,好,Done,t,parties|amount\nnone,无,None,f,\n");

sub write_pack
{
	my (%files) = @_;
	remove_tree("$packs/tiny");
	make_path("$packs/tiny");
	for my $name (keys %files)
	{
		next unless defined $files{$name};
		open my $out, '>:raw', "$packs/tiny/$name.csv" or die $!;
		print $out $files{$name};
		close $out or die $!;
	}
	return;
}

my $changes = q{SELECT concat_ws(' ', change, item, code) FROM triage.load_pack('tiny') ORDER BY 1};
my $book = q{SELECT coalesce((SELECT version || ' ' || encode(digest, 'hex') FROM triage.rulebook), 'none'), (SELECT count(*) FROM triage.packs)};

# the good pack with some files replaced is refused with this message
sub refused
{
	my ($files, $message, $name) = @_;
	my $before = $node->safe_psql('postgres', $book);
	my ($out, $err);

	write_pack(%good, %$files);
	$node->psql('postgres', "\\set VERBOSITY verbose\nSELECT * FROM triage.load_pack('tiny')", stdout => \$out, stderr => \$err);
	my ($have) = $err =~ /ERROR:  (.*)/;
	is($have // '(no error)', "TR004: $message", $name);
	like($err, qr/^DETAIL:  .+^HINT:  /ms, '... with detail and hint');
	is($node->safe_psql('postgres', $book), $before, '... and nothing changed');
	return;
}

# ---- nothing is there yet

my ($out, $err);
$node->psql('postgres', "SELECT * FROM triage.load_pack('tiny')", stderr => \$err);
like($err, qr/there is no pack "tiny"/, 'a pack that is not installed');
refused({ terms => "case_type,kind,term\nA1,include,a\nA1,incl,b\n" },
	q{pack "tiny": terms.csv line 3: check "terms_kind_check" is not met: (kind = ANY (ARRAY['include'::text, 'exclude'::text, 'escalate'::text]))},
	'the first load is refused');

# ---- a good one

write_pack(%good);
is($node->safe_psql('postgres', "SELECT count(*) FROM triage.load_pack('tiny', dry_run => true)"), '17', 'a dry run');
is($node->safe_psql('postgres', $book), 'none|0', 'changes nothing');
is($node->safe_psql('postgres', "SELECT count(*) FROM triage.load_pack('tiny') WHERE change = 'insert'"), '17', 'all rows are loaded');
my $loaded = $node->safe_psql('postgres', $book);
like($loaded, qr/^1 /, 'as one version');
is($node->safe_psql('postgres', "SELECT requires FROM triage.outcomes ORDER BY code"), "{parties,amount}\n{}", 'lists, also empty ones');
is($node->safe_psql('postgres', "SELECT * FROM triage.lint() WHERE severity = 'error'"), '', 'without errors');

# ---- the same from a spreadsheet

write_pack(map {
	(my $text = "\xEF\xBB\xBF$good{$_}\n") =~ s/\n/\r\n/g;
	($_ => $text . "\r\n,,\r\n" x ($_ eq 'terms'))
} keys %good);
is($node->safe_psql('postgres', $changes), '', 'byte order mark, CRLF and empty lines make no difference');
write_pack(%good, terms => qq{term,case_type,kind\n"吵闹",A1,include\n打鼓,"A1",include\n演出,A1,exclude\n});
is($node->safe_psql('postgres', $changes), '', 'nor do quotes and the order of columns');
is($node->safe_psql('postgres', $book), $loaded, 'the version stays');

# ---- less and more

write_pack(%good, terms => "case_type,kind,term\nA1,include,吵闹\nA1,include,\"两行\n词\"\nA1,exclude,演出\n", outcomes => undef);
is($node->safe_psql('postgres', $changes),
	"insert terms A1/include/两行\n词\nretire outcomes done\nretire outcomes none\nretire terms A1/include/打鼓",
	'rows and files that are gone are retired');
write_pack(%good);
is($node->safe_psql('postgres', $changes),
	"retire terms A1/include/两行\n词\nupdate outcomes done\nupdate outcomes none\nupdate terms A1/include/打鼓", 'and come back');

# ---- broken files

refused({ term => $good{terms} }, q{pack "tiny": term.csv: there is no table "term"}, 'a misspelt file');
refused({ cases => "case_id\n1\n" }, q{pack "tiny": cases.csv: there is no table "cases"}, 'a table that holds no rules');
refused({ packs => undef }, q{pack "tiny": packs.csv: it must hold one row, with code "tiny"}, 'no packs.csv');
refused({ packs => "code,version,zh,en\nother,1,a,b\n" }, q{pack "tiny": packs.csv: it must hold one row, with code "tiny"}, 'the packs.csv of another pack');
refused({ packs => "$good{packs}tiny,2,a,b,\n" }, q{pack "tiny": packs.csv: it must hold one row, with code "tiny"}, 'two packs');
refused({ packs => "code,version,zh,en\ntiny,,a,b\n" }, q{pack "tiny": packs.csv line 2: column "version" must not be empty}, 'a pack without version');
refused({ terms => '' }, q{pack "tiny": terms.csv line 1: the file is empty}, 'an empty file');
refused({ terms => "case_type,kind,trem\nA1,include,a\n" }, q{pack "tiny": terms.csv line 1: there is no column "trem"}, 'an unknown column');
refused({ terms => "case_type,kind,term,\nA1,include,a,\n" }, q{pack "tiny": terms.csv line 1: there is no column ""}, 'a column without name');
refused({ terms => "case_type,kind,term,kind\nA1,include,a,include\n" }, q{pack "tiny": terms.csv line 1: column "kind" is named twice}, 'a column twice');
refused({ terms => "case_type,kind,term\nA1,include,a\nA1,include\n" },
	q{pack "tiny": terms.csv line 3: the line has 2 cells, the first line names 3 columns}, 'a missing cell');
refused({ terms => "case_type,kind,term\nA1,include,a,b\n" },
	q{pack "tiny": terms.csv line 2: the line has 4 cells, the first line names 3 columns}, 'a comma too many');
refused({ terms => "case_type,kind,term\nA1,include,a\nA1,include,\"b\nA1,include,c\n" },
	q{pack "tiny": terms.csv line 3: unterminated CSV quoted field}, 'an open quote');
refused({ terms => "case_type,kind,term\nA1,include,a\nA1,include,\xB4\xF2\xBC\xDC\n" },
	q{pack "tiny": terms.csv line 3: invalid byte sequence for encoding "UTF8": 0xb4}, 'not UTF-8');
refused({ endpoints => "code,url,configured_by\ne,http://localhost/,postgres\n" },
	q{pack "tiny": endpoints.csv line 2: column "configured_by" is set by the server}, 'a column of the server');

# ---- broken rows

my @rows = (
	[ terms => "A1,include,\n", 5, q{column "term" must not be empty} ],
	[ terms => "A1,include,\"\"\n", 5, q{check "terms_term_check" is not met: ((char_length(term) >= 1) AND (char_length(term) <= 100))} ],
	[ terms => "A1,include,吵闹\n", 5, q{the key (case_type, kind, term) is that of line 2} ],
	[ terms => "A1,include,x\n\nA9,include,y\n", 7, q{column "case_type": there is no case type "A9"} ],
	[ terms => "A1,include,\"x\ny\"\nA9,include,y\n", 7, q{column "case_type": there is no case type "A9"} ],
	[ terms => "A1,include,\"x\ny\"\nA1,no,\"z\nz\"\n", 7,
		q{check "terms_kind_check" is not met: (kind = ANY (ARRAY['include'::text, 'exclude'::text, 'escalate'::text]))} ],
	[ case_types => "A2,A,丙,Type,nonpolice,soon\n", 4, q{column "priority": invalid input syntax for type integer: "soon"} ],
	[ case_types => "A2,B,丙,Type,nonpolice,2\n", 4, q{column "parent": there is no case type "B"} ],
	[ areas => "3302,3303,甲,,town,f\n3303,3302,乙,,town,f\n", 4, q{its parents lead back to itself} ],
	[ areas => "3302,33,甲,,town,maybe\n", 4, q{column "urban": invalid input syntax for type boolean: "maybe"} ],
	[ departments => "X,X,甲,X,town,99,\n", 4, q{column "area": there is no area "99"} ],
	[ departments => "X,X,甲,X,town,33,Y\nY,Y,甲,Y,town,33,X\n", 4, q{the superiors of kind "X" lead back to itself} ],
	[ routes => "B,,,,0\n", 4, q{the route has no lead} ],
	[ routes => "B,A,,lower(area,0\n", 4, q{condition: syntax error at end of input (At character 11 of the condition.)} ],
	[ routes => "B,A,,speed > 1,0\n", 4, q{condition: there is no fact "speed" (At character 1 of the condition.)} ],
	[ routes => "B,A9,,,0\n", 4, q{column "case_type": there is no case type "A9"} ],
	[ route_parties => "A1,3,,PS,lead\n", 5, q{route "A1" has a second lead} ],
	[ route_parties => "A1,3,,NO,assist\n", 5, q{column "relation": there is no kind of department "NO"} ],
	[ route_parties => "A1,3,NO,,assist\n", 5, q{column "department": there is no department "NO"} ],
	[ route_parties => "A9,3,PS,,assist\n", 5, q{column "route": there is no route "A9"} ],
	[ route_parties => "A1,3,PS,PS,assist\n", 5, q{check "route_parties_check" is not met: ((department IS NULL) <> (relation IS NULL))} ],
	[ outcomes => "x,甲,X,,\n", 4, q{column "settled" must not be empty} ]);
for my $row (@rows)
{
	my ($file, $text, $line, $why) = @$row;
	refused({ $file => $good{$file} . $text }, qq{pack "tiny": $file.csv line $line: $why}, "$file: $why");
}
refused({ routes => "$good{routes}B,A1,,,0\n", route_parties => "$good{route_parties}B,1,PS,,lead\n" },
	q{pack "tiny": routes.csv line 2: ties with route "B": same precedence, case type and area, both without condition}, 'a tie');
refused({ terms => "$good{terms}A1,include,x,\nA1,include\n", areas => "$good{areas}a,b\n" },
	q{pack "tiny": areas.csv line 4: the line has 2 cells, the first line names 6 columns}, 'the first of several');

# ---- after all that

write_pack(%good);
is($node->safe_psql('postgres', $changes), '', 'the good pack is still as it was loaded');
is($node->safe_psql('postgres', "SELECT count(*) > 10000 FROM triage.load_pack('zhejiang') WHERE change = 'insert'"), 't', 'another pack goes beside it');
is($node->safe_psql('postgres', "SELECT string_agg(code, ' ' ORDER BY code) FROM triage.packs"), 'tiny zhejiang', 'both are there');

$node->stop;
done_testing();
