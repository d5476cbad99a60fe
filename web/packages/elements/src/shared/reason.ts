// Why something was refused, in words for who did it: the site's own, where it has any.
import type { StringKey, Words } from '../locale/index.js';

/** How the server's sentence begins for a site that refuses without a reason. */
const SILENT = /^the application does/;

export function reason(
  problem: { code?: string; detail?: string } | undefined,
  known: Record<string, StringKey>,
  words: Words,
): string | undefined {
  const refused = problem?.code === 'message_refused';
  if (refused && !SILENT.test(problem.detail ?? '')) return problem.detail;
  const key = refused ? 'whyNotHere' : known[problem?.code ?? ''];
  return key && words(key);
}
