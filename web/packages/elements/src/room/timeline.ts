// Turns a room's messages into what stands on the screen: day separators, the
// unread line, groups. A pure function, so that every rule has a plain test.
import type { MessageView } from '@snug/client';
import { dayOf } from '../text/time.js';

export type TimelineItem =
  | { type: 'day'; key: string; at: number }
  | { type: 'unread'; key: string }
  /** Between the root of a thread and its replies. */
  | { type: 'replies'; key: string }
  | { type: 'system'; key: string; message: MessageView }
  | { type: 'message'; key: string; message: MessageView; first: boolean; last: boolean };

/** A run by one sender is one group for five minutes from its first message. */
export const GROUP_MS = 5 * 60_000;

type MessageItem = TimelineItem & { type: 'message' };

interface Group {
  sender: string;
  since: number;
  item: MessageItem;
}

function senderOf(message: MessageView): string {
  return message.own ? '\u0000own' : (message.sender?.id ?? '');
}

export function layTimeline(
  messages: readonly MessageView[],
  unreadLineSeq: number | undefined,
  root?: string,
): TimelineItem[] {
  const items: TimelineItem[] = [];
  let day = Number.NaN;
  let lineDrawn = unreadLineSeq === undefined;
  let open = undefined as Group | undefined;

  for (const message of messages) {
    const today = dayOf(message.createdAt);
    if (today !== day) {
      day = today;
      open = undefined;
      items.push({ type: 'day', key: `day:${today}`, at: message.createdAt });
    }
    // Never above one's own message: what one wrote oneself is not unread.
    if (!lineDrawn && !message.own && (message.seq ?? 0) >= (unreadLineSeq ?? 0)) {
      lineDrawn = true;
      open = undefined;
      items.push({ type: 'unread', key: 'unread' });
    }
    if (message.kind === 'system') {
      open = undefined;
      items.push({ type: 'system', key: message.id, message });
      continue;
    }
    const sender = senderOf(message);
    const joins: boolean = open?.sender === sender && message.createdAt - open.since < GROUP_MS;
    const item: MessageItem = {
      type: 'message',
      key: message.id,
      message,
      first: !joins,
      last: true,
    };
    if (joins && open) open.item.last = false;
    items.push(item);
    if (message.id === root) {
      open = undefined;
      items.push({ type: 'replies', key: 'replies' });
      continue;
    }
    // Under a failed message stand its buttons, so a group ends there.
    if (message.status === 'failed') open = undefined;
    else open = { sender, since: joins && open ? open.since : message.createdAt, item };
  }
  return items;
}
