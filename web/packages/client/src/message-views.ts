// Messages as a page shows them. A view keeps its identity while nothing it
// shows has changed, so that a list renders only what is new.
import type { Custom, Ephemeral, Message, ReplyTo, User } from '@snug/protocol';
import type { Context } from './context.js';
import type { OwnMarks } from './marks.js';
import type { OutboxItem } from './outbox.js';
import type { Quote } from './quotes.js';
import type { EphemeralView, MessageView, QuoteView } from './types.js';

interface Cached {
  of: Message | OutboxItem;
  /** What else the view shows; compared one by one. */
  shows: readonly unknown[];
  view: MessageView;
}

export class MessageViews {
  readonly #context: Context;
  #cache = new Map<string, Cached>();

  constructor(context: Context) {
    this.#context = context;
  }

  build(
    messages: readonly Message[],
    outbox: readonly OutboxItem[],
    /** Up to where one of the others has got them, and has read them. */
    others: { got: number; read: number },
    quoted: (to: Partial<ReplyTo>) => Quote,
    /** Whether there is news in the thread at a message, where that is known. */
    unread: (message: Message) => boolean | undefined,
    kept: OwnMarks,
    thread?: string,
  ): MessageView[] {
    const me = this.#context.me();
    const next = new Map<string, Cached>();
    const add = (of: Message | OutboxItem, shows: unknown[], make: () => MessageView) => {
      const old = this.#cache.get(of.id);
      const same = old?.of === of && shows.every((value, at) => value === old.shows[at]);
      next.set(of.id, same ? old : { of, shows, view: make() });
    };
    /** What is answered: seen whether it has changed, and shown. */
    const answered = (to: Partial<ReplyTo> | null | undefined) => {
      if (!to) return { seen: [] };
      const quote = quoted(to);
      const sender = this.#user(quote?.sender);
      const show = (): QuoteView => ({
        id: to.id!,
        message: quote && sentView(quote, me, sender, false),
      });
      return { seen: [quote, sender], show };
    };
    for (const item of outbox) {
      if (item.message.thread !== thread) continue;
      const sender = this.#user(me);
      const { replyTo } = item.message;
      const { seen, show } = answered(replyTo ? { id: replyTo } : undefined);
      add(item, [sender, item.status, ...seen], () => localView(item, sender, show?.()));
    }
    const waiting = [...next];
    next.clear();
    for (const message of messages) {
      if (message.thread?.id !== thread && message.id !== thread) continue;
      const { starred_at, deleted } = kept.get(message.id) ?? {};
      if (deleted) continue;
      const own = message.sender != null && message.sender === me;
      const sender = this.#user(message.sender);
      const read = own && message.seq <= others.read;
      const got = own && message.seq <= others.got;
      const { seen, show } = answered(message.reply_to);
      const news = unread(message);
      add(message, [sender, read, got, news, starred_at, ...seen], () => ({
        ...sentView(message, me, sender, read, show?.()),
        deliveredToOthers: got,
        threadUnread: news,
        // What was unsent is in no list of stars any more.
        starredAt: starred_at && !message.deleted ? Date.parse(starred_at) : undefined,
      }));
    }
    for (const [id, cached] of waiting) if (!next.has(id)) next.set(id, cached);
    this.#cache = next;
    return [...next.values()].map(({ view }) => view);
  }

  clear(): void {
    this.#cache.clear();
  }

  #user(id: string | null | undefined): User | undefined {
    return id == null ? undefined : this.#context.users.get(id);
  }
}

function sentView(
  message: Message,
  me: string | undefined,
  sender: User | undefined,
  readByOthers: boolean,
  replyTo?: QuoteView,
): MessageView {
  const { id, seq, kind, text, custom, created_at, edited_at, deleted, hidden } = message;
  const author = message.sender;
  return {
    id,
    seq,
    own: author != null && author === me,
    sender: sender ?? (author == null ? undefined : { id: author }),
    kind,
    text: text ?? undefined,
    format: message.format ?? undefined,
    custom: custom ?? undefined,
    card: message.card ?? undefined,
    location: message.location ?? undefined,
    mentions: message.mentions ?? undefined,
    replyTo,
    forwarded: message.forwarded ?? undefined,
    createdAt: Date.parse(created_at),
    status: 'sent',
    readByOthers,
    deleted: deleted ?? undefined,
    hidden: hidden ?? undefined,
    editedAt: edited_at ? Date.parse(edited_at) : undefined,
    pinnedAt: message.pinned_at ? Date.parse(message.pinned_at) : undefined,
    reactions: message.reactions?.map((one) => ({ ...one, own: one.users.includes(me!) })),
    threadSummary: message.thread_summary ?? undefined,
    system: kind === 'system' ? systemOf(custom) : undefined,
  };
}

/** It carries what a message does, as far as it is said. */
export function ephemeralView(said: Ephemeral, { me, users }: Context): EphemeralView {
  const sender = said.sender == null ? undefined : users.get(said.sender);
  const onlyYou = said.only_you ?? undefined;
  return { ...sentView(said as Ephemeral & Message, me(), sender, false), onlyYou };
}

function localView(
  { id, message, createdAt, status, problem }: OutboxItem,
  sender: User | undefined,
  replyTo: QuoteView | undefined,
): MessageView {
  const { card, location, text } = message;
  const kind = card ? 'card' : location ? 'location' : text === undefined ? 'custom' : 'text';
  const own = { own: true, sender, createdAt, status, problem, readByOthers: false };
  return { kind, ...message, id, replyTo, ...own };
}

function systemOf(custom: Custom | undefined): MessageView['system'] {
  const fields = typeof custom === 'object' && !Array.isArray(custom) ? custom : null;
  const type = typeof fields?.type === 'string' ? fields.type : 'unknown';
  return { ...fields, type };
}
