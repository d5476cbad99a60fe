// A connection to the small server of the tests, and how that refuses.
import type { EventName, Events, Problem } from '@snug/protocol';
import type { TransportEvents, TransportTarget } from '../src/types.js';

export interface Frame {
  id: string;
  op: string;
  data: Record<string, unknown>;
}

export class FakeConnection {
  readonly open = new Set<string>();
  readonly received: Frame[] = [];
  closed = false;
  /** From now on nothing reaches the client but the end. */
  deaf = false;

  constructor(
    readonly target: TransportTarget,
    readonly events: TransportEvents,
    readonly user: string,
  ) {}

  push<E extends EventName>(event: E, data: Events[E]): void {
    this.raw({ event, data });
  }

  raw(frame: unknown): void {
    if (this.deaf) return;
    const text = JSON.stringify(frame);
    queueMicrotask(() => {
      if (!this.closed) this.events.received(text);
    });
  }

  break(code = 1006, problem?: Problem): void {
    if (problem) this.push('error', problem);
    queueMicrotask(() => {
      if (this.closed) return;
      this.closed = true;
      this.events.closed(code, '');
    });
  }
}

export class Refusal extends Error {
  constructor(readonly problem: Problem) {
    super(problem.code);
  }
}

export function refusal(code: string, fields: Partial<Problem> = {}): Refusal {
  return new Refusal({
    type: `/docs/errors#${code}`,
    title: code,
    status: 400,
    code,
    detail: `${code}.`,
    retryable: false,
    ...fields,
  });
}
