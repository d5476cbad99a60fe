// Replies in threads: not among the room's messages, no unread and no preview; what they tell of
// their thread is shown at its root, whatever way it comes.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import type { Conversation, RoomHandle } from '../src/types.js';
import { FakeServer, refusal } from './fake-server.js';
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

const said = (of: Conversation) =>
  of.getSnapshot().messages.map(({ text, status }) => `${text}/${status}`);

/** A thread of alice's with a reply of bob's, opened. */
async function inThread() {
  const on = await inRoom();
  on.reply('one');
  await settle();
  const thread = on.room.thread(on.root.id);
  await thread.open();
  return { ...on, thread };
}

test('an opened thread is the root and its replies, and follows what comes', async () => {
  const { room, root, thread, reply, server } = await inThread();
  assert.equal(room.thread(root.id), thread);
  assert.deepEqual(said(thread), ['root/sent', 'one/sent']);
  const { message } = reply('two');
  server.say('r', 'bob', 'in the room');
  await settle();
  assert.deepEqual(said(thread), ['root/sent', 'one/sent', 'two/sent']);
  server.change('r', message.seq, { text: 'edited' });
  server.change('r', root.seq, { text: 'other root' });
  await settle();
  assert.deepEqual(said(thread), ['other root/sent', 'one/sent', 'edited/sent']);
  server.unsend('r', message.seq);
  server.say('r', 'bob', 'next');
  await pass(1_000);
  assert.equal(thread.getSnapshot().messages[2]!.deleted, true, 'by a sync');
  assert.equal(thread.getSnapshot().messages[0]!.threadSummary?.replies, 2);
});

test('what comes while a thread is asked for stands in it', async () => {
  const { room, root, reply, server } = await inRoom();
  reply('one');
  const held = structuredClone(server.rooms.get('r')!.messages);
  await settle();
  server.on('thread.history', () => {
    reply('meanwhile');
    return { root, messages: held.slice(1), users: [], has_before: false, has_after: false };
  });
  const thread = room.thread(root.id);
  await thread.open();
  await settle();
  assert.deepEqual(said(thread), ['root/sent', 'one/sent', 'meanwhile/sent']);
});

test('an own reply is shown at once; one that failed is sent again or forgotten', async () => {
  const { room, root, thread, server } = await inThread();
  const sent = thread.send({ text: 'mine' });
  assert.deepEqual(said(thread), ['root/sent', 'one/sent', 'mine/pending']);
  assert.deepEqual(shown(room), ['root/1']);
  assert.equal((await sent).thread?.id, root.id);
  const restore = server.on('message.send', () => {
    throw refusal('room_frozen');
  });
  await assert.rejects(thread.send({ text: 'unlucky' }));
  await assert.rejects(thread.send({ text: 'hopeless' }));
  restore();
  assert.deepEqual(said(thread).slice(3), ['unlucky/failed', 'hopeless/failed']);
  const [unlucky, hopeless] = thread.getSnapshot().messages.slice(3);
  thread.discard(hopeless!.id);
  thread.retry(unlucky!.id);
  await settle();
  assert.deepEqual(said(thread).slice(2), ['mine/sent', 'unlucky/sent']);
  assert.deepEqual(shown(room), ['root/3']);
  assert.equal(thread.getSnapshot().messages[3]!.id, unlucky!.id, 'under its id');
  // Who replies may have seen nothing else of the room.
  for (const { data } of server.asked('message.send')) assert.equal(data.read_up_to, undefined);
});

test('words of a reply are changed and reacted to as in the room', async () => {
  const { thread } = await inThread();
  const { id } = await thread.send({ text: 'mine' });
  await thread.edit(id, { text: 'other' });
  await thread.react(id, '👍');
  const view = () => thread.getSnapshot().messages[2]!;
  assert.deepEqual([view().text, view().reactions?.[0]?.own], ['other', true]);
  await thread.unsend(id);
  assert.equal(view().deleted, true);
});

test('older replies come page by page, and edits of those not loaded leave no hole', async () => {
  const { room, root, reply, server } = await inRoom();
  const first = reply('0').message;
  for (let n = 1; n < 120; n++) reply(`${n}`);
  await settle();
  const thread = room.thread(root.id);
  await thread.open();
  assert.equal(thread.getSnapshot().messages.length, 51);
  server.change('r', first.seq, { text: 'edited' });
  await settle();
  assert.equal(thread.getSnapshot().messages.length, 51);
  await Promise.all([thread.loadBefore(), thread.loadBefore()]);
  assert.equal(thread.getSnapshot().messages.length, 101);
  assert.equal(thread.getSnapshot().hasBefore, true);
  await thread.loadBefore();
  const texts = thread.getSnapshot().messages.map(({ text }) => text);
  assert.deepEqual(texts.slice(0, 3), ['root', 'edited', '1']);
  assert.equal(texts.length, 121);
  assert.equal(thread.getSnapshot().hasBefore, false);
});

test('reading a thread moves its cursor alone, and takes the news from its root', async () => {
  const { room, root, server, client } = await inRoom();
  const mine = server.say('r', 'alice', 'mine').message;
  await settle();
  const under = (sender: string) =>
    server.say('r', sender, 'reply', { more: { thread: { id: mine.id, seq: mine.seq } } });
  under('bob');
  await settle();
  const news = () => room.getSnapshot().messages.map(({ threadUnread }) => threadUnread);
  assert.deepEqual(news(), [undefined, undefined], 'nobody told the cursor');
  await room.threads();
  assert.deepEqual(news(), [undefined, true]);
  const thread = room.thread(mine.id);
  await thread.open();
  assert.equal(thread.getSnapshot().unreadLineSeq, mine.seq + 1);
  thread.markRead();
  await pass(200);
  assert.deepEqual(server.asked('thread.read').at(-1)!.data.seq, mine.seq + 1);
  assert.equal(server.asked('read').length, 0);
  assert.deepEqual(news(), [undefined, false]);
  under('bob');
  await settle();
  assert.deepEqual(news(), [undefined, true]);
  under('alice');
  await settle();
  assert.deepEqual(news(), [undefined, false], 'who replies was there');
  // Not followed: others talk to each other.
  server.say('r', 'bob', 'r', { more: { thread: { id: root.id, seq: root.seq } } });
  await settle();
  await room.threads();
  assert.deepEqual(news(), [false, false]);
  assert.equal(client.rooms.getSnapshot().rooms[0]!.unread, 1);
});

test('a thread that could not be loaded says so, and is asked for again by opening it', async () => {
  const { room, root, server } = await inRoom();
  const restore = server.on('thread.history', () => {
    throw refusal('message_not_found');
  });
  const thread = room.thread(root.id);
  await assert.rejects(thread.open());
  const { status, problem } = thread.getSnapshot();
  assert.deepEqual([status, problem?.code], ['error', 'message_not_found']);
  restore();
  thread.close();
  await thread.open();
  assert.deepEqual(said(thread), ['root/sent']);
  thread.markRead();
  await pass(200);
  assert.equal(server.asked('thread.read').length, 0, 'nothing to read');
});

test('who was away for long asks for the thread anew; another user sees nothing of it', async () => {
  const { client, thread, reply, server } = await inThread();
  thread.draft = 'half a word';
  server.last.break();
  reply('missed', false);
  await pass(3_000);
  assert.deepEqual(said(thread), ['root/sent', 'one/sent', 'missed/sent']);
  server.last.break();
  server.rooms.get('r')!.room.epoch = 'e2';
  reply('restored', false);
  await pass(3_000);
  assert.equal(said(thread).at(-1), 'restored/sent');
  assert.equal(server.asked('thread.history').length, 2);
  server.tokens.set('other', 'carol');
  client.setToken('other');
  await pass(3_000);
  assert.deepEqual([said(thread), thread.draft], [[], '']);
});

test('what was read in a thread while the connection was away is said after it', async () => {
  const { thread, server } = await inThread();
  server.last.break();
  thread.markRead();
  await pass(3_000);
  assert.equal(server.asked('thread.read').length, 1);
});

test('a thread that could not be loaded is asked for again when the connection is back', async () => {
  const { room, root, server } = await inRoom();
  const restore = server.on('thread.history', () => {
    throw refusal('overloaded');
  });
  const thread = room.thread(root.id);
  await assert.rejects(thread.open());
  restore();
  server.last.break();
  await pass(3_000);
  assert.deepEqual(said(thread), ['root/sent']);
});

test('a thread that was closed before its room was there asks for nothing', async () => {
  const { room, root, server, reply } = await inRoom();
  const thread = room.thread(root.id);
  const opening = thread.open();
  thread.close();
  await opening;
  assert.equal(server.asked('thread.history').length, 0);
  reply('meanwhile');
  await settle();
  await thread.open();
  assert.deepEqual(said(thread), ['root/sent', 'meanwhile/sent']);
});

test('a thread whose first message was taken away for good is asked for again', async () => {
  const { thread, server, reply } = await inThread();
  server.last.break();
  reply('missed', false);
  server.rooms.get('r')!.room.min_seq = thread.getSnapshot().messages[0]!.seq! + 1;
  server.on('thread.history', () => {
    throw refusal('message_not_found');
  });
  await pass(3_000);
  const { status, messages } = thread.getSnapshot();
  assert.deepEqual([status, messages.length], ['error', 0]);
});
