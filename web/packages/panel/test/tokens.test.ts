import assert from 'node:assert/strict';
import { it } from 'node:test';
import { keysIn } from '../src/key-texts.js';

it('takes keys apart at empty lines', () => {
  const pem = '-----BEGIN PUBLIC KEY-----\nAAAA\nBBBB\n-----END PUBLIC KEY-----';
  const jwk = '{\n  "kty": "OKP"\n}';
  assert.deepEqual(keysIn(`\n${pem}\n\n  \n${jwk}\n`), [pem, jwk]);
  assert.deepEqual(keysIn(' \n'), []);
});
