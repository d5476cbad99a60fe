// A site that was built around Rocket.Chat's frame: its addresses, its commands, its events, one
// sign-in for all rooms, with our elements in the frame.
//
//   SNUG_BIN=/path/to/snug node --test test/rocketchat-frame.mjs

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { chromium } from 'playwright-core';
import {
  around,
  bareSite,
  frameOf,
  getsNothing,
  kept,
  post,
  say,
  sees,
  setAddress,
} from './frames.mjs';
import { SnugProcess } from './processes.mjs';

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'snug-rocketchat-frame-'));

let snug;
let site;
let nobody;
let browser;
let amy;

before(async () => {
  site = await bareSite();
  nobody = await bareSite();
  snug = await SnugProcess.create(directory, ['--origin', site.url]);
  snug.flags = ['--dialect-app', `rocketchat=${snug.app}`];
  await snug.start();
  browser = await chromium.launch({
    executablePath: process.env.SNUG_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
});

after(async () => {
  await browser?.close();
  site?.close();
  nobody?.close();
  await snug?.stop();
  fs.rmSync(directory, { recursive: true, force: true });
});

async function server(method, route, body) {
  const answer = await fetch(`${snug.url}/v1/server/${route}`, {
    method,
    headers: { Authorization: `Bearer ${snug.serverKey}`, 'Content-Type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  assert.ok(answer.ok, `${method} ${route}: ${answer.status}`);
  return answer.json();
}

/** What the frame has told under this name, once there is that much of it. */
async function told(seen, name, count = 1) {
  await seen.page.waitForFunction(
    ([wanted, least]) => window.heard.filter((each) => each.eventName === wanted).length >= least,
    [name, count],
  );
  return seen.page.evaluate(
    (wanted) => window.heard.filter((each) => each.eventName === wanted).map(({ data }) => data),
    name,
  );
}

const command = (seen, externalCommand, more = {}) =>
  post(seen, snug.url, { externalCommand, ...more });

/** The wire's REST calls are not spoken by this server yet: the browser answers this one. */
async function roomsInfo(page) {
  const ids = { general: 'r-general', 船員: 'r-crew' };
  await page.route('**/api/v1/rooms.info?*', (route) => {
    const { searchParams } = new URL(route.request().url());
    const _id = ids[searchParams.get('roomName')];
    route.fulfill(_id ? { json: { success: true, room: { _id } } } : { status: 400, json: {} });
  });
}

const inside = ({ page }) => page.frames().find((frame) => frame.url().startsWith(snug.url));

describe('a site around Rocket.Chat’s frame', () => {
  it('signs the frame in with a token, and the channel of the address opens', async () => {
    for (const [id, name] of [
      ['r-general', 'general'],
      ['r-crew', '船員'],
    ]) {
      await server('POST', 'rooms', { kind: 'group', id, name, members: ['amy', 'ming'] });
    }
    const { token } = await server('POST', 'sessions', { user: 'amy', device: 'frame' });
    amy = await around(browser, site.url, `${snug.url}/channel/general?layout=embedded`, {
      prepare: roomsInfo,
    });
    assert.deepEqual(await told(amy, 'startup'), [true]);
    await command(amy, 'login-with-token', { token });
    const [room] = await told(amy, 'room-opened');
    assert.deepEqual([room._id, room.name], ['r-general', 'general']);
    await frameOf(amy).locator('snug-room').waitFor();
  });

  it('tells of messages and of what is unread', async () => {
    await say(amy, 'Ahoy');
    await sees(amy, 'Ahoy');
    await server('POST', 'rooms/r-general/messages', { sender: 'ming', text: '早安' });
    await sees(amy, '早安');
    const messages = await told(amy, 'new-message');
    const theirs = messages.find(({ u }) => u._id === 'ming');
    assert.deepEqual([theirs.rid, theirs.msg], ['r-general', '早安']);
    const [notified] = await told(amy, 'notification');
    assert.deepEqual([notified.fromOpenedRoom, notified.notification.text], [true, '早安']);
    await server('POST', 'rooms/r-crew/messages', { sender: 'ming', text: 'All hands' });
    await amy.page.waitForFunction(() =>
      window.heard.some(
        ({ eventName, data }) =>
          eventName === 'unread-changed-by-subscription' &&
          data.rid === 'r-crew' &&
          data.unread === 1 &&
          data.alert,
      ),
    );
    assert.ok((await told(amy, 'unread-changed')).includes(1));
  });

  it('goes where it is told, on the same socket', async () => {
    const before = amy.sockets;
    await command(amy, 'go', { path: `/group/${encodeURIComponent('船員')}?layout=embedded` });
    const opened = await told(amy, 'room-opened', 2);
    assert.equal(opened.at(-1)._id, 'r-crew');
    await sees(amy, 'All hands');
    assert.equal(amy.sockets, before);
    assert.equal(new URL(inside(amy).url()).pathname, `/group/${encodeURIComponent('船員')}`);
  });

  it('a new address in the same tab needs no second sign-in', async () => {
    await setAddress(amy, `${snug.url}/channel/general?layout=embedded`);
    const opened = await told(amy, 'room-opened', 3);
    assert.equal(opened.at(-1)._id, 'r-general');
    const { sessions } = await server('GET', 'users/amy/sessions');
    assert.equal(sessions.length, 1);
  });

  it('logs out at the server, and the tab forgets', async () => {
    await command(amy, 'logout');
    await frameOf(amy).getByText('You are signed out.').waitFor();
    assert.deepEqual((await server('GET', 'users/amy/sessions')).sessions, []);
    assert.equal(await kept(amy), 0);
    assert.deepEqual(amy.errors, []);
  });

  it('gives nothing to a page that is not the app’s', async () => {
    const { token } = await server('POST', 'sessions', { user: 'amy', device: 'other' });
    const address = `${snug.url}/channel/general?layout=embedded&resumeToken=${token}`;
    const page = await around(browser, nobody.url, address);
    await getsNothing(page);
  });
});
