# What can be wrong around a Redmine, by REST: files and texts of 20 MB, issues
# that say nothing; and what its administrators do under the plug-in: projects,
# groups and statuses renamed or gone, our user gone, issues deleted, rights
# not granted.  Redmine's own request always succeeds; what does not is told
# where one looks.
# Source: sql/63_redmine.sql, extension/hosts/
use strict;
use warnings;
use utf8;

use Encode ();
use Hosts qw(extension http);
use JSON::PP ();
use Redmine;
use Test::More;

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output, Test::More->builder->failure_output;
my $json = JSON::PP->new->canonical;

my $noise = '工地每天夜里十二点还在打桩，噪音很大，无法休息。';
my $river = '河水发黑发臭，有工厂偷排污水。';
my $redmine = Redmine->new(
	name => 'redminebad',
	projects => { intake => '受理台', city => '城管执法', eeb => '生态环境' },
	people => { alice => [ [ 'intake', 'Reporter' ] ], bob => [ [ 'city', 'Manager' ] ], carol => [ [ 'eeb', 'Developer' ] ] },
	groups => { '环保值班' => { project => 'eeb', members => ['carol'] } });
my $db = $redmine->db;
extension($db);
# no second one that works in between
$db->do('SELECT triage.stop_workers()');

sub value { return scalar $db->selectrow_array(shift, undef, @_) }
sub case_of { return $db->selectrow_hashref('SELECT c.* FROM triage.host_tickets h JOIN triage.cases c USING (case_id) WHERE h.ticket = ?', undef, "$_[0]") }
sub errors { return value(q{SELECT coalesce(string_agg(concat_ws(' ', stage, sqlstate, message), '; ' ORDER BY error_id), '') FROM triage.intake_errors WHERE retried_at IS NULL}) }
sub health { return join ' ', $db->selectrow_array(q{SELECT state, value FROM triage.health() WHERE item = 'host public.issues'}) }
sub tick { $db->do('SELECT * FROM triage.tick()'); return }
sub project_of { return $redmine->issue($_[0])->{project}{name} }
sub notes_of { return join "\n", map { $_->{notes} // '' } @{ $redmine->issue($_[0])->{journals} } }
sub notes_by { return $redmine->issue($_[0])->{journals}[0]{user}{name} }
sub report { my ($more, %values) = @_; return $redmine->create(user => 'alice', subject => '夜间施工', description => "$noise$more", %values) }

# ---- what attach_redmine() refuses -----------------------------------------------------------

my %given = (create => JSON::PP::true, projects => ['intake'], departments => { CITY => { project => 'city', assignee => 'bob' }, EEB => { project => 'eeb', assignee => '环保值班' } });

sub refusal
{
	my (%more) = @_;
	return '' if eval { $db->do('SELECT * FROM triage.attach_redmine(?)', undef, $json->encode({ %given, %more })); 1 };
	return $db->state . ' ' . $@;
}

like(refusal(create => JSON::PP::false), qr/^TR003 .*user triage: Administration > Users > New user/s, 'without our user: how to make it');
like(refusal(projects => ['reception']), qr/^TR003 .*project reception: new issues of it are to be taken in, but there is no such project/s, 'a project that does not exist');
like(refusal(statuses => { review => 'Checked' }), qr/^TR003 .*no issue status 'Checked': Administration > Issue statuses/s, 'a status that does not exist');
like(refusal(trackers => ['Complaint']), qr/^TR003 .*no such tracker/s, 'a tracker that does not exist');
like(refusal(departments => { NOBODY => 'city' }), qr/^TR003 .*department NOBODY: no active row of triage\.departments/s, 'a department that does not exist');
like(refusal(departments => { CITY => 7 }), qr/^TR003 .*department CITY: is given as a project/s, 'a department that is a number');
like(refusal(priorities => { 1 => 'Now' }), qr/^TR003 .*no active issue priority 'Now'/s, 'a priority that does not exist');
is(value('SELECT count(*) FROM triage.bindings'), 0, 'nothing of that is attached');
is(refusal(), '', 'attached');
is(project_of(report('甲')), '城管执法', '... and at work');

# ---- much, and nothing --------------------------------------------------------------------------

$redmine->ruby("Setting.attachment_max_size = '51200'\n");
my $big = ('PK' . join('', map { chr(($_ * 37) % 256) } 1 .. 1022)) x (20 * 1024);
my $id = report('乙', uploads => [ { token => $redmine->upload('x.zip', $big, user => 'alice'), filename => 'x.zip', content_type => 'application/zip' } ]);
is(($redmine->rest('GET', "issues/$id.json?include=attachments"))[1]{issue}{attachments}[0]{filesize}, length $big, 'a file of 20 MB');
is(case_of($id)->{body}, "夜间施工\n${noise}乙", '... the words are the case');
is(project_of($id), '城管执法', '... at once');
my $long = report('没人管，' x 1_600_000);
like(case_of($long)->{body}, qr/^夜间施工\n\Q$noise\E/, '19 MB of words: their beginning is the case');
cmp_ok(length Encode::encode('UTF-8', case_of($long)->{body}), '<=', 262_144, '... as much of it as a report may have');
is(value('SELECT count(*) FROM triage.host_queue'), 0, '... within the time a host gives us');
is(length $redmine->issue($long)->{description}, length($noise) + 4 * 1_600_000, '... and Redmine has all of it');
my $mute = $redmine->create(user => 'alice', subject => '？', description => '');
is(case_of($mute)->{status}, 'triage', 'an issue that says nothing waits for a person');
is(errors(), '', 'no error of ours');

# ---- what administrators of Redmine do ------------------------------------------------------------

my $city = value(q{SELECT id FROM projects WHERE identifier = 'city'});
is(($redmine->rest('PUT', "projects/$city.json", { project => { name => '综合执法' } }))[0], 204, 'a project is renamed');
is(project_of(report('丙')), '综合执法', '... its issues find it');
is(($redmine->rest('PUT', 'groups/' . value(q{SELECT id FROM users WHERE lastname = '环保值班'}) . '.json', { group => { name => '环保夜班' } }))[0], 204, 'a group is renamed');
is($redmine->issue($redmine->create(user => 'alice', subject => '河道污染', description => $river))->{assigned_to}{name}, '环保夜班', '... its issues find it');
$redmine->ruby("s = IssueStatus.find(3); s.name = 'Done'; s.save!\n");
is($redmine->put($id, { status_id => 3, notes => '施工方已停止夜间施工，居民确认安静。' }, user => 'bob'), 204, 'a status is renamed');
is(case_of($id)->{status}, 'review', '... and means what it meant');
is(($redmine->rest('DELETE', 'groups/' . value(q{SELECT id FROM users WHERE lastname = '环保夜班'}) . '.json'))[0], 204, 'a group is deleted');
my $orphan = $redmine->create(user => 'alice', subject => '河道污染', description => "${river}丁");
is(project_of($orphan), '生态环境', '... its issues come to the project');
is($redmine->issue($orphan)->{assigned_to}, undef, '... for nobody');
is(($redmine->rest('PUT', "projects/$city/archive.json"))[0], 204, 'a project is archived');
my $stays = report('戊');
is(project_of($stays), '受理台', '... its issues stay');
like(notes_of($stays), qr/project "综合执法" is closed or archived/, '... and say why');
like(health(), qr/^warning project city of department CITY is closed, archived or gone; the person or group of department EEB is locked or gone, /, '... as does health(), of the group too');
is(($redmine->rest('PUT', "projects/$city/unarchive.json"))[0], 204, '(it is back)');
is(errors(), '', 'no error of ours');

my $gone = report('己');
my $case = case_of($gone)->{case_id};
is(($redmine->rest('DELETE', "issues/$gone.json"))[0], 204, 'an issue is deleted');
$db->do('SELECT triage.urge(?)', undef, $case);
tick();
is(value('SELECT status FROM triage.cases WHERE case_id = ?', $case), 'dispatched', '... its case goes on');
is(value('SELECT count(*) FROM triage.host_queue'), 0, '... nothing waits for it');
is(errors(), '', '... which is no error');
is(($redmine->rest('DELETE', "projects/" . value(q{SELECT id FROM projects WHERE identifier = 'eeb'}) . ".json"))[0], 204, 'a project is deleted');
my $lost = $redmine->create(user => 'alice', subject => '河道污染', description => "${river}壬");
is(project_of($lost), '受理台', '... its issues stay');
like(notes_of($lost), qr/its project no longer exists/, '... and say why');

# the user whom we write as
is(($redmine->rest('DELETE', 'users/' . value(q{SELECT id FROM users WHERE login = 'triage'}) . '.json'))[0], 204, 'our user is deleted');
my $unsigned = report('癸');
is(($redmine->rest('GET', "issues/$unsigned.json?include=journals"))[0], 200, '... issues come in all the same');
isnt(case_of($unsigned), undef, '... and are cases');
is(project_of($unsigned), '综合执法', '... in their project');
is((http('GET', "$redmine->{url}/issues/$unsigned"))[0], 200, '... whose page shows them');
like((http('GET', "$redmine->{url}/issues/$unsigned"))[1], qr/主办 Lead/, '... with our words');
is(errors(), '', 'no error of ours');
like(health(), qr/^warning user \d+, in whose name issues are changed, is locked or gone; project \d+ of department EEB /, '... and health() tells what is gone');
is(refusal(create => JSON::PP::false) =~ /user triage: Administration > Users > New user/, 1, 'attaching again says what is missing');
is(refusal(), '', '... or makes it');
is(notes_by(report('子')), '分派 Triage', '... and entries are signed again');

done_testing;
