// The few questions that go before the socket.

export interface Refusal {
  code: string;
  detail: string;
}

/** The server said no, or cannot be asked. */
export class Refused extends Error {
  constructor(
    readonly code: string,
    readonly detail: string,
    readonly passing = false,
  ) {
    super(`${code}: ${detail}`);
  }
}

export interface Whose {
  app: string;
  user: string;
}

/** Whose chat the token shows, if a page of this origin may have it in a frame. */
export function whose(token: string, parent: string | undefined): Promise<Whose> {
  const query = parent === undefined ? '' : `?parent=${encodeURIComponent(parent)}`;
  return ask('GET', `/v1/embedding${query}`, token);
}

/** The token that a code stands for. */
export async function takeCode(code: string): Promise<string> {
  const taken = await ask<{ token: string }>('POST', '/v1/sessions', undefined, { code });
  return taken.token;
}

/** A fresh token of the same session; the old one dies. */
export async function refresh(token: string): Promise<string> {
  return (await ask<{ token: string }>('POST', '/v1/session/refresh', token)).token;
}

/** Closes the token's session. */
export async function close(token: string): Promise<void> {
  const headers = { Authorization: `Bearer ${token}` };
  await fetch('/v1/session', { method: 'DELETE', headers, credentials: 'omit' }).catch(() => {});
}

async function ask<T>(method: string, path: string, token?: string, body?: object): Promise<T> {
  const headers: Record<string, string> = {};
  if (token !== undefined) headers.Authorization = `Bearer ${token}`;
  if (body) headers['Content-Type'] = 'application/json';
  let answer: Response;
  let read: unknown;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: body && JSON.stringify(body),
      credentials: 'omit',
      signal: AbortSignal.timeout(15_000),
    });
    read = await answer.json();
  } catch {
    throw new Refused('unreachable', 'The chat server does not answer.', true);
  }
  if (answer.ok) return read as T;
  const { code, detail, retryable } = (read ?? {}) as Partial<Refusal> & { retryable?: boolean };
  throw new Refused(code ?? 'internal', detail ?? `HTTP ${answer.status}`, retryable ?? false);
}
