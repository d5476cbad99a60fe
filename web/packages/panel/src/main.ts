// The page: header, hash routes, and the state every screen starts from.

import { api, type PanelState, Refusal } from './api.js';
import { h, on, replace } from './dom.js';
import type { Panel } from './panel.js';
import { wordsOf } from './parts.js';
import { appScreen } from './screens/app.js';
import { appsScreen, newAppScreen } from './screens/apps.js';
import { logInScreen, signUpScreen } from './screens/entry.js';
import { currentLanguage, switchLanguage, t } from './words.js';

let state: PanelState | undefined;
let note = '';
let drawing = 0;

const header = h('header', {});
const main = h('main', { tabindex: -1 });
const footer = h('footer', {});

function go(route: string): void {
  if (location.hash === route) void draw();
  else location.hash = route;
}

const panel: Panel = {
  get state() {
    if (!state) throw new Error('a screen was drawn before the state was known');
    return state;
  },
  get note() {
    return note;
  },
  async enter() {
    state = await api.state();
    note = '';
    go('#/apps');
  },
  redrawBehindDialog() {
    void draw({ keepFocus: true });
  },
  retitle(name) {
    const title = main.querySelector('h1');
    if (title) title.textContent = name;
  },
};

function parseRoute(): { path: string; query: URLSearchParams } {
  const [path, query] = location.hash.replace(/^#/, '').split('?');
  return { path: path || '/', query: new URLSearchParams(query) };
}

/** Which screen a route means for who is looking. */
async function screen(): Promise<HTMLElement> {
  state ??= await api.state();
  const { path, query } = parseRoute();
  if (path === '/signup' && !state.operator) return signUpScreen(panel, query);
  if (!state.operator) {
    const first = state.signup_open && path !== '/login';
    return first ? signUpScreen(panel, query) : logInScreen(panel);
  }
  if (path === '/apps/new') return newAppScreen();
  const app = /^\/apps\/(.+)$/.exec(path)?.[1];
  return app ? appScreen(panel, decodeURIComponent(app)) : appsScreen(panel);
}

async function draw({ keepFocus = false } = {}): Promise<void> {
  drawing += 1;
  const mine = drawing;
  if (!main.firstChild) replace(main, h('p', { class: 'empty', role: 'status' }, t('loading')));
  let next: HTMLElement;
  try {
    next = await screen();
  } catch (error) {
    if (error instanceof Refusal && error.status === 401) {
      await leave(t('loggedOut'));
      return;
    }
    next = failed(error);
  }
  // A newer draw has begun while this one waited.
  if (mine !== drawing) return;
  drawFrame();
  replace(main, next);
  document.title = `${main.querySelector('h1')?.textContent ?? 'Snug'} · Snug`;
  if (keepFocus) return;
  window.scrollTo(0, 0);
  (main.querySelector<HTMLElement>('.entry input') ?? main).focus({ preventScroll: true });
}

function failed(error: unknown): HTMLElement {
  const again = on(h('button', { class: 'main', type: 'button' }, t('tryAgain')), {
    click: () => void draw(),
  });
  return h(
    'section',
    { class: 'entry' },
    h('p', { class: 'trouble', role: 'alert' }, wordsOf(error)),
    again,
  );
}

async function leave(reason: string): Promise<void> {
  note = reason;
  state = undefined;
  for (const open of document.querySelectorAll('dialog')) open.close();
  go('#/login');
}

function drawFrame(): void {
  document.documentElement.lang = currentLanguage();
  const language = on(
    h(
      'button',
      { type: 'button', class: 'quiet', lang: currentLanguage() === 'en' ? 'zh-Hant' : 'en' },
      t('language'),
    ),
    {
      click: () => {
        switchLanguage();
        void draw();
      },
    },
  );
  const logOut = on(h('button', { type: 'button', class: 'quiet' }, t('logOut')), {
    click: async () => {
      await api.logOut().catch(() => undefined);
      await leave('');
    },
  });
  const mark = h('img', { src: './icon.svg', alt: '', width: 32, height: 32 });
  const operator = state?.operator;
  replace(
    header,
    h(
      'a',
      { class: 'brand', href: '#/apps' },
      mark,
      h('strong', {}, 'Snug'),
      h('span', {}, t('panel')),
    ),
    operator && h('span', { class: 'who', title: operator.email }, operator.email),
    language,
    operator && logOut,
  );
  replace(footer, state ? t('version', { version: state.version }) : '');
}

window.addEventListener('hashchange', () => void draw());
replace(document.body, header, main, footer);
drawFrame();
void draw();
