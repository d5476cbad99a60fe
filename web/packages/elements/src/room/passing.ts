// What was said to those who are there and is kept nowhere: it stands at the end
// of the view until it is taken away or the room is left.
import type { EphemeralView } from '@snug/client';
import { html, nothing, type TemplateResult } from 'lit';
import type { Words } from '../locale/index.js';
import { icon } from '../shared/icons.js';
import type { TimelineItem } from './timeline.js';

export function passing(
  all: readonly EphemeralView[],
  words: Words,
  row: (item: TimelineItem) => TemplateResult,
  dismiss: (id: string) => void,
): TemplateResult[] {
  return all.map((message) => {
    const { id: key, kind, onlyYou } = message;
    const type = kind === 'system' ? kind : 'message';
    return html`<div class="passing" part="passing">${row({ type, key, message, first: true, last: true })}
      <div class="system">${onlyYou ? words('onlyYou') : nothing}<button type="button" class="icon" aria-label=${words('close')} @click=${() => dismiss(key)}>${icon('close')}</button></div></div>`;
  });
}
