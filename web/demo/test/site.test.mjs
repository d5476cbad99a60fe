import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { APP, SERVER_KEY, startFakeSnug } from './fake-snug.mjs';

// Bundled, the test lies elsewhere; the runner then names the folder.
const PROGRAM = process.env.SNUG_WEB
  ? path.join(process.env.SNUG_WEB, 'demo/server.mjs')
  : fileURLToPath(new URL('../server.mjs', import.meta.url));

let fake;
let directory;
let site;

async function startSite() {
  const keyFile = path.join(directory, 'key');
  fs.writeFileSync(keyFile, `${SERVER_KEY}\n`);
  const child = spawn(process.execPath, [
    PROGRAM,
    '--port',
    '0',
    '--snug-url',
    fake.url,
    '--server-key-file',
    keyFile,
    '--data',
    path.join(directory, 'data'),
  ]);
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const exited = once(child, 'exit');
  const started = once(child.stdout, 'data').then(([line]) => String(line));
  const line = await Promise.race([started, exited.then(() => Promise.reject(new Error(errors)))]);
  const url = /http:\S+/.exec(line)[0];
  const stop = async () => {
    child.kill('SIGTERM');
    return (await exited)[0];
  };
  return { url, stop, errors: () => errors };
}

/** A browser without a screen: keeps its cookie, and says where its posts come from. */
class Visitor {
  cookie = '';

  async get(address, headers = {}) {
    return this.#keep(
      await fetch(site.url + address, {
        headers: { cookie: this.cookie, ...headers },
        redirect: 'manual',
      }),
    );
  }

  async post(address, fields, headers = {}) {
    const body = new URLSearchParams(fields);
    const all = { cookie: this.cookie, origin: site.url, ...headers };
    return this.#keep(
      await fetch(site.url + address, { method: 'POST', body, headers: all, redirect: 'manual' }),
    );
  }

  async logIn(member) {
    assert.equal((await this.post('/login/as', { member, next: '/' })).status, 303);
    return this;
  }

  async formToken(address) {
    return /name="form" value="([^"]+)"/.exec(await (await this.get(address)).text())[1];
  }

  async chat(listing) {
    const form = await this.formToken(`/listings/${listing}`);
    return this.post(`/listings/${listing}/chat`, { form }, { accept: 'application/json' });
  }

  #keep(answer) {
    const set = answer.headers.get('set-cookie');
    if (set) this.cookie = set.split(';')[0];
    return answer;
  }
}

const logIn = (member) => new Visitor().logIn(member);
const rows = (table) =>
  fs
    .readFileSync(path.join(directory, 'data', 'second-street.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter((entry) => entry.table === table)
    .map((entry) => entry.row);

before(async () => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'second-street-'));
  fake = await startFakeSnug();
  site = await startSite();
});

after(async () => {
  assert.equal(await site.stop(), 0, 'SIGTERM ends the program in good order');
  await fake.stop();
  fs.rmSync(directory, { recursive: true });
});

beforeEach(() => {
  fake.calls.length = 0;
  fake.refuse = undefined;
});

describe('log-in', () => {
  it('takes the right password and no other', async () => {
    const visitor = new Visitor();
    const wrong = await visitor.post('/login', { handle: 'amy', password: 'wrong-password' });
    assert.equal(wrong.status, 401);
    assert.equal(visitor.cookie, '');
    const right = await visitor.post('/login', {
      handle: 'amy',
      password: 'second-street',
      next: '/messages',
    });
    assert.equal(right.status, 303);
    assert.equal(right.headers.get('location'), '/messages');
    assert.match(right.headers.get('set-cookie'), /HttpOnly; SameSite=Lax/);
  });

  it('leads only to pages of the site afterwards', async () => {
    for (const next of ['//evil.example', 'https://evil.example', '/\\evil.example']) {
      const answer = await new Visitor().post('/login/as', { member: 'm1', next });
      assert.equal(answer.headers.get('location'), '/');
    }
  });

  it('refuses a changed cookie, and a cookie whose login was ended', async () => {
    const visitor = await logIn('m1');
    const kept = visitor.cookie;
    assert.equal((await visitor.get('/messages')).status, 200);
    visitor.cookie = kept.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
    assert.equal((await visitor.get('/messages')).status, 303);
    visitor.cookie = kept;
    const form = await visitor.formToken('/');
    await visitor.post('/logout', { form });
    visitor.cookie = kept;
    assert.equal((await visitor.get('/messages')).status, 303);
  });

  it('ends the chat sessions of that login only', async () => {
    const first = await logIn('m5');
    const second = await logIn('m5');
    await first.post('/chat-token', {});
    await second.post('/chat-token', {});
    assert.equal(fake.sessions.filter((each) => each.user === 'm5').length, 2);
    await first.post('/logout', { form: await first.formToken('/') });
    assert.equal(fake.sessions.filter((each) => each.user === 'm5').length, 1);
  });

  it('lets a newcomer join and tells Snug the name', async () => {
    const visitor = new Visitor();
    const fields = { handle: 'newcomer', name: '新鄰居 <b>', password: 'long enough' };
    assert.equal((await visitor.post('/join', { ...fields, password: 'short' })).status, 422);
    assert.equal((await visitor.post('/join', fields)).status, 303);
    assert.match(await (await visitor.get('/')).text(), /新鄰居 &lt;b&gt;/);
    assert.equal([...fake.users.values()].at(-1).name, '新鄰居 <b>');
    assert.equal((await new Visitor().post('/join', fields)).status, 422);
  });
});

describe('posts', () => {
  it('from another site are refused', async () => {
    const visitor = await logIn('m1');
    const form = await visitor.formToken('/listings/101');
    const elsewhere = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ];
    for (const headers of elsewhere) {
      assert.equal((await visitor.post('/listings/101/chat', { form }, headers)).status, 403);
      assert.equal((await visitor.post('/chat-token', {}, headers)).status, 403);
    }
    assert.deepEqual(
      fake.calls.filter((call) => call.method === 'POST'),
      [],
    );
  });

  it("need the token of the reader's own form", async () => {
    const visitor = await logIn('m1');
    const foreign = await (await logIn('m3')).formToken('/');
    for (const form of ['', 'x', foreign]) {
      assert.equal((await visitor.post('/listings/101/chat', { form })).status, 403);
    }
  });

  it("of more than a form's worth are refused", async () => {
    const visitor = await logIn('m1');
    assert.equal((await visitor.post('/chat-token', { device: 'x'.repeat(20_000) })).status, 413);
  });
});

describe('a room made through the backend', () => {
  it('is asked for with both members and the listing, recorded, and told to the page', async () => {
    const visitor = await logIn('m1');
    const answer = await visitor.chat('101');
    assert.equal(answer.status, 201);
    const { room } = await answer.json();
    const asked = fake.calls.find((call) => call.path === '/v1/server/rooms').body;
    assert.deepEqual(asked.users, ['m1', 'm2']);
    assert.equal(asked.context, '101');
    assert.equal(asked.creator, 'm1');
    const recorded = rows('rooms').find((each) => each.id === room);
    assert.equal(recorded.listing, '101');
    assert.equal(recorded.madeBy, 'backend');
    assert.deepEqual(recorded.members, ['m1', 'm2']);
    assert.equal(
      fake.users.get('m2').name,
      '王小明',
      'the seller has a name before the first message',
    );
  });

  it('is the same for a second click, and recorded once', async () => {
    const visitor = await logIn('m3');
    const answers = await Promise.all([visitor.chat('101'), visitor.chat('101')]);
    const [one, two] = await Promise.all(answers.map((answer) => answer.json()));
    assert.equal(one.room, two.room);
    assert.equal(rows('rooms').filter((each) => each.id === one.room).length, 1);
  });

  it('leads a page without script to the messages tab', async () => {
    const visitor = await logIn('m1');
    const form = await visitor.formToken('/listings/103');
    const answer = await visitor.post('/listings/103/chat', { form });
    assert.equal(answer.status, 303);
    const address = answer.headers.get('location');
    assert.match(address, /^\/messages\?room=d_[0-9a-f]{32}$/);
    assert.match(
      await (await visitor.get(address)).text(),
      /<snug-chat [^>]*room="d_[0-9a-f]{32}"/,
    );
  });

  it('is shown to the seller, not to a third member', async () => {
    const { room } = await (await (await logIn('m1')).chat('106')).json();
    assert.ok((await (await (await logIn('m6')).get('/listings/106')).text()).includes(room));
    assert.ok(!(await (await (await logIn('m4')).get('/listings/106')).text()).includes(room));
  });

  it('is not made with oneself, nor about nothing', async () => {
    const seller = await logIn('m2');
    const form = await seller.formToken('/');
    assert.equal((await seller.post('/listings/101/chat', { form })).status, 422);
    assert.equal((await seller.post('/listings/999/chat', { form })).status, 404);
    assert.deepEqual(
      fake.calls.filter((call) => call.path === '/v1/server/rooms'),
      [],
    );
  });
});

describe('asking friends', () => {
  const ask = async (visitor, fields) => {
    const text = await (await visitor.get('/listings/104')).text();
    const form = /name="form" value="([^"]+)"/.exec(text)[1];
    const sent = new URLSearchParams({ form, once: /name="once" value="([^"]+)"/.exec(text)[1] });
    for (const friend of fields) sent.append('friend', friend);
    const post = () => visitor.post('/listings/104/ask', sent, { accept: 'application/json' });
    return { post };
  };

  it('makes one group with the first message in it, however often it is posted', async () => {
    const { post } = await ask(await logIn('m1'), ['m3', 'm5']);
    const [one, two] = [await (await post()).json(), await (await post()).json()];
    assert.equal(one.room, two.room);
    const made = fake.rooms.get(one.room);
    assert.deepEqual(
      made.members.map((each) => each.user),
      ['m1', 'm3', 'm5'],
    );
    assert.equal(made.message.sender, 'm1');
    assert.match(made.message.text, /龜背芋/);
  });

  it('needs a friend who exists', async () => {
    const { post } = await ask(await logIn('m1'), ['nobody']);
    assert.equal((await post()).status, 422);
  });
});

describe("the page's token", () => {
  const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
  const tokenIn = async (visitor, address) =>
    /id="chat-token" value="([^"]+)"/.exec(await (await visitor.get(address)).text())?.[1];

  it('in the hidden input is signed with the server key and names the member', async () => {
    const token = await tokenIn(await logIn('m2'), '/');
    const [header, claims, signature] = token.split('.');
    const expected = crypto
      .createHmac('sha256', SERVER_KEY)
      .update(`${header}.${claims}`)
      .digest('base64url');
    assert.equal(signature, expected);
    const { app, sub, name, avatar, exp, iat } = claimsOf(token);
    assert.deepEqual({ app, sub, name }, { app: APP, sub: 'm2', name: '王小明' });
    assert.match(avatar, /\/avatars\/m2\.svg$/);
    assert.equal(exp - iat, 12 * 60 * 60);
  });

  it('stays the same for a login and differs between logins', async () => {
    const visitor = await logIn('m2');
    const first = await tokenIn(visitor, '/');
    assert.equal(await tokenIn(visitor, '/listings/101'), first);
    assert.notEqual(claimsOf(await tokenIn(await logIn('m2'), '/')).device, claimsOf(first).device);
  });

  it('from the address comes of an open-session with name, picture and a device of its own', async () => {
    const visitor = await logIn('m4');
    assert.equal(await tokenIn(visitor, '/messages'), undefined);
    const answer = await visitor.post('/chat-token', { device: 'tab1' });
    assert.match((await answer.json()).token, /^snug_st_/);
    const [call] = fake.calls.filter((each) => each.path === '/v1/server/sessions');
    assert.equal(call.body.user, 'm4');
    assert.match(call.body.device, /^login-[0-9a-f]{24}\.tab1$/);
    assert.equal(call.body.profile.name, '林雅婷');
    assert.match(call.body.profile.avatar, /\/avatars\/m4\.svg$/);
  });

  it('is for members only', async () => {
    assert.equal((await new Visitor().post('/chat-token', {})).status, 401);
    assert.equal(await tokenIn(new Visitor(), '/'), undefined);
  });

  it('is the only secret of the chat that any page holds', async () => {
    const visitor = await logIn('m1');
    for (const address of ['/', '/listings/101', '/members/m2', '/messages', '/site.js']) {
      const text = await (await visitor.get(address)).text();
      assert.ok(!text.includes('snug_sk_'), address);
    }
  });
});

describe('a room the page made', () => {
  it('is recorded after Snug confirms the member is in it', async () => {
    const visitor = await logIn('m5');
    fake.rooms.set('d_page', {
      id: 'd_page',
      kind: 'direct',
      members: ['m5', 'm2'].map((user) => ({ user, state: 'active' })),
    });
    assert.equal((await visitor.post('/rooms', { room: 'd_page' })).status, 201);
    assert.equal(rows('rooms').find((each) => each.id === 'd_page').madeBy, 'page');
  });

  it('is not recorded on the word of somebody else', async () => {
    fake.rooms.set('d_other', {
      id: 'd_other',
      kind: 'direct',
      members: ['m3', 'm2'].map((user) => ({ user, state: 'active' })),
    });
    assert.equal((await (await logIn('m5')).post('/rooms', { room: 'd_other' })).status, 403);
    assert.equal(
      rows('rooms').find((each) => each.id === 'd_other'),
      undefined,
    );
  });
});

describe('every page', () => {
  it('allows nothing but the site and Snug', async () => {
    for (const address of ['/', '/login', '/nowhere', '/pictures/101.svg']) {
      const policy = (await new Visitor().get(address)).headers.get('content-security-policy');
      assert.match(policy, /default-src 'none'/);
      assert.ok(policy.includes(`script-src 'self' ${fake.url};`));
      assert.ok(
        policy.includes(`connect-src 'self' ${fake.url} ${fake.url.replace('http', 'ws')};`),
      );
      assert.ok(!policy.includes('unsafe'));
    }
  });

  it("is written in the reader's language", async () => {
    assert.match(
      await (await new Visitor().get('/', { 'accept-language': 'zh-TW,en' })).text(),
      /登入/,
    );
    assert.match(await (await (await logIn('m2')).get('/')).text(), /訊息/);
    assert.match(await (await (await logIn('m1')).get('/')).text(), /Messages/);
  });

  it('draws every picture it shows', async () => {
    const text = await (await new Visitor().get('/')).text();
    const pictures = [...text.matchAll(/src="(\/pictures\/[^"]+)"/g)].map(([, address]) => address);
    assert.equal(pictures.length, 10);
    for (const address of pictures) {
      const answer = await new Visitor().get(address);
      assert.equal(answer.headers.get('content-type'), 'image/svg+xml');
      assert.doesNotMatch(await answer.text(), /undefined|NaN/);
    }
  });
});

// Last: it takes Snug away.
describe('when Snug says no or is away', () => {
  it('a refusal is told in one sentence', async () => {
    const visitor = await logIn('m4');
    const form = await visitor.formToken('/listings/105');
    fake.refuse = 'rate_limited';
    const answer = await visitor.post(
      '/listings/105/chat',
      { form },
      { accept: 'application/json' },
    );
    assert.equal(answer.status, 502);
    assert.match((await answer.json()).error, /refused: rate_limited/);
  });

  it('pages still render and say so, nothing is recorded', async () => {
    const visitor = await logIn('m4');
    const form = await visitor.formToken('/listings/107');
    const before = rows('rooms').length;
    await fake.stop();
    const answer = await visitor.post('/listings/107/chat', { form });
    assert.equal(answer.status, 503);
    assert.match(await answer.text(), /暫時無法使用/);
    const page = await visitor.get('/messages');
    assert.equal(page.status, 200);
    assert.doesNotMatch(await page.text(), /data-chat-away hidden/);
    assert.equal(rows('rooms').length, before);
    assert.equal((await visitor.post('/chat-token', {})).status, 503);
    assert.deepEqual(await (await visitor.get('/healthz')).json(), { ok: true, chat: false });
    assert.equal((await logIn('m3')).cookie.startsWith('second_street='), true);
    assert.ok(!site.errors().includes('snug_sk_'));
  });
});
