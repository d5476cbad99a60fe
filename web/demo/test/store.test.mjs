import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, it } from 'node:test';
import { Store } from '../src/store.mjs';

let directory;
let file;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'second-street-store-'));
  file = path.join(directory, 'second-street.jsonl');
});
afterEach(() => fs.rmSync(directory, { recursive: true }));

it('remembers what was put, changed and deleted', () => {
  const store = new Store(directory);
  store.put('rooms', { id: 'a', listing: '1' });
  store.put('rooms', { id: 'a', listing: '2' });
  store.put('rooms', { id: 'b' });
  store.delete('rooms', 'b');
  store.close();
  const again = new Store(directory);
  assert.deepEqual(again.all('rooms'), [{ id: 'a', listing: '2' }]);
  again.close();
});

it('drops half a line that a crash left, keeps the rest, and goes on writing', () => {
  const store = new Store(directory);
  store.put('rooms', { id: 'a' });
  store.close();
  fs.appendFileSync(file, '{"table":"rooms","row":{"id":"b"');
  const again = new Store(directory);
  again.put('rooms', { id: 'c' });
  again.close();
  const third = new Store(directory);
  assert.deepEqual(
    third.all('rooms').map((row) => row.id),
    ['a', 'c'],
  );
  third.close();
});

it('refuses a file that was damaged in the middle', () => {
  fs.writeFileSync(file, 'not a row\n{"table":"rooms","row":{"id":"b"}}\n');
  assert.throws(() => new Store(directory), SyntaxError);
});

it('writes itself anew when most lines are out of date', () => {
  const store = new Store(directory);
  for (let turn = 0; turn < 500; turn += 1) store.put('rooms', { id: 'a', turn });
  store.close();
  const long = fs.statSync(file).size;
  new Store(directory).close();
  assert.ok(fs.statSync(file).size < long / 100);
  const again = new Store(directory);
  assert.equal(again.get('rooms', 'a').turn, 499);
  again.close();
});
