// Who is online, of those whom the page watches; asked for anew with each connection.
import type { Member, Presence } from '@snug/protocol';
import type { Context } from './context.js';
import { Derived } from './observable.js';
import type { PresenceView } from './types.js';

interface Watch {
  rooms: string[];
  users?: string[];
  /** Whom the answers named. */
  seen: Set<string>;
  /** Whom the answers of the newest round named. */
  next?: Set<string>;
}

export class PresenceBook extends Derived<ReadonlyMap<string, PresenceView>> {
  readonly #ctx: Context;
  readonly #known = new Map<string, PresenceView>();
  readonly #watches = new Set<Watch>();
  /** Events so far, and which was the last of each user: an answer may be older than it. */
  #events = 0;
  readonly #heard = new Map<string, number>();
  /** How many answers are to come: an event may be ahead of the one that names its user. */
  #asking = 0;

  constructor(context: Context) {
    super();
    this.#ctx = context;
  }

  /** Those only whom an answer to a watch that stands has named. */
  protected build(): ReadonlyMap<string, PresenceView> {
    const users = [...this.#watches].flatMap(({ seen }) => [...seen]);
    return new Map(users.map((user) => [user, this.#known.get(user)!]));
  }

  /** Rejects with the refusal; then nothing of it is watched. */
  async watch(rooms: string[], users?: string[]): Promise<() => void> {
    const watch: Watch = { rooms, ...(users && { users }), seen: new Set() };
    this.#watches.add(watch);
    try {
      await this.#ask(watch, rooms);
    } catch (error) {
      this.#end(watch);
      throw error;
    }
    return () => this.#end(watch);
  }

  online(): void {
    for (const watch of this.#watches) this.#renew(watch);
  }

  /** The user, or these members, came or went: who is out of a room is not watched there. */
  moved(room: string, members?: Member[]): void {
    for (const watch of this.#watches) {
      const ends = ({ user, state }: Member) => state === 'left' && watch.seen.has(user);
      if (watch.rooms.includes(room) && (members?.some(ends) ?? true)) this.#renew(watch);
    }
  }

  told(presence: Presence): void {
    if (!this.#asking && !this.getSnapshot().has(presence.user)) return;
    this.#heard.set(presence.user, ++this.#events);
    this.#put(presence);
    this.touch();
  }

  forget(): void {
    this.#watches.clear();
    this.#tidy();
  }

  async #renew(watch: Watch): Promise<void> {
    const next = new Set<string>();
    watch.next = next;
    // Room by room: one that was left meanwhile is refused, and takes no other with it.
    await Promise.allSettled(watch.rooms.map((room) => this.#ask(watch, [room])));
    // Offline, what was known stands until all is asked anew.
    if (watch.next !== next || !this.#ctx.online()) return;
    watch.seen = next;
    this.#tidy();
  }

  async #ask(watch: Watch, rooms: string[]): Promise<void> {
    const { next } = watch;
    const since = this.#events;
    this.#asking++;
    try {
      const asked = { rooms, ...(watch.users && { users: watch.users }) };
      const { users } = await this.#ctx.call('presence.watch', asked);
      for (const presence of users) {
        const { user } = presence;
        // A newer round names them itself, or knows that they are out.
        if (watch.next === next) {
          watch.seen.add(user);
          next?.add(user);
        }
        if ((this.#heard.get(user) ?? 0) <= since) this.#put(presence);
      }
    } finally {
      this.#asking--;
      this.#tidy();
    }
    // It may have been carried out after the end.
    if (!this.#watches.has(watch)) this.#release(rooms);
  }

  #put({ user, online, last_seen }: Presence): void {
    const lastSeen = last_seen ? Date.parse(last_seen) : undefined;
    this.#known.set(user, { online, lastSeen });
  }

  /** Forgets whom nobody watches. */
  #tidy(): void {
    this.touch();
    const shown = this.getSnapshot();
    for (const user of this.#asking ? [] : this.#known.keys()) {
      if (shown.has(user)) continue;
      this.#known.delete(user);
      this.#heard.delete(user);
    }
  }

  #end(watch: Watch): void {
    if (!this.#watches.delete(watch)) return;
    this.#tidy();
    this.#release(watch.rooms);
  }

  /** What another watch names is watched on. */
  #release(rooms: string[]): void {
    const left = [...this.#watches].reverse();
    for (const room of rooms) {
      const other = left.find((watch) => watch.rooms.includes(room));
      const done = other
        ? this.#ask(other, [room])
        : this.#ctx.request('presence.unwatch', { rooms: [room] });
      done.catch(() => {});
    }
  }
}
