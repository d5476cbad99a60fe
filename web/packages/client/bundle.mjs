// How the client becomes one file. Long names of internal members are
// shortened, which saves a fiftieth; a name that the public surface or the wire
// knows must not be among them, and that is checked at every build.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = process.env.SNUG_WEB
  ? join(process.env.SNUG_WEB, 'packages', 'client')
  : dirname(fileURLToPath(import.meta.url));

export const INTERNAL = `
  accepted addresses advance announced applied applyHead applyMembers applyMessage applyMine applyRoom
  askRoom behind build check confirm current cutBelow drop emit entry firstUnread flush forget
  headMoved items listed lookUp mark marked meet membersChanged merge messageNew mint moved note notify
  peerId pump putMembers refuse renew renewable restart rested roomChanged running say settle
  shownAhead skew stale stretch supersedes touch tries typed underWay view viewsOf waiting wanted
  whenOnline
`
  .trim()
  .split(/\s+/);

const surface = [join(here, 'src', 'types.ts')];
const protocol = resolve(here, '..', 'protocol', 'src');
for (const name of readdirSync(protocol)) surface.push(join(protocol, name));
const known = surface.map((path) => readFileSync(path, 'utf8')).join('\n');
const clash = INTERNAL.filter((name) => new RegExp(`\\b${name}\\b`).test(known));
if (clash.length > 0) throw new Error(`${clash} are public and must keep their names`);

export const bundleOptions = {
  absWorkingDir: here,
  entryPoints: ['src/index.ts'],
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  conditions: ['snug-source'],
  mangleProps: new RegExp(`^(${INTERNAL.join('|')})$`),
  logLevel: 'warning',
};
