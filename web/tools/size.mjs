// Fails when a bundle is above its budget. Sizes are gzip level 9, in bytes of
// 1,000 to the kilobyte. A bundle that is not built is a failure too, so that
// nothing passes unmeasured. `--only <part>` keeps the matching lines.
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const web = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const BUDGETS = [
  // Why: docs/adr/0009-size-of-the-chat-page.md.
  { name: 'client', files: ['packages/client/dist/snug-client.js'], kilobytes: 16.7 },
  // The script of the two-line embed: it holds the client as well.
  { name: 'chat page', files: ['packages/elements/dist/snug.js'], kilobytes: 61.5 },
  // What a page in a frame loads besides.
  { name: 'frame', files: ['packages/embed/dist/embed.js'], kilobytes: 6.5 },
];

const only = process.argv[process.argv.indexOf('--only') + 1];
const wanted = process.argv.includes('--only')
  ? BUDGETS.filter((budget) => budget.name.includes(only))
  : BUDGETS;

let failed = false;
for (const { name, files, kilobytes } of wanted) {
  let total = 0;
  const missing = [];
  for (const file of files) {
    try {
      total += gzipSync(await readFile(join(web, file)), { level: 9 }).length;
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
      missing.push(file);
    }
  }
  const over = total > kilobytes * 1000;
  failed ||= over || missing.length > 0;
  const verdict = missing.length > 0 ? `not built: ${missing}` : over ? 'OVER' : 'ok';
  console.log(`${name}: ${(total / 1000).toFixed(2)} kB of ${kilobytes} kB, ${verdict}`);
}
process.exit(failed ? 1 : 0);
