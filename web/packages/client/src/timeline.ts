// A stretch of a room's messages by seq, without holes once what is under way
// has arrived. State merges by rev, so repeats and old copies do no harm.
import type { History, Message } from '@snug/protocol';

type Page = Pick<History, 'messages' | 'has_before' | 'has_after'>;
type Side = 'before' | 'after';

export class Timeline {
  #messages: Message[] = [];
  /** Of a thread's: the id of the message that stands before the stretch. */
  root: string | undefined;
  hasBefore = false;
  hasAfter = false;
  /** Pages that are asked for; another one with each clearing, and an answer from before is void. */
  underWay: { [side in Side]?: Promise<void> } = {};

  get messages(): readonly Message[] {
    return this.#messages;
  }

  get first(): number | undefined {
    return this.#messages[this.root ? 1 : 0]?.seq;
  }

  get last(): number | undefined {
    return this.#messages.at(-1)?.seq;
  }

  clear(): void {
    this.#messages = [];
    this.hasBefore = false;
    this.hasAfter = false;
    this.underWay = {};
  }

  /** A page that takes the place of everything. */
  set(history: Page): void {
    this.clear();
    this.add(history, 'before');
    this.hasAfter = history.has_after;
  }

  /** The next page on one side. */
  add(history: Page, side: Side): void {
    if (side === 'before') this.hasBefore = history.has_before;
    else this.hasAfter = history.has_after;
    for (const message of history.messages) this.#put(message);
  }

  /** Asks for the next page on one side, once. */
  load(
    side: Side,
    ask: (page: { [side in Side]?: number }) => Promise<Page>,
    shown: { touch(): void },
  ): Promise<void> {
    const before = side === 'before';
    if (!(before ? this.hasBefore : this.hasAfter)) return Promise.resolve();
    const { underWay } = this;
    underWay[side] ??= ask({ [side]: before ? this.first : this.last })
      .then((page) => {
        if (underWay === this.underWay) this.add(page, side);
      })
      .finally(() => {
        underWay[side] = undefined;
        shown.touch();
      });
    shown.touch();
    return underWay[side];
  }

  /** News: newer than the stretch, or a newer state of what is in it. */
  merge(messages: readonly Message[]): void {
    for (const message of messages) {
      const { first, last } = this;
      if (last !== undefined && message.seq > last && this.hasAfter) continue;
      const above = first !== undefined && message.seq < first && message.id !== this.root;
      if (above && this.hasBefore) continue;
      this.#put(message);
    }
  }

  /** Everything below has been taken away for good. */
  cutBelow(minSeq: number): void {
    if ((this.first ?? minSeq) < minSeq) {
      this.#messages = this.#messages.filter(({ seq }) => seq >= minSeq);
    }
    if ((this.first ?? 0) <= minSeq) this.hasBefore = false;
  }

  /** The first message of others above this seq that counts; the next seq where it is not loaded. */
  firstUnread(
    read: number,
    me: string | undefined,
    gone: (id: string) => boolean,
  ): number | undefined {
    if ((this.first ?? 0) > read + 1) return read + 1;
    const counts = ({ id, seq, sender, kind, silent, thread }: Message) =>
      seq > read && sender !== me && kind !== 'system' && !(silent || thread || gone(id));
    return this.messages.find(counts)?.seq;
  }

  #put(message: Message): void {
    const messages = this.#messages;
    let at = messages.length;
    while (at > 0 && messages[at - 1]!.seq > message.seq) at--;
    const known = messages[at - 1];
    if (known?.seq === message.seq) {
      if (message.rev >= known.rev) messages[at - 1] = newest(message, known);
    } else {
      messages.splice(at, 0, message);
    }
    // Every reply tells how its thread stands, also to a root that loads late.
    const of = message.thread?.seq ?? message.seq;
    const root = messages.findIndex(({ seq }) => seq === of);
    for (const reply of messages)
      if (reply.thread?.seq === of && root >= 0) messages[root] = newest(messages[root]!, reply);
  }
}

/** A message with the newer one of two views of its thread. */
function newest(message: Message, other: Message): Message {
  const { thread_summary } = other;
  const newer = (thread_summary?.rev ?? 0) > (message.thread_summary?.rev ?? 0);
  return newer ? { ...message, thread_summary } : message;
}
