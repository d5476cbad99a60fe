// One room that a page looks at: opened and closed by count, kept whole by rev,
// seen as a snapshot. What the list shows of it lives in its entry.
import type {
  AnswerOf,
  Ephemeral,
  Events,
  Marked,
  Member,
  Message,
  Receipts,
  ReplyTo,
  RoomSync,
  ThreadList,
  ThreadMine,
  ThreadPage,
} from '@snug/protocol';
import { Belonging } from './belonging.js';
import type { Context } from './context.js';
import { ThreadCursors } from './cursors.js';
import { mergeMembers, type RoomEntry } from './entry.js';
import { OwnMarks } from './marks.js';
import { MessageViews } from './message-views.js';
import { Outbox } from './outbox.js';
import { asSnugError, LOST, NO_ACCESS, type SnugError } from './problem.js';
import { Quotes } from './quotes.js';
import { type Reading, reading } from './reading.js';
import { OthersCursors, TOLD_MEMBERS } from './receipts.js';
import { RoomStream } from './room-stream.js';
import { Said } from './said.js';
import { ThreadStore } from './thread.js';
import { Timeline } from './timeline.js';
import { Timer } from './timer.js';
import type { MessageView, Outgoing, ProblemView, RoomHandle, RoomSnapshot } from './types.js';
import { type TypingOwn, typingOthers, typingOwn } from './typing.js';

export const PAGE = 50;
/** Missing more than this, the newest page is loaded instead of everything between. */
const CATCH_UP = 300;
/** A room closed and opened within this (a re-render) was never closed. */
const LINGER_MS = 400;

export class RoomStore extends Belonging<RoomSnapshot> implements RoomHandle {
  readonly id: string;
  draft = '';
  protected readonly ctx: Context;
  readonly #entry: RoomEntry;
  readonly #timeline = new Timeline();
  readonly #stream = new RoomStream(() => this.#catchUp());
  readonly #views: MessageViews;
  readonly #quotes: Quotes;
  readonly #marks = new OwnMarks();
  readonly #outbox: Outbox;
  readonly #reading: Reading;
  readonly #typingOwn: TypingOwn;
  readonly #typingOthers = typingOthers(() => {
    this.#entry.typing = this.#typingOthers.users().map((id) => this.ctx.users.name(id));
    this.#entry.touch();
    this.touch();
  });
  readonly #threads = new Map<string, ThreadStore>();
  readonly #cursors = new ThreadCursors();
  #members = new Map<string, Member>();
  #others = new OthersCursors();
  readonly #said = new Said();
  #epoch = '';
  #status: RoomSnapshot['status'] = 'closed';
  #problem: ProblemView | undefined;
  #refs = 0;
  readonly #linger = new Timer();
  #opening: Promise<void> | undefined;
  /** Events that came before the snapshot they belong after. */
  #early: (() => void)[] | undefined;
  #syncing = false;
  readonly #again = new Timer();
  /** Counts the times that everything was dropped; an answer from before is void. */
  #visit = 0;
  /** Counts the times that the page left the room, or the user the page. */
  #stay = 0;
  #line: number | undefined;
  #lineSet = false;

  constructor(entry: RoomEntry, context: Context) {
    super();
    this.id = entry.id;
    this.#entry = entry;
    this.ctx = context;
    this.#views = new MessageViews(context);
    this.#quotes = new Quotes(context, this.id, this.#marks, () => this.touch());
    this.#typingOwn = typingOwn(context, this.id);
    this.#reading = reading(context, async (seq) =>
      entry.applyMine(await context.request('read', { room: this.id, seq })),
    );
    this.#outbox = new Outbox(this.id, context, {
      changed: () => this.touch(),
      accepted: (message) => {
        entry.applyMessage(message);
        this.shownAhead(message);
      },
    });
  }

  protected get entry(): RoomEntry {
    return this.#entry;
  }

  get wanted(): boolean {
    return this.#refs > 0 || this.#linger.running;
  }

  open(): Promise<void> {
    this.#refs++;
    this.#linger.clear();
    if (this.#opening || this.#status === 'ready') return this.#opening ?? Promise.resolve();
    if (this.#status !== 'loading') this.#turn('loading');
    return this.join();
  }

  close(): void {
    if (this.#refs === 0 || --this.#refs > 0) return;
    this.#linger.set(LINGER_MS, () => this.#leaveScreen());
  }

  /** Opens it on the connection at hand; also after every reconnect. */
  join(): Promise<void> {
    if (!this.#opening) {
      const opening = this.#join().finally(() => {
        if (this.#opening === opening) this.#opening = undefined;
      });
      // The snapshot tells of the failure; a page that does not await is no error.
      opening.catch(() => {});
      this.#opening = opening;
    }
    return this.#opening;
  }

  send(message: Outgoing): Promise<Message> {
    this.#typingOwn.sent();
    // Who replies in a thread may have seen nothing else of the room.
    const ready = this.#status === 'ready' && !this.#timeline.hasAfter && !message.thread;
    return this.#outbox.send(message, ready ? this.#timeline.last : undefined);
  }

  dismiss(id: string): void {
    this.#said.drop(id);
    this.touch();
  }

  retry(id: string): void {
    this.#outbox.retry(id);
  }

  discard(id: string): void {
    this.#outbox.discard(id);
  }

  loadBefore(): Promise<void> {
    return this.#load('before');
  }

  loadAfter(): Promise<void> {
    return this.#load('after');
  }

  markRead(seq = this.#entry.room?.seq ?? 0): void {
    const { room, mine } = this.#entry;
    if (!room || !mine || seq <= mine.read_seq) return;
    this.#reading.mark(seq);
    // At the head the three numbers of the cursor are known without asking.
    if (seq >= room.seq) {
      const { count } = room;
      const none = { read_own: mine.own_count, unread: 0, gone: 0, mentions: 0 };
      this.#entry.applyMine({ ...mine, read_seq: room.seq, read_count: count, ...none });
    }
  }

  typing(on: boolean): void {
    this.#typingOwn.say(on);
  }

  thread(root: string): ThreadStore {
    const known = this.#threads.get(root) ?? new ThreadStore(this, root, this.ctx);
    this.#threads.set(root, known);
    return known;
  }

  async threadHistory(
    thread: string,
    page?: { before?: number; after?: number; limit?: number },
  ): Promise<ThreadPage> {
    const answer = await this.askRoom('thread.history', { thread, ...page });
    this.ctx.users.put(answer.users);
    this.#marks.note([answer.root, ...answer.messages]);
    this.#noteCursor(thread, answer.mine, answer.root);
    return answer;
  }

  async readThread(thread: string, seq: number): Promise<ThreadMine> {
    const mine = await this.askRoom('thread.read', { thread, seq });
    this.#noteCursor(thread, mine);
    return mine;
  }

  async threads(page?: { before?: number; limit?: number }): Promise<ThreadList> {
    const list = await this.askRoom('threads.list', { ...page });
    this.ctx.users.put(list.users);
    for (const { root, mine } of list.threads) this.#noteCursor(root.id, mine, root);
    return list;
  }

  async receipts(id: string, page?: { limit?: number; cursor?: string }): Promise<Receipts> {
    const answer = await this.askRoom('receipts.list', { id, ...page });
    this.ctx.users.put(answer.users);
    this.#now(() => this.#others.note(answer));
    return answer;
  }

  // What a thread asks of its room.

  /** Views of these messages, and of what waits to be sent to the same place. */
  viewsOf(
    views: MessageViews,
    loaded: readonly Message[],
    upTo = Number.POSITIVE_INFINITY,
    thread?: string,
  ): MessageView[] {
    const others = this.#others.furthest(this.#members, this.ctx.me(), upTo);
    const quoted = (to: Partial<ReplyTo>) => this.#quotes.find(to, loaded);
    const unread = (message: Message) => this.#cursors.unread(message);
    return views.build(loaded, this.#outbox.items, others, quoted, unread, this.#marks, thread);
  }

  override touch(): void {
    super.touch();
    for (const thread of this.#threads.values()) thread.touch();
  }

  // What the client passes on from the connection.

  online(): void {
    this.#outbox.pump();
    this.#reading.flush();
    for (const thread of this.#threads.values()) thread.online();
    if (this.wanted) this.join().catch(() => {});
  }

  left(reason: string): void {
    const detail = reason === 'deleted' ? 'The room was deleted.' : 'You are no longer a member.';
    this.#stream.reset(this.#stream.applied);
    if (this.wanted) this.#refuse({ code: `room_${reason}`, detail, retryable: false });
  }

  joined(): void {
    if (this.wanted && (this.#status === 'no_access' || this.#status === 'error')) {
      this.#turn('loading');
      this.join().catch(() => {});
    }
  }

  messageNew({ rev, members_rev, message }: Events['message.new'], changed = false): void {
    this.#receive(rev, () => {
      for (const id of [message.sender, ...(message.mentions?.users ?? [])]) this.#meet(id);
      if (message.sender && !changed) this.#typingOthers.set(message.sender, false);
      this.#take([message], members_rev);
    });
  }

  roomChanged({ rev, room_object }: Events['room.changed']): void {
    this.#receive(rev, () => this.#entry.applyRoom(room_object));
  }

  membersChanged({ rev, members, member_count }: Events['members.changed']): void {
    this.#receive(rev, () => this.#mergeMembers(members, member_count));
  }

  /** A mark, or the own standing, or neither: what is missing is asked for. */
  marked(news?: Marked): void {
    if (news) this.#entry.applyMine(news.mine);
    this.#now(() => {
      // Its rev counts where none is missing before it.
      const rev = this.#marks.rev + 1;
      if (news) this.#marks.note([news], news.own.rev === rev ? rev : 0);
      this.#stream.note(0);
      if (this.#marks.behind(this.#entry.mine)) this.#catchUp();
    });
  }

  read({ user, seq, rev }: Events['read']): void {
    this.#now(() => {
      this.#others.noteRead([{ user, seq }]);
      this.#stream.note(rev);
    });
  }

  delivered({ cursors }: Events['delivered']): void {
    this.#now(() => this.#others.noteGot(cursors));
  }

  said(said: Ephemeral): void {
    if (this.#said.add(said)) this.#now(() => this.#meet(said.sender));
  }

  typed({ user, on, name }: Events['typing']): void {
    if (user === this.ctx.me()) return;
    if (name && !this.ctx.users.get(user)) this.ctx.users.put([{ id: user, name }]);
    this.#typingOthers.set(user, on);
  }

  headMoved(rev: number): void {
    this.#now(() => this.#stream.note(rev));
  }

  /** The user is another: nothing of the old one stays. */
  forget(error: SnugError): void {
    this.#outbox.clear(error);
    this.#reading.clear();
    this.draft = '';
    this.#cursors.clear();
    for (const thread of this.#threads.values()) thread.forget();
    this.#depart(this.wanted ? 'loading' : 'closed');
  }

  async #join(): Promise<void> {
    this.#early ??= [];
    const stay = this.#stay;
    try {
      await this.#snapshot(this.#status === 'ready' ? 1 : PAGE);
    } catch (error) {
      const problem = asSnugError(error);
      if (stay !== this.#stay) return;
      this.#early = undefined;
      // No connection is no failure of the room: the next one joins again.
      if (LOST.has(problem.code) || (this.#status === 'ready' && problem.retryable)) return;
      this.#refuse({ ...problem });
      throw problem;
    }
  }

  async #snapshot(limit: number): Promise<void> {
    const stay = this.#stay;
    const answer = await this.ctx.call('room.open', { room: this.id, limit });
    if (stay !== this.#stay) return this.#abandoned();
    const { room, history } = answer;
    const whole = limit >= PAGE;
    const far = room.seq - (this.#timeline.last ?? 0) > CATCH_UP;
    const stale = room.epoch !== this.#epoch || room.rev < this.#stream.applied || far;
    if (!whole && stale) return this.#reload();
    this.#apply(answer, whole);
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const event of early) event();
    this.#stream.note(Math.max(room.rev, history.head.rev));
    const behind = room.rev > this.#stream.applied || this.#marks.behind(room.mine);
    if (!whole && behind) this.#catchUp();
    this.#askReceipts();
  }

  /** Where it is told who gets a message, what was told while nobody listened. */
  #askReceipts(): void {
    const me = this.ctx.me();
    const last = this.#timeline.messages.filter(({ sender }) => sender && sender === me).at(-1);
    const large = (this.#entry.room?.member_count ?? 0) > TOLD_MEMBERS;
    if (!last || large || last.seq <= this.#others.furthest(this.#members, me).got) return;
    this.receipts(last.id).catch(() => {});
  }

  /** Drops what is shown and loads the newest page. */
  #reload(): Promise<void> {
    const early = this.#early ?? [];
    this.#clear();
    this.#early = early;
    this.#turn('loading');
    return this.#snapshot(PAGE);
  }

  /** The page left, perhaps while the answer was on its way. */
  #abandoned(): void {
    if (this.wanted || !this.ctx.online()) return;
    this.ctx.request('room.close', { room: this.id }).catch(() => {});
  }

  #apply({ room, history }: AnswerOf<'room.open'>, whole: boolean): void {
    this.ctx.users.put(history.users);
    this.#entry.applyRoom(room);
    this.#entry.applyHead(history.head);
    this.#mergeMembers(room.members, room.member_count);
    if (whole) {
      this.#epoch = room.epoch;
      this.#timeline.set(history);
      // Room and page may be of two moments: what came between comes again.
      this.#stream.reset(Math.min(room.rev, history.head.rev));
    }
    // The room was read before the page, which has all up to it.
    this.#marks.note(history.messages, whole ? room.mine?.marks?.rev : 0);
    this.#outbox.confirm(history.messages);
    this.#drawLine();
    this.#turn('ready');
    if (whole) for (const thread of this.#threads.values()) thread.renew();
  }

  /** A gap that did not close by itself. */
  #catchUp(): void {
    if (this.#status !== 'ready' || !this.wanted || !this.ctx.online()) return;
    this.#sync().catch((error) => {
      const { code, retryAfterMs, ...problem } = asSnugError(error);
      if (LOST.has(code)) return;
      // Without a retry the gap would stay open until the next event.
      if (this.#status === 'ready' && !NO_ACCESS.has(code)) {
        this.#again.set(retryAfterMs ?? 2_000, () => this.marked());
      } else this.#refuse({ code, ...problem });
    });
  }

  async #sync(): Promise<void> {
    if (this.#syncing) return;
    this.#syncing = true;
    const visit = this.#visit;
    try {
      for (;;) {
        const rev = this.#stream.applied;
        const epoch = this.#epoch;
        const marks = this.#marks.rev;
        const page = await this.ctx.request('room.sync', { room: this.id, rev, epoch, marks });
        if (visit !== this.#visit) return;
        if (page.reset) return await this.#reload();
        this.#merge(page);
        // Of marks more may have been told meanwhile.
        const marked = this.#marks.rev > marks && this.#marks.behind(this.#entry.mine);
        if (!(page.more && page.rev > rev) && !page.marks?.more && !marked) return;
      }
    } finally {
      this.#syncing = false;
    }
  }

  #merge(page: RoomSync): void {
    this.ctx.users.put(page.users);
    if (page.room_object) this.#entry.applyRoom(page.room_object);
    this.#mergeMembers(page.members);
    this.#others.noteRead(page.reads);
    this.#marks.note([...page.messages, ...(page.marks?.changed ?? [])], page.marks?.rev);
    this.#take(page.messages);
    this.#timeline.cutBelow(page.min_seq);
    for (const thread of this.#threads.values()) thread.cutBelow(page.min_seq);
    if (page.more) this.#stream.advance(page.rev);
    else this.#stream.settle(page.rev);
    this.touch();
  }

  #load(side: 'before' | 'after'): Promise<void> {
    const ask = async (page: { before?: number; after?: number }) => {
      const answer = await this.askRoom('history', { ...page, limit: PAGE });
      this.ctx.users.put(answer.users);
      this.#marks.note(answer.messages);
      return answer;
    };
    return this.#timeline.load(side, ask, this);
  }

  /** Ahead of its event, which the entry waits for: its revs go up one by one. */
  shownAhead(message: Message): void {
    if (this.#status !== 'ready') return;
    this.#merged([message]);
    this.#stream.note(message.rev);
    this.touch();
  }

  /** Messages in a newer state, from an event or a sync: each by its rev. */
  #take(messages: readonly Message[], membersRev?: number): void {
    this.#merged(messages);
    for (const message of messages) this.#entry.applyMessage(message, membersRev);
    this.#outbox.confirm(messages);
  }

  #merged(messages: readonly Message[]): void {
    this.#timeline.merge(messages);
    this.#quotes.merge(messages);
    for (const thread of this.#threads.values()) thread.merge(messages);
    this.#cursors.replied(messages, this.ctx.me());
  }

  #noteCursor(thread: string, mine?: ThreadMine | null, root?: Message): void {
    if (mine) this.#cursors.note(thread, mine, root);
    this.touch();
  }

  #receive(rev: number, apply: () => void): void {
    this.#now(() => this.#stream.push(rev, apply));
  }

  /** At once, or after the snapshot that is on its way; not after leaving. */
  #now(apply: () => void): void {
    if (this.#early) this.#early.push(apply);
    else if (this.#status === 'ready') {
      apply();
      this.touch();
    }
  }

  #mergeMembers(members: readonly Member[], count?: number): void {
    this.#members = mergeMembers(new Map(this.#members), members);
    this.#entry.applyMembers(members, count);
    this.#others.noteRead(members.map(({ user, read_seq: seq }) => ({ user, seq })));
  }

  /** In a large room the members at hand are not all. */
  #meet(id: string | null | undefined): void {
    if (id == null || this.ctx.users.get(id)) return;
    this.ctx.meet([id]).catch(() => {});
  }

  #drawLine(): void {
    const { mine } = this.#entry;
    if (this.#lineSet || !mine) return;
    this.#lineSet = true;
    if (this.#entry.unread === 0) return;
    const gone = (id: string) => this.#marks.get(id)?.deleted === true;
    this.#line = this.#timeline.firstUnread(mine.read_seq, this.ctx.me(), gone);
  }

  #refuse(problem: ProblemView): void {
    this.#early = undefined;
    this.#typingOthers.clear();
    this.#turn(NO_ACCESS.has(problem.code) ? 'no_access' : 'error', problem);
  }

  #leaveScreen(): void {
    if (this.#status === 'ready' || this.#opening) this.#abandoned();
    this.#depart('closed');
  }

  #depart(status: 'loading' | 'closed'): void {
    this.#stay++;
    this.#opening = undefined;
    this.#said.drop();
    this.#clear();
    this.#turn(status);
  }

  #clear(): void {
    this.#visit++;
    this.#timeline.clear();
    this.#stream.reset(0);
    this.#typingOthers.clear();
    this.#entry.typing = [];
    this.#members = new Map();
    this.#others = new OthersCursors();
    this.#views.clear();
    this.#quotes.clear();
    this.#marks.clear();
    for (const thread of this.#threads.values()) thread.drop();
    this.#early = undefined;
    this.#epoch = '';
    if (!this.wanted) {
      this.#line = undefined;
      this.#lineSet = false;
    }
  }

  #turn(status: RoomSnapshot['status'], problem?: ProblemView): void {
    this.#status = status;
    this.#problem = problem;
    this.touch();
  }

  protected build(): RoomSnapshot {
    const loaded = this.#timeline.messages;
    const replies = [...this.#threads.values()].flatMap(({ stretch }) => stretch);
    const users = this.ctx.users.among(this.#members.keys(), [...loaded, ...replies]);
    return {
      status: this.#status,
      room: this.#entry.room,
      title: this.#entry.title(),
      messages: this.viewsOf(this.#views, loaded),
      ephemeral: this.#said.views(this.ctx),
      hasBefore: this.#timeline.hasBefore,
      hasAfter: this.#timeline.hasAfter,
      loadingBefore: !!this.#timeline.underWay.before,
      loadingAfter: !!this.#timeline.underWay.after,
      members: this.#members,
      users,
      typing: this.#typingOthers.users().map((id) => this.ctx.users.get(id) ?? { id }),
      readBy: this.#others.read,
      unread: this.#entry.unread,
      unreadLineSeq: this.#line,
      problem: this.#problem,
    };
  }
}
