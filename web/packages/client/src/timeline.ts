// A stretch of a room's messages by seq, without holes once what is under way
// has arrived. State merges by rev, so repeats and old copies do no harm.
import type { History, Message } from '@snug/protocol';

export class Timeline {
  #messages: Message[] = [];
  hasBefore = false;
  hasAfter = false;

  get messages(): readonly Message[] {
    return this.#messages;
  }

  get first(): number | undefined {
    return this.#messages[0]?.seq;
  }

  get last(): number | undefined {
    return this.#messages.at(-1)?.seq;
  }

  clear(): void {
    this.#messages = [];
    this.hasBefore = false;
    this.hasAfter = false;
  }

  /** A page that takes the place of everything. */
  set(history: History): void {
    this.clear();
    this.add(history, 'before');
    this.hasAfter = history.has_after;
  }

  /** The next page on one side. */
  add(history: History, side: 'before' | 'after'): void {
    if (side === 'before') this.hasBefore = history.has_before;
    else this.hasAfter = history.has_after;
    for (const message of history.messages) this.#put(message);
  }

  /** News: newer than the stretch, or a newer state of what is in it. */
  merge(messages: readonly Message[]): void {
    for (const message of messages) {
      const { first, last } = this;
      if (last !== undefined && message.seq > last && this.hasAfter) continue;
      if (first !== undefined && message.seq < first && this.hasBefore) continue;
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
