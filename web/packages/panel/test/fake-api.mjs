// The panel's files and its API as the server promises them, kept in memory.

import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const letters = (text, length) => text.repeat(length).slice(0, length);

export class FakeApi {
  operator = undefined;
  loggedIn = false;
  setupCode = undefined;
  apps = [];
  requests = [];
  rateLimited = false;
  away = false;

  constructor(dist) {
    this.dist = dist;
  }

  async start() {
    this.server = http.createServer((request, response) => this.#serve(request, response));
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }

  /** An operator who is logged in, and applications. */
  settle({ apps = [], loggedIn = true } = {}) {
    this.operator = { email: 'ada@example.com', role: 'owner', password: 'a long password' };
    this.loggedIn = loggedIn;
    for (const app of apps) this.#make(app);
    return this;
  }

  async #serve(request, response) {
    const { pathname } = new URL(request.url, 'http://panel');
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    if (pathname.startsWith('/panel/api/')) {
      if (this.away) return request.socket.destroy();
      const text = Buffer.concat(chunks).toString();
      const { status, value } = this.#answer(request, pathname.slice(11), text);
      response.writeHead(status, {
        'content-type': status < 400 ? 'application/json' : 'application/problem+json',
      });
      return response.end(value === undefined ? undefined : JSON.stringify(value));
    }
    const name = pathname === '/panel/' ? 'index.html' : path.basename(pathname);
    const file = path.join(this.dist, name);
    if (!fs.existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, {
      'content-type': TYPES[path.extname(name)],
      'content-security-policy': POLICY,
    });
    response.end(fs.readFileSync(file));
  }

  #answer(request, route, text) {
    const body = text ? JSON.parse(text) : {};
    this.requests.push({ method: request.method, route, body });
    if (request.method !== 'GET') {
      if (request.headers['x-snug-panel'] !== '1')
        return problem(403, 'origin_refused', 'no guard');
      if (request.headers.origin !== this.url) return problem(403, 'origin_refused', 'other site');
    }
    const [head, id, verb] = route.split('/').map(decodeURIComponent);
    const open = { state: 'state', signup: 'signUp', login: 'logIn', logout: 'logOut' };
    if (head in open) return this[open[head]](body);
    if (!this.loggedIn) return problem(401, 'login_required', 'Log in first.');
    if (!id) return request.method === 'POST' ? this.#create(body) : json({ apps: this.apps });
    const app = this.apps.find((each) => each.id === id);
    if (!app) return problem(404, 'app_not_found', 'There is no such application.');
    if (verb === 'settings') {
      if (body.verify_url && !URL.canParse(body.verify_url)) {
        const told = 'verify_url: expected https://host/path';
        return problem(422, 'invalid_field', told, { field: 'verify_url' });
      }
      app.settings = { ...app.settings, ...body };
      return json({ guests: false, ...app.settings, public_keys: [] });
    }
    if (request.method === 'PATCH') return json(Object.assign(app, body));
    if (body.password !== this.operator.password) return problem(403, 'password_wrong', 'Wrong.');
    if (verb === 'dialects') {
      const names = { i2a: ['X-Application-Secret'], imkit: ['Client Key', 'API Key'] };
      const [, , , dialect] = route.split('/');
      const known = names[dialect] ?? ['X-User-Id', 'X-Auth-Token', 'Password'];
      return json({ values: known.map((name) => ({ name, value: `${name} of ${app.name}` })) });
    }
    return verb === 'reveal' ? json({ server_key: keyOf(app, 0) }) : this.#rotate(app, body);
  }

  state() {
    const { email, role } = this.operator ?? {};
    return json({
      signup_open: !this.operator,
      version: '0.1.0',
      ...(this.loggedIn && { operator: { email, role } }),
    });
  }

  signUp({ email, password, setup_code }) {
    if (this.operator) return problem(403, 'signup_closed', 'Sign-up is closed.');
    if (this.setupCode && setup_code !== this.setupCode) {
      return problem(422, 'invalid_field', 'The set-up code is wrong.', { field: 'setup_code' });
    }
    this.operator = { email, role: 'owner', password };
    this.loggedIn = true;
    return json({ email, role: 'owner' }, 201);
  }

  logIn({ email, password }) {
    if (this.rateLimited) {
      return problem(429, 'rate_limited', 'Slow down.', { retry_after_ms: 41_200 });
    }
    if (email !== this.operator?.email || password !== this.operator.password) {
      return problem(401, 'login_failed', 'No.');
    }
    this.loggedIn = true;
    return json({ email, role: 'owner' });
  }

  logOut() {
    this.loggedIn = false;
    return { status: 204 };
  }

  #create(body) {
    const app = this.#make(body);
    return json({ ...app, server_key: keyOf(app, 0) }, 201);
  }

  #make(given) {
    const number = this.apps.length + 1;
    const app = {
      id: `app_${letters(`k${number}v7x`, 20)}`,
      policy: 'open',
      development: true,
      origins: [],
      created_at: '2026-11-20T10:42:07.123Z',
      keys: [{ id: 'k1', hint: `q${number}Zt`, created_at: '2026-11-20T10:42:07.123Z' }],
      users: 0,
      rooms: 0,
      ...given,
    };
    this.apps.push(app);
    return app;
  }

  #rotate(app, { grace_seconds }) {
    const [old] = app.keys;
    const fresh = {
      id: `k${app.keys.length + 1}`,
      hint: 'nEw9',
      created_at: '2026-11-20T11:00:00.000Z',
    };
    const kept = grace_seconds > 0 ? [{ ...old, expires_at: '2026-11-21T11:00:00.000Z' }] : [];
    app.keys = [fresh, ...kept];
    return json({ server_key: keyOf(app, 0) });
  }
}

export const keyOf = (app, index) =>
  `snug_sk_${app.id}_${app.keys[index].id}_${letters('Ab3-_x', 39)}${app.keys[index].hint}`;

const json = (value, status = 200) => ({ status, value });

const problem = (status, code, detail, more) => ({
  status,
  value: {
    type: `/docs/errors#${code}`,
    title: code,
    status,
    code,
    detail,
    retryable: false,
    ...more,
  },
});

export const SAMPLE_APPS = [
  {
    name: 'Second Street',
    origins: ['https://second-street.example'],
    users: 1284,
    rooms: 3907,
  },
  {
    name: '鄰里市集',
    policy: 'backend_only',
    development: false,
    origins: ['https://market.example.tw'],
    users: 86,
    rooms: 41,
  },
];
