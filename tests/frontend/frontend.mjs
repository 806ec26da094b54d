// A front end that nobody wrote: PostGraphile makes a GraphQL API of the schema
// as it stands.  One case is opened, forwarded, accepted, reported on and closed
// by nothing else, each step as the role of whoever does it; across departments
// it is refused.  Prints TAP.
//
//	make test-frontend
//
// Source: sql/32_verbs.sql, sql/recipes/pg_triage_roles.sql
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
const require = createRequire(`${process.env.TRIAGE_TMP}/add/frontend/`);
const { createPostGraphileSchema, withPostGraphileContext } = require('postgraphile');
const { graphql, printSchema } = require('graphql');
const pg = require('pg');

let n = 0, failed = 0;
function ok(passed, what, detail)
{
	n++;
	if (!passed) failed++;
	console.log(`${passed ? 'ok' : 'not ok'} ${n} - ${what}`);
	if (!passed) console.log(`# ${JSON.stringify(detail)}`);
}
const is = (have, want, what) => ok(JSON.stringify(have) === JSON.stringify(want), what, { have, want });

// ---- an installation, by the recipe ----

const psql = (...args) => execFileSync('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', 'frontend', ...args], { encoding: 'utf8' });
execFileSync('psql', ['-XAtq', '-d', 'postgres', '-c', "CREATE DATABASE frontend TEMPLATE template0 ENCODING 'UTF8'"]);
psql('-c', 'CREATE EXTENSION pg_triage', '-c', "SELECT count(*) FROM triage.load_pack('zhejiang')");
psql('-f', `${process.env.TRIAGE_SRC}/sql/recipes/pg_triage_roles.sql`);
psql('-c', `CREATE ROLE web LOGIN; CREATE ROLE op; CREATE ROLE squad; CREATE ROLE water; CREATE ROLE centre;
	GRANT op, squad, water, centre TO web;
	GRANT triage_operator TO op; GRANT triage_handler TO squad, water; GRANT triage_centre TO centre;
	INSERT INTO triage.members (role, duty, department, area) VALUES ('op', 'operator', '', ''), ('centre', 'centre', 'SGC_C.330784', '330784'),
		('squad', 'handler', 'TOWN.330784001', ''), ('water', 'handler', 'TOWN.330784002', '')`);

const pool = new pg.Pool({ host: process.env.PGHOST, port: process.env.PGPORT, database: 'frontend', user: 'web', max: 2 });
const owner = new pg.Pool({ host: process.env.PGHOST, port: process.env.PGPORT, database: 'frontend', user: process.env.PGUSER, max: 1 });
const schema = await createPostGraphileSchema(owner, ['triage'], { includeExtensionResources: true, ignoreRBAC: true, ignoreIndexes: false, dynamicJson: true });

// The answer of one request, as somebody.
async function ask(role, source, variables)
{
	const settings = { pgPool: pool, pgSettings: { role }, operationName: undefined };
	return withPostGraphileContext({ ...settings, queryDocumentAst: undefined }, async context =>
		graphql({ schema, source, contextValue: { ...context }, variableValues: variables }));
}
async function does(role, verb, input)
{
	const type = verb[0].toUpperCase() + verb.slice(1) + 'Input!';
	const r = await ask(role, `mutation ($input: ${type}) { ${verb}(input: $input) { case { caseId status lead } } }`, { input });
	return r.errors ? { error: r.errors[0].originalError?.code ?? r.errors[0].message, message: r.errors[0].message } : r.data[verb].case;
}

// ---- how the API reads ----

const sdl = printSchema(schema);
const mutation = sdl.slice(sdl.indexOf('type Mutation {'));
for (const verb of ['report', 'dispatch', 'accept', 'feedBack', 'requestReturn', 'resolve', 'closeCase', 'callBack', 'answerWhistle', 'openTask'])
	ok(new RegExp(`^  ${verb}\\(`, 'm').test(mutation), `there is ${verb}`);
ok(/签收: a department signs for the case/.test(sdl), 'described in the words of the catalog');
const input = name => sdl.match(new RegExp(`input ${name} \\{[^}]*\\}`))?.[0] ?? '';
ok(/caseId: BigInt\b/.test(input('AcceptInput')) && /department: String\b/.test(input('AcceptInput')) && /note: String\b/.test(input('AcceptInput')), 'arguments by name', input('AcceptInput'));
ok(/cursor|changes\(/.test(sdl), 'and a cursor to follow');

// ---- a case, from call to end ----

const opened = await does('op', 'report', { channel: '110', body: '有人说不清的事', area: '330784001', reporter: '王', contact: '13800000000' });
const id = opened.caseId;
is([opened.status], ['triage'], 'the operator opens a case');
is((await does('squad', 'accept', { caseId: id })).error, 'TR003', 'a department that has no part in it does not see it');
is(await does('centre', 'dispatch', { caseId: id, department: 'TOWN.330784001' }), { caseId: id, status: 'dispatched', lead: 'TOWN.330784001' }, 'the centre forwards it');
is((await does('water', 'accept', { caseId: id, department: 'TOWN.330784001' })).error, 'TR003', 'another department is refused, as if it did not exist');
is((await does('squad', 'closeCase', { caseId: id })).error, '42501', 'nor has a handler the centre\'s verbs');
is((await does('squad', 'accept', { caseId: id })).status, 'accepted', 'the department accepts');
is((await does('squad', 'accept', { caseId: id })).error, 'TR001', 'once');
const inbox = role => ask(role, '{ inbox(maxRows: 10, first: 5) { nodes { caseId } } }').then(r => r.errors ?? r.data.inbox.nodes.map(x => x.caseId));
is(await inbox('squad'), [id], 'has it in its inbox');
is(await inbox('water'), [], 'which is another than the others\'');
is((await does('squad', 'feedBack', { caseId: id, body: '已到现场，正在调解' })).status, 'in_progress', 'feeds back');
is((await does('squad', 'resolve', { caseId: id, outcome: 'nonsense', body: '双方约定好了时间' })).error, 'TR003', 'an outcome of the list');
is((await does('squad', 'resolve', { caseId: id, outcome: 'resolved', body: '双方约定好了施工时间' })).status, 'review', 'resolves');
is((await does('centre', 'closeCase', { caseId: id })).status, 'closed', 'and the centre closes');

// ---- what a query shows ----

const one = role => ask(role, 'query ($id: BigInt!) { caseByCaseId(caseId: $id) { number status lead } }', { id });
is((await one('squad')).data?.caseByCaseId?.status, 'closed', 'who took part reads it');
is((await one('water')).data?.caseByCaseId ?? null, null, 'who did not, does not');
const secret = await ask('centre', 'query ($id: BigInt!) { caseByCaseId(caseId: $id) { contact } }', { id });
ok(secret.errors && /permission denied/.test(secret.errors[0].message), 'nobody reads the contact in passing', secret);

await pool.end();
await owner.end();
console.log(`1..${n}`);
process.exit(failed ? 1 : 0);
