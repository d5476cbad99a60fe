import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { FakeServer, refusal } from './fake-server.js';
import { online, pass, settle, stage, texts, useFakeTime } from './stage.js';

beforeEach(useFakeTime);
afterEach(() => mock.timers.reset());

async function inRoom(messages: string[] = [], server = new FakeServer()) {
  server.makeRoom('r', ['alice', 'bob']);
  for (const text of messages) server.say('r', 'bob', text);
  const on = await online({}, server);
  const room = on.client.room('r');
  await room.open();
  return { ...on, room };
}

test('opens with the newest page, and goes back page by page', async () => {
  const all = Array.from({ length: 120 }, (_, i) => `m${i + 1}`);
  const { room } = await inRoom(all);
  assert.equal(room.getSnapshot().status, 'ready');
  assert.deepEqual(texts(room), all.slice(70));
  assert.equal(room.getSnapshot().hasBefore, true);
  const twice = [room.loadBefore(), room.loadBefore()];
  await Promise.resolve();
  assert.equal(room.getSnapshot().loadingBefore, true);
  await Promise.all(twice);
  assert.deepEqual(texts(room), all.slice(20));
  await room.loadBefore();
  assert.deepEqual(texts(room), all);
  assert.equal(room.getSnapshot().hasBefore, false);
  assert.equal(room.getSnapshot().loadingBefore, false);
});

test('a message arrives, with its sender, and its snapshot stays until the next change', async () => {
  const { room, server } = await inRoom(['one']);
  const before = room.getSnapshot();
  assert.equal(room.getSnapshot(), before);
  let told = 0;
  const stop = room.subscribe(() => told++);
  server.say('r', 'bob', 'two');
  await settle();
  assert.deepEqual(texts(room), ['one', 'two']);
  const [one, two] = room.getSnapshot().messages;
  assert.equal(one, before.messages[0]);
  assert.equal(two!.sender?.name, 'Bob');
  assert.equal(two!.own, false);
  assert.ok(told > 0);
  stop();
  const count = told;
  server.say('r', 'bob', 'three');
  await settle();
  assert.equal(told, count);
});

test('a sender beyond the members at hand is asked for, once', async () => {
  const { room, server } = await inRoom();
  server.on('users.get', () => ({ users: [{ id: 'zoe', name: 'Zoe' }] }));
  server.say('r', 'zoe', 'hi');
  await settle();
  server.say('r', 'zoe', 'again');
  await settle();
  assert.deepEqual(
    room.getSnapshot().messages.map(({ sender }) => sender?.name),
    ['Zoe', 'Zoe'],
  );
  assert.equal(server.asked('users.get').length, 1);
});

test('a duplicate changes nothing', async () => {
  const { room, server } = await inRoom();
  const event = server.say('r', 'bob', 'once');
  server.last.push('message.new', event);
  server.last.push('message.new', event);
  await settle();
  assert.deepEqual(texts(room), ['once']);
});

test('reordered events are put in order, without asking the server', async () => {
  const { room, server } = await inRoom();
  const events = ['one', 'two', 'three'].map((t) => server.say('r', 'bob', t, { push: false }));
  for (const event of [events[2]!, events[1]!, events[0]!]) server.last.push('message.new', event);
  await settle();
  assert.deepEqual(texts(room), ['one', 'two', 'three']);
  await pass(1_000);
  assert.equal(server.asked('room.sync').length, 0);
});

test('a gap waits a moment, then asks for what is missing', async () => {
  const { room, server } = await inRoom(['zero']);
  server.say('r', 'bob', 'lost', { push: false });
  server.say('r', 'bob', 'seen');
  await settle();
  assert.deepEqual(texts(room), ['zero']);
  assert.equal(server.asked('room.sync').length, 0);
  await pass(250);
  assert.deepEqual(texts(room), ['zero', 'lost', 'seen']);
  assert.deepEqual(server.asked('room.sync')[0]!.data, {
    room: 'r',
    rev: 2,
    epoch: 'e1',
    marks: 0,
  });
  await pass(2_000);
  assert.equal(server.asked('room.sync').length, 1);
});

test('a head above the own rev shows the loss of the last event', async () => {
  const { room, server } = await inRoom();
  server.say('r', 'bob', 'lost', { push: false });
  server.last.push('room.head', server.head('r'));
  await pass(300);
  assert.deepEqual(texts(room), ['lost']);
});

test('a sync that is refused for the moment is asked again', async () => {
  const { room, server } = await inRoom();
  const restore = server.on('room.sync', () => {
    throw refusal('overloaded', { retryable: true, retry_after_ms: 500 });
  });
  server.say('r', 'bob', 'lost', { push: false });
  server.say('r', 'bob', 'seen');
  await pass(400);
  restore();
  await pass(1_500);
  assert.deepEqual(texts(room), ['lost', 'seen']);
});

test('a rev that no event explains is settled by one sync', async () => {
  const { server } = await inRoom();
  server.last.push('read', { room: 'r', user: 'bob', seq: 0, rev: 99 });
  await pass(5_000);
  assert.equal(server.asked('room.sync').length, 1);
});

test('an unsent message and an old copy of it, in any order', async () => {
  const { room, server } = await inRoom();
  const event = server.say('r', 'bob', 'regret');
  await settle();
  server.unsend('r', 1);
  server.last.push('room.head', server.head('r'));
  await pass(300);
  assert.equal(room.getSnapshot().messages[0]!.deleted, true);
  assert.equal(room.getSnapshot().messages[0]!.text, undefined);
  server.last.push('message.new', event);
  await settle();
  assert.equal(room.getSnapshot().messages[0]!.deleted, true);
});

test('reconnect: joins again and fetches what was missed', async () => {
  const { room, server } = await inRoom(['before']);
  server.last.break(1006);
  await settle();
  server.say('r', 'bob', 'missed');
  server.unsend('r', 1);
  assert.deepEqual(texts(room), ['before']);
  await pass(1_000);
  assert.deepEqual(texts(room), [undefined, 'missed']);
  server.say('r', 'bob', 'after');
  await settle();
  assert.deepEqual(texts(room), [undefined, 'missed', 'after']);
});

test('reconnect: nothing missed, nothing asked', async () => {
  const { server } = await inRoom(['before']);
  server.last.break(1006);
  await pass(1_000);
  assert.equal(server.asked('room.open').length, 2);
  assert.equal(server.asked('room.sync').length, 0);
});

test('reconnect after a very long absence loads the newest page instead', async () => {
  const { room, server } = await inRoom(['old']);
  server.last.break(1006);
  await settle();
  for (let i = 0; i < 400; i++) server.say('r', 'bob', `m${i}`);
  await pass(1_000);
  assert.equal(server.asked('room.sync').length, 0);
  assert.equal(texts(room).at(-1), 'm399');
  assert.equal(room.getSnapshot().messages.length, 50);
  assert.equal(room.getSnapshot().hasBefore, true);
});

test('reset: the room is dropped and loaded anew', async () => {
  const { room, server } = await inRoom(['one', 'two']);
  const { room: stored, messages } = server.rooms.get('r')!;
  stored.epoch = 'e2';
  stored.rev = 1;
  stored.seq = 1;
  messages.splice(1);
  messages[0] = { ...messages[0]!, text: 'restored', rev: 1 };
  server.last.push('read', { room: 'r', user: 'bob', seq: 1, rev: 50 });
  await pass(300);
  assert.equal(server.asked('room.sync').length, 1);
  assert.deepEqual(texts(room), ['restored']);
  server.say('r', 'bob', 'goes on');
  await settle();
  assert.deepEqual(texts(room), ['restored', 'goes on']);
});

test('another epoch at reconnect: loaded anew', async () => {
  const { room, server } = await inRoom(['one']);
  server.last.break(1006);
  await settle();
  const { room: stored, messages } = server.rooms.get('r')!;
  stored.epoch = 'e2';
  messages[0] = { ...messages[0]!, text: 'restored' };
  await pass(1_000);
  assert.deepEqual(texts(room), ['restored']);
});

test('the snapshot joins the stream: what comes before the answer is applied after', async () => {
  const server = new FakeServer();
  server.makeRoom('r', ['alice', 'bob']);
  server.say('r', 'bob', 'one');
  const { client } = await online({}, server);
  let answer: () => void = () => {};
  server.on('room.open', (_, connection) => {
    connection.open.add('r');
    const data = {
      room: server.view('r', 'alice', true),
      history: {
        messages: [...server.rooms.get('r')!.messages],
        users: [],
        head: server.head('r'),
        has_before: false,
        has_after: false,
      },
    };
    const { id } = connection.received.at(-1)!;
    answer = () => connection.raw({ id, ok: true, data });
    return undefined;
  });
  const room = client.room('r');
  const opened = room.open();
  await settle();
  server.say('r', 'bob', 'two');
  await settle();
  assert.equal(room.getSnapshot().status, 'loading');
  answer();
  await opened;
  await settle();
  assert.deepEqual(texts(room), ['one', 'two']);
  server.say('r', 'bob', 'three');
  await settle();
  assert.deepEqual(texts(room), ['one', 'two', 'three']);
  assert.equal(server.asked('room.sync').length, 0);
});

test('room and page of two moments: nothing between them is lost', async () => {
  const server = new FakeServer();
  server.makeRoom('r', ['alice', 'bob']);
  server.say('r', 'bob', 'one');
  const { client } = await online({}, server);
  const restore = server.on('room.open', () => {
    restore();
    const history = {
      messages: [...server.rooms.get('r')!.messages],
      users: [],
      head: server.head('r'),
      has_before: false,
      has_after: false,
    };
    // Committed between the two reads; its event is lost.
    server.say('r', 'bob', 'between', { push: false });
    return { room: server.view('r', 'alice', true), history };
  });
  const room = client.room('r');
  await room.open();
  await pass(300);
  assert.deepEqual(texts(room), ['one', 'between']);
});

test('reads merge by the highest, from events, members and syncs', async () => {
  const { room, server } = await inRoom(['x']);
  for (const text of ['1', '2', '3']) await room.send({ text });
  const ticks = () => room.getSnapshot().messages.map(({ readByOthers }) => readByOthers);
  const { rev } = server.rooms.get('r')!.room;
  assert.deepEqual(ticks(), [false, false, false, false]);
  server.last.push('read', { room: 'r', user: 'bob', seq: 3, rev });
  server.last.push('read', { room: 'r', user: 'bob', seq: 2, rev });
  await settle();
  assert.equal(room.getSnapshot().readBy.get('bob'), 3);
  assert.deepEqual(ticks(), [false, true, true, false]);
  server.last.push('read', { room: 'r', user: 'alice', seq: 4, rev });
  await settle();
  assert.deepEqual(ticks(), [false, true, true, false]);
  // Who left, or is asked back and not in, is no reader; who is not known may be one.
  for (const [place, state] of (['left', 'invited', 'active'] as const).entries()) {
    const bob = { ...server.rooms.get('r')!.members.get('bob')!, state, rev: rev + place + 1 };
    const head = { room: 'r', rev: bob.rev, members_rev: rev + 1, member_count: 1 };
    server.last.push('members.changed', { ...head, members: [bob] });
    await settle();
    assert.equal(ticks().includes(true), state === 'active', state);
  }
  server.last.push('read', { room: 'r', user: 'yan', seq: 4, rev: rev + 3 });
  await settle();
  assert.deepEqual(ticks(), [false, true, true, true]);
});

test('marks read once for many calls, and again after a reconnect if unsaid', async () => {
  const { room, server, client } = await inRoom(['1', '2', '3']);
  room.markRead(1);
  room.markRead(3);
  room.markRead(2);
  assert.equal(client.rooms.getSnapshot().unread, 0);
  await pass(200);
  assert.deepEqual(
    server.asked('read').map(({ data }) => data.seq),
    [3],
  );
  server.last.break(1006);
  await settle();
  server.say('r', 'bob', '4');
  await pass(1_000);
  server.last.break(1006);
  await settle();
  room.markRead();
  await pass(1_500);
  assert.deepEqual(
    server.asked('read').map(({ data }) => data.seq),
    [3, 4],
  );
  assert.equal(server.rooms.get('r')!.mine.get('alice')!.read_seq, 4);
});

test('the unread line stands at the first unread until the room is left', async () => {
  const server = new FakeServer();
  server.makeRoom('r', ['alice', 'bob']);
  for (const text of ['1', '2', '3']) server.say('r', 'bob', text);
  server.readAs('r', 'alice', 1);
  const { room } = await inRoom2(server);
  assert.equal(room.getSnapshot().unreadLineSeq, 2);
  room.markRead();
  await pass(300);
  server.say('r', 'bob', '4');
  await settle();
  assert.equal(room.getSnapshot().unreadLineSeq, 2);
  room.close();
  await pass(500);
  assert.equal(room.getSnapshot().status, 'closed');
  await room.open();
  assert.equal(room.getSnapshot().unreadLineSeq, 4);
});

async function inRoom2(server: FakeServer) {
  const on = await online({}, server);
  const room = on.client.room('r');
  await room.open();
  return { ...on, room };
}

test('open and close are counted, and a re-render does not leave the room', async () => {
  const { room, server } = await inRoom(['1']);
  await room.open();
  room.close();
  await pass(1_000);
  assert.equal(server.asked('room.close').length, 0);
  room.close();
  await room.open();
  await pass(1_000);
  assert.equal(server.asked('room.close').length, 0);
  assert.equal(server.asked('room.open').length, 1);
  room.close();
  await pass(1_000);
  assert.equal(server.asked('room.close').length, 1);
  assert.equal(room.getSnapshot().status, 'closed');
  assert.deepEqual(texts(room), []);
});

test('opened before the connection stands: loading, then ready', async () => {
  const server = new FakeServer();
  server.makeRoom('r', ['alice', 'bob']);
  server.say('r', 'bob', 'hi');
  server.mode = 'drop';
  const { client } = stage({}, server);
  client.connect();
  const room = client.room('r');
  room.open().catch(() => {});
  await pass(20_000);
  assert.equal(room.getSnapshot().status, 'loading');
  server.mode = 'normal';
  await pass(30_000);
  assert.equal(room.getSnapshot().status, 'ready');
  assert.deepEqual(texts(room), ['hi']);
});

test('no member: said as such; becoming one opens it', async () => {
  const server = new FakeServer();
  server.makeRoom('r', ['bob']);
  const { client } = await online({}, server);
  const room = client.room('r');
  await assert.rejects(room.open(), { code: 'not_a_member' });
  assert.equal(room.getSnapshot().status, 'no_access');
  server.makeRoom('r', ['alice', 'bob'], { rev: 5 });
  const object = server.view('r', 'alice');
  server.last.push('room.joined', { room: 'r', rev: 5, room_object: object });
  await settle();
  assert.equal(room.getSnapshot().status, 'ready');
});

test('removed: the room is closed to the user, and leaves the list', async () => {
  const { room, server, client } = await inRoom(['1']);
  const changes: string[] = [];
  client.on('room', ({ change, reason }) => changes.push(`${change}:${reason}`));
  server.last.push('room.left', { room: 'r', rev: 3, reason: 'removed' });
  await settle();
  assert.equal(room.getSnapshot().status, 'no_access');
  assert.equal(room.getSnapshot().problem?.code, 'room_removed');
  assert.equal(client.rooms.getSnapshot().rooms.length, 0);
  assert.deepEqual(changes, ['left:removed']);
});

test('typing: others end by themselves or by their message; own is throttled', async () => {
  const { room, server, client } = await inRoom(['1']);
  const typing = () => room.getSnapshot().typing.map(({ name }) => name);
  server.last.push('typing', { room: 'r', user: 'bob', on: true, name: 'Bob' });
  server.last.push('typing', { room: 'r', user: 'alice', on: true });
  await settle();
  assert.deepEqual(typing(), ['Bob']);
  assert.deepEqual(client.rooms.getSnapshot().rooms[0]!.typing, ['Bob']);
  await pass(6_100);
  assert.deepEqual(typing(), []);
  server.last.push('typing', { room: 'r', user: 'bob', on: true });
  await settle();
  server.say('r', 'bob', '2');
  await settle();
  assert.deepEqual(typing(), []);
  for (let i = 0; i < 40; i++) {
    room.typing(true);
    await pass(100);
  }
  room.typing(false);
  room.typing(false);
  assert.deepEqual(
    server.asked('typing').map(({ data }) => data.on),
    [true, true, false],
  );
});

test('members and room changes are merged by rev', async () => {
  const { room, server } = await inRoom(['1']);
  const stored = server.rooms.get('r')!;
  const carol = { ...stored.members.get('bob')!, user: 'carol', name: 'Carol', rev: 3 };
  server.last.push('members.changed', {
    room: 'r',
    rev: 3,
    members_rev: 3,
    member_count: 3,
    members: [carol],
  });
  const named = { ...server.view('r', 'alice'), name: 'Plans', rev: 4, mine: undefined };
  server.last.push('room.changed', { room: 'r', rev: 4, members_rev: 3, room_object: named });
  await settle();
  assert.equal(room.getSnapshot().members.get('carol')?.name, 'Carol');
  assert.equal(room.getSnapshot().title, 'Plans');
  const old = { ...carol, name: 'Old', state: 'left' as const, rev: 2 };
  server.last.push('members.changed', {
    room: 'r',
    rev: 2,
    members_rev: 2,
    member_count: 2,
    members: [old],
  });
  server.last.push('room.changed', {
    room: 'r',
    rev: 2,
    members_rev: 2,
    room_object: { ...named, name: 'Before', rev: 2 },
  });
  await settle();
  assert.equal(room.getSnapshot().members.get('carol')?.state, 'active');
  assert.equal(room.getSnapshot().title, 'Plans');
});
