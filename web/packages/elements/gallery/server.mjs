// Serves the gallery from memory under a policy as strict as a host may set:
// nothing inline, no style source at all, Trusted Types on.
import { createServer } from 'node:http';
import { join } from 'node:path';
import { build } from 'esbuild';

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "connect-src 'self'",
  "img-src 'self' https://pictures.example",
  "style-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types lit-html',
].join('; ');

const PAGE = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Snug gallery</title>
<meta name="viewport" content="width=device-width,initial-scale=1,viewport-fit=cover">
<link rel="icon" href="/picture.svg"></head><body><main></main><script type="module" src="/gallery.js"></script></body></html>`;
/** What `https://pictures.example` would answer, for who can stand in for it. */
export const PICTURE = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><defs><linearGradient id="g" x2="1" y2="1"><stop stop-color="#f1b26b"/><stop offset="1" stop-color="#c96f4a"/></linearGradient></defs><path fill="url(#g)" d="M0 0h40v40H0z"/></svg>`;

/** The elements over the fake client, as one module. */
export async function bundleGallery(root) {
  const fake = join(root, 'gallery', 'fake-client.ts');
  const result = await build({
    absWorkingDir: root,
    entryPoints: [join(root, 'gallery', 'gallery.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    alias: { '@snug/client': fake },
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
    logLevel: 'warning',
  });
  return result.outputFiles[0].text;
}

/** Answers the address and how to stop. `extra` adds or replaces paths. */
export async function serveGallery(root, port = 0, extra = {}) {
  const script = await bundleGallery(root);
  const pages = {
    '/': ['text/html; charset=utf-8', PAGE],
    '/gallery.js': ['text/javascript; charset=utf-8', script],
    '/picture.svg': ['image/svg+xml', PICTURE],
    '/rooms': ['application/json', '{"room":"made-by-backend"}'],
    '/rooms-refused': ['application/json', '{"error":"The listing is sold."}', 409],
    ...extra,
  };
  const server = createServer((request, response) => {
    const found = pages[new URL(request.url, 'http://localhost').pathname];
    response.setHeader('content-security-policy', POLICY);
    response.setHeader('x-content-type-options', 'nosniff');
    if (!found) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(found[2] ?? 200, { 'content-type': found[0] }).end(found[1]);
  });
  await new Promise((done) => server.listen(port, '127.0.0.1', done));
  const stop = () => {
    server.closeAllConnections();
    return new Promise((done) => server.close(done));
  };
  return { url: `http://127.0.0.1:${server.address().port}/`, stop };
}
