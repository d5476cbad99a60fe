import type { Client, User } from '@snug/client';
import {
  html,
  nothing,
  type PropertyDeclarations,
  type PropertyValues,
  type TemplateResult,
} from 'lit';
import type { SnugRoom, StartTarget } from '../room/room.js';
import { SnugElement } from '../shared/base.js';
import { gateStyles } from '../shared/gate.js';
import { gateOf } from '../shared/gate-of.js';
import { KeyboardInset } from '../shared/keyboard.js';
import { stateCard, stateStyles } from '../shared/states.js';
import { controls, tokens } from '../shared/tokens.styles.js';
import { chatStyles } from './chat.styles.js';

/** Under this width there is one column: the list, then the room. */
const ONE_COLUMN = 640;

/**
 * The whole chat: the conversations and the one that is open.
 *
 * @element snug-chat
 * @fires snug-room-open - Another conversation is shown; `detail.room`, empty for the list.
 * @fires snug-new-chat - The "new conversation" button was pressed (with `new-chat`).
 * @fires snug-renew - The session has ended and the user wants to go on. Prevent it to log in yourself.
 * @cssprop --snug-accent - Links, focus, badges.
 * @cssprop --snug-own - Own bubbles and the send button.
 * @cssprop --snug-height - Height where the page sets none.
 * @cssprop --snug-radius - Rounding of the frame.
 * @cssprop --snug-font - A font other than the page's.
 */
export class SnugChat extends SnugElement {
  static override styles = [tokens, controls, stateStyles, gateStyles, chatStyles];
  static override properties: PropertyDeclarations = {
    room: { type: String, reflect: true },
    start: { attribute: false },
    newChat: { type: Boolean, attribute: 'new-chat' },
    closable: { type: Boolean },
    markdown: { type: Boolean },
    narrow: { state: true },
  };

  /** The open room's id; empty for none. */
  declare room: string | undefined;
  /** A conversation that its first message will make. */
  declare start: StartTarget | undefined;
  /** Shows a button for a new conversation; the page answers `snug-new-chat`. */
  declare newChat: boolean;
  /** Inside a panel: shows a close button. */
  declare closable: boolean;
  /** What is written here is sent as markdown. */
  declare markdown: boolean;
  declare private narrow: boolean;

  private widthWatch: ResizeObserver | undefined;
  private returned = false;
  private focusNext: 'room' | 'list' | undefined;

  constructor() {
    super();
    this.narrow = false;
    new KeyboardInset(this);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.widthWatch = new ResizeObserver((entries) => {
      const width = entries.at(-1)?.contentRect.width ?? 0;
      if (width > 0) this.narrow = width < ONE_COLUMN;
    });
    this.widthWatch.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.widthWatch?.disconnect();
  }

  protected override clientChanged(client: Client): void {
    this.keep(client.rooms.subscribe(() => this.requestUpdate()));
  }

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    // Known before the first picture, so that no room is ever laid out in the
    // sliver that two columns would leave it on a phone.
    if (!this.hasUpdated && this.clientWidth > 0) this.narrow = this.clientWidth < ONE_COLUMN;
  }

  /** Opens a room by its id. */
  openRoom(room: string): void {
    this.start = undefined;
    this.room = room;
  }

  /** Opens a conversation that may not exist yet. */
  openStart(target: StartTarget): void {
    const known = this.activeClient?.rooms
      .getSnapshot()
      .rooms.find(
        ({ kind, peer, room }) =>
          kind === 'direct' &&
          peer?.id === target.user &&
          (room.context ?? '') === (target.context ?? ''),
      );
    if (known) {
      this.openRoom(known.id);
      return;
    }
    this.room = undefined;
    this.start = target;
  }

  protected override render(): TemplateResult {
    const blocked = gateOf(this, this.words);
    if (blocked !== nothing) {
      return html`<div class="chat">${blocked}</div>`;
    }
    const inRoom = !!this.room || !!this.start;
    const classes = ['chat'];
    if (this.narrow) classes.push('narrow');
    if (inRoom) classes.push('in-room');
    if (this.returned) classes.push('returned');
    return html`<div class=${classes.join(' ')}>
      <snug-room-list nested exportparts="row, header: list-header" .client=${this.activeClient} .locale=${this.locale} .room=${this.room}
        .newChat=${this.newChat} .bar=${this.narrow} .closable=${this.closable && (this.narrow || !inRoom)}
        @snug-room-select=${this.onSelect}></snug-room-list>
      ${inRoom ? this.openedRoom() : this.narrow ? nothing : this.placeholder()}
    </div>`;
  }

  private openedRoom(): TemplateResult {
    return html`<snug-room nested exportparts="timeline, bubble, quote, card, user-card, thread, header: room-header" .client=${this.activeClient} .locale=${this.locale}
      .room=${this.room} .start=${this.start} .back=${this.narrow} .closable=${this.closable} .direct=${this.writeTo} .markdown=${this.markdown}
      @snug-back=${this.onBack} @snug-room-created=${this.onCreated}></snug-room>`;
  }

  private placeholder(): TemplateResult {
    // Nothing to choose from: the list says so itself.
    if (this.activeClient?.rooms.getSnapshot().rooms.length === 0)
      return html`<div class="none"></div>`;
    return html`<div class="none">${stateCard({ icon: 'chat', tone: 'quiet', title: this.words('chooseRoom') })}</div>`;
  }

  private onSelect(event: CustomEvent<{ room: string }>): void {
    event.stopPropagation();
    this.openRoom(event.detail.room);
    this.focusNext = 'room';
  }

  private onCreated(event: CustomEvent<{ room: string }>): void {
    this.room = event.detail.room;
  }

  private readonly writeTo = ({ id, name, avatar }: User): void => {
    this.openStart({ user: id, name: name ?? undefined, avatar: avatar ?? undefined });
    this.focusNext = 'room';
  };

  private onBack(event: Event): void {
    event.stopPropagation();
    this.room = undefined;
    this.start = undefined;
    this.returned = true;
    this.focusNext = 'list';
  }

  protected override updated(changed: PropertyValues): void {
    if (changed.has('room') && (changed.get('room') || this.room)) {
      this.announce('snug-room-open', { room: this.room ?? '' });
    }
    if (this.focusNext) void this.moveFocus(this.focusNext);
    this.focusNext = undefined;
  }

  /** The pane that came takes the focus, without opening a phone's keyboard. */
  private async moveFocus(to: 'room' | 'list'): Promise<void> {
    const pane = this.renderRoot.querySelector(to === 'room' ? 'snug-room' : 'snug-room-list');
    await (pane as SnugRoom | null)?.updateComplete;
    if (to === 'list') {
      pane?.shadowRoot?.querySelector<HTMLElement>('.row[tabindex="0"]')?.focus();
    } else if (matchMedia('(pointer: fine)').matches) (pane as SnugRoom | null)?.focusComposer();
    else if (this.narrow) pane?.shadowRoot?.querySelector<HTMLElement>('[part=back]')?.focus();
  }
}
