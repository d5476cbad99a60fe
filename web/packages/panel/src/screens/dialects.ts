// Other systems' clients: what they sign in with, shown once more for the password.

import { type App, api, type Dialect } from '../api.js';
import { h, on, replace } from '../dom.js';
import { dialog, field, form, secret, toggle } from '../parts.js';
import { t } from '../words.js';
import { done, given, passwordField } from './keys.js';

const DIALECTS: { id: Dialect; name: string; hint: Parameters<typeof t>[0] }[] = [
  { id: 'i2a', name: 'I2A Chat Service', hint: 'i2aHint' },
  { id: 'imkit', name: 'IMKit', hint: 'imkitHint' },
  { id: 'rocketchat', name: 'Rocket.Chat', hint: 'rocketchatHint' },
];

function openDialect(app: App, { id, name, hint }: (typeof DIALECTS)[number]): void {
  dialog(t('dialectTitle', { dialect: name, name: app.name }), (close) => {
    const password = passwordField();
    const username = field({ label: t('username'), name: 'username', value: 'admin' });
    const renew = toggle(t('newSecret'), t('newSecretHint'), false);
    const body = h('div', {});
    const submit = async () => {
      const values = await api.openDialect(app.id, id, {
        password: given(password),
        ...(id === 'rocketchat' && { username: username.value().trim() }),
        ...(id === 'i2a' && { rotate: renew.value() }),
      });
      replace(
        body,
        values.map((each) =>
          h('div', { class: 'field' }, h('span', {}, each.name), secret(each.value)),
        ),
        h('p', { class: 'note' }, t(id === 'rocketchat' ? 'shownOnce' : 'keyShown')),
        done(close),
      );
    };
    const ask = form(
      { submit: t('dialectOpen'), onSubmit: submit },
      id === 'rocketchat' && username.element,
      password.element,
      id === 'i2a' && renew.element,
    );
    replace(body, h('p', {}, t(hint)), ask);
    return body;
  });
}

export function dialectsCard(app: App): HTMLElement {
  const row = (dialect: (typeof DIALECTS)[number]) => {
    const button = h('button', { type: 'button' }, dialect.name);
    return on(button, { click: () => openDialect(app, dialect) });
  };
  return h(
    'section',
    { class: 'card' },
    h('h2', {}, t('dialects')),
    h('p', { class: 'note' }, t('dialectsIntro')),
    h('div', { class: 'buttons' }, DIALECTS.map(row)),
  );
}
