// The objects of docs/protocol.md, as they stand on the wire. Nothing here
// runs; a field that may be absent may also be `null` with the same meaning.

/** Opaque JSON that belongs to the customer. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type Custom = Json;

/** RFC 3339, UTC, milliseconds: `2026-11-20T10:42:07.123Z`. */
export type Timestamp = string;

export interface User {
  id: string;
  name?: string | null;
  avatar?: string | null;
  locale?: string | null;
  custom?: Custom;
  session_custom?: Custom;
  deactivated?: boolean | null;
  /** Does not want to be seen as online; told to the user only. */
  invisible?: boolean | null;
}

/** Whether a user is online, and when last. */
export interface Presence {
  user: string;
  online: boolean;
  last_seen?: Timestamp | null;
}

export type MessageKind = 'text' | 'custom' | 'system' | 'card' | 'location';

/** Who said a message's words first, and when. */
export interface Forwarded {
  sender: string;
  created_at: Timestamp;
}

/** Who is called in a message. Its words name them, `@` and the name or id. */
export interface Mentions {
  users?: string[];
  roles?: Role[];
  everyone?: true;
}

/** How a text is written; plain without one. The text is its source. */
export type Format = 'markdown';

/** The message that is answered; its words are not repeated. */
export interface ReplyTo {
  id: string;
  seq: number;
}

/** Title or text is there. */
export interface Card {
  title?: string;
  text?: string;
  image?: { url: string; alt?: string };
  url?: string;
  /** At most ten. */
  actions?: CardAction[];
}

/** With an address a link, else a button that the page answers. */
export interface CardAction {
  id: string;
  label: string;
  url?: string;
}

/** A point on the map, in degrees. */
export interface Place {
  lat: number;
  lng: number;
  name?: string;
  address?: string;
}

export interface Message {
  id: string;
  room: string;
  seq: number;
  rev: number;
  sender?: string | null;
  kind: MessageKind;
  text?: string | null;
  format?: Format | null;
  custom?: Custom;
  card?: Card | null;
  location?: Place | null;
  mentions?: Mentions | null;
  reply_to?: ReplyTo | null;
  forwarded?: Forwarded | null;
  silent?: boolean | null;
  /** The room's counting number after this message. */
  count: number;
  created_at: Timestamp;
  /** When its words were last changed. */
  edited_at?: Timestamp | null;
  deleted?: boolean | null;
  /** Out of sight; it may be shown again. */
  hidden?: boolean | null;
  /** Since when it is pinned for everybody in the room. */
  pinned_at?: Timestamp | null;
  reactions?: Reaction[];
  /** A reply in a thread: it does not stand in the room's own conversation. */
  thread?: ThreadPlace | null;
  thread_summary?: ThreadSummary | null;
  /** How the reader keeps it: in what is read, not in events and answers of changes. */
  own?: Own | null;
}

/** How a user keeps a message: nobody else's to see. */
export interface Own {
  /** One more with each change in the room: of two views of a message's the higher is the newer. */
  rev: number;
  starred_at?: Timestamp | null;
  /** Deleted for this user alone; nothing of its words is here. */
  deleted?: boolean;
}

/** Where a user's own marks on the messages of a room stand. */
export interface Marks {
  rev: number;
  /** A preview of this seq is of a message that the user deleted for oneself. */
  deleted_seq?: number | null;
}

/** The user's marks of a room after a rev of theirs, each as it is now. */
export interface MarksPage {
  changed: { id: string; seq: number; own: Own }[];
  /** Up to which this is complete. */
  rev: number;
  more: boolean;
}

/** How a message is kept now, and the standing that this makes. */
export interface Marked {
  room: string;
  id: string;
  seq: number;
  own: Own;
  mine: Mine;
}

export interface StarredPage {
  /** Those starred last first. */
  messages: Message[];
  users: User[];
  /** `before` of the next page. */
  next?: Timestamp | null;
}

/** A message to be sent at a time, as it was given; or one that could not be sent then. */
export interface Scheduled {
  /** Of the message that will be sent. */
  id: string;
  room: string;
  at: Timestamp;
  /** Of the backend's. */
  sender?: string | null;
  kind?: MessageKind | null;
  text?: string | null;
  format?: Format | null;
  custom?: Custom;
  mentions?: Mentions | null;
  reply_to?: string | null;
  card?: Card | null;
  location?: Place | null;
  forward?: { room: string; id: string } | null;
  thread?: string | null;
  silent?: boolean | null;
  /** Of two views the one with the higher rev is the newer. */
  rev: number;
  created_at: Timestamp;
  /** Why it was not sent; it is not tried again until it is changed. */
  failed?: { code: string; detail: string; at: Timestamp } | null;
}

export interface ScheduledPage {
  /** Soonest first. */
  scheduled: Scheduled[];
  /** `cursor` of the next page. */
  next?: string | null;
}

/** Of a user's scheduled messages: one as it is now, or the id of one. */
export interface ScheduledNews {
  scheduled?: Scheduled | null;
  id?: string;
  /** It is scheduled no more: sent, or taken back. */
  gone?: boolean;
  sent?: boolean;
  /** Too large to be pushed, or missed: the list has it. */
  again?: boolean;
}

/** Said to those who had the room open, and kept nowhere. */
export interface Ephemeral {
  id: string;
  room: string;
  sender?: string | null;
  kind: MessageKind;
  text?: string | null;
  format?: Format | null;
  custom?: Custom;
  card?: Card | null;
  location?: Place | null;
  created_at: Timestamp;
  /** Others who have the room open do not see it. */
  only_you?: boolean | null;
}

/** The message at which a thread hangs. */
export interface ThreadPlace {
  id: string;
  seq: number;
}

/** How a thread stands: in its root, and in every reply. */
export interface ThreadSummary {
  /** Replies that were not unsent or hidden. */
  replies: number;
  last_seq: number;
  last_at: Timestamp;
  /** The first few who replied. */
  participants: string[];
  /** The higher one of two is the newer. */
  rev: number;
}

/** How a thread stands for the caller. */
export interface ThreadMine {
  following: boolean;
  read_seq: number;
  /** At most 100. */
  unread: number;
}

export interface ThreadPage {
  root: Message;
  messages: Message[];
  users: User[];
  /** Seqs of the room, both inclusive: the page has every reply of the thread between them. */
  covers: { from: number; to: number };
  has_before: boolean;
  has_after: boolean;
  mine?: ThreadMine | null;
}

export interface ThreadList {
  /** Those replied to last first. */
  threads: { root: Message; mine?: ThreadMine | null }[];
  users: User[];
  /** `before` of the next page. */
  next?: number | null;
}

/** Words of a message that an edit has replaced. */
export interface Version {
  rev: number;
  text?: string | null;
  format?: Format | null;
  custom?: Custom;
  mentions?: Mentions | null;
  card?: Card | null;
  location?: Place | null;
  /** Absent when it was the backend. */
  replaced_by?: string | null;
  replaced_at: Timestamp;
}

/** Who reacted with one thing; the first users, and how many there are. */
export interface Reaction {
  key: string;
  count: number;
  users: string[];
}

/** The names `custom.type` takes in a message of kind `system`. */
export type SystemType =
  | 'room_created'
  | 'members_added'
  | 'members_removed'
  | 'member_joined'
  | 'member_left'
  | 'room_updated';

export interface Preview {
  seq: number;
  sender?: string | null;
  kind: MessageKind;
  text?: string | null;
  created_at: Timestamp;
}

export interface Head {
  room: string;
  seq: number;
  rev: number;
  members_rev: number;
  /** Rev of the last change of the room itself, such as its name. */
  room_rev?: number;
  count: number;
  preview?: Preview | null;
  activity_at: Timestamp;
  /** Whom a new message calls; only in `room.head`. */
  mentions?: Mentions | null;
  /** It is no news of a message; only in `room.head`. */
  again?: boolean | null;
}

export type Role = 'owner' | 'admin' | 'member';
export type MemberState = 'active' | 'left' | 'invited';

/** Who asked the user in, and when; without `by` it was the backend. */
export interface Invitation {
  by?: string | null;
  at: Timestamp;
}

export interface Member {
  user: string;
  role: Role;
  state: MemberState;
  joined_at: Timestamp;
  read_seq: number;
  name?: string | null;
  avatar?: string | null;
  custom?: Custom;
  session_custom?: Custom;
  rev: number;
}

/** Who has a message: a page of those who can, by user id. */
export interface Receipts {
  /** The message's: whose cursor is there or above has it. */
  seq: number;
  /** On the first page, of all of them; absent in a room of more than 5,000 members. */
  counts?: { members: number; delivered: number; read: number } | null;
  /** `delivered_seq` is never below `read_seq`. */
  members: { user: string; delivered_seq: number; read_seq: number }[];
  users: User[];
  /** `cursor` of the next page. */
  next?: string | null;
}

export interface Mine {
  role: Role;
  state: MemberState;
  read_seq: number;
  unread: number;
  read_count: number;
  own_count: number;
  read_own: number;
  /** Messages of others after the cursor that were deleted, for this user too, or hidden. */
  gone?: number;
  /** Unread messages that call the user, at most 100. */
  mentions?: number;
  /** How the user keeps the room; absent until it was said. */
  settings?: Settings | null;
  /** Absent as long as there are none. */
  marks?: Marks | null;
  /** Of who is invited: the room shows its name, picture, kind and number of members. */
  invitation?: Invitation | null;
  joined_at: Timestamp;
  left_at?: Timestamp | null;
}

/** A user's own settings of a room: nobody else's to see. */
export interface Settings {
  /** One more with each change: of two views the one with the higher rev is the newer. */
  rev: number;
  pinned?: boolean;
  /** One that has passed mutes nothing. */
  muted_until?: Timestamp | 'forever' | null;
  /** As it was told; as long as the room's `count` is not above `hidden_count`. */
  hidden?: boolean;
  hidden_count?: number | null;
  folder?: string | null;
}

/** What a room may rule otherwise than the table of docs/rooms.md. */
export type RuledOperation =
  | 'send'
  | 'react'
  | 'add_members'
  | 'remove_members'
  | 'update_room'
  | 'pin'
  | 'mention_all';

/** The least role for what is named; the table holds for the rest. */
export type RoomPolicy = { [operation in RuledOperation]?: Role };

export type RoomKind = 'direct' | 'group' | 'channel';

export interface Room {
  id: string;
  kind: RoomKind;
  name?: string | null;
  avatar?: string | null;
  description?: string | null;
  custom?: Custom;
  context?: string | null;
  creator?: string | null;
  frozen: boolean;
  /** Out of the lists; nobody says anything in it. */
  archived?: boolean;
  tags?: string[];
  /** Who may do what, where the room says otherwise than the table. */
  policy?: RoomPolicy | null;
  created_at: Timestamp;
  epoch: string;
  seq: number;
  rev: number;
  members_rev: number;
  /** Rev of the last change of the room itself: what `if_rev` is held against. */
  room_rev?: number;
  count: number;
  min_seq: number;
  member_count: number;
  activity_at: Timestamp;
  preview?: Preview | null;
  members: Member[];
  mine?: Mine | null;
  /** Only in a UserSync, for a room that is gone. */
  deleted?: boolean | null;
}

export interface History {
  messages: Message[];
  users: User[];
  head: Head;
  has_before: boolean;
  has_after: boolean;
}

export interface RoomSync {
  room: string;
  reset: boolean;
  reason?: string | null;
  rev: number;
  epoch: string;
  more: boolean;
  messages: Message[];
  members: Member[];
  reads: { user: string; seq: number }[];
  room_object?: Room | null;
  min_seq: number;
  users: User[];
  /** Where `marks` was asked from. */
  marks?: MarksPage | null;
}

export interface UserSync {
  reset: boolean;
  cursor: string;
  more: boolean;
  rooms: Room[];
}

export interface RoomPage {
  rooms: Room[];
  next?: string | null;
  /** Where user sync begins. */
  cursor: string;
}

/** By id; without members and the caller's own standing. */
export interface ChannelPage {
  rooms: Room[];
  next?: string | null;
}

export interface MemberPage {
  members: Member[];
  next?: string | null;
}

export type Policy = 'open' | 'backend_only';

export interface SessionRef {
  id: string;
  device: string;
  expires_at: Timestamp;
}

export interface Hello {
  protocol: number;
  server: string;
  session: SessionRef;
  user: User;
  policy: Policy;
  epoch: string;
  limits: { frame_bytes: number; text_bytes: number; liveness_ms: number };
  reconnect: { min_ms: number; max_ms: number };
}

/** The failure shape of REST (`application/problem+json`) and of the socket. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  field?: string | null;
  expected?: string | null;
  retryable: boolean;
  retry_after_ms?: number | null;
}
