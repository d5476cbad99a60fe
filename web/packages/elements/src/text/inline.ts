// What a message's text is made of: plain runs and links. Only http and https
// become links, and the page builds them as nodes; markup never enters.

export type Run = { text: string; href?: undefined } | { text: string; href: string };

// A URL ends at white space, quotes, angle brackets, or the punctuation that
// Chinese and Japanese set without a space.
const URL_LIKE = /https?:\/\/[^\s<>"'`「」『』（）《》〈〉【】，。！？、；：…]+/gi;
const CLOSERS: Record<string, string> = { ')': '(', ']': '[', '}': '{' };

/** Drops the punctuation that ends the sentence and not the address. */
function trimmed(candidate: string): string {
  let end = candidate.length;
  // How many more closers than openers, by closer: counted once, however many go.
  const over: Record<string, number> = {};
  for (const [closer, opener] of Object.entries(CLOSERS))
    over[closer] = candidate.split(closer).length - candidate.split(opener).length;
  for (;;) {
    const last = candidate[end - 1] ?? '';
    if (over[last]! > 0) over[last]!--;
    else if (!/[.,;:!?*_~]/.test(last)) return candidate.slice(0, end);
    end--;
  }
}

/** Http and https, whole unless there is a `base`. */
export function safeHref(text: string, base?: string): string | undefined {
  try {
    const url = new URL(text, base);
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : undefined;
  } catch {
    return undefined;
  }
}

export function runsOf(text: string): Run[] {
  const runs: Run[] = [];
  let end = 0;
  for (const match of text.matchAll(URL_LIKE)) {
    const shown = trimmed(match[0]);
    const href = safeHref(shown);
    if (!href) continue;
    if (match.index > end) runs.push({ text: text.slice(end, match.index) });
    runs.push({ text: shown, href });
    end = match.index + shown.length;
  }
  if (end < text.length) runs.push({ text: text.slice(end) });
  return runs;
}

/** An address for a link or a picture that came from a customer's JSON. */
export function safeAddress(value: unknown): string | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  return safeHref(value, typeof location === 'undefined' ? undefined : location.href);
}

const PICTURE = '(?:\\p{Emoji_Presentation}|\\p{Extended_Pictographic}\\uFE0F)\\p{EMod}?';
const EMOJI = new RegExp(
  `^(?:${PICTURE}(?:\\u200D(?:${PICTURE}|\\p{Extended_Pictographic}\\uFE0F?))*|\\p{RI}{2}|[0-9#*]\\uFE0F\\u20E3)$`,
  'u',
);

/** How many emoji the text is, if it is nothing else; 0 otherwise or above 6. */
export function emojiCount(text: string): number {
  const bare = text.replace(/\s+/g, '');
  if (bare === '' || bare.length > 80) return 0;
  let count = 0;
  for (const { segment } of new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(bare)) {
    if (!EMOJI.test(segment)) return 0;
    count += 1;
  }
  return count <= 6 ? count : 0;
}

/** One or two letters for an avatar: CJK names by one, others by first letters. */
export function initials(name: string): string {
  const words = name
    .trim()
    .split(/[\s·._-]+/u)
    .filter((w) => /[\p{L}\p{N}]/u.test(w));
  const letters = words.map((w) => [...w].find((c) => /[\p{L}\p{N}]/u.test(c)) ?? '');
  const first = letters[0] ?? '';
  if (first === '') return '?';
  const latin = /\p{Script=Latin}|\p{Script=Cyrillic}|\p{Script=Greek}/u;
  const last = letters.length > 1 ? (letters.at(-1) ?? '') : '';
  const pair = latin.test(first) && latin.test(last) ? first + last : first;
  return pair.toUpperCase();
}

/** A hue from 0 to 359 that is always the same for the same id. */
export function hueOf(id: string): number {
  let hash = 2_166_136_261;
  for (const char of id) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 16_777_619);
  return (hash >>> 0) % 360;
}
