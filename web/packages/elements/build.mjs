// dist/snug.js       one classic script: defines the elements and window.Snug
// dist/snug.mjs      the same as a module; dist/types its declarations
// dist/snug.node.mjs for a server that renders the page: classes without a DOM
// dist/custom-elements.json what editors and catalogues read
import { execFileSync } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { INTERNAL } from '../client/bundle.mjs';
import { manifest } from './manifest.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const web = resolve(here, '..', '..');
const dist = join(here, 'dist');
await rm(dist, { recursive: true, force: true });

/** Takes comments and indentation out of style sheets and templates, which esbuild leaves alone. */
const smallerTemplates = {
  name: 'smaller-templates',
  setup(bundle) {
    bundle.onLoad({ filter: /elements\/src\/.*\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const contents = text
        .replace(/css`([^`]*)`/g, (_, sheet) => `css\`${squeezed(sheet)}\``)
        .replace(/\n {2,}/g, '\n');
      return { contents, loader: 'ts' };
    });
  },
};

/** Names of the client's insides that no element says: short here as in the client's own file. */
async function inside() {
  let said = '';
  for (const path of await readdir(join(here, 'src'), { recursive: true })) {
    if (path.endsWith('.ts')) said += await readFile(join(here, 'src', path), 'utf8');
  }
  const names = INTERNAL.filter((name) => !new RegExp(`\\b${name}\\b`).test(said));
  return new RegExp(`^(${names.join('|')})$`);
}

function squeezed(sheet) {
  return sheet
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\s+/g, ' ')
    .replace(/ ?([{};]) ?/g, '$1')
    .replace(/([:,]) /g, '$1')
    .replace(/;}/g, '}')
    .trim();
}

const common = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  sourcemap: true,
  target: 'es2022',
  legalComments: 'none',
  logLevel: 'warning',
  plugins: [smallerTemplates],
  mangleProps: await inside(),
  // The script finds its own address by `currentScript` instead.
  logOverride: { 'empty-import-meta': 'silent' },
};
await Promise.all([
  build({
    ...common,
    entryPoints: ['src/global.ts'],
    outfile: 'dist/snug.js',
    format: 'iife',
    conditions: ['snug-source'],
  }),
  build({
    ...common,
    entryPoints: ['src/index.ts'],
    outfile: 'dist/snug.mjs',
    format: 'esm',
    conditions: ['snug-source'],
  }),
  build({
    ...common,
    entryPoints: ['src/index.ts'],
    outfile: 'dist/snug.node.mjs',
    format: 'esm',
    platform: 'node',
    target: 'node18',
    conditions: ['snug-source', 'node'],
  }),
]);
await writeFile(
  join(dist, 'custom-elements.json'),
  `${JSON.stringify(await manifest(join(here, 'src')), null, 2)}\n`,
);

const tsc = join(web, 'node_modules', 'typescript', 'bin', 'tsc');
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: here, stdio: 'inherit' });

// The declarations need no other package: the workspace's own stand beside
// them, and of Lit only the few names that show.
const types = join(dist, 'types');
const OWN = {
  '@snug/client': join(types, 'client', 'src', 'index.js'),
  '@snug/protocol': join(types, 'protocol', 'src', 'index.js'),
  lit: join(types, 'lit.js'),
};
await writeFile(
  join(types, 'lit.d.ts'),
  `export declare class LitElement extends HTMLElement {
  static styles?: unknown;
  readonly renderRoot: HTMLElement | DocumentFragment;
  readonly updateComplete: Promise<boolean>;
  requestUpdate(): void;
  connectedCallback(): void;
  disconnectedCallback(): void;
  protected willUpdate(changed: PropertyValues): void;
  protected updated(changed: PropertyValues): void;
  protected render(): unknown;
}
export type PropertyValues = Map<PropertyKey, unknown>;
export type PropertyDeclarations = Readonly<Record<string, unknown>>;
export type TemplateResult = { readonly _$litType$: number };
export type CSSResult = { readonly cssText: string };
export type CSSResultGroup = CSSResult | readonly CSSResultGroup[];
export declare const nothing: unique symbol;
export interface ReactiveController { hostConnected?(): void; hostDisconnected?(): void }
export interface ReactiveControllerHost { requestUpdate(): void; readonly updateComplete: Promise<boolean> }
`,
);
for (const name of await readdir(types, { recursive: true })) {
  if (!name.endsWith('.d.ts')) continue;
  const path = join(types, name);
  const text = await readFile(path, 'utf8');
  const rewritten = text.replace(
    /(['"])(@snug\/client|@snug\/protocol|lit)\1/g,
    (_, _quote, found) => {
      const near = relative(dirname(path), OWN[found]).replaceAll('\\', '/');
      return `'${near.startsWith('.') ? near : `./${near}`}'`;
    },
  );
  if (rewritten !== text) await writeFile(path, rewritten);
}
