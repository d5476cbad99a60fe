// Typing, both ways: what others do ends by itself, what we say is throttled.
import type { Context } from './context.js';

const ENDS_MS = 6_000;
const REPEAT_MS = 3_000;

/** Who else types in one room. */
export class TypingOthers {
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get users(): string[] {
    return [...this.#timers.keys()];
  }

  set(user: string, on: boolean): void {
    const had = this.#timers.has(user);
    clearTimeout(this.#timers.get(user));
    this.#timers.delete(user);
    if (on)
      this.#timers.set(
        user,
        setTimeout(() => this.set(user, false), ENDS_MS),
      );
    if (had !== on) this.#changed();
  }

  clear(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}

/** What this user says in one room; called on every keystroke. */
export class TypingOwn {
  readonly #room: string;
  readonly #context: Context;
  #saidAt = Number.NEGATIVE_INFINITY;
  #on = false;

  constructor(room: string, context: Context) {
    this.#room = room;
    this.#context = context;
  }

  say(on: boolean): void {
    const now = this.#context.now();
    // Off and on again within the pause stays silent: the others' sign lasts.
    if (on ? now - this.#saidAt < REPEAT_MS : !this.#on) return;
    this.#on = on;
    if (on) this.#saidAt = now;
    if (this.#context.online()) {
      this.#context.request('typing', { room: this.#room, on }).catch(() => {});
    }
  }

  /** A sent message says it for us. */
  sent(): void {
    this.#on = false;
    this.#saidAt = Number.NEGATIVE_INFINITY;
  }
}
