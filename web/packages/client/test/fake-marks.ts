// Own marks on messages, as the fake server keeps them.
import type { Marks, MarksPage, Message, Own } from '@snug/protocol';

/** What of a room they hang at. */
export interface Marking {
  messages: Message[];
  /** By user, then by message. */
  marks: Map<string, Map<string, Own>>;
}

export type Patch = { starred?: boolean; deleted?: boolean };

export function standing({ messages, marks }: Marking, user: string): Marks | undefined {
  const own = marks.get(user);
  if (!own) return undefined;
  const gone = messages.filter(({ id }) => own.get(id)?.deleted).map(({ seq }) => seq);
  const rev = Math.max(...[...own.values()].map((one) => one.rev));
  return { rev, deleted_seq: gone.length ? Math.max(...gone) : null };
}

/** What is so already takes no rev. */
export function mark(room: Marking, user: string, id: string, patch: Patch, now: () => string) {
  const { seq } = room.messages.find((one) => one.id === id)!;
  const old = room.marks.get(user)?.get(id);
  const deleted = patch.deleted || old?.deleted;
  const starred = !deleted && (patch.starred ?? old?.starred_at != null);
  const starred_at = starred ? (old?.starred_at ?? now()) : undefined;
  const same = deleted === old?.deleted && starred_at === (old?.starred_at ?? undefined);
  const rev = same ? (old?.rev ?? 0) : (standing(room, user)?.rev ?? 0) + 1;
  const own: Own = { rev, starred_at, deleted };
  if (!same) room.marks.set(user, new Map(room.marks.get(user)).set(id, own));
  return { seq, own, same };
}

/** Messages as the user reads them. */
export function kept({ marks }: Marking, user: string, messages: Message[]): Message[] {
  return messages.map((message) => {
    const own = marks.get(user)?.get(message.id);
    return own ? { ...message, own, text: own.deleted ? undefined : message.text } : message;
  });
}

/** How many of others after the cursor were deleted by the user. */
export function gone({ messages, marks }: Marking, user: string, read: number): number {
  const own = marks.get(user);
  const counts = ({ id, seq, sender, thread }: Message) =>
    seq > read && sender !== user && !thread && own?.get(id)?.deleted;
  return messages.filter(counts).length;
}

export function marksAfter(room: Marking, user: string, rev: number): MarksPage {
  const changed = room.messages.flatMap(({ id, seq }) => {
    const own = room.marks.get(user)?.get(id);
    return own && own.rev > rev ? [{ id, seq, own }] : [];
  });
  return { changed, rev: standing(room, user)?.rev ?? 0, more: false };
}

export function starred(rooms: Marking[], user: string) {
  const all = rooms.flatMap((room) => kept(room, user, room.messages));
  const messages = all.filter(({ own }) => own?.starred_at);
  messages.sort((a, b) => b.own!.starred_at!.localeCompare(a.own!.starred_at!));
  return { messages, users: [{ id: 'bob', name: 'Robert' }] };
}
