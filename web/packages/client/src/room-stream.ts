// The order of one open room's events. Each carries the room's rev: the next
// one is applied, one that was seen is applied again without harm, one from
// above a gap waits a moment for the missing, then a sync is asked for.

import { Timer } from './timer.js';

const GAP_MS = 200;

export class RoomStream {
  readonly #onGap: () => void;
  readonly #held = new Map<number, (() => void)[]>();
  #applied = 0;
  #highest = 0;
  readonly #timer = new Timer();

  constructor(onGap: () => void) {
    this.#onGap = onGap;
  }

  /** Everything up to this rev is in the room's state. */
  get applied(): number {
    return this.#applied;
  }

  push(rev: number, apply: () => void): void {
    this.#highest = Math.max(this.#highest, rev);
    if (rev > this.#applied + 1) {
      this.#held.set(rev, [...(this.#held.get(rev) ?? []), apply]);
      this.#arm();
      return;
    }
    apply();
    if (rev > this.#applied) this.advance(rev);
  }

  /** A rev heard of without its event. */
  note(rev: number): void {
    this.#highest = Math.max(this.#highest, rev);
    if (this.#highest > this.#applied) this.#arm();
  }

  /** State up to `rev` came by other means. */
  advance(rev: number): void {
    this.#applied = Math.max(this.#applied, rev);
    const due = [...this.#held.keys()].sort((a, b) => a - b);
    for (const next of due) {
      if (next > this.#applied + 1) break;
      const events = this.#held.get(next) ?? [];
      this.#held.delete(next);
      this.#applied = Math.max(this.#applied, next);
      for (const apply of events) apply();
    }
    if (this.#highest > this.#applied) this.#arm();
    else this.#timer.clear();
  }

  /** As `advance`, and what was only heard of counts no more than this answer. */
  settle(rev: number): void {
    this.#highest = Math.max(rev, ...this.#held.keys());
    this.advance(rev);
  }

  /** Begins anew at `rev`, with nothing held. */
  reset(rev: number): void {
    this.#held.clear();
    this.#timer.clear();
    this.#applied = rev;
    this.#highest = rev;
  }

  #arm(): void {
    if (this.#timer.running) return;
    this.#timer.set(GAP_MS, () => {
      if (this.#highest > this.#applied) this.#onGap();
    });
  }
}
