// What a send brings beside its words, as the fake server takes it.
import type { Message } from '@snug/protocol';
import { type Frame, refusal } from './fake-connection.js';

export function carried(
  { messages }: { messages: Message[] },
  data: Frame['data'],
): Partial<Message> {
  const { card, location, mentions, format } = data as Partial<Message>;
  const kind = card ? 'card' : location ? 'location' : 'text';
  const answered = messages.find(({ id }) => id === data.reply_to);
  if (data.reply_to !== undefined && !answered) throw refusal('invalid_field');
  const reply_to = answered && { id: answered.id, seq: answered.seq };
  const root = messages.find(({ id }) => id === data.thread);
  const thread = root && { id: root.id, seq: root.seq };
  return { kind, card, location, mentions, reply_to, thread, format };
}
