import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, beforeEach, it } from 'node:test';
import { launch } from '../../../tools/chromium.mjs';
import { FakeApi, keyOf, SAMPLE_APPS } from './fake-api.mjs';

// The runner bundles tests elsewhere and names the folder.
const panel = path.join(process.env.SNUG_WEB ?? path.resolve('../..'), 'packages/panel');

let browser;
let api;
let page;
let errors;

before(async () => {
  execFileSync(process.execPath, ['build.mjs'], { cwd: panel });
  browser = await launch();
});
after(() => browser.close());

beforeEach(async () => {
  api = await new FakeApi(path.join(panel, 'dist')).start();
  const context = await browser.newContext({ locale: 'en', viewport: { width: 360, height: 740 } });
  page = await context.newPage();
  page.setDefaultTimeout(5000);
  errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    if (/Content Security|Trusted/i.test(message.text())) errors.push(message.text());
  });
});
afterEach(async () => {
  await page.context().close();
  await api.stop();
  assert.deepEqual(errors, []);
});

const open = (route = '') => page.goto(`${api.url}/panel/${route}`);
const title = (name) => page.getByRole('heading', { level: 1, name }).waitFor();
const fill = async (values) => {
  for (const [name, value] of Object.entries(values)) {
    await page.locator(`[name=${name}]`).fill(value);
  }
};
const press = (name) => page.getByRole('button', { name, exact: true }).click();
const sent = (method, route) =>
  api.requests
    .filter((each) => each.method === method && each.route === route)
    .map((each) => each.body);

it('the first operator signs up and is inside', async () => {
  await open();
  await title('Set up this server');
  await fill({ email: 'ada@example.com', password: 'short' });
  await press('Create account');
  await page.getByText('At least 10 characters.').and(page.locator('.bad')).waitFor();
  assert.deepEqual(sent('POST', 'signup'), [], 'a short password is not sent');
  await fill({ password: 'a long password' });
  await press('Create account');
  await title('Applications');
  assert.deepEqual(sent('POST', 'signup'), [
    { email: 'ada@example.com', password: 'a long password' },
  ]);
});

it('asks for the set-up code when the server wants one', async () => {
  api.setupCode = 'K7-22';
  await open();
  await fill({ email: 'ada@example.com', password: 'a long password' });
  await press('Create account');
  await page.getByLabel('Set-up code').fill('K7-22');
  await press('Create account');
  await title('Applications');
});

it('says that sign-up is closed', async () => {
  api.settle({ loggedIn: false });
  await open('#/signup');
  await title('Sign-up is closed');
  await page.getByRole('link', { name: 'Log in' }).click();
  await title('Log in');
});

it('logs in, tells a wrong password and a limit apart, and logs out', async () => {
  api.settle({ loggedIn: false });
  await open();
  await fill({ email: 'ada@example.com', password: 'wrong' });
  await press('Log in');
  await page.getByText('That e-mail and password do not belong together.').waitFor();
  api.rateLimited = true;
  await press('Log in');
  await page.getByText('Too many attempts. Try again in 42 s.').waitFor();
  api.rateLimited = false;
  await fill({ password: 'a long password' });
  await press('Log in');
  await title('Applications');
  await press('Log out');
  await title('Log in');
  assert.equal(api.loggedIn, false);
});

it('comes back to the log-in when the login has ended', async () => {
  api.settle({ apps: SAMPLE_APPS });
  await open();
  await title('Applications');
  api.loggedIn = false;
  await page.getByRole('link', { name: 'Second Street' }).click();
  await title('Log in');
  await page.getByText('Your login has ended. Log in again.').waitFor();
});

it('creates an application and shows its key once', async () => {
  api.settle();
  await open();
  await page.getByRole('link', { name: 'New application' }).click();
  await fill({ name: 'Shop', origins: 'shop.example' });
  await page.getByText('Only your backend manages rooms').click();
  await press('Create application');
  await page.getByText('“shop.example” is not an origin.').waitFor();
  await fill({ origins: 'https://shop.example/' });
  await press('Create application');
  await title('Shop is ready');
  assert.deepEqual(sent('POST', 'apps'), [
    { name: 'Shop', policy: 'backend_only', development: true, origins: ['https://shop.example'] },
  ]);
  const key = keyOf(api.apps[0], 0);
  assert.equal(await page.locator('[data-secret]').textContent(), key);
  assert.ok((await page.locator('pre').first().textContent()).includes(key));
  await page.getByRole('link', { name: 'Go to the application' }).click();
  await title('Shop');
  // The title may be there before the screen is.
  await page.waitForFunction((secret) => !document.documentElement.outerHTML.includes(secret), key);
});

it('sends a form once however often the button is pressed', async () => {
  api.settle();
  await open('#/apps/new');
  await fill({ name: 'Shop' });
  await page.locator('form').evaluate((form) => {
    for (let turn = 0; turn < 3; turn += 1) form.requestSubmit();
  });
  await title('Shop is ready');
  assert.equal(api.apps.length, 1);
});

it('reveals a key for the password only and forgets it with the window', async () => {
  api.settle({ apps: SAMPLE_APPS });
  await open();
  const key = keyOf(api.apps[1], 0);
  await page.locator('.app').nth(1).getByRole('button', { name: 'Show key' }).click();
  await page.locator('dialog [name=password]').fill('wrong');
  await press('Show');
  await page.getByText('That is not your password.').waitFor();
  await page.locator('dialog [name=password]').fill('a long password');
  await press('Show');
  assert.equal(await page.locator('dialog [data-secret]').textContent(), key);
  await page.keyboard.press('Escape');
  await page.locator('dialog').waitFor({ state: 'detached' });
  assert.ok(!(await page.content()).includes(key));
});

it('rotates a key with the chosen grace and shows both keys’ state', async () => {
  api.settle({ apps: SAMPLE_APPS });
  const [app] = api.apps;
  await open(`#/apps/${app.id}`);
  await title('Second Street');
  const rotate = async (grace) => {
    await press('New key');
    if (grace) await page.getByText(grace).click();
    await page.locator('dialog [name=password]').fill('a long password');
    await press('Make the new key');
    assert.equal(await page.locator('dialog [data-secret]').textContent(), keyOf(app, 0));
    await page.locator('dialog .main').click();
  };
  await rotate();
  await page.locator('.keys li').nth(1).getByText('until').waitFor();
  await rotate('Stop it now');
  await page.locator('.keys li').nth(1).waitFor({ state: 'detached' });
  const seconds = sent('POST', `apps/${app.id}/rotate`).map((body) => body.grace_seconds);
  assert.deepEqual(seconds, [86_400, 0]);
});

it('changes settings and keeps what was typed when the server is away', async () => {
  api.settle({ apps: SAMPLE_APPS });
  const [app] = api.apps;
  await open(`#/apps/${app.id}`);
  await fill({ name: 'Third Street', origins: 'https://third.example' });
  api.away = true;
  await press('Save');
  await page.getByText('The server does not answer.').waitFor();
  api.away = false;
  await press('Save');
  await page.getByText('Saved').waitFor();
  await title('Third Street');
  assert.deepEqual(app.origins, ['https://third.example']);
});

it('sets where the tokens of users come from, and says which field is refused', async () => {
  api.settle({ apps: SAMPLE_APPS });
  const [app] = api.apps;
  await open(`#/apps/${app.id}`);
  await fill({ verify_url: 'verify' });
  await press('Apply');
  await page.locator('.field', { hasText: 'Verify URL' }).getByText('expected https').waitFor();
  const pem = '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----';
  await fill({ verify_url: 'https://shop.example/verify', public_keys: `${pem}\n\n${pem}` });
  await press('Apply');
  await page.getByText('Saved').waitFor();
  assert.deepEqual(sent('PATCH', `apps/${app.id}/settings`).at(-1), {
    verify_url: 'https://shop.example/verify',
    jwks_url: null,
    public_keys: [pem, pem],
    guests: false,
  });
  await page.getByRole('switch', { name: 'Take guests' }).click();
  await press('Apply');
  await page.getByText('Saved').waitFor();
  assert.equal(sent('PATCH', `apps/${app.id}/settings`).at(-1).guests, true);
});

it('shows what clients of other systems sign in with, for the password', async () => {
  api.settle({ apps: SAMPLE_APPS });
  const [app] = api.apps;
  await open(`#/apps/${app.id}`);
  await press('I2A Chat Service');
  await press('Switch on and show');
  await page.getByText('This is needed.').waitFor();
  await fill({ password: 'a long password' });
  await page.getByRole('switch', { name: 'A new secret' }).click();
  await press('Switch on and show');
  await page.locator('[data-secret]', { hasText: `X-Application-Secret of ${app.name}` }).waitFor();
  assert.equal(sent('POST', `apps/${app.id}/dialects/i2a`).at(-1).rotate, true);
  await page.keyboard.press('Escape');
  await page.locator('[data-secret]').waitFor({ state: 'detached' });
  await press('Rocket.Chat');
  await fill({ username: 'boss', password: 'a long password' });
  await press('Switch on and show');
  await page.locator('[data-secret]', { hasText: 'Password of' }).waitFor();
  assert.equal(sent('POST', `apps/${app.id}/dialects/rocketchat`).at(-1).username, 'boss');
  await page.keyboard.press('Escape');
});

it('offers to try again when the server was away from the start', async () => {
  api.settle({ apps: SAMPLE_APPS });
  api.away = true;
  await open();
  await page.getByText('The server does not answer.').waitFor();
  api.away = false;
  await press('Try again');
  await title('Applications');
});

it('shows names as text, never as markup', async () => {
  const name = '<img src=x onerror=alert(1)>';
  api.settle({ apps: [{ name }] });
  await open();
  await page.getByRole('link', { name }).click();
  await title(name);
});

it('speaks Traditional Chinese and remembers it', async () => {
  api.settle({ apps: SAMPLE_APPS });
  await open();
  await press('中文');
  await title('應用程式');
  await page.reload();
  await title('應用程式');
  assert.equal(await page.locator('html').getAttribute('lang'), 'zh-Hant');
});

it('never scrolls sideways on a phone', async () => {
  api.settle({ apps: [{ name: 'A'.repeat(120), origins: [`https://${'a'.repeat(60)}.example`] }] });
  for (const route of ['#/apps', '#/apps/new', `#/apps/${api.apps[0].id}`]) {
    await open(route);
    await page.locator('main h1').waitFor();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${route} is ${wide} px too wide`);
  }
});

it('meets WCAG 2.2 AA as far as a program can tell, light and dark', async () => {
  const axe = fs.readFileSync(path.join(panel, '../../node_modules/axe-core/axe.min.js'), 'utf8');
  const check = async (what) => {
    await page.evaluate(axe);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      const found = violations.flatMap(({ id, nodes }) =>
        nodes.map((node) => `${id}: ${node.html}`),
      );
      assert.deepEqual(found, [], `${what}, ${colorScheme}`);
    }
  };
  await open();
  await press('Create account');
  await check('sign-up');
  api.settle({ apps: SAMPLE_APPS });
  await open('#/apps/new');
  await page.reload();
  await title('New application');
  await check('new application');
  await open(`#/apps/${api.apps[0].id}`);
  await title('Second Street');
  await check('application');
  await open('#/apps');
  await title('Applications');
  await check('applications');
  await page.locator('.app').first().getByRole('button', { name: 'New key' }).click();
  await check('new key');
});
