import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOSE_CODES, closeName, ERROR_CODES, reconnectRule } from '@snug/protocol';

test('the ranges decide what a client does', () => {
  for (const code of [1000, 1001, 1006, 1011, 4000, 4003, 4099]) {
    assert.equal(reconnectRule(code), 'reconnect', `${code}`);
  }
  for (const code of [4100, 4101, 4199]) assert.equal(reconnectRule(code), 'new_token', `${code}`);
  for (const code of [4200, 4205, 4208, 4299]) {
    assert.equal(reconnectRule(code), 'stay_away', `${code}`);
  }
});

test('codes have names, also those of a newer server', () => {
  assert.equal(closeName(4202), 'session_replaced');
  assert.equal(closeName(4250), 'close_4250');
  assert.equal(Object.keys(CLOSE_CODES).length, 15);
  assert.deepEqual(ERROR_CODES.rate_limited, { status: 429, retryable: true });
});
