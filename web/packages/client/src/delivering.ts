// "This device has it", for all rooms in one frame: the highest of each wins. Nothing is said twice,
// and nothing that was read meanwhile, which says more.
import type { Context } from './context.js';
import { Timer } from './timer.js';

const EVERY_MS = 1_000;
/** In one frame; the rest is said in the next. */
const ROOMS = 100;

export class Delivering {
  readonly #context: Pick<Context, 'online' | 'request'>;
  readonly #readUpTo: (room: string) => number;
  readonly #timer = new Timer();
  readonly #wanted = new Map<string, number>();
  readonly #said = new Map<string, number>();

  constructor(context: Pick<Context, 'online' | 'request'>, readUpTo: (room: string) => number) {
    this.#context = context;
    this.#readUpTo = readUpTo;
  }

  got(room: string, seq: number): void {
    if (seq <= (this.#wanted.get(room) ?? this.#said.get(room) ?? 0)) return;
    this.#wanted.set(room, seq);
    this.flush();
  }

  /** Also when the connection is back. */
  flush(): void {
    if (this.#wanted.size && !this.#timer.running && this.#context.online())
      this.#timer.set(EVERY_MS, () => this.#say());
  }

  forget(): void {
    this.#timer.clear();
    this.#wanted.clear();
    this.#said.clear();
  }

  #say(): void {
    const rooms: Record<string, number> = {};
    let n = 0;
    for (const [room, seq] of this.#wanted) {
      if (!this.#context.online() || n === ROOMS) break;
      this.#wanted.delete(room);
      this.#said.set(room, seq);
      if (this.#readUpTo(room) >= seq) continue;
      rooms[room] = seq;
      n++;
    }
    // Lost, it is said with the next message; it is not worth more.
    if (n) this.#context.request('delivered', { rooms }).catch(() => {});
    this.flush();
  }
}
