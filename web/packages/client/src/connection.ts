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
import { Timer } from './timer.js';
import { SERVER_KEY_FIX, TOKEN_FIX, type Tokens } from './tokens.js';
import type { ConnectionState, Transport } from './types.js';

/** Up this long, a connection counts as good and the back-off starts anew. */
const STABLE_MS = 10_000;
const NO_CONNECTION = 'Not connected to the server.';
const WAIT_MS = 15_000;
/** Failures before the first success after which the integrator is told. */
const FIRST_FAILURES = 3;

/** What the integrator can do about a close; any other close is no set-up problem. */
const FIXES: Record<string, string> = {
  server_key_in_browser: SERVER_KEY_FIX,
  token_invalid: TOKEN_FIX,
  origin_refused: 'Add the origin of this page to the app in the panel.',
};

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

export class Connection {
  readonly state = new Cell<ConnectionState>({ status: 'idle' });
  readonly #settings: ConnectionSettings;
  readonly #events: ConnectionEvents;
  #tokens: Tokens;
  #link: Link | undefined;
  readonly #timer = new Timer();
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
    const { status, retryAt } = this.state.getSnapshot();
    if (status === 'misconfigured') return retryAt === undefined;
    return status === 'idle' || status === 'closed' || status === 'expired';
  }

  connect(): void {
    if (!this.#resting) return;
    this.#unwatch ??= watchPage(() => this.#wake());
    this.#start('connect');
  }

  close(code = 'closed_by_page'): void {
    const { status } = this.state.getSnapshot();
    if (status === 'idle' || status === 'closed') return;
    this.#rest({ status: 'closed', code });
  }

  /** Another source of tokens; what was connected or resting connects anew. */
  restart(tokens: Tokens): void {
    this.#tokens = tokens;
    const { status } = this.state.getSnapshot();
    if (status === 'idle' || (status === 'closed' && !this.#unwatch)) return;
    this.#start('token_changed');
  }

  /** Sends now; rejects when there is no live connection. */
  request<O extends Op>(op: O, payload: RequestOf<O>): Promise<AnswerOf<O>> {
    if (!this.#link || !this.online) {
      return Promise.reject(passing('not_connected', NO_CONNECTION));
    }
    return this.#link.request(op, payload);
  }

  /** Resolves at once when online; rejects when the machine rests or time is up. */
  whenOnline(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = new Timer();
      const look = () => {
        if (this.online) resolve();
        else if (this.#resting) reject(this.#restError());
        else return;
        stop();
        timer.clear();
      };
      const stop = this.state.subscribe(look);
      timer.set(WAIT_MS, () => {
        stop();
        reject(passing('not_connected', NO_CONNECTION));
      });
      look();
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

  #start(code: string): void {
    this.#failures = 0;
    this.#renewals = 0;
    this.#begin(code);
  }

  #begin(code: string): void {
    const attempt = this.#leave();
    const status = this.#everOnline || this.#failures > 0 ? 'reconnecting' : 'connecting';
    this.state.set({ status: networkGone() ? 'offline' : status, code });
    const current = () => attempt === this.#attemptId;
    this.#tokens.get().then(
      (token) => current() && this.#open(token, current),
      (error) => current() && this.#tokenFailed(error),
    );
  }

  #open(token: string, current: () => boolean): void {
    const { transport, url, now } = this.#settings;
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
      // The address is none, or the page's policy forbids it.
      this.#rest(this.#unreachable(` (${error})`));
    }
  }

  #hello(hello: Hello): void {
    this.#everOnline = true;
    this.#renewals = 0;
    this.#onlineSince = this.#settings.now();
    this.#bounds = hello.reconnect;
    this.#events.hello(hello);
    const attempt = this.#attemptId;
    this.state.set({ status: 'online', code: 'hello' });
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
    const said = problem?.code ?? '';
    const code = FIXES[said] ? said : closeName(closeCode);
    const fix = FIXES[code];
    const detail = problem?.detail ?? `The server said ${code}.`;
    this.#rest({ status: fix ? 'misconfigured' : 'closed', code, detail, fix });
  }

  #unreachable(reason = ''): ConnectionState {
    const { url } = this.#settings;
    const health = url.replace(/^ws(.*)\/v1\/socket$/, 'http$1/healthz');
    return {
      status: 'misconfigured',
      code: 'unreachable',
      detail: `No connection to ${url}${reason}.`,
      fix: `Check \`url\` and \`connect-src\`, and whether ${health} answers.`,
    };
  }

  #tokenFailed(error: unknown): void {
    if (error instanceof ConfigurationError) {
      const { code, detail, fix } = error;
      this.#rest({ status: 'misconfigured', code, detail, fix });
    } else if (error instanceof SnugError && !error.retryable) {
      const fix =
        error.code === 'token_expired'
          ? 'Open a new session, or give `tokenUrl` or a function.'
          : 'Log in again.';
      this.#rest({ status: 'expired', code: error.code, detail: error.detail, fix });
    } else this.#retry('token_source_failed', asSnugError(error).detail);
  }

  #retry(code: string, detail?: string, atLeastMs = 0): void {
    const attempt = this.#leave();
    const { now, random } = this.#settings;
    const wait = Math.max(atLeastMs, backoff(this.#failures++, this.#bounds, random));
    const retryAt = now() + wait;
    const never = !this.#everOnline && this.#failures >= FIRST_FAILURES;
    this.state.set(
      never && code === 'connection_lost' && !networkGone()
        ? { ...this.#unreachable(), retryAt }
        : { status: networkGone() ? 'offline' : 'reconnecting', code, detail, retryAt },
    );
    if (attempt !== this.#attemptId) return; // A subscriber closed or restarted it.
    this.#timer.set(wait, () => this.#begin(code));
  }

  /** The page came back, or the network did: waiting longer helps nobody. */
  #wake(): void {
    if (this.#timer.running) this.#begin('wake');
    else this.#link?.check();
  }

  #rest(state: ConnectionState): void {
    this.#leave();
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.state.set(state);
    this.#events.rested(state);
  }

  /** Abandons link, timer and attempt; answers the next attempt's number. */
  #leave(): number {
    this.#timer.clear();
    const link = this.#link;
    this.#link = undefined;
    this.#attemptId++;
    link?.drop();
    return this.#attemptId;
  }

  #restError(): Error {
    const { status, code, detail, fix } = this.state.getSnapshot();
    if (status === 'misconfigured') {
      return new ConfigurationError(code as ConfigurationError['code'], detail ?? '', fix ?? '');
    }
    return new SnugError({
      code: code ?? 'not_connected',
      detail: detail ?? NO_CONNECTION,
      retryable: false,
    });
  }
}
