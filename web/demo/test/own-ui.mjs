// A site with its own list of rooms and Snug's room in a frame of another origin: two people
// chat, a room is changed without another log-in, somebody logs out; and what a page that is
// not the app's gets to see of all this, which is nothing.
//
//   SNUG_BIN=/path/to/snug node --test test/own-ui.mjs

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch } from '../../tools/chromium.mjs';
import {
  around,
  awaits,
  bareSite,
  frameOf,
  getsNothing,
  heard,
  kept,
  open,
  post as postTo,
  say,
  sees,
  setAddress,
} from './frames.mjs';
import { freePort, SnugProcess } from './processes.mjs';

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'snug-own-ui-'));
const PROGRAM = fileURLToPath(new URL('../own-ui/server.mjs', import.meta.url));

let snug;
let site;
let siteUrl;
/** Another site of the app's: on the server's own host, where the browser keeps things. */
let near;
/** Of another app's, and of no app's. */
let stranger;
let nobody;
let browser;

before(async () => {
  const port = await freePort();
  // Another host than the server's: to the browser it is another site altogether.
  siteUrl = `http://localhost:${port}`;
  near = await bareSite();
  stranger = await bareSite();
  nobody = await bareSite();
  snug = await SnugProcess.create(directory, ['--origin', siteUrl, '--origin', near.url]);
  // Somebody else's app, whose pages may have its own users' chat in a frame.
  await snug.command(['app', 'create', '--name', 'Other', '--origin', stranger.url]);
  await snug.start();
  const flags = ['--port', String(port), '--snug-url', snug.url, '--server-key-file', snug.keyFile];
  site = spawn(process.execPath, [PROGRAM, ...flags], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(site.stdout, 'data');
  browser = await launch();
});

after(async () => {
  await browser?.close();
  if (site) {
    const ended = once(site, 'exit');
    site.kill('SIGTERM');
    await ended;
  }
  near?.close();
  stranger?.close();
  nobody?.close();
  await snug?.stop();
  fs.rmSync(directory, { recursive: true, force: true });
});

const openSession = (user, device) => snug.server('POST', 'sessions', { user, device });
const withToken = (token) => ({ headers: { Authorization: `Bearer ${token}` } });

const post = (seen, command) => postTo(seen, snug.url, { snug: 1, ...command });

describe('a site with its own list, and the room in a frame', () => {
  let amy;
  let ming;

  it('the first click shows the room by its address alone', async () => {
    amy = await open(browser, `${siteUrl}/?member=amy`);
    await amy.page.locator('[data-room=bike]').click();
    await awaits(amy, 'room-opened');
    await amy.page.getByText('Amy', { exact: true }).waitFor();
    assert.deepEqual(
      (await heard(amy, 'room-opened')).map(({ room, kind, origin }) => [room, kind, origin]),
      [['bike', 'group', snug.url]],
    );
    const inside = amy.page.frames().find((frame) => frame.url().startsWith(snug.url));
    assert.equal(inside.url(), `${snug.url}/embed/rooms/bike`, 'the token has left the address');
    assert.deepEqual(await amy.page.context().cookies(), []);
    assert.equal(await kept(amy), 0);
  });

  it('two people chat', async () => {
    // A room in which nobody has said anything is in its maker's list alone.
    await say(amy, 'Is it still there?');
    await sees(amy, 'Is it still there?');
    ming = await open(browser, `${siteUrl}/?member=ming`);
    await ming.page.locator('[data-room=bike]').click();
    await awaits(ming, 'room-opened');
    await sees(ming, 'Is it still there?');
    await say(ming, '還在');
    await sees(amy, '還在');
    const [told] = (await heard(amy, 'new-message')).filter(({ own }) => !own);
    assert.equal(told.room, 'bike');
    assert.equal(told.message.text, '還在');
    assert.equal(told.message.sender, 'ming');
  });

  it('another room is a command: no second authentication, no second socket', async () => {
    await amy.page.locator('[data-room=lamp]').click();
    await awaits(amy, 'room-opened', 2);
    await amy.page.locator('[data-room=lamp][aria-current]').waitFor();
    assert.deepEqual([amy.sockets, amy.checks], [1, 1]);
    const { sessions } = await snug.server('GET', 'users/amy/sessions');
    assert.equal(sessions.length, 1);
    // What is said in the room that is not shown is counted and told.
    await say(ming, 'Are you there?');
    await amy.page.locator('[data-room=bike] b', { hasText: '1' }).waitFor();
    await amy.page.locator('#unread', { hasText: '(1)' }).waitFor();
    const unread = (await heard(amy, 'unread-changed')).at(-1);
    assert.deepEqual([unread.unread, unread.rooms[0].room, unread.rooms[0].unread], [1, 'bike', 1]);
    await amy.page.locator('[data-room=bike]').click();
    await sees(amy, 'Are you there?');
    await amy.page.locator('#unread', { hasText: /^$/ }).waitFor({ state: 'attached' });
    assert.equal(amy.sockets, 1);
  });

  it('a room of others is refused in words, and the one after it opens', async () => {
    await snug.server('POST', 'rooms', { kind: 'group', id: 'secret', members: ['eve'] });
    await post(amy, { type: 'open-room', room: 'secret' });
    await awaits(amy, 'error');
    assert.deepEqual(
      (await heard(amy, 'error')).map(({ code, room }) => [code, room]),
      [['not_a_member', 'secret']],
    );
    await post(amy, { type: 'open-room', room: 'lamp' });
    await awaits(amy, 'room-opened', 4);
  });

  it('wrong commands are answered, and what is no command is left alone', async () => {
    for (const wrong of [
      { type: 'open-room' },
      { type: 'fly' },
      { type: 'theme', theme: 'pink' },
    ]) {
      await post(amy, wrong);
    }
    await awaits(amy, 'error', 4);
    const codes = (await heard(amy, 'error')).slice(1).map(({ code }) => code);
    assert.deepEqual(codes, ['command_invalid', 'command_invalid', 'command_invalid']);
    await amy.page.evaluate((origin) => {
      const { contentWindow } = document.querySelector('iframe');
      for (const other of ['x', 7, null, { type: 'logout' }, []]) {
        contentWindow.postMessage(other, origin);
      }
    }, snug.url);
    await post(amy, { type: 'theme', theme: 'dark' });
    await frameOf(amy).locator('html[data-theme=dark] snug-room[theme=dark]').waitFor();
    assert.equal((await heard(amy, 'signed-out')).length, 0);
  });

  it('logging out closes the session everywhere, and the page is told', async () => {
    await ming.page.locator('#logout').click();
    await ming.page.getByText('Signed out (logged_out)').waitFor();
    await frameOf(ming).getByText('You are signed out.').waitFor();
    assert.deepEqual((await snug.server('GET', 'users/ming/sessions')).sessions, []);
    // And somebody else may come in after him, in the same frame.
    const { token } = await openSession('ming', 'again');
    await post(ming, { type: 'login', token });
    await awaits(ming, 'room-opened', 2);
  });

  it('who comes in while the one before is going out stays', async () => {
    const { token } = await openSession('amy', 'next');
    const before = (await heard(ming, 'room-opened')).length;
    await ming.page.evaluate(
      ([origin, next]) => {
        const { contentWindow } = document.querySelector('iframe');
        contentWindow.postMessage({ snug: 1, type: 'logout' }, origin);
        contentWindow.postMessage({ snug: 1, type: 'login', token: next }, origin);
      },
      [snug.url, token],
    );
    await awaits(ming, 'room-opened', before + 1);
    await say(ming, 'Amy, on his machine');
    await sees(ming, 'Amy, on his machine');
    const types = (await ming.page.evaluate(() => window.heard)).map(({ type }) => type);
    assert.ok(types.lastIndexOf('signed-in') > types.lastIndexOf('signed-out'), String(types));
    assert.deepEqual((await snug.server('GET', 'users/ming/sessions')).sessions, []);
  });

  it('a revoked session is told of, and a new token goes on in place', async () => {
    await snug.server('POST', 'sessions/revoke', { user: 'amy' });
    await awaits(amy, 'signed-out');
    assert.equal((await heard(amy, 'signed-out'))[0].reason, 'session_revoked');
    const { token } = await openSession('amy', 'own-ui');
    await post(amy, { type: 'login', token });
    await awaits(amy, 'signed-in', 2);
    await say(amy, 'Back again');
    await sees(amy, 'Back again');
  });

  it('no page threw or broke its policy', () => {
    assert.deepEqual([...amy.errors, ...ming.errors], []);
    assert.deepEqual([...amy.complaints, ...ming.complaints], []);
  });
});

describe('other ways in', () => {
  it('by postMessage, and the whole chat without a room', async () => {
    const { token } = await openSession('amy', 'whole');
    const page = await around(browser, siteUrl, `${snug.url}/embed?app=${snug.app}`, {
      referrerPolicy: 'no-referrer',
    });
    await awaits(page, 'ready');
    assert.deepEqual(await heard(page, 'ready'), [{ snug: 1, type: 'ready', origin: snug.url }]);
    await post(page, { type: 'login', token });
    await awaits(page, 'signed-in');
    await frameOf(page).locator('snug-chat snug-room-list').getByText('The blue bike').click();
    await awaits(page, 'room-opened');
    await post(page, { type: 'open-room', room: 'lamp' });
    await awaits(page, 'room-opened', 2);
  });

  it('by a code, once', async () => {
    const { token, session } = await openSession('amy', 'code');
    const made = await fetch(`${snug.url}/v1/session/code`, {
      method: 'POST',
      ...withToken(token),
    });
    assert.equal(made.status, 201);
    const { code } = await made.json();
    const address = `${snug.url}/embed/rooms/bike?code=${code}`;
    const page = await around(browser, siteUrl, address, { referrerPolicy: 'no-referrer' });
    await awaits(page, 'room-opened');
    const inside = page.page.frames().find((frame) => frame.url().startsWith(snug.url));
    assert.equal(inside.url(), `${snug.url}/embed/rooms/bike`);
    const { sessions } = await snug.server('GET', 'users/amy/sessions');
    assert.equal(sessions.filter(({ device }) => device === 'code').length, 1);
    assert.ok(sessions.some(({ id }) => id === session));
    const again = await around(browser, siteUrl, address);
    await awaits(again, 'error');
    assert.equal((await heard(again, 'error'))[0].code, 'token_invalid');
  });

  it('one address after the other, with the same token in each', async () => {
    const { token } = await openSession('amy', 'again');
    const address = (room) => `${snug.url}/embed/rooms/${room}#token=${token}`;
    const page = await around(browser, siteUrl, address('bike'));
    await awaits(page, 'room-opened');
    await setAddress(page, address('lamp'));
    await awaits(page, 'room-opened', 2);
    const { sessions } = await snug.server('GET', 'users/amy/sessions');
    assert.equal(sessions.filter(({ device }) => device === 'again').length, 1);
  });

  it('with keep=tab the later addresses need no token', async () => {
    const { token } = await openSession('amy', 'kept');
    const address = `${snug.url}/embed/rooms/bike?keep=tab&app=${snug.app}`;
    const page = await around(browser, near.url, `${address}#token=${token}`);
    await awaits(page, 'room-opened');
    await setAddress(page, address.replace('bike', 'lamp'));
    await awaits(page, 'room-opened', 2);
    await post(page, { type: 'logout' });
    await awaits(page, 'signed-out');
    assert.equal(await kept(page), 0);
  });

  it('a token that is over asks for another one, once', async () => {
    const { token, session } = await openSession('amy', 'over');
    await snug.server('POST', 'sessions/revoke', { session });
    const page = await around(browser, siteUrl, `${snug.url}/embed/rooms/bike#token=${token}`);
    await awaits(page, 'token-needed');
    assert.equal((await heard(page, 'error'))[0].code, 'session_closed');
    await post(page, { type: 'login', token });
    await awaits(page, 'error', 2);
    assert.equal((await heard(page, 'token-needed')).length, 1);
    await post(page, { type: 'login', token: (await openSession('amy', 'over')).token });
    await awaits(page, 'room-opened');
  });

  it('logging out while the token is looked at closes its session, too', async () => {
    const { token } = await openSession('amy', 'looked');
    let go;
    const held = new Promise((resolve) => {
      go = resolve;
    });
    const page = await around(browser, siteUrl, `${snug.url}/embed/rooms/bike#token=${token}`, {
      prepare: (opened) =>
        opened.route('**/v1/embedding*', async (route) => {
          await held;
          await route.continue().catch(() => {});
        }),
    });
    await awaits(page, 'ready');
    const closed = page.page.waitForResponse(
      (answer) => answer.request().method() === 'DELETE' && answer.url().endsWith('/v1/session'),
    );
    await post(page, { type: 'logout' });
    assert.equal((await closed).status(), 204);
    go();
    const { sessions } = await snug.server('GET', 'users/amy/sessions');
    assert.equal(sessions.filter(({ device }) => device === 'looked').length, 0);
  });

  it('before its session ends the frame asks for a token, and takes it on the living socket', async () => {
    const short = await snug.server('POST', 'sessions', {
      user: 'amy',
      device: 'short',
      ttl_seconds: 61,
    });
    const page = await around(
      browser,
      siteUrl,
      `${snug.url}/embed/rooms/bike#token=${short.token}`,
    );
    await awaits(page, 'token-needed');
    const { token } = await openSession('amy', 'short');
    await post(page, { type: 'login', token });
    await say(page, 'Still here');
    await sees(page, 'Still here');
    assert.ok((await heard(page, 'signed-out')).length === 0);
  });
});

describe('a page that is not the app’s', () => {
  it('gets no frame, whatever the address says', async () => {
    const { token } = await openSession('amy', 'victim');
    for (const [query, policy] of [
      ['', ''],
      ['', 'no-referrer'],
      [`?app=${snug.app}`, ''],
      [`?app=${snug.app}`, 'no-referrer'],
    ]) {
      const page = await around(
        browser,
        nobody.url,
        `${snug.url}/embed/rooms/bike${query}#token=${token}`,
        { referrerPolicy: policy },
      );
      await getsNothing(page);
      await page.page.context().close();
    }
  });

  it('of another app’s: the frame stands, but the token’s app says no', async () => {
    const { token } = await openSession('amy', 'crossed');
    const page = await around(browser, stranger.url, `${snug.url}/embed/rooms/bike#token=${token}`);
    await awaits(page, 'error');
    assert.equal((await heard(page, 'error'))[0].code, 'origin_refused');
    assert.deepEqual(
      (await page.page.evaluate(() => window.heard)).map(({ type }) => type).sort(),
      ['error', 'ready'],
    );
    assert.equal(page.sockets, 0);
  });

  it('a token of another app is refused where the address names one', async () => {
    const page = await around(browser, siteUrl, `${snug.url}/embed/rooms/bike?app=${snug.app}`);
    await awaits(page, 'ready');
    await post(page, { type: 'login', token: `snug_st_${'x'.repeat(43)}.app_${'0'.repeat(20)}` });
    await awaits(page, 'error');
    assert.equal((await heard(page, 'error'))[0].code, 'token_invalid');
    await post(page, { type: 'login', token: snug.serverKey });
    await awaits(page, 'error', 2);
    assert.equal((await heard(page, 'error'))[1].code, 'server_key_in_browser');
  });
});
