import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { ConfigurationError } from '../src/problem.js';
import { FakeServer, refusal } from './fake-server.js';
import { online, pass, settle, stage, useFakeTime } from './stage.js';

beforeEach(useFakeTime);
afterEach(() => mock.timers.reset());

test('connects once however often it is told to', async () => {
  const { client, server, states } = stage();
  client.connect();
  client.connect();
  await settle();
  client.connect();
  await settle();
  assert.equal(server.connections.length, 1);
  assert.deepEqual(states, ['connecting:connect', 'online:hello']);
  assert.equal(client.me.getSnapshot()?.name, 'Alice');
  assert.equal(server.last.target.url, 'wss://chat.test/v1/socket');
});

test('a double mount (connect, close, connect) leaves one live connection', async () => {
  const { client, server } = stage();
  client.connect();
  client.close();
  client.connect();
  await settle();
  assert.equal(server.connections.filter(({ closed }) => !closed).length, 1);
  assert.equal(client.connection.getSnapshot().status, 'online');
});

for (const code of [1000, 1001, 1006, 4000, 4001, 4002, 4003, 4050]) {
  test(`close ${code}: reconnects after a wait`, async () => {
    const { client, server } = await online();
    server.last.break(code);
    await settle();
    const state = client.connection.getSnapshot();
    assert.equal(state.status, 'reconnecting');
    assert.ok(state.retryAt! > Date.now());
    assert.equal(server.connections.length, 1);
    await pass(1_000);
    assert.equal(client.connection.getSnapshot().status, 'online');
    assert.equal(server.connections.length, 2);
  });
}

for (const code of [4100, 4150]) {
  test(`close ${code}: asks for a new token, then reconnects`, async () => {
    const tokens = ['good', 'second'];
    const { client, server } = await online({ token: () => tokens.shift()! });
    server.tokens.set('second', 'alice');
    server.last.break(code);
    await settle();
    assert.equal(client.connection.getSnapshot().status, 'online');
    assert.equal(server.last.target.token, 'second');
  });
}

test('close 4101: the token came too late, and is offered again', async () => {
  const { client, server } = await online();
  server.last.break(4101);
  await settle();
  assert.equal(client.connection.getSnapshot().status, 'online');
  assert.equal(server.last.target.token, 'good');
});

for (const [code, status, name] of [
  [4200, 'closed', 'session_closed'],
  [4201, 'closed', 'session_revoked'],
  [4202, 'closed', 'session_replaced'],
  [4203, 'closed', 'user_deactivated'],
  [4204, 'misconfigured', 'token_invalid'],
  [4205, 'misconfigured', 'origin_refused'],
  [4206, 'closed', 'protocol_error'],
  [4207, 'closed', 'frame_too_large'],
  [4208, 'closed', 'flooding'],
  [4299, 'closed', 'close_4299'],
] as const) {
  test(`close ${code}: stays away and says ${name}`, async () => {
    const { client, server } = await online();
    const closed: string[] = [];
    client.on('closed', (event) => closed.push(event.code));
    server.last.break(code, refusal(name, { detail: 'The reason.' }).problem);
    await pass(120_000);
    const state = client.connection.getSnapshot();
    assert.equal(state.status, status);
    assert.equal(state.code, name);
    assert.equal(state.detail, 'The reason.');
    assert.equal(state.fix !== undefined, status === 'misconfigured');
    assert.equal(server.connections.length, 1);
    assert.deepEqual(closed, [name]);
  });
}

test('waits longer after each failure, up to the bound the server named', async () => {
  const { client, server } = await online();
  server.mode = 'drop';
  server.last.break(1006);
  const waits: number[] = [];
  for (let i = 0; i < 9; i++) {
    await settle();
    const { retryAt } = client.connection.getSnapshot();
    waits.push(retryAt! - Date.now());
    await pass(waits.at(-1)!);
  }
  for (let i = 1; i < waits.length; i++) assert.ok(waits[i]! >= waits[i - 1]!, `${waits}`);
  assert.ok(waits[0]! >= 500 && waits[0]! <= 1_000, `${waits}`);
  assert.ok(waits.at(-1)! > 10_000 && waits.at(-1)! <= 30_000, `${waits}`);
});

test('a server that greets and closes at once is not hammered', async () => {
  const { server } = await online();
  for (let i = 0; i < 20; i++) {
    server.last.break(4000);
    await pass(500);
  }
  assert.ok(server.connections.length <= 6, `${server.connections.length} connections in 10 s`);
});

test('4003 waits as long as the server says', async () => {
  const { client, server } = await online();
  server.last.break(
    4003,
    refusal('overloaded', { retryable: true, retry_after_ms: 9_000 }).problem,
  );
  await settle();
  assert.equal(client.connection.getSnapshot().retryAt! - Date.now(), 9_000);
});

test('a server that never answers is named, with the fix, and tried on', async () => {
  const server = new FakeServer();
  server.mode = 'drop';
  const { client } = await online({}, server);
  await pass(6_000);
  const state = client.connection.getSnapshot();
  assert.equal(state.status, 'misconfigured');
  assert.equal(state.code, 'unreachable');
  assert.match(state.fix!, /https:\/\/chat\.test\/healthz/);
  server.mode = 'normal';
  await pass(30_000);
  assert.equal(client.connection.getSnapshot().status, 'online');
});

test('silence is answered by a ping, and a dead link by a reconnect', async () => {
  const { client, server } = await online();
  await pass(34_000);
  assert.equal(server.asked('ping').length, 1);
  assert.equal(client.connection.getSnapshot().status, 'online');
  server.mode = 'mute';
  await pass(28_000 + 8_000);
  assert.notEqual(client.connection.getSnapshot().status, 'online');
  server.mode = 'normal';
  await pass(20_000);
  assert.equal(client.connection.getSnapshot().status, 'online');
});

test('a socket that opens and never greets is given up', async () => {
  const server = new FakeServer();
  server.mode = 'mute';
  const { client } = await online({}, server);
  await pass(15_100);
  assert.equal(client.connection.getSnapshot().status, 'reconnecting');
});

test('closed by the page: no reconnect, until it connects again', async () => {
  const { client, server } = await online();
  client.close();
  await pass(60_000);
  assert.deepEqual(client.connection.getSnapshot(), { status: 'closed', code: 'closed_by_page' });
  assert.equal(server.connections.length, 1);
  await assert.rejects(client.users(['bob']), { code: 'closed_by_page' });
  client.connect();
  await settle();
  assert.equal(client.connection.getSnapshot().status, 'online');
});

test('a transport that cannot be built is a configuration problem', async () => {
  const { client } = await online({
    transport: {
      open() {
        throw new SyntaxError('bad address');
      },
    },
  });
  const state = client.connection.getSnapshot();
  assert.equal(`${state.status}:${state.code}`, 'misconfigured:unreachable');
  await assert.rejects(client.users(['bob']), ConfigurationError);
});

test('logout closes the session, forgets everything and stays away', async () => {
  const { client, server } = await online();
  server.makeRoom('r', ['alice', 'bob']);
  await client.rooms.refresh();
  assert.equal(client.rooms.getSnapshot().rooms.length, 1);
  await client.logout();
  assert.equal(server.asked('session.close').length, 1);
  assert.equal(client.connection.getSnapshot().code, 'logged_out');
  assert.equal(client.rooms.getSnapshot().rooms.length, 0);
  assert.equal(client.me.getSnapshot(), null);
  client.connect();
  await settle();
  assert.equal(client.connection.getSnapshot().status, 'expired');
});

test('another user by setToken: nothing of the first remains', async () => {
  const { client, server } = await online();
  server.makeRoom('r', ['alice', 'bob']);
  server.say('r', 'bob', 'for alice');
  server.tokens.set('carols', 'carol');
  const room = client.room('r');
  await room.open();
  assert.equal(room.getSnapshot().messages.length, 1);
  client.setToken('carols');
  await settle();
  assert.equal(client.me.getSnapshot()?.id, 'carol');
  assert.equal(client.rooms.getSnapshot().rooms.length, 0);
  assert.equal(room.getSnapshot().messages.length, 0);
  assert.equal(room.getSnapshot().status, 'no_access');
  assert.equal(server.connections.filter(({ closed }) => !closed).length, 1);
});
