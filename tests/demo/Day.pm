package Day;

# A day of a city, fast: incidents pour in by several channels, simulated teams
# and departments work on them, some of them late.  What happens to a case is
# decided by the extension alone; here people only answer.

use strict;
use warnings;
use utf8;

use POSIX ();
use Time::Local ();
use Time::HiRes qw(time sleep);

use Csv ();
use Show qw(heading say_line note paint);
use Wide ();

# 08:00 in Zhejiang
my $DAWN = Time::Local::timegm(0, 0, 0, 16, 5, 2026);
my $HOURS = 18.2;

# who is late, and how late: share of the limit at which they answer
my %LATE = (CITY => 1.2, HOUSE => 1.6, T_ENF => 1.3);
my %LATE_TOWN = ('330784002' => 1.25, '330784108' => 1.7);

my ($db, $own_ticks);
my ($scale, $real_start);
my @agenda;			# [time, what, arguments], earliest first
my (%shown, %errors, %known, %backups);
my $last_seen = '-infinity';

# ---- the clock -------------------------------------------------------------------

sub stamp
{
	my ($seconds) = @_;

	return POSIX::strftime('%Y-%m-%d %H:%M:%S', gmtime $seconds) . sprintf('.%03d+00', 1000 * ($seconds - int $seconds));
}

# as a clock on the wall in Zhejiang shows it
sub wall { return POSIX::strftime('%H:%M', gmtime($_[0] + 8 * 3600)) }

# All processes of the cluster follow, the workers too.
sub set_clock
{
	my ($handle, $time, $speed) = @_;
	my $now = $handle->value('SELECT clock_timestamp()');

	$handle->rows('ALTER SYSTEM SET triage.now = ' . Db::quote($time));
	$handle->rows('ALTER SYSTEM SET triage.now_since = ' . Db::quote($now));
	$handle->rows("ALTER SYSTEM SET triage.time_scale = $speed");
	$handle->rows('SELECT pg_reload_conf()');
	for (1 .. 200)
	{
		return $now if $handle->value(q{SELECT current_setting('triage.now_since')}) eq $now;
		sleep 0.01;
	}
	die "the clock cannot be set\n";
}

sub simulated { return $DAWN + (time - $real_start) * $scale }

# ---- workers ----------------------------------------------------------------------

# Workers on; where none come (not preloaded) the demo ticks by itself.
sub start
{
	my ($handle) = @_;

	$handle->rows(q{ALTER SYSTEM SET triage.allowed_networks = '127.0.0.0/8'});
	$handle->rows('SELECT pg_reload_conf()');
	$handle->rows('SELECT triage.start_workers()') if $handle->is_true(q{SELECT to_regproc('triage.start_workers') IS NOT NULL});
	for (1 .. 30)
	{
		$own_ticks = !$handle->is_true(
			q{SELECT EXISTS (SELECT 1 FROM triage.local_state s JOIN pg_stat_activity a ON a.pid::text = s.value WHERE s.key = 'timekeeper')});
		last unless $own_ticks;
		sleep 0.1;
	}
	note('(没有后台进程，由演示程序计时 no workers: the demo calls triage.tick())') if $own_ticks;
	return;
}

sub tick
{
	my ($handle) = @_;

	$handle->rows('SELECT 1 FROM triage.tick()') if $own_ticks;
	return;
}

sub breathe { return sleep $_[0] }

# ---- people -------------------------------------------------------------------------

sub plan
{
	my ($time, $what, @arguments) = @_;
	my $at = @agenda;

	$at-- while $at > 0 && $agenda[$at - 1][0] > $time;
	splice @agenda, $at, 0, [ $time, $what, @arguments ];
	return;
}

sub between { return $_[0] + rand($_[1] - $_[0]) }

# A verb, done in the field at that time.  What others did meanwhile may have
# made it impossible; anything else is counted and shown.
sub verb
{
	my ($time, $sql, @values) = @_;
	return 1 if eval { $db->rows("SET triage.happened_at = '" . stamp($time) . "'; SELECT 1 FROM $sql", @values); 1 };
	my $error = $@;

	die $error unless ref $error eq 'Db::Error';
	(my $verb = $sql) =~ s/\(.*//s;
	$errors{"$verb $error->{state} " . ($error->{message} =~ s/\d{8}-\d+/…/r =~ s/"[^"]*"/…/gr)}++;
	return 0;
}

# Everybody who takes part in a case gets his plans for it.
sub plan_work
{
	my ($case, $from) = @_;
	my $last = $from;
	my ($lead, $signed, $reports);

	for my $part (@{ $db->rows(<<'SQL', $case) })
SELECT a.department, d.kind, d.area, a.duty,
	max(extract(epoch FROM k.due_at - k.started_at)) FILTER (WHERE k.stage = 'accept'),
	max(extract(epoch FROM k.due_at - k.started_at)) FILTER (WHERE k.stage = 'arrive'),
	max(extract(epoch FROM k.due_at - k.started_at)) FILTER (WHERE k.stage = 'assist'),
	max(extract(epoch FROM k.due_at - k.started_at)) FILTER (WHERE k.stage = 'feedback'), c.priority,
	coalesce((SELECT extract(epoch FROM r.due_at - r.started_at) FROM triage.clocks r WHERE r.case_id = c.case_id AND r.stage = 'resolve'
		AND r.state = 'running'), 86400)
FROM triage.cases c JOIN triage.assignments a USING (case_id) JOIN triage.departments d ON d.code = a.department
LEFT JOIN triage.clocks k ON k.case_id = a.case_id AND k.assignment_seq = a.seq AND k.state = 'running'
WHERE a.case_id = ? AND a.status = 'offered' GROUP BY c.case_id, a.case_id, a.seq, d.code ORDER BY a.seq
SQL
	{
		my ($unit, $kind, $area, $duty, $accept, $arrive, $assist, $feedback, $priority, $limit) = @$part;
		my $pace = $LATE{$kind} || ($duty eq 'on_scene' && $LATE_TOWN{ $area || '' }) || between(0.15, 0.8);

		$pace *= between(0.9, 1.15);
		if ($arrive)
		{
			my $there = $from + $pace * $arrive;

			plan($from + between(0.1, 0.4) * $pace * $arrive, \&sign_for, $case, $unit) if !$accept && $priority > 1;
			plan($there, \&arrive, $case, $unit);
			$last = $there if $there > $last;
		}
		if ($duty eq 'lead')
		{
			$lead = $unit;
			$signed = $from + $pace * ($accept || 60);

			plan($signed, \&sign_for, $case, $unit) unless $arrive && $from + $pace * $arrive < $signed;
			$reports = $from + $pace * ($feedback < 10800 || $pace > 1 ? $feedback : 10800) if $feedback;
			$last = $signed if $signed > $last;
		}
		elsif ($assist)
		{
			# an assist answers within hours and in time for the case's limit, unless it is a late one
			my $by = (sort { $a <=> $b } $assist, $pace > 1 ? () : (14400, 0.8 * $limit))[0];
			my $done = $from + $pace * $by;

			plan($done, \&finish, $case, $unit);
			$last = $done if $done > $last;
		}
	}
	return unless $lead;
	if ($reports)
	{
		$reports = $last + 300 if $reports > $last + 300;
		plan($reports > $signed ? $reports : $signed + 60, \&feed_back, $case, $lead);
	}
	plan($last + between(600, 4800), \&resolve, $case);
	return;
}

sub sign_for { my ($time, $case, $unit) = @_; return verb($time, 'triage.accept(?, ?)', $case, $unit) }
sub arrive { my ($time, $case, $unit) = @_; return verb($time, 'triage.arrive(?, ?)', $case, $unit) }
sub finish { my ($time, $case, $unit) = @_; return verb($time, 'triage.finish(?, ?, ?)', $case, $unit, '已配合办理，情况已告知牵头单位。') }

sub feed_back
{
	my ($time, $case, $unit) = @_;

	return verb($time, 'triage.feed_back(?, ?, ?)', $case, $unit, '已到现场了解情况，正在按程序处理。');
}

# The lead's result; a few are put right only the next day.
sub resolve
{
	my ($time, $case) = @_;
	my ($type, $nature, $open) = $db->row(<<'SQL', $case);
SELECT coalesce(c.case_type, ''), c.nature, (SELECT count(*) FROM triage.assignments a WHERE a.case_id = c.case_id
	AND a.duty IN ('assist', 'expert') AND a.status NOT IN ('done', 'withdrawn'))
FROM triage.cases c WHERE c.case_id = ?
SQL

	return plan($time + 1800, \&resolve, $case) if $open;
	my ($outcome, $body, $attrs) =
		$nature eq 'police' ? ('kept_by_police', '民警到场处置完毕，当事人已安置，依法受理。')
		: $type =~ /^N1/ ? (rand() < 0.5
			? ('mediated', '经调解双方达成书面协议，当场履行。', '{"parties": 2, "amount": 800, "risk_level": "low"}')
			: ('mediated_oral', '现场劝解，双方和解，承诺不再发生。'))
		: $type =~ /^N9/ ? ('explained', '已当面解释政策和办理材料，当事人表示理解。')
		: ('resolved', '已现场处理完毕，拍照留存，报告人确认。');
	verb($time, 'triage.resolve(?, ?, ?, ?)', $case, $outcome, $body, $attrs) or return;
	return plan($time + between(900, 3600), \&close_it, $case);
}

sub close_it { my ($time, $case) = @_; return verb($time, 'triage.close_case(?)', $case) }

# The centre looks at what waits in triage: sent by the rules, by hand, or answered.
sub look
{
	my ($time, $case, $expected) = @_;
	my $by_rules = $expected && eval { $db->rows('SELECT 1 FROM triage.dispatch(?)', $case); 1 };

	if (!$by_rules)
	{
		return verb($time, 'triage.answer(?, ?)', $case, '已回拨核实，无需到场，已告知办事途径。') if !$expected && rand() < 0.5;
		my ($town) = $db->row(<<'SQL', $case);
SELECT coalesce((SELECT d.code FROM triage.cases c JOIN triage.departments d ON d.kind = 'TOWN' AND d.area = left(c.area, 9)
	WHERE c.case_id = ?), 'TOWN.330784001')
SQL
		verb($time, 'triage.dispatch(?, ?)', $case, $town) or return;
	}
	return plan_work($case, simulated());
}

# ---- reports ---------------------------------------------------------------------------

sub report
{
	my ($time, $row) = @_;

	if ($row->{note} =~ /repeat/ && $known{ $row->{expect_type} })
	{
		# the call-taker recognises the matter: one case, one more voice
		my ($number, $voices) = eval { $db->row('SELECT r.number, r.report_count FROM triage.add_source(?, ?, ?, ?, ?) r',
			$known{ $row->{expect_type} }, @$row{qw(channel body reporter contact)}) };

		return mention('repeat', 3, $time, '同一件事 repeat', "$number 第${voices}个来电 call $voices: $row->{body}") if $number;
	}
	my ($case, $status, $danger, $lead, $from, $count) = eval { $db->row(<<'SQL', @$row{qw(channel body area address reporter contact)}, stamp($time)) };
SELECT r.case_id, r.status, r.danger, coalesce((SELECT d.zh FROM triage.departments d WHERE d.code = r.lead), r.lead),
	extract(epoch FROM r.received_at), r.report_count
FROM triage.report(?, ?, ?, address => ?, reporter => ?, contact => ?, reported_at => ?) r
SQL
	if (ref $@ eq 'Db::Error')
	{
		$errors{"report $@"}++;
		return;
	}
	die $@ if $@;
	return if $count > 1;
	$known{ $row->{expect_type} } = $case if $row->{expect_type};
	if ($danger eq 't')
	{
		mention('danger', 6, $time, paint('red', '险情 danger'), ($row->{body} || '') . ' → ' . $lead);
	}
	if ($status eq 'triage')
	{
		return plan($from + ($danger eq 't' ? between(20, 90) : between(60, 420)), \&look, $case, $row->{expect_type});
	}
	return plan_work($case, $from);
}

# ---- what can be seen -----------------------------------------------------------------------

# A line for something worth seeing, not too many of a kind.
sub mention
{
	my ($kind, $most, $time, $what, $text) = @_;

	return if ++$shown{$kind} > $most;
	return say_line('   ', wall($time), '  ', Wide::pad($what, 22), ' ', Wide::clip($text, 80));
}

sub look_around
{
	for my $event (@{ $db->rows(<<'SQL', $last_seen) })
SELECT e.verb, e.at, extract(epoch FROM e.at), c.number, coalesce(d.zh, e.data->>'department'), coalesce(t.zh, ''), e.data->>'action', e.data->>'stage',
	e.case_id, e.data->>'department'
FROM triage.events e JOIN triage.cases c ON c.case_id = e.case_id LEFT JOIN triage.departments d ON d.code = e.data->>'department'
LEFT JOIN triage.case_types t ON t.code = c.case_type
WHERE e.verb IN ('step', 'police_backup') AND e.at > ? ORDER BY e.at, e.case_id, e.seq
SQL
	{
		my ($verb, $at, $seconds, $number, $unit, $type, $action, $stage, $case, $code) = @$event;

		$last_seen = $at;
		if ($verb eq 'police_backup')
		{
			mention('backup', 6, $seconds, paint('yellow', '派出所跟进 backup'), "$number $type：队伍未按时到场 → $unit");
			plan($seconds + between(240, 600), \&police_arrive, $case, $code);
		}
		elsif ($action eq 'supervise')
		{
			mention('supervise', 4, $seconds, paint('red', '督办 supervise'), "$number $type（$stage） → $unit");
		}
		elsif ($action eq 'escalate' && $stage ne 'arrive')
		{
			mention('escalate', 3, $seconds, paint('yellow', '上报 escalate'), "$number $type（$stage） → $unit");
		}
		elsif ($action eq 'urge')
		{
			mention('urge', 3, $seconds, paint('yellow', '催办 urge'), "$number $type（$stage） → $unit");
		}
		elsif ($action eq 'remind')
		{
			mention('remind', 2, $seconds, paint('blue', '提醒 remind'), "$number $type（$stage） → $unit");
		}
	}
	return;
}

# the team may have been quicker, then the police were called off
sub police_arrive
{
	my ($time, $case, $unit) = @_;
	my $coming = $db->is_true(<<'SQL', $case, $unit);
SELECT EXISTS (SELECT 1 FROM triage.assignments a WHERE a.case_id = ? AND a.department = ? AND a.duty = 'backup' AND a.status = 'offered')
SQL

	return $coming ? arrive($time, $case, $unit) : undef;
}

sub counters
{
	my ($time) = @_;
	my @n = $db->row(<<'SQL');
SELECT (SELECT coalesce(sum(c.report_count), 0) FROM triage.cases c), count(*), count(*) FILTER (WHERE c.status = 'triage'),
	count(*) FILTER (WHERE c.status IN ('dispatched', 'accepted', 'in_progress', 'review')), count(*) FILTER (WHERE c.status = 'closed'),
	(SELECT count(*) FROM triage.clock_steps), (SELECT count(*) FROM triage.assignments a WHERE a.duty = 'backup'),
	(SELECT count(*) FROM triage.deliveries d WHERE d.state = 'delivered'), (SELECT count(*) FROM triage.deliveries d WHERE d.state IN ('queued', 'leased')),
	(SELECT count(*) FROM triage.deliveries d WHERE d.state = 'dead')
FROM triage.cases c
SQL

	# the line that counts has to fit a terminal
	return sprintf '   %s  来电%d 案件%d 研判%d 在办%d 办结%d 提醒%d 警力%d 送达%d 待发%d 死信%d', wall($time), @n if Show::is_terminal();
	return sprintf '   %s  来电 reports %d  案件 cases %d  待研判 triage %d  在办 open %d  办结 closed %d  提醒 steps %d  警力 police %d  送达 sent %d+%d  死信 dead %d',
		wall($time), @n;
}

sub run
{
	my ($handle, $file, $seconds) = @_;

	$db = $handle;
	srand 20230330;
	open my $in, '<:encoding(UTF-8)', $file or die "cannot read $file: $!\n";
	my $records = Csv::parse(do { local $/; <$in> });
	my @names = @{ (shift @$records)->[1] };

	heading(sprintf('一天：%d件', scalar @$records), sprintf 'A day: %d incidents in %d s, 08:00 to 02:00', scalar @$records, $seconds);
	note('来电 reports, 案件 cases, 研判 in triage, 在办 open, 办结 closed, 提醒 ladder steps, 警力 police backups,',
		'送达 delivered, 待发 on their way, 死信 dead letters') if Show::is_terminal();
	for my $record (@$records)
	{
		my %row;

		@row{@names} = map { length $_ ? $_ : undef } @{ $record->[1] };
		$row{$_} = '' for grep { !defined $row{$_} } qw(note);
		plan($DAWN + 60 * $row{offset_min}, \&report, \%row);
	}
	$scale = $HOURS * 3600 / $seconds;
	set_clock($db, stamp($DAWN), $scale);
	$real_start = $db->value(q{SELECT extract(epoch FROM current_setting('triage.now_since')::timestamptz)});
	go($seconds);
	return (stamp($DAWN), stamp($DAWN + 20 * 3600));
}

sub go
{
	my ($seconds) = @_;
	my ($next_look, $next_line) = (time, $DAWN + 3 * 3600);

	while ((my $now = simulated()) < $DAWN + $HOURS * 3600)
	{
		while (@agenda && $agenda[0][0] <= $now && time <= $next_look)
		{
			my ($time, $what, @arguments) = @{ shift @agenda };

			$what->($time, @arguments);
			$now = simulated();
		}
		tick($db);
		if (time > $next_look)
		{
			look_around();
			my $text = counters($now);

			if (!Show::counting($text) && $now > $next_line)
			{
				say_line($text);
				$next_line += 3 * 3600;
			}
			$next_look = time + 0.3;
		}
		my $idle = @agenda ? ($agenda[0][0] - simulated()) / $scale : 0.05;
		sleep($idle < 0.002 ? 0.002 : $idle > 0.05 ? 0.05 : $idle);
	}
	# the night is over: the clock runs on at its own pace, what is on its way arrives
	my $end = simulated();
	set_clock($db, stamp($end), 1);
	for (1 .. 50)
	{
		last if $own_ticks || !$db->value(q{SELECT count(*) FROM triage.deliveries d WHERE d.state IN ('queued', 'leased')});
		sleep 0.1;
	}
	$db->rows('RESET triage.happened_at');
	say_line(counters($end));
	note("未能办理 not possible: $errors{$_} × $_") for sort keys %errors;
	return;
}

1;
