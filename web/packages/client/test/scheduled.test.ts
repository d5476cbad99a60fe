// Messages that are sent later: asked for once, listed, changed, taken back, and told on all devices.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import type { Draft, Scheduled, ScheduledNews } from '@snug/protocol';
import type { Frame } from './fake-server.js';
import { FakeServer, refusal } from './fake-server.js';
import { online, pass, settle, texts, useFakeTime } from './stage.js';

beforeEach(useFakeTime);
afterEach(() => mock.timers.reset());

const AT = '2026-11-21T08:00:00.000Z';

type Asked = Draft & { room: string; at: string };

async function staged() {
  const server = new FakeServer();
  server.makeRoom('a', ['alice', 'bob']);
  const kept = new Map<string, Scheduled>();
  server.on('message.schedule', (data: unknown) => {
    const asked = data as Asked;
    const { id } = asked as { id: string };
    const made = kept.get(id) ?? { ...asked, id, rev: 1, created_at: AT };
    kept.set(id, made);
    return { scheduled: made };
  });
  const { client } = await online({}, server);
  const asked = (op: string) => server.asked(op).map(({ data }: Frame) => data);
  return { server, client, room: client.room('a'), kept, asked };
}

test('words or a message are scheduled for a time in whatever form', async () => {
  const { room, kept, asked } = await staged();
  const made = await room.schedule('later', new Date(AT));
  assert.deepEqual([made.text, made.at, made.rev], ['later', AT, 1]);
  await room.schedule({ text: 'yes', replyTo: 'm1', format: 'markdown' }, Date.parse(AT));
  await room.schedule({ text: 'too', thread: 'm2' }, AT);
  const [first, second, third] = asked('message.schedule');
  assert.deepEqual(first, { room: 'a', id: made.id, text: 'later', at: AT });
  assert.deepEqual(
    [second!.reply_to, second!.format, second!.at, third!.thread],
    ['m1', 'markdown', AT, 'm2'],
  );
  assert.equal(kept.size, 3);
  await assert.rejects(room.schedule('never', 'no time'), RangeError);
});

test('it is in no snapshot before its time', async () => {
  const { server, room } = await staged();
  await room.open();
  const { id } = await room.schedule('later', AT);
  assert.deepEqual(texts(room), []);
  server.say('a', 'alice', 'later', { messageId: id });
  await settle();
  assert.deepEqual(texts(room), ['later']);
});

test('a lost answer is asked for again under the same id', async () => {
  const { server, room, kept, asked } = await staged();
  const answers = server.on('message.schedule', (_: unknown, connection) => {
    answers();
    server.on('message.schedule', (data: unknown) => {
      const made = { ...(data as Asked), rev: 1, created_at: AT } as Scheduled;
      kept.set(made.id, made);
      return { scheduled: made };
    });
    connection.break();
  });
  const made = room.schedule('once', AT);
  await pass(5_000);
  assert.equal((await made).text, 'once');
  const ids = asked('message.schedule').map(({ id }) => id);
  assert.equal(ids.length, 2);
  assert.ok(ids[0]);
  assert.equal(ids[1], ids[0]);
});

test('it is listed, changed and taken back', async () => {
  const { server, client, asked } = await staged();
  const one: Scheduled = { id: 'm', room: 'a', at: AT, text: 'x', rev: 2, created_at: AT };
  server.on('scheduled.list', () => ({ scheduled: [one] }));
  server.on('scheduled.update', () => ({ scheduled: { ...one, text: 'y', rev: 3 } }));
  server.on('scheduled.cancel', () => ({}));
  assert.deepEqual((await client.scheduled({ room: 'a' })).scheduled, [one]);
  assert.deepEqual(asked('scheduled.list'), [{ room: 'a' }]);
  assert.equal((await client.updateScheduled('m', { text: 'y' })).rev, 3);
  assert.deepEqual(asked('scheduled.update'), [{ id: 'm', text: 'y' }]);
  await client.cancelScheduled('m');
  server.on('scheduled.cancel', () => {
    throw refusal('message_not_found');
  });
  await assert.rejects(client.cancelScheduled('m'), { code: 'message_not_found' });
});

test('every device hears what becomes of it', async () => {
  const { server, client } = await staged();
  const heard: ScheduledNews[] = [];
  const stop = client.on('scheduled', (news) => heard.push(news));
  const one: Scheduled = { id: 'm', room: 'a', at: AT, text: 'x', rev: 1, created_at: AT };
  const failed = { code: 'not_a_member', detail: 'Not a member.', at: AT };
  const told: ScheduledNews[] = [
    { scheduled: one },
    { scheduled: { ...one, rev: 2, failed } },
    { id: 'm', again: true },
    { id: 'm', gone: true, sent: true },
  ];
  for (const news of told) server.last.push('scheduled', news);
  await settle();
  assert.deepEqual(heard, told);
  stop();
  server.last.push('scheduled', told[0]!);
  await settle();
  assert.equal(heard.length, told.length);
});

test('after a reconnect the list is to be asked for again', async () => {
  const { server, client } = await staged();
  const heard: ScheduledNews[] = [];
  client.on('scheduled', (news) => heard.push(news));
  await settle();
  assert.deepEqual(heard, []);
  server.last.break();
  await pass(5_000);
  assert.deepEqual(heard, [{ again: true }]);
});
