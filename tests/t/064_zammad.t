# The Zammad driver: tables of Zammad's shape, read by trigger, and a stub of
# its REST interface, which the courier calls.  Also what that asks of the
# courier: method, path and token of a request.  Not Zammad itself.
# Source: sql/64_zammad.sql, extension/worker/queue.c, extension/worker/courier.c
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

my $token = 'zammad-token-0123456789abcdefghij';
my $stub = HttpStub->new($PostgreSQL::Test::Utils::tmp_check, 'zammad');
my $port = $stub->port;

# ---- Zammad's tables -------------------------------------------------------------

my $node = PostgreSQL::Test::Cluster->new('zammad');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "fsync = off\nmax_worker_processes = 16\ntriage.allowed_networks = '127.0.0.0/8'\n");
$node->start;

sub sql { my ($q) = @_; utf8::encode($q); my $r = $node->safe_psql('postgres', $q); utf8::decode($r); return $r }
sub refused { my ($q) = @_; utf8::encode($q); my ($rc, $out, $err) = $node->psql('postgres', $q); return $rc ? $err : '' }

sql(<<'EOF');
CREATE EXTENSION pg_triage;
SELECT count(*) FROM triage.load_pack('zhejiang');
INSERT INTO triage.channels (code, zh, en, kind, confirm_danger, needs_caller, allows_anonymous) VALUES ('zammad', '工单', 'Zammad', 'host', true, false, true);
CREATE ROLE zammad LOGIN;
CREATE SCHEMA zammad AUTHORIZATION zammad;
SET ROLE zammad;
SET search_path = zammad;
CREATE TABLE users (id serial PRIMARY KEY, login varchar(255) NOT NULL, firstname varchar(100), lastname varchar(100), email varchar(255), phone varchar(100), mobile varchar(100), active boolean NOT NULL DEFAULT true);
CREATE TABLE groups (id serial PRIMARY KEY, name varchar(160) NOT NULL, active boolean NOT NULL DEFAULT true);
CREATE TABLE ticket_state_types (id serial PRIMARY KEY, name varchar(250) NOT NULL);
CREATE TABLE ticket_states (id serial PRIMARY KEY, state_type_id int NOT NULL REFERENCES ticket_state_types, name varchar(250) NOT NULL, active boolean NOT NULL DEFAULT true);
CREATE TABLE ticket_priorities (id serial PRIMARY KEY, name varchar(250) NOT NULL, active boolean NOT NULL DEFAULT true);
CREATE TABLE ticket_article_senders (id serial PRIMARY KEY, name varchar(250) NOT NULL);
CREATE TABLE ticket_article_types (id serial PRIMARY KEY, name varchar(250) NOT NULL);
CREATE TABLE tickets (id serial PRIMARY KEY, group_id int NOT NULL REFERENCES groups, priority_id int NOT NULL REFERENCES ticket_priorities, state_id int NOT NULL REFERENCES ticket_states,
	number varchar(60) NOT NULL, title varchar(250) NOT NULL, owner_id int NOT NULL REFERENCES users, customer_id int NOT NULL REFERENCES users, pending_time timestamp(3), escalation_at timestamp(3),
	frist timestamp(3), updated_by_id int NOT NULL, created_by_id int NOT NULL, created_at timestamp(3) NOT NULL, updated_at timestamp(3) NOT NULL);
CREATE TABLE ticket_articles (id serial PRIMARY KEY, ticket_id int NOT NULL REFERENCES tickets, type_id int NOT NULL, sender_id int NOT NULL, subject varchar(3000), content_type varchar(20) NOT NULL DEFAULT 'text/plain',
	body text NOT NULL, internal boolean NOT NULL DEFAULT false, updated_by_id int NOT NULL, created_by_id int NOT NULL, created_at timestamp(3) NOT NULL, updated_at timestamp(3) NOT NULL);
INSERT INTO users (login, firstname, lastname, email, mobile) VALUES ('-', '-', '', '', ''), ('router', 'R', 'Bot', 'r@x', ''), ('agent', 'A', 'Gent', 'a@x', ''), ('wang@x', '王', '五', 'wang@x', '13800000001');
INSERT INTO groups (name) VALUES ('受理'), ('城管'), ('生态环境分局');
INSERT INTO ticket_state_types (name) VALUES ('new'), ('open'), ('pending reminder'), ('pending action'), ('closed'), ('merged'), ('removed');
INSERT INTO ticket_states (state_type_id, name) VALUES (1, 'new'), (2, 'open'), (3, 'pending reminder'), (5, 'closed'), (6, 'merged'), (4, 'pending close');
INSERT INTO ticket_priorities (name) VALUES ('1 low'), ('2 normal'), ('3 high');
INSERT INTO ticket_article_senders (name) VALUES ('Agent'), ('Customer'), ('System');
INSERT INTO ticket_article_types (name) VALUES ('email'), ('web'), ('note');
EOF

# As Zammad does it: ticket, then its article, in one transaction.
sub ticket
{
	my ($title, $body, $type) = @_;
	$type //= 'text/plain';
	return sql(qq{SET ROLE zammad; BEGIN;
		INSERT INTO zammad.tickets (group_id, priority_id, state_id, number, title, owner_id, customer_id, updated_by_id, created_by_id, created_at, updated_at)
			SELECT 1, 2, 1, (63000 + count(*))::text, '$title', 1, 4, 4, 4, t, t FROM zammad.tickets RIGHT JOIN (SELECT clock_timestamp() AT TIME ZONE 'UTC') t(t) ON true GROUP BY t;
		INSERT INTO zammad.ticket_articles (ticket_id, type_id, sender_id, content_type, body, updated_by_id, created_by_id, created_at, updated_at)
			SELECT currval('zammad.tickets_id_seq'), 2, 2, '$type', '$body', 4, 4, t, t FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC') t(t);
		COMMIT; SELECT currval('zammad.tickets_id_seq')});
}

sub change { my ($id, $set, $by) = @_; $by //= 3; return sql("SET ROLE zammad; UPDATE zammad.tickets SET $set, updated_by_id = $by WHERE id = $id") }

sub article
{
	my ($id, $sender, $body, $internal, $by) = @_;
	return sql("SET ROLE zammad; INSERT INTO zammad.ticket_articles (ticket_id, type_id, sender_id, body, internal, updated_by_id, created_by_id, created_at, updated_at)
		VALUES ($id, 3, $sender, '$body', $internal, $by, $by, now(), now())");
}

# The n-th request to a ticket, waited for.
sub request
{
	my ($id, $n) = @_;
	for (1 .. 600)
	{
		my @found = grep { $_->{path} =~ m{/tickets/$id$} } $stub->requests;
		if (@found >= $n)
		{
			my $r = $found[ $n - 1 ];
			$r->{data} = JSON::PP->new->utf8->decode($r->{body});
			return $r;
		}
		select undef, undef, undef, 0.1;
	}
	die "no request $n for ticket $id came\n";
}
sub delivered { my ($id) = @_; return $node->poll_query_until('postgres', "SELECT count(*) = 0 FROM triage.deliveries d JOIN triage.host_tickets h USING (case_id) WHERE h.ticket = '$id' AND d.done_at IS NULL AND d.endpoint = 'zammad'") }
sub status { my ($id) = @_; return sql("SELECT c.status FROM triage.cases c JOIN triage.host_tickets h USING (case_id) WHERE h.ticket = '$id'") }
sub verbs { my ($id) = @_; return sql("SELECT string_agg(e.verb, ' ' ORDER BY e.seq) FROM triage.events e JOIN triage.host_tickets h USING (case_id) WHERE h.ticket = '$id' AND e.verb <> 'step'") }

# ---- attaching --------------------------------------------------------------------

my $mapping = q({"bot": "router", "departments": {"CITY": {"group": "城管", "owner": "agent"}}, "due_attribute": "frist"});

like(sql("SELECT string_agg(item || ' ' || state || ' ' || coalesce(detail, ''), E'\\n') FROM triage.attach_zammad('$mapping', dry_run => true)"), qr/^endpoint zammad missing INSERT INTO/m, 'a dry run tells how to make the endpoint');
like(refused("SELECT * FROM triage.attach_zammad('$mapping')"), qr/Zammad is not ready to be attached: endpoint zammad is missing/, 'without it there is no attaching');
like(refused(q{SELECT * FROM triage.attach_zammad('{"foo": 1}')}), qr/mean nothing: foo/, 'a key that means nothing is refused');
like(refused(q{INSERT INTO triage.endpoints (code, url, auth) VALUES ('x', 'http://zammad.example', 'token')}), qr/check constraint/, 'no token goes out in clear');
like(refused(q{INSERT INTO triage.endpoints (code, url, auth) VALUES ('x', 'http://127.0.0.1.zammad.example/', 'token')}), qr/check constraint/, 'nor to a name that looks like this machine');
sql("INSERT INTO triage.endpoints (code, url, auth, retry_base_ms) VALUES ('zammad', 'http://127.0.0.1:$port/?x=1', 'token', 50)");
like(sql("SELECT detail FROM triage.attach_zammad('$mapping', dry_run => true) WHERE item = 'endpoint zammad'"), qr/set_secret/, 'then how to give it the token');
sql("SELECT triage.set_secret('zammad', '$token'::bytea)");
is(sql("SELECT string_agg(item || ' ' || state, ', ') FROM triage.attach_zammad('$mapping') WHERE state IN ('missing', 'problem')"), '', 'then all is there');
is(sql("SELECT string_agg(item, ', ' ORDER BY item) FROM triage.attach_zammad('$mapping', dry_run => true) WHERE item LIKE 'department%'"), 'department CITY, department EEB', 'a group that bears a department\'s name is found');

# ---- what Zammad has no longer -----------------------------------------------------

is(sql(q{SELECT triage.host_missing('zammad.tickets')}), '', 'nothing is missing');
sql(q{UPDATE zammad.users SET active = false WHERE login IN ('router', 'agent'); UPDATE zammad.groups SET active = false, name = '城管旧' WHERE name = '城管'; UPDATE zammad.ticket_priorities SET active = false WHERE name = '1 low'; UPDATE zammad.ticket_states SET active = false WHERE name = 'closed'});
is(sql(q{SELECT value FROM triage.health() WHERE item = 'host zammad.tickets' AND state = 'warning'}) =~ s/, \d+ tickets.*//sr, 'user router, in whose name tickets are changed, is not active or gone; group 城管旧 is not active or gone, for CITY; '
	. 'user agent is not active or gone, for CITY; ticket state closed is not active or gone; ticket priority 1 low is not active or gone', 'health() names what went');
sql(q{UPDATE zammad.users SET active = true; UPDATE zammad.groups SET active = true; UPDATE zammad.ticket_priorities SET active = true; UPDATE zammad.ticket_states SET active = true});
is(sql(q{SELECT triage.host_missing('zammad.tickets')}), '', 'it is back; another name is no matter');

# ---- a ticket ----------------------------------------------------------------------

my $one = ticket('夜间施工扰民', '工地每天夜里十二点还在打桩，噪音很大，无法休息。');
is(sql("SELECT concat_ws(' ', c.lead, c.channel, c.reporter, c.contact) FROM triage.cases c JOIN triage.host_tickets h USING (case_id) WHERE h.ticket = '$one'"), 'CITY zammad 王 五 13800000001', 'a ticket is a case, its customer the caller');
my $r = request($one, 1);
is("$r->{method} $r->{path}", "PUT /api/v1/tickets/$one", 'the courier calls the interface');
is($r->{header}{authorization}, "Token token=$token", 'with the token');
ok(!exists $r->{header}{'webhook-signature'}, 'and no signature made of it');
is($r->{header}{'content-type'}, 'application/json', 'in JSON');
is("$r->{data}{group_id} $r->{data}{owner_id} $r->{data}{priority_id}", '2 3 3', 'group, owner and priority');
ok(!exists $r->{data}{state_id}, 'the state is right already');
like($r->{data}{frist}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'the deadline in its attribute');
like($r->{data}{article}{body}, qr/噪|打桩/, 'a note with the reason');
ok($r->{data}{article}{internal}, 'for agents');
ok(delivered($one), 'Zammad has it');
is(sql("SELECT count(*) FROM triage.deliveries WHERE payload LIKE '%$token%' OR last_error LIKE '%$token%'"), '0', 'the token stands in no row');

# what Zammad writes for the bot is nothing new
change($one, 'group_id = 2, owner_id = 3, priority_id = 3', 2);
article($one, 1, 'note', 'true', 2);
is(verbs($one), 'report', 'the bot\'s own changes come back as nothing');

# ---- what people do ------------------------------------------------------------------

change($one, 'escalation_at = now()');
is(verbs($one), 'report', 'nor is what Zammad does for itself');
change($one, 'state_id = 2');
is(status($one), 'accepted', 'open accepts');
is(sql("SELECT e.actor FROM triage.events e JOIN triage.host_tickets h USING (case_id) WHERE h.ticket = '$one' AND e.verb = 'accept'"), 'zammad/agent', 'in the agent\'s name');
article($one, 1, '内部讨论', 'true', 3);
article($one, 1, '已责令停工', 'false', 3);
article($one, 2, '补充：金都社区东门', 'false', 4);
is(verbs($one), 'report accept feed_back append_text', 'an agent\'s words are feedback, the customer\'s are added, internal ones nothing');
change($one, 'state_id = 4');
is(status($one), 'review', 'closed resolves, with the parts of those who assist');
change($one, 'state_id = 2');
is(status($one), 'in_progress', 'open again sends it back');
my $two = ticket('<夜间>施工', '<p>工地每天<b>夜里</b>打桩，噪音很大</p>', 'text/html');
like(sql("SELECT c.body FROM triage.cases c JOIN triage.host_tickets h USING (case_id) WHERE h.ticket = '$two'"), qr/^<夜间>施工\s+工地每天夜里打桩/, 'HTML is read as it is seen');
ok(delivered($two), 'shown');
change($two, 'group_id = 3');
like(sql("SELECT string_agg(a.department || ' ' || a.duty, ', ' ORDER BY a.seq) FROM triage.assignments a JOIN triage.host_tickets h USING (case_id) WHERE h.ticket = '$two'"), qr/EEB assist/, 'another group has a part');
is(sql(q{SELECT coalesce(string_agg(concat_ws(' ', stage, message), E'\n'), '') FROM triage.intake_errors}), '', 'no error');

# ---- the case changes --------------------------------------------------------------------

sql("SELECT triage.supervise((SELECT case_id FROM triage.host_tickets WHERE ticket = '$one'), '领导批示')");
ok($node->poll_query_until('postgres', "SELECT EXISTS (SELECT FROM triage.deliveries d JOIN triage.host_tickets h USING (case_id)
	WHERE h.ticket = '$one' AND d.type = 'pg_triage.zammad' AND d.state = 'delivered' AND d.payload LIKE '%supervised%')"), 'the timekeeper has the ticket told');
my ($told) = grep { $_->{path} =~ m{/tickets/$one$} && $_->{body} =~ /supervised/ } $stub->requests;
like($told->{header}{authorization} // '', qr/^Token token=/, 'by the interface');

# ---- answers --------------------------------------------------------------------------

$stub->answer(503);
my $three = ticket('夜间施工', '夜里打桩噪音很大');
ok($node->poll_query_until('postgres', "SELECT count(*) > 0 FROM triage.deliveries d JOIN triage.host_tickets h USING (case_id) WHERE h.ticket = '$three' AND d.type = 'pg_triage.zammad' AND d.attempts > 1"), 'Zammad is away: tried again');
$stub->answer(200);
ok(delivered($three), 'until it is there');
$stub->answer(422);
my $four = ticket('夜间施工', '夜里打桩噪音很大');
ok($node->poll_query_until('postgres', "SELECT count(*) > 0 FROM triage.deliveries d JOIN triage.host_tickets h USING (case_id) WHERE h.ticket = '$four' AND d.type = 'pg_triage.zammad' AND d.state = 'dead' AND d.last_status = 422"), 'what it refuses is a dead letter');

# ---- paths ---------------------------------------------------------------------------

for my $path ('../users', '/etc', 'a//b', 'a?b', 'a/../b', 'http://x', '')
{
	like(refused("UPDATE triage.deliveries SET path = '$path'"), qr/deliveries_path_check/, "no request to '$path'");
}
like(refused("UPDATE triage.deliveries SET method = 'DELETE'"), qr/deliveries_method_check/, 'and none that deletes');

is(sql("SELECT triage.detach('zammad.tickets')"), 't', 'detach()');
$node->stop;
done_testing;
