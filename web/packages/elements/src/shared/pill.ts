// What waits, as a small pill: seen as a number, heard in words.
import { html, nothing, type TemplateResult } from 'lit';
import type { Words } from '../locale/index.js';

/** Unread messages, and those of them that call the user. */
export interface Waiting {
  unread: number;
  mentions: number;
}

export const NOTHING_WAITS: Waiting = { unread: 0, mentions: 0 };

export const shownCount = (n: number): string | number => (n > 99 ? '99+' : n);

/** "3 unread messages, 1 mention". */
export function waitingWords({ unread, mentions }: Waiting, words: Words): string {
  const said = words.count('unread', unread);
  return mentions ? `${said}, ${words.count('mentions', mentions)}` : said;
}

/** For the styles of the page around: `snug-badge[mentions]`. */
export function tellMentions(element: HTMLElement, mentions: number): void {
  if (mentions) element.setAttribute('mentions', `${mentions}`);
  else element.removeAttribute('mentions');
}

export function pill(shown: string | number, heard: string, part?: string): TemplateResult {
  return html`<span class="badge" part=${part ?? nothing}><span aria-hidden="true">${shown}</span><span class="sr">${heard}</span></span>`;
}
