// The vectors of signed server requests, and the example of docs/authentication.md run on them.
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const repo = process.env.SNUG_REPO!;
const file = join(repo, 'api', 'examples', 'signed.vectors.json');

interface Vector {
  name: string;
  key: string;
  timestamp: string;
  nonce: string;
  method: string;
  path: string;
  query: string;
  body: string;
  canonical: string;
  signature: string;
}

const { server_key: serverKey, vectors } = JSON.parse(readFileSync(file, 'utf8')) as {
  server_key: string;
  vectors: Vector[];
};

test('the canonical string and its signature are those of the vectors', () => {
  assert.ok(vectors.length >= 4);
  for (const vector of vectors) {
    const pairs = vector.query.split('&').filter(Boolean).sort().join('&');
    const hash = createHash('sha256').update(vector.body).digest('hex');
    const { key, timestamp, nonce, method, path } = vector;
    const text = ['v1', key, timestamp, nonce, method, path, pairs, hash].join('\n');
    assert.equal(text, vector.canonical, vector.name);
    const signature = createHmac('sha256', serverKey).update(text).digest('hex');
    assert.equal(`v1=${signature}`, vector.signature, vector.name);
  }
});

test('the example of the page signs as the vectors do', () => {
  const page = readFileSync(join(repo, 'docs', 'authentication.md'), 'utf8');
  const source = /function sign\(serverKey[\s\S]*?\n}\n/.exec(page)?.[0];
  assert.ok(source, 'docs/authentication.md has no function sign');
  for (const vector of vectors) {
    const crypto = {
      createHash,
      createHmac,
      randomBytes: () => ({ toString: () => vector.nonce }),
      Date: { now: () => Number(vector.timestamp) * 1000 },
    };
    const names = Object.keys(crypto);
    const make = new Function(...names, `${source}\nreturn sign;`);
    const sign = make(...Object.values(crypto)) as (...what: string[]) => Record<string, string>;
    const headers: Record<string, string> = sign(
      serverKey,
      vector.method,
      vector.path,
      vector.query,
      vector.body,
    );
    assert.equal(headers['Snug-Key'], vector.key);
    assert.equal(headers['Snug-Signature'], vector.signature, vector.name);
  }
});
