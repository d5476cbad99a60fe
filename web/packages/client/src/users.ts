// Who is who: the newest that was heard of every user, shared by all rooms.
import type { Member, Message, User } from '@snug/protocol';

export class UserBook {
  readonly #users = new Map<string, User>();
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get(id: string): User | undefined {
    return this.#users.get(id);
  }

  /** Those of these, and of who said something, who are known: by id. */
  among(ids: Iterable<string>, said: readonly Message[]): Map<string, User> {
    const found = new Map<string, User>();
    for (const id of [...ids, ...said.map(({ sender }) => sender)]) {
      const user = this.#users.get(id ?? '');
      if (user) found.set(user.id, user);
    }
    return found;
  }

  /** The name to show: the user's own, else the id. */
  name(id: string): string {
    return this.#users.get(id)?.name || id;
  }

  put(users: readonly User[]): void {
    let changed = false;
    for (const user of users) {
      const known = this.#users.get(user.id);
      // Absent is not cleared: a member carries fewer fields than a user.
      const fields = Object.entries(user).filter(([, value]) => value != null);
      const next = { ...known, ...Object.fromEntries(fields) } as User;
      if (JSON.stringify(next) === JSON.stringify(known)) continue;
      this.#users.set(user.id, next);
      changed = true;
    }
    if (changed) this.#changed();
  }

  putMembers(members: readonly Member[]): void {
    this.put(
      members.map(({ user, name, avatar, custom, session_custom }) => ({
        id: user,
        name,
        avatar,
        custom,
        session_custom,
      })),
    );
  }

  /** A full User object: what it leaves out is cleared. */
  replace(user: User): void {
    this.#users.set(user.id, user);
    this.#changed();
  }

  clear(): void {
    this.#users.clear();
  }
}
