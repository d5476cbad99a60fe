// Showing and replacing a server key: the password again, the key once, nothing kept.

import { type App, api } from '../api.js';
import { h, on, replace } from '../dom.js';
import { choices, dialog, field, form, secret, Told } from '../parts.js';
import { t } from '../words.js';

const DAY_SECONDS = 86_400;

export const passwordField = () =>
  field({
    label: t('password'),
    name: 'password',
    type: 'password',
    autocomplete: 'current-password',
  });

export function given(password: ReturnType<typeof passwordField>): string {
  if (password.value() !== '') return password.value();
  password.complain(t('required'));
  throw new Told();
}

export const done = (close: () => void) =>
  h(
    'div',
    { class: 'buttons' },
    on(h('button', { type: 'button', class: 'main' }, t('close')), { click: close }),
  );

export function revealKey(app: App, shown: (key: string) => void): void {
  dialog(t('revealTitle', { name: app.name }), (close) => {
    const password = passwordField();
    const body = h('div', {});
    const submit = async () => {
      const { server_key: key } = await api.reveal(app.id, given(password));
      replace(body, secret(key), h('p', { class: 'note' }, t('keyShown')), done(close));
      shown(key);
    };
    const ask = form({ submit: t('reveal'), onSubmit: submit }, password.element);
    replace(body, h('p', {}, t('revealIntro')), ask);
    return body;
  });
}

export function rotateKey(app: App, shown: (key: string) => void): void {
  dialog(t('rotateTitle', { name: app.name }), (close) => {
    const password = passwordField();
    const grace = choices(
      t('rotateIntro'),
      'grace',
      [
        { value: String(DAY_SECONDS), label: t('graceDay'), hint: t('graceDayHint') },
        { value: '0', label: t('graceNow'), hint: t('graceNowHint') },
      ],
      String(DAY_SECONDS),
    );
    const body = h('div', {});
    const submit = async () => {
      const seconds = Number(grace.value());
      const { server_key: key } = await api.rotate(app.id, given(password), seconds);
      const old = t(seconds === 0 ? 'rotatedNow' : 'rotatedDay');
      replace(body, h('p', {}, t('rotated', { old })), secret(key), done(close));
      shown(key);
    };
    replace(body, form({ submit: t('rotate'), onSubmit: submit }, grace.element, password.element));
    return body;
  });
}
