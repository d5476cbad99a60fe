// The site in a browser while Snug's backend answers and its SDK cannot be loaded: what a
// reader sees then, and what a program can tell about how everybody can read it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, it } from 'node:test';
import { launch } from '../../tools/chromium.mjs';
import { SERVER_KEY, startFakeSnug } from './fake-snug.mjs';

// The runner bundles tests elsewhere and names the folder.
const web = process.env.SNUG_WEB ?? path.resolve('..');
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'second-street-'));

let fake;
let child;
let url;
let browser;

before(async () => {
  fake = await startFakeSnug();
  const key = path.join(directory, 'key');
  fs.writeFileSync(key, SERVER_KEY);
  const flags = ['--port', '0', '--snug-url', fake.url, '--server-key-file', key];
  const program = path.join(web, 'demo/server.mjs');
  child = spawn(process.execPath, [program, ...flags, '--data', path.join(directory, 'data')]);
  const [line] = await once(child.stdout, 'data');
  url = /http:\S+/.exec(String(line))[0];
  browser = await launch();
});

after(async () => {
  await browser?.close();
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
  await fake.stop();
  fs.rmSync(directory, { recursive: true });
});

async function visit(options) {
  const context = await browser.newContext({ viewport: { width: 360, height: 740 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(5000);
  await page.goto(`${url}/login`);
  await page.locator('.sample[value=m1]').click();
  await page.getByRole('heading', { level: 1 }).waitFor();
  return page;
}

it('meets WCAG 2.2 AA as far as a program can tell, light and dark', async () => {
  const axe = fs.readFileSync(path.join(web, 'node_modules/axe-core/axe.min.js'), 'utf8');
  for (const colorScheme of ['light', 'dark']) {
    const page = await visit({ colorScheme, reducedMotion: 'reduce' });
    for (const address of [
      '/',
      '/listings/101',
      '/listings/102',
      '/members/m2',
      '/messages',
      '/login',
      '/join',
    ]) {
      await page.goto(url + address);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      const found = violations.flatMap(({ id, nodes }) =>
        nodes.map((node) => `${id}: ${node.html}`),
      );
      assert.deepEqual(found, [], `${address}, ${colorScheme}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${address} is ${wide} px too wide`);
    }
    await page.context().close();
  }
});

it('says that the chat is away when its script does not come', async () => {
  const page = await visit({ locale: 'en' });
  await page.goto(`${url}/messages`);
  await page.getByText('Chat is away for a moment').waitFor();
  await page.context().close();
});

it('asks friends without leaving the page, and says when nobody was chosen', async () => {
  const page = await visit({ locale: 'en' });
  await page.goto(`${url}/listings/101`);
  await page.getByText('Ask friends').click();
  await page.getByRole('button', { name: 'Start the group' }).click();
  await page.getByText('Choose at least one friend.').waitFor();
  await page.getByLabel('Jun Aoki').check();
  await page.getByLabel('Ana Ruiz').check();
  await page.getByRole('button', { name: 'Start the group' }).click();
  const room = page.locator('[data-chat-here] snug-room');
  await room.waitFor({ state: 'attached' });
  const made = fake.rooms.get(await room.getAttribute('room'));
  assert.deepEqual(
    made.members.map((each) => each.user),
    ['m1', 'm3', 'm5'],
  );
  await page.context().close();
});

it('works without script up to the chat itself', async () => {
  const page = await visit({ javaScriptEnabled: false, locale: 'en' });
  await page.goto(`${url}/listings/103`);
  await page.getByRole('button', { name: 'Chat with seller' }).click();
  await page.waitForURL(/\/messages\?room=d_/);
  await page.locator('snug-chat[room^=d_]').waitFor({ state: 'attached' });
  await page.context().close();
});
