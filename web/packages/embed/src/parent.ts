// The page around the frame: who it may be, and the one way to speak with it.
import type { Config } from './config.js';

export class Parent {
  readonly framed: boolean;
  readonly #window: Window;
  readonly #config: Config;
  #origin: string | undefined;

  constructor(page: Window, config: Config) {
    this.#window = page;
    this.#config = config;
    this.framed = page.parent !== page;
    if (this.framed) this.#origin = this.#guess().find((origin) => this.#allows(origin));
  }

  /** Where the page around us comes from, once that is certain. */
  get origin(): string | undefined {
    return this.#origin;
  }

  /** Says something to the page around us and to no other; while it is unknown, to nobody. */
  tell(message: object): void {
    if (this.framed && this.#origin) this.#window.parent.postMessage(message, this.#origin);
  }

  /** Says that we are here, without a word more, to whoever it is. */
  greet(foreign: boolean): void {
    const hello = foreign ? { eventName: 'startup', data: true } : { snug: 1, type: 'ready' };
    if (this.framed) this.#window.parent.postMessage(hello, this.#origin ?? '*');
  }

  /** Hears the page around us and no other. */
  hear(callback: (heard: unknown) => void): void {
    this.#window.addEventListener('message', (event) => {
      if (!this.framed || event.source !== this.#window.parent) return;
      if (!this.#allows(event.origin)) return;
      this.#origin = event.origin;
      callback(event.data);
    });
  }

  #guess(): string[] {
    const { location, document } = this.#window;
    const above = location.ancestorOrigins?.[0];
    const { parents, localhost } = this.#config;
    const from = URL.canParse(document.referrer) ? new URL(document.referrer).origin : undefined;
    // The browser lets no other page have us in a frame.
    const only = parents.length === 1 && !localhost ? parents[0] : undefined;
    return [above, from, only].filter((origin) => origin !== undefined);
  }

  #allows(origin: string): boolean {
    const { parents, localhost } = this.#config;
    return parents.includes(origin) || (localhost && isLocalhost(origin));
  }
}

export function isLocalhost(origin: string): boolean {
  if (!/^https?:/.test(origin) || !URL.canParse(origin)) return false;
  const { hostname } = new URL(origin);
  return ['localhost', '127.0.0.1', '[::1]'].includes(hostname) || hostname.endsWith('.localhost');
}
