// "This device has it", for all rooms in one frame: the highest of each wins. Nothing is said twice,
// and nothing that was read meanwhile, which says more.
import type { Context } from './context.js';
import type { RoomEntry } from './entry.js';
import { asSnugError } from './problem.js';
import { TOLD_MEMBERS } from './receipts.js';
import { Timer } from './timer.js';

const EVERY_MS = 1_000;
/** In a room whose members are not told it is not urgent, and must not be said by all at once. */
const LARGE_MS = 5_000;
const LARGE_SPREAD_MS = 25_000;
/** In one frame; the rest is said in the next. */
const ROOMS = 100;

export class Delivering {
  readonly #context: Pick<Context, 'online' | 'request' | 'random'>;
  readonly #entry: (room: string) => RoomEntry;
  readonly #timer = new Timer();
  /** Whether the timer is one of a large room. */
  #slow = false;
  readonly #wanted = new Map<string, number>();
  readonly #said = new Map<string, number>();

  constructor(
    context: Pick<Context, 'online' | 'request' | 'random'>,
    entry: (room: string) => RoomEntry,
  ) {
    this.#context = context;
    this.#entry = entry;
  }

  got(room: string, seq: number): void {
    if (seq <= (this.#wanted.get(room) ?? this.#said.get(room) ?? 0)) return;
    this.#wanted.set(room, seq);
    this.#wait(this.#large(room));
  }

  /** Also when the connection is back. */
  flush(): void {
    if (this.#wanted.size) this.#wait([...this.#wanted.keys()].every((room) => this.#large(room)));
  }

  forget(): void {
    this.#timer.clear();
    this.#wanted.clear();
    this.#said.clear();
  }

  #large(room: string): boolean {
    return (this.#entry(room).room?.member_count ?? 0) > TOLD_MEMBERS;
  }

  /** A small room does not wait for a large one. */
  #wait(slow: boolean): void {
    if (!this.#context.online() || (this.#timer.running && (slow || !this.#slow))) return;
    this.#slow = slow;
    const chance = this.#context.random();
    const ms = slow ? LARGE_MS + chance * LARGE_SPREAD_MS : (chance + 0.5) * EVERY_MS;
    this.#timer.set(ms, () => this.#say());
  }

  #say(): void {
    const rooms: Record<string, number> = {};
    let n = 0;
    for (const [room, seq] of this.#wanted) {
      if (!this.#context.online() || n === ROOMS) break;
      this.#wanted.delete(room);
      this.#said.set(room, seq);
      if ((this.#entry(room).mine?.read_seq ?? 0) >= seq) continue;
      rooms[room] = seq;
      n++;
    }
    if (n)
      this.#context.request('delivered', { rooms }).catch((error) => {
        if (!asSnugError(error).retryable) return;
        // It is said again, unless there is more to say by now, or all of it was forgotten.
        for (const [room, seq] of Object.entries(rooms))
          if (this.#said.get(room) === seq && !this.#wanted.has(room)) this.#wanted.set(room, seq);
        this.flush();
      });
    this.flush();
  }
}
