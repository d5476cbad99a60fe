// What was said to those who have the room open, and is kept nowhere: here either, for long.
import type { Ephemeral } from '@snug/protocol';
import type { Context } from './context.js';
import { ephemeralView } from './message-views.js';
import type { EphemeralView } from './types.js';

const KEPT = 20;

export class Said {
  #all: Ephemeral[] = [];

  /** Says whether it is new: what goes between nodes may come twice. */
  add(said: Ephemeral): boolean {
    if (this.#all.some(({ id }) => id === said.id)) return false;
    this.#all = [...this.#all, said].slice(-KEPT);
    return true;
  }

  drop(id?: string): void {
    this.#all = id === undefined ? [] : this.#all.filter((said) => said.id !== id);
  }

  views(ctx: Context): EphemeralView[] {
    return this.#all.map((said) => ephemeralView(said, ctx));
  }
}
