# The driver of Request Tracker by itself: what rt_read() makes of rows that a
# real RT writes, and what RT makes of what rt_write() writes.
# Source: sql/62_rt.sql
use strict;
use warnings;
use utf8;

use Encode ();
use Hosts qw(extension);
use JSON::PP ();
use MIME::Base64 ();
use RT;
use Test::More;

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output, Test::More->builder->failure_output, Test::More->builder->todo_output;
my $json = JSON::PP->new->canonical;

my $rt = RT->new(users => [qw(bob dave erin)], queues => ['Triage']);
my $db = $rt->db;
extension($db);

sub value { return scalar $db->selectrow_array(shift, undef, @_) }

# ---- what is missing, and RT's own tool that makes it ----------------------------------

my $squad = 'T_SQUAD.330784001';
my $given = $json->encode({ organization => 'desk.test', intake => ['Triage'],
	departments => { $squad => { queue => "东城'处置队", owner => 'bob' }, 'T_ENF' => { queue => '执法队', group => '执法组' } }, default => 'Triage' });
is_deeply($db->selectcol_arrayref(q{SELECT e.value ->> 0 FROM triage.rt_complete($1::jsonb) c, jsonb_array_elements(c.report) e(value) WHERE e.value ->> 1 <> 'ok' ORDER BY 1}, undef, $given),
	[ 'department T_ENF', "department $squad", 'user router-bot' ], 'what is missing is listed');
eval { $db->do(q{SELECT * FROM triage.attach_rt($1::jsonb)}, undef, $given) };
is($db->state, 'TR003', 'attach_rt() refuses');
like($@, qr/rt-setup-database-5 --action insert/, 'and says what to do');
$rt->initialdata(value('SELECT triage.rt_initialdata($1::jsonb)', $given));
is_deeply($db->selectcol_arrayref(q{SELECT e.value ->> 0 FROM triage.rt_complete($1::jsonb) c, jsonb_array_elements(c.report) e(value) WHERE e.value ->> 1 <> 'ok'}, undef, $given),
	['department T_ENF'], 'a group without members is told');
$db->do(q{INSERT INTO groupmembers (groupid, memberid) SELECT g.id, u.id FROM groups g, users u WHERE g.name = '执法组' AND u.name IN ('dave', 'erin')});
$db->do(q{INSERT INTO cachedgroupmembers (id, groupid, memberid, via, immediateparentid, disabled)
	SELECT i.id, g.id, u.id, i.id, g.id, 0 FROM groups g, users u, LATERAL (SELECT nextval('cachedgroupmembers_id_seq') AS id WHERE u.id > 0) i WHERE g.name = '执法组' AND u.name IN ('dave', 'erin')});
my $report = value('SELECT report FROM triage.rt_complete($1::jsonb)', $given);
unlike($report, qr/"missing"|"problem"/, 'now nothing') or diag $report;
my $map = value('SELECT complete FROM triage.rt_complete($1::jsonb)', $given);

# ---- a trigger that only notes -----------------------------------------------------------

$db->do(q{CREATE TABLE notes (n serial, event jsonb)});
$db->do(q{CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
	DECLARE e jsonb;
	BEGIN
		e := triage.rt_read('public.tickets', (SELECT m FROM public.map), 'public.transactions', to_jsonb(NEW), NULL);
		IF e IS NOT NULL THEN INSERT INTO public.notes (event) VALUES (e); END IF;
		RETURN NULL;
	END $$});
$db->do(q{CREATE TABLE map AS SELECT $1::jsonb AS m}, undef, $map);
$db->do(q{CREATE CONSTRAINT TRIGGER note AFTER INSERT ON transactions DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note()});

# The events since this was last asked.
sub events
{
	my $rows = $db->selectcol_arrayref('WITH d AS (DELETE FROM notes RETURNING n, event) SELECT event FROM d ORDER BY n');
	return [ map { $json->decode($_) } @$rows ];
}

sub body { return events()->[0]{body} }

sub look
{
	my ($id) = @_;
	return $db->selectrow_hashref(q{SELECT q.name AS queue, u.name AS owner, t.due::text, t.priority, t.status, t.effectiveid, t.ismerged
		FROM tickets t JOIN queues q ON q.id = t.queue JOIN users u ON u.id = t.owner WHERE t.id = ?}, undef, $id);
}

sub write_case
{
	my ($id, %doc) = @_;
	return $db->do(q{SELECT triage.rt_write('public.tickets', $1::jsonb, $2, $3::jsonb)}, undef, $map, $id, $json->encode(\%doc));
}

# ---- reading -----------------------------------------------------------------------------

my $id = $rt->create(Queue => 'Triage', Subject => '墙壁漏水', Content => '东城街道某小区车库墙壁漏水，物业公司推诿不管');
my $e = events();
is(@$e, 1, 'one event for a new ticket');
is_deeply([ @{ $e->[0] }{qw(event ticket body reporter contact)} ],
	[ 'create', "$id", "墙壁漏水\n东城街道某小区车库墙壁漏水，物业公司推诿不管", 'alice@desk.test', 'alice@desk.test' ], 'text, reporter, contact');
is(value(q{SELECT abs(extract(epoch FROM $1::timestamptz - clock_timestamp())) < 60}, $e->[0]{reported_at}), 1, 'when');
$rt->create(Queue => 'General', Subject => 'elsewhere', Content => 'not for us');
is_deeply(events(), [], 'other queues are left alone');
$rt->create(Queue => 'Triage', Subject => 'page', Content => '<p>K&uuml;che&nbsp;und <b>路灯</b><br>坏了</p><script>x()</script>', ContentType => 'text/html');
like(body(), qr/^page\nKüche\x{a0}und 路灯\n坏了$/, 'a page');
$rt->create(Queue => 'Triage', Subject => 'only a subject');
is(body(), 'only a subject', 'no text');
$rt->create(Queue => 'Triage', Subject => '路灯坏了', Content => "路灯坏了，三天没人修");
is(body(), '路灯坏了，三天没人修', 'a subject that the text begins with is said once');
my $file = { FileName => '照片.txt', FileType => 'text/plain', FileContent => MIME::Base64::encode_base64(Encode::encode('UTF-8', '附件里的字'), '') };
$rt->create(Queue => 'Triage', Subject => 'file', Content => '见附件', AttachmentsContents => [$file]);
is(body(), "file\n见附件", 'attached files are no text');

my %mail = (
	'quoted-printable' => [ "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n", "=E8=B7=AF=E7=81=AF=\n=E5=9D=8F=E4=BA=86\n" ],
	'GBK' => [ "Content-Type: text/plain; charset=gbk\nContent-Transfer-Encoding: 8bit\n", Encode::encode('cp936', "路灯坏了\n") ],
	'multipart' => [ "Content-Type: multipart/mixed; boundary=b1\n", "--b1\nContent-Type: multipart/alternative; boundary=b2\n\n--b2\nContent-Type: text/html; charset=utf-8\n\n<p>page</p>\n"
		. "--b2\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n" . MIME::Base64::encode_base64(Encode::encode('UTF-8', '路灯坏了'))
		. "\n--b2--\n--b1\nContent-Type: text/plain; name=a.txt\nContent-Disposition: attachment; filename=a.txt\n\nin a file\n--b1--\n" ],
	'broken' => [ "Content-Type: multipart/mixed; boundary=missing\n", Encode::encode('UTF-8', "路灯坏了\n") ],
);
for my $kind (sort keys %mail)
{
	$rt->mail('Triage', "From: carol\@desk.test\nTo: rt\@desk.test\nSubject: mail\nMIME-Version: 1.0\n$mail{$kind}[0]\n$mail{$kind}[1]");
	my $got = events();
	# of a form without parts RT itself keeps the subject only
	is($got->[0]{body}, $kind eq 'broken' ? 'mail' : "mail\n路灯坏了", "mail, $kind");
	is($got->[0]{reporter}, 'carol@desk.test', '... from whom');
}

# ---- writing -----------------------------------------------------------------------------

my $due = '2026-12-01T09:30:15.789+08:00';
write_case($id, first => \1, case_id => 1, number => 'X1', department => $squad, due_at => $due, status => 'dispatched', priority => 2, colour => 'blue',
	comment => "理由：漏水\nReason: leak");
is_deeply(events(), [], 'our own rows mean nothing');
is_deeply(look($id), { queue => "东城'处置队", owner => 'bob', due => '2026-12-01 01:30:15', priority => 75, status => 'new', effectiveid => $id, ismerged => undef }, 'written');
is($rt->ticket($id)->{Due}, '2026-12-01T01:30:15Z', 'as RT tells');
is($rt->validator, '', 'RT finds nothing wrong');
my $history = value('SELECT count(*) FROM transactions WHERE objectid = ?', $id);
write_case($id, department => $squad, due_at => $due, status => 'dispatched', priority => 2);
is(value('SELECT count(*) FROM transactions WHERE objectid = ?', $id), $history, 'nothing is written where nothing differs');
my $bob = $rt->login('bob');
$rt->show($bob, $id);
ok($bob->shows('理由：漏水'), 'the page shows the comment');
my $page = $bob->text;
like($page, qr/Queue:\s*东城'处置队/, '... the queue');
like($page, qr/Owner:\s*bob/, '... the owner');
like($page, qr/Due:\s*Tue Dec 0?1 01:30:15 2026/, '... the deadline');
like($page, qr/Priority:\s*Medium/, '... the priority');
$bob->shot('rt-driver-dispatched');

# ---- agents ------------------------------------------------------------------------------

sub verbs { return [ map { my $x = $_; [ $x->{by}, map { my $v = $_; [ $v->{verb}, map { $v->{$_} // () } qw(department body reason outcome into) ] } @{ $x->{verbs} } ] } @{ events() } ] }

$rt->put($id, { Status => 'open' }, user => 'bob');
is_deeply(verbs(), [ [ 'bob', [ 'accept', $squad ] ] ], 'opened');
$rt->say('comment', $id, '已到现场', user => 'bob');
is_deeply(verbs(), [ [ 'bob', [ 'feed_back', $squad, '已到现场' ] ] ], 'the owner\'s comment');
$rt->say('comment', $id, 'by the way', user => 'dave');
is_deeply(verbs(), [], 'somebody else\'s comment');
$rt->mail('Triage', Encode::encode('UTF-8', "From: alice\@desk.test\nTo: rt\@desk.test\nSubject: Re: [desk.test #$id] x\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n补充：车位也湿了\n"));
is_deeply(verbs(), [ [ 'alice@desk.test', [ 'append_text', '补充：车位也湿了' ] ] ], 'the citizen adds something');
$rt->say('comment', $id, '已堵漏，完成', user => 'bob');
$rt->put($id, { Status => 'resolved' }, user => 'bob');
is_deeply(verbs()->[-1], [ 'bob', [ 'resolve', '已堵漏，完成', 'resolved' ] ], 'resolved, with the last words');
$rt->put($id, { Status => 'open' }, user => 'bob');
is(verbs()->[0][1][0], 'reopen', 'reopened');
$rt->put($id, { Queue => '执法队' });
is_deeply(verbs(), [], 'a queue that several departments share means no verb') ;

# taken by somebody, from nobody
my $second = $rt->create(Queue => 'Triage', Subject => '占道', Content => '小贩占道经营');
events();
write_case($second, first => \1, department => 'T_ENF.330784001', due_at => $due, status => 'dispatched', priority => 3);
is(look($second)->{owner}, 'dave', 'of a group, who has least to do');
my $third = $rt->create(Queue => 'Triage', Subject => '占道', Content => '小贩占道经营');
write_case($third, first => \1, department => 'T_ENF.330784001', due_at => $due, status => 'dispatched', priority => 3);
is(look($third)->{owner}, 'erin', '... the next one');
events();
$rt->rest('PUT', "ticket/$third/take", undef, user => 'bob');
$rt->rest('PUT', "ticket/$third/steal", undef, user => 'bob');
is_deeply(verbs(), [ [ 'bob', ['accept'] ] ], 'taken over');
write_case($third, department => 'T_ENF.330784001', due_at => $due, status => 'accepted', priority => 3);
is_deeply([ @{ look($third) }{qw(owner status)} ], [ 'bob', 'open' ], 'who took it keeps it');

# ---- an outdated form ----------------------------------------------------------------------

my $late = $rt->create(Queue => 'Triage', Subject => '漏水', Content => '楼上漏水');
events();
write_case($late, first => \1, department => $squad, due_at => $due, status => 'dispatched', priority => 1);
$rt->put($late, { Queue => 'Triage', Priority => 0 }, user => 'bob');
my $stale = events();
is_deeply([ map { [ $_->{show} ? 1 : 0, scalar @{ $_->{verbs} } ] } @$stale ], [ [ 1, 0 ], [ 1, 0 ] ], 'old values put back are no verb');
write_case($late, department => $squad, due_at => $due, status => 'dispatched', priority => 1);
is_deeply([ @{ look($late) }{qw(queue priority)} ], [ "东城'处置队", 100 ], 'they are restored');
like($json->encode([ $db->selectcol_arrayref(q{SELECT a.content FROM attachments a JOIN transactions x ON x.id = a.transactionid WHERE x.objectid = ?}, undef, $late) ]), qr/表单/, '... and a comment says so');
$rt->put($late, { Queue => 'Triage', Priority => 0 }, user => 'bob');
is_deeply(verbs()->[0][1][0], 'request_return', 'who does it again means it');
write_case($late, department => $squad, due_at => $due, status => 'return_requested', priority => 1);
is_deeply([ @{ look($late) }{qw(queue priority)} ], [ 'Triage', 0 ], '... and it stands');
write_case($late, department => $squad, due_at => $due, status => 'dispatched', priority => 1, colour => 'red', comment => '超期 overdue');
write_case($second, department => 'T_ENF.330784001', due_at => $due, status => 'dispatched', priority => 3, colour => 'red', comment => '超期 overdue');
is(look($second)->{priority}, 100, 'overdue raises the priority');

# ---- links, merges, the end -----------------------------------------------------------------

write_case($second, department => 'T_ENF.330784001', due_at => $due, status => 'dispatched', priority => 3, colour => 'red',
	links => [ { ticket => "$third", kind => 'related' }, { ticket => '999999', kind => 'related' } ]);
write_case($third, department => 'T_ENF.330784001', due_at => $due, status => 'accepted', priority => 3, links => [ { ticket => "$second", kind => 'related' } ]);
is(value(q{SELECT count(*) FROM links WHERE type = 'RefersTo'}), 1, 'linked once, whichever side tells');
$rt->show($bob, $second);
ok($bob->shows("#$third: 占道"), 'the page shows the link');
write_case($second, merged_into => "$third", status => 'merged');
is_deeply([ @{ look($second) }{qw(effectiveid ismerged)} ], [ $third, 1 ], 'merged');
is($rt->ticket($second)->{id}, $third, 'RT shows the other');
is($rt->validator, '', 'RT finds nothing wrong');
write_case($second, status => 'merged', comment => 'x', department => $squad);
is($rt->validator, '', 'a merged ticket is left alone');
events();
$rt->put($late, { MergeInto => $third });
is_deeply(verbs(), [ [ 'root', [ 'merge', "$third" ] ] ], 'merged in RT');
write_case($third, department => 'T_ENF.330784001', status => 'closed', priority => 3, inform => '已劝离。Done.');
is(look($third)->{status}, 'resolved', 'closed');
is($rt->ticket($third)->{Status}, 'resolved', 'as RT tells');
write_case('424242', first => \1, department => $squad, status => 'dispatched', comment => 'x');
is(value('SELECT count(*) FROM transactions WHERE objectid = 424242'), 0, 'a ticket that is gone');
$db->do(q{UPDATE queues SET disabled = 1 WHERE name = '执法队'});
my $lost = $rt->create(Queue => 'Triage', Subject => '占道', Content => '小贩占道经营');
write_case($lost, first => \1, department => 'T_ENF.330784001', due_at => $due, status => 'dispatched', priority => 3, comment => 'x');
is(look($lost)->{queue}, 'Triage', 'a queue that was disabled');
is(value(q{SELECT count(*) FROM attachments a JOIN transactions x ON x.id = a.transactionid WHERE x.objectid = ? AND a.content LIKE '%attach_rt()%'}, $lost), 1, '... is told on the ticket');
is($rt->validator, '', 'RT finds nothing wrong');

done_testing;
