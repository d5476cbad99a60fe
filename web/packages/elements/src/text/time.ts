// Dates and times as people of a language write them. Everything goes through
// Intl; the only words come from the language file.
import type { Words } from '../locale/index.js';

const DAY = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();

function format(
  tag: string,
  name: string,
  options: Intl.DateTimeFormatOptions,
): Intl.DateTimeFormat {
  const key = `${tag}|${name}`;
  let made = formats.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat(tag, options);
    formats.set(key, made);
  }
  return made;
}

/** Local midnight of the day that holds `ms`. */
export function dayOf(ms: number): number {
  return new Date(ms).setHours(0, 0, 0, 0);
}

/** Calendar days from `ms` to `now`; a day of 23 or 25 hours counts as one. */
export function daysAgo(ms: number, now: number): number {
  return Math.round((dayOf(now) - dayOf(ms)) / DAY);
}

export function clockTime(ms: number, words: Words): string {
  return format(words.tag, 'time', { hour: 'numeric', minute: '2-digit' }).format(ms);
}

export function fullTime(ms: number, words: Words): string {
  return format(words.tag, 'full', { dateStyle: 'full', timeStyle: 'short' }).format(ms);
}

/** The separator between two days of the timeline. */
export function dayLabel(ms: number, now: number, words: Words): string {
  const ago = daysAgo(ms, now);
  if (ago === 0) return words('today');
  if (ago === 1) return words('yesterday');
  const sameYear = new Date(ms).getFullYear() === new Date(now).getFullYear();
  return format(words.tag, sameYear ? 'day' : 'dayYear', {
    weekday: 'long',
    month: 'long',
    day: 'numeric',
    ...(sameYear ? {} : { year: 'numeric' }),
  }).format(ms);
}

/** The short form of a list row: time, weekday, date. */
export function listTime(ms: number, now: number, words: Words): string {
  const ago = daysAgo(ms, now);
  if (ago <= 0) return clockTime(ms, words);
  if (ago === 1) return words('yesterday');
  if (ago < 7) return format(words.tag, 'weekday', { weekday: 'short' }).format(ms);
  const sameYear = new Date(ms).getFullYear() === new Date(now).getFullYear();
  return format(words.tag, sameYear ? 'date' : 'dateYear', {
    month: 'numeric',
    day: 'numeric',
    ...(sameYear ? {} : { year: 'numeric' }),
  }).format(ms);
}
