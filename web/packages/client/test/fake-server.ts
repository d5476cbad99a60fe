// A small server behind the transport seam: rooms, seqs, revs, cursors as the
// protocol has them, for one user at a time. Tests make it lose, hold back,
// double and reorder what it says.
import type {
  Events,
  Head,
  Hello,
  Marked,
  Member,
  Message,
  Mine,
  OwnPatch,
  Problem,
  Room,
} from '@snug/protocol';
import type { Transport, TransportEvents, TransportTarget } from '../src/types.js';
import { FakeConnection, type Frame, Refusal, refusal } from './fake-connection.js';
import * as marks from './fake-marks.js';
import { deliver, type Receiving, receipts } from './fake-receipts.js';
import { carried } from './fake-sends.js';
import { summarize, type Threaded, threadMine } from './fake-threads.js';

export { FakeConnection, type Frame, Refusal, refusal };

interface StoredRoom extends marks.Marking, Receiving, Threaded {
  room: Room;
  members: Map<string, Member>;
  mine: Map<string, Mine>;
  reads: { user: string; seq: number; rev: number }[];
}

type Handler = (data: never, connection: FakeConnection) => unknown;

export class FakeServer {
  readonly connections: FakeConnection[] = [];
  readonly rooms = new Map<string, StoredRoom>();
  /** Token to user; what is not here is closed with `refusal`. */
  readonly tokens = new Map<string, string>([['good', 'alice']]);
  refusal: { code: number; problem?: Problem } = { code: 4204 };
  /** `drop`: the socket never stands. `mute`: it stands and says nothing. */
  mode: 'normal' | 'drop' | 'mute' = 'normal';
  policy: Hello['policy'] = 'open';
  readonly #overrides = new Map<string, Handler>();
  #clock = Date.parse('2026-11-20T10:00:00.000Z');
  #changes = 0;
  readonly #changed = new Map<string, number>();

  readonly transport: Transport = { open: (...asked) => this.#open(...asked) };

  get last(): FakeConnection {
    return this.connections.at(-1)!;
  }

  /** Frames of one op on all connections so far. */
  asked(op: string): Frame[] {
    return this.connections.flatMap(({ received }) => received.filter((frame) => frame.op === op));
  }

  /** Answers an op by `handler` until it is taken back. Undefined: no answer. */
  on(op: string, handler: Handler): () => void {
    this.#overrides.set(op, handler);
    return () => void this.#overrides.delete(op);
  }

  /** The next `op` is carried out, and its answer lost with the connection. */
  loseAnswer(op: string): void {
    const restore = this.on(op, (data, connection) => {
      restore();
      connection.deaf = true;
      this.#carryOut(op, data as Frame['data'], connection);
      connection.break();
      return undefined;
    });
  }

  makeRoom(id: string, members: string[], fields: Partial<Room> = {}): StoredRoom {
    const at = this.#time();
    const stored: StoredRoom = {
      room: {
        id,
        kind: 'group',
        creator: members[0],
        frozen: false,
        created_at: at,
        epoch: 'e1',
        seq: 0,
        rev: 1,
        members_rev: 1,
        room_rev: 1,
        count: 0,
        min_seq: 1,
        member_count: members.length,
        activity_at: at,
        members: [],
        ...fields,
      },
      messages: [],
      members: new Map(),
      mine: new Map(),
      reads: [],
      cursors: new Map(),
      got: new Map(),
      marks: new Map(),
    };
    for (const user of members) {
      const role = 'member';
      stored.members.set(user, {
        user,
        role,
        state: 'active',
        joined_at: at,
        read_seq: 0,
        name: user[0]!.toUpperCase() + user.slice(1),
        rev: 1,
      });
      stored.mine.set(user, {
        role,
        state: 'active',
        read_seq: 0,
        unread: 0,
        read_count: 0,
        own_count: 0,
        read_own: 0,
        joined_at: at,
      });
    }
    this.rooms.set(id, stored);
    this.#touch(id);
    return stored;
  }

  /** Commits a message; pushes it unless `silent` or told not to. */
  say(
    id: string,
    sender: string,
    text: string,
    { push = true, messageId = '', more = {} as Partial<Message> } = {},
  ): Events['message.new'] {
    const stored = this.rooms.get(id)!;
    const { room } = stored;
    room.seq++;
    room.rev++;
    const time = this.#time();
    const under = more.thread;
    if (!under) {
      room.count++;
      room.activity_at = time;
    }
    const message: Message = {
      id: messageId || `m${room.seq}-${id}`,
      room: id,
      seq: room.seq,
      rev: room.rev,
      sender,
      kind: 'text',
      text,
      count: room.count,
      created_at: time,
      ...more,
    };
    stored.messages.push(message);
    if (under) summarize(stored, message);
    else
      room.preview = { seq: room.seq, sender, kind: 'text', text, created_at: message.created_at };
    const mine = stored.mine.get(sender);
    if (mine) {
      if (!under) mine.own_count++;
      if (mine.read_seq === message.seq - 1) this.#moveCursor(stored, sender, message.seq);
    }
    this.#touch(id);
    const event = { room: id, rev: room.rev, members_rev: room.members_rev, message };
    if (push) {
      for (const connection of this.#live()) {
        if (connection.open.has(id)) connection.push('message.new', event);
        else {
          const mentions = message.silent ? undefined : message.mentions;
          connection.push('room.head', { ...this.head(id), mentions });
        }
        if (connection.user === sender)
          connection.push('room.mine', { room: id, mine: this.mine(id, sender) });
      }
    }
    return event;
  }

  unsend(id: string, seq: number): Message {
    const gone = { text: null, deleted: true, reactions: undefined };
    return this.change(id, seq, gone, false).message;
  }

  /** Commits a change of a message; pushes it unless told not to. */
  change(id: string, seq: number, fields: Partial<Message>, push = true): Events['message.new'] {
    const stored = this.rooms.get(id)!;
    const { room } = stored;
    room.rev++;
    const old = stored.messages.find((m) => m.seq === seq)!;
    const message = { ...old, ...fields, rev: room.rev };
    stored.messages[stored.messages.indexOf(old)] = message;
    if (seq === room.seq) room.preview = { ...room.preview!, text: message.text };
    this.#touch(id);
    const event = { room: id, rev: room.rev, members_rev: room.members_rev, message };
    if (push) {
      for (const connection of this.#live()) {
        if (connection.open.has(id)) connection.push('message.changed', event);
        else connection.push('room.head', { ...this.head(id), again: true });
      }
    }
    return event;
  }

  /** What is so already takes no rev. */
  #answerChange(stored: StoredRoom, user: string, op: string, data: Frame['data']): Message {
    const message = stored.messages.find(({ id }) => id === data.id);
    if (!message) throw refusal('message_not_found');
    const set = (fields: Partial<Message>) => {
      const same = JSON.stringify({ ...message, ...fields }) === JSON.stringify(message);
      return same ? message : this.change(stored.room.id, message.seq, fields).message;
    };
    if (op === 'message.unsend')
      return set({ text: undefined, deleted: true, reactions: undefined });
    if (message.deleted) throw refusal('message_not_found');
    if (op === 'message.edit') {
      const { mentions = message.mentions } = data as Partial<Message>;
      if (data.text === message.text && mentions === message.mentions) return message;
      return set({ text: data.text as string, mentions, edited_at: this.#time() });
    }
    if (op === 'message.pin') {
      if (data.on === (message.pinned_at != null)) return message;
      return set({ pinned_at: data.on ? this.#time() : undefined });
    }
    const others = (message.reactions ?? []).filter(({ key }) => key !== data.key);
    const known = message.reactions?.find(({ key }) => key === data.key)?.users ?? [];
    const users = known.filter((one) => one !== user);
    if (data.on) users.push(user);
    if (users.length === known.length) return message;
    const mine = users.length ? [{ key: data.key as string, count: users.length, users }] : [];
    return set({ reactions: [...others, ...mine] });
  }

  head(id: string): Head {
    const { seq, rev, members_rev, room_rev, count, preview, activity_at } =
      this.rooms.get(id)!.room;
    return { room: id, seq, rev, members_rev, room_rev, count, preview, activity_at };
  }

  view(id: string, user: string, all = false): Room {
    const { room, members, mine } = this.rooms.get(id)!;
    const own = mine.has(user) ? this.mine(id, user) : undefined;
    const some = [...members.values()].slice(0, all ? 200 : 5);
    return structuredClone({ ...room, members: some, mine: own });
  }

  /** As the server tells it now. */
  mine(id: string, user: string): Mine {
    const { room, messages, mine } = this.rooms.get(id)!;
    const own = mine.get(user)!;
    const after = marks.gone(this.rooms.get(id)!, user, own.read_seq);
    const unread = room.count - own.read_count - (own.own_count - own.read_own) - after;
    const gone = after || undefined;
    const calls = ({ seq, sender, silent, mentions: to }: Message) =>
      seq > own.read_seq &&
      sender !== user &&
      !silent &&
      (to?.everyone || to?.roles?.includes(own.role) || to?.users?.includes(user));
    const told = marks.standing(this.rooms.get(id)!, user);
    return { ...own, unread, gone, mentions: messages.filter(calls).length, marks: told };
  }

  /** A mark, as from any device of the user; told to all unless told not to. */
  mark(id: string, user: string, message: string, patch: marks.Patch, push = true): Marked {
    const stored = this.rooms.get(id)!;
    const { seq, own, same } = marks.mark(stored, user, message, patch, () => this.#time());
    this.#touch(id);
    const told = structuredClone({ room: id, id: message, seq, own, mine: this.mine(id, user) });
    for (const connection of push && !same ? this.#live() : []) {
      if (connection.user === user) connection.push('message.own', told);
    }
    return told;
  }

  /** The room itself changes; heard whole where it is open. */
  updateRoom(id: string, fields: Partial<Room>): Room {
    const { room } = this.rooms.get(id)!;
    Object.assign(room, fields, { rev: room.rev + 1, room_rev: room.rev + 1 });
    this.#touch(id);
    const { rev, members_rev } = room;
    const event = { room: id, rev, members_rev, room_object: { ...room, members: [] } };
    for (const connection of this.#live()) {
      if (connection.open.has(id)) connection.push('room.changed', structuredClone(event));
      else connection.push('room.head', this.head(id));
    }
    return room;
  }

  /** Own settings, as from any device of the user; told to all unless told not to. */
  keep(id: string, user: string, patch: OwnPatch & { room?: unknown }, push = true): Mine {
    const { room, mine } = this.rooms.get(id)!;
    const own = mine.get(user)!;
    const { hidden, room: _room, ...rest } = patch;
    const { rev, hidden: _, ...old } = own.settings ?? { rev: 0 };
    const count = hidden === undefined ? old.hidden_count : hidden ? room.count : undefined;
    own.settings = { ...old, ...rest, hidden_count: count, rev: rev + 1 };
    this.#touch(id);
    const told = structuredClone(this.mine(id, user));
    for (const connection of push ? this.#live() : []) {
      if (connection.user === user) connection.push('room.mine', { room: id, mine: told });
    }
    return told;
  }

  readAs(id: string, user: string, seq: number): void {
    const stored = this.rooms.get(id)!;
    this.#moveCursor(stored, user, seq);
    stored.reads.push({ user, seq, rev: stored.room.rev });
    this.#touch(id);
  }

  #live(): FakeConnection[] {
    return this.connections.filter(({ closed }) => !closed);
  }

  #moveCursor(stored: StoredRoom, user: string, seq: number): void {
    const mine = stored.mine.get(user)!;
    if (seq <= mine.read_seq) return;
    mine.read_seq = seq;
    mine.read_count = stored.messages.filter((m) => m.seq <= seq).at(-1)?.count ?? 0;
    mine.read_own = stored.messages.filter((m) => m.seq <= seq && m.sender === user).length;
    stored.members.get(user)!.read_seq = seq;
  }

  #touch(id: string): void {
    this.#changed.set(id, ++this.#changes);
  }

  #time(): string {
    this.#clock += 1_000;
    return new Date(this.#clock).toISOString();
  }

  #open(target: TransportTarget, events: TransportEvents) {
    const user = this.tokens.get(target.token);
    const connection = new FakeConnection(target, events, user ?? '');
    this.connections.push(connection);
    queueMicrotask(() => {
      if (this.mode === 'drop') return connection.break(1006);
      if (connection.closed) return;
      if (this.mode === 'mute') return;
      if (user === undefined) connection.break(this.refusal.code, this.refusal.problem);
      else connection.push('hello', this.#hello(user));
    });
    return {
      send: (text: string) => {
        if (connection.closed) return;
        const frame = JSON.parse(text) as Frame;
        connection.received.push(frame);
        if (this.mode !== 'mute') this.#receive(frame, connection);
      },
      close: () => {
        connection.closed = true;
      },
    };
  }

  #hello(user: string): Hello {
    return {
      protocol: 1,
      server: 'test',
      session: { id: 'ses_1', device: 'web', expires_at: '2026-11-21T10:00:00.000Z' },
      user: { id: user, name: user[0]!.toUpperCase() + user.slice(1) },
      policy: this.policy,
      epoch: 'e1',
      limits: { frame_bytes: 65536, text_bytes: 16384, liveness_ms: 35_000 },
      reconnect: { min_ms: 500, max_ms: 30_000 },
    };
  }

  #receive({ id, op, data }: Frame, connection: FakeConnection): void {
    try {
      const override = this.#overrides.get(op);
      const answer = override
        ? override(data as never, connection)
        : this.#carryOut(op, data, connection);
      if (answer !== undefined) connection.raw({ id, ok: true, data: answer });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      connection.raw({ id, ok: false, error: error.problem });
    }
  }

  #looked(op: string, data: Frame['data'], stored: StoredRoom | undefined): unknown {
    if (op === 'users.get')
      return { users: (data.ids as string[]).map((name) => ({ id: name, name })) };
    if (op === 'message.versions')
      return { versions: [{ rev: 1, text: 'before', replaced_at: this.#time() }] };
    if (op === 'message.ephemeral') return { id: 'passing' };
    if (op !== 'pins.list') return {};
    const messages = stored!.messages.filter(({ pinned_at }) => pinned_at != null);
    return { messages, users: [] };
  }

  #room(op: string, room: unknown, user: string) {
    if (typeof room !== 'string') return undefined;
    const stored = this.rooms.get(room);
    if (!stored) throw refusal('room_not_found');
    const joins = op === 'room.join' && stored.room.kind === 'channel';
    if (stored.mine.get(user)?.state !== 'active' && !joins) throw refusal('not_a_member');
    return stored;
  }

  #carryOut(op: string, data: Frame['data'], connection: FakeConnection): unknown {
    const { user } = connection;
    const stored = this.#room(op, data.room, user);
    const id = data.room as string;
    switch (op) {
      case 'rooms.list':
        return this.#list(user, data as { limit?: number; cursor?: string });
      case 'sync':
        return this.#sync(user, Number(data.cursor));
      case 'room.open':
        connection.open.add(id);
        return {
          room: this.view(id, user, true),
          history: this.#history(stored!, data as { limit?: number }, user),
        };
      case 'room.close':
        connection.open.delete(id);
        return {};
      case 'history':
        return this.#history(stored!, data as { before?: number }, user);
      case 'room.sync':
        return this.#roomSync(stored!, user, data as unknown as { rev: number; epoch: string });
      case 'message.send': {
        const known = stored!.messages.find((m) => m.id === data.id);
        if (known) return { message: known, duplicate: true };
        const { message } = this.say(id, user, data.text as string, {
          messageId: data.id as string,
          more: carried(stored!, data),
        });
        return { message, duplicate: false };
      }
      case 'message.edit':
      case 'message.unsend':
      case 'message.react':
      case 'message.pin':
        return { message: this.#answerChange(stored!, user, op, data) };
      case 'channels.list':
        return { rooms: this.#channels() };
      case 'room.join':
        stored!.mine.set(user, { ...stored!.mine.get('bob')!, state: 'active' });
        return { room: this.view(id, user, true) };
      case 'read':
        this.readAs(id, user, data.seq as number);
        return this.mine(id, user);
      case 'delivered':
        return deliver(this.rooms, user, data.rooms as Record<string, number>);
      case 'receipts.list':
        return receipts(stored!, data.id);
      case 'room.create':
        return this.#create(user, data);
      case 'message.own':
      case 'mine.update':
      case 'room.update':
        return this.#update(stored!, user, op, data);
      case 'thread.history':
      case 'thread.read':
      case 'threads.list':
        return this.#thread(stored!, user, op, data);
      case 'room.leave':
        stored!.mine.get(user)!.state = 'left';
        return {};
      case 'me.update':
        return { user: { id: user, ...(data as object) } };
      case 'session.refresh':
        return { token: (data.token as string) ?? 'refreshed', session: 'ses_1', expires_at: '' };
      default:
        return this.#looked(op, data, stored);
    }
  }

  #sync(user: string, cursor: number) {
    const rooms = [...this.rooms.keys()]
      .filter((room) => this.#changed.get(room)! > cursor)
      .map((room) => this.view(room, user));
    return { reset: false, cursor: String(this.#changes), more: false, rooms };
  }

  #update({ room }: StoredRoom, user: string, op: string, data: Frame['data']) {
    const { room: id, if_rev, ...fields } = data as { room: string; if_rev?: number };
    if (op === 'mine.update') return this.keep(id, user, fields);
    if (op === 'message.own') return this.mark(id, user, data.id as string, fields);
    if (if_rev !== undefined && if_rev !== room.room_rev) throw refusal('rev_conflict');
    this.updateRoom(id, fields as Partial<Room>);
    return { room: this.view(id, user, true) };
  }

  #thread(stored: StoredRoom, user: string, op: string, data: Frame['data']): unknown {
    const { messages, cursors } = stored;
    if (op === 'threads.list') {
      const roots = messages.filter(({ thread_summary, thread }) => thread_summary && !thread);
      const threads = roots.map((root) => ({ root, mine: threadMine(stored, user, root) }));
      return structuredClone({ threads, users: [] });
    }
    const root = messages.find(({ id }) => id === data.thread);
    if (!root) throw refusal('message_not_found');
    const key = `${user}/${root.id}`;
    if (op === 'thread.read') {
      cursors.set(key, Math.max(cursors.get(key) ?? 0, data.seq as number));
      return threadMine(stored, user, root);
    }
    const replies = messages.filter(({ thread }) => thread?.id === root.id);
    const page = this.#history({ ...stored, messages: replies }, data, user);
    const mine = threadMine(stored, user, root);
    return structuredClone({ ...page, root, covers: { from: 1, to: 1 }, mine });
  }

  #channels(): Room[] {
    const all = [...this.rooms.values()].map(({ room }) => room);
    return all.filter(({ kind }) => kind === 'channel');
  }

  #list(user: string, { limit = 50, cursor }: { limit?: number; cursor?: string }) {
    const all = [...this.rooms.keys()]
      .filter((room) => this.rooms.get(room)!.mine.get(user)?.state === 'active')
      .map((room) => this.view(room, user))
      .filter(({ archived, count, mine }) => {
        return archived !== true && (mine!.settings?.hidden_count ?? -1) < count;
      })
      .sort((a, b) => {
        const [one, other] = [a, b].map(({ mine }) => Number(mine!.settings?.pinned ?? false));
        return other! - one! || b.activity_at.localeCompare(a.activity_at);
      });
    const from = Number(cursor ?? 0);
    const rooms = all.slice(from, from + limit);
    const next = from + limit < all.length ? String(from + limit) : undefined;
    return { rooms, next, cursor: String(this.#changes) };
  }

  #history(
    stored: StoredRoom,
    {
      before = Infinity,
      after = 0,
      limit = 50,
    }: { before?: number; after?: number; limit?: number },
    user: string,
  ) {
    const { messages, room } = stored;
    const between = messages.filter(({ seq }) => seq < before && seq > after);
    const page = after > 0 ? between.slice(0, limit) : between.slice(-limit);
    const first = page[0]?.seq ?? 0;
    const last = page.at(-1)?.seq ?? Infinity;
    return {
      messages: marks.kept(stored, user, page),
      users: [],
      head: this.head(room.id),
      has_before: messages.some(({ seq }) => seq < first),
      has_after: messages.some(({ seq }) => seq > last),
    };
  }

  #roomSync(
    stored: StoredRoom,
    user: string,
    { rev, epoch, marks: after }: { rev: number; epoch: string; marks?: number },
  ) {
    const { room, messages, members, reads } = stored;
    const reset = epoch !== room.epoch || rev > room.rev;
    return {
      room: room.id,
      reset,
      rev: room.rev,
      epoch: room.epoch,
      more: false,
      messages: reset ? [] : messages.filter((m) => m.rev > rev),
      members: reset ? [] : [...members.values()].filter((m) => m.rev > rev),
      reads: reset ? [] : reads.filter((read) => read.rev > rev),
      room_object: reset
        ? undefined
        : { ...this.view(room.id, user), members: [], mine: undefined },
      min_seq: room.min_seq,
      users: [],
      marks: reset || after === undefined ? undefined : marks.marksAfter(stored, user, after),
    };
  }

  #create(user: string, data: Frame['data']) {
    const direct = data.kind === 'direct';
    const id = direct ? `d_${[user, data.user].sort().join('_')}` : `g_${this.rooms.size}`;
    const created = !this.rooms.has(id);
    if (created) {
      const others = direct ? [data.user as string] : (data.members as string[]);
      this.makeRoom(id, [user, ...others], { kind: direct ? 'direct' : 'group' });
    }
    const first = data.message as { id: string; text: string } | undefined;
    const message =
      first && this.say(id, user, first.text, { messageId: first.id, push: false }).message;
    return { room: this.view(id, user), created, message };
  }
}
