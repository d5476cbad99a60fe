// Tells what happens in a client, in the words of the page around.
import type { Client, ClientEvents, RoomView } from '@snug/client';
import type { Happening, RoomUnread, Said } from './messages.js';

type Tell = (happening: Happening) => void;

/** Messages and unread numbers of every room; answers the way to stop. */
export function watchRooms(client: Client, tell: Tell): () => void {
  const numbers = new Map<string, number>();
  let sum: number | undefined;
  const count = () => {
    const { status, rooms, unread } = client.rooms.getSnapshot();
    if (status !== 'ready') return;
    const changed: RoomUnread[] = [];
    const now = new Set<string>();
    for (const view of rooms) {
      now.add(view.id);
      if ((numbers.get(view.id) ?? 0) !== view.unread) changed.push(unreadOf(view));
      numbers.set(view.id, view.unread);
    }
    for (const id of numbers.keys()) if (!now.has(id)) numbers.delete(id);
    if (sum === unread && changed.length === 0) return;
    sum = unread;
    tell({ type: 'unread-changed', unread, rooms: changed });
  };
  const stops = [
    client.rooms.subscribe(count),
    client.on('message', (event) => {
      const message = said(event);
      if (message) tell({ type: 'new-message', room: event.room, own: event.own, message });
    }),
  ];
  count();
  return () => {
    for (const stop of stops) stop();
  };
}

/** Says once that the room is open, or why it is not; answers the way to stop. */
export function watchRoom(client: Client, id: string, tell: Tell): () => void {
  const handle = client.room(id);
  const look = (): boolean => {
    const { status, room, title, problem } = handle.getSnapshot();
    if (status === 'ready' && room) {
      tell({ type: 'room-opened', room: id, title, kind: room.kind });
    } else if (status === 'no_access' || status === 'error') {
      const code = problem?.code ?? 'not_a_member';
      tell({ type: 'error', code, detail: problem?.detail ?? '', room: id });
    } else return false;
    return true;
  };
  let over = look();
  const stop = handle.subscribe(() => {
    if (over) return;
    over = look();
  });
  return stop;
}

function unreadOf({ id, title, kind, unread }: RoomView): RoomUnread {
  return { room: id, title, kind, unread };
}

function said({ message, preview, user }: ClientEvents['message']): Said | undefined {
  const from = message ?? preview;
  if (!from) return undefined;
  return {
    id: message?.id,
    seq: from.seq,
    sender: from.sender ?? undefined,
    sender_name: user?.name ?? undefined,
    kind: from.kind,
    text: from.text ?? undefined,
    created_at: from.created_at,
  };
}
