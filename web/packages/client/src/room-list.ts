// The rooms of the user, the pinned ones first, latest activity first: loaded by page, kept by heads,
// caught up by the user's cursor. It holds every entry, listed or not.
import type { Room } from '@snug/protocol';
import type { Context } from './context.js';
import { RoomEntry } from './entry.js';
import { Derived } from './observable.js';
import { asSnugError } from './problem.js';
import { Timer } from './timer.js';
import type { ProblemView, RoomList, RoomListSnapshot, RoomView } from './types.js';

const PAGE = 30;
/** Heads of rooms that are not known yet are looked up together. */
const GATHER_MS = 50;

export class RoomListStore extends Derived<RoomListSnapshot> implements RoomList {
  readonly #context: Context;
  readonly #entries = new Map<string, RoomEntry>();
  #status: RoomListSnapshot['status'] = 'loading';
  #problem: ProblemView | undefined;
  #next: string | undefined;
  #cursor: string | undefined;
  #work: Promise<void> | undefined;
  readonly #gather = new Timer();
  #unread = 0;
  #mentions = 0;
  #age = 0;

  constructor(context: Context) {
    super();
    this.#context = context;
    this.subscribe(() => this.#tellUnread());
  }

  entry(id: string): RoomEntry {
    let entry = this.#entries.get(id);
    if (!entry) {
      entry = new RoomEntry(id, this.#context, () => this.touch());
      this.#entries.set(id, entry);
    }
    return entry;
  }

  loadMore(): Promise<void> {
    const cursor = this.#next;
    if (cursor === undefined) return Promise.resolve();
    return this.#alone((current) => this.#page(current, cursor));
  }

  refresh(): Promise<void> {
    return this.#alone((current) => this.#page(current));
  }

  /** After every (re)connect: the first page once, from then on what changed. */
  async online(): Promise<void> {
    if (this.#cursor === undefined) return this.refresh();
    return this.#sync();
  }

  /** Names changed: views are built anew. */
  stale(): void {
    for (const entry of this.#entries.values()) entry.stale();
    this.touch();
  }

  forget(): void {
    this.#age++;
    this.#gather.clear();
    for (const entry of this.#entries.values()) entry.forget();
    this.#work = undefined;
    this.#cursor = undefined;
    this.#next = undefined;
    this.#turn('loading');
  }

  /** A head came of a room that is not known yet. */
  lookUp(): void {
    if (this.#gather.running) return;
    this.#gather.set(GATHER_MS, () => {
      if (this.#cursor !== undefined && this.#context.online()) this.#sync().catch(() => {});
    });
  }

  #sync(): Promise<void> {
    return this.#alone(async (current) => {
      for (;;) {
        const cursor = this.#cursor;
        if (cursor === undefined) return;
        const page = await this.#context.call('sync', { cursor });
        if (!current()) return;
        if (page.reset) {
          for (const entry of this.#entries.values()) entry.left();
          this.#cursor = undefined;
          return this.#page(current);
        }
        for (const room of page.rooms) this.#applySynced(room);
        this.#cursor = page.cursor;
        if (!page.more || page.cursor === cursor) return;
      }
    });
  }

  #applySynced(room: Room): void {
    const entry = this.entry(room.id);
    const was = entry.listed;
    if (room.deleted) entry.left();
    else entry.applyRoom(room);
    const came = entry.invited ? 'invited' : was ? 'changed' : 'joined';
    const change = entry.listed ? came : was ? 'left' : undefined;
    if (change) this.#context.emit('room', { room: room.id, change });
  }

  async #page(current: () => boolean, cursor?: string): Promise<void> {
    const page = await this.#context.call('rooms.list', { limit: PAGE, cursor });
    if (!current()) return;
    // The oldest cursor stays: what changed in rooms beyond this page counts too.
    this.#cursor ??= page.cursor;
    for (const room of page.rooms) this.entry(room.id).applyRoom(room);
    this.#next = page.next ?? undefined;
    this.#turn('ready');
    // Heads that came before the list, of rooms that it does not hold.
    if ([...this.#entries.values()].some(({ waiting }) => waiting)) this.lookUp();
  }

  /** One at a time, in the order asked: pages and cursors must not cross. */
  #alone(work: (current: () => boolean) => Promise<void>): Promise<void> {
    const age = this.#age;
    const current = () => age === this.#age;
    const done = (this.#work ?? Promise.resolve())
      .catch(() => {})
      .then(() => (current() ? work(current) : undefined))
      .catch((error) => {
        const problem = asSnugError(error);
        if (current() && this.#status === 'loading') this.#turn('error', { ...problem });
        throw problem;
      });
    done.catch(() => {});
    this.#work = done;
    return done;
  }

  #turn(status: RoomListSnapshot['status'], problem?: ProblemView): void {
    this.#status = status;
    this.#problem = problem;
    this.touch();
  }

  protected build(): RoomListSnapshot {
    const rooms: RoomView[] = [];
    for (const entry of this.#entries.values()) if (entry.listed) rooms.push(entry.view());
    rooms.sort(
      (a, b) => +b.pinned - +a.pinned || b.activityAt - a.activityAt || (a.id < b.id ? -1 : 1),
    );
    const loud = rooms.filter(({ muted }) => !muted);
    return {
      status: this.#status,
      rooms,
      unread: loud.reduce((sum, { unread }) => sum + unread, 0),
      mentions: loud.reduce((sum, { mentions }) => sum + mentions, 0),
      hasMore: this.#next !== undefined,
      problem: this.#problem,
    };
  }

  #tellUnread(): void {
    const { unread, mentions } = this.getSnapshot();
    if (unread === this.#unread && mentions === this.#mentions) return;
    this.#unread = unread;
    this.#mentions = mentions;
    this.#context.emit('unread', { unread, mentions });
  }
}
