// What is said and not kept, and how a text is written.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import type { Ephemeral } from '@snug/protocol';
import { FakeServer } from './fake-server.js';
import { online, pass, settle, useFakeTime } from './stage.js';

beforeEach(useFakeTime);
afterEach(() => mock.timers.reset());

async function inRoom() {
  const server = new FakeServer();
  server.makeRoom('r', ['alice', 'bob']);
  server.say('r', 'bob', 'one');
  const on = await online({}, server);
  const room = on.client.room('r');
  await room.open();
  const push = async (id: string, more: Partial<Ephemeral> = {}) => {
    const created_at = '2026-11-20T12:00:00.000Z';
    const words = { sender: 'bob', kind: 'text', text: id } as const;
    const said: Ephemeral = { room: 'r', id, ...words, created_at, ...more };
    server.connections.at(-1)!.push('message.ephemeral', said);
    await settle();
  };
  return { ...on, room, push };
}

test('it is shown until it is taken away, and is no message', async () => {
  const { room, push, server } = await inRoom();
  await push('a');
  await push('b', { sender: null, kind: 'system', only_you: true });
  const { ephemeral, messages, unread } = room.getSnapshot();
  assert.equal(messages.length, 1);
  assert.equal(unread, 1, 'one stood there before');
  const [a, b] = ephemeral;
  assert.deepEqual([a?.text, a?.own, a?.seq, a?.onlyYou], ['a', false, undefined, undefined]);
  assert.equal(a?.sender?.id, 'bob');
  assert.deepEqual([b?.kind, b?.sender, b?.onlyYou], ['system', undefined, true]);
  // It takes no rev: nothing is asked for.
  await pass(1_000);
  const asked = server.connections.flatMap(({ received }) => received.map(({ op }) => op));
  assert.ok(!asked.includes('room.sync'), asked.join());
  room.dismiss('a');
  assert.deepEqual(
    room.getSnapshot().ephemeral.map(({ id }) => id),
    ['b'],
  );
});

test('the newest twenty stay, and none when the room is left', async () => {
  const { room, push } = await inRoom();
  for (let n = 1; n <= 23; n++) await push(`e${n}`);
  const ids = () => room.getSnapshot().ephemeral.map(({ id }) => id);
  assert.deepEqual([ids().length, ids()[0], ids().at(-1)], [20, 'e4', 'e23']);
  room.close();
  await pass(1_000);
  assert.deepEqual(ids(), []);
  await push('late');
  await room.open();
  assert.deepEqual(ids(), []);
});

test('it goes once, or not at all', async () => {
  const { room, server, client } = await inRoom();
  assert.deepEqual(await room.sendEphemeral({ text: '*x*', format: 'markdown' }), {
    id: 'passing',
  });
  const frame = server.connections.at(-1)!.received.at(-1)!;
  assert.deepEqual(frame.data, { room: 'r', text: '*x*', format: 'markdown' });
  client.close();
  await assert.rejects(room.sendEphemeral({ text: 'y' }), { code: 'not_connected' });
});

test('a format goes with its text, and a preview that is made here says that it has the source', async () => {
  const { room, server, client } = await inRoom();
  const sent = room.send({ text: '**x**', format: 'markdown' });
  await settle();
  const [, mine] = room.getSnapshot().messages;
  assert.deepEqual([mine?.text, mine?.format], ['**x**', 'markdown']);
  await sent;
  server.say('r', 'bob', '**y**', { more: { format: 'markdown' } });
  await settle();
  const preview = () => client.rooms.getSnapshot().rooms[0]?.preview;
  assert.equal(room.getSnapshot().messages.at(-1)?.format, 'markdown');
  assert.deepEqual([preview()?.text, preview()?.format], ['**y**', 'markdown']);
  server.say('r', 'bob', 'z');
  await settle();
  assert.deepEqual([preview()?.text, preview()?.format], ['z', undefined]);
});
