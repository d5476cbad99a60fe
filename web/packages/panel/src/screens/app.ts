// One application: its keys, its quick start, its settings.

import { type App, api, type Key } from '../api.js';
import { h, ICONS, icon, on, replace } from '../dom.js';
import type { Panel } from '../panel.js';
import { copyButton, form } from '../parts.js';
import { count, day, moment, t } from '../words.js';
import { appFields, marks } from './apps.js';
import { dialectsCard } from './dialects.js';
import { revealKey, rotateKey } from './keys.js';
import { quickStart } from './quick-start.js';
import { tokensCard } from './tokens.js';

const keyRow = (key: Key) =>
  h(
    'li',
    {},
    h('code', {}, `…${key.hint}`),
    h('span', { class: 'note' }, t('created', { date: day(key.created_at) })),
    key.expires_at
      ? h('span', { class: 'mark warn' }, t('keyUntil', { date: moment(key.expires_at) }))
      : h('span', { class: 'mark good' }, t('keyCurrent')),
  );

function keysCard(panel: Panel, app: App, shown: (key: string) => void): HTMLElement {
  const show = on(h('button', { type: 'button' }, t('showKey')), {
    click: () => revealKey(app, shown),
  });
  const renewed = () => panel.redrawBehindDialog();
  const renew = on(h('button', { type: 'button' }, t('rotateKey')), {
    click: () => rotateKey(app, renewed),
  });
  return h(
    'section',
    { class: 'card' },
    h('h2', {}, t('serverKeys')),
    h('p', { class: 'note' }, t('serverKeyHint')),
    h('ul', { class: 'keys' }, app.keys.map(keyRow)),
    h('div', { class: 'buttons' }, show, renew),
  );
}

function settingsCard(panel: Panel, app: App): HTMLElement {
  const fields = appFields(app);
  const saved = h('span', { class: 'saved', role: 'status' });
  const submit = async () => {
    replace(saved);
    const after = await api.changeApp(app.id, fields.read());
    replace(saved, icon(ICONS.done), t('saved'));
    panel.retitle(after.name);
  };
  return h(
    'section',
    { class: 'card' },
    h('h2', {}, t('settings')),
    app.origins.length === 0 &&
      h('p', { class: 'note warn' }, t(app.development ? 'noOrigins' : 'noOriginsAtAll')),
    form({ submit: t('save'), onSubmit: submit, extra: saved }, fields.elements),
  );
}

export async function appScreen(panel: Panel, id: string): Promise<HTMLElement> {
  const app = (await api.apps()).find((each) => each.id === id);
  const back = h('a', { href: '#/apps', class: 'back' }, icon(ICONS.back), t('back'));
  if (!app) return h('section', {}, back, h('p', { class: 'empty' }, t('notFound')));
  // The quick start takes the key up once it was shown here, and forgets it with the screen.
  const start = h('div', {});
  const fill = (key: string) => replace(start, quickStart(key));
  fill(t('quickKeyMissing'));
  return h(
    'section',
    {},
    back,
    h('div', { class: 'head' }, h('h1', {}, app.name), h('div', { class: 'marks' }, marks(app))),
    h(
      'p',
      { class: 'facts' },
      h('code', {}, app.id),
      copyButton(() => app.id),
      h('span', {}, `${count(app.users)} ${t('users')} · ${count(app.rooms)} ${t('rooms')}`),
      h('a', { href: `/panel/apps/${encodeURIComponent(app.id)}/deliveries` }, t('deliveries')),
    ),
    h(
      'div',
      { class: 'columns' },
      h('div', {}, keysCard(panel, app, fill), start, dialectsCard(app)),
      h('div', {}, settingsCard(panel, app), tokensCard(app.id, await api.tokens(app.id))),
    ),
  );
}
