// Socket operations and events, and the REST bodies that differ from them.
// One map from name to shapes, so that a caller cannot pair the wrong two.
import type {
  Card,
  ChannelPage,
  Custom,
  Ephemeral,
  Format,
  Head,
  Hello,
  History,
  Marked,
  Member,
  MemberPage,
  Mentions,
  Message,
  MessageKind,
  Mine,
  Place,
  Policy,
  Presence,
  Problem,
  Receipts,
  Role,
  Room,
  RoomKind,
  RoomPage,
  RoomPolicy,
  RoomSync,
  Scheduled,
  ScheduledNews,
  ScheduledPage,
  SessionRef,
  StarredPage,
  ThreadList,
  ThreadMine,
  ThreadPage,
  Timestamp,
  User,
  UserSync,
  Version,
} from './objects.js';

type Nothing = Record<string, never>;

/** A message as its sender writes it. */
export interface Draft {
  id?: string;
  kind?: Exclude<MessageKind, 'system'>;
  text?: string;
  /** How the text is written; plain when absent. */
  format?: Format;
  custom?: Custom;
  card?: Card;
  location?: Place;
  mentions?: Mentions;
  /** The id of the message that is answered. */
  reply_to?: string;
  /** The message whose words are sent once more; nothing else of a message stands beside it. */
  forward?: { room: string; id: string };
  /** The id of the message in whose thread it is said. */
  thread?: string;
  silent?: boolean;
}

/** What is said without being kept. */
export type Words = Pick<Draft, 'kind' | 'text' | 'format' | 'custom' | 'card' | 'location'>;

/** New words of a message; what is absent stays. */
export interface Edit {
  text?: string;
  /** How the new text is written; plain when absent. */
  format?: Format;
  custom?: Custom;
  /** Who is called from now on; `null`: nobody. */
  mentions?: Mentions | null;
  /** Of a card only. */
  card?: Card;
}

/** Another time, or new words, of a scheduled message; what is absent stays. */
export interface ScheduledPatch extends Edit {
  /** Needed for one that failed. */
  at?: Timestamp;
  /** Of a place only. */
  location?: Place;
}

export interface CreateDirect {
  kind: 'direct';
  user: string;
  context?: string;
  custom?: Custom;
  message?: Draft;
}

/** With one of the caller's contacts: a direct room, or a group about a topic. */
export interface CreateWithContact {
  kind: 'contact';
  contact: string;
  /** Of the direct room. */
  context?: string;
  /** Of the topic's room. */
  id?: string;
  name?: string;
  custom?: Custom;
  message?: Draft;
}

export interface CreateGroup {
  kind: 'group';
  id?: string;
  name?: string;
  avatar?: string;
  description?: string;
  custom?: Custom;
  tags?: string[];
  policy?: RoomPolicy;
  /** All but the caller are asked first. */
  invitation_required?: boolean;
  members: string[];
  message?: Draft;
}

/** `null` clears a field, an absent one keeps it. */
export interface ProfilePatch {
  name?: string | null;
  avatar?: string | null;
  locale?: string | null;
  custom?: Custom;
  /** Is not seen as online, and not when last. */
  invisible?: boolean;
}

export interface RoomPatch {
  name?: string | null;
  avatar?: string | null;
  description?: string | null;
  custom?: Custom;
  /** What changes in `custom`, by RFC 7396; not beside `custom`. */
  custom_patch?: Custom;
  /** All of them. */
  tags?: string[] | null;
  archived?: boolean;
  /** All of it; `null` takes it away. By an owner. */
  policy?: RoomPolicy | null;
  /** The room's `room_rev` as it is known here; another one is `rev_conflict`. */
  if_rev?: number;
}

/** Changes to the own settings of a room; `null` clears. */
export interface OwnPatch {
  pinned?: boolean;
  muted_until?: Timestamp | 'forever' | null;
  /** Out of the list until the next message that counts. */
  hidden?: boolean;
  folder?: string | null;
}

/** Which rooms of the list; without any, neither archived nor hidden ones. */
export interface RoomFilter {
  kind?: RoomKind;
  tag?: string;
  /** Only rooms with unread messages. */
  unread?: boolean;
  archived?: boolean | 'any';
  hidden?: boolean | 'any';
  folder?: string;
  muted?: boolean;
  /** A part of the name, in upper or lower case. */
  name?: string;
}

export interface HistoryRequest {
  before?: number;
  after?: number;
  limit?: number;
}

export interface MemberChange {
  room: string;
  users: string[];
  role?: Role;
  /** They are asked first: members when they accept. */
  invitation_required?: boolean;
}

export interface Operations {
  auth: { request: { token: string }; answer: Nothing };
  'session.refresh': {
    request: { token?: string };
    answer: { token?: string | null; session: string; expires_at: Timestamp };
  };
  'session.close': { request: Nothing; answer: Nothing };
  'rooms.list': {
    request: RoomFilter & { limit?: number; cursor?: string; include?: 'left'[] };
    answer: RoomPage;
  };
  'room.open': {
    request: { room: string; limit?: number };
    answer: { room: Room; history: History };
  };
  'room.close': { request: { room: string }; answer: Nothing };
  'room.create': {
    request: CreateDirect | CreateGroup | CreateWithContact;
    answer: { room: Room; created: boolean; message?: Message | null };
  };
  'rooms.all': { request: { on: boolean }; answer: Nothing };
  history: { request: HistoryRequest & { room: string }; answer: History };
  'message.send': {
    request: Draft & { room: string; read_up_to?: number };
    answer: { message: Message; duplicate: boolean };
  };
  'message.ephemeral': {
    request: Words & { room: string };
    answer: { id: string };
  };
  'message.edit': {
    request: Edit & { room: string; id: string };
    answer: { message: Message };
  };
  'message.unsend': { request: { room: string; id: string }; answer: { message: Message } };
  'message.react': {
    request: { room: string; id: string; key: string; on: boolean };
    answer: { message: Message };
  };
  'message.pin': {
    request: { room: string; id: string; on: boolean };
    answer: { message: Message };
  };
  'message.own': {
    request: { room: string; id: string; starred?: boolean; deleted?: true };
    answer: Marked;
  };
  'starred.list': {
    request: { before?: Timestamp; limit?: number };
    answer: StarredPage;
  };
  'message.schedule': {
    request: Draft & { room: string; at: Timestamp };
    answer: { scheduled: Scheduled };
  };
  'scheduled.list': {
    request: { room?: string; limit?: number; cursor?: string };
    answer: ScheduledPage;
  };
  'scheduled.update': {
    request: ScheduledPatch & { id: string };
    answer: { scheduled: Scheduled };
  };
  'scheduled.cancel': { request: { id: string }; answer: Nothing };
  'message.versions': {
    request: { room: string; id: string };
    answer: { versions: Version[] };
  };
  'pins.list': { request: { room: string }; answer: { messages: Message[]; users: User[] } };
  'thread.history': {
    request: HistoryRequest & { room: string; thread: string };
    answer: ThreadPage;
  };
  'thread.read': { request: { room: string; thread: string; seq: number }; answer: ThreadMine };
  'threads.list': {
    request: { room: string; before?: number; limit?: number };
    answer: ThreadList;
  };
  read: { request: { room: string; seq: number }; answer: Mine };
  /** Room id to the seq up to which this device has it; 1 to 100 rooms. */
  delivered: { request: { rooms: Record<string, number> }; answer: Nothing };
  'receipts.list': {
    request: { room: string; id: string; limit?: number; cursor?: string };
    answer: Receipts;
  };
  typing: { request: { room: string; on: boolean }; answer: Nothing };
  'presence.watch': {
    request: { rooms: string[]; users?: string[] | undefined };
    answer: { users: Presence[] };
  };
  'presence.unwatch': { request: { rooms: string[] }; answer: Nothing };
  sync: { request: { cursor: string }; answer: UserSync };
  'room.sync': {
    request: { room: string; rev: number; epoch: string; limit?: number; marks?: number };
    answer: RoomSync;
  };
  'users.get': { request: { ids: string[] }; answer: { users: User[] } };
  'channels.list': {
    request: { limit?: number; cursor?: string };
    answer: ChannelPage;
  };
  'members.list': {
    request: { room: string; limit?: number; cursor?: string; include?: 'invited'[] };
    answer: MemberPage;
  };
  'members.add': { request: MemberChange; answer: { room: Room } };
  'members.remove': { request: MemberChange; answer: { room: Room } };
  'room.update': { request: RoomPatch & { room: string }; answer: { room: Room } };
  'mine.update': { request: OwnPatch & { room: string }; answer: Mine };
  'room.join': { request: { room: string }; answer: { room: Room } };
  'room.leave': { request: { room: string }; answer: Nothing };
  'room.accept': { request: { room: string }; answer: { room: Room } };
  'room.decline': { request: { room: string }; answer: Nothing };
  'me.update': { request: ProfilePatch; answer: { user: User } };
  ping: { request: Nothing; answer: Nothing };
}

export type Op = keyof Operations;
export type RequestOf<O extends Op> = Operations[O]['request'];
export type AnswerOf<O extends Op> = Operations[O]['answer'];

export interface Events {
  hello: Hello;
  'room.head': Head;
  'message.new': {
    room: string;
    rev: number;
    members_rev: number;
    message: Message;
  };
  /** Edited, deleted, hidden, pinned or reacted to: the message as it is now. */
  'message.changed': Events['message.new'];
  /** It takes no rev. */
  'message.ephemeral': Ephemeral;
  'room.changed': { room: string; rev: number; members_rev: number; room_object: Room };
  'members.changed': {
    room: string;
    rev: number;
    members_rev: number;
    member_count: number;
    members: Member[];
  };
  'room.joined': { room: string; rev: number; room_object: Room };
  'room.invited': { room: string; rev: number; room_object: Room };
  'room.left': { room: string; rev: number; reason: 'left' | 'removed' | 'deleted' };
  'room.mine': { room: string; mine: Mine };
  'message.own': Marked;
  scheduled: ScheduledNews;
  read: { room: string; user: string; seq: number; rev: number };
  /** In rooms of at most 100 members; it takes no rev. */
  delivered: { room: string; cursors: { user: string; seq: number }[] };
  typing: { room: string; user: string; on: boolean; name?: string | null };
  presence: Presence;
  'session.expiring': { expires_at: Timestamp };
  error: Problem;
}

export type EventName = keyof Events;

export type RequestFrame<O extends Op = Op> = {
  [K in O]: { id: string | number; op: K; data: RequestOf<K> };
}[O];
export type AnswerFrame<O extends Op = Op> =
  | { id: string | number; ok: true; data: AnswerOf<O> }
  | { id: string | number; ok: false; error: Problem };
export type EventFrame<E extends EventName = EventName> = {
  [K in E]: { event: K; data: Events[K] };
}[E];
export type ServerFrame = AnswerFrame | EventFrame;

/** REST bodies that have no twin on the socket. */
export interface OpenSession {
  user: string;
  device: string;
  profile?: ProfilePatch;
  custom?: Custom;
  push_token?: string;
  ttl_seconds?: number;
}

export interface OpenedSession {
  token: string;
  session: string;
  user: string;
  device: string;
  expires_at: Timestamp;
}

export interface RefreshedSession {
  token: string;
  session: string;
  expires_at: Timestamp;
}

export interface Me {
  user: User;
  session: SessionRef;
  policy: Policy;
}

/** Bodies of the server routes that differ from the client's. */
export interface ServerCreateGroup extends Omit<CreateGroup, 'message'> {
  creator?: string;
  if_exists?: 'return';
  message?: Draft & { sender?: string };
}

export interface ServerCreateDirect {
  kind: 'direct';
  users: [string, string];
  context?: string;
  custom?: Custom;
  creator?: string;
  message?: Draft & { sender?: string };
}

export interface SessionRow {
  id: string;
  user: string;
  device: string;
  created_at: Timestamp;
  expires_at: Timestamp;
  online: boolean;
}
