// Who is who: the newest that was heard of every user, shared by all rooms.
import type { Member, User } from '@snug/protocol';

export class UserBook {
  readonly #users = new Map<string, User>();
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get(id: string): User | undefined {
    return this.#users.get(id);
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
