// Messages as a page shows them. A view keeps its identity while nothing it
// shows has changed, so that a list renders only what is new.
import type { Custom, Message, User } from '@snug/protocol';
import type { Context } from './context.js';
import type { OutboxItem } from './outbox.js';
import type { MessageView } from './types.js';

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
    readByOthers: number,
  ): MessageView[] {
    const me = this.#context.me();
    const next = new Map<string, Cached>();
    const add = (of: Message | OutboxItem, shows: unknown[], make: () => MessageView) => {
      const old = this.#cache.get(of.id);
      const same = old?.of === of && shows.every((value, at) => value === old.shows[at]);
      next.set(of.id, same ? old : { of, shows, view: make() });
    };
    for (const item of outbox) {
      const sender = this.#user(me);
      add(item, [sender, item.status], () => localView(item, sender));
    }
    const waiting = [...next];
    next.clear();
    for (const message of messages) {
      const own = message.sender != null && message.sender === me;
      const sender = this.#user(message.sender);
      const read = own && message.seq <= readByOthers;
      add(message, [sender, read], () => sentView(message, me, sender, read));
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
    custom: custom ?? undefined,
    createdAt: Date.parse(created_at),
    status: 'sent',
    readByOthers,
    deleted: deleted ?? undefined,
    hidden: hidden ?? undefined,
    editedAt: edited_at ? Date.parse(edited_at) : undefined,
    reactions: message.reactions?.map((one) => ({ ...one, own: one.users.includes(me!) })),
    system: kind === 'system' ? systemOf(custom) : undefined,
  };
}

function localView(item: OutboxItem, sender: User | undefined): MessageView {
  const { id, message, createdAt, status, problem } = item;
  const { text, custom, kind = text === undefined ? 'custom' : 'text' } = message;
  const readByOthers = false;
  return { id, own: true, sender, kind, text, custom, createdAt, status, problem, readByOthers };
}

function systemOf(custom: Custom | undefined): MessageView['system'] {
  const fields = typeof custom === 'object' && !Array.isArray(custom) ? custom : null;
  const type = typeof fields?.type === 'string' ? fields.type : 'unknown';
  return { ...fields, type };
}
