// Derives the error and close codes of @snug/protocol from the tables of
// docs/protocol.md. `npm run gen` writes, `npm run gen -- --check` fails when
// the committed file differs.
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const web = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const target = join(web, 'packages', 'protocol', 'src', 'codes.ts');
const doc = await readFile(join(web, '..', 'docs', 'protocol.md'), 'utf8');

function rowsAfter(heading, columns) {
  const lines = doc.slice(doc.indexOf(heading)).split('\n');
  const start = lines.findIndex((line) => line.startsWith(columns));
  if (start < 0) throw new Error(`no table "${columns}" under "${heading}"`);
  const rows = [];
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith('|')) break;
    rows.push(
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
  }
  if (rows.length === 0) throw new Error(`empty table under "${heading}"`);
  return rows;
}

const errors = rowsAfter('## Errors', '| code | status').flatMap(([names, status, retryable]) =>
  [...names.matchAll(/`([a-z_]+)`/g)].map(([, code]) => ({
    code,
    status: Number.parseInt(status, 10),
    retryable: retryable === 'yes',
  })),
);
const closes = rowsAfter('## Close codes', '| code | name').map(([code, name]) => ({
  code: Number(code),
  name: name.replaceAll('`', ''),
}));
const quoted = (text) => `'${text}'`;

const text = `// Derived from docs/protocol.md by \`npm run gen\`. Do not edit.

export const ERROR_CODES = {
${errors.map((e) => `  ${e.code}: { status: ${e.status}, retryable: ${e.retryable} },`).join('\n')}
} as const;
export type ErrorCode = keyof typeof ERROR_CODES;

export const CLOSE_CODES = {
${closes.map((c) => `  ${c.code}: ${quoted(c.name)},`).join('\n')}
} as const;
export type CloseCode = keyof typeof CLOSE_CODES;
export type CloseName = (typeof CLOSE_CODES)[CloseCode];
`;

if (process.argv.includes('--check')) {
  const committed = await readFile(target, 'utf8').catch(() => '');
  if (committed !== text) {
    console.error('packages/protocol/src/codes.ts is stale: run `npm run gen`');
    process.exit(1);
  }
} else {
  await writeFile(target, text);
}
