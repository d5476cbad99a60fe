// The field: what Enter does and does not, above all under an input method.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inRoom, stage } from './stage.js';

const { open } = stage();
const sent = (page: Parameters<typeof inRoom>[0]) => inRoom(page, (room) => room.sent);

test('Enter sends, Shift+Enter breaks the line, white space alone is not sent', async () => {
  const page = await open('chat');
  const field = page.locator('snug-composer textarea');
  await field.fill('   ');
  await field.press('Enter');
  assert.deepEqual(await sent(page), []);
  await field.fill('one');
  await field.press('Shift+Enter');
  await field.pressSequentially('two');
  assert.equal(await field.inputValue(), 'one\ntwo');
  await field.press('Enter');
  assert.deepEqual(await sent(page), ['one\ntwo']);
  assert.equal(await field.inputValue(), '');
  assert.equal(await inRoom(page, (room) => room.typed.at(-1)), false);
});

test('the Enter that ends a composition never sends', async () => {
  const page = await open('chat');
  const field = page.locator('snug-composer textarea');
  await field.focus();
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Input.imeSetComposition', {
    text: '你好',
    selectionStart: 2,
    selectionEnd: 2,
  });
  assert.equal(await field.inputValue(), '你好');
  await devtools.send('Input.dispatchKeyEvent', {
    type: 'rawKeyDown',
    key: 'Enter',
    code: 'Enter',
    windowsVirtualKeyCode: 229,
  });
  assert.deepEqual(await sent(page), []);
  await devtools.send('Input.insertText', { text: '你好' });
  // What Chrome, Firefox and Safari report for the key that accepts a candidate.
  await field.evaluate((element) => {
    const press = (more: KeyboardEventInit & { keyCode?: number }) => {
      const event = new KeyboardEvent('keydown', {
        key: 'Enter',
        bubbles: true,
        composed: true,
        cancelable: true,
        ...more,
      });
      element.dispatchEvent(event);
    };
    press({ isComposing: true });
    press({ keyCode: 229 });
  });
  assert.deepEqual(await sent(page), []);
  await field.press('Enter');
  assert.deepEqual(await sent(page), ['你好']);
});

test('it grows to six lines and then scrolls', async () => {
  const page = await open('chat');
  const field = page.locator('snug-composer textarea');
  const high = () => field.evaluate((element) => element.clientHeight);
  assert.equal(await high(), 44);
  await field.fill('1\n2\n3');
  assert.equal(await high(), 20 + 3 * 24);
  await field.fill('1\n2\n3\n4\n5\n6\n7\n8\n9');
  assert.equal(await high(), 20 + 6 * 24);
  assert.ok(await field.evaluate((element) => element.scrollHeight > element.clientHeight));
  await field.press('Enter');
  assert.equal(await high(), 44);
  // iOS zooms into a smaller one.
  assert.equal(await field.evaluate((element) => getComputedStyle(element).fontSize), '16px');
});

test('the send button appears with text and is large enough for a finger', async () => {
  const page = await open('chat');
  const send = page.getByRole('button', { name: 'Send' });
  assert.equal(await send.count(), 0);
  await page.locator('snug-composer textarea').fill('hello');
  // A trial click waits until it stands still.
  await send.click({ trial: true });
  const box = await send.boundingBox();
  assert.ok(box && box.width >= 44 && box.height >= 44);
  await send.click();
  assert.deepEqual(await sent(page), ['hello']);
  const focused = () => document.activeElement?.localName;
  assert.equal(await page.evaluate(focused), 'snug-chat', 'the field keeps the focus');
});

test('each room keeps its draft', async () => {
  const page = await open('chat');
  const field = page.locator('snug-composer textarea');
  await field.fill('for Wang');
  await page.locator('.row', { hasText: 'Jun Aoki' }).click();
  await page.locator('snug-room h2', { hasText: 'Jun Aoki' }).waitFor();
  assert.equal(await field.inputValue(), '');
  await field.fill('for Jun');
  await page.locator('.row', { hasText: '王小明' }).click();
  await page.locator('snug-room h2', { hasText: '王小明' }).waitFor();
  assert.equal(await field.inputValue(), 'for Wang');
});
