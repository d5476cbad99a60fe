// One minified ES module without dependencies, and types that need nothing
// else: the protocol's declarations are emitted beside the client's own.
import { execFileSync } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { bundleOptions } from './bundle.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const web = resolve(here, '..', '..');
const dist = join(here, 'dist');
await rm(dist, { recursive: true, force: true });
await build({ ...bundleOptions, outfile: 'dist/snug-client.js', sourcemap: true });

const tsc = join(web, 'node_modules', 'typescript', 'bin', 'tsc');
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: here, stdio: 'inherit' });

const protocol = join(dist, 'protocol', 'src', 'index.js');
for (const name of await readdir(dist, { recursive: true })) {
  if (!name.endsWith('.d.ts')) continue;
  const path = join(dist, name);
  const text = await readFile(path, 'utf8');
  const near = relative(dirname(path), protocol).replaceAll('\\', '/');
  const rewritten = text.replaceAll(/(['"])@snug\/protocol\1/g, `'${near}'`);
  if (rewritten !== text) await writeFile(path, rewritten);
}
