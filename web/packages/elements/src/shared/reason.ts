// Why something was refused, in words for who did it: the site's own, where it has any.
import type { StringKey, Words } from '../locale/index.js';

/** What the server says for a site that refuses without a reason. */
const SILENT = 'the application does not take this message';

export function reason(
  problem: { code?: string; detail?: string } | undefined,
  known: Record<string, StringKey>,
  words: Words,
): string | undefined {
  const { code = '', detail } = problem ?? {};
  if (code === 'message_refused') {
    return detail && detail !== SILENT ? detail : words('whyRefused');
  }
  const key = known[code];
  return key && words(key);
}
