// What node:http leaves out: routes with parameters, bodies with a bound, answers as plain
// values. Knows nothing of members, listings or chat.

const BODY_BYTES = 16 * 1024;

export class HttpError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const page = (markup, status = 200) => ({
  status,
  headers: { 'content-type': 'text/html; charset=utf-8' },
  body: String(markup),
});

export const json = (value, status = 200) => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8' },
  body: JSON.stringify(value),
});

export const svg = (markup) => ({
  status: 200,
  headers: { 'content-type': 'image/svg+xml', 'cache-control': 'public, max-age=86400' },
  body: String(markup),
});

export const redirect = (location) => ({ status: 303, headers: { location }, body: '' });

/** Routes are `[method, "/path/:name", handler]`, the first match wins. */
export function compile(routes) {
  const compiled = routes.map(([method, path, handler]) => {
    const names = [];
    const source = path.replace(/:([a-z]+)/g, (_, name) => {
      names.push(name);
      return '([^/]+)';
    });
    return { method, pattern: new RegExp(`^${source.replace(/\./g, '\\.')}$`), names, handler };
  });
  return (method, path) => {
    let pathKnown = false;
    for (const route of compiled) {
      const match = route.pattern.exec(path);
      if (!match) continue;
      pathKnown = true;
      if (route.method !== method) continue;
      const params = {};
      route.names.forEach((name, index) => {
        params[name] = decode(match[index + 1]);
      });
      return { handler: route.handler, params };
    }
    throw pathKnown
      ? new HttpError(405, 'This address does not take that method.')
      : new HttpError(404, 'There is no such page.');
  };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new HttpError(400, 'The address is not well formed.');
  }
}

/** The body as one flat object of strings and string lists, from a form or from JSON. */
export async function readBody(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > BODY_BYTES) throw new HttpError(413, 'That is too much text.');
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  if (text === '') return {};
  if ((request.headers['content-type'] ?? '').startsWith('application/json')) return fromJson(text);
  const body = {};
  for (const [name, value] of new URLSearchParams(text)) {
    body[name] = name in body ? [body[name], value].flat() : value;
  }
  return body;
}

function fromJson(text) {
  try {
    const value = JSON.parse(text);
    if (value && typeof value === 'object' && !Array.isArray(value)) return value;
  } catch {
    // Falls to the refusal below: what is wrong with it is the sender's to find.
  }
  throw new HttpError(400, 'The body is not a JSON object.');
}

/**
 * A browser names the page a request comes from; a form on another site cannot forge it.
 * Together with the SameSite cookie and the token in each form this keeps posts ours.
 */
export function cameFromHere(request) {
  const site = request.headers['sec-fetch-site'];
  if (site) return site === 'same-origin';
  const origin = request.headers.origin;
  if (!origin) return false;
  try {
    return new URL(origin).host === request.headers.host;
  } catch {
    return false;
  }
}

export function cookies(request) {
  const jar = {};
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const at = part.indexOf('=');
    if (at > 0) jar[part.slice(0, at).trim()] = part.slice(at + 1).trim();
  }
  return jar;
}
