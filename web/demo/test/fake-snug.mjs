// A Snug small enough to read: the server routes the site uses, answered as the protocol says.

import crypto from 'node:crypto';
import http from 'node:http';

export const APP = 'app_0123456789abcdefghij';
export const SERVER_KEY = `snug_sk_${APP}_key_01_${'A'.repeat(43)}`;

export async function startFakeSnug() {
  const fake = { users: new Map(), rooms: new Map(), sessions: [], calls: [], refuse: undefined };
  const server = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = chunks.length ? JSON.parse(Buffer.concat(chunks).toString()) : {};
    const path = decodeURIComponent(new URL(request.url, 'http://snug').pathname);
    const { status, value } = answer(fake, request, path, body);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(status === 204 ? undefined : JSON.stringify(value));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  fake.url = `http://127.0.0.1:${server.address().port}`;
  fake.stop = () =>
    new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  return fake;
}

function answer(fake, request, path, body) {
  if (path === '/healthz') return { status: 200, value: { status: 'ok' } };
  if (request.headers.authorization !== `Bearer ${SERVER_KEY}`)
    return problem(401, 'server_key_invalid');
  if (request.headers.origin) return problem(403, 'server_key_in_browser');
  fake.calls.push({ method: request.method, path, body });
  if (fake.refuse) return problem(403, fake.refuse);
  const route = `${request.method} ${path.replace('/v1/server/', '')}`;
  if (route === 'POST rooms') return makeRoom(fake, body);
  if (route === 'POST sessions') return openSession(fake, body);
  if (route === 'POST sessions/revoke') return revoke(fake, body);
  const [, user] = /^PUT users\/(.+)$/.exec(route) ?? [];
  if (user) {
    fake.users.set(user, { id: user, ...body });
    return { status: 200, value: fake.users.get(user) };
  }
  const [, owner] = /^GET users\/(.+)\/sessions$/.exec(route) ?? [];
  if (owner) {
    return {
      status: 200,
      value: { sessions: fake.sessions.filter((each) => each.user === owner) },
    };
  }
  const [, room] = /^GET rooms\/(.+)$/.exec(route) ?? [];
  if (room && fake.rooms.has(room)) return { status: 200, value: fake.rooms.get(room) };
  return problem(404, room ? 'room_not_found' : 'unknown_operation');
}

function makeRoom(fake, body) {
  const users = body.kind === 'direct' ? body.users : body.members;
  const pair = `${[...users].sort().join('|')}|${body.context ?? ''}`;
  const hash = crypto.createHash('sha256').update(pair).digest('hex').slice(0, 32);
  const id = body.kind === 'direct' ? `d_${hash}` : body.id;
  const existed = fake.rooms.has(id);
  if (!existed) {
    const members = users.map((user) => ({ user, role: 'member', state: 'active' }));
    fake.rooms.set(id, { ...body, id, members });
  }
  return { status: existed ? 200 : 201, value: fake.rooms.get(id) };
}

function openSession(fake, { user, device, profile }) {
  const token = `snug_st_${crypto.randomBytes(32).toString('base64url')}.${APP}`;
  fake.sessions = fake.sessions.filter((each) => each.user !== user || each.device !== device);
  fake.sessions.push({ id: `ses_${fake.sessions.length}`, user, device, token });
  fake.users.set(user, { id: user, ...profile });
  return {
    status: 201,
    value: { token, session: 'ses_x', user, device, expires_at: '2026-11-20T10:42:07.123Z' },
  };
}

function revoke(fake, { session }) {
  const before = fake.sessions.length;
  fake.sessions = fake.sessions.filter((each) => each.id !== session);
  return { status: 200, value: { closed: before - fake.sessions.length } };
}

function problem(status, code) {
  return {
    status,
    value: { type: `/docs/errors#${code}`, title: code, status, code, detail: `refused: ${code}` },
  };
}
