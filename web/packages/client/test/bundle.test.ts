// The file that pages load: built as `npm run build` builds it, and spoken to
// only through the public surface, since short names could break it alone.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { build } from 'esbuild';
import type { ClientOptions, Client as PublicClient } from '../src/types.js';
import { FakeServer } from './fake-server.js';
import { settle, texts } from './stage.js';

const folder = join(process.env.SNUG_WEB!, 'packages', 'client');

async function bundle() {
  const { bundleOptions } = await import(join(folder, 'bundle.mjs'));
  const { outputFiles } = await build({ ...bundleOptions, write: false });
  const text = outputFiles![0]!.text;
  const url = `data:text/javascript;base64,${Buffer.from(text).toString('base64')}`;
  return { text, module: await import(url) };
}

test('the bundle imports without a browser, and holds a conversation', async () => {
  const { module } = await bundle();
  const server = new FakeServer();
  server.makeRoom('r', ['alice', 'bob']);
  server.say('r', 'bob', 'hi');
  const options: ClientOptions = { url: 'https://x', token: 'good', transport: server.transport };
  const client: PublicClient = new module.SnugClient(options);
  client.connect();
  const room = client.room('r');
  await room.open();
  await room.send({ text: 'hello' });
  server.say('r', 'bob', 'bye');
  await settle();
  assert.deepEqual(texts(room), ['hi', 'hello', 'bye']);
  const [view] = client.rooms.getSnapshot().rooms;
  assert.equal(view!.preview?.senderName, 'Bob');
  assert.equal(client.connection.getSnapshot().status, 'online');
  client.close();
  assert.throws(() => module.checkToken('snug_sk_x'), module.ConfigurationError);
});

test('the bundle names no other module', async () => {
  const { text } = await bundle();
  assert.doesNotMatch(text, /\bimport\s*[("'{*]|\brequire\(/);
});
