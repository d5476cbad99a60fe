// The connection state machine. It holds at most one link, decides after each
// end what comes next by the range of the close code, and gives every state a
// code. It knows nothing of rooms.
import {
  type AnswerOf,
  closeName,
  type Hello,
  type Op,
  type Problem,
  type RequestOf,
  reconnectRule,
} from '@snug/protocol';
import { backoff, DEFAULT_BOUNDS } from './backoff.js';
import { Link } from './link.js';
import { Cell } from './observable.js';
import { asSnugError, ConfigurationError, passing, SnugError } from './problem.js';
import { networkGone, watchPage } from './signals.js';
import type { Tokens } from './tokens.js';
import type { ConnectionState, Transport } from './types.js';

/** Up this long, a connection counts as good and the back-off starts anew. */
const STABLE_MS = 10_000;
const WAIT_MS = 15_000;
/** Failures before the first success after which the integrator is told. */
const FIRST_FAILURES = 3;

export interface ConnectionSettings {
  url: string;
  tokens: Tokens;
  transport: Transport;
  now: () => number;
  random: () => number;
}

export interface ConnectionEvents {
  /** Before the state turns `online`. */
  hello(hello: Hello): void;
  /** After it: requests go through. */
  online(): void;
  event(name: string, payload: unknown): void;
  /** The machine has come to rest and will not reconnect by itself. */
  rested(state: ConnectionState): void;
}

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

export class Connection {
  readonly state = new Cell<ConnectionState>({ status: 'idle' });
  readonly #settings: ConnectionSettings;
  readonly #events: ConnectionEvents;
  readonly #waiters = new Set<Waiter>();
  #tokens: Tokens;
  #link: Link | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #unwatch: (() => void) | undefined;
  /** Makes the callbacks of an abandoned attempt harmless. */
  #attemptId = 0;
  #failures = 0;
  #renewals = 0;
  #everOnline = false;
  #onlineSince = 0;
  #bounds = DEFAULT_BOUNDS;

  constructor(settings: ConnectionSettings, events: ConnectionEvents) {
    this.#settings = settings;
    this.#tokens = settings.tokens;
    this.#events = events;
  }

  get online(): boolean {
    return this.state.getSnapshot().status === 'online';
  }

  get #resting(): boolean {
    return this.#attemptRests(this.state.getSnapshot());
  }

  #attemptRests({ status, retryAt }: ConnectionState): boolean {
    if (status === 'misconfigured') return retryAt === undefined;
    return status === 'idle' || status === 'closed' || status === 'expired';
  }

  connect(): void {
    if (!this.#resting) return;
    this.#failures = 0;
    this.#renewals = 0;
    this.#unwatch ??= watchPage({
      wake: () => this.#wake(),
      offline: () => this.#link?.check(),
    });
    this.#begin('connect');
  }

  close(code = 'closed_by_page'): void {
    const { status } = this.state.getSnapshot();
    if (status === 'idle' || (status === 'closed' && !this.#link)) return;
    this.#rest({ status: 'closed', code });
  }

  /** Another source of tokens; what was connected or resting connects anew. */
  restart(tokens: Tokens): void {
    this.#tokens = tokens;
    const { status } = this.state.getSnapshot();
    if (status === 'idle' || (status === 'closed' && !this.#unwatch)) return;
    this.#failures = 0;
    this.#renewals = 0;
    this.#begin('token_changed');
  }

  /** Sends now; rejects when there is no live connection. */
  request<O extends Op>(op: O, payload: RequestOf<O>): Promise<AnswerOf<O>> {
    if (!this.#link || !this.online) {
      return Promise.reject(passing('not_connected', 'There is no connection to the server.'));
    }
    return this.#link.request(op, payload);
  }

  /** Resolves at once when online; rejects when the machine rests or time is up. */
  whenOnline(): Promise<void> {
    if (this.online) return Promise.resolve();
    if (this.#resting) return Promise.reject(this.#restError());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(passing('not_connected', 'The server could not be reached in time.'));
      }, WAIT_MS);
      const waiter: Waiter = {
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  /** Before the session ends: a newer token on the live connection. */
  async refresh(): Promise<void> {
    const link = this.#link;
    if (!link) return;
    const tokens = this.#tokens;
    const token = tokens.renewable ? await tokens.renew() : undefined;
    if (link !== this.#link) return;
    const fresh = token === link.token ? undefined : token;
    const answer = await link.request('session.refresh', fresh ? { token: fresh } : {});
    if (answer.token) tokens.replace(answer.token);
  }

  #begin(code: string): void {
    const attempt = this.#leave();
    const status = this.#everOnline || this.#failures > 0 ? 'reconnecting' : 'connecting';
    this.#turn(networkGone() ? { status: 'offline', code } : { status, code });
    this.#tokens.get().then(
      (token) => {
        if (attempt === this.#attemptId) this.#open(token);
      },
      (error) => {
        if (attempt === this.#attemptId) this.#tokenFailed(error);
      },
    );
  }

  #open(token: string): void {
    const { transport, url, now } = this.#settings;
    const attempt = this.#attemptId;
    const current = () => attempt === this.#attemptId;
    try {
      this.#link = new Link(
        transport,
        { url, token },
        {
          hello: (hello) => current() && this.#hello(hello),
          event: (name, payload) => current() && this.#event(name, payload),
          closed: (closeCode, problem) => current() && this.#closed(closeCode, token, problem),
        },
        now,
      );
    } catch (error) {
      this.#misconfigured(
        new ConfigurationError(
          'unreachable',
          `${url} could not be opened: ${error}.`,
          'Give `url` as the https address of your Snug server, and let `connect-src` of the page allow it.',
        ),
      );
    }
  }

  #hello(hello: Hello): void {
    this.#everOnline = true;
    this.#renewals = 0;
    this.#onlineSince = this.#settings.now();
    this.#bounds = hello.reconnect;
    this.#events.hello(hello);
    const attempt = this.#attemptId;
    this.#turn({ status: 'online', code: 'hello' });
    // A subscriber may have closed it.
    if (attempt === this.#attemptId) this.#events.online();
  }

  #event(name: string, payload: unknown): void {
    if (name === 'session.expiring') this.refresh().catch(() => {});
    this.#events.event(name, payload);
  }

  #closed(closeCode: number, token: string, problem?: Problem): void {
    const name = closeCode < 4000 ? 'connection_lost' : closeName(closeCode);
    const wasOnline = this.online;
    if (wasOnline && this.#settings.now() - this.#onlineSince >= STABLE_MS) this.#failures = 0;
    const rule = reconnectRule(closeCode);
    if (rule === 'reconnect') {
      this.#retry(name, problem?.detail, problem?.retry_after_ms ?? undefined);
    } else if (rule === 'new_token') {
      // 4101 says only that the token came too late; it may be offered again.
      if (closeCode === 4101) this.#tokens.forget();
      else this.#tokens.refuse(token);
      // The first renewal goes at once, further ones wait.
      if (this.#renewals++ === 0) this.#begin(name);
      else this.#retry(name, problem?.detail);
    } else if (closeCode === 4202 && this.#tokens.supersedes(token)) {
      // The token source opened this device's session anew: our own doing.
      this.#begin(name);
    } else {
      this.#stayAway(closeCode, problem);
    }
  }

  #stayAway(closeCode: number, problem?: Problem): void {
    this.#tokens.forget();
    const detail = problem?.detail;
    const code = problem?.code;
    if (code === 'server_key_in_browser') {
      this.#misconfigured(
        new ConfigurationError(
          code,
          detail ?? 'A server key was used from a page.',
          'Rotate the key, keep it on your backend, and give the page a session token.',
        ),
      );
    } else if (closeCode === 4204) {
      this.#misconfigured(
        new ConfigurationError(
          'token_invalid',
          detail ?? 'The server does not know this token.',
          'Check that the token was opened on this server for this app, and is passed on unchanged.',
        ),
      );
    } else if (closeCode === 4205) {
      this.#misconfigured(
        new ConfigurationError(
          'origin_refused',
          detail ?? 'The app does not allow this page’s origin.',
          `Add ${typeof location === 'undefined' ? 'the page’s origin' : location.origin} to the app's origins in the panel.`,
        ),
      );
    } else {
      this.#rest({ status: 'closed', code: closeName(closeCode), detail });
    }
  }

  #tokenFailed(error: unknown): void {
    if (error instanceof ConfigurationError) {
      this.#misconfigured(error);
    } else if (error instanceof SnugError && !error.retryable) {
      const fix =
        error.code === 'token_expired'
          ? 'Open a new session on your backend, or give `tokenUrl` or a function as token source.'
          : 'Log in again.';
      this.#rest({ status: 'expired', code: error.code, detail: error.detail, fix });
    } else {
      const { detail } = asSnugError(error);
      this.#retry('token_source_failed', detail);
    }
  }

  #retry(code: string, detail?: string, atLeastMs = 0): void {
    const attempt = this.#leave();
    const { now, random, url } = this.#settings;
    const wait = Math.max(atLeastMs, backoff(this.#failures++, this.#bounds, random));
    const retryAt = now() + wait;
    const unreachable =
      !this.#everOnline && this.#failures >= FIRST_FAILURES && code === 'connection_lost';
    if (networkGone()) {
      this.#turn({ status: 'offline', code, detail, retryAt });
    } else if (unreachable) {
      const http = url.replace(/^ws/, 'http').replace(/\/v1\/socket$/, '/healthz');
      this.#turn({
        status: 'misconfigured',
        code: 'unreachable',
        detail: `No connection to ${url}.`,
        fix: `Open ${http} to see whether the server runs, and check \`url\` and the page's connect-src.`,
        retryAt,
      });
    } else {
      this.#turn({ status: 'reconnecting', code, detail, retryAt });
    }
    if (attempt !== this.#attemptId) return; // A subscriber closed or restarted it.
    this.#timer = setTimeout(() => this.#begin(code), wait);
  }

  /** The page came back, or the network did: waiting longer helps nobody. */
  #wake(): void {
    if (this.#timer !== undefined) this.#begin('wake');
    else this.#link?.check();
  }

  #misconfigured({ code, detail, fix }: ConfigurationError): void {
    this.#rest({ status: 'misconfigured', code, detail, fix });
  }

  #rest(state: ConnectionState): void {
    this.#leave();
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#turn(state);
    this.#events.rested(state);
  }

  /** Abandons link, timer and attempt; answers the next attempt's number. */
  #leave(): number {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const link = this.#link;
    this.#link = undefined;
    this.#attemptId++;
    link?.drop();
    return this.#attemptId;
  }

  #turn(state: ConnectionState): void {
    this.state.set(state);
    if (state.status !== 'online' && !this.#attemptRests(state)) return;
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) {
      if (state.status === 'online') waiter.resolve();
      else waiter.reject(this.#restError());
    }
  }

  #restError(): Error {
    const { status, code, detail, fix } = this.state.getSnapshot();
    if (status === 'misconfigured') {
      return new ConfigurationError(code as ConfigurationError['code'], detail ?? '', fix ?? '');
    }
    return new SnugError({
      code: code ?? 'not_connected',
      detail: detail ?? (status === 'idle' ? 'Call connect() first.' : 'The connection is closed.'),
      retryable: false,
    });
  }
}
