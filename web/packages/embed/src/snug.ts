// The script of the elements, which the page loads before this one.
import type { Client, ClientOptions } from '@snug/client';

export interface ChatElement extends HTMLElement {
  client: Client | undefined;
  room: string | undefined;
  theme: string | undefined;
}

declare global {
  interface Window {
    Snug: {
      SnugClient: new (options: ClientOptions) => Client;
      SnugError: new (problem: { code: string; detail: string; retryable: boolean }) => Error;
    };
  }
}
