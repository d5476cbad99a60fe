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

const known = (client: { presence: { getSnapshot(): ReadonlyMap<string, unknown> } }) => [
  ...client.presence.getSnapshot().keys(),
];
const users = (...names: string[]) => ({ users: names.map((user) => ({ user, online: true })) });

test('a server that is too busy for it is asked again', async () => {
  const { server, client, seen, asked } = await watched();
  await client.watchPresence(['a']);
  let busy = 2;
  server.on('presence.watch', () => {
    if (busy-- > 0) throw refusal('overloaded', { retryable: true });
    return { users: [{ user: 'bob', online: false }] };
  });
  server.last.break();
  await pass(10_000);
  assert.equal(asked('presence.watch').length, 4);
  assert.equal(seen()?.online, false);
});

test('nobody stands as last known who is not watched any more', async () => {
  const { server, client } = await watched();
  const answers: Record<string, unknown> = { a: users('bob', 'eve'), b: users('eve', 'kim') };
  server.on('presence.watch', ({ rooms }: { rooms: string[] }) => {
    if (!answers[rooms[0]!]) throw refusal('too_large');
    return answers[rooms[0]!];
  });
  await client.watchPresence(['a']);
  await client.watchPresence(['b']);
  assert.deepEqual(known(client), ['bob', 'eve', 'kim']);
  answers.a = users('eve');
  server.last.break();
  await pass(5_000);
  assert.deepEqual(known(client), ['eve', 'kim'], 'bob went while it was offline');
  answers.b = undefined;
  server.last.break();
  await settle();
  assert.deepEqual(known(client), ['eve', 'kim'], 'offline, nothing is known anew');
  await pass(5_000);
  assert.deepEqual(known(client), ['eve'], 'b is refused');
});

test('a room that was left, or entered again, is asked about anew', async () => {
  const { server, client, asked } = await watched();
  await client.watchPresence(['a', 'b']);
  const back = server.on('presence.watch', ({ rooms }: { rooms: string[] }) => {
    if (rooms.includes('a')) throw refusal('not_a_member');
    return users('kim');
  });
  server.last.push('room.left', { room: 'a', rev: 2, reason: 'removed' });
  await settle();
  assert.deepEqual(known(client), ['kim']);
  back();
  server.on('presence.watch', () => users('bob'));
  server.last.push('room.joined', { room: 'a', rev: 3, room_object: server.view('a', 'alice') });
  await settle();
  assert.deepEqual(known(client), ['bob']);
  server.last.push('room.left', { room: 'c', rev: 3, reason: 'left' });
  await settle();
  assert.equal(asked('presence.watch').length, 5, 'nobody watches c');
});

test('who goes out of a watched room is not known any more', async () => {
  const { server, client, asked } = await watched();
  server.on('presence.watch', () => users('bob', 'eve'));
  await client.watchPresence(['a']);
  server.on('presence.watch', () => users('bob'));
  const change = (user: string, state: 'active' | 'left', rev: number) => {
    const member = { ...server.rooms.get('a')!.members.get('bob')!, user, state, rev };
    const event = { room: 'a', rev, members_rev: rev, member_count: 2, members: [member] };
    server.last.push('members.changed', event);
    return settle();
  };
  await change('bob', 'active', 2);
  await change('kim', 'left', 3);
  assert.equal(asked('presence.watch').length, 1, 'nobody went who is watched');
  await change('eve', 'left', 4);
  assert.deepEqual(asked('presence.watch').slice(1), [{ rooms: ['a'] }]);
  assert.deepEqual(known(client), ['bob']);
});

test('what comes after the end of a watch puts nobody back', async () => {
  const { server, client, asked } = await watched();
  const stop = await client.watchPresence(['a']);
  const { last } = server;
  let id: string | undefined;
  server.on('presence.watch', () => {
    id = last.received.at(-1)!.id;
    return undefined;
  });
  server.on('presence.unwatch', () => ({}));
  last.push('room.joined', { room: 'a', rev: 3, room_object: server.view('a', 'alice') });
  await settle();
  stop();
  last.push('presence', { user: 'bob', online: true });
  await settle();
  assert.deepEqual(known(client), []);
  last.raw({ id, ok: true, data: users('bob') });
  await settle();
  last.push('presence', { user: 'bob', online: true });
  await settle();
  assert.deepEqual(known(client), []);
  const ends = asked('presence.unwatch');
  assert.deepEqual(ends, [{ rooms: ['a'] }, { rooms: ['a'] }], 'for the late answer, too');
});

test('what was heard of a user is forgotten with the watch', async () => {
  const { server, client, seen } = await watched();
  const stop = await client.watchPresence(['a']);
  server.last.push('presence', { user: 'bob', online: false });
  await settle();
  stop();
  let told = 0;
  client.presence.subscribe(() => told++);
  await settle();
  told = 0;
  server.last.push('presence', { user: 'bob', online: false });
  await settle();
  assert.equal(told, 0, 'nobody is told of whom nobody watches');
  await client.watchPresence(['a']);
  assert.equal(seen()?.online, true);
});

test('the newest round of answers counts, and none that was broken off', async () => {
  const { server, client } = await watched();
  server.on('presence.watch', () => users('bob', 'eve'));
  await client.watchPresence(['a']);
  const { last } = server;
  const ids: string[] = [];
  server.on('presence.watch', () => {
    ids.push(last.received.at(-1)!.id);
    return undefined;
  });
  const room_object = server.view('a', 'alice');
  for (const rev of [2, 3, 4]) last.push('room.joined', { room: 'a', rev, room_object });
  await settle();
  last.raw({ id: ids[2], ok: true, data: users('bob') });
  await settle();
  last.raw({ id: ids[0], ok: true, data: users('bob', 'eve') });
  await settle();
  assert.deepEqual(known(client), ['bob']);
  last.push('room.joined', { room: 'a', rev: 5, room_object });
  await settle();
  client.close();
  await settle();
  assert.deepEqual(known(client), ['bob'], 'closed, what is loaded is kept');
});

test('an event ahead of its answer outlives the answer to another watch', async () => {
  const { server, client, seen } = await watched();
  const { last } = server;
  let id: string | undefined;
  server.on('presence.watch', ({ rooms }: { rooms: string[] }) => {
    if (rooms[0] === 'b') return users('eve');
    id = last.received.at(-1)!.id;
    return undefined;
  });
  const slow = client.watchPresence(['a']);
  await settle();
  last.push('presence', { user: 'bob', online: false });
  await client.watchPresence(['b']);
  assert.deepEqual(known(client), ['eve']);
  last.raw({ id, ok: true, data: users('bob') });
  await slow;
  assert.equal(seen()?.online, false);
});
