// The application list, and the form for a new one.

import { type App, api, type NewApp, type Policy } from '../api.js';
import { type Child, h, ICONS, icon, on, replace } from '../dom.js';
import { originsIn } from '../origins.js';
import type { Panel } from '../panel.js';
import { choices, copyButton, type Field, field, form, secret, Told, toggle } from '../parts.js';
import { count, day, t } from '../words.js';
import { revealKey, rotateKey } from './keys.js';
import { quickStart } from './quick-start.js';

export const appAddress = (app: App) => `#/apps/${encodeURIComponent(app.id)}`;

export function marks(app: App): Child {
  return [
    h('span', { class: 'mark' }, t(app.policy === 'open' ? 'open' : 'backendOnly')),
    app.development && h('span', { class: 'mark warn' }, t('development')),
  ];
}

/** The key in use: the newest of those that do not run out. */
function currentHint(app: App): string {
  const lasting = app.keys.filter((key) => !key.expires_at);
  const [newest] = lasting.sort((a, b) => b.created_at.localeCompare(a.created_at));
  return newest ? `…${newest.hint}` : '';
}

function row(app: App, changed: () => void): HTMLElement {
  const show = on(h('button', { type: 'button' }, t('showKey')), {
    click: () => revealKey(app, () => {}),
  });
  const renew = on(h('button', { type: 'button' }, t('rotateKey')), {
    click: () => rotateKey(app, changed),
  });
  return h(
    'li',
    { class: 'app' },
    h(
      'div',
      { class: 'app-main' },
      h('h2', {}, h('a', { href: appAddress(app) }, app.name)),
      h('div', { class: 'marks' }, marks(app)),
    ),
    h(
      'div',
      { class: 'app-id' },
      h('code', {}, app.id),
      copyButton(() => app.id),
    ),
    h(
      'dl',
      { class: 'counts' },
      h('div', {}, h('dd', {}, count(app.users)), h('dt', {}, t('users'))),
      h('div', {}, h('dd', {}, count(app.rooms)), h('dt', {}, t('rooms'))),
    ),
    h(
      'div',
      { class: 'app-key' },
      h('span', { class: 'note' }, t('serverKey'), ' ', h('code', {}, currentHint(app))),
      h('div', { class: 'buttons' }, show, renew),
    ),
    h('p', { class: 'note app-date' }, t('created', { date: day(app.created_at) })),
  );
}

export async function appsScreen(panel: Panel): Promise<HTMLElement> {
  const apps = await api.apps();
  const add = h('a', { href: '#/apps/new', class: 'button main' }, icon(ICONS.plus), t('newApp'));
  const head = h('div', { class: 'head' }, h('h1', {}, t('apps')), add);
  const changed = () => panel.redrawBehindDialog();
  const list =
    apps.length === 0
      ? h('p', { class: 'empty' }, t('noApps'))
      : h(
          'ul',
          { class: 'apps' },
          apps.map((app) => row(app, changed)),
        );
  return h('section', {}, head, list);
}

export function checkedName(name: Field): string {
  const value = name.value().trim();
  if (value !== '') return value;
  name.complain(t('required'));
  throw new Told();
}

export function checkedOrigins(origins: Field): string[] {
  const found = originsIn(origins.value());
  if ('origins' in found) return found.origins;
  origins.complain(t('originBad', { origin: found.bad }));
  throw new Told();
}

export function appFields(app?: App) {
  const name = field({ label: t('name'), name: 'name', hint: t('nameHint'), value: app?.name });
  const policy = choices(
    t('policy'),
    'policy',
    [
      { value: 'open', label: t('policyOpen'), hint: t('policyOpenHint') },
      { value: 'backend_only', label: t('policyBackend'), hint: t('policyBackendHint') },
    ],
    app?.policy ?? 'open',
  );
  const origins = field({
    label: t('origins'),
    name: 'origins',
    hint: t('originsHint'),
    value: app?.origins.join('\n'),
    lines: 3,
  });
  const development = toggle(t('development'), t('developmentHint'), app?.development ?? true);
  const read = (): NewApp => ({
    name: checkedName(name),
    policy: policy.value() as Policy,
    development: development.value(),
    origins: checkedOrigins(origins),
  });
  const elements = [name.element, policy.element, origins.element, development.element];
  return { elements, read };
}

export function newAppScreen(): HTMLElement {
  const fields = appFields();
  const cancel = h('a', { href: '#/apps', class: 'button' }, t('cancel'));
  const screen = h('section', { class: 'narrow' });
  const submit = async () => {
    const { server_key: key, ...app } = await api.createApp(fields.read());
    replace(screen, created(app, key));
    window.scrollTo(0, 0);
  };
  replace(
    screen,
    h('h1', {}, t('newApp')),
    form({ submit: t('create'), onSubmit: submit, extra: cancel }, fields.elements),
  );
  return screen;
}

const created = (app: App, key: string): Child => [
  h('h1', {}, t('keyOnceTitle', { name: app.name })),
  h('p', { class: 'intro' }, t('keyOnce')),
  secret(key),
  quickStart(key),
  h(
    'div',
    { class: 'buttons' },
    h('a', { href: appAddress(app), class: 'button main' }, t('toApp')),
  ),
];
