// A site that was built around Rocket.Chat's frame: its addresses, its commands, its events, one
// sign-in for all rooms, with our elements in the frame.
//
//   SNUG_BIN=/path/to/snug node --test test/rocketchat-frame.mjs

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { launch } from '../../tools/chromium.mjs';
import {
  around,
  bareSite,
  frameOf,
  getsNothing,
  kept,
  post,
  READY_MS,
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
let admin;
let amy;
let mine;
let ming;
/** Ids of rooms by their names. */
const rooms = {};

before(async () => {
  site = await bareSite();
  nobody = await bareSite();
  snug = await SnugProcess.create(directory, ['--origin', site.url]);
  snug.flags = ['--dialect-app', `rocketchat=${snug.app}`];
  await snug.command(['dialect', 'rocketchat', 'enable', '--app', snug.app]);
  const said = await snug.command([
    ...['dialect', 'rocketchat', 'admin', 'create'],
    ...['--app', snug.app, '--username', 'boss'],
  ]);
  admin = { user: 'boss', token: /X-Auth-Token\s+(\S+)/.exec(said)[1] };
  await snug.start();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  site?.close();
  nobody?.close();
  await snug?.stop();
  fs.rmSync(directory, { recursive: true, force: true });
});

/** A call of that system's REST. */
async function call(by, method, endpoint, body) {
  const answer = await fetch(`${snug.url}/api/v1/${endpoint}`, {
    method,
    headers: {
      'X-Auth-Token': by.token,
      'X-User-Id': by.user,
      'Content-Type': 'application/json',
    },
    body: body && JSON.stringify(body),
  });
  assert.ok(answer.ok, `${method} ${endpoint}: ${answer.status} ${await answer.clone().text()}`);
  return answer.json();
}

/** As the vendor's document has it: the administrator makes the user's token. */
async function logIn(username) {
  const { data } = await call(admin, 'POST', 'users.createToken', { username });
  return { user: data.userId, token: data.authToken };
}

/** A message as only our own wire has them: with mentions, a card. */
function place(name, message) {
  return snug.server('POST', `rooms/${rooms[name]}/messages`, { sender: 'ming', ...message });
}

async function send(by, name, msg) {
  await call(by, 'POST', 'chat.sendMessage', { message: { rid: rooms[name], msg } });
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

const inside = ({ page }) => page.frames().find((frame) => frame.url().startsWith(snug.url));

describe('a site around Rocket.Chat’s frame', () => {
  it('signs the frame in with a token, and the channel of the address opens', async () => {
    for (const username of ['amy', 'ming']) {
      const email = `${username}@shop.example`;
      await call(admin, 'POST', 'users.create', {
        ...{ username, email, name: username, password: 'a long password' },
      });
    }
    const members = ['amy', 'ming'];
    const { channel } = await call(admin, 'POST', 'channels.create', { name: 'general', members });
    const { group } = await call(admin, 'POST', 'groups.create', { name: 'crew', members });
    Object.assign(rooms, { general: channel._id, crew: group._id });
    ming = await logIn('ming');
    mine = await logIn('amy');
    amy = await around(browser, site.url, `${snug.url}/channel/general?layout=embedded`, {});
    assert.deepEqual(await told(amy, 'startup'), [true]);
    await command(amy, 'login-with-token', { token: mine.token });
    const [room] = await told(amy, 'room-opened');
    assert.deepEqual([room._id, room.name, room.t], [rooms.general, 'general', 'c']);
    await frameOf(amy).locator('snug-room').waitFor();
  });

  it('tells of messages and of what is unread', async () => {
    await say(amy, 'Ahoy');
    await sees(amy, 'Ahoy');
    await send(ming, 'general', '早安');
    await sees(amy, '早安');
    const messages = await told(amy, 'new-message');
    const theirs = messages.find(({ u }) => u._id === 'ming');
    assert.deepEqual([theirs.rid, theirs.msg], [rooms.general, '早安']);
    const [notified] = await told(amy, 'notification');
    assert.deepEqual([notified.fromOpenedRoom, notified.notification.text], [true, '早安']);
    await send(ming, 'crew', 'All hands');
    await amy.page.waitForFunction(
      (rid) =>
        window.heard.some(
          ({ eventName, data }) =>
            eventName === 'unread-changed-by-subscription' &&
            data.rid === rid &&
            data.unread === 1 &&
            data.alert,
        ),
      rooms.crew,
    );
    assert.ok((await told(amy, 'unread-changed')).includes(1));
  });

  it('tells of a link in a message that is clicked, and opens it', async () => {
    await send(ming, 'general', 'look at https://shop.example/bike please');
    await sees(amy, 'look at');
    const opens = amy.page.context().waitForEvent('page');
    // By keyboard: in a frame as small as this one the header may lie over the message.
    await frameOf(amy)
      .locator('snug-room')
      .getByRole('link', { name: /shop\.example/ })
      .press('Enter');
    const [link] = await told(amy, 'click-message-link');
    assert.equal(link.href, 'https://shop.example/bike');
    await (await opens).close();
  });

  it('tells of presses on people, and leaves the rest to the page around', async () => {
    await place('general', { text: 'ask @ming about it', mentions: { users: ['ming'] } });
    await sees(amy, 'ask');
    const room = frameOf(amy).locator('snug-room');
    await room.getByRole('button', { name: '@ming', exact: true }).press('Enter');
    assert.deepEqual(await told(amy, 'click-mention-link'), [{ username: 'ming' }]);
    await room.getByRole('button', { name: 'ming', exact: true }).last().press('Enter');
    assert.deepEqual(await told(amy, 'click-user-card-message'), [{ username: 'ming' }]);
    assert.equal(await room.getByRole('dialog').count(), 0);
    assert.equal((await told(amy, 'room-opened')).length, 1);
  });

  it('tells of a card’s button', async () => {
    const actions = [{ id: 'join', label: 'Join the call' }];
    const { id } = await place('general', { kind: 'card', card: { title: 'A call', actions } });
    await sees(amy, 'Join the call');
    const room = frameOf(amy).locator('snug-room');
    await room.getByRole('button', { name: 'Join the call' }).press('Enter');
    const [pressed] = await told(amy, 'click-action-link');
    const { message } = pressed;
    assert.deepEqual(
      [pressed.actionlink, pressed.value, message._id, message.rid, message.u.username],
      ['join', id, id, rooms.general, 'ming'],
    );
    assert.deepEqual(message.actionLinks, [{ method_id: 'join', label: 'Join the call' }]);
  });

  it('says why a log-in by OAuth does nothing', async () => {
    const before = amy.complaints.length;
    await command(amy, 'call-custom-oauth-login', { service: 'shop' });
    const deadline = Date.now() + READY_MS;
    while (!amy.complaints.slice(before).some((line) => /no OAuth service/.test(line))) {
      assert.ok(Date.now() < deadline, 'nothing was said');
      await amy.page.waitForTimeout(50);
    }
  });

  it('goes where it is told, on the same socket', async () => {
    const before = amy.sockets;
    await command(amy, 'go', { path: '/group/crew?layout=embedded' });
    const opened = await told(amy, 'room-opened', 2);
    assert.equal(opened.at(-1)._id, rooms.crew);
    await sees(amy, 'All hands');
    assert.equal(amy.sockets, before);
    assert.equal(new URL(inside(amy).url()).pathname, '/group/crew');
  });

  it('says how the user is', async () => {
    for (const [name, status] of [
      ['set-user-status', 'away'],
      ['userSetStatus', 'online'],
    ]) {
      const taken = amy.page.waitForResponse(/users\.setStatus$/);
      await command(amy, name, { status });
      assert.equal((await taken).status(), 200);
      const shown = await call(ming, 'GET', 'users.getStatus?userId=amy');
      assert.equal(shown.status, status);
    }
  });

  it('a new address in the same tab needs no second sign-in', async () => {
    await setAddress(amy, `${snug.url}/channel/general?layout=embedded`);
    const opened = await told(amy, 'room-opened', 3);
    assert.equal(opened.at(-1)._id, rooms.general);
  });

  it('a direct room by its id, and by the other’s name', async () => {
    const { room } = await call(ming, 'POST', 'im.create', { username: 'amy' });
    for (const name of [room._id, 'ming']) {
      const before = (await told(amy, 'room-opened')).length;
      await command(amy, 'go', { path: `/direct/${encodeURIComponent(name)}?layout=embedded` });
      const opened = (await told(amy, 'room-opened', before + 1)).at(-1);
      assert.deepEqual([opened._id, opened.t], [room._id, 'd']);
    }
    await command(amy, 'go', { path: '/channel/nowhere?layout=embedded' });
    await frameOf(amy).getByText('There is no such conversation').waitFor();
  });

  it('logs out at the server, and the tab forgets', async () => {
    await command(amy, 'logout');
    await frameOf(amy).getByText('You are signed out.').waitFor();
    // The page says so at once, and asks the server meanwhile.
    const headers = { 'X-Auth-Token': mine.token, 'X-User-Id': mine.user };
    const deadline = Date.now() + READY_MS;
    while ((await fetch(`${snug.url}/api/v1/me`, { headers })).status !== 401) {
      assert.ok(Date.now() < deadline, 'the token is still good');
    }
    assert.equal(await kept(amy), 0);
    assert.deepEqual(amy.errors, []);
  });

  it('gives nothing to a page that is not the app’s', async () => {
    const address = `${snug.url}/channel/general?layout=embedded&resumeToken=${ming.token}`;
    const page = await around(browser, nobody.url, address);
    await getsNothing(page);
  });
});
