// What was said to those who are there and is kept nowhere: it stands at the end
// of the view until it is taken away or the room is left.
import type { EphemeralView } from '@snug/client';
import { html, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { Words } from '../locale/index.js';
import { icon } from '../shared/icons.js';
import type { TimelineItem } from './timeline.js';

export function passing(
  all: readonly EphemeralView[],
  words: Words,
  row: (item: TimelineItem) => TemplateResult,
  dismiss: (id: string) => void,
): unknown {
  return repeat(
    all,
    ({ id }) => id,
    (message) => {
      const { id: key, kind, onlyYou } = message;
      const type = kind === 'system' ? kind : 'message';
      return html`<div class="passing" part="passing">${row({ type, key, message, first: true, last: true })}
        <p>${onlyYou && words('onlyYou')}<button type="button" class="icon" aria-label=${words('dismiss')} @click=${() => dismiss(key)}>${icon('close')}</button></p></div>`;
    },
  );
}
