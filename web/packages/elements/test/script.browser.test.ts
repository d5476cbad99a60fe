// The one script tag with the real client, on a page whose policy allows no
// style, nothing inline, and no Trusted Types policy but Lit's.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { build } from 'esbuild';
import { type Extra, root, stage } from './stage.js';

const HTML = 'text/html; charset=utf-8';
const SCRIPT =
  '<!doctype html><html lang="en"><title>Host</title><link rel="icon" href="/picture.svg"><script src="/snug.js"></script>';

async function pages(): Promise<Extra> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [join(root, 'src', 'global.ts')],
    bundle: true,
    write: false,
    format: 'iife',
    target: 'es2022',
    conditions: ['snug-source'],
    logOverride: { 'empty-import-meta': 'silent' },
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
  });
  return {
    '/snug.js': ['text/javascript; charset=utf-8', outputFiles[0]?.text ?? ''],
    '/plain': [HTML, `${SCRIPT}<snug-chat></snug-chat>`],
    '/lost': [HTML, `${SCRIPT}<snug-chat token-from="#nowhere"></snug-chat>`],
    '/key': [HTML, `${SCRIPT}<snug-chat token="snug_sk_app_k1_${'x'.repeat(43)}"></snug-chat>`],
    '/away': [
      HTML,
      `${SCRIPT}<input type="hidden" id="t" value="snug_st_${'x'.repeat(43)}.app_1"><snug-chat token-from="#t"></snug-chat>`,
    ],
    '/late': [HTML, `${SCRIPT}<snug-badge></snug-badge><p>served</p>`],
  };
}

const { visit } = stage(pages);

test('without a token it says how to give one', async () => {
  const page = await visit('plain');
  await page.getByText('The chat has no token').waitFor();
  const card = (await page.getByRole('alert').textContent()) ?? '';
  assert.match(card, /token_missing/);
  assert.match(card, /<snug-chat token-from=/);
  const [client, url] = await page.evaluate(() => [
    typeof window.Snug.SnugClient,
    document.querySelector('snug-chat')?.serverUrl,
  ]);
  assert.equal(client, 'function');
  assert.equal(url, new URL(page.url()).origin, 'the server is where the script came from');
});

test('a token source that is not there is named as such', async () => {
  const page = await visit('lost');
  await page.getByText('The token was not found').waitFor();
});

test('a server key in the page is refused and never leaves it', async () => {
  const page = await visit('key');
  await page.getByText('A server key is in this page').waitFor();
  assert.doesNotMatch((await page.getByRole('alert').textContent()) ?? '', /xxxx/);
});

test('a server that does not answer is named with its address', async () => {
  const page = await visit('away', { expected: /WebSocket|404/ });
  await page.getByText('The chat server does not answer').waitFor();
  assert.ok((await page.getByRole('alert').textContent())?.includes(new URL(page.url()).origin));
  assert.equal(await page.locator('#t').inputValue(), '', 'the token is taken out of the page');
});

test('the theme follows the system, and a page sets a token once for what is inside', async () => {
  const page = await visit('plain', { colorScheme: 'dark' });
  await page.getByText('The chat has no token').waitFor();
  const found = await page.evaluate(async () => {
    const look = (element: Element | null | undefined, name: string) =>
      element ? getComputedStyle(element).getPropertyValue(name) : 'missing';
    const chat = document.querySelector('snug-chat');
    const dark = look(chat, '--snug-bg');
    chat?.setAttribute('theme', 'light');
    const light = look(chat, '--snug-bg');
    const sheet = new CSSStyleSheet();
    sheet.replaceSync('snug-launcher { --snug-own: rgb(1, 2, 3) }');
    document.adoptedStyleSheets = [sheet];
    const launcher = document.createElement('snug-launcher');
    launcher.setAttribute('open', '');
    document.body.append(launcher);
    await launcher.updateComplete;
    const inner = launcher.shadowRoot?.querySelector('snug-chat');
    return { dark, light, own: look(inner, '--snug-own') };
  });
  assert.deepEqual(found, { dark: '#0f1217', light: '#ffffff', own: 'rgb(1, 2, 3)' });
});

test('a badge without a token stays out of the way', async () => {
  const page = await visit('late');
  await page.getByText('served').waitFor();
  assert.equal((await page.locator('snug-badge').textContent())?.trim(), '');
});
