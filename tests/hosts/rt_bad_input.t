# What people send a Request Tracker that cannot be as it should: mails in
# Chinese encodings and of broken form, files of 20 MB, tickets without text;
# and what its administrators do under the plug-in: queues renamed, of another
# lifecycle, disabled, tickets deleted for good, rights not granted.  RT's own
# request always succeeds; what does not is told where one looks.
# Source: sql/62_rt.sql, extension/hosts/
use strict;
use warnings;
use utf8;

use Encode ();
use Hosts qw(extension run_ok wait_until);
use JSON::PP ();
use MIME::Base64 ();
use RT;
use Test::More;

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output, Test::More->builder->failure_output, Test::More->builder->todo_output;
my $json = JSON::PP->new->canonical;

my $rt = RT->new(users => [qw(bob dave)], queues => [qw(Triage 路灯所 村社 批准)]);
my $db = $rt->db;
extension($db);

sub value { return scalar $db->selectrow_array(shift, undef, @_) }
sub case_of { return $db->selectrow_hashref('SELECT c.* FROM triage.host_tickets h JOIN triage.cases c USING (case_id) WHERE h.ticket = ?', undef, "$_[0]") }
sub queue_of { return value('SELECT q.name FROM tickets t JOIN queues q ON q.id = t.queue WHERE t.id = ?', $_[0]) }
sub comments { return value(q{SELECT string_agg(a.content, ' ' ORDER BY x.id) FROM attachments a JOIN transactions x ON x.id = a.transactionid WHERE x.objectid = ? AND x.type = 'Comment'}, $_[0]) // '' }
sub errors { return value(q{SELECT coalesce(string_agg(concat_ws(' ', stage, sqlstate, message), '; ' ORDER BY error_id), '') FROM triage.intake_errors WHERE retried_at IS NULL}) }
sub health { return join ' ', $db->selectrow_array(q{SELECT state, value FROM triage.health() WHERE item = 'host public.tickets'}) }
sub queue_id { return value('SELECT id FROM queues WHERE name = ?', $_[0]) }
sub last_mailed { return value(q{SELECT max(id) FROM tickets}) }

my $words = '东城街道路灯坏了三天没人修';
my %given = (organization => 'desk.test', intake => ['Triage'],
	departments => { 'U_LIGHT.330784' => { queue => '路灯所', owner => 'bob' }, 'VILLAGE.330784001' => { queue => '村社', owner => 'dave' } }, default => { queue => 'Triage' });

# ---- what attach_rt() refuses ------------------------------------------------------------

sub refusal
{
	my (%more) = @_;
	return '' if eval { $db->do('SELECT * FROM triage.attach_rt($1::jsonb)', undef, $json->encode({ %given, %more })); 1 };
	return $db->state . ' ' . $@;
}

like(refusal(), qr/^TR003 .*user router-bot is missing.*rt-setup-database-5 --action insert/s, 'a user that is not there yet: how to make it');
$rt->initialdata(value('SELECT triage.rt_initialdata($1::jsonb)', $json->encode(\%given)));
like(refusal(intake => ['受理台']), qr/^TR003 .*intake 受理台 is missing.*No such queue/s, 'a queue that does not exist');
like(refusal(departments => { 'U_LIGHT.330784' => { queue => '路灯所', owner => 'eve' } }), qr/^TR003 .*User eve does not exist in RT/s, 'a person who does not exist');
is(($rt->rest('PUT', 'queue/' . queue_id('批准'), { Lifecycle => 'approvals' }))[0], 200, '(a queue gets another lifecycle)');
like(refusal(departments => { 'U_LIGHT.330784' => '批准' }), qr/^TR003 .*has the lifecycle approvals\. Name its statuses/s, 'a queue of a lifecycle whose statuses nobody named');
like(refusal(queues => []), qr/^TR003 .*keys that mean nothing: queues/s, 'a key that means nothing');
like(refusal(departments => { NOBODY => '路灯所' }), qr/^TR003 .*department NOBODY.*no such code or kind/s, 'a department that does not exist');
is(value('SELECT count(*) FROM triage.bindings'), 0, 'nothing of that is attached');



$db->do('SELECT * FROM triage.attach_rt($1::jsonb)', undef, $json->encode(\%given));
my $id = $rt->create(Queue => 'Triage', Subject => '路灯坏了', Content => $words);
is(queue_of($id), '路灯所', 'attached');

# ---- mails ----------------------------------------------------------------------------------

my $head = "From: carol\@desk.test\nTo: rt\@desk.test\nMIME-Version: 1.0\n";
my $b64 = sub { return MIME::Base64::encode_base64($_[0]) };
my %mail = (
	'GBK' => [ "Subject: =?GBK?B?" . MIME::Base64::encode_base64(Encode::encode('cp936', '路灯坏了'), '') . "?=\nContent-Type: text/plain; charset=GBK\nContent-Transfer-Encoding: 8bit\n",
		Encode::encode('cp936', $words), qr/^路灯坏了\n\Q$words\E$/ ],
	'GBK, called GB2312' => [ "Subject: mail\nContent-Type: text/plain; charset=gb2312\nContent-Transfer-Encoding: base64\n", $b64->(Encode::encode('cp936', "$words 朱镕基路")), qr/^mail\n\Q$words\E 朱镕基路$/ ],
	'GB18030' => [ "Subject: =?gb18030?B?" . MIME::Base64::encode_base64(Encode::encode('cp936', '路灯坏了'), '') . "?=\nContent-Type: text/plain; charset=GB18030\nContent-Transfer-Encoding: base64\n",
		# a letter of four bytes, U+3400, behind the words
		$b64->(Encode::encode('cp936', $words) . "\x81\x39\xEE\x39"), qr/^路灯坏了\n\Q$words\E\x{3400}$/ ],
	# RT itself cannot read these; what is left is the subject, and what its page shows too
	'GBK without a word of it' => [ "Subject: mail\nContent-Type: text/plain\nContent-Transfer-Encoding: 8bit\n", Encode::encode('cp936', $words), qr/^mail\n\S/ ],
	'GBK, called UTF-8' => [ "Subject: mail\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n", Encode::encode('cp936', $words), qr/^mail/ ],
	'an encoding that nobody knows' => [ "Subject: mail\nContent-Type: text/plain; charset=x-klingon\nContent-Transfer-Encoding: 8bit\n", Encode::encode('UTF-8', $words), qr/^mail/ ],
	'a page in GBK' => [ "Subject: mail\nContent-Type: text/html; charset=gbk\nContent-Transfer-Encoding: 8bit\n", Encode::encode('cp936', "<html><p>$words</p><script>x('<p>')</script></html>"), qr/^mail\n\Q$words\E$/ ],
	'a boundary that never comes' => [ "Subject: mail\nContent-Type: multipart/mixed; boundary=missing\n", Encode::encode('UTF-8', $words), qr/^mail/ ],
	'parts that do not end' => [ "Subject: mail\nContent-Type: multipart/mixed; boundary=b\n", Encode::encode('UTF-8', "--b\nContent-Type: text/plain; charset=utf-8\n\n$words\n--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n"), qr/^mail\n\Q$words\E/ ],
	'base64 cut off' => [ "Subject: mail\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n", substr($b64->(Encode::encode('UTF-8', $words)), 0, 27) . '!!*', qr/^mail\n东城街道/ ],
	'quoted-printable cut off' => [ "Subject: mail\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n", "=E8=B7=AF=E7=81=AF=E5=9D=8F=E4=BA=86=E4", qr/^mail\n路灯坏了/ ],
	'bytes of nothing' => [ "Subject: mail\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n", $b64->(Encode::encode('UTF-8', "路灯\0坏了\x01")), qr/^mail\n路灯/ ],
	'no words, one file' => [ "Subject: =?utf-8?B?" . MIME::Base64::encode_base64(Encode::encode('UTF-8', $words), '') . "?=\nContent-Type: application/octet-stream; name=x.bin\nContent-Disposition: attachment; filename=x.bin\nContent-Transfer-Encoding: base64\n",
		$b64->(join '', map { chr } 0 .. 255), qr/^\Q$words\E$/ ],
);
for my $kind (sort keys %mail)
{
	my $before = last_mailed();
	$rt->mail('Triage', "$head$mail{$kind}[0]\n$mail{$kind}[1]\n");
	my $new = last_mailed();
	cmp_ok($new, '>', $before, "a mail: $kind: RT has a ticket");
	my $c = case_of($new);
	like($c->{body}, $mail{$kind}[2], '... whose case has its words') or diag explain errors();
	is($c->{reporter}, 'carol@desk.test', '... from whom');
}
is($rt->validator, '', 'RT finds nothing wrong');
is(errors(), '', 'no error of ours');

# ---- much -------------------------------------------------------------------------------------

my $bytes = 'PK' . join('', map { chr(($_ * 37) % 256) } 1 .. 1021);
my $big = $bytes x (20 * 1024);
is(length $big, 20_951_040, '(a file of 20 MB)');
my $rest = $rt->create(Queue => 'Triage', Subject => '路灯坏了', Content => $words,
	AttachmentsContents => [ { FileName => '现场.zip', FileType => 'application/zip', FileContent => MIME::Base64::encode_base64($big, '') } ]);
is(case_of($rest)->{body}, "路灯坏了\n$words", '20 MB by REST: the words are the case');
is(queue_of($rest), '路灯所', '... at once, within the time a host gives us');
my $before = last_mailed();
$rt->mail('Triage', $head . Encode::encode('UTF-8', "Subject: mail\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: application/zip; name=x.zip\nContent-Disposition: attachment; filename=x.zip\n"
	. "Content-Transfer-Encoding: base64\n\n") . MIME::Base64::encode_base64($big) . Encode::encode('UTF-8', "--b\nContent-Type: text/plain; charset=utf-8\n\n$words\n--b--\n"));
my $mailed = last_mailed();
cmp_ok($mailed, '>', $before, '20 MB by mail');
is(case_of($mailed)->{body}, "mail\n$words", '... the words behind the file are the case');
is(queue_of($mailed), '路灯所', '... at once');
my $long = $rt->create(Queue => 'Triage', Subject => '路灯坏了', Content => $words . '，还是没人修' x 1_000_000);
like(case_of($long)->{body}, qr/^路灯坏了\n\Q$words\E/, '18 MB of words: their beginning is the case');
cmp_ok(length Encode::encode('UTF-8', case_of($long)->{body}), '<=', 262_144, '... as much of it as a report may have');
is(value('SELECT max(octet_length(body)) <= 262144 FROM triage.cases'), 1, 'no bytes of files are kept');
is(value('SELECT count(*) FROM triage.host_queue'), 0, 'nothing waits');
is(errors(), '', 'no error of ours');

# ---- nothing ----------------------------------------------------------------------------------

my $empty = $rt->create(Queue => 'Triage', Subject => '', Content => '');
ok($empty, 'a ticket that says nothing');
is(queue_of($empty), 'Triage', '... stays where it was made');
like(errors(), qr/^host:take_in TR005 .*must have a body$/, '... and is listed as such');
is(value(q{SELECT payload ->> 'ticket' FROM triage.intake_errors}), $empty, '... by its number');
is(value(q{SELECT state FROM triage.health() WHERE item = 'intake_errors'}), 'warning', '... as health() shows');
$db->do('DELETE FROM triage.intake_errors');

# ---- what administrators of RT do ---------------------------------------------------------------

is(($rt->rest('PUT', 'queue/' . queue_id('路灯所'), { Name => '照明中心' }))[0], 200, 'a queue is renamed');
is(queue_of($rt->create(Queue => 'Triage', Subject => '路灯', Content => "$words 甲")), '照明中心', '... its tickets find it');
is(($rt->rest('PUT', 'queue/' . queue_id('Triage'), { Name => '受理' }))[0], 200, 'so is the one of intake');
is(queue_of($rt->create(Queue => '受理', Subject => '路灯', Content => "$words 乙")), '照明中心', '... its tickets are taken in');
is(($rt->rest('PUT', 'queue/' . queue_id('照明中心'), { Lifecycle => 'approvals' }))[0], 200, 'a queue changes its lifecycle');
my $foreign = $rt->create(Queue => '受理', Subject => '路灯', Content => "$words 丙");
is(queue_of($foreign), '照明中心', '... its tickets find it');
is($rt->ticket($foreign)->{Status}, 'new', '... and keep a status that it knows');
like(health(), qr/^warning queue 照明中心 has the lifecycle approvals, whose statuses/, '... which health() tells');
$rt->rest('PUT', 'queue/' . queue_id('照明中心'), { Lifecycle => 'default' });
like(health(), qr/^ok/, '... no longer when it is back');
is(($rt->rest('PUT', 'queue/' . queue_id('照明中心'), { Disabled => 1 }))[0], 200, 'a queue is disabled');
my $lost = $rt->create(Queue => '受理', Subject => '路灯', Content => "$words 丁");
is(queue_of($lost), '受理', '... its tickets stay');
like(comments($lost), qr/队列 照明中心 已停用.*attach_rt\(\)/s, '... and say why');
like(health(), qr/^warning queue 照明中心 is disabled, /, '... as does health()');
$rt->rest('PUT', 'queue/' . queue_id('照明中心'), { Disabled => 0 });
is(($rt->rest('PUT', 'user/router-bot', { Disabled => 1 }))[0], 200, 'our user is disabled');
like(health(), qr/^warning user router-bot, in whose name/, '... as health() tells');
is(queue_of($rt->create(Queue => '受理', Subject => '路灯', Content => "$words 己")), '照明中心', '... tickets are routed all the same');
$rt->rest('PUT', 'user/router-bot', { Disabled => 0 });
is(errors(), '', 'no error of ours');

# a ticket that is gone for good
my $gone = $rt->create(Queue => '受理', Subject => '路灯', Content => "$words 戊");
my $case = case_of($gone)->{case_id};
$rt->put($gone, { Status => 'deleted' });
run_ok($rt->{env}, 'rt-shredder-5', '--force', '--sqldump', "$rt->{folder}/shredded.sql", '--plugin', "Tickets=query,id = $gone AND Status = 'deleted'");
is(value('SELECT count(*) FROM tickets WHERE id = ?', $gone), 0, 'a ticket is shredded');
$db->do('SELECT triage.urge(?)', undef, $case);
wait_until(sub { value('SELECT count(*) = 0 FROM triage.host_queue') }, 'the queue is worked off');
is(value('SELECT status FROM triage.cases WHERE case_id = ?', $case), 'dispatched', '... its case goes on');
is(value('SELECT count(*) FROM transactions WHERE objecttype = \'RT::Ticket\' AND objectid = ?', $gone), 0, '... nothing is written for it');
is(errors(), '', 'no error of ours');
is($rt->validator, '', 'RT finds nothing wrong');

done_testing;
