// The user's own settings of rooms, and rooms that are archived: what the list shows, what it
// counts, and what other devices did.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { FakeServer } from './fake-server.js';
import { online, pass, settle, useFakeTime } from './stage.js';

beforeEach(useFakeTime);
afterEach(() => mock.timers.reset());

async function three() {
  const server = new FakeServer();
  for (const id of ['a', 'b', 'c']) {
    server.makeRoom(id, ['alice', 'bob']);
    server.say(id, 'bob', 'hi');
  }
  const on = await online({}, server);
  const list = () => on.client.rooms.getSnapshot();
  const ids = () => list().rooms.map(({ id }) => id);
  return { ...on, list, ids };
}

test('pinned rooms come first, each part by activity', async () => {
  const { client, server, ids, list } = await three();
  assert.deepEqual(ids(), ['c', 'b', 'a']);
  const mine = await client.room('a').updateMine({ pinned: true });
  assert.equal(mine.settings?.pinned, true);
  assert.deepEqual(ids(), ['a', 'c', 'b']);
  assert.deepEqual(
    list().rooms.map(({ pinned }) => pinned),
    [true, false, false],
  );
  server.keep('c', 'alice', { pinned: true });
  server.say('b', 'bob', 'again');
  await settle();
  assert.deepEqual(ids(), ['c', 'a', 'b'], 'another device pins, too');
});

test('the sums leave out what is muted, until the mute ends', async () => {
  const { client, server, list } = await three();
  const told: number[] = [];
  client.on('unread', ({ unread }) => told.push(unread));
  assert.equal(list().unread, 3);
  server.keep('a', 'alice', { muted_until: 'forever' });
  const soon = new Date(Date.now() + 60_000).toISOString();
  server.keep('b', 'alice', { muted_until: soon });
  await settle();
  assert.equal(list().unread, 1);
  assert.deepEqual(
    list().rooms.map(({ id, muted, unread }) => `${id} ${muted} ${unread}`),
    ['c false 1', 'b true 1', 'a true 1'],
    'a muted room keeps its number',
  );
  await pass(61_000);
  server.say('a', 'bob', 'again');
  await settle();
  assert.equal(list().unread, 2, 'that of b counts again, that of a does not');
  assert.deepEqual(told, [1, 2]);
});

test('a hidden room comes back with the next message that counts', async () => {
  const { client, server, ids, list } = await three();
  await client.room('b').updateMine({ hidden: true });
  assert.deepEqual(ids(), ['c', 'a']);
  assert.equal(list().unread, 2);
  server.unsend('b', 1);
  await settle();
  assert.deepEqual(ids(), ['c', 'a'], 'what does not count leaves it hidden');
  server.say('b', 'bob', 'are you there?');
  await settle();
  assert.deepEqual(ids(), ['b', 'c', 'a']);
});

test('a room that another device takes out of hiding is asked for', async () => {
  const server = new FakeServer();
  server.makeRoom('a', ['alice', 'bob']);
  server.say('a', 'bob', 'hi');
  server.keep('a', 'alice', { hidden: true });
  const { client } = await online({}, server);
  const ids = () => client.rooms.getSnapshot().rooms.map(({ id }) => id);
  assert.deepEqual(ids(), []);
  server.keep('a', 'alice', { hidden: false });
  await pass(100);
  assert.deepEqual(ids(), ['a']);
});

test('settings merge by their own rev, whatever the cursor says', async () => {
  const { server, list } = await three();
  const old = server.keep('a', 'alice', { folder: 'old' }, false);
  server.keep('a', 'alice', { folder: 'new', pinned: true });
  await settle();
  server.last.push('room.mine', { room: 'a', mine: { ...old, read_seq: 1, read_count: 1 } });
  await settle();
  const { mine } = list().rooms[0]!.room;
  assert.equal(mine?.read_seq, 1, 'the cursor is news');
  assert.deepEqual([mine?.settings?.folder, mine?.settings?.rev], ['new', 2]);
});

test('an archived room leaves the list, also where it is closed, and comes back', async () => {
  const { client, server, ids, list } = await three();
  await client.room('c').open();
  server.updateRoom('c', { archived: true });
  server.updateRoom('a', { archived: true });
  await pass(100);
  assert.deepEqual(ids(), ['b']);
  assert.equal(list().unread, 1);
  server.updateRoom('a', { archived: false, name: 'Back' });
  await pass(100);
  assert.deepEqual(ids(), ['b', 'a']);
  assert.equal(list().rooms[1]!.title, 'Back');
});

test('a change of the room says when somebody was first', async () => {
  const { client, server, list } = await three();
  const { room_rev } = list().rooms[0]!.room;
  const changed = await client.room('c').update({ tags: ['sale'], if_rev: room_rev! });
  assert.deepEqual(changed.tags, ['sale']);
  server.updateRoom('c', { name: 'Other' });
  await assert.rejects(client.room('c').update({ archived: true, if_rev: changed.room_rev! }), {
    code: 'rev_conflict',
  });
});

test('a page of the list is asked for as it is wanted', async () => {
  const { client, server } = await three();
  const page = await client.listRooms({ archived: 'any', name: 'bi', limit: 2 });
  assert.equal(page.rooms.length, 2);
  const { data } = server.asked('rooms.list').at(-1)!;
  assert.deepEqual(data, { archived: 'any', name: 'bi', limit: 2 });
});
