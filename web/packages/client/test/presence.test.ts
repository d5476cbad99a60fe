// Who is online: watched by the page, told by the server, watched anew with each connection.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import type { Frame } from './fake-server.js';
import { FakeServer, refusal } from './fake-server.js';
import { online, pass, settle, useFakeTime } from './stage.js';

beforeEach(useFakeTime);
afterEach(() => mock.timers.reset());

async function watched() {
  const server = new FakeServer();
  server.makeRoom('a', ['alice', 'bob']);
  server.on('presence.watch', () => ({ users: [{ user: 'bob', online: true }] }));
  const { client } = await online({}, server);
  const seen = () => client.presence.getSnapshot().get('bob');
  const asked = (op: string) => server.asked(op).map(({ data }: Frame) => data);
  return { server, client, seen, asked };
}

test('what the answer and the events say is in the snapshot', async () => {
  const { server, client, seen } = await watched();
  let told = 0;
  client.presence.subscribe(() => told++);
  await client.watchPresence(['a']);
  assert.deepEqual(seen(), { online: true, lastSeen: undefined });
  const last_seen = '2026-03-01T08:15:30.250Z';
  server.last.push('presence', { user: 'bob', online: false, last_seen });
  await settle();
  assert.deepEqual(seen(), { online: false, lastSeen: Date.parse(last_seen) });
  assert.equal(told, 2);
});

test('a new connection watches anew', async () => {
  const { server, client, seen, asked } = await watched();
  await client.watchPresence(['a'], ['bob']);
  server.on('presence.watch', () => ({ users: [{ user: 'bob', online: false }] }));
  server.last.break();
  await pass(5_000);
  assert.deepEqual(asked('presence.watch'), [
    { rooms: ['a'], users: ['bob'] },
    { rooms: ['a'], users: ['bob'] },
  ]);
  assert.equal(seen()?.online, false);
});

test('a watch ends once, and leaves rooms that another one names', async () => {
  const { server, client, asked } = await watched();
  const first = await client.watchPresence(['a', 'b']);
  const second = await client.watchPresence(['b']);
  server.on('presence.unwatch', () => ({}));
  first();
  first();
  await settle();
  assert.deepEqual(asked('presence.unwatch'), [{ rooms: ['a'] }]);
  assert.deepEqual(asked('presence.watch').at(-1), { rooms: ['b'] }, 'as the other one says');
  assert.equal(client.presence.getSnapshot().size, 1);
  second();
  await settle();
  assert.deepEqual(asked('presence.unwatch').at(-1), { rooms: ['b'] });
  assert.equal(client.presence.getSnapshot().size, 0, 'nobody is known whom nobody watches');
});

test('a refusal is told, and nothing is watched', async () => {
  const { server, client, asked } = await watched();
  server.on('presence.watch', () => {
    throw refusal('not_a_member');
  });
  await assert.rejects(client.watchPresence(['a']), { code: 'not_a_member' });
  server.last.break();
  await pass(5_000);
  assert.equal(asked('presence.watch').length, 1);
});

test('an answer that is older than an event undoes nothing', async () => {
  const { server, client, seen } = await watched();
  server.on('presence.watch', (_, connection) => {
    connection.push('presence', { user: 'bob', online: false });
    return { users: [{ user: 'bob', online: true }] };
  });
  await client.watchPresence(['a']);
  assert.equal(seen()?.online, false);
});

test('a room that was left takes no other with it', async () => {
  const { server, client, asked } = await watched();
  await client.watchPresence(['a', 'b']);
  server.on('presence.watch', ({ rooms }: { rooms: string[] }) => {
    if (rooms.includes('a')) throw refusal('not_a_member');
    return { users: [{ user: 'bob', online: false }] };
  });
  server.last.break();
  await pass(5_000);
  assert.deepEqual(asked('presence.watch').slice(1), [{ rooms: ['a'] }, { rooms: ['b'] }]);
  assert.equal(client.presence.getSnapshot().get('bob')?.online, false);
});
