// What the server serves besides the API: the SDK as a script, as a module with types and as a
// package that `npm install` takes; the reference; and `snug demo`, which starts the site.
//
//   SNUG_BIN=/path/to/snug node --test test/served.mjs

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort, SnugProcess } from './processes.mjs';

const run = promisify(execFile);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'snug-served-'));
const web = fileURLToPath(new URL('../..', import.meta.url));
let snug;

before(async () => {
  snug = await SnugProcess.create(folder);
  await snug.start();
});
after(async () => {
  await snug?.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

async function fetched(name, type) {
  const answer = await fetch(`${snug.url}${name}`);
  assert.equal(answer.status, 200, name);
  assert.match(answer.headers.get('content-type') ?? '', type, name);
  return answer.text();
}

describe('what a server serves', () => {
  it('says that it lives and is ready', async () => {
    for (const name of ['/healthz', '/readyz']) {
      assert.equal((await fetch(snug.url + name)).status, 200, name);
    }
    assert.match(await fetched('/metrics', /text|openmetrics/), /snug_/);
  });

  it('has a reference to read and one for programs', async () => {
    assert.match(await fetched('/docs', /text\/html/), /\/v1\/server\/sessions/);
    const described = JSON.parse(await fetched('/docs/openapi.json', /json/));
    assert.equal(described.openapi, '3.1.0');
    assert.match(await fetched('/docs/errors', /text\/html/), /message_id_conflict/);
  });

  it('has the SDK as a script and as a module, for pages of every origin', async () => {
    for (const name of ['/sdk/snug.js', '/sdk/snug.mjs']) {
      assert.ok((await fetched(name, /javascript/)).length > 1_000, name);
      const answer = await fetch(snug.url + name, { headers: { origin: 'https://shop.example' } });
      assert.equal(answer.headers.get('access-control-allow-origin'), '*', name);
    }
  });

  it('has the SDK as a package with types', async () => {
    const site = path.join(folder, 'site');
    fs.mkdirSync(site);
    fs.writeFileSync(path.join(site, 'package.json'), '{"name":"site","type":"module"}');
    const flags = ['--no-audit', '--no-fund', '--silent'];
    await run('npm', ['install', ...flags, `${snug.url}/sdk/snug-client.tgz`], { cwd: site });
    fs.writeFileSync(
      path.join(site, 'use.mjs'),
      "import { SnugClient } from '@snug/client';\nconsole.log(typeof SnugClient);\n",
    );
    const { stdout } = await run(process.execPath, ['use.mjs'], { cwd: site });
    assert.equal(stdout.trim(), 'function');
    const typed = (value) => `
import { SnugClient } from '@snug/client';
const client = new SnugClient({ url: 'https://chat.example', token: ${value} });
client.room('bike').send({ text: 'hello' });
`;
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022'];
    const libraries = ['--lib', 'es2022,dom'];
    const check = () =>
      run(path.join(web, 'node_modules/.bin/tsc'), [...options, ...libraries, 'use.ts'], {
        cwd: site,
      });
    fs.writeFileSync(path.join(site, 'use.ts'), typed("'snug_st_x'"));
    await check();
    fs.writeFileSync(path.join(site, 'use.ts'), typed('7'));
    await assert.rejects(check(), ({ stdout }) => /error TS/.test(stdout));
  });

  it('starts with its demo site', async () => {
    const [port, sitePort] = [await freePort(), await freePort()];
    const program = process.env.SNUG_BIN;
    const child = spawn(
      program,
      [
        ...['--data', path.join(folder, 'demo'), '--listen', `127.0.0.1:${port}`],
        ...['demo', '--site', path.join(web, 'demo'), '--site-port', String(sitePort)],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let told = '';
    const said = new Promise((resolve, reject) => {
      child.stdout.on('data', (chunk) => {
        told += chunk;
        if (told.includes('reference')) resolve();
      });
      child.on('exit', () => reject(new Error(`it ended: ${told}`)));
    });
    child.stderr.on('data', (chunk) => {
      told += chunk;
    });
    try {
      await said;
      const address = (name) => told.match(new RegExp(`${name} +(http\\S+)`))?.[1];
      assert.equal((await fetch(address('panel'))).status, 200);
      assert.equal((await fetch(address('reference'))).status, 200);
      let site;
      for (let tries = 0; tries < 100 && !site; tries += 1) {
        site = await fetch(address('demo site')).catch(() => undefined);
        if (!site) await new Promise((wait) => setTimeout(wait, 100));
      }
      assert.equal(site?.status, 200);
      assert.match(await site.text(), /Second Street/);
    } finally {
      child.removeAllListeners('exit');
      if (child.exitCode === null) {
        child.kill('SIGTERM');
        await once(child, 'exit');
      }
    }
  });
});
