import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { it } from 'node:test';
import { originIn, originsIn } from '../src/origins.js';
import { openSession, twoLines } from '../src/snippets.js';

it('takes origins as people type them', () => {
  assert.equal(originIn(' https://Shop.Example/ '), 'https://shop.example');
  assert.equal(originIn('http://localhost:5173'), 'http://localhost:5173');
  assert.equal(originIn('https://商店.example'), 'https://xn--czrs0t.example');
  assert.deepEqual(originsIn('https://a.example\n\nhttps://b.example, https://a.example/'), {
    origins: ['https://a.example', 'https://b.example'],
  });
});

it('names what is not an origin', () => {
  for (const bad of [
    'shop.example',
    '*',
    'https://a.example/path',
    'https://u@a.example',
    'ftp://a',
  ]) {
    assert.deepEqual(originsIn(`https://ok.example\n${bad}`), { bad });
  }
});

it('writes a shell line from which the key comes out whole', () => {
  for (const key of ['snug_sk_app_x_k1_a-_B', "a'b; echo no $HOME `id`"]) {
    const [assignment] = openSession('http://127.0.0.1:8080', key).split('\n');
    const script = `${assignment}\nprintf %s "$SNUG_KEY"`;
    assert.equal(execFileSync('sh', ['-c', script], { encoding: 'utf8' }), key);
  }
});

it('writes the page lines with the server and the token’s address', () => {
  const [script, element] = twoLines('https://chat.example').split('\n');
  assert.match(script ?? '', /src="https:\/\/chat\.example\/sdk\/snug\.js"/);
  assert.equal(element, '<snug-chat token-url="/chat-token"></snug-chat>');
});
