# One ticket's way under Request Tracker, without a browser: made by REST and
# by mail, routed, worked on and resolved by the agent, detached.
# Source: sql/62_rt.sql, extension/hosts/
use strict;
use warnings;
use utf8;

use Encode ();
use Hosts qw(extension run_ok);
use JSON::PP ();
use RT;
use Test::More;

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output, Test::More->builder->failure_output;

my $rt = RT->new(users => ['bob'], queues => [ 'Triage', '路灯所' ]);
my $db = $rt->db;
extension($db);

sub value { return scalar $db->selectrow_array(shift, undef, @_) }
sub case_of { return $db->selectrow_hashref('SELECT c.* FROM triage.host_tickets h JOIN triage.cases c USING (case_id) WHERE h.ticket = ?', undef, "$_[0]") }
sub comments { return value(q{SELECT string_agg(a.content, ' ' ORDER BY x.id) FROM attachments a JOIN transactions x ON x.id = a.transactionid WHERE x.objectid = ? AND x.type = 'Comment'}, $_[0]) }
sub schema_of_rt { return join "\n", grep { !/^\\(?:un)?restrict/ } split /\n/, run_ok({}, 'pg_dump', '-s', '-n', 'public', '-h', '127.0.0.1', '-d', $rt->{name}) }

# ---- attached --------------------------------------------------------------------------

my $map = JSON::PP->new->canonical->encode({ organization => 'desk.test', intake => ['Triage'], departments => { 'U_LIGHT.330784' => { queue => '路灯所', owner => 'bob' } },
	default => { queue => 'Triage' } });
$rt->initialdata(value('SELECT triage.rt_initialdata($1::jsonb)', $map));
my $before = schema_of_rt();
$db->do('SELECT * FROM triage.attach_rt($1::jsonb)', undef, $map);
is(value(q{SELECT kind || ' ' || state FROM triage.bindings}), 'rt active', 'attached');

# ---- a ticket by REST, and one by mail ---------------------------------------------------

my $id = $rt->create(Queue => 'Triage', Subject => '路灯坏了', Content => '东城街道路灯坏了三天没人修');
my $ticket = $rt->ticket($id);
is(($rt->rest('GET', "queue/$ticket->{Queue}{id}"))[1]{Name}, '路灯所', 'by REST: RT tells the queue of the department');
is($ticket->{Owner}{id}, 'bob', '... its owner');
is($ticket->{Status}, 'new', '... new');
is($ticket->{Due}, value(q{SELECT to_char(date_trunc('second', due_at AT TIME ZONE 'UTC'), 'YYYY-MM-DD"T"HH24:MI:SS"Z"') FROM triage.clocks WHERE case_id = ? AND stage = 'resolve'}, case_of($id)->{case_id}),
	'... the deadline');
cmp_ok($ticket->{Priority}, '>', 0, '... a priority');
like(comments($id), qr/期限 Deadlines.*依据 Reason: \S/s, '... the comment that says why and by when');
$rt->mail('Triage', Encode::encode('UTF-8', "From: carol\@desk.test\nTo: rt\@desk.test\nSubject: lamp\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n东城街道路灯坏了三天没人修\n"));
my $mailed = value('SELECT max(id) FROM tickets');
isnt($mailed, $id, 'by mail: another ticket');
is($rt->ticket($mailed)->{Owner}{id}, 'bob', '... is routed too');
is(case_of($mailed)->{reporter}, 'carol@desk.test', '... and reported by who wrote');

# ---- the agent -----------------------------------------------------------------------------

is(($rt->put($id, { Status => 'open' }, user => 'bob'))[0], 200, 'the agent opens it');
is(case_of($id)->{status}, 'accepted', '... the case is accepted');
$rt->say('comment', $id, '灯泡已更换，路灯已亮', user => 'bob');
is(($rt->put($id, { Status => 'resolved' }, user => 'bob'))[0], 200, 'he resolves it');
is(case_of($id)->{status}, 'review', '... the case is for review');
is($rt->ticket($id)->{Status}, 'resolved', '... the ticket stays as he left it');
is($rt->validator, '', 'RT finds nothing wrong');
is(value('SELECT count(*) FROM triage.intake_errors'), 0, 'no error of ours');

# ---- detached --------------------------------------------------------------------------------

ok(value(q{SELECT triage.detach('tickets')}), 'detached');
is(schema_of_rt(), $before, '... the host is as it was');
my $alone = $rt->create(Queue => 'Triage', Subject => '路灯坏了', Content => '东城街道路灯坏了三天没人修');
is($rt->ticket($alone)->{Owner}{id}, 'Nobody', '... and works as before');

done_testing;
