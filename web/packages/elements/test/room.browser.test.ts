// The timeline: what is being read stays in its place, and what was said is
// never more than text.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { inRoom, stage } from './stage.js';

const { open } = stage();

const scroller = (page: Page) => page.locator('snug-room .timeline');
const below = (page: Page) =>
  scroller(page).evaluate((box) => box.scrollHeight - box.clientHeight - box.scrollTop);

/** Scrolls as a wheel does, and waits until the element has seen it. */
async function scrollTo(page: Page, top: number): Promise<void> {
  await scroller(page).evaluate(
    (box, to) =>
      new Promise<void>((done) => {
        box.addEventListener('scroll', () => requestAnimationFrame(() => done()), { once: true });
        box.scrollTop = to;
      }),
    top,
  );
}

const receive = (page: Page, text: string) =>
  inRoom(page, (room, said) => room.receive(said, { id: 'u-wang', name: '王小明' }), text);

/** Where a message stands, from the top of the view. */
const topOf = (page: Page, start: string) =>
  page
    .locator('snug-room .bubble', { hasText: start })
    .first()
    .evaluate((row) => row.getBoundingClientRect().top);

test('older messages load above without moving what is read', async () => {
  const page = await open('long');
  await page.locator('.bubble', { hasText: '130.' }).waitFor();
  assert.ok((await below(page)) <= 1, 'opens at the end');
  await inRoom(page, (room) => {
    room.holdOlder = true;
  });
  await scrollTo(page, 500);
  const first = await page.evaluate(() => {
    const rows = document
      .querySelector('snug-chat')
      ?.shadowRoot?.querySelector('snug-room')?.shadowRoot;
    const box = rows?.querySelector('.timeline')?.getBoundingClientRect();
    const all = [...(rows?.querySelectorAll<HTMLElement>('[data-key]') ?? [])];
    const row = all.find((r) => r.getBoundingClientRect().bottom > (box?.top ?? 0) + 20);
    return row?.dataset.key ?? '';
  });
  const place = () =>
    page.locator(`[data-key="${first}"]`).evaluate((row) => row.getBoundingClientRect().top);
  const before = await place();
  const count = await page.locator('snug-room [data-key]').count();
  await inRoom(page, (room) => room.releaseOlder());
  await page.waitForFunction((many) => {
    const room = document.querySelector('snug-chat')?.shadowRoot?.querySelector('snug-room');
    return (room?.shadowRoot?.querySelectorAll('[data-key]').length ?? 0) > many;
  }, count);
  assert.ok(Math.abs((await place()) - before) <= 1, 'the first visible message has not moved');
});

test('a new message never moves what is read, and counts on the button', async () => {
  const page = await open('long');
  await page.locator('.bubble', { hasText: '130.' }).waitFor();
  const end = await scroller(page).evaluate((box) => box.scrollHeight);
  // Not as far up as where older messages would be loaded.
  await scrollTo(page, end - 1200);
  const marked = await inRoom(page, (room) => room.marked.length);
  const before = await scroller(page).evaluate((box) => box.scrollTop);
  const label = (await page.locator('.row .bubble').first().textContent()) ?? '';
  const place = await topOf(page, label.slice(0, 6));
  await receive(page, 'fresh one');
  await receive(page, 'fresh two');
  const jump = page.getByRole('button', { name: '2 new messages below' });
  await jump.waitFor();
  assert.equal(await topOf(page, label.slice(0, 6)), place);
  assert.equal(await scroller(page).evaluate((box) => box.scrollTop), before);
  assert.equal(await inRoom(page, (room) => room.marked.length), marked, 'not read up there');
  await jump.click();
  await jump.waitFor({ state: 'detached' });
  await page.waitForFunction((n) => window.gallery.client.room('bike').marked.length > n, marked);
  assert.ok((await below(page)) <= 1);
});

test('at the end it follows, also when the field grows, and marks as read', async () => {
  const page = await open('long');
  await page.locator('.bubble', { hasText: '130.' }).waitFor();
  await receive(page, 'fresh one');
  await page.locator('.bubble', { hasText: 'fresh one' }).waitFor();
  assert.ok((await below(page)) <= 1);
  await page.waitForFunction(() => {
    const room = window.gallery.client.room('bike');
    return room.marked.at(-1) === room.seq;
  });
  await page.locator('snug-composer textarea').fill('1\n2\n3\n4\n5');
  await page.waitForFunction(() => {
    const room = document.querySelector('snug-chat')?.shadowRoot?.querySelector('snug-room');
    const box = room?.shadowRoot?.querySelector('.timeline');
    return box && box.scrollHeight - box.clientHeight - box.scrollTop <= 1;
  });
});

test('what grows before the event of its own scrolling comes does not take it from the end', async () => {
  const page = await open('long');
  await page.locator('.bubble', { hasText: '130.' }).waitFor();
  const growth = await inRoom(page, async (room) => {
    const element = document.querySelector('snug-chat')?.shadowRoot?.querySelector('snug-room');
    const box = element?.shadowRoot?.querySelector<HTMLElement>('.timeline');
    const rows = box?.querySelector<HTMLElement>('.rows');
    if (!element || !box || !rows) throw new Error('no timeline');
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    await frame();
    room.receive('fresh one', { id: 'u-wang', name: '王小明' });
    await element.updateComplete;
    // Between its scrolling and the event that tells of it, as a font or a picture does.
    rows.style.paddingBottom = '60px';
    const grown = box.scrollHeight - box.clientHeight - box.scrollTop;
    await frame();
    await frame();
    return grown;
  });
  assert.ok(growth > 30, `it grew by ${growth}`);
  assert.ok((await below(page)) <= 1, 'it follows');
  await receive(page, 'fresh two');
  await page.locator('.bubble', { hasText: 'fresh two' }).waitFor();
  assert.ok((await below(page)) <= 1, 'it goes on following');
});

test('who goes up slowly leaves the end, too', async () => {
  const page = await open('long');
  await page.locator('.bubble', { hasText: '130.' }).waitFor();
  const gone = await scroller(page).evaluate(async (box) => {
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    await frame();
    const end = box.scrollTop;
    // A finger or a touchpad moves by a few pixels in each frame.
    for (let step = 0; step < 10; step += 1) {
      box.scrollTop -= 4;
      await frame();
      await frame();
    }
    return end - box.scrollTop;
  });
  assert.ok(gone > 30, `it went up by ${gone}`);
  await receive(page, 'fresh one');
  await page.getByRole('button', { name: '1 new message below' }).waitFor();
});

test('a hidden page reads nothing until it is shown', async () => {
  const page = await open('chat');
  await page.locator('.bubble', { hasText: 'See you' }).waitFor();
  await page.evaluate(() => {
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => 'hidden' });
  });
  const marked = await inRoom(page, (room) => room.marked.length);
  await receive(page, 'while away');
  await page.locator('.bubble', { hasText: 'while away' }).waitFor();
  assert.equal(await inRoom(page, (room) => room.marked.length), marked);
  await page.evaluate(() => {
    Object.defineProperty(document, 'visibilityState', {
      configurable: true,
      get: () => 'visible',
    });
    document.dispatchEvent(new Event('visibilitychange'));
  });
  assert.equal(await inRoom(page, (room) => room.marked.at(-1) === room.seq), true);
});

test('a room opens at its unread line', async () => {
  const page = await open('unread');
  const line = page.getByRole('separator', { name: 'New messages' });
  await line.waitFor();
  const order = await page.locator('snug-room .rows').evaluate((rows) => {
    const at = [...rows.children].findIndex((row) => row.classList.contains('new'));
    return [rows.children[at - 1]?.textContent?.trim(), rows.children[at + 1]?.textContent?.trim()];
  });
  assert.match(order[0] ?? '', /32\./);
  assert.match(order[1] ?? '', /33\./);
  const [lineTop, view] = await Promise.all([
    line.evaluate((e) => e.getBoundingClientRect().top),
    scroller(page).evaluate((e) => e.getBoundingClientRect()),
  ]);
  assert.ok(lineTop > view.top && lineTop < view.top + view.height, 'the line is in view');
});

test('a failed message says why, is sent again under its id, or is deleted', async () => {
  const page = await open('chat');
  await inRoom(page, (room) => {
    room.mode = 'fail';
  });
  const field = page.locator('snug-composer textarea');
  await field.fill('unlucky');
  await field.press('Enter');
  await page.getByText('Not sent · too many at once').waitFor();
  const row = page.locator('.row.failed', { hasText: 'unlucky' });
  const id = await row.getAttribute('data-key');
  await inRoom(page, (room) => {
    room.mode = 'ok';
  });
  await page.getByRole('button', { name: 'Retry' }).click();
  await page.locator('.row.sent', { hasText: 'unlucky' }).waitFor();
  assert.equal(
    await page.locator('.row.sent', { hasText: 'unlucky' }).getAttribute('data-key'),
    id,
  );

  await inRoom(page, (room) => {
    room.mode = 'fail';
  });
  await field.fill('hopeless');
  await field.press('Enter');
  const hopeless = page.locator('.row.failed', { hasText: 'hopeless' });
  await hopeless.hover();
  await hopeless.locator('.more').click();
  assert.deepEqual(await page.getByRole('menuitem').allTextContents(), ['Copy']);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.locator('.row', { hasText: 'hopeless' }).waitFor({ state: 'detached' });
});

test('text is inert; only http and https become links', async () => {
  const page = await open('inert');
  const first = page.locator('.bubble .text').first();
  await first.waitFor();
  assert.match((await first.textContent()) ?? '', /<img src=x onerror=/);
  assert.equal(await page.locator('snug-room .rows :is(img, script, iframe)').count(), 0);
  assert.equal(await page.evaluate(() => 'hacked' in window), false);
  const links = await page
    .locator('snug-room .text a')
    .evaluateAll((all) =>
      all.map((a) => [a.getAttribute('href'), a.getAttribute('rel'), a.getAttribute('target')]),
    );
  assert.deepEqual(
    links.map(([href]) => href),
    ['https://example.com/a_(b)', 'https://example.com/%E8%B7%AF%E5%BE%91'],
  );
  for (const [, rel, target] of links) {
    assert.equal(rel, 'noopener noreferrer nofollow');
    assert.equal(target, '_blank');
  }
});

test('what others write is announced, history is not', async () => {
  const page = await open('chat');
  await page.locator('.bubble', { hasText: 'See you' }).waitFor();
  const spoken = page.locator('snug-room .room > .sr');
  assert.equal((await spoken.textContent())?.trim(), '');
  await receive(page, 'fresh one');
  await spoken.getByText('王小明: fresh one').waitFor();
});

test('a room whose newest page has nothing to show opens at what lies before', async () => {
  const page = await open('replies');
  await page.locator('.bubble', { hasText: '40.' }).waitFor({ timeout: 5_000 });
  await page.waitForFunction(`window.gallery.client.room('bike').marked.length`);
  assert.ok((await below(page)) <= 1, 'opens at the end');
  assert.equal(await page.locator('snug-room .fresh').count(), 0);
  assert.equal((await page.locator('snug-room .room > .sr').textContent())?.trim(), '');
});

test('when older messages fail to load, the user decides when to try again', async () => {
  const page = await open('long');
  await page.locator('.bubble', { hasText: '130.' }).waitFor();
  await inRoom(page, (room) => {
    room.olderFails = true;
  });
  await scrollTo(page, 0);
  const again = page.getByRole('button', { name: 'Try again' });
  await again.waitFor();
  await inRoom(page, (room) => {
    room.olderFails = false;
  });
  await again.click();
  await again.waitFor({ state: 'detached' });
});

test('an own message has a tick, two when another has got it, underlined ones when it was read', async () => {
  const page = await open('chat');
  const tick = page.locator('snug-room .row.own .tick').last();
  const look = () =>
    tick.evaluate((one) => {
      const svg = one.querySelector('svg');
      const { color } = getComputedStyle(one);
      const lines = svg?.querySelector('path')?.getAttribute('d')?.match(/M/g)?.length;
      return {
        label: one.getAttribute('aria-label'),
        lines,
        color,
        role: one.getAttribute('role'),
      };
    });
  const turn = async (
    part: { deliveredToOthers?: boolean; readByOthers?: boolean },
    to: string,
  ) => {
    await inRoom(
      page,
      (room, more) => {
        const { messages } = room.getSnapshot();
        const last = messages.length - 1;
        room.patch({
          messages: messages.map((one, at) => (at < last ? one : { ...one, ...more })),
        });
      },
      part,
    );
    await page.locator(`snug-room .row.own .tick[aria-label="${to}"]`).last().waitFor();
    return look();
  };
  const sent = await turn({}, 'Sent');
  const got = await turn({ deliveredToOthers: true }, 'Delivered');
  const read = await turn({ readByOthers: true }, 'Read');
  assert.deepEqual(
    [sent.lines, got.lines, read.lines],
    [1, 2, 3],
    'by its shape, whatever the colours are',
  );
  assert.equal(sent.color, got.color);
  assert.notEqual(got.color, read.color);
  assert.ok([sent, got, read].every(({ role }) => role === 'img'));
});
