# Request Tracker with the plug-in under it, as its own people see it: web
# form, REST, mail gateway, and a browser that looks at the pages.
# Source: sql/62_rt.sql, extension/hosts/
use strict;
use warnings;
use utf8;

use Encode ();
use Hosts qw(extension out_dir run_ok wait_until);
use JSON::PP ();
use RT;
use Test::More;

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output, Test::More->builder->failure_output, Test::More->builder->todo_output;
my $json = JSON::PP->new->canonical;

my $rt = RT->new(users => [qw(bob dave erin)], queues => ['Triage']);
my $db = $rt->db;
extension($db);

sub value { return scalar $db->selectrow_array(shift, undef, @_) }
sub rows { return $db->selectall_arrayref(shift, undef, @_) }

# ---- attach, as a DBA does it ---------------------------------------------------------------

my $town = '.330784001';
my $light = 'U_LIGHT.330784';
my $given = $json->encode({ organization => 'desk.test', intake => ['Triage'],
	departments => { $light => { queue => '路灯所', owner => 'bob' }, "VILLAGE$town" => { queue => '村社', owner => 'dave' }, "CITY.330784" => { queue => '城管局', owner => 'erin' } },
	fields => { reference => '110编号' }, reference_channel => '110', default => { queue => 'Triage' } });
$rt->initialdata("our \@CustomFields = ({Name => '110编号', Type => 'FreeformSingle', Queue => ['Triage']});\n1;\n");
$rt->initialdata(value('SELECT triage.rt_initialdata($1::jsonb)', $given));
my $dump = schema_of_rt();
is(value(q{SELECT count(*) FROM triage.attach_rt($1::jsonb, dry_run => true) WHERE state IN ('missing', 'problem') AND item NOT LIKE 'channel%'}, $given), 0, 'nothing is missing');
is(value(q{SELECT count(*) FROM triage.bindings}), 0, 'a dry run attaches nothing');
rows(q{SELECT * FROM triage.attach_rt($1::jsonb)}, $given);
is(value(q{SELECT kind || ' ' || state FROM triage.bindings}), 'rt active', 'attached');

sub schema_of_rt
{
	my $sql = run_ok({}, 'pg_dump', '-s', '-n', 'public', '-h', '127.0.0.1', '-d', $rt->{name});
	return join "\n", grep { !/^\\(?:un)?restrict/ } split /\n/, $sql;
}

sub look
{
	my ($id) = @_;
	return $db->selectrow_hashref(q{SELECT q.name AS queue, u.name AS owner, t.due, t.priority, t.status, t.effectiveid
		FROM tickets t JOIN queues q ON q.id = t.queue JOIN users u ON u.id = t.owner WHERE t.id = ?}, undef, $id);
}

sub case_of { return value(q{SELECT case_id FROM triage.host_tickets WHERE ticket = ?}, "$_[0]") }
sub of_case { return value("SELECT $_[1] FROM triage.cases c WHERE c.case_id = ?", case_of($_[0])) }
sub last_comment
{
	return value(q{SELECT a.content FROM attachments a JOIN transactions x ON x.id = a.transactionid JOIN users u ON u.id = x.creator
		WHERE x.objectid = ? AND x.objecttype = 'RT::Ticket' AND x.type = 'Comment' AND u.name = 'router-bot' ORDER BY x.id DESC LIMIT 1}, $_[0]);
}
sub errors { return rows('SELECT stage, sqlstate, message, payload FROM triage.intake_errors ORDER BY at') }

# ---- a ticket of each kind ----------------------------------------------------------------------

my $id = $rt->create(Queue => 'Triage', Subject => '路灯坏了', Content => '东城街道路灯坏了三天没人修');
my $is = look($id);
is_deeply([ @$is{qw(queue owner status)} ], [qw(路灯所 bob new)], 'by REST: queue and owner');
is(value('SELECT date_trunc(\'second\', due_at at time zone \'utc\') = $2 FROM triage.clocks WHERE case_id = $1 AND stage = \'resolve\'', case_of($id), $is->{due}), 1, '... the deadline');
is(of_case($id, "channel || ' ' || coalesce(reporter, '')"), 'rt alice@desk.test', '... channel and reporter');

my $alice = $rt->login('root', 'password');
$alice->goto("$rt->{url}/Ticket/Create.html?Queue=" . value(q{SELECT id FROM queues WHERE name = 'Triage'}), "$rt->{url}/");
$alice->fill('input[name=Subject]', '楼上漏水');
$alice->wait_for('iframe.cke_wysiwyg_frame');
$alice->type_in_frame('iframe.cke_wysiwyg_frame', '东城街道幸福小区楼上漏水，天花板湿了 <b>& more');
$alice->follow('input[name=SubmitTicket]');
my ($web) = $alice->url =~ /id=(\d+)/;
is(look($web)->{queue}, '村社', 'by the web form');
like(of_case($web, 'body'), qr/^楼上漏水\n东城街道幸福小区楼上漏水，天花板湿了 <b>& more$/, '... its page became words');
ok($alice->shows('村社'), '... the page that RT shows next has it already');

$rt->mail('Triage', Encode::encode('UTF-8', "From: carol\@desk.test\nTo: rt\@desk.test\nSubject: =?utf-8?B?6Lev54GvIGVtYWls?=\nMIME-Version: 1.0\n"
	. "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\n\n东城街道路灯坏了三天没人修\n--b\nContent-Type: text/plain; name=x.txt\n"
	. "Content-Disposition: attachment; filename=x.txt\n\n") . ('x' x 70 . "\n") x 1000 . "--b--\n");
my $mailed = value('SELECT max(id) FROM tickets');
is(look($mailed)->{queue}, '路灯所', 'by mail, with a file');
my $elsewhere = $rt->create(Queue => 'General', Subject => '路灯坏了', Content => '东城街道路灯坏了三天没人修');
is(case_of($elsewhere), undef, 'a queue that was not named is left alone');

my $bob = $rt->login('bob');
$rt->show($bob, $id);
ok($bob->shows('期限 Deadlines'), 'the page shows the deadlines in words');
my $page = $bob->text;
like($page, qr/Queue:\s*路灯所/, '... the queue');
like($page, qr/Owner:\s*bob/, '... the owner');
like($page, qr/Due:\s*\w+ \w+ \d+ /, '... the deadline');
like($page, qr/依据 Reason: \S/, '... and why');
$bob->goto("$rt->{url}/Ticket/History.html?id=$id");
$bob->shot('rt-dispatched');
is($rt->validator, '', 'RT finds nothing wrong');
is_deeply(errors(), [], 'no error of ours');

# ---- an agent works, in his browser ----------------------------------------------------------------

sub update
{
	my ($b, $ticket, $text, %option) = @_;
	$b->goto("$rt->{url}/Ticket/Update.html?id=$ticket&Action=" . ($option{action} // 'Comment') . ($option{status} ? "&DefaultStatus=$option{status}" : ''), "$rt->{url}/");
	$b->wait_for('iframe.cke_wysiwyg_frame');
	$b->type_in_frame('iframe.cke_wysiwyg_frame', $text);
	$b->follow('input[name=SubmitTicket]');
	return;
}

$bob->goto("$rt->{url}/Ticket/Display.html?Status=open&id=$id", "$rt->{url}/");
is(of_case($id, 'status'), 'accepted', 'opened: accepted');
is(value(q{SELECT actor FROM triage.events WHERE case_id = ? AND verb = 'accept'}, case_of($id)), 'rt/bob', '... by him');
update($bob, $id, '已到现场，灯泡已购');
is(of_case($id, 'status'), 'in_progress', 'commented: under way');
is(value(q{SELECT data ->> 'body' FROM triage.events WHERE case_id = ? AND verb = 'feed_back'}, case_of($id)), '已到现场，灯泡已购', '... in his words');
update($bob, $id, '灯泡已更换，路灯已亮', status => 'resolved');
is(of_case($id, 'status'), 'review', 'resolved: for review') or diag explain errors();
is(value(q{SELECT data ->> 'body' FROM triage.events WHERE case_id = ? AND verb = 'resolve'}, case_of($id)), '灯泡已更换，路灯已亮', '... with his last words');
is(look($id)->{status}, 'resolved', 'the ticket is resolved');
$rt->show($bob, $id);
$bob->shot('rt-resolved');

sub replies
{
	return value(q{SELECT string_agg(a.content, ' / ') FROM attachments a JOIN transactions x ON x.id = a.transactionid JOIN users u ON u.id = x.creator
		WHERE x.objectid = ? AND x.objecttype = 'RT::Ticket' AND x.type = 'Correspond' AND u.name = 'router-bot'}, $_[0]);
}

# The case is ended by its centre, in SQL.
sub finish_case
{
	my ($case) = @_;
	rows('SELECT (triage.review($1, true)).status', $case);
	rows(q{SELECT (triage.call_back($1, 'satisfied')).status}, $case) if value('SELECT status FROM triage.cases WHERE case_id = $1', $case) eq 'callback';
	rows('SELECT (triage.close_case($1)).status', $case) if value('SELECT status FROM triage.cases WHERE case_id = $1', $case) ne 'closed';
	return;
}

finish_case(case_of($id));
wait_until(sub { replies($id) }, 'the citizen is told');
like(replies($id), qr/灯泡已更换，路灯已亮/, 'closed: the result is a reply that the citizen sees');
$rt->put($id, { Status => 'open' }, user => 'bob');
is(of_case($id, 'status'), 'dispatched', 'reopened');
is_deeply(errors(), [], 'no error of ours');

# what the case does not allow is put back and said
update($bob, $id, '已转相关部门处理', status => 'resolved');
is(of_case($id, 'status'), 'in_progress', 'a result that says nothing is refused');
isnt(look($id)->{status}, 'resolved', '... the ticket is not resolved either');
like(last_comment($id), qr/未生效 Not done \(resolve\): 未达到办理要求/, '... and the agent reads why');
is($db->do(q{DELETE FROM triage.intake_errors WHERE stage = 'host:resolve'}), 1, '... as does who looks after the system');

# ---- the same matter from two sides -----------------------------------------------------------------

my $called = value(q{SELECT case_id FROM triage.report('110', '东城街道路灯坏了三天没人修', contact => '13800000000', external_ref => 'J-1')});
my $same = $rt->create(Queue => 'Triage', Subject => '路灯', Content => '东城街道路灯坏了三天没人修', CustomFields => { '110编号' => 'J-1' });
is(case_of($same), $called, 'a ticket that names a call is a further source of its case');
is(value('SELECT string_agg(channel, \' \' ORDER BY seq) FROM triage.case_sources WHERE case_id = ?', $called), '110 rt', '... with two sources');
is(look($same)->{owner}, 'bob', '... and shows it');

# ---- time passes --------------------------------------------------------------------------------------

sub clock
{
	my ($by) = @_;
	$db->do(defined $by ? 'ALTER SYSTEM SET triage.now = ' . $db->quote(value('SELECT clock_timestamp() + $1::interval', $by)) : 'ALTER SYSTEM RESET triage.now');
	$db->do(defined $by ? 'ALTER SYSTEM SET triage.now_since = ' . $db->quote(value('SELECT clock_timestamp()')) : 'ALTER SYSTEM RESET triage.now_since');
	$db->do('SELECT pg_reload_conf()');
	return;
}

my $before = look($web)->{priority};
clock('25 minutes');
wait_until(sub { last_comment($web) =~ /时限将至/ }, 'the reminder');
like(last_comment($web), qr/时限将至，提醒承办单位 Time limit near: remind the unit: 签收 accept, 期限 due 20\d\d-/, 'a reminder in words');
is(look($web)->{priority}, $before, '... the priority stays');
clock('3 hours');
wait_until(sub { look($web)->{priority} == 100 }, 'the escalation');
wait_until(sub { last_comment($web) =~ /督办/ }, 'its words');
pass('overdue: priority and comment tell of the escalation');
my $dave = $rt->login('dave');
$dave->goto("$rt->{url}/Ticket/History.html?id=$web");
ok($dave->shows('严重超时'), '... on the page');
ok($dave->shows('High'), '... as RT\'s highest priority') || diag $dave->text;
$dave->shot('rt-overdue');
clock();

# ---- moved by the case, by a form that is too old, by an agent -------------------------------------------

my $t = $rt->create(Queue => 'Triage', Subject => '路灯', Content => '东城街道路灯坏了，一直不亮');
is(look($t)->{queue}, '路灯所', 'routed');
$bob->goto("$rt->{url}/Ticket/Modify.html?id=$t", "$rt->{url}/");
$bob->wait_for('select[name=Queue]');
rows(q{SELECT (triage.reclassify($1, 'N105')).lead}, case_of($t));
wait_until(sub { look($t)->{queue} eq '村社' }, 'the ticket follows its case');
is(look($t)->{owner}, 'dave', 'the ticket follows the case to its new department');
$bob->fill('input[name=Subject]', '路灯不亮');
$bob->follow('input[name=SubmitTicket]');
is(value('SELECT subject FROM tickets WHERE id = ?', $t), '路灯不亮', 'what an old form was meant for is kept');
is(look($t)->{queue}, '村社', '... what it put back by mistake is not');
is(look($t)->{owner}, 'dave', '... nor whom it names');
is(of_case($t, 'status'), 'dispatched', '... and nobody has signed by that');
like(last_comment($t), qr/表单/, '... as a comment says');
$bob->goto("$rt->{url}/Ticket/History.html?id=$t");
$bob->shot('rt-old-form');
$rt->put($t, { Queue => '城管局' });
is(value(q{SELECT string_agg(a.department, ' ' ORDER BY a.seq) FROM triage.assignments a WHERE a.case_id = ? AND a.status NOT IN ('done', 'withdrawn') AND a.department LIKE 'CITY.%'}, case_of($t)),
	'CITY.330784', 'moved to another department by an agent: passed on');
is(look($t)->{queue}, '城管局', '... and there it stays') or diag explain errors();

# ---- one matter, two tickets --------------------------------------------------------------------------------

my ($a, $b) = map { $rt->create(Queue => 'Triage', Subject => "楼上漏水 $_", Content => "东城街道第 $_ 幢楼上漏水", Requestor => "p$_\@desk.test") } 1, 2;
rows('SELECT (triage.link_case($1, $2)).case_id', case_of($a), case_of($b));
wait_until(sub { value(q{SELECT count(*) FROM links WHERE type = 'RefersTo'}) }, 'the link');
rows('SELECT (triage.merge($1, $2)).case_id', case_of($a), case_of($b));
wait_until(sub { look($a)->{effectiveid} == $b }, 'merged');
$rt->show($bob, $a);
ok($bob->shows('p1@desk.test') && $bob->shows('p2@desk.test'), 'a merged case is a merged ticket, with both who reported');
my $c = $rt->create(Queue => 'Triage', Subject => '楼上漏水 3', Content => '东城街道第 3 幢楼上漏水');
$rt->put($c, { MergeInto => $b });
is(value('SELECT merged_into FROM triage.cases WHERE case_id = ?', case_of($c)), case_of($b), 'tickets merged in RT are merged cases') or diag explain errors();
is($rt->validator, '', 'RT finds nothing wrong');
is_deeply(errors(), [], 'no error of ours');

# ---- many at once ------------------------------------------------------------------------------------------

my $had = value('SELECT max(id) FROM tickets');
my @pids;
for my $worker (1 .. 4)
{
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		my $failed = 0;
		for my $n (1 .. 20)
		{
			eval { $rt->create(Queue => 'Triage', Subject => "路灯 $worker.$n", Content => "东城街道 $worker 弄 $n 号路灯坏了", Requestor => "r$worker-$n\@desk.test") } or $failed++;
		}
		$db->{InactiveDestroy} = 1;
		POSIX::_exit($failed);
	}
	push @pids, $pid;
}
my $failed = 0;
waitpid($_, 0), $failed += $? >> 8 for @pids;
is($failed, 0, '80 tickets at once, none fails');
is(value(q{SELECT count(*) FROM tickets t JOIN queues q ON q.id = t.queue JOIN triage.host_tickets h ON h.ticket = t.id::text WHERE t.id > ? AND q.name = '路灯所'}, $had), 80, 'all are routed');
is($rt->validator, '', 'RT finds nothing wrong');
is_deeply(errors(), [], 'no error of ours');

# ---- whatever breaks, tickets come in --------------------------------------------------------------------------

sub still { return $rt->create(Queue => 'Triage', Subject => '路灯', Content => '东城街道路灯坏了' . $_[0], Requestor => "$_[0]\@desk.test") }

$db->do('SELECT triage.stop_workers()');
is(look(still('nobody'))->{queue}, '路灯所', 'without workers too');
$db->do('SELECT triage.start_workers()');
$db->do('ALTER TABLE triage.cases ADD CONSTRAINT broken CHECK (body IS NULL) NOT VALID');
my $kept = still('broken');
is(look($kept)->{queue}, 'Triage', 'an error of ours: the ticket is where it was made');
is(value(q{SELECT count(*) FROM triage.intake_errors WHERE payload ->> 'ticket' = $1}, $kept), 1, '... and the error is on record');
$db->do('ALTER TABLE triage.intake_errors ADD CONSTRAINT full_up CHECK (message IS NULL) NOT VALID');
is(look(still('full'))->{queue}, 'Triage', 'even if it cannot be recorded');
$db->do('ALTER TABLE triage.intake_errors DROP CONSTRAINT full_up');
$db->do('ALTER TABLE triage.cases DROP CONSTRAINT broken');
is_deeply(rows('SELECT * FROM triage.retry_intake()'), [ [ 1, 0 ] ], 'what was missed is taken in later');
wait_until(sub { look($kept)->{queue} eq '路灯所' }, 'the ticket is shown');
$db->do('ALTER FUNCTION triage.rt_read(regclass, jsonb, text, jsonb, jsonb) RENAME TO rt_read_gone');
is(look(still('driver'))->{queue}, 'Triage', 'without the driver');
$db->do('ALTER FUNCTION triage.rt_read_gone(regclass, jsonb, text, jsonb, jsonb) RENAME TO rt_read');
is(look(still('again'))->{queue}, '路灯所', 'and with it again');
$db->do('DELETE FROM triage.intake_errors');
my $gone = still('deleted');
$rt->put($gone, { Status => 'deleted' });
rows(q{SELECT (triage.urge($1)).case_id}, case_of($gone));
is_deeply(errors(), [], 'a deleted ticket is no error');
my $empty = $rt->create(Queue => 'Triage', Subject => '', Content => '');
ok($empty, 'a ticket that says nothing');
$db->do('DELETE FROM triage.intake_errors');

# ---- dump, restore, detach -------------------------------------------------------------------------------------

$rt->stop_server;
$db->disconnect;
run_ok({}, 'pg_dump', '-Fc', '-h', '127.0.0.1', '-d', $rt->{name}, '-f', "$ENV{TMPDIR}/rt.dump");
my $admin = Hosts::db('postgres');
$admin->do(qq{DROP DATABASE "$rt->{name}" WITH (FORCE)});
run_ok({}, 'pg_restore', '-h', '127.0.0.1', '-C', '-d', 'postgres', "$ENV{TMPDIR}/rt.dump");
$rt->start;
$db = $rt->db;
is(look(still('restored'))->{queue}, '路灯所', 'a restored RT is attached');
is($rt->validator, '', 'RT finds nothing wrong');
is_deeply(errors(), [], 'no error of ours');
ok(value(q{SELECT triage.detach('tickets')}), 'detached');
my $after = schema_of_rt();
is($after, $dump, 'the host is as it was');
is(look(still('detached'))->{queue}, 'Triage', 'and works as before');

done_testing;
