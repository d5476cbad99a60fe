import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { ConfigurationError } from '../src/problem.js';
import { checkToken, Tokens } from '../src/tokens.js';
import { FakeServer } from './fake-server.js';
import { online, pass, settle, useFakeTime } from './stage.js';

beforeEach(useFakeTime);
afterEach(() => mock.timers.reset());

const KEY = 'snug_sk_app_7k2m9x4c1v8b3n6q5w0e_k1_Zx8Kq2Lm5Np7Rs9Tv1Wy3Ba4Cd6Ef8Gh0Jk2Mn4Pq6R';

test('a server key is refused, with the fix, and never leaves the page', async () => {
  for (const token of [KEY, () => KEY]) {
    const { client, server } = await online({ token });
    const state = client.connection.getSnapshot();
    assert.equal(state.status, 'misconfigured');
    assert.equal(state.code, 'server_key_in_browser');
    assert.match(state.fix!, /Rotate the key/);
    assert.ok(!JSON.stringify(state).includes(KEY));
    assert.equal(server.connections.length, 0);
    await assert.rejects(client.users(['x']), (error) => {
      assert.ok(error instanceof ConfigurationError);
      assert.equal(error.code, 'server_key_in_browser');
      return true;
    });
  }
  assert.throws(() => checkToken(KEY), ConfigurationError);
});

test('no token: says where one comes from', async () => {
  const { client } = await online({ token: undefined });
  const state = client.connection.getSnapshot();
  assert.equal(`${state.status}:${state.code}`, 'misconfigured:token_missing');
  assert.match(state.fix!, /tokenUrl/);
});

test('an expired token is renewed once, however many ask', async () => {
  let asked = 0;
  let release: (token: string) => void = () => {};
  const { client, server } = await online({
    token: () => {
      asked++;
      if (asked === 1) return 'good';
      return new Promise<string>((resolve) => {
        release = resolve;
      });
    },
  });
  server.tokens.set('second', 'alice');
  server.last.push('session.expiring', { expires_at: '2026-11-20T12:01:00.000Z' });
  await settle();
  server.last.break(4100);
  await settle();
  assert.equal(asked, 2);
  release('second');
  await settle();
  assert.equal(asked, 2);
  assert.equal(client.connection.getSnapshot().status, 'online');
  assert.equal(server.last.target.token, 'second');
});

test('one request to the source serves everybody who waits', async () => {
  let asked = 0;
  const token = async () => `t${++asked}`;
  const tokens = new Tokens({ token, device: 'd', fetch });
  assert.deepEqual(await Promise.all([tokens.renew(), tokens.get(), tokens.renew()]), [
    't1',
    't1',
    't1',
  ]);
  assert.equal(await tokens.get(), 't1');
  assert.equal(await tokens.renew(), 't2');
});

test('the same expired token twice is an error, not a loop', async () => {
  let asked = 0;
  const server = new FakeServer();
  server.tokens.clear();
  server.refusal = { code: 4100 };
  const token = () => {
    asked++;
    return 'stale';
  };
  const { client } = await online({ token }, server);
  await pass(120_000);
  const state = client.connection.getSnapshot();
  assert.equal(`${state.status}:${state.code}`, 'expired:token_expired');
  assert.match(state.detail!, /same expired token/);
  assert.equal(asked, 2);
  assert.equal(server.connections.length, 1);
});

test('ever new tokens that are all expired: back-off between them', async () => {
  let asked = 0;
  const server = new FakeServer();
  server.tokens.clear();
  server.refusal = { code: 4100 };
  await online({ token: () => `stale-${asked++}` }, server);
  await pass(10_000);
  assert.ok(asked >= 3 && asked <= 7, `asked ${asked} times in 10 s`);
});

test('a fixed token that expires: the page is told, and setToken comes back', async () => {
  const { client, server } = await online();
  server.tokens.set('fresh', 'alice');
  server.last.break(4100);
  await settle();
  assert.equal(client.connection.getSnapshot().status, 'expired');
  client.setToken('fresh');
  await settle();
  assert.equal(client.connection.getSnapshot().status, 'online');
  assert.equal(server.last.target.token, 'fresh');
});

test('before the session ends, a newer token goes over the live connection', async () => {
  const tokens = ['good', 'second'];
  const { client, server } = await online({ token: () => tokens.shift()! });
  const told: number[] = [];
  client.on('session.expiring', ({ expiresAt }) => told.push(expiresAt));
  server.last.push('session.expiring', { expires_at: '2026-11-20T12:01:00.000Z' });
  await settle();
  assert.deepEqual(server.asked('session.refresh')[0]?.data, { token: 'second' });
  assert.equal(server.connections.length, 1);
  assert.deepEqual(told, [Date.parse('2026-11-20T12:01:00Z')]);
});

test('a fixed token is refreshed by the server, and the new one is used', async () => {
  const { server } = await online();
  server.tokens.set('refreshed', 'alice');
  server.last.push('session.expiring', { expires_at: '2026-11-20T12:01:00.000Z' });
  await settle();
  server.last.break(1006);
  await pass(1_000);
  assert.equal(server.last.target.token, 'refreshed');
});

test('a source that opens the device anew replaces the old session without harm', async () => {
  let used = 0;
  const { client, server } = await online({ token: () => (used++ === 0 ? 'good' : renew()) });
  function renew() {
    server.tokens.set('second', 'alice');
    server.last.break(4202);
    return new Promise<string>((resolve) => setTimeout(() => resolve('second'), 300));
  }
  server.last.push('session.expiring', { expires_at: '2026-11-20T12:01:00.000Z' });
  await pass(1_000);
  assert.equal(client.connection.getSnapshot().status, 'online');
  assert.equal(server.last.target.token, 'second');
});

test('a failing source is asked again, later', async () => {
  let asked = 0;
  const { client } = await online({
    token: () => {
      if (++asked < 3) throw new Error('backend is down');
      return 'good';
    },
  });
  assert.equal(client.connection.getSnapshot().code, 'token_source_failed');
  await pass(5_000);
  assert.equal(asked, 3);
  assert.equal(client.connection.getSnapshot().status, 'online');
});

function answering(...answers: (Response | Error)[]) {
  const calls: [string, RequestInit][] = [];
  const call = (async (url: string, init: RequestInit) => {
    calls.push([url, init]);
    const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
    if (answer instanceof Error) throw answer;
    return answer.clone();
  }) as unknown as typeof fetch;
  return { call, calls };
}

test('tokenUrl: asked by POST with the device, answered as JSON or text', async () => {
  for (const body of ['{"token":"good"}', 'good\n', '"good"']) {
    const { call, calls } = answering(new Response(body));
    const options = { token: undefined, tokenUrl: '/chat-token', fetch: call, device: 'web-1' };
    const { client } = await online(options);
    assert.equal(client.connection.getSnapshot().status, 'online', body);
    assert.equal(calls[0]![0], '/chat-token');
    assert.equal(calls[0]![1].method, 'POST');
    assert.deepEqual(JSON.parse(String(calls[0]![1].body)), { device: 'web-1' });
  }
});

test('tokenUrl: each failure has its own end', async () => {
  const cases = [
    [new Response('', { status: 401 }), 'expired:logged_out'],
    [new Response('', { status: 404 }), 'misconfigured:token_missing'],
    [new Response('<!doctype html><title>Log in</title>'), 'misconfigured:token_invalid'],
    [new Response('{}'), 'misconfigured:token_missing'],
    [new Response('', { status: 500 }), 'reconnecting:token_source_failed'],
    [new TypeError('network'), 'reconnecting:token_source_failed'],
  ] as const;
  for (const [answer, expected] of cases) {
    const { call } = answering(answer);
    const { client } = await online({ token: undefined, tokenUrl: '/t', fetch: call });
    const { status, code } = client.connection.getSnapshot();
    assert.equal(`${status}:${code}`, expected);
  }
});
