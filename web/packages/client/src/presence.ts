// Who is online, of those whom the page watches; asked for anew with each connection.
import type { Presence } from '@snug/protocol';
import type { Context } from './context.js';
import { Derived } from './observable.js';
import type { PresenceView } from './types.js';

interface Watch {
  rooms: string[];
  users: string[] | undefined;
}

export class PresenceBook extends Derived<ReadonlyMap<string, PresenceView>> {
  readonly #ctx: Context;
  readonly #known = new Map<string, PresenceView>();
  readonly #watches = new Set<Watch>();

  constructor(context: Context) {
    super();
    this.#ctx = context;
  }

  protected build(): ReadonlyMap<string, PresenceView> {
    return new Map(this.#known);
  }

  /** Rejects with the refusal; then nothing is watched. */
  async watch(rooms: string[], users?: string[]): Promise<() => void> {
    const watch = { rooms, users };
    this.#watches.add(watch);
    try {
      this.put((await this.#ctx.call('presence.watch', watch)).users);
    } catch (error) {
      this.#watches.delete(watch);
      throw error;
    }
    return () => this.#end(watch);
  }

  online(): void {
    // What is refused now is of a room that was left meanwhile.
    for (const watch of this.#watches)
      this.#ctx.request('presence.watch', watch).then(
        ({ users }) => this.put(users),
        () => {},
      );
  }

  put(presences: readonly Presence[]): void {
    for (const { user, online, last_seen } of presences)
      this.#known.set(user, {
        online,
        lastSeen: last_seen ? Date.parse(last_seen) : undefined,
      });
    this.touch();
  }

  forget(): void {
    this.#watches.clear();
    this.#known.clear();
    this.touch();
  }

  #end(watch: Watch): void {
    if (!this.#watches.delete(watch)) return;
    const left = [...this.#watches].flatMap(({ rooms }) => rooms);
    const rooms = watch.rooms.filter((room) => !left.includes(room));
    if (rooms.length) this.#ctx.request('presence.unwatch', { rooms }).catch(() => {});
  }
}
