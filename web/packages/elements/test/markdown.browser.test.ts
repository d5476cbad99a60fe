// Markdown as it is shown and sent, that it is never more than it may be, and what is said and
// not kept.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EphemeralView, MessageView } from '@snug/client';
import { inRoom, stage } from './stage.js';

const { open } = stage();

const SAID = [
  '**Sold**, *soon* ~~not~~ `npm *i*` [the list](https://shop.example/1) @Lin',
  '> said',
  '- milk',
  '- eggs',
  '```',
  '<i>code</i>',
  '```',
].join('\n');
const BAD = [
  '<img src=x onerror="window.hit=1"><script>window.hit=1</script>',
  '[a](javascript:window.hit=1) [b](data:text/html,x) ![c](https://pictures.example/spy.png)',
  '**<svg onload="window.hit=1">** `<img src=x onerror="window.hit=1">`',
].join('\n');

/** The last message, with another text. */
function show(page: Parameters<typeof inRoom>[0], text: string) {
  return inRoom(
    page,
    (room, source) => {
      const { messages } = room.getSnapshot();
      const last = messages.findLast((one) => one.kind === 'text' && !one.own) as MessageView;
      const said = { ...last, text: source, format: 'markdown' as const };
      room.patch({ messages: [said] });
    },
    text,
    'group',
  );
}

test('marks are shown, and words beside them', async () => {
  const page = await open('rich');
  await show(page, SAID);
  const text = page.locator('snug-room .bubble > .text').last();
  await text.locator('b', { hasText: 'Sold' }).waitFor();
  const all = (what: string) => text.locator(what).allTextContents();
  assert.deepEqual(await all('em'), ['soon']);
  assert.deepEqual(await all('s'), ['not']);
  assert.deepEqual(await all('code'), ['npm *i*']);
  assert.deepEqual(await all('blockquote'), ['said']);
  assert.deepEqual(await all('li'), ['milk', 'eggs']);
  assert.deepEqual(await all('pre'), ['<i>code</i>']);
  const link = text.locator('a');
  assert.equal(await link.getAttribute('href'), 'https://shop.example/1');
  assert.equal(await link.getAttribute('rel'), 'noopener noreferrer nofollow');
  assert.equal(await link.getAttribute('target'), '_blank');
});

test('HTML and script in it are letters, and nothing is loaded', async () => {
  const page = await open('rich');
  const asked: string[] = [];
  page.on('request', (request) => void asked.push(request.url()));
  await show(page, BAD);
  const text = page.locator('snug-room .bubble > .text').last();
  await text.getByText('<script>').waitFor();
  assert.equal(await text.locator('img, script, svg').count(), 0);
  const links = await text
    .locator('a')
    .evaluateAll((all) => all.map((a) => a.getAttribute('href')));
  assert.deepEqual(links, ['https://pictures.example/spy.png']);
  assert.equal(await page.evaluate(() => 'hit' in window), false);
  assert.deepEqual(
    asked.filter((url) => /spy|\/x$/.test(url)),
    [],
  );
});

test('the attribute makes the composer send it', async () => {
  const page = await open('rich');
  const chat = page.locator('snug-chat');
  const field = page.locator('snug-composer textarea');
  await field.fill('*a*');
  await field.press('Enter');
  await chat.evaluate((element) => element.setAttribute('markdown', ''));
  await field.fill('*b*');
  await field.press('Enter');
  const outgoing = await inRoom(page, (room) => room.outgoing, undefined, 'group');
  assert.deepEqual(
    outgoing.map(({ text, format }) => [text, format]),
    [
      ['*a*', undefined],
      ['*b*', 'markdown'],
    ],
  );
  await page.locator('snug-room .own em', { hasText: 'b' }).waitFor();
});

test('what is not kept stands at the end, until it is taken away', async () => {
  const page = await open('rich');
  await inRoom(
    page,
    (room) => {
      const last = room.getSnapshot().messages.findLast((one) => one.kind === 'text');
      const { seq: _seq, ...said } = { ...(last as MessageView), own: false };
      const one: EphemeralView = { ...said, id: 'e1', text: 'the kettle' };
      const system = { sender: undefined, kind: 'system' as const, onlyYou: true };
      room.patch({
        ephemeral: [one, { ...one, ...system, id: 'e2', text: 'Never pay outside.' }],
      });
    },
    undefined,
    'group',
  );
  const passing = page.locator('snug-room .passing');
  await passing.getByText('the kettle').waitFor();
  assert.equal(await passing.count(), 2);
  await passing.getByText('Never pay outside.').waitFor();
  assert.equal(await passing.getByText('Only you can see this').count(), 1);
  assert.equal(await passing.locator('.more').count(), 0, 'nothing is to be done with it');
  const box = await passing.last().boundingBox();
  const stage = await page.locator('snug-room .stage').boundingBox();
  assert.ok(box && stage && box.y + box.height <= stage.y + stage.height + 1, 'in view');
  await passing.first().getByRole('button', { name: 'Close' }).click();
  await passing.getByText('the kettle').waitFor({ state: 'detached' });
  assert.equal(await passing.count(), 1);
});
