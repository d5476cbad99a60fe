// The user's own cursors in the threads of one room, by root, as far as they were told.
import type { Message, ThreadMine } from '@snug/protocol';

export class ThreadCursors {
  /** What is known to be read, and who follows. */
  #known = new Map<string, { following: boolean; seq: number }>();

  /** Where nothing is unread, all that the root knows of has been read, own replies too. */
  note(thread: string, { following, read_seq, unread }: ThreadMine, root?: Message): void {
    const told = (!unread && root?.thread_summary?.last_seq) || 0;
    const seq = Math.max(told, read_seq, this.#known.get(thread)?.seq ?? 0);
    this.#known.set(thread, { following, seq });
  }

  /** Who replies follows, and has seen what is above. */
  replied(messages: readonly Message[], me: string | undefined): void {
    for (const { thread, sender, seq } of messages) {
      const cursor = this.#known.get(thread?.id ?? '');
      if (cursor && sender === me && seq > cursor.seq)
        this.#known.set(thread!.id, { following: true, seq });
    }
  }

  /** Whether there is news in the thread at a message, where that is known. */
  unread({ id, thread_summary }: Message): boolean | undefined {
    const cursor = this.#known.get(id);
    return cursor?.following && (thread_summary?.last_seq ?? 0) > cursor.seq;
  }

  clear(): void {
    this.#known.clear();
  }
}
