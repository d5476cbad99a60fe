// Pages with a frame of Snug's in them, and everything that they are told.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';

export const READY_MS = 15_000;

/** A site without anything of its own. */
export async function bareSite() {
  const bare = http.createServer((_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>x</title>');
  });
  bare.listen(0, '127.0.0.1');
  await once(bare, 'listening');
  return Object.assign(bare, { url: `http://127.0.0.1:${bare.address().port}` });
}

/** A page that notes every socket, complaint and message of its frames. */
export async function open(browser, address, prepare = async () => {}) {
  const context = await browser.newContext({ viewport: { width: 900, height: 600 } });
  const page = await context.newPage();
  page.setDefaultTimeout(READY_MS);
  const seen = { page, sockets: 0, checks: 0, complaints: [], errors: [] };
  page.on('websocket', () => {
    seen.sockets += 1;
  });
  page.on('request', (request) => {
    if (request.url().includes('/v1/embedding')) seen.checks += 1;
  });
  page.on('pageerror', (error) => seen.errors.push(error.message));
  page.on('console', (line) => {
    if (['error', 'warning'].includes(line.type())) seen.complaints.push(line.text());
  });
  await page.addInitScript(() => {
    window.heard = [];
    window.addEventListener('message', ({ data, origin }) =>
      window.heard.push({ ...data, origin }),
    );
  });
  await prepare(page);
  await page.goto(address);
  return seen;
}

export const frameOf = ({ page }) => page.frameLocator('iframe');
export const heard = ({ page }, type) =>
  page.evaluate((wanted) => window.heard.filter((each) => each.type === wanted), type);
export async function awaits({ page }, type, count = 1) {
  await page.waitForFunction(
    ([wanted, least]) => window.heard.filter((each) => each.type === wanted).length >= least,
    [type, count],
  );
}

export async function say(member, text) {
  const field = frameOf(member).locator('snug-composer textarea');
  await field.fill(text);
  await field.press('Enter');
}

export const sees = (member, text) =>
  frameOf(member).locator('snug-room').getByText(text).first().waitFor();

/** A bare page of any origin with one frame in it. */
export async function around(browser, origin, address, { referrerPolicy = '', prepare } = {}) {
  const seen = await open(browser, `${origin}/`, prepare);
  await seen.page.evaluate(
    ([src, policy]) => {
      const frame = document.createElement('iframe');
      frame.referrerPolicy = policy;
      frame.src = src;
      document.body.replaceChildren(frame);
    },
    [address, referrerPolicy],
  );
  return seen;
}

export const setAddress = ({ page }, address) =>
  page.evaluate((src) => {
    document.querySelector('iframe').src = src;
  }, address);

/** How much the page in the frame has put by, where the browser lets it at all. */
export function kept({ page }) {
  const inside = page.frames().find((frame) => frame !== page.mainFrame());
  return inside.evaluate(() => {
    try {
      return localStorage.length + sessionStorage.length;
    } catch {
      return 0;
    }
  });
}

/** The browser itself has refused to show the frame here, and nothing was said or asked. */
export async function getsNothing(seen) {
  const deadline = Date.now() + READY_MS;
  while (!seen.complaints.some((text) => /frame-ancestors/.test(text))) {
    assert.ok(Date.now() < deadline, 'the browser did not refuse the frame');
    await seen.page.waitForTimeout(50);
  }
  assert.deepEqual(await seen.page.evaluate(() => window.heard), []);
  assert.deepEqual([seen.sockets, seen.checks], [0, 0]);
}

/** Says something to the page in the frame, as long as it is of this origin. */
export const post = ({ page }, origin, message) =>
  page.evaluate(
    ([said, to]) => document.querySelector('iframe').contentWindow.postMessage(said, to),
    [message, origin],
  );
