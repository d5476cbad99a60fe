// Packs what `npm install <url>` takes: the server serves these files under /sdk/.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = `${root}dist-packages`;
rmSync(out, { recursive: true, force: true });
mkdirSync(out);
for (const name of ['client', 'elements']) {
  execFileSync(
    'npm',
    ['pack', '--silent', '--workspace', `@snug/${name}`, '--pack-destination', out],
    {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
}
for (const file of readdirSync(out)) {
  // The address stays the same from version to version.
  renameSync(`${out}/${file}`, `${out}/${file.replace(/-\d.*\.tgz$/, '.tgz')}`);
}
