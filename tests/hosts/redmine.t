# Under Redmine itself: issues made in the browser and by REST come in and are
# routed, its pages show what the case knows, what agents do there becomes a
# verb, and nothing of ours ever stops an issue.
# Source: sql/63_redmine.sql, extension/hosts/
use strict;
use warnings;
use utf8;

use Test::More;
use Time::HiRes ();

use Hosts qw(out_dir http run_ok wait_until db write_file);
use Redmine;

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output, Test::More->builder->failure_output;

my $noise = '工地每天夜里十二点还在打桩，噪音很大，无法休息。';
my $river = '河水发黑发臭，有工厂偷排污水。';

my $redmine = Redmine->new(
	projects => { intake => '受理台', city => '城管执法', eeb => '生态环境', hrss => '人社劳动' },
	people => { alice => [ [ 'intake', 'Reporter' ] ], bob => [ [ 'city', 'Manager' ] ], carol => [ [ 'eeb', 'Developer' ] ],
		dave => [ [ 'hrss', 'Developer' ] ] },
	groups => { '环保值班' => { project => 'eeb', members => ['carol'] } });
my $dbh = $redmine->db;
Hosts::extension($dbh);

# One value, or the row when there are several.
sub sql { my ($q, @values) = @_; return $dbh->selectrow_array($q, undef, @values) }

sub case_of
{
	my ($id) = @_;
	return $dbh->selectrow_hashref(q{SELECT c.* FROM triage.host_tickets h JOIN triage.cases c USING (case_id)
		WHERE h.relation = 'issues'::regclass AND h.ticket = ?}, undef, $id);
}

sub verbs_of
{
	my ($id) = @_;
	return sql(q{SELECT string_agg(e.verb, ' ' ORDER BY e.seq) FROM triage.events e JOIN triage.host_tickets h USING (case_id) WHERE h.ticket = ?}, $id);
}

sub errors { return sql(q{SELECT coalesce(string_agg(concat_ws(' ', stage, sqlstate, message), E'\n'), '') FROM triage.intake_errors WHERE retried_at IS NULL}) }

# What the timekeeper would do, at a time of ours; until nothing is left to show.
sub tick
{
	my ($at) = @_;
	$dbh->do(q{SELECT set_config('triage.now', ?, false)}, undef, $at) if $at;
	for (1 .. 50)
	{
		$dbh->do('SELECT * FROM triage.tick()');
		last unless sql('SELECT count(*) FROM triage.host_queue WHERE retry_at <= triage.clock()');
	}
	return;
}
sub real_time { $dbh->do('RESET triage.now'); return }

sub notes_of { my ($issue) = @_; return join "\n--\n", map { $_->{notes} // '' } @{ $issue->{journals} } }

# ---- attaching ------------------------------------------------------------------

my $mapping = q({"create": true, "projects": ["intake"], "departments": {"CITY": {"project": "city", "assignee": "bob"},
	"EEB": {"project": "eeb", "assignee": "环保值班"}, "HRSS": {"project": "hrss", "assignee": "dave"}, "MSA": "msa"}});

subtest 'attach_redmine() says what is missing, changes nothing, then makes it' => sub {
	my $rows = $dbh->selectall_arrayref('SELECT item, state, detail FROM triage.attach_redmine(?, dry_run => true)', undef, $mapping);
	my %state = map { $_->[0] => $_->[1] } @$rows;
	is($state{'department MSA project'}, 'missing', 'a project that is not there');
	is($state{'user triage'}, 'missing', 'the user who writes');
	is($state{'channel redmine'}, 'missing', 'the channel');
	is($state{'department CITY'}, 'ok', 'and what is there');
	is(sql(q{SELECT count(*) FROM projects}), 4, 'nothing was made');
	ok(!eval { $dbh->do(q{SELECT * FROM triage.attach_redmine('{"projets": []}')}); 1 }, 'a key that means nothing is refused');
	like($@, qr/mean nothing: projets/, 'by name');
	ok(!eval { $dbh->do(q{SELECT * FROM triage.attach_redmine('{"statuses": {"accepted": "Busy"}}')}); 1 }, 'a status that does not exist too');
	like($@, qr/no issue status 'Busy'/, 'with what to do');
	$rows = $dbh->selectall_arrayref('SELECT item, state, detail FROM triage.attach_redmine(?)', undef, $mapping);
	%state = map { $_->[0] => $_->[1] } @$rows;
	is($state{'department MSA project'}, 'created', 'now the project is made');
	is($state{'user triage'}, 'created', 'and the user');
	my ($status, $answer) = $redmine->rest('GET', 'projects/msa.json');
	is($status, 200, 'Redmine knows the project');
	is($answer->{project}{name}, '市场监督管理局', 'by the department\'s name');
	is(sql(q{SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%triage%' AND NOT tgisinternal AND tgrelid = 'issues'::regclass}), 1, 'one trigger on issues');
};

# ---- coming in --------------------------------------------------------------------

my ($by_rest, $by_form);

subtest 'an issue by REST, with an attachment' => sub {
	my $token = $redmine->upload('photo.png', "\x89PNG\r\n\x1a\n" . 'x' x 2000, user => 'alice');
	$by_rest = $redmine->create(user => 'alice', subject => '夜间施工扰民', description => $noise,
		uploads => [ { token => $token, filename => 'photo.png', content_type => 'image/png' } ]);
	my $c = case_of($by_rest);
	is($c->{lead}, 'CITY', 'a case, with the department');
	is($c->{channel}, 'redmine', 'by the channel');
	is($c->{reporter}, 'Alice Desk', 'whose reporter is the author');
	like($c->{body}, qr/\Q夜间施工扰民\E\n\Q$noise\E/, 'and whose text is subject and description');
	my $i = $redmine->issue($by_rest);
	is($i->{project}{name}, '城管执法', 'the issue is in the project of the department');
	is($i->{assigned_to}{name}, 'Bob Desk', 'assigned to its person');
	is($i->{priority}{name}, 'Urgent', 'U2 is the second priority');
	is($i->{status}{name}, 'New', 'new');
	is($i->{due_date}, sql(q{SELECT (k.due_at AT TIME ZONE 'Asia/Shanghai')::date FROM triage.clocks k WHERE k.case_id = ? AND k.stage = 'resolve'}, $c->{case_id}),
		'due on the day of the deadline, by the clock of the place');
	is(scalar @{ $i->{journals} }, 1, 'one entry in the history');
	is($i->{journals}[0]{user}{name}, '分派 Triage', 'of our user');
	my $notes = $i->{journals}[0]{notes};
	like($notes, qr/\Q$c->{number}\E/, 'that names the case');
	like($notes, qr/噪|打桩/, 'the reason');
	like($notes, qr/\d{4}-\d\d-\d\d \d\d:\d\d/, 'and the hour of the deadline');
	is_deeply([ sort map { $_->{name} } @{ $i->{journals}[0]{details} } ], [ sort qw(project_id assigned_to_id due_date priority_id) ], 'and all that changed');
	is(($redmine->rest('GET', "issues/$by_rest.json?include=attachments"))[1]{issue}{attachments}[0]{filesize}, 2008, 'the attachment is there');
	is(sql('SELECT offset_is FROM (SELECT mapping ->> \'offset_minutes\' AS offset_is FROM triage.bindings) x'), 480, 'the clock of the Ruby process is known');
	cmp_ok(abs(sql(q{SELECT extract(epoch FROM j.created_on - i.created_on) FROM issues i JOIN journals j ON j.journalized_id = i.id WHERE i.id = ?}, $by_rest)), '<', 60,
		'and the entry bears the time that Redmine would have written');
	is(errors(), '', 'no error');
};

subtest 'an issue by the form, and the page' => sub {
	my $alice = $redmine->login('alice');
	$alice->goto("$redmine->{url}/projects/intake/issues/new");
	$alice->fill('#issue_subject', '河道污染');
	$alice->fill('#issue_description', $river);
	my $url = $alice->follow('#issue-form input[name=commit]');
	($by_form) = $url =~ m{/issues/(\d+)} or BAIL_OUT("the form led to $url: " . $alice->text);
	ok($alice->shows('生态环境'), 'the author sees the project');
	$alice->shot('redmine-author');
	is(case_of($by_form)->{lead}, 'EEB', 'a case for the department');
	my $carol = $redmine->login('carol');
	$redmine->show($carol, $by_form);
	ok($carol->shows('环保值班'), 'the page shows the group it is assigned to');
	is($carol->text('.priority .value'), 'Urgent', 'the priority');
	like($carol->text('.due-date .value'), qr/\d/, 'a due date');
	like($carol->text('#history'), qr/智能分流/, 'our words in the history');
	like($carol->text('#history'), qr/Project changed from 受理台 to 生态环境/, 'the move');
	like($carol->text('#history'), qr/Assignee set to 环保值班/, 'the assignee');
	$carol->shot('redmine-agent');
};

# ---- what agents do -----------------------------------------------------------------

# Opens the edit form of an issue.
sub edit { my ($b, $id) = @_; $b->goto("$redmine->{url}/issues/$id/edit"); return $b }
sub submit { my ($b) = @_; return $b->follow('#issue-form input[name=commit]') }

subtest 'an agent takes, answers, resolves and closes in the browser' => sub {
	my $bob = $redmine->login('bob');
	edit($bob, $by_rest)->choose('#issue_status_id', '2');
	submit($bob);
	is(case_of($by_rest)->{status}, 'accepted', 'In Progress accepts');
	is(sql(q{SELECT e.actor FROM triage.events e JOIN triage.host_tickets h USING (case_id) WHERE h.ticket = ? AND e.verb = 'accept'}, $by_rest), 'redmine/bob', 'in his name');
	edit($bob, $by_rest)->fill('#issue_notes', '已到现场，责令施工方夜间停工。');
	submit($bob);
	is(case_of($by_rest)->{status}, 'in_progress', 'a note is feedback');
	edit($bob, $by_rest)->choose('#issue_status_id', '3');
	$bob->fill('#issue_notes', '施工方已停止夜间施工，居民确认安静。');
	submit($bob);
	is(case_of($by_rest)->{status}, 'review', 'Resolved resolves');
	is(case_of($by_rest)->{outcome}, 'resolved', 'with the outcome');
	is($redmine->issue($by_rest)->{status}{name}, 'Resolved', 'and the issue stays as he left it');
	edit($bob, $by_rest)->choose('#issue_status_id', '5');
	submit($bob);
	is(case_of($by_rest)->{status}, 'closed', 'Closed closes');
	is($redmine->issue($by_rest)->{status}{name}, 'Closed', 'closed on the page');
	$redmine->show($bob, $by_rest);
	ok($bob->shows('CLOSED'), 'as the page says');
	$bob->shot('redmine-closed');
	is(errors(), '', 'no error');
};

subtest 'reopening' => sub {
	my $bob = $redmine->login('bob');
	edit($bob, $by_rest)->choose('#issue_status_id', '1');
	$bob->fill('#issue_notes', '居民反映又开始夜间施工。');
	submit($bob);
	is(case_of($by_rest)->{status}, 'dispatched', 'an open status again reopens the case');
	is($redmine->issue($by_rest)->{status}{name}, 'New', 'the issue is open');
};

subtest 'a member of the group takes an issue' => sub {
	is($redmine->put($by_form, { assigned_to_id => sql(q{SELECT id FROM users WHERE login = 'carol'}) }, user => 'carol'), 204, 'by REST');
	is(case_of($by_form)->{status}, 'accepted', 'which accepts it');
	is($redmine->issue($by_form)->{assigned_to}{name}, 'Carol Desk', 'and stays hers');
	is(case_of($by_form)->{lead}, 'EEB', 'for her department');
};

subtest 'the author adds words, strangers change nothing' => sub {
	my $id = $redmine->create(user => 'alice', subject => '夜间施工', description => $noise);
	$redmine->put($id, { notes => '补充：在金都社区东门旁边。' }, user => 'alice');
	like(case_of($id)->{body}, qr/金都社区东门/, 'the author\'s note is part of the report');
	my $verbs = verbs_of($id);
	$redmine->put($id, { notes => '我们部门收到类似投诉。' }, user => 'dave');
	is(verbs_of($id), $verbs, 'a stranger\'s note is none');
	is(errors(), '', 'no error');
};

subtest 'an agent moves an issue to another department' => sub {
	my $id = $redmine->create(user => 'alice', subject => '夜间施工', description => $noise);
	is($redmine->put($id, { project_id => sql(q{SELECT id FROM projects WHERE identifier = 'hrss'}), notes => '涉及工人工资，请人社处理。' }), 204, 'by REST');
	is(sql(q{SELECT string_agg(a.department || ' ' || a.duty, ', ') FROM triage.assignments a JOIN triage.host_tickets h USING (case_id)
		WHERE h.ticket = ? AND a.department = 'HRSS'}, $id), 'HRSS assist', 'the other department has a part in the case');
	is($redmine->issue($id)->{project}{name}, '人社劳动', 'and the issue stays where he put it');
	is(errors(), '', 'no error');
};

subtest 'a form opened before' => sub {
	my $id = $redmine->create(user => 'alice', subject => '夜间施工', description => $noise);
	my $bob = $redmine->login('bob');
	edit($bob, $id);
	$dbh->do(q{SELECT triage.supervise((SELECT case_id FROM triage.host_tickets WHERE ticket = ?), '领导批示')}, undef, $id);
	tick();
	like(notes_of($redmine->issue($id)), qr/督办/, 'the issue changed meanwhile');
	$bob->choose('#issue_priority_id', '1');
	submit($bob);
	is($bob->count('.conflict'), 1, 'Redmine tells him');
	$bob->shot('redmine-conflict');
	is($redmine->issue($id)->{priority}{name}, 'Urgent', 'and nothing is overwritten');
};

# ---- time -----------------------------------------------------------------------------

subtest 'a deadline comes and passes' => sub {
	my $id = $redmine->create(user => 'alice', subject => '夜间施工', description => $noise);
	my $c = case_of($id);
	is($redmine->issue($id)->{priority}{name}, 'Urgent', 'U2 at first');
	my $due = sub { sql(q{SELECT started_at + (due_at - started_at) * ?::float FROM triage.clocks WHERE case_id = ? AND stage = 'accept' AND state = 'running' ORDER BY due_at LIMIT 1}, $_[0], $c->{case_id}) };
	my ($near, $past) = ($due->(0.85), $due->(1.1));
	tick($near);
	my $bob = $redmine->login('bob');
	$redmine->show($bob, $id);
	like($bob->text('#history'), qr/时限将至/, 'the reminder is on the page');
	is($redmine->issue($id)->{priority}{name}, 'Urgent', 'the priority is as it was');
	$bob->shot('redmine-reminder');
	tick($past);
	$redmine->show($bob, $id);
	like($bob->text('#history'), qr/已超时限/, 'so is the escalation');
	is($bob->text('.priority .value'), 'Immediate', 'which raises the priority');
	$bob->shot('redmine-escalation');
	real_time();
	is($redmine->put($id, { priority_id => 3 }), 204, 'an agent lowers it');
	is($redmine->issue($id)->{priority}{name}, 'High', 'and it stays so');
	is(errors(), '', 'no error');
};

# ---- the same matter ------------------------------------------------------------------

subtest 'two issues of one matter' => sub {
	my ($one, $two) = map { $redmine->create(user => 'alice', subject => "夜间施工 $_", description => $noise) } 1, 2;
	$dbh->do('SELECT triage.link_case(?, ?)', undef, case_of($two)->{case_id}, case_of($one)->{case_id});
	tick();
	my $i = $redmine->issue($two);
	is($i->{relations}[0]{relation_type}, 'relates', 'are related');
	my $bob = $redmine->login('bob');
	$redmine->show($bob, $one);
	like($bob->text('#relations'), qr/#$two/, 'on both pages');
	like($bob->text('#history'), qr/Related to|related/i, 'with an entry in the history');
	$bob->shot('redmine-relation');
	my $relations = sql('SELECT count(*) FROM issue_relations');
	tick();
	is(sql('SELECT count(*) FROM issue_relations'), $relations, 'once');

	$dbh->do('SELECT triage.merge(?, ?)', undef, case_of($two)->{case_id}, case_of($one)->{case_id});
	tick();
	$i = $redmine->issue($two);
	is($i->{status}{name}, 'Closed', 'merged: the other is closed');
	like(notes_of($i), qr/并案/, 'with the words');
	is(errors(), '', 'no error');
};

# ---- nothing harms an issue --------------------------------------------------------------

subtest 'places an issue must not go' => sub {
	$dbh->do(q{UPDATE projects SET is_public = false WHERE identifier = 'city'});
	my $id = $redmine->create(user => 'alice', subject => '夜间施工', description => $noise);
	is($redmine->issue($id)->{project}{name}, '受理台', 'out of its author\'s sight');
	like(notes_of($redmine->issue($id)), qr/不公开/, 'why stands in the history');
	is(($redmine->rest('GET', "issues/$id.json", undef, user => 'alice'))[0], 200, 'and he can read it');
	$dbh->do(q{UPDATE projects SET is_public = true, status = 5 WHERE identifier = 'city'});
	$id = $redmine->create(user => 'alice', subject => '夜间施工', description => $noise);
	is($redmine->issue($id)->{project}{name}, '受理台', 'into a closed project');
	$dbh->do(q{UPDATE projects SET status = 1 WHERE identifier = 'city'});
	my $parent = $redmine->create(user => 'alice', subject => '杂项', description => '汇总');
	$id = $redmine->create(subject => '夜间施工', description => $noise, parent_issue_id => $parent);
	is($redmine->issue($id)->{project}{name}, '受理台', 'away from its parent');
	is(($redmine->rest('GET', "issues/$parent.json"))[0], 200, 'whose page is whole');
	is(errors(), '', 'no error');
};

subtest 'eighty at once' => sub {
	my $before = sql('SELECT count(*) FROM triage.host_tickets');
	my (@pids, $bad);
	for my $worker (1 .. 8)
	{
		my $pid = fork // die "fork: $!";
		if ($pid == 0)
		{
			$dbh->{InactiveDestroy} = 1;
			my $ok = eval { $redmine->create(user => 'alice', subject => "夜间施工 $worker-$_", description => $noise) for 1 .. 10; 1 };
			require POSIX;
			POSIX::_exit($ok ? 0 : 1);
		}
		push @pids, $pid;
	}
	for (@pids) { waitpid $_, 0; $bad++ if $? }
	ok(!$bad, 'no error');
	is(sql('SELECT count(*) FROM triage.host_tickets') - $before, 80, 'each is a case');
	is(sql(q{SELECT count(*) FROM issues i JOIN projects p ON p.id = i.project_id WHERE i.subject ~ '^夜间施工 [0-9]+-' AND p.identifier = 'city'}), 80, 'in its project');
	is(errors(), '', 'no error of ours');
};

subtest 'without our workers, with broken rules, without a column' => sub {
	$dbh->do('SELECT triage.stop_workers()');
	my $id = $redmine->create(user => 'alice', subject => '夜间施工', description => $noise);
	is(case_of($id)->{lead}, 'CITY', 'no worker: routed all the same');
	$dbh->do('SELECT triage.start_workers()');

	$dbh->do(q{CREATE FUNCTION public.broken() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''broken''; END'});
	$dbh->do(q{CREATE TRIGGER broken BEFORE INSERT ON triage.cases FOR EACH ROW EXECUTE FUNCTION public.broken()});
	$id = $redmine->create(user => 'alice', subject => '夜间施工', description => $noise);
	is(($redmine->rest('GET', "issues/$id.json"))[0], 200, 'intake is broken: the issue is there');
	is($redmine->issue($id)->{project}{name}, '受理台', 'where it was made');
	$dbh->do('DROP FUNCTION public.broken() CASCADE');
	like(errors(), qr/host:take_in/, 'and the error is kept');
	$dbh->do('SELECT * FROM triage.retry_intake()');
	is(case_of($id)->{lead}, 'CITY', 'taken in when it is mended');

	$dbh->do('ALTER TABLE journal_details RENAME COLUMN prop_key TO prop_key_away');
	my ($status) = $redmine->rest('POST', 'issues.json', { issue => { project_id => 'intake', tracker_id => 3, subject => '夜间施工', description => $noise } }, user => 'alice');
	is($status, 201, 'a column that we write is gone: the issue is there');
	$dbh->do('ALTER TABLE journal_details RENAME COLUMN prop_key_away TO prop_key');
};

subtest 'an issue is deleted' => sub {
	my $id = $redmine->create(user => 'alice', subject => '夜间施工', description => $noise);
	my $case = case_of($id)->{case_id};
	is(($redmine->rest('DELETE', "issues/$id.json"))[0], 204, 'Redmine deletes it');
	$dbh->do(q{SELECT triage.supervise(?, '催')}, undef, $case);
	tick();
	is(sql('SELECT status FROM triage.cases WHERE case_id = ?', $case), 'dispatched', 'its case goes on');
};

subtest 'dump and restore' => sub {
	my $file = "$ENV{TRIAGE_TMP}/tmp/redmine.dump";
	run_ok({}, 'pg_dump', '-Fc', '-f', $file, 'redmine');
	run_ok({}, 'createdb', 'restored');
	run_ok({}, 'pg_restore', '--exit-on-error', '-d', 'restored', $file);
	my $copy = db('restored');
	is($copy->selectrow_array('SELECT count(*) FROM triage.host_tickets'), sql('SELECT count(*) FROM triage.host_tickets'), 'the tickets are there');
	is($copy->selectrow_array(q{SELECT state FROM triage.bindings}), 'active', 'and the binding');
	# an issue as Redmine makes it
	my ($id) = $copy->selectrow_array(q{INSERT INTO issues (tracker_id, project_id, subject, description, status_id, priority_id, author_id, created_on, updated_on, root_id, lft, rgt)
		SELECT tracker_id, project_id, ?, ?, 1, 2, author_id, localtimestamp, localtimestamp, NULL, 1, 2 FROM issues i JOIN projects p ON p.id = i.project_id WHERE p.identifier = 'intake' LIMIT 1 RETURNING id}, undef, '夜间施工', $noise);
	is($copy->selectrow_array(q{SELECT p.identifier FROM issues i JOIN projects p ON p.id = i.project_id WHERE i.id = ?}, undef, $id), 'city', 'a new issue is routed there');
	$copy->disconnect;
};

subtest 'detach' => sub {
	is(sql(q{SELECT triage.detach('issues')}), 1, 'ends it');
	my $id = $redmine->create(user => 'alice', subject => '夜间施工', description => $noise);
	is($redmine->issue($id)->{project}{name}, '受理台', 'issues stay where they are made');
	is(sql(q{SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%triage%' AND NOT tgisinternal AND tgrelid IN ('issues'::regclass, 'journals'::regclass)}), 0, 'no trigger is left');
};

$dbh->disconnect;
done_testing;
