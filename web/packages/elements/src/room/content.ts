// What is in a message beside its plain words: the message it answers, a card,
// a place, mentions. All of it is text, and addresses that were looked at.
import type { Card, CardAction, MessageView, Place, QuoteView } from '@snug/client';
import { html, nothing, type TemplateResult } from 'lit';
import type { Words } from '../locale/index.js';
import { icon } from '../shared/icons.js';
import { safeHref } from '../text/inline.js';
import { type Mark, markdown, type Node } from '../text/markdown.js';
import { partsOf, type Reader } from '../text/mentions.js';
import { nameOf, saidIn } from '../text/names.js';

/** As that many a card may have; more are not shown. */
const ACTIONS = 10;
const MAP = 'https://www.openstreetmap.org/';

export interface ContentContext {
  words: Words;
  reader: Reader;
  /** Shows a loaded message; nothing for one that is not. */
  shower(id: string): (() => void) | undefined;
  /** A person was pressed. */
  person(event: Event, user: string, mention?: boolean): void;
  act(action: CardAction): void;
}

/** A press keeps the focus where it is; what it opens takes it. */
export function hold(event: Event): void {
  event.preventDefault();
}

function link(href: string, inside: unknown, more = '', label?: string): TemplateResult {
  return html`<a class=${more} href=${href} target="_blank" rel="noopener noreferrer nofollow" aria-label=${label ?? nothing}>${inside}</a>`;
}

/** A view keeps its identity while nothing of it changes: its text is read once. */
const READ = new WeakMap<MessageView, Mark[]>();

function blocksOf(message: MessageView, text: string): Mark[] {
  const known = READ.get(message);
  if (known) return known;
  const blocks = markdown(text);
  READ.set(message, blocks);
  return blocks;
}

/** What is said, with its links, mentions and marks. */
export function inlineText(message: MessageView, context: ContentContext): unknown {
  const { text = '', format } = message;
  if (!format) return parts(text, message, context);
  const blocks = blocksOf(message, text);
  const last = blocks.at(-1)!;
  // The time floats beside the last line of text.
  return blocks.map((block) => around(block, message, context, block === last));
}

function around(
  mark: Node,
  message: MessageView,
  context: ContentContext,
  bare = false,
  inWhole = false,
): unknown {
  if (typeof mark === 'string') return inWhole ? mark : parts(mark, message, context);
  const { tag, href } = mark;
  // Within code and links nothing else is a link or a mention.
  const whole = inWhole || /^(a|code|pre)$/.test(tag);
  const inside = mark.inside.map((node) => around(node, message, context, false, whole));
  if (tag === 'a') return link(href!, inside);
  return bare && tag === 'p' ? inside : shape(tag, inside);
}

const SHAPES: Partial<Record<Mark['tag'], TemplateStringsArray>> = {};

/** As `html` would be called for each of the tags, none of which comes from a text. */
function shape(tag: Mark['tag'], inside: unknown): TemplateResult {
  SHAPES[tag] ??= Object.assign([`<${tag}>`, `</${tag}>`], { raw: [] });
  return html(SHAPES[tag], inside);
}

function parts(text: string, message: MessageView, { reader, person }: ContentContext): unknown {
  return partsOf(text, message.mentions, reader).map(({ text, href, mention }) => {
    if (href !== undefined) return link(href, text);
    if (!mention) return text;
    const { user, own } = mention;
    const look = `mention ${own ? 'me' : ''}`;
    if (user === undefined) return html`<span class=${look}>${text}</span>`;
    return html`<button type="button" class=${look} @mousedown=${hold}
      @click=${(event: Event) => person(event, user, true)}>${text}</button>`;
  });
}

export function quote(
  { id, message }: QuoteView,
  { words, shower }: ContentContext,
): TemplateResult {
  if (!message) {
    // Nothing is said while it is asked for; the place is kept.
    return html`<div class="quote" part="quote"><i dir="auto">${message === null ? words('quoteGone') : '…'}</i></div>`;
  }
  const name = message.own ? words('you') : nameOf(message.sender, words);
  const text = saidIn(message) || words(message.kind === 'custom' ? 'attachment' : 'quoteGone');
  const show = shower(id);
  return html`<button type="button" class="quote" part="quote" ?disabled=${!show}
    aria-label=${words('quoteOf', { name, text })} @click=${show ?? nothing}><b dir="auto">${name}</b><span dir="auto">${text}</span></button>`;
}

function dropPicture(event: Event): void {
  (event.target as HTMLElement).hidden = true;
}

export function card(card: Card, { act }: ContentContext): TemplateResult {
  const { title, text, image, url, actions = [] } = card;
  const picture = image && safeHref(image.url);
  const href = url && safeHref(url);
  return html`<div class="card" part="card">
    ${
      picture?.startsWith('https:')
        ? html`<img src=${picture} alt=${image?.alt ?? ''} loading="lazy" decoding="async" referrerpolicy="no-referrer" @error=${dropPicture}>`
        : nothing
    }
    ${title ? html`<b dir="auto">${title}</b>` : nothing}
    ${text ? html`<span class="text" dir="auto">${text}</span>` : nothing}
    ${href ? link(href, new URL(href).host, '', `${title ?? ''} ${new URL(href).host}`.trim()) : nothing}
    ${actions.length > 0 ? html`<div class="acts">${actions.slice(0, ACTIONS).map((action) => button(action, act))}</div>` : nothing}
  </div>`;
}

function button(action: CardAction, act: ContentContext['act']): TemplateResult | typeof nothing {
  const { label, url } = action;
  if (!url) {
    return html`<button type="button" class="act" dir="auto" @click=${() => act(action)}>${label}</button>`;
  }
  const href = safeHref(url);
  return href ? link(href, html`<bdi>${label}</bdi>`, 'act') : nothing;
}

export function place(place: Place, { words }: ContentContext): TemplateResult {
  const [lat, lng] = [Number(place.lat), Number(place.lng)];
  const name = place.name || place.address || `${lat}, ${lng}`;
  const address = place.name ? place.address : undefined;
  const inside = html`${icon('pin')}<span><b dir="auto">${name}</b>${
    address ? html`<span dir="auto">${address}</span>` : nothing
  }<u>${words('openMap')}</u></span>`;
  return link(`${MAP}?mlat=${lat}&mlon=${lng}`, inside, 'place');
}
