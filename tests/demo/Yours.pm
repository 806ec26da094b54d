package Yours;

# Sends the user's own incidents through the rules and counts where they go.

use strict;
use warnings;
use utf8;

use Encode ();
use File::Spec ();
use Time::HiRes qw(time);

use Csv ();
use Show qw(heading say_line note table);

my $BATCH = 200;
my $MOST_BAD = 20;
my @KNOWN = qw(body reported_at channel area case_type);

# The file's text; dies with advice.  A file that the cluster's user may not
# read can come by standard input.
sub open_file
{
	my ($name, $from) = @_;
	my $path = File::Spec->rel2abs($name, $from);
	my $in;

	if ($name eq '-' || (!-r $path && -f STDIN))
	{
		$in = \*STDIN;
	}
	else
	{
		open $in, '<', $path or die "cannot read $path as user " . getpwuid($>) . ": $!\n"
			. "Put the file where every user may read it, for example in /tmp, or: make demo DATA=- < $name\n";
	}
	binmode $in;
	my $bytes = do { local $/; <$in> };

	die "$name is empty\n" unless defined $bytes && length $bytes;
	die "$name is UTF-16, not UTF-8. Convert it first:\n  iconv -f UTF-16 -t UTF-8 $name > utf8.csv\n" if $bytes =~ /\A(?:\xFF\xFE|\xFE\xFF)/;
	my $text = eval { Encode::decode('UTF-8', $bytes, Encode::FB_CROAK | Encode::LEAVE_SRC) };

	if (!defined $text)
	{
		my $looks = eval { require Encode::CN; Encode::decode('gbk', $bytes, Encode::FB_CROAK | Encode::LEAVE_SRC); 1 } ? ' (it looks like GB18030)' : '';

		die "文件不是UTF-8编码 $name is not UTF-8$looks. 请先转换 Convert it first:\n"
			. "  iconv -f GB18030 -t UTF-8 $name > utf8.csv\n";
	}
	return read_rows($text, $name);
}

# { rows => [ { line, body, ... } ], bad => [ [line, reason] ] }
sub read_rows
{
	my ($text, $name) = @_;
	my $records = Csv::parse($text);
	my $head = shift @$records or die "$name has no header row\n";
	my @names = map { s/^\s+|\s+$//gr } @{ $head->[1] };
	my (@rows, @bad);

	die "$name: the header row has no column \"body\". 表头缺少 body 列。 It has: @names\n" unless grep { $_ eq 'body' } @names;
	for my $record (@$records)
	{
		my ($line, $fields, $error) = @$record;
		my %row = (line => $line);

		@row{@names} = @$fields;
		$error ||= sprintf 'has %d fields, the header row has %d', scalar @$fields, scalar @names if @$fields != @names;
		$error ||= 'body is empty' unless defined $row{body} && $row{body} =~ /\S/;
		$error ||= 'holds a NUL character' if $row{body} && $row{body} =~ /\0/;
		if ($error)
		{
			push @bad, [ $line, $error ];
			next;
		}
		$row{$_} = undef for grep { defined $row{$_} && $row{$_} eq '' } @KNOWN;
		push @rows, \%row;
	}
	return { rows => \@rows, bad => \@bad, name => $name, total => scalar @$records };
}

# What is right is kept beside the case, never given to the rules.
sub insert
{
	my ($db, @rows) = @_;
	my @values = map { (defined $_->{channel} ? $_->{channel} : '12345', @$_{qw(body area reported_at)}, $_->{line}, $_->{case_type}) } @rows;

	$db->rows('INSERT INTO triage.cases (channel, body, area, reported_at, attrs) SELECT v.channel, v.body, v.area,'
		. q{ coalesce(v.reported_at::timestamptz, triage.clock()), jsonb_build_object('line', v.line::int, 'right', v.case_type) FROM (VALUES }
		. join(', ', ('(?::text, ?::text, ?::text, ?::text, ?::text, ?::text)') x @rows)
		. ') v(channel, body, area, reported_at, line, case_type)', @values);
	return;
}

# A batch; when it is refused, its rows one by one, so that only the broken ones stay out.
sub insert_or_name
{
	my ($db, $bad, @rows) = @_;

	return if eval { insert($db, @rows); 1 };
	die $@ unless ref $@ eq 'Db::Error';
	if (@rows == 1)
	{
		push @$bad, [ $rows[0]{line}, $@->{message} ];
		return;
	}
	my $half = int(@rows / 2);
	insert_or_name($db, $bad, @rows[0 .. $half - 1]);
	insert_or_name($db, $bad, @rows[$half .. $#rows]);
	return;
}

sub run
{
	my ($db, $file) = @_;
	my @bad = @{ $file->{bad} };
	my @rows;
	my %types = map { $_->[0] => 1 } @{ $db->rows('SELECT t.code FROM triage.case_types t WHERE t.active') };

	for my $row (@{ $file->{rows} })
	{
		if (defined $row->{case_type} && !$types{ $row->{case_type} })
		{
			push @bad, [ $row->{line}, "case type \"$row->{case_type}\" does not exist" ];
			next;
		}
		push @rows, $row;
	}
	heading("您的数据：$file->{name}", sprintf 'Your data: %d rows', $file->{total});
	# the rules are compiled at the first use, which is not what is measured
	$db->rows(q{SELECT triage.preview('12345', '停水')});
	my $began = time;
	for (my $i = 0; $i < @rows; $i += $BATCH)
	{
		my $end = $i + $BATCH > @rows ? $#rows : $i + $BATCH - 1;

		insert_or_name($db, \@bad, @rows[$i .. $end]);
		Show::counting(sprintf '   %d / %d', $end + 1, scalar @rows);
	}
	my $took = time - $began;
	Show::counted();
	my ($cases, $unsure, $danger) = $db->row(
		q{SELECT count(*), count(*) FILTER (WHERE c.status = 'triage'), count(*) FILTER (WHERE c.danger) FROM triage.cases c});

	say_line(sprintf '   受理 taken in %d，未受理 left out %d；%.2f s，每秒 %d 件 cases per second', $cases, scalar @bad, $took, $cases / ($took || 1));
	say_line(sprintf '   待人工研判 unsure, a person decides: %d (%.1f %%)；险情 danger: %d', $unsure, 100 * $unsure / ($cases || 1), $danger);
	broken(@bad);
	heading('分流', 'Distribution over departments (lead)');
	distribution($db, 'true', 40);
	accuracy($db);
	return;
}

sub broken
{
	my @bad = sort { $a->[0] <=> $b->[0] } @_;

	return unless @bad;
	heading('有问题的行', 'Broken rows');
	say_line("   第 $_->[0] 行 line $_->[0]: $_->[1]") for @bad > $MOST_BAD ? @bad[0 .. $MOST_BAD - 1] : @bad;
	say_line(sprintf '   … 另有 %d 行 and %d more', (@bad - $MOST_BAD) x 2) if @bad > $MOST_BAD;
	return;
}

# Cases per kind of lead.  A kind's name is that of its units without the place.
sub distribution
{
	my ($db, $which, $most) = @_;

	table([ ['类 kind'], ['牵头单位 lead', 'l', 40], ['件数 n', 'r'], ['占比 share', 'r'] ], $db->rows(<<"SQL"));
WITH per_kind AS (
	SELECT CASE WHEN c.status = 'triage' THEN '' ELSE d.kind END AS kind, count(*) AS n,
		mode() WITHIN GROUP (ORDER BY replace(replace(d.zh, coalesce(a.zh, ''), ''), coalesce(regexp_replace(a.zh, '(街道|镇|乡|市|区)\$', ''), ''), '')) AS zh
	FROM triage.cases c JOIN triage.departments d ON d.code = c.lead LEFT JOIN triage.areas a ON a.code = d.area
	WHERE $which GROUP BY 1
), ranked AS (
	SELECT *, row_number() OVER (ORDER BY kind = '', n DESC, kind) AS place FROM per_kind
)
SELECT CASE WHEN max(r.kind) = '' THEN '-' WHEN max(r.place) > $most THEN '…' ELSE max(r.kind) END,
	CASE WHEN max(r.kind) = '' THEN '(待人工研判 unsure)' WHEN max(r.place) > $most THEN '其他 others' ELSE max(r.zh) END,
	sum(r.n), round(100 * sum(r.n) / sum(sum(r.n)) OVER (), 1) || ' %'
FROM ranked r GROUP BY CASE WHEN r.kind = '' THEN 1000000 ELSE least(r.place, $most + 1) END ORDER BY min(r.place)
SQL
	return;
}

sub accuracy
{
	my ($db) = @_;
	my ($given, $decided, $same, $lead) = $db->row(<<'SQL');
SELECT count(*), count(*) FILTER (WHERE x.decided), count(*) FILTER (WHERE x.decided AND x.case_type = x.right_type),
	count(*) FILTER (WHERE x.decided AND x.lead = x.right_lead)
FROM (SELECT c.status <> 'triage' AS decided, c.case_type, c.attrs->>'right' AS right_type, c.lead,
		CASE WHEN c.status <> 'triage' THEN triage.preview(c.channel, c.body, c.area, c.received_at, case_type => c.attrs->>'right')->>'lead' END AS right_lead
	FROM triage.cases c WHERE c.attrs->>'right' IS NOT NULL) x
SQL

	return unless $given;
	heading('准确率', 'Accuracy, where case_type is given');
	table([ ['', 'l'], ['件数 n', 'r'], ['占比 share', 'r'] ], [
		[ '给出类别 case_type given', $given, '' ],
		[ '自动派出 decided by the rules', $decided, sprintf('%.1f %%', 100 * $decided / $given) ],
		[ '　类别一致 same type', $same, sprintf('%.1f %%', 100 * $same / ($decided || 1)) ],
		[ '　牵头单位一致 same lead department', $lead, sprintf('%.1f %%', 100 * $lead / ($decided || 1)) ] ]);
	return;
}

1;
