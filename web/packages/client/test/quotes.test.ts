// Mentions, cards, places and answers: they go out as they were given, and an
// answer shows the message it answers as that one is now.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import type { MessageView, RoomHandle } from '../src/types.js';
import { FakeServer, refusal } from './fake-server.js';
import { online, pass, settle, useFakeTime } from './stage.js';

beforeEach(useFakeTime);
afterEach(() => mock.timers.reset());

/** A room of `count` messages, of which a page shows the newest 50. */
async function inRoom(count = 1) {
  const server = new FakeServer();
  server.makeRoom('r', ['alice', 'bob']);
  for (let at = 1; at <= count; at++) server.say('r', 'bob', `line ${at}`);
  const on = await online({}, server);
  const room = on.client.room('r');
  await room.open();
  return { ...on, room };
}

const last = (room: RoomHandle): MessageView => room.getSnapshot().messages.at(-1)!;
const quoted = (room: RoomHandle) => {
  const message = last(room).replyTo?.message;
  return message && `${message.sender?.name ?? message.sender?.id}: ${message.text}`;
};

/** What is older is asked for when somebody looks. */
const looked = async (room: RoomHandle) => {
  room.getSnapshot();
  await settle();
  return quoted(room);
};

/** Bob answers the message at `seq`. */
const answer = (server: FakeServer, seq: number) => {
  const reply_to = { id: `m${seq}-r`, seq };
  return server.say('r', 'bob', 'yes', { more: { reply_to } });
};

test('what is beside the words is shown at once, goes over the wire, and comes back', async () => {
  const { room, server } = await inRoom();
  const mentions = { users: ['bob'], everyone: true as const };
  const sent = room.send({ text: '@Bob look', mentions, replyTo: 'm1-r' });
  assert.deepEqual(last(room).mentions, mentions);
  assert.equal(last(room).status, 'pending');
  assert.equal(quoted(room), 'Bob: line 1');
  await sent;
  await settle();
  const { data } = server.asked('message.send')[0]!;
  assert.deepEqual([data.mentions, data.reply_to, 'replyTo' in data], [mentions, 'm1-r', false]);
  assert.deepEqual([last(room).status, last(room).mentions], ['sent', mentions]);
  assert.equal(quoted(room), 'Bob: line 1');
});

test('a card and a place need no words, and are what they are before the answer, too', async () => {
  const { room, server } = await inRoom();
  const card = { title: 'City bike', actions: [{ id: 'buy', label: 'Buy' }] };
  const location = { lat: 25.03, lng: 121.56, name: 'Taipei 101' };
  const sends = [room.send({ card }), room.send({ location })];
  const shown = () => room.getSnapshot().messages.slice(-2);
  const carried = shown().map((one) => [one.kind, one.card, one.location]);
  assert.deepEqual(carried, [
    ['card', card, undefined],
    ['location', undefined, location],
  ]);
  await Promise.all(sends);
  await settle();
  assert.deepEqual(
    shown().map((one) => [one.kind, one.card, one.location]),
    carried,
  );
  assert.equal(server.asked('message.send').length, 2);
  await assert.rejects(room.send({ mentions: { everyone: true } }), { code: 'missing_field' });
});

test('a repeat and a retry say the same again', async () => {
  const { room, server } = await inRoom();
  const restore = server.on('message.send', () => {
    restore();
    throw refusal('room_frozen');
  });
  const message = { text: '@Bob', mentions: { users: ['bob'] }, replyTo: 'm1-r' };
  await assert.rejects(room.send(message));
  room.retry(last(room).id);
  await settle();
  const [first, second] = server.asked('message.send').map(({ data }) => data);
  assert.deepEqual(first, second);
  assert.equal(last(room).status, 'sent');
});

test('an edit names others, or nobody', async () => {
  const { room, server } = await inRoom();
  const { id } = await room.send({ text: '@Bob', mentions: { users: ['bob'] } });
  await room.edit(id, { text: '@Bob?' });
  assert.deepEqual(last(room).mentions, { users: ['bob'] });
  await room.edit(id, { text: 'Bob', mentions: null });
  assert.equal(last(room).mentions, undefined);
  const asked = server.asked('message.edit').map(({ data }) => data.mentions);
  assert.deepEqual(asked, [undefined, null]);
});

test('who is called and not known is asked about, since the text says a name', async () => {
  const { room, server } = await inRoom();
  server.say('r', 'bob', '@carol', { more: { mentions: { users: ['carol', 'bob'] } } });
  await settle();
  assert.equal(last(room).text, '@carol');
  assert.deepEqual(
    server.asked('users.get').map(({ data }) => data.ids),
    [['carol']],
  );
});

test('a loaded message is quoted as it is now, without a question', async () => {
  const { room, server } = await inRoom(3);
  answer(server, 2);
  await settle();
  assert.equal(quoted(room), 'Bob: line 2');
  const before = last(room);
  server.change('r', 1, { text: 'another' });
  await settle();
  assert.equal(last(room), before, 'another message changes no quote');
  server.change('r', 2, { text: 'line two' });
  await settle();
  assert.equal(quoted(room), 'Bob: line two');
  server.change('r', 2, { text: undefined, deleted: true });
  await settle();
  assert.equal(quoted(room), null);
  assert.equal(server.asked('history').length, 0);
});

test('an older one is asked for once, and follows what becomes of it', async () => {
  const { room, server } = await inRoom(120);
  answer(server, 5);
  answer(server, 5);
  await settle();
  assert.equal(await looked(room), 'Bob: line 5');
  assert.deepEqual(
    server.asked('history').map(({ data }) => [data.before, data.limit]),
    [[6, 1]],
  );
  server.change('r', 5, { text: 'line five' });
  await settle();
  assert.equal(quoted(room), 'Bob: line five');
  server.change('r', 5, { text: 'missed' }, false);
  server.last.push('room.head', server.head('r'));
  await pass(1_000);
  assert.equal(quoted(room), 'Bob: missed', 'by sync');
  server.change('r', 5, { text: undefined, deleted: true });
  await settle();
  assert.equal(quoted(room), null);
  assert.equal(server.asked('history').length, 1);
});

test('one that is refused, or not there, is not available, and nothing asks again', async () => {
  const { room, server } = await inRoom(120);
  const restore = server.on('history', () => {
    throw refusal('not_a_member');
  });
  answer(server, 7);
  await settle();
  assert.equal(await looked(room), null);
  restore();
  const gone = { id: 'cut-off', seq: 9 };
  server.say('r', 'bob', 'yes', { more: { reply_to: gone } });
  await settle();
  assert.equal(await looked(room), null);
  assert.equal(await looked(room), null);
  assert.equal(server.asked('history').length, 2);
});

test('what becomes of it while it is asked for is not lost to an older answer', async () => {
  const { room, server } = await inRoom(120);
  const [old] = server.rooms.get('r')!.messages.filter(({ seq }) => seq === 7);
  const restore = server.on('history', () => undefined);
  answer(server, 7);
  await settle();
  assert.equal(await looked(room), undefined);
  server.change('r', 7, { text: undefined, deleted: true });
  await settle();
  assert.equal(quoted(room), null);
  restore();
  const data = { messages: [old], users: [], head: server.head('r') };
  server.last.raw({ id: server.asked('history')[0]!.id, ok: true, data });
  await settle();
  assert.equal(quoted(room), null, 'withdrawn words stay away');
});

test('the words of an event wait for the page that says how the user keeps the message', async () => {
  const { room, server } = await inRoom(120);
  server.mark('r', 'alice', 'm7-r', { deleted: true }, false);
  const page = server.on('history', () => undefined);
  answer(server, 7);
  await settle();
  assert.equal(await looked(room), undefined);
  // Kept by the page that is on its way, which is older than the event.
  const [old] = server.rooms.get('r')!.messages.filter(({ seq }) => seq === 7);
  const told = { ...old!, text: undefined, own: { rev: 1, deleted: true } };
  server.change('r', 7, { text: 'edited' });
  await settle();
  assert.equal(quoted(room), undefined, 'nobody has said whether it may be shown');
  page();
  const data = { messages: [told], users: [], head: server.head('r') };
  server.last.raw({ id: server.asked('history')[0]!.id, ok: true, data });
  await settle();
  assert.equal(quoted(room), null);
  server.change('r', 7, { text: 'edited again' });
  await settle();
  assert.equal(quoted(room), null);
});

test('the words of an event wait, too, when the question was refused', async () => {
  const { room, server } = await inRoom(120);
  server.mark('r', 'alice', 'm7-r', { deleted: true }, false);
  const restore = server.on('history', () => {
    // The event overtakes the refusal.
    server.change('r', 7, { text: 'edited' });
    throw refusal('rate_limited', { retryable: true });
  });
  answer(server, 7);
  await settle();
  assert.equal(await looked(room), undefined, 'while it is tried again');
  await pass(60_000);
  assert.equal(quoted(room), undefined, 'and when that was given up');
  restore();
  await pass(60_000);
  server.change('r', 120, { text: 'another' });
  await settle();
  assert.equal(await looked(room), null);
});

test('what may pass is asked again by a later look, and not before', async () => {
  const { room, server } = await inRoom(120);
  const restore = server.on('history', () => {
    throw refusal('rate_limited', { retryable: true });
  });
  answer(server, 7);
  await settle();
  room.getSnapshot();
  await pass(60_000);
  assert.equal(await looked(room), undefined);
  const asked = server.asked('history').length;
  await pass(60_000);
  assert.equal(await looked(room), undefined);
  assert.equal(server.asked('history').length, asked);
  restore();
  server.change('r', 120, { text: 'another' });
  await settle();
  assert.equal(await looked(room), 'Bob: line 7');
  assert.equal(server.asked('history').length, asked + 1);
});

test('what a visit still had to ask is not asked after it', async () => {
  const { room, server } = await inRoom(120);
  server.on('history', () => undefined);
  answer(server, 7);
  answer(server, 8);
  await settle();
  await looked(room);
  room.close();
  await pass(90_000);
  const asked = new Set(server.asked('history').map(({ data }) => data.before));
  assert.deepEqual([...asked], [8]);
});

test('while it is asked for the place is empty; leaving forgets it', async () => {
  const { room, server } = await inRoom(120);
  const restore = server.on('history', () => undefined);
  answer(server, 7);
  await settle();
  assert.equal(last(room).replyTo?.id, 'm7-r');
  assert.equal(await looked(room), undefined);
  restore();
  room.close();
  await pass(1_000);
  await room.open();
  room.getSnapshot();
  await pass(20_000);
  assert.equal(quoted(room), 'Bob: line 7');
});
