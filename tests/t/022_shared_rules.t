# The rules in memory that all sessions share: they are the newest, whatever
# becomes of the transaction or the server, and nobody depends on them.
# Source: extension/rulebook/shared.c
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('shared');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
# segments as files, so that the test can forbid them
$node->append_conf('postgresql.conf',
	"fsync = off\nshared_preload_libraries = 'pg_triage'\ntriage.workers = off\ndynamic_shared_memory_type = mmap\n");
$node->start;

sub query { return $node->safe_psql('postgres', @_) }

# A session's own memory for a book of the stored image: less than the image where that is shared.
my $TIMING = q{SELECT bytes < (SELECT octet_length(image) FROM triage.rulebook_image)
	FROM triage.rulebook_timing() WHERE what = 'rulebook from image'};
my $TYPE = q{SELECT coalesce(triage.preview('110', '某处有斑斓鹦哥叫', '330784001') ->> 'case_type', 'none')};
my $DROP = q{DELETE FROM triage.terms WHERE term = '斑斓鹦哥'};

sub is_shared
{
	my ($name) = @_;
	query($TIMING);
	is(query($TIMING), 't', $name);
	return;
}

query('CREATE EXTENSION pg_triage');
query("SELECT count(*) FROM triage.load_pack('zhejiang')");
my $dog = query(q{SELECT min(case_type) FROM triage.terms WHERE term LIKE '%狗%' AND kind = 'include'});
my $ADD = "INSERT INTO triage.terms (case_type, kind, term) VALUES ('$dog', 'include', '斑斓鹦哥')";

is(query($TIMING), 'f', 'the first session reads the image from its table');
is(query($TIMING), 't', 'the next one shares it');

# ---- rules that change ----------------------------------------------------------------

my $before = query($TYPE);
isnt($before, $dog, 'the word is not known yet');
is(query("BEGIN; $ADD; SET CONSTRAINTS ALL IMMEDIATE; $TYPE; ROLLBACK; $TYPE"), "$dog\n$before",
	'a transaction has its own rules, and the old ones when it was rolled back');
is(query($TYPE), $before, 'other sessions never had them');
query($ADD);
is(query($TYPE), $dog, 'a change is known at once');
is_shared('and shared');
query($DROP);
is(query($TYPE), $before, 'as is its undoing');
is(query("$TYPE; $ADD; $TYPE; $DROP; $TYPE"), "$before\n$dog\n$before",
	'a session follows its own changes from one shared book to the next');

# ---- what becomes of the server and the extension ------------------------------------------

$node->stop('immediate');
$node->start;
is(query($TIMING), 'f', 'after a crash nothing is shared');
is(query($TIMING), 't', 'until somebody has read the image');

query('DROP EXTENSION pg_triage CASCADE; CREATE EXTENSION pg_triage');
is(query(q{SELECT count(*) FROM triage.case_types}), 0, 'a new extension has no rules');
query("SELECT count(*) FROM triage.load_pack('zhejiang')");
is(query($TYPE), $before, 'and then those that it loads');
is_shared('which are shared');

# ---- no memory ------------------------------------------------------------------------

SKIP:
{
	skip 'root may write anywhere', 4 if $> == 0;
	my $folder = $node->data_dir . '/pg_dynshmem';
	chmod 0500, $folder or die "$folder: $!";
	query($ADD);
	is(query($TYPE), $dog, 'without memory the rules are read from the table');
	query($TIMING);
	is(query($TIMING), 'f', 'by each session');
	chmod 0700, $folder or die "$folder: $!";
	query($DROP);
	is(query($TYPE), $before, 'a later change is known');
	is_shared('and shared');
}

$node->stop;
done_testing();
