// One life of one socket: requests find their answers, events pass on, silence
// is noticed. What happens after the end is the connection's concern.
import type { AnswerOf, Hello, Op, Problem, RequestOf, ServerFrame } from '@snug/protocol';
import { fromProblem, passing } from './problem.js';
import { Timer } from './timer.js';
import type { Transport, TransportConnection, TransportTarget } from './types.js';

const OPEN_TIMEOUT_MS = 15_000;
const ANSWER_TIMEOUT_MS = 15_000;
const LOST = 'The connection broke.';
const PING_TIMEOUT_MS = 8_000;
/** Before the server's bound, so that a quiet connection is not cut at it. */
const QUIET_SHARE = 0.8;

export interface LinkEvents {
  hello(hello: Hello): void;
  event(name: string, payload: unknown): void;
  /** Once, last; `problem` is what an `error` event said before the close. */
  closed(code: number, problem?: Problem): void;
}

interface Waiting {
  resolve(answer: never): void;
  reject(error: Error): void;
  timer: ReturnType<typeof setTimeout>;
}

export class Link {
  readonly token: string;
  readonly #events: LinkEvents;
  readonly #now: () => number;
  readonly #waiting = new Map<string, Waiting>();
  #socket: TransportConnection | undefined;
  readonly #timer = new Timer();
  #nextId = 1;
  #heardAt: number;
  #livenessMs = 35_000;
  #problem: Problem | undefined;
  #over = false;

  constructor(
    transport: Transport,
    target: TransportTarget,
    events: LinkEvents,
    now: () => number,
  ) {
    this.token = target.token;
    this.#events = events;
    this.#now = now;
    this.#heardAt = now();
    this.#timer.set(OPEN_TIMEOUT_MS, () => this.#end(1006));
    this.#socket = transport.open(target, {
      received: (text) => this.#received(text),
      closed: (code) => this.#end(code, false),
    });
  }

  request<O extends Op>(op: O, payload: RequestOf<O>): Promise<AnswerOf<O>> {
    return new Promise((resolve, reject) => {
      if (this.#over || !this.#socket) {
        reject(passing('connection_lost', LOST));
        return;
      }
      const id = String(this.#nextId++);
      const timer = setTimeout(
        () => {
          this.#waiting.delete(id);
          reject(passing('timeout', `No answer to ${op} in time.`));
          if (op === 'ping') this.#end(4002);
          else this.check();
        },
        op === 'ping' ? PING_TIMEOUT_MS : ANSWER_TIMEOUT_MS,
      );
      this.#waiting.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ id, op, data: payload }));
    });
  }

  /** Asks for a sign of life now, unless there was one a moment ago. */
  check(): void {
    if (this.#over || this.#now() - this.#heardAt < 2_000) return;
    this.request('ping', {}).catch(() => {});
  }

  /** Ends it from this side, without a `closed` event. */
  drop(): void {
    this.#end(1000, true, true);
  }

  #received(text: string): void {
    if (this.#over) return;
    this.#heardAt = this.#now();
    let frame: ServerFrame;
    try {
      frame = JSON.parse(text);
    } catch {
      return; // Not ours to mend; a lost event shows as a gap.
    }
    if ('event' in frame) this.#event(frame.event, frame.data ?? {});
    else this.#answer(frame);
  }

  #event(name: string, payload: unknown): void {
    if (name === 'hello') {
      const hello = payload as Hello;
      this.#livenessMs = hello.limits.liveness_ms;
      this.#watch();
      this.#events.hello(hello);
    } else if (name === 'error') {
      this.#problem = payload as Problem;
    } else {
      this.#events.event(name, payload);
    }
  }

  #answer(frame: Exclude<ServerFrame, { event: unknown }>): void {
    const waiting = this.#waiting.get(String(frame.id));
    if (!waiting) return;
    this.#waiting.delete(String(frame.id));
    clearTimeout(waiting.timer);
    if (frame.ok) waiting.resolve(frame.data as never);
    else waiting.reject(fromProblem(frame.error));
  }

  /** One timer, set anew only when it fires: hearing something costs no timer. */
  #watch(): void {
    const bound = this.#livenessMs * QUIET_SHARE;
    const quiet = this.#now() - this.#heardAt;
    if (quiet >= bound) this.check();
    const next = quiet >= bound ? bound : bound - quiet;
    this.#timer.set(next, () => this.#watch());
  }

  #end(code: number, closeSocket = true, silent = false): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer.clear();
    const lost = passing('connection_lost', LOST);
    for (const waiting of this.#waiting.values()) {
      clearTimeout(waiting.timer);
      waiting.reject(lost);
    }
    this.#waiting.clear();
    if (closeSocket) this.#socket?.close();
    if (!silent) this.#events.closed(code, this.#problem);
  }
}
