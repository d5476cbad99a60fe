// Rooms to which the user is invited: in the list, counted nowhere, accepted or declined here or
// on another device.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import type { Room } from '@snug/protocol';
import { FakeServer } from './fake-server.js';
import { online, settle, useFakeTime } from './stage.js';

beforeEach(useFakeTime);
afterEach(() => mock.timers.reset());

const AT = '2026-11-20T13:00:00.000Z';

/** The room as an invitation shows it. */
function invitation(server: FakeServer, rev: number): Room {
  const { id, kind, created_at, epoch } = server.rooms.get('d')!.room;
  const head = { seq: 0, rev, members_rev: rev, room_rev: rev, count: 0, min_seq: 1 };
  return {
    ...{ id, kind, created_at, epoch, ...head, name: 'Team', frozen: false },
    member_count: 1,
    activity_at: AT,
    members: [],
    mine: {
      ...{ role: 'member', state: 'invited', joined_at: AT, invitation: { by: 'bob', at: AT } },
      ...{ read_seq: 0, unread: 0, read_count: 0, own_count: 0, read_own: 0 },
    },
  };
}

async function invited() {
  const server = new FakeServer();
  server.makeRoom('a', ['alice', 'bob']);
  server.say('a', 'bob', 'hi');
  server.makeRoom('d', ['bob'], { name: 'Team' });
  server.say('d', 'bob', 'hidden', { push: false });
  const on = await online({}, server);
  const changes: string[] = [];
  on.client.on('room', ({ room, change }) => changes.push(`${room} ${change}`));
  const tell = async (rev: number) => {
    const event = { room: 'd', rev, room_object: invitation(server, rev) };
    server.last.push('room.invited', event);
    await settle();
  };
  const list = () => on.client.rooms.getSnapshot();
  const shown = () => list().rooms.map(({ id, invitation: asked }) => `${id} ${asked?.by}`);
  return { ...on, list, shown, tell, changes };
}

test('an invitation stands in the list, counts nowhere, and is accepted', async () => {
  const { server, client, tell, list, shown, changes } = await invited();
  await tell(3);
  assert.deepEqual(shown(), ['d bob', 'a undefined']);
  assert.deepEqual(
    [list().unread, list().rooms[0]!.unread, list().rooms[0]!.title],
    [1, 0, 'Team'],
  );
  assert.equal(list().rooms[0]!.preview, undefined);
  server.on('room.accept', () => {
    const { mine } = server.makeRoom('d', ['bob', 'alice'], { name: 'Team', rev: 4, seq: 1 });
    mine.get('alice')!.read_seq = 1;
    return { room: server.view('d', 'alice', true) };
  });
  const room = await client.room('d').accept();
  assert.equal(room.mine?.state, 'active');
  assert.ok(shown().includes('d undefined'));
  server.last.push('room.joined', { room: 'd', rev: 4, room_object: room });
  await settle();
  assert.deepEqual(changes, ['d invited', 'd joined']);
});

test('one that is declined is gone, and comes back when it is made again', async () => {
  const { server, client, tell, shown } = await invited();
  await tell(3);
  server.on('room.decline', () => ({}));
  await client.room('d').decline();
  assert.deepEqual(shown(), ['a undefined']);
  server.last.push('room.left', { room: 'd', rev: 4, reason: 'removed' });
  await tell(3);
  assert.deepEqual(shown(), ['a undefined'], 'old news');
  await tell(5);
  assert.deepEqual(shown(), ['d bob', 'a undefined']);
  server.last.push('room.left', { room: 'd', rev: 6, reason: 'removed' });
  await settle();
  assert.deepEqual(shown(), ['a undefined'], 'taken back');
});
