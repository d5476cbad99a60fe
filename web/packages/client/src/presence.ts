// Who is online, of those whom the page watches; asked for anew with each connection.
import type { Presence } from '@snug/protocol';
import type { Context } from './context.js';
import { Derived } from './observable.js';
import type { PresenceView } from './types.js';

interface Watch {
  rooms: string[];
  users?: string[];
  /** Whom the answers named. */
  seen: Set<string>;
}

export class PresenceBook extends Derived<ReadonlyMap<string, PresenceView>> {
  readonly #ctx: Context;
  readonly #known = new Map<string, PresenceView>();
  readonly #watches = new Set<Watch>();
  /** Events so far, and which was the last of each user: an answer may be older than it. */
  #events = 0;
  readonly #heard = new Map<string, number>();

  constructor(context: Context) {
    super();
    this.#ctx = context;
  }

  protected build(): ReadonlyMap<string, PresenceView> {
    return new Map(this.#known);
  }

  /** Rejects with the refusal; then nothing of it is watched. */
  async watch(rooms: string[], users?: string[]): Promise<() => void> {
    const watch: Watch = { rooms, ...(users && { users }), seen: new Set() };
    this.#watches.add(watch);
    try {
      await this.#ask(watch, rooms, true);
    } catch (error) {
      this.#end(watch);
      throw error;
    }
    return () => this.#end(watch);
  }

  online(): void {
    // Room by room: one that was left meanwhile is refused, and takes no other with it.
    for (const watch of this.#watches)
      for (const room of watch.rooms) this.#ask(watch, [room]).catch(() => {});
  }

  told(presence: Presence): void {
    this.#heard.set(presence.user, ++this.#events);
    this.#put(presence);
    this.touch();
  }

  forget(): void {
    this.#watches.clear();
    this.#known.clear();
    this.touch();
  }

  async #ask(watch: Watch, rooms: string[], again = false): Promise<void> {
    const since = this.#events;
    const asked = { rooms, ...(watch.users && { users: watch.users }) };
    const { users } = await (again
      ? this.#ctx.call('presence.watch', asked)
      : this.#ctx.request('presence.watch', asked));
    for (const presence of users) {
      watch.seen.add(presence.user);
      if ((this.#heard.get(presence.user) ?? 0) <= since) this.#put(presence);
    }
    this.touch();
  }

  #put({ user, online, last_seen }: Presence): void {
    const lastSeen = last_seen ? Date.parse(last_seen) : undefined;
    this.#known.set(user, { online, lastSeen });
  }

  /** What another watch names is watched on. */
  #end(watch: Watch): void {
    if (!this.#watches.delete(watch)) return;
    const left = [...this.#watches].reverse();
    for (const user of watch.seen)
      if (!left.some(({ seen }) => seen.has(user))) this.#known.delete(user);
    this.touch();
    for (const room of watch.rooms) {
      const other = left.find(({ rooms }) => rooms.includes(room));
      const done = other
        ? this.#ask(other, [room])
        : this.#ctx.request('presence.unwatch', { rooms: [room] });
      done.catch(() => {});
    }
  }
}
