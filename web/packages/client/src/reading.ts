// "Read up to here", coalesced: the highest wins, one request at a time, and
// what could not be said while offline is said after.
import type { Mine } from '@snug/protocol';
import type { Context } from './context.js';
import { asSnugError } from './problem.js';
import { Timer } from './timer.js';

const COALESCE_MS = 150;

export class Reading {
  readonly #room: string;
  readonly #context: Context;
  readonly #answered: (mine: Mine) => void;
  #wanted = 0;
  readonly #timer = new Timer();
  #asking = false;

  constructor(room: string, context: Context, answered: (mine: Mine) => void) {
    this.#room = room;
    this.#context = context;
    this.#answered = answered;
  }

  mark(seq: number): void {
    if (seq <= this.#wanted) return;
    this.#wanted = seq;
    this.flush();
  }

  flush(): void {
    if (!this.#wanted || this.#asking || this.#timer.running || !this.#context.online()) return;
    this.#timer.set(COALESCE_MS, () => this.#ask());
  }

  clear(): void {
    this.#timer.clear();
    this.#wanted = 0;
  }

  #ask(): void {
    const seq = this.#wanted;
    if (seq === 0 || !this.#context.online()) return;
    this.#asking = true;
    this.#context
      .request('read', { room: this.#room, seq })
      .then(
        (mine) => {
          if (this.#wanted === seq) this.#wanted = 0;
          this.#answered(mine);
        },
        (error) => {
          // Refused for good: the next mark may try again. Else it stays wanted.
          if (!asSnugError(error).retryable && this.#wanted === seq) this.#wanted = 0;
        },
      )
      .finally(() => {
        this.#asking = false;
        if (this.#wanted > seq) this.flush();
      });
  }
}
