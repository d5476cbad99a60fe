// Threads: the line under a root, the thread over its room, what is said, read and paged in it,
// and the way back. What the SDK's own thread does is held in the client's tests.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import type { FakeThread } from '../gallery/fake-client.js';
import { axeSource, inRoom, stage } from './stage.js';

const { open } = stage();
const ROOT = 'Morning ride on Sunday';
const LAST = 'I bring coffee';

const thread = (page: Page) => page.locator('snug-thread');
const row = (page: Page, text: string) => thread(page).locator('.row', { hasText: text }).last();
const line = (page: Page, name: string | RegExp) => page.getByRole('button', { name });
const field = (page: Page) => thread(page).locator('textarea');
const menu = (page: Page) => page.getByRole('menu');

/** What is focused, through the shadow roots. */
const focused = (page: Page) =>
  page.evaluate(() => {
    let element = document.activeElement;
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    return element?.getAttribute('aria-label') || element?.textContent?.trim() || '';
  });

/** Runs `act` on the thread at the message that says `text`. */
function inThread<R, A = undefined>(
  page: Page,
  act: (of: FakeThread, argument: A) => R,
  argument?: A,
  text = ROOT,
): Promise<Awaited<R>> {
  const room = "window.gallery.client.room('group')";
  const root = `${room}.getSnapshot().messages.find((m) => m.text?.startsWith(${JSON.stringify(text)}))`;
  return page.evaluate(`(${act})(${room}.thread(${root}.id), ${JSON.stringify(argument)})`);
}

async function opened(options: Parameters<typeof open>[1] = {}, scene = 'threads'): Promise<Page> {
  const page = await open(scene, options);
  await line(page, /^4 replies/).click();
  await row(page, LAST).waitFor();
  return page;
}

async function options(page: Page, text: string): Promise<void> {
  await row(page, text).hover();
  await row(page, text).locator('.more').click();
  await menu(page).waitFor();
}

const receive = (page: Page, text: string) =>
  inThread(page, (of, said) => of.receive(said, { id: 'u-jun', name: 'Jun Aoki' }), text);

test('the line under a root opens its thread; Escape goes back to it', async () => {
  const page = await open('threads');
  const news = line(page, /^4 replies .* New messages$/);
  await news.waitFor();
  assert.equal(await news.locator('.avatar').count(), 3);
  assert.equal(await page.locator('button.thread').count(), 2, 'no line without replies');
  await news.focus();
  await page.keyboard.press('Enter');
  await row(page, LAST).waitFor();
  assert.equal(await thread(page).locator('h2').innerText(), 'Thread');
  assert.match(await thread(page).locator('header').innerText(), /Neighbourhood bikes/);
  assert.equal(
    await thread(page)
      .locator('.row')
      .first()
      .innerText()
      .then((t) => t.includes(ROOT)),
    true,
  );
  assert.equal(await thread(page).locator('button.thread').count(), 0);
  await page.waitForFunction(() => document.activeElement !== document.body);
  assert.equal(await focused(page), 'Message');
  await field(page).fill('half a word');
  await page.keyboard.press('Escape');
  await thread(page).waitFor({ state: 'detached' });
  assert.match(await focused(page), /4 replies/);
  assert.equal(await inThread(page, (of) => [of.opens, of.draft].join()), '0,half a word');
  assert.equal(await inRoom(page, (room) => room.draft, undefined, 'group'), '');
  await line(page, /^4 replies/).click();
  await row(page, LAST).waitFor();
  assert.equal(await field(page).inputValue(), 'half a word');
  await page.getByRole('button', { name: 'Back to messages' }).click();
  await thread(page).waitFor({ state: 'detached' });
});

test('Escape of an input method, of an edit and of a menu leaves the thread open', async () => {
  const page = await opened();
  await field(page).evaluate((element) => {
    for (const more of [{ isComposing: true }, { keyCode: 229 }]) {
      const init = { key: 'Escape', bubbles: true, composed: true, ...more };
      element.dispatchEvent(new KeyboardEvent('keydown', init));
    }
  });
  await options(page, 'The river it is.');
  await page.keyboard.press('Escape');
  await menu(page).waitFor({ state: 'detached' });
  await options(page, 'The river it is.');
  await page.getByRole('menuitem', { name: 'Edit' }).click();
  await field(page).press('Escape');
  await thread(page).locator('.edit').waitFor({ state: 'detached' });
  assert.equal(await thread(page).count(), 1);
});

test('a thread begins from the menu of a message that may have one', async () => {
  const page = await open('threads');
  const rows = page.locator('snug-room .row', { hasText: 'Of course.' });
  await rows.hover();
  await rows.locator('.more').click();
  await page.getByRole('menuitem', { name: 'Reply in thread' }).click();
  await thread(page).getByText('No replies yet').waitFor();
  await field(page).fill('Bring him!');
  await field(page).press('Enter');
  await thread(page).locator('.row.sent', { hasText: 'Bring him!' }).waitFor();
  assert.deepEqual(
    await inThread(
      page,
      (of) => of.outgoing.map(({ thread }) => thread === of.root),
      undefined,
      'Of course',
    ),
    [true],
  );
  assert.deepEqual(await inRoom(page, (room) => room.sent, undefined, 'group'), []);
  await thread(page).getByRole('separator', { name: '1 reply' }).waitFor();
  await page.keyboard.press('Escape');
  await line(page, /^1 reply/).waitFor();
  assert.equal(await focused(page), 'Message options: Of course.');
});

test('below an unsent message no thread begins, and one that is there takes nothing more', async () => {
  const page = await open('threads');
  const first = await inThread(page, (of) => of.root);
  await inRoom(
    page,
    (room) => {
      const { messages } = room.getSnapshot();
      const changed = messages.map((one, at) =>
        at === 2 || at === 4 ? { ...one, text: '', deleted: true } : one,
      );
      room.patch({ messages: changed });
      const thread = room.thread(messages[2]!.id);
      thread.patch({ messages: [changed[2]!, ...thread.getSnapshot().messages.slice(1)] });
    },
    undefined,
    'group',
  );
  const gone = page.locator('snug-room .row', { hasText: 'was unsent' });
  await gone.nth(1).waitFor();
  assert.equal(await gone.locator('.more').count(), 0);
  await line(page, /^4 replies/).click();
  await row(page, LAST).waitFor();
  assert.match(await thread(page).locator('.foot').innerText(), /This message was unsent/);
  assert.equal(await field(page).count(), 0);
  await options(page, LAST);
  assert.equal(await thread(page).locator('.row').first().getAttribute('data-key'), first);
});

test('replies, edits and unsends arrive while it is open, and are said once', async () => {
  const page = await opened();
  await receive(page, 'fresh one');
  await row(page, 'fresh one').waitFor();
  const spoken = page.locator('snug-thread .room > .sr');
  assert.equal((await spoken.textContent())?.trim(), 'Jun Aoki: fresh one');
  const everywhere = page.locator('[role=status]', { hasText: 'fresh one' });
  assert.equal(await everywhere.count(), 1);
  await thread(page).getByRole('separator', { name: '5 replies' }).waitFor();
  await inThread(page, (of) => {
    const { messages } = of.getSnapshot();
    const changed = messages.map((one, at) =>
      at === 1 ? { ...one, text: 'From the bridge?', editedAt: Date.now() } : one,
    );
    of.patch({
      messages: changed.map((one, at) => (at === 2 ? { ...one, text: '', deleted: true } : one)),
    });
  });
  await row(page, 'From the bridge?').getByText('edited').waitFor();
  await row(page, 'This message was unsent').waitFor();
});

test('a reply is answered, edited, reacted to and unsent as in the room', async () => {
  const page = await opened();
  await options(page, 'From the station');
  assert.deepEqual(await menu(page).getByRole('menuitem').allTextContents(), [
    'Reply',
    'Copy',
    'Star',
    'Delete for me',
  ]);
  await page.getByRole('menuitemcheckbox', { name: 'React with 👍' }).click();
  await row(page, 'From the station').locator('.reactions button').waitFor();
  await options(page, 'From the station');
  await page.getByRole('menuitem', { name: 'Reply', exact: true }).click();
  await field(page).fill('Station');
  await field(page).press('Enter');
  await thread(page).locator('.row .quote', { hasText: 'From the station' }).waitFor();
  await options(page, 'The river it is.');
  await page.getByRole('menuitem', { name: 'Edit' }).click();
  await field(page).fill('The sea it is.');
  await field(page).press('Enter');
  await row(page, 'The sea it is.').getByText('edited').waitFor();
  await options(page, 'The sea it is.');
  await page.getByRole('menuitem', { name: 'Unsend' }).click();
  await page.getByRole('menuitem', { name: 'Unsend' }).click();
  await row(page, 'You unsent this message').waitFor();
  const changes = await inThread(page, (of) => of.changes.map((one) => one.split(' ')[0]));
  assert.deepEqual(changes, ['react', 'edit', 'unsend']);
});

test('an own reply is shown at once; one that failed is sent again or deleted', async () => {
  const page = await opened();
  await inThread(page, (of) => {
    of.mode = 'hold';
  });
  await field(page).fill('slow');
  await field(page).press('Enter');
  await thread(page).locator('.row.pending', { hasText: 'slow' }).waitFor();
  await inThread(page, (of) => {
    of.mode = 'fail';
  });
  await field(page).fill('unlucky');
  await field(page).press('Enter');
  await thread(page).getByText('Not sent · too many at once').waitFor();
  await inThread(page, (of) => {
    of.mode = 'ok';
  });
  await thread(page).getByRole('button', { name: 'Retry' }).click();
  await thread(page).locator('.row.sent', { hasText: 'unlucky' }).waitFor();
  await inThread(page, (of) => {
    of.mode = 'fail';
  });
  await field(page).fill('hopeless');
  await field(page).press('Enter');
  await thread(page).getByRole('button', { name: 'Delete' }).click();
  await row(page, 'hopeless').waitFor({ state: 'detached' });
});

test('a thread in view is read, its room and a hidden page are not', async () => {
  const page = await opened();
  await page.waitForFunction(() => {
    const room = window.gallery.client.room('group');
    return room.getSnapshot().messages[2]?.threadUnread === false;
  });
  const read = () => inThread(page, (of) => of.marked.length);
  const inTheRoom = () => inRoom(page, (room) => room.marked.length, undefined, 'group');
  const [before, of] = [await read(), await inTheRoom()];
  assert.ok(before > 0);
  const receiveInRoom = () =>
    inRoom(page, (room) => room.receive('elsewhere', { id: 'u-jun' }), undefined, 'group');
  await receiveInRoom();
  await page.locator('.room[inert] .row', { hasText: 'elsewhere' }).waitFor();
  const show = (state: string) =>
    page.evaluate((now) => {
      Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => now });
      document.dispatchEvent(new Event('visibilitychange'));
    }, state);
  await show('hidden');
  await receive(page, 'while away');
  await row(page, 'while away').waitFor();
  assert.deepEqual([await read(), await inTheRoom()], [before, of]);
  await show('visible');
  assert.deepEqual([await read(), await inTheRoom()], [before + 1, of]);
  await page.keyboard.press('Escape');
  await thread(page).waitFor({ state: 'detached' });
  assert.equal(await inTheRoom(), of + 1, 'seen when the thread is left');
});

test('it opens at what is unread', async () => {
  const page = await open('threads');
  await inThread(page, (of) => of.patch({ unreadLineSeq: of.getSnapshot().messages[4]!.seq! }));
  await line(page, /^4 replies/).click();
  await thread(page).getByRole('separator', { name: 'New messages' }).waitFor();
});

test('older replies load between the root and what is read, which stays where it is', async () => {
  const page = await open('threads', { viewport: { width: 700, height: 500 } });
  await inThread(
    page,
    (of) => {
      of.holdOlder = true;
    },
    undefined,
    'Who has a pump',
  );
  await line(page, /^90 replies/).click();
  await row(page, '90.').waitFor();
  const box = thread(page).locator('.timeline');
  const below = await box.evaluate((e) => e.scrollHeight - e.clientHeight - e.scrollTop);
  assert.ok(below <= 1, 'opens at the end');
  // Up to the root itself, with the skeleton of older ones in sight.
  await box.evaluate(
    (e) =>
      new Promise<void>((done) => {
        e.addEventListener('scroll', () => requestAnimationFrame(() => done()), { once: true });
        e.scrollTop = 0;
      }),
  );
  const first = thread(page).locator('.row:not(.head)').first();
  assert.match(await first.innerText(), /51\./);
  assert.match(await thread(page).locator('.row').first().innerText(), /Who has a pump/);
  const key = await first.getAttribute('data-key');
  const place = () =>
    thread(page)
      .locator(`[data-key="${key}"]`)
      .evaluate((e) => e.getBoundingClientRect().top);
  const before = await place();
  await inThread(page, (of) => of.releaseOlder(), undefined, 'Who has a pump');
  await row(page, '21.').waitFor();
  assert.ok(Math.abs((await place()) - before) <= 1, 'what is read has not moved');
  assert.match(await thread(page).locator('.row').first().innerText(), /Who has a pump/);
});

test('loading, a failure with a second try, and a room that is left', async () => {
  const page = await open('threads');
  await inThread(page, (of) => of.patch({ status: 'loading', messages: [] }));
  await line(page, /^4 replies/).click();
  await thread(page).getByRole('status', { name: 'Loading' }).waitFor();
  await inThread(page, (of) => {
    const problem = { code: 'message_not_found', detail: 'No such message.', retryable: false };
    of.patch({ status: 'error', problem });
  });
  await thread(page).getByText('No such message.').waitFor();
  const opens = await inThread(page, (of) => of.opened);
  await thread(page).getByRole('button', { name: 'Try again' }).click();
  assert.equal(await inThread(page, (of) => of.opened), opens + 1);
  const heard = page.evaluate(
    () =>
      new Promise((done) => {
        document.addEventListener('snug-thread-open', (event) => {
          done((event as CustomEvent).detail);
        });
      }),
  );
  await page.locator('snug-room-list .row', { hasText: '王小明' }).click();
  await thread(page).waitFor({ state: 'detached' });
  assert.deepEqual(await heard, { room: 'bike', thread: '' });
});

test('what a reply says stays text', async () => {
  const page = await opened();
  const bad = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>';
  await receive(page, bad);
  await row(page, '<img src=x').waitFor();
  await inRoom(
    page,
    (room, said) => {
      const users = new Map([...room.getSnapshot().users, ['u-jun', { id: 'u-jun', name: said }]]);
      room.patch({ users, title: said });
    },
    bad,
    'group',
  );
  await inThread(page, (of, said) => of.patch({ title: said }), bad);
  await thread(page).locator('header p', { hasText: '<img' }).waitFor();
  assert.equal(await page.locator('img[src="x"], snug-room script').count(), 0);
  assert.equal(await page.evaluate(() => 'hit' in window), false);
});

test('how the own threads stand is asked once, and again when one begins at an own message', async () => {
  const page = await open('threads');
  const asks = () => inRoom(page, (room) => room.asksThreads, undefined, 'group');
  await line(page, /New messages/).waitFor();
  assert.equal(await asks(), 1);
  const begin = (text: string) =>
    inThread(page, (of) => of.receive('first', { id: 'u-jun', name: 'Jun Aoki' }), undefined, text);
  await begin('Me! Meeting');
  await line(page, /^1 reply/).waitFor();
  assert.equal(await asks(), 1);
  await begin('Of course');
  await page.waitForFunction(() => window.gallery.client.room('group').asksThreads === 2);
});

test('for a finger the line is 44 px high, and the keyboard stays down', async () => {
  const page = await open('threads', { hasTouch: true, isMobile: true });
  const box = await line(page, /^4 replies/).boundingBox();
  assert.ok(box && box.height >= 44, `${box?.height}`);
  await line(page, /^4 replies/).tap();
  await row(page, LAST).waitFor();
  await page.waitForFunction(() => document.activeElement !== document.body);
  assert.equal(await focused(page), 'Back to messages');
});

test('a page opens a thread by the attribute, and shows one without its room', async () => {
  const page = await open('threads');
  await page.evaluate(() => {
    const room = document.querySelector('snug-chat')?.shadowRoot?.querySelector('snug-room');
    const { messages } = window.gallery.client.room('group').getSnapshot();
    room?.setAttribute('thread', messages[2]!.id);
  });
  await row(page, LAST).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement === document.body), true);
  await page.evaluate(() => {
    const { client } = window.gallery;
    const thread = document
      .querySelector('snug-chat')
      ?.shadowRoot?.querySelector('snug-room')
      ?.getAttribute('thread');
    const alone = Object.assign(document.createElement('snug-thread'), { client, room: 'group' });
    if (thread) alone.setAttribute('thread', thread);
    document.querySelector('main')?.replaceChildren(alone);
  });
  await row(page, LAST).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Back to messages' }).count(), 0);
  await field(page).press('Escape');
  assert.equal(await thread(page).count(), 1);
});

test('in a panel Escape leaves the thread first', async () => {
  const page = await open('launcher', { query: 'open' });
  await page.locator('snug-room-list .row', { hasText: '王小明' }).click();
  const message = page.locator('snug-room .row', { hasText: 'See you' });
  await message.hover();
  await message.locator('.more').click();
  await page.getByRole('menuitem', { name: 'Reply in thread' }).click();
  await thread(page).getByText('No replies yet').waitFor();
  await page.waitForFunction(() => document.activeElement !== document.body);
  await field(page).press('Escape');
  await thread(page).waitFor({ state: 'detached' });
  assert.equal(await page.locator('snug-launcher .panel').isVisible(), true);
  await page.keyboard.press('Escape');
  await page.locator('snug-launcher .panel').waitFor({ state: 'hidden' });
});

for (const scheme of ['light', 'dark'] as const) {
  test(`line and thread have no barriers (axe, ${scheme})`, async () => {
    for (const scene of ['threads', 'thread', 'thread-rtl']) {
      const page = await open(scene, { query: `theme=${scheme}`, reducedMotion: 'reduce' });
      if (scene === 'threads') await line(page, /New messages/).waitFor();
      else await row(page, LAST).waitFor();
      await page.evaluate(await axeSource());
      const found = await page.evaluate(async () => {
        const { axe } = window as unknown as { axe: typeof import('axe-core') };
        const { violations } = await axe.run(document, {
          runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'],
          rules: { 'page-has-heading-one': { enabled: false } },
        });
        return violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' | ')}`);
      });
      assert.deepEqual(found, [], scene);
    }
  });
}
