# What Znuny's generic interface is sent by the courier, with a stub of it.
# What requests say and what rows mean: tests/pgtap/165_znuny.sql.
# Source: sql/65_znuny.sql
use strict;
use warnings;
use utf8;

use FindBin;
use JSON::PP;
use lib "$FindBin::Bin/lib";

use HttpStub;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $stub = HttpStub->new($PostgreSQL::Test::Utils::tmp_check, 'znuny');
my $port = $stub->port;
$stub->answer(500, 200);

my $node = PostgreSQL::Test::Cluster->new('znuny');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "fsync = off\nmax_worker_processes = 16\ntriage.allowed_networks = '127.0.0.0/8'\n");
$node->start;

sub sql { my ($q) = @_; utf8::encode($q); my $r = $node->safe_psql('postgres', $q); utf8::decode($r); return $r }

my $tables = "$ENV{TRIAGE_SRC}/tests/pgtap/include/znuny.psql";
sql('CREATE EXTENSION pg_triage; SELECT count(*) FROM triage.load_pack(\'zhejiang\')');
$node->safe_psql('postgres', slurp_file($tables));
sql(qq{INSERT INTO triage.endpoints (code, url, retry_base_ms) VALUES ('znuny', 'http://127.0.0.1:$port/znuny/nph-genericinterface.pl/Webservice/Triage/TicketUpdate?UserLogin=triage&Password=geheim', 10)});
like(sql(q{SELECT string_agg(a.item || ' ' || a.state, ', ') FROM triage.attach_znuny('{"endpoint": "znuny", "bot": "triage", "intake": ["受理"], "due_field": "Deadline", "default": {"queue": "东门街道办", "owner": "zhang"}}') a}),
	qr/trigger created/, 'attached');

# as Znuny does it: no transaction around it
sql('INSERT INTO znuny.ticket (tn, title, queue_id, ticket_priority_id, ticket_state_id, customer_user_id, create_by) VALUES (\'1\', \'路灯坏了\', 1, 3, 1, \'cit\', 1)');
sql('INSERT INTO znuny.article (ticket_id, article_sender_type_id, is_visible_for_customer, create_by) VALUES (1, 3, 1, 1)');
sql(q{INSERT INTO znuny.article_data_mime (article_id, a_from, a_subject, a_body, a_content_type, create_by) VALUES (1, 'cit@desk.test', 's', '东城街道路灯坏了三天没人修', 'text/plain; charset=utf-8', 1)});

ok($node->poll_query_until('postgres', q{SELECT state = 'delivered' AND attempts = 2 FROM triage.deliveries WHERE endpoint = 'znuny'}), 'told, at the second attempt');
my @requests = $stub->requests;
is(scalar @requests, 2, 'asked twice');
is($requests[1]{method}, 'POST', 'by POST');
is($requests[1]{path}, '/znuny/nph-genericinterface.pl/Webservice/Triage/TicketUpdate?UserLogin=triage&Password=geheim', 'of the web service, with the login');
is($requests[0]{body}, $requests[1]{body}, 'the same each time');
my $asked = JSON::PP->new->utf8->decode($requests[1]{body});
is($asked->{TicketID}, 1, 'the ticket');
is_deeply($asked->{Ticket}, { QueueID => 2, OwnerID => 3, PriorityID => 3 }, 'queue, owner, priority');
like($asked->{DynamicField}[0]{Value}, qr/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/, 'the deadline');
is($asked->{Article}{IsVisibleForCustomer}, 0, 'a note for agents');
like($asked->{Article}{Body}, qr/路灯/, 'that says why');
unlike(sql(q{SELECT string_agg(h::text, ' ') FROM triage.health() h}) . sql('SELECT string_agg(payload, \' \') FROM triage.deliveries'), qr/geheim/, 'the login is shown nowhere');
is(sql('SELECT count(*) FROM triage.intake_errors'), 0, 'no error');

$node->stop;
done_testing;
