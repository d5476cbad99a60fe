// Second Street: a marketplace with its own members, as its own process. It needs nothing but
// Node and the address and server key of a Snug server.

import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Chat } from './src/chat.mjs';
import { Logins } from './src/logins.mjs';
import { seed } from './src/seed.mjs';
import { createSite } from './src/site.mjs';
import { Snug } from './src/snug.mjs';
import { Store } from './src/store.mjs';

const USAGE = `usage: node server.mjs --snug-url URL --server-key-file FILE --data DIR
  --port N               8090; 0 takes a free one
  --host ADDRESS         127.0.0.1
  --public-url URL       how a browser reaches this site; http://127.0.0.1:PORT
  --snug-public-url URL  how a browser reaches Snug; the same as --snug-url`;

const DRAIN_MS = 3000;
const INTRODUCE_EVERY_MS = 2000;

function readOptions() {
  const text = { type: 'string' };
  const { values } = parseArgs({
    options: {
      port: { ...text, default: '8090' },
      host: { ...text, default: '127.0.0.1' },
      'public-url': text,
      'snug-url': text,
      'snug-public-url': text,
      'server-key-file': text,
      data: text,
    },
  });
  for (const name of ['snug-url', 'server-key-file', 'data']) {
    if (!values[name]) throw new Error(`--${name} is missing`);
  }
  for (const name of ['snug-url', 'snug-public-url', 'public-url']) {
    if (values[name] && !URL.canParse(values[name])) throw new Error(`--${name} is not a URL`);
  }
  return values;
}

async function freePort(host) {
  const { createServer } = await import('node:net');
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, host, () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

async function main() {
  const options = readOptions();
  const log = (line) => process.stderr.write(`${new Date().toISOString()} ${line}\n`);
  const port = Number(options.port) || (await freePort(options.host));
  const publicUrl = (options['public-url'] ?? `http://127.0.0.1:${port}`).replace(/\/+$/, '');
  const snugPublicUrl = (options['snug-public-url'] ?? options['snug-url']).replace(/\/+$/, '');
  const directory = path.resolve(options.data);

  const store = new Store(directory);
  await seed(store);
  const snug = new Snug({ url: options['snug-url'], keyFile: options['server-key-file'] });
  const logins = new Logins(store, directory);
  const chat = new Chat({ store, snug, publicUrl });
  const site = createSite({ store, logins, chat, snug, snugPublicUrl, publicUrl, log });

  await new Promise((resolve, reject) => {
    site.once('error', reject).listen(port, options.host, resolve);
  });
  process.stdout.write(`Second Street is open at ${publicUrl}\n`);

  // Sellers who never log in need a name and a picture too; until Snug is up this waits.
  const introduce = () =>
    chat.introduceEveryone().catch((error) => {
      log(`members not known to Snug yet: ${error.message}`);
      setTimeout(introduce, INTRODUCE_EVERY_MS).unref();
    });
  introduce();

  const stop = () => {
    site.close(() => {
      store.close();
      process.exit(0);
    });
    site.closeIdleConnections();
    setTimeout(() => site.closeAllConnections(), DRAIN_MS).unref();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n${fs.existsSync(process.argv[1]) ? USAGE : ''}\n`);
  process.exit(1);
});
