// The few calls that go over REST: what must work without a socket.

/** The address as given: scheme, host, path prefix, no trailing slash. */
export function addresses(url: string): { rest: string; socket: string } {
  const rest = url.trim().replace(/^ws/i, 'http').replace(/\/+$/, '');
  return { rest, socket: `${rest.replace(/^http/i, 'ws')}/v1/socket` };
}

/** Closes the token's session at the server; offline it ends by its own time. */
export async function closeSession(call: typeof fetch, rest: string, token: string): Promise<void> {
  await call(`${rest}/v1/session`, {
    method: 'DELETE',
    headers: { Authorization: `Bearer ${token}` },
    credentials: 'omit',
  }).catch(() => {});
}
