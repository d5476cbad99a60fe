// Runs every package's tests: bundles each `*.test.ts` with esbuild (types
// stripped, workspace sources inlined) and hands the output to `node --test`.
// `--browser` runs `*.browser.test.ts` instead, and the demo's walks through the
// real server, which stand as they are. Any other argument keeps only the files
// whose path contains it.
import { spawn } from 'node:child_process';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const web = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const args = process.argv.slice(2);
const browser = args.includes('--browser');
const wanted = args.filter((a) => !a.startsWith('--'));

async function testsUnder(folder) {
  let names;
  try {
    names = await readdir(folder, { recursive: true });
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
  return names.map((name) => join(folder, name));
}

const packages = (await readdir(join(web, 'packages'))).map((name) => join(web, 'packages', name));
/** The longest first: they all run beside each other, and the last one to end is waited for. */
const WALKS = [
  ...['two-browsers', 'quickstarts', 'answers', 'changes', 'threads', 'own-ui'],
  ...['served', 'rooms', 'rocketchat-frame'],
];
const isWanted = (path) => wanted.length === 0 || wanted.some((part) => path.includes(part));
const walks = (browser ? WALKS : [])
  .map((name) => join(web, 'demo/test', `${name}.mjs`))
  .filter(isWanted);

const found = [];
for (const folder of [...packages, join(web, 'demo')]) {
  found.push(...(await testsUnder(join(folder, 'test'))));
}
const files = found
  .filter((path) => /\.test\.(ts|mjs)$/.test(path))
  .filter((path) => browser === /\.browser\.test\./.test(path))
  .filter(isWanted)
  .sort();

if (files.length + walks.length === 0) {
  console.error(`no ${browser ? 'browser ' : ''}tests match`);
  process.exit(1);
}

// Inside node_modules so that externals resolve and git ignores it.
const out = join(web, 'node_modules', '.snug-tests', String(process.pid));
await mkdir(out, { recursive: true });
const entryPoints = Object.fromEntries(
  files.map((path) => [
    relative(web, path)
      .replaceAll(/[\\/]/g, '__')
      .replace(/\.\w+$/, ''),
    path,
  ]),
);
await build({
  absWorkingDir: web,
  entryPoints,
  outdir: out,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  sourcemap: 'inline',
  conditions: ['snug-source'],
  external: ['playwright-core', 'esbuild', 'typescript'],
  tsconfigRaw: {
    compilerOptions: { useDefineForClassFields: false, experimentalDecorators: true },
  },
  logLevel: 'warning',
});

const outputs = Object.keys(entryPoints).map((name) => join(out, `${name}.mjs`));
const child = spawn(
  process.execPath,
  [
    ...['--enable-source-maps', '--test'],
    // One more than the cores of the CI: some of them wait, for a page, a clock or a server.
    ...(browser ? ['--test-concurrency=3'] : []),
    ...[...walks, ...outputs],
  ],
  { stdio: 'inherit', env: { ...process.env, SNUG_REPO: resolve(web, '..'), SNUG_WEB: web } },
);
child.on('exit', async (code) => {
  await rm(out, { recursive: true, force: true });
  process.exit(code ?? 1);
});
