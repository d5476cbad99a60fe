// Edit, unsend and react through the real server: what one page does is what the other shows, at
// once and after a reload, and nothing that is written into a field ever runs.
//
//   SNUG_BIN=/path/to/snug node --test test/changes.mjs

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { Stage } from './stage.mjs';

const stage = new Stage('changes');
const BAD = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>';

let snug;
let room;
let amy;
let ming;

before(async () => {
  ({ snug, amy, ming } = await stage.open());
  room = await stage.talk('Is teh bike there?');
});

after(() => stage.close());

/** What the last of several JSON answers says of how its reader keeps the message. */
const ownOf = (answers) => JSON.parse(answers.slice(answers.lastIndexOf('{"id"'))).own;

/** Amy reads English, and Ming Traditional Chinese. */
const WORDS = {
  m1: { edit: 'Edit', edited: 'edited', unsend: 'Unsend', gone: 'You unsent this message' },
  m2: { edit: '編輯', edited: '已編輯', unsend: '收回', gone: '這則訊息已收回' },
};
const words = (member) => WORDS[member.id];

const row = (member, text) => member.page.locator('snug-room .row', { hasText: text }).last();

async function choose(member, text, ...names) {
  await row(member, text).hover();
  await row(member, text).locator('.more').click();
  for (const name of names) {
    await member.page.getByRole('menu').getByText(name, { exact: true }).click();
  }
}

async function edit(member, text, better) {
  await choose(member, text, words(member).edit);
  await member.say(better);
  await member.page.locator('snug-composer .edit').waitFor({ state: 'detached' });
}

describe('the examples of the page about messages', () => {
  const text = fs.readFileSync(new URL('../../../docs/messages.md', import.meta.url), 'utf8');
  const blocks = (kind) =>
    [...text.matchAll(/```(\w+)\n(.*?)```/gs)]
      .filter(([, found]) => found === kind)
      .map(([, , code]) => code);

  it('run by curl, as page and as backend', async () => {
    const made = await snug.server('POST', 'rooms', {
      kind: 'group',
      creator: 'm1',
      members: ['m1'],
    });
    const channel = await snug.server('POST', 'rooms', { kind: 'channel', members: ['m2'] });
    const { token } = await snug.server('POST', 'sessions', { user: 'm1', device: 'shell' });
    const [carried, marked, passing, threads, later, own, receipts, page, backend] = blocks('sh');
    const keeps = [carried, marked, passing, threads, later, own, receipts];
    for (const code of [...keeps, page, backend]) {
      const said = { sender: 'm1', text: 'Is teh bike there?' };
      const { id } = await snug.server('POST', `rooms/${made.id}/messages`, said);
      const env = {
        PATH: process.env.PATH,
        SNUG: snug.url,
        TOKEN: token,
        SERVER_KEY: snug.serverKey,
        ROOM: made.id,
        CHANNEL: channel.id,
        MESSAGE: id,
      };
      const { stdout } = await promisify(execFile)('bash', ['-euc', code], { env });
      // The last line is the message as its reader finds it.
      if (code === own) assert.deepEqual(ownOf(stdout), { rev: 3, deleted: true });
      const all = await snug.messages(made.id);
      const stored = all.find((message) => message.id === id);
      assert.equal(stored.deleted, keeps.includes(code) ? undefined : true);
      if (code === carried) {
        const [answer, card, place, passedOn] = all.slice(-4);
        assert.equal(answer.reply_to.id, id);
        assert.deepEqual(answer.mentions, { users: ['ben'] });
        assert.deepEqual([card.kind, card.card.actions[0].id], ['card', 'buy']);
        assert.deepEqual(place.location, { lat: 25.034, lng: 121.5645, name: 'Taipei 101' });
        assert.deepEqual([passedOn.text, passedOn.forwarded.sender], [said.text, 'm1']);
      }
      if (code === marked) {
        const [sent] = all.slice(-1);
        assert.deepEqual([sent.format, stored.format], ['markdown', 'markdown']);
        assert.ok(sent.text.startsWith('**Sold**'));
      }
      if (code === passing) assert.equal(all.at(-1).id, id, 'nothing was kept');
      if (code === later) assert.equal(all.at(-1).id, id, 'it was taken back in time');
      if (code === threads) {
        const { thread, thread_summary } = all.at(-1);
        assert.deepEqual(thread, { id, seq: stored.seq });
        assert.deepEqual(stored.thread_summary, thread_summary);
        assert.deepEqual([thread_summary.replies, thread_summary.participants], [1, ['m1']]);
      }
    }
    const { members } = await snug.server('GET', `rooms/${channel.id}/members`);
    assert.deepEqual(
      members.map(({ user }) => user),
      ['m2'],
    );
  });

  it('run in a page', async () => {
    const [code] = blocks('js');
    assert.ok(code.includes('room.unsend'));
    await amy.page.evaluate(
      `(async (client, id) => {${code}})(document.querySelector('[data-chat-here] snug-room').activeClient, ${JSON.stringify(room)})`,
    );
    const last = (await snug.messages(room)).at(-1);
    assert.equal(last.deleted, true);
  });
});

describe('changes of messages', () => {
  it('an edit reaches the other page, and a reaction comes back', async () => {
    await edit(amy, 'Is teh bike', 'Is the bike there?');
    await row(ming, 'Is the bike there?').getByText(words(ming).edited).waitFor();
    assert.equal(await ming.page.locator('snug-room .bubble', { hasText: 'teh' }).count(), 0);
    await choose(ming, 'Is the bike', '👍');
    const shown = (member) => row(member, 'Is the bike').locator('.reactions button');
    await shown(amy).waitFor();
    assert.equal(await shown(amy).getAttribute('aria-pressed'), 'false');
    assert.equal(await shown(ming).getAttribute('aria-pressed'), 'true');
    await shown(amy).click();
    await shown(ming).getByText('2', { exact: true }).waitFor();
    await shown(ming).click();
    await shown(amy).getByText('1', { exact: true }).waitFor();
    const [stored] = (await snug.messages(room)).filter(({ kind }) => kind === 'text');
    assert.equal(stored.text, 'Is the bike there?');
    assert.equal(stored.reactions.length, 1);
  });

  it('HTML and script in every field stay words', async () => {
    await ming.say(BAD);
    await row(amy, '<img').waitFor();
    await edit(ming, '<img', `${BAD}!`);
    await row(amy, '</script>!').waitFor();
    const { id } = (await snug.messages(room)).at(-1);
    await amy.page.evaluate(
      ([where, message, key]) => {
        const element = document.querySelector('[data-chat-here] snug-room');
        return element.activeClient.room(where).react(message, key);
      },
      [room, id, BAD.slice(0, 60)],
    );
    for (const member of [amy, ming]) {
      await row(member, '</script>!').locator('.reactions button').waitFor();
      const made = member.page.locator('snug-room :is(.rows, .menu, snug-composer) img[src=x]');
      assert.equal(await made.count(), 0);
      assert.equal(await member.page.evaluate(() => 'hit' in window), false);
    }
  });

  it('what is unsent is gone from both pages and from the store', async () => {
    await amy.say('forget this');
    await row(ming, 'forget this').waitFor();
    await choose(amy, 'forget this', words(amy).unsend, words(amy).unsend);
    // Another one is gone already, so a row that says so would prove nothing.
    await row(ming, 'forget this').waitFor({ state: 'detached' });
    await row(amy, 'forget this').waitFor({ state: 'detached' });
    await row(ming, words(ming).gone).waitFor();
    const last = (await snug.messages(room)).at(-1);
    assert.deepEqual([last.deleted, last.text], [true, undefined]);
  });

  it('a page that was not there shows the same', async () => {
    const rows = async (member) => (await member.look()).rows;
    ming.room = room;
    const before = await rows(ming);
    await ming.reload();
    await row(ming, words(ming).gone).waitFor();
    assert.deepEqual(await rows(ming), before);
    await row(ming, 'Is the bike there?').getByText(words(ming).edited).waitFor();
    await row(ming, 'Is the bike there?').locator('.reactions button').waitFor();
  });

  it('no page broke its content policy or threw', () => {
    assert.deepEqual([...amy.complaints, ...ming.complaints], []);
  });
});
