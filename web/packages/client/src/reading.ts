// "Read up to here", coalesced: the highest wins, one request at a time, and
// what could not be said while offline is said after.
import type { Context } from './context.js';
import { asSnugError } from './problem.js';
import { Timer } from './timer.js';

const COALESCE_MS = 150;

export interface Reading {
  mark(seq: number): void;
  flush(): void;
  clear(): void;
}

/** `tell` rejects where it could not be said. */
export function reading(context: Context, tell: (seq: number) => Promise<unknown>): Reading {
  const timer = new Timer();
  let wanted = 0;
  let asking = false;

  const said = (seq: number) => {
    if (wanted === seq) wanted = 0;
  };
  const ask = async () => {
    const seq = wanted;
    if (!seq || !context.online()) return;
    asking = true;
    try {
      await tell(seq);
      said(seq);
    } catch (error) {
      // Refused for good: the next mark may try again. Else it stays wanted.
      if (!asSnugError(error).retryable) said(seq);
    }
    asking = false;
    if (wanted > seq) flush();
  };
  const flush = () => {
    if (wanted && !asking && !timer.running && context.online()) timer.set(COALESCE_MS, ask);
  };

  return {
    mark(seq) {
      if (seq <= wanted) return;
      wanted = seq;
      flush();
    },
    flush,
    clear() {
      timer.clear();
      wanted = 0;
    },
  };
}
