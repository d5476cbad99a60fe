// The messages that others of a room answer. One that is loaded is taken from
// the timeline; an older one is asked for once, and follows edits and unsends.
import type { Message, ReplyTo } from '@snug/protocol';
import type { Context } from './context.js';
import { asSnugError } from './problem.js';

/** `undefined` while it is asked for, `null` where there is none to be shown. */
export type Quote = Message | null | undefined;

export class Quotes {
  readonly #context: Context;
  readonly #room: string;
  readonly #changed: () => void;
  #known = new Map<string, Quote>();
  /** One question after the other: a page may hold many answers to old messages. */
  #asking: Promise<unknown> = Promise.resolve();

  constructor(context: Context, room: string, changed: () => void) {
    this.#context = context;
    this.#room = room;
    this.#changed = changed;
  }

  /** An answer that is still on its way out names no seq, and is not asked about. */
  find(to: Partial<ReplyTo>, loaded: readonly Message[]): Quote {
    const { id, seq } = to as ReplyTo;
    const found = loaded.find((message) => message.id === id) ?? this.#known.get(id);
    if (found) return found.deleted || found.hidden ? null : found;
    if (seq && !this.#known.has(id)) this.#ask(id, seq);
    return found;
  }

  /** Newer states, from whatever way they came. */
  merge(messages: readonly Message[]): void {
    for (const message of messages) {
      const { id, rev } = message;
      // One that is still asked for, too: the answer may be older than this.
      if (this.#known.has(id) && rev >= (this.#known.get(id)?.rev ?? 0)) {
        this.#known.set(id, message);
      }
    }
  }

  clear(): void {
    this.#known = new Map();
    this.#asking = Promise.resolve();
  }

  #ask(id: string, seq: number): void {
    // Of this visit: what another user may see is another matter.
    const known = this.#known.set(id, undefined);
    const { call, users } = this.#context;
    const ask = async () => {
      if (known !== this.#known) return;
      try {
        const page = await call('history', { room: this.#room, before: seq + 1, limit: 1 });
        if (known !== this.#known) return;
        users.put(page.users);
        this.merge(page.messages);
      } catch (error) {
        // What may pass is asked again by a later look. Nobody is told: they would look at once.
        if (asSnugError(error).retryable) return void (known.get(id) || known.delete(id));
      }
      if (!known.get(id)) known.set(id, null);
      this.#changed();
    };
    this.#asking = this.#asking.then(ask);
  }
}
