// The few files that touch the platform: socket, storage, randomness, page.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { deviceId } from '../src/device.js';
import { addresses } from '../src/rest.js';
import { watchPage } from '../src/signals.js';
import { strongRandom, ulidSource } from '../src/ulid.js';
import { webSocketTransport } from '../src/websocket.js';

const scope = globalThis as unknown as Record<string, unknown>;
const kept = { WebSocket: scope.WebSocket };
afterEach(() => {
  scope.WebSocket = kept.WebSocket;
  delete scope.localStorage;
  delete scope.window;
  delete scope.document;
});

class FakeSocket {
  static last: FakeSocket;
  onmessage?: (event: { data: unknown }) => void;
  onclose?: (event: { code: number; reason: string }) => void;
  readonly sent: string[] = [];
  readonly ends: unknown[] = [];
  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    FakeSocket.last = this;
  }
  send(text: string) {
    this.sent.push(text);
  }
  close(...args: unknown[]) {
    this.ends.push(args);
  }
}

function openSocket() {
  scope.WebSocket = FakeSocket;
  const heard: unknown[] = [];
  const connection = webSocketTransport.open(
    { url: 'wss://x/v1/socket', token: 'snug_st_a.app_b' },
    { received: (text) => heard.push(text), closed: (code) => heard.push(code) },
  );
  return { connection, heard, socket: FakeSocket.last };
}

test('the token travels as a subprotocol, never in the address', () => {
  const { socket } = openSocket();
  assert.equal(socket.url, 'wss://x/v1/socket');
  assert.deepEqual(socket.protocols, ['snug.v1', 'snug.token.snug_st_a.app_b']);
});

test('text passes, anything else does not, and the end is told once', () => {
  const { connection, heard, socket } = openSocket();
  connection.send('out');
  socket.onmessage?.({ data: 'in' });
  socket.onmessage?.({ data: new ArrayBuffer(1) });
  socket.onclose?.({ code: 4000, reason: '' });
  socket.onclose?.({ code: 1006, reason: '' });
  assert.deepEqual(heard, ['in', 4000]);
  assert.deepEqual(socket.sent, ['out']);
});

test('closed from this side: silent from then on', () => {
  const { connection, heard, socket } = openSocket();
  connection.close();
  socket.onmessage?.({ data: 'late' });
  socket.onclose?.({ code: 1000, reason: '' });
  assert.deepEqual(heard, []);
  assert.deepEqual(socket.ends, [[1000, '']]);
});

test('addresses: scheme, slash and path prefix', () => {
  const rest = 'https://x/chat';
  for (const url of ['https://x/chat', 'https://x/chat/', 'wss://x/chat']) {
    assert.deepEqual(addresses(url), { rest, socket: 'wss://x/chat/v1/socket' });
  }
  assert.equal(addresses('http://localhost:7070').socket, 'ws://localhost:7070/v1/socket');
});

test('the device id: given, kept only where allowed, else of this page', () => {
  const store = new Map<string, string>();
  scope.localStorage = {
    getItem: (key: string) => store.get(key) ?? null,
    setItem: (key: string, value: string) => store.set(key, value),
  };
  let made = 0;
  const mint = () => `ID${++made}`;
  assert.equal(deviceId('phone', 'local', mint), 'phone');
  assert.equal(deviceId(undefined, undefined, mint), 'web_ID1');
  assert.equal(store.size, 0);
  assert.equal(deviceId(undefined, 'local', mint), 'web_ID2');
  assert.equal(deviceId(undefined, 'local', mint), 'web_ID2');
  scope.localStorage = {
    getItem() {
      throw new Error('denied');
    },
  };
  assert.match(deviceId(undefined, 'local', mint), /^web_ID\d$/);
});

test('ids are ULIDs, unique, and sort as they were made', () => {
  const mint = ulidSource(() => 1_700_000_000_000, strongRandom);
  const ids = Array.from({ length: 1_000 }, mint);
  for (const id of ids) assert.match(id, /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
  assert.equal(new Set(ids).size, 1_000);
  assert.deepEqual([...ids].sort(), ids);
  assert.equal(ids[0]!.slice(0, 10), '01HF7YAT00');
});

test('the page is watched while asked, by each client on its own', () => {
  const window = new EventTarget();
  const document = new EventTarget();
  Object.assign(scope, { window, document });
  const woken: string[] = [];
  const stop = watchPage(() => woken.push('a'));
  watchPage(() => woken.push('b'));
  window.dispatchEvent(new Event('online'));
  document.dispatchEvent(new Event('visibilitychange'));
  assert.deepEqual(woken, ['a', 'b', 'a', 'b']);
  stop();
  window.dispatchEvent(new Event('pageshow'));
  assert.deepEqual(woken, ['a', 'b', 'a', 'b', 'b']);
});
