// The whole chat, the floating parts, and how they find their client.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { axeSource, inRoom, stage } from './stage.js';

const { open } = stage();
const PHONE = { viewport: { width: 360, height: 740 } };

const focusedText = (page: Page) =>
  page.evaluate(() => {
    let element = document.activeElement;
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    return (
      element?.textContent?.trim() || element?.getAttribute('aria-label') || element?.localName
    );
  });

test('on a phone: the list, then the room, then back to the row one came from', async () => {
  const page = await open('list', PHONE);
  assert.equal(await page.locator('snug-room').count(), 0);
  await page.locator('.row', { hasText: '王小明' }).click();
  await page.locator('.bubble', { hasText: 'See you' }).waitFor();
  assert.equal(await page.locator('snug-room-list').isVisible(), false);
  assert.equal(await inRoom(page, (room) => room.opens), 1);
  await page.getByRole('button', { name: 'Back to messages' }).click();
  await page.locator('.row', { hasText: 'Jun Aoki' }).waitFor();
  assert.equal(await page.locator('snug-room').count(), 0);
  assert.equal(await inRoom(page, (room) => room.opens), 0, 'the room is closed');
});

test('the list is worked by keyboard alone', async () => {
  const page = await open('list');
  await page.locator('.row').first().waitFor();
  await page.keyboard.press('Tab');
  assert.match((await focusedText(page)) ?? '', /王小明/);
  await page.keyboard.press('ArrowDown');
  assert.match((await focusedText(page)) ?? '', /Jun Aoki/);
  await page.keyboard.press('End');
  assert.match((await focusedText(page)) ?? '', /oak table/);
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await page.locator('.bubble', { hasText: 'See you' }).waitFor();
  assert.equal(await page.locator('.row[aria-current=true]').count(), 1);
});

test('an invitation is accepted or declined in the list, and is no room to open', async () => {
  const page = await open('list-invited');
  const asked = (name: string) => page.locator('.invitation', { hasText: name });
  await asked('Sunday ride').waitFor();
  assert.equal(await page.locator('.row', { hasText: 'Sunday ride' }).count(), 0);
  await asked('Chess club').getByRole('button', { name: 'Decline' }).click();
  await asked('Chess club').waitFor({ state: 'detached' });
  await asked('Sunday ride').getByRole('button', { name: 'Accept' }).click();
  await page.locator('.row', { hasText: 'Sunday ride' }).waitFor();
  assert.equal(await page.locator('.invitation').count(), 0);
});

test('an ended session has one button, which asks the page first', async () => {
  const page = await open('expired');
  const asked = page.evaluate(
    () =>
      new Promise<string>((done) => {
        document.addEventListener('snug-renew', (event) => {
          event.preventDefault();
          done((event.target as Element).localName);
        });
      }),
  );
  const buttons = page.getByRole('button');
  assert.equal(await buttons.count(), 1);
  await buttons.click();
  assert.equal(await asked, 'snug-chat');
});

test('a set-up error shows its fix, the code, and a way to try again', async () => {
  const page = await open('config-origin');
  const card = page.getByRole('alert');
  const text = (await card.textContent()) ?? '';
  assert.ok(text.includes(new URL(page.url()).origin), 'names the origin to allow');
  assert.match(text, /origin_refused/);
  await page.getByRole('button', { name: 'Try again' }).click();
  assert.equal(await page.evaluate(() => window.gallery.client.connects), 1);
});

test('elements of one source share a client; the hidden input is emptied', async () => {
  const page = await open('blank');
  const found = await page.evaluate(async () => {
    const { made } = window.gallery;
    const before = made.length;
    const input = document.createElement('input');
    input.type = 'hidden';
    input.id = 'token';
    input.setAttribute('value', 'snug_st_one.app');
    const named = ['snug-chat', 'snug-badge'].map((tag) => {
      const element = document.createElement(tag);
      element.setAttribute('url', 'https://chat.example/');
      element.setAttribute('token-from', '#token');
      return element;
    });
    // It names no token, so it takes the others' client.
    const follower = document.createElement('snug-start');
    follower.setAttribute('url', 'https://chat.example');
    const other = document.createElement('snug-badge');
    other.setAttribute('url', 'https://chat.example');
    other.setAttribute('token', 'another');
    document.body.append(follower, input, ...named, other);
    const all = [...named, follower, other] as unknown as (Element & {
      activeClient: unknown;
      updateComplete: unknown;
    })[];
    await Promise.all(all.map((e) => e.updateComplete));
    const clients = all.map((e) => e.activeClient);
    const options = made.slice(before).map((c) => c.options);
    input.value = 'snug_st_two.app';
    const late = document.createElement('snug-badge') as unknown as (typeof all)[number];
    late.setAttribute('url', 'https://chat.example');
    late.setAttribute('token-from', '#token');
    document.body.append(late);
    await late.updateComplete;
    const shared = late.activeClient as { tokens: unknown[]; closed: boolean };
    for (const element of [...all, late]) element.remove();
    await new Promise((done) => setTimeout(done, 1100));
    return {
      same:
        clients[0] === clients[1] && clients[0] === clients[2] && late.activeClient !== clients[3],
      options,
      left: [input.value, input.getAttribute('value')],
      tokens: shared.tokens,
      closed: shared.closed,
    };
  });
  assert.equal(found.same, true);
  assert.deepEqual(found.options, [
    { url: 'https://chat.example', token: 'snug_st_one.app' },
    { url: 'https://chat.example', token: 'another' },
  ]);
  assert.deepEqual(found.left, ['', null]);
  assert.deepEqual(
    found.tokens,
    ['snug_st_one.app', 'snug_st_two.app'],
    'a newer token is handed on',
  );
  assert.equal(found.closed, true, 'closed when the last element has gone');
});

test('the launcher counts, opens, and gives the focus back', async () => {
  const page = await open('launcher');
  const name = 'Open chat, 14 unread messages, 1 mention of you';
  const button = page.getByRole('button', { name });
  assert.equal(await page.locator('snug-launcher').getAttribute('mentions'), '1');
  await button.click();
  const panel = page.getByRole('dialog', { name: 'Messages' });
  await panel.waitFor();
  const called = panel.locator('.row', { hasText: 'Neighbourhood bikes' });
  assert.match((await called.innerText()).replace(/\s+/g, ' '), /@ 1 mention of you 12 12 unread/);
  await panel.locator('.row', { hasText: '王小明' }).click();
  await panel.locator('.bubble', { hasText: 'See you' }).waitFor();
  await page.keyboard.press('Escape');
  await panel.waitFor({ state: 'hidden' });
  assert.equal(await focusedText(page), '12', 'the button, with what is still unread');
  await page.getByRole('button', { name: /^Open chat/ }).click();
  await panel.locator('.bubble', { hasText: 'See you' }).waitFor();
});

test('a closed panel reads nothing', async () => {
  const page = await open('launcher');
  await page.getByRole('button', { name: /^Open chat/ }).click();
  await page.locator('.row', { hasText: '王小明' }).click();
  await page.locator('.bubble', { hasText: 'See you' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  const marked = await inRoom(page, (room) => room.marked.length);
  await inRoom(page, (room) => room.receive('psst', { id: 'u-wang' }));
  await page.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
  );
  assert.equal(await inRoom(page, (room) => room.marked.length), marked);
});

test('"chat with seller" makes the room with the first message', async () => {
  const page = await open('start');
  await page.getByRole('button', { name: 'Chat with seller' }).click();
  assert.equal(await page.evaluate(() => window.gallery.client.created.length), 0);
  const created = page.evaluate(
    () =>
      new Promise<string>((done) => {
        document.addEventListener('snug-room-created', (e) => done((e as CustomEvent).detail.room));
      }),
  );
  await page.evaluate(() => {
    window.gallery.client.createFails = true;
  });
  const field = page.locator('snug-composer textarea');
  await field.fill('Is it still there?');
  await field.press('Enter');
  await page.getByText('Not sent').waitFor();
  await page.evaluate(() => {
    window.gallery.client.createFails = false;
  });
  await page.getByRole('button', { name: 'Retry' }).click();
  assert.equal(await created, 'd_u-mei_listing-42');
  await page.locator('.row.sent', { hasText: 'Is it still there?' }).waitFor();
  assert.equal(await page.locator('.row.own').count(), 1, 'one copy');
  const [, asked] = await page.evaluate(() => window.gallery.client.created);
  assert.equal(asked?.user, 'u-mei');
  assert.equal(asked?.context, 'listing-42');
  assert.deepEqual(asked?.message, { text: 'Is it still there?' });
});

test('"chat with seller" through the backend', async () => {
  const page = await open('start', { expected: /409/ });
  await page.evaluate(() => {
    window.gallery.client.addRoom({ id: 'made-by-backend', title: 'Mei Chen' });
    document.querySelector('snug-start')?.setAttribute('create-url', '/rooms-refused');
  });
  const request = page.waitForRequest('**/rooms-refused');
  await page.getByRole('button', { name: 'Chat with seller' }).click();
  assert.deepEqual((await request).postDataJSON(), { user: 'u-mei', context: 'listing-42' });
  await page.getByText('The listing is sold.').waitFor();
  await page.evaluate(() =>
    document.querySelector('snug-start')?.setAttribute('create-url', '/rooms'),
  );
  let answer = () => {};
  const held = new Promise<void>((done) => {
    answer = done;
  });
  await page.route('**/rooms', async (route) => {
    await held;
    await route.continue();
  });
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('snug-start .begin[aria-busy=true]').waitFor({ state: 'attached' });
  assert.equal(await page.locator('snug-room').count(), 0, 'nothing to write in meanwhile');
  answer();
  await page.locator('snug-room h2', { hasText: 'Mei Chen' }).waitFor();
  assert.equal(await page.evaluate(() => window.gallery.client.room('made-by-backend').opens), 1);
  assert.equal(await page.evaluate(() => window.gallery.client.created.length), 0);
});

test('white initials keep 4.5:1 on every hue', async () => {
  const page = await open('blank');
  const worst = await page.evaluate(() => {
    const pen = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    if (!pen) return 0;
    const linear = (v: number) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const contrasts = Array.from({ length: 360 }, (_, hue) => {
      pen.fillStyle = `oklch(0.53 0.13 ${hue})`;
      pen.fillRect(0, 0, 1, 1);
      const [r = 0, g = 0, b = 0] = [...pen.getImageData(0, 0, 1, 1).data].map((v) =>
        linear(v / 255),
      );
      return 1.05 / (0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05);
    });
    return Math.min(...contrasts);
  });
  assert.ok(worst >= 4.5, `${worst}`);
});

const SCENES = [
  'chat',
  'changed',
  'list',
  'group',
  'failed',
  'unread',
  'expired',
  'config-origin',
  'rtl',
  'launcher',
  'start',
  'room-empty',
  'list-empty',
  'offline',
  'loading',
];

async function axe(
  page: Page,
  only: string[],
): Promise<{ violations: string[]; passes: string[] }> {
  await page.evaluate(await axeSource());
  return page.evaluate(async (rules) => {
    // The half tone of a message on its way comes after 300 ms.
    await new Promise((done) => setTimeout(done, 450));
    const { axe } = window as unknown as { axe: typeof import('axe-core') };
    const runOnly =
      rules.length > 0 ? rules : ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'];
    // A gallery page has no heading of its own.
    const found = await axe.run(document, {
      runOnly,
      rules: { 'page-has-heading-one': { enabled: false } },
    });
    // A colour that axe cannot judge is no pass; what is scrolled half away is.
    const unsure = found.incomplete
      .filter((rule) => rule.id === 'color-contrast')
      .flatMap((rule) => rule.nodes)
      .filter((node) =>
        node.any.some((check) => check.data?.messageKey !== 'elmPartiallyObscured'),
      );
    return {
      violations: [
        ...found.violations.map(
          (v) => `${v.id}: ${v.nodes.map((n) => n.failureSummary).join(' | ')}`,
        ),
        ...unsure.map((node) => `unsure: ${node.html.slice(0, 80)}`),
      ],
      passes: found.passes.map((p) => p.id),
    };
  }, only);
}

for (const theme of ['light', 'dark']) {
  for (const scene of SCENES) {
    test(`axe finds nothing: ${scene}, ${theme}`, async () => {
      const panel = scene === 'launcher' || scene === 'start' ? '&open' : '';
      const page = await open(scene, { query: `theme=${theme}${panel}`, reducedMotion: 'reduce' });
      // Only colours differ in the dark.
      const found = await axe(page, theme === 'dark' ? ['color-contrast'] : []);
      assert.deepEqual(found.violations, []);
      if (scene !== 'loading')
        assert.ok(found.passes.includes('color-contrast'), 'looked at colours');
    });
  }
}

test('axe does see into the elements', async () => {
  const page = await open('chat');
  await page.locator('.bubble').first().waitFor();
  await page.evaluate(() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync('.bubble { color: #ccc !important }');
    const room = document.querySelector('snug-chat')?.shadowRoot?.querySelector('snug-room');
    room?.shadowRoot?.adoptedStyleSheets.push(sheet);
  });
  const { violations } = await axe(page, ['color-contrast']);
  assert.equal(violations.length, 1);
});
