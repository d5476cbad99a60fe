// The two kinds of failure a page can meet: a request that was refused, and a
// set-up that the integrator must mend. Both carry a code, never only prose.
import type { Problem } from '@snug/protocol';
import type { ConfigurationCode, ProblemView } from './types.js';

/** A refused or lost request. `code` is one of the protocol's, or `timeout`, `connection_lost`, `not_connected`, `closed`. */
export class SnugError extends Error {
  override readonly name = 'SnugError';
  readonly code: string;
  readonly detail: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  readonly field?: string;
  readonly retryAfterMs?: number;

  constructor(problem: ProblemView) {
    super(`${problem.code}: ${problem.detail}`);
    this.code = problem.code;
    this.detail = problem.detail;
    this.retryable = problem.retryable;
    this.field = problem.field;
    this.retryAfterMs = problem.retryAfterMs;
  }

  view(): ProblemView {
    const { code, detail, retryable, field, retryAfterMs } = this;
    return { code, detail, retryable, field, retryAfterMs };
  }
}

/** Set-up that the integrator must mend; `fix` is one sentence that says how. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  constructor(
    readonly code: ConfigurationCode,
    readonly detail: string,
    readonly fix: string,
  ) {
    super(`${detail} ${fix}`);
  }
}

export function fromProblem(problem: Problem): SnugError {
  return new SnugError({
    code: problem.code,
    detail: problem.detail,
    retryable: problem.retryable,
    field: problem.field ?? undefined,
    retryAfterMs: problem.retry_after_ms ?? undefined,
  });
}

/** For failures of the network or of this client, which may pass. */
export function passing(code: string, detail: string): SnugError {
  return new SnugError({ code, detail, retryable: true });
}

export function asSnugError(error: unknown): SnugError {
  if (error instanceof SnugError) return error;
  if (error instanceof ConfigurationError) {
    return new SnugError({ code: error.code, detail: error.message, retryable: false });
  }
  return passing('internal', error instanceof Error ? error.message : String(error));
}
