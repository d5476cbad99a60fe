// How a member keeps rooms, through the real server: the examples of the page about rooms do what
// it says, and what one device does the member's pages show at once, and nobody else's.
//
//   SNUG_BIN=/path/to/snug node --test test/rooms.mjs

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { Stage } from './stage.mjs';

const stage = new Stage('rooms');

let snug;
let amy;
let ming;
let token;
const rooms = {};

before(async () => {
  ({ snug, amy, ming } = await stage.open());
  for (const name of ['Bikes', 'Cars', 'Boats']) {
    const made = { kind: 'group', name, creator: 'm1', members: ['m1', 'm2'] };
    rooms[name] = (await snug.server('POST', 'rooms', made)).id;
    const said = { sender: 'm2', text: `About ${name}` };
    await snug.server('POST', `rooms/${rooms[name]}/messages`, said);
  }
  ({ token } = await snug.server('POST', 'sessions', { user: 'm1', device: 'shell' }));
  for (const member of [amy, ming]) await member.goto('/messages');
  await shows(amy, ['Boats', 'Cars', 'Bikes']);
});

after(() => stage.close());

/** The names in the list, in their order. */
async function shows({ page }, names) {
  const same = (wanted) => {
    const list = document.querySelector('snug-chat')?.renderRoot?.querySelector('snug-room-list');
    const found = list ?? document.querySelector('snug-room-list');
    const rows = [...(found?.renderRoot.querySelectorAll('.name') ?? [])];
    return JSON.stringify(rows.map((row) => row.textContent)) === JSON.stringify(wanted);
  };
  await page.waitForFunction(same, names);
}

const own = async (name, patch) => {
  const answer = await fetch(`${snug.url}/v1/rooms/${rooms[name]}/me`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(patch),
  });
  assert.equal(answer.status, 200);
  return answer.json();
};

describe('the list of a member', () => {
  it('shows what another device pins and hides, to nobody else', async () => {
    await own('Bikes', { pinned: true });
    await shows(amy, ['Bikes', 'Boats', 'Cars']);
    await own('Boats', { hidden: true });
    await shows(amy, ['Bikes', 'Cars']);
    await shows(ming, ['Boats', 'Cars', 'Bikes']);
    await snug.server('POST', `rooms/${rooms.Boats}/messages`, { sender: 'm2', text: 'Ahoy' });
    await shows(amy, ['Bikes', 'Boats', 'Cars']);
  });

  it('leaves an archived room out, and shows it again', async () => {
    await snug.server('PATCH', `rooms/${rooms.Cars}`, { archived: true });
    await shows(amy, ['Bikes', 'Boats']);
    await shows(ming, ['Boats', 'Bikes']);
    await snug.server('PATCH', `rooms/${rooms.Cars}`, { archived: false });
    await shows(amy, ['Bikes', 'Boats', 'Cars']);
  });
});

describe('the examples of the page about rooms', () => {
  const text = fs.readFileSync(new URL('../../../docs/rooms.md', import.meta.url), 'utf8');
  const blocks = (kind) =>
    [...text.matchAll(/```(\w+)\n(.*?)```/gs)]
      .filter(([, found]) => found === kind)
      .map(([, , code]) => code);

  it('run by curl, as page and as backend', async () => {
    const env = { PATH: process.env.PATH, SNUG: snug.url, TOKEN: token, ROOM: rooms.Bikes };
    env.SERVER_KEY = snug.serverKey;
    const [page, backend] = blocks('sh');
    const note = { custom: { price: { amount: 120, currency: 'EUR' }, note: 'new' } };
    await snug.server('PATCH', `rooms/${rooms.Bikes}`, note);
    for (const code of [page, backend]) {
      await promisify(execFile)('bash', ['-euc', code], { env });
    }
    const room = await snug.server('GET', `rooms/${rooms.Bikes}`);
    assert.deepEqual(room.tags, ['bike', 'sale']);
    assert.deepEqual(room.custom, { price: { amount: 90, currency: 'EUR' } });
    assert.equal(room.archived, undefined);
    const { settings } = await own('Bikes', {});
    assert.deepEqual([settings.pinned, settings.muted_until], [true, 'forever']);
  });

  it('run in a page', async () => {
    const [code] = blocks('js');
    assert.ok(code.includes('updateMine'));
    const found = await amy.page.evaluate(
      `(async (client, id) => {${code}; return rooms.map(({ name }) => name); })(document.querySelector('snug-chat').activeClient, ${JSON.stringify(rooms.Bikes)})`,
    );
    assert.deepEqual(found, ['Bikes']);
    const { settings } = await own('Bikes', {});
    assert.equal(settings.hidden, true);
    assert.match(settings.muted_until, /^\d{4}-/);
    await shows(amy, ['Boats', 'Cars']);
  });
});

describe('the examples of the page about presence', () => {
  const text = fs
    .readFileSync(new URL('../../../docs/presence.md', import.meta.url), 'utf8')
    .replaceAll('&users=eve', '')
    .replaceAll('ben', 'm2');
  const blocks = (kind) =>
    [...text.matchAll(/```(\w+)\n(.*?)```/gs)]
      .filter(([, found]) => found === kind)
      .map(([, , code]) => code);

  it('run by curl, as page and as backend', async () => {
    const env = { PATH: process.env.PATH, SNUG: snug.url, TOKEN: token, ROOM: rooms.Bikes };
    env.SERVER_KEY = snug.serverKey;
    const [looks, hides] = blocks('sh');
    const looked = await promisify(execFile)('bash', ['-euc', looks], { env });
    const here = '{"user":"m2","online":true}';
    assert.equal(looked.stdout, `{"users":[${here}]}{"users":[${here}]}${here}`);
    const hidden = await promisify(execFile)('bash', ['-euc', hides], { env });
    assert.ok(hidden.stdout.includes('"invisible":true'), hidden.stdout);
    assert.equal((await snug.server('GET', 'users/m1')).invisible, undefined);
  });

  it('run in a page, which hears who comes and goes', async () => {
    const [code] = blocks('js');
    assert.ok(code.includes('watchPresence'));
    const shown = amy.page.evaluate(
      `new Promise(async (done) => {
        const client = document.querySelector('snug-chat').activeClient;
        const room = client.room(${JSON.stringify(rooms.Bikes)});
        const show = (seen) => { if (seen?.online === false) { stop(); done(seen); } };
        ${code}
        const now = client.presence.getSnapshot().get('m2');
        document.title = 'watches ' + now.online;
      })`,
    );
    await amy.page.waitForFunction(() => document.title === 'watches true');
    await ming.page.goto('about:blank');
    const seen = await shown;
    assert.ok(seen.lastSeen <= Date.now() + 60_000, JSON.stringify(seen));
  });
});
