import type { Client, Conversation, MessageView, User } from '@snug/client';
import {
  html,
  nothing,
  type PropertyDeclarations,
  type PropertyValues,
  type TemplateResult,
} from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { SnugComposer } from '../composer/composer.js';
import type { StringKey } from '../locale/index.js';
import { avatarStyles } from '../shared/avatar.js';
import { SnugElement } from '../shared/base.js';
import { connectionBar, gateStyles } from '../shared/gate.js';
import { gateOf } from '../shared/gate-of.js';
import { icon } from '../shared/icons.js';
import { KeyboardInset } from '../shared/keyboard.js';
import { stateCard, stateStyles } from '../shared/states.js';
import { edgeSwipe } from '../shared/swipe.js';
import { controls, tokens } from '../shared/tokens.styles.js';
import { happening, nameOf, saidIn } from '../text/names.js';
import { dayLabel } from '../text/time.js';
import { messageRow } from './message.js';
import { allowed, MessageMenu } from './message-menu.js';
import { OpenedRoom } from './opened-room.js';
import { olderEnd, skeleton } from './parts.js';
import { passing } from './passing.js';
import { roomStyles } from './room.styles.js';
import { ScrollKeeper } from './scroll-keeper.js';
import type { FirstWords } from './start-target.js';
import { layTimeline, type TimelineItem } from './timeline.js';
import { UserCard } from './user-card.js';

/** How long a message that was jumped to stands out. */
const LIT_MS = 1_600;

/**
 * What a room and a thread have in common: what was said, and the field in which one answers.
 *
 * @fires snug-back - The back button was pressed (or a swipe from the edge).
 * @fires snug-mention-click - A mention of somebody was pressed; `detail.user`, `detail.message`. Prevent it to show no card.
 * @fires snug-user-click - A sender's name or face was pressed; `detail.user`, `detail.message`. Prevent it to show no card.
 * @fires snug-user-message - "Message" in a user's card was pressed; `detail.user`. Prevent it to answer by yourself.
 * @fires snug-card-action - A card's button was pressed; `detail.message`, `detail.action`. Anybody may send a card: look at `message.sender` first.
 * @csspart header - The line with the name.
 * @csspart timeline - The scrolling part.
 * @csspart message - One message with its avatar.
 * @csspart bubble - The coloured part of a message.
 * @csspart passing - Something that is kept nowhere.
 * @csspart reactions - The line with what was reacted to a message.
 * @csspart menu - What may be done to a message.
 * @csspart quote - The message that one answers, in the answer.
 * @csspart card - A card in a message.
 * @csspart user-card - Who somebody is.
 */
export abstract class SnugConversation extends SnugElement {
  static override styles = [tokens, controls, avatarStyles, stateStyles, gateStyles, roomStyles];
  static override properties: PropertyDeclarations = {
    room: { type: String },
    back: { type: Boolean },
    closable: { type: Boolean },
    markdown: { type: Boolean },
    direct: { attribute: false },
  };

  /** The room's id. */
  declare room: string | undefined;
  /** Shows a back button. */
  declare back: boolean;
  /** Inside a panel: shows a close button. */
  declare closable: boolean;
  /** What is written here is sent as markdown. */
  declare markdown: boolean;
  /** Opens a conversation with somebody; without it the card of a user has no button. */
  declare direct: ((user: User) => void) | undefined;

  protected readonly opened = new OpenedRoom(() => this.roomChanged());
  protected readonly keeper = new ScrollKeeper(() => this.moved());
  protected readonly menu = this.makeMenu();
  private readonly card = this.makeCard();
  /** The message whose words the field holds. */
  private editing: MessageView | undefined;
  /** The message that is answered. */
  private replying: MessageView | undefined;
  private lit: string | undefined;
  private litTimer: ReturnType<typeof setTimeout> | undefined;
  private items: TimelineItem[] = [];
  /** The view stands where it should stand at first. */
  private placed = false;
  private known = new Set<string>();
  private baseSeq = 0;
  private seenSeq = 0;
  private newestOwn: string | undefined;
  private tabStop: string | undefined;
  private spoken: { id: string; text: string }[] = [];
  private onScreen = false;
  private screenWatch: IntersectionObserver | undefined;
  private readonly swipe = edgeSwipe(this, () => this.announce('snug-back', {}));

  /** What is shown, of this client. */
  protected abstract handleOf(client: Client): Conversation | undefined;
  protected abstract header(): TemplateResult;
  /** How the conversation is called for those who cannot see it. */
  protected abstract get label(): string;
  /** The message at which the thread hangs, where it is one. */
  protected get rootId(): string | undefined {
    return undefined;
  }
  /** Something lies over it: nothing is read meanwhile. */
  protected get covered(): boolean {
    return false;
  }
  /** Where threads are opened. */
  protected toThread?(id: string, opener: HTMLElement | undefined): void;

  constructor() {
    super();
    new KeyboardInset(this, () => (this.nested ? null : this));
  }

  override connectedCallback(): void {
    super.connectedCallback();
    document.addEventListener('visibilitychange', this.seen);
    this.screenWatch = new IntersectionObserver((entries) => {
      this.onScreen = entries.at(-1)?.isIntersecting ?? false;
      this.seen();
    });
    this.screenWatch.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener('visibilitychange', this.seen);
    this.screenWatch?.disconnect();
    clearTimeout(this.litTimer);
    this.keeper.unwatch();
    this.opened.leave();
  }

  private makeMenu(): MessageMenu {
    const room = this;
    return new MessageMenu({
      get root() {
        return room.renderRoot;
      },
      get handle() {
        return room.opened.handle;
      },
      get view() {
        return room.opened.view;
      },
      changed: () => this.requestUpdate(),
      edit: (message) => this.take(message, undefined),
      reply: (message) => this.take(undefined, message),
      get thread() {
        return room.toThread?.bind(room);
      },
    });
  }

  private makeCard(): UserCard {
    const room = this;
    return new UserCard({
      get root() {
        return room.renderRoot;
      },
      get me() {
        return room.me;
      },
      get write() {
        return room.direct;
      },
      user: (id) => room.userOf(id),
      announce: (name, detail) => this.announce(name, detail, true),
      changed: () => this.requestUpdate(),
    });
  }

  protected get me(): string | undefined {
    return this.activeClient?.me.getSnapshot()?.id;
  }

  private userOf(id: string): User {
    const { users, members } = this.opened.view;
    const { name, avatar } = members.get(id) ?? {};
    return users.get(id) ?? { id, name, avatar };
  }

  /** What the field is for: an edit, an answer, or neither. */
  private take(editing: MessageView | undefined, replying: MessageView | undefined): void {
    this.editing = editing;
    this.replying = replying;
    this.requestUpdate();
    void this.updateComplete.then(() => this.composer?.focus());
  }

  /** Puts the cursor into the field. */
  focusComposer(): void {
    this.composer?.focus();
  }

  protected get composer(): SnugComposer | null {
    return this.renderRoot.querySelector('snug-composer');
  }

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    if (!this.isConnected) return;
    const client = this.activeClient;
    if (this.opened.show(client, client && this.handleOf(client))) this.forget();
    if (!this.keeper.pinned) this.keeper.capture();
    this.items = layTimeline(this.messages, this.opened.view.unreadLineSeq, this.rootId);
    this.tabStop = this.findTabStop();
    this.editing = this.still('edit', this.editing);
    this.replying = this.still('reply', this.replying);
  }

  /** The message, as long as one may do that to it. */
  private still(what: 'edit' | 'reply', message: MessageView | undefined): MessageView | undefined {
    if (!message) return undefined;
    const { view } = this.opened;
    const now = view.messages.find(({ id }) => id === message.id) ?? message;
    return allowed(now, view)[what] ? message : undefined;
  }

  /** One button of all messages is on Tab's way: the last one used, else the newest. */
  private findTabStop(): string | undefined {
    const { view } = this.opened;
    const offers = (message: MessageView) => Object.values(allowed(message, view)).includes(true);
    const used = view.messages.find(({ id }) => id === this.menu.current);
    return used && offers(used) ? used.id : view.messages.findLast(offers)?.id;
  }

  protected get messages(): readonly MessageView[] {
    return this.opened.view.messages;
  }

  protected forget(): void {
    this.placed = false;
    this.keeper.pinned = true;
    this.known = new Set();
    this.baseSeq = 0;
    this.seenSeq = 0;
    this.newestOwn = undefined;
    this.spoken = [];
    this.editing = undefined;
    this.replying = undefined;
    this.lit = undefined;
    this.menu.forget();
    this.card.close(false);
  }

  private roomChanged(): void {
    const { messages } = this.opened.view;
    const last = messages.at(-1);
    // What one sends oneself is always brought into view.
    if (last?.own && last.status === 'pending' && last.id !== this.newestOwn) {
      this.newestOwn = last.id;
      this.keeper.pinned = true;
    }
    if (this.placed) this.speak([...messages, ...this.opened.view.ephemeral]);
    this.requestUpdate();
  }

  /** Hands what others just wrote to screen readers, and nothing that was there before. */
  private speak(messages: readonly MessageView[]): void {
    const heard = new Set(this.spoken.map((s) => s.id));
    const fresh = messages.filter((m) => !m.own && this.isFresh(m) && !heard.has(m.id));
    for (const m of fresh.slice(-3)) {
      const name = nameOf(m.sender, this.words);
      const text = m.kind === 'system' ? this.happened(m) : `${name}: ${saidIn(m)}`;
      this.spoken = [...this.spoken, { id: m.id, text }].slice(-3);
    }
  }

  private isFresh(message: MessageView): boolean {
    if (!this.placed || this.known.has(message.id)) return false;
    return message.seq === undefined || message.seq > this.baseSeq;
  }

  private happened(message: MessageView): string {
    const { users } = this.opened.view;
    return happening(message, (id) => nameOf(users.get(id) ?? { id }, this.words), this.words);
  }

  protected override render(): TemplateResult {
    const blocked = this.nested ? nothing : gateOf(this, this.words);
    if (blocked !== nothing) return html`<div class="room">${blocked}</div>`;
    return html`<section class="room" aria-label=${this.label} ?inert=${this.covered}
      @touchstart=${this.swipe.start} @touchend=${this.swipe.end}>
      ${this.header()}
      ${this.content()}
    </section>${this.over()}`;
  }

  /** What lies over it. */
  protected over(): TemplateResult | typeof nothing {
    return nothing;
  }

  /** What the conversation is about. */
  protected about(): TemplateResult | typeof nothing {
    return nothing;
  }

  /** Who writes now. */
  protected typing(): TemplateResult | typeof nothing {
    return nothing;
  }

  /** Back and close, as far as there are such. */
  protected get ways() {
    return {
      words: this.words,
      back: this.back ? () => this.announce('snug-back', {}) : undefined,
      close: this.closable ? () => this.announce('snug-close', {}) : undefined,
    };
  }

  private content(): TemplateResult {
    const { view } = this.opened;
    const { words } = this;
    const { back } = this.ways;
    if (view.status === 'no_access') {
      return stateCard({
        icon: 'lock',
        tone: 'quiet',
        title: words('noAccess'),
        hint: words('noAccessHint'),
        ...(back && { action: { label: words('back'), run: back } }),
      });
    }
    if (view.status === 'error') {
      return stateCard({
        icon: 'alert',
        tone: 'danger',
        title: words('loadFailed'),
        ...(view.problem?.detail ? { hint: view.problem.detail } : {}),
        action: { label: words('tryAgain'), run: () => this.opened.reopen() },
      });
    }
    return html`${this.about()}
      <div class="stage">
        ${connectionBar(this.connectionState, words)}
        ${this.timeline()}
        ${this.jump()}
        ${this.menu.render(words)}
        ${this.card.render(words)}
        <div class="notice" role="alert">${this.menu.notice ?? nothing}</div>
      </div>
      ${this.typing()}
      ${this.foot()}
      <div class="sr" role="status">${repeat(
        this.spoken,
        (s) => s.id,
        (s) => html`<p>${s.text}</p>`,
      )}</div>`;
  }

  private timeline(): TemplateResult {
    const { view } = this.opened;
    // With more before, all that is loaded may be replies: what follows is on its way.
    if (!this.items.length && !view.hasBefore && !view.ephemeral.length) return this.empty();
    const group = view.room?.kind !== 'direct';
    return html`<div class="timeline" part="timeline" role="log" aria-live="off" tabindex="0" @scroll=${this.onScroll}
      aria-label=${this.label}>
      <div class="rows" @pointerdown=${this.menu.onDown} @pointermove=${this.menu.onMove}
        @pointerup=${this.menu.letGo} @pointercancel=${this.menu.letGo} @keydown=${this.menu.onButtonKey}
        @touchend=${this.menu.onHeld} @contextmenu=${this.menu.onHeld} @click=${this.menuClick}>
        ${this.rootId ? nothing : this.older()}
        ${repeat(
          this.items,
          (item) => item.key,
          (item) => this.item(item, group),
        )}
        ${passing(view.ephemeral, this.words, (item) => this.item(item, group), this.dismiss)}
      </div>
    </div>`;
  }

  /** In place of messages. */
  protected empty(): TemplateResult {
    return skeleton(this.words);
  }

  private older(): TemplateResult | typeof nothing {
    const { opened, words } = this;
    if (!opened.view.hasBefore) return nothing;
    return olderEnd(opened.olderFailed, words, () => opened.loadOlder());
  }

  private item(item: TimelineItem, group: boolean): TemplateResult {
    const { words } = this;
    switch (item.type) {
      case 'day':
        return html`<div class="day" role="separator" aria-label=${dayLabel(item.at, Date.now(), words)}><span>${dayLabel(item.at, Date.now(), words)}</span></div>`;
      case 'unread':
        return html`<div class="new" part="unread-line" role="separator" aria-label=${words('newMessages')}><span>${words('newMessages')}</span></div>`;
      case 'replies': {
        const { messages } = this.opened.view;
        const n = messages[0]?.threadSummary?.replies || messages.length - 1;
        const text = n > 0 ? words.count('replies', n) : words('noReplies');
        return html`<div class="day" role="separator" aria-label=${text}><span dir="auto">${text}</span></div>${this.older()}`;
      }
      case 'system':
        return html`<div class="system" data-key=${item.key} dir="auto">${this.happened(item.message)}</div>`;
      default:
        return this.message(item, group);
    }
  }

  private message(item: TimelineItem & { type: 'message' }, group: boolean): TemplateResult {
    const { words, menu } = this;
    const { message } = item;
    const { view } = this.opened;
    const may = allowed(message, view);
    const any = Object.values(may).includes(true);
    return messageRow(message, {
      words,
      group,
      first: item.first,
      last: item.last,
      fresh: this.isFresh(message),
      lit: this.lit === message.id,
      head: this.rootId === message.id,
      retry: (id) => this.retry(id),
      discard: (id) => this.discard(id),
      reader: {
        me: this.me,
        role: view.room?.mine?.role,
        called: (id) => nameOf(this.userOf(id), words),
      },
      shower: (id) =>
        view.messages.some((one) => one.id === id) ? () => this.show(id) : undefined,
      person: (event, user, mention) => this.card.pressed(event, user, message, mention),
      act: (action) => void this.announce('snug-card-action', { message, action }, true),
      ...(any && {
        menu: {
          open: menu.id === message.id,
          tab: this.tabStop === message.id,
          toggle: () => menu.toggle(message.id),
        },
      }),
      face: (id) => this.userOf(id),
      ...(this.toThread && {
        thread: (opener: HTMLElement) => this.toThread?.(message.id, opener),
      }),
      ...(may.react && { react: (key: string) => menu.react(message.id, key, words) }),
    });
  }

  private readonly dismiss = (id: string): void => this.activeClient?.room(this.room!).dismiss(id);

  private readonly onScroll = (): void => {
    this.menu.onScroll();
    this.card.settle();
  };

  /** Brings a loaded message into view, and marks it for a moment. */
  private show(id: string): void {
    const row = this.renderRoot.querySelector<HTMLElement>(`[data-key="${CSS.escape(id)}"]`);
    if (!row) return;
    this.keeper.show(row);
    this.lit = id;
    clearTimeout(this.litTimer);
    this.litTimer = setTimeout(() => {
      this.lit = undefined;
      this.requestUpdate();
    }, LIT_MS);
    this.requestUpdate();
  }

  private jump(): TemplateResult | typeof nothing {
    const { keeper, words } = this;
    if (!this.placed || keeper.pinned) return nothing;
    const { view } = this.opened;
    const count = view.messages.filter((m) => !m.own && (m.seq ?? 0) > this.seenSeq).length;
    if (count === 0 && keeper.below <= keeper.height && !view.hasAfter) return nothing;
    const label = count > 0 ? words.count('newBelow', count) : words('jumpToLatest');
    return html`<button type="button" class="jump" part="jump" aria-label=${label} @click=${this.toLatest}>
      ${icon('down')}${count > 0 ? html`<span class="badge" aria-hidden="true">${count > 99 ? '99+' : count}</span>` : nothing}
    </button>`;
  }

  private foot(): TemplateResult {
    const ended = this.ended();
    if (ended)
      return html`<p class="foot" role="note">${icon('lock')}<span>${this.words(ended)}</span></p>`;
    return html`<snug-composer nested .client=${this.activeClient} .locale=${this.locale} .room=${this.room} .thread=${this.rootId} .markdown=${this.markdown}
      .placeholder=${this.placeholder}
      .editing=${this.editing} .replying=${this.replying} @snug-submit=${this.submit} @snug-edited=${this.edited}
      @snug-reply-end=${this.replied}></snug-composer>`;
  }

  /** Why nothing more is said here. */
  protected ended(): StringKey | undefined {
    const { room } = this.opened.view;
    if (room?.mine?.state === 'left') return 'roomLeft';
    return room?.frozen ? 'roomFrozen' : undefined;
  }

  /** In place of the field's own word. */
  protected get placeholder(): string | undefined {
    return undefined;
  }

  protected submit(_event: CustomEvent<FirstWords>): void {}

  /** The field is done with an edit: saved, given up, or refused. */
  private edited(event: CustomEvent<{ problem?: { code?: string; detail?: string } }>): void {
    event.stopPropagation();
    const { problem } = event.detail;
    if (problem) this.menu.failed(problem, this.words);
    else this.take(undefined, undefined);
  }

  private replied(event: Event): void {
    event.stopPropagation();
    this.take(undefined, undefined);
  }

  private readonly menuClick = {
    // Before the link that lies under the finger.
    handleEvent: (event: Event) => this.menu.onHeld(event),
    capture: true,
  };

  protected retry(id: string): void {
    this.opened.handle?.retry(id);
  }

  protected discard(id: string): void {
    this.opened.handle?.discard(id);
  }

  protected override updated(_changed: PropertyValues): void {
    const box = this.renderRoot.querySelector<HTMLElement>('.timeline');
    const rows = box?.querySelector<HTMLElement>('.rows');
    if (!box || !rows) return;
    this.keeper.watch(box, rows);
    this.keeper.restore();
    this.place();
    this.seen();
    this.fill();
    this.menu.settle();
    this.card.settle();
  }

  /** The first look at a room: at the unread line, else at the end. */
  private place(): void {
    const { view } = this.opened;
    if (this.placed || view.status !== 'ready' || !this.keeper.height || !this.items.length) return;
    this.placed = true;
    this.known = new Set(view.messages.map((m) => m.id));
    this.baseSeq = this.opened.newest?.seq ?? 0;
    const line = this.renderRoot.querySelector<HTMLElement>('.new');
    this.seenSeq = line ? (view.unreadLineSeq ?? 1) - 1 : this.baseSeq;
    if (line) this.keeper.show(line);
    else this.keeper.toEnd();
    this.requestUpdate();
  }

  private moved(): void {
    this.place();
    this.seen();
    this.fill();
    this.requestUpdate();
  }

  /** Loads what lies just outside the view; nothing is outside of one without height. */
  private fill(): void {
    const { keeper, opened } = this;
    if (!opened.olderFailed && keeper.above < keeper.height * 1.5) opened.loadOlder();
    if (keeper.below < keeper.height * 1.5) opened.loadNewer();
  }

  protected readonly seen = (): void => {
    const { opened, keeper } = this;
    if (!this.placed || !keeper.pinned || opened.view.hasAfter || this.covered) return;
    if (!this.onScreen || document.visibilityState !== 'visible' || keeper.height === 0) return;
    this.seenSeq = opened.newest?.seq ?? this.seenSeq;
    opened.markSeen();
  };

  private toLatest(): void {
    // From afar a smooth scroll would only be a blur.
    this.keeper.toEnd(this.keeper.below < this.keeper.height * 3);
    this.requestUpdate();
  }
}
