// The public surface of the client: what a page, an element or a React hook
// builds on. Types only. Every observable has the `useSyncExternalStore` shape.
import type {
  Card,
  ChannelPage,
  Custom,
  Edit,
  Format,
  Forwarded,
  Invitation,
  Member,
  Mentions,
  Message,
  MessageKind,
  Mine,
  Own,
  OwnPatch,
  Place,
  Policy,
  Preview,
  ProfilePatch,
  Receipts,
  Room,
  RoomFilter,
  RoomPage,
  RoomPatch,
  Scheduled,
  ScheduledNews,
  ScheduledPage,
  ScheduledPatch,
  StarredPage,
  ThreadList,
  ThreadMine,
  ThreadPage,
  ThreadSummary,
  User,
  Version,
  Words,
} from '@snug/protocol';

export type {
  Card,
  CardAction,
  ChannelPage,
  Custom,
  Edit,
  Format,
  Invitation,
  Member,
  Mentions,
  Message,
  Mine,
  Own,
  OwnPatch,
  Place,
  Preview,
  Problem,
  Receipts,
  Room,
  RoomFilter,
  RoomPage,
  RoomPatch,
  Scheduled,
  ScheduledNews,
  ScheduledPage,
  ScheduledPatch,
  Settings,
  StarredPage,
  ThreadList,
  ThreadMine,
  ThreadPage,
  ThreadSummary,
  User,
  Version,
  Words,
} from '@snug/protocol';

/** A snapshot keeps its identity until something in it changed. */
export interface Readable<T> {
  /** Calls back after a change, without arguments; answers the way to stop. */
  subscribe(callback: () => void): () => void;
  getSnapshot(): T;
}

/** What went wrong with one request, as the server (or the network) said it. */
export interface ProblemView {
  code: string;
  detail: string;
  retryable: boolean;
  field?: string;
  retryAfterMs?: number;
}

export type ConfigurationCode =
  | 'token_missing'
  | 'server_key_in_browser'
  | 'origin_refused'
  | 'unreachable'
  | 'token_invalid';

export type ConnectionStatus =
  | 'idle'
  | 'connecting'
  | 'online'
  | 'reconnecting'
  /** The browser says there is no network; the client waits for `online`. */
  | 'offline'
  /** The token has expired and no source gave a newer one. */
  | 'expired'
  /** Closed by the page, by a logout or by the server (42xx); `code` says which. */
  | 'closed'
  /** Something the integrator must mend; `fix` says how. */
  | 'misconfigured';

export interface ConnectionState {
  status: ConnectionStatus;
  code?: string;
  detail?: string;
  fix?: string;
  /** Milliseconds since 1970 of the next attempt. */
  retryAt?: number;
}

export type TokenFunction = (request: {
  device: string;
  pushToken?: string;
}) => Promise<string> | string;

export interface Outgoing {
  text?: string;
  /** How the text is written; plain without it. */
  format?: Format;
  /** Said by what is given, where it is left out. */
  kind?: Exclude<MessageKind, 'system'>;
  custom?: Custom;
  card?: Card;
  location?: Place;
  /** Who is called; the text names them, `@` and the name or id. */
  mentions?: Mentions;
  /** The id of the message that is answered. */
  replyTo?: string;
  /** The message that is passed on; what else is given is shown until the server's copy is here. */
  forward?: { room: string; id: string };
  /** The id of the message in whose thread it is said, not among the room's own messages. */
  thread?: string;
}

export interface MessageView {
  /** Minted here and kept by the server: the same before and after the answer. */
  id: string;
  /** Absent while pending or failed. */
  seq?: number;
  own: boolean;
  sender?: User;
  kind: MessageKind;
  text?: string;
  /** How the text is written; plain without it. */
  format?: Format;
  custom?: Custom;
  card?: Card;
  location?: Place;
  mentions?: Mentions;
  replyTo?: QuoteView;
  /** Who said the words first. */
  forwarded?: Forwarded;
  /** Milliseconds since 1970. */
  createdAt: number;
  status: 'pending' | 'sent' | 'failed';
  /** Why it failed. */
  problem?: ProblemView;
  /** An own message at or below another active member's read cursor. */
  readByOthers: boolean;
  /**
   * An own message that a device of another member has got, which one that was read has; known in
   * rooms of at most 100 members, elsewhere `receipts()` tells.
   */
  deliveredToOthers?: boolean;
  /** Of a system message: `custom`, whose `type` names the happening. */
  system?: { type: string; [field: string]: Custom | undefined };
  /** Unsent: a place without words. */
  deleted?: boolean;
  /** Out of sight; it may be shown again. */
  hidden?: boolean;
  /** When its words were last changed, in milliseconds since 1970. */
  editedAt?: number;
  /** Since when it is pinned for everybody, in milliseconds since 1970. */
  pinnedAt?: number;
  reactions?: readonly ReactionView[];
  /** Since when this user has it starred, in milliseconds since 1970. */
  starredAt?: number;
  /** How the thread at this message stands. */
  threadSummary?: ThreadSummary;
  /**
   * Whether a thread that the user follows has something unread; absent as long as the own cursor
   * is not known, which `threads()` or the thread itself tells.
   */
  threadUnread?: boolean;
}

export interface PresenceView {
  online: boolean;
  /** In milliseconds; of who is not online and may be seen. */
  lastSeen: number | undefined;
}

/** Said to those who had the room open, and kept nowhere: it has no seq. */
export interface EphemeralView extends MessageView {
  /** Others who have the room open do not see it. */
  onlyYou?: boolean;
}

/** The message that is answered, as it is now. */
export interface QuoteView {
  id: string;
  /** Absent while it is asked for, `null` where it is gone or not for this user. */
  message?: MessageView | null;
}

/** Who reacted with one emoji or word. */
export interface ReactionView {
  key: string;
  count: number;
  /** Ids of the first 100 in the order in which they reacted. */
  users: readonly string[];
  /** Whether this user is among `users`. */
  own: boolean;
}

export interface RoomView {
  id: string;
  kind: 'direct' | 'group' | 'channel';
  /** A direct room: the other's name, else the id. */
  title: string;
  avatar?: string;
  /** The other user of a direct room. */
  peer?: User;
  /** With `format` its text is the source, as the message told it; without, it has no marks. */
  preview?: Preview & { senderName?: string; own: boolean; format?: Format };
  /** Milliseconds since 1970. */
  activityAt: number;
  unread: number;
  /** Unread messages that call the user; the server counts to 100. */
  mentions: number;
  /** Before the others in the list. */
  pinned: boolean;
  /** Left out of the sums. */
  muted: boolean;
  /** Who asked the user in, and when: `accept()` or `decline()` the room; it cannot be opened. */
  invitation?: Invitation;
  /** Names of those who type now (known for open rooms only). */
  typing: readonly string[];
  room: Room;
}

export interface RoomListSnapshot {
  status: 'loading' | 'ready' | 'error';
  /**
   * The pinned ones first, then by latest activity; only rooms of which the user is an active
   * member or to which the user is invited, and neither archived nor hidden ones.
   */
  rooms: readonly RoomView[];
  /** The sums over those that are not muted. */
  unread: number;
  mentions: number;
  hasMore: boolean;
  problem?: ProblemView;
}

export interface RoomList extends Readable<RoomListSnapshot> {
  loadMore(): Promise<void>;
  refresh(): Promise<void>;
}

export interface RoomSnapshot {
  status: 'closed' | 'loading' | 'ready' | 'no_access' | 'error';
  room?: Room;
  title: string;
  /**
   * By seq ascending, then what is still pending or failed in sending order; without replies in
   * threads, and what the user deleted for oneself.
   */
  messages: readonly MessageView[];
  /** What was said and is kept nowhere: the newest 20, newest last, until the room is left. */
  ephemeral: readonly EphemeralView[];
  hasBefore: boolean;
  hasAfter: boolean;
  loadingBefore: boolean;
  loadingAfter: boolean;
  members: ReadonlyMap<string, Member>;
  users: ReadonlyMap<string, User>;
  /** Others who type now. */
  typing: readonly User[];
  /** User id to the seq up to which they have read. */
  readBy: ReadonlyMap<string, number>;
  unread: number;
  /** First unread message when the room was opened; fixed until it is left. */
  unreadLineSeq?: number;
  problem?: ProblemView;
}

/** A conversation as a page shows it: a room's own, or the one in a thread. */
export interface Conversation extends Readable<RoomSnapshot> {
  /** The room's id. */
  readonly id: string;
  /** Counted: each `open` needs its own `close`. */
  open(): Promise<void>;
  close(): void;
  /** Shown at once; resolves with the server's copy, rejects when refused. */
  send(message: Outgoing): Promise<Message>;
  /** Sends a failed message again, under the same id. */
  retry(id: string): void;
  /** Forgets a failed message. */
  discard(id: string): void;
  /** New words for an own message; what is absent stays. */
  edit(id: string, words: Edit): Promise<Message>;
  /** Takes a message back for everybody; a place without words stays. */
  unsend(id: string): Promise<Message>;
  /** Gives a reaction: an emoji or a word of up to 64 bytes. */
  react(id: string, key: string): Promise<Message>;
  unreact(id: string, key: string): Promise<Message>;
  /** Keeps a message among this user's starred ones; told to nobody else. */
  star(id: string): Promise<Own>;
  unstar(id: string): Promise<Own>;
  /** Deletes a message for this user alone, on all devices and for good. */
  deleteForMe(id: string): Promise<Own>;
  loadBefore(): Promise<void>;
  loadAfter(): Promise<void>;
  /** Up to `seq`, or up to the newest message; coalesced. */
  markRead(seq?: number): void;
  /** Throttled to one frame per 3 s; call it on every keystroke. A thread tells nobody. */
  typing(on: boolean): void;
  /** Kept for the page's lifetime; not sent. */
  draft: string;
}

/**
 * A thread. Its snapshot is the room's, but for the messages: the root first, then the replies;
 * `unread` and `unreadLineSeq` are by the thread's own cursor. While it is open, so is its room.
 */
export interface ThreadHandle extends Conversation {
  /** The id of the message at which it hangs. */
  readonly root: string;
}

export interface RoomHandle extends Conversation {
  /**
   * Says something to those who have the room open now, this client too. It is kept nowhere and
   * goes at most once: without a connection it rejects.
   */
  sendEphemeral(words: Words): Promise<{ id: string }>;
  /**
   * Has a message sent at a time: a `Date`, milliseconds since 1970, or RFC 3339. It is in no
   * snapshot until then; `client.scheduled()` lists it.
   */
  schedule(message: string | Outgoing, at: Date | number | string): Promise<Scheduled>;
  /** Takes it out of `ephemeral`. */
  dismiss(id: string): void;
  /** For everybody: in a direct room, or as owner or admin. */
  pin(id: string): Promise<Message>;
  unpin(id: string): Promise<Message>;
  /** Those pinned last first. */
  pins(): Promise<{ messages: Message[]; users: User[] }>;
  /** Words that edits have replaced, the newest first; as owner or admin. */
  versions(id: string): Promise<{ versions: Version[] }>;
  /** The thread at a message; the same handle each time. */
  thread(root: string): ThreadHandle;
  /** A page of the thread at a message: the newest, or the one at a seq. */
  threadHistory(
    thread: string,
    page?: { before?: number; after?: number; limit?: number },
  ): Promise<ThreadPage>;
  /** The own cursor in a thread; it never goes back. */
  readThread(thread: string, seq: number): Promise<ThreadMine>;
  /** The room's threads, those replied to last first. */
  threads(page?: { before?: number; limit?: number }): Promise<ThreadList>;
  /** Who has a message, and who has read it: by user id, counted on the first page. */
  receipts(id: string, page?: { limit?: number; cursor?: string }): Promise<Receipts>;
  leave(): Promise<void>;
  /** An invitation; resolves with the room as a member sees it. */
  accept(): Promise<Room>;
  decline(): Promise<void>;
  /** Pins, mutes, hides the room or puts it in a folder, for this user on all devices. */
  updateMine(patch: OwnPatch): Promise<Mine>;
  /** With `if_rev` only as it is known here: else it rejects with `rev_conflict`. */
  update(patch: RoomPatch): Promise<Room>;
}

export interface CreateDirectOptions {
  user: string;
  context?: string;
  custom?: Custom;
  message?: Outgoing;
}

/** Whom the backend lets the user write to (`GET /v1/contacts`): a person, or a topic. */
export interface CreateWithContactOptions {
  contact: string;
  context?: string;
  custom?: Custom;
  message?: Outgoing;
}

export interface CreateGroupOptions {
  name?: string;
  members: string[];
  id?: string;
  message?: Outgoing;
}

export interface ClientEvents {
  /** A message of another user, once per message; rooms not open: see `preview`. */
  message: {
    room: string;
    message?: Message;
    preview?: Preview;
    user?: User;
    own: boolean;
  };
  /** A sum over the room list changed. */
  unread: { unread: number; mentions: number };
  /** A room came, changed or went, or the user was invited to it. */
  room: { room: string; change: 'joined' | 'invited' | 'changed' | 'left'; reason?: string };
  /**
   * A scheduled message of this user came, changed, failed or went, on whatever device; after a
   * reconnect `{ again: true }` without an id: list them again.
   */
  scheduled: ScheduledNews;
  'session.expiring': { expiresAt: number };
  /** The client will not reconnect by itself. */
  closed: { code: string; detail?: string };
}

export type ClientEventName = keyof ClientEvents;

export interface ClientOptions {
  /** The server's origin, `https://chat.example.com`; a path prefix is kept. */
  url: string;
  token?: string | TokenFunction;
  /** Fetched with POST from the page's own origin; answers a token as text or `{token}`. */
  tokenUrl?: string;
  /** The customer's name for this device; else one is made. */
  device?: string;
  pushToken?: string;
  /** `local` keeps the made device id in localStorage; the default keeps nothing. */
  storage?: 'none' | 'local';
  transport?: Transport;
  fetch?: typeof fetch;
  /** Milliseconds since 1970. */
  now?: () => number;
  /** From 0 up to 1. */
  random?: () => number;
}

/** The seam to the socket. Callbacks come after `open` has returned. */
export interface Transport {
  open(target: TransportTarget, events: TransportEvents): TransportConnection;
}

export interface TransportTarget {
  /** `wss://host/v1/socket`. */
  url: string;
  token: string;
}

export interface TransportEvents {
  received(text: string): void;
  /** Once, last. `code` 1006 when the connection broke or never stood. */
  closed(code: number, reason: string): void;
}

export interface TransportConnection {
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

export interface Client {
  readonly connection: Readable<ConnectionState>;
  readonly me: Readable<User | null>;
  readonly policy: Readable<Policy | null>;
  readonly rooms: RoomList;
  /** Idempotent; also leaves `closed`, `expired` and `misconfigured`. */
  connect(): void;
  /** Keeps the session and what is loaded; `connect()` comes back. */
  close(): void;
  /** Closes the session at the server and forgets everything. */
  logout(): Promise<void>;
  /** A newer token of the same user, or another user's: then state is dropped. */
  setToken(token: string | TokenFunction): void;
  room(id: string): RoomHandle;
  createDirect(options: CreateDirectOptions): Promise<RoomHandle>;
  createGroup(options: CreateGroupOptions): Promise<RoomHandle>;
  createWithContact(options: CreateWithContactOptions): Promise<RoomHandle>;
  /** Rooms that every user of the app may read and join, by id; `next` is the next `cursor`. */
  channels(page?: { limit?: number; cursor?: string }): Promise<ChannelPage>;
  /** The user's starred messages of all rooms, those starred last first; none that is gone. */
  starred(page?: { before?: string; limit?: number }): Promise<StarredPage>;
  /** The user's scheduled messages, soonest first, with those that could not be sent. */
  scheduled(page?: { room?: string; limit?: number; cursor?: string }): Promise<ScheduledPage>;
  /** Another time or new words; one that failed waits again, and needs a time. */
  updateScheduled(id: string, patch: ScheduledPatch): Promise<Scheduled>;
  /** Rejects with `message_not_found` where it was sent before. */
  cancelScheduled(id: string): Promise<void>;
  /** A page of the list as the server has it now, also of archived and hidden rooms. */
  listRooms(page?: RoomFilter & { limit?: number; cursor?: string }): Promise<RoomPage>;
  /** Being in already is no error; `room(id).leave()` is the way out. */
  joinChannel(id: string): Promise<RoomHandle>;
  users(ids: string[]): Promise<User[]>;
  updateMe(patch: ProfilePatch): Promise<User>;
  /** By user id: those who are watched, as they were told last. */
  readonly presence: Readable<ReadonlyMap<string, PresenceView>>;
  /**
   * Watches who is online of the others in these rooms, or of these users of one room, which a
   * room of more than 200 members asks for. Ended by what it resolves with; a later watch of a
   * room takes the place of an earlier one.
   */
  watchPresence(rooms: string[], users?: string[]): Promise<() => void>;
  on<E extends ClientEventName>(event: E, callback: (data: ClientEvents[E]) => void): () => void;
}
