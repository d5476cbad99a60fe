// What becomes of a message after it was sent. However the news arrives, by
// answer, event, sync or history, the state at the end is the same.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import type { MessageView, RoomHandle } from '../src/types.js';
import { FakeServer } from './fake-server.js';
import { online, pass, settle, useFakeTime } from './stage.js';

beforeEach(useFakeTime);
afterEach(() => mock.timers.reset());

async function inRoom(texts: string[] = ['one', 'two']) {
  const server = new FakeServer();
  server.makeRoom('r', ['alice', 'bob']);
  for (const text of texts) server.say('r', text.startsWith('my') ? 'alice' : 'bob', text);
  const on = await online({}, server);
  const room = on.client.room('r');
  await room.open();
  return { ...on, room };
}

const view = (room: RoomHandle, seq: number) =>
  room.getSnapshot().messages.find((message) => message.seq === seq)!;

/** What a page shows of a message. */
const told = ({ text, deleted, hidden, editedAt, reactions }: MessageView) => ({
  text,
  deleted,
  hidden,
  edited: editedAt !== undefined,
  reactions: reactions?.map(({ key, count, own }) => `${key}${count}${own ? '*' : ''}`),
});

/** A second client of the same user that opens the room now. */
async function fresh(server: FakeServer): Promise<RoomHandle> {
  const other = await online({}, server);
  const room = other.client.room('r');
  await room.open();
  return room;
}

test('a pin shows by its answer, and lists are asked for', async () => {
  const { room } = await inRoom(['one', 'my two']);
  const { id } = view(room, 2);
  await room.pin(id);
  assert.ok(view(room, 2).pinnedAt);
  const { messages } = await room.pins();
  assert.equal(messages.length, 1);
  assert.equal(messages[0]?.id, id);
  await room.unpin(id);
  assert.equal(view(room, 2).pinnedAt, undefined);
  assert.equal((await room.pins()).messages.length, 0);
  assert.equal((await room.versions(id)).versions[0]?.text, 'before');
});

test('an edit, a reaction and an unsending show by their answers, and once', async () => {
  const { room, server } = await inRoom(['one', 'my helo']);
  const { id } = view(room, 2);
  const edited = await room.edit(id, { text: 'my hello' });
  assert.equal(edited.text, 'my hello');
  await room.react(id, '👍');
  assert.deepEqual(told(view(room, 2)), {
    text: 'my hello',
    deleted: undefined,
    hidden: undefined,
    edited: true,
    reactions: ['👍1*'],
  });
  await room.unreact(id, '👍');
  await room.unsend(id);
  await settle();
  assert.equal(view(room, 2).text, undefined);
  assert.equal(view(room, 2).deleted, true);
  assert.equal(view(room, 2).own, true);
  assert.deepEqual(
    server.last.received.filter(({ op }) => op.startsWith('message.')).map(({ op }) => op),
    ['message.edit', 'message.react', 'message.react', 'message.unsend'],
  );
  await pass(1_000);
  assert.equal(server.asked('room.sync').length, 0, 'the events closed every gap');
});

test('event, sync, history and a page loaded later end in the same state', async () => {
  const ways: Record<string, (server: FakeServer, room: RoomHandle) => Promise<RoomHandle>> = {
    event: async (server, room) => {
      change(server, true);
      await settle();
      return room;
    },
    sync: async (server, room) => {
      change(server, false);
      server.last.push('room.head', server.head('r'));
      await pass(1_000);
      assert.equal(server.asked('room.sync').length, 1);
      return room;
    },
    reconnect: async (server, room) => {
      change(server, false);
      server.last.break();
      await pass(2_000);
      return room;
    },
    history: async (server, room) => {
      change(server, false);
      void room;
      return fresh(server);
    },
    disorder: async (server, room) => {
      const events = change(server, false);
      for (const event of [...events].reverse()) server.last.push('message.changed', event);
      for (const event of events) server.last.push('message.changed', event);
      await settle();
      assert.equal(server.asked('room.sync').length, 0);
      return room;
    },
  };
  function change(server: FakeServer, push: boolean) {
    const at = '2026-11-20T11:00:00.000Z';
    const thumb = (users: string[]) => [{ key: '👍', count: users.length, users }];
    return [
      server.change('r', 1, { text: 'uno', edited_at: at }, push),
      server.change('r', 1, { reactions: thumb(['bob']) }, push),
      server.change('r', 2, { text: undefined, deleted: true }, push),
      server.change('r', 1, { text: 'eins', reactions: thumb(['bob', 'alice']) }, push),
      server.change('r', 3, { text: undefined, hidden: true }, push),
    ];
  }
  for (const [way, go] of Object.entries(ways)) {
    const { room, server } = await inRoom(['one', 'two', 'three']);
    const there = await go(server, room);
    const shown = [1, 2, 3].map((seq) => told(view(there, seq)));
    const none = { text: undefined, deleted: undefined, hidden: undefined, edited: false };
    assert.deepEqual(
      shown,
      [
        { ...none, text: 'eins', edited: true, reactions: ['👍2*'] },
        { ...none, deleted: true, reactions: undefined },
        { ...none, hidden: true, reactions: undefined },
      ],
      way,
    );
  }
});

test('an answer that is older than what was heard changes nothing', async () => {
  const { room, server } = await inRoom(['my one']);
  const { id } = view(room, 1);
  server.on('message.edit', () => {
    const { message } = server.change('r', 1, { text: 'first' }, false);
    server.last.push('message.changed', { room: 'r', rev: message.rev, members_rev: 1, message });
    server.change('r', 1, { text: 'second' });
    return { message };
  });
  await room.edit(id, { text: 'first' });
  await settle();
  assert.equal(view(room, 1).text, 'second');
});

test('a lost answer is asked for again, and the message changes once', async () => {
  const { room, server } = await inRoom(['my helo']);
  const { rev } = server.rooms.get('r')!.room;
  server.loseAnswer('message.edit');
  const answer = room.edit(view(room, 1).id, { text: 'my hello' });
  await pass(2_000);
  assert.equal((await answer).text, 'my hello');
  assert.equal(server.asked('message.edit').length, 2);
  assert.equal(server.rooms.get('r')!.room.rev, rev + 1);
  assert.equal(view(room, 1).text, 'my hello');
});

test('a refusal reaches the caller and changes nothing', async () => {
  const { room } = await inRoom(['my one']);
  await assert.rejects(room.edit('nowhere', { text: 'x' }), { code: 'message_not_found' });
  assert.deepEqual(told(view(room, 1)).text, 'my one');
});

test('the list shows the newest message as it is now, open or not', async () => {
  const { room, client, server } = await inRoom(['one', 'two']);
  const preview = () => client.rooms.getSnapshot().rooms[0]!.preview?.text;
  server.change('r', 1, { text: 'uno' });
  await settle();
  assert.equal(preview(), 'two', 'an older message is none of it');
  server.change('r', 2, { text: 'dos' });
  await settle();
  assert.equal(preview(), 'dos');
  // The answer to another change came ahead of this event.
  const lost = server.change('r', 2, { text: 'tres' }, false);
  await room.react(view(room, 1).id, '👍');
  server.last.push('message.changed', lost);
  await settle();
  assert.equal(preview(), 'tres');
  room.close();
  await pass(1_000);
  server.change('r', 2, { text: 'quatre' });
  await settle();
  assert.equal(preview(), 'quatre');
});

test('a reaction does not end the sign that its message’s sender types', async () => {
  const { room, server } = await inRoom(['one']);
  server.last.push('typing', { room: 'r', user: 'bob', on: true });
  server.change('r', 1, { reactions: [{ key: '👍', count: 1, users: ['alice'] }] });
  await settle();
  assert.equal(room.getSnapshot().typing.length, 1);
});

test('a message outside what is loaded is not shown for having changed', async () => {
  const { room, server } = await inRoom(Array.from({ length: 80 }, (_, i) => `m${i + 1}`));
  server.change('r', 3, { text: 'changed' });
  await settle();
  assert.equal(room.getSnapshot().messages[0]!.seq, 31);
  await room.loadBefore();
  assert.equal(view(room, 3).text, 'changed');
});

test('channels are found, joined and left', async () => {
  const server = new FakeServer();
  server.makeRoom('news', ['bob'], { kind: 'channel', name: 'News' });
  server.say('news', 'bob', 'first');
  const { client } = await online({}, server);
  const page = await client.channels();
  assert.deepEqual(
    page.rooms.map(({ id }) => id),
    ['news'],
  );
  assert.equal(client.rooms.getSnapshot().rooms.length, 0);
  const room = await client.joinChannel('news');
  assert.equal(client.rooms.getSnapshot().rooms[0]!.title, 'News');
  await room.open();
  assert.equal(room.getSnapshot().status, 'ready');
  await room.leave();
  assert.equal(room.getSnapshot().status, 'no_access');
});
