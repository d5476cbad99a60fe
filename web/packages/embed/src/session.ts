// Who is signed in: one client for as long as the page stands. A room is opened
// on it without a word about tokens; another token changes the user on the spot.
import type { Client } from '@snug/client';
import type { Config } from './config.js';
import type { Keep } from './keep.js';
import type { Parent } from './parent.js';
import { close, Refused, refresh, type Whose, whose } from './rest.js';
import './snug.js';

/** How long the page around is given to answer with a newer token. */
const ANSWER_MS = 10_000;
/** Refusals that a newer token mends. */
const OVER = new Set(['token_expired', 'token_invalid', 'session_closed', 'session_replaced']);
const WAITS_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000];

export interface SessionEvents {
  /** The client to be shown; the same one again after a newer token. */
  client(client: Client): void;
  signedIn(client: Client): void;
  signedOut(reason: string): void;
  tokenNeeded(): void;
  failed(code: string, detail: string): void;
}

export interface Place {
  config: Config;
  parent: Parent;
  keep: Keep;
  /** A token as the server's doors take it, when it is not one of theirs. */
  placed?: (token: string) => string;
}

export class Session {
  client: Client | undefined;
  /** As it was given. */
  token: string | undefined;
  readonly #place: Place;
  readonly #events: SessionEvents;
  #attempt = 0;
  /** A newer token was asked for since one was last taken: asked again, a wrong one is a loop. */
  #begged = false;
  /** The token that is looked at. */
  #checked: string | undefined;
  /** Whose coming in was told. */
  #user: string | undefined;
  #answered: ((token: string) => void) | undefined;
  #stops: (() => void)[] = [];

  constructor(place: Place, events: SessionEvents) {
    this.#place = place;
    this.#events = events;
  }

  /** Whether a token was given already, be it that it is still looked at. */
  get begun(): boolean {
    return this.#attempt > 0;
  }

  /** Nothing of the chat is shown before the server has said that this frame may have it. */
  async login(token: string): Promise<void> {
    const attempt = ++this.#attempt;
    if (token === this.token && this.client?.connection.getSnapshot().status === 'online') return;
    let known: Whose;
    this.#checked = token;
    try {
      known = await this.#check(token, attempt);
    } catch (error) {
      if (attempt === this.#attempt) this.#refused(error);
      return;
    }
    if (attempt !== this.#attempt) return;
    this.#checked = undefined;
    this.#begged = false;
    this.token = token;
    this.#place.keep.put(token);
    const { client } = this;
    if (client && this.#answered && client.me.getSnapshot()?.id === known.user) {
      this.#answered(token);
      return;
    }
    this.#answered?.(token);
    if (client) {
      client.setToken(this.#source());
      this.#events.client(client);
      client.connect();
    } else this.#begin();
  }

  async logout(): Promise<void> {
    this.#attempt++;
    this.#place.keep.clear();
    // One that is still looked at is a session, too.
    const looked = this.#checked;
    this.#checked = undefined;
    const { client } = this;
    this.token = undefined;
    this.client = undefined;
    // Before the server is asked: whoever comes in next has listeners of his own.
    for (const stop of this.#stops.splice(0)) stop();
    const closed = [client?.logout(), looked && close(this.#placed(looked))];
    this.#events.signedOut('logged_out');
    await Promise.all(closed);
  }

  #begin(): void {
    const client = new window.Snug.SnugClient({ url: location.origin, token: this.#source() });
    this.client = client;
    this.#user = undefined;
    this.#stops = [
      client.on('closed', () => this.#closed(client)),
      client.connection.subscribe(() => {
        const me = client.me.getSnapshot();
        const online = client.connection.getSnapshot().status === 'online';
        if (!online || !me || me.id === this.#user) return;
        this.#user = me.id;
        this.#events.signedIn(client);
      }),
    ];
    this.#events.client(client);
    client.connect();
  }

  #closed(client: Client): void {
    if (client !== this.client) return;
    const { status, code = status, detail = '' } = client.connection.getSnapshot();
    this.#user = undefined;
    if (status === 'misconfigured') {
      this.#events.failed(code, detail);
      return;
    }
    this.#place.keep.clear();
    this.#events.signedOut(code);
  }

  /** The token at hand, once; from then on a newer one of the page around, if it has one. */
  #source(): () => Promise<string> {
    let given = false;
    return async () => {
      const { token } = this;
      if (token === undefined) throw gone();
      if (!given) {
        given = true;
        return this.#placed(token);
      }
      const newer = await this.#askParent();
      if (newer !== undefined) return this.#placed(newer);
      const alive = this.client?.connection.getSnapshot().status === 'online';
      if (!alive) return this.#placed(token);
      // On the living connection the end is only near: the server gives another one. A token
      // that is not ours belongs to the page around and must not die for this.
      if (this.#place.placed) throw gone();
      this.token = await refresh(token);
      this.#place.keep.put(this.token);
      return this.token;
    };
  }

  #askParent(): Promise<string | undefined> {
    if (!this.#place.parent.framed) return Promise.resolve(undefined);
    this.#events.tokenNeeded();
    return new Promise((resolve) => {
      const done = (token?: string) => {
        clearTimeout(timer);
        this.#answered = undefined;
        resolve(token);
      };
      const timer = setTimeout(done, ANSWER_MS);
      this.#answered = done;
    });
  }

  #placed(token: string): string {
    return this.#place.placed?.(token) ?? token;
  }

  async #check(token: string, attempt: number): Promise<Whose> {
    const { parent, config } = this.#place;
    if (token.startsWith('snug_sk_')) {
      const detail = 'A server key is in a page. Rotate it, and give a session token.';
      throw new Refused('server_key_in_browser', detail);
    }
    for (let tries = 0; ; tries++) {
      try {
        const known = await whose(this.#placed(token), parent.framed ? parent.origin : undefined);
        if (config.app !== undefined && known.app !== config.app) {
          throw new Refused('token_invalid', `The token is of ${known.app}, not of ${config.app}.`);
        }
        return known;
      } catch (error) {
        const again = error instanceof Refused && error.passing && attempt === this.#attempt;
        if (!again) throw error;
        await new Promise((resolve) => setTimeout(resolve, WAITS_MS[tries] ?? 15_000));
      }
    }
  }

  #refused(error: unknown): void {
    const { code, detail } =
      error instanceof Refused ? error : new Refused('internal', String(error));
    if (!this.client) this.token = undefined;
    this.#checked = undefined;
    this.#place.keep.clear();
    this.#events.failed(code, detail);
    // Its time is over, as it may be while the page was away: another one may help.
    if (!OVER.has(code) || this.#begged) return;
    this.#begged = true;
    this.#events.tokenNeeded();
  }
}

function gone(): Error {
  const detail = 'There is no other token.';
  return new window.Snug.SnugError({ code: 'logged_out', detail, retryable: false });
}
