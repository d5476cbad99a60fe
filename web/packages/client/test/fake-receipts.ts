// Receipts, as the server has them: one delivered cursor for each member, which only goes up.
import type { Member, Message, Receipts, Room } from '@snug/protocol';
import { refusal } from './fake-connection.js';

export interface Receiving {
  room: Room;
  messages: Message[];
  members: Map<string, Member>;
  /** By user: up to which seq a device has got the room. */
  got: Map<string, number>;
}

/** Never back, and not below what was read. */
export function moveGot({ room, members, got }: Receiving, user: string, seq: number): void {
  const member = members.get(user);
  const known = Math.max(got.get(user) ?? 0, member?.read_seq ?? 0);
  if (member?.state === 'active') got.set(user, Math.max(known, Math.min(seq, room.seq)));
}

/** As the server does it, which tells others of it; here is nobody else to be told. */
export function deliver(
  all: ReadonlyMap<string, Receiving>,
  user: string,
  rooms: Record<string, number>,
): object {
  for (const [id, seq] of Object.entries(rooms)) {
    const stored = all.get(id);
    if (stored) moveGot(stored, user, seq);
  }
  return {};
}

export function receipts(stored: Receiving, id: unknown): Receipts {
  const message = stored.messages.find((one) => one.id === id);
  if (!message) throw refusal('message_not_found');
  const { seq, sender } = message;
  const others = [...stored.members.values()].filter(
    ({ user, state }) => state === 'active' && user !== sender,
  );
  const members = others
    .map(({ user, read_seq }) => {
      return { user, delivered_seq: Math.max(stored.got.get(user) ?? 0, read_seq), read_seq };
    })
    .sort((one, other) => (one.user < other.user ? -1 : 1));
  const delivered = members.filter((one) => one.delivered_seq >= seq).length;
  const read = members.filter(({ read_seq }) => read_seq >= seq).length;
  const users = members.map(({ user }) => ({ id: user, name: user }));
  return { seq, counts: { members: members.length, delivered, read }, members, users };
}
