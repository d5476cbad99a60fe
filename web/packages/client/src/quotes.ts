// The messages that others of a room answer. One that is loaded is taken from
// the timeline; an older one is asked for once, and follows edits and unsends.
import type { Message, ReplyTo } from '@snug/protocol';
import type { Context } from './context.js';
import type { OwnMarks } from './marks.js';
import { asSnugError } from './problem.js';

/** `undefined` while it is asked for, `null` where there is none to be shown. */
export type Quote = Message | null | undefined;

export class Quotes {
  readonly #context: Context;
  readonly #room: string;
  readonly #marks: OwnMarks;
  readonly #changed: () => void;
  #known = new Map<string, Quote>();
  /** A page has said how the user keeps them. An event has words only, which wait for it. */
  readonly #told = new Set<string>();
  /** One question after the other: a page may hold many answers to old messages. */
  #asking: Promise<unknown> = Promise.resolve();

  constructor(context: Context, room: string, marks: OwnMarks, changed: () => void) {
    this.#context = context;
    this.#room = room;
    this.#marks = marks;
    this.#changed = changed;
  }

  /** An answer that is still on its way out names no seq, and is not asked about. */
  find(to: Partial<ReplyTo>, loaded: readonly Message[]): Quote {
    const { id, seq } = to as ReplyTo;
    const shown = loaded.find((message) => message.id === id);
    const found = shown ?? this.#known.get(id);
    if (found?.deleted || found?.hidden || this.#marks.get(id)?.deleted) return null;
    if (seq && !shown && !this.#known.has(id)) this.#ask(id, seq);
    return shown || !found || this.#told.has(id) ? found : undefined;
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
    this.#told.clear();
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
        this.#marks.note(page.messages);
        this.#told.add(id);
        this.merge(page.messages);
      } catch (error) {
        // What may pass is asked again by a later look. Nobody is told: they would look at once.
        if (asSnugError(error).retryable) return void known.delete(id);
      }
      if (!known.get(id)) known.set(id, null);
      this.#changed();
    };
    this.#asking = this.#asking.then(ask);
  }
}
