// The client's surface in memory, for the gallery and the browser tests: what
// is sent is answered after a moment, what is received is put in by hand.
import type {
  ChannelPage,
  Client,
  ClientEventName,
  ClientEvents,
  ClientOptions,
  ConnectionState,
  CreateDirectOptions,
  CreateGroupOptions,
  CreateWithContactOptions,
  Edit,
  Message,
  MessageView,
  Mine,
  Outgoing,
  Own,
  PresenceView,
  ReactionView,
  Receipts,
  Room,
  RoomHandle,
  RoomList,
  RoomListSnapshot,
  RoomPage,
  RoomSnapshot,
  RoomView,
  Scheduled,
  ScheduledPage,
  StarredPage,
  ThreadHandle,
  ThreadList,
  ThreadMine,
  User,
  Version,
} from '@snug/client';
import { Cell, freshId, iso, memberOf, roomOf } from './fakes.js';

export { Cell, freshId, memberOf, roomOf };

export class FakeRoom extends Cell<RoomSnapshot> implements RoomHandle {
  draft = '';
  opens = 0;
  /** How often it was opened in all. */
  opened = 0;
  /** Older messages that `loadBefore` still has, oldest first. */
  older: MessageView[] = [];
  olderFails = false;
  /** Older messages wait for `releaseOlder`. */
  holdOlder = false;
  releaseOlder: () => void = () => {};
  mode: 'ok' | 'hold' | 'fail' = 'ok';
  readonly marked: number[] = [];
  readonly typed: boolean[] = [];
  readonly sent: string[] = [];
  /** The same, whole. */
  readonly outgoing: Outgoing[] = [];
  /** As many messages stay above older ones. */
  protected readonly lead: number = 0;

  constructor(
    readonly id: string,
    protected readonly owner: FakeClient,
    snapshot: Partial<RoomSnapshot>,
  ) {
    super({
      status: 'ready',
      title: id,
      messages: [],
      hasBefore: false,
      ephemeral: [],
      hasAfter: false,
      loadingBefore: false,
      loadingAfter: false,
      members: new Map(),
      users: new Map(),
      typing: [],
      readBy: new Map(),
      unread: 0,
      ...snapshot,
    });
  }

  async open(): Promise<void> {
    this.opens += 1;
    this.opened += 1;
  }

  close(): void {
    this.opens -= 1;
  }

  get seq(): number {
    const all = [this, ...this.hanging.values()].flatMap((one) => one.getSnapshot().messages);
    return all.reduce((top, m) => Math.max(top, m.seq ?? 0), 0);
  }

  async send(message: Outgoing): Promise<Message> {
    const id = freshId();
    const { text = '', replyTo, ...more } = message;
    this.sent.push(text);
    this.outgoing.push(message);
    const answered = this.getSnapshot().messages.find((one) => one.id === replyTo);
    this.append({
      ...more,
      ...(replyTo === undefined ? {} : { replyTo: { id: replyTo, message: answered ?? null } }),
      id,
      own: true,
      kind: 'text',
      text,
      createdAt: Date.now(),
      status: 'pending',
      readByOthers: false,
    });
    return this.settle(id);
  }

  async sendEphemeral(): Promise<{ id: string }> {
    return { id: freshId() };
  }

  dismiss(id: string): void {
    this.patch({ ephemeral: this.getSnapshot().ephemeral.filter((said) => said.id !== id) });
  }

  private async settle(id: string): Promise<Message> {
    if (this.mode === 'hold') return new Promise(() => {});
    await new Promise((done) => setTimeout(done, 40));
    if (this.mode === 'fail') {
      const problem = { code: 'rate_limited', detail: 'Too many messages', retryable: true };
      this.change(id, { status: 'failed', problem });
      throw Object.assign(new Error(problem.detail), problem);
    }
    const seq = this.seq + 1;
    this.change(id, { status: 'sent', seq });
    this.told();
    return {
      id,
      room: this.id,
      seq,
      rev: seq,
      kind: 'text',
      count: seq,
      created_at: iso(Date.now()),
    };
  }

  /** What was asked of messages: `edit m1 words`. */
  readonly changes: string[] = [];
  /** The code with which the next changes are refused. */
  refuses: string | undefined;

  private async asked(id: string, said: string, part: Partial<MessageView>): Promise<Message> {
    this.changes.push(said);
    await new Promise((done) => setTimeout(done, 20));
    const code = this.refuses;
    if (code) throw Object.assign(new Error(code), { code, detail: code, retryable: false });
    this.change(id, part);
    const at = iso(Date.now());
    return { id, room: this.id, seq: 1, rev: 1, kind: 'text', count: 1, created_at: at };
  }

  edit(id: string, words: Edit): Promise<Message> {
    const { text = '', mentions } = words;
    const called = mentions === undefined ? '' : ` ${JSON.stringify(mentions)}`;
    return this.asked(id, `edit ${id} ${text}${called}`, { text, editedAt: Date.now() });
  }

  unsend(id: string): Promise<Message> {
    const { text: _gone, ...rest } = this.find(id);
    return this.asked(id, `unsend ${id}`, { ...rest, text: '', deleted: true, reactions: [] });
  }

  react(id: string, key: string): Promise<Message> {
    const reactions = this.reactionsWithout(id, key);
    const users = [...(this.find(id).reactions?.find((one) => one.key === key)?.users ?? []), 'me'];
    reactions.push({ key, count: users.length, users, own: true });
    return this.asked(id, `react ${id} ${key}`, { reactions });
  }

  unreact(id: string, key: string): Promise<Message> {
    const reactions = this.reactionsWithout(id, key);
    const old = this.find(id).reactions?.find((one) => one.key === key)?.users ?? [];
    const users = old.filter((user) => user !== 'me');
    if (users.length > 0) reactions.push({ key, count: users.length, users, own: false });
    return this.asked(id, `unreact ${id} ${key}`, { reactions });
  }

  pin(id: string): Promise<Message> {
    return this.asked(id, `pin ${id}`, { pinnedAt: Date.now() });
  }

  unpin(id: string): Promise<Message> {
    return this.asked(id, `unpin ${id}`, { pinnedAt: undefined });
  }

  async star(id: string, on = true): Promise<Own> {
    await this.asked(id, `${on ? 'star' : 'unstar'} ${id}`, {
      starredAt: on ? Date.now() : undefined,
    });
    return { rev: 1 };
  }

  unstar(id: string): Promise<Own> {
    return this.star(id, false);
  }

  async deleteForMe(id: string): Promise<Own> {
    await this.asked(id, `deleteForMe ${id}`, {});
    this.discard(id);
    return { rev: 1, deleted: true };
  }

  pins(): Promise<{ messages: Message[]; users: User[] }> {
    return Promise.resolve({ messages: [], users: [] });
  }

  schedule(): Promise<Scheduled> {
    return Promise.reject(new Error('not in the gallery'));
  }

  versions(): Promise<{ versions: Version[] }> {
    return Promise.resolve({ versions: [] });
  }

  private readonly hanging = new Map<string, FakeThread>();
  /** How often the own cursors were asked for. */
  asksThreads = 0;
  /** What is unread in threads, by root; told when asked for. */
  readonly threadNews = new Map<string, boolean>();

  thread(root: string): FakeThread {
    const known = this.hanging.get(root) ?? new FakeThread(this, this.owner, root);
    this.hanging.set(root, known);
    return known;
  }

  threadHistory(): Promise<never> {
    return Promise.reject(new Error('not in the gallery'));
  }

  async readThread(root: string): Promise<ThreadMine> {
    this.change(root, { threadUnread: false });
    return { following: true, read_seq: 0, unread: 0 };
  }

  async receipts(): Promise<Receipts> {
    return { seq: 1, members: [], users: [] };
  }

  async threads(): Promise<ThreadList> {
    this.asksThreads += 1;
    await new Promise((done) => setTimeout(done, 20));
    for (const [root, threadUnread] of this.threadNews) this.change(root, { threadUnread });
    return { threads: [], users: [] };
  }

  /** What a reply tells its root. */
  hang(root: string, replies: readonly MessageView[], news: boolean): void {
    const last = replies.at(-1);
    const { threadUnread } = this.find(root);
    const shown = replies.filter(({ deleted }) => !deleted);
    this.change(root, {
      threadSummary: {
        replies: shown.length,
        last_seq: last?.seq ?? 0,
        last_at: iso(last?.createdAt ?? 0),
        participants: [...new Set(replies.map(({ sender }) => sender?.id ?? 'me'))].slice(0, 5),
        rev: last?.seq ?? 0,
      },
      ...(threadUnread === undefined ? {} : { threadUnread: news }),
    });
  }

  /** A message came or went. */
  protected told(_news = false): void {}

  private reactionsWithout(id: string, key: string): ReactionView[] {
    return (this.find(id).reactions ?? []).filter((one) => one.key !== key);
  }

  retry(id: string): void {
    const { problem: _gone, ...rest } = this.find(id);
    this.replace(id, { ...rest, status: 'pending' });
    this.settle(id).catch(() => {});
  }

  discard(id: string): void {
    this.patch({ messages: this.getSnapshot().messages.filter((m) => m.id !== id) });
  }

  async loadBefore(): Promise<void> {
    this.patch({ loadingBefore: true });
    await new Promise<void>((done) => {
      this.releaseOlder = done;
      if (!this.holdOlder) setTimeout(done, 60);
    });
    if (this.olderFails) {
      this.patch({ loadingBefore: false });
      throw new Error('offline');
    }
    const page = this.older.splice(-30);
    const { messages } = this.getSnapshot();
    this.patch({
      messages: [...messages.slice(0, this.lead), ...page, ...messages.slice(this.lead)],
      hasBefore: this.older.length > 0,
      loadingBefore: false,
    });
  }

  async loadAfter(): Promise<void> {}

  markRead(seq?: number): void {
    this.marked.push(seq ?? this.seq);
    this.owner.read(this.id);
  }

  typing(on: boolean): void {
    this.typed.push(on);
  }

  async leave(): Promise<void> {}

  async accept(): Promise<Room> {
    const rooms = this.owner.rooms.getSnapshot().rooms;
    this.owner.list(
      rooms.map(({ invitation, ...room }) =>
        room.id === this.id || !invitation ? room : { ...room, invitation },
      ),
    );
    return roomOf(this.id, { kind: 'group' });
  }

  async decline(): Promise<void> {
    const rooms = this.owner.rooms.getSnapshot().rooms;
    this.owner.list(rooms.filter(({ id }) => id !== this.id));
  }

  async updateMine(): Promise<Mine> {
    throw new Error('not in the gallery');
  }

  async update(): Promise<Room> {
    throw new Error('not in the gallery');
  }

  /** A message of another user arrives. */
  receive(text: string, sender: User): void {
    this.append({
      id: freshId(),
      seq: this.seq + 1,
      own: false,
      sender,
      kind: 'text',
      text,
      createdAt: Date.now(),
      status: 'sent',
      readByOthers: false,
    });
    this.told(true);
  }

  private append(message: MessageView): void {
    this.patch({ messages: [...this.getSnapshot().messages, message] });
  }

  protected find(id: string): MessageView {
    const found = this.getSnapshot().messages.find((m) => m.id === id);
    if (!found) throw new Error(`no message ${id}`);
    return found;
  }

  protected change(id: string, part: Partial<MessageView>): void {
    this.replace(id, { ...this.find(id), ...part });
  }

  private replace(id: string, message: MessageView): void {
    this.patch({
      messages: this.getSnapshot().messages.map((m) => (m.id === id ? message : m)),
    });
  }
}

/** As the SDK's: the root stands first, and what is said is told to it in the room. */
export class FakeThread extends FakeRoom implements ThreadHandle {
  protected override readonly lead = 1;

  constructor(
    private readonly of: FakeRoom,
    owner: FakeClient,
    readonly root: string,
  ) {
    const room = of.getSnapshot();
    const top = room.messages.filter(({ id }) => id === root);
    super(of.id, owner, { ...room, messages: top, hasBefore: false, unread: 0, typing: [] });
  }

  /** Numbered as all that is said in the room. */
  override get seq(): number {
    return this.of.seq;
  }

  /** Puts replies in place, as they were read. */
  fill(replies: readonly MessageView[], unreadLineSeq?: number): void {
    const [top] = this.getSnapshot().messages;
    this.patch({ messages: [...(top ? [top] : []), ...replies], unreadLineSeq });
    this.of.hang(this.root, [...this.older, ...replies], false);
  }

  override markRead(seq?: number): void {
    this.marked.push(seq ?? this.seq);
    void this.of.readThread(this.root);
  }

  protected override told(news = false): void {
    this.of.hang(this.root, [...this.older, ...this.getSnapshot().messages.slice(1)], news);
  }
}

class FakeRoomList extends Cell<RoomListSnapshot> implements RoomList {
  refreshes = 0;
  async loadMore(): Promise<void> {
    this.patch({ hasMore: false });
  }
  async refresh(): Promise<void> {
    this.refreshes += 1;
  }
}

export class FakeClient implements Client {
  static readonly made: FakeClient[] = [];
  readonly connection = new Cell<ConnectionState>({ status: 'online' });
  readonly me = new Cell<User | null>({ id: 'me', name: 'Lin' });
  readonly policy = new Cell<'open' | 'backend_only' | null>('open');
  readonly rooms = new FakeRoomList({
    status: 'ready',
    rooms: [],
    unread: 0,
    mentions: 0,
    hasMore: false,
  });
  readonly handles = new Map<string, FakeRoom>();
  readonly created: CreateDirectOptions[] = [];
  connects = 0;
  closed = false;
  createFails = false;
  tokens: unknown[] = [];

  constructor(readonly options: ClientOptions = { url: '' }) {
    FakeClient.made.push(this);
    this.tokens.push(options.token);
  }

  connect(): void {
    this.connects += 1;
  }
  close(): void {
    this.closed = true;
  }
  async logout(): Promise<void> {}
  setToken(token: unknown): void {
    this.tokens.push(token);
  }

  addRoom(
    view: Partial<RoomView> & { id: string },
    snapshot: Partial<RoomSnapshot> = {},
  ): FakeRoom {
    const room = roomOf(view.id, { kind: view.kind ?? 'direct', ...view.room });
    const full: RoomView = {
      kind: 'direct',
      title: view.id,
      activityAt: Date.now(),
      unread: 0,
      mentions: 0,
      pinned: false,
      muted: false,
      typing: [],
      ...view,
      room,
    };
    const handle = new FakeRoom(view.id, this, { room, title: full.title, ...snapshot });
    this.handles.set(view.id, handle);
    this.list([...this.rooms.getSnapshot().rooms, full]);
    return handle;
  }

  list(rooms: readonly RoomView[]): void {
    const loud = rooms.filter(({ muted }) => !muted);
    const sum = (of: 'unread' | 'mentions') => loud.reduce((all, room) => all + room[of], 0);
    this.rooms.patch({ rooms, unread: sum('unread'), mentions: sum('mentions') });
  }

  read(id: string): void {
    const read = { unread: 0, mentions: 0 };
    this.list(this.rooms.getSnapshot().rooms.map((r) => (r.id === id ? { ...r, ...read } : r)));
  }

  room(id: string): FakeRoom {
    let handle = this.handles.get(id);
    if (!handle) {
      handle = new FakeRoom(id, this, { status: 'no_access', title: '' });
      this.handles.set(id, handle);
    }
    return handle;
  }

  async createDirect(options: CreateDirectOptions): Promise<RoomHandle> {
    this.created.push(options);
    await new Promise((done) => setTimeout(done, 60));
    if (this.createFails) throw Object.assign(new Error('slow'), { code: 'rate_limited' });
    const id = `d_${options.user}_${options.context ?? ''}`;
    const peer = { id: options.user, name: 'Mei Chen' };
    const handle = this.addRoom(
      { id, title: peer.name, peer, room: roomOf(id, { context: options.context ?? '' }) },
      { messages: [] },
    );
    if (options.message) await handle.send(options.message);
    return handle;
  }

  async createGroup(options: CreateGroupOptions): Promise<RoomHandle> {
    return this.addRoom({ id: options.id ?? 'g_1', kind: 'group', title: options.name ?? '' });
  }

  async createWithContact({ contact }: CreateWithContactOptions): Promise<RoomHandle> {
    return this.addRoom({ id: `g_${contact}`, kind: 'group', title: contact });
  }

  async channels(): Promise<ChannelPage> {
    return { rooms: [] };
  }

  readonly presence = new Cell(new Map<string, PresenceView>());

  async watchPresence(): Promise<() => void> {
    return () => {};
  }

  async starred(): Promise<StarredPage> {
    return { messages: [], users: [] };
  }

  async scheduled(): Promise<ScheduledPage> {
    return { scheduled: [] };
  }

  updateScheduled(): Promise<Scheduled> {
    return Promise.reject(new Error('not in the gallery'));
  }

  async cancelScheduled(): Promise<void> {}

  async listRooms(): Promise<RoomPage> {
    return { rooms: [], cursor: '' };
  }

  async joinChannel(id: string): Promise<RoomHandle> {
    return this.room(id);
  }

  async users(ids: string[]): Promise<User[]> {
    return ids.map((id) => ({ id }));
  }

  async updateMe(): Promise<User> {
    return { id: 'me' };
  }

  on<E extends ClientEventName>(_event: E, _callback: (data: ClientEvents[E]) => void): () => void {
    return () => {};
  }
}

/** What the elements import as the client in the gallery. */
export { FakeClient as SnugClient };
