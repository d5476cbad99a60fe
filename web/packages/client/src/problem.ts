// The two kinds of failure a page can meet: a request that was refused, and a
// set-up that the integrator must mend. Both carry a code, never only prose.
import type { Problem } from '@snug/protocol';
import type { ConfigurationCode, ProblemView } from './types.js';

/** A refused or lost request. `code` is one of the protocol's, or `timeout`, `connection_lost`, `not_connected`, `closed`. */
export class SnugError extends Error {
  override get name(): string {
    return 'SnugError';
  }
  declare readonly code: string;
  declare readonly detail: string;
  /** Whether the same request may succeed later. */
  declare readonly retryable: boolean;
  declare readonly field?: string;
  declare readonly retryAfterMs?: number;

  constructor(problem: ProblemView) {
    super(`${problem.code}: ${problem.detail}`);
    // What a spread of the error gives: the same as a plain object, for snapshots.
    Object.assign(this, problem);
  }
}

/** Codes of requests that never reached the server, or whose answer did not come back. */
export const LOST = new Set(['connection_lost', 'not_connected']);

/** The room is not, or no more, this user's. */
export const NO_ACCESS = new Set([
  'not_a_member',
  'room_not_found',
  'user_deactivated',
  'room_left',
  'room_removed',
  'room_deleted',
]);

/** Set-up that the integrator must mend; `fix` is one sentence that says how. */
export class ConfigurationError extends SnugError {
  declare readonly code: ConfigurationCode;

  constructor(
    code: ConfigurationCode,
    detail: string,
    readonly fix: string,
  ) {
    super({ code, detail, retryable: false });
  }

  override get name(): string {
    return 'ConfigurationError';
  }
}

export function fromProblem(problem: Problem): SnugError {
  const { code, detail, retryable, field, retry_after_ms } = problem;
  return new SnugError({
    code,
    detail,
    retryable,
    field: field ?? undefined,
    retryAfterMs: retry_after_ms ?? undefined,
  });
}

/** For failures of the network or of this client, which may pass. */
export function passing(code: string, detail: string): SnugError {
  return new SnugError({ code, detail, retryable: true });
}

export function asSnugError(error: unknown): SnugError {
  if (error instanceof SnugError) return error;
  return passing('internal', String(error));
}
