// A backend that keeps its own conversations and lets Snug carry them: the six operations of a
// bridge, access tokens, and nothing else. Plain Node (20 or newer), no packages.
//
//   node server.mjs                     first run: makes keys/private.pem and keys/public.pem
//   snug bridge enable --app app_... --url http://127.0.0.1:4000/bridge --public-key keys/public.pem
//   BRIDGE_SECRET=snug_bridge_... node server.mjs
import { Buffer } from "node:buffer";
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  randomUUID,
  sign,
  timingSafeEqual,
} from "node:crypto";
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const HOME = process.env.HOME_DIR ?? import.meta.dirname;
const SECRET = process.env.BRIDGE_SECRET ?? "";
const ACCESS_KEY = process.env.ACCESS_KEY ? Buffer.from(process.env.ACCESS_KEY, "hex") : randomBytes(32);
const TOKEN_SECONDS = 3600;
const BODY_BYTES_MAX = 256 * 1024;

// The site's own users. Agents take no part in "new conversation": customers find them.
const USERS = new Map(
  [
    { userId: "ann", displayName: "Ann", data: { role: "customer" } },
    { userId: "bob", displayName: "Bob", data: { role: "customer" } },
    { userId: "agent", displayName: "Support", data: { role: "agent" } },
  ].map((user) => [user.userId, user]),
);

// ---- keys: the private one never leaves this machine --------------------------------------
const keys = join(HOME, "keys");
if (!existsSync(join(keys, "private.pem"))) {
  mkdirSync(keys, { recursive: true, mode: 0o700 });
  const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
  writeFileSync(join(keys, "private.pem"), pair.privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
}
const privateKey = createPrivateKey(readFileSync(join(keys, "private.pem")));
const publicPem = createPublicKey(privateKey).export({ type: "spki", format: "pem" });
writeFileSync(join(keys, "public.pem"), publicPem);

if (SECRET === "") {
  console.log(`keys are in ${keys}; start again with BRIDGE_SECRET, which "snug bridge enable" prints`);
  process.exit(0);
}

const base64url = (value) => Buffer.from(value).toString("base64url");
const signed = (payload) => {
  const now = Math.floor(Date.now() / 1000);
  const claims = { ...payload, iat: now, exp: now + TOKEN_SECONDS };
  const text = `${base64url('{"alg":"RS256","typ":"JWT"}')}.${base64url(JSON.stringify(claims))}`;
  return `${text}.${sign("RSA-SHA256", Buffer.from(text), privateKey).toString("base64url")}`;
};

// ---- access tokens: encrypted, name the user, expire ---------------------------------------
const accessToken = (userId) => {
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", ACCESS_KEY, iv);
  const text = JSON.stringify({ userId, expires: Date.now() + TOKEN_SECONDS * 1000 });
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString("base64url");
};
const userOfAccessToken = (token) => {
  try {
    const bytes = Buffer.from(String(token), "base64url");
    const decipher = createDecipheriv("aes-256-gcm", ACCESS_KEY, bytes.subarray(0, 12));
    decipher.setAuthTag(bytes.subarray(12, 28));
    const text = Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString("utf8");
    const { userId, expires } = JSON.parse(text);
    return Date.now() < expires ? USERS.get(userId) : undefined;
  } catch {
    return undefined;
  }
};

// ---- the store: a log, written through to the disk before anything is answered -------------
const log = join(HOME, "threads.jsonl");
const threads = new Map(); // threadId -> { threadId, members, data, lastMessageTime, messages }
const done = new Map(); // idempotency key -> { threadId, messageId? }: the same again, the same answer
const apply = (entry) => {
  if (entry.thread) threads.set(entry.thread.threadId, { ...entry.thread, messages: [] });
  const thread = threads.get(entry.threadId ?? entry.thread.threadId);
  if (entry.message) {
    thread.messages.push(entry.message);
    thread.lastMessageTime = entry.message.creationTime;
  }
  done.set(entry.key, { threadId: thread.threadId, messageId: entry.message?.messageId });
};
if (existsSync(log)) {
  for (const line of readFileSync(log, "utf8").split("\n").filter(Boolean)) apply(JSON.parse(line));
}
const store = (entry) => {
  const file = openSync(log, "a", 0o600);
  try {
    writeSync(file, `${JSON.stringify(entry)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  apply(entry);
};

// ---- what Snug asks -------------------------------------------------------------------------
class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}
// Every answer carries a freshly signed token for its thread.
const shown = ({ messages, ...thread }) => {
  const memberIds = thread.members.map((member) => member.userId);
  return { ...thread, threadToken: signed({ threadId: thread.threadId, memberIds }) };
};
const user = (id) => USERS.get(id) ?? refuse(404, `no such user: ${id}`);
const refuse = (status, message) => {
  throw new Refused(status, message);
};
const threadOf = (body) => threads.get(body.threadId) ?? refuse(404, "no such thread");
const message = (sent, key) => ({
  messageId: randomUUID(),
  fromUserId: sent.fromUserId,
  creationTime: Math.floor(Date.now() / 1000),
  type: sent.type,
  data: sent.data,
  idempotencyKey: key,
});
const contactsOf = (me) => [...USERS.values()].filter((one) => one.userId !== me.userId);

export const operations = {
  getUserToken(body) {
    const found = userOfAccessToken(body.accessToken) ?? refuse(401, "the access token is not valid");
    return { userToken: signed(found) };
  },
  getContacts(body) {
    const me = user(body.userId);
    return me.data.role === "agent" ? [] : contactsOf(me);
  },
  getThreads(body) {
    const me = user(body.userId);
    const mine = [...threads.values()].filter((one) => one.members.some((member) => member.userId === me.userId));
    return mine.sort((a, b) => b.lastMessageTime - a.lastMessageTime).map(shown);
  },
  createThread(body) {
    const before = done.get(body.idempotencyKey);
    if (!before) {
      const members = [body.userId, ...body.contactIds].map(user);
      const thread = { threadId: randomUUID(), members, lastMessageTime: Math.floor(Date.now() / 1000), data: body.data ?? {} };
      const first = body.threadMessage && message(body.threadMessage, body.threadMessage.messageId);
      store({ key: body.idempotencyKey, thread, message: first });
    }
    const thread = threads.get(done.get(body.idempotencyKey).threadId);
    const first = thread.messages.find((one) => one.messageId === done.get(body.idempotencyKey).messageId);
    return { thread: shown(thread), messages: first ? [first] : [] };
  },
  getThread(body) {
    const thread = threadOf(body);
    return { thread: shown(thread), messages: thread.messages };
  },
  addThreadMessage(body) {
    const thread = threadOf(body);
    // The key is one of the thread's: the same key again is the same message again.
    const key = `${thread.threadId}/${body.idempotencyKey}`;
    if (!done.has(key)) {
      if (body.threadMessage.type === "text" && body.threadMessage.data.messageText === "forbidden") {
        refuse(403, "that is not said here");
      }
      store({ key, threadId: thread.threadId, message: message(body.threadMessage, body.idempotencyKey) });
    }
    const stored = thread.messages.find((one) => one.messageId === done.get(key).messageId);
    return { thread: shown(thread), threadMessage: stored };
  },
};

// ---- HTTP -----------------------------------------------------------------------------------
const bodyOf = async (request) => {
  const parts = [];
  let bytes = 0;
  for await (const part of request) {
    bytes += part.length;
    if (bytes > BODY_BYTES_MAX) refuse(413, "too large");
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString("utf8") || "{}");
  } catch {
    return refuse(400, "not JSON");
  }
};
export const door = {
  isSnug(request) {
    const given = Buffer.from(request.headers.authorization ?? "");
    const expected = Buffer.from(`Bearer ${SECRET}`);
    return given.length === expected.length && timingSafeEqual(given, expected);
  },
};
const answer = async (request) => {
  const url = new URL(request.url, "http://localhost");
  // Step 0, outside the bridge. A real site asks its own log-in who this is.
  if (request.method === "GET" && url.pathname === "/access-token") {
    return { accessToken: accessToken(user(url.searchParams.get("user")).userId) };
  }
  const operation = url.pathname.replace(/^\/bridge\//, "");
  if (request.method !== "POST" || !Object.hasOwn(operations, operation)) refuse(404, "no such operation");
  if (!door.isSnug(request)) refuse(401, "only Snug may ask");
  return operations[operation](await bodyOf(request));
};

const server = createServer(async (request, response) => {
  let status = 200;
  let body;
  try {
    body = await answer(request);
  } catch (error) {
    status = error instanceof Refused ? error.status : 500;
    body = { message: error instanceof Refused ? error.message : "internal error" };
    if (status === 500) console.error(error);
  }
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(body));
});
server.listen(Number(process.env.PORT ?? 4000), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}/bridge`);
});
