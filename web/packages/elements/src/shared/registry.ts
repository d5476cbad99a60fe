// The clients of this page: elements with the same url and token source share
// one. A client is closed when its last element has gone for a second, so that
// moving an element or a hot reload does not drop the connection.
import { type Client, type ClientOptions, SnugClient } from '@snug/client';
import { normalUrl } from './origin.js';

export interface Source {
  url?: string | null;
  token?: string | null;
  tokenFrom?: string | null;
  tokenUrl?: string | null;
  device?: string | null;
}

export interface Lease {
  readonly client: Client;
  release(): void;
}

interface Entry {
  url: string;
  client: Client;
  leases: number;
  closing?: ReturnType<typeof setTimeout>;
}

const LINGER_MS = 1000;
/** How long an element without a token waits for another one's client. */
const ADOPT_MS = 400;

const entries = new Map<string, Entry>();
const waiting = new Set<() => void>();

export function hasTokenSource(source: Source): boolean {
  return !!(source.token || source.tokenFrom || source.tokenUrl);
}

function keyOf(url: string, source: Source): string {
  return JSON.stringify([url, source.token, source.tokenFrom, source.tokenUrl, source.device]);
}

/** Reads the token of a hidden input once; it is empty afterwards. */
function takeToken(selector: string): string {
  let input: Element | null = null;
  try {
    input = document.querySelector(selector);
  } catch {
    // Not a selector: the same as not found.
  }
  if (!(input instanceof HTMLInputElement)) return '';
  const value = input.value.trim();
  input.value = '';
  input.removeAttribute('value');
  return value;
}

function optionsOf(url: string, source: Source, token: string): ClientOptions {
  const options: ClientOptions = { url };
  if (token) options.token = token;
  if (source.tokenUrl) options.tokenUrl = source.tokenUrl;
  if (source.device) options.device = source.device;
  return options;
}

function hold(entry: Entry, key: string): Lease {
  entry.leases += 1;
  clearTimeout(entry.closing);
  let held = true;
  return {
    client: entry.client,
    release() {
      if (!held) return;
      held = false;
      entry.leases -= 1;
      if (entry.leases > 0) return;
      entry.closing = setTimeout(() => {
        if (entry.leases > 0 || entries.get(key) !== entry) return;
        entries.delete(key);
        entry.client.close();
      }, LINGER_MS);
    },
  };
}

/** The page's client for this source; made and connected when it is the first. */
export function leaseClient(source: Source): Lease {
  const url = normalUrl(source.url);
  const key = keyOf(url, source);
  const fresh = source.tokenFrom ? takeToken(source.tokenFrom) : '';
  let entry = entries.get(key);
  if (entry) {
    // The page has put a newer token into the input (a partial navigation).
    if (fresh) entry.client.setToken(fresh);
    return hold(entry, key);
  }
  const client = new SnugClient(optionsOf(url, source, fresh || source.token || ''));
  entry = { url, client, leases: 0 };
  entries.set(key, entry);
  const lease = hold(entry, key);
  client.connect();
  for (const wake of [...waiting]) wake();
  return lease;
}

function sharedLease(url: string): Lease | undefined {
  for (const [key, entry] of entries) if (entry.url === url) return hold(entry, key);
  return undefined;
}

/**
 * For an element that names no token: the client another element of this page
 * made for the same url. When none comes, its own, which then says what is
 * missing. Answers the way to stop waiting.
 */
export function adoptClient(source: Source, ready: (lease: Lease) => void): () => void {
  const url = normalUrl(source.url);
  const now = sharedLease(url);
  if (now) {
    ready(now);
    return () => {};
  }
  const finish = (lease: Lease | undefined): void => {
    if (!lease) return;
    stop();
    ready(lease);
  };
  const wake = (): void => finish(sharedLease(url));
  const timer = setTimeout(() => finish(sharedLease(url) ?? leaseClient(source)), ADOPT_MS);
  const stop = (): void => {
    waiting.delete(wake);
    clearTimeout(timer);
  };
  waiting.add(wake);
  return stop;
}
