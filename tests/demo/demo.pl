#!/usr/bin/perl

# A story, then a day: see tests/demo/run.

use strict;
use warnings;
use utf8;

use Time::HiRes qw(time sleep);

use Csv ();
use Day ();
use Db ();
use Show qw(heading say_line note table paint colour_of short_time);
use Yours ();

STDOUT->autoflush(1);

my $work = $ENV{DEMO_WORK};
my $receiver_pid;
my $db;

# Ctrl-C is an ordinary end.
$SIG{INT} = $SIG{TERM} = sub {
	stop_receiver();
	Show::say_line();
	Show::say_line('已中止 stopped');
	exit 0;
};
END { local $?; stop_receiver() }

sub stop_receiver
{
	kill TERM => $receiver_pid if $receiver_pid;
	undef $receiver_pid;
	return;
}

# The departments' systems, played by one small HTTP server; returns its port.
sub start_receiver
{
	my $port_file = "$work/port";

	$receiver_pid = fork;
	die "cannot fork: $!\n" unless defined $receiver_pid;
	if (!$receiver_pid)
	{
		open STDOUT, '>', '/dev/null';
		exec $ENV{DEMO_RECEIVER}, '--port-file', $port_file, '--log', "$work/received", '--log-bodies' or die;
	}
	for (1 .. 100)
	{
		if (open my $in, '<', $port_file)
		{
			my $port = <$in>;
			return $port + 0 if $port && $port =~ /^\d+\n/;
		}
		sleep 0.05;
	}
	die "the receiver does not start\n";
}

# What arrived: [path, body] from the given line on.
sub received
{
	my @lines;

	open my $in, '<:encoding(UTF-8)', "$work/received" or return;
	while (my $line = <$in>)
	{
		chomp $line;
		my (undef, $path, undef, undef, undef, undef, $body) = split /\t/, $line, 7;
		push @lines, [ $path, $body ];
	}
	return @lines;
}

# Which system takes what.  One is down for a while, one refuses everything.
sub configure
{
	my ($port) = @_;
	my $base = "http://127.0.0.1:$port";

	$db->rows(<<'SQL', "$base/channel", "$base/town", "$base/county", "$base/police", "$base/water?n=2", "$base/status/400");
INSERT INTO triage.endpoints (code, url, max_attempts, timeout_ms, retry_base_ms) VALUES
	('channels', ?, 8, 5000, 500),
	('towns', ?, 8, 5000, 500),
	('county', ?, 8, 5000, 500),
	('police', ?, 8, 5000, 500),
	('water', replace(?, '/water', '/flaky'), 8, 5000, 300),
	('market', ?, 3, 5000, 300)
SQL
	$db->rows(q{UPDATE triage.channels SET endpoint = 'channels' WHERE kind <> 'sensor'});
	$db->rows(<<'SQL');
UPDATE triage.departments SET endpoint = CASE
	WHEN kind IN ('T_PS', 'PSB', 'TRAFPOL', 'P110') THEN 'police'
	WHEN kind IN ('U_WATER', 'U_DRAIN') THEN 'water'
	WHEN kind = 'MSA' THEN 'market'
	WHEN level = 'county' THEN 'county'
	ELSE 'towns' END
SQL
	return;
}

# ---- the story -----------------------------------------------------------------

# One step of the story: the clock is set, then something is done.
sub at
{
	my ($time, $zh, $en, $sql, @values) = @_;

	Day::set_clock($db, "2026-06-15 $time+08", 1);
	my ($case) = $db->row($sql, @values);
	Day::tick($db);
	say_line(sprintf '   %s  %s', paint('bold', $time), $zh);
	say_line(sprintf '             %s', paint('dim', $en));
	Day::breathe(0.5);
	return $case;
}

sub story
{
	heading('一件事：车库漏水', 'One matter: a garage that leaks (after Yongkang, Zhejiang)');
	my $body = '我家车库的墙一直在渗水，墙皮脱落，漏下来滴在车顶上。找物业，物业说不归他们管，推来推去没人来。';

	say_line("   110 «$body»");
	say_line();
	my $case = at('16:05:00', '110接警，系统判定：非警务', '110 takes the call; judged non-police:', <<'SQL', $body);
SELECT r.case_id FROM triage.report('110', ?, area => '330784001', address => '金桂苑3幢地下车库',
	reporter => '王女士', contact => '13800000001', external_ref => '110-20260615-0871') r
SQL
	note($db->value('SELECT triage.explain(?)', $case));
	my ($lead, $team, $mediator) = $db->row(<<'SQL', $case);
SELECT max(a.department) FILTER (WHERE a.duty = 'lead'), max(a.department) FILTER (WHERE a.duty = 'on_scene'),
	max(a.department) FILTER (WHERE a.department LIKE 'T_MED.%')
FROM triage.assignments a WHERE a.case_id = ?
SQL
	say_line();
	at('16:05:40', '街道即时处置队伍签收', 'the town\'s on-scene team accepts', 'SELECT (triage.accept(?, ?)).case_id', $case, $team);
	at('16:08:00', '三分钟到场', 'on the scene after three minutes',
		'SELECT (triage.arrive(?, ?, point(120.0472, 28.8951))).case_id', $case, $team);
	at('16:14:00', '社区签收，牵头办理', 'the community signs for it and leads', 'SELECT (triage.accept(?, ?)).case_id', $case, $lead);
	neighbour($case);
	at('16:31:00', '队伍现场处置完，转社区调解', 'the team has done its part on the scene; on to community mediation',
		'SELECT (triage.finish(?, ?, ?)).case_id', $case, $team, '到场查看：顶板渗水，系楼上卫生间防水层破损，已关阀止漏，双方情绪平稳，转社区调解。');
	if (!$mediator)
	{
		$mediator = 'T_MED.330784001';
		at('16:32:00', '转社区调解', 'handed to community mediation', 'SELECT (triage.transfer(?, ?, ?)).case_id', $case, $mediator, '邻里漏水，转人民调解');
	}
	for my $assist (map { $_->[0] } @{ $db->rows(<<'SQL', $case, $mediator) })
SELECT a.department FROM triage.assignments a
WHERE a.case_id = ? AND a.duty = 'assist' AND a.status NOT IN ('done', 'withdrawn') AND a.department <> ? ORDER BY a.seq
SQL
	{
		my $name = $db->value('SELECT d.zh FROM triage.departments d WHERE d.code = ?', $assist);

		at($assist =~ /^PROP/ ? '16:50:00' : '17:05:00', "协办完成：$name", "an assisting unit has done its part: $assist",
			'SELECT (triage.finish(?, ?, ?)).case_id', $case, $assist, '已派员查看并提出维修意见。');
	}
	at('19:20:00', '人民调解委员会主持调解，达成协议', 'the mediation committee mediates; an agreement is signed',
		'SELECT (triage.finish(?, ?, ?)).case_id', $case, $mediator, '楼上住户三日内修复防水并赔偿墙面损失1200元，物业负责跟进。');
	at('19:30:00', '社区报结果', 'the lead reports the result', 'SELECT (triage.resolve(?, ?, ?, ?)).case_id', $case, 'mediated',
		'漏水已止住；经调解，楼上住户三日内修复防水并赔偿1200元，物业三日后复查。',
		'{"parties": 3, "amount": 1200, "risk_level": "low"}');
	at('19:40:00', '中心审核，销号，统一反馈', 'the centre checks, closes, and sends one unified feedback', 'SELECT (triage.close_case(?)).case_id', $case);
	unified_feedback($case);
	chain($case);
	return;
}

# A second call about it: the first case is shown before another is made.
sub neighbour
{
	my ($case) = @_;
	my $body = '车库的墙一直在渗水，漏下来滴在我车顶上，找物业也推来推去没人来';

	$db->value('SELECT count(*) FROM triage.tick()');
	say_line("   12345 «$body»");
	table([ ['案件 case'], ['分值 score', 'r'], ['依据 why'] ], $db->rows(<<'SQL', $body));
SELECT s.number, s.score, s.reason::text FROM triage.similar_to(?, '330784001', max_rows => 1) s
SQL
	at('16:22:00', '疑似同一事项，受理员确认后并入', 'likely the same matter; the call-taker agrees and adds him to it',
		'SELECT (triage.add_source(?, ?, ?, ?, ?)).case_id', $case, '12345', $body, '陈先生', '13800000003');
	return;
}

# The call-taker understood another lamp: the right unit gets the matter, the wrong one is called off.
sub correction
{
	heading('改类', 'Put right: reclassify()');
	my $body = '路口的灯坏了好几天，晚上黑得很，车都不知道怎么走';

	say_line("   110 «$body»");
	say_line();
	my $case = at('19:50:00', '110接警，系统判为路灯', '110 takes the call; the rules say street lamp:', <<'SQL', $body);
SELECT r.case_id FROM triage.report('110', ?, area => '330784001', reporter => '李先生', contact => '13800000002') r
SQL
	my $parts = sub {
		table([ ['职责 duty'], ['单位 unit'], ['状态 status'] ], $db->rows(<<'SQL', $case));
SELECT a.duty, d.zh, a.status FROM triage.assignments a JOIN triage.departments d ON d.code = a.department WHERE a.case_id = ? ORDER BY a.seq
SQL
	};
	$parts->();
	say_line();
	at('19:52:00', '受理员再听录音：是红绿灯', 'the call-taker listens again: it is the traffic light',
		'SELECT (triage.reclassify(?, ?, ?)).case_id', $case, 'N409', '回听录音：红绿灯不亮');
	$parts->();
	note($db->value(q{SELECT e.data FROM triage.events e WHERE e.case_id = ? AND e.verb = 'reclassify'}, $case));
	my ($lead) = $db->row('SELECT c.lead FROM triage.cases c WHERE c.case_id = ?', $case);
	say_line();
	at('19:53:00', '新的牵头单位签收', 'the new lead accepts', 'SELECT (triage.accept(?, ?)).case_id', $case, $lead);
	at('19:54:00', '协办完成', 'who assists has done his part', 'SELECT (triage.finish(?, ?, ?)).case_id', $case, $_->[0], '已配合。')
		for @{ $db->rows(q{SELECT a.department FROM triage.assignments a WHERE a.case_id = ? AND a.duty <> 'lead' AND a.status NOT IN ('done', 'withdrawn')}, $case) };
	at('20:10:00', '修复，报结果', 'repaired; the result', 'SELECT (triage.resolve(?, ?, ?)).case_id', $case, 'resolved', '信号灯已修复，路口通行正常。');
	at('20:15:00', '销号', 'closed', 'SELECT (triage.close_case(?)).case_id', $case);
	return;
}

# What the 110 centre's system got.
sub unified_feedback
{
	my ($case) = @_;
	my $until = time + 5;
	my $body;

	until ($body || time > $until)
	{
		($body) = map { $_->[1] } grep { $_->[0] eq '/channel' && $_->[1] =~ /"type":"pg_triage.result"/ } received();
		Day::breathe(0.1);
	}
	say_line();
	say_line(paint('bold', '   110收到的反馈  what 110 received by HTTP'));
	return note('(尚未送达 not delivered yet)') unless $body;
	$body =~ s/\\\\/\\/g;
	note(split /\n/, $db->value(<<'SQL', $body));
SELECT jsonb_pretty(jsonb_build_object('type', e->'type', 'subject', e->'subject', 'time', e->'time',
	'channel', e#>'{data,channel}', 'external_ref', e#>'{data,external_ref}', 'event', e#>'{data,event}'))
FROM CAST(? AS jsonb) e
SQL
	return;
}

sub chain
{
	my ($case) = @_;

	say_line();
	say_line(paint('bold', '   流转链  chain of custody: triage.chain()'));
	table([ ['#', 'r'], ['上一环 from', 'r'], ['单位 unit'], ['职责 duty'], ['接手 since'], ['办完 until'], ['用时 own time', 'r'] ],
		[ map { $_->[6] = short_time($_->[6]); $_ } @{ $db->rows(<<'SQL', $case) } ]);
SELECT h.seq, h.parent_seq, coalesce(d.zh, h.department), h.duty, to_char(h.since, 'HH24:MI:SS'),
	to_char(h.until, 'HH24:MI:SS'), date_trunc('second', h.own_time + interval '0.5 s')
FROM triage.chain(?) h LEFT JOIN triage.departments d ON d.code = h.department ORDER BY h.seq
SQL
	return;
}

# ---- the end of the day ----------------------------------------------------------

sub board
{
	heading('看板', 'Board of open cases: triage.board(), towns with most');
	table([ ['街道乡镇 town'], ['在办 open', 'r'], ['待研判 triage', 'r'], ['已派 sent', 'r'], ['办理 work', 'r'], ['待审 review', 'r'],
		[paint('blue', '蓝'), 'r'], [paint('yellow', '黄'), 'r'], [paint('red', '红'), 'r'], ['险情 danger', 'r'], ['最久 oldest', 'r'] ],
		[ map { $_->[10] = short_time($_->[10]); $_ } @{ $db->rows(<<'SQL') } ]);
SELECT coalesce(b.area_zh, '(地点不明 unknown)'), b.open, b.triage, b.dispatched, b.accepted + b.in_progress, b.review + b.callback,
	b.blue, b.yellow, b.red, b.danger, date_trunc('minute', b.oldest_age)
FROM triage.board() b ORDER BY b.open DESC, b.area LIMIT 12
SQL
	heading('超时', 'Overdue: triage.overdue()');
	table([ ['编号 number'], ['环节 stage'], ['色 colour'], ['超时 late', 'r'], ['责任单位 unit', 'l', 26], ['类别 type', 'l', 24], ['内容 text', 'l', 36] ],
		[ map { $_->[2] = colour_of($_->[2]); $_->[3] = short_time($_->[3]); $_ } @{ $db->rows(<<'SQL') } ]);
SELECT o.number, o.stage, o.colour, date_trunc('minute', -o.remaining), o.department_zh, o.type_zh, coalesce(o.summary, '(无声电话 silent call)')
FROM triage.overdue(NULL, 8) o
SQL
	return;
}

sub dangerous_case
{
	heading('为什么', 'Why: explain() of a dangerous case');
	my ($case, $body) = $db->row(<<'SQL');
SELECT c.case_id, c.body FROM triage.cases c WHERE c.danger
ORDER BY (SELECT count(*) FROM triage.assignments a WHERE a.case_id = c.case_id) DESC, c.case_id LIMIT 1
SQL
	return unless $case;
	note("«$body»");
	note($db->value('SELECT triage.explain(?)', $case));
	say_line();
	table([ ['职责 duty'], ['单位 unit'], ['状态 status'], ['派出 sent'], ['签收 accepted'], ['到场 arrived'] ], $db->rows(<<'SQL', $case));
SELECT a.duty, d.zh, a.status, to_char(a.offered_at, 'HH24:MI'), to_char(a.accepted_at, 'HH24:MI'), to_char(a.arrived_at, 'HH24:MI')
FROM triage.assignments a JOIN triage.departments d ON d.code = a.department WHERE a.case_id = ? ORDER BY a.seq
SQL
	return;
}

sub numbers
{
	my ($since, $until) = @_;

	heading('分流', 'Distribution over departments');
	Yours::distribution($db, 'true', 14);
	return unless $db->is_true(q{SELECT to_regproc('triage.kpi') IS NOT NULL});
	heading('指标', 'Indicators: triage.kpi()');
	table([ ['指标 indicator'], ['分子 num', 'r'], ['分母 den', 'r'], ['值 value', 'r'] ], $db->rows(<<'SQL', $since, $until));
SELECT k.kpi, k.numerator, k.denominator, round(k.value, 4) FROM triage.kpi(?, ?) k
SQL
	return;
}

sub dead_letters
{
	heading('投递', 'Deliveries by HTTP');
	table([ ['系统 endpoint'], ['地址 url'], ['送达 delivered', 'r'], ['重试后送达 after retries', 'r'], ['死信 dead', 'r'], ['尝试 attempts', 'r'] ], $db->rows(<<'SQL'));
SELECT e.code, regexp_replace(e.url, '^http://[^/]*', '…'), count(*) FILTER (WHERE d.state = 'delivered'),
	count(*) FILTER (WHERE d.state = 'delivered' AND d.attempts > 1), count(*) FILTER (WHERE d.state = 'dead'), sum(d.attempts)
FROM triage.endpoints e JOIN triage.deliveries d ON d.endpoint = e.code GROUP BY e.code, e.url ORDER BY e.code
SQL
	heading('死信', 'Dead letters: deliveries that were refused');
	my $dead = $db->rows(<<'SQL');
SELECT d.delivery_id, c.number, d.endpoint, d.type, d.attempts, d.last_error
FROM triage.deliveries d JOIN triage.cases c ON c.case_id = d.case_id WHERE d.state = 'dead' ORDER BY d.created_at LIMIT 4
SQL
	return unless @$dead;
	table([ ['投递号 delivery'], ['编号 number'], ['系统 endpoint'], ['事件 type'], ['次 tries', 'r'], ['原因 reason'] ], $dead);
	return unless $db->is_true(q{SELECT to_regproc('triage.replay_delivery') IS NOT NULL});
	note('', '对方修好后重投一件: the system works again, one is sent anew:',
		"UPDATE triage.endpoints SET url = …/market; SELECT triage.replay_delivery('$dead->[0][0]');");
	$db->rows(q{UPDATE triage.endpoints SET url = replace(url, '/status/400', '/market') WHERE code = 'market'});
	$db->rows('SELECT triage.replay_delivery(?)', $dead->[0][0]);
	my $state;
	for (1 .. 50)
	{
		($state) = $db->row('SELECT d.state FROM triage.deliveries d WHERE d.delivery_id = ?', $dead->[0][0]);
		last if $state eq 'delivered';
		Day::breathe(0.1);
	}
	note("→ $state");
	return;
}

# ---- all of it ---------------------------------------------------------------------

sub main
{
	my $yours = $ENV{DATA};
	my $began = time;

	# the file is looked at before anything is set up
	my $file = defined $yours && length $yours ? Yours::open_file($yours, $ENV{DEMO_FROM}) : undef;

	$db = Db->connect($ENV{PGDATABASE}, "$work/psql.log");
	$db->rows(q{SET client_min_messages = warning});
	$db->rows(q{SET timezone = 'Asia/Shanghai'});
	$db->rows('CREATE EXTENSION pg_triage');
	my $rows = $db->value(q{SELECT count(*) FROM triage.load_pack('zhejiang')});
	say_line(paint('bold', sprintf '政务非警务事项分流  pg_triage %s', $db->value(q{SELECT extversion FROM pg_extension WHERE extname = 'pg_triage'})));
	say_line("   规则包 rule pack zhejiang: " . join ', ', map { "$_->[1] $_->[0]" } @{ $db->rows(<<'SQL') });
SELECT 'areas', count(*) FROM triage.areas UNION ALL SELECT 'departments', count(*) FROM triage.departments
UNION ALL SELECT 'case types', count(*) FROM triage.case_types UNION ALL SELECT 'terms', count(*) FROM triage.terms
UNION ALL SELECT 'routes', count(*) FROM triage.routes UNION ALL SELECT 'deadlines', count(*) FROM triage.policies
SQL
	if ($file)
	{
		Yours::run($db, $file);
	}
	else
	{
		configure(start_receiver());
		Day::start($db);
		story();
		correction();
		my ($since, $until) = Day::run($db, 'tests/demo/incidents.csv', $ENV{DEMO_SECONDS} || 35);
		board();
		dangerous_case();
		numbers($since, $until);
		dead_letters();
	}
	$db->disconnect;
	stop_receiver();
	say_line();
	say_line(sprintf '完成 done in %.0f s', time - $began);
	return;
}

eval { main(); 1 } or do {
	Show::counted();
	print STDERR "demo: $@", ref $@ ? "\n" : '';
	stop_receiver();
	exit 1;
};
exit 0;
