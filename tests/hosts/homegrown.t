# A governance system of somebody's own, as large as a county's: Chinese
# column names, a key of three columns, a partition a month, 100,000 open
# matters of before.  They are taken in while the town goes on working, and
# although who takes them in is ended twice on the way.
# Source: extension/hosts/backfill.c
use strict;
use warnings;
use utf8;

use Hosts qw(db extension make_database run_ok wait_until);
use JSON::PP ();
use Test::More;
use Time::HiRes ();

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output, Test::More->builder->failure_output;

my $OPEN = 100_000;
my $CLOSED = 5_000;

make_database('governance', owner => 'gov_app');
my $db = db('governance');
my $app = db('governance', user => 'gov_app');
# one that shares nothing of what the others have open
my $looks_on = db('governance');

sub value { return scalar $db->selectrow_array(shift, undef, @_) }
sub state_of { return $looks_on->selectrow_array(q{SELECT backfill_state, backfill_done FROM triage.bindings}) }

# ---- the host -----------------------------------------------------------------------------

$app->do($_) for (
	'CREATE SCHEMA 治理',
	q{CREATE TABLE 治理.承办单位 (单位代码 text PRIMARY KEY, 单位名称 text NOT NULL)},
	q{CREATE TABLE 治理.事项 (
		区划代码	text		NOT NULL,
		流水号		int			NOT NULL,
		登记时间	timestamp	NOT NULL,
		标题		text		NOT NULL,
		诉求内容	text,
		来电号码	text,
		办理状态	text		NOT NULL DEFAULT '待受理' CHECK (办理状态 IN ('待受理', '待签收', '办理中', '已办结')),
		主办		text		REFERENCES 治理.承办单位,
		办结期限	timestamp,
		紧急程度	smallint,
		受理编号	text,
		流转记录	text,
		备注		text,
		PRIMARY KEY (区划代码, 流水号, 登记时间)
	) PARTITION BY RANGE (登记时间)},
	'CREATE INDEX ON 治理.事项 (办理状态)',
	q{CREATE TABLE 治理.修改记录 (何时 timestamptz DEFAULT clock_timestamp(), 谁 text, 流水号 int)},
	q{CREATE FUNCTION 治理.记录() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF new.备注 IS DISTINCT FROM old.备注 THEN INSERT INTO 治理.修改记录 (谁, 流水号) VALUES (current_user, new.流水号); END IF; RETURN NULL; END'},
	'CREATE TRIGGER 记录 AFTER UPDATE ON 治理.事项 FOR EACH ROW EXECUTE FUNCTION 治理.记录()');
# twelve months, the last of them the present one
my $months = $app->selectcol_arrayref(q{SELECT (date_trunc('month', localtimestamp) - n * interval '1 month')::date FROM generate_series(11, -1, -1) n});
$app->do(sprintf q{CREATE TABLE 治理.事项_%s PARTITION OF 治理.事项 FOR VALUES FROM ('%s') TO ('%s')}, $months->[$_] =~ s/-//gr, @$months[ $_, $_ + 1 ]) for 0 .. $#$months - 1;
$app->do(q{INSERT INTO 治理.事项 (区划代码, 流水号, 登记时间, 标题, 诉求内容, 来电号码, 办理状态, 备注)
	SELECT '3307840' || lpad((n % 16 + 1)::text, 2, '0'), n, date_trunc('month', localtimestamp) - interval '300 days' + n % 299 * interval '1 day' + n % 1440 * interval '1 minute',
		t.words[n % 8 + 1], t.places[n % 5 + 1] || (n % 300 + 1) || '号，' || t.words[n % 8 + 1] || '，' || substr(md5(n::text), 1, 20) || substr(md5((-n)::text), 1, 20) || '。', '138' || lpad((n % 90000)::text, 8, '0'), CASE WHEN n > $1::int THEN '已办结' ELSE '待受理' END, '原系统 ' || n
	FROM generate_series(1, $1::int + $2::int) n, (VALUES ('{路灯坏了三天没人修,楼上漏水天花板湿了,工地夜间施工噪音很大,小贩占道经营,河道污水发臭,垃圾无人清运,拖欠工人工资,电梯停运老人出不了门}'::text[],
		'{东城街道金都路,西城街道解放街,江南街道城南路,芝英镇正街,古山镇商城路}'::text[])) t(words, places)}, undef, $OPEN, $CLOSED);
$db->do('ANALYZE');

sub schema_of { return join "\n", grep { !/^\\(?:un)?restrict/ } split /\n/, run_ok({}, 'pg_dump', '-s', '-n', '治理', '-h', '127.0.0.1', '-d', 'governance') }
# what is none of our business, of the rows that were there before
sub rest_of_rows { return value(q{SELECT md5(string_agg(md5((e.区划代码, e.流水号, e.登记时间, e.标题, e.诉求内容, e.来电号码, e.备注)::text), '' ORDER BY e.流水号)) FROM 治理.事项 e WHERE e.流水号 <= $1}, $OPEN + $CLOSED) }
my $schema = schema_of();
my $rest = rest_of_rows();
extension($db);
is(schema_of(), $schema, 'CREATE EXTENSION touches no table of the host');

# ---- attached, with what was there before -------------------------------------------------------

$db->do(q{INSERT INTO triage.channels (code, zh, en, kind, needs_caller, allows_anonymous, confirm_danger) VALUES ('gov', '基层治理', 'governance', 'host', false, true, true)});
$app->do(q{INSERT INTO 治理.承办单位 VALUES ('其他', '其他单位')});
my $departments = $db->selectcol_arrayref('SELECT code FROM triage.departments WHERE active ORDER BY code');
$app->do('INSERT INTO 治理.承办单位 SELECT x, x FROM unnest($1::text[]) x', undef, $departments);
my $mapping = JSON::PP->new->encode({ channel => 'gov', text => [ '标题', '诉求内容' ], contact => '来电号码', reported_at => '登记时间',
	open => [ { column => '办理状态', not => ['已办结'] } ],
	write => { department => '主办', due => '办结期限', priority => '紧急程度', number => '受理编号', comment => '流转记录',
		status => { column => '办理状态', values => { dispatched => '待签收', accepted => '办理中', in_progress => '办理中', closed => '已办结' } } },
	changes => [ { column => '办理状态', value => '办理中', verb => 'accept' } ] });
my $begin = Time::HiRes::time();
$db->do(q{SELECT * FROM triage.attach('治理.事项', $1::jsonb, backfill => '400 days')}, undef, $mapping);

# ---- taken in, twice interrupted, while others write --------------------------------------------------

# The worker that takes them in; it is ended, and the launcher starts another.
sub end_worker { return value(q{SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND backend_type LIKE '%timekeeper%'}) }
my (@seen, $ended);
my ($written, $at_once, $meanwhile) = (0, 0, 0);
my $insert = $app->prepare(q{INSERT INTO 治理.事项 (区划代码, 流水号, 登记时间, 标题, 诉求内容) VALUES ('330784001', $1::int, localtimestamp, '路灯坏了', '东城街道路灯坏了三天没人修') RETURNING 流水号});

wait_until(sub {
	my ($state, $done) = state_of();
	push @seen, $done if !@seen || $done != $seen[-1];
	# the town goes on: each new matter stands with its department when its statement has ended
	if ($written < 2000)
	{
		$insert->execute($OPEN + $CLOSED + ++$written);
		$at_once += $app->selectrow_array(q{SELECT count(*) FROM 治理.事项 WHERE 流水号 = $1 AND 主办 IS NOT NULL AND 受理编号 IS NOT NULL AND 办理状态 = '待签收'}, undef, $OPEN + $CLOSED + $written);
		$meanwhile++ if (state_of())[0] eq 'running';
	}
	if ($done > 20_000 && !$ended)
	{
		is(end_worker(), 1, "ended after $done");
		$ended = 1;
	}
	return $done > 40_000;
}, 'the back-fill gets on', 120);
ok($ended, 'who took them in was ended in the midst of it');
cmp_ok($meanwhile, '>', 20, 'new matters came meanwhile');
is($at_once, $written, '... each of them at once');
like(value(q{SELECT value FROM triage.health() WHERE item = 'host "治理"."事项"' OR item LIKE 'host %事项%'}), qr/back-fill running, \d+ rows/, 'health() shows how far it is');

# now by a scheduler that calls tick(); it is ended within a transaction
$db->do('SELECT triage.stop_workers()');
wait_until(sub { !value(q{SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type LIKE '%timekeeper%'}) }, 'the workers stop');
my ($state, $before) = state_of();
is($state, 'running', 'the workers are stopped on the way');
my $scheduler = db('governance');
my $pid = $scheduler->{pg_pid};
$scheduler->begin_work;
$scheduler->selectall_arrayref('SELECT * FROM triage.tick()');
ok($scheduler->selectrow_array('SELECT backfill_done > $1::bigint FROM triage.bindings', undef, $before), 'a tick takes some in');
is((state_of())[1], $before, '... which nobody sees before it commits');
$db->do('SELECT pg_terminate_backend($1)', undef, $pid);
ok(!eval { $scheduler->commit; 1 }, '... and it does not');
undef $scheduler;
wait_until(sub { !value('SELECT count(*) FROM pg_stat_activity WHERE pid = $1', $pid) }, 'it is gone');
is((state_of())[1], $before, 'nothing of it is counted');
$db->do('SELECT triage.start_workers()');
wait_until(sub { my ($now, $done) = state_of(); push @seen, $done if $done != $seen[-1]; return $now eq 'done' }, 'the back-fill ends', 180);
my $took = Time::HiRes::time() - $begin;
wait_until(sub { !value('SELECT count(*) FROM triage.host_queue') }, 'what waited is done');
diag sprintf '%d rows taken in within %.1f s, with two interruptions and %d new ones: %.0f rows/s', $OPEN, $took, $written, $OPEN / $took;

# ---- each once --------------------------------------------------------------------------------------------

is_deeply(\@seen, [ sort { $a <=> $b } @seen ], 'progress never goes back');
cmp_ok(scalar @seen, '>', 10, '... and is seen');
is((state_of())[1], $OPEN, 'all of before were counted once');
is(value('SELECT count(*) FROM triage.host_tickets'), $OPEN + $written, 'each has its row');
is(value('SELECT count(DISTINCT case_id) FROM triage.host_tickets'), $OPEN + $written, '... and a case of its own');
is(value('SELECT count(*) FROM triage.cases'), $OPEN + $written, '... there are no others');
is(value(q{SELECT count(*) FROM 治理.事项 e JOIN triage.host_tickets h ON h.ticket::jsonb = jsonb_build_array(e.区划代码, e.流水号::text, e.登记时间) JOIN triage.cases c USING (case_id)
	WHERE c.number = e.受理编号 AND c.body LIKE e.标题 || E'\n%' AND e.主办 = c.lead AND e.办理状态 = CASE c.status WHEN 'dispatched' THEN '待签收' ELSE '待受理' END}), $OPEN + $written, '... which is shown in its row');
is(value(q{SELECT count(*) FROM 治理.事项 e WHERE e.流水号 > $1 AND e.流水号 <= $2 AND (e.受理编号 IS NOT NULL OR e.主办 IS NOT NULL)}, $OPEN, $OPEN + $CLOSED), 0, 'what was ended before stays as it was');
is(value('SELECT count(*) FROM triage.intake_errors'), 0, 'no error of ours');

# ---- an agent at work, the end ---------------------------------------------------------------------------------

my ($one) = $app->selectrow_array(q{UPDATE 治理.事项 SET 办理状态 = '办理中', 备注 = 备注 || '' WHERE 流水号 = (SELECT min(流水号) FROM 治理.事项 WHERE 办理状态 = '待签收') RETURNING 受理编号});
is(value('SELECT status FROM triage.cases WHERE number = $1', $one), 'accepted', 'an old matter is worked on as any');
is(value('SELECT count(*) FROM 治理.修改记录'), 0, 'the columns that we do not write were not written');
my $data = sub { return value(q{SELECT md5(string_agg(md5(e::text), '' ORDER BY e.流水号)) FROM 治理.事项 e}) };
my $full = $data->();
ok(value(q{SELECT triage.detach('治理.事项')}), 'detached');
is(schema_of(), $schema, "... the host's tables are what they were");
is($data->(), $full, '... their rows stay');
is(rest_of_rows(), $rest, '... and what was none of our business is as it was');
$app->do(q{INSERT INTO 治理.事项 (区划代码, 流水号, 登记时间, 标题) VALUES ('330784001', 900000, localtimestamp, '路灯坏了')});
is(value('SELECT 主办 FROM 治理.事项 WHERE 流水号 = 900000'), undef, '... and works as before');

$insert->finish;
$_->disconnect for $db, $app, $looks_on;
done_testing;
