import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import type { Mentions } from '@snug/protocol';
import { mergeMine, unreadOf } from '../src/entry.js';
import type { ClientEvents } from '../src/types.js';
import { FakeServer, refusal } from './fake-server.js';
import { online, pass, settle, useFakeTime } from './stage.js';

beforeEach(useFakeTime);
afterEach(() => mock.timers.reset());

const at = '2026-11-20T10:00:00.000Z';
const cursor = (read_seq: number, read_count: number, own_count: number, read_own: number) => ({
  role: 'member' as const,
  state: 'active' as const,
  read_seq,
  unread: 0,
  read_count,
  own_count,
  read_own,
  joined_at: at,
});

test('unread is the formula, never below 0', () => {
  assert.equal(unreadOf(10, cursor(4, 4, 3, 1)), 4);
  assert.equal(unreadOf(10, cursor(10, 10, 3, 3)), 0);
  assert.equal(unreadOf(3, cursor(5, 4, 1, 1)), 0);
  assert.equal(unreadOf(0, cursor(0, 0, 0, 0)), 0);
});

test('own cursors merge forward: the three numbers of a cursor stay together', () => {
  const merged = mergeMine(cursor(8, 7, 3, 2), cursor(5, 5, 4, 1));
  assert.deepEqual(
    [merged.read_seq, merged.read_count, merged.own_count, merged.read_own],
    [8, 7, 4, 2],
  );
});

async function listed(setUp: (server: FakeServer) => void) {
  const server = new FakeServer();
  setUp(server);
  const on = await online({}, server);
  const list = () => on.client.rooms.getSnapshot();
  return { ...on, list, unread: () => list().rooms.map(({ id, unread }) => `${id}:${unread}`) };
}

test('latest activity first, with title, preview and unread', async () => {
  const { list, unread } = await listed((server) => {
    server.makeRoom('d', ['alice', 'bob'], { kind: 'direct' });
    server.makeRoom('g', ['alice', 'bob', 'carol']);
    server.makeRoom('n', ['alice', 'bob'], { name: 'Plans' });
    server.say('g', 'bob', 'g1');
    server.say('d', 'bob', 'd1');
    server.say('d', 'alice', 'd2');
    server.say('d', 'bob', 'd3');
  });
  assert.equal(list().status, 'ready');
  assert.deepEqual(unread(), ['d:2', 'g:1', 'n:0']);
  assert.equal(list().unread, 3);
  const [direct, group, named] = list().rooms;
  assert.equal(direct!.title, 'Bob');
  assert.equal(direct!.peer?.id, 'bob');
  assert.equal(direct!.preview?.text, 'd3');
  assert.equal(direct!.preview?.senderName, 'Bob');
  assert.equal(group!.title, 'Bob, Carol');
  assert.equal(named!.title, 'Plans');
});

test('heads move the list; reading elsewhere clears it', async () => {
  const { server, client, list, unread } = await listed((s) => {
    s.makeRoom('a', ['alice', 'bob']);
    s.makeRoom('b', ['alice', 'bob']);
    s.say('b', 'bob', 'b1');
  });
  const sums: number[] = [];
  client.on('unread', (event) => sums.push(event.unread));
  server.say('a', 'bob', 'a1');
  server.say('a', 'bob', 'a2');
  await settle();
  assert.deepEqual(unread(), ['a:2', 'b:1']);
  assert.equal(list().rooms[0]!.preview?.text, 'a2');
  server.readAs('a', 'alice', 2);
  const mine = server.rooms.get('a')!.mine.get('alice')!;
  server.last.push('room.mine', { room: 'a', mine: { ...mine } });
  await settle();
  assert.deepEqual(unread(), ['a:0', 'b:1']);
  assert.equal(sums.at(-1), 1);
});

test('old and doubled heads change nothing', async () => {
  const { server, unread, list } = await listed((s) => s.makeRoom('a', ['alice', 'bob']));
  server.say('a', 'bob', 'a1', { push: false });
  const first = server.head('a');
  server.say('a', 'bob', 'a2', { push: false });
  const second = server.head('a');
  for (const head of [second, first, second, first]) server.last.push('room.head', head);
  await settle();
  assert.deepEqual(unread(), ['a:2']);
  assert.equal(list().rooms[0]!.preview?.text, 'a2');
});

test('an own message from elsewhere never counts, in either order of its two events', async () => {
  const { server, unread } = await listed((s) => {
    s.makeRoom('a', ['alice', 'bob']);
    s.say('a', 'bob', 'q');
  });
  for (const order of [
    ['head', 'mine'],
    ['mine', 'head'],
  ]) {
    server.say('a', 'alice', 'own', { push: false });
    const mine = { ...server.rooms.get('a')!.mine.get('alice')! };
    const head = server.head('a');
    for (const name of order) {
      if (name === 'head') server.last.push('room.head', head);
      else server.last.push('room.mine', { room: 'a', mine });
      await settle();
      assert.deepEqual(unread(), ['a:1'], `after ${name} of ${order}`);
    }
    await pass(1_100);
    assert.deepEqual(unread(), ['a:1']);
  }
});

test('a head without its own cursor is believed after a second', async () => {
  const { server, unread } = await listed((s) => s.makeRoom('a', ['alice', 'bob']));
  server.say('a', 'alice', 'own', { push: false });
  server.last.push('room.head', server.head('a'));
  await settle();
  assert.deepEqual(unread(), ['a:0']);
  await pass(1_100);
  assert.deepEqual(unread(), ['a:1']);
});

test('a room object without members leaves those that are known', async () => {
  const { server, client, list } = await listed((s) => {
    s.makeRoom('d', ['alice', 'bob'], { kind: 'direct' });
    s.say('d', 'bob', 'hi');
  });
  await client.room('d').open();
  const object = { ...server.view('d', 'alice'), custom: { a: 1 }, members: [], mine: undefined };
  const event = { room: 'd', rev: 3, members_rev: 1, room_object: { ...object, rev: 3 } };
  server.last.push('room.changed', event);
  await settle();
  assert.deepEqual(list().rooms[0]!.room.custom, { a: 1 });
  assert.equal(list().rooms[0]!.title, 'Bob');
  assert.equal(list().rooms[0]!.unread, 1);
});

test('one `message` event per message, however it is heard of', async () => {
  const { server, client } = await listed((s) => {
    s.makeRoom('a', ['alice', 'bob']);
    s.say('a', 'bob', 'before');
  });
  const heard: string[] = [];
  client.on('message', ({ room, message, preview, own }: ClientEvents['message']) => {
    heard.push(`${room} ${message?.text ?? preview?.text} ${own}`);
  });
  server.say('a', 'bob', 'by head');
  server.last.push('room.head', server.head('a'));
  await settle();
  const room = client.room('a');
  await room.open();
  const event = server.say('a', 'bob', 'open');
  server.last.push('message.new', event);
  server.last.push('room.head', server.head('a'));
  await settle();
  await room.send({ text: 'mine' });
  await settle();
  assert.deepEqual(heard, ['a by head false', 'a open false', 'a mine true']);
});

test('reconnect: one sync by cursor brings heads, own reads, new and left rooms', async () => {
  const { server, list, unread } = await listed((s) => {
    s.makeRoom('a', ['alice', 'bob']);
    s.makeRoom('b', ['alice', 'bob']);
    s.makeRoom('c', ['alice', 'bob']);
    s.say('c', 'bob', 'c1');
  });
  server.last.break(1006);
  await settle();
  server.say('a', 'bob', 'a1');
  server.makeRoom('n', ['bob', 'alice']);
  server.say('n', 'bob', 'new');
  server.rooms.get('b')!.mine.get('alice')!.state = 'left';
  server.say('b', 'bob', 'behind your back');
  await pass(1_000);
  assert.equal(server.asked('rooms.list').length, 1);
  assert.equal(server.asked('sync').length, 1);
  assert.deepEqual(unread(), ['n:1', 'a:1', 'c:1']);
  assert.equal(list().status, 'ready');
});

test('a sync that says reset: the list is loaded anew', async () => {
  const { server, unread } = await listed((s) => {
    s.makeRoom('a', ['alice', 'bob']);
    s.makeRoom('b', ['alice', 'bob']);
  });
  server.on('sync', () => ({ reset: true, cursor: 'x', more: false, rooms: [] }));
  server.rooms.delete('a');
  server.last.break(1006);
  await pass(1_000);
  assert.deepEqual(unread(), ['b:0']);
});

test('the head of an unknown room makes the client look it up', async () => {
  const { server, unread } = await listed((s) => s.makeRoom('a', ['alice', 'bob']));
  server.makeRoom('x', ['bob', 'alice']);
  server.say('x', 'bob', 'x1');
  server.say('x', 'bob', 'x2');
  await pass(100);
  assert.deepEqual(unread(), ['x:2', 'a:0']);
  assert.equal(server.asked('sync').length, 1);
});

test('pages, and a room in which nothing was said is its creator’s alone', async () => {
  const { client, list } = await listed((s) => {
    for (let i = 0; i < 70; i++) s.makeRoom(`r${i}`, ['alice', 'bob']);
    s.makeRoom('quiet', ['bob', 'alice']);
  });
  assert.equal(list().rooms.length, 29);
  assert.equal(list().hasMore, true);
  await client.rooms.loadMore();
  await client.rooms.loadMore();
  assert.equal(list().hasMore, false);
  assert.equal(list().rooms.length, 70);
  assert.ok(!list().rooms.some(({ id }) => id === 'quiet'));
});

test('a refresh of the first page does not skip what changed beyond it', async () => {
  const { server, client, list } = await listed((s) => {
    for (let i = 0; i < 40; i++) {
      s.makeRoom(`r${i}`, ['alice', 'bob']);
      s.say(`r${i}`, 'bob', 'x');
    }
  });
  await client.rooms.loadMore();
  assert.equal(list().unread, 40);
  server.readAs('r0', 'alice', 1);
  await client.rooms.refresh();
  server.last.break(1006);
  await pass(1_000);
  assert.equal(list().unread, 39);
});

test('joined and left, and old news of either', async () => {
  const { server, client, list } = await listed(() => {});
  const changes: string[] = [];
  client.on('room', ({ room, change }) => changes.push(`${room} ${change}`));
  server.makeRoom('r', ['bob', 'alice']);
  server.say('r', 'bob', 'welcome', { push: false });
  const joined = { room: 'r', rev: 2, room_object: server.view('r', 'alice') };
  server.last.push('room.joined', joined);
  await settle();
  assert.equal(list().rooms.length, 1);
  server.last.push('room.left', { room: 'r', rev: 5, reason: 'removed' });
  server.last.push('room.joined', joined);
  await settle();
  assert.equal(list().rooms.length, 0);
  assert.deepEqual(changes, ['r joined', 'r left']);
});

test('a list that cannot be loaded says why', async () => {
  const server = new FakeServer();
  server.on('rooms.list', () => {
    throw refusal('internal', { retryable: false });
  });
  const { client } = await online({}, server);
  assert.equal(client.rooms.getSnapshot().status, 'error');
  assert.equal(client.rooms.getSnapshot().problem?.code, 'internal');
});

test('a direct room is made with its first message, and asked again after a loss', async () => {
  const { server, client, list } = await listed(() => {});
  server.loseAnswer('room.create');
  const made = client.createDirect({ user: 'bob', context: 'l-42', message: { text: 'hi' } });
  await pass(2_000);
  const room = await made;
  const asked = server.asked('room.create').map(({ data }) => data);
  assert.equal(asked.length, 2);
  assert.deepEqual(asked[0], asked[1]);
  assert.equal(asked[0]!.context, 'l-42');
  assert.equal(room, client.room(room.id));
  assert.equal(list().rooms[0]!.preview?.text, 'hi');
});

test('a group whose answer was lost is not made twice', async () => {
  const { server, client } = await listed(() => {});
  server.loseAnswer('room.create');
  const made = client.createGroup({ name: 'Friends', members: ['bob'] });
  await assert.rejects(made, { code: 'connection_lost' });
  await pass(2_000);
  assert.equal(server.asked('room.create').length, 1);
});

test('profiles: asked in bulk, changed, and seen in titles', async () => {
  const { server, client, list } = await listed((s) => {
    s.makeRoom('d', ['alice', 'bob'], { kind: 'direct' });
  });
  const ids = Array.from({ length: 150 }, (_, i) => `u${i}`);
  assert.equal((await client.users([...ids, 'bob'])).length, 151);
  assert.equal(server.asked('users.get').length, 2);
  assert.equal(list().rooms[0]!.title, 'bob');
  assert.equal((await client.updateMe({ name: 'Al' })).name, 'Al');
  assert.equal(client.me.getSnapshot()?.name, 'Al');
});

const calling = (mentions: Mentions, more = {}) => ({ more: { mentions, ...more } });
const alice = { users: ['alice'] };

test('who is called is counted, live and by the server, until it is read', async () => {
  const { server, client, list } = await listed((s) => {
    s.makeRoom('a', ['alice', 'bob']);
    s.makeRoom('b', ['alice', 'bob']);
    s.say('a', 'bob', '@alice', calling(alice));
    s.say('b', 'bob', 'nobody');
  });
  const sums: unknown[] = [];
  client.on('unread', (event) => sums.push(event));
  const called = () =>
    list()
      .rooms.map(({ id, mentions }) => `${id}:${mentions}`)
      .sort();
  assert.deepEqual([called(), list().mentions], [['a:1', 'b:0'], 1]);
  server.say('b', 'bob', '@everyone', calling({ everyone: true }));
  server.say('b', 'bob', 'members', calling({ roles: ['member'] }));
  server.say('b', 'bob', '@carol', calling({ users: ['carol'], roles: ['owner'] }));
  server.say('b', 'bob', 'hush', calling(alice, { silent: true }));
  await settle();
  assert.deepEqual([called(), list().mentions], [['a:1', 'b:2'], 3]);
  assert.deepEqual(sums.at(-1), { unread: 6, mentions: 3 });
  server.say('b', 'alice', '@alice', calling(alice));
  await settle();
  assert.deepEqual(called(), ['a:1', 'b:2'], 'the own call counts as little for the server');
  server.readAs('b', 'alice', server.rooms.get('b')!.room.seq);
  server.last.push('room.mine', { room: 'b', mine: server.mine('b', 'alice') });
  await settle();
  assert.deepEqual(called(), ['a:1', 'b:0']);
  server.last.break();
  server.say('a', 'bob', '@alice', calling(alice));
  await pass(10_000);
  assert.deepEqual(called(), ['a:2', 'b:0'], 'a sync tells what was missed');
});

test('a call and the own view that knows of it count once, in either order', async () => {
  const { server, list } = await listed((s) => s.makeRoom('a', ['alice', 'bob']));
  for (const [done, order] of [
    ['head', 'mine'],
    ['mine', 'head'],
  ].entries()) {
    server.say('a', 'bob', '@alice', { push: false, ...calling(alice) });
    const head = { ...server.head('a'), mentions: alice };
    const old = { ...server.mine('a', 'alice') };
    for (const name of order) {
      if (name === 'head') server.last.push('room.head', head);
      else server.last.push('room.mine', { room: 'a', mine: old });
      await settle();
      assert.equal(list().mentions, done + 1, `after ${name} of ${order}`);
    }
  }
  // A view from before a call that is known takes nothing away.
  const before = server.mine('a', 'alice');
  server.say('a', 'bob', '@alice', calling(alice));
  await settle();
  server.last.push('room.mine', { room: 'a', mine: before });
  await settle();
  assert.equal(list().mentions, 3);
});

test('a head that was lost may have called: the list asks', async () => {
  const { server, list } = await listed((s) => s.makeRoom('a', ['alice', 'bob']));
  server.say('a', 'bob', '@alice', { push: false, ...calling(alice) });
  server.say('a', 'bob', 'nobody');
  await settle();
  assert.equal(list().mentions, 0);
  await pass(100);
  assert.deepEqual([list().mentions, server.asked('sync').length], [1, 1]);
});

test('news that comes without the head of its message asks too', async () => {
  const { server, list } = await listed((s) => s.makeRoom('a', ['alice', 'bob']));
  server.say('a', 'bob', '@alice', { push: false, ...calling(alice) });
  server.last.push('room.head', { ...server.head('a'), again: true });
  await settle();
  assert.equal(list().mentions, 0);
  await pass(100);
  assert.deepEqual([list().mentions, server.asked('sync').length], [1, 1]);
  server.last.push('room.head', { ...server.head('a'), again: true });
  await pass(100);
  assert.equal(server.asked('sync').length, 1, 'what is known needs no question');
});

test('reading to the end takes the calls away at once', async () => {
  const { server, client, list } = await listed((s) => {
    s.makeRoom('a', ['alice', 'bob']);
    s.say('a', 'bob', '@alice', calling(alice));
  });
  const room = client.room('a');
  await room.open();
  server.say('a', 'bob', '@alice', calling(alice));
  await settle();
  assert.equal(list().mentions, 2, 'an open room hears the message itself');
  server.on('read', () => undefined);
  room.markRead();
  assert.equal(list().mentions, 0);
  server.say('a', 'bob', '@alice', calling(alice));
  await settle();
  assert.equal(list().mentions, 1);
});
