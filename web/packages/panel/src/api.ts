// The panel's own routes. Same origin, a cookie the page cannot read, and on everything that
// changes something a header that no other site's form can send.

export interface Operator {
  email: string;
  role: string;
}

export interface PanelState {
  signup_open: boolean;
  operator?: Operator;
  version: string;
}

export interface Key {
  id: string;
  hint: string;
  created_at: string;
  expires_at?: string;
}

export type Policy = 'open' | 'backend_only';

export interface App {
  id: string;
  name: string;
  policy: Policy;
  development: boolean;
  origins: string[];
  created_at: string;
  keys: Key[];
  users: number;
  rooms: number;
}

export interface NewApp {
  name: string;
  policy: Policy;
  development: boolean;
  origins: string[];
}

/** Where the tokens of an application's users come from, besides its own server keys. */
export interface TokenSettings {
  verify_url?: string;
  jwks_url?: string;
  public_keys: { id?: string; algorithm: string; text: string }[];
  guests: boolean;
}

/** Other chat systems whose clients an application can take in. */
export type Dialect = 'i2a' | 'imkit' | 'rocketchat';

/** What such a client signs in with, under its own system's name for it. */
export interface DialectValue {
  name: string;
  value: string;
}

/** A refusal: `code` as the server said it, or `unreachable` when it said nothing. */
export class Refusal extends Error {
  constructor(
    readonly code: string,
    readonly status: number,
    detail: string,
    readonly field?: string,
    readonly retryAfterMs?: number,
  ) {
    super(detail);
  }
}

type Method = 'GET' | 'POST' | 'PATCH';

async function call<T>(method: Method, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (method !== 'GET') headers['X-Snug-Panel'] = '1';
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(new URL(`api/${path}`, document.baseURI), {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: 'same-origin',
      cache: 'no-store',
    });
    text = await answer.text();
  } catch {
    throw new Refusal('unreachable', 0, 'The server does not answer.');
  }
  const value = parse(text);
  if (answer.ok) return value as T;
  const { code, detail, title, field, retry_after_ms } = (value ?? {}) as Record<string, unknown>;
  throw new Refusal(
    typeof code === 'string' ? code : 'internal',
    answer.status,
    String(detail ?? title ?? `The server answered ${answer.status}.`),
    typeof field === 'string' ? field : undefined,
    typeof retry_after_ms === 'number' ? retry_after_ms : undefined,
  );
}

function parse(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

const appPath = (id: string) => `apps/${encodeURIComponent(id)}`;

export const api = {
  state: () => call<PanelState>('GET', 'state'),
  signUp: (body: { email: string; password: string; setup_code?: string }) =>
    call<Operator>('POST', 'signup', body),
  logIn: (body: { email: string; password: string }) => call<Operator>('POST', 'login', body),
  logOut: () => call<void>('POST', 'logout'),
  apps: async () => (await call<{ apps: App[] }>('GET', 'apps')).apps,
  createApp: (app: NewApp) => call<App & { server_key: string }>('POST', 'apps', app),
  changeApp: (id: string, patch: Partial<NewApp>) => call<App>('PATCH', appPath(id), patch),
  tokens: (id: string) => call<TokenSettings>('GET', `${appPath(id)}/settings`),
  changeTokens: (
    id: string,
    patch: {
      verify_url: string | null;
      jwks_url: string | null;
      public_keys: string[];
      guests: boolean;
    },
  ) => call<TokenSettings>('PATCH', `${appPath(id)}/settings`, patch),
  openDialect: async (
    id: string,
    dialect: Dialect,
    body: { password: string; username?: string; rotate?: boolean },
  ) => {
    const path = `${appPath(id)}/dialects/${dialect}`;
    return (await call<{ values: DialectValue[] }>('POST', path, body)).values;
  },
  reveal: (id: string, password: string) =>
    call<{ server_key: string }>('POST', `${appPath(id)}/reveal`, { password }),
  rotate: (id: string, password: string, graceSeconds: number) =>
    call<{ server_key: string }>('POST', `${appPath(id)}/rotate`, {
      password,
      grace_seconds: graceSeconds,
    }),
};
