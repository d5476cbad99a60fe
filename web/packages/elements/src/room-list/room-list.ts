import type { Client, RoomListSnapshot, RoomView } from '@snug/client';
import {
  html,
  nothing,
  type PropertyDeclarations,
  type PropertyValues,
  type TemplateResult,
} from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { avatar, avatarStyles } from '../shared/avatar.js';
import { SnugElement } from '../shared/base.js';
import { connectionBar, gateStyles } from '../shared/gate.js';
import { gateOf } from '../shared/gate-of.js';
import { icon } from '../shared/icons.js';
import { pill, shownCount } from '../shared/pill.js';
import { stateCard, stateStyles } from '../shared/states.js';
import { controls, tokens } from '../shared/tokens.styles.js';
import { previewText } from '../text/names.js';
import { fullTime, listTime } from '../text/time.js';
import { roomListStyles } from './room-list.styles.js';

const LOADING: RoomListSnapshot = {
  status: 'loading',
  rooms: [],
  unread: 0,
  mentions: 0,
  hasMore: false,
};
/** After a page that could not be loaded. */
const RETRY_MS = 3000;
const MOVES: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 };

/**
 * The conversations of the user, latest first.
 *
 * @element snug-room-list
 * @fires snug-room-select - A row was chosen; `detail.room` is the room's id. Cancelable.
 * @fires snug-new-chat - The "new conversation" button was pressed (with `new-chat`).
 * @csspart header - The title line.
 * @csspart row - One conversation.
 * @csspart invitation - A conversation to which the user is invited.
 * @csspart mention - The mark of a conversation in which the user is called.
 */
export class SnugRoomList extends SnugElement {
  static override styles = [
    tokens,
    controls,
    avatarStyles,
    stateStyles,
    gateStyles,
    roomListStyles,
  ];
  static override properties: PropertyDeclarations = {
    room: { type: String },
    newChat: { type: Boolean, attribute: 'new-chat' },
    closable: { type: Boolean },
    bar: { attribute: false },
  };

  /** The chosen room. */
  declare room: string | undefined;
  /** Shows a button for a new conversation; the page answers `snug-new-chat`. */
  declare newChat: boolean;
  /** Inside a panel: shows a close button. */
  declare closable: boolean;
  /** Whether the connection bar is drawn here. */
  declare bar: boolean;

  private list: RoomListSnapshot = LOADING;
  private loadingMore = false;
  private endWatch: IntersectionObserver | undefined;
  private watched: Element | undefined;

  constructor() {
    super();
    this.bar = true;
  }

  protected override clientChanged(client: Client): void {
    const read = (): void => {
      this.list = client.rooms.getSnapshot();
      this.requestUpdate();
    };
    this.keep(client.rooms.subscribe(read));
    read();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.endWatch?.disconnect();
    this.endWatch = undefined;
    this.watched = undefined;
  }

  protected override render(): TemplateResult {
    const blocked = this.nested ? nothing : gateOf(this, this.words);
    if (blocked !== nothing) return html`<div class="list">${blocked}</div>`;
    return html`<section class="list" aria-label=${this.words('conversations')}>
      <header part="header">
        <h2>${this.words('messages')}</h2>
        ${this.newChat ? this.iconButton('plus', this.words('newChat'), 'snug-new-chat') : nothing}
        ${this.closable ? this.iconButton('close', this.words('close'), 'snug-close') : nothing}
      </header>
      ${this.body()}
      ${this.bar ? connectionBar(this.connectionState, this.words) : nothing}
    </section>`;
  }

  private iconButton(name: 'plus' | 'close', label: string, event: string): TemplateResult {
    return html`<button type="button" class="icon" aria-label=${label} @click=${() => this.announce(event, {})}>${icon(name)}</button>`;
  }

  private body(): TemplateResult {
    const { status, rooms, hasMore } = this.list;
    if (status === 'loading' && rooms.length === 0) return this.skeleton();
    if (status === 'error' && rooms.length === 0) return this.failed();
    if (rooms.length === 0) return this.empty();
    const own = rooms.filter((r) => !r.invitation);
    const current = own.some((r) => r.id === this.room) ? this.room : own[0]?.id;
    return html`<ul class="rows" role="list" @keydown=${this.onKey}>
      ${repeat(
        rooms,
        (room) => room.id,
        (room) => (room.invitation ? this.invitation(room) : this.row(room, room.id === current)),
      )}
      ${hasMore ? html`<li class="end" aria-hidden="true"></li>` : nothing}
    </ul>`;
  }

  private row(room: RoomView, reachable: boolean): TemplateResult {
    const { words } = this;
    const now = Date.now();
    const typing = room.typing.length > 0;
    return html`<li><button type="button" part="row" class="row ${room.unread ? 'unread' : ''}"
      data-room=${room.id} tabindex=${reachable ? 0 : -1}
      aria-current=${room.id === this.room ? 'true' : nothing}
      @click=${() => this.choose(room.id)}>
      ${avatar({ id: room.peer?.id ?? room.id, name: room.title, picture: room.avatar ?? room.peer?.avatar ?? null })}
      <span class="mid">
        <span class="line"><span class="name" dir="auto">${room.title}</span><time title=${fullTime(room.activityAt, words)}>${listTime(room.activityAt, now, words)}</time></span>
        <span class="line"><span class="preview ${typing ? 'typing' : ''}" dir="auto">${typing ? words('typing') : previewText(room, words)}</span>${
          room.mentions ? pill('@', words.count('mentions', room.mentions), 'mention') : nothing
        }${room.unread ? pill(shownCount(room.unread), words.count('unread', room.unread)) : nothing}</span>
      </span>
    </button></li>`;
  }

  private invitation({ id, title, avatar: picture }: RoomView): TemplateResult {
    const { words } = this;
    const answer = (how: 'accept' | 'decline', look: string): TemplateResult =>
      html`<button type="button" class="action ${look}" @click=${() => {
        this.activeClient
          ?.room(id)
          [how]()
          .catch(() => this.refresh());
      }}>${words(how)}</button>`;
    return html`<li class="invitation" part="invitation" data-room=${id}>
      ${avatar({ id, name: title, picture: picture ?? null })}
      <span class="mid"><span class="line"><span class="name" dir="auto">${title}</span></span>
        <span class="line preview">${words('invited')}</span>
        <span class="line">${answer('accept', 'main')}${answer('decline', '')}</span>
      </span>
    </li>`;
  }

  private skeleton(): TemplateResult {
    return html`<div class="rows" role="status" aria-label=${this.words('loading')} part="skeleton">${Array.from(
      { length: 7 },
      () => html`<div class="bone"><i></i><span class="mid"><i></i><i></i></span></div>`,
    )}</div>`;
  }

  private empty(): TemplateResult {
    const { words } = this;
    const action = this.newChat
      ? { label: words('newChat'), run: () => void this.announce('snug-new-chat', {}), main: true }
      : { label: words('refresh'), run: () => this.refresh() };
    return stateCard({
      icon: 'chat',
      title: words('listEmpty'),
      hint: words('listEmptyHint'),
      action,
    });
  }

  private failed(): TemplateResult {
    const { words } = this;
    return stateCard({
      icon: 'alert',
      tone: 'danger',
      title: words('loadFailed'),
      ...(this.list.problem?.detail ? { hint: this.list.problem.detail } : {}),
      action: { label: words('tryAgain'), run: () => this.refresh() },
    });
  }

  private refresh(): void {
    this.activeClient?.rooms.refresh().catch(() => {});
  }

  private choose(room: string): void {
    if (this.announce('snug-room-select', { room }, true)) this.room = room;
  }

  private onKey(event: KeyboardEvent): void {
    const rows = [...this.renderRoot.querySelectorAll<HTMLElement>('.row')];
    const at = rows.indexOf(this.shadowRoot?.activeElement as HTMLElement);
    const move = MOVES[event.key];
    let to = -1;
    if (move !== undefined) to = Math.min(rows.length - 1, Math.max(0, at + move));
    if (event.key === 'Home') to = 0;
    if (event.key === 'End') to = rows.length - 1;
    const next = rows[to];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }

  protected override updated(_changed: PropertyValues): void {
    const end = this.renderRoot.querySelector('.end') ?? undefined;
    if (end === this.watched) return;
    this.endWatch?.disconnect();
    this.watched = end;
    if (!end) return;
    this.endWatch = new IntersectionObserver((seen) => {
      if (seen.some((entry) => entry.isIntersecting)) this.loadMore();
    });
    this.endWatch.observe(end);
  }

  private loadMore(): void {
    const client = this.activeClient;
    if (!client || this.loadingMore || !this.list.hasMore) return;
    this.loadingMore = true;
    const again = (): void => {
      this.loadingMore = false;
      // A short page leaves the end in view: observe it anew.
      this.watched = undefined;
      this.requestUpdate();
    };
    client.rooms.loadMore().then(again, () => setTimeout(again, RETRY_MS));
  }
}
