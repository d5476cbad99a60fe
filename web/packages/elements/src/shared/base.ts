// What every element has: the attributes that find its client, its language,
// its theme. No picture of any state is drawn here.
import type { Client, ConnectionState } from '@snug/client';
import { LitElement, type PropertyDeclarations, type PropertyValues } from 'lit';
import { type Words, wordsFor } from '../locale/index.js';
import { normalUrl } from './origin.js';
import { adoptClient, hasTokenSource, type Lease, leaseClient } from './registry.js';

const SOURCE = ['url', 'token', 'tokenFrom', 'tokenUrl', 'device', 'client'] as const;
const IDLE: ConnectionState = { status: 'idle' };

export abstract class SnugElement extends LitElement {
  static override properties: PropertyDeclarations = {
    url: { type: String },
    token: { type: String },
    tokenFrom: { type: String, attribute: 'token-from' },
    tokenUrl: { type: String, attribute: 'token-url' },
    device: { type: String },
    locale: { type: String },
    theme: { type: String, reflect: true },
    nested: { type: Boolean, reflect: true },
    client: { attribute: false },
  };

  /** The server; the default is the origin this script was loaded from. */
  declare url: string | undefined;
  /** A session token or a token signed by your backend. Never a server key. */
  declare token: string | undefined;
  /** Selector of a hidden input that holds the token; read once and emptied. */
  declare tokenFrom: string | undefined;
  /** Address on the page's own origin that answers a token. */
  declare tokenUrl: string | undefined;
  /** Your name for this device. */
  declare device: string | undefined;
  /** Language; the default is the page's `lang`, then the browser's. */
  declare locale: string | undefined;
  /** `light`, `dark` or `auto` (the default). */
  declare theme: 'light' | 'dark' | 'auto' | undefined;
  /** Set on an element that stands inside another one of these. */
  declare nested: boolean;
  /** A client made by the page; goes before every other source. */
  declare client: Client | undefined;

  private lease: Lease | undefined;
  private stopAdopting: (() => void) | undefined;
  private stops: (() => void)[] = [];
  private attached = false;
  private midnight: ReturnType<typeof setTimeout> | undefined;
  protected words: Words = wordsFor([]);

  /** The client in use: the page's own, or the one shared through the registry. */
  get activeClient(): Client | undefined {
    return this.client ?? this.lease?.client;
  }

  get connectionState(): ConnectionState {
    return this.activeClient?.connection.getSnapshot() ?? IDLE;
  }

  /** The server's address as it is used. */
  get serverUrl(): string {
    return normalUrl(this.url);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.requestUpdate();
    this.waitForMidnight();
    if (!this.nested) {
      // A page without any style would give the browser's serif.
      const family = getComputedStyle(this.parentElement ?? this).fontFamily;
      this.toggleAttribute('plain', /^["']?times/i.test(family));
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.detach();
    clearTimeout(this.midnight);
  }

  protected override willUpdate(changed: PropertyValues): void {
    this.words = this.pickWords();
    if (!this.isConnected) return;
    if (!this.attached || SOURCE.some((name) => changed.has(name))) this.attach();
  }

  /** Called with each client that comes into use; `keep` holds what must be undone. */
  protected clientChanged(_client: Client): void {}

  protected keep(...stops: (() => void)[]): void {
    this.stops.push(...stops);
  }

  private pickWords(): Words {
    const browser = typeof navigator === 'undefined' ? [] : navigator.languages;
    const page = this.closest('[lang]')?.getAttribute('lang');
    return wordsFor([this.locale, page, ...browser], browser);
  }

  private attach(): void {
    // Take the new lease first: the old client may be the same one.
    const before = this.lease;
    this.detach(false);
    this.attached = true;
    if (this.client) this.use(this.client);
    else if (hasTokenSource(this)) this.hold(leaseClient(this));
    else this.stopAdopting = adoptClient(this, (lease) => this.hold(lease));
    before?.release();
  }

  private hold(lease: Lease): void {
    this.lease = lease;
    this.use(lease.client);
  }

  private use(client: Client): void {
    this.keep(client.connection.subscribe(() => this.requestUpdate()));
    this.clientChanged(client);
    this.requestUpdate();
  }

  private detach(release = true): void {
    this.stopAdopting?.();
    this.stopAdopting = undefined;
    for (const stop of this.stops.splice(0)) stop();
    if (release) this.lease?.release();
    this.lease = undefined;
    this.attached = false;
  }

  /** "Today" becomes "Yesterday" on a page that stays open. */
  private waitForMidnight(): void {
    clearTimeout(this.midnight);
    const next = new Date().setHours(24, 0, 1, 0);
    this.midnight = setTimeout(() => {
      this.requestUpdate();
      this.waitForMidnight();
    }, next - Date.now());
  }

  /** An event that leaves the shadow tree; false when a listener prevented it. */
  protected announce(name: string, detail: unknown, cancelable = false): boolean {
    return this.dispatchEvent(
      new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable }),
    );
  }
}
