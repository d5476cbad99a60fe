// Observable snapshots in the `useSyncExternalStore` shape, and typed events.
import type { Readable } from './types.js';

/** Tells subscribers that something changed; one that throws harms no other. */
class Signal {
  readonly #callbacks = new Set<() => void>();

  // Bound, since React takes it off the object.
  subscribe = (callback: () => void): (() => void) => {
    // Wrapped, so that the same function subscribed twice is told twice.
    const own = () => callback();
    this.#callbacks.add(own);
    return () => void this.#callbacks.delete(own);
  };

  protected notify(): void {
    for (const callback of [...this.#callbacks]) guarded(callback);
  }
}

/** A value that is replaced. */
export class Cell<T> extends Signal implements Readable<T> {
  #value: T;

  constructor(value: T) {
    super();
    this.#value = value;
  }

  getSnapshot = (): T => this.#value;

  set(value: T): void {
    if (value === this.#value) return;
    this.#value = value;
    this.notify();
  }
}

/**
 * A snapshot built from mutable state when somebody looks, not at each change.
 * It is fresh at once; subscribers hear of several changes in one go.
 */
export abstract class Derived<T> extends Signal implements Readable<T> {
  #value: T | undefined;
  #telling = false;

  protected abstract build(): T;

  getSnapshot = (): T => {
    this.#value ??= this.build();
    return this.#value;
  };

  touch(): void {
    this.#value = undefined;
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      this.notify();
    });
  }
}

export class Emitter<Events> {
  #listeners: { event: keyof Events; callback: (payload: never) => void }[] = [];

  on<E extends keyof Events>(event: E, callback: (payload: Events[E]) => void): () => void {
    const own = { event, callback };
    this.#listeners = [...this.#listeners, own];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== own);
    };
  }

  emit<E extends keyof Events>(event: E, payload: Events[E]): void {
    for (const own of this.#listeners) {
      if (own.event === event) guarded(() => own.callback(payload as never));
    }
  }
}

/** A page's own mistake is reported as the page's, and does not stop the chat. */
function guarded(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
