// One room as the room list knows it: the newest head, the room object and the
// caller's own view, each merged so that repeats and old news do no harm.
import type { Head, Member, Message, Mine, Preview, Room } from '@snug/protocol';
import type { Context } from './context.js';
import { Timer } from './timer.js';
import type { RoomView } from './types.js';

/** How long an own message may wait for the own cursor that belongs to it. */
const OWN_CURSOR_MS = 1_000;
const PREVIEW_LENGTH = 160;

export class RoomEntry {
  readonly id: string;
  readonly #context: Context;
  readonly #changed: () => void;
  room: Room | undefined;
  /** Names of those who type; kept by the open room. */
  typing: readonly string[] = [];
  /** The newest seq that a `message` event was emitted for. */
  announced: number | undefined;
  /** The rev of the newest joining or leaving of this user. */
  #placeRev = 0;
  #objectRev = 0;
  /** The rev of the message whose words the preview has. */
  #saidRev = 0;
  /** What came before the room object it belongs to. */
  #early: { head?: Head; mine?: Mine } = {};
  #view: RoomView | undefined;
  /** Heard of, but not known, or not all of it: the list has yet to ask. */
  waiting = false;
  /** The counts at which `mine.mentions` was told, and of the newest head that calls the user. */
  #toldAt = 0;
  #calledAt = 0;
  #held: { unread: number; skew: number } | undefined;
  readonly #heldFor = new Timer();

  constructor(id: string, context: Context, changed: () => void) {
    this.id = id;
    this.#context = context;
    this.#changed = changed;
  }

  get mine(): Mine | undefined {
    return this.room?.mine ?? undefined;
  }

  get invited(): boolean {
    return this.mine?.state === 'invited';
  }

  /** Whether the room list shows it. */
  get listed(): boolean {
    const { room, mine } = this;
    if (this.invited) return !room!.deleted && !room!.archived;
    if (!room || room.deleted || room.archived || mine?.state !== 'active') return false;
    // Hidden until a message counts above that.
    if ((mine.settings?.hidden_count ?? -1) >= room.count) return false;
    // Nobody but its creator sees a room in which nothing was said.
    return room.seq > 0 || room.creator === this.#context.me();
  }

  /** A pure function of head and own cursor; never counted by hand. */
  get unread(): number {
    if (this.#held) return this.#held.unread;
    return this.room && this.mine ? unreadOf(this.room.count, this.mine) : 0;
  }

  /** Looked at anew with the list: a mute ends by itself. */
  get muted(): boolean {
    const until = this.mine?.settings?.muted_until;
    return until === 'forever' || Date.parse(until!) > this.#context.now();
  }

  /** `joined`: the room is news to its user, and so is its last message. */
  applyRoom(room: Room, joined = false): void {
    const known = this.room;
    this.waiting = false;
    const anew = !known || known.epoch !== room.epoch;
    if (!anew && room.rev < this.#objectRev) {
      if (room.mine) this.applyMine(room.mine);
      return;
    }
    // Who is asked in sees little of the room, and no less of a channel that is read already.
    if (known && !anew && known.kind === 'channel' && room.mine?.state === 'invited')
      room = { ...known, mine: room.mine };
    this.#objectRev = room.rev;
    this.#context.users.putMembers(room.members);
    const mine = this.#nextMine(anew ? null : known.mine, room.mine);
    // Events and syncs carry the object without members: those known stay.
    const members = room.members.length > 0 ? room.members : (known?.members ?? []);
    // The head may be ahead of the object, which is the same for all members.
    const ahead = !anew && known.rev > room.rev ? headOf(known) : {};
    this.room = { ...room, ...ahead, members, mine };
    if (room.mine) this.#releaseUnread();
    if (joined) this.announced ??= 0;
    this.#announce(room);
    const { head, mine: earlyMine } = this.#early;
    this.#early = {};
    if (head) this.applyHead(head);
    if (earlyMine) this.applyMine(earlyMine);
    this.touch();
  }

  /** `reply`: it is a reply's, whose count tells of messages below it only. */
  applyHead(head: Head, reply = false): void {
    const { room } = this;
    if (!room) {
      this.waiting = true;
      if (head.rev >= (this.#early.head?.rev ?? 0)) this.#early.head = head;
      return;
    }
    if (head.rev < room.rev || (head.rev === room.rev && head.seq <= room.seq)) return;
    const me = this.#context.me()!;
    const { count, mentions: to } = head;
    let { mine } = room;
    if (count > room.count && !reply) {
      if (head.preview?.sender === me) this.#balance(1);
      else if (
        mine &&
        (to?.everyone || to?.roles?.includes(mine.role) || to?.users?.includes(me))
      ) {
        this.#calledAt = count;
        if (count > this.#toldAt) mine = { ...mine, mentions: mine.mentions! + 1 };
      }
    }
    // One was lost, and may have called; or the room itself is another.
    const missed = head.seq > room.seq + 1 || (head.again && count > room.count);
    if (missed || head.room_rev! > room.room_rev!) this.waiting = true;
    this.room = { ...room, ...headOf(head), mine, preview: head.preview ?? room.preview };
    this.#announce(head);
    this.touch();
  }

  /** An open room gets no heads; its messages carry what a head would. */
  applyMessage(message: Message, membersRev = 0): void {
    const { room } = this;
    if (!room) return;
    const { seq, rev, sender, kind, text, format, created_at, thread } = message;
    if (!thread && seq > (this.announced ?? 0)) {
      this.announced = seq;
      this.#tell(sender, { message });
    }
    const words = { text: text?.slice(0, PREVIEW_LENGTH), ...(format && { format }) };
    const said = { seq, sender, kind, ...words, created_at };
    // A reply moves the room in no list, and may be here before what was said below it.
    const at = room.preview?.seq ?? 0;
    const last = !thread && (seq > at || (seq === at && rev > this.#saidRev));
    if (last) this.#saidRev = rev;
    const { preview, activity_at } = last ? { preview: said, activity_at: created_at } : room;
    if (seq > room.seq) {
      const members_rev = Math.max(membersRev, room.members_rev);
      this.applyHead({ ...message, members_rev, preview, activity_at }, !!thread);
    } else if (last || rev > room.rev) {
      this.room = { ...room, rev: Math.max(rev, room.rev), preview, activity_at };
      this.touch();
    }
  }

  applyMine(mine: Mine): void {
    const { room } = this;
    if (!room) {
      // On another device it was taken out of hiding, or read.
      this.waiting = true;
      this.#early.mine = this.#nextMine(this.#early.mine, mine)!;
      return;
    }
    const sent = mine.own_count - (room.mine?.own_count ?? mine.own_count);
    if (sent > 0) this.#balance(-sent);
    else if (mine.read_seq > (room.mine?.read_seq ?? 0)) this.#releaseUnread();
    this.room = { ...room, mine: this.#nextMine(room.mine, mine) };
    this.touch();
  }

  /** Members that changed, into the few that a list carries. */
  applyMembers(members: readonly Member[], count?: number): void {
    const { room } = this;
    this.#context.users.putMembers(members);
    if (!room) return;
    const merged = mergeMembers(new Map(room.members.map((m) => [m.user, m])), members);
    this.room = {
      ...room,
      members: [...merged.values()],
      member_count: count ?? room.member_count,
    };
    this.touch();
  }

  peerId(): string | undefined {
    const { room } = this;
    if (room?.kind !== 'direct') return undefined;
    const me = this.#context.me();
    return room.members.find(({ user }) => user !== me)?.user;
  }

  title(): string {
    const { room } = this;
    const { users } = this.#context;
    if (room?.name) return room.name;
    const peer = this.peerId();
    if (peer !== undefined) return users.name(peer);
    const me = this.#context.me();
    const names = (room?.members ?? [])
      .filter((member) => member.user !== me && member.state === 'active')
      .map((member) => users.name(member.user));
    return names.join(', ') || this.id;
  }

  /** Of a room that is listed. */
  view(): RoomView {
    const { muted } = this;
    if (this.#view?.muted === muted) return this.#view;
    const room = this.room!;
    const { users } = this.#context;
    const peerId = this.peerId();
    const peer = peerId === undefined ? undefined : (users.get(peerId) ?? { id: peerId });
    this.#view = {
      id: this.id,
      kind: room.kind,
      title: this.title(),
      avatar: room.avatar ?? peer?.avatar ?? undefined,
      peer,
      preview: room.preview ? this.#preview(room.preview) : undefined,
      activityAt: Date.parse(room.activity_at),
      unread: this.unread,
      mentions: room.mine?.mentions ?? 0,
      pinned: !!room.mine?.settings?.pinned,
      muted,
      invitation: this.invited ? room.mine!.invitation! : undefined,
      typing: this.typing,
      room,
    };
    return this.#view;
  }

  touch(): void {
    const { room, mine } = this;
    if (mine?.state === 'active' && room!.seq > mine.read_seq)
      this.#context.got(this.id, room!.seq);
    this.#view = undefined;
    this.#changed();
  }

  /** Someone was renamed: the view is built anew when the list is. */
  stale(): void {
    this.#view = undefined;
  }

  /** The user joined or left at this rev; false for old news. */
  moved(rev: number): boolean {
    if (rev < this.#placeRev) return false;
    this.#placeRev = rev;
    return true;
  }

  left(): void {
    const { room } = this;
    if (room?.mine) this.room = { ...room, mine: { ...room.mine, state: 'left' } };
    this.touch();
  }

  /** Nothing is known any more: another user signed in. */
  forget(): void {
    this.#releaseUnread();
    this.room = undefined;
    this.announced = undefined;
    this.typing = [];
    this.#placeRev = 0;
    this.#objectRev = 0;
    this.#early = {};
    this.touch();
  }

  /** What was told stands for where the room stood then; a later head calls besides. */
  #nextMine(known: Mine | null | undefined, news: Mine | null | undefined) {
    if (!news) return known;
    // Joined again or left: the numbers of before belong to another stay.
    const same = known?.state === news.state;
    const mine = same ? mergeMine(known, news) : { ...news };
    const { settings, marks } = known ?? {};
    if (revOf(settings) > revOf(news.settings)) mine.settings = settings;
    if (revOf(marks) > revOf(news.marks)) mine.marks = marks;
    if (same && older(news, known)) return mine;
    this.#toldAt = news.unread - left(0, news);
    mine.mentions = (news.mentions ?? 0) + +(this.#calledAt > this.#toldAt);
    return mine;
  }

  #preview(preview: Preview): RoomView['preview'] {
    const { sender, seq } = preview;
    const senderName = sender == null ? undefined : this.#context.users.name(sender);
    const view = { ...preview, senderName, own: sender === this.#context.me() };
    // Deleted for oneself: nothing of its words, whatever way they came.
    return seq === this.mine?.marks?.deleted_seq ? { ...view, text: undefined } : view;
  }

  #tell(sender: string | null | undefined, what: { message?: Message; preview?: Preview }): void {
    const own = sender === this.#context.me();
    const user = sender == null ? undefined : this.#context.users.get(sender);
    this.#context.emit('message', { room: this.id, user, own, ...what });
  }

  #announce({ preview }: Pick<Head, 'preview'>): void {
    const seq = preview?.seq ?? 0;
    if (seq > (this.announced ?? seq)) this.#tell(preview!.sender, { preview: preview! });
    this.announced = Math.max(this.announced ?? 0, seq);
  }

  /**
   * The head of an own message and the own cursor that takes it out again come
   * apart, in either order; until both are here the count of before is shown.
   */
  #balance(heads: number): void {
    if (!this.#held) {
      this.#held = { unread: this.unread, skew: 0 };
      this.#heldFor.set(OWN_CURSOR_MS, () => {
        this.#releaseUnread();
        this.touch();
      });
    }
    this.#held.skew += heads;
    if (this.#held.skew === 0) this.#releaseUnread();
  }

  #releaseUnread(): void {
    this.#heldFor.clear();
    this.#held = undefined;
  }
}

export function unreadOf(count: number, mine: Mine): number {
  return Math.max(0, left(count, mine));
}

function left(count: number, { read_count, own_count, read_own, gone }: Mine): number {
  return count - read_count - (own_count - read_own) - (gone ?? 0);
}

function revOf(kept: { rev: number } | null | undefined): number {
  return kept?.rev ?? 0;
}

/** Cursor and marks only go forward: by the cursor first, which a page moves ahead of its answer. */
function older(news: Mine, known: Mine): boolean {
  return (news.read_seq - known.read_seq || revOf(news.marks) - revOf(known.marks)) < 0;
}

/** Cursors only go forward; the numbers of a cursor, with what is gone above it, belong together. */
export function mergeMine(known: Mine, news: Mine): Mine {
  const { read_seq, read_count, read_own, gone, mentions } = older(news, known) ? known : news;
  const own_count = Math.max(known.own_count, news.own_count);
  return { ...news, read_seq, read_count, read_own, own_count, gone, mentions };
}

function headOf({ seq, rev, members_rev, count, preview, activity_at }: Omit<Head, 'room'>) {
  return { seq, rev, members_rev, count, preview, activity_at };
}

/** By rev; a read cursor by its own measure, since it moves without a rev. */
export function mergeMembers(
  known: Map<string, Member>,
  news: readonly Member[],
): Map<string, Member> {
  for (const member of news) {
    const old = known.get(member.user) ?? member;
    const newest = member.rev >= old.rev ? member : old;
    known.set(member.user, { ...newest, read_seq: Math.max(old.read_seq, member.read_seq) });
  }
  return known;
}
