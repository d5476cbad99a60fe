// Replies in threads: not among the room's messages, no unread and no preview; what they tell of
// their thread is shown at its root, whatever way it comes.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import type { RoomHandle } from '../src/types.js';
import { FakeServer } from './fake-server.js';
import { online, pass, settle, useFakeTime } from './stage.js';

beforeEach(useFakeTime);
afterEach(() => mock.timers.reset());

async function inRoom() {
  const server = new FakeServer();
  server.makeRoom('r', ['alice', 'bob']);
  const { message: root } = server.say('r', 'bob', 'root');
  const on = await online({}, server);
  const room = on.client.room('r');
  await room.open();
  const more = { thread: { id: root.id, seq: root.seq } };
  const reply = (text: string, push = true) => server.say('r', 'bob', text, { more, push });
  return { ...on, room, root, reply };
}

const shown = (room: RoomHandle) =>
  room
    .getSnapshot()
    .messages.map(({ text, threadSummary }) => `${text}/${threadSummary?.replies ?? 0}`);

test('a reply is told by its root, and moves nothing else of the room', async () => {
  const { client, room, reply } = await inRoom();
  const before = client.rooms.getSnapshot().rooms[0]!;
  const heard: unknown[] = [];
  client.on('message', (event) => heard.push(event));
  reply('one');
  reply('two');
  await settle();
  assert.deepEqual(shown(room), ['root/2']);
  const row = client.rooms.getSnapshot().rooms[0]!;
  assert.deepEqual([row.unread, row.activityAt], [before.unread, before.activityAt]);
  assert.deepEqual(row.preview, before.preview);
  assert.deepEqual(heard, []);
});

test('an own reply goes into the thread, and is not shown meanwhile', async () => {
  const { room, root, server } = await inRoom();
  const sent = room.send({ text: 'mine', thread: root.id });
  assert.deepEqual(shown(room), ['root/0']);
  const message = await sent;
  assert.equal(message.thread?.id, root.id);
  const [asked] = server.asked('message.send');
  assert.equal((asked!.data as { thread?: string }).thread, root.id);
  await settle();
  assert.deepEqual(shown(room), ['root/1']);
});

test('what comes after an own reply above it is still the last one said', async () => {
  const { client, room, root, server } = await inRoom();
  const row = () => client.rooms.getSnapshot().rooms[0]!;
  server.say('r', 'alice', 'before');
  await pass(2_000);
  const { unread } = row();
  const heard: (string | null | undefined)[] = [];
  client.on('message', ({ message, preview }) => heard.push((message ?? preview)?.text));
  const late = server.say('r', 'bob', 'late', { push: false });
  await room.send({ text: 'mine', thread: root.id });
  // The reply's number counts what was said below it, and is no own message.
  assert.deepEqual([row().preview?.text, row().unread], ['before', unread + 1]);
  server.last.push('message.new', late);
  await settle();
  const { text, created_at, rev } = late.message;
  assert.deepEqual([row().preview?.text, row().activityAt], [text, Date.parse(created_at)]);
  const message = { ...late.message, rev: rev + 2, text: 'edited' };
  server.last.push('message.new', { ...late, message });
  server.last.push('message.new', late);
  await settle();
  assert.equal(row().preview?.text, 'edited');
  assert.deepEqual(heard, ['late']);
});

test('a root that loads late has the newest summary that a reply told', async () => {
  const { room, root, server } = await inRoom();
  const old = structuredClone(server.rooms.get('r')!.messages);
  for (let n = 0; n < 3; n++) server.say('r', 'bob', `m${n}`);
  server.say('r', 'bob', 'reply', { more: { thread: { id: root.id, seq: root.seq } } });
  room.close();
  await pass(1_000);
  for (let n = 0; n < 49; n++) server.say('r', 'bob', 'more');
  await room.open();
  // What was read before the reply was stored.
  server.on('history', () => ({ messages: old, users: [], head: server.head('r') }));
  await room.loadBefore();
  assert.equal(shown(room)[0], 'root/1');
});

test('who was away knows the thread by what a sync brings', async () => {
  const { room, reply, server } = await inRoom();
  reply('lost', false);
  server.say('r', 'bob', 'next');
  await settle();
  mock.timers.tick(5_000);
  await settle();
  assert.deepEqual(shown(room), ['root/1', 'next/0']);
});

test('the pages of a thread and its cursor are asked for', async () => {
  const { room, root, server } = await inRoom();
  await room.threadHistory(root.id, { before: 9, limit: 5 });
  await room.readThread(root.id, 3);
  await room.threads({ limit: 2 });
  const data = (op: string) => server.asked(op)[0]!.data;
  assert.deepEqual(data('thread.history'), { room: 'r', thread: root.id, before: 9, limit: 5 });
  assert.deepEqual(data('thread.read'), { room: 'r', thread: root.id, seq: 3 });
  assert.deepEqual(data('threads.list'), { room: 'r', limit: 2 });
});
