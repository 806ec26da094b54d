# One issue's way under Redmine, without a browser: made by REST, routed,
# worked on and resolved by the agent, detached.
# Source: sql/63_redmine.sql, extension/hosts/
use strict;
use warnings;
use utf8;

use Hosts qw(extension run_ok);
use Redmine;
use Test::More;

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output, Test::More->builder->failure_output;

my $noise = '工地每天夜里十二点还在打桩，噪音很大，无法休息。';
my $redmine = Redmine->new(
	projects => { intake => '受理台', city => '城管执法' },
	people => { alice => [ [ 'intake', 'Reporter' ] ], bob => [ [ 'city', 'Manager' ] ] });
my $db = $redmine->db;
extension($db);

sub value { return scalar $db->selectrow_array(shift, undef, @_) }
sub case_of { return $db->selectrow_hashref('SELECT c.* FROM triage.host_tickets h JOIN triage.cases c USING (case_id) WHERE h.ticket = ?', undef, "$_[0]") }
sub schema_of_redmine { return join "\n", grep { !/^\\(?:un)?restrict/ } split /\n/, run_ok({}, 'pg_dump', '-s', '-n', 'public', '-h', '127.0.0.1', '-d', $redmine->{name}) }

# ---- attached --------------------------------------------------------------------------

my $before = schema_of_redmine();
$db->do('SELECT * FROM triage.attach_redmine(?)', undef, q({"create": true, "projects": ["intake"], "departments": {"CITY": {"project": "city", "assignee": "bob"}}}));
is(value(q{SELECT kind || ' ' || state FROM triage.bindings}), 'redmine active', 'attached');

# ---- an issue by REST --------------------------------------------------------------------

my $id = $redmine->create(user => 'alice', subject => '夜间施工扰民', description => $noise);
my $issue = $redmine->issue($id);
is($issue->{project}{name}, '城管执法', 'Redmine tells the project of the department');
is($issue->{assigned_to}{name}, 'Bob Desk', '... its assignee');
is($issue->{due_date}, value(q{SELECT (due_at AT TIME ZONE 'Asia/Shanghai')::date FROM triage.clocks WHERE case_id = ? AND stage = 'resolve'}, case_of($id)->{case_id}), '... the day of the deadline');
is($issue->{priority}{name}, 'Urgent', '... the priority');
like($issue->{journals}[0]{notes}, qr/期限 Deadlines.*依据 Reason: \S/s, '... the comment that says why and by when');

# ---- the agent -----------------------------------------------------------------------------

is($redmine->put($id, { status_id => 2 }, user => 'bob'), 204, 'the agent starts on it');
is(case_of($id)->{status}, 'accepted', '... the case is accepted');
is($redmine->put($id, { status_id => 3, notes => '施工方已停止夜间施工，居民确认安静。' }, user => 'bob'), 204, 'he resolves it');
is(case_of($id)->{status}, 'review', '... the case is for review');
is($redmine->issue($id)->{status}{name}, 'Resolved', '... the issue stays as he left it');
is(value('SELECT count(*) FROM triage.intake_errors'), 0, 'no error of ours');

# ---- detached --------------------------------------------------------------------------------

ok(value(q{SELECT triage.detach('issues')}), 'detached');
is(schema_of_redmine(), $before, '... the host is as it was');
my $alone = $redmine->create(user => 'alice', subject => '夜间施工扰民', description => $noise);
is($redmine->issue($alone)->{project}{name}, '受理台', '... and works as before');

done_testing;
