// The conversation in one thread of a room: the message at which it hangs, its replies, what of
// the room's outbox belongs to it. It hears what the room hears, in the room's order, and asks
// for pages only.
import type { Marked, Message } from '@snug/protocol';
import { Changing } from './changing.js';
import type { Context } from './context.js';
import { MessageViews } from './message-views.js';
import { asSnugError } from './problem.js';
import { type Reading, reading } from './reading.js';
import { PAGE, type RoomStore } from './room.js';
import { Timeline } from './timeline.js';
import type { Outgoing, ProblemView, RoomSnapshot, ThreadHandle } from './types.js';

export class ThreadStore extends Changing<RoomSnapshot> implements ThreadHandle {
  readonly id: string;
  readonly root: string;
  draft = '';
  protected readonly ctx: Context;
  readonly #room: RoomStore;
  readonly #timeline = new Timeline();
  readonly #views: MessageViews;
  readonly #reading: Reading;
  /** As it was when the page was read. */
  #unread = 0;
  #line: number | undefined;
  #status: RoomSnapshot['status'] = 'closed';
  #problem: ProblemView | undefined;
  #refs = 0;
  /** What came while the page was asked for; another one with each asking. */
  #early: Message[] = [];

  constructor(room: RoomStore, root: string, context: Context) {
    super();
    this.id = room.id;
    this.root = root;
    this.ctx = context;
    this.#room = room;
    this.#views = new MessageViews(context);
    this.#reading = reading(context, (seq) => room.readThread(root, seq));
    this.#timeline.root = root;
  }

  async open(): Promise<void> {
    this.#refs++;
    await this.#room.open();
    // A room that opened with it has asked for its page; closed meanwhile, it would hear nothing.
    if (this.#refs && this.#status === 'closed') await this.#load();
  }

  close(): void {
    if (this.#refs === 0) return;
    this.#room.close();
    if (--this.#refs === 0) this.drop();
  }

  send(message: Outgoing): Promise<Message> {
    return this.#room.send({ ...message, thread: this.root });
  }

  retry(id: string): void {
    this.#room.retry(id);
  }

  discard(id: string): void {
    this.#room.discard(id);
  }

  loadBefore(): Promise<void> {
    return this.#timeline.load('before', (page) => this.#ask(page), this.#room);
  }

  /** The newest page is always there. */
  async loadAfter(): Promise<void> {}

  markRead(seq = this.#timeline.last!): void {
    if (this.#timeline.first) this.#reading.mark(seq);
  }

  typing(): void {}

  // What the room passes on.

  get stretch(): readonly Message[] {
    return this.#timeline.messages;
  }

  /** Newer states of messages, of whatever place. */
  merge(messages: readonly Message[]): void {
    const own = messages.filter(({ id, thread }) => (thread?.id ?? id) === this.root);
    if (this.#status === 'ready') this.#timeline.merge(own);
    else if (this.#status === 'loading') this.#early.push(...own);
  }

  /** The room begins anew, and may have missed replies. */
  renew(): void {
    if (this.#refs) this.#load().catch(() => {});
  }

  /** The connection is back. */
  online(): void {
    this.#reading.flush();
    if (this.#status === 'error') this.renew();
  }

  /** What is below was taken away for good, the root perhaps with it. */
  cutBelow(seq: number): void {
    const [root] = this.stretch;
    if (root && root.seq < seq) this.renew();
  }

  /** Nothing is known any more. */
  drop(): void {
    this.#timeline.clear();
    this.#views.clear();
    this.#turn('closed');
  }

  /** The user is another. */
  forget(): void {
    this.draft = '';
    this.#reading.clear();
  }

  shownAhead(message: Message): void {
    this.#room.shownAhead(message);
  }

  marked(news: Marked): void {
    this.#room.marked(news);
  }

  #ask(page?: { before?: number }) {
    return this.#room.threadHistory(this.root, { ...page, limit: PAGE });
  }

  async #load(): Promise<void> {
    this.drop();
    this.#turn('loading');
    const early = this.#early;
    try {
      const page = await this.#ask();
      if (early !== this.#early) return;
      this.#timeline.set(page);
      const { unread = 0, read_seq = 0 } = page.mine ?? {};
      this.#unread = unread;
      this.#line = unread ? Math.max(read_seq, page.root.seq) + 1 : undefined;
      this.#status = 'ready';
      this.merge([page.root, ...early]);
      this.#room.touch();
    } catch (error) {
      if (early === this.#early) this.#turn('error', { ...asSnugError(error) });
      throw error;
    }
  }

  #turn(status: RoomSnapshot['status'], problem?: ProblemView): void {
    this.#early = [];
    this.#status = status;
    this.#problem = problem;
    this.#room.touch();
  }

  protected build(): RoomSnapshot {
    const room = this.#room.getSnapshot();
    const { hasBefore, underWay } = this.#timeline;
    const { stretch, root } = this;
    return {
      ...room,
      status: room.status === 'ready' ? this.#status : room.status,
      // How far others have read is of the room; of replies nobody tells it.
      messages: this.#room.viewsOf(this.#views, stretch, stretch[0]?.seq ?? 0, root),
      ephemeral: [],
      hasBefore,
      hasAfter: false,
      loadingBefore: !!underWay.before,
      loadingAfter: false,
      typing: [],
      unread: this.#unread,
      unreadLineSeq: this.#line,
      problem: room.problem ?? this.#problem,
    };
  }
}
