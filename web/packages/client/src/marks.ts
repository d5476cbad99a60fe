// A user's own marks on the messages of one room, by message id. The newest of each is kept by its
// rev, whatever way it came, so that a page that was read earlier undoes nothing.
import type { Mine, Own } from '@snug/protocol';

export class OwnMarks {
  /** Every mark up to it is known, of the messages that are. */
  rev = 0;
  readonly #known = new Map<string, Own>();

  get(id: string): Own | undefined {
    return this.#known.get(id);
  }

  /** What is said of messages; with a rev nothing up to it is missing now. */
  note(said: readonly { id: string; own?: Own | null }[], rev = 0): void {
    for (const { id, own } of said)
      if (own && own.rev > (this.get(id)?.rev ?? 0)) this.#known.set(id, own);
    this.rev = Math.max(this.rev, rev);
  }

  clear(): void {
    this.rev = 0;
    this.#known.clear();
  }

  /** Whether some were missed. */
  behind(mine: Mine | null | undefined): boolean {
    return (mine?.marks?.rev ?? 0) > this.rev;
  }
}
