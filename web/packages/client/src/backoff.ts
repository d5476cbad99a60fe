// Waiting times between attempts: doubling, capped, with jitter, so that a
// restarted server does not meet all its clients in one second.

export interface Bounds {
  min_ms: number;
  max_ms: number;
}

/** Before the server has named its own. */
export const DEFAULT_BOUNDS: Bounds = { min_ms: 500, max_ms: 30_000 };

/** `attempt` from 0; between `min_ms` and the doubled bound. */
export function backoff(attempt: number, bounds: Bounds, random: () => number): number {
  const top = Math.min(bounds.max_ms, bounds.min_ms * 2 ** (attempt + 1));
  return Math.round(bounds.min_ms + random() * Math.max(0, top - bounds.min_ms));
}
