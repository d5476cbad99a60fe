import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { FakeServer, refusal } from './fake-server.js';
import { online, pass, settle, shown, texts, useFakeTime } from './stage.js';

beforeEach(useFakeTime);
afterEach(() => mock.timers.reset());

async function inRoom() {
  const server = new FakeServer();
  server.makeRoom('r', ['alice', 'bob']);
  const on = await online({}, server);
  const room = on.client.room('r');
  await room.open();
  return { ...on, room };
}

const sentIds = (server: FakeServer) => server.asked('message.send').map(({ data }) => data.id);

test('shown at once, then replaced by the server’s copy under the same id', async () => {
  const { room, server } = await inRoom();
  const sent = room.send({ text: 'hello' });
  const [local] = room.getSnapshot().messages;
  assert.deepEqual(shown(room), ['hello/pending']);
  assert.match(local!.id, /^[0-9A-HJKMNP-TV-Z]{26}$/);
  assert.equal(local!.own, true);
  const message = await sent;
  await settle();
  assert.equal(message.id, local!.id);
  assert.deepEqual(shown(room), ['hello/sent']);
  assert.equal(room.getSnapshot().messages[0]!.seq, 1);
  assert.deepEqual(sentIds(server), [local!.id]);
});

test('passed on: only the other message is named, its words are shown meanwhile', async () => {
  const { room, server } = await inRoom();
  const forward = { room: 'elsewhere', id: 'm1' };
  const sent = room.send({ forward, text: 'the train leaves at nine' });
  assert.deepEqual(shown(room), ['the train leaves at nine/pending']);
  const { id } = await sent;
  const [asked] = server.asked('message.send');
  assert.deepEqual(asked!.data, { room: 'r', id, forward });
});

test('offline: order and ids are kept, and everything goes once', async () => {
  const { room, server } = await inRoom();
  server.mode = 'drop';
  server.last.break(1006);
  await settle();
  const sends = ['a', 'b', 'c', 'd'].map((text) => room.send({ text }));
  const ids = room.getSnapshot().messages.map(({ id }) => id);
  await pass(5_000);
  assert.deepEqual(shown(room), ['a/pending', 'b/pending', 'c/pending', 'd/pending']);
  assert.deepEqual([...ids].sort(), ids);
  server.mode = 'normal';
  await pass(30_000);
  await Promise.all(sends);
  assert.deepEqual(sentIds(server), ids);
  assert.deepEqual(
    server.rooms.get('r')!.messages.map(({ text }) => text),
    ['a', 'b', 'c', 'd'],
  );
  assert.deepEqual(shown(room), ['a/sent', 'b/sent', 'c/sent', 'd/sent']);
});

test('one is under way at a time', async () => {
  const { room, server } = await inRoom();
  server.on('message.send', () => undefined);
  room.send({ text: 'a' });
  room.send({ text: 'b' });
  await settle();
  assert.equal(sentIds(server).length, 1);
});

test('an answer that was lost: sent again with the same id, stored once, shown once', async () => {
  const { room, server } = await inRoom();
  server.loseAnswer('message.send');
  const sent = room.send({ text: 'once' });
  const after = room.send({ text: 'then' });
  await pass(2_000);
  const message = await sent;
  await after;
  const [first, second] = sentIds(server);
  assert.equal(first, second);
  assert.equal(message.seq, 1);
  assert.equal(server.rooms.get('r')!.messages.length, 2);
  assert.deepEqual(texts(room), ['once', 'then']);
});

test('an answer that never comes: sent again with the same id and payload', async () => {
  const { room, server } = await inRoom();
  const restore = server.on('message.send', () => undefined);
  const sent = room.send({ text: 'slow' });
  await pass(14_000);
  restore();
  await pass(10_000);
  await sent;
  const frames = server.asked('message.send').map(({ data }) => data);
  assert.equal(frames.length, 2);
  assert.deepEqual(frames[0], frames[1]);
});

test('the event before the answer: one copy, and the answer changes nothing', async () => {
  const { room, server } = await inRoom();
  server.on('message.send', (frame: { id: string; text: string }) => {
    const event = server.say('r', 'alice', frame.text, { messageId: frame.id });
    return { message: event.message, duplicate: false };
  });
  const message = await room.send({ text: 'x' });
  await settle();
  assert.equal(message.seq, 1);
  assert.deepEqual(shown(room), ['x/sent']);
});

test('the answer before the events of others: in order once they are here', async () => {
  const { room, server } = await inRoom();
  const earlier = server.say('r', 'bob', 'earlier', { push: false });
  await room.send({ text: 'mine' });
  server.last.push('message.new', earlier);
  await settle();
  assert.deepEqual(texts(room), ['earlier', 'mine']);
});

test('refused: failed with the reason, the next goes on, retry keeps the id', async () => {
  const { room, server } = await inRoom();
  const restore = server.on('message.send', () => {
    restore();
    throw refusal('room_frozen');
  });
  const refused = room.send({ text: 'no' });
  const fine = room.send({ text: 'yes' });
  await assert.rejects(refused, { code: 'room_frozen', retryable: false });
  await fine;
  await settle();
  assert.deepEqual(shown(room), ['yes/sent', 'no/failed']);
  const failed = room.getSnapshot().messages[1]!;
  assert.equal(failed.problem?.code, 'room_frozen');
  room.retry(failed.id);
  assert.deepEqual(shown(room), ['yes/sent', 'no/pending']);
  await settle();
  assert.deepEqual(shown(room), ['yes/sent', 'no/sent']);
  assert.equal(sentIds(server).at(-1), failed.id);
});

test('a refusal that may pass is repeated after the time the server named', async () => {
  const { room, server } = await inRoom();
  let refused = 0;
  const restore = server.on('message.send', () => {
    if (++refused === 2) restore();
    throw refusal('rate_limited', { retryable: true, retry_after_ms: 1_000 });
  });
  const sent = room.send({ text: 'patient' });
  await pass(950);
  assert.equal(sentIds(server).length, 1);
  await pass(100);
  assert.equal(sentIds(server).length, 2);
  await pass(1_000);
  await sent;
  assert.equal(new Set(sentIds(server)).size, 1);
});

test('a refusal that never passes ends as failed', async () => {
  const { room, server } = await inRoom();
  server.on('message.send', () => {
    throw refusal('store_unavailable', { retryable: true });
  });
  const sent = room.send({ text: 'x' });
  await pass(200_000);
  await assert.rejects(sent, { code: 'store_unavailable' });
  assert.deepEqual(shown(room), ['x/failed']);
});

test('discard forgets a failed message, and no other', async () => {
  const { room, server } = await inRoom();
  server.on('message.send', () => {
    throw refusal('too_large');
  });
  room.send({ text: 'big' });
  await settle();
  const [failed] = room.getSnapshot().messages;
  server.on('message.send', () => undefined);
  room.send({ text: 'under way' });
  const pending = room.getSnapshot().messages[1]!;
  room.discard(pending.id);
  room.discard(failed!.id);
  assert.deepEqual(shown(room), ['under way/pending']);
});

test('an empty message is refused here', async () => {
  const { room, server } = await inRoom();
  await assert.rejects(room.send({ text: '  ' }), { code: 'missing_field' });
  assert.deepEqual(shown(room), []);
  assert.equal(server.asked('message.send').length, 0);
});

test('says how far the sender had read', async () => {
  const { room, server } = await inRoom();
  server.say('r', 'bob', 'q');
  await settle();
  await room.send({ text: 'a' });
  assert.equal(server.asked('message.send')[0]!.data.read_up_to, 1);
});

test('logout gives up what was not sent', async () => {
  const { room, server, client } = await inRoom();
  server.on('message.send', () => undefined);
  const sent = room.send({ text: 'never' });
  await client.logout();
  await assert.rejects(sent, { code: 'closed' });
  assert.deepEqual(shown(room), []);
});
