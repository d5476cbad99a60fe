// A site with its own user interface around the chat: its list of rooms, its buttons, and one
// frame in which Snug shows the room that was chosen. This program is the site's backend: it
// holds the server key, makes rooms and opens sessions. It needs nothing but Node.
//
//   node server.mjs --snug-url http://127.0.0.1:8080 --server-key-file KEY --port 8091

import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '8091' },
    host: { type: 'string', default: 'localhost' },
    'snug-url': { type: 'string' },
    'server-key-file': { type: 'string' },
  },
});
const snug = options['snug-url'].replace(/\/+$/, '');
const key = fs.readFileSync(options['server-key-file'], 'utf8').trim();
const here = path.dirname(fileURLToPath(import.meta.url));

/** The site's own members; a real site has a log-in here. */
const MEMBERS = { amy: 'Amy', ming: '小明' };
/** The site's own table of rooms. */
const ROOMS = [
  { id: 'bike', name: 'The blue bike' },
  { id: 'lamp', name: 'A desk lamp' },
];

async function server(method, route, body) {
  const answer = await fetch(`${snug}/v1/server/${route}`, {
    method,
    headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${method} ${route}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** Each member has a session of his own on this site; the page gets its token, never the key. */
async function token(member) {
  const profile = { name: MEMBERS[member] };
  return (await server('POST', 'sessions', { user: member, device: 'own-ui', profile })).token;
}

async function makeRooms() {
  const members = Object.keys(MEMBERS);
  for (const { id, name } of ROOMS) {
    const creator = members[0];
    await server('POST', 'rooms', {
      kind: 'group',
      id,
      name,
      creator,
      members,
      if_exists: 'return',
    });
  }
}

const FILES = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
};
/** The chat needs no more of the page's policy than a frame and, for the list, the REST calls. */
const POLICY = `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
connect-src 'self' ${snug}; frame-src ${snug}; base-uri 'none'; frame-ancestors 'none'`;

async function answer(request, response) {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  if (request.method === 'POST' && pathname === '/token') {
    const member = searchParams.get('member');
    if (!Object.hasOwn(MEMBERS, member)) return response.writeHead(401).end();
    const body = JSON.stringify({ snug, token: await token(member) });
    return response.writeHead(200, { 'Content-Type': 'application/json' }).end(body);
  }
  const file = FILES[pathname];
  if (request.method !== 'GET' || !file) return response.writeHead(404).end();
  const headers = { 'Content-Type': file[1], 'Content-Security-Policy': POLICY };
  return response.writeHead(200, headers).end(fs.readFileSync(path.join(here, file[0])));
}

await makeRooms();
const site = http.createServer((request, response) => {
  answer(request, response).catch((error) => {
    process.stderr.write(`${error.message}\n`);
    response.writeHead(502).end();
  });
});
site.listen(Number(options.port), options.host, () => {
  const { port } = site.address();
  process.stdout.write(`open http://${options.host}:${port}/?member=amy\n`);
});
process.once('SIGTERM', () => {
  site.close(() => process.exit(0));
  site.closeAllConnections();
});
