// A user's own marks on the messages of one room, by message id. The newest of each is kept by its
// rev, whatever way it came, so that a page that was read earlier undoes nothing.
import type { Message, Mine, Own, RoomSync } from '@snug/protocol';

export class OwnMarks {
  /** Every mark up to it is known, of the messages that are. */
  rev = 0;
  #known = new Map<string, Own>();

  get(id: string): Own | undefined {
    return this.#known.get(id);
  }

  put(id: string, own: Own): void {
    if (own.rev > (this.get(id)?.rev ?? 0)) this.#known.set(id, own);
    if (own.rev === this.rev + 1) this.rev++;
  }

  /** What messages of a page say; their revs are no news of other messages. */
  note(messages: readonly Message[] = []): void {
    const { rev } = this;
    for (const { id, own } of messages) if (own) this.put(id, own);
    this.rev = rev;
  }

  /** What a sync tells, which leaves nothing out. */
  synced({ messages, marks }: RoomSync): void {
    this.note(messages);
    for (const { id, own } of marks?.changed ?? []) this.put(id, own);
    this.rev = Math.max(this.rev, marks?.rev ?? 0);
  }

  /** Whether some were missed. */
  behind(mine: Mine | null | undefined): boolean {
    return (mine?.marks?.rev ?? 0) > this.rev;
  }

  clear(): void {
    this.rev = 0;
    this.#known.clear();
  }
}
