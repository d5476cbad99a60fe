// Receipts: what this device got is said, and what others got is shown.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { FakeServer } from './fake-server.js';
import { online, pass, settle, useFakeTime } from './stage.js';

beforeEach(useFakeTime);
afterEach(() => mock.timers.reset());

/** What was said to be delivered, frame by frame. */
const said = (server: FakeServer) =>
  server.asked('delivered').map(({ data }) => (data as unknown as { rooms: unknown }).rooms);

async function listed() {
  const server = new FakeServer();
  server.on('delivered', () => ({}));
  server.on('receipts.list', () => ({ seq: 0, members: [], users: [] }));
  for (const id of ['a', 'b']) server.makeRoom(id, ['alice', 'bob']);
  server.say('a', 'bob', 'while away');
  const on = await online({}, server);
  return on;
}

test('what a device got is said once, for all rooms, in a second', async () => {
  const { client, server } = await listed();
  await pass(1_000);
  assert.deepEqual(said(server), [{ a: 1 }]);
  for (const text of ['1', '2', '3']) server.say('a', 'bob', text);
  server.say('b', 'bob', 'x');
  await settle();
  assert.equal(said(server).length, 1, 'not at once');
  await pass(1_000);
  assert.deepEqual(said(server).slice(1), [{ a: 4, b: 1 }]);
  await client.room('b').open();
  await pass(5_000);
  assert.equal(said(server).length, 2, 'nothing is said twice');
});

test('what was read meanwhile, and what was said oneself, is not said', async () => {
  const { client, server } = await listed();
  await pass(1_000);
  const room = client.room('a');
  await room.open();
  server.say('a', 'bob', 'new');
  await settle();
  room.markRead();
  await pass(2_000);
  await room.send({ text: 'mine' });
  await pass(2_000);
  assert.deepEqual(said(server), [{ a: 1 }]);
});

test('what came while the connection was away is said when it is back', async () => {
  const { server } = await listed();
  await pass(1_000);
  server.say('b', 'bob', 'x');
  await settle();
  server.last.break();
  await pass(10_000);
  assert.deepEqual(said(server).slice(1), [{ b: 1 }]);
});

test('an own message is delivered, then read', async () => {
  const { client, server } = await listed();
  const room = client.room('b');
  await room.open();
  for (const text of ['1', '2']) await room.send({ text });
  const ticks = () =>
    room
      .getSnapshot()
      .messages.map((one) => (one.readByOthers ? 'read' : one.deliveredToOthers ? 'got' : 'sent'));
  assert.deepEqual(ticks(), ['sent', 'sent']);
  const told = (user: string, seq: number) =>
    server.last.push('delivered', { room: 'b', cursors: [{ user, seq }] });
  told('alice', 2);
  await settle();
  assert.deepEqual(ticks(), ['sent', 'sent'], 'on another device of one’s own');
  const before = room.getSnapshot().messages;
  told('bob', 1);
  told('bob', 0);
  await settle();
  assert.deepEqual(ticks(), ['got', 'sent'], 'never back');
  assert.equal(room.getSnapshot().messages[1], before[1], 'the other one stays as it is');
  const { rev } = server.rooms.get('b')!.room;
  server.last.push('read', { room: 'b', user: 'bob', seq: 2, rev });
  await settle();
  assert.deepEqual(ticks(), ['read', 'read']);
  assert.ok(room.getSnapshot().messages.every((one) => one.deliveredToOthers));
});

test('what was told while nobody listened is asked for, in small rooms', async () => {
  const { client, server } = await listed();
  server.say('b', 'alice', 'mine');
  const page = { seq: 1, members: [{ user: 'bob', delivered_seq: 1, read_seq: 0 }], users: [] };
  server.on('receipts.list', () => page);
  const room = client.room('b');
  await room.open();
  await settle();
  assert.equal(room.getSnapshot().messages[0]!.deliveredToOthers, true);
  assert.equal(server.asked('receipts.list').length, 1);
  server.makeRoom('large', ['alice', 'bob'], { member_count: 101 });
  server.say('large', 'alice', 'mine');
  const large = client.room('large');
  await large.open();
  await settle();
  assert.equal(server.asked('receipts.list').length, 1, 'nobody tells a large room');
  assert.deepEqual(await large.receipts('m', { limit: 1 }), page, 'who asks is answered');
});
