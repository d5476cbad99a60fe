// Every screen at two widths, light and dark, for looking at: `node test/screenshots.mjs DIR`.

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch } from '../../../tools/chromium.mjs';
import { FakeApi, SAMPLE_APPS } from './fake-api.mjs';

const out = process.argv[2] ?? 'shots';
const dist = fileURLToPath(new URL('../dist', import.meta.url));
fs.mkdirSync(out, { recursive: true });

const browser = await launch();

async function walk({ width, scheme, locale }) {
  const api = await new FakeApi(dist).start();
  const context = await browser.newContext({
    viewport: { width, height: width < 600 ? 780 : 860 },
    colorScheme: scheme,
    locale,
  });
  const page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error') console.error(width, scheme, message.text());
  });
  page.on('pageerror', (error) => console.error(width, scheme, error.message));
  const shot = async (name) => {
    const file = `${name}-${width}-${scheme}-${locale}.png`;
    await page.screenshot({ path: path.join(out, file), fullPage: true });
  };
  const open = async (route) => {
    await page.goto('about:blank');
    await page.goto(`${api.url}/panel/${route}`);
    await page.locator('main h1').waitFor();
  };
  await open('');
  await page.locator('[type=submit]').click();
  await shot('01-signup');
  api.settle({ loggedIn: false });
  await open('#/signup');
  await shot('02-closed');
  await open('#/login');
  api.rateLimited = true;
  await page.locator('[name=email]').fill('ada@example.com');
  await page.locator('[name=password]').fill('wrong');
  await page.locator('[type=submit]').click();
  await page.locator('.trouble:not(:empty)').waitFor();
  await shot('03-login');
  api.loggedIn = true;
  await open('#/apps');
  await shot('04-empty');
  await open('#/apps/new');
  await page.locator('[name=name]').fill('Second Street');
  await shot('05-new');
  await page.locator('[type=submit]').click();
  await page.locator('[data-secret]').waitFor();
  await shot('06-created');
  api.apps = [];
  api.settle({ apps: SAMPLE_APPS });
  await open('#/apps');
  await shot('07-apps');
  await page.locator('.app button').nth(1).click();
  await page.locator('dialog [name=password]').fill('wrong');
  await page.locator('dialog [type=submit]').click();
  await page.locator('.trouble:not(:empty)').waitFor();
  await shot('08-reveal');
  await page.locator('dialog [name=password]').fill(api.operator.password);
  await page.locator('dialog [type=submit]').click();
  await page.locator('dialog [data-secret]').waitFor();
  await shot('09-revealed');
  await page.locator('dialog .square').click();
  await page.locator('.app button').nth(2).click();
  await shot('10-rotate');
  await page.locator('dialog [name=password]').fill(api.operator.password);
  await page.locator('dialog [type=submit]').click();
  await page.locator('dialog [data-secret]').waitFor();
  await shot('11-rotated');
  await open(`#/apps/${api.apps[0].id}`);
  await shot('12-app');
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  if (overflow) console.error(`${width} ${scheme}: the page is wider than the screen`);
  await context.close();
  await api.stop();
}

for (const width of [360, 1280]) {
  await walk({ width, scheme: 'light', locale: 'en' });
  await walk({ width, scheme: 'dark', locale: 'zh-TW' });
}
await browser.close();
