// What the server wrote into the page, and what the address brought.

import type { Route } from './rocketchat.js';

export interface Config {
  /** Known when the address names it; else the token does. */
  app?: string;
  room?: string;
  /** Origins that may stand around this page; the browser holds others off. */
  parents: readonly string[];
  /** Also pages of this machine: the app is in development. */
  localhost: boolean;
  /** The address is one of Rocket.Chat's. */
  rocketchat?: { room: Route | null; embedded: boolean };
}

export interface Brought {
  token?: string;
  code?: string;
}

export function readConfig(page: Document): Config {
  const meta = page.querySelector<HTMLMetaElement>('meta[name=snug-embed]');
  return JSON.parse(meta?.content ?? '{"parents":[],"localhost":false}');
}

/** Takes the token and the code out of the address before anything else looks at it. */
export function takeFromAddress(where: Location, past: History): Brought {
  const inside = new URLSearchParams(where.hash.slice(1));
  const query = new URLSearchParams(where.search);
  // The second is Rocket.Chat's.
  const token = inside.get('token') ?? query.get('resumeToken') ?? undefined;
  const code = query.get('code') ?? undefined;
  if (token !== undefined || code !== undefined) {
    query.delete('code');
    query.delete('resumeToken');
    inside.delete('token');
    const search = query.size > 0 ? `?${query}` : '';
    const hash = inside.size > 0 ? `#${inside}` : '';
    past.replaceState(null, '', where.pathname + search + hash);
  }
  return { token, code };
}
