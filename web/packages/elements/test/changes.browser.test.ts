// What a person does to a message: react, edit, unsend, by mouse, keyboard and
// finger; and that none of it is more than text.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { axeSource, inRoom, stage } from './stage.js';

const { open } = stage();
const OWN = 'The left brake is new.';
const OTHERS = '太好了';

const row = (page: Page, text: string) => page.locator('snug-room .row', { hasText: text }).last();
const menu = (page: Page) => page.getByRole('menu');
const changes = (page: Page) => inRoom(page, (room) => room.changes);
const field = (page: Page) => page.locator('snug-composer textarea');

/** The word that is focused, through the shadow roots. */
const focused = (page: Page) =>
  page.evaluate(() => {
    let element = document.activeElement;
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    return element?.getAttribute('aria-label') || element?.textContent?.trim() || '';
  });

async function options(page: Page, text: string): Promise<void> {
  await row(page, text).hover();
  await row(page, text).locator('.more').click();
  await menu(page).waitFor();
}

test('an own message is edited in the field; Escape gives up and the draft comes back', async () => {
  const page = await open('chat');
  await field(page).fill('a draft');
  await options(page, OWN);
  await page.getByRole('menuitem', { name: 'Edit' }).click();
  assert.equal(await field(page).inputValue(), OWN);
  assert.equal(await focused(page), 'Edit message');
  await field(page).press('Escape');
  await page.locator('snug-composer .edit').waitFor({ state: 'detached' });
  assert.equal(await field(page).inputValue(), 'a draft');
  assert.deepEqual(await changes(page), []);

  await options(page, OWN);
  await page.getByRole('menuitem', { name: 'Edit' }).click();
  await field(page).fill('Both brakes are new.');
  await field(page).press('Enter');
  await page.locator('snug-composer .edit').waitFor({ state: 'detached' });
  assert.match((await changes(page))[0] ?? '', /^edit m\d+ Both brakes are new\.$/);
  assert.equal(await field(page).inputValue(), 'a draft');
  assert.deepEqual(await inRoom(page, (room) => room.sent), [], 'nothing was sent anew');
  await row(page, 'Both brakes').getByText('edited').waitFor();
  assert.equal(await inRoom(page, (room) => room.draft), 'a draft');
});

test('neither Enter nor Escape of an input method ends an edit', async () => {
  const page = await open('chat');
  await options(page, OWN);
  await page.getByRole('menuitem', { name: 'Edit' }).click();
  await field(page).evaluate((element) => {
    for (const key of ['Enter', 'Escape']) {
      for (const more of [{ isComposing: true }, { keyCode: 229 }]) {
        element.dispatchEvent(
          new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more }),
        );
      }
    }
  });
  assert.equal(await page.locator('snug-composer .edit').count(), 1);
  assert.deepEqual(await changes(page), []);
});

test('a refused edit says why and keeps the words', async () => {
  const page = await open('chat');
  await inRoom(page, (room) => {
    room.refuses = 'room_frozen';
  });
  await options(page, OWN);
  await page.getByRole('menuitem', { name: 'Edit' }).click();
  await field(page).fill('Other words');
  await field(page).press('Enter');
  await page.getByRole('alert').getByText('the conversation is closed').waitFor();
  assert.equal(await field(page).inputValue(), 'Other words');
  assert.equal(await page.locator('snug-composer .edit').count(), 1);
});

test('a star is given and taken, and is seen at its message', async () => {
  const page = await open('chat');
  const sign = row(page, OWN).getByRole('img', { name: 'Star' });
  await options(page, OWN);
  await page.getByRole('menuitem', { name: 'Star', exact: true }).click();
  await sign.waitFor();
  await options(page, OWN);
  await page.getByRole('menuitem', { name: 'Unstar' }).click();
  await sign.waitFor({ state: 'detached' });
  assert.deepEqual(
    (await changes(page)).map((said) => said.split(' ')[0]),
    ['star', 'unstar'],
  );
});

test('deleting for oneself asks once, and leaves nothing', async () => {
  const page = await open('chat');
  await options(page, OWN);
  await page.getByRole('menuitem', { name: 'Delete for me' }).click();
  await page.getByText('Delete for me?').waitFor();
  await page.getByRole('menuitem', { name: 'Keep it' }).click();
  assert.deepEqual(await changes(page), []);
  await options(page, OWN);
  await page.getByRole('menuitem', { name: 'Delete for me' }).click();
  await page.getByRole('menuitem', { name: 'Delete for me' }).click();
  await row(page, OWN).waitFor({ state: 'detached' });
  assert.equal((await changes(page)).length, 1);
});

test('what goes with its menu gives the keyboard to the next message, the one before, the field', async () => {
  const page = await open('chat');
  const labels = await page
    .locator('snug-room .more')
    .evaluateAll((all) => all.map((one) => one.getAttribute('aria-label') ?? ''));
  const away = async (name: string, at: number): Promise<void> => {
    const button = page.getByRole('button', { name: labels[at] ?? '', exact: true });
    await button.focus();
    await page.keyboard.press('Enter');
    for (const _ of ['the item', 'the second question']) {
      await page.getByRole('menuitem', { name }).focus();
      await page.keyboard.press('Enter');
    }
    await button.waitFor({ state: 'detached' });
  };
  const last = labels.length - 1;
  await away('Delete for me', last - 2);
  assert.equal(await focused(page), labels[last - 1]);
  assert.equal(await page.locator('snug-room .more[tabindex="0"]').count(), 1);
  await page.keyboard.press('ArrowDown');
  assert.equal(await focused(page), labels[last], 'and it goes on from there');
  await away('Unsend', last);
  assert.equal(await focused(page), labels[last - 1], 'none is after it');
  for (let at = 0; at < last - 2; at++) {
    await away('Delete for me', at);
    assert.equal(await focused(page), labels[at === last - 3 ? last - 1 : at + 1]);
  }
  await away('Delete for me', last - 1);
  assert.equal(await focused(page), 'Message', 'the field');
});

test('who went on meanwhile is not called back', async () => {
  const page = await open('chat');
  await options(page, OWN);
  await page.getByRole('menuitem', { name: 'Delete for me' }).click();
  await page.getByRole('menuitem', { name: 'Delete for me' }).click();
  await field(page).focus();
  await row(page, OWN).waitFor({ state: 'detached' });
  assert.equal(await focused(page), 'Message');
});

test('unsending asks once, and leaves a place without words', async () => {
  const page = await open('chat');
  await options(page, OWN);
  await page.getByRole('menuitem', { name: 'Unsend' }).click();
  await page.getByText('Unsend it for everyone?').waitFor();
  await page.getByRole('menuitem', { name: 'Keep it' }).click();
  assert.deepEqual(await changes(page), []);
  await options(page, OWN);
  await page.getByRole('menuitem', { name: 'Unsend' }).click();
  await page.getByRole('menuitem', { name: 'Unsend' }).click();
  await page.getByText('You unsent this message').waitFor();
  assert.equal(await page.locator('snug-room .bubble', { hasText: OWN }).count(), 0);
  assert.equal(await row(page, 'You unsent').locator('.more').count(), 0, 'nothing more to do');
});

test('of another’s message one may copy and react, and take the reaction back', async () => {
  const page = await open('chat');
  await options(page, OTHERS);
  const names = await menu(page).getByRole('menuitem').allTextContents();
  assert.deepEqual(names, ['Reply', 'Reply in thread', 'Copy', 'Star', 'Delete for me']);
  await page.getByRole('menuitemcheckbox', { name: 'React with 👍' }).click();
  const thumb = row(page, OTHERS).locator('.reactions button');
  await thumb.waitFor();
  assert.deepEqual(
    [await thumb.getAttribute('aria-pressed'), (await thumb.innerText()).replace(/\s+/g, ' ')],
    ['true', '👍 1'],
  );
  const box = await thumb.boundingBox();
  assert.ok(box && box.height >= 28);
  await thumb.click();
  await thumb.waitFor({ state: 'detached' });
  const done = (await changes(page)).map((change) => change.split(' ')[0]);
  assert.deepEqual(done, ['react', 'unreact']);
});

test('by keyboard: one stop on Tab’s way, arrows between messages and within the menu', async () => {
  const page = await open('chat');
  await page.locator('snug-room .timeline').focus();
  await page.keyboard.press('Tab');
  // Past the link in a message, if there is one on the way.
  while (!(await focused(page)).startsWith('Message options')) await page.keyboard.press('Tab');
  assert.equal(await focused(page), 'Message options: See you at the station 👋');
  await page.keyboard.press('ArrowUp');
  assert.match(await focused(page), /星期六下午兩點/);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await menu(page).waitFor();
  assert.equal(await focused(page), 'React with 👍');
  await page.keyboard.press('ArrowRight');
  assert.equal(await focused(page), 'React with ❤️');
  await page.keyboard.press('End');
  assert.equal(await focused(page), 'Unsend');
  await page.keyboard.press('ArrowUp');
  assert.equal(await focused(page), 'Delete for me');
  await page.keyboard.press('Escape');
  await menu(page).waitFor({ state: 'detached' });
  assert.match(await focused(page), /See you/, 'back to where it was opened from');
  await page.keyboard.press('Tab');
  assert.equal(await focused(page), 'Message', 'one stop for all messages');
});

test('a click elsewhere and a scroll out of sight close it; it stays within the room', async () => {
  const page = await open('long');
  await page.locator('.bubble', { hasText: '130.' }).waitFor();
  await options(page, '130.');
  const [box, room] = [
    await menu(page).boundingBox(),
    await page.locator('snug-room .stage').boundingBox(),
  ];
  assert.ok(box && room && box.y >= room.y && box.y + box.height <= room.y + room.height);
  await page.locator('snug-room h2').click();
  await menu(page).waitFor({ state: 'detached' });
  await options(page, '130.');
  // What comes moves the message, and the menu with it.
  await inRoom(page, (room) => room.receive('fresh', { id: 'u-wang', name: '王小明' }));
  await page.locator('.bubble', { hasText: 'fresh' }).waitFor();
  assert.equal(await menu(page).count(), 1);
  await row(page, '130.').hover();
  await page.mouse.wheel(0, -900);
  await menu(page).waitFor({ state: 'detached' });
});

test('a held finger opens it, one that moves does not', async () => {
  const page = await open('chat', { hasTouch: true, viewport: { width: 900, height: 700 } });
  const bubble = row(page, OTHERS).locator('.bubble');
  const at = await bubble.boundingBox();
  assert.ok(at);
  const devtools = await page.context().newCDPSession(page);
  const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', dx = 0) =>
    devtools.send('Input.dispatchTouchEvent', {
      type,
      touchPoints: type === 'touchEnd' ? [] : [{ x: at.x + 20 + dx, y: at.y + 10 }],
    });
  await touch('touchStart');
  await touch('touchMove', 30);
  await touch('touchEnd');
  assert.equal(await menu(page).count(), 0);
  await touch('touchStart');
  await menu(page).waitFor();
  await touch('touchEnd');
  assert.equal(await menu(page).count(), 1);
});

test('in a room that is closed nothing is edited or reacted to', async () => {
  const page = await open('chat');
  await inRoom(page, (room) => {
    const { room: object, messages } = room.getSnapshot();
    const reactions = [{ key: '👍', count: 2, users: ['u-wang', 'me'], own: true }];
    const reacted = messages.map((one, at) => (at === 0 ? { ...one, reactions } : one));
    room.patch({ room: { ...object!, frozen: true }, messages: reacted });
  });
  await options(page, OWN);
  assert.deepEqual(await menu(page).getByRole('menuitem').allTextContents(), [
    'Copy',
    'Star',
    'Delete for me',
    'Unsend',
  ]);
  assert.equal(await page.getByRole('menuitemcheckbox').count(), 0);
  assert.equal(await page.locator('snug-room .reactions button').first().isDisabled(), true);
});

test('what stands in any of it stays text', async () => {
  const page = await open('chat');
  const bad = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>';
  await inRoom(
    page,
    (room, said) => {
      const { messages, users, room: object } = room.getSnapshot();
      const evil = { id: said, name: said };
      const reactions = [{ key: said, count: 3, users: [said, 'me'], own: true }];
      const last = { ...messages.at(-1)!, text: said, reactions, editedAt: Date.now() };
      room.patch({
        messages: [...messages.slice(0, -1), { ...last, own: true, sender: evil }],
        users: new Map([...users, [said, evil]]),
        room: { ...object!, name: said },
        title: said,
        typing: [evil],
      });
    },
    bad,
  );
  await row(page, '<img').locator('.reactions button').waitFor();
  await options(page, '<img');
  await page.getByRole('menuitem', { name: 'Edit' }).click();
  assert.equal(await field(page).inputValue(), bad);
  const inert = () =>
    page.evaluate(() => {
      const room = document.querySelector('snug-chat')?.shadowRoot?.querySelector('snug-room');
      const composer = room?.shadowRoot?.querySelector('snug-composer');
      const made = (root?: ShadowRoot | null) =>
        root?.querySelectorAll('img[src="x"], script').length ?? -1;
      return [made(room?.shadowRoot), made(composer?.shadowRoot), 'hit' in window];
    });
  assert.deepEqual(await inert(), [0, 0, false]);
  await field(page).press('Enter');
  await field(page).fill(`${bad}!`);
  await field(page).press('Enter');
  assert.deepEqual(await inert(), [0, 0, false]);
});

for (const scheme of ['light', 'dark'] as const) {
  test(`menu, reactions and the field of an edit have no barriers (axe, ${scheme})`, async () => {
    const page = await open('chat', { query: `theme=${scheme}`, reducedMotion: 'reduce' });
    await inRoom(page, (room) => {
      const reactions = [
        { key: '👍', count: 2, users: ['u-wang', 'me'], own: true },
        { key: '❤️', count: 1, users: ['u-wang'], own: false },
      ];
      const { messages } = room.getSnapshot();
      const more = messages.map((one) => ({ ...one, reactions, editedAt: Date.now() }));
      room.patch({ messages: more });
    });
    await options(page, OWN);
    await page.getByRole('menuitem', { name: 'Edit' }).click();
    await options(page, OTHERS);
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
