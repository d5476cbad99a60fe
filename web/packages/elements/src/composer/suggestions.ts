// Whom an `@` may mean: the members whose name or id begins with what follows
// it, and after a choice, who is called by the text. No DOM but the field's text.
import type { Mentions, MessageView, RoomSnapshot } from '@snug/client';
import type { Words } from '../locale/index.js';
import { calledIn, calls, WIDE } from '../text/mentions.js';

const MOST = 5;
/** In a larger room only admins may call everybody. */
const WIDE_MEMBERS = 100;
/** An `@` at a word's start, and what follows it up to the cursor; names have spaces. */
const AT = /(?:^|[^\w.+-])@([^@\n]{0,64})$/;

/** Somebody who may be meant; `id` is absent for everybody. */
export interface Candidate {
  id?: string;
  name: string;
  avatar?: string | null;
}

/** Where the word begins, and what it says so far. */
export function asked(before: string): { from: number; word: string } | undefined {
  const word = AT.exec(before)?.[1];
  if (word === undefined) return undefined;
  return { from: before.length - word.length - 1, word: word.toLowerCase() };
}

export function candidates(
  word: string,
  { room, members, users }: RoomSnapshot,
  me: string | undefined,
  words: Words,
): Candidate[] {
  const begins = (text: string) => text.toLowerCase().startsWith(word);
  const found: Candidate[] = [];
  for (const { user: id, state, ...member } of members.values()) {
    if (state !== 'active' || id === me) continue;
    const user = users.get(id);
    const name = user?.name || member.name || id;
    if (begins(name) || begins(id)) found.push({ id, name, avatar: user?.avatar ?? member.avatar });
  }
  found.sort((a, b) => a.name.localeCompare(b.name, words.tag));
  found.length = Math.min(found.length, MOST);
  const { role } = room?.mine ?? {};
  const small = (room?.member_count ?? 0) <= WIDE_MEMBERS;
  const wide = room && room.kind !== 'direct' && (small || (role && role !== 'member'));
  const name = words('everyone');
  if (wide && (begins(name) || 'all'.startsWith(word))) found.push({ name });
  return found;
}

/** Who was chosen for one text. */
export class Chosen {
  /** By what was written for each, in lower case, so that the last one of a name counts. */
  private readonly ids = new Map<string, string | undefined>();

  add({ id, name }: Candidate): void {
    this.ids.set(name.toLowerCase(), id);
  }

  /** Those whom the text still names. */
  in(text: string): Mentions | undefined {
    const said = calledIn(text, this.ids.keys());
    const ids = new Set([...this.ids].filter(([name]) => said.has(name)).map(([, id]) => id));
    const everyone = ids.delete(undefined) || undefined;
    return mentionsOf({ users: [...ids] as string[], everyone });
  }
}

/**
 * Who is called by an edited message: whom it called before and has not been
 * taken out of its words, and who was chosen. Nothing where nobody ever was.
 */
export function afterEdit(
  { text = '', mentions }: MessageView,
  now: string,
  chosen: Mentions | undefined,
  called: (id: string) => string,
): Mentions | null | undefined {
  const stays = (labels: string[]) => !calls(text, labels) || calls(now, labels);
  const wide = stays(WIDE);
  const kept = mentions?.users?.filter((id) => stays([id, called(id)])) ?? [];
  const all = mentionsOf({
    users: [...new Set([...kept, ...(chosen?.users ?? [])])],
    roles: wide ? mentions?.roles : undefined,
    everyone: (wide && mentions?.everyone) || chosen?.everyone,
  });
  return all ?? (mentions ? null : undefined);
}

/** Without what is empty; nothing where nobody is called. */
function mentionsOf({ users = [], roles = [], everyone }: Mentions): Mentions | undefined {
  if (users.length + roles.length === 0 && !everyone) return undefined;
  return {
    ...(users.length > 0 && { users }),
    ...(roles.length > 0 && { roles }),
    ...(everyone && { everyone }),
  };
}
