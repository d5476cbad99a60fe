// The client: wires connection, room list and rooms together, and passes each
// event to the one that owns it. No rule of its own about messages.
import type {
  AnswerOf,
  EventName,
  Events,
  Hello,
  Op,
  Policy,
  ProfilePatch,
  RequestOf,
  Room,
  Scheduled,
  ScheduledPatch,
  User,
} from '@snug/protocol';
import { backoff, DEFAULT_BOUNDS } from './backoff.js';
import { Connection } from './connection.js';
import type { Context } from './context.js';
import { Delivering } from './delivering.js';
import { deviceId } from './device.js';
import type { RoomEntry } from './entry.js';
import { Cell, Emitter } from './observable.js';
import { draftOf } from './outbox.js';
import { PresenceBook } from './presence.js';
import { asSnugError, SnugError } from './problem.js';
import { addresses, closeSession } from './rest.js';
import { RoomStore } from './room.js';
import { RoomListStore } from './room-list.js';
import { type TokenSettings, Tokens } from './tokens.js';
import type {
  Client,
  ClientEventName,
  ClientEvents,
  ClientOptions,
  ConnectionState,
  CreateDirectOptions,
  CreateGroupOptions,
  CreateWithContactOptions,
  PresenceView,
  Readable,
  RoomHandle,
  RoomList,
  TokenFunction,
} from './types.js';
import { strongRandom, ulidSource } from './ulid.js';
import { UserBook } from './users.js';
import { webSocketTransport } from './websocket.js';

const TRIES = 4;
const IDS_PER_REQUEST = 100;

export class SnugClient implements Client {
  readonly connection: Readable<ConnectionState>;
  readonly me: Readable<User | null>;
  readonly policy: Readable<Policy | null>;
  readonly rooms: RoomList;
  readonly presence: Readable<ReadonlyMap<string, PresenceView>>;
  /** The device's id, as sessions and token sources see it. */
  readonly device: string;

  #options: TokenSettings;
  readonly #context: Context;
  readonly #machine: Connection;
  readonly #list: RoomListStore;
  readonly #stores = new Map<string, RoomStore>();
  readonly #users: UserBook;
  readonly #presence: PresenceBook;
  readonly #delivering: Delivering;
  readonly #emitter = new Emitter<ClientEvents>();
  readonly #me = new Cell<User | null>(null);
  readonly #policy = new Cell<Policy | null>(null);
  readonly #rest: string;
  #tokens: Tokens;
  /** Counts the users of this client; a request never crosses to the next. */
  #reign = 0;
  /** It was online before: events may have been missed since. */
  #cameAgain = false;

  constructor(options: ClientOptions) {
    const now = options.now ?? Date.now;
    const random = options.random ?? strongRandom;
    const mint = ulidSource(now, random);
    const { rest, socket } = addresses(options.url);
    this.#rest = rest;
    this.device = deviceId(options.device, options.storage, mint);
    // Looked up at each call: a page may wrap `fetch` later.
    const call: typeof fetch = (...args) => fetch(...args);
    this.#options = { ...options, fetch: options.fetch ?? call, device: this.device };
    this.#tokens = new Tokens(this.#options);
    const transport = options.transport ?? webSocketTransport;
    this.#machine = new Connection(
      { url: socket, tokens: this.#tokens, transport, now, random },
      {
        hello: (hello) => this.#hello(hello),
        online: () => this.#online(),
        event: (name, payload) => this.#event(name as EventName, payload as Events[EventName]),
        rested: (state) => this.#rested(state),
      },
    );
    this.#users = new UserBook(() => {
      this.#list.stale();
      for (const store of this.#stores.values()) store.touch();
    });
    this.#context = {
      users: this.#users,
      me: () => this.#me.getSnapshot()?.id,
      now,
      mint,
      random,
      online: () => this.#machine.online,
      request: (op, payload) => this.#machine.request(op, payload),
      call: (op, payload) => this.#call(op, payload),
      meet: (ids) => this.users(ids),
      got: (room, seq) => this.#delivering.got(room, seq),
      emit: (event, payload) => this.#emitter.emit(event, payload),
    };
    this.#list = new RoomListStore(this.#context);
    this.#presence = new PresenceBook(this.#context);
    this.#delivering = new Delivering(this.#context, (room) => this.#list.entry(room));
    this.presence = this.#presence;
    this.connection = this.#machine.state;
    this.me = this.#me;
    this.policy = this.#policy;
    this.rooms = this.#list;
  }

  connect(): void {
    this.#machine.connect();
  }

  close(): void {
    this.#machine.close();
  }

  async logout(): Promise<void> {
    const token = this.#tokens.current;
    try {
      await this.#machine.request('session.close', {});
    } catch {
      if (token) await closeSession(this.#options.fetch, this.#rest, token);
    }
    if (token) this.#tokens.refuse(token);
    this.#machine.close('logged_out');
    this.#forget();
    this.#me.set(null);
  }

  setToken(token: string | TokenFunction): void {
    if (token === this.#options.token && this.#tokens.current !== undefined) return;
    this.#options = { ...this.#options, token, tokenUrl: undefined };
    this.#tokens = new Tokens(this.#options);
    this.#machine.restart(this.#tokens);
  }

  room(id: string): RoomHandle {
    let store = this.#stores.get(id);
    if (!store) {
      store = new RoomStore(this.#list.entry(id), this.#context);
      this.#stores.set(id, store);
    }
    return store;
  }

  createDirect(options: CreateDirectOptions): Promise<RoomHandle> {
    return this.#create('direct', options);
  }

  createGroup(options: CreateGroupOptions): Promise<RoomHandle> {
    return this.#create('group', options);
  }

  createWithContact(options: CreateWithContactOptions): Promise<RoomHandle> {
    return this.#create('contact', options);
  }

  channels(page: RequestOf<'channels.list'> = {}): Promise<AnswerOf<'channels.list'>> {
    return this.#call('channels.list', page);
  }

  listRooms(page: RequestOf<'rooms.list'> = {}): Promise<AnswerOf<'rooms.list'>> {
    return this.#call('rooms.list', page);
  }

  async starred(page: RequestOf<'starred.list'> = {}): Promise<AnswerOf<'starred.list'>> {
    const list = await this.#call('starred.list', page);
    this.#users.put(list.users);
    return list;
  }

  scheduled(page: RequestOf<'scheduled.list'> = {}): Promise<AnswerOf<'scheduled.list'>> {
    return this.#call('scheduled.list', page);
  }

  async updateScheduled(id: string, patch: ScheduledPatch): Promise<Scheduled> {
    return (await this.#call('scheduled.update', { id, ...patch })).scheduled;
  }

  async cancelScheduled(id: string): Promise<void> {
    await this.#call('scheduled.cancel', { id });
  }

  async joinChannel(id: string): Promise<RoomHandle> {
    return this.#entered(await this.#call('room.join', { room: id }));
  }

  async users(ids: string[]): Promise<User[]> {
    const found: User[] = [];
    for (let at = 0; at < ids.length; at += IDS_PER_REQUEST) {
      const some = ids.slice(at, at + IDS_PER_REQUEST);
      const { users } = await this.#call('users.get', { ids: some });
      this.#users.put(users);
      found.push(...users);
    }
    return found;
  }

  async updateMe(patch: ProfilePatch): Promise<User> {
    const { user } = await this.#call('me.update', patch);
    this.#users.replace(user);
    this.#me.set(user);
    return user;
  }

  watchPresence(rooms: string[], users?: string[]): Promise<() => void> {
    return this.#presence.watch(rooms, users);
  }

  on<E extends ClientEventName>(event: E, callback: (payload: ClientEvents[E]) => void) {
    return this.#emitter.on(event, callback);
  }

  async #create(
    kind: RequestOf<'room.create'>['kind'],
    options: CreateDirectOptions | CreateGroupOptions | CreateWithContactOptions,
  ): Promise<RoomHandle> {
    // Minted once: what is asked again after a lost answer is the same message.
    const message = options.message && { id: this.#context.mint(), ...draftOf(options.message) };
    const payload = { kind, ...options, message } as RequestOf<'room.create'>;
    return this.#entered(await this.#call('room.create', payload));
  }

  #entered({ room }: { room: Room }): RoomHandle {
    this.#list.entry(room.id).applyRoom(room);
    return this.room(room.id);
  }

  async #call<O extends Op>(op: O, payload: RequestOf<O>): Promise<AnswerOf<O>> {
    const reign = this.#reign;
    for (let tries = 1; ; tries++) {
      await this.#machine.whenOnline();
      if (reign !== this.#reign) throw gone();
      try {
        return await this.#machine.request(op, payload);
      } catch (error) {
        const problem = asSnugError(error);
        if (!problem.retryable || tries >= TRIES || !repeatable(op, payload)) throw problem;
        if (problem.code !== 'connection_lost') {
          const wait = backoff(tries, DEFAULT_BOUNDS, this.#context.random);
          await new Promise((resolve) => setTimeout(resolve, problem.retryAfterMs ?? wait));
        }
      }
    }
  }

  #hello({ user, policy }: Hello): void {
    const known = this.#me.getSnapshot();
    if (known && known.id !== user.id) this.#forget();
    this.#users.replace(user);
    this.#me.set(user);
    this.#policy.set(policy);
  }

  #online(): void {
    this.#list.online().catch(() => {});
    for (const store of this.#stores.values()) store.online();
    this.#presence.online();
    this.#delivering.flush();
    // Nothing tells what became of scheduled messages meanwhile but their list.
    if (this.#cameAgain) this.#emitter.emit('scheduled', { again: true });
    this.#cameAgain = true;
  }

  #rested({ status, code, detail }: ConnectionState): void {
    this.#emitter.emit('closed', { code: code ?? status, detail });
  }

  #forget(): void {
    this.#reign++;
    this.#users.clear();
    this.#list.forget();
    this.#presence.forget();
    this.#delivering.forget();
    for (const store of this.#stores.values()) store.forget(gone());
  }

  #event(name: EventName, payload: Events[EventName]): void {
    if (name === 'scheduled') {
      this.#emitter.emit(name, payload as Events['scheduled']);
      return;
    }
    // Every event but the user's and the session's own is of one room.
    if (!('room' in payload)) {
      if ('expires_at' in payload) {
        this.#emitter.emit('session.expiring', { expiresAt: Date.parse(payload.expires_at) });
      }
      if ('online' in payload) this.#presence.told(payload);
      return;
    }
    const id = payload.room;
    const entry = this.#list.entry(id);
    const store = this.#stores.get(id);
    const change = ROOM_EVENTS[name]?.(entry, store?.wanted ? store : undefined, payload as never);
    if (entry.waiting) this.#list.lookUp();
    if (!change) return;
    if (name !== 'room.changed')
      this.#presence.moved(id, 'members' in payload ? payload.members : undefined);
    this.#emitter.emit('room', { room: id, ...change });
  }
}

type Change = Omit<ClientEvents['room'], 'room'>;
type Handlers = {
  [E in EventName]?: (
    entry: RoomEntry,
    open: RoomStore | undefined,
    event: Events[E],
    // biome-ignore lint/suspicious/noConfusingVoidType: most tell of no change
  ) => Change | void;
};

/** To the entry that the list shows, and to the room if it is open, which keeps the order. */
const ROOM_EVENTS: Handlers = {
  'room.head': (entry, open, head) => {
    entry.applyHead(head);
    open?.headMoved(head.rev);
  },
  'room.mine': (entry, open, { mine }) => {
    entry.applyMine(mine);
    open?.marked();
  },
  'message.own': (entry, open, event) => {
    entry.applyMine(event.mine);
    open?.marked(event);
  },
  'message.new': (_, open, event) => open?.messageNew(event),
  'message.changed': (_, open, event) => open?.messageNew(event, true),
  'room.changed': (_, open, event) => {
    open?.roomChanged(event);
    return { change: 'changed' };
  },
  'members.changed': (_, open, event) => {
    open?.membersChanged(event);
    return { change: 'changed' };
  },
  'room.joined': (entry, open, { rev, room_object }) => {
    if (!entry.moved(rev)) return;
    entry.applyRoom(room_object, true);
    open?.joined();
    return { change: 'joined' };
  },
  'room.invited': (entry, _, { rev, room_object }) => {
    if (!entry.moved(rev)) return;
    entry.applyRoom(room_object);
    return { change: 'invited' };
  },
  'room.left': (entry, open, { rev, reason }) => {
    if (!entry.moved(rev)) return;
    // An invitation that ends closes no channel, which everybody may read.
    const asked = entry.room?.kind === 'channel' && entry.mine?.state === 'invited';
    entry.left();
    if (!asked) open?.left(reason);
    return { change: 'left', reason };
  },
  'message.ephemeral': (_, open, event) => open?.said(event),
  read: (_, open, event) => open?.read(event),
  delivered: (_, open, event) => open?.delivered(event),
  typing: (_, open, event) => open?.typed(event),
};

function gone(): SnugError {
  return new SnugError({ code: 'closed', detail: 'The user has changed.', retryable: false });
}

/** A group without an id of its own would be made twice. */
function repeatable(op: Op, payload: unknown): boolean {
  return op !== 'room.create' || (payload as RequestOf<'room.create'>).kind === 'direct';
}
