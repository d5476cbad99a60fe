// How far the other members have got a room, and how far they have read it.
import type { Member, Receipts } from '@snug/protocol';

/** The server tells rooms of at most so many members when others get a message. */
export const TOLD_MEMBERS = 100;

export class OthersCursors {
  /** By user; another map when one of them moves. */
  read: ReadonlyMap<string, number> = new Map();
  readonly #got = new Map<string, number>();

  noteRead(cursors: readonly { user: string; seq: number }[]): void {
    const news = cursors.filter(({ user, seq }) => (this.read.get(user) ?? 0) < seq);
    if (!news.length) return;
    const read = new Map(this.read);
    for (const { user, seq } of news) read.set(user, Math.max(read.get(user) ?? 0, seq));
    this.read = read;
  }

  noteGot(cursors: readonly { user: string; seq: number }[]): void {
    for (const { user, seq } of cursors)
      this.#got.set(user, Math.max(this.#got.get(user) ?? 0, seq));
  }

  note({ members }: Receipts): void {
    this.noteGot(members.map(({ user, delivered_seq: seq }) => ({ user, seq })));
    this.noteRead(members.map(({ user, read_seq: seq }) => ({ user, seq })));
  }

  /**
   * How far the one got it who got furthest, and read it who read furthest, `upTo` at most; who read
   * has got it.
   */
  furthest(
    members: ReadonlyMap<string, Member>,
    me: string | undefined,
    upTo = Number.POSITIVE_INFINITY,
  ): { got: number; read: number } {
    const top = (cursors: ReadonlyMap<string, number>) => {
      let furthest = 0;
      for (const [user, seq] of cursors)
        if (user !== me && (members.get(user)?.state ?? 'active') === 'active')
          furthest = Math.max(furthest, seq);
      return Math.min(upTo, furthest);
    };
    const read = top(this.read);
    return { got: Math.max(read, top(this.#got)), read };
  }
}
