// One message as it stands in the timeline. Text stays text: the only nodes
// made of it are links and mentions that `content.ts` has let through.
import type { MessageView } from '@snug/client';
import { html, nothing, type TemplateResult } from 'lit';
import type { StringKey, Words } from '../locale/index.js';
import { avatar } from '../shared/avatar.js';
import { icon, ticks } from '../shared/icons.js';
import { reason } from '../shared/reason.js';
import { emojiCount } from '../text/inline.js';
import { nameOf, saidIn } from '../text/names.js';
import { clockTime, fullTime } from '../text/time.js';
import { type LineContext, threadLine } from '../thread/line.js';
import { type ContentContext, card, hold, inlineText, place, quote } from './content.js';

export interface MessageContext extends ContentContext, LineContext {
  /** Names and avatars are shown in a group only. */
  group: boolean;
  first: boolean;
  last: boolean;
  /** Came while the room was open: it moves in. */
  fresh: boolean;
  /** Was just jumped to. */
  lit: boolean;
  /** It stands above the replies of its thread. */
  head: boolean;
  retry(id: string): void;
  discard(id: string): void;
  /** Its menu, where there is anything to be done: whether it is open, and on Tab's way. */
  menu?: { open: boolean; tab: boolean; toggle(): void };
  /** Absent where this user may not react. */
  react?: (key: string) => void;
}

const WHY: Record<string, StringKey> = {
  too_large: 'whyTooLarge',
  room_frozen: 'whyFrozen',
  not_a_member: 'whyNotMember',
  rate_limited: 'whyRate',
};

function state(message: MessageView, words: Words): TemplateResult | typeof nothing {
  if (!message.own) return nothing;
  if (message.status === 'pending') {
    return html`<span class="wait" role="img" aria-label=${words('sending')}>${icon('clock')}</span>`;
  }
  if (message.status === 'failed') return nothing;
  const got = message.deliveredToOthers ? 'delivered' : 'sent';
  const at = message.readByOthers ? 'read' : got;
  return html`<span class="tick ${at}" role="img" aria-label=${words(at)}>${ticks(at)}</span>`;
}

function meta(message: MessageView, context: MessageContext): TemplateResult | typeof nothing {
  const { words } = context;
  const edited = message.editedAt !== undefined && !message.deleted;
  const star = message.starredAt
    ? html`<span role="img" aria-label=${words('star')}>★</span>`
    : nothing;
  const mark = edited
    ? html`${star}<span title=${fullTime(message.editedAt ?? 0, words)}>${words('edited')}</span>`
    : star;
  // The time closes a group; an own message on its way says so by itself.
  if (!context.last && message.status === 'sent') {
    return mark === nothing ? mark : html`<span class="meta"><bdi>${mark}</bdi></span>`;
  }
  return html`<span class="meta"><bdi>${mark}<time datetime=${new Date(message.createdAt).toISOString()} title=${fullTime(message.createdAt, words)}>${clockTime(message.createdAt, words)}</time>${state(message, words)}</bdi></span>`;
}

function failure(message: MessageView, context: MessageContext): TemplateResult {
  const { words } = context;
  const why = reason(message.problem, WHY, words);
  return html`<div class="failed" part="failed">
    <span class="failed-text">${icon('mark')}${words('notSent')}${why ? ` · ${why}` : ''}</span>
    <button type="button" @click=${() => context.retry(message.id)}>${words('retry')}</button>
    <button type="button" @click=${() => context.discard(message.id)}>${words('delete')}</button>
  </div>`;
}

function goneAs(message: MessageView): StringKey {
  if (message.hidden) return 'hiddenMessage';
  if (message.deleted) return message.own ? 'unsentOwn' : 'unsentMessage';
  return message.kind === 'text' ? 'goneMessage' : 'unsupported';
}

function reactions(message: MessageView, context: MessageContext): TemplateResult {
  const { words, react } = context;
  const { called } = context.reader;
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
  const said = saidIn(message).slice(0, 40);
  return html`<button type="button" class="more" aria-haspopup="menu" aria-expanded=${menu.open}
    tabindex=${menu.tab ? 0 : -1} aria-label=${`${words('messageOptions')}${said && `: ${said}`}`}
    @mousedown=${hold} @click=${menu.toggle}>${icon('dots')}</button>`;
}

function bubble(message: MessageView, context: MessageContext): TemplateResult {
  const { words } = context;
  const { text = '', replyTo } = message;
  const rich = richPart(message, context);
  // Hidden ones keep their kind, and no words.
  if (message.deleted || message.hidden || (text === '' && !rich)) {
    const said = words(goneAs(message));
    return html`<div class="bubble quiet" part="bubble"><span class="text">${said}${meta(message, context)}</span></div>`;
  }
  const answered = replyTo ? quote(replyTo, context) : nothing;
  if (rich) {
    return html`<div class="bubble rich" part="bubble">${answered}${rich}<div class="text">${meta(message, context)}</div></div>`;
  }
  const emoji = replyTo ? 0 : emojiCount(text);
  const kind = emoji > 0 ? `emoji n${Math.min(emoji, 4)}` : '';
  return html`<div class="bubble ${kind}" part="bubble">${answered}<div class="text" dir="auto">${inlineText(message, context)}${meta(message, context)}</div></div>`;
}

/** In place of the text, which says the same to whom cannot show it. */
function richPart(message: MessageView, context: MessageContext): TemplateResult | undefined {
  if (message.card) return card(message.card, context);
  return message.location && place(message.location, context);
}

/** The face of a group's member; by keyboard one takes the name. */
function face(message: MessageView, name: string, { person }: MessageContext): TemplateResult {
  const { sender } = message;
  const shown = avatar({ id: sender?.id ?? '', name, picture: sender?.avatar ?? null }, 's');
  if (!sender) return shown;
  return html`<span class="face" aria-hidden="true" @mousedown=${hold}
    @click=${(event: Event) => person(event, sender.id)}>${shown}</span>`;
}

function senderLine(
  message: MessageView,
  name: string,
  { words, group, person }: MessageContext,
): TemplateResult {
  const { sender } = message;
  if (message.own || !group) {
    return html`<span class="sr" dir="auto">${message.own ? words('you') : name}</span>`;
  }
  if (!sender) return html`<span class="sender" dir="auto">${name}</span>`;
  return html`<button type="button" class="sender" dir="auto" @mousedown=${hold}
    @click=${(event: Event) => person(event, sender.id)}>${name}</button>`;
}

export function messageRow(message: MessageView, context: MessageContext): TemplateResult {
  const { words, group, first, last } = context;
  const name = nameOf(message.sender, words);
  const faced = group && !message.own;
  const classes = [
    'row',
    message.own ? 'own' : 'other',
    message.status,
    first ? 'first' : '',
    last ? 'last' : '',
    faced ? 'faced' : '',
    context.fresh ? 'fresh' : '',
    context.lit ? 'lit' : '',
    context.head ? 'head' : '',
    context.menu?.open ? 'chosen' : '',
  ];
  return html`<div class=${classes.filter(Boolean).join(' ')} data-key=${message.id} part="message">
    ${faced && last ? face(message, name, context) : nothing}
    <div class="stack">
      ${first ? senderLine(message, name, context) : nothing}
      <div class="line">${bubble(message, context)}${more(message, context)}</div>
      ${message.reactions?.length ? reactions(message, context) : nothing}
      ${threadLine(message, context)}
      ${message.status === 'failed' ? failure(message, context) : nothing}
    </div>
  </div>`;
}
