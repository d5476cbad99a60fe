// The still parts around the timeline: the header, what the conversation is
// about, and the shapes shown while it loads.
import type { Custom, RoomSnapshot } from '@snug/client';
import { html, nothing, type TemplateResult } from 'lit';
import type { Words } from '../locale/index.js';
import { avatar } from '../shared/avatar.js';
import { icon } from '../shared/icons.js';
import { safeAddress } from '../text/inline.js';
import type { StartTarget } from './start-target.js';

/** The ways out of a conversation. */
interface Ways {
  words: Words;
  back: (() => void) | undefined;
  close: (() => void) | undefined;
}

interface HeaderContext extends Ways {
  title: string;
  view: RoomSnapshot;
  face: StartTarget | undefined;
  /** The reader's own id. */
  me: string | undefined;
}

function faceOf({ title, view, face, me }: HeaderContext) {
  const { room } = view;
  if (!room) return { id: face?.user ?? title, name: title, picture: face?.avatar ?? null };
  if (room.kind !== 'direct') return { id: room.id, name: title, picture: room.avatar ?? null };
  const peer = [...view.members.values()].find((member) => member.user !== me);
  return { id: peer?.user ?? room.id, name: title, picture: peer?.avatar ?? room.avatar ?? null };
}

export function roomHeader(context: HeaderContext): TemplateResult {
  const { title, view, words } = context;
  const { room } = view;
  const loading = title === '' && (view.status === 'loading' || view.status === 'closed');
  const count = room && room.kind !== 'direct' ? words.count('members', room.member_count) : '';
  return barOf(
    context,
    html`${loading ? html`<i class="bone face"></i>` : title ? avatar(faceOf(context), 'm') : nothing}
    <div class="who">
      ${loading ? html`<i class="bone title"></i>` : html`<h2 dir="auto">${title}</h2>`}
      ${count ? html`<p>${count}</p>` : nothing}
    </div>`,
  );
}

/** The line at the top, with the ways out around what it says. */
export function barOf({ words, back, close }: Ways, inside: TemplateResult): TemplateResult {
  return html`<header part="header" class=${back ? 'backed' : ''}>
    ${
      back
        ? html`<button type="button" class="icon" part="back" aria-label=${words('back')} @click=${back}>${icon('back', 'flip')}</button>`
        : nothing
    }
    ${inside}
    ${
      close
        ? html`<button type="button" class="icon" aria-label=${words('close')} @click=${close}>${icon('close')}</button>`
        : nothing
    }
  </header>`;
}

/**
 * What the conversation is about, from the room's custom JSON: `title`, and
 * beside it `subtitle`, `image` and `url`. Anything else is left alone.
 */
export function contextCard(
  custom: Custom | null | undefined,
  words: Words,
): TemplateResult | typeof nothing {
  if (!custom || typeof custom !== 'object' || Array.isArray(custom)) return nothing;
  const { title, subtitle, image, url } = custom;
  if (typeof title !== 'string' || title === '') return nothing;
  const picture = safeAddress(image);
  const href = safeAddress(url);
  return html`<div class="context" part="context">
    ${picture ? html`<img src=${picture} alt="" decoding="async" referrerpolicy="no-referrer" @error=${(e: Event) => (e.target as Element).remove()}>` : nothing}
    <div class="about"><b dir="auto">${title}</b>${typeof subtitle === 'string' ? html`<span dir="auto">${subtitle}</span>` : nothing}</div>
    ${href ? html`<a href=${href} target="_blank" rel="noopener noreferrer" aria-label="${words('view')}: ${title}">${words('view')}</a>` : nothing}
  </div>`;
}

/** Stands above the oldest loaded message while there are older ones. */
export function olderEnd(failed: boolean, words: Words, again: () => void): TemplateResult {
  if (failed) {
    return html`<div class="older failed-older"><span>${words('loadOlderFailed')}</span><button type="button" class="action" @click=${again}>${words('tryAgain')}</button></div>`;
  }
  return html`<div class="older" role="status" aria-label=${words('loading')}><i class="bone b1"></i><i class="bone b2"></i></div>`;
}

export function skeleton(words: Words): TemplateResult {
  const rows = ['a', 'b', 'own c', 'd', 'own a', 'own b', 'c'];
  return html`<div class="timeline" part="skeleton" role="status" aria-label=${words('loading')}>
    <div class="rows bones">${rows.map((row) => html`<i class="bone line ${row}"></i>`)}</div>
  </div>`;
}
