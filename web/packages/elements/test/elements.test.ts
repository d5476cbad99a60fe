// What needs no browser: languages, grouping, text, dates.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Mentions, MessageView, RoomSnapshot } from '@snug/client';
import { afterEdit, asked, Chosen, candidates } from '../src/composer/suggestions.js';
import { en } from '../src/locale/en.js';
import { wordsFor } from '../src/locale/index.js';
import { zhHant } from '../src/locale/zh-hant.js';
import { GROUP_MS, layTimeline } from '../src/room/timeline.js';
import { reason } from '../src/shared/reason.js';
import { emojiCount, hueOf, initials, runsOf, safeAddress } from '../src/text/inline.js';
import { type Mark, markdown, type Node, plain } from '../src/text/markdown.js';
import { partsOf } from '../src/text/mentions.js';
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

test('a refusal is told in the words of the site, and else in those of the language', () => {
  const known = { room_frozen: 'whyFrozen' } as const;
  const why = (code: string, detail = '') => reason({ code, detail }, known, wordsFor(['zh-TW']));
  assert.equal(why('message_refused', 'Be kind.'), 'Be kind.');
  const silent = 'the application does not take this message';
  assert.equal(why('message_refused', silent), zhHant.whyNotHere);
  assert.equal(why('room_frozen', 'the room is frozen'), zhHant.whyFrozen);
  assert.equal(why('internal', 'internal error'), undefined);
  assert.equal(reason(undefined, known, wordsFor(['en'])), undefined);
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

const NAMES: Record<string, string> = { 'u-1': 'Ana', 'u-2': 'Ana Ruiz', 'u-3': '小明', me: 'Lin' };
const called = (id: string) => NAMES[id] ?? id;
const reader = { me: 'me', role: 'admin', called };
/** Mentions in square brackets, those of the reader with a mark. */
const marked = (text: string, mentions: Mentions) =>
  partsOf(text, mentions, reader)
    .map((part) => (part.mention ? `[${part.text}${part.mention.own ? '!' : ''}]` : part.text))
    .join('');

test('who is meant is found in the text by name and by id, and nobody else', () => {
  const users = ['u-1', 'u-2', 'u-3', 'me', 'a.b+c'];
  assert.equal(marked('@Ana @ana ruiz, @u-3!', { users }), '[@Ana] [@ana ruiz], [@u-3]!');
  assert.equal(marked('@Anabel x@ana.example @a.b+c', { users }), '@Anabel x@ana.example [@a.b+c]');
  assert.equal(marked('你好@小明再見 @Lin', { users }), '你好[@小明]再見 [@Lin!]');
  assert.equal(marked('@小明@小明@Ana@Bob', { users }), '[@小明][@小明][@Ana]@Bob', 'side by side');
  assert.equal(marked('𝒜@Ana 😀@Ana', { users }), '𝒜@Ana 😀[@Ana]', 'letters of two units');
  assert.equal(marked('@Ana @Bob', { users: ['u-2'] }), '@Ana @Bob');
  assert.equal(marked('@all @everyone @here', {}), '@all @everyone @here');
  assert.equal(marked('@all @所有人請', { everyone: true }), '[@all!] [@所有人!]請');
  const roles = ['admin', 'owner'] as const;
  assert.equal(
    marked('@admins @owner @member', { roles: [...roles] }),
    '[@admins!] [@owner] @member',
  );
  assert.equal(
    marked('https://x.example/@Ana @Ana', { users }),
    'https://x.example/@Ana [@Ana]',
    'an address stays whole',
  );
});

test('an `@` at a word’s start asks for members by name or id', () => {
  assert.deepEqual(asked('Hi @an'), { from: 3, word: 'an' });
  assert.deepEqual(asked('嗨@Ana R'), { from: 1, word: 'ana r' });
  for (const none of ['Hi', 'a@b', '@a\n', 'x.@y']) assert.equal(asked(none), undefined, none);
  const members = Object.entries(NAMES).map(([user, name]) => [
    user,
    { user, name, state: user === 'u-3' ? 'left' : 'active' },
  ]);
  const view = (room: object) =>
    ({ room, members: new Map(members as never), users: new Map() }) as unknown as RoomSnapshot;
  const offered = (word: string, room: object) =>
    candidates(word, view(room), 'me', wordsFor(['en'])).map(({ id, name }) => id ?? `${name}*`);
  assert.deepEqual(offered('', { kind: 'direct', member_count: 2 }), ['u-1', 'u-2']);
  assert.deepEqual(offered('', { kind: 'group', member_count: 3 }), ['u-1', 'u-2', 'everyone*']);
  assert.deepEqual(offered('ana r', { kind: 'group', member_count: 3 }), ['u-2']);
  assert.deepEqual(offered('al', { kind: 'group', member_count: 3 }), ['everyone*']);
  assert.deepEqual(offered('e', { kind: 'group', member_count: 101 }), []);
  const admin = { kind: 'group', member_count: 101, mine: { role: 'admin' } };
  assert.deepEqual(offered('e', admin), ['everyone*']);
});

test('who was chosen is called while the words name them', () => {
  const chosen = new Chosen();
  for (const id of ['u-1', 'u-2']) chosen.add({ id, name: called(id) });
  chosen.add({ name: 'everyone' });
  assert.deepEqual(chosen.in('@Ana Ruiz, @Ana and @everyone'), {
    users: ['u-1', 'u-2'],
    everyone: true,
  });
  assert.deepEqual(chosen.in('@Ana Ruiz'), { users: ['u-2'] }, 'of the two the one that is meant');
  assert.deepEqual(chosen.in('@Ana, hi'), { users: ['u-1'] });
  assert.equal(chosen.in('Ana @Anabel'), undefined);
  chosen.add({ id: 'u-9', name: 'Ana' });
  assert.deepEqual(chosen.in('@Ana, hi'), { users: ['u-9'] }, 'another of that name');
});

test('an edit keeps those whom it does not touch', () => {
  const of = (text: string, mentions?: Mentions) => message(noon, { text, mentions });
  const old = of('@Ana @all', { users: ['u-1', 'u-3'], everyone: true });
  assert.deepEqual(afterEdit(old, '@Ana hi', undefined, called), { users: ['u-1', 'u-3'] });
  assert.deepEqual(afterEdit(old, '@all', { users: ['u-2'] }, called), {
    users: ['u-3', 'u-2'],
    everyone: true,
  });
  assert.equal(afterEdit(of('@Ana', { users: ['u-1'] }), 'x', undefined, called), null);
  assert.equal(afterEdit(of('x'), 'y', undefined, called), undefined);
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

test('no pattern looks behind: older Safari could not read the script at all', async () => {
  const src = join(process.env.SNUG_WEB!, 'packages/elements/src');
  for (const name of await readdir(src, { recursive: true })) {
    if (!name.endsWith('.ts')) continue;
    assert.doesNotMatch(await readFile(join(src, name), 'utf8'), /\(\?<[=!]/, name);
  }
});

test('importing the elements without a DOM defines nothing and does not throw', async () => {
  assert.equal(typeof document, 'undefined');
  const elements = await import('../src/index.js');
  assert.equal(typeof elements.SnugChat, 'function');
  elements.defineElements();
});

test('markdown is read as the server reads it', async () => {
  const golden = 'crates/snug-core/tests/golden/markdown.json';
  const text = await readFile(join(process.env.SNUG_REPO ?? '', golden), 'utf8');
  const words = (of: string) => of.replace(/\s+/g, ' ').trim();
  for (const { source, plain: expected } of JSON.parse(text)) {
    assert.equal(words(plain(source)), words(expected), source);
  }
});

test('markdown makes what it may, and nothing else', () => {
  const shape = (nodes: Node[]): unknown =>
    nodes.map((node) =>
      typeof node === 'string' ? node : [node.href ?? node.tag, shape(node.inside)],
    );
  const made = (text: string) => shape(markdown(text));
  assert.deepEqual(made('**_a_** ~~b~~'), [['p', [['b', [['em', ['a']]]], ' ', ['s', ['b']]]]]);
  assert.deepEqual(made('> a\n> b\n- *c*\n- d\n# e'), [
    ['blockquote', ['a', '\n', 'b']],
    [
      'ul',
      [
        ['li', [['em', ['c']]]],
        ['li', ['d']],
      ],
    ],
    ['p', [['b', ['e']]]],
  ]);
  assert.deepEqual(made('```\n<b>*x*</b>\n```'), [['pre', ['<b>*x*</b>']]]);
  for (const [text, href] of [
    ['[a](https://x.example/1)', 'https://x.example/1'],
    ['![a](HTTP://x.example)', 'http://x.example/'],
    ['[a](mailto:a@x.example)', 'mailto:a@x.example'],
  ] as const) {
    assert.deepEqual(made(text), [['p', [[href, ['a']]]]]);
  }
  for (const text of [
    '[a](javascript:alert(1))',
    '[a](data:text/html,x)',
    '[a](//x.example)',
    '[a](https://)',
    '<a href="https://x.example">a</a>',
    '<script>alert(1)</script>',
    '[a]("https://x.example" onclick=x)',
  ]) {
    assert.deepEqual(made(text), [['p', [text]]]);
  }
});

// Ends soon only where the time grows with the text; no clock is asked, since machines differ.
test('markdown that is made to take long does not', () => {
  const depth = (nodes: Node[]): number =>
    Math.max(0, ...nodes.map((node) => (typeof node === 'string' ? 0 : 1 + depth(node.inside))));
  const deepest = (marks: Mark[]) => marks.reduce((most, mark) => Math.max(most, depth([mark])), 0);
  const long = (part: string, bytes: number) => part.repeat(Math.ceil(bytes / part.length));
  /** Sixty-four times what a message may have. */
  const LONG = 1_048_576;
  const hostile = [
    '*',
    '[',
    '`',
    '**a',
    '_a ',
    '~~',
    '[a](',
    '[a](http://',
    '``a`',
    '\\',
    '![',
    '*_~~',
  ];
  for (const part of [...hostile, '> ', '- a\n', '```\n', '#', '_a*b~~c**', '[a](mailto:x']) {
    assert.ok(plain(long(part, LONG)).length <= LONG + part.length, part);
    // Who renders goes down as far as marks are nested.
    assert.ok(deepest(markdown(long(part, 4_096))) <= 10, part);
  }
});
