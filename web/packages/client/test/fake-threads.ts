// How threads stand, as the fake server tells it.
import type { Message, ThreadMine } from '@snug/protocol';

export interface Threaded {
  messages: Message[];
  /** Cursors in threads, by user and root. */
  cursors: Map<string, number>;
}

export function threadMine({ messages, cursors }: Threaded, user: string, root: Message) {
  const replies = messages.filter(({ thread }) => thread?.id === root.id);
  const read_seq = cursors.get(`${user}/${root.id}`) ?? 0;
  const news = replies.filter(({ seq, sender }) => seq > read_seq && sender !== user);
  const following = [root, ...replies].some(({ sender }) => sender === user);
  const mine: ThreadMine = { following, read_seq, unread: news.length };
  return mine;
}

/** The root and the reply tell how the thread stands. */
export function summarize({ messages }: Threaded, reply: Message): void {
  const root = messages.find(({ seq }) => seq === reply.thread!.seq)!;
  const replies = messages.filter(({ thread }) => thread?.seq === root.seq);
  root.thread_summary = reply.thread_summary = {
    replies: replies.length,
    last_seq: reply.seq,
    last_at: reply.created_at,
    participants: [...new Set(replies.map(({ sender }) => sender!))],
    rev: reply.rev,
  };
}
