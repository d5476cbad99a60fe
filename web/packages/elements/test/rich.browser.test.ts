// Mentions, answers, cards, places and who somebody is: what is shown, what a
// press does, what the page is told, and that none of it is more than text.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Locator, Page } from 'playwright-core';
import { axeSource, inRoom, stage } from './stage.js';

const { open } = stage();

/** Whose own words hold it, be it quoted elsewhere. */
const saying = (page: Page, what: string, text: string) =>
  page
    .locator(`snug-room ${what}`, { has: page.locator('.bubble > .text', { hasText: text }) })
    .last();
const bubble = (page: Page, text: string) =>
  page
    .locator('snug-room .bubble', { has: page.locator(':scope > .text', { hasText: text }) })
    .last();

/** As a person does: what must be scrolled to is pressed once the page knows of the scroll. */
async function press(what: Locator): Promise<void> {
  await what.scrollIntoViewIfNeeded();
  await what.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
  );
  await what.click();
}

const field = (page: Page) => page.locator('snug-composer textarea');
const people = (page: Page) => page.getByRole('listbox', { name: 'People to mention' });
const outgoing = (page: Page) => inRoom(page, (room) => room.outgoing, undefined, 'group');

/** Notes these events as they leave the chat; `prevent` answers them in the page's way. */
async function listen(page: Page, names: string[], prevent = false): Promise<void> {
  await page.evaluate(
    ([wanted, stops]) => {
      const seen: unknown[] = [];
      Object.assign(window, { seen });
      for (const name of wanted) {
        document.addEventListener(name, (event) => {
          if (stops) event.preventDefault();
          const { user, message, action } = (event as CustomEvent).detail;
          seen.push([name, user?.id, message?.text, action?.id]);
        });
      }
    },
    [names, prevent] as const,
  );
}
const seen = (page: Page) => page.evaluate(() => (window as unknown as { seen: unknown }).seen);

async function write(page: Page, text: string): Promise<void> {
  await field(page).click();
  await field(page).pressSequentially(text);
}

test('who is called stands out, oneself most; all others are text', async () => {
  const page = await open('rich');
  const said = bubble(page, 'are you in?');
  const names = await said.locator('.mention').allTextContents();
  assert.deepEqual(names, ['@王小明', '@Ana Ruiz', '@Lin']);
  assert.deepEqual(await said.locator('.mention.me').allTextContents(), ['@Lin']);
  assert.equal(await bubble(page, 'bring a light').locator('span.mention.me').count(), 1);
  await inRoom(
    page,
    (room) => {
      const [last] = room.getSnapshot().messages.slice(-1);
      const text = 'a@me.example @Lindsay @me, @nobody @lin';
      room.patch({ messages: [{ ...last!, text, mentions: { users: ['me'] } }] });
    },
    undefined,
    'group',
  );
  await bubble(page, 'Lindsay').waitFor();
  const found = await bubble(page, 'Lindsay').locator('.mention').allTextContents();
  assert.deepEqual(found, ['@me', '@lin']);
});

test('a mention opens the card of who is meant; “Message” goes to the room with them', async () => {
  const page = await open('rich');
  const names = ['snug-mention-click', 'snug-user-click', 'snug-user-message'];
  await listen(page, names);
  const mention = bubble(page, 'I am').getByRole('button', { name: '@Jun Aoki' });
  await press(mention);
  const card = page.getByRole('dialog', { name: 'Jun Aoki' });
  await card.waitFor();
  await page.keyboard.press('Escape');
  await card.waitFor({ state: 'detached' });
  await page.keyboard.press('Enter');
  await card.waitFor();
  await card.getByRole('button', { name: 'Message' }).click();
  await page.locator('snug-room h2', { hasText: 'Jun Aoki' }).waitFor();
  assert.equal(await page.locator('snug-chat').getAttribute('room'), 'jun', 'the room that is');
  const text = 'I am, @Jun Aoki.';
  assert.deepEqual(await seen(page), [
    ['snug-mention-click', 'u-jun', text, undefined],
    ['snug-mention-click', 'u-jun', text, undefined],
    ['snug-user-message', 'u-jun', undefined, undefined],
  ]);
});

test('a sender’s name and face open it, too; of oneself there is no button', async () => {
  const page = await open('rich');
  await page.locator('snug-room button.sender', { hasText: 'Ana Ruiz' }).last().click();
  const card = page.getByRole('dialog', { name: 'Ana Ruiz' });
  await card.getByRole('button', { name: 'Message' }).waitFor();
  const [box, room] = [await card.boundingBox(), await page.locator('.stage').boundingBox()];
  assert.ok(box && room && box.y >= room.y && box.y + box.height <= room.y + room.height);
  await page.locator('snug-room h2').click();
  await card.waitFor({ state: 'detached' });
  const focused = () =>
    page.evaluate(() => {
      let at = document.activeElement;
      while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
      return at?.className;
    });
  const faces = page.locator('snug-room .row:not(.first) .face');
  const named = page.locator('snug-room .row.first .face');
  for (const [face, back] of [
    [faces, 'timeline'],
    [named, 'sender'],
  ] as const) {
    await face.last().click();
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal(await focused(), back, 'not the face, which readers do not see');
  }
  await press(bubble(page, 'are you in?').getByRole('button', { name: '@Lin' }));
  const own = page.getByRole('dialog', { name: 'Lin' });
  await own.waitFor();
  assert.equal(await own.getByRole('button').count(), 0);
  await page.keyboard.press('Escape');
  await own.waitFor({ state: 'detached' });
});

test('nobody known begins a conversation that the first message makes', async () => {
  const page = await open('rich');
  await inRoom(
    page,
    (room) => {
      const messages = room.getSnapshot().messages.map((message) => ({
        ...message,
        ...(message.own ? {} : { sender: { id: 'u-new', name: 'New here' } }),
      }));
      room.patch({ messages, users: new Map([['u-new', { id: 'u-new', name: 'New here' }]]) });
    },
    undefined,
    'group',
  );
  await page.locator('snug-room button.sender', { hasText: 'New here' }).last().click();
  await page.getByRole('button', { name: 'Message', exact: true }).click();
  await page.locator('snug-room h2', { hasText: 'New here' }).waitFor();
  await page.getByText('begins with your first message').waitFor();
});

test('the page may answer a press in its own way', async () => {
  const page = await open('rich');
  await listen(page, ['snug-mention-click', 'snug-user-click'], true);
  await press(bubble(page, 'are you in?').getByRole('button', { name: '@王小明' }));
  await page.locator('snug-room button.sender', { hasText: 'Ana Ruiz' }).last().click();
  assert.deepEqual(
    ((await seen(page)) as string[][]).map(([name, user]) => [name, user]),
    [
      ['snug-mention-click', 'u-wang'],
      ['snug-user-click', 'u-ana'],
    ],
  );
  assert.equal(await page.getByRole('dialog').count(), 0);
});

test('an `@` lists whom it may mean; keys choose, and the message says who was', async () => {
  const page = await open('rich');
  await write(page, 'Hello @');
  await people(page).waitFor();
  const options = people(page).getByRole('option');
  assert.equal(await options.count(), 6, 'five people and everyone');
  const active = () => field(page).getAttribute('aria-activedescendant');
  const selected = () => people(page).locator('[aria-selected=true]').getAttribute('id');
  assert.equal(await active(), await selected());
  await field(page).press('ArrowUp');
  assert.equal(await active(), await selected());
  assert.match(await people(page).locator('[aria-selected=true]').innerText(), /everyone/);
  await field(page).press('Enter');
  assert.equal(await field(page).inputValue(), 'Hello @everyone ');
  await write(page, 'and @ana r');
  assert.deepEqual(
    (await options.allInnerTexts()).map((text) => text.split('\n').at(-1)?.trim()),
    ['Ana Ruiz'],
  );
  await field(page).press('Tab');
  assert.equal(await field(page).inputValue(), 'Hello @everyone and @Ana Ruiz ');
  assert.equal(await people(page).count(), 0);
  await write(page, 'also @u-jun');
  await field(page).press('Enter');
  await field(page).press('Enter');
  const [sent] = await outgoing(page);
  assert.deepEqual(sent, {
    text: 'Hello @everyone and @Ana Ruiz also @Jun Aoki',
    mentions: { users: ['u-ana', 'u-jun'], everyone: true },
  });
  await write(page, 'again @Ana Ruiz!');
  await field(page).press('Enter');
  assert.deepEqual((await outgoing(page))[1], { text: 'again @Ana Ruiz!' }, 'nobody was chosen');
});

test('who is taken out of the words is not called; Escape closes the list alone', async () => {
  const page = await open('rich');
  await write(page, '@jun');
  await field(page).press('Enter');
  for (let at = 0; at < 4; at++) await field(page).press('Backspace');
  await field(page).press('Escape');
  await write(page, ' hello a@b');
  assert.equal(await people(page).count(), 0, 'an address is no mention');
  await field(page).press('Enter');
  assert.deepEqual(await outgoing(page), [{ text: '@Jun A hello a@b' }]);
  await write(page, '@');
  await people(page).waitFor();
  await field(page).press('Escape');
  assert.equal(await people(page).count(), 0);
  assert.equal(await field(page).inputValue(), '@');
});

test('an input method’s keys are its own, and its words are looked up when they stand', async () => {
  const page = await open('rich');
  await write(page, '嗨@');
  await people(page).waitFor();
  await field(page).evaluate((element) => {
    for (const key of ['Enter', 'Tab', 'ArrowDown', 'Escape']) {
      for (const more of [{ isComposing: true }, { keyCode: 229 }]) {
        element.dispatchEvent(
          new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more }),
        );
      }
    }
  });
  assert.equal(await people(page).count(), 1);
  assert.equal(await field(page).inputValue(), '嗨@');
  const devtools = await page.context().newCDPSession(page);
  const composition = { text: '王', selectionStart: 1, selectionEnd: 1 };
  await devtools.send('Input.imeSetComposition', composition);
  await devtools.send('Input.insertText', { text: '王' });
  await people(page).getByRole('option', { name: '王小明' }).waitFor();
  assert.equal(await people(page).getByRole('option').count(), 1);
  await field(page).press('Enter');
  assert.equal(await field(page).inputValue(), '嗨@王小明 ');
  assert.deepEqual(await outgoing(page), []);
});

test('a keyboard that composes every word narrows the list, and a press ends its word', async () => {
  const page = await open('rich');
  await write(page, 'Hi @');
  await people(page).waitFor();
  const devtools = await page.context().newCDPSession(page);
  const compose = (text: string) =>
    devtools.send('Input.imeSetComposition', {
      text,
      selectionStart: text.length,
      selectionEnd: text.length,
    });
  await field(page).evaluate((element: HTMLTextAreaElement) => {
    element.addEventListener('compositionend', () => {
      document.title = element.value;
    });
  });
  await compose('ana');
  const options = people(page).getByRole('option');
  await options.nth(1).waitFor({ state: 'detached' });
  await options.getByText('Ana Ruiz').click();
  assert.equal(await field(page).inputValue(), 'Hi @Ana Ruiz ');
  assert.equal(await page.title(), 'Hi @ana', 'the composition has ended before');
  await devtools.send('Input.insertText', { text: 'yes' });
  assert.equal(await field(page).inputValue(), 'Hi @Ana Ruiz yes');
  await field(page).press('Enter');
  const mentions = { users: ['u-ana'] };
  assert.deepEqual(await outgoing(page), [{ text: 'Hi @Ana Ruiz yes', mentions }]);
});

test('half a reading names nobody, and its list comes with the word', async () => {
  const page = await open('rich');
  await write(page, '@');
  await people(page).waitFor();
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Input.imeSetComposition', {
    text: 'ㄨㄤ',
    selectionStart: 2,
    selectionEnd: 2,
  });
  await people(page).waitFor({ state: 'detached' });
  await devtools.send('Input.insertText', { text: '王' });
  await people(page).getByRole('option', { name: '王小明' }).waitFor();
});

test('in a conversation of two there is nobody but the other to be meant', async () => {
  const page = await open('chat');
  await write(page, '@');
  await people(page).waitFor();
  assert.equal(await people(page).getByRole('option').count(), 1);
});

test('an edit keeps who is still named, adds who is chosen, and drops who is gone', async () => {
  const page = await open('rich');
  const edit = async (text: string) => {
    const row = saying(page, '.row.own', 'I am');
    await row.hover();
    await row.locator('.more').click();
    await page.getByRole('menuitem', { name: 'Edit' }).click();
    await field(page).fill(text);
    await field(page).press('Enter');
    await page.locator('snug-composer .edit').waitFor({ state: 'detached' });
  };
  const said = async () =>
    (await inRoom(page, (room) => room.changes, undefined, 'group'))
      .at(-1)
      ?.replace(/^edit \w+ /, '');
  await edit('I am not, @Jun Aoki.');
  assert.equal(await said(), 'I am not, @Jun Aoki. {"users":["u-jun"]}');
  await edit('I am not.');
  assert.equal(await said(), 'I am not. null');
});

test('an answer shows above the field, goes with the message, and Escape gives it up', async () => {
  const page = await open('rich');
  const reply = async (text: string) => {
    const row = saying(page, '.row', text);
    await row.hover();
    await row.locator('.more').click();
    await page.getByRole('menuitem', { name: 'Reply', exact: true }).click();
  };
  const bar = page.locator('snug-composer .edit');
  await reply('are you in?');
  await bar.getByText('Reply to Jun Aoki').waitFor();
  await page.keyboard.type('x');
  assert.equal(await field(page).inputValue(), 'x', 'the field has the focus');
  await field(page).press('Escape');
  await bar.waitFor({ state: 'detached' });
  assert.equal(await field(page).inputValue(), 'x');
  await reply('are you in?');
  await field(page).fill('Yes');
  await field(page).press('Enter');
  await bar.waitFor({ state: 'detached' });
  const [sent] = await outgoing(page);
  assert.match(sent?.replyTo ?? '', /^m\d+$/);
  const quote = bubble(page, 'Yes').locator('.quote');
  assert.match(await quote.innerText(), /Jun Aoki\s+@王小明 and @Ana Ruiz/);
  await field(page).fill('No more');
  await field(page).press('Enter');
  assert.equal((await outgoing(page))[1]?.replyTo, undefined);
});

test('an answer to what was unsent meanwhile is given up', async () => {
  const page = await open('rich');
  const row = saying(page, '.row', 'are you in?');
  await row.hover();
  await row.locator('.more').click();
  await page.getByRole('menuitem', { name: 'Reply', exact: true }).click();
  await page.locator('snug-composer .edit').waitFor();
  await inRoom(
    page,
    (room) => {
      const { messages } = room.getSnapshot();
      const unsent = { text: '', deleted: true };
      room.patch({ messages: messages.map((one, at) => (at === 1 ? { ...one, ...unsent } : one)) });
    },
    undefined,
    'group',
  );
  await page.locator('snug-composer .edit').waitFor({ state: 'detached' });
});

test('a quote leads to its message, or says that there is none', async () => {
  const page = await open('rich', { viewport: { width: 1100, height: 520 } });
  const first = saying(page, '.row', 'bring a light');
  await bubble(page, '好，我也去')
    .getByRole('button', { name: /^Answers Ana Ruiz/ })
    .click();
  await page.locator('snug-room .row.lit', { hasText: 'bring a light' }).waitFor();
  const [box, stage] = [await first.boundingBox(), await page.locator('.timeline').boundingBox()];
  assert.ok(box && stage && box.y >= stage.y && box.y + box.height <= stage.y + stage.height);
  await bubble(page, '看這個').getByText('Message not available').waitFor();
  await page.locator('snug-room .row.lit').waitFor({ state: 'detached' });
});

test('a card: its picture, its link, and a button that the page answers', async () => {
  const page = await open('rich');
  await listen(page, ['snug-card-action']);
  const card = page.locator('snug-room .card');
  const picture = card.getByRole('img', { name: 'A light' });
  await picture.scrollIntoViewIfNeeded();
  assert.equal(await picture.getAttribute('referrerpolicy'), 'no-referrer');
  const link = card.getByRole('link', { name: 'All lights' });
  assert.deepEqual(
    [await link.getAttribute('href'), await link.getAttribute('target')],
    ['https://example.com/lights', '_blank'],
  );
  assert.match((await link.getAttribute('rel')) ?? '', /noopener noreferrer/);
  await card.getByRole('button', { name: 'Reserve it' }).click();
  assert.deepEqual(await seen(page), [
    ['snug-card-action', undefined, 'Front light, 40 lux', 'reserve'],
  ]);
  const map = page.locator('snug-room a.place');
  assert.equal(
    await map.getAttribute('href'),
    'https://www.openstreetmap.org/?mlat=25.0339639&mlon=121.5644722',
  );
});

test('what a card, a place, a quote or a mention says stays text, and leads nowhere else', async () => {
  const page = await open('rich');
  const bad = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>';
  const result = await inRoom(
    page,
    (room, said) => {
      const { messages, users, room: object } = room.getSnapshot();
      const script = 'javascript:window.hit=1';
      const evil = { id: said, name: said };
      const card = {
        title: said,
        text: said,
        image: { url: 'http://pictures.example/plain.svg', alt: said },
        url: script,
        actions: [
          { id: said, label: said, url: script },
          { id: 'b', label: said },
        ],
      };
      const place = { lat: said as unknown as number, lng: 1, name: said, address: said };
      const last = { ...messages.at(-1)!, own: false, sender: evil };
      const quote = { ...last, text: said };
      const make = (id: string, more: object) => ({ ...last, id, ...more });
      room.patch({
        messages: [
          make('e1', { kind: 'card', card, text: said }),
          make('e2', { kind: 'location', location: place, text: said }),
          make('e3', { text: `@${said}`, mentions: { users: [said] } }),
          make('e4', { text: said, replyTo: { id: 'e3', message: quote } }),
          make('e5', { kind: 'later-kind', text: said }),
          make('e6', { kind: 'later-kind', text: undefined }),
        ],
        users: new Map([...users, [said, evil]]),
        members: new Map(),
        room: object!,
      });
    },
    bad,
    'group',
  );
  assert.equal(result, undefined);
  await page.getByText('This message cannot be shown here').waitFor();
  await bubble(page, '@<img').locator('.mention').click();
  await page.getByRole('dialog').waitFor();
  const inert = await page.evaluate(() => {
    const room = document.querySelector('snug-chat')?.shadowRoot?.querySelector('snug-room');
    const root = room?.shadowRoot;
    const links = [...(root?.querySelectorAll('a') ?? [])].map((link) => link.href);
    return [root?.querySelectorAll('img, script').length, links, 'hit' in window];
  });
  assert.deepEqual(inert, [0, ['https://www.openstreetmap.org/?mlat=NaN&mlon=1'], false]);
});

for (const scheme of ['light', 'dark'] as const) {
  for (const scene of ['rich', 'rich-own', 'rich-rtl', 'user-card', 'suggestions', 'replying']) {
    test(`${scene} has no barriers (axe, ${scheme})`, async () => {
      const query = `theme=${scheme}`;
      const page = await open(scene, { query, reducedMotion: 'reduce' });
      await page.waitForTimeout(400);
      await page.evaluate(await axeSource());
      const found = await page.evaluate(async () => {
        const { axe } = window as unknown as { axe: typeof import('axe-core') };
        const { violations } = await axe.run(document, {
          runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'],
          rules: { 'page-has-heading-one': { enabled: false } },
        });
        return violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' | ')}`);
      });
      assert.deepEqual(found, []);
    });
  }
}
