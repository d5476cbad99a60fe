// Receipts: what this device got is said, and what others got is shown.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { Delivering } from '../src/delivering.js';
import { SnugError } from '../src/problem.js';
import { OthersCursors } from '../src/receipts.js';
import { moveGot } from './fake-receipts.js';
import { FakeServer } from './fake-server.js';
import { online, pass, settle, useFakeTime } from './stage.js';

beforeEach(useFakeTime);
afterEach(() => mock.timers.reset());

/** What was said to be delivered, frame by frame. */
const said = (server: FakeServer) =>
  server.asked('delivered').map(({ data }) => (data as unknown as { rooms: unknown }).rooms);

async function listed() {
  const server = new FakeServer();
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
  moveGot(server.rooms.get('b')!, 'bob', 1);
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
  const { counts } = await large.receipts('m1-large', { limit: 1 });
  assert.deepEqual(counts, { members: 1, delivered: 0, read: 0 }, 'who asks is answered');
});

test('what was lost on the way is said again', async () => {
  const server = new FakeServer();
  server.makeRoom('a', ['alice', 'bob']);
  server.say('a', 'bob', 'while away');
  server.loseAnswer('delivered');
  await online({}, server);
  await pass(10_000);
  assert.deepEqual(said(server), [{ a: 1 }, { a: 1 }]);
});

/** One that says on demand, to a server that answers on demand; sizes are members of rooms. */
function saying(sizes: Record<string, number> = {}) {
  const frames: unknown[] = [];
  let refuse: (why: unknown) => void = () => {};
  const request = (_op: string, { rooms }: { rooms: unknown }) => {
    frames.push(rooms);
    return new Promise((_, reject) => {
      refuse = reject;
    });
  };
  const context = { online: () => true, random: () => 0.5, request } as never;
  const entry = (room: string) => ({ room: { member_count: sizes[room] ?? 2 } }) as never;
  const fail = (retryable: boolean) => refuse(new SnugError({ code: 'no', detail: '', retryable }));
  return { delivering: new Delivering(context, entry), frames, fail };
}

test('a large room waits longer, by chance, and a small one does not wait for it', async () => {
  const { delivering, frames } = saying({ large: 101 });
  delivering.got('large', 1);
  await pass(4_900);
  assert.deepEqual(frames, [], 'not with all the others');
  await pass(26_000);
  assert.deepEqual(frames, [{ large: 1 }]);
  delivering.got('large', 2);
  delivering.got('small', 1);
  delivering.got('large', 3);
  await pass(1_500);
  assert.deepEqual(frames.slice(1), [{ large: 3, small: 1 }]);
});

test('what was refused for now is said again, once there is nothing newer', async () => {
  const { delivering, frames, fail } = saying();
  delivering.got('a', 1);
  delivering.got('b', 1);
  await pass(1_500);
  delivering.got('b', 2);
  fail(true);
  await pass(1_500);
  assert.deepEqual(frames.splice(0), [
    { a: 1, b: 1 },
    { b: 2, a: 1 },
  ]);
  fail(false);
  await pass(5_000);
  assert.deepEqual(frames, [], 'refused for good');
  delivering.got('a', 2);
  await pass(1_500);
  delivering.forget();
  fail(true);
  await pass(5_000);
  assert.deepEqual(frames, [{ a: 2 }], 'another user says nothing of it');
});

test('the cursors of a page are noted at once', () => {
  const others = new OthersCursors();
  const page = {
    seq: 3,
    users: [],
    members: [
      { user: 'bob', delivered_seq: 3, read_seq: 2 },
      { user: 'cem', delivered_seq: 1, read_seq: 1 },
    ],
  };
  others.note(page);
  const { read } = others;
  assert.deepEqual(
    [...read],
    [
      ['bob', 2],
      ['cem', 1],
    ],
  );
  others.note(page);
  assert.equal(others.read, read, 'nothing moved');
  others.noteRead([
    { user: 'bob', seq: 3 },
    { user: 'bob', seq: 1 },
  ]);
  assert.deepEqual(others.furthest(new Map(), 'alice'), { got: 3, read: 3 });
  assert.equal(read.get('bob'), 2, 'another map');
});
