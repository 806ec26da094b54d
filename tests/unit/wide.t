# Columns and tables of the demo: tests/demo/Wide.pm.

use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/../demo";
use Test::More;
use Wide qw(width pad clip table);

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output, Test::More->builder->failure_output;

is(width(undef), 0, 'nothing takes no column');
is(width(''), 0, 'an empty string takes no column');
is(width('lift 12'), 7, 'ASCII takes one column each');
is(width('电梯'), 4, 'Chinese takes two columns each');
is(width('漏水(3幢)，'), 11, 'mixed text, wide punctuation');
is(width('ＡＢ'), 4, 'full-width letters');
is(width('ｱｲ'), 2, 'half-width kana');
is(width("e\x{301}"), 1, 'a combining accent takes no column');
is(width("a\x{200B}b\x{FEFF}"), 2, 'zero-width characters');
is(width("\x{20000}"), 2, 'an ideograph beyond the basic plane');
is(width("\x{1F525}"), 2, 'an emoji');
is(width("\e[31m红\e[0m"), 2, 'a colour takes no column');
is(width('“a”'), 3, 'ambiguous characters are narrow');
{
	local $Wide::AMBIGUOUS = 2;
	is(width('“a”'), 5, 'ambiguous characters are wide if so set');
}

is(pad('红', 4), '红  ', 'padded behind');
is(pad('红', 4, 'r'), '  红', 'padded before');
is(pad('红', 5, 'c'), ' 红  ', 'padded on both sides');
is(pad('红灯坏', 4), '红灯坏', 'padding never cuts');
is(pad(undef, 2), '  ', 'padding of nothing');

is(clip('红灯', 4), '红灯', 'what fits stays whole');
is(clip('红灯坏了', 5), '红灯…', 'cut with a mark');
is(clip('红灯坏了', 6), '红灯…', 'a wide character is not halved');
is(clip('红灯', 1), '…', 'only the mark fits');
is(clip('红灯', 0), '', 'no room at all');
is(clip(undef, 3), '', 'clipping of nothing');
is(clip("\e[31m红灯坏了\e[0m后", 5), "\e[31m红灯…\e[0m", 'the colour is switched off behind the cut');
is(clip("a\nbcd", 3), "a\nb…", 'a line break does not end the cut');
for my $cols (0 .. 12)
{
	cmp_ok(width(clip('a红b灯c坏d了', $cols)), '<=', $cols, "clip to $cols columns");
}

is(table([ '编号', 'type', '件数' ], [ [ 'A1', '噪声', 12 ], [ 'A20', 'lift', 3 ] ], [ 'l', 'l', 'r' ]), <<'END', 'a table');
编号  type  件数
----  ----  ----
A1    噪声    12
A20   lift     3
END
is(table(undef, [ [ '红', undef, 'x' ], ['绿灯'] ]), "红      x\n绿灯\n", 'no header, missing cells');
is(table([ 'a', 'b' ], []), "a  b\n-  -\n", 'no rows');
is(table(undef, []), '', 'nothing at all');
is(table(undef, [ ["一\r\n二\t三"] ]), "一 二 三\n", 'line breaks and tabs become blanks');
is(table(undef, [ [ "\e[31m红\e[0m", 'x' ], [ 'abc', 'y' ] ]), "\e[31m红\e[0m   x\nabc  y\n", 'colours keep the columns aligned');

done_testing();
