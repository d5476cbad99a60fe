// One message as it stands in the timeline. Text stays text: the only nodes
// made of it are links that `runsOf` has let through.
import type { MessageView } from '@snug/client';
import { html, nothing, type TemplateResult } from 'lit';
import type { StringKey, Words } from '../locale/index.js';
import { avatar } from '../shared/avatar.js';
import { icon, ticks } from '../shared/icons.js';
import { emojiCount, runsOf } from '../text/inline.js';
import { nameOf } from '../text/names.js';
import { clockTime, fullTime } from '../text/time.js';

export interface MessageContext {
  words: Words;
  /** Names and avatars are shown in a group only. */
  group: boolean;
  first: boolean;
  last: boolean;
  /** Came while the room was open: it moves in. */
  fresh: boolean;
  retry(id: string): void;
  discard(id: string): void;
  /** Its menu, where there is anything to be done: whether it is open, and on Tab's way. */
  menu?: { open: boolean; tab: boolean; toggle(): void };
  /** Absent where this user may not react. */
  react?: (key: string) => void;
  /** Names of users by id. */
  called(id: string): string;
}

const WHY: Record<string, StringKey> = {
  too_large: 'whyTooLarge',
  room_frozen: 'whyFrozen',
  not_a_member: 'whyNotMember',
  rate_limited: 'whyRate',
};

export function inlineText(text: string): unknown {
  return runsOf(text).map((run) =>
    run.href === undefined
      ? run.text
      : html`<a href=${run.href} target="_blank" rel="noopener noreferrer nofollow">${run.text}</a>`,
  );
}

function state(message: MessageView, words: Words): TemplateResult | typeof nothing {
  if (!message.own) return nothing;
  if (message.status === 'pending') {
    return html`<span class="wait" role="img" aria-label=${words('sending')}>${icon('clock')}</span>`;
  }
  if (message.status === 'failed') return nothing;
  const read = message.readByOthers;
  return html`<span class="tick ${read ? 'read' : ''}" role="img" aria-label=${words(read ? 'read' : 'sent')}>${ticks(read)}</span>`;
}

function meta(message: MessageView, context: MessageContext): TemplateResult | typeof nothing {
  const { words } = context;
  const edited = message.editedAt !== undefined && !message.deleted;
  const mark = edited
    ? html`<span title=${fullTime(message.editedAt ?? 0, words)}>${words('edited')}</span>`
    : nothing;
  // The time closes a group; an own message on its way says so by itself.
  if (!context.last && message.status === 'sent') {
    return edited ? html`<span class="meta"><bdi>${mark}</bdi></span>` : nothing;
  }
  return html`<span class="meta"><bdi>${mark}<time datetime=${new Date(message.createdAt).toISOString()} title=${fullTime(message.createdAt, words)}>${clockTime(message.createdAt, words)}</time>${state(message, words)}</bdi></span>`;
}

function failure(message: MessageView, context: MessageContext): TemplateResult {
  const { words } = context;
  const why = message.problem && WHY[message.problem.code];
  return html`<div class="failed" part="failed">
    <span class="failed-text">${icon('mark')}${words('notSent')}${why ? ` · ${words(why)}` : ''}</span>
    <button type="button" @click=${() => context.retry(message.id)}>${words('retry')}</button>
    <button type="button" @click=${() => context.discard(message.id)}>${words('delete')}</button>
  </div>`;
}

function goneAs(message: MessageView): StringKey {
  if (message.hidden) return 'hiddenMessage';
  if (message.deleted) return message.own ? 'unsentOwn' : 'unsentMessage';
  return message.kind === 'custom' ? 'unsupported' : 'goneMessage';
}

function reactions(message: MessageView, context: MessageContext): TemplateResult {
  const { words, react, called } = context;
  return html`<div class="reactions" part="reactions" role="group" aria-label=${words('reactions')}>${message.reactions?.map(
    ({ key, count, own, users }) => {
      const who = users.slice(0, 20).map(called).join(', ');
      const label = words(own ? 'reactedOwn' : 'reacted', { key, n: count });
      return html`<button type="button" aria-pressed=${own} aria-label=${label} title=${who}
        ?disabled=${!react} @click=${() => react?.(key)}><span class="key" dir="auto">${key}</span><span>${count}</span></button>`;
    },
  )}</div>`;
}

function more(message: MessageView, context: MessageContext): TemplateResult | typeof nothing {
  const { words, menu } = context;
  if (!menu) return nothing;
  const said = (message.text ?? '').slice(0, 40);
  return html`<button type="button" class="more" aria-haspopup="menu" aria-expanded=${menu.open}
    tabindex=${menu.tab ? 0 : -1} aria-label=${`${words('messageOptions')}${said && `: ${said}`}`}
    @mousedown=${(event: Event) => event.preventDefault()} @click=${menu.toggle}>${icon('dots')}</button>`;
}

function bubble(message: MessageView, context: MessageContext): TemplateResult {
  const { words } = context;
  const text = message.text ?? '';
  // Hidden ones keep their kind, and no words.
  if (message.deleted || message.hidden || text === '') {
    const said = words(goneAs(message));
    return html`<div class="bubble quiet" part="bubble"><span class="text">${said}${meta(message, context)}</span></div>`;
  }
  const emoji = emojiCount(text);
  const kind = emoji > 0 ? `emoji n${Math.min(emoji, 4)}` : '';
  return html`<div class="bubble ${kind}" part="bubble"><div class="text" dir="auto">${inlineText(text)}${meta(message, context)}</div></div>`;
}

export function messageRow(message: MessageView, context: MessageContext): TemplateResult {
  const { words, group, first, last } = context;
  const name = nameOf(message.sender, words);
  const face = group && !message.own;
  const classes = [
    'row',
    message.own ? 'own' : 'other',
    message.status,
    first ? 'first' : '',
    last ? 'last' : '',
    face ? 'faced' : '',
    context.fresh ? 'fresh' : '',
    context.menu?.open ? 'chosen' : '',
  ];
  return html`<div class=${classes.filter(Boolean).join(' ')} data-key=${message.id} part="message">
    ${
      face && last
        ? avatar(
            { id: message.sender?.id ?? '', name, picture: message.sender?.avatar ?? null },
            's',
          )
        : nothing
    }
    <div class="stack">
      ${
        first
          ? html`<span class=${face ? 'sender' : 'sr'} dir="auto">${message.own ? words('you') : name}</span>`
          : nothing
      }
      <div class="line">${bubble(message, context)}${more(message, context)}</div>
      ${message.reactions?.length ? reactions(message, context) : nothing}
      ${message.status === 'failed' ? failure(message, context) : nothing}
    </div>
  </div>`;
}
