// The few calls that go over REST: what must work without a socket.

export interface RestSettings {
  url: string;
  fetch: typeof fetch;
}

/** The address as given: scheme, host, path prefix, no trailing slash. */
export function addresses(url: string): { rest: string; socket: string } {
  const rest = url.trim().replace(/^ws/i, 'http').replace(/\/+$/, '');
  return { rest, socket: `${rest.replace(/^http/i, 'ws')}/v1/socket` };
}

/** Closes the token's session at the server; true when it is closed. */
export async function closeSession(settings: RestSettings, token: string): Promise<boolean> {
  try {
    const answer = await settings.fetch(`${settings.url}/v1/session`, {
      method: 'DELETE',
      headers: { Authorization: `Bearer ${token}` },
      credentials: 'omit',
    });
    return answer.ok || answer.status === 401;
  } catch {
    return false;
  }
}
