import type { Client, Conversation, MessageView } from '@snug/client';
import {
  html,
  nothing,
  type PropertyDeclarations,
  type PropertyValues,
  type TemplateResult,
} from 'lit';
import { stateCard } from '../shared/states.js';
import { nameOf, typingText } from '../text/names.js';
import type { SnugThread } from '../thread/thread.js';
import { SnugConversation } from './conversation.js';
import { contextCard, roomHeader } from './parts.js';
import { Beginning, type FirstWords, type StartTarget } from './start-target.js';

export type { StartTarget };

/** As many as the server gives on one page. */
const THREADS = 50;

/**
 * One conversation: what was said, and the field in which one answers.
 *
 * @element snug-room
 * @fires snug-room-created - A conversation began with its first message; `detail.room`.
 * @fires snug-thread-open - Another thread is shown; `detail.room`, `detail.thread`, empty for none.
 * @csspart thread - The line under a message that has replies in its thread.
 */
export class SnugRoom extends SnugConversation {
  static override properties: PropertyDeclarations = {
    start: { attribute: false },
    thread: { type: String },
  };

  /** A conversation that does not exist yet: it is made by its first message. */
  declare start: StartTarget | undefined;
  /** The id of the message whose thread is shown over the room; empty for none. */
  declare thread: string | undefined;

  private readonly beginning = new Beginning(() => this.requestUpdate());
  /** The button that opened the thread. */
  private opener: HTMLElement | undefined;
  private moves = false;
  /** The newest reply that was known when the own cursors were asked for. */
  private asked = 0;

  protected override handleOf(client: Client): Conversation | undefined {
    return this.room ? client.room(this.room) : undefined;
  }

  protected override get covered(): boolean {
    return !!(this.thread && this.room);
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('start')) this.beginning.begin(this.start);
    // A thread is of its room.
    if (changed.get('room') && !changed.has('thread')) this.thread = undefined;
    super.willUpdate(changed);
    this.askThreads();
  }

  protected override forget(): void {
    super.forget();
    this.asked = 0;
  }

  /** Once how the threads stand for this user, and again when one begins at an own message. */
  private askThreads(): void {
    const { view } = this.opened;
    if (view.status !== 'ready') {
      this.asked = 0;
      return;
    }
    let newest = 0;
    for (const { own, threadSummary, threadUnread } of view.messages) {
      const last = threadSummary?.last_seq ?? 0;
      const news = threadUnread === undefined && last > this.asked;
      if (news && (own || !this.asked)) newest = Math.max(newest, last);
    }
    if (!newest || !this.room) return;
    this.asked = newest;
    this.activeClient
      ?.room(this.room)
      .threads({ limit: THREADS })
      .catch(() => {});
  }

  protected override get messages(): readonly MessageView[] {
    const { view } = this.opened;
    // The first message stays in sight until the new room shows its own copy.
    if (view.status !== 'ready')
      return this.beginning.messages(this.activeClient?.me.getSnapshot());
    return view.messages;
  }

  private get heading(): string {
    return this.room ? this.opened.view.title : this.beginning.title;
  }

  private get called(): string {
    return this.heading || this.words('conversations');
  }

  protected override get label(): string {
    return this.words('conversationWith', { name: this.called });
  }

  protected override header(): TemplateResult {
    const { view } = this.opened;
    const { target } = this.beginning;
    return roomHeader({ title: this.heading, view, face: target, me: this.me, ...this.ways });
  }

  protected override about(): TemplateResult | typeof nothing {
    const custom = this.opened.view.room?.custom ?? this.beginning.target?.custom;
    return contextCard(custom, this.words);
  }

  protected override toThread(id: string, opener: HTMLElement | undefined): void {
    this.thread = id;
    this.opener = opener;
    this.moves = true;
  }

  protected override over(): TemplateResult | typeof nothing {
    if (!this.thread || !this.room) return nothing;
    return html`<snug-thread nested back exportparts="timeline, bubble, quote, card, user-card, header" .client=${this.activeClient}
      .locale=${this.locale} .room=${this.room} .thread=${this.thread} .closable=${this.closable} .direct=${this.direct} .markdown=${this.markdown}
      @snug-back=${this.leaveThread}></snug-thread>`;
  }

  private leaveThread(event: Event): void {
    event.stopPropagation();
    this.thread = undefined;
    this.moves = true;
  }

  protected override empty(): TemplateResult {
    const { words, called: name } = this;
    if (this.room && this.opened.view.status !== 'ready') return super.empty();
    const group = this.opened.view.room?.kind !== 'direct';
    const begins = !this.room;
    return stateCard({
      icon: 'wave',
      title: group ? words('roomEmptyGroup') : words('roomEmpty', { name }),
      ...(begins ? { hint: words('startHint') } : {}),
      action: { label: words('sayHello'), run: () => this.greet() },
    });
  }

  private greet(): void {
    const { composer } = this;
    if (!composer) return;
    if (composer.value.trim() === '') composer.value = this.words('helloText');
    composer.focus();
  }

  protected override typing(): TemplateResult {
    const { words } = this;
    const names = this.opened.view.typing.map((user) => nameOf(user, words));
    const text = typingText(names, words);
    return html`<div class="typing" part="typing">${
      text
        ? html`<span class="dots" aria-hidden="true"><i></i><i></i><i></i></span><span class="typing-text" dir="auto">${text}</span>`
        : nothing
    }</div>`;
  }

  protected override submit(event: CustomEvent<FirstWords>): void {
    const client = this.activeClient;
    if (this.room || !client || !this.start) return;
    event.preventDefault();
    this.keeper.pinned = true;
    void this.make(client, event.detail);
  }

  private async make(
    client: NonNullable<SnugRoom['activeClient']>,
    said: FirstWords | undefined,
  ): Promise<void> {
    const { start } = this;
    const id = await this.beginning.send(client, said);
    if (!id || this.start !== start) return;
    this.room = id;
    this.announce('snug-room-created', { room: id });
  }

  protected override retry(id: string): void {
    const client = this.activeClient;
    if (!this.room && client) void this.make(client, undefined);
    else super.retry(id);
  }

  protected override discard(id: string): void {
    if (this.room) super.discard(id);
    else this.beginning.forget();
  }

  protected override updated(changed: PropertyValues): void {
    super.updated(changed);
    const { thread, room } = this;
    if (!changed.has('thread') || !(thread || changed.get('thread'))) return;
    this.announce('snug-thread-open', { room: room ?? '', thread: thread ?? '' });
    // What came while it was covered has been drawn, and is seen from now on.
    this.seen();
    if (this.moves) void this.moveFocus();
    this.moves = false;
  }

  /** Into the thread, without opening a phone's keyboard, or back to where one came from. */
  private async moveFocus(): Promise<void> {
    const thread = this.renderRoot.querySelector<SnugThread>('snug-thread');
    if (!thread) return this.opener?.focus({ preventScroll: true });
    await thread.updateComplete;
    if (matchMedia('(pointer: fine)').matches) thread.focusComposer();
    else thread.shadowRoot?.querySelector<HTMLElement>('[part=back]')?.focus();
  }
}
