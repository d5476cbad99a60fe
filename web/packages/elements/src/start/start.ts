import {
  html,
  nothing,
  type PropertyDeclarations,
  type PropertyValues,
  type TemplateResult,
} from 'lit';
import type { SnugLauncher } from '../launcher/launcher.js';
import type { SnugRoom, StartTarget } from '../room/room.js';
import { gateStyles } from '../shared/gate.js';
import { gateOf } from '../shared/gate-of.js';
import { icon } from '../shared/icons.js';
import { KeyboardInset } from '../shared/keyboard.js';
import { SnugPanelElement } from '../shared/panel.js';
import { panelStyles } from '../shared/panel.styles.js';
import { stateCard, stateStyles } from '../shared/states.js';
import { controls, tokens } from '../shared/tokens.styles.js';
import { startStyles } from './start.styles.js';

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * "Chat with seller": opens the direct conversation with a user about a
 * context. It is made by the first message; or, with `create-url`, at once by
 * your backend, which gets `{user, context}` and answers `{room}`.
 *
 * @element snug-start
 * @slot - The button's label.
 * @fires snug-start - Before anything opens; `detail.user`, `detail.context`. Prevent it to do it yourself.
 * @fires snug-room-created - The conversation began; `detail.room`.
 * @csspart button - The button.
 * @csspart panel - The panel.
 */
export class SnugStart extends SnugPanelElement {
  static override styles = [tokens, controls, stateStyles, gateStyles, panelStyles, startStyles];
  static override properties: PropertyDeclarations = {
    user: { type: String },
    context: { type: String },
    custom: { type: String },
    name: { type: String },
    avatar: { type: String },
    createUrl: { type: String, attribute: 'create-url' },
    busy: { state: true },
    refused: { state: true },
    room: { state: true },
  };

  /** The other user's id. */
  declare user: string | undefined;
  /** What it is about, such as a listing's id; another context is another conversation. */
  declare context: string | undefined;
  /** JSON kept with the room; `title`, `subtitle`, `image`, `url` become its card. */
  declare custom: string | undefined;
  /** The other user's name until the server says it. */
  declare name: string | undefined;
  /** The other user's picture until the server says it. */
  declare avatar: string | undefined;
  /** Address of your backend that makes the room. */
  declare createUrl: string | undefined;
  declare private busy: boolean;
  declare private refused: string | undefined;
  declare private room: string | undefined;

  private target: StartTarget | undefined;

  constructor() {
    super();
    new KeyboardInset(this, () => this.panel);
  }

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    const about = ['user', 'context', 'custom', 'name', 'avatar', 'createUrl'];
    if (!about.some((name) => changed.has(name))) return;
    this.target = this.readTarget();
    this.room = undefined;
  }

  private readTarget(): StartTarget | undefined {
    if (!this.user) return undefined;
    const target: StartTarget = { user: this.user };
    if (this.context) target.context = this.context;
    if (this.name) target.name = this.name;
    if (this.avatar) target.avatar = this.avatar;
    if (!this.custom) return target;
    try {
      target.custom = JSON.parse(this.custom);
    } catch {
      console.warn('snug-start: `custom` is not JSON and is left out');
    }
    return target;
  }

  protected override panelLabel(): string {
    return this.words('conversationWith', { name: this.name || this.user || '' });
  }

  protected override focusInside(): void {
    if (!matchMedia('(pointer: fine)').matches) return;
    const room = this.renderRoot.querySelector<SnugRoom>('snug-room');
    void room?.updateComplete.then(() => room.focusComposer());
  }

  protected override render(): TemplateResult {
    return html`<button type="button" class="begin" part="button" aria-haspopup="dialog"
        aria-expanded=${this.open ? 'true' : 'false'} aria-busy=${this.busy ? 'true' : 'false'}
        @click=${this.begin}><slot>${icon('chat')}${this.words('chatWithSeller')}</slot></button>
      ${this.renderPanel()}`;
  }

  protected override panelContent(): TemplateResult {
    const { words } = this;
    const blocked = gateOf(this, words);
    const close = html`<button type="button" class="icon panel-close" aria-label=${words('close')} @click=${this.hide}>${icon('close')}</button>`;
    if (blocked !== nothing) return html`${close}${blocked}`;
    if (this.refused !== undefined) {
      return html`${close}${stateCard({
        icon: 'alert',
        tone: 'danger',
        title: words('startFailed'),
        hint: this.refused,
        action: { label: words('tryAgain'), run: () => void this.begin() },
      })}`;
    }
    return html`<snug-room nested closable .client=${this.activeClient} .locale=${this.locale}
      .room=${this.room} .start=${this.target} @snug-room-created=${this.onCreated}></snug-room>`;
  }

  private onCreated(event: CustomEvent<{ room: string }>): void {
    this.room = event.detail.room;
  }

  private async begin(): Promise<void> {
    const { target } = this;
    if (!target || this.busy) return;
    if (this.open && this.refused === undefined) {
      this.hide();
      return;
    }
    const detail = { user: target.user, context: target.context ?? '' };
    if (!this.announce('snug-start', detail, true)) return;
    if (this.createUrl) await this.askBackend(this.createUrl, target);
    else {
      this.refused = undefined;
      this.room ??= this.knownRoom(target);
    }
    this.reveal(target);
  }

  /** One chat surface per page: a launcher with the same client shows it. */
  private reveal(target: StartTarget): void {
    const launcher = document.querySelector<SnugLauncher>('snug-launcher');
    const shared = launcher?.activeClient && launcher.activeClient === this.activeClient;
    if (!launcher || !shared || this.refused !== undefined) this.show();
    else if (this.room) void launcher.showRoom(this.room);
    else void launcher.showStart(target);
  }

  private knownRoom(target: StartTarget): string | undefined {
    const rooms = this.activeClient?.rooms.getSnapshot().rooms ?? [];
    return rooms.find(
      ({ kind, peer, room }) =>
        kind === 'direct' &&
        peer?.id === target.user &&
        (room.context ?? '') === (target.context ?? ''),
    )?.id;
  }

  private async askBackend(url: string, target: StartTarget): Promise<void> {
    this.busy = true;
    try {
      const answer = await fetch(url, {
        method: 'POST',
        credentials: 'same-origin',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify({ user: target.user, context: target.context ?? '' }),
      });
      const body: unknown = await answer.json().catch(() => undefined);
      const room = isRecord(body) ? body.room : undefined;
      if (!answer.ok || typeof room !== 'string') {
        const detail = isRecord(body) ? (body.detail ?? body.error) : undefined;
        throw new Error(typeof detail === 'string' ? detail : `${url}: ${answer.status}`);
      }
      this.room = room;
      // Not before: what is written meanwhile would make a room beside the backend's.
      this.refused = undefined;
    } catch (error) {
      this.refused = error instanceof Error ? error.message : String(error);
    } finally {
      this.busy = false;
    }
  }
}
