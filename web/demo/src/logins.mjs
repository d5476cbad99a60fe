// Who is at the other end: passwords, the login cookie, and the proof that a form is ours.

import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

const scrypt = promisify(crypto.scrypt);
const COOKIE = 'second_street';
const LOGIN_SECONDS = 12 * 60 * 60;

export async function hashPassword(password) {
  const salt = crypto.randomBytes(16);
  const hash = await scrypt(password.normalize('NFKC'), salt, 32);
  return `scrypt:${salt.toString('base64url')}:${hash.toString('base64url')}`;
}

export async function passwordMatches(password, stored) {
  // A member who is not there costs the same time as one who is.
  const [, salt, hash] = (stored ?? `scrypt:AAAAAAAAAAAAAAAAAAAAAA:${'A'.repeat(43)}`).split(':');
  const given = await scrypt(password.normalize('NFKC'), Buffer.from(salt, 'base64url'), 32);
  return crypto.timingSafeEqual(given, Buffer.from(hash, 'base64url')) && stored !== undefined;
}

export class Logins {
  #store;
  #secret;
  #now;

  constructor(store, directory, now = Date.now) {
    this.#store = store;
    this.#now = now;
    this.#secret = secretFrom(path.join(directory, 'cookie-secret'));
    for (const login of store.all('logins')) {
      if (login.expires <= this.#seconds()) store.delete('logins', login.id);
    }
  }

  /** Opens a login and returns the cookie that carries it. */
  open(member, secure) {
    const started = this.#seconds();
    const login = this.#store.put('logins', {
      id: crypto.randomBytes(12).toString('hex'),
      member: member.id,
      started,
      expires: started + LOGIN_SECONDS,
    });
    return cookie(`${login.id}.${this.#sign('login', login.id)}`, LOGIN_SECONDS, secure);
  }

  find(jar) {
    const [id, signature] = (jar[COOKIE] ?? '').split('.');
    if (!id || !signature || !same(signature, this.#sign('login', id))) return undefined;
    const login = this.#store.get('logins', id);
    return login && login.expires > this.#seconds() ? login : undefined;
  }

  close(login, secure) {
    this.#store.delete('logins', login.id);
    return cookie('', 0, secure);
  }

  formToken(login) {
    return this.#sign('form', login.id);
  }

  formTokenMatches(login, token) {
    return typeof token === 'string' && same(token, this.formToken(login));
  }

  #sign(purpose, id) {
    return crypto.createHmac('sha256', this.#secret).update(`${purpose}:${id}`).digest('base64url');
  }

  #seconds() {
    return Math.floor(this.#now() / 1000);
  }
}

function cookie(value, seconds, secure) {
  const parts = [`${COOKIE}=${value}`, 'Path=/', 'HttpOnly', 'SameSite=Lax', `Max-Age=${seconds}`];
  return secure ? `${parts.join('; ')}; Secure` : parts.join('; ');
}

function same(left, right) {
  const a = Buffer.from(left);
  const b = Buffer.from(right);
  return a.length === b.length && crypto.timingSafeEqual(a, b);
}

function secretFrom(file) {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  const secret = crypto.randomBytes(32);
  fs.writeFileSync(file, secret, { mode: 0o600, flag: 'wx' });
  return secret;
}
