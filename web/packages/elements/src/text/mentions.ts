// Who is called in a text: `@` and a name that the message itself says is meant.
// What it does not name stays plain text.
import type { Mentions } from '@snug/client';
import { type Run, runsOf } from './inline.js';

/** What is said for all, and for those of a role, in the languages spoken here. */
const CALLS: Record<string, readonly string[]> = {
  everyone: ['everyone', 'all', 'here', '所有人'],
  owner: ['owner', 'owners', '擁有者'],
  admin: ['admin', 'admins', '管理員'],
  member: ['member', 'members', '成員'],
};

/** A letter that goes on with a word; scripts without spaces begin anew with each. */
const LETTER =
  '(?!\\p{sc=Han}|\\p{sc=Hira}|\\p{sc=Kana}|\\p{sc=Hang}|\\p{sc=Thai})[\\p{L}\\p{N}\\p{M}_]';
const ENDS_IN_LETTER = new RegExp(`${LETTER}$`, 'u');

/** Every word that is for more than one. */
export const WIDE = Object.values(CALLS).flat();

export interface Reader {
  me: string | undefined;
  role: string | undefined;
  /** A user's name by id. */
  called(id: string): string;
}

/** A part of a message's text; `user` is the id of who is called by it. */
export type Part = Run & { mention?: { user?: string; own: boolean } };

export function partsOf(text: string, mentions: Mentions | undefined, reader: Reader): Part[] {
  const runs: Part[] = runsOf(text);
  const meant = mentions && text.includes('@') ? meantBy(mentions, reader) : undefined;
  if (!meant?.size) return runs;
  const calls = calling(meant.keys());
  return runs.flatMap((run) => (run.href === undefined ? split(run.text, calls, meant) : [run]));
}

/** By what is said, in lower case. */
function meantBy({ users, roles, everyone }: Mentions, { me, role, called }: Reader) {
  const meant = new Map<string, NonNullable<Part['mention']>>();
  const put = (label: string, mention: NonNullable<Part['mention']>) => {
    if (label) meant.set(label.toLowerCase(), mention);
  };
  for (const each of roles ?? []) {
    for (const label of CALLS[each] ?? []) put(label, { own: each === role });
  }
  for (const label of everyone ? CALLS.everyone! : []) put(label, { own: true });
  for (const user of users ?? []) {
    const mention = { user, own: user === me };
    put(user, mention);
    put(called(user), mention);
  }
  return meant;
}

/** Whether a text calls by any of these. */
export function calls(text: string, labels: readonly string[]): boolean {
  return calledIn(text, labels).size > 0;
}

/** By which of these a text calls, in lower case; by the longest where one begins with another. */
export function calledIn(text: string, labels: Iterable<string>): Set<string> {
  return new Set(found(text, calling(labels)).map((match) => match[1]!.toLowerCase()));
}

function calling(labels: Iterable<string>): RegExp {
  const longest = [...labels].sort((a, b) => b.length - a.length);
  return new RegExp(`@(${longest.map(pattern).join('|')})`, 'giu');
}

/** Not within a word. Safari before 16.4 cannot read a script that looks behind in a pattern. */
function found(text: string, calls: RegExp): RegExpExecArray[] {
  const all: RegExpExecArray[] = [];
  for (let match = calls.exec(text); match; match = calls.exec(text)) {
    const { index } = match;
    // Two units hold the last letter, whatever it is.
    if (!ENDS_IN_LETTER.test(text.slice(Math.max(0, index - 2), index))) all.push(match);
    else calls.lastIndex = index + 1;
  }
  return all;
}

function pattern(label: string): string {
  const plain = label.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  return ENDS_IN_LETTER.test(label) ? `${plain}(?!${LETTER})` : plain;
}

function split(text: string, calls: RegExp, meant: ReturnType<typeof meantBy>): Part[] {
  const parts: Part[] = [];
  let end = 0;
  for (const match of found(text, calls)) {
    const mention = meant.get(match[1]!.toLowerCase());
    if (!mention) continue;
    if (match.index > end) parts.push({ text: text.slice(end, match.index) });
    parts.push({ text: match[0], mention });
    end = match.index + match[0].length;
  }
  if (end < text.length) parts.push({ text: text.slice(end) });
  return parts;
}
