// Answers, mentions, a card and a place through the real server: what one page sends the other
// shows, at once and after a reload, and a quote is what its message is now.
//
//   SNUG_BIN=/path/to/snug node --test test/answers.mjs

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Stage } from './stage.mjs';

const stage = new Stage('answers');
/** More than a page of history, so that the first message is not loaded after a reload. */
const MANY = 60;

let snug;
let room;
let amy;
let ming;

before(async () => {
  ({ snug, amy, ming } = await stage.open());
  const made = { kind: 'group', name: 'Ride', creator: 'm1', members: ['m1', 'm2'] };
  room = (await snug.server('POST', 'rooms', made)).id;
  for (const member of [amy, ming]) await member.goto(`/messages?room=${encodeURIComponent(room)}`);
  await amy.say('Is the bike there?');
  await row(ming, 'Is the bike there?').waitFor();
});

after(() => stage.close());

/** By its own words, not by those that it quotes. */
const row = ({ page }, text) =>
  page
    .locator('snug-room .row', { has: page.locator('.bubble > .text', { hasText: text }) })
    .last();
const quote = (member, text) => row(member, text).locator('.quote');

const last = async () => (await snug.messages(room)).at(-1);

describe('answers, mentions, cards and places', () => {
  it('an answer shows what it answers, on both pages', async () => {
    // Ming reads Traditional Chinese.
    await row(ming, 'Is the bike there?').hover();
    await row(ming, 'Is the bike there?').locator('.more').click();
    await ming.page.getByRole('menuitem', { name: '回覆', exact: true }).click();
    await ming.say('還在');
    await quote(ming, '還在').getByText('Is the bike there?').waitFor();
    await quote(amy, '還在').getByText('Is the bike there?').waitFor();
    const [first] = (await snug.messages(room)).filter(({ kind }) => kind === 'text');
    assert.deepEqual((await last()).reply_to, { id: first.id, seq: first.seq });
  });

  it('a member who is chosen is called, and the message says so', async () => {
    const field = amy.page.locator('snug-composer textarea');
    await field.pressSequentially('Thanks @');
    const options = amy.page.getByRole('listbox').getByRole('option');
    await options.first().waitFor();
    assert.equal(await options.count(), 2, 'the other one and everyone');
    await field.press('Enter');
    await field.press('Enter');
    await row(ming, 'Thanks').locator('.mention.me').waitFor();
    assert.deepEqual((await last()).mentions, { users: ['m2'] });
  });

  it('a card and a place of the backend show on both pages', async () => {
    const actions = [
      { id: 'reserve', label: 'Reserve it' },
      { id: 'site', label: 'See it', url: 'https://shop.example/7' },
    ];
    const card = { title: 'Front light', text: 'New in the box', actions };
    await snug.server('POST', `rooms/${room}/messages`, { sender: 'm1', kind: 'card', card });
    const location = { lat: 25.0339639, lng: 121.5644722, name: 'Taipei 101' };
    await snug.server('POST', `rooms/${room}/messages`, {
      sender: 'm1',
      kind: 'location',
      location,
    });
    for (const { page } of [amy, ming]) {
      await page.locator('snug-room .card').getByText('New in the box').waitFor();
      const link = page.locator('snug-room .card').getByRole('link', { name: 'See it' });
      assert.equal(await link.getAttribute('href'), 'https://shop.example/7');
      const map = page.locator('snug-room a.place');
      assert.match(await map.getAttribute('href'), /mlat=25\.0339639&mlon=121\.5644722$/);
    }
    assert.equal((await last()).text, 'Taipei 101');
    const pressed = amy.page.evaluate(
      () =>
        new Promise((resolve) => {
          document.addEventListener('snug-card-action', ({ detail }) => resolve(detail.action.id));
        }),
    );
    await amy.page.locator('snug-room .card').getByRole('button', { name: 'Reserve it' }).click();
    assert.equal(await pressed, 'reserve');
  });

  it('a quote of what is not loaded is asked for, and follows its message', async () => {
    const [first] = (await snug.messages(room)).filter(({ kind }) => kind === 'text');
    for (let at = 1; at <= MANY; at++) {
      await snug.server('POST', `rooms/${room}/messages`, { sender: 'm1', text: `line ${at}` });
    }
    const late = { sender: 'm2', text: 'Still?', reply_to: first.id };
    await snug.server('POST', `rooms/${room}/messages`, late);
    await amy.reload();
    await quote(amy, 'Still?').getByText('Is the bike there?').waitFor();
    const address = `rooms/${room}/messages/${first.id}`;
    await snug.server('PATCH', address, { text: 'Is the red bike there?' });
    for (const member of [amy, ming]) {
      await quote(member, 'Still?').getByText('Is the red bike there?').waitFor();
    }
    await snug.server('DELETE', address);
    await quote(amy, 'Still?').getByText('Message not available').waitFor();
    await quote(ming, 'Still?').getByText('無法顯示這則訊息').waitFor();
  });

  it('a room that is not open shows that it calls its reader, until it is read', async () => {
    await ming.goto('/messages');
    const mark = ming.page.locator(`snug-room-list [data-room="${room}"] [part=mention]`);
    await ming.page.locator(`snug-room-list [data-room="${room}"]`).waitFor();
    assert.equal(await mark.count(), 0);
    const said = { sender: 'm1', text: '@m2, still there?', mentions: { users: ['m2'] } };
    await snug.server('POST', `rooms/${room}/messages`, said);
    await mark.getByText('1 則提及你').waitFor({ state: 'attached' });
    await ming.reload();
    await mark.getByText('1 則提及你').waitFor({ state: 'attached' });
    await ming.page.locator(`snug-room-list [data-room="${room}"]`).click();
    await row(ming, 'still there?').locator('.mention.me').waitFor();
    await mark.waitFor({ state: 'detached' });
  });

  it('no page broke its content policy or threw', () => {
    assert.deepEqual([...amy.complaints, ...ming.complaints], []);
  });
});
