// The two screens before the panel: setting the server up, and logging in.

import { api, Refusal } from '../api.js';
import { h } from '../dom.js';
import type { Panel } from '../panel.js';
import { field, form, Told } from '../parts.js';
import { t } from '../words.js';

const PASSWORD_CHARACTERS = 10;

const emailField = () =>
  field({ label: t('email'), name: 'email', type: 'email', autocomplete: 'username' });

function checkedEmail(email: ReturnType<typeof emailField>): string {
  const value = email.value().trim();
  if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value)) {
    email.complain(t(value === '' ? 'required' : 'emailBad'));
    throw new Told();
  }
  return value;
}

const frame = (title: string, intro: string, ...rest: HTMLElement[]) =>
  h('section', { class: 'entry' }, h('h1', {}, title), h('p', { class: 'intro' }, intro), rest);

export function signUpScreen(panel: Panel, query: URLSearchParams): HTMLElement {
  if (!panel.state.signup_open && !query.has('code')) {
    const back = h('a', { href: '#/login', class: 'button main' }, t('logIn'));
    return frame(t('signUpClosedTitle'), t('signUpClosed'), back);
  }
  const email = emailField();
  const password = field({
    label: t('password'),
    name: 'password',
    type: 'password',
    autocomplete: 'new-password',
    hint: t('passwordRule'),
  });
  const setupCode = field({
    label: t('setupCode'),
    name: 'setup_code',
    hint: t('setupCodeHint'),
    value: query.get('code') ?? '',
  });
  setupCode.element.hidden = !query.has('code');
  const submit = async () => {
    const address = checkedEmail(email);
    if ([...password.value()].length < PASSWORD_CHARACTERS) {
      password.complain(t('passwordRule'));
      throw new Told();
    }
    const given = setupCode.value().trim();
    try {
      await api.signUp({
        email: address,
        password: password.value(),
        ...(given && { setup_code: given }),
      });
    } catch (error) {
      if (!(error instanceof Refusal) || error.field !== 'setup_code') throw error;
      setupCode.element.hidden = false;
      setupCode.complain(given ? error.message : t('setupCodeHint'));
      throw new Told();
    }
    await panel.enter();
  };
  return frame(
    t('signUpTitle'),
    t('signUpIntro'),
    form(
      { submit: t('signUp'), onSubmit: submit },
      email.element,
      password.element,
      setupCode.element,
    ),
  );
}

export function logInScreen(panel: Panel): HTMLElement {
  const email = emailField();
  const password = field({
    label: t('password'),
    name: 'password',
    type: 'password',
    autocomplete: 'current-password',
  });
  const submit = async () => {
    const address = checkedEmail(email);
    if (password.value() === '') {
      password.complain(t('required'));
      throw new Told();
    }
    await api.logIn({ email: address, password: password.value() });
    await panel.enter();
  };
  const screen = frame(
    t('logInTitle'),
    t('logInIntro'),
    form({ submit: t('logIn'), onSubmit: submit }, email.element, password.element),
  );
  if (panel.note) screen.querySelector('.intro')?.replaceChildren(panel.note);
  if (panel.state.signup_open) {
    const link = h('a', { href: '#/signup' }, t('signUp'));
    screen.append(h('p', { class: 'aside' }, t('firstHere'), ' ', link));
  }
  return screen;
}
