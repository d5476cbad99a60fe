// What the user sends in one room: first in, first out, one at a time, so that
// the order survives a bad network. An id is minted once and kept through every
// repeat; the server's copy takes the place of the local one.
import type { Draft, Message, RequestOf } from '@snug/protocol';
import { backoff, DEFAULT_BOUNDS } from './backoff.js';
import type { Context } from './context.js';
import { asSnugError, LOST, SnugError } from './problem.js';
import { Timer } from './timer.js';
import type { Outgoing, ProblemView } from './types.js';

/** Refusals that may pass are repeated this often before the user is asked. */
const TRIES = 8;

export interface OutboxItem {
  readonly id: string;
  readonly createdAt: number;
  readonly message: Outgoing;
  readonly request: RequestOf<'message.send'>;
  status: 'pending' | 'failed';
  problem?: ProblemView;
}

/** As it goes over the wire. */
export function draftOf({ replyTo, forward, ...message }: Outgoing): Draft {
  const { thread } = message;
  return forward ? { forward, thread } : { ...message, reply_to: replyTo };
}

interface Entry extends OutboxItem {
  tries: number;
  resolve(message: Message): void;
  reject(error: Error): void;
}

export interface OutboxEvents {
  changed(): void;
  /** The server's copy, from the answer. */
  accepted(message: Message): void;
}

export class Outbox {
  readonly #context: Context;
  readonly #room: string;
  readonly #events: OutboxEvents;
  #entries: Entry[] = [];
  #sending = false;
  readonly #timer = new Timer();

  constructor(room: string, context: Context, events: OutboxEvents) {
    this.#room = room;
    this.#context = context;
    this.#events = events;
  }

  get items(): readonly OutboxItem[] {
    return this.#entries;
  }

  send(message: Outgoing, readUpTo?: number): Promise<Message> {
    const { text, custom, card, location, forward } = message;
    if (!text?.trim() && custom === undefined && !card && !location && !forward) {
      const detail = 'Give text, custom, card, location or forward.';
      return Promise.reject(new SnugError({ code: 'missing_field', detail, retryable: false }));
    }
    const id = this.#context.mint();
    const answer = new Promise<Message>((resolve, reject) => {
      this.#entries.push({
        id,
        createdAt: this.#context.now(),
        message,
        // Fixed here: a repeat must be the same payload, byte for byte.
        request: { room: this.#room, id, ...draftOf(message), read_up_to: readUpTo },
        status: 'pending',
        tries: 0,
        resolve,
        reject,
      });
    });
    // The failure is shown in the room; a page that does not await is no error.
    answer.catch(() => {});
    this.#events.changed();
    this.pump();
    return answer;
  }

  retry(id: string): void {
    const entry = this.#entries.find((candidate) => candidate.id === id);
    if (entry?.status !== 'failed') return;
    this.#entries = [...this.#entries.filter((other) => other !== entry), entry];
    entry.status = 'pending';
    entry.problem = undefined;
    entry.tries = 0;
    this.#events.changed();
    this.pump();
  }

  discard(id: string): void {
    this.#entries = this.#entries.filter((entry) => entry.id !== id || entry.status !== 'failed');
    this.#events.changed();
  }

  /** The server's copies, from whatever way they came. */
  confirm(messages: readonly Message[]): void {
    if (this.#entries.length === 0) return;
    const me = this.#context.me();
    for (const message of messages) {
      const entry = this.#entries.find(({ id }) => id === message.id && message.sender === me);
      if (entry) this.#done(entry, message);
    }
  }

  /** Everything is given up: the user logged out or changed. */
  clear(error: Error): void {
    this.#timer.clear();
    const entries = this.#entries;
    this.#entries = [];
    for (const entry of entries) entry.reject(error);
  }

  /** Goes on, if there is a connection and something to send. */
  pump(): void {
    if (this.#sending || this.#timer.running || !this.#context.online()) return;
    const entry = this.#entries.find(({ status }) => status === 'pending');
    if (!entry) return;
    this.#sending = true;
    this.#context
      .request('message.send', entry.request)
      .then(
        ({ message }) => {
          if (!this.#entries.includes(entry)) return;
          this.#done(entry, message);
          this.#events.accepted(message);
        },
        (error) => this.#refused(entry, asSnugError(error)),
      )
      .finally(() => {
        this.#sending = false;
        this.pump();
      });
  }

  #done(entry: Entry, message: Message): void {
    this.#entries = this.#entries.filter((other) => other !== entry);
    entry.resolve(message);
    this.#events.changed();
  }

  #refused(entry: Entry, error: SnugError): void {
    if (!this.#entries.includes(entry)) return;
    // Lost on the way: it stays first and goes again under the same id.
    if (LOST.has(error.code)) return;
    if (error.retryable && ++entry.tries < TRIES) {
      const wait = backoff(entry.tries, DEFAULT_BOUNDS, this.#context.random);
      this.#timer.set(error.retryAfterMs ?? wait, () => this.pump());
      return;
    }
    entry.status = 'failed';
    entry.problem = { ...error };
    entry.reject(error);
    this.#events.changed();
  }
}
