// How far the other members have got a room, and how far they have read it.
import type { Member, Receipts } from '@snug/protocol';

/** The server tells rooms of at most so many members when others get a message. */
export const TOLD_MEMBERS = 100;

export class OthersCursors {
  /** By user; another map when one of them moves. */
  read: ReadonlyMap<string, number> = new Map();
  readonly #got = new Map<string, number>();

  noteRead(user: string, seq: number): void {
    if ((this.read.get(user) ?? 0) < seq) this.read = new Map(this.read).set(user, seq);
  }

  noteGot(cursors: readonly { user: string; seq: number }[]): void {
    for (const { user, seq } of cursors)
      this.#got.set(user, Math.max(this.#got.get(user) ?? 0, seq));
  }

  note({ members }: Receipts): void {
    for (const { user, delivered_seq, read_seq } of members) {
      this.noteGot([{ user, seq: delivered_seq }]);
      this.noteRead(user, read_seq);
    }
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
