// A thread through the real server: who replies in it, who hears of it, and what a page shows
// that was not there meanwhile.
//
//   SNUG_BIN=/path/to/snug node --test test/threads.mjs

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Stage } from './stage.mjs';

const stage = new Stage('threads');
const BAD = '<img src=x onerror="window.hit=1">';
const ROOT = 'Is the saddle leather?';
/** Amy reads English, and Ming Traditional Chinese. */
const BEGIN = '在討論串中回覆';

let snug;
let room;
let amy;
let ming;

before(async () => {
  ({ snug, amy, ming } = await stage.open());
  room = await stage.talk(ROOT);
});

after(() => stage.close());

const inRoom = (member, text) => member.page.locator('snug-room .row', { hasText: text }).first();
const inThread = (member, text) =>
  member.page.locator('snug-thread .row', { hasText: text }).last();
const line = (member, name) => member.page.locator('button.thread', { hasText: name });

async function reply(member, text) {
  const field = member.page.locator('snug-thread textarea');
  await field.fill(text);
  await field.press('Enter');
  await inThread(member, text).waitFor();
}

describe('a thread', () => {
  it('begins with a reply, of which the other page hears at the root', async () => {
    await inRoom(ming, ROOT).hover();
    await inRoom(ming, ROOT).locator('.more').click();
    await ming.page.getByRole('menu').getByText(BEGIN, { exact: true }).click();
    await reply(ming, 'Yes, brown');
    await line(amy, '1 reply').waitFor();
    assert.equal(await amy.page.getByText('Yes, brown').count(), 0, 'not among the messages');
  });

  it('shows to both who have it open what the other says, as text', async () => {
    await line(amy, '1 reply').click();
    await inThread(amy, 'Yes, brown').waitFor();
    await reply(amy, 'Then I take it');
    await inThread(ming, 'Then I take it').waitFor();
    await reply(ming, BAD);
    await inThread(amy, BAD).waitFor();
    assert.equal(await amy.page.evaluate(() => window.hit), undefined);
    const stored = (await snug.messages(room)).filter(({ thread }) => thread);
    assert.deepEqual(
      stored.map(({ text }) => text),
      ['Yes, brown', 'Then I take it', BAD],
    );
  });

  it('is there after a reload, and leaves the room as it was', async () => {
    await ming.page.reload();
    await line(ming, '3').waitFor();
    await line(ming, '3').click();
    await inThread(ming, 'Then I take it').waitFor();
    await ming.page.keyboard.press('Escape');
    await ming.page.locator('snug-thread').waitFor({ state: 'detached' });
    await ming.say('Come at six');
    await inRoom(amy, 'Come at six').waitFor({ state: 'attached' });
    const last = (await snug.messages(room)).at(-1);
    assert.deepEqual([last.text, last.thread], ['Come at six', undefined]);
  });
});
