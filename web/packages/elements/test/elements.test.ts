// What needs no browser: languages, grouping, text, dates.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MessageView } from '@snug/client';
import { en } from '../src/locale/en.js';
import { wordsFor } from '../src/locale/index.js';
import { zhHant } from '../src/locale/zh-hant.js';
import { GROUP_MS, layTimeline } from '../src/room/timeline.js';
import { emojiCount, hueOf, initials, runsOf, safeAddress } from '../src/text/inline.js';
import { dayLabel, daysAgo, listTime } from '../src/text/time.js';

const languages = { en, zhHant };

test('every language has every key, filled, with the same placeholders', () => {
  const holes = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const [name, strings] of Object.entries(languages)) {
    assert.deepEqual(Object.keys(strings).sort(), Object.keys(en).sort(), name);
    for (const [key, text] of Object.entries(strings)) {
      assert.notEqual(text.trim(), '', `${name}.${key}`);
      assert.deepEqual(holes(text), holes(en[key as keyof typeof en]), `${name}.${key}`);
    }
  }
});

test('the language follows the element, the page, the browser, and else is English', () => {
  assert.equal(wordsFor(['zh-TW'])('send'), '傳送');
  assert.equal(wordsFor(['zh-HK']).language, 'zh-Hant');
  assert.equal(wordsFor([undefined, 'xx', 'zh-Hant'])('send'), '傳送');
  assert.equal(wordsFor(['not a tag', null])('send'), 'Send');
  assert.equal(wordsFor(['en'], ['en-GB']).tag, 'en-GB');
  assert.equal(wordsFor(['en-US'], ['en-GB']).tag, 'en-US');
  assert.equal(wordsFor(['en']).count('unread', 1), '1 unread message');
  assert.equal(wordsFor(['en']).count('unread', 1200), '1,200 unread messages');
});

let seq = 0;
function message(at: number, more: Partial<MessageView> = {}): MessageView {
  seq += 1;
  return {
    id: `m${seq}`,
    seq,
    own: false,
    sender: { id: 'a' },
    kind: 'text',
    text: 'x',
    createdAt: at,
    status: 'sent',
    readByOthers: false,
    ...more,
  };
}
const noon = new Date(2026, 10, 20, 12).getTime();
const shape = (messages: MessageView[], line?: number) =>
  layTimeline(messages, line).map((item) =>
    item.type === 'message' ? `${item.first ? '[' : ''}m${item.last ? ']' : ''}` : item.type,
  );

test('a run by one sender within five minutes is one group', () => {
  assert.deepEqual(shape([message(noon), message(noon + 1000), message(noon + GROUP_MS - 1)]), [
    'day',
    '[m',
    'm',
    'm]',
  ]);
  assert.deepEqual(shape([message(noon), message(noon + GROUP_MS)]), ['day', '[m]', '[m]']);
  const other = { sender: { id: 'b' } };
  assert.deepEqual(shape([message(noon), message(noon, other), message(noon, other)]), [
    'day',
    '[m]',
    '[m',
    'm]',
  ]);
  const own = { own: true };
  assert.deepEqual(shape([message(noon, { ...own, status: 'failed' }), message(noon, own)]), [
    'day',
    '[m]',
    '[m]',
  ]);
});

test('days, system lines and the unread line part groups', () => {
  seq = 0;
  const night = new Date(2026, 10, 20, 23, 59).getTime();
  assert.deepEqual(shape([message(night), message(night + 120_000)]), ['day', '[m]', 'day', '[m]']);
  seq = 0;
  assert.deepEqual(shape([message(noon), message(noon, { kind: 'system' }), message(noon)]), [
    'day',
    '[m]',
    'system',
    '[m]',
  ]);
  seq = 0;
  assert.deepEqual(shape([message(noon), message(noon), message(noon)], 2), [
    'day',
    '[m]',
    'unread',
    '[m',
    'm]',
  ]);
  seq = 0;
  // One's own message is never under the line.
  assert.deepEqual(shape([message(noon), message(noon, { own: true }), message(noon)], 2), [
    'day',
    '[m]',
    '[m]',
    'unread',
    '[m]',
  ]);
});

test('only http and https become links, without the sentence around them', () => {
  const links = (text: string) => runsOf(text).flatMap((run) => run.href ?? []);
  assert.deepEqual(links('see https://example.com/a.'), ['https://example.com/a']);
  assert.deepEqual(links('(http://example.com/a_(b))'), ['http://example.com/a_(b)']);
  assert.deepEqual(links('看https://example.com/x，好'), ['https://example.com/x']);
  assert.deepEqual(links('javascript:alert(1) data:text/html,x ftp://a.b file:///etc'), []);
  assert.deepEqual(links('https:// https://?'), []);
  assert.deepEqual(links('https://a.example"onmouseover="x'), ['https://a.example/']);
  const text = 'a https://example.com/b, c http://d.example';
  assert.equal(
    runsOf(text)
      .map((run) => run.text)
      .join(''),
    text,
  );
  assert.equal(safeAddress('javascript:alert(1)'), undefined);
  assert.equal(safeAddress('data:image/svg+xml,x'), undefined);
  assert.equal(safeAddress('https://a.example/i.png'), 'https://a.example/i.png');
});

test('a message of a few emoji and nothing else is set larger', () => {
  for (const text of ['👍', '👍🏽 🎉', '👨‍👩‍👧', '🇹🇼', '1️⃣', '❤️'])
    assert.ok(emojiCount(text) > 0, text);
  for (const text of ['', '1', 'ok 👍', '👍'.repeat(7), '©', '好'])
    assert.equal(emojiCount(text), 0, text);
});

test('initials and hue', () => {
  assert.equal(initials('王小明'), '王');
  assert.equal(initials('Jun Aoki'), 'JA');
  assert.equal(initials('محمد علي'), 'م');
  assert.equal(initials('  '), '?');
  assert.equal(hueOf('u-1'), hueOf('u-1'));
  assert.ok(new Set(['a', 'b', 'c', 'd', 'e'].map(hueOf)).size > 3);
});

test('days are counted by the calendar', () => {
  const now = new Date(2026, 10, 20, 0, 30).getTime();
  const before = new Date(2026, 10, 19, 23, 50).getTime();
  assert.equal(daysAgo(before, now), 1);
  const zh = wordsFor(['zh-TW']);
  assert.equal(dayLabel(before, now, zh), '昨天');
  assert.equal(dayLabel(now, now, zh), '今天');
  assert.match(dayLabel(new Date(2025, 0, 2).getTime(), now, zh), /2025年1月2日/);
  assert.equal(listTime(before, now, wordsFor(['en'])), 'Yesterday');
  assert.equal(listTime(new Date(2026, 10, 17, 9).getTime(), now, wordsFor(['en'])), 'Tue');
});

test('importing the elements without a DOM defines nothing and does not throw', async () => {
  assert.equal(typeof document, 'undefined');
  const elements = await import('../src/index.js');
  assert.equal(typeof elements.SnugChat, 'function');
  elements.defineElements();
});
