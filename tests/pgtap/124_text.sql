-- Texts in other clothes: traditional characters, invisible ones, full width,
-- HTML and mail encodings.
-- Source: extension/text/normalize.c, html.c, quoted.c; extension/rulebook/text_sql.c
\ir include/helpers.psql

INSERT INTO triage.local_state (key, value, at) VALUES ('stopped', 'tests', now()) ON CONFLICT DO NOTHING;
SET triage.now = '2026-03-02 10:00+08';

-- ---- the same matter, however it is written ----
SELECT is(p.v->>'case_type' || ' ' || (p.v->>'status'), w, b) FROM (VALUES
	('樓上漏水，請處理', 'N105 dispatched'),
	('樓上漏水！！！！！！請處理', 'N105 dispatched'),
	(E'楼\u200B上\u200D漏\uFEFF水', 'N105 dispatched'),
	('路燈不亮', 'N403 dispatched'),
	('有人打架鬥毆', 'P201 dispatched'),
	('ＴＨＥＦＴ', 'P103 dispatched'),
	('Ｔｈｅｆｔ', 'P103 dispatched'),
	(E'burglary in progre\u00ADss', 'P102 dispatched')) v(b, w), LATERAL (SELECT triage.preview('110', b, '330784001')) p(v);
SELECT is(triage.preview('110', '樓上漏水')#>>'{facts,text_digest}', triage.preview('110', '楼上漏水')#>>'{facts,text_digest}', 'traditional and simplified are the same text');
INSERT INTO triage.terms (case_type, kind, term) VALUES ('N105', 'include', '滲個不停');
SELECT is(triage.preview('110', '墙角渗个不停')->>'case_type', 'N105', 'terms may be written in traditional characters');
SELECT is(triage.preview('message_board', '沒有打架，就是樓上太吵')#>>'{facts,silenced,0,0}', '打架', 'context words too');

-- ---- tickets ----
SELECT is(triage.html_text('<p>樓上&nbsp;著火</p><p>快&#26469;</p>'), E'樓上\u00A0著火\n快来\n', 'the words of a page');
SELECT is(triage.mail_text(E'f=C3=BCr =E8=B7=AF=\r\n=E7=81=AF', e), 'für 路灯', 'quoted-printable, written ' || e) FROM unnest('{quoted-printable,Quoted-Printable}'::text[]) e;
SELECT is(triage.mail_text('6Lev54Gv5LiN5Lqu', 'base64'), '路灯不亮', 'base64');
SELECT is(triage.mail_text('as it is =41', e), 'as it is =41', 'not encoded: ' || e) FROM unnest('{none,7bit,8BIT}'::text[]) e;
SELECT is(triage.mail_text('=FF=00x=ED=A0=80', 'quoted-printable'), '??x???', 'what is no text is made one');
SELECT is(pg_temp.refusal($$SELECT triage.mail_text('x', 'rot13')$$), 'TR003 encoding "rot13" does not exist', 'another encoding');
SELECT is(triage.html_text(NULL), NULL, 'no page');
SELECT is((SELECT count(*) FROM generate_series(1, 300) g, LATERAL (SELECT string_agg(chr(32 + ('x' || substr(md5(g || '/' || i), 1, 2))::bit(8)::int % 95), '') FROM generate_series(1, 40) i) r(s)
	WHERE octet_length(triage.html_text(r.s)) > octet_length(r.s) OR octet_length(triage.mail_text(r.s, 'quoted-printable')) > octet_length(r.s)), 0::bigint, 'never longer');

SELECT * FROM finish();
