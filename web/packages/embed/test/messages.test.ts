// What is a command and what is none, in both languages; and what leaves the address.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { takeFromAddress } from '../src/config.js';
import { type Happening, readCommand, WrongCommand } from '../src/messages.js';
import { isLocalhost } from '../src/parent.js';
import { inForeignWords, notCarried, PRESSED, readForeign, routeOf } from '../src/rocketchat.js';

test('commands carry what they need, and other scripts’ messages are left alone', () => {
  const command = (fields: object) => readCommand({ snug: 1, ...fields });
  assert.deepEqual(command({ type: 'open-room', room: '聊/天' }), {
    type: 'open-room',
    room: '聊/天',
  });
  assert.deepEqual(command({ type: 'logout', more: 1 }), { type: 'logout' });
  for (const none of [undefined, null, 'x', 7, [], {}, { type: 'logout' }, { snug: '1' }]) {
    assert.equal(readCommand(none), undefined);
  }
  for (const wrong of [
    {},
    { type: 'open-room' },
    { type: 'open-room', room: 7 },
    { type: 'login', token: '' },
    { type: 'login', token: 'x'.repeat(4097) },
    { type: 'theme', theme: 'pink' },
    { type: 'constructor' },
  ]) {
    assert.throws(() => command(wrong), WrongCommand);
  }
});

test('the token and the code leave the address before anything else', () => {
  const at = (address: string) => {
    let left: unknown;
    const past = { replaceState: (_: unknown, __: string, url: string) => (left = url) };
    const where = new URL(address, 'https://chat.example');
    return [takeFromAddress(where as never, past as never), left];
  };
  assert.deepEqual(at('/embed/rooms/a?app=app_1#token=a.b-c_d'), [
    { token: 'a.b-c_d', code: undefined },
    '/embed/rooms/a?app=app_1',
  ]);
  assert.deepEqual(at('/embed?code=x&theme=dark'), [
    { token: undefined, code: 'x' },
    '/embed?theme=dark',
  ]);
  assert.deepEqual(at('/channel/a?layout=embedded&resumeToken=r'), [
    { token: 'r', code: undefined },
    '/channel/a?layout=embedded',
  ]);
  assert.deepEqual(at('/embed?app=x'), [{ token: undefined, code: undefined }, undefined]);
});

test('this machine is a host, not a prefix', () => {
  for (const yes of [
    'http://localhost',
    'http://127.0.0.1:1',
    'http://[::1]:80',
    'https://a.localhost',
  ]) {
    assert.ok(isLocalhost(yes), yes);
  }
  for (const no of ['http://localhost.evil.example', 'null', 'file://localhost', 'http://evil']) {
    assert.ok(!isLocalhost(no), no);
  }
});

test('Rocket.Chat’s commands', () => {
  const said = (externalCommand: string, more = {}) => readForeign({ externalCommand, ...more });
  assert.deepEqual(said('login-with-token', { token: 't' }), { type: 'login', token: 't' });
  assert.deepEqual(readForeign({ event: 'login-with-token', loginToken: 't' }), {
    type: 'login',
    token: 't',
  });
  assert.deepEqual(said('go', { path: '/group/%E7%BE%A4?layout=embedded' }), {
    type: 'go',
    path: '/group/%E7%BE%A4?layout=embedded',
    route: { kind: 'group', name: '群' },
  });
  for (const command of ['set-user-status', 'userSetStatus']) {
    assert.deepEqual(said(command, { status: 'away' }), { type: 'status', status: 'away' });
  }
  assert.deepEqual(said('logout'), { type: 'logout' });
  const service = 'call-custom-oauth-login';
  assert.deepEqual(said(service, { service: 'x' }), { type: 'not-carried', command: service });
  assert.match(notCarried(service), /no OAuth service is configured/);
  assert.match(notCarried('other'), /"other" is not carried/);
  for (const none of [null, 'x', {}, { externalCommand: 'go' }]) {
    assert.equal(readForeign(none), undefined);
  }
  for (const none of [
    '/home',
    '//evil.example/channel/a',
    'channel/a',
    '/channel/',
    '/channel/%',
  ]) {
    assert.equal(routeOf(none), undefined, none);
  }
});

test('Rocket.Chat’s events', () => {
  const scene = { room: 'r', me: 'mei', focus: true };
  const told = (happening: Happening) => inForeignWords(happening, scene);
  assert.deepEqual(told({ type: 'ready' }), [{ eventName: 'startup', data: true }]);
  assert.deepEqual(told({ type: 'room-opened', room: 'r', title: 'general', kind: 'channel' }), [
    { eventName: 'room-opened', data: { _id: 'r', t: 'c', name: 'general', fname: 'general' } },
  ]);
  const message = { seq: 1, id: 'm', sender: 'ann', kind: 'text', text: 'hi', created_at: 't' };
  const names = (own: boolean) =>
    told({ type: 'new-message', room: 'r', own, message }).map(
      (each) => (each as { eventName: string }).eventName,
    );
  assert.deepEqual(names(true), ['new-message']);
  assert.deepEqual(names(false), ['new-message', 'notification']);
  const rooms = [{ room: 'r', title: 'general', kind: 'channel' as const, unread: 2 }];
  const unread = told({ type: 'unread-changed', unread: 2, rooms }) as { data: unknown }[];
  assert.equal(unread.at(-1)?.data, 2);
  assert.equal((unread[0]?.data as { rid?: string } | undefined)?.rid, 'r');
  assert.deepEqual(told({ type: 'signed-out', reason: 'x' }), []);
});

test('presses on people and on a card’s buttons, as Rocket.Chat’s frame tells them', () => {
  const user = { id: 'ann', name: 'Ann' };
  const action = { id: 'reserve', label: 'Reserve it' };
  const message = {
    id: 'm',
    own: false,
    sender: user,
    kind: 'card' as const,
    text: 'A light',
    card: { title: 'A light', actions: [action, { ...action, id: 'more' }] },
    createdAt: Date.UTC(2026, 10, 20),
    status: 'sent' as const,
    readByOthers: false,
  };
  const told = (name: string) => PRESSED[name]?.({ user, message, action }, 'r');
  assert.deepEqual(told('snug-mention-click'), {
    eventName: 'click-mention-link',
    data: { username: 'ann' },
  });
  for (const name of ['snug-user-click', 'snug-user-message']) {
    assert.deepEqual(told(name), {
      eventName: 'click-user-card-message',
      data: { username: 'ann' },
    });
  }
  assert.deepEqual(told('snug-card-action'), {
    eventName: 'click-action-link',
    data: {
      actionlink: 'reserve',
      value: 'm',
      message: {
        _id: 'm',
        rid: 'r',
        msg: 'A light',
        ts: '2026-11-20T00:00:00.000Z',
        u: { _id: 'ann', username: 'ann', name: 'Ann' },
        actionLinks: [
          { method_id: 'reserve', label: 'Reserve it' },
          { method_id: 'more', label: 'Reserve it' },
        ],
      },
    },
  });
});
