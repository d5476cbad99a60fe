// Which language an element speaks and how its strings are filled in. No text
// of its own lives here; each language is one file beside this one.
import { en, type StringKey, type Strings } from './en.js';
import { zhHant } from './zh-hant.js';

export type { StringKey, Strings };

const languages = new Map<string, Strings>([
  ['en', en],
  ['zh-Hant', zhHant],
]);

/** Adds or replaces a language; missing keys fall back to English. */
export function addLanguage(tag: string, strings: Partial<Strings>): void {
  languages.set(tag, { ...en, ...strings });
}

export interface Words {
  /** The language whose strings are used. */
  readonly language: string;
  /** The tag for dates and numbers; keeps the region ("en-GB"). */
  readonly tag: string;
  (key: StringKey, values?: Record<string, string | number>): string;
  /** For keys that end in `_one` and `_other`. */
  count(key: 'unread' | 'mentions' | 'members' | 'newBelow' | 'replies', n: number): string;
}

function languageOf(tag: string): string | undefined {
  if (languages.has(tag)) return tag;
  const base = tag.split('-')[0]?.toLowerCase() ?? '';
  // Every Chinese reader is better served by Traditional Chinese than by
  // English as long as no Simplified file exists.
  if (base === 'zh')
    return languages.has('zh-Hans') && /hans|cn|sg/i.test(tag) ? 'zh-Hans' : 'zh-Hant';
  return languages.has(base) ? base : undefined;
}

function isTag(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1;
  } catch {
    return false;
  }
}

/** "en" on a British browser writes dates as "en-GB" does. */
function withRegion(tag: string, preferred: readonly string[]): string {
  if (tag.includes('-')) return tag;
  return preferred.find((p) => p.split('-')[0] === tag && isTag(p)) ?? tag;
}

const made = new Map<string, Words>();

/** The first of `wanted` that is spoken here, else English. */
export function wordsFor(
  wanted: readonly (string | null | undefined)[],
  preferred: readonly string[] = [],
): Words {
  const tag = wanted.find((t): t is string => !!t && isTag(t) && !!languageOf(t)) ?? 'en';
  const language = languageOf(tag) ?? 'en';
  const full = withRegion(tag, preferred);
  const key = `${language}|${full}`;
  let words = made.get(key);
  if (!words) {
    words = makeWords(language, full);
    made.set(key, words);
  }
  return words;
}

function makeWords(language: string, tag: string): Words {
  const plural = new Intl.PluralRules(tag);
  const numbers = new Intl.NumberFormat(tag);
  const words = (key: StringKey, values: Record<string, string | number> = {}): string => {
    const strings = languages.get(language) ?? en;
    return strings[key].replace(/\{(\w+)\}/g, (whole, name: string) => {
      const value = values[name];
      return value === undefined ? whole : String(value);
    });
  };
  const count: Words['count'] = (key, n) => {
    const form = plural.select(n) === 'one' ? 'one' : 'other';
    return words(`${key}_${form}`, { n: numbers.format(n) });
  };
  return Object.assign(words, { language, tag, count });
}
