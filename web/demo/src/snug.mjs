// The site's backend talking to Snug: server routes with the server key, and the tokens that
// the key can sign. The key never leaves this file; pages only ever see session tokens.

import crypto from 'node:crypto';
import fs from 'node:fs';

const TIMEOUT_MS = 5000;
const PROBE_MS = 400;
const PROBE_AGE_MS = 2000;
const KEY = /^snug_sk_(app_[0-9a-z]{20})_([0-9A-Za-z_]+)_([0-9A-Za-z_-]{43})$/;

/** Snug could not be reached at all, as opposed to having said no. */
export class ChatAway extends Error {}

/** Snug answered with a problem; `code` is one of the documented ones. */
export class ChatRefused extends Error {
  constructor(problem, status) {
    super(problem.detail ?? problem.title ?? `Snug answered ${status}`);
    this.code = problem.code ?? 'unknown';
    this.status = status;
  }
}

export class Snug {
  #url;
  #keyFile;
  #probe = { at: -Infinity, up: true };

  constructor({ url, keyFile }) {
    this.#url = url.replace(/\/+$/, '');
    this.#keyFile = keyFile;
    this.#key();
  }

  /** Makes the user known by name and picture, or changes them. */
  putUser(member) {
    return this.#call('PUT', `users/${encodeURIComponent(member.id)}`, profileOf(member));
  }

  /** The room of two members about one thing. Asked again, the same room comes back. */
  directRoom({ users, context, creator, custom }) {
    return this.#call('POST', 'rooms', { kind: 'direct', users, context, creator, custom });
  }

  /** A group under an id of ours, so that a repeated post cannot make a second one. */
  groupRoom({ id, name, creator, members, custom, message }) {
    const body = {
      kind: 'group',
      id,
      name,
      creator,
      members,
      custom,
      message,
      if_exists: 'return',
    };
    return this.#call('POST', 'rooms', body);
  }

  room(id) {
    return this.#call('GET', `rooms/${encodeURIComponent(id)}`);
  }

  openSession({ member, device, ttlSeconds }) {
    const body = { user: member.id, device, profile: profileOf(member), ttl_seconds: ttlSeconds };
    return this.#call('POST', 'sessions', body);
  }

  async sessionsOf(user) {
    const { sessions } = await this.#call('GET', `users/${encodeURIComponent(user)}/sessions`);
    return sessions;
  }

  revoke({ session }) {
    return this.#call('POST', 'sessions/revoke', { session });
  }

  /**
   * A token signed here, without asking Snug: its first use opens the session and makes the
   * user. The same login always gets the same token, hence one session for all of its pages.
   */
  signToken({ member, device, started, expires }) {
    const { text, app, id } = this.#key();
    const { name, avatar } = profileOf(member);
    const header = encode({ alg: 'HS256', typ: 'JWT', kid: id });
    const claims = encode({
      app,
      sub: member.id,
      device,
      iat: started,
      exp: expires,
      name,
      avatar,
    });
    const signature = crypto.createHmac('sha256', text).update(`${header}.${claims}`);
    return `${header}.${claims}.${signature.digest('base64url')}`;
  }

  /** Whether Snug answers, asked at most every two seconds and never waited for long. */
  async reachable() {
    if (Date.now() - this.#probe.at < PROBE_AGE_MS) return this.#probe.up;
    const signal = AbortSignal.timeout(PROBE_MS);
    const up = await fetch(`${this.#url}/healthz`, { signal }).then(
      (answer) => answer.ok,
      () => false,
    );
    this.#probe = { at: Date.now(), up };
    return up;
  }

  // Read at each use: after a rotation the new key counts without a restart.
  #key() {
    const text = fs.readFileSync(this.#keyFile, 'utf8').trim();
    const match = KEY.exec(text);
    if (!match) throw new Error(`${this.#keyFile} does not hold a Snug server key`);
    return { text, app: match[1], id: match[2] };
  }

  async #call(method, path, body) {
    let answer;
    try {
      answer = await fetch(`${this.#url}/v1/server/${path}`, {
        method,
        headers: {
          authorization: `Bearer ${this.#key().text}`,
          ...(body && { 'content-type': 'application/json' }),
        },
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (cause) {
      this.#probe = { at: Date.now(), up: false };
      throw new ChatAway('Snug does not answer', { cause });
    }
    if (answer.ok) return answer.status === 204 ? {} : answer.json();
    const problem = await answer.json().catch(() => ({}));
    throw new ChatRefused(problem, answer.status);
  }
}

function profileOf(member) {
  return { name: member.name, avatar: member.avatar, locale: member.locale };
}

function encode(value) {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
