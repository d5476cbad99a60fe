// One Chromium and one gallery server per test file; every page is checked for
// console errors and policy violations when its test is over.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, afterEach, before } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { launch } from '../../../tools/chromium.mjs';
import type { FakeClient } from '../gallery/fake-client.js';
import { PICTURE, serveGallery } from '../gallery/server.mjs';

export const root = join(process.env.SNUG_WEB ?? process.cwd(), 'packages', 'elements');

export interface Stage {
  url: string;
  open(scene: string, options?: Opening): Promise<Page>;
  /** Any other page of the server. */
  visit(path: string, options?: Opening): Promise<Page>;
}

export interface Opening extends BrowserContextOptions {
  query?: string;
  /** Lines of the console that belong to the test. */
  expected?: RegExp;
}

export type Extra = Record<string, [type: string, body: string, status?: number]>;

/** How long a window may take to draw for the first time, in milliseconds. */
const DRAWN_MS = 10_000;

interface Opened {
  page: Page;
  complaints: string[];
}

/** Sets up the hooks of a test file. */
export function stage(extra?: () => Promise<Extra>): Stage {
  let browser: Browser;
  let server: { url: string; stop: () => Promise<void> };
  const pages: Opened[] = [];

  before(async () => {
    server = await serveGallery(root, 0, await extra?.());
    browser = await launch();
  });
  after(async () => {
    await browser.close();
    await server.stop();
  });
  afterEach(async (context) => {
    // What a test that waited in vain cannot say by itself.
    const passed = (context as { passed?: boolean }).passed ?? true;
    for (const { page, complaints } of pages.splice(0)) {
      if (!passed) console.error(`${page.url()}: ${JSON.stringify(await howItIs(page))}`);
      const violations = await page.evaluate(() => window.violations ?? []);
      await page.context().close();
      assert.deepEqual(violations, [], 'policy violations');
      assert.deepEqual(complaints, [], 'console');
    }
  });

  /** A window that never draws tells no observer of anything: it is given up for another one. */
  async function visit(path: string, options: Opening = {}, noon = false): Promise<Page> {
    for (let left = 2; ; left -= 1) {
      const page = await visitOnce(path, options, noon);
      if (await draws(page)) return page;
      const said = `${page.url()}: no frame in ${DRAWN_MS} ms`;
      console.error(said);
      if (left === 0) throw new Error(said);
      await pages.pop()?.page.context().close();
    }
  }

  async function visitOnce(path: string, options: Opening, noon: boolean): Promise<Page> {
    const { query: _query, expected, ...more } = options;
    const context = await browser.newContext({ viewport: { width: 1100, height: 760 }, ...more });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (line) => {
      if (!['error', 'warning'].includes(line.type())) return;
      if (!expected?.test(line.text())) complaints.push(line.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    pages.push({ page, complaints });
    await page.route('https://pictures.example/**', (route) =>
      route.fulfill({ contentType: 'image/svg+xml', body: PICTURE }),
    );
    if (noon) await page.clock.setFixedTime('2026-11-20T12:00:00Z');
    await page.goto(`${server.url}${path}`);
    return page;
  }

  return {
    get url() {
      return server.url;
    },
    visit,
    async open(scene, options = {}) {
      // No scene may depend on the hour: a day separator would come and go.
      const page = await visit(`?${options.query ?? ''}#${scene}`, options, true);
      await page.waitForFunction(() => 'gallery' in window);
      return page;
    },
  };
}

/** Whether the page draws a frame in time. */
function draws(page: Page): Promise<boolean> {
  return page.evaluate(
    (most) =>
      new Promise<boolean>((done) => {
        const late = setTimeout(() => done(false), most);
        requestAnimationFrame(() => {
          clearTimeout(late);
          done(true);
        });
      }),
    DRAWN_MS,
  );
}

async function howItIs(page: Page): Promise<Record<string, unknown>> {
  const draw = await draws(page);
  return page.evaluate(
    (frame) => ({ frame, visible: document.visibilityState, focus: document.hasFocus() }),
    draw,
  );
}

/** Runs `act` in the page on the fake client's room. */
export function inRoom<R, A = undefined>(
  page: Page,
  act: (room: ReturnType<FakeClient['room']>, argument: A) => R,
  argument?: A,
  id = 'bike',
): Promise<Awaited<R>> {
  const room = `window.gallery.client.room(${JSON.stringify(id)})`;
  return page.evaluate(`(${act})(${room}, ${JSON.stringify(argument)})`);
}

export function axeSource(): Promise<string> {
  const path = createRequire(join(root, 'package.json')).resolve('axe-core/axe.min.js');
  return readFile(path, 'utf8');
}
