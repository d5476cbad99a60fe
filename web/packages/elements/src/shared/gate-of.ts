// Binds the gate to an element: its state, its language, and what "reload"
// means for its token source.
import type { nothing, TemplateResult } from 'lit';
import type { Words } from '../locale/index.js';
import type { SnugElement } from './base.js';
import { gate } from './gate.js';

export function gateOf(host: SnugElement, words: Words): TemplateResult | typeof nothing {
  const client = host.activeClient;
  const renew = (): void => {
    const event = new CustomEvent('snug-renew', {
      bubbles: true,
      composed: true,
      cancelable: true,
    });
    if (!host.dispatchEvent(event)) return;
    // A token URL may have a newer token by now; a server-rendered page gets
    // its next one by being loaded again.
    if (host.tokenUrl) client?.connect();
    else location.reload();
  };
  return gate({
    state: host.connectionState,
    words,
    serverUrl: host.serverUrl,
    tag: host.localName,
    tokenFrom: host.tokenFrom,
    client,
    renew,
  });
}
