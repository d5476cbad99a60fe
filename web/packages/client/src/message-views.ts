// Messages as a page shows them. A view keeps its identity while nothing it
// shows has changed, so that a list renders only what is new.
import type { Custom, Message, User } from '@snug/protocol';
import type { Context } from './context.js';
import type { OutboxItem } from './outbox.js';
import type { MessageView } from './types.js';

interface Cached {
  of: Message | OutboxItem;
  sender: User | undefined;
  read: boolean;
  status: MessageView['status'];
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
    const next = new Map<string, Cached>();
    const views: MessageView[] = [];
    const add = (cached: Cached) => {
      next.set(cached.of.id, cached);
      views.push(cached.view);
    };
    const stored = new Set<string>();
    for (const message of messages) {
      stored.add(message.id);
      add(this.#sent(message, readByOthers));
    }
    for (const item of outbox) if (!stored.has(item.id)) add(this.#local(item));
    this.#cache = next;
    return views;
  }

  clear(): void {
    this.#cache.clear();
  }

  #sent(message: Message, readByOthers: number): Cached {
    const me = this.#context.me();
    const own = message.sender != null && message.sender === me;
    const sender = this.#user(message.sender);
    const read = own && message.seq <= readByOthers;
    const cached = this.#cache.get(message.id);
    if (cached?.of === message && cached.sender === sender && cached.read === read) return cached;
    const view: MessageView = {
      id: message.id,
      seq: message.seq,
      own,
      sender: sender ?? (message.sender == null ? undefined : { id: message.sender }),
      kind: message.kind,
      text: message.text ?? undefined,
      custom: message.custom ?? undefined,
      createdAt: Date.parse(message.created_at),
      status: 'sent',
      readByOthers: read,
      deleted: message.deleted ?? undefined,
    };
    if (message.kind === 'system') view.system = systemOf(message.custom);
    return { of: message, sender, read, status: 'sent', view };
  }

  #local(item: OutboxItem): Cached {
    const me = this.#context.me();
    const sender = this.#user(me);
    const { id, message, createdAt, status, problem } = item;
    const cached = this.#cache.get(id);
    if (cached?.of === item && cached.sender === sender && cached.status === status) return cached;
    const view: MessageView = {
      id,
      own: true,
      sender: sender ?? (me === undefined ? undefined : { id: me }),
      kind: message.kind ?? (message.text === undefined ? 'custom' : 'text'),
      text: message.text,
      custom: message.custom,
      createdAt,
      status,
      problem,
      readByOthers: false,
    };
    return { of: item, sender, read: false, status, view };
  }

  #user(id: string | null | undefined): User | undefined {
    return id == null ? undefined : this.#context.users.get(id);
  }
}

function systemOf(custom: Custom | undefined): MessageView['system'] {
  const fields = typeof custom === 'object' && !Array.isArray(custom) ? custom : null;
  const type = typeof fields?.type === 'string' ? fields.type : 'unknown';
  return { ...fields, type };
}
