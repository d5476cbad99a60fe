// Two blocks to copy: the backend's call and the page's two lines.

import { h } from '../dom.js';
import { code } from '../parts.js';
import { openSession, TOKEN_URL, twoLines } from '../snippets.js';
import { t } from '../words.js';

export function quickStart(key: string): HTMLElement {
  const server = location.origin;
  const step = (number: string, text: string, block: HTMLElement) =>
    h(
      'li',
      {},
      h('span', { class: 'step', 'aria-hidden': 'true' }, number),
      h('p', {}, text),
      block,
    );
  return h(
    'section',
    { class: 'card' },
    h('h2', {}, t('quickStart')),
    h(
      'ol',
      { class: 'steps' },
      step('1', t('quickOne'), code('curl', openSession(server, key))),
      step('2', t('quickTwo', { tokenUrl: TOKEN_URL }), code('HTML', twoLines(server))),
    ),
  );
}
