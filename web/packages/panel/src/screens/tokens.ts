// Where the tokens of an application's users come from: verify URL, key set, public keys.

import { api, Refusal, type TokenSettings } from '../api.js';
import { h, ICONS, icon, replace } from '../dom.js';
import { keysIn } from '../key-texts.js';
import { type Field, field, form, Told, toggle } from '../parts.js';
import { t } from '../words.js';

/** A refused field says itself what was expected. */
async function told<T>(fields: Record<string, Field>, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const name = error instanceof Refusal ? error.field?.replace(/\[.*/, '') : undefined;
    const refused = name === undefined ? undefined : fields[name];
    if (!refused) throw error;
    refused.complain((error as Refusal).message);
    throw new Told();
  }
}

export function tokensCard(id: string, settings: TokenSettings): HTMLElement {
  const fields = {
    verify_url: field({
      label: t('verifyUrl'),
      name: 'verify_url',
      hint: t('verifyUrlHint'),
      value: settings.verify_url,
    }),
    jwks_url: field({
      label: t('jwksUrl'),
      name: 'jwks_url',
      hint: t('jwksUrlHint'),
      value: settings.jwks_url,
    }),
    public_keys: field({
      label: t('publicKeys'),
      name: 'public_keys',
      hint: t('publicKeysHint'),
      value: settings.public_keys.map((key) => keyText(key)).join('\n\n'),
      lines: 4,
    }),
  };
  const guests = toggle(t('guests'), t('guestsHint'), settings.guests);
  const saved = h('span', { class: 'saved', role: 'status' });
  const submit = async () => {
    replace(saved);
    const patch = {
      verify_url: fields.verify_url.value().trim() || null,
      jwks_url: fields.jwks_url.value().trim() || null,
      public_keys: keysIn(fields.public_keys.value()),
      guests: guests.value(),
    };
    await told(fields, api.changeTokens(id, patch));
    replace(saved, icon(ICONS.done), t('saved'));
  };
  return h(
    'section',
    { class: 'card' },
    h('h2', {}, t('tokens')),
    h('p', { class: 'note' }, t('tokensIntro')),
    form({ submit: t('apply'), onSubmit: submit, extra: saved }, [
      ...Object.values(fields).map((each) => each.element),
      guests.element,
    ]),
  );
}

/** A JWK is stored apart from its id; together they are what was registered. */
function keyText(key: TokenSettings['public_keys'][number]): string {
  if (!key.text.startsWith('{') || key.id === undefined) return key.text.trim();
  return JSON.stringify({ ...JSON.parse(key.text), kid: key.id });
}
