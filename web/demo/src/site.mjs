// The site itself: its routes, and what every request passes through on its way to one.

import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import { chatTrouble } from './chat.mjs';
import { html } from './html.mjs';
import * as web from './http.mjs';
import { hashPassword, passwordMatches } from './logins.mjs';
import { listingPicture, memberPicture } from './pictures.mjs';
import { SAMPLE_PASSWORD } from './seed.mjs';
import * as pages from './views/pages.mjs';
import { chooseLanguage, isLanguage, wordsIn } from './words.mjs';

const { HttpError } = web;
const PUBLIC = new URL('../public/', import.meta.url);

export function createSite({ store, logins, chat, snug, snugPublicUrl, publicUrl, log }) {
  const assets = loadAssets();
  const site = { store, logins, chat, snug, snugPublicUrl, publicUrl, assets, log };
  const find = web.compile(routes(site));
  const fixed = fixedHeaders(snugPublicUrl, publicUrl);

  async function answer(request) {
    const context = readContext(site, request);
    try {
      const { handler, params } = find(context.method, context.path);
      context.params = params;
      if (context.method === 'POST') await admit(context);
      return await handler(context);
    } catch (error) {
      return failure(site, context, error, log);
    }
  }

  return http.createServer(async (request, response) => {
    const { status, headers, body } = await answer(request);
    response.writeHead(status, { ...fixed, 'content-length': Buffer.byteLength(body), ...headers });
    response.end(request.method === 'HEAD' ? undefined : body);
  });
}

function loadAssets() {
  const types = {
    'site.css': 'text/css',
    'site.js': 'text/javascript',
    'icon.svg': 'image/svg+xml',
  };
  return Object.fromEntries(
    Object.entries(types).map(([name, type]) => {
      const body = fs.readFileSync(new URL(name, PUBLIC), 'utf8');
      const version = crypto.createHash('sha256').update(body).digest('hex').slice(0, 12);
      return [name, { body, version, type: `${type}; charset=utf-8` }];
    }),
  );
}

// Nothing is allowed but this site's own files and Snug: scripts from it, calls and sockets
// to it. No inline script, no inline style, no frame around us.
function fixedHeaders(snugPublicUrl, publicUrl) {
  const snug = new URL(snugPublicUrl).origin;
  const socket = snug.replace(/^http/, 'ws');
  const policy = [
    "default-src 'none'",
    `script-src 'self' ${snug}`,
    `connect-src 'self' ${snug} ${socket}`,
    "style-src 'self'",
    `img-src 'self' data: ${new URL(publicUrl).origin}`,
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    'content-security-policy': policy.join('; '),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    // A page holds its reader's chat token: no cache may keep it.
    'cache-control': 'no-store',
  };
}

function readContext(site, request) {
  const url = new URL(request.url, 'http://site');
  const jar = web.cookies(request);
  const login = site.logins.find(jar);
  const member = login && site.store.get('members', login.member);
  const language = chooseLanguage({
    chosen: jar.language,
    member,
    accepted: request.headers['accept-language'],
  });
  return {
    request,
    method: request.method === 'HEAD' ? 'GET' : request.method,
    path: url.pathname,
    query: url.searchParams,
    login: member && login,
    member,
    language,
    t: wordsIn(language),
    wantsJson: (request.headers.accept ?? '').startsWith('application/json'),
    secure: site.publicUrl.startsWith('https:'),
  };
}

async function admit(context) {
  if (!web.cameFromHere(context.request)) {
    throw new HttpError(403, 'This request came from another site.');
  }
  context.body = await web.readBody(context.request);
}

/** A route for members only; `form` says that it also needs the token of our own form. */
const members =
  (handler, { form = true } = {}) =>
  (site) =>
  async (context) => {
    if (!context.member) {
      if (context.method === 'GET')
        return web.redirect(`/login?next=${encodeURIComponent(context.path)}`);
      throw new HttpError(401, context.t('logInToChat'));
    }
    if (context.method === 'POST' && form) {
      const ours = site.logins.formTokenMatches(context.login, context.body.form);
      if (!ours) throw new HttpError(403, context.t('formOld'));
    }
    return handler(site)(context);
  };

function routes(site) {
  const list = [
    ['GET', '/', home],
    ['GET', '/listings/:id', listing],
    ['GET', '/members/:id', member],
    ['GET', '/messages', members(messages)],
    ['GET', '/login', () => loginForm(site)],
    ['POST', '/login', login],
    ['POST', '/login/as', loginAs],
    ['GET', '/join', () => joinForm(site)],
    ['POST', '/join', join],
    ['POST', '/logout', members(logout)],
    ['GET', '/language/:tag', language],
    ['POST', '/chat-token', members(() => (context) => site.chat.token(context), { form: false })],
    ['POST', '/listings/:id/chat', members(() => (context) => site.chat.chatWithSeller(context))],
    ['POST', '/listings/:id/ask', members(() => (context) => site.chat.askFriends(context))],
    [
      'POST',
      '/rooms',
      members(() => (context) => site.chat.roomMadeByPage(context), { form: false }),
    ],
    ['GET', '/pictures/:id.svg', picture],
    ['GET', '/avatars/:id.svg', avatar],
    ['GET', '/healthz', health],
    ...Object.keys(site.assets).map((name) => ['GET', `/${name}`, () => () => asset(site, name)]),
  ];
  return list.map(([method, path, handler]) => [method, path, handler(site)]);
}

/** What every page needs to know; `tokenFrom` says how this page hands the SDK its token. */
async function viewOf(site, context, tokenFrom = 'page') {
  const { member, login, language, t, path } = context;
  const view = {
    member,
    language,
    t,
    path,
    snugPublicUrl: site.snugPublicUrl,
    assets: site.assets,
  };
  if (!member) return view;
  const chatUp = await site.snug.reachable();
  const formToken = site.logins.formToken(login);
  const pageToken = tokenFrom === 'page' ? site.chat.pageToken({ member, login }) : undefined;
  return { ...view, chatUp, formToken, tokenFrom, pageToken };
}

const withDistrict = (site, listing) => ({
  ...listing,
  district: site.store.get('members', listing.seller).district,
});

const home = (site) => async (context) => {
  const listings = site.store.all('listings').map((each) => withDistrict(site, each));
  return web.page(pages.homePage(await viewOf(site, context), { listings }));
};

const listing = (site) => async (context) => {
  const found = site.store.get('listings', context.params.id);
  if (!found) throw new HttpError(404, 'There is no such listing.');
  const everyone = site.store.all('members');
  const others = site.store
    .all('listings')
    .filter((each) => each.seller === found.seller && each.id !== found.id)
    .map((each) => withDistrict(site, each));
  const page = pages.listingPage(await viewOf(site, context), {
    listing: found,
    seller: site.store.get('members', found.seller),
    others,
    rooms: context.member ? site.chat.roomsAbout(found, context.member) : [],
    members: new Map(everyone.map((each) => [each.id, each])),
    friends: everyone.filter((each) => ![context.member?.id, found.seller].includes(each.id)),
    once: crypto.randomBytes(8).toString('hex'),
  });
  return web.page(page);
};

const member = (site) => async (context) => {
  const found = site.store.get('members', context.params.id);
  if (!found) throw new HttpError(404, 'There is no such member.');
  const listings = site.store
    .all('listings')
    .filter((each) => each.seller === found.id)
    .map((each) => withDistrict(site, each));
  return web.page(pages.memberPage(await viewOf(site, context), { member: found, listings }));
};

const messages = (site) => async (context) => {
  const room = context.query.get('room');
  return web.page(pages.messagesPage(await viewOf(site, context, 'address'), { room }));
};

const loginForm = (site) => async (context, problem) => {
  const page = pages.loginPage(await viewOf(site, context), {
    next: ownPath(context.body?.next ?? context.query.get('next')),
    samples: site.store.all('members').filter((each) => each.sample),
    samplePassword: SAMPLE_PASSWORD,
    problem: typeof problem === 'string' ? problem : undefined,
  });
  return web.page(page, problem ? 401 : 200);
};

const joinForm = (site) => async (context, problem) => {
  const page = pages.joinPage(await viewOf(site, context), {
    next: ownPath(context.body?.next ?? context.query.get('next')),
    problem,
  });
  return web.page(page, problem ? 422 : 200);
};

// page 1
const login = (site) => async (context) => {
  const { handle, password } = context.body;
  const found = site.store.all('members').find((each) => each.handle === handle);
  if (!(await passwordMatches(String(password ?? ''), found?.password))) {
    return loginForm(site)(context, context.t('loginFailed'));
  }
  return enter(site, context, found);
};

const loginAs = (site) => (context) => {
  const found = site.store.get('members', context.body.member);
  if (!found?.sample) throw new HttpError(404, 'There is no such sample member.');
  return enter(site, context, found);
};

const join = (site) => async (context) => {
  const { t, body, language } = context;
  const handle = String(body.handle ?? '');
  const name = String(body.name ?? '').trim();
  const password = String(body.password ?? '');
  const again = (key) => joinForm(site)(context, t(key));
  if (!/^[a-z0-9]{3,24}$/.test(handle)) return again('handleRule');
  if (name.length < 1 || [...name].length > 40) return again('nameRule');
  if ([...password].length < 10) return again('passwordRule');
  const hash = await hashPassword(password);
  const taken = site.store.all('members').some((each) => each.handle === handle);
  if (taken) return again('handleTaken');
  const id = `m${site.store.all('members').length + 1}`;
  const hue = crypto.randomInt(360);
  const row = { id, handle, name, locale: language, hue, district: '', about: '', password: hash };
  return enter(site, context, site.store.put('members', row));
};

async function enter(site, context, found) {
  // page 3 happens by itself with the first use of the token; doing it here too gives a
  // member who only browses a name and a picture. The login does not wait for it to work.
  await site.chat.introduceAgain(found).catch((error) => site.log(`log-in: ${error.message}`));
  const answer = web.redirect(ownPath(context.body.next));
  answer.headers['set-cookie'] = site.logins.open(found, context.secure);
  return answer;
}

const logout = (site) => async (context) => {
  await site.chat.endLogin(context.login).catch((error) => site.log(`log-out: ${error.message}`));
  const answer = web.redirect('/');
  answer.headers['set-cookie'] = site.logins.close(context.login, context.secure);
  return answer;
};

const language = () => (context) => {
  const { tag } = context.params;
  if (!isLanguage(tag)) throw new HttpError(404, 'The site does not speak that language.');
  const back = URL.canParse(context.request.headers.referer)
    ? new URL(context.request.headers.referer)
    : { pathname: '/', search: '' };
  const answer = web.redirect(ownPath(back.pathname + back.search));
  answer.headers['set-cookie'] =
    `language=${tag}; Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000`;
  return answer;
};

const picture = (site) => (context) => {
  const found = site.store.get('listings', context.params.id);
  if (!found) throw new HttpError(404, 'There is no such picture.');
  return web.svg(listingPicture(found));
};

const avatar = (site) => (context) => {
  const found = site.store.get('members', context.params.id);
  if (!found) throw new HttpError(404, 'There is no such picture.');
  return web.svg(memberPicture(found));
};

const health = (site) => async () => web.json({ ok: true, chat: await site.snug.reachable() });

function asset(site, name) {
  const { body, type, version } = site.assets[name];
  const headers = {
    'content-type': type,
    'cache-control': 'public, max-age=86400',
    etag: `"${version}"`,
  };
  return { status: 200, headers, body };
}

/** Only ever back to a page of this site. */
function ownPath(path) {
  return typeof path === 'string' && /^\/(?![/\\])/.test(path) ? path : '/';
}

async function failure(site, context, error, log) {
  const trouble = chatTrouble(error, context.t);
  const known =
    error instanceof HttpError ? { status: error.status, message: error.message } : trouble;
  const { status, message } = known ?? { status: 500, message: context.t('error') };
  if (!known || trouble) log(`${context.method} ${context.path}: ${error.message}`);
  if (context.wantsJson || context.path === '/chat-token' || context.path === '/rooms') {
    return web.json({ error: message }, status);
  }
  try {
    return web.page(pages.problemPage(await viewOf(site, context), { message }), status);
  } catch {
    return web.page(html`<!doctype html><title>Second Street</title><p>${message}</p>`, status);
  }
}
