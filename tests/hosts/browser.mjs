// A headless Chromium on a leash: one JSON command a line on standard input,
// one JSON answer a line on standard output.  See Browser in lib/Hosts.pm.
//
// Environment: NODE_PATH to playwright-core, TRIAGE_TMP for the profile.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { mkdtempSync } from 'node:fs';

const { chromium } = createRequire(process.env.NODE_PATH + '/')('playwright-core');

// one folder, so cookies, for each person
const contexts = new Map();

async function page(who) {
	if (!contexts.has(who)) {
		const context = await chromium.launchPersistentContext(mkdtempSync(`${process.env.TMPDIR}/chromium-`), {
			executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
			viewport: { width: 1200, height: 1500 },
			args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-dev-shm-usage',
				'--disable-background-networking', '--disable-component-update', '--disable-sync'],
		});
		context.setDefaultTimeout(20000);
		contexts.set(who, context);
	}
	const context = contexts.get(who);
	return context.pages()[0] ?? context.newPage();
}

const verbs = {
	goto: async (p, { url, referer }) => { await p.goto(url, { referer, waitUntil: 'load' }); return p.url(); },
	url: async (p) => p.url(),
	fill: async (p, { selector, text }) => p.fill(selector, text),
	choose: async (p, { selector, value }) => p.selectOption(selector, value),
	click: async (p, { selector }) => p.click(selector),
	// a click that leads to another page
	follow: async (p, { selector }) => {
		await Promise.all([p.waitForNavigation({ waitUntil: 'load' }), p.click(selector)]);
		return p.url();
	},
	upload: async (p, { selector, file }) => p.setInputFiles(selector, file),
	wait: async (p, { selector }) => { await p.waitForSelector(selector, { state: 'attached' }); },
	// until the words stand on the page; false when they do not come
	shows: async (p, { text, timeout }) => p.waitForFunction((t) => document.body.innerText.includes(t), text, { timeout: timeout ?? 15000 })
		.then(() => true, () => false),
	text: async (p, { selector }) => p.innerText(selector ?? 'body'),
	value: async (p, { selector }) => p.inputValue(selector),
	count: async (p, { selector }) => p.locator(selector).count(),
	eval: async (p, { script }) => p.evaluate(script),
	// what somebody types into an editor in a frame
	frame: async (p, { frame, text }) => p.frameLocator(frame).locator('body').fill(text),
	shot: async (p, { file }) => { await p.screenshot({ path: file, fullPage: true }); return file; },
};

for await (const line of createInterface({ input: process.stdin })) {
	let answer;
	try {
		const command = JSON.parse(line);
		answer = { ok: (await verbs[command.verb](await page(command.who), command)) ?? null };
	} catch (error) {
		answer = { error: String(error.message ?? error) };
	}
	process.stdout.write(JSON.stringify(answer) + '\n');
}
await Promise.all([...contexts.values()].map((c) => c.close()));
