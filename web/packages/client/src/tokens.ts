// Where session tokens come from. Asks the source once at a time, never offers
// a token that was refused, and says what is wrong in words the integrator can use.
import { ConfigurationError, passing, SnugError } from './problem.js';
import type { TokenFunction } from './types.js';

export const SERVER_KEY_FIX =
  'Rotate the key, keep it on your backend, give the page the token from POST /v1/server/sessions.';

/** For whatever was given and is no session token. */
export const TOKEN_FIX = 'Give the token from POST /v1/server/sessions unchanged.';

export interface TokenSettings {
  token?: string | TokenFunction;
  tokenUrl?: string;
  device: string;
  pushToken?: string;
  fetch: typeof fetch;
}

export class Tokens {
  readonly #settings: TokenSettings;
  #current: string | undefined;
  #asking: Promise<string> | undefined;
  readonly #refused = new Set<string>();

  constructor(settings: TokenSettings) {
    this.#settings = settings;
    if (typeof settings.token === 'string') this.#current = settings.token;
  }

  /** Whether a new token can be had without the page's doing. */
  get renewable(): boolean {
    return typeof this.#settings.token === 'function' || this.#settings.tokenUrl !== undefined;
  }

  /** The token at hand, without asking. */
  get current(): string | undefined {
    return this.#current;
  }

  /** The token at hand, else a new one. Callers at the same time share one request. */
  async get(): Promise<string> {
    if (this.#asking || this.#current === undefined) return this.renew();
    return this.#checked(this.#current);
  }

  /** Asks the source anew. */
  renew(): Promise<string> {
    this.#asking ??= this.#ask()
      .then((token) => {
        this.#current = this.#checked(token);
        return token;
      })
      .finally(() => {
        this.#asking = undefined;
      });
    return this.#asking;
  }

  /** A token that the server called expired: never offered again. */
  refuse(token: string): void {
    this.#refused.add(token);
    if (this.#current === token) this.#current = undefined;
  }

  /** A token that came over the live connection. */
  replace(token: string): void {
    this.#current = token;
  }

  /** Whether a newer token than this one is here or on its way. */
  supersedes(token: string): boolean {
    return !!this.#asking || (this.#current !== undefined && this.#current !== token);
  }

  /** The next `get` asks the source, if there is one. */
  forget(): void {
    if (this.renewable) this.#current = undefined;
  }

  async #ask(): Promise<string> {
    const { token, tokenUrl, device, pushToken } = this.#settings;
    if (typeof token === 'function') return token({ device, pushToken });
    if (tokenUrl !== undefined) return this.#fetch(tokenUrl);
    if (typeof token === 'string') throw expired('The token has expired.');
    throw new ConfigurationError(
      'token_missing',
      'No session token given.',
      'Give `token` or `tokenUrl`; your backend gets the token from POST /v1/server/sessions.',
    );
  }

  async #fetch(tokenUrl: string): Promise<string> {
    const { device, pushToken } = this.#settings;
    const body = JSON.stringify({ device, push_token: pushToken });
    const answer = await this.#settings
      .fetch(tokenUrl, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body,
      })
      .catch((error: unknown) => {
        throw passing('token_source_failed', `${tokenUrl}: ${error}.`);
      });
    const { ok, status } = answer;
    const detail = `${tokenUrl} answered ${status}.`;
    if (ok) return tokenIn(await answer.text());
    if (status === 401 || status === 403) {
      throw new SnugError({ code: 'logged_out', detail, retryable: false });
    }
    if (status < 500 && status !== 429) {
      throw new ConfigurationError(
        'token_missing',
        detail,
        'Answer POST with the session token, as text or {"token":"…"}.',
      );
    }
    throw passing('token_source_failed', detail);
  }

  #checked(token: unknown): string {
    if (typeof token !== 'string' || token === '') {
      throw new ConfigurationError('token_missing', 'The token source gave no token.', TOKEN_FIX);
    }
    checkToken(token);
    if (this.#refused.has(token)) {
      throw expired('The token source gave the same expired token again.');
    }
    return token;
  }
}

/** Throws a ConfigurationError for what can never be a session token. */
export function checkToken(token: string): void {
  if (token.startsWith('snug_sk_')) {
    throw new ConfigurationError(
      'server_key_in_browser',
      'This is a server key, no session token.',
      SERVER_KEY_FIX,
    );
  }
  if (!/^[\w.~+-]{1,4096}$/.test(token)) {
    throw new ConfigurationError('token_invalid', 'This is no session token.', TOKEN_FIX);
  }
}

/** A token as text, as JSON text, or as the `token` of a JSON object. */
function tokenIn(text: string): string {
  try {
    const parsed = JSON.parse(text);
    return parsed.token ?? (typeof parsed === 'string' ? parsed : '');
  } catch {
    return text.trim();
  }
}

function expired(detail: string): SnugError {
  return new SnugError({ code: 'token_expired', detail, retryable: false });
}
