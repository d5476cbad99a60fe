// The quick starts, done as they are written: every shell line is typed, every file is saved, and
// two browsers open the addresses. Only the two ports are others, so that nothing need be free.
//
//   SNUG_BIN=/path/to/snug node --test test/quickstarts.mjs

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { launch } from '../../tools/chromium.mjs';
import { freePort } from './processes.mjs';

const DOCS = fileURLToPath(new URL('../../../docs/quickstart/', import.meta.url));
const TRANSLATIONS = ['zh-Hant'];
const START_MS = 15_000;
const SEEN_MS = 15_000;
/** The ports as the texts have them. */
const SNUG_PORT = '8080';
const SITE_PORT = '3000';

let browser;

before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** The fenced blocks of a text, with what stands behind the fence. */
function blocksOf(name) {
  const text = fs.readFileSync(path.join(DOCS, name), 'utf8');
  return [...text.matchAll(/^```(\w+) ?(.*)\n([\s\S]*?)^```$/gm)].map(
    ([, language, file, content]) => ({ language, file, content }),
  );
}

async function answers(port, child) {
  const deadline = Date.now() + START_MS;
  for (;;) {
    const socket = net.connect({ port, host: '127.0.0.1' });
    const [happened] = await Promise.race([
      once(socket, 'connect').then(() => ['yes']),
      once(socket, 'error').then(() => ['no']),
    ]).catch(() => ['no']);
    socket.destroy();
    if (happened === 'yes') return;
    assert.ok(child.exitCode === null, `it ended:\n${child.told}`);
    assert.ok(Date.now() < deadline, `nothing listens:\n${child.told}`);
    await sleep(50);
  }
}

/** Somebody who follows a text, in a folder of his own. */
class Reader {
  running = [];

  static async begin() {
    const reader = new Reader();
    reader.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'snug-quickstart-'));
    const programs = path.join(reader.folder, 'bin');
    fs.mkdirSync(programs);
    const program = process.env.SNUG_BIN;
    if (!program) throw new Error('SNUG_BIN must name the snug program');
    fs.symlinkSync(path.resolve(program), path.join(programs, 'snug'));
    reader.ports = { [SNUG_PORT]: await freePort(), [SITE_PORT]: await freePort() };
    reader.environment = {
      ...process.env,
      PATH: `${programs}:${path.dirname(process.execPath)}:${process.env.PATH}`,
      SNUG_LISTEN: `127.0.0.1:${reader.ports[SNUG_PORT]}`,
    };
    return reader;
  }

  get site() {
    return `http://localhost:${this.ports[SITE_PORT]}`;
  }

  async follow(name) {
    for (const { language, file, content } of blocksOf(name)) {
      const text = content.replace(/\b(8080|3000)\b/g, (port) => this.ports[port]);
      if (file) fs.writeFileSync(path.join(this.folder, file), text);
      else if (language === 'sh') await this.type(text);
    }
  }

  async type(lines) {
    const settings = { cwd: this.folder, env: this.environment };
    for (const line of lines.split('\n').filter(Boolean)) {
      const port = /^snug serve\b/.test(line)
        ? this.ports[SNUG_PORT]
        : /^node \w+\.mjs/.test(line) && this.ports[SITE_PORT];
      if (port) {
        const child = spawn('bash', ['-c', `exec ${line}`], settings);
        child.told = '';
        for (const stream of [child.stdout, child.stderr]) {
          stream.on('data', (chunk) => {
            child.told = (child.told + chunk).slice(-5_000);
          });
        }
        this.running.push(child);
        await answers(port, child);
      } else await promisify(execFile)('bash', ['-euc', line], settings);
    }
  }

  /** Whether a text is in a file of the server's. */
  finds(text) {
    const data = path.join(this.folder, 'snug-data');
    const files = fs.readdirSync(data).map((name) => path.join(data, name));
    assert.ok(files.length > 0);
    return files.some((file) => fs.statSync(file).isFile() && fs.readFileSync(file).includes(text));
  }

  async open(member) {
    const context = await browser.newContext({ viewport: { width: 900, height: 700 } });
    const page = await context.newPage();
    page.setDefaultTimeout(SEEN_MS);
    page.thrown = [];
    page.on('pageerror', (error) => page.thrown.push(error.message));
    await page.goto(`${this.site}/?me=${member}`);
    return page;
  }

  async end() {
    for (const child of this.running.reverse()) {
      if (child.exitCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

async function say(place, text) {
  const field = place.locator('snug-composer textarea');
  await field.fill(text);
  await field.press('Enter');
}

const sees = (place, text) => place.locator('snug-room').getByText(text).first().waitFor();

async function chat(mei, tom) {
  await say(mei, 'Is it still there?');
  await sees(tom, 'Is it still there?');
  await say(tom, '還在');
  await sees(mei, '還在');
}

const WAYS = {
  'support-desk': async (mei, tom) => {
    await mei.getByRole('button', { name: 'Refund' }).click();
    await sees(mei, 'I have a question: Refund');
    await tom.locator('snug-room-list').getByText('I have a question: Refund').click();
    await chat(mei, tom);
    assert.equal(await tom.locator('nav button').count(), 0);
  },
  'backend-token': (mei, tom) => chat(mei, tom),
  'site-token': async (mei, tom) => {
    await sees(mei, 'Hi Tom!');
    await tom.locator('snug-room-list').getByText('Hi Tom!').click();
    await sees(tom, 'Hi Tom!');
    await chat(mei, tom);
  },
  'own-store': async (mei, tom, reader) => {
    await WAYS['site-token'](mei, tom);
    assert.equal(reader.finds('Is it still there?'), false, 'the words are in Snug’s files');
  },
  'own-list': async (mei, tom) => {
    const choose = (page, room) => page.locator(`[data-room=${room}]`).click();
    for (const page of [mei, tom]) {
      await choose(page, 'bike');
      await page.locator('#state', { hasText: 'The blue bike' }).waitFor();
    }
    const inside = (page) => page.frameLocator('iframe');
    await chat(inside(mei), inside(tom));
    await choose(mei, 'lamp');
    await mei.locator('#state', { hasText: 'A desk lamp' }).waitFor();
    await say(inside(tom), 'Hello?');
    await mei.locator('[data-room=bike] b', { hasText: '1' }).waitFor();
    await mei.locator('#logout').click();
    await mei.locator('#state', { hasText: 'Signed out' }).waitFor();
  },
};

describe('quick starts', () => {
  it('each has a test here', () => {
    const texts = fs.readdirSync(DOCS).filter((name) => /^[a-z-]+\.md$/.test(name));
    assert.deepEqual(texts.map((name) => name.slice(0, -3)).sort(), Object.keys(WAYS).sort());
  });

  for (const [way, walk] of Object.entries(WAYS)) {
    it(`${way}: what is typed and saved lets two people chat`, async () => {
      const reader = await Reader.begin();
      try {
        await reader.follow(`${way}.md`);
        const [mei, tom] = [await reader.open('mei'), await reader.open('tom')];
        await walk(mei, tom, reader);
        assert.deepEqual([...mei.thrown, ...tom.thrown], []);
        await Promise.all([mei.context().close(), tom.context().close()]);
      } finally {
        await reader.end();
      }
    });

    it(`${way}: its flow is drawn, and calls what the program calls`, () => {
      for (const name of [`${way}.md`, ...TRANSLATIONS.map((other) => `${way}.${other}.md`)]) {
        const drawings = blocksOf(name).filter((block) => block.language === 'mermaid');
        assert.equal(drawings.length, 1, name);
        const [drawing] = drawings.map((block) => block.content);
        assert.match(drawing, /^sequenceDiagram\n/, name);
        const arrows = drawing.match(/-->>|->>/g) ?? [];
        assert.ok(arrows.length >= 4, `${name} draws ${arrows.length} steps`);
        const programs = blocksOf(name).filter((block) => block.file);
        const written = programs.map((block) => block.content).join('\n');
        for (const [, route] of drawing.matchAll(/\/v1\/server\/(\w+)/g)) {
          assert.ok(written.includes(route), `${name} draws ${route}, which nothing calls`);
        }
      }
      const steps = (name) => blocksOf(name)[0].content.match(/-->>|->>/g)?.length;
      for (const other of TRANSLATIONS) {
        assert.equal(steps(`${way}.${other}.md`), steps(`${way}.md`));
      }
    });

    for (const language of TRANSLATIONS) {
      it(`${way}: ${language} says to type and save the same`, () => {
        const toDo = (name) => blocksOf(name).filter((block) => block.language !== 'mermaid');
        assert.deepEqual(toDo(`${way}.${language}.md`), toDo(`${way}.md`));
      });
    }
  }
});
