// Stars and what the user deleted for oneself: seen on all devices, told to nobody else, and never
// undone by what was read earlier.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import type { Message, Mine } from '@snug/protocol';
import { starred } from './fake-marks.js';
import { FakeServer, refusal } from './fake-server.js';
import { online, pass, settle, texts, useFakeTime } from './stage.js';

beforeEach(useFakeTime);
afterEach(() => mock.timers.reset());

async function opened(open = true) {
  const server = new FakeServer();
  server.makeRoom('a', ['alice', 'bob']);
  for (const text of ['one', 'two', 'three']) server.say('a', 'bob', text, { messageId: text });
  const { client } = await online({}, server);
  const room = client.room('a');
  if (open) await room.open();
  await settle();
  const view = (id: string) => room.getSnapshot().messages.find((one) => one.id === id);
  const stars = () =>
    room
      .getSnapshot()
      .messages.filter(({ starredAt }) => starredAt)
      .map(({ id }) => id);
  return { server, client, room, view, stars };
}

test('a star is seen at once, on other devices too, and is taken back', async () => {
  const { server, room, view, stars } = await opened();
  const before = view('one');
  const own = await room.star('two');
  assert.equal(own.rev, 1);
  assert.equal(view('two')?.starredAt, Date.parse(own.starred_at!));
  assert.equal(view('one'), before, 'nothing else is drawn anew');
  server.mark('a', 'alice', 'one', { starred: true });
  await settle();
  assert.deepEqual(stars(), ['one', 'two']);
  await room.unstar('two');
  assert.deepEqual(stars(), ['one']);
  server.mark('a', 'bob', 'three', { starred: true });
  await settle();
  assert.deepEqual(stars(), ['one'], "what others keep is nobody's business");
  server.change('a', 1, { text: null, deleted: true });
  await settle();
  assert.deepEqual(stars(), [], 'what is unsent has none');
});

test('what is deleted for oneself is not there, whatever tells of it', async () => {
  const { server, room } = await opened();
  await room.deleteForMe('three');
  assert.deepEqual(texts(room), ['one', 'two']);
  server.change('a', 3, { text: 'edited' });
  await settle();
  assert.deepEqual(texts(room), ['one', 'two'], 'an event has the words, and no mark');
  server.mark('a', 'alice', 'one', { deleted: true });
  await settle();
  assert.deepEqual(texts(room), ['two']);
  room.close();
  await pass(1_000);
  await room.open();
  assert.deepEqual(texts(room), ['two'], 'a page says so, too');
});

test('its words are in no row of the list, however they come', async () => {
  const { server, client, room } = await opened();
  const row = () => client.rooms.getSnapshot().rooms[0]!.preview;
  await room.deleteForMe('three');
  assert.deepEqual([row()?.seq, row()?.text], [3, undefined]);
  room.close();
  await pass(1_000);
  server.change('a', 3, { text: 'edited' });
  await settle();
  assert.equal(row()?.text, undefined, 'a head of the room');
  server.say('a', 'bob', 'four');
  await settle();
  assert.equal(row()?.text, 'four');
});

test('of two own views the one with the newer cursor and marks says what is gone', async () => {
  const { server, client } = await opened(false);
  const unread = () => client.rooms.getSnapshot().rooms[0]?.unread;
  const view = () => structuredClone(server.mine('a', 'alice'));
  const tell = async (mine: Mine) => {
    server.last.push('room.mine', { room: 'a', mine });
    await settle();
  };
  const first = view();
  assert.equal(unread(), 3);
  server.mark('a', 'alice', 'two', { deleted: true });
  await settle();
  assert.equal(unread(), 2);
  await tell(first);
  assert.equal(unread(), 2, 'of before the mark');
  const second = view();
  server.readAs('a', 'alice', 3);
  await tell(view());
  server.say('a', 'bob', 'four');
  await settle();
  assert.equal(unread(), 1);
  await tell(second);
  assert.equal(unread(), 1, 'what is gone below the cursor is in its numbers');
  await tell(view());
  assert.equal(unread(), 1);
});

test('older own views of a room that is looked up take nothing from the newer one', async () => {
  const server = new FakeServer();
  const { client } = await online({}, server);
  const { room } = server.makeRoom('a', ['alice', 'bob']);
  for (const text of ['one', 'two']) server.say('a', 'bob', text, { messageId: text, push: false });
  const asked = structuredClone(server.view('a', 'alice'));
  const first = structuredClone(server.mine('a', 'alice'));
  server.mark('a', 'alice', 'one', { deleted: true });
  server.last.push('room.mine', { room: 'a', mine: first });
  server.on('sync', () => ({ reset: false, cursor: '9', more: false, rooms: [asked] }));
  await pass(1_000);
  assert.equal(room.count, 2);
  assert.equal(client.rooms.getSnapshot().rooms[0]?.unread, 1);
});

test('what is read at once has nothing gone behind it', async () => {
  const { server, client, room } = await opened();
  server.mark('a', 'alice', 'two', { deleted: true });
  await settle();
  server.on('read', () => undefined);
  room.markRead();
  server.say('a', 'bob', 'four');
  await settle();
  assert.equal(client.rooms.getSnapshot().rooms[0]?.unread, 1, 'ahead of the answer');
});

test('a page that was read earlier undoes nothing', async () => {
  const { server, room, stars } = await opened();
  const old = structuredClone(server.rooms.get('a')!.messages);
  server.mark('a', 'alice', 'one', { starred: true });
  server.mark('a', 'alice', 'one', { starred: false });
  server.mark('a', 'alice', 'two', { starred: true });
  await settle();
  assert.deepEqual(stars(), ['two']);
  // An answer of before: without any mark, and with one that was taken back since.
  const stale: Message[] = old.map((message) =>
    message.id === 'one'
      ? { ...message, own: { rev: 1, starred_at: '2026-11-20T10:00:00.000Z' } }
      : message,
  );
  server.on('thread.history', () => ({
    root: stale[0],
    messages: stale,
    users: [],
    covers: { from: 1, to: 3 },
    has_before: false,
    has_after: false,
  }));
  await room.threadHistory('one');
  assert.deepEqual(stars(), ['two']);
});

test('marks of the time without a connection are asked for, each once', async () => {
  const { server, room, stars } = await opened();
  await room.star('one');
  server.last.break();
  server.mark('a', 'alice', 'two', { starred: true });
  server.mark('a', 'alice', 'one', { starred: false });
  server.mark('a', 'alice', 'three', { deleted: true });
  await pass(5_000);
  assert.deepEqual(stars(), ['two']);
  assert.deepEqual(texts(room), ['one', 'two']);
  assert.equal(server.asked('room.sync').at(-1)?.data.marks, 1, 'from what was known');
});

test('a mark whose news was lost is found by the next one', async () => {
  const { server, stars } = await opened();
  server.mark('a', 'alice', 'one', { starred: true }, false);
  server.mark('a', 'alice', 'two', { starred: true });
  await pass(1_000);
  assert.deepEqual(stars(), ['one', 'two']);
  const asked = server.asked('room.sync').length;
  server.mark('a', 'alice', 'three', { starred: true });
  await pass(1_000);
  assert.equal(server.asked('room.sync').length, asked, 'without a gap nothing is asked');
});

/** The next request for what was missed is refused. */
function refuseSync(server: FakeServer) {
  const restore = server.on('room.sync', () => {
    restore();
    throw refusal('rate_limited', { retryable: true });
  });
}

test('missed marks are asked for again when that was refused', async () => {
  const { server, stars } = await opened();
  refuseSync(server);
  server.mark('a', 'alice', 'one', { starred: true }, false);
  server.mark('a', 'alice', 'two', { starred: true });
  server.mark('a', 'alice', 'three', { starred: true });
  await pass(1_000);
  assert.deepEqual(stars(), ['two', 'three']);
  await pass(4_000);
  assert.deepEqual(stars(), ['one', 'two', 'three']);
  const asked = server.asked('room.sync').length;
  await pass(20_000);
  assert.equal(server.asked('room.sync').length, asked, 'and no more when they are here');
});

test('missed marks of the time without a connection are asked for again, too', async () => {
  const { server, stars } = await opened();
  server.last.break();
  server.mark('a', 'alice', 'two', { starred: true });
  refuseSync(server);
  await pass(10_000);
  assert.equal(server.asked('room.sync').length, 2);
  assert.deepEqual(stars(), ['two']);
});

test('an answered message that was deleted for oneself is quoted without its words', async () => {
  const { server, room, view } = await opened();
  const reply_to = { id: 'one', seq: 1 };
  server.say('a', 'bob', 'yes', { messageId: 'yes', more: { reply_to } });
  await settle();
  assert.equal(view('yes')?.replyTo?.message?.text, 'one');
  await room.deleteForMe('one');
  assert.equal(view('yes')?.replyTo?.message, null);
});

test('replies of a thread are marked like messages', async () => {
  const { server, room } = await opened();
  const more = { thread: { id: 'one', seq: 1 } };
  server.say('a', 'bob', 'reply', { messageId: 'r1', more });
  server.say('a', 'bob', 'another', { messageId: 'r2', more });
  await settle();
  const thread = room.thread('one');
  await thread.open();
  await settle();
  await thread.star('r1');
  await thread.deleteForMe('r2');
  const { messages } = thread.getSnapshot();
  assert.deepEqual(
    messages.map(({ id, starredAt }) => `${id} ${starredAt !== undefined}`),
    ['one false', 'r1 true'],
  );
  thread.close();
});

test('the starred of all rooms are listed', async () => {
  const { server, client, room } = await opened();
  server.makeRoom('b', ['alice', 'bob']);
  server.say('b', 'bob', 'elsewhere', { messageId: 'x' });
  await room.star('one');
  server.mark('b', 'alice', 'x', { starred: true });
  server.on('starred.list', () => starred([...server.rooms.values()], 'alice'));
  const { messages } = await client.starred({ limit: 5 });
  assert.deepEqual(
    messages.map(({ text }) => text),
    ['elsewhere', 'one'],
  );
  assert.equal(room.getSnapshot().users.get('bob')?.name, 'Robert', 'who sent them is known');
  assert.deepEqual(server.asked('starred.list').at(-1)?.data, { limit: 5 });
});

test('what is marked in a room that is not open is kept', async () => {
  const server = new FakeServer();
  server.makeRoom('a', ['alice', 'bob']);
  server.say('a', 'bob', 'one', { messageId: 'one' });
  const { client } = await online({}, server);
  const own = await client.room('a').star('one');
  assert.equal(own.rev, 1);
  await client.room('a').open();
  assert.equal(client.room('a').getSnapshot().messages[0]?.starredAt !== undefined, true);
});
